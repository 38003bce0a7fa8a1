//! Options of DDPG and TD3.

use serde::{Deserialize, Serialize};

use crate::options::{positive, unit, weight, whole, widths};
use crate::{NoiseConfig, RlError};

/// What the hidden layers do to their sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenUnits {
    /// max(u, 0).
    #[default]
    Relu,
    /// tanh(u).
    Tanh,
}

/// Weights that networks begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialWeights {
    /// Orthogonal with gain √2, in the output layer 0.01 (actor) or 1 (critic); biases 0.
    #[default]
    Orthogonal,
    /// N(0, 0.02²), in the output layer uniform in ±0.003; biases uniform in ±1/√inputs.
    Small,
}

/// Options of DDPG. The defaults are those of the usual benchmarks (Fujimoto et al. 2018 and after: replay of a million,
/// τ 0.005, exploration N(0, 0.1), learning rates 1e-3), but with networks of 2 × 64 and minibatches of 64, the sizes
/// of Tessler et al. 2019, which train ten times faster; `hidden = [256, 256]`, `minibatch = 256` are the other usual
/// choice. TD3 ([`DdpgConfig::td3`]) is DDPG with other values of the options from `twin_critics` on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DdpgConfig {
    /// Simulated robots that experience is collected from. Usual: 1–16.
    pub lanes: usize,
    /// Transitions per lane between two rounds of gradient steps. Usual: 1–50 in all, lanes × horizon.
    pub horizon: usize,
    /// Rounds of collecting and learning per iteration, the unit of the log.
    pub rounds: u32,
    /// Gradient steps per transition; may be a fraction, rounded to whole steps per lanes × horizon transitions. Usual: 1.
    pub updates: f64,
    /// Transitions collected with actions at random before the first gradient step. Usual: 1,000–25,000.
    pub warm_up: u64,
    /// Transitions that the replay buffer holds. Usual: 1e5–1e6.
    pub replay: usize,
    /// Transitions per gradient step. Usual: 64–256.
    pub minibatch: usize,
    /// Discount γ per step. Usual: 0.98–0.999.
    pub gamma: f64,
    /// How far the target networks move towards the learnt ones in each gradient step. Usual: 0.001–0.01.
    pub tau: f64,
    /// Size of the exploration noise, as a share of half the action range: the standard deviation of Gaussian noise, σ of an
    /// Ornstein–Uhlenbeck process, what noise on weights does to the actions. Usual: 0.1–0.2.
    pub exploration: f64,
    /// What kind of noise it is.
    pub noise: NoiseConfig,
    /// Adam's learning rate for the actor. Usual: 1e-4–1e-3.
    pub actor_learning_rate: f64,
    /// Adam's learning rate for the critic. Usual: 3e-4–1e-3.
    pub critic_learning_rate: f64,
    /// Widths of the hidden layers of actor and critic. Usual: 64 or 256, twice.
    pub hidden: Vec<usize>,
    /// What they do to their sums. Usual: `relu`.
    pub units: HiddenUnits,
    /// Weights that they begin with. Usual: `orthogonal`.
    pub initial_weights: InitialWeights,
    /// Whether the critic's hidden layers normalise their sums within each row (Ba et al. 2016). Usual: false.
    pub critic_layer_norm: bool,
    /// Weight of ½‖w‖² beside the mean squared error that the critic descends, w being all its parameters. Usual: 0–0.01.
    pub critic_l2: f64,
    /// Whether observations are shifted and scaled by their running moments, in the replay buffer by the latest. Usual: false.
    pub normalise_observations: bool,
    /// Whether there are two critics, and targets are made with the lower of their values.
    pub twin_critics: bool,
    /// Standard deviation of the noise on the actions that targets are made with, as a share of half the action range.
    /// Usual: 0, TD3's 0.2.
    pub target_noise: f64,
    /// Bound of that noise. Usual: 0.5.
    pub target_noise_clip: f64,
    /// Gradient steps of the critics to one of the actor and the slow copies. Usual: 1, TD3's 2.
    pub actor_every: u32,
    /// Whether the critics are told the normalised dynamics z of a transition. The policy never is. Without effect where dynamics
    /// do not vary. Usual: false, TD3 here: true.
    pub critic_sees_dynamics: bool,
}

impl Default for DdpgConfig {
    fn default() -> Self {
        Self {
            lanes: 4,
            horizon: 8,
            rounds: 32,
            updates: 1.0,
            warm_up: 10_000,
            replay: 1_000_000,
            minibatch: 64,
            gamma: 0.99,
            tau: 0.005,
            exploration: 0.1,
            noise: NoiseConfig::default(),
            actor_learning_rate: 1e-3,
            critic_learning_rate: 1e-3,
            hidden: vec![64, 64],
            units: HiddenUnits::default(),
            initial_weights: InitialWeights::default(),
            critic_layer_norm: false,
            critic_l2: 0.0,
            normalise_observations: false,
            twin_critics: false,
            target_noise: 0.0,
            target_noise_clip: 0.5,
            actor_every: 1,
            critic_sees_dynamics: false,
        }
    }
}

impl DdpgConfig {
    /// The published options of TD3 (Fujimoto et al. 2018), but with networks and minibatches of DDPG's size here; and where
    /// dynamics vary the critics are told.
    pub fn td3() -> Self {
        Self {
            twin_critics: true,
            target_noise: 0.2,
            actor_every: 2,
            critic_sees_dynamics: true,
            ..Self::default()
        }
    }

    /// Gradient steps after a round of collecting.
    pub(crate) fn steps_a_round(&self) -> usize {
        (self.lanes as f64 * self.horizon as f64 * self.updates).round() as usize
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`RlError::Option`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RlError> {
        whole("lanes", self.lanes)?;
        whole("horizon", self.horizon)?;
        whole("rounds", self.rounds as usize)?;
        positive("updates", self.updates)?;
        if self.updates > 1e3 {
            let reason = "must not exceed 1000";
            return Err(RlError::Option { option: "updates", value: self.updates.to_string(), reason });
        }
        if self.steps_a_round() == 0 {
            let reason = "must give at least one gradient step for lanes × horizon transitions";
            return Err(RlError::Option { option: "updates", value: self.updates.to_string(), reason });
        }
        whole("replay", self.replay)?;
        whole("minibatch", self.minibatch)?;
        unit("gamma", self.gamma)?;
        unit("tau", self.tau)?;
        positive("exploration", self.exploration)?;
        positive("actor_learning_rate", self.actor_learning_rate)?;
        positive("critic_learning_rate", self.critic_learning_rate)?;
        self.noise.validate()?;
        widths("hidden", &self.hidden)?;
        weight("critic_l2", self.critic_l2)?;
        weight("target_noise", self.target_noise)?;
        positive("target_noise_clip", self.target_noise_clip)?;
        whole("actor_every", self.actor_every as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_senseless_options_are_refused_by_name() {
        DdpgConfig::default().validate().unwrap();
        DdpgConfig::td3().validate().unwrap();
        let tenth = DdpgConfig { updates: 0.1, ..DdpgConfig::default() };
        tenth.validate().unwrap();
        assert_eq!(tenth.steps_a_round(), 3, "of 32 transitions");
        let refused = |change: fn(&mut DdpgConfig), name: &str| {
            let mut config = DdpgConfig::default();
            change(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        };
        refused(|c| c.lanes = 0, "lanes");
        refused(|c| c.replay = 0, "replay");
        refused(|c| c.minibatch = 0, "minibatch");
        refused(|c| c.tau = 1.1, "tau");
        refused(|c| c.exploration = 0.0, "exploration");
        refused(|c| c.gamma = f64::NAN, "gamma");
        refused(|c| c.actor_learning_rate = -1.0, "actor_learning_rate");
        refused(|c| c.hidden = vec![64, 0], "hidden");
        refused(|c| c.updates = 0.01, "updates");
        refused(|c| c.updates = f64::INFINITY, "updates");
        refused(|c| c.target_noise = -0.1, "target_noise");
        refused(|c| c.target_noise_clip = 0.0, "target_noise_clip");
        refused(|c| c.actor_every = 0, "actor_every");
        refused(|c| c.critic_l2 = -1e-9, "critic_l2");
        refused(|c| c.critic_l2 = f64::NAN, "critic_l2");
        refused(|c| c.noise.theta = 0.0, "noise.theta");
        refused(|c| c.noise.dt = f64::INFINITY, "noise.dt");
        refused(|c| (c.noise.theta, c.noise.dt) = (0.2, 5.1), "noise.dt");
        refused(|c| c.noise.factor = 1.0, "noise.factor");
        refused(|c| c.noise.factor = f64::NAN, "noise.factor");
        refused(|c| c.noise.every = 0, "noise.every");
    }
}
