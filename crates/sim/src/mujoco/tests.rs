//! What a parameter does to the model, and what the physics does with it.

use mujoco_rs::prelude::{MjModel, MjSpec, MjtObjBase};
use wr2l_rng::{Purpose, Stream, StreamKey};

use super::{MujocoBatch, MujocoModel, engine};
use crate::task::Quantity;
use crate::{BatchSim, Outcome, Task, TaskName};

const TASKS: [TaskName; 4] =
    [TaskName::INVERTED_PENDULUM, TaskName::HOPPER, TaskName::WALKER2D, TaskName::HALF_CHEETAH];
const WALKERS: [TaskName; 3] = [TaskName::HOPPER, TaskName::WALKER2D, TaskName::HALF_CHEETAH];

fn stream() -> Stream {
    StreamKey::new(11, Purpose::Test).stream()
}

/// A batch that varies the parameters picked by `patterns`.
fn batch(task: TaskName, patterns: &[&str], lanes: usize) -> MujocoBatch {
    let task = Task::new(task);
    let vary = task.space().select(patterns).unwrap();
    MujocoBatch::new(&MujocoModel::new(task, vary).unwrap(), lanes).unwrap()
}

fn model(batch: &MujocoBatch, lane: usize) -> &MjModel {
    batch.lanes[lane].data.model()
}

fn state(batch: &MujocoBatch, lane: usize) -> Vec<f64> {
    let mut out = vec![0.0; batch.spec.state_dim()];
    batch.state(lane, &mut out);
    out
}

fn step(batch: &mut MujocoBatch, action: &[f64]) -> (f64, Outcome) {
    let (mut reward, mut outcome) = ([f64::NAN], [Outcome::Running]);
    batch.step(action, &[true], &mut reward, &mut outcome);
    (reward[0], outcome[0])
}

/// φ uniform in the middle of its bounds, on a logarithmic scale.
fn random_phi(batch: &MujocoBatch, stream: &mut Stream) -> Vec<f64> {
    let parameters = batch.space.parameters();
    parameters.iter().map(|p| stream.uniform(p.lower.ln(), p.upper.ln()).exp()).collect()
}

/// The model that MuJoCo's compiler makes from the task's file with these parameters written into it.
fn compiled(task: TaskName, names_and_values: &[(String, f64)]) -> MjModel {
    engine::prepare().unwrap();
    let task_with_config = Task::new(task);
    let (space, quantities) = (task_with_config.space(), task_with_config.quantities());
    let mut spec = MjSpec::from_xml_string(&crate::model::text(&task_with_config).unwrap()).unwrap();
    for (name, value) in names_and_values {
        let value = *value;
        match &quantities[space.index(name).unwrap()] {
            Quantity::Density(body) => {
                let mut children = spec.body_mut(body).unwrap().geom_iter_mut(false);
                children.by_ref().for_each(|geom| geom.set_density(value));
            }
            Quantity::Armature(joint) => spec.joint_mut(joint).unwrap().set_armature(value),
            Quantity::SharedArmature => {
                spec.joint_iter_mut().filter(|j| j.armature() > 0.0).for_each(|j| j.set_armature(value));
            }
            Quantity::Damping(joint) => spec.joint_mut(joint).unwrap().damping_mut()[0] = value,
            Quantity::Stiffness(joint) => spec.joint_mut(joint).unwrap().stiffness_mut()[0] = value,
            Quantity::Friction => spec.geom_iter_mut().for_each(|geom| geom.friction_mut()[0] = value),
            Quantity::PoleLength => {
                *spec.geom_mut("pole").unwrap().fromto_mut() = [0.0, 0.0, 0.0, 0.001, 0.0, value];
            }
            other => panic!("{other:?} is the cart-pole's"),
        }
    }
    spec.compile().unwrap()
}

/// Every number of a model that physics depends on, or that MuJoCo derives from such a number.
fn numbers(model: &MjModel) -> Vec<(&'static str, Vec<f64>)> {
    vec![
        ("qpos0", model.qpos0().to_vec()),
        ("qpos_spring", model.qpos_spring().to_vec()),
        ("body_pos", model.body_pos().concat()),
        ("body_quat", model.body_quat().concat()),
        ("body_ipos", model.body_ipos().concat()),
        ("body_iquat", model.body_iquat().concat()),
        ("body_mass", model.body_mass().to_vec()),
        ("body_subtreemass", model.body_subtreemass().to_vec()),
        ("body_inertia", model.body_inertia().concat()),
        ("body_invweight0", model.body_invweight0().concat()),
        ("bvh_aabb", model.bvh_aabb().concat()),
        ("jnt_stiffness", model.jnt_stiffness().to_vec()),
        ("jnt_range", model.jnt_range().concat()),
        ("dof_armature", model.dof_armature().to_vec()),
        ("dof_damping", model.dof_damping().to_vec()),
        ("dof_invweight0", model.dof_invweight0().to_vec()),
        ("dof_M0", model.dof_m0().to_vec()),
        ("dof_length", model.dof_length().to_vec()),
        ("geom_size", model.geom_size().concat()),
        ("geom_aabb", model.geom_aabb().concat()),
        ("geom_rbound", model.geom_rbound().to_vec()),
        ("geom_pos", model.geom_pos().concat()),
        ("geom_quat", model.geom_quat().concat()),
        ("geom_friction", model.geom_friction().concat()),
        ("actuator_acc0", model.actuator_acc0().to_vec()),
        ("actuator_length0", model.actuator_length0().to_vec()),
        // The other statistics serve cameras only.
        ("stat.meaninertia", vec![model.stat().meaninertia]),
    ]
}

fn assert_equal_models(got: &MjModel, expected: &MjModel, what: &str) {
    for ((name, got), (_, expected)) in numbers(got).into_iter().zip(numbers(expected)) {
        assert_eq!(got.len(), expected.len(), "{what}: {name}");
        // 1e-12 relative; entries that are 0 but for rounding are held to the size of the smallest that are not.
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let difference = (got - expected).abs();
            assert!(
                difference <= 1e-12 * expected.abs().max(1e-3),
                "{what}: {name}[{i}] is {got}, a fresh compilation gives {expected}"
            );
        }
    }
}

#[test]
fn the_nominal_values_are_those_of_the_model() {
    for task in TASKS {
        let space = Task::new(task).space();
        let nominal: Vec<(String, f64)> = space.names().map(String::from).zip(space.nominal()).collect();
        let untouched = compiled(task, &[]);
        for (name, value) in nominal {
            // Friction differs between geoms; a test below looks at the contact.
            if name != "friction" {
                let what = format!("{task} with its own {name}");
                assert_equal_models(&compiled(task, &[(name, value)]), &untouched, &what);
            }
        }
        assert_equal_models(model(&batch(task, &[], 1), 0), &untouched, "nothing varied");
    }
}

#[test]
fn after_setting_dynamics_every_derived_number_is_that_of_a_fresh_compilation() {
    let mut stream = stream();
    for task in TASKS {
        let mut all = batch(task, &["all"], 1);
        let names: Vec<String> = all.space.names().map(String::from).collect();
        for _ in 0..20 {
            let phi = random_phi(&all, &mut stream);
            all.set_dynamics(0, &phi).unwrap();
            let edits: Vec<(String, f64)> = names.iter().cloned().zip(phi.iter().copied()).collect();
            assert_equal_models(model(&all, 0), &compiled(task, &edits), task.as_str());
        }
        // One at a time, at both bounds: an effect must not lean on another.
        for name in names {
            let mut one = batch(task, &[&name], 1);
            let parameter = one.space.parameters()[0].clone();
            for value in [parameter.lower, parameter.upper] {
                one.set_dynamics(0, &[value]).unwrap();
                let what = format!("{task}: {name} = {value}");
                assert_equal_models(model(&one, 0), &compiled(task, &[(name.clone(), value)]), &what);
            }
        }
    }
}

#[test]
fn dynamics_do_not_depend_on_what_was_set_before() {
    let mut stream = stream();
    for task in TASKS {
        let mut sim = batch(task, &["all"], 3);
        let phi = random_phi(&sim, &mut stream);
        sim.set_dynamics(0, &phi).unwrap();
        // Lane 1 takes detours, and models are handed from lane to lane.
        for _ in 0..5 {
            for lane in 1..3 {
                let detour = random_phi(&sim, &mut stream);
                sim.set_dynamics(lane, &detour).unwrap();
            }
        }
        sim.set_dynamics(1, &phi).unwrap();
        assert_eq!(numbers(model(&sim, 0)), numbers(model(&sim, 1)), "{task}");
        sim.set_dynamics(1, &phi).unwrap();
        assert_eq!(numbers(model(&sim, 0)), numbers(model(&sim, 1)), "{task}: set twice");
        // And back: the same bits as a lane that never left.
        let nominal = sim.space.nominal();
        sim.set_dynamics(1, &nominal).unwrap();
        assert_eq!(numbers(model(&batch(task, &["all"], 1), 0)), numbers(model(&sim, 1)), "{task}: back");
    }
}

#[test]
fn setting_dynamics_keeps_the_state_and_the_warm_start() {
    let mut stream = stream();
    for task in TASKS {
        let mut sim = batch(task, &["all"], 1);
        sim.reset(0, &mut stream);
        let action = vec![0.5; sim.spec.act_dim()];
        for _ in 0..20 {
            step(&mut sim, &action);
        }
        let (mut before, mut after) = (vec![0.0; sim.spec.snapshot_len], vec![0.0; sim.spec.snapshot_len]);
        sim.save(0, &mut before);
        let phi = random_phi(&sim, &mut stream);
        sim.set_dynamics(0, &phi).unwrap();
        sim.save(0, &mut after);
        assert_eq!(before, after, "{task}");
    }
}

/// Sliding friction of every contact between the floor and the robot in a fall from the initial state, and
/// whether robot geoms touched each other.
fn contacts_of_a_fall(sim: &mut MujocoBatch) -> (Vec<(usize, f64)>, bool) {
    let floor = model(sim, 0).name_to_id(MjtObjBase::mjOBJ_GEOM, "floor").unwrap() as i32;
    let (mut frictions, mut touched) = (Vec::new(), false);
    let mut stream = stream();
    sim.reset(0, &mut stream);
    for _ in 0..100 {
        let action: Vec<f64> = (0..sim.spec.act_dim()).map(|_| stream.uniform(-1.0, 1.0)).collect();
        step(sim, &action);
        for contact in sim.lanes[0].data.contact() {
            if contact.geom.contains(&floor) {
                assert_eq!(contact.dim, 3, "contact with the floor has friction");
                frictions.push((contact.geom.iter().sum::<i32>() as usize, contact.friction[0]));
            } else {
                touched = true;
            }
        }
    }
    assert!(!frictions.is_empty(), "the fall reached the floor");
    (frictions, touched)
}

#[test]
fn friction_is_the_realised_coefficient_of_every_contact() {
    for task in WALKERS {
        let mut sim = batch(task, &["friction"], 1);
        // Below and above every geom's own coefficient: the larger of floor and foot is what counts.
        for friction in [0.2, 0.5, 1.0, 3.0] {
            sim.set_dynamics(0, &[friction]).unwrap();
            let (frictions, _) = contacts_of_a_fall(&mut sim);
            assert!(frictions.iter().all(|&(_, realised)| realised == friction), "{task}: {frictions:?}");
        }
    }
}

#[test]
fn the_nominal_friction_is_that_of_the_untouched_robots_feet() {
    for task in WALKERS {
        let mut sim = batch(task, &[], 1);
        let floor = model(&sim, 0).name_to_id(MjtObjBase::mjOBJ_GEOM, "floor").unwrap();
        let nominal = Task::new(task).space().nominal().last().copied().unwrap();
        let feet: Vec<usize> = ["foot", "foot_left", "bfoot", "ffoot"]
            .iter()
            .filter_map(|name| model(&sim, 0).name_to_id(MjtObjBase::mjOBJ_GEOM, name))
            .collect();
        let (frictions, _) = contacts_of_a_fall(&mut sim);
        let of_feet = frictions.iter().filter(|(geom, _)| feet.contains(&(geom - floor)));
        assert!(of_feet.clone().count() > 0, "{task}");
        assert!(of_feet.clone().all(|&(_, realised)| realised == nominal), "{task}: {frictions:?}");
    }
}

#[test]
fn the_hopper_touches_itself_and_the_others_do_not() {
    for task in WALKERS {
        let (_, touched) = contacts_of_a_fall(&mut batch(task, &[], 1));
        assert_eq!(touched, task == TaskName::HOPPER, "{task}");
    }
}

#[test]
fn the_half_cheetah_weighs_14_kg_and_a_density_changes_that() {
    let mut sim = batch(TaskName::HALF_CHEETAH, &["torso_density"], 1);
    let nominal = sim.space.nominal()[0];
    let mass = |sim: &MujocoBatch| model(sim, 0).body_mass().iter().sum::<f64>();
    assert!((mass(&sim) - 14.0).abs() < 1e-12, "{}", mass(&sim));
    let torso = model(&sim, 0).body_mass()[1];
    sim.set_dynamics(0, &[2.0 * nominal]).unwrap();
    assert!((mass(&sim) - (14.0 + torso)).abs() < 1e-12, "{}", mass(&sim));
}

#[test]
fn no_corner_of_the_bounds_makes_the_integration_unstable() {
    let mut stream = stream();
    for task in TASKS {
        let mut sim = batch(task, &["all"], 1);
        for _ in 0..200 {
            let bounds = sim.space.parameters().iter();
            let corner: Vec<f64> = bounds.map(|p| [p.lower, p.upper][stream.below(2)]).collect();
            sim.set_dynamics(0, &corner).unwrap();
            let mut start = vec![0.0; sim.spec.state_dim()];
            if task != TaskName::INVERTED_PENDULUM {
                // In the air: an unstable joint shows itself, and a contact does not hide it.
                start[1] = 5.0;
            }
            let first_velocity = sim.spec.nq;
            start[first_velocity + 1..].fill(1e-3);
            sim.set_state(0, &start).unwrap();
            let action = vec![0.0; sim.spec.act_dim()];
            for _ in 0..20 {
                let outcome = step(&mut sim, &action).1;
                assert!(!matches!(outcome, Outcome::Diverged(_)), "{task} at {corner:?}");
            }
            let fastest = state(&sim, 0)[first_velocity + 2..].iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            assert!(fastest < 20.0, "{task} at {corner:?}: {fastest} rad/s out of nothing");
        }
    }
}

#[test]
fn an_exploding_state_is_diverged_until_the_lane_is_reset() {
    for task in TASKS {
        for huge in [1e9, 1e11, 1e100, 1e300, f64::MAX] {
            for coordinate in 0..batch(task, &[], 1).spec.state_dim() {
                let mut sim = batch(task, &[], 1);
                sim.reset(0, &mut stream());
                let mut exploding = state(&sim, 0);
                exploding[coordinate] = huge;
                sim.set_state(0, &exploding).unwrap();
                let action = vec![0.0; sim.spec.act_dim()];
                let mut diverged = false;
                for _ in 0..10 {
                    let (reward, outcome) = step(&mut sim, &action);
                    let broken = matches!(outcome, Outcome::Diverged(_));
                    assert!(broken || !diverged, "{task}: diverged physics came back as {outcome:?}");
                    diverged |= broken;
                    if broken {
                        assert_eq!(reward, 0.0);
                    } else {
                        assert!(reward.is_finite(), "{task}: {reward}");
                        assert!(state(&sim, 0).iter().all(|v| v.is_finite()), "{task}");
                    }
                }
                assert!(diverged || huge < 1e10, "{task}: coordinate {coordinate} = {huge} went unnoticed");
                sim.reset(0, &mut stream());
                assert!(!matches!(step(&mut sim, &action).1, Outcome::Diverged(_)), "{task}");
            }
        }
    }
    assert!(!std::path::Path::new("MUJOCO_LOG.TXT").exists(), "MuJoCo's warnings stay out of the folder");
}

#[test]
fn initial_states_are_those_of_the_model_plus_noise() {
    for task in TASKS {
        let mut sim = batch(task, &[], 1);
        let scale = if task == TaskName::HALF_CHEETAH { 0.1 } else { 0.01 };
        sim.reset(0, &mut stream());
        let nq = sim.spec.nq;
        for (got, initial) in state(&sim, 0)[..nq].iter().zip(model(&sim, 0).qpos0()) {
            assert!((got - initial).abs() <= scale, "{task}");
        }
    }
}

#[test]
fn the_models_files_agree_with_the_tasks_configuration() {
    for task in TASKS {
        let untouched = compiled(task, &[]);
        let (config, spec) = (Task::new(task).robot, Task::new(task).spec());
        assert_eq!(untouched.opt().timestep, config.timestep, "{task}");
        let (low, high): (Vec<f64>, Vec<f64>) =
            untouched.actuator_ctrlrange().iter().map(|range| (range[0], range[1])).unzip();
        assert_eq!(spec.actions, crate::ActionSpace::Continuous { low, high }, "{task}");
    }
}
