//! Parity with the real Gymnasium: same state and action in, same state, observation, reward and end out.
//!
//! `parity/generate.py` asks Gymnasium; a part of its answers is committed, and the environment variable
//! `WR2L_PARITY_FIXTURES` may name a folder with fresh and more ones.

use std::path::PathBuf;

use wr2l_sim::{BatchSim, Outcome, Physics, Simulator, Task, TaskName};

/// Both sides run the same MuJoCo on models whose numbers differ by rounding (a mass computed in another order).
/// Contacts and stiff joints amplify that by some orders of magnitude within a step; everything is of order one,
/// so the tolerance is relative to the larger of the value and 1.
const TOLERANCE: f64 = 1e-9;
/// Gymnasium's written-out equations round their observations to 32-bit floats.
const CLASSIC_OBSERVATION_TOLERANCE: f64 = 1e-6;
/// Steps over which open-loop trajectories are held to the tolerance; later a rounding difference may have grown.
const HELD: usize = 15;
/// At random dynamics a rounding difference sometimes outgrows the tolerance sooner. That is forgiven where our own
/// simulation, started this far away (relative), ends a tenth as far away: then it is chaos and not the physics.
const SHADOW: f64 = 1e-14;

/// MuJoCo's constraint solver stops early (at its default tolerance 1e-8), the planar physics never does: in rare
/// states that makes a difference of up to this, which at MuJoCo's tolerance 1e-15 is gone.
const EARLY_STOP: f64 = 1e-6;
/// At most one answer in so many.
const RARE: usize = 200;

/// The numbers of a fixture file, read from front to back.
struct Fixture {
    numbers: std::vec::IntoIter<f64>,
    names: Vec<String>,
}

impl Fixture {
    fn open(task: TaskName) -> Self {
        let fresh = std::env::var_os("WR2L_PARITY_FIXTURES").map(PathBuf::from);
        let folder =
            fresh.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/parity/fixtures"));
        let path = folder.join(format!("{task}.bin"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let line = bytes.iter().position(|&b| b == b'\n').unwrap();
        let names = String::from_utf8(bytes[..line].to_vec()).unwrap();
        let numbers: Vec<f64> =
            bytes[line + 1..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
        Self { numbers: numbers.into_iter(), names: names.split(',').map(String::from).collect() }
    }

    fn take(&mut self, count: usize) -> Vec<f64> {
        let taken: Vec<f64> = self.numbers.by_ref().take(count).collect();
        assert_eq!(taken.len(), count, "the fixture ends too early");
        taken
    }

    fn count(&mut self) -> usize {
        self.take(1)[0] as usize
    }
}

/// What Gymnasium answered to a state and an action.
struct Answer {
    state: Vec<f64>,
    observation: Vec<f64>,
    reward: f64,
    terminated: bool,
}

/// Largest differences seen, relative to the larger of the value and 1.
#[derive(Default)]
struct Differences {
    state: f64,
    observation: f64,
    reward: f64,
}

fn difference(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    // A NaN on our side must not get lost in a maximum.
    let relative = |(g, e): (&f64, &f64)| {
        let d = (g - e).abs() / e.abs().max(1.0);
        if d.is_nan() { f64::INFINITY } else { d }
    };
    got.iter().zip(expected).map(relative).fold(0.0, f64::max)
}

/// Steps the one lane and compares it with Gymnasium's answer.
fn compare(sim: &mut dyn BatchSim, action: &[f64], answer: &Answer, what: &str) -> Differences {
    let (mut reward, mut outcome) = ([0.0], [Outcome::Running]);
    sim.step(action, &[true], &mut reward, &mut outcome);
    let mut state = vec![0.0; sim.spec().state_dim()];
    let mut observation = vec![0.0; sim.spec().obs_dim];
    sim.state(0, &mut state);
    sim.observe(0, &mut observation);
    let expected = if answer.terminated { Outcome::Terminated } else { Outcome::Running };
    assert_eq!(outcome[0], expected, "{what}");
    Differences {
        state: difference(&state, &answer.state),
        observation: difference(&observation, &answer.observation),
        reward: difference(&reward, &[answer.reward]),
    }
}

/// How far apart the states of two lanes are.
fn distance(a: &dyn BatchSim, b: &dyn BatchSim) -> f64 {
    let mut states = [vec![0.0; a.spec().state_dim()], vec![0.0; a.spec().state_dim()]];
    a.state(0, &mut states[0]);
    b.state(0, &mut states[1]);
    difference(&states[0], &states[1])
}

/// Compares everything in a task's fixture; returns the worst differences at each step of the trajectories.
fn check(task: TaskName, physics: Physics) -> Vec<f64> {
    let mut fixture = Fixture::open(task);
    let [nq, nv, nu, nobs, systems] = std::array::from_fn(|_| fixture.count());
    let task = Task::new(task);
    let space = task.space();
    assert_eq!(fixture.names, space.names().collect::<Vec<_>>(), "names and order of the parameters");
    let spec = task.spec();
    assert_eq!([nq, nv, nu, nobs], [spec.nq, spec.nv, spec.act_dim(), spec.obs_dim]);
    let observation_tolerance =
        if physics == Physics::Classic { CLASSIC_OBSERVATION_TOLERANCE } else { TOLERANCE };

    let (mut answers, mut early_stops) = (0, 0);
    let mut worst = Differences::default();
    let mut growth = Vec::new();
    for system in 0..systems {
        let touched = fixture.count() == 1;
        let phi = fixture.take(space.dim());
        let [rows, trajectories, length] = std::array::from_fn(|_| fixture.count());
        let vary: &[&str] = if touched { &["all"] } else { &[] };
        let simulator = Simulator::new(task.clone(), Some(physics), space.select(vary).unwrap()).unwrap();
        let mut sim = simulator.batch(1).unwrap();
        sim.set_dynamics(0, if touched { &phi } else { &[] }).unwrap();

        let answer = |fixture: &mut Fixture| Answer {
            state: fixture.take(nq + nv),
            observation: fixture.take(nobs),
            reward: fixture.take(1)[0],
            terminated: fixture.count() == 1,
        };
        let mut hold = |differences: &Differences, forgiven: f64, what: &str| {
            let Differences { state, observation, reward } = *differences;
            let early_stop = physics == Physics::Planar && state > TOLERANCE.max(forgiven);
            let forgiven = if early_stop { EARLY_STOP } else { forgiven };
            early_stops += usize::from(early_stop);
            let held = |difference: f64, tolerance: f64, which: &str| {
                assert!(difference <= tolerance.max(forgiven), "{what}: {which} differs by {difference:e}");
            };
            held(state, TOLERANCE, "state");
            held(observation, observation_tolerance, "observation");
            held(reward, TOLERANCE, "reward");
            answers += 1;
            if state > TOLERANCE {
                println!("{what}: {state:.1e}, forgiven up to {forgiven:.1e}");
                return;
            }
            worst.state = worst.state.max(state);
            worst.observation = worst.observation.max(observation);
            worst.reward = worst.reward.max(reward);
        };
        for row in 0..rows {
            let what = format!("{}, system {system}, state {row}", task.name);
            let (state, action) = (fixture.take(nq + nv), fixture.take(nu));
            sim.set_state(0, &state).unwrap();
            hold(&compare(&mut *sim, &action, &answer(&mut fixture), &what), 0.0, &what);
        }
        let mut shadow = simulator.batch(1).unwrap();
        shadow.set_dynamics(0, if touched { &phi } else { &[] }).unwrap();
        growth.resize(length.max(growth.len()), 0.0_f64);
        for trajectory in 0..trajectories {
            let start = fixture.take(nq + nv);
            let beside: Vec<f64> = start.iter().map(|value| value * (1.0 + SHADOW)).collect();
            sim.set_state(0, &start).unwrap();
            shadow.set_state(0, &beside).unwrap();
            for (step, growth) in growth[..length].iter_mut().enumerate() {
                let what = format!("{}, system {system}, trajectory {trajectory}, step {step}", task.name);
                let action = fixture.take(nu);
                let differences = compare(&mut *sim, &action, &answer(&mut fixture), &what);
                *growth = growth.max(differences.state);
                shadow.step(&action, &[true], &mut [0.0], &mut [Outcome::Running]);
                if step < HELD {
                    let forgiven = if touched { 10.0 * distance(&*sim, &*shadow) } else { 0.0 };
                    hold(&differences, forgiven, &what);
                }
            }
        }
    }
    assert_eq!(fixture.numbers.len(), 0, "the fixture is read to its end");
    assert!(early_stops * RARE <= answers, "{early_stops} answers where MuJoCo stopped early are not rare");
    println!(
        "{}: {answers} steps agree, but for {early_stops} where MuJoCo stops early; largest difference {:.1e} (state), {:.1e} (observation), {:.1e} (reward)",
        task.name, worst.state, worst.observation, worst.reward
    );
    growth
}

#[test]
fn cartpole_equals_gymnasiums() {
    check(TaskName::CARTPOLE, Physics::Classic);
}

#[test]
fn torque_pendulum_equals_gymnasiums() {
    check(TaskName::TORQUE_PENDULUM, Physics::Classic);
}

/// The same checks on both physics that a robot runs on.
macro_rules! robots {
    ($($module:ident = $physics:expr;)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn inverted_pendulum_equals_gymnasiums() {
                check(TaskName::INVERTED_PENDULUM, $physics);
            }

            #[test]
            fn hopper_equals_gymnasiums() {
                check(TaskName::HOPPER, $physics);
            }

            #[test]
            fn walker2d_equals_gymnasiums() {
                check(TaskName::WALKER2D, $physics);
            }

            #[test]
            fn half_cheetah_equals_gymnasiums() {
                println!("step  largest difference from Gymnasium along open-loop trajectories");
                for (step, difference) in check(TaskName::HALF_CHEETAH, $physics).into_iter().enumerate() {
                    println!("{:4}  {difference:.1e}", step + 1);
                }
            }
        }
    )*};
}

robots! {
    planar = Physics::Planar;
}
#[cfg(feature = "mujoco")]
robots! {
    mujoco = Physics::Mujoco;
}
