//! The Hessian from the Jacobian of the next state.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::{Distance, HessianEstimate, TransitionModel, WassersteinDistance};
use crate::RobustError;
use crate::error::check_positive;

/// Options of [`gauss_newton`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GaussNewton {
    /// Step of the central differences, in units of z. Usual: 1e-3 to 1e-1. Large enough to average over contacts
    /// that a tiny change would not touch, small enough to see the curvature at the reference.
    pub step: f64,
}

impl Default for GaussNewton {
    fn default() -> Self {
        Self { step: 0.01 }
    }
}

/// A step shorter than this share of the wanted one is not taken; the difference becomes one-sided.
const SHORTEST: f64 = 0.1;

/// Estimates the Hessian of W at 0 as `H = 2 E[JᵀJ]` with J the Jacobian of the weighted next state by central
/// differences: `2d` one-step simulations per pair, positive semi-definite by construction.
///
/// It is exact for next states linear in z. For others it is the Hessian of W all the same, because W is a sum of
/// squares that are all 0 at z = 0, where the second derivatives of the next state do not enter.
///
/// `lower` and `upper` (`[d]`) are the hard bounds in z. A step that would leave them is shortened, on both sides
/// alike; where less than a tenth of it would remain, the difference becomes one-sided; where a coordinate
/// cannot move at all, its row and column are 0 (and lifted by [`Metric`](crate::ball::Metric)).
///
/// The standard error takes the pairs as independent.
///
/// # Errors
/// [`RobustError::Parameter`] for a step that is not positive, [`RobustError::NoCurvature`] if no parameter moves
/// any next state, those of [`WassersteinDistance`].
pub fn gauss_newton(
    model: &mut dyn TransitionModel,
    distance: &Distance,
    lower: &[f64],
    upper: &[f64],
    options: &GaussNewton,
) -> Result<HessianEstimate, RobustError> {
    let parts = pair_hessians(model, distance, lower, upper, options)?;
    let (dim, pairs) = (model.dim(), model.pairs());
    let (mut sum, mut sum_of_squares) = (DMatrix::zeros(dim, dim), DMatrix::zeros(dim, dim));
    for of_pair in parts.packed.chunks_exact(packed_len(dim)) {
        for (&value, (i, j)) in of_pair.iter().zip(lower_triangle(dim)) {
            sum[(i, j)] += value;
            sum_of_squares[(i, j)] += value * value;
        }
    }
    for (i, j) in lower_triangle(dim) {
        sum[(j, i)] = sum[(i, j)];
        sum_of_squares[(j, i)] = sum_of_squares[(i, j)];
    }
    if sum.trace() <= 0.0 {
        return Err(RobustError::NoCurvature { trace: sum.trace() });
    }
    Ok(HessianEstimate::from_sums(&sum, &sum_of_squares, pairs, parts.simulator_steps))
}

/// What each pair adds to the Hessian: its weight times its `2JᵀJ`, the mean of which is [`gauss_newton`]'s matrix.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PairHessians {
    /// The lower triangle, row by row (`[pairs, d(d+1)/2]`).
    pub(crate) packed: Vec<f64>,
    /// One-step simulations that it took.
    pub(crate) simulator_steps: u64,
}

/// Numbers in the lower triangle of a `[dim, dim]` matrix.
pub(crate) fn packed_len(dim: usize) -> usize {
    dim * (dim + 1) / 2
}

/// Rows and columns of the lower triangle, row by row.
pub(crate) fn lower_triangle(dim: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..dim).flat_map(|i| (0..=i).map(move |j| (i, j)))
}

/// The weight times `2JᵀJ` of every pair; see [`gauss_newton`].
pub(crate) fn pair_hessians(
    model: &mut dyn TransitionModel,
    distance: &Distance,
    lower: &[f64],
    upper: &[f64],
    options: &GaussNewton,
) -> Result<PairHessians, RobustError> {
    let (dim, pairs) = (model.dim(), model.pairs());
    check_positive("step", options.step)?;
    for bounds in [lower, upper] {
        if bounds.len() != dim {
            return Err(RobustError::Dimension { what: "bounds", expected: dim, got: bounds.len() });
        }
    }
    let mut w = WassersteinDistance::new(model, distance)?;
    let steps: Vec<(f64, f64)> =
        lower.iter().zip(upper).map(|(&l, &u)| difference_points(l, u, options.step)).collect();
    let mut points = vec![0.0; 2 * dim * dim];
    for (i, &(back, forth)) in steps.iter().enumerate() {
        points[2 * i * dim + i] = back;
        points[(2 * i + 1) * dim + i] = forth;
    }
    let features = w.features(&points)?;
    let weights = w.weights().to_vec();
    // Columns of the Jacobian, all pairs below one another.
    let columns: Vec<Vec<f64>> = features
        .chunks_exact(2)
        .zip(&steps)
        .map(|(ends, &(back, forth))| {
            let width = forth - back;
            let difference = |(a, b): (&f64, &f64)| if width > 0.0 { (b - a) / width } else { 0.0 };
            ends[0].iter().zip(&ends[1]).map(difference).collect()
        })
        .collect();
    let per_pair = columns[0].len() / pairs;
    let mut packed = Vec::with_capacity(pairs * packed_len(dim));
    for pair in 0..pairs {
        let range = pair * per_pair..(pair + 1) * per_pair;
        for (i, j) in lower_triangle(dim) {
            let (a, b) = (&columns[i][range.clone()], &columns[j][range.clone()]);
            packed.push(weights[pair] * 2.0 * a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>());
        }
    }
    Ok(PairHessians { packed, simulator_steps: w.simulator_steps() })
}

/// The two ends of a difference of half-width `step` around 0 within `[lower, upper]`.
pub(crate) fn difference_points(lower: f64, upper: f64, step: f64) -> (f64, f64) {
    let (back, forth) = ((-lower).clamp(0.0, step), upper.clamp(0.0, step));
    let both = back.min(forth);
    if both >= SHORTEST * step {
        (-both, both)
    } else if back > forth {
        (-back, 0.0)
    } else {
        (0.0, forth)
    }
}
