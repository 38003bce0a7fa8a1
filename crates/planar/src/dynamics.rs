//! The equations of motion: accelerations from positions, velocities and control.

use crate::detect;
use crate::lane::Lane;
use crate::mass::Matrix;
use crate::mass::{Couplings, Symmetric};
use crate::model::{Design, Integrator, MAX_BODIES, MAX_COORDINATES, angle};
use crate::rows::Rows;
use crate::solver::{self, Problem};
use crate::system::System;
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
fn relative<R: Design, F: Lane>(mut angles: Coordinates<F>) -> Coordinates<F> {
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
    fn new<R: Design>(height: F, angles: &Coordinates<F>) -> Self {
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

/// Forces from outside.
pub(crate) struct Pushes<F: Lane> {
    /// On the centre of mass of each body, in the world's frame (N).
    pub(crate) force: [Vector<F>; MAX_BODIES],
    /// The lanes that have any: the others keep their bits.
    pub(crate) lanes: F::Mask,
}

/// Everything an evaluation needs besides the state.
pub(crate) struct Setting<'a, F: Lane> {
    pub(crate) system: &'a System<F>,
    /// Forces of the motors, by coordinate (joint space).
    pub(crate) motors: &'a Coordinates<F>,
    /// Forces from outside, where any lane has one.
    pub(crate) pushes: Option<&'a Pushes<F>>,
    /// The lanes that count.
    pub(crate) live: F::Mask,
}

/// The accelerations of the joints (MuJoCo's qacc) in the state (q, v), starting the search from `guess`, and those
/// that the integrator takes: the same, but implicit in the damping with Euler's method.
/// Lanes for which the solver did not converge are added to `failed`.
#[inline(always)]
pub(crate) fn accelerations<R: Design, F: Lane>(
    setting: &Setting<'_, F>,
    rows: &mut Rows<F>,
    q: &Coordinates<F>,
    v: &Coordinates<F>,
    guess: &Coordinates<F>,
    failed: &mut F::Mask,
) -> (Coordinates<F>, Coordinates<F>) {
    let system = setting.system;
    let angles = absolute::<R, F>(*q);
    let rates = absolute::<R, F>(*v);
    let pose = Pose::new::<R>(q[1] + F::splat(R::MODEL.height), &angles);
    let mut motion = Motion { angular: [F::zero(); MAX_BODIES], hinge: hinges::<R, F>(&pose.arm, &rates) };
    R::Bodies::each(
        #[inline(always)]
        |b| motion.angular[b] = rates[angle(b)],
    );

    // The mass matrix.
    let mut mass = Couplings {
        root: Symmetric { xx: system.total_mass, xz: F::zero(), zz: system.total_mass },
        body: [Vector::zero(); MAX_BODIES],
        diagonal: system.diagonal,
        joint: system.armature,
    };
    let mut moment = [Vector::zero(); MAX_BODIES];
    R::Bodies::each(
        #[inline(always)]
        |b| {
            moment[b] = pose.rotation[b].turn(system.moment[b]);
            mass.body[b] = moment[b].perp();
        },
    );

    // The forces: gravity and what it takes to move on circles, with the accelerations themselves at zero.
    let gravity = F::splat(R::MODEL.gravity);
    let mut centripetal = [Vector { x: F::zero(), z: gravity }; MAX_BODIES];
    let mut carried = [Vector::zero(); MAX_BODIES];
    let mut force = [F::zero(); MAX_COORDINATES];
    R::Bodies::each(
        #[inline(always)]
        |b| {
            let square = motion.angular[b] * motion.angular[b];
            carried[b] = moment[b].scale(square);
            R::Bodies::each(
                #[inline(always)]
                |child| {
                    if child > b && R::MODEL.bodies[child].parent == b {
                        centripetal[child] = centripetal[b].plus_scaled(pose.arm[child], -square);
                    }
                },
            );
            force[angle(b)] = -moment[b].torque_of(centripetal[b]);
        },
    );
    R::Bodies::each_back(
        #[inline(always)]
        |b| {
            if b > 0 {
                let p = R::MODEL.bodies[b].parent;
                force[angle(p)] = force[angle(p)] + pose.arm[b].torque_of(carried[b]);
                carried[p] = carried[p] + carried[b];
            }
        },
    );
    force[0] = carried[0].x;
    force[1] = gravity.neg_mul_add(system.total_mass, carried[0].z);

    // Joints: motors, dampers, springs.
    R::Joints::each(
        #[inline(always)]
        |j| {
            let joint = &R::MODEL.joints[j];
            let i = joint.coordinate;
            let torque = system.damping[i].neg_mul_add(v[i], setting.motors[i]);
            let torque = system.stiffness[i].neg_mul_add(q[i], torque);
            add_torque::<R, F>(&mut force, i, if joint.sign > 0.0 { torque } else { -torque });
        },
    );

    if let Some(pushes) = setting.pushes {
        let pushed = push::<R, F>(force, pushes, &pose, system);
        for i in 0..MAX_COORDINATES {
            force[i] = F::select(pushes.lanes, pushed[i], force[i]);
        }
    }

    rows.clear();
    detect::limits::<R, F>(rows, system, q, v, setting.live);
    detect::ground::<R, F>(rows, system, &pose, &motion, setting.live);
    detect::touches::<R, F>(rows, system, &pose, &motion, setting.live);

    let problem = Problem { mass: &mass, arms: &pose.arm, force: &force };
    let start = absolute::<R, F>(*guess);
    let (solution, converged) = solver::solve::<R, F>(&problem, rows, start, setting.live);
    *failed = *failed | (setting.live & !converged);

    let end = if R::MODEL.integrator == Integrator::Euler {
        // (M + h D) a' = M a, as M a = force + JᵀD…: damping acts at the end of the step.
        let mut rhs = solver::times_mass::<R, F>(&mass, &pose.arm, &solution);
        let mut implicit = mass;
        R::Joints::each(
            #[inline(always)]
            |j| {
                let i = R::MODEL.joints[j].coordinate;
                let damping = system.damping[i] * F::splat(R::MODEL.timestep);
                implicit.joint[i] = implicit.joint[i] + damping;
                if i >= 2 {
                    let b = i - 2;
                    implicit.diagonal[b] = implicit.diagonal[b] + damping;
                    if b > 0 {
                        let p = R::MODEL.bodies[b].parent;
                        implicit.diagonal[p] = implicit.diagonal[p] + damping;
                    }
                }
            },
        );
        let mut factors = Matrix::assemble::<R>(&implicit, &pose.arm);
        factors.factor::<R>();
        rhs = factors.solve::<R>(rhs);
        relative::<R, F>(rhs)
    } else {
        relative::<R, F>(solution)
    };
    (relative::<R, F>(solution), end)
}

/// Adds forces on the bodies' centres of mass, which act on all that carries them.
#[inline(always)]
fn push<R: Design, F: Lane>(
    mut force: Coordinates<F>,
    pushes: &Pushes<F>,
    pose: &Pose<F>,
    system: &System<F>,
) -> Coordinates<F> {
    let mut carried = pushes.force;
    R::Bodies::each_back(
        #[inline(always)]
        |b| {
            let centre = pose.rotation[b].turn(system.centre[b]);
            force[angle(b)] = force[angle(b)] + centre.torque_of(pushes.force[b]);
            if b > 0 {
                let p = R::MODEL.bodies[b].parent;
                force[angle(p)] = force[angle(p)] + pose.arm[b].torque_of(carried[b]);
                carried[p] = carried[p] + carried[b];
            }
        },
    );
    force[0] = force[0] + carried[0].x;
    force[1] = force[1] + carried[0].z;
    force
}

/// Adds the torque of a joint to its two bodies.
#[inline(always)]
fn add_torque<R: Design, F: Lane>(force: &mut Coordinates<F>, coordinate: usize, torque: F) {
    force[coordinate] = force[coordinate] + torque;
    if coordinate > 2 {
        let p = angle(R::MODEL.bodies[coordinate - 2].parent);
        force[p] = force[p] - torque;
    }
}
