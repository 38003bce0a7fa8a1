//! What becomes of every MJCF and URDF under some folders: a line each, as CSV.
//!
//! ```text
//! cargo run -p wr2l-robot --features mujoco --example every_model -- FOLDER... > models.csv
//! ```
//!
//! Each model is read, listed and, where something of it moves and acts, stepped fifty times under random actions, in a process
//! of its own: whatever a file does, the next is tried.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wr2l_rng::{Purpose, StreamKey};
use wr2l_robot::{RobotModel, RobotTask, TaskFile, describe};
use wr2l_sim::Outcome;

/// A file that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
const STEPS: usize = 50;
const TASK: &str = "
[robot]
mjcf = \"any\"
frame_skip = 1
[action]
map = { around = \"keyframe\", scale = 0.1 }
[[observe]]
value = \"qpos\"
[[observe]]
value = \"qvel\"
";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if let [flag, file] = arguments.as_slice()
        && flag == Path::new("--one")
    {
        println!("{}", one(file));
        return Ok(());
    }
    println!("package,file,outcome,bodies,joints,actuators,physics,reason");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for folder in &arguments {
        let mut files = Vec::new();
        collect(folder, &mut files)?;
        files.sort();
        for file in files.iter().filter(|file| is_model(file)) {
            let shown = file.strip_prefix(folder)?.display().to_string();
            let package = shown.split('/').next().unwrap_or_default().to_owned();
            let line = in_a_process(file)?;
            *counts.entry(line.split(',').next().unwrap_or_default().to_owned()).or_default() += 1;
            println!("{package},{shown},{line}");
        }
    }
    eprintln!("{counts:?}");
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a file is an MJCF or URDF: what its first element is.
fn is_model(file: &Path) -> bool {
    let ends = |ending: &str| file.extension().is_some_and(|extension| extension == ending);
    let holds = |word: &str| std::fs::read_to_string(file).is_ok_and(|text| text.contains(word));
    (ends("xml") && holds("<mujoco")) || (ends("urdf") && holds("<robot"))
}

fn in_a_process(file: &Path) -> Result<String, Box<dyn Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--one")
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let start = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if start.elapsed() > PATIENCE => {
                child.kill()?;
                child.wait()?;
                return Ok("hangs,,,,,".to_owned());
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let mut line = String::new();
    child.stdout.take().map_or(Ok(0), |mut output| output.read_to_string(&mut line))?;
    // MuJoCo warns on standard output at times: the last line is ours.
    let line = line.lines().last().unwrap_or_default();
    Ok(if status.success() { line.to_owned() } else { format!("panics,,,,,{status}") })
}

/// Outcome, sizes, physics and reason.
fn one(file: &Path) -> String {
    let quoted = |reason: String| {
        let line: Vec<&str> = reason.split_whitespace().collect();
        format!("\"{}\"", line.join(" ").replace(&file.display().to_string(), "FILE").replace('"', "'"))
    };
    let model = match RobotModel::load(file) {
        Ok(model) => model,
        Err(error) => return format!("refused,,,,,{}", quoted(error.to_string())),
    };
    let inventory = model.inventory();
    let sizes =
        format!("{},{},{}", inventory.bodies.len() - 1, inventory.joints.len(), inventory.actuators.len());
    let listed = describe(&model);
    assert!(!listed.is_empty());
    let task = TaskFile::read(TASK, "task.toml").map_err(|mistake| mistake.to_string());
    let task = task.and_then(|file| RobotTask::new(file, model.clone()).map_err(|error| error.to_string()));
    let task = match task {
        Ok(task) => task,
        Err(reason) => return format!("loads,{sizes},,{}", quoted(reason)),
    };
    match stepped(&task) {
        Ok((physics, diverged)) => {
            let reason = task.choice().map_or_else(|error| error.to_string(), |choice| choice.reason);
            let outcome = if diverged { "diverges" } else { "runs" };
            format!("{outcome},{sizes},{physics},{}", quoted(reason))
        }
        Err(error) => format!("loads,{sizes},,{}", quoted(error.to_string())),
    }
}

/// The physics, and whether it broke down.
fn stepped(task: &RobotTask) -> Result<(&'static str, bool), Box<dyn Error>> {
    let physics = task.choice()?.physics.as_str();
    let simulator = task.simulator(None, &task.variation().space)?;
    let mut sim = simulator.batch(1)?;
    sim.reset(0, &mut StreamKey::new(0, Purpose::Test).stream());
    let mut random = StreamKey::new(1, Purpose::Test).stream();
    let mut action = vec![0.0; sim.spec().act_dim()];
    let (mut reward, mut outcome) = ([0.0], [Outcome::Running]);
    for _ in 0..STEPS {
        action.fill_with(|| random.uniform(-1.0, 1.0));
        sim.step(&action, &[true], &mut reward, &mut outcome);
        if matches!(outcome[0], Outcome::Diverged(_)) {
            return Ok((physics, true));
        }
    }
    Ok((physics, false))
}
