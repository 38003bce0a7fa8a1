//! Gradient steps per second of DDPG on one core: critic, actor and slow copies, minibatches from the replay buffer.
//!
//! `cargo run --release -p wr2l-rl --example ddpg_speed [seconds]`
//!
//! Counts seconds of the processor where the system says them (Linux), else of the clock: on a machine that others use
//! as well, the processor's are closer to what the code costs.
//!
//! Hopper's shapes (11 observations, 3 actions). Collecting takes part, 4 lanes on the planar physics: what it costs
//! is in the numbers.

use std::time::{Duration, Instant};

use wr2l_rl::{Ddpg, DdpgConfig, Experience, Fixed, Learner, Threads};
use wr2l_sim::{Simulator, Task, TaskName};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds: f64 = std::env::args().nth(1).map_or(Ok(10.0), |text| text.parse())?;
    let task = Task::new(TaskName::HOPPER);
    let space = task.space().select::<&str>(&[])?;
    let simulator = Simulator::new(task, None, space)?;
    let mut executor = Threads::new(&simulator, 1)?;
    let source = Fixed::reference(simulator.space());
    for (width, minibatch) in [(64, 64), (256, 256)] {
        let config = DdpgConfig {
            hidden: vec![width, width],
            minibatch,
            warm_up: 2_000,
            rounds: 1,
            ..DdpgConfig::default()
        };
        let mut learner = Ddpg::new(config, simulator.spec(), 0, 1)?;
        let mut iteration = 0;
        let mut improve = |learner: &mut Ddpg| {
            let done = learner.improve(Experience::alone(&mut executor, &source, 1, iteration, 0.0));
            iteration += 1;
            done.map(|done| done.transitions)
        };
        for _ in 0..70 {
            improve(&mut learner)?;
        }
        let begun = Instant::now();
        let (mut steps, before) = (0, seconds_used(begun));
        while begun.elapsed() < Duration::from_secs_f64(seconds) {
            // One gradient step per transition.
            steps += improve(&mut learner)?;
        }
        let rate = steps as f64 / (seconds_used(begun) - before);
        println!("2 × {width}, minibatch {minibatch}: {rate:.0} gradient steps/s");
    }
    Ok(())
}

/// Seconds of the processor that this thread has used, or those since `begun`.
fn seconds_used(begun: Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.map_or_else(|| begun.elapsed().as_secs_f64(), |nanoseconds| 1e-9 * nanoseconds)
}
