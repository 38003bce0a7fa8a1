//! `H₀ + λI` as a metric on z, known by its products alone.

use wr2l_rng::Stream;

use super::Jacobian;
use crate::RobustError;
use crate::error::{check_finite, check_positive};
use crate::linalg::dot;

/// When conjugate gradients end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConjugateGradients {
    /// Residual, relative to the right side, at which a solution is good enough. Usual: 1e-10, or 1e-3 where each product
    /// is dear: a point of the ball's boundary is one whatever the residual, if not the very worst.
    pub tolerance: f64,
    /// Products of H₀ with a vector at most. Usual: 100 to 10,000; in exact arithmetic as many as H₀ has distinct
    /// eigenvalues are enough.
    pub most_products: usize,
}

impl Default for ConjugateGradients {
    fn default() -> Self {
        Self { tolerance: 1e-10, most_products: 5000 }
    }
}

impl ConjugateGradients {
    /// Checks the options.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_positive("tolerance", self.tolerance)?;
        check_positive("most_products", self.most_products as f64)
    }
}

/// How well a linear system was solved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solved {
    /// Products of H₀ with a vector that it took.
    pub products: usize,
    /// `‖g − Ax‖ / ‖g‖` in the norm of the inverse diagonal of A: 0 is exact.
    pub residual: f64,
    /// `xᵀAx`.
    pub energy: f64,
}

/// `A = H₀ + λI`: products, and what they need.
#[derive(Clone, Debug)]
pub(super) struct Damped<J> {
    pub(super) jacobian: J,
    pub(super) damping: f64,
    /// `Jv`.
    rows: Vec<f64>,
}

impl<J: Jacobian> Damped<J> {
    /// Writes `Av`.
    pub(super) fn apply(&mut self, v: &[f64], out: &mut [f64]) {
        self.jacobian.forward(v, &mut self.rows);
        self.jacobian.backward(&self.rows, out);
        out.iter_mut().zip(v).for_each(|(sum, v)| *sum += self.damping * v);
    }

    /// `vᵀH₀v`, without the damping.
    fn curvature(&mut self, v: &[f64]) -> f64 {
        self.jacobian.forward(v, &mut self.rows);
        dot(&self.rows, &self.rows)
    }
}

/// The positive-definite `A = H₀ + λI`, `λ = ridge · tr(H₀)/d`, in which the matrix-free ball, its steps and gradients are
/// measured.
#[derive(Clone, Debug)]
pub struct MatrixFreeMetric<J> {
    pub(super) operator: Damped<J>,
    /// The diagonal of A.
    pub(super) diagonal: Vec<f64>,
    options: ConjugateGradients,
    residual: Vec<f64>,
    direction: Vec<f64>,
    product: Vec<f64>,
}

impl<J: Jacobian> MatrixFreeMetric<J> {
    /// The metric of this Jacobian. `ridge` lies in `[1e-12, 1]`.
    ///
    /// # Errors
    /// [`RobustError::Dimension`] for a Jacobian without rows or columns, [`RobustError::NotFinite`] for one that is not
    /// finite, [`RobustError::NoCurvature`] if it is zero, [`RobustError::Parameter`] for the ridge.
    pub fn new(mut jacobian: J, ridge: f64) -> Result<Self, RobustError> {
        let dim = jacobian.dim();
        if dim == 0 || jacobian.rows() == 0 {
            return Err(RobustError::Dimension { what: "Jacobian", expected: 1, got: 0 });
        }
        if !(1e-12..=1.0).contains(&ridge) {
            let requirement = "it must lie in [1e-12, 1]";
            return Err(RobustError::Parameter { name: "ridge", value: ridge, requirement });
        }
        let mut diagonal = vec![0.0; dim];
        jacobian.squares(&mut diagonal);
        check_finite("diagonal of the Hessian", &diagonal, dim)?;
        let trace: f64 = diagonal.iter().sum();
        let damping = ridge * trace / dim as f64;
        if !damping.is_normal() {
            return Err(RobustError::NoCurvature { trace });
        }
        diagonal.iter_mut().for_each(|a| *a += damping);
        let rows = vec![0.0; jacobian.rows()];
        let vector = || vec![0.0; dim];
        Ok(Self {
            operator: Damped { jacobian, damping, rows },
            diagonal,
            options: ConjugateGradients::default(),
            residual: vector(),
            direction: vector(),
            product: vector(),
        })
    }

    /// The same metric, which solves so well.
    ///
    /// # Errors
    /// [`ConjugateGradients::validate`]'s.
    pub fn with_options(self, options: ConjugateGradients) -> Result<Self, RobustError> {
        options.validate()?;
        Ok(Self { options, ..self })
    }

    /// When conjugate gradients end.
    pub fn options(&self) -> &ConjugateGradients {
        &self.options
    }

    /// Number of coordinates d of z.
    pub fn dim(&self) -> usize {
        self.diagonal.len()
    }

    /// λ, which is added to every eigenvalue of H₀, in units of W per unit of z squared.
    pub fn damping(&self) -> f64 {
        self.operator.damping
    }

    /// The diagonal of `H₀ + λI` (`[d]`).
    pub fn diagonal(&self) -> &[f64] {
        &self.diagonal
    }

    /// Writes `(H₀ + λI)v` (`[d]`).
    ///
    /// # Panics
    /// If a slice does not have d coordinates.
    pub fn apply(&mut self, v: &[f64], out: &mut [f64]) {
        assert_eq!((v.len(), out.len()), (self.dim(), self.dim()), "vectors of the metric's dimension");
        self.operator.apply(v, out);
    }

    /// `½zᵀ(H₀ + λI)z`, which the ball compares with ε.
    ///
    /// # Panics
    /// If `z` does not have d coordinates.
    pub fn value(&mut self, z: &[f64]) -> f64 {
        self.taylor(z) + 0.5 * self.operator.damping * dot(z, z)
    }

    /// `½zᵀH₀z`, the second-order value of W(z) without the damping (Eq. 9).
    ///
    /// # Panics
    /// If `z` does not have d coordinates.
    pub fn taylor(&mut self, z: &[f64]) -> f64 {
        assert_eq!(z.len(), self.dim(), "z has the dimension of the metric");
        0.5 * self.operator.curvature(z)
    }

    /// See [`MatrixFreeBall::colour`](super::MatrixFreeBall::colour).
    pub(super) fn colour(&mut self, stream: &mut Stream, g: &mut [f64]) {
        let Self { operator, product, .. } = self;
        stream.fill_normal(&mut operator.rows);
        stream.fill_normal(product);
        operator.jacobian.backward(&operator.rows, g);
        let root = operator.damping.sqrt();
        g.iter_mut().zip(&*product).for_each(|(g, n)| *g += root * n);
    }

    /// Writes `x ≈ (H₀ + λI)⁻¹g` by conjugate gradients, preconditioned by the diagonal.
    ///
    /// # Panics
    /// If a slice does not have d coordinates.
    pub fn solve(&mut self, g: &[f64], x: &mut [f64]) -> Solved {
        assert_eq!((g.len(), x.len()), (self.dim(), self.dim()), "vectors of the metric's dimension");
        let Self { operator, diagonal, options, residual, direction, product } = self;
        x.fill(0.0);
        residual.copy_from_slice(g);
        // rᵀD⁻¹r, D the diagonal.
        let weighted = |r: &[f64]| r.iter().zip(&*diagonal).map(|(r, a)| r * r / a).sum::<f64>();
        let whole = weighted(residual);
        if whole == 0.0 {
            return Solved { products: 0, residual: 0.0, energy: 0.0 };
        }
        direction.iter_mut().zip(residual.iter().zip(&*diagonal)).for_each(|(p, (r, a))| *p = r / a);
        let (mut size, mut products) = (whole, 0);
        while size > options.tolerance.powi(2) * whole && products < options.most_products {
            operator.apply(direction, product);
            products += 1;
            let step = size / dot(direction, product);
            x.iter_mut().zip(&*direction).for_each(|(x, p)| *x += step * p);
            residual.iter_mut().zip(&*product).for_each(|(r, q)| *r -= step * q);
            let next = weighted(residual);
            let keep = next / size;
            size = next;
            let preconditioned = residual.iter().zip(&*diagonal).map(|(r, a)| r / a);
            direction.iter_mut().zip(preconditioned).for_each(|(p, r)| *p = r + keep * *p);
        }
        // The residual that was carried along drifts from the true one by rounding.
        operator.apply(x, product);
        residual.iter_mut().zip(g.iter().zip(&*product)).for_each(|(r, (g, q))| *r = g - q);
        let energy = dot(x, product);
        Solved { products: products + 1, residual: (weighted(residual) / whole).sqrt(), energy }
    }
}
