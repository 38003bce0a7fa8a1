//! Robots whose equations of motion are written out, and the batches that step them.

mod cart_pole;
mod pendulum;

use std::fmt;

use wr2l_rng::Stream;

use crate::batch::{check_numbers, judge_outcome};
use crate::task::Quantity;
use crate::{ActionSpace, BatchSim, Divergence, DynamicsSpace, Engine, Outcome, SimError, SimSpec, Task};

use cart_pole::CartPole;
use pendulum::Pendulum;

/// A state with a coordinate beyond this is diverged physics, as in MuJoCo (`mjMAXVAL`).
const LARGEST: f64 = 1e10;

/// What moves a robot of `N` positions and as many velocities by one action: its physical numbers.
trait Equations<const N: usize>: Clone + fmt::Debug + Send + Sync + 'static {
    /// Sets one number.
    fn set(&mut self, quantity: &Quantity, value: f64);

    /// The action as it acts and costs; `None` if it is none.
    fn control(&self, action: f64) -> Option<f64>;

    /// A step of `dt` seconds, under a force from outside (horizontal, vertical; N) on the body that can be pushed, if one can.
    fn advance(&self, dt: f64, control: f64, push: [f64; 2], qpos: &mut [f64; N], qvel: &mut [f64; N]);
}

/// A robot with the parameters that vary.
#[derive(Debug)]
pub(crate) struct ClassicModel {
    task: Task,
    spec: SimSpec,
    space: DynamicsSpace,
}

impl ClassicModel {
    pub(crate) fn new(task: Task, space: DynamicsSpace) -> Self {
        let spec = task.spec();
        // Positions, velocities and the number of elapsed steps.
        let spec = SimSpec { snapshot_len: spec.state_dim() + 1, ..spec };
        Self { task, spec, space }
    }
}

impl Engine for ClassicModel {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        // Two positions are the cart-pole's: `Task::check` has seen to it.
        Ok(match (self.spec.nq, &self.spec.actions) {
            (1, ActionSpace::Continuous { high, .. }) => {
                Box::new(Batch::new(self, Pendulum::with_torque(high[0]), lanes)?)
            }
            _ => Box::new(Batch::new(self, CartPole::default(), lanes)?),
        })
    }
}

#[derive(Clone, Debug)]
struct Lane<E, const N: usize> {
    equations: E,
    qpos: [f64; N],
    qvel: [f64; N],
    /// Force on the body that can be pushed.
    push: [f64; 2],
    elapsed: u32,
}

/// A batch of robots with the same equations.
#[derive(Debug)]
struct Batch<E, const N: usize> {
    task: Task,
    spec: SimSpec,
    space: DynamicsSpace,
    /// Meaning of each parameter of `space`.
    quantities: Vec<Quantity>,
    lanes: Vec<Lane<E, N>>,
}

impl<E: Equations<N>, const N: usize> Batch<E, N> {
    fn new(model: &ClassicModel, mut equations: E, lanes: usize) -> Result<Self, SimError> {
        let ClassicModel { task, spec, space } = model;
        let all = task.space();
        let all_quantities = task.quantities();
        let quantities = space
            .names()
            .map(|name| Ok(all_quantities[all.index(name)?].clone()))
            .collect::<Result<_, SimError>>()?;
        for (quantity, value) in all_quantities.iter().zip(all.nominal()) {
            equations.set(quantity, value);
        }
        let lane = Lane { equations, qpos: [0.0; N], qvel: [0.0; N], push: [0.0; 2], elapsed: 0 };
        let mut batch = Self {
            task: task.clone(),
            spec: spec.clone(),
            space: space.clone(),
            quantities,
            lanes: vec![lane; lanes],
        };
        let nominal = batch.space.nominal();
        for lane in 0..lanes {
            batch.set_dynamics(lane, &nominal)?;
        }
        Ok(batch)
    }
}

impl<E: Equations<N>, const N: usize> BatchSim for Batch<E, N> {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.space.check(phi)?;
        for (quantity, &value) in self.quantities.iter().zip(phi) {
            self.lanes[lane].equations.set(quantity, value);
        }
        Ok(())
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) -> Result<(), SimError> {
        check_numbers("forces", forces, 2 * self.spec.forces.len())?;
        self.lanes[lane].push[..forces.len()].copy_from_slice(forces);
        Ok(())
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let lane = &mut self.lanes[lane];
        self.task.draw_initial_state(stream, &mut lane.qpos, &mut lane.qvel);
        (lane.push, lane.elapsed) = ([0.0; 2], 0);
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        check_numbers("state", state, 2 * N)?;
        let lane = &mut self.lanes[lane];
        lane.qpos.copy_from_slice(&state[..N]);
        lane.qvel.copy_from_slice(&state[N..]);
        (lane.push, lane.elapsed) = ([0.0; 2], 0);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        out[..N].copy_from_slice(&self.lanes[lane].qpos);
        out[N..].copy_from_slice(&self.lanes[lane].qvel);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        let lane = &self.lanes[lane];
        self.task.observe(&lane.qpos, &lane.qvel, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        self.state(lane, &mut out[..2 * N]);
        out[2 * N] = f64::from(self.lanes[lane].elapsed);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check_numbers("snapshot", snapshot, 2 * N + 1)?;
        self.set_state(lane, &snapshot[..2 * N])?;
        self.lanes[lane].elapsed = snapshot[2 * N] as u32;
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let dt = self.spec.dt;
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            if !active[i] {
                continue;
            }
            let Some(control) = lane.equations.control(actions[i]) else {
                (rewards[i], outcomes[i]) = (0.0, Outcome::Diverged(Divergence::Action));
                continue;
            };
            let previous_x = lane.qpos[0];
            let cost = self.task.cost(&lane.qpos, &lane.qvel);
            lane.equations.advance(dt, control, lane.push, &mut lane.qpos, &mut lane.qvel);
            lane.elapsed = lane.elapsed.saturating_add(1);

            let mut verdict = self.task.judge(previous_x, &lane.qpos, &lane.qvel, &[control]);
            verdict.reward -= cost;
            let bounded = lane.qpos.iter().chain(&lane.qvel).all(|value| value.abs() <= LARGEST);
            let divergence = (!bounded).then_some(Divergence::State);
            (rewards[i], outcomes[i]) =
                judge_outcome(verdict, divergence, lane.elapsed, self.spec.episode_limit);
        }
    }
}
