//! Transitions and returns as a simulator gives them.

use std::ops::ControlFlow;

use wr2l_rl::{Actor, EpisodeJob, EpisodeOptions, Executor, StepsFrom, TransitionError, episodes_while};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::Outcome;

use crate::ball::{Ball, BallMeasure};
use crate::hessian::TransitionModel;
use crate::objective::{Look, Objective};
use crate::{BallEstimate, Pairs, RobustError};

/// One-step transitions from given state–action pairs, on the threads of [`Executor`].
///
/// States are the full physical ones, unclipped. A step that diverges is an error that names the dynamics.
///
/// Where the dynamics are stochastic, sample k of pair i is drawn with the noise number `i · samples + k`, under any z.
#[derive(Debug)]
pub struct SimulatedTransitions<'a> {
    executor: &'a mut dyn Executor,
    pairs: &'a Pairs,
    /// Every pair as often as it has samples, one after the other; empty where that is once.
    repeated: (Vec<f64>, Vec<f64>),
}

impl<'a> SimulatedTransitions<'a> {
    /// Transitions from `pairs`, simulated by `executor`.
    pub fn new(executor: &'a mut dyn Executor, pairs: &'a Pairs) -> Self {
        let (states, actions) = (executor.spec().state_dim(), executor.spec().act_dim());
        let repeated = |values: &[f64], width: usize| {
            values.chunks_exact(width).flat_map(|row| row.repeat(pairs.samples)).collect()
        };
        let repeated = match pairs.samples {
            1 => (Vec::new(), Vec::new()),
            _ => (repeated(&pairs.states, states), repeated(&pairs.actions, actions)),
        };
        Self { executor, pairs, repeated }
    }
}

impl TransitionModel for SimulatedTransitions<'_> {
    fn dim(&self) -> usize {
        self.executor.space().dim()
    }

    fn pairs(&self) -> usize {
        self.pairs.len
    }

    fn samples(&self) -> usize {
        self.pairs.samples
    }

    fn state_dim(&self) -> usize {
        self.executor.spec().state_dim()
    }

    fn weights(&self) -> &[f64] {
        &self.pairs.weights
    }

    fn next_states(&mut self, z: &[f64], out: &mut [f64]) -> Result<(), RobustError> {
        let (dim, samples) = (self.dim(), self.pairs.samples);
        let from = match samples {
            1 => self.pairs.steps(),
            _ => {
                let (states, actions) = (&self.repeated.0, &self.repeated.1);
                StepsFrom { states, actions, len: self.pairs.len * samples, first: 0 }
            }
        };
        self.executor.transitions(z, from, out).map_err(|error| match error {
            TransitionError::Sim(error) => RobustError::Sim(error),
            TransitionError::Diverged { row, pair, outcome } => RobustError::Diverged {
                z: z[row * dim..][..dim].to_vec(),
                what: format!("the step from state–action pair {} ended as {outcome:?}", pair / samples),
            },
        })
    }
}

/// J(z): the mean return of whole episodes, under the stochastic policy unless [`Self::with_stochastic`] says otherwise,
/// on the threads of [`Executor`].
///
/// All points × episodes of a call run as jobs of one rollout. Episode e of every point starts from the same state
/// and sees the same action noise, keyed by (seed, turn, draw, e).
///
/// An episode whose physics diverges has no return: the mean is over the others, as long as at least half are
/// left; otherwise the evaluation is refused. So diverging physics never looks like a bad return, which would lure
/// the adversary to broken dynamics.
#[derive(Debug)]
pub struct SimulatedReturn<'a> {
    executor: &'a mut dyn Executor,
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
        executor: &'a mut dyn Executor,
        actor: &'a Actor,
        episodes: usize,
        discount: f64,
        seed: u64,
        turn: u64,
    ) -> Self {
        let episodes = episodes.max(1);
        let options = EpisodeOptions { stochastic: true, discount };
        Self { executor, actor, episodes, options, seed, turn, simulator_steps: 0, diverged: 0, ball: None }
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
        self.executor.space().dim()
    }

    fn evaluate(&mut self, points: &[f64], draw: u64) -> Result<Vec<f64>, RobustError> {
        self.run(points, &Look::each(points.len() / self.dim(), draw), None)
    }

    fn evaluate_looks(&mut self, points: &[f64], looks: &[Look]) -> Result<Vec<f64>, RobustError> {
        self.run(points, looks, None)
    }

    fn simulator_steps(&self) -> u64 {
        self.simulator_steps
    }
}

impl SimulatedReturn<'_> {
    /// [`Objective::evaluate_looks`], which `go_on` may stop every so many episodes.
    ///
    /// # Errors
    /// As [`Objective::evaluate`]; [`SimError::Interrupted`](wr2l_sim::SimError::Interrupted) if `go_on` broke.
    pub fn evaluate_while(
        &mut self,
        points: &[f64],
        looks: &[Look],
        go_on: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Vec<f64>, RobustError> {
        self.run(points, looks, Some(go_on))
    }

    fn run(
        &mut self,
        points: &[f64],
        looks: &[Look],
        go_on: Option<&mut dyn FnMut() -> ControlFlow<()>>,
    ) -> Result<Vec<f64>, RobustError> {
        let (dim, episodes) = (self.dim(), self.episodes);
        let fitted;
        let points = match self.ball {
            Some((estimate, ball)) if ball.measure() == BallMeasure::Measured => {
                fitted = estimate.fit(self.executor, ball, points)?;
                self.simulator_steps += fitted.simulator_steps;
                &fitted.points
            }
            _ => points,
        };
        let key = |purpose, draw, episode: usize| {
            StreamKey::new(self.seed, purpose).iteration(self.turn).lane(draw).episode(episode as u64)
        };
        let jobs: Vec<_> = looks
            .iter()
            .flat_map(|look| (0..episodes).map(move |episode| (look, episode)))
            .map(|(look, episode)| EpisodeJob {
                dynamics: look.point,
                reset: key(Purpose::ReturnReset, look.draw, episode),
                action: key(Purpose::ReturnAction, look.draw, episode),
            })
            .collect();
        let results = match go_on {
            None => self.executor.episodes(self.actor, points, &jobs, self.options)?,
            Some(go_on) => episodes_while(self.executor, self.actor, points, &jobs, self.options, go_on)?,
        };
        let mut values = Vec::with_capacity(results.len() / episodes);
        for (look, results) in looks.iter().zip(results.chunks_exact(episodes)) {
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
                    z: points[look.point * dim..][..dim].to_vec(),
                    what: format!("{} of {episodes} episodes diverged", episodes - sound),
                });
            }
            values.push(sum / sound as f64);
        }
        Ok(values)
    }
}
