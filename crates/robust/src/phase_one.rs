//! Phase I of Algorithm 1 (lines 4–10): the worst dynamics in the ball for the current policy.
//!
//! The direction `p = z* − z` points to the minimiser z* of the linearised J over the ball (Eq. 10), so Phase I is
//! the Frank–Wolfe method, and `−gᵀp` is the Frank–Wolfe gap: for a convex J no point of the ball is lower than
//! J(z) by more. It is an honest stopping rule beside ‖g‖ and a limit on the number of steps.
//!
//! ```
//! use wr2l_robust::{DMatrix, FnObjective, ball::{Ball, Metric}, phase_one::PhaseOne};
//! let metric = Metric::new(&DMatrix::identity(2, 2), Metric::DEFAULT_RIDGE)?;
//! let ball = Ball::new(metric, 0.125, vec![-0.9; 2], vec![2.0; 2])?; // a disc of radius ½
//! // The return falls as the first parameter grows.
//! let mut j = FnObjective::new(2, |z: &[f64]| 3000.0 - 1000.0 * z[0] - 500.0 * z[0] * z[0]);
//! let report = PhaseOne::default().run(&mut j, &ball, &[0.0, 0.0], 42, 0)?;
//! assert!(ball.contains(&report.z) && report.z[0] > 0.45);
//! assert!(report.value < report.reference_value);
//! # Ok::<(), wr2l_robust::RobustError>(())
//! ```

use serde::{Deserialize, Serialize};
use wr2l_rng::{Purpose, StreamKey};

use crate::attack::SurrogateSearch;
use crate::ball::Ball;
use crate::error::check_positive;
use crate::gradient::{self, Gradient, GradientEstimate};
use crate::linalg::{dot, norm};
use crate::line_search::LineSearch;
use crate::objective::{self, Objective};
use crate::{RobustError, error};

/// How the worst point is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchKind {
    /// Along zero-order gradients (the paper): the inner loop.
    #[default]
    Gradient,
    /// By a model of J that is fitted to all that was seen ([`SurrogateSearch`]): the `surrogate` options. There is no
    /// inner loop then, and its options mean nothing.
    Surrogate,
}

/// Where the inner loop starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At the reference dynamics, each time anew (Algorithm 1 as printed: `x ← φ⁽⁰⁾`).
    #[default]
    Reference,
    /// At the dynamics that the last turn chose ("the current worst-case dynamics", Appendix B.1).
    Warm,
}

/// Options of Phase I.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PhaseOne {
    /// How the worst point is searched for.
    pub search: SearchKind,
    /// Inner steps at most. Usual: 1 to 10. J of a trained policy is flat around the reference, so a single step
    /// from there may attack hardly better than a random point of the boundary.
    pub max_inner: u32,
    /// Where the inner loop starts, if `starts` is 1.
    pub start: Start,
    /// 1 is the paper. With n > 1, n random points of the ball's boundary and the current dynamics are compared on
    /// common random numbers, the inner loop starts from the worst of them, and at the end the worst of its end
    /// point, its start and the current dynamics is kept, compared on fresh random numbers. Usual: 8 to 48, more in
    /// higher dimension.
    pub starts: usize,
    /// Stop when ‖ĝ‖ (return per unit of z) is no larger. 0 stops at no gradient but zero.
    pub gradient_tolerance: f64,
    /// Stop when the Frank–Wolfe gap (in units of return) is no larger. 0 stops where the linear model sees nothing
    /// to gain at all.
    pub gap_tolerance: f64,
    /// How the gradient is estimated.
    pub gradient: Gradient,
    /// How the step size is chosen.
    pub line_search: LineSearch,
    /// `search` surrogate: its options.
    pub surrogate: SurrogateSearch,
}

impl Default for PhaseOne {
    fn default() -> Self {
        Self {
            search: SearchKind::default(),
            max_inner: 3,
            start: Start::Reference,
            starts: 1,
            gradient_tolerance: 0.0,
            gap_tolerance: 0.0,
            gradient: Gradient::default(),
            line_search: LineSearch::default(),
            surrogate: SurrogateSearch::default(),
        }
    }
}

/// Why the inner loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// `max_inner` steps were taken.
    Steps,
    /// ‖ĝ‖ fell to its tolerance.
    Gradient,
    /// The Frank–Wolfe gap fell to its tolerance.
    Gap,
    /// The gradient estimate is zero: J does not respond to z, and z stays where it is.
    NoSignal,
    /// The budget of a search without inner steps is spent.
    Budget,
}

/// One step of the inner loop.
#[derive(Clone, Debug, PartialEq)]
pub struct InnerStep {
    /// Where it started.
    pub z: Vec<f64>,
    /// The gradient there, with its diagnostics.
    pub gradient: GradientEstimate,
    /// Frank–Wolfe gap `−ĝᵀp`, by how much the linear model lets J fall within the ball.
    pub gap: f64,
    /// Step size, 0 if the loop ended before a step.
    pub alpha: f64,
    /// Whether the step size satisfies the Wolfe conditions.
    pub wolfe: bool,
}

/// What Phase I found.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseOneReport {
    /// The chosen dynamics, inside the ball.
    pub z: Vec<f64>,
    /// J at the chosen dynamics, on random numbers that took no part in choosing z while `starts` is 1.
    pub value: f64,
    /// J at the reference, on the same random numbers.
    pub reference_value: f64,
    /// `½zᵀH₀z` of the chosen dynamics, at most ε.
    pub taylor: f64,
    /// The inner loop, step by step.
    pub steps: Vec<InnerStep>,
    /// Why it ended.
    pub stop: Stop,
    /// Simulator steps that it all took.
    pub simulator_steps: u64,
}

impl PhaseOneReport {
    /// The last gradient estimate of the inner loop.
    pub fn last_gradient(&self) -> Option<&GradientEstimate> {
        self.steps.last().map(|s| &s.gradient)
    }
}

/// A linear model that predicts a smaller relative change of J anywhere in the ball than this has no signal.
const NO_SIGNAL: f64 = 1e-12;

impl PhaseOne {
    /// Checks the options.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_positive("starts", self.starts as f64)?;
        check_positive("pairs", self.gradient.pairs as f64)?;
        check_positive("sigma", self.gradient.sigma)?;
        check_positive("ridge", self.gradient.ridge)?;
        for (name, value) in
            [("gradient_tolerance", self.gradient_tolerance), ("gap_tolerance", self.gap_tolerance)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(RobustError::Parameter { name, value, requirement: "it must not be negative" });
            }
        }
        self.surrogate.validate()?;
        self.line_search.validate()
    }

    /// Minimises J over the ball.
    ///
    /// `current` (`[d]`, in the ball) are the dynamics in force: the start if `start` is warm, a candidate if
    /// `starts` exceeds 1. Random numbers come from `seed` and the number `turn` of the adversary's turn, and each
    /// inner step has its own.
    ///
    /// # Errors
    /// [`PhaseOne::validate`]'s, [`RobustError::NotFinite`] for a return or `current`, and those of the objective.
    pub fn run(
        &self,
        objective: &mut dyn Objective,
        ball: &Ball,
        current: &[f64],
        seed: u64,
        turn: u64,
    ) -> Result<PhaseOneReport, RobustError> {
        self.validate()?;
        error::check_finite("current z", current, ball.dim())?;
        let steps_before = objective.simulator_steps();
        // The ball may have shrunk since `current` was chosen.
        let current = ball.pull_inside(current)?;
        let (z, [reference_value, value], steps, stop) = match self.search {
            SearchKind::Gradient => {
                let start = if self.starts > 1 {
                    self.worst_start(objective, ball, &current, seed, turn)?
                } else if self.start == Start::Warm {
                    current.clone()
                } else {
                    vec![0.0; ball.dim()]
                };
                let (z, steps, stop) = self.descend(objective, ball, start.clone(), seed, turn)?;
                // The reference; what was found; and with several starts what the end point must not be better than.
                let mut candidates = vec![vec![0.0; ball.dim()], z];
                if self.starts > 1 {
                    candidates.extend([start, current]);
                }
                let draw = u64::from(self.max_inner) + 1;
                let values = objective::evaluate(objective, &candidates.concat(), draw)?;
                let worst = lowest(&values[1..]) + 1;
                (candidates.swap_remove(worst), [values[0], values[worst]], steps, stop)
            }
            SearchKind::Surrogate => {
                let (found, judged) =
                    self.surrogate.run_and_judge(objective, ball, &[current], (seed, turn), u64::MAX)?;
                (found.z, judged, Vec::new(), Stop::Budget)
            }
        };
        Ok(PhaseOneReport {
            value,
            reference_value,
            taylor: ball.value(&z),
            z,
            steps,
            stop,
            simulator_steps: objective.simulator_steps() - steps_before,
        })
    }

    /// The inner loop from `z` on: where it ends, its steps, and why it ended.
    fn descend(
        &self,
        objective: &mut dyn Objective,
        ball: &Ball,
        mut z: Vec<f64>,
        seed: u64,
        turn: u64,
    ) -> Result<(Vec<f64>, Vec<InnerStep>, Stop), RobustError> {
        let mut steps = Vec::new();
        let mut stop = Stop::Steps;
        for j in 0..self.max_inner {
            // Draw 0 belongs to the choice of the start.
            let draw = u64::from(j) + 1;
            let key = StreamKey::new(seed, Purpose::GradientPerturbation).iteration(turn).lane(u64::from(j));
            let gradient = gradient::estimate(objective, &z, ball, &self.gradient, &mut key.stream(), draw)?;
            let g = &gradient.gradient;
            // The most that the linear model lets J change from the reference to the ellipsoid's surface.
            let reach = (2.0 * ball.epsilon()).sqrt() * ball.metric().norm(g);
            let target = ball.minimiser(g)?;
            let gap = target.as_ref().map_or(0.0, |target| dot(g, &z) - dot(g, target));
            let ended = if reach <= NO_SIGNAL * gradient.mean_return.abs() || target.is_none() {
                Some(Stop::NoSignal)
            } else if norm(g) <= self.gradient_tolerance {
                Some(Stop::Gradient)
            } else if gap <= self.gap_tolerance {
                Some(Stop::Gap)
            } else {
                None
            };
            let mut step = InnerStep { z: z.clone(), gradient, gap, alpha: 0.0, wolfe: false };
            if let (None, Some(target)) = (ended, target) {
                // Line 8; Frank–Wolfe's own step size where the noise defeats the Wolfe conditions.
                let fallback = 2.0 / (f64::from(j) + 2.0);
                let taken = self.line_search.step(
                    objective,
                    ball,
                    &z,
                    &target,
                    self.gradient.sigma,
                    fallback,
                    draw,
                )?;
                (step.alpha, step.wolfe, z) = (taken.alpha, taken.wolfe, taken.z);
            }
            steps.push(step);
            if let Some(ended) = ended {
                stop = ended;
                break;
            }
        }
        Ok((z, steps, stop))
    }

    /// The worst of `starts` random boundary points and the current dynamics.
    fn worst_start(
        &self,
        objective: &mut dyn Objective,
        ball: &Ball,
        current: &[f64],
        seed: u64,
        turn: u64,
    ) -> Result<Vec<f64>, RobustError> {
        let mut candidates = vec![current.to_vec()];
        for k in 0..self.starts as u64 {
            let key = StreamKey::new(seed, Purpose::Starts).iteration(turn).lane(k);
            candidates.push(ball.boundary(&mut key.stream())?);
        }
        let values = objective::evaluate(objective, &candidates.concat(), 0)?;
        Ok(candidates.swap_remove(lowest(&values)))
    }
}

/// Position of the smallest value, the first of equals.
fn lowest(values: &[f64]) -> usize {
    (0..values.len()).reduce(|best, i| if values[i] < values[best] { i } else { best }).unwrap_or(0)
}

#[cfg(test)]
mod tests;
