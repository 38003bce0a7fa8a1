//! The step size under the Wolfe conditions, on common random numbers (Algorithm 1, line 8).

use serde::{Deserialize, Serialize};

use crate::ball::Ball;
use crate::objective::{self, Objective};
use crate::{RobustError, linalg};

/// Options of the step size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LineSearch {
    /// Sufficient decrease: `J(z+αp) ≤ J(z) + c₁ α J'(z; p)`. In (0, c2). Usual: 1e-4.
    pub c1: f64,
    /// Curvature: `J'(z+αp; p) ≥ c₂ J'(z; p)`, that is, the slope has flattened. In (c1, 1). Usual: 0.9.
    pub c2: f64,
    /// Step sizes tried before the fall-back; 0 always takes the fall-back. Usual: 3 to 8.
    pub max_trials: u32,
}

impl Default for LineSearch {
    fn default() -> Self {
        Self { c1: 1e-4, c2: 0.9, max_trials: 5 }
    }
}

/// A chosen step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Where it leads: `z + αp`, inside the ball.
    pub z: Vec<f64>,
    /// Step size α in (0, 1].
    pub alpha: f64,
    /// Whether α satisfies the Wolfe conditions; otherwise it is the fall-back.
    pub wolfe: bool,
    /// Step sizes tried.
    pub trials: u32,
    /// J at the start of the step, on the search's random numbers.
    pub value: f64,
    /// Directional derivative of J along p at the start, from a forward difference.
    pub slope: f64,
}

impl LineSearch {
    /// Checks the options.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] unless `0 < c1 < c2 < 1`.
    pub fn validate(&self) -> Result<(), RobustError> {
        if 0.0 < self.c1 && self.c1 < self.c2 && self.c2 < 1.0 {
            return Ok(());
        }
        Err(RobustError::Parameter { name: "c1", value: self.c1, requirement: "0 < c1 < c2 < 1 must hold" })
    }

    /// Chooses α for the step from `z` towards `target`, both in the ball; so is every point between them, because
    /// the ball is convex.
    ///
    /// Directional derivatives are differences of J along p on the same random numbers (`draw`), over a length of
    /// `sigma` (in z): the scale at which the gradient saw J. Starting at α = 1, a step that decreases too little is
    /// halved towards the last good one, a step that ends too steep grows; at α = 1 the ball ends, so there
    /// sufficient decrease is enough. If p does not descend on these random numbers, or the trials are spent, α is
    /// `fallback`.
    ///
    /// # Errors
    /// [`LineSearch::validate`]'s, [`RobustError::NotFinite`] for a return, and those of the objective.
    #[expect(clippy::too_many_arguments, reason = "each is another thing; no two are swapped without notice")]
    pub fn step(
        &self,
        objective: &mut dyn Objective,
        ball: &Ball,
        z: &[f64],
        target: &[f64],
        sigma: f64,
        fallback: f64,
        draw: u64,
    ) -> Result<Step, RobustError> {
        self.validate()?;
        let p: Vec<f64> = target.iter().zip(z).map(|(to, from)| to - from).collect();
        let at = |alpha: f64| {
            let point: Vec<f64> = z.iter().zip(&p).map(|(z, p)| z + alpha * p).collect();
            ball.pull_inside(&point)
        };
        // The difference's length as a share of p; half of p at most, to have two distinct ends everywhere.
        let width = (sigma / linalg::norm(&p)).min(0.5);
        // Both ends of the difference around α, which stays on the segment: the ball may end behind either end.
        let around = |alpha: f64| ((alpha - 0.5 * width).max(0.0), (alpha + 0.5 * width).min(1.0));
        let mut evaluate = |alphas: &[f64]| {
            let mut points = Vec::with_capacity(alphas.len() * z.len());
            for &alpha in alphas {
                points.extend(at(alpha)?);
            }
            objective::evaluate(objective, &points, draw)
        };
        // Start and first trial in one call: more episodes to share among threads.
        let first = evaluate(&[0.0, width, 1.0])?;
        let (value, slope) = (first[0], (first[1] - first[0]) / width);
        let decreases = |alpha: f64, there: f64| there <= value + self.c1 * alpha * slope;
        let (mut low, mut high, mut alpha) = (0.0, 1.0, 1.0);
        let mut trials = 0;
        let mut wolfe = false;
        if slope < 0.0 && self.max_trials > 0 {
            trials = 1;
            wolfe = decreases(alpha, first[2]);
        }
        while !wolfe && slope < 0.0 && trials < self.max_trials {
            // Only α below 1 from here on: what failed at 1 decreased too little.
            alpha = 0.5 * (low + high);
            trials += 1;
            let (before, after) = around(alpha);
            let tried = evaluate(&[alpha, before, after])?;
            if !decreases(alpha, tried[0]) {
                high = alpha;
            } else if (tried[2] - tried[1]) / (after - before) >= self.c2 * slope {
                wolfe = true;
            } else {
                low = alpha;
            }
        }
        let alpha = if wolfe { alpha } else { fallback };
        Ok(Step { z: at(alpha)?, alpha, wolfe, trials, value, slope })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ball::Metric;
    use crate::{DMatrix, FnObjective};

    fn ball() -> Ball {
        let metric = Metric::new(&DMatrix::identity(1, 1), 1e-6).unwrap();
        Ball::new(metric, 0.5, vec![-1.0], vec![1.0]).unwrap()
    }

    fn step(j: impl FnMut(&[f64]) -> f64, from: f64, to: f64) -> Step {
        let mut objective = FnObjective::new(1, j);
        LineSearch::default().step(&mut objective, &ball(), &[from], &[to], 0.01, 0.25, 0).unwrap()
    }

    #[test]
    fn a_linear_loss_takes_the_whole_step() {
        let step = step(|z| 3.0 - z[0], -1.0, 1.0);
        assert_eq!((step.alpha, step.wolfe, step.trials), (1.0, true, 1));
        assert!((step.slope + 2.0).abs() < 1e-9 && step.value == 4.0);
        assert_eq!(step.z, [1.0]);
    }

    #[test]
    fn an_accepted_step_satisfies_both_conditions() {
        for minimum in [-0.99, -0.9, -0.5, 0.0, 0.5, 2.0] {
            let j = |z: f64| (z - minimum).powi(2);
            let step = step(|z| j(z[0]), -1.0, 1.0);
            if step.wolfe {
                let slope = |z: f64| 2.0 * (z - minimum) * 2.0;
                let z = step.z[0];
                assert!(j(z) <= j(-1.0) + 0.9e-4 * step.alpha * slope(-1.0), "{minimum}");
                assert!(step.alpha == 1.0 || slope(z) >= 0.91 * slope(-1.0), "{minimum}");
            } else {
                assert!((step.alpha, step.trials) == (0.25, 5), "{minimum}: {step:?}");
            }
        }
        assert!(step(|z| z[0].powi(2), -1.0, 1.0).wolfe);
    }

    #[test]
    fn a_step_that_ends_as_steep_as_it_began_grows_until_the_slope_has_flattened() {
        // Straight down to a kink and then steeply up: a step of a half decreases enough, and ends too early.
        for kink in [0.55, 0.6, 0.7] {
            let step = step(|z| if z[0] < kink { -z[0] } else { 10.0 * (z[0] - kink) - kink }, 0.0, 1.0);
            assert!(step.wolfe && step.alpha >= kink - 0.01 && step.alpha <= 0.75, "{kink}: {step:?}");
        }
    }

    #[test]
    fn noise_that_hides_the_descent_takes_the_fall_back() {
        let ascending = step(|z| z[0], -1.0, 1.0);
        assert_eq!((ascending.alpha, ascending.wolfe, ascending.trials), (0.25, false, 0));
        let flat = step(|_| 5.0, -1.0, 1.0);
        assert_eq!((flat.alpha, flat.wolfe), (0.25, false));
        // Descends at first, and then is worse wherever it looks.
        let trap = step(|z| if z[0] < -0.98 { -z[0] } else { 10.0 }, -1.0, 1.0);
        assert_eq!((trap.alpha, trap.wolfe, trap.trials), (0.25, false, 5));
    }

    #[test]
    fn every_point_looked_at_lies_between_start_and_target() {
        let ball = ball();
        for (from, to) in [(1.0, -1.0), (1.0, 0.999), (0.5, 0.5 + 1e-12), (0.2, 0.203)] {
            let look = |z: &[f64]| {
                assert!(
                    ball.contains(z) && z[0] >= f64::min(from, to) && z[0] <= f64::max(from, to),
                    "{z:?}"
                );
                (z[0] - 0.1).powi(2)
            };
            step(look, from, to);
            // A pit at the start makes the search come closer and closer to it.
            step(|z| look(z) + if (z[0] - from).abs() < 1e-9 { 0.0 } else { 1.0 }, from, to);
            step(|z| look(z) + 1e3 * ((z[0] - from) / (to - from) - 0.02).powi(2), from, to);
        }
    }

    #[test]
    fn a_return_that_is_not_finite_and_senseless_options_are_refused() {
        let mut nan = FnObjective::new(1, |z: &[f64]| if z[0] > 0.0 { f64::NAN } else { -z[0] });
        let search = LineSearch::default();
        assert!(search.step(&mut nan, &ball(), &[-1.0], &[1.0], 0.1, 0.5, 0).is_err());
        for bad in [LineSearch { c1: 0.95, ..search }, LineSearch { c2: 1.0, ..search }] {
            assert!(bad.validate().is_err());
        }
        assert!(LineSearch { c1: f64::NAN, ..search }.validate().is_err());
    }
}
