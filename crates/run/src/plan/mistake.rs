//! Mistakes in settings.

use thiserror::Error;

/// A mistake in a setting: where it is, what is wrong, what would be right.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SettingError {
    /// An experiment file could not be read.
    #[error("cannot read `{path}`: {reason}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// A file or value is not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// File and line, or the argument.
        place: String,
        /// What the TOML parser said.
        message: String,
    },
    /// No layer names a task.
    #[error(
        "no task: name one, for example `wr2l train hopper`, or `task = \"hopper\"` in the experiment file{}",
        .instead.as_ref().map_or_else(String::new, |key| format!(" (`{key}` is no key)"))
    )]
    NoTask {
        /// A key at the top that no plan has, and that may have been meant to.
        instead: Option<String>,
    },
    /// A key that does not exist, or a value that its key does not accept.
    #[error("{place}: `{key}`: {message}")]
    Key {
        /// File and line, or the argument.
        place: String,
        /// Dotted key, e.g. `ppo.learning_rate`.
        key: String,
        /// What is wrong and what would be valid.
        message: String,
    },
}
