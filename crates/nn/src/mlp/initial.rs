//! Initial parameters.

use super::Mlp;
use crate::init::orthogonal;
use wr2l_rng::Stream;

impl Mlp {
    /// Writes initial parameters: orthogonal weights, with gain √2 in the hidden layers and `output_gain` in
    /// the output layer (0.01 for a policy, 1 for a critic), and zero biases (Saxe et al. 2014; Andrychowicz
    /// et al. 2021 for the gains). Layer normalisation begins with gains 1 and shifts 0.
    ///
    /// # Panics
    /// If `params` is not `[parameters]`.
    pub fn initialise(&self, output_gain: f64, stream: &mut Stream, params: &mut [f32]) {
        self.neutral(params);
        for layer in self.hidden_layers() {
            orthogonal(
                layer.inputs,
                layer.outputs,
                2.0_f64.sqrt(),
                stream,
                &mut params[layer.weights.clone()],
            );
        }
        let layer = self.output_layer();
        orthogonal(layer.outputs, layer.inputs, output_gain, stream, &mut params[layer.weights.clone()]);
    }

    /// Writes small initial parameters: weights of the hidden layers N(0, `std`²), those of the output layer uniform in
    /// ±`output`, biases uniform in ±1/√inputs. Layer normalisation begins with gains 1 and shifts 0.
    ///
    /// # Panics
    /// If `params` is not `[parameters]`.
    pub fn initialise_small(&self, std: f64, output: f64, stream: &mut Stream, params: &mut [f32]) {
        self.neutral(params);
        for layer in &self.layers {
            let hidden = layer.weights.end <= self.output_layer().weights.start;
            for weight in &mut params[layer.weights.clone()] {
                *weight = if hidden { std * stream.normal() } else { stream.uniform(-output, output) } as f32;
            }
            let most = 1.0 / (layer.inputs as f64).sqrt();
            for bias in &mut params[layer.biases.clone()] {
                *bias = stream.uniform(-most, most) as f32;
            }
        }
    }

    /// Zeros, but gains of 1.
    fn neutral(&self, params: &mut [f32]) {
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        params.fill(0.0);
        for norm in self.layers.iter().filter_map(|layer| layer.norm.as_ref()) {
            params[norm.gains.clone()].fill(1.0);
        }
    }
}
