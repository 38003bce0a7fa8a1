//! Vectors and matrices of three dimensions in every lane.
//!
//! Matrices are row-major; a symmetric one is (xx, yy, zz, xy, xz, yz). A spatial vector is an angular part followed by a
//! linear one, taken at the reference point of its tree (Featherstone 2008, *Rigid body dynamics algorithms*).

use crate::frame::{Point, Turn};
use crate::lane::Lane;

pub(crate) type Vec3<F> = [F; 3];
pub(crate) type Mat3<F> = [F; 9];
pub(crate) type Sym3<F> = [F; 6];
pub(crate) type Vec6<F> = [F; 6];

/// Lengths below this are 0 to MuJoCo (`mjMINVAL`).
pub(crate) const LEAST: f64 = 1e-15;

/// The entry (i, j) of a [`Sym3`].
pub(crate) const SYM: [[usize; 3]; 3] = [[0, 3, 4], [3, 1, 5], [4, 5, 2]];

#[inline(always)]
pub(crate) fn lift<F: Lane>(p: &Point) -> Vec3<F> {
    [F::splat(p[0]), F::splat(p[1]), F::splat(p[2])]
}

#[inline(always)]
pub(crate) fn lift_turn<F: Lane>(r: &Turn) -> Mat3<F> {
    [r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]].map(F::splat)
}

#[inline(always)]
pub(crate) fn add<F: Lane>(a: &Vec3<F>, b: &Vec3<F>) -> Vec3<F> {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

#[inline(always)]
pub(crate) fn sub<F: Lane>(a: &Vec3<F>, b: &Vec3<F>) -> Vec3<F> {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

#[inline(always)]
pub(crate) fn neg<F: Lane>(a: &Vec3<F>) -> Vec3<F> {
    [-a[0], -a[1], -a[2]]
}

#[inline(always)]
pub(crate) fn scale<F: Lane>(k: F, a: &Vec3<F>) -> Vec3<F> {
    [k * a[0], k * a[1], k * a[2]]
}

/// `k · a + b`.
#[inline(always)]
pub(crate) fn axpy<F: Lane>(k: F, a: &Vec3<F>, b: &Vec3<F>) -> Vec3<F> {
    [k.mul_add(a[0], b[0]), k.mul_add(a[1], b[1]), k.mul_add(a[2], b[2])]
}

#[inline(always)]
pub(crate) fn dot<F: Lane>(a: &Vec3<F>, b: &Vec3<F>) -> F {
    a[2].mul_add(b[2], a[1].mul_add(b[1], a[0] * b[0]))
}

#[inline(always)]
pub(crate) fn cross<F: Lane>(a: &Vec3<F>, b: &Vec3<F>) -> Vec3<F> {
    [
        a[2].neg_mul_add(b[1], a[1] * b[2]),
        a[0].neg_mul_add(b[2], a[2] * b[0]),
        a[1].neg_mul_add(b[0], a[0] * b[1]),
    ]
}

/// `a × b + c`.
#[inline(always)]
pub(crate) fn cross_add<F: Lane>(a: &Vec3<F>, b: &Vec3<F>, c: &Vec3<F>) -> Vec3<F> {
    [
        a[2].neg_mul_add(b[1], a[1].mul_add(b[2], c[0])),
        a[0].neg_mul_add(b[2], a[2].mul_add(b[0], c[1])),
        a[1].neg_mul_add(b[0], a[0].mul_add(b[1], c[2])),
    ]
}

#[inline(always)]
pub(crate) fn turned<F: Lane>(r: &Mat3<F>, v: &Vec3<F>) -> Vec3<F> {
    [
        r[2].mul_add(v[2], r[1].mul_add(v[1], r[0] * v[0])),
        r[5].mul_add(v[2], r[4].mul_add(v[1], r[3] * v[0])),
        r[8].mul_add(v[2], r[7].mul_add(v[1], r[6] * v[0])),
    ]
}

/// Turned back: by the transpose.
#[inline(always)]
pub(crate) fn unturned<F: Lane>(r: &Mat3<F>, v: &Vec3<F>) -> Vec3<F> {
    [
        r[6].mul_add(v[2], r[3].mul_add(v[1], r[0] * v[0])),
        r[7].mul_add(v[2], r[4].mul_add(v[1], r[1] * v[0])),
        r[8].mul_add(v[2], r[5].mul_add(v[1], r[2] * v[0])),
    ]
}

#[inline(always)]
pub(crate) fn product<F: Lane>(a: &Mat3<F>, b: &Mat3<F>) -> Mat3<F> {
    let mut c = *a;
    for i in 0..3 {
        for j in 0..3 {
            c[3 * i + j] = a[3 * i + 2].mul_add(b[6 + j], a[3 * i + 1].mul_add(b[3 + j], a[3 * i] * b[j]));
        }
    }
    c
}

/// `S v + c` of a symmetric matrix.
#[inline(always)]
pub(crate) fn sym_mul_add<F: Lane>(s: &Sym3<F>, v: &Vec3<F>, c: &Vec3<F>) -> Vec3<F> {
    [
        s[4].mul_add(v[2], s[3].mul_add(v[1], s[0].mul_add(v[0], c[0]))),
        s[5].mul_add(v[2], s[1].mul_add(v[1], s[3].mul_add(v[0], c[1]))),
        s[2].mul_add(v[2], s[5].mul_add(v[1], s[4].mul_add(v[0], c[2]))),
    ]
}

#[inline(always)]
pub(crate) fn angular<F: Lane>(a: &Vec6<F>) -> Vec3<F> {
    [a[0], a[1], a[2]]
}

#[inline(always)]
pub(crate) fn linear<F: Lane>(a: &Vec6<F>) -> Vec3<F> {
    [a[3], a[4], a[5]]
}

#[inline(always)]
pub(crate) fn spatial<F: Lane>(angular: Vec3<F>, linear: Vec3<F>) -> Vec6<F> {
    [angular[0], angular[1], angular[2], linear[0], linear[1], linear[2]]
}

#[inline(always)]
pub(crate) fn add6<F: Lane>(a: &Vec6<F>, b: &Vec6<F>) -> Vec6<F> {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5]]
}

/// `k · a + b`.
#[inline(always)]
pub(crate) fn axpy6<F: Lane>(k: F, a: &Vec6<F>, b: &Vec6<F>) -> Vec6<F> {
    [
        k.mul_add(a[0], b[0]),
        k.mul_add(a[1], b[1]),
        k.mul_add(a[2], b[2]),
        k.mul_add(a[3], b[3]),
        k.mul_add(a[4], b[4]),
        k.mul_add(a[5], b[5]),
    ]
}

#[inline(always)]
pub(crate) fn dot6<F: Lane>(a: &Vec6<F>, b: &Vec6<F>) -> F {
    let angular = a[2].mul_add(b[2], a[1].mul_add(b[1], a[0] * b[0]));
    let linear = a[5].mul_add(b[5], a[4].mul_add(b[4], a[3] * b[3]));
    angular + linear
}

/// A vector of length 1, x if it has no length; and the length.
#[inline(always)]
pub(crate) fn unit<F: Lane>(v: &Vec3<F>) -> (Vec3<F>, F) {
    let length = dot(v, v).sqrt();
    let none = length.less(F::splat(LEAST));
    let scaled = scale(F::one() / length.max(F::splat(LEAST)), v);
    let (one, zero) = (F::one(), F::zero());
    let unit =
        [F::select(none, one, scaled[0]), F::select(none, zero, scaled[1]), F::select(none, zero, scaled[2])];
    (unit, length)
}

/// The motion of a point: the linear part of a spatial vector there. `lever` leads from the reference point to it.
#[inline(always)]
pub(crate) fn at_point<F: Lane>(motion: &Vec6<F>, lever: &Vec3<F>) -> Vec3<F> {
    cross_add(&angular(motion), lever, &linear(motion))
}

/// The wrench of a force at a point.
#[inline(always)]
pub(crate) fn wrench_of<F: Lane>(force: &Vec3<F>, lever: &Vec3<F>) -> Vec6<F> {
    spatial(cross(lever, force), *force)
}

/// A symmetric, positive definite matrix as L D Lᵀ.
#[derive(Clone, Copy)]
pub(crate) struct Factor3<F> {
    inverse: [F; 3],
    /// (1, 0), (2, 0), (2, 1).
    lower: [F; 3],
}

impl<F: Lane> Factor3<F> {
    #[inline(always)]
    pub(crate) fn zero() -> Self {
        Self { inverse: [F::zero(); 3], lower: [F::zero(); 3] }
    }

    #[inline(always)]
    pub(crate) fn of(s: &Sym3<F>) -> Self {
        let first = F::one() / s[0];
        let (a, b) = (s[3] * first, s[4] * first);
        let second = F::one() / a.neg_mul_add(s[3], s[1]);
        let rest = b.neg_mul_add(s[3], s[5]);
        let c = rest * second;
        let third = F::one() / c.neg_mul_add(rest, b.neg_mul_add(s[4], s[2]));
        Self { inverse: [first, second, third], lower: [a, b, c] }
    }

    #[inline(always)]
    pub(crate) fn solve(&self, v: &Vec3<F>) -> Vec3<F> {
        let [a, b, c] = self.lower;
        let y = a.neg_mul_add(v[0], v[1]);
        let z = c.neg_mul_add(y, b.neg_mul_add(v[0], v[2])) * self.inverse[2];
        let y = c.neg_mul_add(z, y * self.inverse[1]);
        [b.neg_mul_add(z, a.neg_mul_add(y, v[0] * self.inverse[0])), y, z]
    }
}
