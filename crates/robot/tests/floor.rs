//! Of contacts those with the floor alone.
#![cfg(feature = "mujoco")]

use wr2l_robot::{RobotError, RobotModel, RobotPhysics, RobotTask, TaskFile};
use wr2l_sim::{AnyTask, Outcome};

/// A box high over another; the batched engine does not know how boxes meet.
const TOWER: &str = r#"<mujoco>
  <option timestep="0.004"/>
  <worldbody>
    <geom name="floor" type="plane" size="0 0 1"/>
    <geom name="ledge" type="sphere" size="0.1" pos="0 0 0.15"/>
    <body name="low" pos="0.5 0 0.1"><freejoint/><geom name="below" type="box" size="0.2 0.2 0.1"/></body>
    <body name="high" pos="0.5 0 0.5"><freejoint/><geom name="above" type="box" size="0.1 0.1 0.1"/></body>
    <body name="arm" pos="3 0 1"><joint name="arm"/><geom name="stick" type="capsule" size="0.02" fromto="0 0 0 0.3 0 0"/></body>
    <body name="ghost" pos="5 0 1"><joint/><geom type="box" size="0.1 0.1 0.1" contype="0" conaffinity="0"/></body>
  </worldbody>
  <actuator><motor joint="arm" ctrlrange="-1 1"/></actuator>
</mujoco>"#;

const TASK: &str = r#"
name = "tower"
[robot]
mjcf = "tower.xml"
control_dt = 0.02
contacts = "floor"
[[observe]]
value = "[height(body:low), height(body:high)]"
[[reward]]
name = "none"
weight = 1.0
value = "0"
"#;

fn tower() -> RobotModel {
    RobotModel::from_text("tower", TOWER).unwrap()
}

fn heights(task: &RobotTask, physics: RobotPhysics) -> Vec<f64> {
    let mut sim = task.simulator(Some(physics), &task.variation().space).unwrap().batch(1).unwrap();
    sim.reset(0, &mut wr2l_rng::StreamKey::new(1, wr2l_rng::Purpose::Test).stream());
    let (mut reward, mut outcome, mut seen) = ([0.0], [Outcome::Running], vec![0.0; 2]);
    for _ in 0..100 {
        sim.step(&[0.0], &[true], &mut reward, &mut outcome);
    }
    sim.observe(0, &mut seen);
    seen
}

#[test]
fn what_moves_passes_through_what_moves_and_rests_on_the_floor() {
    let task = |text: &str| RobotTask::new(TaskFile::read(text, "tower.toml").unwrap(), tower()).unwrap();
    let floor = task(TASK);
    assert_eq!(floor.description(), "Of contacts those with the floor alone.", "pages and lists say it");
    let [lanes, mujoco] = [RobotPhysics::Lanes, RobotPhysics::Mujoco].map(|physics| heights(&floor, physics));
    for (one, other) in lanes.iter().zip(&mujoco) {
        assert!((one - other).abs() < 1e-4, "{lanes:?} {mujoco:?}");
        assert!((one - 0.1).abs() < 5e-3, "both lie on the floor: {lanes:?}");
    }
    let all = task(&TASK.replace("contacts = \"floor\"\n", ""));
    assert!(all.model().lanes().unwrap_err().contains("box"));
    let stacked = heights(&all, RobotPhysics::Mujoco);
    assert!((stacked[1] - 0.3).abs() < 1e-2, "the upper lies on the lower: {stacked:?}");
}

#[test]
fn it_is_another_model_once() {
    let (all, floor) = (tower(), tower().floor_contacts().unwrap());
    assert_ne!(all.hash(), floor.hash());
    let again = floor.clone().floor_contacts().unwrap();
    assert_eq!(again.hash(), floor.hash());
    let kept = RobotModel::from_bytes(&floor.to_bytes()).unwrap().floor_contacts().unwrap();
    assert_eq!(kept.hash(), floor.hash());
    let touching: Vec<&str> =
        floor.inventory().geoms.iter().filter(|geom| geom.collides).map(|geom| geom.name.as_str()).collect();
    assert_eq!(touching, ["floor", "below", "above", "stick"]);
}

#[test]
fn contacts_are_those_that_the_model_has() {
    // Only what touched the floor before touches it after, whichever of the two says so.
    for (floor, geom, touches) in
        [("2 0", "0 2", true), ("0 2", "2 0", true), ("2 2", "1 1", false), ("4 0", "0 2", false)]
    {
        let bits = |bits: &str| {
            let (contype, conaffinity) = bits.split_once(' ').unwrap();
            format!("contype=\"{contype}\" conaffinity=\"{conaffinity}\"")
        };
        let text = TOWER
            .replace("name=\"floor\"", &format!("name=\"floor\" {}", bits(floor)))
            .replace("name=\"below\"", &format!("name=\"below\" {}", bits(geom)));
        let model = RobotModel::from_text("tower", &text).unwrap().floor_contacts().unwrap();
        let geoms = &model.inventory().geoms;
        let below = geoms.iter().find(|geom| geom.name == "below").unwrap();
        assert_eq!(below.collides, touches, "{floor} {geom}");
    }
}

#[test]
fn what_it_cannot_tell_apart_is_refused() {
    let pair = "<contact><pair geom1=\"below\" geom2=\"above\"/></contact></mujoco>";
    let paired = RobotModel::from_text("tower", &TOWER.replace("</mujoco>", pair)).unwrap();
    let Err(RobotError::Inert { reason, .. }) = paired.floor_contacts() else {
        panic!("two boxes still meet")
    };
    assert!(reason.contains("`below`") && reason.contains("`above`"), "{reason}");
    let second =
        "<geom name=\"wall\" type=\"plane\" size=\"0 0 1\" contype=\"2\" conaffinity=\"0\"/></worldbody>";
    let text =
        TOWER.replace("</worldbody>", second).replace("name=\"below\"", "name=\"below\" conaffinity=\"3\"");
    let walled = RobotModel::from_text("tower", &text).unwrap();
    let reason = walled.floor_contacts().unwrap_err().to_string();
    assert!(reason.contains("`wall`"), "{reason}");
}
