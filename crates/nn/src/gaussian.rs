//! Independent Gaussians with log standard deviations ℓ.

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

/// Calls a function of one row, or of all, for rows of a length that the compiler knows: a few numbers a row are soon done
/// with, if nothing is asked about their number.
macro_rules! by_width {
    ($width:expr, $n:ident => $call:expr) => {
        match $width {
            1 => by_width!(@ $n 1 $call),
            2 => by_width!(@ $n 2 $call),
            3 => by_width!(@ $n 3 $call),
            4 => by_width!(@ $n 4 $call),
            6 => by_width!(@ $n 6 $call),
            8 => by_width!(@ $n 8 $call),
            12 => by_width!(@ $n 12 $call),
            17 => by_width!(@ $n 17 $call),
            _ => by_width!(@ $n 0 $call),
        }
    };
    (@ $n:ident $width:literal $call:expr) => {{
        const $n: usize = $width;
        $call
    }};
}
pub(crate) use by_width;

/// A row of `N` numbers, which the compiler then knows; as it is if `N` is 0.
#[inline(always)]
fn known<const N: usize>(row: &[f32]) -> &[f32] {
    if N == 0 { row } else { &row[..N] }
}

/// ln p(a) of every row of `mean` and `actions`, appended to `log_probs`.
pub(crate) fn log_probs(
    mean: &[f32],
    log_std: &[f32],
    inverse_std: &[f32],
    actions: &[f32],
    log_probs: &mut Vec<f32>,
) {
    by_width!(log_std.len(), N => log_probs_of::<N>(mean, log_std, inverse_std, actions, log_probs));
}

fn log_probs_of<const N: usize>(
    mean: &[f32],
    log_std: &[f32],
    inverse_std: &[f32],
    actions: &[f32],
    log_probs: &mut Vec<f32>,
) {
    let width = if N == 0 { log_std.len() } else { N };
    let (log_std, inverse_std) = (known::<N>(log_std), known::<N>(inverse_std));
    let rows = mean.chunks_exact(width).zip(actions.chunks_exact(width));
    log_probs.extend(rows.map(|(mean, action)| log_prob(mean, log_std, inverse_std, action)));
}

/// ln p(a) = Σ −½ ((a − μ)/e^ℓ)² − ℓ − ½ ln 2π.
#[inline(always)]
pub(crate) fn log_prob(mean: &[f32], log_std: &[f32], inverse_std: &[f32], action: &[f32]) -> f32 {
    let n = mean.len();
    let (log_std, inverse_std, action) = (&log_std[..n], &inverse_std[..n], &action[..n]);
    let mut sum = 0.0;
    for j in 0..n {
        let z = (action[j] - mean[j]) * inverse_std[j];
        sum -= 0.5 * z * z + log_std[j] + HALF_LN_TAU;
    }
    sum
}

/// H = Σ ℓ + ½ ln 2π + ½.
pub(crate) fn entropy(log_std: &[f32]) -> f32 {
    log_std.iter().map(|l| l + (HALF_LN_TAU + 0.5)).sum()
}

/// What a loss does to the log-probability of each row's action and to each row's entropy, `[rows]`.
#[derive(Clone, Copy)]
pub(crate) struct Derivatives<'a> {
    pub(crate) by_log_probs: &'a [f32],
    pub(crate) by_entropies: &'a [f32],
}

/// Overwrites the gradients of the means and adds to that of ℓ, row after row, for a loss with the given derivatives:
/// ∂ln p/∂μ = (a − μ)/e^{2ℓ}, ∂ln p/∂ℓ = ((a − μ)/e^ℓ)² − 1, ∂H/∂ℓ = 1.
pub(crate) fn backward(
    mean: &[f32],
    inverse_std: &[f32],
    actions: &[f32],
    derivatives: Derivatives<'_>,
    d_mean: &mut [f32],
    d_log_std: &mut [f32],
) {
    by_width!(d_log_std.len(), N => backward_of::<N>(mean, inverse_std, actions, derivatives, d_mean, d_log_std));
}

fn backward_of<const N: usize>(
    mean: &[f32],
    inverse_std: &[f32],
    actions: &[f32],
    derivatives: Derivatives<'_>,
    d_mean: &mut [f32],
    d_log_std: &mut [f32],
) {
    let width = if N == 0 { d_log_std.len() } else { N };
    let (inverse_std, d_log_std) = (&inverse_std[..width], &mut d_log_std[..width]);
    let of_rows =
        mean.chunks_exact(width).zip(actions.chunks_exact(width)).zip(d_mean.chunks_exact_mut(width));
    let by = derivatives.by_log_probs.iter().zip(derivatives.by_entropies);
    for (((mean, action), d_mean), (d_log_prob, d_entropy)) in of_rows.zip(by) {
        for j in 0..width {
            let z = (action[j] - mean[j]) * inverse_std[j];
            d_mean[j] = d_log_prob * z * inverse_std[j];
            d_log_std[j] += d_log_prob * (z * z - 1.0) + d_entropy;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of every length, whether the compiler knows it or not, go through the same operations in the same order.
    #[test]
    fn rows_of_every_length_are_computed_alike() {
        const ROWS: usize = 5;
        for width in 1..=18 {
            let numbers = |phase: f32, len: usize| -> Vec<f32> {
                (0..len).map(|i| (1.3 * i as f32 + phase).sin()).collect()
            };
            let (mean, actions) = (numbers(0.1, ROWS * width), numbers(0.7, ROWS * width));
            let log_std = numbers(0.3, width);
            let mut inverse_std = Vec::new();
            invert(&log_std, &mut inverse_std);
            let (by_log_probs, by_entropies) = (numbers(0.2, ROWS), numbers(0.5, ROWS));
            let mut got = Vec::new();
            log_probs(&mean, &log_std, &inverse_std, &actions, &mut got);
            let mut d_mean = vec![f32::NAN; ROWS * width];
            let mut d_log_std = numbers(0.9, width);
            let derivatives = Derivatives { by_log_probs: &by_log_probs, by_entropies: &by_entropies };
            backward(&mean, &inverse_std, &actions, derivatives, &mut d_mean, &mut d_log_std);
            let mut expected = numbers(0.9, width);
            for row in 0..ROWS {
                let mut log_prob = 0.0_f32;
                for j in 0..width {
                    let i = row * width + j;
                    let z = (actions[i] - mean[i]) * inverse_std[j];
                    log_prob -= 0.5 * z * z + log_std[j] + HALF_LN_TAU;
                    assert_eq!(d_mean[i], by_log_probs[row] * z * inverse_std[j], "{width}");
                    expected[j] += by_log_probs[row] * (z * z - 1.0) + by_entropies[row];
                }
                assert_eq!(got[row], log_prob, "{width}");
            }
            assert_eq!(got.len(), ROWS);
            assert_eq!(d_log_std, expected, "{width}");
        }
    }
}
