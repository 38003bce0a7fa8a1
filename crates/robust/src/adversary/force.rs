//! Robust adversarial reinforcement learning (Pinto et al. 2017): a second policy pushes the robot.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_rl::{
    Actor, Executor, Experience, Fixed, History, Learner, Opposition, Selection, State, StateError, Trpo,
    TrpoConfig,
};
use wr2l_sim::SimSpec;

use super::{Adversary, Choice, Report, Turn};
use crate::RobustError;

/// Options of [`Force`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ForceConfig {
    /// Largest force in each direction on each body, N; 0 is no adversary. The authors' code: 0.25 of 5 N. Usual:
    /// 0.5–5.
    pub bound: f64,
    /// Improvements of the adversary's policy per turn. Usual: 1, with a turn for every iteration of the learner.
    pub iterations: u32,
    /// How the adversary's policy learns.
    pub trpo: TrpoConfig,
}

impl Default for ForceConfig {
    fn default() -> Self {
        Self { bound: 1.25, iterations: 1, trpo: TrpoConfig::default() }
    }
}

impl ForceConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] or [`RobustError::Learner`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        if !(self.bound >= 0.0 && self.bound.is_finite()) {
            let requirement = "it must not be negative";
            return Err(RobustError::Parameter { name: "bound", value: self.bound, requirement });
        }
        crate::error::check_positive("iterations", f64::from(self.iterations))?;
        Ok(self.trpo.validate()?)
    }
}

/// A second policy whose actions are forces on the task's bodies, under the reference dynamics.
///
/// The forces are horizontal and vertical in the frame of the world (x forward, z up), at the centres of mass of the
/// bodies in [`SimSpec::forces`]: the pole of the pendulum, the foot of the Hopper, both feet of Walker2d, torso and
/// feet of HalfCheetah. In every turn the agent's policy stands still and the adversary's is improved by TRPO on
/// episodes of its own, rewarded by the opposite of the task's reward; then the learner goes on, pushed by it.
#[derive(Debug)]
pub struct Force {
    bound: f64,
    iterations: u32,
    pusher: Trpo,
}

impl Force {
    /// An adversary with a freshly initialised policy for a task with these shapes and `dim` dynamics parameters.
    ///
    /// # Errors
    /// [`ForceConfig::validate`]'s; [`RobustError::Learner`] for a task without bodies that may be pushed.
    pub fn new(config: ForceConfig, spec: &SimSpec, dim: usize, seed: u64) -> Result<Self, RobustError> {
        config.validate()?;
        let ForceConfig { bound, iterations, trpo } = config;
        Ok(Self { bound, iterations, pusher: Trpo::pusher(trpo, spec, dim, seed)? })
    }

    /// The same adversary of an agent with a history. It has none itself: it sees the observation.
    #[must_use]
    pub fn facing(self, agents: History) -> Self {
        Self { pusher: self.pusher.facing(agents), ..self }
    }

    /// The policy that pushes.
    pub fn pusher(&self) -> &Actor {
        self.pusher.actor()
    }
}

impl Adversary for Force {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let reference = Fixed::reference(executor.space());
        let mut report = Report::default();
        let mut simulator_steps = 0;
        // Forces bounded by 0 teach nothing.
        let iterations = if self.bound > 0.0 { u64::from(self.iterations) } else { 0 };
        for i in 0..iterations {
            let done = self.pusher.improve(Experience {
                executor: &mut *executor,
                source: &reference,
                seed: turn.seed,
                iteration: turn.index * iterations + i,
                progress: turn.progress,
                transition_share: 0.0,
                opposition: Opposition::Pushing { agent: actor, bound: self.bound },
                selection: Selection::default(),
                random_actions: 0.0,
            })?;
            simulator_steps += done.transitions as u64;
            report.diverged += u64::from(done.diverged);
            let n = done.finished.len();
            // What the agent got.
            let mean = -done.finished.iter().map(|episode| episode.ret).sum::<f64>() / n as f64;
            report.value = (n > 0).then_some(mean);
        }
        Ok(Choice { source: Arc::new(reference), report, simulator_steps })
    }

    fn opposition(&self) -> Opposition<'_> {
        Opposition::Pushed { by: self.pusher.actor(), bound: self.bound }
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.within("pusher", |state| self.pusher.save(state));
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        state.within("pusher", |state| self.pusher.restore(state))
    }
}
