//! The cart-pole's equations of motion (Florian 2007, frictionless), integrated by explicit Euler steps.

use crate::task::Quantity;

use super::Equations;

/// The physical numbers of one cart-pole.
#[derive(Clone, Debug, Default)]
pub(super) struct CartPole {
    pole_half_length: f64,
    pole_mass: f64,
    cart_mass: f64,
    force: f64,
    gravity: f64,
}

impl CartPole {
    /// Accelerations of cart and pole under a horizontal force.
    fn accelerations(&self, force: f64, angle: f64, angular_velocity: f64) -> (f64, f64) {
        let (sin, cos) = angle.sin_cos();
        let total_mass = self.pole_mass + self.cart_mass;
        let pole_moment = self.pole_mass * self.pole_half_length;
        let push = (force + pole_moment * (angular_velocity * angular_velocity) * sin) / total_mass;
        let angular = (self.gravity * sin - cos * push)
            / (self.pole_half_length * (4.0 / 3.0 - self.pole_mass * (cos * cos) / total_mass));
        (push - pole_moment * angular * cos / total_mass, angular)
    }
}

impl Equations<2> for CartPole {
    fn set(&mut self, quantity: &Quantity, value: f64) {
        match quantity {
            Quantity::PoleHalfLength => self.pole_half_length = value,
            Quantity::PoleMass => self.pole_mass = value,
            Quantity::CartMass => self.cart_mass = value,
            Quantity::Force => self.force = value,
            Quantity::Gravity => self.gravity = value,
            other => unreachable!("the cart-pole's table has no {other:?}"),
        }
    }

    /// Of the two choices.
    fn control(&self, action: f64) -> Option<f64> {
        (action == 0.0 || action == 1.0).then_some(action)
    }

    fn advance(&self, dt: f64, control: f64, _push: [f64; 2], qpos: &mut [f64; 2], qvel: &mut [f64; 2]) {
        let force = if control == 1.0 { self.force } else { -self.force };
        let (acceleration, angular) = self.accelerations(force, qpos[1], qvel[1]);
        // Gymnasium's explicit Euler: positions move with the velocities before the step.
        qpos[0] += dt * qvel[0];
        qvel[0] += dt * acceleration;
        qpos[1] += dt * qvel[1];
        qvel[1] += dt * angular;
    }
}
