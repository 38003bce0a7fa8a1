//! The sine and cosine of many angles at once.

use crate::lane::Lane;

/// The largest angle (radians) whose sine and cosine are exact to rounding; a joint turned further has diverged.
pub(crate) const MAX_ANGLE: f64 = 1e6;

/// The nearest integer: adding 1.5 · 2⁵² leaves no digits for the rest.
#[inline(always)]
fn round<F: Lane>(x: F) -> F {
    let shift = F::splat(6_755_399_441_055_744.0);
    (x + shift) - shift
}

/// A polynomial, the highest power first.
#[inline(always)]
fn series<F: Lane>(x: F, coefficients: [f64; 6]) -> F {
    let mut sum = F::splat(coefficients[0]);
    for c in &coefficients[1..] {
        sum = sum.mul_add(x, F::splat(*c));
    }
    sum
}

/// Sine and cosine of an angle of at most [`MAX_ANGLE`]: reduction to ±π/4 in three exact steps, then the usual minimax
/// polynomials (Cody and Waite 1980; coefficients of FreeBSD's msun), below 1 ulp.
#[inline(always)]
pub(super) fn sin_cos<F: Lane>(angle: F) -> (F, F) {
    let turns = round(angle * F::splat(std::f64::consts::FRAC_2_PI));
    // π/2 in three parts, the first two of 33 bits, so that their products with `turns` are exact.
    let r = turns.neg_mul_add(F::splat(1.570_796_326_734_125_6), angle);
    let r = turns.neg_mul_add(F::splat(6.077_100_506_303_966e-11), r);
    let r = turns.neg_mul_add(F::splat(2.022_266_248_795_950_6e-21), r);
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
    let cos = (r2 * r2).mul_add(cos, r2.neg_mul_add(F::splat(0.5), F::one()));
    // The quarter turns left over, as −2, −1, 0, 1 or 2.
    let quarter = round(turns * F::splat(0.25)).neg_mul_add(F::splat(4.0), turns);
    let size = quarter.abs();
    let (half, one_and_half) = (F::splat(0.5), F::splat(1.5));
    let odd = half.less(size) & size.less(one_and_half);
    let (sin, cos) = (F::select(odd, cos, sin), F::select(odd, sin, cos));
    let opposite = one_and_half.less(size);
    let sin = F::select(opposite | (odd & quarter.less(F::zero())), -sin, sin);
    let cos = F::select(opposite | (odd & F::zero().less(quarter)), -cos, cos);
    (sin, cos)
}
