//! Phase I over the matrix-free ball.

use wr2l_rng::{Purpose, StreamKey};

use super::{BallGradient, Jacobian, MatrixFreeBall};
use crate::RobustError;
use crate::error::check_positive;
use crate::linalg::dot;
use crate::objective::{self, Objective};

/// Options of Phase I (Algorithm 1, lines 4–10) in the matrix-free ball: from the reference, along Eq. 10's direction for
/// [`BallGradient`]'s gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatrixFreeSearch {
    /// Inner steps. Usual: 1 to 10.
    pub steps: u32,
    /// How the gradient is estimated.
    pub gradient: BallGradient,
    /// Step sizes that are tried, `1/n, 2/n, … 1`, and 0: the one with the lowest J on common random numbers is taken. With a
    /// gradient of which most is noise the Wolfe conditions hardly ever hold, and this uses what was simulated.
    pub trials: u32,
}

impl Default for MatrixFreeSearch {
    fn default() -> Self {
        Self { steps: 3, gradient: BallGradient::default(), trials: 8 }
    }
}

/// What the search found.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixFreeReport {
    /// The chosen dynamics, inside the ball.
    pub z: Vec<f64>,
    /// J at the chosen dynamics, on random numbers that took no part in choosing z.
    pub value: f64,
    /// J at the reference, on the same random numbers.
    pub reference_value: f64,
    /// `½zᵀ(H₀ + λI)z` of the chosen dynamics, at most ε.
    pub taylor: f64,
    /// Frank–Wolfe gap of every step: by how much the linear model lets J fall within the ball.
    pub gaps: Vec<f64>,
    /// Step size of every step.
    pub alphas: Vec<f64>,
    /// Products of H₀ with a vector that it took.
    pub products: usize,
}

impl MatrixFreeSearch {
    /// Checks the options.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_positive("trials", f64::from(self.trials))?;
        self.gradient.validate()
    }

    /// Minimises J over the ball. Random numbers come from `seed` and the number `turn` of the adversary's turn, and each step
    /// has its own. It ends early where the gradient is zero.
    ///
    /// # Errors
    /// [`MatrixFreeSearch::validate`]'s, [`RobustError::NotFinite`] for a return, and those of the objective.
    pub fn run<J: Jacobian>(
        &self,
        objective: &mut dyn Objective,
        ball: &mut MatrixFreeBall<J>,
        seed: u64,
        turn: u64,
    ) -> Result<MatrixFreeReport, RobustError> {
        self.validate()?;
        let dim = ball.dim();
        let (mut z, mut target) = (vec![0.0; dim], vec![0.0; dim]);
        let (mut gaps, mut alphas, mut products) = (Vec::new(), Vec::new(), 0);
        for j in 0..self.steps {
            let draw = u64::from(j) + 1;
            let key = StreamKey::new(seed, Purpose::GradientPerturbation).iteration(turn).lane(u64::from(j));
            let estimate = self.gradient.estimate(objective, &z, ball, &mut key.stream(), draw)?;
            products += estimate.products;
            let Some(worst) = ball.minimiser(&estimate.gradient, &mut target)? else { break };
            products += worst.products;
            gaps.push(dot(&estimate.gradient, &z) - dot(&estimate.gradient, &target));
            // Between two points of a convex set.
            let alpha = |k: u32| f64::from(k) / f64::from(self.trials);
            let between = |k: u32| {
                z.iter().zip(&target).map(move |(z, to)| z + alpha(k) * (to - z)).collect::<Vec<_>>()
            };
            let points = (0..=self.trials).flat_map(between).collect::<Vec<_>>();
            let values = objective::evaluate(objective, &points, draw)?;
            let best =
                (0..values.len()).reduce(|a, b| if values[b] < values[a] { b } else { a }).unwrap_or(0);
            z.copy_from_slice(&points[best * dim..][..dim]);
            ball.pull_inside(&mut z)?;
            alphas.push(alpha(best as u32));
        }
        let ends = [vec![0.0; dim], z.clone()].concat();
        let values = objective::evaluate(objective, &ends, u64::from(self.steps) + 1)?;
        Ok(MatrixFreeReport {
            value: values[1],
            reference_value: values[0],
            taylor: ball.value(&z),
            z,
            gaps,
            alphas,
            products,
        })
    }
}
