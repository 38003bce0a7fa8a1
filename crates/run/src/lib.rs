//! Plans, run folders, logs and the training loop.
#![forbid(unsafe_code)]

mod error;
mod files;
mod folder;
mod number;
mod plan;

pub use error::RunError;
pub use files::{NewFile, refuse_existing, write_file};
pub use folder::RunFolder;
pub use number::{NumberError, parse_count, parse_number};
pub use plan::{Complaint, Layer, SettingError, resolve};
