//! A robot of one's own, from its MJCF to a table: `examples/robot`, as the guide does it.
#![cfg(feature = "mujoco")]

mod common;

use common::Folder;

const SHORT: &str = "--steps 2000 --set ppo.horizon=64 --set ppo.minibatches=4 --set ball.pairs.count=60 \
                     --set ball.pairs.pool=120 --set adversary.every=1000 --set adversary.phase_one.surrogate.budget=16 --quiet";

/// A folder with the example in it.
fn folder() -> Folder {
    let folder = Folder::new();
    for name in ["dog.xml", "walk.toml"] {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/robot");
        std::fs::copy(format!("{example}/{name}"), folder.path(name)).unwrap();
    }
    folder
}

#[test]
fn what_a_model_consists_of_is_listed_and_a_task_is_checked() {
    let folder = folder();
    let listed = folder.done("inspect dog.xml");
    for selector in
        ["body:trunk", "joint:front_left_hip", "geom:front_left_foot", "actuator@joint:hind_right_knee[0]"]
    {
        assert!(listed.contains(selector), "{selector}: {listed}");
    }
    let checked = folder.done("check walk.toml");
    assert!(checked.contains("physics: lanes") && checked.contains("every parameter changes"), "{checked}");
    assert!(checked.contains("geom:front_left_foot"), "what a selector means: {checked}");
    // A parameter that is not felt: nothing touches the ceiling.
    let idle = folder.read("dog.xml").replace(
        "<geom name=\"floor\"",
        "<geom name=\"lid\" type=\"sphere\" size=\"0.1\" priority=\"1\" pos=\"0 0 9\"/><geom name=\"floor\"",
    );
    folder.write("dog.xml", &idle);
    let idle = folder.read("walk.toml").replace("select = \"geom:*_foot\"", "select = \"geom:lid\"");
    folder.write("walk.toml", &idle);
    let ran = folder.run("check walk.toml");
    assert!(ran.code == 2 && ran.err.contains("foot_friction"), "{ran:?}");
}

#[test]
fn it_is_trained_on_evaluated_and_taken_along() {
    let folder = folder();
    folder.done(&format!("train walk.toml {SHORT} -o run"));
    let plan = folder.read("run/plan.toml");
    assert!(plan.contains("physics = \"lanes\"") && plan.contains("half_width = 0.3"), "{plan}");
    std::fs::remove_file(folder.path("dog.xml")).unwrap();
    std::fs::rename(folder.path("run"), folder.path("moved")).unwrap();
    assert!(folder.done("resume moved").contains("it is finished"));
    folder.done("evaluate moved --sweep payload=0.6:2:3 --episodes 2");
    folder.done("evaluate moved --random 4 --vary payload,motor --half-width 0.2 --episodes 2");
    folder.done("evaluate moved --worst-case --within ball --budget 16 --episodes 2");
    let table = folder.read("moved/results/sweep-payload.csv");
    assert!(table.lines().skip(1).all(|row| row.starts_with("dog-walk,lanes,")), "{table}");
    folder.done("evaluate moved --physics mujoco --sweep payload=1,2 --episodes 1 -o other");
    let other = folder.read("other/sweep-payload.csv");
    assert!(other.lines().skip(1).all(|row| row.starts_with("dog-walk,mujoco,")), "{other}");
    folder.done("report moved -o report.html");
    let page = folder.read("report.html");
    assert!(page.contains(r#""skeleton":null,"solid":{"bodies":[""#), "the replay is in three dimensions");
    folder
        .done("video moved --seconds 0.4 --fps 10 --width 160 --phi reference --phi payload=1.5 -o walk.gif");
    let video = std::fs::read(folder.path("walk.gif")).unwrap();
    // Two panels of 160 pixels and what is between them.
    assert_eq!((&video[..6], video[6] as usize + 256 * video[7] as usize), (&b"GIF89a"[..], 324));
    folder.done("simulate moved/task/task.toml --phi payload=1.5 --steps 20 -o t.csv");
    folder.done(&format!("train --plan moved/plan.toml {SHORT} --threads 3 -o again"));
    let policy = |run: &str| std::fs::read(folder.path(run).join("policy.safetensors")).unwrap();
    assert!(policy("again") == policy("moved"), "the same bytes, by any number of threads");
}

#[test]
fn mistakes_have_a_place_and_a_hint() {
    let folder = folder();
    let task = folder.read("walk.toml");
    let refused = |from: &str, to: &str, words: &[&str]| {
        assert!(task.contains(from), "{from}");
        folder.write("bad.toml", &task.replace(from, to));
        for command in ["check bad.toml", "train bad.toml --steps 1000 -o run"] {
            let ran = folder.run(command);
            assert_eq!(ran.code, 2, "{command}: {}", ran.err);
            for word in words {
                assert!(ran.err.contains(word), "{command}: no `{word}` in {}", ran.err);
            }
        }
    };
    refused("body:trunk\"\nquantity = \"mass\"", "body:trnk\"\nquantity = \"mass\"", &["bad.toml:", "trunk"]);
    refused("tilt(body:trunk) > 1.0", "tit(body:trunk) > 1.0", &["bad.toml:", "tilt"]);
    refused("quantity = \"gain\"", "quantity = \"gian\"", &["bad.toml:", "gain"]);
    refused("dog.xml", "cat.xml", &["cat.xml"]);
    refused("control_dt = 0.02", "control_dt = 0.021", &["bad.toml:", "0.004"]);
}

#[test]
fn a_word_of_the_command_line_varies_what_the_file_does_not_name() {
    let folder = folder();
    folder.done(&format!("train walk.toml {SHORT} --vary payload,late:delay@actuator:*=set:0..0.03 -o run"));
    let plan = folder.read("run/plan.toml");
    assert!(plan.contains("\"payload\"") && plan.contains("\"late\""), "{plan}");
    let log = folder.read("run/metrics.csv");
    let columns: Vec<&str> = log.lines().next().unwrap().split(',').collect();
    assert!(columns.ends_with(&["reward/forward", "reward/upright", "reward/effort"]), "{columns:?}");
    assert!(columns.contains(&"z_late"));
    for row in log.lines().skip(1) {
        let terms: Vec<f64> = row.split(',').rev().take(3).map(|cell| cell.parse().unwrap()).collect();
        assert!(terms.iter().all(|term| term.is_finite()) && terms[0] <= 0.0, "{row}");
    }
    folder.done("resume run");
    folder.done("evaluate run --random 3 --episodes 1 --vary mass@body:*_shank=0.5..2");
    let table = folder.read("run/results/random-3-range-mass_shank.csv");
    assert!(table.lines().next().unwrap().contains("mass_shank"), "{table}");
    folder.done("evaluate run --random 3 --episodes 1 --vary late");
    for (word, hint) in [
        ("mas@body:trunk=0.5..2", "did you mean `mass`"),
        ("mass@body:trnk=0.5..2", "did you mean `trunk`"),
        ("mass@body:trunk=0.5", "expected a range"),
        ("mass@body:trunk=sale:0.5..2", "did you mean `scale`"),
        ("mass@body:trunk=1.5..2", "has to contain"),
        ("mass@=1..2", "expected"),
        ("payload:mass@body:front_left=0.5..2", "there is a parameter `payload`"),
    ] {
        for command in ["train walk.toml -o other", "ball walk.toml", "evaluate run --random 2"] {
            let ran = folder.run(&format!("{command} --vary {word}"));
            assert!(ran.code == 2 && ran.err.contains(hint), "{command} --vary {word}: {}", ran.err);
        }
    }
    let ran = folder.run("train hopper -o other --vary mass@body:torso=0.5..2");
    assert!(ran.code == 2 && ran.err.contains("robots of one's own"), "{}", ran.err);
}

#[test]
fn a_check_shows_what_is_paid_and_doubts_what_is_odd() {
    let folder = folder();
    let checked = folder.done("check walk.toml");
    for words in ["effort", "mean", "idle", "wr2l train walk.toml: wr2l-population for"] {
        assert!(checked.contains(words), "{words}: {checked}");
    }
    let odd = folder.read("walk.toml")
        + "\n[[reward]]\nname = \"gift\"\nweight = 1.0\nvalue = \"where(height(body:trunk) > 9, 1, 0)\"\n";
    folder.write("odd.toml", &odd);
    let ran = folder.run("check odd.toml");
    assert!(ran.err.contains("`gift` was 0 in every step"), "{}", ran.err);
    let broken = folder.read("walk.toml")
        + "\n[[reward]]\nname = \"root\"\nweight = 1.0\nvalue = \"log(height(body:trunk) - 9)\"\n";
    folder.write("broken.toml", &broken);
    let ran = folder.run("check broken.toml");
    assert!(ran.err.contains("reward term `root` is NaN"), "{}", ran.err);
    let ran = folder.run("simulate broken.toml --steps 5 -o t.csv");
    assert!(ran.err.contains("reward term `root` is NaN"), "{}", ran.err);
}
