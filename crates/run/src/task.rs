//! The task of a plan: one of the project's by its name, or one from a file.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Table;
use wr2l_eval::Fingerprint;
use wr2l_robot::RobotTask;
use wr2l_sim::{AnyTask, Task, TaskName};

use crate::formats::files::{is_too_deep, read_text};

/// Largest task file that is read.
const MAX_BYTES: u64 = 1 << 20;
/// Where a run's folder keeps a task that is not one of the project's.
pub(crate) const KEPT: &str = "task";
/// The task's own file there.
const FILE: &str = "task.toml";

/// A task as a plan names it. Equal are tasks of which no result can differ. Cheap to clone.
///
/// In a plan's file it is the name of one of the project's tasks, or the path of a task's file, from the folder of the plan.
#[derive(Clone)]
pub struct TaskRef {
    /// What [`TaskRef::find`] finds it by.
    handle: Arc<str>,
    /// Whether it is one of the project's.
    known: bool,
    /// Tells tasks apart.
    print: u64,
    task: Arc<dyn AnyTask>,
}

/// Those that were opened in this process: a plan is taken apart and put together often, and opening may compile a model.
static OPENED: LazyLock<Mutex<HashMap<Arc<str>, TaskRef>>> = LazyLock::new(Mutex::default);

impl TaskRef {
    /// A task from elsewhere: a changed [`Task`], or one of another kind. One that is, to the last number, one of the project's
    /// is that.
    ///
    /// # Errors
    /// A sentence if its name cannot be that of a folder, or is the project's for another task.
    pub fn new(task: impl AnyTask + 'static) -> Result<Self, String> {
        Self::shared(Arc::new(task))
    }

    fn shared(task: Arc<dyn AnyTask>) -> Result<Self, String> {
        let name = task.name();
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
            return Err(format!(
                "a task cannot be called `{name}`: its name becomes that of files, of letters, digits, `-`, `_` and `.`"
            ));
        }
        let print = print(&*task);
        if let Ok(known) = name.parse::<TaskName>() {
            let known = Self::from(known);
            return match known.print == print {
                true => Ok(known),
                false => Err(format!(
                    "`{name}` is the name of another task, one of the project's: call it differently"
                )),
            };
        }
        let handle = format!("{name} {print:016x}").into();
        Ok(Self { handle, known: false, print, task }.remembered())
    }

    /// The task of a name, or in a file, which is read anew.
    ///
    /// # Errors
    /// A sentence: what is wrong with the file, or which name comes nearest.
    pub fn open(name: &str) -> Result<Self, String> {
        if !is_path(name) {
            return name.parse::<TaskName>().map(Self::from).map_err(|error| error.to_string());
        }
        let opened = Self::shared(read(Path::new(name))?)?;
        if opened.known {
            return Ok(opened);
        }
        Ok(Self { handle: name.into(), ..opened }.remembered())
    }

    /// The same task with more parameters ([`AnyTask::with_varied`]), and their names.
    ///
    /// # Errors
    /// A sentence.
    pub fn with_varied(&self, words: &[&str]) -> Result<(Self, Vec<String>), String> {
        let (task, names) = self.task.with_varied(words)?;
        Ok((Self::shared(task)?, names))
    }

    /// [`TaskRef::open`], or what an earlier call of it found.
    fn find(handle: &str) -> Result<Self, String> {
        let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner).get(handle).cloned();
        opened.map_or_else(|| Self::open(handle), Ok)
    }

    /// [`TaskRef::open`], or a task of this program's by its [`TaskRef::handle`].
    pub(crate) fn of_a_plan(name: &str) -> Result<Self, String> {
        if is_path(name) { Self::open(name) } else { Self::find(name) }
    }

    /// Lets go of a task of this program's: no plan that is put together from now on finds it by its handle.
    pub fn forget(&self) {
        OPENED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.handle);
    }

    fn remembered(self) -> Self {
        OPENED.lock().unwrap_or_else(PoisonError::into_inner).insert(self.handle.clone(), self.clone());
        self
    }

    /// What this process finds it by: the name, or the path as it was given.
    pub fn handle(&self) -> &str {
        &self.handle
    }

    /// What stands in a plan's file: the name, or where the run's folder keeps it.
    pub(crate) fn in_a_plan(&self) -> String {
        if self.known { self.name().to_owned() } else { format!("{KEPT}/{FILE}") }
    }

    /// What tells it apart, for a plan's file; none of the project's, which their names tell apart.
    pub fn hash(&self) -> Option<String> {
        (!self.known).then(|| format!("{:016x}", self.print))
    }

    /// The files that a run's folder keeps of it in [`KEPT`], so that the run needs nothing else.
    pub(crate) fn kept(&self) -> Vec<(String, Vec<u8>)> {
        if self.known { Vec::new() } else { self.files() }
    }
}

/// The task's file in a run's folder.
pub(crate) fn kept_in(folder: &Path) -> PathBuf {
    folder.join(KEPT).join(FILE)
}

/// Whether a plan's task is the path of a file.
pub(crate) fn is_path(task: &str) -> bool {
    task.ends_with(".toml")
}

fn print(task: &dyn AnyTask) -> u64 {
    Fingerprint::lasting("task").text(task.name()).text(&task.identity()).key()
}

fn read(path: &Path) -> Result<Arc<dyn AnyTask>, String> {
    let shown = path.display();
    let text = read_text(path, MAX_BYTES).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
    if is_too_deep(&text) {
        return Err(format!("`{shown}`: a key within a key within a key, too deep to read"));
    }
    // A text that is no TOML is told of below, with its place.
    let table: Table = toml::from_str(&text).unwrap_or_default();
    let names = |key: &str| table.get("robot").and_then(|robot| robot.get(key)).is_some();
    if names("model") || names("equations") {
        let task = Task::read(&text).map_err(|error| format!("`{shown}`: {error}"))?;
        return Ok(Arc::new(task));
    }
    let task = RobotTask::load(path).and_then(RobotTask::that_moves).map_err(|error| error.to_string())?;
    Ok(Arc::new(task))
}

impl From<TaskName> for TaskRef {
    fn from(name: TaskName) -> Self {
        let task = Task::new(name);
        let print = print(&task);
        Self { handle: name.as_str().into(), known: true, print, task: Arc::new(task) }
    }
}

impl FromStr for TaskRef {
    type Err = String;

    /// [`TaskRef::open`].
    fn from_str(name: &str) -> Result<Self, String> {
        Self::open(name)
    }
}

impl Deref for TaskRef {
    type Target = dyn AnyTask;

    fn deref(&self) -> &Self::Target {
        &*self.task
    }
}

impl PartialEq for TaskRef {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl PartialEq<TaskName> for TaskRef {
    fn eq(&self, other: &TaskName) -> bool {
        self.known && self.name() == other.as_str()
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaskRef").field(&self.handle).finish()
    }
}

impl fmt::Display for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for TaskRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.handle)
    }
}

impl<'de> Deserialize<'de> for TaskRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::find(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
