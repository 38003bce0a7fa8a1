//! PPO's two networks, each with its optimiser and all scratch that learning needs: two halves of an update that
//! have nothing in common but the norm of their gradients, so that two threads can do one each.

use wr2l_nn::{
    Adam, AdamConfig, Convolutions, Mlp, Network, NetworkCache, NnError, Policy, PolicyCache, squared_norm,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::ActionSpace;

use crate::ppo::loss::{Losses, Minibatch, Surrogate, value_loss};
use crate::samples::States;
use crate::{Persist, PpoConfig, RlError, State, StateError};

/// Adam's ε: 1e-5, not the usual 1e-8, as in the implementations that published returns come from.
const ADAM_EPSILON: f64 = 1e-5;
/// Rows whose activations are in memory at once: they fit into the second-level cache together with the weights.
const CHUNK: usize = 64;

/// What policy and critic are made of, between what they see and their outputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'a> {
    /// Numbers that the policy sees.
    pub(crate) inputs: usize,
    /// Convolutions of the image at their head, if they begin with one.
    pub(crate) convolutions: Option<&'a Convolutions>,
    /// Widths of the hidden layers.
    pub(crate) hidden: &'a [usize],
}

impl Body<'_> {
    fn policy(self, actions: &ActionSpace) -> Result<Policy, NnError> {
        let policy = match actions {
            ActionSpace::Continuous { low, .. } => Policy::gaussian(self.inputs, self.hidden, low.len())?,
            ActionSpace::Discrete { n } => Policy::categorical(self.inputs, self.hidden, *n)?,
        };
        match self.convolutions {
            Some(convolutions) => policy.with_convolutions(convolutions.clone()),
            None => Ok(policy),
        }
    }

    /// Values of states that have `dim` numbers more.
    fn critic(self, dim: usize) -> Result<Network, NnError> {
        let dense = Network::from(Mlp::new(&[&[self.inputs + dim], self.hidden, &[1]].concat())?);
        match self.convolutions {
            Some(convolutions) => dense.with_convolutions(convolutions.clone()),
            None => Ok(dense),
        }
    }
}

/// Half of an update.
pub(crate) trait Half: Send {
    /// Computes the gradient of the minibatch's objective
    /// `mean[−min(r A, clip(r) A)] + value_weight · mean[½(V − R)²] − entropy · mean[H]`, to be minimised, by the
    /// parameters of this half, and adds to the losses. Returns the gradient's squared Euclidean norm.
    fn gradient(&mut self, config: &PpoConfig, minibatch: Minibatch<'_>) -> f64;

    /// One step of Adam against `scale` times the gradient.
    fn step(&mut self, learning_rate: f64, scale: f32);

    /// The mean losses since the last call; 0 where this half has none.
    fn take_losses(&mut self) -> Losses;
}

/// What learning a network takes besides its layout.
#[derive(Debug)]
struct Learning {
    params: Vec<f32>,
    gradient: Vec<f32>,
    adam: Adam,
    /// The rows of a chunk, gathered, `[rows, inputs]`.
    inputs: Vec<f32>,
    /// Sums.
    losses: Losses,
}

impl Learning {
    fn new(params: Vec<f32>) -> Self {
        let config = AdamConfig { epsilon: ADAM_EPSILON, ..AdamConfig::default() };
        Self {
            gradient: vec![0.0; params.len()],
            adam: Adam::new(params.len(), config),
            inputs: Vec::new(),
            losses: Losses::default(),
            params,
        }
    }

    fn step(&mut self, learning_rate: f64, scale: f32) {
        self.adam.update(learning_rate, scale, &self.gradient, &mut self.params);
    }

    fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses).mean()
    }
}

impl Persist for Learning {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("params", &self.params);
        state.save("adam", &self.adam);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.params = state.take_finite("params", self.params.len())?;
        state.restore("adam", &mut self.adam)
    }
}

impl Persist for PolicyHalf {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        self.learning.save(state);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.learning.restore(state)
    }
}

impl Persist for CriticHalf {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        self.learning.save(state);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.learning.restore(state)
    }
}

/// Gathers rows of a `[_, width]` array.
fn gather(from: &[f32], width: usize, rows: &[u32], to: &mut Vec<f32>) {
    // Rows are short: a call to copy each costs more than to copy it.
    macro_rules! by_width {
        ($($n:literal)*) => {
            match width {
                $($n => gather_fixed::<$n>(from.as_chunks().0, rows, to),)*
                _ => {
                    to.clear();
                    for &row in rows {
                        to.extend_from_slice(&from[row as usize * width..][..width]);
                    }
                }
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

fn gather_fixed<const N: usize>(from: &[[f32; N]], rows: &[u32], to: &mut Vec<f32>) {
    to.resize(rows.len() * N, 0.0);
    for (to, &row) in to.as_chunks_mut::<N>().0.iter_mut().zip(rows) {
        *to = from[row as usize];
    }
}

/// The policy, learning. Aligned, so that it shares no line of the cache with the critic, which another thread may have.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct PolicyHalf {
    policy: Policy,
    learning: Learning,
    cache: PolicyCache,
    actions: Vec<f32>,
    d_log_probs: Vec<f32>,
    d_entropies: Vec<f32>,
}

impl PolicyHalf {
    /// A freshly initialised policy of such a body, whose real actions have standard deviation `std`.
    pub(crate) fn new(body: Body<'_>, actions: &ActionSpace, std: f64, seed: u64) -> Result<Self, RlError> {
        let policy = body.policy(actions)?;
        let mut params = vec![0.0; policy.parameters()];
        policy.initialise(&mut StreamKey::new(seed, Purpose::Initialisation).lane(0).stream(), &mut params);
        let weights = params.len() - policy.log_std(&params).len();
        params[weights..].fill(std.ln() as f32);
        Ok(Self {
            cache: policy.cache(CHUNK),
            learning: Learning::new(params),
            actions: Vec::new(),
            d_log_probs: Vec::new(),
            d_entropies: Vec::new(),
            policy,
        })
    }

    /// The layout.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The parameters.
    pub(crate) fn params(&self) -> &[f32] {
        &self.learning.params
    }

    /// Overwrites the parameters.
    pub(crate) fn set_params(&mut self, params: &[f32]) {
        self.learning.params.copy_from_slice(params);
    }
}

impl Half for PolicyHalf {
    fn gradient(&mut self, config: &PpoConfig, minibatch: Minibatch<'_>) -> f64 {
        let Self { policy, learning, cache, actions, d_log_probs, d_entropies } = self;
        let Learning { params, gradient, inputs, losses, .. } = learning;
        let samples = minibatch.samples;
        let (shift, scale) = match config.normalise_advantages {
            true => minibatch.standardisation(),
            false => (0.0, 1.0),
        };
        let weight = 1.0 / minibatch.rows.len() as f32;
        let clip = config.clip as f32;
        gradient.fill(0.0);
        for rows in minibatch.rows.chunks(CHUNK) {
            gather(&samples.inputs, policy.network().inputs(), rows, inputs);
            gather(&samples.actions, policy.action_dim(), rows, actions);
            policy.forward(params, inputs, cache);
            policy.evaluate(params, actions, cache);
            d_log_probs.clear();
            for (i, &row) in rows.iter().enumerate() {
                let log_ratio = cache.log_probs()[i] - samples.log_probs[row as usize];
                let ratio = log_ratio.exp();
                let advantage = (samples.advantages[row as usize] - shift) * scale;
                let surrogate = Surrogate::new(ratio, advantage, clip);
                d_log_probs.push(weight * surrogate.d_log_prob);
                losses.policy += f64::from(surrogate.loss);
                losses.entropy += f64::from(cache.entropies()[i]);
                losses.kl += f64::from(ratio - 1.0 - log_ratio);
                losses.clip_fraction += f64::from(u8::from((ratio - 1.0).abs() > clip));
            }
            losses.count += rows.len() as f64;
            d_entropies.clear();
            d_entropies.resize(rows.len(), -weight * config.entropy as f32);
            policy.backward(params, inputs, actions, d_log_probs, d_entropies, cache, gradient);
        }
        squared_norm(gradient)
    }

    fn step(&mut self, learning_rate: f64, scale: f32) {
        self.learning.step(learning_rate, scale);
    }

    fn take_losses(&mut self) -> Losses {
        self.learning.take_losses()
    }
}

/// The critic, learning. It may be told the dynamics, which the policy never is: the value of a state depends on
/// them, and nobody needs the critic once training is over.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct CriticHalf {
    critic: Network,
    /// Number of dynamics parameters that it sees.
    dim: usize,
    learning: Learning,
    cache: NetworkCache,
    d_values: Vec<f32>,
}

impl CriticHalf {
    /// A freshly initialised critic that sees `dim` dynamics parameters besides the policy's inputs.
    pub(crate) fn new(body: Body<'_>, dim: usize, seed: u64) -> Result<Self, RlError> {
        let mut half = Self::blank(body, dim)?;
        let key = StreamKey::new(seed, Purpose::Initialisation).lane(1);
        half.critic.initialise(1.0, &mut key.stream(), &mut half.learning.params);
        Ok(half)
    }

    /// The same with no parameter but 0.
    pub(crate) fn blank(body: Body<'_>, dim: usize) -> Result<Self, RlError> {
        let critic = body.critic(dim)?;
        let (learning, cache) = (Learning::new(vec![0.0; critic.parameters()]), critic.cache(CHUNK));
        Ok(Self { critic, dim, learning, cache, d_values: Vec::new() })
    }

    /// Numbers that the policy sees, and those that it sees besides; `None` for one that sees images.
    pub(crate) fn shape(&self) -> Option<[usize; 2]> {
        let dense = self.critic.convolutions().is_none();
        dense.then(|| [self.critic.inputs() - self.dim, self.dim])
    }

    /// The parameters.
    pub(crate) fn params(&self) -> &[f32] {
        &self.learning.params
    }

    /// Overwrites the parameters.
    pub(crate) fn set_params(&mut self, params: &[f32]) {
        self.learning.params.copy_from_slice(params);
    }

    /// The values of states, `[rows]`.
    pub(crate) fn values(&mut self, states: States<'_>, values: &mut [f32]) {
        let Self { critic, dim, learning: Learning { params, inputs, .. }, cache, .. } = self;
        let rows: Vec<u32> = (0..values.len() as u32).collect();
        for (rows, values) in rows.chunks(CHUNK).zip(values.chunks_mut(CHUNK)) {
            see(states, critic.inputs() - *dim, *dim, rows, inputs);
            critic.forward(params, inputs, cache);
            values.copy_from_slice(cache.outputs());
        }
    }
}

/// Gathers what the critic sees of some states: the policy's `width` inputs and `dim` dynamics parameters each.
fn see(states: States<'_>, width: usize, dim: usize, rows: &[u32], to: &mut Vec<f32>) {
    if dim == 0 {
        return gather(states.inputs, width, rows, to);
    }
    to.clear();
    for row in rows.iter().map(|&row| row as usize) {
        to.extend_from_slice(&states.inputs[row * width..][..width]);
        to.extend_from_slice(&states.dynamics[row * dim..][..dim]);
    }
}

impl Half for CriticHalf {
    fn gradient(&mut self, config: &PpoConfig, minibatch: Minibatch<'_>) -> f64 {
        let Self { critic, dim, learning, cache, d_values } = self;
        let Learning { params, gradient, inputs, losses, .. } = learning;
        let samples = minibatch.samples;
        let weight = 1.0 / minibatch.rows.len() as f32;
        let (clip, value_weight) = (config.clip as f32, config.value_weight as f32);
        gradient.fill(0.0);
        for rows in minibatch.rows.chunks(CHUNK) {
            see(samples.states(), critic.inputs() - *dim, *dim, rows, inputs);
            critic.forward(params, inputs, cache);
            d_values.clear();
            for (&value, &row) in cache.outputs().iter().zip(rows) {
                let old = config.clip_value.then_some(samples.values[row as usize]);
                let (loss, d_value) = value_loss(value, samples.returns[row as usize], old, clip);
                d_values.push(weight * value_weight * d_value);
                losses.value += f64::from(loss);
            }
            losses.count += rows.len() as f64;
            critic.backward(params, inputs, d_values, cache, gradient);
        }
        squared_norm(gradient)
    }

    fn step(&mut self, learning_rate: f64, scale: f32) {
        self.learning.step(learning_rate, scale);
    }

    fn take_losses(&mut self) -> Losses {
        self.learning.take_losses()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Samples;
    use wr2l_nn::norm;

    const INPUTS: usize = 3;

    fn body(hidden: &[usize]) -> Body<'_> {
        Body { inputs: INPUTS, convolutions: None, hidden }
    }

    /// Made-up transitions.
    fn samples(n: usize, actions: &ActionSpace) -> Samples {
        let mut stream = StreamKey::new(9, Purpose::Test).stream();
        let mut draw = |n: usize| (0..n).map(|_| stream.normal() as f32).collect::<Vec<f32>>();
        Samples {
            inputs: draw(n * 3),
            dynamics: draw(n * 2),
            actions: match actions {
                ActionSpace::Continuous { .. } => draw(n * actions.dim()),
                ActionSpace::Discrete { .. } => {
                    draw(n).iter().map(|a| f32::from(u8::from(*a > 0.0))).collect()
                }
            },
            log_probs: draw(n).iter().map(|x| -2.0 + 0.3 * x).collect(),
            values: draw(n),
            advantages: draw(n),
            returns: draw(n),
            ..Samples::default()
        }
    }

    #[test]
    fn rows_of_every_width_are_gathered() {
        for width in 1..=40 {
            let from: Vec<f32> = (0..7 * width).map(|i| i as f32).collect();
            let mut to = vec![f32::NAN; 3];
            gather(&from, width, &[6, 0, 3, 3], &mut to);
            let expected: Vec<f32> =
                [6, 0, 3, 3].iter().flat_map(|row| from[row * width..][..width].to_vec()).collect();
            assert_eq!(to, expected, "{width}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_objective() {
        let n = 150; // three chunks
        for actions in [
            ActionSpace::Continuous { low: vec![-1.0; 2], high: vec![1.0; 2] },
            ActionSpace::Discrete { n: 2 },
        ] {
            for clip_value in [false, true] {
                let config = PpoConfig { entropy: 0.02, clip_value, ..PpoConfig::default() };
                let samples = samples(n, &actions);
                let rows: Vec<u32> = (0..n as u32).rev().collect();
                let minibatch = Minibatch { rows: &rows, samples: &samples };
                let mut policy = PolicyHalf::new(body(&[16, 8]), &actions, 1.0, 4).unwrap();
                let what = format!("{actions:?}, clip_value {clip_value}");
                directional_derivatives(&mut policy, |half| &mut half.learning, &config, minibatch, &what);
                for dim in [0, 2] {
                    let mut critic = CriticHalf::new(body(&[16, 8]), dim, 4).unwrap();
                    let what = format!("{what}, critic sees {dim} parameters");
                    directional_derivatives(
                        &mut critic,
                        |half| &mut half.learning,
                        &config,
                        minibatch,
                        &what,
                    );
                }
            }
        }
    }

    /// Compares the gradient of a half with differences of the objective, along itself and along random directions.
    fn directional_derivatives<H: Half>(
        half: &mut H,
        learning: fn(&mut H) -> &mut Learning,
        config: &PpoConfig,
        minibatch: Minibatch<'_>,
        what: &str,
    ) {
        let squared = half.gradient(config, minibatch);
        half.take_losses();
        let gradient = learning(half).gradient.clone();
        assert_eq!(squared.sqrt(), norm(&gradient));
        let params = learning(half).params.clone();
        let mut stream = StreamKey::new(10, Purpose::Test).stream();
        for direction in 0..4 {
            let mut d: Vec<f32> = match direction {
                0 => gradient.clone(),
                _ => (0..params.len()).map(|_| stream.normal() as f32).collect(),
            };
            let length = norm(&d) as f32;
            d.iter_mut().for_each(|x| *x /= length);
            let h = 2e-3_f32;
            let mut at = |h: f32| {
                learning(half).params = params.iter().zip(&d).map(|(p, d)| p + h * d).collect();
                half.gradient(config, minibatch);
                let losses = half.take_losses();
                losses.policy + config.value_weight * losses.value - config.entropy * losses.entropy
            };
            let numeric = (at(h) - at(-h)) / (2.0 * f64::from(h));
            let exact: f64 = gradient.iter().zip(&d).map(|(g, d)| f64::from(g * d)).sum();
            let error = (numeric - exact).abs();
            assert!(error < 0.02 * norm(&gradient), "{what}, {direction}: {numeric} against {exact}");
        }
    }

    #[test]
    fn a_critic_that_sees_the_dynamics_values_a_state_by_them_and_one_that_does_not_does_not() {
        for dim in [0, 2] {
            let mut critic = CriticHalf::new(body(&[16]), dim, 4).unwrap();
            let mut values = [0.0; 2];
            let inputs = [0.3, -0.2, 1.0].repeat(2);
            critic.values(States { inputs: &inputs, dynamics: &[0.5, 0.0, -0.5, 0.1] }, &mut values);
            assert_eq!(values[0] == values[1], dim == 0, "{values:?}");
        }
    }

    #[test]
    fn real_actions_start_with_the_standard_deviation_that_is_asked_for() {
        let half = |actions| PolicyHalf::new(body(&[8]), &actions, 0.25, 4).unwrap();
        let real = half(ActionSpace::Continuous { low: vec![-1.0; 3], high: vec![1.0; 3] });
        assert_eq!(real.policy.log_std(real.params()), [0.25_f32.ln(); 3]);
        let choice = half(ActionSpace::Discrete { n: 2 });
        assert!(choice.policy.log_std(choice.params()).is_empty());
        let other = PolicyHalf::new(body(&[8]), &ActionSpace::Discrete { n: 2 }, 1.0, 4).unwrap();
        assert_eq!(choice.params(), other.params(), "a choice has none");
    }

    #[test]
    fn a_single_sample_gives_a_finite_gradient() {
        let actions = ActionSpace::Continuous { low: vec![-1.0], high: vec![1.0] };
        let samples = samples(1, &actions);
        let mut policy = PolicyHalf::new(body(&[8]), &actions, 1.0, 4).unwrap();
        policy.gradient(&PpoConfig::default(), Minibatch { rows: &[0], samples: &samples });
        assert!(policy.learning.gradient.iter().all(|g| g.is_finite()));
        assert_eq!(policy.take_losses().policy, 0.0, "its standardised advantage is 0");
    }
}
