//! The mean over pairs that no single pair can dominate.
//!
//! A pair whose next state lies at the edge of a hard contact moves a thousand times more than the average one, and
//! one in some thousand does: the mean over a few thousand pairs is decided by how many of these chance has drawn,
//! and its own standard error, computed without those it missed, does not say so. Here a pair counts with a weight
//! that keeps it from making up more than a share s of any parameter's curvature. Then
//! `Σ h² ≤ max h · Σ h ≤ s (Σ h)²`: for independent pairs the relative standard error is at most √s, whatever the
//! tail. What the weights take away is known as well, and is stated as a bias. With more pairs fewer reach the
//! share, and the estimate goes to the plain mean, if that exists.

use nalgebra::DMatrix;

use super::HessianEstimate;
use super::gauss_newton::{lower_triangle, packed_len};
use crate::RobustError;

/// The share is never less than this over the number of pairs: pairs that all count alike make up one over it each.
const LEAST: f64 = 10.0;
/// Rounds in which totals and weights are made to agree; totals fall from round to round.
const ROUNDS: usize = 100;
/// Relative change of the totals at which they do.
const AGREED: f64 = 1e-9;

/// What pairs add to a Hessian, from trajectories whose pairs resemble each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contributions {
    dim: usize,
    /// Lower triangles, row by row (`[pairs, d(d+1)/2]`).
    packed: Vec<f64>,
    /// Pairs of each trajectory, in order.
    lengths: Vec<usize>,
}

impl Contributions {
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim, packed: Vec::new(), lengths: Vec::new() }
    }

    /// Adds the pairs of further trajectories.
    pub(crate) fn extend(&mut self, packed: &[f64], lengths: impl IntoIterator<Item = usize>) {
        self.packed.extend_from_slice(packed);
        self.lengths.extend(lengths);
    }

    pub(crate) fn pairs(&self) -> usize {
        self.packed.len() / packed_len(self.dim)
    }

    /// The diagonal of one pair's matrix: how far each parameter alone moves its next state.
    fn diagonal<'a>(&self, pair: &'a [f64]) -> impl Iterator<Item = f64> + use<'a> {
        (0..self.dim).map(move |i| pair[packed_len(i + 1) - 1])
    }

    fn each(&self) -> impl Iterator<Item = &[f64]> {
        self.packed.chunks_exact(packed_len(self.dim))
    }

    /// The weight of each pair, in (0, 1]: 1 unless it would make up more than `share` of the weighted total of a
    /// diagonal entry.
    pub(crate) fn weights(&self, share: f64) -> Vec<f64> {
        let mut weights = vec![1.0; self.pairs()];
        // However few the pairs, those that are ten times the average keep their weight.
        let share = share.max(LEAST / self.pairs() as f64).min(1.0);
        let mut totals = self.totals(&weights);
        for _ in 0..ROUNDS {
            for (weight, pair) in weights.iter_mut().zip(self.each()) {
                *weight = self.diagonal(pair).zip(&totals).fold(1.0, |least: f64, (value, total)| {
                    if value > share * total { least.min(share * total / value) } else { least }
                });
            }
            let before = std::mem::replace(&mut totals, self.totals(&weights));
            if totals.iter().zip(&before).all(|(now, before)| before - now <= AGREED * before) {
                break;
            }
        }
        weights
    }

    fn totals(&self, weights: &[f64]) -> Vec<f64> {
        let mut totals = vec![0.0; self.dim];
        for (weight, pair) in weights.iter().zip(self.each()) {
            totals.iter_mut().zip(self.diagonal(pair)).for_each(|(total, value)| *total += weight * value);
        }
        totals
    }

    /// How much each pair counts beside the average one: its weighted diagonal over the mean's, averaged over the
    /// parameters that move anything. Its mean over the pairs is 1.
    pub(crate) fn leverage(&self, weights: &[f64]) -> Vec<f64> {
        let totals = self.totals(weights);
        let moving = totals.iter().filter(|total| **total > 0.0).count().max(1) as f64;
        let scale: Vec<f64> = totals
            .iter()
            .map(|total| if *total > 0.0 { self.pairs() as f64 / (total * moving) } else { 0.0 })
            .collect();
        weights
            .iter()
            .zip(self.each())
            .map(|(weight, pair)| {
                weight * self.diagonal(pair).zip(&scale).map(|(value, scale)| value * scale).sum::<f64>()
            })
            .collect()
    }

    /// The weighted mean over the pairs. Its standard error counts trajectories, within which pairs may resemble each
    /// other as much as they like, and [`HessianEstimate::cut`] what the weights took away.
    ///
    /// # Errors
    /// [`RobustError::NoCurvature`] if no parameter moves any next state.
    pub(crate) fn mean(&self, weights: &[f64], simulator_steps: u64) -> Result<HessianEstimate, RobustError> {
        let (mean, errors) = self.mean_of(|pair, value| weights[pair] * value);
        // What the weights have taken away.
        let cut = self.mean_of(|pair, value| (1.0 - weights[pair]) * value);
        let (mut matrix, mut standard_error) =
            (DMatrix::zeros(self.dim, self.dim), DMatrix::zeros(self.dim, self.dim));
        for (k, (i, j)) in lower_triangle(self.dim).enumerate() {
            (matrix[(i, j)], matrix[(j, i)]) = (mean[k], mean[k]);
            (standard_error[(i, j)], standard_error[(j, i)]) = (errors[k], errors[k]);
        }
        if !(matrix.trace() > 0.0) {
            return Err(RobustError::NoCurvature { trace: matrix.trace() });
        }
        let share = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let of = |i: usize| {
                let k = packed_len(i + 1) - 1;
                if mean[k] > 0.0 { value(k) / (mean[k] + cut.0[k]) } else { 0.0 }
            };
            (0..self.dim).map(of).collect()
        };
        Ok(HessianEstimate {
            relative_error: standard_error.norm() / matrix.norm(),
            matrix,
            standard_error,
            samples: self.pairs(),
            simulator_steps,
            cut: share(&|k| cut.0[k]),
            cut_error: share(&|k| if cut.0[k] > 0.0 { cut.1[k] } else { 0.0 }),
        })
    }

    /// The mean over the pairs of `f(pair, value)` for every entry, and its standard error over the trajectories.
    ///
    /// The mean is a ratio, sums of trajectories over their lengths: a trajectory's part in its error is by how much its
    /// sum differs from what its length lets expect.
    fn mean_of(&self, f: impl Fn(usize, f64) -> f64) -> (Vec<f64>, Vec<f64>) {
        let (width, count) = (packed_len(self.dim), self.pairs() as f64);
        let mut mean = vec![0.0; width];
        for (pair, values) in self.each().enumerate() {
            mean.iter_mut().zip(values).for_each(|(sum, value)| *sum += f(pair, *value));
        }
        mean.iter_mut().for_each(|sum| *sum /= count);
        let mut squares = vec![0.0; width];
        let (mut first, mut apart) = (0, vec![0.0; width]);
        for &length in &self.lengths {
            apart.fill(0.0);
            for pair in first..first + length {
                for (k, apart) in apart.iter_mut().enumerate() {
                    *apart += f(pair, self.packed[pair * width + k]) - mean[k];
                }
            }
            squares.iter_mut().zip(&apart).for_each(|(square, apart)| *square += apart * apart);
            first += length;
        }
        let trajectories = self.lengths.iter().filter(|length| **length > 0).count() as f64;
        let error = |square: f64| match trajectories {
            0.0..2.0 => f64::INFINITY,
            _ => (square * trajectories / (trajectories - 1.0)).sqrt() / count,
        };
        (mean, squares.into_iter().map(error).collect())
    }
}

#[cfg(test)]
mod tests;
