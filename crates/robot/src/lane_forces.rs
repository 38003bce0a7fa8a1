//! Forces and sensors that a task reads, on the batched engine.

use wr2l_lanes::{Batch, SensorError};

use crate::field::colliding;
use crate::input::Input;
use crate::inventory::Inventory;
use crate::lane_sensors::{feels_bodies, resolve};

/// Forces and sensors of the last evaluation of a lane, as MuJoCo's `mjData` holds them after a step of the task. Where an
/// episode starts they are those of its first state without controls; forces on bodies are 0 there, unless a sensor of the model
/// makes MuJoCo compute them before the first step.
#[derive(Debug)]
pub(crate) struct LaneForces {
    /// Which forces are read, sensors aside.
    forces: Forces,
    /// Whether forces on bodies are there from the start.
    early: bool,
    /// Where a number of MuJoCo's `sensordata` stands among those of the engine.
    sensor_of: Vec<Option<usize>>,
    sensors: Vec<f64>,
    /// Where MuJoCo's geoms stand among those of the engine.
    geom_of: Vec<Option<usize>>,
    /// Of every lane, whether it has not moved since its start.
    fresh: Vec<bool>,
    /// The lane that starts; none in between.
    starting: Vec<bool>,
    bodies: Vec<f64>,
    geoms: Vec<f64>,
    actuators: Vec<f64>,
    dofs: Vec<f64>,
    constraints: Vec<f64>,
    /// Room for an evaluation.
    idle: Vec<f64>,
    accelerations: Vec<f64>,
}

/// Which kinds of forces are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Forces {
    bodies: bool,
    geoms: bool,
    actuators: bool,
    dofs: bool,
    constraints: bool,
}

impl Forces {
    fn new(wanted: &[Input]) -> Self {
        let mut forces = Self::default();
        for input in wanted {
            match input {
                Input::ConstraintForce { .. } => forces.bodies = true,
                Input::ContactForce { .. } => forces.geoms = true,
                Input::ActuatorForce(_) => forces.actuators = true,
                Input::JointForce(_) => forces.dofs = true,
                Input::JointConstraintForce(_) => forces.constraints = true,
                _ => {}
            }
        }
        forces
    }
}

impl LaneForces {
    /// None where nobody reads any: what moves is the same to the bit either way, and costs less without.
    ///
    /// # Errors
    /// [`SensorError`] if the inventory's sensors are not of the model.
    pub(crate) fn new(
        batch: &mut Batch,
        inventory: &Inventory,
        wanted: &[Input],
    ) -> Result<Option<Self>, SensorError> {
        let forces = Forces::new(wanted);
        let sensor = |input: &Input| match input {
            Input::Sensor(address) => Some(*address),
            _ => None,
        };
        let (sensors, sensor_of) = resolve(inventory, &wanted.iter().filter_map(sensor).collect::<Vec<_>>());
        if forces == Forces::default() && sensors.is_empty() {
            return Ok(None);
        }
        if forces.constraints {
            batch.record_all_forces(true);
        } else {
            batch.record_forces(forces != Forces::default());
        }
        batch.read_sensors(&sensors)?;
        let (model, lanes) = (batch.model().compiled(), batch.lanes());
        Ok(Some(Self {
            forces,
            early: feels_bodies(inventory),
            sensors: vec![0.0; sensors.iter().map(|sensor| sensor.measure.numbers()).sum()],
            sensor_of,
            constraints: vec![0.0; model.nv()],
            geom_of: colliding(inventory),
            fresh: vec![true; lanes],
            starting: vec![false; lanes],
            bodies: vec![0.0; 6 * (model.bodies.len() + 1)],
            geoms: vec![0.0; model.geoms.len()],
            actuators: vec![0.0; model.nu()],
            dofs: vec![0.0; model.nv()],
            idle: vec![0.0; lanes * model.nu()],
            accelerations: vec![0.0; lanes * model.nv()],
        }))
    }

    /// A lane starts in the state that it is in.
    pub(crate) fn start(&mut self, batch: &mut Batch, lane: usize) {
        self.fresh[lane] = true;
        self.starting[lane] = true;
        batch.accelerations(&self.idle, &self.starting, &mut self.accelerations);
        self.starting[lane] = false;
    }

    /// These lanes have moved.
    pub(crate) fn advance(&mut self, active: &[bool]) {
        self.fresh.iter_mut().zip(active).for_each(|(fresh, active)| *fresh &= !active);
    }

    /// Takes a lane's forces and sensors over from the engine.
    pub(crate) fn read(&mut self, batch: &Batch, lane: usize) {
        batch.sensors(lane, &mut self.sensors);
        let Forces { bodies, geoms, actuators, dofs, constraints } = self.forces;
        if bodies {
            batch.body_forces(lane, &mut self.bodies);
            if self.fresh[lane] && !self.early {
                self.bodies.fill(0.0);
            }
        }
        if geoms {
            batch.contact_forces(lane, &mut self.geoms);
        }
        if actuators {
            batch.actuator_forces(lane, &mut self.actuators);
        }
        if dofs {
            batch.joint_forces(lane, &mut self.dofs);
        }
        if constraints {
            batch.constraint_forces(lane, &mut self.constraints);
        }
    }

    /// A number of the lane that was read; `None` of what is neither force nor sensor.
    pub(crate) fn get(&self, input: Input) -> Option<f64> {
        match input {
            Input::ConstraintForce { body, component } => Some(self.bodies[6 * body + component]),
            // Nothing touches the others.
            Input::ContactForce { geom } => Some(self.geom_of[geom].map_or(0.0, |geom| self.geoms[geom])),
            Input::ActuatorForce(actuator) => Some(self.actuators[actuator]),
            Input::JointForce(dof) => Some(self.dofs[dof]),
            Input::JointConstraintForce(dof) => Some(self.constraints[dof]),
            Input::Sensor(address) => Some(self.sensors[self.sensor_of[address]?]),
            _ => None,
        }
    }
}
