//! Proposition 2: the Hessian from values of W alone.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use wr2l_rng::{Purpose, StreamKey};

use super::gauss_newton::{lower_triangle, packed_len};
use super::{Distance, HessianEstimate, TransitionModel, WassersteinDistance};
use crate::RobustError;
use crate::error::check_positive;
use crate::perturbation::Coordinate;

/// Options of [`zero_order`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZeroOrder {
    /// Standard deviation σ of the perturbations, in units of z. Usual: 0.03 to 0.3. W is not quadratic where
    /// contacts come and go: a larger σ gives the curvature of a wider neighbourhood, a smaller one more noise.
    pub sigma: f64,
    /// Relative Frobenius error at which sampling stops. Usual: 0.02 to 0.2.
    pub tolerance: f64,
    /// Antithetic pairs of perturbations after which it stops anyway. Each costs two one-step simulations per
    /// state–action pair: 2,000 on 2,000 are 8 million. On Hopper with two parameters 2,000 reach an error of 12 %.
    pub max_samples: usize,
}

impl Default for ZeroOrder {
    fn default() -> Self {
        Self { sigma: 0.1, tolerance: 0.1, max_samples: 2000 }
    }
}

/// Antithetic pairs between two looks at the error.
const BATCH: usize = 128;

/// Estimates the Hessian of W at 0 by Proposition 2 with antithetic perturbations:
/// `Ĥ = 1/(nσ⁴) Σ_i ½[W(ξ_i) + W(−ξ_i)] (ξ_i ξ_iᵀ − σ²I)`.
///
/// `lower` and `upper` (`[d]`) are the hard bounds in z. Perturbations must stay between them and symmetric, so a
/// coordinate whose nearer bound b is closer than 8σ is drawn from the normal distribution cut off at ±b (with σ at
/// most b/3). The estimator then divides by that distribution's own moments, `E[W ξ_i ξ_j]/(m_i m_j)` off and
/// `2 E[W (ξ_i² − m_i)]/(k_i − m_i²)` on the diagonal, m and k being second and fourth moments: Proposition 2 where
/// nothing is cut off, and unbiased on a quadratic W everywhere.
///
/// Perturbations are drawn until their part of the relative error is below the tolerance or the budget is spent. That
/// error is itself an estimate, so no fewer than 128 are drawn if the budget allows. The error that the estimate states has the
/// pairs' part as well, which no number of perturbations makes smaller: how much the pairs' own estimates differ.
///
/// # Errors
/// [`RobustError::Parameter`] for a σ, tolerance or budget that is not positive; [`RobustError::NoRoom`] for a
/// coordinate whose nominal value lies on its bound; [`RobustError::NoCurvature`] if W is 0 at all perturbations;
/// those of [`WassersteinDistance`].
pub fn zero_order(
    model: &mut dyn TransitionModel,
    distance: &Distance,
    lower: &[f64],
    upper: &[f64],
    options: &ZeroOrder,
    seed: u64,
) -> Result<HessianEstimate, RobustError> {
    let dim = model.dim();
    check_positive("tolerance", options.tolerance)?;
    check_positive("max_samples", options.max_samples as f64)?;
    for bounds in [lower, upper] {
        if bounds.len() != dim {
            return Err(RobustError::Dimension { what: "bounds", expected: dim, got: bounds.len() });
        }
    }
    let mut coordinates = Vec::with_capacity(dim);
    for index in 0..dim {
        let coordinate = Coordinate::new(options.sigma, upper[index].min(-lower[index]).max(0.0))?;
        if coordinate.second == 0.0 {
            return Err(RobustError::NoRoom { index, lower: lower[index], upper: upper[index] });
        }
        coordinates.push(coordinate);
    }
    let mut w = WassersteinDistance::new(model, distance)?;
    let mut stream = StreamKey::new(seed, Purpose::HessianPerturbation).stream();
    let (mut sum, mut sum_of_squares) = (DMatrix::zeros(dim, dim), DMatrix::zeros(dim, dim));
    let pairs = w.weights().len();
    // Sums over the perturbations of each pair's own samples (`[pairs, d(d+1)/2]`).
    let mut of_pairs = vec![0.0; pairs * packed_len(dim)];
    let mut n = 0;
    loop {
        let batch = BATCH.min(options.max_samples - n);
        let mut points = Vec::with_capacity(2 * batch * dim);
        for _ in 0..batch {
            let xi: Vec<f64> = coordinates.iter().map(|c| c.sample(&mut stream)).collect();
            points.extend(xi.iter().chain(&xi.iter().map(|v| -v).collect::<Vec<_>>()));
        }
        let each = w.measure_each(&points)?;
        let mean = |of_row: &[f64]| of_row.iter().sum::<f64>() / pairs as f64;
        for (pair, each) in points.chunks_exact(2 * dim).zip(each.chunks_exact(2 * pairs)) {
            let xi = &pair[..dim];
            let (there, back) = each.split_at(pairs);
            let value = 0.5 * (mean(there) + mean(back));
            for i in 0..dim {
                for j in 0..dim {
                    let (a, b) = (&coordinates[i], &coordinates[j]);
                    // Prop. 2; with σ everywhere, both denominators are those of the paper, σ⁴ and 2σ⁴/2.
                    let sample = |value: f64| match i == j {
                        true => 2.0 * value * (xi[i] * xi[i] - a.second) / (a.fourth - a.second * a.second),
                        false => value * xi[i] * xi[j] / (a.second * b.second),
                    };
                    let of_all = sample(value);
                    sum[(i, j)] += of_all;
                    sum_of_squares[(i, j)] += of_all * of_all;
                    if j <= i {
                        let own = of_pairs.iter_mut().skip(packed_len(i) + j).step_by(packed_len(dim));
                        for (own, (there, back)) in own.zip(there.iter().zip(back)) {
                            *own += sample(0.5 * (there + back));
                        }
                    }
                }
            }
        }
        n += batch;
        let estimate = HessianEstimate::from_sums(&sum, &sum_of_squares, n, w.simulator_steps());
        if sum_of_squares.amax() == 0.0 {
            return Err(RobustError::NoCurvature { trace: 0.0 });
        }
        if estimate.relative_error <= options.tolerance || n >= options.max_samples {
            return Ok(with_pairs(estimate, &of_pairs));
        }
    }
}

/// The estimate with the pairs' part in its error, from the sums over the perturbations of each pair's own samples.
fn with_pairs(mut estimate: HessianEstimate, of_pairs: &[f64]) -> HessianEstimate {
    let dim = estimate.matrix.nrows();
    let width = packed_len(dim);
    let (pairs, n) = ((of_pairs.len() / width) as f64, estimate.samples as f64);
    for (k, (i, j)) in lower_triangle(dim).enumerate() {
        let mean = estimate.matrix[(i, j)];
        let own = of_pairs.iter().skip(k).step_by(width).map(|sum| sum / n - mean);
        let square = own.map(|apart| apart * apart).sum::<f64>() / (pairs * (pairs - 1.0).max(1.0));
        let error = estimate.standard_error[(i, j)].hypot(square.sqrt());
        (estimate.standard_error[(i, j)], estimate.standard_error[(j, i)]) = (error, error);
    }
    estimate.relative_error = estimate.standard_error.norm() / estimate.matrix.norm();
    estimate
}
