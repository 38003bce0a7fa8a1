//! What happens between the matrix products of a network: activations, their gradients, transposes.

use crate::lanes::{Eight, LANES, Lanes, Op};

/// Writes the transpose of `from`, whose rows have `columns` numbers, with rows `stride` apart.
pub(crate) struct Transpose<'a> {
    pub(crate) from: &'a [f32],
    pub(crate) columns: usize,
    pub(crate) to: &'a mut [f32],
    pub(crate) stride: usize,
}

impl Op for Transpose<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        let Self { from, columns, to, stride } = self;
        // Eight rows become eight numbers that lie together: single numbers, whole rows apart, would fall into the same
        // few sets of the cache.
        let lanes = lanes.eight();
        let blocks = from.chunks_exact(LANES * columns);
        let (done, rest) = (blocks.len() * LANES, blocks.remainder());
        for (block, rows) in blocks.enumerate() {
            let mut of_row: [&[f32]; LANES] = [&[]; LANES];
            for r in 0..LANES {
                of_row[r] = &rows[r * columns..][..columns];
            }
            for j in (0..columns).step_by(LANES) {
                let mut vectors = [lanes.splat(0.0); LANES];
                for r in 0..LANES {
                    vectors[r] = lanes.load_partial(&of_row[r][j..]);
                }
                let vectors = lanes.transpose(vectors);
                for c in 0..LANES.min(columns - j) {
                    lanes.store(&mut to[(j + c) * stride + block * LANES..], vectors[c]);
                }
            }
        }
        for (i, row) in rest.chunks_exact(columns).enumerate() {
            for (j, value) in row.iter().enumerate() {
                to[j * stride + done + i] = *value;
            }
        }
    }
}

/// Replaces every number by the larger of itself and 0; NaN stays NaN.
pub(crate) struct ReluInPlace<'a>(pub(crate) &'a mut [f32]);

impl Op for ReluInPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) {
        for chunk in self.0.chunks_mut(L::WIDTH) {
            let y = lanes.relu(lanes.load_partial(chunk));
            lanes.store_partial(chunk, y);
        }
    }
}

/// Turns the gradient with respect to y into the one with respect to u, for y = max(u, 0) if `RELU` and y = tanh(u)
/// otherwise, where it is δ·(1 − y²); and adds its sum over the rows, in order, to the gradient of the biases (to as many
/// of them as there are).
pub(crate) struct Backward<'a, const RELU: bool> {
    pub(crate) delta: &'a mut [f32],
    pub(crate) y: &'a [f32],
    pub(crate) d_biases: &'a mut [f32],
    pub(crate) stride: usize,
}

impl<const RELU: bool> Op for Backward<'_, RELU> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        if self.d_biases.is_empty() {
            for (delta, y) in self.delta.chunks_mut(L::WIDTH).zip(self.y.chunks(L::WIDTH)) {
                let d = Self::d_u(lanes, lanes.load_partial(delta), lanes.load_partial(y));
                lanes.store_partial(delta, d);
            }
            return;
        }
        // Several vectors of a row together, so that whole lines of the cache are used at once.
        const VECTORS: usize = 4;
        let mut j = 0;
        while j + VECTORS * L::WIDTH <= self.d_biases.len() {
            self.columns::<L, VECTORS>(lanes, j);
            j += VECTORS * L::WIDTH;
        }
        // Rows are padded to eight.
        while j < self.d_biases.len() {
            self.columns::<L::Eight, 1>(lanes.eight(), j);
            j += LANES;
        }
    }
}

impl<const RELU: bool> Backward<'_, RELU> {
    #[inline(always)]
    fn d_u<L: Lanes>(lanes: L, delta: L::V, y: L::V) -> L::V {
        if RELU {
            lanes.where_positive(y, delta)
        } else {
            lanes.mul(delta, lanes.sub(lanes.splat(1.0), lanes.mul(y, y)))
        }
    }

    /// `C` vectors of columns from `j` on.
    #[inline(always)]
    fn columns<L: Lanes, const C: usize>(&mut self, lanes: L, j: usize) {
        let mut sums = [lanes.splat(0.0); C];
        for c in 0..C {
            sums[c] = lanes.load_partial(&self.d_biases[j + c * L::WIDTH..]);
        }
        let rows = self.delta.chunks_exact_mut(self.stride).zip(self.y.chunks_exact(self.stride));
        for (delta, y) in rows {
            let (delta, y) = (&mut delta[j..][..C * L::WIDTH], &y[j..][..C * L::WIDTH]);
            for c in 0..C {
                let d = Self::d_u(lanes, lanes.load(&delta[c * L::WIDTH..]), lanes.load(&y[c * L::WIDTH..]));
                lanes.store(&mut delta[c * L::WIDTH..], d);
                sums[c] = lanes.add(sums[c], d);
            }
        }
        for c in 0..C {
            lanes.store_partial(&mut self.d_biases[j + c * L::WIDTH..], sums[c]);
        }
    }
}

/// Turns the tangent of u into that of y = max(u, 0).
pub(crate) struct ReluTangent<'a> {
    pub(crate) d_u: &'a mut [f32],
    pub(crate) y: &'a [f32],
}

impl Op for ReluTangent<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) {
        for (d_u, y) in self.d_u.iter_mut().zip(self.y) {
            *d_u = if *y > 0.0 { *d_u } else { 0.0 };
        }
    }
}
