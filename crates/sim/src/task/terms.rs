//! What observations, rewards, terminal and initial states are made of.

use std::f64::consts::PI;
use std::fmt;

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

/// Where episodes start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The positions.
    pub positions: Noise,
    /// The velocities.
    pub velocities: Noise,
}

/// A point, and noise around it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Noise {
    /// The point; 0 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Vec<f64>>,
    /// Every coordinate is uniform within ± this number around it.
    pub uniform: f64,
    /// Every coordinate is normal around it, with this standard deviation. Of the two kinds one is used.
    pub normal: f64,
}

impl Noise {
    pub(super) fn draw(&self, stream: &mut Stream, values: &mut [f64]) {
        match &self.at {
            Some(at) => values.copy_from_slice(at),
            None => values.fill(0.0),
        }
        for value in values {
            if self.normal > 0.0 {
                *value += self.normal * stream.normal();
            } else {
                *value += stream.uniform(-self.uniform, self.uniform);
            }
        }
    }
}

/// What the agent sees: positions, then velocities.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Observation {
    /// So many of the first positions stay hidden: where a walking robot is says nothing.
    pub hidden: usize,
    /// Observed velocities are clipped to ± this number; the state itself never is.
    pub velocity_clip: f64,
    /// Each position is followed by its velocity, instead of all positions by all velocities.
    pub interleaved: bool,
    /// Positions that are angles of a joint without limits: each is seen as its cosine and its sine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub angles: Vec<usize>,
}

impl Default for Observation {
    fn default() -> Self {
        Self { hidden: 0, velocity_clip: f64::INFINITY, interleaved: false, angles: Vec::new() }
    }
}

/// Without what came later and is not given: results are told apart by this text, and old ones are found again.
impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Observation");
        text.field("hidden", &self.hidden);
        text.field("velocity_clip", &self.velocity_clip);
        text.field("interleaved", &self.interleaved);
        if !self.angles.is_empty() {
            text.field("angles", &self.angles);
        }
        text.finish()
    }
}

impl Observation {
    pub(super) fn write(&self, qpos: &[f64], qvel: &[f64], out: &mut [f64]) {
        let clip = self.velocity_clip;
        if self.interleaved {
            let (hidden, seen) = (self.hidden, &qpos[self.hidden..]);
            out[..hidden].copy_from_slice(&qvel[..hidden]);
            for (out, (q, v)) in out[hidden..].chunks_exact_mut(2).zip(seen.iter().zip(&qvel[hidden..])) {
                out.copy_from_slice(&[*q, v.clamp(-clip, clip)]);
            }
            return;
        }
        let (positions, velocities) = out.split_at_mut(qpos.len() - self.hidden + self.angles.len());
        if self.angles.is_empty() {
            positions.copy_from_slice(&qpos[self.hidden..]);
        } else {
            let mut positions = positions.iter_mut();
            let mut see = |value| positions.next().into_iter().for_each(|seen| *seen = value);
            for (at, &q) in qpos.iter().enumerate() {
                if self.angles.contains(&at) {
                    see(q.cos());
                    see(q.sin());
                } else {
                    see(q);
                }
            }
        }
        for (out, velocity) in velocities.iter_mut().zip(qvel) {
            *out = velocity.clamp(-clip, clip);
        }
    }
}

/// What a step earns: the sum of these.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reward {
    /// Per m/s of the first position's velocity over the step.
    pub forward: f64,
    /// Per step that ends healthy; one that ends unhealthy earns none of it.
    pub healthy: f64,
    /// Per step, however it ends.
    pub step: f64,
    /// Cost per squared control, as it was passed; where the equations of motion are written out, as it acted.
    pub control: f64,
    /// Costs of the state in which the action is taken; for robots whose equations of motion are written out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub costs: Vec<Cost>,
}

/// Without what came later and is not given, as for [`Observation`].
impl fmt::Debug for Reward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Reward");
        text.field("forward", &self.forward).field("healthy", &self.healthy);
        text.field("step", &self.step).field("control", &self.control);
        if !self.costs.is_empty() {
            text.field("costs", &self.costs);
        }
        text.finish()
    }
}

/// A cost per square of one coordinate of the state (positions, then velocities).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Its number.
    pub at: usize,
    /// Per square.
    pub weight: f64,
    /// Whether it is an angle, of which the one within [−π, π) counts.
    #[serde(default)]
    pub angle: bool,
}

impl Cost {
    pub(super) fn of(&self, qpos: &[f64], qvel: &[f64]) -> f64 {
        let value = if self.at < qpos.len() { qpos[self.at] } else { qvel[self.at - qpos.len()] };
        let value = if self.angle { (value + PI).rem_euclid(2.0 * PI) - PI } else { value };
        self.weight * (value * value)
    }
}

impl Reward {
    /// Of a step of `dt` seconds in which the first position changed by `dx`.
    pub(super) fn of(&self, dt: f64, dx: f64, healthy: bool, action: &[f64]) -> f64 {
        let mut reward = self.step;
        if self.forward != 0.0 {
            reward += self.forward * (dx / dt);
        }
        if self.healthy != 0.0 {
            reward += if healthy { self.healthy } else { 0.0 };
        }
        if self.control != 0.0 {
            reward -= self.control * action.iter().map(|a| a * a).sum::<f64>();
        }
        reward
    }
}

/// Which states are not terminal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Healthy {
    /// Whether the ends of the ranges are healthy.
    pub ends_included: bool,
    /// Ranges of coordinates of the state (positions, then velocities), all of which have to hold.
    pub coordinates: Vec<Range>,
}

/// A range of one coordinate, or of all from one on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
pub enum Range {
    /// Of one.
    One {
        /// Its number.
        at: usize,
        /// Lower and upper end.
        within: [f64; 2],
    },
    /// Of this one and all that follow.
    From {
        /// The first one's number.
        from: usize,
        /// Lower and upper end.
        within: [f64; 2],
    },
}

impl Range {
    /// Number of the first coordinate that it is about.
    pub(super) fn first(&self) -> usize {
        match *self {
            Self::One { at, .. } => at,
            Self::From { from, .. } => from,
        }
    }
}

impl Healthy {
    /// Whether a state is healthy. NaN never lies in an open range, and in every closed one: physics that broke down is
    /// no terminal state.
    pub(super) fn holds(&self, qpos: &[f64], qvel: &[f64]) -> bool {
        let inside = |[low, high]: [f64; 2], value: f64| match self.ends_included {
            true => !(value < low || value > high),
            false => low < value && value < high,
        };
        let coordinate = |i: usize| if i < qpos.len() { qpos[i] } else { qvel[i - qpos.len()] };
        self.coordinates.iter().all(|range| match *range {
            Range::One { at, within } => inside(within, coordinate(at)),
            Range::From { from, within } => {
                let (positions, velocities) = (from.min(qpos.len()), from.saturating_sub(qpos.len()));
                qpos[positions..].iter().chain(&qvel[velocities..]).all(|&value| inside(within, value))
            }
        })
    }
}
