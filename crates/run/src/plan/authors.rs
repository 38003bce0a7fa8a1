//! The presets by the numbers of a method's authors. Where each number comes from: `docs/methods/action-robust.md` and
//! `docs/methods/rarl.md`, whose tables a test compares with these.

use toml::{Table, Value};
use wr2l_rl::{DdpgConfig, HiddenUnits, InitialWeights, NoiseConfig, NoiseKind, TrpoConfig};
use wr2l_robust::adversary::ForceConfig;

use super::Algorithm;
use super::keys::{nested, overlay};
use super::sheet::lay;
use crate::players::options::Options;

/// Lays the authors' numbers over `plan`, if `algorithm` is named after them.
pub(super) fn by_authors(plan: &mut Table, algorithm: Algorithm) {
    match algorithm {
        // Of the noises that they tried the one that their published policies of each kind were trained with.
        Algorithm::PrMdpAuthors => action_robust(plan, NoiseKind::Parameters, 10, true),
        Algorithm::NrMdpAuthors => action_robust(plan, NoiseKind::OrnsteinUhlenbeck, 1, false),
        Algorithm::RarlAuthors => rarl(plan),
        _ => {}
    }
}

/// Tessler et al. 2019 and their code.
fn action_robust(plan: &mut Table, kind: NoiseKind, every: u32, explores: bool) {
    let ddpg = DdpgConfig {
        lanes: 1,
        horizon: 100,
        rounds: 20,
        updates: 0.5,
        warm_up: 0,
        tau: 0.01,
        exploration: 0.2,
        noise: NoiseConfig { kind, theta: 0.15, dt: 0.01, factor: 1.01, every: 50 },
        actor_learning_rate: 1e-4,
        critic_learning_rate: 1e-3,
        hidden: vec![64, 64],
        units: HiddenUnits::Tanh,
        initial_weights: InitialWeights::Small,
        critic_layer_norm: true,
        critic_l2: 0.01,
        normalise_observations: true,
        ..DdpgConfig::default()
    };
    lay(plan, "ddpg", ddpg.table());
    let others: [(&str, Value); 4] = [
        ("steps", 2_000_000.into()),
        ("adversary.action.every", every.into()),
        ("adversary.action.in_turn", true.into()),
        ("adversary.action.explores", explores.into()),
    ];
    others.into_iter().for_each(|(key, value)| overlay(plan, &nested(key, value)));
}

/// Pinto et al. 2017 and their code: iterations of the paper, batches of the code, for both players alike.
fn rarl(plan: &mut Table) {
    let trpo = TrpoConfig {
        lanes: 8,
        horizon: 500,
        gamma: 0.995,
        lambda: 0.97,
        damping: 1e-5,
        line_search_steps: 15,
        normalise_observations: false,
        hidden: vec![100, 100, 100],
        ..TrpoConfig::default()
    };
    lay(plan, "trpo", trpo.table());
    overlay(plan, &nested("adversary.force", ForceConfig { trpo, ..ForceConfig::default() }.table().into()));
    overlay(plan, &nested("steps", 2_000_000.into()));
}

#[cfg(test)]
mod tests {
    use wr2l_sim::TaskName;

    use super::*;
    use crate::plan::keys::lookup;
    use crate::plan::preset::defaults;

    const ACTION_ROBUST: &str = include_str!("../../../../docs/methods/action-robust.md");
    const RARL: &str = include_str!("../../../../docs/methods/rarl.md");

    /// The values that a page states in the column headed `name`, by key.
    fn stated(page: &str, name: &str) -> Vec<(String, Value)> {
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
        };
        let head = page.lines().find(|line| line.starts_with("| setting |")).unwrap();
        let column = cells(head).iter().position(|cell| cell == name).unwrap();
        let rows = page.lines().skip_while(|line| *line != head).skip(2);
        let rows = rows.take_while(|line| line.starts_with('|')).map(cells);
        rows.map(|row| {
            let value: Table = format!("x = {}", row[column]).parse().unwrap();
            (row[0].clone(), value["x"].clone())
        })
        .collect()
    }

    fn plan(algorithm: Algorithm, task: TaskName) -> Table {
        defaults(algorithm, None, None, &task.into(), None)
    }

    /// Dotted keys with plain values in `table`.
    fn flat(table: &Table, prefix: &str) -> Vec<(String, Value)> {
        let entry = |(key, value): (&String, &Value)| match value {
            Value::Table(inner) => flat(inner, &format!("{prefix}{key}.")),
            value => vec![(format!("{prefix}{key}"), value.clone())],
        };
        table.iter().flat_map(entry).collect()
    }

    #[test]
    fn the_presets_of_the_authors_are_what_the_pages_say_and_differ_from_ours_in_nothing_else() {
        for (page, own, name, section, double) in [
            (ACTION_ROBUST, Algorithm::PrMdp, Algorithm::PrMdpAuthors, "ddpg", None),
            (ACTION_ROBUST, Algorithm::NrMdp, Algorithm::NrMdpAuthors, "ddpg", None),
            (RARL, Algorithm::Rarl, Algorithm::RarlAuthors, "trpo", Some(("trpo.", "adversary.force.trpo."))),
        ] {
            let mut stated = stated(page, name.as_str());
            if let Some((from, to)) = double {
                let more: Vec<_> = stated
                    .iter()
                    .filter(|(key, _)| key.starts_with(from))
                    .map(|(key, value)| (key.replacen(from, to, 1), value.clone()))
                    .collect();
                stated.extend(more);
            }
            let (theirs, ours) = (plan(name, TaskName::HOPPER), plan(own, TaskName::HOPPER));
            for (key, value) in &stated {
                assert_eq!(lookup(&theirs, key), Some(value), "{name}: {key}");
            }
            let named = |key: &str| key == "algorithm" || stated.iter().any(|(name, _)| name == key);
            // What makes one TD3, and what the critic is told, stays; everything else of the learner is in the table.
            let apart =
                ["twin_critics", "target_noise", "target_noise_clip", "actor_every", "critic_sees_dynamics"];
            for (key, value) in flat(&theirs, "") {
                let told = apart.iter().any(|option| key == format!("{section}.{option}"));
                let same = lookup(&ours, &key) == Some(&value);
                assert!(
                    named(&key) || same,
                    "{name} differs from {own} in {key}, and the page does not say so"
                );
                assert!(
                    named(&key) || told || !key.starts_with(&format!("{section}.")),
                    "{key} is not stated"
                );
            }
            assert!(stated.iter().any(|(key, value)| lookup(&ours, key) != Some(value)));
        }
    }

    #[test]
    fn the_pendulum_has_the_hundred_iterations_of_the_paper() {
        let steps = |task| plan(Algorithm::RarlAuthors, task)["steps"].clone();
        assert_eq!(steps(TaskName::INVERTED_PENDULUM), Value::from(400_000));
        assert_eq!(steps(TaskName::HALF_CHEETAH), Value::from(2_000_000));
        for task in TaskName::ALL {
            let plan = plan(Algorithm::RarlAuthors, task);
            assert_eq!(lookup(&plan, "trpo"), lookup(&plan, "adversary.force.trpo"), "{task}");
            let whole = |key: &str| lookup(&plan, key).and_then(Value::as_integer).unwrap();
            assert_eq!(whole("trpo.lanes") * whole("trpo.horizon"), 4_000);
        }
    }
}
