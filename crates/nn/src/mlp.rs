//! Layout, values and gradients of a multilayer perceptron.

use crate::dots::Dots;
use crate::error::NnError;
use crate::gaussian::by_width;
use crate::lanes::{InstructionSet, LANES};
use crate::matmul::{MatMul, Matrix, Start};
use crate::tanh::tanh_in_place;
use std::ops::Range;

mod halves;
mod initial;
mod layer_norm;
pub(crate) mod layers;
mod tangent;

use layer_norm::{Denormalise, Normalise};
use layers::{Backward, ReluInPlace, Transpose};

/// What the hidden layers of a network do to their sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// y = tanh(u).
    #[default]
    Tanh,
    /// y = max(u, 0).
    Relu,
}

/// The layout of a multilayer perceptron with tanh (or ReLU) hidden layers and a linear output layer.
///
/// The network owns no numbers: its parameters are a flat `[parameters] f32` slice that the caller owns,
/// layer after layer, weights before biases. Weights of a hidden layer are `[inputs, outputs]` row-major,
/// those of the output layer `[outputs, inputs]`, so that inner loops always run over the wide side. With layer
/// normalisation ([`Mlp::with_layer_norm`]) a hidden layer's biases are followed by its gains and shifts.
///
/// The outputs for a row depend on nothing but parameters and that row: alone or in a batch of any size, the
/// bits are the same. They differ between instruction sets by rounding alone (see [`InstructionSet`]).
///
/// ```
/// use wr2l_nn::Mlp;
/// use wr2l_rng::{Purpose, StreamKey};
/// let mlp = Mlp::new(&[11, 64, 64, 3])?;
/// let mut params = vec![0.0; mlp.parameters()];
/// mlp.initialise(1.0, &mut StreamKey::new(1, Purpose::Initialisation).stream(), &mut params);
/// let mut cache = mlp.cache(2);
/// let inputs = [0.1; 2 * 11];
/// mlp.forward(&params, &inputs, &mut cache);
/// assert_eq!(cache.outputs().len(), 2 * 3);
/// # Ok::<(), wr2l_nn::NnError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mlp {
    sizes: Vec<usize>,
    layers: Vec<Layer>,
    activation: Activation,
    instructions: InstructionSet,
}

#[derive(Clone, Debug)]
struct Layer {
    inputs: usize,
    outputs: usize,
    weights: Range<usize>,
    biases: Range<usize>,
    norm: Option<Norm>,
}

impl Layer {
    /// Of all the numbers those of the biases, gains and shifts; the latter are none without layer normalisation.
    fn beside_weights<'a>(&self, numbers: &'a mut [f32]) -> [&'a mut [f32]; 3] {
        let end = self.norm.as_ref().map_or(self.biases.end, |norm| norm.shifts.end);
        let (biases, rest) = numbers[self.biases.start..end].split_at_mut(self.outputs);
        let (gains, shifts) = rest.split_at_mut(rest.len() / 2);
        [biases, gains, shifts]
    }
}

/// Where the parameters of a layer's normalisation are.
#[derive(Clone, Debug)]
struct Norm {
    gains: Range<usize>,
    shifts: Range<usize>,
}

/// What [`Mlp::forward`] leaves for [`Mlp::backward`], and the scratch of both; made once by [`Mlp::cache`].
#[derive(Clone, Debug)]
pub struct MlpCache {
    capacity: usize,
    rows: usize,
    /// Per hidden layer `[rows, padded width]`.
    activations: Vec<Vec<f32>>,
    /// Per hidden layer its normalised sums, `[rows, padded width]`, and one over their deviations, `[rows]`; empty without
    /// layer normalisation.
    normalised: Vec<Vec<f32>>,
    inverse: Vec<Vec<f32>>,
    /// `[rows, outputs]`.
    outputs: Vec<f32>,
    /// Gradients with respect to the sums of each hidden layer, `[rows, padded width]`; two at least, for the tangents.
    deltas: Vec<Vec<f32>>,
    /// With layer normalisation, the same with respect to what comes out of it.
    normal_deltas: Vec<Vec<f32>>,
    /// Weights of a hidden layer, `[outputs, padded inputs]`.
    transposed: Vec<f32>,
    /// Scratch of [`Mlp::tangent`].
    tangents: Vec<f32>,
}

impl MlpCache {
    /// The outputs of the last [`Mlp::forward`], `[rows, outputs]`, row-major.
    pub fn outputs(&self) -> &[f32] {
        &self.outputs
    }

    pub(crate) fn outputs_mut(&mut self) -> &mut [f32] {
        &mut self.outputs
    }

    /// Rows of the last [`Mlp::forward`].
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The largest number of rows that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }
}

/// The layers of these widths, one after the other.
fn layout(sizes: &[usize], layer_norm: bool) -> Vec<Layer> {
    let mut end = 0;
    let mut take = |len: usize| {
        end += len;
        end - len..end
    };
    let last = sizes.len() - 2;
    let layer = |(l, pair): (usize, &[usize])| Layer {
        inputs: pair[0],
        outputs: pair[1],
        weights: take(pair[0] * pair[1]),
        biases: take(pair[1]),
        norm: (layer_norm && l < last).then(|| Norm { gains: take(pair[1]), shifts: take(pair[1]) }),
    };
    sizes.windows(2).enumerate().map(layer).collect()
}

/// Adds rows to `sums`, one after the other; `N` is their length, or 0 if the compiler does not know it.
fn add_rows<const N: usize>(rows: &[f32], sums: &mut [f32]) {
    let width = if N == 0 { sums.len() } else { N };
    let sums = &mut sums[..width];
    for row in rows.chunks_exact(width) {
        for j in 0..width {
            sums[j] += row[j];
        }
    }
}

/// Width of a padded row: the next multiple of the vector length.
fn padded(width: usize) -> usize {
    width.next_multiple_of(LANES)
}

impl Mlp {
    /// A network with the given layer widths, `[inputs, hidden…, outputs]`, on the best instruction set that
    /// this machine has.
    ///
    /// # Errors
    /// [`NnError::Sizes`] if there are fewer than two widths, or one is 0.
    pub fn new(sizes: &[usize]) -> Result<Self, NnError> {
        Self::with_instructions(sizes, InstructionSet::detect())
    }

    /// Like [`Mlp::new`], on a chosen instruction set.
    ///
    /// # Errors
    /// As [`Mlp::new`].
    pub fn with_instructions(sizes: &[usize], instructions: InstructionSet) -> Result<Self, NnError> {
        if sizes.len() < 2 || sizes.contains(&0) {
            return Err(NnError::Sizes { sizes: sizes.to_vec() });
        }
        let layers = layout(sizes, false);
        Ok(Self { sizes: sizes.to_vec(), layers, activation: Activation::default(), instructions })
    }

    /// The same network with layer normalisation (Ba et al. 2016) between the sums of every hidden layer and its activation:
    /// y = activation(g·n + s), n being the sums shifted and scaled to mean 0 and variance 1 within their row. It has two
    /// more parameters a hidden unit. [`Mlp::tangent`] knows nothing of it.
    #[must_use]
    pub fn with_layer_norm(self) -> Self {
        Self { layers: layout(&self.sizes, true), ..self }
    }

    /// The same network with another kind of hidden layers.
    #[must_use]
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// What the hidden layers do to their sums.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Whether the sums of the hidden layers are normalised.
    pub fn layer_norm(&self) -> bool {
        self.layers.iter().any(|layer| layer.norm.is_some())
    }

    /// The layer widths, `[inputs, hidden…, outputs]`.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Length of an input row.
    pub fn inputs(&self) -> usize {
        self.sizes[0]
    }

    /// Length of an output row.
    pub fn outputs(&self) -> usize {
        self.sizes[self.sizes.len() - 1]
    }

    /// Length of the parameter vector.
    pub fn parameters(&self) -> usize {
        self.output_layer().biases.end
    }

    /// The instruction set that the network runs on.
    pub fn instructions(&self) -> InstructionSet {
        self.instructions
    }

    /// What layer `l` sees of `inputs`.
    fn seen_by<'a>(&self, l: usize, inputs: &'a [f32], activations: &'a [Vec<f32>]) -> Matrix<'a> {
        match l.checked_sub(1) {
            None => Matrix { data: inputs, stride: self.inputs() },
            Some(below) => Matrix { data: &activations[below], stride: padded(self.layers[below].outputs) },
        }
    }

    fn output_layer(&self) -> &Layer {
        &self.layers[self.layers.len() - 1]
    }

    fn hidden_layers(&self) -> &[Layer] {
        &self.layers[..self.layers.len() - 1]
    }

    /// Scratch for batches of up to `capacity` rows.
    pub fn cache(&self, capacity: usize) -> MlpCache {
        let hidden = self.hidden_layers();
        let widest = hidden.iter().map(|layer| padded(layer.outputs)).max().unwrap_or(0);
        let normal = || hidden.iter().filter(|layer| layer.norm.is_some());
        let transposed = hidden.iter().map(|layer| layer.outputs * padded(layer.inputs)).max().unwrap_or(0);
        MlpCache {
            capacity,
            rows: 0,
            activations: hidden.iter().map(|layer| vec![0.0; capacity * padded(layer.outputs)]).collect(),
            normalised: normal().map(|layer| vec![0.0; capacity * padded(layer.outputs)]).collect(),
            inverse: normal().map(|_| vec![0.0; capacity]).collect(),
            outputs: Vec::with_capacity(capacity * self.outputs()),
            deltas: vec![vec![0.0; capacity * widest]; hidden.len().max(2)],
            normal_deltas: normal().map(|layer| vec![0.0; capacity * padded(layer.outputs)]).collect(),
            transposed: vec![0.0; transposed],
            tangents: Vec::new(),
        }
    }

    /// Computes the outputs for `inputs` `[rows, inputs]` into `cache`; no allocation.
    ///
    /// # Panics
    /// If `params` is not `[parameters]`, `inputs` not whole rows, or more rows than the cache holds.
    pub fn forward(&self, params: &[f32], inputs: &[f32], cache: &mut MlpCache) {
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        let rows = inputs.len() / self.inputs();
        assert_eq!(inputs.len(), rows * self.inputs(), "inputs are not whole rows");
        assert!(rows <= cache.capacity, "{rows} rows in a cache for {}", cache.capacity);
        cache.rows = rows;
        let mut x = Matrix { data: inputs, stride: self.inputs() };
        let MlpCache { activations, normalised, inverse, outputs, .. } = cache;
        for (l, (layer, activations)) in self.hidden_layers().iter().zip(activations).enumerate() {
            let stride = padded(layer.outputs);
            let y = &mut activations[..rows * stride];
            MatMul::<false> {
                a: x,
                b: Matrix { data: &params[layer.weights.clone()], stride: layer.outputs },
                start: Start::Bias(&params[layer.biases.clone()]),
                first: 0,
                rows,
                inner: layer.inputs,
                columns: layer.outputs,
            }
            .into(self.instructions, y, stride);
            if let Some(Norm { gains, shifts }) = &layer.norm {
                self.instructions.run(Normalise {
                    y,
                    stride,
                    gains: &params[gains.clone()],
                    shifts: &params[shifts.clone()],
                    normalised: &mut normalised[l],
                    inverse: &mut inverse[l],
                });
            }
            match self.activation {
                Activation::Tanh => tanh_in_place(self.instructions, y),
                Activation::Relu => self.instructions.run(ReluInPlace(y)),
            }
            x = Matrix { data: y, stride };
        }
        let layer = self.output_layer();
        outputs.resize(rows * layer.outputs, 0.0);
        Dots {
            x,
            weights: &params[layer.weights.clone()],
            biases: &params[layer.biases.clone()],
            inputs: layer.inputs,
            y: outputs,
        }
        .compute(self.instructions);
    }

    /// Adds to `gradient` `[parameters]` the gradient of a loss, given the loss's gradient with respect to
    /// the outputs, `d_outputs` `[rows, outputs]`, after a [`Mlp::forward`] with the same `params` and
    /// `inputs`; overwrites `d_inputs` `[rows, inputs]`, if given, with the gradient with respect to the
    /// inputs. No allocation. Each entry sums over the rows in order.
    ///
    /// # Panics
    /// If a slice has another length than stated.
    pub fn backward(
        &self,
        params: &[f32],
        inputs: &[f32],
        d_outputs: &[f32],
        cache: &mut MlpCache,
        gradient: &mut [f32],
        d_inputs: Option<&mut [f32]>,
    ) {
        assert_eq!(gradient.len(), self.parameters(), "gradient");
        self.reverse(params, inputs, d_outputs, cache, Some(gradient), d_inputs);
    }

    /// Overwrites `d_inputs` `[rows, inputs]` with the gradient of a loss with respect to the inputs, like
    /// [`Mlp::backward`], without the work for that of the parameters.
    ///
    /// # Panics
    /// If a slice has another length than stated.
    pub fn input_gradient(
        &self,
        params: &[f32],
        inputs: &[f32],
        d_outputs: &[f32],
        cache: &mut MlpCache,
        d_inputs: &mut [f32],
    ) {
        self.reverse(params, inputs, d_outputs, cache, None, Some(d_inputs));
    }

    fn reverse(
        &self,
        params: &[f32],
        inputs: &[f32],
        d_outputs: &[f32],
        cache: &mut MlpCache,
        mut gradient: Option<&mut [f32]>,
        mut d_inputs: Option<&mut [f32]>,
    ) {
        let rows = cache.rows;
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        assert_eq!(inputs.len(), rows * self.inputs(), "inputs of another forward pass");
        assert_eq!(d_outputs.len(), rows * self.outputs(), "gradient of the outputs");
        if let Some(d_inputs) = &d_inputs {
            assert_eq!(d_inputs.len(), inputs.len(), "gradient of the inputs");
        }
        let hidden = self.hidden_layers();
        let MlpCache { activations, normalised, inverse, deltas, normal_deltas, transposed, .. } = cache;
        let x_of = |l: usize| self.seen_by(l, inputs, activations);

        let layer = self.output_layer();
        let d_y = Matrix { data: d_outputs, stride: layer.outputs };
        if let Some(gradient) = &mut gradient {
            // dWᵀ += dYᵀ·X
            MatMul::<true> {
                a: d_y,
                b: x_of(hidden.len()),
                start: Start::Destination,
                first: 0,
                rows: layer.outputs,
                inner: rows,
                columns: layer.inputs,
            }
            .into(self.instructions, &mut gradient[layer.weights.clone()], layer.inputs);
            let d_biases = &mut gradient[layer.biases.clone()];
            by_width!(d_biases.len(), N => add_rows::<N>(d_outputs, d_biases));
        }
        // dX = dY·Wᵀ
        let weights = Matrix { data: &params[layer.weights.clone()], stride: layer.inputs };
        let d_x = |into: &mut [f32], stride: usize, d_y: Matrix<'_>, weights: Matrix<'_>, layer: &Layer| {
            MatMul::<false> {
                a: d_y,
                b: weights,
                start: Start::Zero,
                first: 0,
                rows,
                inner: layer.outputs,
                columns: layer.inputs,
            }
            .into(self.instructions, into, stride);
        };
        if hidden.is_empty() {
            if let Some(d_inputs) = d_inputs {
                d_x(d_inputs, self.inputs(), d_y, weights, layer);
            }
            return;
        }
        d_x(&mut deltas[hidden.len() - 1], padded(layer.inputs), d_y, weights, layer);

        for (l, layer) in hidden.iter().enumerate().rev() {
            let stride = padded(layer.outputs);
            let (below, delta) = deltas.split_at_mut(l);
            let delta = &mut delta[0];
            // Nobody asks for the gradient of the biases: it goes nowhere.
            let [d_biases, d_gains, d_shifts] = match &mut gradient {
                Some(gradient) => layer.beside_weights(gradient),
                None => [&mut [][..], &mut [], &mut []],
            };
            // What is added last before the activation has the sum of its gradient.
            let (d_added, d_inner) = match layer.norm {
                Some(_) => (d_shifts, d_biases),
                None => (d_biases, d_shifts),
            };
            let delta_rows = &mut delta[..rows * stride];
            let y = &activations[l];
            match self.activation {
                Activation::Tanh => {
                    self.instructions.run(Backward::<false> {
                        delta: delta_rows,
                        y,
                        d_biases: d_added,
                        stride,
                    });
                }
                Activation::Relu => {
                    self.instructions.run(Backward::<true> {
                        delta: delta_rows,
                        y,
                        d_biases: d_added,
                        stride,
                    });
                }
            }
            if let Some(norm) = &layer.norm {
                normal_deltas[l][..rows * stride].copy_from_slice(&delta[..rows * stride]);
                self.instructions.run(Denormalise {
                    delta: &mut delta[..rows * stride],
                    stride,
                    gains: &params[norm.gains.clone()],
                    normalised: &normalised[l],
                    inverse: &inverse[l],
                    d_gains,
                    d_biases: d_inner,
                });
            }
            let d_y = Matrix { data: delta, stride };
            if let Some(gradient) = &mut gradient {
                // dW += Xᵀ·dY
                MatMul::<true> {
                    a: x_of(l),
                    b: d_y,
                    start: Start::Destination,
                    first: 0,
                    rows: layer.inputs,
                    inner: rows,
                    columns: layer.outputs,
                }
                .into(self.instructions, &mut gradient[layer.weights.clone()], layer.outputs);
            }
            if l == 0 && d_inputs.is_none() {
                break;
            }
            let stride_x = padded(layer.inputs);
            self.instructions.run(Transpose {
                from: &params[layer.weights.clone()],
                columns: layer.outputs,
                to: transposed,
                stride: stride_x,
            });
            let weights = Matrix { data: transposed, stride: stride_x };
            if let Some(next) = below.last_mut() {
                d_x(next, stride_x, d_y, weights, layer);
            } else if let Some(d_inputs) = d_inputs.take() {
                d_x(d_inputs, self.inputs(), d_y, weights, layer);
            }
        }
    }
}
