//! One evaluation of the dynamics, and the time step made of it, for as many systems as a register holds.
//!
//! The way of an evaluation, and the file that holds each step:
//!
//! 1. `poses`: where links and joint axes are; `motion`: velocities, inertias, and the wrenches that act without
//!    constraints; `drive`: forces on the joints.
//! 2. `detect`, `solids`, `meet`, `block`, `cylinder`, `capsule_box`: which limits, dry frictions and contacts act; `softness`, `rows`,
//!    `cone`, `cones`: as soft constraints; `ties`: equality constraints.
//! 3. `solver`: the constrained accelerations, by Newton's method: `eliminate` solves its linear system along the tree,
//!    `between` adds what two moving links do to each other, `search` shortens a step.
//! 4. `integrate`: Euler, implicitfast or Runge–Kutta 4; `seen`: the forces, `sense`: the sensors (`touchpad` those that feel
//!    contacts), for those who ask.

mod between;
mod block;
mod capsule_box;
mod cone;
mod cones;
mod cylinder;
mod detect;
mod drive;
mod eliminate;
mod integrate;
mod meet;
mod motion;
mod pool;
mod poses;
mod reference;
mod rows;
mod search;
mod seen;
mod sense;
mod sincos;
pub(crate) mod softness;
mod solids;
mod solver;
mod ties;
mod touchpad;

use crate::algebra::{Mat3, Vec3, Vec6};
use crate::inertia::{Factor6, Rigid, Stiff};
use crate::lane::{Lane, Mask};
use crate::model::Model;
use crate::system::System;

pub(crate) use integrate::{Evaluated, State};
pub(crate) use seen::Seen;
pub(crate) use sense::{Room, Watch};
pub(crate) use sincos::MAX_ANGLE;

use between::Grip;
use cone::{Cone, Lower};
use detect::Spot;
use pool::Pool;
use rows::{Between, Limit, Loss, Row, Touch};
use search::{Bend, Kink};
use ties::{Held, Pinned, Tied};

/// A link in an evaluation. What is of one link stands together, so that its place in memory is found once.
#[derive(Clone, Copy)]
struct Moving<F> {
    turn: Mat3<F>,
    position: Vec3<F>,
    /// Velocity, the acceleration that it has if no joint accelerates, inertia and wrench, all at the position of the root of
    /// its tree.
    velocity: Vec6<F>,
    bias: Vec6<F>,
    inertia: Rigid<F>,
    wrench: Vec6<F>,
    /// The stiffness and the wrench that its parent feels.
    stiff: Stiff<F>,
    push: Vec6<F>,
}

/// A degree of freedom in an evaluation.
#[derive(Clone, Copy)]
struct Freedom<F> {
    subspace: Vec6<F>,
    /// What the elimination leaves of it: gain, offset and inverse pivot.
    gain: Vec6<F>,
    offset: F,
    pivot: F,
    /// What rows add to the matrix, and the force, those of rows included.
    diagonal: F,
    target: F,
    /// The force without constraints.
    force: F,
    /// What a unit of time step adds to the diagonal of the mass matrix where velocities are taken implicitly.
    implicit: F,
    /// The force of actuators.
    actuation: F,
}

/// Where the axis of a joint is.
#[derive(Clone, Copy)]
struct Bearing<F> {
    axis: Vec3<F>,
    anchor: Vec3<F>,
}

impl<F: Lane> Moving<F> {
    fn zero() -> Self {
        let (z, six) = (F::zero(), [F::zero(); 6]);
        Self {
            turn: [z; 9],
            position: [z; 3],
            velocity: six,
            bias: six,
            inertia: Rigid::zero(),
            wrench: six,
            stiff: Stiff::zero(),
            push: six,
        }
    }
}

impl<F: Lane> Freedom<F> {
    fn zero() -> Self {
        let (z, six) = (F::zero(), [F::zero(); 6]);
        Self {
            subspace: six,
            gain: six,
            offset: z,
            pivot: z,
            diagonal: z,
            target: z,
            force: z,
            implicit: z,
            actuation: z,
        }
    }
}

/// What an evaluation needs and leaves; one a thread, used by all groups of lanes in turn.
pub(crate) struct Work<F: Lane> {
    links: Vec<Moving<F>>,
    /// What does not move: as fast as it and with its bias begin those without a parent.
    world: Moving<F>,
    dofs: Vec<Freedom<F>>,
    /// Links whose elimination is out of date.
    stale: Vec<bool>,
    /// The latest of a link's touches and of its cones, or [`NOTHING`].
    touch_heads: Vec<usize>,
    cone_heads: Vec<usize>,
    /// Where joint axes are.
    axes: Vec<Bearing<F>>,
    /// Forces of actuators.
    exerted: Vec<F>,
    /// Activations at which is evaluated, and their rates.
    pub(crate) activation: Vec<F>,
    rate: Vec<F>,
    // Of free links their factors and their acceleration.
    factor: Vec<Factor6<F>>,
    flight: Vec<Vec6<F>>,
    /// Joint accelerations, and those of links, after which the world's stand.
    qacc: Vec<F>,
    acceleration: Vec<Vec6<F>>,
    qacc_before: Vec<F>,
    acceleration_before: Vec<Vec6<F>>,
    // Constraints.
    rows: Vec<Row<F>>,
    touches: Pool<Touch<F>>,
    cones: Pool<Cone<F>>,
    limits: Vec<Limit>,
    losses: Vec<Loss<F>>,
    // Equality constraints.
    held: Vec<Held<F>>,
    pinned: Vec<Pinned<F>>,
    tied: Vec<Tied<F>>,
    // Of the line search.
    kinks: Vec<Kink<F>>,
    bends: Vec<Bend<F>>,
    between: Vec<Between<F>>,
    grips: Vec<Grip<F>>,
    round_ends: Vec<[Vec3<F>; 2]>,
    // Scratch of `between`.
    loaded: Vec<bool>,
    load: Vec<Vec6<F>>,
    load_force: Vec<F>,
    load_offset: Vec<F>,
    follow: Vec<Vec6<F>>,
    response: Vec<F>,
    columns: Vec<F>,
    column_known: Vec<bool>,
    coupling: Vec<F>,
    /// Of every cone, what its directions are combined by.
    roots: Vec<Lower<F>>,
    dense: Vec<F>,
    pressure: Vec<F>,
    // Scratch of `integrate`.
    stage_q: Vec<F>,
    stage_v: Vec<F>,
    next_q: Vec<F>,
    sum_v: Vec<F>,
    sum_a: Vec<F>,
    sum_rate: Vec<F>,
}

/// The end of a list of touches.
const NOTHING: usize = usize::MAX;

/// Forces from outside, in every lane.
pub(crate) struct Outside<F: Lane> {
    /// Force and torque on the centre of mass of every body, in the frame of the world.
    pub(crate) wrenches: Vec<[Vec3<F>; 2]>,
    /// The lanes that have any.
    pub(crate) lanes: F::Mask,
}

/// What is given to an evaluation besides the state.
pub(crate) struct Setting<'a, F: Lane> {
    pub(crate) model: &'a Model,
    pub(crate) system: &'a System<F>,
    /// Controls (`[nu]`).
    pub(crate) control: &'a [F],
    /// Forces from outside, if any lane has some.
    pub(crate) outside: Option<&'a Outside<F>>,
}

impl<F: Lane> Work<F> {
    pub(crate) fn new(model: &Model) -> Self {
        let (z, nv, nq) = (F::zero(), model.tree.nv, model.tree.nq);
        let (links, joints) = (model.tree.links.len(), model.tree.joints.len());
        let (room, na) = (model.limits.room(F::WIDTH), model.compiled.activations.len());
        let six = vec![[z; 6]; links];
        let between = room.between + model.ties.rows_between();
        Self {
            links: vec![Moving::zero(); links],
            world: Moving::zero(),
            stale: vec![true; links],
            touch_heads: vec![NOTHING; links],
            cone_heads: vec![NOTHING; links],
            dofs: vec![Freedom::zero(); nv],
            axes: vec![Bearing { axis: [z; 3], anchor: [z; 3] }; joints],
            exerted: vec![z; model.compiled.actuators.len()],
            activation: vec![z; na],
            rate: vec![z; na],
            factor: vec![Factor6::zero(); links],
            flight: six.clone(),
            qacc: vec![z; nv],
            acceleration: vec![[z; 6]; links + 1],
            qacc_before: vec![z; nv],
            acceleration_before: vec![[z; 6]; links + 1],
            rows: Vec::with_capacity(room.rows),
            touches: Pool::new(room.touches, Touch::zero()),
            cones: Pool::new(room.cones, Cone::zero()),
            limits: Vec::with_capacity(2 * joints),
            losses: Vec::with_capacity(nv),
            held: Vec::with_capacity(model.ties.holds.len()),
            pinned: Vec::with_capacity(model.ties.pins.len()),
            tied: Vec::with_capacity(model.ties.rows_between()),
            kinks: Vec::with_capacity(room.rows),
            bends: Vec::with_capacity(nv),
            between: Vec::with_capacity(room.between),
            grips: Vec::with_capacity(room.between),
            roots: Vec::with_capacity(room.cones),
            round_ends: vec![[[z; 3]; 2]; model.candidates.rounds.len()],
            loaded: vec![false; links],
            load: six.clone(),
            load_force: vec![z; nv],
            load_offset: vec![z; nv],
            follow: vec![[z; 6]; links + 1],
            response: vec![z; nv],
            columns: vec![z; between * nv],
            column_known: vec![false; between],
            coupling: vec![z; between * between],
            dense: vec![z; between * between],
            pressure: vec![z; between],
            stage_q: vec![z; nq],
            stage_v: vec![z; nv],
            next_q: vec![z; nq],
            sum_v: vec![z; nv],
            sum_a: vec![z; nv],
            sum_rate: vec![z; na],
        }
    }

    /// The joint accelerations of the latest evaluation.
    pub(crate) fn qacc(&self) -> &[F] {
        &self.qacc
    }

    /// Takes the elimination of all links as out of date.
    pub(crate) fn forget(&mut self) {
        self.stale.fill(true);
    }

    /// Evaluates the dynamics: accelerations into [`Work::qacc`], searched for from `guess`. Returns the lanes of `live`
    /// in which they are not proven to be the solution.
    pub(crate) fn evaluate(
        &mut self,
        setting: &Setting<'_, F>,
        q: &[F],
        v: &[F],
        guess: &[F],
        live: F::Mask,
    ) -> F::Mask {
        self.motion(setting, q, v);
        self.drive(setting, q, v);
        self.detect(setting, q, v);
        let unsolved = self.solve(setting, guess, live);
        F::run(
            #[inline(always)]
            || {
                for a in &mut self.qacc {
                    // A zero of either sign becomes +0: which one it was may hang on what other lanes touched.
                    *a = *a + F::zero();
                }
            },
        );
        unsolved
    }
}

/// Whether all of some lanes are true.
#[inline(always)]
fn all<M: Mask>(mask: M) -> bool {
    !(!mask).any()
}
