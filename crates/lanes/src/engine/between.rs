//! What moving links do to each other.
//!
//! Such a row joins two branches, which the elimination along the tree cannot. It is added afterwards, as in Woodbury's
//! formula: with x₀ and H₀ the solution and the system without these rows, their pressures λ solve
//! (D⁻¹ + J H₀⁻¹Jᵀ) λ = a_ref − J x₀, and x = x₀ + H₀⁻¹Jᵀ λ. A column of H₀⁻¹Jᵀ is a pass along the tree.

use super::Work;
use crate::algebra::{add6, scale, wrench_of};
use crate::lane::{Lane, Mask, inlined};
use crate::model::Model;

impl<F: Lane> Work<F> {
    /// Adds the active rows between links to the accelerations of the latest elimination. `stale` says whether anything
    /// was eliminated anew.
    #[inline(always)]
    pub(super) fn add_between(&mut self, model: &Model, stale: bool) {
        let n = self.between.len();
        let mut pressed = F::Mask::none();
        for between in &self.between {
            pressed = pressed | self.rows[between.row].active;
        }
        if !pressed.any() {
            if stale {
                self.column_known.fill(false);
            }
            return;
        }
        let nv = self.qacc.len();
        if self.pressure.len() < n {
            self.pressure.resize(n, F::zero());
            self.column_known.resize(n, false);
            self.columns.resize(n * nv, F::zero());
            self.coupling.resize(n * n, F::zero());
            self.dense.resize(n * n, F::zero());
        }
        if stale {
            self.column_known.fill(false);
        }
        for k in 0..n {
            if self.rows[self.between[k].row].active.any() && !self.column_known[k] {
                self.find_column(model, k);
            }
        }
        self.find_pressures();
        for k in 0..n {
            let active = self.rows[self.between[k].row].active;
            if !active.any() {
                continue;
            }
            let pressure = self.pressure[k];
            for (a, column) in self.qacc.iter_mut().zip(&self.columns[k * nv..]) {
                // Selected, so that the bits of other lanes stay.
                *a = F::select(active, pressure.mul_add(*column, *a), *a);
            }
        }
        self.follow.copy_from_slice(&self.acceleration);
        self.spread(model);
        for (now, before) in self.acceleration.iter_mut().zip(&self.follow) {
            for i in 0..6 {
                now[i] = F::select(pressed, now[i], before[i]);
            }
        }
    }

    /// The response to a unit of pressure on row `k`, and what it does to every row.
    #[inline(always)]
    fn find_column(&mut self, model: &Model, k: usize) {
        self.unload();
        let between = self.between[k];
        for (side, sign) in [(0, -F::one()), (1, F::one())] {
            let force = scale(sign, &between.direction);
            let wrench = wrench_of(&force, &between.levers[side]);
            let link = between.links[side];
            self.load[link] = add6(&self.load[link], &wrench);
            self.loaded[link] = true;
        }
        self.respond(model);
        let (n, nv) = (self.between.len(), self.qacc.len());
        self.columns[k * nv..][..nv].copy_from_slice(&self.response);
        for (l, other) in self.between.iter().enumerate() {
            self.coupling[k * n + l] = other.along(&self.follow);
        }
        self.column_known[k] = true;
    }

    /// Solves for the pressures of the active rows, by L D Lᵀ. In a lane where a row is not active its pressure is 0.
    #[inline(always)]
    fn find_pressures(&mut self) {
        let Self { rows, between, coupling, dense, pressure, acceleration, .. } = self;
        let n = between.len();
        let active = inlined(
            #[inline(always)]
            |k: usize| rows[between[k].row].active,
        );
        for k in 0..n {
            let own = &rows[between[k].row];
            let missing = own.reference - between[k].along(acceleration);
            pressure[k] = missing.only(own.active);
            for l in 0..=k {
                let entry = coupling[l * n + k];
                let both = active(k) & active(l);
                dense[k * n + l] = if l == k {
                    F::select(both, entry + F::one() / own.weight, F::one())
                } else if both.any() {
                    entry.only(both)
                } else {
                    F::zero()
                };
            }
        }
        for c in 0..n {
            if !active(c).any() {
                continue;
            }
            let inverse = F::one() / dense[c * n + c];
            for r in c + 1..n {
                let factor = dense[r * n + c] * inverse;
                for t in c + 1..=r {
                    dense[r * n + t] = factor.neg_mul_add(dense[t * n + c], dense[r * n + t]);
                }
                pressure[r] = factor.neg_mul_add(pressure[c], pressure[r]);
            }
        }
        for c in (0..n).rev() {
            let mut sum = pressure[c];
            for t in c + 1..n {
                sum = dense[t * n + c].neg_mul_add(pressure[t], sum);
            }
            pressure[c] = sum / dense[c * n + c];
        }
    }
}
