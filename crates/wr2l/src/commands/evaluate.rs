//! `wr2l evaluate`.

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde_json::json;
use wr2l::eval::{Evaluation, Table, summary};
use wr2l::run::{
    Contestant, Destination, RunError, common_task, evaluate_all, open_contestants, sweep_stem,
    sweep_systems, usual_sweep, write_results,
};

use super::threads;
use crate::cli::EvaluateArgs;
use crate::interrupt;
use crate::output::{Bar, print};

/// Ticks of the progress bar.
const TICKS: f64 = 1000.0;

pub(crate) fn run(args: &EvaluateArgs) -> Result<(), RunError> {
    let contestants = open_contestants(&args.runs)?;
    let task = common_task(&contestants)?;
    let sweep = if args.sweep.is_empty() { usual_sweep(task, 28, 11) } else { args.sweep.clone() };
    let systems = sweep_systems(task, &sweep)?.expect("the sweep is not empty");
    let physics = args.physics.as_deref().map(str::parse).transpose()?;
    let options = Evaluation {
        episodes: args.episodes,
        stochastic: args.stochastic,
        seed: args.seed,
        threads: threads(args.threads),
    };
    let (tables, figures) = places(args, &contestants)?;
    let destination = Destination { tables, figures, stem: sweep_stem(&systems), force: args.force };
    // Before the work, not after it.
    destination.check()?;

    let stop = interrupt::flag();
    let bar = if args.json { Bar::hidden() } else { Bar::new(TICKS as u64) };
    let tables = evaluate_all(&contestants, physics, &systems, options, &mut |done| {
        bar.set((done * TICKS) as u64, "evaluating");
        if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.clear();
    let tables = tables?;
    let files = write_results(&tables, &systems, &contestants, &destination)?;
    if args.json {
        tables.iter().try_for_each(|table| print(&format!("{}\n", line(table, &files))))
    } else {
        let list: String = files.iter().map(|path| format!("  {}\n", path.display())).collect();
        print(&format!("{}\n{list}", summary(&tables)))
    }
}

/// Folders for tables and figures.
fn places(args: &EvaluateArgs, contestants: &[Contestant]) -> Result<(PathBuf, PathBuf), RunError> {
    match (&args.output, contestants) {
        (Some(path), _) => Ok((path.clone(), path.clone())),
        (None, [Contestant { folder: Some(folder), .. }]) => {
            Ok((folder.file("results"), folder.file("figures")))
        }
        _ => Err(RunError::Usage("say with -o where the results of several runs, or of a file, go".into())),
    }
}

fn line(table: &Table, files: &[PathBuf]) -> serde_json::Value {
    let statistics = table.statistics().ok();
    json!({
        "method": table.provenance.method,
        "policy": table.provenance.policy,
        "nominal": table.nominal.as_ref().map(|row| row.mean),
        "mean": statistics.as_ref().map(|s| s.mean),
        "iqm": statistics.as_ref().map(|s| s.iqm),
        "cvar10": statistics.as_ref().map(|s| s.cvar10),
        "worst": statistics.as_ref().map(|s| s.worst),
        "worst_at": table.worst().map(|row| row.phi.clone()),
        "parameters": table.parameters,
        "systems": table.rows.len(),
        "diverged": table.diverged(),
        "files": files,
    })
}
