//! Checkpoints: everything that determines how a run goes on, in files that are whole or recognised as damaged.

mod file;
mod keep;
mod kept;

pub use file::{CheckpointError, read_checkpoint};
pub(crate) use file::{Header, is_checkpoint, read};
pub use keep::Keep;
pub(crate) use kept::Checkpoints;
