//! The part of a batch that is compiled for each robot and instruction set.

use crate::dynamics::{Pushes, Setting};
use crate::instructions::{Failure, InstructionSet, Precision};
use crate::integrate::{State, step};
#[cfg(feature = "single")]
use crate::lane::PortableSingle;
#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512};
#[cfg(all(target_arch = "x86_64", feature = "single"))]
use crate::lane::{Avx2Single, Avx512Single};
use crate::lane::{Lane, Mask, Portable};
use crate::model::{Design, MAX_BODIES, MAX_COORDINATES};
use crate::pose::absolute;
use crate::rows::Rows;
use crate::system::{Constants, ParameterError, Parameters, System};
use crate::vector::{MAX_ANGLE, MAX_ANGLE_SINGLE, Vector};

/// Positions and velocities beyond this have diverged (MuJoCo's `mjMAXVAL`).
const MAX_VALUE: f64 = 1e10;

/// All lanes of a batch, in the registers of an instruction set that this machine has.
pub(crate) fn kernel<R: Design>(
    lanes: usize,
    instructions: InstructionSet,
    precision: Precision,
) -> Box<dyn Kernel> {
    match (instructions, precision) {
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx512, Precision::Double) => Box::new(Groups::<R, Avx512>::new(lanes)),
        #[cfg(target_arch = "x86_64")]
        (InstructionSet::Avx2, Precision::Double) => Box::new(Groups::<R, Avx2>::new(lanes)),
        (_, Precision::Double) => Box::new(Groups::<R, Portable>::new(lanes)),
        #[cfg(all(target_arch = "x86_64", feature = "single"))]
        (InstructionSet::Avx512, Precision::Single) => Box::new(Groups::<R, Avx512Single>::new(lanes)),
        #[cfg(all(target_arch = "x86_64", feature = "single"))]
        (InstructionSet::Avx2, Precision::Single) => Box::new(Groups::<R, Avx2Single>::new(lanes)),
        #[cfg(feature = "single")]
        (_, Precision::Single) => Box::new(Groups::<R, PortableSingle>::new(lanes)),
    }
}

/// What differs between robots and instruction sets. Slices are of the right length, lanes exist.
pub(crate) trait Kernel: Send + Sync {
    /// How many lanes are computed at a time.
    fn width(&self) -> usize;
    fn set_parameters(&mut self, lane: usize, parameters: &Parameters) -> Result<(), ParameterError>;
    /// Positions, velocities and the solver's start.
    fn set_state(&mut self, lane: usize, state: [&[f64]; 3]);
    fn state(&self, lane: usize, state: [&mut [f64]; 3]);
    /// Forces on the bodies (`[bodies, 2]`).
    fn set_forces(&mut self, lane: usize, forces: &[f64]);
    fn sane(&self, lane: usize) -> bool;
    fn run(&mut self, controls: &[f64], active: &[bool], task: Task<'_>, failures: &mut [Option<Failure>]);
}

/// What to do with the active lanes.
pub(crate) enum Task<'a> {
    /// That many time steps.
    Step(usize),
    /// Write the accelerations (`[lanes, dofs]`), change nothing.
    Accelerations(&'a mut [f64]),
}

/// As many lanes as a register holds.
struct Group<F: Lane> {
    state: State<F>,
    system: System<F>,
    motors: [F; MAX_COORDINATES],
    pushes: Pushes<F>,
}

/// All lanes of a batch.
struct Groups<R, F: Lane> {
    groups: Vec<Group<F>>,
    /// Scratch.
    rows: Box<Rows<F>>,
    robot: std::marker::PhantomData<fn() -> R>,
}

impl<R: Design, F: Lane> Groups<R, F> {
    fn new(lanes: usize) -> Self {
        let group = || {
            let zero = [F::zero(); MAX_COORDINATES];
            Group {
                state: State { q: zero, v: zero, guess: zero },
                system: System::nominal::<R>(),
                motors: zero,
                pushes: Pushes { force: [Vector::zero(); MAX_BODIES], lanes: F::Mask::from_bits(0) },
            }
        };
        let groups = (0..lanes.div_ceil(F::WIDTH)).map(|_| group()).collect();
        Self { groups, rows: Box::new(Rows::new()), robot: std::marker::PhantomData }
    }

    /// Sets the motors of a group; returns its lanes that are to move.
    fn prepare(
        group: &mut Group<F>,
        first: usize,
        controls: &[f64],
        active: &[bool],
        failures: &[Option<Failure>],
    ) -> u32 {
        let limit = R::MODEL.control_limit;
        let dim = R::MODEL.joints.iter().filter(|joint| joint.gear.is_some()).count();
        let mut live = 0;
        for lane in first..active.len().min(first + F::WIDTH) {
            if active[lane] && failures[lane].is_none() {
                live |= 1 << (lane - first);
            }
            let mut control = controls[lane * dim..].iter();
            for joint in R::MODEL.joints {
                if let (Some(gear), motor) = (joint.gear, &mut group.motors[joint.coordinate]) {
                    let u = control.next().copied().unwrap_or(0.0);
                    motor.set(lane - first, gear * u.clamp(-limit, limit));
                }
            }
        }
        live
    }
}

/// The lanes whose state is finite and not absurdly large.
#[inline(always)]
fn sane_lanes<R: Design, F: Lane>(state: &State<F>) -> F::Mask {
    let bound = F::splat(MAX_VALUE);
    let mut sane = state.v[0].abs().less(bound);
    let angles = absolute::<R, F>(state.q);
    for (i, angle) in angles.iter().enumerate() {
        let most = if i < 2 { bound } else { F::either(MAX_ANGLE, MAX_ANGLE_SINGLE) };
        sane = sane & state.v[i].abs().less(bound) & angle.abs().less(most);
    }
    sane
}

impl<R: Design, F: Lane> Kernel for Groups<R, F> {
    fn width(&self) -> usize {
        F::WIDTH
    }

    fn set_parameters(&mut self, lane: usize, parameters: &Parameters) -> Result<(), ParameterError> {
        let constants = Constants::checked::<R>(parameters)?;
        self.groups[lane / F::WIDTH].system.set_lane::<R>(lane % F::WIDTH, &constants);
        Ok(())
    }

    fn set_state(&mut self, lane: usize, from: [&[f64]; 3]) {
        let state = &mut self.groups[lane / F::WIDTH].state;
        for (to, from) in [&mut state.q, &mut state.v, &mut state.guess].into_iter().zip(from) {
            for (dof, &i) in R::MODEL.coordinates.iter().enumerate() {
                to[i].set(lane % F::WIDTH, from[dof]);
            }
        }
    }

    fn state(&self, lane: usize, to: [&mut [f64]; 3]) {
        let state = &self.groups[lane / F::WIDTH].state;
        for (from, to) in [&state.q, &state.v, &state.guess].into_iter().zip(to) {
            for (dof, &i) in R::MODEL.coordinates.iter().enumerate() {
                to[dof] = from[i].get(lane % F::WIDTH);
            }
        }
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) {
        let (pushes, l) = (&mut self.groups[lane / F::WIDTH].pushes, lane % F::WIDTH);
        for (to, from) in pushes.force.iter_mut().zip(forces.chunks_exact(2)) {
            to.x.set(l, from[0]);
            to.z.set(l, from[1]);
        }
        let others = pushes.lanes.bits() & !(1 << l);
        let own = u32::from(forces.iter().any(|f| *f != 0.0)) << l;
        pushes.lanes = F::Mask::from_bits(others | own);
    }

    fn sane(&self, lane: usize) -> bool {
        let state = &self.groups[lane / F::WIDTH].state;
        let bits = F::run(
            #[inline(always)]
            || sane_lanes::<R, F>(state).bits(),
        );
        bits >> (lane % F::WIDTH) & 1 == 1
    }

    fn run(&mut self, controls: &[f64], active: &[bool], task: Task<'_>, failures: &mut [Option<Failure>]) {
        let rows = &mut *self.rows;
        let (steps, mut accelerations) = match task {
            Task::Step(steps) => (steps, None),
            Task::Accelerations(out) => (1, Some(out)),
        };
        let peek = accelerations.is_some();
        for (g, group) in self.groups.iter_mut().enumerate() {
            let first = g * F::WIDTH;
            let start = Self::prepare(group, first, controls, active, failures);
            if start == 0 {
                continue;
            }
            let mut state = group.state;
            let (insane, unsolved) = F::run(
                #[inline(always)]
                || {
                    let start = F::Mask::from_bits(start);
                    let (mut live, mut insane, mut unsolved) = (start, !start & start, !start & start);
                    let pushes = group.pushes.lanes.any().then_some(&group.pushes);
                    for _ in 0..steps {
                        let setting = Setting { system: &group.system, motors: &group.motors, pushes, live };
                        unsolved = unsolved | step::<R, F>(&setting, rows, &mut state, peek);
                        insane = insane | (live & !sane_lanes::<R, F>(&state));
                        live = live & !(insane | unsolved);
                    }
                    if peek {
                        // The state stays, so that only the accelerations can tell.
                        for a in state.guess {
                            insane = insane | (start & !a.abs().less(F::splat(f64::INFINITY)));
                        }
                    } else {
                        let old = &mut group.state;
                        for i in 0..MAX_COORDINATES {
                            old.q[i] = F::select(start, state.q[i], old.q[i]);
                            old.v[i] = F::select(start, state.v[i], old.v[i]);
                            old.guess[i] = F::select(start, state.guess[i], old.guess[i]);
                        }
                    }
                    (insane.bits(), unsolved.bits())
                },
            );
            for lane in first..failures.len().min(first + F::WIDTH) {
                let l = lane - first;
                if start >> l & 1 == 0 {
                    continue;
                }
                if insane >> l & 1 == 1 {
                    failures[lane] = Some(Failure::State);
                } else if unsolved >> l & 1 == 1 {
                    failures[lane] = Some(Failure::Solver);
                }
                if let Some(out) = &mut accelerations {
                    let dofs = R::MODEL.coordinates.len();
                    for (to, &i) in out[lane * dofs..].iter_mut().zip(R::MODEL.coordinates) {
                        *to = state.guess[i].get(l);
                    }
                }
            }
        }
    }
}
