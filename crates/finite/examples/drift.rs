//! Tree search and policies where the dynamics drift within an episode: the cart-pole, and what a decision costs elsewhere.
//!
//! `cargo run --release -p wr2l-finite --example drift -- returns > docs/results/rats/cartpole.csv`
//! `cargo run --release -p wr2l-finite --example drift -- cost > docs/results/rats/cost.csv`

use std::time::Instant;

use nalgebra::{Matrix4, Vector4};
use wr2l_finite::SimulatedRats;
use wr2l_rl::{
    Actor, EpisodeJob, EpisodeOptions, Executor, Experience, Fixed, Learner, Ppo, PpoConfig, Threads,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::adversary::{Source, Turn, Wasserstein};
use wr2l_robust::{Adversary, AdversaryConfig, BallConfig, BallEstimate, PairsConfig};
use wr2l_sim::{ActionSpace, Drift, Outcome, Simulator, Task, TaskName};

const VARIED: [&str; 2] = ["pole_half_length", "force"];
const EPISODES: u64 = 10;
const STEPS: u64 = 100_000;

fn simulator(name: TaskName, vary: &[&str]) -> Simulator {
    let task = Task::new(name);
    let space = task.space().select(vary).unwrap();
    Simulator::new(task, None, space).unwrap()
}

/// PPO, or WR²L in a ball of half the nominal values.
fn train(robust: bool, seed: u64) -> Actor {
    let simulator = simulator(TaskName::CARTPOLE, &VARIED);
    let space = simulator.space();
    let mut executor = Threads::with_lanes(&simulator, 1, 8).unwrap();
    let config = PpoConfig { lanes: 8, horizon: 256, epochs: 10, minibatches: 32, ..PpoConfig::default() };
    let mut ppo = Ppo::new(config, simulator.spec(), space.dim(), seed).unwrap();
    let config = BallConfig {
        pairs: PairsConfig { count: 500, pool: 2000, target_error: 0.0, ..PairsConfig::default() },
        ..BallConfig::default()
    };
    let estimate = BallEstimate::new(&mut executor, &config, seed).unwrap();
    let ball = estimate.ball(space, &config).unwrap();
    let epsilon = ball.metric().epsilon_for_half_width(0.5).unwrap();
    let ball = ball.with_epsilon(epsilon).unwrap();
    let mut adversary = Wasserstein::new(estimate, ball, AdversaryConfig::default()).unwrap();
    let mut source: Source = std::sync::Arc::new(Fixed::reference(space));
    let mut current = vec![0.0; space.dim()];
    let mut done = 0;
    while done < STEPS {
        if robust && done % 8192 == 0 {
            let turn = Turn { seed, index: done / 8192, progress: 0.0, current: &current };
            source = adversary.choose(&turn, ppo.actor(), &mut executor).unwrap().source;
            current = source.point().unwrap().to_vec();
        }
        let progress = done as f64 / STEPS as f64;
        let experience = Experience::alone(&mut executor, source.as_ref(), seed, done / 2048, progress);
        ppo.improve(experience).unwrap();
        done += 2048;
    }
    ppo.actor().clone()
}

/// What an episode starts from, the same for all.
fn start(episode: u64) -> StreamKey {
    StreamKey::new(77, Purpose::EvaluationReset).episode(episode)
}

/// Mean return of a policy.
fn of_policy(simulator: &Simulator, actor: &Actor) -> f64 {
    let mut executor = Threads::new(simulator, 1).unwrap();
    let job = |episode| EpisodeJob {
        dynamics: 0,
        reset: start(episode),
        action: StreamKey::new(77, Purpose::EvaluationAction).episode(episode),
    };
    let jobs: Vec<EpisodeJob> = (0..EPISODES).map(job).collect();
    let options = EpisodeOptions { stochastic: false, discount: 1.0 };
    let results = executor.episodes(actor, &vec![0.0; simulator.space().dim()], &jobs, options).unwrap();
    results.iter().map(|result| result.ret).sum::<f64>() / EPISODES as f64
}

/// The cost-to-go sᵀPs of the linear-quadratic regulator of the reference cart-pole about upright, for costs of x²/2.4² + θ²/0.2² a
/// step and next to none of the force: Riccati's equation, iterated.
fn cost_to_go() -> Matrix4<f64> {
    let (gravity, length, pole, total, dt, push) = (9.8, 0.5, 0.1, 1.1, 0.02, 10.0);
    let inertia = length * (4.0 / 3.0 - pole / total);
    let (angular, by_push) = (gravity / inertia, -push / total / inertia);
    let linear = -pole * length / total;
    // State: x, θ and their velocities, as the simulator has it; Euler's steps.
    let a = Matrix4::new(
        1.0,
        0.0,
        dt,
        0.0, //
        0.0,
        1.0,
        0.0,
        dt, //
        0.0,
        dt * linear * angular,
        1.0,
        0.0, //
        0.0,
        dt * angular,
        0.0,
        1.0,
    );
    let b = Vector4::new(0.0, 0.0, dt * (push / total + linear * by_push), dt * by_push);
    let q = Matrix4::from_diagonal(&Vector4::new(1.0 / 2.4_f64.powi(2), 1.0 / 0.2_f64.powi(2), 0.0, 0.0));
    let mut p = q;
    for _ in 0..20_000 {
        let gain = (b.transpose() * p * a) / (1e-3 + (b.transpose() * p * b)[0]);
        p = q + a.transpose() * p * (a - b * gain);
    }
    p
}

/// Mean return of the search, the steps that it simulated for a decision, and the milliseconds of one.
fn of_search(
    simulator: &Simulator,
    plain: &Simulator,
    costs: &Matrix4<f64>,
    depth: usize,
    rate: f64,
) -> (f64, f64, f64) {
    let space = plain.space();
    let actions = [vec![0.0], vec![1.0]];
    let rates = vec![rate; space.dim()];
    // All that is to come, less what the regulator pays; nothing where that is nothing.
    let leaf = |state: &[f64]| {
        let state = Vector4::from_column_slice(state);
        (100.0 - (state.transpose() * costs * state)[0]).max(0.0)
    };
    let rats = SimulatedRats { depth, discount: 0.99, actions: &actions, rates: &rates, leaf: &leaf };
    let (mut model, mut sim) = (plain.batch(1).unwrap(), simulator.batch(1).unwrap());
    let (len, dim) = (simulator.spec().snapshot_len, space.dim());
    let mut snapshot = vec![0.0; len];
    let (mut sum, mut simulated, mut decisions) = (0.0, 0, 0);
    let begun = Instant::now();
    for episode in 0..EPISODES {
        sim.reset(0, &mut start(episode).stream());
        loop {
            sim.save(0, &mut snapshot);
            // It knows the dynamics of the present, as RATS does; of the future how fast they may drift.
            let (inner, own) = snapshot.split_at(plain.spec().snapshot_len);
            let moved = &own[own.len() - dim..];
            let now: Vec<f64> = space
                .parameters()
                .iter()
                .zip(moved)
                .map(|(p, moved)| (p.nominal + moved * p.scale).clamp(p.lower, p.upper))
                .collect();
            let (action, _, steps) = rats.search(&mut *model, space, &now, inner).unwrap();
            (simulated, decisions) = (simulated + steps, decisions + 1);
            let (mut reward, mut outcome) = ([0.0], [Outcome::Running]);
            sim.step(&actions[action], &[true], &mut reward, &mut outcome);
            sum += reward[0];
            if outcome[0].is_over() {
                break;
            }
        }
    }
    let took = 1e3 * begun.elapsed().as_secs_f64() / f64::from(decisions);
    (sum / EPISODES as f64, simulated as f64 / f64::from(decisions), took)
}

fn returns() {
    println!("rate,drift,method,seed,mean_return,steps_per_decision,milliseconds_per_decision");
    let plain = simulator(TaskName::CARTPOLE, &VARIED);
    let costs = cost_to_go();
    let policies: Vec<(&str, u64, Actor)> = [("ppo", false), ("wr2l", true)]
        .into_iter()
        .flat_map(|(name, robust)| (1..=3).map(move |seed| (name, seed, train(robust, seed))))
        .collect();
    for rate in [0.005, 0.01, 0.02] {
        let mut drifts = vec![("walk".to_owned(), Drift::Walk(rate))];
        for signs in [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]] {
            let name = signs.map(|sign: f64| if sign > 0.0 { "+" } else { "-" }).concat();
            drifts.push((name, Drift::Steady(signs.map(|sign| sign * rate).into())));
        }
        for (drift, how) in drifts {
            let drifting = plain.clone().with_drift(how).unwrap();
            for (name, seed, actor) in &policies {
                println!("{rate},{drift},{name},{seed},{:.1},0,", of_policy(&drifting, actor));
            }
            for depth in 1..=3 {
                let (mean, steps, took) = of_search(&drifting, &plain, &costs, depth, rate);
                println!("{rate},{drift},rats-{depth},,{mean:.1},{steps:.0},{took:.3}");
            }
        }
    }
}

/// All combinations of three values of each motor; the choices where there are choices.
fn candidates(actions: &ActionSpace) -> Vec<Vec<f64>> {
    match actions {
        ActionSpace::Discrete { n } => (0..*n).map(|choice| vec![choice as f64]).collect(),
        ActionSpace::Continuous { low, high } => (0..3_usize.pow(low.len() as u32))
            .map(|code| {
                let value = |i: usize| match code / 3_usize.pow(i as u32) % 3 {
                    0 => low[i],
                    1 => 0.5 * (low[i] + high[i]),
                    _ => high[i],
                };
                (0..low.len()).map(value).collect()
            })
            .collect(),
    }
}

fn cost() {
    println!("task,actions,parameters,depth,steps_per_decision,milliseconds_per_decision,time");
    for (name, vary) in [
        (TaskName::CARTPOLE, &["pole_half_length"][..]),
        (TaskName::CARTPOLE, &["all"]),
        (TaskName::TORQUE_PENDULUM, &["all"]),
        (TaskName::HOPPER, &["torso_density", "friction"]),
        (TaskName::HOPPER, &["all"]),
        (TaskName::WALKER2D, &["torso_density", "friction"]),
        (TaskName::HALF_CHEETAH, &["torso_density", "friction"]),
        (TaskName::HALF_CHEETAH, &["all"]),
    ] {
        let simulator = simulator(name, vary);
        let (space, actions) = (simulator.space(), candidates(&simulator.spec().actions));
        let mut sim = simulator.batch(1).unwrap();
        sim.reset(0, &mut start(0).stream());
        let mut snapshot = vec![0.0; simulator.spec().snapshot_len];
        sim.save(0, &mut snapshot);
        let (a, c) = (actions.len() as f64, 2.0 * space.dim() as f64 + 1.0);
        let mut per_step = f64::NAN;
        for depth in 1..=8_usize {
            // Nothing is shared between nodes: an edge a step.
            let steps: f64 = (0..depth).map(|k| a * (a * c).powi(k as i32)).sum();
            let took = if steps > 1e6 {
                per_step * steps
            } else {
                let rates = vec![0.002; space.dim()];
                let rats =
                    SimulatedRats { depth, discount: 0.99, actions: &actions, rates: &rates, leaf: &|_| 0.0 };
                let begun = Instant::now();
                let (_, _, counted) = rats.search(&mut *sim, space, &space.nominal(), &snapshot).unwrap();
                assert!(counted as f64 <= steps);
                let took = 1e3 * begun.elapsed().as_secs_f64();
                per_step = took / counted as f64;
                took
            };
            let how = if steps > 1e6 { "extrapolated" } else { "measured" };
            println!("{name},{a},{},{depth},{steps:.3e},{took:.3e},{how}", space.dim());
        }
    }
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("cost") => cost(),
        _ => returns(),
    }
}
