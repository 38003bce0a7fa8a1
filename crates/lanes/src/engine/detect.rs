//! Which limits, dry frictions and contacts with the world act.

use super::rows::{Limit, Loss, Row};
use super::{Moving, Setting, Work};
pub(super) use crate::algebra::{LEAST, unit};
use crate::algebra::{Vec3, add, at_point, axpy, cross, dot, lift, sub, turned};
use crate::contacts::{Law, OnPlane};
use crate::lane::{Lane, Mask, inlined};
use crate::model::Model;
use crate::system::{Surface, System};

use super::softness::Soft;

/// A point where two shapes touch, in the lanes that do.
pub(super) struct Spot<F: Lane> {
    /// How far apart they are beyond the margin, negative inside.
    pub(super) depth: F,
    pub(super) touching: F::Mask,
    pub(super) normal: Vec3<F>,
    pub(super) tangents: [Vec3<F>; 2],
    /// In the frame of the world.
    pub(super) point: Vec3<F>,
}

impl<F: Lane> Work<F> {
    /// Lists everything that acts in any lane.
    pub(super) fn detect(&mut self, setting: &Setting<'_, F>, q: &[F], v: &[F]) {
        F::run(
            #[inline(always)]
            || {
                self.rows.clear();
                self.touches.clear();
                self.limits.clear();
                self.losses.clear();
                self.between.clear();
                if setting.model.coned {
                    self.cones.clear();
                    self.grips.clear();
                }
                self.detect_limits(setting.model, setting.system, q, v);
                self.detect_losses(setting.model, setting.system, v);
                for (i, plane) in setting.model.candidates.planes.iter().enumerate() {
                    let soft = &setting.model.limits.planes[i];
                    self.detect_on_plane(setting.model, plane, soft, &setting.system.planes[i]);
                }
                if !setting.model.candidates.solids.is_empty() {
                    self.detect_solids(setting);
                }
                if !setting.model.candidates.meetings.is_empty() {
                    self.detect_meetings(setting.model, setting.system);
                }
                if setting.model.tied {
                    self.detect_ties(setting, q, v);
                }
            },
        );
    }

    #[inline(always)]
    fn detect_limits(&mut self, model: &Model, system: &System<F>, q: &[F], v: &[F]) {
        for stop in &model.tree.stops {
            let (position, velocity) = (q[stop.q], v[stop.v]);
            let (margin, [low, high]) = (F::splat(stop.margin), stop.range);
            for (side, distance) in [(1.0, position - F::splat(low)), (-1.0, F::splat(high) - position)] {
                let touching = distance.less(margin);
                if !touching.any() {
                    continue;
                }
                let soft = &model.limits.joints[stop.joint];
                let depth = distance - margin;
                let impedance = soft.impedance(depth);
                let weight = soft.weight(impedance, system.dof_weight[stop.v]);
                let speed = F::splat(side) * velocity;
                let row = Row::new(reference(soft, impedance, depth, speed), weight, touching);
                self.limits.push(Limit { dof: stop.v, link: stop.link, side, row: self.rows.len() });
                self.rows.push(row);
            }
        }
    }

    #[inline(always)]
    fn detect_losses(&mut self, model: &Model, system: &System<F>, v: &[F]) {
        if !system.lossy {
            return;
        }
        for ((d, velocity), dry) in v.iter().enumerate().zip(&system.dry) {
            if !dry.touching.any() {
                continue;
            }
            self.losses.push(Loss {
                dof: d,
                link: model.tree.dof_links[d],
                weight: dry.weight,
                reference: -(F::splat(model.limits.dofs[d].damping) * *velocity),
                edge: dry.edge,
                touching: dry.touching,
                active: [F::Mask::none(); 2],
                beyond: [F::Mask::none(); 2],
                residual: F::zero(),
                before: F::zero(),
            });
        }
    }

    #[inline(always)]
    fn detect_on_plane(&mut self, model: &Model, plane: &OnPlane, soft: &Soft, surface: &Surface<F>) {
        let round = &plane.round;
        let (link, margin) = (&self.links[plane.link], F::splat(plane.law.margin));
        if plane.level && !lowest(link, plane).less(margin).any() {
            return;
        }
        let (turn, normal) = (&link.turn, lift::<F>(&plane.normal));
        let centre = add(&link.position, &turned(turn, &lift(&round.position)));
        let height = dot(&normal, &sub(&centre, &lift(&plane.point))) - F::splat(round.radius);
        if !round.capsule {
            let touching = height.less(margin);
            if touching.any() {
                let tangents = [lift(&plane.tangents[0]), lift(&plane.tangents[1])];
                let depth = F::splat(0.5).mul_add(height, F::splat(round.radius));
                let point = axpy(-depth, &normal, &centre);
                let spot = Spot { depth: height - margin, touching, normal, tangents, point };
                self.touch(model, plane.link, &plane.law, soft, surface, &spot);
            }
            return;
        }
        let axis = turned(turn, &lift(&round.axis));
        let slope = dot(&normal, &axis);
        for half in [F::splat(round.half), F::splat(-round.half)] {
            let distance = half.mul_add(slope, height);
            let touching = distance.less(margin);
            if !touching.any() {
                continue;
            }
            let depth = F::splat(0.5).mul_add(distance, F::splat(round.radius));
            let point = axpy(-depth, &normal, &axpy(half, &axis, &centre));
            let along = along_plane(&normal, &axis, slope);
            let tangents = [along, cross(&normal, &along)];
            let spot = Spot { depth: distance - margin, touching, normal, tangents, point };
            self.touch(model, plane.link, &plane.law, soft, surface, &spot);
        }
    }

    /// Lists what a link does to something that does not move, along the normal of `spot`, away from which it is pushed.
    #[inline(always)]
    pub(super) fn touch(
        &mut self,
        model: &Model,
        link: usize,
        law: &Law,
        soft: &Soft,
        surface: &Surface<F>,
        spot: &Spot<F>,
    ) {
        if law.cone.is_some() {
            return self.touch_cone(model, (link, None), law, soft, surface, spot);
        }
        let lever = sub(&spot.point, &self.links[model.tree.links[link].root].position);
        let velocity = at_point(&self.links[link].velocity, &lever);
        let impedance = soft.impedance(spot.depth);
        let weight = soft.weight(impedance, surface.weakness);
        let row = inlined(
            #[inline(always)]
            |speed: F| Row::new(reference(soft, impedance, spot.depth, speed), weight, spot.touching),
        );
        let first = self.rows.len();
        let along = dot(&spot.normal, &velocity);
        if law.frictionless {
            self.rows.push(row(along));
        } else {
            for k in 0..2 {
                let slide = surface.friction[k] * dot(&spot.tangents[k], &velocity);
                self.rows.push(row(along + slide));
                self.rows.push(row(along - slide));
            }
        }
        let next = std::mem::replace(&mut self.touch_heads[link], self.touches.len());
        let touch = self.touches.add();
        touch.link = link;
        touch.geoms = law.geoms;
        touch.first = first;
        touch.count = self.rows.len() - first;
        touch.lever = lever;
        touch.normal = spot.normal;
        touch.tangents = spot.tangents;
        touch.friction = surface.friction;
        touch.next = next;
    }
}

/// How far a sphere, or the nearer end of a capsule, is from a level plane: to the bit what [`Work::detect_on_plane`] finds.
#[inline(always)]
fn lowest<F: Lane>(link: &Moving<F>, plane: &OnPlane) -> F {
    let (round, [x, y, z]) = (&plane.round, [link.turn[6], link.turn[7], link.turn[8]]);
    let along = inlined(
        #[inline(always)]
        |p: &[f64; 3]| z.mul_add(F::splat(p[2]), y.mul_add(F::splat(p[1]), x * F::splat(p[0]))),
    );
    let height =
        (link.position[2] + along(&round.position)) - F::splat(plane.point[2]) - F::splat(round.radius);
    if !round.capsule {
        return height;
    }
    let slope = along(&round.axis);
    let half = F::splat(round.half);
    half.mul_add(slope, height).min((-half).mul_add(slope, height))
}

/// The acceleration that a row asks for, at a velocity along it.
#[inline(always)]
pub(super) fn reference<F: Lane>(soft: &Soft, impedance: F, depth: F, speed: F) -> F {
    let pull = F::splat(soft.stiffness) * impedance * depth;
    -F::splat(soft.damping).mul_add(speed, pull)
}

/// The direction of a capsule's axis along a plane; x where the axis stands upright, as in MuJoCo.
#[inline(always)]
fn along_plane<F: Lane>(normal: &Vec3<F>, axis: &Vec3<F>, slope: F) -> Vec3<F> {
    let flat = axpy(-slope, normal, axis);
    unit(&flat).0
}
