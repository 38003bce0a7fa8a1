//! The paper's negative result (sections 3.1 and 5): WR²L over the weights of a network fitted to the cart-pole, and over the
//! parameters of the cart-pole itself, with the same ε.
//!
//! `cargo run --release -p wr2l-learned --example violation` writes `docs/results/learned`: `violation.csv`, `trained.csv` and
//! `angle.svg`. Another folder may be given, then one of the parts
//! `violation` and `trained`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wr2l_learned::{
    FitConfig, Integrator, LearnedModel, Transitions, WeightAdversary, fit, measured, violation,
};
use wr2l_report::{LineFigure, Marks, Quantity, Series};
use wr2l_rl::{
    Actor, EpisodeJob, EpisodeOptions, Executor, Experience, Fixed, LaneActor, Learner, Ppo, PpoConfig,
    Threads,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::adversary::{Source, Turn, Wasserstein};
use wr2l_robust::matrix_free::{BallGradient, MatrixFreeSearch};
use wr2l_robust::phase_one::{PhaseOne, SearchKind};
use wr2l_robust::{Adversary, AdversaryConfig, BallConfig, BallEstimate, BallMeasure, Pairs, PairsConfig};
use wr2l_sim::{Outcome, Simulator, Task, TaskName};

/// The angle's place among the positions.
const ANGLE: usize = 1;
/// Damping of the weights' H₀, as a share of its mean eigenvalue.
const RIDGE: f64 = 1e-2;
/// Where the data come from that random actions from the start do not reach: m, rad, m/s and rad/s.
const BOX: [f64; 4] = [2.4, 0.21, 2.0, 2.5];

/// Half of `count` pairs from trajectories of random actions (the paper), half from anywhere in [`BOX`], lest the model be wrong
/// wherever a trained policy goes.
fn pairs(executor: &mut dyn Executor, count: usize, seed: u64) -> Pairs {
    let config = PairsConfig { count: count / 2, pool: 2 * count, ..PairsConfig::default() };
    let mut pairs = Pairs::collect(executor, None, &config, seed).unwrap();
    let mut stream = StreamKey::new(seed, Purpose::Pairs).lane(1 << 32).stream();
    for _ in 0..count / 2 {
        pairs.states.extend(BOX.map(|most| stream.uniform(-most, most)));
        pairs.actions.push(stream.below(2) as f64);
    }
    pairs.len = count / 2 * 2;
    pairs
}

/// The cart-pole with all its five parameters.
fn cart_pole() -> Simulator {
    let task = Task::new(TaskName::CARTPOLE);
    let space = task.space();
    Simulator::new(task, None, space).unwrap()
}

/// A network of the cart-pole, and its one-step error on data that it has not seen.
fn model(hidden: usize) -> (LearnedModel, f64) {
    let mut executor = Threads::new(&cart_pole(), 1).unwrap();
    let seen = pairs(&mut executor, 2000, 1);
    let data = Transitions::simulate(&mut executor, &seen).unwrap();
    let config = FitConfig { hidden: vec![hidden; 2], polish: 5, ..FitConfig::default() };
    let (model, _) = fit(&Task::new(TaskName::CARTPOLE), &data, &config, 1).unwrap();
    let unseen = pairs(&mut executor, 1000, 2);
    let data = Transitions::simulate(&mut executor, &unseen).unwrap();
    let simulator = model.simulator("learned").unwrap();
    let mut learned = Threads::new(&simulator, 1).unwrap();
    let mut next = vec![0.0; data.next.len()];
    learned.transitions(&vec![0.0; simulator.space().dim()], unseen.steps(), &mut next).unwrap();
    let error = next.iter().zip(&data.next).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / data.len as f64;
    (model, error)
}

/// PPO on `simulator`, with a turn of the adversary, if there is one, every 16,384 steps.
fn train(simulator: &Simulator, mut adversary: Option<&mut dyn Adversary>, seed: u64, steps: u64) -> Actor {
    let mut executor = Threads::with_lanes(simulator, 1, 8).unwrap();
    let config = PpoConfig { lanes: 8, horizon: 256, epochs: 10, minibatches: 32, ..PpoConfig::default() };
    let dim = simulator.space().dim();
    let mut ppo = Ppo::new(config, simulator.spec(), dim, seed).unwrap();
    let mut source: Source = Arc::new(Fixed(vec![0.0; dim]));
    let mut current = vec![0.0; dim];
    let (batch, turn) = (8 * 256, 16_384);
    for done in (0..steps).step_by(batch) {
        if let (Some(adversary), 0) = (&mut adversary, done % turn) {
            let turn = Turn { seed, index: done / turn, progress: 0.0, current: &current };
            source = adversary.choose(&turn, ppo.actor(), &mut executor).unwrap().source;
            current = source.point().unwrap().to_vec();
        }
        let (progress, iteration) = (done as f64 / steps as f64, done / batch as u64);
        ppo.improve(Experience::alone(&mut executor, source.as_ref(), seed, iteration, progress)).unwrap();
    }
    ppo.actor().clone()
}

/// Mean return of 40 episodes.
fn mean_return(executor: &mut dyn Executor, actor: &Actor, z: &[f64]) -> f64 {
    let key = |purpose, e| StreamKey::new(9, purpose).episode(e);
    let job = |e| EpisodeJob {
        dynamics: 0,
        reset: key(Purpose::EvaluationReset, e),
        action: key(Purpose::EvaluationAction, e),
    };
    let jobs: Vec<_> = (0..40).map(job).collect();
    let options = EpisodeOptions { stochastic: false, discount: 1.0 };
    let results = executor.episodes(actor, z, &jobs, options).unwrap();
    results.iter().map(|result| result.ret).sum::<f64>() / results.len() as f64
}

/// One line of `violation.csv`.
fn line(
    csv: &mut String,
    what: &str,
    executor: &mut dyn Executor,
    at: (&[f64], f64),
    pairs: &Pairs,
    actor: &Actor,
) {
    let (z, w) = at;
    let v = violation(executor, z, pairs, Integrator::Explicit).unwrap();
    let ret = mean_return(executor, actor, z);
    let (rms, rest, moved) = (v.rms[ANGLE], v.at_rest[ANGLE], v.movement[ANGLE]);
    let line = format!("{what},{w:.3e},{rms:.3e},{rest:.3e},{moved:.3e},{ret:.1}");
    println!("{line}");
    writeln!(csv, "{line}").unwrap();
}

fn search() -> MatrixFreeSearch {
    let gradient = BallGradient { sigma: 1.0, pairs: 64 };
    MatrixFreeSearch { steps: 2, gradient, trials: 8 }
}

/// WR²L's own adversary over the five parameters, in the measured ball.
fn of_parameters(epsilon: f64) -> (Wasserstein, BallEstimate) {
    let simulator = cart_pole();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let config = BallConfig { epsilon, measure: BallMeasure::Measured, ..BallConfig::default() };
    let mut estimate = BallEstimate::new(&mut executor, &config, 1).unwrap();
    estimate.pairs = pairs(&mut executor, 500, 3);
    let ball = estimate.ball(simulator.space(), &config).unwrap();
    let search = PhaseOne { search: SearchKind::Surrogate, ..PhaseOne::default() };
    let config = AdversaryConfig { episodes: 8, phase_one: search, ..AdversaryConfig::default() };
    (Wasserstein::new(estimate.clone(), ball, config).unwrap(), estimate)
}

/// Squared radii ε of W₂², in squared units of the state.
const EPSILONS: [f64; 4] = [1e-5, 1e-4, 1e-3, 1e-2];
/// The one that is drawn, and trained in.
const EPSILON: f64 = 1e-3;

/// Policy steps of the training whose policies are compared on the real system.
const STEPS: u64 = 163_840;

/// The cart-pole's own parameters against one policy.
fn simulator_rows(csv: &mut String, actor: &Actor, seed: u64) -> Vec<Series> {
    let mut executor = Threads::new(&cart_pole(), 1).unwrap();
    let judged = pairs(&mut executor, 500, 3);
    let mut angles = Vec::new();
    for epsilon in EPSILONS {
        let (mut adversary, estimate) = of_parameters(epsilon);
        let turn = Turn { seed, index: 0, progress: 0.0, current: &[0.0; 5] };
        let choice = adversary.choose(&turn, actor, &mut executor).unwrap();
        let z = choice.source.point().unwrap().to_vec();
        let (w, _) = estimate.measure(&mut executor, &z).unwrap();
        line(csv, &format!("simulator,5,{seed},{epsilon},adversary"), &mut executor, (&z, w), &judged, actor);
        if epsilon == EPSILON {
            angles = angle(&mut executor, actor, &z, "simulator");
        }
    }
    angles
}

/// The weights of a network against the same policy.
fn network_rows(
    csv: &mut String,
    model: &LearnedModel,
    epsilons: &[f64],
    actor: &Actor,
    seed: u64,
) -> Vec<Series> {
    let judged = pairs(&mut Threads::new(&cart_pole(), 1).unwrap(), 500, 3);
    let simulator = model.simulator("learned").unwrap();
    let dim = simulator.space().dim();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut angles = Vec::new();
    let fitted = (&vec![0.0; dim][..], 0.0);
    line(csv, &format!("network,{dim},{seed},0,fitted"), &mut executor, fitted, &judged, actor);
    for &epsilon in epsilons {
        let mut adversary = WeightAdversary::new(model, &judged, epsilon, RIDGE, search(), 8).unwrap();
        let (_, found, _) = adversary.attack(actor, &mut executor, seed, 0).unwrap();
        let what = format!("network,{dim},{seed},{epsilon}");
        line(csv, &format!("{what},adversary"), &mut executor, (&found.z, found.w), &judged, actor);
        if epsilon == EPSILON {
            angles = angle(&mut executor, actor, &found.z, "network");
        }
        let mut z = vec![0.0; dim];
        for draw in 0..3 {
            let mut stream = StreamKey::new(seed, Purpose::Starts).lane(100 + draw).stream();
            adversary.ball().boundary(&mut stream, &mut z).unwrap();
            let random = measured(&mut executor, &judged, epsilon, &z).unwrap();
            line(csv, &format!("{what},random"), &mut executor, (&random.z, random.w), &judged, actor);
        }
    }
    angles
}

/// The angle of one episode under z, from at rest, and what its angular velocity adds up to.
fn angle(executor: &mut dyn Executor, actor: &Actor, z: &[f64], name: &str) -> Vec<Series> {
    let simulator = executor.simulator().clone();
    let spec = simulator.spec();
    let mut sim = simulator.batch(1).unwrap();
    sim.set_dynamics(0, &simulator.space().physical(z)).unwrap();
    sim.set_state(0, &[0.0, 0.02, 0.0, 0.0]).unwrap();
    let mut chooser = LaneActor::new(actor);
    let (mut state, mut seen) = ([0.0; 4], [0.0; 4]);
    let (mut rewards, mut outcomes) = ([0.0], [Outcome::Running]);
    let (mut x, mut is, mut turned) = (Vec::new(), Vec::new(), vec![0.02]);
    for step in 0..100 {
        sim.state(0, &mut state);
        x.push(f64::from(step) * spec.dt);
        is.push(state[ANGLE]);
        if outcomes[0].is_over() {
            break;
        }
        turned.push(turned[turned.len() - 1] + spec.dt * state[2 + ANGLE]);
        sim.observe(0, &mut seen);
        let action = chooser.act(&seen, None).to_vec();
        sim.step(&action, &[true], &mut rewards, &mut outcomes);
    }
    turned.truncate(x.len());
    let series =
        |what: &str, y| Series { name: format!("{name}: {what}"), x: x.clone(), y, band: Vec::new() };
    vec![series("angle", is), series("sum of its velocity", turned)]
}

/// `violation.csv` and `angle.svg`.
fn compare(folder: &Path) {
    let mut csv = String::from(
        "model,parameters,seed,epsilon,dynamics,w,violation_rad,at_rest_rad_per_s,movement_rad,return\n",
    );
    let (small, wide) = (model(32), model(64));
    for (model, error) in [&small, &wide] {
        println!("{} weights: mean squared one-step error {error:.2e} on new data", model.weights().len());
    }
    let mut angles = Vec::new();
    for seed in 1..=2 {
        let actor = train(&cart_pole(), None, seed, 61_440);
        let of_simulator = simulator_rows(&mut csv, &actor, seed);
        let of_network = network_rows(&mut csv, &small.0, &EPSILONS, &actor, seed);
        if seed == 1 {
            angles = [of_network, of_simulator].concat();
            network_rows(&mut csv, &wide.0, &[EPSILON], &actor, seed);
        }
        std::fs::write(folder.join("violation.csv"), &csv).unwrap();
    }
    let figure = LineFigure {
        title: String::new(),
        x: Quantity::new("time (s)"),
        y: Quantity::new("angle of the pole (rad)"),
        series: angles,
        note: String::new(),
        marks: Marks::Lines,
    };
    figure.write(&folder.join("angle.svg")).unwrap();
}

/// `trained.csv`: what policies that were trained against each do on the real system.
fn trained(folder: &Path) {
    let mut csv = String::from("trained_on,seed,nominal,mean_over_lengths,least_over_lengths\n");
    let real = cart_pole();
    let length = real.space().index("pole_half_length").unwrap();
    let nominal = real.space().nominal();
    let mut executor = Threads::new(&real, 1).unwrap();
    let (model, _) = model(32);
    let learned = model.simulator("learned").unwrap();
    let judged = pairs(&mut executor, 500, 3);
    let search = MatrixFreeSearch { steps: 1, gradient: BallGradient { pairs: 32, sigma: 1.0 }, trials: 8 };
    for seed in 1..=3 {
        let (mut of_parameters, _) = of_parameters(EPSILON);
        let mut of_weights = WeightAdversary::new(&model, &judged, EPSILON, RIDGE, search, 8).unwrap();
        let mut judge = |name: &str, actor: Actor| {
            let lengths = [0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5];
            let returns = lengths.map(|value| {
                let mut phi = nominal.clone();
                phi[length] = value;
                mean_return(&mut executor, &actor, &real.space().normalised(&phi))
            });
            let at_nominal = mean_return(&mut executor, &actor, &[0.0; 5]);
            let mean = returns.iter().sum::<f64>() / returns.len() as f64;
            let least = returns.into_iter().fold(f64::INFINITY, f64::min);
            let line = format!("{name},{seed},{at_nominal:.1},{mean:.1},{least:.1}");
            println!("{line}");
            writeln!(csv, "{line}").unwrap();
        };
        judge("simulator", train(&real, None, seed, STEPS));
        judge("network", train(&learned, None, seed, STEPS));
        judge("simulator-wr2l", train(&real, Some(&mut of_parameters), seed, STEPS));
        judge("network-wr2l", train(&learned, Some(&mut of_weights), seed, STEPS));
        std::fs::write(folder.join("trained.csv"), &csv).unwrap();
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "docs/results/learned".into()));
    let part = arguments.next();
    std::fs::create_dir_all(&folder).unwrap();
    if part.as_deref() != Some("trained") {
        compare(&folder);
    }
    if part.as_deref() != Some("violation") {
        trained(&folder);
    }
}
