//! Forces from outside: what they do, how long, and what is refused.

use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{BatchSim, Outcome, Physics, SimError, Simulator, Task, TaskName};

fn batch(name: TaskName, physics: Physics, lanes: usize) -> Box<dyn BatchSim> {
    let task = Task::new(name);
    let vary = task.space().select(&[] as &[&str]).unwrap();
    let mut sim = Simulator::new(task, Some(physics), vary).unwrap().batch(lanes).unwrap();
    for lane in 0..lanes {
        sim.reset(lane, &mut StreamKey::new(3, Purpose::Test).stream());
    }
    sim
}

fn everything() -> impl Iterator<Item = (TaskName, Physics)> {
    let pushable = TaskName::ALL.into_iter().filter(|&name| name != TaskName::CARTPOLE);
    pushable.flat_map(|task| Physics::available(task).iter().map(move |&physics| (task, physics)))
}

fn step(sim: &mut dyn BatchSim) {
    let lanes = sim.lanes();
    let actions = vec![0.1; lanes * sim.spec().act_dim()];
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    sim.step(&actions, &vec![true; lanes], &mut rewards, &mut outcomes);
}

fn state(sim: &dyn BatchSim, lane: usize) -> Vec<f64> {
    let mut state = vec![0.0; sim.spec().state_dim()];
    sim.state(lane, &mut state);
    state
}

/// Some forces, the same for every physics.
fn push(sim: &dyn BatchSim) -> Vec<f64> {
    (0..2 * sim.spec().forces.len()).map(|i| 15.0 - 8.0 * i as f64).collect()
}

#[test]
fn the_pushable_bodies_are_those_of_the_task() {
    for (name, bodies) in [
        (TaskName::CARTPOLE, &[] as &[&str]),
        (TaskName::INVERTED_PENDULUM, &["pole"]),
        (TaskName::TORQUE_PENDULUM, &["rod"]),
        (TaskName::HOPPER, &["foot"]),
        (TaskName::WALKER2D, &["foot", "foot_left"]),
        (TaskName::HALF_CHEETAH, &["torso", "bfoot", "ffoot"]),
    ] {
        assert_eq!(Task::new(name).spec().forces, bodies, "{name}");
    }
}

#[test]
fn forces_last_until_they_are_set_again_or_the_lane_starts_anew() {
    for (name, physics) in everything() {
        let what = format!("{name} on {physics}");
        // Lane 0 is never pushed; 1 always, 2 until released, 3 until restored, 4 until a new state, 5 until a reset.
        let mut sim = batch(name, physics, 6);
        let push = push(&*sim);
        for lane in 1..6 {
            sim.set_forces(lane, &push).unwrap();
        }
        step(&mut *sim);
        assert_ne!(state(&*sim, 0), state(&*sim, 1), "{what}");
        assert_eq!(state(&*sim, 1), state(&*sim, 2), "{what}");

        let mut snapshot = vec![0.0; sim.spec().snapshot_len];
        sim.save(3, &mut snapshot);
        sim.restore(3, &snapshot).unwrap();
        sim.set_forces(2, &vec![0.0; push.len()]).unwrap();
        step(&mut *sim);
        assert_eq!(state(&*sim, 2), state(&*sim, 3), "{what}: a snapshot holds no forces");
        assert_ne!(state(&*sim, 1), state(&*sim, 2), "{what}: the push lasts");

        let start = state(&*sim, 0);
        sim.set_state(0, &start).unwrap();
        sim.set_state(4, &start).unwrap();
        step(&mut *sim);
        assert_eq!(state(&*sim, 0), state(&*sim, 4), "{what}: a new state starts without forces");
        for lane in [0, 5] {
            sim.reset(lane, &mut StreamKey::new(4, Purpose::Test).stream());
        }
        step(&mut *sim);
        assert_eq!(state(&*sim, 0), state(&*sim, 5), "{what}: a reset starts without forces");
    }
}

#[test]
fn every_physics_takes_the_same_push() {
    for name in TaskName::ALL {
        let mut sims: Vec<Box<dyn BatchSim>> =
            Physics::available(name).iter().map(|&p| batch(name, p, 1)).collect();
        for step_of_episode in 0..5 {
            for sim in &mut sims {
                let mut push = push(&**sim);
                push.iter_mut().for_each(|f| *f *= f64::from(step_of_episode));
                sim.set_forces(0, &push).unwrap();
                step(&mut **sim);
            }
            for other in &sims[1..] {
                for (a, b) in state(&*sims[0], 0).iter().zip(&state(&**other, 0)) {
                    assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{name}, step {step_of_episode}");
                }
            }
        }
    }
}

#[test]
fn the_first_number_pushes_forward_and_the_second_up() {
    // The torso of HalfCheetah moves with the coordinates 0 (x) and 1 (z).
    for &physics in Physics::available(TaskName::HALF_CHEETAH) {
        for direction in [0, 1] {
            let mut sim = batch(TaskName::HALF_CHEETAH, physics, 2);
            let mut push = [0.0; 6];
            push[direction] = 50.0;
            sim.set_forces(1, &push).unwrap();
            step(&mut *sim);
            let moved = state(&*sim, 1)[direction] - state(&*sim, 0)[direction];
            assert!(moved > 0.0, "{physics}, direction {direction}: {moved}");
        }
    }
}

#[test]
fn forces_of_the_wrong_length_or_not_finite_are_refused_and_change_nothing() {
    for (name, physics) in everything().chain([(TaskName::CARTPOLE, Physics::Classic)]) {
        let mut sim = batch(name, physics, 2);
        let push = push(&*sim);
        let mut bad = vec![push.clone()];
        bad[0].push(1.0);
        for value in [f64::NAN, f64::INFINITY] {
            if !push.is_empty() {
                bad.push(push.clone());
                bad.last_mut().unwrap()[0] = value;
            }
        }
        for forces in bad {
            let error = sim.set_forces(1, &forces).unwrap_err();
            assert!(matches!(error, SimError::State { what: "forces", .. }), "{name} on {physics}: {error}");
        }
        step(&mut *sim);
        assert_eq!(state(&*sim, 0), state(&*sim, 1), "{name} on {physics}");
        sim.set_forces(0, &push).unwrap();
    }
}
