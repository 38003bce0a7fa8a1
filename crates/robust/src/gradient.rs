//! The zero-order gradient of J (Proposition 1), and how far it can be trusted.
//!
//! ```
//! use wr2l_robust::{DMatrix, FnObjective, ball::{Ball, Metric}, gradient::{self, Gradient, GradientEstimator}};
//! let metric = Metric::new(&DMatrix::identity(2, 2), Metric::DEFAULT_RIDGE)?;
//! let ball = Ball::new(metric, 0.1, vec![-0.9; 2], vec![2.0; 2])?;
//! let mut j = FnObjective::new(2, |z: &[f64]| 3000.0 - 500.0 * z[0] + 100.0 * z[1]);
//! let options = Gradient { estimator: GradientEstimator::LeastSquares, pairs: 8, ..Gradient::default() };
//! let mut stream = wr2l_rng::StreamKey::new(1, wr2l_rng::Purpose::GradientPerturbation).stream();
//! let estimate = gradient::estimate(&mut j, &[0.0, 0.0], &ball, &options, &mut stream, 0)?;
//! assert!((estimate.gradient[0] + 500.0).abs() < 1e-6); // exact for a linear J
//! # Ok::<(), wr2l_robust::RobustError>(())
//! ```

use nalgebra::{Cholesky, DMatrix, DVector};
use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;

use crate::ball::Ball;
use crate::error::{check_finite, check_positive};
use crate::objective::{self, Objective};
use crate::perturbation::Coordinate;
use crate::{RobustError, linalg};

/// How the differences of J are made into a gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradientEstimator {
    /// Proposition 1's average `1/(2σ²n) Σ_i ξ_i [J(z+ξ_i) − J(z−ξ_i)]` (the paper).
    #[default]
    Average,
    /// The g that fits the differences best: least squares of `½[J(z+ξ_i) − J(z−ξ_i)]` on `gᵀξ_i`. Free of the
    /// average's noise from the ξ themselves: exact on a linear J with as many pairs as parameters.
    LeastSquares,
}

/// Options of the gradient estimate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gradient {
    /// How the differences become a gradient.
    pub estimator: GradientEstimator,
    /// Standard deviation σ of the perturbations ξ, in units of z. Usual: 0.03 to 0.3. J of a trained policy is flat
    /// near the reference and falls off a cliff further out, so the sign of the gradient may depend on it.
    pub sigma: f64,
    /// Antithetic pairs n. Usual: 16 to 128; each costs two points times the episodes of J.
    pub pairs: usize,
    /// Least squares only, when there are fewer pairs than parameters: the ridge, relative to the mean square of ξ.
    /// Usual: 0.01 to 1.
    pub ridge: f64,
}

impl Default for Gradient {
    fn default() -> Self {
        Self { estimator: GradientEstimator::Average, sigma: 0.1, pairs: 16, ridge: 0.1 }
    }
}

/// A gradient estimate with its diagnostics.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientEstimate {
    /// ĝ (`[d]`), in units of J per unit of z.
    pub gradient: Vec<f64>,
    /// Standard error of each coordinate (`[d]`). Infinite where the pairs are too few to tell: one pair for the
    /// average, no more pairs than parameters for least squares.
    pub standard_error: Vec<f64>,
    /// `‖ĝ‖ / ‖standard error‖`, the usual signal-to-noise ratio. It misleads where J responds
    /// to z strongly but not linearly: believe the split-half cosine.
    pub signal_to_noise: f64,
    /// Cosine between the steps that two gradients propose, each estimated from every other pair
    /// ([`Metric::cosine`](crate::ball::Metric::cosine)): near 1 where the direction is repeatable, around 0 or below
    /// where it is noise. `None` for a single pair, or a half-estimate of zero.
    pub split_half_cosine: Option<f64>,
    /// Mean of J over all perturbed points: J smoothed at scale σ.
    pub mean_return: f64,
}

/// Estimates the gradient of J at `z` from `options.pairs` antithetic pairs.
///
/// All points share the random numbers of `draw`; ξ comes from `stream`.
///
/// Points must stay within the hard bounds. Where `z ± ξ_i` would cross one in coordinate i, the *pair* moves inward
/// along i until both ends fit: it stays symmetric about its own centre, its difference still belongs to the full ξ,
/// and linear functions are still estimated without bias; for others the gradient is that of a neighbourhood that
/// fits, centred up to |ξ_i| further inside. (Shrinking the pair instead would leave nothing where z lies on a bound,
/// and exact minimisers over ball ∩ box often do.) ξ_i of a coordinate whose whole range is shorter than 16σ is
/// drawn from the normal distribution cut off at half that range, and its own second moment replaces σ².
///
/// # Errors
/// [`RobustError::Parameter`] for options out of range, [`RobustError::NotFinite`] for z or a return,
/// [`RobustError::Dimension`], and those of the objective.
pub fn estimate(
    objective: &mut dyn Objective,
    z: &[f64],
    ball: &Ball,
    options: &Gradient,
    stream: &mut Stream,
    draw: u64,
) -> Result<GradientEstimate, RobustError> {
    let (dim, n) = (ball.dim(), options.pairs);
    check_finite("z", z, dim)?;
    check_positive("pairs", n as f64)?;
    check_positive("ridge", options.ridge)?;
    if objective.dim() != dim {
        return Err(RobustError::Dimension { what: "objective", expected: dim, got: objective.dim() });
    }
    let coordinates = (0..dim)
        .map(|i| Coordinate::new(options.sigma, 0.5 * (ball.upper()[i] - ball.lower()[i])))
        .collect::<Result<Vec<_>, _>>()?;
    let mut xi = Vec::with_capacity(n * dim);
    let mut points = vec![0.0; 2 * n * dim];
    for pair in points.chunks_exact_mut(2 * dim) {
        let (plus, minus) = pair.split_at_mut(dim);
        for i in 0..dim {
            let (lower, upper) = (ball.lower()[i], ball.upper()[i]);
            let step = coordinates[i].sample(stream);
            let centre = z[i].max(lower + step.abs()).min(upper - step.abs());
            plus[i] = (centre + step).clamp(lower, upper);
            minus[i] = (centre - step).clamp(lower, upper);
            xi.push(step);
        }
    }
    let values = objective::evaluate(objective, &points, draw)?;
    // Half differences: ½[J(z+ξ) − J(z−ξ)] ≈ gᵀξ.
    let differences: Vec<f64> = values.chunks_exact(2).map(|v| 0.5 * (v[0] - v[1])).collect();

    let fit = |pairs: &[usize]| match options.estimator {
        GradientEstimator::Average => average(&xi, &differences, &coordinates, pairs),
        GradientEstimator::LeastSquares => {
            least_squares(&xi, &differences, &coordinates, pairs, options.ridge)
        }
    };
    let (gradient, standard_error) = fit(&(0..n).collect::<Vec<_>>())?;
    let split_half_cosine = if n < 2 {
        None
    } else {
        let (even, odd): (Vec<_>, Vec<_>) = (0..n).partition(|i| i % 2 == 0);
        ball.metric().cosine(&fit(&even)?.0, &fit(&odd)?.0)
    };
    let signal_to_noise = linalg::norm(&gradient) / linalg::norm(&standard_error);
    Ok(GradientEstimate {
        signal_to_noise: if signal_to_noise.is_nan() { 0.0 } else { signal_to_noise },
        gradient,
        standard_error,
        split_half_cosine,
        mean_return: values.iter().sum::<f64>() / values.len() as f64,
    })
}

/// A gradient and the standard error of each of its coordinates.
type Fit = (Vec<f64>, Vec<f64>);

/// Proposition 1 with antithetic pairs.
fn average(
    xi: &[f64],
    differences: &[f64],
    coordinates: &[Coordinate],
    pairs: &[usize],
) -> Result<Fit, RobustError> {
    let (dim, n) = (coordinates.len(), pairs.len() as f64);
    let (mut gradient, mut errors) = (vec![0.0; dim], vec![0.0; dim]);
    for (k, coordinate) in coordinates.iter().enumerate().filter(|(_, c)| c.second > 0.0) {
        let term = |&i: &usize| xi[i * dim + k] * differences[i] / coordinate.second;
        let mean = pairs.iter().map(term).sum::<f64>() / n;
        let variance = pairs.iter().map(|i| (term(i) - mean).powi(2)).sum::<f64>() / (n - 1.0);
        gradient[k] = mean;
        errors[k] = if pairs.len() > 1 { (variance / n).sqrt() } else { f64::INFINITY };
    }
    Ok((gradient, errors))
}

/// Least squares of the half differences on ξ, with a ridge if there are fewer pairs than coordinates.
fn least_squares(
    xi: &[f64],
    differences: &[f64],
    coordinates: &[Coordinate],
    pairs: &[usize],
    ridge: f64,
) -> Result<Fit, RobustError> {
    let (dim, n) = (coordinates.len(), pairs.len());
    let (mut gradient, mut errors) = (vec![0.0; dim], vec![0.0; dim]);
    // In units of each coordinate's own spread, so that one ridge suits all.
    let moving: Vec<(usize, f64)> = (0..dim)
        .filter(|&k| coordinates[k].second > 0.0)
        .map(|k| (k, coordinates[k].second.sqrt()))
        .collect();
    let x = DMatrix::from_fn(n, moving.len(), |row, column| {
        let (k, spread) = moving[column];
        xi[pairs[row] * dim + k] / spread
    });
    let y = DVector::from_fn(n, |row, _| differences[pairs[row]]);
    let mut normal = x.transpose() * &x;
    // With enough pairs, only what keeps a chance degeneracy from dividing by zero.
    let strength = if n < moving.len() { ridge } else { 1e-12 };
    for k in 0..moving.len() {
        normal[(k, k)] += strength * n as f64;
    }
    let factor =
        Cholesky::new(normal).ok_or(RobustError::Decomposition { what: "Cholesky decomposition" })?;
    let solution = factor.solve(&(x.transpose() * &y));
    let freedom = n as f64 - moving.len() as f64;
    let residual = (&y - &x * &solution).norm_squared() / freedom;
    let inverse = factor.inverse();
    for (column, &(k, spread)) in moving.iter().enumerate() {
        gradient[k] = solution[column] / spread;
        errors[k] = if freedom > 0.0 {
            (residual * inverse[(column, column)]).sqrt() / spread
        } else {
            f64::INFINITY
        };
    }
    Ok((gradient, errors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FnObjective;
    use crate::ball::Metric;
    use wr2l_rng::{Purpose, StreamKey};

    fn ball(dim: usize, lower: f64, upper: f64) -> Ball {
        let metric = Metric::new(&DMatrix::identity(dim, dim), 1e-6).unwrap();
        Ball::new(metric, 100.0, vec![lower; dim], vec![upper; dim]).unwrap()
    }

    fn options(estimator: GradientEstimator, pairs: usize) -> Gradient {
        Gradient { estimator, pairs, sigma: 0.1, ridge: 0.1 }
    }

    fn run(
        objective: impl FnMut(&[f64]) -> f64,
        z: &[f64],
        ball: &Ball,
        options: &Gradient,
        case: u64,
    ) -> GradientEstimate {
        let mut stream = StreamKey::new(case, Purpose::Test).stream();
        let mut objective = FnObjective::new(z.len(), objective);
        estimate(&mut objective, z, ball, options, &mut stream, 0).unwrap()
    }

    /// Mean of many estimates less the truth, in standard errors, must stay below 5; so must the truth of the stated
    /// standard error: the spread of the estimates agrees with it within a quarter.
    fn assert_unbiased(
        objective: impl Fn(&[f64]) -> f64,
        truth: &[f64],
        z: &[f64],
        ball: &Ball,
        options: &Gradient,
    ) {
        let estimates: Vec<_> = (0..400).map(|case| run(&objective, z, ball, options, case)).collect();
        let n = estimates.len() as f64;
        for k in 0..z.len() {
            let mean = estimates.iter().map(|e| e.gradient[k]).sum::<f64>() / n;
            let sd = (estimates.iter().map(|e| (e.gradient[k] - mean).powi(2)).sum::<f64>() / n).sqrt();
            assert!((mean - truth[k]).abs() < 5.0 * sd / n.sqrt() + 1e-9, "{k}: {mean} {}", truth[k]);
            let stated = estimates.iter().map(|e| e.standard_error[k]).sum::<f64>() / n;
            assert!((stated - sd).abs() < 0.25 * sd + 1e-9, "{k}: stated {stated}, true {sd}");
        }
    }

    #[test]
    fn both_estimators_are_unbiased_on_linear_and_quadratic_functions() {
        let (slope, z) = ([2.0, -1.0, 0.5], [0.3, -0.2, 0.1]);
        let linear = |z: &[f64]| 7.0 + linalg::dot(&slope, z);
        // Antithetic pairs cancel the curvature exactly: the gradient of a quadratic is that at z.
        let quadratic = |z: &[f64]| linear(z) + 3.0 * z[0] * z[1] - 2.0 * z[2] * z[2];
        let at_z = [2.0 + 3.0 * z[1], -1.0 + 3.0 * z[0], 0.5 - 4.0 * z[2]];
        for estimator in [GradientEstimator::Average, GradientEstimator::LeastSquares] {
            let options = options(estimator, 20);
            assert_unbiased(linear, &slope, &z, &ball(3, -9.0, 9.0), &options);
            assert_unbiased(quadratic, &at_z, &z, &ball(3, -9.0, 9.0), &options);
        }
    }

    #[test]
    fn bounds_leave_linear_functions_unbiased_and_are_never_crossed() {
        // z on one bound, near another, and in a range hardly wider than σ.
        let (slope, z) = ([2.0, -1.0, 0.5], [-0.9, 0.95, 0.0]);
        let metric = Metric::new(&DMatrix::identity(3, 3), 1e-6).unwrap();
        let narrow = Ball::new(metric, 100.0, vec![-0.9, -1.0, -0.05], vec![1.0, 1.0, 0.15]).unwrap();
        let linear = |z: &[f64]| {
            assert!(narrow.contains(z), "{z:?}");
            linalg::dot(&slope, z)
        };
        for estimator in [GradientEstimator::Average, GradientEstimator::LeastSquares] {
            assert_unbiased(linear, &slope, &z, &narrow, &options(estimator, 20));
        }
    }

    #[test]
    fn least_squares_is_exact_on_linear_functions() {
        let slope: Vec<f64> = (0..11).map(|i| f64::from(i) - 4.0).collect();
        let objective = |z: &[f64]| 1e3 + linalg::dot(&slope, z);
        let options = options(GradientEstimator::LeastSquares, 12);
        let estimate = run(objective, &[0.0; 11], &ball(11, -0.9, 2.0), &options, 3);
        for k in 0..11 {
            assert!((estimate.gradient[k] - slope[k]).abs() < 1e-7, "{:?}", estimate.gradient);
        }
        assert!(estimate.signal_to_noise > 1e6);
        assert!((estimate.mean_return - 1e3).abs() < 10.0);
    }

    #[test]
    fn fewer_pairs_than_parameters_give_a_descent_direction_of_unknown_error() {
        let slope = vec![1.0; 11];
        let objective = |z: &[f64]| linalg::dot(&slope, z);
        let options = options(GradientEstimator::LeastSquares, 5);
        let estimate = run(objective, &[0.0; 11], &ball(11, -0.9, 2.0), &options, 3);
        assert!(linalg::dot(&estimate.gradient, &slope) > 0.0);
        assert!(estimate.standard_error.iter().all(|e| e.is_infinite()));
        assert_eq!(estimate.signal_to_noise, 0.0);
    }

    #[test]
    fn the_split_half_cosine_tells_signal_from_noise() {
        let metric = Metric::new(&DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, 0.01]), 1e-6).unwrap();
        let ball = Ball::new(metric, 1.0, vec![-9.0; 2], vec![9.0; 2]).unwrap();
        for estimator in [GradientEstimator::Average, GradientEstimator::LeastSquares] {
            let signal = run(|z| z[0] + z[1], &[0.0; 2], &ball, &options(estimator, 64), 1);
            assert!(signal.split_half_cosine.unwrap() > 0.9);
            // Pure noise: cosines of independent directions, mean 0.
            let cosines: Vec<f64> = (0..200)
                .map(|case| {
                    let mut noise = StreamKey::new(case, Purpose::Test).lane(1).stream();
                    let estimate = run(|_| noise.normal(), &[0.0; 2], &ball, &options(estimator, 64), case);
                    estimate.split_half_cosine.unwrap()
                })
                .collect();
            let mean = cosines.iter().sum::<f64>() / 200.0;
            assert!(mean.abs() < 5.0 * (0.5_f64 / 200.0).sqrt(), "{mean}");
        }
    }

    #[test]
    fn degenerate_objectives_and_options() {
        let ball1 = ball(1, -0.9, 2.0);
        for estimator in [GradientEstimator::Average, GradientEstimator::LeastSquares] {
            let flat = run(|_| 5.0, &[0.0], &ball1, &options(estimator, 4), 1);
            assert_eq!((flat.gradient[0], flat.split_half_cosine), (0.0, None));
            assert_eq!(flat.signal_to_noise, 0.0);
            let single = run(|z| z[0], &[0.0], &ball1, &options(estimator, 1), 1);
            assert!(single.gradient[0] > 0.0 && single.split_half_cosine.is_none());
            assert!(single.standard_error[0].is_infinite());
            // A coordinate that cannot move has no gradient.
            let metric = Metric::new(&DMatrix::identity(2, 2), 1e-6).unwrap();
            let held = Ball::new(metric, 1.0, vec![-1.0, 0.0], vec![1.0, 0.0]).unwrap();
            let estimate = run(|z| z[0] + 1e3 * z[1], &[0.0; 2], &held, &options(estimator, 8), 1);
            assert_eq!(estimate.gradient[1], 0.0);
            assert!(estimate.gradient[0] > 0.0);
        }
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let good = options(GradientEstimator::Average, 4);
        let mut nan = FnObjective::new(1, |_: &[f64]| f64::NAN);
        assert!(matches!(
            estimate(&mut nan, &[0.0], &ball1, &good, &mut stream, 0),
            Err(RobustError::NotFinite { what: "return J(z)", .. })
        ));
        let mut fine = FnObjective::new(1, |z: &[f64]| z[0]);
        for bad in [
            Gradient { pairs: 0, ..good },
            Gradient { sigma: 0.0, ..good },
            Gradient { sigma: f64::NAN, ..good },
            Gradient { ridge: -1.0, ..good },
        ] {
            assert!(estimate(&mut fine, &[0.0], &ball1, &bad, &mut stream, 0).is_err());
        }
        assert!(estimate(&mut fine, &[f64::NAN], &ball1, &good, &mut stream, 0).is_err());
        assert!(estimate(&mut fine, &[0.0; 2], &ball(2, -1.0, 1.0), &good, &mut stream, 0).is_err());
    }
}
