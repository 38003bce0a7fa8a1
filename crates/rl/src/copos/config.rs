//! Options of COPOS.

use serde::{Deserialize, Serialize};

use crate::options::positive;
use crate::{RlError, TrpoConfig};

/// Options of COPOS. Where it has TRPO's, the defaults are TRPO's, so that the two differ in the step alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CoposConfig {
    /// Simulated robots that contribute to a batch. Usual: 1–32.
    pub lanes: usize,
    /// Transitions per lane and batch: a batch has `lanes × horizon`. Usual: 64–2048.
    pub horizon: usize,
    /// Whole episodes per batch, instead of `lanes × horizon` transitions; 0 for the latter. Usual: 0, or 100 with the
    /// adversary `cvar`.
    pub episodes: usize,
    /// Discount γ per step. Usual: 0.98–0.999.
    pub gamma: f64,
    /// λ of generalised advantage estimation. Usual: 0.9–1.
    pub lambda: f64,
    /// ε: no step changes the policy by a mean KL(new ‖ old) above it, in nats. Usual: 0.01.
    pub kl: f64,
    /// β: no step lowers the policy's entropy by more, in nats. Usual: 0.005–0.05.
    pub entropy_fall: f64,
    /// Multiple of the identity added to the Fisher matrix. Usual: 0.01–0.1.
    pub damping: f64,
    /// Most steps of conjugate gradient, one Fisher-vector product each. Usual: 10–25.
    pub cg_steps: usize,
    /// Most trials of the line search. Usual: 10.
    pub line_search_steps: u32,
    /// What η is divided by after a rejected step, in (0, 1). Usual: 0.5–0.8.
    pub shrink: f64,
    /// Adam's learning rate for the critic. Usual: 3e-4–1e-3.
    pub critic_learning_rate: f64,
    /// The critic's passes over each batch. Usual: 5–20.
    pub critic_epochs: u32,
    /// Transitions per step of the critic. Usual: 64–128.
    pub critic_minibatch: usize,
    /// Whether observations are shifted and scaled by their running moments.
    pub normalise_observations: bool,
    /// Whether rewards are scaled by the running standard deviation of the discounted return.
    pub normalise_rewards: bool,
    /// Widths of the hidden layers of policy and critic.
    pub hidden: Vec<usize>,
}

impl Default for CoposConfig {
    fn default() -> Self {
        let TrpoConfig {
            lanes,
            horizon,
            episodes,
            gamma,
            lambda,
            kl,
            damping,
            cg_steps,
            line_search_steps,
            shrink,
            critic_learning_rate,
            critic_epochs,
            critic_minibatch,
            normalise_observations,
            normalise_rewards,
            hidden,
        } = TrpoConfig::default();
        Self {
            lanes,
            horizon,
            episodes,
            gamma,
            lambda,
            kl,
            damping,
            cg_steps,
            line_search_steps,
            shrink,
            critic_learning_rate,
            critic_epochs,
            critic_minibatch,
            normalise_observations,
            normalise_rewards,
            hidden,
            entropy_fall: 0.01,
        }
    }
}

impl CoposConfig {
    /// TRPO's options among them.
    pub(crate) fn of_trpo(&self) -> TrpoConfig {
        let Self {
            lanes,
            horizon,
            episodes,
            gamma,
            lambda,
            kl,
            damping,
            cg_steps,
            line_search_steps,
            shrink,
            critic_learning_rate,
            critic_epochs,
            critic_minibatch,
            normalise_observations,
            normalise_rewards,
            hidden,
            entropy_fall: _,
        } = self.clone();
        TrpoConfig {
            lanes,
            horizon,
            episodes,
            gamma,
            lambda,
            kl,
            damping,
            cg_steps,
            line_search_steps,
            shrink,
            critic_learning_rate,
            critic_epochs,
            critic_minibatch,
            normalise_observations,
            normalise_rewards,
            hidden,
        }
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`RlError::Option`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RlError> {
        positive("entropy_fall", self.entropy_fall)?;
        self.of_trpo().validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senseless_options_are_refused_by_name() {
        CoposConfig::default().validate().unwrap();
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let config = CoposConfig { entropy_fall: bad, ..CoposConfig::default() };
            assert!(config.validate().unwrap_err().to_string().contains("entropy_fall"));
            let config = CoposConfig { kl: bad, ..CoposConfig::default() };
            assert!(config.validate().unwrap_err().to_string().contains("kl"));
        }
    }
}
