//! The simulator draws from the distributions that the exact values are computed with.

use wr2l_finite::{
    Effect, Family, FiniteMdp, GridWorld, Machine, Parts, RandomMdp, TabularPolicy, exact_values,
};
use wr2l_rl::{EpisodeJob, EpisodeOptions, Executor, Learner, Ppo, PpoConfig, Threads};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{BatchSim, Outcome, Parameter, Simulator};

fn stream(lane: u64) -> wr2l_rng::Stream {
    StreamKey::new(7, Purpose::Test).lane(lane).stream()
}

/// Takes one step of one lane.
fn step(sim: &mut dyn BatchSim, action: f64) -> (f64, Outcome) {
    let (mut rewards, mut outcomes) = ([f64::NAN], [Outcome::Running]);
    sim.step(&[action], &[true], &mut rewards, &mut outcomes);
    (rewards[0], outcomes[0])
}

fn state(sim: &dyn BatchSim) -> Vec<f64> {
    let mut state = vec![0.0; sim.spec().state_dim()];
    sim.state(0, &mut state);
    state
}

#[test]
fn next_states_are_as_frequent_as_they_are_probable() {
    let family = Machine::default().family().unwrap();
    let phi = [0.45, 0.1];
    let table = family.transitions(&phi);
    let mut sim = family.simulator("machine").batch(1).unwrap();
    sim.set_dynamics(0, &phi).unwrap();
    let (n, draws) = (8, 40_000);
    for (s, a) in [(0_usize, 0_usize), (3, 0), (7, 0), (4, 1)] {
        let mut counts = vec![0_u32; n];
        for number in 0..draws {
            sim.set_state(0, &[s as f64]).unwrap();
            sim.set_noise(0, number);
            step(sim.as_mut(), a as f64);
            counts[state(sim.as_ref())[0] as usize] += 1;
        }
        for (next, &count) in counts.iter().enumerate() {
            let p = table[(s * 2 + a) * n + next];
            // Six standard errors.
            let off = (f64::from(count) - draws as f64 * p).abs();
            assert!(off <= 6.0 * (draws as f64 * p * (1.0 - p)).sqrt(), "{s} {a} {next}: {count} {p}");
        }
    }
}

#[test]
fn the_draws_of_steps_and_episodes_are_independent() {
    // A coin that is thrown at every step: pairs of consecutive throws, and of neighbouring episodes, are all alike.
    let coin = Parts {
        states: 2,
        actions: 1,
        transitions: vec![0.5; 4],
        rewards: vec![0.0; 2],
        start: vec![0.5, 0.5],
        discount: 0.9,
        positions: vec![0.0, 1.0],
        episode_limit: 100,
        ..Parts::default()
    };
    let family = Family::new(FiniteMdp::new(coin).unwrap(), Vec::new()).unwrap();
    let mut sim = family.simulator("coin").batch(1).unwrap();
    let (mut in_time, mut across) = ([0_u32; 4], [0_u32; 4]);
    let mut before: Vec<f64> = Vec::new();
    for episode in 0..400 {
        sim.reset(0, &mut stream(episode));
        let throws: Vec<f64> = (0..100)
            .map(|_| {
                step(sim.as_mut(), 0.0);
                state(sim.as_ref())[0]
            })
            .collect();
        throws.windows(2).for_each(|w| in_time[(2.0 * w[0] + w[1]) as usize] += 1);
        before.iter().zip(&throws).for_each(|(a, b)| across[(2.0 * a + b) as usize] += 1);
        before = throws;
    }
    for counts in [in_time, across] {
        let expected = f64::from(counts.iter().sum::<u32>()) / 4.0;
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum();
        assert!(chi2 < 25.0, "{counts:?}");
    }
}

/// The discounted returns of a network's policy, over many episodes.
fn returns(simulator: &Simulator, threads: usize, lanes: usize, z: &[f64], episodes: u64) -> (Vec<f64>, Ppo) {
    let config = PpoConfig { hidden: Vec::new(), ..PpoConfig::default() };
    let ppo = Ppo::new(config, simulator.spec(), simulator.space().dim(), 3).unwrap();
    let mut executor = Threads::with_lanes(simulator, threads, lanes).unwrap();
    let key = |purpose, i| StreamKey::new(5, purpose).episode(i);
    let jobs: Vec<EpisodeJob> = (0..episodes)
        .map(|i| EpisodeJob {
            dynamics: 0,
            reset: key(Purpose::EvaluationReset, i),
            action: key(Purpose::EvaluationAction, i),
        })
        .collect();
    let options = EpisodeOptions { stochastic: true, discount: 0.9 };
    let results = executor.episodes(ppo.actor(), z, &jobs, options).unwrap();
    (results.iter().map(|result| result.ret).collect(), ppo)
}

#[test]
fn the_mean_return_of_episodes_is_the_exact_value() {
    let grid = GridWorld { discount: 0.9, ..GridWorld::default() };
    let machine = Machine { discount: 0.9, ..Machine::default() };
    for family in [RandomMdp::default().family(1).unwrap(), grid.family().unwrap(), machine.family().unwrap()]
    {
        let z = vec![0.5; family.space().dim()];
        let (returns, ppo) = returns(&family.simulator("it"), 1, 4, &z, 4000);
        let policy = TabularPolicy::of_actor(family.mdp(), ppo.actor(), false).unwrap();
        let table = family.transitions(&family.space().physical(&z));
        let exact = family.mdp().from_start(&exact_values(family.mdp(), &table, &policy).unwrap());
        let n = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / n;
        let error = (returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n / n).sqrt();
        // Five standard errors, and what an episode that is cut off leaves out: a thousandth.
        assert!(
            (mean - exact).abs() < 5.0 * error + 2e-3 * exact.abs().max(1.0),
            "{mean} ± {error}: {exact}"
        );
    }
}

#[test]
fn episodes_are_the_same_for_any_threads_and_lanes() {
    let simulator = RandomMdp::default().family(2).unwrap().simulator("random");
    let z = [0.3, 0.0, 1.0, 0.7];
    let (alone, _) = returns(&simulator, 1, 1, &z, 60);
    let (grouped, _) = returns(&simulator, 3, 5, &z, 60);
    assert!(alone.iter().zip(&grouped).all(|(a, b)| a.to_bits() == b.to_bits()));
    assert!(alone.windows(2).any(|w| w[0] != w[1]), "episodes differ");
}

#[test]
fn a_snapshot_goes_on_bit_for_bit_in_any_lane() {
    let simulator = RandomMdp::default().family(3).unwrap().simulator("random");
    let mut sim = simulator.batch(1).unwrap();
    sim.reset(0, &mut stream(1));
    for i in 0..5 {
        step(sim.as_mut(), f64::from(i % 3));
    }
    let mut snapshot = vec![0.0; simulator.spec().snapshot_len];
    sim.save(0, &mut snapshot);
    let mut other = simulator.batch(1).unwrap();
    other.reset(0, &mut stream(2));
    other.restore(0, &snapshot).unwrap();
    loop {
        let (a, b) = (step(sim.as_mut(), 1.0), step(other.as_mut(), 1.0));
        assert_eq!((a, state(sim.as_ref())), (b, state(other.as_ref())));
        if a.1.is_over() {
            break;
        }
    }
}

#[test]
fn only_the_dynamics_make_two_episodes_of_one_number_differ() {
    let family = Machine::default().family().unwrap();
    let mut sim = family.simulator("machine").batch(2).unwrap();
    sim.set_dynamics(1, &[0.31, 0.02]).unwrap();
    let (mut same, mut differ) = (0, 0);
    for number in 0..500 {
        let mut next = [[0.0]; 2];
        for lane in 0..2 {
            sim.set_state(lane, &[2.0]).unwrap();
            sim.set_noise(lane, number);
        }
        sim.step(&[0.0, 0.0], &[true, true], &mut [0.0; 2], &mut [Outcome::Running; 2]);
        next.iter_mut().enumerate().for_each(|(lane, next)| sim.state(lane, next));
        if next[0] == next[1] { same += 1 } else { differ += 1 }
    }
    // A hundredth of the probability moved.
    assert!(same > 480 && differ > 0, "{same} {differ}");
}

#[test]
fn what_cannot_be_is_refused_and_leaves_the_lane_as_it_was() {
    let simulator = Machine::default().family().unwrap().simulator("machine");
    let mut sim = simulator.batch(1).unwrap();
    sim.set_state(0, &[3.0]).unwrap();
    assert!(sim.set_state(0, &[3.5]).is_err(), "no state lies there");
    assert!(sim.set_state(0, &[f64::NAN]).is_err() && sim.set_state(0, &[]).is_err());
    for snapshot in [[8.0, 0.0, 0.0], [-1.0, 0.0, 0.0], [f64::NAN, 0.0, 0.0]] {
        assert!(sim.restore(0, &snapshot).is_err());
    }
    assert!(sim.restore(0, &[1.0]).is_err() && sim.set_forces(0, &[1.0]).is_err());
    assert!(sim.set_dynamics(0, &[0.9, 0.0]).is_err(), "beyond its bounds");
    assert_eq!(state(sim.as_ref()), [3.0]);
    for action in [-1.0, 2.0, 0.5, f64::NAN, f64::INFINITY] {
        let (reward, outcome) = step(sim.as_mut(), action);
        assert!(reward == 0.0 && matches!(outcome, Outcome::Diverged(_)), "{action}");
    }
}

#[test]
fn families_without_sense_are_refused() {
    let family = Machine::default().family().unwrap();
    let mdp = family.mdp();
    let parameter = |upper: f64| Parameter {
        name: "p".into(),
        unit: "1".into(),
        description: "…".into(),
        nominal: 0.0,
        lower: 0.0,
        upper,
        scale: 1.0,
    };
    let effect = |state, next, rate| Effect { state, action: 0, next, rate };
    let make = |upper, effects: Vec<Effect>| Family::new(mdp.clone(), vec![(parameter(upper), effects)]);
    assert!(make(0.5, vec![effect(0, 0, -1.0), effect(0, 3, 1.0)]).is_ok());
    assert!(make(0.9, vec![effect(0, 0, -1.0), effect(0, 3, 1.0)]).is_err(), "a negative probability");
    assert!(make(0.5, vec![effect(0, 0, -1.0), effect(0, 3, 0.9)]).is_err(), "rates that add up to −0.1");
    assert!(make(0.5, vec![effect(9, 0, -1.0), effect(9, 3, 1.0)]).is_err(), "a state that is not there");
    assert!(make(0.5, vec![effect(0, 0, f64::NAN)]).is_err());
    assert!(family.within(&[0.0, 0.0], &[0.9, 0.2]).is_err(), "more than 1 together");
    assert!(GridWorld { goal: [6, 0], ..GridWorld::default() }.family().is_err());
    assert!(Machine { states: 1, ..Machine::default() }.family().is_err());
    assert!(RandomMdp { branches: 0, ..RandomMdp::default() }.family(0).is_err());
    assert!(RandomMdp { most: 1.5, ..RandomMdp::default() }.family(0).is_err());
}
