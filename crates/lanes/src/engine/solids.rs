//! Boxes, cylinders and ellipsoids on planes of the world: the points at which MuJoCo lets them touch.

use super::detect::{LEAST, Spot, unit};
use super::softness::Soft;
use super::{Setting, Work};
use crate::algebra::{Vec3, add, axpy, cross, dot, lift, lift_turn, product, scale, sub, turned};
use crate::compiled::Shape;
use crate::contacts::Solid;
use crate::lane::{Lane, Mask, inlined};
use crate::model::Model;
use crate::system::Surface;

/// A solid as it stands, and how it touches.
struct Standing<'a, F: Lane> {
    solid: &'a Solid,
    soft: &'a Soft,
    surface: &'a Surface<F>,
    normal: Vec3<F>,
    centre: Vec3<F>,
    /// How far the centre is above the plane.
    height: F,
    /// The axes of its frame in the world.
    axes: [Vec3<F>; 3],
}

impl<F: Lane> Work<F> {
    /// Lists all that stands on planes.
    #[inline(always)]
    pub(super) fn detect_solids(&mut self, setting: &Setting<'_, F>) {
        let model = setting.model;
        for (i, solid) in model.candidates.solids.iter().enumerate() {
            let turn = product(&self.links[solid.link].turn, &lift_turn(&solid.turn));
            let centre = add(
                &self.links[solid.link].position,
                &turned(&self.links[solid.link].turn, &lift(&solid.position)),
            );
            let normal = lift::<F>(&solid.normal);
            let height = dot(&normal, &sub(&centre, &lift(&solid.point)));
            // No point of it is further from its centre.
            let reach = solid.size.iter().map(|x| x * x).sum::<f64>().sqrt() + solid.law.margin;
            if !height.less(F::splat(reach)).any() {
                continue;
            }
            let axis = inlined(
                #[inline(always)]
                |k: usize| [turn[k], turn[3 + k], turn[6 + k]],
            );
            let standing = Standing {
                solid,
                soft: &model.limits.solids[i],
                surface: &setting.system.solids[i],
                normal,
                centre,
                height,
                axes: [axis(0), axis(1), axis(2)],
            };
            match solid.shape {
                Shape::Box => self.stand_box(model, &standing),
                Shape::Cylinder => self.stand_cylinder(model, &standing),
                _ => self.stand_ellipsoid(model, &standing),
            }
        }
    }

    /// Lists the point of a solid at `offset` from its centre and `distance` from the plane, in the lanes `allowed`, if it
    /// is within the margin.
    #[inline(always)]
    fn lay(
        &mut self,
        model: &Model,
        standing: &Standing<'_, F>,
        offset: &Vec3<F>,
        distance: F,
        allowed: F::Mask,
    ) {
        let margin = F::splat(standing.solid.law.margin);
        let touching = distance.less(margin) & allowed;
        if !touching.any() {
            return;
        }
        let normal = standing.normal;
        let point = axpy(F::splat(-0.5) * distance, &normal, &add(&standing.centre, offset));
        let tangents = [lift(&standing.solid.tangents[0]), lift(&standing.solid.tangents[1])];
        let spot = Spot { depth: distance - margin, touching, normal, tangents, point };
        self.touch(model, standing.solid.link, &standing.solid.law, standing.soft, standing.surface, &spot);
    }

    /// The corners below the centre, at most four, in MuJoCo's order.
    #[inline(always)]
    fn stand_box(&mut self, model: &Model, standing: &Standing<'_, F>) {
        let size = standing.solid.size.map(F::splat);
        let (zero, one) = (F::zero(), F::one());
        let (mut count, four) = (zero, F::splat(4.0));
        let margin = F::splat(standing.solid.law.margin);
        for corner in 0..8 {
            let mut offset = [zero; 3];
            for (k, axis) in standing.axes.iter().enumerate() {
                let half = if corner >> k & 1 == 1 { size[k] } else { -size[k] };
                offset = axpy(half, axis, &offset);
            }
            let below = dot(&standing.normal, &offset);
            let distance = standing.height + below;
            let allowed = !zero.less(below) & count.less(four);
            count = count + one.only(distance.less(margin) & allowed);
            self.lay(model, standing, &offset, distance, allowed);
        }
    }

    /// The lowest point of each rim, and two more of the lower one, a third of a turn from its lowest.
    #[inline(always)]
    fn stand_cylinder(&mut self, model: &Model, standing: &Standing<'_, F>) {
        let (zero, [radius, half, _]) = (F::zero(), standing.solid.size);
        let margin = F::splat(standing.solid.law.margin);
        let axis = &standing.axes[2];
        let slope = dot(&standing.normal, axis);
        let upwards = zero.less(slope);
        let slope = -slope.abs();
        // Towards the plane, and from the axis towards it.
        let down = axis.map(
            #[inline(always)]
            |x| F::select(upwards, -x, x),
        );
        let flat = sub(&scale(slope, &down), &standing.normal);
        let length = dot(&flat, &flat).sqrt();
        let upright = length.less(F::splat(LEAST));
        let factor = F::splat(radius) / length.max(F::splat(LEAST));
        let mut out = scale(factor, &flat);
        for k in 0..3 {
            out[k] = F::select(upright, F::splat(radius) * standing.axes[0][k], out[k]);
        }
        let (end, sink) = (scale(F::splat(half), &down), dot(&out, &standing.normal));
        let lower = F::splat(half).mul_add(slope, standing.height);
        let upper = F::splat(-half).mul_add(slope, standing.height);
        let near = (lower + sink).less(margin);
        self.lay(model, standing, &add(&out, &end), lower + sink, near);
        self.lay(model, standing, &sub(&out, &end), upper + sink, near);
        let distance = F::splat(-0.5).mul_add(sink, lower);
        if !(distance.less(margin) & near).any() {
            return;
        }
        let (sideways, _) = unit(&cross(&out, &end));
        let sideways = scale(F::splat(radius * 0.75_f64.sqrt()), &sideways);
        let back = axpy(F::splat(-0.5), &out, &end);
        self.lay(model, standing, &add(&back, &sideways), distance, near);
        self.lay(model, standing, &sub(&back, &sideways), distance, near);
    }

    /// The lowest point.
    #[inline(always)]
    fn stand_ellipsoid(&mut self, model: &Model, standing: &Standing<'_, F>) {
        let size = standing.solid.size.map(F::splat);
        let mut reach = [F::zero(); 3];
        for k in 0..3 {
            reach[k] = -(size[k] * dot(&standing.normal, &standing.axes[k]));
        }
        let (direction, _) = unit(&reach);
        let mut offset = [F::zero(); 3];
        for k in 0..3 {
            offset = axpy(size[k] * direction[k], &standing.axes[k], &offset);
        }
        let distance = standing.height + dot(&standing.normal, &offset);
        self.lay(model, standing, &offset, distance, !F::Mask::none());
    }
}
