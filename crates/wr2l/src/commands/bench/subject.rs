//! What is measured.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wr2l::rl::{
    Acting, CollectOptions, Ddpg, DdpgConfig, Executor, Experience, Fixed, Lanes, Learner, Players, Ppo,
    PpoConfig, Stretch, Threads,
};
use wr2l::rng::{Purpose, StreamKey};
use wr2l::run::{RunError, TaskRef, task_names};
use wr2l::sim::{ActionSpace, Outcome, Physics, Simulator, TaskName};

use super::expression::{ByExpressions, ByRust, lane_steps};
use super::floor::{self, Products};
use super::machine;
use crate::program::program;

/// What a number counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    StepsPerSecond,
    Microseconds,
    Megabytes,
    Nanoseconds,
    Percent,
    Gigaflops,
    Times,
}

impl Unit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::StepsPerSecond => "steps/s",
            Self::Microseconds => "µs",
            Self::Megabytes => "MB",
            Self::Nanoseconds => "ns",
            Self::Percent => "%",
            Self::Gigaflops => "GFLOP/s",
            Self::Times => "×",
        }
    }
}

/// Something to measure, and what came out so far.
pub(super) struct Subject {
    /// Words and a slash between them: what, on which task, physics and number of threads.
    pub(super) name: String,
    unit: Unit,
    /// Made at the first measurement.
    make: Box<dyn Fn() -> Result<Sampler, RunError>>,
    sampler: Option<Sampler>,
    samples: Vec<f64>,
    /// Other quantities that come with the first.
    also: Vec<(String, Unit, Vec<f64>)>,
}

/// Measures for about as long as it is told to.
type Sampler = Box<dyn FnMut(Duration) -> Result<Sample, RunError>>;

/// One measurement.
struct Sample {
    value: f64,
    /// Other quantities: what stands before the first slash of their names, and what they count.
    also: Vec<(&'static str, Unit, f64)>,
}

impl From<f64> for Sample {
    fn from(value: f64) -> Self {
        Self { value, also: Vec::new() }
    }
}

impl Subject {
    fn new(name: String, unit: Unit, make: impl Fn() -> Result<Sampler, RunError> + 'static) -> Self {
        Self { name, unit, make: Box::new(make), sampler: None, samples: Vec::new(), also: Vec::new() }
    }

    /// Takes one more sample.
    pub(super) fn measure(&mut self, budget: Duration) -> Result<(), RunError> {
        let sampler = match &mut self.sampler {
            Some(sampler) => sampler,
            // What is only done once (memory, page faults, the first clock rate) is not measured.
            None => {
                let sampler = self.sampler.insert((self.make)()?);
                sampler(budget / 10)?;
                sampler
            }
        };
        let sample = sampler(budget)?;
        self.samples.push(sample.value);
        for (i, (kind, unit, value)) in sample.also.into_iter().enumerate() {
            if self.also.len() == i {
                let rest = self.name.split_once('/').map_or("", |(_, rest)| rest);
                self.also.push((format!("{kind}/{rest}"), unit, Vec::new()));
            }
            self.also[i].2.push(value);
        }
        Ok(())
    }

    /// Name, unit and samples of everything that was measured.
    pub(super) fn results(&self) -> impl Iterator<Item = (&str, Unit, &[f64])> {
        let also = self.also.iter().map(|(name, unit, samples)| (name.as_str(), *unit, samples.as_slice()));
        std::iter::once((self.name.as_str(), self.unit, self.samples.as_slice())).chain(also)
    }
}

/// Everything there is to measure on up to `threads` threads.
pub(super) fn subjects(threads: usize) -> Result<Vec<Subject>, RunError> {
    let mut all = Vec::new();
    let counts: &[usize] = if threads > 1 { &[1, threads] } else { &[1] };
    let mut systems = Vec::new();
    for task in task_names() {
        systems.extend(opened(task)?.physics().into_iter().map(|physics| (task, physics)));
    }
    for &(task, physics) in &systems {
        let name = format!("simulate/{task}/{physics}/1");
        all.push(Subject::new(name, Unit::StepsPerSecond, move || simulation(task, physics)));
    }
    for &(task, physics) in &systems {
        for &threads in counts {
            let name = format!("rollout/{task}/{physics}/{threads}");
            all.push(Subject::new(name, Unit::StepsPerSecond, move || rollout(task, physics, threads)));
        }
    }
    all.push(Subject::new("expressions/hopper/planar/1".into(), Unit::Percent, expressions));
    all.push(Subject::new("products/64/1".into(), Unit::Gigaflops, || Ok(products())));
    for minibatch in [64, 256, 2048] {
        for &threads in &counts[..counts.len().min(2)] {
            let name = format!("update/{minibatch}/{threads}");
            all.push(Subject::new(name, Unit::Microseconds, move || update(minibatch, threads)));
        }
    }
    for learner in [OffPolicy::Ddpg, OffPolicy::Td3] {
        for width in [64, 256] {
            for &threads in counts {
                let name = format!("{}/{width}/{threads}", learner.names()[0]);
                all.push(Subject::new(name, Unit::Microseconds, move || learner.update(width, threads)));
            }
        }
    }
    for &physics in Physics::available(TaskName::HOPPER) {
        for &threads in counts {
            let name = format!("learning/hopper/{physics}/{threads}");
            all.push(Subject::new(name, Unit::Microseconds, move || learning(physics, threads)));
        }
    }
    for &physics in Physics::available(TaskName::HOPPER) {
        for &threads in counts {
            let name = format!("training/hopper/{physics}/{threads}");
            all.push(Subject::new(name, Unit::StepsPerSecond, move || training(physics, threads)));
        }
    }
    Ok(all)
}

/// The learners' robot.
const HOPPER: &str = "hopper";

fn opened(task: &str) -> Result<TaskRef, RunError> {
    TaskRef::open(task).map_err(RunError::Usage)
}

/// A simulator of the task's reference dynamics.
fn simulator(task: &str, physics: Physics) -> Result<Simulator, RunError> {
    let task = opened(task)?;
    let space = task.space().select::<&str>(&[])?;
    Ok(task.simulator(physics, space)?)
}

/// Repeats `work`, which returns how many units it did, for about as long as `budget`; units per second.
fn rate(budget: Duration, mut work: impl FnMut() -> Result<usize, RunError>) -> Result<Sample, RunError> {
    let (begun, mut done) = (Instant::now(), 0);
    loop {
        done += work()?;
        let elapsed = begun.elapsed();
        if elapsed >= budget {
            return Ok((done as f64 / elapsed.as_secs_f64()).into());
        }
    }
}

/// Steps of the bare simulator under uniformly random actions, with a reset wherever an episode ends.
fn simulation(task: &str, physics: Physics) -> Result<Sampler, RunError> {
    const TABLE: usize = 256;
    let simulator = simulator(task, physics)?;
    let lanes = simulator.preferred_lanes();
    let mut sim = simulator.batch(lanes)?;
    let mut stream = StreamKey::new(1, Purpose::Test).stream();
    let width = lanes * simulator.spec().act_dim();
    let actions: Vec<f64> = match &simulator.spec().actions {
        ActionSpace::Discrete { n } => (0..TABLE * width).map(|_| stream.below(*n) as f64).collect(),
        ActionSpace::Continuous { low, high } => {
            (0..TABLE * width).map(|i| stream.uniform(low[i % low.len()], high[i % low.len()])).collect()
        }
    };
    let active = vec![true; lanes];
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    (0..lanes).for_each(|lane| sim.reset(lane, &mut stream));
    Ok(Box::new(move |budget| {
        rate(budget, || {
            for actions in actions.chunks_exact(width) {
                sim.step(actions, &active, &mut rewards, &mut outcomes);
                for lane in 0..lanes {
                    if outcomes[lane].is_over() {
                        sim.reset(lane, &mut stream);
                    }
                }
            }
            Ok(TABLE * lanes)
        })
    }))
}

/// What judging and observing by expressions costs, in percent of a whole step of the Hopper; and nanoseconds a lane and step of either,
/// and of the same in Rust. The three alternate; of each the least of its turns counts, which other programs disturbed least.
fn expressions() -> Result<Sampler, RunError> {
    const TURNS: u32 = 20;
    let lanes = simulator(HOPPER, Physics::Planar)?.preferred_lanes();
    let mut step = simulation(HOPPER, Physics::Planar)?;
    let (mut by_expressions, mut by_rust) = (ByExpressions::new(lanes)?, ByRust::new(lanes));
    let look = |reward: f64, over: bool, seen: &[f64]| {
        std::hint::black_box((reward, over, seen));
    };
    Ok(Box::new(move |budget| {
        let mut least = [f64::INFINITY; 3];
        for _ in 0..TURNS {
            let budget = budget / (3 * TURNS);
            let judged = |judge: &mut dyn FnMut()| {
                rate(budget, || {
                    judge();
                    Ok(lane_steps(lanes))
                })
            };
            let rates = [
                judged(&mut || by_expressions.judge(look))?.value,
                judged(&mut || by_rust.judge(look))?.value,
                step(budget)?.value,
            ];
            least.iter_mut().zip(rates).for_each(|(least, rate)| *least = least.min(1e9 / rate));
        }
        let names = ["expressions-judge", "expressions-in-rust", "expressions-step"];
        let also = names.into_iter().zip(least);
        Ok(Sample {
            value: 100.0 * least[0] / least[2],
            also: also.map(|(name, time)| (name, Unit::Nanoseconds, time)).collect(),
        })
    }))
}

/// Batches as a learner collects them, with a fresh policy of two layers of 64.
fn rollout(task: &str, physics: Physics, threads: usize) -> Result<Sampler, RunError> {
    const HORIZON: usize = 256;
    let simulator = simulator(task, physics)?;
    let mut executor = Threads::new(&simulator, threads)?;
    let actor = learner(&simulator, PpoConfig::default())?.actor().clone();
    let n = PpoConfig::default().lanes.max(threads * simulator.preferred_lanes());
    let mut lanes = Lanes::new(n, simulator.spec(), 0);
    let (mut batch, mut iteration) = (Vec::new(), 0);
    let source = Fixed::reference(simulator.space());
    Ok(Box::new(move |budget| {
        rate(budget, || {
            let (stretch, acting) = (Stretch::Steps(HORIZON), Acting::Sample);
            let options =
                CollectOptions { seed: 1, iteration, stretch, discount: 0.99, acting, random_actions: 0.0 };
            executor.collect(Players::alone(&actor), &source, &mut lanes, options, &mut batch)?;
            iteration += 1;
            Ok(n * HORIZON)
        })
    }))
}

/// How fast one core multiplies matrices.
fn products() -> Sampler {
    let mut products = Products::new();
    Box::new(move |budget| Ok((2e-3 * products.rate(budget)).into()))
}

/// `microseconds` of a gradient step with so many `multiply_adds`, and what they alone would take at the rate of products
/// measured right after it.
fn beside_floor(
    microseconds: f64,
    multiply_adds: usize,
    products: &mut Products,
    budget: Duration,
    [of_products, by_products]: [&'static str; 2],
) -> Sample {
    let floor = multiply_adds as f64 / products.rate(budget / 10);
    let also =
        vec![(of_products, Unit::Microseconds, floor), (by_products, Unit::Times, microseconds / floor)];
    Sample { value: microseconds, also }
}

/// Numbers of an observation and of an action.
fn widths(simulator: &Simulator) -> [usize; 2] {
    [simulator.spec().obs_dim, simulator.spec().act_dim()]
}

fn learner(simulator: &Simulator, config: PpoConfig) -> Result<Ppo, RunError> {
    Ok(Ppo::new(config, simulator.spec(), 0, 1)?)
}

/// Microseconds of one update of PPO on a minibatch: two networks of 2×64, forward, backward, clip, Adam, and all
/// that a learner does between two updates. Batches of 2,048 from the Hopper.
fn update(minibatch: usize, threads: usize) -> Result<Sampler, RunError> {
    let physics = Physics::available(TaskName::HOPPER)[0];
    let simulator = simulator(HOPPER, physics)?;
    let mut executor = Threads::new(&simulator, threads)?;
    let config = PpoConfig { lanes: 8, horizon: 256, minibatches: 2048 / minibatch, ..PpoConfig::default() };
    let updates = f64::from(config.epochs) * config.minibatches as f64;
    let multiply_adds = minibatch * floor::of_ppo(widths(&simulator), config.hidden[0]);
    let mut products = Products::new();
    let mut ppo = learner(&simulator, config)?;
    let source = Fixed::reference(simulator.space());
    let mut iteration = 0;
    Ok(Box::new(move |budget| {
        let (mut seconds, mut done) = (0.0, 0.0);
        while seconds < budget.as_secs_f64() {
            let experience = Experience::alone(&mut executor, &source, 1, iteration, 0.0);
            seconds += ppo.improve(experience)?.seconds.update;
            done += updates;
            iteration += 1;
        }
        let names = ["update-products", "update-by-products"];
        Ok(beside_floor(1e6 * seconds / done, multiply_adds, &mut products, budget, names))
    }))
}

/// Microseconds per transition of PPO with its defaults on the Hopper, and where they go.
fn learning(physics: Physics, threads: usize) -> Result<Sampler, RunError> {
    let simulator = simulator(HOPPER, physics)?;
    let mut executor = Threads::new(&simulator, threads)?;
    let mut ppo = learner(&simulator, PpoConfig::default())?;
    let source = Fixed::reference(simulator.space());
    let mut iteration = 0;
    Ok(Box::new(move |budget| {
        let (begun, mut steps, mut phases) = (Instant::now(), 0, [0.0; 3]);
        while steps == 0 || begun.elapsed() < budget {
            let done = ppo.improve(Experience::alone(&mut executor, &source, 1, iteration, 0.0))?;
            iteration += 1;
            steps += done.transitions;
            let seconds = [done.seconds.collect, done.seconds.prepare, done.seconds.update];
            phases.iter_mut().zip(seconds).for_each(|(sum, seconds)| *sum += seconds);
        }
        let per_step = |seconds: f64| 1e6 * seconds / steps as f64;
        let names = ["learning-collect", "learning-prepare", "learning-update"];
        let also = names.into_iter().zip(phases);
        Ok(Sample {
            value: per_step(begun.elapsed().as_secs_f64()),
            also: also.map(|(name, seconds)| (name, Unit::Microseconds, per_step(seconds))).collect(),
        })
    }))
}

/// A learner from a replay buffer.
#[derive(Clone, Copy)]
enum OffPolicy {
    Ddpg,
    Td3,
}

impl OffPolicy {
    /// What is measured, and the two quantities beside it.
    fn names(self) -> [&'static str; 3] {
        match self {
            Self::Ddpg => ["update-ddpg", "update-ddpg-products", "update-ddpg-by-products"],
            Self::Td3 => ["update-td3", "update-td3-products", "update-td3-by-products"],
        }
    }

    /// Microseconds of one gradient step on a minibatch of `width`, with two layers of `width`. Collecting takes part, one
    /// transition of the Hopper per gradient step.
    fn update(self, width: usize, threads: usize) -> Result<Sampler, RunError> {
        let simulator = simulator(HOPPER, Physics::available(TaskName::HOPPER)[0])?;
        let mut executor = Threads::new(&simulator, threads)?;
        let usual = match self {
            Self::Ddpg => DdpgConfig::default(),
            Self::Td3 => DdpgConfig::td3(),
        };
        let config = DdpgConfig {
            hidden: vec![width; 2],
            minibatch: width,
            rounds: 4,
            warm_up: 1_000,
            replay: 100_000,
            ..usual
        };
        let (critics, actor_every) = (1 + usize::from(config.twin_critics), config.actor_every as usize);
        let multiply_adds = width * floor::of_off_policy(widths(&simulator), width, critics, actor_every);
        let mut products = Products::new();
        let mut learner = Ddpg::new(config, simulator.spec(), 0, 1)?;
        let source = Fixed::reference(simulator.space());
        let mut iteration = 0;
        while learner.improve(Experience::alone(&mut executor, &source, 1, iteration, 0.0))?.skipped.is_some()
        {
            iteration += 1;
        }
        let [_, names @ ..] = self.names();
        Ok(Box::new(move |budget| {
            let steps = rate(budget, || {
                iteration += 1;
                let experience = Experience::alone(&mut executor, &source, 1, iteration, 0.0);
                Ok(learner.improve(experience)?.transitions)
            })?;
            Ok(beside_floor(1e6 / steps.value, multiply_adds, &mut products, budget, names))
        }))
    }
}

/// `wr2l train hopper --algorithm ppo` from its start to its end, as a process of its own.
fn training(physics: Physics, threads: usize) -> Result<Sampler, RunError> {
    let program = program()?;
    let folder = std::env::temp_dir().join(format!("wr2l-bench-{}", std::process::id()));
    Ok(Box::new(move |budget| {
        // Whole batches, for a second or so. Less where it only warms up.
        let batches = if budget < Duration::from_millis(50) {
            1
        } else if physics == Physics::Mujoco {
            10
        } else {
            160
        };
        let steps: u64 = 2048 * batches;
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]);
        command.args(["train", "hopper", "--algorithm", "ppo", "--quiet", "--no-report", "--force"]);
        command.args(["--physics", physics.as_str(), "--threads", &threads.to_string()]);
        command.args(["--steps", &steps.to_string(), "--output"]).arg(&folder).stdin(Stdio::null());
        let begun = Instant::now();
        let failed = |error| RunError::io("run", Path::new("wr2l"), &error);
        let mut child = command.spawn().map_err(failed)?;
        let (id, over) = (child.id(), AtomicBool::new(false));
        let (status, seconds, peak) = std::thread::scope(|scope| {
            // Looked at ever more rarely: each look takes a core away from what is measured.
            let looking = scope.spawn(|| {
                let (mut peak, mut pause) = (None, Duration::from_millis(2));
                while !over.load(Ordering::Relaxed) {
                    peak = machine::peak_memory(id).or(peak);
                    std::thread::sleep(pause);
                    pause = (2 * pause).min(Duration::from_millis(100));
                }
                peak
            });
            let status = child.wait();
            let seconds = begun.elapsed().as_secs_f64();
            over.store(true, Ordering::Relaxed);
            (status, seconds, looking.join().ok().flatten())
        });
        let (status, value) = (status.map_err(failed)?, steps as f64 / seconds);
        let _ = std::fs::remove_dir_all(&folder);
        match status.success() {
            true => {
                let also = peak.map(|bytes| ("peak-memory", Unit::Megabytes, bytes as f64 / 1e6));
                Ok(Sample { value, also: also.into_iter().collect() })
            }
            false => Err(RunError::Usage("the training that was to be measured failed".into())),
        }
    }))
}
