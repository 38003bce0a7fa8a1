//! A learner that begins with a policy that is there, instead of one that chance makes: what has to fit.

use thiserror::Error;
use wr2l_nn::{Activation, Head, Normaliser, RunningMoments};
use wr2l_sim::ActionSpace;

use crate::{Actor, RlError};

/// Improvements in which a critic that knows nothing of the policy learns alone: with the advantages of a guess the first
/// steps would lead away from what was learnt before.
pub(crate) const CRITIC_ALONE: u64 = 5;

/// A policy to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The policy.
    pub actor: &'a Actor,
    /// Observations that its normaliser was made of: the larger, the slower it moves on.
    pub observations: u64,
}

impl Start<'_> {
    /// Whether a learner whose own fresh policy is `own` can go on with this one.
    pub(crate) fn fits(&self, learner: &'static str, own: &Actor, normalises: bool) -> Result<(), Misfit> {
        let actor = self.actor;
        let numbers = |expected: usize, got: usize| Misfit::Observation { expected, got };
        let frames = (own.history().frames(), actor.history().frames());
        if own.obs_dim() != actor.obs_dim() {
            return Err(numbers(own.obs_dim(), actor.obs_dim()));
        }
        if own.action_space() != actor.action_space() {
            let (expected, got) = (words_of(own.action_space()), words_of(actor.action_space()));
            return Err(Misfit::Actions { expected, got });
        }
        if frames.0 != frames.1 {
            return Err(Misfit::History { expected: frames.0, got: frames.1 });
        }
        if (own.policy().head() == Head::Bounded) != (actor.policy().head() == Head::Bounded) {
            return Err(Misfit::Bounded { learner, got: actor.policy().head() == Head::Bounded });
        }
        let eyes = |actor: &Actor| {
            actor.policy().network().convolutions().map(|c| (c.image(), c.shapes().collect::<Vec<_>>()))
        };
        if eyes(own) != eyes(actor) {
            return Err(Misfit::Convolutions { learner });
        }
        let hidden = |actor: &Actor| {
            let sizes = actor.policy().mlp().sizes();
            sizes[1..sizes.len() - 1].to_vec()
        };
        if hidden(own) != hidden(actor) {
            return Err(Misfit::Hidden { learner, expected: hidden(own), got: hidden(actor) });
        }
        let units = |actor: &Actor| match actor.policy().mlp().activation() {
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
        };
        if units(own) != units(actor) {
            return Err(Misfit::Units { learner, expected: units(own), got: units(actor) });
        }
        let is_plain = *actor.normaliser() == Normaliser::identity(actor.input_dim());
        if is_plain == normalises {
            return Err(Misfit::Normalisation { learner, got: !is_plain });
        }
        Ok(())
    }

    /// The moments that its normaliser goes on from.
    pub(crate) fn moments(&self) -> Result<RunningMoments, RlError> {
        Ok(self.actor.normaliser().moments(self.observations)?)
    }
}

fn words_of(actions: &ActionSpace) -> String {
    match actions {
        ActionSpace::Discrete { n } => format!("one of {n} choices"),
        ActionSpace::Continuous { low, high } => format!("{} real numbers in {low:?} to {high:?}", low.len()),
    }
}

/// Whether of the arrays that a learner saves this one is of use to another run that begins with its policy: critics,
/// optimisers and running moments, not where its episodes stand and what it has seen. The policy itself is kept otherwise.
pub fn is_learnt(name: &str) -> bool {
    !["actor.", "lanes.", "replay.", "explorers.", "opponent."].iter().any(|part| name.starts_with(part))
        && !["transitions", "updates"].contains(&name)
}

/// Why a learner cannot begin with a policy.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Misfit {
    /// The learner begins with none.
    #[error("this learner begins with a policy of its own")]
    Learner,
    /// It is for other observations.
    #[error("the policy sees {got} numbers of an observation, and here there are {expected}")]
    Observation {
        /// Length of an observation of the task.
        expected: usize,
        /// The policy's.
        got: usize,
    },
    /// It is for other actions.
    #[error("the policy's actions are {got}, and those here {expected}")]
    Actions {
        /// The task's, in words.
        expected: String,
        /// The policy's.
        got: String,
    },
    /// It remembers more or less.
    #[error("the policy remembers {got} frames, and `policy.history` is {expected}")]
    History {
        /// Frames of the plan.
        expected: usize,
        /// The policy's.
        got: usize,
    },
    /// It is of the other kind.
    #[error("{}", bounded(learner, *got))]
    Bounded {
        /// The learner.
        learner: &'static str,
        /// Whether the policy's actions are bounded by tanh.
        got: bool,
    },
    /// It sees images through other convolutions, or through none.
    #[error("the policy's convolutions are not those of `{learner}` here")]
    Convolutions {
        /// The learner.
        learner: &'static str,
    },
    /// Its network has other hidden layers.
    #[error("the policy's hidden layers are {got:?}, and `{learner}.hidden` is {expected:?}")]
    Hidden {
        /// The learner.
        learner: &'static str,
        /// The learner's.
        expected: Vec<usize>,
        /// The policy's.
        got: Vec<usize>,
    },
    /// Its hidden units are others.
    #[error("the policy's hidden units are `{got}`, and those of `{learner}` here `{expected}`")]
    Units {
        /// The learner.
        learner: &'static str,
        /// The learner's.
        expected: &'static str,
        /// The policy's.
        got: &'static str,
    },
    /// It normalises its observations and the learner does not, or the other way round.
    #[error("{}", normalisation(learner, *got))]
    Normalisation {
        /// The learner.
        learner: &'static str,
        /// Whether the policy does.
        got: bool,
    },
}

fn bounded(learner: &str, bounded: bool) -> String {
    match bounded {
        true => format!(
            "the policy's actions go through tanh, and `{learner}` learns others: use `td3` or `ddpg`"
        ),
        false => format!(
            "`{learner}` learns policies whose actions go through tanh, and this one's do not: use `ppo` or `trpo`"
        ),
    }
}

fn normalisation(learner: &str, normalised: bool) -> String {
    let (does, want) = if normalised { ("normalises", true) } else { ("does not normalise", false) };
    format!("the policy {does} its observations: set `{learner}.normalise_observations` to {want}")
}
