//! Finds what touches, and how: limits, the ground, and capsules of the robot.

use crate::lane::{Lane, Mask};
use crate::model::MAX_COORDINATES;
use crate::model::{Design, angle};
use crate::pose::{Motion, Pose};
use crate::rows::{Contact, Limit, Row, Rows, Touch, impedance};
use crate::system::System;
use crate::unroll::Count;
use crate::vector::Vector;

/// Lists the joints beyond their limits.
#[inline(always)]
pub(crate) fn limits<R: Design, F: Lane>(
    rows: &mut Rows<F>,
    system: &System<F>,
    q: &[F; MAX_COORDINATES],
    v: &[F; MAX_COORDINATES],
    live: F::Mask,
) {
    R::Joints::each(
        #[inline(always)]
        |j| {
            let joint = &R::MODEL.joints[j];
            let i = joint.coordinate;
            let (above, below) = (q[i] - F::splat(joint.range.0), F::splat(joint.range.1) - q[i]);
            let distance = above.min(below);
            let touching = distance.less(F::zero()) & live;
            if touching.any() {
                let side = F::select(above.less(below), F::splat(1.0), F::splat(-1.0));
                let (b, k) = const { R::MODEL.limit.damping_and_stiffness(R::MODEL.timestep) };
                let strength = impedance(&R::MODEL.limit, distance);
                let push = distance * strength * F::splat(-k);
                let reference = (side * v[i]).neg_mul_add(F::splat(b), push);
                let softness = (F::splat(1.0) - strength) * system.limit_inverse_weight[i];
                rows.limits.push(Limit {
                    coordinate: i,
                    side: side * F::splat(joint.sign),
                    weight: (strength / softness).only(touching),
                    touching,
                    row: Row::new(reference),
                });
            }
        },
    );
}

/// Lists the ends of capsules in the ground.
#[inline(always)]
pub(crate) fn ground<R: Design, F: Lane>(
    rows: &mut Rows<F>,
    system: &System<F>,
    pose: &Pose<F>,
    motion: &Motion<F>,
    live: F::Mask,
) {
    if !R::MODEL.ground {
        return;
    }
    R::Capsules::each(
        #[inline(always)]
        |c| {
            let capsule = &R::MODEL.capsules[c];
            let (body, radius) = (capsule.body, F::splat(capsule.radius));
            let centre = pose.rotation[body].turn_point(capsule.centre);
            let half = pose.rotation[body].turn_point(capsule.half);
            let height = pose.hinge[body].z - radius;
            for end in [centre + half, centre - half] {
                let distance = height + end.z;
                let touching = distance.less(F::splat(R::MODEL.margin)) & live;
                if touching.any() {
                    let zero = F::zero();
                    // The point of contact is half the depth below the surface of the capsule.
                    let drop = distance.mul_add(F::splat(0.5), radius);
                    rows.contacts.push(Contact {
                        capsule: c,
                        body,
                        lever: Vector { x: end.x, z: end.z - drop },
                        distance,
                        weight: zero,
                        friction: zero,
                        touching,
                        rows: [Row::new(zero); 3],
                    });
                }
            }
        },
    );
    let (b, k) = const { R::MODEL.contact.damping_and_stiffness(R::MODEL.timestep) };
    for contact in rows.contacts.iter_mut() {
        let inside = contact.distance - F::splat(R::MODEL.margin);
        let strength = impedance(&R::MODEL.contact, inside);
        let softness = (F::splat(1.0) - strength) * system.ground_softness[contact.capsule];
        contact.weight = (strength / softness).only(contact.touching);
        contact.friction = system.friction[contact.capsule];
        let velocity = motion.hinge[contact.body].plus_perp(contact.lever, motion.angular[contact.body]);
        let slide = contact.friction * velocity.x;
        let push = inside * strength * F::splat(-k);
        for (row, along) in contact.rows.iter_mut().zip([velocity.z + slide, velocity.z - slide, velocity.z])
        {
            *row = Row::new(along.neg_mul_add(F::splat(b), push));
        }
    }
}

/// Where two segments come nearest: a point on each, from their centres.
struct Nearest<F> {
    one: Vector<F>,
    other: Vector<F>,
}

/// Lists the capsules of the robot that touch each other.
///
/// As MuJoCo: the nearest points of the two axes carry spheres. Parallel axes (the sine of their angle is below 1e-4,
/// found by bisection on MuJoCo 3.17) may touch in two points: the first two that touch of four candidates. Axes
/// that *cross* have no distance; MuJoCo then pushes along y, where nothing moves, and so does not push at all. (Its
/// test is an absolute 1e-15 m, which far from the origin drowns in rounding; ours is 1e-12 m, 1e-6 m in f32, between
/// points relative to the robot.)
#[inline(always)]
pub(crate) fn touches<R: Design, F: Lane>(
    rows: &mut Rows<F>,
    system: &System<F>,
    pose: &Pose<F>,
    motion: &Motion<F>,
    live: F::Mask,
) {
    R::Pairs::each(
        #[inline(always)]
        |p| {
            let (first, second) = R::MODEL.pairs[p];
            let (one, other) = (&R::MODEL.capsules[first], &R::MODEL.capsules[second]);
            let centre1 = pose.hinge[one.body] + pose.rotation[one.body].turn_point(one.centre);
            let centre2 = pose.hinge[other.body] + pose.rotation[other.body].turn_point(other.centre);
            let apart = centre1 - centre2;
            let (half1, half2) = (one.half.norm_squared().sqrt(), other.half.norm_squared().sqrt());
            let reach = one.radius + other.radius + R::MODEL.margin;
            let near = half1 + half2 + reach;
            let near = apart.dot(apart).less(F::splat(near * near)) & live;
            if near.any() {
                let axis1 = pose.rotation[one.body].turn_point(one.half);
                let axis2 = pose.rotation[other.body].turn_point(other.half);
                let (ma, mc) = (F::splat(half1 * half1), F::splat(half2 * half2));
                let (per_a, per_c) = (F::splat(1.0 / (half1 * half1)), F::splat(1.0 / (half2 * half2)));
                let mb = -axis1.dot(axis2);
                let (u, v) = (-axis1.dot(apart), axis2.dot(apart));
                // The square of the product of lengths and sine. Written so, f32 would lose every digit near parallels.
                let turned = axis1.torque_of(axis2);
                let determinant = if F::SINGLE { turned * turned } else { mb.neg_mul_add(mb, ma * mc) };
                let one_ = F::splat(1.0);
                let clip = |x: F| x.max(-one_).min(one_);
                let parallel = determinant.less(F::splat(1e-8) * ma * mc);

                // The nearest points of two lines; beyond an end, the end and the point nearest to it.
                let general = {
                    let (x1, x2) = if F::SINGLE {
                        // In the plane the nearest points of two lines are where they cross.
                        (axis2.torque_of(apart) / turned, axis1.torque_of(apart) / turned)
                    } else {
                        ((mc * u - mb * v) / determinant, (ma * v - mb * u) / determinant)
                    };
                    let end1 = clip(x1);
                    let beyond1 = one_.less(x1.abs());
                    let x2 = F::select(beyond1, end1.neg_mul_add(mb, v) * per_c, x2);
                    let end2 = clip(x2);
                    let beyond2 = one_.less(x2.abs());
                    let x1 = F::select(beyond2, clip(end2.neg_mul_add(mb, u) * per_a), end1);
                    Nearest { one: axis1.scale(x1), other: axis2.scale(end2) }
                };
                let mut found = F::Mask::from_bits(0);
                let mut found_twice = found;
                let mut candidate = |at: Nearest<F>, among: F::Mask| {
                    let between = (at.other - at.one) - apart;
                    let length = between.dot(between).sqrt();
                    let distance = length - F::splat(one.radius + other.radius);
                    let touching = distance.less(F::splat(R::MODEL.margin)) & among & !found_twice;
                    found_twice = found_twice | (found & touching);
                    found = found | touching;
                    let pushing = touching & F::either(1e-12, 1e-6).less(length);
                    if pushing.any() {
                        let normal = between.scale(one_ / length);
                        let to_contact = distance.mul_add(F::splat(0.5), F::splat(one.radius));
                        let point = centre1 + at.one.plus_scaled(normal, to_contact);
                        rows.touches
                            .push(touch::<R, F>(p, system, pose, motion, normal, point, distance, pushing));
                    }
                };
                candidate(general, near & !parallel);
                let parallel = near & parallel;
                if parallel.any() {
                    for sign in [one_, -one_] {
                        let x2 = clip(sign.neg_mul_add(mb, v) * per_c);
                        candidate(Nearest { one: axis1.scale(sign), other: axis2.scale(x2) }, parallel);
                    }
                    for sign in [one_, -one_] {
                        let x1 = clip(sign.neg_mul_add(mb, u) * per_a);
                        candidate(Nearest { one: axis1.scale(x1), other: axis2.scale(sign) }, parallel);
                    }
                }
            }
        },
    );
}

/// The row of a pair of capsules that touch in `point`, `normal` pointing from the first to the second.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn touch<R: Design, F: Lane>(
    pair: usize,
    system: &System<F>,
    pose: &Pose<F>,
    motion: &Motion<F>,
    normal: Vector<F>,
    point: Vector<F>,
    distance: F,
    touching: F::Mask,
) -> Touch<F> {
    let (first, second) = R::MODEL.pairs[pair];
    let (one, other) = (R::MODEL.capsules[first].body, R::MODEL.capsules[second].body);
    // The difference of the two points' Jacobians: what both bodies share cancels.
    let mut jacobian = [F::zero(); MAX_COORDINATES];
    jacobian[angle(other)] = (point - pose.hinge[other]).torque_of(normal);
    R::Bodies::each(
        #[inline(always)]
        |b| {
            let between = b > one
                && R::ENTRIES[angle(b)][angle(one)]
                && (b == other || (b < other && R::ENTRIES[angle(other)][angle(b)]));
            if between {
                let parent = R::MODEL.bodies[b].parent;
                let mut lever = pose.arm[b];
                if parent == one {
                    lever = lever - (point - pose.hinge[one]);
                }
                jacobian[angle(parent)] = lever.torque_of(normal);
            }
        },
    );
    let mut along = F::zero();
    R::Bodies::each(
        #[inline(always)]
        |b| along = jacobian[angle(b)].mul_add(motion.angular[b], along),
    );
    let (b, k) = const { R::MODEL.contact.damping_and_stiffness(R::MODEL.timestep) };
    let inside = distance - F::splat(R::MODEL.margin);
    let strength = impedance(&R::MODEL.contact, inside);
    let softness = (F::splat(1.0) - strength) * system.pair_softness[pair];
    let push = inside * strength * F::splat(-k);
    Touch {
        jacobian: jacobian.map(|entry| entry.only(touching)),
        weight: (strength / softness).only(touching),
        touching,
        // Where they do not touch, the normal may be no number at all.
        row: Row::new(along.neg_mul_add(F::splat(b), push).only(touching)),
    }
}
