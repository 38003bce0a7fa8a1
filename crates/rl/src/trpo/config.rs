//! Options of TRPO.

use serde::{Deserialize, Serialize};

use crate::options::{positive, unit, weight, whole, widths};
use crate::{RlError, Stretch};

/// Options of TRPO. The defaults are those of the original experiments (KL 0.01, damping 0.1, ten steps of conjugate
/// gradient) on batches of 8 lanes × 256 steps.
///
/// Batch and critic are chosen for what happens when a task is solved: all advantages are then critic noise, and every
/// step is still as long as the trust region. On the inverted pendulum, with 1,024 transitions and a critic's rate of
/// 1e-3, two of three policies that had reached 1,000 were lost again by step 600,000; with 2,048 and 3e-4 none by then,
/// but one soon after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrpoConfig {
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
    /// Radius δ of the trust region: no step changes the policy by a mean KL(old ‖ new) above it, in nats. Usual: 0.01.
    pub kl: f64,
    /// Multiple of the identity added to the Fisher matrix. Usual: 0.01–0.1.
    pub damping: f64,
    /// Most steps of conjugate gradient, one Fisher-vector product each. Usual: 10–25.
    pub cg_steps: usize,
    /// Most trials of the line search. Usual: 10.
    pub line_search_steps: u32,
    /// What a rejected step is multiplied by for the next trial, in (0, 1). Usual: 0.5–0.8.
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

impl Default for TrpoConfig {
    fn default() -> Self {
        Self {
            lanes: 8,
            horizon: 256,
            episodes: 0,
            gamma: 0.99,
            lambda: 0.95,
            kl: 0.01,
            damping: 0.1,
            cg_steps: 10,
            line_search_steps: 10,
            shrink: 0.8,
            critic_learning_rate: 3e-4,
            critic_epochs: 10,
            critic_minibatch: 128,
            normalise_observations: true,
            normalise_rewards: true,
            hidden: vec![64, 64],
        }
    }
}

impl TrpoConfig {
    /// Lanes, and what each contributes to a batch.
    pub(crate) fn lanes(&self) -> (usize, Stretch) {
        match self.episodes {
            0 => (self.lanes, Stretch::Steps(self.horizon)),
            episodes => (episodes, Stretch::Episode),
        }
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`RlError::Option`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RlError> {
        whole("lanes", self.lanes)?;
        whole("horizon", self.horizon)?;
        unit("gamma", self.gamma)?;
        unit("lambda", self.lambda)?;
        positive("kl", self.kl)?;
        weight("damping", self.damping)?;
        whole("cg_steps", self.cg_steps)?;
        whole("line_search_steps", self.line_search_steps as usize)?;
        if !(self.shrink > 0.0 && self.shrink < 1.0) {
            let reason = "must lie between 0 and 1";
            return Err(RlError::Option { option: "shrink", value: self.shrink.to_string(), reason });
        }
        positive("critic_learning_rate", self.critic_learning_rate)?;
        whole("critic_minibatch", self.critic_minibatch)?;
        widths("hidden", &self.hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_senseless_options_are_refused_by_name() {
        TrpoConfig::default().validate().unwrap();
        let refused = |change: fn(&mut TrpoConfig), name: &str| {
            let mut config = TrpoConfig::default();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        };
        refused(|c| c.lanes = 0, "lanes");
        refused(|c| c.horizon = 0, "horizon");
        refused(|c| c.gamma = f64::NAN, "gamma");
        refused(|c| c.kl = 0.0, "kl");
        refused(|c| c.damping = -0.1, "damping");
        refused(|c| c.cg_steps = 0, "cg_steps");
        refused(|c| c.shrink = 1.0, "shrink");
        refused(|c| c.shrink = f64::NAN, "shrink");
        refused(|c| c.critic_learning_rate = f64::INFINITY, "critic_learning_rate");
        refused(|c| c.critic_minibatch = 0, "critic_minibatch");
        refused(|c| c.hidden = vec![0], "hidden");
    }
}
