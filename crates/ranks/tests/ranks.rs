//! An executor over ranks gives what threads give, to the bit, and says what they say.
#![cfg(unix)]

mod common;

use std::time::Duration;

use common::{Role, broken, hopper, job, serves, stage, stage_of};
use wr2l_ranks::{Link, read_frame, write_frame};
use wr2l_rl::{
    Acting, Actor, CollectOptions, Correlation, Disturbance, DynamicsSource, EpisodeJob, EpisodeOptions,
    Executor, Fixed, Interference, LaneBatch, Lanes, Learner, Player, Players, Ppo, PpoConfig, StepsFrom,
    StopFlag, Stretch, Threads,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_run::{Executors, Stage, TaskRef};
use wr2l_sim::{Physics, SimError, Task, TaskName};

fn actor(stage: &Stage) -> Actor {
    let simulator = stage.simulator().unwrap();
    Ppo::new(PpoConfig::default(), simulator.spec(), stage.space.dim(), 7).unwrap().actor().clone()
}

fn jobs(count: u64) -> Vec<EpisodeJob> {
    let key = |purpose, i| StreamKey::new(1, purpose).episode(i);
    let job = |i| EpisodeJob {
        dynamics: i as usize % 3,
        reset: key(Purpose::Reset, i),
        action: key(Purpose::Action, i),
    };
    (0..count).map(job).collect()
}

const Z: [f64; 6] = [0.1, -0.2, 0.0, 0.3, -0.1, 0.2];

/// Other dynamics for every episode of every lane.
#[derive(Debug)]
struct Varied;

impl DynamicsSource for Varied {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let mut stream = StreamKey::new(5, Purpose::Dynamics).lane(lane).episode(episode).stream();
        out.fill_with(|| stream.uniform(-0.3, 0.3));
    }
}

/// The same by threads and by jobs of two and three ranks.
fn same_on_ranks<T: PartialEq>(stage: &Stage, what: &str, work: impl Fn(&mut dyn Executor) -> T) {
    let alone = work(&mut Threads::new(&stage.simulator().unwrap(), 1).unwrap());
    for roles in [vec![], vec![serves as Role], vec![serves; 2], vec![serves, broken], vec![broken; 2]] {
        let (_job, ranks) = job(&roles);
        let mut shared = ranks.executor(stage, 1, StopFlag::default()).unwrap();
        assert!(work(shared.as_mut()) == alone, "{what} with {} ranks", roles.len() + 1);
    }
}

#[test]
fn episodes_have_the_bits_of_one_process() {
    let stage = hopper();
    let actor = actor(&stage);
    for stochastic in [true, false] {
        let options = EpisodeOptions { stochastic, discount: 0.99 };
        for count in [0, 1, 2, 7] {
            same_on_ranks(&stage, "episodes", |executor| {
                executor.episodes(&actor, &Z, &jobs(count), options).unwrap()
            });
        }
    }
    let stage = stage_of(TaskName::CARTPOLE.into(), &[]);
    let actor = self::actor(&stage);
    let options = EpisodeOptions { stochastic: true, discount: 1.0 };
    same_on_ranks(&stage, "choices", |executor| executor.episodes(&actor, &[], &jobs(5), options).unwrap());
}

#[test]
fn trajectories_have_the_bits_of_one_process() {
    let stage = hopper();
    let actor = actor(&stage);
    let keys: Vec<_> = (0..5).map(|i| StreamKey::new(2, Purpose::Pairs).episode(i)).collect();
    for actor in [None, Some(&actor)] {
        same_on_ranks(&stage, "trajectories", |executor| executor.trajectories(actor, &keys).unwrap());
    }
}

#[test]
fn transitions_have_the_bits_of_one_process_whether_rows_or_pairs_are_shared() {
    let stage = hopper();
    let mut threads = Threads::new(&stage.simulator().unwrap(), 1).unwrap();
    let pairs = threads.trajectories(None, &[StreamKey::new(2, Purpose::Pairs)]).unwrap().swap_remove(0);
    let len = pairs.len as usize;
    let from = StepsFrom { states: &pairs.states, actions: &pairs.actions, len, first: 0 };
    for rows in 1..=3 {
        same_on_ranks(&stage, "transitions", |executor| {
            let mut next = vec![0.0; rows * len * executor.spec().state_dim()];
            executor.transitions(&Z[..2 * rows], from, &mut next).unwrap();
            next
        });
        // The last pair of the last row cannot be stepped from: it is named alike.
        let mut actions = pairs.actions.clone();
        *actions.last_mut().unwrap() = f64::NAN;
        same_on_ranks(&stage, "a pair that diverges", |executor| {
            let mut next = vec![0.0; rows * len * executor.spec().state_dim()];
            let from = StepsFrom { actions: &actions, ..from };
            executor.transitions(&Z[..2 * rows], from, &mut next).unwrap_err()
        });
    }
}

/// Three batches in a row: lanes, and what they contributed.
fn batches(
    executor: &mut dyn Executor,
    players: Players<'_>,
    sources: [&dyn DynamicsSource; 3],
    begun: &Lanes,
    stretch: Stretch,
) -> (Lanes, Vec<Vec<LaneBatch>>) {
    let mut lanes = begun.clone();
    let mut all = Vec::new();
    let mut batch = Vec::new();
    for (iteration, source) in (0..).zip(sources) {
        let acting = Acting::Sample;
        let options =
            CollectOptions { seed: 3, iteration, stretch, discount: 0.99, acting, random_actions: 0.05 };
        executor.collect(players, source, &mut lanes, options, &mut batch).unwrap();
        all.push(batch.clone());
    }
    (lanes, all)
}

#[test]
fn batches_have_the_bits_of_one_process() {
    let stage = hopper();
    let actor = actor(&stage);
    let fixed = Fixed(vec![0.1, -0.1]);
    let spec = stage.simulator().unwrap().spec().clone();
    let correlation = Some(Correlation { keep: 0.8, fresh: 0.6 });
    for (stretch, count) in [
        (Stretch::Steps(60), 5),
        // More episodes a lane than dynamics are sent of at first.
        (Stretch::Steps(400), 2),
        (Stretch::Episode, 7),
        (Stretch::Steps(30), 1),
    ] {
        for lanes in
            [Lanes::new(count, &spec, 2), Lanes { raw: true, correlation, ..Lanes::new(count, &spec, 2) }]
        {
            same_on_ranks(&stage, "batches", |executor| {
                let sources: [&dyn DynamicsSource; 3] = [&fixed, &Varied, &Varied];
                batches(executor, Players::alone(&actor), sources, &lanes, stretch)
            });
        }
    }
}

#[test]
fn batches_against_an_opponent_have_the_bits_of_one_process() {
    let stage = hopper();
    let agent = actor(&stage);
    let spec = stage.simulator().unwrap().spec().clone();
    let other = Ppo::new(PpoConfig::default(), &spec, 2, 8).unwrap().actor().clone();
    let lanes = Lanes::new(4, &spec, 2);
    for means in [Interference::TakeOver { alpha: 0.3 }, Interference::Blend { alpha: 0.3 }] {
        for (learner, explores) in [(Player::Agent, true), (Player::Opponent, false)] {
            let disturbance = Some(Disturbance { actor: &other, means, explores });
            let players = Players { agent: &agent, disturbance, learner };
            same_on_ranks(&stage, "an opponent", |executor| {
                batches(executor, players, [&Varied, &Varied, &Varied], &lanes, Stretch::Steps(50))
            });
        }
    }
}

#[test]
fn a_task_of_the_users_own_travels_as_its_files() {
    let mut task = Task::new(TaskName::HOPPER);
    task.name = "lower-hopper".into();
    task.robot.episode_limit = 77;
    let stage = stage_of(TaskRef::new(task).unwrap(), &["friction"]);
    let actor = actor(&stage);
    let options = EpisodeOptions { stochastic: true, discount: 1.0 };
    same_on_ranks(&stage, "a task of one's own", |executor| {
        let results = executor.episodes(&actor, &Z[..3], &jobs(6), options).unwrap();
        assert!(results.iter().all(|result| result.length <= 77));
        results
    });
}

#[test]
fn what_threads_refuse_is_refused_alike() {
    let stage = hopper();
    let actor = actor(&stage);
    let options = EpisodeOptions { stochastic: true, discount: 1.0 };
    for wrong in [f64::NAN, 1e9] {
        let z = [0.0, 0.0, 0.0, 0.0, 0.0, wrong];
        same_on_ranks(&stage, "dynamics out of bounds", |executor| {
            executor.episodes(&actor, &z, &jobs(6), options).unwrap_err().to_string()
        });
    }
}

#[test]
fn a_raised_flag_ends_the_work_of_all_ranks_but_a_batch_is_completed() {
    let stage = stage(TaskName::HALF_CHEETAH, &["friction"]);
    let actor = actor(&stage);
    let (_job, ranks) = job(&[serves, serves]);
    let flag = StopFlag::default();
    let mut executor = ranks.executor(&stage, 1, flag.clone()).unwrap();
    // Some minutes of work if nobody stops.
    let raiser = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        flag.raise();
    });
    let options = EpisodeOptions { stochastic: true, discount: 1.0 };
    let done = executor.episodes(&actor, &[0.0, 0.1, 0.2], &jobs(20_000), options);
    assert_eq!(done.unwrap_err(), SimError::Interrupted);
    raiser.join().unwrap();
    let lanes = Lanes::new(3, executor.spec(), 1);
    let sources: [&dyn DynamicsSource; 3] = [&Varied, &Varied, &Varied];
    let (_, all) = batches(executor.as_mut(), Players::alone(&actor), sources, &lanes, Stretch::Steps(40));
    assert!(all.iter().flatten().all(|lane| lane.rewards.len() == 40));
}

#[test]
fn several_executors_of_a_job_do_not_mix_up_their_work() {
    let (one, two) = (hopper(), stage(TaskName::CARTPOLE, &["pole_half_length"]));
    let (_job, ranks) = job(&[serves]);
    let options = EpisodeOptions { stochastic: true, discount: 1.0 };
    let work = |stage: &Stage, executor: &mut dyn Executor| {
        let actor = actor(stage);
        executor.episodes(&actor, &Z[..3 * stage.space.dim()], &jobs(9), options).unwrap()
    };
    std::thread::scope(|scope| {
        for stage in [&one, &two] {
            let (ranks, work) = (&ranks, &work);
            scope.spawn(move || {
                let alone = work(stage, &mut Threads::new(&stage.simulator().unwrap(), 1).unwrap());
                for _ in 0..4 {
                    let mut shared = ranks.executor(stage, 1, StopFlag::default()).unwrap();
                    assert_eq!(work(stage, shared.as_mut()), alone);
                }
            });
        }
    });
}

#[test]
fn a_rank_that_is_gone_is_an_error_and_none_that_waits_for_ever() {
    fn leaves(link: Link) {
        drop(link);
    }
    let (_job, ranks) = job(&[serves, leaves]);
    let error = ranks.executor(&hopper(), 1, StopFlag::default()).unwrap_err();
    assert!(error.to_string().contains("gone") && !error.is_usage(), "{error}");
}

#[test]
fn a_rank_that_cannot_take_part_says_why() {
    fn says(mut link: Link, message: &[u8]) {
        while read_frame(&mut link.input).is_ok() {
            if write_frame(&mut link.output, 0, message).is_err() {
                return;
            }
        }
    }
    fn lacks_something(link: Link) {
        // FAILED, and a text of four letters.
        says(link, &[1, 4, 0, 0, 0, 0, 0, 0, 0, b'n', b'o', b'n', b'e']);
    }
    fn is_of_another_version(link: Link) {
        // DONE, and a list of one text.
        says(link, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, b'o', b'l', b'd']);
    }
    for (role, reason) in [(lacks_something as Role, "none"), (is_of_another_version, "`old`")] {
        let (_job, ranks) = job(&[serves, role]);
        let error = ranks.executor(&hopper(), 1, StopFlag::default()).unwrap_err().to_string();
        assert!(error.contains("rank 2") && error.contains(reason), "{error}");
    }
    let (_job, ranks) = job(&[serves]);
    let stage = Stage { physics: Physics::Classic, ..hopper() };
    assert!(ranks.executor(&stage, 1, StopFlag::default()).is_err(), "refused by rank 0 itself");
}
