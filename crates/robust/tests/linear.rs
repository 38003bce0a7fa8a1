//! Stochastic dynamics with closed forms: a linear system with Gaussian noise and quadratic costs.

use nalgebra::{DMatrix, DVector};
use wr2l_nn::{Normaliser, Policy};
use wr2l_rl::{Actor, Threads};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::adversary::{Turn, Wasserstein};
use wr2l_robust::ball::Ball;
use wr2l_robust::gradient::{Gradient, GradientEstimator};
use wr2l_robust::hessian::TransportEstimator;
use wr2l_robust::phase_one::{PhaseOne, SearchKind};
use wr2l_robust::{Adversary, AdversaryConfig, BallConfig, BallEstimate, Pairs, PairsConfig, transport};
use wr2l_sim::{LinearEffect, LinearSystem, Parameter, Simulator, Task, TaskName};

/// A and B at φ.
fn matrices(system: &LinearSystem, phi: &[f64]) -> (DMatrix<f64>, DMatrix<f64>) {
    let (n, m) = (system.state_cost.len(), system.action_cost.len());
    let mut a = DMatrix::from_row_slice(n, n, &system.a);
    let mut b = DMatrix::from_row_slice(n, m, &system.b);
    for ((_, effect), value) in system.parameters.iter().zip(phi) {
        match *effect {
            LinearEffect::State(i, j) => a[(i, j)] = *value,
            LinearEffect::Action(i, j) => b[(i, j)] = *value,
            LinearEffect::Noise(_) => {}
        }
    }
    (a, b)
}

fn diagonal(values: impl Iterator<Item = f64>) -> DMatrix<f64> {
    DMatrix::from_diagonal(&DVector::from_iterator(values.size_hint().0, values))
}

/// The gain of `u = −Kx` that costs least, from the Riccati equation of the undiscounted problem without end.
fn riccati(system: &LinearSystem) -> DMatrix<f64> {
    let (a, b) = matrices(system, &[]);
    let (q, r) = (diagonal(system.state_cost.iter().copied()), diagonal(system.action_cost.iter().copied()));
    let mut p = q.clone();
    let gain =
        |p: &DMatrix<f64>| (&r + b.transpose() * p * &b).try_inverse().unwrap() * b.transpose() * p * &a;
    for _ in 0..1000 {
        p = &q + a.transpose() * &p * (&a - &b * gain(&p));
    }
    gain(&p)
}

/// The expected return of `u = −Kx` at φ, exactly: second moments of the state, step by step.
fn exact_return(system: &LinearSystem, gain: &DMatrix<f64>, phi: &[f64]) -> f64 {
    let (a, b) = matrices(system, phi);
    let (q, r) = (diagonal(system.state_cost.iter().copied()), diagonal(system.action_cost.iter().copied()));
    let squares = |std: &[f64]| diagonal(std.iter().map(|s| s * s));
    let closed = a - b * gain;
    let cost = q + gain.transpose() * r * gain;
    let (mut moments, noise) = (squares(&system.start), squares(&system.noise));
    let mut total = 0.0;
    for _ in 0..system.steps {
        total += (&cost * &moments).trace();
        moments = &closed * moments * closed.transpose() + &noise;
    }
    -total
}

/// A network without hidden layers that is `u = −Kx`.
fn linear_policy(simulator: &Simulator, gain: &DMatrix<f64>) -> Actor {
    let (n, m) = (simulator.spec().obs_dim, simulator.spec().act_dim());
    let policy = Policy::gaussian(n, &[], m).unwrap();
    let mut params = vec![0.0_f32; policy.parameters()];
    for i in 0..n {
        for j in 0..m {
            params[j * n + i] = -gain[(j, i)] as f32;
        }
    }
    // Hardly any exploration.
    params[(n + 1) * m..].fill(-12.0);
    Actor::new(policy, params, Normaliser::identity(n), simulator.spec().actions.clone()).unwrap()
}

fn estimate(simulator: &Simulator, epsilon: f64, samples: usize) -> (Threads, BallEstimate, Ball) {
    let mut executor = Threads::with_lanes(simulator, 1, 4).unwrap();
    let pairs = PairsConfig { count: 200, pool: 200, target_error: 0.0, samples, ..PairsConfig::default() };
    let config = BallConfig { epsilon, pairs, ..BallConfig::default() };
    let estimate = BallEstimate::new(&mut executor, &config, 2).unwrap();
    let ball = estimate.ball(simulator.space(), &config).unwrap();
    (executor, estimate, ball)
}

/// `E ‖ΔA x + ΔB u‖²` over the pairs.
fn exact_w(system: &LinearSystem, pairs: &Pairs, nominal: &[f64], phi: &[f64]) -> f64 {
    let ((a, b), (a0, b0)) = (matrices(system, phi), matrices(system, nominal));
    let (n, m) = (a.nrows(), b.ncols());
    let moved = |(x, u): (&[f64], &[f64])| {
        let shift = (&a - &a0) * DVector::from_row_slice(x) + (&b - &b0) * DVector::from_row_slice(u);
        shift.norm_squared()
    };
    pairs.states.chunks_exact(n).zip(pairs.actions.chunks_exact(m)).map(moved).sum::<f64>() / pairs.len as f64
}

#[test]
fn the_distance_of_a_linear_system_is_its_closed_form_and_its_taylor_form() {
    // Noise that both dynamics share moves nothing: any number of samples gives the shift of the mean.
    let system = LinearSystem::cart();
    let simulator = system.simulator("cart").unwrap();
    let space = simulator.space().clone();
    for samples in [1, 7] {
        let (mut executor, estimate, ball) = estimate(&simulator, 0.1, samples);
        for z in [[0.1, 0.0], [0.0, -0.5], [-0.3, 0.7]] {
            let exact = exact_w(&system, &estimate.pairs, &space.nominal(), &space.physical(&z));
            let (measured, _) = estimate.measure(&mut executor, &z).unwrap();
            assert!((measured / exact - 1.0).abs() < 1e-9, "{samples} {z:?}: {measured} {exact}");
            assert!(
                (ball.value(&z) / exact - 1.0).abs() < 1e-6,
                "{samples} {z:?}: {} {exact}",
                ball.value(&z)
            );
        }
    }
}

#[test]
fn phase_one_comes_within_a_twentieth_of_the_exact_worst_case() {
    let system = LinearSystem::cart();
    let gain = riccati(&LinearSystem { parameters: Vec::new(), ..system.clone() });
    let simulator = system.simulator("cart").unwrap();
    let space = simulator.space().clone();
    // Pairs have actions uniform in [−100, 100] N, so that any ε that matters is large.
    let (mut executor, estimate, ball) = estimate(&simulator, 4.0, 1);
    let value = |z: &[f64]| exact_return(&system, &gain, &space.physical(z));
    let mut worst = f64::INFINITY;
    for k in 0..720 {
        let angle = f64::from(k) * std::f64::consts::PI / 360.0;
        let ray = [angle.cos(), angle.sin()];
        for share in 1..=20 {
            let z = ray.map(|r| r * (f64::from(share) / 20.0) * (ball.epsilon() / ball.value(&ray)).sqrt());
            if ball.contains(&z) {
                worst = worst.min(value(&z));
            }
        }
    }
    let nominal = value(&[0.0, 0.0]);
    assert!(worst < nominal - 0.05 * nominal.abs(), "there is something to find: {worst} {nominal}");
    let actor = linear_policy(&simulator, &gain);
    let gradient =
        |sigma| Gradient { estimator: GradientEstimator::LeastSquares, sigma, ..Gradient::default() };
    let mut found = Vec::new();
    for phase_one in [
        PhaseOne { gradient: gradient(0.03), max_inner: 20, ..PhaseOne::default() },
        PhaseOne { gradient: gradient(0.03), max_inner: 20, starts: 16, ..PhaseOne::default() },
        PhaseOne { search: SearchKind::Surrogate, ..PhaseOne::default() },
    ] {
        let config = AdversaryConfig { phase_one, episodes: 32, ..AdversaryConfig::default() };
        let mut adversary = Wasserstein::new(estimate.clone(), ball.clone(), config).unwrap();
        let turn = Turn { seed: 4, index: 0, progress: 0.0, current: &[0.0, 0.0] };
        let choice = adversary.choose(&turn, &actor, &mut executor).unwrap();
        let z = choice.source.point().unwrap().to_vec();
        assert!(ball.contains(&z));
        found.push((value(&z), z));
    }
    for (found, z) in &found {
        assert!(*found < worst + 0.05 * worst.abs(), "{found} at {z:?}: {worst}, from {nominal}");
    }
}

#[test]
fn the_return_by_episodes_is_the_exact_one_and_riccatis_gain_the_best() {
    use wr2l_robust::{Objective, SimulatedReturn};
    let system = LinearSystem::cart();
    let gain = riccati(&LinearSystem { parameters: Vec::new(), ..system.clone() });
    let simulator = system.simulator("cart").unwrap();
    let space = simulator.space().clone();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let actor = linear_policy(&simulator, &gain);
    let z = [-0.1, 0.3];
    let exact = exact_return(&system, &gain, &space.physical(&z));
    let simulated =
        SimulatedReturn::new(&mut executor, &actor, 20_000, 1.0, 1, 0).evaluate(&z, 0).unwrap()[0];
    assert!((simulated / exact - 1.0).abs() < 0.03, "{simulated} {exact}");
    // A long episode: the end does not count.
    let long = LinearSystem { steps: 2000, ..system };
    let nominal = space.nominal();
    let best = exact_return(&long, &gain, &nominal);
    for factor in [0.9, 1.1] {
        assert!(exact_return(&long, &(&gain * factor), &nominal) < best);
    }
}

/// A system of `dim` coordinates in which the scale of the noise varies.
fn noise_varies(dim: usize) -> Simulator {
    let parameter = |i: usize| Parameter {
        name: format!("noise_{i}"),
        unit: "1".into(),
        description: "Standard deviation.".into(),
        nominal: 1.0,
        lower: 0.0,
        upper: 3.0,
        scale: 1.0,
    };
    let system = LinearSystem {
        a: (0..dim * dim).map(|k| if k / dim == k % dim { 0.9 } else { 0.0 }).collect(),
        b: vec![1.0; dim],
        state_cost: vec![1.0; dim],
        action_cost: vec![1.0],
        noise: vec![1.0; dim],
        start: vec![1.0; dim],
        largest_action: 1.0,
        steps: 20,
        parameters: (0..dim).map(|i| (parameter(i), LinearEffect::Noise(i))).collect(),
    };
    system.simulator("noise").unwrap()
}

#[test]
fn both_estimators_see_what_the_dynamics_do_to_the_noise() {
    // W₂² = ‖Δnoise‖². Under shared noise both are unbiased here; 60 pairs × 40 samples know it to a few hundredths.
    for dim in [1, 2, 5, 17] {
        let simulator = noise_varies(dim);
        let mut executor = Threads::with_lanes(&simulator, 1, 8).unwrap();
        let z: Vec<f64> = (0..dim).map(|i| if i % 2 == 0 { 0.5 } else { -0.25 }).collect();
        let exact: f64 = z.iter().map(|z| z * z).sum();
        for estimator in [TransportEstimator::Gaussian, TransportEstimator::Empirical] {
            let pairs =
                PairsConfig { count: 60, pool: 60, target_error: 0.0, samples: 40, ..PairsConfig::default() };
            let config = BallConfig { pairs, transport: estimator, ..BallConfig::default() };
            let estimate = BallEstimate::new(&mut executor, &config, 2).unwrap();
            let (measured, _) = estimate.measure(&mut executor, &z).unwrap();
            assert!((measured / exact - 1.0).abs() < 0.08, "{dim} {estimator:?}: {measured} {exact}");
        }
        // A single sample sees the noise as a shift, which is right on average, far off for a pair.
        assert_eq!(PairsConfig::default().samples, 1);
    }
}

#[test]
fn independent_clouds_are_apart_where_their_distributions_are_not() {
    // Why noise is shared: of independent samples the empirical distance between equal Gaussians is far from 0 in 17
    // dimensions, and the Gaussian one falls with the number of samples.
    let cloud = |dim: usize, n: usize, lane: u64| {
        let mut points = vec![0.0; n * dim];
        StreamKey::new(1, Purpose::Test).lane(lane).stream().fill_normal(&mut points);
        points
    };
    let fitted = |points: &[f64], dim: usize| {
        let n = (points.len() / dim) as f64;
        let column = |i: usize| points.iter().skip(i).step_by(dim);
        let means: Vec<f64> = (0..dim).map(|i| column(i).sum::<f64>() / n).collect();
        let stds: Vec<f64> =
            (0..dim).map(|i| (column(i).map(|x| (x - means[i]).powi(2)).sum::<f64>() / n).sqrt()).collect();
        (means, stds)
    };
    let (dim, n) = (17, 100);
    let (x, y) = (cloud(dim, n, 0), cloud(dim, n, 1));
    assert!(transport::empirical(&x, &y, dim).unwrap() > 0.3 * 2.0 * dim as f64);
    let gaussian = |n: usize| {
        let ((m, s), (m2, s2)) = (fitted(&cloud(dim, n, 0), dim), fitted(&cloud(dim, n, 1), dim));
        transport::diagonal_gaussians(&m, &s, &m2, &s2, &vec![1.0; dim]).unwrap()
    };
    // Expected: (2 + 1)·dim/n, of means and of deviations.
    let (few, many) = (gaussian(100), gaussian(10_000));
    assert!((0.3..3.0).contains(&(few / (3.0 * 17.0 / 100.0))), "{few}");
    assert!((0.3..3.0).contains(&(many / (3.0 * 17.0 / 10_000.0))), "{many}");
}

#[test]
fn the_ball_of_a_kicked_cart_pole_is_near_that_of_the_plain_one_and_repeatable() {
    let task = Task::new(TaskName::CARTPOLE);
    let vary = task.space().select(&["pole_half_length"]).unwrap();
    let plain = Simulator::new(task, None, vary).unwrap();
    let noisy = plain.clone().with_process_noise(&[0.02]).unwrap();
    let half_width = |simulator: &Simulator, samples: usize| {
        estimate(simulator, 1e-4, samples).2.ranges().unwrap()[0].alone.1
    };
    let (of_plain, of_noisy) = (half_width(&plain, 1), half_width(&noisy, 8));
    assert!((of_noisy / of_plain - 1.0).abs() < 0.2, "{of_noisy} {of_plain}");
    assert_eq!(of_noisy, half_width(&noisy, 8));
    assert_ne!(of_noisy, of_plain);
}
