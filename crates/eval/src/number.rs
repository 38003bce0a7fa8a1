//! Numbers as people type them.

use thiserror::Error;

/// A text that is not a finite number.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not a number (write it as 1500, 1.5e3, 1.5k or 2M)")]
pub struct NumberError {
    /// What was typed.
    pub text: String,
}

/// Reads a finite number: decimal (`0.5`), with an exponent (`1e6`), or with the suffix `k` or `K` (10³), `M` (10⁶) or
/// `G` (10⁹); `_` may separate digits.
///
/// # Errors
/// [`NumberError`] for anything else, `nan` and `inf` included.
pub fn parse_number(text: &str) -> Result<f64, NumberError> {
    let trimmed = text.trim();
    // Appending an exponent instead of multiplying keeps the nearest double of the decimal that was typed.
    let decimal = match trimmed.strip_suffix(['k', 'K', 'M', 'G']) {
        Some(digits) if !digits.contains(['e', 'E']) => {
            let exponent = match &trimmed[digits.len()..] {
                "M" => 6,
                "G" => 9,
                _ => 3,
            };
            format!("{digits}e{exponent}")
        }
        _ => trimmed.to_owned(),
    };
    decimal
        .replace('_', "")
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .ok_or_else(|| NumberError { text: trimmed.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_and_exponents_are_read() {
        for (text, value) in [
            ("2M", 2e6),
            ("3K", 3000.0),
            ("10_000", 1e4),
            ("1e3", 1000.0),
            ("0.3k", 300.0),
            (" 1.5 ", 1.5),
            ("-2G", -2e9),
            ("0.1", 0.1),
            ("1E-2", 0.01),
        ] {
            assert_eq!(parse_number(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_finite_number_is_refused_by_its_text() {
        for text in ["", "M", "nan", "inf", "-inf", "1e999", "1e3k", "2MM", "1,5", "0x10", "two", "infinityk"]
        {
            assert_eq!(parse_number(text), Err(NumberError { text: text.into() }), "{text}");
        }
    }
}
