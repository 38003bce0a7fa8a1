//! Lanes in the registers of AVX-512; where few of eight move, these move in its registers of half the width.

use std::sync::Arc;

use super::{Given, Groups, Kernel, Recorded, Task, carry};
use crate::instructions::Failure;
use crate::lane::{Avx512, Avx512Vl, Lane};
use crate::model::Model;
use crate::program::Program;

/// Eight lanes a register, and beside each eight lanes four places in narrower registers: a time step of four lanes of
/// Gymnasium's Ant takes 0.6 of what eight take, to the same bits. So up to four lanes that move alone do so there.
///
/// The wide groups know all parameters and forces from outside, places those of the lanes in them. A lane's state, and what was
/// seen of it, is where it moved last.
pub(super) struct Packed {
    wide: Groups<Avx512>,
    narrow: Groups<Avx512Vl>,
    given: Vec<Given>,
    /// The place of a lane, and whose state is in a place.
    place: Vec<Option<usize>>,
    guest: Vec<Option<usize>>,
    /// Scratch: who moves in either, and what goes in and comes out of places.
    wide_moving: Vec<bool>,
    moving: Vec<bool>,
    controls: Vec<f64>,
    accelerations: Vec<f64>,
    failures: Vec<Option<Failure>>,
}

const LANES: usize = Avx512::WIDTH;
const PLACES: usize = Avx512Vl::WIDTH;

impl Packed {
    pub(super) fn new(model: &Arc<Model>, lanes: usize, given: &Given) -> Self {
        let groups = lanes.div_ceil(LANES);
        let (lanes, places) = (groups * LANES, groups * PLACES);
        let mut narrow = Groups::new(model, places);
        // No place holds numbers that are none.
        let (reference, zeros) = (model.compiled.reference(), vec![0.0; model.tree.nv]);
        for place in 0..places {
            narrow.set_parameters(place, given);
            narrow.set_state(place, [&reference, &zeros, &[], &zeros]);
        }
        Self {
            wide: Groups::new(model, lanes),
            narrow,
            given: vec![Arc::clone(given); lanes],
            place: vec![None; lanes],
            guest: vec![None; places],
            wide_moving: Vec::with_capacity(lanes),
            moving: vec![false; places],
            controls: vec![0.0; places * model.compiled.actuators.len()],
            accelerations: vec![0.0; places * model.tree.nv],
            failures: vec![None; places],
        }
    }

    /// Who has a lane's state, and under which number.
    fn holder(&self, lane: usize) -> (&dyn Kernel, usize) {
        self.place[lane].map_or((&self.wide, lane), |place| (&self.narrow, place))
    }

    fn holder_mut(&mut self, lane: usize) -> (&mut dyn Kernel, usize) {
        match self.place[lane] {
            Some(place) => (&mut self.narrow, place),
            None => (&mut self.wide, lane),
        }
    }

    /// Brings the state in a place back to the wide group.
    fn leave(&mut self, place: usize) {
        if let Some(lane) = self.guest[place].take() {
            self.place[lane] = None;
            carry(&self.narrow, place, &mut self.wide, lane);
        }
    }

    /// Brings a lane to a place.
    fn enter(&mut self, lane: usize, place: usize) {
        self.leave(place);
        (self.place[lane], self.guest[place]) = (Some(place), Some(lane));
        self.narrow.set_parameters(place, &self.given[lane]);
        carry(&self.wide, lane, &mut self.narrow, place);
    }

    /// Decides where lanes move, and brings them there.
    fn divide(&mut self, controls: &[f64], active: &[bool], failures: &[Option<Failure>]) {
        self.moving.fill(false);
        let mut wide = std::mem::take(&mut self.wide_moving);
        wide.clear();
        wide.extend(active.iter().zip(failures).map(|(active, failure)| *active && failure.is_none()));
        for group in 0..self.guest.len() / PLACES {
            let places = group * PLACES..(group + 1) * PLACES;
            let lanes = group * LANES..((group + 1) * LANES).min(wide.len());
            match lanes.clone().filter(|lane| wide[*lane]).count() {
                0 => {}
                1..=PLACES => lanes.filter(|lane| wide[*lane]).for_each(|lane| {
                    // One is free: at most as many move as there are places.
                    let free = |place: &usize| self.guest[*place].is_none_or(|guest| !wide[guest]);
                    if self.place[lane].is_none()
                        && let Some(place) = places.clone().find(free)
                    {
                        self.enter(lane, place);
                    }
                }),
                _ => places.for_each(|place| self.leave(place)),
            }
        }
        let dim = self.wide.model.compiled.actuators.len();
        for (place, guest) in self.guest.iter().enumerate() {
            let Some(lane) = guest.filter(|lane| wide.get(*lane) == Some(&true)) else { continue };
            (self.moving[place], wide[lane]) = (true, false);
            self.controls[place * dim..][..dim].copy_from_slice(&controls[lane * dim..][..dim]);
        }
        self.wide_moving = wide;
    }
}

impl Kernel for Packed {
    fn set_parameters(&mut self, lane: usize, given: &Given) {
        self.given[lane] = Arc::clone(given);
        self.wide.set_parameters(lane, given);
        if let Some(place) = self.place[lane] {
            self.narrow.set_parameters(place, given);
        }
    }

    fn set_state(&mut self, lane: usize, state: [&[f64]; 4]) {
        let (holder, lane) = self.holder_mut(lane);
        holder.set_state(lane, state);
    }

    fn state(&self, lane: usize, state: [&mut [f64]; 4]) {
        let (holder, lane) = self.holder(lane);
        holder.state(lane, state);
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) {
        self.wide.set_forces(lane, forces);
        if let Some(place) = self.place[lane] {
            self.narrow.set_forces(place, forces);
        }
    }

    fn sane(&self, lane: usize) -> bool {
        let (holder, lane) = self.holder(lane);
        holder.sane(lane)
    }

    fn record(&mut self, record: bool, constraints: bool) {
        self.wide.record(record, constraints);
        self.narrow.record(record, constraints);
    }

    fn recorded(&self, lane: usize, what: Recorded, out: &mut [f64]) {
        let (holder, lane) = self.holder(lane);
        holder.recorded(lane, what, out);
    }

    fn keep_evaluated(&mut self, keep: bool) {
        self.wide.keep_evaluated(keep);
        self.narrow.keep_evaluated(keep);
    }

    fn evaluated(&self, lane: usize, q: &mut [f64], v: &mut [f64]) {
        let (holder, lane) = self.holder(lane);
        holder.evaluated(lane, q, v);
    }

    fn watch(&mut self, program: Program) {
        self.wide.watch(program.clone());
        self.narrow.watch(program);
    }

    fn measured(&self, lane: usize, out: &mut [f64]) {
        let (holder, lane) = self.holder(lane);
        holder.measured(lane, out);
    }

    fn run(
        &mut self,
        controls: &[f64],
        active: &[bool],
        mut task: Task<'_>,
        failures: &mut [Option<Failure>],
    ) {
        self.divide(controls, active, failures);
        if self.moving.contains(&true) {
            let inner = match &task {
                Task::Step(steps) => Task::Step(*steps),
                Task::Accelerations(_) => Task::Accelerations(&mut self.accelerations),
            };
            self.failures.fill(None);
            self.narrow.run(&self.controls, &self.moving, inner, &mut self.failures);
            let dofs = self.wide.model.tree.nv;
            for (place, guest) in self.guest.iter().enumerate() {
                let Some(lane) = guest.filter(|_| self.moving[place]) else { continue };
                failures[lane] = self.failures[place];
                if let Task::Accelerations(out) = &mut task {
                    out[lane * dofs..][..dofs].copy_from_slice(&self.accelerations[place * dofs..][..dofs]);
                }
            }
        }
        if self.wide_moving.contains(&true) {
            self.wide.run(controls, &self.wide_moving, task, failures);
        }
    }
}
