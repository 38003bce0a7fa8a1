//! Independent Gaussians with log standard deviations ℓ: one row at a time.

/// ½ ln 2π.
const HALF_LN_TAU: f32 = 0.918_938_5;

/// a = μ + noise/e^−ℓ.
pub(crate) fn sample(mean: &[f32], inverse_std: &[f32], noise: &[f64], action: &mut [f32]) {
    for (j, action) in action.iter_mut().enumerate() {
        *action = (f64::from(mean[j]) + noise[j] / f64::from(inverse_std[j])) as f32;
    }
}

/// Writes e^−ℓ, computed once for all rows of a batch.
pub(crate) fn invert(log_std: &[f32], inverse_std: &mut Vec<f32>) {
    inverse_std.clear();
    inverse_std.extend(log_std.iter().map(|l| (-l).exp()));
}

/// ln p(a) = Σ −½ ((a − μ)/e^ℓ)² − ℓ − ½ ln 2π.
pub(crate) fn log_prob(mean: &[f32], log_std: &[f32], inverse_std: &[f32], action: &[f32]) -> f32 {
    let mut sum = 0.0;
    for j in 0..mean.len() {
        let z = (action[j] - mean[j]) * inverse_std[j];
        sum -= 0.5 * z * z + log_std[j] + HALF_LN_TAU;
    }
    sum
}

/// H = Σ ℓ + ½ ln 2π + ½.
pub(crate) fn entropy(log_std: &[f32]) -> f32 {
    log_std.iter().map(|l| l + (HALF_LN_TAU + 0.5)).sum()
}

/// Overwrites the gradient of the mean and adds to that of ℓ, for a loss with the given derivatives:
/// ∂ln p/∂μ = (a − μ)/e^{2ℓ}, ∂ln p/∂ℓ = ((a − μ)/e^ℓ)² − 1, ∂H/∂ℓ = 1.
pub(crate) fn backward(
    mean: &[f32],
    inverse_std: &[f32],
    action: &[f32],
    d_log_prob: f32,
    d_entropy: f32,
    d_mean: &mut [f32],
    d_log_std: &mut [f32],
) {
    for j in 0..mean.len() {
        let z = (action[j] - mean[j]) * inverse_std[j];
        d_mean[j] = d_log_prob * z * inverse_std[j];
        d_log_std[j] += d_log_prob * (z * z - 1.0) + d_entropy;
    }
}

/// KL(p ‖ q) = Σ ℓ_q − ℓ_p + ½ (e^{2ℓ_p} + (μ_p − μ_q)²)/e^{2ℓ_q} − ½.
pub(crate) fn kl(p_mean: &[f32], p_log_std: &[f32], q_mean: &[f32], q_log_std: &[f32]) -> f64 {
    let mut sum = 0.0;
    for j in 0..p_mean.len() {
        let (p_log, q_log) = (f64::from(p_log_std[j]), f64::from(q_log_std[j]));
        let z = (f64::from(p_mean[j]) - f64::from(q_mean[j])) * (-q_log).exp();
        let log_ratio = p_log - q_log;
        sum += 0.5 * (2.0 * log_ratio).exp_m1() - log_ratio + 0.5 * z * z;
    }
    sum
}
