//! DDPG's networks and one gradient step of each.

use wr2l_nn::{Activation, Adam, AdamConfig, Mlp, MlpCache, tanh_in_place};
use wr2l_rng::Stream;

use crate::players::Means;
use crate::replay::Draw;
use crate::{DdpgConfig, Persist, RlError, State, StateError};

/// A network that learns, and the slow copy of it that targets are made with.
#[derive(Debug)]
pub(crate) struct Net {
    mlp: Mlp,
    params: Vec<f32>,
    target: Vec<f32>,
    gradient: Vec<f32>,
    adam: Adam,
    cache: MlpCache,
}

impl Net {
    /// A freshly initialised ReLU network for up to `rows` rows at a time.
    pub(crate) fn new(sizes: &[usize], gain: f64, rows: usize, stream: &mut Stream) -> Result<Self, RlError> {
        let mlp = Mlp::new(sizes)?.with_activation(Activation::Relu);
        let mut params = vec![0.0; mlp.parameters()];
        mlp.initialise(gain, stream, &mut params);
        let adam = AdamConfig { epsilon: 1e-8, ..AdamConfig::default() };
        Ok(Self {
            target: params.clone(),
            gradient: vec![0.0; params.len()],
            adam: Adam::new(params.len(), adam),
            cache: mlp.cache(rows),
            mlp,
            params,
        })
    }

    /// The learnt parameters.
    pub(crate) fn params(&self) -> &[f32] {
        &self.params
    }

    /// The gradient of the last step.
    pub(crate) fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// Outputs of the learnt parameters.
    fn forward(&mut self, inputs: &[f32]) -> &[f32] {
        self.mlp.forward(&self.params, inputs, &mut self.cache);
        self.cache.outputs()
    }

    /// Outputs of the slow copy.
    fn target(&mut self, inputs: &[f32]) -> &[f32] {
        self.mlp.forward(&self.target, inputs, &mut self.cache);
        self.cache.outputs()
    }

    /// One step of Adam, after [`Net::forward`] on the same inputs.
    fn descend(&mut self, inputs: &[f32], d_outputs: &[f32], learning_rate: f64) {
        self.gradient.fill(0.0);
        self.mlp.backward(&self.params, inputs, d_outputs, &mut self.cache, &mut self.gradient, None);
        self.adam.update(learning_rate, 1.0, &self.gradient, &mut self.params);
    }

    /// Moves the slow copy by a share `tau` of the way.
    fn follow(&mut self, tau: f32) {
        for (target, param) in self.target.iter_mut().zip(&self.params) {
            *target += tau * (param - *target);
        }
    }

    fn is_finite(&self) -> bool {
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

/// What a gradient step of the critic saw.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CriticStep {
    /// Mean of ½(Q − y)².
    pub(crate) loss: f64,
    /// Mean of Q(s, a).
    pub(crate) q: f64,
}

/// The critic Q(s, a), and buffers for minibatches.
#[derive(Debug)]
pub(crate) struct QFunction {
    pub(crate) net: Net,
    /// Observations and actions side by side, `[rows, obs_dim + act_dim]`.
    inputs: Vec<f32>,
    actions: Vec<f32>,
    other_actions: Vec<f32>,
    values: Vec<f32>,
    d_values: Vec<f32>,
    d_inputs: Vec<f32>,
    d_actions: Vec<f32>,
}

impl QFunction {
    pub(crate) fn new(net: Net) -> Self {
        Self {
            net,
            inputs: Vec::new(),
            actions: Vec::new(),
            other_actions: Vec::new(),
            values: Vec::new(),
            d_values: Vec::new(),
            d_inputs: Vec::new(),
            d_actions: Vec::new(),
        }
    }

    /// One step of the critic towards y = r + γ Q'(s', a'), where a' is what the slow actor, disturbed by the slow
    /// opponent, would do; 0 instead of Q' where s' is terminal. An opponent that takes over with probability α counts
    /// by its expectation, (1 − α) Q'(s', μ'(s')) + α Q'(s', μ̄'(s')).
    pub(crate) fn learn(
        &mut self,
        draw: &Draw,
        actor: &mut Net,
        opponent: Option<(&mut Net, Means)>,
        config: &DdpgConfig,
    ) -> CriticStep {
        let rows = draw.rewards.len();
        bounded_of(actor, &draw.next, true, &mut self.actions);
        let mut other_weight = 0.0;
        if let Some((opponent, means)) = opponent {
            bounded_of(opponent, &draw.next, true, &mut self.other_actions);
            match means {
                Means::Blend { alpha } => blend(alpha, &self.other_actions, &mut self.actions),
                Means::TakeOver { alpha } => other_weight = alpha as f32,
                Means::Force { .. } => {}
            }
        }
        self.join(&draw.next, false);
        self.values.clear();
        self.values.extend_from_slice(self.net.target(&self.inputs));
        if other_weight > 0.0 {
            self.join(&draw.next, true);
            let others = self.net.target(&self.inputs);
            for (value, other) in self.values.iter_mut().zip(others) {
                *value = (1.0 - other_weight) * *value + other_weight * other;
            }
        }
        self.actions.clear();
        self.actions.extend_from_slice(&draw.actions);
        self.join(&draw.obs, false);
        let gamma = config.gamma as f32;
        let q = self.net.forward(&self.inputs);
        let mut step = CriticStep::default();
        self.d_values.clear();
        for i in 0..rows {
            let target = draw.rewards[i] + gamma * draw.goes_on[i] * self.values[i];
            let error = q[i] - target;
            step.loss += 0.5 * f64::from(error) * f64::from(error);
            step.q += f64::from(q[i]);
            self.d_values.push(error / rows as f32);
        }
        self.net.descend(&self.inputs, &self.d_values, config.critic_learning_rate);
        CriticStep { loss: step.loss / rows as f64, q: step.q / rows as f64 }
    }

    /// One step of `mover` up (or down) the critic, through the action that counts when `other` acts as well:
    /// (1 − α)·a + α·ā, or either with its probability. `share` is the mover's weight in it.
    pub(crate) fn climb(
        &mut self,
        obs: &[f32],
        mover: &mut Net,
        other: Option<(&mut Net, f64)>,
        share: f64,
        up: bool,
        learning_rate: f64,
    ) {
        let act_dim = mover.mlp.outputs();
        let rows = obs.len() / mover.mlp.inputs();
        bounded_of(mover, obs, false, &mut self.d_actions);
        self.actions.clone_from(&self.d_actions);
        if let Some((other, weight)) = other {
            bounded_of(other, obs, false, &mut self.other_actions);
            blend(weight, &self.other_actions, &mut self.actions);
        }
        self.join(obs, false);
        self.net.forward(&self.inputs);
        let d = (if up { -share } else { share }) as f32 / rows as f32;
        self.d_values.clear();
        self.d_values.resize(rows, d);
        self.d_inputs.resize(self.inputs.len(), 0.0);
        let Self { net, inputs, d_values, d_inputs, d_actions, .. } = self;
        net.mlp.input_gradient(&net.params, inputs, d_values, &mut net.cache, d_inputs);
        let width = net.mlp.inputs();
        for (d_action, d_input) in d_actions.chunks_exact_mut(act_dim).zip(d_inputs.chunks_exact(width)) {
            for (a, d) in d_action.iter_mut().zip(&d_input[width - act_dim..]) {
                // Through a = tanh(u).
                *a = d * (1.0 - *a * *a);
            }
        }
        mover.descend(obs, d_actions, learning_rate);
    }

    /// Puts observations and the actions (or the other ones) side by side.
    fn join(&mut self, obs: &[f32], other: bool) {
        let actions = if other { &self.other_actions } else { &self.actions };
        let rows = self.net.mlp.inputs();
        let act_dim = actions.len() * rows / (obs.len() + actions.len());
        let obs_dim = rows - act_dim;
        self.inputs.clear();
        for (obs, action) in obs.chunks_exact(obs_dim).zip(actions.chunks_exact(act_dim)) {
            self.inputs.extend_from_slice(obs);
            self.inputs.extend_from_slice(action);
        }
    }
}

/// Writes tanh of the outputs of a network, learnt or slow, for `obs`.
fn bounded_of(net: &mut Net, obs: &[f32], slow: bool, actions: &mut Vec<f32>) {
    let outputs = if slow { net.target(obs) } else { net.forward(obs) };
    actions.clear();
    actions.extend_from_slice(outputs);
    tanh_in_place(net.mlp.instructions(), actions);
}

/// (1 − α)·a + α·ā.
fn blend(alpha: f64, others: &[f32], actions: &mut [f32]) {
    let (own, other) = ((1.0 - alpha) as f32, alpha as f32);
    for (action, a) in actions.iter_mut().zip(others) {
        *action = own * *action + other * a;
    }
}

/// Whether all numbers of these networks are finite.
pub(crate) fn finite<'a>(nets: impl IntoIterator<Item = &'a Net>) -> bool {
    nets.into_iter().all(Net::is_finite)
}

/// Lets the slow copies follow.
pub(crate) fn follow<'a>(nets: impl IntoIterator<Item = &'a mut Net>, tau: f64) {
    nets.into_iter().for_each(|net| net.follow(tau as f32));
}

#[cfg(test)]
impl QFunction {
    /// The mean of the last values computed.
    pub(crate) fn mean_value(&self) -> f64 {
        let values = self.net.cache.outputs();
        values.iter().map(|q| f64::from(*q)).sum::<f64>() / values.len() as f64
    }
}
