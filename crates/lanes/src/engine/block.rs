//! Spheres and capsules that touch boxes and cylinders.

use super::Work;
use super::capsule_box::Lying;
use super::cylinder::{Cylinder, Facing, Nearest};
use super::meet::Found;
use crate::algebra::{LEAST, Vec3, add, axpy, lift, lift_turn, product, sub, turned, unit, unturned};
use crate::compiled::Shape;
use crate::contacts::Block;
use crate::lane::{Lane, Mask, inlined};
use crate::model::Model;
use crate::system::System;

impl<F: Lane> Work<F> {
    /// Lists what a sphere or capsule does to a block, in those of the lanes where they touch.
    pub(super) fn meet_block(
        &mut self,
        model: &Model,
        system: &System<F>,
        index: usize,
        block: &Block,
        near: F::Mask,
    ) {
        F::run(
            #[inline(always)]
            || {
                let meeting = &model.candidates.meetings[index];
                let [round, other] = meeting.sides.map(
                    #[inline(always)]
                    |side| &model.candidates.rounds[side],
                );
                let [[centre, along], [origin, _]] =
                    [self.round_ends[meeting.sides[0]], self.round_ends[meeting.sides[1]]];
                let own = lift_turn(&block.turn);
                let turn = match other.link {
                    Some(link) => product(&self.links[link].turn, &own),
                    None => own,
                };
                let facing = Facing {
                    centre: unturned(&turn, &sub(&centre, &origin)),
                    along: unturned(&turn, &along),
                    turn,
                    origin,
                };
                let (radius, margin) = (F::splat(round.radius), F::splat(meeting.law.margin));
                if block.shape == Shape::Box && round.capsule {
                    let (radius, half) = (round.radius, round.half);
                    let lying = Lying {
                        facing: &facing,
                        size: &block.size,
                        radius,
                        half,
                        margin: meeting.law.margin,
                    };
                    let near = near & lying.within();
                    if !near.any() {
                        return;
                    }
                    let points = lying.points();
                    for (at, lanes) in [(points.first, points.one), (points.second, points.two)] {
                        let nearest = before_box(&axpy(at, &facing.along, &facing.centre), &block.size);
                        self.list_nearest(model, system, index, &facing, &nearest, near & lanes);
                    }
                    return;
                }
                if block.shape == Shape::Box {
                    let nearest = before_box(&facing.centre, &block.size);
                    self.list_nearest(model, system, index, &facing, &nearest, near);
                    return;
                }
                let cylinder = Cylinder { radius: block.size[0], half: block.size[1] };
                if !round.capsule {
                    let nearest = cylinder.before_sphere(&facing.centre);
                    self.list_nearest(model, system, index, &facing, &nearest, near);
                    return;
                }
                let near = near & cylinder.within(&facing, radius + margin);
                if !near.any() {
                    return;
                }
                let nearest = cylinder.before_capsule(&facing, near);
                let near = near & (nearest.distance - radius).less(margin);
                if !near.any() {
                    return;
                }
                let rests = cylinder.rests(&facing, &nearest, radius, margin);
                self.list_nearest(model, system, index, &facing, &nearest, near & !(rests[0].lanes));
                for rest in &rests {
                    let touching = near & rest.lanes & rest.distance.less(margin);
                    if touching.any() {
                        let found = Found {
                            touching,
                            distance: rest.distance,
                            normal: turned(&facing.turn, &rest.normal),
                            point: add(&facing.origin, &turned(&facing.turn, &rest.point)),
                        };
                        self.list(model, system, index, &found);
                    }
                }
            },
        );
    }

    /// Lists the contact of the nearest points.
    #[inline(always)]
    fn list_nearest(
        &mut self,
        model: &Model,
        system: &System<F>,
        index: usize,
        facing: &Facing<F>,
        nearest: &Nearest<F>,
        lanes: F::Mask,
    ) {
        let meeting = &model.candidates.meetings[index];
        let radius = F::splat(model.candidates.rounds[meeting.sides[0]].radius);
        let distance = nearest.distance - radius;
        let touching = distance.less(F::splat(meeting.law.margin)) & lanes;
        if !touching.any() {
            return;
        }
        let middle = F::splat(0.5) * (nearest.distance + radius);
        let point = axpy(middle, &nearest.normal, &nearest.point);
        let normal = turned(&facing.turn, &nearest.normal);
        let point = add(&facing.origin, &turned(&facing.turn, &point));
        self.list(model, system, index, &Found { touching, distance, normal, point });
    }
}

/// What of a box is nearest to a point: where it is inside, the nearest face.
#[inline(always)]
fn before_box<F: Lane>(point: &Vec3<F>, size: &[f64; 3]) -> Nearest<F> {
    let (zero, one) = (F::zero(), F::one());
    let half = lift::<F>(size);
    let mut on = *point;
    for k in 0..3 {
        on[k] = point[k].clamp(-half[k], half[k]);
    }
    let (mut normal, mut distance) = unit(&sub(&on, point));
    let inside = !F::splat(LEAST).less(distance);
    if inside.any() {
        // MuJoCo's order: of faces as near the first one, those on the positive side later.
        let mut closest = F::splat(2.0 * (size[0] + size[1] + size[2]));
        let mut towards = [zero; 3];
        for k in 0..3 {
            for (side, gap) in [(one, (half[k] + point[k]).abs()), (-one, (half[k] - point[k]).abs())] {
                let nearer = gap.less(closest);
                closest = F::select(nearer, gap, closest);
                for (axis, component) in towards.iter_mut().enumerate() {
                    let value = if axis == k { side } else { zero };
                    *component = F::select(nearer, value, *component);
                }
            }
        }
        let inward = inlined(
            #[inline(always)]
            |k: usize| F::select(inside, towards[k], normal[k]),
        );
        normal = [inward(0), inward(1), inward(2)];
        distance = F::select(inside, -closest, distance);
    }
    Nearest { point: *point, normal, distance }
}
