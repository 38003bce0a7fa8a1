//! Where links and joint axes are.

use super::sincos::sin_cos;
use super::{Bearing, Moving};
use crate::algebra::{Mat3, Vec3, add, axpy, lift, lift_turn, neg, product, sub, turned};
use crate::compiled::JointKind;
use crate::lane::Lane;
use crate::model::Model;
use crate::tree::{Axis, Link};

/// The rotation about a constant axis.
#[inline(always)]
fn about<F: Lane>(axis: &Vec3<F>, angle: F) -> Mat3<F> {
    let (s, c) = sin_cos(angle);
    let [x, y, z] = *axis;
    let rest = F::one() - c;
    let (tx, ty, tz) = (rest * x, rest * y, rest * z);
    [
        tx.mul_add(x, c),
        s.neg_mul_add(z, tx * y),
        s.mul_add(y, tx * z),
        s.mul_add(z, tx * y),
        ty.mul_add(y, c),
        s.neg_mul_add(x, ty * z),
        s.neg_mul_add(y, tx * z),
        s.mul_add(x, ty * z),
        tz.mul_add(z, c),
    ]
}

/// The rotation of a quaternion of any length.
#[inline(always)]
fn of_quaternion<F: Lane>(q: &[F]) -> Mat3<F> {
    let (w, x, y, z) = (q[0], q[1], q[2], q[3]);
    let two = F::splat(2.0) / z.mul_add(z, y.mul_add(y, x.mul_add(x, w * w)));
    let (wx, wy, wz) = (w * x * two, w * y * two, w * z * two);
    let (xx, xy, xz) = (x * x * two, x * y * two, x * z * two);
    let (yy, yz, zz) = (y * y * two, y * z * two, z * z * two);
    let one = F::one();
    [one - yy - zz, xy - wz, xz + wy, xy + wz, one - xx - zz, yz - wx, xz - wy, yz + wx, one - xx - yy]
}

/// `turn` followed by a rotation about its column that is neither `I` nor `J`, from `I` to `J`.
#[inline(always)]
fn spun<const I: usize, const J: usize, F: Lane>(turn: &Mat3<F>, s: F, c: F) -> Mat3<F> {
    let mut spun = *turn;
    for row in [0, 3, 6] {
        let (a, b) = (turn[row + I], turn[row + J]);
        spun[row + I] = b.mul_add(s, a * c);
        spun[row + J] = b.mul_add(c, -(a * s));
    }
    spun
}

/// `turn` followed by the rotation of a hinge, whose axis is the other result.
#[inline(always)]
fn hinged<F: Lane>(turn: &Mat3<F>, hinge: &Axis, angle: F) -> (Mat3<F>, Vec3<F>) {
    let Some((k, reversed)) = hinge.along else {
        let local = lift(&hinge.axis);
        return (product(turn, &about(&local, angle)), turned(turn, &local));
    };
    let (s, c) = sin_cos(angle);
    let (back, column) = (-s, [turn[k], turn[3 + k], turn[6 + k]]);
    let (s, back, axis) = if reversed { (back, s, neg(&column)) } else { (s, back, column) };
    let spun = match k {
        0 => spun::<1, 2, F>(turn, s, c),
        1 => spun::<0, 2, F>(turn, back, c),
        _ => spun::<0, 1, F>(turn, s, c),
    };
    (spun, axis)
}

/// Where a link stands by the coordinates `q`, and where the axes of its joints do.
#[inline(always)]
pub(super) fn pose<F: Lane>(
    model: &Model,
    link: &Link,
    parent: Option<&Moving<F>>,
    q: &[F],
    axes: &mut [Bearing<F>],
) -> (Mat3<F>, Vec3<F>) {
    if link.free {
        let at = model.tree.joints[link.joints.start].q;
        let q = &q[at..at + 7];
        return (of_quaternion(&q[3..]), [q[0], q[1], q[2]]);
    }
    let place = lift(&link.place.position);
    let (mut turn, mut position) = match parent {
        Some(parent) => {
            let own =
                if link.straight { parent.turn } else { product(&parent.turn, &lift_turn(&link.place.turn)) };
            (own, add(&parent.position, &turned(&parent.turn, &place)))
        }
        None => (lift_turn(&link.place.turn), place),
    };
    for (joint, bearing) in model.tree.joints[link.joints.clone()].iter().zip(axes) {
        bearing.anchor = position;
        let after = if joint.kind == JointKind::Ball {
            product(&turn, &of_quaternion(&q[joint.q..joint.q + 4]))
        } else {
            let moved = q[joint.q] - F::splat(joint.reference);
            if joint.kind == JointKind::Slide {
                bearing.axis = turned(&turn, &lift(&joint.axis));
                position = axpy(moved, &bearing.axis, &position);
                continue;
            }
            let (after, axis) = hinged(&turn, joint, moved);
            bearing.axis = axis;
            after
        };
        if let Some(anchor) = &joint.anchor {
            let anchor = lift(anchor);
            bearing.anchor = add(&position, &turned(&turn, &anchor));
            position = sub(&bearing.anchor, &turned(&after, &anchor));
        }
        turn = after;
    }
    (turn, position)
}
