//! What to simulate, from which any number of batches are made.

use std::fmt;
use std::sync::Arc;

use crate::classic::ClassicModel;
use crate::drifting::{Drift, DriftingEngine};
#[cfg(feature = "mujoco")]
use crate::mujoco::MujocoModel;
use crate::noisy::NoisyEngine;
use crate::planar::PlanarModel;
use crate::{BatchSim, DynamicsSpace, Physics, SimError, SimSpec, SpaceError, Task};

/// Makes batches of lanes of one task: what stands behind a [`Simulator`]. A simulator of one's own implements this and
/// [`BatchSim`].
pub trait Engine: Send + Sync + fmt::Debug {
    /// Shapes and limits, the same for every batch.
    fn spec(&self) -> &SimSpec;

    /// A batch of `lanes` lanes at the reference dynamics φ₀.
    ///
    /// # Errors
    /// [`SimError`], if the dynamics or the model are refused.
    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError>;

    /// How many lanes a batch should have to run fastest.
    fn preferred_lanes(&self) -> usize {
        1
    }
}

/// A task on a physics with the parameters that vary: makes batches of lanes. Cheap to clone, shared by threads.
///
/// ```
/// use wr2l_rng::{Purpose, StreamKey};
/// use wr2l_sim::{BatchSim, Outcome, Simulator, Task, TaskName};
///
/// let task = Task::new(TaskName::CARTPOLE);
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
    task: String,
    physics: String,
    /// All that determines what the engine does.
    identity: String,
    space: DynamicsSpace,
    engine: Arc<dyn Engine>,
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
        task.check()?;
        let chosen = physics.unwrap_or(Physics::of(&task)[0]);
        chosen.check_for(&task)?;
        check_selection(&task.space(), &vary)?;
        let (name, identity) = (task.name.clone(), format!("{task:?}"));
        let noise = task.robot.velocity_noise.clone();
        let engine: Arc<dyn Engine> = match chosen {
            #[cfg(feature = "mujoco")]
            Physics::Mujoco => Arc::new(MujocoModel::new(task, vary.clone())?),
            Physics::Planar => Arc::new(PlanarModel::new(task, vary.clone())?),
            _ => Arc::new(ClassicModel::new(task, vary.clone())),
        };
        let own = Self { task: name, physics: chosen.to_string(), identity, space: vary, engine };
        if noise.is_empty() { Ok(own) } else { own.with_process_noise(&noise) }
    }

    /// A simulator of a task that this crate does not know: `engine` makes its batches, whose dynamics are those of
    /// `space`. `task` is its name in tables; results are told apart by it, and by `identity`: all that determines
    /// what the engine does, in any form.
    pub fn with_engine(
        task: impl Into<String>,
        identity: impl Into<String>,
        space: DynamicsSpace,
        engine: impl Engine + 'static,
    ) -> Self {
        let engine = Arc::new(engine);
        Self { task: task.into(), physics: "own".into(), identity: identity.into(), space, engine }
    }

    /// The same simulator with process noise: before every step each generalised velocity is kicked by an independent normal
    /// number, so that P_φ(· | s, a) is a distribution. `std` are standard deviations, one for all velocities or one for
    /// each (`[nv]`), in their units (m/s, rad/s), at least 0; where all are 0 it stays as it is, to the bit.
    ///
    /// The noise of a step depends on the episode and the step alone, never on φ
    /// ([`BatchSim::set_noise`]); reward and end are judged after it.
    ///
    /// ```
    /// use wr2l_sim::{Simulator, Task, TaskName};
    /// let task = Task::new(TaskName::CARTPOLE);
    /// let vary = task.space().select(&["pole_half_length"])?;
    /// let noisy = Simulator::new(task, None, vary)?.with_process_noise(&[0.01])?;
    /// assert!(noisy.identity().ends_with("process noise [0.01]"));
    /// # Ok::<(), wr2l_sim::SimError>(())
    /// ```
    ///
    /// # Errors
    /// [`SimError::State`] for another number of deviations, one that is negative, or not finite.
    pub fn with_process_noise(self, std: &[f64]) -> Result<Self, SimError> {
        let engine = NoisyEngine::new(self.engine.clone(), std)?;
        if std.iter().all(|std| *std == 0.0) {
            return Ok(self);
        }
        let identity = format!("{} process noise {std:?}", self.identity);
        Ok(Self { identity, engine: Arc::new(engine), ..self })
    }

    /// The same simulator with dynamics that drift: after every step those of a lane move on, from where they were set
    /// ([`BatchSim::set_dynamics`]); each episode begins there again.
    ///
    /// # Errors
    /// [`SimError::State`] for rates that are not finite, too few or too many, or a negative one of a walk.
    pub fn with_drift(self, drift: Drift) -> Result<Self, SimError> {
        let identity = format!("{} drift {drift:?}", self.identity);
        let engine = DriftingEngine::new(self.engine.clone(), self.space.clone(), drift)?;
        Ok(Self { identity, engine: Arc::new(engine), ..self })
    }

    /// The same, under the name of the physics behind its engine.
    #[must_use]
    pub fn moved_by(self, physics: Physics) -> Self {
        Self { physics: physics.to_string(), ..self }
    }

    /// The task's name.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// The name of the physics behind the task.
    pub fn physics(&self) -> &str {
        &self.physics
    }

    /// A text that differs between simulators whose results may differ, dynamics aside.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Shapes and limits.
    pub fn spec(&self) -> &SimSpec {
        self.engine.spec()
    }

    /// The parameters that vary, in the order of [`BatchSim::set_dynamics`].
    pub fn space(&self) -> &DynamicsSpace {
        &self.space
    }

    /// A batch of `lanes` lanes at the reference dynamics φ₀, each in the task's initial state without noise.
    ///
    /// # Errors
    /// [`SimError::Space`] if the reference dynamics lie outside the bounds of the space.
    pub fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        self.engine.batch(lanes)
    }

    /// How many lanes a batch should have to run fastest.
    pub fn preferred_lanes(&self) -> usize {
        self.engine.preferred_lanes()
    }
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
                    unit: hard.unit.clone(),
                });
            }
        }
    }
    Ok(())
}
