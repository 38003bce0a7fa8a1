//! Errors as Python sees them: our sentences in exceptions of the module `wr2l._errors`.

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use wr2l::eval::{CsvError, EvaluationError};
use wr2l::run::{RunError, SettingError};
use wr2l::sim::{SimError, SpaceError};

/// An exception of `wr2l._errors`. If even that cannot be made, the reason why.
fn exception(class: &str, text: &str) -> PyErr {
    Python::attach(|py| {
        let made =
            py.import("wr2l._errors").and_then(|module| module.getattr(class)).and_then(|c| c.call1((text,)));
        match made {
            Ok(instance) => PyErr::from_value(instance),
            Err(error) => error,
        }
    })
}

/// `UsageError`, a `ValueError`: what was asked for makes no sense.
pub(crate) fn usage(text: impl AsRef<str>) -> PyErr {
    exception("UsageError", text.as_ref())
}

/// `SimulationError`, a `RuntimeError`: the physics or the learning broke down.
pub(crate) fn broken(text: impl AsRef<str>) -> PyErr {
    exception("SimulationError", text.as_ref())
}

/// `FileError`, an `OSError`: a file could not be read, written or understood.
pub(crate) fn file(text: impl AsRef<str>) -> PyErr {
    exception("FileError", text.as_ref())
}

pub(crate) fn of_space(error: SpaceError) -> PyErr {
    usage(error.to_string())
}

pub(crate) fn of_sim(error: SimError) -> PyErr {
    match error {
        SimError::Interrupted => PyKeyboardInterrupt::new_err(()),
        SimError::Threads { .. } | SimError::Executor { .. } => broken(error.to_string()),
        _ => usage(error.to_string()),
    }
}

pub(crate) fn of_setting(error: SettingError) -> PyErr {
    of_run(error.into())
}

pub(crate) fn of_csv(error: CsvError) -> PyErr {
    file(error.to_string())
}

pub(crate) fn of_run(error: RunError) -> PyErr {
    let text = error.to_string();
    match error {
        error if error.is_interruption() => PyKeyboardInterrupt::new_err(()),
        RunError::Stopped { error, .. } if matches!(*error, RunError::Guard { .. }) => broken(text),
        RunError::Io { .. }
        | RunError::Content { .. }
        | RunError::Exists { .. }
        | RunError::Unfinished { .. }
        | RunError::InUse { .. }
        | RunError::Table(_)
        | RunError::Stopped { .. }
        | RunError::State { .. } => file(text),
        error if error.is_usage() => usage(text),
        _ => broken(text),
    }
}

pub(crate) fn of_evaluation(error: EvaluationError) -> PyErr {
    match error {
        EvaluationError::Interrupted { .. } => PyKeyboardInterrupt::new_err(()),
        EvaluationError::Sim(error) => of_sim(error),
        EvaluationError::NoEpisode | EvaluationError::Policy { .. } | EvaluationError::Parameters { .. } => {
            usage(error.to_string())
        }
        error => broken(error.to_string()),
    }
}
