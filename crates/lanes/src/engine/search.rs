//! The line search along a Newton step, for lanes in which full steps may cycle.

use super::Work;
use crate::algebra::dot6;
use crate::lane::{Lane, Mask, inlined};
use crate::system::System;

/// The share of the slope at the start of the step down to which the minimum along it is searched for.
const ENOUGH: f64 = 0.1;

/// Trials of the line search, should it not end earlier: by halving alone the step is found to 1e-12.
const TRIALS: usize = 40;

/// Slope of the cost along the step, and its slope's slope.
#[derive(Clone, Copy)]
struct Slope<F> {
    first: F,
    second: F,
}

impl<F: Lane> Work<F> {
    /// Shortens the step from the point remembered to the current one in the lanes `open`, so that the slope along it is at
    /// most a tenth of that at its start. Accelerations and residuals follow; which rows push is found anew.
    #[inline(always)]
    pub(super) fn shorten(&mut self, system: &System<F>, open: F::Mask) {
        let smooth = self.smooth_slope(system);
        let (zero, one) = (F::zero(), F::one());
        let start = self.slope(&smooth, zero).first.abs();
        let (mut low, mut high, mut t) = (zero, one, one);
        let mut searching = open;
        for _ in 0..TRIALS {
            let slope = self.slope(&smooth, t);
            searching = searching & (start * F::splat(ENOUGH)).less(slope.first.abs());
            if !searching.any() {
                break;
            }
            let uphill = zero.less(slope.first);
            high = F::select(searching & uphill, t, high);
            low = F::select(searching & !uphill, t, low);
            let newton = t - slope.first / slope.second;
            let inside = low.less(newton) & newton.less(high);
            let next = F::select(inside, newton, (low + high) * F::splat(0.5));
            t = F::select(searching, next, t);
        }
        let shorter = open & t.less(one);
        if !shorter.any() {
            return;
        }
        let part = inlined(
            #[inline(always)]
            |now: F, before: F| F::select(shorter, t.mul_add(now - before, before), now),
        );
        for (now, before) in self.qacc.iter_mut().zip(&self.qacc_before) {
            *now = part(*now, *before);
        }
        for (now, before) in self.acceleration.iter_mut().zip(&self.acceleration_before) {
            for i in 0..6 {
                now[i] = part(now[i], before[i]);
            }
        }
        for row in &mut self.rows {
            row.residual = part(row.residual, row.before);
            row.pushes = row.residual.less(zero) & row.touching;
        }
        for cone in &mut self.cones {
            cone.shorten(t, shorter);
        }
        for loss in &mut self.losses {
            loss.residual = part(loss.residual, loss.before);
            loss.beyond = loss.sides(loss.residual);
        }
    }

    /// Slope at the start of the step of what is not a row, and its slope.
    ///
    /// The step ends at the minimum of a quadratic, where the smooth part's slope is minus that of the rows it was solved
    /// with.
    #[inline(always)]
    fn smooth_slope(&mut self, system: &System<F>) -> Slope<F> {
        let mut second = F::zero();
        for (l, inertia) in self.inertia.iter().enumerate() {
            let (now, before) = (&self.acceleration[l], &self.acceleration_before[l]);
            let step = [0, 1, 2, 3, 4, 5].map(
                #[inline(always)]
                |i: usize| now[i] - before[i],
            );
            second = second + dot6(&step, &inertia.times(&step));
        }
        for d in 0..self.qacc.len() {
            let step = self.qacc[d] - self.qacc_before[d];
            second = (system.armature[d] * step).mul_add(step, second);
        }
        let mut first = -second;
        for row in &self.rows {
            let change = row.weight * row.residual * (row.residual - row.before);
            first = first - change.only(row.active);
        }
        for cone in &mut self.cones {
            first = first - cone.prepare();
        }
        for loss in &self.losses {
            first = loss.force().mul_add(loss.residual - loss.before, first);
        }
        Slope { first, second }
    }

    /// Slope of the whole cost at the share `t` of the step.
    #[inline(always)]
    fn slope(&self, smooth: &Slope<F>, t: F) -> Slope<F> {
        let mut first = t.mul_add(smooth.second, smooth.first);
        let mut second = smooth.second;
        for row in &self.rows {
            let change = row.residual - row.before;
            let residual = t.mul_add(change, row.before);
            let weighted = (row.weight * change).only(residual.less(F::zero()) & row.touching);
            first = weighted.mul_add(residual, first);
            second = weighted.mul_add(change, second);
        }
        for cone in &self.cones {
            let [slope, bend] = cone.slopes(t);
            first = first + slope;
            second = second + bend;
        }
        for loss in &self.losses {
            let change = loss.residual - loss.before;
            let residual = t.mul_add(change, loss.before);
            let weighted = (loss.weight * change).only(loss.touching);
            first = weighted.mul_add(residual.clamp(-loss.edge, loss.edge), first);
            let [below, above] = loss.sides(residual);
            second = weighted.only(!(below | above)).mul_add(change, second);
        }
        Slope { first, second }
    }
}
