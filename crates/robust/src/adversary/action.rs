//! Action-robust reinforcement learning (Tessler et al. 2019): a second policy acts instead of the agent, or with it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, Executor, Fixed, Interference, Mixing, Opposition};

use super::{Adversary, Choice, Report, Turn};
use crate::RobustError;

/// How the opponent's actions meet the agent's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// PR-MDP: with probability α, anew in every step, the opponent's action replaces the agent's.
    #[default]
    TakeOver,
    /// NR-MDP: what counts is (1 − α)·a + α·ā.
    Blend,
}

/// Options of [`Action`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActionConfig {
    /// How the actions meet.
    pub mode: Mode,
    /// Probability or weight α of the opponent, in [0, 1]; 0 is no opponent. Usual: 0.1.
    pub alpha: f64,
    /// The agent's gradient steps to one of the opponent's. Usual: 10.
    pub every: u32,
    /// Whether an update of the opponent takes the place of one of the agent's, as in the authors' code, instead of
    /// following it. Usual: false.
    pub in_turn: bool,
    /// Whether the opponent explores, by the same kind of noise as the agent. Usual: true.
    pub explores: bool,
}

impl Default for ActionConfig {
    fn default() -> Self {
        Self { mode: Mode::default(), alpha: 0.1, every: 10, in_turn: false, explores: true }
    }
}

impl ActionConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        if !(0.0..=1.0).contains(&self.alpha) {
            let requirement = "it must lie in [0, 1]";
            return Err(RobustError::Parameter { name: "alpha", value: self.alpha, requirement });
        }
        crate::error::check_positive("every", f64::from(self.every))
    }
}

/// A second policy whose actions mix with the agent's, under the reference dynamics.
///
/// The opponent descends the learner's own critic, on the learner's own replay buffer, between the learner's gradient
/// steps. It therefore lives in the learner ([`wr2l_rl::Ddpg`]); this adversary says how it plays.
#[derive(Clone, Copy, Debug)]
pub struct Action(ActionConfig);

impl Action {
    /// Plays as `config` says.
    ///
    /// # Errors
    /// [`ActionConfig::validate`]'s.
    pub fn new(config: ActionConfig) -> Result<Self, RobustError> {
        config.validate()?;
        Ok(Self(config))
    }
}

impl Adversary for Action {
    fn choose(
        &mut self,
        _: &Turn<'_>,
        _: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let source = Arc::new(Fixed::reference(executor.space()));
        Ok(Choice { source, report: Report::default(), simulator_steps: 0 })
    }

    fn opposition(&self) -> Opposition<'_> {
        let ActionConfig { mode, alpha, every, in_turn, explores } = self.0;
        let means = match mode {
            Mode::TakeOver => Interference::TakeOver { alpha },
            Mode::Blend => Interference::Blend { alpha },
        };
        Opposition::Mixed(Mixing { means, every, in_turn, explores })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_or_probability_outside_the_unit_interval_is_refused() {
        for alpha in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = Action::new(ActionConfig { alpha, ..ActionConfig::default() }).unwrap_err();
            assert!(matches!(error, RobustError::Parameter { name: "alpha", .. }), "{error}");
        }
        for alpha in [0.0, 0.1, 1.0] {
            Action::new(ActionConfig { alpha, ..ActionConfig::default() }).unwrap();
        }
        assert!(Action::new(ActionConfig { every: 0, ..ActionConfig::default() }).is_err());
    }
}
