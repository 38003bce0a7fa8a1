//! The worst point of the ball for a linear loss: Eq. 10, and its exact counterpart when hard bounds matter.

use super::box_qp::{self, BoxPoint, Side};
use super::{Ball, NormalForm};
use crate::RobustError;
use crate::linalg::dot;

impl Ball {
    /// The minimiser of `gᵀz` over the ellipsoid alone, hard bounds ignored:
    /// `−√(2ε / gᵀH₀⁻¹g) H₀⁻¹g` (Eq. 10 with z = φ − φ₀).
    ///
    /// `None` if g is zero: there is no direction to go.
    ///
    /// # Errors
    /// [`RobustError::NotFinite`], [`RobustError::Dimension`].
    pub fn ellipsoid_minimiser(&self, g: &[f64]) -> Result<Option<Vec<f64>>, RobustError> {
        self.metric.check("gradient", g)?;
        let largest = g.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        if largest == 0.0 {
            return Ok(None);
        }
        // The minimiser depends on the direction of g alone.
        let unit: Vec<f64> = g.iter().map(|v| v / largest).collect();
        let step = self.metric.solve(&unit);
        let factor = (2.0 * self.epsilon).sqrt() / dot(&unit, &step).sqrt();
        Ok(Some(step.iter().map(|v| -factor * v).collect()))
    }

    /// The exact minimiser of `gᵀz` over ellipsoid ∩ box.
    ///
    /// Where the hard bounds are inactive it is Eq. 10. Elsewhere the multiplier 1/t of the ellipsoid is found by
    /// bisection: `y(t) = argmin ½yᵀCy + t gᵀy` over the box is a piecewise linear path on which `yᵀCy` grows, and
    /// on the segment that crosses the ellipsoid's surface a quadratic equation gives the crossing. (Clipping
    /// Eq. 10 to the box and shrinking wastes most of the ball when nearly free directions dominate H₀⁻¹g.)
    ///
    /// The point returned satisfies [`Ball::contains`], for whatever finite g. `None` if g is zero, or so unequal
    /// in its entries that it is zero in floating point once scaled.
    ///
    /// # Errors
    /// [`RobustError::NotFinite`], [`RobustError::Dimension`]; [`RobustError::Decomposition`] never in exact
    /// arithmetic.
    pub fn minimiser(&self, g: &[f64]) -> Result<Option<Vec<f64>>, RobustError> {
        let Some(free) = self.ellipsoid_minimiser(g)? else { return Ok(None) };
        if self.contains(&free) {
            return Ok(Some(free));
        }
        let Some(g) = self.normal.gradient(g) else { return Ok(None) };
        let y = self.normal.minimiser(&g)?;
        self.pull_inside(&self.to_z(&y)).map(Some)
    }
}

impl NormalForm {
    /// g in the coordinates y, scaled to a largest entry of 1; `None` if nothing is left of it.
    fn gradient(&self, g: &[f64]) -> Option<Vec<f64>> {
        let largest = |g: &[f64]| g.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let size = largest(g);
        let widest = largest(&self.scale);
        let scaled: Vec<f64> = g.iter().zip(&self.scale).map(|(g, s)| (g / size) * (s / widest)).collect();
        let size = largest(&scaled);
        (size > 0.0).then(|| scaled.iter().map(|v| v / size).collect())
    }

    /// `yᵀCy`.
    pub(super) fn square(&self, y: &[f64]) -> f64 {
        self.inner(y, y)
    }

    /// `aᵀCb`.
    pub(super) fn inner(&self, a: &[f64], b: &[f64]) -> f64 {
        (0..a.len()).map(|i| a[i] * (0..b.len()).map(|j| self.matrix[(i, j)] * b[j]).sum::<f64>()).sum()
    }

    /// `argmin ½yᵀCy + t gᵀy` over the box.
    fn path(&self, g: &[f64], t: f64, start: BoxPoint) -> Result<BoxPoint, RobustError> {
        let linear: Vec<f64> = g.iter().map(|v| t * v).collect();
        box_qp::minimise(&self.matrix, &linear, &self.lower, &self.upper, start)
    }

    /// The minimiser of gᵀy over `yᵀCy ≤ 1` and the box, for g with largest entry 1.
    fn minimiser(&self, g: &[f64]) -> Result<Vec<f64>, RobustError> {
        if let Some(y) = self.box_minimiser(g)? {
            return Ok(y);
        }
        // Eq. 10 has the multiplier 1/t with t = (gᵀC⁻¹g)^-½, and the box only shortens y(t): a lower end. C has unit
        // diagonal, hence gᵀC⁻¹g ≥ 1 and t ≤ 1; any smaller t will do as well.
        let mut low = self.path(g, 1.0, BoxPoint::origin(g.len()))?;
        let mut t_low = 1.0;
        while self.square(&low.y) > 1.0 {
            t_low *= 0.25;
            low = self.path(g, t_low, low)?;
        }
        // The box alone leaves the ellipsoid, so that y(t) does, too, for some finite t.
        let (mut t_high, mut high, mut growth) = (t_low, low.clone(), 4.0);
        while self.square(&high.y) < 1.0 && t_high < 1e280 {
            t_high *= growth;
            growth = f64::min(growth * growth, 1e16);
            high = self.path(g, t_high, high)?;
        }
        for _ in 0..200 {
            if low.sides == high.sides {
                break;
            }
            let t = if t_high > 4.0 * t_low { t_low.sqrt() * t_high.sqrt() } else { 0.5 * (t_low + t_high) };
            if t <= t_low || t >= t_high {
                break;
            }
            let middle = self.path(g, t, low.clone())?;
            if self.square(&middle.y) <= 1.0 {
                (t_low, low) = (t, middle);
            } else {
                (t_high, high) = (t, middle);
            }
        }
        // One active set at both ends: y(t) is straight between them. `square(low + θ d) = 1`, in the form that
        // subtracts nothing.
        let d: Vec<f64> = high.y.iter().zip(&low.y).map(|(h, l)| h - l).collect();
        let (a, b) = (self.square(&d), self.inner(&low.y, &d));
        let missing = (1.0 - self.square(&low.y)).max(0.0);
        let root = b + (b * b + a * missing).max(0.0).sqrt();
        let theta = if root > 0.0 { (missing / root).min(1.0) } else { 0.0 };
        Ok(low.y.iter().zip(&d).map(|(l, d)| l + theta * d).collect())
    }

    /// The minimiser over the box alone, of those the one nearest to 0 in the metric, if the ellipsoid contains it.
    fn box_minimiser(&self, g: &[f64]) -> Result<Option<Vec<f64>>, RobustError> {
        let mut corner = BoxPoint::origin(g.len());
        let (mut lower, mut upper) = (self.lower.clone(), self.upper.clone());
        for i in 0..g.len() {
            if g[i] != 0.0 {
                let (bound, side) =
                    if g[i] > 0.0 { (self.lower[i], Side::Lower) } else { (self.upper[i], Side::Upper) };
                if !bound.is_finite() {
                    return Ok(None);
                }
                (corner.y[i], corner.sides[i]) = (bound, side);
                (lower[i], upper[i]) = (bound, bound);
            }
        }
        let y = box_qp::minimise(&self.matrix, &vec![0.0; g.len()], &lower, &upper, corner)?.y;
        Ok((self.square(&y) <= 1.0).then_some(y))
    }
}
