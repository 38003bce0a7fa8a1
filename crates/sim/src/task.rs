//! The tasks: observation, reward, termination and initial state, one file a task.
//!
//! A task knows the generalised positions and velocities of its robot and nothing about the physics that moves
//! them, so that several physics can stand behind the same task. Behaviour is that of Gymnasium 1.4's `-v5`
//! environments (`CartPole-v1`).

mod cartpole;
mod half_cheetah;
mod hopper;
mod inverted_pendulum;
mod quantity;
mod walker2d;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

pub use cartpole::CartPole;
pub use half_cheetah::HalfCheetah;
pub use hopper::Hopper;
pub use inverted_pendulum::InvertedPendulum;
pub(crate) use quantity::Quantity;
pub use walker2d::Walker2d;

use crate::{ActionSpace, DynamicsSpace, Parameter, SimError, SimSpec, nearest_name};

/// The name of a task, as the user types it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TaskName {
    /// `cartpole`: balance a pole on a cart that is pushed left or right.
    CartPole,
    /// `inverted-pendulum`: balance a pole on a cart with a continuous force.
    InvertedPendulum,
    /// `hopper`: a one-legged robot that hops forward.
    Hopper,
    /// `walker2d`: a two-legged robot that walks forward.
    Walker2d,
    /// `half-cheetah`: a two-legged running robot that cannot fall.
    HalfCheetah,
}

impl TaskName {
    /// All tasks, from the simplest to the hardest.
    pub const ALL: [Self; 5] =
        [Self::CartPole, Self::InvertedPendulum, Self::Hopper, Self::Walker2d, Self::HalfCheetah];

    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CartPole => "cartpole",
            Self::InvertedPendulum => "inverted-pendulum",
            Self::Hopper => "hopper",
            Self::Walker2d => "walker2d",
            Self::HalfCheetah => "half-cheetah",
        }
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TaskName {
    type Err = SimError;

    fn from_str(name: &str) -> Result<Self, SimError> {
        Self::ALL.into_iter().find(|task| task.as_str() == name).ok_or_else(|| SimError::Unknown {
            kind: "task",
            name: name.to_owned(),
            nearest: nearest_name(name, Self::ALL.map(Self::as_str)),
        })
    }
}

impl TryFrom<String> for TaskName {
    type Error = SimError;

    fn try_from(name: String) -> Result<Self, SimError> {
        name.parse()
    }
}

impl From<TaskName> for String {
    fn from(task: TaskName) -> Self {
        task.as_str().to_owned()
    }
}

/// A task with every number that affects a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Task {
    /// See [`CartPole`].
    #[serde(rename = "cartpole")]
    CartPole(CartPole),
    /// See [`InvertedPendulum`].
    InvertedPendulum(InvertedPendulum),
    /// See [`Hopper`].
    Hopper(Hopper),
    /// See [`Walker2d`].
    #[serde(rename = "walker2d")]
    Walker2d(Walker2d),
    /// See [`HalfCheetah`].
    HalfCheetah(HalfCheetah),
}

/// What a task says about one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Reward of the step.
    pub reward: f64,
    /// Whether the state reached is terminal.
    pub terminated: bool,
}

/// Shapes and limits that a task knows of itself.
pub(crate) struct Shape {
    pub(crate) nq: usize,
    pub(crate) nv: usize,
    pub(crate) obs_dim: usize,
    pub(crate) actions: ActionSpace,
    /// Steps of the physics per step of the task.
    pub(crate) frame_skip: u32,
    /// Seconds per step of the physics.
    pub(crate) timestep: f64,
    pub(crate) episode_limit: u32,
    /// Bodies that forces from outside may push.
    pub(crate) forces: &'static [&'static str],
    /// See [`SimSpec::walks`].
    pub(crate) walks: bool,
}

/// Runs the same expression on the configuration of whichever task it is.
macro_rules! for_task {
    ($task:expr, $config:ident => $body:expr) => {
        match $task {
            Task::CartPole($config) => $body,
            Task::InvertedPendulum($config) => $body,
            Task::Hopper($config) => $body,
            Task::Walker2d($config) => $body,
            Task::HalfCheetah($config) => $body,
        }
    };
}

impl Task {
    /// The task as Gymnasium defines it.
    pub fn new(name: TaskName) -> Self {
        match name {
            TaskName::CartPole => Self::CartPole(CartPole::default()),
            TaskName::InvertedPendulum => Self::InvertedPendulum(InvertedPendulum::default()),
            TaskName::Hopper => Self::Hopper(Hopper::default()),
            TaskName::Walker2d => Self::Walker2d(Walker2d::default()),
            TaskName::HalfCheetah => Self::HalfCheetah(HalfCheetah::default()),
        }
    }

    /// Which task it is.
    pub fn name(&self) -> TaskName {
        match self {
            Self::CartPole(_) => TaskName::CartPole,
            Self::InvertedPendulum(_) => TaskName::InvertedPendulum,
            Self::Hopper(_) => TaskName::Hopper,
            Self::Walker2d(_) => TaskName::Walker2d,
            Self::HalfCheetah(_) => TaskName::HalfCheetah,
        }
    }

    /// One sentence on what the agent has to do.
    pub fn description(&self) -> &'static str {
        match self {
            Self::CartPole(_) => "Balance a pole on a cart by pushing the cart left or right.",
            Self::InvertedPendulum(_) => "Balance a pole on a cart with a force on the cart.",
            Self::Hopper(_) => "Hop forward on one leg, fast and without falling.",
            Self::Walker2d(_) => "Walk forward on two legs, fast and without falling.",
            Self::HalfCheetah(_) => "Run forward on two legs as fast as possible.",
        }
    }

    /// Shapes and limits. The length of a snapshot belongs to the physics, which the task does not know: it is
    /// 0 here, and right in [`Simulator::spec`](crate::Simulator::spec).
    pub fn spec(&self) -> SimSpec {
        let shape = self.shape();
        SimSpec {
            obs_dim: shape.obs_dim,
            actions: shape.actions,
            nq: shape.nq,
            nv: shape.nv,
            episode_limit: shape.episode_limit,
            dt: shape.timestep * f64::from(shape.frame_skip),
            snapshot_len: 0,
            forces: shape.forces.iter().map(|&body| body.to_owned()).collect(),
            walks: shape.walks,
        }
    }

    /// All parameters that may vary, with the reference values φ₀.
    pub fn space(&self) -> DynamicsSpace {
        let parameters: Vec<Parameter> =
            for_task!(self, task => task.parameters()).iter().map(quantity::Row::parameter).collect();
        DynamicsSpace::new(parameters).expect("the task's own table has distinct names and bounds around φ₀")
    }

    /// The meaning of every parameter of [`Task::space`], in the same order.
    pub(crate) fn quantities(&self) -> Vec<Quantity> {
        for_task!(self, task => task.parameters()).into_iter().map(|row| row.quantity).collect()
    }

    pub(crate) fn shape(&self) -> Shape {
        for_task!(self, task => task.shape())
    }

    /// Draws the initial state of an episode into `qpos` (`[nq]`) and `qvel` (`[nv]`): positions first, each
    /// vector in order.
    pub fn draw_initial_state(&self, stream: &mut Stream, qpos: &mut [f64], qvel: &mut [f64]) {
        for_task!(self, task => task.draw_initial_state(stream, qpos, qvel));
    }

    /// Writes the observation (`[obs_dim]`) of a state.
    pub fn observe(&self, qpos: &[f64], qvel: &[f64], out: &mut [f64]) {
        for_task!(self, task => task.observe(qpos, qvel, out));
    }

    /// Judges the step that `action` caused: `previous_x` is the first position before it, `qpos` and `qvel`
    /// the state after it.
    pub fn judge(&self, previous_x: f64, qpos: &[f64], qvel: &[f64], action: &[f64]) -> Verdict {
        for_task!(self, task => task.judge(previous_x, qpos, qvel, action))
    }
}

/// Adds uniform noise in `[−scale, scale)` to every coordinate.
fn add_uniform_noise(stream: &mut Stream, scale: f64, values: &mut [f64]) {
    for value in values {
        *value += stream.uniform(-scale, scale);
    }
}

/// Writes what the walking robots observe: all positions but the horizontal one, then the velocities, clipped
/// to `±velocity_clip`.
fn observe_walker(qpos: &[f64], qvel: &[f64], velocity_clip: f64, out: &mut [f64]) {
    let (positions, velocities) = out.split_at_mut(qpos.len() - 1);
    positions.copy_from_slice(&qpos[1..]);
    for (out, velocity) in velocities.iter_mut().zip(qvel) {
        *out = velocity.clamp(-velocity_clip, velocity_clip);
    }
}

/// Whether `value` lies strictly inside `range`; false for NaN.
fn inside(range: [f64; 2], value: f64) -> bool {
    range[0] < value && value < range[1]
}

fn squared_norm(action: &[f64]) -> f64 {
    action.iter().map(|a| a * a).sum()
}

/// The box [−1, 1]ⁿ of the walking robots' motors.
fn unit_box(n: usize) -> ActionSpace {
    ActionSpace::Continuous { low: vec![-1.0; n], high: vec![1.0; n] }
}
