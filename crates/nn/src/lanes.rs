//! Eight numbers at a time, with the instruction set chosen at run time.
//!
//! Every kernel is an [`Op`], written once against [`Lanes`] and compiled once per [`InstructionSet`]. An
//! element is always the same chain of operations in the same order; the instruction sets differ only in
//! that AVX2 fuses `a·b + c` into one rounding where the portable path rounds twice (without the
//! instruction, `f32::mul_add` is a library call forty times slower).

/// Numbers in one vector.
pub(crate) const LANES: usize = 8;

/// The instruction set that the kernels of a network run on.
#[derive(Clone, Copy, Debug)]
pub struct InstructionSet(Choice);

#[derive(Clone, Copy, Debug)]
enum Choice {
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    Portable,
}

impl InstructionSet {
    /// The best instruction set that this machine has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            return Self(Choice::Avx2(simd));
        }
        Self::portable()
    }

    /// Plain arithmetic that every machine has; what it computes differs from AVX2 by rounding alone.
    pub const fn portable() -> Self {
        Self(Choice::Portable)
    }

    /// A short name for logs: `avx2` or `portable`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Avx2(_) => "avx2",
            Choice::Portable => "portable",
        }
    }

    /// Runs `op` compiled for this instruction set.
    #[inline]
    pub(crate) fn run<O: Op>(self, op: O) -> O::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Avx2(simd) => simd.vectorize(Vectorised(simd, op)),
            Choice::Portable => op.run(Portable),
        }
    }
}

/// A kernel.
///
/// Implementations, and everything that they call with their `lanes`, must be `#[inline(always)]`: what is
/// not inlined is compiled without the vector instructions.
pub(crate) trait Op {
    type Output;
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// The first [`LANES`] numbers.
///
/// A function of its own, and no closure over indices: what the compiler leaves out of line, as it does with
/// closures where it optimises across fewer functions, is compiled without the vector instructions.
#[inline(always)]
fn first(from: &[f32]) -> &[f32; LANES] {
    match from.first_chunk() {
        Some(chunk) => chunk,
        None => too_short(from.len()),
    }
}

#[cold]
fn too_short(len: usize) -> ! {
    panic!("{len} numbers where a vector has {LANES}")
}

/// The arithmetic of one instruction set on vectors of [`LANES`] f32.
pub(crate) trait Lanes: Copy {
    type V: Copy;

    fn splat(self, value: f32) -> Self::V;
    /// The first [`LANES`] numbers of `from`, which must have as many.
    fn load(self, from: &[f32]) -> Self::V;
    /// Overwrites the first [`LANES`] numbers of `to`, which must have as many.
    fn store(self, to: &mut [f32], value: Self::V);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    fn sqrt(self, a: Self::V) -> Self::V;
    /// `a·b + c`, fused where the instruction set can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a` limited to `[-bound, bound]`; NaN stays NaN.
    fn clamp(self, a: Self::V, bound: f32) -> Self::V;
    /// The larger of `a` and 0; NaN stays NaN, and −0 stays −0.
    fn relu(self, a: Self::V) -> Self::V;
    /// `a` where `gate` is above 0, and 0 elsewhere.
    fn where_positive(self, gate: Self::V, a: Self::V) -> Self::V;

    /// The first `C` vectors of `from`, which must have as many.
    #[inline(always)]
    fn load_all<const C: usize>(self, from: &[f32]) -> [Self::V; C] {
        let from = &from[..C * LANES];
        let mut all = [self.splat(0.0); C];
        for c in 0..C {
            all[c] = self.load(&from[c * LANES..]);
        }
        all
    }

    /// The sum of all lanes, as a fixed tree.
    #[inline(always)]
    fn sum(self, a: Self::V) -> f32 {
        let mut all = [0.0; LANES];
        self.store(&mut all, a);
        let [a, b, c, d, e, f, g, h] = all;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    /// Like [`load`](Self::load), with zeros where `from` is too short.
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> Self::V {
        if from.len() >= LANES {
            return self.load(from);
        }
        let mut padded = [0.0; LANES];
        padded[..from.len()].copy_from_slice(from);
        self.load(&padded)
    }

    /// Like [`store`](Self::store), leaving out what does not fit into `to`.
    #[inline(always)]
    fn store_partial(self, to: &mut [f32], value: Self::V) {
        if to.len() >= LANES {
            return self.store(to, value);
        }
        let mut all = [0.0; LANES];
        self.store(&mut all, value);
        let len = to.len();
        to.copy_from_slice(&all[..len]);
    }
}

#[derive(Clone, Copy)]
struct Portable;

/// `f` of every lane.
#[inline(always)]
fn map(mut a: [f32; LANES], f: impl Fn(f32) -> f32) -> [f32; LANES] {
    for i in 0..LANES {
        a[i] = f(a[i]);
    }
    a
}

/// `f` of every lane of two vectors.
#[inline(always)]
fn zip(mut a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    for i in 0..LANES {
        a[i] = f(a[i], b[i]);
    }
    a
}

impl Lanes for Portable {
    type V = [f32; LANES];

    #[inline(always)]
    fn splat(self, value: f32) -> Self::V {
        [value; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::V {
        *first(from)
    }
    #[inline(always)]
    fn store(self, to: &mut [f32], value: Self::V) {
        to[..LANES].copy_from_slice(&value);
    }
    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self, a: Self::V) -> Self::V {
        map(a, f32::sqrt)
    }
    #[inline(always)]
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        zip(zip(a, b, |a, b| a * b), c, |product, c| product + c)
    }
    #[inline(always)]
    fn clamp(self, a: Self::V, bound: f32) -> Self::V {
        map(a, |a| {
            let x = if a > bound { bound } else { a };
            if x < -bound { -bound } else { x }
        })
    }
    #[inline(always)]
    fn relu(self, a: Self::V) -> Self::V {
        map(a, |a| if a < 0.0 { 0.0 } else { a })
    }
    #[inline(always)]
    fn where_positive(self, gate: Self::V, a: Self::V) -> Self::V {
        zip(gate, a, |gate, a| if gate > 0.0 { a } else { 0.0 })
    }
}

#[cfg(target_arch = "x86_64")]
use avx2::Vectorised;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{LANES, Lanes, Op, first};
    use pulp::x86::V3;
    use pulp::{NullaryFnOnce, Simd, cast, f32x8};

    /// An op about to run inside a function compiled with AVX2 and FMA.
    pub(super) struct Vectorised<O>(pub(super) V3, pub(super) O);

    impl<O: Op> NullaryFnOnce for Vectorised<O> {
        type Output = O::Output;

        #[inline(always)]
        fn call(self) -> O::Output {
            self.1.run(self.0)
        }
    }

    impl Lanes for V3 {
        type V = f32x8;

        #[inline(always)]
        fn splat(self, value: f32) -> f32x8 {
            self.splat_f32s(value)
        }
        #[inline(always)]
        fn load(self, from: &[f32]) -> f32x8 {
            cast(*first(from))
        }
        #[inline(always)]
        fn store(self, to: &mut [f32], value: f32x8) {
            let array: [f32; LANES] = cast(value);
            to[..LANES].copy_from_slice(&array);
        }
        #[inline(always)]
        fn add(self, a: f32x8, b: f32x8) -> f32x8 {
            self.add_f32s(a, b)
        }
        #[inline(always)]
        fn sub(self, a: f32x8, b: f32x8) -> f32x8 {
            self.sub_f32s(a, b)
        }
        #[inline(always)]
        fn mul(self, a: f32x8, b: f32x8) -> f32x8 {
            self.mul_f32s(a, b)
        }
        #[inline(always)]
        fn div(self, a: f32x8, b: f32x8) -> f32x8 {
            self.div_f32s(a, b)
        }
        #[inline(always)]
        fn sqrt(self, a: f32x8) -> f32x8 {
            self.sqrt_f32s(a)
        }
        #[inline(always)]
        fn mul_add(self, a: f32x8, b: f32x8, c: f32x8) -> f32x8 {
            self.mul_add_f32s(a, b, c)
        }
        #[inline(always)]
        fn clamp(self, a: f32x8, bound: f32) -> f32x8 {
            // The instructions return their second operand when one of them is NaN.
            let x = self.min_f32s(self.splat(bound), a);
            self.max_f32s(self.splat(-bound), x)
        }
        #[inline(always)]
        fn relu(self, a: f32x8) -> f32x8 {
            // The second operand is also what comes back of two zeros.
            self.max_f32s(self.splat(0.0), a)
        }
        #[inline(always)]
        fn where_positive(self, gate: f32x8, a: f32x8) -> f32x8 {
            let zero = self.splat(0.0);
            self.select_f32s(self.greater_than_f32s(gate, zero), a, zero)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Relu<'a>(&'a [f32; LANES]);

    impl Op for Relu<'_> {
        type Output = [f32; LANES];

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Self::Output {
            let mut out = [0.0; LANES];
            lanes.store(&mut out, lanes.relu(lanes.load(self.0)));
            out
        }
    }

    /// A zero that lost its sign would be another number in the bits that are promised.
    #[test]
    fn every_instruction_set_keeps_the_sign_of_a_zero_and_what_is_not_a_number() {
        let numbers = [-0.0, 0.0, f32::NAN, -f32::MIN_POSITIVE, f32::MIN_POSITIVE, -3.0, 3.0, f32::INFINITY];
        let expected = [-0.0, 0.0, f32::NAN, 0.0, f32::MIN_POSITIVE, 0.0, 3.0, f32::INFINITY];
        for set in [InstructionSet::detect(), InstructionSet::portable()] {
            let got = set.run(Relu(&numbers));
            assert_eq!(got.map(f32::to_bits), expected.map(f32::to_bits), "{}: {got:?}", set.name());
        }
    }
}
