//! Probabilities within an interval each.

use super::{RowSet, by_worth};
use crate::error::check_range;
use crate::mdp::dot;
use crate::{FiniteError, FiniteMdp};

/// `|q(s') − p(s')| ≤ width` for every next state: exact by filling up the states of least worth first (Nilim & El Ghaoui
/// 2005, section 5.4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    width: f64,
}

impl Interval {
    /// Intervals of half-width `width`, in [0, 1], cut at 0 and 1.
    ///
    /// # Errors
    /// [`FiniteError::Number`].
    pub fn new(width: f64) -> Result<Self, FiniteError> {
        check_range("width", width, (0.0..=1.0).contains(&width), "in [0, 1]")?;
        Ok(Self { width })
    }
}

impl RowSet for Interval {
    fn worst(&self, mdp: &FiniteMdp, state: usize, action: usize, worth: &[f64], out: &mut [f64]) -> f64 {
        let p = mdp.row(state, action);
        for (out, p) in out.iter_mut().zip(p) {
            *out = (p - self.width).max(0.0);
        }
        let mut left = 1.0 - out.iter().sum::<f64>();
        for s in by_worth(worth) {
            let room = (p[s] + self.width).min(1.0) - out[s];
            let more = room.min(left).max(0.0);
            out[s] += more;
            left -= more;
        }
        dot(out, worth)
    }
}
