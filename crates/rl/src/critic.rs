//! A critic of its own parameters, fitted to value targets by Adam.

use wr2l_nn::{Adam, AdamConfig, Mlp, MlpCache};
use wr2l_rng::{Stream, StreamKey};
use wr2l_sim::SimError;

use crate::samples::Samples;
use crate::{Persist, RlError, State, StateError, StopFlag};

/// Rows whose values are computed at a time.
const CHUNK: usize = 64;

/// V(s) as a network over normalised observations.
#[derive(Debug)]
pub(crate) struct Critic {
    mlp: Mlp,
    params: Vec<f32>,
    adam: Adam,
    gradient: Vec<f32>,
    cache: MlpCache,
    /// A gathered minibatch and its derivatives.
    inputs: Vec<f32>,
    d_values: Vec<f32>,
}

impl Persist for Critic {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("params", &self.params);
        state.save("adam", &self.adam);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.params = state.take_finite("params", self.params.len())?;
        state.restore("adam", &mut self.adam)
    }
}

impl Critic {
    /// A freshly initialised critic, fitted on up to `minibatch` rows at a time.
    pub(crate) fn new(
        inputs: usize,
        hidden: &[usize],
        minibatch: usize,
        adam: AdamConfig,
        stream: &mut Stream,
    ) -> Result<Self, RlError> {
        let mlp = Mlp::new(&[&[inputs], hidden, &[1]].concat())?;
        let mut params = vec![0.0; mlp.parameters()];
        mlp.initialise(1.0, stream, &mut params);
        Ok(Self {
            adam: Adam::new(params.len(), adam),
            gradient: vec![0.0; params.len()],
            cache: mlp.cache(minibatch.max(CHUNK)),
            inputs: Vec::new(),
            d_values: Vec::new(),
            mlp,
            params,
        })
    }

    /// Values of states, given the policy's normalised `inputs`, `[rows, input_dim]`, into `values`, `[rows]`.
    pub(crate) fn values(&mut self, inputs: &[f32], values: &mut [f32]) {
        let width = self.mlp.inputs();
        for (inputs, values) in inputs.chunks(CHUNK * width).zip(values.chunks_mut(CHUNK)) {
            self.mlp.forward(&self.params, inputs, &mut self.cache);
            values.copy_from_slice(self.cache.outputs());
        }
    }

    /// Passes over the batch, each in another order, one step of Adam on the mean of ½(V − target)² per minibatch.
    /// Returns that mean over the last pass. A result that is not finite is undone: the critic stays as it was.
    ///
    /// # Errors
    /// [`SimError::Interrupted`] once the patience of `stop` is at its end.
    pub(crate) fn fit(
        &mut self,
        samples: &mut Samples,
        epochs: u32,
        minibatch: usize,
        learning_rate: f64,
        key: StreamKey,
        stop: &StopFlag,
    ) -> Result<f64, SimError> {
        let before = (self.params.clone(), self.adam.clone());
        let mut loss = f64::NAN;
        for epoch in 0..epochs {
            key.episode(u64::from(epoch)).stream().shuffle(&mut samples.valid);
            let mut sum = 0.0;
            for rows in samples.valid.chunks(minibatch) {
                stop.check_patience()?;
                sum += self.step(samples, rows, learning_rate);
            }
            loss = sum / samples.valid.len() as f64;
        }
        if !(loss.is_finite() || epochs == 0) || self.params.iter().any(|p| !p.is_finite()) {
            (self.params, self.adam) = before;
        }
        Ok(loss)
    }

    /// One step; the sum of the losses before it.
    fn step(&mut self, samples: &Samples, rows: &[u32], learning_rate: f64) -> f64 {
        let width = self.mlp.inputs();
        self.inputs.clear();
        for &row in rows {
            self.inputs.extend_from_slice(&samples.inputs[row as usize * width..][..width]);
        }
        self.mlp.forward(&self.params, &self.inputs, &mut self.cache);
        self.d_values.clear();
        let mut loss = 0.0;
        for (&row, value) in rows.iter().zip(self.cache.outputs()) {
            let error = value - samples.returns[row as usize];
            loss += 0.5 * f64::from(error) * f64::from(error);
            self.d_values.push(error / rows.len() as f32);
        }
        self.gradient.fill(0.0);
        self.mlp.backward(
            &self.params,
            &self.inputs,
            &self.d_values,
            &mut self.cache,
            &mut self.gradient,
            None,
        );
        self.adam.update(learning_rate, 1.0, &self.gradient, &mut self.params);
        loss
    }
}

#[cfg(test)]
impl Critic {
    /// Sets every parameter to `value`.
    pub(crate) fn overwrite(&mut self, value: f32) {
        self.params.fill(value);
    }
}
