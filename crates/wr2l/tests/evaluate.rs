//! `wr2l evaluate`: grids, random systems, the worst case; what it refuses, and what a killed one leaves to the next.

mod common;

use common::Folder;

/// A run of a second in a ball.
fn train(folder: &Folder, run: &str, options: &str) {
    folder.done(&format!(
        "train cartpole --algorithm ppo-uniform --vary pole_half_length,gravity --half-width 0.3 --steps 1000 \
         --set ppo.horizon=64 --set ppo.minibatches=4 --set ball.pairs.count=40 --set ball.pairs.pool=80 --set ball.pairs.most_steps=800 \
         --no-report --quiet -o {run} {options}"
    ));
}

fn column<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let at = table.lines().next().unwrap().split(',').position(|column| column == name).unwrap();
    table.lines().skip(1).map(|row| row.split(',').nth(at).unwrap()).collect()
}

#[test]
fn a_policy_with_a_history_is_evaluated_searched_and_drawn_like_any_other() {
    let folder = Folder::new();
    train(&folder, "run", "--set policy.history=3");
    assert!(folder.read("run/plan.toml").contains("[policy]\nhistory = 3\n"));
    folder.done("evaluate run --sweep pole_half_length=0.3:2:3 --episodes 2 -o a");
    folder.done("evaluate run --sweep pole_half_length=0.3:2:3 --episodes 2 --threads 3 -o b");
    let csv = std::fs::read_dir(folder.path("a"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let name = csv.into_iter().find(|name| name.ends_with(".csv")).unwrap();
    assert_eq!(folder.read(&format!("a/{name}")), folder.read(&format!("b/{name}")));
    folder.done("evaluate run --worst-case --budget 8 --episodes 2 -o worst");
    folder.done("report run --results a -o report.html");
    folder.refused("train cartpole --set policy.history=17", 2, &["policy.history", "at most 16"]);
}

#[test]
fn random_systems_lie_where_they_were_asked_for() {
    let folder = Folder::new();
    train(&folder, "run", "");
    let ball = folder.read("run/ball.toml");
    assert!(ball.contains("pole_half_length"));
    let out = folder.done("evaluate run --random 30 --episodes 2 -o box");
    assert!(out.contains("30 random systems in the box 0.5, 5 parameters"), "{out}");
    let table = folder.read("box/random-30-box-0.5.csv");
    for value in &column(&table, "gravity")[1..] {
        assert!((4.899..=14.701).contains(&value.parse::<f64>().unwrap()), "{value}");
    }
    assert!(folder.read("box/random-30-box-0.5.svg").contains("systems (%)"));
    assert_eq!(column(&table, "training_seed")[0], "0");
    assert_eq!(column(&table, "algorithm")[0], "ppo-uniform");
    assert_eq!(column(&table, "policy_steps")[0], "1024");
    assert!(column(&table, "simulator_steps")[0].parse::<u64>().unwrap() > 1024);
    assert!(column(&table, "epsilon")[0].parse::<f64>().unwrap() > 0.0);
    assert!(column(&table, "still").iter().all(|cell| cell.is_empty()), "a pole is to stand still");

    let physical = |name: &str, column_name: &str| -> Vec<f64> {
        let table = folder.read(name);
        column(&table, column_name)[1..].iter().map(|value| value.parse().unwrap()).collect()
    };
    folder.done("evaluate run --random 40 --within ball --episodes 1 -o ball");
    folder.done("evaluate run --random 40 --within shell --episodes 1 -o shell");
    let spread = |values: &[f64]| values.iter().map(|v| (v / 9.8 - 1.0).abs()).fold(0.0, f64::max);
    let (inside, around) =
        (physical("ball/random-40-ball.csv", "gravity"), physical("shell/random-40-shell.csv", "gravity"));
    assert!(spread(&inside) < spread(&around), "{} {}", spread(&inside), spread(&around));
    // The same systems whoever asks, and others for another seed.
    folder.done("evaluate run --random 10 --vary gravity --half-width 0.2 --episodes 1 -o a");
    folder.done("evaluate run --random 10 --vary gravity --half-width 0.2 --episodes 1 --threads 3 -o b");
    folder
        .done("evaluate run --random 10 --vary gravity --half-width 0.2 --systems-seed 1 --episodes 1 -o c");
    let name = "random-10-box-0.2-gravity.csv";
    assert_eq!(folder.read(&format!("a/{name}")), folder.read(&format!("b/{name}")));
    assert_ne!(folder.read(&format!("a/{name}")), folder.read(&format!("c/{name}")));
}

#[test]
fn the_worst_case_is_searched_for_every_policy_and_named_by_its_parameters() {
    let folder = Folder::new();
    train(&folder, "run", "");
    train(&folder, "other", "--seed 1");
    let search = "evaluate run other --worst-case --budget 400 --episodes 4";
    folder.done(&format!("{search} --within ball -o ball"));
    let table = folder.read("ball/worst-ball.csv");
    assert!(column(&table, "systems").iter().all(|label| *label == "worst in ball"));
    assert_eq!(column(&table, "system").iter().filter(|system| **system == "0").count(), 2);
    let out = folder.done(&format!("{search} -o box --json"));
    for line in out.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let at = line["worst_at"]["gravity"].as_f64().unwrap();
        assert!((4.899..=14.701).contains(&at), "{line}");
        assert!(line["worst"].as_f64().unwrap() <= line["nominal"].as_f64().unwrap(), "{line}");
    }
    assert!(!folder.path("box/worst-box-0.5.svg").exists());
    folder.done(&format!("{search} --search gradient -o along"));
    let along = folder.read("along/worst-box-0.5.csv");
    assert_eq!(column(&along, "system").iter().filter(|system| **system == "0").count(), 2);
    assert_ne!(along, folder.read("box/worst-box-0.5.csv"), "the two searches look elsewhere");
}

#[test]
fn grids_have_any_number_of_parameters() {
    let folder = Folder::new();
    train(&folder, "run", "");
    folder.done(
        "evaluate run --sweep gravity=5:15:3 --sweep pole_half_length=0.3,0.6 --sweep force=8,10,12 \
         --random 5 --episodes 1",
    );
    let table = folder.read("run/results/sweep-gravity-pole_half_length-force.csv");
    assert_eq!(table.lines().count(), 1 + 1 + 18);
    assert!(folder.path("run/figures/sweep-gravity-pole_half_length-force.svg").is_file());
    assert!(folder.path("run/results/random-5-box-0.5.csv").is_file(), "both at once");
    assert!(!folder.path("run/results/random-5-box-0.5.csv.partial").exists());
}

#[test]
fn what_makes_no_sense_is_refused_before_any_work() {
    let folder = Folder::new();
    train(&folder, "run", "");
    folder.done(
        "train cartpole --algorithm ppo --steps 500 --set ppo.horizon=64 --set ppo.minibatches=4 --no-report --quiet \
         -o plain",
    );
    let refused = |arguments: &str, words: &[&str]| {
        folder.refused(&format!("evaluate {arguments} -o out"), 2, words);
    };
    refused("run --random 0", &["at least one"]);
    refused("run --random 5 --half-width 0", &["half-width"]);
    refused("run --random 5 --half-width=-1", &["half-width"]);
    refused("run --random 5 --within disc", &["ball"]);
    refused("run --random 5 --vary gravty", &["did you mean `gravity`?"]);
    for (flags, flag, readers) in [
        ("--random 5 --within ball --vary gravity", "--vary", "in the box"),
        ("--random 5 --within ball --half-width 0.1", "--half-width", "in the box"),
        ("--within ball", "--within", "--random and --worst-case"),
        ("--sweep gravity=5:15:3 --vary gravity", "--vary", "in the box"),
        ("--random 5 --ball run", "--ball", "--within ball and --within shell"),
        ("--worst-case --systems-seed 1", "--systems-seed", "--random"),
        ("--random 5 --budget 100", "--budget", "--worst-case"),
        ("--random 5 --search gradient", "--search", "--worst-case"),
    ] {
        let unread = format!("{flag}: nothing that was asked for reads it; only ");
        refused(&format!("run {flags}"), &[&unread, readers]);
    }
    refused("plain --random 5 --within ball", &["--ball"]);
    refused("plain --random 5 --within ball --ball plain", &["`plain` was not trained in a ball"]);
    refused("run --worst-case --within shell", &["not in a shell"]);
    refused("run --random 2000000", &["more than"]);
    folder.done("evaluate plain --random 5 --within ball --ball run --episodes 1 -o out");
    folder.refused("evaluate run --random 5 --within ball -o out", 2, &["exists already", "--force"]);
}

#[cfg(unix)]
#[test]
fn a_killed_evaluation_goes_on_where_it_was() {
    let folder = Folder::new();
    train(&folder, "run", "");
    let arguments = "evaluate run --random 60 --episodes 5 --threads 1";
    folder.done(&format!("{arguments} -o whole"));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_wr2l"))
        .args(format!("{arguments} -o killed").split(' '))
        .current_dir(folder.path("."))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let partial = folder.path("killed/random-60-box-0.5.csv.partial");
    while child.try_wait().unwrap().is_none() && !partial.metadata().is_ok_and(|meta| meta.len() > 0) {
        std::thread::yield_now();
    }
    // It may have been faster than we; then there is nothing to go on with, and nothing to lose.
    let _ = child.kill();
    child.wait().unwrap();
    if partial.exists() {
        folder.done(&format!("{arguments} -o killed"));
    }
    let name = "random-60-box-0.5.csv";
    assert_eq!(folder.read(&format!("whole/{name}")), folder.read(&format!("killed/{name}")));
    assert!(!partial.exists());
}

#[test]
fn random_systems_say_what_holds_for_all() {
    let folder = Folder::new();
    train(&folder, "a", "");
    train(&folder, "b", "--seed 1");
    let out = folder.done("certify a b --systems 40 --episodes 2 --within ball --lowest 0 -o certified");
    let lines: Vec<&str> =
        out.lines().filter(|line| line.contains("with 95.0 % confidence: 90.0 % of all")).collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert!(lines[0].starts_with("a: ") && lines[0].contains("the mean is at least"), "{out}");
    assert!(folder.path("certified/random-40-ball.csv").is_file());
    let json = folder.done("certify a --systems 40 --episodes 2 --confidence 0.9 --json");
    assert!(json.contains("\"confidence\":0.9") && json.contains("\"share\":0.9"), "{json}");
    assert!(
        folder
            .done("evaluate a --random 40 --episodes 2 --force")
            .contains("of all systems have a return of at least")
    );
    assert!(!folder.done("evaluate a --sweep gravity=9,10 --episodes 2").contains("confidence"));
    folder.refused("certify a --confidence 1 -o c", 2, &["--confidence", "[0.5, 1)"]);
    // Only the work shows that; its table stays.
    let wrong = folder.run("certify a --systems 10 --episodes 2 --lowest 1000 -o c");
    assert!(wrong.code == 2 && wrong.err.contains("below the lowest"), "{wrong:?}");
}

#[test]
fn one_command_evaluates_once_and_refuses_to_pass_one_table_off_as_another() {
    let folder = Folder::new();
    let train = |seed: u32, name: &str| {
        folder.done(&format!(
            "train cartpole --algorithm ppo --steps 500 --set ppo.horizon=32 --no-report --quiet --seed {seed} -o {name}"
        ))
    };
    train(0, "a");
    let command = "evaluate a --random 8 --episodes 1 --half-width 0.1 --resume --threads 1 -o out";
    let said = folder.done(command);
    let stem = "out/random-8-box-0.1";
    let table = folder.read(&format!("{stem}.csv"));
    let written = || folder.path(&format!("{stem}.csv")).metadata().unwrap().modified().unwrap();
    let at = written();
    assert_eq!(folder.done(command), said, "the same is said");
    assert_eq!(written(), at, "and nothing done");
    folder.done(&format!("{} --threads 2", command.replace(" --threads 1", "")));
    // Killed between the table and the figure: the journal is still there.
    folder.write(&format!("{stem}.csv.partial"), "");
    std::fs::remove_file(folder.path(&format!("{stem}.svg"))).unwrap();
    folder.done(command);
    assert!(folder.path(&format!("{stem}.svg")).is_file() && folder.read(&format!("{stem}.csv")) == table);
    folder.refused(&command.replace("--episodes 1", "--episodes 2"), 2, &["other policies or options"]);
    train(1, "b");
    std::fs::remove_dir_all(folder.path("a")).unwrap();
    std::fs::rename(folder.path("b"), folder.path("a")).unwrap();
    folder.refused(command, 2, &["other policies or options", "--force"]);
    // What is made without it is nobody's.
    folder.done(&command.replace("--resume", "--force"));
    folder.refused(command, 2, &["without --resume"]);
}
