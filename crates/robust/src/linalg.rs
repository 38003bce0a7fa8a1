//! The little linear algebra that nalgebra leaves to its user.

use nalgebra::{DMatrix, Dyn, SymmetricEigen};

use crate::RobustError;
use crate::error::check_finite;

/// How far two mirrored entries may lie apart, relative to the largest entry, before symmetrising is refused.
const SYMMETRY_TOLERANCE: f64 = 1e-8;

/// `(A + Aᵀ)/2` of a finite `[dim, dim]` matrix that is symmetric up to rounding.
pub(crate) fn symmetric(
    what: &'static str,
    matrix: &DMatrix<f64>,
    dim: usize,
) -> Result<DMatrix<f64>, RobustError> {
    if matrix.nrows() != dim || matrix.ncols() != dim {
        return Err(RobustError::Dimension { what, expected: dim * dim, got: matrix.len() });
    }
    check_finite(what, matrix.as_slice(), dim * dim)?;
    let mut worst = (0.0, 0, 0);
    for row in 0..dim {
        for column in 0..row {
            let difference = (matrix[(row, column)] - matrix[(column, row)]).abs();
            if difference > worst.0 {
                worst = (difference, row, column);
            }
        }
    }
    let (difference, row, column) = worst;
    if difference > SYMMETRY_TOLERANCE * matrix.amax() {
        let (value, mirrored) = (matrix[(row, column)], matrix[(column, row)]);
        return Err(RobustError::Asymmetric { what, row, column, value, mirrored });
    }
    // Halves first: the sum of two huge entries would overflow.
    Ok(matrix * 0.5 + matrix.transpose() * 0.5)
}

/// Eigenvalues (in no particular order) and eigenvectors of a finite symmetric matrix.
pub(crate) fn eigen(matrix: DMatrix<f64>) -> Result<SymmetricEigen<f64, Dyn>, RobustError> {
    // A handful of iterations per row suffice; the limit only keeps a broken input from looping for ever.
    SymmetricEigen::try_new(matrix, f64::EPSILON, 10_000)
        .ok_or(RobustError::Decomposition { what: "eigendecomposition" })
}

/// `aᵀb`.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Euclidean norm.
pub(crate) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}
