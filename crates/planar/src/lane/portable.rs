//! A lane alone, for machines without a vector type of their own and for constants.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Lane, Mask};

macro_rules! portable {
    ($(#[$doc:meta])* $name:ident($type:ident)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name($type);

        portable!(operators $name: Add add, Sub sub, Mul mul, Div div);

        impl Neg for $name {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl $name {
            /// `a · b + c`: fused where that is one instruction, two roundings where it would be a call into a library.
            #[inline(always)]
            fn fused(a: $type, b: $type, c: $type) -> Self {
                let fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
                Self(if fused { a.mul_add(b, c) } else { a * b + c })
            }
        }

        impl Lane for $name {
            const WIDTH: usize = 1;
            const SINGLE: bool = size_of::<$type>() == 4;
            type Mask = bool;

            #[inline(always)]
            fn run<T>(work: impl FnOnce() -> T) -> T {
                work()
            }
            #[inline(always)]
            fn splat(value: f64) -> Self {
                Self(value as $type)
            }
            #[inline(always)]
            fn get(&self, _lane: usize) -> f64 {
                f64::from(self.0)
            }
            #[inline(always)]
            fn set(&mut self, _lane: usize, value: f64) {
                self.0 = value as $type;
            }
            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                Self::fused(self.0, b.0, c.0)
            }
            #[inline(always)]
            fn neg_mul_add(self, b: Self, c: Self) -> Self {
                Self::fused(-self.0, b.0, c.0)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                Self(self.0.sqrt())
            }
            #[inline(always)]
            fn abs(self) -> Self {
                Self(self.0.abs())
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if self.0 < other.0 { self } else { other }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if self.0 > other.0 { self } else { other }
            }
            #[inline(always)]
            fn less(self, other: Self) -> bool {
                self.0 < other.0
            }
            #[inline(always)]
            fn select(mask: bool, yes: Self, no: Self) -> Self {
                if mask { yes } else { no }
            }
        }
    };
    (operators $name:ident: $($trait:ident $method:ident),*) => {$(
        impl $trait for $name {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self($trait::$method(self.0, other.0))
            }
        }
    )*};
}

portable! {
    /// One f64.
    Portable(f64)
}

#[cfg(feature = "single")]
portable! {
    /// One f32.
    PortableSingle(f32)
}

impl Mask for bool {
    #[inline(always)]
    fn from_bits(bits: u32) -> Self {
        bits & 1 == 1
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self)
    }
    #[inline(always)]
    fn any(self) -> bool {
        self
    }
}
