//! What a sensor measures: MuJoCo's sensors, as far as this engine gives them.

use thiserror::Error;

use crate::compiled::{Arm, Shape};

/// A frame that a sensor is attached to, or looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mount {
    /// One that is fixed to a body: its own, or that of a geom or site of it.
    Fixed {
        /// The body, counted as in [`crate::Body::parent`].
        body: u32,
        /// Position in the body's frame (m).
        position: [f64; 3],
        /// Orientation in the body's frame, a unit quaternion (w, x, y, z).
        orientation: [f64; 4],
    },
    /// The centre of mass and the principal axes of a body, which follow its parameters.
    Inertial {
        /// The body, counted as in [`crate::Body::parent`].
        body: u32,
    },
}

impl Mount {
    /// The body that it moves with.
    pub fn body(&self) -> u32 {
        match *self {
            Self::Fixed { body, .. } | Self::Inertial { body } => body,
        }
    }
}

/// What a sensor measures, under the name of its element in MJCF. Indices are those of the [`crate::Compiled`] model, bodies
/// counted as in [`crate::Body::parent`]. `from` is the frame that an observer stands in; without it, it is the world's.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// `framepos`: a place (m).
    FramePosition {
        /// Whose.
        of: Mount,
        /// Seen from where.
        from: Option<Mount>,
    },
    /// `framexaxis`, `frameyaxis`, `framezaxis`: a direction.
    FrameAxis {
        /// Whose.
        of: Mount,
        /// Seen from where.
        from: Option<Mount>,
        /// 0, 1, 2 for x, y, z.
        axis: u8,
    },
    /// `framequat`: an orientation, a unit quaternion with MuJoCo's sign.
    FrameOrientation {
        /// Whose.
        of: Mount,
        /// Seen from where.
        from: Option<Mount>,
    },
    /// `framelinvel`: the velocity of the origin (m/s).
    FrameVelocity {
        /// Whose.
        of: Mount,
        /// Seen from where.
        from: Option<Mount>,
    },
    /// `frameangvel`: angular velocity (rad/s).
    FrameSpin {
        /// Whose.
        of: Mount,
        /// Seen from where.
        from: Option<Mount>,
    },
    /// `framelinacc`: acceleration of the origin less gravity, in the axes of the world (m/s²).
    FrameAcceleration(Mount),
    /// `frameangacc`: angular acceleration in the axes of the world (rad/s²).
    FrameAngularAcceleration(Mount),
    /// `accelerometer`: acceleration less gravity, in its own axes (m/s²).
    Accelerometer(Mount),
    /// `velocimeter`: velocity in its own axes (m/s).
    Velocimeter(Mount),
    /// `gyro`: angular velocity in its own axes (rad/s).
    Gyro(Mount),
    /// `magnetometer`: a field that is the same everywhere, in its own axes.
    Magnetometer {
        /// Where it is.
        at: Mount,
        /// The field in the axes of the world.
        field: [f64; 3],
    },
    /// `force`: what the parent of its body exerts on it, in its own axes (N).
    Force(Mount),
    /// `torque`: the same about its origin (N·m).
    Torque(Mount),
    /// `touch`: the sum of the normal forces (N) of those contacts of its body whose force passes through a zone.
    Touch {
        /// The zone's frame.
        at: Mount,
        /// Its shape: sphere, capsule, ellipsoid, cylinder or box.
        shape: Shape,
        /// Its size, as [`crate::Geom::size`].
        size: [f64; 3],
    },
    /// `jointpos`: the coordinate of a hinge or slide.
    JointPosition(u32),
    /// `jointvel`: its velocity.
    JointVelocity(u32),
    /// `jointactuatorfrc`: the force of all actuators on it.
    JointActuatorForce(u32),
    /// `jointlimitpos`: how far it is beyond the margin of the limit that acts (negative); 0 where none does.
    JointLimitPosition(u32),
    /// `jointlimitvel`: its velocity away from that limit; 0 where none acts.
    JointLimitVelocity(u32),
    /// `jointlimitfrc`: the force of that limit; 0 where none acts.
    JointLimitForce(u32),
    /// `ballquat`: the coordinates of a ball joint, a unit quaternion.
    BallOrientation(u32),
    /// `ballangvel`: its angular velocity.
    BallSpin(u32),
    /// `actuatorpos`: the length of an actuator.
    ActuatorPosition(u32),
    /// `actuatorvel`: its velocity.
    ActuatorVelocity(u32),
    /// `actuatorfrc`: its force.
    ActuatorForce(u32),
    /// `tendonpos`: the length of a fixed tendon.
    TendonPosition(Vec<Arm>),
    /// `tendonvel`: its velocity.
    TendonVelocity(Vec<Arm>),
    /// `tendonactuatorfrc`: the force of all actuators on a tendon, which are these.
    TendonForce(Vec<u32>),
    /// `subtreecom`: the centre of mass of a body and all that hangs from it (m).
    SubtreeCentre(u32),
    /// `subtreelinvel`: the velocity of that centre (m/s).
    SubtreeVelocity(u32),
    /// `subtreeangmom`: the angular momentum about that centre (N·m·s).
    SubtreeMomentum(u32),
}

impl Measure {
    /// How many numbers it gives.
    pub fn numbers(&self) -> usize {
        match self {
            Self::FrameOrientation { .. } | Self::BallOrientation(_) => 4,
            Self::Touch { .. }
            | Self::JointPosition(_)
            | Self::JointVelocity(_)
            | Self::JointActuatorForce(_)
            | Self::JointLimitPosition(_)
            | Self::JointLimitVelocity(_)
            | Self::JointLimitForce(_)
            | Self::ActuatorPosition(_)
            | Self::ActuatorVelocity(_)
            | Self::ActuatorForce(_)
            | Self::TendonPosition(_)
            | Self::TendonVelocity(_)
            | Self::TendonForce(_) => 1,
            _ => 3,
        }
    }

    /// The frames that it is about: its own, and the observer's.
    pub(crate) fn mounts(&self) -> [Option<Mount>; 2] {
        match *self {
            Self::FramePosition { of, from }
            | Self::FrameAxis { of, from, .. }
            | Self::FrameOrientation { of, from }
            | Self::FrameVelocity { of, from }
            | Self::FrameSpin { of, from } => [Some(of), from],
            Self::FrameAcceleration(at)
            | Self::FrameAngularAcceleration(at)
            | Self::Accelerometer(at)
            | Self::Velocimeter(at)
            | Self::Gyro(at)
            | Self::Force(at)
            | Self::Torque(at)
            | Self::Magnetometer { at, .. }
            | Self::Touch { at, .. } => [Some(at), None],
            _ => [None, None],
        }
    }
}

/// A sensor: what it measures, and the bounds that its numbers are cut at (MuJoCo's `cutoff`).
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    /// What it measures.
    pub measure: Measure,
    /// The least and the largest number that it gives, if it is cut.
    pub bounds: Option<[f64; 2]>,
}

/// Why sensors were refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("sensor {index}: {what}")]
pub struct SensorError {
    /// Which of those that were asked for.
    pub index: usize,
    /// What is wrong with it.
    pub what: &'static str,
}
