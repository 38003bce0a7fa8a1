//! Whether the values of a plan make sense, by themselves and together.

use wr2l_rl::{History, Learner, RlError};
use wr2l_robust::BallMeasure;
use wr2l_sim::{ActionSpace, DynamicsSpace, SimSpec};

use super::Plan;
use super::layers::Complaint;
use super::readers::listed;
use super::sheet::{ADVERSARY, Sheet};
use crate::formats::policy_file::VariedParameter;
use crate::players::LEARNERS;
use crate::players::adversary::checked;
use crate::players::learner::{Abilities, Scale, Seat};
use crate::players::options::{Mistake, Options};

/// Most numbers that a plan may ask to be held in memory at once: a guard against typing slips, at 8 GB.
const LARGEST: f64 = 1e9;

impl Plan {
    /// Why learner, adversary and task do not go together, in a sentence.
    pub(super) fn makes_no_sense(&self) -> Option<String> {
        let task = self.task.spec();
        let (learner, adversary) = (self.learner.kind().row(), self.adversary.kind().row());
        let (can, needs) = (&learner.abilities, &adversary.needs);
        let able = |ability: fn(&Abilities) -> bool| {
            listed(LEARNERS.iter().filter(|row| ability(&row.abilities)).map(|row| row.name), "or")
        };
        if needs.action_values && !can.action_values {
            Some(format!(
                "the adversary `{}` improves by descending the learner's critic Q(s, a), which `{}` does not have; use the \
                 learner {}",
                adversary.name,
                learner.name,
                able(|can| can.action_values)
            ))
        } else if needs.whole_episodes && !can.whole_episodes {
            Some(format!(
                "the adversary `{}` picks the worst whole episodes of a fresh batch, and `{}` learns from single transitions \
                 of all times; use the learner {}",
                adversary.name,
                learner.name,
                able(|can| can.whole_episodes)
            ))
        } else if !can.choices && matches!(task.actions, ActionSpace::Discrete { .. }) {
            Some(format!(
                "`{}` needs actions that are real numbers, and those of `{}` are choices; use the learner {}",
                learner.name,
                self.task,
                able(|can| can.choices)
            ))
        } else if needs.bodies && task.forces.is_empty() {
            Some(format!(
                "the adversary `{}` needs bodies to push, and `{}` has none",
                adversary.name, self.task
            ))
        } else {
            None
        }
    }
}

impl Plan {
    /// What a learner is made for, on a task of these shapes, of which `space` varies.
    pub(crate) fn seat<'a>(&self, spec: &'a SimSpec, space: &'a DynamicsSpace) -> Seat<'a> {
        Seat { spec, space, history: self.policy.history, seed: self.seed }
    }

    /// The learner before its first improvement, on a task of these shapes, of which `space` varies.
    ///
    /// # Errors
    /// [`RlError`], never for a plan from [`Plan::resolve`].
    pub(crate) fn new_learner(
        &self,
        spec: &SimSpec,
        space: &DynamicsSpace,
    ) -> Result<Box<dyn Learner>, RlError> {
        let seat = self.seat(spec, space);
        let make = || self.learner.options().build(&seat);
        let Some(start) = &self.from else { return make() };
        let key = format!("{}.critic_sees_dynamics", self.learner.kind().as_str());
        let informed = self.get(&key) == Some(true.into());
        start.begin(make, |varied| {
            !informed || self.space().is_ok_and(|space| varied == VariedParameter::all(&space))
        })
    }
}

impl Sheet {
    /// Whether every option makes sense. Those that nobody uses as well: a plan has no number in it that means nothing.
    pub(super) fn check(&self) -> Result<(), Complaint> {
        let complain = |key: &str, message: String| Err(Complaint::new(key, message));
        let plan = &self.plan;
        if let Err(error) = plan.task.check_physics(plan.physics) {
            return complain("physics", error.to_string());
        }
        let space = match plan.space() {
            Ok(space) => space,
            Err(error) => return complain("vary", error.to_string()),
        };
        if plan.steps == 0 {
            return complain("steps", "must be at least 1".into());
        }
        if plan.stop.entropy_below.is_nan() {
            return complain("stop.entropy_below", "must be a number; -inf for never".into());
        }
        let spec = plan.task.spec();
        if let Err(RlError::Option { value, reason, .. }) = History::of(&spec, plan.policy.history) {
            return complain("policy.history", format!("{reason}, got {value}"));
        }
        // Before anything multiplies these, or makes room for so many.
        for (key, size) in self.sizes() {
            if size > LARGEST {
                return complain(
                    &key,
                    format!("asks for {size:.1e} numbers at once; {LARGEST:.1e} are the most"),
                );
            }
        }
        for options in &self.learners {
            let section = options.row().name;
            match options.check() {
                Ok(()) => {}
                Err(RlError::Option { option, value, reason }) => {
                    return complain(&format!("{section}.{option}"), format!("{reason}, got {value}"));
                }
                Err(other) => return complain(section, other.to_string()),
            }
        }
        self.check_game()?;
        for (key, steps) in [("every", plan.adversary.every), ("lane_steps", Some(plan.adversary.lane_steps))]
        {
            if steps == Some(0) {
                return complain(&format!("adversary.{key}"), "must be at least 1".into());
            }
        }
        let chance = plan.adversary.random_actions;
        if !(0.0..1.0).contains(&chance) {
            return complain("adversary.random_actions", format!("it must lie in [0, 1), got {chance}"));
        }
        for options in &self.adversaries {
            options.check(&space).map_err(|mistake| placed(ADVERSARY, mistake))?;
        }
        let ball = plan.ball.validate();
        checked(&plan.ball.table(), ball).map_err(|mistake| placed("ball", mistake))?;
        let learner = plan.learner.options();
        if learner.episodes() == 0 {
            let lanes = plan.adversary.options().check_lanes(learner.lanes());
            lanes.map_err(|mistake| placed(ADVERSARY, mistake))?;
        }
        if plan.report.episodes == 0 {
            return complain("report.episodes", "must be at least 1".into());
        }
        if let Err(error) = plan.sweep() {
            return complain("report.sweep", error.to_string());
        }
        // What else keeps a learner from being made is said elsewhere.
        match plan.from.as_ref().map(|_| plan.new_learner(&spec, &space)) {
            Some(Err(RlError::Misfit(misfit))) => complain("from", misfit.to_string()),
            _ => Ok(()),
        }
    }

    /// Whether the options of the players and the ball go together.
    fn check_game(&self) -> Result<(), Complaint> {
        let plan = &self.plan;
        let (learner, adversary) = (plan.learner.options(), plan.adversary.kind().row());
        let complain = |key: &str, message: String| Err(Complaint::new(key, message));
        if adversary.needs.whole_episodes && learner.row().abilities.whole_episodes && learner.episodes() == 0
        {
            let message = format!(
                "must be at least 1 with the adversary `{}`, which picks the worst of whole episodes; 100 is usual",
                adversary.name
            );
            return complain(&format!("{}.episodes", learner.row().name), message);
        }
        if adversary.needs.second_order && plan.ball.measure == BallMeasure::Measured {
            let message = format!(
                "the adversary `{}` knows the ball's second-order form only; use \"taylor\"",
                adversary.name
            );
            return complain("ball.measure", message);
        }
        if adversary.needs.ball && plan.vary.is_empty() {
            let message = "the adversary needs at least one parameter to vary; `wr2l tasks TASK` lists them";
            return complain("vary", message.into());
        }
        Ok(())
    }

    /// How many numbers, to an order of magnitude, some options ask to be held in memory at once.
    fn sizes(&self) -> Vec<(String, f64)> {
        let plan = &self.plan;
        let spec = plan.task.spec();
        // That the history is no longer than it may be was checked before.
        let inputs = spec.obs_dim + plan.policy.history * (spec.obs_dim + spec.act_dim());
        let scale =
            Scale { transition: 64.0_f64.max(2.0 * inputs as f64), episode: f64::from(spec.episode_limit) };
        let within = |section: &str, sizes: Vec<(&str, f64)>| -> Vec<(String, f64)> {
            sizes.into_iter().map(|(key, size)| (format!("{section}.{key}"), size)).collect()
        };
        let learners =
            self.learners.iter().flat_map(|options| within(options.row().name, options.sizes(&scale)));
        let adversaries = self.adversaries.iter().flat_map(|options| within(ADVERSARY, options.sizes()));
        let pairs = &plan.ball.pairs;
        let others = [
            ("ball.pairs.count", pairs.count as f64 * 64.0),
            // Of all pairs, under each of some points at once.
            ("ball.pairs.samples", pairs.count as f64 * pairs.samples as f64 * 256.0),
            ("ball.pairs.pool", pairs.pool as f64 * 64.0),
            // A pair comes of several steps.
            ("ball.pairs.most_steps", pairs.most_steps as f64 * 8.0),
            ("report.episodes", f64::from(plan.report.episodes) * 64.0),
        ];
        learners.chain(adversaries).chain(others.map(|(key, size)| (key.to_owned(), size))).collect()
    }
}

/// A mistake in a section of a plan.
fn placed(section: &str, mistake: Mistake) -> Complaint {
    let Mistake { key, message } = mistake;
    let key = if key.is_empty() { section.to_owned() } else { format!("{section}.{key}") };
    Complaint::new(key, message)
}
