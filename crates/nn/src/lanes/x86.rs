//! AVX2 with fused multiply-adds, and AVX-512: the same operations on eight numbers and on sixteen.

use super::{Eight, LANES, Lanes, Op, first};
use pulp::x86::{V3, V4};
use pulp::{NullaryFnOnce, Simd, cast};
use std::arch::x86_64::__m256;

/// An op about to run inside a function compiled with the instructions that `L` stands for.
pub(super) struct Vectorised<L, O>(pub(super) L, pub(super) O);

impl<L: Lanes, O: Op> NullaryFnOnce for Vectorised<L, O> {
    type Output = O::Output;

    #[inline(always)]
    fn call(self) -> O::Output {
        self.1.run(self.0)
    }
}

macro_rules! lanes {
    ($simd:ty, $width:expr, $vector:ty, $eight:expr) => {
        impl Lanes for $simd {
            const WIDTH: usize = $width;
            type V = $vector;
            type Eight = V3;

            #[inline(always)]
            fn eight(self) -> V3 {
                $eight(self)
            }
            #[inline(always)]
            fn splat(self, value: f32) -> $vector {
                self.splat_f32s(value)
            }
            #[inline(always)]
            fn load(self, from: &[f32]) -> $vector {
                cast(*first::<{ $width }>(from))
            }
            #[inline(always)]
            fn store(self, to: &mut [f32], value: $vector) {
                let array: [f32; $width] = cast(value);
                to[..$width].copy_from_slice(&array);
            }
            #[inline(always)]
            fn add(self, a: $vector, b: $vector) -> $vector {
                self.add_f32s(a, b)
            }
            #[inline(always)]
            fn sub(self, a: $vector, b: $vector) -> $vector {
                self.sub_f32s(a, b)
            }
            #[inline(always)]
            fn mul(self, a: $vector, b: $vector) -> $vector {
                self.mul_f32s(a, b)
            }
            #[inline(always)]
            fn div(self, a: $vector, b: $vector) -> $vector {
                self.div_f32s(a, b)
            }
            #[inline(always)]
            fn sqrt(self, a: $vector) -> $vector {
                self.sqrt_f32s(a)
            }
            #[inline(always)]
            fn mul_add(self, a: $vector, b: $vector, c: $vector) -> $vector {
                self.mul_add_f32s(a, b, c)
            }
            #[inline(always)]
            fn clamp(self, a: $vector, bound: f32) -> $vector {
                // The instructions return their second operand when one of them is NaN.
                let x = self.min_f32s(self.splat(bound), a);
                self.max_f32s(self.splat(-bound), x)
            }
            #[inline(always)]
            fn relu(self, a: $vector) -> $vector {
                // The second operand is also what comes back of two zeros.
                self.max_f32s(self.splat(0.0), a)
            }
            #[inline(always)]
            fn where_positive(self, gate: $vector, a: $vector) -> $vector {
                let zero = self.splat(0.0);
                self.select_f32s(self.greater_than_f32s(gate, zero), a, zero)
            }
        }
    };
}

lanes!(V3, LANES, pulp::f32x8, |simd: V3| simd);
lanes!(V4, 2 * LANES, pulp::f32x16, |simd: V4| *simd);

impl Eight for V3 {
    #[inline(always)]
    fn transpose(self, rows: [Self::V; LANES]) -> [Self::V; LANES] {
        let [a, b, c, d, e, f, g, h] = rows.map(cast::<pulp::f32x8, __m256>);
        let avx = self.avx;
        // Pairs of rows, then fours, then eights; the halves of 128 bits on their own until the last.
        let pairs = |a, b| [avx._mm256_unpacklo_ps(a, b), avx._mm256_unpackhi_ps(a, b)];
        let fours = |[a, b]: [__m256; 2], [c, d]: [__m256; 2]| {
            [
                avx._mm256_shuffle_ps::<0b01_00_01_00>(a, c),
                avx._mm256_shuffle_ps::<0b11_10_11_10>(a, c),
                avx._mm256_shuffle_ps::<0b01_00_01_00>(b, d),
                avx._mm256_shuffle_ps::<0b11_10_11_10>(b, d),
            ]
        };
        let low = fours(pairs(a, b), pairs(c, d));
        let high = fours(pairs(e, f), pairs(g, h));
        let mut columns = [self.splat(0.0); LANES];
        for i in 0..4 {
            columns[i] = cast(avx._mm256_permute2f128_ps::<0x20>(low[i], high[i]));
            columns[i + 4] = cast(avx._mm256_permute2f128_ps::<0x31>(low[i], high[i]));
        }
        columns
    }
}
