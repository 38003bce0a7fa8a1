//! Lanes and pairs that are parts of more, each with somebody else, give what the whole gives.

use wr2l_rl::{
    Acting, CollectOptions, DynamicsSource, Executor, LaneBatch, Lanes, Learner, Players, Ppo, PpoConfig,
    StepsFrom, Stretch, Threads, TransitionError,
};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{Simulator, Task, TaskName};

fn simulator() -> Simulator {
    let task = Task::new(TaskName::HOPPER);
    let space = task.space().select(&["torso_density", "friction"]).unwrap();
    Simulator::new(task, None, space).unwrap()
}

/// Other dynamics for every episode of every lane.
#[derive(Debug)]
struct Varied;

impl DynamicsSource for Varied {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let mut stream = StreamKey::new(5, Purpose::Dynamics).lane(lane).episode(episode).stream();
        out.fill_with(|| stream.uniform(-0.3, 0.3));
    }
}

#[test]
fn lanes_that_are_a_part_of_more_give_their_part_of_the_batch() {
    let simulator = simulator();
    let ppo = Ppo::new(PpoConfig::default(), simulator.spec(), 2, 7).unwrap();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut collect = |lanes: &mut Lanes| {
        let mut batches = Vec::new();
        for iteration in 0..2 {
            let (stretch, acting) = (Stretch::Steps(60), Acting::Sample);
            let options =
                CollectOptions { seed: 3, iteration, stretch, discount: 0.99, acting, random_actions: 0.1 };
            let mut batch = Vec::new();
            let players = Players::alone(ppo.actor());
            executor.collect(players, &Varied, lanes, options, &mut batch).unwrap();
            batches.push(batch);
        }
        batches
    };
    let mut whole = Lanes::new(5, simulator.spec(), 2);
    let of_whole = collect(&mut whole);
    for cut in 1..5 {
        let mut first = Lanes::new(cut, simulator.spec(), 2);
        let mut second = Lanes { first: cut as u64, ..Lanes::new(5 - cut, simulator.spec(), 2) };
        let parts: [Vec<Vec<LaneBatch>>; 2] = [collect(&mut first), collect(&mut second)];
        let states = [first.states, second.states].concat();
        assert_eq!(states, whole.states, "cut at {cut}");
        for (iteration, of_whole) in of_whole.iter().enumerate() {
            assert_eq!([&parts[0][iteration][..], &parts[1][iteration]].concat(), *of_whole);
        }
    }
}

#[test]
fn pairs_that_are_a_part_of_more_have_the_noise_of_the_whole_and_are_named_as_there() {
    let simulator = simulator().with_process_noise(&[0.01]).unwrap();
    let (states, actions) = (simulator.spec().state_dim(), simulator.spec().act_dim());
    let mut executor = Threads::new(&simulator, 2).unwrap();
    let trajectory = executor.trajectories(None, &[StreamKey::new(1, Purpose::Test)]).unwrap().swap_remove(0);
    let len = trajectory.len as usize;
    assert!(len > 4, "{len} steps");
    let z = [0.0, 0.0, 0.1, -0.1];
    let next = |executor: &mut Threads, from: usize, to: usize, wrong: &[f64]| {
        let from = StepsFrom {
            states: &trajectory.states[from * states..to * states],
            actions: if wrong.is_empty() { &trajectory.actions[from * actions..to * actions] } else { wrong },
            len: to - from,
            first: from,
        };
        let mut next = vec![0.0; 2 * from.len * states];
        executor.transitions(&z, from, &mut next).map(|()| next)
    };
    let whole = next(&mut executor, 0, len, &[]).unwrap();
    for cut in 1..len {
        let (head, tail) =
            (next(&mut executor, 0, cut, &[]).unwrap(), next(&mut executor, cut, len, &[]).unwrap());
        for (row, whole) in whole.chunks(len * states).enumerate() {
            assert_eq!(head[row * cut * states..][..cut * states], whole[..cut * states], "cut at {cut}");
            let rest = (len - cut) * states;
            assert_eq!(tail[row * rest..][..rest], whole[cut * states..], "cut at {cut}");
        }
    }
    let mut wrong = trajectory.actions[2 * actions..4 * actions].to_vec();
    wrong[actions] = f64::NAN;
    let error = next(&mut executor, 2, 4, &wrong).unwrap_err();
    assert!(matches!(error, TransitionError::Diverged { row: 0, pair: 3, .. }), "{error}");
}

#[test]
fn however_many_the_pairs_each_has_the_next_state_that_it_has_alone() {
    let simulator = simulator().with_process_noise(&[0.01]).unwrap();
    let (states, actions) = (simulator.spec().state_dim(), simulator.spec().act_dim());
    let mut executor = Threads::new(&simulator, 2).unwrap();
    let trajectory = executor.trajectories(None, &[StreamKey::new(1, Purpose::Test)]).unwrap().swap_remove(0);
    let count = 150;
    let repeated = |values: &[f64], width: usize| -> Vec<f64> {
        (0..count).flat_map(|i| values[i % trajectory.len as usize * width..][..width].to_vec()).collect()
    };
    let (all_states, all_actions) =
        (repeated(&trajectory.states, states), repeated(&trajectory.actions, actions));
    let z = [0.0, 0.0, 0.1, -0.1];
    let mut next = |first: usize, len: usize| {
        let from = StepsFrom {
            states: &all_states[first * states..][..len * states],
            actions: &all_actions[first * actions..][..len * actions],
            len,
            first,
        };
        let mut next = vec![f64::NAN; 2 * len * states];
        executor.transitions(&z, from, &mut next).unwrap();
        next
    };
    let whole = next(0, count);
    for pair in 0..count {
        for (row, alone) in next(pair, 1).chunks(states).enumerate() {
            assert_eq!(whole[(row * count + pair) * states..][..states], *alone, "pair {pair}, row {row}");
        }
    }
}
