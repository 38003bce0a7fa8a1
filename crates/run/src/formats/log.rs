//! Logs: files that grow by a line or a record at a time, each on its way to the disk as soon as it is known.
//!
//! What stops the program leaves whole entries, and at most the beginning of one more; a run that goes on cuts its
//! logs back to the entries that its checkpoint knows of ([`CsvLog::resume`]).

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::RunError;

/// A file that grows by whole entries: one that cannot be written to its end is taken back.
#[derive(Debug)]
pub(crate) struct Appended {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Appended {
    /// A new, empty file.
    pub(crate) fn create(path: &Path) -> Result<Self, RunError> {
        let file = File::create(path).map_err(|error| RunError::io("write", path, &error))?;
        Ok(Self { path: path.to_owned(), file, length: 0 })
    }

    /// An existing file, cut to the length that `keep` finds in it.
    pub(crate) fn resume(
        path: &Path,
        keep: impl FnOnce(&mut BufReader<&File>) -> Result<u64, RunError>,
    ) -> Result<Self, RunError> {
        let io = |error: std::io::Error| RunError::io("write", path, &error);
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
        let length = keep(&mut BufReader::new(&file))?;
        file.set_len(length).map_err(io)?;
        file.seek(SeekFrom::Start(length)).map_err(io)?;
        Ok(Self { path: path.to_owned(), file, length })
    }

    /// Appends an entry, whole or not at all.
    pub(crate) fn append(&mut self, entry: &[u8]) -> Result<(), RunError> {
        match self.file.write_all(entry) {
            Ok(()) => {
                self.length += entry.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half an entry on a full disk: the error to report is the one above.
                let _ = self.file.set_len(self.length);
                let _ = self.file.seek(SeekFrom::Start(self.length));
                Err(RunError::io("write", &self.path, &error))
            }
        }
    }

    /// Waits until all of it is on the disk.
    pub(crate) fn sync(&self) -> Result<(), RunError> {
        self.file.sync_data().map_err(|error| RunError::io("write", &self.path, &error))
    }
}

/// A CSV file that grows by a line at a time.
#[derive(Debug)]
pub(crate) struct CsvLog {
    file: Appended,
    columns: usize,
    /// The column that a log of before does not have.
    without: Option<usize>,
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
        let mut log = Self { file: Appended::create(path)?, columns: columns.len(), without: None };
        log.line(&columns.join(","))?;
        Ok(log)
    }

    /// The log of a run that goes on after `rows` rows: what comes after them was written after the checkpoint, and
    /// goes. Also how many of the rows are there; fewer, if somebody has cut the file. A log of before, which does not have the
    /// column `newer`, goes on without it.
    ///
    /// # Errors
    /// [`RunError::Io`]; [`RunError::Content`] for a file with other columns.
    pub(crate) fn resume(
        path: &Path,
        columns: &[String],
        newer: &str,
        rows: u64,
    ) -> Result<(Self, u64), RunError> {
        if !path.exists() {
            return Ok((Self::create(path, columns)?, 0));
        }
        let header = |without: Option<usize>| {
            let present = columns.iter().enumerate().filter(|(i, _)| Some(*i) != without);
            present.map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(",") + "\n"
        };
        let (whole, newer) = (header(None), columns.iter().position(|name| name == newer));
        let (mut kept, mut without) = (0, None);
        let file = Appended::resume(path, |file| {
            let io = |error: std::io::Error| RunError::io("read", path, &error);
            // No more of a line is read than it may be long.
            let mut first = Vec::new();
            file.by_ref().take(whole.len() as u64).read_to_end(&mut first).map_err(io)?;
            let mut length = whole.len() as u64;
            if first != whole.as_bytes() {
                let older = header(newer);
                if newer.is_none() || !first.starts_with(older.as_bytes()) {
                    return Err(RunError::content(
                        path,
                        Some(1),
                        "its columns are not those of this run's log",
                    ));
                }
                (without, length) = (newer, older.len() as u64);
                file.seek(SeekFrom::Start(length)).map_err(io)?;
            }
            while kept < rows {
                let Some(line) = skip_line(file).map_err(io)? else { break };
                length += line;
                kept += 1;
            }
            Ok(length)
        })?;
        Ok((Self { file, columns: columns.len(), without }, kept))
    }

    /// Appends a row, one cell a column.
    pub(crate) fn row(&mut self, cells: &[Cell]) -> Result<(), RunError> {
        assert_eq!(cells.len(), self.columns, "a row has as many cells as the header has columns");
        let texts: Vec<String> = cells
            .iter()
            .enumerate()
            .filter(|(i, _)| Some(*i) != self.without)
            .map(|(_, cell)| match cell {
                Cell::Count(value) => value.to_string(),
                Cell::Real(value) if value.is_finite() => value.to_string(),
                Cell::Real(_) => String::new(),
                Cell::Word(word) => (*word).to_owned(),
            })
            .collect();
        self.line(&texts.join(","))
    }

    /// Waits until all rows are on the disk.
    pub(crate) fn sync(&self) -> Result<(), RunError> {
        self.file.sync()
    }

    fn line(&mut self, text: &str) -> Result<(), RunError> {
        self.file.append(format!("{text}\n").as_bytes())
    }
}

/// The length of the next line, its end included; `None` where there is no whole line left.
fn skip_line(file: &mut impl BufRead) -> std::io::Result<Option<u64>> {
    let mut length = 0;
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            return Ok(None);
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        file.consume(used);
        length += used as u64;
        if end.is_some() {
            return Ok(Some(length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> [String; 2] {
        ["a".into(), "b".into()]
    }

    #[test]
    fn rows_are_on_disk_at_once_and_what_has_no_value_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let mut log = CsvLog::create(&path, &columns()).unwrap();
        log.row(&[7_u64.into(), f64::NAN.into()]).unwrap();
        log.row(&[8_u64.into(), (1.0_f64 / 3.0).into()]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a,b\n7,\n8,0.3333333333333333\n");
    }

    #[test]
    fn a_log_that_goes_on_is_cut_to_the_rows_that_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        for (before, rows, after, kept) in [
            ("a,b\n1,2\n3,4\n5,6\n", 2, "a,b\n1,2\n3,4\n9,\n", 2),
            ("a,b\n1,2\n3,4\n5", 2, "a,b\n1,2\n3,4\n9,\n", 2),
            ("a,b\n1,2\n3", 2, "a,b\n1,2\n9,\n", 1),
            ("a,b\n", 0, "a,b\n9,\n", 0),
            ("a,b\n1", 0, "a,b\n9,\n", 0),
        ] {
            std::fs::write(&path, before).unwrap();
            let (mut log, found) = CsvLog::resume(&path, &columns(), "new", rows).unwrap();
            assert_eq!(found, kept, "{before}");
            log.row(&[9_u64.into(), f64::NAN.into()]).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
        for other in ["", "a,b", "a,c\n1,2\n", "a,b,c\n"] {
            std::fs::write(&path, other).unwrap();
            assert!(CsvLog::resume(&path, &columns(), "new", 1).is_err(), "{other}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), other, "left alone");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(CsvLog::resume(&path, &columns(), "new", 3).unwrap().1, 0);
    }

    #[test]
    fn a_log_of_before_goes_on_without_the_newer_column() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        let columns = ["a", "new", "b"].map(String::from);
        for (before, after) in [
            ("a,b\n1,2\n3,4\n5,6\n", "a,b\n1,2\n3,4\n7,9\n"),
            ("a,new,b\n1,0,2\n3,0,4\n5", "a,new,b\n1,0,2\n3,0,4\n7,8,9\n"),
        ] {
            std::fs::write(&path, before).unwrap();
            let (mut log, kept) = CsvLog::resume(&path, &columns, "new", 2).unwrap();
            assert_eq!(kept, 2);
            log.row(&[7_u64.into(), 8_u64.into(), 9_u64.into()]).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
        for other in ["a,new\n1,2\n", "new,b\n1,2\n", "a,b", "b\n"] {
            std::fs::write(&path, other).unwrap();
            assert!(CsvLog::resume(&path, &columns, "new", 1).is_err(), "{other}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        assert!(CsvLog::create(Path::new("/dev/full"), &["a".into()]).is_err());
    }
}
