//! The adversary `cvar`: EPOpt.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_robust::adversary::{Cvar, CvarConfig, RegionConfig};
use wr2l_robust::{Adversary, AdversaryConfig};
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryOptions, AdversaryRow, Field, Needs, Turns, checked, read_adversary};
use super::learner::Seat;
use super::options::{Mistake, Options, Unread, Words};
use super::shared::{RAMP, REGION, check_region, is_ball, uniform, unread_of_region};
use crate::error::RunError;

pub(super) static ROW: AdversaryRow = AdversaryRow {
    name: "cvar",
    about: "EPOpt: as `uniform`, and only the worst episodes are learnt from",
    needs: Needs {
        ball: true,
        second_order: false,
        action_values: false,
        whole_episodes: true,
        bodies: false,
    },
    turns: Turns::InGrowingBall,
    usual: |_| Arc::new(CvarOptions::default()),
    read: read_adversary::<CvarOptions>,
    words: &[WORDS, RAMP, REGION],
    // Its authors' hundred trajectories.
    presets: || vec![("ppo.episodes", 100.into())],
    opposition: Vec::new,
    quick: &[],
    since: || vec![("adversary.cvar", None), ("adversary.region", None)],
};

const WORDS: &[Words] = &[
    Words { keys: &["cvar.fraction"], meaning: "share ε that is learnt from", usual: "0.1–0.3" },
    Words {
        keys: &["cvar.begin"],
        meaning: "share of the step budget during which all are kept",
        usual: "0.1–0.5",
    },
    Words { keys: &["cvar.after"], meaning: "instead: iterations during which all are kept", usual: "–" },
];

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CvarOptions {
    epsilon_ramp: f64,
    region: RegionConfig,
    cvar: CvarConfig,
}

impl CvarOptions {
    fn config(&self) -> AdversaryConfig {
        AdversaryConfig { epsilon_ramp: self.epsilon_ramp, ..AdversaryConfig::default() }
    }
}

impl AdversaryOptions for CvarOptions {
    fn row(&self) -> &'static AdversaryRow {
        &ROW
    }

    fn check(&self, space: &DynamicsSpace) -> Result<(), Mistake> {
        checked(&self.table(), self.cvar.validate())?;
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
        let uniform = uniform(seat, ball, &ROW, self.config(), &self.region)?;
        Ok(Box::new(Cvar::new(uniform, self.cvar)?))
    }
}
