//! What a run writes as it goes on: a row an iteration, a row a turn, and the same as TensorBoard events.

use crate::error::RunError;
use crate::formats::events::{EVENTS, EventLog};
use crate::formats::files::remove_temporaries;
use crate::formats::folder::RunFolder;
use crate::formats::log::CsvLog;
use crate::plan::Plan;
use crate::training::columns::{
    IterationRow, W_LARGEST, iteration_columns, iteration_scalars, turn_cells, turn_columns, turn_scalars,
};
use crate::training::counters::Counters;
use crate::training::session::IterationDone;
use crate::training::summary;
use crate::training::watch::{Observer, TurnDone};

const METRICS: &str = "metrics.csv";
const ADVERSARY: &str = "adversary.csv";

/// Whether anybody takes turns that are logged.
fn has_adversary(plan: &Plan) -> bool {
    !plan.adversary.kind().is_nobody()
}

/// Everything that grows by an entry at a time.
pub(crate) struct Logs {
    pub(crate) metrics: CsvLog,
    /// None without an adversary.
    pub(crate) adversary: Option<CsvLog>,
    pub(crate) events: EventLog,
    /// Columns and tags of the terms of the reward.
    terms: Vec<String>,
}

/// What the terms of the reward are called.
fn reward_terms(plan: &Plan) -> Vec<String> {
    plan.task.reward_names().iter().map(|name| format!("reward/{name}")).collect()
}

impl Logs {
    /// Empty logs of a new run.
    pub(crate) fn create(plan: &Plan, folder: &RunFolder) -> Result<Self, RunError> {
        let (vary, terms) = (&plan.vary, reward_terms(plan));
        Ok(Self {
            metrics: CsvLog::create(&folder.file(METRICS), &iteration_columns(vary, &terms))?,
            adversary: match has_adversary(plan) {
                true => Some(CsvLog::create(&folder.file(ADVERSARY), &turn_columns(vary))?),
                false => None,
            },
            events: EventLog::create(&folder.file(EVENTS))?,
            terms,
        })
    }

    /// The logs of a run that goes on from `course`: what was written after it goes.
    pub(crate) fn resume(
        plan: &Plan,
        folder: &RunFolder,
        course: &Counters,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        remove_temporaries(folder.path());
        summary::forget(folder)?;
        let mut resume = |name: &str, columns: &[String], rows: u64| {
            let path = folder.file(name);
            let (log, kept) = CsvLog::resume(&path, columns, W_LARGEST, rows)?;
            if kept < rows {
                let path = path.display();
                observer.warning(&format!(
                    "`{path}` holds {kept} of the {rows} rows written so far; the rest is lost"
                ));
            }
            Ok::<_, RunError>(log)
        };
        let terms = reward_terms(plan);
        Ok(Self {
            metrics: resume(METRICS, &iteration_columns(&plan.vary, &terms), course.iteration)?,
            adversary: match has_adversary(plan) {
                true => Some(resume(ADVERSARY, &turn_columns(&plan.vary), course.turn)?),
                false => None,
            },
            events: EventLog::resume(&folder.file(EVENTS), course.iteration + course.turn)?,
            terms,
        })
    }

    /// A row an iteration; `dim` parameters vary.
    pub(crate) fn iteration(&mut self, done: &IterationDone, dim: usize) -> Result<(), RunError> {
        let row = IterationRow::of(done);
        self.metrics.row(&row.cells(dim, self.terms.len()))?;
        let mut scalars: Vec<(&str, f64)> = iteration_scalars(&row);
        let terms = self.terms.iter().map(String::as_str);
        scalars.extend(terms.zip(row.improvement.reward_terms.iter().copied()));
        self.events.scalars(row.steps, &scalars)
    }

    /// A row a turn.
    pub(crate) fn turn(&mut self, done: &TurnDone, dim: usize) -> Result<(), RunError> {
        if let Some(log) = &mut self.adversary {
            log.row(&turn_cells(done, dim))?;
        }
        self.events.scalars(done.steps, &turn_scalars(done))
    }

    /// Puts what was written on disk.
    pub(crate) fn sync(&self) -> Result<(), RunError> {
        self.metrics.sync()?;
        self.events.sync()?;
        self.adversary.as_ref().map_or(Ok(()), CsvLog::sync)
    }
}
