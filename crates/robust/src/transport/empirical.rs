//! The exact distance between two point clouds of equal size.

use pathfinding::prelude::{Matrix, kuhn_munkres_min};

use crate::RobustError;
use crate::error::check_finite;

/// W₂² between two empirical distributions of n points each: `min over permutations π of 1/n Σ_k ‖x_k − y_π(k)‖²`.
///
/// `x` and `y` are `[n, dim]`, row-major, n ≥ 1. In one dimension the best coupling sorts both clouds; otherwise
/// the assignment problem is solved in O(n³) (Kuhn–Munkres), so n up to a few hundred is practical.
///
/// The assignment solver wants ordered integers. Costs are scaled so that the largest becomes 2¹⁰⁰ and rounded
/// to `i128`: every cost keeps all 53 bits of its mantissa down to 2⁻⁴⁸ of the largest, so that the assignment is
/// optimal for the f64 costs up to their own rounding. The distance is summed from the f64 costs.
///
/// # Errors
/// [`RobustError::Parameter`] for `dim = 0` or an empty cloud, [`RobustError::Dimension`] for clouds of unequal
/// size, [`RobustError::NotFinite`] for NaN, infinities and coordinates whose squared distance overflows.
pub fn empirical(x: &[f64], y: &[f64], dim: usize) -> Result<f64, RobustError> {
    if dim == 0 || x.is_empty() {
        let requirement = "clouds need at least one point of at least one coordinate";
        return Err(RobustError::Parameter { name: "dim", value: dim as f64, requirement });
    }
    let n = x.len() / dim;
    check_finite("point cloud", x, n * dim)?;
    check_finite("point cloud", y, n * dim)?;
    if dim == 1 {
        let (mut x, mut y) = (x.to_vec(), y.to_vec());
        x.sort_unstable_by(f64::total_cmp);
        y.sort_unstable_by(f64::total_cmp);
        let distance = x.iter().zip(&y).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / n as f64;
        check_finite("squared distance", &[distance], 1)?;
        return Ok(distance);
    }
    let mut costs = Vec::with_capacity(n * n);
    for a in x.chunks_exact(dim) {
        for b in y.chunks_exact(dim) {
            costs.push(a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>());
        }
    }
    check_finite("squared distance", &costs, n * n)?;
    let largest = costs.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return Ok(0.0);
    }
    let top = (1_u128 << 100) as f64;
    let integers = costs.iter().map(|c| (c / largest * top) as i128).collect();
    let Ok(weights) = Matrix::from_vec(n, n, integers) else {
        return Err(RobustError::Dimension { what: "assignment costs", expected: n * n, got: costs.len() });
    };
    let (_, assignment) = kuhn_munkres_min(&weights);
    Ok(assignment.iter().enumerate().map(|(k, &to)| costs[k * n + to]).sum::<f64>() / n as f64)
}
