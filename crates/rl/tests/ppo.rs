//! What PPO carries over from one batch to the next, and how large its steps are.

use wr2l_nn::RunningMoments;
use wr2l_rl::{
    Acting, CollectOptions, Executor, Experience, Fixed, Improvement, LaneBatch, Lanes, Learner, Players,
    Ppo, PpoConfig, Stretch, Threads,
};
use wr2l_sim::{Simulator, Task, TaskName};

fn simulator() -> Simulator {
    let task = Task::new(TaskName::CARTPOLE);
    let space = task.space().select::<&str>(&[]).unwrap();
    Simulator::new(task, None, space).unwrap()
}

fn config() -> PpoConfig {
    PpoConfig { lanes: 3, horizon: 40, minibatches: 2, epochs: 2, ..PpoConfig::default() }
}

fn improve(ppo: &mut Ppo, executor: &mut dyn Executor, iteration: u64, progress: f64) -> Improvement {
    ppo.improve(Experience::alone(executor, &Fixed(Vec::new()), 7, iteration, progress)).unwrap()
}

/// The batch that the next improvement of `ppo` will learn from.
fn batch(ppo: &Ppo, executor: &mut dyn Executor, lanes: &mut Lanes, iteration: u64) -> Vec<LaneBatch> {
    let PpoConfig { horizon, gamma, .. } = *ppo.config();
    let options = CollectOptions {
        seed: 7,
        iteration,
        stretch: Stretch::Steps(horizon),
        discount: gamma,
        acting: Acting::Sample,
        random_actions: 0.0,
    };
    let mut batch = Vec::new();
    executor.collect(Players::alone(ppo.actor()), &Fixed(Vec::new()), lanes, options, &mut batch).unwrap();
    batch
}

#[test]
fn the_policy_sees_observations_by_the_moments_of_all_batches_so_far() {
    let simulator = simulator();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut ppo = Ppo::new(config(), simulator.spec(), 0, 1).unwrap();
    let mut lanes = Lanes::new(3, simulator.spec(), 0);
    let mut all: Vec<Vec<f64>> = Vec::new();
    for iteration in 0..3 {
        let seen = ppo.actor().normaliser().clone();
        let batch = batch(&ppo, &mut executor, &mut lanes, iteration);
        for row in batch.iter().flat_map(|lane| lane.inputs.chunks_exact(4)) {
            // What the policy saw, taken back to what the task gave; nothing in it is clipped.
            assert!(row.iter().all(|x| x.abs() < 9.0));
            let raw = |i: usize| f64::from(row[i]) / seen.inverse_deviation()[i] + seen.mean()[i];
            all.push((0..4).map(raw).collect());
        }
        improve(&mut ppo, &mut executor, iteration, 0.0);
        let mut moments = RunningMoments::new(4);
        all.iter().for_each(|row| moments.update(row).unwrap());
        let (expected, got) = (moments.normaliser(10.0), ppo.actor().normaliser());
        assert_eq!(got.clip(), 10.0);
        for i in 0..4 {
            let ratio = got.inverse_deviation()[i] / expected.inverse_deviation()[i];
            assert!((ratio - 1.0).abs() < 1e-4, "iteration {iteration}, observation {i}: {ratio}");
            let shift = (got.mean()[i] - expected.mean()[i]) * expected.inverse_deviation()[i];
            assert!(shift.abs() < 1e-4, "iteration {iteration}, observation {i}: {shift}");
        }
    }
    let as_they_are = PpoConfig { normalise_observations: false, ..config() };
    let mut ppo = Ppo::new(as_they_are, simulator.spec(), 0, 1).unwrap();
    let before = ppo.actor().normaliser().clone();
    improve(&mut ppo, &mut executor, 0, 0.0);
    assert_eq!(&before, ppo.actor().normaliser());
}

#[test]
fn the_learning_rate_falls_to_zero_with_the_budget_and_steps_with_it() {
    let simulator = simulator();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    // One step of Adam an improvement, which is proportional to the rate.
    let one_step = PpoConfig { minibatches: 1, epochs: 1, ..config() };
    let mut step = |anneal, progress| {
        let config = PpoConfig { anneal, ..one_step.clone() };
        let mut ppo = Ppo::new(config, simulator.spec(), 0, 1).unwrap();
        let before = ppo.actor().params().to_vec();
        let report = improve(&mut ppo, &mut executor, 0, progress);
        let after = ppo.actor().params();
        let moved: Vec<f64> = before.iter().zip(after).map(|(a, b)| f64::from(*b) - f64::from(*a)).collect();
        (report.learning_rate, moved)
    };
    let (rate, whole) = step(true, 0.0);
    assert_eq!(rate, 3e-4);
    let largest = whole.iter().fold(0.0_f64, |most, m| most.max(m.abs()));
    assert!(largest > 2e-4, "{largest}");
    for progress in [0.25, 0.75, 1.0, 1.5] {
        let left = (1.0_f64 - progress).max(0.0);
        let (rate, moved) = step(true, progress);
        assert!((rate - 3e-4 * left).abs() < 1e-12, "{progress}: {rate}");
        let off = whole.iter().zip(&moved).map(|(w, m)| (m - left * w).abs()).fold(0.0, f64::max);
        // Parameters are near 1 and rounded to 6e-8 of that.
        assert!(off < 2e-7, "{progress}: {off}");
        assert_eq!(step(false, progress), (3e-4, whole.clone()), "without annealing");
    }
}

#[test]
fn the_clip_fraction_is_the_share_of_samples_beyond_the_clip() {
    let simulator = simulator();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut fraction = |clip: f64| {
        let mut ppo = Ppo::new(PpoConfig { clip, ..config() }, simulator.spec(), 0, 1).unwrap();
        improve(&mut ppo, &mut executor, 0, 0.0).clip_fraction
    };
    // In the last epoch the policy has moved: every ratio is off 1 by something, and none by nine tenths.
    let (all, none) = (fraction(1e-9), fraction(0.9));
    assert!(all > 0.9 && all <= 1.0, "{all}");
    assert_eq!(none, 0.0);
}
