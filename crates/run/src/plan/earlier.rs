//! Plans of earlier versions: what an option meant before it existed, and which options a run depends on at all.

use toml::{Table, Value};

use super::keys::{lookup, nested, overlay};
use super::layers::Layer;
use super::sheet::Sheet;
use super::{EXCLUSIVE, Plan};
use crate::players::options::Since;
use crate::players::{ADVERSARIES, LEARNERS};

/// Options that came after plans had been written without them, and what programs did before.
fn introduced() -> Since {
    let mut all: Since = vec![
        ("adversary.random_actions", Some(Value::from(0.0))),
        ("policy", None),
        ("policy.history", Some(Value::from(0))),
        // Every run had a ball of its own, of so many pairs.
        ("ball.seed", Some(Value::from("run"))),
        ("ball.measure", Some(Value::from("taylor"))),
        ("ball.pairs.target_error", Some(Value::from(0.0))),
        ("ball.pairs.most_steps", None),
        ("ball.pairs.largest_share", None),
    ];
    all.extend(LEARNERS.iter().flat_map(|row| (row.since)()));
    all.extend(ADVERSARIES.iter().flat_map(|row| (row.since)()));
    all
}

/// What a file says that holds a whole plan, as a run writes it.
pub(super) struct Whole {
    /// The plan that it is by itself.
    own: Plan,
    /// Whether it also holds the options of players who do not play, as version 0.1 wrote them.
    of_everybody: bool,
}

impl Whole {
    /// Whether a setting in the file may have no reader in the run that is made of it: it has one in the file's own plan, which
    /// somebody else changed, or is there because an earlier version wrote down everything.
    pub(super) fn excuses(&self, key: &str) -> bool {
        self.of_everybody || key == "vary" || self.own.reads(key)
    }

    /// What to lay below `layer`, which this is: a run means what it meant when it was made, however presets have changed
    /// since.
    pub(super) fn below(&self, layer: &Layer) -> Layer {
        let mut table = Table::new();
        for (key, value) in introduced() {
            let missing = lookup(layer.table(), key).is_none() && self.own.reads(key);
            if let Some(value) = value.filter(|_| missing) {
                overlay(&mut table, &nested(key, value));
            }
        }
        layer.sibling(table)
    }
}

/// The whole plan that `layer` holds: nothing is missing but what nobody in it reads, and what came after it was written.
/// `None` for any other file, whose gaps the preset fills.
pub(super) fn whole(layer: &Layer, defaults: &Table) -> Option<Whole> {
    let introduced = introduced();
    let may_lack = |key: &str| {
        introduced.iter().any(|(name, _)| *name == key) || EXCLUSIVE.iter().any(|group| group.contains(&key))
    };
    let mut missing = Vec::new();
    gaps(defaults, layer.table(), "", &mut missing);
    let of_everybody = missing.iter().all(|key| may_lack(key));
    let mut table = defaults.clone();
    overlay(&mut table, layer.table());
    let own = Sheet::read(&table).ok()?.plan;
    (of_everybody || missing.iter().all(|key| may_lack(key) || !own.reads(key)))
        .then_some(Whole { own, of_everybody })
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::Algorithm;
    use crate::plan::keys::remove;
    use crate::plan::preset::defaults;
    use wr2l_robust::BallSeed;
    use wr2l_sim::TaskName;

    fn resolved(text: String) -> Plan {
        Plan::resolve(&[Layer::text(Path::new("plan.toml"), text).unwrap()]).unwrap()
    }

    /// What a plan of version 0.1 holds: the options of everybody.
    fn of_everybody(algorithm: Algorithm, task: TaskName) -> Table {
        defaults(algorithm, None, None, &task.into(), None)
    }

    #[test]
    fn the_plan_of_an_earlier_version_means_what_it_meant() {
        let today = Plan::preset(Algorithm::Wr2l, TaskName::HALF_CHEETAH);
        let mut table = of_everybody(Algorithm::Wr2l, TaskName::HALF_CHEETAH);
        for (key, _) in introduced() {
            remove(&mut table, key);
        }
        let then = resolved(toml::to_string(&table).unwrap());
        for (key, value) in [
            ("adversary.phase_one.search", Value::from("gradient")),
            ("adversary.worst_cases", Value::from(1)),
            ("adversary.nominal_share", Value::from(0.0)),
            ("ppo.initial_std", Value::from(1.0)),
        ] {
            assert_eq!(then.get(key), Some(value), "{key}");
        }
        assert_eq!(then.policy.history, 0);
        assert_eq!((then.ball.seed, then.ball.pairs.target_error), (BallSeed::Run, 0.0));
        assert_eq!(today.ball.seed, BallSeed::Own(0));
        assert_eq!(resolved(then.to_toml()), then);
    }

    #[test]
    fn a_plan_of_before_td3_is_the_same_run_today() {
        let today = Plan::preset(Algorithm::PrMdp, TaskName::HALF_CHEETAH);
        let mut table = of_everybody(Algorithm::PrMdp, TaskName::HALF_CHEETAH);
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
        let today = Plan::preset(Algorithm::Wr2l, TaskName::HALF_CHEETAH);
        assert_eq!(resolved(today.to_toml()), today);
        assert_eq!(resolved("task = \"half-cheetah\"\nalgorithm = \"wr2l\"\n".into()), today);
    }

    #[test]
    fn a_whole_plan_of_version_0_1_may_say_anything_of_players_who_do_not_play() {
        let mut table = of_everybody(Algorithm::Ppo, TaskName::HOPPER);
        overlay(&mut table, &nested("trpo.gamma", Value::from(0.5)));
        overlay(&mut table, &nested("adversary.phase_one.search", Value::from("gradient")));
        let then = resolved(toml::to_string(&table).unwrap());
        assert_eq!(then, Plan::preset(Algorithm::Ppo, TaskName::HOPPER), "it is the same run");
    }

    #[test]
    fn a_whole_plan_of_today_takes_another_adversary_and_keeps_what_that_one_reads() {
        let today = Plan::preset(Algorithm::Wr2l, TaskName::HOPPER);
        let text = today.to_toml();
        let with = |extra: &str, kind: &str| {
            let file = Layer::text(Path::new("plan.toml"), format!("{text}{extra}")).unwrap();
            Plan::resolve(&[file, Layer::set(&format!("adversary.kind={kind}")).unwrap()])
        };
        let population = with("", "population").unwrap();
        let members =
            lookup(&of_everybody(Algorithm::Wr2l, TaskName::HOPPER), "adversary.population").cloned();
        assert_eq!(population.get("adversary.population"), members);
        assert_eq!(population.ball, today.ball);
        let refusal = with("[adversary.population]\nmembers = 3\n", "wasserstein").unwrap_err().to_string();
        assert!(refusal.contains("only the adversary `population` does"), "{refusal}");
    }
}
