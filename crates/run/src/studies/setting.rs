//! What figures and pages say of a task.

use wr2l_sim::DynamicsSpace;

use crate::error::RunError;
use crate::task::TaskRef;

/// What results are about, as far as figures and pages say it.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The task's name.
    pub name: String,
    /// What it is, in a sentence; may be empty.
    pub description: String,
    /// All parameters that may vary.
    pub space: DynamicsSpace,
}

impl Setting {
    /// That of one of the project's tasks.
    ///
    /// # Errors
    /// [`RunError::Usage`] if it has no task of this name.
    pub fn named(name: &str) -> Result<Self, RunError> {
        Ok(Self::from(&TaskRef::open(name).map_err(RunError::Usage)?))
    }
}

impl From<&TaskRef> for Setting {
    fn from(task: &TaskRef) -> Self {
        let (name, description) = (task.to_string(), task.description().to_owned());
        Self { name, description, space: task.space() }
    }
}
