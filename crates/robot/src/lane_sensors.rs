//! Sensors that a task reads, on the batched engine.

use wr2l_lanes::{Arm, Measure, Mount, Sensor, Shape};

use crate::inventory::{self, Inventory, Sensed};

/// Why the batched engine does not give a number of the sensors, if it does not.
pub(crate) fn refuses(inventory: &Inventory, address: usize) -> Option<String> {
    let Some(sensor) = owner(inventory, address) else { return Some("a sensor that is none".into()) };
    if of_lanes(inventory, sensor).is_some() {
        return None;
    }
    Some(format!("the sensor `{}` (`{}`)", sensor.name, sensor.kind))
}

/// The sensors of the batched engine that these numbers are of, and where each number stands among theirs.
pub(crate) fn resolve(inventory: &Inventory, addresses: &[usize]) -> (Vec<Sensor>, Vec<Option<usize>>) {
    let mut sensors = Vec::new();
    let numbers = inventory.sensors.iter().map(|sensor| sensor.address + sensor.dimension).max().unwrap_or(0);
    let mut places = vec![None; numbers];
    let mut next = 0;
    for sensor in &inventory.sensors {
        let own = sensor.address..sensor.address + sensor.dimension;
        if !addresses.iter().any(|address| own.contains(address)) {
            continue;
        }
        if let Some(known) = of_lanes(inventory, sensor) {
            sensors.push(known);
            for place in &mut places[own] {
                *place = Some(next);
                next += 1;
            }
        }
    }
    (sensors, places)
}

/// Whether a sensor of the model, read or not, makes MuJoCo compute the forces on bodies at every evaluation.
pub(crate) fn feels_bodies(inventory: &Inventory) -> bool {
    const KINDS: [&str; 5] = ["accelerometer", "force", "torque", "framelinacc", "frameangacc"];
    inventory.sensors.iter().any(|s| s.of.is_some() && KINDS.contains(&s.kind.as_str()))
}

/// The sensor that a number is of.
fn owner(inventory: &Inventory, address: usize) -> Option<&inventory::Sensor> {
    inventory.sensors.iter().find(|s| (s.address..s.address + s.dimension).contains(&address))
}

/// A sensor in the batched engine's words, if it has any for it.
fn of_lanes(inventory: &Inventory, sensor: &inventory::Sensor) -> Option<Sensor> {
    let of = sensor.of.as_ref()?;
    let at = mount(inventory, of);
    let from = match &sensor.from {
        Some(from) => Some(mount(inventory, from)?),
        None => None,
    };
    let joint = match *of {
        Sensed::Joint(joint) => Some(joint as u32),
        _ => None,
    };
    let actuator = match *of {
        Sensed::Actuator(actuator) => Some(actuator as u32),
        _ => None,
    };
    let body = match *of {
        Sensed::Body(body) | Sensed::Frame(body) => Some(body as u32),
        _ => None,
    };
    let measure = match sensor.kind.as_str() {
        "framepos" => Measure::FramePosition { of: at?, from },
        "framexaxis" => Measure::FrameAxis { of: at?, from, axis: 0 },
        "frameyaxis" => Measure::FrameAxis { of: at?, from, axis: 1 },
        "framezaxis" => Measure::FrameAxis { of: at?, from, axis: 2 },
        "framequat" => Measure::FrameOrientation { of: at?, from },
        "framelinvel" => Measure::FrameVelocity { of: at?, from },
        "frameangvel" => Measure::FrameSpin { of: at?, from },
        "framelinacc" => Measure::FrameAcceleration(at?),
        "frameangacc" => Measure::FrameAngularAcceleration(at?),
        "accelerometer" => Measure::Accelerometer(at?),
        "velocimeter" => Measure::Velocimeter(at?),
        "gyro" => Measure::Gyro(at?),
        "magnetometer" => Measure::Magnetometer { at: at?, field: inventory.magnetic },
        // What the world's parent would exert has no meaning.
        "force" => Measure::Force(at.filter(|at| at.body() > 0)?),
        "torque" => Measure::Torque(at.filter(|at| at.body() > 0)?),
        "touch" => {
            let Sensed::Site(site) = *of else { return None };
            let site = &inventory.sites[site];
            Measure::Touch { at: at?, shape: zone(&site.shape)?, size: site.size }
        }
        "jointpos" => Measure::JointPosition(joint?),
        "jointvel" => Measure::JointVelocity(joint?),
        "jointactuatorfrc" => Measure::JointActuatorForce(joint?),
        "jointlimitpos" => Measure::JointLimitPosition(joint?),
        "jointlimitvel" => Measure::JointLimitVelocity(joint?),
        "jointlimitfrc" => Measure::JointLimitForce(joint?),
        "ballquat" => Measure::BallOrientation(joint?),
        "ballangvel" => Measure::BallSpin(joint?),
        "actuatorpos" => Measure::ActuatorPosition(actuator?),
        "actuatorvel" => Measure::ActuatorVelocity(actuator?),
        "actuatorfrc" => Measure::ActuatorForce(actuator?),
        "tendonpos" => Measure::TendonPosition(arms(of)?),
        "tendonvel" => Measure::TendonVelocity(arms(of)?),
        "tendonactuatorfrc" => {
            let Sensed::Tendon { actuators, .. } = of else { return None };
            Measure::TendonForce(actuators.iter().map(|a| *a as u32).collect())
        }
        "subtreecom" => Measure::SubtreeCentre(body?),
        "subtreelinvel" => Measure::SubtreeVelocity(body?),
        "subtreeangmom" => Measure::SubtreeMomentum(body?),
        _ => return None,
    };
    // Whoever wrote the inventory: what follows counts on it.
    (measure.numbers() == sensor.dimension).then_some(Sensor { measure, bounds: sensor.bounds })
}

fn mount(inventory: &Inventory, of: &Sensed) -> Option<Mount> {
    let fixed =
        |body: usize, position, orientation| Mount::Fixed { body: body as u32, position, orientation };
    match *of {
        Sensed::Frame(body) => Some(fixed(body, [0.0; 3], [1.0, 0.0, 0.0, 0.0])),
        Sensed::Body(body) => Some(Mount::Inertial { body: body as u32 }),
        Sensed::Geom(geom) => {
            let geom = &inventory.geoms[geom];
            Some(fixed(geom.body, geom.position, geom.orientation))
        }
        Sensed::Site(site) => {
            let site = &inventory.sites[site];
            Some(fixed(site.body, site.position, site.orientation))
        }
        Sensed::Joint(_) | Sensed::Actuator(_) | Sensed::Tendon { .. } => None,
    }
}

fn arms(of: &Sensed) -> Option<Vec<Arm>> {
    let Sensed::Tendon { joints, coefficients, .. } = of else { return None };
    let arm = |(joint, coefficient): (&usize, &f64)| Arm { joint: *joint as u32, coefficient: *coefficient };
    Some(joints.iter().zip(coefficients).map(arm).collect())
}

fn zone(shape: &str) -> Option<Shape> {
    match shape {
        "sphere" => Some(Shape::Sphere),
        "capsule" => Some(Shape::Capsule),
        "ellipsoid" => Some(Shape::Ellipsoid),
        "cylinder" => Some(Shape::Cylinder),
        "box" => Some(Shape::Box),
        _ => None,
    }
}
