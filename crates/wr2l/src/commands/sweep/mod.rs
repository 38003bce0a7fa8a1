//! `wr2l sweep`.

mod local;
mod scheduler;

pub use local::{EntryDone, EntryEnding, Locally, run_entries};

use serde_json::json;
use wr2l::run::{Entry, EntryStanding, RunError, Sweep, end_of_log};

use super::{Done, threads};
use crate::cli::{SweepAction, SweepArgs, SweepCollectArgs, SweepStatusArgs};
use crate::interrupt;
use crate::output::{aligned, print, say};
use crate::program::program;

/// Lines of a failed entry's log that are shown.
const LINES: usize = 4;
/// Failed entries that are shown with their logs.
const SHOWN: usize = 20;

pub(crate) fn run(args: &SweepArgs) -> Result<Done, RunError> {
    match &args.action {
        Some(SweepAction::Status(args)) => return status(args).map(|()| Done::Completely),
        Some(SweepAction::Collect(args)) => return collect(args).map(|()| Done::Completely),
        None => {}
    }
    let Some(path) = &args.file else {
        return Err(RunError::Usage("name a sweep file".into()));
    };
    // Before anything else: a scheduler may warn as soon as it has started us.
    interrupt::flag();
    let sweep = Sweep::read(path)?;
    let (part, parts) = args.part.unwrap_or((0, 1));
    let left = sweep.left(sweep.part(part, parts));
    if args.print {
        let program = program()?;
        let lines: String = left.iter().map(|entry| entry.line(&program) + "\n").collect();
        return print(&lines).map(|()| Done::Completely);
    }
    if args.hyperqueue {
        return scheduler::hyperqueue(&sweep, &left).map(|()| Done::Completely);
    }
    if let Some(tasks) = args.slurm {
        return scheduler::slurm(&sweep, path, &left, tasks, args).map(|()| Done::Completely);
    }
    locally(&left, args.local.unwrap_or_else(|| sweep.at_once(threads(None))))
}

/// Runs entries here, and says how each ended.
fn locally(entries: &[&Entry], at_once: usize) -> Result<Done, RunError> {
    let tell = |done: &EntryDone<'_>| {
        let (name, place) = (&done.entry.name, format!("{} of {}", done.ended, done.all));
        say(&match &done.how {
            EntryEnding::Well => format!("{place}: {name}"),
            EntryEnding::PutOff => format!("{place}: {name} has to be called again"),
            EntryEnding::Badly(why) => {
                format!("{place}: {name} failed ({why}): {}", done.entry.log.display())
            }
        });
    };
    let stop = interrupt::flag();
    let Locally { failed, put_off } = run_entries(entries, at_once, &program()?, &stop, &tell);
    if put_off || stop.is_raised() {
        return Ok(Done::Interrupted);
    }
    let Some(first) = failed.first() else { return Ok(Done::Completely) };
    Err(RunError::Failed(format!(
        "{} of {} runs failed, {first} the first; `wr2l sweep status FILE` shows the ends of their logs",
        failed.len(),
        entries.len()
    )))
}

fn status(args: &SweepStatusArgs) -> Result<(), RunError> {
    let sweep = Sweep::read(&args.file)?;
    let standings = sweep.standings();
    if args.json {
        let lines = sweep.entries.iter().zip(&standings).map(|(entry, standing)| {
            let code = match standing {
                EntryStanding::Failed { code } => Some(code),
                _ => None,
            };
            let line =
                json!({ "name": entry.name, "standing": standing.as_str(), "exit": code, "run": entry.run });
            format!("{line}\n")
        });
        return print(&lines.collect::<String>());
    }
    let words = ["finished", "running", "stopped", "failed", "waiting"];
    let mut rows = vec![["".to_owned(), "runs".to_owned()]];
    for word in words {
        let count = standings.iter().filter(|standing| standing.as_str() == word).count();
        rows.push([word.to_owned(), count.to_string()]);
    }
    let failed = sweep.entries.iter().zip(&standings).filter_map(|(entry, standing)| match standing {
        EntryStanding::Failed { code } => Some((entry, *code)),
        _ => None,
    });
    let failed: Vec<(&Entry, i32)> = failed.collect();
    print(&(aligned(&rows) + &failures(&failed)))
}

/// What failed, each with the end of its log.
fn failures(failed: &[(&Entry, i32)]) -> String {
    let mut text = String::new();
    for (entry, code) in failed.iter().take(SHOWN) {
        text += &format!("\n{} failed with {code}; {} ends with\n", entry.name, entry.log.display());
        end_of_log(&entry.log, LINES).iter().for_each(|line| text += &format!("  {line}\n"));
    }
    if failed.len() > SHOWN {
        text += &format!("\nand {} more\n", failed.len() - SHOWN);
    }
    text
}

fn collect(args: &SweepCollectArgs) -> Result<(), RunError> {
    let collected = Sweep::read(&args.file)?.collect()?;
    let (finished, all) = collected.finished;
    let list: String = collected.files.iter().map(|path| format!("  {}\n", path.display())).collect();
    print(&format!("{finished} of {all} runs are finished\n{list}"))
}
