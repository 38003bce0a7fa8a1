//! What `train` and `resume` have in common: showing a run as it goes on, and what it came to.

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde_json::json;
use wr2l::rl::Improvement;
use wr2l::run::{
    BallSummary, Ending, Observer, Plan, Progress, Reported, RunError, RunFolder, Summary, TrainOptions,
    Trained, TurnDone, report, stop_word,
};

use super::ball::ball_table;
use super::{Done, threads};
use crate::cli::TrainingArgs;
use crate::interrupt;
use crate::output::{Bar, duration, print, say, thousands, warn, whole};

/// Options of training, with a flag that signals raise.
pub(super) fn options(args: &TrainingArgs) -> TrainOptions {
    TrainOptions {
        threads: threads(args.threads),
        stop: interrupt::flag(),
        checkpoint_every: args.checkpoint_every,
        keep: args.keep_checkpoints,
    }
}

/// Trains by `work` under the eyes of a user, then evaluates and says what came of it.
pub(super) fn run(
    args: &TrainingArgs,
    plan: &Plan,
    folder: &RunFolder,
    work: impl FnOnce(&mut dyn Observer) -> Result<Trained, RunError>,
) -> Result<Done, RunError> {
    let mut observer = Watching::new(args, plan.steps);
    let trained = work(&mut observer);
    observer.bar.clear();
    let trained = trained?;
    if let Some(error) = observer.failed {
        return Err(error);
    }
    if !args.quiet && !args.json {
        print(&conclusion(&trained))?;
    }
    let interrupted = trained.ending == Ending::Interrupted;
    let reported = match args.no_report || interrupted {
        true => None,
        false => Some(evaluate(args, plan, folder, &trained)?),
    };
    let table = reported.as_ref().and_then(|reported| reported.table.as_ref());
    if !interrupted {
        Summary::new(plan, &trained).completed(table).write(folder)?;
    }
    if args.json {
        print(&format!("{}\n", summary(plan, &trained, folder, reported.as_ref())))?;
    } else if !args.quiet {
        print(&listing(folder, reported.as_ref()))?;
    }
    if interrupted {
        say(&format!(
            "stopped after iteration {}; `wr2l resume {}` goes on from there",
            trained.saved,
            folder.path().display()
        ));
        return Ok(Done::Interrupted);
    }
    Ok(Done::Completely)
}

/// The short evaluation at the end, with a bar of its own.
fn evaluate(
    args: &TrainingArgs,
    plan: &Plan,
    folder: &RunFolder,
    trained: &Trained,
) -> Result<Reported, RunError> {
    let stop = interrupt::flag();
    let bar = if args.quiet || args.json { Bar::hidden() } else { Bar::new(100) };
    let reported = report(plan, folder, trained, threads(args.threads), &mut |done| {
        bar.set((done * 100.0) as u64, "evaluating what robustness it bought");
        if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.clear();
    reported.map_err(|error| match error.is_interruption() {
        true => RunError::Interrupted(format!(
            "interrupted in the evaluation at the end; training is done, and `wr2l resume {}` evaluates it",
            folder.path().display()
        )),
        false => error,
    })
}

fn conclusion(trained: &Trained) -> String {
    let last = &trained.last;
    let how = match trained.ending {
        Ending::Budget => "trained",
        Ending::Entropy => "stopped at the entropy threshold",
        Ending::Interrupted => "interrupted, and all of it kept",
    };
    let mut text = format!(
        "{how}: {} steps in {} ({} steps/s), mean return of the last episodes {}\n",
        thousands(last.steps),
        duration(last.seconds),
        thousands((last.steps as f64 / last.seconds) as u64),
        whole(last.recent_return),
    );
    if last.diverged > 0 {
        text += &format!("the physics diverged in {} episodes\n", thousands(last.diverged));
    }
    text
}

/// What the evaluation found, and where everything is.
fn listing(folder: &RunFolder, reported: Option<&Reported>) -> String {
    let table = reported.and_then(|reported| reported.table.as_ref());
    let mut text = table.map_or_else(String::new, |table| {
        format!(
            "\nover {}:\n{}\n",
            table.parameters.join(" × "),
            wr2l::eval::summary(std::slice::from_ref(table))
        )
    });
    let figures = reported.map_or(&[][..], |reported| &reported.files);
    for path in files(folder).iter().chain(figures) {
        text += &format!("  {}\n", path.display());
    }
    if folder.file("policy.safetensors").exists() {
        text += &next(folder, table.map_or(&[], |table| &table.parameters));
    }
    text
}

/// What one may want to know of a new policy, as commands to paste: in its ball, else where the parameters vary over which
/// it was evaluated.
fn next(folder: &RunFolder, evaluated: &[String]) -> String {
    let run = folder.path().display();
    let within = match evaluated {
        _ if folder.file("ball.toml").exists() => "ball".to_owned(),
        [] => "box".to_owned(),
        names => format!("box --vary {}", names.join(",")),
    };
    let commands = [
        (format!("wr2l report {run} -o report.html"), "a page with figures and a replay"),
        (
            format!("wr2l evaluate {run} --worst-case --within {within}"),
            "the dynamics under which it does worst",
        ),
        (format!("wr2l certify {run} --within {within}"), "what holds for all dynamics of that set"),
    ];
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let lines = commands.map(|(command, what)| format!("  {command:width$}  # {what}\n"));
    format!("\nnext:\n{}", lines.concat())
}

/// The files of the run that exist.
fn files(folder: &RunFolder) -> Vec<PathBuf> {
    let names = [
        "plan.toml",
        "ball.toml",
        "metrics.csv",
        "adversary.csv",
        "policy.safetensors",
        "policy.best.safetensors",
        "summary.json",
    ];
    names.map(|name| folder.file(name)).into_iter().filter(|path| path.exists()).collect()
}

fn event(progress: &Progress, improvement: &Improvement) -> serde_json::Value {
    json!({
        "event": "iteration",
        "iteration": progress.iteration,
        "steps": progress.steps,
        "budget": progress.budget,
        "simulator_steps": progress.simulator_steps,
        "episodes": progress.episodes,
        "recent_return": progress.recent_return,
        "diverged": progress.diverged,
        "seconds": progress.seconds,
        "entropy": improvement.entropy,
        "kl": improvement.kl,
    })
}

fn turn_event(turn: &TurnDone) -> serde_json::Value {
    let found = turn.report.phase_one.as_ref();
    json!({
        "event": "adversary",
        "turn": turn.turn,
        "steps": turn.steps,
        "simulator_steps": turn.simulator_steps,
        "phi": turn.phi,
        "return_reference": turn.report.reference_value,
        "return_chosen": turn.report.value,
        "stop": found.map(|found| stop_word(found.stop)),
        "w_measured": turn.report.measured,
        "w_largest": turn.report.largest,
        "w_taylor": turn.report.taylor,
        "seconds": turn.seconds,
    })
}

fn summary(
    plan: &Plan,
    trained: &Trained,
    folder: &RunFolder,
    reported: Option<&Reported>,
) -> serde_json::Value {
    let last = &trained.last;
    let table = reported.and_then(|reported| reported.table.as_ref());
    let summary = Summary::new(plan, trained).completed(table);
    let sweep = summary.evaluation.as_ref();
    json!({
        "event": "summary",
        "ending": trained.ending,
        "run": folder.path(),
        "policy": folder.file("policy.safetensors"),
        "iteration": last.iteration,
        "steps": last.steps,
        "simulator_steps": last.simulator_steps,
        "episodes": last.episodes,
        "recent_return": last.recent_return,
        "diverged": last.diverged,
        "seconds": last.seconds,
        "warnings": summary.warnings,
        "nominal": sweep.and_then(|sweep| sweep.nominal),
        "sweep_mean": sweep.and_then(|sweep| sweep.mean),
        "sweep_worst": sweep.and_then(|sweep| sweep.worst),
        "files": reported.map(|reported| &reported.files),
    })
}

/// Shows a run as it goes on.
struct Watching {
    bar: Bar,
    json: bool,
    quiet: bool,
    /// Return under the worst dynamics that the adversary found last.
    worst: Option<f64>,
    /// Standard output could not be written; the run is not stopped for that.
    failed: Option<RunError>,
}

impl Watching {
    fn new(args: &TrainingArgs, budget: u64) -> Self {
        let bar = if args.quiet || args.json { Bar::hidden() } else { Bar::new(budget) };
        Self { bar, json: args.json, quiet: args.quiet, worst: None, failed: None }
    }

    fn print(&mut self, text: &str) {
        if let Err(error) = print(text) {
            self.failed = Some(error);
        }
    }
}

impl Observer for Watching {
    fn ball(&mut self, ball: &BallSummary) {
        if self.json {
            self.print(&format!("{}\n", json!({ "event": "ball", "ball": ball })));
        } else if !self.quiet {
            self.print(&ball_table(ball));
        }
    }

    fn turn(&mut self, turn: &TurnDone) {
        self.worst = turn.report.value;
        if self.json {
            self.print(&format!("{}\n", turn_event(turn)));
        }
    }

    fn iteration(&mut self, progress: &Progress, improvement: &Improvement) {
        if self.json {
            self.print(&format!("{}\n", event(progress, improvement)));
        }
        let speed = progress.steps as f64 / progress.seconds;
        let diverged =
            if progress.diverged > 0 { format!(", {} diverged", progress.diverged) } else { String::new() };
        let worst = self.worst.map_or_else(String::new, |value| format!(", worst {}", whole(value)));
        self.bar.set(
            progress.steps.min(progress.budget),
            &format!(
                "return {}{worst}, {} steps/s{diverged}",
                whole(progress.recent_return),
                thousands(speed as u64)
            ),
        );
    }

    fn warning(&mut self, text: &str) {
        self.bar.above(|| warn(text));
    }
}
