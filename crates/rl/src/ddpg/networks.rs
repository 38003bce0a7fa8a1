//! The networks of DDPG and TD3, and one gradient step of each.

use wr2l_nn::{Activation, Adam, AdamConfig, Mlp, MlpCache, tanh_in_place};
use wr2l_rng::Stream;

use crate::ddpg::replay::Draw;
use crate::rollout::players::Interference;
use crate::{DdpgConfig, HiddenUnits, InitialWeights, Persist, RlError, State, StateError};

/// What a network is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Acts: begins near 0 everywhere.
    Actor,
    /// Values states and actions.
    Critic,
}

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
            cache: mlp.cache(config.minibatch),
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
    fn forward(&mut self, inputs: &[f32]) -> &[f32] {
        self.mlp.forward(&self.params, inputs, &mut self.cache);
        self.cache.outputs()
    }

    /// Outputs of the slow copy.
    fn target(&mut self, inputs: &[f32]) -> &[f32] {
        self.mlp.forward(&self.target, inputs, &mut self.cache);
        self.cache.outputs()
    }

    /// How far apart the actions of these weights and of the learnt ones are for `obs` (`[rows, obs_dim]`): the root of
    /// the mean square. `actions` is scratch.
    pub(crate) fn distance_of_actions(
        &mut self,
        weights: &[f32],
        obs: &[f32],
        actions: &mut Vec<f32>,
    ) -> f64 {
        self.mlp.forward(weights, obs, &mut self.cache);
        actions.clear();
        actions.extend_from_slice(self.cache.outputs());
        let squares = actions.iter().zip(self.forward(obs)).map(|(a, b)| {
            let difference = f64::from(a.tanh() - b.tanh());
            difference * difference
        });
        (squares.sum::<f64>() / actions.len() as f64).sqrt()
    }

    /// One step of Adam, after [`Net::forward`] on the same inputs. To the gradient come `l2` times the parameters.
    fn descend(&mut self, inputs: &[f32], d_outputs: &[f32], learning_rate: f64, l2: f64) {
        self.gradient.fill(0.0);
        self.mlp.backward(&self.params, inputs, d_outputs, &mut self.cache, &mut self.gradient, None);
        if l2 > 0.0 {
            for (gradient, param) in self.gradient.iter_mut().zip(&self.params) {
                *gradient += l2 as f32 * param;
            }
        }
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

impl From<HiddenUnits> for Activation {
    fn from(units: HiddenUnits) -> Self {
        match units {
            HiddenUnits::Relu => Self::Relu,
            HiddenUnits::Tanh => Self::Tanh,
        }
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

/// The critic Q(s, a) or Q(s, z, a), perhaps a second one beside it, and buffers for minibatches.
#[derive(Debug)]
pub(crate) struct QFunction {
    /// The one that is climbed.
    pub(crate) net: Net,
    /// The one that learns beside it, so that targets are not made with the higher of two guesses.
    pub(crate) twin: Option<Net>,
    /// Observations, dynamics if the critic is told, and actions side by side, `[rows, obs_dim + dim + act_dim]`.
    inputs: Vec<f32>,
    actions: Vec<f32>,
    other_actions: Vec<f32>,
    values: Vec<f32>,
    other_values: Vec<f32>,
    targets: Vec<f32>,
    d_values: Vec<f32>,
    d_inputs: Vec<f32>,
    d_actions: Vec<f32>,
}

impl QFunction {
    pub(crate) fn new(net: Net, twin: Option<Net>) -> Self {
        Self {
            net,
            twin,
            inputs: Vec::new(),
            actions: Vec::new(),
            other_actions: Vec::new(),
            values: Vec::new(),
            other_values: Vec::new(),
            targets: Vec::new(),
            d_values: Vec::new(),
            d_inputs: Vec::new(),
            d_actions: Vec::new(),
        }
    }

    /// The critics.
    pub(crate) fn nets(&self) -> impl Iterator<Item = &Net> {
        [&self.net].into_iter().chain(&self.twin)
    }

    /// The critics, to be changed.
    pub(crate) fn nets_mut(&mut self) -> impl Iterator<Item = &mut Net> {
        [&mut self.net].into_iter().chain(&mut self.twin)
    }

    /// One step of the critics towards y = r + γ Q'(s', a'), where a' is what the slow actor, disturbed by the slow
    /// opponent, would do, with noise from `stream` if there is to be any; Q' is the lower of two critics' values, and 0
    /// where s' is terminal. An opponent that takes over with probability α counts by its expectation,
    /// (1 − α) Q'(s', μ'(s')) + α Q'(s', μ̄'(s')).
    pub(crate) fn learn(
        &mut self,
        draw: &Draw,
        actor: &mut Net,
        opponent: Option<(&mut Net, Interference)>,
        config: &DdpgConfig,
        stream: &mut Stream,
    ) -> CriticStep {
        let rows = draw.rewards.len();
        bounded_of(actor, &draw.next, true, &mut self.actions);
        let mut other_weight = 0.0;
        if let Some((opponent, means)) = opponent {
            bounded_of(opponent, &draw.next, true, &mut self.other_actions);
            match means {
                Interference::Blend { alpha } => blend(alpha, &self.other_actions, &mut self.actions),
                Interference::TakeOver { alpha } => other_weight = alpha as f32,
                Interference::Force { .. } => {}
            }
        }
        smooth(config, stream, &mut self.actions);
        self.join(&draw.next, &draw.dynamics, false);
        self.lowest_targets();
        if other_weight > 0.0 {
            smooth(config, stream, &mut self.other_actions);
            self.targets.clone_from(&self.values);
            self.join(&draw.next, &draw.dynamics, true);
            self.lowest_targets();
            for (other, own) in self.values.iter_mut().zip(&self.targets) {
                *other = (1.0 - other_weight) * own + other_weight * *other;
            }
        }
        let gamma = config.gamma as f32;
        self.targets.clear();
        let futures = draw.goes_on.iter().zip(&self.values);
        self.targets
            .extend(draw.rewards.iter().zip(futures).map(|(r, (goes_on, q))| r + gamma * goes_on * q));
        self.actions.clone_from(&draw.actions);
        self.join(&draw.obs, &draw.dynamics, false);
        let Self { net, twin, inputs, targets, d_values, .. } = self;
        let mut step = CriticStep::default();
        for net in [net].into_iter().chain(twin) {
            d_values.clear();
            for (q, target) in net.forward(inputs).iter().zip(&*targets) {
                let error = q - target;
                step.loss += 0.5 * f64::from(error) * f64::from(error);
                step.q += f64::from(*q);
                d_values.push(error / rows as f32);
            }
            // The errors' gradient is half of the mean squared error's, and so is this.
            net.descend(inputs, d_values, config.critic_learning_rate, 0.5 * config.critic_l2);
        }
        let values = (rows * self.nets().count()) as f64;
        CriticStep { loss: step.loss / values, q: step.q / values }
    }

    /// The lowest value of the slow critics for the inputs that have been joined, into `values`.
    fn lowest_targets(&mut self) {
        let Self { net, twin, inputs, values, other_values, .. } = self;
        values.clear();
        values.extend_from_slice(net.target(inputs));
        if let Some(twin) = twin {
            other_values.clear();
            other_values.extend_from_slice(twin.target(inputs));
            for (value, other) in values.iter_mut().zip(other_values) {
                *value = value.min(*other);
            }
        }
    }

    /// One step of `mover` up (or down) the critic, through the action that counts when `other` acts as well:
    /// (1 − α)·a + α·ā, or either with its probability. `share` is the mover's weight in it.
    pub(crate) fn climb(
        &mut self,
        draw: &Draw,
        mover: &mut Net,
        other: Option<(&mut Net, f64)>,
        share: f64,
        up: bool,
        learning_rate: f64,
    ) {
        let Draw { obs, dynamics, .. } = draw;
        let act_dim = mover.mlp.outputs();
        let rows = obs.len() / mover.mlp.inputs();
        bounded_of(mover, obs, false, &mut self.d_actions);
        self.actions.clone_from(&self.d_actions);
        if let Some((other, weight)) = other {
            bounded_of(other, obs, false, &mut self.other_actions);
            blend(weight, &self.other_actions, &mut self.actions);
        }
        self.join(obs, dynamics, false);
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
        mover.descend(obs, d_actions, learning_rate, 0.0);
    }

    /// Puts observations, dynamics and the actions (or the other ones) side by side.
    fn join(&mut self, obs: &[f32], dynamics: &[f32], other: bool) {
        let actions = if other { &self.other_actions } else { &self.actions };
        let width = self.net.mlp.inputs();
        let rows = (obs.len() + dynamics.len() + actions.len()) / width;
        let (o, d, a) = (obs.len() / rows, dynamics.len() / rows, actions.len() / rows);
        self.inputs.clear();
        for row in 0..rows {
            self.inputs.extend_from_slice(&obs[row * o..][..o]);
            self.inputs.extend_from_slice(&dynamics[row * d..][..d]);
            self.inputs.extend_from_slice(&actions[row * a..][..a]);
        }
    }
}

/// Adds clipped noise to the actions that targets are made with, so that the critic is even around them.
pub(crate) fn smooth(config: &DdpgConfig, stream: &mut Stream, actions: &mut [f32]) {
    if config.target_noise > 0.0 {
        for action in actions {
            let noise = config.target_noise * stream.normal();
            *action += noise.clamp(-config.target_noise_clip, config.target_noise_clip) as f32;
            *action = action.clamp(-1.0, 1.0);
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
impl Net {
    /// The parameters of the slow copy.
    pub(crate) fn slow(&self) -> &[f32] {
        &self.target
    }
}

#[cfg(test)]
impl QFunction {
    /// y of the last minibatch.
    pub(crate) fn targets(&self) -> &[f32] {
        &self.targets
    }

    /// The mean of the last values computed.
    pub(crate) fn mean_value(&self) -> f64 {
        let values = self.net.cache.outputs();
        values.iter().map(|q| f64::from(*q)).sum::<f64>() / values.len() as f64
    }
}
