//! The adversary `uniform`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_robust::adversary::RegionConfig;
use wr2l_robust::{Adversary, AdversaryConfig};
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryOptions, AdversaryRow, Field, Needs, Turns, checked, read_adversary};
use super::learner::Seat;
use super::options::{Mistake, Options, Unread};
use super::shared::{RAMP, REGION, check_region, is_ball, uniform, unread_of_region};
use crate::error::RunError;

pub(super) static ROW: AdversaryRow = AdversaryRow {
    name: "uniform",
    about: "chance: for every episode a point uniform in the ball, or a box",
    needs: Needs {
        ball: true,
        second_order: false,
        action_values: false,
        whole_episodes: false,
        bodies: false,
    },
    turns: Turns::InGrowingBall,
    usual: |_| Arc::new(UniformOptions::default()),
    read: read_adversary::<UniformOptions>,
    words: &[RAMP, REGION],
    presets: Vec::new,
    opposition: Vec::new,
    quick: &[],
    since: || vec![("adversary.region", None)],
};

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct UniformOptions {
    epsilon_ramp: f64,
    region: RegionConfig,
}

impl UniformOptions {
    fn config(&self) -> AdversaryConfig {
        AdversaryConfig { epsilon_ramp: self.epsilon_ramp, ..AdversaryConfig::default() }
    }
}

impl AdversaryOptions for UniformOptions {
    fn row(&self) -> &'static AdversaryRow {
        &ROW
    }

    fn check(&self, space: &DynamicsSpace) -> Result<(), Mistake> {
        checked(&self.table(), self.config().validate())?;
        check_region(&self.region, space)
    }

    fn unread(&self, vary: &[String]) -> Vec<Unread> {
        unread_of_region(&self.region, vary)
    }

    fn in_ball(&self) -> bool {
        is_ball(&self.region)
    }

    fn epsilon_ramp(&self) -> f64 {
        self.epsilon_ramp
    }

    fn episodes_a_turn(&self) -> Option<f64> {
        None
    }

    fn build(&self, seat: &Seat<'_>, ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError> {
        Ok(Box::new(uniform(seat, ball, &ROW, self.config(), &self.region)?))
    }
}
