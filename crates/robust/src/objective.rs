//! The return J(z) as an abstract, noisy function of the dynamics.

use crate::RobustError;
use crate::error::check_finite;

/// A look at J: at which of some points, and with which random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Number of the point among those that go with it.
    pub point: usize,
    /// Its random numbers, as in [`Objective::evaluate`].
    pub draw: u64,
}

impl Look {
    /// A look at each of so many points under one draw.
    pub fn each(points: usize, draw: u64) -> Vec<Self> {
        (0..points).map(|point| Self { point, draw }).collect()
    }
}

/// The return of the current policy as a function of the dynamics z, which the adversary minimises.
pub trait Objective {
    /// Number of coordinates d of z.
    fn dim(&self) -> usize;

    /// J at each of `points` (`[rows, d]`, row-major), in order.
    ///
    /// All points of all calls with the same `draw` share their random numbers (initial states and action noise), so
    /// that differences between them are due to z. Another `draw` has independent ones.
    ///
    /// # Errors
    /// Whatever keeps the simulator from it, e.g. [`RobustError::Diverged`].
    fn evaluate(&mut self, points: &[f64], draw: u64) -> Result<Vec<f64>, RobustError>;

    /// J of each of `looks` at `points` (`[rows, d]`), in order: what calls of [`Objective::evaluate`] return one after the other.
    /// A simulator runs all of them at once, where a few episodes at a time would leave its lanes empty.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    ///
    /// # Panics
    /// If a look's point does not exist.
    fn evaluate_looks(&mut self, points: &[f64], looks: &[Look]) -> Result<Vec<f64>, RobustError> {
        let dim = self.dim();
        let mut values = Vec::with_capacity(looks.len());
        for looks in looks.chunk_by(|a, b| a.draw == b.draw) {
            let points: Vec<f64> =
                looks.iter().flat_map(|look| &points[look.point * dim..][..dim]).copied().collect();
            values.extend(self.evaluate(&points, looks[0].draw)?);
        }
        Ok(values)
    }

    /// Simulator steps taken so far.
    fn simulator_steps(&self) -> u64 {
        0
    }
}

/// An objective given by a function of one z, the same for every draw.
#[derive(Clone, Debug)]
pub struct FnObjective<F> {
    dim: usize,
    function: F,
}

impl<F: FnMut(&[f64]) -> f64> FnObjective<F> {
    /// The objective `function` of `dim` parameters.
    pub fn new(dim: usize, function: F) -> Self {
        Self { dim, function }
    }
}

impl<F: FnMut(&[f64]) -> f64> Objective for FnObjective<F> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn evaluate(&mut self, points: &[f64], _draw: u64) -> Result<Vec<f64>, RobustError> {
        Ok(points.chunks_exact(self.dim).map(&mut self.function).collect())
    }
}

/// Evaluates and refuses a return that is not finite.
pub(crate) fn evaluate(
    objective: &mut dyn Objective,
    points: &[f64],
    draw: u64,
) -> Result<Vec<f64>, RobustError> {
    let rows = points.len() / objective.dim();
    if rows == 0 {
        return Ok(Vec::new());
    }
    let values = objective.evaluate(points, draw)?;
    check_finite("return J(z)", &values, rows)?;
    Ok(values)
}

/// Evaluates several looks, and refuses a return that is not finite.
pub(crate) fn evaluate_looks(
    objective: &mut dyn Objective,
    points: &[f64],
    looks: &[Look],
) -> Result<Vec<f64>, RobustError> {
    if looks.is_empty() {
        return Ok(Vec::new());
    }
    let values = objective.evaluate_looks(points, looks)?;
    check_finite("return J(z)", &values, looks.len())?;
    Ok(values)
}
