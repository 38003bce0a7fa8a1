//! Many robots of one kind, in lanes.

use crate::kernel::{Kernel, Task, kernel};
use crate::mjcf::MjcfError;
use crate::model::{Design, MAX_BODIES, MAX_COORDINATES, Model, angle};
use crate::recognise::recognise;
use crate::robots;
use crate::system::{Constants, Derived, ParameterError, Parameters};

/// The robots that exist: Gymnasium's `-v5` models of these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Robot {
    /// A torso on one leg: 6 degrees of freedom, 3 motors.
    Hopper,
    /// A torso on two legs: 9 degrees of freedom, 6 motors.
    Walker2d,
    /// A long torso on a back and a front leg: 9 degrees of freedom, 6 motors.
    HalfCheetah,
    /// A pole on a cart: 2 degrees of freedom, 1 motor.
    InvertedPendulum,
}

/// Sizes and the time step of a robot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Number of degrees of freedom: length of positions and of velocities.
    pub dofs: usize,
    /// Number of motors: length of a control.
    pub controls: usize,
    /// Number of bodies.
    pub bodies: usize,
    /// Number of joints with parameters.
    pub joints: usize,
    /// Number of capsules.
    pub capsules: usize,
    /// Seconds per time step.
    pub timestep: f64,
}

/// A body of a robot, in the plane of x (forward) and z (up), lengths in m.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyShape {
    /// Its name in the model.
    pub name: &'static str,
    /// Number of the body that carries it.
    pub parent: Option<usize>,
    /// Where it is hinged; of the root its origin.
    pub hinge: [f64; 2],
    /// Number of the position that turns it, if one does.
    pub angle: Option<usize>,
    /// Whether that turns z towards x (1) or away from it (−1).
    pub sign: f64,
    /// Numbers of the positions that shift it along x and along z.
    pub slide: [Option<usize>; 2],
    /// Both ends and the radius of each of its capsules.
    pub capsules: Vec<([f64; 2], [f64; 2], f64)>,
}

/// Names of a robot's parts, in the order of [`Parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// The bodies, parents first.
    pub bodies: &'static [&'static str],
    /// The joints that have parameters.
    pub joints: &'static [&'static str],
}

impl Robot {
    /// All robots.
    pub const ALL: [Self; 4] = [Self::Hopper, Self::Walker2d, Self::HalfCheetah, Self::InvertedPendulum];

    pub(crate) fn model(self) -> Model {
        match self {
            Self::Hopper => robots::Hopper::MODEL,
            Self::Walker2d => robots::Walker2d::MODEL,
            Self::HalfCheetah => robots::HalfCheetah::MODEL,
            Self::InvertedPendulum => robots::InvertedPendulum::MODEL,
        }
    }

    /// What its parts are called in its model.
    pub fn names(self) -> Names {
        match self {
            Self::Hopper => robots::HOPPER_NAMES,
            Self::Walker2d => robots::WALKER2D_NAMES,
            Self::HalfCheetah => robots::HALFCHEETAH_NAMES,
            Self::InvertedPendulum => robots::INVERTEDPENDULUM_NAMES,
        }
    }

    /// Its bodies where all positions are 0, for drawing; parents come first.
    pub fn bodies(self) -> Vec<BodyShape> {
        let (model, names) = (self.model(), self.names());
        let position = |coordinate| model.coordinates.iter().position(|&free| free == coordinate);
        let mut bodies: Vec<BodyShape> = Vec::with_capacity(model.bodies.len());
        for (i, body) in model.bodies.iter().enumerate() {
            let parent = (i > 0).then_some(body.parent);
            let [x, z] = parent.map_or([0.0, model.height], |parent| bodies[parent].hinge);
            let hinge = [x + body.hinge.x, z + body.hinge.z];
            let of_body = model.capsules.iter().filter(|capsule| capsule.body == i);
            let joint = model.joints.iter().find(|joint| joint.coordinate == angle(i));
            bodies.push(BodyShape {
                name: names.bodies[i],
                parent,
                hinge,
                angle: position(angle(i)),
                sign: joint.map_or(1.0, |joint| joint.sign),
                slide: if i == 0 { [position(0), position(1)] } else { [None; 2] },
                capsules: of_body
                    .map(|capsule| {
                        let (centre, half) = (capsule.centre, capsule.half);
                        let end =
                            |s: f64| [hinge[0] + centre.x + s * half.x, hinge[1] + centre.z + s * half.z];
                        (end(-1.0), end(1.0), capsule.radius)
                    })
                    .collect(),
            });
        }
        bodies
    }

    /// The robot that a model in MJCF describes, to the last number: one of `models/*.xml`, or a file that differs in
    /// names, layout and colours only.
    ///
    /// # Errors
    /// [`MjcfError`] names what in the model the planar physics cannot move, or how it differs from the robots.
    pub fn from_mjcf(text: &str) -> Result<Self, MjcfError> {
        recognise(text)
    }

    /// Sizes and the time step.
    pub fn shape(self) -> Shape {
        let model = self.model();
        Shape {
            dofs: model.coordinates.len(),
            controls: model.joints.iter().filter(|joint| joint.gear.is_some()).count(),
            bodies: model.bodies.len(),
            joints: model.joints.len(),
            capsules: model.capsules.len(),
            timestep: model.timestep,
        }
    }

    /// The nominal physical parameters.
    pub fn parameters(self) -> Parameters {
        Parameters::nominal(&self.model())
    }

    /// The constants that follow from parameters.
    ///
    /// # Errors
    /// [`ParameterError::Value`] for a number outside its bounds.
    pub fn derive(self, parameters: &Parameters) -> Result<Derived, ParameterError> {
        let constants = match self {
            Self::Hopper => Constants::checked::<robots::Hopper>(parameters),
            Self::Walker2d => Constants::checked::<robots::Walker2d>(parameters),
            Self::HalfCheetah => Constants::checked::<robots::HalfCheetah>(parameters),
            Self::InvertedPendulum => Constants::checked::<robots::InvertedPendulum>(parameters),
        };
        constants.map(|c| c.derived)
    }
}

/// The instructions that a batch computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstructionSet {
    /// Whatever the program was compiled for, one lane at a time.
    Portable,
    /// AVX2 with FMA: 4 lanes at a time.
    Avx2,
    /// AVX-512: 8 lanes at a time. The same results as with AVX2, to the bit.
    Avx512,
}

impl InstructionSet {
    /// The instruction sets of this machine, the fastest last.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                sets.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f") {
                    sets.push(Self::Avx512);
                }
            }
        }
        sets
    }

    /// The fastest instruction set of this machine.
    pub fn fastest() -> Self {
        Self::available().into_iter().max().unwrap_or(Self::Portable)
    }

    /// How many lanes of f64 are computed at a time; multiples of it waste nothing. Of f32, twice as many (except
    /// [`InstructionSet::Portable`]): see [`Batch::width`].
    pub fn width(self) -> usize {
        match self {
            Self::Portable => 1,
            Self::Avx2 => 4,
            Self::Avx512 => 8,
        }
    }
}

/// The numbers that a batch computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// f64: MuJoCo's accelerations to about 1e-12, at worst 3e-10.
    #[default]
    Double,
    /// f32, in a build with the feature `single`: twice the lanes at a time. States and snapshots are rounded to f32.
    ///
    /// With nominal parameters accelerations agree with MuJoCo's to 1e-5 of the largest of them; over the whole bounds of
    /// the tasks' parameters half of them to 1e-6, nine tenths to 3e-5, the worst to 3e-3, because some contacts are then
    /// a thousand times stiffer than the bodies are heavy (`tests/single.rs`). An x of 100 m has steps of 8 µm, a body
    /// that has turned by more than 1e4 rad counts as diverged, and about one in 15,000 random states as unsolved.
    #[cfg(feature = "single")]
    Single,
}

impl Precision {
    /// All precisions of this build.
    pub const ALL: &[Self] = &[
        Self::Double,
        #[cfg(feature = "single")]
        Self::Single,
    ];
}

/// Why a lane's numbers mean nothing from here on, until it is given a new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// A control was not finite; the lane did not move.
    Control,
    /// A force from outside was not finite.
    Force,
    /// A position or velocity is not finite or beyond 1e10, a body has turned by more than 1e6 rad (1e4 in f32), or an acceleration is
    /// not finite.
    State,
    /// The search for the constrained accelerations did not converge.
    Solver,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Control => "control not finite",
            Self::Force => "force from outside not finite",
            Self::State => "state not finite or absurdly large",
            Self::Solver => "constraint solver did not converge",
        })
    }
}

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
