//! The linear system of a Newton step, along the tree.
//!
//! A soft contact with the world is a stiffness at a point of a link. Added to the link's inertia, it leaves the system as
//! sparse as the tree, and the articulated-body recursion solves it from the leaves to the roots and back: neither a mass
//! matrix nor a Jacobian is ever formed.

use super::rows::block;
use super::{NOTHING, Work};
use crate::algebra::{Vec6, add6, angular, axpy6, dot6, linear, spatial, turned, unturned, wrench_of};
use crate::inertia::{Factor6, Stiff};
use crate::lane::{Lane, Mask};
use crate::model::Model;
use crate::system::System;

impl<F: Lane> Work<F> {
    /// Solves for the accelerations with the active rows of touches, limits and dry friction. `extra` comes on top of the
    /// diagonal of the mass matrix. Only what is stale is eliminated anew.
    #[inline(always)]
    pub(super) fn eliminate(
        &mut self,
        model: &Model,
        system: &System<F>,
        constrained: bool,
        extra: Option<F>,
    ) {
        self.prepare_diagonal(system, constrained, extra);
        for l in (0..model.tree.links.len()).rev() {
            if !self.stale[l] {
                continue;
            }
            if let Some(p) = model.tree.links[l].parent {
                self.stale[p] = true;
            }
            self.stale[l] = false;
            self.eliminate_link(model, l, constrained);
        }
        self.substitute(model);
    }

    #[inline(always)]
    fn prepare_diagonal(&mut self, system: &System<F>, constrained: bool, extra: Option<F>) {
        self.target.copy_from_slice(&self.force);
        self.diagonal.copy_from_slice(&system.armature);
        if let Some(scale) = extra {
            for (diagonal, implicit) in self.diagonal.iter_mut().zip(&self.implicit) {
                *diagonal = scale.mul_add(*implicit, *diagonal);
            }
        }
        if !constrained {
            return;
        }
        for limit in &self.limits {
            let row = &self.rows[limit.row];
            let weight = row.weight.only(row.active);
            let d = limit.dof;
            self.diagonal[d] = self.diagonal[d] + weight;
            self.target[d] = (weight * row.reference).mul_add(F::splat(limit.side), self.target[d]);
        }
        for loss in &self.losses {
            let [below, above] = loss.active;
            let inside = loss.touching & !(below | above);
            let weight = loss.weight.only(inside);
            let most = loss.weight * loss.edge;
            let d = loss.dof;
            self.diagonal[d] = self.diagonal[d] + weight;
            let pull = weight.mul_add(loss.reference, most.only(below) - most.only(above));
            self.target[d] = self.target[d] + pull;
        }
    }

    #[inline(always)]
    fn eliminate_link(&mut self, model: &Model, l: usize, constrained: bool) {
        let link = &model.tree.links[l];
        let mut stiff = Stiff::of(&self.inertia[l]);
        let mut push = self.wrench[l];
        for &child in &link.children {
            stiff.add(&self.stiff[child]);
            push = add6(&push, &self.push[child]);
        }
        // By what may touch and not by what does, so that a lane's bits do not hang on its neighbours.
        let mut rigid = link.children.is_empty() && !model.touchable[l];
        let mut at = if constrained { self.touch_heads[l] } else { NOTHING };
        while at != NOTHING {
            let touch = &self.touches[at];
            let rows = &self.rows[touch.first..touch.first + touch.count];
            let mut any = F::Mask::none();
            for row in rows {
                any = any | row.active;
            }
            if any.any() {
                let (resistance, force) = block(touch, rows);
                stiff.add_at(&resistance, &touch.lever);
                push = add6(&push, &wrench_of(&force, &touch.lever));
            }
            at = touch.next;
        }
        if constrained && model.coned {
            self.press_cones(l, &mut stiff, &mut push);
        }
        if link.free {
            let d = link.dofs.start;
            self.eliminate_free(l, d, stiff, push);
            return;
        }
        for d in link.dofs.clone().rev() {
            let s = self.subspace[d];
            let u = if model.tree.slides[d] {
                stiff.times_slide(&linear(&s))
            } else if rigid {
                self.inertia[l].times(&s)
            } else {
                stiff.times(&s)
            };
            rigid = false;
            let pivot = F::one() / (dot6(&u, &s) + self.diagonal[d]);
            let offset = (self.target[d] + dot6(&s, &push)) * pivot;
            let gain = u.map(
                #[inline(always)]
                |u| u * pivot,
            );
            if link.parent.is_some() || d > link.dofs.start {
                stiff.less_rank_one(&u, &gain);
                push = axpy6(-offset, &u, &push);
            }
            self.gain[d] = gain;
            self.offset[d] = offset;
            self.pivot[d] = pivot;
        }
        if link.parent.is_some() {
            self.stiff[l] = stiff;
            self.push[l] = push;
        }
    }

    #[inline(always)]
    fn eliminate_free(&mut self, l: usize, d: usize, mut stiff: Stiff<F>, mut push: Vec6<F>) {
        let turn = self.turn[l];
        for k in 0..3 {
            stiff.linear[k] = stiff.linear[k] + self.diagonal[d + k];
            stiff.add_turning(self.diagonal[d + 3 + k], &[turn[k], turn[3 + k], turn[6 + k]]);
        }
        let t = &self.target;
        let torque = turned(&turn, &[t[d + 3], t[d + 4], t[d + 5]]);
        push = add6(&push, &spatial(torque, [t[d], t[d + 1], t[d + 2]]));
        let factor = Factor6::of(&stiff);
        self.flight[l] = factor.solve(&push);
        self.factor[l] = factor;
    }

    /// From the roots to the leaves: accelerations of joints and links.
    #[inline(always)]
    fn substitute(&mut self, model: &Model) {
        for (l, link) in model.tree.links.iter().enumerate() {
            if link.free {
                let d = link.dofs.start;
                self.acceleration[l] = self.flight[l];
                free_coordinates(&self.turn[l], &self.flight[l], &mut self.qacc[d..d + 6]);
                continue;
            }
            let mut a = link.parent.map_or([F::zero(); 6], |p| self.acceleration[p]);
            for d in link.dofs.clone() {
                let own = self.offset[d] - dot6(&self.gain[d], &a);
                self.qacc[d] = own;
                a = axpy6(own, &self.subspace[d], &a);
            }
            self.acceleration[l] = a;
        }
    }

    /// Accelerations of links from those of joints.
    #[inline(always)]
    pub(super) fn spread(&mut self, model: &Model) {
        for (l, link) in model.tree.links.iter().enumerate() {
            if link.free {
                let d = link.dofs.start;
                let a = &self.qacc[d..d + 6];
                self.acceleration[l] =
                    spatial(turned(&self.turn[l], &[a[3], a[4], a[5]]), [a[0], a[1], a[2]]);
                continue;
            }
            let mut a = link.parent.map_or([F::zero(); 6], |p| self.acceleration[p]);
            for d in link.dofs.clone() {
                a = axpy6(self.qacc[d], &self.subspace[d], &a);
            }
            self.acceleration[l] = a;
        }
    }

    /// The accelerations, into `response` and `follow`, that the wrenches `load` on links and the forces `load_force` on
    /// joints cause in the system that was eliminated last. Only links that are `loaded` have any; `load_offset` of all
    /// others is 0.
    #[inline(always)]
    pub(super) fn respond(&mut self, model: &Model) {
        for (l, link) in model.tree.links.iter().enumerate().rev() {
            if !self.loaded[l] {
                if link.free {
                    self.follow[l] = [F::zero(); 6];
                }
                continue;
            }
            if let Some(p) = link.parent {
                self.loaded[p] = true;
            }
            let mut push = self.load[l];
            if link.free {
                let d = link.dofs.start;
                let t = &self.load_force;
                let torque = turned(&self.turn[l], &[t[d + 3], t[d + 4], t[d + 5]]);
                push = add6(&push, &spatial(torque, [t[d], t[d + 1], t[d + 2]]));
                self.follow[l] = self.factor[l].solve(&push);
                continue;
            }
            for d in link.dofs.clone().rev() {
                let pull = self.load_force[d] + dot6(&self.subspace[d], &push);
                self.load_offset[d] = pull * self.pivot[d];
                push = axpy6(-pull, &self.gain[d], &push);
            }
            if let Some(p) = link.parent {
                self.load[p] = add6(&self.load[p], &push);
            }
        }
        for (l, link) in model.tree.links.iter().enumerate() {
            if link.free {
                let d = link.dofs.start;
                free_coordinates(&self.turn[l], &self.follow[l], &mut self.response[d..d + 6]);
                continue;
            }
            let mut a = link.parent.map_or([F::zero(); 6], |p| self.follow[p]);
            for d in link.dofs.clone() {
                let own = self.load_offset[d] - dot6(&self.gain[d], &a);
                self.response[d] = own;
                a = axpy6(own, &self.subspace[d], &a);
            }
            self.follow[l] = a;
        }
    }
}

/// What a free link's acceleration is in its own degrees of freedom.
#[inline(always)]
fn free_coordinates<F: Lane>(turn: &[F; 9], a: &Vec6<F>, out: &mut [F]) {
    out[..3].copy_from_slice(&linear(a));
    out[3..6].copy_from_slice(&unturned(turn, &angular(a)));
}
