//! Lanes in AVX2 and AVX-512 registers.
//!
//! Every operation is `#[inline(always)]` and one intrinsic, which the compiler resolves to one instruction inside
//! [`Lane::run`]. The batch makes these types only after finding the instruction set at run time.
#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

use super::{Lane, Mask};

macro_rules! vector {
    (
        $(#[$doc:meta])* $vector:ident($register:ty; $width:literal of $number:ident; $features:literal), $mask:ident,
        $($trait:ident $method:ident $op:ident),*;
        set $set:ident, fma $fma:ident, fnma $fnma:ident, sqrt $sqrt:ident, min $min:ident, max $max:ident
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
            const SINGLE: bool = size_of::<$number>() == 4;
            type Mask = $mask;

            #[inline(always)]
            fn run<T>(work: impl FnOnce() -> T) -> T {
                #[target_feature(enable = $features)]
                fn inside<T>(work: impl FnOnce() -> T) -> T {
                    work()
                }
                // SAFETY: as above.
                unsafe { inside(work) }
            }
            #[inline(always)]
            fn splat(value: f64) -> Self {
                // SAFETY: as above.
                Self(unsafe { $set(value as $number) })
            }
            #[inline(always)]
            fn get(&self, lane: usize) -> f64 {
                // SAFETY: the type is transparent over a register of exactly WIDTH numbers, which align no stricter.
                let numbers = unsafe { &*std::ptr::from_ref(self).cast::<[$number; $width]>() };
                f64::from(numbers[lane])
            }
            #[inline(always)]
            fn set(&mut self, lane: usize, value: f64) {
                // SAFETY: as for `get`; every bit pattern is a valid register.
                let numbers = unsafe { &mut *std::ptr::from_mut(self).cast::<[$number; $width]>() };
                numbers[lane] = value as $number;
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
                self.max(-self)
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

vector! {
    /// Four f64 in an AVX2 register.
    Avx2(__m256d; 4 of f64; "avx2,fma"), Avx2Mask,
    Add add _mm256_add_pd, Sub sub _mm256_sub_pd, Mul mul _mm256_mul_pd, Div div _mm256_div_pd;
    set _mm256_set1_pd, fma _mm256_fmadd_pd, fnma _mm256_fnmadd_pd, sqrt _mm256_sqrt_pd,
    min _mm256_min_pd, max _mm256_max_pd
}

vector! {
    /// Eight f64 in an AVX-512 register.
    Avx512(__m512d; 8 of f64; "avx512f,avx2,fma"), Avx512Mask,
    Add add _mm512_add_pd, Sub sub _mm512_sub_pd, Mul mul _mm512_mul_pd, Div div _mm512_div_pd;
    set _mm512_set1_pd, fma _mm512_fmadd_pd, fnma _mm512_fnmadd_pd, sqrt _mm512_sqrt_pd,
    min _mm512_min_pd, max _mm512_max_pd
}

#[cfg(feature = "single")]
vector! {
    /// Eight f32 in an AVX2 register.
    Avx2Single(__m256; 8 of f32; "avx2,fma"), Avx2SingleMask,
    Add add _mm256_add_ps, Sub sub _mm256_sub_ps, Mul mul _mm256_mul_ps, Div div _mm256_div_ps;
    set _mm256_set1_ps, fma _mm256_fmadd_ps, fnma _mm256_fnmadd_ps, sqrt _mm256_sqrt_ps,
    min _mm256_min_ps, max _mm256_max_ps
}

#[cfg(feature = "single")]
vector! {
    /// Sixteen f32 in an AVX-512 register.
    Avx512Single(__m512; 16 of f32; "avx512f,avx2,fma"), Avx512SingleMask,
    Add add _mm512_add_ps, Sub sub _mm512_sub_ps, Mul mul _mm512_mul_ps, Div div _mm512_div_ps;
    set _mm512_set1_ps, fma _mm512_fmadd_ps, fnma _mm512_fnmadd_ps, sqrt _mm512_sqrt_ps,
    min _mm512_min_ps, max _mm512_max_ps
}

/// A mask in an AVX2 register: all bits of a lane are set, or none.
macro_rules! avx2_mask {
    (
        $(#[$doc:meta])* $mask:ident($register:ty; $width:literal of $integer:ident),
        cmp $cmp:ident, blend $blend:ident, cast $cast:ident, load $load:ident, movemask $movemask:ident,
        $($trait:ident $method:ident $op:ident),*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $mask($register);

        impl $mask {
            #[inline(always)]
            fn less(a: $register, b: $register) -> Self {
                // SAFETY: the type exists only where its instruction set does (see the module's head).
                Self(unsafe { $cmp::<_CMP_LT_OQ>(a, b) })
            }
            #[inline(always)]
            fn select(self, yes: $register, no: $register) -> $register {
                // SAFETY: as above.
                unsafe { $blend(no, yes, self.0) }
            }
        }

        $(impl $trait for $mask {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $op(self.0, other.0) })
            }
        })*

        impl Not for $mask {
            type Output = Self;
            #[inline(always)]
            fn not(self) -> Self {
                self ^ Self::from_bits((1 << $width) - 1)
            }
        }

        impl Mask for $mask {
            #[inline(always)]
            fn from_bits(bits: u32) -> Self {
                let lanes: [$integer; $width] = std::array::from_fn(|i| -$integer::from(bits >> i & 1 == 1));
                // SAFETY: as above; the array is as long as the register, and need not be aligned.
                Self(unsafe { $cast($load(lanes.as_ptr().cast())) })
            }
            #[inline(always)]
            fn bits(self) -> u32 {
                // SAFETY: as above.
                (unsafe { $movemask(self.0) }) as u32
            }
            #[inline(always)]
            fn any(self) -> bool {
                self.bits() != 0
            }
        }
    };
}

avx2_mask! {
    /// Four truth values.
    Avx2Mask(__m256d; 4 of i64),
    cmp _mm256_cmp_pd, blend _mm256_blendv_pd, cast _mm256_castsi256_pd, load _mm256_loadu_si256,
    movemask _mm256_movemask_pd,
    BitAnd bitand _mm256_and_pd, BitOr bitor _mm256_or_pd, BitXor bitxor _mm256_xor_pd
}

#[cfg(feature = "single")]
avx2_mask! {
    /// Eight truth values.
    Avx2SingleMask(__m256; 8 of i32),
    cmp _mm256_cmp_ps, blend _mm256_blendv_ps, cast _mm256_castsi256_ps, load _mm256_loadu_si256,
    movemask _mm256_movemask_ps,
    BitAnd bitand _mm256_and_ps, BitOr bitor _mm256_or_ps, BitXor bitxor _mm256_xor_ps
}

/// A mask of AVX-512: one bit a lane.
macro_rules! avx512_mask {
    ($(#[$doc:meta])* $mask:ident($bits:ty) of $register:ty, cmp $cmp:ident, blend $blend:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $mask($bits);

        impl $mask {
            #[inline(always)]
            fn less(a: $register, b: $register) -> Self {
                // SAFETY: as above.
                Self(unsafe { $cmp::<_CMP_LT_OQ>(a, b) })
            }
            #[inline(always)]
            fn select(self, yes: $register, no: $register) -> $register {
                // SAFETY: as above.
                unsafe { $blend(self.0, no, yes) }
            }
        }

        avx512_mask!(operators $mask: BitAnd bitand, BitOr bitor, BitXor bitxor);

        impl Not for $mask {
            type Output = Self;
            #[inline(always)]
            fn not(self) -> Self {
                Self(!self.0)
            }
        }

        impl Mask for $mask {
            #[inline(always)]
            fn from_bits(bits: u32) -> Self {
                Self(bits as $bits)
            }
            #[inline(always)]
            fn bits(self) -> u32 {
                u32::from(self.0)
            }
            #[inline(always)]
            fn any(self) -> bool {
                self.0 != 0
            }
        }
    };
    (operators $mask:ident: $($trait:ident $method:ident),*) => {$(
        impl $trait for $mask {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self($trait::$method(self.0, other.0))
            }
        }
    )*};
}

avx512_mask! {
    /// Eight truth values.
    Avx512Mask(__mmask8) of __m512d, cmp _mm512_cmp_pd_mask, blend _mm512_mask_blend_pd
}

#[cfg(feature = "single")]
avx512_mask! {
    /// Sixteen truth values.
    Avx512SingleMask(__mmask16) of __m512, cmp _mm512_cmp_ps_mask, blend _mm512_mask_blend_ps
}
