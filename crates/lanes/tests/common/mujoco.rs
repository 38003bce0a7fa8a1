//! MuJoCo's answers.
#![allow(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

use mujoco_rs::prelude::*;
use wr2l_lanes::{Compiled, Contacts, Model, Parameters};

use super::{Random, folder};

pub type Data = MjData<Box<MjModel>>;

/// A model file, and what tests do with it.
pub struct Robot {
    pub name: String,
    pub source: Box<MjModel>,
    pub contacts: Contacts,
}

impl Robot {
    pub fn read(name: &str, path: &Path) -> Self {
        let source = MjModel::from_xml(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::new(name, source)
    }

    pub fn new(name: &str, mut source: MjModel) -> Self {
        // As exact as MuJoCo can be: ours has no tolerance.
        let opt = source.opt_mut();
        (opt.solver, opt.iterations, opt.ls_iterations) = (2, 1000, 1000);
        (opt.tolerance, opt.ls_tolerance) = (1e-15, 1e-10);
        // The same of its search for the nearest points of a capsule and a cylinder.
        (opt.ccd_tolerance, opt.ccd_iterations) = (1e-12, 1000);
        Self { name: name.to_owned(), source: Box::new(source), contacts: Contacts::All }
    }

    /// Leaves it no contacts but those with planes of the world, on both sides.
    fn leave_floor(&mut self) {
        self.name += " (floor)";
        self.contacts = Contacts::FloorOnly;
        let plane = |model: &MjModel, g: usize| model.geom_type()[g] as u32 == 0;
        for p in 0..self.source.pair_dim().len() {
            let (a, b) = (self.source.pair_geom1()[p], self.source.pair_geom2()[p]);
            if !plane(&self.source, a as usize) && !plane(&self.source, b as usize) {
                // So far apart that they never touch.
                self.source.pair_margin_mut()[p] = -1e3;
            }
        }
        for g in 0..self.source.geom_type().len() {
            if self.source.geom_contype()[g] != 0 || self.source.geom_conaffinity()[g] != 0 {
                let plane = plane(&self.source, g);
                self.source.geom_contype_mut()[g] = i32::from(!plane);
                self.source.geom_conaffinity_mut()[g] = i32::from(plane);
            }
        }
    }

    pub fn model(&self) -> Model {
        let compiled = Compiled::from_mujoco(&self.source).unwrap_or_else(|e| panic!("{}: {e}", self.name));
        Model::new(compiled, self.contacts).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// Whether a geom may touch others, and so is one of ours.
    pub fn touches(&self, g: usize) -> bool {
        let model = &self.source;
        let pair = |list: &[i32]| list.contains(&(g as i32));
        model.geom_contype()[g] != 0
            || model.geom_conaffinity()[g] != 0
            || pair(model.pair_geom1())
            || pair(model.pair_geom2())
    }

    /// MuJoCo with other parameters, and all that follows from them.
    pub fn with(&self, phi: &Parameters) -> Data {
        let mut model = self.source.clone();
        model.opt_mut().gravity = phi.gravity;
        for b in 0..phi.mass.len() {
            model.body_mass_mut()[b + 1] = phi.mass[b];
            model.body_inertia_mut()[b + 1] = phi.inertia[b];
            model.body_ipos_mut()[b + 1] = phi.centre[b];
            model.body_iquat_mut()[b + 1] = phi.axes[b];
        }
        model.dof_armature_mut().copy_from_slice(&phi.armature);
        model.dof_damping_mut().copy_from_slice(&phi.damping);
        model.dof_frictionloss_mut().copy_from_slice(&phi.friction_loss);
        model.jnt_stiffness_mut().copy_from_slice(&phi.stiffness);
        // Our geoms are those that may touch.
        let mut own = phi.friction.iter();
        for g in 0..model.geom_type().len() {
            // Where contacts are disabled ours has no geoms at all.
            if self.touches(g) && !phi.friction.is_empty() {
                model.geom_friction_mut()[g][0] = *own.next().expect("as many as ours");
            }
        }
        for (p, friction) in phi.pair_friction.iter().enumerate() {
            model.pair_friction_mut()[p][..2].copy_from_slice(friction);
        }
        for a in 0..phi.gain.len() {
            // SAFETY: the gains of these actuators are fixed, so that no number of states hangs on them.
            let gains = unsafe { model.actuator_gainprm_mut() };
            gains[a][0] = phi.gain[a];
            model.actuator_biasprm_mut()[a][..3].copy_from_slice(&phi.bias[a]);
            model.actuator_gear_mut()[a][0] = phi.gear[a];
        }
        let mut data = MjData::try_new(model).expect("room for the data");
        data.set_const();
        data
    }
}

/// Our own models, one for each group of features.
pub fn own() -> Vec<Robot> {
    [
        "quadruped",
        "tumblers",
        "eel",
        "crates",
        "hound",
        "winch",
        "pendants",
        "scrum",
        "servos",
        "gripper",
        "linkage",
        "ladder",
    ]
    .map(|name| Robot::read(name, &folder().join(format!("{name}.xml"))))
    .into()
}

/// Our own model of what MuJoCo is less exact in than 1e-9 (`tests/blocks.rs` compares it).
pub fn blocks() -> Robot {
    Robot::read("blocks", &folder().join("blocks.xml"))
}

/// The models of the planar crate.
pub fn planar() -> Vec<Robot> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    ["hopper", "walker2d", "half_cheetah"]
        .map(|name| Robot::read(name, &models.join(format!("{name}.xml"))))
        .into()
}

/// Models of the installed Gymnasium, if `WR2L_PYTHON` names a Python that has it.
pub fn gymnasium() -> Vec<Robot> {
    let Some(python) = std::env::var_os("WR2L_PYTHON") else {
        println!("without Gymnasium's models: WR2L_PYTHON names no Python that has them");
        return Vec::new();
    };
    let script = "import gymnasium, pathlib; print(pathlib.Path(gymnasium.__file__).parent)";
    let output = Command::new(python).args(["-c", script]).output().expect("WR2L_PYTHON runs");
    let folder = PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim());
    let names =
        ["ant", "humanoid", "humanoidstandup", "swimmer", "reacher", "inverted_double_pendulum", "pusher_v5"];
    names.map(|name| Robot::read(name, &folder.join(format!("envs/mujoco/assets/{name}.xml")))).into()
}

/// Other people's models, which `WR2L_MODELS` lists: `NAME=FILE`, separated as in a path. Where the engine refuses a model
/// as it is, both sides have no contacts but those with planes of the world, and its name says so.
pub fn others() -> Vec<Robot> {
    let Some(list) = std::env::var("WR2L_MODELS").ok() else {
        println!("without other people's models: WR2L_MODELS lists none");
        return Vec::new();
    };
    let read = |entry: &str| {
        let (name, path) = entry.split_once('=').expect("NAME=FILE");
        let mut robot = Robot::read(name, Path::new(path));
        let compiled = Compiled::from_mujoco(&robot.source).unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Err(refusal) = Model::new(compiled, Contacts::All) {
            println!("{name}: {refusal}");
            robot.leave_floor();
        }
        robot
    };
    list.split(':').filter(|entry| !entry.is_empty()).map(read).collect()
}

/// How far a geom reaches down from its centre.
fn reach(model: &MjModel, data: &Data, g: usize) -> f64 {
    let ([a, b, c], m) = (model.geom_size()[g], data.geom_xmat()[g]);
    let [x, y, z] = [m[6].abs(), m[7].abs(), m[8].abs()];
    match model.geom_type()[g] as u32 {
        2 => a,
        3 => a + b * z,
        4 => ((a * x).powi(2) + (b * y).powi(2) + (c * z).powi(2)).sqrt(),
        5 => b * z + a * (1.0 - z * z).max(0.0).sqrt(),
        _ => a * x + b * y + c * z,
    }
}

/// A random state: upright or not, in the air, touching or deep in the ground, at limits, at rest and fast.
///
/// `model` is that of the data, with any parameters: one that is not lent, because to copy one with meshes takes long.
pub fn scatter(model: &MjModel, data: &mut Data, random: &mut Random) {
    data.reset();
    let mut lift = None;
    let spread = [0.05, 0.3, 3.0][random.below(3)];
    for j in 0..model.jnt_type().len() {
        let at = model.jnt_qposadr()[j] as usize;
        let q = &mut data.qpos_mut()[at..];
        if model.jnt_type()[j] == MjtJoint::mjJNT_FREE {
            q[..2].fill_with(|| 0.3 * random.normal());
            q[3..7].copy_from_slice(&random.unit_quaternion(spread));
            lift = lift.or(Some(at + 2));
            q[2] += 0.2 * random.normal();
        } else if model.jnt_type()[j] == MjtJoint::mjJNT_BALL {
            q[..4].copy_from_slice(&random.unit_quaternion(spread));
        } else if model.jnt_limited()[j] {
            let [low, high] = model.jnt_range()[j];
            let over = 0.1 * (high - low);
            q[0] = random.between(low - over, high + over);
        } else {
            q[0] += spread.min(1.0) * random.normal();
            let upright =
                model.jnt_type()[j] == MjtJoint::mjJNT_SLIDE && model.jnt_axis()[j] == [0.0, 0.0, 1.0];
            if upright {
                lift = lift.or(Some(at));
            }
        }
    }
    let speed = [0.0, 0.1, 1.0, 6.0][random.below(4)];
    data.qvel_mut().fill_with(|| speed * random.normal());
    for u in 0..model.actuator_ctrlrange().len() {
        let [low, high] =
            if model.actuator_ctrllimited()[u] { model.actuator_ctrlrange()[u] } else { [-1.0, 1.0] };
        let over = 0.1 * (high - low);
        data.ctrl_mut()[u] = random.between(low - over, high + over);
    }
    data.act_mut().fill_with(|| 0.5 * random.normal());
    if random.unit() < 0.3 {
        for b in 1..model.body_mass().len() {
            if random.unit() < 0.5 {
                data.xfrc_applied_mut()[b].fill_with(|| 30.0 * random.normal());
            }
        }
    }
    if let Some(lift) = lift {
        data.forward();
        let mut lowest = f64::INFINITY;
        for g in 0..model.geom_type().len() {
            if model.geom_type()[g] as u32 == 0 || model.body_weldid()[model.geom_bodyid()[g] as usize] == 0 {
                continue;
            }
            let bottom = data.geom_xpos()[g][2] - reach(model, data, g);
            lowest = lowest.min(bottom);
        }
        let depth = match random.below(5) {
            0 => random.within(0.003),
            1 | 2 => random.between(0.0, 0.03),
            3 => random.between(0.03, 0.3),
            _ => -random.unit(),
        };
        data.qpos_mut()[lift] -= lowest + depth;
    }
}
