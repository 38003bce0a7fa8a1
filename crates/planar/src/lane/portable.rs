//! Lanes as a plain array, for machines without a vector type of their own; also the scalar case, `Portable<1>`.

use std::array::from_fn;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Sub};

use super::{Lane, Mask};

/// `N` numbers; the compiler may or may not turn their loops into vector instructions.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Portable<const N: usize>([f64; N]);

/// `N` truth values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PortableMask<const N: usize>([bool; N]);

macro_rules! elementwise {
    ($type:ident: $($trait:ident $method:ident),*) => {$(
        impl<const N: usize> $trait for $type<N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(from_fn(|i| $trait::$method(self.0[i], other.0[i])))
            }
        }
    )*};
}
elementwise!(Portable: Add add, Sub sub, Mul mul, Div div);
elementwise!(PortableMask: BitAnd bitand, BitOr bitor, BitXor bitxor);

impl<const N: usize> Neg for Portable<N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self(self.0.map(|a| -a))
    }
}

impl<const N: usize> Not for PortableMask<N> {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        Self(self.0.map(|a| !a))
    }
}

impl<const N: usize> Mask for PortableMask<N> {
    #[inline(always)]
    fn from_bits(bits: u32) -> Self {
        Self(from_fn(|i| bits >> i & 1 == 1))
    }
    #[inline(always)]
    fn bits(self) -> u32 {
        (0..N).map(|i| u32::from(self.0[i]) << i).sum()
    }
    #[inline(always)]
    fn any(self) -> bool {
        self.0.iter().any(|&a| a)
    }
}

/// `a · b + c`: fused where that is one instruction, two roundings where it would be a call into a library.
#[inline(always)]
fn mul_add(a: f64, b: f64, c: f64) -> f64 {
    if cfg!(any(target_arch = "aarch64", target_feature = "fma")) { a.mul_add(b, c) } else { a * b + c }
}

impl<const N: usize> Lane for Portable<N> {
    const WIDTH: usize = N;
    type Mask = PortableMask<N>;

    #[inline(always)]
    fn run<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    #[inline(always)]
    fn splat(value: f64) -> Self {
        Self([value; N])
    }
    #[inline(always)]
    fn lanes(&self) -> &[f64] {
        &self.0
    }
    #[inline(always)]
    fn lanes_mut(&mut self) -> &mut [f64] {
        &mut self.0
    }
    #[inline(always)]
    fn mul_add(self, b: Self, c: Self) -> Self {
        Self(from_fn(|i| mul_add(self.0[i], b.0[i], c.0[i])))
    }
    #[inline(always)]
    fn neg_mul_add(self, b: Self, c: Self) -> Self {
        Self(from_fn(|i| mul_add(-self.0[i], b.0[i], c.0[i])))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(f64::sqrt))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.map(f64::abs))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self(from_fn(|i| if self.0[i] < other.0[i] { self.0[i] } else { other.0[i] }))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self(from_fn(|i| if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] }))
    }
    #[inline(always)]
    fn less(self, other: Self) -> Self::Mask {
        PortableMask(from_fn(|i| self.0[i] < other.0[i]))
    }
    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Self(from_fn(|i| if mask.0[i] { yes.0[i] } else { no.0[i] }))
    }
}
