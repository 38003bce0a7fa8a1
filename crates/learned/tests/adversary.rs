//! A learned model as a simulator, and the adversary over its weights.

use wr2l_learned::{FitConfig, LearnedModel, Transitions, WeightAdversary, fit, measured};
use wr2l_rl::{Executor, Learner, Ppo, PpoConfig, StepsFrom, Threads};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::adversary::Turn;
use wr2l_robust::hessian::{Distance, WassersteinDistance};
use wr2l_robust::matrix_free::{BallGradient, MatrixFreeSearch};
use wr2l_robust::{Adversary, Pairs, PairsConfig, RobustError, SimulatedTransitions};
use wr2l_sim::{Divergence, Outcome, SimError, Simulator, Task, TaskName};

/// A small network fitted to the cart-pole, its simulator and the pairs of W.
fn setting() -> (LearnedModel, Simulator, Pairs) {
    let task = Task::new(TaskName::CARTPOLE);
    let real = Simulator::new(task.clone(), None, task.space()).unwrap();
    let mut executor = Threads::new(&real, 1).unwrap();
    let config = PairsConfig { count: 200, pool: 800, ..PairsConfig::default() };
    let pairs = Pairs::collect(&mut executor, None, &config, 1).unwrap();
    let data = Transitions::simulate(&mut executor, &pairs).unwrap();
    let config = FitConfig { hidden: vec![8], epochs: 30, polish: 5, ..FitConfig::default() };
    let (model, _) = fit(&task, &data, &config, 2).unwrap();
    let simulator = model.simulator("learned").unwrap();
    (model, simulator, pairs)
}

#[test]
fn the_simulator_steps_its_lanes_apart_and_continues_from_snapshots() {
    let (_, simulator, _) = setting();
    let dim = simulator.space().dim();
    let mut sim = simulator.batch(2).unwrap();
    let moved = simulator.space().physical(&vec![0.1; dim]);
    sim.set_dynamics(1, &moved).unwrap();
    let state = [0.1, 0.02, -0.1, 0.05];
    let (mut rewards, mut outcomes) = ([0.0; 2], [Outcome::Running; 2]);
    let mut after = [[0.0; 4]; 2];
    for lane in 0..2 {
        sim.set_state(lane, &state).unwrap();
    }
    sim.step(&[1.0, 1.0], &[true; 2], &mut rewards, &mut outcomes);
    for lane in 0..2 {
        sim.state(lane, &mut after[lane]);
    }
    assert!(after[0] != after[1] && rewards == [1.0; 2] && outcomes == [Outcome::Running; 2]);
    // What transitions say, and what a snapshot goes on with.
    let mut next = [0.0; 8];
    let from = StepsFrom { states: &state, actions: &[1.0], len: 1, first: 0 };
    let z = [vec![0.0; dim], vec![0.1; dim]].concat();
    Threads::new(&simulator, 1).unwrap().transitions(&z, from, &mut next).unwrap();
    assert_eq!(next, after.concat().as_slice());
    let mut snapshot = vec![0.0; sim.spec().snapshot_len];
    sim.save(0, &mut snapshot);
    assert_eq!(snapshot[4], 1.0);
    let mut other = simulator.batch(1).unwrap();
    other.restore(0, &snapshot).unwrap();
    let mut further = [[0.0; 4]; 2];
    sim.step(&[0.0, 0.0], &[true, false], &mut rewards, &mut outcomes);
    other.step(&[0.0], &[true], &mut rewards[..1], &mut outcomes[..1]);
    sim.state(0, &mut further[0]);
    other.state(0, &mut further[1]);
    assert_eq!(further[0], further[1]);
    // An inactive lane stays.
    sim.state(1, &mut further[1]);
    assert_eq!(further[1], after[1]);
}

#[test]
fn episodes_end_as_the_task_says_and_what_makes_no_sense_is_refused() {
    let (_, simulator, _) = setting();
    let mut sim = simulator.batch(1).unwrap();
    let (mut rewards, mut outcomes) = ([0.0], [Outcome::Running]);
    let mut step = |sim: &mut dyn wr2l_sim::BatchSim, action: f64| {
        sim.step(&[action], &[true], &mut rewards, &mut outcomes);
        outcomes[0]
    };
    sim.set_state(0, &[0.0, 0.5, 0.0, 0.0]).unwrap();
    assert_eq!(step(sim.as_mut(), 0.0), Outcome::Terminated);
    let mut snapshot = vec![0.0; 5];
    sim.reset(0, &mut StreamKey::new(1, Purpose::Reset).stream());
    sim.save(0, &mut snapshot);
    assert!(snapshot[..4].iter().all(|s| s.abs() <= 0.05) && snapshot[4] == 0.0);
    snapshot[4] = 499.0;
    sim.restore(0, &snapshot).unwrap();
    assert_eq!(step(sim.as_mut(), 0.0), Outcome::Truncated);
    for action in [0.5, 2.0, f64::NAN] {
        assert_eq!(step(sim.as_mut(), action), Outcome::Diverged(Divergence::Action));
    }
    sim.set_state(0, &[1e300, 0.0, 0.0, 0.0]).unwrap();
    assert_eq!(step(sim.as_mut(), 0.0), Outcome::Diverged(Divergence::State));
    assert!(matches!(sim.set_state(0, &[f64::NAN; 4]), Err(SimError::State { .. })));
    assert!(matches!(sim.restore(0, &[0.0; 4]), Err(SimError::State { .. })));
    assert!(matches!(sim.set_forces(0, &[1.0]), Err(SimError::State { .. })));
    let far: Vec<f64> = simulator.space().nominal().iter().map(|w| w + 1.5).collect();
    assert!(matches!(sim.set_dynamics(0, &far), Err(SimError::Space(_))));
}

#[test]
fn the_measured_end_of_a_ray_is_where_w_is_epsilon_or_the_bounds_are() {
    let (_, simulator, pairs) = setting();
    let dim = simulator.space().dim();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut z = vec![0.0; dim];
    StreamKey::new(1, Purpose::Test).stream().fill_normal(&mut z);
    z.iter_mut().for_each(|z| *z *= 1e-3);
    let found = measured(&mut executor, &pairs, 1e-5, &z).unwrap();
    assert!(found.w <= 1e-5 && found.w > 0.999e-5 && found.share > 0.0, "{found:?}");
    let distance = Distance::default();
    let mut transitions = SimulatedTransitions::new(&mut executor, &pairs);
    let w = WassersteinDistance::new(&mut transitions, &distance).unwrap().measure(&found.z).unwrap();
    assert_eq!(w, [found.w]);
    for (found, z) in found.z.iter().zip(&z) {
        assert!((found - found_share(found, z) * z).abs() < 1e-12);
    }
    // Nothing stops it but the bounds of the weights, or 16 times the way.
    let free = measured(&mut executor, &pairs, 1e9, &z).unwrap();
    assert_eq!(free.share, 16.0);
    let wide: Vec<f64> = z.iter().map(|z| 500.0 * z).collect();
    let bounded = measured(&mut executor, &pairs, 1e9, &wide).unwrap();
    let largest = bounded.z.iter().fold(0.0_f64, |m, z| m.max(z.abs()));
    assert!((largest - 1.0).abs() < 1e-9, "{largest}");
    let nowhere = measured(&mut executor, &pairs, 1e-5, &vec![0.0; dim]).unwrap();
    assert!(nowhere.w == 0.0 && nowhere.z.iter().all(|z| *z == 0.0));
}

/// How far `found` is along `z`.
fn found_share(found: &f64, z: &f64) -> f64 {
    if *z == 0.0 { 0.0 } else { found / z }
}

#[test]
fn the_adversary_lowers_the_return_within_the_ball_the_same_for_any_threads() {
    let (model, simulator, pairs) = setting();
    let dim = simulator.space().dim();
    let config = PpoConfig { lanes: 8, horizon: 256, ..PpoConfig::default() };
    let mut executor = Threads::with_lanes(&simulator, 1, 8).unwrap();
    let mut ppo = Ppo::new(config, simulator.spec(), dim, 3).unwrap();
    for iteration in 0..12 {
        let source = wr2l_rl::Fixed(vec![0.0; dim]);
        ppo.improve(wr2l_rl::Experience::alone(&mut executor, &source, 3, iteration, 0.0)).unwrap();
    }
    let gradient = BallGradient { pairs: 24, ..BallGradient::default() };
    let search = MatrixFreeSearch { steps: 2, gradient, trials: 4 };
    let epsilon = 1e-3;
    let new = |search| WeightAdversary::new(&model, &pairs, epsilon, 1e-2, search, 4);
    let turn = Turn { seed: 5, index: 2, progress: 0.0, current: &vec![0.0; dim] };
    let mut chosen = Vec::new();
    for threads in [1, 2] {
        let mut executor = Threads::with_lanes(&simulator, threads, 3).unwrap();
        let mut adversary = new(search).unwrap();
        let choice = adversary.choose(&turn, ppo.actor(), &mut executor).unwrap();
        let report = &choice.report;
        assert!(report.value.unwrap() < 0.6 * report.reference_value.unwrap(), "{report:?}");
        assert!(report.epsilon == Some(epsilon) && report.measured.unwrap() <= epsilon, "{report:?}");
        assert!(report.measured.unwrap() > 0.9 * epsilon && choice.simulator_steps > 0);
        chosen.push(choice.source.point().unwrap().to_vec());
    }
    assert_eq!(chosen[0], chosen[1]);
    assert!(matches!(
        WeightAdversary::new(&model, &pairs, 0.0, 1e-2, search, 4),
        Err(wr2l_learned::LearnedError::Robust(RobustError::Parameter { name: "epsilon", .. }))
    ));
    assert!(new(MatrixFreeSearch { trials: 0, ..search }).is_err());
}
