//! `wr2l train`.

use std::path::Path;

use wr2l::run::{Layer, Plan, RunError, RunFolder, Saved, train};

use super::ad_hoc::extended;
use super::{Done, open_task, resume, training};
use crate::cli::{ExperimentArgs, TrainArgs};
use crate::output::{print, thousands};

/// Where runs go without `-o`.
const RUNS: &str = "runs";

pub(crate) fn run(args: &TrainArgs) -> Result<Done, RunError> {
    let plan = Plan::resolve(&layers(args)?)?;
    if let Some(path) = args.output.as_ref().filter(|_| args.resume)
        && let Some(saved) = Saved::find(path, &plan)?
    {
        return resume::go_on(saved, &args.training);
    }
    let folder = match &args.output {
        Some(path) => RunFolder::create(path, args.force)?,
        None => RunFolder::create_named(Path::new(RUNS), &name(&plan))?,
    };
    let options = training::options(&args.training);
    if !args.training.quiet && !args.training.json {
        print(&introduction(&plan, &folder, options.threads)).inspect_err(|_| folder.clone().abandon())?;
    }
    training::run(&args.training, &plan, &folder, |observer| train(&plan, &folder, &options, observer))
}

/// Everything the user said, lowest layer first.
fn layers(args: &TrainArgs) -> Result<Vec<Layer>, RunError> {
    let mut layers = Vec::new();
    if let Some(path) = &args.experiment.plan {
        layers.push(Layer::file(path)?);
    }
    layers.extend(task_layers(args.task.as_deref(), &args.experiment)?);
    if args.paper {
        layers.push(Layer::argument("--paper", "algorithm", "wr2l-paper"));
    }
    if let Some(algorithm) = &args.algorithm {
        let shown = format!("--algorithm {algorithm}");
        layers.push(Layer::argument(shown, "algorithm", algorithm.as_str()));
    }
    for (flag, key, value) in
        [("--learner", "learner", &args.learner), ("--adversary", "adversary.kind", &args.adversary)]
    {
        if let Some(name) = value {
            layers.push(Layer::argument(format!("{flag} {name}"), key, name.as_str()));
        }
    }
    if let Some(steps) = args.steps {
        layers.push(Layer::count(format!("--steps {steps}"), "steps", steps)?);
    }
    if let Some(from) = &args.from {
        let from = from.display().to_string();
        layers.push(Layer::argument(format!("--from {from}"), "from", from));
    }
    layers.extend(experiment_layers(&args.experiment)?);
    Ok(layers)
}

/// The task that was typed, with what `--vary` adds to it, and what varies.
pub(super) fn task_layers(task: Option<&str>, args: &ExperimentArgs) -> Result<Vec<Layer>, RunError> {
    let named = || {
        let hint = "--vary selects elements of a robot: name its task on the command line";
        open_task(task.ok_or_else(|| RunError::Usage(hint.into()))?)
    };
    let (handle, names) = match extended(named, args.vary.as_ref())? {
        Some((task, names)) => (Some(task.handle().to_owned()), Some(names)),
        None => (task.map(str::to_owned), args.vary.clone()),
    };
    let task = handle
        .map(|handle| Layer::argument(format!("task {}", task.unwrap_or_default()), "task", handle.as_str()));
    let vary = names.map(|names| {
        let shown = format!("--vary {}", args.vary.as_deref().unwrap_or_default().join(","));
        Layer::argument(shown, "vary", names)
    });
    Ok(task.into_iter().chain(vary).collect())
}

/// The layers of the other settings that several commands share, `--set` last.
pub(super) fn experiment_layers(args: &ExperimentArgs) -> Result<Vec<Layer>, RunError> {
    let mut layers = Vec::new();
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
    format!("{}-{}-s{}", plan.task, plan.method(), plan.seed)
}

fn introduction(plan: &Plan, folder: &RunFolder, threads: usize) -> String {
    let varied = if plan.vary.is_empty() { "nothing".to_owned() } else { plan.vary.join(", ") };
    let from = plan.from.as_ref().map_or_else(String::new, |from| {
        let origin = from.origin();
        let steps = thousands(origin.steps_in_all());
        format!("beginning with a policy of {}, {steps} steps: {}\n", origin.algorithm, from.handle())
    });
    format!(
        "{} on {} ({}), varying {varied}; {} steps, seed {}, {threads} threads\n{from}run folder: {}\n",
        plan.method(),
        plan.task,
        plan.physics,
        thousands(plan.steps),
        plan.seed,
        folder.path().display(),
    )
}
