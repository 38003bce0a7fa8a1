//! How long work is asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wr2l_sim::SimError;

/// A flag that long work looks at between its pieces. Clones are one and the same flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks whoever holds a clone to stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for whoever can raise no other: a handler of signals.
    pub fn shared(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }

    /// Whether it was asked to stop.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Goes on, or not.
    ///
    /// # Errors
    /// [`SimError::Interrupted`] once the flag is raised.
    pub fn check(&self) -> Result<(), SimError> {
        if self.is_raised() { Err(SimError::Interrupted) } else { Ok(()) }
    }
}
