use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SecondOrderConeT};
use proptest::prelude::*;

use super::*;
use crate::ball::Metric;
use crate::gradient::GradientEstimator;
use crate::{DMatrix, FnObjective};

fn ball(hessian: &[f64], epsilon: f64, bound: f64) -> Ball {
    let dim = hessian.len();
    let h = DMatrix::from_diagonal(&nalgebra::DVector::from_column_slice(hessian));
    Ball::new(Metric::new(&h, 1e-6).unwrap(), epsilon, vec![-bound; dim], vec![bound; dim]).unwrap()
}

/// Enough pairs and steps to see the method rather than its noise.
fn exact() -> PhaseOne {
    let gradient = Gradient {
        estimator: GradientEstimator::LeastSquares,
        sigma: 1e-4,
        pairs: 16,
        ..Gradient::default()
    };
    PhaseOne { max_inner: 300, gradient, ..PhaseOne::default() }
}

fn run(options: &PhaseOne, j: impl FnMut(&[f64]) -> f64, ball: &Ball) -> PhaseOneReport {
    let mut objective = FnObjective::new(ball.dim(), j);
    let report = options.run(&mut objective, ball, &vec![0.0; ball.dim()], 7, 0).unwrap();
    assert!(ball.contains(&report.z));
    assert!(report.steps.iter().all(|s| ball.contains(&s.z) && (0.0..=1.0).contains(&s.alpha)));
    report
}

#[test]
fn a_linear_return_is_minimised_in_one_step() {
    let ball = ball(&[1.0, 0.1, 4.0], 0.3, 9.0);
    let g = [3.0, -1.0, 0.5];
    let report = run(&PhaseOne { max_inner: 1, ..exact() }, |z| 100.0 + dot(&g, z), &ball);
    let expected = 100.0 - (2.0 * 0.3 * ball.metric().inner(&g, &g)).sqrt();
    assert!((report.value - expected).abs() < 1e-6, "{} {expected}", report.value);
    assert_eq!((report.reference_value, report.steps[0].alpha), (100.0, 1.0));
    assert!((report.taylor / 0.3 - 1.0).abs() < 1e-9);
}

#[test]
fn a_convex_return_is_minimised_inside_the_ball() {
    let ball = ball(&[1.0, 2.0], 0.5, 9.0);
    let minimum = [0.3, -0.2];
    let j = |z: &[f64]| (z[0] - minimum[0]).powi(2) + 3.0 * (z[1] - minimum[1]).powi(2);
    assert!(run(&exact(), j, &ball).value < 1e-3);
    // The gap bounds the error of a convex J from above.
    let report = run(&PhaseOne { gap_tolerance: 0.1, ..exact() }, j, &ball);
    assert!(report.stop == Stop::Gap && report.value < 0.1, "{report:?}");
}

#[test]
fn a_convex_return_with_its_minimum_outside_ends_where_a_convex_solver_ends() {
    let ball = ball(&[1.0, 2.0, 0.5], 0.1, 9.0);
    let (minimum, weights) = ([1.0, -1.0, 2.0], [1.0, 3.0, 2.0]);
    let j = |z: &[f64]| (0..3).map(|i| weights[i] * (z[i] - minimum[i]).powi(2)).sum::<f64>();
    let report = run(&exact(), j, &ball);
    // min ½xᵀPx + qᵀx with (√(2ε), H^½ x) in the second-order cone.
    let p = CscMatrix::from(&[[2.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 4.0]]);
    let q: Vec<f64> = (0..3).map(|i| -2.0 * weights[i] * minimum[i]).collect();
    let root = [1.0, 2.0_f64.sqrt(), 0.5_f64.sqrt()];
    let a =
        CscMatrix::from(&[[0.0, 0.0, 0.0], [-root[0], 0.0, 0.0], [0.0, -root[1], 0.0], [0.0, 0.0, -root[2]]]);
    let settings = DefaultSettings { verbose: false, ..DefaultSettings::default() };
    let b = [0.2_f64.sqrt(), 0.0, 0.0, 0.0];
    let mut solver = DefaultSolver::new(&p, &q, &a, &b, &[SecondOrderConeT(4)], settings).unwrap();
    solver.solve();
    let best = j(&solver.solution.x);
    assert!(report.value - best < 2e-3 * best && report.value > best - 1e-6, "{} {best}", report.value);
}

#[test]
fn a_concave_return_is_minimised_on_the_boundary() {
    // Two boundary points are local minima: (±1, 0) with a slope that prefers the positive one.
    let ball = ball(&[1.0, 1.0], 0.5, 9.0);
    let j = |z: &[f64]| 10.0 - z[0].powi(2) - 0.2 * z[0] - 0.3 * z[1].powi(2);
    let report = run(&exact(), j, &ball);
    assert!((report.z[0] - 1.0).abs() < 1e-3 && (report.value - 8.8).abs() < 1e-3, "{report:?}");
}

#[test]
fn several_starts_find_the_minimum_that_one_start_misses() {
    // Flat around the reference, tilted gently to the right, with a deep pit on the left edge.
    let ball = ball(&[1.0, 1.0], 0.5, 9.0);
    let j = |z: &[f64]| 10.0 - 0.1 * z[0] - if z[0] < -0.7 { 50.0 * (-0.7 - z[0]) } else { 0.0 };
    let one = run(&PhaseOne { max_inner: 8, ..exact() }, j, &ball);
    let many = run(&PhaseOne { max_inner: 8, starts: 16, ..exact() }, j, &ball);
    assert!((one.value - 9.9).abs() < 1e-3 && many.value < -4.0, "{} {}", one.value, many.value);
    assert!((many.z[0] + 1.0).abs() < 1e-2);
}

#[test]
fn several_starts_never_give_up_a_worse_current_point() {
    let ball = ball(&[1.0, 1.0], 0.5, 9.0);
    let current = [0.6, -0.8];
    // A needle that no random start finds.
    let j = |z: &[f64]| if (z[0] - 0.6).abs() < 1e-6 { 0.0 } else { 10.0 - z[1] };
    let options = PhaseOne { starts: 4, max_inner: 3, ..PhaseOne::default() };
    let report = options.run(&mut FnObjective::new(2, j), &ball, &current, 1, 0).unwrap();
    assert_eq!((report.z.as_slice(), report.value), (current.as_slice(), 0.0));
    // Algorithm 1 as printed forgets it, unless told to start there.
    let forgets = PhaseOne { max_inner: 3, ..PhaseOne::default() };
    assert!(forgets.run(&mut FnObjective::new(2, j), &ball, &current, 1, 0).unwrap().value > 0.0);
    let warm = PhaseOne { start: Start::Warm, max_inner: 0, ..PhaseOne::default() };
    assert_eq!(warm.run(&mut FnObjective::new(2, j), &ball, &current, 1, 0).unwrap().z, current);
}

#[test]
fn without_signal_the_dynamics_stay() {
    let ball = ball(&[1.0, 1.0], 0.5, 9.0);
    for start in [Start::Reference, Start::Warm] {
        let options = PhaseOne { start, ..PhaseOne::default() };
        let report =
            options.run(&mut FnObjective::new(2, |_: &[f64]| 5.0), &ball, &[0.1, 0.2], 1, 0).unwrap();
        assert_eq!((report.stop, report.steps.len()), (Stop::NoSignal, 1));
        assert_eq!(report.z, if start == Start::Warm { [0.1, 0.2] } else { [0.0, 0.0] });
        assert_eq!((report.value, report.reference_value), (5.0, 5.0));
    }
}

#[test]
fn tolerances_end_the_loop() {
    let ball = ball(&[1.0, 1.0], 0.5, 9.0);
    let linear = |z: &[f64]| z[0];
    let report = run(&PhaseOne { gradient_tolerance: 2.0, ..exact() }, linear, &ball);
    assert_eq!((report.stop, report.steps.len(), report.steps[0].alpha), (Stop::Gradient, 1, 0.0));
    let report = run(&PhaseOne { gap_tolerance: 0.5, ..exact() }, linear, &ball);
    assert_eq!((report.stop, report.steps.len()), (Stop::Gap, 2));
    assert!((report.steps[0].gap - 1.0).abs() < 1e-6 && report.steps[1].gap < 1e-6);
    let report = run(&PhaseOne { max_inner: 0, ..exact() }, linear, &ball);
    assert_eq!((report.stop, report.z), (Stop::Steps, vec![0.0, 0.0]));
}

#[test]
fn one_parameter_one_pair_and_a_singular_hessian() {
    let one = ball(&[1.0], 0.5, 9.0);
    let mut options = exact();
    options.gradient.pairs = 1;
    let report = run(&options, |z| 3.0 + z[0], &one);
    assert!((report.z[0] + 1.0).abs() < 1e-9);
    // Nothing bounds the second parameter but its hard bounds.
    let singular = ball(&[1.0, 0.0], 0.5, 2.0);
    let report = run(&exact(), |z| 3.0 + z[0] + z[1], &singular);
    assert!((report.z[0] + 1.0).abs() < 1e-3 && report.z[1] == -2.0, "{:?}", report.z);
}

#[test]
fn a_return_that_is_not_finite_and_senseless_options_are_refused() {
    let ball = ball(&[1.0], 0.5, 9.0);
    for bad in [f64::NAN, f64::INFINITY] {
        let error = PhaseOne::default().run(&mut FnObjective::new(1, |_: &[f64]| bad), &ball, &[0.0], 1, 0);
        assert!(matches!(error, Err(RobustError::NotFinite { what: "return J(z)", .. })));
    }
    let mut j = FnObjective::new(1, |z: &[f64]| z[0]);
    assert!(PhaseOne::default().run(&mut j, &ball, &[f64::NAN], 1, 0).is_err());
    assert!(PhaseOne::default().run(&mut j, &ball, &[0.0, 0.0], 1, 0).is_err());
    let good = PhaseOne::default();
    for bad in [
        PhaseOne { starts: 0, ..good },
        PhaseOne { gap_tolerance: f64::NAN, ..good },
        PhaseOne { gradient_tolerance: -1.0, ..good },
        PhaseOne { gradient: Gradient { pairs: 0, ..good.gradient }, ..good },
        PhaseOne { line_search: LineSearch { c1: 1.0, ..good.line_search }, ..good },
    ] {
        assert!(bad.run(&mut j, &ball, &[0.0], 1, 0).is_err());
    }
}

#[test]
fn the_same_seed_and_turn_give_the_same_answer_and_others_another() {
    let ball = ball(&[1.0, 0.3], 0.5, 9.0);
    let go = |seed, turn| {
        let mut j = FnObjective::new(2, |z: &[f64]| (3.0 * z[0]).sin() + z[1]);
        PhaseOne { starts: 3, ..PhaseOne::default() }.run(&mut j, &ball, &[0.0; 2], seed, turn).unwrap()
    };
    assert_eq!(go(1, 0), go(1, 0));
    assert_ne!(go(1, 0).z, go(1, 1).z);
    assert_ne!(go(1, 0).z, go(2, 0).z);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_step_is_feasible_whatever_the_return(
        hessian in prop::collection::vec(0.0..10.0, 1..6),
        epsilon in 1e-6..10.0,
        bound in 0.0..3.0,
        size in prop_oneof![Just(1e-300), Just(1.0), Just(1e300)],
        starts in 1_usize..4,
        seed in 0_u64..1000,
    ) {
        prop_assume!(hessian.iter().any(|&h| h > 0.0));
        let ball = ball(&hessian, epsilon, bound);
        // A rugged return, without any structure.
        let j = |z: &[f64]| {
            assert!(z.iter().all(|v| v.abs() <= bound), "{z:?} leaves the hard bounds");
            size * z.iter().map(|v| (1e4 * v).sin()).sum::<f64>() / 10.0
        };
        let mut objective = FnObjective::new(ball.dim(), j);
        let options = PhaseOne { starts, max_inner: 3, ..PhaseOne::default() };
        let report = options.run(&mut objective, &ball, &vec![0.0; ball.dim()], seed, 0).unwrap();
        prop_assert!(ball.contains(&report.z));
        for step in &report.steps {
            prop_assert!(ball.contains(&step.z));
        }
    }
}
