//! The adversary `boundary`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_robust::adversary::Boundary;
use wr2l_robust::{Adversary, AdversaryConfig};
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryOptions, AdversaryRow, Field, Needs, Turns, checked, field, read_adversary};
use super::learner::Seat;
use super::options::{Mistake, Options};
use super::shared::RAMP;
use crate::error::RunError;

pub(super) static ROW: AdversaryRow = AdversaryRow {
    name: "boundary",
    about: "chance: for every turn a random point of the ball's boundary",
    needs: Needs {
        ball: true,
        second_order: false,
        action_values: false,
        whole_episodes: false,
        bodies: false,
    },
    turns: Turns::Always,
    usual: |_| Arc::new(BoundaryOptions::default()),
    read: read_adversary::<BoundaryOptions>,
    words: &[RAMP],
    presets: Vec::new,
    opposition: Vec::new,
    quick: &[],
    since: Vec::new,
};

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct BoundaryOptions {
    epsilon_ramp: f64,
}

impl BoundaryOptions {
    fn config(&self) -> AdversaryConfig {
        AdversaryConfig { epsilon_ramp: self.epsilon_ramp, ..AdversaryConfig::default() }
    }
}

impl AdversaryOptions for BoundaryOptions {
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
        Some(0.0)
    }

    fn build(&self, _seat: &Seat<'_>, ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError> {
        let Field { estimate, ball, .. } = field(ball, &ROW)?;
        Ok(Box::new(Boundary::new(estimate, ball, self.config())?))
    }
}
