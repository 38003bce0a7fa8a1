//! Whole episodes, each measured by itself.

use wr2l_rng::{Stream, StreamKey};
use wr2l_sim::{BatchSim, Outcome, SimError};

use crate::rollout::drive::{Script, Step};
use crate::{Actor, Player};

/// One episode to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeJob {
    /// Row of the table of dynamics under which it runs.
    pub dynamics: usize,
    /// Stream of the initial state.
    pub reset: StreamKey,
    /// Stream of the action noise (unused by deterministic episodes).
    pub action: StreamKey,
}

/// How episodes are run and scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeOptions {
    /// Draw actions from the policy, or take its mean (or most likely) action.
    pub stochastic: bool,
    /// Discount per step in the return; 1 is the undiscounted sum of rewards.
    pub discount: f64,
}

/// What an episode came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeResult {
    /// (Discounted) sum of rewards; of an episode that diverged, up to the step before.
    pub ret: f64,
    /// Steps taken.
    pub length: u32,
    /// By how much the first generalised position changed: how far a walking robot came, in m. Means nothing if the
    /// episode diverged.
    pub forward: f64,
    /// How it ended.
    pub outcome: Outcome,
}

impl EpisodeResult {
    /// An episode that has not begun.
    pub(super) const BLANK: Self = Self { ret: 0.0, length: 0, forward: 0.0, outcome: Outcome::Running };
}

/// One whole episode.
pub(super) struct EpisodeScript<'a> {
    pub(super) index: usize,
    phi: &'a [f64],
    reset: StreamKey,
    noise: Stream,
    discount: f64,
    weight: f64,
    pub(super) result: EpisodeResult,
    /// Scratch: a physical state.
    state: Vec<f64>,
    /// First generalised position at the start.
    start: f64,
}

impl<'a> EpisodeScript<'a> {
    pub(super) fn new(index: usize, job: &EpisodeJob, phi: &'a [f64], options: EpisodeOptions) -> Self {
        Self {
            index,
            phi,
            reset: job.reset,
            noise: job.action.stream(),
            discount: options.discount,
            weight: 1.0,
            result: EpisodeResult::BLANK,
            state: Vec::new(),
            start: 0.0,
        }
    }

    /// First generalised position of the lane.
    fn position(&mut self, sim: &dyn BatchSim, lane: usize) -> f64 {
        sim.state(lane, &mut self.state);
        self.state.first().copied().unwrap_or(0.0)
    }
}

impl Script for EpisodeScript<'_> {
    fn begin(&mut self, sim: &mut dyn BatchSim, lane: usize, memory: &mut [f64]) -> Result<(), SimError> {
        memory.fill(0.0);
        sim.set_dynamics(lane, self.phi)?;
        sim.reset(lane, &mut self.reset.stream());
        self.state.resize(sim.spec().state_dim(), 0.0);
        self.start = self.position(sim, lane);
        Ok(())
    }

    fn noise(&mut self, _: Player) -> &mut Stream {
        &mut self.noise
    }

    fn record(
        &mut self,
        _: &Actor,
        step: Step<'_>,
        sim: &mut dyn BatchSim,
        lane: usize,
        _: &mut [f64],
    ) -> Result<bool, SimError> {
        self.result.length += 1;
        self.result.outcome = step.outcome;
        if !matches!(step.outcome, Outcome::Diverged(_)) {
            self.result.ret += self.weight * step.reward;
            self.weight *= self.discount;
        }
        if step.outcome.is_over() {
            self.result.forward = self.position(sim, lane) - self.start;
        }
        Ok(!step.outcome.is_over())
    }
}
