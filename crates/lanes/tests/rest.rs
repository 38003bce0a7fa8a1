//! What lies level and symmetric beside MuJoCo 3.17.0: where accelerations cancel to the last bit, rounding is all that a search for
//! them has left.
#![cfg(feature = "mujoco")]

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_8};
use std::sync::Arc;

use mujoco_rs::prelude::MjModel;
use wr2l_lanes::{Batch, InstructionSet, Model, Parameters};

mod common;
use common::error;
use common::mujoco::{Data, Robot};

/// How far accelerations may be apart.
const APART: f64 = 1e-8;

const LEVEL: [[f64; 4]; 3] = [
    [1.0, 0.0, 0.0, 0.0],
    [FRAC_1_SQRT_2, 0.0, FRAC_1_SQRT_2, 0.0],
    [FRAC_1_SQRT_2, FRAC_1_SQRT_2, 0.0, 0.0],
];
/// Sliding, spinning and rolling: MuJoCo's own, more, less, and far more.
const FRICTIONS: [&str; 4] = ["1 0.005 0.0001", "1 0.1 0.03", "0.01 0.001 1e-5", "1000 100 100"];
const DIMS: [u32; 4] = [1, 3, 4, 6];
const CONES: [&str; 2] = ["pyramidal", "elliptic"];

/// Turned by this about the vertical.
fn yawed([w, x, y, z]: [f64; 4], angle: f64) -> [f64; 4] {
    let (s, c) = (0.5 * angle).sin_cos();
    [c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w]
}

/// Something, in three level orientations and a little turned, and how high its centre then is.
struct Body {
    shape: &'static str,
    size: &'static str,
    heights: [f64; 3],
}

const BODIES: [Body; 5] = [
    Body { shape: "capsule", size: "0.05 0.3", heights: [0.35, 0.05, 0.05] },
    Body { shape: "box", size: "0.05 0.1 0.15", heights: [0.15, 0.05, 0.1] },
    Body { shape: "cylinder", size: "0.07 0.12", heights: [0.12, 0.07, 0.07] },
    Body { shape: "ellipsoid", size: "0.05 0.1 0.15", heights: [0.15, 0.05, 0.1] },
    Body { shape: "sphere", size: "0.1", heights: [0.1; 3] },
];

/// What they lie on, the top of which is at 0.
const SUPPORTS: [&str; 4] = [
    r#"<geom type="plane" size="0 0 1" SURFACE/>"#,
    r#"<geom type="box" size="0.2 0.25 0.1" pos="0 0 -0.1" SURFACE/>"#,
    r#"<geom type="cylinder" size="0.3 0.1" pos="0 0 -0.1" SURFACE/>"#,
    r#"<geom type="plane" size="0 0 1" pos="0 0 -0.2" SURFACE/>
       <body pos="0 0 -0.1"><freejoint/><geom type="box" size="0.2 0.25 0.1" SURFACE/></body>"#,
];

fn robot(option: &str, world: &str) -> Robot {
    let xml =
        format!(r#"<mujoco><option timestep="0.002" {option}/><worldbody>{world}</worldbody></mujoco>"#);
    Robot::new("at rest", MjModel::from_xml_string(&xml).unwrap())
}

/// What becomes of lanes that start at rest.
struct Run {
    batch: Batch,
    /// The first step at which each lane failed.
    failed: Vec<Option<usize>>,
}

impl Run {
    fn new(model: &Arc<Model>, starts: &[Vec<f64>], set: InstructionSet) -> Self {
        let mut batch = Batch::with_instructions(model, starts.len(), set).unwrap();
        for (lane, start) in starts.iter().enumerate() {
            batch.set_state(lane, start, &vec![0.0; model.shape().dofs]);
        }
        Self { batch, failed: vec![None; starts.len()] }
    }

    fn go(&mut self, steps: usize) {
        for step in 0..steps {
            self.batch.step(&[], &vec![true; self.failed.len()], 1);
            for (lane, failed) in self.failed.iter_mut().enumerate() {
                *failed = failed.or(self.batch.failure(lane).map(|_| step));
            }
        }
    }

    fn state(&self, lane: usize) -> (Vec<f64>, Vec<f64>) {
        let shape = self.batch.model().shape();
        let (mut q, mut v) = (vec![0.0; shape.coordinates], vec![0.0; shape.dofs]);
        self.batch.state(lane, &mut q, &mut v);
        (q, v)
    }

    /// How far the accelerations of all lanes are from those that MuJoCo, started from nothing, has in the same states, relative
    /// to the largest of a lane, or to 1.
    fn apart(&mut self, data: &mut Data) -> f64 {
        let n = self.batch.model().shape().dofs;
        let mut own = vec![0.0; self.failed.len() * n];
        self.batch.accelerations(&[], &vec![true; self.failed.len()], &mut own);
        let mut worst = 0.0_f64;
        for (lane, own) in own.chunks_exact(n).enumerate() {
            let (q, v) = self.state(lane);
            data.reset();
            data.qpos_mut().copy_from_slice(&q);
            data.qvel_mut().copy_from_slice(&v);
            data.forward();
            worst = worst.max(error(own, data.qacc()));
        }
        worst
    }
}

/// A body on a support, in all level orientations, a little turned, above, and a little sunk in.
fn dropped(body: &Body, support: &str, surface: &str, option: &str) -> (Robot, Arc<Model>, Vec<Vec<f64>>) {
    let Body { shape, size, .. } = body;
    let world = format!(
        r#"<body pos="0 0 1"><freejoint/><geom type="{shape}" size="{size}" {surface}/></body>{}"#,
        support.replace("SURFACE", surface)
    );
    let robot = robot(option, &world);
    let model = Arc::new(robot.model());
    let mut starts = Vec::new();
    for (orientation, height) in LEVEL.iter().zip(body.heights) {
        for (yaw, above) in [(0.0, 0.0), (4.0 * FRAC_PI_8, 0.01), (2.0 * FRAC_PI_8, -0.001), (FRAC_PI_8, 0.2)]
        {
            let mut q = model.compiled().reference();
            q[2] = height + above;
            q[3..7].copy_from_slice(&yawed(*orientation, yaw));
            starts.push(q);
        }
    }
    (robot, model, starts)
}

#[test]
fn nothing_that_is_dropped_level_fails() {
    let (mut lanes, mut worst) = (0, 0.0_f64);
    for (s, support) in SUPPORTS.iter().enumerate() {
        // Boxes, cylinders and ellipsoids touch planes only.
        let bodies = BODIES.iter().filter(|body| s == 0 || ["capsule", "sphere"].contains(&body.shape));
        for (body, condim, cone) in bodies.flat_map(|b| DIMS.map(|d| CONES.map(|c| (b, d, c)))).flatten() {
            for friction in FRICTIONS {
                let surface = format!(r#"condim="{condim}" friction="{friction}""#);
                let option = format!(r#"cone="{cone}" impratio="{}""#, if s % 2 == 0 { 10 } else { 1 });
                let (robot, model, starts) = dropped(body, support, &surface, &option);
                let mut run = Run::new(&model, &starts, InstructionSet::fastest());
                let mut data = robot.with(&Parameters::nominal(model.compiled()));
                let case = format!("{} on {support} {condim} {cone} {friction}", body.shape);
                for steps in [2, 18, 80, 900] {
                    run.go(steps);
                    assert!(run.failed.iter().all(Option::is_none), "{case}: {:?}", run.failed);
                    // Where MuJoCo searches for where things touch, or stops early, it is less exact.
                    if s == 0 && cone == "pyramidal" {
                        let apart = run.apart(&mut data);
                        assert!(apart < APART, "{case}: {apart:.1e}");
                        worst = worst.max(apart);
                    }
                }
                lanes += starts.len();
            }
        }
    }
    println!("{lanes} lanes, accelerations within {worst:.1e}");
}

#[test]
fn what_lies_level_stays_where_it_does_in_mujoco() {
    let (mut worst, mut moved) = (0.0_f64, 0.0_f64);
    for body in &BODIES {
        for (condim, friction) in [(4, FRICTIONS[0]), (6, FRICTIONS[0]), (6, FRICTIONS[1])] {
            let surface = format!(r#"condim="{condim}" friction="{friction}""#);
            let (robot, model, starts) = dropped(body, SUPPORTS[0], &surface, "");
            // Nothing stands on its tip, or rolls.
            let starts = &starts[4..7];
            let mut run = Run::new(&model, starts, InstructionSet::fastest());
            run.go(10_000);
            assert!(run.failed.iter().all(Option::is_none), "{} {condim}: {:?}", body.shape, run.failed);
            for (lane, start) in starts.iter().enumerate() {
                let mut data = robot.with(&Parameters::nominal(model.compiled()));
                data.qpos_mut().copy_from_slice(start);
                (0..10_000).for_each(|_| data.step());
                let (q, v) = run.state(lane);
                let apart = q.iter().zip(data.qpos()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                worst = worst.max(apart);
                moved = v.iter().fold(moved, |most, v| most.max(v.abs()));
            }
        }
    }
    println!("within {worst:.1e} after 10,000 steps, speeds up to {moved:.1e}");
    assert!(worst < 1e-12 && moved < 1e-12);
}

#[test]
fn at_rest_a_lane_has_the_same_bits_alone_and_in_every_width() {
    let body = &BODIES[0];
    for (support, condim) in [(0, 4), (0, 6), (1, 6), (3, 6)] {
        let surface = format!(r#"condim="{condim}""#);
        let (_, model, starts) = dropped(body, SUPPORTS[support], &surface, "");
        let end = |starts: &[Vec<f64>], set| {
            let mut run = Run::new(&model, starts, set);
            run.go(300);
            (0..starts.len()).map(|lane| run.state(lane)).collect::<Vec<_>>()
        };
        let expected = end(&starts, InstructionSet::fastest());
        for set in InstructionSet::available() {
            assert_eq!(end(&starts, set), expected, "{set:?}");
        }
        for (start, expected) in starts.iter().zip(&expected) {
            assert_eq!(end(std::slice::from_ref(start), InstructionSet::fastest())[0], *expected);
        }
    }
}

/// Worlds that are symmetric, in which everything lies or stands still.
const WORLDS: [(&str, &str); 7] = [
    (
        "a rod across another",
        r#"<geom type="plane" size="0 0 1"/>
        <body pos="0 0 0.05" quat="0.7071067811865476 0 0.7071067811865476 0"><freejoint/><geom type="capsule" size="0.05 0.3"/></body>
        <body pos="0 0 0.15" quat="0.7071067811865476 0.7071067811865476 0 0"><freejoint/><geom type="capsule" size="0.05 0.3"/></body>"#,
    ),
    (
        "a rod in a groove of rods",
        r#"<geom type="plane" size="0 0 1"/>
        <body pos="0 0.06 0.05" quat="0.7071067811865476 0 0.7071067811865476 0"><freejoint/><geom type="capsule" size="0.05 0.3" mass="4"/></body>
        <body pos="0 -0.06 0.05" quat="0.7071067811865476 0 0.7071067811865476 0"><freejoint/><geom type="capsule" size="0.05 0.3" mass="4"/></body>
        <body pos="0 0 0.13" quat="0.7071067811865476 0 0.7071067811865476 0"><freejoint/><geom type="capsule" size="0.05 0.3" mass="0.1"/></body>"#,
    ),
    (
        "a rod on two blocks",
        r#"<geom type="plane" size="0 0 1" conaffinity="2"/>
        <body pos="0.25 0 0.1"><freejoint/><geom type="box" size="0.1 0.1 0.1" contype="2"/></body>
        <body pos="-0.25 0 0.1"><freejoint/><geom type="box" size="0.1 0.1 0.1" contype="2"/></body>
        <body pos="0 0 0.25" quat="0.7071067811865476 0 0.7071067811865476 0"><freejoint/><geom type="capsule" size="0.05 0.3" conaffinity="2"/></body>"#,
    ),
    (
        "balls on a block",
        r#"<geom type="plane" size="0 0 1"/>
        <body pos="0 0 0.1"><freejoint/><geom type="box" size="0.3 0.3 0.1"/></body>
        <body pos="0.15 0.15 0.25"><freejoint/><geom type="sphere" size="0.05"/></body>
        <body pos="-0.15 0.15 0.25"><freejoint/><geom type="sphere" size="0.05"/></body>
        <body pos="0.15 -0.15 0.25"><freejoint/><geom type="sphere" size="0.05"/></body>
        <body pos="-0.15 -0.15 0.25"><freejoint/><geom type="sphere" size="0.05"/></body>"#,
    ),
    (
        "a table whose legs are held by dry friction",
        r#"<geom type="plane" size="0 0 1"/>
        <body pos="0 0 0.3"><freejoint/><geom type="box" size="0.2 0.2 0.02" contype="0" conaffinity="0"/>
        <body pos="0.2 0.2 0"><joint type="hinge" axis="0 1 0" frictionloss="2"/><geom type="capsule" size="0.02" fromto="0 0 0 0 0 -0.28"/></body>
        <body pos="-0.2 0.2 0"><joint type="hinge" axis="0 1 0" frictionloss="2"/><geom type="capsule" size="0.02" fromto="0 0 0 0 0 -0.28"/></body>
        <body pos="0.2 -0.2 0"><joint type="hinge" axis="0 1 0" frictionloss="2"/><geom type="capsule" size="0.02" fromto="0 0 0 0 0 -0.28"/></body>
        <body pos="-0.2 -0.2 0"><joint type="hinge" axis="0 1 0" frictionloss="2"/><geom type="capsule" size="0.02" fromto="0 0 0 0 0 -0.28"/></body></body>"#,
    ),
    (
        "a table whose legs are at their limits",
        r#"<geom type="plane" size="0 0 1"/>
        <body pos="0 0 0.3"><freejoint/><geom type="box" size="0.2 0.2 0.02" contype="0" conaffinity="0"/>
        <body pos="0.2 0.2 0"><joint type="hinge" axis="0 1 0" limited="true" range="0 30" frictionloss="0.1" damping="0.1"/><geom type="capsule" size="0.02" fromto="0 0 0 0.05 0 -0.28"/></body>
        <body pos="-0.2 0.2 0"><joint type="hinge" axis="0 -1 0" limited="true" range="0 30" damping="0.1"/><geom type="capsule" size="0.02" fromto="0 0 0 -0.05 0 -0.28"/></body>
        <body pos="0.2 -0.2 0"><joint type="hinge" axis="0 1 0" limited="true" range="0 30" frictionloss="0.1" damping="0.1"/><geom type="capsule" size="0.02" fromto="0 0 0 0.05 0 -0.28"/></body>
        <body pos="-0.2 -0.2 0"><joint type="hinge" axis="0 -1 0" limited="true" range="0 30" damping="0.1"/><geom type="capsule" size="0.02" fromto="0 0 0 -0.05 0 -0.28"/></body></body>"#,
    ),
    (
        "a slide at its limit with a foot on the ground",
        r#"<geom type="plane" size="0 0 1"/>
        <body pos="0 0 0.1"><joint type="slide" axis="0 0 1" limited="true" range="0 1"/><geom type="sphere" size="0.1"/>
        <body pos="0 0 0.1"><joint type="hinge" axis="0 1 0" frictionloss="0.01"/><geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.02"/></body></body>"#,
    ),
];

#[test]
fn what_is_symmetric_rests_without_failures() {
    let mut worst = 0.0_f64;
    for (name, world) in WORLDS {
        for condim in DIMS {
            for (friction, impratio, integrator) in
                [(FRICTIONS[0], 1, "Euler"), (FRICTIONS[1], 10, "RK4"), (FRICTIONS[2], 1, "RK4")]
            {
                let option = format!(r#"impratio="{impratio}" integrator="{integrator}""#);
                let surface = format!(r#"<geom condim="{condim}" friction="{friction}" "#);
                let robot = robot(&option, &world.replace("<geom ", &surface));
                let model = Arc::new(robot.model());
                let mut run = Run::new(&model, &[model.compiled().reference()], InstructionSet::fastest());
                let mut data = robot.with(&Parameters::nominal(model.compiled()));
                let case = format!("{name} {condim} {friction} {integrator}");
                for steps in [2, 18, 80, 900] {
                    run.go(steps);
                    assert!(run.failed[0].is_none(), "{case}: {:?}", run.failed);
                    let apart = run.apart(&mut data);
                    assert!(apart < APART, "{case}: {apart:.1e}");
                    worst = worst.max(apart);
                }
            }
        }
    }
    println!("accelerations within {worst:.1e}");
}
