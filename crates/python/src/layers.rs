//! A policy as its layers: what the formats for other programs are written from.

use wr2l::nn::{Activation, Head};
use wr2l::rl::Actor;
use wr2l::sim::ActionSpace;

/// One layer, y = W x + b.
pub(crate) struct Layer {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// W, `[outputs, inputs]` row-major.
    pub(crate) weight: Vec<f32>,
    /// b, `[outputs]`.
    pub(crate) bias: Vec<f32>,
}

/// What becomes of the last layer's outputs.
pub(crate) enum Ending {
    /// Clipped to the bounds, after tanh and scaling to them if `bounded`.
    Continuous { low: Vec<f64>, high: Vec<f64>, bounded: bool },
    /// The largest is chosen.
    Choice,
}

/// A policy without its noise.
pub(crate) struct Layers {
    /// Inputs are clipped to ± `clip` after (x − mean) · inverse deviation.
    pub(crate) mean: Vec<f64>,
    pub(crate) inverse_deviation: Vec<f64>,
    pub(crate) clip: f64,
    pub(crate) layers: Vec<Layer>,
    /// Whether tanh follows the hidden layers, or max(0, x).
    pub(crate) tanh: bool,
    pub(crate) ending: Ending,
}

impl Layers {
    /// None of a policy whose network is no plain one.
    pub(crate) fn of(actor: &Actor) -> Option<Self> {
        let mlp = actor.policy().mlp();
        if mlp.layer_norm() || actor.policy().network().convolutions().is_some() {
            return None;
        }
        let sizes = mlp.sizes();
        let last = sizes.len() - 2;
        let mut rest = actor.params();
        let mut layers = Vec::new();
        for (index, pair) in sizes.windows(2).enumerate() {
            let (inputs, outputs) = (pair[0], pair[1]);
            let (kept, after) = rest.split_at(inputs * outputs);
            let (bias, after) = after.split_at(outputs);
            rest = after;
            // Hidden layers are kept as inputs × outputs.
            let entry = |row: usize, column: usize| {
                if index == last { kept[row * inputs + column] } else { kept[column * outputs + row] }
            };
            let weight = (0..outputs).flat_map(|row| (0..inputs).map(move |column| entry(row, column)));
            layers.push(Layer { inputs, outputs, weight: weight.collect(), bias: bias.to_vec() });
        }
        let ending = match actor.action_space().clone() {
            ActionSpace::Discrete { .. } => Ending::Choice,
            ActionSpace::Continuous { low, high } => {
                Ending::Continuous { low, high, bounded: actor.policy().head() == Head::Bounded }
            }
        };
        let normaliser = actor.normaliser();
        Some(Self {
            mean: normaliser.mean().to_vec(),
            inverse_deviation: normaliser.inverse_deviation().to_vec(),
            clip: normaliser.clip(),
            layers,
            tanh: mlp.activation() == Activation::Tanh,
            ending,
        })
    }
}
