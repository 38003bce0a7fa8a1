//! A robot to write expressions and tasks about.
#![allow(dead_code, reason = "every test uses a part")]

use std::collections::BTreeMap;

use wr2l_robot::{
    Actuator, Body, Compiler, Geom, Inventory, Joint, JointKind, Keyframe, Program, Scope, Sensor, Site,
};

/// A free base with one leg of two hinges, a head on a ball joint, and a slider beside it.
pub(crate) fn robot() -> Inventory {
    let body = |name: &str, parent| Body { name: name.into(), parent, ..Body::default() };
    let joint = |name: &str, body, kind, position, velocity| Joint {
        name: name.into(),
        body,
        kind,
        position,
        velocity,
        ..Joint::default()
    };
    let actuator = |name: &str, joint, range| Actuator {
        name: name.into(),
        joint: Some(joint),
        control_range: range,
        ..Actuator::default()
    };
    let mut home = vec![0.0; 14];
    home[2] = 0.3;
    home[3] = 1.0;
    home[7] = 0.9;
    home[8] = -1.8;
    home[9] = 1.0;
    Inventory {
        timestep: 0.005,
        gravity: [0.0, 0.0, -9.81],
        reference: (0..14).map(|i| f64::from(i == 3 || i == 9)).collect(),
        velocities: 12,
        bodies: vec![
            body("world", 0),
            body("base", 0),
            body("thigh", 1),
            body("calf", 2),
            body("head", 1),
            body("cart", 0),
        ],
        joints: vec![
            joint("root", 1, JointKind::Free, 0, 0),
            joint("hip", 2, JointKind::Hinge, 7, 6),
            joint("knee", 3, JointKind::Hinge, 8, 7),
            joint("neck", 4, JointKind::Ball, 9, 8),
            joint("rail", 5, JointKind::Slide, 13, 11),
        ],
        geoms: vec![
            Geom { name: "floor".into(), body: 0, collides: true, ..Geom::default() },
            Geom { name: "foot".into(), body: 3, collides: true, ..Geom::default() },
        ],
        sites: vec![Site { name: "tip".into(), body: 3, ..Site::default() }],
        actuators: vec![
            actuator("hip_motor", 1, Some([-1.0, 1.0])),
            actuator("", 2, Some([-0.5, 2.0])),
            actuator("rail_motor", 4, None),
        ],
        sensors: vec![
            Sensor {
                name: "gyro".into(),
                kind: "gyro".into(),
                address: 0,
                dimension: 3,
                ..Sensor::default()
            },
            Sensor {
                name: "touch-1".into(),
                kind: "touch".into(),
                address: 3,
                dimension: 1,
                ..Sensor::default()
            },
        ],
        keyframes: vec![Keyframe {
            name: "home".into(),
            positions: home,
            velocities: vec![0.0; 12],
            controls: vec![0.9, -1.8, 0.0],
        }],
        ..Inventory::default()
    }
}

/// What expressions about it mean, where the action drives its second and its first actuator.
pub(crate) fn with_compiler<T>(inventory: &Inventory, act: impl FnOnce(&mut Compiler<'_>) -> T) -> T {
    let constants =
        BTreeMap::from([("goal".to_owned(), vec![1.0, 2.0, 0.5]), ("speed".to_owned(), vec![0.7])]);
    let keyframe = &inventory.keyframes[0];
    act(&mut Compiler::new(Scope {
        inventory,
        actuators: &[1, 0],
        step_seconds: 0.02,
        home: &keyframe.positions,
        home_controls: &keyframe.controls,
        constants: &constants,
    }))
}

/// The program of expressions.
pub(crate) fn compile(texts: &[&str]) -> Result<Program, String> {
    with_compiler(&robot(), |compiler| {
        let values = texts.iter().map(|text| compiler.value(text)).collect::<Result<Vec<_>, _>>();
        let values = values.map_err(|error| error.to_string())?;
        compiler.program(&values).map_err(|error| error.to_string())
    })
}

/// What a program gives for one lane of inputs.
pub(crate) fn run(program: &Program, inputs: &[f64]) -> Vec<f64> {
    let mut out = vec![f64::NAN; program.outputs()];
    program.run(inputs, &mut program.scratch(1), &mut out);
    out
}
