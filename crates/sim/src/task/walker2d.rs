//! Walker2d: walk forward on two legs, as in Gymnasium's `Walker2d-v5`.

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

use super::quantity::{Quantity, Row};
use super::{Shape, Verdict, add_uniform_noise, inside, observe_walker, squared_norm, unit_box};

/// Every number of the walker task. State: `rootx`, `rootz` (m), `rooty`, then the joints `thigh`, `leg`, `foot`
/// of the right leg and of the left (rad), then their velocities. Observation: all but `rootx`, velocities
/// clipped. Action: six motors, [−1, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Walker2d {
    /// Steps of the physics per step of the task.
    pub frame_skip: u32,
    /// Seconds per step of the physics (fourth-order Runge–Kutta).
    pub timestep: f64,
    /// Steps after which an episode is truncated.
    pub episode_limit: u32,
    /// Height of the torso in the initial state, before noise, in m.
    pub initial_height: f64,
    /// Initial positions and velocities are uniform within ± this number around the standing robot at rest.
    pub reset_noise_scale: f64,
    /// Reward per m/s of forward velocity.
    pub forward_reward_weight: f64,
    /// Cost per squared control.
    pub ctrl_cost_weight: f64,
    /// Reward of a step that ends healthy; an unhealthy step earns none of it.
    pub healthy_reward: f64,
    /// Heights of the torso that are healthy, in m, both ends excluded.
    pub healthy_z_range: [f64; 2],
    /// Angles of the torso that are healthy, in rad, both ends excluded.
    pub healthy_angle_range: [f64; 2],
    /// Observed velocities are clipped to ± this number; the state itself never is.
    pub velocity_clip: f64,
}

impl Default for Walker2d {
    fn default() -> Self {
        Self {
            frame_skip: 4,
            timestep: 0.002,
            episode_limit: 1000,
            initial_height: 1.25,
            reset_noise_scale: 5e-3,
            forward_reward_weight: 1.0,
            ctrl_cost_weight: 1e-3,
            healthy_reward: 1.0,
            healthy_z_range: [0.8, 2.0],
            healthy_angle_range: [-1.0, 1.0],
            velocity_clip: 10.0,
        }
    }
}

impl Walker2d {
    const BODIES: [&str; 7] = ["torso", "thigh", "leg", "foot", "thigh_left", "leg_left", "foot_left"];

    pub(super) fn parameters(&self) -> Vec<Row> {
        let joints = &Self::BODIES[1..];
        let mut rows = Vec::new();
        for body in Self::BODIES {
            rows.push(Row::relative(Quantity::Density(body), 1000.0, [0.1, 5.0]));
        }
        for joint in joints {
            rows.push(Row::relative(Quantity::Armature(joint), 0.01, [0.1, 5.0]));
        }
        for joint in joints {
            rows.push(Row::relative(Quantity::Damping(joint), 0.1, [0.1, 5.0]));
        }
        rows.push(Row { quantity: Quantity::Friction, nominal: 1.9, lower: 0.1, upper: 5.0 });
        rows
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            nq: 9,
            nv: 9,
            obs_dim: 17,
            actions: unit_box(6),
            frame_skip: self.frame_skip,
            timestep: self.timestep,
            episode_limit: self.episode_limit,
            forces: &["foot", "foot_left"],
            walks: true,
        }
    }

    pub(super) fn draw_initial_state(&self, stream: &mut Stream, qpos: &mut [f64], qvel: &mut [f64]) {
        qpos.fill(0.0);
        qvel.fill(0.0);
        qpos[1] = self.initial_height;
        add_uniform_noise(stream, self.reset_noise_scale, qpos);
        add_uniform_noise(stream, self.reset_noise_scale, qvel);
    }

    pub(super) fn observe(&self, qpos: &[f64], qvel: &[f64], out: &mut [f64]) {
        observe_walker(qpos, qvel, self.velocity_clip, out);
    }

    pub(super) fn judge(&self, previous_x: f64, qpos: &[f64], _qvel: &[f64], action: &[f64]) -> Verdict {
        let healthy = inside(self.healthy_z_range, qpos[1]) && inside(self.healthy_angle_range, qpos[2]);
        let velocity = (qpos[0] - previous_x) / (self.timestep * f64::from(self.frame_skip));
        let survival = if healthy { self.healthy_reward } else { 0.0 };
        let reward =
            (self.forward_reward_weight * velocity + survival) - self.ctrl_cost_weight * squared_norm(action);
        Verdict { reward, terminated: !healthy }
    }
}
