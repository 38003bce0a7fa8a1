//! What a run ends with: its learning curve, and what robustness it bought.

use std::ops::ControlFlow;
use std::path::PathBuf;

use wr2l_eval::{Evaluation, Journal, Table};
use wr2l_report::{Band, LearningRun, Quantity, learning_figure};

use crate::error::RunError;
use crate::formats::folder::RunFolder;
use crate::plan::Plan;
use crate::studies::destination::Destination;
use crate::studies::evaluation::{Contestant, evaluate_all, write_results};
use crate::training::trained::Trained;

/// Stem of the names of the evaluation's files.
const STEM: &str = "after-training";

/// What [`report`] has written.
#[derive(Clone, Debug)]
pub struct Reported {
    /// Files, in the order of writing.
    pub files: Vec<PathBuf>,
    /// The evaluation, if the plan asks for one.
    pub table: Option<Table>,
}

/// Draws the learning curve, evaluates the trained policy over the plan's sweep, and writes table and figure into the
/// run folder.
///
/// # Errors
/// [`RunError::Interrupted`] if `progress` stopped it, [`RunError`]; what was written before stays.
pub fn report(
    plan: &Plan,
    folder: &RunFolder,
    trained: &Trained,
    threads: usize,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<Reported, RunError> {
    let figures = folder.subfolder("figures")?;
    let mut files = Vec::new();
    if trained.curve.len() > 1 {
        let path = figures.join("learning.svg");
        let run = LearningRun { method: plan.method(), points: trained.curve.clone() };
        learning_figure(&[run], Quantity::new("mean return in training"), Band::default())?.write(&path)?;
        files.push(path);
    }
    let Some(systems) = plan.sweep()? else { return Ok(Reported { files, table: None }) };
    let contestants = [Contestant::open(folder.path())?];
    let options = Evaluation { episodes: plan.report.episodes, threads, ..Evaluation::default() };
    let mut journal = Journal::none();
    let tables = evaluate_all(&contestants, Some(plan.physics), &systems, options, &mut journal, progress)?;
    let tables_at = folder.subfolder("results")?;
    let destination = Destination { tables: tables_at, figures, stem: STEM.to_owned(), force: true };
    files.extend(write_results(&tables, &contestants, &destination)?);
    Ok(Reported { files, table: tables.into_iter().next() })
}
