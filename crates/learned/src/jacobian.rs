//! Products with the derivative of next states by the weights.

use wr2l_robust::Pairs;
use wr2l_robust::matrix_free::Jacobian;

use crate::error::check;
use crate::{LearnedError, LearnedModel};

/// The derivative of the next states of `pairs` by the weights, at the fitted ones: `Jv` by a forward pass of tangents, `Jᵀu`
/// by a backward pass, nothing of J kept but the hidden units of every pair.
#[derive(Clone, Debug)]
pub struct WeightJacobian {
    model: LearnedModel,
    /// Normalised (`[pairs, inputs]`).
    inputs: Vec<f64>,
    /// `[pairs, units]`.
    units: Vec<f64>,
    /// `√(2 w / N)` of each pair.
    roots: Vec<f64>,
    scratch: Vec<f64>,
    d_out: Vec<f64>,
    /// One row of J.
    row: Vec<f64>,
}

impl WeightJacobian {
    /// The Jacobian of `model` at `pairs`.
    ///
    /// # Errors
    /// [`LearnedError::Shape`], [`LearnedError::Number`] for pairs that are not the task's or none.
    pub fn new(model: &LearnedModel, pairs: &Pairs) -> Result<Self, LearnedError> {
        let spec = model.task().spec();
        check("states of the pairs", &pairs.states, pairs.len.max(1) * spec.state_dim())?;
        check("actions of the pairs", &pairs.actions, pairs.len * spec.act_dim())?;
        let weights = if pairs.weights.is_empty() { vec![1.0; pairs.len] } else { pairs.weights.clone() };
        check("weights of the pairs", &weights, pairs.len)?;
        let network = model.network();
        let mut inputs = vec![0.0; pairs.len * network.inputs()];
        let mut units = vec![0.0; pairs.len * network.units()];
        let mut out = vec![0.0; network.outputs()];
        for i in 0..pairs.len {
            let input = &mut inputs[i * network.inputs()..][..network.inputs()];
            let state = &pairs.states[i * spec.state_dim()..][..spec.state_dim()];
            model.input(state, &pairs.actions[i * spec.act_dim()..][..spec.act_dim()], input);
            let of_pair = &mut units[i * network.units()..][..network.units()];
            network.forward(model.weights(), input, of_pair, &mut out);
        }
        Ok(Self {
            inputs,
            units,
            roots: weights.iter().map(|w| (2.0 * w / pairs.len as f64).sqrt()).collect(),
            scratch: vec![0.0; 2 * network.units()],
            d_out: out,
            row: vec![0.0; network.parameters()],
            model: model.clone(),
        })
    }
}

impl Jacobian for WeightJacobian {
    fn dim(&self) -> usize {
        self.model.network().parameters()
    }

    fn rows(&self) -> usize {
        self.roots.len() * self.d_out.len()
    }

    fn forward(&mut self, v: &[f64], out: &mut [f64]) {
        let Self { model, inputs, units, roots, scratch, d_out, .. } = self;
        let network = model.network();
        for (i, (root, out)) in roots.iter().zip(out.chunks_exact_mut(d_out.len())).enumerate() {
            let input = &inputs[i * network.inputs()..][..network.inputs()];
            let of_pair = &units[i * network.units()..][..network.units()];
            network.tangent(model.weights(), v, input, of_pair, &mut scratch[..network.units()], out);
            out.iter_mut().zip(model.scale()).for_each(|(out, scale)| *out *= root * scale);
        }
    }

    fn backward(&mut self, u: &[f64], out: &mut [f64]) {
        let Self { model, inputs, units, roots, scratch, d_out, .. } = self;
        let network = model.network();
        out.fill(0.0);
        for (i, (root, u)) in roots.iter().zip(u.chunks_exact(d_out.len())).enumerate() {
            let input = &inputs[i * network.inputs()..][..network.inputs()];
            let of_pair = &units[i * network.units()..][..network.units()];
            let scaled = u.iter().zip(model.scale()).map(|(u, scale)| root * scale * u);
            d_out.iter_mut().zip(scaled).for_each(|(d, u)| *d = u);
            network.adjoint(model.weights(), d_out, input, of_pair, scratch, out);
        }
    }

    fn squares(&mut self, out: &mut [f64]) {
        let Self { model, inputs, units, roots, scratch, d_out, row } = self;
        let network = model.network();
        out.fill(0.0);
        for (i, root) in roots.iter().enumerate() {
            let input = &inputs[i * network.inputs()..][..network.inputs()];
            let of_pair = &units[i * network.units()..][..network.units()];
            for (k, scale) in model.scale().iter().enumerate() {
                d_out.fill(0.0);
                d_out[k] = root * scale;
                row.fill(0.0);
                network.adjoint(model.weights(), d_out, input, of_pair, scratch, row);
                out.iter_mut().zip(&*row).for_each(|(sum, j)| *sum += j * j);
            }
        }
    }
}
