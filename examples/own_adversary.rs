//! An adversary of one's own, and its own source of dynamics: it tries every corner of a box around the reference, and
//! sends half of the learner's episodes to the worst one.
//!
//! `cargo run --release -p wr2l-examples --example own_adversary`

use std::error::Error;
use std::sync::Arc;

use wr2l::rl::{Actor, DynamicsSource, Executor, Ppo, PpoConfig, State, StateError, Threads};
use wr2l::robust::adversary::{Choice, Report, Source, Turn};
use wr2l::robust::{Adversary, Objective, RobustError, SimulatedReturn};
use wr2l::run::{Budget, Session};
use wr2l::sim::{Simulator, Task, TaskName};

/// Episodes that J of a corner is averaged over.
const EPISODES: usize = 4;

/// Looks at the 2ᵈ corners of the box of ± `half_width` around the reference.
#[derive(Debug)]
pub struct Corners {
    half_width: f64,
    /// Number of parameters.
    dim: usize,
    /// What it chose last.
    worst: Option<Vec<f64>>,
}

impl Corners {
    /// A box of ± `half_width` in z of `dim` parameters.
    pub fn new(half_width: f64, dim: usize) -> Self {
        Self { half_width, dim, worst: None }
    }
}

/// Every other episode of a lane under these dynamics, the rest under the reference.
#[derive(Debug)]
struct EveryOther(Vec<f64>);

impl DynamicsSource for EveryOther {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        if (lane + episode).is_multiple_of(2) {
            out.copy_from_slice(&self.0);
        } else {
            out.fill(0.0);
        }
    }
}

impl Adversary for Corners {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let dim = self.dim;
        let half = self.half_width;
        let corner = |i: usize| (0..dim).map(move |axis| if (i >> axis) & 1 == 1 { half } else { -half });
        let corners: Vec<f64> = (0..1 << dim).flat_map(corner).collect();
        // On the same random numbers, so that corners differ by their dynamics and not by luck; undiscounted, as evaluation
        // measures.
        let mut objective = SimulatedReturn::new(executor, actor, EPISODES, 1.0, turn.seed, turn.index);
        let returns = objective.evaluate(&corners, 0)?;
        let simulator_steps = objective.simulator_steps();
        let worst = (0..returns.len()).min_by(|&a, &b| returns[a].total_cmp(&returns[b])).unwrap_or(0);
        let z = corners[worst * dim..][..dim].to_vec();
        self.worst = Some(z.clone());
        let report = Report { value: Some(returns[worst]), worst: Some(z.clone()), ..Report::default() };
        Ok(Choice { source: Arc::new(EveryOther(z)), report, simulator_steps })
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        if let Some(worst) = &self.worst {
            state.put("worst", worst.as_slice());
        }
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.worst = match state.holds("worst") {
            // Whatever a file holds: the length and that they are numbers is checked.
            true => Some(state.take_finite("worst", self.dim)?),
            false => None,
        };
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        self.worst.clone().map(|z| Arc::new(EveryOther(z)) as Source)
    }
}

/// PPO against it on the cart-pole, whose pole may be up to 80 % longer or shorter, and heavier or lighter.
pub fn session(steps: u64, threads: usize) -> Result<Session, Box<dyn Error>> {
    let task = Task::new(TaskName::CARTPOLE);
    let vary = task.space().select(&["pole_half_length", "pole_mass"])?;
    let simulator = Simulator::new(task, None, vary)?;
    let executor = Threads::new(&simulator, threads)?;
    let learner = Ppo::new(PpoConfig::default(), simulator.spec(), simulator.space().dim(), 1)?;
    let budget = Budget { every: 4096, ..Budget::new(1, steps) };
    let adversary = Box::new(Corners::new(0.8, simulator.space().dim()));
    Ok(Session::new(budget, Box::new(executor), Box::new(learner), Some(adversary)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut session = session(60_000, 2)?;
    session.run(&mut ())?;
    println!("balanced for {:.0} steps on average", session.progress().recent_return);
    Ok(())
}
