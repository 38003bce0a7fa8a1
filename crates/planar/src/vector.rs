//! Vectors in the plane of motion, and the sine and cosine of many angles at once.
//!
//! x points forward, z up, and a positive angle turns about +y, MuJoCo's convention: z towards x.

use std::ops::{Add, Neg, Sub};

use crate::lane::Lane;

/// A vector of plain numbers, for the constants of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) z: f64,
}

impl Point {
    pub(crate) const fn new(x: f64, z: f64) -> Self {
        Self { x, z }
    }

    /// The vector of a given length that the angle (radians about +y) turns +z into.
    pub(crate) const fn polar(angle: f64, length: f64) -> Self {
        let (sin, cos) = const_sin_cos(angle);
        Self { x: length * sin, z: length * cos }
    }

    pub(crate) const fn norm_squared(self) -> f64 {
        self.x * self.x + self.z * self.z
    }
}

/// Sine and cosine by their power series, for constants of models (|angle| ≤ 4: errors of a few 1e-16).
const fn const_sin_cos(angle: f64) -> (f64, f64) {
    // The angle is halved twice so that the series stays free of cancellation; two doublings undo it.
    let x = angle / 4.0;
    let (mut sin, mut cos) = (0.0, 0.0);
    let mut n = 24;
    while n > 0 {
        // Horner: sin x = x (1 − x²/(2·3) (1 − x²/(4·5) (…))), cos x = 1 − x²/(1·2) (1 − x²/(3·4) (…)).
        sin = 1.0 - x * x / ((2 * n) as f64 * (2 * n + 1) as f64) * sin;
        cos = 1.0 - x * x / ((2 * n - 1) as f64 * (2 * n) as f64) * cos;
        n -= 1;
    }
    sin *= x;
    n = 2;
    while n > 0 {
        (sin, cos) = (2.0 * sin * cos, 1.0 - 2.0 * sin * sin);
        n -= 1;
    }
    (sin, cos)
}

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

impl<F: Lane> Rotation<F> {
    #[inline(always)]
    pub(crate) fn none() -> Self {
        Self { cos: F::splat(1.0), sin: F::zero() }
    }

    /// The rotation by an angle of at most [`MAX_ANGLE`]: reduction to ±π/4 in three exact steps, then the usual
    /// minimax polynomials (Cody and Waite 1980; coefficients of FreeBSD's msun), below 1 ulp.
    #[inline(always)]
    pub(crate) fn by(angle: F) -> Self {
        // Adding and subtracting this rounds to the nearest integer.
        let shift = F::splat(6_755_399_441_055_744.0);
        let round = |x: F| (x + shift) - shift;
        let turns = round(angle * F::splat(std::f64::consts::FRAC_2_PI));
        // π/2 in three parts, the first two of 33 bits, so that their products with `turns` are exact.
        let r = turns.neg_mul_add(F::splat(1.570_796_326_734_125_6), angle);
        let r = turns.neg_mul_add(F::splat(6.077_100_506_303_966e-11), r);
        let r = turns.neg_mul_add(F::splat(2.022_266_248_795_950_6e-21), r);
        let r2 = r * r;
        let series = |coefficients: [f64; 6]| {
            let mut sum = F::splat(coefficients[0]);
            for c in &coefficients[1..] {
                sum = sum.mul_add(r2, F::splat(*c));
            }
            sum
        };
        let sin = series([
            1.589_690_995_211_55e-10,
            -2.505_076_025_340_686_3e-8,
            2.755_731_370_707_006_8e-6,
            -1.984_126_982_985_795e-4,
            8.333_333_333_322_49e-3,
            -1.666_666_666_666_663_2e-1,
        ]);
        let sin = (r * r2).mul_add(sin, r);
        let cos = series([
            -1.135_964_755_778_819_5e-11,
            2.087_572_321_298_175e-9,
            -2.755_731_435_139_066_3e-7,
            2.480_158_728_947_673e-5,
            -1.388_888_888_887_411e-3,
            4.166_666_666_666_66e-2,
        ]);
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

    #[test]
    fn rotations_match_the_standard_library_over_the_whole_range() {
        let mut angle = 1e-9_f64;
        while angle < MAX_ANGLE {
            for a in [angle, -angle] {
                let r = Rotation::by(Portable::<1>::splat(a));
                assert!((r.sin.lanes()[0] - a.sin()).abs() < 3e-16, "sin {a}");
                assert!((r.cos.lanes()[0] - a.cos()).abs() < 3e-16, "cos {a}");
            }
            angle *= 1.000_7;
        }
        let zero = Rotation::by(Portable::<1>::splat(0.0));
        assert_eq!((zero.sin.lanes()[0], zero.cos.lanes()[0]), (0.0, 1.0));
    }

    #[test]
    fn constant_directions_match_the_standard_library() {
        for angle in [-3.8_f64, -2.03, -0.6, -0.27, 0.0, 0.52, 0.87, 3.9] {
            let p = Point::polar(angle, 2.0);
            assert!((p.x - 2.0 * angle.sin()).abs() < 2e-15, "{angle}");
            assert!((p.z - 2.0 * angle.cos()).abs() < 2e-15, "{angle}");
        }
    }
}
