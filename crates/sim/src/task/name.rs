//! Names of tasks, and the tasks that they name.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{SimError, Task, nearest_name};

/// The name of one of the project's tasks: a file of `tasks/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct TaskName(&'static str);

// `FILES`, the names and texts of `tasks/*.toml`, from the simplest task to the hardest, and a constant for each name.
include!(concat!(env!("OUT_DIR"), "/tasks.rs"));

static TASKS: LazyLock<Vec<Task>> = LazyLock::new(|| {
    let read = |&(name, text): &(&str, &str)| {
        let task = Task::read(text).unwrap_or_else(|error| panic!("tasks/{name}.toml: {error}"));
        assert_eq!(task.name, name, "tasks/{name}.toml is called what its task is");
        task
    };
    FILES.iter().map(read).collect()
});

impl TaskName {
    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The task.
    pub(super) fn task(self) -> &'static Task {
        let found = TASKS.iter().find(|task| task.name == self.0);
        found.expect("a name is made of a file's")
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TaskName {
    type Err = SimError;

    fn from_str(name: &str) -> Result<Self, SimError> {
        Self::ALL.into_iter().find(|task| task.as_str() == name).ok_or_else(|| SimError::Unknown {
            kind: "task",
            name: name.to_owned(),
            nearest: nearest_name(name, Self::ALL.map(Self::as_str)),
        })
    }
}

impl<'de> Deserialize<'de> for TaskName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl From<TaskName> for String {
    fn from(task: TaskName) -> Self {
        task.as_str().to_owned()
    }
}
