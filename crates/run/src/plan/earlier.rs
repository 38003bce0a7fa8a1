//! Plans of earlier versions: what an option meant before it existed, and which options a run depends on at all.

use toml::{Table, Value};

use super::keys::{lookup, nested, overlay};
use super::layers::Layer;
use super::{EXCLUSIVE, Plan};

/// Options that came after plans had been written without them, and what programs did before.
fn introduced() -> [(&'static str, Option<Value>); 43] {
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
        ("ddpg.noise", Some(gaussian())),
        ("ddpg.units", Some(Value::from("relu"))),
        ("ddpg.initial_weights", Some(Value::from("orthogonal"))),
        ("ddpg.critic_layer_norm", Some(Value::from(false))),
        ("ddpg.critic_l2", Some(Value::from(0.0))),
        ("ddpg.normalise_observations", Some(Value::from(false))),
        ("td3.noise", Some(gaussian())),
        ("td3.units", Some(Value::from("relu"))),
        ("td3.initial_weights", Some(Value::from("orthogonal"))),
        ("td3.critic_layer_norm", Some(Value::from(false))),
        ("td3.critic_l2", Some(Value::from(0.0))),
        ("td3.normalise_observations", Some(Value::from(false))),
        ("adversary.action.in_turn", Some(Value::from(false))),
        ("adversary.action.explores", Some(Value::from(true))),
        ("policy.history", Some(Value::from(0))),
        // Every run had a ball of its own, of so many pairs.
        ("ball.seed", Some(Value::from("run"))),
        ("ball.measure", Some(Value::from("taylor"))),
        ("ball.pairs.target_error", Some(Value::from(0.0))),
        ("ball.pairs.most_steps", None),
        ("ball.pairs.largest_share", None),
        // Whoever has these options came with them.
        ("policy", None),
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

/// Exploration as it was while there was one kind of noise.
fn gaussian() -> Value {
    Value::Table(nested("kind", Value::from("gaussian")))
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
    let own: Plan = Value::Table(table).try_into().ok()?;
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
    use wr2l_robust::BallSeed;
    use wr2l_robust::phase_one::SearchKind;
    use wr2l_sim::TaskName;

    fn resolved(text: String) -> Plan {
        Plan::resolve(&[Layer::text(Path::new("plan.toml"), text).unwrap()]).unwrap()
    }

    #[test]
    fn the_plan_of_an_earlier_version_means_what_it_meant() {
        let today = Plan::preset(Algorithm::Wr2l, TaskName::HALF_CHEETAH);
        let mut table = today.to_table();
        for (key, _) in introduced() {
            remove(&mut table, key);
        }
        let then = resolved(toml::to_string(&table).unwrap());
        assert_eq!(then.adversary.phase_one.search, SearchKind::Gradient);
        assert_eq!((then.adversary.worst_cases, then.adversary.nominal_share), (1, 0.0));
        assert_eq!(then.ppo.initial_std, 1.0);
        assert_eq!(then.policy.history, 0);
        assert_eq!((then.ball.seed, then.ball.pairs.target_error), (BallSeed::Run, 0.0));
        assert_eq!(today.ball.seed, BallSeed::Own(0));
        assert_eq!(resolved(then.to_toml()), then);
    }

    #[test]
    fn a_plan_of_before_td3_is_the_same_run_today() {
        let today = Plan::preset(Algorithm::PrMdp, TaskName::HALF_CHEETAH);
        let mut table = today.to_table();
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
        let mut table = Plan::preset(Algorithm::Ppo, TaskName::HOPPER).to_table();
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
        assert_eq!(population.adversary.population, today.adversary.population);
        assert_eq!(population.ball, today.ball);
        let refusal = with("[adversary.population]\nmembers = 3\n", "wasserstein").unwrap_err().to_string();
        assert!(refusal.contains("only the adversary `population` does"), "{refusal}");
    }
}
