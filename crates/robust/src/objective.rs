//! The return J(z) as an abstract, noisy function of the dynamics.

use crate::RobustError;
use crate::error::check_finite;

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

    /// J at each of `points` under each of `draws` (`[draws, rows]`): what calls of [`Objective::evaluate`] return one after
    /// the other. A simulator runs all of them at once, where a few episodes at a time would leave its lanes empty.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    fn evaluate_draws(&mut self, points: &[f64], draws: &[u64]) -> Result<Vec<f64>, RobustError> {
        let mut values = Vec::new();
        for &draw in draws {
            values.extend(self.evaluate(points, draw)?);
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
    evaluate_draws(objective, points, &[draw])
}

/// Evaluates under several draws, and refuses a return that is not finite.
pub(crate) fn evaluate_draws(
    objective: &mut dyn Objective,
    points: &[f64],
    draws: &[u64],
) -> Result<Vec<f64>, RobustError> {
    let rows = points.len() / objective.dim() * draws.len();
    if rows == 0 {
        return Ok(Vec::new());
    }
    let values = objective.evaluate_draws(points, draws)?;
    check_finite("return J(z)", &values, rows)?;
    Ok(values)
}
