//! What a scheduler is told.

use clap::Args;

/// What a scheduler is told.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct AgainArgs {
    /// Exit with 75 instead of 130 when interrupted, and when another process holds the folder: call me again. For
    /// schedulers (docs/machines.md).
    #[arg(long)]
    pub(crate) requeue: bool,
}
