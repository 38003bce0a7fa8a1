//! The role of a learner: who improves the policy θ.

use wr2l_sim::Outcome;

use crate::{
    Actor, Disturbance, DynamicsSource, Executor, FinishedEpisode, Interference, LaneBatch, Misfit, Player,
    Players, RlError, Selection, Start, State, StateError,
};

/// Where a learner gets its experience from: simulators, and the dynamics that the adversary has chosen.
pub struct Experience<'a> {
    /// Who simulates.
    pub executor: &'a mut dyn Executor,
    /// Dynamics of each episode.
    pub source: &'a dyn DynamicsSource,
    /// The run's seed.
    pub seed: u64,
    /// Number of this improvement in the run, from 0; keys action noise and minibatches.
    pub iteration: u64,
    /// Fraction of the run's step budget already used, in [0, 1]: anneals learning rates.
    pub progress: f64,
    /// Fraction of it that a transition uses; 0 where there is no budget.
    pub transition_share: f64,
    /// Who else acts.
    pub opposition: Opposition<'a>,
    /// Which episodes to learn from.
    pub selection: Selection,
    /// See [`CollectOptions::random_actions`](crate::CollectOptions::random_actions).
    pub random_actions: f64,
}

impl<'a> Experience<'a> {
    /// Experience of a learner that acts alone and learns from every episode.
    pub fn alone(
        executor: &'a mut dyn Executor,
        source: &'a dyn DynamicsSource,
        seed: u64,
        iteration: u64,
        progress: f64,
    ) -> Self {
        let (opposition, selection) = (Opposition::Nobody, Selection::default());
        Self {
            executor,
            source,
            seed,
            iteration,
            progress,
            transition_share: 0.0,
            opposition,
            selection,
            random_actions: 0.0,
        }
    }
}

/// Who else acts in a learner's episodes.
#[derive(Clone, Copy, Debug, Default)]
pub enum Opposition<'a> {
    /// Nobody.
    #[default]
    Nobody,
    /// A policy that pushes bodies of the robot, with forces up to `bound` N in each direction ([`Interference::Force`]).
    Pushed {
        /// The policy that pushes.
        by: &'a Actor,
        /// Largest force.
        bound: f64,
    },
    /// The agent: the learner is the one who pushes.
    Pushing {
        /// The agent's policy.
        agent: &'a Actor,
        /// Largest force.
        bound: f64,
    },
    /// A policy whose actions replace the learner's or blend into them. It descends the learner's own critic, and so is
    /// trained by the learner: only one whose critic knows the value of an action can do that ([`Ddpg`](crate::Ddpg)).
    Mixed(Mixing),
}

/// How an opponent's actions mix with the agent's, and how often it learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixing {
    /// [`Interference::TakeOver`] or [`Interference::Blend`].
    pub means: Interference,
    /// The agent's updates to one of the opponent's. Usual: 10.
    pub every: u32,
    /// Whether an update of the opponent takes the agent's turn, instead of following it.
    pub in_turn: bool,
    /// Whether the opponent explores as the agent does.
    pub explores: bool,
}

impl<'a> Opposition<'a> {
    /// The players of an episode of the learner `learner`, called `name`, whose opponents can be forces alone.
    ///
    /// # Errors
    /// [`RlError::Opposition`] for [`Opposition::Mixed`]; [`RlError::OpponentRemembers`] for a policy that pushes and has a
    /// history: what an agent remembers is of its own actions.
    pub fn players(self, learner: &'a Actor, name: &'static str) -> Result<Players<'a>, RlError> {
        let disturbance = |actor: &'a Actor, bound| match actor.history().frames() {
            0 => Ok(Some(Disturbance { actor, means: Interference::Force { bound }, explores: true })),
            frames => Err(RlError::OpponentRemembers { frames }),
        };
        match self {
            Self::Nobody => Ok(Players::alone(learner)),
            Self::Pushed { by, bound } => {
                Ok(Players { agent: learner, disturbance: disturbance(by, bound)?, learner: Player::Agent })
            }
            Self::Pushing { agent, bound } => {
                Ok(Players { agent, disturbance: disturbance(learner, bound)?, learner: Player::Opponent })
            }
            Self::Mixed(_) => Err(RlError::Opposition { learner: name }),
        }
    }
}

/// Who improves the policy θ against the dynamics it is given.
pub trait Learner: std::fmt::Debug + Send {
    /// Collects experience and improves the policy once (line 12 of Algorithm 1).
    ///
    /// # Errors
    /// [`RlError::NotFinite`] if anything non-finite would reach the policy, which is then left as it was;
    /// [`SimError::Interrupted`](wr2l_sim::SimError::Interrupted) if the executor's [`StopFlag`](crate::StopFlag) is raised
    /// and its patience at an end: then the learner is in an unspecified state and must not be used.
    fn improve(&mut self, experience: Experience<'_>) -> Result<Improvement, RlError>;

    /// Begins with the policy of `start`, and with a normaliser that goes on from the policy's. To be called on a learner freshly
    /// made, before its first improvement or [`Learner::restore`]. A critic is still one that chance made: it learns alone at
    /// first, unless [`Learner::take_over`] brings another.
    ///
    /// # Errors
    /// [`RlError::Misfit`] for a policy that is not such as this learner learns, and always of a learner that begins with its
    /// own alone; it is then in an unspecified state and must not be used.
    fn begin_with(&mut self, start: &Start<'_>) -> Result<(), RlError> {
        let _ = start;
        Err(RlError::Misfit(Misfit::Learner))
    }

    /// After [`Learner::begin_with`], takes over what the learner of that policy had learnt besides: critics, optimisers and
    /// running moments, of what [`Learner::save`] wrote those that [`is_learnt`](crate::is_learnt) names.
    ///
    /// # Errors
    /// [`StateError`] for networks of other shapes, another learner's among them; it is then in an unspecified state and must not be
    /// used.
    fn take_over(&mut self, learnt: &mut State<'_>) -> Result<(), StateError> {
        Err(learnt.unusable("critic", "this learner takes over nothing"))
    }

    /// The policy as it stands.
    fn actor(&self) -> &Actor;

    /// Transitions that one improvement takes; 0 if that is not fixed.
    fn transitions(&self) -> usize;

    /// Writes down everything that determines its future: weights, optimiser, normalisers, lanes, replay buffer.
    fn save<'a>(&'a self, state: &mut State<'a>);

    /// Takes back what [`Learner::save`] wrote, into a learner freshly made by the same plan, which then goes on bit
    /// for bit as the saved one would have.
    ///
    /// # Errors
    /// [`StateError`]; the learner is then in an unspecified state and must not be used.
    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError>;
}

/// What an improvement did, for the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Improvement {
    /// Transitions collected, diverged ones included.
    pub transitions: usize,
    /// Means a step of the terms of the task's rewards, in the order of
    /// [`BatchSim::reward_names`](wr2l_sim::BatchSim::reward_names); empty where the task names none.
    pub reward_terms: Vec<f64>,
    /// Episodes that ended, in lane order.
    pub finished: Vec<FinishedEpisode>,
    /// Episodes dropped because the dynamics changed under them.
    pub dropped: u32,
    /// Episodes that ended because the physics diverged.
    pub diverged: u32,
    /// Mean of the clipped surrogate loss over the last epoch.
    pub policy_loss: f64,
    /// Mean of half the squared error of the (normalised) value over the last epoch.
    pub value_loss: f64,
    /// Mean entropy of the policy over the last epoch, in nats.
    pub entropy: f64,
    /// Mean of `(r − 1) − ln r` over the last epoch, an estimate of KL(old ‖ new) (Schulman 2020).
    pub kl: f64,
    /// Fraction of samples in the last epoch whose ratio lay outside the clip range.
    pub clip_fraction: f64,
    /// 1 − Var(target − V)/Var(target) before the update: 1 is a perfect critic, 0 no better than a constant.
    pub explained_variance: f64,
    /// Euclidean norm of the last minibatch's gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate used.
    pub learning_rate: f64,
    /// Epochs done (fewer than asked if the KL limit was reached).
    pub epochs: u32,
    /// Why the policy was left as it was; `None` if it made its step.
    pub skipped: Option<Skip>,
    /// What it waited for; the only entry that differs from one run to the next.
    pub seconds: PhaseSeconds,
}

/// Wall-clock seconds of the phases of an improvement; 0 where a learner does not measure them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PhaseSeconds {
    /// Rollouts: physics and policy.
    pub collect: f64,
    /// What comes between rollouts and gradients: values, advantages.
    pub prepare: f64,
    /// Gradients and steps.
    pub update: f64,
}

impl Improvement {
    /// What was collected, nothing learnt yet.
    pub fn of(batch: &[LaneBatch]) -> Self {
        let mut report = Self { transitions: transitions(batch), ..Self::default() };
        let sound = batch.iter().flat_map(|lane| &lane.outcomes);
        let sound = sound.filter(|outcome| !matches!(outcome, Outcome::Diverged(_))).count();
        for lane in batch {
            report.reward_terms.resize(lane.reward_terms.len(), 0.0);
            for (mean, sum) in report.reward_terms.iter_mut().zip(&lane.reward_terms) {
                *mean += sum / sound.max(1) as f64;
            }
            report.finished.extend(&lane.finished);
            report.dropped += lane.dropped;
        }
        report.diverged =
            report.finished.iter().filter(|e| matches!(e.outcome, Outcome::Diverged(_))).count() as u32;
        report
    }
}

impl Improvement {
    /// Adds what was collected besides.
    pub fn add(&mut self, other: Self) {
        let share = other.transitions as f64 / (self.transitions + other.transitions).max(1) as f64;
        self.reward_terms.resize(other.reward_terms.len(), 0.0);
        for (mean, more) in self.reward_terms.iter_mut().zip(&other.reward_terms) {
            *mean += share * (more - *mean);
        }
        self.transitions += other.transitions;
        self.finished.extend(other.finished);
        self.dropped += other.dropped;
        self.diverged += other.diverged;
    }
}

/// Transitions in a batch, diverged ones included.
pub(crate) fn transitions(batch: &[LaneBatch]) -> usize {
    batch.iter().map(|lane| lane.rewards.len()).sum()
}

/// Why a learner left its policy as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The gradient is exactly zero: all actions were equally good.
    NoGradient,
    /// An advantage, a value target or the gradient is not finite.
    NotFinite,
    /// The Fisher matrix has no positive, finite curvature along the gradient.
    NoCurvature,
    /// No trial of the line search improved the surrogate within the trust region.
    NoProgress,
    /// Too little experience so far.
    WarmUp,
}

impl Skip {
    /// A word for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoGradient => "no-gradient",
            Self::NotFinite => "not-finite",
            Self::NoCurvature => "no-curvature",
            Self::NoProgress => "no-progress",
            Self::WarmUp => "warm-up",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lanes_dropped_adds_up() {
        let lane = |dropped| LaneBatch { dropped, ..LaneBatch::empty() };
        assert_eq!(Improvement::of(&[lane(2), lane(0), lane(3)]).dropped, 5);
    }

    #[test]
    fn every_reason_to_leave_the_policy_has_a_word_of_its_own() {
        let all = [Skip::NoGradient, Skip::NotFinite, Skip::NoCurvature, Skip::NoProgress, Skip::WarmUp]
            .map(Skip::as_str);
        let different: std::collections::BTreeSet<&str> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
        assert!(
            all.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && word.len() > 2)
        );
    }

    #[test]
    fn two_reports_added_are_the_report_of_both() {
        let part = |transitions: usize, term: f64, dropped, diverged| Improvement {
            transitions,
            reward_terms: vec![term, -term],
            dropped,
            diverged,
            ..Improvement::default()
        };
        let mut sum = Improvement::default();
        for more in [part(100, 1.0, 2, 3), part(300, 5.0, 4, 7), part(0, 9.0, 0, 0)] {
            sum.add(more);
        }
        // The means of rewards are those over all steps.
        assert_eq!(sum, part(400, 4.0, 6, 10));
    }
}
