//! Which physics a robot's task runs on.

use std::sync::Arc;

use wr2l_sim::{DynamicsSpace, SimError, Simulator};

use crate::effects::Effects;
use crate::lanes_engine::{LanesEngine, refuses};
use crate::rules::Rig;

/// The physics that can move a robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RobotPhysics {
    /// The batched engine of this project.
    Lanes,
    /// MuJoCo 3.17.0, in a build with the feature `mujoco`.
    Mujoco,
}

impl RobotPhysics {
    /// Its name as users type it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lanes => "lanes",
            Self::Mujoco => "mujoco",
        }
    }
}

/// A physics, and why it was chosen, in one sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The physics.
    pub physics: RobotPhysics,
    /// Why.
    pub reason: String,
}

/// The physics that a rig runs on: the one that was asked for, else the batched engine where it covers the model, what is
/// read, and what varies, else MuJoCo.
///
/// # Errors
/// [`SimError::Model`] if the batched engine was asked for and cannot, with the reason; [`SimError::NotBuilt`] if it takes a
/// MuJoCo that this build lacks.
pub fn choose(rig: &Rig, effects: &Effects, asked: Option<RobotPhysics>) -> Result<Choice, SimError> {
    let refusal = refuses(rig, effects);
    let built = cfg!(feature = "mujoco");
    let refused = |reason: String| SimError::Model { task: rig.name.clone(), reason };
    let choice = |physics, reason: String| Ok(Choice { physics, reason });
    match (asked, refusal) {
        (Some(RobotPhysics::Lanes), Some(reason)) => Err(refused(reason)),
        (Some(RobotPhysics::Lanes), None) => choice(RobotPhysics::Lanes, "it was asked for".into()),
        (Some(RobotPhysics::Mujoco), _) if built => choice(RobotPhysics::Mujoco, "it was asked for".into()),
        (None, None) => choice(
            RobotPhysics::Lanes,
            "the batched engine covers the model, what the task reads and what varies".into(),
        ),
        (None, Some(reason)) if built => choice(RobotPhysics::Mujoco, reason),
        (None, Some(reason)) => Err(refused(format!("{reason}, which this build lacks"))),
        (Some(RobotPhysics::Mujoco), _) => Err(SimError::NotBuilt { physics: "mujoco".into() }),
    }
}

impl Rig {
    /// A simulator of the rig that varies the parameters of `space`, each with its effect.
    ///
    /// # Errors
    /// As [`choose`]; [`SimError::Model`] if a parameter has no effect here or the physics cannot follow it.
    pub fn simulator(
        self,
        effects: &Effects,
        space: &DynamicsSpace,
        physics: Option<RobotPhysics>,
    ) -> Result<Simulator, SimError> {
        let name = self.name.clone();
        let refused = |reason: String| SimError::Model { task: name.clone(), reason };
        let effects = effects
            .select(space)
            .map_err(|parameter| refused(format!("the parameter `{parameter}` has no effect")))?;
        let chosen = choose(&self, &effects, physics)?;
        let identity = format!(
            "{} {} {:?} {:?} {} {:?}",
            self.model.hash(),
            chosen.physics.as_str(),
            self.rules,
            self.drives,
            self.frame_skip,
            effects
        );
        let rig = Arc::new(self);
        match chosen.physics {
            RobotPhysics::Lanes => {
                let engine = LanesEngine::new(rig, effects, space.clone()).map_err(refused)?;
                Ok(Simulator::with_engine(name.clone(), identity, space.clone(), engine))
            }
            #[cfg(feature = "mujoco")]
            RobotPhysics::Mujoco => {
                let engine =
                    crate::mujoco_engine::MujocoEngine::new(rig, effects, space.clone()).map_err(refused)?;
                Ok(Simulator::with_engine(name.clone(), identity, space.clone(), engine))
            }
            #[cfg(not(feature = "mujoco"))]
            RobotPhysics::Mujoco => Err(SimError::NotBuilt { physics: "mujoco".into() }),
        }
    }
}
