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

/// Methods and their options: of each kind one.
const METHODS: [(&str, &str); 5] = [
    ("ppo", "\"ppo.horizon\" = 8, \"ppo.minibatches\" = 2, \"ppo.hidden\" = [8]"),
    (
        "wr2l",
        "\"ppo.horizon\" = 64, \"ppo.minibatches\" = 4, \"ball.pairs.count\" = 40, \"ball.pairs.pool\" = 80, \
         \"ball.pairs.most_steps\" = 800, \"adversary.phase_one.surrogate.budget\" = 8",
    ),
    ("trpo", "\"trpo.horizon\" = 64"),
    (
        "ppo-uniform",
        "\"ppo.horizon\" = 64, \"ball.pairs.count\" = 40, \"ball.pairs.pool\" = 80, \"ball.pairs.most_steps\" = 800",
    ),
    ("epopt", "\"ball.pairs.count\" = 40, \"ball.pairs.pool\" = 80, \"ball.pairs.most_steps\" = 800"),
];

/// Runs of some tenths of a second.
fn file(seeds: usize, methods: &[(&str, &str)]) -> String {
    let mut text = format!("tasks = [\"cartpole\"]\nseeds = {seeds}\nsteps = 6000\n");
    for (name, set) in methods {
        text += &format!("\n[[method]]\nname = \"{name}\"\nalgorithm = \"{name}\"\nset = {{ {set} }}\n");
        if *name != "ppo" && *name != "trpo" {
            text += "vary = [\"pole_half_length\"]\n";
        }
    }
    text + "\n[[evaluation]]\nname = \"far\"\nrandom = 2\nhalf_width = 0.1\nepisodes = 1\n"
}

/// All tables of a sweep, by name; of its runs all but the seconds that they took.
fn collected(folder: &Folder, sweep: &str) -> BTreeMap<String, String> {
    let tables = std::fs::read_dir(folder.path(sweep).join("collected")).unwrap();
    let table = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let mut text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name == "runs.csv" {
            let seconds = text.lines().next().unwrap().split(',').position(|name| name == "seconds").unwrap();
            let mut cells: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
            for cells in &mut cells {
                cells.remove(seconds);
            }
            text = cells.iter().map(|cells| cells.join(",") + "\n").collect();
        }
        (name, text)
    };
    let all: BTreeMap<String, String> = tables.map(table).collect();
    assert!(all.len() >= 3, "{:?}", all.keys());
    all
}

#[test]
fn hyperqueue_comes_to_what_one_machine_comes_to_whatever_is_killed_on_the_way() {
    let Some(python) = std::env::var_os("WR2L_PYTHON") else {
        println!("skipped: `cargo xtask test` sets WR2L_PYTHON");
        return;
    };
    let thorough = std::env::var_os("WR2L_THOROUGH").is_some();
    let (seeds, methods, kills) = if thorough { (4, &METHODS[..], 3) } else { (2, &METHODS[..2], 2) };
    let runs = seeds * methods.len();
    let folder = Folder::new();
    let file = file(seeds, methods);
    folder.write("whole.toml", &file);
    folder.write("study.toml", &file);
    folder.done("sweep whole.toml --local 1");

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
    assert!(out.lines().any(|line| line == format!("finished  {runs:>4}")), "{out}");
    for sweep in ["whole", "study"] {
        folder.done(&format!("sweep collect {sweep}.toml"));
    }
    assert_eq!(collected(&folder, "study"), collected(&folder, "whole"));
}

/// A `wr2l` whose every run is a copy of the one that its method has in `template`.
fn copying(folder: &Folder) -> String {
    let path = folder.path("copying");
    let script = "#!/bin/sh
command=$1
while [ $# -gt 0 ]; do [ \"$1\" = -o ] && to=$2; shift; done
name=${to#study/runs/}
from=template/runs/${name%%-s*}-s0
[ $command = evaluate ] && from=$from/evaluations/far
mkdir -p \"$to\" && cp $from/*.* \"$to\"
";
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn ten_thousand_trivial_runs_go_through_hyperqueue_and_are_all_collected() {
    let (Some(python), Some(_)) = (std::env::var_os("WR2L_PYTHON"), std::env::var_os("WR2L_THOROUGH")) else {
        println!("skipped: `cargo xtask test --thorough` runs it");
        return;
    };
    let folder = Folder::new();
    folder.write("template.toml", &file(1, &METHODS));
    folder.write("study.toml", &file(2000, &METHODS));
    folder.done("sweep template.toml --local 1");
    let program = copying(&folder);
    let mut cluster = submit(&folder, &python, &program).expect("nothing is done yet");
    assert!(cluster.wait().unwrap().success());
    let out = folder.done("sweep status study.toml");
    assert!(out.lines().any(|line| line == "finished  10000"), "{out}");
    assert_eq!(folder.done("sweep study.toml --print"), "", "nothing is left");
    let said = folder.done("sweep collect study.toml");
    assert!(said.contains("10000 of 10000 runs"), "{said}");
    let tables = collected(&folder, "study");
    assert_eq!(tables["runs.csv"].lines().count(), 10_001);
    // A policy has two systems and the nominal one; a method a row for each of six measures.
    assert_eq!(tables["cartpole-far.csv"].lines().count(), 1 + 3 * 10_000);
    assert_eq!(tables["cartpole-far-statistics.csv"].lines().count(), 1 + 6 * METHODS.len());
}
