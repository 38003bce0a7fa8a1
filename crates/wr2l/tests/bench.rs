//! `wr2l bench`: that it measures what it says; never how fast anything is.

mod common;

use common::Folder;
use serde_json::Value;

#[test]
fn what_is_listed_can_be_measured_alone() {
    let folder = Folder::new();
    let list = folder.done("bench --list --threads 2");
    for part in
        ["simulate/cartpole/classic/1", "rollout/hopper/planar/2", "update/64/2", "training/hopper/planar/1"]
    {
        assert!(list.lines().any(|line| line == part), "{list}");
    }
    // Robots that MuJoCo compiles, on both of their physics.
    for part in ["simulate/ant/lanes/1", "simulate/ant/mujoco/1", "rollout/swimmer/lanes/2"] {
        assert_eq!(list.lines().any(|line| line == part), cfg!(feature = "mujoco"), "{list}");
    }
    let json =
        folder.done("bench rollout/cartpole update/2048 --threads 2 --repeats 1 --seconds 0.001 --json");
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["cpu"].is_string());
    let names: Vec<&str> = lines[1..].iter().map(|line| line["name"].as_str().unwrap()).collect();
    let update = |threads| {
        ["update", "update-products", "update-by-products"].map(|what| format!("{what}/2048/{threads}"))
    };
    let rollouts = ["rollout/cartpole/classic/1", "rollout/cartpole/classic/2"].map(String::from);
    assert_eq!(names, [&rollouts[..], &update(1), &update(2)].concat());
    assert!(lines[1..].iter().all(|line| line["median"].as_f64().unwrap() > 0.0));
    // What an update takes, beside what its products alone would.
    let value =
        |name: &str| lines.iter().find(|line| line["name"] == name).unwrap()["median"].as_f64().unwrap();
    let [whole, floor, ratio] = update(1).map(|name| value(&name));
    assert!((ratio - whole / floor).abs() < 1e-9 * ratio, "{json}");
}

#[test]
#[cfg(feature = "mujoco")]
fn every_robot_steps_on_lanes() {
    let folder = Folder::new();
    let json = folder.done("bench simulate/ --threads 1 --repeats 1 --seconds 0.001 --json");
    let lines: Vec<Value> = json.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let on_lanes = lines.iter().filter(|line| line["name"].as_str().unwrap().ends_with("/lanes/1"));
    let rates: Vec<f64> = on_lanes.map(|line| line["median"].as_f64().unwrap()).collect();
    assert_eq!(rates.len(), wr2l::run::robot_task_names().count(), "{json}");
    assert!(rates.iter().all(|rate| *rate > 0.0), "{json}");
}

#[test]
fn the_phases_of_learning_are_parts_of_it() {
    let folder = Folder::new();
    let json = folder.done("bench learning/hopper/planar/1 --threads 1 --repeats 1 --seconds 0.001 --json");
    let value = |name: &str| {
        let mut lines = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.find(|line| line["name"] == name).unwrap()["median"].as_f64().unwrap()
    };
    let parts =
        ["collect", "prepare", "update"].map(|phase| value(&format!("learning-{phase}/hopper/planar/1")));
    assert!(parts.iter().all(|part| *part > 0.0));
    assert!(parts.iter().sum::<f64>() <= value("learning/hopper/planar/1"), "{json}");
}

#[test]
fn what_expressions_cost_is_their_share_of_a_step() {
    let folder = Folder::new();
    let json = folder.done("bench expressions --threads 1 --repeats 1 --seconds 0.01 --json");
    let value = |name: &str| {
        let mut lines = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.find(|line| line["name"] == name).unwrap()["median"].as_f64().unwrap()
    };
    let [judge, rust, step] =
        ["judge", "in-rust", "step"].map(|part| value(&format!("expressions-{part}/hopper/planar/1")));
    assert!(rust > 0.0);
    let share = value("expressions/hopper/planar/1");
    assert!((share - 100.0 * judge / step).abs() < 1e-9 * share, "{json}");
}

#[test]
fn a_training_is_measured_with_its_memory_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let table = folder.done("bench training/hopper/planar/1 --threads 1 --repeats 1 --seconds 0.001");
    assert!(table.contains("training/hopper/planar/1"), "{table}");
    assert!(table.contains("peak-memory/hopper/planar/1") || !cfg!(target_os = "linux"), "{table}");
    assert!(folder.names().is_empty());
    folder.refused("bench nothing-like-this", 2, &["nothing-like-this"]);
}
