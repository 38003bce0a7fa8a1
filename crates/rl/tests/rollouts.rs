//! Rollouts are pure functions: the same bits for any number of threads and any grouping of lanes.

use wr2l_rl::{
    Acting, Actor, CollectOptions, DynamicsSource, EpisodeJob, EpisodeOptions, Executor, Experience, Fixed,
    LaneBatch, Lanes, Learner, Players, Ppo, PpoConfig, StopFlag, Stretch, Threads,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{Outcome, SimError, Simulator, Task, TaskName};

fn simulator(task: TaskName, vary: &[&str]) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select(vary).unwrap();
    Simulator::new(task, None, space).unwrap()
}

fn actor(simulator: &Simulator) -> Actor {
    Ppo::new(PpoConfig::default(), simulator.spec(), simulator.space().dim(), 7).unwrap().actor().clone()
}

fn jobs(n: u64) -> Vec<EpisodeJob> {
    (0..n)
        .map(|i| EpisodeJob {
            dynamics: i as usize % 3,
            reset: StreamKey::new(1, Purpose::Reset).episode(i / 3),
            action: StreamKey::new(1, Purpose::Action).episode(i / 3),
        })
        .collect()
}

/// Other dynamics for every episode.
#[derive(Debug)]
struct Varied;

impl DynamicsSource for Varied {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let mut stream = StreamKey::new(5, Purpose::Dynamics).lane(lane).episode(episode).stream();
        for z in out {
            *z = stream.uniform(-0.3, 0.3);
        }
    }
}

#[test]
fn episodes_have_the_same_bits_for_any_threads_and_lanes() {
    for (task, vary) in [
        (TaskName::CARTPOLE, vec!["pole_half_length"]),
        (TaskName::HOPPER, vec!["torso_density", "friction"]),
        (TaskName::HALF_CHEETAH, vec!["friction"]),
    ] {
        let simulator = simulator(task, &vary);
        let actor = actor(&simulator);
        let dim = simulator.space().dim();
        let z: Vec<f64> = (0..3 * dim).map(|i| 0.1 * i as f64 - 0.2).collect();
        for stochastic in [true, false] {
            let options = EpisodeOptions { stochastic, discount: 0.99 };
            let run = |threads, lanes| {
                let mut executor = Threads::with_lanes(&simulator, threads, lanes).unwrap();
                executor.episodes(&actor, &z, &jobs(7), options).unwrap()
            };
            let reference = run(1, 1);
            assert!(reference.iter().all(|r| r.outcome.is_over() && r.length > 0));
            for (threads, lanes) in [(2, 1), (1, 3), (3, 2), (2, 16)] {
                assert_eq!(reference, run(threads, lanes), "{task} {threads} threads × {lanes} lanes");
            }
        }
    }
}

#[test]
fn episodes_under_common_streams_differ_by_their_dynamics_alone() {
    let simulator = simulator(TaskName::INVERTED_PENDULUM, &["pole_length"]);
    let actor = actor(&simulator);
    let mut executor = Threads::new(&simulator, 2).unwrap();
    let options = EpisodeOptions { stochastic: true, discount: 1.0 };
    let same = executor.episodes(&actor, &[0.5, 0.5, 0.5], &jobs(3), options).unwrap();
    assert!(same.iter().all(|r| *r == same[0]));
    let other = executor.episodes(&actor, &[0.5, 0.5, -0.5], &jobs(3), options).unwrap();
    assert_eq!(same[..2], other[..2]);
    assert_ne!(same[2], other[2]);
}

#[test]
fn undiscounted_returns_are_sums_of_rewards() {
    // The cart-pole pays 1 a step.
    let simulator = simulator(TaskName::CARTPOLE, &[]);
    let actor = actor(&simulator);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut job = jobs(1);
    job[0].dynamics = 0;
    let sum =
        executor.episodes(&actor, &[], &job, EpisodeOptions { stochastic: true, discount: 1.0 }).unwrap()[0];
    assert_eq!(sum.ret, f64::from(sum.length));
    let half =
        executor.episodes(&actor, &[], &job, EpisodeOptions { stochastic: true, discount: 0.5 }).unwrap()[0];
    assert_eq!(half.ret, 2.0 - 0.5_f64.powi(sum.length as i32 - 1));
}

#[test]
fn dynamics_outside_their_bounds_are_refused() {
    let simulator = simulator(TaskName::CARTPOLE, &["pole_half_length"]);
    let actor = actor(&simulator);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    for bad in [f64::NAN, f64::INFINITY, 1e6] {
        let options = EpisodeOptions { stochastic: true, discount: 1.0 };
        assert!(executor.episodes(&actor, &[0.0, 0.0, bad], &jobs(3), options).is_err(), "{bad}");
    }
}

/// Several batches in a row.
fn collect(
    simulator: &Simulator,
    threads: usize,
    grouping: usize,
    sources: &[&dyn DynamicsSource],
) -> (Lanes, Vec<Vec<LaneBatch>>) {
    let actor = actor(simulator);
    let mut executor = Threads::with_lanes(simulator, threads, grouping).unwrap();
    let mut lanes = Lanes::new(5, simulator.spec(), simulator.space().dim());
    let mut batches = Vec::new();
    for (iteration, source) in sources.iter().enumerate() {
        let options = CollectOptions {
            seed: 3,
            iteration: iteration as u64,
            stretch: Stretch::Steps(70),
            discount: 0.99,
            acting: Acting::Sample,
            random_actions: 0.0,
        };
        let mut batch = Vec::new();
        executor.collect(Players::alone(&actor), *source, &mut lanes, options, &mut batch).unwrap();
        batches.push(batch);
    }
    (lanes, batches)
}

#[test]
fn batches_have_the_same_bits_for_any_threads_and_grouping() {
    for (task, vary) in [
        (TaskName::CARTPOLE, vec!["pole_half_length"]),
        (TaskName::HOPPER, vec!["torso_density", "friction"]),
    ] {
        let simulator = simulator(task, &vary);
        let reference_dynamics = Fixed::reference(simulator.space());
        let sources: [&dyn DynamicsSource; 4] = [&reference_dynamics, &reference_dynamics, &Varied, &Varied];
        let reference = collect(&simulator, 1, 1, &sources);
        for (threads, grouping) in [(2, 1), (1, 5), (2, 2)] {
            let other = collect(&simulator, threads, grouping, &sources);
            assert!(reference == other, "{task}: {threads} threads, {grouping} lanes a simulator");
        }
    }
}

#[test]
fn a_batch_that_was_used_before_comes_out_like_a_new_one() {
    let simulator = simulator(TaskName::HOPPER, &["friction"]);
    let actor = actor(&simulator);
    let source = Fixed::reference(simulator.space());
    let run = |used: &[usize]| {
        let mut executor = Threads::with_lanes(&simulator, 2, 1).unwrap();
        let mut batch = Vec::new();
        let mut collect = |n, steps| {
            let mut lanes = Lanes::new(n, simulator.spec(), 1);
            let stretch = Stretch::Steps(steps);
            let options = CollectOptions {
                seed: 3,
                iteration: 0,
                stretch,
                discount: 0.99,
                acting: Acting::Sample,
                random_actions: 0.0,
            };
            executor.collect(Players::alone(&actor), &source, &mut lanes, options, &mut batch).unwrap();
            lanes
        };
        used.iter().for_each(|&n| drop(collect(n, 20 * n)));
        (collect(3, 50), batch)
    };
    assert!(run(&[]) == run(&[5, 1]), "more lanes and longer stretches, then fewer and shorter ones");
}

#[test]
fn a_lane_goes_on_where_the_batch_before_left_it() {
    // One long batch equals two short ones, but for the action noise, which is keyed by the batch: compare
    // deterministic quantities of a lane whose episode spans the seam.
    let simulator = simulator(TaskName::HALF_CHEETAH, &[]);
    let fixed = Fixed::reference(simulator.space());
    let (lanes, batches) = collect(&simulator, 2, 1, &[&fixed, &fixed]);
    for (lane, state) in lanes.states.iter().enumerate() {
        assert_eq!((state.episode, state.length), (0, 140), "half-cheetah never terminates");
        let rewards: f64 = batches.iter().flat_map(|b| &b[lane].rewards).sum();
        assert!((state.ret - rewards).abs() < 1e-9 * rewards.abs().max(1.0));
        let seam = &batches[0][lane];
        assert_eq!(seam.successor_steps, [69]);
        assert_eq!(
            seam.successors[..],
            batches[1][lane].inputs[..seam.successors.len()],
            "same state, seen twice"
        );
    }
}

#[test]
fn the_moments_of_discounted_returns_are_those_of_their_sums_since_each_episode_began() {
    let simulator = simulator(TaskName::HOPPER, &[]);
    let (_, batches) = collect(&simulator, 1, 1, &[&Fixed(Vec::new())]);
    for lane in &batches[0] {
        let (mut sum, mut all) = (0.0, Vec::new());
        for (reward, outcome) in lane.rewards.iter().zip(&lane.outcomes) {
            sum = 0.99 * sum + reward;
            all.push(sum);
            if outcome.is_over() {
                sum = 0.0;
            }
        }
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let moments = &lane.discounted_moments;
        assert_eq!(moments.count(), 70);
        assert!((moments.mean()[0] - mean).abs() < 1e-9, "{mean} {moments:?}");
    }
}

#[test]
fn only_a_source_that_says_so_has_one_point_for_all() {
    assert_eq!(Fixed(vec![0.5]).point(), Some(&[0.5][..]));
    assert_eq!(Varied.point(), None);
}

#[test]
fn an_episode_never_mixes_two_dynamics() {
    let simulator = simulator(TaskName::HALF_CHEETAH, &["friction"]);
    let (before, after) = (Fixed(vec![0.0]), Fixed(vec![0.5]));
    let (lanes, batches) = collect(&simulator, 1, 1, &[&before, &before, &after, &after]);
    let dropped = |batch: &[LaneBatch]| batch.iter().map(|lane| lane.dropped).collect::<Vec<_>>();
    assert_eq!(dropped(&batches[1]), [0; 5]);
    assert_eq!(dropped(&batches[2]), [1; 5], "the adversary moved");
    assert_eq!(dropped(&batches[3]), [0; 5]);
    assert!(lanes.states.iter().all(|s| s.episode == 1 && s.length == 140 && s.z == [0.5]));
}

#[test]
fn training_has_the_same_bits_for_any_threads_and_grouping() {
    let simulator = simulator(TaskName::INVERTED_PENDULUM, &["pole_length"]);
    let train = |threads, grouping| {
        let config = PpoConfig { lanes: 4, horizon: 64, minibatches: 8, ..PpoConfig::default() };
        let mut executor = Threads::with_lanes(&simulator, threads, grouping).unwrap();
        let mut ppo = Ppo::new(config, simulator.spec(), 1, 11).unwrap();
        for iteration in 0..4 {
            let progress = iteration as f64 / 4.0;
            ppo.improve(Experience::alone(&mut executor, &Varied, 11, iteration, progress)).unwrap();
        }
        let bits: Vec<u32> = ppo.actor().params().iter().map(|w| w.to_bits()).collect();
        (bits, ppo.actor().normaliser().clone())
    };
    let reference = train(1, 1);
    assert_eq!(reference, train(2, 1));
    assert_eq!(reference, train(3, 2));
    assert_eq!(reference, train(1, 4));
}

#[test]
fn ppo_learns_to_balance_the_cart_pole() {
    let simulator = simulator(TaskName::CARTPOLE, &[]);
    let mut executor = Threads::new(&simulator, 2).unwrap();
    let mut ppo =
        Ppo::new(PpoConfig { anneal: false, ..PpoConfig::default() }, simulator.spec(), 0, 1).unwrap();
    let source = Fixed::reference(simulator.space());
    for iteration in 0..20 {
        ppo.improve(Experience::alone(&mut executor, &source, 1, iteration, 0.0)).unwrap();
    }
    let jobs: Vec<EpisodeJob> = jobs(10).into_iter().map(|job| EpisodeJob { dynamics: 0, ..job }).collect();
    let options = EpisodeOptions { stochastic: false, discount: 1.0 };
    let results = executor.episodes(ppo.actor(), &[], &jobs, options).unwrap();
    let mean = results.iter().map(|r| r.ret).sum::<f64>() / results.len() as f64;
    assert!(mean > 400.0, "mean return {mean} of at most 500 after 40,960 steps");
    assert!(results.iter().any(|r| r.outcome == Outcome::Truncated));
}

/// A policy whose actions soon are no numbers: an infinite mean and infinite noise of the other sign.
fn broken(simulator: &Simulator) -> Actor {
    let actor = actor(simulator);
    let policy = actor.policy().clone();
    let network = policy.mlp().parameters();
    let params =
        (0..policy.parameters()).map(|i| if i < network { f32::MAX } else { 1e3 }).collect::<Vec<f32>>();
    Actor::new(policy, params, actor.normaliser().clone(), actor.action_space().clone()).unwrap()
}

#[test]
fn diverged_episodes_end_are_counted_and_leave_no_numbers() {
    let simulator = simulator(TaskName::HOPPER, &[]);
    let actor = broken(&simulator);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut lanes = Lanes::new(2, simulator.spec(), 0);
    let options = CollectOptions {
        seed: 3,
        iteration: 0,
        stretch: Stretch::Steps(30),
        discount: 0.99,
        acting: Acting::Sample,
        random_actions: 0.0,
    };
    let mut batch = Vec::new();
    executor.collect(Players::alone(&actor), &Fixed(Vec::new()), &mut lanes, options, &mut batch).unwrap();
    for (lane, state) in batch.iter().zip(&lanes.states) {
        let diverged = lane.outcomes.iter().filter(|o| matches!(o, Outcome::Diverged(_))).count();
        assert!(diverged > 10, "{:?}", lane.outcomes);
        assert_eq!(lane.finished.len(), diverged, "each began a new episode");
        assert_eq!(state.episode, diverged as u64);
        assert!(lane.rewards.iter().all(|r| r.is_finite()) && lane.inputs.iter().all(|x| x.is_finite()));
        assert!(lane.finished.iter().all(|e| e.ret.is_finite()));
        assert!(lane.obs_moments.mean().iter().all(|m| m.is_finite()));
    }
    let options = EpisodeOptions { stochastic: true, discount: 1.0 };
    let mut job = jobs(1);
    job[0].dynamics = 0;
    let result = executor.episodes(&actor, &[], &job, options).unwrap()[0];
    assert!(matches!(result.outcome, Outcome::Diverged(_)) && result.ret.is_finite());
}

#[test]
fn the_successor_of_a_time_limit_is_the_last_state_not_the_next_episodes_first() {
    let simulator = simulator(TaskName::HALF_CHEETAH, &[]);
    let actor = actor(&simulator);
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut lanes = Lanes::new(1, simulator.spec(), 0);
    let options = CollectOptions {
        seed: 3,
        iteration: 0,
        stretch: Stretch::Steps(1001),
        discount: 0.99,
        acting: Acting::Sample,
        random_actions: 0.0,
    };
    let mut batch = Vec::new();
    executor.collect(Players::alone(&actor), &Fixed(Vec::new()), &mut lanes, options, &mut batch).unwrap();
    let lane = &batch[0];
    assert_eq!((lane.outcomes[999], lane.successor_steps.as_slice()), (Outcome::Truncated, &[999, 1000][..]));

    // The same episode, stepped by hand.
    let mut sim = simulator.batch(1).unwrap();
    sim.reset(0, &mut StreamKey::new(3, Purpose::Reset).stream());
    let (mut action, mut reward, mut outcome) = ([0.0; 6], [0.0], [Outcome::Running]);
    for drawn in lane.actions.chunks_exact(6).take(1000) {
        actor.clip(drawn, &mut action);
        sim.step(&action, &[true], &mut reward, &mut outcome);
    }
    let (mut obs, mut input) = ([0.0; 17], [0.0; 17]);
    sim.observe(0, &mut obs);
    actor.normaliser().apply(&obs, &mut input);
    assert_eq!(lane.successors[..17], input);
    assert_ne!(lane.inputs[1000 * 17..], input, "the next episode begins elsewhere");
}

#[test]
fn an_episode_says_how_far_the_robot_came() {
    let simulator = simulator(TaskName::HOPPER, &["friction"]);
    let actor = actor(&simulator);
    let options = EpisodeOptions { stochastic: false, discount: 1.0 };
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let [result] = executor.episodes(&actor, &[0.0], &jobs(1), options).unwrap()[..] else { panic!() };

    let mut sim = simulator.batch(1).unwrap();
    sim.reset(0, &mut jobs(1)[0].reset.stream());
    let (mut state, mut obs) = ([0.0; 12], [0.0; 11]);
    let (mut drawn, mut action, mut scratch) = ([0.0; 3], [0.0; 3], actor.scratch(1));
    let (mut rewards, mut outcomes) = ([0.0], [Outcome::Running]);
    sim.state(0, &mut state);
    let start = state[0];
    while !outcomes[0].is_over() {
        sim.observe(0, &mut obs);
        actor.act(&obs, None, &mut scratch, &mut drawn, &mut []);
        actor.clip(&drawn, &mut action);
        sim.step(&action, &[true], &mut rewards, &mut outcomes);
    }
    sim.state(0, &mut state);
    assert_eq!(result.forward, state[0] - start);
    assert_ne!(result.forward, 0.0);
}

#[test]
fn a_raised_flag_stops_episodes_and_never_a_batch() {
    let simulator = simulator(TaskName::CARTPOLE, &[]);
    let flag = StopFlag::default();
    let mut executor = Threads::new(&simulator, 2).unwrap().with_stop_flag(flag.clone());
    let options = EpisodeOptions { stochastic: true, discount: 1.0 };
    let actor = actor(&simulator);
    assert!(executor.episodes(&actor, &[], &jobs(3), options).is_ok());
    assert!(!executor.stop_flag().is_raised());
    // As a handler of signals does.
    flag.shared().store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(flag.is_raised() && executor.stop_flag().is_raised(), "they are one flag");
    assert_eq!(executor.episodes(&actor, &[], &jobs(3), options), Err(SimError::Interrupted));
    let mut lanes = Lanes::new(2, simulator.spec(), 0);
    let options = CollectOptions {
        seed: 3,
        iteration: 0,
        stretch: Stretch::Steps(70),
        discount: 0.99,
        acting: Acting::Sample,
        random_actions: 0.0,
    };
    assert!(
        executor
            .collect(Players::alone(&actor), &Fixed(Vec::new()), &mut lanes, options, &mut Vec::new())
            .is_ok()
    );
}
