//! Hopper: hop forward on one leg, as in Gymnasium's `Hopper-v5`.

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

use super::quantity::{Quantity, Row};
use super::{Shape, Verdict, add_uniform_noise, inside, observe_walker, squared_norm, unit_box};

/// Every number of the hopper task. State: `rootx`, `rootz` (m), `rooty`, then the joints `thigh`, `leg`, `foot`
/// (rad), then their velocities. Observation: all but `rootx`, velocities clipped. Action: three motors, [−1, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hopper {
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
    /// Range in which every coordinate from the torso's angle on has to stay to be healthy, both ends excluded.
    pub healthy_state_range: [f64; 2],
    /// Observed velocities are clipped to ± this number; the state itself never is.
    pub velocity_clip: f64,
}

impl Default for Hopper {
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
            healthy_z_range: [0.7, f64::INFINITY],
            healthy_angle_range: [-0.2, 0.2],
            healthy_state_range: [-100.0, 100.0],
            velocity_clip: 10.0,
        }
    }
}

impl Hopper {
    pub(super) fn parameters(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for body in ["torso", "thigh", "leg", "foot"] {
            rows.push(Row::relative(Quantity::Density(body), 1000.0, [0.1, 5.0]));
        }
        for joint in ["thigh", "leg", "foot"] {
            rows.push(Row::relative(Quantity::Armature(joint), 1.0, [0.1, 5.0]));
        }
        for joint in ["thigh", "leg", "foot"] {
            rows.push(Row::relative(Quantity::Damping(joint), 1.0, [0.1, 5.0]));
        }
        rows.push(Row { quantity: Quantity::Friction, nominal: 2.0, lower: 0.1, upper: 5.0 });
        rows
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            nq: 6,
            nv: 6,
            obs_dim: 11,
            actions: unit_box(3),
            frame_skip: self.frame_skip,
            timestep: self.timestep,
            episode_limit: self.episode_limit,
            forces: &["foot"],
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

    pub(super) fn judge(&self, previous_x: f64, qpos: &[f64], qvel: &[f64], action: &[f64]) -> Verdict {
        let healthy = inside(self.healthy_z_range, qpos[1])
            && inside(self.healthy_angle_range, qpos[2])
            && qpos[2..].iter().chain(qvel).all(|&value| inside(self.healthy_state_range, value));
        let velocity = (qpos[0] - previous_x) / (self.timestep * f64::from(self.frame_skip));
        let survival = if healthy { self.healthy_reward } else { 0.0 };
        let reward =
            (self.forward_reward_weight * velocity + survival) - self.ctrl_cost_weight * squared_norm(action);
        Verdict { reward, terminated: !healthy }
    }
}
