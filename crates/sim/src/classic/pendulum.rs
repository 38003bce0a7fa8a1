//! The equations of motion of a rod that a torque turns about its end, without friction, as in Gymnasium's `Pendulum-v1`.

use crate::task::Quantity;

use super::Equations;

/// Angular velocities end here, in rad/s.
const MAX_SPEED: f64 = 8.0;

/// The physical numbers of one rod.
#[derive(Clone, Debug, Default)]
pub(super) struct Pendulum {
    mass: f64,
    length: f64,
    gravity: f64,
    /// Largest torque, N·m.
    torque: f64,
}

impl Pendulum {
    /// A rod on a motor of at most this torque.
    pub(super) fn with_torque(torque: f64) -> Self {
        Self { torque, ..Self::default() }
    }
}

impl Equations<1> for Pendulum {
    fn set(&mut self, quantity: &Quantity, value: f64) {
        match quantity {
            Quantity::RodMass => self.mass = value,
            Quantity::RodLength => self.length = value,
            Quantity::Gravity => self.gravity = value,
            other => unreachable!("the rod's table has no {other:?}"),
        }
    }

    /// The torque that the motor gives.
    fn control(&self, action: f64) -> Option<f64> {
        action.is_finite().then(|| action.clamp(-self.torque, self.torque))
    }

    /// θ is 0 upright and grows from x's far side, so that the centre of mass is at `½l (−sin θ, cos θ)`; the rod's inertia about
    /// its end is `ml²/3`.
    fn advance(&self, dt: f64, control: f64, push: [f64; 2], qpos: &mut [f64; 1], qvel: &mut [f64; 1]) {
        let Self { mass, length, gravity, .. } = *self;
        let (sin, cos) = qpos[0].sin_cos();
        let pushed = -0.5 * length * (sin * push[1] + cos * push[0]);
        let angular =
            3.0 * gravity / (2.0 * length) * sin + 3.0 / (mass * length * length) * (control + pushed);
        // Gymnasium's semi-implicit Euler: the position moves with the velocity after the step.
        qvel[0] = (qvel[0] + dt * angular).clamp(-MAX_SPEED, MAX_SPEED);
        qpos[0] += dt * qvel[0];
    }
}
