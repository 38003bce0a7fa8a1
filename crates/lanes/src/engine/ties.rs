//! Equality constraints: rows that act always, and both ways.
//!
//! Their cost ½ D r², r = J a − a_ref, has no kink, so that they are part of the quadratic from the start: a joint that is held
//! and a point that stays in the world are stiffnesses of the elimination, and what couples two joints or links is added
//! afterwards (`between`), as contacts between two links are.

use super::between::Pull;
use super::detect::reference;
use super::seen::Seen;
use super::softness::Soft;
use super::{Setting, Work};
use crate::algebra::{
    Vec3, Vec6, add, add6, angular, at_point, cross_add, dot, lift, linear, neg, scale, spatial, sub, turned,
    wrench_of,
};
use crate::inertia::Stiff;
use crate::lane::{Lane, inlined};
use crate::model::Model;

/// A joint that is held.
#[derive(Clone, Copy)]
pub(super) struct Held<F> {
    pub(super) dof: usize,
    pub(super) weight: F,
    pub(super) reference: F,
    force: F,
}

/// A point of a link that stays in the world.
#[derive(Clone, Copy)]
pub(super) struct Pinned<F> {
    pub(super) link: usize,
    /// That of the link, and that which does not move; and where in the world it is held.
    bodies: [usize; 2],
    at: Vec3<F>,
    lever: Vec3<F>,
    weight: F,
    reference: Vec3<F>,
    force: Vec3<F>,
}

/// What two joints or links are tied by.
#[derive(Clone, Copy)]
pub(super) enum Cord<F> {
    /// The acceleration of the first degree of freedom less a multiple of the second's.
    Joints { dofs: [usize; 2], ratio: F },
    /// That of points of two links, and the bodies that they are of.
    Links(Pull<F>, [usize; 2]),
}

/// One row between two joints or links.
#[derive(Clone, Copy)]
pub(super) struct Tied<F> {
    pub(super) cord: Cord<F>,
    pub(super) weight: F,
    pub(super) reference: F,
    force: F,
}

impl<F: Lane> Cord<F> {
    /// Acceleration along it, by those of joints and links.
    #[inline(always)]
    pub(super) fn along(&self, joints: &[F], links: &[Vec6<F>]) -> F {
        match self {
            Self::Joints { dofs: [a, b], ratio } => ratio.neg_mul_add(joints[*b], joints[*a]),
            Self::Links(pull, _) => pull.along(links),
        }
    }
}

impl<F: Lane> Work<F> {
    /// Lists what is tied together.
    // Like the others here not within what calls it, which would be slower for models that have no ties.
    #[inline(never)]
    pub(super) fn detect_ties(&mut self, setting: &Setting<'_, F>, q: &[F], v: &[F]) {
        F::run(
            #[inline(always)]
            || self.find_ties(setting, q, v),
        );
    }

    #[inline(always)]
    fn find_ties(&mut self, setting: &Setting<'_, F>, q: &[F], v: &[F]) {
        let (ties, weakness) = (&setting.model.ties, &setting.system.ties);
        let zero = F::zero();
        self.held.clear();
        self.pinned.clear();
        self.tied.clear();
        for hold in &ties.holds {
            let (weight, reference) =
                row(&hold.soft, weakness[hold.index], q[hold.q] - F::splat(hold.at), v[hold.v]);
            self.held.push(Held { dof: hold.v, weight, reference, force: zero });
        }
        for couple in &ties.couples {
            let [own, led] = [0, 1].map(
                #[inline(always)]
                |i: usize| q[couple.q[i]] - F::splat(couple.references[i]),
            );
            let [constant, first, second, third, fourth] = couple.polynomial.map(F::splat);
            let wanted = fourth.mul_add(led, third);
            let wanted = wanted.mul_add(led, second).mul_add(led, first).mul_add(led, constant);
            let ratio = (F::splat(4.0) * fourth).mul_add(led, F::splat(3.0) * third);
            let ratio = ratio.mul_add(led, F::splat(2.0) * second).mul_add(led, first);
            let [a, b] = couple.v;
            let speed = ratio.neg_mul_add(v[b], v[a]);
            let (weight, reference) = row(&couple.soft, weakness[couple.index], own - wanted, speed);
            let cord = Cord::Joints { dofs: [a, b], ratio };
            self.tied.push(Tied { cord, weight, reference, force: zero });
        }
        for pin in &ties.pins {
            let (point, lever) = self.anchor(setting.model, pin.link, &lift(&pin.point));
            let [velocity, drift] = self.motion_at(pin.link, &lever);
            // Of what does not move the bias is that it does not fall.
            let drift = sub(&drift, &linear(&self.world.bias));
            let apart = sub(&point, &lift(&pin.at));
            let (weight, reference) = point_rows(&pin.soft, weakness[pin.index], &apart, &velocity, &drift);
            let (link, bodies, at) = (pin.link, pin.bodies, lift(&pin.at));
            self.pinned.push(Pinned { link, bodies, at, lever, weight, reference, force: [zero; 3] });
        }
        for hook in &ties.hooks {
            let [a, b] = hook.links;
            let (first, lever) = self.anchor(setting.model, a, &lift(&hook.points[0]));
            let (second, far) = self.anchor(setting.model, b, &lift(&hook.points[1]));
            let ([va, da], [vb, db]) = (self.motion_at(a, &lever), self.motion_at(b, &far));
            let (apart, velocity, drift) = (sub(&first, &second), sub(&va, &vb), sub(&da, &db));
            let (weight, reference) = point_rows(&hook.soft, weakness[hook.index], &apart, &velocity, &drift);
            for k in 0..3 {
                let mut direction = [zero; 3];
                direction[k] = F::one();
                let pull = Pull { links: [b, a], levers: [far, lever], direction, turning: false };
                let cord = Cord::Links(pull, [hook.bodies[1], hook.bodies[0]]);
                self.tied.push(Tied { cord, weight, reference: reference[k], force: zero });
            }
        }
    }

    /// A point of a link in the world, and from the reference point of its tree.
    #[inline(always)]
    fn anchor(&self, model: &Model, link: usize, point: &Vec3<F>) -> (Vec3<F>, Vec3<F>) {
        let own = &self.links[link];
        let at = add(&own.position, &turned(&own.turn, point));
        (at, sub(&at, &self.links[model.tree.links[link].root].position))
    }

    /// Velocity of a point of a link, and the acceleration that it has if no joint accelerates.
    #[inline(always)]
    fn motion_at(&self, link: usize, lever: &Vec3<F>) -> [Vec3<F>; 2] {
        let own = &self.links[link];
        let velocity = at_point(&own.velocity, lever);
        [velocity, cross_add(&angular(&own.velocity), &velocity, &at_point(&own.bias, lever))]
    }

    /// Finds the forces of all ties at the accelerations that were solved for.
    #[inline(never)]
    pub(super) fn load_ties(&mut self) {
        F::run(
            #[inline(always)]
            || self.find_loads(),
        );
    }

    #[inline(always)]
    fn find_loads(&mut self) {
        let Self { held, pinned, tied, qacc, acceleration, .. } = self;
        for held in held.iter_mut() {
            held.force = held.weight * (held.reference - qacc[held.dof]);
        }
        for pinned in pinned.iter_mut() {
            let lacking = sub(&pinned.reference, &at_point(&acceleration[pinned.link], &pinned.lever));
            pinned.force = scale(pinned.weight, &lacking);
        }
        for tied in tied.iter_mut() {
            tied.force = tied.weight * (tied.reference - tied.cord.along(qacc, acceleration));
        }
    }

    /// What the cost of all ties adds to the slope's slope along a step.
    #[inline(never)]
    pub(super) fn bend_of_ties(&self, second: F) -> F {
        F::run(
            #[inline(always)]
            || self.find_bend(second),
        )
    }

    #[inline(always)]
    fn find_bend(&self, mut second: F) -> F {
        let (now, before) = (&self.qacc, &self.qacc_before);
        let (links, links_before) = (&self.acceleration, &self.acceleration_before);
        for held in &self.held {
            let step = now[held.dof] - before[held.dof];
            second = (held.weight * step).mul_add(step, second);
        }
        for pinned in &self.pinned {
            let step = sub(
                &at_point(&links[pinned.link], &pinned.lever),
                &at_point(&links_before[pinned.link], &pinned.lever),
            );
            second = pinned.weight.mul_add(dot(&step, &step), second);
        }
        for tied in &self.tied {
            let step = tied.cord.along(now, links) - tied.cord.along(before, links_before);
            second = (tied.weight * step).mul_add(step, second);
        }
        second
    }

    /// Adds the forces of all ties to those of links and joints.
    #[inline(never)]
    pub(super) fn add_tie_forces(&mut self) {
        F::run(
            #[inline(always)]
            || self.add_forces(),
        );
    }

    #[inline(always)]
    fn add_forces(&mut self) {
        let Self { held, pinned, tied, links, dofs, .. } = self;
        for held in held.iter() {
            let dof = &mut dofs[held.dof];
            dof.force = dof.force + held.force;
        }
        for pinned in pinned.iter() {
            let link = &mut links[pinned.link];
            link.wrench = add6(&link.wrench, &wrench_of(&pinned.force, &pinned.lever));
        }
        for Tied { cord, force, .. } in tied.iter() {
            match cord {
                Cord::Joints { dofs: [a, b], ratio } => {
                    dofs[*a].force = dofs[*a].force + *force;
                    dofs[*b].force = ratio.neg_mul_add(*force, dofs[*b].force);
                }
                Cord::Links(pull, _) => {
                    for side in 0..2 {
                        let link = &mut links[pull.links[side]];
                        link.wrench = add6(&link.wrench, &pull.wrench(side, *force));
                    }
                }
            }
        }
    }

    /// Adds the forces of ties between bodies to those on bodies.
    #[inline(always)]
    pub(super) fn see_ties(&self, model: &Model, lanes: F::Mask, seen: &mut Seen<F>) {
        let push = inlined(
            #[inline(always)]
            |seen: &mut Seen<F>, body: usize, link: usize, lever: &Vec3<F>, force: Vec3<F>| {
                let point = add(lever, &self.links[model.tree.links[link].root].position);
                seen.push(model, body, &point, &spatial([F::zero(); 3], force), lanes);
            },
        );
        for pinned in &self.pinned {
            push(seen, pinned.bodies[0], pinned.link, &pinned.lever, pinned.force);
            let back = spatial([F::zero(); 3], neg(&pinned.force));
            seen.push(model, pinned.bodies[1], &pinned.at, &back, lanes);
        }
        for Tied { cord, force, .. } in &self.tied {
            if let Cord::Links(pull, bodies) = cord {
                let force = scale(*force, &pull.direction);
                push(seen, bodies[0], pull.links[0], &pull.levers[0], neg(&force));
                push(seen, bodies[1], pull.links[1], &pull.levers[1], force);
            }
        }
    }

    /// Adds the wrenches of ties between bodies to those on links.
    #[inline(always)]
    pub(super) fn see_tied_links(&self, links: &mut [Vec6<F>]) {
        for pinned in &self.pinned {
            links[pinned.link] = add6(&links[pinned.link], &wrench_of(&pinned.force, &pinned.lever));
        }
        for Tied { cord, force, .. } in &self.tied {
            if let Cord::Links(pull, _) = cord {
                for side in 0..2 {
                    let link = &mut links[pull.links[side]];
                    *link = add6(link, &pull.wrench(side, *force));
                }
            }
        }
    }

    /// Adds the forces of ties of joints to those on degrees of freedom.
    #[inline(always)]
    pub(super) fn see_tied_joints(&self, lanes: F::Mask, dofs: &mut [F]) {
        for held in &self.held {
            dofs[held.dof] = dofs[held.dof] + held.force.only(lanes);
        }
        for Tied { cord, force, .. } in &self.tied {
            if let Cord::Joints { dofs: [a, b], ratio } = cord {
                let force = force.only(lanes);
                dofs[*a] = dofs[*a] + force;
                dofs[*b] = ratio.only(lanes).neg_mul_add(force, dofs[*b]);
            }
        }
    }
}

/// Weight and reference of one row, at a distance from where it is satisfied and a velocity along it.
#[inline(always)]
fn row<F: Lane>(soft: &Soft, weakness: F, distance: F, speed: F) -> (F, F) {
    let impedance = soft.impedance(distance);
    (soft.weight(impedance, weakness), reference(soft, impedance, distance, speed))
}

/// The same of the three rows of points that are apart; `drift` is what they accelerate by themselves.
#[inline(always)]
fn point_rows<F: Lane>(
    soft: &Soft,
    weakness: F,
    apart: &Vec3<F>,
    velocity: &Vec3<F>,
    drift: &Vec3<F>,
) -> (F, Vec3<F>) {
    let impedance = soft.impedance(dot(apart, apart).sqrt());
    let wanted = [0, 1, 2].map(
        #[inline(always)]
        |k: usize| reference(soft, impedance, apart[k], velocity[k]) - drift[k],
    );
    (soft.weight(impedance, weakness), wanted)
}

/// A link's stiffness and the wrench on it, with what pins it to the world.
#[inline(never)]
pub(super) fn pressed<F: Lane>(
    pinned: &[Pinned<F>],
    link: usize,
    stiff: Stiff<F>,
    push: Vec6<F>,
) -> (Stiff<F>, Vec6<F>) {
    F::run(
        #[inline(always)]
        || {
            let (mut stiff, mut push) = (stiff, push);
            for pinned in pinned.iter().filter(
                #[inline(always)]
                |pinned| pinned.link == link,
            ) {
                let (w, zero) = (pinned.weight, F::zero());
                stiff.add_at(&[w, w, w, zero, zero, zero], &pinned.lever);
                push = add6(&push, &wrench_of(&scale(w, &pinned.reference), &pinned.lever));
            }
            (stiff, push)
        },
    )
}
