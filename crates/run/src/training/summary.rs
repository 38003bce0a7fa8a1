//! `summary.json`: what a run came to.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wr2l_eval::Table;
use wr2l_nn::InstructionSet;

use crate::error::RunError;
use crate::formats::ball_file::BallSummary;
use crate::formats::files::write_file;
use crate::formats::folder::RunFolder;
use crate::plan::Plan;
use crate::training::guard;
use crate::training::trained::Trained;
use crate::training::watch::Ending;

/// Largest summary that is read: a thousand times what is written.
const MAX_BYTES: u64 = 1 << 20;

/// What a run came to, in numbers for programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of wr2l that finished it.
    pub version: String,
    /// The vector instructions whose bits networks computed on the machine that finished it, `avx2` (also where AVX-512
    /// computed them) or `portable`: runs are alike to the bit where these are. Empty in summaries of version 0.1.
    #[serde(default)]
    pub instructions: String,
    /// The plan's algorithm, task, physics and seed.
    pub algorithm: String,
    /// The task.
    pub task: String,
    /// The physics.
    pub physics: String,
    /// The seed.
    pub seed: u64,
    /// Why training ended.
    pub ending: Ending,
    /// Learner iterations.
    pub iteration: u64,
    /// Policy steps.
    pub steps: u64,
    /// Steps of the simulator, those of the adversary included.
    pub simulator_steps: u64,
    /// Training episodes.
    pub episodes: u64,
    /// Mean return of the last hundred of them; absent if none ended.
    pub recent_return: Option<f64>,
    /// Episodes whose physics diverged, the adversary's included.
    pub diverged: u64,
    /// Seconds of training, over all processes that had a part in it.
    pub seconds: f64,
    /// The largest relative error of any half-width of the ball, where it was trained in one.
    #[serde(default)]
    pub ball_error: Option<f64>,
    /// What should not be passed over.
    pub warnings: Vec<String>,
    /// The short evaluation at the end.
    pub evaluation: Option<SweepSummary>,
    /// Whether nothing is left to do, the evaluation at the end included.
    pub complete: bool,
}

/// Returns over the sweep at the end of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepSummary {
    /// The parameters swept.
    pub parameters: Vec<String>,
    /// Mean return at the reference dynamics.
    pub nominal: Option<f64>,
    /// Mean over all systems.
    pub mean: Option<f64>,
    /// The worst system's.
    pub worst: Option<f64>,
}

impl Summary {
    /// What is known when training has ended.
    pub fn new(plan: &Plan, trained: &Trained) -> Self {
        let ball = trained.ball.as_ref();
        let last = &trained.last;
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instructions: InstructionSet::detect().bits().to_owned(),
            algorithm: plan.method(),
            task: plan.task.to_string(),
            physics: plan.physics.to_string(),
            seed: plan.seed,
            ending: trained.ending,
            iteration: last.iteration,
            steps: last.steps,
            simulator_steps: last.simulator_steps,
            episodes: last.episodes,
            recent_return: finite(last.recent_return),
            diverged: last.diverged,
            seconds: last.seconds,
            ball_error: ball.and_then(BallSummary::largest_error).and_then(finite),
            warnings: ball
                .and_then(BallSummary::warning)
                .into_iter()
                .chain(guard::diverging(&trained.course, plan.physics.as_str(), plan.task.name()))
                .chain(trained.course.overshoot.warning(trained.course.iteration))
                .collect(),
            evaluation: None,
            complete: false,
        }
    }

    /// The same with nothing left to do, and what the evaluation found if there was one.
    #[must_use]
    pub fn completed(mut self, table: Option<&Table>) -> Self {
        self.complete = true;
        self.evaluation = table.map(|table| {
            let statistics = table.statistics().ok();
            SweepSummary {
                parameters: table.parameters.clone(),
                nominal: table.nominal.as_ref().and_then(|row| finite(row.mean)),
                mean: statistics.as_ref().and_then(|s| finite(s.mean)),
                worst: statistics.as_ref().and_then(|s| finite(s.worst)),
            }
        });
        self
    }

    /// Writes it into the run's folder.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write(&self, folder: &RunFolder) -> Result<(), RunError> {
        let path = Self::path(folder);
        let text = serde_json::to_string_pretty(self);
        let text = text.map_err(|error| RunError::content(&path, None, error.to_string()))?;
        write_file(&path, format!("{text}\n").as_bytes())
    }

    /// Reads that of a finished run; `None` where there is none, or no usable one.
    pub fn read(folder: &RunFolder) -> Option<Self> {
        let path = Self::path(folder);
        let size = path.metadata().ok().filter(|meta| meta.is_file())?.len();
        if size > MAX_BYTES {
            return None;
        }
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }

    fn path(folder: &RunFolder) -> std::path::PathBuf {
        folder.file(NAME)
    }
}

/// Name of the file in a run's folder.
pub(crate) const NAME: &str = "summary.json";

/// JSON has no NaN.
fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

/// Removes the summary of a run that goes on, and so is not finished.
pub(crate) fn forget(folder: &RunFolder) -> Result<(), RunError> {
    let path: &Path = &folder.file(NAME);
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(RunError::io("remove", path, &error))
        }
        _ => Ok(()),
    }
}
