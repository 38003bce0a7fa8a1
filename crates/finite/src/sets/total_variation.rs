//! Probabilities of which not too much has moved.

use super::{RowSet, by_worth};
use crate::error::check_range;
use crate::mdp::dot;
use crate::{FiniteError, FiniteMdp};

/// `½ ‖q − p‖₁ ≤ radius`: exact by moving that much probability from the states of most worth to that of least (Iyengar
/// 2005).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TotalVariation {
    radius: f64,
}

impl TotalVariation {
    /// The ball of this radius, in [0, 1]: the most probability that moves.
    ///
    /// # Errors
    /// [`FiniteError::Number`].
    pub fn new(radius: f64) -> Result<Self, FiniteError> {
        check_range("radius", radius, (0.0..=1.0).contains(&radius), "in [0, 1]")?;
        Ok(Self { radius })
    }
}

impl RowSet for TotalVariation {
    fn worst(&self, mdp: &FiniteMdp, state: usize, action: usize, worth: &[f64], out: &mut [f64]) -> f64 {
        out.copy_from_slice(mdp.row(state, action));
        let order = by_worth(worth);
        let mut left = self.radius;
        for &s in order[1..].iter().rev() {
            let moved = out[s].min(left);
            out[s] -= moved;
            out[order[0]] += moved;
            left -= moved;
        }
        dot(out, worth)
    }
}
