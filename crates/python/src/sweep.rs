//! The class `Sweep`: many runs from one file or dictionary.

use std::path::Path;
use std::thread::available_parallelism;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use wr2l::eval::read_csv;
use wr2l::rl::StopFlag;
use wr2l::run::{Entry, EntryStanding, Sweep as Study, end_of_log};
use wr2l::{EntryEnding, Locally, program, run_entries};

use crate::error;
use crate::plan;
use crate::table::Table;
use crate::waiting::{Teller, wait_for};

/// Lines of a failed entry's log that are told.
const LINES: usize = 8;

/// A study: its entries are runs with their evaluations.
#[pyclass(module = "wr2l._native", frozen)]
pub(crate) struct Sweep {
    study: Study,
}

/// Name, task, method, seed, run folder, log.
type Listed = (String, String, String, u64, String, String);
/// Number of those ended, of all, the name, how it ended and why.
type Ended = (usize, usize, String, &'static str, String);

impl Sweep {
    fn left(&self) -> Vec<&Entry> {
        self.study.left(self.study.entries.iter())
    }
}

#[pymethods]
impl Sweep {
    /// The study of a file.
    #[staticmethod]
    fn read(py: Python<'_>, path: &str) -> PyResult<Self> {
        let study = py.detach(|| Study::read(Path::new(path))).map_err(error::of_run)?;
        Ok(Self { study })
    }

    /// The study of a dictionary with the keys of a file.
    #[staticmethod]
    fn of(py: Python<'_>, name: &str, keys: &Bound<'_, PyDict>) -> PyResult<Self> {
        let table = plan::table(name, keys)?;
        let study = py.detach(|| Study::of_table(name, table)).map_err(error::of_run)?;
        Ok(Self { study })
    }

    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        &self.study.name
    }

    /// The folder of everything.
    #[getter]
    fn output(&self) -> String {
        self.study.output.display().to_string()
    }

    /// Threads of an entry.
    #[getter]
    fn threads(&self) -> u64 {
        self.study.threads
    }

    /// Names of the evaluations.
    #[getter]
    fn evaluations(&self) -> Vec<String> {
        self.study.evaluations.clone()
    }

    /// All entries.
    fn entries(&self) -> Vec<Listed> {
        let of = |entry: &Entry| {
            let Entry { name, task, method, seed, run, log, .. } = entry.clone();
            (name, task, method, seed, run.display().to_string(), log.display().to_string())
        };
        self.study.entries.iter().map(of).collect()
    }

    /// A line for a POSIX shell of every entry that is not finished.
    fn lines(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        crate::program::say(py)?;
        let program = program().map_err(error::of_run)?;
        Ok(py.detach(|| self.left().iter().map(|entry| entry.line(&program)).collect()))
    }

    /// Where every entry stands, the exit code of a failed one, and the end of its log.
    fn standings(&self, py: Python<'_>) -> Vec<(&'static str, Option<i32>, Vec<String>)> {
        py.detach(|| {
            let standings = self.study.standings();
            let of = |(entry, standing): (&Entry, &EntryStanding)| match standing {
                EntryStanding::Failed { code } => {
                    (standing.as_str(), Some(*code), end_of_log(&entry.log, LINES))
                }
                other => (other.as_str(), None, Vec::new()),
            };
            self.study.entries.iter().zip(&standings).map(of).collect()
        })
    }

    /// Runs what is not finished, `at_once` entries at a time, telling `callback` of each that ends; its answer stops the rest
    /// if it is not true. Names of those that failed, and whether something has to be called again.
    #[pyo3(signature = (at_once, callback))]
    fn run(
        &self,
        py: Python<'_>,
        at_once: Option<usize>,
        callback: Py<PyAny>,
    ) -> PyResult<(Vec<String>, bool)> {
        let usual = || self.study.at_once(available_parallelism().map_or(1, usize::from));
        let at_once = at_once.unwrap_or_else(usual);
        if !(1..=1024).contains(&at_once) {
            return Err(error::usage(format!("local = {at_once}: expected 1 to 1024 runs at a time")));
        }
        crate::program::say(py)?;
        let program = program().map_err(error::of_run)?;
        let stop = StopFlag::default();
        let work = |teller: &Teller<Ended>| {
            run_entries(&self.left(), at_once, &program, &stop, &|done| {
                let (how, why) = match &done.how {
                    EntryEnding::Well => ("finished", String::new()),
                    EntryEnding::PutOff => ("stopped", String::new()),
                    EntryEnding::Badly(why) => ("failed", why.clone()),
                };
                teller.tell((done.ended, done.all, done.entry.name.clone(), how, why));
            })
        };
        let came = wait_for(py, &stop, work, |py, told: Ended| {
            if !callback.bind(py).call1(told)?.is_truthy()? {
                stop.raise();
            }
            Ok(())
        })?;
        let Locally { failed, put_off } = came;
        Ok((failed, put_off || stop.is_raised()))
    }

    /// Writes the tables of what is finished by now: how many of how many are, the file of the runs, and task, evaluation,
    /// results and statistics of every table.
    #[expect(clippy::type_complexity, reason = "what is collected, as one answer")]
    fn collect(
        &self,
        py: Python<'_>,
    ) -> PyResult<(usize, usize, String, Vec<(String, String, String, String)>)> {
        let collected = py.detach(|| self.study.collect()).map_err(error::of_run)?;
        let (finished, all) = collected.finished;
        let runs = collected.files.first().map_or_else(String::new, |path| path.display().to_string());
        let tables = collected.tables.into_iter().map(|table| {
            let paths = [table.results, table.statistics].map(|path| path.display().to_string());
            let [results, statistics] = paths;
            (table.task, table.evaluation, results, statistics)
        });
        Ok((finished, all, runs, tables.collect()))
    }
}

/// The tables of a CSV file of evaluations.
#[pyfunction]
pub(crate) fn read_tables(py: Python<'_>, path: &str) -> PyResult<Vec<Table>> {
    let tables = py.detach(|| read_csv(Path::new(path))).map_err(error::of_csv)?;
    Ok(tables.into_iter().map(|results| Table { results, setting: None }).collect())
}
