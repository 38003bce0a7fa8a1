//! `wr2l sweep`: many runs from one file, killed, called again, on this machine and through schedulers.
#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Folder, Ran};

/// Runs of some tenths of a second.
fn file(seeds: u32, steps: u32) -> String {
    format!(
        "tasks = [\"cartpole\"]\nseeds = {seeds}\nsteps = {steps}\n\n\
         [[method]]\nname = \"plain\"\nalgorithm = \"ppo\"\n\
         set = {{ \"ppo.horizon\" = 8, \"ppo.minibatches\" = 2, \"ppo.hidden\" = [8] }}\n\n\
         [[method]]\nname = \"patient\"\nalgorithm = \"ppo\"\n\
         set = {{ \"ppo.horizon\" = 16, \"ppo.minibatches\" = 2, \"ppo.hidden\" = [8], \"ppo.gamma\" = 0.999 }}\n\n\
         [[evaluation]]\nname = \"far\"\nrandom = 4\nhalf_width = 0.1\nepisodes = 1\n"
    )
}

/// The policies of a sweep's runs, by run.
fn policies(sweep: &Path) -> BTreeMap<String, Vec<u8>> {
    let runs = std::fs::read_dir(sweep.join("runs")).into_iter().flatten().flatten();
    let policy = |run: std::fs::DirEntry| {
        let bytes = std::fs::read(run.path().join("policy.safetensors")).ok()?;
        Some((run.file_name().into_string().ok()?, bytes))
    };
    runs.filter_map(policy).collect()
}

/// The counts that `status` shows, in its order: finished, running, stopped, failed, waiting.
fn counts(folder: &Folder, file: &str) -> Vec<u32> {
    let out = folder.done(&format!("sweep status {file}"));
    out.lines().skip(1).take(5).map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap()).collect()
}

#[test]
fn a_sweep_is_trained_evaluated_and_collected_and_nothing_is_done_twice() {
    let folder = Folder::new();
    folder.write("study.toml", &file(2, 500));
    assert_eq!(counts(&folder, "study.toml"), [0, 0, 0, 0, 4]);
    folder.done("sweep study.toml --local 2");
    assert_eq!(counts(&folder, "study.toml"), [4, 0, 0, 0, 0]);
    let said = folder.done("sweep collect study.toml");
    assert!(said.contains("4 of 4 runs"), "{said}");
    let runs = folder.read("study/collected/runs.csv");
    assert_eq!(runs.lines().count(), 5);
    assert!(runs.lines().nth(1).unwrap().starts_with("cartpole-plain-s0,cartpole,plain,0,finished,budget,5"));
    assert!(runs.lines().all(|line| line.ends_with(",instructions")
        || line.ends_with(",avx2")
        || line.ends_with(",portable")));
    let columns = |text: &str| text.lines().map(|line| line.split(',').count()).collect::<Vec<_>>();
    assert_eq!(columns(&runs), [15; 5]);
    let table = folder.read("study/collected/cartpole-far.csv");
    assert_eq!(table.lines().count(), 1 + 4 * 5, "4 policies on 4 systems and the nominal one");
    assert!(["plain", "patient"].iter().all(|method| table.matches(&format!(",{method},")).count() == 10));
    assert!(folder.read("study/collected/cartpole-far-statistics.csv").contains("better_than_patient"));
    // Nothing is left to start.
    assert_eq!(folder.done("sweep study.toml --print"), "");
    // Another seed is all that a longer file adds.
    folder.write("study.toml", &file(3, 500));
    assert_eq!(counts(&folder, "study.toml"), [4, 0, 0, 0, 2]);
    let lines = folder.done("sweep study.toml --print");
    assert_eq!(lines.lines().filter(|line| line.contains("-s2")).count(), 2);
    assert_eq!(lines.lines().count(), 2);
    let before = policies(&folder.path("study"));
    for line in lines.lines() {
        let status = Command::new("sh").args(["-c", line]).current_dir(folder.path(".")).status().unwrap();
        assert!(status.success(), "{line}");
    }
    assert_eq!(counts(&folder, "study.toml"), [6, 0, 0, 0, 0]);
    let after = policies(&folder.path("study"));
    assert!(before.iter().all(|(name, policy)| after[name] == *policy));
}

#[test]
fn a_run_that_fails_is_named_with_the_end_of_its_log_and_keeps_nobody_else_from_running() {
    let folder = Folder::new();
    folder.write("study.toml", &file(2, 500));
    // Somebody else's folder is in the way.
    std::fs::create_dir_all(folder.path("study/runs/cartpole-patient-s0")).unwrap();
    folder.write("study/runs/cartpole-patient-s0/mine.txt", "");
    let Ran { code, err, .. } = folder.run("sweep study.toml --local 2");
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("1 of 4 runs failed, cartpole-patient-s0 the first"), "{err}");
    assert_eq!(counts(&folder, "study.toml"), [3, 0, 0, 1, 0]);
    let said = folder.done("sweep status study.toml");
    for words in ["cartpole-patient-s0 failed with 2", "study/logs/cartpole-patient-s0.log", "is not empty"] {
        assert!(said.contains(words), "no `{words}` in {said}");
    }
    let json = folder.done("sweep status study.toml --json");
    assert!(json.contains(r#""standing":"failed""#) && json.contains(r#""exit":2"#), "{json}");
    std::fs::remove_file(folder.path("study/runs/cartpole-patient-s0/mine.txt")).unwrap();
    folder.done("sweep study.toml --local 1");
    assert_eq!(counts(&folder, "study.toml"), [4, 0, 0, 0, 0]);
}

#[test]
fn a_sweep_that_is_told_to_stop_asks_to_be_called_again_and_comes_to_the_same() {
    let folder = Folder::new();
    folder.write("whole.toml", &file(2, 20_000));
    folder.write("study.toml", &file(2, 20_000));
    folder.done("sweep whole.toml --local 1");
    let mut calls = 0;
    loop {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wr2l"))
            .args("sweep study.toml --local 2 --requeue".split_whitespace())
            .current_dir(folder.path("."))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        if calls < 2 {
            // Until it has begun a run, and so listens.
            while child.try_wait().unwrap().is_none() && counts(&folder, "study.toml")[1] == 0 {}
            let _ =
                Command::new("kill").args(["-USR1", &child.id().to_string()]).stderr(Stdio::null()).status();
        }
        calls += 1;
        match child.wait().unwrap().code() {
            Some(75) => assert!(calls < 10),
            code => {
                assert_eq!(code, Some(0));
                break;
            }
        }
    }
    assert!(calls > 1, "no stop came in time");
    assert!(policies(&folder.path("study")) == policies(&folder.path("whole")));
}

/// A program on a path of its own, and that path.
fn fake(folder: &Folder, name: &str, script: &str) -> String {
    let bin = folder.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join(name), script).unwrap();
    std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

fn with_path(folder: &Folder, arguments: &str, path: &str) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wr2l"))
        .args(arguments.split_whitespace())
        .current_dir(folder.path("."))
        .env("PATH", path)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// An `sbatch` that runs every task of the array here, and again when it is queued again, and kills one on the way.
const SBATCH: &str = "#!/bin/bash
grep -q -- '--signal=B:USR1@120' \"$1\" && grep -q -- '--partition=short' \"$1\" || exit 3
last=$(sed -n 's/^#SBATCH --array=0-//p' \"$1\")
for task in $(seq 0 \"$last\"); do
    rm -f again
    while true; do
        SLURM_ARRAY_TASK_ID=$task SLURM_JOB_ID=$task bash \"$1\" &
        batch=$!
        if [ ! -e warned ]; then
            until ls study/runs/*/policy.safetensors >/dev/null 2>&1; do sleep 0.01; done
            kill -USR1 \"$batch\"
            touch warned
        fi
        wait \"$batch\"
        [ -e again ] || break
        mv again queued-$task
    done
done
";

#[test]
fn an_array_of_slurm_does_the_whole_sweep_and_queues_again_what_was_out_of_time() {
    let folder = Folder::new();
    folder.write("study.toml", &file(2, 4000));
    folder.write("whole.toml", &file(2, 4000));
    folder.done("sweep whole.toml --local 1");
    fake(&folder, "scontrol", "#!/bin/sh\n[ \"$1\" = requeue ] && touch again\n");
    let path = fake(&folder, "sbatch", SBATCH);
    let (code, said) =
        with_path(&folder, "sweep study.toml --slurm 3 --local 2 --option=--partition=short", &path);
    assert_eq!(code, 0, "{said}");
    assert!(folder.path("queued-0").exists(), "the first task was warned and queued again: {said}");
    assert_eq!(counts(&folder, "study.toml"), [4, 0, 0, 0, 0]);
    assert!(policies(&folder.path("study")) == policies(&folder.path("whole")));
    let (code, said) = with_path(&folder, "sweep study.toml --slurm 3", "");
    assert_eq!((code, said.contains("nothing to submit")), (0, true), "{said}");
    folder.write("study.toml", &file(3, 4000));
    let (code, said) = with_path(&folder, "sweep study.toml --slurm 3", "");
    assert_eq!((code, said.contains("`sbatch` did not start")), (1, true), "{said}");
}

#[test]
fn hyperqueue_is_given_a_line_a_run() {
    let folder = Folder::new();
    folder.write("study.toml", &file(2, 500));
    // What `hq submit --each-line FILE … -- sh -c SCRIPT` comes to.
    let script = "#!/bin/bash
[ \"$1\" = submit ] || exit 3
while [ \"$1\" != -- ]; do [ \"$1\" = --each-line ] && lines=$2; shift; done
shift
while IFS= read -r line; do HQ_ENTRY=\"$line\" \"$@\" || exit 4; done <\"$lines\"
";
    let path = fake(&folder, "hq", script);
    let (code, said) = with_path(&folder, "sweep study.toml --hyperqueue", &path);
    assert_eq!(code, 0, "{said}");
    assert_eq!(counts(&folder, "study.toml"), [4, 0, 0, 0, 0]);
    folder.refused("sweep study.toml --hyperqueue --local 3", 2, &["--local"]);
    folder.refused("sweep study.toml --part 3/3", 2, &["from 0 to N − 1"]);
    folder.refused("sweep", 2, &["FILE"]);
    folder.refused("sweep nowhere.toml", 1, &["cannot read `nowhere.toml`"]);
}
