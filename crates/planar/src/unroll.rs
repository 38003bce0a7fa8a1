//! Loops that the compiler writes out.
//!
//! A loop over bodies whose index is a constant in every turn lets the compiler keep small matrices in registers
//! and drop what the topology rules out (factorising a 6 × 6 matrix took a third of the time of rolled loops).

/// A number known to the compiler, to count to.
pub(crate) trait Count {
    /// Calls `f(0)`, `f(1)`, … up to, and without, the number.
    fn each(f: impl FnMut(usize));
    /// Calls `f` as [`Count::each`] does, from the last index to the first.
    fn each_back(f: impl FnMut(usize));
}

/// The number `K`, at most 16.
pub(crate) struct N<const K: usize>;

macro_rules! calls {
    ($f:ident, $($i:literal)*) => {$(
        if $i < K {
            $f($i);
        }
    )*};
}

impl<const K: usize> Count for N<K> {
    #[inline(always)]
    fn each(mut f: impl FnMut(usize)) {
        const { assert!(K <= 16) };
        calls!(f, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }

    #[inline(always)]
    fn each_back(mut f: impl FnMut(usize)) {
        const { assert!(K <= 16) };
        calls!(f, 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0);
    }
}
