//! The Hessian H₀ of the Wasserstein distance as a metric on z.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

use crate::error::{check_finite, check_positive};
use crate::{RobustError, linalg};

/// The positive-definite Hessian H₀ of W(z), in which the ball, its steps and angles are measured.
///
/// An estimate of H₀ is nearly singular, and a zero-order one may even have negative eigenvalues: eigenvalues
/// below `ridge · tr(H)/d` are lifted to that value. Directions so lifted are in truth bounded by the
/// parameters' hard bounds alone.
#[derive(Clone, Debug)]
pub struct Metric {
    hessian: DMatrix<f64>,
    /// Eigenvalues before lifting, ascending.
    eigenvalues: Vec<f64>,
    floor: f64,
    /// Cholesky factor of `hessian / size`.
    factor: Cholesky<f64, Dyn>,
    size: f64,
}

impl Metric {
    /// The default of `ridge`: low enough to keep every direction that was measured to matter (the smallest
    /// eigenvalue of Hopper's 11-dimensional Hessian is about 6e-4 of the mean), high enough to divide by.
    pub const DEFAULT_RIDGE: f64 = 1e-4;

    /// Symmetrises `hessian` (`[d, d]`, in units of W per unit of z squared) and lifts its small eigenvalues.
    /// `ridge` lies in `[1e-12, 1]`.
    ///
    /// # Errors
    /// [`RobustError::Dimension`] for a matrix that is not square or empty, [`RobustError::NotFinite`],
    /// [`RobustError::Asymmetric`] for asymmetry beyond rounding, [`RobustError::NoCurvature`] if the trace is
    /// not positive, [`RobustError::Parameter`] for the ridge.
    pub fn new(hessian: &DMatrix<f64>, ridge: f64) -> Result<Self, RobustError> {
        let dim = hessian.nrows();
        if dim == 0 {
            return Err(RobustError::Dimension { what: "Hessian", expected: 1, got: 0 });
        }
        if !(1e-12..=1.0).contains(&ridge) {
            let requirement = "it must lie in [1e-12, 1]";
            return Err(RobustError::Parameter { name: "ridge", value: ridge, requirement });
        }
        let mut hessian = linalg::symmetric("Hessian", hessian, dim)?;
        let size = hessian.amax();
        if size < f64::MIN_POSITIVE {
            return Err(RobustError::NoCurvature { trace: hessian.trace() });
        }
        // In units of the largest entry, so that neither a huge nor a tiny Hessian overflows or underflows.
        let scaled = &hessian / size;
        let trace = scaled.trace();
        if trace <= 0.0 {
            return Err(RobustError::NoCurvature { trace: trace * size });
        }
        let eigen = linalg::eigen(scaled.clone())?;
        let floor = ridge * trace / dim as f64;
        let lifted = eigen.eigenvalues.map(|e| e.max(floor));
        let positive = if lifted == eigen.eigenvalues {
            scaled
        } else {
            let product =
                &eigen.eigenvectors * DMatrix::from_diagonal(&lifted) * eigen.eigenvectors.transpose();
            (&product + product.transpose()) * 0.5
        };
        hessian = &positive * size;
        let factor =
            Cholesky::new(positive).ok_or(RobustError::Decomposition { what: "Cholesky decomposition" })?;
        let mut eigenvalues: Vec<f64> = eigen.eigenvalues.iter().map(|e| e * size).collect();
        eigenvalues.sort_unstable_by(f64::total_cmp);
        Ok(Self { hessian, eigenvalues, floor: floor * size, factor, size })
    }

    /// Number of coordinates d of z.
    pub fn dim(&self) -> usize {
        self.hessian.nrows()
    }

    /// The positive-definite Hessian (`[d, d]`).
    pub fn hessian(&self) -> &DMatrix<f64> {
        &self.hessian
    }

    /// Eigenvalues of the symmetrised Hessian before lifting, ascending.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// The value `ridge · tr(H)/d` to which smaller eigenvalues were lifted.
    pub fn floor(&self) -> f64 {
        self.floor
    }

    /// `½ zᵀH₀z`, the second-order Taylor value of W(z) (Eq. 9).
    ///
    /// # Panics
    /// If `z` does not have d coordinates.
    pub fn value(&self, z: &[f64]) -> f64 {
        assert_eq!(z.len(), self.dim(), "z has the dimension of the metric");
        let mut sum = 0.0;
        for i in 0..z.len() {
            let row: f64 = (0..z.len()).map(|j| self.hessian[(i, j)] * z[j]).sum();
            sum += z[i] * row;
        }
        0.5 * sum
    }

    /// `H₀⁻¹g`.
    ///
    /// # Panics
    /// If `g` does not have d coordinates.
    pub fn solve(&self, g: &[f64]) -> Vec<f64> {
        assert_eq!(g.len(), self.dim(), "g has the dimension of the metric");
        (self.factor.solve(&DVector::from_column_slice(g)) / self.size).as_slice().to_vec()
    }

    /// `√(gᵀH₀⁻¹g)`, the size of a gradient: the most that `gᵀz` changes per unit of `√(zᵀH₀z)`.
    ///
    /// # Panics
    /// If `g` does not have d coordinates.
    pub fn norm(&self, g: &[f64]) -> f64 {
        // The squares of huge or tiny entries would overflow or vanish.
        let largest = g.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        if largest == 0.0 {
            return 0.0;
        }
        let unit: Vec<f64> = g.iter().map(|v| v / largest).collect();
        largest * self.inner(&unit, &unit).sqrt()
    }

    /// `aᵀH₀⁻¹b`, the inner product of two gradients.
    ///
    /// # Panics
    /// If `a` or `b` does not have d coordinates.
    pub fn inner(&self, a: &[f64], b: &[f64]) -> f64 {
        linalg::dot(a, &self.solve(b))
    }

    /// The angle between two gradients as the ball sees it: the cosine, in the H₀ inner product, between the steps
    /// `H₀⁻¹a` and `H₀⁻¹b` that they propose (Eq. 10), `aᵀH₀⁻¹b / √(aᵀH₀⁻¹a · bᵀH₀⁻¹b)`.
    ///
    /// `None` if one of them is zero or not finite.
    ///
    /// # Panics
    /// If `a` or `b` does not have d coordinates.
    pub fn cosine(&self, a: &[f64], b: &[f64]) -> Option<f64> {
        let unit = |g: &[f64]| {
            let largest = g.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            g.iter().map(|v| v / largest).collect::<Vec<_>>()
        };
        let (a, b) = (unit(a), unit(b));
        let cosine = self.inner(&a, &b) / (self.inner(&a, &a).sqrt() * self.inner(&b, &b).sqrt());
        cosine.is_finite().then(|| cosine.clamp(-1.0, 1.0))
    }

    /// The ε whose ball lets the middle parameter, alone, move by ±`half_width`.
    ///
    /// Alone, parameter i may move by `√(2ε/H_ii)`. The widths of different parameters differ by orders of
    /// magnitude, so no ε gives all of them the same; this one makes the *median* over the parameters equal
    /// `half_width` (in units of z: 0.3 is 30 % of the nominal value). Hard bounds are not considered. With one
    /// parameter it is exact; with two, the mean of both widths. Print [`Ball::ranges`](crate::ball::Ball::ranges)
    /// beside it.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] unless `half_width` is positive and finite.
    pub fn epsilon_for_half_width(&self, half_width: f64) -> Result<f64, RobustError> {
        check_positive("half_width", half_width)?;
        // Widths at ε = ½.
        let mut widths: Vec<f64> = self.hessian.diagonal().iter().map(|h| 1.0 / h.sqrt()).collect();
        widths.sort_unstable_by(f64::total_cmp);
        let middle = widths.len() / 2;
        let median =
            if widths.len() % 2 == 1 { widths[middle] } else { 0.5 * (widths[middle - 1] + widths[middle]) };
        Ok(0.5 * (half_width / median).powi(2))
    }

    /// The gradient `L n`, where `H₀ = L Lᵀ`: for a standard normal `n` all step directions `H₀⁻¹g` are equally
    /// likely in the metric.
    pub(crate) fn colour(&self, n: &[f64]) -> Vec<f64> {
        let l = self.factor.l_dirty();
        (0..n.len()).map(|i| (0..=i).map(|j| l[(i, j)] * n[j]).sum()).collect()
    }

    /// Checks that `g` is a finite vector of the right length.
    pub(crate) fn check(&self, what: &'static str, g: &[f64]) -> Result<(), RobustError> {
        check_finite(what, g, self.dim())
    }
}
