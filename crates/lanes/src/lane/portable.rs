//! A lane alone, for machines without a vector type of their own and for constants.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::{Lane, Mask};

/// One f64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable(f64);

macro_rules! operators {
    ($($trait:ident $method:ident),*) => {$(
        impl $trait for Portable {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self($trait::$method(self.0, other.0))
            }
        }
    )*};
}

operators!(Add add, Sub sub, Mul mul, Div div);

impl Neg for Portable {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        // As in the registers: the sign of a zero is then the same in every width.
        Self(0.0 - self.0)
    }
}

impl Lane for Portable {
    const WIDTH: usize = 1;
    type Mask = bool;

    #[inline(always)]
    fn run<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self(value)
    }
    #[inline(always)]
    fn get(&self, _lane: usize) -> f64 {
        self.0
    }
    #[inline(always)]
    fn set(&mut self, _lane: usize, value: f64) {
        self.0 = value;
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        // A call into a library where the program was not compiled for an instruction: slow, and the same bits.
        Self(self.0.mul_add(b.0, c.0))
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        Self((-self.0).mul_add(b.0, c.0))
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

impl Mask for bool {
    #[inline(always)]
    fn from_bits(bits: u32) -> Self {
        bits & 1 == 1
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        u32::from(self)
    }
}
