//! A robot's task, as runs, evaluations and pages take it.

use std::sync::Arc;

use wr2l_sim::{AnyTask, DynamicsSpace, Physics, SimError, SimSpec, Simulator, Solid, SweepRange, Usual};

use crate::batch::spec;
use crate::loop_numbers::Reach;
use crate::physics::{RobotPhysics, choose};
use crate::solid::RobotSolid;
use crate::task::{RobotTask, TaskError};

/// How a run's folder calls a task's file, and the robot beside it.
const FILE: &str = "task.toml";
const ROBOT: &str = "model.robot";

impl RobotTask {
    /// Its file as one would write it beside a kept robot: whole, whatever it extended.
    fn kept_file(&self) -> Result<String, String> {
        let mut file = self.file().clone();
        file.robot.mjcf = ROBOT.to_owned();
        file.to_toml().map_err(|error| error.to_string())
    }

    /// Refuses a task that nothing in this build can move.
    ///
    /// # Errors
    /// [`TaskError::Sim`] with the reason.
    pub fn that_moves(self) -> Result<Self, TaskError> {
        self.choice()?;
        Ok(self)
    }
}

fn asked(physics: Physics) -> Option<RobotPhysics> {
    match physics {
        Physics::Lanes => Some(RobotPhysics::Lanes),
        Physics::Mujoco => Some(RobotPhysics::Mujoco),
        Physics::Planar | Physics::Classic | Physics::Own => None,
    }
}

impl AnyTask for RobotTask {
    fn name(&self) -> &str {
        &self.file().name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn identity(&self) -> String {
        // Not the model's path: a kept robot is the same.
        format!("{}\n{}", self.model().hash(), self.kept_file().unwrap_or_else(|error| error))
    }

    fn spec(&self) -> SimSpec {
        SimSpec { snapshot_len: 0, ..spec(&self.rig(), 0, Reach::default()) }
    }

    fn space(&self) -> DynamicsSpace {
        self.variation().space.clone()
    }

    fn physics(&self) -> Vec<Physics> {
        let all = [Physics::Lanes, Physics::Mujoco];
        all.into_iter().filter(|physics| self.check_physics(*physics).is_ok()).collect()
    }

    fn check_physics(&self, physics: Physics) -> Result<(), SimError> {
        match asked(physics) {
            Some(asked) => choose(&self.rig(), &self.variation().effects, Some(asked)).map(|_| ()),
            None => Err(SimError::Physics {
                task: self.name().to_owned(),
                physics: physics.to_string(),
                available: "`lanes`, `mujoco`".into(),
            }),
        }
    }

    fn simulator(&self, physics: Physics, vary: DynamicsSpace) -> Result<Simulator, SimError> {
        self.check_physics(physics)?;
        Ok(RobotTask::simulator(self, asked(physics), &vary)?.moved_by(physics))
    }

    fn sweep(&self) -> &[SweepRange] {
        RobotTask::sweep(self)
    }

    fn usual(&self) -> &[Usual] {
        RobotTask::usual(self)
    }

    fn reward_names(&self) -> Vec<String> {
        self.terms().reward_names().to_vec()
    }

    fn solid(&self) -> Option<Box<dyn Solid>> {
        RobotSolid::of(self.model()).map(|solid| Box::new(solid) as Box<dyn Solid>)
    }

    fn with_varied(&self, words: &[&str]) -> Result<(Arc<dyn AnyTask>, Vec<String>), String> {
        let (task, names) = self.varied_by(words)?;
        Ok((Arc::new(task), names))
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let file = self.kept_file().unwrap_or_default().into_bytes();
        vec![(FILE.to_owned(), file), (ROBOT.to_owned(), self.model().to_bytes())]
    }
}
