//! Sensors, resolved against a model.

use crate::compiled::{JointKind, Shape};
use crate::frame::{Frame, STRAIGHT, Turn};
use crate::model::Model;
use crate::sensor::{Measure, Mount, Sensor, SensorError};

/// A unit quaternion (w, x, y, z).
type Quaternion = [f64; 4];

/// Where a [`Mount`] is.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) body: usize,
    /// The link that it moves with; in the world it rests.
    pub(crate) link: Option<usize>,
    /// In the frame of the link, or of the world. Of the inertia of a body: the body's.
    pub(crate) frame: Frame,
    /// The same rotation, with MuJoCo's sign.
    pub(crate) quaternion: Quaternion,
    /// Whether it is that of the body's inertia.
    pub(crate) inertial: bool,
}

/// A sensor, with all that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) measure: Measure,
    pub(crate) of: Seat,
    pub(crate) from: Option<Seat>,
    /// The bodies that hang from the one that it is about, this one first.
    pub(crate) tree: Vec<usize>,
    pub(crate) bounds: Option<[f64; 2]>,
}

/// All sensors that are read.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) readings: Vec<Reading>,
    /// How many numbers they give.
    pub(crate) numbers: usize,
    /// Whether accelerations of links, their quaternions, or forces on bodies are needed.
    pub(crate) accelerated: bool,
    pub(crate) oriented: bool,
    pub(crate) loaded: bool,
    /// How every link is turned in its parent before its joints turn it, with MuJoCo's sign.
    pub(crate) rests: Vec<Quaternion>,
}

fn product([a, b, c, d]: Quaternion, [w, x, y, z]: Quaternion) -> Quaternion {
    [
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    ]
}

const NO_TURN: Quaternion = [1.0, 0.0, 0.0, 0.0];

impl Program {
    /// # Errors
    /// [`SensorError`] of the first sensor that is of nothing in the model.
    pub(crate) fn new(model: &Model, sensors: &[Sensor]) -> Result<Self, SensorError> {
        let compiled = &model.compiled;
        // Of every body, how it is turned in its link.
        let mut turns = vec![NO_TURN];
        let mut rests = vec![NO_TURN; model.tree.links.len()];
        for (i, body) in compiled.bodies.iter().enumerate() {
            let turn = product(turns[body.parent as usize], body.orientation);
            let moves = compiled.joints.iter().any(|joint| joint.body as usize == i + 1);
            match model.tree.homes[i + 1].0.filter(|_| moves) {
                Some(link) => {
                    rests[link] = turn;
                    turns.push(NO_TURN);
                }
                None => turns.push(turn),
            }
        }
        let mut readings = Vec::with_capacity(sensors.len());
        for (index, sensor) in sensors.iter().enumerate() {
            check(model, &sensor.measure).map_err(|what| SensorError { index, what })?;
            let [of, from] =
                sensor.measure.mounts().map(|mount| mount.map(|mount| seat(model, &turns, &mount)));
            let world = Mount::Inertial { body: 0 };
            readings.push(Reading {
                of: of.unwrap_or_else(|| seat(model, &turns, &world)),
                from,
                tree: trunk(&sensor.measure).map_or_else(Vec::new, |body| tree(model, body)),
                measure: sensor.measure.clone(),
                bounds: sensor.bounds,
            });
        }
        let any = |is: fn(&Measure) -> bool| readings.iter().any(|reading| is(&reading.measure));
        let loaded = any(|measure| matches!(measure, Measure::Force(_) | Measure::Torque(_)));
        Ok(Self {
            numbers: sensors.iter().map(|sensor| sensor.measure.numbers()).sum(),
            accelerated: loaded
                || any(|measure| {
                    matches!(
                        measure,
                        Measure::FrameAcceleration(_)
                            | Measure::FrameAngularAcceleration(_)
                            | Measure::Accelerometer(_)
                    )
                }),
            oriented: any(|measure| matches!(measure, Measure::FrameOrientation { .. })),
            loaded,
            readings,
            rests,
        })
    }
}

/// The body that carries what a sensor is about, if it is about all that hangs from one.
fn trunk(measure: &Measure) -> Option<usize> {
    match measure {
        Measure::SubtreeCentre(body) | Measure::SubtreeVelocity(body) | Measure::SubtreeMomentum(body) => {
            Some(*body as usize)
        }
        Measure::Force(at) | Measure::Torque(at) => Some(at.body() as usize),
        _ => None,
    }
}

fn tree(model: &Model, trunk: usize) -> Vec<usize> {
    let bodies = &model.compiled.bodies;
    let mut inside = vec![false; bodies.len() + 1];
    inside[trunk] = true;
    for (i, body) in bodies.iter().enumerate() {
        inside[i + 1] |= inside[body.parent as usize];
    }
    (0..inside.len()).filter(|body| inside[*body]).collect()
}

fn seat(model: &Model, turns: &[Quaternion], mount: &Mount) -> Seat {
    let body = mount.body() as usize;
    let (link, home) = model.tree.homes[body];
    let (frame, quaternion, inertial) = match *mount {
        Mount::Fixed { position, orientation, .. } => {
            let own = Frame::new(position, orientation);
            (home.then(&own), product(turns[body], orientation), false)
        }
        // The world has no inertia.
        Mount::Inertial { .. } => (home, turns[body], body > 0),
    };
    Seat { body, link, frame, quaternion, inertial }
}

/// What is wrong with a sensor of a model.
fn check(model: &Model, measure: &Measure) -> Result<(), &'static str> {
    let compiled = &model.compiled;
    let demand = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(what) };
    let joint = |index: u32, is: fn(JointKind) -> bool| {
        demand(
            compiled.joints.get(index as usize).is_some_and(|joint| is(joint.kind)),
            "it has no such joint",
        )
    };
    let scalar = JointKind::is_scalar;
    let ball: fn(JointKind) -> bool = |kind| kind == JointKind::Ball;
    let actuator = |index: u32| demand((index as usize) < compiled.actuators.len(), "no such actuator");
    let body = |body: u32| demand(body as usize <= compiled.bodies.len(), "no such body");
    for mount in measure.mounts().into_iter().flatten() {
        body(mount.body())?;
        if let Mount::Fixed { position, orientation, .. } = mount {
            let norm: f64 = orientation.iter().map(|x| x * x).sum();
            demand(position.iter().all(|x| x.is_finite()), "its position is not finite")?;
            demand((norm - 1.0).abs() < 1e-6, "its orientation must be a unit quaternion")?;
        }
    }
    match measure {
        Measure::FrameAxis { axis, .. } => demand(*axis < 3, "no such axis"),
        Measure::Magnetometer { field, .. } => {
            demand(field.iter().all(|x| x.is_finite()), "the field is not finite")
        }
        Measure::Force(at) | Measure::Torque(at) => demand(at.body() > 0, "nothing carries the world"),
        Measure::Touch { shape, size, .. } => {
            let round = !matches!(shape, Shape::Plane | Shape::Other(_));
            demand(round, "a zone is a sphere, capsule, ellipsoid, cylinder or box")?;
            demand(size.iter().all(|x| x.is_finite() && *x >= 0.0), "a size must not be negative")
        }
        Measure::JointPosition(j)
        | Measure::JointVelocity(j)
        | Measure::JointActuatorForce(j)
        | Measure::JointLimitPosition(j)
        | Measure::JointLimitVelocity(j)
        | Measure::JointLimitForce(j) => joint(*j, scalar),
        Measure::BallOrientation(j) | Measure::BallSpin(j) => joint(*j, ball),
        Measure::ActuatorPosition(a) | Measure::ActuatorVelocity(a) | Measure::ActuatorForce(a) => {
            actuator(*a)
        }
        Measure::TendonPosition(arms) | Measure::TendonVelocity(arms) => {
            arms.iter().try_for_each(|arm| joint(arm.joint, scalar))
        }
        Measure::TendonForce(actuators) => actuators.iter().try_for_each(|a| actuator(*a)),
        Measure::SubtreeCentre(b) | Measure::SubtreeVelocity(b) | Measure::SubtreeMomentum(b) => body(*b),
        _ => Ok(()),
    }
}

impl Seat {
    /// Its rotation in its link, or in the world.
    pub(crate) fn turn(&self) -> &Turn {
        &self.frame.turn
    }

    /// Whether it is turned as its link is.
    pub(crate) fn straight(&self) -> bool {
        self.frame.turn == STRAIGHT
    }
}
