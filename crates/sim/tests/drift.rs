//! Dynamics that drift: as fast as is said, from where they were set, within their bounds.

use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_sim::{BatchSim, Drift, Outcome, Simulator, Task, TaskName};

fn plain(name: TaskName) -> Simulator {
    let task = Task::new(name);
    let vary = task.space();
    Simulator::new(task, None, vary).unwrap()
}

fn stream(lane: u64) -> Stream {
    StreamKey::new(11, Purpose::Test).lane(lane).stream()
}

fn step(sim: &mut dyn BatchSim) -> (Vec<f64>, Vec<f64>) {
    let lanes = sim.lanes();
    let actions = vec![1.0; lanes * sim.spec().act_dim()];
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    sim.step(&actions, &vec![true; lanes], &mut rewards, &mut outcomes);
    let width = sim.spec().state_dim();
    let mut states = vec![0.0; lanes * width];
    states.chunks_exact_mut(width).enumerate().for_each(|(lane, out)| sim.state(lane, out));
    (rewards, states)
}

#[test]
fn a_steady_drift_is_the_dynamics_set_by_hand_after_every_step() {
    for name in [TaskName::CARTPOLE, TaskName::HOPPER, TaskName::TORQUE_PENDULUM] {
        let plain = plain(name);
        let space = plain.space().clone();
        let rates: Vec<f64> = (0..space.dim()).map(|i| 0.3 * f64::from(i as u32 % 3) - 0.3).collect();
        let drifting = plain.clone().with_drift(Drift::Steady(rates.clone())).unwrap();
        assert_ne!(plain.identity(), drifting.identity());
        let (mut a, mut b) = (plain.batch(1).unwrap(), drifting.batch(1).unwrap());
        let start: Vec<f64> = space.parameters().iter().map(|p| p.nominal * 1.1).collect();
        let mut state = vec![0.0; plain.spec().state_dim()];
        a.reset(0, &mut stream(0));
        a.state(0, &mut state);
        for sim in [&mut a, &mut b] {
            sim.set_dynamics(0, &start).unwrap();
            sim.set_state(0, &state).unwrap();
        }
        let mut beyond = false;
        for k in 0..8 {
            let phi: Vec<f64> = (0..space.dim())
                .map(|i| {
                    let p = &space.parameters()[i];
                    // Summed as it drifts, one step at a time.
                    let moved: f64 = (0..k).fold(0.0, |sum, _| sum + rates[i]);
                    let drifted = start[i] + moved * p.scale;
                    beyond |= drifted < p.lower || drifted > p.upper;
                    if moved == 0.0 { start[i] } else { drifted.clamp(p.lower, p.upper) }
                })
                .collect();
            a.set_dynamics(0, &phi).unwrap();
            assert_eq!(step(a.as_mut()), step(b.as_mut()), "{name}, step {k}");
        }
        assert!(beyond, "{name}: some drift ended at its bounds");
    }
}

#[test]
fn an_episode_begins_where_it_was_set_and_a_snapshot_goes_on_bit_for_bit() {
    for drift in [Drift::Walk(0.05), Drift::Steady(vec![0.02; 5])] {
        let drifting = plain(TaskName::CARTPOLE).with_drift(drift.clone()).unwrap();
        let (mut one, mut other) = (drifting.batch(1).unwrap(), drifting.batch(3).unwrap());
        one.reset(0, &mut stream(1));
        (0..5).for_each(|_| drop(step(one.as_mut())));
        one.reset(0, &mut stream(2));
        (0..3).for_each(|lane| other.reset(lane, &mut stream(lane as u64)));
        for _ in 0..5 {
            // The same episode, after another one and beside others.
            assert_eq!(step(one.as_mut()).1, step(other.as_mut()).1[8..], "{drift:?}");
        }
        let mut snapshot = vec![0.0; drifting.spec().snapshot_len];
        one.save(0, &mut snapshot);
        let mut fresh = drifting.batch(1).unwrap();
        fresh.restore(0, &snapshot).unwrap();
        for _ in 0..5 {
            assert_eq!(step(one.as_mut()), step(fresh.as_mut()), "{drift:?}");
        }
    }
}

#[test]
fn a_walk_spreads_with_the_root_of_the_steps_and_differs_between_episodes() {
    let rate = 0.002;
    let drifting = plain(TaskName::TORQUE_PENDULUM).with_drift(Drift::Walk(rate)).unwrap();
    let len = drifting.spec().snapshot_len;
    let mut sim = drifting.batch(1).unwrap();
    let (episodes, steps) = (400, 64);
    let (mut sum, mut squares, mut products) = (0.0, 0.0, 0.0);
    let mut snapshot = vec![0.0; len];
    for episode in 0..episodes {
        sim.reset(0, &mut stream(episode));
        (0..steps).for_each(|_| drop(step(sim.as_mut())));
        sim.save(0, &mut snapshot);
        let moved = &snapshot[len - 3..];
        assert!(moved.iter().all(|m| m.abs() <= rate * steps as f64 + 1e-12));
        sum += moved.iter().sum::<f64>();
        squares += moved.iter().map(|m| m * m).sum::<f64>();
        products += moved[0] * moved[1] + moved[1] * moved[2];
    }
    let n = 3.0 * episodes as f64;
    let spread = rate * (steps as f64).sqrt();
    // Five standard errors; a sum of many signs is nearly normal.
    assert!((sum / n).abs() < 5.0 * spread / n.sqrt());
    assert!((squares / n / (spread * spread) - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
    assert!(
        (products / (2.0 * episodes as f64)).abs() < 5.0 * spread * spread / (2.0 * episodes as f64).sqrt()
    );
}

#[test]
fn drift_that_is_none_is_refused() {
    let plain = plain(TaskName::CARTPOLE);
    for drift in [
        Drift::Steady(vec![0.1; 4]),
        Drift::Steady(vec![f64::NAN; 5]),
        Drift::Walk(-0.1),
        Drift::Walk(f64::INFINITY),
    ] {
        assert!(plain.clone().with_drift(drift.clone()).is_err(), "{drift:?}");
    }
}
