//! Where the bodies are, and how they move.

use crate::lane::Lane;
use crate::model::{Design, MAX_BODIES, MAX_COORDINATES, angle};
use crate::unroll::Count;
use crate::vector::{Rotation, Vector};

/// A number for every coordinate.
pub(crate) type Coordinates<F> = [F; MAX_COORDINATES];

/// Where the bodies are.
pub(crate) struct Pose<F> {
    pub(crate) rotation: [Rotation<F>; MAX_BODIES],
    /// From the parent's hinge to the body's.
    pub(crate) arm: [Vector<F>; MAX_BODIES],
    /// The hinge of each body; x is measured from the root.
    pub(crate) hinge: [Vector<F>; MAX_BODIES],
}

/// How the bodies move.
pub(crate) struct Motion<F> {
    /// Angular velocities.
    pub(crate) angular: [F; MAX_BODIES],
    /// Velocities of the hinges.
    pub(crate) hinge: [Vector<F>; MAX_BODIES],
}

/// Absolute angles (or their derivatives) from those of the joints; x and z stay.
#[inline(always)]
pub(crate) fn absolute<R: Design, F: Lane>(mut joints: Coordinates<F>) -> Coordinates<F> {
    R::Bodies::each(
        #[inline(always)]
        |b| {
            if b > 0 {
                let parent = joints[angle(R::MODEL.bodies[b].parent)];
                let own = joints[angle(b)];
                joints[angle(b)] = if R::SIGNS[b] > 0.0 { parent + own } else { parent - own };
            }
        },
    );
    joints
}

/// The inverse of [`absolute`].
#[inline(always)]
pub(crate) fn relative<R: Design, F: Lane>(mut angles: Coordinates<F>) -> Coordinates<F> {
    R::Bodies::each_back(
        #[inline(always)]
        |b| {
            if b > 0 {
                let parent = angles[angle(R::MODEL.bodies[b].parent)];
                let own = angles[angle(b)];
                angles[angle(b)] = if R::SIGNS[b] > 0.0 { own - parent } else { parent - own };
            }
        },
    );
    angles
}

/// Adds up accelerations (or velocities) along the arms: those of the hinges.
#[inline(always)]
pub(crate) fn hinges<R: Design, F: Lane>(
    arms: &[Vector<F>; MAX_BODIES],
    rates: &Coordinates<F>,
) -> [Vector<F>; MAX_BODIES] {
    let mut hinges = [Vector { x: rates[0], z: rates[1] }; MAX_BODIES];
    R::Bodies::each(
        #[inline(always)]
        |b| {
            if b > 0 {
                let p = R::MODEL.bodies[b].parent;
                hinges[b] = hinges[p].plus_perp(arms[b], rates[angle(p)]);
            }
        },
    );
    hinges
}

impl<F: Lane> Pose<F> {
    #[inline(always)]
    pub(crate) fn new<R: Design>(height: F, angles: &Coordinates<F>) -> Self {
        let mut pose = Self {
            rotation: [Rotation::none(); MAX_BODIES],
            arm: [Vector::zero(); MAX_BODIES],
            hinge: [Vector { x: F::zero(), z: height }; MAX_BODIES],
        };
        R::Bodies::each(
            #[inline(always)]
            |b| {
                if R::ENTRIES[angle(b)][angle(b)] {
                    pose.rotation[b] = Rotation::by(angles[angle(b)]);
                }
                if b > 0 {
                    let body = &R::MODEL.bodies[b];
                    pose.arm[b] = pose.rotation[body.parent].turn_point(body.hinge);
                    pose.hinge[b] = pose.hinge[body.parent] + pose.arm[b];
                }
            },
        );
        pose
    }
}
