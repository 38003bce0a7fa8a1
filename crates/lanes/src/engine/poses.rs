//! Where links and joint axes are.

use super::Work;
use super::sincos::sin_cos;
use crate::algebra::{Mat3, Vec3, add, axpy, lift, lift_turn, product, sub, turned};
use crate::compiled::JointKind;
use crate::lane::Lane;
use crate::model::Model;

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

impl<F: Lane> Work<F> {
    /// Poses of links and axes from coordinates.
    pub(super) fn poses(&mut self, model: &Model, q: &[F]) {
        F::run(
            #[inline(always)]
            || self.find_poses(model, q),
        );
    }

    #[inline(always)]
    fn find_poses(&mut self, model: &Model, q: &[F]) {
        for (l, link) in model.tree.links.iter().enumerate() {
            if link.free {
                let at = model.tree.joints[link.joints.start].q;
                let q = &q[at..at + 7];
                self.position[l] = [q[0], q[1], q[2]];
                self.turn[l] = of_quaternion(&q[3..]);
                continue;
            }
            let place = lift(&link.place.position);
            let (mut turn, mut position) = match link.parent {
                Some(p) => {
                    let own = if link.straight {
                        self.turn[p]
                    } else {
                        product(&self.turn[p], &lift_turn(&link.place.turn))
                    };
                    (own, add(&self.position[p], &turned(&self.turn[p], &place)))
                }
                None => (lift_turn(&link.place.turn), place),
            };
            for j in link.joints.clone() {
                let joint = &model.tree.joints[j];
                self.anchor[j] = position;
                let rotation = if joint.kind == JointKind::Ball {
                    of_quaternion(&q[joint.q..joint.q + 4])
                } else {
                    let local = lift(&joint.axis);
                    let axis = turned(&turn, &local);
                    let moved = q[joint.q] - F::splat(joint.reference);
                    self.axis[j] = axis;
                    if joint.kind == JointKind::Slide {
                        position = axpy(moved, &axis, &position);
                        continue;
                    }
                    about(&local, moved)
                };
                if let Some(anchor) = &joint.anchor {
                    let anchor = lift(anchor);
                    let at = add(&position, &turned(&turn, &anchor));
                    turn = product(&turn, &rotation);
                    position = sub(&at, &turned(&turn, &anchor));
                    self.anchor[j] = at;
                } else {
                    turn = product(&turn, &rotation);
                }
            }
            self.turn[l] = turn;
            self.position[l] = position;
        }
    }
}
