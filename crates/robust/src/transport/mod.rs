//! Squared 2-Wasserstein distances (Eq. 4 with p = 2 and the Euclidean metric).
//!
//! - [`diagonal_gaussians`]: independent Gaussian coordinates, the paper's choice (§3.1);
//! - [`gaussians`]: Gaussians with full covariances (Bures–Wasserstein; Takatsu 2008);
//! - [`empirical`]: two clouds of equally many points, exactly, by solving the assignment problem;
//! - [`discrete`]: two distributions on finitely many points under any costs, exactly.
//!
//! ```
//! use wr2l_robust::transport;
//! // Two point masses, 3 apart: all mass travels 3, so W₂² = 9.
//! let d = transport::diagonal_gaussians(&[0.0], &[0.0], &[3.0], &[0.0], &[1.0])?;
//! assert_eq!(d, 9.0);
//! // A cloud shifted by 3: the best coupling moves every point by 3.
//! assert_eq!(transport::empirical(&[0.0, 1.0, 2.0], &[5.0, 3.0, 4.0], 1)?, 9.0);
//! # Ok::<(), wr2l_robust::RobustError>(())
//! ```

mod discrete;
mod empirical;
mod gaussian;

pub use discrete::discrete;
pub use empirical::empirical;
pub use gaussian::{diagonal_gaussians, gaussians};

#[cfg(test)]
mod discrete_tests;
#[cfg(test)]
mod tests;
