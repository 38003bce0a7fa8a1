//! What a run tells whoever watches it.

use serde::{Deserialize, Serialize};
use wr2l_rl::Improvement;
use wr2l_robust::adversary::Report;

use crate::formats::ball_file::BallSummary;

/// Where a run stands after an iteration.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Iterations done.
    pub iteration: u64,
    /// Policy steps done.
    pub steps: u64,
    /// Policy steps to do.
    pub budget: u64,
    /// Steps of the simulator, those of the adversary included.
    pub simulator_steps: u64,
    /// Episodes finished in training.
    pub episodes: u64,
    /// Mean return of the last hundred episodes; NaN before the first.
    pub recent_return: f64,
    /// Episodes whose physics diverged, so far.
    pub diverged: u64,
    /// Seconds of training, over all processes that had a part in it.
    pub seconds: f64,
}

/// What an adversary's turn came to.
#[derive(Clone, Debug)]
pub struct TurnDone {
    /// Number of the turn, from 0.
    pub turn: u64,
    /// Policy steps done before it.
    pub steps: u64,
    /// The chosen dynamics in physical units, if all episodes share them; of several the worst that the turn found.
    pub phi: Option<Vec<f64>>,
    /// What led to them.
    pub report: Report,
    /// Simulator steps that it took.
    pub simulator_steps: u64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Watches a run. What it does not ask for goes unnoticed; `()` watches nothing.
pub trait Observer {
    /// The ball is known, before the first iteration. Not called for the adversary `nominal`, nor for a run that goes on
    /// in the same ball.
    fn ball(&mut self, _ball: &BallSummary) {}
    /// The adversary has taken a turn. Not called for the adversary `nominal`.
    fn turn(&mut self, _turn: &TurnDone) {}
    /// An iteration is done.
    fn iteration(&mut self, _progress: &Progress, _improvement: &Improvement) {}
    /// Something that should not be passed over, in a sentence.
    fn warning(&mut self, _text: &str) {}
}

impl Observer for () {}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The step budget is spent.
    Budget,
    /// The policy's entropy fell below the plan's threshold.
    Entropy,
    /// It was asked to stop.
    Interrupted,
}

impl Ending {
    /// A word for tables, the one in `summary.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Entropy => "entropy",
            Self::Interrupted => "interrupted",
        }
    }
}
