//! The networks of DDPG and TD3, each with its slow copy and its optimiser.

use wr2l_nn::{Activation, Adam, AdamConfig, Mlp, MlpCache, tanh_in_place};
use wr2l_rng::Stream;

use crate::{DdpgConfig, HiddenUnits, InitialWeights, Persist, RlError, State, StateError};

/// What a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Acts: begins near 0 everywhere.
    Actor,
    /// Values states and actions.
    Critic,
}

/// A network that learns, and the slow copy of it that targets are made with. Aligned, so that it shares no line of the
/// cache with another one, which another thread may have.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Net {
    pub(crate) mlp: Mlp,
    params: Vec<f32>,
    target: Vec<f32>,
    pub(crate) gradient: Vec<f32>,
    adam: Adam,
}

impl Net {
    /// A freshly initialised network with these widths, for minibatches.
    pub(crate) fn new(
        sizes: &[usize],
        role: Role,
        config: &DdpgConfig,
        stream: &mut Stream,
    ) -> Result<Self, RlError> {
        let mut mlp = Mlp::new(sizes)?.with_activation(config.units.into());
        if role == Role::Critic && config.critic_layer_norm {
            mlp = mlp.with_layer_norm();
        }
        let mut params = vec![0.0; mlp.parameters()];
        match config.initial_weights {
            InitialWeights::Orthogonal => {
                let gain = if role == Role::Actor { 0.01 } else { 1.0 };
                mlp.initialise(gain, stream, &mut params);
            }
            InitialWeights::Small => mlp.initialise_small(0.02, 3e-3, stream, &mut params),
        }
        let adam = AdamConfig { epsilon: 1e-8, ..AdamConfig::default() };
        Ok(Self {
            target: params.clone(),
            gradient: vec![0.0; params.len()],
            adam: Adam::new(params.len(), adam),
            mlp,
            params,
        })
    }

    /// The learnt parameters.
    pub(crate) fn params(&self) -> &[f32] {
        &self.params
    }

    /// Begins with the first of `weights`, and with a slow copy of them.
    pub(crate) fn begin_with(&mut self, weights: &[f32]) {
        let network = self.params.len();
        self.params.copy_from_slice(&weights[..network]);
        self.target.copy_from_slice(&weights[..network]);
    }

    /// The gradient of the last step.
    pub(crate) fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// Outputs of the learnt parameters.
    pub(crate) fn forward<'a>(&self, inputs: &[f32], cache: &'a mut MlpCache) -> &'a [f32] {
        self.mlp.forward(&self.params, inputs, cache);
        cache.outputs()
    }

    /// Outputs of the slow copy.
    pub(crate) fn slow_forward<'a>(&self, inputs: &[f32], cache: &'a mut MlpCache) -> &'a [f32] {
        self.mlp.forward(&self.target, inputs, cache);
        cache.outputs()
    }

    /// Writes tanh of the outputs for `obs`, of the slow copy or of the learnt parameters, into `actions`.
    pub(crate) fn act(&self, obs: &[f32], slow: bool, cache: &mut MlpCache, actions: &mut Vec<f32>) {
        let outputs = if slow { self.slow_forward(obs, cache) } else { self.forward(obs, cache) };
        actions.clear();
        actions.extend_from_slice(outputs);
        tanh_in_place(self.mlp.instructions(), actions);
    }

    /// The sum of the squares of how far apart the actions of these weights and of the learnt ones are for `obs`
    /// (`[rows, obs_dim]`), added to `sum` one by one. `actions` is scratch.
    pub(crate) fn add_distances(
        &self,
        weights: &[f32],
        obs: &[f32],
        cache: &mut MlpCache,
        actions: &mut Vec<f32>,
        sum: f64,
    ) -> f64 {
        self.mlp.forward(weights, obs, cache);
        actions.clear();
        actions.extend_from_slice(cache.outputs());
        actions.iter().zip(self.forward(obs, cache)).fold(sum, |sum, (a, b)| {
            let difference = f64::from(a.tanh() - b.tanh());
            sum + difference * difference
        })
    }

    /// What the loss means for the hidden layers, row by row, after [`Net::forward`] on the same inputs.
    pub(crate) fn deltas(&self, inputs: &[f32], d_outputs: &[f32], cache: &mut MlpCache) {
        self.mlp.deltas(&self.params, inputs, d_outputs, cache);
    }

    /// The gradient with respect to the inputs, after [`Net::forward`] on them.
    pub(crate) fn input_gradient(
        &self,
        inputs: &[f32],
        d_outputs: &[f32],
        cache: &mut MlpCache,
        d_inputs: &mut [f32],
    ) {
        self.mlp.input_gradient(&self.params, inputs, d_outputs, cache, d_inputs);
    }

    /// One step of Adam against the gradient, to which come `l2` times the parameters.
    pub(crate) fn step(&mut self, learning_rate: f64, l2: f64) {
        if l2 > 0.0 {
            for (gradient, param) in self.gradient.iter_mut().zip(&self.params) {
                *gradient += l2 as f32 * param;
            }
        }
        self.adam.update(learning_rate, 1.0, &self.gradient, &mut self.params);
    }

    /// Moves the slow copy by a share `tau` of the way.
    pub(crate) fn follow(&mut self, tau: f64) {
        let tau = tau as f32;
        for (target, param) in self.target.iter_mut().zip(&self.params) {
            *target += tau * (param - *target);
        }
    }

    /// Whether all its numbers are finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.params.iter().chain(&self.target).all(|p| p.is_finite())
    }
}

impl Persist for Net {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("params", &self.params);
        state.put("target", &self.target);
        state.save("adam", &self.adam);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.params = state.take_finite("params", self.params.len())?;
        self.target = state.take_finite("target", self.target.len())?;
        state.restore("adam", &mut self.adam)
    }
}

impl From<HiddenUnits> for Activation {
    fn from(units: HiddenUnits) -> Self {
        match units {
            HiddenUnits::Relu => Self::Relu,
            HiddenUnits::Tanh => Self::Tanh,
        }
    }
}

/// The critic Q(s, a) or Q(s, z, a), perhaps a second one beside it.
#[derive(Debug)]
pub(crate) struct QFunction {
    /// The one that is climbed.
    pub(crate) net: Net,
    /// The one that learns beside it, so that targets are not made with the higher of two guesses.
    pub(crate) twin: Option<Net>,
}

#[cfg(test)]
impl QFunction {
    /// The critics.
    pub(crate) fn nets(&self) -> impl Iterator<Item = &Net> {
        [&self.net].into_iter().chain(&self.twin)
    }
}

#[cfg(test)]
impl Net {
    /// The parameters of the slow copy.
    pub(crate) fn slow(&self) -> &[f32] {
        &self.target
    }
}
