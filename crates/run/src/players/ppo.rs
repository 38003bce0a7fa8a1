//! The learner `ppo`.

use std::sync::Arc;

use wr2l_rl::{Learner, Ppo, PpoConfig, RlError};

use super::learner::{Abilities, LearnerOptions, LearnerRow, Scale, Seat, read_learner};
use super::options::{Unread, Words, squares};
use super::shape::shaped;

pub(crate) static ROW: LearnerRow = LearnerRow {
    name: "ppo",
    about: "proximal policy optimisation",
    abilities: Abilities { action_values: false, whole_episodes: true, choices: true, entropy: true },
    lane_steps_factor: 1,
    usual: |steps| Arc::new(shaped(PpoConfig::default(), steps)),
    read: read_learner::<PpoConfig>,
    words: WORDS,
    quick: &[("horizon", 64), ("minibatches", 4)],
    since: || vec![("ppo.critic_sees_dynamics", Some(false.into())), ("ppo.initial_std", Some(1.0.into()))],
};

const WORDS: &[Words] = &[
    Words {
        keys: &["lanes", "horizon"],
        meaning: "simulated robots, and transitions of each per batch",
        usual: "1–32, 64–2048",
    },
    Words {
        keys: &["episodes"],
        meaning: "whole episodes per batch instead; 0 for none",
        usual: "0, or 100 with `cvar`",
    },
    Words { keys: &["learning_rate"], meaning: "Adam's, at the start", usual: "1e-5–1e-3" },
    Words { keys: &["anneal"], meaning: "whether it falls to 0 at the step budget", usual: "true" },
    Words { keys: &["clip"], meaning: "clip range of the ratio", usual: "0.1–0.3" },
    Words {
        keys: &["kl_limit"],
        meaning: "mean KL of a pass after which no other follows; 0 for no limit",
        usual: "0, or 0.01–0.05",
    },
    Words {
        keys: &["epochs", "minibatches"],
        meaning: "passes over a batch, and parts of each",
        usual: "3–20, 4–64",
    },
    Words {
        keys: &["gamma", "lambda"],
        meaning: "discount, and λ of the advantages",
        usual: "0.98–0.999, 0.9–1",
    },
    Words { keys: &["entropy"], meaning: "weight of the entropy", usual: "0–0.01" },
    Words {
        keys: &["value_weight", "clip_value"],
        meaning: "weight of half the critic's squared error, and whether its step is clipped as the ratio is",
        usual: "0.25–1, true",
    },
    Words {
        keys: &["max_gradient_norm"],
        meaning: "largest Euclidean norm of a gradient; larger ones are scaled down",
        usual: "0.5",
    },
    Words {
        keys: &["normalise_advantages", "normalise_observations", "normalise_rewards"],
        meaning: "whether advantages are standardised in every minibatch, and observations and rewards scaled by running moments",
        usual: "true",
    },
    Words {
        keys: &["critic_sees_dynamics"],
        meaning: "whether the critic is told the normalised dynamics z; the policy never is",
        usual: "false; with `population` true",
    },
    Words {
        keys: &["initial_std"],
        meaning: "standard deviation of real actions before training; with `from` it is the policy's",
        usual: "0.1–1",
    },
    Words {
        keys: &["hidden"],
        meaning: "widths of the hidden layers of policy and critic",
        usual: "`[64, 64]`",
    },
];

impl LearnerOptions for PpoConfig {
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

    fn episodes(&self) -> usize {
        self.episodes
    }

    fn sizes(&self, scale: &Scale) -> Vec<(&'static str, f64)> {
        vec![
            ("lanes", self.lanes as f64 * 64.0),
            ("horizon", self.lanes as f64 * self.horizon as f64 * scale.transition),
            ("episodes", self.episodes as f64 * scale.episode * scale.transition),
            ("hidden", squares(&self.hidden)),
        ]
    }

    fn unread(&self, varied: bool) -> Vec<Unread> {
        match varied {
            true => Vec::new(),
            false => vec![Unread::but_for(
                &["critic_sees_dynamics"],
                "a critic whose lanes have different dynamics",
            )],
        }
    }

    fn build(&self, seat: &Seat<'_>) -> Result<Box<dyn Learner>, RlError> {
        Ok(Box::new(Ppo::with_history(self.clone(), seat.spec, seat.dim(), seat.history, seat.seed)?))
    }
}
