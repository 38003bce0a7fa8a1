//! `wr2l train` and `wr2l evaluate`: what a run leaves, that it repeats, and every way to ask for one wrongly.

mod common;

use common::Folder;

/// A run of a second: two iterations on the cart-pole.
const SHORT: &str = "--algorithm ppo --steps 1000 --set ppo.horizon=64 --set ppo.minibatches=4";

fn policy(folder: &Folder, run: &str) -> Vec<u8> {
    std::fs::read(folder.path(run).join("policy.safetensors")).unwrap()
}

#[test]
fn a_run_leaves_plan_logs_policy_tables_and_figures() {
    let folder = Folder::new();
    let out = folder.done(&format!("train cartpole {SHORT} -o run"));
    assert!(!out.contains('\x1b') && out.contains("run/policy.safetensors"), "{out}");
    let metrics = folder.read("run/metrics.csv");
    let header: Vec<&str> = metrics.lines().next().unwrap().split(',').collect();
    assert_eq!(header, wr2l::run::COLUMNS);
    let rows: Vec<Vec<&str>> = metrics.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.len() == header.len()));
    assert_eq!((rows[0][1], rows[1][1]), ("512", "1024"), "steps");
    for file in
        ["plan.toml", "figures/learning.svg", "results/after-training.csv", "figures/after-training.svg"]
    {
        assert!(folder.path("run").join(file).is_file(), "{file}");
    }
    assert!(folder.done("evaluate run --sweep pole_half_length=0.5,1 --episodes 2").contains("nominal"));
    assert!(folder.path("run/results/sweep-pole_half_length.csv").is_file());
    assert!(folder.path("run/figures/sweep-pole_half_length.svg").is_file());
}

#[test]
fn the_same_plan_gives_the_same_bytes_for_any_number_of_threads() {
    let folder = Folder::new();
    for task in ["cartpole", "inverted-pendulum"] {
        let run = |name: &str, arguments: &str| {
            folder.done(&format!("train {arguments} --no-report --quiet -o {task}-{name}"));
            policy(&folder, &format!("{task}-{name}"))
        };
        let one = run("one", &format!("{task} {SHORT} --seed 7 --threads 1"));
        let two = run("two", &format!("{task} {SHORT} --seed 7 --threads 2"));
        let again = run("again", &format!("--plan {task}-one/plan.toml --threads 3"));
        let other = run("other", &format!("{task} {SHORT} --seed 8 --threads 1"));
        assert!(one == two && one == again, "{task}");
        assert!(one != other, "{task}: the seed decides");
        assert_eq!(
            folder.read(&format!("{task}-one/plan.toml")),
            folder.read(&format!("{task}-again/plan.toml"))
        );
    }
}

#[test]
fn a_run_begins_with_a_policy_repeats_without_it_and_has_a_best_one() {
    let folder = Folder::new();
    let longer = SHORT.replace("1000", "16000");
    folder.done(&format!("train cartpole {longer} --no-report --quiet -o plain"));
    let next = format!("train cartpole {longer} --from plain --no-report -o next");
    let out = folder.done(&next);
    assert!(out.contains("beginning with a policy of ppo, 16,384 steps: plain"), "{out}");
    assert!(folder.done(&format!("{next} --resume")).contains("finished"));
    let other = next.replace("plain", "plain/checkpoints/0000000032.ckpt");
    folder.done(&format!("{other} --resume"));
    folder.refused(&format!("{next} --resume").replace("plain", "next"), 2, &["another plan", "from"]);
    folder.refused("train hopper --algorithm ppo --from plain", 2, &["--from plain", "sees 4 numbers"]);
    folder.refused("train cartpole --from none", 2, &["--from none", "no such folder or file"]);
    folder.done("evaluate plain --best --sweep pole_half_length=0.5,1 --episodes 2");
    assert!(folder.read("plain/results/sweep-pole_half_length-best.csv").contains("plain-best"));
    folder
        .done("evaluate plain/policy.best.safetensors --sweep pole_half_length=1,2 --episodes 2 -o by-file");
    folder.refused("evaluate plain/policy.best.safetensors --best", 2, &["--best is about run folders"]);
    folder
        .done("evaluate next/policy.safetensors plain --best --sweep pole_half_length=1 --episodes 2 -o two");
    assert!(folder.read("two/sweep-pole_half_length-best.csv").contains("plain-best"));
    // The same seed from another policy is another method, not another seed.
    folder.done(&format!("train cartpole {longer} --from next --no-report --quiet -o third"));
    folder.done("evaluate next third --sweep pole_half_length=1,2 --episodes 3 -o apart");
    let apart = folder.read("apart/sweep-pole_half_length.csv");
    let header: Vec<&str> = apart.lines().next().unwrap().split(',').collect();
    let method = header.iter().position(|name| *name == "method").unwrap();
    let methods: Vec<_> = apart.lines().skip(1).map(|line| line.split(',').nth(method).unwrap()).collect();
    assert!(methods.contains(&"next") && methods.contains(&"third"), "{methods:?}");
    // Sets of one name on a page say what they differ in.
    folder.done("report plain --results by-file --results apart -o page.html");
    let page = folder.read("page.html");
    for name in ["0.5 to 1, 2 episodes", "1 to 2, 2 episodes", "1 to 2, 3 episodes"] {
        assert!(page.contains(&format!("pole half length: {name}")), "{name}");
    }
    std::fs::remove_dir_all(folder.path("plain")).unwrap();
    folder.done("train --plan next/plan.toml --no-report --quiet -o again");
    assert!(policy(&folder, "next") == policy(&folder, "again"));
    assert_eq!(folder.read("next/plan.toml"), folder.read("again/plan.toml"));
}

#[test]
fn every_algorithm_repeats_and_logs_its_adversary() {
    let folder = Folder::new();
    let turns = "--set adversary.every=500";
    let ramp = "--set adversary.every=500 --set adversary.epsilon_ramp=0.9";
    let search = "--set adversary.every=500 --set adversary.phase_one.surrogate.budget=8";
    for (algorithm, own, columns_filled) in
        [("wr2l", search, true), ("ppo-boundary", turns, true), ("ppo-uniform", ramp, false)]
    {
        let common = format!(
            "train inverted-pendulum --algorithm {algorithm} --steps 1000 --set ppo.horizon=64 \
             --set ppo.minibatches=4 {own} \
             --set ball.pairs.count=40 --set ball.pairs.pool=80 --set ball.pairs.most_steps=800 --no-report --quiet"
        );
        folder.done(&format!("{common} --threads 1 -o {algorithm}-1"));
        folder.done(&format!("{common} --threads 2 -o {algorithm}-2"));
        assert!(policy(&folder, &format!("{algorithm}-1")) == policy(&folder, &format!("{algorithm}-2")));
        assert_eq!(
            folder.read(&format!("{algorithm}-1/ball.toml")),
            folder.read(&format!("{algorithm}-2/ball.toml"))
        );
        let log = folder.read(&format!("{algorithm}-1/adversary.csv"));
        let header: Vec<&str> = log.lines().next().unwrap().split(',').collect();
        assert_eq!(header[..header.len() - 1], wr2l::run::TURN_COLUMNS);
        assert_eq!(header[header.len() - 1], "pole_length");
        assert_eq!(log.lines().count(), 3, "turns at 0 and 512 steps");
        for row in log.lines().skip(1) {
            assert_eq!(row.split(',').count(), header.len());
            assert_eq!(!row.ends_with(','), columns_filled, "{algorithm}: {row}");
        }
    }
}

#[test]
fn the_ball_is_a_table_a_picture_and_json() {
    let folder = Folder::new();
    let small = "--set ball.pairs.count=40 --set ball.pairs.pool=80 --set ball.pairs.most_steps=800";
    let out = folder.done(&format!("ball cartpole --half-width 0.3 {small} -o ball.svg"));
    assert!(out.contains("pole_half_length") && out.contains("-30 % +30 %"), "{out}");
    assert!(folder.read("ball.svg").starts_with("<svg"));
    folder.refused(&format!("ball cartpole {small} -o ball.svg"), 2, &["exists already"]);
    let json: serde_json::Value = serde_json::from_str(
        &folder.done(&format!("ball cartpole --vary all --epsilon 0.01 {small} --json")),
    )
    .unwrap();
    assert_eq!(json["epsilon"], 0.01);
    assert_eq!(json["parameters"].as_array().unwrap().len(), 5);
    for epsilon in ["0", "-1", "nan", "inf"] {
        folder.refused(&format!("ball cartpole --epsilon={epsilon}"), 2, &["epsilon"]);
        folder.refused(&format!("ball cartpole --epsilon {epsilon}"), 2, &["epsilon"]);
        folder.refused(&format!("train cartpole --epsilon={epsilon} -o run"), 2, &["epsilon"]);
    }
    folder.refused("ball cartpole --epsilon 1 -o nowhere/b.svg", 1, &["cannot write `nowhere/b.svg`"]);
    folder.write("both.toml", "task = \"cartpole\"\n[ball]\nepsilon = 1.0\nhalf_width = 0.3\n");
    folder.refused(
        "train --plan both.toml -o run",
        2,
        &["both.toml, line 4", "`ball.half_width`", "`ball.epsilon`"],
    );
    folder.refused("ball cartpole --half-width 1e300", 2, &["`ball.half_width`"]);
    folder.refused("ball cartpole --set adversary.kind=nominal --set vary=[]", 2, &["`vary`"]);
    folder.refused("ball cartpole --epsilon 1 --half-width 1", 2, &["cannot be used with"]);
    folder.refused("ball cartpole --vary pole_mas", 2, &["did you mean `pole_mass`?"]);
}

#[test]
fn the_robust_hopper_is_the_same_for_any_number_of_threads() {
    let folder = Folder::new();
    let small = "--steps 600 --set ppo.horizon=32 --set ppo.minibatches=4 --set adversary.every=300 \
                 --set ball.pairs.count=40 --set ball.pairs.pool=80 --set ball.pairs.most_steps=800 --no-report --quiet";
    for threads in [1, 2, 5] {
        let surrogate = "--set adversary.phase_one.surrogate.budget=20";
        folder.done(&format!("train hopper {small} {surrogate} --threads {threads} -o {threads}"));
        // 5,000 transitions are the least that the paper collects.
        let paper = "--paper --steps 10k --set ppo.horizon=625 --set ball.pairs.count=40 --set ball.pairs.pool=80 --set ball.pairs.most_steps=800 \
                     --set adversary.phase_one.gradient.pairs=3 --set ball.zero_order.max_samples=40 --no-report --quiet";
        folder.done(&format!("train hopper {paper} --threads {threads} -o paper-{threads}"));
    }
    for run in ["", "paper-"] {
        let one = policy(&folder, &format!("{run}1"));
        assert!(one == policy(&folder, &format!("{run}2")) && one == policy(&folder, &format!("{run}5")));
    }
    // The log too, but for wall times: columns before `seconds`, and the chosen dynamics after it.
    let log = |run: &str| -> Vec<String> {
        let text = folder.read(&format!("{run}/adversary.csv"));
        let seconds = wr2l::run::TURN_COLUMNS.iter().position(|&name| name == "seconds").unwrap();
        let keep = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            [&cells[..seconds], &cells[seconds + 1..]].concat().join(",")
        };
        text.lines().map(keep).collect()
    };
    assert_eq!((log("1"), log("paper-1")), (log("2"), log("paper-2")));
    assert!(log("1")[1].contains(",budget,"), "{:?}", log("1"));
    let first = &log("paper-1")[1];
    assert!(first.contains(",steps,") || first.contains(",no-signal,"), "{first}");
}

#[test]
fn the_paper_s_algorithm_is_one_flag_away() {
    let folder = Folder::new();
    let small = "--steps 64 --set ppo.horizon=625 --set ball.pairs.count=20 --set ball.pairs.pool=40 --set ball.pairs.most_steps=400 \
                 --set ball.zero_order.max_samples=20 --set adversary.phase_one.gradient.pairs=2 --no-report --quiet";
    folder.done(&format!("train cartpole --paper {small} -o paper"));
    let plan = folder.read("paper/plan.toml");
    assert!(plan.contains("algorithm = \"wr2l-paper\"\n"), "{plan}");
    folder.done("train --plan paper/plan.toml --no-report --quiet -o again");
    assert!(policy(&folder, "paper") == policy(&folder, "again"));
    // What the paper fixes is kept, wherever another value stands.
    let mine = "train cartpole --paper --set ball.hessian=gauss-newton -o mine";
    folder.refused(
        mine,
        2,
        &["--set ball.hessian=gauss-newton", "`ball.hessian`: the paper has \"zero-order\""],
    );
    folder.write("own.toml", "[ppo]\nentropy = 0.005\n");
    let own = format!("train cartpole --plan own.toml --paper {small} -o over");
    folder.refused(&own, 2, &["own.toml, line 2", "`ppo.entropy`: the paper has 0"]);
    folder.refused("train cartpole --paper --algorithm ppo -o other", 2, &["--paper", "--algorithm"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_output_that_is_full_leaves_no_run_behind() {
    let folder = Folder::new();
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_wr2l"))
        .args(["train", "cartpole", "-o", "run"])
        .current_dir(folder.path("."))
        .stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(folder.names().is_empty());
}

#[test]
fn default_folders_never_overwrite() {
    let folder = Folder::new();
    for _ in 0..2 {
        assert_eq!(folder.done(&format!("train cartpole {SHORT} --no-report --quiet")), "");
    }
    assert!(folder.path("runs/cartpole-ppo-s0/policy.safetensors").is_file());
    assert!(folder.path("runs/cartpole-ppo-s0-2/policy.safetensors").is_file());
}

#[test]
fn json_is_one_object_a_line_with_a_summary_at_the_end() {
    let folder = Folder::new();
    let out = folder.done(&format!("train cartpole {SHORT} --json -o run"));
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["iteration", "iteration", "summary"]);
    assert_eq!(lines[2]["ending"], "budget");
    assert_eq!(lines[2]["steps"], 1024);
    assert!(lines[2]["sweep_worst"].is_number());
    let out = folder.done("evaluate run --sweep pole_half_length=0.5,1 --episodes 2 --json");
    let line: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&line["method"], &line["policy"]), (&"ppo".into(), &"run".into()));
}

#[test]
fn layers_override_one_another_and_plan_toml_holds_the_outcome() {
    let folder = Folder::new();
    folder.write(
        "e.toml",
        "task = \"cartpole\"\nsteps = 9e9\nseed = 3\n[ppo]\nhorizon = 32\nlanes = 2\nminibatches = 2\n",
    );
    folder
        .done("train --plan e.toml --steps 100 --set ppo.lanes=4 --algorithm ppo --no-report --quiet -o run");
    let plan = folder.read("run/plan.toml");
    for line in ["seed = 3", "steps = 100", "horizon = 32", "lanes = 4", "task = \"cartpole\""] {
        assert!(plan.lines().any(|l| l == line), "{line} in\n{plan}");
    }
}

#[test]
fn a_flag_that_nobody_reads_is_refused_and_leaves_no_folder() {
    let folder = Folder::new();
    let ppo = format!("train cartpole {SHORT} --no-report --quiet -o run");
    for flag in ["--epsilon 1", "--half-width 0.3", "--vary gravity", "--set td3.gamma=0.9"] {
        folder.refused(&format!("{ppo} {flag}"), 2, &[flag, "nobody in this run reads it; only "]);
    }
    assert!(!folder.path("run").exists());
}

#[test]
fn entropy_below_the_threshold_ends_a_run() {
    let folder = Folder::new();
    let out = folder.done(&format!("train cartpole {SHORT} --set stop.entropy_below=9 --no-report -o run"));
    assert!(out.contains("entropy threshold"), "{out}");
    assert_eq!(folder.read("run/metrics.csv").lines().count(), 2);
}

#[test]
fn wrong_requests_are_refused_and_leave_nothing() {
    let folder = Folder::new();
    let refused = |arguments: &str, words: &[&str]| {
        folder.refused(&format!("train {arguments} -o run"), 2, words);
    };
    refused("hoper", &["'hopper'"]);
    refused("", &["TASK"]);
    refused("cartpole --algorithm pppo", &["--algorithm pppo", "did you mean `ppo`?"]);
    refused("cartpole --set vary=[]", &["--set vary=[]", "at least one parameter"]);
    refused("cartpole --vary pole_lenght", &["--vary pole_lenght", "did you mean `pole_"]);
    refused("cartpole --steps 0", &["must be at least 1"]);
    refused("cartpole --steps many", &["not a whole number"]);
    refused("cartpole --seed 18446744073709551615", &["--seed"]);
    refused(
        "cartpole --set ppo.lerning_rate=1",
        &["--set ppo.lerning_rate=1", "did you mean `learning_rate`?"],
    );
    refused("cartpole --set ppo.clip=wide", &["--set ppo.clip=wide", "`ppo.clip`"]);
    refused("cartpole --set ppo.clip=-1", &["`ppo.clip`: must be positive"]);
    refused("cartpole --set ppo.clip", &["key=value"]);
    refused("cartpole --physics mujoco", &["`physics`", "classic"]);
    refused("cartpole --threads 0", &["from 1 to 1024"]);
}

#[test]
fn wrong_experiment_files_are_refused_by_line_and_key() {
    let folder = Folder::new();
    folder.write("key.toml", "task = \"cartpole\"\n\n[ppo]\nhorizn = 3\n");
    folder.write("value.toml", "task = \"cartpole\"\n[ppo]\nhorizon = \"long\"\n");
    folder.write("syntax.toml", "task = \"cartpole\"\nseed = = 3\n");
    folder.write("task.toml", "seed = 3\n");
    folder.refused("train --plan key.toml -o run", 2, &["key.toml, line 4", "`ppo.horizn`", "`horizon`?"]);
    folder.refused("train --plan value.toml -o run", 2, &["value.toml, line 3", "`ppo.horizon`"]);
    folder.refused("train --plan syntax.toml -o run", 2, &["syntax.toml, line 2"]);
    folder.refused("train --plan task.toml -o run", 2, &["no task"]);
    folder.refused("train --plan missing.toml -o run", 1, &["cannot read `missing.toml`"]);
}

#[test]
fn existing_folders_are_kept_and_unwritable_places_named() {
    let folder = Folder::new();
    folder.done(&format!("train cartpole {SHORT} --no-report --quiet -o run"));
    let before = policy(&folder, "run");
    folder.refused(
        &format!("train cartpole {SHORT} --seed 5 -o run"),
        2,
        &["`run` exists already", "--force"],
    );
    assert_eq!(policy(&folder, "run"), before);
    folder.done(&format!("train cartpole {SHORT} --seed 5 --no-report --quiet --force -o run"));
    assert!(policy(&folder, "run") != before);
    // A new run that fails to start gives the old one back.
    folder.refused("train cartpole --force --half-width 1e300 -o run", 2, &["`ball.half_width`"]);
    assert!(policy(&folder, "run") != before && folder.path("run/metrics.csv").is_file());
    folder.refused("train cartpole --half-width 1e300 -o deep/er/run", 2, &["`ball.half_width`"]);
    folder.refused("train cartpole --half-width 1e300", 2, &["`ball.half_width`"]);
    folder.write("file", "mine");
    folder.refused(&format!("train cartpole {SHORT} -o file"), 2, &["`file` exists already"]);
    folder.refused(&format!("train cartpole {SHORT} --force -o file"), 2, &["`file` exists already"]);
    folder.refused(&format!("train cartpole {SHORT} -o file/run"), 1, &["cannot create `file"]);
    std::fs::create_dir(folder.path("other")).unwrap();
    folder.write("other/thesis.tex", "years of work");
    folder.refused(&format!("train cartpole {SHORT} --force -o other"), 2, &["not the folder of a run"]);
    assert_eq!(folder.read("other/thesis.tex"), "years of work");
}

#[test]
fn evaluation_refuses_what_is_no_policy_or_no_sweep() {
    let folder = Folder::new();
    folder.done(&format!("train cartpole {SHORT} --no-report --quiet -o run"));
    let bytes = policy(&folder, "run");
    std::fs::write(folder.path("cut.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    folder.write("text.safetensors", "not a policy");
    std::fs::create_dir(folder.path("empty")).unwrap();
    folder.refused("evaluate cut.safetensors -o out", 1, &["cut.safetensors", "damaged"]);
    folder.refused("evaluate text.safetensors -o out", 1, &["text.safetensors"]);
    folder.refused("evaluate nowhere", 1, &["nowhere", "no such folder"]);
    folder.refused("evaluate empty", 1, &["empty", "no plan.toml"]);
    folder.refused("evaluate", 2, &["RUN"]);
    folder.refused("evaluate run --sweep pole_half_lngth=1:2:3", 2, &["did you mean `pole_half_length`?"]);
    folder.refused("evaluate run --sweep pole_half_length=1:90:3", 2, &["bounds ["]);
    folder.refused("evaluate run --sweep pole_half_length", 2, &["name=start:end:count"]);
    folder.refused("evaluate run --episodes 0", 2, &["from 1 to 1,000,000"]);
    folder.refused("evaluate run ./run -o out", 2, &["the same run"]);
    assert!(!folder.path("run/results").exists() && !folder.path("out").exists());
    // Whole, it is evaluated from the file alone; and existing results are kept.
    std::fs::write(folder.path("whole.safetensors"), &bytes).unwrap();
    let sweep = "--sweep pole_half_length=0.5,1 --episodes 1";
    folder.done(&format!("evaluate whole.safetensors run {sweep} -o out"));
    let table = folder.read("out/sweep-pole_half_length.csv");
    assert!(table.contains(",whole,") && table.contains(",run,"), "{table}");
    folder.refused(&format!("evaluate run {sweep} -o out"), 2, &["exists already", "--force"]);
    assert_eq!(folder.read("out/sweep-pole_half_length.csv"), table);
}

#[test]
fn runs_that_differ_in_more_than_their_seed_are_never_averaged() {
    let folder = Folder::new();
    for (options, run) in [
        ("--seed 1", "a/s0"),
        ("--seed 2", "b/s0"),
        ("--seed 1 --set ppo.gamma=0.9", "c/eps0.05"),
        ("--seed 1", "d"),
    ] {
        folder.done(&format!("train cartpole {SHORT} {options} --no-report --quiet -o {run}"));
    }
    let sweep = "--sweep pole_half_length=0.5,1 --episodes 1";
    let labels = |table: &str| {
        let rows =
            table.lines().skip(1).map(|row| row.split(',').skip(2).take(2).collect::<Vec<_>>().join(" "));
        rows.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    // Two seeds of one plan are one method; runs called alike go by their whole paths.
    folder.done(&format!("evaluate a/s0 b/s0 {sweep} -o seeds"));
    let table = folder.read("seeds/sweep-pole_half_length.csv");
    assert_eq!(labels(&table), ["ppo a/s0", "ppo b/s0"], "{table}");
    // A run with another discount stands for itself, dots in its name and all; so do policies without a plan.
    folder.done(&format!("evaluate a/s0 c/eps0.05 {sweep} -o plans"));
    let table = folder.read("plans/sweep-pole_half_length.csv");
    assert_eq!(labels(&table), ["eps0.05 eps0.05", "s0 s0"], "{table}");
    folder.done(&format!("evaluate a/s0/policy.safetensors d/policy.safetensors {sweep} -o files"));
    let table = folder.read("files/sweep-pole_half_length.csv");
    assert_eq!(labels(&table), ["d d", "s0 s0"], "{table}");
    // One plan and seed in two folders is one run.
    folder.refused(&format!("evaluate a/s0 d {sweep} -o twice"), 2, &["the same run"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_after_the_iteration_and_keeps_the_policy() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    let folder = Folder::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wr2l"))
        .args(["train", "cartpole", "--algorithm", "ppo", "--steps", "1G", "--json", "-o", "run"])
        .current_dir(folder.path("."))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("\"iteration\":1"), "{line}");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let last: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["ending"]), (&"summary".into(), &"interrupted".into()));
    assert!(!policy(&folder, "run").is_empty());
    let rows = folder.read("run/metrics.csv").lines().count() as u64 - 1;
    assert_eq!(last["iteration"], rows);
}
