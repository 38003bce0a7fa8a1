//! Forces that a task reads, on the batched engine.

use wr2l_lanes::Batch;

use crate::field::colliding;
use crate::input::Input;
use crate::inventory::Inventory;

/// Forces of the last evaluation of a lane, as MuJoCo's `mjData` holds them after a step of the task. Where an episode starts
/// they are those of its first state without controls; those on bodies are 0 there, as MuJoCo computes them after steps alone.
#[derive(Debug)]
pub(crate) struct LaneForces {
    /// Where MuJoCo's geoms stand among those of the engine.
    geom_of: Vec<Option<usize>>,
    /// Of every lane, whether it has not moved since its start.
    fresh: Vec<bool>,
    bodies: Vec<f64>,
    geoms: Vec<f64>,
    actuators: Vec<f64>,
    dofs: Vec<f64>,
    /// Room for an evaluation.
    idle: Vec<f64>,
    only: Vec<bool>,
    accelerations: Vec<f64>,
}

/// Whether an input is such a force.
fn is_force(input: &Input) -> bool {
    matches!(
        input,
        Input::ConstraintForce { .. }
            | Input::ContactForce { .. }
            | Input::ActuatorForce(_)
            | Input::JointForce(_)
    )
}

impl LaneForces {
    /// None where nobody reads forces: what moves is the same to the bit either way, and costs less without.
    pub(crate) fn new(batch: &mut Batch, inventory: &Inventory, wanted: &[Input]) -> Option<Self> {
        if !wanted.iter().any(is_force) {
            return None;
        }
        batch.record_forces(true);
        let (model, lanes) = (batch.model().compiled(), batch.lanes());
        Some(Self {
            geom_of: colliding(inventory),
            fresh: vec![true; lanes],
            bodies: vec![0.0; 6 * (model.bodies.len() + 1)],
            geoms: vec![0.0; model.geoms.len()],
            actuators: vec![0.0; model.nu()],
            dofs: vec![0.0; model.nv()],
            idle: vec![0.0; lanes * model.nu()],
            only: vec![false; lanes],
            accelerations: vec![0.0; lanes * model.nv()],
        })
    }

    /// A lane starts in the state that it is in.
    pub(crate) fn start(&mut self, batch: &mut Batch, lane: usize) {
        self.fresh[lane] = true;
        self.only[lane] = true;
        batch.accelerations(&self.idle, &self.only, &mut self.accelerations);
        self.only[lane] = false;
    }

    /// These lanes have moved.
    pub(crate) fn advance(&mut self, active: &[bool]) {
        self.fresh.iter_mut().zip(active).for_each(|(fresh, active)| *fresh &= !active);
    }

    /// Takes a lane's forces over from the engine.
    pub(crate) fn read(&mut self, batch: &Batch, lane: usize) {
        batch.body_forces(lane, &mut self.bodies);
        if self.fresh[lane] {
            self.bodies.fill(0.0);
        }
        batch.contact_forces(lane, &mut self.geoms);
        batch.actuator_forces(lane, &mut self.actuators);
        batch.joint_forces(lane, &mut self.dofs);
    }

    /// A force of the lane that was read; `None` of what is no force.
    pub(crate) fn get(&self, input: Input) -> Option<f64> {
        match input {
            Input::ConstraintForce { body, component } => Some(self.bodies[6 * body + component]),
            // Nothing touches the others.
            Input::ContactForce { geom } => Some(self.geom_of[geom].map_or(0.0, |geom| self.geoms[geom])),
            Input::ActuatorForce(actuator) => Some(self.actuators[actuator]),
            Input::JointForce(dof) => Some(self.dofs[dof]),
            _ => None,
        }
    }
}
