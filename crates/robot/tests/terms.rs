//! Terms: rewards, ends and observations of many lanes, and where episodes start.

mod leg;

use leg::robot;
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_robot::{Body, Input, Inventory, Joint, JointKind, Site, Start, TaskFile, Terms, Work};

const HEAD: &str = "[robot]\nmjcf = \"robot.xml\"\nframe_skip = 4\n";

fn stream(seed: u64) -> Stream {
    StreamKey::new(seed, Purpose::Test).stream()
}

fn task(text: &str) -> TaskFile {
    TaskFile::read(&format!("{HEAD}{text}"), "task.toml").unwrap_or_else(|mistake| panic!("{mistake}"))
}

fn terms(text: &str) -> Terms {
    Terms::compile(&task(text), &robot()).unwrap_or_else(|mistake| panic!("{mistake}"))
}

/// Evaluates lanes whose inputs a function gives.
fn evaluated(terms: &Terms, lanes: usize, value: impl Fn(Input, usize) -> f64) -> Work {
    let mut work = terms.work(lanes);
    let inputs = terms.inputs().to_vec();
    for (row, input) in work.inputs_mut().chunks_exact_mut(lanes).zip(inputs) {
        row.iter_mut().enumerate().for_each(|(lane, number)| *number = value(input, lane));
    }
    terms.evaluate(&mut work);
    work
}

#[test]
fn a_reward_is_the_sum_of_weighted_shaped_terms_in_the_order_of_the_file() {
    let terms = terms(
        r#"
[[observe]]
value = "qpos[0]"
[[reward]]
name = "plain"
weight = 0.3
value = "qvel[0]"
[[reward]]
name = "dropped"
weight = 0.0
value = "time"
[[reward]]
name = "second"
weight = 0.7
per = "second"
value = "qvel[1]"
[[reward]]
name = "gaussian"
weight = 2.0
value = "qvel[2]"
shape = { gaussian = 0.5 }
[[reward]]
name = "exponential"
weight = 1.5
value = "qvel[2]"
shape = { exponential = 0.5 }
[[reward]]
name = "ramp"
weight = -1.0
value = "qvel[3]"
shape = { ramp = [2.0, 1.0] }
[[reward]]
name = "clip"
weight = 1.0
value = "qvel[3]"
shape = { clip = 0.5 }
[[reward]]
name = "alive"
weight = 1.0
value = "not terminated"
[[terminate]]
name = "low"
when = "qpos[2] < 0"
[[terminate]]
name = "tipped"
when = "qpos[3] < 0"
"#,
    );
    assert_eq!(terms.reward_names(), ["plain", "second", "gaussian", "exponential", "ramp", "clip", "alive"]);
    assert!(!terms.inputs().contains(&Input::Time), "what has no weight is not asked for");
    let lanes = 5;
    let value = |input: Input, lane: usize| match input {
        Input::Position(i) => ((i * 7 + lane * 3) as f64).sin(),
        Input::Velocity(i) => 1.7 * ((i * 5 + lane) as f64).cos(),
        _ => panic!("{input:?} is not asked for"),
    };
    let work = evaluated(&terms, lanes, value);
    for lane in 0..lanes {
        let v = |i| value(Input::Velocity(i), lane);
        let q = |i| value(Input::Position(i), lane);
        let ended = [q(2) < 0.0, q(3) < 0.0];
        let right = [
            0.3 * v(0),
            0.7 * (0.005 * 4.0) * v(1),
            2.0 * (-0.5 * (v(2) / 0.5) * (v(2) / 0.5)).exp(),
            1.5 * (-v(2).abs() / 0.5).exp(),
            -(2.0 - v(3)).clamp(0.0, 1.0),
            v(3).clamp(-0.5, 0.5),
            f64::from(u8::from(!(ended[0] || ended[1]))),
        ];
        for (i, right) in right.into_iter().enumerate() {
            let got = terms.reward_term(&work, i, lane);
            assert!(
                (got - right).abs() <= 1e-15 * right.abs(),
                "{}: {got}, not {right}",
                terms.reward_names()[i]
            );
        }
        let sum = (0..7).fold(0.0, |sum, i| sum + terms.reward_term(&work, i, lane));
        assert_eq!(terms.reward(&work, lane).to_bits(), sum.to_bits());
        assert_eq!([0, 1].map(|end| terms.ended(&work, end, lane)), ended);
        assert_eq!(terms.terminated(&work, lane), ended[0] || ended[1]);
        assert_eq!(terms.fault(&work, lane), None);
    }
    let lanes_that_end = (0..lanes).filter(|lane| terms.terminated(&work, *lane)).count();
    assert!((1..lanes).contains(&lanes_that_end), "both cases occur");
}

#[test]
fn what_is_not_finite_is_blamed_on_its_term_and_lane() {
    let terms = terms(
        r#"
[[observe]]
value = "qpos[0:2]"
[[observe]]
value = "log(qpos[2])"
[[reward]]
name = "root"
weight = 1.0
value = "sqrt(qpos[3])"
[[reward]]
name = "large"
weight = 1e300
value = "qpos[4]"
[[reward]]
name = "larger"
weight = 1e300
value = "qpos[4]"
"#,
    );
    let bad = |i: usize, to: f64| {
        let value = move |input: Input, lane: usize| match input {
            Input::Position(at) if at == i && lane == 1 => to,
            _ => 0.5,
        };
        // Without, with one and with several blocks of lanes.
        let said = [3, 8, 16].map(|lanes| {
            let work = evaluated(&terms, lanes, value);
            assert!((0..lanes).all(|lane| lane == 1 || terms.fault(&work, lane).is_none()));
            terms.fault(&work, 1).map(|fault| fault.to_string()).unwrap_or_default()
        });
        assert_eq!(said[0], said[1]);
        assert_eq!(said[0], said[2]);
        said.into_iter().next().unwrap_or_default()
    };
    assert_eq!(bad(1, f64::NAN), "observation term `qpos[0:2]` is NaN");
    assert_eq!(bad(2, 0.0), "observation term `log(qpos[2])` is -inf");
    assert_eq!(bad(3, -1.0), "reward term `root` is NaN");
    assert_eq!(bad(4, 1e8), "reward term `sum` is inf");
    assert_eq!(bad(4, 1e9), "reward term `large` is inf");
}

/// The observation of lane 1 of 2 at each step, where inputs are `value(step)`.
fn seen(terms: &Terms, steps: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut memory = vec![f64::NAN; terms.memory_len()];
    terms.begin(&mut memory, Some(&mut stream(seed)));
    let observe = |step| {
        let work = evaluated(terms, 2, |input, lane| match input {
            Input::Position(i) => (10 * step + i) as f64 * lane as f64,
            _ => 0.0,
        });
        terms.remember(&work, 1, terms.noise(), &mut memory);
        let mut out = vec![f64::NAN; terms.obs_dim()];
        terms.observe(&memory, &mut out);
        out
    };
    (0..steps).map(observe).collect()
}

#[test]
fn an_observation_is_scaled_clipped_late_and_remembered() {
    let terms = terms(
        r#"
[[observe]]
value = "qpos[:2]"
delay = 0.04
history = 2
[[observe]]
value = "qpos[2]"
scale = -0.5
clip = [-10, 5]
[[observe]]
value = "qpos[1]"
"#,
    );
    assert_eq!((terms.obs_dim(), terms.timing().seconds), (6, 0.02));
    let right = [
        [0.0, 1.0, 0.0, 1.0, -1.0, 1.0],
        [0.0, 1.0, 0.0, 1.0, -6.0, 11.0],
        [0.0, 1.0, 0.0, 1.0, -10.0, 21.0],
        [10.0, 11.0, 0.0, 1.0, -10.0, 31.0],
        [20.0, 21.0, 10.0, 11.0, -10.0, 41.0],
    ];
    assert_eq!(seen(&terms, 5, 1), right);
}

#[test]
fn noise_is_keyed_by_the_episode_and_survives_a_snapshot() {
    let text = |noise: &str| {
        format!("[[observe]]\nvalue = \"qpos\"\nnoise = {noise}\n[[observe]]\nvalue = \"qpos\"\n")
    };
    for (noise, mean_square) in [("0.3", 0.03), ("{ normal = 0.3 }", 0.09)] {
        let terms = terms(&text(noise));
        let noise_of = |seed| -> Vec<f64> {
            let seen = seen(&terms, 200, seed);
            seen.iter().flat_map(|seen| (0..14).map(|i| seen[i] - seen[14 + i])).collect()
        };
        let (once, again, other) = (noise_of(1), noise_of(1), noise_of(2));
        assert!(once == again && once != other);
        let n = once.len() as f64;
        let square = once.iter().map(|x| x * x).sum::<f64>() / n;
        // Six standard errors: the fourth moment is at most three times the square of the second.
        assert!((square - mean_square).abs() < 6.0 * mean_square * (2.0 / n).sqrt(), "{noise}: {square}");
        let mean = once.iter().sum::<f64>() / n;
        assert!(mean.abs() < 6.0 * (mean_square / n).sqrt(), "{noise}: {mean}");
        let lagged = once.windows(15).map(|pair| pair[0] * pair[14]).sum::<f64>() / n;
        assert!(lagged.abs() < 6.0 * mean_square / n.sqrt(), "steps are independent");
        // A copy of the memory goes on as the lane itself does.
        let work = evaluated(&terms, 1, |_, _| 0.0);
        let mut memory = vec![0.0; terms.memory_len()];
        terms.begin(&mut memory, Some(&mut stream(3)));
        terms.remember(&work, 0, terms.noise(), &mut memory);
        let mut copy = memory.clone();
        terms.remember(&work, 0, terms.noise(), &mut memory);
        terms.remember(&work, 0, terms.noise(), &mut copy);
        assert_eq!(memory, copy);
        assert!(memory.iter().all(|number| number.is_finite()));
    }
    // Without noise nothing is drawn.
    let (mut used, fresh) = (stream(4), stream(4));
    let silent = terms(&text("0.0"));
    silent.begin(&mut vec![0.0; silent.memory_len()], Some(&mut used));
    assert_eq!(used.position(), fresh.position());
}

#[test]
fn episodes_start_where_the_task_says() {
    let text = r#"
[reset]
keyframe = "home"
noise = { joint = 0.05, root = { normal = 0.1 }, velocity = 0.2 }
[[reset.draw]]
select = "joint:rail"
position = [2.0, 3.0]
velocity = [4.0, 5.0]
[[reset.draw]]
select = "joint:hip"
velocity = [1.0, 1.0]
[[observe]]
value = "qpos"
"#;
    let inventory = robot();
    let start = Start::compile(&task(text), &inventory).unwrap();
    let home = &inventory.keyframes[0].positions;
    let mut random = stream(5);
    let (mut q, mut v) = (vec![0.0; 14], vec![0.0; 12]);
    let mut furthest = [0.0_f64; 3];
    for _ in 0..500 {
        start.draw(&mut random, &mut q, &mut v);
        for at in [3, 9] {
            let norm = q[at..at + 4].iter().map(|x| x * x).sum::<f64>();
            assert!((norm - 1.0).abs() < 1e-12, "a quaternion stays unit");
        }
        assert!([7, 8].iter().all(|i| (q[*i] - home[*i]).abs() <= 0.05));
        assert!((2.0..3.0).contains(&q[13]) && (4.0..5.0).contains(&v[11]) && v[6] == 1.0);
        assert!((0..11).all(|i| i == 6 || v[i].abs() <= 0.2));
        furthest = [
            furthest[0].max((q[8] - home[8]).abs()),
            furthest[1].max((q[0]).abs()),
            furthest[2].max(v[0].abs()),
        ];
    }
    assert!(furthest[0] > 0.045 && furthest[1] > 0.2 && furthest[2] > 0.19, "{furthest:?}");
    let mut again = (vec![0.0; 14], vec![0.0; 12]);
    start.draw(&mut stream(6), &mut q, &mut v);
    start.draw(&mut stream(6), &mut again.0, &mut again.1);
    assert_eq!((&q, &v), (&again.0, &again.1));
    // Without noise, the keyframe to the bit.
    let plain = task("[reset]\nkeyframe = \"home\"\n[[observe]]\nvalue = \"qpos\"\n");
    Start::compile(&plain, &inventory).unwrap().draw(&mut stream(7), &mut q, &mut v);
    assert_eq!(&q, home);
    let reference = task("[[observe]]\nvalue = \"qpos\"\n");
    Start::compile(&reference, &inventory).unwrap().draw(&mut stream(8), &mut q, &mut v);
    assert_eq!(q, inventory.reference);
}

#[test]
fn a_norm_is_kept_or_refused() {
    let text = |low: &str, high: &str| {
        task(&format!(
            "[[reset.draw]]\nselect = \"joint:rail\"\nposition = [-1.0, 1.0]\nnorm = [{low}, {high}]\n\
             [[observe]]\nvalue = \"qpos\"\n"
        ))
    };
    let start = Start::compile(&text("0.4", "0.5"), &robot()).unwrap();
    let (mut q, mut v) = (vec![0.0; 14], vec![0.0; 12]);
    for seed in 0..200 {
        start.draw(&mut stream(seed), &mut q, &mut v);
        assert!((0.4..=0.5).contains(&q[13].abs()), "{}", q[13]);
    }
    let mistake = Start::compile(&text("1.5", "inf"), &robot()).unwrap_err();
    assert!(mistake.message.contains("one in a hundred"), "{mistake}");
}

/// A model with what a Gymnasium task names, in its sizes.
fn model(bodies: &[&str], joints: &[(&str, JointKind)], actuators: usize) -> Inventory {
    let mut inventory = Inventory { timestep: 0.01, gravity: [0.0, 0.0, -9.81], ..Inventory::default() };
    let body = |name: &&str| Body { name: (*name).into(), ..Body::default() };
    inventory.bodies = ["world"].iter().chain(bodies).map(body).collect();
    for (name, kind) in joints {
        let (positions, velocities) = if *kind == JointKind::Free { (7, 6) } else { (1, 1) };
        inventory.joints.push(Joint {
            name: (*name).into(),
            body: 1,
            kind: *kind,
            position: inventory.reference.len(),
            velocity: inventory.velocities,
            ..Joint::default()
        });
        inventory.reference.extend(vec![0.0; positions]);
        inventory.velocities += velocities;
    }
    inventory.sites = vec![Site { name: "tip".into(), body: 1, ..Site::default() }];
    inventory.actuators = vec![Default::default(); actuators];
    inventory
}

#[test]
fn the_tasks_of_gymnasium_have_its_sizes_and_rewards() {
    use JointKind::{Free, Hinge, Slide};
    let hinges = |count: usize| vec![("h", Hinge); count];
    let with = |first: &[(&'static str, JointKind)], rest: usize| [first.to_vec(), hinges(rest)].concat();
    let torso: Vec<&str> = ["torso"].into_iter().chain(vec!["b"; 12]).collect();
    let arm = ["tips_arm", "object", "goal"];
    let slides =
        [("obj_slidey", Slide), ("obj_slidex", Slide), ("goal_slidey", Slide), ("goal_slidex", Slide)];
    let pusher = [hinges(7), slides.to_vec()].concat();
    let reacher = [hinges(2), vec![("target_x", Slide), ("target_y", Slide)]].concat();
    let swimmer = [vec![("slider1", Slide), ("slider2", Slide)], hinges(3)].concat();
    // Observations as in Gymnasium 1.4, and the reward of a state in which every input is ½.
    let contact = |bodies: f64| bodies * 6.0 * 0.25;
    let root = 0.75_f64.sqrt();
    for (name, model, obs_dim, reward) in [
        ("ant", model(&torso, &with(&[("root", Free)], 8), 8), 105, 0.5 + 1.0 - 1.0 - 5e-4 * contact(13.0)),
        (
            "humanoid",
            model(&torso, &with(&[("root", Free)], 17), 17),
            348,
            0.625 - 0.1 * 4.25 - 5e-7 * contact(13.0),
        ),
        (
            "humanoid-standup",
            model(&torso, &with(&[("root", Free)], 17), 17),
            348,
            1.0 - 0.1 * 4.25 + 50.0 - 5e-7 * contact(13.0),
        ),
        ("swimmer", model(&["torso"], &swimmer, 2), 8, 0.5 - 1e-4 * 0.5),
        ("reacher", model(&["fingertip", "target"], &reacher, 2), 10, -0.5),
        ("pusher", model(&arm, &pusher, 7), 23, -0.1 * 1.75),
        (
            "inverted-double-pendulum",
            model(&["cart"], &with(&[("slider", Slide)], 2), 1),
            9,
            -(0.01 * 0.25 + 2.25) - (0.001 + 0.005) * 0.25,
        ),
    ] {
        let task = TaskFile::built_in(name).unwrap().unwrap();
        Start::compile(&task, &model).unwrap_or_else(|mistake| panic!("{mistake}"));
        let terms = Terms::compile(&task, &model).unwrap_or_else(|mistake| panic!("{mistake}"));
        assert_eq!(terms.obs_dim(), obs_dim, "{name}");
        let work = evaluated(&terms, 2, |_, _| 0.5);
        assert!((terms.reward(&work, 1) - reward).abs() < 1e-12, "{name}: {}", terms.reward(&work, 1));
    }
    // Distances of places that differ.
    let reacher = Terms::compile(
        &TaskFile::built_in("reacher").unwrap().unwrap(),
        &model(&["fingertip", "target"], &reacher, 2),
    )
    .unwrap();
    let work = evaluated(&reacher, 1, |input, _| match input {
        Input::BodyPosition { body: 1, .. } => 0.5,
        _ => 0.0,
    });
    assert!((reacher.reward(&work, 0) + root).abs() < 1e-12);
}
