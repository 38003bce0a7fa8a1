//! What a run writes as it goes on: a row an iteration, a row a turn, and the same as TensorBoard events.

use crate::columns::{iteration_columns, turn_columns};
use crate::course::Course;
use crate::error::RunError;
use crate::events::{EVENTS, EventLog};
use crate::files::remove_temporaries;
use crate::folder::RunFolder;
use crate::log::CsvLog;
use crate::plan::Plan;
use crate::summary;
use crate::watch::Observer;

const METRICS: &str = "metrics.csv";
const ADVERSARY: &str = "adversary.csv";

/// Everything that grows by an entry at a time.
pub(crate) struct Logs {
    pub(crate) metrics: CsvLog,
    /// None without an adversary.
    pub(crate) adversary: Option<CsvLog>,
    pub(crate) events: EventLog,
}

impl Logs {
    /// Empty logs of a new run.
    pub(crate) fn create(plan: &Plan, folder: &RunFolder, with_adversary: bool) -> Result<Self, RunError> {
        let vary = &plan.vary;
        Ok(Self {
            metrics: CsvLog::create(&folder.file(METRICS), &iteration_columns(vary))?,
            adversary: match with_adversary {
                true => Some(CsvLog::create(&folder.file(ADVERSARY), &turn_columns(vary))?),
                false => None,
            },
            events: EventLog::create(&folder.file(EVENTS))?,
        })
    }

    /// The logs of a run that goes on from `course`: what was written after it goes.
    pub(crate) fn resume(
        plan: &Plan,
        folder: &RunFolder,
        with_adversary: bool,
        course: &Course,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        remove_temporaries(folder.path());
        summary::forget(folder)?;
        let mut resume = |name: &str, columns: &[String], rows: u64| {
            let path = folder.file(name);
            let (log, kept) = CsvLog::resume(&path, columns, rows)?;
            if kept < rows {
                let path = path.display();
                observer.warning(&format!(
                    "`{path}` holds {kept} of the {rows} rows written so far; the rest is lost"
                ));
            }
            Ok::<_, RunError>(log)
        };
        Ok(Self {
            metrics: resume(METRICS, &iteration_columns(&plan.vary), course.iteration)?,
            adversary: match with_adversary {
                true => Some(resume(ADVERSARY, &turn_columns(&plan.vary), course.turn)?),
                false => None,
            },
            events: EventLog::resume(&folder.file(EVENTS), course.iteration + course.turn)?,
        })
    }

    /// Puts what was written on disk.
    pub(crate) fn sync(&self) -> Result<(), RunError> {
        self.metrics.sync()?;
        self.events.sync()?;
        self.adversary.as_ref().map_or(Ok(()), CsvLog::sync)
    }
}
