//! Numbers as people type them: `2M`, `1e6`, `500k`, `10_000`.

use thiserror::Error;

/// Why a piece of text is not a number.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum NumberError {
    /// Not a number at all.
    #[error("`{0}` is not a number; write for example 2000000, 2_000_000, 2M, 500k, 1e6 or 0.03")]
    NotANumber(String),
    /// A whole number that is not negative was expected.
    #[error("`{0}` is not a whole number; write for example 2000000, 2M, 500k or 1e6")]
    NotACount(String),
}

/// Reads a finite real number; `k`, `M` and `G` stand for 10³, 10⁶ and 10⁹, `_` separates digits.
///
/// # Errors
/// [`NumberError::NotANumber`], also for `nan` and `inf`.
pub fn parse_number(text: &str) -> Result<f64, NumberError> {
    let error = || NumberError::NotANumber(text.to_owned());
    let trimmed = text.trim();
    let (digits, factor) = match trimmed.chars().last() {
        Some('k' | 'K') => (&trimmed[..trimmed.len() - 1], 1e3),
        Some('M') => (&trimmed[..trimmed.len() - 1], 1e6),
        Some('G') => (&trimmed[..trimmed.len() - 1], 1e9),
        _ => (trimmed, 1.0),
    };
    let value = digits.replace('_', "").parse::<f64>().map_err(|_| error())? * factor;
    if value.is_finite() { Ok(value) } else { Err(error()) }
}

/// Reads a whole number ≥ 0, in any notation of [`parse_number`].
///
/// # Errors
/// [`NumberError`] for anything else; `1.5` is refused, `1.5k` is 1,500.
pub fn parse_count(text: &str) -> Result<u64, NumberError> {
    if let Ok(exact) = text.trim().replace('_', "").parse::<u64>() {
        return Ok(exact);
    }
    let value = parse_number(text)?;
    // Above 2⁵³ a floating-point notation no longer names one integer.
    if value >= 0.0 && value.fract() == 0.0 && value <= 9_007_199_254_740_992.0 {
        Ok(value as u64)
    } else {
        Err(NumberError::NotACount(text.to_owned()))
    }
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
        assert_eq!(parse_number("0.03"), Ok(0.03));
        assert_eq!(parse_number("-2.5k"), Ok(-2500.0));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "M", "k", "1.5", "-1", "nan", "inf", "1e400", "two", "1e-3", "2MM", "é", "1e17"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
        for text in ["", "NaN", "inf", "-inf", "1e308k", "3x"] {
            assert!(parse_number(text).is_err(), "{text}");
        }
    }
}
