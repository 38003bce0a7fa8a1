//! The inverted pendulum's pole as MuJoCo's compiler would make it for any length.

use std::f64::consts::PI;

use mujoco_rs::prelude::MjModel;

/// Radius of the pole in the model, in m.
const RADIUS: f64 = 0.049;
/// Sideways offset of the pole's tip in the model, in m, for every length.
const TIP_X: f64 = 0.001;

/// A capsule from the hinge to the tip.
pub(super) struct Capsule {
    radius: f64,
    /// Half the length of the cylindrical part.
    half: f64,
    centre: [f64; 3],
    /// Rotation from the z axis to the capsule's axis.
    quaternion: [f64; 4],
}

impl Capsule {
    /// The pole of a length: like the model's own, its tip is a little to the side.
    pub(super) fn of_length(length: f64) -> Self {
        let (x, z) = (TIP_X, length);
        // MuJoCo points the capsule's axis from the tip to the hinge, along (−x, 0, −z): the shortest rotation
        // from (0, 0, 1) there is about (0, −1, 0).
        let (sin, cos) = (0.5 * x.atan2(-z)).sin_cos();
        Self {
            radius: RADIUS,
            half: 0.5 * x.hypot(z),
            centre: [0.5 * x, 0.0, 0.5 * z],
            quaternion: [cos, 0.0, -sin, 0.0],
        }
    }

    /// Volume of a cylinder and two half spheres.
    pub(super) fn volume(&self) -> f64 {
        PI * self.radius * self.radius * (2.0 * self.half + 4.0 / 3.0 * self.radius)
    }

    /// Principal moments of inertia about the centre; the last is about the axis.
    fn inertia(&self, mass: f64) -> [f64; 3] {
        let (r, h) = (self.radius, 2.0 * self.half);
        let sphere = mass * 4.0 * r / (4.0 * r + 3.0 * h);
        let cylinder = mass - sphere;
        let axial = cylinder * r * r / 2.0 + 2.0 * sphere * r * r / 5.0;
        // The half spheres' centres of mass lie 3r/8 beyond the ends of the cylinder.
        let across = cylinder * (3.0 * r * r + h * h) / 12.0
            + 2.0 * sphere * r * r / 5.0
            + sphere * h * (3.0 * r + 2.0 * h) / 8.0;
        [across, across, axial]
    }

    /// Writes shape, place, mass and inertia into the geom and its body.
    pub(super) fn write(&self, model: &mut MjModel, geom: usize, body: usize, density: f64) {
        let mass = density * self.volume();
        let (r, half) = (self.radius, self.half);
        model.geom_size_mut()[geom] = [r, half, 0.0];
        model.geom_pos_mut()[geom] = self.centre;
        model.geom_quat_mut()[geom] = self.quaternion;
        model.geom_rbound_mut()[geom] = r + half;
        model.geom_aabb_mut()[geom] = [0.0, 0.0, 0.0, r, r, r + half];
        model.body_ipos_mut()[body] = self.centre;
        model.body_iquat_mut()[body] = self.quaternion;
        model.body_mass_mut()[body] = mass;
        model.body_inertia_mut()[body] = self.inertia(mass);
    }
}
