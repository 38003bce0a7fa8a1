//! What the options of all players have in common: they are read from a table, written to one, and described in words.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Options of some player, whichever.
pub(crate) trait Options: Debug + Send + Sync + 'static {
    /// Every option with its value, by the key within the player's section.
    fn table(&self) -> Table;
}

impl<T: Serialize + Debug + Send + Sync + 'static> Options for T {
    fn table(&self) -> Table {
        Table::try_from(self).expect("options have string keys and no number beyond TOML's")
    }
}

/// One or several options that go together, in words: a line of the table in `docs/methods`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// Keys within the section; one that ends in `.*` stands for all that begin so.
    pub(crate) keys: &'static [&'static str],
    /// What they mean.
    pub(crate) meaning: &'static str,
    /// Values that are usual, or the range.
    pub(crate) usual: &'static str,
}

/// Options that a player does not read, as its others are.
#[derive(Clone, Debug)]
pub(crate) struct Unread {
    /// Keys within the section, with all below them.
    pub(crate) keys: &'static [&'static str],
    /// Who would read them: what "only … does" is said of.
    pub(crate) reader: String,
}

impl Unread {
    /// That `reader` alone would read `keys`.
    pub(crate) fn but_for(keys: &'static [&'static str], reader: impl Into<String>) -> Self {
        Self { keys, reader: reader.into() }
    }
}

/// A value that makes no sense.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mistake {
    /// Key within the section; empty for the section as a whole.
    pub(crate) key: String,
    /// What is wrong and what would be valid.
    pub(crate) message: String,
}

impl Mistake {
    /// A mistake in `key`.
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

/// A table that is not one of options: serde's words, and the path within the table that they are about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unreadable {
    pub(crate) path: String,
    pub(crate) message: String,
}

/// Reads options, or anything else, from TOML.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Unreadable> {
    serde_path_to_error::deserialize(value).map_err(|error| Unreadable {
        path: error.path().to_string(),
        message: error.into_inner().message().trim_end().to_owned(),
    })
}

/// What version 0.1 and later ones did before an option existed, by its dotted key in a plan. Nothing, for options that came
/// together with who reads them.
pub(crate) type Since = Vec<(&'static str, Option<Value>)>;

/// Values that a player wants of a plan, by dotted keys.
pub(crate) type Wanted = Vec<(&'static str, Value)>;

/// The sum of squares of the widths of hidden layers: about the numbers that their weights are.
pub(crate) fn squares(hidden: &[usize]) -> f64 {
    hidden.iter().map(|&width| (width as f64).powi(2)).sum()
}
