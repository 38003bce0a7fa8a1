//! The named algorithms: each a preset of learner and adversary, tuned to the task where the task needs it.

use serde::{Deserialize, Serialize};
use wr2l_rl::PpoConfig;
use wr2l_sim::{Physics, TaskName};

use super::{Plan, Report, Stop};

/// A named algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// PPO at the reference dynamics.
    #[default]
    Ppo,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::Ppo];

    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ppo => "ppo",
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Plan {
    /// The defaults of `algorithm` on `task`.
    pub(super) fn preset(algorithm: Algorithm, task: TaskName) -> Self {
        Self {
            algorithm,
            task,
            // Without MuJoCo in the build, the name alone; making the simulator says what is missing.
            physics: Physics::available(task).first().copied().unwrap_or(Physics::Mujoco),
            vary: Vec::new(),
            seed: 0,
            steps: match task {
                TaskName::CartPole | TaskName::InvertedPendulum => 200_000,
                TaskName::Hopper | TaskName::Walker2d | TaskName::HalfCheetah => 1_000_000,
            },
            stop: Stop { entropy_below: f64::NEG_INFINITY },
            ppo: PpoConfig::default(),
            report: Report { sweep: usual_sweep(task, 15, 5), episodes: 5 },
        }
    }
}

/// The sweep that shows a task's robustness: `curve` points where one parameter matters, `side` × `side` points where
/// two do. It reaches outside every ball one would train in, on purpose.
pub fn usual_sweep(task: TaskName, curve: usize, side: usize) -> Vec<String> {
    match task {
        TaskName::CartPole => vec![format!("pole_half_length=0.1:2.5:{curve}")],
        TaskName::InvertedPendulum => vec![format!("pole_length=0.3:3:{curve}")],
        TaskName::Hopper | TaskName::Walker2d => {
            vec![format!("torso_density=500:3000:{side}"), format!("friction=0.5:3:{side}")]
        }
        TaskName::HalfCheetah => {
            vec![format!("torso_density=330:2000:{side}"), format!("friction=0.1:1.5:{side}")]
        }
    }
}
