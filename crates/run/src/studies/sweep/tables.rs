//! What a sweep came to, in tables: a row a run, and the evaluations of all runs of a task together.

use std::path::{Path, PathBuf};

use wr2l_eval::{Table, read_csv, write_csv, write_statistics};

use super::file::Sweep;
use super::standing::EntryStanding;
use crate::error::RunError;
use crate::formats::files::write_file;
use crate::formats::folder::RunFolder;
use crate::training::summary::Summary;

/// The columns of `runs.csv`; what a run that is not finished has not is empty.
const COLUMNS: &str = "name,task,method,seed,standing,ending,steps,simulator_steps,episodes,recent_return,diverged,\
                       seconds,warnings,version,instructions";

/// What was collected.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    /// The files, `runs.csv` first.
    pub files: Vec<PathBuf>,
    /// The tables among them, one of each task and evaluation that something is finished of.
    pub tables: Vec<CollectedTable>,
    /// Entries that are finished, of how many.
    pub finished: (usize, usize),
}

/// The results of one evaluation on one task.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectedTable {
    /// The task.
    pub task: String,
    /// The evaluation's name.
    pub evaluation: String,
    /// The file with the tables of all policies.
    pub results: PathBuf,
    /// The file with the statistics across the seeds.
    pub statistics: PathBuf,
}

impl Sweep {
    /// Writes what there is by now into the folder `collected/` of the sweep: `runs.csv`; for every task and evaluation
    /// the tables of all policies in one (`TASK-EVALUATION.csv`), named by the sweep's methods, and the statistics across
    /// the seeds (`TASK-EVALUATION-statistics.csv`).
    ///
    /// # Errors
    /// [`RunError::Io`], [`RunError::Table`] for a table that cannot be read.
    pub fn collect(&self) -> Result<Collected, RunError> {
        let folder = self.output.join("collected");
        std::fs::create_dir_all(&folder).map_err(|error| RunError::io("create", &folder, &error))?;
        let standings = self.standings();
        let mut text = format!("{COLUMNS}\n");
        for (entry, standing) in self.entries.iter().zip(&standings) {
            let summary = RunFolder::open(&entry.run).ok().and_then(|run| Summary::read(&run));
            let (name, task, method, seed) = (&entry.name, &entry.task, &entry.method, entry.seed);
            text += &format!("{name},{task},{method},{seed},{}", standing.as_str());
            text += &summary.map_or_else(|| ",".repeat(10), |summary| row(&summary));
            text.push('\n');
        }
        let runs = folder.join("runs.csv");
        write_file(&runs, text.as_bytes())?;
        let mut collected = Vec::new();
        let mut tasks: Vec<&str> = self.entries.iter().map(|entry| entry.task.as_str()).collect();
        tasks.sort_unstable();
        tasks.dedup();
        for task in tasks {
            for evaluation in &self.evaluations {
                collected.extend(self.table(task, evaluation, &standings, &folder)?);
            }
        }
        let finished = standings.iter().filter(|&&standing| standing == EntryStanding::Finished).count();
        let of_tables = collected.iter().flat_map(|table| [&table.results, &table.statistics]);
        let files = std::iter::once(&runs).chain(of_tables).cloned().collect();
        Ok(Collected { files, tables: collected, finished: (finished, self.entries.len()) })
    }

    /// The tables of one evaluation on one task, if something is finished of it.
    fn table(
        &self,
        task: &str,
        evaluation: &str,
        standings: &[EntryStanding],
        to: &Path,
    ) -> Result<Option<CollectedTable>, RunError> {
        let mut tables: Vec<Table> = Vec::new();
        let finished = |pair: &(_, &EntryStanding)| *pair.1 == EntryStanding::Finished;
        for (entry, _) in self.entries.iter().zip(standings).filter(finished) {
            if entry.task != task {
                continue;
            }
            for path in csv_files(&entry.evaluation(evaluation)) {
                for mut table in read_csv(&path)? {
                    table.provenance.method.clone_from(&entry.method);
                    tables.push(table);
                }
            }
        }
        if tables.is_empty() {
            return Ok(None);
        }
        let [results, statistics] =
            ["", "-statistics"].map(|end| to.join(format!("{task}-{evaluation}{end}.csv")));
        write_csv(&results, &tables)?;
        write_statistics(&statistics, &tables)?;
        let (task, evaluation) = (task.to_owned(), evaluation.to_owned());
        Ok(Some(CollectedTable { task, evaluation, results, statistics }))
    }
}

fn row(summary: &Summary) -> String {
    format!(
        ",{},{},{},{},{},{},{},{},{},{}",
        summary.ending.as_str(),
        summary.steps,
        summary.simulator_steps,
        summary.episodes,
        summary.recent_return.map_or_else(String::new, |value| value.to_string()),
        summary.diverged,
        summary.seconds,
        summary.warnings.len(),
        summary.version,
        summary.instructions,
    )
}

fn csv_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension() == Some("csv".as_ref())).collect();
    files.sort();
    files
}
