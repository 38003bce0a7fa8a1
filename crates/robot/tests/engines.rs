//! Both engines against each other: the same robot, the same rules, the same numbers.
#![cfg(feature = "mujoco")]

use wr2l_rng::{Purpose, StreamKey};
use wr2l_robot::{Input, Moment, Op, Rig, RobotModel, RobotPhysics, Variation};
use wr2l_sim::{BatchSim, Divergence, Outcome, Simulator};

mod common;
use common::{forces, inputs, rig, robot, vary};

const ROBOTS: [&str; 3] = ["quadruped", "tumblers", "eel"];

const MOMENTS: [Moment; 2] = [Moment::Reached, Moment::Evaluated];

fn simulators(name: &str, moment: Moment) -> [Simulator; 2] {
    reading(name, moment, inputs)
}

fn reading(name: &str, moment: Moment, inputs: fn(&RobotModel) -> Vec<Input>) -> [Simulator; 2] {
    [RobotPhysics::Lanes, RobotPhysics::Mujoco].map(|physics| {
        let model = robot(name);
        let entries = [
            vary("mass", "body:*", "mass", Op::Scale, [0.5, 2.0]),
            vary("pull", "option", "gravity.z", Op::Add, [-2.0, 2.0]),
        ];
        // The eel's fin and the tumblers' post are of bodies with mass as well.
        let varied = Variation::resolve(model.inventory(), &entries).unwrap();
        let all = inputs(&model);
        let rig = Rig { moment, ..rig(&model, all, 0.02) };
        rig.simulator(&varied.effects, &varied.space, Some(physics)).unwrap()
    })
}

fn actions(dim: usize, t: usize) -> Vec<f64> {
    (0..dim).map(|i| ((1 + i) as f64 * 0.7 + t as f64 * 0.9).sin()).collect()
}

fn observed(sim: &dyn BatchSim, lane: usize) -> Vec<f64> {
    let mut out = vec![0.0; sim.spec().obs_dim];
    sim.observe(lane, &mut out);
    out
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

/// The largest difference, relative where numbers are large.
fn error(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max)
}

#[test]
fn engines_agree_on_everything_read_from_where_episodes_start() {
    for (name, moment) in ROBOTS.into_iter().flat_map(|name| MOMENTS.map(|moment| (name, moment))) {
        let [lanes, mujoco] = simulators(name, moment);
        let (mut a, mut b) = (lanes.batch(5).unwrap(), mujoco.batch(5).unwrap());
        for lane in 0..5 {
            let phi = [0.6 + 0.3 * lane as f64, 0.4 * lane as f64 - 1.0];
            for sim in [&mut a, &mut b] {
                sim.set_dynamics(lane, &phi).unwrap();
                sim.reset(lane, &mut StreamKey::new(3, Purpose::Test).lane(lane as u64).stream());
            }
            let (a, b) = (observed(&*a, lane), observed(&*b, lane));
            assert!(error(&a, &b) < 1e-12, "{name}: {}", error(&a, &b));
        }
    }
}

#[test]
fn engines_agree_step_by_step() {
    for (name, moment) in ROBOTS.into_iter().flat_map(|name| MOMENTS.map(|moment| (name, moment))) {
        let [lanes, mujoco] = simulators(name, moment);
        let (mut a, mut b) = (lanes.batch(1).unwrap(), mujoco.batch(1).unwrap());
        let dim = a.spec().act_dim();
        for sim in [&mut a, &mut b] {
            sim.set_dynamics(0, &[1.3, 0.5]).unwrap();
            sim.reset(0, &mut StreamKey::new(5, Purpose::Test).stream());
        }
        let mut state = vec![0.0; a.spec().state_dim()];
        let (mut rewards, mut outcomes) = ([[0.0]; 2], [[Outcome::Running]; 2]);
        for t in 0..30 {
            // Every step from the same state, so that chaos does not add up.
            b.state(0, &mut state);
            a.set_state(0, &state).unwrap();
            b.set_state(0, &state).unwrap();
            let action = actions(dim, t);
            a.step(&action, &[true], &mut rewards[0], &mut outcomes[0]);
            b.step(&action, &[true], &mut rewards[1], &mut outcomes[1]);
            let (seen, expected) = (observed(&*a, 0), observed(&*b, 0));
            // MuJoCo's solver stops at its tolerance.
            assert!(error(&seen, &expected) < 1e-4, "{name} {t}: {}", error(&seen, &expected));
            assert_eq!(outcomes[0], outcomes[1]);
        }
    }
}

#[test]
fn a_snapshot_continues_bit_for_bit_on_both_engines() {
    for simulator in MOMENTS.into_iter().flat_map(|moment| simulators("quadruped", moment)) {
        let mut sim = simulator.batch(2).unwrap();
        let dim = sim.spec().act_dim();
        let (mut rewards, mut outcomes) = ([0.0; 2], [Outcome::Running; 2]);
        sim.reset(0, &mut StreamKey::new(8, Purpose::Test).stream());
        sim.reset(1, &mut StreamKey::new(9, Purpose::Test).stream());
        for t in 0..7 {
            let action = actions(2 * dim, t);
            sim.step(&action, &[true; 2], &mut rewards, &mut outcomes);
        }
        let mut snapshot = vec![f64::NAN; sim.spec().snapshot_len];
        sim.save(0, &mut snapshot);
        let before = observed(&*sim, 0);
        let mut other = simulator.batch(3).unwrap();
        other.restore(2, &snapshot).unwrap();
        assert_eq!(bits(&observed(&*other, 2)), bits(&before));
        for t in 7..12 {
            let action = actions(2 * dim, t);
            sim.step(&action, &[true; 2], &mut rewards, &mut outcomes);
            let mut three = vec![0.0; 3 * dim];
            three[2 * dim..].copy_from_slice(&action[..dim]);
            let (mut own, mut ends) = ([0.0; 3], [Outcome::Running; 3]);
            other.step(&three, &[false, false, true], &mut own, &mut ends);
            assert_eq!(own[2].to_bits(), rewards[0].to_bits());
            assert_eq!(bits(&observed(&*other, 2)), bits(&observed(&*sim, 0)));
        }
        assert!(other.restore(0, &snapshot[1..]).is_err());
    }
}

#[test]
fn lanes_do_not_see_each_other() {
    for simulator in MOMENTS.into_iter().flat_map(|moment| simulators("quadruped", moment)) {
        let run = |lanes: usize, lane: usize, others: bool| {
            let mut sim = simulator.batch(lanes).unwrap();
            let dim = sim.spec().act_dim();
            for l in 0..lanes {
                sim.set_dynamics(l, &[0.7 + 0.1 * l as f64, 0.0]).unwrap();
                sim.reset(l, &mut StreamKey::new(l as u64, Purpose::Test).stream());
            }
            sim.set_dynamics(lane, &[1.7, 1.0]).unwrap();
            sim.reset(lane, &mut StreamKey::new(77, Purpose::Test).stream());
            let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
            let mut active = vec![others; lanes];
            active[lane] = true;
            for t in 0..10 {
                let mut all = vec![if others { f64::NAN } else { 0.0 }; lanes * dim];
                all[lane * dim..][..dim].copy_from_slice(&actions(dim, t));
                sim.step(&all, &active, &mut rewards, &mut outcomes);
            }
            if others {
                let other = usize::from(lane == 0);
                assert_eq!(outcomes[other], Outcome::Diverged(Divergence::Action));
            }
            bits(&observed(&*sim, lane))
        };
        let alone = run(1, 0, false);
        assert_eq!(alone, run(9, 4, false));
        assert_eq!(alone, run(9, 8, true));
    }
}

#[test]
fn forces_push_and_a_new_episode_forgets_them() {
    for simulator in MOMENTS.into_iter().flat_map(|moment| simulators("quadruped", moment)) {
        let mut sim = simulator.batch(1).unwrap();
        let dim = sim.spec().act_dim();
        let mut far = |force: [f64; 2]| {
            let start = {
                sim.reset(0, &mut StreamKey::new(1, Purpose::Test).stream());
                observed(&*sim, 0)[0]
            };
            sim.set_forces(0, &force).unwrap();
            for t in 0..20 {
                sim.step(&actions(dim, t), &[true], &mut [0.0], &mut [Outcome::Running]);
            }
            observed(&*sim, 0)[0] - start
        };
        let free = far([0.0, 0.0]);
        assert!(far([200.0, 0.0]) > free + 0.01);
        assert_eq!(far([0.0, 0.0]).to_bits(), free.to_bits());
    }
}

#[test]
fn engines_agree_on_forces() {
    let mut largest = 0.0_f64;
    for name in ROBOTS {
        let [lanes, mujoco] = reading(name, Moment::Reached, forces);
        let (mut a, mut b) = (lanes.batch(2).unwrap(), mujoco.batch(2).unwrap());
        let dim = a.spec().act_dim();
        for sim in [&mut a, &mut b] {
            sim.set_dynamics(0, &[1.3, 0.5]).unwrap();
            (0..2).for_each(|lane| sim.reset(lane, &mut StreamKey::new(5, Purpose::Test).stream()));
        }
        let (mut rewards, mut outcomes) = ([[0.0; 2]; 2], [[Outcome::Running; 2]; 2]);
        let mut state = vec![0.0; a.spec().state_dim()];
        for t in 0..40 {
            // Every step from the same state, so that chaos does not add up; now and then from the start of an episode.
            b.state(0, &mut state);
            for sim in [&mut a, &mut b] {
                sim.set_state(0, &state).unwrap();
            }
            // Forces grow with the robot's weight: some hundred newtons.
            let apart =
                |a: &[f64], b: &[f64]| error(a, b) / b.iter().fold(1.0, |all: f64, x| all.max(x.abs()));
            let begun = [observed(&*a, 0), observed(&*b, 0)];
            assert!(apart(&begun[0], &begun[1]) < 1e-4, "{name} {t}, at the start: {begun:?}");
            let action = [actions(dim, t), actions(dim, t)].concat();
            a.step(&action, &[true, false], &mut rewards[0], &mut outcomes[0]);
            b.step(&action, &[true, false], &mut rewards[1], &mut outcomes[1]);
            let seen = [observed(&*a, 0), observed(&*b, 0)];
            assert!(apart(&seen[0], &seen[1]) < 1e-4, "{name} {t}: {seen:?}");
            largest = seen[1].iter().fold(largest, |all, x| all.max(x.abs()));
        }
        // A lane that did not move keeps what it had.
        assert_eq!(
            bits(&observed(&*a, 1)),
            bits(&{
                let mut fresh = lanes.batch(2).unwrap();
                fresh.reset(1, &mut StreamKey::new(5, Purpose::Test).stream());
                observed(&*fresh, 1)
            })
        );
    }
    assert!(largest > 1.0, "something pushes: {largest}");
}

#[test]
fn a_step_from_states_is_a_step_after_they_are_set() {
    const SET: usize = 3;
    for (name, simulator) in
        ROBOTS.iter().flat_map(|name| reading(name, Moment::Reached, forces).map(|sim| (name, sim)))
    {
        let (mut one, mut all) = (simulator.batch(5).unwrap(), simulator.batch(5).unwrap());
        let (act_dim, state_dim) = (one.spec().act_dim(), one.spec().state_dim());
        let mut controls: Vec<f64> = (0..5).flat_map(|lane| actions(act_dim, lane)).collect();
        let (mut rewards, mut outcomes) = ([0.0; 5], [[Outcome::Running; 5]; 2]);
        let mut states = vec![0.0; SET * state_dim];
        for sim in [one.as_mut(), all.as_mut()] {
            for lane in 0..5 {
                sim.set_dynamics(lane, &[0.6 + 0.3 * lane as f64, 0.4 * lane as f64 - 1.0]).unwrap();
                sim.reset(lane, &mut StreamKey::new(9, Purpose::Test).lane(lane as u64).stream());
            }
            sim.step(&controls, &[true; 5], &mut rewards, &mut outcomes[0]);
            for (lane, state) in states.chunks_exact_mut(state_dim).enumerate() {
                sim.state(SET - 1 - lane, state);
            }
        }
        // The last lane stays; what is no action moves nobody.
        let active = [true, true, true, true, false];
        controls[act_dim] = f64::NAN;
        let set = |sim: &mut dyn BatchSim, states: &[f64]| {
            states.chunks_exact(state_dim).enumerate().for_each(|(lane, s)| sim.set_state(lane, s).unwrap());
        };
        set(one.as_mut(), &states);
        one.step(&controls, &active, &mut rewards, &mut outcomes[0]);
        all.step_from(&states, 0, &controls, &active, &mut rewards, &mut outcomes[1]).unwrap();
        let state = |sim: &dyn BatchSim, lane: usize| {
            let mut state = vec![0.0; state_dim];
            sim.state(lane, &mut state);
            bits(&state)
        };
        for lane in 0..5 {
            assert_eq!(state(one.as_ref(), lane), state(all.as_ref(), lane), "{name} lane {lane}");
            let diverged = outcomes.map(|outcomes| matches!(outcomes[lane], Outcome::Diverged(_)));
            assert_eq!(diverged, [lane == 1; 2], "{name} lane {lane}");
        }
        assert_ne!(state(all.as_ref(), 0), bits(&states[..state_dim]), "{name}");
        // Nothing of it is left in lanes that start anew.
        controls[act_dim] = 0.5;
        for sim in [one.as_mut(), all.as_mut()] {
            set(sim, &states);
            sim.step(&controls, &[true, true, true, false, false], &mut rewards, &mut outcomes[0]);
        }
        for lane in 0..SET {
            let (a, b) = (observed(one.as_ref(), lane), observed(all.as_ref(), lane));
            assert_eq!(bits(&a), bits(&b), "{name} lane {lane}");
        }
        // Physics that breaks down says so, of its lane alone.
        states[2 * state_dim - 1] = 9e9;
        all.step_from(&states, 0, &controls, &active, &mut rewards, &mut outcomes[1]).unwrap();
        let diverged = outcomes[1].map(|outcome| matches!(outcome, Outcome::Diverged(_)));
        assert_eq!(diverged[..SET], [false, true, false], "{name}");
        states[state_dim] = f64::NAN;
        let refused = all.step_from(&states, 0, &controls, &active, &mut rewards, &mut outcomes[1]);
        assert!(refused.is_err(), "{name}");
    }
}

#[test]
fn motion_does_not_depend_on_whether_forces_are_read() {
    let [with, _] = reading("quadruped", Moment::Reached, |model| [inputs(model), forces(model)].concat());
    let [without, _] = simulators("quadruped", Moment::Reached);
    let (mut a, mut b) = (with.batch(1).unwrap(), without.batch(1).unwrap());
    let (mut reward, mut outcome) = ([0.0], [Outcome::Running]);
    let mut states = [vec![0.0; a.spec().state_dim()], vec![0.0; a.spec().state_dim()]];
    for sim in [&mut a, &mut b] {
        sim.reset(0, &mut StreamKey::new(9, Purpose::Test).stream());
    }
    for t in 0..50 {
        let action = actions(a.spec().act_dim(), t);
        for (sim, state) in [&mut a, &mut b].into_iter().zip(&mut states) {
            sim.step(&action, &[true], &mut reward, &mut outcome);
            sim.state(0, state);
        }
        assert_eq!(bits(&states[0]), bits(&states[1]), "{t}");
    }
}
