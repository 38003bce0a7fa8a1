//! The loop around the physics: late and inexact actions, pushes, noise of sensors.
#![cfg(feature = "mujoco")]

use wr2l_rng::{Purpose, StreamKey};
use wr2l_robot::{Input, Op, Rig, RobotModel, RobotPhysics, Variation, Vary};
use wr2l_sim::{ActionSpace, BatchSim, Outcome, Simulator};

mod common;
use common::{inputs, rig, robot, vary};

const ENGINES: [RobotPhysics; 2] = [RobotPhysics::Lanes, RobotPhysics::Mujoco];

fn simulator(rig: Rig, entries: &[Vary], physics: RobotPhysics) -> Simulator {
    let varied = Variation::resolve(rig.model.inventory(), entries).unwrap();
    rig.simulator(&varied.effects, &varied.space, Some(physics)).unwrap()
}

/// Delay, noise on actions and pushes of two bodies.
fn all() -> [Vary; 3] {
    [
        vary("late", "actuator:*", "delay", Op::Set, [0.0, 0.05]),
        vary("shaky", "actuator:*", "action_noise", Op::Set, [0.0, 0.5]),
        vary("pushed", "body:*_calf", "push", Op::Add, [0.0, 30.0]),
    ]
}

fn action(dim: usize, t: usize) -> Vec<f64> {
    (0..dim).map(|i| ((1 + i) as f64 * 0.7 + t as f64 * 0.9).sin()).collect()
}

fn state(sim: &dyn BatchSim, lane: usize) -> Vec<f64> {
    let mut out = vec![0.0; sim.spec().state_dim()];
    sim.state(lane, &mut out);
    out
}

/// The states after each of some steps of one lane.
fn course(sim: &mut dyn BatchSim, actions: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let step = |action: &Vec<f64>| {
        let mut outcome = [Outcome::Running];
        sim.step(action, &[true], &mut [0.0], &mut outcome);
        assert_eq!(outcome, [Outcome::Running]);
        state(sim, 0)
    };
    actions.iter().map(step).collect()
}

fn started(simulator: &Simulator, phi: &[f64], seed: u64) -> Box<dyn BatchSim> {
    let mut sim = simulator.batch(1).unwrap();
    sim.set_dynamics(0, phi).unwrap();
    sim.reset(0, &mut StreamKey::new(seed, Purpose::Test).stream());
    sim
}

#[test]
fn a_loop_whose_parameters_are_nominal_changes_no_bit() {
    let model = robot("quadruped");
    for physics in ENGINES {
        let rig = || rig(&model, inputs(&model), 0.02);
        let plain = simulator(rig(), &[], physics);
        let varied = simulator(rig(), &all(), physics);
        let actions: Vec<_> = (0..15).map(|t| action(plain.spec().act_dim(), t)).collect();
        let a = course(&mut *started(&plain, &[], 3), &actions);
        let b = course(&mut *started(&varied, &[0.0; 3], 3), &actions);
        assert_eq!(a, b, "{physics:?}");
        for i in 0..3 {
            let mut phi = [0.0; 3];
            phi[i] = [0.03, 0.2, 10.0][i];
            assert_ne!(a, course(&mut *started(&varied, &phi, 3), &actions), "{i}");
        }
    }
}

#[test]
fn an_action_that_is_whole_steps_late_is_the_action_of_so_many_steps_before() {
    let model = robot("quadruped");
    for physics in ENGINES {
        let plain = simulator(rig(&model, inputs(&model), 0.02), &[], physics);
        let late = simulator(rig(&model, inputs(&model), 0.02), &all()[..1], physics);
        let (dim, dt) = (plain.spec().act_dim(), plain.spec().dt);
        let sent: Vec<_> = (0..12).map(|t| action(dim, t)).collect();
        for steps in 0..3 {
            // The controls of a rig of the tests are 0.05 + 0.8 times the action, and 0 until one arrives.
            let mut arrived = vec![vec![-0.0625; dim]; steps];
            arrived.extend_from_slice(&sent[..12 - steps]);
            let right = course(&mut *started(&plain, &[], 5), &arrived);
            let seen = course(&mut *started(&late, &[steps as f64 * dt], 5), &sent);
            assert_eq!(seen, right, "{physics:?}, {steps} steps");
        }
    }
}

#[test]
fn a_delay_of_part_of_a_step_holds_the_old_action_for_that_part() {
    let model = robot("quadruped");
    for physics in ENGINES {
        let late = simulator(rig(&model, inputs(&model), 0.02), &all()[..1], physics);
        let fine = simulator(Rig { frame_skip: 1, ..rig(&model, inputs(&model), 0.02) }, &[], physics);
        let (dim, dt) = (late.spec().act_dim(), late.spec().dt);
        let sent: Vec<_> = (0..8).map(|t| action(dim, t)).collect();
        // In steps of the physics, of which four make one of the task: 1.3 of them the action before is in force.
        for substeps in [1.0, 3.0, 1.3, 5.3] {
            let at = |t: f64| if t < 0.0 { vec![-0.0625; dim] } else { sent[t as usize].clone() };
            let arrived: Vec<Vec<f64>> = (0..32)
                .map(|k| {
                    let ends = (f64::from(k) - substeps, f64::from(k + 1) - substeps);
                    let (old, new) = (at((ends.0 / 4.0).floor()), at(((ends.1 - 1e-9) / 4.0).floor()));
                    // When within this step of the physics the new one comes.
                    let comes = ((ends.1 / 4.0).floor() * 4.0 - ends.0).clamp(0.0, 1.0);
                    let mix = |(old, new): (&f64, &f64)| comes * old + (1.0 - comes) * new;
                    old.iter().zip(&new).map(mix).collect()
                })
                .collect();
            let right = course(&mut *started(&fine, &[], 7), &arrived);
            let seen = course(&mut *started(&late, &[substeps * dt / 4.0], 7), &sent);
            for (t, seen) in seen.iter().enumerate() {
                let right = &right[4 * t + 3];
                let error = seen.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(error < 1e-9, "{physics:?}, {substeps} substeps, step {t}: {error}");
            }
        }
    }
}

/// At rest in the reference pose, far above everything.
fn aloft(model: &RobotModel) -> Vec<f64> {
    let mut start = model.inventory().reference.clone();
    for joint in &model.inventory().joints {
        if let Some([low, high]) = joint.range {
            start[joint.position] = 0.0_f64.clamp(low + 0.1, high - 0.1);
        }
    }
    start[2] += 1000.0;
    start.extend(vec![0.0; model.inventory().velocities]);
    start
}

/// One step from a state high in the air: the state after it.
fn one(sim: &mut dyn BatchSim, start: &[f64], action: &[f64], number: u64) -> Vec<f64> {
    sim.set_state(0, start).unwrap();
    sim.set_noise(0, number);
    sim.step(action, &[true], &mut [0.0], &mut [Outcome::Running]);
    state(sim, 0)
}

/// One joint with a motor, in weightlessness.
const ARM: &str = r#"<mujoco>
  <option timestep="0.002" gravity="0 0 0"/>
  <worldbody>
    <body name="arm">
      <joint name="hinge" axis="0 1 0"/>
      <geom name="arm" type="capsule" fromto="0 0 0 0 0 -0.3" size="0.02"/>
    </body>
  </worldbody>
  <actuator><motor name="motor" joint="hinge" ctrlrange="-9 9"/></actuator>
</mujoco>"#;

#[test]
fn noise_on_actions_has_the_size_that_was_set_and_depends_on_number_and_step_alone() {
    let model = RobotModel::from_text("arm", ARM).unwrap();
    let entries = [vary("shaky", "actuator:motor", "action_noise", Op::Set, [0.0, 0.5])];
    let short = Rig { frame_skip: 1, ..rig(&model, inputs(&model), 0.0) };
    let wide =
        ActionSpace::Continuous { low: vec![-3.0; short.drives.len()], high: vec![1.0; short.drives.len()] };
    let sim = simulator(Rig { actions: wide, ..short }, &entries, RobotPhysics::Lanes);
    let start = [0.0; 2];
    let mut sim = sim.batch(1).unwrap();
    let dim = sim.spec().act_dim();
    // The velocity after one step of the physics is linear in the control.
    let speed = |state: &[f64]| state[1];
    let mut nudged = vec![0.0; dim];
    sim.set_dynamics(0, &[0.0]).unwrap();
    let still = speed(&one(&mut *sim, &start, &nudged, 0));
    nudged[0] = 0.01;
    let per_action = (speed(&one(&mut *sim, &start, &nudged, 0)) - still) / 0.01;
    nudged[0] = 0.0;
    let mut noises = |size: f64, count: u64| -> Vec<f64> {
        sim.set_dynamics(0, &[size]).unwrap();
        (0..count).map(|k| (speed(&one(&mut *sim, &start, &nudged, k)) - still) / per_action).collect()
    };
    let small = noises(0.01, 400);
    // Half of the range of actions, from -3 to 1, is 2.
    let (mean, square) =
        (small.iter().sum::<f64>() / 400.0, small.iter().map(|x| x * x).sum::<f64>() / 400.0);
    assert!(mean.abs() < 6.0 * 0.02 / 20.0, "{mean}");
    assert!((square / 4e-4 - 1.0).abs() < 6.0 * (2.0_f64 / 400.0).sqrt(), "{square}");
    for (small, large) in small.iter().zip(noises(0.02, 50)) {
        assert!((2.0 * small - large).abs() < 1e-6, "the same noise, twice as large: {small} {large}");
    }
    assert_eq!(small, noises(0.01, 400));
}

#[test]
fn pushes_are_horizontal_forces_that_change_every_half_second() {
    let model = robot("quadruped");
    let entries = [vary("pushed", "body:trunk", "push", Op::Set, [0.0, 30.0])];
    let centre: Vec<Input> = (0..3).map(|axis| Input::CentreOfMass { body: 0, axis }).collect();
    let total: f64 = model.inventory().bodies.iter().map(|body| body.mass).sum();
    let start = aloft(&model);
    for physics in ENGINES {
        let simulator = simulator(rig(&model, centre.clone(), 0.0), &entries, physics);
        let (mut sim, dt) = (simulator.batch(1).unwrap(), simulator.spec().dt);
        let (dim, steps) = (sim.spec().act_dim(), (0.5 / dt).round() as usize);
        let mut place = |size: f64, number: u64, count: usize| -> Vec<[f64; 3]> {
            sim.set_dynamics(0, &[size]).unwrap();
            sim.set_state(0, &start).unwrap();
            sim.set_noise(0, number);
            let mut all = vec![];
            for _ in 0..count {
                let mut seen = [0.0; 3];
                sim.observe(0, &mut seen);
                all.push(seen);
                sim.step(&vec![0.0; dim], &[true], &mut [0.0], &mut [Outcome::Running]);
            }
            all
        };
        // Far from everything only gravity and the push move the centre of mass: its second difference is force by mass.
        let mut forces = |size: f64, number: u64, count: usize| -> Vec<[f64; 3]> {
            let (free, pushed) = (place(0.0, number, count), place(size, number, count));
            let apart = |t: usize, k: usize| pushed[t][k] - free[t][k];
            let force = |t: usize, k: usize| apart(t + 1, k) - 2.0 * apart(t, k) + apart(t - 1, k);
            (1..count - 1).map(|t| [0, 1, 2].map(|k| total * force(t, k) / (dt * dt))).collect()
        };
        let long = forces(1.0, 1, 2 * steps + 4);
        let same = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.05);
        assert!((1..steps - 2).all(|t| same(&long[t], &long[0])), "{physics:?}: {long:?}");
        assert!(!same(&long[steps + 2], &long[0]), "{physics:?}: it changes");
        assert!((steps + 1..2 * steps - 2).all(|t| same(&long[t], &long[steps])), "{physics:?}: {long:?}");
        assert!(long.iter().all(|force| force[2].abs() < 0.05), "{physics:?}: it is horizontal");
        let many: Vec<[f64; 3]> = (0..100).map(|k| forces(1.0, k, 3)[0]).collect();
        let square = many.iter().map(|f| f[0] * f[0] + f[1] * f[1]).sum::<f64>() / 200.0;
        assert!((square - 1.0).abs() < 6.0 * (2.0_f64 / 200.0).sqrt(), "{physics:?}: {square}");
        assert!(many.windows(2).all(|pair| !same(&pair[0], &pair[1])), "each number has its own");
    }
}

#[test]
fn forces_from_outside_and_pushes_add_up() {
    let model = robot("quadruped");
    let entries = [vary("pushed", "body:trunk", "push", Op::Set, [0.0, 30.0])];
    for physics in ENGINES {
        let simulator = simulator(rig(&model, inputs(&model), 0.02), &entries, physics);
        let go = |push: f64, outside: f64| {
            let mut sim = started(&simulator, &[push], 4);
            sim.set_state(0, &aloft(&model)).unwrap();
            sim.set_noise(0, 4);
            sim.set_forces(0, &[outside, 0.0]).unwrap();
            course(&mut *sim, &[action(simulator.spec().act_dim(), 0)])[0][0]
        };
        let (free, both) = (go(0.0, 0.0), go(5.0, 5.0));
        let sum = (go(5.0, 0.0) - free) + (go(0.0, 5.0) - free);
        assert!((both - free - sum).abs() < 0.05 * sum.abs(), "{physics:?}: {both} {free} {sum}");
        assert_ne!(go(0.0, 5.0), free);
    }
}

#[test]
fn forces_from_outside_end_with_their_episode_where_the_loop_pushes_as_well() {
    let model = robot("quadruped");
    let entries = [vary("pushed", "body:trunk", "push", Op::Set, [0.0, 30.0])];
    for physics in ENGINES {
        let simulator = simulator(rig(&model, inputs(&model), 0.02), &entries, physics);
        let mut sim = started(&simulator, &[5.0], 4);
        let (start, action) = (aloft(&model), action(simulator.spec().act_dim(), 0));
        let push = |sim: &mut dyn BatchSim| {
            sim.set_state(0, &start).unwrap();
            sim.set_noise(0, 4);
            sim.set_forces(0, &[9.0, 0.0]).unwrap();
            course(sim, std::slice::from_ref(&action)).remove(0)
        };
        let pushed = push(&mut *sim);
        let after = one(&mut *sim, &start, &action, 4);
        assert_ne!(pushed, after, "{physics:?}");
        assert_eq!(after, one(&mut *started(&simulator, &[5.0], 4), &start, &action, 4), "{physics:?}");
        push(&mut *sim);
        sim.step_from(&start, 4, &action, &[true], &mut [0.0], &mut [Outcome::Running]).unwrap();
        assert_eq!(after, state(&*sim, 0), "{physics:?}");
    }
}

#[test]
fn a_step_from_a_state_has_the_loop_and_the_noise_of_one_after_it_is_set() {
    let model = robot("quadruped");
    for physics in ENGINES {
        let simulator = simulator(rig(&model, inputs(&model), 0.02), &all(), physics);
        let mut sim = started(&simulator, &[0.033, 0.2, 8.0], 6);
        let start = aloft(&model);
        let action = action(simulator.spec().act_dim(), 2);
        let mut seen = Vec::new();
        for number in [4, 5] {
            let right = one(&mut *sim, &start, &action, number);
            // With controls on their way, a push and an age, all of which end.
            course(&mut *sim, &[action.clone(), action.clone()]);
            let mut outcome = [Outcome::Running];
            sim.step_from(&start, number, &action, &[true], &mut [0.0], &mut outcome).unwrap();
            assert_eq!(state(&*sim, 0), right, "{physics:?}");
            seen.push(right);
        }
        assert_ne!(seen[0], seen[1], "{physics:?}");
    }
}

#[test]
fn the_loop_is_part_of_a_snapshot_and_of_its_own_lane_alone() {
    let model = robot("quadruped");
    for physics in ENGINES {
        let simulator = simulator(rig(&model, inputs(&model), 0.02), &all(), physics);
        let phi = [0.033, 0.2, 8.0];
        let dim = simulator.spec().act_dim();
        let actions: Vec<_> = (0..20).map(|t| action(dim, t)).collect();
        let mut alone = started(&simulator, &phi, 6);
        course(&mut *alone, &actions[..9]);
        let mut snapshot = vec![f64::NAN; simulator.spec().snapshot_len];
        alone.save(0, &mut snapshot);
        let right = course(&mut *alone, &actions[9..]);
        // In a batch of five, the others with other loops.
        let mut five = simulator.batch(5).unwrap();
        for lane in 0..5 {
            five.set_dynamics(lane, &[0.01 * lane as f64, 0.1, 2.0 * lane as f64]).unwrap();
            five.reset(lane, &mut StreamKey::new(lane as u64, Purpose::Test).stream());
        }
        five.set_dynamics(3, &phi).unwrap();
        five.restore(3, &snapshot).unwrap();
        for (action, right) in actions[9..].iter().zip(&right) {
            five.step(&action.repeat(5), &[true; 5], &mut [0.0; 5], &mut [Outcome::Running; 5]);
            assert_eq!(&state(&*five, 3), right, "{physics:?}");
        }
    }
}

#[test]
fn what_a_loop_cannot_be_is_refused() {
    let model: RobotModel = robot("quadruped");
    let refused = |select: &str, quantity: &str, op: Op, range: [f64; 2]| {
        let entries = [vary("it", select, quantity, op, range)];
        Variation::resolve(model.inventory(), &entries).unwrap_err().reason
    };
    assert!(refused("actuator:*", "delay", Op::Scale, [0.5, 2.0]).contains("no factor changes that"));
    assert!(refused("actuator:*", "delay", Op::Set, [0.0, 2.0]).contains("[0, 1]"));
    assert!(refused("actuator:*", "delay", Op::Set, [-0.1, 0.1]).contains("[0, 1]"));
    assert!(refused("body:*", "action_noise", Op::Set, [0.0, 0.1]).contains("actuators"));
    assert!(refused("joint:*", "push", Op::Set, [0.0, 1.0]).contains("bodies"));
}
