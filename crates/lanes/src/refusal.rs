//! What a model has that this engine cannot move.

use thiserror::Error;

/// An element beyond this engine, by kind and name. MuJoCo itself can move what is refused here.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("{kind} {}: {what}; run this model on MuJoCo", if name.is_empty() { format!("{index}") } else { format!("`{name}`") })]
pub struct Refusal {
    /// The kind of the element, as in MJCF.
    pub kind: &'static str,
    /// Its index among its kind.
    pub index: usize,
    /// Its name, if it has one.
    pub name: String,
    /// What of it is beyond the engine.
    pub what: String,
}

impl Refusal {
    pub(crate) fn new(kind: &'static str, index: usize, name: &str, what: impl Into<String>) -> Self {
        Self { kind, index, name: name.to_owned(), what: what.into() }
    }
}
