//! Who plays in a plan, with the options of who does.

use std::sync::Arc;

use crate::players::adversary::AdversaryOptions;
use crate::players::kinds::{AdversaryKind, LearnerKind};
use crate::players::learner::LearnerOptions;

/// The learner of a plan and its options, which [`Plan::get`](crate::Plan::get) shows.
#[derive(Clone, Debug)]
pub struct LearnerPlan(Arc<dyn LearnerOptions>);

impl LearnerPlan {
    /// Who learns.
    pub fn kind(&self) -> LearnerKind {
        LearnerKind::of(self.0.row())
    }

    /// Its name.
    pub fn as_str(&self) -> &'static str {
        self.kind().as_str()
    }

    pub(crate) fn of(options: Arc<dyn LearnerOptions>) -> Self {
        Self(options)
    }

    pub(crate) fn options(&self) -> &dyn LearnerOptions {
        &*self.0
    }
}

impl PartialEq for LearnerPlan {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.0.table() == other.0.table()
    }
}

/// The adversary of a plan and its options, which [`Plan::get`](crate::Plan::get) shows, with those of whoever plays.
#[derive(Clone, Debug)]
pub struct AdversaryPlan {
    /// Steps of each of the learner's lanes between two turns, at least. The paper: 1,000 on 5 to 10 lanes.
    pub lane_steps: u64,
    /// The same in policy steps, those of all lanes together, as version 0.1 counted; instead of `lane_steps`.
    pub every: Option<u64>,
    /// Probability that chance acts instead of the agent, anew in every step of training, with an action uniform in its space;
    /// also where nobody plays. What an adversary simulates for itself is without. In [0, 1). Usual: 0 to 0.2.
    pub random_actions: f64,
    pub(super) options: Arc<dyn AdversaryOptions>,
}

impl AdversaryPlan {
    /// Who plays.
    pub fn kind(&self) -> AdversaryKind {
        AdversaryKind::of(self.options.row())
    }

    pub(crate) fn options(&self) -> &dyn AdversaryOptions {
        &*self.options
    }
}

impl PartialEq for AdversaryPlan {
    fn eq(&self, other: &Self) -> bool {
        let own = |plan: &Self| (plan.kind(), plan.lane_steps, plan.every, plan.random_actions);
        own(self) == own(other) && self.options.table() == other.options.table()
    }
}

/// Longer than an episode of any task: each can come to its end between two turns.
pub(super) fn usual_lane_steps() -> u64 {
    1_024
}
