//! What checkpoints cost: trains for a while, checkpoint after checkpoint, and says what share of training they take at the
//! default interval.
//!
//! `cargo run --release -p wr2l-run --example checkpoint_cost -- [TASK] [STEPS] [FOLDER] [KEY=VALUE …]`; the disk that
//! counts is the one that FOLDER is on. The ratio is of two times measured in one run.

use std::path::PathBuf;

use wr2l_run::{Layer, Plan, RunError, RunFolder, TrainOptions, train};

fn main() -> Result<(), RunError> {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_else(|| "hopper".to_owned());
    let steps = arguments.next().unwrap_or_else(|| "200k".to_owned());
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "checkpoint-cost".to_owned()));
    let mut layers = vec![Layer::argument("TASK", "task", task), Layer::set(&format!("steps={steps}"))?];
    for setting in arguments {
        layers.push(Layer::set(&setting)?);
    }
    let plan = Plan::resolve(&layers)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);

    // After every iteration, to have many to measure.
    let options = TrainOptions { threads, checkpoint_every: Some(0.0), ..TrainOptions::default() };
    let run = RunFolder::create(&folder, true)?;
    let trained = train(&plan, &run, &options, &mut ())?;
    let cost = trained.checkpoint_seconds / trained.checkpoints as f64;
    let training = trained.last.seconds - trained.checkpoint_seconds;
    let newest = run.file(&format!("checkpoints/{:010}.ckpt", trained.last.iteration));
    let bytes = newest.metadata().map_or(0, |meta| meta.len());
    let interval = TrainOptions::usual_interval(cost);
    println!("{} on {} ({}), {threads} threads:", plan.algorithm, plan.task, plan.physics);
    println!(
        "  {} iterations of {:.1} ms; {} checkpoints of {:.1} ms and {:.2} MB each",
        trained.last.iteration,
        1e3 * training / trained.last.iteration as f64,
        trained.checkpoints,
        1e3 * cost,
        bytes as f64 / 1e6,
    );
    println!(
        "  after every iteration they cost {:.1} % of training",
        100.0 * trained.checkpoint_seconds / training
    );
    println!("  at the default interval of {interval:.0} s they cost {:.3} %", 100.0 * cost / interval);
    Ok(())
}
