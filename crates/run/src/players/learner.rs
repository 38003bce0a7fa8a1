//! The row of a learner: all that plans, help, checks and documentation know of it.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Value;
use wr2l_rl::{Learner, RlError};
use wr2l_sim::{DynamicsSpace, SimSpec};

use super::options::{Options, Since, Unread, Unreadable, Words, read};

/// A learner as plans know it. Its options are the plan's section of its name.
pub(crate) struct LearnerRow {
    /// The name as the user types it.
    pub(crate) name: &'static str,
    /// What it is, in a few words.
    pub(crate) about: &'static str,
    /// What it can do, and what it cannot do without.
    pub(crate) abilities: Abilities,
    /// See [`usual_lane_steps`](crate::plan::AdversaryPlan::lane_steps): the usual ones, times this. More for whose lanes are fewer.
    pub(crate) lane_steps_factor: u64,
    /// The usual options in a run of so many steps.
    pub(crate) usual: fn(steps: u64) -> Arc<dyn LearnerOptions>,
    /// Options from the section; what it does not say is as usual.
    pub(crate) read: fn(Value) -> Result<Arc<dyn LearnerOptions>, Unreadable>,
    /// Every option in words, in the order of the documentation.
    pub(crate) words: &'static [Words],
    /// Values that make a run take a second or less, by key within the section.
    pub(crate) quick: &'static [(&'static str, i64)],
    /// Options that plans of earlier versions were without. The first is the section itself, unless version 0.1 had it.
    pub(crate) since: fn() -> Since,
}

/// What a learner can do, and what it cannot do without.
pub(crate) struct Abilities {
    /// It has a critic Q(s, a) that an adversary can descend.
    pub(crate) action_values: bool,
    /// Its batches can be whole episodes.
    pub(crate) whole_episodes: bool,
    /// Its actions may be choices, not real numbers alone.
    pub(crate) choices: bool,
    /// Its policy has an entropy.
    pub(crate) entropy: bool,
}

/// Options of a learner.
pub(crate) trait LearnerOptions: Options {
    /// Whose they are.
    fn row(&self) -> &'static LearnerRow;

    /// Whether every option makes sense.
    ///
    /// # Errors
    /// [`RlError::Option`] for the first that does not.
    fn check(&self) -> Result<(), RlError>;

    /// Simulated robots that contribute to a batch.
    fn lanes(&self) -> usize;

    /// Transitions of a lane per batch.
    fn horizon(&self) -> usize;

    /// Whole episodes of a batch instead; 0 for none, of a learner that can, and always of others.
    fn episodes(&self) -> usize {
        0
    }

    /// How many numbers, to an order of magnitude, some options ask to be held in memory at once, by key.
    fn sizes(&self, scale: &Scale) -> Vec<(&'static str, f64)>;

    /// Options that are not read as the others are; `varied` says whether the dynamics of episodes differ.
    fn unread(&self, varied: bool) -> Vec<Unread>;

    /// The same without what is done only at the beginning of a run, if there is such a thing: to measure the rest by.
    fn underway(&self) -> Option<Arc<dyn LearnerOptions>> {
        None
    }

    /// A fresh learner.
    ///
    /// # Errors
    /// [`RlError`], never for options that [`check`](Self::check) accepts on a task that fits.
    fn build(&self, seat: &Seat<'_>) -> Result<Box<dyn Learner>, RlError>;
}

/// How large a task's numbers are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Numbers of a transition.
    pub(crate) transition: f64,
    /// Steps of the longest episode.
    pub(crate) episode: f64,
}

/// What a player is made for.
#[derive(Debug)]
pub(crate) struct Seat<'a> {
    /// The task.
    pub(crate) spec: &'a SimSpec,
    /// What varies.
    pub(crate) space: &'a DynamicsSpace,
    /// Frames of history that the policy sees.
    pub(crate) history: usize,
    /// The run's seed.
    pub(crate) seed: u64,
}

impl Seat<'_> {
    /// Dynamics parameters that vary.
    pub(crate) fn dim(&self) -> usize {
        self.space.dim()
    }
}

/// Reads the section of a learner whose options are a `T`: [`LearnerRow::read`].
pub(crate) fn read_learner<T: LearnerOptions + DeserializeOwned>(
    section: Value,
) -> Result<Arc<dyn LearnerOptions>, Unreadable> {
    Ok(Arc::new(read::<T>(section)?))
}
