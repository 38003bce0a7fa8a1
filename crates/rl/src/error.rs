//! What can go wrong while running or improving a policy.

use thiserror::Error;
use wr2l_nn::NnError;
use wr2l_sim::SimError;

use crate::start::Misfit;

/// Why a rollout or an improvement step failed.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum RlError {
    /// A simulator could not be made or set.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// A network could not be made from the widths or numbers given.
    #[error(transparent)]
    Network(NnError),
    /// Something that must be finite was not; the policy is as it was before the step.
    #[error("{what} is not finite in iteration {iteration}")]
    NotFinite {
        /// What was not finite.
        what: &'static str,
        /// The learner's iteration, from 0.
        iteration: u64,
    },
    /// Every transition of a batch diverged: there is nothing to learn from.
    #[error("every transition of iteration {iteration} diverged: there is nothing to learn from")]
    NothingValid {
        /// The learner's iteration, from 0.
        iteration: u64,
    },
    /// An option has a value that makes no sense.
    #[error("`{option}` = {value}: {reason}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// Its value.
        value: String,
        /// What would be valid.
        reason: &'static str,
    },
    /// A learner was given opposition that it cannot play against.
    #[error(
        "an opponent whose actions mix with the agent's descends the critic Q(s, a) of its learner, and `{learner}` has \
         none: it needs `td3` or `ddpg`"
    )]
    Opposition {
        /// The learner.
        learner: &'static str,
    },
    /// A policy that pushes the robot was given a memory.
    #[error(
        "a policy that pushes the robot sees the observation alone: it can have no history of its own, and this one has \
         {frames} frames"
    )]
    OpponentRemembers {
        /// Its frames.
        frames: usize,
    },
    /// A learner of real actions was given a task of choices.
    #[error("`{learner}` needs actions that are real numbers, and this task's are choices")]
    Actions {
        /// The learner.
        learner: &'static str,
    },
    /// A task has no bodies that forces may push.
    #[error("this task has no bodies that forces from outside could push")]
    NothingToPush,
    /// A learner cannot choose among whole episodes.
    #[error(
        "to learn from the worst episodes a batch has to consist of whole episodes: `{learner}` {remedy}"
    )]
    Selection {
        /// The learner.
        learner: &'static str,
        /// What would help.
        remedy: &'static str,
    },
    /// A learner cannot begin with a policy that it was given.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// Weights do not fit the networks they are meant for.
    #[error("{what}: expected {expected} numbers, got {got}")]
    Shape {
        /// Which vector.
        what: &'static str,
        /// Its right length.
        expected: usize,
        /// Its length.
        got: usize,
    },
}
