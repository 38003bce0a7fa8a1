//! The folder of a run: plain files that other programs can read.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::RunError;
use crate::formats::events::EVENTS;
use crate::formats::files::remove_temporaries;
use crate::task::KEPT;

/// A run's folder.
///
/// | file | content |
/// |---|---|
/// | `plan.toml` | everything that determines the run |
/// | `metrics.csv` | one row a learner iteration |
/// | `adversary.csv` | one row an adversary turn |
/// | `ball.toml` | H₀, and the ball made from it |
/// | `events.out.tfevents.wr2l` | the same for TensorBoard |
/// | `checkpoints/` | everything that determines how the run goes on, at the last few moments |
/// | `policy.safetensors` | the policy |
/// | `policy.best.safetensors` | the policy that did best in training so far |
/// | `from/` | the policy that it began with, if it began with one |
/// | `summary.json` | what the run came to, once it is finished |
/// | `results/`, `figures/` | tables and pictures of evaluations |
/// | `evaluations/` | those of a sweep, a folder each |
///
/// Whoever trains in it holds a lock, which the system takes back when the process ends, however it ends.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    lock: Option<Arc<File>>,
    /// Folders made for this run, the outermost first.
    made: Vec<PathBuf>,
}

/// Everything that a run writes, and therefore all that `--force` removes.
const FILES: [&str; 8] = [
    "plan.toml",
    "metrics.csv",
    "adversary.csv",
    "ball.toml",
    "policy.safetensors",
    BEST,
    "summary.json",
    EVENTS,
];
const FOLDERS: [&str; 6] = ["results", "figures", "checkpoints", "evaluations", KEPT, FROM];
/// The policy that did best in training so far.
pub(crate) const BEST: &str = "policy.best.safetensors";
/// Where a run keeps the policy that it began with.
pub(crate) const FROM: &str = "from";
/// The file that is locked; nothing is in it, and it may stay.
const LOCK: &str = ".lock";
/// Where the run that is being replaced waits until the new one has done an iteration.
const REPLACED: &str = ".replaced";

impl RunFolder {
    /// A fresh folder at `path`, made with its parents. An existing empty folder is taken. With `force` an existing
    /// run is set aside: [`RunFolder::keep`] deletes it, [`RunFolder::abandon`] brings it back.
    ///
    /// # Errors
    /// [`RunError::Exists`] for a folder that is not empty without `force`, or that is no run's with `force`
    /// (so that a mistyped path never deletes anything else); [`RunError::Unfinished`] without `force` for a run that
    /// could go on; [`RunError::InUse`]; [`RunError::Io`].
    pub fn create(path: &Path, force: bool) -> Result<Self, RunError> {
        let io = |error: std::io::Error| RunError::io("create", path, &error);
        let exists =
            |detail: &'static str| Err(RunError::Exists { path: path.display().to_string(), detail });
        if !path.exists() {
            let made = make_folders(path).map_err(io)?;
            return Self { path: path.to_owned(), lock: None, made }.locked();
        }
        let folder = Self { path: path.to_owned(), lock: None, made: Vec::new() };
        if !path.is_dir() {
            return exists(" and is not a folder");
        }
        let content = std::fs::read_dir(path).map_err(io)?;
        let names = content.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        let names = names.collect::<Result<Vec<String>, _>>().map_err(io)?;
        let begun = names.iter().any(|name| name == BEGUN);
        if names.iter().all(|name| is_trace(name) || (begun && BEFORE_PLAN.contains(&name.as_str()))) {
            let folder = folder.locked()?;
            for name in BEFORE_PLAN.iter().filter(|_| begun) {
                let kept = folder.file(name);
                absent(std::fs::remove_dir_all(&kept), "remove", &kept)?;
            }
            remove_temporaries(path);
            return Ok(folder);
        }
        let run = folder.file("plan.toml").is_file();
        if !force && run && !folder.file("summary.json").exists() {
            return Err(RunError::Unfinished { path: path.display().to_string() });
        }
        if !force {
            return exists(" and is not empty");
        }
        if !run && !folder.file(REPLACED).is_dir() {
            return exists(" and is not the folder of a run, so it is left alone");
        }
        let folder = folder.locked()?;
        folder.set_aside()?;
        Ok(folder)
    }

    /// A fresh folder under `root`, named after the run (`hopper-wr2l-s0`), with `-2`, `-3`, … appended if
    /// that exists.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn create_named(root: &Path, name: &str) -> Result<Self, RunError> {
        let mut made = make_folders(root).map_err(|error| RunError::io("create", root, &error))?;
        let mut count = 1_u32;
        loop {
            let path = root.join(if count == 1 { name.to_owned() } else { format!("{name}-{count}") });
            // Making the folder is the test: two runs started together never share one.
            match std::fs::create_dir(&path) {
                Ok(()) => {
                    made.push(path.clone());
                    return Self { path, lock: None, made }.locked();
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => count += 1,
                Err(error) => return Err(RunError::io("create", &path, &error)),
            }
        }
    }

    /// The folder of an existing run, to read from.
    ///
    /// # Errors
    /// [`RunError::Content`] if there is no `plan.toml` in it.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        let folder = Self { path: path.to_owned(), lock: None, made: Vec::new() };
        if folder.file("plan.toml").is_file() {
            return Ok(folder);
        }
        let reason = if path.is_dir() { "no run: there is no plan.toml in it" } else { "no such folder" };
        Err(RunError::content(path, None, reason))
    }

    /// The same folder, to train in: nobody else can until all clones are dropped or the process ends.
    ///
    /// # Errors
    /// [`RunError::InUse`]; [`RunError::Io`] for a folder that cannot be written into, among others.
    pub fn locked(self) -> Result<Self, RunError> {
        if self.lock.is_some() {
            return Ok(self);
        }
        let locked = lock(&self.path);
        match locked {
            Ok(file) => Ok(Self { lock: Some(Arc::new(file)), ..self }),
            Err(error) => {
                self.remove_made();
                Err(error)
            }
        }
    }

    /// Whether a process holds it, to train in.
    pub fn is_in_use(&self) -> bool {
        // Nobody has begun who left no file to lock.
        self.file(LOCK).exists() && matches!(try_lock(&self.path), Err(RunError::InUse { .. }))
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

    /// The new run is under way: deletes the one it replaces, if there was one.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn keep(&self) -> Result<(), RunError> {
        let aside = self.file(REPLACED);
        absent(std::fs::remove_dir_all(&aside), "remove", &aside)
    }

    /// Takes back a folder in which nothing worth keeping was written: removes the run's files, brings back the run
    /// that was set aside for it, and removes the folders that were made for it.
    pub fn abandon(self) {
        // Called because of an error that is being reported; a second one would hide it.
        let _ = self.clear();
        let aside = self.file(REPLACED);
        for name in FILES.iter().chain(&FOLDERS) {
            let _ = std::fs::rename(aside.join(name), self.file(name));
        }
        let _ = std::fs::remove_dir(&aside);
        let _ = std::fs::remove_file(self.file(LOCK));
        self.remove_made();
    }

    fn remove_made(&self) {
        for folder in self.made.iter().rev() {
            // Fails, as it should, if somebody else has put something there meanwhile.
            let _ = std::fs::remove_dir(folder);
        }
    }

    fn set_aside(&self) -> Result<(), RunError> {
        let aside = self.file(REPLACED);
        if aside.exists() {
            // Left by a run that was killed before its first iteration, whose own files are worth nothing.
            return self.clear();
        }
        std::fs::create_dir(&aside).map_err(|error| RunError::io("create", &aside, &error))?;
        for name in FILES.iter().chain(&FOLDERS) {
            let path = self.file(name);
            absent(std::fs::rename(&path, aside.join(name)), "move", &path)?;
        }
        Ok(())
    }

    /// Removes one of its files, if that is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), RunError> {
        let path = self.file(name);
        absent(std::fs::remove_file(&path), "remove", &path)
    }

    fn clear(&self) -> Result<(), RunError> {
        for name in FILES {
            self.remove(name)?;
        }
        for name in FOLDERS {
            let path = self.file(name);
            absent(std::fs::remove_dir_all(&path), "remove", &path)?;
        }
        Ok(())
    }
}

/// That nothing was there to `action` is no error.
fn absent(result: std::io::Result<()>, action: &'static str, path: &Path) -> Result<(), RunError> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(RunError::io(action, path, &error)),
        _ => Ok(()),
    }
}

/// How often, and how long after one another, a lock is asked for before it counts as another's.
const ASKED: u32 = 4;
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock of the run in `folder`. Who only looks whether it is taken holds it for some microseconds.
fn lock(folder: &Path) -> Result<File, RunError> {
    for _ in 1..ASKED {
        match try_lock(folder) {
            Err(RunError::InUse { .. }) => std::thread::sleep(PAUSE),
            other => return other,
        }
    }
    try_lock(folder)
}

fn try_lock(folder: &Path) -> Result<File, RunError> {
    let io = |error: &std::io::Error| RunError::io("write into", folder, error);
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(path).map_err(|e| io(&e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RunError::InUse { path: folder.display().to_string() }),
        // Some network file systems have no locks: better to train there without one than not at all.
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(io(&error)),
    }
}

/// Makes a folder and those above it; returns the ones that were not there, the outermost first. After an error none
/// of them is left.
fn make_folders(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|at| !at.as_os_str().is_empty() && !at.exists()).collect();
    let mut made: Vec<PathBuf> = Vec::new();
    for folder in missing.into_iter().rev() {
        if let Err(error) = std::fs::create_dir(folder) {
            // Somebody else has made it in this moment, a run that was started together with this one.
            if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() {
                continue;
            }
            for folder in made.iter().rev() {
                let _ = std::fs::remove_dir(folder);
            }
            return Err(error);
        }
        made.push(folder.to_owned());
    }
    Ok(made)
}

/// Folders that are written before the plan.
const BEFORE_PLAN: [&str; 2] = [KEPT, FROM];

/// Stands in a folder from before they are written until the plan is: only then are they a run's, and not the user's own.
pub(crate) const BEGUN: &str = ".plan.toml.begun.tmp";

/// Whether a file may be left of a run that was killed before its plan was written: nothing is lost with it.
fn is_trace(name: &str) -> bool {
    name == LOCK || (name.starts_with(".plan.toml.") && name.ends_with(".tmp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_are_started_together_may_all_make_the_folder_of_runs() {
        let root = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let runs = root.path().join(format!("{round}/a/b/runs"));
            let start = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                let starting = [(); 8].map(|()| {
                    scope.spawn(|| {
                        start.wait();
                        RunFolder::create_named(&runs, "run").map(|folder| folder.path().to_owned())
                    })
                });
                let mut made = starting.map(|thread| thread.join().unwrap().unwrap());
                made.sort();
                assert!(made.windows(2).all(|pair| pair[0] != pair[1]), "each has one of its own: {made:?}");
            });
        }
    }

    #[test]
    fn a_look_at_a_run_takes_it_from_nobody() {
        let root = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(root.path(), false).unwrap();
        assert!(folder.is_in_use());
        drop(folder);
        let folder = RunFolder { path: root.path().to_owned(), lock: None, made: Vec::new() };
        assert!(!folder.is_in_use());
        // Somebody looks, all the time, while others begin and end.
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    folder.is_in_use();
                    std::thread::sleep(Duration::from_micros(50));
                }
            });
            let begun: Vec<bool> = (0..200).map(|_| folder.clone().locked().is_ok()).collect();
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(begun.iter().all(|begun| *begun));
        });
    }

    #[test]
    fn what_a_run_killed_before_its_plan_was_written_leaves_is_in_nobodys_way() {
        let root = tempfile::tempdir().unwrap();
        let traces = [LOCK, ".plan.toml.4711.tmp"].map(|name| root.path().join(name));
        traces.iter().for_each(|path| std::fs::write(path, "x").unwrap());
        drop(RunFolder::create(root.path(), false).unwrap());
        assert!(traces[0].exists() && !traces[1].exists());
        std::fs::write(root.path().join(".mine.tmp"), "x").unwrap();
        assert!(RunFolder::create(root.path(), false).is_err(), "somebody else's file");
    }

    #[test]
    fn an_existing_run_is_replaced_only_with_force_and_other_folders_never() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/er/run");
        let folder = RunFolder::create(&path, false).unwrap();
        assert!(matches!(RunFolder::create(&path, false), Err(RunError::InUse { .. })), "locked");
        drop(folder);
        let folder = RunFolder { lock: None, ..RunFolder::create(&path, false).unwrap() };
        std::fs::write(folder.file("plan.toml"), "x").unwrap();
        assert!(matches!(RunFolder::create(&path, false), Err(RunError::Unfinished { .. })));
        std::fs::write(folder.file("summary.json"), "{}").unwrap();
        std::fs::write(folder.file("mine.txt"), "x").unwrap();
        std::fs::create_dir(folder.file("results")).unwrap();
        let error = RunFolder::create(&path, false).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("not empty"), "{error}");
        let forced = RunFolder::create(&path, true).unwrap();
        assert!(!folder.file("plan.toml").exists() && !folder.file("results").exists());
        assert!(folder.file("mine.txt").exists(), "a file that no run writes is kept");
        std::fs::write(folder.file("plan.toml"), "new").unwrap();
        forced.abandon();
        assert_eq!(std::fs::read_to_string(folder.file("plan.toml")).unwrap(), "x", "brought back");
        assert!(folder.file("results").is_dir() && !folder.file(REPLACED).exists());
        // A run killed before its first iteration leaves the old one aside; what replaces it brings that back.
        RunFolder::create(&path, true).unwrap();
        std::fs::write(folder.file("plan.toml"), "killed").unwrap();
        RunFolder::create(&path, true).unwrap().abandon();
        assert_eq!(std::fs::read_to_string(folder.file("plan.toml")).unwrap(), "x");
        RunFolder::create(&path, true).unwrap().keep().unwrap();
        assert!(!folder.file("plan.toml").exists() && !folder.file(REPLACED).exists());
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
        RunFolder::create(&root.path().join("b/c/d"), false).unwrap().abandon();
        assert!(!root.path().join("b").exists(), "nor the folders above it");
        let given = root.path().join("given");
        std::fs::create_dir(&given).unwrap();
        RunFolder::create(&given, false).unwrap().abandon();
        assert!(given.is_dir());
    }
}
