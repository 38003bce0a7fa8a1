//! CartPole: the classic control problem of Barto, Sutton and Anderson (1983), as in Gymnasium's `CartPole-v1`.

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

use super::quantity::{Quantity, Row};
use super::{Shape, Verdict, add_uniform_noise};
use crate::ActionSpace;

/// Every number of the cart-pole task. State: cart position (m) and pole angle (rad, 0 is upright), then their
/// velocities. Observation: position, velocity, angle, angular velocity. Action 0 pushes left, 1 pushes right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CartPole {
    /// Seconds per step of the explicit Euler integrator.
    pub timestep: f64,
    /// Steps after which an episode is truncated.
    pub episode_limit: u32,
    /// Initial positions and velocities are uniform within ± this number.
    pub reset_noise_scale: f64,
    /// Reward of every step, the one that ends the episode included.
    pub step_reward: f64,
    /// The episode ends when the cart is farther than this from the middle, in m.
    pub position_limit: f64,
    /// The episode ends when the pole leans farther than this, in rad (12°).
    pub angle_limit: f64,
}

impl Default for CartPole {
    fn default() -> Self {
        Self {
            timestep: 0.02,
            episode_limit: 500,
            reset_noise_scale: 0.05,
            step_reward: 1.0,
            position_limit: 2.4,
            angle_limit: 12.0 * 2.0 * std::f64::consts::PI / 360.0,
        }
    }
}

impl CartPole {
    pub(super) fn parameters(&self) -> Vec<Row> {
        vec![
            Row::relative(Quantity::PoleHalfLength, 0.5, [0.1, 5.0]),
            Row::relative(Quantity::PoleMass, 0.1, [0.1, 5.0]),
            Row::relative(Quantity::CartMass, 1.0, [0.1, 5.0]),
            Row::relative(Quantity::Force, 10.0, [0.1, 5.0]),
            Row::relative(Quantity::Gravity, 9.8, [0.1, 5.0]),
        ]
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            nq: 2,
            nv: 2,
            obs_dim: 4,
            actions: ActionSpace::Discrete { n: 2 },
            frame_skip: 1,
            timestep: self.timestep,
            episode_limit: self.episode_limit,
            forces: &[],
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
        out.copy_from_slice(&[qpos[0], qvel[0], qpos[1], qvel[1]]);
    }

    pub(super) fn judge(&self, _previous_x: f64, qpos: &[f64], _qvel: &[f64], _action: &[f64]) -> Verdict {
        let terminated = qpos[0].abs() > self.position_limit || qpos[1].abs() > self.angle_limit;
        Verdict { reward: self.step_reward, terminated }
    }
}
