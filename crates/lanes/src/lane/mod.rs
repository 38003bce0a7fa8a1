//! A few numbers side by side, one of each simulated system, in the widest registers of the machine.
//!
//! The physics is written once over [`Lane`]. Its operations are the plain IEEE ones, with one rounding for a fused
//! multiply-add everywhere, so a lane's result is the same whatever the other lanes hold, and the same to the bit in
//! every width.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

pub(crate) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Avx512Vl};

/// A closure marked `#[inline(always)]`, which a `let` does not take. Where one were not inlined it would be compiled
/// without the registers.
#[inline(always)]
pub(crate) fn inlined<T>(closure: T) -> T {
    closure
}

/// One truth value a lane.
pub(crate) trait Mask:
    Copy + Send + Sync + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
    /// The lane `i` is true if bit `i` is set.
    fn from_bits(bits: u32) -> Self;
    /// Bit `i` is set if the lane `i` is true.
    fn bits(self) -> u32;

    /// Whether any lane is true.
    #[inline(always)]
    fn any(self) -> bool {
        self.bits() != 0
    }

    /// False in every lane.
    #[inline(always)]
    fn none() -> Self {
        Self::from_bits(0)
    }
}

/// One f64 a lane.
pub(crate) trait Lane:
    Copy
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// Number of lanes.
    const WIDTH: usize;
    /// The result of comparisons.
    type Mask: Mask;

    /// Runs `work`, compiled for the instruction set of this type.
    fn run<T>(work: impl FnOnce() -> T) -> T;

    /// The same number in every lane.
    fn splat(value: f64) -> Self;
    /// The number in a lane.
    fn get(&self, lane: usize) -> f64;
    /// Sets the number in a lane.
    fn set(&mut self, lane: usize, value: f64);
    /// `self · b + c`, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `c − self · b`, rounded once.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The magnitude.
    fn abs(self) -> Self;
    /// The smaller of two numbers (the other one if one is NaN).
    fn min(self, other: Self) -> Self;
    /// The larger of two numbers (the other one if one is NaN).
    fn max(self, other: Self) -> Self;
    /// Where `self < other`; false where one is NaN.
    fn less(self, other: Self) -> Self::Mask;
    /// `yes` where `mask` is true, `no` elsewhere.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// Zero in every lane.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }

    /// One in every lane.
    #[inline(always)]
    fn one() -> Self {
        Self::splat(1.0)
    }

    /// `self` where `mask` is true, zero elsewhere.
    #[inline(always)]
    fn only(self, mask: Self::Mask) -> Self {
        Self::select(mask, self, Self::zero())
    }

    /// The nearest number between two bounds.
    #[inline(always)]
    fn clamp(self, low: Self, high: Self) -> Self {
        self.max(low).min(high)
    }
}
