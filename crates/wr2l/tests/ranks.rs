//! One run on several ranks: the launcher is this test, which passes messages on as `wr2l-mpi` does.
#![cfg(unix)]

mod common;

use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::Folder;
use wr2l_ranks::{ENVIRONMENT, Place, read_frame, write_frame};

/// The processes of a job.
struct Job {
    ranks: Vec<Child>,
    ends: Arc<Vec<Mutex<UnixStream>>>,
}

impl Job {
    fn start(folder: &Folder, size: u32, arguments: &str) -> Self {
        Self::with_temporaries(&folder.path("."), folder, size, arguments)
    }

    /// The same with another folder for temporary files.
    fn with_temporaries(temporaries: &Path, folder: &Folder, size: u32, arguments: &str) -> Self {
        let (mut ranks, mut ends, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
        for rank in 0..size {
            let socket = folder.path(&format!("socket-{rank}"));
            let _ = std::fs::remove_file(&socket);
            let listener = UnixListener::bind(&socket).unwrap();
            let child = Command::new(env!("CARGO_BIN_EXE_wr2l"))
                .args(arguments.split_whitespace())
                .current_dir(folder.path("."))
                .env(ENVIRONMENT, Place { rank, size, socket }.to_environment())
                .env("TMPDIR", temporaries)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let (stream, _) = listener.accept().unwrap();
            inputs.push(stream.try_clone().unwrap());
            ends.push(Mutex::new(stream));
            ranks.push(child);
        }
        let ends = Arc::new(ends);
        for (rank, mut input) in (0..).zip(inputs) {
            let ends = ends.clone();
            thread::spawn(move || {
                while let Ok((to, message)) = read_frame(&mut input) {
                    if write_frame(&mut *ends[to as usize].lock().unwrap(), rank, &message).is_err() {
                        break;
                    }
                }
                // The first that ends is the end of all.
                ends.iter().for_each(|end| drop(end.lock().unwrap().shutdown(Shutdown::Both)));
            });
        }
        Self { ranks, ends }
    }

    /// How rank 0 and the others end.
    fn end(self) -> (Output, Vec<ExitStatus>) {
        let mut ranks = self.ranks.into_iter();
        let first = ranks.next().unwrap().wait_with_output().unwrap();
        let others = ranks.map(|mut rank| rank.wait().unwrap()).collect();
        drop(self.ends);
        (first, others)
    }
}

/// Runs a command on so many ranks.
fn on_ranks(folder: &Folder, size: u32, arguments: &str) {
    let (first, others) = Job::start(folder, size, arguments).end();
    assert!(first.status.success(), "{arguments}: {}", String::from_utf8_lossy(&first.stderr));
    assert!(others.iter().all(ExitStatus::success), "{arguments}: {others:?}");
}

const BALL: &str = "--set ball.pairs.count=40 --set ball.pairs.pool=80 --set ball.pairs.most_steps=800";
const PPO: &str =
    "--set ppo.horizon=96 --set ppo.lanes=6 --set ppo.minibatches=4 --set ppo.hidden=[8] --steps 1700";

/// Trainings, each with batches that are worth sharing.
fn trainings() -> Vec<(&'static str, String)> {
    let wr2l = "--algorithm wr2l --set adversary.phase_one.surrogate.budget=8";
    vec![
        ("ppo", format!("train hopper --algorithm ppo {PPO}")),
        ("wr2l", format!("train hopper {wr2l} --vary torso_density,friction {BALL} {PPO}")),
        ("epopt", format!("train hopper --algorithm epopt --vary friction {BALL} {PPO}")),
        (
            "td3",
            "train inverted-pendulum --algorithm td3 --steps 700 --set td3.minibatch=16 \
             --set td3.warm_up=256 --set td3.hidden=[8]"
                .into(),
        ),
        ("trpo", "train hopper --algorithm trpo --steps 1300 --set trpo.horizon=64".into()),
    ]
}

fn same(folder: &Folder, one: &str, other: &str) {
    let bytes = |run: &str| std::fs::read(folder.path(run)).unwrap_or_else(|error| panic!("{run}: {error}"));
    assert!(bytes(one) == bytes(other), "{one} differs from {other}");
}

#[test]
fn policies_tables_and_searches_are_those_of_one_process() {
    let folder = Folder::new();
    for (name, training) in trainings() {
        folder.done(&format!("{training} --threads 1 --quiet -o alone/{name}"));
        for size in 1..=3 {
            let run = format!("on-{size}/{name}");
            on_ranks(&folder, size, &format!("{training} --threads 1 --quiet -o {run}"));
            for file in ["policy.safetensors", "results/after-training.csv"] {
                if folder.path(&format!("alone/{name}/{file}")).exists() {
                    same(&folder, &format!("{run}/{file}"), &format!("alone/{name}/{file}"));
                }
            }
        }
    }
    let search = "evaluate alone/wr2l --worst-case --within ball --budget 120 --episodes 2 --threads 1";
    folder.done(&format!("{search} -o found-alone"));
    for size in 2..=3 {
        on_ranks(&folder, size, &format!("{search} -o found-{size}"));
        let tables = std::fs::read_dir(folder.path("found-alone")).unwrap().flatten();
        let tables: Vec<_> =
            tables.filter(|entry| entry.path().extension() == Some("csv".as_ref())).collect();
        assert!(!tables.is_empty());
        for table in tables {
            let name = table.file_name().into_string().unwrap();
            same(&folder, &format!("found-{size}/{name}"), &format!("found-alone/{name}"));
        }
    }
}

/// A run that takes some seconds.
const LONG: &str = "train hopper --algorithm ppo --steps 60000 --threads 1 --no-report --quiet --checkpoint-every 0 \
                    --set ppo.hidden=[8]";

fn until(job: &mut Job, done: impl Fn(&Job) -> bool) {
    let began = Instant::now();
    while !done(job) {
        assert!(began.elapsed() < Duration::from_secs(120), "it does not come to that");
        assert!(job.ranks[0].try_wait().unwrap().is_none(), "it has ended before");
        thread::sleep(Duration::from_millis(5));
    }
}

fn until_there(path: &Path, job: &mut Job) {
    until(job, |_| path.exists());
}

/// Whether a process has a thread that does the critic's half of updates, once it has.
fn is_near(rank: &Child) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{}/task", rank.id())).unwrap().flatten();
    let mut names = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok());
    names.any(|name| name.trim() == "near")
}

fn signal(name: &str, rank: &Child) {
    assert!(Command::new("kill").args([name, &rank.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_rank_that_dies_ends_the_job_with_a_sentence_and_resume_comes_to_the_same() {
    let folder = Folder::new();
    folder.done(&format!("{LONG} -o whole"));
    let mut job = Job::start(&folder, 3, &format!("{LONG} -o run"));
    until_there(&folder.path("run/policy.safetensors"), &mut job);
    // It dies where it does half of the updates, which the first is not yet.
    until(&mut job, |job| is_near(&job.ranks[1]));
    assert!(!is_near(&job.ranks[2]), "one is enough");
    signal("-9", &job.ranks[1]);
    let died = Instant::now();
    let (first, others) = job.end();
    assert!(died.elapsed() < Duration::from_secs(10));
    let said = String::from_utf8_lossy(&first.stderr);
    assert_eq!(first.status.code(), Some(1), "{said}");
    assert!(said.contains("are gone") && said.contains("wr2l resume run"), "{said}");
    assert!(others[1].success(), "who is left ends quietly: {others:?}");
    let left = folder.names().into_iter().find(|name| name.starts_with("wr2l-near"));
    assert_eq!(left, None, "the folder of the socket is gone");
    on_ranks(&folder, 2, &format!("{LONG} --resume -o run"));
    same(&folder, "run/policy.safetensors", "whole/policy.safetensors");
}

#[test]
fn a_signal_for_rank_0_keeps_all_of_it_and_other_ranks_go_on() {
    let folder = Folder::new();
    folder.done(&format!("{LONG} -o whole"));
    let mut job = Job::start(&folder, 2, &format!("{LONG} --requeue -o run"));
    until_there(&folder.path("run/policy.safetensors"), &mut job);
    signal("-USR1", &job.ranks[0]);
    let (first, others) = job.end();
    let said = String::from_utf8_lossy(&first.stderr);
    assert_eq!(first.status.code(), Some(75), "{said}");
    assert!(others[0].success());
    on_ranks(&folder, 3, &format!("{LONG} --resume -o run"));
    same(&folder, "run/policy.safetensors", "whole/policy.safetensors");
}

#[test]
fn without_a_folder_for_a_socket_rank_0_does_the_whole_update() {
    let folder = Folder::new();
    folder.done(&format!("{LONG} -o whole"));
    let mut job = Job::with_temporaries(Path::new("/nowhere"), &folder, 2, &format!("{LONG} -o run"));
    while job.ranks[0].try_wait().unwrap().is_none() {
        assert!(!is_near(&job.ranks[1]));
        thread::sleep(Duration::from_millis(5));
    }
    let (first, _) = job.end();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    same(&folder, "run/policy.safetensors", "whole/policy.safetensors");
}

#[test]
fn a_place_that_no_launcher_gave_is_refused() {
    for (place, words) in [("nonsense", "RANK SIZE SOCKET"), ("0 2 nowhere", "cannot be reached")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wr2l"));
        let ran = command.arg("tasks").env(ENVIRONMENT, place).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.code() == Some(1) && said.contains(words), "{said}");
    }
}
