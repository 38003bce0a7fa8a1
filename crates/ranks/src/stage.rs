//! What is simulated, on the way to the other ranks.

use std::path::{Path, PathBuf};

use wr2l_nn::InstructionSet;
use wr2l_run::{RunError, Stage, TaskRef};
use wr2l_sim::{DynamicsSpace, Parameter, Physics, Simulator};

use crate::wire::{Malformed, Reader, Writer};

/// What has to be the same on all ranks, because numbers depend on it.
pub(crate) fn likeness(simulator: &Simulator) -> Vec<String> {
    vec![
        format!("version {}", env!("CARGO_PKG_VERSION")),
        format!("instructions {}", InstructionSet::detect().bits()),
        format!("physics {}", simulator.physics()),
        simulator.identity().to_owned(),
    ]
}

pub(crate) fn write(stage: &Stage, threads: usize, to: &mut Writer) {
    // The project's own tasks every build has; others travel as their files.
    let files = if stage.task.hash().is_none() { Vec::new() } else { stage.task.files() };
    to.text(stage.task.name());
    to.list(&files, |to, (name, bytes)| {
        to.text(name);
        to.raw(bytes);
    });
    to.text(stage.physics.as_str());
    to.list(stage.space.parameters(), |to, p| {
        for text in [&p.name, &p.unit, &p.description] {
            to.text(text);
        }
        for number in [p.nominal, p.lower, p.upper, p.scale] {
            to.real(number);
        }
    });
    to.count(threads);
}

/// What another rank is told to simulate.
pub(crate) struct Told {
    name: String,
    files: Vec<(String, Vec<u8>)>,
    physics: String,
    parameters: Vec<Parameter>,
    pub(crate) threads: usize,
}

impl Told {
    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            name: from.text()?,
            files: from.list(|from| Ok((from.text()?, from.raw()?.to_vec())))?,
            physics: from.text()?,
            parameters: from.list(|from| {
                Ok(Parameter {
                    name: from.text()?,
                    unit: from.text()?,
                    description: from.text()?,
                    nominal: from.real()?,
                    lower: from.real()?,
                    upper: from.real()?,
                    scale: from.real()?,
                })
            })?,
            threads: from.count()?,
        })
    }

    /// The stage, or why there is none, in a sentence.
    pub(crate) fn stage(self) -> Result<Stage, String> {
        let task = match self.files.is_empty() {
            true => TaskRef::open(&self.name),
            false => unpacked(&self.files),
        }?;
        let physics = self.physics.parse::<Physics>().map_err(|error| error.to_string())?;
        let space = DynamicsSpace::new(self.parameters).map_err(|error| error.to_string())?;
        Ok(Stage { task, physics, space })
    }
}

/// The task of these files, the first of which is its own: put into a folder for as long as it is read.
fn unpacked(files: &[(String, Vec<u8>)]) -> Result<TaskRef, String> {
    let folder = Folder::new()?;
    for (name, bytes) in files {
        let path = Path::new(name);
        // Names within the folder, as a run's folder keeps them.
        if !path.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
            return Err(format!("`{name}` is no name of a file of a task"));
        }
        let path = folder.0.join(path);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, bytes)).map_err(|error| format!("`{name}`: {error}"))?;
    }
    let Some((own, _)) = files.first() else { return Err("a task of no files".into()) };
    TaskRef::open(&folder.0.join(own).to_string_lossy())
}

/// A folder that is there for a moment.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, String> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("wr2l-task-{process}-{number}"));
        std::fs::create_dir(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is in the folder for temporary files: what cannot be removed goes with the others.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A refusal of a rank.
pub(crate) fn refused(rank: usize, reason: &str) -> RunError {
    RunError::Failed(format!("rank {rank} cannot take part: {reason}"))
}
