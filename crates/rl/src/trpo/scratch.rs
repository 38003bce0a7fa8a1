//! What steps of a policy measure over a batch: gradients, products with the Fisher matrix, trials.

use wr2l_nn::{Policy, PolicyCache};

use crate::samples::Samples;

/// Rows whose derivatives are computed at a time, so that their activations stay in the first-level cache.
pub(crate) const CHUNK: usize = 64;

/// Buffers of the policy's step.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) old: PolicyCache,
    new: PolicyCache,
    pub(crate) inputs: Vec<f32>,
    actions: Vec<f32>,
    d_log_probs: Vec<f32>,
    d_entropies: Vec<f32>,
}

/// What a candidate for the new policy is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Trial {
    /// L(θ) − L(θ_old), advantages having mean 0.
    pub(crate) gain: f64,
    /// mean[KL(π_old ‖ π_θ)] in nats.
    pub(crate) kl: f64,
    /// Mean entropy of π_θ in nats.
    pub(crate) entropy: f64,
}

impl Scratch {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            old: policy.cache(CHUNK),
            new: policy.cache(CHUNK),
            inputs: Vec::new(),
            actions: Vec::new(),
            d_log_probs: Vec::new(),
            d_entropies: vec![0.0; CHUNK],
        }
    }

    /// (F + damping·I)·v.
    pub(super) fn damped(
        &mut self,
        damping: f64,
        policy: &Policy,
        params: &[f32],
        samples: &Samples,
        v: &[f64],
        out: &mut [f64],
    ) {
        self.fisher_product(policy, params, samples, v, out);
        out.iter_mut().zip(v).for_each(|(out, v)| *out += damping * v);
    }

    pub(crate) fn gather(&mut self, policy: &Policy, samples: &Samples, rows: &[u32]) {
        let (width, act_dim) = (policy.network().inputs(), policy.action_dim());
        self.inputs.clear();
        self.actions.clear();
        for &row in rows {
            let row = row as usize;
            self.inputs.extend_from_slice(&samples.inputs[row * width..][..width]);
            self.actions.extend_from_slice(&samples.actions[row * act_dim..][..act_dim]);
        }
    }

    /// ∇L(θ_old) = mean[A ∇ln π(a|s)]: the ratio is 1 there.
    pub(super) fn gradient(&mut self, policy: &Policy, params: &[f32], samples: &Samples) -> Vec<f64> {
        let mut sum = vec![0.0; params.len()];
        let mut part = vec![0.0; params.len()];
        for rows in samples.valid.chunks(CHUNK) {
            self.gather(policy, samples, rows);
            self.d_log_probs.clear();
            self.d_log_probs.extend(rows.iter().map(|&row| samples.advantages[row as usize]));
            let Self { old, inputs, actions, d_log_probs, d_entropies, .. } = self;
            policy.forward(params, inputs, old);
            part.fill(0.0);
            policy.backward(params, inputs, actions, d_log_probs, &d_entropies[..rows.len()], old, &mut part);
            add(&part, &mut sum);
        }
        mean(sum, samples.valid.len())
    }

    /// F·v, F being the mean Fisher matrix over the batch.
    pub(super) fn fisher_product(
        &mut self,
        policy: &Policy,
        params: &[f32],
        samples: &Samples,
        v: &[f64],
        out: &mut [f64],
    ) {
        let v: Vec<f32> = v.iter().map(|v| *v as f32).collect();
        let mut part = vec![0.0; params.len()];
        out.fill(0.0);
        for rows in samples.valid.chunks(CHUNK) {
            self.gather(policy, samples, rows);
            policy.forward(params, &self.inputs, &mut self.old);
            part.fill(0.0);
            policy.fisher_product(params, &self.inputs, &v, &mut self.old, &mut part);
            add(&part, out);
        }
        out.iter_mut().for_each(|out| *out /= samples.valid.len() as f64);
    }

    /// Measures what `new` parameters are worth against the `old`.
    pub(crate) fn trial(&mut self, policy: &Policy, old: &[f32], new: &[f32], samples: &Samples) -> Trial {
        let mut sums = Trial::default();
        for rows in samples.valid.chunks(CHUNK) {
            self.gather(policy, samples, rows);
            policy.forward(old, &self.inputs, &mut self.old);
            policy.forward(new, &self.inputs, &mut self.new);
            policy.evaluate(new, &self.actions, &mut self.new);
            sums.kl += policy.mean_kl((old, &self.old), (new, &self.new)) * rows.len() as f64;
            for (i, &row) in rows.iter().enumerate() {
                let row = row as usize;
                let ratio = f64::from(self.new.log_probs()[i] - samples.log_probs[row]).exp();
                sums.gain += (ratio - 1.0) * f64::from(samples.advantages[row]);
                sums.entropy += f64::from(self.new.entropies()[i]);
            }
        }
        let n = samples.valid.len() as f64;
        Trial { gain: sums.gain / n, kl: sums.kl / n, entropy: sums.entropy / n }
    }

    /// How the outputs of the gathered rows change along `direction`, `[rows, outputs]`.
    pub(crate) fn mean_changes(&mut self, policy: &Policy, params: &[f32], direction: &[f32]) -> Vec<f32> {
        policy.forward(params, &self.inputs, &mut self.old);
        let mut changes = vec![0.0; self.old.rows() * policy.mlp().outputs()];
        policy.output_changes(params, &self.inputs, direction, &mut self.old, &mut changes);
        changes
    }

    /// mean[KL(π_new ‖ π_old)].
    pub(crate) fn kl_back(&mut self, policy: &Policy, old: &[f32], new: &[f32], samples: &Samples) -> f64 {
        let mut sum = 0.0;
        for rows in samples.valid.chunks(CHUNK) {
            self.gather(policy, samples, rows);
            policy.forward(old, &self.inputs, &mut self.old);
            policy.forward(new, &self.inputs, &mut self.new);
            sum += policy.mean_kl((new, &self.new), (old, &self.old)) * rows.len() as f64;
        }
        sum / samples.valid.len() as f64
    }
}

fn add(part: &[f32], sum: &mut [f64]) {
    sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(*part));
}

fn mean(mut sum: Vec<f64>, n: usize) -> Vec<f64> {
    sum.iter_mut().for_each(|x| *x /= n as f64);
    sum
}
