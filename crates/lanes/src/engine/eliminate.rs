//! The linear system of a Newton step, along the tree.
//!
//! A soft contact with the world is a stiffness at a point of a link. Added to the link's inertia, it leaves the system as
//! sparse as the tree, and the articulated-body recursion solves it from the leaves to the roots and back: neither a mass
//! matrix nor a Jacobian is ever formed.

use super::cones::press_cones;
use super::rows::block;
use super::ties::pressed;
use super::{Freedom, NOTHING, Work};
use crate::algebra::{Mat3, Vec6, add6, angular, axpy6, dot6, linear, spatial, turned, unturned, wrench_of};
use crate::inertia::{Factor6, Stiff};
use crate::lane::{Lane, Mask};
use crate::model::Model;
use crate::system::System;

impl<F: Lane> Freedom<F> {
    /// Finds pivot and offset by what the link's stiffness makes of the subspace, and by the wrench on it; returns the gain.
    #[inline(always)]
    fn reduce(&mut self, u: &Vec6<F>, push: &Vec6<F>) -> Vec6<F> {
        let s = &self.subspace;
        self.pivot = F::one() / (dot6(u, s) + self.diagonal);
        self.offset = (self.target + dot6(s, push)) * self.pivot;
        u.map(
            #[inline(always)]
            |u| u * self.pivot,
        )
    }
}

impl<F: Lane> Work<F> {
    /// Solves for the accelerations with the active rows of touches, limits and dry friction, and with ties to the world.
    /// `extra` comes on top of the diagonal of the mass matrix. Only what is stale is eliminated anew.
    #[inline(always)]
    pub(super) fn eliminate(
        &mut self,
        model: &Model,
        system: &System<F>,
        constrained: bool,
        extra: Option<F>,
    ) {
        self.prepare_diagonal(system, constrained, extra);
        for (l, link) in model.tree.links.iter().enumerate().rev() {
            if !self.stale[l] {
                continue;
            }
            self.stale[l] = false;
            if let Some(p) = link.parent {
                self.stale[p] = true;
            }
            self.eliminate_link(model, l, constrained);
        }
        self.substitute(model);
    }

    #[inline(always)]
    fn prepare_diagonal(&mut self, system: &System<F>, constrained: bool, extra: Option<F>) {
        for (dof, armature) in self.dofs.iter_mut().zip(&system.armature) {
            dof.target = dof.force;
            dof.diagonal = *armature;
            if let Some(scale) = extra {
                dof.diagonal = scale.mul_add(dof.implicit, *armature);
            }
        }
        if !constrained {
            return;
        }
        // The rows of limits are the first.
        for (limit, row) in self.limits.iter().zip(&self.rows) {
            let weight = row.weight.only(row.active);
            let dof = &mut self.dofs[limit.dof];
            dof.diagonal = dof.diagonal + weight;
            dof.target = (weight * row.reference).mul_add(F::splat(limit.side), dof.target);
        }
        for loss in &self.losses {
            let [below, above] = loss.active;
            let inside = loss.touching & !(below | above);
            let weight = loss.weight.only(inside);
            let most = loss.weight * loss.edge;
            let dof = &mut self.dofs[loss.dof];
            dof.diagonal = dof.diagonal + weight;
            let pull = weight.mul_add(loss.reference, most.only(below) - most.only(above));
            dof.target = dof.target + pull;
        }
        for held in &self.held {
            let dof = &mut self.dofs[held.dof];
            dof.diagonal = dof.diagonal + held.weight;
            dof.target = held.weight.mul_add(held.reference, dof.target);
        }
    }

    #[inline(always)]
    fn eliminate_link(&mut self, model: &Model, l: usize, constrained: bool) {
        let link = &model.tree.links[l];
        let (before, after) = self.links.split_at_mut(l + 1);
        let own = &mut before[l];
        let mut stiff = Stiff::of(&own.inertia);
        let mut push = own.wrench;
        for &child in &link.children {
            let child = &after[child - l - 1];
            stiff.add(&child.stiff);
            push = add6(&push, &child.push);
        }
        let touched = constrained && (self.touch_heads[l] != NOTHING || self.cone_heads[l] != NOTHING);
        if let (false, Some(d)) = (touched, link.hinge) {
            // Most links are such: what is known of them saves half of the work.
            let leaf = link.children.is_empty() && !model.touchable[l];
            let dof = &mut self.dofs[d];
            let s = dof.subspace;
            let u = if leaf { own.inertia.times(&s) } else { stiff.times(&s) };
            let gain = dof.reduce(&u, &push);
            stiff.less_rank_one(&u, &gain);
            own.stiff = stiff;
            own.push = axpy6(-dof.offset, &u, &push);
            dof.gain = gain;
            return;
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
        if constrained && model.pressed {
            press_cones(&self.cones, self.cone_heads[l], &mut stiff, &mut push);
            if !self.pinned.is_empty() {
                (stiff, push) = pressed(&self.pinned, l, stiff, push);
            }
        }
        if link.free {
            let d = link.dofs.start;
            let dofs = &self.dofs[d..d + 6];
            let factor = free_factor(&own.turn, dofs, stiff);
            self.flight[l] = factor.solve(&free_push(&own.turn, dofs, push));
            self.factor[l] = factor;
            return;
        }
        let mut carried = self.dofs[link.dofs.clone()].len();
        for dof in self.dofs[link.dofs.clone()].iter_mut().rev() {
            carried -= 1;
            let s = dof.subspace;
            let u = if model.tree.slides[link.dofs.start + carried] {
                stiff.times_slide(&linear(&s))
            } else if rigid {
                own.inertia.times(&s)
            } else {
                stiff.times(&s)
            };
            rigid = false;
            let gain = dof.reduce(&u, &push);
            if link.parent.is_some() || carried > 0 {
                stiff.less_rank_one(&u, &gain);
                push = axpy6(-dof.offset, &u, &push);
            }
            dof.gain = gain;
        }
        if link.parent.is_some() {
            own.stiff = stiff;
            own.push = push;
        }
    }

    /// From the roots to the leaves: accelerations of joints and links.
    #[inline(always)]
    fn substitute(&mut self, model: &Model) {
        for (l, link) in model.tree.links.iter().enumerate() {
            if link.free {
                let d = link.dofs.start;
                self.acceleration[l] = self.flight[l];
                free_coordinates(&self.links[l].turn, &self.flight[l], &mut self.qacc[d..d + 6]);
                continue;
            }
            let mut a = self.acceleration[link.above];
            for d in link.dofs.clone() {
                let dof = &self.dofs[d];
                let own = dof.offset - dot6(&dof.gain, &a);
                self.qacc[d] = own;
                a = axpy6(own, &dof.subspace, &a);
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
                    spatial(turned(&self.links[l].turn, &[a[3], a[4], a[5]]), [a[0], a[1], a[2]]);
                continue;
            }
            let mut a = self.acceleration[link.above];
            for d in link.dofs.clone() {
                a = axpy6(self.qacc[d], &self.dofs[d].subspace, &a);
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
                let torque = turned(&self.links[l].turn, &[t[d + 3], t[d + 4], t[d + 5]]);
                push = add6(&push, &spatial(torque, [t[d], t[d + 1], t[d + 2]]));
                self.follow[l] = self.factor[l].solve(&push);
                continue;
            }
            for d in link.dofs.clone().rev() {
                let pull = self.load_force[d] + dot6(&self.dofs[d].subspace, &push);
                self.load_offset[d] = pull * self.dofs[d].pivot;
                push = axpy6(-pull, &self.dofs[d].gain, &push);
            }
            if let Some(p) = link.parent {
                self.load[p] = add6(&self.load[p], &push);
            }
        }
        for (l, link) in model.tree.links.iter().enumerate() {
            if link.free {
                let d = link.dofs.start;
                free_coordinates(&self.links[l].turn, &self.follow[l], &mut self.response[d..d + 6]);
                continue;
            }
            let mut a = self.follow[link.above];
            for d in link.dofs.clone() {
                let own = self.load_offset[d] - dot6(&self.dofs[d].gain, &a);
                self.response[d] = own;
                a = axpy6(own, &self.dofs[d].subspace, &a);
            }
            self.follow[l] = a;
        }
    }
}

/// The factors of a free link's stiffness, with what its own degrees of freedom have on the diagonal.
#[inline(always)]
fn free_factor<F: Lane>(turn: &Mat3<F>, dofs: &[Freedom<F>], mut stiff: Stiff<F>) -> Factor6<F> {
    for k in 0..3 {
        stiff.linear[k] = stiff.linear[k] + dofs[k].diagonal;
        stiff.add_turning(dofs[3 + k].diagonal, &[turn[k], turn[3 + k], turn[6 + k]]);
    }
    Factor6::of(&stiff)
}

/// The wrench on a free link together with the forces on its own degrees of freedom.
#[inline(always)]
fn free_push<F: Lane>(turn: &Mat3<F>, dofs: &[Freedom<F>], push: Vec6<F>) -> Vec6<F> {
    let torque = turned(turn, &[dofs[3].target, dofs[4].target, dofs[5].target]);
    add6(&push, &spatial(torque, [dofs[0].target, dofs[1].target, dofs[2].target]))
}

/// What a free link's acceleration is in its own degrees of freedom.
#[inline(always)]
fn free_coordinates<F: Lane>(turn: &[F; 9], a: &Vec6<F>, out: &mut [F]) {
    out[..3].copy_from_slice(&linear(a));
    out[3..6].copy_from_slice(&unturned(turn, &angular(a)));
}
