//! A task from a file goes the whole way: train, resume, evaluate, report, in any folder.

mod common;

use common::Folder;

const SHORT: &str = "--algorithm ppo-uniform --steps 1000 --set ppo.horizon=64 --set ppo.minibatches=4 \
                     --set ball.pairs.count=50 --set ball.pairs.pool=100";

/// The cart-pole on a rail of its own length, in a folder with its file in `tasks/`.
fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("tasks")).unwrap();
    let own =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tasks/cartpole.toml")).unwrap();
    let own = own.replace("name = \"cartpole\"", "name = \"long-rail\"").replace("2.4", "4.8");
    assert!(own.contains("long-rail") && own.contains("4.8"));
    folder.write("tasks/own.toml", &own);
    folder
}

#[test]
fn a_run_keeps_its_task_and_needs_nothing_else() {
    let folder = folder();
    let out = folder.done(&format!("train tasks/own.toml {SHORT} -o run"));
    assert!(out.contains("on long-rail (classic)"), "{out}");
    assert!(folder.read("run/plan.toml").contains("task = \"task/task.toml\""));
    std::fs::remove_dir_all(folder.path("tasks")).unwrap();
    std::fs::create_dir(folder.path("elsewhere")).unwrap();
    std::fs::rename(folder.path("run"), folder.path("elsewhere/run")).unwrap();
    let run = "elsewhere/run";
    assert!(folder.done(&format!("resume {run}")).contains("it is finished"));
    folder.done(&format!("evaluate {run} --sweep pole_half_length=0.5,1 --episodes 2 -o tables"));
    let table = folder.read("tables/sweep-pole_half_length.csv");
    assert!(table.lines().skip(1).all(|line| line.starts_with("long-rail,classic,")), "{table}");
    let checkpoints = std::fs::read_dir(folder.path(run).join("checkpoints")).unwrap();
    let newest = checkpoints.map(|entry| entry.unwrap().file_name()).max().unwrap();
    for file in [format!("{run}/policy.safetensors"), format!("{run}/checkpoints/{}", newest.display())] {
        folder
            .done(&format!("evaluate {file} --sweep pole_half_length=0.5,1 --episodes 2 -o tables --force"));
        let other = folder.read("tables/sweep-pole_half_length.csv");
        let returns = |table: &str| {
            table.lines().map(|row| row.rsplit(',').nth(7).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(returns(&table), returns(&other), "{file}");
    }
    folder.done(&format!("report {run} -o report.html"));
    assert!(folder.read("report.html").contains("long-rail"));
    // The kept plan is a whole one.
    folder.done(&format!("train --plan {run}/plan.toml -o again"));
    let policy = |run: &str| std::fs::read(folder.path(run).join("policy.safetensors")).unwrap();
    assert!(policy("again") == policy(run), "the same bytes");
}

#[test]
fn a_task_that_changed_is_no_longer_that_of_the_run() {
    let folder = folder();
    folder.done(&format!("train tasks/own.toml {SHORT} -o run"));
    // The file it came from may change: the run has its own.
    folder.write("tasks/own.toml", "nonsense");
    folder.done("evaluate run --sweep pole_half_length=0.5,1 --episodes 2");
    let kept = folder.read("run/task/task.toml");
    folder.write("run/task/task.toml", &kept.replace("4.8", "4.9"));
    for command in [
        "resume run",
        "evaluate run --sweep gravity=9,10 --episodes 2",
        "evaluate run/policy.safetensors -o t",
    ] {
        let ran = folder.run(command);
        assert_ne!(ran.code, 0, "{command}");
        assert!(
            ran.err.contains("is not what it was") || ran.err.contains("is not the task"),
            "{command}: {}",
            ran.err
        );
    }
}

#[test]
fn other_commands_take_a_file_as_they_take_a_name() {
    let folder = folder();
    assert!(folder.done("tasks tasks/own.toml").contains("pole_half_length"));
    folder.done("simulate tasks/own.toml --steps 3 -o t.csv");
    folder.done("ball tasks/own.toml --set ball.pairs.count=50 --set ball.pairs.pool=100");
    folder.write("tasks/plan.toml", "task = \"own.toml\"\nsteps = 500\nalgorithm = \"ppo\"\n");
    let out = folder.done("train --plan tasks/plan.toml --no-report -o run");
    assert!(out.contains("on long-rail"), "its path is from the plan's own folder: {out}");
}

#[test]
fn mistakes_in_a_task_file_are_told_with_their_place() {
    let folder = folder();
    let good = folder.read("tasks/own.toml");
    let refused = |text: &str| {
        folder.write("tasks/bad.toml", text);
        let ran = folder.run("train tasks/bad.toml --algorithm ppo --steps 500 -o run");
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(!folder.path("run").exists());
        ran.err
    };
    assert!(folder.run("train tasks/none.toml").err.contains("tasks/none.toml"));
    assert!(refused(&good.replace("[reset]", "[rest]")).contains("rest"));
    assert!(refused(&good.replace("long-rail", "cartpole")).contains("name of another task"));
    assert!(refused(&good.replace("long-rail", "../up")).contains("cannot be called"));
    let deep = format!("a{} = 1\n", ".a".repeat(1000));
    assert!(refused(&deep).contains("too deep"));
}

#[test]
fn noise_of_the_dynamics_is_a_key_of_the_task_and_distances_are_by_samples() {
    let folder = folder();
    let own = std::fs::read_to_string(folder.path("tasks/own.toml")).unwrap();
    let noisy = own.replace("[robot]\n", "[robot]\nvelocity_noise = [0.02]\n");
    folder.write("tasks/noisy.toml", &noisy);
    let ball = "--set ball.pairs.samples=8 --set ball.transport=empirical";
    folder.done(&format!("train tasks/noisy.toml {SHORT} {ball} --no-report -o run"));
    assert!(folder.read("run/task/task.toml").contains("velocity_noise"));
    folder.done("evaluate run --sweep pole_half_length=0.5,1 --episodes 2 -o tables");
    let wrong = noisy.replace("[0.02]", "[0.02, 0.01, 0.0]");
    folder.write("tasks/wrong.toml", &wrong);
    folder.refused("train tasks/wrong.toml", 2, &["velocity_noise", "one for each velocity"]);
}
