//! The physics that can stand behind a task.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{SimError, Task, TaskName, nearest_name};

/// The physics that moves a task's robot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Physics {
    /// Batched planar rigid bodies in Rust, with MuJoCo's numbers: the tasks whose model is one of its robots.
    Planar,
    /// MuJoCo 3.17.0: every task with a model, in a build with the feature `mujoco`.
    Mujoco,
    /// Equations of motion written out in Rust: the cart-pole and the torque-driven pendulum.
    Classic,
    /// Batched rigid bodies in three dimensions in Rust, with MuJoCo's numbers: robots of one's own.
    Lanes,
    /// What a program brings ([`Simulator::with_engine`](crate::Simulator::with_engine)): it can be named in no file and
    /// by no flag.
    Own,
}

impl Physics {
    /// All physics that a user can name.
    pub const ALL: [Self; 4] = [Self::Planar, Self::Mujoco, Self::Classic, Self::Lanes];

    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planar => "planar",
            Self::Mujoco => "mujoco",
            Self::Classic => "classic",
            Self::Lanes => "lanes",
            Self::Own => "own",
        }
    }

    /// The physics that `task` runs on in this build; the first is the default.
    pub fn available(task: TaskName) -> &'static [Self] {
        Self::of(&Task::new(task))
    }

    /// The same of a task that is none of the project's, or was changed.
    pub fn of(task: &Task) -> &'static [Self] {
        match task.robot.equations {
            Some(_) => &[Self::Classic],
            None if cfg!(feature = "mujoco") => &[Self::Planar, Self::Mujoco],
            None => &[Self::Planar],
        }
    }

    /// Whether `task` runs on it in this build.
    ///
    /// # Errors
    /// [`SimError::NotBuilt`] if it would in a build with the feature, else [`SimError::Physics`].
    pub fn check(self, task: TaskName) -> Result<(), SimError> {
        self.check_for(&Task::new(task))
    }

    pub(crate) fn check_for(self, task: &Task) -> Result<(), SimError> {
        let available = Self::of(task);
        if available.contains(&self) {
            return Ok(());
        }
        if self == Self::Mujoco && task.robot.model.is_some() {
            return Err(SimError::NotBuilt { physics: self.to_string() });
        }
        let names: Vec<&str> = available.iter().map(|physics| physics.as_str()).collect();
        Err(SimError::Physics {
            task: task.name.clone(),
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
