//! Proposition 1 in the ball's own metric.

use wr2l_rng::Stream;

use super::{Jacobian, MatrixFreeBall};
use crate::RobustError;
use crate::error::{check_finite, check_positive};
use crate::objective::{self, Objective};

/// Options of [`BallGradient::estimate`].
///
/// Proposition 1 draws ξ from N(0, σ²I). Among thousands of parameters of which most hardly move a next state, that either
/// leaves the ball along the few that do or sees nothing of the others. Here ξ comes from `N(0, σ² (2ε/d) A⁻¹)`, A = H₀ + λI,
/// uniform in the metric and σ times as long as the ball's radius: `ξ = σ √(2ε/d) A⁻¹h` with h of covariance A, one solution
/// by conjugate gradients each. The proof is the same, `∇J ≈ E[Aξ J(z+ξ)] / (σ² 2ε/d)`, and Aξ is known: it is h, scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BallGradient {
    /// Length of the perturbations as a share of the ball's radius in its metric. Usual: 0.1 to 1.
    pub sigma: f64,
    /// Antithetic pairs n. The cosine between the estimate and the gradient is about `√(n/(n + d))`. Usual: 32 to 512.
    pub pairs: usize,
}

impl Default for BallGradient {
    fn default() -> Self {
        Self { sigma: 0.5, pairs: 128 }
    }
}

/// A gradient estimate with its diagnostics.
#[derive(Clone, Debug, PartialEq)]
pub struct BallGradientEstimate {
    /// ĝ (`[d]`), in units of J per unit of z.
    pub gradient: Vec<f64>,
    /// Mean of J over all perturbed points.
    pub mean_return: f64,
    /// Share of the perturbed coordinates that hard bounds moved or cut. Pairs that are moved leave a linear J unbiased; those
    /// that are cut, because they are longer than half the range, do not.
    pub moved: f64,
    /// Products of H₀ with a vector that it took.
    pub products: usize,
}

/// Points that are evaluated at once, so that memory stays bounded and several threads have work.
const CHUNK: usize = 32;

impl BallGradient {
    /// Checks the options.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_positive("sigma", self.sigma)?;
        check_positive("pairs", self.pairs as f64)
    }

    /// Estimates the gradient of J at `z` (`[d]`, in the ball). All points share the random numbers of `draw`; ξ comes from
    /// `stream`.
    ///
    /// Where `z ± ξ` would cross a hard bound in coordinate i, ξ_i is cut to the range, and the pair moves inward along i until
    /// both ends fit, as in [`gradient::estimate`](crate::gradient::estimate).
    ///
    /// # Errors
    /// [`BallGradient::validate`]'s, [`RobustError::NotFinite`] for a return or a gradient, [`RobustError::Dimension`], and those of the
    /// objective.
    pub fn estimate<J: Jacobian>(
        &self,
        objective: &mut dyn Objective,
        z: &[f64],
        ball: &mut MatrixFreeBall<J>,
        stream: &mut Stream,
        draw: u64,
    ) -> Result<BallGradientEstimate, RobustError> {
        self.validate()?;
        let dim = ball.dim();
        for (what, got) in [("objective", objective.dim()), ("z", z.len())] {
            if got != dim {
                return Err(RobustError::Dimension { what, expected: dim, got });
            }
        }
        let length = self.sigma * (2.0 * ball.epsilon() / dim as f64).sqrt();
        let (mut gradient, mut sum, mut moved, mut products) = (vec![0.0; dim], 0.0, 0, 0);
        let (mut h, mut xi) = (vec![0.0; CHUNK / 2 * dim], vec![0.0; dim]);
        let mut points = vec![0.0; CHUNK * dim];
        for first in (0..self.pairs).step_by(CHUNK / 2) {
            let count = (self.pairs - first).min(CHUNK / 2);
            for (h, pair) in h.chunks_exact_mut(dim).zip(points.chunks_exact_mut(2 * dim)).take(count) {
                ball.colour(stream, h);
                products += ball.metric().solve(h, &mut xi).products;
                let (plus, minus) = pair.split_at_mut(dim);
                for i in 0..dim {
                    let (lower, upper) = (ball.lower()[i], ball.upper()[i]);
                    let wanted = length * xi[i];
                    let step = wanted.clamp(-0.5 * (upper - lower), 0.5 * (upper - lower));
                    let centre = z[i].max(lower + step.abs()).min(upper - step.abs());
                    moved += usize::from(centre != z[i] || step != wanted);
                    plus[i] = (centre + step).clamp(lower, upper);
                    minus[i] = (centre - step).clamp(lower, upper);
                }
            }
            let values = objective::evaluate(objective, &points[..2 * count * dim], draw)?;
            for (values, h) in values.chunks_exact(2).zip(h.chunks_exact(dim)) {
                sum += values[0] + values[1];
                let share = 0.5 * (values[0] - values[1]) / (length * self.pairs as f64);
                gradient.iter_mut().zip(h).for_each(|(g, h)| *g += share * h);
            }
        }
        // Differences of returns may overflow though each is finite.
        check_finite("gradient", &gradient, dim)?;
        let all = (self.pairs * dim) as f64;
        Ok(BallGradientEstimate {
            gradient,
            mean_return: sum / (2 * self.pairs) as f64,
            moved: moved as f64 / all,
            products,
        })
    }
}
