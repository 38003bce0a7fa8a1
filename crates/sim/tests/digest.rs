//! A few numbers of a short run of every task, committed.
//!
//! They change when a model, a reward, the order of random draws, the meaning or order of a parameter or the
//! version of MuJoCo changes: all of it silently changes every published run, so it has to be deliberate and in
//! the changelog. Parity with Gymnasium does not see half of that (initial states, parameters by their names).
//!
//! The numbers hold to 1e-6 and not to the bit, because the C library's sine differs between CPUs in its last bit
//! and contacts amplify that.

use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, Outcome, Physics, Simulator, Task, TaskName};

/// Task; sum of the rewards of 20 steps; weighted sum of the coordinates of the last state.
const GOLDEN: [(TaskName, f64, f64); 6] = [
    (TaskName::CARTPOLE, 20.0, -2.1209581878092614),
    (TaskName::INVERTED_PENDULUM, 6.0, 6.335751659986933),
    (TaskName::TORQUE_PENDULUM, -118.65491615760247, 6.965260595024223),
    (TaskName::HOPPER, 11.812215563963399, -11.631032800370633),
    (TaskName::WALKER2D, -2.8758214394486314, -960.8173862408224),
    (TaskName::HALF_CHEETAH, -6.8508803544885915, 399.5986918375436),
];

#[test]
fn a_short_run_of_every_task_gives_the_committed_numbers() {
    let mut wrong = Vec::new();
    let on_all = GOLDEN
        .into_iter()
        .flat_map(|row| Physics::available(row.0).iter().map(move |&physics| (physics, row)));
    for (physics, (name, expected_return, expected_state)) in on_all {
        let task = Task::new(name);
        let vary = task.space();
        let mut stream = StreamKey::new(2024, Purpose::Test).stream();
        let phi: Vec<f64> = vary.parameters().iter().map(|p| p.nominal * stream.uniform(0.6, 1.4)).collect();
        let mut sim = Simulator::new(task, Some(physics), vary).unwrap().batch(1).unwrap();
        sim.set_dynamics(0, &phi).unwrap();
        sim.reset(0, &mut stream);
        let mut sum = 0.0;
        for _ in 0..20 {
            let action = match &sim.spec().actions {
                ActionSpace::Continuous { low, high } => {
                    low.iter().zip(high).map(|(&low, &high)| stream.uniform(low, high)).collect()
                }
                ActionSpace::Discrete { n } => vec![stream.below(*n) as f64],
            };
            let (mut reward, mut outcome) = ([0.0], [Outcome::Running]);
            sim.step(&action, &[true], &mut reward, &mut outcome);
            sum += reward[0];
        }
        let mut state = vec![0.0; sim.spec().state_dim()];
        sim.state(0, &mut state);
        let weighted: f64 = state.iter().enumerate().map(|(i, value)| (i + 1) as f64 * value).sum();
        let close = |got: f64, expected: f64| (got - expected).abs() <= 1e-6 * expected.abs().max(1.0);
        if !(close(sum, expected_return) && close(weighted, expected_state)) {
            wrong.push(format!("(TaskName::{name:?}, {sum:?}, {weighted:?}), // {physics}"));
        }
    }
    assert!(wrong.is_empty(), "if this is meant to be, the new numbers are\n{}", wrong.join("\n"));
}
