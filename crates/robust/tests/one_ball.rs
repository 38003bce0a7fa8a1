//! One ball for one ε: what its seed and its number of pairs decide, and what is measured of it.

use wr2l_rl::{Executor, Threads};
use wr2l_robust::ball::Ball;
use wr2l_robust::{BallConfig, BallEstimate, BallMeasure, BallSeed, HessianMethod, PairsConfig, RobustError};
use wr2l_sim::{Simulator, Task, TaskName};

fn simulator(task: TaskName, vary: &[&str]) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select(vary).unwrap();
    Simulator::new(task, None, space).unwrap()
}

/// The Hopper with the paper's two parameters.
fn hopper() -> Simulator {
    simulator(TaskName::HOPPER, &["torso_density", "friction"])
}

/// Of a tenth of the usual budget.
fn quick(seed: BallSeed) -> BallConfig {
    let pairs = PairsConfig { count: 500, pool: 2_000, most_steps: 100_000, ..PairsConfig::default() };
    BallConfig { seed, pairs, ..BallConfig::default() }
}

fn estimate(simulator: &Simulator, config: &BallConfig, run_seed: u64) -> BallEstimate {
    BallEstimate::new(&mut Threads::new(simulator, 2).unwrap(), config, run_seed).unwrap()
}

#[test]
fn the_ball_is_the_same_for_every_run_unless_it_has_the_runs_seed() {
    let hopper = hopper();
    let of = |seed, run| estimate(&hopper, &quick(seed), run);
    assert_eq!(of(BallSeed::Own(0), 1), of(BallSeed::Own(0), 2));
    assert_ne!(of(BallSeed::Own(0), 1).hessian, of(BallSeed::Own(1), 1).hessian);
    assert_ne!(of(BallSeed::Run, 1).hessian, of(BallSeed::Run, 2).hessian);
    assert_eq!(of(BallSeed::Run, 2).hessian, of(BallSeed::Own(2), 7).hessian);
}

#[test]
fn the_estimate_is_the_same_for_any_threads_and_lanes() {
    for (task, vary) in [(TaskName::HOPPER, "torso_density"), (TaskName::CARTPOLE, "pole_half_length")] {
        let simulator = simulator(task, &[vary]);
        let of = |threads, lanes| {
            let mut executor = Threads::with_lanes(&simulator, threads, lanes).unwrap();
            BallEstimate::new(&mut executor, &quick(BallSeed::Own(3)), 0).unwrap()
        };
        assert_eq!(of(1, 1), of(2, 3), "{task}");
    }
}

#[test]
fn over_seeds_of_the_ball_the_hoppers_half_widths_agree_within_their_stated_errors_and_five_percent() {
    let hopper = hopper();
    let all: Vec<BallEstimate> = (0..3)
        .map(|seed| {
            let config = BallConfig { seed: BallSeed::Own(seed), ..BallConfig::default() };
            estimate(&hopper, &config, 0)
        })
        .collect();
    for i in 0..2 {
        let width = |e: &BallEstimate| e.hessian.matrix[(i, i)].sqrt().recip();
        let mean = all.iter().map(width).sum::<f64>() / 3.0;
        for one in &all {
            let (off, stated) = ((width(one) / mean - 1.0).abs(), one.hessian.half_width_errors()[i]);
            assert!(off < 0.05 && off < 3.0 * stated, "parameter {i}: {off} {stated}");
            assert!(stated < 0.06, "parameter {i}: {stated}");
        }
    }
    assert!(all[0].hessian.samples > 100_000 && all[0].pairs.len <= 2_000);
}

#[test]
fn the_pairs_that_are_kept_measure_what_the_hessian_says_near_the_reference() {
    // The average over all pairs, measured by five hundred of them; far from the edge of any contact it is quadratic.
    let cart_pole = simulator(TaskName::CARTPOLE, &["pole_half_length", "pole_mass"]);
    let config = quick(BallSeed::Own(1));
    let estimate = estimate(&cart_pole, &config, 0);
    let ball = estimate.ball(cart_pole.space(), &config).unwrap();
    let mut executor = Threads::new(&cart_pole, 1).unwrap();
    let points = [0.0, 0.0, 0.01, 0.0, 0.0, 0.01, -0.01, 0.01];
    let (measured, _) = estimate.measure_all(&mut executor, &points).unwrap();
    assert_eq!(measured[0], 0.0, "exactly");
    for (z, w) in points.chunks_exact(2).zip(measured).skip(1) {
        assert!((w / ball.value(z) - 1.0).abs() < 0.05, "{z:?}: {w} {}", ball.value(z));
    }
}

#[test]
fn both_hessians_of_the_new_pairs_agree_and_zero_order_knows_less() {
    let cart_pole = simulator(TaskName::CARTPOLE, &["pole_half_length"]);
    let newton = estimate(&cart_pole, &quick(BallSeed::Own(1)), 0).hessian;
    let config = BallConfig { hessian: HessianMethod::ZeroOrder, ..quick(BallSeed::Own(1)) };
    let zero = estimate(&cart_pole, &config, 0).hessian;
    assert!(zero.half_width_errors()[0] > newton.half_width_errors()[0]);
    let off = (zero.matrix[(0, 0)] / newton.matrix[(0, 0)] - 1.0).abs();
    // W is not quadratic over perturbations of a tenth.
    assert!(off < 0.3, "{off}");
    assert_eq!(zero, estimate(&cart_pole, &config, 5).hessian, "whatever the run's seed");
}

/// A measured ball of the Hopper, far out, and what it rests on.
fn measured(epsilon: f64) -> (Simulator, BallEstimate, Ball) {
    let hopper = hopper();
    let config = BallConfig { measure: BallMeasure::Measured, epsilon, ..quick(BallSeed::Own(0)) };
    let estimate = estimate(&hopper, &config, 0);
    let ball = estimate.ball(hopper.space(), &config).unwrap();
    (hopper, estimate, ball)
}

/// Ends of rays all around.
fn around() -> Vec<f64> {
    (0..12).flat_map(|k| [f64::from(k), f64::from(k) + 3.0].map(|k| (k * 0.52).sin())).collect()
}

#[test]
fn points_of_the_measured_ball_have_a_measured_distance_of_at_most_epsilon() {
    let (hopper, estimate, ball) = measured(0.05);
    let mut executor = Threads::new(&hopper, 2).unwrap();
    // To the Taylor ball's boundary: the measured one's must come of it.
    let ends: Vec<f64> = around().chunks_exact(2).flat_map(|g| ball.minimiser(g).unwrap().unwrap()).collect();
    let fitted = estimate.fit(&mut executor, &ball, &ends).unwrap();
    let (before, _) = estimate.measure_all(&mut executor, &ends).unwrap();
    let (after, _) = estimate.measure_all(&mut executor, &fitted.points).unwrap();
    assert!(before.iter().any(|w| *w > 1.2 * 0.05), "the two balls differ: {before:?}");
    for (z, w) in fitted.points.chunks_exact(2).zip(&after) {
        assert!(*w <= 0.05 * (1.0 + 1e-9), "{z:?}: {w}");
        let at_bounds = (0..2).any(|i| z[i] == ball.lower()[i] || z[i] == ball.upper()[i]);
        assert!(*w > 0.9 * 0.05 || at_bounds, "{z:?} does not reach the boundary: {w}");
    }
    let back = estimate.unfit(&mut executor, &ball, &fitted.points).unwrap();
    for (a, b) in back.points.iter().zip(&ends) {
        assert!((a - b).abs() < 1e-6 + 1e-3 * b.abs(), "{a} {b}");
    }
    let inside = estimate.pull_inside(&mut executor, &ball, &ends).unwrap();
    let (pulled, _) = estimate.measure_all(&mut executor, &inside.points).unwrap();
    assert!(pulled.iter().all(|w| *w <= 0.05 * (1.0 + 1e-9)), "{pulled:?}");
    let centre = estimate.fit(&mut executor, &ball, &[0.0, 0.0]).unwrap();
    assert_eq!(centre.points, [0.0, 0.0]);
}

#[test]
fn the_measured_ball_grows_with_epsilon_and_the_taylor_ball_is_left_alone() {
    let (hopper, estimate, ball) = measured(0.02);
    let mut executor = Threads::new(&hopper, 2).unwrap();
    let reach = |executor: &mut dyn Executor, epsilon: f64| {
        estimate.reach(executor, &ball.with_epsilon(epsilon).unwrap(), &around()).unwrap().0
    };
    let (small, large) = (reach(&mut executor, 0.02), reach(&mut executor, 0.08));
    assert!(small.iter().zip(&large).all(|(s, l)| s <= l), "{small:?} {large:?}");
    assert!(small.iter().zip(&large).any(|(s, l)| 1.3 * s < *l), "{small:?} {large:?}");
    let taylor = ball.clone().with_measure(BallMeasure::Taylor);
    let fitted = estimate.fit(&mut executor, &taylor, &around()).unwrap();
    assert_eq!((fitted.points, fitted.simulator_steps), (around(), 0));
}

#[test]
fn options_that_make_no_sense_are_refused_by_name() {
    let mut executor = Threads::new(&hopper(), 1).unwrap();
    let ok = PairsConfig::default();
    for (pairs, name) in [
        (PairsConfig { target_error: -0.1, ..ok }, "pairs.target_error"),
        (PairsConfig { target_error: f64::NAN, ..ok }, "pairs.target_error"),
        (PairsConfig { most_steps: 0, ..ok }, "pairs.most_steps"),
        (PairsConfig { largest_share: 0.0, ..ok }, "pairs.largest_share"),
        (PairsConfig { largest_share: 1.5, ..ok }, "pairs.largest_share"),
    ] {
        let error =
            BallEstimate::new(&mut executor, &BallConfig { pairs, ..BallConfig::default() }, 0).unwrap_err();
        assert!(matches!(error, RobustError::Parameter { name: n, .. } if n == name), "{error}");
    }
}
