//! The learner `ddpg`, and what `td3` has of it.

use std::sync::Arc;

use toml::{Table, Value};
use wr2l_rl::{Ddpg, DdpgConfig, Learner, NoiseKind, RlError};

use super::learner::{Abilities, LearnerOptions, LearnerRow, Scale, Seat, read_learner};
use super::options::{Since, Unread, Words, squares};

pub(super) static ROW: LearnerRow = LearnerRow {
    name: "ddpg",
    about: "deep deterministic policy gradients",
    abilities: ABILITIES,
    lane_steps_factor: LANE_STEPS_FACTOR,
    usual: |_| Arc::new(DdpgConfig::default()),
    read: read_learner::<DdpgConfig>,
    words: WORDS,
    quick: QUICK,
    since,
};

/// It learns from single transitions of all times, and its policy is a point.
pub(super) const ABILITIES: Abilities =
    Abilities { action_values: true, whole_episodes: false, choices: false, entropy: false };

/// On half as many lanes as the others: as many turns.
pub(super) const LANE_STEPS_FACTOR: u64 = 2;

pub(super) const QUICK: &[(&str, i64)] = &[("minibatch", 16), ("warm_up", 256)];

fn since() -> Since {
    vec![
        ("ddpg", None),
        ("ddpg.twin_critics", Some(false.into())),
        ("ddpg.target_noise", Some(0.0.into())),
        ("ddpg.target_noise_clip", Some(0.5.into())),
        ("ddpg.actor_every", Some(1.into())),
        ("ddpg.critic_sees_dynamics", Some(false.into())),
        ("ddpg.noise", Some(gaussian())),
        ("ddpg.units", Some("relu".into())),
        ("ddpg.initial_weights", Some("orthogonal".into())),
        ("ddpg.critic_layer_norm", Some(false.into())),
        ("ddpg.critic_l2", Some(0.0.into())),
        ("ddpg.normalise_observations", Some(false.into())),
    ]
}

/// Exploration as it was while there was one kind of noise.
pub(super) fn gaussian() -> Value {
    Value::Table(Table::from_iter([("kind".to_owned(), "gaussian".into())]))
}

pub(super) const WORDS: &[Words] = &[
    Words {
        keys: &["lanes", "horizon"],
        meaning: "simulated robots, and transitions of each between two rounds of gradient steps",
        usual: "1–16, 1–50 in all",
    },
    Words { keys: &["rounds"], meaning: "such rounds per iteration, the unit of the log", usual: "32" },
    Words {
        keys: &["updates"],
        meaning: "gradient steps per transition; may be a fraction, rounded to whole steps per lanes × horizon transitions",
        usual: "1",
    },
    Words { keys: &["warm_up"], meaning: "transitions with random actions", usual: "1,000–25,000" },
    Words { keys: &["replay"], meaning: "transitions that are kept", usual: "1e5–1e6" },
    Words {
        keys: &["minibatch", "hidden"],
        meaning: "size of a gradient step, and of the networks",
        usual: "64–256",
    },
    Words { keys: &["tau"], meaning: "share that the slow copies follow per step", usual: "0.001–0.01" },
    Words {
        keys: &["exploration"],
        meaning: "size of the noise, of half the action range",
        usual: "0.1–0.2",
    },
    Words {
        keys: &["noise.kind"],
        meaning: "`gaussian`; `ornstein-uhlenbeck`, with a memory; `parameters`, on the weights",
        usual: "`gaussian`",
    },
    Words {
        keys: &["noise.theta", "noise.dt"],
        meaning: "the process x ← x − θ·dt·x + σ·√dt·n",
        usual: "0.15, 0.01",
    },
    Words {
        keys: &["noise.factor", "noise.every"],
        meaning: "by how much, and after how many gradient steps, the noise on weights is corrected so that it moves \
                  actions by `exploration`",
        usual: "1.01, 50",
    },
    Words {
        keys: &["actor_learning_rate", "critic_learning_rate"],
        meaning: "Adam's",
        usual: "1e-4–1e-3, 3e-4–1e-3",
    },
    Words { keys: &["gamma"], meaning: "discount", usual: "0.98–0.999" },
    Words {
        keys: &["units", "initial_weights"],
        meaning: "`relu` or `tanh`; `orthogonal` or `small`",
        usual: "`relu`, `orthogonal`",
    },
    Words {
        keys: &["critic_layer_norm"],
        meaning: "whether the critic's hidden layers normalise their sums",
        usual: "false",
    },
    Words {
        keys: &["critic_l2"],
        meaning: "weight of ½‖w‖² beside the critic's mean squared error",
        usual: "0–0.01",
    },
    Words {
        keys: &["normalise_observations"],
        meaning: "whether observations are normalised by their running moments",
        usual: "false",
    },
    Words {
        keys: &["critic_sees_dynamics"],
        meaning: "whether the critic is told the normalised dynamics z of a transition",
        usual: "false",
    },
    Words {
        keys: &["twin_critics", "target_noise", "target_noise_clip", "actor_every"],
        meaning: "what makes it [TD3](td3.md)",
        usual: "false, 0, 0.5, 1",
    },
];

/// See [`LearnerOptions::sizes`].
pub(super) fn sizes(config: &DdpgConfig, scale: &Scale) -> Vec<(&'static str, f64)> {
    vec![
        ("horizon", config.lanes as f64 * config.horizon as f64 * scale.transition),
        ("replay", config.replay as f64 * scale.transition),
        ("minibatch", config.minibatch as f64 * scale.transition),
        ("hidden", squares(&config.hidden)),
    ]
}

/// What is not read of the options in `section`.
pub(super) fn unread(config: &DdpgConfig, section: &str, varied: bool) -> Vec<Unread> {
    let rows: [(bool, &'static [&'static str], String); 4] = [
        (varied, &["critic_sees_dynamics"], "a critic whose lanes have different dynamics".to_owned()),
        (
            config.target_noise > 0.0,
            &["target_noise_clip"],
            format!("a learner with `{section}.target_noise`"),
        ),
        (
            config.noise.kind == NoiseKind::OrnsteinUhlenbeck,
            &["noise.theta", "noise.dt"],
            format!("`{section}.noise.kind = \"ornstein-uhlenbeck\"`"),
        ),
        (
            config.noise.kind == NoiseKind::Parameters,
            &["noise.factor", "noise.every"],
            format!("`{section}.noise.kind = \"parameters\"`"),
        ),
    ];
    let unread = rows.into_iter().filter(|(read, ..)| !read);
    unread.map(|(_, keys, reader)| Unread::but_for(keys, reader)).collect()
}

/// The same without random actions at the beginning.
pub(super) fn warm(config: &DdpgConfig) -> DdpgConfig {
    DdpgConfig { warm_up: 0, ..config.clone() }
}

pub(super) fn build(config: &DdpgConfig, seat: &Seat<'_>) -> Result<Box<dyn Learner>, RlError> {
    Ok(Box::new(Ddpg::with_history(config.clone(), seat.spec, seat.dim(), seat.history, seat.seed)?))
}

impl LearnerOptions for DdpgConfig {
    fn row(&self) -> &'static LearnerRow {
        &ROW
    }

    fn check(&self) -> Result<(), RlError> {
        self.validate()
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn horizon(&self) -> usize {
        self.horizon
    }

    fn sizes(&self, scale: &Scale) -> Vec<(&'static str, f64)> {
        sizes(self, scale)
    }

    fn unread(&self, varied: bool) -> Vec<Unread> {
        unread(self, ROW.name, varied)
    }

    fn underway(&self) -> Option<Arc<dyn LearnerOptions>> {
        Some(Arc::new(warm(self)))
    }

    fn build(&self, seat: &Seat<'_>) -> Result<Box<dyn Learner>, RlError> {
        build(self, seat)
    }
}
