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
    usual: || Arc::new(PopulationOptions::default()),
    read: read_adversary::<PopulationOptions>,
    words: &[WORDS, RETURNS, RAMP],
    presets: Vec::new,
    // It tells the values of lanes under different dynamics apart.
    opposition: || vec![("ppo.critic_sees_dynamics", true.into())],
    quick: &[],
    since: || vec![("adversary.population", None)],
};

const WORDS: &[Words] = &[
    Words { keys: &["population.members"], meaning: "worst cases at once", usual: "4–16" },
    Words {
        keys: &["population.candidates"],
        meaning: "points that a turn compares with them",
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

impl PopulationOptions {
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
