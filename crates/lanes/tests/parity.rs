//! The physics against MuJoCo 3.17.0, state by state, on models of our own, those of the planar crate, and Gymnasium's.
#![cfg(feature = "mujoco")]

use std::sync::Arc;

use wr2l_lanes::{Batch, Cone, Derived, InstructionSet, Parameters};

mod common;
use common::mujoco::{Data, Robot, gymnasium, others, own, planar, scatter};
use common::tally::Tally;
use common::{Random, error, vary};

/// Relative.
const BOUND: f64 = 1e-9;
/// What MuJoCo may move on from our accelerations, if they are the minimum as far as it can tell.
const SAME: f64 = 1e-10;

/// Sets of parameters, and states of each.
fn counts() -> (usize, usize) {
    if std::env::var("WR2L_THOROUGH").is_ok() { (200, 50) } else { (12, 25) }
}

struct State {
    q: Vec<f64>,
    v: Vec<f64>,
    act: Vec<f64>,
    control: Vec<f64>,
    forces: Vec<f64>,
    qacc: Vec<f64>,
    next_q: Vec<f64>,
    next_v: Vec<f64>,
    next_act: Vec<f64>,
    contacts: usize,
    rows: usize,
    /// Whether axes of two shapes cross, where rounding decides which way they are pushed.
    crossing: bool,
}

fn crossing(data: &Data) -> bool {
    let model = data.model();
    let touch_inside = |geoms: [i32; 2], distance: f64| {
        let [a, b] = geoms.map(|g| g as usize);
        let round = |g: usize| [2, 3].contains(&(model.geom_type()[g] as u32));
        round(a) && round(b) && distance + model.geom_size()[a][0] + model.geom_size()[b][0] < 1e-9
    };
    data.contact().iter().any(|contact| touch_inside(contact.geom, contact.dist))
}

/// The error of MuJoCo's accelerations when its search starts from ours. Where they differ when it starts from nothing and
/// agree so, MuJoCo had stopped before it was done: a minimum that it can stay at is the only one.
fn second_opinion(robot: &Robot, phi: &Parameters, state: &State, own: &[f64]) -> f64 {
    let mut data = robot.with(phi);
    data.reset();
    data.qpos_mut().copy_from_slice(&state.q);
    data.qvel_mut().copy_from_slice(&state.v);
    data.act_mut().copy_from_slice(&state.act);
    data.ctrl_mut().copy_from_slice(&state.control);
    data.xfrc_applied_mut()[1..].as_flattened_mut().copy_from_slice(&state.forces);
    data.qacc_warmstart_mut().copy_from_slice(own);
    data.forward();
    error(own, data.qacc())
}

/// Random states of a system, and what MuJoCo makes of them.
fn states(robot: &Robot, phi: &Parameters, count: usize, random: &mut Random) -> Vec<State> {
    let mut data = robot.with(phi);
    let one = |_| {
        scatter(&robot.source, &mut data, random);
        let (q, v, control) = (data.qpos().to_vec(), data.qvel().to_vec(), data.ctrl().to_vec());
        let act = data.act().to_vec();
        let forces = data.xfrc_applied()[1..].as_flattened().to_vec();
        data.forward();
        let qacc = data.qacc().to_vec();
        let (contacts, rows) = (data.ncon() as usize, data.nefc() as usize);
        let crossing = crossing(&data);
        data.step();
        State {
            q,
            v,
            act,
            control,
            forces,
            qacc,
            next_q: data.qpos().to_vec(),
            next_v: data.qvel().to_vec(),
            next_act: data.act().to_vec(),
            contacts,
            rows,
            crossing,
        }
    };
    (0..count).map(one).collect()
}

/// Errors of qacc, next qpos (with activations) and next qvel of every state; `None` where the lane failed.
fn errors(batch: &mut Batch, states: &[State]) -> Vec<Option<[f64; 3]>> {
    let shape = batch.model().shape();
    let (nq, nv) = (shape.coordinates, shape.dofs);
    let mut controls = Vec::new();
    for (lane, state) in states.iter().enumerate() {
        batch.set_state(lane, &state.q, &state.v);
        batch.set_activations(lane, &state.act);
        batch.set_forces(lane, &state.forces);
        controls.extend_from_slice(&state.control);
    }
    let active = vec![true; states.len()];
    let mut qacc = vec![f64::NAN; states.len() * nv];
    batch.accelerations(&controls, &active, &mut qacc);
    batch.step(&controls, &active, 1);
    let (mut q, mut v, mut act) = (vec![0.0; nq], vec![0.0; nv], vec![0.0; shape.activations]);
    let one = |(lane, state): (usize, &State)| {
        batch.failure(lane).is_none().then(|| {
            batch.state(lane, &mut q, &mut v);
            let own = &qacc[lane * nv..][..nv];
            batch.activations(lane, &mut act);
            let q = error(&q, &state.next_q).max(error(&act, &state.next_act));
            [error(own, &state.qacc), q, error(&v, &state.next_v)]
        })
    };
    states.iter().enumerate().map(one).collect()
}

fn compare(robot: &Robot) {
    let model = Arc::new(robot.model());
    let nominal = Parameters::nominal(model.compiled());
    let (systems, count) = counts();
    // Many states take a while, and `tests/lanes.rs` has it that all sets give the same bits.
    let sets = if systems > 100 { vec![InstructionSet::fastest()] } else { InstructionSet::available() };
    for instructions in sets {
        let mut random = Random(17);
        let mut batch = Batch::with_instructions(&model, count, instructions).unwrap();
        let mut tally = Tally { name: robot.name.clone(), ..Tally::default() };
        for system in 0..systems {
            let phi = if system == 0 { nominal.clone() } else { vary(&nominal, &mut random) };
            for lane in 0..count {
                batch.set_parameters(lane, &phi).unwrap();
            }
            let states = states(robot, &phi, count, &mut random);
            tally.contacts += states.iter().map(|state| state.contacts).sum::<usize>();
            tally.rows += states.iter().map(|state| state.rows).sum::<usize>();
            for (lane, errors) in errors(&mut batch, &states).into_iter().enumerate() {
                let Some(errors) = errors else {
                    tally.failed += 1;
                    println!("{} system {system} state {lane} failed: {:?}", robot.name, batch.failure(lane));
                    continue;
                };
                tally.errors.push(errors);
                if !errors.iter().all(|error| *error < BOUND) {
                    let state = &states[lane];
                    if state.crossing {
                        tally.crossing += 1;
                        continue;
                    }
                    let mut own = vec![0.0; state.v.len()];
                    let mut alone = Batch::with_instructions(&model, 1, instructions).unwrap();
                    alone.set_parameters(0, &phi).unwrap();
                    alone.set_state(0, &state.q, &state.v);
                    alone.set_activations(0, &state.act);
                    alone.set_forces(0, &state.forces);
                    alone.accelerations(&state.control, &[true], &mut own);
                    let again = second_opinion(robot, &phi, state, &own);
                    println!("MuJoCo from there: {again:.1e}");
                    if again < SAME {
                        tally.early += 1;
                        continue;
                    }
                    tally.beyond += 1;
                    println!(
                        "{} {instructions:?} system {system} state {lane}: {errors:?}, {} contacts, {} rows",
                        robot.name, state.contacts, state.rows
                    );
                }
            }
        }
        let Tally { contacts, rows, beyond, early, crossing, failed, .. } = tally;
        let [qacc, qpos, qvel] = [0, 1, 2].map(|which| tally.worst(which));
        println!(
            "{} {instructions:?}: {} states, {contacts} contacts, {rows} rows; worst qacc {qacc:.1e} qpos {qpos:.1e} \
             qvel {qvel:.1e}; {beyond} beyond, {failed} failed, {early} where MuJoCo stopped early, {crossing} where axes cross",
            robot.name,
            tally.errors.len(),
        );
        if instructions == InstructionSet::fastest() {
            tally.write();
        }
        assert_eq!((beyond, failed), (0, 0), "{}", robot.name);
        // Its tolerance is one of the cost, whose root is that of accelerations: this shows where cones are elliptic.
        // `scrum` alone has such cones between links that both move: one in 49 of 10,000 states.
        let share = match model.compiled().options.cone {
            Cone::Elliptic if robot.name == "scrum" => 25,
            Cone::Elliptic => 50,
            _ => 200,
        };
        assert!(early * share <= systems * count, "{}: {early}", robot.name);
        assert!(crossing * 100 <= systems * count, "{}: {crossing}", robot.name);
    }
}

fn compare_constants(robot: &Robot) {
    let model = robot.model();
    let nominal = Parameters::nominal(model.compiled());
    let mut random = Random(5);
    for system in 0..counts().0 {
        let phi = if system == 0 { nominal.clone() } else { vary(&nominal, &mut random) };
        let derived = Derived::new(&model, &phi).unwrap();
        let data = if system == 0 {
            // As the compiler left it.
            fresh(robot)
        } else {
            robot.with(&phi)
        };
        let expected = data.model();
        let close = |got: &[f64], expected: &[f64], what: &str| {
            for (i, (g, e)) in got.iter().zip(expected).enumerate() {
                assert!((g - e).abs() <= 1e-10 * e.abs(), "{} {what} {i}: {g} instead of {e}", robot.name);
            }
            assert_eq!(got.len(), expected.len());
        };
        close(&derived.dof_inverse_weight, expected.dof_invweight0(), "dof_invweight0");
        close(&derived.dof_inertia, expected.dof_m0(), "dof_M0");
        close(
            derived.body_inverse_weight.as_flattened(),
            expected.body_invweight0().as_flattened(),
            "body_invweight0",
        );
        if system == 0 {
            close(&[derived.mean_inertia], &[expected.stat().meaninertia], "meaninertia");
        }
    }
}

fn fresh(robot: &Robot) -> Data {
    mujoco_rs::prelude::MjData::try_new(robot.source.clone()).unwrap()
}

#[test]
fn accelerations_and_next_states_of_our_own_models_are_those_of_mujoco() {
    own().iter().for_each(compare);
}

#[test]
fn accelerations_and_next_states_of_planar_robots_are_those_of_mujoco() {
    planar().iter().for_each(compare);
}

#[test]
fn accelerations_and_next_states_of_gymnasiums_models_are_those_of_mujoco() {
    gymnasium().iter().for_each(compare);
}

#[test]
fn accelerations_and_next_states_of_other_models_are_those_of_mujoco() {
    others().iter().for_each(compare);
    others().iter().for_each(compare_forces);
}

#[test]
fn derived_constants_are_those_of_a_fresh_compile() {
    own().iter().chain(&planar()).chain(&gymnasium()).for_each(compare_constants);
}

/// Our own models under other integrators and flags than their own.
#[test]
fn options_mean_what_they_mean_to_mujoco() {
    let read = |name: &str| std::fs::read_to_string(common::folder().join(format!("{name}.xml"))).unwrap();
    let flags = r#"<option><flag filterparent="disable" refsafe="disable" eulerdamp="disable"/></option>"#;
    let disabled = |names: &[&str]| {
        let flags: String = names.iter().map(|name| format!(r#" {name}="disable""#)).collect();
        format!("<option><flag{flags}/></option><default>")
    };
    let euler = "integrator=\"Euler\"";
    let elliptic = "integrator=\"RK4\" cone=\"elliptic\" impratio=\"4\"";
    let variants: [(&str, &[(&str, &str)]); 27] = [
        ("quadruped", &[("<default>", &disabled(&["constraint"]))]),
        ("quadruped", &[("<default>", &disabled(&["contact", "frictionloss"]))]),
        ("quadruped", &[("<default>", &disabled(&["limit", "clampctrl"]))]),
        ("tumblers", &[("<default>", &disabled(&["spring", "damper"]))]),
        ("hound", &[("impratio=\"100\"", "impratio=\"1\""), ("Euler", "RK4")]),
        ("hound", &[("Euler", "implicitfast"), ("elliptic", "pyramidal"), ("0.002", "0.004")]),
        ("hound", &[("frictionloss=\"0.3\"", "frictionloss=\"0\""), ("\"100\"", "\"10\"")]),
        ("crates", &[("impratio=\"3\"", "impratio=\"20\" cone=\"elliptic\""), ("Euler", "RK4")]),
        ("winch", &[("Euler", "RK4")]),
        ("pendants", &[("Euler", "RK4")]),
        ("pendants", &[("Euler", "implicitfast")]),
        ("servos", &[("Euler", "RK4")]),
        (
            "servos",
            &[
                ("Euler", "implicitfast"),
                ("<general name=\"cord\" tendon=\"both\"", "<general joint=\"wrist\""),
            ],
        ),
        ("scrum", &[("elliptic", "pyramidal")]),
        ("scrum", &[("impratio=\"5\"", "impratio=\"30\""), ("Euler", "RK4")]),
        ("quadruped", &[("implicitfast", "Euler"), ("0.004", "0.008")]),
        (
            "quadruped",
            &[("implicitfast", "RK4"), ("0.004", "0.008"), ("<default>", &format!("{flags}<default>"))],
        ),
        ("tumblers", &[("Euler", "RK4"), ("-9.5\"/>", "-9.5\"><flag gravity=\"disable\"/></option>")]),
        ("tumblers", &[("0.002", "0.01"), ("<default>", &format!("{flags}<default>"))]),
        ("eel", &[("RK4", "Euler"), ("density=\"900\"", "density=\"0\"")]),
        ("gripper", &[(euler, elliptic)]),
        ("gripper", &[("Euler", "implicitfast"), ("<freejoint name=\"ball\"/>", "<joint type=\"slide\"/>")]),
        ("gripper", &[("<default>", &disabled(&["equality"])), ("<default>", &disabled(&["contact"]))]),
        ("linkage", &[(euler, elliptic)]),
        ("linkage", &[("Euler", "RK4"), ("0.002", "0.01"), ("<default>", &format!("{flags}<default>"))]),
        ("linkage", &[("<default>", &disabled(&["constraint"]))]),
        ("ladder", &[(euler, elliptic)]),
    ];
    for (index, (name, changes)) in variants.into_iter().enumerate() {
        let mut xml = read(name);
        for (from, to) in changes {
            assert!(xml.contains(from), "{name} has no {from}");
            xml = xml.replacen(from, to, 1);
        }
        let source = mujoco_rs::prelude::MjModel::from_xml_string(&xml).unwrap();
        compare(&Robot::new(&format!("{name} {index}"), source));
    }
}

/// The forces that MuJoCo's data hold after some steps. Its searches start from our accelerations: by itself it stops early
/// in some elliptic cones, and forces show it more than accelerations do.
fn compare_forces(robot: &Robot) {
    let model = Arc::new(robot.model());
    let nominal = Parameters::nominal(model.compiled());
    let mut random = Random(23);
    let (mut pushed, mut astray, mut worst) = (0, 0, [0.0_f64; 5]);
    for system in 0..4 {
        let phi = if system == 0 { nominal.clone() } else { vary(&nominal, &mut random) };
        // The second lane: the first one is not touched by what is asked of it.
        let mut batch = Batch::new(&model, 2).unwrap();
        batch.set_parameters(1, &phi).unwrap();
        batch.record_all_forces(true);
        let mut data = robot.with(&phi);
        for state in 0..25 {
            scatter(&robot.source, &mut data, &mut random);
            batch.set_state(1, data.qpos(), data.qvel());
            batch.set_activations(1, data.act());
            batch.set_forces(1, data.xfrc_applied()[1..].as_flattened());
            let controls = data.ctrl().repeat(2);
            for _ in 0..1 + state % 2 {
                let mut start = vec![0.0; 2 * model.shape().dofs];
                batch.accelerations(&controls, &[false, true], &mut start);
                data.qacc_warmstart_mut().copy_from_slice(&start[model.shape().dofs..]);
                data.step();
                batch.step(&controls, &[false, true], 1);
            }
            data.rne_post_constraint();
            let mut geoms = vec![0.0; data.model().geom_type().len()];
            for contact in 0..data.ncon() as usize {
                let normal = data.contact_force(contact)[0];
                data.contact()[contact].geom.iter().for_each(|g| geoms[*g as usize] += normal);
            }
            let own = (0..geoms.len()).filter(|g| robot.touches(*g)).map(|g| geoms[g]);
            let own: Vec<f64> = own.take(phi.friction.len()).collect();
            pushed += own.iter().filter(|force| **force > 0.0).count();
            let bodies = data.cfrc_ext().as_flattened().to_vec();
            if crossing(&data) {
                continue;
            }
            let [actuators, joints] = [data.actuator_force().to_vec(), data.qfrc_actuator().to_vec()];
            if batch.failure(1).is_some() {
                // Its numbers are beyond all bounds, and rounding with them.
                astray += 1;
                continue;
            }
            let expected = [bodies, own, actuators, joints, data.qfrc_constraint().to_vec()];
            let mut got = expected.clone().map(|numbers| vec![f64::NAN; numbers.len()]);
            batch.body_forces(1, &mut got[0]);
            batch.contact_forces(1, &mut got[1]);
            batch.actuator_forces(1, &mut got[2]);
            batch.joint_forces(1, &mut got[3]);
            batch.constraint_forces(1, &mut got[4]);
            for i in 0..5 {
                let error = error(&got[i], &expected[i]);
                assert!(error < BOUND, "{} {system} {state} {i}: {error:.1e}", robot.name);
                worst[i] = worst[i].max(error);
            }
        }
        let mut untouched = vec![f64::NAN; 6 * (model.shape().bodies + 1)];
        batch.body_forces(0, &mut untouched);
        assert!(untouched.iter().all(|force| *force == 0.0), "{}", robot.name);
    }
    println!("{}: {pushed} geoms pushed, {astray} astray, worst {worst:?}", robot.name);
    assert!(astray < 10, "{}: {astray}", robot.name);
}

#[test]
fn forces_after_steps_are_those_of_mujoco() {
    own().iter().chain(&planar()).chain(&gymnasium()).for_each(compare_forces);
}

/// Two capsules and two balls in positions where the nearest points are no single ones, or have no direction between them.
#[test]
fn capsules_that_are_parallel_or_cross_touch_as_in_mujoco() {
    let xml = r#"<mujoco><option gravity="0 0 0"/><default><geom condim="3" friction="0.8"/></default><worldbody>
        <body name="a"><freejoint/><geom type="capsule" size="0.1 0.3"/></body>
        <body name="b"><freejoint/><geom type="capsule" size="0.08 0.2"/></body>
        <body name="c"><freejoint/><geom size="0.1"/></body>
        <geom type="capsule" size="0.1 0.3" pos="0 5 0"/>
        </worldbody></mujoco>"#;
    let robot = Robot::new("rods", mujoco_rs::prelude::MjModel::from_xml_string(xml).unwrap());
    let model = Arc::new(robot.model());
    let (up, over) = ([1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]);
    let across = [0.5_f64.sqrt(), 0.5_f64.sqrt(), 0.0, 0.0];
    // Where b is and how it is turned, seen from a, which stands upright.
    let cases = [
        ([0.15, 0.0, 0.0], up),
        ([0.15, 0.0, 0.3], up),
        ([0.1, 0.1, -0.45], up),
        ([0.15, 0.0, 0.1], over),
        ([0.0, 0.0, 0.6], up),
        ([0.0, 0.0, 0.1], across),
        ([0.05, 0.02, 0.1], across),
        ([0.0, 0.0, 0.1], up),
    ];
    let mut data = robot.with(&Parameters::nominal(model.compiled()));
    let mut most = 0;
    for (index, (offset, turn)) in cases.into_iter().enumerate() {
        // The second time against the rod that does not move; the ball meets b, once centre on centre.
        for base in [[0.0, 0.0, 0.0], [0.0, 5.0, 0.0]] {
            let mut q = vec![0.0; 21];
            let away = if base[1] > 0.0 { 50.0 } else { 0.0 };
            q[..3].copy_from_slice(&[base[0] + away, base[1], base[2]]);
            q[3..7].copy_from_slice(&up);
            (0..3).for_each(|i| q[7 + i] = base[i] + offset[i]);
            q[10..14].copy_from_slice(&turn);
            let ball = if index % 2 == 0 { [0.0, 0.0, 9.0] } else { [0.02, 0.0, 0.05] };
            (0..3).for_each(|i| q[14 + i] = q[7 + i] + ball[i]);
            q[17..21].copy_from_slice(&up);
            data.reset();
            data.qpos_mut().copy_from_slice(&q);
            data.forward();
            most = most.max(data.ncon());
            let mut batch = Batch::new(&model, 1).unwrap();
            let mut qacc = vec![0.0; 18];
            batch.set_state(0, &q, &[0.0; 18]);
            batch.accelerations(&[], &[true], &mut qacc);
            assert_eq!(batch.failure(0), None);
            let error = error(&qacc, data.qacc());
            assert!(
                error < BOUND,
                "case {index} at {base:?}: {error:.1e}, {qacc:?} instead of {:?}",
                data.qacc()
            );
        }
    }
    assert!(most > 2, "parallel capsules touch twice");
}
