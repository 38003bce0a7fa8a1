//! Expressions mean what their text says, for every lane by itself, and refuse with a place and a hint.

mod leg;

use leg::{compile, robot, run, with_compiler};
use proptest::prelude::*;
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_robot::{Input, Inventory};

type Fetch<'a> = &'a dyn Fn(Input) -> f64;
type One = (&'static str, fn(f64) -> f64);
type Two = (&'static str, fn(f64, f64) -> f64);
type Whole = (&'static str, fn(&[f64]) -> f64);
type Evaluate = Box<dyn Fn(Fetch<'_>) -> Vec<f64>>;

/// An expression of the test's own: its text, and how a walk over its tree evaluates it.
struct Oracle {
    text: String,
    evaluate: Evaluate,
}

fn oracle(text: String, evaluate: impl Fn(Fetch<'_>) -> Vec<f64> + 'static) -> Oracle {
    Oracle { text, evaluate: Box::new(evaluate) }
}

fn inputs(text: &str, inputs: Vec<Input>) -> Oracle {
    oracle(text.into(), move |fetch| inputs.iter().map(|input| fetch(*input)).collect())
}

/// Number by number; one number goes with any.
fn map1(text: String, a: Oracle, f: fn(f64) -> f64) -> Oracle {
    oracle(text, move |fetch| (a.evaluate)(fetch).into_iter().map(f).collect())
}

fn map2(text: String, a: Oracle, b: Oracle, f: fn(f64, f64) -> f64) -> Oracle {
    oracle(text, move |fetch| {
        let (a, b) = ((a.evaluate)(fetch), (b.evaluate)(fetch));
        let at = |list: &[f64], i: usize| list[if list.len() == 1 { 0 } else { i }];
        (0..a.len().max(b.len())).map(|i| f(at(&a, i), at(&b, i))).collect()
    })
}

fn whole(text: String, a: Oracle, f: impl Fn(Vec<f64>) -> Vec<f64> + 'static) -> Oracle {
    oracle(text, move |fetch| f((a.evaluate)(fetch)))
}

fn min(x: f64, y: f64) -> f64 {
    match (x.is_nan(), y.is_nan()) {
        (true, _) => x,
        (_, true) => y,
        _ => {
            if x < y {
                x
            } else {
                y
            }
        }
    }
}

fn max(x: f64, y: f64) -> f64 {
    match (x.is_nan(), y.is_nan()) {
        (true, _) => x,
        (_, true) => y,
        _ => {
            if x > y {
                x
            } else {
                y
            }
        }
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn leaf(stream: &mut Stream, width: usize) -> Oracle {
    let body = 1;
    match (width, stream.below(6)) {
        (1, 0) => {
            let number = (stream.uniform(-3.0, 3.0) * 8.0).round() / 8.0;
            oracle(format!("({number})"), move |_| vec![number])
        }
        (1, 1) => inputs("qpos[2]", vec![Input::Position(2)]),
        (1, 2) => inputs("height(body:base)", vec![Input::BodyPosition { body, axis: 2 }]),
        (1, 3) => inputs("time", vec![Input::Time]),
        (1, 4) => inputs("qvel(joint:rail)", vec![Input::Velocity(11)]),
        (1, _) => inputs("action[-1]", vec![Input::Action(1)]),
        (3, 0) => {
            inputs("velocity(body:base)", (0..3).map(|axis| Input::BodyVelocity { body, axis }).collect())
        }
        (3, 1) => {
            inputs("up(body:base)", (0..3).map(|row| Input::BodyRotation { body, row, column: 2 }).collect())
        }
        (3, 2) => inputs("sensor:gyro", (0..3).map(Input::Sensor).collect()),
        (3, 3) => oracle("goal".into(), |_| vec![1.0, 2.0, 0.5]),
        (3, _) => inputs("qpos[0:3]", (0..3).map(Input::Position).collect()),
        (_, 0) => inputs("joint_force", (0..12).map(Input::JointForce).collect()),
        (_, 1) => inputs(
            "constraint_force(body:base, body:calf)",
            [1, 3]
                .into_iter()
                .flat_map(|body| (0..6).map(move |component| Input::ConstraintForce { body, component }))
                .collect(),
        ),
        _ => inputs("qvel", (0..12).map(Input::Velocity).collect()),
    }
}

/// A random number or list of 3 or 12.
fn number(stream: &mut Stream, depth: u32, width: usize) -> Oracle {
    if depth == 0 {
        return leaf(stream, width);
    }
    let depth = depth - 1;
    let other = if stream.below(3) == 0 { 1 } else { width };
    let wide = [3, 12][stream.below(2)];
    let choice = stream.below(if width == 12 { 13 } else { 18 });
    let mut part = |width| number(stream, depth, width);
    match choice {
        0 => leaf(stream, width),
        1 | 2 => {
            let (a, b) = (part(width), part(other));
            let ops: [Two; 4] =
                [("+", |x, y| x + y), ("-", |x, y| x - y), ("*", |x, y| x * y), ("/", |x, y| x / y)];
            let (sign, f) = ops[stream.below(4)];
            map2(format!("({} {sign} {})", a.text, b.text), a, b, f)
        }
        3 => {
            let (a, b) = (part(other), part(width));
            map2(format!("({} - {})", a.text, b.text), a, b, |x, y| x - y)
        }
        4 => {
            let a = part(width);
            map1(format!("-{}", a.text), a, |x| -x)
        }
        5 => {
            let a = part(width);
            map1(format!("({})^2", a.text), a, |x| x * x)
        }
        6 => {
            let (a, b) = (part(width), part(other));
            map2(format!("({})^({})", a.text, b.text), a, b, f64::powf)
        }
        7 | 8 => {
            let a = part(width);
            let functions: [One; 9] = [
                ("abs", |x| x.abs()),
                ("sq", |x| x * x),
                ("sqrt", |x| x.sqrt()),
                ("exp", |x| x.exp()),
                ("log", |x| x.ln()),
                ("tanh", |x| x.tanh()),
                ("sin", |x| x.sin()),
                ("cos", |x| x.cos()),
                ("sign", |x| if x != 0.0 { x.signum() } else { 0.0 }),
            ];
            let (name, f) = functions[stream.below(9)];
            map1(format!("{name}({})", a.text), a, f)
        }
        9 => {
            let (a, b) = (part(width), part(other));
            let functions: [Two; 3] = [("min", min), ("max", max), ("atan2", f64::atan2)];
            let (name, f) = functions[stream.below(3)];
            map2(format!("{name}({}, {})", a.text, b.text), a, b, f)
        }
        10 => {
            let (a, low, high) = (part(width), part(other), part(width));
            let text = format!("clamp({}, {}, {})", a.text, low.text, high.text);
            let above = map2(String::new(), a, low, max);
            map2(text, above, high, min)
        }
        11 => {
            let (a, b) = (part(other), part(width));
            let condition = boolean(stream, depth, width);
            let text = format!("where({}, {}, {})", condition.text, a.text, b.text);
            oracle(text, move |fetch| {
                let (c, a, b) = ((condition.evaluate)(fetch), (a.evaluate)(fetch), (b.evaluate)(fetch));
                let at = |list: &[f64], i: usize| list[if list.len() == 1 { 0 } else { i }];
                (0..b.len()).map(|i| if c[i] == 1.0 { at(&a, i) } else { b[i] }).collect()
            })
        }
        12 => {
            let condition = boolean(stream, depth, width);
            map1(format!("(2 * ({}))", condition.text), condition, |x| 2.0 * x)
        }
        13 if width == 1 => {
            let (a, b) = (part(wide), part(wide));
            let text = format!("dot({}, {})", a.text, b.text);
            oracle(text, move |fetch| {
                let (a, b) = ((a.evaluate)(fetch), (b.evaluate)(fetch));
                vec![a.iter().zip(&b).map(|(x, y)| x * y).reduce(|sum, x| sum + x).unwrap()]
            })
        }
        14 if width == 1 => {
            let a = part(3);
            whole(format!("({}).y", a.text), a, |a| vec![a[1]])
        }
        15 if width == 1 => {
            let a = part(wide);
            whole(format!("({})[-1]", a.text), a, |a| vec![a[a.len() - 1]])
        }
        _ if width == 1 => {
            let a = part(wide);
            let functions: [Whole; 5] = [
                ("sum", |a| a.iter().copied().reduce(|sum, x| sum + x).unwrap()),
                ("mean", |a| a.iter().copied().reduce(|sum, x| sum + x).unwrap() / a.len() as f64),
                ("norm", |a| a.iter().map(|x| x * x).reduce(|sum, x| sum + x).unwrap().sqrt()),
                ("min", |a| a.iter().copied().reduce(min).unwrap()),
                ("max", |a| a.iter().copied().reduce(max).unwrap()),
            ];
            let (name, f) = functions[stream.below(5)];
            whole(format!("{name}({})", a.text), a, move |a| vec![f(&a)])
        }
        13 | 14 => {
            let a = part(12);
            whole(format!("({})[4:7]", a.text), a, |a| a[4..7].to_vec())
        }
        _ => {
            let (a, b, c) = (part(1), part(1), part(1));
            let text = format!("[{}, {}, {}]", a.text, b.text, c.text);
            oracle(text, move |fetch| {
                [&a, &b, &c].into_iter().flat_map(|part| (part.evaluate)(fetch)).collect()
            })
        }
    }
}

/// Random truths.
fn boolean(stream: &mut Stream, depth: u32, width: usize) -> Oracle {
    let below = depth.saturating_sub(1);
    match stream.below(if depth == 0 { 2 } else { 6 }) {
        0 | 1 => {
            let (a, b) = (number(stream, below, width), number(stream, below, width));
            let signs: [Two; 6] = [
                ("<", |x, y| truth(x < y)),
                ("<=", |x, y| truth(x <= y)),
                (">", |x, y| truth(x > y)),
                (">=", |x, y| truth(x >= y)),
                ("==", |x, y| truth(x == y)),
                ("!=", |x, y| truth(x != y)),
            ];
            let (sign, f) = signs[stream.below(6)];
            map2(format!("({} {sign} {})", a.text, b.text), a, b, f)
        }
        2 => {
            let parts: [Oracle; 3] = std::array::from_fn(|_| number(stream, below, width));
            let text = format!("({} < {} <= {})", parts[0].text, parts[1].text, parts[2].text);
            oracle(text, move |fetch| {
                let [a, b, c] = [0, 1, 2].map(|i| (parts[i].evaluate)(fetch));
                (0..a.len()).map(|i| truth(a[i] < b[i] && b[i] <= c[i])).collect()
            })
        }
        3 => {
            let a = boolean(stream, below, width);
            map1(format!("(not {})", a.text), a, |x| truth(x == 0.0))
        }
        4 if width == 1 => {
            let a = boolean(stream, below, 3);
            match stream.below(2) {
                0 => whole(format!("any({})", a.text), a, |a| vec![truth(a.contains(&1.0))]),
                _ => whole(format!("all({})", a.text), a, |a| vec![truth(!a.contains(&0.0))]),
            }
        }
        _ => {
            let (a, b) = (boolean(stream, below, width), boolean(stream, below, width));
            match stream.below(2) {
                0 => map2(format!("({} and {})", a.text, b.text), a, b, |x, y| truth(x == 1.0 && y == 1.0)),
                _ => map2(format!("({} or {})", a.text, b.text), a, b, |x, y| truth(x == 1.0 || y == 1.0)),
            }
        }
    }
}

/// Mostly ordinary numbers, and all that are not.
fn any_number(stream: &mut Stream) -> f64 {
    match stream.below(20) {
        0 => 0.0,
        1 => -0.0,
        2 => f64::INFINITY,
        3 => f64::NAN,
        _ => stream.normal(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_lane_gets_the_bits_of_a_walk_over_the_tree(seed: u64, lanes in 1_usize..10) {
        let mut stream = StreamKey::new(seed, Purpose::Test).stream();
        let parts: Vec<Oracle> = [1, 3, 12].map(|width| number(&mut stream, 4, width)).into();
        let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        let program = compile(&texts).map_err(|error| TestCaseError::fail(format!("{texts:?}: {error}")))?;
        prop_assert_eq!(program.outputs(), 16);
        prop_assert!(program.inputs().is_sorted_by(|a, b| a < b));
        let inputs: Vec<f64> = (0..program.inputs().len() * lanes).map(|_| any_number(&mut stream)).collect();
        let mut out = vec![0.0; 16 * lanes];
        let mut scratch = program.scratch(lanes);
        // The second time, what the first left behind must not matter.
        for _ in 0..2 {
            program.run(&inputs, &mut scratch, &mut out);
        }
        for lane in 0..lanes {
            // What is not listed does not matter.
            let fetch = |input: Input| match program.inputs().binary_search(&input) {
                Ok(row) => inputs[row * lanes + lane],
                Err(_) => 42.0,
            };
            let right: Vec<f64> = parts.iter().flat_map(|part| (part.evaluate)(&fetch)).collect();
            for (i, right) in right.iter().enumerate() {
                let got = out[i * lanes + lane];
                prop_assert!(
                    got.to_bits() == right.to_bits() || got.is_nan() && right.is_nan(),
                    "{texts:?}: number {i} is {got}, not {right}"
                );
            }
        }
    }

    #[test]
    fn a_mutated_expression_is_understood_or_refused_within_its_text(seed: u64, changes in 1_usize..5) {
        let mut stream = StreamKey::new(seed, Purpose::Test).stream();
        let width = [1, 3][stream.below(2)];
        let text = number(&mut stream, 3, width).text;
        let mut characters: Vec<char> = text.chars().collect();
        for _ in 0..changes {
            let at = stream.below(characters.len());
            let alphabet: Vec<char> = "()[]:,.+-*/^<=>!' \n\"é0eqx_@".chars().collect();
            match stream.below(4) {
                0 => drop(characters.remove(at)),
                1 => characters[at] = alphabet[stream.below(alphabet.len())],
                2 => characters.insert(at, alphabet[stream.below(alphabet.len())]),
                _ => characters.truncate(at.max(1)),
            }
            if characters.is_empty() {
                characters.push('(');
            }
        }
        let text: String = characters.into_iter().collect();
        let answer = with_compiler(&robot(), |compiler| compiler.value(&text));
        if let Err(error) = answer {
            let lines: Vec<&str> = text.split('\n').collect();
            prop_assert!((1..=lines.len()).contains(&error.line), "{text:?}: {error}");
            let line = lines[error.line - 1];
            prop_assert!((1..=line.chars().count() + 1).contains(&error.column), "{text:?}: {error}");
            prop_assert!(text.get(error.span.clone()).is_some(), "{text:?}: {error:?}");
            prop_assert!(!error.message.is_empty());
        }
    }

    #[test]
    fn no_text_at_all_breaks_the_reader(text in "\\PC{0,60}") {
        drop(with_compiler(&robot(), |compiler| compiler.value(&text)));
    }
}

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
