//! Vectors in the plane of motion, and the sine and cosine of many angles at once.
//!
//! x points forward, z up, and a positive angle turns about +y, MuJoCo's convention: z towards x.

use std::ops::{Add, Neg, Sub};

use crate::lane::Lane;
use crate::parts::Point;

/// A vector in every lane.
#[derive(Clone, Copy)]
pub(crate) struct Vector<F> {
    pub(crate) x: F,
    pub(crate) z: F,
}

impl<F: Lane> Vector<F> {
    #[inline(always)]
    pub(crate) fn zero() -> Self {
        Self { x: F::zero(), z: F::zero() }
    }

    /// How fast the tip of this vector moves, per unit of angular velocity.
    #[inline(always)]
    pub(crate) fn perp(self) -> Self {
        Self { x: self.z, z: -self.x }
    }

    #[inline(always)]
    pub(crate) fn dot(self, other: Self) -> F {
        self.x.mul_add(other.x, self.z * other.z)
    }

    #[inline(always)]
    pub(crate) fn scale(self, by: F) -> Self {
        Self { x: self.x * by, z: self.z * by }
    }

    /// `self + other · by`.
    #[inline(always)]
    pub(crate) fn plus_scaled(self, other: Self, by: F) -> Self {
        Self { x: other.x.mul_add(by, self.x), z: other.z.mul_add(by, self.z) }
    }

    /// `self + other.perp() · by`.
    #[inline(always)]
    pub(crate) fn plus_perp(self, other: Self, by: F) -> Self {
        Self { x: other.z.mul_add(by, self.x), z: other.x.neg_mul_add(by, self.z) }
    }

    /// The torque about +y of a force at the tip of this vector: `self.perp() · force`.
    #[inline(always)]
    pub(crate) fn torque_of(self, force: Self) -> F {
        self.x.neg_mul_add(force.z, self.z * force.x)
    }
}

impl<F: Lane> Add for Vector<F> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self { x: self.x + other.x, z: self.z + other.z }
    }
}

impl<F: Lane> Sub for Vector<F> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self { x: self.x - other.x, z: self.z - other.z }
    }
}

impl<F: Lane> Neg for Vector<F> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self { x: -self.x, z: -self.z }
    }
}

/// A rotation about +y in every lane.
#[derive(Clone, Copy)]
pub(crate) struct Rotation<F> {
    cos: F,
    sin: F,
}

/// The largest angle (radians) whose sine and cosine are exact to rounding; a body turned further has diverged.
pub(crate) const MAX_ANGLE: f64 = 1e6;
/// The same for f32, where the angle itself is rounded to 1e-3 by then.
pub(crate) const MAX_ANGLE_SINGLE: f64 = 1e4;

/// The nearest integer: adding 1.5 · 2⁵² (2²³ in f32) leaves no digits for the rest.
#[inline(always)]
fn round<F: Lane>(x: F) -> F {
    let shift = F::either(6_755_399_441_055_744.0, 12_582_912.0);
    (x + shift) - shift
}

/// A polynomial, the highest power first. (As a closure it was not always inlined, and then ran without the registers that
/// it is for: in f32 that took half of all time.)
#[inline(always)]
fn series<F: Lane>(x: F, coefficients: [f64; 6]) -> F {
    let mut sum = F::splat(coefficients[0]);
    for c in &coefficients[1..] {
        sum = sum.mul_add(x, F::splat(*c));
    }
    sum
}

impl<F: Lane> Rotation<F> {
    #[inline(always)]
    pub(crate) fn none() -> Self {
        Self { cos: F::splat(1.0), sin: F::zero() }
    }

    /// The rotation by an angle of at most [`MAX_ANGLE`]: reduction to ±π/4 in three exact steps, then the usual
    /// minimax polynomials (Cody and Waite 1980; coefficients of FreeBSD's msun), below 1 ulp.
    #[inline(always)]
    pub(crate) fn by(angle: F) -> Self {
        let turns = round(angle * F::splat(std::f64::consts::FRAC_2_PI));
        // π/2 in three parts, the first two of 33 bits (8 and 11), so that their products with `turns` are exact.
        let r = turns.neg_mul_add(F::either(1.570_796_326_734_125_6, 1.570_312_5), angle);
        let r = turns.neg_mul_add(F::either(6.077_100_506_303_966e-11, 4.837_512_969_970_703e-4), r);
        let r = turns.neg_mul_add(F::either(2.022_266_248_795_950_6e-21, 7.549_789_954_891_88e-8), r);
        let r2 = r * r;
        let sin = series(
            r2,
            [
                1.589_690_995_211_55e-10,
                -2.505_076_025_340_686_3e-8,
                2.755_731_370_707_006_8e-6,
                -1.984_126_982_985_795e-4,
                8.333_333_333_322_49e-3,
                -1.666_666_666_666_663_2e-1,
            ],
        );
        let sin = (r * r2).mul_add(sin, r);
        let cos = series(
            r2,
            [
                -1.135_964_755_778_819_5e-11,
                2.087_572_321_298_175e-9,
                -2.755_731_435_139_066_3e-7,
                2.480_158_728_947_673e-5,
                -1.388_888_888_887_411e-3,
                4.166_666_666_666_66e-2,
            ],
        );
        let cos = (r2 * r2).mul_add(cos, r2.neg_mul_add(F::splat(0.5), F::splat(1.0)));
        // The quarter turns left over, as −2, −1, 0, 1 or 2.
        let quarter = round(turns * F::splat(0.25)).neg_mul_add(F::splat(4.0), turns);
        let size = quarter.abs();
        let half = F::splat(0.5);
        let one_and_half = F::splat(1.5);
        let odd = half.less(size) & size.less(one_and_half);
        let (sin, cos) = (F::select(odd, cos, sin), F::select(odd, sin, cos));
        let opposite = one_and_half.less(size);
        let sin = F::select(opposite | (odd & quarter.less(F::zero())), -sin, sin);
        let cos = F::select(opposite | (odd & F::zero().less(quarter)), -cos, cos);
        Self { cos, sin }
    }

    #[inline(always)]
    pub(crate) fn turn(self, v: Vector<F>) -> Vector<F> {
        Vector { x: self.cos.mul_add(v.x, self.sin * v.z), z: self.sin.neg_mul_add(v.x, self.cos * v.z) }
    }

    /// [`Rotation::turn`] of a constant, whose zeros cost nothing.
    #[inline(always)]
    pub(crate) fn turn_point(self, p: Point) -> Vector<F> {
        let (x, z) = (F::splat(p.x), F::splat(p.z));
        if p.x == 0.0 && p.z == 0.0 {
            Vector::zero()
        } else if p.x == 0.0 {
            Vector { x: self.sin * z, z: self.cos * z }
        } else if p.z == 0.0 {
            Vector { x: self.cos * x, z: self.sin * -x }
        } else {
            self.turn(Vector { x, z })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::Portable;

    #[cfg(feature = "single")]
    #[test]
    fn rotations_in_single_precision_match_the_standard_library() {
        let mut angle = 1e-6_f32;
        while f64::from(angle) < MAX_ANGLE_SINGLE {
            for a in [angle, -angle].map(f64::from) {
                let r = Rotation::by(crate::lane::PortableSingle::splat(a));
                assert!((r.sin.get(0) - a.sin()).abs() < 2e-7, "sin {a}");
                assert!((r.cos.get(0) - a.cos()).abs() < 2e-7, "cos {a}");
            }
            angle *= 1.000_7;
        }
    }

    #[test]
    fn rotations_match_the_standard_library_over_the_whole_range() {
        let mut angle = 1e-9_f64;
        while angle < MAX_ANGLE {
            for a in [angle, -angle] {
                let r = Rotation::by(Portable::splat(a));
                assert!((r.sin.get(0) - a.sin()).abs() < 3e-16, "sin {a}");
                assert!((r.cos.get(0) - a.cos()).abs() < 3e-16, "cos {a}");
            }
            angle *= 1.000_7;
        }
        let zero = Rotation::by(Portable::splat(0.0));
        assert_eq!((zero.sin.get(0), zero.cos.get(0)), (0.0, 1.0));
    }
}
