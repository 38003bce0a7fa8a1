//! How long a compiled expression takes beside the same in Rust, over 8 lanes.
//!
//! ```text
//! cargo run --release -p wr2l-robot --example expression_speed
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use wr2l_robot::{Compiler, Input, Inventory, Scope};

const LANES: usize = 8;
const ROUNDS: usize = 41;
const CALLS: usize = 20_000;

/// Twelve operations, and eleven with one of a libm.
const PLAIN: &str = "1.25 * qvel[0] - 0.001 * (qvel[1]^2 + qvel[2]^2 + qvel[3]^2) + abs(0.5 - qpos[2]^2)";
const WITH_EXP: &str = "1.25 * qvel[0] - 0.001 * (qvel[1]^2 + qvel[2]^2 + qvel[3]^2) + exp(-4 * qpos[2]^2)";
const LISTS: &str = "progress(joint:j0) - 0.001 * sum(sq(qvel)) - 0.1 * norm(qpos[3:])";

/// Median nanoseconds of a call.
fn median(mut call: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..CALLS).for_each(|_| call());
            start.elapsed().as_nanos() as f64 / CALLS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

/// A row of the inputs.
fn row(inputs: &[Input], numbers: &[f64], input: Input) -> [f64; LANES] {
    let row = inputs.binary_search(&input).unwrap_or_default();
    std::array::from_fn(|lane| numbers[row * LANES + lane])
}

/// A program's time, Rust's, and whether both give the same bits.
fn compare(text: &str, rust: impl Fn(&dyn Fn(Input) -> [f64; LANES]) -> Hand) -> Result<(), Box<dyn Error>> {
    let inventory = Inventory {
        timestep: 0.01,
        reference: vec![0.0; 12],
        velocities: 12,
        joints: vec![wr2l_robot::Joint { name: "j0".into(), ..Default::default() }],
        ..Inventory::default()
    };
    let constants = BTreeMap::new();
    let mut compiler = Compiler::new(Scope {
        inventory: &inventory,
        actuators: &[],
        step_seconds: 0.02,
        home: &inventory.reference,
        home_controls: &[],
        constants: &constants,
    });
    let value = compiler.value(text)?;
    let program = compiler.program(&[value])?;
    let numbers: Vec<f64> = (0..program.inputs().len() * LANES).map(|i| (i as f64 * 0.7).sin()).collect();
    let mut scratch = program.scratch(LANES);
    let mut out = [0.0; LANES];
    let ours = median(|| program.run(black_box(&numbers), &mut scratch, black_box(&mut out)));
    let hand = rust(&|input| row(program.inputs(), &numbers, input));
    let mut right = [0.0; LANES];
    let theirs = median(|| hand(black_box(&mut right)));
    let same = out.map(f64::to_bits) == right.map(f64::to_bits);
    println!("{text}");
    println!(
        "  program of {} instructions {ours:.0} ns, Rust {theirs:.0} ns, ratio {:.2}, same bits: {same}",
        program.instructions(),
        ours / theirs
    );
    Ok(())
}

type Hand = Box<dyn Fn(&mut [f64; LANES])>;

fn main() -> Result<(), Box<dyn Error>> {
    compare(PLAIN, |row| {
        let [v0, v1, v2, v3] = [0, 1, 2, 3].map(|i| row(Input::Velocity(i)));
        let q2 = row(Input::Position(2));
        Box::new(move |out| {
            let (v0, v1, v2, v3, q2) = black_box((&v0, &v1, &v2, &v3, &q2));
            for l in 0..LANES {
                let squares = v1[l] * v1[l] + v2[l] * v2[l] + v3[l] * v3[l];
                out[l] = 1.25 * v0[l] - 0.001 * squares + (0.5 - q2[l] * q2[l]).abs();
            }
        })
    })?;
    compare(WITH_EXP, |row| {
        let [v0, v1, v2, v3] = [0, 1, 2, 3].map(|i| row(Input::Velocity(i)));
        let q2 = row(Input::Position(2));
        Box::new(move |out| {
            let (v0, v1, v2, v3, q2) = black_box((&v0, &v1, &v2, &v3, &q2));
            for l in 0..LANES {
                let squares = v1[l] * v1[l] + v2[l] * v2[l] + v3[l] * v3[l];
                out[l] = 1.25 * v0[l] - 0.001 * squares + (-4.0 * (q2[l] * q2[l])).exp();
            }
        })
    })?;
    compare(LISTS, |row| {
        let progress = row(Input::PositionProgress(0));
        let qvel: [_; 12] = std::array::from_fn(|i| row(Input::Velocity(i)));
        let qpos: [_; 9] = std::array::from_fn(|i| row(Input::Position(i + 3)));
        Box::new(move |out| {
            let (progress, qvel, qpos) = black_box((&progress, &qvel, &qpos));
            for l in 0..LANES {
                let sum = |rows: &[[f64; LANES]]| {
                    rows[1..].iter().fold(rows[0][l] * rows[0][l], |sum, row| sum + row[l] * row[l])
                };
                out[l] = progress[l] - 0.001 * sum(qvel) - 0.1 * sum(qpos).sqrt();
            }
        })
    })
}
