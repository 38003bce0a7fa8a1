//! The adversaries that play in the ball, on real simulators.

mod setting;

use setting::{actor, ball, hopper, simulator, small};
use wr2l_rl::{Actor, DynamicsSource, State, StopFlag, Threads};
use wr2l_robust::adversary::{
    Boundary, Choice, Nominal, PerLane, Population, PopulationConfig, Tail, TailConfig, Turn, Uniform,
    Wasserstein,
};
use wr2l_robust::phase_one::{PhaseOne, SearchKind, Stop};
use wr2l_robust::{
    Adversary, AdversaryConfig, BallConfig, BallEstimate, BallMeasure, Objective, RobustError,
    SimulatedReturn,
};
use wr2l_sim::{SimError, Simulator, TaskName};

/// A turn of each adversary, on the given number of threads.
fn choose(adversary: &mut dyn Adversary, simulator: &Simulator, index: u64, threads: usize) -> Choice {
    let mut executor = Threads::with_lanes(simulator, threads, threads).unwrap();
    let current = vec![0.0; simulator.space().dim()];
    let turn = Turn { seed: 11, index, progress: 0.5, current: &current };
    adversary.choose(&turn, &actor(simulator), &mut executor).unwrap()
}

fn point(choice: &Choice) -> Vec<f64> {
    choice.source.point().unwrap().to_vec()
}

#[test]
fn adversaries_choose_within_the_ball_and_alike_on_any_number_of_threads() {
    let simulator = hopper();
    let (estimate, ball) = ball(&simulator, &small());
    let mut config = AdversaryConfig::default();
    config.phase_one.gradient.pairs = 4;
    config.phase_one.max_inner = 2;

    assert_eq!(point(&choose(&mut Nominal, &simulator, 0, 1)), [0.0, 0.0]);

    let mut boundary = Boundary::new(estimate.clone(), ball.clone(), config).unwrap();
    let first = choose(&mut boundary, &simulator, 0, 1);
    assert_eq!(point(&first), point(&choose(&mut boundary, &simulator, 0, 2)));
    assert_ne!(point(&first), point(&choose(&mut boundary, &simulator, 1, 1)));
    assert!(ball.contains(&point(&first)) && first.report.measured.unwrap() > 0.0);
    assert!(first.report.largest.unwrap() > first.report.measured.unwrap());

    let mut uniform = Uniform::new(ball.clone(), config).unwrap();
    let z = |choice: &Choice, lane, episode| {
        let mut z = vec![0.0; 2];
        choice.source.z(lane, episode, &mut z);
        assert!(ball.contains(&z));
        z
    };
    let (first, later) = (choose(&mut uniform, &simulator, 0, 1), choose(&mut uniform, &simulator, 9, 2));
    assert_eq!(z(&first, 1, 2), z(&later, 1, 2), "a turn leaves episodes in progress alone");
    assert_ne!(z(&first, 1, 2), z(&first, 1, 3));
    assert_ne!(z(&first, 1, 2), z(&first, 2, 2));

    for starts in [1, 3] {
        let config = AdversaryConfig { phase_one: PhaseOne { starts, ..config.phase_one }, ..config };
        let mut wasserstein = Wasserstein::new(estimate.clone(), ball.clone(), config).unwrap();
        let (one, two) =
            (choose(&mut wasserstein, &simulator, 0, 1), choose(&mut wasserstein, &simulator, 0, 2));
        assert_eq!(point(&one), point(&two));
        assert_eq!(one.report, two.report);
        assert!(ball.contains(&point(&one)));
        let found = one.report.phase_one.unwrap();
        assert!(matches!(found.stop, Stop::Steps | Stop::Gap), "{:?}", found.stop);
        assert!(found.value.is_finite() && found.reference_value.is_finite());
        assert!(one.simulator_steps > found.simulator_steps && found.simulator_steps > 0);
    }

    // The ramp shrinks the ball that is played in.
    let ramp = AdversaryConfig { epsilon_ramp: 1.0, ..config };
    let mut boundary = Boundary::new(estimate, ball.clone(), ramp).unwrap();
    let report = choose(&mut boundary, &simulator, 0, 1).report;
    assert!((report.epsilon.unwrap() - 0.055).abs() < 1e-12 && report.taylor.unwrap() < 0.056);
}

#[test]
fn the_uniform_adversary_measures_its_ball_anew_only_when_the_radius_changes() {
    let simulator = hopper();
    let (estimate, ball) = ball(&simulator, &BallConfig { measure: BallMeasure::Measured, ..small() });
    let ramp = AdversaryConfig { epsilon_ramp: 1.0, ..AdversaryConfig::default() };
    let mut uniform = Uniform::new(ball, ramp).unwrap().measured_by(&estimate);
    let (first, again) = (choose(&mut uniform, &simulator, 0, 1), choose(&mut uniform, &simulator, 1, 1));
    assert!(first.simulator_steps > 0 && again.simulator_steps == 0);
    assert_eq!(lanes(&first.source, 8, 2), lanes(&again.source, 8, 2));
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let later = Turn { seed: 11, index: 2, progress: 0.9, current: &[0.0; 2] };
    let later = uniform.choose(&later, &actor(&simulator), &mut executor).unwrap();
    assert!(later.simulator_steps > 0 && later.report.epsilon > again.report.epsilon);
    assert_ne!(lanes(&later.source, 8, 2), lanes(&again.source, 8, 2));
}

/// What measuring took is counted with what playing took, in every turn.
#[test]
fn the_ways_to_the_surface_of_a_measured_ball_are_counted() {
    let simulator = hopper();
    let (estimate, ball) = ball(&simulator, &BallConfig { measure: BallMeasure::Measured, ..small() });
    let population = PopulationConfig { members: 1, candidates: 2, ..PopulationConfig::default() };
    let config = AdversaryConfig { episodes: 1, population, ..AdversaryConfig::default() };
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let one = estimate.fit(&mut executor, &ball, &[0.1, 0.0]).unwrap().simulator_steps;
    let mut played = Population::new(estimate.clone(), ball.clone(), config).unwrap();
    for turn in 0..2 {
        let steps = choose(&mut played, &simulator, turn, 1).simulator_steps;
        assert!((one..100 * one).contains(&steps), "{steps} {one}");
    }

    let mut config = AdversaryConfig { worst_cases: 2, ..config };
    config.phase_one.max_inner = 1;
    let steps = |uniform_share| {
        let config = AdversaryConfig { uniform_share, ..config };
        let mut played = Wasserstein::new(estimate.clone(), ball.clone(), config).unwrap();
        choose(&mut played, &simulator, 0, 1).simulator_steps
    };
    assert!(steps(0.5) > steps(0.0), "random points of the ball are measured as well");
}

#[test]
fn the_wasserstein_adversary_finds_that_a_shorter_pole_falls_faster() {
    // An untrained policy drops the pendulum after a few steps; a shorter pole falls faster.
    let simulator = simulator(TaskName::INVERTED_PENDULUM, &["pole_length"]);
    let (estimate, ball) = ball(&simulator, &BallConfig { half_width: Some(0.4), ..small() });
    let mut config = AdversaryConfig { episodes: 64, ..AdversaryConfig::default() };
    config.phase_one.max_inner = 1;
    let mut wasserstein = Wasserstein::new(estimate, ball.clone(), config).unwrap();
    let found = choose(&mut wasserstein, &simulator, 0, 2).report.phase_one.unwrap();
    assert!(found.z[0] < -0.3 && found.value < found.reference_value, "{found:?}");
    assert!(found.last_gradient().unwrap().split_half_cosine.unwrap() > 0.0);
}

#[test]
fn where_the_physics_diverges_there_is_no_return_and_the_dynamics_stay() {
    let simulator = hopper();
    // An infinite mean and infinite noise of the other sign: actions soon are no numbers.
    let actor = actor(&simulator);
    let policy = actor.policy().clone();
    let network = policy.mlp().parameters();
    let params = (0..policy.parameters()).map(|i| if i < network { f32::MAX } else { 1e3 }).collect();
    let broken =
        Actor::new(policy, params, actor.normaliser().clone(), actor.action_space().clone()).unwrap();

    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut returns = SimulatedReturn::new(&mut executor, &broken, 2, 1.0, 1, 0);
    assert!(matches!(returns.evaluate(&[0.0, 0.0], 0), Err(RobustError::Diverged { .. })));
    assert!(returns.diverged() >= 2);

    let (estimate, ball) = ball(&simulator, &small());
    let mut wasserstein =
        Wasserstein::new(estimate.clone(), ball.clone(), AdversaryConfig::default()).unwrap();
    let turn = Turn { seed: 1, index: 3, progress: 0.5, current: &[0.1, -0.1] };
    let choice = wasserstein.choose(&turn, &broken, &mut executor).unwrap();
    assert_eq!(point(&choice), [0.1, -0.1]);
    assert!(choice.report.phase_one.is_none() && choice.report.diverged > 0 && choice.simulator_steps > 0);

    // Those of every lane, if they differ: the reference before anything was found, what was found afterwards.
    let config = AdversaryConfig { worst_cases: 2, nominal_share: 0.5, ..AdversaryConfig::default() };
    let mut wasserstein = Wasserstein::new(estimate.clone(), ball.clone(), config).unwrap();
    let choice =
        wasserstein.choose(&Turn { index: 0, current: &[0.0, 0.0], ..turn }, &broken, &mut executor).unwrap();
    assert_eq!(point(&choice), [0.0, 0.0]);
    let found = choose(&mut wasserstein, &simulator, 1, 1);
    let choice = wasserstein.choose(&Turn { index: 2, ..turn }, &broken, &mut executor).unwrap();
    assert_eq!(lanes(&choice.source, 4, 2), lanes(&found.source, 4, 2));

    let mut tail = Tail::new(estimate, ball, AdversaryConfig::default()).unwrap();
    let choice = tail.choose(&Turn { index: 0, ..turn }, &broken, &mut executor).unwrap();
    assert_eq!(point(&choice), [0.0, 0.0]);
    assert!(choice.report.diverged > 0 && tail.source().is_none());
    choose(&mut tail, &simulator, 1, 1);
    let choice = tail.choose(&Turn { index: 2, ..turn }, &broken, &mut executor).unwrap();
    assert!(choice.source.point().is_none() && choice.report.value.is_none());
}

#[test]
fn an_adversary_goes_on_from_its_state_and_gives_up_when_asked_to() {
    let simulator = simulator(TaskName::CARTPOLE, &["pole_half_length"]);
    let (estimate, ball) = ball(&simulator, &small());
    let config = AdversaryConfig { epsilon_ramp: 1.0, ..AdversaryConfig::default() };
    let mut uniform = Uniform::new(ball.clone(), config).unwrap();
    assert!(uniform.source().is_none());
    let first = choose(&mut uniform, &simulator, 3, 1);
    let mut state = State::default();
    uniform.save(&mut state);
    let mut state = state.into_owned();
    let mut resumed = Uniform::new(ball.clone(), config).unwrap();
    resumed.restore(&mut state).unwrap();
    state.finish().unwrap();
    let (mut a, mut b) = ([0.0], [0.0]);
    first.source.z(1, 2, &mut a);
    resumed.source().unwrap().z(1, 2, &mut b);
    assert_eq!(a, b);

    let flag = StopFlag::default();
    flag.raise();
    let mut executor = Threads::new(&simulator, 2).unwrap().with_stop_flag(flag);
    let interrupted = RobustError::Sim(SimError::Interrupted);
    assert_eq!(BallEstimate::new(&mut executor, &small(), 1).unwrap_err(), interrupted);
    let mut wasserstein = Wasserstein::new(estimate, ball, config).unwrap();
    let turn = Turn { seed: 11, index: 0, progress: 0.0, current: &[0.0] };
    assert_eq!(wasserstein.choose(&turn, &actor(&simulator), &mut executor).unwrap_err(), interrupted);
}

/// The dynamics of the first lanes.
fn lanes(source: &dyn DynamicsSource, count: u64, dim: usize) -> Vec<Vec<f64>> {
    let z = |lane| {
        let mut z = vec![f64::NAN; dim];
        source.z(lane, 0, &mut z);
        z
    };
    (0..count).map(z).collect()
}

#[test]
fn lanes_take_the_points_in_turn_and_some_keep_the_reference() {
    let points = |n: u32| (1..=n).map(|i| vec![f64::from(i)]).collect::<Vec<_>>();
    let eight = lanes(&PerLane::new(points(6), 0.25), 8, 1);
    assert_eq!(eight.concat(), [1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, 0.0]);
    assert_eq!(lanes(&PerLane::new(points(2), 0.0), 4, 1).concat(), [1.0, 2.0, 1.0, 2.0]);
    assert_eq!(lanes(&PerLane::new(Vec::new(), 0.0), 2, 1).concat(), [0.0, 0.0]);
}

#[test]
fn every_share_has_its_lanes_however_it_is_rounded() {
    let simulator = hopper();
    let (_, ball) = ball(&simulator, &small());
    let mut uniform = Uniform::new(ball, AdversaryConfig::default()).unwrap();
    choose(&mut uniform, &simulator, 0, 1);
    let random = uniform.last_source().unwrap();
    let worst = vec![7.0, 7.0];
    for (count, nominal, share, expected) in [
        (8, 0.25, 0.25, (2, 2)),
        (10, 0.2, 0.3, (2, 3)),
        (10, 0.2, 0.6, (2, 6)),
        (20, 0.25, 0.35, (5, 7)),
        (4, 0.4, 0.4, (1, 2)),
        (8, 0.2, 0.7, (1, 6)),
        (5, 0.0, 0.0, (0, 0)),
    ] {
        let source = PerLane::new(vec![worst.clone()], nominal).and_random(random.clone(), share);
        let z = lanes(&source, count as u64, 2);
        let at = |point: &[f64]| z.iter().filter(|z| *z == point).count();
        let (at_reference, at_worst) = (at(&[0.0, 0.0]), at(&worst));
        assert_eq!((at_reference, count - at_reference - at_worst), expected, "{count} {nominal} {share}");
        assert_eq!(PerLane::counts(count, nominal, share), expected);
        // Without a worst case, its lanes alone keep the reference.
        let source = PerLane::new(Vec::new(), nominal).and_random(random.clone(), share);
        let z = lanes(&source, count as u64, 2);
        assert_eq!(z.iter().filter(|z| *z == &[0.0, 0.0]).count(), count - expected.1);
    }
}

#[test]
fn a_share_of_the_lanes_has_random_points_of_the_ball_and_goes_on_with_them() {
    let simulator = hopper();
    let (estimate, ball) = ball(&simulator, &small());
    let mut config =
        AdversaryConfig { nominal_share: 0.25, uniform_share: 0.25, ..AdversaryConfig::default() };
    config.phase_one.search = SearchKind::Surrogate;
    let mut adversary = Wasserstein::new(estimate.clone(), ball.clone(), config).unwrap();
    let choice = choose(&mut adversary, &simulator, 0, 1);
    let worst = choice.report.worst.clone().unwrap();
    // What uniform sampling would give the lane.
    let mut uniform = Uniform::new(ball.clone(), config).unwrap();
    let uniform = choose(&mut uniform, &simulator, 0, 1).source;
    let z = |source: &dyn DynamicsSource, lane, episode| {
        let mut z = vec![f64::NAN; 2];
        source.z(lane, episode, &mut z);
        z
    };
    for episode in 0..3 {
        for lane in 0..8 {
            let expected = match lane {
                3 | 7 => vec![0.0, 0.0],
                2 | 6 => z(&uniform, lane, episode),
                _ => worst.clone(),
            };
            assert_eq!(z(&choice.source, lane, episode), expected, "lane {lane}, episode {episode}");
            assert!(ball.contains(&expected));
        }
    }
    assert_ne!(z(&uniform, 2, 0), z(&uniform, 2, 1));

    let mut state = State::default();
    adversary.save(&mut state);
    let mut state = state.into_owned();
    let mut resumed = Wasserstein::new(estimate, ball, config).unwrap();
    resumed.restore(&mut state).unwrap();
    state.finish().unwrap();
    assert_eq!(lanes(&resumed.source().unwrap(), 8, 2), lanes(&choice.source, 8, 2));
}

#[test]
fn the_population_holds_the_worst_points_it_has_seen_and_goes_on_from_its_state() {
    // An untrained policy drops the pendulum after a few steps; a shorter pole falls faster.
    let simulator = simulator(TaskName::INVERTED_PENDULUM, &["pole_length"]);
    let (estimate, ball) = ball(&simulator, &BallConfig { half_width: Some(0.4), ..small() });
    let population = PopulationConfig { members: 3, nominal_share: 0.0, candidates: 9 };
    let config = AdversaryConfig { episodes: 64, population, ..AdversaryConfig::default() };
    let mut adversary = Population::new(estimate.clone(), ball.clone(), config).unwrap();
    assert!(adversary.source().is_none(), "no turn was taken");
    let first = choose(&mut adversary, &simulator, 0, 2);
    let report = &first.report;
    assert!(
        report.value.unwrap() < report.reference_value.unwrap() && report.worst.as_ref().unwrap()[0] < 0.0
    );
    for z in lanes(&first.source, 3, 1) {
        assert!(ball.contains(&z) && z[0] < -0.3, "a third of twelve points of a line's two ends: {z:?}");
    }

    let mut state = State::default();
    adversary.save(&mut state);
    let mut state = state.into_owned();
    let mut resumed = Population::new(estimate, ball, config).unwrap();
    resumed.restore(&mut state).unwrap();
    state.finish().unwrap();
    assert_eq!(lanes(&resumed.source().unwrap(), 3, 1), lanes(&first.source, 3, 1));
    let (one, two) = (choose(&mut adversary, &simulator, 1, 1), choose(&mut resumed, &simulator, 1, 2));
    assert_eq!(lanes(&one.source, 3, 1), lanes(&two.source, 3, 1));
    assert_eq!(one.report, two.report);

    let mut damaged = State::default();
    damaged.put("members", vec![f64::NAN]);
    assert!(resumed.restore(&mut damaged).is_err());
}

#[test]
fn the_tail_is_the_share_of_the_ball_where_the_return_is_lowest_and_goes_on_from_its_state() {
    // An untrained policy drops the pendulum after a few steps; a shorter pole falls faster. So the worst share β of the
    // interval [−w, w] is [−w, −w + 2wβ].
    let simulator = simulator(TaskName::INVERTED_PENDULUM, &["pole_length"]);
    let (estimate, ball) = ball(&simulator, &BallConfig { half_width: Some(0.4), ..small() });
    let tail = |share| {
        let tail = TailConfig { share, evaluations: 40, memory: 2 };
        let config = AdversaryConfig { episodes: 64, tail, ..AdversaryConfig::default() };
        Tail::new(estimate.clone(), ball.clone(), config).unwrap()
    };
    let mut adversary = tail(0.25);
    assert!(adversary.source().is_none(), "no turn was taken");
    let first = choose(&mut adversary, &simulator, 0, 2);
    let points = lanes(&first.source, 400, 1);
    assert!(points.iter().all(|z| ball.contains(z)));
    let outside = points.iter().filter(|z| z[0] > -0.1).count();
    assert!(outside < 20, "{outside} of 400 are not from the worst quarter, [-0.4, -0.2], or near it");
    assert!(points.iter().any(|z| z[0] > -0.3), "they fill the quarter");
    let report = &first.report;
    assert!(report.value.unwrap() < report.reference_value.unwrap());
    assert!(report.worst.as_ref().unwrap()[0] < 0.0);

    // The whole ball is the uniform adversary's, point for point.
    let whole = choose(&mut tail(1.0), &simulator, 0, 1);
    let uniform =
        choose(&mut Uniform::new(ball.clone(), AdversaryConfig::default()).unwrap(), &simulator, 0, 1);
    assert_eq!(lanes(&whole.source, 50, 1), lanes(&uniform.source, 50, 1));

    let second = choose(&mut adversary, &simulator, 1, 1);
    let stay = lanes(&second.source, 400, 1).iter().zip(&points).filter(|(a, b)| a == b).count();
    assert!(stay > 200, "most episodes go on: {stay} of 400");
    let mut remembered = State::default();
    adversary.save(&mut remembered);
    // The 40 points of either turn, and the reference.
    assert!(remembered.take_finite::<f64>("values", 2 * 41).is_ok());
    let mut state = State::default();
    adversary.save(&mut state);
    let mut state = state.into_owned();
    let mut resumed = tail(0.25);
    resumed.restore(&mut state).unwrap();
    state.finish().unwrap();
    assert_eq!(lanes(&resumed.source().unwrap(), 50, 1), lanes(&second.source, 50, 1));
    let (one, two) = (choose(&mut adversary, &simulator, 2, 1), choose(&mut resumed, &simulator, 2, 2));
    assert_eq!(lanes(&one.source, 50, 1), lanes(&two.source, 50, 1));
    assert_eq!(one.report, two.report);

    for (seen, values, sound) in [
        (0.1, vec![1.0], true),
        (f64::NAN, vec![1.0], false),
        (0.1, vec![f64::NAN], false),
        (0.1, vec![1.0, 2.0], false),
    ] {
        let mut state = State::default();
        state.put("seen", vec![seen]);
        state.put("values", values);
        state.put("epsilon", ball.epsilon());
        state.put("seed", 3_u64);
        state.put("turn", 0_u64);
        assert_eq!(tail(0.25).restore(&mut state).is_ok(), sound, "{seen}");
    }
}

#[test]
fn lanes_keep_the_latest_worst_cases_and_some_the_reference() {
    let simulator = hopper();
    let (estimate, ball) = ball(&simulator, &small());
    let mut config =
        AdversaryConfig { worst_cases: 2, nominal_share: 0.25, episodes: 4, ..AdversaryConfig::default() };
    config.phase_one.search = SearchKind::Surrogate;
    let mut adversary = Wasserstein::new(estimate.clone(), ball.clone(), config).unwrap();
    assert!(adversary.source().is_none(), "no turn was taken");
    let turns: Vec<Choice> = (0..3).map(|index| choose(&mut adversary, &simulator, index, 1)).collect();
    let newest: Vec<Vec<f64>> = turns.iter().map(|turn| turn.report.worst.clone().unwrap()).collect();
    assert!(newest[0] != newest[1] && newest[1] != newest[2] && newest[2] != newest[0], "{newest:?}");
    let four = |turn: &Choice| lanes(&turn.source, 4, 2);
    let nominal = vec![0.0, 0.0];
    assert_eq!(four(&turns[0]), [&newest[0], &newest[0], &newest[0], &nominal].map(Clone::clone));
    assert_eq!(four(&turns[1]), [&newest[0], &newest[1], &newest[0], &nominal].map(Clone::clone));
    assert_eq!(four(&turns[2]), [&newest[2], &newest[1], &newest[2], &nominal].map(Clone::clone));

    let mut state = State::default();
    adversary.save(&mut state);
    let mut state = state.into_owned();
    let mut resumed = Wasserstein::new(estimate.clone(), ball.clone(), config).unwrap();
    resumed.restore(&mut state).unwrap();
    state.finish().unwrap();
    assert_eq!(lanes(&resumed.source().unwrap(), 4, 2), four(&turns[2]));
    let (one, two) = (choose(&mut adversary, &simulator, 3, 1), choose(&mut resumed, &simulator, 3, 2));
    assert_eq!(four(&one), four(&two));
    assert_eq!(one.report, two.report);
    let newest = [newest[2].clone(), one.report.worst.clone().unwrap()];

    // The plan has changed: of fewer the newest stay; of more all do, and the oldest goes first.
    let resume = |worst_cases| {
        let mut state = State::default();
        adversary.save(&mut state);
        let mut state = state.into_owned();
        let config = AdversaryConfig { worst_cases, nominal_share: 0.0, ..config };
        let mut resumed = Wasserstein::new(estimate.clone(), ball.clone(), config).unwrap();
        resumed.restore(&mut state).unwrap();
        state.finish().unwrap();
        resumed
    };
    assert!(resume(1).source().is_none(), "the dynamics in force are the run's");
    let mut three = resume(3);
    assert_eq!(lanes(&three.source().unwrap(), 2, 2), newest);
    let next = [4, 5].map(|index| choose(&mut three, &simulator, index, 1));
    let worst = next.each_ref().map(|turn| turn.report.worst.clone().unwrap());
    assert_eq!(lanes(&next[0].source, 3, 2), [&newest[0], &newest[1], &worst[0]].map(Clone::clone));
    assert_eq!(lanes(&next[1].source, 3, 2), [&worst[1], &newest[1], &worst[0]].map(Clone::clone));
}
