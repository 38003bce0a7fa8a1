//! What the engine needs to know of the systems in the lanes.

use crate::algebra::{Mat3, Vec3, lift_turn, product};
use crate::compiled::{Compiled, Cone, Integrator, Options};
use crate::constants::Derived;
use crate::contacts::{Friction, Law};
use crate::equality::weakness;
use crate::frame::{Point, compose, turn_of};
use crate::inertia::Rigid;
use crate::lane::{Lane, Mask, Portable};
use crate::model::Model;
use crate::parameters::Parameters;

/// The smallest friction that MuJoCo lets act (`mjMINMU`).
const MIN_FRICTION: f64 = 1e-5;
/// Masses and moments below this are 0 to MuJoCo (`mjMINVAL`).
const LEAST: f64 = 1e-15;

/// Friction of a contact along its tangents, and what its rows' weight D is 1 over at an impedance of a half.
#[derive(Clone, Copy)]
pub(crate) struct Surface<F> {
    pub(crate) friction: [F; 2],
    /// The same about the normal and about the tangents.
    pub(crate) spin: [F; 3],
    pub(crate) weakness: F,
}

/// A body as the medium sees it: a box of its inertia.
#[derive(Clone, Copy)]
pub(crate) struct Hull<F> {
    /// Principal axes in the body's frame.
    pub(crate) axes: Mat3<F>,
    /// The same in the frame of its link, or of the world.
    pub(crate) standing: Mat3<F>,
    /// What a viscous medium makes of turning and of moving.
    pub(crate) viscous: [F; 2],
    /// What a dense one makes of moving along and of turning about each axis.
    pub(crate) moving: Vec3<F>,
    pub(crate) turning: Vec3<F>,
}

/// Dry friction of a degree of freedom.
#[derive(Clone, Copy)]
pub(crate) struct Dry<F: Lane> {
    pub(crate) touching: F::Mask,
    /// D.
    pub(crate) weight: F,
    /// The residual at which the force is the whole friction.
    pub(crate) edge: F,
}

/// The constants of as many systems as a register holds.
pub(crate) struct System<F: Lane> {
    /// Of every link, in its frame, all that is welded to it included.
    pub(crate) rigid: Vec<Rigid<F>>,
    /// Centre of mass of every body in the frame of its link.
    pub(crate) centres: Vec<Vec3<F>>,
    /// Mass of every body.
    pub(crate) masses: Vec<F>,
    /// Principal moments of inertia of every body, and its axes, as quaternions.
    pub(crate) moments: Vec<Vec3<F>>,
    pub(crate) axes: Vec<[F; 4]>,
    pub(crate) hulls: Vec<Hull<F>>,
    pub(crate) armature: Vec<F>,
    pub(crate) damping: Vec<F>,
    pub(crate) friction_loss: Vec<F>,
    pub(crate) dry: Vec<Dry<F>>,
    /// MuJoCo's `dof_invweight0`.
    pub(crate) dof_weight: Vec<F>,
    pub(crate) stiffness: Vec<F>,
    pub(crate) planes: Vec<Surface<F>>,
    pub(crate) solids: Vec<Surface<F>>,
    pub(crate) meetings: Vec<Surface<F>>,
    /// Of every equality constraint, what its rows' weight D is 1 over at an impedance of a half.
    pub(crate) ties: Vec<F>,
    pub(crate) gain: Vec<F>,
    pub(crate) bias: Vec<[F; 3]>,
    pub(crate) gear: Vec<F>,
    pub(crate) gravity: Vec3<F>,
    /// The lanes in which a time step is implicit in velocities.
    pub(crate) damped: F::Mask,
    /// Whether any lane has dry friction.
    pub(crate) lossy: bool,
    /// Scratch: mass, first and second moments of links.
    sums: Vec<[f64; 10]>,
}

impl<F: Lane> System<F> {
    pub(crate) fn new(model: &Model) -> Self {
        let z = F::zero();
        let compiled = &model.compiled;
        let (bodies, nv) = (compiled.bodies.len(), model.tree.nv);
        let hull = Hull { axes: [z; 9], standing: [z; 9], viscous: [z; 2], moving: [z; 3], turning: [z; 3] };
        let surface = Surface { friction: [z; 2], spin: [z; 3], weakness: z };
        Self {
            rigid: vec![Rigid::zero(); model.tree.links.len()],
            centres: vec![[z; 3]; bodies],
            masses: vec![z; bodies],
            moments: vec![[z; 3]; bodies],
            axes: vec![[z; 4]; bodies],
            hulls: vec![hull; bodies],
            armature: vec![z; nv],
            damping: vec![z; nv],
            friction_loss: vec![z; nv],
            dry: vec![Dry { touching: F::Mask::none(), weight: z, edge: z }; nv],
            dof_weight: vec![z; nv],
            stiffness: vec![z; compiled.joints.len()],
            planes: vec![surface; model.candidates.planes.len()],
            solids: vec![surface; model.candidates.solids.len()],
            meetings: vec![surface; model.candidates.meetings.len()],
            ties: vec![z; compiled.equalities.len()],
            gain: vec![z; compiled.actuators.len()],
            bias: vec![[z; 3]; compiled.actuators.len()],
            gear: vec![z; compiled.actuators.len()],
            gravity: [z; 3],
            damped: F::Mask::none(),
            lossy: false,
            sums: vec![[0.0; 10]; model.tree.links.len()],
        }
    }

    /// Sets one lane's constants, of parameters that were checked. `derived` is missing while it is computed.
    pub(crate) fn set_lane(
        &mut self,
        model: &Model,
        lane: usize,
        parameters: &Parameters,
        derived: Option<&Derived>,
    ) {
        self.set_bodies(model, lane, parameters);
        set_all(&mut self.masses, lane, &parameters.mass);
        for d in 0..model.tree.nv {
            self.armature[d].set(lane, parameters.armature[d]);
            self.damping[d].set(lane, parameters.damping[d]);
            self.friction_loss[d].set(lane, parameters.friction_loss[d]);
        }
        set_all(&mut self.stiffness, lane, &parameters.stiffness);
        set_all(&mut self.gain, lane, &parameters.gain);
        set_all(&mut self.gear, lane, &parameters.gear);
        set_all(&mut self.gravity, lane, &parameters.gravity);
        for (to, from) in self.bias.iter_mut().zip(&parameters.bias) {
            set_all(to, lane, from);
        }
        self.damped = with_lane(self.damped, lane, damped(model, parameters));
        if let Some(derived) = derived {
            set_all(&mut self.dof_weight, lane, &derived.dof_inverse_weight);
            for (d, to) in self.dry.iter_mut().enumerate() {
                let (friction, soft) = (parameters.friction_loss[d], &model.limits.dofs[d]);
                let weakness = Portable::splat(derived.dof_inverse_weight[d]);
                let weight = soft.weight(soft.impedance(Portable::zero()), weakness).get(0);
                to.touching = with_lane(to.touching, lane, friction > 0.0);
                to.weight.set(lane, weight);
                to.edge.set(lane, friction / weight);
            }
            for (to, plane) in self.planes.iter_mut().zip(&model.candidates.planes) {
                set_surface(to, model, lane, &plane.law, parameters, derived);
            }
            for (to, solid) in self.solids.iter_mut().zip(&model.candidates.solids) {
                set_surface(to, model, lane, &solid.law, parameters, derived);
            }
            for (to, meeting) in self.meetings.iter_mut().zip(&model.candidates.meetings) {
                set_surface(to, model, lane, &meeting.law, parameters, derived);
            }
            let (bodies, dofs) = (&derived.body_inverse_weight, &derived.dof_inverse_weight);
            for (to, equality) in self.ties.iter_mut().zip(&model.compiled.equalities) {
                to.set(lane, weakness(&equality.tie, &model.tree, bodies, dofs));
            }
        }
        self.lossy = self.friction_loss.iter().any(|loss| F::zero().less(*loss).any());
    }

    /// Inertias of links from those of bodies.
    fn set_bodies(&mut self, model: &Model, lane: usize, parameters: &Parameters) {
        // Lanes change registers as they move: no allocation.
        let mut sums = std::mem::take(&mut self.sums);
        sums.fill([0.0; 10]);
        for b in 0..parameters.mass.len() {
            let (link, home) = &model.tree.homes[b + 1];
            let axes = turn_of(parameters.axes[b]);
            let centre = home.at(parameters.centre[b]);
            set_all(&mut self.centres[b], lane, &centre);
            set_all(&mut self.axes[b], lane, &parameters.axes[b]);
            set_all(&mut self.moments[b], lane, &parameters.inertia[b]);
            let standing: Mat3<Portable> = product(&lift_turn(&home.turn), &lift_turn(&axes));
            set_all(&mut self.hulls[b].axes, lane, &axes);
            set_all(&mut self.hulls[b].standing, lane, &standing.map(|x| x.get(0)));
            let size = box_size(parameters.mass[b], parameters.inertia[b]);
            self.hulls[b].set_size(&model.compiled.options, lane, size);
            if let Some(link) = link {
                let axes = compose(&home.turn, &axes);
                add_body(&mut sums[*link], parameters.mass[b], parameters.inertia[b], centre, &axes);
            }
        }
        for (rigid, sum) in self.rigid.iter_mut().zip(&sums) {
            rigid.mass.set(lane, sum[0]);
            set_all(&mut rigid.first, lane, &sum[1..4]);
            set_all(&mut rigid.second, lane, &sum[4..]);
        }
        self.sums = sums;
    }
}

impl<F: Lane> Hull<F> {
    /// Sets one lane's numbers by the sides of the box.
    fn set_size(&mut self, options: &Options, lane: usize, size: Point) {
        let diameter = (size[0] + size[1] + size[2]) * (1.0 / 3.0);
        let pi = std::f64::consts::PI;
        let turning = diameter * diameter * diameter * (-pi * options.viscosity);
        set_all(&mut self.viscous, lane, &[turning, diameter * (-3.0 * pi * options.viscosity)]);
        for k in 0..3 {
            let (a, b) = (size[(k + 1) % 3], size[(k + 2) % 3]);
            self.moving[k].set(lane, 0.5 * options.density * a * b);
            let (a, b) = (a * a, b * b);
            let fourth = a.mul_add(a, b * b);
            self.turning[k].set(lane, options.density / 64.0 * size[k] * fourth);
        }
    }
}

fn set_all<F: Lane>(to: &mut [F], lane: usize, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        to.set(lane, *from);
    }
}

fn with_lane<M: Mask>(mask: M, lane: usize, value: bool) -> M {
    M::from_bits(mask.bits() & !(1 << lane) | u32::from(value) << lane)
}

/// Whether a time step takes velocities implicitly.
fn damped(model: &Model, parameters: &Parameters) -> bool {
    let joints = parameters.damping.iter().any(|damping| *damping > 0.0);
    match model.compiled.options.integrator {
        Integrator::Euler => joints && model.compiled.options.euler_damping,
        Integrator::ImplicitFast => joints || parameters.bias.iter().any(|bias| bias[2] != 0.0),
        Integrator::RungeKutta4 => false,
    }
}

/// Adds mass, first and second moments of a body about the origin of a link.
fn add_body(sum: &mut [f64; 10], mass: f64, inertia: Point, centre: Point, axes: &[f64; 9]) {
    sum[0] += mass;
    for i in 0..3 {
        sum[1 + i] += mass * centre[i];
    }
    let square = centre.iter().map(|c| c * c).sum::<f64>();
    for (k, (i, j)) in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)].into_iter().enumerate() {
        let own = (0..3).map(|x| axes[3 * i + x] * inertia[x] * axes[3 * j + x]).sum::<f64>();
        let spread = if i == j { square } else { 0.0 } - centre[i] * centre[j];
        sum[4 + k] += own + mass * spread;
    }
}

/// The sides of a box of even density with this mass and these principal moments.
fn box_size(mass: f64, inertia: Point) -> Point {
    if mass < LEAST {
        return [0.0; 3];
    }
    std::array::from_fn(|k| {
        let across = inertia[(k + 1) % 3] + inertia[(k + 2) % 3] - inertia[k];
        (across.max(LEAST) / mass * 6.0).sqrt()
    })
}

/// Friction against spinning about the normal and rolling about the tangents.
fn spin(compiled: &Compiled, friction: Friction) -> [f64; 3] {
    let of = |g: usize| compiled.geoms[g].spin;
    let [spinning, rolling] = match friction {
        Friction::Geom(g) => of(g),
        Friction::Larger(a, b) => std::array::from_fn(|i| of(a)[i].max(of(b)[i])),
        Friction::Pair(p) => return compiled.pairs[p].spin,
    };
    [spinning, rolling, rolling]
}

fn set_surface<F: Lane>(
    to: &mut Surface<F>,
    model: &Model,
    lane: usize,
    law: &Law,
    parameters: &Parameters,
    derived: &Derived,
) {
    let friction = match law.friction {
        Friction::Geom(g) => [parameters.friction[g]; 2],
        Friction::Larger(a, b) => [parameters.friction[a].max(parameters.friction[b]); 2],
        Friction::Pair(p) => parameters.pair_friction[p],
    };
    let friction = friction.map(|mu| mu.max(MIN_FRICTION));
    let [a, b] = law.bodies.map(|body| derived.body_inverse_weight[body][0]);
    let mobility = (a + b).max(LEAST);
    // MuJoCo measures all rows of a pyramid by the first: (1 + μ²) times the mobility, and 2 μ² / impratio of that.
    let square = friction[0] * friction[0];
    let pyramid = 2.0 * square / model.compiled.options.impratio * (1.0 + square) * mobility;
    let elliptic = model.compiled.options.cone == Cone::Elliptic;
    to.weakness.set(lane, if law.frictionless || elliptic { mobility } else { pyramid });
    set_all(&mut to.spin, lane, &spin(&model.compiled, law.friction).map(|mu| mu.max(MIN_FRICTION)));
    set_all(&mut to.friction, lane, &friction);
}
