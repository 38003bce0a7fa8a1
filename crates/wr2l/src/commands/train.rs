//! `wr2l train`.

use std::path::Path;

use wr2l::run::{Layer, Plan, RunError, RunFolder, train};

use super::{Done, training};
use crate::cli::{ExperimentArgs, TrainArgs};
use crate::output::{print, thousands, warn};

/// Where runs go without `-o`.
const RUNS: &str = "runs";

pub(crate) fn run(args: &TrainArgs) -> Result<Done, RunError> {
    let plan = Plan::resolve(&layers(args)?)?;
    let folder = match &args.output {
        Some(path) => RunFolder::create(path, args.force)?,
        None => RunFolder::create_named(Path::new(RUNS), &name(&plan))?,
    };
    let options = training::options(&args.training);
    if !args.training.quiet && !args.training.json {
        print(&introduction(&plan, &folder, options.threads)).inspect_err(|_| folder.clone().abandon())?;
    }
    if let Some(unused) = unused(&args.experiment, &plan) {
        warn(&unused);
    }
    training::run(&args.training, &plan, &folder, |observer| train(&plan, &folder, &options, observer))
}

/// What was asked for and has no effect, in a sentence.
fn unused(args: &ExperimentArgs, plan: &Plan) -> Option<String> {
    let asked = [
        ("--epsilon", args.epsilon.is_some()),
        ("--half-width", args.half_width.is_some()),
        ("--vary", args.vary.is_some()),
    ];
    let flags: Vec<&str> = asked.iter().filter(|(_, given)| *given).map(|(flag, _)| *flag).collect();
    (!plan.adversary.kind.needs_ball() && !flags.is_empty()).then(|| {
        format!(
            "{} trains at the reference dynamics alone: {} has no effect",
            plan.method(),
            flags.join(" and ")
        )
    })
}

/// What `--paper` stands for: Algorithm 1 with Propositions 1 and 2, and nothing besides.
fn as_printed() -> Vec<Layer> {
    let text = |key: &str, value: &str| Layer::argument("--paper", key, value);
    vec![
        text("algorithm", "wr2l"),
        text("learner", "ppo"),
        text("adversary.kind", "wasserstein"),
        text("adversary.phase_one.search", "gradient"),
        text("adversary.phase_one.start", "reference"),
        Layer::argument("--paper", "adversary.phase_one.starts", 1),
        text("adversary.phase_one.gradient.estimator", "average"),
        Layer::argument("--paper", "adversary.epsilon_ramp", 0.0),
        Layer::argument("--paper", "adversary.worst_cases", 1),
        Layer::argument("--paper", "adversary.nominal_share", 0.0),
        Layer::argument("--paper", "adversary.uniform_share", 0.0),
        Layer::argument("--paper", "adversary.random_actions", 0.0),
        text("ball.hessian", "zero-order"),
        text("ball.transport", "gaussian"),
        Layer::argument("--paper", "ppo.critic_sees_dynamics", false),
    ]
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
    if args.paper {
        layers.extend(as_printed());
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
    format!("{}-{}-s{}", plan.task, plan.method(), plan.seed)
}

fn introduction(plan: &Plan, folder: &RunFolder, threads: usize) -> String {
    let varied = if plan.vary.is_empty() { "nothing".to_owned() } else { plan.vary.join(", ") };
    format!(
        "{} on {} ({}), varying {varied}; {} steps, seed {}, {threads} threads\nrun folder: {}\n",
        plan.method(),
        plan.task,
        plan.physics,
        thousands(plan.steps),
        plan.seed,
        folder.path().display(),
    )
}
