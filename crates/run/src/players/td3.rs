//! The learner `td3`: DDPG with other values of some options, in a section of its own.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_rl::{DdpgConfig, Learner, RlError};

use super::ddpg;
use super::learner::{LearnerOptions, LearnerRow, Scale, Seat, read_learner};
use super::options::{Since, Unread, Words};

pub(super) static ROW: LearnerRow = LearnerRow {
    name: "td3",
    about: "twin delayed deep deterministic policy gradients",
    abilities: ddpg::ABILITIES,
    lane_steps_factor: ddpg::LANE_STEPS_FACTOR,
    usual: |_| Arc::new(Td3Options(DdpgConfig::td3())),
    read: read_learner::<Td3Options>,
    words: WORDS,
    quick: ddpg::QUICK,
    since,
};

fn since() -> Since {
    vec![
        ("td3", None),
        ("td3.noise", Some(ddpg::gaussian())),
        ("td3.units", Some("relu".into())),
        ("td3.initial_weights", Some("orthogonal".into())),
        ("td3.critic_layer_norm", Some(false.into())),
        ("td3.critic_l2", Some(0.0.into())),
        ("td3.normalise_observations", Some(false.into())),
    ]
}

const WORDS: &[Words] = &[
    Words { keys: &["twin_critics"], meaning: "whether there are two critics", usual: "true" },
    Words {
        keys: &["target_noise", "target_noise_clip"],
        meaning: "deviation and bound of the noise on the actions of targets, of half the action range",
        usual: "0.2, 0.5",
    },
    Words {
        keys: &["actor_every"],
        meaning: "steps of the critics to one of the actor and the slow copies",
        usual: "2",
    },
    Words {
        keys: &["critic_sees_dynamics"],
        meaning: "whether the critics are told the normalised dynamics z",
        usual: "true",
    },
    Words { keys: &["*"], meaning: "all others as [DDPG's](ddpg.md)", usual: "as there" },
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Td3Options(DdpgConfig);

impl LearnerOptions for Td3Options {
    fn row(&self) -> &'static LearnerRow {
        &ROW
    }

    fn check(&self) -> Result<(), RlError> {
        self.0.validate()
    }

    fn lanes(&self) -> usize {
        self.0.lanes
    }

    fn horizon(&self) -> usize {
        self.0.horizon
    }

    fn sizes(&self, scale: &Scale) -> Vec<(&'static str, f64)> {
        ddpg::sizes(&self.0, scale)
    }

    fn unread(&self, varied: bool) -> Vec<Unread> {
        ddpg::unread(&self.0, ROW.name, varied)
    }

    fn underway(&self) -> Option<Arc<dyn LearnerOptions>> {
        Some(Arc::new(Self(ddpg::warm(&self.0))))
    }

    fn build(&self, seat: &Seat<'_>) -> Result<Box<dyn Learner>, RlError> {
        ddpg::build(&self.0, seat)
    }
}
