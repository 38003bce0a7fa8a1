//! Velocities, inertias, and the wrenches on links that no constraint causes.

use super::{Outside, Setting, Work};
use crate::algebra::{
    Vec3, Vec6, add, add6, angular, at_point, axpy, cross, cross_add, lift, lift_turn, linear, neg, product,
    spatial, sub, turned, unturned,
};
use crate::compiled::{JointKind, Options};
use crate::inertia::inertial_wrench;
use crate::lane::Lane;
use crate::model::Model;
use crate::system::{Hull, System};

impl<F: Lane> Work<F> {
    /// Motion of all links at joint velocities `v`.
    pub(super) fn motion(&mut self, setting: &Setting<'_, F>, v: &[F]) {
        F::run(
            #[inline(always)]
            || {
                self.find_motion(setting.model, setting.system, v);
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
    fn find_motion(&mut self, model: &Model, system: &System<F>, v: &[F]) {
        let z = F::zero();
        for (l, link) in model.tree.links.iter().enumerate() {
            let from_root = sub(&self.position[l], &self.position[link.root]);
            let (mut velocity, mut bias) = match link.parent {
                Some(p) => (self.velocity[p], self.bias[p]),
                // Whatever falls freely feels no gravity.
                None => ([z; 6], spatial([z; 3], neg(&system.gravity))),
            };
            if link.free {
                let at = model.tree.joints[link.joints.start].v;
                let v = &v[at..at + 6];
                let l_vel = [v[0], v[1], v[2]];
                let turning = turned(&self.turn[l], &[v[3], v[4], v[5]]);
                velocity = spatial(turning, l_vel);
                // The reference point stands still while the link's origin moves on.
                bias = spatial(angular(&bias), add(&linear(&bias), &cross(&l_vel, &turning)));
            } else {
                for j in link.joints.clone() {
                    let joint = &model.tree.joints[j];
                    let (w, vl) = (angular(&velocity), linear(&velocity));
                    let lever = sub(&self.anchor[j], &self.position[link.root]);
                    if joint.kind == JointKind::Ball {
                        let turn = &self.turn[l];
                        for k in 0..3 {
                            let axis = [turn[k], turn[3 + k], turn[6 + k]];
                            self.subspace[joint.v + k] = spatial(axis, cross(&lever, &axis));
                        }
                        let turning = turned(turn, &[v[joint.v], v[joint.v + 1], v[joint.v + 2]]);
                        let moment = cross(&lever, &turning);
                        let moved = cross_add(&vl, &turning, &cross(&w, &moment));
                        bias = add6(&bias, &spatial(cross(&w, &turning), moved));
                        velocity = add6(&velocity, &spatial(turning, moment));
                        continue;
                    }
                    let (axis, speed) = (&self.axis[j], v[joint.v]);
                    if joint.kind == JointKind::Slide {
                        self.subspace[joint.v] = spatial([z; 3], *axis);
                        bias = spatial(angular(&bias), axpy(speed, &cross(&w, axis), &linear(&bias)));
                        velocity = spatial(w, axpy(speed, axis, &vl));
                        continue;
                    }
                    let moment = cross(&lever, axis);
                    self.subspace[joint.v] = spatial(*axis, moment);
                    let turned = cross(&w, axis);
                    let moved = cross_add(&vl, axis, &cross(&w, &moment));
                    bias =
                        spatial(axpy(speed, &turned, &angular(&bias)), axpy(speed, &moved, &linear(&bias)));
                    velocity = spatial(axpy(speed, axis, &w), axpy(speed, &moment, &vl));
                }
            }
            self.velocity[l] = velocity;
            self.bias[l] = bias;
            let inertia = system.rigid[l].placed(&self.turn[l], &from_root);
            let resisted = inertial_wrench(&inertia, &velocity, &bias);
            self.inertia[l] = inertia;
            self.wrench[l] = resisted.map(
                #[inline(always)]
                |x| -x,
            );
        }
    }

    /// Drag and lift of the medium on every body, taken as a box of its inertia (MuJoCo's `inertia box` model).
    #[inline(always)]
    fn drag(&mut self, model: &Model, system: &System<F>) {
        for (b, hull) in system.hulls.iter().enumerate() {
            let Some(link) = model.tree.homes[b + 1].0 else { continue };
            let root = model.tree.links[link].root;
            let home = lift_turn(&model.tree.homes[b + 1].1.turn);
            let turn = product(&self.turn[link], &product(&home, &hull.axes));
            let centre = add(&self.position[link], &turned(&self.turn[link], &system.centres[b]));
            let lever = sub(&centre, &self.position[root]);
            let through = sub(&at_point(&self.velocity[link], &lever), &lift(&model.compiled.options.wind));
            let (w, v) = (unturned(&turn, &angular(&self.velocity[link])), unturned(&turn, &through));
            let (torque, force) = resistance(&model.compiled.options, hull, &w, &v);
            let force = turned(&turn, &force);
            let torque = cross_add(&lever, &force, &turned(&turn, &torque));
            self.wrench[link] = add6(&self.wrench[link], &spatial(torque, force));
        }
    }

    #[inline(always)]
    fn push_from_outside(&mut self, model: &Model, system: &System<F>, outside: &Outside<F>) {
        for (b, [force, torque]) in outside.wrenches.iter().enumerate() {
            let Some(link) = model.tree.homes[b + 1].0 else { continue };
            let root = model.tree.links[link].root;
            let centre = add(&self.position[link], &turned(&self.turn[link], &system.centres[b]));
            let lever = sub(&centre, &self.position[root]);
            let wrench: Vec6<F> = spatial(cross_add(&lever, force, torque), *force);
            self.wrench[link] = add6(&self.wrench[link], &wrench);
        }
    }
}

/// Torque and force of the medium, in the frame of the box.
#[inline(always)]
fn resistance<F: Lane>(options: &Options, hull: &Hull<F>, w: &Vec3<F>, v: &Vec3<F>) -> (Vec3<F>, Vec3<F>) {
    let (mut torque, mut force) = ([F::zero(); 3], [F::zero(); 3]);
    let size = &hull.size;
    if options.viscosity > 0.0 {
        let diameter = (size[0] + size[1] + size[2]) * F::splat(1.0 / 3.0);
        let pi = std::f64::consts::PI;
        let turning = diameter * diameter * diameter * F::splat(-pi * options.viscosity);
        let moving = diameter * F::splat(-3.0 * pi * options.viscosity);
        for k in 0..3 {
            torque[k] = turning * w[k];
            force[k] = moving * v[k];
        }
    }
    if options.density > 0.0 {
        for k in 0..3 {
            let (a, b) = (size[(k + 1) % 3], size[(k + 2) % 3]);
            force[k] = (F::splat(0.5 * options.density) * a * b * v[k].abs()).neg_mul_add(v[k], force[k]);
            let (a, b) = (a * a, b * b);
            let fourth = a.mul_add(a, b * b);
            let turning = F::splat(options.density / 64.0) * size[k] * fourth * w[k].abs();
            torque[k] = turning.neg_mul_add(w[k], torque[k]);
        }
    }
    (torque, force)
}
