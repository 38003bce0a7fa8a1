//! The ball without its matrix (footnote 4): products of H₀ with vectors, and conjugate gradients in Eq. 10, for dynamics of
//! 10³ to 10⁵ parameters.
//!
//! W of nearby dynamics is a mean of squares, so that `H₀ = JᵀJ` with J the [`Jacobian`] of all next states, scaled. A
//! product `H₀v = Jᵀ(Jv)` never forms H₀ (`[d, d]`). J is either kept as columns of differences of any simulator
//! ([`DifferencedJacobian`]), or, for a differentiable model, is nothing but a forward and a backward pass.
//!
//! With so many parameters H₀ is singular wherever pairs × coordinates of a state are fewer than d, and nearly so elsewhere.
//! The dense [`Metric`](crate::ball::Metric) lifts small eigenvalues to `λ = ridge · tr(H₀)/d`; without eigenvalues λ is
//! added to all of them ([`MatrixFreeMetric`]). The ball of `H₀ + λI` lies in that of H₀, and for any ridge
//! `½ (H₀ + λI) ≤ lifted H₀ ≤ H₀ + λI`: its points reach at least 1/√2 as far.
//!
//! ```
//! use wr2l_robust::hessian::{Distance, FnModel, GaussNewton};
//! use wr2l_robust::matrix_free::{DifferencedJacobian, MatrixFreeBall, MatrixFreeMetric};
//!
//! // A thousand parameters; only the mean of them moves the next state.
//! let d = 1000;
//! let mut model = FnModel::new(d, 1, 1, |z: &[f64], next: &mut [f64]| {
//!     next[0] = z.iter().sum::<f64>() / 1000.0;
//! });
//! let (lower, upper) = (vec![-5.0; d], vec![5.0; d]);
//! let options = GaussNewton::default();
//! let jacobian = DifferencedJacobian::new(&mut model, &Distance::default(), &lower, &upper, &options)?;
//! let metric = MatrixFreeMetric::new(jacobian, 1e-3)?;
//! let mut ball = MatrixFreeBall::new(metric, 0.5, lower, upper)?;
//! let mut z = vec![0.0; d];
//! let found = ball.minimiser(&vec![1.0; d], &mut z)?.expect("the gradient is not zero");
//! assert!(ball.contains(&z) && found.residual < 1e-9);
//! assert!((z[0] + 0.7).abs() < 0.01 && z[0] == z[d - 1]);
//! # Ok::<(), wr2l_robust::RobustError>(())
//! ```

mod ball;
mod bounded;
mod box_minimiser;
mod gradient;
mod jacobian;
mod metric;
mod search;

pub use ball::{MatrixFreeBall, Worst};
pub use gradient::{BallGradient, BallGradientEstimate};
pub use jacobian::{DifferencedJacobian, Jacobian};
pub use metric::{ConjugateGradients, MatrixFreeMetric, Solved};
pub use search::{MatrixFreeReport, MatrixFreeSearch};
