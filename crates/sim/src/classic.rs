//! The cart-pole's equations of motion (Florian 2007, frictionless), integrated by explicit Euler steps.

use wr2l_rng::Stream;

use crate::batch::{check_numbers, judge_outcome};
use crate::task::Quantity;
use crate::{BatchSim, Divergence, DynamicsSpace, Engine, Outcome, SimError, SimSpec, Task};

/// Positions, velocities and the number of elapsed steps.
const SNAPSHOT_LEN: usize = 5;

/// A state with a coordinate beyond this is diverged physics, as in MuJoCo (`mjMAXVAL`).
const LARGEST: f64 = 1e10;

/// The physical numbers of one cart-pole.
#[derive(Clone, Debug)]
struct Dynamics {
    pole_half_length: f64,
    pole_mass: f64,
    cart_mass: f64,
    force: f64,
    gravity: f64,
}

impl Dynamics {
    fn set(&mut self, quantity: &Quantity, value: f64) {
        match quantity {
            Quantity::PoleHalfLength => self.pole_half_length = value,
            Quantity::PoleMass => self.pole_mass = value,
            Quantity::CartMass => self.cart_mass = value,
            Quantity::Force => self.force = value,
            Quantity::Gravity => self.gravity = value,
            other => unreachable!("the cart-pole's table has no {other:?}"),
        }
    }

    /// Accelerations of cart and pole under a horizontal force.
    fn accelerations(&self, force: f64, angle: f64, angular_velocity: f64) -> (f64, f64) {
        let (sin, cos) = angle.sin_cos();
        let total_mass = self.pole_mass + self.cart_mass;
        let pole_moment = self.pole_mass * self.pole_half_length;
        let push = (force + pole_moment * (angular_velocity * angular_velocity) * sin) / total_mass;
        let angular = (self.gravity * sin - cos * push)
            / (self.pole_half_length * (4.0 / 3.0 - self.pole_mass * (cos * cos) / total_mass));
        (push - pole_moment * angular * cos / total_mass, angular)
    }
}

#[derive(Clone, Debug)]
struct Lane {
    dynamics: Dynamics,
    qpos: [f64; 2],
    qvel: [f64; 2],
    elapsed: u32,
}

/// The cart-pole with the parameters that vary.
#[derive(Debug)]
pub(crate) struct CartPoleModel {
    task: Task,
    spec: SimSpec,
    space: DynamicsSpace,
}

impl CartPoleModel {
    pub(crate) fn new(task: Task, space: DynamicsSpace) -> Self {
        let spec = SimSpec { snapshot_len: SNAPSHOT_LEN, ..task.spec() };
        Self { task, spec, space }
    }
}

impl Engine for CartPoleModel {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let (task, spec, space) = (self.task.clone(), self.spec.clone(), self.space.clone());
        Ok(Box::new(CartPoleBatch::new(task, spec, space, lanes)?))
    }
}

/// A batch of cart-poles.
#[derive(Debug)]
struct CartPoleBatch {
    task: Task,
    spec: SimSpec,
    space: DynamicsSpace,
    /// Meaning of each parameter of `space`.
    quantities: Vec<Quantity>,
    lanes: Vec<Lane>,
}

impl CartPoleBatch {
    fn new(task: Task, spec: SimSpec, space: DynamicsSpace, lanes: usize) -> Result<Self, SimError> {
        let all = task.space();
        let all_quantities = task.quantities();
        let quantities = space
            .names()
            .map(|name| Ok(all_quantities[all.index(name)?].clone()))
            .collect::<Result<_, SimError>>()?;
        let mut dynamics =
            Dynamics { pole_half_length: 0.0, pole_mass: 0.0, cart_mass: 0.0, force: 0.0, gravity: 0.0 };
        for (quantity, value) in all_quantities.iter().zip(all.nominal()) {
            dynamics.set(quantity, value);
        }
        let lane = Lane { dynamics, qpos: [0.0; 2], qvel: [0.0; 2], elapsed: 0 };
        let mut batch = Self { task, spec, space, quantities, lanes: vec![lane; lanes] };
        let nominal = batch.space.nominal();
        for lane in 0..lanes {
            batch.set_dynamics(lane, &nominal)?;
        }
        Ok(batch)
    }
}

impl BatchSim for CartPoleBatch {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.space.check(phi)?;
        for (quantity, &value) in self.quantities.iter().zip(phi) {
            self.lanes[lane].dynamics.set(quantity, value);
        }
        Ok(())
    }

    fn set_forces(&mut self, _lane: usize, forces: &[f64]) -> Result<(), SimError> {
        check_numbers("forces", forces, 0)
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let lane = &mut self.lanes[lane];
        self.task.draw_initial_state(stream, &mut lane.qpos, &mut lane.qvel);
        lane.elapsed = 0;
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        check_numbers("state", state, 4)?;
        let lane = &mut self.lanes[lane];
        lane.qpos.copy_from_slice(&state[..2]);
        lane.qvel.copy_from_slice(&state[2..]);
        lane.elapsed = 0;
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        out[..2].copy_from_slice(&self.lanes[lane].qpos);
        out[2..].copy_from_slice(&self.lanes[lane].qvel);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        let lane = &self.lanes[lane];
        self.task.observe(&lane.qpos, &lane.qvel, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        self.state(lane, &mut out[..4]);
        out[4] = f64::from(self.lanes[lane].elapsed);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check_numbers("snapshot", snapshot, SNAPSHOT_LEN)?;
        self.set_state(lane, &snapshot[..4])?;
        self.lanes[lane].elapsed = snapshot[4] as u32;
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let dt = self.spec.dt;
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            if !active[i] {
                continue;
            }
            let action = actions[i];
            if action != 0.0 && action != 1.0 {
                (rewards[i], outcomes[i]) = (0.0, Outcome::Diverged(Divergence::Action));
                continue;
            }
            let push = if action == 1.0 { lane.dynamics.force } else { -lane.dynamics.force };
            let (acceleration, angular) = lane.dynamics.accelerations(push, lane.qpos[1], lane.qvel[1]);
            let previous_x = lane.qpos[0];
            // Gymnasium's explicit Euler: positions move with the velocities before the step.
            lane.qpos[0] += dt * lane.qvel[0];
            lane.qvel[0] += dt * acceleration;
            lane.qpos[1] += dt * lane.qvel[1];
            lane.qvel[1] += dt * angular;
            lane.elapsed = lane.elapsed.saturating_add(1);

            let verdict = self.task.judge(previous_x, &lane.qpos, &lane.qvel, &[action]);
            let bounded = lane.qpos.iter().chain(&lane.qvel).all(|value| value.abs() <= LARGEST);
            let divergence = (!bounded).then_some(Divergence::State);
            (rewards[i], outcomes[i]) =
                judge_outcome(verdict, divergence, lane.elapsed, self.spec.episode_limit);
        }
    }
}
