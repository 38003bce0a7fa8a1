//! A second thread: it changes no bit.

use super::*;
use crate::ddpg::exploration::NoiseKind;
use crate::ddpg::halves::is_worth_halving;
use crate::{HiddenUnits, NoiseConfig};

/// Learners whose gradient steps are worth halving, into halves of equal and of other sizes.
fn configs() -> Vec<DdpgConfig> {
    let large = |config: DdpgConfig| DdpgConfig { minibatch: 64, hidden: vec![64, 48], rounds: 2, ..config };
    let everything = DdpgConfig {
        minibatch: 101,
        hidden: vec![40, 33, 27],
        units: HiddenUnits::Tanh,
        critic_layer_norm: true,
        critic_l2: 0.01,
        normalise_observations: true,
        noise: NoiseConfig { kind: NoiseKind::Parameters, every: 5, ..NoiseConfig::default() },
        ..large(small_td3())
    };
    vec![
        large(small()),
        large(small_td3()),
        DdpgConfig { twin_critics: false, ..everything.clone() },
        everything,
    ]
}

#[test]
fn the_second_thread_changes_no_bit() {
    let simulator = simulator(TaskName::HOPPER);
    for config in configs() {
        let oppositions = [
            Opposition::Nobody,
            mixed(Interference::TakeOver { alpha: 0.2 }),
            mixed(Interference::Blend { alpha: 0.3 }),
        ];
        for opposition in oppositions {
            let learner = ddpg(&simulator, config.clone());
            assert!(is_worth_halving(&learner.critic.net, config.minibatch), "or nothing is tested");
            let reference = trained(&simulator, &config, opposition, 1, 1);
            for threads in [2, 3] {
                let (bits, reports) = trained(&simulator, &config, opposition, threads, 1);
                assert!(bits == reference.0, "{threads} threads, {opposition:?}, {config:?}");
                assert_eq!(reports, reference.1);
            }
        }
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_threads() {
    let simulator = simulator(TaskName::HOPPER);
    for config in configs() {
        let mut learner = ddpg(&simulator, config.clone());
        let [mut one, mut two] = [1, 2].map(|threads| Threads::new(&simulator, threads).unwrap());
        (0..2).for_each(|i| drop(improve(&mut learner, &mut two, i, Opposition::Nobody)));
        let mut state = State::default();
        learner.save(&mut state);
        let mut state = state.into_owned();
        let mut other = ddpg(&simulator, config.clone());
        other.restore(&mut state).unwrap();
        let a = improve(&mut learner, &mut two, 2, Opposition::Nobody);
        let b = improve(&mut other, &mut one, 2, Opposition::Nobody);
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        let states = [&learner, &other].map(|learner| {
            let mut state = State::default();
            learner.save(&mut state);
            state.into_owned()
        });
        let arrays = states.each_ref().map(|state| {
            state.arrays().map(|(name, array)| (name.to_owned(), array.clone())).collect::<Vec<_>>()
        });
        assert!(arrays[0] == arrays[1], "{config:?}");
    }
}

#[test]
fn each_thread_has_its_half() {
    let simulator = simulator(TaskName::HOPPER);
    for (config, rows) in configs().iter().zip([[32, 32], [32, 32], [56, 45], [56, 45]]) {
        let mut learner = begun(&simulator, config.clone());
        assert_eq!(learner.halves.each_ref().map(|half| half.places.len()), rows);
        // One half after the other, and once with whatever the first thread would find if the halves were one.
        let whole = drawn(&learner);
        let mut again = Draw::default();
        learner.replay.draw(config.minibatch, &mut StreamKey::new(1, Purpose::Test).stream(), &mut again);
        assert_eq!((&whole.actions, &whole.rewards), (&again.actions, &again.rewards));
        learn(&mut learner, None, &mut StreamKey::new(1, Purpose::Test).stream());
        assert_eq!(targets_of(&learner).len(), config.minibatch);
    }
}
