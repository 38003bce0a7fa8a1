//! The narrow output layer: dot products of long rows.

use crate::lanes::{Eight, InstructionSet, LANES, Lanes, Op};
use crate::matmul::Matrix;

/// y = x·Wᵀ + b: `x` `[rows, inputs]`, `weights` `[outputs, inputs]`, `y` `[rows, outputs]`, row-major.
///
/// A dot product is eight interleaved partial sums, added as a fixed tree, whatever the number of rows.
pub(crate) struct Dots<'a> {
    pub(crate) x: Matrix<'a>,
    pub(crate) weights: &'a [f32],
    pub(crate) biases: &'a [f32],
    pub(crate) inputs: usize,
    pub(crate) y: &'a mut [f32],
}

impl Dots<'_> {
    pub(crate) fn compute(self, instructions: InstructionSet) {
        instructions.run(self);
    }
}

impl Op for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        let lanes = lanes.eight();
        let rows = self.y.len() / self.biases.len();
        let mut i = 0;
        // Each weight is loaded once for eight rows.
        while i + LANES <= rows {
            self.tile::<_, LANES>(lanes, i);
            i += LANES;
        }
        while i < rows {
            self.tile::<_, 1>(lanes, i);
            i += 1;
        }
    }
}

impl Dots<'_> {
    #[inline(always)]
    fn tile<L: Eight, const R: usize>(&mut self, lanes: L, i: usize) {
        let outputs = self.biases.len();
        let mut rows: [&[f32]; R] = [&[]; R];
        for r in 0..R {
            rows[r] = &self.x.data[(i + r) * self.x.stride..][..self.inputs];
        }
        for (o, weights) in self.weights.chunks_exact(self.inputs).enumerate() {
            let mut sums = [lanes.splat(0.0); R];
            let mut k = 0;
            while k + LANES <= self.inputs {
                let w = lanes.load(&weights[k..]);
                for r in 0..R {
                    sums[r] = lanes.mul_add(lanes.load(&rows[r][k..]), w, sums[r]);
                }
                k += LANES;
            }
            if k < self.inputs {
                let w = lanes.load_partial(&weights[k..]);
                for r in 0..R {
                    sums[r] = lanes.mul_add(lanes.load_partial(&rows[r][k..]), w, sums[r]);
                }
            }
            let mut of_rows = [0.0; R];
            if let Some(eight) = sums.first_chunk::<LANES>() {
                lanes.store(&mut of_rows, lanes.sums(*eight));
            } else {
                for r in 0..R {
                    of_rows[r] = lanes.sum(sums[r]);
                }
            }
            for r in 0..R {
                self.y[(i + r) * outputs + o] = self.biases[o] + of_rows[r];
            }
        }
    }
}
