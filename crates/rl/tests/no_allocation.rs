//! Nothing in the step loop allocates: what a rollout allocates does not depend on how many steps it takes.

use allocation_counter::measure;
use wr2l_rl::{
    Acting, Actor, CollectOptions, EpisodeJob, EpisodeOptions, Executor, Fixed, Lanes, Learner, Players, Ppo,
    PpoConfig, Stretch, Threads,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{Simulator, Task, TaskName};

const LANES: usize = 5;

fn setting(name: TaskName, frames: usize) -> (Threads, Actor) {
    let task = Task::new(name);
    let space = task.space();
    let simulator = Simulator::new(task, None, space).unwrap();
    let (spec, dim) = (simulator.spec(), simulator.space().dim());
    let actor = Ppo::with_history(PpoConfig::default(), spec, dim, frames, 7).unwrap();
    // One thread: allocations are counted where they are made.
    (Threads::with_lanes(&simulator, 1, 4).unwrap(), actor.actor().clone())
}

/// Every task, without and with a history.
fn cases() -> impl Iterator<Item = (TaskName, usize)> {
    TaskName::ALL.into_iter().flat_map(|name| [(name, 0), (name, 3)])
}

#[test]
fn batches_of_any_length_allocate_equally_often() {
    for (name, frames) in cases() {
        let (mut executor, actor) = setting(name, frames);
        let lanes = Lanes::new(LANES, executor.spec(), executor.space().dim());
        let mut lanes = lanes.with_history(actor.history());
        let source = Fixed::reference(executor.space());
        let mut batch = Vec::new();
        let mut count = |steps, iteration| {
            let (stretch, acting) = (Stretch::Steps(steps), Acting::Sample);
            let options =
                CollectOptions { seed: 3, iteration, stretch, discount: 0.99, acting, random_actions: 0.0 };
            let players = Players::alone(&actor);
            measure(|| executor.collect(players, &source, &mut lanes, options, &mut batch).unwrap())
                .count_total
        };
        // The buffers of a batch are used again for the next.
        count(500, 0);
        let few = count(10, 1);
        assert_eq!(few, count(500, 2), "{name}, {frames} frames");
        assert!(
            batch.iter().map(|lane| lane.finished.len()).sum::<usize>() > 0 || name == TaskName::HALF_CHEETAH
        );
    }
}

#[test]
fn an_episode_allocates_at_most_once_however_long_it_is() {
    for (name, frames) in cases() {
        let (mut executor, actor) = setting(name, frames);
        let z = vec![0.0; executor.space().dim()];
        let mut count = |episodes: u64| {
            let jobs: Vec<EpisodeJob> = (0..episodes)
                .map(|i| EpisodeJob {
                    dynamics: 0,
                    reset: StreamKey::new(1, Purpose::Reset).episode(i),
                    action: StreamKey::new(1, Purpose::Action).episode(i),
                })
                .collect();
            let options = EpisodeOptions { stochastic: true, discount: 1.0 };
            measure(|| {
                executor.episodes(&actor, &z, &jobs, options).unwrap();
            })
            .count_total
        };
        count(1);
        assert!(count(20) - count(4) <= 16, "{name}, {frames} frames");
    }
}
