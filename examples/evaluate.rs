//! Judges a policy, here an untrained one (`train.rs` makes better ones): its returns over a sweep, and the worst dynamics
//! that a search finds for it.
//!
//! `cargo run --release -p wr2l-examples --example evaluate`

use std::error::Error;
use std::ops::ControlFlow;

use wr2l::eval::{
    Axis, Evaluation, Grid, Journal, Region, Search, SearchKind, Statistics, Subject, Training, evaluate,
    search_worst,
};
use wr2l::rl::{Actor, Learner, Ppo, PpoConfig};
use wr2l::sim::{Simulator, Task, TaskName};

/// The returns of `policy` on the cart-pole with poles of many lengths, and the worst length within ±50 % with its return.
pub fn judge(policy: &Actor, threads: usize) -> Result<(Statistics, f64, f64), Box<dyn Error>> {
    let task = Task::new(TaskName::CARTPOLE);
    // Names in tables; of its training nothing is known.
    let training = Training::default();
    let subject = Subject { actor: policy, method: "mine", policy: "mine", training: &training };
    let options = Evaluation { episodes: 10, threads, ..Evaluation::default() };
    // The journal of a file goes on after a kill; this one keeps nothing.
    let mut journal = Journal::none();
    let mut go_on = |_| ControlFlow::Continue(());

    let lengths = Axis::evenly_spaced("pole_half_length", 0.1, 2.5, 13)?;
    let systems = Grid::new(&task.space(), vec![lengths])?.systems();
    let table = evaluate(subject, task.clone(), None, &systems, options, &mut journal, &mut go_on)?;
    let statistics = table.statistics()?;

    let space = task.space().select(&["pole_half_length"])?;
    let set = Region::Box(0.5).search_set(&space)?.ok_or("a box can be searched")?;
    // Episodes to spend.
    let search = Search::usual(SearchKind::Surrogate, space.dim(), 500);
    let worst =
        search_worst(subject, task.clone(), None, &space, &set, options, search, &mut journal, &mut go_on)?;
    // Measured anew, on episodes that took no part in choosing it.
    let table = evaluate(subject, task, None, &worst, options, &mut journal, &mut go_on)?;
    Ok((statistics, worst.row(0)[0], table.rows[0].mean))
}

/// A policy that knows nothing.
pub fn untrained() -> Result<Actor, Box<dyn Error>> {
    let task = Task::new(TaskName::CARTPOLE);
    let simulator = Simulator::new(task, None, wr2l::sim::DynamicsSpace::default())?;
    Ok(Ppo::new(PpoConfig::default(), simulator.spec(), 0, 1)?.actor().clone())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (statistics, length, ret) = judge(&untrained()?, 2)?;
    println!("mean return {:.1}; worst at a half length of {length:.2} m: {ret:.1}", statistics.mean);
    Ok(())
}
