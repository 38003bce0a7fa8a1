//! Policies from run folders, swept over dynamics: tables and figures.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use wr2l_eval::{Evaluation, EvaluationError, Subject, Systems, Table, evaluate, write_csv};
use wr2l_report::{Band, Quantity, heat_map_figure, sweep_figure};
use wr2l_rl::Actor;
use wr2l_sim::{Physics, Task, TaskName};

use crate::ball_file::BallSummary;
use crate::error::RunError;
use crate::files::refuse_existing;
use crate::folder::RunFolder;
use crate::plan::Plan;
use crate::policy_file::{PolicyOrigin, read_policy};

/// A policy with what is known of its training.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// The policy.
    pub actor: Actor,
    /// Where it comes from.
    pub origin: PolicyOrigin,
    /// Name of its run folder or file.
    pub name: String,
    /// Its run folder, if it was given as one.
    pub folder: Option<RunFolder>,
    /// The plan it was trained by, if there is a run folder.
    pub plan: Option<Plan>,
    /// The ball it was trained in, if there is a run folder and it was trained in one.
    pub ball: Option<BallSummary>,
}

impl Contestant {
    /// Reads the policy of a run folder, or a policy file.
    ///
    /// # Errors
    /// [`RunError`] for a folder that is no run, a run without a policy yet, a file that is no policy.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        if path.is_file() {
            let (actor, origin) = read_policy(path)?;
            return Ok(Self { actor, origin, name: name_of(path), folder: None, plan: None, ball: None });
        }
        let folder = RunFolder::open(path)?;
        let plan = Plan::read(&folder.file("plan.toml"))?;
        let policy = folder.file("policy.safetensors");
        if !policy.exists() {
            let reason = "the run has no policy yet: its training has not come far enough";
            return Err(RunError::content(path, None, reason));
        }
        let (actor, origin) = read_policy(&policy)?;
        let ball = folder.file("ball.toml");
        let ball = if ball.exists() { Some(BallSummary::read(&ball)?) } else { None };
        Ok(Self { actor, origin, name: name_of(path), folder: Some(folder), plan: Some(plan), ball })
    }
}

/// The policies of several run folders or policy files, each with a name of its own: its folder's, or its whole path
/// where two folders are called alike.
///
/// # Errors
/// [`Contestant::open`]'s; [`RunError::Usage`] for the same run given twice, also as two runs of one plan and seed,
/// which would pass for independent seeds.
pub fn open_contestants<P: AsRef<Path>>(paths: &[P]) -> Result<Vec<Contestant>, RunError> {
    let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    let mut contestants = paths.iter().map(|path| Contestant::open(path)).collect::<Result<Vec<_>, _>>()?;
    for i in 0..paths.len() {
        for j in 0..i {
            let same_file = paths[i].canonicalize().ok() == paths[j].canonicalize().ok();
            let same_plan = contestants[i].plan.is_some() && contestants[i].plan == contestants[j].plan;
            if same_file || same_plan {
                let (a, b) = (paths[j].display(), paths[i].display());
                let why = "they are one experiment with one seed, not two";
                return Err(RunError::Usage(format!("`{a}` and `{b}` are the same run: {why}")));
            }
        }
    }
    let names: Vec<String> = contestants.iter().map(|one| one.name.clone()).collect();
    for (one, path) in contestants.iter_mut().zip(paths) {
        if names.iter().filter(|name| **name == one.name).count() > 1 {
            one.name = path.display().to_string();
        }
    }
    Ok(contestants)
}

/// The folder's name; of a `policy.safetensors` that of the run folder around it; of another file its stem.
fn name_of(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if full.is_dir() {
        full.file_name()
    } else if full.file_name() == Some("policy.safetensors".as_ref()) {
        full.parent().and_then(Path::file_name)
    } else {
        full.file_stem()
    };
    name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Which method each policy stands for in tables and figures: its algorithm, if all runs of that algorithm here
/// differ in nothing but their seed; else every one of them stands for itself.
pub fn methods(contestants: &[Contestant]) -> Vec<String> {
    let comparable = |plan: &Option<Plan>| plan.clone().map(|plan| Plan { seed: 0, ..plan });
    contestants
        .iter()
        .map(|one| {
            let plan = comparable(&one.plan);
            let mut rivals =
                contestants.iter().filter(|other| other.origin.algorithm == one.origin.algorithm);
            let alone = rivals.clone().count() == 1;
            if alone || (plan.is_some() && rivals.all(|other| comparable(&other.plan) == plan)) {
                one.origin.algorithm.clone()
            } else {
                one.name.clone()
            }
        })
        .collect()
}

/// The task that all policies were trained on.
///
/// # Errors
/// [`RunError::Usage`] if there is no policy, or there are several tasks.
pub fn common_task(contestants: &[Contestant]) -> Result<TaskName, RunError> {
    let Some(first) = contestants.first() else {
        return Err(RunError::Usage("name at least one run".into()));
    };
    match contestants.iter().find(|other| other.origin.task != first.origin.task) {
        None => Ok(first.origin.task),
        Some(other) => Err(RunError::Usage(format!(
            "`{}` was trained on {} and `{}` on {}: evaluate runs of one task at a time",
            first.name, first.origin.task, other.name, other.origin.task
        ))),
    }
}

/// Evaluates every policy on every system. `physics` is the one each policy was trained on if `None`. `progress` is
/// told how much of the whole is done, in [0, 1], and may stop it.
///
/// # Errors
/// [`RunError::Interrupted`] if `progress` stopped it, [`RunError`].
pub fn evaluate_all(
    contestants: &[Contestant],
    physics: Option<Physics>,
    systems: &Systems,
    options: Evaluation,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<Vec<Table>, RunError> {
    let count = contestants.len() as f64;
    let mut tables = Vec::with_capacity(contestants.len());
    for ((index, one), method) in contestants.iter().enumerate().zip(methods(contestants)) {
        let subject = Subject { actor: &one.actor, method: &method, policy: &one.name };
        let task = Task::new(one.origin.task);
        let physics = Some(physics.unwrap_or(one.origin.physics));
        let table = evaluate(subject, task, physics, systems, options, &mut |done| {
            progress((index as f64 + done.done as f64 / done.total as f64) / count)
        });
        tables.push(table?);
    }
    Ok(tables)
}

/// Where results go: `TABLES/STEM.csv` and `FIGURES/STEM.svg`.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Folder of the table.
    pub tables: PathBuf,
    /// Folder of the figure.
    pub figures: PathBuf,
    /// Name of both files, without extension.
    pub stem: String,
    /// Replace existing files.
    pub force: bool,
}

impl Destination {
    /// The table and the figure.
    pub fn files(&self) -> [PathBuf; 2] {
        let Self { tables, figures, stem, .. } = self;
        [tables.join(format!("{stem}.csv")), figures.join(format!("{stem}.svg"))]
    }

    /// Refuses files that exist, unless they are to be replaced.
    ///
    /// # Errors
    /// [`RunError::Exists`].
    pub fn check(&self) -> Result<(), RunError> {
        self.files().iter().try_for_each(|path| refuse_existing(path, self.force))
    }
}

/// Writes the tables, and their figure: a curve over one parameter; heat maps over two, with the ball drawn in if all
/// policies that were trained in a ball over these two were trained in the same. Returns both paths.
///
/// # Errors
/// [`Destination::check`]'s before anything is written; [`RunError`].
pub fn write_results(
    tables: &[Table],
    systems: &Systems,
    contestants: &[Contestant],
    destination: &Destination,
) -> Result<Vec<PathBuf>, RunError> {
    destination.check()?;
    for folder in [&destination.tables, &destination.figures] {
        std::fs::create_dir_all(folder).map_err(|error| RunError::io("create", folder, &error))?;
    }
    let [csv, svg] = destination.files();
    write_csv(&csv, tables)?;
    let quantities: Vec<Quantity> = systems
        .space()
        .parameters()
        .iter()
        .map(|p| Quantity::parameter(&p.name, p.unit, p.nominal))
        .collect();
    match quantities.as_slice() {
        [x] => sweep_figure(tables, x.clone(), Band::default())?.write(&svg)?,
        [x, y] => {
            let mut figure = heat_map_figure(tables, x.clone(), y.clone())?;
            figure.outline = outline(systems, contestants);
            figure.write(&svg)?;
        }
        _ => return Ok(vec![csv]),
    }
    Ok(vec![csv, svg])
}

fn outline(systems: &Systems, contestants: &[Contestant]) -> Vec<(f64, f64)> {
    let names: Vec<&str> = systems.space().names().collect();
    let [x, y] = names[..] else { return Vec::new() };
    let mut outlines = contestants.iter().filter_map(|one| one.ball.as_ref()).map(|ball| ball.outline(x, y));
    let first = outlines.next().unwrap_or_default();
    // H₀ is estimated per run, so that balls of one ε agree only nearly.
    let near = |other: &Vec<(f64, f64)>| {
        let close = |a: f64, b: f64| (a - b).abs() <= 0.1 * a.abs().max(b.abs());
        other.len() == first.len()
            && other.iter().zip(&first).all(|(a, b)| close(a.0, b.0) && close(a.1, b.1))
    };
    if outlines.all(|other| near(&other)) { first } else { Vec::new() }
}

/// Name of a sweep's files: `sweep-torso_density-friction`.
pub fn sweep_stem(systems: &Systems) -> String {
    systems.space().names().fold("sweep".to_owned(), |stem, name| stem + "-" + name)
}

impl From<EvaluationError> for RunError {
    fn from(error: EvaluationError) -> Self {
        match error {
            EvaluationError::Sim(error) => Self::Sim(error),
            EvaluationError::Interrupted { .. } => Self::Interrupted(error.to_string()),
            EvaluationError::NoEpisode | EvaluationError::Policy { .. } => Self::Usage(error.to_string()),
        }
    }
}
