//! What Python raised amid work of ours.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use wr2l::rl::StopFlag;

/// What a Python function raised; kept aside, because no error of ours can hold it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raised {
    first: Arc<Mutex<Option<PyErr>>>,
    /// Raised with it, so that the work stops.
    stop: Option<StopFlag>,
}

impl Raised {
    /// One that stops the work that looks at `stop`.
    pub(crate) fn stopping(stop: StopFlag) -> Self {
        Self { first: Arc::default(), stop: Some(stop) }
    }

    /// Keeps the first error.
    pub(crate) fn put(&self, error: PyErr) {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        if let Some(stop) = &self.stop {
            stop.raise();
        }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(crate) fn take(&self) -> Option<PyErr> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
