//! Checkpoints: everything that determines how a run goes on, in files that are whole or recognised as damaged.

mod file;
mod kept;

pub(crate) use file::Header;
pub use file::{CheckpointError, read_checkpoint};
pub(crate) use kept::Checkpoints;
