//! A tanh network in double precision, with its derivatives by the weights forwards and backwards.
//!
//! Training has networks in single precision ([`wr2l_nn::Mlp`], whose layout of the weights this is). As dynamics they are
//! physics, and products with their Jacobian are solved with over seven orders of magnitude of curvature: single precision
//! would decide the smallest.

use wr2l_nn::{Mlp, NnError};

/// Where a layer's weights begin, and its widths.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Layer {
    start: usize,
    inputs: usize,
    outputs: usize,
}

/// The layout of a network with tanh hidden layers and a linear output layer; weights as in [`Mlp`].
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    hidden: Vec<Layer>,
    output: Layer,
}

impl Network {
    /// A network with the given layer widths, `[inputs, hidden…, outputs]`.
    ///
    /// # Errors
    /// [`NnError::Sizes`] if there are fewer than two widths, or one is 0.
    pub fn new(sizes: &[usize]) -> Result<Self, NnError> {
        if sizes.len() < 2 || sizes.contains(&0) {
            return Err(NnError::Sizes { sizes: sizes.to_vec() });
        }
        let mut start = 0;
        let mut layers: Vec<Layer> = Vec::new();
        for pair in sizes.windows(2) {
            layers.push(Layer { start, inputs: pair[0], outputs: pair[1] });
            start += (pair[0] + 1) * pair[1];
        }
        let output = layers[layers.len() - 1];
        layers.pop();
        Ok(Self { hidden: layers, output })
    }

    /// The same layers as a network of `wr2l-nn`, for training.
    ///
    /// # Errors
    /// None in fact: the widths have been accepted.
    pub fn single(&self) -> Result<Mlp, NnError> {
        let hidden = self.hidden.iter().map(|layer| layer.inputs);
        Mlp::new(&hidden.chain([self.output.inputs, self.output.outputs]).collect::<Vec<_>>())
    }

    /// Length of an input.
    pub fn inputs(&self) -> usize {
        self.hidden.first().map_or(self.output.inputs, |layer| layer.inputs)
    }

    /// Length of an output.
    pub fn outputs(&self) -> usize {
        self.output.outputs
    }

    /// Number of weights d.
    pub fn parameters(&self) -> usize {
        self.output.start + (self.output.inputs + 1) * self.output.outputs
    }

    /// Number of hidden units, all layers together.
    pub fn units(&self) -> usize {
        self.hidden.iter().map(|layer| layer.outputs).sum()
    }

    /// Writes the hidden units (`[units]`) and the output (`[outputs]`) of one input.
    ///
    /// # Panics
    /// If a slice has another length than stated, here and below.
    pub fn forward(&self, weights: &[f64], input: &[f64], units: &mut [f64], out: &mut [f64]) {
        let (mut x, mut rest) = (input, units);
        for layer in &self.hidden {
            let (y, after) = rest.split_at_mut(layer.outputs);
            layer.sums(weights, x, y);
            y.iter_mut().for_each(|y| *y = y.tanh());
            (x, rest) = (y, after);
        }
        self.output.dots(weights, x, out);
    }

    /// Writes the derivative of the output (`[outputs]`) along `direction` (`[parameters]`), after [`Network::forward`] has
    /// written `units`. `scratch` is `[units]`.
    pub fn tangent(
        &self,
        weights: &[f64],
        direction: &[f64],
        input: &[f64],
        units: &[f64],
        scratch: &mut [f64],
        out: &mut [f64],
    ) {
        let (mut x, mut units) = (input, units);
        // The derivative of x.
        let (mut moved, mut rest): (&[f64], &mut [f64]) = (&[], scratch);
        for layer in &self.hidden {
            let (dy, after) = rest.split_at_mut(layer.outputs);
            layer.sums(direction, x, dy);
            layer.add_products(weights, moved, dy);
            let (y, beyond) = units.split_at(layer.outputs);
            dy.iter_mut().zip(y).for_each(|(d, y)| *d *= 1.0 - y * y);
            (x, units, moved, rest) = (y, beyond, dy, after);
        }
        self.output.dots(direction, x, out);
        if !moved.is_empty() {
            for (o, out) in out.iter_mut().enumerate() {
                *out += dot(self.output.row(weights, o), moved);
            }
        }
    }

    /// Adds `dᵀ ∂output/∂weights` to `gradient` (`[parameters]`) for `d` (`[outputs]`), after [`Network::forward`] has
    /// written `units`. `scratch` is `[2 · units]`.
    pub fn adjoint(
        &self,
        weights: &[f64],
        d: &[f64],
        input: &[f64],
        units: &[f64],
        scratch: &mut [f64],
        gradient: &mut [f64],
    ) {
        let (mut delta, mut next) = scratch.split_at_mut(self.units());
        let mut end = self.units();
        let layer = self.output;
        let x = if self.hidden.is_empty() { input } else { &units[end - layer.inputs..] };
        let d_x = &mut delta[..if self.hidden.is_empty() { 0 } else { layer.inputs }];
        d_x.fill(0.0);
        for (o, &d) in d.iter().enumerate() {
            let at = layer.start + o * layer.inputs;
            add_scaled(&mut gradient[at..at + layer.inputs], d, x);
            gradient[layer.biases() + o] += d;
            add_scaled(d_x, d, &layer.row(weights, o)[..d_x.len()]);
        }
        for (l, layer) in self.hidden.iter().enumerate().rev() {
            end -= layer.outputs;
            let y = &units[end..end + layer.outputs];
            let d_u = &mut delta[..layer.outputs];
            d_u.iter_mut().zip(y).for_each(|(d, y)| *d *= 1.0 - y * y);
            let x = if l == 0 { input } else { &units[end - layer.inputs..end] };
            for (i, &x) in x.iter().enumerate() {
                let at = layer.start + i * layer.outputs;
                add_scaled(&mut gradient[at..at + layer.outputs], x, d_u);
                if l > 0 {
                    next[i] = dot(&weights[at..at + layer.outputs], d_u);
                }
            }
            add_scaled(&mut gradient[layer.biases()..layer.biases() + layer.outputs], 1.0, d_u);
            std::mem::swap(&mut delta, &mut next);
        }
    }
}

impl Layer {
    fn biases(&self) -> usize {
        self.start + self.inputs * self.outputs
    }

    /// `x·W + b` of a hidden layer, whose weights are `[inputs, outputs]`.
    fn sums(&self, weights: &[f64], x: &[f64], out: &mut [f64]) {
        out.copy_from_slice(&weights[self.biases()..self.biases() + self.outputs]);
        self.add_products(weights, x, out);
    }

    /// Adds `x·W`; nothing for an empty x.
    fn add_products(&self, weights: &[f64], x: &[f64], out: &mut [f64]) {
        for (row, &x) in weights[self.start..].chunks_exact(self.outputs).zip(x) {
            add_scaled(out, x, row);
        }
    }

    /// Weights of one output of the output layer, which are `[outputs, inputs]`.
    fn row<'a>(&self, weights: &'a [f64], output: usize) -> &'a [f64] {
        &weights[self.start + output * self.inputs..][..self.inputs]
    }

    fn dots(&self, weights: &[f64], x: &[f64], out: &mut [f64]) {
        for (o, out) in out.iter_mut().enumerate() {
            *out = weights[self.biases() + o] + dot(self.row(weights, o), x);
        }
    }
}

fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
