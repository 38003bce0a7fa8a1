//! Header-less CSV files of finite numbers, as `simulate` reads them.

use std::path::Path;

use crate::error::RunError;
use crate::formats::files::read_text;

/// Largest file that is read: some ten million rows.
pub(crate) const MAX_BYTES: u64 = 1 << 30;

/// Reads a file of finite numbers, `columns` to a line, row-major. Empty lines at the end are ignored.
///
/// # Errors
/// [`RunError::Io`]; [`RunError::Content`] with the line for a wrong number of columns or an entry that is no
/// finite number.
pub(crate) fn read_rows(path: &Path, columns: usize) -> Result<Vec<f64>, RunError> {
    let text = read_text(path, MAX_BYTES).map_err(|error| RunError::io("read", path, &error))?;
    let mut values = Vec::new();
    for (index, line) in text.trim_end().lines().enumerate() {
        let wrong = |reason: String| RunError::content(path, Some(index + 1), reason);
        let before = values.len();
        for (column, entry) in line.split(',').enumerate() {
            let entry = entry.trim();
            match entry.parse::<f64>() {
                Ok(value) if value.is_finite() => values.push(value),
                Ok(_) => return Err(wrong(format!("column {}: `{entry}` is not finite", column + 1))),
                Err(_) => {
                    return Err(wrong(format!("column {}: `{}` is not a number", column + 1, clip(entry))));
                }
            }
        }
        let got = values.len() - before;
        if got != columns {
            return Err(wrong(format!("expected {columns} columns, got {got}")));
        }
    }
    Ok(values)
}

/// The beginning of a text that may be very long.
fn clip(text: &str) -> String {
    if text.chars().count() > 40 { text.chars().take(40).chain(['…']).collect() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, columns: usize) -> Result<Vec<f64>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read_rows(file.path(), columns).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_keep_every_bit() {
        let values = [0.1 + 0.2, -1.5e-310, f64::MAX, -0.0];
        let line = values.map(|v| format!("{v:?}")).join(", ");
        let back = read(&format!("{line}\r\n\n"), 4).unwrap();
        assert!(back.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn wrong_entries_name_the_line_and_column() {
        assert!(read("1,2\n1,x\n", 2).unwrap_err().ends_with("line 2: column 2: `x` is not a number"));
        assert!(read("1,2\n1,nan\n", 2).unwrap_err().ends_with("line 2: column 2: `nan` is not finite"));
        assert!(read("1,2\n1\n", 2).unwrap_err().ends_with("line 2: expected 2 columns, got 1"));
        assert!(read("1,2\n\n3,4\n", 2).unwrap_err().contains("line 2: column 1"));
        assert!(read("1,2,\n", 2).unwrap_err().contains("line 1: column 3"));
        assert_eq!(read("", 2), Ok(vec![]));
    }
}
