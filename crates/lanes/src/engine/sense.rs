//! What sensors measure at the state of the latest evaluation.
//!
//! MuJoCo evaluates sensors where a time step begins, for Runge–Kutta at its first stage. So here, too, they are taken
//! between an evaluation and the step that is made of it.

use super::seen::Seen;
use super::sincos::sin_cos;
use super::touchpad::Touchpad;
use super::{Setting, Work};
use crate::algebra::{
    Mat3, Vec3, Vec6, add, add6, angular, at_point, axpy, axpy6, cross_add, lift, lift_turn, linear, neg,
    product, scale, spatial, sub, turned, unturned,
};
use crate::compiled::{Arm, JointKind};
use crate::lane::{Lane, Mask};
use crate::model::Model;
use crate::program::{Program, Reading, Seat};
use crate::sensor::Measure;

/// Masses below this are 0 to MuJoCo (`mjMINVAL`).
const LEAST: f64 = 1e-15;

/// A unit quaternion (w, x, y, z).
type Quaternion<F> = [F; 4];

/// Room for what several sensors need; one a thread, used by all groups of lanes in turn.
pub(crate) struct Room<F> {
    /// Accelerations of links at the reference points of their trees, less gravity.
    acceleration: Vec<Vec6<F>>,
    /// How links are turned, with MuJoCo's sign.
    quaternion: Vec<Quaternion<F>>,
    /// Forces on bodies, if any sensor needs them.
    seen: Option<Seen<F>>,
}

/// Sensors, and where their numbers go.
pub(crate) struct Watch<'a, F: Lane> {
    pub(crate) program: &'a Program,
    pub(crate) room: &'a mut Room<F>,
    pub(crate) out: &'a mut [F],
    /// The lanes whose numbers are written.
    pub(crate) lanes: F::Mask,
}

impl<F: Lane> Room<F> {
    pub(crate) fn new(model: &Model, program: &Program) -> Self {
        let (z, links) = (F::zero(), model.tree.links.len());
        Self {
            acceleration: vec![[z; 6]; if program.accelerated { links } else { 0 }],
            quaternion: vec![[z; 4]; if program.oriented { links } else { 0 }],
            seen: program.loaded.then(|| Seen::new(model, false)),
        }
    }
}

#[inline(always)]
fn times<F: Lane>([a, b, c, d]: &Quaternion<F>, [w, x, y, z]: &Quaternion<F>) -> Quaternion<F> {
    [
        d.neg_mul_add(*z, c.neg_mul_add(*y, b.neg_mul_add(*x, *a * *w))),
        d.neg_mul_add(*y, c.mul_add(*z, b.mul_add(*w, *a * *x))),
        d.mul_add(*x, c.mul_add(*w, b.neg_mul_add(*z, *a * *y))),
        d.mul_add(*w, c.neg_mul_add(*x, b.mul_add(*y, *a * *z))),
    ]
}

#[inline(always)]
fn unit<F: Lane>(q: &[F]) -> Quaternion<F> {
    let square = q[3].mul_add(q[3], q[2].mul_add(q[2], q[1].mul_add(q[1], q[0] * q[0])));
    let norm = F::one() / square.sqrt();
    [q[0] * norm, q[1] * norm, q[2] * norm, q[3] * norm]
}

#[inline(always)]
fn single<F: Lane>(value: F) -> [F; 4] {
    [value, F::zero(), F::zero(), F::zero()]
}

#[inline(always)]
fn three<F: Lane>(v: Vec3<F>) -> [F; 4] {
    [v[0], v[1], v[2], F::zero()]
}

impl<F: Lane> Work<F> {
    /// Writes what the sensors measure at the state that was evaluated last.
    #[inline(never)]
    pub(crate) fn sense(&self, setting: &Setting<'_, F>, q: &[F], v: &[F], watch: &mut Watch<'_, F>) {
        let Watch { program, room, out, lanes } = watch;
        if let Some(seen) = &mut room.seen {
            self.see(setting, *lanes, seen);
        }
        F::run(
            #[inline(always)]
            || {
                if program.accelerated {
                    self.accelerate(setting.model, &mut room.acceleration);
                }
                if program.oriented {
                    orient(setting.model, program, q, &mut room.quaternion);
                }
                let mut at = 0;
                for reading in &program.readings {
                    let mut numbers = self.measure(setting, q, v, room, reading);
                    if let Some([low, high]) = reading.bounds {
                        for number in &mut numbers {
                            *number = number.clamp(F::splat(low), F::splat(high));
                        }
                    }
                    for number in &numbers[..reading.measure.numbers()] {
                        out[at] = F::select(*lanes, *number, out[at]);
                        at += 1;
                    }
                }
            },
        );
    }

    /// Accelerations of links, less gravity.
    #[inline(always)]
    fn accelerate(&self, model: &Model, to: &mut [Vec6<F>]) {
        for (l, link) in model.tree.links.iter().enumerate() {
            if link.free {
                let a = &self.qacc[link.dofs.start..][..6];
                to[l] = spatial(turned(&self.links[l].turn, &[a[3], a[4], a[5]]), [a[0], a[1], a[2]]);
                continue;
            }
            let mut sum = link.parent.map_or(
                [F::zero(); 6],
                #[inline(always)]
                |parent| to[parent],
            );
            for d in link.dofs.clone() {
                sum = axpy6(self.qacc[d], &self.dofs[d].subspace, &sum);
            }
            to[l] = sum;
        }
        for (a, link) in to.iter_mut().zip(&self.links) {
            *a = add6(a, &link.bias);
        }
    }

    /// Position and rotation of a seat in the world.
    #[inline(always)]
    fn place(&self, setting: &Setting<'_, F>, seat: &Seat) -> (Vec3<F>, Mat3<F>) {
        let mut turn = lift_turn(seat.turn());
        let position = if seat.inertial {
            turn = product(&turn, &setting.system.hulls[seat.body - 1].axes);
            setting.system.centres[seat.body - 1]
        } else {
            lift(&seat.frame.position)
        };
        let Some(l) = seat.link else { return (position, turn) };
        let own = &self.links[l].turn;
        let turn = if seat.straight() && !seat.inertial { *own } else { product(own, &turn) };
        (add(&self.links[l].position, &turned(own, &position)), turn)
    }

    /// From the reference point of a link's tree to a point.
    #[inline(always)]
    fn arm(&self, model: &Model, link: usize, point: &Vec3<F>) -> Vec3<F> {
        sub(point, &self.links[model.tree.links[link].root].position)
    }

    /// Angular velocity, and velocity at a point, of what moves with a link.
    #[inline(always)]
    fn velocity_at(&self, model: &Model, link: Option<usize>, point: &Vec3<F>) -> [Vec3<F>; 2] {
        let Some(l) = link else { return [[F::zero(); 3]; 2] };
        let motion = &self.links[l].velocity;
        [angular(motion), at_point(motion, &self.arm(model, l, point))]
    }

    /// Angular acceleration, and acceleration at a point less gravity, of what moves with a link.
    #[inline(always)]
    fn acceleration_at(
        &self,
        model: &Model,
        room: &Room<F>,
        link: Option<usize>,
        point: &Vec3<F>,
    ) -> [Vec3<F>; 2] {
        let Some(l) = link else { return [[F::zero(); 3]; 2] };
        let (motion, velocity) = (&room.acceleration[l], self.velocity_at(model, link, point));
        let along = at_point(motion, &self.arm(model, l, point));
        [angular(motion), cross_add(&velocity[0], &velocity[1], &along)]
    }

    #[inline(always)]
    fn measure(
        &self,
        setting: &Setting<'_, F>,
        q: &[F],
        v: &[F],
        room: &Room<F>,
        reading: &Reading,
    ) -> [F; 4] {
        let (model, seat) = (setting.model, &reading.of);
        let joint = |j: u32| &model.tree.joints[j as usize];
        match &reading.measure {
            Measure::FramePosition { .. } => {
                let (position, _) = self.place(setting, seat);
                let Some(from) = &reading.from else { return three(position) };
                let (origin, turn) = self.place(setting, from);
                three(unturned(&turn, &sub(&position, &origin)))
            }
            Measure::FrameAxis { axis, .. } => {
                let (_, turn) = self.place(setting, seat);
                let axis = usize::from(*axis);
                let axis = [turn[axis], turn[3 + axis], turn[6 + axis]];
                let Some(from) = &reading.from else { return three(axis) };
                three(unturned(&self.place(setting, from).1, &axis))
            }
            Measure::FrameOrientation { .. } => {
                let own = orientation(setting, room, seat);
                let Some(from) = &reading.from else { return own };
                let [w, x, y, z] = orientation(setting, room, from);
                times(&[w, -x, -y, -z], &own)
            }
            Measure::FrameVelocity { .. } | Measure::FrameSpin { .. } => {
                let spins = matches!(reading.measure, Measure::FrameSpin { .. });
                let (position, _) = self.place(setting, seat);
                let [spin, velocity] = self.velocity_at(model, seat.link, &position);
                let Some(from) = &reading.from else {
                    return three(if spins { spin } else { velocity });
                };
                let (origin, turn) = self.place(setting, from);
                let [turning, moving] = self.velocity_at(model, from.link, &origin);
                let relative = if spins {
                    sub(&spin, &turning)
                } else {
                    cross_add(&sub(&position, &origin), &turning, &sub(&velocity, &moving))
                };
                three(unturned(&turn, &relative))
            }
            Measure::FrameAcceleration(_) => {
                let (position, _) = self.place(setting, seat);
                three(self.acceleration_at(model, room, seat.link, &position)[1])
            }
            Measure::FrameAngularAcceleration(_) => {
                let (position, _) = self.place(setting, seat);
                three(self.acceleration_at(model, room, seat.link, &position)[0])
            }
            Measure::Accelerometer(_) => {
                let (position, turn) = self.place(setting, seat);
                three(unturned(&turn, &self.acceleration_at(model, room, seat.link, &position)[1]))
            }
            Measure::Velocimeter(_) => {
                let (position, turn) = self.place(setting, seat);
                three(unturned(&turn, &self.velocity_at(model, seat.link, &position)[1]))
            }
            Measure::Gyro(_) => {
                let (position, turn) = self.place(setting, seat);
                three(unturned(&turn, &self.velocity_at(model, seat.link, &position)[0]))
            }
            Measure::Magnetometer { field, .. } => {
                three(unturned(&self.place(setting, seat).1, &lift(field)))
            }
            Measure::Force(_) | Measure::Torque(_) => {
                let (position, turn) = self.place(setting, seat);
                let (force, torque) = self.carried_by(setting, room, &reading.tree, &position);
                let force_wanted = matches!(reading.measure, Measure::Force(_));
                three(unturned(&turn, if force_wanted { &force } else { &torque }))
            }
            Measure::Touch { shape, size, .. } => {
                let (position, turn) = self.place(setting, seat);
                single(
                    self.felt(
                        model,
                        &Touchpad { body: seat.body, shape: *shape, size: *size, position, turn },
                    ),
                )
            }
            Measure::JointPosition(j) => single(q[joint(*j).q]),
            Measure::JointVelocity(j) => single(v[joint(*j).v]),
            Measure::JointActuatorForce(j) => single(self.actuation(model, *j as usize, joint(*j).v)),
            Measure::JointLimitPosition(j) => single(self.limit(model, *j as usize, q, v)[0]),
            Measure::JointLimitVelocity(j) => single(self.limit(model, *j as usize, q, v)[1]),
            Measure::JointLimitForce(j) => single(self.limit(model, *j as usize, q, v)[2]),
            Measure::BallOrientation(j) => unit(&q[joint(*j).q..][..4]),
            Measure::BallSpin(j) => {
                let v = &v[joint(*j).v..][..3];
                three([v[0], v[1], v[2]])
            }
            Measure::ActuatorPosition(a) => single(reach(setting, *a as usize, q, false)),
            Measure::ActuatorVelocity(a) => single(reach(setting, *a as usize, v, true)),
            Measure::ActuatorForce(a) => single(self.exerted[*a as usize]),
            Measure::TendonPosition(arms) => single(pulled(model, arms, q, false)),
            Measure::TendonVelocity(arms) => single(pulled(model, arms, v, true)),
            Measure::TendonForce(actuators) => {
                let mut sum = F::zero();
                for a in actuators {
                    sum = sum + self.exerted[*a as usize];
                }
                single(sum)
            }
            Measure::SubtreeCentre(_) => three(self.whole(setting, &reading.tree)[0]),
            Measure::SubtreeVelocity(_) => three(self.whole(setting, &reading.tree)[1]),
            Measure::SubtreeMomentum(_) => three(self.momentum(setting, &reading.tree)),
        }
    }

    /// How far a joint is beyond the limit that acts on it, its velocity away from that, and the force of it; the lower limit
    /// goes before the upper.
    #[inline(always)]
    fn limit(&self, model: &Model, j: usize, q: &[F], v: &[F]) -> [F; 3] {
        let (joint, own) = (&model.tree.joints[j], &model.compiled.joints[j]);
        let mut found = [F::zero(); 3];
        let Some([low, high]) = own.range else { return found };
        let (position, margin) = (q[joint.q], F::splat(own.margin));
        for (side, distance) in [(-1.0, F::splat(high) - position), (1.0, position - F::splat(low))] {
            let acts = distance.less(margin);
            let mut force = F::zero();
            for limit in &self.limits {
                if limit.dof == joint.v && limit.side == side {
                    force = self.rows[limit.row].force();
                }
            }
            let numbers = [distance - margin, F::splat(side) * v[joint.v], force];
            for (found, number) in found.iter_mut().zip(numbers) {
                *found = F::select(acts, number, *found);
            }
        }
        found
    }

    /// Centre of mass and its velocity of some bodies, the first of which carries the others.
    #[inline(always)]
    fn whole(&self, setting: &Setting<'_, F>, tree: &[usize]) -> [Vec3<F>; 2] {
        let z = F::zero();
        let (mut mass, mut centre, mut velocity) = (z, [z; 3], [z; 3]);
        for &body in tree.iter().filter(|body| **body > 0) {
            let (own, at) = (setting.system.masses[body - 1], self.centre(setting, body));
            let [_, moving] = self.velocity_at(setting.model, setting.model.tree.homes[body].0, &at);
            mass = mass + own;
            centre = axpy(own, &at, &centre);
            velocity = axpy(own, &moving, &velocity);
        }
        let share = F::one() / mass.max(F::splat(LEAST));
        // What weighs nothing has its centre where that of its first body would be.
        let weightless = mass.less(F::splat(LEAST));
        let mut centre = scale(share, &centre);
        if weightless.any() && tree[0] > 0 {
            let first = self.centre(setting, tree[0]);
            for (own, first) in centre.iter_mut().zip(first) {
                *own = F::select(weightless, first, *own);
            }
        }
        [centre, scale(share, &velocity)]
    }

    /// The rotation of a body's principal axes in the world.
    #[inline(always)]
    fn axes(&self, setting: &Setting<'_, F>, body: usize) -> Mat3<F> {
        let own = &setting.system.hulls[body - 1].standing;
        match setting.model.tree.homes[body].0 {
            Some(link) => product(&self.links[link].turn, own),
            None => *own,
        }
    }

    /// The inertia of a body about its centre, times a vector of the world.
    #[inline(always)]
    fn inert(&self, setting: &Setting<'_, F>, body: usize, axes: &Mat3<F>, vector: &Vec3<F>) -> Vec3<F> {
        let moments = &setting.system.moments[body - 1];
        let along = unturned(axes, vector);
        turned(axes, &[moments[0] * along[0], moments[1] * along[1], moments[2] * along[2]])
    }

    /// Angular momentum of some bodies about their common centre of mass.
    #[inline(always)]
    fn momentum(&self, setting: &Setting<'_, F>, tree: &[usize]) -> Vec3<F> {
        let [centre, velocity] = self.whole(setting, tree);
        let mut sum = [F::zero(); 3];
        for &body in tree.iter().filter(|body| **body > 0) {
            let at = self.centre(setting, body);
            let link = setting.model.tree.homes[body].0;
            let [spin, moving] = self.velocity_at(setting.model, link, &at);
            let turning = self.inert(setting, body, &self.axes(setting, body), &spin);
            let along = scale(setting.system.masses[body - 1], &sub(&moving, &velocity));
            sum = add(&sum, &cross_add(&sub(&at, &centre), &along, &turning));
        }
        sum
    }

    /// Force, and torque about a point, that the parent of a body exerts on it and all that hangs from it: what moves these,
    /// less what touches and pushes them. The medium is left out, as MuJoCo does.
    #[inline(always)]
    fn carried_by(
        &self,
        setting: &Setting<'_, F>,
        room: &Room<F>,
        tree: &[usize],
        point: &Vec3<F>,
    ) -> (Vec3<F>, Vec3<F>) {
        let model = setting.model;
        let (mut force, mut torque) = ([F::zero(); 3], [F::zero(); 3]);
        let Some(seen) = &room.seen else { return (force, torque) };
        for &body in tree {
            let (at, link) = (self.centre(setting, body), model.tree.homes[body].0);
            let axes = self.axes(setting, body);
            let [spin, _] = self.velocity_at(model, link, &at);
            let [turning, moving] = match link {
                Some(_) => self.acceleration_at(model, room, link, &at),
                // What rests is held against gravity.
                None => [[F::zero(); 3], neg(&setting.system.gravity)],
            };
            let needed = scale(setting.system.masses[body - 1], &moving);
            let twist = cross_add(
                &spin,
                &self.inert(setting, body, &axes, &spin),
                &self.inert(setting, body, &axes, &turning),
            );
            let given = &seen.bodies[body];
            let centre = &seen.centres[model.tree.tops[body]];
            let about_point = cross_add(&sub(&at, point), &needed, &twist);
            let given_about = cross_add(&sub(centre, point), &linear(given), &angular(given));
            force = add(&force, &sub(&needed, &linear(given)));
            torque = add(&torque, &sub(&about_point, &given_about));
        }
        (force, torque)
    }
}

/// Rotations of links as quaternions.
#[inline(always)]
fn orient<F: Lane>(model: &Model, program: &Program, q: &[F], to: &mut [Quaternion<F>]) {
    for (l, link) in model.tree.links.iter().enumerate() {
        let rest = program.rests[l].map(F::splat);
        let mut turn = match link.parent {
            Some(parent) => times(&to[parent], &rest),
            None => rest,
        };
        for j in link.joints.clone() {
            let joint = &model.tree.joints[j];
            match joint.kind {
                JointKind::Free => turn = unit(&q[joint.q + 3..][..4]),
                JointKind::Ball => turn = times(&turn, &unit(&q[joint.q..][..4])),
                JointKind::Hinge => {
                    let (s, c) = sin_cos((q[joint.q] - F::splat(joint.reference)) * F::splat(0.5));
                    let axis: Vec3<F> = scale(s, &lift(&joint.axis));
                    turn = times(&turn, &[c, axis[0], axis[1], axis[2]]);
                }
                JointKind::Slide => {}
            }
        }
        to[l] = unit(&turn);
    }
}

/// The rotation of a seat as a quaternion.
#[inline(always)]
fn orientation<F: Lane>(setting: &Setting<'_, F>, room: &Room<F>, seat: &Seat) -> Quaternion<F> {
    let own = seat.quaternion.map(F::splat);
    let turn = match seat.link {
        Some(l) => times(&room.quaternion[l], &own),
        None => own,
    };
    if seat.inertial { times(&turn, &setting.system.axes[seat.body - 1]) } else { turn }
}

/// The length of a tendon, or its velocity, from coordinates or velocities.
#[inline(always)]
fn pulled<F: Lane>(model: &Model, arms: &[Arm], of: &[F], moving: bool) -> F {
    let mut sum = F::zero();
    for arm in arms {
        let joint = &model.tree.joints[arm.joint as usize];
        let at = if moving { joint.v } else { joint.q };
        sum = F::splat(arm.coefficient).mul_add(of[at], sum);
    }
    sum
}

/// The same of an actuator.
#[inline(always)]
fn reach<F: Lane>(setting: &Setting<'_, F>, a: usize, of: &[F], moving: bool) -> F {
    let (model, gear) = (setting.model, setting.system.gear[a]);
    let actuator = &model.compiled.actuators[a];
    if !actuator.arms.is_empty() {
        return gear * pulled(model, &actuator.arms, of, moving);
    }
    let joint = &model.tree.joints[actuator.joint as usize];
    gear * of[if moving { joint.v } else { joint.q }]
}
