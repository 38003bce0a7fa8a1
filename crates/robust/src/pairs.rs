//! State–action pairs at which transitions are compared (Eq. 7 and the text below it).

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, LaneActor, Workers};
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_sim::{ActionSpace, BatchSim, Outcome, Sim, SimError};

use crate::RobustError;
use crate::error::check_positive;

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
}

/// How pairs are collected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairsConfig {
    /// Pairs over which W is averaged. Usual: 400 to 4000. The standard error of the Hessian falls with its root;
    /// few pairs touch the ground hard, and those carry most of it: with 400 pairs it was measured to be 9 % for
    /// Hopper and 43 % for Walker2d (torso density and friction).
    pub count: usize,
    /// Transitions collected at least before the pairs are drawn from them, so that many trajectories contribute.
    /// Usual: 10 times `count`.
    pub pool: usize,
}

impl Default for PairsConfig {
    fn default() -> Self {
        Self { count: 2000, pool: 20_000 }
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
        check_positive("pairs.count", config.count as f64)?;
        let (state_dim, act_dim) = (workers.spec().state_dim(), workers.spec().act_dim());
        let nominal = workers.space().nominal();
        let wanted = config.count.max(config.pool);
        let (mut states, mut actions) = (Vec::new(), Vec::new());
        let (mut trajectories, mut simulator_steps) = (0, 0);
        while states.len() < wanted * state_dim {
            workers.stop_flag().check()?;
            let wave = workers.map(WAVE, |i, sim| {
                trajectory(
                    sim,
                    actor,
                    &nominal,
                    StreamKey::new(seed, Purpose::Pairs).lane((trajectories + i) as u64),
                )
            });
            for trajectory in wave {
                let (s, a) = trajectory?;
                simulator_steps += (s.len() / state_dim) as u64;
                states.extend(s);
                actions.extend(a);
            }
            trajectories += WAVE;
            if trajectories >= MAX_TRAJECTORIES && states.is_empty() {
                let what = "trajectories of the reference dynamics end before their first step".into();
                return Err(RobustError::Diverged { z: vec![0.0; nominal.len()], what });
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
        })
    }
}

/// States and actions of one episode under the reference dynamics. A step that diverges is left out.
fn trajectory(
    sim: &mut Sim,
    actor: Option<&Actor>,
    nominal: &[f64],
    key: StreamKey,
) -> Result<(Vec<f64>, Vec<f64>), SimError> {
    let spec = sim.spec().clone();
    let (state_dim, act_dim, lanes) = (spec.state_dim(), spec.act_dim(), sim.lanes());
    // Lane 0 alone is used.
    let mut active = vec![false; lanes];
    active[0] = true;
    let mut action = vec![0.0; lanes * act_dim];
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    let mut chooser = actor.map(LaneActor::new);
    let mut observation = vec![0.0; spec.obs_dim];
    let (mut states, mut actions) = (Vec::new(), Vec::new());
    let mut stream = key.stream();
    sim.set_dynamics(0, nominal)?;
    sim.reset(0, &mut stream);
    while !outcomes[0].is_over() {
        let at = states.len();
        states.resize(at + state_dim, 0.0);
        sim.state(0, &mut states[at..]);
        match &mut chooser {
            Some(chooser) => {
                sim.observe(0, &mut observation);
                let chosen = chooser.act(&observation, Some(&mut stream));
                action[..act_dim].copy_from_slice(chosen);
            }
            None => uniform_action(&spec.actions, &mut stream, &mut action[..act_dim]),
        }
        sim.step(&action, &active, &mut rewards, &mut outcomes);
        if matches!(outcomes[0], Outcome::Diverged(_)) {
            states.truncate(at);
        } else {
            actions.extend_from_slice(&action[..act_dim]);
        }
    }
    Ok((states, actions))
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
