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
use wr2l_sim::{AnyTask, SimError, Task, TaskName, nearest_name};

use crate::formats::files::{is_too_deep, read_text};

/// Largest task file that is read.
const MAX_BYTES: u64 = 1 << 20;
/// Where a run's folder keeps a task that is not one of the project's.
pub(crate) const KEPT: &str = "task";
/// The task's own file there.
const FILE: &str = "task.toml";
/// The section of that file where the task is a program's, which alone can make it.
const PROGRAM: &str = "program";

/// What a run's folder keeps of a task that is code.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfProgram {
    name: String,
    /// [`AnyTask::identity`].
    identity: String,
}

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
        let handle = handle_of(name, print);
        Ok(Self { handle, known: false, print, task }.remembered())
    }

    /// The task of a name, or in a file, which is read anew.
    ///
    /// # Errors
    /// A sentence: what is wrong with the file, or which name comes nearest.
    pub fn open(name: &str) -> Result<Self, String> {
        if let Ok(known) = name.parse::<TaskName>() {
            return Ok(known.into());
        }
        let opened = match RobotTask::built_in(name) {
            Some(built_in) => Self::shared(Arc::new(built_in.map_err(|error| error.to_string())?))?,
            None if is_path(name) => Self::shared(read(Path::new(name))?)?,
            None => return Err(unknown(name)),
        };
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

    /// Lets go of a task of this program's: no plan that is put together from now on finds it, by its handle or by a run
    /// folder's file.
    pub fn forget(&self) {
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        opened.retain(|_, other| !Arc::ptr_eq(&other.task, &self.task));
    }

    /// Name and [`AnyTask::identity`] of the task of the run in `folder`, where that is a program's.
    pub fn of_program(folder: &Path) -> Option<(String, String)> {
        let text = read_text(&kept_in(folder), MAX_BYTES).ok().filter(|text| !is_too_deep(text))?;
        let kept = of_program(&toml::from_str(&text).ok()?)?.ok()?;
        Some((kept.name, kept.identity))
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

    /// The files that a run's folder keeps of it in [`KEPT`], so that the run needs nothing else; of a program's task what tells
    /// it apart, so that the program can give it again.
    pub(crate) fn kept(&self) -> Vec<(String, Vec<u8>)> {
        if self.known {
            return Vec::new();
        }
        let files = self.files();
        if !files.is_empty() {
            return files;
        }
        let kept = OfProgram { name: self.name().to_owned(), identity: self.identity() };
        let table = HashMap::from([(PROGRAM, kept)]);
        let text = toml::to_string_pretty(&table).expect("a table has string keys");
        let head =
            "# The task is a program's, which has to make it again before this run is read or goes on.\n\n";
        vec![(FILE.to_owned(), (head.to_owned() + &text).into_bytes())]
    }
}

/// The task's file in a run's folder.
pub(crate) fn kept_in(folder: &Path) -> PathBuf {
    folder.join(KEPT).join(FILE)
}

/// Names of the project's tasks that this build has.
pub fn task_names() -> impl Iterator<Item = &'static str> + Clone {
    let robots = robot_task_names().filter(|_| cfg!(feature = "mujoco"));
    TaskName::ALL.map(TaskName::as_str).into_iter().chain(robots)
}

/// Names of the project's tasks on robots that MuJoCo compiles, which builds with MuJoCo have beside those of [`TaskName`].
pub fn robot_task_names() -> impl Iterator<Item = &'static str> + Clone {
    wr2l_robot::TaskFile::built_in_names().filter(|name| name.parse::<TaskName>().is_err())
}

/// That there is no such task, and which comes nearest.
fn unknown(name: &str) -> String {
    let known = TaskName::ALL.map(TaskName::as_str).into_iter().chain(robot_task_names());
    SimError::Unknown { kind: "task", name: name.to_owned(), nearest: nearest_name(name, known) }.to_string()
}

/// Whether a plan's task is the path of a file.
pub(crate) fn is_path(task: &str) -> bool {
    task.ends_with(".toml")
}

fn print(task: &dyn AnyTask) -> u64 {
    print_of(task.name(), &task.identity())
}

fn print_of(name: &str, identity: &str) -> u64 {
    Fingerprint::lasting("task").text(name).text(identity).key()
}

/// What a program finds a task of its own by.
fn handle_of(name: &str, print: u64) -> Arc<str> {
    format!("{name} {print:016x}").into()
}

/// The program's task that a file stands for; none where it is a task itself.
fn of_program(table: &Table) -> Option<Result<OfProgram, String>> {
    let section = table.get(PROGRAM)?;
    Some(section.clone().try_into().map_err(|error: toml::de::Error| error.message().to_owned()))
}

fn read(path: &Path) -> Result<Arc<dyn AnyTask>, String> {
    let shown = path.display();
    let text = read_text(path, MAX_BYTES).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
    if is_too_deep(&text) {
        return Err(format!("`{shown}`: a key within a key within a key, too deep to read"));
    }
    // A text that is no TOML is told of below, with its place.
    let table: Table = toml::from_str(&text).unwrap_or_default();
    if let Some(kept) = of_program(&table) {
        let OfProgram { name, identity } = kept.map_err(|reason| format!("`{shown}`: {reason}"))?;
        let opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let made = opened.get(&handle_of(&name, print_of(&name, &identity))).map(|made| made.task.clone());
        return made.ok_or_else(|| {
            format!(
                "`{shown}`: the task `{name}` is a program's, which has to make it again before this run is read or goes \
                 on; an environment in Python is given to `wr2l.resume` or `wr2l.Policy.load`"
            )
        });
    }
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
