//! Jobs under the real `mpirun`: the bytes of one process, and what becomes of a job that loses a rank.
//!
//! `cargo xtask mpi` builds what they need and `cargo xtask test` sets `MPIRUN` and `WR2L`; without them they are skipped.
#![allow(missing_docs, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// `mpirun` and `wr2l`.
fn programs() -> Option<[PathBuf; 2]> {
    let [Some(mpirun), Some(wr2l)] = ["MPIRUN", "WR2L"].map(std::env::var_os) else {
        println!("skipped: `cargo xtask test` sets MPIRUN and WR2L");
        return None;
    };
    Some([mpirun, wr2l].map(PathBuf::from))
}

fn alone(programs: &[PathBuf; 2], folder: &TempDir, arguments: &str) {
    let mut command = Command::new(&programs[1]);
    let output = command.args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

fn start(programs: &[PathBuf; 2], folder: &TempDir, size: u32, arguments: &str) -> Child {
    let mut command = Command::new(&programs[0]);
    command.args(["--oversubscribe", "--allow-run-as-root", "-n", &size.to_string()]);
    command.arg(env!("CARGO_BIN_EXE_wr2l-mpi")).args(arguments.split_whitespace());
    command.current_dir(folder).env("WR2L", &programs[1]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn on_ranks(programs: &[PathBuf; 2], folder: &TempDir, size: u32, arguments: &str) {
    let output = start(programs, folder, size, arguments).wait_with_output().unwrap();
    assert!(output.status.success(), "{size} ranks, {arguments}: {}", said(&output));
}

fn same(folder: &TempDir, one: &str, other: &str) {
    let bytes =
        |run: &str| fs::read(folder.path().join(run)).unwrap_or_else(|error| panic!("{run}: {error}"));
    assert!(bytes(one) == bytes(other), "{one} differs from {other}");
}

const BALL: &str = "--set ball.pairs.count=40 --set ball.pairs.pool=80 --set ball.pairs.most_steps=800";
const PPO: &str =
    "--set ppo.horizon=96 --set ppo.lanes=6 --set ppo.minibatches=4 --set ppo.hidden=[8] --steps 1700";

#[test]
fn policies_tables_and_searches_are_those_of_one_process() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let wr2l = "--algorithm wr2l --set adversary.phase_one.surrogate.budget=8";
    for (name, training) in [
        ("ppo", format!("train hopper --algorithm ppo {PPO}")),
        ("wr2l", format!("train hopper {wr2l} --vary torso_density,friction {BALL} {PPO}")),
        ("epopt", format!("train hopper --algorithm epopt --vary friction {BALL} {PPO}")),
        (
            "td3",
            "train inverted-pendulum --algorithm td3 --steps 700 --set td3.minibatch=16 \
             --set td3.warm_up=256 --set td3.hidden=[8]"
                .to_owned(),
        ),
    ] {
        alone(&programs, &folder, &format!("{training} --threads 1 --quiet -o on-0/{name}"));
        for size in 1..=3 {
            on_ranks(
                &programs,
                &folder,
                size,
                &format!("{training} --threads 1 --quiet -o on-{size}/{name}"),
            );
            for file in ["policy.safetensors", "results/after-training.csv"] {
                if folder.path().join(format!("on-0/{name}/{file}")).exists() {
                    same(&folder, &format!("on-{size}/{name}/{file}"), &format!("on-0/{name}/{file}"));
                }
            }
        }
    }
    let search = "evaluate on-0/wr2l --worst-case --within ball --budget 120 --episodes 2 --threads 1";
    alone(&programs, &folder, &format!("{search} -o found-0"));
    on_ranks(&programs, &folder, 3, &format!("{search} -o found-3"));
    let tables = fs::read_dir(folder.path().join("found-0")).unwrap().flatten();
    let tables: Vec<_> = tables.filter(|entry| entry.path().extension() == Some("csv".as_ref())).collect();
    assert!(!tables.is_empty());
    for table in tables {
        let name = table.file_name().into_string().unwrap();
        same(&folder, &format!("found-3/{name}"), &format!("found-0/{name}"));
    }
}

/// A run that takes some seconds.
const LONG: &str = "train hopper --algorithm ppo --steps 60000 --threads 1 --no-report --quiet --checkpoint-every 0 \
                    --set ppo.hidden=[8]";

fn until_there(path: &Path, job: &mut Child) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < Duration::from_secs(120), "{} does not come", path.display());
        assert!(job.try_wait().unwrap().is_none(), "it has ended before");
        sleep(Duration::from_millis(5));
    }
}

/// The processes whose parent is `parent`.
fn children(parent: u32) -> Vec<u32> {
    let of = |process: &str| -> Option<(u32, u32)> {
        let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let (_, after) = status.rsplit_once(") ")?;
        Some((process.parse().ok()?, after.split(' ').nth(1)?.parse().ok()?))
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    let all = all.filter_map(|entry| of(entry.file_name().to_str()?));
    let mut found: Vec<u32> = all.filter(|(_, its)| *its == parent).map(|(process, _)| process).collect();
    found.sort_unstable();
    found
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// The launchers of a job, by rank.
fn launchers(job: &Child) -> Vec<u32> {
    let named = |process: &u32| {
        fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() == "wr2l-mpi")
    };
    let mut all = vec![job.id()];
    let mut found = Vec::new();
    while let Some(process) = all.pop() {
        let below = children(process);
        found.extend(below.iter().copied().filter(named));
        all.extend(below);
    }
    found.sort_unstable();
    found
}

#[test]
fn a_rank_that_dies_ends_the_job_within_ten_seconds_and_resume_comes_to_the_same() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    alone(&programs, &folder, &format!("{LONG} -o whole"));
    // The `wr2l` of the last rank, and the launcher of the last rank.
    for (run, deeper) in [("simulator", true), ("launcher", false)] {
        let mut job = start(&programs, &folder, 3, &format!("{LONG} -o {run}"));
        until_there(&folder.path().join(run).join("policy.safetensors"), &mut job);
        let last = *launchers(&job).last().unwrap();
        let victim = if deeper { *children(last).last().unwrap() } else { last };
        signal("-9", victim);
        let died = Instant::now();
        let output = job.wait_with_output().unwrap();
        assert!(died.elapsed() < Duration::from_secs(10), "{:?}", died.elapsed());
        let said = said(&output);
        assert!(!output.status.success(), "{said}");
        let words = if deeper { "has died of signal 9" } else { "signal 9" };
        assert!(said.contains(words), "{said}");
        on_ranks(&programs, &folder, 2, &format!("{LONG} --resume -o {run}"));
        same(&folder, &format!("{run}/policy.safetensors"), "whole/policy.safetensors");
    }
}

#[test]
fn a_signal_for_mpirun_keeps_all_of_it() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    alone(&programs, &folder, &format!("{LONG} -o whole"));
    let mut job = start(&programs, &folder, 2, &format!("{LONG} --requeue -o run"));
    until_there(&folder.path().join("run/policy.safetensors"), &mut job);
    signal("-USR1", job.id());
    let output = job.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    on_ranks(&programs, &folder, 3, &format!("{LONG} --resume -o run"));
    same(&folder, "run/policy.safetensors", "whole/policy.safetensors");
}
