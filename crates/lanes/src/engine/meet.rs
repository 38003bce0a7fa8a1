//! Spheres and capsules that touch each other; `block` has what boxes and cylinders add.

use super::between::Pull;
use super::detect::{LEAST, Spot, reference, unit};
use super::rows::{Between, Row};
use super::{Work, all};
use crate::algebra::{Vec3, add, at_point, axpy, cross, dot, lift, neg, scale, sub, turned};
use crate::contacts::{Meeting, Round};
use crate::lane::{Lane, Mask, inlined};
use crate::model::Model;
use crate::system::System;

/// Index of a meeting, its sides, and the nearest points of their axes.
struct Pair<'a, F: Lane> {
    index: usize,
    meeting: &'a Meeting,
    rounds: [&'a Round; 2],
    points: [Vec3<F>; 2],
}

/// Where two sides of a meeting touch, in the lanes that do.
pub(super) struct Found<F: Lane> {
    pub(super) touching: F::Mask,
    pub(super) distance: F,
    /// From the first side to the second.
    pub(super) normal: Vec3<F>,
    pub(super) point: Vec3<F>,
}

impl<F: Lane> Work<F> {
    /// Lists what touches what in any lane.
    #[inline(always)]
    pub(super) fn detect_meetings(&mut self, model: &Model, system: &System<F>) {
        for (r, round) in model.candidates.rounds.iter().enumerate() {
            let along = scale(F::splat(round.half), &lift(&round.axis));
            self.round_ends[r] = match round.link {
                Some(l) => {
                    let turn = &self.links[l].turn;
                    let centre = add(&self.links[l].position, &turned(turn, &lift(&round.position)));
                    [centre, turned(turn, &along)]
                }
                None => [lift(&round.position), along],
            };
        }
        for (index, meeting) in model.candidates.meetings.iter().enumerate() {
            let [a, b] = meeting.sides;
            let apart = sub(&self.round_ends[a][0], &self.round_ends[b][0]);
            let near = dot(&apart, &apart).less(F::splat(meeting.reach * meeting.reach));
            if !near.any() {
                continue;
            }
            match &model.candidates.rounds[b].block {
                None => self.meet(model, system, index, meeting, near),
                Some(block) => self.meet_block(model, system, index, block, near),
            }
        }
    }

    #[inline(always)]
    fn meet(&mut self, model: &Model, system: &System<F>, index: usize, meeting: &Meeting, near: F::Mask) {
        let rounds = meeting.sides.map(
            #[inline(always)]
            |side| &model.candidates.rounds[side],
        );
        let [[ca, aa], [cb, ab]] = [self.round_ends[meeting.sides[0]], self.round_ends[meeting.sides[1]]];
        let apart = sub(&ca, &cb);
        let halves = rounds.map(
            #[inline(always)]
            |round| round.half,
        );
        let inverse = inlined(
            #[inline(always)]
            |half: f64| F::splat(1.0 / (half * half)),
        );
        let add = inlined(
            #[inline(always)]
            |work: &mut Self, points: [Vec3<F>; 2], lanes: F::Mask| {
                work.spot(model, system, &Pair { index, meeting, rounds, points }, lanes)
            },
        );
        if halves[0] == 0.0 || halves[1] == 0.0 {
            // The nearest point of a sphere is its centre.
            let on = inlined(
                #[inline(always)]
                |axis: &Vec3<F>, centre: &Vec3<F>, half: f64, towards: F| {
                    if half == 0.0 { *centre } else { axpy(clip(towards * inverse(half)), axis, centre) }
                },
            );
            let first = on(&aa, &ca, halves[0], -dot(&aa, &apart));
            let second = on(&ab, &cb, halves[1], dot(&ab, &apart));
            add(self, [first, second], near);
            return;
        }
        let (ma, mc) = (F::splat(halves[0] * halves[0]), F::splat(halves[1] * halves[1]));
        let (ia, ic) = (inverse(halves[0]), inverse(halves[1]));
        let mb = -dot(&aa, &ab);
        let (u, v) = (-dot(&aa, &apart), dot(&ab, &apart));
        let determinant = mb.neg_mul_add(mb, ma * mc);
        let parallel = determinant.abs().less(F::splat(LEAST));
        let skew = near & !parallel;
        if skew.any() {
            let one = F::one();
            let inverse = one / F::select(parallel, one, determinant);
            let x = (mc * u - mb * v) * inverse;
            let y = (ma * v - mb * u) * inverse;
            let y = F::select(one.less(x), (v - mb) * ic, F::select(x.less(-one), (v + mb) * ic, y));
            let x = clip(x);
            let far = F::select(y.less(-one), clip((u + mb) * ia), x);
            let x = F::select(one.less(y), clip((u - mb) * ia), far);
            add(self, [axpy(x, &aa, &ca), axpy(clip(y), &ab, &cb)], skew);
        }
        let parallel = near & parallel;
        if !parallel.any() {
            return;
        }
        // Both ends of the stretch along which they lie side by side; one point twice where they do not.
        let reach = mb.abs();
        for end in [(u - reach) * ia, (u + reach) * ia] {
            let x = clip(end);
            let y = clip(mb.neg_mul_add(x, v) * ic);
            add(self, [axpy(x, &aa, &ca), axpy(y, &ab, &cb)], parallel);
        }
    }

    /// Lists the contact of two points' surroundings, in those of the lanes where they touch.
    fn spot(&mut self, model: &Model, system: &System<F>, pair: &Pair<'_, F>, lanes: F::Mask) {
        F::run(
            #[inline(always)]
            || self.list_spot(model, system, pair, lanes),
        );
    }

    #[inline(always)]
    fn list_spot(&mut self, model: &Model, system: &System<F>, pair: &Pair<'_, F>, lanes: F::Mask) {
        let law = &pair.meeting.law;
        let [a, b] = pair.points;
        let between = sub(&b, &a);
        let (mut normal, length) = unit(&between);
        let (ra, rb) = (F::splat(pair.rounds[0].radius), F::splat(pair.rounds[1].radius));
        let distance = length - (ra + rb);
        let margin = F::splat(law.margin);
        let touching = distance.less(margin) & lanes;
        if !touching.any() {
            return;
        }
        let crossing = length.less(F::splat(LEAST));
        if crossing.any() {
            // Axes that cross have no direction to push in; MuJoCo takes the one that stands on both.
            let axis = inlined(
                #[inline(always)]
                |round: &Round| match round.link {
                    Some(l) => turned(&self.links[l].turn, &lift(&round.axis)),
                    None => lift(&round.axis),
                },
            );
            let (upright, _) = unit(&cross(&axis(pair.rounds[0]), &axis(pair.rounds[1])));
            for k in 0..3 {
                normal[k] = F::select(crossing, upright[k], normal[k]);
            }
        }
        let point = axpy(F::splat(0.5).mul_add(distance, ra), &normal, &a);
        self.list(model, system, pair.index, &Found { touching, distance, normal, point });
    }

    /// Lists a contact of a meeting's sides.
    #[inline(always)]
    pub(super) fn list(&mut self, model: &Model, system: &System<F>, index: usize, found: &Found<F>) {
        let Found { touching, distance, normal, point } = *found;
        let meeting = &model.candidates.meetings[index];
        let law = &meeting.law;
        let tangents = tangents(&normal);
        let depth = distance - F::splat(law.margin);
        let mut spot = Spot { depth, touching, normal, tangents, point };
        let (soft, surface) = (&model.limits.meetings[index], &system.meetings[index]);
        let links = meeting.sides.map(
            #[inline(always)]
            |side| model.candidates.rounds[side].link,
        );
        match links {
            [Some(a), Some(b)] => self.touch_each_other(model, system, index, [a, b], &spot),
            [Some(link), None] => {
                spot.normal = neg(&spot.normal);
                self.touch(model, link, law, soft, surface, &spot);
            }
            [None, Some(link)] => self.touch(model, link, law, soft, surface, &spot),
            [None, None] => {}
        }
    }

    #[inline(always)]
    fn touch_each_other(
        &mut self,
        model: &Model,
        system: &System<F>,
        index: usize,
        links: [usize; 2],
        spot: &Spot<F>,
    ) {
        let (soft, surface) = (&model.limits.meetings[index], &system.meetings[index]);
        let law = &model.candidates.meetings[index].law;
        if law.cone.is_some() {
            return self.touch_cone(model, (links[1], Some(links[0])), law, soft, surface, spot);
        }
        let levers = links.map(
            #[inline(always)]
            |link| sub(&spot.point, &self.links[model.tree.links[link].root].position),
        );
        let [va, vb] = [0, 1].map(
            #[inline(always)]
            |side: usize| at_point(&self.links[links[side]].velocity, &levers[side]),
        );
        let velocity = sub(&vb, &va);
        let count = if law.frictionless { 1 } else { 4 };
        let impedance = soft.impedance(spot.depth);
        let weight = soft.weight(impedance, surface.weakness);
        let mut add = inlined(
            #[inline(always)]
            |direction: Vec3<F>| {
                let speed = dot(&direction, &velocity);
                let row = Row::new(reference(soft, impedance, spot.depth, speed), weight, spot.touching);
                let pull = Pull { links, levers, direction, turning: false };
                self.between.push(Between { geoms: law.geoms, pull, row: self.rows.len(), count });
                self.rows.push(row);
            },
        );
        if law.frictionless {
            add(spot.normal);
            return;
        }
        for k in 0..2 {
            add(axpy(surface.friction[k], &spot.tangents[k], &spot.normal));
            add(axpy(-surface.friction[k], &spot.tangents[k], &spot.normal));
        }
    }
}

#[inline(always)]
fn clip<F: Lane>(x: F) -> F {
    x.clamp(F::splat(-1.0), F::one())
}

/// Two directions along a surface: MuJoCo's, from y, or from z where the normal is nearer to y.
#[inline(always)]
fn tangents<F: Lane>(n: &Vec3<F>) -> [Vec3<F>; 2] {
    let (zero, one) = (F::zero(), F::one());
    let flat = n[1].abs().less(F::splat(0.5));
    let y = if all(flat) { [zero, one, zero] } else { [zero, one.only(flat), F::select(flat, zero, one)] };
    let (first, _) = unit(&axpy(-dot(n, &y), n, &y));
    [first, cross(n, &first)]
}
