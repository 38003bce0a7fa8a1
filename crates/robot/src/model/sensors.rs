//! The sensors of a model that MuJoCo has compiled.

use mujoco_rs::prelude::*;

use crate::inventory::{Sensed, Sensor};

/// MJCF's names of sensors, by MuJoCo's number (`mjtSensor`).
const SENSORS: [&str; 49] = [
    "touch",
    "accelerometer",
    "velocimeter",
    "gyro",
    "force",
    "torque",
    "magnetometer",
    "rangefinder",
    "camprojection",
    "jointpos",
    "jointvel",
    "tendonpos",
    "tendonvel",
    "actuatorpos",
    "actuatorvel",
    "actuatorfrc",
    "jointactuatorfrc",
    "tendonactuatorfrc",
    "ballquat",
    "ballangvel",
    "jointlimitpos",
    "jointlimitvel",
    "jointlimitfrc",
    "tendonlimitpos",
    "tendonlimitvel",
    "tendonlimitfrc",
    "framepos",
    "framequat",
    "framexaxis",
    "frameyaxis",
    "framezaxis",
    "framelinvel",
    "frameangvel",
    "framelinacc",
    "frameangacc",
    "subtreecom",
    "subtreelinvel",
    "subtreeangmom",
    "insidesite",
    "distance",
    "normal",
    "fromto",
    "contact",
    "e_potential",
    "e_kinetic",
    "clock",
    "tactile",
    "plugin",
    "user",
];

/// The bit of `mjOption` that leaves all sensors at 0.
const SENSORS_DISABLED: i32 = 1 << 13;

/// Lists the sensors.
pub(super) fn list(model: &MjModel) -> Vec<Sensor> {
    (0..model.sensor_type().len()).map(|s| sensor(model, s)).collect()
}

fn sensor(model: &MjModel, s: usize) -> Sensor {
    let kind = SENSORS.get(model.sensor_type()[s] as usize).copied().unwrap_or("other").to_owned();
    let disabled = model.opt().disableflags & SENSORS_DISABLED != 0;
    // Delays and intervals keep a history.
    let late = model.sensor_history()[s][0] > 0;
    let object = |kind: MjtObjBase, id: i32| usize::try_from(id).ok().and_then(|id| sensed(model, kind, id));
    let of = object(model.sensor_objtype()[s], model.sensor_objid()[s]);
    let from = object(model.sensor_reftype()[s], model.sensor_refid()[s]);
    // A frame that is unknown here is not the world's.
    let strange = from.is_none() && model.sensor_refid()[s] >= 0;
    let cutoff = model.sensor_cutoff()[s];
    let bounds = match model.sensor_datatype()[s] {
        MjtDataType::mjDATATYPE_REAL => Some([-cutoff, cutoff]),
        MjtDataType::mjDATATYPE_POSITIVE => Some([f64::NEG_INFINITY, cutoff]),
        _ => None,
    };
    Sensor {
        name: model.id_to_name(MjtObjBase::mjOBJ_SENSOR, s).unwrap_or_default().to_owned(),
        kind,
        address: model.sensor_adr()[s] as usize,
        dimension: model.sensor_dim()[s] as usize,
        of: of.filter(|_| !(disabled || late || strange)),
        from,
        bounds: bounds.filter(|_| cutoff > 0.0),
    }
}

/// What a sensor is of, if it can be said without MuJoCo.
fn sensed(model: &MjModel, kind: MjtObjBase, id: usize) -> Option<Sensed> {
    match kind {
        MjtObjBase::mjOBJ_XBODY => Some(Sensed::Frame(id)),
        MjtObjBase::mjOBJ_BODY => Some(Sensed::Body(id)),
        MjtObjBase::mjOBJ_GEOM => Some(Sensed::Geom(id)),
        MjtObjBase::mjOBJ_SITE => Some(Sensed::Site(id)),
        MjtObjBase::mjOBJ_JOINT => Some(Sensed::Joint(id)),
        MjtObjBase::mjOBJ_ACTUATOR => Some(Sensed::Actuator(id)),
        MjtObjBase::mjOBJ_TENDON => tendon(model, id),
        _ => None,
    }
}

/// A tendon, if it is fixed.
fn tendon(model: &MjModel, tendon: usize) -> Option<Sensed> {
    let first = model.tendon_adr()[tendon] as usize;
    let wraps = first..first + model.tendon_num()[tendon] as usize;
    if wraps.clone().any(|w| model.wrap_type()[w] != MjtWrap::mjWRAP_JOINT) {
        return None;
    }
    let pulls = |a: &usize| {
        model.actuator_trntype()[*a] == MjtTrn::mjTRN_TENDON && model.actuator_trnid()[*a][0] == tendon as i32
    };
    Some(Sensed::Tendon {
        joints: wraps.clone().map(|w| model.wrap_objid()[w] as usize).collect(),
        coefficients: wraps.map(|w| model.wrap_prm()[w]).collect(),
        actuators: (0..model.actuator_trntype().len()).filter(pulls).collect(),
    })
}
