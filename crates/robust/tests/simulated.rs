//! The ball and the return on real simulators.

mod setting;

use setting::{actor, ball, hopper, simulator, small};
use wr2l_rl::{Learner, Ppo, PpoConfig, Threads};
use wr2l_robust::hessian::{StateWeights, TransitionModel, ZeroOrder};
use wr2l_robust::{
    BallConfig, BallEstimate, BallMeasure, HessianMethod, Look, Objective, Pairs, PairsConfig, RobustError,
    SimulatedReturn, SimulatedTransitions,
};
use wr2l_sim::{ActionSpace, TaskName};

#[test]
fn pairs_are_the_same_for_any_threads_and_lanes_and_lie_in_the_action_space() {
    for task in [TaskName::CARTPOLE, TaskName::HOPPER, TaskName::INVERTED_PENDULUM] {
        let simulator = simulator(task, &["all"]);
        let config = PairsConfig { count: 50, pool: 200, ..PairsConfig::default() };
        let collect = |threads, lanes, seed| {
            let mut executor = Threads::with_lanes(&simulator, threads, lanes).unwrap();
            Pairs::collect(&mut executor, None, &config, seed).unwrap()
        };
        let pairs = collect(1, 1, 3);
        assert_eq!(pairs, collect(2, 3, 3));
        assert_ne!(pairs, collect(1, 1, 4));
        let spec = simulator.spec();
        assert_eq!(pairs.states.len(), 50 * spec.state_dim());
        for action in pairs.actions.chunks_exact(spec.act_dim()) {
            match &spec.actions {
                ActionSpace::Continuous { low, high } => {
                    for (a, (low, high)) in action.iter().zip(low.iter().zip(high)) {
                        assert!(low <= a && a <= high);
                    }
                }
                ActionSpace::Discrete { n } => assert!(action[0] < *n as f64 && action[0].fract() == 0.0),
            }
        }
        let actor = actor(&simulator);
        let mut executor = Threads::new(&simulator, 2).unwrap();
        let policy = Pairs::collect(&mut executor, Some(&actor), &config, 3).unwrap();
        // An untrained policy chooses the cart-pole's two actions alike: the same draw, the same action.
        assert!(task == TaskName::CARTPOLE || policy.actions != pairs.actions);
        // One that remembers, on any simulator: its memory is of its own trajectory.
        let remembering = Ppo::with_history(PpoConfig::default(), spec, 0, 2, 5).unwrap();
        let collect = |threads, lanes| {
            let mut executor = Threads::with_lanes(&simulator, threads, lanes).unwrap();
            Pairs::collect(&mut executor, Some(remembering.actor()), &config, 3).unwrap()
        };
        assert_eq!(collect(1, 1), collect(2, 3));
        let none = PairsConfig { count: 0, pool: 0, ..PairsConfig::default() };
        assert!(matches!(
            Pairs::collect(&mut executor, None, &none, 3),
            Err(RobustError::Parameter { name: "pairs.count", .. })
        ));
    }
}

#[test]
fn transitions_do_not_depend_on_threads_lanes_or_what_was_simulated_before() {
    let simulator = hopper();
    let mut executor = Threads::with_lanes(&simulator, 2, 3).unwrap();
    let pairs = Pairs::collect(
        &mut executor,
        None,
        &PairsConfig { count: 70, pool: 200, ..PairsConfig::default() },
        1,
    )
    .unwrap();
    let mut model = SimulatedTransitions::new(&mut executor, &pairs);
    let z = [0.0, 0.0, 0.4, -0.3, 0.0, 0.0];
    let row = model.row_len();
    let mut together = vec![0.0; 3 * row];
    model.next_states(&z, &mut together).unwrap();
    assert_eq!(together[..row], together[2 * row..], "the same z, the same bits");
    assert_ne!(together[..row], together[row..2 * row]);
    let mut single = Threads::new(&simulator, 1).unwrap();
    let mut alone = vec![0.0; row];
    SimulatedTransitions::new(&mut single, &pairs).next_states(&z[2..4], &mut alone).unwrap();
    assert_eq!(alone, together[row..2 * row]);
    // Outside the hard bounds.
    let mut model = SimulatedTransitions::new(&mut single, &pairs);
    assert!(matches!(model.next_states(&[-2.0, 0.0], &mut alone), Err(RobustError::Sim(_))));
}

#[test]
fn the_measured_distance_is_zero_at_the_reference_and_the_quadratic_form_near_it() {
    for (task, vary) in
        [(TaskName::CARTPOLE, vec!["pole_half_length"]), (TaskName::INVERTED_PENDULUM, vec!["pole_length"])]
    {
        let simulator = simulator(task, &vary);
        let (estimate, ball) = ball(&simulator, &small());
        let mut executor = Threads::new(&simulator, 1).unwrap();
        assert_eq!(estimate.measure(&mut executor, &[0.0]).unwrap().0, 0.0);
        let z = [0.01];
        let (value, steps) = estimate.measure(&mut executor, &z).unwrap();
        assert!((value / ball.value(&z) - 1.0).abs() < 0.1, "{task}: {value} {}", ball.value(&z));
        assert_eq!(steps, 120);
        assert!(estimate.measure(&mut executor, &[0.0, 0.0]).is_err());
    }
}

#[test]
fn both_hessians_agree_on_a_smooth_simulator() {
    // The cart-pole has no contacts.
    let simulator = simulator(TaskName::CARTPOLE, &["pole_half_length", "pole_mass"]);
    let newton = ball(&simulator, &small()).0.hessian;
    let zero_order = BallConfig {
        hessian: HessianMethod::ZeroOrder,
        zero_order: ZeroOrder { sigma: 0.02, tolerance: 0.1, max_samples: 20_000 },
        ..small()
    };
    let zero = ball(&simulator, &zero_order).0.hessian;
    assert!(zero.simulator_steps > newton.simulator_steps);
    assert!(zero.samples < 20_000, "the perturbations met their tolerance");
    let difference = (&newton.matrix - &zero.matrix).norm() / newton.matrix.norm();
    assert!(difference < 0.3, "{difference}: {} {}", newton.matrix, zero.matrix);
    // Its stated error counts the pairs beside the perturbations, whose tolerance is 0.1.
    assert!(difference < 3.0 * zero.relative_error, "{difference} {}", zero.relative_error);
}

#[test]
fn an_estimate_survives_a_file() {
    let (estimate, _) =
        ball(&hopper(), &BallConfig { state_weights: StateWeights::InverseVariance, ..small() });
    let text = serde_json::to_string(&estimate).unwrap();
    assert_eq!(serde_json::from_str::<BallEstimate>(&text).unwrap(), estimate);
}

#[test]
fn a_half_width_sets_the_radius_and_nothing_to_vary_is_refused() {
    let simulator = simulator(TaskName::CARTPOLE, &["pole_half_length"]);
    let (_, ball) = ball(&simulator, &BallConfig { half_width: Some(0.25), ..small() });
    assert!((ball.ranges().unwrap()[0].alone.1 - 0.25).abs() < 1e-12);
    let fixed = self::simulator(TaskName::CARTPOLE, &[]);
    let mut executor = Threads::new(&fixed, 1).unwrap();
    assert!(matches!(BallEstimate::new(&mut executor, &small(), 1), Err(RobustError::Dimension { .. })));
}

#[test]
fn returns_share_their_random_numbers_between_points_and_not_between_draws() {
    let simulator = hopper();
    let actor = actor(&simulator);
    let mut executor = Threads::new(&simulator, 2).unwrap();
    let mut j = SimulatedReturn::new(&mut executor, &actor, 3, 1.0, 5, 0);
    let values = j.evaluate(&[0.1, 0.2, 0.1, 0.2, 0.5, -0.5], 0).unwrap();
    assert_eq!(values[0], values[1]);
    assert_ne!(values[0], values[2]);
    assert_eq!(j.evaluate(&[0.1, 0.2], 0).unwrap()[0], values[0]);
    assert_ne!(j.evaluate(&[0.1, 0.2], 1).unwrap()[0], values[0]);
    // Several draws at once are those draws one after the other.
    let points = [0.1, 0.2, 0.5, -0.5];
    let each: Vec<f64> =
        [3, 0, u64::MAX].iter().flat_map(|&draw| j.evaluate(&points, draw).unwrap()).collect();
    let looks: Vec<Look> = [3, 0, u64::MAX].iter().flat_map(|&draw| Look::each(2, draw)).collect();
    assert_eq!(j.evaluate_looks(&points, &looks).unwrap(), each);
    // Each point may have draws of its own.
    assert_eq!(j.evaluate_looks(&points, &[looks[5], looks[0]]).unwrap(), [each[5], each[0]]);
    assert!(j.simulator_steps() > 0 && j.diverged() == 0);
    assert!(matches!(j.evaluate(&[f64::NAN, 0.0], 0), Err(RobustError::Sim(_))));
    let mut next_turn = SimulatedReturn::new(&mut executor, &actor, 3, 1.0, 5, 1);
    assert_ne!(next_turn.evaluate(&[0.1, 0.2], 0).unwrap()[0], values[0]);
    let mut discounted = SimulatedReturn::new(&mut executor, &actor, 3, 0.9, 5, 0);
    assert!(discounted.evaluate(&[0.1, 0.2], 0).unwrap()[0] < values[0]);
}

#[test]
fn the_return_at_a_point_of_the_measured_ball_is_that_at_the_point_it_stands_for() {
    let simulator = hopper();
    let (estimate, ball) = ball(&simulator, &BallConfig { measure: BallMeasure::Measured, ..small() });
    let actor = actor(&simulator);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let points = ball.minimiser(&[1.0, 0.5]).unwrap().unwrap();
    let fitted = estimate.fit(&mut executor, &ball, &points).unwrap();
    assert_ne!(fitted.points, points);
    let there =
        SimulatedReturn::new(&mut executor, &actor, 3, 1.0, 5, 0).evaluate(&fitted.points, 0).unwrap();
    let mut j = SimulatedReturn::new(&mut executor, &actor, 3, 1.0, 5, 0).in_ball(&estimate, &ball);
    assert_eq!(j.evaluate(&points, 0).unwrap(), there);
}
