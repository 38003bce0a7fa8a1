//! `wr2l train`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use serde_json::json;
use wr2l::run::{
    BallSummary, Ending, Layer, Observer, Plan, Progress, Reported, RunError, RunFolder, Trained, TurnDone,
    report, stop_word, train,
};

use super::ball::ball_table;
use super::{Done, threads};
use crate::cli::{ExperimentArgs, TrainArgs};
use crate::interrupt;
use crate::output::{Bar, duration, print, thousands, whole};

/// Where runs go without `-o`.
const RUNS: &str = "runs";

pub(crate) fn run(args: &TrainArgs) -> Result<Done, RunError> {
    let plan = Plan::resolve(&layers(args)?)?;
    let folder = match &args.output {
        Some(path) => RunFolder::create(path, args.force)?,
        None => RunFolder::create_named(Path::new(RUNS), &name(&plan))?,
    };
    let threads = threads(args.experiment.threads);
    if !args.quiet && !args.json {
        print(&introduction(&plan, &folder, threads)).inspect_err(|_| folder.clone().abandon())?;
    }
    let stop = interrupt::flag();
    let mut observer = Watching::new(args, plan.steps);
    let trained = train(&plan, &folder, threads, &mut observer, stop);
    observer.bar.clear();
    let trained = trained?;
    if let Some(error) = observer.failed {
        return Err(error);
    }
    if !args.quiet && !args.json {
        print(&conclusion(&trained))?;
    }
    let reported = if args.no_report || trained.ending == Ending::Interrupted {
        None
    } else {
        Some(evaluate(args, &plan, &folder, &trained, threads)?)
    };
    if args.json {
        print(&format!("{}\n", summary(&trained, &folder, reported.as_ref())))?;
    } else if !args.quiet {
        print(&listing(&folder, reported.as_ref()))?;
    }
    Ok(if trained.ending == Ending::Interrupted { Done::Interrupted } else { Done::Completely })
}

/// The short evaluation at the end, with a bar of its own.
fn evaluate(
    args: &TrainArgs,
    plan: &Plan,
    folder: &RunFolder,
    trained: &Trained,
    threads: usize,
) -> Result<Reported, RunError> {
    let stop = interrupt::flag();
    let bar = if args.quiet || args.json { Bar::hidden() } else { Bar::new(100) };
    let reported = report(plan, folder, trained, threads, &mut |done| {
        bar.set((done * 100.0) as u64, "evaluating what robustness it bought");
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.clear();
    reported
}

/// Everything the user said, lowest layer first.
fn layers(args: &TrainArgs) -> Result<Vec<Layer>, RunError> {
    let mut layers = Vec::new();
    if let Some(path) = &args.experiment.plan {
        layers.push(Layer::file(path)?);
    }
    if let Some(task) = args.task {
        layers.push(Layer::argument(format!("task {task}"), "task", task.as_str()));
    }
    if let Some(algorithm) = &args.algorithm {
        let shown = format!("--algorithm {algorithm}");
        layers.push(Layer::argument(shown, "algorithm", algorithm.as_str()));
    }
    if let Some(steps) = args.steps {
        layers.push(Layer::count(format!("--steps {steps}"), "steps", steps)?);
    }
    layers.extend(experiment_layers(&args.experiment)?);
    Ok(layers)
}

/// The layers of the settings that several commands share, `--set` last.
pub(super) fn experiment_layers(args: &ExperimentArgs) -> Result<Vec<Layer>, RunError> {
    let mut layers = Vec::new();
    if let Some(names) = &args.vary {
        layers.push(Layer::argument(format!("--vary {}", names.join(",")), "vary", names.clone()));
    }
    for (flag, key, value) in
        [("--epsilon", "epsilon", args.epsilon), ("--half-width", "half_width", args.half_width)]
    {
        if let Some(value) = value {
            layers.push(Layer::argument(format!("{flag} {value}"), &format!("ball.{key}"), value));
        }
    }
    if let Some(seed) = args.seed {
        layers.push(Layer::count(format!("--seed {seed}"), "seed", seed)?);
    }
    if let Some(physics) = &args.physics {
        layers.push(Layer::argument(format!("--physics {physics}"), "physics", physics.as_str()));
    }
    for setting in &args.set {
        layers.push(Layer::set(setting)?);
    }
    Ok(layers)
}

fn name(plan: &Plan) -> String {
    format!("{}-{}-s{}", plan.task, plan.algorithm, plan.seed)
}

fn introduction(plan: &Plan, folder: &RunFolder, threads: usize) -> String {
    let varied = if plan.vary.is_empty() { "nothing".to_owned() } else { plan.vary.join(", ") };
    format!(
        "{} on {} ({}), varying {varied}; {} steps, seed {}, {threads} threads\nrun folder: {}\n",
        plan.algorithm,
        plan.task,
        plan.physics,
        thousands(plan.steps),
        plan.seed,
        folder.path().display(),
    )
}

fn conclusion(trained: &Trained) -> String {
    let last = &trained.last;
    let how = match trained.ending {
        Ending::Budget => "trained",
        Ending::Entropy => "stopped at the entropy threshold",
        Ending::Interrupted => "interrupted, and the policy so far kept",
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
    text
}

/// The files of the run that exist.
fn files(folder: &RunFolder) -> Vec<PathBuf> {
    let names = ["plan.toml", "ball.toml", "metrics.csv", "adversary.csv", "policy.safetensors"];
    names.map(|name| folder.file(name)).into_iter().filter(|path| path.exists()).collect()
}

fn event(progress: &Progress) -> serde_json::Value {
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
        "entropy": progress.improvement.entropy,
        "kl": progress.improvement.kl,
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
        "w_taylor": turn.report.taylor,
        "seconds": turn.seconds,
    })
}

fn summary(trained: &Trained, folder: &RunFolder, reported: Option<&Reported>) -> serde_json::Value {
    let last = &trained.last;
    let table = reported.and_then(|reported| reported.table.as_ref());
    let statistics = table.and_then(|table| table.statistics().ok());
    json!({
        "event": "summary",
        "ending": match trained.ending {
            Ending::Budget => "budget",
            Ending::Entropy => "entropy",
            Ending::Interrupted => "interrupted",
        },
        "run": folder.path(),
        "policy": folder.file("policy.safetensors"),
        "iteration": last.iteration,
        "steps": last.steps,
        "simulator_steps": last.simulator_steps,
        "episodes": last.episodes,
        "recent_return": last.recent_return,
        "diverged": last.diverged,
        "seconds": last.seconds,
        "nominal": table.and_then(|table| table.nominal.as_ref()).map(|row| row.mean),
        "sweep_mean": statistics.as_ref().map(|s| s.mean),
        "sweep_worst": statistics.as_ref().map(|s| s.worst),
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
    fn new(args: &TrainArgs, budget: u64) -> Self {
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

    fn iteration(&mut self, progress: &Progress) {
        if self.json {
            self.print(&format!("{}\n", event(progress)));
        }
        let speed = progress.steps as f64 / progress.seconds;
        let diverged =
            if progress.diverged > 0 { format!(", {} diverged", progress.diverged) } else { String::new() };
        let worst = self.worst.map_or_else(String::new, |value| format!(", worst case {}", whole(value)));
        self.bar.set(
            progress.steps.min(progress.budget),
            &format!(
                "return {}{worst}, {} steps/s{diverged}",
                whole(progress.recent_return),
                thousands(speed as u64)
            ),
        );
    }
}
