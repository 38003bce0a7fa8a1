//! PPO's objective on a minibatch: losses of single samples and their derivatives.

use crate::samples::Samples;

/// A minibatch: some transitions of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minibatch<'a> {
    /// Which.
    pub(crate) rows: &'a [u32],
    /// The batch.
    pub(crate) samples: &'a Samples,
}

impl Minibatch<'_> {
    /// Mean and 1/(deviation + 1e-8) of the advantages.
    pub(crate) fn standardisation(&self) -> (f32, f32) {
        let n = self.rows.len() as f64;
        let advantages = || self.rows.iter().map(|&row| f64::from(self.samples.advantages[row as usize]));
        let mean = advantages().sum::<f64>() / n;
        // Unbiased, as PyTorch's `std`; a single sample has no deviation.
        let variance = advantages().map(|a| (a - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        (mean as f32, (1.0 / (variance.sqrt() + 1e-8)) as f32)
    }
}

/// Means over samples of what the objective is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Losses {
    /// Samples that the sums below are over.
    pub(crate) count: f64,
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

/// The clipped surrogate −min(r A, clip(r) A) of one sample.
pub(crate) struct Surrogate {
    pub(crate) loss: f32,
    /// Derivative by ln π(a|s); 0 where the clipped branch is the smaller.
    pub(crate) d_log_prob: f32,
}

impl Surrogate {
    pub(crate) fn new(ratio: f32, advantage: f32, clip: f32) -> Self {
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
pub(crate) fn value_loss(value: f32, target: f32, old: Option<f32>, clip: f32) -> (f32, f32) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_single_sample_has_standardised_advantage_zero() {
        let samples = Samples { advantages: vec![3.0], ..Samples::default() };
        let (shift, scale) = Minibatch { rows: &[0], samples: &samples }.standardisation();
        assert_eq!((3.0 - shift) * scale, 0.0);
        assert!(scale.is_finite());
    }
}
