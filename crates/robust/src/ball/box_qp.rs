//! Small strictly convex quadratics over a box, solved to the last active set.

use nalgebra::{Cholesky, DMatrix, DVector};

use crate::RobustError;

/// Where a coordinate of a box-constrained solution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Free,
    Lower,
    Upper,
}

/// A point of the box with the coordinates that are held at a bound.
#[derive(Clone, Debug)]
pub(super) struct BoxPoint {
    pub(super) y: Vec<f64>,
    pub(super) sides: Vec<Side>,
}

impl BoxPoint {
    /// The point 0 with nothing held; the box must contain it.
    pub(super) fn origin(dim: usize) -> Self {
        Self { y: vec![0.0; dim], sides: vec![Side::Free; dim] }
    }
}

/// Minimises `½yᵀCy + cᵀy` over `lower ≤ y ≤ upper` by the primal active-set method, from `start`, which must lie in
/// the box.
///
/// C is positive definite, so every full step lowers the objective and no active set comes back: the method ends at
/// the exact solution after a few steps per coordinate. Rounding could make it alternate between two sets of equal
/// value; after a generous number of steps the current point is then as good as any.
pub(super) fn minimise(
    matrix: &DMatrix<f64>,
    linear: &[f64],
    lower: &[f64],
    upper: &[f64],
    start: BoxPoint,
) -> Result<BoxPoint, RobustError> {
    let dim = linear.len();
    let BoxPoint { mut y, mut sides } = start;
    for _ in 0..50 + 20 * dim {
        let free: Vec<usize> = (0..dim).filter(|&i| sides[i] == Side::Free).collect();
        let target = free_minimiser(matrix, linear, &y, &free)?;
        // How far the box lets us go towards the minimiser over the free coordinates.
        let (mut length, mut blocking) = (1.0, None);
        for (&i, &to) in free.iter().zip(&target) {
            let step = to - y[i];
            let (room, side) =
                if step < 0.0 { (lower[i] - y[i], Side::Lower) } else { (upper[i] - y[i], Side::Upper) };
            if step.abs() > room.abs() && room / step < length {
                length = room / step;
                blocking = Some((i, side));
            }
        }
        if let Some((i, side)) = blocking {
            for (&i, &to) in free.iter().zip(&target) {
                y[i] = (y[i] + length * (to - y[i])).clamp(lower[i], upper[i]);
            }
            sides[i] = side;
            y[i] = if side == Side::Lower { lower[i] } else { upper[i] };
            continue;
        }
        for (&i, &to) in free.iter().zip(&target) {
            y[i] = to.clamp(lower[i], upper[i]);
        }
        match most_violated(matrix, linear, lower, upper, &y, &sides) {
            Some(i) => sides[i] = Side::Free,
            None => break,
        }
    }
    Ok(BoxPoint { y, sides })
}

/// The minimiser over the free coordinates while all others stay: `C_FF y_F = −(c_F + C_FA y_A)`.
fn free_minimiser(
    matrix: &DMatrix<f64>,
    linear: &[f64],
    y: &[f64],
    free: &[usize],
) -> Result<Vec<f64>, RobustError> {
    if free.is_empty() {
        return Ok(Vec::new());
    }
    let block = DMatrix::from_fn(free.len(), free.len(), |a, b| matrix[(free[a], free[b])]);
    let right = DVector::from_fn(free.len(), |a, _| {
        let i = free[a];
        let held: f64 = (0..y.len()).filter(|j| !free.contains(j)).map(|j| matrix[(i, j)] * y[j]).sum();
        -(linear[i] + held)
    });
    let factor = Cholesky::new(block).ok_or(RobustError::Decomposition { what: "Cholesky decomposition" })?;
    Ok(factor.solve(&right).as_slice().to_vec())
}

/// The held coordinate whose multiplier has the wrong sign by the most, if any has beyond rounding.
fn most_violated(
    matrix: &DMatrix<f64>,
    linear: &[f64],
    lower: &[f64],
    upper: &[f64],
    y: &[f64],
    sides: &[Side],
) -> Option<usize> {
    let mut worst = (0.0, None);
    for i in 0..y.len() {
        if sides[i] == Side::Free || lower[i] == upper[i] {
            continue;
        }
        let (mut slope, mut size) = (linear[i], linear[i].abs());
        for j in 0..y.len() {
            slope += matrix[(i, j)] * y[j];
            size += (matrix[(i, j)] * y[j]).abs();
        }
        let inward = if sides[i] == Side::Lower { -slope } else { slope };
        if inward > 1e-13 * size && inward > worst.0 {
            worst = (inward, Some(i));
        }
    }
    worst.1
}
