//! The event files are what TensorBoard itself reads: asked with its own reader, in the Python that
//! `cargo xtask test` names in `WR2L_PYTHON`.

mod common;

use std::process::Command;

use common::Folder;

#[test]
fn tensorboards_own_reader_finds_every_row_of_the_log_after_a_resume_too() {
    let Some(python) = std::env::var_os("WR2L_PYTHON") else {
        println!("skipped: `cargo xtask test` sets WR2L_PYTHON");
        return;
    };
    let folder = Folder::new();
    let small = "--set ppo.horizon=32 --set ppo.minibatches=4 --set adversary.every=500 \
                 --set adversary.phase_one.surrogate.budget=8 --set ball.pairs.count=40 --set ball.pairs.pool=80 --set ball.pairs.most_steps=800 \
                 --no-report --quiet --checkpoint-every 0";
    folder.done(&format!("train cartpole {small} --steps 600 -o run"));
    let plan = folder.read("run/plan.toml").replace("steps = 600\n", "steps = 1200\n");
    folder.write("run/plan.toml", &plan);
    // A kill in the middle of a record.
    let path = folder.path("run/events.out.tfevents.wr2l");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([7, 0, 0, 0, 0]);
    std::fs::write(&path, bytes).unwrap();
    folder.done("resume run --accept-changed-plan --no-report --quiet");

    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tensorboard/read.py");
    let output = Command::new(python).arg(reader).arg(folder.path("run")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["version"], 2.0);

    let log = folder.read("run/metrics.csv");
    let rows: Vec<Vec<&str>> = log.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 1 + 5, "iterations of 256 steps");
    let column = |name: &str| rows[0].iter().position(|&cell| cell == name).unwrap();
    for (tag, name) in [
        ("rollout/return_mean", "return_mean"),
        ("rollout/length_mean", "length_mean"),
        ("train/policy_loss", "policy_loss"),
        ("train/value_loss", "value_loss"),
        ("train/entropy", "entropy"),
        ("train/kl", "kl"),
        ("train/learning_rate", "learning_rate"),
        ("time/simulator_steps", "simulator_steps"),
    ] {
        // A number half-way between two of 32 bits is rounded by its bits, and not by its digits.
        let number = |row: &Vec<&str>, name: &str| -> f64 { row[column(name)].parse().unwrap() };
        let written: Vec<(f64, f32)> = rows[1..]
            .iter()
            .filter(|row| !row[column(name)].is_empty())
            .map(|row| (number(row, "steps"), number(row, name) as f32))
            .collect();
        let found: Vec<(f64, f32)> = read["scalars"][tag]
            .as_array()
            .unwrap_or_else(|| panic!("no {tag}"))
            .iter()
            .map(|pair| (pair[0].as_f64().unwrap(), pair[1].as_f64().unwrap() as f32))
            .collect();
        assert_eq!(found, written, "{tag}");
    }
    let turns = folder.read("run/adversary.csv").lines().count() - 1;
    assert_eq!(read["scalars"]["adversary/return_chosen"].as_array().unwrap().len(), turns);
}
