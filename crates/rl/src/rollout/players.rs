//! Who acts in an episode: the agent, and perhaps a policy that disturbs it.

use wr2l_rng::Stream;

use crate::Actor;

/// How a policy disturbs the agent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interference {
    /// Its actions, clipped to [−1, 1] and multiplied by `bound`, are forces in N on the bodies of
    /// [`SimSpec::forces`](wr2l_sim::SimSpec::forces), a horizontal and a vertical one each (Pinto et al. 2017).
    Force {
        /// Largest force in each direction, N.
        bound: f64,
    },
    /// With probability `alpha`, anew in every step, its action replaces the agent's (PR-MDP, Tessler et al. 2019).
    TakeOver {
        /// Probability, in [0, 1].
        alpha: f64,
    },
    /// The action that counts is (1 − `alpha`)·a + `alpha`·ā, a being the agent's and ā its own (NR-MDP, Tessler et
    /// al. 2019).
    Blend {
        /// Weight, in [0, 1].
        alpha: f64,
    },
}

/// A policy that disturbs the agent, and how.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance<'a> {
    /// The policy.
    pub actor: &'a Actor,
    /// What its actions do.
    pub means: Interference,
    /// Whether its actions are drawn from its policy where the agent's are; else they are its means.
    pub explores: bool,
}

/// One of the two who act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Player {
    /// The one who wants the task's reward.
    Agent,
    /// The one who disturbs it and wants it to have none.
    Opponent,
}

/// Who acts in a batch, and who learns from it.
#[derive(Clone, Copy, Debug)]
pub struct Players<'a> {
    /// The agent's policy.
    pub agent: &'a Actor,
    /// Who disturbs it, if anybody.
    pub disturbance: Option<Disturbance<'a>>,
    /// Whose inputs, actions and rewards are recorded. The opponent's reward is the negative of the agent's.
    pub learner: Player,
}

impl<'a> Players<'a> {
    /// Nobody but the agent.
    pub fn alone(agent: &'a Actor) -> Self {
        Self { agent, disturbance: None, learner: Player::Agent }
    }

    /// Whether the opponent, if there is one, sees the observation or all that the agent sees.
    pub(crate) fn see_alike(&self) -> bool {
        self.disturbance.as_ref().is_none_or(|disturbance| {
            let (own, agents) = (disturbance.actor.history(), self.agent.history());
            own.obs_dim() == agents.obs_dim() && (own.frames() == 0 || own == agents)
        })
    }

    /// The policy of the one who learns.
    pub(crate) fn learner(&self) -> &'a Actor {
        match (self.learner, &self.disturbance) {
            (Player::Opponent, Some(disturbance)) => disturbance.actor,
            _ => self.agent,
        }
    }
}

/// Where actions come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acting {
    /// The policies' means, or most probable choices.
    Mode,
    /// Draws from the policies.
    Sample,
    /// The agent's actions uniform in their box, [−1, 1] before scaling; those of an opponent drawn from its policy.
    Random,
}

impl Interference {
    /// Replaces the agent's action by the one that counts. `coin` is uniform in [0, 1).
    pub(crate) fn mix(self, coin: f64, opponent: &[f32], action: &mut [f32]) {
        match self {
            Self::Force { .. } => {}
            Self::TakeOver { alpha } => {
                if coin < alpha {
                    action.copy_from_slice(opponent);
                }
            }
            Self::Blend { alpha } => {
                for (action, opponent) in action.iter_mut().zip(opponent) {
                    let mixed = (1.0 - alpha) * f64::from(*action) + alpha * f64::from(*opponent);
                    *action = mixed as f32;
                }
            }
        }
    }

    /// Draws the number that decides about a step; nothing where none is needed.
    pub(crate) fn coin(self, stream: &mut Stream) -> f64 {
        match self {
            Self::TakeOver { .. } => stream.uniform(0.0, 1.0),
            Self::Force { .. } | Self::Blend { .. } => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_rng::{Purpose, StreamKey};

    #[test]
    fn a_weight_or_probability_of_zero_changes_no_bit_and_of_one_leaves_nothing() {
        let opponent = [0.3, -1.0, f32::MIN_POSITIVE];
        for means in [
            Interference::TakeOver { alpha: 0.0 },
            Interference::Blend { alpha: 0.0 },
            Interference::Force { bound: 9.0 },
        ] {
            for coin in [0.0, 0.5, 0.999] {
                let before = [0.123_456_79, -1.0, 1e-30];
                let mut action = before;
                means.mix(coin, &opponent, &mut action);
                assert_eq!(before.map(f32::to_bits), action.map(f32::to_bits), "{means:?}");
            }
        }
        for means in [Interference::TakeOver { alpha: 1.0 }, Interference::Blend { alpha: 1.0 }] {
            let mut action = [0.5, 0.5, 0.5];
            means.mix(0.999, &opponent, &mut action);
            assert_eq!(action, opponent, "{means:?}");
        }
    }

    #[test]
    fn the_opponent_takes_over_as_often_as_it_should() {
        let means = Interference::TakeOver { alpha: 0.1 };
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let mut taken = 0;
        for _ in 0..20_000 {
            let mut action = [0.0];
            means.mix(means.coin(&mut stream), &[1.0], &mut action);
            taken += u32::from(action[0] == 1.0);
        }
        // Binomial(20,000, 0.1): five standard deviations are 212.
        assert!((1788..=2212).contains(&taken), "{taken}");
    }
}
