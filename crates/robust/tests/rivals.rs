//! The rivals' adversaries against the learners.

use wr2l_rl::{Ddpg, DdpgConfig, Experience, Learner, Ppo, PpoConfig, State, Threads, Trpo, TrpoConfig};
use wr2l_robust::adversary::{
    Action, ActionConfig, Cvar, CvarConfig, Force, ForceConfig, Mode, Nominal, RegionConfig, Shape, Turn,
    Uniform,
};
use wr2l_robust::{Adversary, AdversaryConfig, BallConfig, BallEstimate, PairsConfig};
use wr2l_sim::{Simulator, Task, TaskName};

fn simulator(task: TaskName, vary: &[&str]) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select(vary).unwrap();
    Simulator::new(task, None, space).unwrap()
}

/// Plays `iterations` of learner against adversary, a turn before each.
fn play(
    simulator: &Simulator,
    learner: &mut dyn Learner,
    adversary: &mut dyn Adversary,
    iterations: std::ops::Range<u64>,
) -> Vec<u32> {
    let mut executor = Threads::new(simulator, 1).unwrap();
    let current = vec![0.0; simulator.space().dim()];
    for iteration in iterations {
        let turn = Turn { seed: 3, index: iteration, progress: 0.0, current: &current };
        let choice = adversary.choose(&turn, learner.actor(), &mut executor).unwrap();
        let (opposition, selection) = (adversary.opposition(), adversary.selection());
        let alone = Experience::alone(&mut executor, &choice.source, 3, iteration, 0.0);
        learner.improve(Experience { opposition, selection, ..alone }).unwrap();
    }
    learner.actor().params().iter().map(|p| p.to_bits()).collect()
}

fn small() -> TrpoConfig {
    TrpoConfig { lanes: 2, horizon: 80, ..TrpoConfig::default() }
}

fn force(simulator: &Simulator, bound: f64) -> Force {
    let config = ForceConfig { bound, iterations: 2, trpo: small() };
    Force::new(config, simulator.spec(), simulator.space().dim(), 3).unwrap()
}

#[test]
fn forces_bounded_by_zero_leave_trpo_bit_for_bit() {
    for task in [TaskName::INVERTED_PENDULUM, TaskName::WALKER2D] {
        let simulator = simulator(task, &[]);
        let trpo = || Trpo::new(small(), simulator.spec(), 0, 3).unwrap();
        let alone = play(&simulator, &mut trpo(), &mut Nominal, 0..3);
        assert_eq!(alone, play(&simulator, &mut trpo(), &mut force(&simulator, 0.0), 0..3), "{task}");
        assert_ne!(alone, play(&simulator, &mut trpo(), &mut force(&simulator, 2.0), 0..3), "{task}");
        let steps = |bound| {
            let turn = Turn { seed: 3, index: 0, progress: 0.0, current: &[] };
            let mut executor = Threads::new(&simulator, 1).unwrap();
            let choice = force(&simulator, bound).choose(&turn, trpo().actor(), &mut executor);
            choice.unwrap().simulator_steps
        };
        assert_eq!((steps(0.0), steps(2.0)), (0, 320), "nothing is simulated to learn to push with nothing");
    }
}

#[test]
fn the_pusher_learns_to_make_the_pendulum_fall() {
    // Against an agent that does nearly nothing the pole falls anyway; a pusher of 5 N brings it down faster, and
    // faster once it has learnt to.
    let simulator = simulator(TaskName::INVERTED_PENDULUM, &[]);
    let config = || TrpoConfig { horizon: 128, critic_learning_rate: 1e-3, ..TrpoConfig::default() };
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut agent = Trpo::new(config(), simulator.spec(), 0, 3).unwrap();
    play(&simulator, &mut agent, &mut Nominal, 0..20);
    let strong = ForceConfig { bound: 5.0, iterations: 1, trpo: config() };
    let mut force = Force::new(strong, simulator.spec(), 0, 3).unwrap();
    let mut returns = Vec::new();
    for index in 0..40 {
        let turn = Turn { seed: 3, index, progress: 0.0, current: &[] };
        returns.extend(force.choose(&turn, agent.actor(), &mut executor).unwrap().report.value);
    }
    let mean = |range: &[f64]| range.iter().sum::<f64>() / range.len() as f64;
    let (early, late) = (mean(&returns[..5]), mean(&returns[returns.len() - 5..]));
    assert!(late < 0.8 * early, "{early} before, {late} after");
}

#[test]
fn a_restored_pusher_goes_on_bit_for_bit() {
    let simulator = simulator(TaskName::HOPPER, &[]);
    let mut trpo = Trpo::new(small(), simulator.spec(), 0, 3).unwrap();
    let mut force_a = force(&simulator, 2.0);
    play(&simulator, &mut trpo, &mut force_a, 0..2);
    let mut state = State::default();
    force_a.save(&mut state);
    let mut state = state.into_owned();
    let mut force_b = force(&simulator, 2.0);
    force_b.restore(&mut state).unwrap();
    state.finish().unwrap();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let turn = Turn { seed: 3, index: 2, progress: 0.0, current: &[] };
    for force in [&mut force_a, &mut force_b] {
        force.choose(&turn, trpo.actor(), &mut executor).unwrap();
    }
    assert_eq!(force_a.pusher().params(), force_b.pusher().params());
}

#[test]
fn a_task_without_bodies_to_push_is_refused() {
    let simulator = simulator(TaskName::CARTPOLE, &[]);
    let error = Force::new(ForceConfig::default(), simulator.spec(), 0, 3).unwrap_err();
    assert!(error.to_string().contains("no bodies"), "{error}");
    let simulator = self::simulator(TaskName::HOPPER, &[]);
    for bound in [-1.0, f64::NAN, f64::INFINITY] {
        let config = ForceConfig { bound, ..ForceConfig::default() };
        assert!(Force::new(config, simulator.spec(), 0, 3).is_err());
    }
}

#[test]
fn action_opponents_of_weight_zero_are_ddpg_bit_for_bit() {
    let simulator = simulator(TaskName::HOPPER, &[]);
    let config = DdpgConfig {
        rounds: 3,
        warm_up: 40,
        replay: 1000,
        minibatch: 16,
        hidden: vec![16],
        ..DdpgConfig::default()
    };
    let ddpg = || Ddpg::new(config.clone(), simulator.spec(), 0, 3).unwrap();
    let alone = play(&simulator, &mut ddpg(), &mut Nominal, 0..3);
    for mode in [Mode::TakeOver, Mode::Blend] {
        let action = |alpha| Action::new(ActionConfig { mode, alpha, ..ActionConfig::default() }).unwrap();
        assert_eq!(alone, play(&simulator, &mut ddpg(), &mut action(0.0), 0..3), "{mode:?}");
        assert_ne!(alone, play(&simulator, &mut ddpg(), &mut action(0.1), 0..3), "{mode:?}");
    }
}

#[test]
fn epopt_that_keeps_all_episodes_is_ppo_uniform_bit_for_bit() {
    let simulator = simulator(TaskName::CARTPOLE, &["pole_half_length"]);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let pairs = PairsConfig { count: 50, pool: 200, ..PairsConfig::default() };
    let config = BallConfig { half_width: Some(0.5), pairs, ..BallConfig::default() };
    let estimate = BallEstimate::new(&mut executor, &config, 3).unwrap();
    let ball = estimate.ball(simulator.space(), &config).unwrap();
    let ppo = || {
        let config = PpoConfig { episodes: 20, minibatches: 4, epochs: 2, ..PpoConfig::default() };
        Ppo::new(config, simulator.spec(), 1, 3).unwrap()
    };
    let common = AdversaryConfig::default();
    let cvar = |fraction, after| {
        let config = CvarConfig { fraction, after: Some(after), ..CvarConfig::default() };
        Cvar::new(Uniform::new(ball.clone(), common).unwrap(), config).unwrap()
    };
    let mut uniform = Uniform::new(ball.clone(), common).unwrap();
    let plain = play(&simulator, &mut ppo(), &mut uniform, 0..4);
    assert_eq!(plain, play(&simulator, &mut ppo(), &mut cvar(1.0, 0), 0..4));
    assert_eq!(plain, play(&simulator, &mut ppo(), &mut cvar(0.1, 100), 0..4), "while all are kept");
    assert_ne!(plain, play(&simulator, &mut ppo(), &mut cvar(0.1, 2), 0..4));

    for fraction in [0.0, -0.1, 1.1, f64::NAN] {
        let config = CvarConfig { fraction, ..CvarConfig::default() };
        assert!(Cvar::new(uniform.clone(), config).is_err(), "{fraction}");
    }
    let region = RegionConfig { shape: Shape::Box, half_width: 0.3, ..RegionConfig::default() };
    let bounds = region.bounds(simulator.space()).unwrap().unwrap();
    let mut adversary = Uniform::in_box(bounds, common).unwrap();
    let turn = Turn { seed: 3, index: 0, progress: 0.0, current: &[0.0] };
    let choice = adversary.choose(&turn, ppo().actor(), &mut executor).unwrap();
    assert_eq!((choice.report.epsilon, choice.simulator_steps), (None, 0));
    let mut seen = Vec::new();
    for episode in 0..200 {
        let mut z = [0.0];
        wr2l_rl::DynamicsSource::z(&choice.source, 1, episode, &mut z);
        seen.push(z[0]);
    }
    assert!(seen.iter().all(|z| z.abs() <= 0.3));
    assert!(seen.iter().any(|z| *z > 0.27) && seen.iter().any(|z| *z < -0.27));
}
