//! Many systems of one model, each with its own parameters and state.

use std::sync::Arc;

use crate::constants::Derived;
use crate::instructions::{Failure, InstructionSet};
use crate::kernel::{Given, Kernel, Recorded, Task, kernel};
use crate::model::Model;
use crate::parameters::{ParameterError, Parameters};
use crate::program::Program;
use crate::sensor::{Sensor, SensorError};

/// Many systems of one model, each lane with its own physical parameters and state.
///
/// Lanes never influence each other: a lane's results are the same, to the bit, whatever the others do, and on every
/// instruction set. Coordinates and velocities are MuJoCo's qpos and qvel.
///
/// ```
/// use std::sync::Arc;
/// use wr2l_lanes::{Batch, Body, Compiled, Contacts, Dof, Joint, JointKind, Model};
/// // A ball of 2 kg that flies freely.
/// let still = [1.0, 0.0, 0.0, 0.0];
/// let ball = Body { mass: 2.0, inertia: [0.1; 3], orientation: still, axes: still, ..Body::default() };
/// let reference = [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0];
/// let joint = Joint { body: 1, kind: JointKind::Free, reference, ..Joint::default() };
/// let compiled =
///     Compiled { bodies: vec![ball], joints: vec![joint], dofs: vec![Dof::default(); 6], ..Compiled::default() };
/// let model = Arc::new(Model::new(compiled, Contacts::All)?);
/// let mut batch = Batch::new(&model, 2)?;
/// let mut light = batch.nominal().clone();
/// light.gravity = [0.0, 0.0, -1.62];
/// batch.set_parameters(1, &light)?;
/// batch.step(&[], &[true; 2], 500);
/// let (mut q, mut v) = ([0.0; 7], [0.0; 6]);
/// batch.state(1, &mut q, &mut v);
/// assert!((v[2] + 1.62).abs() < 1e-9, "a second of the moon's gravity");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Batch {
    model: Arc<Model>,
    instructions: InstructionSet,
    lanes: usize,
    nominal: Parameters,
    /// The reference pose, in which lanes start.
    reference: Vec<f64>,
    zeros: Vec<f64>,
    // One dynamic call for a whole batch and all its time steps.
    kernel: Box<dyn Kernel>,
    failures: Vec<Option<Failure>>,
    /// Numbers of the sensors that are read.
    sensor_numbers: usize,
    /// The parameters that were set last, and what follows from them: many lanes in a row are often given the same.
    latest: Given,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("instructions", &self.instructions)
            .field("lanes", &self.lanes)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl Batch {
    /// A batch of `lanes` systems with nominal parameters at rest in the reference pose, computed with the fastest
    /// instruction set.
    ///
    /// # Errors
    /// [`ParameterError::Weightless`] if the model as it was compiled has something that moves without inertia.
    pub fn new(model: &Arc<Model>, lanes: usize) -> Result<Self, ParameterError> {
        Self::with_instructions(model, lanes, InstructionSet::fastest())
    }

    /// As [`Batch::new`], with an instruction set; one that this machine lacks is replaced by the fastest it has.
    ///
    /// # Errors
    /// As [`Batch::new`].
    pub fn with_instructions(
        model: &Arc<Model>,
        lanes: usize,
        instructions: InstructionSet,
    ) -> Result<Self, ParameterError> {
        let instructions = if InstructionSet::available().contains(&instructions) {
            instructions
        } else {
            InstructionSet::fastest()
        };
        let nominal = Parameters::nominal(&model.compiled);
        let derived = Derived::new(model, &nominal)?;
        let latest = Arc::new((nominal.clone(), derived));
        let mut kernel = kernel(model, lanes, instructions, &latest);
        let reference = model.compiled.reference();
        let most = model.tree.nv.max(6 * model.compiled.bodies.len());
        let zeros = vec![0.0; most.max(model.compiled.activations.len())];
        // The last group is filled up, so that no lane holds numbers that are none.
        let width = instructions.width();
        for lane in 0..lanes.div_ceil(width) * width {
            kernel.set_parameters(lane, &latest);
            let still = &zeros[..model.tree.nv];
            kernel.set_state(lane, [&reference, still, &zeros[..model.compiled.activations.len()], still]);
        }
        let model = Arc::clone(model);
        Ok(Self {
            model,
            instructions,
            lanes,
            nominal,
            reference,
            zeros,
            kernel,
            failures: vec![None; lanes],
            sensor_numbers: 0,
            latest,
        })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The instruction set in use.
    pub fn instructions(&self) -> InstructionSet {
        self.instructions
    }

    /// How many lanes are computed at a time; multiples of it waste nothing.
    pub fn width(&self) -> usize {
        self.instructions.width()
    }

    /// Number of lanes.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// The parameters that the model was compiled with.
    pub fn nominal(&self) -> &Parameters {
        &self.nominal
    }

    /// Why a lane has failed, if it has. A failed lane does not move until it is given a new state.
    ///
    /// # Panics
    /// If the lane does not exist.
    pub fn failure(&self, lane: usize) -> Option<Failure> {
        self.failures[lane]
    }

    /// Sets the physical parameters of a lane, and all that follows from them; its state stays.
    ///
    /// # Errors
    /// [`ParameterError`] for parameters that do not fit the model, or a lane that does not exist; nothing changes then.
    pub fn set_parameters(&mut self, lane: usize, parameters: &Parameters) -> Result<(), ParameterError> {
        if lane >= self.lanes {
            return Err(ParameterError::Lane { lane, lanes: self.lanes });
        }
        if self.latest.0 != *parameters {
            self.latest = Arc::new((parameters.clone(), Derived::new(&self.model, parameters)?));
        }
        self.kernel.set_parameters(lane, &self.latest);
        Ok(())
    }

    /// Pushes the bodies of a lane: a force (N) on the centre of mass of each and a torque (N·m), in the frame of the world
    /// (`[bodies, 6]`, row-major), as MuJoCo's `xfrc_applied` does.
    ///
    /// They last until they are set again; a new state, or a snapshot restored, starts without any. A lane whose force is
    /// not finite fails with [`Failure::Force`].
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn set_forces(&mut self, lane: usize, forces: &[f64]) {
        assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
        assert_eq!(forces.len(), 6 * self.model.compiled.bodies.len(), "length of forces");
        if forces.iter().all(|f| f.is_finite()) {
            self.kernel.set_forces(lane, forces);
        } else if self.failures[lane].is_none() {
            self.failures[lane] = Some(Failure::Force);
        }
    }

    /// Sets coordinates (`[nq]`) and velocities (`[nv]`) of a lane, activations of 0, no forces from outside, and forgets
    /// its failure.
    ///
    /// # Panics
    /// If the lane does not exist or a slice has another length.
    pub fn set_state(&mut self, lane: usize, coordinates: &[f64], velocities: &[f64]) {
        let zeros = std::mem::take(&mut self.zeros);
        let act = &zeros[..self.model.compiled.activations.len()];
        self.start(lane, [coordinates, velocities, act, &zeros[..self.model.tree.nv]], &zeros);
        self.zeros = zeros;
    }

    /// Sets the activations of a lane (`[na]`, MuJoCo's `act`); everything else stays. A lane whose activations are not
    /// finite fails with [`Failure::State`].
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn set_activations(&mut self, lane: usize, activations: &[f64]) {
        assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
        assert_eq!(activations.len(), self.model.compiled.activations.len(), "length of activations");
        if activations.iter().all(|act| act.is_finite()) {
            self.kernel.set_state(lane, [&[], &[], activations, &[]]);
        } else if self.failures[lane].is_none() {
            self.failures[lane] = Some(Failure::State);
        }
    }

    /// Writes the activations of a lane (`[na]`).
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn activations(&self, lane: usize, activations: &mut [f64]) {
        assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
        assert_eq!(activations.len(), self.model.compiled.activations.len(), "length of activations");
        self.kernel.state(lane, [&mut [], &mut [], activations, &mut []]);
    }

    /// Writes coordinates (`[nq]`) and velocities (`[nv]`) of a lane.
    ///
    /// # Panics
    /// If the lane does not exist or a slice has another length.
    pub fn state(&self, lane: usize, coordinates: &mut [f64], velocities: &mut [f64]) {
        self.check_lane(lane, coordinates.len(), velocities.len());
        self.kernel.state(lane, [coordinates, velocities, &mut [], &mut []]);
    }

    /// Numbers of a snapshot: `nq + 2 · nv + na`.
    pub fn snapshot_len(&self) -> usize {
        self.model.tree.nq + 2 * self.model.tree.nv + self.model.compiled.activations.len()
    }

    /// Writes all that determines a lane's future besides its parameters and forces from outside
    /// ([`Batch::snapshot_len`]): coordinates, velocities, the accelerations from which the solver starts, and activations.
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn save(&self, lane: usize, snapshot: &mut [f64]) {
        assert_eq!(snapshot.len(), self.snapshot_len(), "length of a snapshot");
        let (coordinates, rest) = snapshot.split_at_mut(self.model.tree.nq);
        let (velocities, rest) = rest.split_at_mut(self.model.tree.nv);
        let (accelerations, activations) = rest.split_at_mut(self.model.tree.nv);
        self.check_lane(lane, coordinates.len(), velocities.len());
        self.kernel.state(lane, [coordinates, velocities, activations, accelerations]);
    }

    /// Continues from a snapshot of any lane of any batch of the model, bit for bit, without forces from outside.
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn restore(&mut self, lane: usize, snapshot: &[f64]) {
        assert_eq!(snapshot.len(), self.snapshot_len(), "length of a snapshot");
        let (coordinates, rest) = snapshot.split_at(self.model.tree.nq);
        let (velocities, rest) = rest.split_at(self.model.tree.nv);
        let (accelerations, activations) = rest.split_at(self.model.tree.nv);
        let zeros = std::mem::take(&mut self.zeros);
        self.start(lane, [coordinates, velocities, activations, accelerations], &zeros);
        self.zeros = zeros;
    }

    /// Advances every lane with `active[lane]` that has not failed by `steps` time steps.
    ///
    /// `controls` (`[lanes, nu]`, row-major) are held over the steps and clamped to their range.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn step(&mut self, controls: &[f64], active: &[bool], steps: usize) {
        self.check_lengths(controls, active);
        self.refuse_controls(controls, active);
        self.kernel.run(controls, active, Task::Step(steps), &mut self.failures);
    }

    /// Writes the accelerations (`[lanes, nv]`, MuJoCo's qacc) of every active lane that has not failed.
    ///
    /// The state stays; accelerations that are not finite, or a solver that does not converge, fail the lane.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn accelerations(&mut self, controls: &[f64], active: &[bool], accelerations: &mut [f64]) {
        self.check_lengths(controls, active);
        assert_eq!(accelerations.len(), self.lanes * self.model.tree.nv, "length of accelerations");
        self.refuse_controls(controls, active);
        self.kernel.run(controls, active, Task::Accelerations(accelerations), &mut self.failures);
    }

    /// Keeps the forces of every step from here on, or no longer; what was kept is forgotten. Motion does not depend on it.
    ///
    /// They are those of the last evaluation within a call, as they stand in MuJoCo's `mjData` after as many time steps: at
    /// the state before the last time step (at its last stage, for Runge–Kutta). After [`Batch::accelerations`] they are
    /// those of the current state.
    pub fn record_forces(&mut self, record: bool) {
        self.kernel.record(record, false);
    }

    /// As [`Batch::record_forces`], with the forces of constraints on degrees of freedom, which cost a pass along the tree.
    pub fn record_all_forces(&mut self, record: bool) {
        self.kernel.record(record, record);
    }

    /// Writes torque (N·m) and force (N) from contacts, `connect` and outside on every body of a lane, the world first
    /// (`[bodies + 1, 6]`, row-major; MuJoCo's `cfrc_ext` after `mj_rnePostConstraint`): in the frame of the world, about the
    /// centre of mass of the body's tree. The world's are 0. All are 0 until a step with [`Batch::record_forces`].
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn body_forces(&self, lane: usize, out: &mut [f64]) {
        self.recorded(lane, Recorded::Bodies, 6 * (self.model.compiled.bodies.len() + 1), out);
    }

    /// Writes the sum of the normal forces (N, not negative) of all contacts of every geom of the model (`[geoms]`, in the
    /// order of [`crate::Compiled::geoms`]). Otherwise as [`Batch::body_forces`].
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn contact_forces(&self, lane: usize, out: &mut [f64]) {
        self.recorded(lane, Recorded::Geoms, self.model.compiled.geoms.len(), out);
    }

    /// Writes the force of every actuator (`[nu]`, MuJoCo's `actuator_force`). Otherwise as [`Batch::body_forces`].
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn actuator_forces(&self, lane: usize, out: &mut [f64]) {
        self.recorded(lane, Recorded::Actuators, self.model.compiled.nu(), out);
    }

    /// Writes what the actuators add to every degree of freedom (`[nv]`, MuJoCo's `qfrc_actuator`). Otherwise as
    /// [`Batch::body_forces`].
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn joint_forces(&self, lane: usize, out: &mut [f64]) {
        self.recorded(lane, Recorded::Dofs, self.model.tree.nv, out);
    }

    /// Writes what contacts, limits, dry friction and equality constraints add to every degree of freedom (`[nv]`, MuJoCo's
    /// `qfrc_constraint`). All are 0 until a step with [`Batch::record_all_forces`]; otherwise as [`Batch::body_forces`].
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn constraint_forces(&self, lane: usize, out: &mut [f64]) {
        self.recorded(lane, Recorded::Constraints, self.model.tree.nv, out);
    }

    /// Keeps where the last evaluation was from here on, or no longer. Motion does not depend on it.
    pub fn keep_evaluated(&mut self, keep: bool) {
        self.kernel.keep_evaluated(keep);
    }

    /// Writes coordinates (`[nq]`) and velocities (`[nv]`) of the last evaluation within a call, of which places and
    /// velocities of bodies in MuJoCo's `mjData` are after as many time steps: those before the last time step, or of its last
    /// stage (Runge–Kutta). They are those of the state after a start and after [`Batch::accelerations`], and 0 without
    /// [`Batch::keep_evaluated`].
    ///
    /// # Panics
    /// If the lane does not exist or a slice has another length.
    pub fn evaluated(&self, lane: usize, coordinates: &mut [f64], velocities: &mut [f64]) {
        self.check_lane(lane, coordinates.len(), velocities.len());
        self.kernel.evaluated(lane, coordinates, velocities);
    }

    /// Reads these sensors from here on, and no others. Motion does not depend on it.
    ///
    /// They measure the state at which the last time step within a call began, as MuJoCo's `sensordata` does after as many
    /// time steps; after [`Batch::accelerations`] the current one.
    ///
    /// # Errors
    /// [`SensorError`] names the first that is of nothing in the model; nothing changes then.
    pub fn read_sensors(&mut self, sensors: &[Sensor]) -> Result<(), SensorError> {
        let program = Program::new(&self.model, sensors)?;
        self.sensor_numbers = program.numbers;
        self.kernel.watch(program);
        Ok(())
    }

    /// Writes the numbers of all sensors that are read, one after the other. All are 0 until something was evaluated.
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn sensors(&self, lane: usize, out: &mut [f64]) {
        assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
        assert_eq!(out.len(), self.sensor_numbers, "length of sensors");
        self.kernel.measured(lane, out);
    }

    fn recorded(&self, lane: usize, what: Recorded, length: usize, out: &mut [f64]) {
        assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
        assert_eq!(out.len(), length, "length of forces");
        self.kernel.recorded(lane, what, out);
    }

    fn check_lane(&self, lane: usize, coordinates: usize, velocities: usize) {
        assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
        let lengths = (self.model.tree.nq, self.model.tree.nv);
        assert_eq!((coordinates, velocities), lengths, "length of coordinates and velocities");
    }

    fn check_lengths(&self, controls: &[f64], active: &[bool]) {
        assert_eq!(controls.len(), self.lanes * self.model.compiled.nu(), "length of controls");
        assert_eq!(active.len(), self.lanes, "length of active");
    }

    fn refuse_controls(&mut self, controls: &[f64], active: &[bool]) {
        let dim = self.model.compiled.nu();
        for lane in 0..self.lanes {
            let finite = controls[lane * dim..][..dim].iter().all(|u| u.is_finite());
            if active[lane] && self.failures[lane].is_none() && !finite {
                self.failures[lane] = Some(Failure::Control);
            }
        }
    }

    fn start(&mut self, lane: usize, state: [&[f64]; 4], zeros: &[f64]) {
        self.check_lane(lane, state[0].len(), state[1].len());
        let still = &zeros[..self.model.tree.nv];
        self.kernel.set_state(lane, state);
        self.failures[lane] = if self.kernel.sane(lane) { None } else { Some(Failure::State) };
        if self.failures[lane].is_some() {
            // Numbers that are none stay out of the registers: they only slow the others down.
            let act = &zeros[..self.model.compiled.activations.len()];
            self.kernel.set_state(lane, [&self.reference, still, act, still]);
        }
        self.kernel.set_forces(lane, &zeros[..6 * self.model.compiled.bodies.len()]);
    }
}
