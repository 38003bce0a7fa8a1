//! State–action pairs at which transitions are compared (Eq. 7 and the text below it).

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, LaneActor, Workers};
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_sim::{ActionSpace, BatchSim, Outcome, Sim, SimError};

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
}

impl Default for PairsConfig {
    fn default() -> Self {
        Self { count: 2000, pool: 20_000, target_error: 0.02, most_steps: 1_000_000, largest_share: 0.01 }
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
        check_fraction("pairs.largest_share", self.largest_share)
    }
}

/// Trajectories simulated between two looks at how many transitions there are.
const WAVE: usize = 16;

/// Trajectories after which collecting is given up: physics that diverges at once yields nothing.
const MAX_TRAJECTORIES: usize = 100_000;

impl Pairs {
    /// Collects pairs: trajectories under the reference dynamics and actions drawn uniformly from the action space
    /// (the paper), or from the policy `actor` if there is one; then `count` transitions uniformly at random, each
    /// at most once.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for a count of 0, [`RobustError::Diverged`] if no trajectory gets anywhere,
    /// [`RobustError::Sim`].
    pub fn collect(
        workers: &mut Workers,
        actor: Option<&Actor>,
        config: &PairsConfig,
        seed: u64,
    ) -> Result<Self, RobustError> {
        config.validate()?;
        let (state_dim, act_dim) = (workers.spec().state_dim(), workers.spec().act_dim());
        let nominal = workers.space().nominal();
        let wanted = config.count.max(config.pool);
        let (mut states, mut actions) = (Vec::new(), Vec::new());
        let (mut trajectories_so_far, mut simulator_steps) = (0, 0);
        while states.len() < wanted * state_dim {
            for trajectory in
                trajectories(workers, actor, trajectories_so_far..trajectories_so_far + WAVE, seed)?
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
        })
    }
}

/// State–action pairs of one episode, in order.
pub(crate) struct Trajectory {
    pub(crate) states: Vec<f64>,
    pub(crate) actions: Vec<f64>,
    pub(crate) len: u64,
}

/// The episodes of these numbers; number t is the same whatever the range.
pub(crate) fn trajectories(
    workers: &mut Workers,
    actor: Option<&Actor>,
    numbers: std::ops::Range<usize>,
    seed: u64,
) -> Result<Vec<Trajectory>, RobustError> {
    workers.stop_flag().check()?;
    let nominal = workers.space().nominal();
    let stop = workers.stop_flag().clone();
    // As many at a time as a simulator has lanes; what a lane does depends on no other.
    let at_once = workers.lanes();
    let batches = workers.map(numbers.len().div_ceil(at_once), |i, sim| {
        stop.check()?;
        let first = numbers.start + i * at_once;
        let keys: Vec<StreamKey> = (first..numbers.end.min(first + at_once))
            .map(|t| StreamKey::new(seed, Purpose::Pairs).lane(t as u64))
            .collect();
        Ok::<_, RobustError>(batch(sim, actor, &nominal, &keys)?)
    });
    let mut all = Vec::with_capacity(numbers.len());
    for batch in batches {
        all.extend(batch?);
    }
    Ok(all)
}

/// What is said when no episode of the reference takes a step.
pub(crate) fn nothing_begins(dim: usize) -> RobustError {
    let what = "trajectories of the reference dynamics end before their first step".into();
    RobustError::Diverged { z: vec![0.0; dim], what }
}

/// An episode under the reference dynamics in each of the first lanes, one for each key. A step that diverges is left
/// out.
fn batch(
    sim: &mut Sim,
    actor: Option<&Actor>,
    nominal: &[f64],
    keys: &[StreamKey],
) -> Result<Vec<Trajectory>, SimError> {
    let spec = sim.spec().clone();
    let (state_dim, act_dim, lanes) = (spec.state_dim(), spec.act_dim(), sim.lanes());
    let mut active = vec![false; lanes];
    active[..keys.len()].fill(true);
    let mut action = vec![0.0; lanes * act_dim];
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    // One a lane, because each may remember its own trajectory.
    let mut choosers: Vec<LaneActor<'_>> =
        actor.iter().flat_map(|actor| keys.iter().map(|_| LaneActor::new(actor))).collect();
    let mut observation = vec![0.0; spec.obs_dim];
    let mut streams: Vec<Stream> = keys.iter().map(|key| key.stream()).collect();
    let mut episodes = Vec::with_capacity(keys.len());
    for (lane, stream) in streams.iter_mut().enumerate() {
        sim.set_dynamics(lane, nominal)?;
        sim.reset(lane, stream);
        episodes.push(Trajectory { states: Vec::new(), actions: Vec::new(), len: 0 });
    }
    while active.contains(&true) {
        for (lane, episode) in episodes.iter_mut().enumerate().filter(|(lane, _)| active[*lane]) {
            let at = episode.states.len();
            episode.states.resize(at + state_dim, 0.0);
            sim.state(lane, &mut episode.states[at..]);
            let action = &mut action[lane * act_dim..][..act_dim];
            match choosers.get_mut(lane) {
                Some(chooser) => {
                    sim.observe(lane, &mut observation);
                    action.copy_from_slice(chooser.act(&observation, Some(&mut streams[lane])));
                }
                None => uniform_action(&spec.actions, &mut streams[lane], action),
            }
        }
        sim.step(&action, &active, &mut rewards, &mut outcomes);
        for (lane, episode) in episodes.iter_mut().enumerate().filter(|(lane, _)| active[*lane]) {
            if matches!(outcomes[lane], Outcome::Diverged(_)) {
                episode.states.truncate(episode.states.len() - state_dim);
            } else {
                episode.actions.extend_from_slice(&action[lane * act_dim..][..act_dim]);
                episode.len += 1;
            }
        }
        for (active, outcome) in active.iter_mut().zip(&outcomes) {
            *active &= !outcome.is_over();
        }
    }
    Ok(episodes)
}

/// An action uniform in the action box, or a uniform choice.
fn uniform_action(space: &ActionSpace, stream: &mut Stream, action: &mut [f64]) {
    match space {
        ActionSpace::Continuous { low, high } => {
            for (action, (&low, &high)) in action.iter_mut().zip(low.iter().zip(high)) {
                *action = stream.uniform(low, high);
            }
        }
        ActionSpace::Discrete { n } => action[0] = stream.below(*n) as f64,
    }
}
