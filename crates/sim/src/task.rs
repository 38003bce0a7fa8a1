//! Tasks: observation, reward, termination and initial state, as data.
//!
//! A task knows the generalised positions and velocities of its robot and nothing about the physics that moves
//! them, so that several physics can stand behind the same task. Those of this project are the files of `tasks/`, whose
//! behaviour is that of Gymnasium 1.4's `-v5` environments (`CartPole-v1`, `Pendulum-v1`).

mod name;
mod quantity;
mod terms;

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Table;
use wr2l_rng::Stream;

pub use name::TaskName;
pub(crate) use quantity::Quantity;
pub use quantity::{Kind, ParameterTable};
pub use terms::{Cost, Healthy, Noise, Observation, Range, Reset, Reward};

use crate::{ActionSpace, DynamicsSpace, SimError, SimSpec};

/// A task with every number that affects a result: change what you like, and give it to a
/// [`Simulator`](crate::Simulator).
///
/// ```
/// use wr2l_sim::{Task, TaskName};
///
/// let mut frugal = Task::new(TaskName::HOPPER);
/// frugal.reward.control = 1e-2;
/// frugal.robot.episode_limit = 500;
/// # assert!(frugal.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The name as the user types it.
    pub name: String,
    /// Its place in lists, from the simplest task to the hardest.
    #[serde(default)]
    pub order: u32,
    /// One sentence on what the agent has to do.
    pub description: String,
    /// What moves.
    pub robot: RobotConfig,
    /// Where episodes start.
    pub reset: Reset,
    /// What the agent sees.
    #[serde(default)]
    pub observation: Observation,
    /// What it is paid for.
    pub reward: Reward,
    /// Which states are not terminal; all, if nothing is said.
    #[serde(default)]
    pub healthy: Healthy,
    /// What may vary.
    #[serde(rename = "parameter")]
    pub parameters: Vec<ParameterTable>,
    /// The sweep that shows the task's robustness.
    #[serde(default)]
    pub sweep: Vec<SweepRange>,
    /// How it is drawn.
    pub drawing: Drawing,
    /// What a plan has by default on this task, later ones over earlier ones.
    #[serde(default)]
    pub usual: Vec<Usual>,
}

/// What a robot has that moves by equations of motion in `classic`.
struct Equations {
    name: &'static str,
    /// Number of positions, and of velocities.
    dof: usize,
    /// Whether the actions are two choices, else one torque.
    choices: bool,
    /// Bodies that may be pushed.
    bodies: &'static [&'static str],
    quantities: &'static [Quantity],
}

const EQUATIONS: [Equations; 2] = [
    Equations { name: "cart-pole", dof: 2, choices: true, bodies: &[], quantities: &Quantity::CART_POLE },
    Equations { name: "pendulum", dof: 1, choices: false, bodies: &["rod"], quantities: &Quantity::PENDULUM },
];

/// The robot of a task, and the time in which it moves.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RobotConfig {
    /// Its model: `models/NAME.xml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Instead of a model, the name of equations of motion that are written out: `cart-pole` or `pendulum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equations: Option<String>,
    /// Number of generalised positions.
    pub positions: usize,
    /// Number of generalised velocities.
    pub velocities: usize,
    /// Admissible actions.
    pub actions: ActionSpace,
    /// Seconds per step of the physics.
    pub timestep: f64,
    /// Steps of the physics per step of the task.
    pub frame_skip: u32,
    /// Steps of the task after which an episode is truncated.
    pub episode_limit: u32,
    /// Bodies that forces from outside may push.
    #[serde(default)]
    pub pushed: Vec<String>,
    /// See [`SimSpec::walks`].
    #[serde(default)]
    pub walks: bool,
    /// Process noise: standard deviations of what each generalised velocity is kicked by before every step of the task, in
    /// m/s and rad/s, one for all or one for each ([`Simulator::with_process_noise`](crate::Simulator::with_process_noise)); none
    /// where dynamics are deterministic.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub velocity_noise: Vec<f64>,
}

/// Without what came later and is not given: results are told apart by this text, and old ones are found again.
impl fmt::Debug for RobotConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("RobotConfig");
        text.field("model", &self.model).field("equations", &self.equations);
        text.field("positions", &self.positions).field("velocities", &self.velocities);
        text.field("actions", &self.actions).field("timestep", &self.timestep);
        text.field("frame_skip", &self.frame_skip).field("episode_limit", &self.episode_limit);
        text.field("pushed", &self.pushed).field("walks", &self.walks);
        if !self.velocity_noise.is_empty() {
            text.field("velocity_noise", &self.velocity_noise);
        }
        text.finish()
    }
}

/// A parameter of the usual sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepRange {
    /// Which.
    pub parameter: String,
    /// From, to, in its unit.
    pub range: [f64; 2],
}

/// How a task's robot is drawn: from its model, in the state where episodes begin without noise, or as a pole on a cart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawing {
    /// Lowest height shown, and the height of what is shown, in m.
    pub view: [f64; 2],
    /// Half the length of the rail on which a cart moves, in m; what has none moves over a floor, and is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rail: Option<f64>,
    /// The pole, where its length is a parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pole: Option<Pole>,
}

/// A pole on a cart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pole {
    /// The parameter that its length follows.
    pub parameter: String,
    /// Its length in units of that.
    pub factor: f64,
    /// Its radius, in m.
    pub radius: f64,
}

/// Values that a plan has by default on a task: of the plans of which all that is said holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usual {
    /// The learner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learner: Option<String>,
    /// The adversary of the preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adversary: Option<String>,
    /// The preset itself; such values come last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Whether the preset trains under changing dynamics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub varies: Option<bool>,
    /// Keys of the plan, and their values.
    pub set: Table,
}

/// What a task says about one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Reward of the step.
    pub reward: f64,
    /// Whether the state reached is terminal.
    pub terminated: bool,
}

impl Task {
    /// The task of this name, as it was published.
    pub fn new(name: TaskName) -> Self {
        name.task().clone()
    }

    /// Reads a task from the text of a file.
    ///
    /// # Errors
    /// A sentence that says where and what is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let task: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        task.check().map_err(|error| error.to_string())?;
        Ok(task)
    }

    /// Whether its numbers make sense together.
    ///
    /// # Errors
    /// [`SimError::Config`] for the first that does not; [`SimError::Space`] for its parameters.
    pub fn check(&self) -> Result<(), SimError> {
        let RobotConfig { timestep, frame_skip, episode_limit, positions, velocities, .. } = self.robot;
        let refused =
            |field, value, valid| Err(SimError::Config { task: self.name.clone(), field, value, valid });
        if !(timestep.is_finite() && timestep > 0.0) {
            return refused("timestep", timestep, "positive and finite");
        }
        for (field, count) in [("frame_skip", frame_skip), ("episode_limit", episode_limit)] {
            if count == 0 {
                return refused(field, 0.0, "at least 1");
            }
        }
        if self.robot.model.is_some() == self.robot.equations.is_some() {
            return refused("robot", f64::NAN, "given by either `model` or `equations`");
        }
        let noise = &self.robot.velocity_noise;
        if let Some(&std) = noise.iter().find(|std| !(std.is_finite() && **std >= 0.0)) {
            return refused("robot.velocity_noise", std, "finite and not negative");
        }
        if noise.len() > 1 && noise.len() != velocities {
            return refused(
                "robot.velocity_noise",
                noise.len() as f64,
                "one number, or one for each velocity",
            );
        }
        let Reward { forward, healthy, step, control, .. } = self.reward;
        for (field, weight) in [
            ("reward.forward", forward),
            ("reward.healthy", healthy),
            ("reward.step", step),
            ("reward.control", control),
        ] {
            if !weight.is_finite() {
                return refused(field, weight, "finite");
            }
        }
        let Reset { positions: at_first, velocities: moving } = &self.reset;
        for scale in [at_first, moving].into_iter().flat_map(|noise| [noise.uniform, noise.normal]) {
            if !(scale.is_finite() && scale >= 0.0) {
                return refused("reset", scale, "finite and not negative");
            }
        }
        let at = self.reset.positions.at.as_ref().map_or(positions, Vec::len);
        if at != positions {
            return refused("reset.positions.at", at as f64, "one number for each position");
        }
        let at = self.reset.velocities.at.as_ref().map_or(velocities, Vec::len);
        if at != velocities {
            return refused("reset.velocities.at", at as f64, "one number for each velocity");
        }
        if self.observation.hidden > positions {
            let hidden = self.observation.hidden as f64;
            return refused("observation.hidden", hidden, "at most the number of positions");
        }
        if self.observation.interleaved && positions != velocities {
            return refused(
                "observation.interleaved",
                1.0,
                "false where positions and velocities differ in number",
            );
        }
        for range in &self.healthy.coordinates {
            let first = range.first();
            if first >= positions + velocities {
                return refused("healthy.coordinates", first as f64, "a coordinate of the state");
            }
        }
        if positions == 0 || self.robot.actions.dim() == 0 {
            return refused("robot", 0.0, "something with a position and an action");
        }
        let coordinates = positions + velocities;
        for Cost { at, weight, .. } in &self.reward.costs {
            if *at >= coordinates {
                return refused("reward.costs", *at as f64, "a coordinate of the state");
            }
            if !weight.is_finite() {
                return refused("reward.costs", *weight, "finite");
            }
        }
        if let Some(at) = self.observation.angles.iter().find(|at| **at >= positions) {
            return refused("observation.angles", *at as f64, "a position");
        }
        if !self.observation.angles.is_empty()
            && (self.observation.hidden > 0 || self.observation.interleaved)
        {
            return refused("observation.angles", 0.0, "empty where positions are hidden or interleaved");
        }
        let (quantities, _) = self.parameter_rows()?;
        match &self.robot.equations {
            Some(name) => self.check_equations(name, &quantities),
            None => {
                let written_out = EQUATIONS.iter().flat_map(|known| known.quantities);
                let foreign = written_out.into_iter().any(|quantity| quantities.contains(quantity));
                if foreign || !self.reward.costs.is_empty() {
                    let valid = "of a model, which has neither quantities of written-out equations nor `reward.costs`";
                    return refused("parameter", f64::NAN, valid);
                }
                Ok(())
            }
        }
    }

    /// Whether a robot fits its equations: they take every number from here, so each is given once.
    fn check_equations(&self, name: &str, quantities: &[Quantity]) -> Result<(), SimError> {
        let refused =
            |field, value, valid| Err(SimError::Config { task: self.name.clone(), field, value, valid });
        let RobotConfig { positions, velocities, actions, pushed, .. } = &self.robot;
        let Some(known) = EQUATIONS.iter().find(|known| known.name == name) else {
            return refused("robot.equations", f64::NAN, "`cart-pole` or `pendulum`");
        };
        let Equations { dof, choices, bodies, quantities: needed, .. } = known;
        if (positions, velocities) != (dof, dof) {
            return refused("robot.positions", *positions as f64, "what its equations have");
        }
        let fits = match actions {
            ActionSpace::Discrete { n } => *choices && *n == 2,
            // The torque's bounds lie as far on either side.
            ActionSpace::Continuous { low, high } => {
                !choices && matches!((&low[..], &high[..]), ([low], [high]) if *low == -high && *high > 0.0)
            }
        };
        if !fits {
            return refused("robot.actions", f64::NAN, "two choices, or a torque within ± a positive number");
        }
        if pushed.iter().any(|body| !bodies.contains(&body.as_str())) || pushed.len() > bodies.len() {
            return refused("robot.pushed", pushed.len() as f64, "bodies of its equations");
        }
        if quantities.len() != needed.len() || needed.iter().any(|quantity| !quantities.contains(quantity)) {
            return refused("parameter", quantities.len() as f64, "given for each quantity of its equations");
        }
        Ok(())
    }

    /// Shapes and limits. The length of a snapshot belongs to the physics, which the task does not know: it is
    /// 0 here, and right in [`Simulator::spec`](crate::Simulator::spec).
    pub fn spec(&self) -> SimSpec {
        let robot = &self.robot;
        SimSpec {
            obs_dim: robot.positions - self.observation.hidden
                + robot.velocities
                + self.observation.angles.len(),
            actions: robot.actions.clone(),
            nq: robot.positions,
            nv: robot.velocities,
            episode_limit: robot.episode_limit,
            dt: self.dt(),
            snapshot_len: 0,
            forces: robot.pushed.clone(),
            walks: robot.walks,
        }
    }

    /// Seconds per step of the task.
    fn dt(&self) -> f64 {
        self.robot.timestep * f64::from(self.robot.frame_skip)
    }

    /// All parameters that may vary, with the reference values φ₀.
    ///
    /// # Panics
    /// If [`Task::check`] would refuse them.
    pub fn space(&self) -> DynamicsSpace {
        let (_, space) = self.parameter_rows().expect("the task's parameters were checked");
        space
    }

    /// The meaning of every parameter of [`Task::space`], in the same order.
    pub(crate) fn quantities(&self) -> Vec<Quantity> {
        self.parameter_rows().map_or_else(|_| Vec::new(), |(quantities, _)| quantities)
    }

    fn parameter_rows(&self) -> Result<(Vec<Quantity>, DynamicsSpace), SimError> {
        let rows = self.parameters.iter().map(|table| table.rows(&self.name));
        let rows = rows.collect::<Result<Vec<_>, _>>()?.concat();
        let (quantities, parameters): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        Ok((quantities, DynamicsSpace::new(parameters)?))
    }

    /// Draws the initial state of an episode into `qpos` (`[nq]`) and `qvel` (`[nv]`): positions first, each
    /// vector in order.
    pub fn draw_initial_state(&self, stream: &mut Stream, qpos: &mut [f64], qvel: &mut [f64]) {
        self.reset.positions.draw(stream, qpos);
        self.reset.velocities.draw(stream, qvel);
    }

    /// Writes the observation (`[obs_dim]`) of a state.
    pub fn observe(&self, qpos: &[f64], qvel: &[f64], out: &mut [f64]) {
        self.observation.write(qpos, qvel, out);
    }

    /// Judges the step that `action` caused: `previous_x` is the first position before it, `qpos` and `qvel`
    /// the state after it.
    pub fn judge(&self, previous_x: f64, qpos: &[f64], qvel: &[f64], action: &[f64]) -> Verdict {
        let healthy = self.healthy.holds(qpos, qvel);
        let reward = self.reward.of(self.dt(), qpos[0] - previous_x, healthy, action);
        Verdict { reward, terminated: !healthy }
    }
    /// What a step costs by the state in which the action is taken, before it ([`Reward::costs`]).
    pub(crate) fn cost(&self, qpos: &[f64], qvel: &[f64]) -> f64 {
        self.reward.costs.iter().map(|cost| cost.of(qpos, qvel)).sum()
    }
}
