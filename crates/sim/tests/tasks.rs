//! What the tasks say about states, without any physics.

use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, Cost, Kind, Range, Simulator, Task, TaskName, Verdict};

/// The robot of a task in its initial pose and at rest.
fn at_rest(task: &Task) -> (Vec<f64>, Vec<f64>) {
    let spec = task.spec();
    let mut qpos = vec![0.0; spec.nq];
    if ["hopper", "walker2d"].contains(&task.name.as_str()) {
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
    for (name, weight) in
        [(TaskName::HOPPER, 1e-3), (TaskName::WALKER2D, 1e-3), (TaskName::HALF_CHEETAH, 0.1)]
    {
        let task = Task::new(name);
        let (mut qpos, qvel) = at_rest(&task);
        qpos[0] = 0.5;
        // The cost sees the action as it was passed, beyond the motors' range too.
        let mut action = vec![0.0; task.spec().act_dim()];
        action[0] = 2.0;
        action[1] = -1.0;
        let speed = (0.5 - 0.4) / task.spec().dt;
        let survival = if name == TaskName::HALF_CHEETAH { 0.0 } else { 1.0 };
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
    for (name, cases) in [(TaskName::HOPPER, hopper), (TaskName::WALKER2D, walker)] {
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
    let task = Task::new(TaskName::WALKER2D);
    let (qpos, mut qvel) = at_rest(&task);
    qvel[3] = 500.0;
    assert!(!task.judge(0.0, &qpos, &qvel, &[0.0; 6]).terminated);
}

#[test]
fn the_pendulum_earns_only_while_upright_and_the_cart_pole_also_on_its_last_step() {
    let task = Task::new(TaskName::INVERTED_PENDULUM);
    let judge = |angle: f64| task.judge(0.0, &[0.9, angle], &[0.0; 2], &[3.0]);
    assert_eq!(judge(0.2), Verdict { reward: 1.0, terminated: false });
    assert_eq!(judge(0.2001), Verdict { reward: 0.0, terminated: true });
    assert_eq!(judge(-0.2001), Verdict { reward: 0.0, terminated: true });

    let task = Task::new(TaskName::CARTPOLE);
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
        if let Some(second) = qvel.get_mut(1) {
            *second = -30.0;
        }
        let seen = observation(&task, &qpos, &qvel);
        match name {
            TaskName::HOPPER | TaskName::WALKER2D => {
                assert!(!seen.contains(&42.0), "{name}: where the robot is stays hidden");
                assert_eq!(&seen[qpos.len() - 1..][..2], [10.0, -10.0], "{name}");
            }
            TaskName::HALF_CHEETAH => {
                assert!(!seen.contains(&42.0), "{name}");
                assert_eq!(&seen[qpos.len() - 1..][..2], [12.5, -30.0]);
            }
            TaskName::INVERTED_PENDULUM => assert_eq!(seen, [42.0, 0.0, 12.5, -30.0]),
            TaskName::CARTPOLE => assert_eq!(seen, [42.0, 12.5, 0.0, -30.0]),
            TaskName::TORQUE_PENDULUM => assert_eq!(seen, [42.0_f64.cos(), 42.0_f64.sin(), 12.5]),
            other => panic!("{other}"),
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
        let scale = |i: usize| match name {
            TaskName::TORQUE_PENDULUM if i == 0 => std::f64::consts::PI,
            TaskName::TORQUE_PENDULUM => 1.0,
            TaskName::CARTPOLE => 0.05,
            TaskName::INVERTED_PENDULUM => 0.01,
            TaskName::HOPPER | TaskName::WALKER2D => 5e-3,
            TaskName::HALF_CHEETAH => 0.1,
            other => panic!("{other}"),
        };
        let mut stream = StreamKey::new(3, Purpose::Test).stream();
        let mut noise = vec![Vec::with_capacity(DRAWS); n];
        for _ in 0..DRAWS {
            let mut state = vec![f64::NAN; n];
            let (qpos, qvel) = state.split_at_mut(nq);
            task.draw_initial_state(&mut stream, qpos, qvel);
            for i in 0..n {
                noise[i].push((state[i] - rest[i]) / scale(i));
            }
        }
        for (i, noise) in noise.iter().enumerate() {
            let what = format!("{name}, coordinate {i}");
            let mean = noise.iter().sum::<f64>() / DRAWS as f64;
            let variance = noise.iter().map(|v| v * v).sum::<f64>() / DRAWS as f64;
            let largest = noise.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            let normal = name == TaskName::HALF_CHEETAH && i >= nq;
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
    assert_eq!(dims, [5, 5, 3, 11, 20, 21]);
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
fn a_task_survives_being_written_and_a_misspelt_number_is_refused_with_its_line() {
    for name in TaskName::ALL {
        let task = Task::new(name);
        let text = toml::to_string(&task).unwrap();
        assert_eq!(Task::read(&text).unwrap(), task, "{name}");
        let misspelt = Task::read(&text.replace("[reset.positions]", "[reset.positions]\nunifrom = 0.0"));
        let message = misspelt.unwrap_err();
        assert!(message.contains("unifrom") && message.contains("line"), "{message}");
    }
}

#[test]
fn a_task_that_makes_no_sense_is_refused_by_the_name_of_the_number() {
    let refused = |change: &dyn Fn(&mut Task)| {
        let mut task = Task::new(TaskName::CARTPOLE);
        let vary = task.space();
        change(&mut task);
        Simulator::new(task, None, vary).unwrap_err().to_string()
    };
    for timestep in [0.0, -0.02, f64::NAN, f64::INFINITY] {
        let message = refused(&|task| task.robot.timestep = timestep);
        assert_eq!(
            message,
            format!("task `cartpole`: `timestep` = {timestep} has to be positive and finite")
        );
    }
    let message = refused(&|task| task.robot.episode_limit = 0);
    assert_eq!(message, "task `cartpole`: `episode_limit` = 0 has to be at least 1");
    type Change<'a> = &'a dyn Fn(&mut Task);
    let cases: [(&str, Change<'_>); 24] = [
        ("`robot`", &|task| task.robot.model = Some("hopper".into())),
        ("`robot`", &|task| task.robot.equations = None),
        ("`reset.positions.at`", &|task| task.reset.positions.at = Some(vec![0.0; 3])),
        ("`reset.velocities.at`", &|task| task.reset.velocities.at = Some(vec![])),
        ("`observation.hidden`", &|task| task.observation.hidden = 3),
        ("`healthy.coordinates`", &|task| {
            task.healthy.coordinates.push(Range::From { from: 4, within: [0.0, 1.0] });
        }),
        ("`parameter`", &|task| task.parameters[0].of = vec!["pole".into()]),
        ("`parameter`", &|task| task.parameters[0].times = None),
        ("`reward.control`", &|task| task.reward.control = f64::NAN),
        ("`reset`", &|task| task.reset.positions.uniform = -0.1),
        ("`reset`", &|task| task.reset.velocities.normal = f64::INFINITY),
        ("`robot.equations`", &|task| task.robot.equations = Some("acrobot".into())),
        ("`parameter`", &|task| task.parameters[0].quantity = Kind::Friction),
        ("`parameter`", &|task| drop(task.parameters.pop())),
        ("`robot.positions`", &|task| {
            task.robot.positions = 3;
            task.observation.interleaved = false;
        }),
        ("`robot.actions`", &|task| task.robot.actions = ActionSpace::Discrete { n: 3 }),
        ("`robot.actions`", &|task| {
            task.robot.actions = ActionSpace::Continuous { low: vec![-1.0], high: vec![1.0] };
        }),
        ("`robot.pushed`", &|task| task.robot.pushed = vec!["rod".into()]),
        ("`reward.costs`", &|task| task.reward.costs = vec![Cost { at: 4, weight: 1.0, angle: false }]),
        ("`reward.costs`", &|task| {
            task.reward.costs = vec![Cost { at: 0, weight: f64::INFINITY, angle: true }];
        }),
        ("`observation.angles`", &|task| task.observation.angles = vec![2]),
        ("`observation.angles`", &|task| task.observation.angles = vec![1]),
        ("`parameter`", &|task| task.parameters[4].quantity = Kind::RodMass),
        ("nominal value lies outside", &|task| task.parameters[0].times = Some([2.0, 3.0])),
    ];
    for (what, change) in cases {
        let message = refused(change);
        assert!(message.contains(what), "{what}: {message}");
    }
}

#[test]
fn the_cart_pole_falls_at_twelve_degrees_to_the_last_bit() {
    let task = Task::new(TaskName::CARTPOLE);
    // As Gymnasium writes it.
    let limit = 12.0 * 2.0 * std::f64::consts::PI / 360.0;
    assert!(!task.judge(0.0, &[0.0, limit], &[0.0; 2], &[0.0]).terminated);
    assert!(task.judge(0.0, &[0.0, limit.next_up()], &[0.0; 2], &[0.0]).terminated);
}

#[test]
fn a_robot_without_a_model_of_that_name_is_refused_with_the_nearest() {
    let mut task = Task::new(TaskName::HOPPER);
    task.robot.model = Some("hoper".into());
    let vary = task.space();
    let message = Simulator::new(task, None, vary).unwrap_err().to_string();
    assert!(message.contains("`hoper`") && message.contains("`hopper`"), "{message}");
}

#[test]
fn a_task_with_other_numbers_runs_and_says_so() {
    let plain = Task::new(TaskName::HOPPER);
    let mut frugal = plain.clone();
    frugal.reward.control = 1.0;
    frugal.robot.pushed = vec!["torso".into()];
    let make = |task: &Task| Simulator::new(task.clone(), None, task.space()).unwrap();
    let (plain, frugal) = (make(&plain), make(&frugal));
    assert_ne!(plain.identity(), frugal.identity(), "their results are told apart");
    assert_eq!(frugal.spec().forces, ["torso"]);
    let step = |simulator: &Simulator| {
        let mut sim = simulator.batch(1).unwrap();
        let (mut rewards, mut outcomes) = ([0.0], [wr2l_sim::Outcome::Running]);
        sim.step(&[1.0; 3], &[true], &mut rewards, &mut outcomes);
        rewards[0]
    };
    let difference = step(&plain) - step(&frugal);
    assert!((difference - 3.0 * (1.0 - 1e-3)).abs() < 1e-12, "{difference}");
}

#[test]
fn a_model_has_nothing_of_written_out_equations() {
    let mut task = Task::new(TaskName::HOPPER);
    task.parameters[3].quantity = Kind::Gravity;
    let message = task.check().unwrap_err().to_string();
    assert!(message.contains("`parameter`"), "{message}");
    let mut task = Task::new(TaskName::HOPPER);
    task.reward.costs = vec![Cost { at: 0, weight: 1.0, angle: false }];
    let message = task.check().unwrap_err().to_string();
    assert!(message.contains("`reward.costs`"), "{message}");
}

#[test]
fn what_came_later_and_is_not_given_leaves_no_trace_in_the_texts_that_tell_tasks_apart() {
    for name in TaskName::ALL {
        let task = Task::new(name);
        let (written, shown) = (toml::to_string(&task).unwrap(), format!("{task:?}"));
        for key in ["angles", "costs"] {
            let given = name == TaskName::TORQUE_PENDULUM;
            assert_eq!((written.contains(key), shown.contains(key)), (given, given), "{name}: {key}");
        }
    }
}
