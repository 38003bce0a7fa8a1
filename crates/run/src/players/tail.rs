//! The adversary `tail`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_robust::adversary::{Tail, TailConfig};
use wr2l_robust::{Adversary, AdversaryConfig};
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryOptions, AdversaryRow, Field, Needs, Turns, checked, field, read_adversary};
use super::learner::Seat;
use super::options::{Mistake, Options, Words};
use super::shared::{RAMP, RETURNS};
use crate::error::RunError;

pub(super) static ROW: AdversaryRow = AdversaryRow {
    name: "tail",
    about: "beyond the paper: for every episode a random point of the worst share of the ball, as a model of the return sees it",
    needs: Needs {
        ball: true,
        second_order: true,
        action_values: false,
        whole_episodes: false,
        bodies: false,
    },
    turns: Turns::Always,
    usual: |_| Arc::new(TailOptions::default()),
    read: read_adversary::<TailOptions>,
    words: &[WORDS, RETURNS, RAMP],
    presets: Vec::new,
    opposition: Vec::new,
    quick: &[],
    since: || vec![("adversary.tail", None)],
};

const WORDS: &[Words] = &[
    Words {
        keys: &["tail.share"],
        meaning: "share β of the ball, that of the lowest return; not exact below about 0.05",
        usual: "0.1–0.7",
    },
    Words { keys: &["tail.evaluations"], meaning: "random points that a turn evaluates", usual: "16–64" },
    Words {
        keys: &["tail.memory"], meaning: "turns whose evaluations the model is fitted to", usual: "1–8"
    },
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TailOptions {
    epsilon_ramp: f64,
    episodes: usize,
    return_discount: f64,
    tail: TailConfig,
}

impl Default for TailOptions {
    fn default() -> Self {
        Self { epsilon_ramp: 0.0, episodes: 1, return_discount: 1.0, tail: TailConfig::default() }
    }
}

impl TailOptions {
    fn config(&self) -> AdversaryConfig {
        let &Self { epsilon_ramp, episodes, return_discount, tail } = self;
        AdversaryConfig { epsilon_ramp, episodes, return_discount, tail, ..AdversaryConfig::default() }
    }
}

impl AdversaryOptions for TailOptions {
    fn row(&self) -> &'static AdversaryRow {
        &ROW
    }

    fn check(&self, _space: &DynamicsSpace) -> Result<(), Mistake> {
        checked(&self.table(), self.config().validate())
    }

    fn sizes(&self) -> Vec<(&'static str, f64)> {
        let evaluations = self.tail.evaluations as f64;
        vec![
            ("tail.evaluations", evaluations * self.episodes as f64 * 64.0),
            // Each turn's are fitted together, by features of about two hundred numbers.
            ("tail.memory", self.tail.memory as f64 * evaluations * 256.0),
        ]
    }

    fn epsilon_ramp(&self) -> f64 {
        self.epsilon_ramp
    }

    fn episodes_a_turn(&self) -> Option<f64> {
        Some((1 + self.tail.evaluations) as f64 * self.episodes as f64)
    }

    fn build(&self, _seat: &Seat<'_>, ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError> {
        let Field { estimate, ball, .. } = field(ball, &ROW)?;
        Ok(Box::new(Tail::new(estimate, ball, self.config())?))
    }
}
