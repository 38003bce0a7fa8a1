//! What a planar robot is made of, as constants that the compiler sees.
//!
//! Generalised *coordinates*, the same for every robot: 0 is the root's x, 1 its z, 2 + b the angle of body b.
//! A robot locks those that it has no joint for. Positions of joints (MuJoCo's qpos) are relative angles; inside
//! the solver the angles are absolute, where the mass matrix couples no siblings and its diagonal is constant.

pub(crate) use crate::parts::*;
use crate::unroll::Count;

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

/// Names of a robot's parts, in the order of [`Parameters`](crate::Parameters).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// The bodies, parents first.
    pub bodies: &'static [&'static str],
    /// The joints that have parameters.
    pub joints: &'static [&'static str],
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
