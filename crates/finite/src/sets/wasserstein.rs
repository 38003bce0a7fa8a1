//! Probabilities that are cheap to carry over from the reference.

use super::RowSet;
use crate::error::{check, check_range};
use crate::{FiniteError, FiniteMdp};

/// `min over couplings Σ κ(s', t) c(s', t) ≤ radius`, in which c are any costs: with squared distances the paper's
/// `W₂² ≤ ε` for every state and action (Eq. 6).
///
/// The worst distribution is a linear program, whose dual is over one number λ (Yang 2017):
/// `max_{λ ≥ 0} −λ·radius + Σ_s p(s) min_t (worth(t) + λ c(s, t))`. Its solution carries mass from each s along the lower
/// convex hull of the points (c(s, t), worth(t)), wherever a unit of cost buys the most, until the radius is spent: exact,
/// without any search for λ.
#[derive(Clone, Debug, PartialEq)]
pub struct Wasserstein {
    radius: f64,
    costs: Vec<f64>,
}

/// A part of a hull: mass at `from` may go on to `to`.
struct Segment {
    source: usize,
    from: usize,
    to: usize,
    /// Cost of it per mass.
    cost: f64,
    /// Worth that a unit of cost takes away, positive.
    gain: f64,
}

impl Wasserstein {
    /// The ball of this radius, at least 0, under `costs` `[n, n]`, at least 0 and 0 on the diagonal.
    ///
    /// # Errors
    /// [`FiniteError::Shape`], [`FiniteError::Number`].
    pub fn new(mdp: &FiniteMdp, radius: f64, costs: Vec<f64>) -> Result<Self, FiniteError> {
        let n = mdp.states();
        check_range("radius", radius, radius.is_finite() && radius >= 0.0, "finite and not negative")?;
        check("costs", &costs, n * n)?;
        for (k, &cost) in costs.iter().enumerate() {
            let holds = if k / n == k % n { cost == 0.0 } else { cost >= 0.0 };
            check_range("cost", cost, holds, "at least 0, and 0 from a state to itself")?;
        }
        Ok(Self { radius, costs })
    }

    /// `W₂² ≤ epsilon` on the process's own ground metric.
    ///
    /// # Errors
    /// As [`Wasserstein::new`].
    pub fn squared(mdp: &FiniteMdp, epsilon: f64) -> Result<Self, FiniteError> {
        Self::new(mdp, epsilon, mdp.squared_distances())
    }
}

/// The lower hull from (0, worth of s) down to the least worth, appended to `segments`.
fn hull(costs: &[f64], source: usize, worth: &[f64], segments: &mut Vec<Segment>) {
    let costs = &costs[source * worth.len()..][..worth.len()];
    let mut at = source;
    // What costs nothing is done first.
    for t in 0..worth.len() {
        if costs[t] == 0.0 && worth[t] < worth[at] {
            at = t;
        }
    }
    if at != source {
        segments.push(Segment { source, from: source, to: at, cost: 0.0, gain: f64::INFINITY });
    }
    let mut last = f64::INFINITY;
    loop {
        let gain = |t: usize| (worth[at] - worth[t]) / (costs[t] - costs[at]);
        let better = (0..worth.len()).filter(|&t| worth[t] < worth[at] && costs[t] > costs[at]);
        let Some(to) =
            better.max_by(|&a, &b| gain(a).total_cmp(&gain(b)).then(costs[a].total_cmp(&costs[b])))
        else {
            return;
        };
        // Rounding must not put a part of the hull before the one that leads to it.
        last = gain(to).min(last);
        segments.push(Segment { source, from: at, to, cost: costs[to] - costs[at], gain: last });
        at = to;
    }
}

/// Carries the distribution `p` (`[n]`) to that of least `worth` (`[n]`), into `out` (`[n]`), at a cost of at most `radius` under
/// `costs` (`[n, n]`, as [`Wasserstein::new`] checks them); returns its expectation.
pub(crate) fn carry(radius: f64, costs: &[f64], p: &[f64], worth: &[f64], out: &mut [f64]) -> f64 {
    out.copy_from_slice(p);
    let mut segments = Vec::new();
    for source in (0..p.len()).filter(|&s| p[s] > 0.0) {
        hull(costs, source, worth, &mut segments);
    }
    // Gains fall along each hull, and a stable order keeps its parts in line.
    segments.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    let mut left = radius;
    for Segment { source, from, to, cost, .. } in segments {
        let full = p[source] * cost;
        let share = if full <= left { 1.0 } else { left / full };
        out[from] -= share * p[source];
        out[to] += share * p[source];
        left -= share * full;
        if share < 1.0 {
            break;
        }
    }
    crate::mdp::dot(out, worth)
}

impl RowSet for Wasserstein {
    fn worst(&self, mdp: &FiniteMdp, state: usize, action: usize, worth: &[f64], out: &mut [f64]) -> f64 {
        carry(self.radius, &self.costs, mdp.row(state, action), worth, out)
    }
}
