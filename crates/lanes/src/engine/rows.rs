//! Soft constraints as rows of a cost.
//!
//! A row pushes only where its acceleration stays below its reference, with the cost ½ D r², r = J a − a_ref < 0. All rows
//! that touch in any lane are listed anew for every evaluation; where a lane does not touch, its row is never active.

use super::between::Pull;
use super::{NOTHING, Work};
use crate::algebra::{Sym3, Vec3, add6, at_point, axpy, dot, scale, wrench_of};
use crate::lane::{Lane, Mask, inlined};
use crate::model::Model;

/// Residuals smaller than this, relative to the accelerations involved, are nothing but rounding.
const ROUNDING: f64 = 1e-13;

/// One inequality, in every lane.
#[derive(Clone, Copy)]
pub(super) struct Row<F: Lane> {
    /// The acceleration that the row asks for.
    pub(super) reference: F,
    /// D.
    pub(super) weight: F,
    pub(super) touching: F::Mask,
    /// Where the row was taken to push when the current accelerations were solved for.
    pub(super) active: F::Mask,
    /// Where the residual says that it pushes.
    pub(super) pushes: F::Mask,
    /// J a − a_ref at the current accelerations, and at those before.
    pub(super) residual: F,
    pub(super) before: F,
}

impl<F: Lane> Row<F> {
    #[inline(always)]
    pub(super) fn new(reference: F, weight: F, touching: F::Mask) -> Self {
        let (none, zero) = (F::Mask::none(), F::zero());
        Self { reference, weight, touching, active: none, pushes: none, residual: zero, before: zero }
    }

    /// Takes the row's new acceleration. Returns where that contradicts the set it was solved with.
    ///
    /// Residuals within rounding of zero contradict nothing: pushing or not, such a row does not matter.
    #[inline(always)]
    fn update(&mut self, acceleration: F, size: F) -> F::Mask {
        self.residual = acceleration - self.reference;
        self.pushes = self.residual.less(F::zero()) & self.touching;
        let rounding = F::splat(ROUNDING) * (size + self.reference.abs());
        (self.pushes ^ self.active) & rounding.less(self.residual.abs())
    }

    /// The force that the row exerts.
    #[inline(always)]
    pub(super) fn force(&self) -> F {
        -(self.weight * self.residual).only(self.active)
    }
}

/// A link that touches something that does not move: one row along the normal, or a pyramid of four, n ± μ t.
#[derive(Clone, Copy)]
pub(super) struct Touch<F> {
    pub(super) link: usize,
    /// That of the link, and what it touches.
    pub(super) geoms: [u32; 2],
    /// The first of its rows, and how many.
    pub(super) first: usize,
    pub(super) count: usize,
    /// From the tree's reference point to the point of contact.
    pub(super) lever: Vec3<F>,
    pub(super) normal: Vec3<F>,
    pub(super) tangents: [Vec3<F>; 2],
    pub(super) friction: [F; 2],
    /// The touch of the same link before this one.
    pub(super) next: usize,
}

impl<F: Lane> Touch<F> {
    pub(super) fn zero() -> Self {
        let three = [F::zero(); 3];
        Self {
            link: 0,
            geoms: [0; 2],
            first: 0,
            count: 0,
            lever: three,
            normal: three,
            tangents: [three; 2],
            friction: [F::zero(); 2],
            next: NOTHING,
        }
    }
}

/// A joint at one of its limits.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) dof: usize,
    pub(super) link: usize,
    /// What turns the joint's velocity into the row's: 1 or −1.
    pub(super) side: f64,
    pub(super) row: usize,
}

/// Dry friction of a joint: a cost that is quadratic near its reference and grows evenly beyond.
#[derive(Clone, Copy)]
pub(super) struct Loss<F: Lane> {
    pub(super) dof: usize,
    pub(super) link: usize,
    pub(super) weight: F,
    pub(super) reference: F,
    /// The residual at which the force is the whole friction.
    pub(super) edge: F,
    pub(super) touching: F::Mask,
    /// Below and above the edges: when solved for, and by the residual.
    pub(super) active: [F::Mask; 2],
    pub(super) beyond: [F::Mask; 2],
    pub(super) residual: F,
    pub(super) before: F,
}

impl<F: Lane> Loss<F> {
    #[inline(always)]
    pub(super) fn update(&mut self, acceleration: F, size: F) -> F::Mask {
        self.residual = acceleration - self.reference;
        self.beyond = self.sides(self.residual);
        let rounding = F::splat(ROUNDING) * (size + self.reference.abs());
        let far = inlined(
            #[inline(always)]
            |at: F| rounding.less((self.residual - at).abs()),
        );
        ((self.beyond[0] ^ self.active[0]) & far(-self.edge))
            | ((self.beyond[1] ^ self.active[1]) & far(self.edge))
    }

    /// Where a residual is below and above the edges.
    #[inline(always)]
    pub(super) fn sides(&self, residual: F) -> [F::Mask; 2] {
        [residual.less(-self.edge) & self.touching, self.edge.less(residual) & self.touching]
    }

    /// The force that the friction exerts, by the set that was solved for.
    #[inline(always)]
    pub(super) fn force(&self) -> F {
        let most = self.weight * self.edge;
        let inner = -(self.weight * self.residual);
        let outer = F::select(self.active[1], -most, inner);
        F::select(self.active[0], most, outer).only(self.touching)
    }
}

/// One row of a contact between two links that move.
#[derive(Clone, Copy)]
pub(super) struct Between<F> {
    /// That of the second link, and that of the first.
    pub(super) geoms: [u32; 2],
    pub(super) pull: Pull<F>,
    pub(super) row: usize,
    /// How many rows the contact has; they follow each other.
    pub(super) count: usize,
}

/// What the active rows of a touch do: a stiffness at its point, and a force.
#[inline(always)]
pub(super) fn block<F: Lane>(touch: &Touch<F>, rows: &[Row<F>]) -> (Sym3<F>, Vec3<F>) {
    let (n, [t, s]) = (&touch.normal, &touch.tangents);
    let w = inlined(
        #[inline(always)]
        |i: usize| rows[i].weight.only(rows[i].active),
    );
    let first = w(0);
    let pull = first * rows[0].reference;
    if touch.count == 1 {
        let un = scale(first, n);
        let entry = inlined(
            #[inline(always)]
            |i: usize, j: usize| un[i] * n[j],
        );
        let a = [entry(0, 0), entry(1, 1), entry(2, 2), entry(0, 1), entry(0, 2), entry(1, 2)];
        return (a, scale(pull, n));
    }
    let (second, third, fourth) = (w(1), w(2), w(3));
    let [mu, nu] = touch.friction;
    let (nn, nt, ns) = ((first + second) + (third + fourth), mu * (first - second), nu * (third - fourth));
    let (tt, ss) = (mu * mu * (first + second), nu * nu * (third + fourth));
    let un = axpy(nt, t, &axpy(ns, s, &scale(nn, n)));
    let ut = axpy(nt, n, &scale(tt, t));
    let us = axpy(ns, n, &scale(ss, s));
    let entry = inlined(
        #[inline(always)]
        |i: usize, j: usize| un[i].mul_add(n[j], ut[i].mul_add(t[j], us[i] * s[j])),
    );
    let a = [entry(0, 0), entry(1, 1), entry(2, 2), entry(0, 1), entry(0, 2), entry(1, 2)];
    let pulls = [pull, second * rows[1].reference, third * rows[2].reference, fourth * rows[3].reference];
    (a, force_of(touch, &pulls))
}

/// The force of the rows of a pyramid together.
#[inline(always)]
pub(super) fn force_of<F: Lane>(touch: &Touch<F>, rows: &[F; 4]) -> Vec3<F> {
    let [mu, nu] = touch.friction;
    let along = (rows[0] + rows[1]) + (rows[2] + rows[3]);
    let tangential = axpy(
        mu * (rows[0] - rows[1]),
        &touch.tangents[0],
        &scale(nu * (rows[2] - rows[3]), &touch.tangents[1]),
    );
    axpy(along, &touch.normal, &tangential)
}

impl<F: Lane> Work<F> {
    /// Takes the accelerations of links and joints into all rows. Returns where a row contradicts the set that they were
    /// solved with.
    #[inline(always)]
    pub(super) fn update_rows(&mut self) -> F::Mask {
        let mut size = F::zero();
        for a in &self.qacc {
            size = size + a.abs();
        }
        let mut contradiction = F::Mask::none();
        if !self.cones.is_empty() {
            contradiction = self.update_cones(size);
        }
        let Self { rows, touches, limits, losses, between, qacc, acceleration, .. } = self;
        for touch in touches.iter() {
            let at = at_point(&acceleration[touch.link], &touch.lever);
            let along = dot(&touch.normal, &at);
            match &mut rows[touch.first..touch.first + touch.count] {
                [one, other, third, fourth] => {
                    let slide = touch.friction[0] * dot(&touch.tangents[0], &at);
                    let first = one.update(along + slide, size) | other.update(along - slide, size);
                    let slide = touch.friction[1] * dot(&touch.tangents[1], &at);
                    let second = third.update(along + slide, size) | fourth.update(along - slide, size);
                    contradiction = contradiction | first | second;
                }
                rows => {
                    for row in rows {
                        contradiction = contradiction | row.update(along, size);
                    }
                }
            }
        }
        for between in between.iter() {
            contradiction = contradiction | rows[between.row].update(between.pull.along(acceleration), size);
        }
        // The rows of limits are the first.
        for (limit, row) in limits.iter().zip(rows.iter_mut()) {
            let along = F::splat(limit.side) * qacc[limit.dof];
            contradiction = contradiction | row.update(along, size);
        }
        for loss in losses.iter_mut() {
            contradiction = contradiction | loss.update(qacc[loss.dof], size);
        }
        contradiction
    }

    /// Takes the set of rows that push as the one to solve with, in the lanes that are not `done`, and marks the links whose
    /// elimination that changes.
    #[inline(always)]
    pub(super) fn take_rows(&mut self, done: F::Mask) {
        if !self.cones.is_empty() {
            self.take_cones(done);
        }
        let Self { rows, touches, limits, losses, between, stale, .. } = self;
        let open = !done;
        let take = inlined(
            #[inline(always)]
            |row: &mut Row<F>| {
                let changed = (row.pushes ^ row.active) & open;
                row.active = row.active ^ changed;
                changed
            },
        );
        for touch in touches.iter() {
            let changed = match &mut rows[touch.first..touch.first + touch.count] {
                [one, other, third, fourth] => (take(one) | take(other)) | (take(third) | take(fourth)),
                rows => {
                    let mut changed = F::Mask::none();
                    for row in rows {
                        changed = changed | take(row);
                    }
                    changed
                }
            };
            stale[touch.link] |= changed.any();
        }
        for between in between.iter() {
            take(&mut rows[between.row]);
        }
        for (limit, row) in limits.iter().zip(rows.iter_mut()) {
            stale[limit.link] |= take(row).any();
        }
        for loss in losses.iter_mut() {
            let mut changed = [F::Mask::none(); 2];
            for side in 0..2 {
                changed[side] = (loss.beyond[side] ^ loss.active[side]) & open;
                loss.active[side] = loss.active[side] ^ changed[side];
            }
            stale[loss.link] |= (changed[0] | changed[1]).any();
        }
    }

    /// Adds the forces of all constraints to those of links and joints.
    #[inline(always)]
    pub(super) fn add_constraint_forces(&mut self, model: &Model) {
        let Self { rows, touches, cones, limits, losses, between, links, dofs, .. } = self;
        for cone in cones.iter() {
            let link = &mut links[cone.link];
            link.wrench = add6(&link.wrench, &cone.wrench(&cone.force, &cone.lever));
            if let Some((link, lever)) = &cone.against {
                let back = cone.force.map(
                    #[inline(always)]
                    |f| -f,
                );
                let link = &mut links[*link];
                link.wrench = add6(&link.wrench, &cone.wrench(&back, lever));
            }
        }
        for touch in touches.iter() {
            let own = &rows[touch.first..touch.first + touch.count];
            let push = if touch.count == 1 {
                scale(own[0].force(), &touch.normal)
            } else {
                force_of(touch, &[own[0].force(), own[1].force(), own[2].force(), own[3].force()])
            };
            let link = &mut links[touch.link];
            link.wrench = add6(&link.wrench, &wrench_of(&push, &touch.lever));
        }
        for between in between.iter() {
            let push = rows[between.row].force();
            for side in 0..2 {
                let link = &mut links[between.pull.links[side]];
                link.wrench = add6(&link.wrench, &between.pull.wrench(side, push));
            }
        }
        for (limit, row) in limits.iter().zip(rows.iter()) {
            let dof = &mut dofs[limit.dof];
            dof.force = F::splat(limit.side).mul_add(row.force(), dof.force);
        }
        for loss in losses.iter() {
            let dof = &mut dofs[loss.dof];
            dof.force = dof.force + loss.force();
        }
        if model.tied {
            self.add_tie_forces();
        }
    }
}
