//! Expressions mean what their text says, for every lane by itself, and refuse with a place and a hint.

mod leg;

use leg::{compile, robot, with_compiler};
use proptest::prelude::*;
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_robot::Input;

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
    fn every_lane_gets_the_bits_of_a_walk_over_the_tree(
        seed: u64,
        // With one and with several blocks of lanes, and without.
        lanes in prop_oneof![1_usize..10, Just(16), Just(24)],
    ) {
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
