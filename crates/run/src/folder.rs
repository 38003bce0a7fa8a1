//! The folder of a run: plain files that other programs can read.

use std::path::{Path, PathBuf};

use crate::error::RunError;

/// A run's folder.
///
/// | file | content |
/// |---|---|
/// | `plan.toml` | everything that determines the run |
/// | `metrics.csv` | one row a learner iteration |
/// | `adversary.csv` | one row an adversary turn |
/// | `ball.toml` | H₀, and the ball made from it |
/// | `policy.safetensors` | the policy |
/// | `results/`, `figures/` | tables and pictures of evaluations |
#[derive(Clone, Debug, PartialEq)]
pub struct RunFolder {
    path: PathBuf,
    made: bool,
}

/// Everything that a run writes, and therefore all that `--force` removes.
const FILES: [&str; 5] = ["plan.toml", "metrics.csv", "adversary.csv", "ball.toml", "policy.safetensors"];
const FOLDERS: [&str; 2] = ["results", "figures"];

impl RunFolder {
    /// A fresh folder at `path`, made with its parents. An existing empty folder is taken; an existing run is
    /// replaced with `force`.
    ///
    /// # Errors
    /// [`RunError::Exists`] for a folder that is not empty without `force`, or that is no run's with `force`
    /// (so that a mistyped path never deletes anything else); [`RunError::Io`].
    pub fn create(path: &Path, force: bool) -> Result<Self, RunError> {
        let io = |error: std::io::Error| RunError::io("create", path, &error);
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        let exists =
            |detail: &'static str| Err(RunError::Exists { path: path.display().to_string(), detail });
        let made = match std::fs::create_dir(path) {
            Ok(()) => true,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(io(error)),
        };
        let folder = Self { path: path.to_owned(), made };
        if made {
            return Ok(folder);
        }
        if !path.is_dir() {
            return exists(" and is not a folder");
        }
        if std::fs::read_dir(path).map_err(io)?.next().is_none() {
            return Ok(folder);
        }
        if !force {
            return exists(" and is not empty");
        }
        if !folder.file("plan.toml").is_file() {
            return exists(" and is not the folder of a run, so it is left alone");
        }
        folder.clear()?;
        Ok(folder)
    }

    /// A fresh folder under `root`, named after the run (`hopper-wr2l-s0`), with `-2`, `-3`, … appended if
    /// that exists.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn create_named(root: &Path, name: &str) -> Result<Self, RunError> {
        std::fs::create_dir_all(root).map_err(|error| RunError::io("create", root, &error))?;
        let mut count = 1_u32;
        loop {
            let path = root.join(if count == 1 { name.to_owned() } else { format!("{name}-{count}") });
            // Making the folder is the test: two runs started together never share one.
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, made: true }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => count += 1,
                Err(error) => return Err(RunError::io("create", &path, &error)),
            }
        }
    }

    /// The folder of an existing run.
    ///
    /// # Errors
    /// [`RunError::Content`] if there is no `plan.toml` in it.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        let folder = Self { path: path.to_owned(), made: false };
        if folder.file("plan.toml").is_file() {
            return Ok(folder);
        }
        let reason = if path.is_dir() { "no run: there is no plan.toml in it" } else { "no such folder" };
        Err(RunError::content(path, None, reason))
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A folder inside, made if need be.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn subfolder(&self, name: &str) -> Result<PathBuf, RunError> {
        let path = self.file(name);
        std::fs::create_dir_all(&path).map_err(|error| RunError::io("create", &path, &error))?;
        Ok(path)
    }

    /// Takes back a folder in which nothing worth keeping was written: removes the run's files, and the folder
    /// if it was made for this run.
    pub fn abandon(self) {
        // Called because of an error that is being reported; a second one would hide it.
        let _ = self.clear();
        if self.made {
            let _ = std::fs::remove_dir(&self.path);
        }
    }

    fn clear(&self) -> Result<(), RunError> {
        let absent = |result: std::io::Result<()>, path: &Path| match result {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(RunError::io("remove", path, &error))
            }
            _ => Ok(()),
        };
        for name in FILES {
            let path = self.file(name);
            absent(std::fs::remove_file(&path), &path)?;
        }
        for name in FOLDERS {
            let path = self.file(name);
            absent(std::fs::remove_dir_all(&path), &path)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_run_is_replaced_only_with_force_and_other_folders_never() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/er/run");
        let folder = RunFolder::create(&path, false).unwrap();
        assert_eq!(RunFolder::create(&path, false).unwrap().path(), folder.path(), "empty: taken");
        std::fs::write(folder.file("plan.toml"), "x").unwrap();
        std::fs::write(folder.file("mine.txt"), "x").unwrap();
        std::fs::create_dir(folder.file("results")).unwrap();
        let error = RunFolder::create(&path, false).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("not empty"), "{error}");
        RunFolder::create(&path, true).unwrap();
        assert!(!folder.file("plan.toml").exists() && !folder.file("results").exists());
        assert!(folder.file("mine.txt").exists(), "a file that no run writes is kept");
        let error = RunFolder::create(&path, true).unwrap_err();
        assert!(error.to_string().contains("not the folder of a run"), "{error}");
        let file = folder.file("mine.txt");
        assert!(RunFolder::create(&file, true).is_err() && file.exists());
        assert!(!RunFolder::create(&file.join("run"), false).unwrap_err().is_usage());
    }

    #[test]
    fn default_names_never_meet() {
        let root = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| RunFolder::create_named(root.path(), "hopper-ppo-s0").unwrap())
            .map(|folder| folder.path().file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["hopper-ppo-s0", "hopper-ppo-s0-2", "hopper-ppo-s0-3"]);
    }

    #[test]
    fn an_abandoned_folder_is_gone_and_a_given_one_stays() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::create_named(root.path(), "a").unwrap();
        std::fs::write(folder.file("plan.toml"), "x").unwrap();
        folder.clone().abandon();
        assert!(!folder.path().exists());
        let given = root.path().join("given");
        std::fs::create_dir(&given).unwrap();
        RunFolder::create(&given, false).unwrap().abandon();
        assert!(given.is_dir());
    }
}
