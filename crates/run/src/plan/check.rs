//! Whether the values of a plan make sense, by themselves and together.

use toml::{Table, Value};
use wr2l_rl::{History, RlError};
use wr2l_robust::adversary::PerLane;
use wr2l_robust::{BallMeasure, RobustError};
use wr2l_sim::ActionSpace;

use super::layers::Complaint;
use super::{AdversaryKind, AdversaryPlan, LearnerKind, Plan};

/// Most numbers that a plan may ask to be held in memory at once: a guard against typing slips, at 8 GB.
const LARGEST: f64 = 1e9;

impl Plan {
    /// Why learner, adversary and task do not go together, in a sentence.
    pub(super) fn makes_no_sense(&self) -> Option<String> {
        let task = self.task.spec();
        match (self.learner, self.adversary.kind) {
            (LearnerKind::Ppo | LearnerKind::Trpo, AdversaryKind::Action) => Some(format!(
                "the adversary `action` improves by descending the learner's critic Q(s, a), which `{}` does not have; \
                 use the learner `td3` or `ddpg`",
                self.learner.as_str()
            )),
            (learner, AdversaryKind::Cvar) if learner.replays() => Some(format!(
                "the adversary `cvar` picks the worst whole episodes of a fresh batch, and `{}` learns from single \
                 transitions of all times; use the learner `ppo` or `trpo`",
                learner.as_str()
            )),
            (learner, _) if learner.replays() && matches!(task.actions, ActionSpace::Discrete { .. }) => {
                Some(format!(
                    "`{}` needs actions that are real numbers, and those of `{}` are choices; use the learner `ppo` or \
                     `trpo`",
                    learner.as_str(),
                    self.task
                ))
            }
            (_, AdversaryKind::Force) if task.forces.is_empty() => {
                Some(format!("the adversary `force` needs bodies to push, and `{}` has none", self.task))
            }
            _ => None,
        }
    }

    pub(super) fn check(&self) -> Result<(), Complaint> {
        let complain = |key: &str, message: String| Err(Complaint::new(key, message));
        if let Err(error) = self.task.check_physics(self.physics) {
            return complain("physics", error.to_string());
        }
        if let Err(error) = self.space() {
            return complain("vary", error.to_string());
        }
        if self.steps == 0 {
            return complain("steps", "must be at least 1".into());
        }
        if self.stop.entropy_below.is_nan() {
            return complain("stop.entropy_below", "must be a number; -inf for never".into());
        }
        let spec = self.task.spec();
        if let Err(RlError::Option { value, reason, .. }) = History::of(&spec, self.policy.history) {
            return complain("policy.history", format!("{reason}, got {value}"));
        }
        // Before anything multiplies these, or makes room for so many.
        for (key, size) in self.sizes() {
            if size > LARGEST {
                return complain(
                    key,
                    format!("asks for {size:.1e} numbers at once; {LARGEST:.1e} are the most"),
                );
            }
        }
        let options = |section: &str, checked: Result<(), RlError>| match checked {
            Ok(()) => Ok(()),
            Err(RlError::Option { option, value, reason }) => {
                complain(&format!("{section}.{option}"), format!("{reason}, got {value}"))
            }
            Err(other) => complain(section, other.to_string()),
        };
        // Those that nobody uses as well: a plan has no number in it that means nothing.
        options("ppo", self.ppo.validate())?;
        options("trpo", self.trpo.validate())?;
        options("ddpg", self.ddpg.validate())?;
        options("td3", self.td3.validate())?;
        options("adversary.force.trpo", self.adversary.force.trpo.validate())?;
        let episodes = match self.learner {
            LearnerKind::Ppo => self.ppo.episodes,
            LearnerKind::Trpo => self.trpo.episodes,
            LearnerKind::Ddpg | LearnerKind::Td3 => 0,
        };
        if self.adversary.kind == AdversaryKind::Cvar && episodes == 0 && !self.learner.replays() {
            let message = "must be at least 1 with the adversary `cvar`, which picks the worst of whole episodes; 100 is usual";
            return complain(&format!("{}.episodes", self.learner.as_str()), message.into());
        }
        if self.adversary.kind == AdversaryKind::Tail && self.ball.measure == BallMeasure::Measured {
            let message = "the adversary `tail` knows the ball's second-order form only; use \"taylor\"";
            return complain("ball.measure", message.into());
        }
        if self.adversary.kind.needs_ball() && self.vary.is_empty() {
            let message = "the adversary needs at least one parameter to vary; `wr2l tasks TASK` lists them";
            return complain("vary", message.into());
        }
        for (key, steps) in [("every", self.adversary.every), ("lane_steps", Some(self.adversary.lane_steps))]
        {
            if steps == Some(0) {
                return complain(&format!("adversary.{key}"), "must be at least 1".into());
            }
        }
        let chance = self.adversary.random_actions;
        if !(0.0..1.0).contains(&chance) {
            return complain("adversary.random_actions", format!("it must lie in [0, 1), got {chance}"));
        }
        let AdversaryPlan { cvar, action, force, .. } = &self.adversary;
        for (section, checked) in [
            ("adversary.cvar", cvar.validate()),
            ("adversary.action", action.validate()),
            ("adversary.force", force.validate()),
            ("adversary", self.adversary.config().validate()),
            ("ball", self.ball.validate()),
        ] {
            match checked {
                Ok(()) => {}
                Err(RobustError::Parameter { name, value, requirement }) => {
                    return complain(&self.key_of(section, name), format!("{requirement}, got {value}"));
                }
                Err(other) => return complain(section, other.to_string()),
            }
        }
        if self.adversary.kind == AdversaryKind::Wasserstein && episodes == 0 {
            self.check_lanes()?;
        }
        if let Ok(space) = self.space()
            && let Err(bad) = self.adversary.region.bounds(&space)
        {
            return complain(&format!("adversary.region.{}", bad.option), bad.reason);
        }
        if self.report.episodes == 0 {
            return complain("report.episodes", "must be at least 1".into());
        }
        match self.sweep() {
            Err(error) => complain("report.sweep", error.to_string()),
            Ok(_) => Ok(()),
        }
    }

    /// Whether there are lanes enough for the worst cases, the reference and random points.
    fn check_lanes(&self) -> Result<(), Complaint> {
        let lanes = self.lanes();
        let AdversaryPlan { worst_cases, nominal_share, uniform_share, .. } = self.adversary;
        let (nominal, random) = PerLane::counts(lanes, nominal_share, uniform_share);
        for (key, share, taken) in
            [("nominal_share", nominal_share, nominal), ("uniform_share", uniform_share, random)]
        {
            if share > 0.0 && taken == 0 {
                let message = format!("is less than one of the learner's lanes, of which there are {lanes}");
                return Err(Complaint::new(format!("adversary.{key}"), message));
            }
        }
        let left = lanes - nominal - random;
        if worst_cases > left.max(1) {
            let message =
                format!("more than the learner's lanes that are left for worst cases, {left} of {lanes}");
            return Err(Complaint::new("adversary.worst_cases", message));
        }
        Ok(())
    }

    /// How many numbers, to an order of magnitude, some options ask to be held in memory at once.
    fn sizes(&self) -> [(&'static str, f64); 28] {
        let phase_one = &self.adversary.phase_one;
        let points = 2.0 * phase_one.gradient.pairs as f64;
        let episodes = self.adversary.episodes as f64;
        let squares = |hidden: &[usize]| hidden.iter().map(|&width| (width as f64).powi(2)).sum();
        let spec = self.task.spec();
        let limit = f64::from(spec.episode_limit);
        // Numbers of a transition; that the history is no longer than it may be was checked before.
        let inputs = spec.obs_dim + self.policy.history * (spec.obs_dim + spec.act_dim());
        let row = 64.0_f64.max(2.0 * inputs as f64);
        let Self { ppo, trpo, ddpg, td3, .. } = self;
        let pusher = &self.adversary.force.trpo;
        [
            ("ppo.lanes", ppo.lanes as f64 * 64.0),
            ("ppo.horizon", ppo.lanes as f64 * ppo.horizon as f64 * row),
            ("ppo.episodes", ppo.episodes as f64 * limit * row),
            ("ppo.hidden", squares(&ppo.hidden)),
            ("trpo.lanes", trpo.lanes as f64 * 64.0),
            ("trpo.horizon", trpo.lanes as f64 * trpo.horizon as f64 * row),
            ("trpo.episodes", trpo.episodes as f64 * limit * row),
            ("trpo.hidden", squares(&trpo.hidden)),
            ("ddpg.horizon", ddpg.lanes as f64 * ddpg.horizon as f64 * row),
            ("ddpg.replay", ddpg.replay as f64 * row),
            ("ddpg.minibatch", ddpg.minibatch as f64 * row),
            ("ddpg.hidden", squares(&ddpg.hidden)),
            ("td3.horizon", td3.lanes as f64 * td3.horizon as f64 * row),
            ("td3.replay", td3.replay as f64 * row),
            ("td3.minibatch", td3.minibatch as f64 * row),
            ("td3.hidden", squares(&td3.hidden)),
            ("adversary.force.trpo.horizon", pusher.lanes as f64 * pusher.horizon as f64 * 64.0),
            ("adversary.force.trpo.hidden", squares(&pusher.hidden)),
            ("ball.pairs.count", self.ball.pairs.count as f64 * 64.0),
            // Of all pairs, under each of some points at once.
            ("ball.pairs.samples", self.ball.pairs.count as f64 * self.ball.pairs.samples as f64 * 256.0),
            ("ball.pairs.pool", self.ball.pairs.pool as f64 * 64.0),
            // A pair comes of several steps.
            ("ball.pairs.most_steps", self.ball.pairs.most_steps as f64 * 8.0),
            ("adversary.phase_one.gradient.pairs", points * episodes * 64.0),
            ("adversary.phase_one.surrogate.budget", phase_one.surrogate.budget as f64 * episodes * 64.0),
            ("adversary.tail.evaluations", self.adversary.tail.evaluations as f64 * episodes * 64.0),
            // Each turn's are fitted together, by features of about two hundred numbers.
            (
                "adversary.tail.memory",
                self.adversary.tail.memory as f64 * self.adversary.tail.evaluations as f64 * 256.0,
            ),
            ("adversary.phase_one.starts", phase_one.starts as f64 * episodes * 64.0),
            ("report.episodes", f64::from(self.report.episodes) * 64.0),
        ]
    }

    /// The full key of the option called `name` somewhere in a section: `adversary.phase_one.starts`.
    fn key_of(&self, section: &str, name: &str) -> String {
        fn find(table: &Table, at: &str, name: &str) -> Option<String> {
            table.iter().find_map(|(key, value)| {
                let here = format!("{at}.{key}");
                match value {
                    _ if here.ends_with(&format!(".{name}")) => Some(here),
                    Value::Table(inner) => find(inner, &here, name),
                    _ => None,
                }
            })
        }
        let table = Table::try_from(self).ok();
        let found = table.as_ref().and_then(|table| find(table.get(section)?.as_table()?, section, name));
        found.unwrap_or_else(|| format!("{section}.{name}"))
    }
}
