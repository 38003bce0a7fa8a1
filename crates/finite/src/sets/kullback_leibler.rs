//! Probabilities that are likely under the reference.

use super::RowSet;
use crate::error::check_range;
use crate::mdp::dot;
use crate::{FiniteError, FiniteMdp};

/// `KL(q ‖ p) ≤ radius`. The worst distribution is the reference tilted, `q ∝ p e^{−τ·worth}`, with the one τ at which the
/// bound is reached, found by bisection (Iyengar 2005; Nilim & El Ghaoui 2005, section 4); beyond all τ it lies on the
/// states of least worth alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KullbackLeibler {
    radius: f64,
}

impl KullbackLeibler {
    /// The ball of this radius, in nats, at least 0.
    ///
    /// # Errors
    /// [`FiniteError::Number`].
    pub fn new(radius: f64) -> Result<Self, FiniteError> {
        check_range("radius", radius, radius.is_finite() && radius >= 0.0, "finite and not negative")?;
        Ok(Self { radius })
    }
}

/// Writes `p e^{−τ(worth − lowest)}`, made a distribution, into `out` and returns its divergence from p.
fn tilt(p: &[f64], worth: &[f64], lowest: f64, tau: f64, out: &mut [f64]) -> f64 {
    for (out, (p, worth)) in out.iter_mut().zip(p.iter().zip(worth)) {
        *out = if *p > 0.0 { p * (-tau * (worth - lowest)).exp() } else { 0.0 };
    }
    let sum: f64 = out.iter().sum();
    out.iter_mut().for_each(|q| *q /= sum);
    // ln(q/p) = −τ(worth − lowest) − ln sum
    -tau * (dot(out, worth) - lowest) - sum.ln()
}

impl RowSet for KullbackLeibler {
    fn worst(&self, mdp: &FiniteMdp, state: usize, action: usize, worth: &[f64], out: &mut [f64]) -> f64 {
        let p = mdp.row(state, action);
        let possible = || p.iter().zip(worth).filter(|(p, _)| **p > 0.0).map(|(_, worth)| *worth);
        let lowest = possible().fold(f64::INFINITY, f64::min);
        let spread = possible().fold(f64::NEG_INFINITY, f64::max) - lowest;
        if spread <= 0.0 || self.radius == 0.0 {
            out.copy_from_slice(p);
            return dot(p, worth);
        }
        let of_lowest: f64 = p.iter().zip(worth).filter(|(_, worth)| **worth == lowest).map(|(p, _)| p).sum();
        if self.radius >= -of_lowest.ln() {
            for (out, (p, worth)) in out.iter_mut().zip(p.iter().zip(worth)) {
                *out = if *worth == lowest { p / of_lowest } else { 0.0 };
            }
            return lowest;
        }
        let (mut low, mut high) = (0.0, 1.0 / spread);
        while tilt(p, worth, lowest, high, out) < self.radius && high < f64::MAX / 4.0 {
            (low, high) = (high, 2.0 * high);
        }
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if tilt(p, worth, lowest, middle, out) <= self.radius { low = middle } else { high = middle }
        }
        tilt(p, worth, lowest, low, out);
        dot(out, worth)
    }
}
