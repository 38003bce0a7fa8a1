//! A task file and a model, to a simulator.
#![cfg(feature = "mujoco")]

use std::path::PathBuf;

use wr2l_rng::{Purpose, StreamKey};
use wr2l_robot::{RobotPhysics, RobotTask, TaskFile, feel, rehearse};
use wr2l_sim::{BatchSim, Outcome};

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../lanes/tests/models")
}

const WALK: &str = r#"
[robot]
mjcf = "quadruped.xml"
control_dt = 0.02
episode_steps = 50
[reset]
noise = { joint = 0.05, velocity = 0.1 }
[action]
select = "actuator@joint:fl_*"
[[observe]]
value = "gravity_in(body:trunk)"
[[observe]]
value = "qvel(joint:fl_*)"
noise = 0.01
[[reward]]
name = "forward"
weight = 1.0
value = "velocity(body:trunk).x"
[[terminate]]
name = "fell"
when = "height(body:trunk) < -5"
[vary.payload]
select = "body:trunk"
quantity = "mass"
op = "scale"
range = [0.7, 1.5]
[vary.pull]
select = "option"
quantity = "gravity.z"
op = "set"
range = [-12.0, -8.0]
"#;

fn task(text: &str) -> Result<RobotTask, String> {
    let path = models().join("walk.toml");
    let file = TaskFile::read(text, &path.display().to_string()).map_err(|error| error.to_string())?;
    let model = wr2l_robot::RobotModel::load(&models().join(&file.robot.mjcf)).unwrap();
    RobotTask::new(file, model).map_err(|error| error.to_string())
}

fn episode(sim: &mut dyn BatchSim, seed: u64) -> (Vec<f64>, Vec<f64>) {
    sim.reset(0, &mut StreamKey::new(seed, Purpose::Test).stream());
    let (mut seen, mut rewards) = (Vec::new(), Vec::new());
    let mut outcome = [Outcome::Running];
    while outcome == [Outcome::Running] {
        let mut observation = vec![0.0; sim.spec().obs_dim];
        sim.observe(0, &mut observation);
        seen.extend(observation);
        let mut reward = [0.0];
        sim.step(&[0.3, -0.2, 0.5], &[true], &mut reward, &mut outcome);
        rewards.push(reward[0]);
    }
    assert_eq!(outcome, [Outcome::Truncated]);
    assert_eq!(rewards.len(), 50);
    (seen, rewards)
}

#[test]
fn a_task_file_runs_on_both_engines_and_they_agree_at_first() {
    let task = task(WALK).unwrap();
    assert_eq!(task.choice().unwrap().physics, RobotPhysics::Lanes);
    let [lanes, mujoco] = [RobotPhysics::Lanes, RobotPhysics::Mujoco].map(|physics| {
        let simulator = task.simulator(Some(physics), &task.variation().space).unwrap();
        let mut sim = simulator.batch(1).unwrap();
        assert_eq!((sim.spec().obs_dim, sim.spec().act_dim()), (6, 3));
        let first = episode(&mut *sim, 3);
        assert_eq!(first, episode(&mut *sim, 3), "an episode is a function of its stream");
        assert_ne!(first, episode(&mut *sim, 4));
        first
    });
    for (a, b) in lanes.0[..12].iter().zip(&mujoco.0) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
    assert!((lanes.1[0] - mujoco.1[0]).abs() < 1e-4);
}

#[test]
fn its_parameters_are_felt() {
    let task = task(WALK).unwrap();
    let names: Vec<&str> = task.variation().space.names().collect();
    assert_eq!(names, ["payload", "pull"]);
    let simulator = task.simulator(None, &task.variation().space).unwrap();
    let felt = feel(&simulator, 7, 200).unwrap();
    assert_eq!(felt.len(), 4);
    assert!(felt.iter().all(|felt| felt.complaint().is_none()), "{felt:?}");
}

#[test]
fn what_a_model_does_not_bear_out_is_said_with_its_place() {
    let cases = [
        ("body:trunk\"\nquantity", "body:trnk\"\nquantity", "did you mean `trunk`"),
        ("\"mass\"", "\"mas\"", "did you mean `mass`"),
        ("[0.7, 1.5]", "[1.1, 1.5]", "has to contain"),
        ("actuator@joint:fl_*", "actuator@joint:fr_calf", "no `ctrlrange`"),
    ];
    for (from, to, expected) in cases {
        assert!(WALK.contains(from));
        let error = task(&WALK.replace(from, to)).unwrap_err();
        assert!(error.contains(expected) && error.contains("walk.toml"), "{error}");
    }
}

/// What is observed in each of some steps of an episode, at φ.
fn seen(task: &RobotTask, phi: &[f64], seed: u64) -> Vec<Vec<f64>> {
    let simulator = task.simulator(Some(RobotPhysics::Lanes), &task.variation().space).unwrap();
    let mut sim = simulator.batch(1).unwrap();
    sim.set_dynamics(0, phi).unwrap();
    sim.reset(0, &mut StreamKey::new(seed, Purpose::Test).stream());
    let mut look = || {
        let mut observation = vec![0.0; sim.spec().obs_dim];
        sim.observe(0, &mut observation);
        sim.step(&[0.3, -0.2, 0.5], &[true], &mut [0.0], &mut [Outcome::Running]);
        observation
    };
    (0..40).map(|_| look()).collect()
}

#[test]
fn noise_of_a_sensor_may_vary_and_no_other_hangs_on_it() {
    let noisy = WALK.replace("value = \"gravity", "name = \"up\"\nvalue = \"gravity")
        + "[vary.gyro]\nselect = \"observe:up\"\nquantity = \"noise\"\nop = \"set\"\nrange = [0.0, 0.5]\n";
    let (plain, noisy) = (task(WALK).unwrap(), task(&noisy).unwrap());
    let nominal = noisy.variation().space.nominal();
    let with = |size: f64| [&nominal[..2], &[size]].concat();
    let truth = seen(&plain, &nominal[..2], 5);
    assert_eq!(seen(&noisy, &nominal, 5), truth, "at its nominal value it changes no bit");
    let (small, large) = (seen(&noisy, &with(0.1), 5), seen(&noisy, &with(0.2), 5));
    let mut noises = Vec::new();
    for (t, truth) in truth.iter().enumerate() {
        for k in 0..6 {
            let (small, large) = (small[t][k] - truth[k], large[t][k] - truth[k]);
            assert!((large - 2.0 * small).abs() < 1e-12, "the same noise, twice as large");
            if k < 3 {
                noises.push(small);
            } else {
                assert_eq!(small, 0.0, "the other term's noise stays");
            }
        }
    }
    // Uniform within 0.1: a third of the square, give or take six standard errors.
    let square = noises.iter().map(|x| x * x).sum::<f64>() / noises.len() as f64;
    assert!((square * 300.0 - 1.0).abs() < 6.0 * (0.8 / noises.len() as f64).sqrt(), "{square}");
    assert!(noises.iter().all(|x| x.abs() <= 0.1));
}

#[test]
fn what_surrounds_the_physics_is_felt_as_well() {
    let text = WALK.to_owned()
        + "[vary.late]\nselect = \"actuator@joint:fl_*\"\nquantity = \"delay\"\nop = \"set\"\nrange = [0.0, 0.03]\n"
        + "[vary.shaky]\nselect = \"actuator@joint:fl_*\"\nquantity = \"action_noise\"\nop = \"set\"\nrange = [0.0, 0.1]\n"
        + "[vary.shoved]\nselect = \"body:trunk\"\nquantity = \"push\"\nop = \"set\"\nrange = [0.0, 5.0]\n"
        + "[vary.gyro]\nselect = \"observe[0]\"\nquantity = \"noise\"\nop = \"set\"\nrange = [0.0, 0.5]\n";
    let built = task(&text).unwrap();
    let felt = feel(&built.simulator(None, &built.variation().space).unwrap(), 7, 200).unwrap();
    assert_eq!(felt.len(), 8);
    assert!(felt.iter().all(|felt| felt.complaint().is_none()), "{felt:?}");
    let undriven = task(
        &text
            .replace("[vary.late]\nselect = \"actuator@joint:fl_*\"", "[vary.late]\nselect = \"actuator:*\""),
    );
    assert!(undriven.unwrap_err().contains("does not drive"));
    let misnamed = task(&text.replace("observe[0]", "observe:up")).unwrap_err();
    assert!(misnamed.contains("terms of the observation"), "{misnamed}");
}

#[test]
fn the_terms_of_a_rehearsal_add_up_to_its_reward() {
    let text = WALK.to_owned()
        + "[[reward]]\nname = \"effort\"\nweight = -0.1\nvalue = \"sum(sq(action))\"\n\
           [[reward]]\nname = \"idle\"\nweight = 0.0\nvalue = \"1\"\n";
    let built = task(&text).unwrap();
    let simulator = built.simulator(None, &built.variation().space).unwrap();
    let (random, idle) =
        (rehearse(&simulator, 1, 5, 70, false).unwrap(), rehearse(&simulator, 1, 5, 70, true).unwrap());
    let names: Vec<&str> = random.terms.iter().map(|term| term.name.as_str()).collect();
    assert_eq!(
        (names.as_slice(), random.steps, random.diverged.as_ref()),
        (&["forward", "effort"][..], 350, None)
    );
    for course in [&random, &idle] {
        let sum: f64 = course.terms.iter().map(|term| term.mean).sum();
        assert!((sum - course.reward).abs() < 1e-12, "{course:?}");
        assert!(course.terms.iter().all(|term| term.least <= term.mean && term.mean <= term.most));
    }
    assert!(random.terms[1].mean < -0.01, "{random:?}");
    assert_eq!((idle.terms[1].least, idle.terms[1].most), (0.0, 0.0));
    // Episodes of 50 steps: ten in 350 steps of five lanes.
    assert_eq!(random.length, 35.0);
    assert_eq!(random, rehearse(&simulator, 1, 5, 70, false).unwrap(), "it depends on the seed alone");
}

#[test]
fn more_may_vary_by_a_word() {
    let built = task(WALK).unwrap();
    let (more, names) =
        built.varied_by(&["mass@body:fl_calf=0.5..2", "late:delay@actuator@joint:fl_*=set:0..0.02"]).unwrap();
    assert_eq!(names, ["mass_fl_calf", "late"]);
    let all: Vec<&str> = more.variation().space.names().collect();
    assert_eq!(all, ["payload", "pull", "mass_fl_calf", "late"]);
    // Kept and read again it is the same task.
    let kept = more.file().to_toml().unwrap();
    let again = RobotTask::new(TaskFile::read(&kept, "kept.toml").unwrap(), built.model().clone()).unwrap();
    assert_eq!(again.variation(), more.variation());
    let refused = |word: &str| built.varied_by(&[word]).unwrap_err();
    assert!(refused("late:delay@actuator:*=set:0..0.02").contains("does not drive"));
    assert!(refused("mass@body:fl_calf=1.5..2").contains("has to contain"));
    assert!(refused("mass@body:fl_claf=0.5..2").contains("did you mean `fl_calf`"));
    assert!(refused("gravity.z@option=set:-12..-8").contains("changes what `pull` changes"));
    assert!(refused("pull:mass@body:fl_calf=0.5..2").contains("there is a parameter `pull`"));
}

#[test]
fn a_range_and_how_it_is_drawn_belong_to_the_space() {
    let text = WALK.replace("range = [0.7, 1.5]", "range = [0.7, 1.5]\ndistribution = \"log-uniform\"");
    let built = task(&text).unwrap();
    let space = &built.variation().space;
    assert!(space.has_ranges() && space.is_logarithmic(0) && !space.is_logarithmic(1));
    let middle = space.draw(0, [0.7, 1.5], |low, high| 0.5 * (low + high));
    assert!((middle - (0.7_f64 * 1.5).sqrt()).abs() < 1e-12, "{middle}");
}

#[test]
fn a_task_says_its_process_noise_on_both_engines() {
    let noisy = |noise: &str| {
        task(&WALK.replace("episode_steps = 50", &format!("episode_steps = 50\nvelocity_noise = {noise}")))
    };
    let run = |task: &RobotTask, physics| {
        let simulator = task.simulator(Some(physics), &task.variation().space).unwrap();
        episode(simulator.batch(1).unwrap().as_mut(), 3)
    };
    for physics in [RobotPhysics::Lanes, RobotPhysics::Mujoco] {
        let plain = run(&task(WALK).unwrap(), physics);
        assert_eq!(run(&noisy("[0.0]").unwrap(), physics), plain);
        let kicked = run(&noisy("[0.1]").unwrap(), physics);
        assert_ne!(kicked, plain);
        assert_eq!(run(&noisy("[0.1]").unwrap(), physics), kicked, "keyed by the episode and the step");
    }
    let error = noisy("[0.1, 0.1]").unwrap_err();
    assert!(error.contains("one for each of the") && error.contains("walk.toml:6:18"), "{error}");
}

#[test]
fn a_task_of_the_project_needs_no_model_of_ones_own() {
    let folder = std::env::temp_dir().join(format!("wr2l-extends-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let own = folder.join("slow-hopper.toml");
    std::fs::write(&own, "extends = \"hopper\"\n[[reward]]\nname = \"forward\"\nweight = 0.5\n").unwrap();
    let slow = RobotTask::load(&own).unwrap();
    let hopper = RobotTask::built_in("hopper").unwrap().unwrap();
    assert_eq!((slow.file().name.as_str(), hopper.file().name.as_str()), ("slow-hopper", "hopper"));
    assert_eq!(slow.model().hash(), hopper.model().hash());
    assert_eq!(slow.file().reward[0].weight, 0.5);
    // A model that the file names is the file's.
    std::fs::write(&own, "extends = \"hopper\"\n[robot]\nmjcf = \"hopper.xml\"\n").unwrap();
    let missing = RobotTask::load(&own).unwrap_err().to_string();
    assert!(missing.contains("hopper.xml") && missing.contains("slow-hopper.toml:3"), "{missing}");
    for name in TaskFile::built_in_names() {
        let task = RobotTask::built_in(name).unwrap().unwrap_or_else(|error| panic!("{error}"));
        assert!(task.variation().space.dim() > 0 && !task.sweep().is_empty(), "{name}");
        let choice = task.choice().unwrap();
        assert_eq!(choice.physics, RobotPhysics::Lanes, "{name}: {}", choice.reason);
    }
    assert!(RobotTask::built_in("horse").is_none());
    std::fs::remove_dir_all(&folder).unwrap();
}
