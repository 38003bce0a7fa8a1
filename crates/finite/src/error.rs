//! What can be wrong with a finite decision process.

use thiserror::Error;
use wr2l_sim::SpaceError;

/// Why a finite decision process, a set or a policy was refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum FiniteError {
    /// A table has the wrong number of entries.
    #[error("{what}: expected {expected} numbers, got {got}")]
    Shape {
        /// Which table.
        what: &'static str,
        /// Its right length.
        expected: usize,
        /// Its length.
        got: usize,
    },
    /// A number lies outside its range.
    #[error("{what} = {value} has to be {valid}")]
    Number {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What is valid.
        valid: &'static str,
    },
    /// The probabilities of a state and action are none.
    #[error("state {state}, action {action}: {reason}")]
    Row {
        /// The state.
        state: usize,
        /// The action.
        action: usize,
        /// What is wrong.
        reason: String,
    },
    /// A text is no table.
    #[error("{0}")]
    Text(String),
    /// The dynamics parameters make no sense.
    #[error(transparent)]
    Space(#[from] SpaceError),
}

/// Checks the length of a table and that all of it is finite.
pub(crate) fn check(what: &'static str, values: &[f64], expected: usize) -> Result<(), FiniteError> {
    if values.len() != expected {
        return Err(FiniteError::Shape { what, expected, got: values.len() });
    }
    match values.iter().find(|value| !value.is_finite()) {
        Some(&value) => Err(FiniteError::Number { what, value, valid: "finite" }),
        None => Ok(()),
    }
}

/// Checks a number that must lie in a range.
pub(crate) fn check_range(
    what: &'static str,
    value: f64,
    holds: bool,
    valid: &'static str,
) -> Result<(), FiniteError> {
    if holds { Ok(()) } else { Err(FiniteError::Number { what, value, valid }) }
}
