//! The equations of motion: accelerations from positions, velocities and control.

use crate::detect;
use crate::lane::Lane;
use crate::mass::Matrix;
use crate::mass::{Couplings, Symmetric};
use crate::model::{Design, Integrator, MAX_BODIES, MAX_COORDINATES, angle};
use crate::pose::{Coordinates, Motion, Pose, absolute, hinges, relative};
use crate::rows::Rows;
use crate::solver::{self, Problem};
use crate::system::System;
use crate::unroll::Count;
use crate::vector::Vector;

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
