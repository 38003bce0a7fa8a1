//! What a planar robot is made of, as constants that the compiler sees.
//!
//! Generalised *coordinates*, the same for every robot: 0 is the root's x, 1 its z, 2 + b the angle of body b.
//! A robot locks those that it has no joint for. Positions of joints (MuJoCo's qpos) are relative angles; inside
//! the solver the angles are absolute, where the mass matrix couples no siblings and its diagonal is constant.

use crate::unroll::Count;
use crate::vector::Point;

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
#[derive(Clone, Copy)]
pub(crate) struct Body {
    /// The body that carries it; the root's own index for the root.
    pub(crate) parent: usize,
    /// The axis of the joint with the parent, in the parent's frame (metres). A body's frame has its origin there.
    pub(crate) hinge: Point,
}

/// A joint whose parameters may vary, in the order of MuJoCo's joints.
#[derive(Clone, Copy)]
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
#[derive(Clone, Copy)]
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
#[derive(Clone, Copy)]
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
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integrator {
    /// Semi-implicit Euler, implicit in the joints' damping.
    Euler,
    /// The classical fourth-order Runge–Kutta method.
    RungeKutta4,
}

/// A robot: all numbers that the engine needs.
#[derive(Clone, Copy)]
pub(crate) struct Model {
    pub(crate) bodies: &'static [Body],
    pub(crate) joints: &'static [Joint],
    pub(crate) capsules: &'static [Capsule],
    /// The coordinates that move freely; they are MuJoCo's degrees of freedom, in this order.
    pub(crate) coordinates: &'static [usize],
    /// Height of the root where its z is 0 (m).
    pub(crate) height: f64,
    /// Density of every body (kg/m³).
    pub(crate) density: f64,
    /// The capsule whose length may vary, from the body's origin to (0.001 m, length), and its length (m).
    pub(crate) pole: Option<(usize, f64)>,
    pub(crate) timestep: f64,
    pub(crate) integrator: Integrator,
    /// Controls are clamped to ± this.
    pub(crate) control_limit: f64,
    pub(crate) limit: Softness,
    pub(crate) contact: Softness,
    /// Contacts act below this distance: the sum of both geoms' margins (m).
    pub(crate) margin: f64,
    /// Whether the capsules touch the ground, the plane z = 0.
    pub(crate) ground: bool,
    /// Capsules that may touch each other without friction: (on the ancestor, on the descendant).
    pub(crate) pairs: &'static [(usize, usize)],
    /// Downward acceleration (m/s²).
    pub(crate) gravity: f64,
}

impl Model {
    /// Whether `ancestor` carries `body`, directly or not.
    const fn carries(&self, ancestor: usize, body: usize) -> bool {
        let mut b = body;
        while b != 0 {
            b = self.bodies[b].parent;
            if b == ancestor {
                return true;
            }
        }
        false
    }

    const fn moves(&self, coordinate: usize) -> bool {
        let mut i = 0;
        while i < self.coordinates.len() {
            if self.coordinates[i] == coordinate {
                return true;
            }
            i += 1;
        }
        false
    }

    /// `[i][j]` for j ≤ i: whether the mass matrix has an entry there.
    const fn entries(&self) -> [[bool; MAX_COORDINATES]; MAX_COORDINATES] {
        let mut table = [[false; MAX_COORDINATES]; MAX_COORDINATES];
        let mut i = 0;
        while i < angle(self.bodies.len()) {
            let mut j = 0;
            while j <= i {
                let related = i == j || j < 2 || self.carries(j - 2, i - 2);
                table[i][j] = related && self.moves(i) && self.moves(j);
                j += 1;
            }
            i += 1;
        }
        table
    }

    /// `[a][b]`: the body on which the way from `a` to a body `b` that it carries leaves `a`; else `a` itself.
    const fn next(&self) -> [[usize; MAX_BODIES]; MAX_BODIES] {
        let mut table = [[0; MAX_BODIES]; MAX_BODIES];
        let mut a = 0;
        while a < self.bodies.len() {
            let mut b = 0;
            while b < self.bodies.len() {
                table[a][b] = a;
                if self.carries(a, b) {
                    let mut child = b;
                    while self.bodies[child].parent != a || child == 0 {
                        child = self.bodies[child].parent;
                    }
                    table[a][b] = child;
                }
                b += 1;
            }
            a += 1;
        }
        table
    }

    /// +1 or −1 for each body: the direction in which the joint with its parent counts.
    const fn signs(&self) -> [f64; MAX_BODIES] {
        let mut signs = [1.0; MAX_BODIES];
        let mut j = 0;
        while j < self.joints.len() {
            if self.joints[j].coordinate >= 2 {
                signs[self.joints[j].coordinate - 2] = self.joints[j].sign;
            }
            j += 1;
        }
        signs
    }
}

/// A robot as a type, for which the engine is compiled once.
pub(crate) trait Design: 'static {
    const MODEL: Model;
    /// Number of bodies.
    type Bodies: Count;
    /// Number of coordinates, locked ones included.
    type Coordinates: Count;
    /// Number of joints.
    type Joints: Count;
    /// Number of capsules.
    type Capsules: Count;
    /// Number of pairs.
    type Pairs: Count;

    /// Where the mass matrix has entries, see [`Model::entries`].
    const ENTRIES: [[bool; MAX_COORDINATES]; MAX_COORDINATES] = Self::MODEL.entries();
    /// The way from ancestors to descendants, see [`Model::next`].
    const NEXT: [[usize; MAX_BODIES]; MAX_BODIES] = Self::MODEL.next();
    /// The direction in which the joint of each body counts.
    const SIGNS: [f64; MAX_BODIES] = Self::MODEL.signs();
}

/// Implements [`Design`] for a model constant, with the counts taken from it.
macro_rules! robot {
    ($(#[$doc:meta])* $name:ident = $model:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl $crate::model::Design for $name {
            const MODEL: $crate::model::Model = $model;
            type Bodies = $crate::unroll::N<{ $model.bodies.len() }>;
            type Coordinates = $crate::unroll::N<{ 2 + $model.bodies.len() }>;
            type Joints = $crate::unroll::N<{ $model.joints.len() }>;
            type Capsules = $crate::unroll::N<{ $model.capsules.len() }>;
            type Pairs = $crate::unroll::N<{ $model.pairs.len() }>;
        }
    };
}
pub(crate) use robot;
