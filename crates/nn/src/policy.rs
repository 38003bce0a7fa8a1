//! Stochastic policies: a network and the distribution that its outputs describe.

use crate::convolutions::Convolutions;
use crate::error::NnError;
use crate::lanes::InstructionSet;
use crate::mlp::{Activation, Mlp};
use crate::network::{Network, NetworkCache};
use crate::tanh::tanh_in_place;
use crate::{categorical, gaussian};
use wr2l_rng::Stream;

mod fisher;

/// The kind of distribution over actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Independent Gaussians: the network gives the means; the logarithms of the standard deviations are
    /// parameters of their own, the same in every state.
    Gaussian,
    /// Independent Gaussians around means within (−1, 1), the tanh of what the network gives; otherwise as
    /// [`Head::Gaussian`]. Draws may lie outside the box: whoever acts clips them, and scales them to the task's bounds.
    Bounded,
    /// One of n choices: the network gives the logits.
    Categorical,
}

/// The layout of a stochastic policy over one flat `[parameters] f32` vector: first the network's parameters
/// ([`Mlp`]), then, for a Gaussian, the `[actions]` log standard deviations.
///
/// An action is a row of [`action_dim`](Self::action_dim) f32: a real vector, or a single choice 0, 1, ….
/// Results for a row do not depend on the batch around it.
///
/// ```
/// use wr2l_nn::Policy;
/// use wr2l_rng::{Purpose, StreamKey};
/// let policy = Policy::gaussian(11, &[64, 64], 3)?;
/// let mut params = vec![0.0; policy.parameters()];
/// policy.initialise(&mut StreamKey::new(1, Purpose::Initialisation).stream(), &mut params);
///
/// // Acting: one row here, any number in general.
/// let mut cache = policy.cache(1);
/// let mut stream = StreamKey::new(1, Purpose::Action).stream();
/// let (mut noise, mut action, mut log_prob) = ([0.0; 3], [0.0; 3], [0.0; 1]);
/// policy.draw_noise(&mut stream, &mut noise);
/// policy.forward(&params, &[0.1; 11], &mut cache);
/// policy.sample(&params, &noise, &cache, &mut action, &mut log_prob);
///
/// // Learning: the gradient of any function of log-probabilities and entropies.
/// policy.forward(&params, &[0.1; 11], &mut cache);
/// policy.evaluate(&params, &action, &mut cache);
/// assert_eq!(cache.log_probs(), log_prob);
/// let mut gradient = vec![0.0; policy.parameters()];
/// policy.backward(&params, &[0.1; 11], &action, &[1.0], &[0.0], &mut cache, &mut gradient);
/// # Ok::<(), wr2l_nn::NnError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    network: Network,
    head: Head,
}

/// What [`Policy::forward`] and [`Policy::evaluate`] leave, and the scratch of all of [`Policy`]'s functions;
/// made once by [`Policy::cache`].
#[derive(Clone, Debug)]
pub struct PolicyCache {
    network: NetworkCache,
    /// One over the standard deviations of a Gaussian, as of the last forward pass; empty otherwise.
    inverse_std: Vec<f32>,
    log_probs: Vec<f32>,
    entropies: Vec<f32>,
    d_outputs: Vec<f32>,
}

impl PolicyCache {
    /// What the last [`Policy::forward`] came to: means, or logits, `[rows, outputs]`.
    pub fn outputs(&self) -> &[f32] {
        self.network.outputs()
    }

    /// Rows of the last [`Policy::forward`].
    pub fn rows(&self) -> usize {
        self.network.rows()
    }

    /// Log-probabilities (densities) of the actions given to the last [`Policy::evaluate`], `[rows]`.
    pub fn log_probs(&self) -> &[f32] {
        &self.log_probs
    }

    /// Entropies of the distributions, in nats, from the last [`Policy::evaluate`], `[rows]`.
    pub fn entropies(&self) -> &[f32] {
        &self.entropies
    }
}

impl Policy {
    /// A Gaussian policy for observations of length `observations` and real actions of length `actions`.
    ///
    /// # Errors
    /// [`NnError::Sizes`] if a width is 0.
    pub fn gaussian(observations: usize, hidden: &[usize], actions: usize) -> Result<Self, NnError> {
        Self::new(Head::Gaussian, observations, hidden, actions, InstructionSet::detect())
    }

    /// A bounded policy for observations of length `observations` and real actions of length `actions`.
    ///
    /// # Errors
    /// [`NnError::Sizes`] if a width is 0.
    pub fn bounded(observations: usize, hidden: &[usize], actions: usize) -> Result<Self, NnError> {
        Self::new(Head::Bounded, observations, hidden, actions, InstructionSet::detect())
    }

    /// A categorical policy for observations of length `observations` and `choices` choices.
    ///
    /// # Errors
    /// [`NnError::Sizes`] if a width is 0.
    pub fn categorical(observations: usize, hidden: &[usize], choices: usize) -> Result<Self, NnError> {
        Self::new(Head::Categorical, observations, hidden, choices, InstructionSet::detect())
    }

    /// The same policy with another kind of hidden layers.
    #[must_use]
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { network: self.network.map_dense(|dense| dense.with_activation(activation)), ..self }
    }

    /// The same policy behind convolutions of the image at the head of its observations ([`Network::with_convolutions`]).
    ///
    /// # Errors
    /// As [`Network::with_convolutions`].
    pub fn with_convolutions(self, convolutions: Convolutions) -> Result<Self, NnError> {
        Ok(Self { network: self.network.with_convolutions(convolutions)?, ..self })
    }

    /// A policy whose network has `outputs` outputs, on a chosen instruction set.
    ///
    /// # Errors
    /// [`NnError::Sizes`] if a width is 0.
    pub fn new(
        head: Head,
        observations: usize,
        hidden: &[usize],
        outputs: usize,
        instructions: InstructionSet,
    ) -> Result<Self, NnError> {
        let sizes = [&[observations], hidden, &[outputs]].concat();
        Ok(Self { network: Mlp::with_instructions(&sizes, instructions)?.into(), head })
    }

    /// The kind of distribution.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The dense layers of the network: all of it, where it has no convolutions.
    pub fn mlp(&self) -> &Mlp {
        self.network.dense()
    }

    /// Length of an action row: the number of real actions, or 1 for a choice.
    pub fn action_dim(&self) -> usize {
        match self.head {
            Head::Gaussian | Head::Bounded => self.network.outputs(),
            Head::Categorical => 1,
        }
    }

    /// Length of the parameter vector.
    pub fn parameters(&self) -> usize {
        match self.head {
            Head::Gaussian | Head::Bounded => self.network.parameters() + self.network.outputs(),
            Head::Categorical => self.network.parameters(),
        }
    }

    /// The log standard deviations within `params`; empty for a categorical policy.
    pub fn log_std<'a>(&self, params: &'a [f32]) -> &'a [f32] {
        self.split(params).1
    }

    fn split<'a>(&self, params: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        params.split_at(self.network.parameters())
    }

    /// Writes initial parameters: orthogonal weights with gain √2, in the output layer 0.01, so that the
    /// first policy acts alike everywhere; zero biases; log standard deviations 0.
    ///
    /// # Panics
    /// If `params` is not `[parameters]`.
    pub fn initialise(&self, stream: &mut Stream, params: &mut [f32]) {
        assert_eq!(params.len(), self.parameters(), "parameter vector");
        let (network, log_std) = params.split_at_mut(self.network.parameters());
        self.network.initialise(0.01, stream, network);
        log_std.fill(0.0);
    }

    /// Scratch for batches of up to `capacity` rows.
    pub fn cache(&self, capacity: usize) -> PolicyCache {
        PolicyCache {
            network: self.network.cache(capacity),
            inverse_std: Vec::with_capacity(self.network.outputs()),
            log_probs: Vec::with_capacity(capacity),
            entropies: Vec::with_capacity(capacity),
            d_outputs: Vec::with_capacity(capacity * self.network.outputs()),
        }
    }

    /// Draws the noise of one action row: standard normal numbers for a Gaussian, one number uniform in
    /// [0, 1) for a choice.
    pub fn draw_noise(&self, stream: &mut Stream, noise: &mut [f64]) {
        match self.head {
            Head::Gaussian | Head::Bounded => stream.fill_normal(noise),
            Head::Categorical => noise.fill_with(|| stream.uniform(0.0, 1.0)),
        }
    }

    /// Computes the distributions for `observations` `[rows, observations]` into `cache`.
    ///
    /// # Panics
    /// As [`Mlp::forward`].
    pub fn forward(&self, params: &[f32], observations: &[f32], cache: &mut PolicyCache) {
        let (params, log_std) = self.split(params);
        self.network.forward(params, observations, &mut cache.network);
        if self.head == Head::Bounded {
            tanh_in_place(self.network.instructions(), cache.network.outputs_mut());
        }
        gaussian::invert(log_std, &mut cache.inverse_std);
    }

    /// Draws an action per row of the last [`Policy::forward`] into `actions` `[rows, action_dim]`, from noise
    /// `[rows, action_dim]` as drawn by [`Policy::draw_noise`], and its log-probability into `log_probs`
    /// `[rows]`: mean + std·noise, or the choice at which the cumulative probability passes the number.
    ///
    /// # Panics
    /// If a slice has another length than stated.
    pub fn sample(
        &self,
        params: &[f32],
        noise: &[f64],
        cache: &PolicyCache,
        actions: &mut [f32],
        log_probs: &mut [f32],
    ) {
        let (rows, width) = (cache.rows(), self.action_dim());
        assert_eq!(noise.len(), rows * width, "noise");
        assert_eq!(actions.len(), rows * width, "actions");
        assert_eq!(log_probs.len(), rows, "log-probabilities");
        let log_std = self.log_std(params);
        let outputs = cache.outputs().chunks_exact(self.network.outputs());
        for (i, (outputs, log_prob)) in outputs.zip(log_probs).enumerate() {
            let action = &mut actions[i * width..(i + 1) * width];
            let noise = &noise[i * width..(i + 1) * width];
            *log_prob = match self.head {
                Head::Gaussian | Head::Bounded => {
                    gaussian::sample(outputs, &cache.inverse_std, noise, action);
                    gaussian::log_prob(outputs, log_std, &cache.inverse_std, action)
                }
                Head::Categorical => {
                    let choice = categorical::sample(outputs, noise[0]);
                    action[0] = choice as f32;
                    categorical::log_prob(outputs, choice)
                }
            };
        }
    }

    /// Writes the deterministic action per row of the last [`Policy::forward`] into `actions`
    /// `[rows, action_dim]`: the mean, or the most probable choice (the first of equals).
    ///
    /// # Panics
    /// If `actions` has another length.
    pub fn mode(&self, cache: &PolicyCache, actions: &mut [f32]) {
        assert_eq!(actions.len(), cache.rows() * self.action_dim(), "actions");
        match self.head {
            Head::Gaussian | Head::Bounded => actions.copy_from_slice(cache.outputs()),
            Head::Categorical => {
                for (action, logits) in
                    actions.iter_mut().zip(cache.outputs().chunks_exact(self.network.outputs()))
                {
                    *action = categorical::mode(logits) as f32;
                }
            }
        }
    }

    /// Computes log-probability of the given `actions` `[rows, action_dim]` and entropy per row of the last
    /// [`Policy::forward`] into `cache`.
    ///
    /// # Panics
    /// If `actions` has another length, or a choice is not one.
    pub fn evaluate(&self, params: &[f32], actions: &[f32], cache: &mut PolicyCache) {
        assert_eq!(actions.len(), cache.rows() * self.action_dim(), "actions");
        let log_std = self.log_std(params);
        let PolicyCache { network, inverse_std, log_probs, entropies, .. } = cache;
        log_probs.clear();
        entropies.clear();
        match self.head {
            Head::Gaussian | Head::Bounded => {
                let entropy = gaussian::entropy(log_std);
                entropies.resize(network.rows(), entropy);
                gaussian::log_probs(network.outputs(), log_std, inverse_std, actions, log_probs);
            }
            Head::Categorical => {
                let rows = network.outputs().chunks_exact(self.network.outputs());
                for (logits, action) in rows.zip(actions) {
                    log_probs.push(categorical::log_prob(logits, choice(*action, logits.len())));
                    entropies.push(categorical::entropy(logits));
                }
            }
        }
    }

    /// Adds to `gradient` `[parameters]` the gradient of a loss, given per row its derivative with respect to
    /// the log-probability of the action, `d_log_probs` `[rows]`, and to the entropy, `d_entropies` `[rows]`,
    /// after [`Policy::forward`] with the same `params` and `observations`. No allocation.
    ///
    /// # Panics
    /// If a slice has another length than stated, or a choice is not one.
    #[expect(clippy::too_many_arguments, reason = "four batch columns, parameters, scratch and destination")]
    pub fn backward(
        &self,
        params: &[f32],
        observations: &[f32],
        actions: &[f32],
        d_log_probs: &[f32],
        d_entropies: &[f32],
        cache: &mut PolicyCache,
        gradient: &mut [f32],
    ) {
        let (rows, width, outputs) = (cache.rows(), self.action_dim(), self.network.outputs());
        assert_eq!(gradient.len(), self.parameters(), "gradient");
        assert_eq!(actions.len(), rows * width, "actions");
        assert_eq!(d_log_probs.len(), rows, "derivatives by log-probabilities");
        assert_eq!(d_entropies.len(), rows, "derivatives by entropies");
        let params = self.split(params).0;
        let (gradient, d_log_std) = gradient.split_at_mut(self.network.parameters());
        let PolicyCache { network, inverse_std, d_outputs, .. } = cache;
        d_outputs.resize(rows * outputs, 0.0);
        match self.head {
            Head::Gaussian | Head::Bounded => {
                let derivatives =
                    gaussian::Derivatives { by_log_probs: d_log_probs, by_entropies: d_entropies };
                let mean = network.outputs();
                gaussian::backward(mean, inverse_std, actions, derivatives, d_outputs, d_log_std);
            }
            Head::Categorical => {
                let of_rows =
                    network.outputs().chunks_exact(outputs).zip(d_outputs.chunks_exact_mut(outputs));
                for (i, (logits, d_logits)) in of_rows.enumerate() {
                    let choice = choice(actions[i], outputs);
                    categorical::backward(logits, choice, d_log_probs[i], d_entropies[i], d_logits);
                }
            }
        }
        if self.head == Head::Bounded {
            through_tanh(network.outputs(), d_outputs);
        }
        self.network.backward(params, observations, d_outputs, network, gradient);
    }

    /// The mean over the rows of the Kullback–Leibler divergence KL(old ‖ new), in nats, of two policies of
    /// this layout, each given by its parameters and its cache after [`Policy::forward`] on the same
    /// observations; 0 for no rows.
    ///
    /// # Panics
    /// If the two caches hold different numbers of rows.
    pub fn mean_kl(&self, old: (&[f32], &PolicyCache), new: (&[f32], &PolicyCache)) -> f64 {
        assert_eq!(old.1.rows(), new.1.rows(), "rows");
        let (old_log_std, new_log_std) = (self.log_std(old.0), self.log_std(new.0));
        let outputs = self.network.outputs();
        let rows = old.1.outputs().chunks_exact(outputs).zip(new.1.outputs().chunks_exact(outputs));
        let sum: f64 = rows
            .map(|(old, new)| match self.head {
                Head::Gaussian | Head::Bounded => gaussian::kl(old, old_log_std, new, new_log_std),
                Head::Categorical => categorical::kl(old, new),
            })
            .sum();
        if old.1.rows() == 0 { 0.0 } else { sum / old.1.rows() as f64 }
    }
}

/// Multiplies by the slope of tanh, 1 − y², where `y` is its value.
fn through_tanh(y: &[f32], d: &mut [f32]) {
    d.iter_mut().zip(y).for_each(|(d, y)| *d *= 1.0 - y * y);
}

/// The choice that an action stands for.
fn choice(action: f32, choices: usize) -> usize {
    let choice = action as usize;
    assert!(choice as f32 == action && choice < choices, "{action} is not one of {choices} choices");
    choice
}
