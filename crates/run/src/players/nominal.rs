//! The adversary `nominal`: nobody.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_robust::Adversary;
use wr2l_robust::adversary::Nominal;
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryOptions, AdversaryRow, Field, Needs, Turns, read_adversary};
use super::learner::Seat;
use super::options::Mistake;
use crate::error::RunError;

pub(crate) static ROW: AdversaryRow = AdversaryRow {
    name: "nominal",
    about: "nobody: the reference dynamics",
    needs: Needs {
        ball: false,
        second_order: false,
        action_values: false,
        whole_episodes: false,
        bodies: false,
    },
    turns: Turns::Never,
    usual: |_| Arc::new(NominalOptions {}),
    read: read_adversary::<NominalOptions>,
    words: &[],
    presets: Vec::new,
    opposition: Vec::new,
    quick: &[],
    since: Vec::new,
};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NominalOptions {}

impl AdversaryOptions for NominalOptions {
    fn row(&self) -> &'static AdversaryRow {
        &ROW
    }

    fn check(&self, _space: &DynamicsSpace) -> Result<(), Mistake> {
        Ok(())
    }

    fn episodes_a_turn(&self) -> Option<f64> {
        None
    }

    fn build(&self, _seat: &Seat<'_>, _ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError> {
        Ok(Box::new(Nominal))
    }
}
