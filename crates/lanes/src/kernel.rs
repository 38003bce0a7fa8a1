//! The part of a batch that is compiled for each instruction set.

#[cfg(target_arch = "x86_64")]
mod packed;

use std::sync::Arc;

use crate::compiled::JointKind;
use crate::constants::Derived;
use crate::engine::{Evaluated, MAX_ANGLE, Outside, Room, Seen, Setting, State, Watch, Work};
use crate::instructions::{Failure, InstructionSet};
#[cfg(target_arch = "x86_64")]
use crate::lane::Avx2;
use crate::lane::{Lane, Mask, Portable};
use crate::model::Model;
use crate::parameters::Parameters;
use crate::program::Program;
use crate::system::System;

/// Coordinates and velocities beyond this have diverged (MuJoCo's `mjMAXVAL`).
const MAX_VALUE: f64 = 1e10;

/// All lanes of a batch, in the registers of an instruction set that this machine has.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(unused_variables, reason = "only packed lanes are given parameters here")
)]
pub(crate) fn kernel(
    model: &Arc<Model>,
    lanes: usize,
    instructions: InstructionSet,
    given: &Given,
) -> Box<dyn Kernel> {
    match instructions {
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => Box::new(packed::Packed::new(model, lanes, given)),
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => Box::new(Groups::<Avx2>::new(model, lanes)),
        _ => Box::new(Groups::<Portable>::new(model, lanes)),
    }
}

/// The parameters of a lane, and what follows from them.
pub(crate) type Given = Arc<(Parameters, Derived)>;

/// What differs between instruction sets. Slices are of the right length, lanes exist.
pub(crate) trait Kernel: Send + Sync {
    fn set_parameters(&mut self, lane: usize, given: &Given);
    /// Coordinates, velocities, activations and the solver's start.
    fn set_state(&mut self, lane: usize, state: [&[f64]; 4]);
    fn state(&self, lane: usize, state: [&mut [f64]; 4]);
    /// Forces and torques on the bodies (`[bodies, 6]`).
    fn set_forces(&mut self, lane: usize, forces: &[f64]);
    fn sane(&self, lane: usize) -> bool;
    /// Whether forces are kept, and those of constraints on degrees of freedom with them.
    fn record(&mut self, record: bool, constraints: bool);
    /// Writes forces that were kept; zeros if none were.
    fn recorded(&self, lane: usize, what: Recorded, out: &mut [f64]);
    /// Whether the states of the last evaluations are kept.
    fn keep_evaluated(&mut self, keep: bool);
    /// Writes that of a lane (`[nq]`, `[nv]`); zeros if none is kept.
    fn evaluated(&self, lane: usize, q: &mut [f64], v: &mut [f64]);
    /// Which sensors are read.
    fn watch(&mut self, program: Program);
    /// Writes what they measured; zeros before anything was evaluated.
    fn measured(&self, lane: usize, out: &mut [f64]);
    fn run(&mut self, controls: &[f64], active: &[bool], task: Task<'_>, failures: &mut [Option<Failure>]);
}

/// What to do with the active lanes.
pub(crate) enum Task<'a> {
    /// That many time steps.
    Step(usize),
    /// Write the accelerations (`[lanes, dofs]`), change nothing.
    Accelerations(&'a mut [f64]),
}

/// Forces that may be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Recorded {
    Bodies,
    Geoms,
    Actuators,
    Dofs,
    Constraints,
}

/// As many lanes as a register holds.
struct Group<F: Lane> {
    state: State<F>,
    system: System<F>,
    control: Vec<F>,
    outside: Outside<F>,
    /// Forces of the latest step, if they are asked for.
    seen: Option<Seen<F>>,
    /// Where the latest evaluation was, if that is asked for.
    evaluated: Option<Evaluated<F>>,
    /// What sensors measured at the latest evaluation.
    measured: Vec<F>,
}

/// All lanes of a batch.
struct Groups<F: Lane> {
    model: Arc<Model>,
    groups: Vec<Group<F>>,
    work: Work<F>,
    /// The state that a step starts from, for lanes that stay.
    before: State<F>,
    /// The sensors that are read, if any.
    sensors: Option<(Program, Room<F>)>,
}

fn state_of<F: Lane>(model: &Model) -> State<F> {
    let (nq, nv) = (model.tree.nq, model.tree.nv);
    let act = vec![F::zero(); model.compiled.activations.len()];
    State { q: vec![F::zero(); nq], v: vec![F::zero(); nv], act, guess: vec![F::zero(); nv] }
}

impl<F: Lane> Groups<F> {
    fn new(model: &Arc<Model>, lanes: usize) -> Self {
        let group = || Group {
            state: state_of(model),
            system: System::new(model),
            control: vec![F::zero(); model.compiled.actuators.len()],
            outside: Outside {
                wrenches: vec![[[F::zero(); 3]; 2]; model.compiled.bodies.len()],
                lanes: F::Mask::none(),
            },
            seen: None,
            evaluated: None,
            measured: Vec::new(),
        };
        let groups = (0..lanes.div_ceil(F::WIDTH)).map(|_| group()).collect();
        let (work, before) = (Work::new(model), state_of(model));
        Self { model: Arc::clone(model), groups, work, before, sensors: None }
    }
}

/// Takes a lane over to groups of another width: its state, the forces on it, and what was seen of it.
#[cfg(target_arch = "x86_64")]
fn carry<F: Lane, G: Lane>(from: &Groups<F>, lane: usize, to: &mut Groups<G>, place: usize) {
    let (from, l) = (&from.groups[lane / F::WIDTH], lane % F::WIDTH);
    let (to, k) = (&mut to.groups[place / G::WIDTH], place % G::WIDTH);
    let take = |to: &mut [G], from: &[F]| {
        to.iter_mut().zip(from).for_each(|(to, from)| to.set(k, from.get(l)));
    };
    take(&mut to.state.q, &from.state.q);
    take(&mut to.state.v, &from.state.v);
    take(&mut to.state.act, &from.state.act);
    take(&mut to.state.guess, &from.state.guess);
    take(&mut to.measured, &from.measured);
    let wrenches = to.outside.wrenches.as_flattened_mut().as_flattened_mut();
    take(wrenches, from.outside.wrenches.as_flattened().as_flattened());
    let pushed = (from.outside.lanes.bits() >> l & 1) << k;
    to.outside.lanes = G::Mask::from_bits(to.outside.lanes.bits() & !(1 << k) | pushed);
    if let (Some(to), Some(from)) = (&mut to.evaluated, &from.evaluated) {
        take(&mut to.q, &from.q);
        take(&mut to.v, &from.v);
    }
    if let (Some(to), Some(from)) = (&mut to.seen, &from.seen) {
        take(to.bodies.as_flattened_mut(), from.bodies.as_flattened());
        take(&mut to.geoms, &from.geoms);
        take(&mut to.actuators, &from.actuators);
        take(&mut to.dofs, &from.dofs);
        take(&mut to.constraints, &from.constraints);
    }
}

/// The lanes whose state is finite and not absurdly large.
fn sane_lanes<F: Lane>(model: &Model, state: &State<F>) -> F::Mask {
    F::run(
        #[inline(always)]
        || {
            let (bound, turned) = (F::splat(MAX_VALUE), F::splat(MAX_ANGLE));
            let mut sane = !F::Mask::none();
            for joint in &model.tree.joints {
                let most = if joint.kind == JointKind::Hinge { turned } else { bound };
                for q in &state.q[joint.q..joint.q + joint.kind.coordinates()] {
                    sane = sane & q.abs().less(most);
                }
                if !joint.kind.is_scalar() {
                    let mut norm = F::zero();
                    for q in &state.q[joint.q..joint.q + joint.kind.coordinates()][joint.kind.dofs() - 3..] {
                        norm = q.mul_add(*q, norm);
                    }
                    sane = sane & F::splat(1e-20).less(norm);
                }
            }
            for v in state.v.iter().chain(&state.act) {
                sane = sane & v.abs().less(bound);
            }
            sane
        },
    )
}

impl<F: Lane> Group<F> {
    /// Takes the controls of a group; returns its lanes that are to move.
    fn prepare(
        &mut self,
        first: usize,
        controls: &[f64],
        active: &[bool],
        failures: &[Option<Failure>],
    ) -> u32 {
        let dim = self.control.len();
        let mut live = 0;
        for lane in first..active.len().min(first + F::WIDTH) {
            let l = lane - first;
            let moves = active[lane] && failures[lane].is_none();
            live |= u32::from(moves) << l;
            for (u, control) in self.control.iter_mut().zip(&controls[lane * dim..]) {
                u.set(l, if moves { *control } else { 0.0 });
            }
        }
        live
    }
}

impl<F: Lane> Kernel for Groups<F> {
    fn set_parameters(&mut self, lane: usize, given: &Given) {
        let system = &mut self.groups[lane / F::WIDTH].system;
        system.set_lane(&self.model, lane % F::WIDTH, &given.0, Some(&given.1));
    }

    fn set_state(&mut self, lane: usize, from: [&[f64]; 4]) {
        let Group { state: State { q, v, act, guess }, evaluated, .. } = &mut self.groups[lane / F::WIDTH];
        let evaluated = evaluated.iter_mut().flat_map(|Evaluated { q, v }| [q, v]).zip(from);
        for (to, from) in [q, v, act, guess].into_iter().zip(from).chain(evaluated) {
            for (to, from) in to.iter_mut().zip(from) {
                to.set(lane % F::WIDTH, *from);
            }
        }
    }

    fn state(&self, lane: usize, to: [&mut [f64]; 4]) {
        let State { q, v, act, guess } = &self.groups[lane / F::WIDTH].state;
        for (from, to) in [q, v, act, guess].into_iter().zip(to) {
            for (to, from) in to.iter_mut().zip(from) {
                *to = from.get(lane % F::WIDTH);
            }
        }
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) {
        let (outside, l) = (&mut self.groups[lane / F::WIDTH].outside, lane % F::WIDTH);
        for (to, from) in outside.wrenches.iter_mut().zip(forces.chunks_exact(6)) {
            for (to, from) in to.as_flattened_mut().iter_mut().zip(from) {
                to.set(l, *from);
            }
        }
        let others = outside.lanes.bits() & !(1 << l);
        let own = u32::from(forces.iter().any(|f| *f != 0.0)) << l;
        outside.lanes = F::Mask::from_bits(others | own);
    }

    fn sane(&self, lane: usize) -> bool {
        sane_lanes(&self.model, &self.groups[lane / F::WIDTH].state).bits() >> (lane % F::WIDTH) & 1 == 1
    }

    fn record(&mut self, record: bool, constraints: bool) {
        for group in &mut self.groups {
            group.seen = record.then(|| Seen::new(&self.model, constraints));
        }
    }

    fn recorded(&self, lane: usize, what: Recorded, out: &mut [f64]) {
        let Some(seen) = &self.groups[lane / F::WIDTH].seen else { return out.fill(0.0) };
        let numbers = match what {
            Recorded::Bodies => seen.bodies.as_flattened(),
            Recorded::Geoms => &seen.geoms,
            Recorded::Actuators => &seen.actuators,
            Recorded::Dofs => &seen.dofs,
            Recorded::Constraints => &seen.constraints,
        };
        if numbers.is_empty() {
            out.fill(0.0);
        }
        for (to, from) in out.iter_mut().zip(numbers) {
            *to = from.get(lane % F::WIDTH) + 0.0;
        }
    }

    fn keep_evaluated(&mut self, keep: bool) {
        for group in &mut self.groups {
            let State { q, v, .. } = &group.state;
            group.evaluated = keep.then(|| Evaluated { q: q.clone(), v: v.clone() });
        }
    }

    fn evaluated(&self, lane: usize, q: &mut [f64], v: &mut [f64]) {
        let group = &self.groups[lane / F::WIDTH];
        let kept = group.evaluated.as_ref().map_or([&[][..]; 2], |Evaluated { q, v }| [q, v]);
        for (to, from) in [q, v].into_iter().zip(kept) {
            to.fill(0.0);
            to.iter_mut().zip(from).for_each(|(to, from)| *to = from.get(lane % F::WIDTH));
        }
    }

    fn watch(&mut self, program: Program) {
        for group in &mut self.groups {
            group.measured = vec![F::zero(); program.numbers];
        }
        let room = Room::new(&self.model, &program);
        self.sensors = (!program.readings.is_empty()).then_some((program, room));
    }

    fn measured(&self, lane: usize, out: &mut [f64]) {
        for (to, from) in out.iter_mut().zip(&self.groups[lane / F::WIDTH].measured) {
            *to = from.get(lane % F::WIDTH) + 0.0;
        }
    }

    fn run(&mut self, controls: &[f64], active: &[bool], task: Task<'_>, failures: &mut [Option<Failure>]) {
        let Self { model, groups, work, before, sensors } = self;
        let model = &**model;
        let (steps, mut accelerations) = match task {
            Task::Step(steps) => (steps, None),
            Task::Accelerations(out) => (0, Some(out)),
        };
        for (g, group) in groups.iter_mut().enumerate() {
            let first = g * F::WIDTH;
            let start = group.prepare(first, controls, active, failures);
            if start == 0 {
                continue;
            }
            let Group { state, system, control, outside, seen, evaluated, measured } = group;
            let outside = outside.lanes.any().then_some(&*outside);
            let setting = Setting { model, system, control, outside };
            let mut live = F::Mask::from_bits(start);
            let lanes = live;
            let mut watch = sensors.as_mut().map(|(program, room)| Watch {
                program: &*program,
                room,
                out: measured.as_mut_slice(),
                lanes,
            });
            let (mut insane, mut unsolved) = (F::Mask::none(), F::Mask::none());
            if let Some(out) = &mut accelerations {
                work.activation.copy_from_slice(&state.act);
                unsolved = work.evaluate(&setting, &state.q, &state.v, &state.guess, live);
                insane = live & !finite(work.qacc());
                if let Some(watch) = &mut watch {
                    work.sense(&setting, &state.q, &state.v, watch);
                }
                if let Some(evaluated) = evaluated {
                    evaluated.take(live, &state.q, &state.v);
                }
                for lane in first..failures.len().min(first + F::WIDTH) {
                    if start >> (lane - first) & 1 == 1 {
                        for (to, from) in out[lane * model.tree.nv..].iter_mut().zip(work.qacc()) {
                            *to = from.get(lane - first);
                        }
                    }
                }
            } else {
                let some_stay = (!lanes).any();
                if some_stay {
                    before.q.copy_from_slice(&state.q);
                    before.v.copy_from_slice(&state.v);
                    before.act.copy_from_slice(&state.act);
                    before.guess.copy_from_slice(&state.guess);
                }
                for step in 1..=steps {
                    let (watch, last) =
                        if step == steps { (watch.as_mut(), evaluated.as_mut()) } else { (None, None) };
                    unsolved = unsolved | work.step(&setting, state, live, watch, last);
                    insane = insane | (live & !sane_lanes(model, state));
                    live = live & !(insane | unsolved);
                    if !live.any() {
                        break;
                    }
                }
                if some_stay {
                    keep(lanes, before, state);
                }
            }
            if let Some(seen) = seen {
                work.see(&setting, F::Mask::from_bits(start), seen);
            }
            let (insane, unsolved) = (insane.bits(), unsolved.bits());
            for lane in first..failures.len().min(first + F::WIDTH) {
                if insane >> (lane - first) & 1 == 1 {
                    failures[lane] = Some(Failure::State);
                } else if unsolved >> (lane - first) & 1 == 1 {
                    failures[lane] = Some(Failure::Solver);
                }
            }
        }
    }
}

fn finite<F: Lane>(numbers: &[F]) -> F::Mask {
    F::run(
        #[inline(always)]
        || {
            let mut finite = !F::Mask::none();
            for number in numbers {
                finite = finite & number.abs().less(F::splat(f64::INFINITY));
            }
            finite
        },
    )
}

/// Gives the lanes that did not move their old state back.
fn keep<F: Lane>(moved: F::Mask, before: &State<F>, state: &mut State<F>) {
    F::run(
        #[inline(always)]
        || {
            let lists = [
                (&mut state.q, &before.q),
                (&mut state.v, &before.v),
                (&mut state.act, &before.act),
                (&mut state.guess, &before.guess),
            ];
            for (now, before) in lists {
                for (now, before) in now.iter_mut().zip(before) {
                    *now = F::select(moved, *now, *before);
                }
            }
        },
    );
}
