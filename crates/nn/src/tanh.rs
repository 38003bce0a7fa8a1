//! The hyperbolic tangent, a vector at a time.

use crate::lanes::{InstructionSet, Lanes, Op};

/// Beyond this, tanh rounds to ±1 in f32 (1 − tanh(9.02) = 2.9e-8, less than half a unit in the last place).
const SATURATION: f32 = 9.02;

/// tanh(x)/x ≈ P(x²)/Q(x²) on |x| ≤ 9.02, lowest power first: a minimax fit of the relative error, which is
/// 2.2e-8 in exact arithmetic (iteratively reweighted least squares on 4,000 Chebyshev nodes).
const P: [f32; 5] = [1.0, 0.133_797_02, 0.003_494_015, 2.058_316_2e-5, 1.331_864e-8];
const Q: [f32; 5] = [1.0, 0.467_130_15, 0.025_871, 0.000_328_306_1, 7.761_84e-7];

/// The bound on the relative error of [`tanh_in_place`] against the exact value, for every f32 that is
/// not subnormal.
pub const TANH_RELATIVE_ERROR: f32 = 4.0e-7;

/// Replaces every number by its hyperbolic tangent.
///
/// The relative error stays below [`TANH_RELATIVE_ERROR`] on every [`InstructionSet`], the magnitude never
/// exceeds 1, tanh(±∞) = ±1, and NaN stays NaN. The result of a number depends on nothing but the number.
pub fn tanh_in_place(instructions: InstructionSet, values: &mut [f32]) {
    instructions.run(TanhInPlace(values));
}

struct TanhInPlace<'a>(&'a mut [f32]);

impl Op for TanhInPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let mut whole = self.0.chunks_exact_mut(L::WIDTH);
        for chunk in &mut whole {
            let y = tanh(lanes, lanes.load(chunk));
            lanes.store(chunk, y);
        }
        let rest = whole.into_remainder();
        if !rest.is_empty() {
            let y = tanh(lanes, lanes.load_partial(rest));
            lanes.store_partial(rest, y);
        }
    }
}

#[inline(always)]
fn tanh<L: Lanes>(lanes: L, x: L::V) -> L::V {
    let x = lanes.clamp(x, SATURATION);
    let square = lanes.mul(x, x);
    let numerator = lanes.mul(x, horner(lanes, &P, square));
    // Rounding may reach one unit in the last place above 1, where 1 − y² would turn negative.
    lanes.clamp(lanes.div(numerator, horner(lanes, &Q, square)), 1.0)
}

#[inline(always)]
fn horner<L: Lanes>(lanes: L, coefficients: &[f32; 5], t: L::V) -> L::V {
    let mut sum = lanes.splat(coefficients[4]);
    for i in (0..4).rev() {
        sum = lanes.mul_add(sum, t, lanes.splat(coefficients[i]));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_stays_within_its_stated_error_on_a_dense_grid() {
        for instructions in InstructionSet::available() {
            let mut worst = 0.0_f64;
            // Every 97th f32 from the smallest normal number to far beyond saturation, both signs.
            let bits = (f32::MIN_POSITIVE.to_bits()..=30.0_f32.to_bits()).step_by(97);
            let grid: Vec<f32> = bits.map(f32::from_bits).flat_map(|x| [x, -x]).collect();
            let mut values = grid.clone();
            tanh_in_place(instructions, &mut values);
            for (x, y) in grid.iter().zip(&values) {
                let exact = f64::from(*x).tanh();
                worst = worst.max(((f64::from(*y) - exact) / exact).abs());
                assert!(y.abs() <= 1.0);
            }
            println!("{}: largest relative error {worst:.3e}", instructions.name());
            assert!(worst < f64::from(TANH_RELATIVE_ERROR), "{}: {worst}", instructions.name());
        }
    }

    #[test]
    fn tanh_of_the_extremes_is_exact() {
        for instructions in InstructionSet::available() {
            let mut values = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1.0e-40, f32::NAN];
            tanh_in_place(instructions, &mut values);
            assert_eq!(values[..6], [0.0, -0.0, 1.0, -1.0, 1.0, 1.0e-40]);
            assert!(values[1].is_sign_negative());
            assert!(values[6].is_nan());
        }
    }

    #[test]
    fn tanh_does_not_depend_on_the_position_in_the_slice() {
        let grid: Vec<f32> = (0..37).map(|i| (i as f32 - 18.0) * 0.31).collect();
        for instructions in InstructionSet::available() {
            let mut together = grid.clone();
            tanh_in_place(instructions, &mut together);
            for (x, y) in grid.iter().zip(&together) {
                let mut alone = [*x];
                tanh_in_place(instructions, &mut alone);
                assert_eq!(alone[0].to_bits(), y.to_bits());
            }
        }
    }
}
