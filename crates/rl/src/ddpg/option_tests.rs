//! The options that the authors of PR-MDP set: noise, normalisation, the critic.

use super::tests::{begun, ddpg, draw, drawn, halved, improve, learn, mixed, simulator, small, trained};
use super::*;
use crate::ddpg::replay::Draw;
use crate::{Correlation, Executor, Fixed, HiddenUnits, InitialWeights, Interference, NoiseConfig, Threads};
use wr2l_sim::{Simulator, TaskName};

fn noise(kind: NoiseKind) -> NoiseConfig {
    NoiseConfig { kind, every: 5, ..NoiseConfig::default() }
}

/// Each option alone, and all that go together.
fn options() -> Vec<(&'static str, DdpgConfig)> {
    let ou = noise(NoiseKind::OrnsteinUhlenbeck);
    let weights = noise(NoiseKind::Parameters);
    let all = DdpgConfig {
        units: HiddenUnits::Tanh,
        initial_weights: InitialWeights::Small,
        critic_layer_norm: true,
        critic_l2: 0.01,
        normalise_observations: true,
        ..small()
    };
    vec![
        ("units", DdpgConfig { units: HiddenUnits::Tanh, ..small() }),
        ("initial weights", DdpgConfig { initial_weights: InitialWeights::Small, ..small() }),
        ("layer norm", DdpgConfig { critic_layer_norm: true, ..small() }),
        ("l2", DdpgConfig { critic_l2: 0.01, ..small() }),
        ("normalised", DdpgConfig { normalise_observations: true, ..small() }),
        ("ornstein-uhlenbeck", DdpgConfig { noise: ou, ..small() }),
        ("parameters", DdpgConfig { noise: weights, ..small() }),
        ("all with parameters", DdpgConfig { noise: weights, ..all.clone() }),
        ("all with ornstein-uhlenbeck", DdpgConfig { noise: ou, ..all }),
    ]
}

fn turns(explores: bool) -> Opposition<'static> {
    let means = Interference::TakeOver { alpha: 0.3 };
    Opposition::Mixed(Mixing { means, every: 2, in_turn: true, explores })
}

#[test]
fn every_option_changes_the_run_and_none_depends_on_threads_or_grouping() {
    let simulator = simulator(TaskName::HOPPER);
    let plain = trained(&simulator, &small(), turns(true), 1, 1);
    for (name, config) in options() {
        let reference = trained(&simulator, &config, turns(true), 1, 1);
        assert!(reference != plain, "{name}");
        for (threads, grouping) in [(2, 1), (1, 3)] {
            assert!(reference == trained(&simulator, &config, turns(true), threads, grouping), "{name}");
        }
    }
    let following = mixed(Interference::TakeOver { alpha: 0.3 });
    for (opposition, name) in [(turns(false), "explores"), (following, "in turn")] {
        assert!(plain != trained(&simulator, &small(), opposition, 1, 1), "{name}");
    }
}

#[test]
fn a_restored_learner_goes_on_bit_for_bit_with_every_option() {
    let simulator = simulator(TaskName::HOPPER);
    for (name, config) in options() {
        for opposition in [Opposition::Nobody, turns(true), turns(false)] {
            let mut executor = Threads::new(&simulator, 1).unwrap();
            let mut learner = ddpg(&simulator, config.clone());
            // Saved in the middle of episodes, and once before there is anything to save.
            for iteration in 0..3 {
                let mut state = State::default();
                learner.save(&mut state);
                let mut state = state.into_owned();
                let mut other = ddpg(&simulator, config.clone());
                other.restore(&mut state).unwrap();
                state.finish().unwrap();
                let a = improve(&mut learner, &mut executor, iteration, opposition);
                let b = improve(&mut other, &mut executor, iteration, opposition);
                assert_eq!(format!("{a:?}"), format!("{b:?}"), "{name}");
                assert_eq!(learner.actor.params(), other.actor.params(), "{name}");
                assert_eq!(learner.actor.normaliser(), other.actor.normaliser(), "{name}");
                assert!(
                    learner.critic.nets().map(Net::params).eq(other.critic.nets().map(Net::params)),
                    "{name}"
                );
                let (mut a, mut b) = (State::default(), State::default());
                learner.save(&mut a);
                other.save(&mut b);
                assert!(
                    a.arrays()
                        .map(|(name, array)| (name.to_owned(), array.clone()))
                        .eq(b.arrays().map(|(name, array)| (name.to_owned(), array.clone())))
                );
            }
        }
    }
}

/// The noise on the first action of every lane, step by step, of a policy that does nothing itself: two rounds of `steps`.
fn noise_of_actions(simulator: &Simulator, correlation: Option<Correlation>, steps: usize) -> Vec<Vec<f64>> {
    let learner = ddpg(simulator, DdpgConfig { exploration: 0.5, ..small() });
    let mut actor = learner.actor.clone();
    let zeros = vec![0.0; learner.mover.params().len()];
    actor.renew_network(&zeros);
    let mut lanes = Lanes { correlation, ..Lanes::new(400, simulator.spec(), 0) };
    let mut executor = Threads::with_lanes(simulator, 1, 16).unwrap();
    let (mut batch, mut noise) = (Vec::new(), vec![Vec::new(); 400]);
    for iteration in 0..2 {
        let options = CollectOptions {
            seed: 5,
            iteration,
            stretch: Stretch::Steps(steps),
            discount: 0.99,
            acting: Acting::Sample,
            random_actions: 0.0,
        };
        let players = Players::alone(&actor);
        executor.collect(players, &Fixed(Vec::new()), &mut lanes, options, &mut batch).unwrap();
        for (lane, noise) in batch.iter().zip(&mut noise) {
            let actions = lane.actions.chunks_exact(actor.act_dim());
            noise.extend(actions.map(|action| f64::from(action[0]) / 0.5));
        }
    }
    noise
}

/// Mean over the lanes of the product of the noise at two steps.
fn covariance(noise: &[Vec<f64>], s: usize, t: usize) -> f64 {
    noise.iter().map(|lane| lane[s] * lane[t]).sum::<f64>() / noise.len() as f64
}

#[test]
fn noise_with_a_memory_is_an_ornstein_uhlenbeck_process_that_begins_at_zero() {
    // No episode of the HalfCheetah ends before its thousand steps.
    let simulator = simulator(TaskName::HALF_CHEETAH);
    let (theta, dt) = (0.5, 0.2);
    let config = NoiseConfig { theta, dt, ..noise(NoiseKind::OrnsteinUhlenbeck) };
    let process = config.correlation().unwrap();
    assert_eq!(process, Correlation { keep: 0.9, fresh: dt.sqrt() });
    let noise = noise_of_actions(&simulator, Some(process), 20);
    // x_t = Σ keep^i fresh n: variance fresh²(1 − keep^2t)/(1 − keep²), and keep^k of it between steps k apart, over the
    // border of the rounds as well.
    let variance = |t: i32| dt * (1.0 - 0.9_f64.powi(2 * t)) / (1.0 - 0.81);
    for (s, t) in [(0, 0), (5, 5), (5, 6), (19, 20), (39, 39), (15, 25)] {
        let expected = variance(s as i32 + 1) * 0.9_f64.powi((t - s) as i32);
        let got = covariance(&noise, s, t);
        // 400 lanes: five standard errors of a product are at most 5·√2/20 of the variance.
        let margin = 0.36 * variance(t as i32 + 1);
        assert!((got - expected).abs() < margin, "{s} {t}: {got}, expected {expected}");
    }
    // One step apart what is new is as small as stated, at the border of the rounds too.
    for t in [1, 10, 20, 21] {
        let fresh: f64 = noise.iter().map(|lane| (lane[t] - 0.9 * lane[t - 1]).powi(2)).sum::<f64>() / 400.0;
        assert!((fresh / dt - 1.0).abs() < 0.36, "{t}: {fresh}");
    }
    // Without a memory there is none.
    let white = noise_of_actions(&simulator, None, 20);
    assert!(covariance(&white, 19, 20).abs() < 0.25 && (covariance(&white, 20, 20) - 1.0).abs() < 0.36);
    // Where episodes end, it begins again: the pendulum falls within twenty steps, most lanes more than once.
    let pendulum = noise_of_actions(&super::tests::simulator(TaskName::INVERTED_PENDULUM), Some(process), 60);
    let late = covariance(&pendulum, 119, 119);
    assert!(late < 0.8 * variance(120), "{late}: no episode has lasted 120 steps");
}

#[test]
fn agent_and_opponent_have_each_a_memory_of_their_own_noise() {
    let simulator = simulator(TaskName::HOPPER);
    let config = DdpgConfig { noise: noise(NoiseKind::OrnsteinUhlenbeck), warm_up: 0, ..small() };
    for explores in [true, false] {
        let mut executor = Threads::new(&simulator, 1).unwrap();
        let mut learner = ddpg(&simulator, config.clone());
        improve(&mut learner, &mut executor, 0, turns(explores));
        // An episode may just have begun; in a lane whose has not there is noise.
        let began = |lane: &&crate::LaneState| lane.length > 0;
        let mut lanes = learner.lanes.states.iter().filter(began).peekable();
        assert!(lanes.peek().is_some());
        for lane in lanes {
            let [agent, opponent] = &lane.noise;
            assert_eq!((agent.len(), opponent.len()), (3, 3));
            assert!(agent.iter().all(|x| *x != 0.0) && agent != opponent);
            assert_eq!(opponent.iter().any(|x| *x != 0.0), explores);
        }
    }
}

#[test]
fn noise_on_weights_comes_to_move_actions_as_far_as_it_should() {
    let simulator = simulator(TaskName::HOPPER);
    for begin in [1e-3, 3.0] {
        let mut learner = begun(&simulator, DdpgConfig { noise: noise(NoiseKind::Parameters), ..small() });
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        let mut explorers = ParameterNoise::new(begin, &learner.actor);
        let (std, mean) = halved(&mut learner, |parts, _| {
            (0..600).for_each(|_| explorers.adapt(parts, (0.2, 1.03), &mut stream));
            // The mean of many draws at the deviation that it has come to.
            let std = explorers.std();
            let distances = (0..200).map(|_| {
                let agent = read(&parts.agent);
                let noisy = agent.params().iter().map(|w| (f64::from(*w) + std * stream.normal()) as f32);
                let weights: Vec<f32> = noisy.collect();
                drop(agent);
                parts.distance_of_actions(&weights)
            });
            (std, distances.sum::<f64>() / 200.0)
        });
        assert!((0.14..0.28).contains(&mean), "from {begin} to {std}: {mean}");
    }
}

#[test]
fn noisy_weights_stay_for_whole_episodes_and_are_drawn_anew_after_one() {
    let simulator = simulator(TaskName::HOPPER);
    let learner = begun(&simulator, DdpgConfig { noise: noise(NoiseKind::Parameters), ..small() });
    let Ddpg { actor, mover, lanes, .. } = &learner;
    let mut explorers = ParameterNoise::new(0.3, actor);
    let mut lanes = lanes.clone();
    let mut stream = StreamKey::new(1, Purpose::Test).stream();
    let mut weights =
        |lanes: &Lanes| explorers.explorers((actor, mover), None, lanes, &mut stream).0.params().to_vec();
    let first = weights(&lanes);
    let n = mover.params().len();
    let deviation: f64 =
        first[..n].iter().zip(mover.params()).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / n as f64;
    // 422 weights: five standard errors of the variance are 34 %.
    assert!((deviation / 0.09 - 1.0).abs() < 0.34, "{deviation}");
    assert_eq!(first[n..], actor.params()[n..], "what is no weight has no noise");
    assert_eq!(first, weights(&lanes));
    lanes.states[1].episode += 1;
    let second = weights(&lanes);
    assert_ne!(first, second);
    assert_eq!(second, weights(&lanes));
}

#[test]
fn the_buffer_holds_what_the_noisy_weights_did_and_raw_observations() {
    let simulator = simulator(TaskName::HOPPER);
    let config = DdpgConfig {
        noise: noise(NoiseKind::Parameters),
        normalise_observations: true,
        warm_up: 0,
        rounds: 1,
        ..small()
    };
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let mut learner = ddpg(&simulator, config);
    improve(&mut learner, &mut executor, 0, Opposition::Nobody);
    let normaliser = learner.actor.normaliser().clone();
    assert_eq!(normaliser, learner.observations.normaliser(OBSERVATION_CLIP));
    let lengths: Vec<usize> = learner.batch.iter().map(|lane| lane.rewards.len()).collect();
    assert_eq!(lengths, [7, 7, 7]);
    improve(&mut learner, &mut executor, 1, Opposition::Nobody);
    // The explorers of that round, with the normaliser that it was collected with.
    let mut explorer = learner.explorers.as_ref().unwrap().agent().clone();
    explorer.renew_normaliser(&normaliser);
    let mut scratch = explorer.scratch(1);
    for lane in &learner.batch {
        for (obs, action) in lane.inputs.chunks_exact(11).zip(lane.actions.chunks_exact(3)) {
            let obs: Vec<f64> = obs.iter().map(|x| f64::from(*x)).collect();
            let mut expected = [0.0; 3];
            explorer.act(&obs, None, &mut scratch, &mut expected, &mut []);
            for (a, b) in action.iter().zip(expected) {
                assert!((a - b).abs() < 1e-4, "{action:?} {expected:?}");
            }
        }
    }
    // The height of the torso, raw: about 1.25.
    assert!(learner.batch.iter().all(|lane| (lane.inputs[0] - 1.2).abs() < 0.2));
}

#[test]
fn minibatches_are_normalised_as_the_policy_normalises() {
    let simulator = simulator(TaskName::HOPPER);
    let mut learner = begun(&simulator, DdpgConfig { normalise_observations: true, ..small() });
    let mut stream = StreamKey::new(2, Purpose::Test).stream();
    learner.config.minibatch = 4000;
    let mut raw = Draw::default();
    learner.replay.draw(4000, &mut stream.clone(), &mut raw);
    draw(&mut learner, &mut stream);
    let seen = drawn(&learner);
    for (what, raw, seen) in [("obs", &raw.obs, &seen.obs), ("next", &raw.next, &seen.next)] {
        for (raw, seen) in raw.chunks_exact(11).zip(seen.chunks_exact(11)) {
            let raw: Vec<f64> = raw.iter().map(|x| f64::from(*x)).collect();
            let mut expected = [0.0; 11];
            learner.actor.normaliser().apply(&raw, &mut expected);
            assert_eq!(seen, expected, "{what}");
        }
    }
    // All that has been seen is in the buffer.
    for i in 0..11 {
        let column = || seen.obs.iter().skip(i).step_by(11).map(|x| f64::from(*x));
        let mean = column().sum::<f64>() / 4000.0;
        let variance = column().map(|x| (x - mean).powi(2)).sum::<f64>() / 4000.0;
        assert!(mean.abs() < 0.1 && (variance - 1.0).abs() < 0.5, "{i}: {mean} {variance}");
    }
    assert_eq!((raw.actions, raw.rewards), (seen.actions, seen.rewards));
}

#[test]
fn l2_adds_its_share_of_every_parameter_to_the_gradient_and_shrinks_them() {
    let simulator = simulator(TaskName::HOPPER);
    for critic_layer_norm in [false, true] {
        let mut learner = begun(&simulator, DdpgConfig { critic_layer_norm, ..small() });
        let mut stream = StreamKey::new(1, Purpose::Test).stream();
        learner.config.critic_learning_rate = 0.0;
        learn(&mut learner, None, &mut stream);
        let plain = learner.critic.net.gradient().to_vec();
        learner.config.critic_l2 = 0.5;
        learn(&mut learner, None, &mut stream);
        let Net { gradient, .. } = &learner.critic.net;
        for ((with, plain), param) in gradient.iter().zip(&plain).zip(learner.critic.net.params()) {
            assert!((with - plain - 0.25 * param).abs() < 1e-6 * (1.0 + with.abs()));
        }
        let norm = |learner: &Ddpg| learner.critic.net.params().iter().map(|p| p * p).sum::<f32>();
        let before = norm(&learner);
        // Much weight, so that nothing else counts.
        (learner.config.critic_l2, learner.config.critic_learning_rate) = (1e6, 1e-3);
        for _ in 0..50 {
            learn(&mut learner, None, &mut stream);
        }
        assert!(norm(&learner) < 0.8 * before);
    }
}

#[test]
fn an_opponent_that_does_not_explore_acts_by_its_mean() {
    let simulator = simulator(TaskName::HOPPER);
    let means = Interference::TakeOver { alpha: 1.0 };
    for (explores, kind) in
        [(false, NoiseKind::Gaussian), (true, NoiseKind::Gaussian), (false, NoiseKind::OrnsteinUhlenbeck)]
    {
        let mut executor = Threads::new(&simulator, 1).unwrap();
        let config = DdpgConfig { noise: noise(kind), warm_up: 0, rounds: 1, ..small() };
        let mut learner = ddpg(&simulator, config);
        let opposition = Opposition::Mixed(Mixing { means, every: 1, in_turn: false, explores });
        improve(&mut learner, &mut executor, 0, opposition);
        let opponent = learner.opponent().unwrap().clone();
        improve(&mut learner, &mut executor, 1, opposition);
        let mut scratch = opponent.scratch(1);
        let lane = &learner.batch[0];
        let mean = lane.inputs.chunks_exact(11).zip(lane.actions.chunks_exact(3)).all(|(obs, action)| {
            let obs: Vec<f64> = obs.iter().map(|x| f64::from(*x)).collect();
            let mut expected = [0.0; 3];
            opponent.act(&obs, None, &mut scratch, &mut expected, &mut []);
            action.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5)
        });
        assert_eq!(mean, !explores, "{kind:?}");
    }
}
