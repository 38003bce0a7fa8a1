//! Whole numbers as people type them: `2M`, `1e6`, `500k`, `10_000`.

use thiserror::Error;
use wr2l_eval::parse_number;

/// A text that is not a whole number ≥ 0.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("`{text}` is not a whole number; write for example 2000000, 2_000_000, 2M, 500k or 1e6")]
pub struct CountError {
    /// What was typed.
    pub text: String,
}

/// Reads a whole number ≥ 0, with `_` between digits or in any notation of [`parse_number`].
///
/// # Errors
/// [`CountError`] for anything else; `1.5` is refused, `1.5k` is 1,500.
pub fn parse_count(text: &str) -> Result<u64, CountError> {
    let error = || CountError { text: text.trim().to_owned() };
    let digits = text.trim().replace('_', "");
    if let Ok(exact) = digits.parse::<u64>() {
        return Ok(exact);
    }
    let value = parse_number(&digits).map_err(|_| error())?;
    // Above 2⁵³ a floating-point notation no longer names one integer.
    let whole = value >= 0.0 && value.fract() == 0.0 && value <= 9_007_199_254_740_992.0;
    if whole { Ok(value as u64) } else { Err(error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_exponents_and_separators_are_read() {
        for (text, value) in [
            ("2M", 2_000_000),
            ("1e6", 1_000_000),
            ("500k", 500_000),
            ("1.5k", 1_500),
            ("10_000", 10_000),
            (" 7 ", 7),
            ("0", 0),
            ("2G", 2_000_000_000),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_count(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "M", "k", "1.5", "-1", "nan", "inf", "1e400", "two", "1e-3", "2MM", "é", "1e17"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }
}
