//! A few f64 numbers side by side, one of each simulated system, in the widest registers of the machine.
//!
//! The physics is written once over [`Lane`]. Its operations are the plain IEEE ones, so a lane's result is the
//! same whatever the other lanes hold, and the same on AVX2 and AVX-512.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

pub(crate) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

/// One truth value a lane.
pub(crate) trait Mask:
    Copy + Send + Sync + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self> + Not<Output = Self>
{
    /// The lane `i` is true if bit `i` is set.
    fn from_bits(bits: u32) -> Self;
    /// Bit `i` is set if the lane `i` is true.
    fn bits(self) -> u32;
    /// Whether any lane is true.
    fn any(self) -> bool;
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
    /// The lanes as numbers (`[WIDTH]`).
    fn lanes(&self) -> &[f64];
    /// The lanes as numbers that can be set (`[WIDTH]`).
    fn lanes_mut(&mut self) -> &mut [f64];
    /// `self · b + c`.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// `c − self · b`.
    fn neg_mul_add(self, b: Self, c: Self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The magnitude.
    fn abs(self) -> Self;
    /// The smaller of two numbers (either of them if one is NaN).
    fn min(self, other: Self) -> Self;
    /// The larger of two numbers (either of them if one is NaN).
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

    /// `self` where `mask` is true, zero elsewhere.
    #[inline(always)]
    fn only(self, mask: Self::Mask) -> Self {
        Self::select(mask, self, Self::zero())
    }
}
