//! The line search along a Newton step, for lanes in which full steps may cycle.

use super::Work;
use super::rows::{Loss, Row};
use crate::algebra::dot6;
use crate::lane::{Lane, Mask, inlined};
use crate::model::Model;
use crate::system::System;

/// Trials of the line search, should it not end earlier: by halving alone the step is found to 1e-12.
const TRIALS: usize = 40;

/// Slope of the cost along the step, and its slope's slope.
#[derive(Clone, Copy)]
struct Slope<F> {
    first: F,
    second: F,
}

/// A row that begins or ends to push somewhere along the step, in the lanes where `weighted` is not 0.
#[derive(Clone, Copy)]
pub(super) struct Kink<F> {
    before: F,
    change: F,
    /// The change times D.
    weighted: F,
}

/// Dry friction that comes to one of its edges somewhere along the step.
#[derive(Clone, Copy)]
pub(super) struct Bend<F> {
    kink: Kink<F>,
    edge: F,
}

impl<F: Lane> Work<F> {
    /// Shortens the step from the point remembered to the current one in the lanes `open`, so that the slope along it is at
    /// most `enough` of that at its start. Accelerations and residuals follow; which rows push is found anew.
    #[inline(always)]
    pub(super) fn shorten(&mut self, model: &Model, system: &System<F>, open: F::Mask, enough: f64) {
        let smooth = self.smooth_slope(model, system, open);
        let (zero, one) = (F::zero(), F::one());
        let start = self.slope(&smooth, zero).first.abs();
        let (mut low, mut high, mut t) = (zero, one, one);
        let mut searching = open;
        for _ in 0..TRIALS {
            let slope = self.slope(&smooth, t);
            searching = searching & (start * F::splat(enough)).less(slope.first.abs());
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
        for cone in self.cones.iter_mut() {
            cone.shorten(t, shorter);
        }
        for loss in &mut self.losses {
            loss.residual = part(loss.residual, loss.before);
            loss.beyond = loss.sides(loss.residual);
        }
    }

    /// Slope at the start of the step, and its slope, of what has none that changes along it: of all but cones, rows that begin
    /// or end to push, and friction that comes to an edge. Lists those in the lanes `open`.
    ///
    /// The step ends at the minimum of a quadratic, where the smooth part's slope is minus that of the rows it was solved
    /// with.
    #[inline(always)]
    fn smooth_slope(&mut self, model: &Model, system: &System<F>, open: F::Mask) -> Slope<F> {
        let mut second = F::zero();
        let accelerations = self.acceleration.iter().zip(&self.acceleration_before);
        for (link, (now, before)) in self.links.iter().zip(accelerations) {
            let step = [0, 1, 2, 3, 4, 5].map(
                #[inline(always)]
                |i: usize| now[i] - before[i],
            );
            second = second + dot6(&step, &link.inertia.times(&step));
        }
        for ((now, before), armature) in self.qacc.iter().zip(&self.qacc_before).zip(&system.armature) {
            let step = *now - *before;
            second = (*armature * step).mul_add(step, second);
        }
        if model.tied {
            second = self.bend_of_ties(second);
        }
        let mut first = -second;
        self.kinks.clear();
        self.bends.clear();
        for row in &self.rows {
            let Row { before, residual, touching, .. } = *row;
            let change = residual - before;
            let weighted = row.weight * change;
            first = first - (row.weight * residual * change).only(row.active);
            let (starts, ends) = (before.less(F::zero()) & touching, residual.less(F::zero()) & touching);
            let steady = weighted.only(starts & ends);
            first = steady.mul_add(before, first);
            second = steady.mul_add(change, second);
            let turns = (starts ^ ends) & open;
            if turns.any() {
                self.kinks.push(Kink { before, change, weighted: weighted.only(turns) });
            }
        }
        for cone in self.cones.iter_mut() {
            first = first - cone.prepare();
        }
        for loss in &self.losses {
            let Loss { before, residual, edge, touching, .. } = *loss;
            let change = residual - before;
            let weighted = (loss.weight * change).only(touching);
            first = loss.force().mul_add(change, first);
            let ([below, above], [ends_below, ends_above]) = (loss.sides(before), loss.sides(residual));
            let inside = touching & !((below | above) | (ends_below | ends_above));
            let (below, above) = (below & ends_below, above & ends_above);
            let steady = weighted.only(inside);
            first = steady.mul_add(before, first);
            second = steady.mul_add(change, second);
            first = weighted.mul_add(edge.only(above) - edge.only(below), first);
            let turns = touching & open & !(inside | (below | above));
            if turns.any() {
                let kink = Kink { before, change, weighted: weighted.only(turns) };
                self.bends.push(Bend { kink, edge });
            }
        }
        Slope { first, second }
    }

    /// Slope of the whole cost at the share `t` of the step.
    #[inline(always)]
    fn slope(&self, smooth: &Slope<F>, t: F) -> Slope<F> {
        let mut first = t.mul_add(smooth.second, smooth.first);
        let mut second = smooth.second;
        for Kink { before, change, weighted } in &self.kinks {
            let residual = t.mul_add(*change, *before);
            let weighted = weighted.only(residual.less(F::zero()));
            first = weighted.mul_add(residual, first);
            second = weighted.mul_add(*change, second);
        }
        for cone in self.cones.iter() {
            let [slope, bend] = cone.slopes(t);
            first = first + slope;
            second = second + bend;
        }
        for Bend { kink: Kink { before, change, weighted }, edge } in &self.bends {
            let residual = t.mul_add(*change, *before);
            first = weighted.mul_add(residual.clamp(-*edge, *edge), first);
            let outside = residual.less(-*edge) | edge.less(residual);
            second = weighted.only(!outside).mul_add(*change, second);
        }
        Slope { first, second }
    }
}
