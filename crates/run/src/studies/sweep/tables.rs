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
    /// Entries that are finished, of how many.
    pub finished: (usize, usize),
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
        let mut files = vec![runs];
        let mut tasks: Vec<&str> = self.entries.iter().map(|entry| entry.task.as_str()).collect();
        tasks.sort_unstable();
        tasks.dedup();
        for task in tasks {
            for evaluation in &self.evaluations {
                files.extend(self.tables(task, evaluation, &standings, &folder)?);
            }
        }
        let finished = standings.iter().filter(|&&standing| standing == EntryStanding::Finished).count();
        Ok(Collected { files, finished: (finished, self.entries.len()) })
    }

    /// The tables of one evaluation on one task.
    fn tables(
        &self,
        task: &str,
        evaluation: &str,
        standings: &[EntryStanding],
        to: &Path,
    ) -> Result<Vec<PathBuf>, RunError> {
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
            return Ok(Vec::new());
        }
        let paths = ["", "-statistics"].map(|end| to.join(format!("{task}-{evaluation}{end}.csv")));
        write_csv(&paths[0], &tables)?;
        write_statistics(&paths[1], &tables)?;
        Ok(paths.to_vec())
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
