//! Eight or sixteen numbers at a time, with the instruction set chosen at run time.
//!
//! Every kernel is an [`Op`], written once against [`Lanes`] and compiled once per [`InstructionSet`]. An
//! element is always the same chain of operations in the same order, and sums across lanes are those of eight
//! whatever the width ([`Lanes::eight`]). So AVX2 and AVX-512 give the same bits. The portable path differs from
//! them in that it rounds `a·b + c` twice where they fuse it into one rounding (without the instruction,
//! `f32::mul_add` is a library call forty times slower).

/// Numbers in the vectors that sums across lanes are made of, and to a multiple of which rows are padded.
pub(crate) const LANES: usize = 8;

/// Numbers in the widest vector.
const WIDEST: usize = 16;

/// The instruction set that the kernels of a network run on.
#[derive(Clone, Copy, Debug)]
pub struct InstructionSet(Choice);

#[derive(Clone, Copy, Debug)]
enum Choice {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    Portable,
}

impl InstructionSet {
    /// The best instruction set that this machine has.
    #[inline]
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V4::try_new() {
            return Self(Choice::Avx512(simd));
        }
        Self::avx2().unwrap_or_else(Self::portable)
    }

    /// AVX2 with fused multiply-adds, where this machine has them. The same bits as AVX-512.
    pub fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            return Some(Self(Choice::Avx2(simd)));
        }
        None
    }

    /// The instruction sets of this machine, the fastest last.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::portable()];
        sets.extend(Self::avx2());
        let best = Self::detect();
        sets.extend(best.is_wide().then_some(best));
        sets
    }

    /// Plain arithmetic that every machine has; what it computes differs from AVX2 by rounding alone.
    pub const fn portable() -> Self {
        Self(Choice::Portable)
    }

    /// A short name for logs: `avx512`, `avx2` or `portable`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Choice::Avx2(_) => "avx2",
            Choice::Portable => "portable",
        }
    }

    /// What its results are those of, to the bit: `avx2` (also for AVX-512) or `portable`.
    pub const fn bits(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Avx512(_) | Choice::Avx2(_) => "avx2",
            Choice::Portable => "portable",
        }
    }

    /// Whether vectors have more than [`LANES`] numbers.
    pub(crate) const fn is_wide(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Avx512(_) => true,
            _ => false,
        }
    }

    /// Runs `op` compiled for this instruction set.
    #[inline]
    pub(crate) fn run<O: Op>(self, op: O) -> O::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Avx512(simd) => simd.vectorize(Vectorised(simd, op)),
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

/// The first `N` numbers.
///
/// A function of its own, and no closure over indices: what the compiler leaves out of line, as it does with
/// closures where it optimises across fewer functions, is compiled without the vector instructions.
#[inline(always)]
fn first<const N: usize>(from: &[f32]) -> &[f32; N] {
    match from.first_chunk() {
        Some(chunk) => chunk,
        None => too_short(from.len()),
    }
}

#[cold]
fn too_short(len: usize) -> ! {
    panic!("{len} numbers where a vector has {LANES}")
}

/// The arithmetic of one instruction set on vectors of [`WIDTH`](Lanes::WIDTH) f32.
pub(crate) trait Lanes: Copy {
    /// Numbers in a vector: [`LANES`], or twice as many.
    const WIDTH: usize;
    type V: Copy;
    /// The same arithmetic on [`LANES`] numbers.
    type Eight: Eight;

    /// For sums across lanes, and for what is left where a vector is too wide.
    fn eight(self) -> Self::Eight;
    fn splat(self, value: f32) -> Self::V;
    /// The first [`WIDTH`](Lanes::WIDTH) numbers of `from`, which must have as many.
    fn load(self, from: &[f32]) -> Self::V;
    /// Overwrites the first [`WIDTH`](Lanes::WIDTH) numbers of `to`, which must have as many.
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
        let from = &from[..C * Self::WIDTH];
        let mut all = [self.splat(0.0); C];
        for c in 0..C {
            all[c] = self.load(&from[c * Self::WIDTH..]);
        }
        all
    }

    /// Like [`load`](Self::load), with zeros where `from` is too short.
    #[inline(always)]
    fn load_partial(self, from: &[f32]) -> Self::V {
        if from.len() >= Self::WIDTH {
            return self.load(from);
        }
        let mut padded = [0.0; WIDEST];
        padded[..from.len()].copy_from_slice(from);
        self.load(&padded)
    }

    /// Like [`store`](Self::store), leaving out what does not fit into `to`.
    #[inline(always)]
    fn store_partial(self, to: &mut [f32], value: Self::V) {
        if to.len() >= Self::WIDTH {
            return self.store(to, value);
        }
        let mut all = [0.0; WIDEST];
        self.store(&mut all, value);
        let len = to.len();
        to.copy_from_slice(&all[..len]);
    }
}

/// Vectors of [`LANES`] numbers.
pub(crate) trait Eight: Lanes {
    /// Eight vectors as the rows of a matrix, whose columns come back.
    fn transpose(self, rows: [Self::V; LANES]) -> [Self::V; LANES];

    /// The sum of all lanes, as a fixed tree.
    #[inline(always)]
    fn sum(self, a: Self::V) -> f32 {
        let mut all = [0.0; LANES];
        self.store(&mut all, a);
        let [a, b, c, d, e, f, g, h] = all;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    /// The [`sum`](Eight::sum)s of eight vectors.
    #[inline(always)]
    fn sums(self, vectors: [Self::V; LANES]) -> Self::V {
        let [a, b, c, d, e, f, g, h] = self.transpose(vectors);
        let add = |a, b| self.add(a, b);
        add(add(add(a, e), add(c, g)), add(add(b, f), add(d, h)))
    }
}

#[derive(Clone, Copy)]
struct Portable;

impl Eight for Portable {
    #[inline(always)]
    fn transpose(self, rows: [Self::V; LANES]) -> [Self::V; LANES] {
        let mut columns = [[0.0; LANES]; LANES];
        for r in 0..LANES {
            for c in 0..LANES {
                columns[c][r] = rows[r][c];
            }
        }
        columns
    }
}

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
    const WIDTH: usize = LANES;
    type V = [f32; LANES];
    type Eight = Self;

    #[inline(always)]
    fn eight(self) -> Self {
        self
    }
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
use x86::Vectorised;

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests {
    use super::*;

    struct Transposed;

    impl Op for Transposed {
        type Output = Vec<f32>;

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Self::Output {
            let lanes = lanes.eight();
            let mut rows = [lanes.splat(0.0); LANES];
            for r in 0..LANES {
                let numbers: Vec<f32> = (0..LANES).map(|c| (10 * r + c) as f32).collect();
                rows[r] = lanes.load(&numbers);
            }
            let mut out = vec![0.0; (LANES + 1) * LANES];
            let (of_columns, of_sums) = out.split_at_mut(LANES * LANES);
            for (column, to) in lanes.transpose(rows).into_iter().zip(of_columns.chunks_mut(LANES)) {
                lanes.store(to, column);
            }
            lanes.store(of_sums, lanes.sums(rows));
            out
        }
    }

    #[test]
    fn columns_of_eight_vectors_are_a_transpose_and_their_sums_are_sums() {
        for set in InstructionSet::available() {
            let out = set.run(Transposed);
            for r in 0..LANES {
                for c in 0..LANES {
                    assert_eq!(out[c * LANES + r], (10 * r + c) as f32, "{}", set.name());
                }
                assert_eq!(out[LANES * LANES + r], (80 * r + 28) as f32, "{}", set.name());
            }
        }
    }

    struct Relu<'a>(&'a [f32; LANES]);

    impl Op for Relu<'_> {
        type Output = [f32; LANES];

        #[inline(always)]
        fn run<L: Lanes>(self, lanes: L) -> Self::Output {
            // Twice, where a vector is wider.
            let numbers = [*self.0, *self.0].concat();
            let mut out = [0.0; 2 * LANES];
            for (to, from) in out.chunks_mut(L::WIDTH).zip(numbers.chunks(L::WIDTH)) {
                lanes.store(to, lanes.relu(lanes.load(from)));
            }
            assert_eq!(
                out[..LANES].iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                out[LANES..].iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            );
            *out.first_chunk().unwrap()
        }
    }

    /// A zero that lost its sign would be another number in the bits that are promised.
    #[test]
    fn every_instruction_set_keeps_the_sign_of_a_zero_and_what_is_not_a_number() {
        let numbers = [-0.0, 0.0, f32::NAN, -f32::MIN_POSITIVE, f32::MIN_POSITIVE, -3.0, 3.0, f32::INFINITY];
        let expected = [-0.0, 0.0, f32::NAN, 0.0, f32::MIN_POSITIVE, 0.0, 3.0, f32::INFINITY];
        for set in InstructionSet::available() {
            let got = set.run(Relu(&numbers));
            assert_eq!(got.map(f32::to_bits), expected.map(f32::to_bits), "{}: {got:?}", set.name());
        }
    }
}
