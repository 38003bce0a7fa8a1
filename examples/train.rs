//! Trains a policy in memory, a step at a time, by a plan as the command line would make it.
//!
//! `cargo run --release -p wr2l-examples --example train`

use std::error::Error;

use wr2l::rl::{Actor, StopFlag};
use wr2l::run::{Layer, Plan, Session};

/// Trains WR²L on the cart-pole, whose pole may have another length. The policy, and its mean return over the last
/// episodes.
pub fn train(steps: u64, threads: usize) -> Result<(Actor, f64), Box<dyn Error>> {
    // What `--set` takes on the command line is a layer here; whatever is not said has its usual value. The empty text stands
    // where a message would show the flag.
    let plan = Plan::resolve(&[
        Layer::argument("", "task", "cartpole"),
        Layer::set("vary=[\"pole_half_length\"]")?,
        Layer::set(&format!("steps={steps}"))?,
    ])?;
    let mut session = Session::of(&plan, threads, StopFlag::default())?;
    // `()` watches nothing; an `Observer` of your own sees every turn and iteration.
    while session.step(&mut ())?.is_none() {
        let progress = session.progress();
        println!("{:7} steps, return {:6.1}", progress.steps, progress.recent_return);
    }
    Ok((session.policy().clone(), session.progress().recent_return))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (policy, ret) = train(40_000, 2)?;
    println!("a policy of {} weights that balances for {ret:.0} steps", policy.params().len());
    Ok(())
}
