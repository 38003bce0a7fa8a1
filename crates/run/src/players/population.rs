//! The adversary `population`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_robust::adversary::{Population, PopulationConfig};
use wr2l_robust::{Adversary, AdversaryConfig};
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryOptions, AdversaryRow, Field, Needs, Turns, checked, field, read_adversary};
use super::learner::Seat;
use super::options::{Mistake, Options, Words};
use super::shared::{RAMP, RETURNS};
use crate::error::RunError;

pub(super) static ROW: AdversaryRow = AdversaryRow {
    name: "population",
    about: "beyond the paper: for every turn several of the worst of many points of the ball, beside the reference",
    needs: Needs {
        ball: true,
        second_order: false,
        action_values: false,
        whole_episodes: false,
        bodies: false,
    },
    turns: Turns::Always,
    usual: |steps| Arc::new(PopulationOptions::usual(steps)),
    read: read_adversary::<PopulationOptions>,
    words: &[WORDS, RETURNS, RAMP],
    presets: Vec::new,
    // It tells the values of lanes under different dynamics apart.
    opposition: || vec![("ppo.critic_sees_dynamics", true.into())],
    quick: &[],
    since: || vec![("adversary.population", None)],
};

const WORDS: &[Words] = &[
    Words {
        keys: &["population.members"],
        meaning: "worst cases at once; from ten million steps on 12 by default",
        usual: "4–16",
    },
    Words {
        keys: &["population.candidates"],
        meaning: "points that a turn compares with them; from ten million steps on 36 by default",
        usual: "6–60",
    },
    Words {
        keys: &["population.nominal_share"],
        meaning: "share of the lanes that keep the reference",
        usual: "0–0.5",
    },
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PopulationOptions {
    epsilon_ramp: f64,
    episodes: usize,
    return_discount: f64,
    population: PopulationConfig,
}

impl Default for PopulationOptions {
    fn default() -> Self {
        Self { epsilon_ramp: 0.0, episodes: 1, return_discount: 1.0, population: PopulationConfig::default() }
    }
}

/// Steps of a run from which on it has twice as many worst cases: `docs/results/learner` says what for.
const LONG: u64 = 10_000_000;

impl PopulationOptions {
    fn usual(steps: u64) -> Self {
        let short = Self::default();
        let PopulationConfig { members, candidates, .. } = short.population;
        let more = if steps < LONG { 1 } else { 2 };
        let population =
            PopulationConfig { members: more * members, candidates: more * candidates, ..short.population };
        Self { population, ..short }
    }

    fn config(&self) -> AdversaryConfig {
        let &Self { epsilon_ramp, episodes, return_discount, population } = self;
        AdversaryConfig { epsilon_ramp, episodes, return_discount, population, ..AdversaryConfig::default() }
    }
}

impl AdversaryOptions for PopulationOptions {
    fn row(&self) -> &'static AdversaryRow {
        &ROW
    }

    fn check(&self, _space: &DynamicsSpace) -> Result<(), Mistake> {
        checked(&self.table(), self.config().validate())
    }

    fn epsilon_ramp(&self) -> f64 {
        self.epsilon_ramp
    }

    fn episodes_a_turn(&self) -> Option<f64> {
        let points = (1 + self.population.members + self.population.candidates) as f64;
        Some(points * self.episodes as f64)
    }

    fn build(&self, _seat: &Seat<'_>, ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError> {
        let Field { estimate, ball, .. } = field(ball, &ROW)?;
        Ok(Box::new(Population::new(estimate, ball, self.config())?))
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Layer, Plan};

    fn of(settings: &[&str]) -> (i64, i64) {
        let layers: Vec<Layer> = settings.iter().map(|setting| Layer::set(setting).unwrap()).collect();
        let plan = Plan::resolve(&layers).unwrap();
        let of = |key: &str| plan.get(&format!("adversary.population.{key}")).unwrap().as_integer().unwrap();
        (of("members"), of("candidates"))
    }

    #[test]
    fn long_runs_have_twice_as_many_worst_cases_unless_somebody_says_how_many() {
        for named in ["seed=0", "algorithm=wr2l-population", "adversary.kind=population"] {
            assert_eq!(of(&["task=hopper", named]), (6, 18), "{named}");
            assert_eq!(of(&["task=hopper", named, "steps=9_999_999"]), (6, 18), "{named}");
            assert_eq!(of(&["task=hopper", named, "steps=10M"]), (12, 36), "{named}");
            assert_eq!(of(&["task=hopper", named, "steps=1e9"]), (12, 36), "{named}");
        }
        assert_eq!(of(&["task=hopper", "steps=10M", "adversary.population.members=7"]), (7, 36));
    }
}
