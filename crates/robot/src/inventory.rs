//! What a compiled model consists of, by name.

use serde::{Deserialize, Serialize};

/// The elements of a compiled model, in MuJoCo's order, with the nominal values that people look for. Names are empty where
/// the model gives none. Units are SI.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// Seconds per step of the physics.
    pub timestep: f64,
    /// Acceleration of gravity (m/s²).
    pub gravity: [f64; 3],
    /// Density of the medium (kg/m³); 0 in a vacuum.
    pub density: f64,
    /// Viscosity of the medium (Pa·s).
    pub viscosity: f64,
    /// Velocity of the medium (m/s).
    pub wind: [f64; 3],
    /// The magnetic field, which magnetometers measure.
    #[serde(default)]
    pub magnetic: [f64; 3],
    /// Whether geoms of a body and of its parent touch (the flag `filterparent` is off).
    pub parents_touch: bool,
    /// Pairs of bodies whose geoms do not touch (`<exclude>`).
    pub excludes: Vec<[usize; 2]>,
    /// The reference pose (`qpos0`); its length is the number of generalised positions.
    pub reference: Vec<f64>,
    /// Number of generalised velocities.
    pub velocities: usize,
    /// The bodies, parents first; 0 is the world.
    pub bodies: Vec<Body>,
    /// The joints.
    pub joints: Vec<Joint>,
    /// The geoms, those for looks included.
    pub geoms: Vec<Geom>,
    /// The sites.
    pub sites: Vec<Site>,
    /// Pairs of geoms with contacts of their own (`<pair>`).
    pub pairs: Vec<Pair>,
    /// The actuators, one control each.
    pub actuators: Vec<Actuator>,
    /// The sensors.
    pub sensors: Vec<Sensor>,
    /// States that the model names.
    pub keyframes: Vec<Keyframe>,
    /// Names of the tendons.
    pub tendons: Vec<String>,
    /// Names of the equality constraints.
    pub equalities: Vec<String>,
    /// Terms of a task's observation: none belongs to a model alone.
    #[serde(skip)]
    pub observed: Vec<SensedTerm>,
}

/// A term of a task's observation, whose noise may vary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SensedTerm {
    /// Its name; empty if it has none.
    pub name: String,
    /// Size of its noise, in the unit of its value.
    pub noise: f64,
}

/// A body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Its name.
    pub name: String,
    /// Index of its parent; 0, the world, of itself.
    pub parent: usize,
    /// Mass (kg).
    pub mass: f64,
    /// Principal moments of inertia (kg·m²).
    pub inertia: [f64; 3],
    /// The centre of mass in its frame (m).
    pub centre: [f64; 3],
    /// Whether MuJoCo moves it by a short cut that holds as long as its centre of mass stays in its frame's origin.
    pub simple: bool,
}

/// The kind of a joint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JointKind {
    /// 7 positions (place, unit quaternion), 6 velocities.
    Free,
    /// 4 positions (a unit quaternion), 3 velocities.
    Ball,
    /// 1 position along an axis.
    Slide,
    /// 1 position about an axis.
    #[default]
    Hinge,
}

/// A joint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Joint {
    /// Its name.
    pub name: String,
    /// The body that it moves.
    pub body: usize,
    /// Its kind.
    pub kind: JointKind,
    /// Address of its first generalised position.
    pub position: usize,
    /// Address of its first generalised velocity.
    pub velocity: usize,
    /// Its limits, if it has any.
    pub range: Option<[f64; 2]>,
    /// Damping.
    pub damping: f64,
    /// Armature.
    pub armature: f64,
    /// Dry friction.
    pub friction_loss: f64,
    /// Stiffness of its spring.
    pub stiffness: f64,
}

/// A shape of a body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Geom {
    /// Its name.
    pub name: String,
    /// The body that it belongs to.
    pub body: usize,
    /// MJCF's name of its shape: `plane`, `sphere`, `capsule`, `ellipsoid`, `cylinder`, `box`, `mesh`, `hfield`, `sdf`.
    pub shape: String,
    /// Sizes in MuJoCo's meaning (m); of a mesh, half its extents.
    pub size: [f64; 3],
    /// Position in the body's frame (m).
    pub position: [f64; 3],
    /// Orientation in the body's frame, a unit quaternion (w, x, y, z).
    pub orientation: [f64; 4],
    /// Sliding, torsional and rolling friction.
    pub friction: [f64; 3],
    /// Whose friction counts when two touch: that of the higher number.
    pub priority: i32,
    /// Dimension of its contacts: 1 without friction, 3 with sliding, 4 with torsional, 6 with rolling friction.
    pub condim: u32,
    /// Bits of what it is.
    pub contype: u32,
    /// Bits of what it touches.
    pub conaffinity: u32,
    /// Whether it may touch anything: by these bits, or as one of a `<pair>`.
    pub collides: bool,
}

/// Two geoms that touch by rules of their own (`<pair>`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// The geoms.
    pub geoms: [usize; 2],
    /// Dimension of its contacts, as a geom's.
    pub condim: u32,
    /// Sliding friction along two tangents, torsional, rolling about two tangents.
    pub friction: [f64; 5],
}

/// A named place on a body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// The body that it belongs to.
    pub body: usize,
    /// Position in the body's frame (m).
    pub position: [f64; 3],
    /// Orientation in the body's frame, a unit quaternion (w, x, y, z).
    #[serde(default)]
    pub orientation: [f64; 4],
    /// MJCF's name of its shape: `sphere`, `capsule`, `ellipsoid`, `cylinder`, `box`.
    #[serde(default)]
    pub shape: String,
    /// Sizes in MuJoCo's meaning (m).
    #[serde(default)]
    pub size: [f64; 3],
}

/// An actuator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Actuator {
    /// Its name.
    pub name: String,
    /// The joint that it acts on, if it acts on one.
    pub joint: Option<usize>,
    /// The range of its control, if limited.
    pub control_range: Option<[f64; 2]>,
    /// The range of its force, if limited.
    pub force_range: Option<[f64; 2]>,
    /// Force per control.
    pub gain: f64,
    /// Force at rest, per length and per velocity.
    pub bias: [f64; 3],
    /// Whether its force is `gain · control + bias · (1, length, velocity)`: that of motors and servos, not of muscles.
    pub linear: bool,
    /// Gear.
    pub gear: f64,
}

/// A sensor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// Its name.
    pub name: String,
    /// MJCF's name of its kind.
    pub kind: String,
    /// Address of its first number.
    pub address: usize,
    /// How many numbers it gives.
    pub dimension: usize,
    /// What it is of; none of what only MuJoCo knows: cameras, sensors that are late, nothing at all.
    #[serde(default)]
    pub of: Option<Sensed>,
    /// In whose frame it measures, if not the world's.
    #[serde(default)]
    pub from: Option<Sensed>,
    /// The least and the largest number that it gives, if it is cut.
    #[serde(default)]
    pub bounds: Option<[f64; 2]>,
}

/// What a sensor is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensed {
    /// A body's frame.
    Frame(usize),
    /// A body's centre of mass and principal axes; of all that hangs from it where the sensor says so.
    Body(usize),
    /// A geom.
    Geom(usize),
    /// A site.
    Site(usize),
    /// A joint.
    Joint(usize),
    /// An actuator.
    Actuator(usize),
    /// A fixed tendon: its joints and their coefficients, and the actuators that pull it.
    Tendon {
        /// Hinges and slides.
        joints: Vec<usize>,
        /// Length per coordinate of each.
        coefficients: Vec<f64>,
        /// Actuators.
        actuators: Vec<usize>,
    },
}

/// A state that the model names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Keyframe {
    /// Its name.
    pub name: String,
    /// Generalised positions.
    pub positions: Vec<f64>,
    /// Generalised velocities.
    pub velocities: Vec<f64>,
    /// Controls.
    pub controls: Vec<f64>,
}
