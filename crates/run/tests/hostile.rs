//! Files of any content: every reader returns, whatever it is given. `cargo xtask fuzz SECONDS` does for as long as one
//! likes what the tests do for a second a reader.
//!
//! Valid files are damaged in ways that keep most of their structure, and hostile ones put beside them. What has broken a
//! reader once is kept in `tests/corpus/READER/` and tried first. A panic prints the seed of its case; what ends the whole
//! process leaves its input in `target/fuzz-READER`, when `WR2L_FUZZ_SECONDS` is set.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crc::{CRC_64_XZ, Crc};
use wr2l_rl::StopFlag;
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_run::{
    BallSummary, Keep, Layer, Plan, RunFolder, Saved, Simulation, Summary, TrainOptions, read_checkpoint,
    read_policy, train,
};

/// A run with everything in it: a ball, an adversary, checkpoints, a policy.
fn run(root: &Path) -> PathBuf {
    let settings = [
        "task=cartpole",
        "algorithm=ppo-uniform",
        "steps=64",
        "ball.pairs.count=4",
        "ball.pairs.pool=8",
        "ball.pairs.most_steps=80",
        "ppo.horizon=8",
        "ppo.lanes=2",
        "ppo.minibatches=1",
        "ppo.epochs=1",
        "ppo.hidden=[3]",
    ];
    let layers: Vec<Layer> = settings.iter().map(|setting| Layer::set(setting).unwrap()).collect();
    let plan = Plan::resolve(&layers).unwrap();
    let path = root.join("run");
    let folder = RunFolder::create(&path, false).unwrap();
    // With those before the last, from which a run can go on.
    let options = TrainOptions { keep: Some(Keep::TRAINING), ..TrainOptions::default() };
    train(&plan, &folder, &options, &mut ()).unwrap();
    path
}

/// Texts that have broken readers elsewhere.
fn nasty(stream: &mut Stream) -> Vec<u8> {
    let long = 1 << (4 + stream.below(12));
    match stream.below(16) {
        0 => b"1e999".to_vec(),
        1 => b"-1".to_vec(),
        2 => b"18446744073709551616".to_vec(),
        3 => b"nan".to_vec(),
        4 => b"inf".to_vec(),
        5 => vec![b'9'; long],
        6 => vec![b'['; long],
        7 => b"a.".repeat(long),
        8 => b"{\"a\":".repeat(long),
        9 => u64::MAX.to_le_bytes().to_vec(),
        10 => (1_u64 << 40).to_le_bytes().to_vec(),
        11 => f64::NAN.to_le_bytes().to_vec(),
        12 => b"\0".to_vec(),
        13 => "é\u{1f600}".as_bytes().to_vec(),
        14 => b"\n".repeat(long),
        _ => b"\"\\u0000\"".to_vec(),
    }
}

/// A damaged copy that keeps most of the structure.
fn mutated(good: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..1 + stream.below(4) {
        let at = stream.below(bytes.len() + 1);
        let longest = 1 << stream.below(8);
        let end = (at + stream.below(longest)).min(bytes.len());
        match stream.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << stream.below(8),
            1 if at < bytes.len() => bytes[at] = stream.below(256) as u8,
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 if stream.below(4) == 0 => bytes.truncate(at),
            5 => {
                let piece: Vec<u8> = (0..stream.below(16)).map(|_| stream.below(256) as u8).collect();
                bytes.splice(at..end, piece);
            }
            6 => drop(bytes.splice(at..end, nasty(stream))),
            // A number, where there is one, for another.
            _ => {
                let digit = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset);
                if let Some(from) = digit {
                    let length = bytes[from..]
                        .iter()
                        .take_while(|byte| byte.is_ascii_digit() || **byte == b'.')
                        .count();
                    bytes.splice(from..from + length, nasty(stream));
                }
            }
        }
    }
    bytes
}

/// Gives `read` the corpus, hostile texts and damaged copies of `good` for a second, or for `WR2L_FUZZ_SECONDS`.
fn hold(reader: &str, good: &[u8], mut read: impl FnMut(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(reader);
    for entry in std::fs::read_dir(corpus).into_iter().flatten() {
        read(&std::fs::read(entry.unwrap().path()).unwrap());
    }
    let asked = std::env::var("WR2L_FUZZ_SECONDS").ok().and_then(|text| text.parse::<f64>().ok());
    let time = Duration::from_secs_f64(asked.unwrap_or(1.0));
    let note = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{reader}"));
    let seed = if asked.is_some() { u64::from(std::process::id()) } else { 1 };
    let began = Instant::now();
    let mut case = 0;
    while case < 100 || began.elapsed() < time {
        let mut stream = StreamKey::new(seed, Purpose::Test).episode(case).stream();
        let input = match stream.below(10) {
            0 => nasty(&mut stream),
            1 => (0..stream.below(300)).map(|_| stream.below(256) as u8).collect(),
            _ => mutated(good, &mut stream),
        };
        if asked.is_some() {
            std::fs::write(&note, &input).unwrap();
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&input)));
        if outcome.is_err() {
            std::fs::write(&note, &input).unwrap();
            panic!("{reader}: seed {seed}, case {case} panics; its input is in {}", note.display());
        }
        case += 1;
    }
    println!("{reader}: {case} cases");
}

/// Writes each input to a file for readers of paths.
fn hold_file(reader: &str, good: &[u8], mut read: impl FnMut(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    hold(reader, good, |bytes| {
        std::fs::write(&path, bytes).unwrap();
        read(&path);
    });
}

#[test]
fn plans() {
    let root = tempfile::tempdir().unwrap();
    let good = std::fs::read(run(root.path()).join("plan.toml")).unwrap();
    hold_file("plan", &good, |path| {
        let Ok(layer) = Layer::file(path) else { return };
        if let Ok(plan) = Plan::resolve(&[layer]) {
            // What is accepted is written down and read back the same.
            let text = Layer::text(path, plan.to_toml()).unwrap();
            assert_eq!(Plan::resolve(&[text]).unwrap(), plan);
        }
    });
}

#[test]
fn settings() {
    hold("set", b"adversary.phase_one.gradient.pairs=3", |bytes| {
        if let Ok(layer) = Layer::set(&String::from_utf8_lossy(bytes)) {
            let task = Layer::set("task=cartpole").unwrap();
            let _ = Plan::resolve(&[task, layer]);
        }
    });
}

#[test]
fn policies() {
    let root = tempfile::tempdir().unwrap();
    let good = std::fs::read(run(root.path()).join("policy.safetensors")).unwrap();
    hold_file("policy", &good, |path| drop(read_policy(path)));
}

#[test]
fn balls() {
    let root = tempfile::tempdir().unwrap();
    let good = std::fs::read(run(root.path()).join("ball.toml")).unwrap();
    hold_file("ball", &good, |path| {
        if let Ok(ball) = BallSummary::read(path) {
            let _ = ball.outline("pole_mass", "pole_half_length");
        }
    });
}

#[test]
fn actions_and_initial_states() {
    let simulation = |actions: Option<PathBuf>, initial_state: Option<PathBuf>| Simulation {
        task: "cartpole".parse().unwrap(),
        physics: None,
        phi: Vec::new(),
        initial_state,
        actions,
        steps: None,
        seed: 0,
        ignore_termination: true,
    };
    hold_file("actions", b"0\n1\n1\n0\n0\n", |path| {
        let _ = simulation(Some(path.to_owned()), None).run(|_| Ok(()));
    });
    hold_file("initial-state", b"0.01,-0.2,0.03,0.04\n", |path| {
        let mut simulation = simulation(None, Some(path.to_owned()));
        simulation.steps = Some(3);
        let _ = simulation.run(|_| Ok(()));
    });
}

#[test]
fn result_tables() {
    let good = b"task,physics,method,policy,seed,stochastic,system,pole_mass,mean,sd,standard_error,min,max,length,episodes,diverged\n\
                 cartpole,classic,ppo,run,0,false,nominal,0.1,9.5,1,0.5,8,11,9.5,4,0\n\
                 cartpole,classic,ppo,run,0,false,0,0.2,9.5,1,0.5,8,11,9.5,4,1\n";
    hold_file("results", good, |path| {
        if let Ok(tables) = wr2l_eval::read_csv(path) {
            for table in &tables {
                let _ = table.statistics();
            }
        }
    });
}

#[test]
fn summaries() {
    let root = tempfile::tempdir().unwrap();
    let path = run(root.path());
    let folder = RunFolder::open(&path).unwrap();
    let good = std::fs::read(path.join("summary.json")).unwrap();
    hold("summary", &good, |bytes| {
        std::fs::write(path.join("summary.json"), bytes).unwrap();
        let _ = Summary::read(&folder);
    });
}

/// The newest checkpoint of a run.
fn newest(run: &Path) -> PathBuf {
    let entries = std::fs::read_dir(run.join("checkpoints")).unwrap();
    entries.map(|entry| entry.unwrap().path()).max().unwrap()
}

/// A frame with a right length and checksum around a payload.
fn framed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"wr2lckpt\x01\0\0\0\0\0\0\0".to_vec();
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(payload);
    let sum = Crc::<u64>::new(&CRC_64_XZ).checksum(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

#[test]
fn checkpoints_behind_their_checksum() {
    let root = tempfile::tempdir().unwrap();
    let good = std::fs::read(newest(&run(root.path()))).unwrap();
    let payload = &good[24..good.len() - 8];
    assert_eq!(framed(payload), good);
    hold_file("checkpoint", payload, |path| {
        let framed = framed(&std::fs::read(path).unwrap());
        std::fs::write(path, framed).unwrap();
        let _ = read_checkpoint(path);
    });
}

#[test]
fn runs_that_go_on_from_hostile_checkpoints() {
    let root = tempfile::tempdir().unwrap();
    let path = run(root.path());
    // One before the end, so that there is something to go on with.
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(path.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let good = std::fs::read(&names[0]).unwrap();
    let header = 8 + u64::from_le_bytes(good[24..32].try_into().unwrap()) as usize;
    let (list, data) = good[24..good.len() - 8].split_at(header);
    names.iter().for_each(|name| std::fs::remove_file(name).unwrap());
    let files = ["metrics.csv", "adversary.csv", "policy.safetensors", "events.out.tfevents.wr2l"];
    let logs = files.map(|name| (name, std::fs::read(path.join(name)).unwrap()));
    // The numbers alone are damaged, eight bytes at a time: the rest is the business of the test above.
    hold("resume", b"numbers", |bytes| {
        let mut stream = StreamKey::new(bytes.iter().map(|&b| u64::from(b)).sum(), Purpose::Test).stream();
        let mut data = data.to_vec();
        for _ in 0..1 + stream.below(3) {
            let at = stream.below(data.len() / 8) * 8;
            let value = match stream.below(6) {
                0 => f64::NAN.to_le_bytes(),
                1 => f64::INFINITY.to_le_bytes(),
                2 => 1e300_f64.to_le_bytes(),
                3 => u64::MAX.to_le_bytes(),
                4 => (1_u64 << 61).to_le_bytes(),
                _ => (stream.normal() * 10.0).to_le_bytes(),
            };
            data[at..at + 8].copy_from_slice(&value);
        }
        for (name, content) in &logs {
            std::fs::write(path.join(name), content).unwrap();
        }
        for entry in std::fs::read_dir(path.join("checkpoints")).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
        std::fs::write(&names[0], framed(&[list, &data].concat())).unwrap();
        if let Ok(saved) = Saved::open(&path, true) {
            let _ =
                saved.train(&TrainOptions { stop: StopFlag::default(), ..TrainOptions::default() }, &mut ());
        }
    });
}
