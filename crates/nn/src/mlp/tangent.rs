//! Forward-mode derivatives: how outputs move when parameters do.

use super::layers::ReluTangent;
use super::{Activation, Mlp, MlpCache, padded};
use crate::dots::Dots;
use crate::lanes::{Lanes, Op};
use crate::matmul::{MatMul, Matrix, Start};

impl Mlp {
    /// Writes the directional derivative of the outputs along `direction` `[parameters]`, a Jacobian–vector product,
    /// into `d_outputs` `[rows, outputs]`, after a [`Mlp::forward`] with the same `params` and `inputs`. No allocation
    /// beyond the first call's.
    ///
    /// With y = tanh(u) and u = x·W + b in every hidden layer: du = dx·W + x·dW + db and dy = (1 − y²)·du; with ReLU,
    /// dy = du where y > 0.
    ///
    /// # Panics
    /// If a slice has another length than stated, or the network has layer normalisation.
    pub fn tangent(
        &self,
        params: &[f32],
        direction: &[f32],
        inputs: &[f32],
        cache: &mut MlpCache,
        d_outputs: &mut [f32],
    ) {
        self.tangent_of(params, direction, inputs, None, cache, d_outputs);
    }

    /// The same where the inputs move as well, by `moved` `[rows, inputs]`.
    pub(crate) fn tangent_of(
        &self,
        params: &[f32],
        direction: &[f32],
        inputs: &[f32],
        moved: Option<&[f32]>,
        cache: &mut MlpCache,
        d_outputs: &mut [f32],
    ) {
        let rows = cache.rows;
        assert!(!self.layer_norm(), "no tangents through layer normalisation");
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        assert_eq!(direction.len(), self.parameters(), "direction");
        assert_eq!(inputs.len(), rows * self.inputs(), "inputs of another forward pass");
        assert_eq!(d_outputs.len(), rows * self.outputs(), "tangents of the outputs");
        let MlpCache { activations, deltas, tangents, .. } = cache;
        let [d_x, d_y, ..] = deltas.as_mut_slice() else { unreachable!("a cache has two at least") };
        let mut x = Matrix { data: inputs, stride: self.inputs() };
        let moved = moved.map(|data| Matrix { data, stride: self.inputs() });
        for (l, layer) in self.hidden_layers().iter().enumerate() {
            let stride = padded(layer.outputs);
            let product = |a: Matrix<'_>, weights: &[f32], start: Start<'_>, into: &mut [f32]| {
                MatMul::<false> {
                    a,
                    b: Matrix { data: weights, stride: layer.outputs },
                    start,
                    first: 0,
                    rows,
                    inner: layer.inputs,
                    columns: layer.outputs,
                }
                .into(self.instructions, into, stride);
            };
            let d_u = &mut d_y[..rows * stride];
            let start = Start::Bias(&direction[layer.biases.clone()]);
            product(x, &direction[layer.weights.clone()], start, d_u);
            let below = Matrix { data: d_x, stride: padded(layer.inputs) };
            if let Some(moved) = if l > 0 { Some(below) } else { moved } {
                product(moved, &params[layer.weights.clone()], Start::Destination, d_u);
            }
            let y = &activations[l][..rows * stride];
            match self.activation {
                Activation::Tanh => self.instructions.run(TanhTangent { d_u, y }),
                Activation::Relu => self.instructions.run(ReluTangent { d_u, y }),
            }
            x = Matrix { data: y, stride };
            std::mem::swap(d_x, d_y);
        }
        let layer = self.output_layer();
        let dots = |x: Matrix<'_>, weights: &[f32], biases: &[f32], y: &mut [f32]| {
            Dots { x, weights, biases, inputs: layer.inputs, y }.compute(self.instructions);
        };
        let biases = &direction[layer.biases.clone()];
        dots(x, &direction[layer.weights.clone()], biases, d_outputs);
        let below = Matrix { data: d_x, stride: padded(layer.inputs) };
        if let Some(d_x) = if self.hidden_layers().is_empty() { moved } else { Some(below) } {
            // What the moved inputs of the layer add; its own biases have been counted.
            tangents.resize(d_outputs.len() + layer.outputs, 0.0);
            let (zero, moved) = tangents.split_at_mut(layer.outputs);
            zero.fill(0.0);
            dots(d_x, &params[layer.weights.clone()], zero, moved);
            d_outputs.iter_mut().zip(moved).for_each(|(sum, part)| *sum += *part);
        }
    }
}

/// Turns the tangent of u into that of y = tanh(u): du·(1 − y²).
struct TanhTangent<'a> {
    d_u: &'a mut [f32],
    y: &'a [f32],
}

impl Op for TanhTangent<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _lanes: L) {
        for (d_u, y) in self.d_u.iter_mut().zip(self.y) {
            *d_u *= 1.0 - y * y;
        }
    }
}
