//! `wr2l resume`.

use serde_json::json;
use wr2l::run::{RunError, Saved, Standing};

use super::{Done, training};
use crate::cli::{ResumeArgs, TrainingArgs};
use crate::output::{print, thousands, warn};

pub(crate) fn run(args: &ResumeArgs) -> Result<Done, RunError> {
    let saved = match args.steps {
        Some(steps) => Saved::open_with_steps(&args.run, args.accept_changed_plan, steps),
        None => Saved::open(&args.run, args.accept_changed_plan),
    };
    go_on(saved?, &args.training)
}

/// Goes on with a run, or says that it is finished.
pub(super) fn go_on(saved: Saved, args: &TrainingArgs) -> Result<Done, RunError> {
    for warning in saved.warnings() {
        warn(warning);
    }
    let (plan, folder) = (saved.plan().clone(), saved.folder().clone());
    let standing = match saved.standing() {
        Standing::NotBegun => {
            "it was stopped before its first checkpoint, so it begins again from its plan".to_owned()
        }
        Standing::Unfinished { iteration, steps } => format!(
            "going on after iteration {iteration}: {} of {} steps",
            thousands(steps),
            thousands(plan.steps)
        ),
        Standing::Trained => "training is done; what comes after it is not".to_owned(),
        Standing::Finished => "it is finished: there is nothing to go on with".to_owned(),
    };
    if args.json {
        print(&format!("{}\n", json!({ "event": "resume", "run": folder.path(), "standing": standing })))?;
    } else if !args.quiet {
        print(&format!("{} on {} in {}: {standing}\n", plan.method(), plan.task, folder.path().display()))?;
    }
    if saved.standing() == Standing::Finished {
        return Ok(Done::Completely);
    }
    let options = training::options(args);
    training::run(args, &plan, &folder, |observer| saved.train(&options, observer))
}
