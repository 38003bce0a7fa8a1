//! Who else acts, and which episodes are learnt from.

use wr2l_nn::{Normaliser, Policy};
use wr2l_rl::{
    Acting, Actor, Begin, CollectOptions, Disturbance, Executor, Experience, Fixed, Improvement,
    Interference, LaneBatch, Lanes, Learner, Mixing, Opposition, Player, Players, Ppo, PpoConfig, RlError,
    Selection, Stretch, Threads, Trpo, TrpoConfig,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, Simulator, Task, TaskName};

fn simulator(task: TaskName) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select::<&str>(&[]).unwrap();
    Simulator::new(task, None, space).unwrap()
}

/// A random policy whose actions push the bodies of the task.
fn pusher(simulator: &Simulator) -> Actor {
    let (obs_dim, forces) = (simulator.spec().obs_dim, 2 * simulator.spec().forces.len());
    let policy = Policy::gaussian(obs_dim, &[16], forces).unwrap();
    let mut params = vec![0.0; policy.parameters()];
    policy.initialise(&mut StreamKey::new(4, Purpose::Test).stream(), &mut params);
    let actions = ActionSpace::Continuous { low: vec![-1.0; forces], high: vec![1.0; forces] };
    Actor::new(policy, params, Normaliser::identity(obs_dim), actions).unwrap()
}

fn bits(actor: &Actor) -> Vec<u32> {
    actor.params().iter().map(|p| p.to_bits()).collect()
}

fn train(
    learner: &mut dyn Learner,
    executor: &mut dyn Executor,
    opposition: Opposition<'_>,
    selection: Selection,
) -> Vec<Improvement> {
    let source = Fixed(Vec::new());
    (0..4)
        .map(|iteration| {
            let experience = Experience::alone(executor, &source, 5, iteration, 0.0);
            learner.improve(Experience { opposition, selection, ..experience }).unwrap()
        })
        .collect()
}

fn trpo(simulator: &Simulator) -> Trpo {
    let config = TrpoConfig { lanes: 3, horizon: 90, ..TrpoConfig::default() };
    Trpo::new(config, simulator.spec(), 0, 5).unwrap()
}

#[test]
fn a_learner_pushed_with_bound_zero_is_the_learner_alone_bit_for_bit() {
    for task in [TaskName::INVERTED_PENDULUM, TaskName::HOPPER, TaskName::WALKER2D, TaskName::HALF_CHEETAH] {
        let simulator = simulator(task);
        let by = pusher(&simulator);
        let run = |opposition: Opposition<'_>| {
            let mut executor = Threads::new(&simulator, 1).unwrap();
            let mut learner = trpo(&simulator);
            let reports = train(&mut learner, &mut executor, opposition, Selection::default());
            (bits(learner.actor()), reports)
        };
        let alone = run(Opposition::Nobody);
        assert!(alone == run(Opposition::Pushed { by: &by, bound: 0.0 }), "{task}");
        assert!(
            alone.0 != run(Opposition::Pushed { by: &by, bound: 5.0 }).0,
            "{task}: a push changes something"
        );
    }
}

fn disturbed(
    simulator: &Simulator,
    threads: usize,
    grouping: usize,
    learner: Player,
    means: Interference,
) -> Vec<LaneBatch> {
    let agent = trpo(simulator).actor().clone();
    let by = match means {
        Interference::Force { .. } => pusher(simulator),
        _ => Trpo::new(TrpoConfig::default(), simulator.spec(), 0, 77).unwrap().actor().clone(),
    };
    let mut executor = Threads::with_lanes(simulator, threads, grouping).unwrap();
    let mut lanes = Lanes::new(5, simulator.spec(), 0);
    let mut batch = Vec::new();
    for (iteration, acting) in [Acting::Random, Acting::Sample].into_iter().enumerate() {
        let stretch = Stretch::Steps(60);
        let options = CollectOptions {
            seed: 3,
            iteration: iteration as u64,
            stretch,
            discount: 0.99,
            acting,
            random_actions: 0.0,
        };
        let players = Players {
            agent: &agent,
            disturbance: Some(Disturbance { actor: &by, means, explores: true }),
            learner,
        };
        executor.collect(players, &Fixed(Vec::new()), &mut lanes, options, &mut batch).unwrap();
    }
    batch
}

#[test]
fn disturbed_batches_have_the_same_bits_for_any_threads_and_grouping() {
    let simulator = simulator(TaskName::HOPPER);
    for means in [
        Interference::Force { bound: 3.0 },
        Interference::TakeOver { alpha: 0.3 },
        Interference::Blend { alpha: 0.3 },
    ] {
        let reference = disturbed(&simulator, 1, 1, Player::Agent, means);
        for (threads, grouping) in [(2, 1), (1, 5), (2, 2)] {
            assert!(reference == disturbed(&simulator, threads, grouping, Player::Agent, means), "{means:?}");
        }
    }
}

/// Two batches of the same lanes, with a share of actions at random.
fn by_chance(
    simulator: &Simulator,
    agent: &Actor,
    (lanes, steps): (usize, usize),
    random_actions: f64,
    threads: usize,
) -> Vec<LaneBatch> {
    let mut executor = Threads::with_lanes(simulator, threads, threads).unwrap();
    let mut lanes = Lanes::new(lanes, simulator.spec(), 0);
    let mut batches = Vec::new();
    for iteration in 0..2 {
        let options = CollectOptions {
            seed: 3,
            iteration,
            stretch: Stretch::Steps(steps),
            discount: 0.99,
            acting: Acting::Sample,
            random_actions,
        };
        let mut batch = Vec::new();
        executor.collect(Players::alone(agent), &Fixed(Vec::new()), &mut lanes, options, &mut batch).unwrap();
        batches.extend(batch);
    }
    batches
}

#[test]
fn where_nothing_but_chance_acts_the_robot_goes_the_same_way_for_every_agent() {
    for task in [TaskName::HALF_CHEETAH, TaskName::CARTPOLE] {
        let simulator = simulator(task);
        let [one, other] = [5, 77]
            .map(|seed| Trpo::new(TrpoConfig::default(), simulator.spec(), 0, seed).unwrap().actor().clone());
        let batches = |agent, share, threads| by_chance(&simulator, agent, (5, 60), share, threads);
        assert!(batches(&one, 0.0, 1) != batches(&one, 0.3, 1), "{task}");
        assert!(batches(&one, 0.3, 1) == batches(&one, 0.3, 2), "{task}: the same bits for any threads");
        for (a, b) in batches(&one, 1.0, 1).iter().zip(&batches(&other, 1.0, 1)) {
            assert_eq!(a.inputs, b.inputs, "{task}");
            assert_eq!(a.rewards, b.rewards, "{task}");
            // What is recorded is the agent's own.
            assert_ne!(a.log_probs, b.log_probs, "{task}");
        }
    }
}

#[test]
fn chance_acts_in_as_many_steps_as_asked_and_every_action_recorded_is_the_agents() {
    let simulator = simulator(TaskName::HALF_CHEETAH);
    let agent = trpo(&simulator).actor().clone();
    let [without, with] = [0.0, 0.1].map(|share| by_chance(&simulator, &agent, (2000, 1), share, 1));
    // First steps: all else is the same, so that the reward is another one where chance acted.
    let firsts = || without.iter().zip(&with).take(2000);
    assert!(firsts().all(|(a, b)| a.actions == b.actions && a.log_probs == b.log_probs));
    let changed = firsts().filter(|(a, b)| a.rewards != b.rewards).count();
    // Binomial(2000, 0.1): five standard deviations are 67.
    assert!((133..=267).contains(&changed), "{changed}");
}

#[test]
fn the_opponent_learns_from_its_own_actions_and_the_opposite_of_the_reward() {
    let simulator = simulator(TaskName::HALF_CHEETAH);
    let batch = disturbed(&simulator, 1, 1, Player::Opponent, Interference::Force { bound: 3.0 });
    let forces = 2 * simulator.spec().forces.len();
    for lane in &batch {
        assert_eq!((lane.actions.len(), lane.log_probs.len()), (60 * forces, 60));
        assert!(lane.log_probs.iter().all(|p| p.is_finite() && *p < 0.0));
        let by = pusher(&simulator);
        let mut cache = by.policy().cache(60);
        by.policy().forward(by.params(), &lane.inputs, &mut cache);
        by.policy().evaluate(by.params(), &lane.actions, &mut cache);
        for (own, said) in cache.log_probs().iter().zip(&lane.log_probs) {
            assert!((own - said).abs() < 1e-3, "{own} {said}");
        }
    }
    // A walker pays 1 a step for being healthy; its opponent is paid −1.
    let simulator = self::simulator(TaskName::WALKER2D);
    let batch = disturbed(&simulator, 1, 1, Player::Opponent, Interference::Force { bound: 0.0 });
    let sum: f64 = batch.iter().flat_map(|lane| &lane.rewards).sum();
    assert!(sum < 0.0, "{sum}");
}

#[test]
fn whole_episodes_are_whole() {
    let simulator = simulator(TaskName::CARTPOLE);
    let agent = Trpo::new(TrpoConfig::default(), simulator.spec(), 0, 5).unwrap().actor().clone();
    let mut executor = Threads::with_lanes(&simulator, 2, 3).unwrap();
    let mut lanes = Lanes::new(7, simulator.spec(), 0);
    let mut batch = Vec::new();
    for iteration in 0..2 {
        let stretch = Stretch::Episode;
        let acting = Acting::Sample;
        let options =
            CollectOptions { seed: 3, iteration, stretch, discount: 0.99, acting, random_actions: 0.0 };
        executor
            .collect(Players::alone(&agent), &Fixed(Vec::new()), &mut lanes, options, &mut batch)
            .unwrap();
        for (lane, state) in batch.iter().zip(&lanes.states) {
            assert_eq!((lane.finished.len(), lane.dropped), (1, 0));
            assert_eq!(lane.finished[0].length as usize, lane.rewards.len());
            assert!(lane.outcomes[lane.outcomes.len() - 1].is_over());
            assert!(lane.outcomes[..lane.outcomes.len() - 1].iter().all(|o| !o.is_over()));
            assert_eq!((state.episode, state.started), (iteration + 1, false));
        }
    }
}

fn ppo(simulator: &Simulator, episodes: usize) -> Ppo {
    let config = PpoConfig { episodes, minibatches: 4, epochs: 2, ..PpoConfig::default() };
    Ppo::new(config, simulator.spec(), 0, 5).unwrap()
}

#[test]
fn keeping_all_episodes_is_not_selecting_bit_for_bit_and_keeping_fewer_is_something_else() {
    let simulator = simulator(TaskName::CARTPOLE);
    let run = |selection| {
        let mut executor = Threads::new(&simulator, 1).unwrap();
        let mut learner = ppo(&simulator, 12);
        let reports = train(&mut learner, &mut executor, Opposition::Nobody, selection);
        assert!(reports.iter().all(|r| r.finished.len() == 12));
        bits(learner.actor())
    };
    let all = run(Selection::default());
    assert_eq!(all, run(Selection { fraction: 1.0, begin: Begin::Iteration(2) }));
    assert_eq!(
        all,
        run(Selection { fraction: 0.1, begin: Begin::Iteration(4) }),
        "all are kept during the first iterations"
    );
    assert_ne!(all, run(Selection { fraction: 0.1, begin: Begin::Iteration(3) }));
}

#[test]
fn a_selection_begins_with_the_batch_that_spends_its_share_of_the_steps() {
    let simulator = simulator(TaskName::CARTPOLE);
    let source = Fixed(Vec::new());
    let run = |name, fraction, share, progress, transition_share| {
        let mut executor = Threads::new(&simulator, 1).unwrap();
        let mut learner: Box<dyn Learner> = match name {
            "ppo" => Box::new(ppo(&simulator, 12)),
            _ => {
                let config = TrpoConfig { episodes: 12, ..TrpoConfig::default() };
                Box::new(Trpo::new(config, simulator.spec(), 0, 5).unwrap())
            }
        };
        let selection = Selection { fraction, begin: Begin::Share(share) };
        let experience = Experience::alone(&mut executor, &source, 5, 0, progress);
        let report = learner.improve(Experience { selection, transition_share, ..experience }).unwrap();
        (report.transitions, bits(learner.actor()))
    };
    for (name, progress) in [("ppo", 0.0), ("ppo", 0.5), ("trpo", 0.0), ("trpo", 0.5)] {
        let (transitions, all) = run(name, 1.0, 0.0, progress, 0.0);
        // The batch takes the run a quarter of its steps further.
        let each = 0.25 / transitions as f64;
        assert_eq!(run(name, 0.1, progress + 0.26, progress, each).1, all, "{name} from {progress}");
        assert_ne!(run(name, 0.1, progress + 0.24, progress, each).1, all, "{name} from {progress}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    let simulator = simulator(TaskName::HOPPER);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let source = Fixed(Vec::new());
    let mixed = Opposition::Mixed(Mixing {
        means: Interference::Blend { alpha: 0.1 },
        every: 10,
        in_turn: false,
        explores: true,
    });
    for learner in [&mut ppo(&simulator, 0) as &mut dyn Learner, &mut trpo(&simulator)] {
        let experience = Experience::alone(&mut executor, &source, 5, 0, 0.0);
        let error = learner.improve(Experience { opposition: mixed, ..experience }).unwrap_err();
        assert!(
            matches!(error, RlError::Opposition { .. }) && error.to_string().contains("`ddpg`"),
            "{error}"
        );
        let experience = Experience::alone(&mut executor, &source, 5, 0, 0.0);
        let selection = Selection { fraction: 0.5, begin: Begin::Iteration(0) };
        let error = learner.improve(Experience { selection, ..experience }).unwrap_err();
        assert!(error.to_string().contains(".episodes`"), "{error}");
    }
}
