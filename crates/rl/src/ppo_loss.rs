//! PPO's networks and the gradient of its objective on a minibatch.

use wr2l_nn::{Adam, Mlp, MlpCache, Normaliser, Policy, PolicyCache, clip_scale, norm};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, SimSpec};

use crate::samples::Samples;
use crate::{Actor, PpoConfig, RlError};

/// Rows whose gradient is summed at a time. The gradient of a minibatch is the sum over its chunks in order, so
/// that it has the same bits however many threads compute chunks.
const CHUNK: usize = 64;

/// Policy and critic over one flat parameter vector, with all scratch that learning needs.
#[derive(Debug)]
pub(crate) struct PpoNetworks {
    policy: Policy,
    critic: Mlp,
    /// The policy's parameters, then the critic's.
    params: Vec<f32>,
    gradient: Vec<f32>,
    chunk_gradient: Vec<f32>,
    policy_cache: PolicyCache,
    critic_cache: MlpCache,
    chunk: Chunk,
}

/// The rows of a chunk, gathered, and their derivatives.
#[derive(Debug, Default)]
struct Chunk {
    inputs: Vec<f32>,
    actions: Vec<f32>,
    d_log_probs: Vec<f32>,
    d_entropies: Vec<f32>,
    d_values: Vec<f32>,
}

/// A minibatch: which transitions of a prepared batch.
pub(crate) struct Minibatch<'a> {
    /// Transitions, as the batch numbers them.
    pub(crate) rows: &'a [u32],
    /// The batch.
    pub(crate) samples: &'a Samples,
}

/// Means over samples of what the objective is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Losses {
    /// Samples that the sums below are over.
    count: f64,
    /// Clipped surrogate.
    pub(crate) policy: f64,
    /// Half the squared error of the critic.
    pub(crate) value: f64,
    /// Entropy in nats.
    pub(crate) entropy: f64,
    /// (r − 1) − ln r.
    pub(crate) kl: f64,
    /// Samples with a ratio outside the clip range.
    pub(crate) clip_fraction: f64,
}

impl Losses {
    /// Adds the sums of other samples.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.policy += other.policy;
        self.value += other.value;
        self.entropy += other.entropy;
        self.kl += other.kl;
        self.clip_fraction += other.clip_fraction;
    }

    /// Turns sums into means.
    pub(crate) fn mean(&self) -> Self {
        let n = self.count.max(1.0);
        Self {
            count: 1.0,
            policy: self.policy / n,
            value: self.value / n,
            entropy: self.entropy / n,
            kl: self.kl / n,
            clip_fraction: self.clip_fraction / n,
        }
    }
}

impl PpoNetworks {
    /// Freshly initialised networks for a task.
    pub(crate) fn new(spec: &SimSpec, hidden: &[usize], seed: u64) -> Result<Self, RlError> {
        let policy = match &spec.actions {
            ActionSpace::Continuous { low, .. } => Policy::gaussian(spec.obs_dim, hidden, low.len())?,
            ActionSpace::Discrete { n } => Policy::categorical(spec.obs_dim, hidden, *n)?,
        };
        let critic = Mlp::new(&[&[spec.obs_dim], hidden, &[1]].concat())?;
        let mut params = vec![0.0; policy.parameters() + critic.parameters()];
        let (policy_params, critic_params) = params.split_at_mut(policy.parameters());
        let key = StreamKey::new(seed, Purpose::Initialisation);
        policy.initialise(&mut key.lane(0).stream(), policy_params);
        critic.initialise(1.0, &mut key.lane(1).stream(), critic_params);
        Ok(Self {
            gradient: vec![0.0; params.len()],
            chunk_gradient: vec![0.0; params.len()],
            policy_cache: policy.cache(CHUNK),
            critic_cache: critic.cache(CHUNK),
            chunk: Chunk::default(),
            policy,
            critic,
            params,
        })
    }

    /// The policy as it stands, acting through `normaliser`.
    pub(crate) fn actor(&self, spec: &SimSpec, normaliser: Normaliser) -> Result<Actor, RlError> {
        Actor::new(self.policy.clone(), self.policy_params().to_vec(), normaliser, spec.actions.clone())
    }

    /// All parameters: the policy's, then the critic's.
    pub(crate) fn params(&self) -> &[f32] {
        &self.params
    }

    /// Overwrites all parameters.
    pub(crate) fn set_params(&mut self, params: &[f32]) {
        self.params.copy_from_slice(params);
    }

    /// The policy's parameters.
    pub(crate) fn policy_params(&self) -> &[f32] {
        &self.params[..self.policy.parameters()]
    }

    /// The critic's values of normalised observations `inputs`, `[rows, obs_dim]`, into `values`, `[rows]`.
    pub(crate) fn values(&mut self, inputs: &[f32], values: &mut [f32]) {
        let critic_params = &self.params[self.policy.parameters()..];
        let width = self.critic.inputs();
        for (inputs, values) in inputs.chunks(CHUNK * width).zip(values.chunks_mut(CHUNK)) {
            self.critic.forward(critic_params, inputs, &mut self.critic_cache);
            values.copy_from_slice(self.critic_cache.outputs());
        }
    }

    /// Computes the gradient of the minibatch's objective
    /// `mean[−min(r A, clip(r) A)] + value_weight · mean[½(V − R)²] − entropy · mean[H]`, to be minimised, and
    /// returns the sums of the losses.
    pub(crate) fn gradient(&mut self, config: &PpoConfig, minibatch: &Minibatch<'_>) -> Losses {
        self.gradient.fill(0.0);
        let mut losses = Losses::default();
        let (shift, scale) = match config.normalise_advantages {
            true => standardisation(minibatch),
            false => (0.0, 1.0),
        };
        for rows in minibatch.rows.chunks(CHUNK) {
            self.gather(minibatch, rows);
            losses.add(&self.chunk_gradient(config, minibatch, rows, shift, scale));
            for (sum, part) in self.gradient.iter_mut().zip(&self.chunk_gradient) {
                *sum += part;
            }
        }
        losses
    }

    fn gather(&mut self, minibatch: &Minibatch<'_>, rows: &[u32]) {
        let (obs_dim, act_dim) = (self.critic.inputs(), self.policy.action_dim());
        let Chunk { inputs, actions, .. } = &mut self.chunk;
        inputs.clear();
        actions.clear();
        for &row in rows {
            let row = row as usize;
            inputs.extend_from_slice(&minibatch.samples.inputs[row * obs_dim..][..obs_dim]);
            actions.extend_from_slice(&minibatch.samples.actions[row * act_dim..][..act_dim]);
        }
    }

    /// The gradient of one gathered chunk, into `chunk_gradient`.
    fn chunk_gradient(
        &mut self,
        config: &PpoConfig,
        minibatch: &Minibatch<'_>,
        rows: &[u32],
        shift: f32,
        scale: f32,
    ) -> Losses {
        let Self { policy, critic, params, chunk_gradient, policy_cache, critic_cache, chunk, .. } = self;
        let (policy_params, critic_params) = params.split_at(policy.parameters());
        policy.forward(policy_params, &chunk.inputs, policy_cache);
        policy.evaluate(policy_params, &chunk.actions, policy_cache);
        critic.forward(critic_params, &chunk.inputs, critic_cache);
        chunk.d_log_probs.clear();
        chunk.d_entropies.clear();
        chunk.d_values.clear();
        let weight = 1.0 / minibatch.rows.len() as f32;
        let (clip, value_weight) = (config.clip as f32, config.value_weight as f32);
        let mut losses = Losses { count: rows.len() as f64, ..Losses::default() };
        for (i, &row) in rows.iter().enumerate() {
            let (row, samples) = (row as usize, minibatch.samples);
            let log_ratio = policy_cache.log_probs()[i] - samples.log_probs[row];
            let ratio = log_ratio.exp();
            let advantage = (samples.advantages[row] - shift) * scale;
            let surrogate = Surrogate::new(ratio, advantage, clip);
            chunk.d_log_probs.push(weight * surrogate.d_log_prob);
            chunk.d_entropies.push(-weight * config.entropy as f32);
            let (value, target) = (critic_cache.outputs()[i], samples.returns[row]);
            let old_value = config.clip_value.then_some(samples.values[row]);
            let (value_loss, d_value) = value_loss(value, target, old_value, clip);
            chunk.d_values.push(weight * value_weight * d_value);
            losses.policy += f64::from(surrogate.loss);
            losses.value += f64::from(value_loss);
            losses.entropy += f64::from(policy_cache.entropies()[i]);
            losses.kl += f64::from(ratio - 1.0 - log_ratio);
            losses.clip_fraction += f64::from(u8::from((ratio - 1.0).abs() > clip));
        }
        chunk_gradient.fill(0.0);
        let (policy_gradient, critic_gradient) = chunk_gradient.split_at_mut(policy.parameters());
        policy.backward(
            policy_params,
            &chunk.inputs,
            &chunk.actions,
            &chunk.d_log_probs,
            &chunk.d_entropies,
            policy_cache,
            policy_gradient,
        );
        critic.backward(critic_params, &chunk.inputs, &chunk.d_values, critic_cache, critic_gradient, None);
        losses
    }

    /// One step of Adam against the gradient, scaled down to a Euclidean norm of at most `limit`; returns the norm
    /// it had. A norm that is not finite changes nothing.
    pub(crate) fn step(&mut self, adam: &mut Adam, learning_rate: f64, limit: f64) -> f64 {
        let norm = norm(&self.gradient);
        if norm.is_finite() {
            adam.update(learning_rate, clip_scale(norm, limit), &self.gradient, &mut self.params);
        }
        norm
    }
}

/// The clipped surrogate −min(r A, clip(r) A) of one sample.
struct Surrogate {
    loss: f32,
    /// Derivative by ln π(a|s); 0 where the clipped branch is the smaller.
    d_log_prob: f32,
}

impl Surrogate {
    fn new(ratio: f32, advantage: f32, clip: f32) -> Self {
        let free = ratio * advantage;
        let clipped = ratio.clamp(1.0 - clip, 1.0 + clip) * advantage;
        // Where both branches are equal (inside the range) the free one counts. NaN goes through either.
        if clipped < free {
            Self { loss: -clipped, d_log_prob: 0.0 }
        } else {
            Self { loss: -free, d_log_prob: -free }
        }
    }
}

/// ½(V − R)² and its derivative by V. With the value before the update given, the larger of that and ½(V' − R)²,
/// where V' is V moved from the old value by at most `clip`.
fn value_loss(value: f32, target: f32, old: Option<f32>, clip: f32) -> (f32, f32) {
    let error = value - target;
    let free = (0.5 * error * error, error);
    let Some(old) = old else { return free };
    let moved = value - old;
    let clipped_error = old + moved.clamp(-clip, clip) - target;
    let clipped = 0.5 * clipped_error * clipped_error;
    if clipped > free.0 {
        // Outside the range the clipped value does not move with V.
        (clipped, if moved.abs() > clip { 0.0 } else { clipped_error })
    } else {
        free
    }
}

/// Mean and 1/(deviation + 1e-8) of the minibatch's advantages.
fn standardisation(minibatch: &Minibatch<'_>) -> (f32, f32) {
    let n = minibatch.rows.len() as f64;
    let advantages =
        || minibatch.rows.iter().map(|&row| f64::from(minibatch.samples.advantages[row as usize]));
    let mean = advantages().sum::<f64>() / n;
    // Unbiased, as PyTorch's `std`; a single sample has no deviation.
    let variance = advantages().map(|a| (a - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean as f32, (1.0 / (variance.sqrt() + 1e-8)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(actions: ActionSpace) -> SimSpec {
        SimSpec { obs_dim: 3, actions, nq: 1, nv: 1, episode_limit: 10, dt: 0.01, snapshot_len: 3 }
    }

    /// A batch of `n` made-up transitions.
    fn batch(n: usize, act_dim: usize, discrete: bool) -> Samples {
        let mut stream = StreamKey::new(9, Purpose::Test).stream();
        let mut draw = |n: usize| (0..n).map(|_| stream.normal() as f32).collect::<Vec<f32>>();
        let actions = draw(n * act_dim);
        Samples {
            inputs: draw(n * 3),
            actions: if discrete {
                actions.iter().map(|a| f32::from(u8::from(*a > 0.0))).collect()
            } else {
                actions
            },
            log_probs: draw(n).iter().map(|x| -2.0 + 0.3 * x).collect(),
            values: draw(n),
            advantages: draw(n),
            returns: draw(n),
            ..Samples::default()
        }
    }

    fn objective(config: &PpoConfig, networks: &mut PpoNetworks, minibatch: &Minibatch<'_>) -> f64 {
        let losses = networks.gradient(config, minibatch).mean();
        losses.policy + config.value_weight * losses.value - config.entropy * losses.entropy
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
                let mut networks = PpoNetworks::new(&spec(actions.clone()), &[16, 8], 4).unwrap();
                let samples = batch(n, actions.dim(), matches!(actions, ActionSpace::Discrete { .. }));
                let mut stream = StreamKey::new(10, Purpose::Test).stream();
                let rows: Vec<u32> = (0..n as u32).rev().collect();
                let minibatch = Minibatch { rows: &rows, samples: &samples };
                networks.gradient(&config, &minibatch);
                let gradient = networks.gradient.clone();
                let params = networks.params.clone();
                // Directional derivatives: along the gradient, and along random directions.
                for direction in 0..4 {
                    let mut d: Vec<f32> = match direction {
                        0 => gradient.clone(),
                        _ => (0..params.len()).map(|_| stream.normal() as f32).collect(),
                    };
                    let length = norm(&d) as f32;
                    d.iter_mut().for_each(|x| *x /= length);
                    let h = 2e-3_f32;
                    let mut at = |h: f32| {
                        let moved: Vec<f32> = params.iter().zip(&d).map(|(p, d)| p + h * d).collect();
                        networks.set_params(&moved);
                        objective(&config, &mut networks, &minibatch)
                    };
                    let numeric = (at(h) - at(-h)) / (2.0 * f64::from(h));
                    let exact: f64 = gradient.iter().zip(&d).map(|(g, d)| f64::from(g * d)).sum();
                    let error = (numeric - exact).abs();
                    assert!(
                        error < 0.02 * norm(&gradient),
                        "{actions:?} {direction}: {numeric} against {exact}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_surrogate_pushes_no_further_than_the_clip_range() {
        // Good action already more likely than 1 + clip: no push. Bad action there: pushed back.
        assert_eq!(Surrogate::new(1.3, 1.0, 0.2).d_log_prob, 0.0);
        assert!(Surrogate::new(1.3, -1.0, 0.2).d_log_prob > 0.0);
        assert_eq!(Surrogate::new(0.7, -1.0, 0.2).d_log_prob, 0.0);
        assert!(Surrogate::new(0.7, 1.0, 0.2).d_log_prob < 0.0);
        assert!(Surrogate::new(f32::NAN, 1.0, 0.2).loss.is_nan(), "NaN is not swallowed");
    }

    #[test]
    fn a_single_sample_has_standardised_advantage_zero_and_nothing_is_not_finite() {
        let config = PpoConfig::default();
        let actions = ActionSpace::Continuous { low: vec![-1.0], high: vec![1.0] };
        let mut networks = PpoNetworks::new(&spec(actions), &[8], 4).unwrap();
        let samples = batch(1, 1, false);
        let minibatch = Minibatch { rows: &[0], samples: &samples };
        let losses = networks.gradient(&config, &minibatch);
        assert_eq!(losses.policy, 0.0);
        assert!(networks.gradient.iter().all(|g| g.is_finite()));
    }
}
