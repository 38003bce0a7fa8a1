//! How the distance between two sets of next states is measured.

use serde::{Deserialize, Serialize};

use crate::{RobustError, transport};

/// Which estimator of W₂² compares the next states of one state–action pair.
///
/// For a deterministic simulator, whose next state is a point, the two coincide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransportEstimator {
    /// A Gaussian with independent coordinates is fitted to each cloud (the paper, §3.1).
    #[default]
    Gaussian,
    /// The exact distance between the clouds.
    Empirical,
}

/// What a unit of each state coordinate is worth in the distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateWeights {
    /// 1 for every coordinate: metres, radians and their rates count alike (the paper).
    #[default]
    Unit,
    /// 1/variance of the coordinate over the reference's next states of all pairs (variances below 1e-8 count as
    /// 1e-8).
    InverseVariance,
}

/// The squared distance between the next states of one pair under two dynamics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distance {
    /// Which estimator.
    pub estimator: TransportEstimator,
    /// Weight of each state coordinate, at least 0; empty for 1 everywhere.
    pub weights: Vec<f64>,
}

impl Distance {
    /// W₂² between two clouds (`[samples, state_dim]` each).
    pub(super) fn squared(&self, a: &[f64], b: &[f64], state_dim: usize) -> Result<f64, RobustError> {
        if a.len() == state_dim || self.estimator == TransportEstimator::Gaussian {
            let (a, b) = (self.features(a, state_dim), self.features(b, state_dim));
            return Ok(a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum());
        }
        let weighted = |cloud: &[f64]| {
            cloud.iter().enumerate().map(|(k, v)| v * self.root_weight(k % state_dim)).collect::<Vec<_>>()
        };
        transport::empirical(&weighted(a), &weighted(b), state_dim)
    }

    /// Numbers whose squared Euclidean distance is W₂² (for `Gaussian`: weighted means and standard deviations),
    /// or is once the dynamics are so close that the best coupling keeps the order of samples (`Empirical`).
    pub(super) fn features(&self, cloud: &[f64], state_dim: usize) -> Vec<f64> {
        let samples = cloud.len() / state_dim;
        let share = 1.0 / samples as f64;
        if samples == 1 || self.estimator == TransportEstimator::Empirical {
            let scale = share.sqrt();
            return cloud
                .iter()
                .enumerate()
                .map(|(k, v)| v * scale * self.root_weight(k % state_dim))
                .collect();
        }
        let column = |i: usize| cloud.iter().skip(i).step_by(state_dim);
        let means: Vec<f64> = (0..state_dim).map(|i| column(i).sum::<f64>() * share).collect();
        let deviation = |i: usize| (column(i).map(|v| (v - means[i]).powi(2)).sum::<f64>() * share).sqrt();
        let weighted = |i: usize, v: f64| v * self.root_weight(i);
        (0..state_dim)
            .map(|i| weighted(i, means[i]))
            .chain((0..state_dim).map(|i| weighted(i, deviation(i))))
            .collect()
    }

    fn root_weight(&self, i: usize) -> f64 {
        self.weights.get(i).map_or(1.0, |w| w.sqrt())
    }
}

impl StateWeights {
    /// The weights for `states` (`[n, state_dim]`).
    pub fn weights(self, states: &[f64], state_dim: usize) -> Vec<f64> {
        match self {
            Self::Unit => vec![1.0; state_dim],
            Self::InverseVariance => {
                let n = (states.len() / state_dim) as f64;
                let column = |i: usize| states.iter().skip(i).step_by(state_dim);
                (0..state_dim)
                    .map(|i| {
                        let mean = column(i).sum::<f64>() / n;
                        let variance = column(i).map(|v| (v - mean).powi(2)).sum::<f64>() / n;
                        1.0 / variance.max(1e-8)
                    })
                    .collect()
            }
        }
    }
}
