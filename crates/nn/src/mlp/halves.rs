//! A gradient in two steps, so that two threads can do half of each: row by row what the loss means for every hidden layer,
//! then parameter by parameter the sums over the rows.

use std::ops::Range;

use super::{Mlp, MlpCache, add_rows, padded};
use crate::gaussian::by_width;
use crate::lanes::{LANES, Lanes, Op};
use crate::matmul::{MatMul, Matrix, Start};

/// Rows of weights that are cut off are a multiple of this: tiles of products have as many.
const ROWS: usize = 4;

impl Mlp {
    /// The first step of [`Mlp::backward`]: for every row by itself, the gradient of a loss with respect to the sums of the
    /// hidden layers, into `cache`, given that with respect to the outputs, `d_outputs` `[rows, outputs]`, after a
    /// [`Mlp::forward`] with the same `params` and `inputs`. No allocation.
    ///
    /// # Panics
    /// If a slice has another length than stated.
    pub fn deltas(&self, params: &[f32], inputs: &[f32], d_outputs: &[f32], cache: &mut MlpCache) {
        self.reverse(params, inputs, d_outputs, cache, None, None);
    }

    /// The second step: adds to the parameters `part` of `gradient` `[parameters]` what [`Mlp::deltas`] with these `inputs` and
    /// `d_outputs` has left in `cache` for them. No allocation. Each entry sums over the rows in order; parts of a batch,
    /// one after the other in order, give the bits of the whole, and so do the two parts before and after [`Mlp::middle`].
    ///
    /// # Panics
    /// If a slice has another length than stated, or `part` begins or ends within a row of weights.
    pub fn gradient(
        &self,
        inputs: &[f32],
        d_outputs: &[f32],
        cache: &MlpCache,
        part: Range<usize>,
        gradient: &mut [f32],
    ) {
        let rows = cache.rows;
        assert_eq!(gradient.len(), self.parameters(), "gradient");
        assert_eq!(inputs.len(), rows * self.inputs(), "inputs of another forward pass");
        assert_eq!(d_outputs.len(), rows * self.outputs(), "gradient of the outputs");
        for (l, layer) in self.layers.iter().enumerate() {
            let is_output = l + 1 == self.layers.len();
            let x = self.seen_by(l, inputs, &cache.activations);
            let stride = if is_output { layer.outputs } else { padded(layer.outputs) };
            let d_y = Matrix { data: if is_output { d_outputs } else { &cache.deltas[l] }, stride };
            // dW += Xᵀ·dY, in the output layer dWᵀ += dYᵀ·X.
            let (a, b) = if is_output { (d_y, x) } else { (x, d_y) };
            let (height, width) = shape(layer.inputs, layer.outputs, is_output);
            let row = |at: usize| {
                let within = at.clamp(layer.weights.start, layer.weights.end) - layer.weights.start;
                assert!(within.is_multiple_of(width), "a part begins or ends within a row");
                within / width
            };
            let (first, end) = (row(part.start), row(part.end));
            if first < end {
                MatMul::<true> {
                    a,
                    b,
                    start: Start::Destination,
                    first,
                    rows: end,
                    inner: rows,
                    columns: width,
                }
                .into(
                    self.instructions,
                    &mut gradient[layer.weights.clone()][..height * width],
                    width,
                );
            }
            if !part.contains(&layer.biases.start) {
                continue;
            }
            let [d_biases, d_gains, d_shifts] = layer.beside_weights(gradient);
            if is_output {
                by_width!(d_biases.len(), N => add_rows::<N>(d_outputs, d_biases));
                continue;
            }
            let add = |rows_of: &[f32], times: Option<&[f32]>, sums: &mut [f32]| {
                self.instructions.run(AddRows { rows: &rows_of[..rows * stride], times, stride, sums });
            };
            add(&cache.deltas[l], None, d_biases);
            if layer.norm.is_some() {
                add(&cache.normal_deltas[l], None, d_shifts);
                add(&cache.normal_deltas[l], Some(&cache.normalised[l]), d_gains);
            }
        }
    }

    /// The parameter between two parts whose [`Mlp::gradient`] takes about equally long: the first of a row of weights.
    pub fn middle(&self) -> usize {
        let products = |inputs: usize, outputs: usize| inputs * outputs;
        let all: usize = self.layers.iter().map(|layer| products(layer.inputs, layer.outputs)).sum();
        let mut before = 0;
        for (l, layer) in self.layers.iter().enumerate() {
            let of_layer = products(layer.inputs, layer.outputs);
            if 2 * (before + of_layer) >= all {
                let (height, width) = shape(layer.inputs, layer.outputs, l + 1 == self.layers.len());
                let rows = (all - 2 * before).div_ceil(2 * width).next_multiple_of(ROWS);
                return layer.weights.start + rows.min(height) * width;
            }
            before += of_layer;
        }
        self.parameters()
    }
}

/// Rows and columns of the weights as they lie in memory.
fn shape(inputs: usize, outputs: usize, is_output: bool) -> (usize, usize) {
    if is_output { (outputs, inputs) } else { (inputs, outputs) }
}

/// Adds rows `[rows, stride]`, or their products with others, one after the other to `sums`, which are no longer than a row.
struct AddRows<'a> {
    rows: &'a [f32],
    times: Option<&'a [f32]>,
    stride: usize,
    sums: &'a mut [f32],
}

impl Op for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, lanes: L) {
        // Several vectors of a row together, so that whole lines of the cache are used at once.
        const VECTORS: usize = 4;
        let mut j = 0;
        while j + VECTORS * L::WIDTH <= self.sums.len() {
            self.columns::<L, VECTORS>(lanes, j);
            j += VECTORS * L::WIDTH;
        }
        // Rows are padded to eight.
        while j < self.sums.len() {
            self.columns::<L::Eight, 1>(lanes.eight(), j);
            j += LANES;
        }
    }
}

impl AddRows<'_> {
    /// `C` vectors of columns from `j` on.
    #[inline(always)]
    fn columns<L: Lanes, const C: usize>(&mut self, lanes: L, j: usize) {
        let Self { rows, times, stride, sums } = self;
        let mut added = [lanes.splat(0.0); C];
        for c in 0..C {
            added[c] = lanes.load_partial(&sums[j + c * L::WIDTH..]);
        }
        match times {
            None => {
                for row in rows.chunks_exact(*stride) {
                    let row: [L::V; C] = lanes.load_all(&row[j..][..C * L::WIDTH]);
                    for c in 0..C {
                        added[c] = lanes.add(added[c], row[c]);
                    }
                }
            }
            Some(times) => {
                for (row, factors) in rows.chunks_exact(*stride).zip(times.chunks_exact(*stride)) {
                    let row: [L::V; C] = lanes.load_all(&row[j..][..C * L::WIDTH]);
                    let factors: [L::V; C] = lanes.load_all(&factors[j..][..C * L::WIDTH]);
                    for c in 0..C {
                        added[c] = lanes.mul_add(row[c], factors[c], added[c]);
                    }
                }
            }
        }
        for c in 0..C {
            lanes.store_partial(&mut sums[j + c * L::WIDTH..], added[c]);
        }
    }
}
