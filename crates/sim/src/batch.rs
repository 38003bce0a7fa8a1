//! The interface of every simulator: many lanes, each with its own dynamics.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wr2l_rng::Stream;

use crate::{SpaceError, Verdict};

/// What an agent may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ActionSpace {
    /// A vector of real numbers, each within its bounds (both of length `act_dim`).
    Continuous {
        /// Lower bounds.
        low: Vec<f64>,
        /// Upper bounds.
        high: Vec<f64>,
    },
    /// One of `n` choices, passed as a single number 0, 1, …, n − 1.
    Discrete {
        /// Number of choices.
        n: usize,
    },
}

impl ActionSpace {
    /// Length of an action vector: 1 for a discrete choice.
    pub fn dim(&self) -> usize {
        match self {
            Self::Continuous { low, .. } => low.len(),
            Self::Discrete { .. } => 1,
        }
    }

    /// Writes an action uniform in the space into `action`, `[dim]`, from numbers that `uniform` draws between two bounds, the
    /// lower included.
    pub fn draw(&self, mut uniform: impl FnMut(f64, f64) -> f64, action: &mut [f64]) {
        match self {
            Self::Continuous { low, high } => {
                for ((action, &low), &high) in action.iter_mut().zip(low).zip(high) {
                    *action = uniform(low, high);
                }
            }
            Self::Discrete { n } => action.fill_with(|| uniform(0.0, *n as f64).floor()),
        }
    }
}

/// The shapes and limits of a task's simulator.
#[derive(Clone, Debug, PartialEq)]
pub struct SimSpec {
    /// Length of an observation.
    pub obs_dim: usize,
    /// Admissible actions.
    pub actions: ActionSpace,
    /// Number of generalised positions.
    pub nq: usize,
    /// Number of generalised velocities.
    pub nv: usize,
    /// Steps after which an episode is truncated (a time limit, not a terminal state).
    pub episode_limit: u32,
    /// Simulated seconds per step.
    pub dt: f64,
    /// Length of a snapshot, see [`BatchSim::save`].
    pub snapshot_len: usize,
    /// The bodies that forces from outside may push, see [`BatchSim::set_forces`].
    pub forces: Vec<String>,
    /// Whether the robot is to come forward: the first generalised position is how far it came, in m, and staying where
    /// it is a failure.
    pub walks: bool,
}

impl SimSpec {
    /// Length of an action vector.
    pub fn act_dim(&self) -> usize {
        self.actions.dim()
    }

    /// Length of the full physical state: qpos, then qvel.
    pub fn state_dim(&self) -> usize {
        self.nq + self.nv
    }
}

/// What a step did to a lane's episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Outcome {
    /// The episode goes on.
    #[default]
    Running,
    /// A terminal state: the value after it is 0. Takes precedence over the time limit.
    Terminated,
    /// The time limit: the episode could have gone on, so learners bootstrap with the value of the last state.
    Truncated,
    /// The physics broke down. State, observation and reward of the lane mean nothing from here on.
    Diverged(Divergence),
}

impl Outcome {
    /// Whether the episode is over, for whatever reason.
    pub fn is_over(self) -> bool {
        self != Self::Running
    }
}

/// Why a lane's physics broke down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divergence {
    /// An action was not finite, or not one of the discrete choices.
    Action,
    /// A position, velocity or acceleration was not finite or absurdly large.
    State,
    /// The simulator raised a warning of its own (contact or constraint buffer full, singular inertia).
    Simulator,
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Action => "action not finite or not a choice",
            Self::State => "state not finite or absurdly large",
            Self::Simulator => "simulator warning",
        })
    }
}

/// Why a simulator could not be made or set.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SimError {
    /// A dynamics parameter was refused.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The physics engine refused the model.
    #[error("the model of task `{task}` could not be loaded: {reason}")]
    Model {
        /// The task.
        task: String,
        /// What the engine said.
        reason: String,
    },
    /// A number of a task's configuration makes no sense.
    #[error("task `{task}`: `{field}` = {value} has to be {valid}")]
    Config {
        /// The task.
        task: String,
        /// Name of the number.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What it has to be.
        valid: &'static str,
    },
    /// The physics engine that was linked is not the one this crate was made for.
    #[error(
        "the linked MuJoCo is version {found}, but {expected} is needed: unset MUJOCO_DYNAMIC_LINK_DIR and let \
         `cargo xtask setup` fetch the right one"
    )]
    Version {
        /// Version found.
        found: String,
        /// Version needed.
        expected: &'static str,
    },
    /// A state, snapshot or force has the wrong length or is not finite.
    #[error("{what}: expected {expected} finite numbers, got {got}")]
    State {
        /// Which vector.
        what: &'static str,
        /// Its right length.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// The task or physics is not known.
    #[error("unknown {kind} `{name}`{}", .nearest.as_ref().map_or_else(String::new, |n| format!("; did you mean `{n}`?")))]
    Unknown {
        /// `task` or `physics`.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// The most similar existing name.
        nearest: Option<String>,
    },
    /// The task cannot run on the physics asked for.
    #[error("task `{task}` does not run on physics `{physics}`; it runs on {available}")]
    Physics {
        /// The task.
        task: String,
        /// The physics asked for.
        physics: String,
        /// What it runs on.
        available: String,
    },
    /// The physics was left out of this build.
    #[error(
        "this build has no physics `{physics}`: build with `--features {physics}`, or run through `cargo xtask run`, \
         which sets it up"
    )]
    NotBuilt {
        /// The physics asked for.
        physics: String,
    },
    /// The system refused the threads that were to simulate.
    #[error("the threads that simulate could not be started: {reason}")]
    Threads {
        /// What the system said.
        reason: String,
    },
    /// Others who were to simulate a part cannot be reached any more.
    #[error("{reason}")]
    Executor {
        /// Who, and what of it.
        reason: String,
    },
    /// Whoever asked for the simulation asked to stop; what was simulated so far is to be thrown away.
    #[error("interrupted")]
    Interrupted,
}

/// Steps many lanes at once, every lane with its own dynamics.
///
/// Lanes never influence each other: a lane's results do not depend, to the bit, on which other lanes exist or
/// step. All buffers belong to the caller; arrays are row-major with one row a lane.
pub trait BatchSim: Send + std::fmt::Debug {
    /// Shapes and limits, the same for all lanes.
    fn spec(&self) -> &SimSpec;

    /// Number of lanes.
    fn lanes(&self) -> usize;

    /// Sets the dynamics of a lane, from the reference values and never from the current ones: setting twice is
    /// setting once. `phi` holds physical values of the parameters that the simulator was made to vary.
    /// The physical state of the lane is kept.
    ///
    /// # Errors
    /// [`SimError::Space`] if a value is not finite or outside its bounds; the lane then keeps its dynamics.
    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError>;

    /// Pushes the bodies `SimSpec::forces` of a lane: a horizontal and a vertical force on the centre of mass of each
    /// (`[forces, 2]`, row-major, N, in the frame of the world, x forward and z up).
    ///
    /// They last until they are set again; `reset`, `set_state` and `restore` start without any.
    ///
    /// # Errors
    /// [`SimError::State`] for a wrong length (of a task without pushable bodies, any but 0) or a number that is not
    /// finite; the forces stay as they were.
    fn set_forces(&mut self, lane: usize, forces: &[f64]) -> Result<(), SimError>;

    /// Chooses the noise of a lane whose dynamics are stochastic, from now to the end of its episode: the same `number`, below
    /// 2⁵³, gives the same noise under any dynamics, and two numbers give independent noise. Deterministic dynamics
    /// ignore it.
    ///
    /// `reset` draws a number of its own; after `set_state` it is 0; a snapshot holds it.
    fn set_noise(&mut self, _lane: usize, _number: u64) {}

    /// Starts a new episode from a random initial state.
    fn reset(&mut self, lane: usize, stream: &mut Stream);

    /// Starts a new episode from a given state: `state` is qpos, then qvel (`[nq + nv]`).
    ///
    /// # Errors
    /// [`SimError::State`] for a wrong length or a number that is not finite.
    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError>;

    /// [`BatchSim::step`] from given states (`[n, nq + nv]`) of the first `n` lanes, as after [`BatchSim::set_state`], with the noise
    /// of numbers from `noise` on, one a lane. Of what follows only states are read, and which lanes diverged, so that a simulator
    /// may leave out all else: rewards, other outcomes, observations and snapshots mean nothing until a lane starts anew, and a
    /// reward that is not finite need not be noticed.
    ///
    /// # Errors
    /// As [`BatchSim::set_state`]; the lanes have any state then.
    fn step_from(
        &mut self,
        states: &[f64],
        noise: u64,
        actions: &[f64],
        active: &[bool],
        rewards: &mut [f64],
        outcomes: &mut [Outcome],
    ) -> Result<(), SimError> {
        let state_dim = self.spec().state_dim();
        for (lane, state) in states.chunks(state_dim.max(1)).enumerate() {
            self.set_state(lane, state)?;
            self.set_noise(lane, noise + lane as u64);
        }
        self.step(actions, active, rewards, outcomes);
        Ok(())
    }

    /// Writes the full physical state, qpos then qvel (`[nq + nv]`), unclipped.
    fn state(&self, lane: usize, out: &mut [f64]);

    /// Writes the observation (`[obs_dim]`).
    fn observe(&self, lane: usize, out: &mut [f64]);

    /// Writes everything that determines the lane's future, dynamics and forces excepted (`[snapshot_len]`); what moves by
    /// positions and velocities writes them first, qpos then qvel.
    fn save(&self, lane: usize, out: &mut [f64]);

    /// Continues bit for bit from a snapshot of any lane of any simulator of the same task and dynamics.
    ///
    /// # Errors
    /// [`SimError::State`] for a wrong length or a number that is not finite.
    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError>;

    /// Names of the terms whose sum is the reward; none where the task does not say.
    fn reward_names(&self) -> &[String] {
        &[]
    }

    /// Writes the terms of the reward of a lane's last step (`[reward_names]`), weights included.
    fn reward_terms(&self, _lane: usize, _out: &mut [f64]) {}

    /// What was wrong in the step in which a lane diverged, in words, where more is known than its outcome says.
    fn complaint(&self, _lane: usize) -> Option<String> {
        None
    }

    /// Why nothing that was simulated lately can be used, if so: not the physics of a lane has broken down but what all lanes
    /// depend on, a process or a program. A learner's batch is then given up.
    fn failure(&self) -> Option<SimError> {
        None
    }

    /// Advances every lane with `active[lane]` by one step of the task.
    ///
    /// - `actions`: `[lanes, act_dim]`, passed to the physics as they are (the physics clamps controls; the
    ///   control cost sees what was passed).
    /// - `rewards`, `outcomes`: `[lanes]`, written for active lanes only.
    ///
    /// A diverged lane's reward is written as 0.
    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]);
}

/// Refuses a vector of the wrong length or with a number that is not finite.
pub(crate) fn check_numbers(what: &'static str, values: &[f64], expected: usize) -> Result<(), SimError> {
    let finite = values.iter().filter(|value| value.is_finite()).count();
    if values.len() == expected && finite == expected {
        Ok(())
    } else {
        Err(SimError::State {
            what,
            expected,
            got: if values.len() == expected { finite } else { values.len() },
        })
    }
}

/// Reward and outcome of a step, from the task's verdict and what the physics noticed. Divergence comes first,
/// because the verdict then means nothing; a terminal state comes before the time limit.
pub(crate) fn judge_outcome(
    verdict: Verdict,
    divergence: Option<Divergence>,
    elapsed: u32,
    episode_limit: u32,
) -> (f64, Outcome) {
    let divergence = divergence.or((!verdict.reward.is_finite()).then_some(Divergence::State));
    if let Some(divergence) = divergence {
        (0.0, Outcome::Diverged(divergence))
    } else if verdict.terminated {
        (verdict.reward, Outcome::Terminated)
    } else if elapsed >= episode_limit {
        (verdict.reward, Outcome::Truncated)
    } else {
        (verdict.reward, Outcome::Running)
    }
}

#[cfg(test)]
mod tests {
    use super::ActionSpace;
    use wr2l_rng::{Purpose, StreamKey};

    #[test]
    fn random_actions_fill_their_space_and_do_not_leave_it() {
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let mut draw = |space: &ActionSpace| {
            let mut action = vec![f64::NAN; space.dim()];
            space.draw(|low, high| stream.uniform(low, high), &mut action);
            action
        };
        let space = ActionSpace::Continuous { low: vec![-3.0, 0.5], high: vec![3.0, 1.0] };
        let drawn: Vec<Vec<f64>> = (0..4000).map(|_| draw(&space)).collect();
        for (i, (low, high)) in [(-3.0, 3.0), (0.5, 1.0)].into_iter().enumerate() {
            let mean = drawn.iter().map(|a| a[i]).sum::<f64>() / 4000.0;
            assert!(drawn.iter().all(|a| (low..high).contains(&a[i])));
            // Six standard errors of the mean of uniform numbers.
            assert!(
                (mean - 0.5 * (low + high)).abs() < 6.0 * (high - low) / (12.0_f64 * 4000.0).sqrt(),
                "{mean}"
            );
        }
        let mut counts = [0; 3];
        for _ in 0..3000 {
            let choice = draw(&ActionSpace::Discrete { n: 3 })[0];
            assert_eq!(choice.fract(), 0.0);
            counts[choice as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (850..1150).contains(&count)), "{counts:?}");
    }
}
