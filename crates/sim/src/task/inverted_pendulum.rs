//! InvertedPendulum: balance a pole on a cart with a continuous force, as in Gymnasium's `InvertedPendulum-v5`.

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

use super::quantity::{Quantity, Row};
use super::{Shape, Verdict, add_uniform_noise};
use crate::ActionSpace;

/// Every number of the inverted-pendulum task. State: cart position (m), pole angle (rad, 0 is upright), then
/// their velocities; the observation is the whole state. Action: the motor's control in [−3, 3].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InvertedPendulum {
    /// Steps of the physics per step of the task.
    pub frame_skip: u32,
    /// Seconds per step of the physics (fourth-order Runge–Kutta).
    pub timestep: f64,
    /// Steps after which an episode is truncated.
    pub episode_limit: u32,
    /// Initial positions and velocities are uniform within ± this number.
    pub reset_noise_scale: f64,
    /// Reward of a step after which the pole is upright; the step on which it falls earns nothing.
    pub healthy_reward: f64,
    /// The episode ends when the pole leans farther than this, in rad.
    pub angle_limit: f64,
}

impl Default for InvertedPendulum {
    fn default() -> Self {
        Self {
            frame_skip: 2,
            timestep: 0.02,
            episode_limit: 1000,
            reset_noise_scale: 0.01,
            healthy_reward: 1.0,
            angle_limit: 0.2,
        }
    }
}

impl InvertedPendulum {
    /// The bounds keep the hinge's damping integrable: Runge–Kutta steps of 0.02 s need damping · 0.02 s below about
    /// 2.7 times the pole's inertia, and a short, light pole has little.
    pub(super) fn parameters(&self) -> Vec<Row> {
        vec![
            Row { quantity: Quantity::PoleLength, nominal: 0.6, lower: 0.2, upper: 5.0 },
            Row::relative(Quantity::Density("pole"), 1000.0, [0.5, 5.0]),
            Row::relative(Quantity::Density("cart"), 1000.0, [0.1, 5.0]),
            Row::relative(Quantity::Damping("slider"), 1.0, [0.1, 5.0]),
            Row::relative(Quantity::Damping("hinge"), 1.0, [0.1, 1.5]),
        ]
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            nq: 2,
            nv: 2,
            obs_dim: 4,
            actions: ActionSpace::Continuous { low: vec![-3.0], high: vec![3.0] },
            frame_skip: self.frame_skip,
            timestep: self.timestep,
            episode_limit: self.episode_limit,
            forces: &["pole"],
            walks: false,
        }
    }

    pub(super) fn draw_initial_state(&self, stream: &mut Stream, qpos: &mut [f64], qvel: &mut [f64]) {
        qpos.fill(0.0);
        qvel.fill(0.0);
        add_uniform_noise(stream, self.reset_noise_scale, qpos);
        add_uniform_noise(stream, self.reset_noise_scale, qvel);
    }

    pub(super) fn observe(&self, qpos: &[f64], qvel: &[f64], out: &mut [f64]) {
        let (positions, velocities) = out.split_at_mut(qpos.len());
        positions.copy_from_slice(qpos);
        velocities.copy_from_slice(qvel);
    }

    pub(super) fn judge(&self, _previous_x: f64, qpos: &[f64], _qvel: &[f64], _action: &[f64]) -> Verdict {
        let terminated = qpos[1].abs() > self.angle_limit;
        Verdict { reward: if terminated { 0.0 } else { self.healthy_reward }, terminated }
    }
}
