//! The adversary `action`: PR-MDP and NR-MDP.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_robust::Adversary;
use wr2l_robust::adversary::{Action, ActionConfig};
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryOptions, AdversaryRow, Field, Needs, Turns, checked, read_adversary};
use super::learner::Seat;
use super::options::{Mistake, Options, Words};
use crate::error::RunError;

pub(super) static ROW: AdversaryRow = AdversaryRow {
    name: "action",
    about: "PR-MDP and NR-MDP: a second policy's actions mix with the learner's",
    needs: Needs {
        ball: false,
        second_order: false,
        action_values: true,
        whole_episodes: false,
        bodies: false,
    },
    turns: Turns::Never,
    usual: |_| Arc::new(ActionOptions::default()),
    read: read_adversary::<ActionOptions>,
    words: &[WORDS],
    presets: Vec::new,
    opposition: Vec::new,
    quick: &[],
    since: || {
        vec![
            ("adversary.action", None),
            ("adversary.action.in_turn", Some(false.into())),
            ("adversary.action.explores", Some(true.into())),
        ]
    },
};

const WORDS: &[Words] = &[
    Words {
        keys: &["action.mode"],
        meaning: "`take-over` (PR-MDP) or `blend` (NR-MDP)",
        usual: "`take-over`",
    },
    Words { keys: &["action.alpha"], meaning: "probability or weight α, in [0, 1]", usual: "0.1" },
    Words {
        keys: &["action.every"],
        meaning: "the agent's updates to one of the second policy's",
        usual: "10",
    },
    Words {
        keys: &["action.in_turn"],
        meaning: "whether the second policy's update takes the place of one of the agent's, instead of following it",
        usual: "false",
    },
    Words { keys: &["action.explores"], meaning: "whether the second policy explores", usual: "true" },
];

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ActionOptions {
    action: ActionConfig,
}

impl AdversaryOptions for ActionOptions {
    fn row(&self) -> &'static AdversaryRow {
        &ROW
    }

    fn check(&self, _space: &DynamicsSpace) -> Result<(), Mistake> {
        checked(&self.table(), self.action.validate())
    }

    fn episodes_a_turn(&self) -> Option<f64> {
        None
    }

    fn build(&self, _seat: &Seat<'_>, _ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError> {
        Ok(Box::new(Action::new(self.action)?))
    }
}
