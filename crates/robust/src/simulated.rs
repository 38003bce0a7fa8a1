//! Transitions and returns as a simulator gives them.

use wr2l_rl::{Actor, EpisodeJob, EpisodeOptions, Workers};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{BatchSim, Outcome, Sim, SimError};

use crate::ball::Ball;
use crate::config::BallMeasure;
use crate::hessian::TransitionModel;
use crate::objective::Objective;
use crate::{BallEstimate, Pairs, RobustError};

/// One-step transitions from given state–action pairs, on the threads of [`Workers`].
///
/// States are the full physical ones, unclipped. A step that diverges is an error that names the dynamics.
#[derive(Debug)]
pub struct SimulatedTransitions<'a> {
    workers: &'a mut Workers,
    pairs: &'a Pairs,
}

/// Pairs that one piece of work simulates under one z: small enough to share a single z among threads.
const BLOCK: usize = 64;

impl<'a> SimulatedTransitions<'a> {
    /// Transitions from `pairs`, simulated by `workers`.
    pub fn new(workers: &'a mut Workers, pairs: &'a Pairs) -> Self {
        Self { workers, pairs }
    }
}

impl TransitionModel for SimulatedTransitions<'_> {
    fn dim(&self) -> usize {
        self.workers.space().dim()
    }

    fn pairs(&self) -> usize {
        self.pairs.len
    }

    fn state_dim(&self) -> usize {
        self.workers.spec().state_dim()
    }

    fn weights(&self) -> &[f64] {
        &self.pairs.weights
    }

    fn next_states(&mut self, z: &[f64], out: &mut [f64]) -> Result<(), RobustError> {
        let (dim, state_dim, pairs) = (self.dim(), self.state_dim(), self.pairs);
        let rows = z.len() / dim;
        let mut phi = vec![0.0; z.len()];
        for (z, phi) in z.chunks_exact(dim).zip(phi.chunks_exact_mut(dim)) {
            self.workers.space().checked_physical_into(z, phi).map_err(SimError::from)?;
        }
        let blocks = pairs.len.div_ceil(BLOCK);
        let stop = self.workers.stop_flag().clone();
        let pieces = self.workers.map(rows * blocks, |i, sim| {
            stop.check()?;
            let (row, block) = (i / blocks, i % blocks);
            let range = block * BLOCK..((block + 1) * BLOCK).min(pairs.len);
            step_pairs(sim, &phi[row * dim..][..dim], pairs, range)
        });
        for (i, piece) in pieces.into_iter().enumerate() {
            let (row, block) = (i / blocks, i % blocks);
            let piece = piece.map_err(|failure| match failure {
                StepFailure::Sim(error) => RobustError::Sim(error),
                StepFailure::Diverged { pair, outcome } => RobustError::Diverged {
                    z: z[row * dim..][..dim].to_vec(),
                    what: format!("the step from state–action pair {pair} ended as {outcome:?}"),
                },
            })?;
            let at = (row * pairs.len + block * BLOCK) * state_dim;
            out[at..at + piece.len()].copy_from_slice(&piece);
        }
        Ok(())
    }
}

/// Why a block of pairs was not simulated to its end.
enum StepFailure {
    Sim(SimError),
    Diverged { pair: usize, outcome: Outcome },
}

impl From<SimError> for StepFailure {
    fn from(error: SimError) -> Self {
        Self::Sim(error)
    }
}

/// Next states of the pairs in `range` under the physical dynamics `phi`, as many lanes at a time as there are.
fn step_pairs(
    sim: &mut Sim,
    phi: &[f64],
    pairs: &Pairs,
    range: std::ops::Range<usize>,
) -> Result<Vec<f64>, StepFailure> {
    let (lanes, state_dim, act_dim) = (sim.lanes(), sim.spec().state_dim(), sim.spec().act_dim());
    let used = lanes.min(range.len());
    for lane in 0..used {
        sim.set_dynamics(lane, phi)?;
    }
    let mut next = vec![0.0; range.len() * state_dim];
    let mut actions = vec![0.0; lanes * act_dim];
    let mut active = vec![false; lanes];
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    for first in range.clone().step_by(lanes) {
        let here = lanes.min(range.end - first);
        active.fill(false);
        for lane in 0..here {
            let pair = first + lane;
            sim.set_state(lane, &pairs.states[pair * state_dim..][..state_dim])?;
            actions[lane * act_dim..][..act_dim].copy_from_slice(&pairs.actions[pair * act_dim..][..act_dim]);
            active[lane] = true;
        }
        sim.step(&actions, &active, &mut rewards, &mut outcomes);
        for lane in 0..here {
            let pair = first + lane;
            if let outcome @ Outcome::Diverged(_) = outcomes[lane] {
                return Err(StepFailure::Diverged { pair, outcome });
            }
            sim.state(lane, &mut next[(pair - range.start) * state_dim..][..state_dim]);
        }
    }
    Ok(next)
}

/// J(z): the mean return of whole episodes, under the stochastic policy unless [`Self::with_stochastic`] says otherwise,
/// on the threads of [`Workers`].
///
/// All points × episodes of a call run as jobs of one rollout. Episode e of every point starts from the same state
/// and sees the same action noise, keyed by (seed, turn, draw, e).
///
/// An episode whose physics diverges has no return: the mean is over the others, as long as at least half are
/// left; otherwise the evaluation is refused. So diverging physics never looks like a bad return, which would lure
/// the adversary to broken dynamics.
#[derive(Debug)]
pub struct SimulatedReturn<'a> {
    workers: &'a mut Workers,
    actor: &'a Actor,
    episodes: usize,
    options: EpisodeOptions,
    seed: u64,
    turn: u64,
    simulator_steps: u64,
    diverged: u64,
    /// Whose points those of the Taylor form stand for.
    ball: Option<(&'a BallEstimate, &'a Ball)>,
}

impl<'a> SimulatedReturn<'a> {
    /// The return of `actor`, averaged over `episodes` (at least 1) with rewards discounted by `discount` per step
    /// (1: what evaluation measures), in the adversary's turn number `turn`.
    pub fn new(
        workers: &'a mut Workers,
        actor: &'a Actor,
        episodes: usize,
        discount: f64,
        seed: u64,
        turn: u64,
    ) -> Self {
        let episodes = episodes.max(1);
        let options = EpisodeOptions { stochastic: true, discount };
        Self { workers, actor, episodes, options, seed, turn, simulator_steps: 0, diverged: 0, ball: None }
    }

    /// The same with drawn actions, or with the policy's mean actions (`false`).
    #[must_use]
    pub fn with_stochastic(mut self, stochastic: bool) -> Self {
        self.options.stochastic = stochastic;
        self
    }

    /// The same, but J of a point of the Taylor form of `ball` is the return at the point of the ball that it corresponds to
    /// ([`BallEstimate::fit`]).
    #[must_use]
    pub fn in_ball(mut self, estimate: &'a BallEstimate, ball: &'a Ball) -> Self {
        self.ball = Some((estimate, ball));
        self
    }

    /// Episodes that diverged so far.
    pub fn diverged(&self) -> u64 {
        self.diverged
    }
}

impl Objective for SimulatedReturn<'_> {
    fn dim(&self) -> usize {
        self.workers.space().dim()
    }

    fn evaluate(&mut self, points: &[f64], draw: u64) -> Result<Vec<f64>, RobustError> {
        let (dim, episodes) = (self.dim(), self.episodes);
        let fitted;
        let points = match self.ball {
            Some((estimate, ball)) if ball.measure() == BallMeasure::Measured => {
                fitted = estimate.fit(self.workers, ball, points)?;
                self.simulator_steps += fitted.simulator_steps;
                &fitted.points
            }
            _ => points,
        };
        let key = |purpose, episode: usize| {
            StreamKey::new(self.seed, purpose).iteration(self.turn).lane(draw).episode(episode as u64)
        };
        let jobs: Vec<_> = (0..points.len() / dim * episodes)
            .map(|i| EpisodeJob {
                dynamics: i / episodes,
                reset: key(Purpose::ReturnReset, i % episodes),
                action: key(Purpose::ReturnAction, i % episodes),
            })
            .collect();
        let results = self.workers.episodes(self.actor, points, &jobs, self.options)?;
        let mut values = Vec::with_capacity(points.len() / dim);
        for (row, results) in results.chunks_exact(episodes).enumerate() {
            let (mut sum, mut sound) = (0.0, 0);
            for result in results {
                self.simulator_steps += u64::from(result.length);
                if matches!(result.outcome, Outcome::Diverged(_)) {
                    self.diverged += 1;
                } else {
                    sum += result.ret;
                    sound += 1;
                }
            }
            if 2 * sound < episodes {
                return Err(RobustError::Diverged {
                    z: points[row * dim..][..dim].to_vec(),
                    what: format!("{} of {episodes} episodes diverged", episodes - sound),
                });
            }
            values.push(sum / sound as f64);
        }
        Ok(values)
    }

    fn simulator_steps(&self) -> u64 {
        self.simulator_steps
    }
}
