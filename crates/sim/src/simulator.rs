//! What to simulate, from which any number of batches are made.

use std::fmt;
use std::str::FromStr;
#[cfg(feature = "mujoco")]
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

use crate::classic::{CartPoleBatch, SNAPSHOT_LEN};
#[cfg(feature = "mujoco")]
use crate::mujoco::{MujocoBatch, MujocoModel};
use crate::planar::{PlanarBatch, PlanarModel};
use crate::{BatchSim, DynamicsSpace, Outcome, SimError, SimSpec, SpaceError, Task, TaskName, nearest_name};

/// The physics that moves a task's robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Physics {
    /// Batched planar rigid bodies in Rust, with MuJoCo's numbers: every task but the cart-pole.
    Planar,
    /// MuJoCo 3.17.0: every task but the cart-pole, in a build with the feature `mujoco`.
    Mujoco,
    /// Closed-form equations of motion in Rust: the cart-pole.
    Classic,
}

impl Physics {
    /// All physics.
    pub const ALL: [Self; 3] = [Self::Planar, Self::Mujoco, Self::Classic];

    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planar => "planar",
            Self::Mujoco => "mujoco",
            Self::Classic => "classic",
        }
    }

    /// The physics that `task` runs on in this build; the first is the default.
    pub fn available(task: TaskName) -> &'static [Self] {
        match task {
            TaskName::CartPole => &[Self::Classic],
            _ if cfg!(feature = "mujoco") => &[Self::Planar, Self::Mujoco],
            _ => &[Self::Planar],
        }
    }

    /// Whether `task` runs on it in this build.
    ///
    /// # Errors
    /// [`SimError::NotBuilt`] if it would in a build with the feature, else [`SimError::Physics`].
    pub fn check(self, task: TaskName) -> Result<(), SimError> {
        let available = Self::available(task);
        if available.contains(&self) {
            return Ok(());
        }
        if self == Self::Mujoco && task != TaskName::CartPole {
            return Err(SimError::NotBuilt { physics: self.to_string() });
        }
        let names: Vec<&str> = available.iter().map(|physics| physics.as_str()).collect();
        Err(SimError::Physics {
            task: task.to_string(),
            physics: self.to_string(),
            available: format!("`{}`", names.join("`, `")),
        })
    }
}

impl fmt::Display for Physics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Physics {
    type Err = SimError;

    fn from_str(name: &str) -> Result<Self, SimError> {
        Self::ALL.into_iter().find(|physics| physics.as_str() == name).ok_or_else(|| SimError::Unknown {
            kind: "physics",
            name: name.to_owned(),
            nearest: nearest_name(name, Self::ALL.map(Self::as_str)),
        })
    }
}

/// A task on a physics with the parameters that vary: makes batches of lanes. Cheap to clone, shared by threads.
///
/// ```
/// use wr2l_rng::{Purpose, StreamKey};
/// use wr2l_sim::{BatchSim, Outcome, Simulator, Task, TaskName};
///
/// let task = Task::new(TaskName::CartPole);
/// let vary = task.space().select(&["pole_half_length"])?;
/// let simulator = Simulator::new(task, None, vary)?;
/// let mut sim = simulator.batch(2)?;
/// sim.set_dynamics(1, &[1.5])?;
/// for lane in 0..2 {
///     sim.reset(lane, &mut StreamKey::new(42, Purpose::Reset).lane(lane as u64).stream());
/// }
/// let (mut rewards, mut outcomes) = ([0.0; 2], [Outcome::Running; 2]);
/// sim.step(&[0.0, 1.0], &[true, true], &mut rewards, &mut outcomes);
/// assert_eq!(rewards, [1.0, 1.0]);
/// # Ok::<(), wr2l_sim::SimError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Simulator {
    task: Task,
    spec: SimSpec,
    space: DynamicsSpace,
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Classic,
    Planar(PlanarModel),
    #[cfg(feature = "mujoco")]
    Mujoco(Arc<MujocoModel>),
}

impl Simulator {
    /// A simulator of `task` on `physics` (the task's default if `None`) that varies the parameters of `vary`, a
    /// selection of [`Task::space`]. Parameters outside `vary` keep the reference model untouched.
    ///
    /// # Errors
    /// [`SimError::Config`] for a time step that is not positive, or a count of steps that is 0;
    /// [`SimError::Physics`] if the task does not run on the physics, [`SimError::NotBuilt`] if the build lacks it;
    /// [`SimError::Space`] if `vary` names a
    /// parameter the task does not have, or reaches beyond a parameter's hard bounds; [`SimError::Model`] or
    /// [`SimError::Version`] if the physics engine refuses the model or is the wrong version.
    pub fn new(task: Task, physics: Option<Physics>, vary: DynamicsSpace) -> Result<Self, SimError> {
        check_config(&task)?;
        let chosen = physics.unwrap_or(Physics::available(task.name())[0]);
        chosen.check(task.name())?;
        check_selection(&task.space(), &vary)?;
        let mut spec = task.spec();
        let backend = match chosen {
            #[cfg(feature = "mujoco")]
            Physics::Mujoco => {
                let model = MujocoModel::new(&task, &vary)?;
                spec.snapshot_len = model.snapshot_len();
                Backend::Mujoco(Arc::new(model))
            }
            Physics::Planar => {
                let model = PlanarModel::new(&task, &vary)?;
                spec.snapshot_len = model.snapshot_len();
                Backend::Planar(model)
            }
            _ => {
                spec.snapshot_len = SNAPSHOT_LEN;
                Backend::Classic
            }
        };
        Ok(Self { task, spec, space: vary, backend })
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Shapes and limits.
    pub fn spec(&self) -> &SimSpec {
        &self.spec
    }

    /// The parameters that vary, in the order of [`BatchSim::set_dynamics`].
    pub fn space(&self) -> &DynamicsSpace {
        &self.space
    }

    /// The physics behind the task.
    pub fn physics(&self) -> Physics {
        match self.backend {
            Backend::Classic => Physics::Classic,
            Backend::Planar(_) => Physics::Planar,
            #[cfg(feature = "mujoco")]
            Backend::Mujoco(_) => Physics::Mujoco,
        }
    }

    /// A batch of `lanes` lanes at the reference dynamics φ₀, each in the task's initial state without noise.
    ///
    /// # Errors
    /// [`SimError::Space`] if the reference dynamics lie outside the bounds of the space.
    pub fn batch(&self, lanes: usize) -> Result<Sim, SimError> {
        match &self.backend {
            Backend::Classic => {
                CartPoleBatch::new(self.task.clone(), self.spec.clone(), self.space.clone(), lanes)
                    .map(Sim::Classic)
            }
            Backend::Planar(model) => PlanarBatch::new(
                model.clone(),
                self.task.clone(),
                self.spec.clone(),
                self.space.clone(),
                lanes,
            )
            .map(Sim::Planar),
            #[cfg(feature = "mujoco")]
            Backend::Mujoco(model) => MujocoBatch::new(
                model.clone(),
                self.task.clone(),
                self.spec.clone(),
                self.space.clone(),
                lanes,
            )
            .map(Sim::Mujoco),
        }
    }

    /// How many lanes a batch should have to run fastest.
    pub fn preferred_lanes(&self) -> usize {
        match self.backend {
            Backend::Planar(_) => PlanarModel::width(),
            _ => 1,
        }
    }
}

/// Refuses a configuration in which time does not pass.
fn check_config(task: &Task) -> Result<(), SimError> {
    let shape = task.shape();
    let refused =
        |field, value, valid| SimError::Config { task: task.name().to_string(), field, value, valid };
    if !(shape.timestep.is_finite() && shape.timestep > 0.0) {
        return Err(refused("timestep", shape.timestep, "positive and finite"));
    }
    for (field, count) in [("frame_skip", shape.frame_skip), ("episode_limit", shape.episode_limit)] {
        if count == 0 {
            return Err(refused(field, 0.0, "at least 1"));
        }
    }
    Ok(())
}

/// Refuses a space that is not a selection of the task's own, or reaches beyond its bounds.
fn check_selection(all: &DynamicsSpace, vary: &DynamicsSpace) -> Result<(), SpaceError> {
    for parameter in vary.parameters() {
        let hard = &all.parameters()[all.index(&parameter.name)?];
        for bound in [parameter.lower, parameter.upper] {
            if !(hard.lower <= bound && bound <= hard.upper) {
                return Err(SpaceError::OutOfBounds {
                    name: hard.name.clone(),
                    value: bound,
                    lower: hard.lower,
                    upper: hard.upper,
                    unit: hard.unit,
                });
            }
        }
    }
    Ok(())
}

/// A batch of lanes on whichever physics it runs.
#[derive(Debug)]
pub enum Sim {
    /// The cart-pole.
    Classic(CartPoleBatch),
    /// Everything else, many lanes at once.
    Planar(PlanarBatch),
    /// Everything else, lane by lane.
    #[cfg(feature = "mujoco")]
    Mujoco(MujocoBatch),
}

/// Calls the same method on whichever batch it is.
macro_rules! for_sim {
    ($sim:expr, $batch:ident => $body:expr) => {
        match $sim {
            Sim::Classic($batch) => $body,
            Sim::Planar($batch) => $body,
            #[cfg(feature = "mujoco")]
            Sim::Mujoco($batch) => $body,
        }
    };
}

impl BatchSim for Sim {
    fn spec(&self) -> &SimSpec {
        for_sim!(self, batch => batch.spec())
    }

    fn lanes(&self) -> usize {
        for_sim!(self, batch => batch.lanes())
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        for_sim!(self, batch => batch.set_dynamics(lane, phi))
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) -> Result<(), SimError> {
        for_sim!(self, batch => batch.set_forces(lane, forces))
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        for_sim!(self, batch => batch.reset(lane, stream));
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        for_sim!(self, batch => batch.set_state(lane, state))
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        for_sim!(self, batch => batch.state(lane, out));
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        for_sim!(self, batch => batch.observe(lane, out));
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        for_sim!(self, batch => batch.save(lane, out));
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        for_sim!(self, batch => batch.restore(lane, snapshot))
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        for_sim!(self, batch => batch.step(actions, active, rewards, outcomes));
    }
}
