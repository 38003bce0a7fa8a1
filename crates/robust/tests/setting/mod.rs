//! What the tests on real simulators share.

use wr2l_rl::{Actor, Learner, Ppo, PpoConfig, Threads};
use wr2l_robust::ball::Ball;
use wr2l_robust::{BallConfig, BallEstimate, BallSeed, PairsConfig};
use wr2l_sim::{Simulator, Task, TaskName};

/// A task's simulator, in which the named parameters vary.
pub(crate) fn simulator(task: TaskName, vary: &[&str]) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select(vary).unwrap();
    Simulator::new(task, None, space).unwrap()
}

/// The Hopper with the paper's two parameters.
pub(crate) fn hopper() -> Simulator {
    simulator(TaskName::HOPPER, &["torso_density", "friction"])
}

/// An untrained policy.
pub(crate) fn actor(simulator: &Simulator) -> Actor {
    Ppo::new(PpoConfig::default(), simulator.spec(), simulator.space().dim(), 7).unwrap().actor().clone()
}

/// A ball of few pairs, as version 0.1 drew them.
pub(crate) fn small() -> BallConfig {
    let pairs = PairsConfig { count: 60, pool: 300, target_error: 0.0, ..PairsConfig::default() };
    BallConfig { pairs, epsilon: 0.1, seed: BallSeed::Run, ..BallConfig::default() }
}

/// A ball of `simulator`, and what it rests on.
pub(crate) fn ball(simulator: &Simulator, config: &BallConfig) -> (BallEstimate, Ball) {
    let mut executor = Threads::new(simulator, 2).unwrap();
    let estimate = BallEstimate::new(&mut executor, config, 3).unwrap();
    let ball = estimate.ball(simulator.space(), config).unwrap();
    (estimate, ball)
}
