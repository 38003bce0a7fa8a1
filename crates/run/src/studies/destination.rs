//! Where the results of an evaluation go, and whether they are there.

use std::path::{Path, PathBuf};

use wr2l_eval::Journal;

use crate::error::RunError;
use crate::formats::files::{refuse_existing, write_file};

/// What the name of a journal ends in.
const PARTIAL: &str = ".csv.partial";

/// Whether a folder holds results of [`Destination::mark`]ed evaluations, all of them whole.
pub(crate) fn is_whole(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let keys: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix(".key")).collect();
    let there =
        |key: &&str| names.contains(&format!("{key}.csv")) && !names.contains(&format!("{key}{PARTIAL}"));
    !keys.is_empty() && keys.iter().all(there)
}

/// Where results go: `TABLES/STEM.csv` and `FIGURES/STEM.svg`.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Folder of the table.
    pub tables: PathBuf,
    /// Folder of the figure.
    pub figures: PathBuf,
    /// Name of both files, without extension.
    pub stem: String,
    /// Replace existing files.
    pub force: bool,
}

impl Destination {
    /// The table and the figure.
    pub fn files(&self) -> [PathBuf; 2] {
        let Self { tables, figures, stem, .. } = self;
        [tables.join(format!("{stem}.csv")), figures.join(format!("{stem}.svg"))]
    }

    /// Refuses files that exist, unless they are to be replaced.
    ///
    /// # Errors
    /// [`RunError::Exists`].
    pub fn check(&self) -> Result<(), RunError> {
        self.files().iter().try_for_each(|path| refuse_existing(path, self.force))
    }

    /// Opens the journal of an evaluation whose results will go here: what a killed one has found is in it.
    ///
    /// # Errors
    /// [`RunError::Table`].
    pub fn journal(&self) -> Result<Journal, RunError> {
        Ok(Journal::open(&self.tables.join(format!("{}{PARTIAL}", self.stem)))?)
    }

    /// Whether the results are here already, those that `key` stands for ([`evaluation_key`](super::evaluation::evaluation_key)). Results that are only half
    /// written, as the journal beside them tells, are not.
    ///
    /// # Errors
    /// [`RunError::Exists`] for results of another key, or of none.
    pub fn holds(&self, key: &str) -> Result<bool, RunError> {
        let [csv, svg] = self.files();
        if !csv.exists() && !svg.exists() {
            return Ok(false);
        }
        if std::fs::read_to_string(self.key_file()).is_ok_and(|known| known.trim_end() == key) {
            return Ok(csv.exists() && !self.tables.join(format!("{}{PARTIAL}", self.stem)).exists());
        }
        let detail = ": it is of other policies or options, or was made without --resume";
        Err(RunError::Exists { path: csv.display().to_string(), detail })
    }

    /// Notes which results will be here, before they are; `None` that nobody will ask.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn mark(&self, key: Option<&str>) -> Result<(), RunError> {
        let path = self.key_file();
        match key {
            Some(key) => {
                self.make_folders()?;
                write_file(&path, format!("{key}\n").as_bytes())
            }
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(RunError::io("remove", &path, &error))
                }
                _ => Ok(()),
            },
        }
    }

    fn key_file(&self) -> PathBuf {
        self.tables.join(format!("{}.key", self.stem))
    }

    pub(crate) fn make_folders(&self) -> Result<(), RunError> {
        for folder in [&self.tables, &self.figures] {
            std::fs::create_dir_all(folder).map_err(|error| RunError::io("create", folder, &error))?;
        }
        Ok(())
    }
}
