use super::*;
use crate::ddpg::half::{add_noise, draw_noise};
use crate::ddpg::halves::Climb;
use crate::ddpg::replay::Draw;
use crate::{Executor, Fixed, Interference, Threads};
use wr2l_rng::Stream;
use wr2l_sim::{Divergence, Simulator, Task, TaskName};

mod game;
mod halved;
mod steps;

pub(super) use steps::{draw, drawn, halved, learn, targets_of, update};

pub(super) fn simulator(task: TaskName) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select::<&str>(&[]).unwrap();
    Simulator::new(task, None, space).unwrap()
}

pub(super) fn small() -> DdpgConfig {
    DdpgConfig {
        lanes: 3,
        horizon: 7,
        rounds: 4,
        warm_up: 30,
        replay: 500,
        minibatch: 16,
        hidden: vec![16, 9],
        ..DdpgConfig::default()
    }
}

fn small_td3() -> DdpgConfig {
    let DdpgConfig { twin_critics, target_noise, actor_every, .. } = DdpgConfig::td3();
    DdpgConfig { twin_critics, target_noise, actor_every, ..small() }
}

pub(super) fn ddpg(simulator: &Simulator, config: DdpgConfig) -> Ddpg {
    Ddpg::new(config, simulator.spec(), simulator.space().dim(), 1).unwrap()
}

pub(super) fn improve(
    learner: &mut Ddpg,
    executor: &mut dyn Executor,
    iteration: u64,
    opposition: Opposition<'_>,
) -> Improvement {
    let source = Fixed(Vec::new());
    let experience = Experience::alone(executor, &source, 1, iteration, 0.0);
    learner.improve(Experience { opposition, ..experience }).unwrap()
}

/// The learner after four iterations, as bits, and what it reported.
pub(super) fn trained(
    simulator: &Simulator,
    config: &DdpgConfig,
    opposition: Opposition<'_>,
    threads: usize,
    grouping: usize,
) -> (Vec<u32>, String) {
    let mut executor = Threads::with_lanes(simulator, threads, grouping).unwrap();
    let mut learner = ddpg(simulator, config.clone());
    let reports: Vec<_> = (0..4).map(|i| improve(&mut learner, &mut executor, i, opposition)).collect();
    let critics = learner.critic.nets().flat_map(|net| net.params().to_vec());
    let numbers: Vec<f32> = learner.actor.params().iter().copied().chain(critics).collect();
    let mut stored = Draw::default();
    learner.replay.draw(400, &mut StreamKey::new(1, Purpose::Test).stream(), &mut stored);
    let numbers = [numbers, stored.actions, stored.rewards, stored.next].concat();
    (numbers.iter().map(|p| p.to_bits()).collect(), format!("{reports:?}"))
}

pub(super) fn mixed(means: Interference) -> Opposition<'static> {
    Opposition::Mixed(Mixing { means, every: 3, in_turn: false, explores: true })
}

#[test]
fn the_same_bits_for_any_threads_and_grouping() {
    let simulator = simulator(TaskName::HOPPER);
    for config in [small(), small_td3()] {
        for opposition in [Opposition::Nobody, mixed(Interference::TakeOver { alpha: 0.2 })] {
            let reference = trained(&simulator, &config, opposition, 1, 1);
            for (threads, grouping) in [(2, 1), (1, 3), (2, 2)] {
                assert!(reference == trained(&simulator, &config, opposition, threads, grouping));
            }
        }
    }
}

/// A lane of five transitions of the pendulum whose outcomes are given; observation t is filled with t, the
/// successors with 100 and up.
fn lane(learner: &Ddpg, outcomes: [Outcome; 5]) -> LaneBatch {
    let n = learner.actor.obs_dim();
    let row = |x: usize| vec![x as f32; n];
    let steps: Vec<usize> = (0..5)
        .filter(|&t| outcomes[t] == Outcome::Truncated || (t == 4 && outcomes[t] == Outcome::Running))
        .collect();
    LaneBatch {
        inputs: (0..5).flat_map(row).collect(),
        actions: vec![-3.0, 0.25, 0.5, 1.0, 7.0],
        log_probs: vec![0.0; 5],
        rewards: (0..5).map(f64::from).collect(),
        outcomes: outcomes.to_vec(),
        successors: (0..steps.len()).flat_map(|i| row(100 + i)).collect(),
        successor_steps: steps,
        dynamics: Vec::new(),
        finished: Vec::new(),
        dropped: 0,
        obs_moments: wr2l_nn::RunningMoments::new(n),
        ..LaneBatch::empty()
    }
}

/// What is stored of a lane, by reward: action, first coordinate of the next observation, whether it goes on.
fn stored(outcomes: [Outcome; 5]) -> Vec<(f32, f32, f32, f32)> {
    let simulator = simulator(TaskName::INVERTED_PENDULUM);
    let mut learner = ddpg(&simulator, small());
    learner.batch = vec![lane(&learner, outcomes)];
    store(&learner.batch, &learner.actor, &mut learner.replay);
    let mut draw = Draw::default();
    learner.replay.draw(300, &mut StreamKey::new(1, Purpose::Test).stream(), &mut draw);
    let n = learner.actor.obs_dim();
    let mut seen: Vec<_> =
        (0..300).map(|i| (draw.rewards[i], draw.actions[i], draw.next[i * n], draw.goes_on[i])).collect();
    seen.sort_by(|a, b| a.0.total_cmp(&b.0));
    seen.dedup();
    seen
}

#[test]
fn a_time_limit_goes_on_with_its_last_state_and_a_terminal_state_does_not() {
    use Outcome::{Running, Terminated, Truncated};
    assert_eq!(
        stored([Running, Truncated, Terminated, Truncated, Running]),
        [
            (0.0, -1.0, 1.0, 1.0),
            (1.0, 0.25, 100.0, 1.0),
            (2.0, 0.5, 2.0, 0.0),
            (3.0, 1.0, 101.0, 1.0),
            (4.0, 1.0, 102.0, 1.0),
        ]
    );
}

#[test]
fn a_diverged_step_is_never_stored() {
    use Outcome::{Diverged, Running};
    let diverged = Diverged(Divergence::State);
    let rewards: Vec<f32> =
        stored([diverged, Running, Running, diverged, Running]).iter().map(|row| row.0).collect();
    assert_eq!(rewards, [1.0, 2.0, 4.0]);
}

#[test]
fn critic_targets_bootstrap_through_time_limits() {
    // One state, reward 1, γ = ½: worth 1/(1 − γ) = 2 where the time limit ends it, and 1 where it is terminal.
    let simulator = simulator(TaskName::INVERTED_PENDULUM);
    let value = |outcome| {
        let config = DdpgConfig { gamma: 0.5, tau: 0.05, critic_learning_rate: 3e-3, ..small() };
        let mut learner = ddpg(&simulator, config);
        let mut lane = lane(&learner, [outcome; 5]);
        lane.inputs.fill(0.3);
        lane.successors.fill(0.3);
        lane.rewards.fill(1.0);
        lane.actions.fill(0.0);
        learner.batch = vec![lane];
        store(&learner.batch, &learner.actor, &mut learner.replay);
        // The actor stays where it is, so that the action of the data is the one that is valued.
        learner.config.actor_learning_rate = 0.0;
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let mut q = 0.0;
        for _ in 0..3000 {
            q = update(&mut learner, None, &mut stream).q;
        }
        q
    };
    let (limited, terminal) = (value(Outcome::Truncated), value(Outcome::Terminated));
    assert!((limited - 2.0).abs() < 0.1, "{limited}");
    assert!((terminal - 1.0).abs() < 0.05, "{terminal}");
}

#[test]
fn the_actor_climbs_the_critic_and_the_opponent_descends_it() {
    let simulator = simulator(TaskName::HOPPER);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    for means in [Interference::TakeOver { alpha: 0.3 }, Interference::Blend { alpha: 0.3 }] {
        let mut learner = ddpg(&simulator, DdpgConfig { warm_up: 60, ..small() });
        improve(&mut learner, &mut executor, 0, mixed(means));
        draw(&mut learner, &mut StreamKey::new(1, Purpose::Test).stream());
        let blended = matches!(means, Interference::Blend { .. });
        // The mean of Q where one acts, the other blended in with this weight.
        let worth = |learner: &mut Ddpg, agent: bool, change: bool| {
            let weight = if agent { 0.3 } else { 0.7 };
            learner.config.actor_learning_rate = if change { 1e-4 } else { 0.0 };
            let climb = Climb { agent, other: blended.then_some(weight), share: 1.0 - weight };
            halved(learner, |parts, lead| parts.climb(lead, climb, false));
            let values: Vec<f32> =
                learner.halves.iter().flat_map(|half| half.last_values().to_vec()).collect();
            values.iter().map(|q| f64::from(*q)).sum::<f64>() / values.len() as f64
        };
        let before = worth(&mut learner, true, true);
        let after = worth(&mut learner, true, false);
        assert!(after > before, "{means:?}: {before} to {after}");
        let before = worth(&mut learner, false, true);
        let after = worth(&mut learner, false, false);
        assert!(after < before, "{means:?}: {before} to {after}");
    }
}

#[test]
fn actions_stay_within_their_bounds_and_the_warm_up_fills_them() {
    let simulator = simulator(TaskName::INVERTED_PENDULUM);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let config = DdpgConfig { warm_up: 2000, replay: 5000, rounds: 100, ..small() };
    let mut learner = ddpg(&simulator, config);
    let before = learner.actor.params().to_vec();
    let report = improve(&mut learner, &mut executor, 0, Opposition::Nobody);
    assert_eq!((report.transitions, report.skipped), (2100, None));
    assert_ne!(before, learner.actor.params());
    let mut draw = Draw::default();
    learner.replay.draw(5000, &mut StreamKey::new(1, Purpose::Test).stream(), &mut draw);
    let mean = draw.actions.iter().map(|a| f64::from(*a)).sum::<f64>() / 5000.0;
    let square = draw.actions.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>() / 5000.0;
    assert!(draw.actions.iter().all(|a| (-1.0..=1.0).contains(a)));
    assert!(mean.abs() < 0.08 && (square - 1.0 / 3.0).abs() < 0.06, "uniform: {mean} {square}");
    // The pendulum's force lies in ±3: the policy's ±1 is scaled.
    let mut action = [0.0];
    learner.actor.clip(&[0.5], &mut action);
    assert_eq!(action, [1.5]);
    learner.actor.clip(&[-7.0], &mut action);
    assert_eq!(action, [-3.0]);
}

#[test]
fn a_task_of_choices_is_refused_with_a_sentence() {
    let simulator = simulator(TaskName::CARTPOLE);
    let error = Ddpg::new(small(), simulator.spec(), 0, 1).unwrap_err();
    assert!(error.to_string().contains("choices"), "{error}");
}

#[test]
fn a_restored_learner_goes_on_bit_for_bit() {
    let simulator = simulator(TaskName::HOPPER);
    let configs = [small(), small_td3()];
    for (config, opposition) in configs.iter().flat_map(|config| {
        [(config, Opposition::Nobody), (config, mixed(Interference::Blend { alpha: 0.2 }))]
    }) {
        let mut executor = Threads::new(&simulator, 1).unwrap();
        let mut learner = ddpg(&simulator, config.clone());
        (0..2).for_each(|i| drop(improve(&mut learner, &mut executor, i, opposition)));
        let mut state = State::default();
        learner.save(&mut state);
        let mut state = state.into_owned();
        let mut other = ddpg(&simulator, config.clone());
        other.restore(&mut state).unwrap();
        state.finish().unwrap();
        let (a, b) = (
            improve(&mut learner, &mut executor, 2, opposition),
            improve(&mut other, &mut executor, 2, opposition),
        );
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        assert_eq!(learner.actor.params(), other.actor.params());
        assert!(learner.critic.nets().map(Net::params).eq(other.critic.nets().map(Net::params)));
    }
}

#[test]
fn weights_that_are_no_numbers_are_an_error_and_the_policy_stays() {
    let simulator = simulator(TaskName::HOPPER);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut learner = ddpg(&simulator, small());
    improve(&mut learner, &mut executor, 0, Opposition::Nobody);
    let before = learner.actor.params().to_vec();
    learner.config.critic_learning_rate = f64::INFINITY;
    let source = Fixed(Vec::new());
    let error = learner.improve(Experience::alone(&mut executor, &source, 1, 1, 0.0)).unwrap_err();
    assert!(matches!(error, RlError::NotFinite { iteration: 1, .. }));
    assert_eq!(before, learner.actor.params());
}

/// A learner after its first iteration, with a minibatch drawn.
pub(super) fn begun(simulator: &Simulator, config: DdpgConfig) -> Ddpg {
    let mut executor = Threads::new(simulator, 1).unwrap();
    let mut learner = ddpg(simulator, config);
    let source = Fixed(vec![0.0; simulator.space().dim()]);
    learner.improve(Experience::alone(&mut executor, &source, 1, 0, 0.0)).unwrap();
    draw(&mut learner, &mut StreamKey::new(1, Purpose::Test).stream());
    learner
}

#[test]
fn as_many_updates_as_may_be_are_not_too_many_and_td3_tells_its_critics_the_dynamics() {
    assert!(DdpgConfig { updates: 1e3, ..small() }.validate().is_ok());
    assert!(DdpgConfig { updates: 1e3 + 0.5, ..small() }.validate().is_err());
    let td3 = DdpgConfig::td3();
    assert!(td3.twin_critics && td3.critic_sees_dynamics && td3.target_noise > 0.0 && td3.actor_every == 2);
}

#[test]
fn losses_are_means_over_the_updates() {
    let simulator = simulator(TaskName::INVERTED_PENDULUM);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut learner = ddpg(&simulator, small());
    for iteration in 0..3 {
        let report = improve(&mut learner, &mut executor, iteration, Opposition::Nobody);
        // Rewards are 1 a step, and values grow slowly towards their sums.
        assert!((0.0..5.0).contains(&report.value_loss), "{report:?}");
        assert!(report.policy_loss.abs() < 5.0, "{report:?}");
    }
}

#[test]
fn the_gradient_of_the_policy_is_the_mean_over_the_minibatch() {
    let simulator = simulator(TaskName::HOPPER);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut learner = ddpg(&simulator, DdpgConfig { warm_up: 60, ..small() });
    improve(&mut learner, &mut executor, 0, Opposition::Nobody);
    learner.config.actor_learning_rate = 0.0;
    let gradient = |learner: &mut Ddpg, rows: usize, places: Option<Vec<usize>>| {
        learner.config.minibatch = rows;
        draw(learner, &mut StreamKey::new(1, Purpose::Test).stream());
        if let Some(places) = places {
            learner.halves.iter_mut().for_each(|half| half.places.clone_from(&places));
            halved(learner, |parts, _| parts.gather());
        }
        let climb = Climb { agent: true, other: None, share: 1.0 };
        halved(learner, |parts, lead| parts.climb(lead, climb, false));
        learner.mover.gradient().to_vec()
    };
    let once = gradient(&mut learner, 8, None);
    let [first, second] = &learner.halves;
    assert_eq!((first.places.len(), second.places.len()), (8, 0));
    let places = first.places.clone();
    let twice = gradient(&mut learner, 16, Some(places));
    let size = once.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
    assert!(size > 0.0);
    assert!(once.iter().zip(&twice).all(|(a, b)| (a - b).abs() < 1e-4 * size), "{once:?} {twice:?}");
}

#[test]
fn targets_are_made_with_the_lower_of_two_critics_that_differ() {
    let simulator = simulator(TaskName::HOPPER);
    let mut learner = begun(&simulator, DdpgConfig { target_noise: 0.0, ..small_td3() });
    // Critics that do not move.
    learner.config.critic_learning_rate = 0.0;
    let mut stream = StreamKey::new(1, Purpose::Test).stream();
    let both = learn(&mut learner, None, &mut stream);
    let targets = targets_of(&learner);
    learner.config.target_noise = 0.2;
    learn(&mut learner, None, &mut stream);
    assert_ne!(targets, targets_of(&learner), "noise goes to the actions that targets are made with");
    learner.config.target_noise = 0.0;
    let twin = learner.critic.twin.take().unwrap();
    learn(&mut learner, None, &mut stream);
    let first = targets_of(&learner);
    learner.critic.net = twin;
    learn(&mut learner, None, &mut stream);
    let second = targets_of(&learner);
    let lower: Vec<f32> = first.iter().zip(&second).map(|(a, b)| a.min(*b)).collect();
    assert_eq!(targets, lower);
    assert!(lower != first && lower != second, "neither is the lower one everywhere");
    assert!(both.loss.is_finite() && both.q.is_finite());
}

fn smooth(config: &DdpgConfig, stream: &mut Stream, actions: &mut [f32]) {
    let mut noise = vec![9.0; 3];
    draw_noise(config, actions.len(), stream, &mut noise);
    assert_eq!(noise.len(), actions.len());
    add_noise(&noise, actions);
}

#[test]
fn the_noise_of_targets_has_its_bounds_and_no_bias() {
    let config = DdpgConfig { target_noise: 0.2, target_noise_clip: 0.3, ..small() };
    let mut stream = StreamKey::new(1, Purpose::Test).stream();
    let mut actions = vec![0.5; 20_000];
    smooth(&config, &mut stream, &mut actions);
    assert!(actions.iter().all(|a| (a - 0.5).abs() < 0.3 + 1e-6));
    assert!(actions.iter().any(|a| *a < 0.2 + 1e-6) && actions.iter().any(|a| *a > 0.8 - 1e-6));
    let mean = actions.iter().map(|a| f64::from(*a)).sum::<f64>() / actions.len() as f64;
    assert!((mean - 0.5).abs() < 0.005, "{mean}");
    let mut actions = vec![0.9; 1000];
    smooth(&config, &mut stream, &mut actions);
    assert!(
        actions.contains(&1.0) && actions.iter().all(|a| *a <= 1.0),
        "no action beyond what the robot can do"
    );
}

fn slow_copies(learner: &Ddpg) -> Vec<f32> {
    [&learner.mover].into_iter().chain(learner.critic.nets()).flat_map(|net| net.slow().to_vec()).collect()
}

#[test]
fn the_opponent_moves_once_in_so_many_moves_of_the_actor() {
    let simulator = simulator(TaskName::HOPPER);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut learner = ddpg(&simulator, small_td3());
    let mixing =
        Mixing { means: Interference::TakeOver { alpha: 0.3 }, every: 3, in_turn: false, explores: true };
    improve(&mut learner, &mut executor, 0, Opposition::Mixed(mixing));
    let mut moves = |mixing: Mixing| {
        learner.updates = 0;
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let movers = |learner: &Ddpg| {
            (learner.mover.params().to_vec(), learner.opponent.as_ref().unwrap().mover.params().to_vec())
        };
        let (mut agents, mut opponents) = (Vec::new(), Vec::new());
        for step in 1..=18 {
            let before = movers(&learner);
            update(&mut learner, Some(mixing), &mut stream);
            let after = movers(&learner);
            agents.extend((before.0 != after.0).then_some(step));
            opponents.extend((before.1 != after.1).then_some(step));
        }
        (agents, opponents)
    };
    // The actor moves in every second step.
    assert_eq!(moves(mixing), (vec![2, 4, 6, 8, 10, 12, 14, 16, 18], vec![6, 12, 18]));
    let in_turn = Mixing { in_turn: true, ..mixing };
    assert_eq!(moves(in_turn), (vec![4, 6, 8, 12, 14, 16], vec![2, 10, 18]), "one of four turns");
}

#[test]
fn the_actor_waits_its_turn_and_a_fraction_of_a_step_a_transition_is_kept() {
    let simulator = simulator(TaskName::HOPPER);
    let mut learner = begun(&simulator, DdpgConfig { actor_every: 3, updates: 0.4, ..small() });
    // Four rounds of 21 transitions; warm after the second.
    assert_eq!(learner.updates, 3 * 8);
    let mut stream = StreamKey::new(1, Purpose::Test).stream();
    let moves: Vec<(bool, bool)> = (0..6)
        .map(|_| {
            let before = (learner.mover.params().to_vec(), learner.critic.net.params().to_vec());
            let slow = slow_copies(&learner);
            update(&mut learner, None, &mut stream);
            let moved = before.0 != learner.mover.params();
            assert_eq!(moved, slow != slow_copies(&learner), "the slow copies follow when the actor moves");
            (moved, before.1 != learner.critic.net.params())
        })
        .collect();
    let every_third = [(false, true), (false, true), (true, true)];
    assert_eq!(moves, [every_third, every_third].concat());
}

#[test]
fn a_critic_that_sees_the_dynamics_tells_them_apart_and_the_policy_does_not() {
    // One state and one action, worth as much as its dynamics say; episodes end at once.
    let task = Task::new(TaskName::HOPPER);
    let space = task.space().select(&["friction"]).unwrap();
    let simulator = Simulator::new(task, None, space).unwrap();
    let spread = |critic_sees_dynamics| {
        let config = DdpgConfig { critic_sees_dynamics, critic_learning_rate: 3e-3, ..small_td3() };
        let mut learner = ddpg(&simulator, config);
        assert_eq!(learner.actor.obs_dim(), simulator.spec().obs_dim, "the policy is told nothing");
        let mut lane = lane(&learner, [Outcome::Terminated; 5]);
        let (n, m) = (learner.actor.obs_dim(), learner.actor.act_dim());
        lane.inputs = vec![0.3; 5 * n];
        lane.actions = vec![0.0; 5 * m];
        lane.dynamics = vec![-1.0, -0.5, 0.0, 0.5, 1.0];
        lane.rewards = lane.dynamics.iter().map(|z| f64::from(*z)).collect();
        learner.batch = vec![lane];
        store(&learner.batch, &learner.actor, &mut learner.replay);
        learner.config.actor_learning_rate = 0.0;
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let losses: Vec<f64> = (0..2000).map(|_| update(&mut learner, None, &mut stream).loss).collect();
        losses[1900..].iter().sum::<f64>() / 100.0
    };
    // The value of the next state is that under the transition's dynamics.
    let targets = |z: f32| {
        let mut learner =
            begun(&simulator, DdpgConfig { target_noise: 0.0, critic_sees_dynamics: true, ..small_td3() });
        learner.config.critic_learning_rate = 0.0;
        learner.halves.iter_mut().for_each(|half| half.draw.dynamics.fill(z));
        learn(&mut learner, None, &mut StreamKey::new(1, Purpose::Test).stream());
        targets_of(&learner)
    };
    assert_ne!(targets(-0.5), targets(0.5));
    // ½ of the variance of the rewards, 0.5, is what nobody knows who is not told.
    let (told, untold) = (spread(true), spread(false));
    assert!(told < 1e-3, "{told}");
    assert!((untold - 0.25).abs() < 0.05, "{untold}");
}

#[test]
fn each_refuses_what_it_cannot_learn_from_in_its_own_name() {
    let simulator = simulator(TaskName::INVERTED_PENDULUM);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let source = Fixed(Vec::new());
    for (config, called) in [(small(), "`ddpg`"), (small_td3(), "`td3`")] {
        let experience = Experience::alone(&mut executor, &source, 5, 0, 0.0);
        let selection = crate::Selection { fraction: 0.5, ..crate::Selection::default() };
        let error = ddpg(&simulator, config).improve(Experience { selection, ..experience }).unwrap_err();
        assert!(error.to_string().contains(called), "{error}");
    }
}
