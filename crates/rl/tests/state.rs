//! A learner goes on from its saved state bit for bit, and refuses what is none of its states.

use wr2l_rl::{
    Ddpg, DdpgConfig, DynamicsSource, Executor, Experience, Learner, Ppo, PpoConfig, State, StateError,
    Threads, Trpo, TrpoConfig,
};
use wr2l_sim::{Simulator, Task, TaskName};

/// Episodes under dynamics of their own, so that lanes differ.
#[derive(Debug)]
struct Varied;

impl DynamicsSource for Varied {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        out.fill(((lane + episode) % 4) as f64 * 0.1);
    }
}

fn simulator(task: TaskName, vary: &[&str]) -> Simulator {
    let task = Task::new(task);
    let space = task.space().select(vary).unwrap();
    Simulator::new(task, None, space).unwrap()
}

fn ppo(simulator: &Simulator, config: PpoConfig) -> Ppo {
    Ppo::new(config, simulator.spec(), simulator.space().dim(), 11).unwrap()
}

/// Learners of every kind, freshly made, with a history.
fn learners(simulator: &Simulator, normalise_observations: bool, frames: usize) -> Vec<Box<dyn Learner>> {
    let dim = simulator.space().dim();
    let of_ppo =
        PpoConfig { lanes: 3, horizon: 40, minibatches: 4, normalise_observations, ..PpoConfig::default() };
    let of_trpo = TrpoConfig { lanes: 3, horizon: 40, normalise_observations, ..TrpoConfig::default() };
    let spec = simulator.spec();
    let mut all: Vec<Box<dyn Learner>> = vec![
        Box::new(Ppo::with_history(of_ppo, spec, dim, frames, 11).unwrap()),
        Box::new(Trpo::with_history(of_trpo, spec, dim, frames, 11).unwrap()),
    ];
    let of_ddpg = DdpgConfig {
        lanes: 3,
        horizon: 10,
        rounds: 2,
        warm_up: 80,
        replay: 200,
        minibatch: 8,
        ..DdpgConfig::td3()
    };
    // It has no use for choices.
    all.extend(Ddpg::with_history(of_ddpg, spec, dim, frames, 11).ok().map(|ddpg| Box::new(ddpg) as _));
    all
}

fn improve(learner: &mut dyn Learner, executor: &mut dyn Executor, iterations: std::ops::Range<u64>) {
    for iteration in iterations {
        let progress = iteration as f64 / 6.0;
        learner.improve(Experience::alone(executor, &Varied, 11, iteration, progress)).unwrap();
    }
}

fn saved(learner: &dyn Learner) -> State<'static> {
    let mut state = State::default();
    learner.save(&mut state);
    state.into_owned()
}

#[test]
fn a_restored_learner_goes_on_bit_for_bit() {
    for (task, vary) in
        [(TaskName::CARTPOLE, "pole_half_length"), (TaskName::INVERTED_PENDULUM, "pole_length")]
    {
        let simulator = simulator(task, &[vary]);
        let mut executor = Threads::new(&simulator, 1).unwrap();
        for (normalise, pause, frames) in
            [(true, 0, 0), (true, 1, 0), (true, 3, 2), (false, 2, 0), (false, 3, 1)]
        {
            let learners = || learners(&simulator, normalise, frames);
            for (mut uninterrupted, mut resumed) in learners().into_iter().zip(learners()) {
                improve(&mut *uninterrupted, &mut executor, 0..pause);
                let mut state = saved(&*uninterrupted);
                improve(&mut *uninterrupted, &mut executor, pause..5);
                resumed.restore(&mut state).unwrap();
                state.finish().unwrap();
                improve(&mut *resumed, &mut Threads::with_lanes(&simulator, 2, 2).unwrap(), pause..5);
                assert_eq!(saved(&*resumed), saved(&*uninterrupted), "{task}, after {pause}");
                assert_eq!(resumed.actor().normaliser(), uninterrupted.actor().normaliser());
            }
        }
    }
}

#[test]
fn the_state_of_another_plan_is_refused_by_name() {
    let simulator = simulator(TaskName::CARTPOLE, &[]);
    let config = PpoConfig { lanes: 3, horizon: 40, minibatches: 4, ..PpoConfig::default() };
    let state = saved(&ppo(&simulator, config.clone()));
    let refusal = |config: PpoConfig| ppo(&simulator, config).restore(&mut state.clone()).unwrap_err();
    let wider = refusal(PpoConfig { hidden: vec![65, 64], ..config.clone() });
    assert!(matches!(&wider, StateError::Length { name, .. } if name == "policy.params"), "{wider}");
    let more = refusal(PpoConfig { lanes: 4, ..config.clone() });
    assert!(matches!(&more, StateError::Length { name, .. } if name.starts_with("lanes.")), "{more}");
    assert!(!state.holds("lanes.memory"), "a checkpoint of version 0.1 has no such array");
    for (name, _) in state.arrays() {
        let mut lacking = State::default();
        for (other, array) in state.arrays().filter(|(other, _)| *other != name) {
            lacking.put(other, array.clone());
        }
        let missing = ppo(&simulator, config.clone()).restore(&mut lacking).unwrap_err();
        assert_eq!(missing, StateError::Missing { name: name.to_owned() });
    }
}
