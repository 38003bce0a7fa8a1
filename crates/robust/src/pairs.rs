//! State–action pairs at which transitions are compared (Eq. 7 and the text below it).

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, Executor, StepsFrom, Trajectory};
use wr2l_rng::{Purpose, StreamKey};

use crate::RobustError;
use crate::error::{check_fraction, check_positive, check_share};

/// State–action pairs drawn from trajectories of the reference dynamics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pairs {
    /// Full physical states, qpos then qvel, unclipped (`[len, state_dim]`).
    pub states: Vec<f64>,
    /// Actions (`[len, act_dim]`).
    pub actions: Vec<f64>,
    /// Number of pairs.
    pub len: usize,
    /// Simulator steps that collecting them took.
    pub simulator_steps: u64,
    /// How much each pair counts in W (`[len]`, mean 1 over many samples); empty if all count alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
    /// Next states that are drawn for each pair where the dynamics are stochastic ([`PairsConfig::samples`]).
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub samples: usize,
}

fn one() -> usize {
    1
}

fn is_one(samples: &usize) -> bool {
    *samples == 1
}

/// How pairs are collected, and how many.
///
/// The distance of a pair whose next state lies at the edge of a hard contact is a thousand times the average, and one
/// in some thousand pairs does. So H₀ is averaged over as many pairs as its error needs, which is a matter of a second, and
/// `count` of them, drawn with a preference for those that count and weighted accordingly, are kept to measure W with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairsConfig {
    /// Pairs at which W is measured. Usual: 1000 to 4000.
    pub count: usize,
    /// Transitions of the reference over which H₀ is averaged, at least. Usual: 10 times `count`.
    pub pool: usize,
    /// Relative error of every parameter's half-width at which H₀ is good enough; in [0, 1). Usual: 0.01 to 0.05. With 0, as in
    /// version 0.1, H₀ is the plain mean over just `count` pairs, drawn from `pool` transitions, each with the same
    /// chance: on the Hopper a half-width then differs by a quarter from seed to seed.
    pub target_error: f64,
    /// Simulator steps after which H₀ is taken as it is, whatever its error. Usual: 1e6 to 1e7; a million takes a second
    /// or two.
    pub most_steps: usize,
    /// The most that a single pair may make up of any parameter's curvature, in (0, 1]; 1 for no limit. Usual: 0.003 to
    /// 0.03. W is then the mean over pairs whose weights keep to it. What they take away is stated as part of the error: of
    /// 200,000 pairs little; with 0.001 it would be an eighth of the Hopper's curvature along the torso's density and a
    /// quarter of the HalfCheetah's along friction.
    pub largest_share: f64,
    /// Next states that are drawn for each pair, under the same noise whatever the dynamics. 1 is all there is to know of
    /// deterministic dynamics; of stochastic ones it sees how the noise shifts the next state, not how the dynamics shape the
    /// noise. Usual: 1, or 16 to 256 (the `empirical` distance takes time with the cube).
    #[serde(skip_serializing_if = "is_one")]
    pub samples: usize,
}

impl Default for PairsConfig {
    fn default() -> Self {
        Self {
            count: 2000,
            pool: 20_000,
            target_error: 0.02,
            most_steps: 1_000_000,
            largest_share: 0.01,
            samples: 1,
        }
    }
}

impl PairsConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_positive("pairs.count", self.count as f64)?;
        check_share("pairs.target_error", self.target_error)?;
        check_positive("pairs.most_steps", self.most_steps as f64)?;
        check_positive("pairs.samples", self.samples as f64)?;
        check_fraction("pairs.largest_share", self.largest_share)
    }
}

/// Trajectories simulated between two looks at how many transitions there are.
const WAVE: usize = 16;

/// Trajectories after which collecting is given up: physics that diverges at once yields nothing.
const MAX_TRAJECTORIES: usize = 100_000;

impl Pairs {
    /// No pairs.
    pub(crate) fn none() -> Self {
        let (states, actions, weights) = (Vec::new(), Vec::new(), Vec::new());
        Self { states, actions, len: 0, simulator_steps: 0, weights, samples: 1 }
    }

    /// The pairs without their weights.
    pub fn steps(&self) -> StepsFrom<'_> {
        StepsFrom { states: &self.states, actions: &self.actions, len: self.len, first: 0 }
    }

    /// Collects pairs: trajectories under the reference dynamics and actions drawn uniformly from the action space
    /// (the paper), or from the policy `actor` if there is one; then `count` transitions uniformly at random, each
    /// at most once.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for a count of 0, [`RobustError::Diverged`] if no trajectory gets anywhere,
    /// [`RobustError::Sim`].
    pub fn collect(
        executor: &mut dyn Executor,
        actor: Option<&Actor>,
        config: &PairsConfig,
        seed: u64,
    ) -> Result<Self, RobustError> {
        config.validate()?;
        let (state_dim, act_dim) = (executor.spec().state_dim(), executor.spec().act_dim());
        let nominal = executor.space().nominal();
        let wanted = config.count.max(config.pool);
        let (mut states, mut actions) = (Vec::new(), Vec::new());
        let (mut trajectories_so_far, mut simulator_steps) = (0, 0);
        while states.len() < wanted * state_dim {
            for trajectory in
                trajectories(executor, actor, trajectories_so_far..trajectories_so_far + WAVE, seed)?
            {
                simulator_steps += trajectory.len;
                states.extend(trajectory.states);
                actions.extend(trajectory.actions);
            }
            trajectories_so_far += WAVE;
            if trajectories_so_far >= MAX_TRAJECTORIES && states.is_empty() {
                return Err(nothing_begins(nominal.len()));
            }
        }
        // Another lane than any trajectory's.
        let mut stream = StreamKey::new(seed, Purpose::Pairs).lane(u64::MAX).stream();
        let mut order: Vec<usize> = (0..states.len() / state_dim).collect();
        stream.shuffle(&mut order);
        order.truncate(config.count);
        let pick = |from: &[f64], width: usize| {
            order.iter().flat_map(|&i| from[i * width..(i + 1) * width].iter().copied()).collect()
        };
        Ok(Self {
            states: pick(&states, state_dim),
            actions: pick(&actions, act_dim),
            len: config.count,
            simulator_steps,
            weights: Vec::new(),
            samples: config.samples,
        })
    }
}

/// The episodes of these numbers; number t is the same whatever the range.
pub(crate) fn trajectories(
    executor: &mut dyn Executor,
    actor: Option<&Actor>,
    numbers: std::ops::Range<usize>,
    seed: u64,
) -> Result<Vec<Trajectory>, RobustError> {
    executor.stop_flag().check()?;
    let keys: Vec<StreamKey> = numbers.map(|t| StreamKey::new(seed, Purpose::Pairs).lane(t as u64)).collect();
    Ok(executor.trajectories(actor, &keys)?)
}

/// What is said when no episode of the reference takes a step.
pub(crate) fn nothing_begins(dim: usize) -> RobustError {
    let what = "trajectories of the reference dynamics end before their first step".into();
    RobustError::Diverged { z: vec![0.0; dim], what }
}
