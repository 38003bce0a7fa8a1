//! A task file and a model, to a simulator.
#![cfg(feature = "mujoco")]

use std::path::PathBuf;

use wr2l_rng::{Purpose, StreamKey};
use wr2l_robot::{RobotPhysics, RobotTask, TaskFile, feel};
use wr2l_sim::{BatchSim, Outcome};

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../lanes/tests/models")
}

const WALK: &str = r#"
[robot]
mjcf = "quadruped.xml"
control_dt = 0.02
episode_steps = 50
[reset]
noise = { joint = 0.05, velocity = 0.1 }
[action]
select = "actuator@joint:fl_*"
[[observe]]
value = "gravity_in(body:trunk)"
[[observe]]
value = "qvel(joint:fl_*)"
noise = 0.01
[[reward]]
name = "forward"
weight = 1.0
value = "velocity(body:trunk).x"
[[terminate]]
name = "fell"
when = "height(body:trunk) < -5"
[vary.payload]
select = "body:trunk"
quantity = "mass"
op = "scale"
range = [0.7, 1.5]
[vary.pull]
select = "option"
quantity = "gravity.z"
op = "set"
range = [-12.0, -8.0]
"#;

fn task(text: &str) -> Result<RobotTask, String> {
    let path = models().join("walk.toml");
    let file = TaskFile::read(text, &path.display().to_string()).map_err(|error| error.to_string())?;
    let model = wr2l_robot::RobotModel::load(&models().join(&file.robot.mjcf)).unwrap();
    RobotTask::new(file, model).map_err(|error| error.to_string())
}

fn episode(sim: &mut dyn BatchSim, seed: u64) -> (Vec<f64>, Vec<f64>) {
    sim.reset(0, &mut StreamKey::new(seed, Purpose::Test).stream());
    let (mut seen, mut rewards) = (Vec::new(), Vec::new());
    let mut outcome = [Outcome::Running];
    while outcome == [Outcome::Running] {
        let mut observation = vec![0.0; sim.spec().obs_dim];
        sim.observe(0, &mut observation);
        seen.extend(observation);
        let mut reward = [0.0];
        sim.step(&[0.3, -0.2, 0.5], &[true], &mut reward, &mut outcome);
        rewards.push(reward[0]);
    }
    assert_eq!(outcome, [Outcome::Truncated]);
    assert_eq!(rewards.len(), 50);
    (seen, rewards)
}

#[test]
fn a_task_file_runs_on_both_engines_and_they_agree_at_first() {
    let task = task(WALK).unwrap();
    assert_eq!(task.choice().unwrap().physics, RobotPhysics::Lanes);
    let [lanes, mujoco] = [RobotPhysics::Lanes, RobotPhysics::Mujoco].map(|physics| {
        let simulator = task.simulator(Some(physics), &task.variation().space).unwrap();
        let mut sim = simulator.batch(1).unwrap();
        assert_eq!((sim.spec().obs_dim, sim.spec().act_dim()), (6, 3));
        let first = episode(&mut *sim, 3);
        assert_eq!(first, episode(&mut *sim, 3), "an episode is a function of its stream");
        assert_ne!(first, episode(&mut *sim, 4));
        first
    });
    for (a, b) in lanes.0[..12].iter().zip(&mujoco.0) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
    assert!((lanes.1[0] - mujoco.1[0]).abs() < 1e-4);
}

#[test]
fn its_parameters_are_felt() {
    let task = task(WALK).unwrap();
    let names: Vec<&str> = task.variation().space.names().collect();
    assert_eq!(names, ["payload", "pull"]);
    let simulator = task.simulator(None, &task.variation().space).unwrap();
    let felt = feel(&simulator, 7, 200).unwrap();
    assert_eq!(felt.len(), 4);
    assert!(felt.iter().all(|felt| felt.complaint().is_none()), "{felt:?}");
}

#[test]
fn what_a_model_does_not_bear_out_is_said_with_its_place() {
    let cases = [
        ("body:trunk\"\nquantity", "body:trnk\"\nquantity", "did you mean `trunk`"),
        ("\"mass\"", "\"mas\"", "did you mean `mass`"),
        ("[0.7, 1.5]", "[1.1, 1.5]", "has to contain"),
        ("actuator@joint:fl_*", "actuator@joint:fr_calf", "no `ctrlrange`"),
    ];
    for (from, to, expected) in cases {
        assert!(WALK.contains(from));
        let error = task(&WALK.replace(from, to)).unwrap_err();
        assert!(error.contains(expected) && error.contains("walk.toml"), "{error}");
    }
}
