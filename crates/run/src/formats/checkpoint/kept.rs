//! The checkpoints of a run folder: the last few, so that a damaged one costs little.

use std::path::{Path, PathBuf};

use wr2l_rl::State;

use super::file::{self, Header};
use super::keep::Keep;
use crate::error::RunError;
use crate::formats::files::remove_temporaries;
use crate::formats::folder::RunFolder;

const ENDING: &str = ".ckpt";

/// The folder `checkpoints/` of a run. A file is named after the iterations done, so that names sort by age.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
}

/// The newest usable checkpoint.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    pub(crate) state: State<'static>,
}

impl Checkpoints {
    /// Those in `folder`, which is made when the first is written.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes one, durably, then removes those that `keep` has no place for.
    pub(crate) fn write(
        &self,
        iteration: u64,
        header: &Header,
        state: &State<'_>,
        keep: Keep,
    ) -> Result<(), RunError> {
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| RunError::io("create", &self.folder, &error))?;
        file::write(&self.folder.join(format!("{iteration:010}{ENDING}")), header, state)?;
        self.prune(keep)
    }

    /// Removes those that `keep` has no place for.
    pub(crate) fn prune(&self, keep: Keep) -> Result<(), RunError> {
        for (newer, old) in self.all()?.iter().rev().enumerate() {
            let iteration = old.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if !keep.keeps(iteration.unwrap_or_default(), newer) {
                // One too many is no reason to stop training.
                let _ = std::fs::remove_file(old);
            }
        }
        Ok(())
    }

    /// The newest that is whole, and for each damaged one that was passed over a sentence; `None` if there is none.
    pub(crate) fn newest(&self) -> Result<(Option<Found>, Vec<String>), RunError> {
        let mut damaged = Vec::new();
        for path in self.all()?.into_iter().rev() {
            match file::read(&path) {
                Ok((header, state)) => return Ok((Some(Found { path, header, state }), damaged)),
                Err(error) => damaged.push(format!("`{}` {error}", path.display())),
            }
        }
        Ok((None, damaged))
    }

    /// Those of a run.
    pub(crate) fn of(run: &RunFolder) -> Self {
        Self::new(run.file("checkpoints"))
    }

    /// Renames those newer than that at `path`: they cannot be read, and would pass for newer work.
    pub(crate) fn set_aside_after(&self, path: &Path) -> Result<(), RunError> {
        for newer in self.all()?.into_iter().filter(|other| other.as_path() > path) {
            let aside = newer.with_extension("damaged");
            std::fs::rename(&newer, aside).map_err(|error| RunError::io("move", &newer, &error))?;
        }
        Ok(())
    }

    /// Removes what a killed process was writing. Only for who holds the folder's lock.
    pub(crate) fn tidy(&self) {
        remove_temporaries(&self.folder);
    }

    /// Their paths, the oldest first.
    fn all(&self) -> Result<Vec<PathBuf>, RunError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(RunError::io("read", &self.folder, &error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| RunError::io("read", &self.folder, &error))?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let number = name.strip_suffix(ENDING).is_some_and(|stem| stem.parse::<u64>().is_ok());
            if number && !name.starts_with('+') {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { version: String::new(), instructions: String::new(), plan: String::new() }
    }

    fn state(iteration: u64) -> State<'static> {
        let mut state = State::default();
        state.put("iteration", iteration);
        state
    }

    #[test]
    fn the_last_three_are_kept_and_damaged_ones_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(root.path().join("checkpoints"));
        assert!(checkpoints.newest().unwrap().0.is_none());
        for iteration in [0, 1, 9, 10, 100] {
            checkpoints.write(iteration, &header(), &state(iteration), Keep::TRAINING).unwrap();
        }
        std::fs::write(root.path().join("checkpoints/notes.txt"), "mine").unwrap();
        std::fs::write(root.path().join("checkpoints/.0000000200.ckpt.7.tmp"), "half").unwrap();
        let all = checkpoints.all().unwrap();
        assert_eq!(all.len(), 3);
        let newest = |checkpoints: &Checkpoints| {
            let (found, damaged) = checkpoints.newest().unwrap();
            (found.map(|mut found| found.state.one::<u64>("iteration").unwrap()), damaged.len())
        };
        assert_eq!(newest(&checkpoints), (Some(100), 0));
        let bytes = std::fs::read(&all[2]).unwrap();
        std::fs::write(&all[2], &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(newest(&checkpoints), (Some(10), 1));
        checkpoints.set_aside_after(&all[1]).unwrap();
        assert_eq!(newest(&checkpoints), (Some(10), 0));
        std::fs::write(&all[1], "").unwrap();
        std::fs::write(&all[0], "").unwrap();
        assert_eq!(newest(&checkpoints), (None, 2));
        checkpoints.tidy();
        assert!(!root.path().join("checkpoints/.0000000200.ckpt.7.tmp").exists());
        assert!(root.path().join("checkpoints/notes.txt").exists());
    }
}
