//! Models through MuJoCo's compiler.

use std::path::Path;
use std::sync::Arc;

use mujoco_rs::error::{MjEditError, MjModelError};
use mujoco_rs::prelude::*;
use wr2l_lanes::Compiled;

use super::{RobotError, RobotModel, hash, lanes, looks, sensors};
use crate::inventory::{Actuator, Body, Geom, Inventory, Joint, JointKind, Keyframe, Pair, Site};

/// MJCF's names of shapes, by MuJoCo's number (`mjtGeom`).
const SHAPES: [&str; 9] =
    ["plane", "hfield", "sphere", "capsule", "ellipsoid", "cylinder", "box", "mesh", "sdf"];

/// The bit of `mjOption` that lets geoms of parent and child touch.
const FILTER_PARENT_DISABLED: i32 = 1 << 10;

fn refused(path: &str, reason: impl Into<String>) -> RobotError {
    // MuJoCo breaks its sentences into lines.
    let reason = reason.into().split_whitespace().collect::<Vec<_>>().join(" ");
    RobotError::Model { path: path.to_owned(), reason }
}

fn sentence(error: MjModelError) -> String {
    match error {
        MjModelError::LoadFailed(text) if !text.trim().is_empty() => text,
        other => other.to_string(),
    }
}

fn words(error: MjEditError) -> String {
    match error {
        MjEditError::ParseFailed(text) | MjEditError::CompileFailed(text) if !text.trim().is_empty() => text,
        other => other.to_string(),
    }
}

/// Compiles a file.
pub(super) fn load(path: &Path) -> Result<RobotModel, RobotError> {
    let shown = path.display().to_string();
    if shown.contains('\0') {
        return Err(refused(&shown.replace('\0', "\\0"), "no file has such a name"));
    }
    prepare(&shown)?;
    match std::fs::metadata(path) {
        Err(error) => return Err(refused(&shown, error.to_string())),
        Ok(found) if !found.is_file() => return Err(refused(&shown, "this is no file")),
        Ok(_) => {}
    }
    let binary = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("mjb"));
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    if binary {
        let model = MjModel::from_mjb(path).map_err(|error| refused(&shown, sentence(error)))?;
        let inventory = inventory(&model).map_err(|reason| refused(&shown, reason))?;
        return robot(&shown, name, model, inventory);
    }
    // MuJoCo keeps meshes for models that are read again, which none is: the Go2's take as much as compiling them does.
    MjCache::current().set_capacity(0);
    let mut spec = MjSpec::from_xml(path).map_err(|error| refused(&shown, words(error)))?;
    let whole = spec.compile().map_err(|error| refused(&shown, words(error)))?;
    let inventory = inventory(&whole).map_err(|reason| refused(&shown, reason))?;
    let sensors: Vec<&str> = inventory.sensors.iter().map(|sensor| sensor.kind.as_str()).collect();
    let model = looks::without(&mut spec, &whole, &sensors).unwrap_or(whole);
    drop(spec);
    robot(&shown, name, model, inventory)
}

/// Compiles a text.
pub(super) fn read(name: &str, text: &str) -> Result<RobotModel, RobotError> {
    prepare(name)?;
    let model = MjModel::from_xml_string(text).map_err(|error| refused(name, sentence(error)))?;
    let inventory = inventory(&model).map_err(|reason| refused(name, reason))?;
    robot(name, name.to_owned(), model, inventory)
}

/// The model of MuJoCo's own binary.
pub(super) fn from_binary(binary: &[u8]) -> Result<Arc<MjModel>, RobotError> {
    prepare("a kept model")?;
    let model = MjModel::from_buffer(binary).map_err(|error| RobotError::Kept(sentence(error)))?;
    model.layout();
    Ok(Arc::new(model))
}

/// The same model with other `contype` and `conaffinity`, a pair a geom.
pub(super) fn with_contact_bits(robot: &RobotModel, bits: &[(u32, u32)]) -> Result<RobotModel, RobotError> {
    let mut model = MjModel::clone(&robot.mujoco);
    for (geom, &(contype, conaffinity)) in bits.iter().enumerate() {
        model.geom_contype_mut()[geom] = contype as i32;
        model.geom_conaffinity_mut()[geom] = conaffinity as i32;
    }
    // A body's are those of its geoms together, by which MuJoCo looks whether bodies may touch at all.
    for body in 0..model.body_contype().len() {
        let own = || (0..bits.len()).filter(|geom| robot.inventory.geoms[*geom].body == body);
        model.body_contype_mut()[body] = own().fold(0, |all, geom| all | bits[geom].0 as i32);
        model.body_conaffinity_mut()[body] = own().fold(0, |all, geom| all | bits[geom].1 as i32);
    }
    // The shapes are those of before: what looks left out is still drawn.
    let shapes = robot.inventory.geoms.iter();
    let mut inventory = inventory(&model).map_err(|reason| refused(&robot.name, reason))?;
    for (geom, before) in inventory.geoms.iter_mut().zip(shapes) {
        let (contype, conaffinity, collides) = (geom.contype, geom.conaffinity, geom.collides);
        *geom = Geom { contype, conaffinity, collides, ..before.clone() };
    }
    self::robot(&robot.name, robot.name.clone(), model, inventory)
}

fn prepare(path: &str) -> Result<(), RobotError> {
    wr2l_sim::prepare_mujoco().map_err(|error| refused(path, error.to_string()))
}

fn robot(path: &str, name: String, model: MjModel, inventory: Inventory) -> Result<RobotModel, RobotError> {
    let mut binary = vec![0; model.size()];
    model.save_to_buffer(&mut binary).map_err(|error| refused(path, sentence(error)))?;
    // Computed once and shared by all clones, so that exchanging a lane's model compares two pointers.
    model.layout();
    Ok(RobotModel {
        name,
        inventory: Arc::new(inventory),
        hash: hash(&binary),
        lanes: lanes(Compiled::from_mujoco(&model).map_err(|refusal| refusal.to_string())),
        binary: Arc::from(binary),
        mujoco: Arc::new(model),
    })
}

/// Lists what a model consists of.
fn inventory(model: &MjModel) -> Result<Inventory, String> {
    let named = |kind: MjtObjBase, count: usize| -> Vec<String> {
        (0..count).map(|id| model.id_to_name(kind, id).unwrap_or_default().to_owned()).collect()
    };
    let opt = model.opt();
    let (nq, nv, nu) = (model.nq() as usize, model.nv() as usize, model.nu() as usize);
    let one = |kind: MjtObjBase, id: usize| model.id_to_name(kind, id).unwrap_or_default().to_owned();
    let actuators = model.actuator_trntype().len();
    if let Some(a) = (0..actuators).find(|a| model.actuator_ctrlnum()[*a] != 1) {
        let name = one(MjtObjBase::mjOBJ_ACTUATOR, a);
        let count = model.actuator_ctrlnum()[a];
        return Err(format!(
            "actuator {a} `{name}` has {count} controls, and only actuators with one are known"
        ));
    }
    let pair_of = |g: usize| {
        let holds = |list: &[i32]| list.contains(&(g as i32));
        holds(model.pair_geom1()) || holds(model.pair_geom2())
    };
    let excluded = |signature: &i32| [(signature >> 16) as usize & 0xFFFF, *signature as usize & 0xFFFF];
    let keys = named(MjtObjBase::mjOBJ_KEY, model.nkey() as usize);
    Ok(Inventory {
        observed: Vec::new(),
        timestep: opt.timestep,
        gravity: opt.gravity,
        density: opt.density,
        viscosity: opt.viscosity,
        wind: opt.wind,
        magnetic: opt.magnetic,
        parents_touch: opt.disableflags & FILTER_PARENT_DISABLED != 0,
        excludes: model.exclude_signature().iter().map(excluded).collect(),
        reference: model.qpos0().to_vec(),
        velocities: nv,
        bodies: (0..model.body_parentid().len())
            .map(|b| Body {
                name: one(MjtObjBase::mjOBJ_BODY, b),
                parent: model.body_parentid()[b] as usize,
                mass: model.body_mass()[b],
                inertia: model.body_inertia()[b],
                centre: model.body_ipos()[b],
                simple: model.body_simple()[b] != 0,
            })
            .collect(),
        joints: (0..model.jnt_type().len())
            .map(|j| joint(model, one(MjtObjBase::mjOBJ_JOINT, j), j))
            .collect(),
        geoms: (0..model.geom_type().len())
            .map(|g| Geom {
                name: one(MjtObjBase::mjOBJ_GEOM, g),
                body: model.geom_bodyid()[g] as usize,
                shape: SHAPES.get(model.geom_type()[g] as usize).copied().unwrap_or("other").to_owned(),
                size: model.geom_size()[g],
                position: model.geom_pos()[g],
                orientation: model.geom_quat()[g],
                friction: model.geom_friction()[g],
                priority: model.geom_priority()[g],
                condim: model.geom_condim()[g] as u32,
                contype: model.geom_contype()[g] as u32,
                conaffinity: model.geom_conaffinity()[g] as u32,
                collides: model.geom_contype()[g] != 0 || model.geom_conaffinity()[g] != 0 || pair_of(g),
            })
            .collect(),
        sites: (0..model.site_bodyid().len())
            .map(|s| Site {
                name: one(MjtObjBase::mjOBJ_SITE, s),
                body: model.site_bodyid()[s] as usize,
                position: model.site_pos()[s],
                orientation: model.site_quat()[s],
                shape: SHAPES.get(model.site_type()[s] as usize).copied().unwrap_or("other").to_owned(),
                size: model.site_size()[s],
            })
            .collect(),
        pairs: (0..model.pair_dim().len())
            .map(|p| Pair {
                name: one(MjtObjBase::mjOBJ_PAIR, p),
                geoms: [model.pair_geom1()[p] as usize, model.pair_geom2()[p] as usize],
                condim: model.pair_dim()[p] as u32,
                friction: model.pair_friction()[p],
            })
            .collect(),
        actuators: (0..actuators).map(|a| actuator(model, one(MjtObjBase::mjOBJ_ACTUATOR, a), a)).collect(),
        sensors: sensors::list(model),
        keyframes: keys
            .into_iter()
            .enumerate()
            .map(|(k, name)| Keyframe {
                name,
                positions: model.key_qpos()[k * nq..][..nq].to_vec(),
                velocities: model.key_qvel()[k * nv..][..nv].to_vec(),
                controls: model.key_ctrl()[k * nu..][..nu].to_vec(),
            })
            .collect(),
        tendons: named(MjtObjBase::mjOBJ_TENDON, model.ntendon() as usize),
        equalities: named(MjtObjBase::mjOBJ_EQUALITY, model.neq() as usize),
    })
}

fn joint(model: &MjModel, name: String, j: usize) -> Joint {
    let dof = model.jnt_dofadr()[j] as usize;
    let kind = match model.jnt_type()[j] {
        MjtJoint::mjJNT_FREE => JointKind::Free,
        MjtJoint::mjJNT_BALL => JointKind::Ball,
        MjtJoint::mjJNT_SLIDE => JointKind::Slide,
        MjtJoint::mjJNT_HINGE => JointKind::Hinge,
    };
    Joint {
        name,
        body: model.jnt_bodyid()[j] as usize,
        kind,
        position: model.jnt_qposadr()[j] as usize,
        velocity: dof,
        range: (model.jnt_limited()[j] && kind != JointKind::Free).then_some(model.jnt_range()[j]),
        damping: model.dof_damping()[dof],
        armature: model.dof_armature()[dof],
        friction_loss: model.dof_frictionloss()[dof],
        stiffness: model.jnt_stiffness()[j],
    }
}

fn actuator(model: &MjModel, name: String, a: usize) -> Actuator {
    let on_joint = matches!(model.actuator_trntype()[a], MjtTrn::mjTRN_JOINT | MjtTrn::mjTRN_JOINTINPARENT);
    let affine = model.actuator_biastype()[a] == MjtBias::mjBIAS_AFFINE;
    let none = model.actuator_biastype()[a] == MjtBias::mjBIAS_NONE;
    let control = model.actuator_ctrladr()[a] as usize;
    Actuator {
        name,
        joint: on_joint.then_some(model.actuator_trnid()[a][0] as usize),
        control_range: model.actuator_ctrllimited()[control].then_some(model.actuator_ctrlrange()[control]),
        force_range: model.actuator_forcelimited()[a].then_some(model.actuator_forcerange()[a]),
        gain: model.actuator_gainprm()[a][0],
        bias: if affine { std::array::from_fn(|i| model.actuator_biasprm()[a][i]) } else { [0.0; 3] },
        linear: model.actuator_gaintype()[a] == MjtGain::mjGAIN_FIXED && (affine || none),
        gear: model.actuator_gear()[model.actuator_outadr()[a] as usize][0],
    }
}
