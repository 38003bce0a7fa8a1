//! One of n choices, given by logits: one row at a time, and finite for logits up to 1e38.

/// ln Σ eˡ, split into the largest logit and the rest so that ln pᵢ = (lᵢ − largest) − rest loses nothing.
struct LogSum {
    largest: f32,
    rest: f32,
}

impl LogSum {
    fn of(logits: &[f32]) -> Self {
        let largest = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let rest = logits.iter().map(|l| (l - largest).exp()).sum::<f32>().ln();
        Self { largest, rest }
    }

    fn log_prob(&self, logit: f32) -> f32 {
        (logit - self.largest) - self.rest
    }
}

/// ln p of a choice.
pub(crate) fn log_prob(logits: &[f32], choice: usize) -> f32 {
    LogSum::of(logits).log_prob(logits[choice])
}

/// The first choice at which the cumulative probability passes `uniform` ∈ [0, 1).
pub(crate) fn sample(logits: &[f32], uniform: f64) -> usize {
    let total = LogSum::of(logits);
    let mut left = uniform;
    let mut last_possible = 0;
    for (i, logit) in logits.iter().enumerate() {
        let probability = f64::from(total.log_prob(*logit)).exp();
        if left < probability {
            return i;
        }
        left -= probability;
        if probability > 0.0 {
            last_possible = i;
        }
    }
    // The probabilities add up to a little less than 1 in floating point.
    last_possible
}

/// The first of the most probable choices.
pub(crate) fn mode(logits: &[f32]) -> usize {
    let mut best = 0;
    for i in 1..logits.len() {
        if logits[i] > logits[best] {
            best = i;
        }
    }
    best
}

/// H = −Σ p ln p.
pub(crate) fn entropy(logits: &[f32]) -> f32 {
    let total = LogSum::of(logits);
    -logits.iter().map(|l| total.log_prob(*l)).map(|log_p| log_p.exp() * log_p).sum::<f32>()
}

/// Overwrites the gradient of the logits, for a loss with the given derivatives:
/// ∂ln p_c/∂lᵢ = 1{i = c} − pᵢ, ∂H/∂lᵢ = −pᵢ (ln pᵢ + H).
pub(crate) fn backward(logits: &[f32], choice: usize, d_log_prob: f32, d_entropy: f32, d_logits: &mut [f32]) {
    let total = LogSum::of(logits);
    let entropy = entropy(logits);
    for (i, d_logit) in d_logits.iter_mut().enumerate() {
        let log_p = total.log_prob(logits[i]);
        let p = log_p.exp();
        let chosen = if i == choice { 1.0 } else { 0.0 };
        *d_logit = d_log_prob * (chosen - p) - d_entropy * p * (log_p + entropy);
    }
}

/// KL(p ‖ q) = Σ p (ln p − ln q).
pub(crate) fn kl(p_logits: &[f32], q_logits: &[f32]) -> f64 {
    let (p_total, q_total) = (LogSum::of(p_logits), LogSum::of(q_logits));
    let term = |(p, q): (&f32, &f32)| {
        let log_p = f64::from(p_total.log_prob(*p));
        log_p.exp() * (log_p - f64::from(q_total.log_prob(*q)))
    };
    p_logits.iter().zip(q_logits).map(term).sum()
}

/// Replaces a change of the logits, v, by the Fisher information's product with it: (diag(p) − p·pᵀ)·v.
pub(crate) fn fisher(logits: &[f32], v: &mut [f32]) {
    let total = LogSum::of(logits);
    let mean: f32 = logits.iter().zip(v.iter()).map(|(l, v)| total.log_prob(*l).exp() * v).sum();
    for (v, logit) in v.iter_mut().zip(logits) {
        *v = total.log_prob(*logit).exp() * (*v - mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_beyond_what_the_probabilities_add_up_to_is_the_last_possible_choice() {
        // In f32 these add up to less than 1; the last one is impossible.
        let short = (2..12).map(|n| [vec![0.0; n], vec![f32::NEG_INFINITY]].concat()).find(|logits| {
            let total = LogSum::of(logits);
            let sum: f64 = logits.iter().map(|l| f64::from(total.log_prob(*l)).exp()).sum();
            sum < 1.0 - 1e-12
        });
        let logits = short.expect("rounding goes down for some");
        let last = logits.len() - 2;
        assert_eq!(sample(&logits, 1.0 - f64::EPSILON / 2.0), last);
        assert_eq!(sample(&logits, 0.0), 0);
    }
}
