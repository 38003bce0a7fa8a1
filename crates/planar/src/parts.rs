//! The parts of a planar robot, as plain numbers.
//!
//! The build script compiles this file too: it has to stand alone.

/// Most bodies a robot may have.
pub(crate) const MAX_BODIES: usize = 7;
/// Most coordinates: x, z and an angle for each body.
pub(crate) const MAX_COORDINATES: usize = 2 + MAX_BODIES;
/// Most capsules.
pub(crate) const MAX_CAPSULES: usize = 8;
/// Most joints with parameters.
pub(crate) const MAX_JOINTS: usize = 6;
/// Most pairs of capsules that may touch each other.
pub(crate) const MAX_PAIRS: usize = 3;

/// The coordinate of a body's angle.
pub(crate) const fn angle(body: usize) -> usize {
    2 + body
}

/// A rigid body; bodies are ordered parents first, and body 0 is the root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Body {
    /// The body that carries it; the root's own index for the root.
    pub(crate) parent: usize,
    /// The axis of the joint with the parent, in the parent's frame (metres). A body's frame has its origin there.
    pub(crate) hinge: Point,
}

/// A joint whose parameters may vary, in the order of MuJoCo's joints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Joint {
    pub(crate) coordinate: usize,
    /// +1 if the joint turns about +y, −1 about −y.
    pub(crate) sign: f64,
    /// Lower and upper limit (radians, metres).
    pub(crate) range: (f64, f64),
    /// Torque (N·m) or force (N) per unit of control; `None` without a motor.
    pub(crate) gear: Option<f64>,
    /// Inertia of the rotor (kg·m²).
    pub(crate) armature: f64,
    /// Viscous damping (N·m·s/rad).
    pub(crate) damping: f64,
    /// Stiffness of a spring that rests at position 0 (N·m/rad).
    pub(crate) stiffness: f64,
}

/// A capsule fixed to a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Capsule {
    pub(crate) body: usize,
    /// Its centre in the body's frame.
    pub(crate) centre: Point,
    /// From its centre to the centre of the sphere at one end.
    pub(crate) half: Point,
    pub(crate) radius: f64,
    /// Sliding friction of its contact with the ground: the larger of the two geoms' coefficients.
    pub(crate) friction: f64,
}

impl Capsule {
    /// Volume (m³) and, per unit of density, moment of inertia about +y through the centre (m⁵).
    pub(crate) fn volume_and_inertia(&self) -> (f64, f64) {
        let r = self.radius;
        let half2 = self.half.norm_squared();
        let half = half2.sqrt();
        let pi = std::f64::consts::PI;
        let cylinder = pi * r * r * 2.0 * half;
        let sphere = 4.0 / 3.0 * pi * r * r * r;
        // Each half-sphere has its centre of mass 3r/8 beyond the end of the cylinder.
        let inertia = cylinder * (r * r / 4.0 + half2 / 3.0)
            + sphere * (2.0 / 5.0 * r * r + half2 + 3.0 / 4.0 * half * r);
        (cylinder + sphere, inertia)
    }
}

/// How soft a constraint is: MuJoCo's `solref` and `solimp` (midpoint ½, power 2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Softness {
    /// Time constant (s) and damping ratio.
    pub(crate) solref: (f64, f64),
    /// Impedance at the surface, impedance at the full width, and the width (m or rad).
    pub(crate) solimp: (f64, f64, f64),
}

impl Softness {
    /// Damping b and stiffness k of the reference acceleration −b·v − k·impedance·position.
    pub(crate) const fn damping_and_stiffness(&self, timestep: f64) -> (f64, f64) {
        // MuJoCo's `refsafe`: the time constant covers at least two steps.
        let time = if self.solref.0 > 2.0 * timestep { self.solref.0 } else { 2.0 * timestep };
        let (_, width_impedance) = self.impedances();
        let b = 2.0 / (width_impedance * time);
        let ratio = self.solref.1;
        let k = 1.0 / (width_impedance * width_impedance * time * time * ratio * ratio);
        (b, k)
    }

    /// The impedances at the surface and at the full width, clamped as MuJoCo does.
    pub(crate) const fn impedances(&self) -> (f64, f64) {
        (self.solimp.0.clamp(1e-4, 0.9999), self.solimp.1.clamp(1e-4, 0.9999))
    }

    /// MuJoCo's defaults.
    pub(crate) const DEFAULT: Self = Self { solref: (0.02, 1.0), solimp: (0.9, 0.95, 0.001) };
}

/// How the equations of motion are integrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integrator {
    /// Semi-implicit Euler, implicit in the joints' damping.
    Euler,
    /// The classical fourth-order Runge–Kutta method.
    RungeKutta4,
}

/// A vector of plain numbers, for the constants of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) z: f64,
}

impl Point {
    pub(crate) const fn new(x: f64, z: f64) -> Self {
        Self { x, z }
    }

    /// The vector of a given length that the angle (radians about +y) turns +z into.
    pub(crate) const fn polar(angle: f64, length: f64) -> Self {
        let (sin, cos) = const_sin_cos(angle);
        Self { x: length * sin, z: length * cos }
    }

    pub(crate) const fn norm_squared(self) -> f64 {
        self.x * self.x + self.z * self.z
    }
}

/// Sine and cosine by their power series, for constants of models (|angle| ≤ 4: errors of a few 1e-16).
const fn const_sin_cos(angle: f64) -> (f64, f64) {
    // The angle is halved twice so that the series stays free of cancellation; two doublings undo it.
    let x = angle / 4.0;
    let (mut sin, mut cos) = (0.0, 0.0);
    let mut n = 24;
    while n > 0 {
        // Horner: sin x = x (1 − x²/(2·3) (1 − x²/(4·5) (…))), cos x = 1 − x²/(1·2) (1 − x²/(3·4) (…)).
        sin = 1.0 - x * x / ((2 * n) as f64 * (2 * n + 1) as f64) * sin;
        cos = 1.0 - x * x / ((2 * n - 1) as f64 * (2 * n) as f64) * cos;
        n -= 1;
    }
    sin *= x;
    n = 2;
    while n > 0 {
        (sin, cos) = (2.0 * sin * cos, 1.0 - 2.0 * sin * sin);
        n -= 1;
    }
    (sin, cos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_directions_match_the_standard_library() {
        for angle in [-3.8_f64, -2.03, -0.6, -0.27, 0.0, 0.52, 0.87, 3.9] {
            let p = Point::polar(angle, 2.0);
            assert!((p.x - 2.0 * angle.sin()).abs() < 2e-15, "{angle}");
            assert!((p.z - 2.0 * angle.cos()).abs() < 2e-15, "{angle}");
        }
    }
}
