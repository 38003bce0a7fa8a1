//! Prepares MuJoCo on first use: the right version, and a handler for what it has to say.
#![allow(unsafe_code)]

use std::sync::OnceLock;

use mujoco_rs::logging::set_log_handler;
use mujoco_rs::prelude::{MjLogMessage, MjtLogLevel, log_config, set_log_config};

use crate::SimError;

/// The version whose behaviour the tasks are tested against.
const VERSION: &str = "3.17.0";

/// Checks MuJoCo's version and installs a handler for what it logs, once per process. Everything that touches MuJoCo comes
/// after a call of this.
///
/// # Errors
/// [`SimError::Version`], if the linked library is of another version.
pub fn prepare() -> Result<(), SimError> {
    static PREPARED: OnceLock<Result<(), SimError>> = OnceLock::new();
    PREPARED
        .get_or_init(|| {
            let found = mujoco_rs::mujoco_version();
            if found != VERSION {
                return Err(SimError::Version { found: found.to_owned(), expected: VERSION });
            }
            // MuJoCo's own handler prints to the terminal and appends to MUJOCO_LOG.TXT in the current
            // directory. Warnings are read from the data after every step, so nothing is lost.
            // SAFETY: the lock admits one thread, before any other of this crate may use MuJoCo.
            unsafe {
                set_log_handler(print_errors);
                // The handler's installation enables every informational topic; they cost time and go nowhere.
                set_log_config(log_config().with_topics(0));
            }
            Ok(())
        })
        .clone()
}

/// MuJoCo ends the process after an error, so this is the only chance to say why.
fn print_errors(message: &MjLogMessage) {
    if message.level() == MjtLogLevel::mjLOG_ERROR {
        eprintln!("MuJoCo: {}", message.subject());
    }
}
