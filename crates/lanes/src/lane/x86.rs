//! Lanes in AVX2 and AVX-512 registers.
//!
//! Every operation is `#[inline(always)]` and one intrinsic, which the compiler resolves to one instruction inside
//! [`Lane::run`]. The batch makes these types only after finding the instruction set at run time.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

use super::{Lane, Mask};

/// As much as is fetched from memory at once.
#[repr(align(64))]
struct CacheLine(#[allow(dead_code)] [u8; 64]);

macro_rules! vector {
    (
        $(#[$doc:meta])* $vector:ident($register:ty; $width:literal; $features:literal), $mask:ident,
        $($trait:ident $method:ident $op:ident),*;
        set $set:ident, fma $fma:ident, fnma $fnma:ident, sqrt $sqrt:ident, abs $abs:ident, min $min:ident, max $max:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        pub(crate) struct $vector($register);

        $(impl $trait for $vector {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: the type exists only where its instruction set does (see the module's head).
                Self(unsafe { $op(self.0, other.0) })
            }
        })*

        impl Neg for $vector {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                Self::splat(0.0) - self
            }
        }

        impl Lane for $vector {
            const WIDTH: usize = $width;
            type Mask = $mask;

            #[inline(always)]
            fn run<T>(work: impl FnOnce() -> T) -> T {
                #[target_feature(enable = $features)]
                fn inside<T>(work: impl FnOnce() -> T) -> T {
                    // Aligns the stack, so that no number kept there lies across two cache lines.
                    let line = std::mem::MaybeUninit::<CacheLine>::uninit();
                    std::hint::black_box(line.as_ptr());
                    work()
                }
                // SAFETY: as above.
                unsafe { inside(work) }
            }
            #[inline(always)]
            fn splat(value: f64) -> Self {
                // SAFETY: as above.
                Self(unsafe { $set(value) })
            }
            #[inline(always)]
            fn get(&self, lane: usize) -> f64 {
                // SAFETY: the type is transparent over a register of exactly WIDTH numbers, which align no stricter.
                let numbers = unsafe { &*std::ptr::from_ref(self).cast::<[f64; $width]>() };
                numbers[lane]
            }
            #[inline(always)]
            fn set(&mut self, lane: usize, value: f64) {
                // SAFETY: as for `get`; every bit pattern is a valid register.
                let numbers = unsafe { &mut *std::ptr::from_mut(self).cast::<[f64; $width]>() };
                numbers[lane] = value;
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fma(self.0, b.0, c.0) })
            }
            #[inline(always)]
            fn neg_mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fnma(self.0, b.0, c.0) })
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $sqrt(self.0) })
            }
            #[inline(always)]
            fn abs(self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $abs(self.0) })
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $min(self.0, other.0) })
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $max(self.0, other.0) })
            }
            #[inline(always)]
            fn less(self, other: Self) -> $mask {
                $mask::less(self.0, other.0)
            }
            #[inline(always)]
            fn select(mask: $mask, yes: Self, no: Self) -> Self {
                Self(mask.select(yes.0, no.0))
            }
        }
    };
}

/// The magnitudes of four numbers.
///
/// # Safety
/// AVX exists.
#[inline(always)]
unsafe fn abs256(x: __m256d) -> __m256d {
    // SAFETY: as the caller says.
    unsafe { _mm256_andnot_pd(_mm256_set1_pd(-0.0), x) }
}

vector! {
    /// Four f64 in an AVX2 register.
    Avx2(__m256d; 4; "avx2,fma"), Avx2Mask,
    Add add _mm256_add_pd, Sub sub _mm256_sub_pd, Mul mul _mm256_mul_pd, Div div _mm256_div_pd;
    set _mm256_set1_pd, fma _mm256_fmadd_pd, fnma _mm256_fnmadd_pd, sqrt _mm256_sqrt_pd, abs abs256,
    min _mm256_min_pd, max _mm256_max_pd
}

vector! {
    /// Four f64 in a register of AVX-512VL. There are twice as many as in AVX2, and a truth value is a bit.
    Avx512Vl(__m256d; 4; "avx512vl,avx512f,avx2,fma"), Avx512VlMask,
    Add add _mm256_add_pd, Sub sub _mm256_sub_pd, Mul mul _mm256_mul_pd, Div div _mm256_div_pd;
    set _mm256_set1_pd, fma _mm256_fmadd_pd, fnma _mm256_fnmadd_pd, sqrt _mm256_sqrt_pd, abs abs256,
    min _mm256_min_pd, max _mm256_max_pd
}

vector! {
    /// Eight f64 in an AVX-512 register.
    Avx512(__m512d; 8; "avx512f,avx2,fma"), Avx512Mask,
    Add add _mm512_add_pd, Sub sub _mm512_sub_pd, Mul mul _mm512_mul_pd, Div div _mm512_div_pd;
    set _mm512_set1_pd, fma _mm512_fmadd_pd, fnma _mm512_fnmadd_pd, sqrt _mm512_sqrt_pd, abs _mm512_abs_pd,
    min _mm512_min_pd, max _mm512_max_pd
}

/// Four truth values: all bits of a lane are set, or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2Mask(__m256d);

impl Avx2Mask {
    #[inline(always)]
    fn less(a: __m256d, b: __m256d) -> Self {
        // SAFETY: the type exists only where its instruction set does (see the module's head).
        Self(unsafe { _mm256_cmp_pd::<_CMP_LT_OQ>(a, b) })
    }
    #[inline(always)]
    fn select(self, yes: __m256d, no: __m256d) -> __m256d {
        // SAFETY: as above.
        unsafe { _mm256_blendv_pd(no, yes, self.0) }
    }
}

macro_rules! register_mask_operators {
    ($($trait:ident $method:ident $op:ident),*) => {$(
        impl $trait for Avx2Mask {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $op(self.0, other.0) })
            }
        }
    )*};
}

register_mask_operators!(BitAnd bitand _mm256_and_pd, BitOr bitor _mm256_or_pd, BitXor bitxor _mm256_xor_pd);

impl Not for Avx2Mask {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        self ^ Self::from_bits(0b1111)
    }
}

impl Mask for Avx2Mask {
    #[inline(always)]
    fn from_bits(bits: u32) -> Self {
        let lanes: [i64; 4] = std::array::from_fn(|i| -i64::from(bits >> i & 1 == 1));
        // SAFETY: as above; the array is as long as the register, and need not be aligned.
        Self(unsafe { _mm256_castsi256_pd(_mm256_loadu_si256(lanes.as_ptr().cast())) })
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        // SAFETY: as above.
        (unsafe { _mm256_movemask_pd(self.0) }) as u32
    }
}

macro_rules! bit_mask {
    (
        $(#[$doc:meta])* $mask:ident($all:literal), $register:ty, less $less:ident, blend $blend:ident,
        $($trait:ident $method:ident),*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $mask(__mmask8);

        impl $mask {
            #[inline(always)]
            fn less(a: $register, b: $register) -> Self {
                // SAFETY: as above.
                Self(unsafe { $less::<_CMP_LT_OQ>(a, b) })
            }
            #[inline(always)]
            fn select(self, yes: $register, no: $register) -> $register {
                // SAFETY: as above.
                unsafe { $blend(self.0, no, yes) }
            }
        }

        $(impl $trait for $mask {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self($trait::$method(self.0, other.0))
            }
        })*

        impl Not for $mask {
            type Output = Self;
            #[inline(always)]
            fn not(self) -> Self {
                Self(self.0 ^ $all)
            }
        }

        impl Mask for $mask {
            #[inline(always)]
            fn from_bits(bits: u32) -> Self {
                Self(bits as u8 & $all)
            }
            #[inline(always)]
            fn bits(self) -> u32 {
                u32::from(self.0)
            }
        }
    };
}

bit_mask! {
    /// Four truth values, one bit a lane; the others are 0.
    Avx512VlMask(0b1111), __m256d, less _mm256_cmp_pd_mask, blend _mm256_mask_blend_pd,
    BitAnd bitand, BitOr bitor, BitXor bitxor
}

bit_mask! {
    /// Eight truth values, one bit a lane.
    Avx512Mask(0b1111_1111), __m512d, less _mm512_cmp_pd_mask, blend _mm512_mask_blend_pd,
    BitAnd bitand, BitOr bitor, BitXor bitxor
}
