//! Episodes of every task: they start, run and end as they should.

use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, BatchSim, Divergence, Outcome, Physics, SimError, Simulator, Task, TaskName};

fn key() -> StreamKey {
    StreamKey::new(7, Purpose::Test)
}

/// Every task on every physics that it runs on in this build.
fn everything() -> impl Iterator<Item = (TaskName, Physics)> {
    TaskName::ALL
        .into_iter()
        .flat_map(|task| Physics::available(task).iter().map(move |&physics| (task, physics)))
}

/// A batch that varies everything.
fn batch(task: TaskName, physics: Physics, lanes: usize) -> Box<dyn BatchSim> {
    let task = Task::new(task);
    let vary = task.space();
    Simulator::new(task, Some(physics), vary).unwrap().batch(lanes).unwrap()
}

fn random_action(actions: &ActionSpace, stream: &mut wr2l_rng::Stream) -> Vec<f64> {
    match actions {
        ActionSpace::Continuous { low, high } => {
            low.iter().zip(high).map(|(&low, &high)| stream.uniform(low, high)).collect()
        }
        ActionSpace::Discrete { n } => vec![stream.below(*n) as f64],
    }
}

fn step(sim: &mut dyn BatchSim, action: &[f64]) -> (f64, Outcome) {
    let (mut reward, mut outcome) = ([f64::NAN], [Outcome::Running]);
    sim.step(action, &[true], &mut reward, &mut outcome);
    (reward[0], outcome[0])
}

fn state(sim: &dyn BatchSim, lane: usize) -> Vec<f64> {
    let mut out = vec![0.0; sim.spec().state_dim()];
    sim.state(lane, &mut out);
    out
}

#[test]
fn random_episodes_stay_finite_and_end_in_time() {
    for (task, physics) in everything() {
        let mut sim = batch(task, physics, 1);
        let mut stream = key().stream();
        let mut observation = vec![0.0; sim.spec().obs_dim];
        for episode in 0..3 {
            sim.reset(0, &mut key().episode(episode).stream());
            let mut steps = 0;
            let outcome = loop {
                let action = random_action(&sim.spec().actions, &mut stream);
                let (reward, outcome) = step(&mut *sim, &action);
                steps += 1;
                assert!(reward.is_finite(), "{task} on {physics}");
                sim.observe(0, &mut observation);
                assert!(observation.iter().all(|o| o.is_finite()), "{task} on {physics}");
                if outcome.is_over() {
                    break outcome;
                }
            };
            assert!(steps <= sim.spec().episode_limit, "{task} on {physics}");
            assert!(
                matches!(outcome, Outcome::Terminated | Outcome::Truncated),
                "{task} on {physics}: {outcome:?}"
            );
        }
    }
}

#[test]
fn the_half_cheetah_is_truncated_after_a_thousand_steps_and_never_terminated() {
    for physics in Physics::available(TaskName::HALF_CHEETAH) {
        let mut sim = batch(TaskName::HALF_CHEETAH, *physics, 1);
        sim.reset(0, &mut key().stream());
        for i in 1..=1000 {
            let (_, outcome) = step(&mut *sim, &[0.0; 6]);
            assert_eq!(outcome, if i < 1000 { Outcome::Running } else { Outcome::Truncated }, "step {i}");
        }
    }
}

#[test]
fn a_terminal_state_on_the_last_step_is_terminated_not_truncated() {
    for (task, physics) in everything().filter(|(task, _)| !Task::new(*task).healthy.coordinates.is_empty()) {
        let mut sim = batch(task, physics, 1);
        sim.reset(0, &mut key().stream());
        let mut snapshot = vec![0.0; sim.spec().snapshot_len];
        sim.save(0, &mut snapshot);
        *snapshot.last_mut().unwrap() = f64::from(sim.spec().episode_limit - 1);
        sim.restore(0, &snapshot).unwrap();
        let action = vec![0.0; sim.spec().act_dim()];
        assert_eq!(step(&mut *sim, &action).1, Outcome::Truncated, "{task} on {physics}");

        // The same one step before the limit, but fallen over.
        let mut fallen = state(&*sim, 0);
        fallen[if sim.spec().nq > 2 { 2 } else { 1 }] = 1.5;
        sim.set_state(0, &fallen).unwrap();
        sim.save(0, &mut snapshot);
        *snapshot.last_mut().unwrap() = f64::from(sim.spec().episode_limit - 1);
        sim.restore(0, &snapshot).unwrap();
        assert_eq!(step(&mut *sim, &action).1, Outcome::Terminated, "{task} on {physics}");
    }
}

#[test]
fn a_snapshot_continues_bit_for_bit_in_another_batch() {
    for (task, physics) in everything() {
        let (mut here, mut there) = (batch(task, physics, 1), batch(task, physics, 1));
        let space = Task::new(task).space();
        let phi: Vec<f64> = space.parameters().iter().map(|p| p.nominal * 1.3).collect();
        here.set_dynamics(0, &phi).unwrap();
        there.set_dynamics(0, &phi).unwrap();
        let mut stream = key().stream();
        here.reset(0, &mut stream);
        for _ in 0..30 {
            let action = random_action(&here.spec().actions, &mut stream);
            step(&mut *here, &action);
        }
        let mut snapshot = vec![0.0; here.spec().snapshot_len];
        here.save(0, &mut snapshot);
        there.restore(0, &snapshot).unwrap();
        for _ in 0..30 {
            let action = random_action(&here.spec().actions, &mut stream);
            assert_eq!(step(&mut *here, &action), step(&mut *there, &action), "{task} on {physics}");
            assert_eq!(state(&*here, 0), state(&*there, 0), "{task} on {physics}");
        }
        let mut other = vec![0.0; snapshot.len()];
        here.save(0, &mut snapshot);
        there.save(0, &mut other);
        assert_eq!(snapshot, other, "{task} on {physics}");
    }
}

#[test]
fn a_lane_does_not_depend_on_the_lanes_beside_it() {
    for (task, physics) in everything() {
        let (mut alone, mut crowd) = (batch(task, physics, 1), batch(task, physics, 3));
        let space = Task::new(task).space();
        let mut stream = key().stream();
        for lane in 0..3 {
            let phi: Vec<f64> =
                space.parameters().iter().map(|p| p.nominal * stream.uniform(0.7, 1.4)).collect();
            crowd.set_dynamics(lane, &phi).unwrap();
            if lane == 1 {
                alone.set_dynamics(0, &phi).unwrap();
            }
            crowd.reset(lane, &mut key().lane(lane as u64).stream());
        }
        alone.reset(0, &mut key().lane(1).stream());
        let n = alone.spec().act_dim();
        for i in 0..40 {
            let actions: Vec<f64> =
                (0..3).flat_map(|_| random_action(&alone.spec().actions, &mut stream)).collect();
            let (mut rewards, mut outcomes) = ([0.0; 3], [Outcome::Running; 3]);
            crowd.step(&actions, &[i % 2 == 0, true, i % 3 == 0], &mut rewards, &mut outcomes);
            let expected = step(&mut *alone, &actions[n..2 * n]);
            assert_eq!((rewards[1], outcomes[1]), expected, "{task} on {physics}");
            assert_eq!(state(&*crowd, 1), state(&*alone, 0), "{task} on {physics}");
        }
    }
}

#[test]
fn inactive_lanes_stand_still_and_their_results_are_not_written() {
    for (task, physics) in everything() {
        let mut sim = batch(task, physics, 2);
        for lane in 0..2 {
            sim.reset(lane, &mut key().lane(lane as u64).stream());
        }
        let before = state(&*sim, 1);
        let actions = vec![0.0; 2 * sim.spec().act_dim()];
        let (mut rewards, mut outcomes) = ([7.0; 2], [Outcome::Truncated; 2]);
        sim.step(&actions, &[true, false], &mut rewards, &mut outcomes);
        assert_ne!(outcomes[0], Outcome::Truncated, "{task} on {physics}");
        assert_eq!(
            (rewards[1], outcomes[1], state(&*sim, 1)),
            (7.0, Outcome::Truncated, before),
            "{task} on {physics}"
        );
    }
}

#[test]
fn an_action_that_is_not_finite_diverges_without_a_step() {
    for (task, physics) in everything() {
        let mut sim = batch(task, physics, 1);
        sim.reset(0, &mut key().stream());
        let before = state(&*sim, 0);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut action = vec![0.0; sim.spec().act_dim()];
            *action.last_mut().unwrap() = bad;
            assert_eq!(
                step(&mut *sim, &action),
                (0.0, Outcome::Diverged(Divergence::Action)),
                "{task} on {physics}"
            );
            assert_eq!(state(&*sim, 0), before, "{task} on {physics}");
        }
    }
    let mut sim = batch(TaskName::CARTPOLE, Physics::Classic, 1);
    sim.reset(0, &mut key().stream());
    for bad in [2.0, 0.5, -1.0] {
        assert_eq!(step(&mut *sim, &[bad]), (0.0, Outcome::Diverged(Divergence::Action)));
    }
}

#[test]
fn states_and_snapshots_of_wrong_length_or_not_finite_are_refused() {
    for (task, physics) in everything() {
        let mut sim = batch(task, physics, 1);
        sim.reset(0, &mut key().stream());
        let good = state(&*sim, 0);
        let mut bad = good.clone();
        bad[1] = f64::NAN;
        let n = good.len();
        let error = sim.set_state(0, &bad).unwrap_err();
        assert_eq!(error, SimError::State { what: "state", expected: n, got: n - 1 }, "{task} on {physics}");
        let error = sim.set_state(0, &good[1..]).unwrap_err();
        assert_eq!(error, SimError::State { what: "state", expected: n, got: n - 1 }, "{task} on {physics}");
        assert_eq!(state(&*sim, 0), good, "{task} on {physics}: a refused state leaves the lane alone");

        let mut snapshot = vec![0.0; sim.spec().snapshot_len];
        sim.save(0, &mut snapshot);
        assert!(sim.restore(0, &snapshot[1..]).is_err(), "{task} on {physics}");
        snapshot[0] = f64::INFINITY;
        assert!(sim.restore(0, &snapshot).is_err(), "{task} on {physics}");
    }
}

#[test]
fn tasks_and_physics_that_do_not_exist_or_do_not_fit_are_refused_with_a_hint() {
    let message = "hoper".parse::<TaskName>().unwrap_err().to_string();
    assert_eq!(message, "unknown task `hoper`; did you mean `hopper`?");
    let message = "mujocco".parse::<Physics>().unwrap_err().to_string();
    assert_eq!(message, "unknown physics `mujocco`; did you mean `mujoco`?");
    for task in TaskName::ALL {
        assert_eq!(task.to_string().parse(), Ok(task));
        assert_eq!(Task::new(task).name, task.as_str());
    }

    let task = Task::new(TaskName::CARTPOLE);
    let refused = Simulator::new(task.clone(), Some(Physics::Mujoco), task.space()).unwrap_err();
    assert!(matches!(refused, SimError::Physics { .. }), "{refused}");
    let foreign = Task::new(TaskName::HOPPER).space();
    assert!(matches!(Simulator::new(task, None, foreign), Err(SimError::Space(_))));
}

#[test]
fn dynamics_outside_their_bounds_are_refused_with_name_value_and_bounds_and_change_nothing() {
    for (task, physics) in everything() {
        let mut sim = batch(task, physics, 1);
        let space = Task::new(task).space();
        let (mut here, mut there) = (batch(task, physics, 1), batch(task, physics, 1));
        for (i, p) in space.parameters().iter().enumerate() {
            for bad in [f64::NAN, f64::INFINITY, p.lower * 0.999, p.upper * 1.001, -1.0] {
                let mut phi = space.nominal();
                phi[i] = bad;
                let message = sim.set_dynamics(0, &phi).unwrap_err().to_string();
                for part in [&p.name, &bad.to_string(), &p.lower.to_string(), &p.upper.to_string()] {
                    assert!(message.contains(part.as_str()), "{task} on {physics}: {message}");
                }
                assert!(here.set_dynamics(0, &phi).is_err());
            }
        }
        here.reset(0, &mut key().stream());
        there.reset(0, &mut key().stream());
        let action = vec![1.0; here.spec().act_dim()];
        for _ in 0..5 {
            assert_eq!(step(&mut *here, &action), step(&mut *there, &action), "{task} on {physics}");
        }
        assert_eq!(state(&*here, 0), state(&*there, 0), "{task} on {physics}");
    }
}
