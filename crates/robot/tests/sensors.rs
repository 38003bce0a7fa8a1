//! Sensors and forces of constraints: the batched engine against MuJoCo.
#![cfg(feature = "mujoco")]

use std::collections::BTreeMap;

use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_robot::{
    Effects, Input, Inventory, JointKind, Op, Rig, RobotError, RobotModel, RobotPhysics, RobotTask, TaskFile,
    Variation, Vary, choose,
};
use wr2l_sim::{BatchSim, Outcome, Simulator};

mod common;
mod equip;
use common::{rig, vary};

const MODELS: [&str; 13] = [
    "ant",
    "humanoid",
    "quadruped",
    "tumblers",
    "eel",
    "winch",
    "pendants",
    "servos",
    "crates",
    "hound",
    "scrum",
    "gripper",
    "linkage",
];

/// Systems of each model, and states of each system.
const SYSTEMS: usize = 6;
const STATES: usize = 25;

fn varied(model: &RobotModel) -> Variation {
    let inventory = model.inventory();
    let heavy = |body: &&wr2l_robot::Body| body.mass > 1e-9 && !body.simple && !body.name.is_empty();
    let mut entries = vec![
        vary("mass", "body:*", "mass", Op::Scale, [0.5, 2.0]),
        vary("pull", "option", "gravity.z", Op::Add, [-2.0, 2.0]),
    ];
    let on =
        |select: String, quantity: &str, op, range| -> Vary { vary(quantity, &select, quantity, op, range) };
    if let Some(body) = inventory.bodies[1..].iter().find(heavy) {
        entries.push(on(format!("body:{}", body.name), "com.x", Op::Add, [-0.01, 0.01]));
    }
    if inventory.joints.iter().any(|joint| joint.kind == JointKind::Hinge) {
        entries.push(on("joint:*".into(), "damping", Op::Add, [0.0, 0.5]));
    }
    Variation::resolve(inventory, &entries).unwrap()
}

fn simulators(model: &RobotModel, inputs: &[Input], substeps: u32) -> ([Simulator; 2], Variation) {
    let varied = varied(model);
    let of = |physics| {
        let rig = Rig { frame_skip: substeps, ..rig(model, inputs.to_vec(), 0.0) };
        rig.simulator(&varied.effects, &varied.space, Some(physics)).unwrap()
    };
    ([RobotPhysics::Lanes, RobotPhysics::Mujoco].map(of), varied)
}

/// All numbers of all sensors, and what constraints do to joints.
fn inputs(model: &RobotModel) -> Vec<Input> {
    let inventory = model.inventory();
    let sensors =
        inventory.sensors.iter().flat_map(|s| s.address..s.address + s.dimension).map(Input::Sensor);
    sensors.chain((0..inventory.velocities).map(Input::JointConstraintForce)).collect()
}

/// Coordinates and velocities near the ground, at limits, turned over, at rest and fast.
fn scatter(inventory: &Inventory, stream: &mut Stream) -> Vec<f64> {
    let mut state = inventory.reference.clone();
    let quaternion = |q: &mut [f64], spread: f64, stream: &mut Stream| {
        q[0] = 1.0 + spread * stream.normal();
        q[1..].iter_mut().for_each(|x| *x = spread * stream.normal());
        let norm = q.iter().map(|x| x * x).sum::<f64>().sqrt();
        q.iter_mut().for_each(|x| *x /= norm);
    };
    let spread = [0.05, 0.3, 2.0][stream.below(3)];
    for joint in &inventory.joints {
        let q = &mut state[joint.position..];
        match (joint.kind, joint.range) {
            (JointKind::Free, _) => {
                q[2] *= stream.uniform(0.2, 1.0);
                quaternion(&mut q[3..7], spread, stream);
            }
            (JointKind::Ball, _) => quaternion(&mut q[..4], spread, stream),
            (_, Some([low, high])) => {
                let over = 0.1 * (high - low);
                q[0] = stream.uniform(low - over, high + over);
            }
            _ => q[0] += spread.min(1.0) * stream.normal(),
        }
    }
    let speed = [0.0, 0.1, 1.0, 5.0][stream.below(4)];
    state.extend((0..inventory.velocities).map(|_| speed * stream.normal()));
    state
}

fn observed(sim: &dyn BatchSim, lane: usize) -> Vec<f64> {
    let mut out = vec![0.0; sim.spec().obs_dim];
    sim.observe(lane, &mut out);
    out
}

/// The largest errors and numbers by kinds of sensors.
#[derive(Default)]
struct Tally(BTreeMap<String, (f64, f64, usize)>);

impl Tally {
    /// Sensors one by one, each relative to its largest number, or to 1; forces between bodies, which are differences of large
    /// numbers, to the largest of them.
    fn compare(&mut self, inventory: &Inventory, got: &[f64], expected: &[f64]) -> f64 {
        let mut worst: f64 = 0.0;
        let numbers = inventory.sensors.iter().map(|s| s.dimension).sum::<usize>();
        let joints = ("joint_constraint_force".to_owned(), numbers..numbers + inventory.velocities);
        let sensors = inventory.sensors.iter().map(|s| (s.kind.clone(), s.address..s.address + s.dimension));
        let largest = |numbers: &[f64]| numbers.iter().fold(0.0_f64, |size, x| size.max(x.abs()));
        let between = ["force", "torque"];
        let forces = inventory.sensors.iter().filter(|s| between.contains(&s.kind.as_str()));
        let forces = forces.map(|s| largest(&expected[s.address..][..s.dimension])).fold(0.0, f64::max);
        for (kind, range) in sensors.chain([joints]) {
            let (got, expected) = (&got[range.clone()], &expected[range]);
            let size = largest(expected);
            let scale = if between.contains(&kind.as_str()) { forces } else { size };
            let apart = got.iter().zip(expected).map(|(a, b)| (a - b).abs());
            let error =
                apart.fold(0.0, |all: f64, x| if x.is_nan() { x } else { all.max(x) }) / scale.max(1.0);
            let (most, largest, nonzero) = self.0.entry(kind).or_default();
            *most = if error.is_nan() { error } else { most.max(error) };
            *largest = largest.max(size);
            *nonzero += usize::from(size > 0.0);
            worst = if error.is_nan() { error } else { worst.max(error) };
        }
        worst
    }

    fn print(&self, name: &str) {
        for (kind, (error, largest, nonzero)) in &self.0 {
            println!("{name:10} {kind:24} {error:8.1e}  up to {largest:9.2e}, {nonzero} not 0");
        }
    }
}

fn compare(name: &str, model: &RobotModel, bound: f64, substeps: u32) -> Tally {
    let inventory = model.inventory();
    let ([lanes, mujoco], varied) = simulators(model, &inputs(model), substeps);
    let (mut a, mut b) = (lanes.batch(SYSTEMS).unwrap(), mujoco.batch(SYSTEMS).unwrap());
    let mut stream = StreamKey::new(11, Purpose::Test).stream();
    let mut tally = Tally::default();
    for lane in 0..SYSTEMS {
        let phi: Vec<f64> = varied
            .space
            .parameters()
            .iter()
            .map(|p| if lane == 0 { p.nominal } else { stream.uniform(p.lower, p.upper) })
            .collect();
        a.set_dynamics(lane, &phi).unwrap();
        b.set_dynamics(lane, &phi).unwrap();
    }
    let dim = a.spec().act_dim() * SYSTEMS;
    for state in 0..STATES {
        for lane in 0..SYSTEMS {
            let start = scatter(inventory, &mut stream);
            let push = [20.0 * stream.normal(), 20.0 * stream.normal()];
            for sim in [&mut a, &mut b] {
                sim.set_state(lane, &start).unwrap();
                sim.set_forces(lane, &if state % 3 == 0 { push } else { [0.0; 2] }).unwrap();
            }
            let (got, expected) = (observed(&*a, lane), observed(&*b, lane));
            let error = tally.compare(inventory, &got, &expected);
            assert!(error < bound, "{name} {state} {lane} at the start: {error:.1e}");
        }
        let action: Vec<f64> = (0..dim).map(|_| stream.uniform(-1.0, 1.0)).collect();
        let (mut rewards, mut outcomes) = ([[0.0; SYSTEMS]; 2], [[Outcome::Running; SYSTEMS]; 2]);
        a.step(&action, &[true; SYSTEMS], &mut rewards[0], &mut outcomes[0]);
        b.step(&action, &[true; SYSTEMS], &mut rewards[1], &mut outcomes[1]);
        for lane in 0..SYSTEMS {
            if outcomes[1][lane] != Outcome::Running {
                continue;
            }
            let (got, expected) = (observed(&*a, lane), observed(&*b, lane));
            let error = tally.compare(inventory, &got, &expected);
            assert!(error < bound, "{name} {state} {lane} after a step: {error:.1e}");
        }
    }
    tally
}

/// Where cones are elliptic MuJoCo stops before it is done (`docs/physics.md`), which forces show.
fn bound(name: &str) -> f64 {
    if ["hound", "scrum", "elliptic"].contains(&name) { 1e-6 } else { 1e-9 }
}

#[test]
fn sensors_of_many_models_are_those_of_mujoco() {
    for name in MODELS {
        compare(name, &equip::robot(name), bound(name), 1).print(name);
    }
}

#[test]
fn every_kind_of_sensor_under_every_integrator_is_that_of_mujoco() {
    let pull = r#"<general name="pull" tendon="cord" ctrlrange="-1 1" gear="1.5" gainprm="4" biastype="affine" biasprm="0.1 -2 -0.3"/>"#;
    /// What it is called, what is exchanged in the model's text, and steps of the physics at once.
    type Variant<'a> = (&'a str, &'a [(&'a str, &'a str)], u32);
    let variants: [Variant<'_>; 5] = [
        ("Euler", &[], 1),
        ("RK4", &[("Euler", "RK4")], 1),
        ("elliptic", &[("pyramidal", "elliptic")], 1),
        ("implicitfast", &[("Euler", "implicitfast"), ("density=\"2\"", ""), (pull, "")], 1),
        // The sensors are those of the last of several steps of the physics.
        ("in fours", &[("Euler", "RK4")], 4),
    ];
    for (name, changes, substeps) in variants {
        let mut text = include_str!("equip/probe.xml").to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{name}");
            text = text.replace(from, to);
        }
        let model = equip::equip(name, &text, "");
        // Over several steps the differences of one grow.
        let tally = compare(name, &model, if substeps > 1 { 1e-8 } else { bound(name) }, substeps);
        tally.print(name);
        for (kind, (_, _, nonzero)) in &tally.0 {
            assert!(
                *nonzero > 10 || (kind.starts_with("tendonact") && name == "implicitfast"),
                "{name} {kind}"
            );
        }
        assert_eq!(tally.0.len(), 34, "33 kinds of sensors, and the forces of constraints");
    }
}

/// A model with an accelerometer has forces on bodies before its first step, whether that is read or not.
#[test]
fn forces_on_bodies_where_episodes_start_hang_on_the_models_sensors_as_in_mujoco() {
    let quadruped = std::fs::read_to_string(common::folder().join("quadruped.xml")).unwrap();
    let mut seen = Vec::new();
    for model in [RobotModel::from_text("plain", &quadruped).unwrap(), equip::robot("quadruped")] {
        let ([lanes, mujoco], _) = simulators(&model, &common::forces(&model), 1);
        let (mut a, mut b) = (lanes.batch(1).unwrap(), mujoco.batch(1).unwrap());
        let mut stream = StreamKey::new(5, Purpose::Test).stream();
        let mut largest = 0.0_f64;
        for _ in 0..20 {
            let start = scatter(model.inventory(), &mut stream);
            for sim in [&mut a, &mut b] {
                sim.set_state(0, &start).unwrap();
            }
            let (got, expected) = (observed(&*a, 0), observed(&*b, 0));
            let size = expected.iter().fold(1.0_f64, |size, x| size.max(x.abs()));
            for (a, b) in got.iter().zip(&expected) {
                // The first has MuJoCo's own tolerance.
                assert!((a - b).abs() < 1e-5 * size, "{a} {b}");
            }
            let bodies = 6 * model.inventory().bodies.len();
            largest = expected[..bodies].iter().fold(largest, |all, x| all.max(x.abs()));
        }
        seen.push(largest > 0.0);
    }
    assert_eq!(seen, [false, true]);
}

fn small(flags: &str, sensor: &str) -> RobotModel {
    let text = format!(
        r#"<mujoco><option>{flags}</option><worldbody><camera name="eye"/><site name="here"/><body name="arm">
        <joint name="arm"/><geom name="stick" size="0.02" fromto="0 0 0 0.3 0 0" type="capsule"/><site name="tip"/></body>
        <geom name="ball" size="0.1" pos="2 0 0"/></worldbody>
        <actuator><motor joint="arm"/></actuator><sensor>{sensor}</sensor></mujoco>"#
    );
    RobotModel::from_text("small", &text).unwrap()
}

#[test]
fn a_sensor_that_the_batched_engine_lacks_is_named_and_runs_on_mujoco() {
    let gyro = r#"<gyro name="it" site="tip"/>"#;
    let lacking = [
        ("", r#"<rangefinder name="it" site="tip"/>"#, "rangefinder"),
        ("", r#"<clock name="it"/>"#, "clock"),
        ("", r#"<e_kinetic name="it"/>"#, "e_kinetic"),
        ("", r#"<insidesite name="it" site="here" objtype="site" objname="tip"/>"#, "insidesite"),
        ("", r#"<distance name="it" geom1="stick" geom2="ball" cutoff="1"/>"#, "distance"),
        ("", r#"<contact name="it" geom1="stick"/>"#, "contact"),
        ("", r#"<camprojection name="it" site="tip" camera="eye"/>"#, "camprojection"),
        ("", r#"<framepos name="it" objtype="camera" objname="eye"/>"#, "framepos"),
        (
            "",
            r#"<framepos name="it" objtype="site" objname="tip" reftype="camera" refname="eye"/>"#,
            "framepos",
        ),
        ("", r#"<user name="it" dim="2"/>"#, "user"),
        ("", r#"<force name="it" site="here"/>"#, "force"),
        ("", r#"<gyro name="it" site="tip" nsample="4" delay="0.004"/>"#, "gyro"),
        (r#"<flag sensor="disable"/>"#, gyro, "gyro"),
    ];
    for (flags, sensor, kind) in lacking {
        let model = small(flags, sensor);
        let rig = || rig(&model, vec![Input::Sensor(0)], 0.0);
        let choice = choose(&rig(), &Effects::default(), None).unwrap();
        assert_eq!(choice.physics, RobotPhysics::Mujoco, "{sensor}");
        let named = format!("the sensor `it` (`{kind}`)");
        assert!(choice.reason.contains(&named) && choice.reason.contains("on MuJoCo"), "{}", choice.reason);
        let refused = choose(&rig(), &Effects::default(), Some(RobotPhysics::Lanes)).unwrap_err();
        assert!(refused.to_string().contains(&named), "{refused}");
        // Whoever does not read it has the batched engine.
        let others = common::rig(&model, vec![Input::Position(0)], 0.0);
        assert_eq!(choose(&others, &Effects::default(), None).unwrap().physics, RobotPhysics::Lanes);
    }
    let model = small("", gyro);
    let choice = choose(&rig(&model, vec![Input::Sensor(0)], 0.0), &Effects::default(), None).unwrap();
    assert_eq!(choice.physics, RobotPhysics::Lanes);
}

#[test]
fn a_kept_robot_has_its_sensors_and_one_of_an_older_program_says_that_it_lacks_them() {
    let model = equip::equip("probe", include_str!("equip/probe.xml"), "");
    let kept = RobotModel::from_bytes(&model.to_bytes()).unwrap();
    assert_eq!(kept.inventory(), model.inventory());
    let mut observations = Vec::new();
    for model in [&model, &kept] {
        let ([lanes, _], _) = simulators(model, &inputs(model), 1);
        let mut sim = lanes.batch(1).unwrap();
        let dim = sim.spec().act_dim();
        sim.step(&vec![0.5; dim], &[true], &mut [0.0], &mut [Outcome::Running]);
        observations.push(observed(&*sim, 0));
    }
    assert_eq!(observations[0], observations[1]);
    let old = with_inventory(&model, |inventory| {
        inventory.remove("magnetic");
        for (list, new) in
            [("sensors", &["of", "from", "bounds"]), ("sites", &["orientation", "shape", "size"])]
        {
            for element in inventory[list].as_array_mut().unwrap() {
                new.iter().for_each(|key| drop(element.as_table_mut().unwrap().remove(*key)));
            }
        }
    });
    let old = old.unwrap();
    let choice = choose(&rig(&old, inputs(&old), 0.0), &Effects::default(), None).unwrap();
    let first = &model.inventory().sensors[0];
    assert!(choice.reason.contains(&format!("`{}` (`{}`)", first.name, first.kind)), "{}", choice.reason);
    assert_eq!(
        choose(&rig(&old, vec![Input::Time], 0.0), &Effects::default(), None).unwrap().physics,
        RobotPhysics::Lanes
    );
}

/// A kept robot whose inventory somebody has changed.
fn with_inventory(model: &RobotModel, change: impl Fn(&mut toml::Table)) -> Result<RobotModel, RobotError> {
    let file = model.to_bytes();
    let mut forged = file[..8].to_vec();
    let mut rest = &file[8..file.len() - 32];
    for part in 0..4 {
        let (length, after) = rest.split_first_chunk::<8>().unwrap();
        let (own, after) = after.split_at(u64::from_le_bytes(*length) as usize);
        rest = after;
        let mut own = own.to_vec();
        if part == 1 {
            let mut inventory: toml::Table = toml::from_str(std::str::from_utf8(&own).unwrap()).unwrap();
            change(&mut inventory);
            own = toml::to_string(&inventory).unwrap().into_bytes();
        }
        forged.extend((own.len() as u64).to_le_bytes());
        forged.extend(own);
    }
    // FNV-1a.
    let hash = forged.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    forged.extend(format!("{hash:032x}").bytes());
    RobotModel::from_bytes(&forged)
}

#[test]
fn a_kept_robot_with_sensors_of_nothing_is_refused() {
    let model = equip::equip("probe", include_str!("equip/probe.xml"), "");
    assert!(with_inventory(&model, |_| {}).is_ok());
    let forge = |sensor: usize, key: &'static str, value: toml::Value| {
        with_inventory(&model, move |inventory| {
            let sensors = inventory["sensors"].as_array_mut().unwrap();
            sensors[sensor].as_table_mut().unwrap().insert(key.into(), value.clone());
        })
    };
    let of =
        |kind: &str, index: i64| toml::Value::Table([(kind.to_owned(), index.into())].into_iter().collect());
    for kind in ["frame", "body", "geom", "site", "joint", "actuator"] {
        assert!(forge(0, "of", of(kind, 0)).is_ok(), "{kind}");
        assert!(matches!(forge(0, "of", of(kind, 999)), Err(RobotError::Kept(_))), "{kind}");
        assert!(matches!(forge(0, "from", of(kind, 999)), Err(RobotError::Kept(_))), "{kind}");
    }
    for (key, value) in [("address", 1), ("address", i64::MAX), ("dimension", 2), ("dimension", i64::MAX)] {
        assert!(matches!(forge(0, key, value.into()), Err(RobotError::Kept(_))), "{key} {value}");
    }
    // What cannot be of its kind is not the batched engine's.
    let odd = forge(0, "of", of("joint", 0)).unwrap();
    let choice = choose(&rig(&odd, vec![Input::Sensor(0)], 0.0), &Effects::default(), None).unwrap();
    assert_eq!(choice.physics, RobotPhysics::Mujoco);
}

const TASK: &str = r#"
[robot]
mjcf = "probe.xml"
control_dt = 0.008
episode_steps = 40
[reset]
noise = { joint = 0.05, velocity = 0.1, root = 0.02 }
[[observe]]
value = "[sensor:accelerometer0, sensor:gyro0, sensor:framequat0]"
[[observe]]
value = "sensor(sensor:force*)"
[[observe]]
value = "joint_constraint_force(joint:arm) + sensor:jointlimitfrc0"
[[reward]]
name = "touches"
weight = 0.1
value = "min(sum(sensor(sensor:touch*)), 10)"
[[reward]]
name = "moves"
weight = 1.0
value = "sensor:framelinvel0.x - 0.01 * norm(joint_constraint_force)"
[[terminate]]
name = "fell"
when = "sensor:framepos0.z < -1"
[vary.mass]
select = "body:*"
quantity = "mass"
op = "scale"
range = [0.7, 1.5]
"#;

#[test]
fn a_task_that_reads_sensors_runs_on_both_engines_and_they_agree_step_by_step() {
    let sensors = r#"<option solver="Newton" tolerance="1e-15"/><sensor>
        <accelerometer name="accelerometer0" site="imu"/><gyro name="gyro0" site="imu"/>
        <framequat name="framequat0" objtype="body" objname="drone"/><force name="force0" site="imu"/>
        <force name="force1" site="wrist"/><touch name="touch0" site="imu"/><touch name="touch1" site="wrist"/>
        <jointlimitfrc name="jointlimitfrc0" joint="arm"/><framelinvel name="framelinvel0" objtype="site" objname="imu"/>
        <framepos name="framepos0" objtype="site" objname="imu"/></sensor>"#;
    let text = include_str!("equip/probe.xml");
    let head = &text[..text.find("<sensor>").unwrap()];
    let text = format!("{head}{sensors}</mujoco>")
        .replace(r#"<freejoint name="drone"/>"#, r#"<freejoint name="drone"/><site name="imu" size="0.2"/>"#)
        .replace(
            r#"<joint name="finger""#,
            r#"<site name="wrist" pos="0 0 0.02" size="0.1"/><joint name="finger""#,
        );
    let model = RobotModel::from_text("probe", &text).unwrap();
    let file = TaskFile::read(TASK, "probe.toml").unwrap();
    let task = RobotTask::new(file, model).unwrap();
    assert_eq!(task.choice().unwrap().physics, RobotPhysics::Lanes);
    let [mut a, mut b] = [RobotPhysics::Lanes, RobotPhysics::Mujoco]
        .map(|physics| task.simulator(Some(physics), &task.variation().space).unwrap().batch(1).unwrap());
    let dim = a.spec().act_dim();
    let mut touched = false;
    let mut state = vec![0.0; a.spec().state_dim()];
    for seed in 0..4 {
        for sim in [&mut a, &mut b] {
            sim.set_dynamics(0, &[0.8 + 0.2 * seed as f64]).unwrap();
            sim.reset(0, &mut StreamKey::new(seed, Purpose::Test).stream());
        }
        for t in 0..40 {
            // Every step from the same state, so that chaos does not add up.
            b.state(0, &mut state);
            a.set_state(0, &state).unwrap();
            b.set_state(0, &state).unwrap();
            let action: Vec<f64> = (0..dim).map(|i| ((1 + i) as f64 * 0.7 + t as f64 * 0.9).sin()).collect();
            let (mut rewards, mut outcomes) = ([[0.0]; 2], [[Outcome::Running]; 2]);
            a.step(&action, &[true], &mut rewards[0], &mut outcomes[0]);
            b.step(&action, &[true], &mut rewards[1], &mut outcomes[1]);
            let (seen, expected) = (observed(&*a, 0), observed(&*b, 0));
            let size = expected.iter().fold(1.0_f64, |size, x| size.max(x.abs()));
            let error = seen.iter().zip(&expected).map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max);
            assert!(error < 1e-8, "{seed} {t}: {error:.1e}");
            assert!((rewards[0][0] - rewards[1][0]).abs() < 1e-8 * size, "{seed} {t}: {rewards:?}");
            assert_eq!(outcomes[0], outcomes[1]);
            let mut terms = [0.0; 2];
            b.reward_terms(0, &mut terms);
            touched |= terms[0] > 0.1;
        }
    }
    assert!(touched);
}
