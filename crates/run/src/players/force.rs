//! The adversary `force`: RARL.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Table;
use wr2l_rl::{History, RlError};
use wr2l_robust::Adversary;
use wr2l_robust::adversary::{Force, ForceConfig};
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryOptions, AdversaryRow, Field, Needs, Turns, checked, read_adversary};
use super::learner::Seat;
use super::options::{Mistake, Options, Unread, Words, squares};
use crate::error::RunError;

pub(super) static ROW: AdversaryRow = AdversaryRow {
    name: "force",
    about: "RARL: a second policy pushes bodies of the robot",
    needs: Needs {
        ball: false,
        second_order: false,
        action_values: false,
        whole_episodes: false,
        bodies: true,
    },
    turns: Turns::Always,
    usual: |_| Arc::new(ForceOptions::default()),
    read: read_adversary::<ForceOptions>,
    words: &[WORDS],
    // A turn for every iteration of the learner.
    presets: || vec![("adversary.lane_steps", 1.into())],
    opposition: Vec::new,
    quick: &[],
    since: || vec![("adversary.force", None)],
};

const WORDS: &[Words] = &[
    Words {
        keys: &["force.bound"],
        meaning: "largest force in each direction, N",
        usual: "1.25: the authors' 0.25 of 5 N; 0.5–5",
    },
    Words { keys: &["force.iterations"], meaning: "improvements of the second policy per turn", usual: "1" },
    Words {
        keys: &["force.trpo.*"],
        meaning: "how the second policy learns",
        usual: "see [trpo.md](trpo.md)",
    },
];

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ForceOptions {
    force: ForceConfig,
}

impl AdversaryOptions for ForceOptions {
    fn row(&self) -> &'static AdversaryRow {
        &ROW
    }

    fn check(&self, _space: &DynamicsSpace) -> Result<(), Mistake> {
        match self.force.trpo.validate() {
            Ok(()) => {}
            Err(RlError::Option { option, value, reason }) => {
                return Err(Mistake::new(format!("force.trpo.{option}"), format!("{reason}, got {value}")));
            }
            Err(other) => return Err(Mistake::new("force.trpo", other.to_string())),
        }
        checked(&self.table(), self.force.validate())
    }

    fn sizes(&self) -> Vec<(&'static str, f64)> {
        let trpo = &self.force.trpo;
        vec![
            ("force.trpo.horizon", trpo.lanes as f64 * trpo.horizon as f64 * 64.0),
            ("force.trpo.hidden", squares(&trpo.hidden)),
        ]
    }

    fn unread(&self, _vary: &[String]) -> Vec<Unread> {
        match self.force.trpo.episodes {
            0 => Vec::new(),
            _ => vec![Unread::but_for(
                &["force.trpo.lanes", "force.trpo.horizon"],
                "an opponent whose batches are no whole episodes (`adversary.force.trpo.episodes = 0`)",
            )],
        }
    }

    fn episodes_a_turn(&self) -> Option<f64> {
        None
    }

    fn memory(&self) -> Table {
        self.table()
    }

    fn build(&self, seat: &Seat<'_>, _ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError> {
        let agents = History::of(seat.spec, seat.history)?;
        Ok(Box::new(Force::new(self.force.clone(), seat.spec, seat.dim(), seat.seed)?.facing(agents)))
    }
}
