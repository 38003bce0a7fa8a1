//! A half of a minibatch on its way through the networks: all that is computed row by row.

use wr2l_nn::{Mlp, MlpCache};
use wr2l_rng::Stream;

use crate::DdpgConfig;
use crate::ddpg::networks::Net;
use crate::ddpg::replay::Draw;
use crate::rollout::players::Interference;

/// What a gradient step of the critic saw.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CriticStep {
    /// Mean of ½(Q − y)².
    pub(crate) loss: f64,
    /// Mean of Q(s, a).
    pub(crate) q: f64,
}

/// Networks that targets are made with and critics that learn.
pub(crate) struct Teachers<'a> {
    pub(crate) actor: &'a Net,
    pub(crate) opponent: Option<(&'a Net, Interference)>,
    pub(crate) critics: [Option<&'a Net>; 2],
}

/// Inputs of a network, the gradient with respect to its outputs for them, and its layers.
pub(crate) struct Seen<'a> {
    pub(crate) inputs: &'a [f32],
    pub(crate) d_outputs: &'a [f32],
    pub(crate) layers: &'a MlpCache,
}

/// Rows of a minibatch, first or last ones, with what they have become in the networks. Aligned, so that it shares no line of
/// the cache with the other half, which another thread may have.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Half {
    /// Where in the replay buffer the rows lie.
    pub(crate) places: Vec<usize>,
    /// Noise on the actions that targets are made with, the agent's and those of who takes over, `[rows, act_dim]`; empty if
    /// there is none.
    pub(crate) noise: [Vec<f32>; 2],
    pub(crate) draw: Draw,
    mover: MlpCache,
    other: MlpCache,
    critics: Vec<MlpCache>,
    /// Observations, dynamics if the critic is told, and actions side by side, `[rows, obs_dim + dim + act_dim]`.
    inputs: Vec<f32>,
    actions: Vec<f32>,
    other_actions: Vec<f32>,
    values: Vec<f32>,
    targets: Vec<f32>,
    /// Per critic.
    d_values: [Vec<f32>; 2],
    d_inputs: Vec<f32>,
    d_actions: Vec<f32>,
}

impl Half {
    /// Room for `capacity` rows in an actor and so many critics like these.
    pub(crate) fn new(capacity: usize, actor: &Mlp, critic: &Mlp, critics: usize) -> Self {
        Self {
            places: Vec::with_capacity(capacity),
            noise: [Vec::new(), Vec::new()],
            draw: Draw::default(),
            mover: actor.cache(capacity),
            // Nobody acts beside it yet.
            other: actor.cache(0),
            critics: (0..critics).map(|_| critic.cache(capacity)).collect(),
            inputs: Vec::new(),
            actions: Vec::new(),
            other_actions: Vec::new(),
            values: Vec::new(),
            targets: Vec::new(),
            d_values: [Vec::new(), Vec::new()],
            d_inputs: Vec::new(),
            d_actions: Vec::new(),
        }
    }

    /// Makes room for an opponent.
    pub(crate) fn add_opponent(&mut self, actor: &Mlp) {
        self.other = actor.cache(self.mover.capacity());
    }

    /// What the critics are to learn, y = r + γ Q'(s', a'), where a' is what the slow actor, disturbed by the slow opponent,
    /// would do, with noise if there is any; Q' is the lower of two critics' values, and 0 where s' is terminal. An opponent
    /// that takes over with probability α counts by its expectation, (1 − α) Q'(s', μ'(s')) + α Q'(s', μ̄'(s')). Then their
    /// values of the actions that were taken, and what the errors, means over the minibatch of `rows`, mean for their layers.
    pub(crate) fn learn(&mut self, teachers: &Teachers<'_>, gamma: f64, rows: usize) {
        let Teachers { actor, opponent, critics } = teachers;
        let draw = &self.draw;
        actor.act(&draw.next, true, &mut self.mover, &mut self.actions);
        let mut other_weight = 0.0;
        if let Some((opponent, means)) = opponent {
            opponent.act(&draw.next, true, &mut self.other, &mut self.other_actions);
            match *means {
                Interference::Blend { alpha } => blend(alpha, &self.other_actions, &mut self.actions),
                Interference::TakeOver { alpha } => other_weight = alpha as f32,
                Interference::Force { .. } => {}
            }
        }
        add_noise(&self.noise[0], &mut self.actions);
        join([&draw.next, &draw.dynamics, &self.actions], draw.rewards.len(), &mut self.inputs);
        let critics = critics.iter().flatten();
        lowest(critics.clone(), &self.inputs, &mut self.critics, &mut self.values);
        if other_weight > 0.0 {
            add_noise(&self.noise[1], &mut self.other_actions);
            self.targets.clone_from(&self.values);
            join([&draw.next, &draw.dynamics, &self.other_actions], draw.rewards.len(), &mut self.inputs);
            lowest(critics.clone(), &self.inputs, &mut self.critics, &mut self.values);
            for (other, own) in self.values.iter_mut().zip(&self.targets) {
                *other = (1.0 - other_weight) * own + other_weight * *other;
            }
        }
        let gamma = gamma as f32;
        self.targets.clear();
        let futures = draw.goes_on.iter().zip(&self.values);
        self.targets
            .extend(draw.rewards.iter().zip(futures).map(|(r, (goes_on, q))| r + gamma * goes_on * q));
        join([&draw.obs, &draw.dynamics, &draw.actions], draw.rewards.len(), &mut self.inputs);
        for ((net, cache), d_values) in critics.zip(&mut self.critics).zip(&mut self.d_values) {
            d_values.clear();
            let values = net.forward(&self.inputs, cache);
            d_values.extend(values.iter().zip(&self.targets).map(|(q, target)| (q - target) / rows as f32));
            net.deltas(&self.inputs, d_values, cache);
        }
    }

    /// Adds what the last [`Half::learn`] saw of one of the critics to `sums`.
    pub(crate) fn add_losses(&self, critic: usize, sums: &mut CriticStep) {
        for (q, target) in self.critics[critic].outputs().iter().zip(&self.targets) {
            let error = q - target;
            sums.loss += 0.5 * f64::from(error) * f64::from(error);
            sums.q += f64::from(*q);
        }
    }

    /// What `d` times the value of an action, which is `mover`'s if nobody acts beside it and else (1 − α)·a + α·ā with α the
    /// weight of `other`, means for the layers of `mover`.
    pub(crate) fn climb(&mut self, mover: &Net, other: Option<(&Net, f64)>, critic: &Net, d: f32) {
        let Draw { obs, dynamics, rewards, .. } = &self.draw;
        let rows = rewards.len();
        let act_dim = mover.mlp.outputs();
        mover.act(obs, false, &mut self.mover, &mut self.d_actions);
        self.actions.clone_from(&self.d_actions);
        if let Some((other, weight)) = other {
            other.act(obs, false, &mut self.other, &mut self.other_actions);
            blend(weight, &self.other_actions, &mut self.actions);
        }
        join([obs, dynamics, &self.actions], rows, &mut self.inputs);
        let cache = &mut self.critics[0];
        critic.forward(&self.inputs, cache);
        self.d_values[0].clear();
        self.d_values[0].resize(rows, d);
        self.d_inputs.resize(self.inputs.len(), 0.0);
        critic.input_gradient(&self.inputs, &self.d_values[0], cache, &mut self.d_inputs);
        let width = critic.mlp.inputs();
        let d_inputs = self.d_inputs.chunks_exact(width);
        for (d_action, d_input) in self.d_actions.chunks_exact_mut(act_dim).zip(d_inputs) {
            for (a, d) in d_action.iter_mut().zip(&d_input[width - act_dim..]) {
                // Through a = tanh(u).
                *a = d * (1.0 - *a * *a);
            }
        }
        mover.deltas(obs, &self.d_actions, &mut self.mover);
    }

    /// What a critic has seen, after [`Half::learn`].
    pub(crate) fn of_critic(&self, critic: usize) -> Seen<'_> {
        Seen { inputs: &self.inputs, d_outputs: &self.d_values[critic], layers: &self.critics[critic] }
    }

    /// What who climbs has seen, after [`Half::climb`].
    pub(crate) fn of_mover(&self) -> Seen<'_> {
        Seen { inputs: &self.draw.obs, d_outputs: &self.d_actions, layers: &self.mover }
    }

    /// Of the actions for these rows what [`Net::add_distances`] says.
    pub(crate) fn add_distances(&mut self, net: &Net, weights: &[f32], sum: f64) -> f64 {
        net.add_distances(weights, &self.draw.obs, &mut self.mover, &mut self.actions, sum)
    }
}

#[cfg(test)]
impl Half {
    /// y of the last minibatch.
    pub(crate) fn targets(&self) -> &[f32] {
        &self.targets
    }

    /// The last values of the first critic.
    pub(crate) fn last_values(&self) -> &[f32] {
        self.critics[0].outputs()
    }
}

/// The lowest value of the slow critics for `inputs`, into `values`.
fn lowest<'a>(
    critics: impl Iterator<Item = &'a &'a Net>,
    inputs: &[f32],
    caches: &mut [MlpCache],
    values: &mut Vec<f32>,
) {
    values.clear();
    for (net, cache) in critics.zip(caches) {
        let of_net = net.slow_forward(inputs, cache);
        if values.is_empty() {
            values.extend_from_slice(of_net);
        } else {
            values.iter_mut().zip(of_net).for_each(|(value, other)| *value = value.min(*other));
        }
    }
}

/// Puts the columns of some `[rows, _]` arrays side by side.
fn join(columns: [&[f32]; 3], rows: usize, to: &mut Vec<f32>) {
    let [a, b, c] = columns.map(|column| column.len() / rows);
    to.clear();
    for row in 0..rows {
        to.extend_from_slice(&columns[0][row * a..][..a]);
        to.extend_from_slice(&columns[1][row * b..][..b]);
        to.extend_from_slice(&columns[2][row * c..][..c]);
    }
}

/// Draws clipped noise for `n` numbers of the actions that targets are made with; none if there is to be none.
pub(crate) fn draw_noise(config: &DdpgConfig, n: usize, stream: &mut Stream, noise: &mut Vec<f32>) {
    noise.clear();
    if config.target_noise > 0.0 {
        let clip = config.target_noise_clip;
        noise.extend((0..n).map(|_| (config.target_noise * stream.normal()).clamp(-clip, clip) as f32));
    }
}

/// Adds it to them, so that the critic is even around them.
pub(crate) fn add_noise(noise: &[f32], actions: &mut [f32]) {
    for (action, noise) in actions.iter_mut().zip(noise) {
        *action = (*action + noise).clamp(-1.0, 1.0);
    }
}

/// (1 − α)·a + α·ā.
fn blend(alpha: f64, others: &[f32], actions: &mut [f32]) {
    let (own, other) = ((1.0 - alpha) as f32, alpha as f32);
    for (action, a) in actions.iter_mut().zip(others) {
        *action = own * *action + other * a;
    }
}
