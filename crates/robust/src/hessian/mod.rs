//! The Hessian H₀ of W(z), the mean squared Wasserstein distance of one-step transitions (Eq. 7, 9).
//!
//! [`zero_order`] is the paper's Proposition 2; [`gauss_newton`] differentiates the next states instead.
//!
//! ```
//! use wr2l_robust::hessian::{self, Distance, FnModel, GaussNewton};
//! // One pair, two state coordinates, which follow z linearly: W(z) = z₀² + 9 z₁².
//! let mut model = FnModel::new(2, 1, 2, |z: &[f64], next: &mut [f64]| {
//!     next[0] = z[0];
//!     next[1] = 3.0 * z[1];
//! });
//! let bounds = (vec![-0.9; 2], vec![2.0; 2]);
//! let h = hessian::gauss_newton(&mut model, &Distance::default(), &bounds.0, &bounds.1, &GaussNewton::default())?;
//! assert!((h.matrix[(1, 1)] - 18.0).abs() < 1e-9);
//! # Ok::<(), wr2l_robust::RobustError>(())
//! ```

mod clipped;
mod distance;
mod gauss_newton;
mod model;
mod rows;
mod zero_order;

pub(crate) use clipped::Contributions;
pub use distance::{Distance, StateWeights, TransportEstimator};
pub use gauss_newton::{GaussNewton, gauss_newton};
pub(crate) use gauss_newton::{difference_points, pair_hessians};
pub use model::{FnModel, PairDistances, TransitionModel, WassersteinDistance};
pub use zero_order::{ZeroOrder, zero_order};

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// An estimate of the Hessian of W(z) at z = 0, with its uncertainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HessianEstimate {
    /// The estimate (`[d, d]`, symmetric), in units of W per unit of z squared.
    #[serde(with = "rows")]
    pub matrix: DMatrix<f64>,
    /// Standard error of each entry: over the state–action pairs, and for `zero-order` over the perturbations as well.
    /// Infinite where a single sample cannot tell.
    #[serde(with = "rows")]
    pub standard_error: DMatrix<f64>,
    /// `‖standard_error‖_F / ‖matrix‖_F`.
    pub relative_error: f64,
    /// Perturbations (antithetic pairs) averaged by `zero-order`, state–action pairs by `gauss-newton`.
    pub samples: usize,
    /// One-step simulations that it took.
    pub simulator_steps: u64,
    /// By what share each entry of the diagonal is smaller because no pair may dominate it
    /// ([`PairsConfig::largest_share`](crate::PairsConfig::largest_share)): the bias. Empty where there is no limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<f64>,
    /// Standard error of each of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut_error: Vec<f64>,
}

impl HessianEstimate {
    /// How well the half-width `√(2ε/H_ii)` of each parameter is known: its relative standard error, and the bias of
    /// pairs that were held down ([`HessianEstimate::cut`]) with the error of that. NaN where the parameter moves nothing.
    pub fn half_width_errors(&self) -> Vec<f64> {
        let cut = |i: usize| {
            let of = |list: &[f64]| list.get(i).copied().unwrap_or(0.0);
            of(&self.cut) + of(&self.cut_error)
        };
        // A half-width goes with the inverse root of the curvature, hence the half.
        (0..self.matrix.nrows())
            .map(|i| 0.5 * (self.standard_error[(i, i)] / self.matrix[(i, i)] + cut(i)))
            .collect()
    }

    /// An estimate over pairs that were drawn from those of `all`, with what the drawing of those has as an error, relative to
    /// the entries of the diagonal, and what it cost.
    pub(crate) fn with_error_of(mut self, all: &Self) -> Self {
        let dim = self.matrix.nrows();
        let relative = |i: usize, j: usize| {
            let size = (all.matrix[(i, i)] * all.matrix[(j, j)]).sqrt();
            if size > 0.0 { all.standard_error[(i, j)] / size } else { 0.0 }
        };
        for i in 0..dim {
            for j in 0..dim {
                let size = (self.matrix[(i, i)] * self.matrix[(j, j)]).max(0.0).sqrt();
                self.standard_error[(i, j)] = self.standard_error[(i, j)].hypot(size * relative(i, j));
            }
        }
        self.relative_error = self.standard_error.norm() / self.matrix.norm();
        self.simulator_steps += all.simulator_steps;
        self.cut.clone_from(&all.cut);
        self.cut_error.clone_from(&all.cut_error);
        self
    }

    /// From sums over n samples, of each entry and of its square.
    fn from_sums(sum: &DMatrix<f64>, sum_of_squares: &DMatrix<f64>, n: usize, simulator_steps: u64) -> Self {
        let count = n as f64;
        let matrix = sum / count;
        let standard_error = if n < 2 {
            DMatrix::from_element(sum.nrows(), sum.ncols(), f64::INFINITY)
        } else {
            DMatrix::from_fn(sum.nrows(), sum.ncols(), |i, j| {
                let variance = (sum_of_squares[(i, j)] / count - matrix[(i, j)].powi(2)).max(0.0);
                (variance / (count - 1.0)).sqrt()
            })
        };
        let relative_error = standard_error.norm() / matrix.norm();
        Self {
            matrix,
            standard_error,
            relative_error,
            samples: n,
            simulator_steps,
            cut: Vec::new(),
            cut_error: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
