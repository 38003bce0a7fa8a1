//! Logs as CSV: a header, then one line per event, on disk as soon as it is known.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::RunError;

/// A CSV file that grows by a line at a time. A line is written at once and in one piece, so that whatever stops
/// the program leaves whole lines.
#[derive(Debug)]
pub(crate) struct CsvLog {
    path: PathBuf,
    file: File,
    columns: usize,
}

/// A cell of a log. What is not finite, and so has no value, is empty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    Count(u64),
    Real(f64),
    /// A word of our own, which needs no quotes.
    Word(&'static str),
}

impl From<u64> for Cell {
    fn from(value: u64) -> Self {
        Self::Count(value)
    }
}

impl From<u32> for Cell {
    fn from(value: u32) -> Self {
        Self::Count(u64::from(value))
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl CsvLog {
    /// A new file with a header.
    pub(crate) fn create(path: &Path, columns: &[String]) -> Result<Self, RunError> {
        let file = File::create(path).map_err(|error| RunError::io("write", path, &error))?;
        let mut log = Self { path: path.to_owned(), file, columns: columns.len() };
        log.line(&columns.join(","))?;
        Ok(log)
    }

    /// Appends a row, one cell a column.
    pub(crate) fn row(&mut self, cells: &[Cell]) -> Result<(), RunError> {
        assert_eq!(cells.len(), self.columns, "a row has as many cells as the header has columns");
        let texts: Vec<String> = cells
            .iter()
            .map(|cell| match cell {
                Cell::Count(value) => value.to_string(),
                Cell::Real(value) if value.is_finite() => value.to_string(),
                Cell::Real(_) => String::new(),
                Cell::Word(word) => (*word).to_owned(),
            })
            .collect();
        self.line(&texts.join(","))
    }

    fn line(&mut self, text: &str) -> Result<(), RunError> {
        let line = format!("{text}\n");
        self.file.write_all(line.as_bytes()).map_err(|error| RunError::io("write", &self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_on_disk_at_once_and_what_has_no_value_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let mut log = CsvLog::create(&path, &["a".into(), "b".into()]).unwrap();
        log.row(&[7_u64.into(), f64::NAN.into()]).unwrap();
        log.row(&[8_u64.into(), (1.0_f64 / 3.0).into()]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a,b\n7,\n8,0.3333333333333333\n");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        assert!(CsvLog::create(Path::new("/dev/full"), &["a".into()]).is_err());
    }
}
