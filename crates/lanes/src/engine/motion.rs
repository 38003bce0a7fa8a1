//! Velocities, inertias, and the wrenches on links that no constraint causes.

use super::poses::pose;
use super::{Bearing, Moving, NOTHING, Outside, Setting, Work};
use crate::algebra::{
    Vec3, Vec6, add, add6, angular, at_point, axpy, cross, cross_add, lift, linear, neg, product, spatial,
    sub, turned, unturned,
};
use crate::compiled::{JointKind, Options};
use crate::inertia::inertial_wrench;
use crate::lane::Lane;
use crate::model::Model;
use crate::system::{Hull, System};

impl<F: Lane> Work<F> {
    /// Poses and motion of all links at coordinates `q` and joint velocities `v`.
    pub(super) fn motion(&mut self, setting: &Setting<'_, F>, q: &[F], v: &[F]) {
        F::run(
            #[inline(always)]
            || {
                self.find_motion(setting.model, setting.system, q, v);
                let options = &setting.model.compiled.options;
                if options.density > 0.0 || options.viscosity > 0.0 {
                    self.drag(setting.model, setting.system);
                }
                if let Some(outside) = setting.outside {
                    self.push_from_outside(setting.model, setting.system, outside);
                }
            },
        );
    }

    #[inline(always)]
    fn find_motion(&mut self, model: &Model, system: &System<F>, q: &[F], v: &[F]) {
        let z = F::zero();
        // Whatever falls freely feels no gravity.
        self.world.bias = spatial([z; 3], neg(&system.gravity));
        for ((l, link), rigid) in model.tree.links.iter().enumerate().zip(&system.rigid) {
            let (before, after) = self.links.split_at_mut(l);
            let Some(own) = after.first_mut() else { return };
            let parent = link.parent.map(
                #[inline(always)]
                |parent| &before[parent],
            );
            let axes = &mut self.axes[link.joints.clone()];
            let (turn, position) = pose(model, link, parent, q, axes);
            let root = if link.root == l { position } else { before[link.root].position };
            let Moving { mut velocity, mut bias, .. } = *parent.unwrap_or(&self.world);
            if link.free {
                let at = link.dofs.start;
                let v = &v[at..at + 6];
                let l_vel = [v[0], v[1], v[2]];
                let turning = turned(&turn, &[v[3], v[4], v[5]]);
                velocity = spatial(turning, l_vel);
                // The reference point stands still while the link's origin moves on.
                bias = spatial(angular(&bias), add(&linear(&bias), &cross(&l_vel, &turning)));
            } else {
                let joints = &model.tree.joints[link.joints.clone()];
                let (v, dofs) = (&v[link.dofs.clone()], &mut self.dofs[link.dofs.clone()]);
                for (joint, Bearing { axis, anchor }) in joints.iter().zip(axes) {
                    let (w, vl) = (angular(&velocity), linear(&velocity));
                    let lever = sub(anchor, &root);
                    let d = joint.v - link.dofs.start;
                    if joint.kind == JointKind::Ball {
                        for k in 0..3 {
                            let axis = [turn[k], turn[3 + k], turn[6 + k]];
                            dofs[d + k].subspace = spatial(axis, cross(&lever, &axis));
                        }
                        let turning = turned(&turn, &[v[d], v[d + 1], v[d + 2]]);
                        let moment = cross(&lever, &turning);
                        let moved = cross_add(&vl, &turning, &cross(&w, &moment));
                        bias = add6(&bias, &spatial(cross(&w, &turning), moved));
                        velocity = add6(&velocity, &spatial(turning, moment));
                        continue;
                    }
                    let (dof, speed) = (&mut dofs[d], v[d]);
                    if joint.kind == JointKind::Slide {
                        dof.subspace = spatial([z; 3], *axis);
                        bias = spatial(angular(&bias), axpy(speed, &cross(&w, axis), &linear(&bias)));
                        velocity = spatial(w, axpy(speed, axis, &vl));
                        continue;
                    }
                    let moment = cross(&lever, axis);
                    dof.subspace = spatial(*axis, moment);
                    let turned = cross(&w, axis);
                    let moved = cross_add(&vl, axis, &cross(&w, &moment));
                    bias =
                        spatial(axpy(speed, &turned, &angular(&bias)), axpy(speed, &moved, &linear(&bias)));
                    velocity = spatial(axpy(speed, axis, &w), axpy(speed, &moment, &vl));
                }
            }
            own.turn = turn;
            own.position = position;
            own.velocity = velocity;
            own.bias = bias;
            let inertia = rigid.placed(&turn, &sub(&position, &root));
            let resisted = inertial_wrench(&inertia, &velocity, &bias);
            own.inertia = inertia;
            own.wrench = resisted.map(
                #[inline(always)]
                |x| -x,
            );
        }
        self.stale.fill(true);
        self.touch_heads.fill(NOTHING);
        self.cone_heads.fill(NOTHING);
    }

    /// Drag and lift of the medium on every body, taken as a box of its inertia (MuJoCo's `inertia box` model).
    #[inline(always)]
    fn drag(&mut self, model: &Model, system: &System<F>) {
        for (b, hull) in system.hulls.iter().enumerate() {
            let Some(link) = model.tree.homes[b + 1].0 else { continue };
            let root = model.tree.links[link].root;
            let turn = product(&self.links[link].turn, &hull.standing);
            let centre = add(&self.links[link].position, &turned(&self.links[link].turn, &system.centres[b]));
            let lever = sub(&centre, &self.links[root].position);
            let through =
                sub(&at_point(&self.links[link].velocity, &lever), &lift(&model.compiled.options.wind));
            let (w, v) = (unturned(&turn, &angular(&self.links[link].velocity)), unturned(&turn, &through));
            let (torque, force) = resistance(&model.compiled.options, hull, &w, &v);
            let force = turned(&turn, &force);
            let torque = cross_add(&lever, &force, &turned(&turn, &torque));
            self.links[link].wrench = add6(&self.links[link].wrench, &spatial(torque, force));
        }
    }

    #[inline(always)]
    fn push_from_outside(&mut self, model: &Model, system: &System<F>, outside: &Outside<F>) {
        for (b, [force, torque]) in outside.wrenches.iter().enumerate() {
            let Some(link) = model.tree.homes[b + 1].0 else { continue };
            let root = model.tree.links[link].root;
            let centre = add(&self.links[link].position, &turned(&self.links[link].turn, &system.centres[b]));
            let lever = sub(&centre, &self.links[root].position);
            let wrench: Vec6<F> = spatial(cross_add(&lever, force, torque), *force);
            self.links[link].wrench = add6(&self.links[link].wrench, &wrench);
        }
    }
}

/// Torque and force of the medium, in the frame of the box.
#[inline(always)]
fn resistance<F: Lane>(options: &Options, hull: &Hull<F>, w: &Vec3<F>, v: &Vec3<F>) -> (Vec3<F>, Vec3<F>) {
    let (mut torque, mut force) = ([F::zero(); 3], [F::zero(); 3]);
    if options.viscosity > 0.0 {
        for k in 0..3 {
            torque[k] = hull.viscous[0] * w[k];
            force[k] = hull.viscous[1] * v[k];
        }
    }
    if options.density > 0.0 {
        for k in 0..3 {
            force[k] = (hull.moving[k] * v[k].abs()).neg_mul_add(v[k], force[k]);
            torque[k] = (hull.turning[k] * w[k].abs()).neg_mul_add(w[k], torque[k]);
        }
    }
    (torque, force)
}
