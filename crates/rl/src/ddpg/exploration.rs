//! How the policies of DDPG and TD3 explore: noise on actions, with a memory or without, or noise on weights.

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

use crate::ddpg::halves::{Parts, read};
use crate::ddpg::networks::Net;
use crate::options::{positive, whole};
use crate::{Actor, Correlation, Lanes, Persist, RlError, State, StateError};

/// The kind of exploration noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseKind {
    /// Independent Gaussian noise on every action.
    #[default]
    Gaussian,
    /// An Ornstein–Uhlenbeck process on the actions of an episode, from 0 (Lillicrap et al. 2016).
    OrnsteinUhlenbeck,
    /// Gaussian noise on the weights of the policy, drawn anew for the first round after an episode has ended (Plappert et
    /// al. 2018).
    Parameters,
}

/// Options of the exploration noise. Its size is [`DdpgConfig::exploration`](crate::DdpgConfig::exploration).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoiseConfig {
    /// Its kind.
    pub kind: NoiseKind,
    /// Ornstein–Uhlenbeck: how fast the noise returns to 0, θ of x ← x − θ·dt·x + σ·√dt·n, 1/s. Usual: 0.15.
    pub theta: f64,
    /// Ornstein–Uhlenbeck: time that a step takes, s. Usual: 0.01 or 1; θ·dt at most 1.
    pub dt: f64,
    /// Parameters: what the deviation of the weights is multiplied or divided by, so that the actions with and without noise
    /// come to differ by `exploration` (root of the mean square). Above 1. Usual: 1.01.
    pub factor: f64,
    /// Parameters: gradient steps from one such correction to the next. Usual: 50.
    pub every: u32,
}

impl Default for NoiseConfig {
    fn default() -> Self {
        Self { kind: NoiseKind::default(), theta: 0.15, dt: 0.01, factor: 1.01, every: 50 }
    }
}

impl NoiseConfig {
    /// The memory of the noise on actions, if it has one.
    pub(crate) fn correlation(&self) -> Option<Correlation> {
        let process = Correlation { keep: 1.0 - self.theta * self.dt, fresh: self.dt.sqrt() };
        (self.kind == NoiseKind::OrnsteinUhlenbeck).then_some(process)
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`RlError::Option`] for the first that makes no sense.
    pub(crate) fn validate(&self) -> Result<(), RlError> {
        positive("noise.theta", self.theta)?;
        positive("noise.dt", self.dt)?;
        if self.theta * self.dt > 1.0 {
            let reason = "times `noise.theta` must not exceed 1, or the noise overshoots";
            return Err(RlError::Option { option: "noise.dt", value: self.dt.to_string(), reason });
        }
        if !(self.factor > 1.0 && self.factor <= 10.0) {
            let reason = "must lie above 1 and not above 10";
            return Err(RlError::Option { option: "noise.factor", value: self.factor.to_string(), reason });
        }
        whole("noise.every", self.every as usize)
    }
}

/// Largest deviation of the noise on weights; without a bound it would grow for ever on actions that it cannot move.
const LARGEST: f64 = 1e3;

/// Copies of the policies with noise on their weights, which collect experience.
#[derive(Debug)]
pub(crate) struct ParameterNoise {
    /// Deviation of the noise on a weight.
    std: f64,
    /// Episodes that had begun when the noise was drawn; none before it was.
    drawn_at: Option<u64>,
    agent: Actor,
    opponent: Option<Actor>,
    /// A noisy network, to measure how far its actions are from those without noise.
    trial: Vec<f32>,
}

impl ParameterNoise {
    /// Noise that begins with the deviation `std`.
    pub(crate) fn new(std: f64, agent: &Actor) -> Self {
        let agent = agent.clone();
        Self { std, drawn_at: None, agent, opponent: None, trial: Vec::new() }
    }

    /// Who collects instead of `agent` and `opponent`, with new noise if an episode of `lanes` has ended since the last.
    pub(crate) fn explorers(
        &mut self,
        (agent, net): (&Actor, &Net),
        opponent: Option<(&Actor, &Net)>,
        lanes: &Lanes,
        stream: &mut Stream,
    ) -> (&Actor, Option<&Actor>) {
        let begun = lanes.states.iter().map(|lane| lane.episode).sum();
        if self.drawn_at != Some(begun) || self.opponent.is_some() != opponent.is_some() {
            self.drawn_at = Some(begun);
            self.perturb(net, stream);
            self.agent.renew_network(&self.trial);
            self.opponent = opponent.map(|(actor, _)| actor.clone());
            if let (Some((_, net)), Some(mut explorer)) = (opponent, self.opponent.take()) {
                self.perturb(net, stream);
                explorer.renew_network(&self.trial);
                self.opponent = Some(explorer);
            }
        }
        self.agent.renew_normaliser(agent.normaliser());
        if let (Some(explorer), Some((actor, _))) = (&mut self.opponent, opponent) {
            explorer.renew_normaliser(actor.normaliser());
        }
        (&self.agent, self.opponent.as_ref())
    }

    /// Writes the weights of `net` with noise into `trial`.
    fn perturb(&mut self, net: &Net, stream: &mut Stream) {
        let Self { trial, std, .. } = self;
        trial.clear();
        trial.extend(net.params().iter().map(|&weight| (f64::from(weight) + *std * stream.normal()) as f32));
    }

    /// Draws noise for the agent's policy and changes the deviation a little, so that its actions for the minibatch of `parts`
    /// come to differ by `target`.
    pub(crate) fn adapt(&mut self, parts: &Parts<'_>, (target, factor): (f64, f64), stream: &mut Stream) {
        self.perturb(&read(&parts.agent), stream);
        let distance = parts.distance_of_actions(&self.trial);
        self.std = if distance > target { self.std / factor } else { (self.std * factor).min(LARGEST) };
    }
}

#[cfg(test)]
impl ParameterNoise {
    /// The deviation of the noise.
    pub(crate) fn std(&self) -> f64 {
        self.std
    }

    /// The copy of the agent's policy that collects.
    pub(crate) fn agent(&self) -> &Actor {
        &self.agent
    }
}

impl Persist for ParameterNoise {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("std", self.std);
        if let Some(begun) = self.drawn_at {
            state.put("drawn_at", begun);
            state.save("agent", &self.agent);
            if let Some(opponent) = &self.opponent {
                state.save("opponent", opponent);
            }
        }
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let std: f64 = state.one("std")?;
        if !(std > 0.0 && std <= LARGEST) {
            return Err(state.unusable("std", "it is no deviation"));
        }
        self.std = std;
        self.drawn_at = None;
        if state.holds("drawn_at") {
            self.drawn_at = Some(state.count("drawn_at")?);
            state.restore("agent", &mut self.agent)?;
            // Both have the same shape.
            self.opponent = state.holds("opponent.params").then(|| self.agent.clone());
            if let Some(opponent) = &mut self.opponent {
                state.restore("opponent", opponent)?;
            }
        }
        Ok(())
    }
}
