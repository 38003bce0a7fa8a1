//! Plans, run folders, logs and the training loop.
#![forbid(unsafe_code)]

mod error;
mod files;
mod folder;
mod number;
mod plan;
mod rows;
mod simulate;

pub use error::RunError;
pub use files::{NewFile, refuse_existing, write_file};
pub use folder::RunFolder;
pub use number::{CountError, parse_count};
pub use plan::{Complaint, Layer, SettingError, resolve};
pub use simulate::{Simulated, Simulation, parse_phi};
