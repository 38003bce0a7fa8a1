//! What one PPO update costs: two tanh networks of 2×64, forward, backward, norm, Adam, on one core.
//!
//! `cargo run --release -p wr2l-nn --example update_speed`
//!
//! Prints the best of many short repetitions, in total and part by part: on a machine that others use as
//! well, the best is what the code costs, the mean what the neighbours do. The floor is what the matrix products
//! alone would take at the rate that a product of 64 × 64 × 64 reaches in the same run.

use std::hint::black_box;
use std::time::Instant;
use wr2l_nn::{
    Adam, AdamConfig, Head, InstructionSet, Mlp, MlpCache, Policy, PolicyCache, clip_scale, norm, product,
    sum_chunks,
};
use wr2l_rng::{Purpose, StreamKey};

const OBSERVATIONS: usize = 11;
const ACTIONS: usize = 3;
/// Rows whose activations are in memory at once.
const CHUNK: usize = 64;
/// A minibatch is cut into at most this many parts of whole chunks, each with a gradient of its own that one
/// thread computes; the number must not depend on the number of threads, or the bits would.
const PARTS: usize = 8;

struct Batch {
    observations: Vec<f32>,
    actions: Vec<f32>,
    old_log_probs: Vec<f32>,
    advantages: Vec<f32>,
    returns: Vec<f32>,
}

struct Learner {
    policy: Policy,
    critic: Mlp,
    /// Policy, then critic.
    params: Vec<f32>,
    adam: Adam,
    policy_cache: PolicyCache,
    critic_cache: MlpCache,
    d_log_probs: Vec<f32>,
    d_entropies: Vec<f32>,
    d_values: Vec<f32>,
    /// `[parts, parameters]`.
    part_gradients: Vec<f32>,
    gradient: Vec<f32>,
}

/// Rows of a part: whole chunks.
fn part_rows(minibatch: usize) -> usize {
    minibatch.div_ceil(PARTS).next_multiple_of(CHUNK)
}

impl Learner {
    fn new(minibatch: usize, instructions: InstructionSet) -> Self {
        let policy = Policy::new(Head::Gaussian, OBSERVATIONS, &[64, 64], ACTIONS, instructions)
            .expect("widths above 0");
        let critic =
            Mlp::with_instructions(&[OBSERVATIONS, 64, 64, 1], instructions).expect("widths above 0");
        let parameters = policy.parameters() + critic.parameters();
        let mut params = vec![0.0; parameters];
        let mut stream = StreamKey::new(1, Purpose::Initialisation).stream();
        policy.initialise(&mut stream, &mut params[..policy.parameters()]);
        critic.initialise(1.0, &mut stream, &mut params[policy.parameters()..]);
        Self {
            adam: Adam::new(parameters, AdamConfig::default()).with_instructions(instructions),
            policy_cache: policy.cache(CHUNK),
            critic_cache: critic.cache(CHUNK),
            d_log_probs: vec![0.0; CHUNK],
            d_entropies: vec![0.0; CHUNK],
            d_values: vec![0.0; CHUNK],
            part_gradients: vec![0.0; minibatch.div_ceil(part_rows(minibatch)) * parameters],
            gradient: vec![0.0; parameters],
            policy,
            critic,
            params,
        }
    }

    fn forward(&mut self, batch: &Batch, rows: std::ops::Range<usize>) {
        let observations = &batch.observations[rows.start * OBSERVATIONS..rows.end * OBSERVATIONS];
        let (policy_params, critic_params) = self.params.split_at(self.policy.parameters());
        self.policy.forward(policy_params, observations, &mut self.policy_cache);
        self.critic.forward(critic_params, observations, &mut self.critic_cache);
    }

    /// Adds the gradient of one chunk to that of its part: clipped surrogate, half squared value error.
    fn chunk_gradient(&mut self, batch: &Batch, rows: std::ops::Range<usize>, part: usize) {
        self.forward(batch, rows.clone());
        let n = rows.len();
        let weight = 1.0 / batch.returns.len() as f32;
        let observations = &batch.observations[rows.start * OBSERVATIONS..rows.end * OBSERVATIONS];
        let actions = &batch.actions[rows.start * ACTIONS..rows.end * ACTIONS];
        let (policy_params, critic_params) = self.params.split_at(self.policy.parameters());
        let gradient = &mut self.part_gradients[part * self.params.len()..][..self.params.len()];
        let (d_policy, d_critic) = gradient.split_at_mut(self.policy.parameters());

        self.policy.evaluate(policy_params, actions, &mut self.policy_cache);
        for i in 0..n {
            let row = rows.start + i;
            let ratio = (self.policy_cache.log_probs()[i] - batch.old_log_probs[row]).exp();
            let advantage = batch.advantages[row];
            let clipped = if advantage > 0.0 { ratio > 1.2 } else { ratio < 0.8 };
            self.d_log_probs[i] = if clipped { 0.0 } else { -weight * ratio * advantage };
            self.d_entropies[i] = 0.0;
            self.d_values[i] = 0.5 * weight * (self.critic_cache.outputs()[i] - batch.returns[row]);
        }
        self.policy.backward(
            policy_params,
            observations,
            actions,
            &self.d_log_probs[..n],
            &self.d_entropies[..n],
            &mut self.policy_cache,
            d_policy,
        );
        let d_values = &self.d_values[..n];
        self.critic.backward(critic_params, observations, d_values, &mut self.critic_cache, d_critic, None);
    }

    fn update(&mut self, batch: &Batch) {
        let n = batch.returns.len();
        self.part_gradients.fill(0.0);
        for start in (0..n).step_by(CHUNK) {
            self.chunk_gradient(batch, start..n.min(start + CHUNK), start / part_rows(n));
        }
        sum_chunks(&self.part_gradients, &mut self.gradient);
        let scale = clip_scale(norm(&self.gradient), 0.5);
        self.adam.update(3.0e-4, scale, &self.gradient, &mut self.params);
    }
}

/// Multiply-adds of the products of one sample: forward, gradient of the weights, and of what the second layer and the
/// outputs see.
const MULTIPLY_ADDS: usize = {
    let first = OBSERVATIONS * 64;
    let outputs = 64 * ACTIONS + 64;
    2 * (2 * first + 3 * 64 * 64) + 3 * outputs
};

/// Multiply-adds that one core does in a microsecond, in products of a given shape that lie in the first-level cache.
fn product_rate(instructions: InstructionSet, shape: [usize; 3]) -> f64 {
    let [rows, inner, columns] = shape;
    let (a, b) = (vec![0.3; rows * inner], vec![0.2; inner * columns]);
    let mut c = vec![0.0; rows * columns];
    (rows * inner * columns) as f64
        / best_of_many(|| product(instructions, shape, black_box(&a), black_box(&b), &mut c))
}

/// The shortest time of one call, in microseconds.
fn best(mut f: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    let begin = Instant::now();
    while begin.elapsed().as_secs_f64() < 1.0 {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1.0e6
}

/// The shortest time of one call in a row of a hundred, for what is too short for the clock.
fn best_of_many(mut f: impl FnMut()) -> f64 {
    best(|| (0..100).for_each(|_| f())) / 100.0
}

fn main() {
    println!("instruction set: {}", InstructionSet::detect().name());
    for instructions in InstructionSet::available() {
        let rates = [[64, 64, 64], [64, OBSERVATIONS, 64], [256, 256, 256], [512, 512, 512]]
            .map(|shape| format!("{:.0}", 2e-3 * product_rate(instructions, shape)));
        let name = instructions.name();
        println!("products on {name}: {} GFLOP/s at 64, 64 × {OBSERVATIONS}, 256 and 512", rates.join(", "));
    }
    let rate = product_rate(InstructionSet::detect(), [64; 3]);
    for minibatch in [64, 256, 2048] {
        let mut stream = StreamKey::new(2, Purpose::Test).stream();
        let mut normals = |len: usize| (0..len).map(|_| stream.normal() as f32).collect::<Vec<_>>();
        let batch = Batch {
            observations: normals(minibatch * OBSERVATIONS),
            actions: normals(minibatch * ACTIONS),
            old_log_probs: normals(minibatch).iter().map(|x| -4.0 + 0.1 * x).collect(),
            advantages: normals(minibatch),
            returns: normals(minibatch),
        };
        let mut learner = Learner::new(minibatch, InstructionSet::detect());
        let total = best(|| learner.update(black_box(&batch)));
        let floor = (minibatch * MULTIPLY_ADDS) as f64 / rate;
        println!("minibatch {minibatch:4}: {total:8.2} µs an update, {:.2} × its floor", total / floor);
        if minibatch == 64 {
            let forward = best(|| learner.forward(black_box(&batch), 0..64));
            let gradient = best(|| learner.chunk_gradient(black_box(&batch), 0..64, 0));
            let parts = learner.part_gradients.clone();
            let sum = best(|| sum_chunks(black_box(&parts), &mut learner.gradient));
            let norm = best(|| {
                black_box(norm(black_box(&learner.gradient)));
            });
            // A gradient of ones: one that stays 0 would end in subnormal means, which the CPU is slow at.
            let ones = vec![1.0; learner.gradient.len()];
            let mut adam = Adam::new(ones.len(), AdamConfig::default());
            let adam = best(|| adam.update(3.0e-4, 1.0, black_box(&ones), &mut learner.params));
            let mut portable = Learner::new(minibatch, InstructionSet::portable());
            let portable = best(|| portable.update(black_box(&batch)));
            println!("  on the portable instruction set {portable:.2} µs");
            println!("  forward {forward:.2} µs, loss and backward {:.2} µs", gradient - forward);
            println!("  sum of parts {sum:.2} µs, norm {norm:.2} µs, Adam {adam:.2} µs");
        }
    }
    let mut learner = Learner::new(1, InstructionSet::detect());
    let observation = [0.1; OBSERVATIONS];
    let params = learner.params[..learner.policy.parameters()].to_vec();
    let single =
        best_of_many(|| learner.policy.forward(&params, black_box(&observation), &mut learner.policy_cache));
    println!("forward of a single row: {:.0} ns", single * 1.0e3);
    let (mut action, mut log_prob) = ([0.0; ACTIONS], [0.0]);
    let sample = best_of_many(|| {
        learner.policy.sample(
            &params,
            black_box(&[0.3; ACTIONS]),
            &learner.policy_cache,
            &mut action,
            &mut log_prob,
        );
    });
    println!("sampling an action and its log-probability: {:.0} ns", sample * 1.0e3);
}
