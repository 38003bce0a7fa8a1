//! What can go wrong in a run, sorted by whose fault it is.

use std::path::Path;

use thiserror::Error;
use wr2l_eval::{CsvError, NumberError, RegionError, SweepError};
use wr2l_report::FigureError;
use wr2l_rl::{RlError, StateError};
use wr2l_robust::RobustError;
use wr2l_sim::{SimError, SpaceError};

use crate::plan::mistake::SettingError;

/// Why a run, or a command on runs, stopped.
#[derive(Debug, Error)]
pub enum RunError {
    /// A setting was refused.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A dynamics parameter was refused.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A number could not be read.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A sweep was refused.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// Random systems could not be drawn.
    #[error(transparent)]
    Region(#[from] RegionError),
    /// Learning failed.
    #[error(transparent)]
    Learning(RlError),
    /// The ball or the adversary failed.
    #[error(transparent)]
    Robust(RobustError),
    /// A table could not be written.
    #[error(transparent)]
    Table(#[from] CsvError),
    /// A figure could not be drawn.
    #[error(transparent)]
    Figure(#[from] FigureError),
    /// A task, physics or model was refused.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// A request that makes no sense, other than a setting.
    #[error("{0}")]
    Usage(String),
    /// Something is there already.
    #[error("`{path}` exists already{detail}")]
    Exists {
        /// The file or folder.
        path: String,
        /// What about it, empty or starting with a separator.
        detail: &'static str,
    },
    /// A run is there already that could go on.
    #[error("`{path}` holds a run that is not finished")]
    Unfinished {
        /// The run folder.
        path: String,
    },
    /// Another process trains in a run folder.
    #[error("`{path}` is in use: another process is training in it")]
    InUse {
        /// The run folder.
        path: String,
    },
    /// Numbers that must be finite were not.
    #[error("{what}: training stopped in iteration {iteration}")]
    Guard {
        /// What was seen.
        what: String,
        /// The iteration, from 1 as in `metrics.csv`.
        iteration: u64,
    },
    /// Training stopped because of an error; what was done before is kept.
    #[error(
        "{error}\nthe run is kept as it was after iteration {iteration}; `wr2l resume {run}` goes on from there"
    )]
    Stopped {
        /// The error.
        error: Box<RunError>,
        /// The iterations that the last checkpoint holds.
        iteration: u64,
        /// The run folder.
        run: String,
    },
    /// The plan is not the one that the run was begun with.
    #[error("the plan has changed since the run stopped:\n{differences}")]
    ChangedPlan {
        /// A line for each key.
        differences: String,
    },
    /// A run folder holds a run of another plan than the one asked for.
    #[error("`{path}` holds a run of another plan; what it has → what is asked for:\n{differences}")]
    OtherPlan {
        /// The run folder.
        path: String,
        /// A line for each key.
        differences: String,
    },
    /// A checkpoint does not fit the plan.
    #[error("the checkpoint `{path}` does not fit the plan: {error}")]
    State {
        /// The checkpoint.
        path: String,
        /// What does not fit.
        error: StateError,
    },
    /// The system refused to read or write.
    #[error("cannot {action} `{path}`: {reason}")]
    Io {
        /// `read`, `write`, `create`, `remove`, …
        action: &'static str,
        /// The file or folder.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The content of an input file is wrong.
    #[error("{place}: {reason}")]
    Content {
        /// File, and line where there is one.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// It was asked to stop, and did.
    #[error("{0}")]
    Interrupted(String),
    /// Another program that was started did not do its work.
    #[error("{0}")]
    Failed(String),
    /// The physics broke down where a result was asked for.
    #[error("{0}")]
    Diverged(String),
}

impl From<RlError> for RunError {
    fn from(error: RlError) -> Self {
        match error {
            RlError::Sim(error) => Self::Sim(error),
            other => Self::Learning(other),
        }
    }
}

impl From<RobustError> for RunError {
    fn from(error: RobustError) -> Self {
        match error {
            RobustError::Sim(error) => Self::Sim(error),
            other => Self::Robust(other),
        }
    }
}

impl RunError {
    /// Whether this is a request to stop that was followed.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted(_) | Self::Sim(SimError::Interrupted))
    }

    /// A refusal of the system to `action` the file at `path`.
    pub fn io(action: &'static str, path: &Path, error: &std::io::Error) -> Self {
        Self::Io { action, path: path.display().to_string(), reason: error.to_string() }
    }

    /// Wrong content of the file at `path`, at a line (counted from 1) if known.
    pub fn content(path: &Path, line: Option<usize>, reason: impl Into<String>) -> Self {
        let place = match line {
            Some(line) => format!("{}, line {line}", path.display()),
            None => path.display().to_string(),
        };
        Self::Content { place, reason: reason.into() }
    }

    /// Whether the request itself was wrong (exit code 2), rather than its execution (exit code 1).
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Setting(SettingError::Read { .. }) | Self::Io { .. } | Self::Diverged(_) => false,
            Self::Interrupted(_) | Self::InUse { .. } | Self::Failed(_) | Self::Guard { .. } => false,
            Self::Stopped { .. } | Self::State { .. } => false,
            Self::Sim(SimError::Interrupted | SimError::Executor { .. }) => false,
            Self::Sim(SimError::Model { .. }) | Self::Content { .. } => false,
            Self::Robust(RobustError::NoStates) => true,
            Self::Learning(_) | Self::Robust(_) | Self::Table(_) | Self::Figure(_) => false,
            Self::Setting(_) | Self::Space(_) | Self::Number(_) | Self::Sim(_) | Self::Sweep(_) => true,
            Self::Usage(_) | Self::Exists { .. } | Self::Unfinished { .. } | Self::ChangedPlan { .. } => true,
            Self::OtherPlan { .. } | Self::Region(_) => true,
        }
    }

    /// What to try next, if there is something to say beyond the error.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Exists { .. } => Some("choose another path with -o, or replace it with --force"),
            Self::Unfinished { .. } => {
                Some("`wr2l resume RUN` goes on with it; -o chooses another path, --force replaces it")
            }
            Self::Stopped { error, .. } if matches!(**error, Self::Guard { .. }) => Some(
                "undisturbed it would come to the same again: change plan.toml (a lower learning rate, say) and resume with \
                 --accept-changed-plan",
            ),
            Self::ChangedPlan { .. } => Some(
                "go on with the changed plan with --accept-changed-plan, or put plan.toml back as it was; \
                 what was trained so far stays in either case",
            ),
            Self::OtherPlan { .. } => {
                Some("choose another folder with -o, or replace the run with --force instead of --resume")
            }
            Self::Space(SpaceError::Unknown { .. }) => {
                Some("`wr2l tasks TASK` lists the parameters of a task")
            }
            Self::Sim(SimError::Unknown { .. }) => Some("`wr2l tasks` lists the tasks"),
            _ => None,
        }
    }
}
