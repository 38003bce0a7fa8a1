//! `ball.toml`: H₀, and what the ball made from it means for each parameter.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wr2l_rl::Workers;
use wr2l_robust::ball::{Ball, Metric};
use wr2l_robust::{BallEstimate, DMatrix, RobustError};

use wr2l_sim::{DynamicsSpace, Task, TaskName};

use crate::error::RunError;
use crate::files::{is_too_deep, read_text, write_file};
use crate::plan::Plan;

/// Largest file that is read: a ball of a thousand parameters.
const MAX_BYTES: u64 = 64 << 20;

/// What is said of a text that [`is_too_deep`].
const TOO_DEEP: &str = "it names a key within a key within a key, too deep to read";

/// Lifts no eigenvalue that matters.
const SMALLEST_RIDGE: f64 = 1e-12;

/// A ball in numbers that people and programs read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallSummary {
    /// Radius ε, in units of W₂².
    pub epsilon: f64,
    /// `‖standard error‖ / ‖H₀‖`, Frobenius.
    pub relative_error: f64,
    /// One-step simulations that H₀ took.
    pub simulator_steps: u64,
    /// Eigenvalues of the estimate, before small ones are lifted, in rising order.
    pub eigenvalues: Vec<f64>,
    /// H₀ as used: symmetric, small eigenvalues lifted; rows in the order of the parameters, in units of W per unit
    /// of z squared.
    pub hessian: Vec<Vec<f64>>,
    /// Standard error of each entry of the estimate.
    pub standard_error: Vec<Vec<f64>>,
    /// The parameters, in the order of z.
    pub parameters: Vec<BallParameter>,
}

/// What a ball means for one parameter, in physical units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BallParameter {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Reference value φ₀.
    pub nominal: f64,
    /// Size of one unit of z.
    pub scale: f64,
    /// Hard bounds.
    pub bounds: [f64; 2],
    /// Lowest and highest value in the ball while all other parameters keep their nominal values.
    pub alone: [f64; 2],
    /// Lowest and highest value in the ball while the others move in whatever way allows it the most.
    pub jointly: [f64; 2],
}

/// Estimates H₀ on `workers` as the plan says, and makes the ball.
///
/// # Errors
/// [`RunError::Usage`] naming the key if nothing varies, or the radius that is asked for is no radius;
/// [`RunError::Robust`].
pub fn make_ball(plan: &Plan, workers: &mut Workers) -> Result<(BallEstimate, Ball), RunError> {
    if plan.vary.is_empty() {
        let message = "`vary`: a ball needs at least one parameter to vary; choose with --vary";
        return Err(RunError::Usage(message.into()));
    }
    let estimate = BallEstimate::new(workers, &plan.ball, plan.seed)?;
    let ball = estimate.ball(workers.space(), &plan.ball).map_err(|error| match error {
        // Only H₀ shows what radius a half-width asks for, so the plan's own check cannot refuse it.
        RobustError::Parameter { value, requirement, .. } => {
            let key = if plan.ball.half_width.is_some() { "half_width" } else { "epsilon" };
            RunError::Usage(format!("`ball.{key}` asks for an impossible ball, got {value}: {requirement}"))
        }
        other => other.into(),
    })?;
    Ok((estimate, ball))
}

impl BallSummary {
    /// The summary of a ball over the parameters of `workers`.
    ///
    /// # Errors
    /// [`RunError::Robust`].
    pub fn new(estimate: &BallEstimate, ball: &Ball, workers: &Workers) -> Result<Self, RunError> {
        let rows = |matrix: &DMatrix<f64>| -> Vec<Vec<f64>> {
            matrix.row_iter().map(|row| row.iter().copied().collect()).collect()
        };
        let parameters = workers.space().parameters().iter().zip(ball.ranges()?);
        Ok(Self {
            epsilon: ball.epsilon(),
            relative_error: estimate.hessian.relative_error,
            simulator_steps: estimate.hessian.simulator_steps,
            eigenvalues: ball.metric().eigenvalues().to_vec(),
            hessian: rows(ball.metric().hessian()),
            standard_error: rows(&estimate.hessian.standard_error),
            parameters: parameters
                .map(|(p, range)| {
                    let physical = |(low, high): (f64, f64)| {
                        [low, high].map(|z| (p.nominal + p.scale * z).clamp(p.lower, p.upper))
                    };
                    BallParameter {
                        name: p.name.clone(),
                        unit: p.unit.to_owned(),
                        nominal: p.nominal,
                        scale: p.scale,
                        bounds: [p.lower, p.upper],
                        alone: physical(range.alone),
                        jointly: physical(range.jointly),
                    }
                })
                .collect(),
        })
    }

    /// The ball itself, in z of the summary's parameters, which are those of [`BallSummary::space`].
    ///
    /// # Errors
    /// [`RunError::Robust`] if H₀, ε or the bounds make no ball.
    pub fn ball(&self) -> Result<Ball, RunError> {
        let dim = self.parameters.len();
        let hessian = DMatrix::from_fn(dim, dim, |i, j| self.hessian[i][j]);
        let bound = |k: usize| self.parameters.iter().map(move |p| (p.bounds[k] - p.nominal) / p.scale);
        // Small eigenvalues were lifted when the file was written.
        let metric = Metric::new(&hessian, SMALLEST_RIDGE)?;
        Ok(Ball::new(metric, self.epsilon, bound(0).collect(), bound(1).collect())?)
    }

    /// The ball's parameters, in its order.
    ///
    /// # Errors
    /// [`RunError::Space`] if they are not the task's.
    pub fn space(&self, task: TaskName) -> Result<DynamicsSpace, RunError> {
        let all = Task::new(task).space();
        let names: Vec<&str> = self.parameters.iter().map(|p| p.name.as_str()).collect();
        names.iter().try_for_each(|name| all.index(name).map(|_| ()))?;
        Ok(all.select(&names)?)
    }

    /// Writes the summary as TOML.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        let text = toml::to_string(self).map_err(|error| RunError::content(path, None, error.to_string()))?;
        write_file(path, text.as_bytes())
    }

    /// Reads a summary written by [`BallSummary::write`].
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Content`].
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let text = read_text(path, MAX_BYTES).map_err(|error| RunError::io("read", path, &error))?;
        if is_too_deep(&text) {
            return Err(RunError::content(path, None, TOO_DEEP));
        }
        let summary: Self =
            toml::from_str(&text).map_err(|error| RunError::content(path, None, error.message()))?;
        let dim = summary.parameters.len();
        if summary.hessian.len() != dim || summary.hessian.iter().any(|row| row.len() != dim) {
            return Err(RunError::content(path, None, "H₀ does not have one row and column per parameter"));
        }
        Ok(summary)
    }

    /// Outline of the ball over parameters `x` and `y` (physical units, closed by itself), if these two are all that
    /// vary; else nothing.
    pub fn outline(&self, x: &str, y: &str) -> Vec<(f64, f64)> {
        let at = |name: &str| self.parameters.iter().position(|p| p.name == name);
        let (2, Some(i), Some(j)) = (self.parameters.len(), at(x), at(y)) else { return Vec::new() };
        if i == j {
            return Vec::new();
        }
        let h = &self.hessian;
        // Along a ray from the reference the ball, being convex, ends where the ellipse or the first bound is.
        let reach = |k: usize, direction: f64| {
            let p = &self.parameters[k];
            match direction {
                0.0.. => (p.bounds[1] - p.nominal) / (p.scale * direction),
                _ => (p.bounds[0] - p.nominal) / (p.scale * direction),
            }
        };
        const POINTS: u32 = 360;
        (0..POINTS)
            .map(|step| {
                let angle = std::f64::consts::TAU * f64::from(step) / f64::from(POINTS);
                let (a, b) = (angle.cos(), angle.sin());
                let curvature = h[i][i] * a * a + 2.0 * h[i][j] * a * b + h[j][j] * b * b;
                let radius = (2.0 * self.epsilon / curvature).sqrt().min(reach(i, a)).min(reach(j, b));
                let physical = |k: usize, z: f64| self.parameters[k].nominal + self.parameters[k].scale * z;
                (physical(i, radius * a), physical(j, radius * b))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> BallSummary {
        let parameter = |name: &str, nominal: f64, bounds: [f64; 2]| BallParameter {
            name: name.into(),
            unit: "1".into(),
            nominal,
            scale: nominal,
            bounds,
            alone: bounds,
            jointly: bounds,
        };
        BallSummary {
            epsilon: 0.5,
            relative_error: 0.1 + 0.2,
            simulator_steps: 7,
            eigenvalues: vec![1.0, 4.0],
            hessian: vec![vec![4.0, 0.0], vec![0.0, 1.0]],
            standard_error: vec![vec![0.1, f64::INFINITY], vec![0.0, 0.1]],
            parameters: vec![parameter("a", 10.0, [0.0, 100.0]), parameter("b", 2.0, [1.0, 3.0])],
        }
    }

    #[test]
    fn a_summary_reads_back_to_the_bit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        summary().write(file.path()).unwrap();
        assert_eq!(BallSummary::read(file.path()).unwrap(), summary());
        std::fs::write(file.path(), std::fs::read_to_string(file.path()).unwrap().replace("4.0, 0.0", "4.0"))
            .unwrap();
        assert!(BallSummary::read(file.path()).is_err());
    }

    #[test]
    fn the_ball_has_the_summarys_radius_and_bounds() {
        let ball = summary().ball().unwrap();
        assert!(ball.contains(&[0.4999, 0.0]) && !ball.contains(&[0.5001, 0.0]));
        assert!(ball.contains(&[0.0, 0.4999]) && !ball.contains(&[0.0, 0.5001]), "cut at the bounds");
        assert!(matches!(summary().space(TaskName::Hopper), Err(RunError::Space(_))));
    }

    #[test]
    fn the_outline_is_the_ellipse_cut_by_the_bounds() {
        let outline = summary().outline("a", "b");
        // Half-widths in z: 1/2 and 1, the second cut at 1/2 by the bounds.
        let largest = |of: fn(&(f64, f64)) -> f64| outline.iter().map(of).fold(f64::MIN, f64::max);
        assert!((largest(|p| p.0) - 15.0).abs() < 1e-9);
        assert!((largest(|p| p.1) - 3.0).abs() < 1e-9 && (largest(|p| -p.1) + 1.0).abs() < 1e-9);
        for (a, b) in &outline {
            let (z, w) = ((a - 10.0) / 10.0, (b - 2.0) / 2.0);
            assert!(2.0 * z * z + 0.5 * w * w <= 0.5 * (1.0 + 1e-9));
        }
        let swapped = summary().outline("b", "a");
        assert!((swapped[0].0 - 3.0).abs() < 1e-9 && (swapped[0].1 - 10.0).abs() < 1e-9);
        assert!(summary().outline("a", "a").is_empty() && summary().outline("a", "c").is_empty());
    }
}
