//! The language of expressions: what binds how, what each quantity reads, and what a mistake is told.

mod leg;

use leg::{compile, robot, run, with_compiler};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robot::{Input, Inventory};

/// The one number of an expression without inputs.
fn constant(text: &str) -> f64 {
    let program = compile(&[text]).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert!(program.inputs().is_empty() && program.instructions() == 0, "{text} is done at once");
    run(&program, &[])[0]
}

#[test]
fn operators_bind_as_in_mathematics() {
    for (text, right) in [
        ("1 - 2 - 3", -4.0),
        ("8 / 4 / 2", 1.0),
        ("2 + 3 * 4", 14.0),
        ("-2^2", -4.0),
        ("2^-1", 0.5),
        ("2^3^2", 512.0),
        ("2 * -3", -6.0),
        ("--3", 3.0),
        ("1 < 2", 1.0),
        ("3 > 2 > 1", 1.0),
        ("1 < 3 < 2", 0.0),
        ("not 1 > 2 and 2 > 1", 1.0),
        ("not (1 > 2 or 2 > 1)", 0.0),
        ("true or false and false", 1.0),
        ("1e3 + .5 + 2.", 1002.5),
        ("[1, 2, 3].z", 3.0),
        ("[1, 2, 3][1:][0]", 2.0),
        ("[1, 2, 3, 4][-3:-1][1]", 3.0),
        ("sum([1, [2, 3]])", 6.0),
        ("where(dt < timestep, 1, 2)", 2.0),
        ("min(3, 1, 2)", 1.0),
        ("goal.y - speed", 2.0 - 0.7),
        ("pi", std::f64::consts::PI),
        ("1 +\n\t2", 3.0),
    ] {
        assert_eq!(constant(text), right, "{text}");
    }
}

#[test]
fn mistakes_say_where_and_what_is_near() {
    for (text, column, words) in [
        ("qpso(joint:knee)", 1, "did you mean `qpos`"),
        ("1 + heigth(body:base)", 5, "did you mean `height`"),
        ("height(body:bsae) < 1", 8, "did you mean `base`"),
        ("height(bdy:base)", 8, "did you mean `body`"),
        ("height(joint:knee)", 8, "of bodies or sites"),
        ("velocity(body:base).w", 21, "`x`, `y` or `z`"),
        ("qvel.x", 1, "vector of 3"),
        ("qpos[14]", 1, "no number 14 among 14"),
        ("qpos[3:3]", 1, "no numbers of 14"),
        ("qpos[1.5]", 6, "whole number"),
        ("qpos - qvel", 1, "12 numbers do not go with 14"),
        ("qvel - home", 1, "do not go"),
        ("dot(qpos, qvel)", 1, "equally many"),
        ("1 and true", 1, "true or false"),
        ("not time", 5, "true or false"),
        ("sum(action", 11, "expected `)`"),
        ("sum()", 5, "expected a value"),
        ("sum(1, 2)", 1, "one argument"),
        ("clamp(1, 2)", 1, "3 arguments"),
        ("atan2(1)", 1, "2 arguments"),
        ("time = 2", 6, "equal is `==`"),
        ("!true", 1, "write `not`"),
        ("2 3", 3, "expected an operator or the end"),
        ("2x", 1, "no finite number"),
        ("1e999", 1, "no finite number"),
        ("", 1, "expected a value"),
        ("tilt", 1, "`tilt(body:NAME)`"),
        ("tanh + 1", 1, "it needs arguments"),
        ("actoin", 1, "did you mean `action`"),
        ("gaol.x", 1, "did you mean `goal`"),
        ("tilt(body:base", 15, "expected `)`"),
        ("tilt()", 6, "expected a selector"),
        ("progress(joint:neck)", 10, "progress(body:head)"),
        ("qpos(joint:ro*)", 6, "name it"),
        ("action(actuator:rail_motor)", 8, "does not drive"),
        ("sensor:giro", 1, "did you mean `gyro`"),
        ("terminated", 1, "known to rewards alone"),
        ("qpos(joint:knee) § 1", 18, "means nothing"),
    ] {
        let error = with_compiler(&robot(), |compiler| compiler.value(text)).unwrap_err();
        assert_eq!((error.line, error.column), (1, column), "{text}: {error}");
        assert!(error.message.contains(words), "{text}: {error}");
    }
    let error = with_compiler(&robot(), |compiler| compiler.value("1 +\n  qvle")).unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 3: there is no value `qvle`; did you mean `qvel`?");
}

#[test]
fn what_is_nested_or_long_beyond_sense_is_refused() {
    let deep = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
    let row = vec!["1"; 5000].join(" + ");
    let powers = vec!["2"; 5000].join("^");
    let negative = format!("{}1", "-".repeat(5000));
    let lists = format!("[{}]", vec!["qpos"; 70].join(","));
    let long = " ".repeat(30_000);
    let large = Inventory { reference: vec![0.0; 1000], ..robot() };
    for text in [deep, row, powers, negative, lists, long] {
        let error = with_compiler(&large, |compiler| compiler.value(&text)).unwrap_err();
        let told = ["deep", "follow", "longer", "bytes"].iter().any(|word| error.message.contains(word));
        assert!(told, "{error}");
    }
    // Parts that are used twice cost nothing twice: written out, this one would have 2^90 comparisons.
    let shared = (0..90).fold("time".to_owned(), |text, _| format!("1 < ({text} * 1) < 2"));
    assert!(compile(&[&shared]).unwrap().instructions() < 500);
}

#[test]
fn quantities_read_what_their_names_say() {
    use Input::*;
    let axes = |input: fn(usize) -> Input| (0..3).map(input).collect::<Vec<_>>();
    for (text, right) in [
        ("qpos(joint:root)", (0..7).map(Position).collect()),
        ("qpos(joint:*)", (7..14).map(Position).collect::<Vec<_>>()),
        ("qvel(joint:*)", (6..12).map(Velocity).collect()),
        ("qvel(joint:root)", (0..6).map(Velocity).collect()),
        ("qpos", (0..14).map(Position).collect()),
        ("qpos[2:]", (2..14).map(Position).collect()),
        ("joint_force(joint:neck)", (8..11).map(JointForce).collect()),
        ("joint_force[6:]", (6..12).map(JointForce).collect()),
        ("joint_constraint_force(joint:rail)", vec![JointConstraintForce(11)]),
        ("position(body:calf)", axes(|axis| BodyPosition { body: 3, axis })),
        ("position(site:tip)", axes(|axis| SitePosition { site: 0, axis })),
        ("height(site:tip)", vec![SitePosition { site: 0, axis: 2 }]),
        ("velocity(body:calf)", axes(|axis| BodyVelocity { body: 3, axis })),
        ("progress(body:calf)", axes(|axis| BodyProgress { body: 3, axis })),
        ("progress(joint:rail)", vec![PositionProgress(13)]),
        ("spin(body:calf)", axes(|axis| BodySpin { body: 3, axis })),
        ("forward(body:calf)", axes(|row| BodyRotation { body: 3, row, column: 0 })),
        ("left(body:calf)", axes(|row| BodyRotation { body: 3, row, column: 1 })),
        ("up(body:calf)", axes(|row| BodyRotation { body: 3, row, column: 2 })),
        ("com(body:world)", axes(|axis| CentreOfMass { body: 0, axis })),
        ("com_progress(body:world)", axes(|axis| CentreProgress { body: 0, axis })),
        (
            "constraint_force(body:calf)",
            (0..6).map(|component| ConstraintForce { body: 3, component }).collect(),
        ),
        ("cvel(body:calf)", (0..6).map(|component| TreeVelocity { body: 3, component }).collect()),
        ("cinert(body:calf)", (0..10).map(|component| TreeInertia { body: 3, component }).collect()),
        ("contact_force(geom@calf)", vec![ContactForce { geom: 1 }]),
        ("actuator_force(actuator@joint:knee)", vec![ActuatorForce(1)]),
        ("action", vec![Action(0), Action(1)]),
        ("last_action(actuator:hip_motor)", vec![LastAction(1)]),
        ("action(actuator@joint:knee)", vec![Action(0)]),
        ("sensor:gyro", axes(Sensor)),
        ("sensor(touch-1)", vec![Sensor(3)]),
        ("sensor(sensor[1])", vec![Sensor(3)]),
        ("time", vec![Time]),
        ("qpos('joint:knee')", vec![Position(8)]),
    ] {
        let program = compile(&[text]).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(program.inputs(), right, "{text}");
        assert_eq!(program.instructions(), 0, "{text} is there already");
    }
    // The order of several selectors is theirs, that of one is the model's.
    let program = compile(&["qpos(joint:rail, joint:hip)"]).unwrap();
    assert_eq!(program.inputs(), [Position(7), Position(13)]);
    assert_eq!(run(&program, &[1.0, 2.0]), [2.0, 1.0]);
    // All bodies but the world.
    let forces = compile(&["constraint_force(body:*)"]).unwrap();
    assert_eq!(forces.outputs(), 30);
    assert!(!forces.inputs().contains(&ConstraintForce { body: 0, component: 0 }));
}

#[test]
fn home_beside_qpos_is_the_pose_of_the_same_joints() {
    let pose = [0.0, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0, 0.9, -1.8, 1.0, 0.0, 0.0, 0.0, 0.0];
    for (text, expected) in [
        ("qpos(joint:*) - home", &pose[7..]),
        ("qpos(joint:knee, joint:hip) - home", &[-1.8, 0.9]),
        ("qpos[2:4] - home", &pose[2..4]),
        ("qpos - home", &pose),
        ("qpos(joint:hip) - home(joint:hip)", &pose[7..8]),
        ("-(home - qpos(joint:*)[:2])", &pose[7..9]),
        ("qpos[7:10] - home_ctrl", &[0.9, -1.8, 0.0]),
    ] {
        let program = compile(&[text]).unwrap_or_else(|error| panic!("{text}: {error}"));
        let out = run(&program, &vec![0.0; program.inputs().len()]);
        let right: Vec<f64> = expected.iter().map(|x| 0.0 - x).collect();
        assert_eq!(out, right, "{text}");
    }
    assert_eq!(constant("home[2]"), 0.3);
}

/// The rotation matrix of a unit quaternion.
fn rotation([w, x, y, z]: [f64; 4]) -> [[f64; 3]; 3] {
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

#[test]
fn directions_are_those_of_the_rotated_body() {
    let mut stream = StreamKey::new(3, Purpose::Test).stream();
    for gravity in [[0.0, 0.0, -9.81], [1.0, -2.0, -2.0]] {
        let mut inventory = robot();
        inventory.gravity = gravity;
        let texts =
            ["gravity_in(body:base)", "local_velocity(body:base)", "tilt(body:base)", "heading(body:base)"];
        let program = with_compiler(&inventory, |compiler| {
            let values = texts.map(|text| compiler.value(text).unwrap());
            compiler.program(&values).unwrap()
        });
        for _ in 0..50 {
            let quaternion: [f64; 4] = std::array::from_fn(|_| stream.normal());
            let norm = quaternion.iter().map(|x| x * x).sum::<f64>().sqrt();
            let matrix = rotation(quaternion.map(|x| x / norm));
            let velocity: [f64; 3] = std::array::from_fn(|_| stream.normal());
            let inputs: Vec<f64> = program
                .inputs()
                .iter()
                .map(|input| match *input {
                    Input::BodyRotation { row, column, .. } => matrix[row][column],
                    Input::BodyVelocity { axis, .. } => velocity[axis],
                    _ => panic!("{input:?} is not asked for"),
                })
                .collect();
            let out = run(&program, &inputs);
            // In the world again, what was turned into the body's frame is what it was.
            let back = |local: &[f64]| {
                [0, 1, 2].map(|row| (0..3).map(|column| matrix[row][column] * local[column]).sum::<f64>())
            };
            let length = gravity.iter().map(|x| x * x).sum::<f64>().sqrt();
            for axis in 0..3 {
                assert!((back(&out[..3])[axis] - gravity[axis] / length).abs() < 1e-12);
                assert!((back(&out[3..6])[axis] - velocity[axis]).abs() < 1e-12);
            }
            assert!(
                (out[6].cos() - matrix[2][2]).abs() < 1e-12 && (0.0..=std::f64::consts::PI).contains(&out[6])
            );
            let across = matrix[0][0].hypot(matrix[1][0]);
            assert!((across * out[7].cos() - matrix[0][0]).abs() < 1e-12);
            assert!((across * out[7].sin() - matrix[1][0]).abs() < 1e-12);
        }
    }
    // A small tilt keeps its digits.
    let program = compile(&["tilt(body:base)"]).unwrap();
    let small = rotation([1.0, 1e-9, 0.0, 0.0]);
    let inputs: Vec<f64> = (0..3).map(|row| small[row][2]).collect();
    assert!((run(&program, &inputs)[0] / 2e-9 - 1.0).abs() < 1e-9);
    let mut weightless = robot();
    weightless.gravity = [0.0; 3];
    let error = with_compiler(&weightless, |compiler| compiler.value("gravity_in(body:base)")).unwrap_err();
    assert!(error.message.contains("no gravity"), "{error}");
}

#[test]
fn what_is_written_twice_is_computed_once() {
    let once = compile(&["sum(sq(action))"]).unwrap();
    let twice = compile(&["sum(sq(action)) + 0 * time", "sum(sq(action))", "norm(action)"]).unwrap();
    assert_eq!(once.instructions(), 2);
    // The sum and its squares, the product, the sum with it, the root.
    assert_eq!(twice.instructions(), 5);
}

#[test]
fn nothing_that_no_number_is_hides_in_an_extreme_or_a_clamp() {
    for text in [
        "min(time, 1)",
        "max(1, time)",
        "min(1, time)",
        "clamp(time, -1, 1)",
        "min([1, time, 2])",
        "max([time, 1])",
    ] {
        let program = compile(&[text]).unwrap();
        assert!(run(&program, &[f64::NAN])[0].is_nan(), "{text}");
    }
}
