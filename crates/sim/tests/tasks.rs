//! What the tasks say about states, without any physics.

use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{CartPole, Simulator, Task, TaskName, Verdict};

/// The robot of a task in its initial pose and at rest.
fn at_rest(task: &Task) -> (Vec<f64>, Vec<f64>) {
    let spec = task.spec();
    let mut qpos = vec![0.0; spec.nq];
    if matches!(task.name(), TaskName::Hopper | TaskName::Walker2d) {
        qpos[1] = 1.25;
    }
    (qpos, vec![0.0; spec.nv])
}

fn observation(task: &Task, qpos: &[f64], qvel: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; task.spec().obs_dim];
    task.observe(qpos, qvel, &mut out);
    out
}

#[test]
fn a_walking_robot_earns_speed_and_survival_minus_the_cost_of_control() {
    for (name, weight) in [(TaskName::Hopper, 1e-3), (TaskName::Walker2d, 1e-3), (TaskName::HalfCheetah, 0.1)]
    {
        let task = Task::new(name);
        let (mut qpos, qvel) = at_rest(&task);
        qpos[0] = 0.5;
        // The cost sees the action as it was passed, beyond the motors' range too.
        let mut action = vec![0.0; task.spec().act_dim()];
        action[0] = 2.0;
        action[1] = -1.0;
        let speed = (0.5 - 0.4) / task.spec().dt;
        let survival = if name == TaskName::HalfCheetah { 0.0 } else { 1.0 };
        let Verdict { reward, terminated } = task.judge(0.4, &qpos, &qvel, &action);
        assert!((reward - (speed + survival - weight * 5.0)).abs() < 1e-12, "{name}: {reward}");
        assert!(!terminated, "{name}");
    }
}

#[test]
fn an_unhealthy_step_earns_no_survival_reward_and_is_terminal() {
    // Coordinate of the state (qpos, then qvel) and a value that is unhealthy, both sides where there are two.
    let hopper: &[(usize, f64)] = &[(1, 0.7), (2, 0.2), (2, -0.2), (3, 100.0), (6, -100.0), (11, 100.0)];
    let walker: &[(usize, f64)] = &[(1, 0.8), (1, 2.0), (2, 1.0), (2, -1.0)];
    for (name, cases) in [(TaskName::Hopper, hopper), (TaskName::Walker2d, walker)] {
        let task = Task::new(name);
        let action = vec![0.0; task.spec().act_dim()];
        for &(coordinate, value) in cases {
            let (qpos, qvel) = at_rest(&task);
            let mut state = [qpos, qvel].concat();
            state[coordinate] = value;
            let (qpos, qvel) = state.split_at(task.spec().nq);
            let verdict = task.judge(0.0, qpos, qvel, &action);
            assert_eq!(
                verdict,
                Verdict { reward: 0.0, terminated: true },
                "{name}: [{coordinate}] = {value}"
            );

            // Just inside it is healthy: the ranges exclude their ends.
            state[coordinate] =
                if value == 0.7 || value == 0.8 { value + 1e-9 } else { value * (1.0 - 1e-9) };
            let (qpos, qvel) = state.split_at(task.spec().nq);
            let verdict = task.judge(0.0, qpos, qvel, &action);
            assert_eq!(verdict, Verdict { reward: 1.0, terminated: false }, "{name}: [{coordinate}]");
        }
    }
    // The walker's other coordinates may be anything.
    let task = Task::new(TaskName::Walker2d);
    let (qpos, mut qvel) = at_rest(&task);
    qvel[3] = 500.0;
    assert!(!task.judge(0.0, &qpos, &qvel, &[0.0; 6]).terminated);
}

#[test]
fn the_pendulum_earns_only_while_upright_and_the_cart_pole_also_on_its_last_step() {
    let task = Task::new(TaskName::InvertedPendulum);
    let judge = |angle: f64| task.judge(0.0, &[0.9, angle], &[0.0; 2], &[3.0]);
    assert_eq!(judge(0.2), Verdict { reward: 1.0, terminated: false });
    assert_eq!(judge(0.2001), Verdict { reward: 0.0, terminated: true });
    assert_eq!(judge(-0.2001), Verdict { reward: 0.0, terminated: true });

    let task = Task::new(TaskName::CartPole);
    let judge = |x: f64, degrees: f64| task.judge(0.0, &[x, degrees.to_radians()], &[0.0; 2], &[1.0]);
    for (x, degrees, terminated) in
        [(0.0, 11.99, false), (0.0, -12.01, true), (2.39, 0.0, false), (2.41, 0.0, true), (-2.41, 0.0, true)]
    {
        assert_eq!(judge(x, degrees), Verdict { reward: 1.0, terminated }, "{x} m, {degrees}°");
    }
}

#[test]
fn hopper_and_walker_observe_clipped_velocities_and_the_others_do_not() {
    for name in TaskName::ALL {
        let task = Task::new(name);
        let (mut qpos, mut qvel) = at_rest(&task);
        qpos[0] = 42.0;
        qvel[0] = 12.5;
        qvel[1] = -30.0;
        let seen = observation(&task, &qpos, &qvel);
        match name {
            TaskName::Hopper | TaskName::Walker2d => {
                assert!(!seen.contains(&42.0), "{name}: where the robot is stays hidden");
                assert_eq!(&seen[qpos.len() - 1..][..2], [10.0, -10.0], "{name}");
            }
            TaskName::HalfCheetah => {
                assert!(!seen.contains(&42.0), "{name}");
                assert_eq!(&seen[qpos.len() - 1..][..2], [12.5, -30.0]);
            }
            TaskName::InvertedPendulum => assert_eq!(seen, [42.0, 0.0, 12.5, -30.0]),
            TaskName::CartPole => assert_eq!(seen, [42.0, 12.5, 0.0, -30.0]),
        }
    }
}

#[test]
fn initial_states_have_the_noise_that_gymnasium_gives_them() {
    const DRAWS: usize = 4000;
    for name in TaskName::ALL {
        let task = Task::new(name);
        let (rest_qpos, rest_qvel) = at_rest(&task);
        let rest = [rest_qpos, rest_qvel].concat();
        let (nq, n) = (task.spec().nq, rest.len());
        let scale = match name {
            TaskName::CartPole => 0.05,
            TaskName::InvertedPendulum => 0.01,
            TaskName::Hopper | TaskName::Walker2d => 5e-3,
            TaskName::HalfCheetah => 0.1,
        };
        let mut stream = StreamKey::new(3, Purpose::Test).stream();
        let mut noise = vec![Vec::with_capacity(DRAWS); n];
        for _ in 0..DRAWS {
            let mut state = vec![f64::NAN; n];
            let (qpos, qvel) = state.split_at_mut(nq);
            task.draw_initial_state(&mut stream, qpos, qvel);
            for i in 0..n {
                noise[i].push((state[i] - rest[i]) / scale);
            }
        }
        for (i, noise) in noise.iter().enumerate() {
            let what = format!("{name}, coordinate {i}");
            let mean = noise.iter().sum::<f64>() / DRAWS as f64;
            let variance = noise.iter().map(|v| v * v).sum::<f64>() / DRAWS as f64;
            let largest = noise.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            let normal = name == TaskName::HalfCheetah && i >= nq;
            // Five standard errors of mean and variance; a uniform number has variance 1/3 and kurtosis 9/5.
            let (expected, kurtosis) = if normal { (1.0, 3.0) } else { (1.0 / 3.0, 1.8) };
            let error = |variance: f64| 5.0 * (variance / DRAWS as f64).sqrt();
            assert!(mean.abs() < error(expected), "{what}: mean {mean}");
            let spread = error(expected * expected * (kurtosis - 1.0));
            assert!((variance - expected).abs() < spread, "{what}: variance {variance}");
            if normal {
                assert!((3.0..6.0).contains(&largest), "{what}: largest {largest}");
            } else {
                assert!((0.99..1.0 + 1e-9).contains(&largest), "{what}: largest {largest}");
            }
        }
    }
}

#[test]
fn every_task_has_the_parameters_that_are_documented() {
    let dims = TaskName::ALL.map(|name| Task::new(name).space().dim());
    assert_eq!(dims, [5, 5, 11, 20, 21]);
    for name in TaskName::ALL {
        for p in Task::new(name).space().parameters() {
            assert!(p.description.ends_with('.') && !p.unit.is_empty(), "{name}: {}", p.name);
            assert_eq!(p.scale, p.nominal.abs(), "{name}: {}", p.name);
            // Evaluation on systems ±50 % around the reference has to be possible.
            assert!(p.lower <= 0.5 * p.nominal && p.upper >= 1.5 * p.nominal, "{name}: {}", p.name);
        }
    }
}

#[test]
fn a_task_survives_being_written_to_a_plan_and_a_misspelt_number_is_refused() {
    for name in TaskName::ALL {
        let task = Task::new(name);
        let written = toml::to_string(&task).unwrap();
        assert!(written.contains(&format!("name = \"{name}\"")), "{written}");
        assert_eq!(toml::from_str::<Task>(&written).unwrap(), task, "{written}");
        assert_eq!(
            toml::from_str::<Task>(&format!("name = \"{name}\"")).unwrap(),
            task,
            "all else has defaults"
        );
        let misspelt = toml::from_str::<Task>(&format!("name = \"{name}\"\nreset_noise = 0.0"));
        assert!(misspelt.unwrap_err().to_string().contains("reset_noise"), "{name}");
    }
}

#[test]
fn a_task_in_which_time_does_not_pass_is_refused_by_name() {
    let refused = |task: CartPole| {
        let task = Task::CartPole(task);
        let vary = task.space();
        Simulator::new(task, None, vary).unwrap_err().to_string()
    };
    for timestep in [0.0, -0.02, f64::NAN, f64::INFINITY] {
        let message = refused(CartPole { timestep, ..CartPole::default() });
        assert_eq!(
            message,
            format!("task `cartpole`: `timestep` = {timestep} has to be positive and finite")
        );
    }
    let message = refused(CartPole { episode_limit: 0, ..CartPole::default() });
    assert_eq!(message, "task `cartpole`: `episode_limit` = 0 has to be at least 1");
}
