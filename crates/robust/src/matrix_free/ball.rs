//! The ball `{z : ½zᵀ(H₀ + λI)z ≤ ε, lower ≤ z ≤ upper}` and its worst point, Eq. 10.

use wr2l_rng::Stream;

use super::bounded::NormalForm;
use super::{Jacobian, MatrixFreeMetric};
use crate::RobustError;
use crate::ball::TOLERANCE;
use crate::error::{check_dimension, check_finite, check_positive};
use crate::linalg::dot;

/// How the worst point of a linear loss was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worst {
    /// Products of H₀ with a vector that it took.
    pub products: usize,
    /// Residual of the solution of Eq. 10 ([`Solved::residual`](super::Solved::residual)): how far the point is from the worst.
    /// It is on the boundary whatever the residual.
    pub residual: f64,
    /// Whether hard bounds moved it away from Eq. 10.
    pub bounded: bool,
}

/// The set of admissible dynamics `{z : ½zᵀ(H₀ + λI)z ≤ ε, lower ≤ z ≤ upper}`, of which no matrix is kept.
///
/// It lies in the ball of H₀ ([`Ball`](crate::ball::Ball)) of the same ε.
#[derive(Clone, Debug)]
pub struct MatrixFreeBall<J> {
    metric: MatrixFreeMetric<J>,
    epsilon: f64,
    lower: Vec<f64>,
    upper: Vec<f64>,
    normal: NormalForm,
    /// The gradient, scaled to a largest entry of 1.
    unit: Vec<f64>,
}

impl<J: Jacobian> MatrixFreeBall<J> {
    /// The ball of radius `epsilon` (in units of W₂², so squared state units) with hard bounds `lower` and `upper` in z
    /// (`[d]`; infinite where there is none).
    ///
    /// # Errors
    /// [`RobustError::Parameter`] unless ε is positive and finite, [`RobustError::Bounds`] unless every
    /// `lower ≤ 0 ≤ upper`, [`RobustError::Dimension`].
    pub fn new(
        metric: MatrixFreeMetric<J>,
        epsilon: f64,
        lower: Vec<f64>,
        upper: Vec<f64>,
    ) -> Result<Self, RobustError> {
        check_positive("epsilon", epsilon)?;
        let dim = metric.dim();
        for bounds in [&lower, &upper] {
            if bounds.len() != dim {
                return Err(RobustError::Dimension { what: "bounds", expected: dim, got: bounds.len() });
            }
        }
        for index in 0..dim {
            // NaN fails both comparisons.
            if !(lower[index] <= 0.0 && 0.0 <= upper[index]) {
                return Err(RobustError::Bounds { index, lower: lower[index], upper: upper[index] });
            }
        }
        let normal = NormalForm::new(metric.diagonal(), epsilon, &lower, &upper);
        Ok(Self { metric, epsilon, lower, upper, normal, unit: vec![0.0; dim] })
    }

    /// The same ball with another radius.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] unless ε is positive and finite.
    pub fn with_epsilon(self, epsilon: f64) -> Result<Self, RobustError> {
        Self::new(self.metric, epsilon, self.lower, self.upper)
    }

    /// Number of coordinates d of z.
    pub fn dim(&self) -> usize {
        self.metric.dim()
    }

    /// The metric `H₀ + λI`.
    pub fn metric(&mut self) -> &mut MatrixFreeMetric<J> {
        &mut self.metric
    }

    /// The radius ε.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Hard lower bounds in z, at most 0.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    /// Hard upper bounds in z, at least 0.
    pub fn upper(&self) -> &[f64] {
        &self.upper
    }

    /// `½zᵀ(H₀ + λI)z`, to be compared with ε.
    ///
    /// # Panics
    /// If `z` does not have d coordinates.
    pub fn value(&mut self, z: &[f64]) -> f64 {
        self.metric.value(z)
    }

    /// Whether `½zᵀ(H₀ + λI)z ≤ ε(1 + 1e-9)` and z lies, exactly, within the hard bounds. NaN is outside.
    ///
    /// # Panics
    /// If `z` does not have d coordinates.
    pub fn contains(&mut self, z: &[f64]) -> bool {
        self.in_box(z) && self.value(z) <= self.epsilon * (1.0 + TOLERANCE)
    }

    fn in_box(&self, z: &[f64]) -> bool {
        z.iter().zip(self.lower.iter().zip(&self.upper)).all(|(z, (l, u))| l <= z && z <= u)
    }

    /// Moves a point that rounding may have put outside back inside: onto the box, then towards 0.
    ///
    /// # Errors
    /// [`RobustError::NotFinite`], [`RobustError::Dimension`].
    pub fn pull_inside(&mut self, z: &mut [f64]) -> Result<(), RobustError> {
        check_finite("z", z, self.dim())?;
        for (z, (&lower, &upper)) in z.iter_mut().zip(self.lower.iter().zip(&self.upper)) {
            *z = z.clamp(lower, upper);
        }
        // The box contains 0, so shrinking never leaves it. Each round removes all but rounding errors.
        while !self.contains(z) {
            let value = self.value(z);
            let factor = if value.is_finite() { (self.epsilon / value).sqrt() * (1.0 - 1e-12) } else { 1e-3 };
            z.iter_mut().for_each(|v| *v *= factor);
        }
        Ok(())
    }

    /// Writes the minimiser of `gᵀz` over ellipsoid ∩ box into `z` (`[d]`): Eq. 10 by conjugate gradients, and where hard
    /// bounds are active the point with the multiplier of the ellipsoid at which the minimiser over the box lies on its
    /// surface, as in the dense [`Ball::minimiser`](crate::ball::Ball::minimiser).
    ///
    /// The point satisfies [`MatrixFreeBall::contains`] for whatever finite g. `None`, and z = 0, if g is zero.
    ///
    /// # Errors
    /// [`RobustError::NotFinite`], [`RobustError::Dimension`].
    pub fn minimiser(&mut self, g: &[f64], z: &mut [f64]) -> Result<Option<Worst>, RobustError> {
        check_finite("gradient", g, self.dim())?;
        check_dimension("minimiser", z, self.dim())?;
        z.fill(0.0);
        // The minimiser depends on the direction of g alone.
        let largest = g.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        if largest == 0.0 {
            return Ok(None);
        }
        self.unit.iter_mut().zip(g).for_each(|(u, g)| *u = g / largest);
        let solved = self.metric.solve(&self.unit, z);
        // Eq. 10's √(2ε / gᵀx), with xᵀAx for gᵀx: so z lies on the boundary even where x is not quite A⁻¹g.
        let factor = (2.0 * self.epsilon / solved.energy).sqrt();
        if !factor.is_finite() {
            z.fill(0.0);
            return Ok(None);
        }
        z.iter_mut().for_each(|x| *x *= -factor);
        let mut worst = Worst { products: solved.products, residual: solved.residual, bounded: false };
        if !self.in_box(z) {
            worst.bounded = true;
            let reach = dot(&self.unit, z).abs();
            let Self { metric, normal, unit, lower, upper, .. } = self;
            let options = *metric.options();
            worst.products +=
                normal.minimiser(&mut metric.operator, &options, unit, reach, [&*lower, &*upper], z);
        }
        self.pull_inside(z)?;
        Ok(Some(worst))
    }

    /// Writes a gradient `g = Jᵀn + √λ m` with standard normal n and m (`[d]`), whose covariance is `H₀ + λI`: all step
    /// directions `(H₀ + λI)⁻¹g` are equally likely in the metric.
    ///
    /// # Panics
    /// If `g` does not have d coordinates.
    pub fn colour(&mut self, stream: &mut Stream, g: &mut [f64]) {
        self.metric.colour(stream, g);
    }

    /// Writes a random point of the boundary of ellipsoid ∩ box into `z` (`[d]`): the minimiser for a random gradient, as
    /// [`Ball::boundary`](crate::ball::Ball::boundary).
    ///
    /// # Errors
    /// [`RobustError::Dimension`].
    pub fn boundary(&mut self, stream: &mut Stream, z: &mut [f64]) -> Result<Worst, RobustError> {
        let mut g = vec![0.0; self.dim()];
        loop {
            self.colour(stream, &mut g);
            if let Some(worst) = self.minimiser(&g, z)? {
                return Ok(worst);
            }
        }
    }
}
