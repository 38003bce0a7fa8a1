//! A task of one's own: the hopper, which is paid half as much for speed, has half the strength, and is to stand upright, on
//! floors of more or less grip. A task is data: take one and change it, or read one from a file (`Task::read`) as those in
//! `tasks/` are. Its robot is one of `models/`; for another bring an engine (`own_simulator.rs`).
//!
//! `cargo run --release -p wr2l-examples --example own_task`

use std::error::Error;

use wr2l::rl::{Actor, Ppo, PpoConfig, Threads};
use wr2l::robust::AdversaryConfig;
use wr2l::robust::adversary::{RegionConfig, Shape, Uniform};
use wr2l::run::{Budget, Session};
use wr2l::sim::{ActionSpace, Range, Simulator, Task, TaskName};

/// The task.
pub fn frugal() -> Task {
    let mut task = Task::new(TaskName::HOPPER);
    task.name = "frugal-hopper".into();
    task.description = "Hop forward on one leg, upright and with little effort.".into();
    // Motors of half the strength.
    task.robot.actions = ActionSpace::Continuous { low: vec![-0.5; 3], high: vec![0.5; 3] };
    task.robot.episode_limit = 500;
    task.reward.forward = 0.5;
    task.reward.control = 0.01;
    // The torso may lean by 0.1 rad.
    task.healthy.coordinates.push(Range::One { at: 2, within: [-0.1, 0.1] });
    task
}

/// Trains PPO on it, each episode on a floor of its own. The policy, and its mean return over the last episodes.
pub fn train(steps: u64, threads: usize) -> Result<(Actor, f64), Box<dyn Error>> {
    let task = frugal();
    let vary = task.space().select(&["friction"])?;
    let simulator = Simulator::new(task, None, vary)?;
    let executor = Threads::new(&simulator, threads)?;
    let region = RegionConfig { shape: Shape::Box, half_width: 0.4, ..RegionConfig::default() };
    let bounds = region.bounds(simulator.space()).map_err(|bad| bad.reason)?.ok_or("a box has bounds")?;
    let adversary = Uniform::in_box(bounds, AdversaryConfig::default())?;
    let learner = Ppo::new(PpoConfig::default(), simulator.spec(), simulator.space().dim(), 1)?;
    let budget = Budget::new(1, steps);
    let mut session = Session::new(budget, Box::new(executor), Box::new(learner), Some(Box::new(adversary)));
    session.run(&mut ())?;
    Ok((session.policy().clone(), session.progress().recent_return))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (_, ret) = train(300_000, 2)?;
    println!("mean return {ret:.0}");
    Ok(())
}
