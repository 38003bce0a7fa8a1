//! The models that robots are made of.

use std::borrow::Cow;

use crate::{SimError, Task};

// `MODELS`: the names and texts of `models/*.xml`.
include!(concat!(env!("OUT_DIR"), "/models.rs"));

/// The MJCF of a task's robot.
pub(crate) fn text(task: &Task) -> Result<Cow<'static, str>, SimError> {
    let name = task.robot.model.as_deref().unwrap_or_default();
    match MODELS.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => Ok(Cow::Borrowed(text)),
        None => Err(SimError::Unknown {
            kind: "model",
            name: name.to_owned(),
            nearest: crate::nearest_name(name, MODELS.iter().map(|(name, _)| *name)),
        }),
    }
}
