//! The commands: each turns what was typed into a request to the libraries, and their answer into text.

mod ad_hoc;
pub(crate) mod ball;
pub(crate) mod bench;
pub(crate) mod certify;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod evaluate;
pub(crate) mod film;
pub(crate) mod inspect;
pub(crate) mod report;
pub(crate) mod reproduce;
pub(crate) mod resume;
pub(crate) mod simulate;
pub(crate) mod sweep;
pub(crate) mod tasks;
pub(crate) mod train;
mod training;
pub(crate) mod video;

use wr2l::run::{RunError, TaskRef};

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Done {
    /// It did all it was asked to.
    Completely,
    /// It was interrupted and stopped cleanly.
    Interrupted,
}

/// The number of threads asked for, or one per core.
fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The task of this name, or in this file.
fn open_task(name: &str) -> Result<TaskRef, RunError> {
    TaskRef::open(name).map_err(RunError::Usage)
}
