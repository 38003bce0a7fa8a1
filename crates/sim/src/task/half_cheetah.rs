//! HalfCheetah: run forward on two legs, as in Gymnasium's `HalfCheetah-v5`.

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

use super::quantity::{Quantity, Row};
use super::{Shape, Verdict, add_uniform_noise, observe_walker, squared_norm, unit_box};

/// Every number of the half-cheetah task. State: `rootx`, `rootz` (m), `rooty`, then the joints `bthigh`, `bshin`,
/// `bfoot`, `fthigh`, `fshin`, `ffoot` (rad), then their velocities. Observation: all but `rootx`. Action: six
/// motors, [−1, 1]. No state is terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HalfCheetah {
    /// Steps of the physics per step of the task.
    pub frame_skip: u32,
    /// Seconds per step of the physics (semi-implicit Euler with implicit joint damping).
    pub timestep: f64,
    /// Steps after which an episode is truncated.
    pub episode_limit: u32,
    /// Initial positions are uniform within ± this number; initial velocities are normal with this standard
    /// deviation.
    pub reset_noise_scale: f64,
    /// Reward per m/s of forward velocity.
    pub forward_reward_weight: f64,
    /// Cost per squared control.
    pub ctrl_cost_weight: f64,
}

impl Default for HalfCheetah {
    fn default() -> Self {
        Self {
            frame_skip: 5,
            timestep: 0.01,
            episode_limit: 1000,
            reset_noise_scale: 0.1,
            forward_reward_weight: 1.0,
            ctrl_cost_weight: 0.1,
        }
    }
}

impl HalfCheetah {
    /// The density in kg/m³ that gives the robot its 14 kg: with 1000 kg/m³ it would weigh 21.1837… kg.
    const DENSITY: f64 = 660.884_950_077_473_5;

    /// Joint, damping in N·m·s/rad, stiffness in N·m/rad.
    const JOINTS: [(&str, f64, f64); 6] = [
        ("bthigh", 6.0, 240.0),
        ("bshin", 4.5, 180.0),
        ("bfoot", 3.0, 120.0),
        ("fthigh", 4.5, 180.0),
        ("fshin", 3.0, 120.0),
        ("ffoot", 1.5, 60.0),
    ];

    /// The bounds of stiffness and armature keep the springs integrable: Euler steps of 0.01 s need a natural
    /// frequency below 200 rad/s, and the feet are light.
    pub(super) fn parameters(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for body in ["torso", "bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot"] {
            rows.push(Row::relative(Quantity::Density(body), Self::DENSITY, [0.1, 5.0]));
        }
        for (joint, damping, _) in Self::JOINTS {
            rows.push(Row::relative(Quantity::Damping(joint), damping, [0.1, 5.0]));
        }
        for (joint, _, stiffness) in Self::JOINTS {
            rows.push(Row::relative(Quantity::Stiffness(joint), stiffness, [0.1, 3.0]));
        }
        rows.push(Row::relative(Quantity::SharedArmature, 0.1, [0.25, 5.0]));
        // Robot and floor alike: the default of Gymnasium's file reaches the floor too.
        rows.push(Row { quantity: Quantity::Friction, nominal: 0.4, lower: 0.1, upper: 5.0 });
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
            forces: &["torso", "bfoot", "ffoot"],
            walks: true,
        }
    }

    pub(super) fn draw_initial_state(&self, stream: &mut Stream, qpos: &mut [f64], qvel: &mut [f64]) {
        qpos.fill(0.0);
        add_uniform_noise(stream, self.reset_noise_scale, qpos);
        for velocity in qvel {
            *velocity = self.reset_noise_scale * stream.normal();
        }
    }

    pub(super) fn observe(&self, qpos: &[f64], qvel: &[f64], out: &mut [f64]) {
        observe_walker(qpos, qvel, f64::INFINITY, out);
    }

    pub(super) fn judge(&self, previous_x: f64, qpos: &[f64], _qvel: &[f64], action: &[f64]) -> Verdict {
        let velocity = (qpos[0] - previous_x) / (self.timestep * f64::from(self.frame_skip));
        let reward = self.forward_reward_weight * velocity - self.ctrl_cost_weight * squared_norm(action);
        Verdict { reward, terminated: false }
    }
}
