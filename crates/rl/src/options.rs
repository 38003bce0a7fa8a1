//! Checks of learners' options, with the sentence that says what would be valid.

use crate::RlError;

fn refuse(option: &'static str, value: String, valid: bool, reason: &'static str) -> Result<(), RlError> {
    match valid {
        true => Ok(()),
        false => Err(RlError::Option { option, value, reason }),
    }
}

/// A count of at least 1.
pub(crate) fn whole(option: &'static str, value: usize) -> Result<(), RlError> {
    refuse(option, value.to_string(), value > 0, "must be at least 1")
}

/// A number in [0, 1].
pub(crate) fn unit(option: &'static str, value: f64) -> Result<(), RlError> {
    refuse(option, value.to_string(), (0.0..=1.0).contains(&value), "must lie in [0, 1]")
}

/// A finite number above 0.
pub(crate) fn positive(option: &'static str, value: f64) -> Result<(), RlError> {
    refuse(option, value.to_string(), value > 0.0 && value.is_finite(), "must be positive")
}

/// A finite number of at least 0.
pub(crate) fn weight(option: &'static str, value: f64) -> Result<(), RlError> {
    refuse(option, value.to_string(), value >= 0.0 && value.is_finite(), "must not be negative")
}

/// Widths of hidden layers.
pub(crate) fn widths(option: &'static str, widths: &[usize]) -> Result<(), RlError> {
    widths.iter().try_for_each(|&width| whole(option, width))
}
