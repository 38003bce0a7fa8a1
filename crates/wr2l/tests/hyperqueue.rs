//! A sweep through the real HyperQueue, in the Python that `cargo xtask test` names in `WR2L_PYTHON`: runs are killed, the
//! server is lost with its workers, and every policy is the one that a single machine comes to.
#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::Folder;

/// Notes the process of every command, so that the test can kill it.
fn noting(folder: &Folder) -> String {
    let path = folder.path("noting");
    let (program, pids) = (env!("CARGO_BIN_EXE_wr2l"), folder.path("pids"));
    let script = format!("#!/bin/sh\n'{program}' \"$@\" &\necho $! >>'{}'\nwait $!\n", pids.display());
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// Submits what is left of the sweep; `None` once nothing is.
fn submit(folder: &Folder, python: &std::ffi::OsStr, program: &str) -> Option<Child> {
    let lines = folder.done("sweep study.toml --print");
    if lines.is_empty() {
        return None;
    }
    folder.write("lines", &lines.replace(env!("CARGO_BIN_EXE_wr2l"), program));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hyperqueue/run.py");
    let mut command = Command::new(python);
    command.arg(script).arg("lines").current_dir(folder.path("."));
    Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

fn policies(folder: &Folder, sweep: &str) -> BTreeMap<String, Vec<u8>> {
    let runs = std::fs::read_dir(folder.path(sweep).join("runs")).unwrap();
    runs.map(|run| run.unwrap())
        .map(|run| {
            let policy = std::fs::read(run.path().join("policy.safetensors")).unwrap();
            (run.file_name().into_string().unwrap(), policy)
        })
        .collect()
}

#[test]
fn hyperqueue_comes_to_what_one_machine_comes_to_whatever_is_killed_on_the_way() {
    let Some(python) = std::env::var_os("WR2L_PYTHON") else {
        println!("skipped: `cargo xtask test` sets WR2L_PYTHON");
        return;
    };
    let thorough = std::env::var_os("WR2L_THOROUGH").is_some();
    let (seeds, kills) = if thorough { (20, 3) } else { (4, 2) };
    let folder = Folder::new();
    let file = format!(
        "tasks = [\"cartpole\"]\nseeds = {seeds}\nsteps = 6000\n\n[[method]]\nname = \"plain\"\nalgorithm = \"ppo\"\n\
         set = {{ \"ppo.horizon\" = 8, \"ppo.minibatches\" = 2, \"ppo.hidden\" = [8] }}\n\n\
         [[evaluation]]\nname = \"far\"\nrandom = 2\nhalf_width = 0.1\nepisodes = 1\n"
    );
    folder.write("whole.toml", &file);
    folder.write("study.toml", &file);
    folder.done("sweep whole.toml --local 2");

    let program = noting(&folder);
    let mut killed = 0;
    let began = Instant::now();
    let mut round = 0;
    while let Some(mut cluster) = submit(&folder, &python, &program) {
        // In the first rounds some runs die, and in the second the server and its workers.
        let seen = || std::fs::read_to_string(folder.path("pids")).map_or(0, |text| text.lines().count());
        while cluster.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(600), "it comes to no end");
            let text = std::fs::read_to_string(folder.path("pids")).unwrap_or_default();
            if killed < kills && seen() > 2 * killed {
                let pid = text.lines().next_back().unwrap_or_default();
                let status = Command::new("kill").args(["-9", pid]).stderr(Stdio::null()).status().unwrap();
                killed += usize::from(status.success());
            } else if round == 1 && seen() > 0 {
                cluster.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster.wait().unwrap();
        round += 1;
        assert!(round < 50, "it comes to no end");
    }
    assert!(killed == kills && round > 1, "{killed} were killed, {round} rounds");
    assert!(policies(&folder, "study") == policies(&folder, "whole"));
    let out = folder.done("sweep status study.toml");
    assert!(out.lines().any(|line| line == format!("finished  {seeds:>4}")), "{out}");
}
