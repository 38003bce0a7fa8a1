//! What a run came to.

use crate::formats::ball_file::BallSummary;
use crate::training::counters::Counters;
use crate::training::watch::{Ending, Progress};

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// How it ended.
    pub ending: Ending,
    /// Where it ended.
    pub last: Progress,
    /// Iterations that its newest checkpoint holds: fewer than were done only if an update was given up.
    pub saved: u64,
    /// Policy steps and mean return of the episodes that ended in each iteration that had any.
    pub curve: Vec<(f64, f64)>,
    /// Checkpoints that this process wrote, the policy file included.
    pub checkpoints: u64,
    /// Seconds that they took.
    pub checkpoint_seconds: f64,
    /// The ball that it trained in, if it did.
    pub ball: Option<BallSummary>,
    pub(crate) course: Counters,
}
