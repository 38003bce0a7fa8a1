//! Options of PPO.

use serde::{Deserialize, Serialize};

use crate::options::{positive, unit, weight, whole, widths};
use crate::{RlError, Stretch};

/// Options of PPO. The defaults are those that published returns were obtained with (CleanRL's continuous-action
/// settings), on 8 lanes × 256 steps instead of 1 × 2048.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PpoConfig {
    /// Simulated robots that contribute to a batch. Usual: 1–32.
    pub lanes: usize,
    /// Transitions per lane and batch: a batch has `lanes × horizon`. Usual: 64–2048.
    pub horizon: usize,
    /// Whole episodes per batch, instead of `lanes × horizon` transitions; 0 for the latter. Usual: 0, or 100 with the
    /// adversary `cvar`.
    pub episodes: usize,
    /// Passes over each batch. Usual: 3–20.
    pub epochs: u32,
    /// Minibatches that `lanes × horizon` transitions are split into per pass. Batches of whole episodes, whose number of
    /// transitions varies, are split into minibatches of the same size. Usual: 4–64.
    pub minibatches: usize,
    /// Adam's learning rate at the start. Usual: 1e-5–1e-3.
    pub learning_rate: f64,
    /// Whether the learning rate falls linearly to 0 at the step budget.
    pub anneal: bool,
    /// Discount γ per step. Usual: 0.98–0.999.
    pub gamma: f64,
    /// λ of generalised advantage estimation. Usual: 0.9–1.
    pub lambda: f64,
    /// Clip range of the probability ratio. Usual: 0.1–0.3.
    pub clip: f64,
    /// Whether the critic's step is clipped by the same range.
    pub clip_value: bool,
    /// Weight of the policy's entropy in the objective. Usual: 0–0.01.
    pub entropy: f64,
    /// Weight of half the critic's squared error in the objective. Usual: 0.25–1.
    pub value_weight: f64,
    /// Largest Euclidean norm of a gradient; larger ones are scaled down. Usual: 0.5.
    pub max_gradient_norm: f64,
    /// Whether advantages are shifted and scaled to mean 0 and variance 1 in every minibatch.
    pub normalise_advantages: bool,
    /// Whether observations are shifted and scaled by their running moments.
    pub normalise_observations: bool,
    /// Whether rewards are scaled by the running standard deviation of the discounted return.
    pub normalise_rewards: bool,
    /// KL(old ‖ new) beyond which the remaining epochs of a batch are skipped; 0 for no limit. It is the mean over a whole
    /// epoch, looked at after it: the policy that is kept is at most one epoch beyond. Usual: 0 or 0.01–0.05.
    pub kl_limit: f64,
    /// Whether the critic sees the dynamics (z) besides the observation. The policy never does. Makes values, and so
    /// advantages, mean something when every lane runs under other dynamics.
    pub critic_sees_dynamics: bool,
    /// Standard deviation of real actions before training, in units of the actions. Usual: 0.1–1.
    pub initial_std: f64,
    /// Widths of the hidden layers of policy and critic.
    pub hidden: Vec<usize>,
}

impl Default for PpoConfig {
    fn default() -> Self {
        Self {
            lanes: 8,
            horizon: 256,
            episodes: 0,
            epochs: 10,
            minibatches: 32,
            learning_rate: 3e-4,
            anneal: true,
            gamma: 0.99,
            lambda: 0.95,
            clip: 0.2,
            clip_value: true,
            entropy: 0.0,
            value_weight: 0.5,
            max_gradient_norm: 0.5,
            normalise_advantages: true,
            normalise_observations: true,
            normalise_rewards: true,
            kl_limit: 0.0,
            critic_sees_dynamics: false,
            initial_std: 1.0,
            hidden: vec![64, 64],
        }
    }
}

impl PpoConfig {
    /// Lanes, and what each contributes to a batch.
    pub(crate) fn lanes(&self) -> (usize, Stretch) {
        match self.episodes {
            0 => (self.lanes, Stretch::Steps(self.horizon)),
            episodes => (episodes, Stretch::Episode),
        }
    }

    /// Minibatches of a pass over `n` transitions, n ≥ 1.
    pub(crate) fn minibatches_of(&self, n: usize) -> usize {
        match self.episodes {
            0 => self.minibatches.min(n),
            _ => (n * self.minibatches / (self.lanes * self.horizon)).max(1),
        }
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`RlError::Option`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RlError> {
        whole("lanes", self.lanes)?;
        whole("horizon", self.horizon)?;
        whole("epochs", self.epochs as usize)?;
        whole("minibatches", self.minibatches)?;
        if self.minibatches > self.lanes * self.horizon {
            let value = self.minibatches.to_string();
            let reason = "must not exceed lanes × horizon";
            return Err(RlError::Option { option: "minibatches", value, reason });
        }
        positive("learning_rate", self.learning_rate)?;
        unit("gamma", self.gamma)?;
        unit("lambda", self.lambda)?;
        positive("clip", self.clip)?;
        weight("entropy", self.entropy)?;
        weight("value_weight", self.value_weight)?;
        positive("max_gradient_norm", self.max_gradient_norm)?;
        weight("kl_limit", self.kl_limit)?;
        positive("initial_std", self.initial_std)?;
        widths("hidden", &self.hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_senseless_options_are_refused_by_name() {
        PpoConfig::default().validate().unwrap();
        let refused = |change: fn(&mut PpoConfig), name: &str| {
            let mut config = PpoConfig::default();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        };
        refused(|c| c.lanes = 0, "lanes");
        refused(|c| c.minibatches = 5000, "minibatches");

        refused(|c| c.learning_rate = f64::NAN, "learning_rate");
        refused(|c| c.gamma = 1.5, "gamma");
        refused(|c| c.lambda = f64::NAN, "lambda");
        refused(|c| c.clip = 0.0, "clip");
        refused(|c| c.entropy = -1.0, "entropy");
        refused(|c| c.max_gradient_norm = f64::INFINITY, "max_gradient_norm");
        refused(|c| c.initial_std = 0.0, "initial_std");
        refused(|c| c.hidden = vec![64, 0], "hidden");
    }

    #[test]
    fn batches_of_whole_episodes_have_minibatches_of_the_usual_size() {
        let config = PpoConfig { lanes: 8, horizon: 256, minibatches: 32, ..PpoConfig::default() };
        let whole = PpoConfig { episodes: 20, ..config.clone() };
        for (n, fixed, of_episodes) in [(2048, 32, 32), (1, 1, 1), (60, 32, 1), (20_000, 32, 312)] {
            assert_eq!((config.minibatches_of(n), whole.minibatches_of(n)), (fixed, of_episodes));
        }
    }
}
