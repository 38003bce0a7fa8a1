//! The learner `trpo`.

use std::sync::Arc;

use wr2l_rl::{Learner, RlError, Trpo, TrpoConfig};

use super::learner::{Abilities, LearnerOptions, LearnerRow, Scale, Seat, read_learner};
use super::options::{Unread, Words, squares};

pub(super) static ROW: LearnerRow = LearnerRow {
    name: "trpo",
    about: "trust region policy optimisation",
    abilities: Abilities { action_values: false, whole_episodes: true, choices: true, entropy: true },
    lane_steps_factor: 1,
    usual: |_| Arc::new(TrpoConfig::default()),
    read: read_learner::<TrpoConfig>,
    words: WORDS,
    quick: &[("horizon", 64)],
    since: || vec![("trpo", None)],
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
    Words { keys: &["kl"], meaning: "radius δ of the trust region, nats", usual: "0.01" },
    Words {
        keys: &["damping"],
        meaning: "multiple of the identity added to the Fisher matrix",
        usual: "0.01–0.1",
    },
    Words { keys: &["cg_steps"], meaning: "steps of conjugate gradient", usual: "10–25" },
    Words {
        keys: &["line_search_steps", "shrink"],
        meaning: "trials, and the factor between them",
        usual: "10, 0.5–0.8",
    },
    Words {
        keys: &["critic_epochs", "critic_minibatch", "critic_learning_rate"],
        meaning: "the critic's fit",
        usual: "5–20, 64–128, 3e-4–1e-3",
    },
    Words {
        keys: &["normalise_observations"],
        meaning: "by running moments; not where a solved task keeps the state at one point (pendulum, cart-pole): \
                  moments that shrink towards it change the policy from behind the trust region's back, until the pole \
                  falls",
        usual: "true; pendulum, cart-pole: false",
    },
    Words {
        keys: &["normalise_rewards"],
        meaning: "whether rewards are scaled by the running deviation of the return",
        usual: "true",
    },
    Words {
        keys: &["gamma", "lambda"],
        meaning: "discount, and λ of the advantages",
        usual: "0.98–0.999, 0.9–1",
    },
    Words {
        keys: &["hidden"],
        meaning: "widths of the hidden layers of policy and critic",
        usual: "`[64, 64]`",
    },
];

impl LearnerOptions for TrpoConfig {
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

    fn unread(&self, _varied: bool) -> Vec<Unread> {
        match self.episodes {
            0 => Vec::new(),
            _ => vec![Unread::but_for(
                &["lanes", "horizon"],
                "a learner whose batches are no whole episodes (`trpo.episodes = 0`)",
            )],
        }
    }

    fn build(&self, seat: &Seat<'_>) -> Result<Box<dyn Learner>, RlError> {
        Ok(Box::new(Trpo::with_history(self.clone(), seat.spec, seat.dim(), seat.history, seat.seed)?))
    }
}
