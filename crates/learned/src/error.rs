//! What can be wrong with a learned model.

use thiserror::Error;
use wr2l_nn::NnError;
use wr2l_rl::TransitionError;
use wr2l_robust::RobustError;
use wr2l_sim::{SimError, SpaceError};

/// Why a model, its data or its options were refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum LearnedError {
    /// A list has the wrong length.
    #[error("{what}: expected {expected} numbers, got {got}")]
    Shape {
        /// Which list.
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
    /// The network's layers were refused.
    #[error(transparent)]
    Network(#[from] NnError),
    /// The weights make no dynamics space.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The simulator that the data come from refused something.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// A transition of the simulator that the data come from broke down.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// The metric of the weights was refused.
    #[error(transparent)]
    Robust(#[from] RobustError),
}

/// Checks the length of a list, and that its numbers are finite.
pub(crate) fn check(what: &'static str, values: &[f64], expected: usize) -> Result<(), LearnedError> {
    if values.len() != expected {
        return Err(LearnedError::Shape { what, expected, got: values.len() });
    }
    match values.iter().find(|v| !v.is_finite()) {
        Some(&value) => Err(LearnedError::Number { what, value, valid: "finite" }),
        None => Ok(()),
    }
}

/// Checks that a number is positive and finite.
pub(crate) fn check_positive(what: &'static str, value: f64) -> Result<(), LearnedError> {
    match value > 0.0 && value.is_finite() {
        true => Ok(()),
        false => Err(LearnedError::Number { what, value, valid: "positive and finite" }),
    }
}
