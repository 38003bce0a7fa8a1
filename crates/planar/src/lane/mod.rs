//! A few numbers side by side, one of each simulated system, in the widest registers of the machine.
//!
//! The physics is written once over [`Lane`]. Its operations are the plain IEEE ones, so a lane's result is the
//! same whatever the other lanes hold, and the same on AVX2 and AVX-512.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

pub(crate) use portable::Portable;
#[cfg(feature = "single")]
pub(crate) use portable::PortableSingle;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};
#[cfg(all(target_arch = "x86_64", feature = "single"))]
pub(crate) use x86::{Avx2Single, Avx512Single};

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

/// One number a lane, f64 or f32.
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
    /// Whether the numbers are f32.
    const SINGLE: bool;
    /// The result of comparisons.
    type Mask: Mask;

    /// Runs `work`, compiled for the instruction set of this type.
    fn run<T>(work: impl FnOnce() -> T) -> T;

    /// The same number in every lane, rounded to its precision.
    fn splat(value: f64) -> Self;
    /// The number in a lane.
    fn get(&self, lane: usize) -> f64;
    /// Sets the number in a lane, rounded to its precision.
    fn set(&mut self, lane: usize, value: f64);
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

    /// One of two constants, by the precision of the numbers.
    #[inline(always)]
    fn either(double: f64, single: f64) -> Self {
        Self::splat(if Self::SINGLE { single } else { double })
    }

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
