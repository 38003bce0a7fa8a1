//! The Wasserstein ball in its second-order form, cut by the parameters' hard bounds.
//!
//! ```
//! use wr2l_robust::{DMatrix, ball::{Ball, Metric}};
//! // Two parameters; the second moves the next state ten times less than the first.
//! let hessian = DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, 0.01]);
//! let metric = Metric::new(&hessian, Metric::DEFAULT_RIDGE)?;
//! let ball = Ball::new(metric, 0.02, vec![-0.9; 2], vec![1.5; 2])?;
//!
//! let z = ball.minimiser(&[1.0, 1.0])?.expect("the gradient is not zero");
//! assert!(ball.contains(&z));
//! assert_eq!(z[1], -0.9); // the ellipsoid alone would allow −2
//! let range = &ball.ranges()?[0];
//! assert!((range.alone.1 - 0.2).abs() < 1e-12); // √(2ε/H₁₁)
//! # Ok::<(), wr2l_robust::RobustError>(())
//! ```

mod box_qp;
pub(crate) mod measure;
pub(crate) mod metric;
mod minimise;
mod sample;

pub use measure::BallMeasure;
pub use metric::Metric;
pub use sample::UniformBall;

use nalgebra::DMatrix;

use crate::RobustError;
use crate::error::{check_finite, check_positive};

/// How far above ε rounding may put `½zᵀH₀z` of a point that still counts as inside.
pub const TOLERANCE: f64 = 1e-9;

/// The set of admissible dynamics `{z : ½zᵀH₀z ≤ ε, lower ≤ z ≤ upper}`.
///
/// The ellipsoid is the paper's constraint (Eq. 9). The box are the parameters' hard bounds, without which nearly
/// singular directions of H₀ would allow absurd dynamics: at ε = 0.1, a joint damping of Hopper some thirty times its
/// nominal value.
#[derive(Clone, Debug)]
pub struct Ball {
    metric: Metric,
    epsilon: f64,
    lower: Vec<f64>,
    upper: Vec<f64>,
    normal: NormalForm,
    measure: BallMeasure,
}

/// The ball in coordinates `y_i = z_i / √(2ε/H_ii)`, where it reads `yᵀCy ≤ 1` with a unit diagonal: free of units
/// and well scaled.
#[derive(Clone, Debug)]
struct NormalForm {
    /// `√(2ε/H_ii)`.
    scale: Vec<f64>,
    matrix: DMatrix<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

/// How far one parameter may move, in units of z: (lowest, highest).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// While all others keep their nominal values.
    pub alone: (f64, f64),
    /// While the others move in whatever way allows it the most.
    pub jointly: (f64, f64),
}

impl Ball {
    /// The ball of radius `epsilon` (in units of W₂², so squared state units) with hard bounds `lower` and
    /// `upper` in z (`[d]`; infinite where there is none).
    ///
    /// # Errors
    /// [`RobustError::Parameter`] unless ε is positive and finite, [`RobustError::Bounds`] unless every
    /// `lower ≤ 0 ≤ upper`, [`RobustError::Dimension`].
    pub fn new(metric: Metric, epsilon: f64, lower: Vec<f64>, upper: Vec<f64>) -> Result<Self, RobustError> {
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
        let hessian = metric.hessian();
        let scale: Vec<f64> = hessian.diagonal().iter().map(|h| (2.0 * epsilon).sqrt() / h.sqrt()).collect();
        if let Some(&width) = scale.iter().find(|&&s| !s.is_normal()) {
            let requirement = "a parameter's half-width must be a normal number: rescale ε or the states";
            return Err(RobustError::Parameter { name: "half_width", value: width, requirement });
        }
        let matrix = DMatrix::from_fn(dim, dim, |i, j| {
            if i == j { 1.0 } else { hessian[(i, j)] / hessian[(i, i)].sqrt() / hessian[(j, j)].sqrt() }
        });
        let normal = NormalForm {
            lower: lower.iter().zip(&scale).map(|(b, s)| b / s).collect(),
            upper: upper.iter().zip(&scale).map(|(b, s)| b / s).collect(),
            scale,
            matrix,
        };
        Ok(Self { metric, epsilon, lower, upper, normal, measure: BallMeasure::Taylor })
    }

    /// The same ball with another radius.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] unless ε is positive and finite.
    pub fn with_epsilon(&self, epsilon: f64) -> Result<Self, RobustError> {
        let same = Self::new(self.metric.clone(), epsilon, self.lower.clone(), self.upper.clone())?;
        Ok(same.with_measure(self.measure))
    }

    /// The same ball, which says of itself that this decides which dynamics belong to it. All methods are about its Taylor
    /// form nevertheless: only a simulator can tell the other
    /// ([`BallEstimate::fit`](crate::BallEstimate::fit)).
    #[must_use]
    pub fn with_measure(self, measure: BallMeasure) -> Self {
        Self { measure, ..self }
    }

    /// What decides which dynamics belong to it.
    pub fn measure(&self) -> BallMeasure {
        self.measure
    }

    /// Number of coordinates d of z.
    pub fn dim(&self) -> usize {
        self.metric.dim()
    }

    /// The metric H₀.
    pub fn metric(&self) -> &Metric {
        &self.metric
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

    /// `½zᵀH₀z`, to be compared with ε (Eq. 9).
    ///
    /// # Panics
    /// If `z` does not have d coordinates.
    pub fn value(&self, z: &[f64]) -> f64 {
        self.metric.value(z)
    }

    /// Whether `½zᵀH₀z ≤ ε(1 + 1e-9)` and z lies, exactly, within the hard bounds. NaN is outside.
    ///
    /// # Panics
    /// If `z` does not have d coordinates.
    pub fn contains(&self, z: &[f64]) -> bool {
        self.in_box(z) && self.value(z) <= self.epsilon * (1.0 + TOLERANCE)
    }

    fn in_box(&self, z: &[f64]) -> bool {
        z.iter().zip(self.lower.iter().zip(&self.upper)).all(|(z, (l, u))| l <= z && z <= u)
    }

    /// The largest t for which tz lies within the hard bounds; infinite if they never stop it.
    pub(crate) fn bounds_end(&self, z: &[f64]) -> f64 {
        let bounds = self.lower.iter().zip(&self.upper);
        z.iter().zip(bounds).fold(f64::INFINITY, |end, (&z, (&lower, &upper))| match z {
            0.0 => end,
            0.0.. => end.min(upper / z),
            _ => end.min(lower / z),
        })
    }

    /// The largest t for which tz lies in the ball's Taylor form; 1 for z = 0.
    pub(crate) fn taylor_end(&self, z: &[f64]) -> f64 {
        let end = (self.epsilon / self.value(z)).sqrt().min(self.bounds_end(z));
        if end.is_finite() { end } else { 1.0 }
    }

    /// Moves a point that rounding may have put outside back inside: onto the box, then towards 0.
    ///
    /// A point inside is returned as it is. This is no minimiser: a point far outside should never come here.
    ///
    /// # Errors
    /// [`RobustError::NotFinite`], [`RobustError::Dimension`].
    pub fn pull_inside(&self, z: &[f64]) -> Result<Vec<f64>, RobustError> {
        check_finite("z", z, self.dim())?;
        let mut z: Vec<f64> =
            z.iter().zip(self.lower.iter().zip(&self.upper)).map(|(z, (&l, &u))| z.clamp(l, u)).collect();
        // The box contains 0, so shrinking never leaves it. Each round removes all but rounding errors.
        while !self.contains(&z) {
            let value = self.value(&z);
            let factor = if value.is_finite() { (self.epsilon / value).sqrt() * (1.0 - 1e-12) } else { 1e-3 };
            z.iter_mut().for_each(|v| *v *= factor);
        }
        Ok(z)
    }

    /// The point with normal coordinates y; a coordinate at its bound in y is at its bound in z to the bit.
    fn to_z(&self, y: &[f64]) -> Vec<f64> {
        let coordinate = |(i, &y): (usize, &f64)| match y {
            _ if y == self.normal.lower[i] => self.lower[i],
            _ if y == self.normal.upper[i] => self.upper[i],
            _ => y * self.normal.scale[i],
        };
        y.iter().enumerate().map(coordinate).collect()
    }

    /// How far each parameter may move, alone and jointly with the others.
    ///
    /// # Errors
    /// [`RobustError::Decomposition`] in the joint extents.
    pub fn ranges(&self) -> Result<Vec<Range>, RobustError> {
        let mut direction = vec![0.0; self.dim()];
        let mut ranges = Vec::with_capacity(self.dim());
        for i in 0..self.dim() {
            let width = self.normal.scale[i];
            let mut extent = |sign: f64| {
                direction[i] = sign;
                let z = self.minimiser(&direction);
                direction[i] = 0.0;
                // A unit vector always has a minimiser.
                z.map(|z| z.map_or(0.0, |z| z[i]))
            };
            ranges.push(Range {
                alone: ((-width).max(self.lower[i]), width.min(self.upper[i])),
                jointly: (extent(1.0)?, extent(-1.0)?),
            });
        }
        Ok(ranges)
    }
}

#[cfg(test)]
mod tests;
