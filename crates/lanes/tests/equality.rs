//! What holds for joints that follow others and points that stay together, and that odd ties are MuJoCo's.

use std::sync::Arc;

use wr2l_lanes::{
    Batch, Body, Compiled, Contacts, Dof, Equality, Integrator, Joint, JointKind, Model, Options, Softness,
    Tie,
};

mod common;

const STILL: [f64; 4] = [1.0, 0.0, 0.0, 0.0];

/// As stiff and as sure as MuJoCo lets a constraint be, at a time constant.
fn firm(time: f64) -> Softness {
    Softness { solref: [time, 1.0], solimp: [0.9999, 0.9999, 0.001, 0.5, 2.0] }
}

fn body(parent: u32, position: [f64; 3], mass: f64, inertia: [f64; 3], centre: [f64; 3]) -> Body {
    Body { parent, position, mass, inertia, centre, orientation: STILL, axes: STILL, ..Body::default() }
}

fn hinge(body: u32) -> Joint {
    Joint { body, axis: [0.0, 1.0, 0.0], ..Joint::default() }
}

fn free(body: u32, at: [f64; 3]) -> Joint {
    let reference = [at[0], at[1], at[2], 1.0, 0.0, 0.0, 0.0];
    Joint { body, kind: JointKind::Free, reference, ..Joint::default() }
}

fn made(compiled: Compiled) -> Arc<Model> {
    Arc::new(Model::new(compiled, Contacts::All).unwrap())
}

fn joint(joint: u32, leader: Option<u32>, polynomial: [f64; 5], softness: Softness) -> Equality {
    Equality { tie: Tie::Joint { joint, leader, polynomial }, softness, ..Equality::default() }
}

fn connect(bodies: [u32; 2], anchors: [[f64; 3]; 2], softness: Softness) -> Equality {
    Equality { tie: Tie::Connect { bodies, anchors }, softness, ..Equality::default() }
}

fn options(timestep: f64, gravity: f64) -> Options {
    Options {
        integrator: Integrator::RungeKutta4,
        timestep,
        gravity: [0.0, 0.0, gravity],
        ..Options::default()
    }
}

fn state(batch: &Batch) -> (Vec<f64>, Vec<f64>) {
    let shape = batch.model().shape();
    let (mut q, mut v) = (vec![0.0; shape.coordinates], vec![0.0; shape.dofs]);
    batch.state(0, &mut q, &mut v);
    (q, v)
}

/// Crank, coupler and rocker: mass, moment of inertia about y, and the centre of mass in its frame (x, z).
const BARS: [(f64, f64, [f64; 2]); 3] =
    [(0.4, 0.002, [0.0, 0.1]), (0.7, 0.02, [0.225, 0.1]), (0.6, 0.01, [-0.025, 0.2])];

fn turned(angle: f64, [x, z]: [f64; 2]) -> [f64; 2] {
    let (s, c) = angle.sin_cos();
    [c * x + s * z, c * z - s * x]
}

/// Energy of the four-bar, and how far its ends are apart.
fn four_bar_energy(q: &[f64], v: &[f64]) -> (f64, f64) {
    let (turn, spin) = ([q[0], q[0] + q[1], q[2]], [v[0], v[0] + v[1], v[2]]);
    let tip = turned(turn[0], [0.0, 0.2]);
    let tip_speed = [spin[0] * tip[1], -spin[0] * tip[0]];
    let bases = [([0.0; 2], [0.0; 2]), (tip, tip_speed), ([0.5, 0.0], [0.0; 2])];
    let mut energy = 0.0;
    for (((mass, inertia, centre), (base, moving)), (turn, spin)) in
        BARS.into_iter().zip(bases).zip(turn.into_iter().zip(spin))
    {
        let arm = turned(turn, centre);
        let speed = [moving[0] + spin * arm[1], moving[1] - spin * arm[0]];
        energy += 0.5 * mass * (speed[0].powi(2) + speed[1].powi(2)) + 0.5 * inertia * spin * spin;
        energy += mass * 9.81 * (base[1] + arm[1]);
    }
    let (a, b) = (turned(turn[1], [0.45, 0.2]), turned(turn[2], [-0.05, 0.4]));
    (energy, (tip[0] + a[0] - 0.5 - b[0]).hypot(tip[1] + a[1] - b[1]))
}

#[test]
fn a_four_bar_keeps_its_energy_to_the_fourth_order_and_stays_closed() {
    let drift = |timestep: f64| {
        let at = [[0.0; 3], [0.0, 0.0, 0.2], [0.5, 0.0, 0.0]];
        let bar = |i: usize, parent: u32| {
            let (mass, inertia, [x, z]) = BARS[i];
            body(parent, at[i], mass, [inertia; 3], [x, 0.0, z])
        };
        let model = made(Compiled {
            options: options(timestep, -9.81),
            bodies: vec![bar(0, 0), bar(1, 1), bar(2, 0)],
            joints: vec![hinge(1), hinge(2), hinge(3)],
            dofs: vec![Dof::default(); 3],
            equalities: vec![connect([2, 3], [[0.45, 0.0, 0.2], [-0.05, 0.0, 0.4]], firm(0.02))],
            ..Compiled::default()
        });
        let mut batch = Batch::new(&model, 1).unwrap();
        let (before, _) = four_bar_energy(&[0.0; 3], &[0.0; 3]);
        batch.set_state(0, &[0.0; 3], &[0.0; 3]);
        let (mut fastest, mut open) = (0.0_f64, 0.0_f64);
        for _ in 0..(1.5 / timestep).round() as usize {
            batch.step(&[], &[true], 1);
            let (q, v) = state(&batch);
            fastest = fastest.max(v[0].abs());
            open = open.max(four_bar_energy(&q, &v).1);
        }
        let (q, v) = state(&batch);
        assert!(fastest > 3.0, "it moves: {fastest}");
        ((four_bar_energy(&q, &v).0 - before).abs(), open)
    };
    let (coarse, fine) = (drift(0.01), drift(0.005));
    println!("energy and gap: {coarse:?} {fine:?}");
    assert!(fine.1 < 1e-5, "its ends are apart: {}", fine.1);
    assert!(fine.0 < 1e-4 && fine.0 < coarse.0 / 8.0);
}

/// Momentum, and angular momentum about the origin, of two free bodies.
fn momenta(q: &[f64], v: &[f64], bodies: &[Body]) -> [f64; 6] {
    let cross = |a: [f64; 3], b: [f64; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    let mut sum = [0.0; 6];
    for (b, body) in bodies.iter().enumerate() {
        let (q, v) = (&q[7 * b..][..7], &v[6 * b..][..6]);
        let [w, x, y, z] = [q[3], q[4], q[5], q[6]];
        let own = [0, 1, 2].map(|i| body.inertia[i] * v[3 + i]);
        let t = cross([x, y, z], own).map(|t| 2.0 * t);
        let u = cross([x, y, z], t);
        let along = [0, 1, 2].map(|i| body.mass * v[i]);
        let about = cross([q[0], q[1], q[2]], along);
        for i in 0..3 {
            sum[i] += along[i];
            sum[3 + i] += about[i] + own[i] + w * t[i] + u[i];
        }
    }
    sum
}

#[test]
fn two_free_bodies_that_are_tied_keep_their_momenta() {
    let drift = |timestep: f64| {
        let bodies = vec![
            body(0, [0.0, 0.0, 1.0], 1.3, [0.02, 0.05, 0.06], [0.0; 3]),
            body(0, [0.3, 0.1, 1.2], 0.6, [0.01, 0.012, 0.005], [0.0; 3]),
        ];
        // They are tied at a point between them, which both move alike at first.
        let anchors = [[0.15, 0.05, 0.1], [-0.15, -0.05, -0.1]];
        let model = made(Compiled {
            options: options(timestep, 0.0),
            joints: vec![free(1, bodies[0].position), free(2, bodies[1].position)],
            bodies: bodies.clone(),
            dofs: vec![Dof::default(); 12],
            equalities: vec![connect([1, 2], anchors, firm(0.01))],
            ..Compiled::default()
        });
        let mut batch = Batch::new(&model, 1).unwrap();
        let (spin, other) = ([0.5, 4.0, -1.0], [-2.0, 0.3, 3.0]);
        let cross = |a: [f64; 3], b: [f64; 3]| {
            [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
        };
        let (first, second) = (cross(spin, anchors[0]), cross(other, anchors[1]));
        let mut v = vec![0.2, -0.1, 0.3, spin[0], spin[1], spin[2]];
        v.extend((0..3).map(|i| v[i] + first[i] - second[i]).chain(other).collect::<Vec<_>>());
        let q = model.compiled().reference();
        let before = momenta(&q, &v, &bodies);
        batch.set_state(0, &q, &v);
        batch.step(&[], &[true], (1.0 / timestep).round() as usize);
        let (q, now) = state(&batch);
        assert!((0..12).any(|d| (now[d] - v[d]).abs() > 1.0), "they pull each other: {now:?}");
        let after = momenta(&q, &now, &bodies);
        let worst = |of: std::ops::Range<usize>| of.map(|i| (after[i] - before[i]).abs()).fold(0.0, f64::max);
        (worst(0..3), worst(3..6))
    };
    let (coarse, fine) = (drift(0.002), drift(0.001));
    println!("momentum, and about the origin: {coarse:?} {fine:?}");
    assert!(coarse.0 < 1e-12 && fine.0 < 1e-12);
    assert!(
        fine.1 < 1e-4 && fine.1 < coarse.1 / 3.5,
        "MuJoCo's way to average rotations is of the second order"
    );
}

/// Two bars on hinges of the world, one of which follows the other.
fn geared(polynomial: [f64; 5], softness: Softness) -> Arc<Model> {
    let inertias = [[0.02; 3], [0.05; 3]];
    made(Compiled {
        options: options(0.002, 0.0),
        bodies: inertias.map(|inertia| body(0, [0.0; 3], 1.0, inertia, [0.0; 3])).into(),
        joints: vec![Joint { reference: [0.3; 7], ..hinge(1) }, Joint { reference: [-0.2; 7], ..hinge(2) }],
        dofs: vec![Dof::default(); 2],
        actuators: vec![wr2l_lanes::Actuator { joint: 1, gear: 1.0, gain: 1.0, ..Default::default() }],
        equalities: vec![joint(0, Some(1), polynomial, softness)],
        ..Compiled::default()
    })
}

#[test]
fn a_joint_follows_its_polynomial_the_closer_the_stiffer() {
    let polynomial = [0.1, -0.8, 0.5, 0.3, -0.2];
    let wanted = |led: f64| {
        let x = led + 0.2;
        0.3 + polynomial.iter().rev().fold(0.0, |sum, c| sum * x + c)
    };
    let astray = |time: f64| {
        let mut batch = Batch::new(&geared(polynomial, firm(time)), 1).unwrap();
        batch.set_state(0, &[wanted(-0.2), -0.2], &[0.0; 2]);
        let (mut astray, mut most) = (0.0_f64, 0.0_f64);
        for step in 0..1000 {
            batch.step(&[if step % 500 < 250 { 0.3 } else { -0.3 }], &[true], 1);
            let (q, _) = state(&batch);
            astray = astray.max((q[0] - wanted(q[1])).abs());
            most = most.max((q[1] + 0.2).abs());
        }
        assert!(most > 0.5, "it moves: {most}");
        // From somewhere else it comes back, and rests when time constants have passed.
        batch.set_state(0, &[wanted(-0.2) + 0.4, -0.2], &[0.0; 2]);
        batch.step(&[0.0], &[true], 100);
        let (q, v) = state(&batch);
        let away = (q[0] - wanted(q[1])).abs();
        println!("time {time}: astray {astray:.1e}, in the end {away:.1e} at {v:?}");
        assert!(away < 5e-3, "{q:?}");
        astray
    };
    // What the polynomial bends by at a speed is left to the stiffness, as in MuJoCo: so it is the square of the time.
    let (coarse, fine) = (astray(0.02), astray(0.01));
    assert!(fine < 3e-3 && fine < coarse / 3.0, "{coarse} {fine}");
}

/// The two-by-two system of two joints, written down: M a + k (j·a) j = τ, j = (1, −r).
#[test]
fn a_leader_carries_its_follower_by_the_ratio_and_the_softness() {
    let (ratio, impedance) = (-1.7, 0.8);
    let softness = Softness { solref: [0.02, 1.0], solimp: [impedance, impedance, 0.1, 0.5, 2.0] };
    let mut batch = Batch::new(&geared([0.0, ratio, 0.0, 0.0, 0.0], softness), 1).unwrap();
    batch.set_state(0, &[0.3, -0.2], &[0.0; 2]);
    batch.record_all_forces(true);
    let (mut got, mut forces) = ([0.0; 2], [0.0; 2]);
    batch.accelerations(&[2.0], &[true], &mut got);
    batch.constraint_forces(0, &mut forces);
    let stiffness = impedance / ((1.0 - impedance) * (1.0 / 0.02 + 1.0 / 0.05));
    // What the leader's torque would do alone, and what of that the row lets pass.
    let pressure = -(-ratio * 2.0 / 0.05) / (1.0 / stiffness + 1.0 / 0.02 + ratio * ratio / 0.05);
    let expected = [pressure / 0.02, (2.0 - ratio * pressure) / 0.05];
    for d in 0..2 {
        assert!((got[d] - expected[d]).abs() < 1e-12 * expected[d].abs(), "{got:?} {expected:?}");
    }
    assert!(
        (forces[0] - pressure).abs() < 1e-12 && (forces[1] + ratio * pressure).abs() < 1e-12,
        "{forces:?}"
    );
}

#[test]
fn a_pendulum_that_the_world_holds_swings_about_where_it_is_held() {
    let length = 0.4;
    let model = made(Compiled {
        options: options(0.001, -9.81),
        bodies: vec![body(0, [0.0, 0.0, 1.0], 0.7, [1e-3; 3], [0.0; 3])],
        joints: vec![free(1, [0.0, 0.0, 1.0])],
        dofs: vec![Dof::default(); 6],
        equalities: vec![connect([0, 1], [[0.0, 0.0, 1.0 + length], [0.0, 0.0, length]], firm(0.005))],
        ..Compiled::default()
    });
    let mut batch = Batch::new(&model, 1).unwrap();
    let angle = 0.02_f64;
    let q = [
        -length * angle.sin(),
        0.0,
        1.0 + length * (1.0 - angle.cos()),
        (0.5 * angle).cos(),
        0.0,
        (0.5 * angle).sin(),
        0.0,
    ];
    batch.set_state(0, &q, &[0.0; 6]);
    // Half a period of small swings, by the moment of inertia about the point that is held.
    let about = 1e-3 + 0.7 * length * length;
    let half = std::f64::consts::PI * (about / (0.7 * 9.81 * length)).sqrt();
    batch.step(&[], &[true], (half / 0.001).round() as usize);
    let (now, _) = state(&batch);
    assert!((now[0] + q[0]).abs() < 1e-4 * q[0].abs() + 2e-6, "{} and {}", now[0], q[0]);
    assert!(((now[0].powi(2) + (now[2] - 1.0 - length).powi(2)).sqrt() - length).abs() < 1e-5);
}

#[test]
fn the_first_step_of_what_is_tied_and_touches_nothing_allocates_nothing() {
    let mut batch = Batch::new(&geared([0.1, 0.5, 0.0, 0.0, 0.0], firm(0.01)), 1).unwrap();
    batch.set_state(0, &[0.4, -0.3], &[1.0; 2]);
    let counted = allocation_counter::measure(|| batch.step(&[0.5], &[true], 10));
    assert_eq!(counted.count_total, 0);
}

/// What MuJoCo says of odd ties, in random states and along motions that keep them.
#[cfg(feature = "mujoco")]
mod odd {
    use std::sync::Arc;

    use mujoco_rs::prelude::MjModel;
    use wr2l_lanes::{Batch, Parameters};

    use super::common::mujoco::{Robot, scatter};
    use super::common::{Random, error, vary};

    const BODIES: &str = r#"<worldbody>
        <body name="rock" pos="0 0 3"><geom name="rock" size="0.1"/><site name="rock" pos="0.1 0 0"/></body>
        <body name="pebble" pos="0 1 3"><geom size="0.1"/></body>
        <body name="arm" pos="0 0 1">
          <joint name="a" axis="0 1 0"/><joint name="b" axis="1 0 0" ref="30"/><joint name="c" type="slide" axis="0 0 1"/>
          <geom type="capsule" fromto="0 0 0 0.2 0.1 0.3" size="0.05"/>
          <site name="one" pos="0.1 0 0"/><site name="two" pos="0 0.2 0.1"/>
          <body name="fist" pos="0.2 0.1 0.3" euler="10 20 30"><geom size="0.08" pos="0.02 0 0"/></body>
          <body name="fan" pos="0 0 0.5"><joint name="d" type="ball"/><geom size="0.1" pos="0.1 0 0"/></body>
        </body>
        <body name="kite" pos="1 0 2"><freejoint/><geom type="capsule" size="0.1 0.2"/><site name="kite" pos="0.3 0 0"/></body>
        <body name="cart" pos="2 0 0"><joint name="x" type="slide"/><joint name="y" type="slide" axis="0 1 0"/><geom size="0.1"/></body>
        </worldbody>"#;

    fn compare(ties: &str, integrator: &str) {
        let xml = format!(
            r#"<mujoco><option integrator="{integrator}" timestep="0.001"/><default><geom contype="0"/><joint armature="0.01" damping="0.1"/></default>
            {BODIES}<equality>{ties}</equality></mujoco>"#
        );
        let source = MjModel::from_xml_string(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        let robot = Robot::new(ties, source);
        let model = Arc::new(robot.model());
        let nominal = Parameters::nominal(model.compiled());
        let (mut random, nv, mut diverged) = (Random(77), model.shape().dofs, 0);
        for system in 0..6 {
            let phi = if system == 0 { nominal.clone() } else { vary(&nominal, &mut random) };
            let mut batch = Batch::new(&model, 1).unwrap();
            batch.set_parameters(0, &phi).unwrap();
            let mut data = robot.with(&phi);
            for state in 0..25 {
                if state < 15 {
                    scatter(&robot.source, &mut data, &mut random);
                    batch.set_state(0, data.qpos(), data.qvel());
                    batch.set_forces(0, data.xfrc_applied()[1..].as_flattened());
                } else {
                    // On from the last, so that ties come to hold.
                    let (mut q, mut v) = (data.qpos().to_vec(), data.qvel().to_vec());
                    batch.step(&[], &[true], 20);
                    if batch.failure(0).is_some() {
                        // Some states are too much for the time step: MuJoCo starts anew in the midst of these.
                        (0..20).for_each(|_| data.step());
                        assert!(data.time() < 19.5 * 0.001, "{ties} {system} {state}: only ours diverges");
                        diverged += 1;
                        break;
                    }
                    batch.state(0, &mut q, &mut v);
                    data.qpos_mut().copy_from_slice(&q);
                    data.qvel_mut().copy_from_slice(&v);
                    data.set_time(0.0);
                }
                let mut own = vec![0.0; nv];
                batch.accelerations(&[], &[true], &mut own);
                assert_eq!(batch.failure(0), None, "{ties}");
                data.forward();
                let error = error(&own, data.qacc());
                assert!(
                    error < 1e-9,
                    "{ties} {system} {state}: {error:.1e}, {own:?} instead of {:?}",
                    data.qacc()
                );
            }
        }
        assert!(diverged < 2, "{ties}: {diverged}");
    }

    #[test]
    fn odd_ties_are_those_of_mujoco() {
        let cases = [
            // Two points of one body, and bodies that are one: what turns them is not their distance alone.
            r#"<connect site1="one" site2="two"/>"#,
            r#"<connect body1="arm" body2="fist" anchor="0.1 0 0"/>"#,
            r#"<connect site1="kite" site2="rock"/><connect site1="one" site2="kite"/>"#,
            // What does not move.
            r#"<connect body1="rock" body2="pebble" anchor="0 0 0.3"/><joint joint1="a"/>"#,
            r#"<connect body1="pebble" body2="fist" anchor="0 0 -1.5"/>"#,
            // The last link of a tree, which touches nothing.
            r#"<connect body1="fan" anchor="0.1 0.1 0.05"/>"#,
            // A child and its parent, and a ball joint between.
            r#"<connect body1="fan" body2="arm" anchor="0.2 0 0.1"/>"#,
            r#"<connect body1="kite" body2="fan" anchor="0 0.1 0"/><connect body1="kite" body2="cart" anchor="0.1 0 0"/>"#,
            // More than once, and against each other.
            r#"<joint joint1="a" joint2="b"/><joint joint1="b" joint2="a" polycoef="0.1 2 1 0 0"/><joint joint1="a"/>"#,
            r#"<joint joint1="x" joint2="y" polycoef="0 0 1 0 1"/><connect body1="cart" anchor="0.1 0 0"/><connect body1="cart" anchor="0 0.1 0"/>"#,
            r#"<joint joint1="c" joint2="x" polycoef="0.5 -1 0 2 0" solref="-500 -20"/><joint joint1="y" polycoef="0.3 1 0 0 0"/>"#,
        ];
        for ties in cases {
            for integrator in ["Euler", "RK4"] {
                compare(ties, integrator);
            }
        }
    }
}
