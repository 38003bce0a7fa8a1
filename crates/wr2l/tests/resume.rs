//! Real processes that are killed, stopped, run out of disk or meet each other: a run never loses work, and never
//! lies.
#![cfg(unix)]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::Folder;
use wr2l::rng::{Purpose, Stream, StreamKey};

/// A run of some tenths of a second, most of which goes into writing: a checkpoint after each of 16 iterations.
const SHORT: &str = "train cartpole --algorithm ppo --steps 1000 --set ppo.horizon=8 --set ppo.lanes=8 \
                     --set ppo.minibatches=2 --set ppo.epochs=2 --set ppo.hidden=[8] --no-report --quiet \
                     --threads 1 --checkpoint-every 0";
const RESUME: &str = "--no-report --quiet --threads 1 --checkpoint-every 0";

fn start(folder: &Folder, arguments: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_wr2l"))
        .args(arguments.split_whitespace())
        .current_dir(folder.path("."))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, name: &str) {
    // Fails if it has ended meanwhile.
    let _ =
        Command::new("kill").args([name, &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
}

/// What must not differ: the policy to the byte, the log but for its clock.
fn outcome(run: &Path) -> (Vec<u8>, Vec<String>) {
    let policy = std::fs::read(run.join("policy.safetensors")).unwrap();
    let log = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    let header: Vec<&str> = log.lines().next().unwrap().split(',').collect();
    let clock = |name: &str| name == "seconds" || name == "steps_per_second";
    let keep = |line: &str| {
        line.split(',')
            .zip(&header)
            .filter(|(_, name)| !clock(name))
            .map(|(cell, _)| cell)
            .collect::<Vec<_>>()
            .join(",")
    };
    (policy, log.lines().map(keep).collect())
}

/// Stops a fresh run, and now and then the resumed one as well, at random moments up to `longest` by `stop`; then lets
/// it finish. Returns how often a stop came before the end of the process. `longest` follows the pace of the machine:
/// it shrinks when a stop came too late.
fn stop_and_resume(
    folder: &Folder,
    name: &str,
    stream: &mut Stream,
    longest: &mut Duration,
    stop: &dyn Fn(&mut Child),
) -> u32 {
    let mut stopped = 0;
    let mut command = format!("{SHORT} -o {name}");
    for _ in 0..1 + stream.below(2) {
        let mut child = start(folder, &command);
        std::thread::sleep(longest.mul_f64(stream.uniform(0.0, 1.0)));
        stop(&mut child);
        let in_time = child.wait().unwrap().code() != Some(0);
        stopped += u32::from(in_time);
        *longest = longest.mul_f64(if in_time { 1.05 } else { 0.8 });
        command = match folder.path(name).join("plan.toml").exists() {
            true => format!("resume {name} {RESUME}"),
            // Killed before there was anything: nothing is lost.
            false => format!("{SHORT} -o {name}"),
        };
    }
    folder.done(&command);
    stopped
}

fn after_any_stop_the_result_is_the_same(stop: &dyn Fn(&mut Child), seed: u64) {
    let folder = Folder::new();
    let began = Instant::now();
    folder.done(&format!("{SHORT} -o whole"));
    let mut longest = began.elapsed();
    let whole = outcome(&folder.path("whole"));
    let mut stream = StreamKey::new(seed, Purpose::Test).stream();
    let mut stopped = 0;
    for i in 0..50 {
        let name = format!("run-{i}");
        stopped += stop_and_resume(&folder, &name, &mut stream, &mut longest, stop);
        assert!(outcome(&folder.path(&name)) == whole, "run {i} differs");
        let left: Vec<String> = std::fs::read_dir(folder.path(&name))
            .unwrap()
            .chain(std::fs::read_dir(folder.path(&name).join("checkpoints")).unwrap())
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|file| file.ends_with(".tmp"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    assert!(stopped >= 20, "only {stopped} of the stops came in time to mean anything");
}

#[test]
fn what_a_kill_left_before_the_first_checkpoint_is_cleared_away() {
    let folder = Folder::new();
    folder.done(&format!("{SHORT} -o whole"));
    std::fs::create_dir(folder.path("run")).unwrap();
    folder.write("run/plan.toml", &folder.read("whole/plan.toml"));
    folder.write("run/.plan.toml.1.tmp", "half a pla");
    folder.done(&format!("resume run {RESUME}"));
    assert!(!folder.path("run/.plan.toml.1.tmp").exists());
    assert!(outcome(&folder.path("run")) == outcome(&folder.path("whole")));
}

#[test]
fn fifty_kills_at_random_moments_change_no_bit() {
    after_any_stop_the_result_is_the_same(&|child| drop(child.kill()), 1);
}

#[test]
fn fifty_terminations_at_random_moments_change_no_bit() {
    after_any_stop_the_result_is_the_same(&|child| signal(child, "-TERM"), 2);
}

#[test]
fn two_interrupts_stop_at_once_and_without_damage() {
    let folder = Folder::new();
    folder.done(&format!("{SHORT} -o whole"));
    for (i, pause) in [0, 1, 5].into_iter().enumerate() {
        let name = format!("run-{i}");
        // Checkpoints by the clock, and iterations of a second: the first interrupt alone would take a while.
        let mut child = start(&folder, &format!("{SHORT} -o {name}"));
        let began = Instant::now();
        while !folder.path(&name).join("checkpoints/0000000002.ckpt").exists() {
            assert!(began.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(1));
        }
        signal(&child, "-INT");
        std::thread::sleep(Duration::from_millis(pause));
        signal(&child, "-INT");
        let code = child.wait().unwrap().code();
        assert!(code == Some(130) || code == Some(0), "{code:?}");
        folder.done(&format!("resume {name} {RESUME}"));
        assert!(outcome(&folder.path(&name)) == outcome(&folder.path("whole")));
    }
}

#[test]
fn an_interrupted_run_says_how_to_go_on_and_a_finished_one_that_it_is() {
    let folder = Folder::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wr2l"))
        .args("train cartpole --algorithm ppo --steps 1G -o run --quiet".split_whitespace())
        .current_dir(folder.path("."))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !folder.path("run/policy.safetensors").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "no early policy");
        std::thread::sleep(Duration::from_millis(5));
    }
    // Meanwhile nobody else may train there.
    folder.refused("resume run", 1, &["in use"]);
    folder.refused("train cartpole --force -o run", 1, &["in use"]);
    signal(&child, "-INT");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(said.contains("`wr2l resume run`"), "{said}");
    folder.refused("train cartpole -o run", 2, &["not finished", "wr2l resume"]);
    // A plan that has changed is shown and refused, unless it is accepted.
    let plan = folder.read("run/plan.toml").replace("steps = 1000000000\n", "steps = 100\n");
    folder.write("run/plan.toml", &plan);
    folder.refused("resume run", 2, &["steps: 1000000000 → 100", "--accept-changed-plan"]);
    let out = folder.done("resume run --accept-changed-plan");
    assert!(out.contains("training is done"), "{out}");
    assert!(folder.path("run/results/after-training.csv").is_file());
    let summary: serde_json::Value = serde_json::from_str(&folder.read("run/summary.json")).unwrap();
    assert_eq!((&summary["ending"], &summary["complete"]), (&"budget".into(), &true.into()));
    assert!(summary["evaluation"]["worst"].is_number());
    let before = folder.read("run/metrics.csv");
    let out = folder.done("resume run");
    assert!(out.contains("finished"), "{out}");
    assert_eq!(folder.read("run/metrics.csv"), before);
    folder.refused("resume nowhere", 1, &["no such folder"]);
    folder.refused("resume", 2, &["RUN"]);
}

/// Runs a shell script, `wr2l` being the program under test.
fn shell(folder: &Folder, script: &str, wrapper: &[&str]) -> (i32, String) {
    let program = env!("CARGO_BIN_EXE_wr2l");
    let script = format!("wr2l() {{ \"{program}\" \"$@\"; }}\n{script}");
    let words = [wrapper, &["sh", "-c", &script]].concat();
    let output = Command::new(words[0]).args(&words[1..]).current_dir(folder.path(".")).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

/// Long enough for its logs to outgrow its checkpoints.
const LONGER: &str = "train cartpole --algorithm ppo --steps 9600 --set ppo.horizon=8 --set ppo.lanes=8 \
                      --set ppo.minibatches=2 --set ppo.epochs=1 --set ppo.hidden=[4] --no-report --quiet \
                      --threads 1 --checkpoint-every 0";

#[test]
fn a_quota_that_is_reached_is_an_error_and_the_run_goes_on_when_there_is_room() {
    let folder = Folder::new();
    folder.done(&format!("{LONGER} -o whole"));
    // Files of at most 40 blocks (of 512 or 1024 bytes): the logs outgrow that, checkpoints do not.
    let limited = |blocks: u32, command: &str| format!("trap '' XFSZ; ulimit -f {blocks}; wr2l {command}");
    let (code, said) = shell(&folder, &limited(40, &format!("{LONGER} -o run")), &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("cannot write") && said.contains("`wr2l resume run`"), "{said}");
    let log = folder.read("run/metrics.csv");
    assert!(log.ends_with('\n') && log.lines().count() > 5, "whole lines");
    let (code, said) = shell(&folder, &limited(40, &format!("resume run {RESUME}")), &[]);
    assert_eq!(code, 1, "still no room: {said}");
    folder.done(&format!("resume run {RESUME}"));
    assert!(outcome(&folder.path("run")) == outcome(&folder.path("whole")));
    // Where not even the first checkpoint has room nothing is left behind.
    let (code, said) = shell(&folder, &limited(1, &format!("{LONGER} -o none")), &[]);
    assert_eq!(code, 1, "{said}");
    assert!(!folder.path("none").exists());
}

/// Whether this system lets us mount a file system of our own, in a namespace of our own.
fn namespaces(folder: &Folder) -> bool {
    let script = "mkdir -p probe && mount -t tmpfs -o size=64k none probe";
    let works = Command::new("unshare")
        .args(["-Urm", "sh", "-c", script])
        .current_dir(folder.path("."))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        println!("skipped: this system lets users mount nothing");
    }
    works
}

#[test]
fn a_full_disk_is_an_error_and_the_run_goes_on_when_there_is_room() {
    let folder = Folder::new();
    if !namespaces(&folder) {
        return;
    }
    folder.done(&format!("{LONGER} -o whole"));
    let script = format!(
        "mkdir disk && mount -t tmpfs -o size=120k none disk
        wr2l {LONGER} -o disk/run; echo code $?
        ls -a disk/run disk/run/checkpoints
        tail -c 1 disk/run/metrics.csv | od -c
        mount -o remount,size=10m disk
        wr2l resume disk/run {RESUME}; echo code $?
        cp -r disk/run saved"
    );
    let (_, said) = shell(&folder, &script, &["unshare", "-Urm"]);
    let codes: Vec<&str> = said.lines().filter(|line| line.starts_with("code ")).collect();
    assert_eq!(codes, ["code 1", "code 0"], "{said}");
    assert!(
        said.contains("No space left") && said.contains("wr2l resume") && !said.contains(".tmp"),
        "{said}"
    );
    assert!(outcome(&folder.path("saved")) == outcome(&folder.path("whole")));
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_in_a_sentence() {
    let folder = Folder::new();
    if !namespaces(&folder) {
        return;
    }
    let script = format!(
        "mkdir disk && mount -t tmpfs -o size=10m none disk
        wr2l {SHORT} -o disk/run
        cp -r disk/run before
        mount -o remount,ro disk
        wr2l {SHORT} -o disk/other; echo code $?
        wr2l {SHORT} --force -o disk/run; echo code $?
        wr2l resume disk/run; echo code $?
        diff -r before disk/run && echo same"
    );
    let (_, said) = shell(&folder, &script, &["unshare", "-Urm"]);
    let codes: Vec<&str> = said.lines().filter(|line| line.starts_with("code ")).collect();
    assert_eq!(codes, ["code 1"; 3], "{said}");
    assert!(said.contains("cannot create `disk/other`: Read-only"), "{said}");
    assert!(said.matches("cannot write into `disk/run`: Read-only").count() == 2, "{said}");
    assert!(said.contains("same") && !said.contains("panicked"), "{said}");
}

/// Schedulers of clusters send these some minutes before they end a job.
#[test]
fn the_warning_signals_of_schedulers_stop_with_a_checkpoint() {
    let folder = Folder::new();
    for name in ["-USR1", "-USR2"] {
        let run = format!("run{name}");
        let mut child =
            start(&folder, &format!("train cartpole --algorithm ppo --steps 20M --no-report -o {run}"));
        let metrics = folder.path(&run).join("metrics.csv");
        let rows = || std::fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
        let began = Instant::now();
        while rows() < 4 {
            assert!(began.elapsed() < Duration::from_secs(60), "it does not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{name}");
        // Everything that was done is in the newest checkpoint: its number is the last row's.
        let done = rows() as u64 - 1;
        let files = std::fs::read_dir(folder.path(&run).join("checkpoints")).unwrap();
        let numbers =
            files.filter_map(|file| file.unwrap().path().file_stem()?.to_str()?.parse::<u64>().ok());
        assert_eq!(numbers.max(), Some(done), "{name}");
    }
}

#[test]
fn one_command_starts_a_run_goes_on_with_it_and_says_that_it_is_finished() {
    let folder = Folder::new();
    folder.done(&format!("{SHORT} -o whole"));
    let command = format!("{} --resume --requeue -o a/run", SHORT.replace("--quiet ", ""));
    // Stopped until it is finished: each call but the last asks for another one.
    let (mut calls, mut asked) = (0, 0);
    loop {
        let mut child = start(&folder, &command);
        let rows =
            || std::fs::read_to_string(folder.path("a/run/metrics.csv")).map_or(0, |t| t.lines().count());
        let before = rows();
        while child.try_wait().unwrap().is_none() && rows() < before + 4 {
            std::thread::sleep(Duration::from_millis(1));
        }
        signal(&child, "-TERM");
        calls += 1;
        match child.wait().unwrap().code() {
            Some(75) => asked += 1,
            code => {
                assert_eq!(code, Some(0));
                break;
            }
        }
        assert!(calls < 100);
    }
    assert!(asked > 0 && calls == asked + 1, "{asked} of {calls}");
    assert!(outcome(&folder.path("a/run")) == outcome(&folder.path("whole")));
    let log = folder.read("a/run/metrics.csv");
    assert!(folder.done(&command).contains("finished"));
    assert_eq!(folder.read("a/run/metrics.csv"), log);
    // Another plan is another run.
    folder.refused(&format!("{command} --set ppo.gamma=0.5"), 2, &["ppo.gamma: 0.99 → 0.5", "-o"]);
    folder.refused(&format!("{command} --seed 9"), 2, &["seed: 0 → 9"]);
    folder.refused("train cartpole --resume", 2, &["--output"]);
    folder.refused("train cartpole --resume --force -o a/run", 2, &["--force"]);
}

#[test]
fn a_run_that_another_process_holds_is_to_be_tried_again() {
    let folder = Folder::new();
    let long = "train cartpole --algorithm ppo --steps 1G --quiet --no-report --resume -o run";
    let mut child = start(&folder, long);
    let began = Instant::now();
    while !folder.path("run/policy.safetensors").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "no early policy");
        std::thread::sleep(Duration::from_millis(5));
    }
    folder.refused(long, 1, &["in use"]);
    folder.refused(&format!("{long} --requeue"), 75, &["in use"]);
    child.kill().unwrap();
    child.wait().unwrap();
}
