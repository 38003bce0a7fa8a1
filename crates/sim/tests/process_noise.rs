//! Process noise: the distribution that it says, and nothing else.

use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_sim::{BatchSim, Outcome, Simulator, Task, TaskName};

fn simulator(name: TaskName) -> Simulator {
    let task = Task::new(name);
    let vary = task.space();
    Simulator::new(task, None, vary).unwrap()
}

fn stream(lane: u64) -> Stream {
    StreamKey::new(9, Purpose::Test).lane(lane).stream()
}

/// What a step by these actions leads to: rewards, outcomes and states of all lanes.
fn step(sim: &mut dyn BatchSim, action: f64) -> (Vec<f64>, Vec<Outcome>, Vec<f64>) {
    let (lanes, act_dim) = (sim.lanes(), sim.spec().act_dim());
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    sim.step(&vec![action; lanes * act_dim], &vec![true; lanes], &mut rewards, &mut outcomes);
    let width = sim.spec().state_dim();
    let mut states = vec![0.0; lanes * width];
    states.chunks_exact_mut(width).enumerate().for_each(|(lane, out)| sim.state(lane, out));
    (rewards, outcomes, states)
}

const TASKS: [TaskName; 2] = [TaskName::CARTPOLE, TaskName::HOPPER];

#[test]
fn a_step_is_the_plain_step_after_a_kick_of_normal_velocities() {
    for name in TASKS {
        let plain = simulator(name);
        let (nq, nv) = (plain.spec().nq, plain.spec().nv);
        let std: Vec<f64> = (0..nv).map(|i| 0.01 * (i as f64 + 1.0)).collect();
        let noisy = plain.clone().with_process_noise(&std).unwrap();
        let mut at = vec![0.0; nq + nv];
        let (mut a, mut b) = (plain.batch(1).unwrap(), noisy.batch(1).unwrap());
        a.reset(0, &mut stream(1));
        a.state(0, &mut at);
        for number in 0..20 {
            b.set_state(0, &at).unwrap();
            b.set_noise(0, number);
            let mut draws = StreamKey::new(number, Purpose::ProcessNoise).stream();
            let mut kicked = at.clone();
            kicked[nq..].iter_mut().zip(&std).for_each(|(v, std)| *v += std * draws.normal());
            a.set_state(0, &kicked).unwrap();
            assert_eq!(step(a.as_mut(), 1.0), step(b.as_mut(), 1.0), "{name:?} {number}");
        }
    }
}

#[test]
fn without_noise_nothing_changes_to_the_bit() {
    for name in TASKS {
        let plain = simulator(name);
        let same = plain.clone().with_process_noise(&[0.0]).unwrap();
        assert_eq!((plain.identity(), plain.spec()), (same.identity(), same.spec()));
        let (mut a, mut b) = (plain.batch(2).unwrap(), same.batch(2).unwrap());
        for sim in [&mut a, &mut b] {
            (0..2).for_each(|lane| sim.reset(lane, &mut stream(lane as u64)));
        }
        (0..10).for_each(|_| assert_eq!(step(a.as_mut(), 0.0), step(b.as_mut(), 0.0)));
    }
}

#[test]
fn a_lane_depends_on_no_other_and_a_snapshot_goes_on_bit_for_bit() {
    for name in TASKS {
        let noisy = simulator(name).with_process_noise(&[0.05]).unwrap();
        let width = noisy.spec().state_dim();
        let (mut one, mut many) = (noisy.batch(1).unwrap(), noisy.batch(3).unwrap());
        one.reset(0, &mut stream(2));
        (0..3).for_each(|lane| many.reset(lane, &mut stream(lane as u64)));
        for _ in 0..4 {
            let (of_one, of_many) = (step(one.as_mut(), 1.0), step(many.as_mut(), 1.0));
            assert_eq!(of_one.2, of_many.2[2 * width..]);
            assert_ne!(of_many.2[..width], of_many.2[width..2 * width]);
        }
        let mut snapshot = vec![0.0; noisy.spec().snapshot_len];
        many.save(2, &mut snapshot);
        let mut other = noisy.batch(1).unwrap();
        other.restore(0, &snapshot).unwrap();
        for _ in 0..4 {
            assert_eq!(step(one.as_mut(), 0.0), step(other.as_mut(), 0.0));
        }
    }
}

#[test]
fn forces_last_through_the_kicks() {
    let plain = simulator(TaskName::HOPPER);
    let noisy = plain.clone().with_process_noise(&[1e-12]).unwrap();
    let (mut a, mut b) = (plain.batch(1).unwrap(), noisy.batch(1).unwrap());
    for sim in [&mut a, &mut b] {
        sim.reset(0, &mut stream(3));
        let forces = vec![30.0; 2 * sim.spec().forces.len()];
        sim.set_forces(0, &forces).unwrap();
    }
    for _ in 0..5 {
        let (a, b) = (step(a.as_mut(), 0.0).2, step(b.as_mut(), 0.0).2);
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} {b:?}");
    }
}

#[test]
fn kicks_are_independent_of_each_other() {
    // Of steps, of velocities and of episodes: correlations of 20,000 kicks below five standard errors.
    let noisy = simulator(TaskName::CARTPOLE).with_process_noise(&[1.0]).unwrap();
    let mut sim = noisy.batch(1).unwrap();
    let n = 20_000;
    let mut kicks = Vec::with_capacity(2 * n);
    let mut state = vec![0.0; 4];
    let mut snapshot = vec![0.0; noisy.spec().snapshot_len];
    for k in 0..n {
        if k % 100 == 0 {
            sim.reset(0, &mut stream(k as u64));
        }
        // Back to the same place, while the noise goes on.
        sim.save(0, &mut snapshot);
        snapshot[..4].fill(0.0);
        sim.restore(0, &snapshot).unwrap();
        step(sim.as_mut(), 1.0);
        sim.state(0, &mut state);
        // The position moves with the kicked velocity: 0.02 s of it.
        kicks.extend([state[0] / 0.02, state[1] / 0.02]);
    }
    let mean = kicks.iter().sum::<f64>() / (2 * n) as f64;
    let square = kicks.iter().map(|k| k * k).sum::<f64>() / (2 * n) as f64;
    assert!(mean.abs() < 5.0 / (2.0 * n as f64).sqrt() && (square - 1.0).abs() < 0.05, "{mean} {square}");
    for apart in [1, 2, 3, 200, 201] {
        let products = kicks.windows(apart + 1).map(|w| w[0] * w[apart]);
        let correlation = products.sum::<f64>() / (2 * n - apart) as f64;
        assert!(correlation.abs() < 5.0 / (2.0 * n as f64).sqrt(), "{apart}: {correlation}");
    }
}

#[test]
fn noise_that_is_none_is_refused() {
    let plain = simulator(TaskName::CARTPOLE);
    for std in [&[0.1, 0.1, 0.1][..], &[], &[-0.1], &[f64::NAN], &[0.1, f64::INFINITY]] {
        assert!(plain.clone().with_process_noise(std).is_err(), "{std:?}");
    }
    assert!(plain.with_process_noise(&[0.1, 0.2]).is_ok());
}

#[test]
fn a_task_that_says_its_noise_is_the_same_with_noise() {
    for name in TASKS {
        let mut task = Task::new(name);
        assert!(!format!("{task:?}").contains("velocity_noise"), "identities of before hold");
        let nv = task.spec().nv;
        for std in [vec![0.05], (0..nv).map(|i| 0.01 * i as f64).collect()] {
            task.robot.velocity_noise = std.clone();
            let own = Simulator::new(task.clone(), None, task.space()).unwrap();
            let plain = simulator(name);
            assert_ne!(own.identity(), plain.identity());
            let (mut a, mut b) =
                (own.batch(1).unwrap(), plain.with_process_noise(&std).unwrap().batch(1).unwrap());
            for sim in [&mut a, &mut b] {
                sim.reset(0, &mut stream(3));
            }
            for _ in 0..5 {
                assert_eq!(step(a.as_mut(), 1.0), step(b.as_mut(), 1.0), "{name:?}");
            }
        }
        for wrong in [vec![-0.1], vec![f64::NAN], vec![f64::INFINITY], vec![0.1; nv + 1]] {
            task.robot.velocity_noise = wrong;
            let error = task.check().unwrap_err().to_string();
            assert!(error.contains("velocity_noise"), "{error}");
        }
    }
}
