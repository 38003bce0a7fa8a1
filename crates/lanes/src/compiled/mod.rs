//! What a compiled MuJoCo model says about motion: the input of this crate.
//!
//! Defaults, includes, units and the inference of inertia are the work of MuJoCo's compiler. What it made of a model is
//! kept here by element, in MuJoCo's order and meaning: a field's documentation names the array of `mjModel` it is from.
//! Cameras, textures, meshes for looks and the like are left out.

mod check;
mod file;
#[cfg(feature = "mujoco")]
mod mujoco;

pub use check::CheckError;
pub use file::FileError;

/// A compiled model, as far as it determines motion.
///
/// [`Compiled::check`] says what must hold; [`crate::Model::new`] says what of it the engine can move.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compiled {
    /// What holds for the model as a whole.
    pub options: Options,
    /// The bodies after the world, parents first: `body_*[i + 1]`.
    pub bodies: Vec<Body>,
    /// The joints, those of a body together and bodies in order.
    pub joints: Vec<Joint>,
    /// The degrees of freedom: six of a free joint, three of a ball, one of a hinge or slide.
    pub dofs: Vec<Dof>,
    /// The shapes that may touch; those that touch nothing are left out.
    pub geoms: Vec<Geom>,
    /// Pairs of geoms that touch whatever the geoms say (`<pair>`).
    pub pairs: Vec<Pair>,
    /// Pairs of bodies whose geoms do not touch (`<exclude>`); 0 is the world.
    pub excludes: Vec<[u32; 2]>,
    /// The actuators, one control each.
    pub actuators: Vec<Actuator>,
    /// The activations of those actuators that have one, in their order.
    pub activations: Vec<Activation>,
    /// What is tied together (`<equality>`); ties that do not act are left out.
    pub equalities: Vec<Equality>,
}

/// What holds for a model as a whole (`mjOption`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Time step (s, positive).
    pub timestep: f64,
    /// How a time step is taken.
    pub integrator: Integrator,
    /// Acceleration of gravity (m/s²).
    pub gravity: [f64; 3],
    /// Ratio of frictional to normal impedance of contacts (positive).
    pub impratio: f64,
    /// The shape of friction cones.
    pub cone: Cone,
    /// Density of the medium (kg/m³, not negative).
    pub density: f64,
    /// Viscosity of the medium (Pa·s, not negative).
    pub viscosity: f64,
    /// Velocity of the medium (m/s).
    pub wind: [f64; 3],
    /// Whether geoms of a body and of its parent pass through each other (the flag `filterparent`).
    pub filter_parent: bool,
    /// Whether Euler takes joint damping implicitly (the flag `eulerdamp`).
    pub euler_damping: bool,
    /// Whether `solref` times are at least two time steps (the flag `refsafe`).
    pub safe_reference: bool,
}

impl Default for Options {
    /// MuJoCo's defaults.
    fn default() -> Self {
        Self {
            timestep: 0.002,
            integrator: Integrator::Euler,
            gravity: [0.0, 0.0, -9.81],
            impratio: 1.0,
            cone: Cone::Pyramidal,
            density: 0.0,
            viscosity: 0.0,
            wind: [0.0; 3],
            filter_parent: true,
            euler_damping: true,
            safe_reference: true,
        }
    }
}

/// How a time step is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integrator {
    /// Semi-implicit Euler, implicit in joint damping.
    #[default]
    Euler,
    /// Runge–Kutta of the fourth order.
    RungeKutta4,
    /// Euler, implicit in joint damping and in the velocity terms of actuators.
    ImplicitFast,
}

/// The shape of friction cones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cone {
    /// A pyramid: linear in every direction of friction.
    #[default]
    Pyramidal,
    /// An ellipse: the directions of friction share what the normal force allows.
    Elliptic,
}

/// A rigid body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// Its name; empty if it has none.
    pub name: String,
    /// Its parent: 0 is the world, `i` the body `i − 1` (`body_parentid`).
    pub parent: u32,
    /// Position in the parent's frame (m, `body_pos`).
    pub position: [f64; 3],
    /// Orientation in the parent's frame, a unit quaternion (w, x, y, z) (`body_quat`).
    pub orientation: [f64; 4],
    /// Mass (kg, not negative; `body_mass`).
    pub mass: f64,
    /// Principal moments of inertia about the centre of mass (kg·m², not negative; `body_inertia`).
    pub inertia: [f64; 3],
    /// The centre of mass in the body's frame (m, `body_ipos`).
    pub centre: [f64; 3],
    /// The principal axes in the body's frame, a unit quaternion (`body_iquat`).
    pub axes: [f64; 4],
    /// Whether MuJoCo takes it for a point on slides (`body_simple` is 2), whose inverse weights are 1/mass and 0.
    pub point: bool,
}

/// The kind of a joint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JointKind {
    /// Moves and turns freely: 7 coordinates (position, unit quaternion), 6 degrees of freedom (velocity in the frame of
    /// the world, angular velocity in the frame of the body).
    Free,
    /// Turns freely about its anchor: 4 coordinates (a unit quaternion), 3 degrees of freedom (angular velocity in the frame
    /// of the body, against the parent's).
    Ball,
    /// Moves along an axis.
    Slide,
    /// Turns about an axis.
    #[default]
    Hinge,
}

impl JointKind {
    /// How many coordinates (`qpos`) it has.
    pub fn coordinates(self) -> usize {
        match self {
            Self::Free => 7,
            Self::Ball => 4,
            Self::Slide | Self::Hinge => 1,
        }
    }

    /// How many degrees of freedom (`qvel`) it has.
    pub fn dofs(self) -> usize {
        match self {
            Self::Free => 6,
            Self::Ball => 3,
            Self::Slide | Self::Hinge => 1,
        }
    }

    /// Whether it is a hinge or slide: one coordinate, of which limits, springs and actuators speak.
    pub fn is_scalar(self) -> bool {
        matches!(self, Self::Slide | Self::Hinge)
    }
}

/// How soft a constraint is: MuJoCo's `solref` and `solimp`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softness {
    /// Time constant (s) and damping ratio if positive; stiffness and damping if both are negative.
    pub solref: [f64; 2],
    /// Impedance at the surface and inside, width (m), midpoint and power of the way between.
    pub solimp: [f64; 5],
}

impl Default for Softness {
    /// MuJoCo's default.
    fn default() -> Self {
        Self { solref: [0.02, 1.0], solimp: [0.9, 0.95, 0.001, 0.5, 2.0] }
    }
}

/// What lets a body move in its parent's frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Joint {
    /// Its name; empty if it has none.
    pub name: String,
    /// The body that it moves, counted as in [`Body::parent`] (`jnt_bodyid`).
    pub body: u32,
    /// Its kind (`jnt_type`).
    pub kind: JointKind,
    /// A point of the axis in the body's frame (m, `jnt_pos`).
    pub anchor: [f64; 3],
    /// The axis in the body's frame, a unit vector (`jnt_axis`).
    pub axis: [f64; 3],
    /// The coordinates in the reference pose (`qpos0`); of a hinge or slide only the first counts.
    pub reference: [f64; 7],
    /// The coordinate at which the spring is at rest (`qpos_spring`).
    pub spring: f64,
    /// Stiffness of the spring (N/m or N·m/rad, not negative; `jnt_stiffness`).
    pub stiffness: f64,
    /// The limits, if it has any (`jnt_limited`, `jnt_range`).
    pub range: Option<[f64; 2]>,
    /// How far before a limit it begins to act (`jnt_margin`).
    pub margin: f64,
    /// How soft the limits are (`jnt_solref`, `jnt_solimp`).
    pub softness: Softness,
    /// The range of the sum of all actuators' forces, if limited (`jnt_actfrclimited`, `jnt_actfrcrange`).
    pub actuator_force_range: Option<[f64; 2]>,
}

/// One degree of freedom.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dof {
    /// Inertia of the rotor (kg or kg·m², not negative; `dof_armature`).
    pub armature: f64,
    /// Viscous damping (not negative; `dof_damping`).
    pub damping: f64,
    /// Dry friction (N or N·m, not negative; `dof_frictionloss`).
    pub friction_loss: f64,
    /// How soft dry friction is (`dof_solref`, `dof_solimp`).
    pub softness: Softness,
}

/// What a geom is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// The half-space below z = 0 of its frame.
    Plane,
    /// A sphere.
    #[default]
    Sphere,
    /// A capsule along z of its frame.
    Capsule,
    /// An ellipsoid along the axes of its frame.
    Ellipsoid,
    /// A cylinder along z of its frame.
    Cylinder,
    /// A box along the axes of its frame.
    Box,
    /// Any other shape, by MuJoCo's number (`mjtGeom`): the engine cannot touch it.
    Other(u32),
}

impl Shape {
    /// The shape that MuJoCo gives a number.
    pub(crate) fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Plane,
            2 => Self::Sphere,
            3 => Self::Capsule,
            4 => Self::Ellipsoid,
            5 => Self::Cylinder,
            6 => Self::Box,
            number => Self::Other(number),
        }
    }

    /// MuJoCo's number of a shape.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Plane => 0,
            Self::Sphere => 2,
            Self::Capsule => 3,
            Self::Ellipsoid => 4,
            Self::Cylinder => 5,
            Self::Box => 6,
            Self::Other(number) => number,
        }
    }
}

/// A shape of a body that may touch others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Geom {
    /// Its name; empty if it has none.
    pub name: String,
    /// The body that it belongs to, counted as in [`Body::parent`] (`geom_bodyid`).
    pub body: u32,
    /// Its shape (`geom_type`).
    pub shape: Shape,
    /// Position in the body's frame (m, `geom_pos`).
    pub position: [f64; 3],
    /// Orientation in the body's frame, a unit quaternion (`geom_quat`).
    pub orientation: [f64; 4],
    /// Radius, and half the length of the axis of a capsule or cylinder; the half axes of an ellipsoid or box (m,
    /// `geom_size`). Of no meaning for a plane.
    pub size: [f64; 3],
    /// What it is, in bits (`geom_contype`).
    pub contype: u32,
    /// What it touches, in bits (`geom_conaffinity`).
    pub conaffinity: u32,
    /// Dimension of its contacts: 1, 3, 4 or 6 (`geom_condim`).
    pub condim: u32,
    /// Whose surface decides when two touch: that of the higher number (`geom_priority`).
    pub priority: i32,
    /// Sliding friction (not negative; the first of `geom_friction`).
    pub friction: f64,
    /// Friction against spinning and rolling (m, not negative; the others of `geom_friction`).
    pub spin: [f64; 2],
    /// Its share when softness is mixed (`geom_solmix`).
    pub solmix: f64,
    /// How soft its contacts are (`geom_solref`, `geom_solimp`).
    pub softness: Softness,
    /// How far outside contacts begin to act (m, `geom_margin`).
    pub margin: f64,
}

/// Two geoms that touch whatever they say (`<pair>`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pair {
    /// Its name; empty if it has none.
    pub name: String,
    /// The geoms (`pair_geom1`, `pair_geom2`), indices of [`Compiled::geoms`].
    pub geoms: [u32; 2],
    /// Dimension of its contacts: 1, 3, 4 or 6 (`pair_dim`).
    pub condim: u32,
    /// Sliding friction along the two tangents (not negative; the first two of `pair_friction`).
    pub friction: [f64; 2],
    /// Friction against spinning and against rolling about the two tangents (m, not negative; the others of
    /// `pair_friction`).
    pub spin: [f64; 3],
    /// How soft its contacts are (`pair_solref`, `pair_solimp`).
    pub softness: Softness,
    /// How far outside contacts begin to act (m, `pair_margin`).
    pub margin: f64,
}

/// A joint of a fixed tendon.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Arm {
    /// A hinge or slide, an index of [`Compiled::joints`].
    pub joint: u32,
    /// Length of the tendon per coordinate of the joint.
    pub coefficient: f64,
}

/// What pushes hinges and slides: `force = gain · control + bias · (1, length, velocity)`, at `gear`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Actuator {
    /// Its name; empty if it has none.
    pub name: String,
    /// The joint, an index of [`Compiled::joints`] (`actuator_trnid`).
    pub joint: u32,
    /// The joints of the fixed tendon on which it acts instead; empty where it acts on `joint`.
    pub arms: Vec<Arm>,
    /// Length per coordinate of the joint or length of the tendon, and force on it per force (the first of
    /// `actuator_gear`).
    pub gear: f64,
    /// Force per control (the first of `actuator_gainprm`).
    pub gain: f64,
    /// Force at rest, per length and per velocity (the first three of `actuator_biasprm`; 0 without a bias).
    pub bias: [f64; 3],
    /// The range of the control, if limited (`actuator_ctrllimited`, `actuator_ctrlrange`).
    pub control_range: Option<[f64; 2]>,
    /// The range of the force, if limited (`actuator_forcelimited`, `actuator_forcerange`).
    pub force_range: Option<[f64; 2]>,
}

/// How an activation follows its control (`actuator_dyntype`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dynamics {
    /// It grows at the rate of the control.
    #[default]
    Integrator,
    /// It nears the control, faster the further away it is; a time step is one of Euler.
    Filter,
    /// The same, with the exact solution over a time step.
    ExactFilter,
}

/// A state between the control of an actuator and its force: the force is of this instead of the control.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activation {
    /// Whose it is, an index of [`Compiled::actuators`].
    pub actuator: u32,
    /// How it follows the control.
    pub dynamics: Dynamics,
    /// The time (s, positive) in which a filter comes near the control (the first of `actuator_dynprm`).
    pub time: f64,
    /// The range that it keeps to, if limited (`actuator_actlimited`, `actuator_actrange`).
    pub range: Option<[f64; 2]>,
    /// Whether the force is already that of the end of the time step (`actuator_actearly`).
    pub early: bool,
}

/// What an equality constraint ties together (`eq_type`).
#[derive(Clone, Debug, PartialEq)]
pub enum Tie {
    /// A hinge or slide follows another one: its coordinate less its reference is a polynomial of the other's, or a constant.
    Joint {
        /// The joint that follows, an index of [`Compiled::joints`] (`eq_obj1id`).
        joint: u32,
        /// The one that it follows, if any (`eq_obj2id`).
        leader: Option<u32>,
        /// The polynomial's coefficients, the constant first (`eq_data`).
        polynomial: [f64; 5],
    },
    /// A point of a body stays where a point of another is.
    Connect {
        /// The bodies, counted as in [`Body::parent`]; the second may be the world (`eq_obj1id`, `eq_obj2id`, or those of the
        /// two sites).
        bodies: [u32; 2],
        /// The points in their frames (m, `eq_data`, or `site_pos`).
        anchors: [[f64; 3]; 2],
    },
}

impl Default for Tie {
    fn default() -> Self {
        Self::Joint { joint: 0, leader: None, polynomial: [0.0; 5] }
    }
}

/// A soft constraint that always acts, both ways.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Equality {
    /// Its name; empty if it has none.
    pub name: String,
    /// What it ties together.
    pub tie: Tie,
    /// How soft it is (`eq_solref`, `eq_solimp`).
    pub softness: Softness,
}

impl Compiled {
    /// Number of coordinates, MuJoCo's `nq`.
    pub fn nq(&self) -> usize {
        self.joints.iter().map(|joint| joint.kind.coordinates()).sum()
    }

    /// Number of degrees of freedom, MuJoCo's `nv`.
    pub fn nv(&self) -> usize {
        self.joints.iter().map(|joint| joint.kind.dofs()).sum()
    }

    /// Number of controls, MuJoCo's `nu`.
    pub fn nu(&self) -> usize {
        self.actuators.len()
    }

    /// The coordinates of the reference pose (`[nq]`, MuJoCo's `qpos0`).
    pub fn reference(&self) -> Vec<f64> {
        let of = |joint: &Joint| joint.reference[..joint.kind.coordinates()].to_vec();
        self.joints.iter().flat_map(of).collect()
    }
}
