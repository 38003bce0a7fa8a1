//! `ball.toml`: H₀, and what the ball made from it means for each parameter.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wr2l_rl::Executor;
use wr2l_robust::ball::{Ball, Metric};
use wr2l_robust::{BallConfig, BallEstimate, BallMeasure, BallSeed, DMatrix, RobustError};

use wr2l_sim::{AnyTask, DynamicsSpace};

use crate::error::RunError;
use crate::formats::files::{is_too_deep, read_text, write_file};
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
    /// Which dynamics belong to it. Files of version 0.1 do not say: the Taylor form.
    #[serde(default)]
    pub measure: BallMeasure,
    /// Seed of its random numbers, where it has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// `‖standard error‖ / ‖H₀‖`, Frobenius.
    pub relative_error: f64,
    /// State–action pairs that H₀ is averaged over; for `zero-order` perturbations. 0 in files of version 0.1.
    #[serde(default)]
    pub samples: usize,
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
    /// What is known beside the Taylor form; files of version 0.1 say nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
}

/// How well a parameter's range is known, and what the simulator itself says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Relative error of the half-width: standard error over pairs (and perturbations), and the bias of pairs that were
    /// held down.
    pub error: f64,
    /// W as measured at the two ends of `alone`, which the Taylor form takes for ε where no bound comes first. Infinite
    /// where the physics diverges.
    pub alone: [f64; 2],
    /// W as measured at the two ends of `jointly`.
    pub jointly: [f64; 2],
    /// The largest W₂² of a sampled pair at the two ends of `alone`, in squared units of the state: what Eq. 6 would bound where
    /// W, its average, is bounded (Eq. 7). Files of before do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone_largest: Option<[f64; 2]>,
    /// The same at the two ends of `jointly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jointly_largest: Option<[f64; 2]>,
    /// Lowest and highest value that stays within ε by the measured W while all other parameters keep their nominal
    /// values.
    pub range: [f64; 2],
}

/// Error of a half-width above which a ball is warned of.
const LARGE_ERROR: f64 = 0.1;

/// Estimates H₀ on `executor` as the plan says, and makes the ball.
///
/// # Errors
/// [`RunError::Usage`] naming the key if nothing varies, or the radius that is asked for is no radius;
/// [`RunError::Robust`].
pub fn make_ball(plan: &Plan, executor: &mut dyn Executor) -> Result<(BallEstimate, Ball), RunError> {
    if plan.vary.is_empty() {
        let message = "`vary`: a ball needs at least one parameter to vary; choose with --vary";
        return Err(RunError::Usage(message.into()));
    }
    let estimate = BallEstimate::new(executor, &plan.ball, plan.seed)?;
    let ball = estimate.ball(executor.space(), &plan.ball).map_err(|error| match error {
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
    /// The summary of a ball over the parameters of `executor`, which measure W at its ends.
    ///
    /// # Errors
    /// [`RunError::Robust`].
    pub fn new(
        config: &BallConfig,
        estimate: &BallEstimate,
        ball: &Ball,
        executor: &mut dyn Executor,
    ) -> Result<Self, RunError> {
        let rows = |matrix: &DMatrix<f64>| -> Vec<Vec<f64>> {
            matrix.row_iter().map(|row| row.iter().copied().collect()).collect()
        };
        let measured = match estimate.has_distance() {
            true => measured(estimate, ball, executor)?.into_iter().map(Some).collect(),
            false => vec![None; ball.dim()],
        };
        let parameters = executor.space().parameters().iter().zip(ball.ranges()?).zip(measured);
        Ok(Self {
            epsilon: ball.epsilon(),
            measure: ball.measure(),
            seed: match config.seed {
                BallSeed::Own(seed) => Some(seed),
                BallSeed::Run => None,
            },
            relative_error: estimate.hessian.relative_error,
            samples: estimate.hessian.samples,
            simulator_steps: estimate.hessian.simulator_steps,
            eigenvalues: ball.metric().eigenvalues().to_vec(),
            hessian: rows(ball.metric().hessian()),
            standard_error: rows(&estimate.hessian.standard_error),
            parameters: parameters
                .map(|((p, range), measured)| {
                    let physical = |(low, high): (f64, f64)| {
                        [low, high].map(|z| (p.nominal + p.scale * z).clamp(p.lower, p.upper))
                    };
                    let measured = measured.map(|measured| {
                        let [low, high] = measured.range;
                        Measured { range: physical((low, high)), ..measured }
                    });
                    BallParameter {
                        name: p.name.clone(),
                        unit: p.unit.clone(),
                        nominal: p.nominal,
                        scale: p.scale,
                        bounds: [p.lower, p.upper],
                        alone: physical(range.alone),
                        jointly: physical(range.jointly),
                        measured,
                    }
                })
                .collect(),
        })
    }

    /// The largest relative error of any half-width; `None` in files of version 0.1.
    pub fn largest_error(&self) -> Option<f64> {
        let errors = self.parameters.iter().filter_map(|p| p.measured.as_ref()).map(|m| m.error);
        // A parameter that moves nothing has no half-width to know.
        errors.filter(|error| !error.is_nan()).reduce(f64::max)
    }

    /// What should be said of a ball that is hardly known, in a sentence.
    pub fn warning(&self) -> Option<String> {
        let worst = self.largest_error().filter(|error| *error > LARGE_ERROR)?;
        let of = self.parameters.iter().find(|p| p.measured.as_ref().is_some_and(|m| m.error == worst))?;
        Some(format!(
            "the ball is known only roughly: the half-width of {} has an error of {:.0} %; more \
             pairs make it surer: raise `ball.pairs.most_steps` (`ball.pairs.count` where `ball.pairs.target_error` is 0)",
            of.name,
            100.0 * worst
        ))
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
        let ball = Ball::new(metric, self.epsilon, bound(0).collect(), bound(1).collect())?;
        Ok(ball.with_measure(self.measure))
    }

    /// The ball's parameters, in its order.
    ///
    /// # Errors
    /// [`RunError::Space`] if they are not the task's.
    pub fn space(&self, task: &dyn AnyTask) -> Result<DynamicsSpace, RunError> {
        let all = task.space();
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

/// For every parameter the error of its half-width, W at the four ends of its ranges, and how far it may go alone by the
/// measured W, in z.
fn measured(
    estimate: &BallEstimate,
    ball: &Ball,
    executor: &mut dyn Executor,
) -> Result<Vec<Measured>, RunError> {
    let dim = ball.dim();
    let ranges = ball.ranges()?;
    let mut ends = Vec::with_capacity(4 * dim * dim);
    let mut axes = Vec::with_capacity(2 * dim * dim);
    for (i, range) in ranges.iter().enumerate() {
        let mut axis = vec![0.0; dim];
        for z in [range.alone.0, range.alone.1] {
            axis[i] = z;
            ends.extend_from_slice(&axis);
        }
        for sign in [1.0, -1.0] {
            axis.fill(0.0);
            axis[i] = sign;
            // A unit vector always has a minimiser.
            ends.extend(ball.minimiser(&axis)?.unwrap_or_else(|| vec![0.0; dim]));
            axis[i] = -sign;
            axes.extend_from_slice(&axis);
        }
    }
    let (distances, _) = estimate.measure_pairs(executor, &ends)?;
    let (reach, _) = estimate.reach(executor, ball, &axes)?;
    let errors = estimate.hessian.half_width_errors();
    let rows = distances.chunks_exact(4).zip(reach.chunks_exact(2)).zip(errors);
    Ok(rows
        .map(|((w, t), error)| Measured {
            error,
            alone: [w[0].mean, w[1].mean],
            jointly: [w[2].mean, w[3].mean],
            alone_largest: Some([w[0].largest, w[1].largest]),
            jointly_largest: Some([w[2].largest, w[3].largest]),
            range: [-t[0], t[1]],
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use wr2l_sim::{Task, TaskName};

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
            measured: None,
        };
        BallSummary {
            epsilon: 0.5,
            measure: BallMeasure::Taylor,
            seed: None,
            relative_error: 0.1 + 0.2,
            samples: 3,
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
    fn a_file_of_version_0_1_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = toml::to_string(&summary()).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("measure") && !line.starts_with("samples"));
        std::fs::write(file.path(), lines.collect::<Vec<_>>().join("\n")).unwrap();
        let old = BallSummary::read(file.path()).unwrap();
        assert_eq!(old, BallSummary { samples: 0, ..summary() });
        assert_eq!((old.largest_error(), old.warning()), (None, None));
        // Before the largest distances were told.
        let mut ball = summary();
        let (ends, range) = ([0.4, 0.6], [5.0, 15.0]);
        let (alone_largest, jointly_largest) = (Some([7.0, f64::INFINITY]), Some([8.0, 9.0]));
        let told = Measured { error: 0.1, alone: ends, jointly: ends, alone_largest, jointly_largest, range };
        ball.parameters[0].measured = Some(told.clone());
        ball.write(file.path()).unwrap();
        assert_eq!(BallSummary::read(file.path()).unwrap(), ball);
        let text = std::fs::read_to_string(file.path()).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.contains("_largest")).collect();
        assert_eq!(lines.len(), text.lines().count() - 2);
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let untold = Measured { alone_largest: None, jointly_largest: None, ..told };
        assert_eq!(BallSummary::read(file.path()).unwrap().parameters[0].measured, Some(untold));
    }

    #[test]
    fn a_ball_that_is_hardly_known_is_warned_of_with_the_parameter_that_is_least_known() {
        let with = |errors: [f64; 2]| {
            let mut ball = summary();
            for (p, error) in ball.parameters.iter_mut().zip(errors) {
                p.measured = Some(Measured {
                    error,
                    alone: [0.5; 2],
                    jointly: [0.5; 2],
                    alone_largest: None,
                    jointly_largest: None,
                    range: p.bounds,
                });
            }
            (ball.largest_error(), ball.warning())
        };
        assert_eq!(with([0.02, 0.1]), (Some(0.1), None));
        assert!(with([0.02, 0.11]).1.unwrap().contains("half-width of b has an error of 11 %"));
        assert!(with([f64::INFINITY, 0.1]).1.unwrap().contains("half-width of a"));
        assert_eq!(with([f64::NAN, 0.01]), (Some(0.01), None), "which moves nothing");
    }

    #[test]
    fn the_ball_has_the_summarys_radius_and_bounds() {
        let ball = summary().ball().unwrap();
        assert!(ball.contains(&[0.4999, 0.0]) && !ball.contains(&[0.5001, 0.0]));
        assert!(ball.contains(&[0.0, 0.4999]) && !ball.contains(&[0.0, 0.5001]), "cut at the bounds");
        assert!(matches!(summary().space(&Task::new(TaskName::HOPPER)), Err(RunError::Space(_))));
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
