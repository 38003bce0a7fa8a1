//! Experiments: files that name the methods, seeds and evaluations behind a figure.
//!
//! The figures and the table of the paper are in `experiments/`, which this crate holds; any other file of the same
//! form can be given by its path.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Value;
use wr2l_eval::{Search, SearchKind, Systems};
use wr2l_sim::{AnyTask, Physics};

use crate::error::RunError;
use crate::formats::files::read_text;
use crate::plan::{Algorithm, Layer, MAX_BYTES, Plan, SettingError, sweep_systems};
use crate::players::{ADVERSARIES, LEARNERS};
use crate::studies::evaluation::WorstCase;
use crate::studies::within::Within;
use crate::task::TaskRef;

/// The experiments of the paper: name and text.
const PAPER: [(&str, &str); 11] = [
    ("fig1-hopper", include_str!("../../experiments/fig1-hopper.toml")),
    ("fig1-walker2d", include_str!("../../experiments/fig1-walker2d.toml")),
    ("fig1-half-cheetah", include_str!("../../experiments/fig1-half-cheetah.toml")),
    ("fig2-hopper", include_str!("../../experiments/fig2-hopper.toml")),
    ("fig2-half-cheetah", include_str!("../../experiments/fig2-half-cheetah.toml")),
    ("fig3-cartpole", include_str!("../../experiments/fig3-cartpole.toml")),
    ("fig3-hopper", include_str!("../../experiments/fig3-hopper.toml")),
    ("fig3-walker2d", include_str!("../../experiments/fig3-walker2d.toml")),
    ("fig3-half-cheetah", include_str!("../../experiments/fig3-half-cheetah.toml")),
    ("fig4-inverted-pendulum", include_str!("../../experiments/fig4-inverted-pendulum.toml")),
    ("table1", include_str!("../../experiments/table1.toml")),
];

/// An experiment, resolved and checked.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Name: that of its file, without extension.
    pub name: String,
    /// Heading of its figures.
    pub title: String,
    /// The methods it compares.
    pub methods: Vec<Method>,
    /// What their policies are evaluated on.
    pub evaluations: Vec<EvaluationPlan>,
    /// Which parameters of which task vary, for a table without training.
    pub dynamics: Vec<DynamicsRow>,
}

/// A method: the same plan with several seeds.
#[derive(Clone, Debug)]
pub struct Method {
    /// Name in tables and figures.
    pub name: String,
    /// One plan a seed.
    pub plans: Vec<Plan>,
}

impl Method {
    /// Whether both train the same policies.
    fn is(&self, other: &Self) -> bool {
        self.plans.first() == other.plans.first()
    }
}

/// What policies are evaluated on; see `wr2l evaluate`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EvaluationPlan {
    /// Name of its files.
    pub name: String,
    /// Axes of a grid, `name=low:high:n`.
    #[serde(default)]
    pub sweep: Vec<String>,
    /// Number of random systems.
    #[serde(default)]
    pub random: Option<usize>,
    /// Whether to search the worst system of each policy.
    #[serde(default)]
    pub worst_case: bool,
    /// Half-width of the box in which random systems and the worst lie; 0.5 where they lie in a box and nothing is said.
    #[serde(default)]
    pub half_width: Option<f64>,
    /// Where they lie: by default in the ranges that the task gives its parameters, if it gives any, else in the box.
    #[serde(default)]
    pub within: Option<Within>,
    /// Parameters that vary there; all if empty.
    #[serde(default)]
    pub vary: Vec<String>,
    /// Seed of random systems.
    #[serde(default)]
    pub systems_seed: u64,
    /// Episodes that the search may spend on each policy.
    #[serde(default = "budget")]
    pub budget: u64,
    /// How it searches.
    #[serde(default = "search")]
    pub search: SearchKind,
    /// Episodes per system.
    pub episodes: u32,
    /// Draw actions from the policies instead of taking their means.
    #[serde(default)]
    pub stochastic: bool,
}

/// A row of the table of dynamics.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct DynamicsRow {
    /// The task.
    pub task: TaskRef,
    /// What varies in experiments of one dimension.
    pub one: Vec<String>,
    /// What varies in experiments of two dimensions.
    #[serde(default)]
    pub two: Vec<String>,
    /// Number of all parameters that the paper varies; not compared where it varies none.
    #[serde(default)]
    pub count: Option<usize>,
}

fn budget() -> u64 {
    10_000
}

fn search() -> SearchKind {
    SearchKind::Surrogate
}

/// What an experiment file holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "says which figure the file belongs to, for people; names of files select")]
    figure: String,
    title: String,
    task: Option<TaskRef>,
    physics: Option<Physics>,
    #[serde(default)]
    seeds: u64,
    #[serde(default)]
    steps: u64,
    #[serde(default)]
    method: Vec<MethodEntry>,
    #[serde(default)]
    evaluation: Vec<EvaluationPlan>,
    #[serde(default)]
    dynamics: Vec<DynamicsRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MethodEntry {
    name: String,
    algorithm: String,
    /// As many seeds for this method instead of the file's: more where a run is cheap, fewer where it is dear.
    seeds: Option<u64>,
    vary: Option<Vec<String>>,
    #[serde(default)]
    set: toml::Table,
}

/// The experiments that `selection` names: each a figure (`fig1`), one of its files (`fig1-hopper`), or the path of
/// another file; all of the paper's if it is empty. With `quick` everything is so small that it takes seconds and
/// proves nothing but that it works. `seeds` limits every method to its first so many.
///
/// # Errors
/// [`RunError::Usage`] for a name that selects nothing; [`RunError::Setting`] with file and line, or method and key,
/// for the first mistake in any of the files.
pub fn select_experiments(
    selection: &[String],
    quick: bool,
    seeds: Option<u64>,
) -> Result<Vec<Experiment>, RunError> {
    let most = if quick { 2 } else { u64::MAX }.min(seeds.unwrap_or(u64::MAX));
    let mut texts: Vec<(PathBuf, String)> = Vec::new();
    let of_paper = |(name, text): &(&str, &str)| (PathBuf::from(format!("{name}.toml")), (*text).to_owned());
    if selection.is_empty() {
        texts.extend(PAPER.iter().map(of_paper));
    }
    for wanted in selection {
        let matches = |name: &str| {
            name == wanted || name.strip_prefix(wanted.as_str()).is_some_and(|r| r.starts_with('-'))
        };
        let found: Vec<_> = PAPER.iter().filter(|(name, _)| matches(name)).map(of_paper).collect();
        if !found.is_empty() {
            texts.extend(found);
        } else if wanted.ends_with(".toml") {
            let path = PathBuf::from(wanted);
            let text = read_text(&path, MAX_BYTES).map_err(|error| RunError::io("read", &path, &error))?;
            texts.push((path, text));
        } else {
            let names: Vec<&str> = PAPER.iter().map(|(name, _)| *name).collect();
            return Err(RunError::Usage(format!(
                "`{wanted}` is no experiment; there are {}, fig1, fig2, fig3, fig4, and files ending in .toml",
                names.join(", ")
            )));
        }
    }
    let mut experiments: Vec<Experiment> = Vec::new();
    for (path, text) in texts {
        let experiment = read(&path, &text, quick, most)?;
        if experiments.iter().all(|other| other.name != experiment.name) {
            experiments.push(experiment);
        }
    }
    Ok(experiments)
}

fn read(path: &Path, text: &str, quick: bool, most_seeds: u64) -> Result<Experiment, RunError> {
    let refuse = |place: String, message: String| RunError::Setting(SettingError::Syntax { place, message });
    let in_file = |message: String| refuse(path.display().to_string(), message);
    let mut file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let place =
            line.map_or_else(|| path.display().to_string(), |l| format!("{}, line {l}", path.display()));
        refuse(place, error.message().trim_end().replace('\n', "; "))
    })?;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let mut methods: Vec<Method> = Vec::new();
    if !file.method.is_empty() {
        let Some(task) = file.task.clone() else { return Err(in_file("`task`: methods need one".into())) };
        for (key, value) in [("seeds", file.seeds), ("steps", file.steps)] {
            if value == 0 {
                return Err(in_file(format!("`{key}`: must be at least 1")));
            }
        }
        for entry in &file.method {
            if methods.iter().any(|other| other.name == entry.name) {
                return Err(in_file(format!("two methods are called `{}`", entry.name)));
            }
            let place = format!("{}, method `{}`", path.display(), entry.name);
            let seeds = entry.seeds.unwrap_or(file.seeds);
            if seeds == 0 {
                return Err(refuse(place, "`seeds`: must be at least 1".into()));
            }
            let method = method(&place, &file, &task, entry, seeds.min(most_seeds), quick)?;
            if let Some(other) = methods.iter().find(|other| other.is(&method)) {
                return Err(refuse(place, format!("it is the same as method `{}`", other.name)));
            }
            methods.push(method);
        }
    }
    let mut evaluations: Vec<EvaluationPlan> = Vec::new();
    for evaluation in &file.evaluation {
        let mut evaluation = evaluation.clone();
        if evaluations.iter().any(|other| other.name == evaluation.name) {
            return Err(in_file(format!("two evaluations are called `{}`", evaluation.name)));
        }
        let place = format!("{}, evaluation `{}`", path.display(), evaluation.name);
        if quick {
            evaluation.hurry();
        }
        if let Some(task) = &file.task {
            evaluation.check(&**task).map_err(|message| refuse(place, message))?;
        }
        evaluations.push(evaluation);
    }
    if methods.is_empty() != evaluations.is_empty() || (methods.is_empty() && file.dynamics.is_empty()) {
        return Err(in_file("an experiment needs methods and evaluations, or a table of dynamics".into()));
    }
    if quick && !methods.is_empty() {
        // Nobody should take its figures for the real ones.
        file.title += " (--quick: two seeds, a thousand steps, few systems)";
    }
    Ok(Experiment { name, title: file.title, methods, evaluations, dynamics: file.dynamics })
}

fn method(
    place: &str,
    file: &File,
    task: &TaskRef,
    entry: &MethodEntry,
    seeds: u64,
    quick: bool,
) -> Result<Method, RunError> {
    let mut plans = Vec::new();
    for seed in 0..seeds {
        let argument = |key: &str, value: Value| Layer::argument(place, key, value);
        let mut layers = vec![
            argument("task", task.handle().into()),
            argument("algorithm", entry.algorithm.as_str().into()),
            Layer::count(place, "seed", seed)?,
            Layer::count(place, "steps", file.steps)?,
            // Experiments have evaluations of their own.
            argument("report.sweep", Value::Array(Vec::new())),
        ];
        if let Some(physics) = file.physics {
            layers.push(argument("physics", physics.as_str().into()));
        }
        if let Some(names) = &entry.vary {
            layers.push(argument("vary", names.clone().into()));
        }
        layers.extend(entry.set.iter().map(|(key, value)| argument(key, value.clone())));
        let mut plan = Plan::resolve(&layers)?;
        if quick {
            if plan.algorithm == Algorithm::Wr2lPaper {
                // Small it is not the paper's, and refused: the same search and H₀ under the other name.
                for (key, value) in [
                    ("algorithm", "wr2l"),
                    ("adversary.phase_one.search", "gradient"),
                    ("ball.hessian", "zero-order"),
                ] {
                    layers.push(argument(key, value.into()));
                }
                plan = Plan::resolve(&layers)?;
            }
            let read = hurry().into_iter().filter(|(key, _)| plan.reads(key));
            layers.extend(read.map(|(key, value)| argument(&key, Value::Integer(value))));
            // Checked as it is before it is made small.
            plans.push(Plan::resolve(&layers)?);
        } else {
            plans.push(plan);
        }
    }
    Ok(Method { name: entry.name.clone(), plans })
}

/// What makes a run take a second or less.
fn hurry() -> Vec<(String, i64)> {
    let all = [
        ("steps", 1024),
        ("adversary.every", 512),
        ("ball.pairs.count", 20),
        ("ball.pairs.pool", 40),
        ("ball.pairs.most_steps", 400),
    ];
    let of = |section: &str, quick: &[(&str, i64)]| -> Vec<(String, i64)> {
        quick.iter().map(|(key, value)| (format!("{section}.{key}"), *value)).collect()
    };
    let learners = LEARNERS.iter().flat_map(|row| of(row.name, row.quick));
    let adversaries = ADVERSARIES.iter().flat_map(|row| of("adversary", row.quick));
    all.map(|(key, value)| (key.to_owned(), value)).into_iter().chain(learners).chain(adversaries).collect()
}

impl EvaluationPlan {
    fn hurry(&mut self) {
        self.episodes = self.episodes.min(2);
        self.random = self.random.map(|count| count.min(8));
        self.budget = self.budget.min(50);
        for axis in &mut self.sweep {
            if let Some((ends, count)) = axis.rsplit_once(':')
                && count.trim().parse::<u32>().is_ok_and(|count| count > 3)
            {
                *axis = format!("{ends}:3");
            }
        }
    }

    pub(crate) fn check(&self, task: &dyn AnyTask) -> Result<(), String> {
        let kinds = [!self.sweep.is_empty(), self.random.is_some(), self.worst_case]
            .into_iter()
            .filter(|&k| k)
            .count();
        if kinds != 1 {
            return Err("it needs exactly one of `sweep`, `random` and `worst_case`".into());
        }
        if self.episodes == 0 || self.random == Some(0) {
            return Err("`episodes` and `random` must be at least 1".into());
        }
        if !self.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || self.name.is_empty() {
            return Err("`name` becomes part of file names: letters, digits and hyphens".into());
        }
        systems_of(self, task).map(|_| ()).map_err(|error| error.to_string())
    }
}

/// What an evaluation's policies are evaluated on.
#[derive(Debug)]
pub(crate) enum Target {
    On(Systems),
    Worst(Box<WorstCase>),
}

/// The systems of an evaluation, or where its search looks.
pub(crate) fn systems_of(evaluation: &EvaluationPlan, task: &dyn AnyTask) -> Result<Target, RunError> {
    if let Some(systems) = sweep_systems(task, &evaluation.sweep)? {
        return Ok(Target::On(systems));
    }
    let all = task.space();
    let space = if evaluation.vary.is_empty() { all } else { all.select(&evaluation.vary)? };
    let region = Within::region(evaluation.within, evaluation.half_width, &space)?;
    if let Some(count) = evaluation.random {
        return Ok(Target::On(region.systems(&space, count, evaluation.systems_seed)?));
    }
    let set = region.search_set(&space)?;
    let set = set.ok_or_else(|| RunError::Usage("a shell cannot be searched".into()))?;
    let search = Search::usual(evaluation.search, space.dim(), evaluation.budget);
    Ok(Target::Worst(Box::new(WorstCase { space, set, label: region.label(), search })))
}

#[cfg(test)]
mod tests;
