//! Tasks and robots after Gymnasium's beside the originals, in the Python that `cargo xtask test` names in `WR2L_PYTHON`.
#![cfg(feature = "mujoco")]

use std::process::Command;

use wr2l_robot::{Op, RobotPhysics, RobotTask, Variation, Vary};
use wr2l_sim::{BatchSim, Outcome, Simulator};

mod common;
use common::vary;

/// How far states, observations and rewards may be apart after 15 steps, as a share of their size above 1: the order of a few
/// sums differs, and a system that falls doubles a difference in each step or two.
const TOLERANCE: f64 = 1e-9;

/// Mass of all bodies that have more than a trace, gear of all motors, damping of all joints.
fn simulator(task: &RobotTask, physics: RobotPhysics) -> Simulator {
    let inventory = task.model().inventory();
    let select = |vary: &mut Vary, selectors: Vec<String>| {
        vary.select = selectors.iter().map(|text| wr2l_robot::Selector::parse(text).unwrap()).collect();
    };
    let mut mass = vary("mass", "body:*", "mass", Op::Scale, [0.1, 10.0]);
    let heavy = inventory.bodies.iter().enumerate().filter(|(_, body)| body.mass > 1e-6);
    select(&mut mass, heavy.map(|(b, _)| format!("body[{b}]")).collect());
    let gear = vary("gear", "actuator:*", "gear", Op::Scale, [0.1, 10.0]);
    let damping = vary("damping", "joint:*", "damping", Op::Add, [0.0, 1.0]);
    let varied = Variation::resolve(inventory, &[mass, gear, damping]).unwrap();
    task.rig().simulator(&varied.effects, &varied.space, Some(physics)).unwrap()
}

fn apart(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let of = |(a, b): (&f64, &f64)| if a == b { 0.0 } else { (a - b).abs() / b.abs().max(1.0) };
    ours.iter().zip(theirs).map(of).fold(0.0, f64::max)
}

/// What a script beside this file says; nothing without a Python.
fn ask(script: &str, arguments: &[&str]) -> Option<String> {
    let Some(python) = std::env::var_os("WR2L_PYTHON") else {
        println!("skipped: `cargo xtask test` sets WR2L_PYTHON");
        return None;
    };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gymnasium/");
    let output = Command::new(python).arg(format!("{folder}{script}")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_robots_are_gymnasiums_number_by_number() {
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
    let Some(text) = ask("models.py", &[models]) else { return };
    print!("{text}");
    assert_eq!(text.lines().count(), 7);
}

/// Checks what Gymnasium said, on a physics; `tolerance` is that of a task, none where it is left out. Returns how many steps
/// were terminal.
fn compare(text: &str, physics: RobotPhysics, tolerance: impl Fn(&str) -> Option<f64>) -> usize {
    let (mut sim, mut name): (Option<Box<dyn BatchSim>>, &str) = (None, "");
    let (mut reward, mut outcome) = ([0.0], [Outcome::Running]);
    let (mut steps, mut ends, mut systems) = (0, 0, 0);
    let mut worst: Vec<(&str, f64)> = Vec::new();
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap();
        if word == "task" {
            let task = RobotTask::built_in(rest).unwrap().unwrap_or_else(|error| panic!("{error}"));
            name = rest;
            sim = tolerance(name).map(|_| simulator(&task, physics).batch(1).unwrap());
            worst.extend(sim.as_ref().map(|_| (name, 0.0)));
            continue;
        }
        let Some(sim) = &mut sim else { continue };
        let numbers: Vec<f64> = rest.split(' ').map(|number| number.parse().unwrap()).collect();
        let mut own = vec![0.0; numbers.len()];
        match word {
            "system" => {
                sim.set_dynamics(0, &numbers).unwrap();
                systems += 1;
                continue;
            }
            "state" => {
                sim.set_state(0, &numbers).unwrap();
                continue;
            }
            "action" => {
                sim.step(&numbers, &[true], &mut reward, &mut outcome);
                steps += 1;
                continue;
            }
            "step" => sim.state(0, &mut own),
            "seen" => {
                assert_eq!(sim.spec().obs_dim, numbers.len(), "{name}");
                sim.observe(0, &mut own);
            }
            "judged" => {
                let ended = outcome == [Outcome::Terminated];
                ends += usize::from(ended);
                own = vec![reward[0], f64::from(u8::from(ended))];
            }
            other => panic!("{other}"),
        }
        let apart = apart(&own, &numbers);
        assert!(
            apart < tolerance(name).unwrap(),
            "{name}, step {steps}, {word}: {apart}: {own:?} {numbers:?}"
        );
        let last = worst.last_mut().unwrap();
        last.1 = last.1.max(apart);
    }
    println!("{physics:?}: {steps} steps, {ends} of them terminal; largest differences: {worst:?}");
    assert_eq!((systems, steps), (worst.len() * 21, worst.len() * 25 * 15));
    ends
}

#[test]
fn they_are_gymnasiums_own() {
    let Some(text) = ask("ask.py", &[]) else { return };
    let ends = compare(&text, RobotPhysics::Mujoco, |_| Some(TOLERANCE));
    assert!(ends > 0, "some episodes end");
    // MuJoCo stops at its tolerance where something touches. On the humanoids it makes 50 passes of PGS, which end before the
    // minimum that lanes find; its search for where the pusher's fork touches the cylinder ends at a tolerance as well.
    let on_lanes = |task: &str| match task {
        "pusher" => Some(1e-6),
        "humanoid" => Some(1e-3),
        "humanoid-standup" => Some(3e-2),
        "half-cheetah" => Some(1e-8),
        _ => Some(TOLERANCE),
    };
    assert_eq!(compare(&text, RobotPhysics::Lanes, on_lanes), ends);
}
