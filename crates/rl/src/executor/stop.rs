//! How long work is asked to stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use wr2l_sim::SimError;

/// How long an update may go on after it was asked to stop. Batch systems kill 30 s after they ask, many containers after
/// 10: what is left is for the checkpoint.
const PATIENCE: Duration = Duration::from_secs(8);

/// A flag that long work looks at between its pieces. Clones are one and the same flag.
#[derive(Clone, Debug)]
pub struct StopFlag {
    raised: Arc<AtomicBool>,
    /// Since when it is known to be raised.
    noticed: Arc<OnceLock<Instant>>,
    patience: Duration,
}

impl Default for StopFlag {
    /// A flag that is not raised. An update may go on for 8 s once it is.
    fn default() -> Self {
        Self { raised: Arc::default(), noticed: Arc::default(), patience: PATIENCE }
    }
}

impl StopFlag {
    /// The same flag with another patience: how long an update that has begun may go on once it is raised.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Asks whoever holds a clone to stop.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for whoever can raise no other: a handler of signals.
    pub fn shared(&self) -> Arc<AtomicBool> {
        self.raised.clone()
    }

    /// Whether it was asked to stop.
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    /// Goes on, or not.
    ///
    /// # Errors
    /// [`SimError::Interrupted`] once the flag is raised.
    pub fn check(&self) -> Result<(), SimError> {
        if self.is_raised() { Err(SimError::Interrupted) } else { Ok(()) }
    }

    /// Goes on, or not, for work that is lost unless it is completed: it goes on for as long as the patience lasts. To be
    /// asked often, because patience begins when somebody asks.
    ///
    /// # Errors
    /// [`SimError::Interrupted`] once the flag is raised and the patience is at its end.
    pub fn check_patience(&self) -> Result<(), SimError> {
        if !self.is_raised() {
            return Ok(());
        }
        let noticed = self.noticed.get_or_init(Instant::now);
        if noticed.elapsed() < self.patience { Ok(()) } else { Err(SimError::Interrupted) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_is_raised_ends_work_that_can_be_repeated_at_once_and_an_update_when_patience_ends() {
        let patient = StopFlag::default();
        let impatient = patient.clone().with_patience(Duration::ZERO);
        for flag in [&patient, &impatient] {
            assert!(flag.check().is_ok() && flag.check_patience().is_ok(), "nobody has asked");
        }
        patient.raise();
        assert!(patient.check().is_err() && patient.check_patience().is_ok());
        assert!(impatient.check().is_err() && impatient.check_patience().is_err());
    }
}
