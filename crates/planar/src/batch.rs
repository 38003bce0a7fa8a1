//! Many robots of one kind, in lanes.

use crate::instructions::{Failure, InstructionSet, Precision};
use crate::kernel::{Kernel, Task, kernel};
use crate::model::{MAX_BODIES, MAX_COORDINATES};
use crate::robot::Robot;
use crate::robots;
use crate::system::{ParameterError, Parameters};

/// Many robots of one kind, each lane with its own physical parameters and state.
///
/// Lanes never influence each other: a lane's results are the same, to the bit, whatever the others do. Positions
/// and velocities are MuJoCo's qpos and qvel.
///
/// ```
/// use wr2l_planar::{Batch, Robot};
/// let mut batch = Batch::new(Robot::Hopper, 2);
/// let mut heavy = Robot::Hopper.parameters();
/// heavy.density[0] = 2000.0;
/// batch.set_parameters(1, &heavy)?;
/// for lane in 0..2 {
///     batch.set_state(lane, &[0.0, 1.25, 0.0, 0.0, 0.0, 0.0], &[0.0; 6]);
/// }
/// batch.step(&[0.0; 6], &[true; 2], 4);
/// assert_eq!(batch.failure(1), None);
/// let (mut q, mut v) = ([0.0; 6], [0.0; 6]);
/// batch.state(1, &mut q, &mut v);
/// assert!(v[1] < 0.0, "it falls");
/// # Ok::<(), wr2l_planar::ParameterError>(())
/// ```
pub struct Batch {
    robot: Robot,
    instructions: InstructionSet,
    precision: Precision,
    lanes: usize,
    // One dynamic call for a whole batch and all its time steps, in exchange for one type for all robots.
    kernel: Box<dyn Kernel>,
    failures: Vec<Option<Failure>>,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("robot", &self.robot)
            .field("instructions", &self.instructions)
            .field("precision", &self.precision)
            .field("lanes", &self.lanes)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

impl Batch {
    /// A batch of `lanes` robots with nominal parameters, computed with the fastest instruction set.
    ///
    /// They rest with all positions and velocities 0: give them a state.
    pub fn new(robot: Robot, lanes: usize) -> Self {
        Self::with_instructions(robot, lanes, InstructionSet::fastest())
    }

    /// As [`Batch::new`], with an instruction set; one that this machine lacks is replaced by the fastest it has.
    pub fn with_instructions(robot: Robot, lanes: usize, instructions: InstructionSet) -> Self {
        Self::with_precision(robot, lanes, instructions, Precision::Double)
    }

    /// As [`Batch::with_instructions`], with a precision.
    pub fn with_precision(
        robot: Robot,
        lanes: usize,
        instructions: InstructionSet,
        precision: Precision,
    ) -> Self {
        let instructions = if InstructionSet::available().contains(&instructions) {
            instructions
        } else {
            InstructionSet::fastest()
        };
        let kernel: Box<dyn Kernel> = match robot {
            Robot::Hopper => kernel::<robots::Hopper>(lanes, instructions, precision),
            Robot::Walker2d => kernel::<robots::Walker2d>(lanes, instructions, precision),
            Robot::HalfCheetah => kernel::<robots::HalfCheetah>(lanes, instructions, precision),
            Robot::InvertedPendulum => kernel::<robots::InvertedPendulum>(lanes, instructions, precision),
        };
        Self { robot, instructions, precision, lanes, kernel, failures: vec![None; lanes] }
    }

    /// The robot.
    pub fn robot(&self) -> Robot {
        self.robot
    }

    /// The instruction set in use.
    pub fn instructions(&self) -> InstructionSet {
        self.instructions
    }

    /// The numbers it computes with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// How many lanes are computed at a time; multiples of it waste nothing.
    pub fn width(&self) -> usize {
        self.kernel.width()
    }

    /// Number of lanes.
    pub fn lanes(&self) -> usize {
        self.lanes
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
    /// [`ParameterError::Value`] for a number outside its bounds, [`ParameterError::Lane`] for a lane that does not
    /// exist; nothing changes then.
    pub fn set_parameters(&mut self, lane: usize, parameters: &Parameters) -> Result<(), ParameterError> {
        if lane >= self.lanes {
            return Err(ParameterError::Lane { lane, lanes: self.lanes });
        }
        self.kernel.set_parameters(lane, parameters)
    }

    /// Pushes the bodies of a lane: a force (x, z) on the centre of mass of each (`[bodies, 2]`, row-major, N, in the
    /// frame of the world), as MuJoCo's `xfrc_applied` does.
    ///
    /// The forces last until they are set again; a new state, or a snapshot restored, starts without any. A lane whose
    /// force is not finite fails with [`Failure::Force`].
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn set_forces(&mut self, lane: usize, forces: &[f64]) {
        assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
        assert_eq!(forces.len(), 2 * self.robot.shape().bodies, "length of forces");
        if forces.iter().all(|f| f.is_finite()) {
            self.kernel.set_forces(lane, forces);
        } else if self.failures[lane].is_none() {
            self.failures[lane] = Some(Failure::Force);
        }
    }

    /// Sets positions and velocities of a lane (`[dofs]` each), without forces from outside, and forgets its failure.
    ///
    /// # Panics
    /// If the lane does not exist or a slice has another length.
    pub fn set_state(&mut self, lane: usize, positions: &[f64], velocities: &[f64]) {
        let dofs = self.robot.shape().dofs;
        assert_eq!((positions.len(), velocities.len()), (dofs, dofs), "length of positions and velocities");
        let zero = [0.0; MAX_COORDINATES];
        self.start(lane, [positions, velocities, &zero[..dofs]]);
    }

    /// Writes positions and velocities of a lane (`[dofs]` each).
    ///
    /// # Panics
    /// If the lane does not exist or a slice has another length.
    pub fn state(&self, lane: usize, positions: &mut [f64], velocities: &mut [f64]) {
        assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
        let mut accelerations = [0.0; MAX_COORDINATES];
        let dofs = self.robot.shape().dofs;
        assert_eq!((positions.len(), velocities.len()), (dofs, dofs), "length of positions and velocities");
        self.kernel.state(lane, [positions, velocities, &mut accelerations[..dofs]]);
    }

    /// Writes all that determines a lane's future besides its parameters and forces from outside (`[3 · dofs]`):
    /// positions, velocities, and the accelerations from which the solver starts.
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn save(&self, lane: usize, snapshot: &mut [f64]) {
        assert!(lane < self.lanes, "lane {lane} of {}", self.lanes);
        let dofs = self.robot.shape().dofs;
        assert_eq!(snapshot.len(), 3 * dofs, "length of a snapshot");
        let (positions, rest) = snapshot.split_at_mut(dofs);
        let (velocities, accelerations) = rest.split_at_mut(dofs);
        self.kernel.state(lane, [positions, velocities, accelerations]);
    }

    /// Continues from a snapshot of any lane of any batch of the robot, bit for bit, without forces from outside.
    ///
    /// # Panics
    /// If the lane does not exist or the slice has another length.
    pub fn restore(&mut self, lane: usize, snapshot: &[f64]) {
        let dofs = self.robot.shape().dofs;
        assert_eq!(snapshot.len(), 3 * dofs, "length of a snapshot");
        let (positions, rest) = snapshot.split_at(dofs);
        let (velocities, accelerations) = rest.split_at(dofs);
        self.start(lane, [positions, velocities, accelerations]);
    }

    /// Advances every lane with `active[lane]` that has not failed by `steps` time steps.
    ///
    /// `controls` (`[lanes, controls]`, row-major) are held over the steps and clamped to their range.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn step(&mut self, controls: &[f64], active: &[bool], steps: usize) {
        self.check_lengths(controls, active);
        self.refuse_controls(controls, active);
        self.kernel.run(controls, active, Task::Step(steps), &mut self.failures);
    }

    /// Writes the accelerations (`[lanes, dofs]`, MuJoCo's qacc) of every active lane that has not failed.
    ///
    /// The state stays; accelerations that are not finite, or a solver that does not converge, fail the lane.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn accelerations(&mut self, controls: &[f64], active: &[bool], accelerations: &mut [f64]) {
        self.check_lengths(controls, active);
        assert_eq!(accelerations.len(), self.lanes * self.robot.shape().dofs, "length of accelerations");
        self.refuse_controls(controls, active);
        self.kernel.run(controls, active, Task::Accelerations(accelerations), &mut self.failures);
    }

    fn check_lengths(&self, controls: &[f64], active: &[bool]) {
        assert_eq!(controls.len(), self.lanes * self.robot.shape().controls, "length of controls");
        assert_eq!(active.len(), self.lanes, "length of active");
    }

    fn refuse_controls(&mut self, controls: &[f64], active: &[bool]) {
        let dim = self.robot.shape().controls;
        for (lane, control) in controls.chunks_exact(dim).enumerate() {
            let finite = control.iter().all(|u| u.is_finite());
            if active[lane] && self.failures[lane].is_none() && !finite {
                self.failures[lane] = Some(Failure::Control);
            }
        }
    }

    fn start(&mut self, lane: usize, state: [&[f64]; 3]) {
        self.kernel.set_forces(lane, &[0.0; 2 * MAX_BODIES]);
        self.kernel.set_state(lane, state);
        self.failures[lane] = if self.kernel.sane(lane) { None } else { Some(Failure::State) };
    }
}
