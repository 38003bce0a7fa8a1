//! Task files: what is written is read, what extends is merged, and every mistake has a place.

mod leg;

use leg::robot;
use proptest::prelude::*;
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robot::{Draw, Mistake, Op, Operation, Shape, Spread, Start, TaskFile, Terms, Varied};

const FILE: &str = r#"# A task.
name = "walk"

[robot]
mjcf = "robot.xml"
control_dt = 0.02
episode_steps = 500

[reset]
keyframe = "home"
noise = { joint = 0.05, velocity = { normal = 0.1 } }

[[reset.draw]]
select = "joint:rail"
position = [-1.0, 1.0]

[action]
select = "actuator:*"
map = { around = "keyframe", scale = 0.25 }

[constants]
goal = [1.0, 0.0, 0.5]

[[observe]]
value = "gravity_in(body:base)"
noise = 0.01
delay = 0.04
history = 3

[[observe]]
value = "qpos(joint:*) - home"

[[observe]]
value = "qvel(joint:*)"
scale = 0.05
clip = 1.0

[[reward]]
name = "forward"
weight = 1.0
value = "progress(body:base).x"

[[reward]]
name = "effort"
weight = -1e-3
value = "sum(sq(action))"
per = "second"

[[reward]]
name = "upright"
weight = 0.5
value = "tilt(body:base)"
shape = { gaussian = 0.25 }

[[terminate]]
name = "fell"
when = "height(body:base) < 0.18"

[vary.payload]
select = "body:base"
quantity = "mass"
op = "scale"
range = [0.7, 1.5]

[vary.motor]
select = "actuator:*"
quantity = "gain"
op = "scale"
range = [0.8, 1.1]
distribution = "log-uniform"
elements = "each"

[[sweep]]
parameter = "payload"
range = [0.5, 2.0]

[[usual]]
set = { "ppo.gamma" = 0.995 }
"#;

/// Reads and compiles.
fn compile(text: &str) -> Result<Terms, Mistake> {
    let task = TaskFile::read(text, "walk.toml")?;
    Start::compile(&task, &robot())?;
    Terms::compile(&task, &robot())
}

#[test]
fn a_task_that_is_written_and_read_again_is_the_same() {
    let task = TaskFile::read(FILE, "walk.toml").unwrap_or_else(|mistake| panic!("{mistake}"));
    let names: Vec<&str> = task.vary.iter().map(|varied| varied.name.as_str()).collect();
    assert_eq!(names, ["payload", "motor"], "in the order of the file");
    assert_eq!(task.reset.noise.joint, Spread::Uniform(0.05));
    assert_eq!(task.reward[2].shape, Some(Shape::Gaussian(0.25)));
    let written = task.to_toml().unwrap();
    let again =
        TaskFile::read(&written, "again.toml").unwrap_or_else(|mistake| panic!("{mistake}\n{written}"));
    assert_eq!(again, task);
    assert_eq!(again.to_toml().unwrap(), written);
    for name in TaskFile::built_in_names() {
        let task = TaskFile::built_in(name).unwrap().unwrap_or_else(|mistake| panic!("{mistake}"));
        assert_eq!(task.name, name);
        let again = TaskFile::read(&task.to_toml().unwrap(), name).unwrap();
        assert_eq!(again, task);
    }
    assert!(TaskFile::built_in("horse").is_none());
}

#[test]
fn a_mistake_has_file_line_column_and_what_would_be_right() {
    let mut wrong = Vec::new();
    for (old, new, place, words) in [
        ("weight = 1.0", "wieght = 1.0", (40, 1), "did you mean `weight`?"),
        ("[action]", "[actoin]", (17, 2), "did you mean `action`?"),
        ("name = \"forward\"\n", "", (38, 1), "the key `name` is missing"),
        ("mjcf = \"robot.xml\"\n", "", (4, 2), "the key `mjcf` is missing"),
        ("control_dt = 0.02", "control_dt = \"fast\"", (6, 14), "expected a number, found the text \"fast\""),
        ("control_dt = 0.02", "control_dt = -1", (6, 14), "positive"),
        ("control_dt = 0.02", "control_dt = 0.012", (6, 14), "0.010000 or 0.015000"),
        ("control_dt = 0.02\n", "", (4, 1), "either `control_dt` or `frame_skip`"),
        ("control_dt = 0.02", "control_dt = 0.02\nframe_skip = 4", (7, 14), "set one of them"),
        ("episode_steps = 500", "episode_steps = -5", (7, 17), "whole number"),
        ("episode_steps = 500", "episode_steps = 500\nvelocity_noise = [-0.1]", (8, 18), "not negative"),
        ("\"home\"", "\"hmoe\"", (10, 12), "did you mean `home`?"),
        ("{ normal = 0.1 }", "{ nromal = 0.1 }", (11, 36), "{ normal = NUMBER }"),
        ("joint:rail", "joint:rial", (14, 11), "did you mean `rail`?"),
        ("joint:rail", "body:base", (14, 11), "selector of joints"),
        ("position = [-1.0, 1.0]", "position = [1.0, -1.0]", (15, 12), "[LOW, HIGH]"),
        ("\"actuator:*\"\nmap", "\"actutor:*\"\nmap", (18, 11), "did you mean `actuator`?"),
        ("around = \"keyframe\"", "around = \"home\"", (19, 7), "around = \"keyframe\""),
        ("goal =", "sum =", (22, 7), "means something else"),
        ("gravity_in(body:base)", "gravty_in(body:base)", (25, 10), "did you mean `gravity_in`?"),
        ("gravity_in(body:base)", "gravity_in(body:bsae)", (25, 21), "did you mean `base`?"),
        ("delay = 0.04", "delay = 0.03", (27, 9), "0.020000 or 0.040000"),
        ("history = 3", "history = 0", (28, 11), "from 1 to"),
        ("clip = 1.0", "clip = [1.0]", (36, 8), "[LOW, HIGH]"),
        ("sum(sq(action))", "sq(action)", (46, 9), "take sum(...)"),
        ("per = \"second\"", "per = \"secnod\"", (47, 7), "did you mean `second`?"),
        ("gaussian", "gausian", (53, 9), "did you mean `gaussian`?"),
        ("gaussian = 0.25", "gaussian = 0.0", (53, 22), "positive"),
        ("\"effort\"", "\"forward\"", (44, 8), "two of the name `forward`"),
        ("height(body:base) < 0.18", "height(body:base)", (57, 8), "true or false"),
        ("height(body:base) < 0.18", "qpos < 0.18", (57, 8), "any(...)"),
        ("height(body:base) < 0.18", "height(body:base) < flor", (57, 29), "there is no value `flor`"),
        ("op = \"scale\"\nrange = [0.7", "op = \"times\"\nrange = [0.7", (62, 6), "`scale`, `add`, `set`"),
        ("[0.7, 1.5]", "[1.5, 0.7]", (63, 9), "[LOW, HIGH]"),
        ("[0.8, 1.1]", "[0.0, 1.1]", (69, 9), "positive"),
        ("weight = 0.5", "weight = nan", (51, 10), "finite"),
        ("weight = 0.5", "weight = = 0.5", (51, 10), ""),
        ("name = \"walk\"", "name = \"walk\"\nextends = \"horse\"", (3, 11), "there are inverted-pendulum"),
        ("name = \"walk\"", "name = \"walk\"\nextends = \"none.toml\"", (3, 11), "cannot be read"),
    ] {
        assert!(FILE.contains(old), "{old}");
        let text = FILE.replacen(old, new, 1);
        let mistake = compile(&text).err().unwrap_or_else(|| panic!("{new} was accepted"));
        if (mistake.line, mistake.column) != place || !mistake.message.contains(words) {
            wrong.push(format!("{new:?}, {place:?}, {words}: {mistake}"));
        }
        assert_eq!(mistake.file, "walk.toml");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let text = FILE.replace("weight = 1.0", "wieght = 1.0");
    assert_eq!(
        compile(&text).unwrap_err().to_string(),
        "walk.toml:40:1: there is no key `wieght` here; did you mean `weight`?\n40 | wieght = 1.0\n   | ^^^^^^"
    );
}

#[test]
fn what_varies_is_what_the_file_says() {
    let task = TaskFile::read(FILE, "walk.toml").unwrap();
    let varied = task.variations().unwrap_or_else(|mistake| panic!("{mistake}"));
    let [payload, motor] = varied.as_slice() else { panic!("two entries vary") };
    assert_eq!((payload.name.as_str(), payload.op, payload.each), ("payload", Op::Scale, false));
    assert_eq!((payload.select[0].as_str(), payload.range), ("body:base", [0.7, 1.5]));
    assert_eq!((motor.each, motor.draw), (true, Draw::LogUniform));
    for (old, new, place) in
        [("\"mass\"", "\"maas\"", (61, 12)), ("\"body:base\"\nq", "\"bdy:base\"\nq", (60, 10))]
    {
        let task = TaskFile::read(&FILE.replacen(old, new, 1), "walk.toml").unwrap();
        let mistake = task.variations().unwrap_err();
        assert_eq!((mistake.line, mistake.column), place, "{mistake}");
    }
}

#[test]
fn an_expression_over_several_lines_is_blamed_in_its_line() {
    let long = "\"\"\"\n  1 +\n  qvle[0]\"\"\"";
    let text = FILE.replace("\"sum(sq(action))\"", long);
    let mistake = compile(&text).unwrap_err();
    assert_eq!((mistake.line, mistake.column), (48, 3), "{mistake}");
    let escaped = FILE.replace("\"sum(sq(action))\"", "\"1 + \\u0071vle[0]\"");
    let mistake = compile(&escaped).unwrap_err();
    assert_eq!((mistake.line, mistake.column), (46, 9), "{mistake}");
    assert!(mistake.message.contains("column 5 of the expression"), "{mistake}");
}

#[test]
fn a_task_that_a_program_made_has_places_too() {
    let mut task = TaskFile::read(FILE, "walk.toml").unwrap();
    let again = TaskFile::read(&task.to_toml().unwrap(), "x").unwrap();
    task.reward[0].value = "progress(body:bose).x".into();
    // The value is not what stands in the file that was read: the whole value is meant.
    let mistake = Terms::compile(&task, &robot()).unwrap_err();
    assert_eq!(mistake.line, 41, "{mistake}");
    assert!(mistake.message.contains("did you mean `base`?"), "{mistake}");
    assert_eq!(again.reward[0].value, "progress(body:base).x");
}

/// What `text` extends is `below`.
fn extend(text: &str, below: &str) -> Result<TaskFile, Mistake> {
    TaskFile::read_with(text, "above.toml", |_, _| Ok(("below.toml".into(), below.into())))
}

#[test]
fn what_extends_changes_what_it_says_and_nothing_else() {
    let text = r#"
extends = "below.toml"
[robot]
frame_skip = 2
[reset]
noise = { root = 0.1 }
[[reward]]
name = "effort"
weight = -1.0
[[reward]]
name = "still"
weight = 1.0
value = "1"
[[terminate]]
name = "late"
when = "time > 3"
[vary.floor]
select = "geom:foot"
quantity = "friction.slide"
op = "set"
range = [0.4, 1.6]
[vary.payload]
range = [0.1, 9.0]
"#;
    let below = TaskFile::read(FILE, "below.toml").unwrap();
    let task = extend(text, FILE).unwrap_or_else(|mistake| panic!("{mistake}"));
    assert_eq!((task.robot.control_dt, task.robot.frame_skip), (None, Some(2)));
    assert_eq!((task.robot.episode_steps, task.name.as_str()), (500, "walk"));
    assert_eq!(task.reset.keyframe.as_deref(), Some("home"));
    assert!(task.reset.noise.joint.is_none() && task.reset.noise.root == Spread::Uniform(0.1));
    let rewards: Vec<(&str, f64)> =
        task.reward.iter().map(|term| (term.name.as_str(), term.weight)).collect();
    assert_eq!(rewards, [("forward", 1.0), ("effort", -1.0), ("upright", 0.5), ("still", 1.0)]);
    assert_eq!(task.reward[1].value, "sum(sq(action))");
    assert_eq!(task.terminate.len(), 2);
    let varied: Vec<&str> = task.vary.iter().map(|varied| varied.name.as_str()).collect();
    assert_eq!(
        varied,
        ["motor", "floor", "payload"],
        "what is written again stands where it is written last"
    );
    let payload = &task.vary[2].table;
    assert_eq!((payload.range, payload.quantity.as_str()), ([0.1, 9.0], "mass"));
    assert_eq!(task.observe, below.observe);
    assert_eq!(task.model_named_in(), Some("below.toml"));
    // A mistake is blamed on the file that it is in.
    let mistake = extend(text, &FILE.replace("0.18", "0.18 +")).map(|task| Terms::compile(&task, &robot()));
    assert_eq!(mistake.unwrap().unwrap_err().file, "below.toml");
    let mistake = extend(&text.replace("time > 3", "time"), FILE).map(|task| Terms::compile(&task, &robot()));
    let mistake = mistake.unwrap().unwrap_err();
    assert_eq!((mistake.file.as_str(), mistake.line), ("above.toml", 16));
    // A list without names is replaced.
    let task = extend("extends = \"b\"\n[[observe]]\nvalue = \"qpos\"\n", FILE).unwrap();
    assert_eq!(task.observe.len(), 1);
}

#[test]
fn files_that_extend_each_other_in_a_circle_are_refused() {
    let text = "extends = \"other.toml\"\n";
    let mistake =
        TaskFile::read_with(text, "one.toml", |_, _| Ok(("one.toml".into(), text.into()))).unwrap_err();
    assert!(mistake.message.contains("extend each other"), "{mistake}");
}

#[test]
fn a_word_says_what_varies() {
    let read = |word: &str| Varied::ad_hoc(word).unwrap_or_else(|error| panic!("{error}"));
    let cases = [
        ("mass@body:base=scale:0.7..1.5", "mass_base", "body:base", Operation::Scale, [0.7, 1.5]),
        ("mass@body:base=0.7..1.5", "mass_base", "body:base", Operation::Scale, [0.7, 1.5]),
        ("late:delay@actuator:*=set:0..0.03", "late", "actuator:*", Operation::Set, [0.0, 0.03]),
        (
            "friction.slide@geom@FL_*[collision]=set:.4..1.6",
            "friction_slide_FL_collision",
            "geom@FL_*[collision]",
            Operation::Set,
            [0.4, 1.6],
        ),
        ("com.x@body:base=add:-0.05..0.05", "com_x_base", "body:base", Operation::Add, [-0.05, 0.05]),
        ("gravity.z@option=0.9..1.1", "gravity_z_option", "option", Operation::Scale, [0.9, 1.1]),
    ];
    for (word, name, select, op, range) in cases {
        assert!(Varied::is_ad_hoc(word));
        let Varied { name: own, table } = read(word);
        assert_eq!((own.as_str(), table.select.as_str(), table.op, table.range), (name, select, op, range));
        assert!(word.contains(&table.quantity));
    }
    assert!(!Varied::is_ad_hoc("payload") && !Varied::is_ad_hoc("foot_*"));
    for (word, hint) in [
        ("mass@body:base", "expected [NAME:]"),
        ("mass=0.7..1.5", "expected [NAME:]"),
        ("mas@body:base=1..2", "did you mean `mass`"),
        ("mass@bdy:base=1..2", "did you mean `body`"),
        ("mass@body:base=ad:1..2", "did you mean `add`"),
        ("mass@body:base=1...2", "expected a range"),
        ("mass@body:base=1..inf", "expected a range"),
        ("a b:mass@body:base=1..2", "a name has letters"),
    ] {
        let error = Varied::ad_hoc(word).unwrap_err();
        assert!(error.contains(hint) && error.contains(word), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_mutated_file_is_accepted_or_refused_within_its_text(seed: u64, changes in 1_usize..6) {
        let mut stream = StreamKey::new(seed, Purpose::Test).stream();
        let mut characters: Vec<char> = FILE.chars().collect();
        for _ in 0..changes {
            let at = stream.below(characters.len());
            let alphabet: Vec<char> = "()[]{}:,.+-*=\"' \n#é0e_@".chars().collect();
            match stream.below(6) {
                0 => drop(characters.remove(at)),
                1 => characters[at] = alphabet[stream.below(alphabet.len())],
                2 => characters.insert(at, alphabet[stream.below(alphabet.len())]),
                3 => characters.swap(at, stream.below(FILE.len() / 2)),
                4 => {
                    // A line twice.
                    let end = characters[at..].iter().position(|c| *c == '\n').map_or(characters.len(), |n| at + n);
                    let line: Vec<char> = characters[at..end].to_vec();
                    characters.splice(end..end, line);
                }
                // A line less.
                _ => {
                    let end = characters[at..].iter().position(|c| *c == '\n').map_or(characters.len(), |n| at + n);
                    characters.drain(at..end);
                }
            }
        }
        let text: String = characters.into_iter().collect();
        if let Err(mistake) = compile(&text) {
            let lines: Vec<&str> = text.split('\n').collect();
            prop_assert!((1..=lines.len()).contains(&mistake.line), "{mistake}");
            let line = lines[mistake.line - 1].trim_end_matches('\r');
            prop_assert!((1..=line.chars().count() + 1).contains(&mistake.column), "{mistake}");
            prop_assert!(!mistake.message.is_empty());
            let start = format!("walk.toml:{}:{}: ", mistake.line, mistake.column);
            prop_assert!(mistake.to_string().starts_with(&start), "{}", mistake);
        }
    }
}
