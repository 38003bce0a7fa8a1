//! What holds for moving bodies whatever MuJoCo says: conserved quantities, and rest.

use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::Arc;

use wr2l_lanes::{
    Actuator, Batch, Body, Compiled, Cone, Contacts, Dof, Geom, Integrator, Joint, JointKind, Model, Options,
    Parameters, Shape,
};

mod common;
use common::model;

const STILL: [f64; 4] = [1.0, 0.0, 0.0, 0.0];

fn body(parent: u32, mass: f64, inertia: [f64; 3]) -> Body {
    Body { parent, mass, inertia, orientation: STILL, axes: STILL, ..Body::default() }
}

fn free(body: u32) -> Joint {
    let reference = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    Joint { body, kind: JointKind::Free, reference, ..Joint::default() }
}

fn hinge(body: u32, axis: [f64; 3]) -> Joint {
    Joint { body, axis, ..Joint::default() }
}

fn made(compiled: Compiled) -> Arc<Model> {
    Arc::new(Model::new(compiled, Contacts::All).unwrap())
}

fn weightless(integrator: Integrator, timestep: f64) -> Options {
    Options { integrator, timestep, gravity: [0.0; 3], ..Options::default() }
}

fn turn([w, x, y, z]: [f64; 4], v: [f64; 3]) -> [f64; 3] {
    let cross = |a: [f64; 3], b: [f64; 3]| {
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    };
    let t = cross([x, y, z], v).map(|t| 2.0 * t);
    let u = cross([x, y, z], t);
    [0, 1, 2].map(|i| v[i] + w * t[i] + u[i])
}

/// Angular momentum in the frame of the world, and energy, of a free body about its centre.
fn spin(q: &[f64], v: &[f64], inertia: [f64; 3]) -> ([f64; 3], f64) {
    let own = [0, 1, 2].map(|i| inertia[i] * v[3 + i]);
    let energy = 0.5 * (0..3).map(|i| own[i] * v[3 + i]).sum::<f64>();
    (turn([q[3], q[4], q[5], q[6]], own), energy)
}

#[test]
fn a_free_body_keeps_its_momentum_and_energy_to_the_order_of_the_integrator() {
    let inertia = [0.02, 0.05, 0.06];
    let drift = |timestep: f64| {
        let model = made(Compiled {
            options: weightless(Integrator::RungeKutta4, timestep),
            bodies: vec![body(0, 1.3, inertia)],
            joints: vec![free(1)],
            dofs: vec![Dof::default(); 6],
            ..Compiled::default()
        });
        let mut batch = Batch::new(&model, 1).unwrap();
        // About the middle axis, where it tumbles.
        let (mut q, mut v) = (vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0], vec![0.4, -0.2, 0.1, 0.05, 9.0, 0.03]);
        batch.set_state(0, &q, &v);
        let before = spin(&q, &v, inertia);
        batch.step(&[], &[true], (2.0 / timestep).round() as usize);
        batch.state(0, &mut q, &mut v);
        let after = spin(&q, &v, inertia);
        assert!((q[0] - 0.8).abs() < 1e-9 && (v[0] - 0.4).abs() < 1e-12, "its centre goes straight on");
        let momentum = (0..3).map(|i| (after.0[i] - before.0[i]).abs()).fold(0.0, f64::max);
        (momentum, (after.1 - before.1).abs())
    };
    let (coarse, fine) = (drift(0.004), drift(0.002));
    println!("momentum and energy: {coarse:?} {fine:?}");
    assert!(fine.0 < 1e-4 && fine.1 < 1e-6);
    // Velocities are of the fourth order; MuJoCo's way to average rotations is of the second.
    assert!(fine.0 < coarse.0 / 3.5 && fine.1 < coarse.1 / 10.0);
}

#[test]
fn inner_forces_move_no_centre_of_mass() {
    let (arm, reach) = ([0.1, 0.05, 0.2], [0.02, 0.0, 0.3]);
    let mut limb = body(1, 0.8, [0.02, 0.03, 0.01]);
    (limb.position, limb.centre) = (arm, reach);
    let drift = |timestep: f64| {
        let model = made(Compiled {
            options: weightless(Integrator::RungeKutta4, timestep),
            bodies: vec![body(0, 1.3, [0.02, 0.05, 0.06]), limb.clone()],
            joints: vec![free(1), hinge(2, [0.0, 1.0, 0.0])],
            dofs: vec![Dof { armature: 0.01, damping: 0.2, ..Dof::default() }; 7],
            actuators: vec![Actuator { joint: 1, gear: 1.0, gain: 3.0, ..Actuator::default() }],
            ..Compiled::default()
        });
        // Armature and damping of the free joint would hold on to the world.
        let mut phi = Parameters::nominal(model.compiled());
        phi.armature[..6].fill(0.0);
        phi.damping[..6].fill(0.0);
        let centre = |q: &[f64]| {
            let (s, c) = q[7].sin_cos();
            let limb = [c * reach[0] + s * reach[2], reach[1], c * reach[2] - s * reach[0]];
            let out = turn([q[3], q[4], q[5], q[6]], [0, 1, 2].map(|i| arm[i] + limb[i]));
            [0, 1, 2].map(|i| q[i] + 0.8 / 2.1 * out[i])
        };
        let mut batch = Batch::new(&model, 1).unwrap();
        batch.set_parameters(0, &phi).unwrap();
        let (mut q, mut v) = (model.compiled().reference(), vec![0.0; 7]);
        let before = centre(&q);
        batch.set_state(0, &q, &v);
        batch.step(&[1.0], &[true], (0.4 / timestep).round() as usize);
        batch.step(&[-0.7], &[true], (0.4 / timestep).round() as usize);
        batch.state(0, &mut q, &mut v);
        let after = centre(&q);
        assert!(q[7].abs() > 0.3 && q[0].abs() > 0.01, "it moves: {q:?}");
        (0..3).map(|i| (after[i] - before[i]).abs()).fold(0.0, f64::max)
    };
    let (coarse, fine) = (drift(0.002), drift(0.001));
    println!("centre of mass: {coarse:.1e} {fine:.1e}");
    assert!(fine < 1e-6 && fine < coarse / 3.5, "MuJoCo's way to average rotations is of the second order");
}

#[test]
fn a_pendulum_keeps_its_energy_to_the_fourth_order() {
    let (mass, length, own) = (0.7, 0.4, 0.01);
    let drift = |timestep: f64| {
        let options = Options { integrator: Integrator::RungeKutta4, timestep, ..Options::default() };
        let mut swing = body(0, mass, [own; 3]);
        swing.centre = [0.0, 0.0, -length];
        let mut second = body(1, mass, [own; 3]);
        second.position = [0.0, 0.0, -length];
        second.centre = [0.0, 0.1, -length];
        let model = made(Compiled {
            options,
            bodies: vec![swing, second],
            joints: vec![hinge(1, [0.0, 1.0, 0.0]), hinge(2, [0.0, 1.0, 0.0])],
            dofs: vec![Dof::default(); 2],
            ..Compiled::default()
        });
        let energy = |q: &[f64], v: &[f64]| {
            let (a, b, wa, wb) = (q[0], q[0] + q[1], v[0], v[0] + v[1]);
            // Both swing in the x–z plane; the second one's centre is 0.1 aside along y, which does not move.
            let position = |angle: f64| [-length * angle.sin(), -length * angle.cos()];
            let velocity = |angle: f64, w: f64| [-length * angle.cos() * w, length * angle.sin() * w];
            let (va, vb) = (velocity(a, wa), velocity(b, wb));
            let speed = [va[0] + vb[0], va[1] + vb[1]];
            let kinetic =
                0.5 * mass * (va[0] * va[0] + va[1] * va[1] + speed[0] * speed[0] + speed[1] * speed[1])
                    + 0.5 * own * (wa * wa + wb * wb);
            kinetic + mass * 9.81 * (2.0 * position(a)[1] + position(b)[1])
        };
        let (mut q, mut v) = (vec![1.1, -0.4], vec![0.5, 2.0]);
        let before = energy(&q, &v);
        let mut batch = Batch::new(&model, 1).unwrap();
        batch.set_state(0, &q, &v);
        batch.step(&[], &[true], (4.0 / timestep).round() as usize);
        batch.state(0, &mut q, &mut v);
        (energy(&q, &v) - before).abs()
    };
    let (coarse, fine) = (drift(0.004), drift(0.002));
    println!("energy: {coarse:.1e} {fine:.1e}");
    assert!(fine < 1e-6 && fine < coarse / 10.0);
}

#[test]
fn a_pendulum_on_a_ball_joint_keeps_its_energy_and_its_turn_about_the_vertical() {
    let (mass, length, inertia) = (0.7, 0.4, [0.01, 0.02, 0.004]);
    let drift = |timestep: f64| {
        let mut swing = body(0, mass, inertia);
        swing.centre = [0.0, 0.0, -length];
        let reference = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let model = made(Compiled {
            options: Options { integrator: Integrator::RungeKutta4, timestep, ..Options::default() },
            bodies: vec![swing],
            joints: vec![Joint { body: 1, kind: JointKind::Ball, reference, ..Joint::default() }],
            dofs: vec![Dof::default(); 3],
            ..Compiled::default()
        });
        let kept = |q: &[f64], w: &[f64]| {
            let turned = |v: [f64; 3]| turn([q[0], q[1], q[2], q[3]], v);
            let about = [0, 1, 2].map(|i| inertia[i] + if i < 2 { mass * length * length } else { 0.0 });
            let momentum = [0, 1, 2].map(|i| about[i] * w[i]);
            let kinetic = 0.5 * (0..3).map(|i| momentum[i] * w[i]).sum::<f64>();
            [kinetic + mass * 9.81 * turned([0.0, 0.0, -length])[2], turned(momentum)[2]]
        };
        let (mut q, mut w) = (vec![0.8, 0.6, 0.0, 0.0], vec![0.3, 2.0, 4.0]);
        let before = kept(&q, &w);
        let mut batch = Batch::new(&model, 1).unwrap();
        batch.set_state(0, &q, &w);
        batch.step(&[], &[true], (2.0 / timestep).round() as usize);
        batch.state(0, &mut q, &mut w);
        let after = kept(&q, &w);
        [0, 1].map(|i| (after[i] - before[i]).abs())
    };
    let (coarse, fine) = (drift(0.004), drift(0.002));
    println!("energy and momentum: {coarse:?} {fine:?}");
    for (coarse, fine) in coarse.into_iter().zip(fine) {
        assert!(
            fine < 1e-4 && fine < coarse / 3.5,
            "MuJoCo's way to average rotations is of the second order"
        );
    }
}

#[test]
fn a_resting_robot_rests() {
    let steps = if std::env::var("WR2L_THOROUGH").is_ok() { 100_000 } else { 10_000 };
    let model = model("quadruped");
    let (nv, nu) = (model.shape().dofs, model.shape().controls);
    let mut batch = Batch::new(&model, 1).unwrap();
    let (mut q, mut v) = (model.compiled().reference(), vec![0.0; nv]);
    batch.set_state(0, &q, &v);
    batch.step(&vec![0.0; nu], &[true], 40_000);
    assert_eq!(batch.failure(0), None);
    batch.state(0, &mut q, &mut v);
    let before = q.clone();
    batch.step(&vec![0.0; nu], &[true], steps);
    batch.state(0, &mut q, &mut v);
    assert_eq!(batch.failure(0), None);
    let speed = v.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let moved = q.iter().zip(&before).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
    println!("speed {speed:.1e}, moved {moved:.1e} in {steps} steps");
    assert!(speed < 1e-9 && moved < 1e-9);
}

#[test]
fn a_ball_at_rest_presses_with_its_weight() {
    [Cone::Pyramidal, Cone::Elliptic].into_iter().for_each(press);
}

fn press(cone: Cone) {
    let ball = Geom {
        body: 1,
        shape: Shape::Sphere,
        orientation: STILL,
        size: [0.1, 0.0, 0.0],
        contype: 1,
        conaffinity: 1,
        condim: 3,
        friction: 1.0,
        solmix: 1.0,
        ..Geom::default()
    };
    let floor = Geom { body: 0, shape: Shape::Plane, ..ball.clone() };
    let model = made(Compiled {
        options: Options { cone, ..Options::default() },
        bodies: vec![body(0, 2.0, [0.008; 3])],
        joints: vec![free(1)],
        dofs: vec![Dof::default(); 6],
        geoms: vec![floor, ball],
        ..Compiled::default()
    });
    let mut batch = Batch::new(&model, 1).unwrap();
    let (mut q, mut v) = (vec![0.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0], vec![0.0; 6]);
    batch.set_state(0, &q, &v);
    batch.step(&[], &[true], 5_000);
    batch.state(0, &mut q, &mut v);
    assert!(v.iter().all(|v| v.abs() < 1e-12), "{v:?}");
    assert!(q[2] < 0.1 && q[2] > 0.099, "it sinks in a little: {}", q[2]);
    assert_eq!((q[0], q[1]), (0.0, 0.0));
    // Pushed sideways by less than its friction it stays, apart from creeping; by more it slides.
    let mut slid = [0.0; 2];
    for (slid, push) in slid.iter_mut().zip([5.0, 60.0]) {
        batch.set_state(0, &q, &v);
        batch.set_forces(0, &[push, 0.0, 0.0, 0.0, push * 0.1, 0.0]);
        batch.step(&[], &[true], 250);
        let (mut now, mut speed) = (q.clone(), v.clone());
        batch.state(0, &mut now, &mut speed);
        *slid = now[0];
    }
    assert!(slid[1] > 0.5 && slid[0] < slid[1] / 10.0, "{slid:?}");
}

/// Something round on something that stands in the world, above this place of it, until it is as still as this.
fn on(round: Geom, block: Geom, (orientation, [x, y]): ([f64; 4], [f64; 2]), height: f64, still: f64) {
    let common = Geom {
        orientation: STILL,
        contype: 1,
        conaffinity: 1,
        condim: 3,
        friction: 1.0,
        solmix: 1.0,
        ..Geom::default()
    };
    let (shape, size, condim) = (round.shape, round.size, round.condim.max(3));
    let cone = if condim > 3 { Cone::Elliptic } else { Cone::Pyramidal };
    let round = Geom { body: 1, shape, size, condim, spin: round.spin, ..common.clone() };
    let block = Geom { shape: block.shape, size: block.size, ..common };
    let (mass, inertia, gravity) = (2.0, [0.02, 0.02, 0.004], 9.81);
    let model = made(Compiled {
        options: Options { timestep: 0.001, cone, ..Options::default() },
        bodies: vec![body(0, mass, inertia)],
        joints: vec![free(1)],
        dofs: vec![Dof::default(); 6],
        geoms: vec![block, round],
        ..Compiled::default()
    });
    let mut batch = Batch::new(&model, 1).unwrap();
    let mut q = vec![x, y, height + 0.05];
    q.extend(orientation);
    let mut v = vec![0.0; 6];
    batch.set_state(0, &q, &v);
    let energy = |q: &[f64], v: &[f64]| {
        let moving = v[..3].iter().map(|v| v * v).sum::<f64>();
        let turning = (0..3).map(|i| inertia[i] * v[3 + i] * v[3 + i]).sum::<f64>();
        0.5 * (mass * moving + turning) + mass * gravity * q[2]
    };
    let start = energy(&q, &v);
    for _ in 0..4_000 {
        batch.step(&[], &[true], 1);
        batch.state(0, &mut q, &mut v);
        let now = energy(&q, &v);
        assert!(now < start * (1.0 + 1e-3), "{now} after {start}");
    }
    assert_eq!(batch.failure(0), None);
    assert!(v.iter().all(|v| v.abs() < still), "{v:?}");
    assert!(q[2] < height && q[2] > height - 1e-3, "it sinks in a little: {}", q[2]);
}

#[test]
fn what_is_dropped_on_a_block_gains_no_energy_and_comes_to_rest() {
    let geom = |shape: Shape, size: [f64; 3]| Geom { shape, size, ..Geom::default() };
    let lying = [0.5_f64.sqrt(), 0.0, 0.5_f64.sqrt(), 0.0];
    let (cylinder, ball) = (geom(Shape::Cylinder, [0.2, 0.1, 0.0]), geom(Shape::Sphere, [0.05, 0.0, 0.0]));
    let aside = [0.01, 0.02];
    on(ball.clone(), geom(Shape::Box, [0.1, 0.2, 0.15]), (STILL, aside), 0.2, 1e-9);
    on(ball, cylinder.clone(), (STILL, aside), 0.15, 1e-9);
    on(geom(Shape::Capsule, [0.05, 0.1, 0.0]), cylinder, (lying, aside), 0.15, 1e-9);
    let (block, rod) = (geom(Shape::Box, [0.1, 0.2, 0.15]), geom(Shape::Capsule, [0.05, 0.3, 0.0]));
    // Across it, in several directions, and held by what keeps it from rolling.
    let held = Geom { condim: 6, spin: [0.01, 0.003], ..rod.clone() };
    for turn in [0.0_f64, 0.3, 1.2, FRAC_PI_2, 2.0, PI, 4.0] {
        let (c, s) = (lying[0] * (0.5 * turn).cos(), lying[0] * (0.5 * turn).sin());
        on(held.clone(), block.clone(), ([c, -s, c, s], [0.0; 2]), 0.2, 1e-5);
    }
    // Its heavier side sinks deeper, and on what is not level it creeps, as in MuJoCo.
    on(rod.clone(), block.clone(), (lying, [0.0; 2]), 0.2, 1e-8);
    on(rod, block.clone(), (lying, aside), 0.2, 1e-5);
    on(geom(Shape::Capsule, [0.05, 0.1, 0.0]), block, (lying, aside), 0.2, 1e-5);
}

/// Both are free, and nothing pulls at them: what one loses the other gains.
#[test]
fn a_capsule_and_a_box_that_collide_keep_their_momenta() {
    let (masses, inertias) = ([0.4, 1.1], [[0.003, 0.003, 0.0004], [0.006, 0.008, 0.005]]);
    let drift = |timestep: f64| {
        let common = Geom {
            orientation: STILL,
            contype: 1,
            conaffinity: 1,
            condim: 3,
            friction: 0.8,
            solmix: 1.0,
            ..Geom::default()
        };
        let rod = Geom { body: 1, shape: Shape::Capsule, size: [0.03, 0.12, 0.0], ..common.clone() };
        let block = Geom { body: 2, shape: Shape::Box, size: [0.08, 0.1, 0.06], ..common };
        let model = made(Compiled {
            options: weightless(Integrator::Euler, timestep),
            bodies: vec![body(0, masses[0], inertias[0]), body(0, masses[1], inertias[1])],
            joints: vec![free(1), free(2)],
            dofs: vec![Dof::default(); 12],
            geoms: vec![rod, block],
            ..Compiled::default()
        });
        let mut batch = Batch::new(&model, 1).unwrap();
        let (mut q, mut v) = (model.compiled().reference(), vec![0.0; 12]);
        q[..7].copy_from_slice(&[0.02, -0.03, 0.2, 0.68, 0.1, 0.72, 0.1]);
        v.copy_from_slice(&[0.1, 0.2, -1.5, 0.4, -1.0, 0.6, 0.1, 0.0, 0.3, 0.5, 0.2, -0.4]);
        let momenta = |q: &[f64], v: &[f64]| {
            let (mut linear, mut angular) = ([0.0; 3], [0.0; 3]);
            for b in 0..2 {
                let (at, speed) = (&q[7 * b..][..7], &v[6 * b..][..6]);
                let (own, _) = spin(at, speed, inertias[b]);
                for i in 0..3 {
                    let (j, k) = ((i + 1) % 3, (i + 2) % 3);
                    linear[i] += masses[b] * speed[i];
                    angular[i] += own[i] + masses[b] * (at[j] * speed[k] - at[k] * speed[j]);
                }
            }
            (linear, angular)
        };
        batch.set_state(0, &q, &v);
        batch.state(0, &mut q, &mut v);
        let (before, downwards) = (momenta(&q, &v), v[2]);
        batch.step(&[], &[true], (0.3 / timestep).round() as usize);
        batch.state(0, &mut q, &mut v);
        assert!(v[2] > downwards + 1.0, "it was thrown back: {v:?}");
        let after = momenta(&q, &v);
        let apart = |a: [f64; 3], b: [f64; 3]| (0..3).map(|i| (a[i] - b[i]).abs()).fold(0.0, f64::max);
        [apart(before.0, after.0), apart(before.1, after.1)]
    };
    let (coarse, fine) = (drift(0.001), drift(0.0002));
    println!("momenta: {coarse:?} {fine:?}");
    assert!(coarse[0] < 1e-12 && fine[0] < 1e-12);
    // Rotations go a step straight on.
    assert!(coarse[1] < 1e-5 && fine[1] < coarse[1] / 2.0);
}
