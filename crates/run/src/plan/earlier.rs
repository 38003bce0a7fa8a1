//! Plans of earlier versions: what an option meant before it existed, and which options a run depends on at all.

use toml::{Table, Value};

use super::keys::{lookup, nested, overlay};
use super::layers::Layer;
use super::{AdversaryKind, AdversaryPlan, EXCLUSIVE, LearnerKind, Plan};

/// Options that came after plans had been written without them, and what programs did before.
fn introduced() -> [(&'static str, Option<Value>); 22] {
    [
        ("adversary.phase_one.search", Some(Value::from("gradient"))),
        ("adversary.worst_cases", Some(Value::from(1))),
        ("adversary.nominal_share", Some(Value::from(0.0))),
        ("adversary.uniform_share", Some(Value::from(0.0))),
        ("adversary.random_actions", Some(Value::from(0.0))),
        ("ppo.critic_sees_dynamics", Some(Value::from(false))),
        ("ppo.initial_std", Some(Value::from(1.0))),
        ("ddpg.twin_critics", Some(Value::from(false))),
        ("ddpg.target_noise", Some(Value::from(0.0))),
        ("ddpg.target_noise_clip", Some(Value::from(0.5))),
        ("ddpg.actor_every", Some(Value::from(1))),
        ("ddpg.critic_sees_dynamics", Some(Value::from(false))),
        // Whoever has these options came with them.
        ("adversary.phase_one.surrogate", None),
        ("adversary.population", None),
        ("adversary.tail", None),
        ("adversary.region", None),
        ("adversary.cvar", None),
        ("adversary.action", None),
        ("adversary.force", None),
        ("trpo", None),
        ("ddpg", None),
        ("td3", None),
    ]
}

/// What to lay below `layer` if it is the whole plan of a run that an earlier version wrote: a run means what it meant when
/// it was made, however presets have changed since. `None` for any other file, whose gaps the preset fills.
pub(super) fn below(layer: &Layer, defaults: &Table) -> Option<Layer> {
    let introduced = introduced();
    let may_lack = |key: &str| {
        introduced.iter().any(|(name, _)| *name == key) || EXCLUSIVE.iter().any(|group| group.contains(&key))
    };
    let mut missing = Vec::new();
    gaps(defaults, layer.table(), "", &mut missing);
    if missing.is_empty() || !missing.iter().all(|key| may_lack(key)) {
        return None;
    }
    let mut table = Table::new();
    for (key, value) in introduced {
        if let Some(value) = value.filter(|_| lookup(layer.table(), key).is_none()) {
            overlay(&mut table, &nested(key, value));
        }
    }
    (!table.is_empty()).then(|| layer.sibling(table))
}

/// The dotted keys that `all` has and `some` has not; of a table that is missing its own alone.
fn gaps(all: &Table, some: &Table, prefix: &str, missing: &mut Vec<String>) {
    for (name, value) in all {
        let key = format!("{prefix}{name}");
        match (value, some.get(name)) {
            (_, None) => missing.push(key),
            (Value::Table(all), Some(Value::Table(some))) => gaps(all, some, &format!("{key}."), missing),
            _ => {}
        }
    }
}

impl Plan {
    /// The plan with the preset's values where it says something about players who do not play: two plans that agree in
    /// this are of the same run.
    pub(crate) fn relevant(&self) -> Self {
        let mut plan = self.clone();
        let preset = Self::preset(plan.algorithm, plan.task);
        let AdversaryPlan {
            phase_one,
            worst_cases,
            nominal_share,
            uniform_share,
            population,
            tail,
            region,
            cvar,
            action,
            force,
            ..
        } = preset.adversary;
        let kind = plan.adversary.kind;
        let own = &mut plan.adversary;
        if kind != AdversaryKind::Wasserstein {
            (own.phase_one, own.worst_cases) = (phase_one, worst_cases);
            (own.nominal_share, own.uniform_share) = (nominal_share, uniform_share);
        }
        if kind != AdversaryKind::Population {
            own.population = population;
        }
        if kind != AdversaryKind::Tail {
            own.tail = tail;
        }
        if !matches!(kind, AdversaryKind::Uniform | AdversaryKind::Cvar) {
            own.region = region;
        }
        if kind != AdversaryKind::Cvar {
            own.cvar = cvar;
        }
        if kind != AdversaryKind::Action {
            own.action = action;
        }
        if kind != AdversaryKind::Force {
            own.force = force;
        }
        if !plan.trains_in_ball() {
            plan.ball = preset.ball;
        }
        if plan.learner != LearnerKind::Ppo {
            plan.ppo = preset.ppo;
        }
        if plan.learner != LearnerKind::Trpo {
            plan.trpo = preset.trpo;
        }
        if plan.learner != LearnerKind::Ddpg {
            plan.ddpg = preset.ddpg;
        }
        if plan.learner != LearnerKind::Td3 {
            plan.td3 = preset.td3;
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::Algorithm;
    use crate::plan::keys::remove;
    use wr2l_robust::phase_one::SearchKind;
    use wr2l_sim::TaskName;

    fn resolved(text: String) -> Plan {
        Plan::resolve(&[Layer::text(Path::new("plan.toml"), text).unwrap()]).unwrap()
    }

    #[test]
    fn the_plan_of_an_earlier_version_means_what_it_meant() {
        let today = Plan::preset(Algorithm::Wr2l, TaskName::HalfCheetah);
        let mut table: Table = today.to_toml().parse().unwrap();
        for (key, _) in introduced() {
            remove(&mut table, key);
        }
        let then = resolved(toml::to_string(&table).unwrap());
        assert_eq!(then.adversary.phase_one.search, SearchKind::Gradient);
        assert_eq!((then.adversary.worst_cases, then.adversary.nominal_share), (1, 0.0));
        assert_eq!(then.ppo.initial_std, 1.0);
        assert_eq!(resolved(then.to_toml()), then);
    }

    #[test]
    fn a_plan_of_before_td3_is_the_same_run_today() {
        let today = Plan::preset(Algorithm::PrMdp, TaskName::HalfCheetah);
        let mut table: Table = today.to_toml().parse().unwrap();
        remove(&mut table, "td3");
        for (key, _) in introduced().into_iter().filter(|(key, _)| key.starts_with("ddpg.")) {
            remove(&mut table, key);
        }
        // It was a whole number then.
        overlay(&mut table, &nested("ddpg.updates", Value::from(1)));
        let then = resolved(toml::to_string(&table).unwrap());
        assert_eq!(then, today);
    }

    #[test]
    fn what_a_plan_of_today_or_an_experiment_says_is_not_touched() {
        let today = Plan::preset(Algorithm::Wr2l, TaskName::HalfCheetah);
        assert_eq!(resolved(today.to_toml()), today);
        assert_eq!(resolved("task = \"half-cheetah\"\nalgorithm = \"wr2l\"\n".into()), today);
    }

    #[test]
    fn who_does_not_play_makes_no_difference_and_who_does_makes_one() {
        let plan = |algorithm: &str, settings: &[&str]| {
            let mut layers = vec![
                Layer::argument("task", "task", "hopper"),
                Layer::argument("algorithm", "algorithm", algorithm),
            ];
            layers.extend(settings.iter().map(|setting| Layer::set(setting).unwrap()));
            Plan::resolve(&layers).unwrap().relevant()
        };
        for (algorithm, unused, used) in [
            ("ppo", "adversary.phase_one.search=gradient", "ppo.gamma=0.9"),
            ("ppo", "ball.epsilon=7", "ppo.initial_std=0.5"),
            ("ppo-boundary", "adversary.nominal_share=0.5", "ball.epsilon=7"),
            ("wr2l", "ddpg.gamma=0.9", "adversary.nominal_share=0.5"),
            ("pr-mdp", "ppo.gamma=0.9", "ddpg.gamma=0.9"),
            ("ddpg", "td3.gamma=0.9", "ddpg.gamma=0.9"),
            ("td3", "ddpg.gamma=0.9", "td3.gamma=0.9"),
            ("ppo-boundary", "adversary.uniform_share=0.5", "ball.epsilon=7"),
            ("wr2l", "td3.gamma=0.9", "adversary.uniform_share=0.5"),
            ("rarl", "adversary.action.alpha=0.2", "adversary.force.bound=2"),
            ("wr2l", "adversary.tail.share=0.2", "adversary.random_actions=0.1"),
        ] {
            assert_eq!(plan(algorithm, &[unused]), plan(algorithm, &[]), "{algorithm} {unused}");
            assert_ne!(plan(algorithm, &[used]), plan(algorithm, &[]), "{algorithm} {used}");
        }
    }
}
