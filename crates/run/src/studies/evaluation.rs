//! Policies from run folders, swept over dynamics: tables and figures.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use wr2l_eval::{
    Evaluation, EvaluationError, Fingerprint, Journal, Search, Subject, Systems, Table, Training,
    evaluate_on, search_worst_on, write_csv,
};
use wr2l_report::{Band, Quantity, heat_map_figure, histogram_figure, sweep_figure};
use wr2l_rl::{Actor, StopFlag};
use wr2l_robust::ball::Ball;
use wr2l_sim::{DynamicsSpace, Physics, TaskName};

use crate::error::RunError;
use crate::executors::{Stage, executor};
use crate::formats::ball_file::BallSummary;
use crate::formats::checkpoint::is_checkpoint;
use crate::formats::folder::{BEST, RunFolder};
use crate::formats::policy_file::{PolicyOrigin, read_policy};
use crate::plan::Plan;
use crate::studies::destination::Destination;
use crate::studies::setting::Setting;
use crate::task::{TaskRef, kept_in, robot_task_names};
use crate::training::resume::policy_of_checkpoint;

/// A policy with what is known of its training.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// The policy.
    pub actor: Actor,
    /// Where it comes from.
    pub origin: PolicyOrigin,
    /// The task it was trained on.
    pub task: TaskRef,
    /// Name of its run folder or file.
    pub name: String,
    /// Its run folder, if it was given as one.
    pub folder: Option<RunFolder>,
    /// The plan it was trained by, if there is a run folder.
    pub plan: Option<Plan>,
    /// The ball it was trained in, if there is a run folder and it was trained in one.
    pub ball: Option<BallSummary>,
    /// What its method is called, if that was decided elsewhere; see [`methods`].
    pub method: Option<String>,
}

impl Contestant {
    /// Reads the policy of a run folder, a policy file, or the policy of that moment in a checkpoint.
    ///
    /// # Errors
    /// [`RunError`] for a folder that is no run, a run without a policy yet, a file that is no policy.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        if path.is_file() {
            let (actor, origin) = match is_checkpoint(path) {
                // Without its plan: two of one run are no two seeds of a method.
                true => policy_of_checkpoint(path)?,
                false => read_policy(path)?,
            };
            let task = task_of(&origin, path)?;
            let (folder, plan, ball, method) = (None, None, None, None);
            return Ok(Self { actor, origin, task, name: name_of(path), folder, plan, ball, method });
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
        let ball = match plan.trains_in_ball() && ball.exists() {
            true => Some(BallSummary::read(&ball)?),
            false => None,
        };
        let task = plan.task.clone();
        let (folder, plan, method) = (Some(folder), Some(plan), None);
        Ok(Self { actor, origin, task, name: name_of(path), folder, plan, ball, method })
    }

    /// The policy of its run folder that did best in training, instead of the last one.
    ///
    /// # Errors
    /// [`RunError::Usage`] without a run folder; [`RunError::Content`] if there is none yet.
    pub fn best(self) -> Result<Self, RunError> {
        let Some(folder) = &self.folder else {
            return Err(RunError::Usage(format!(
                "`{}` is no run folder, which alone has a best policy",
                self.name
            )));
        };
        let policy = folder.file(BEST);
        if !policy.exists() {
            let reason =
                "the run has no best policy yet: it takes a hundred episodes, or a turn of the adversary";
            return Err(RunError::content(folder.path(), None, reason));
        }
        let (actor, origin) = read_policy(&policy)?;
        Ok(Self { actor, origin, name: format!("{}-best", self.name), ..self })
    }

    /// How the policy came about, for the tables.
    pub fn training(&self) -> Training {
        Training {
            algorithm: self.origin.algorithm.clone(),
            seed: Some(self.origin.seed),
            epsilon: self.ball.as_ref().map(|ball| ball.epsilon),
            policy_steps: Some(self.origin.steps_in_all()),
            simulator_steps: self.folder.as_ref().and_then(simulator_steps),
        }
    }
}

/// The task of a policy without a run folder: the project's of that name, or that of the run's folder in which it lies.
fn task_of(origin: &PolicyOrigin, path: &Path) -> Result<TaskRef, RunError> {
    let Some(hash) = &origin.task_hash else {
        let name: TaskName = origin.task.parse()?;
        return Ok(name.into());
    };
    let wrong = |reason: String| RunError::content(path, None, reason);
    let folders = path.ancestors().skip(1).take(2);
    let Some(file) = folders.map(kept_in).find(|file| file.is_file()) else {
        let task = &origin.task;
        // One of the project's robots, whose name is enough.
        if let Some(own) = robot_task_names().find(|name| name == task)
            && let Ok(known) = TaskRef::open(own)
            && known.hash().as_ref() == Some(hash)
        {
            return Ok(known);
        }
        return Err(wrong(format!(
            "the task `{task}` is in its run's folder: name that, or keep the policy in it"
        )));
    };
    let task = TaskRef::open(&file.display().to_string()).map_err(wrong)?;
    match task.hash().as_ref() == Some(hash) {
        true => Ok(task),
        false => Err(wrong(format!("`{}` is not the task it was trained on", file.display()))),
    }
}

/// Simulator steps in the last row of a run's log; `None` if it has none, which no evaluation should fail for.
fn simulator_steps(folder: &RunFolder) -> Option<u64> {
    let text = std::fs::read_to_string(folder.file("metrics.csv")).ok()?;
    let mut lines = text.lines();
    let column = lines.next()?.split(',').position(|name| name == "simulator_steps")?;
    lines.next_back()?.split(',').nth(column)?.parse().ok()
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
            let plan = |k: usize| contestants[k].plan.as_ref();
            let same_plan = plan(i).is_some() && plan(i) == plan(j);
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

/// The folder's name; of a `policy.safetensors` that of the run folder around it; of a checkpoint that with its own; of
/// another file its stem.
fn name_of(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = if full.is_dir() {
        full.file_name()
    } else if full.file_name() == Some("policy.safetensors".as_ref()) {
        full.parent().and_then(Path::file_name)
    } else if full.file_name() == Some(BEST.as_ref()) {
        let run = full.parent().and_then(Path::file_name).unwrap_or_default();
        return format!("{}-best", run.to_string_lossy());
    } else {
        full.file_stem()
    };
    let name = name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let run = full.parent().and_then(Path::parent).and_then(Path::file_name);
    match run.filter(|_| full.extension() == Some("ckpt".as_ref())) {
        Some(run) => format!("{}-{name}", run.to_string_lossy()),
        None => name,
    }
}

/// Which method each policy stands for in tables and figures: the one it was given, else its algorithm, if all runs of that algorithm here
/// are seeds of one plan; else every one of them stands for itself. Two runs with one seed are not two seeds: they began with
/// different policies.
pub fn methods(contestants: &[Contestant]) -> Vec<String> {
    // Each seed of a method may begin with a policy of its own.
    let comparable = |plan: &Option<Plan>| {
        plan.as_ref().map(|plan| (plan.from.is_some(), Plan { seed: 0, from: None, ..plan.clone() }))
    };
    contestants
        .iter()
        .map(|one| {
            if let Some(method) = &one.method {
                return method.clone();
            }
            let plan = comparable(&one.plan);
            let mut rivals =
                contestants.iter().filter(|other| other.origin.algorithm == one.origin.algorithm);
            let alone = rivals.clone().count() == 1;
            let seeds: BTreeSet<u64> = rivals.clone().map(|other| other.origin.seed).collect();
            let distinct = seeds.len() == rivals.clone().count();
            if alone || (plan.is_some() && distinct && rivals.all(|other| comparable(&other.plan) == plan)) {
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
pub fn common_task(contestants: &[Contestant]) -> Result<TaskRef, RunError> {
    let Some(first) = contestants.first() else {
        return Err(RunError::Usage("name at least one run".into()));
    };
    match contestants.iter().find(|other| other.task != first.task) {
        None => Ok(first.task.clone()),
        Some(other) => Err(RunError::Usage(format!(
            "`{}` was trained on {} and `{}` on {}: evaluate runs of one task at a time",
            first.name, first.origin.task, other.name, other.origin.task
        ))),
    }
}

/// Evaluates every policy on every system. `physics` is the one each policy was trained on if `None`. What `journal`
/// knows is not simulated again. `progress` is told how much of the whole is done, in [0, 1], and may stop it.
///
/// # Errors
/// [`RunError::Interrupted`] if `progress` stopped it, [`RunError`].
pub fn evaluate_all(
    contestants: &[Contestant],
    physics: Option<Physics>,
    systems: &Systems,
    options: Evaluation,
    journal: &mut Journal,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<Vec<Table>, RunError> {
    let share = |done: wr2l_eval::Progress| done.done as f64 / done.total as f64;
    for_each(contestants, physics, progress, |subject, task, physics, progress| {
        let stage = Stage { task: task.clone(), physics, space: systems.space().clone() };
        let mut executor = executor(&stage, options.threads, StopFlag::default())?;
        let mut progress = |done| progress(share(done));
        Ok(evaluate_on(executor.as_mut(), subject, systems, options, journal, &mut progress)?)
    })
}

/// A table for every policy, made by `table` from the policy, its task and the physics; what that says of its progress is
/// passed on as progress of the whole.
fn for_each(
    contestants: &[Contestant],
    physics: Option<Physics>,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    mut table: impl FnMut(
        Subject<'_>,
        &TaskRef,
        Physics,
        &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<Table, RunError>,
) -> Result<Vec<Table>, RunError> {
    let count = contestants.len() as f64;
    let mut tables = Vec::with_capacity(contestants.len());
    for ((index, one), method) in contestants.iter().enumerate().zip(methods(contestants)) {
        let training = one.training();
        let subject = Subject { actor: &one.actor, method: &method, policy: &one.name, training: &training };
        let physics = physics.unwrap_or(one.origin.physics);
        let mut progress = |share: f64| progress((index as f64 + share) / count);
        tables.push(table(subject, &one.task, physics, &mut progress)?);
    }
    Ok(tables)
}

/// Where and how the worst system of a policy is searched for.
#[derive(Clone, Debug)]
pub struct WorstCase {
    /// The parameters that the search may change.
    pub space: DynamicsSpace,
    /// The set it looks in, in z of these parameters.
    pub set: Ball,
    /// What the set is, in a word: `ball`, `box 0.5`.
    pub label: String,
    /// How it looks.
    pub search: Search,
}

/// Searches the worst system for every policy, and evaluates each policy on the ones found for it, the worst first. The
/// other arguments are those of [`evaluate_all`].
///
/// # Errors
/// [`RunError::Interrupted`] if `progress` stopped it, [`RunError`].
pub fn worst_of_all(
    contestants: &[Contestant],
    physics: Option<Physics>,
    worst: &WorstCase,
    options: Evaluation,
    journal: &mut Journal,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<Vec<Table>, RunError> {
    let WorstCase { space, set, label, search } = worst;
    let share = |done: wr2l_eval::Progress| done.done as f64 / done.total.max(1) as f64;
    for_each(contestants, physics, progress, |subject, task, physics, progress| {
        let mut searched = |done| progress(share(done));
        let stage = Stage { task: task.clone(), physics, space: space.clone() };
        let mut executor = executor(&stage, options.threads, StopFlag::default())?;
        let executor = executor.as_mut();
        let found = search_worst_on(executor, subject, set, options, *search, journal, &mut searched)?;
        let systems = found.labelled(format!("worst in {label}"));
        Ok(evaluate_on(executor, subject, &systems, options, journal, &mut |_| progress(1.0))?)
    })
}

/// What stands for the results of these policies with these options, on what `target` describes.
pub fn evaluation_key(
    contestants: &[Contestant],
    physics: Option<Physics>,
    target: &dyn std::fmt::Debug,
    options: Evaluation,
) -> String {
    let options = Evaluation { threads: 0, ..options };
    let print = Fingerprint::of("evaluation").text(&format!("{target:?} {options:?}"));
    let print = contestants.iter().zip(methods(contestants)).fold(print, |print, (one, method)| {
        let physics = physics.unwrap_or(one.origin.physics);
        print.text(&format!("{method} {} {physics} {:?}", one.name, one.training())).actor(&one.actor)
    });
    format!("{:016x}", print.key())
}

/// Writes the tables, and their figure: a curve over one parameter of a grid; heat maps over two, with the ball drawn in
/// if all policies that were trained in a ball over these two were trained in the same; histograms over random systems
/// and larger grids; none of what a search for the worst case found. Returns the paths.
///
/// # Errors
/// [`Destination::check`]'s before anything is written; [`RunError`].
pub fn write_results(
    tables: &[Table],
    contestants: &[Contestant],
    destination: &Destination,
) -> Result<Vec<PathBuf>, RunError> {
    destination.check()?;
    destination.make_folders()?;
    let [csv, svg] = destination.files();
    write_csv(&csv, tables)?;
    let outline = |x: &str, y: &str| common_outline(x, y, contestants);
    let space = contestants.first().map(|one| one.task.space());
    let drawn = draw_tables(tables, space, &svg, &outline)?;
    Ok(if drawn { vec![csv, svg] } else { vec![csv] })
}

/// Draws the figure that suits tables over the same systems, as [`write_results`] does; `setting` is what they are about, where
/// no contestant says it. `false` if none suits: for what a search found.
///
/// # Errors
/// [`RunError::Figure`] for tables over different systems or of different tasks; [`RunError`].
pub fn write_figure(
    tables: &[Table],
    contestants: &[Contestant],
    setting: Option<&Setting>,
    svg: &Path,
) -> Result<bool, RunError> {
    let names = methods(contestants);
    let mut tables = tables.to_vec();
    tables.iter_mut().for_each(|table| name_method(table, contestants, &names));
    let outline = |x: &str, y: &str| common_outline(x, y, contestants);
    let space = match contestants.first() {
        Some(one) => Some(one.task.space()),
        None => setting.map(|setting| setting.space.clone()),
    };
    draw_tables(&tables, space, svg, &outline)
}

/// Gives a table of one of the contestants the method that it stands for.
pub(crate) fn name_method(table: &mut Table, contestants: &[Contestant], names: &[String]) {
    let of = contestants.iter().zip(names).find(|(one, _)| one.name == table.provenance.policy);
    if let Some((_, name)) = of {
        table.provenance.method.clone_from(name);
    }
}

/// The outline of the ball over two parameters by name, in physical units; empty for none.
pub(crate) type Outlines<'a> = dyn Fn(&str, &str) -> Vec<(f64, f64)> + 'a;

/// Draws the figure that suits the tables, which are over the same systems; `false` if none does. `space` is their task's; of
/// one of the project's it need not be given.
pub(crate) fn draw_tables(
    tables: &[Table],
    space: Option<DynamicsSpace>,
    svg: &Path,
    outline: &Outlines<'_>,
) -> Result<bool, RunError> {
    let Some(first) = tables.first() else { return Ok(false) };
    if first.provenance.searched() {
        return Ok(false);
    }
    let space = match space {
        Some(space) => space,
        None => Setting::named(&first.provenance.task)?.space,
    };
    let mut quantities = Vec::with_capacity(first.parameters.len());
    for name in &first.parameters {
        let p = &space.parameters()[space.index(name)?];
        quantities.push(Quantity::parameter(&p.name, &p.unit, p.nominal).within(p.lower, p.upper));
    }
    match (quantities.as_slice(), first.axes().is_some()) {
        ([x], true) => sweep_figure(tables, x.clone(), Band::default())?.write(svg)?,
        ([x, y], true) => {
            let mut figure = heat_map_figure(tables, x.clone(), y.clone())?;
            figure.outline = outline(&first.parameters[0], &first.parameters[1]);
            figure.write(svg)?;
        }
        _ => histogram_figure(tables)?.write(svg)?,
    }
    Ok(true)
}

/// Outline of the ball over `x` and `y`, if all policies that were trained in a ball over these two were trained in nearly
/// the same; else nothing.
pub(crate) fn common_outline(x: &str, y: &str, contestants: &[Contestant]) -> Vec<(f64, f64)> {
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
            EvaluationError::NoEpisode
            | EvaluationError::Policy { .. }
            | EvaluationError::Parameters { .. } => Self::Usage(error.to_string()),
            EvaluationError::Search(error) => error.into(),
            EvaluationError::NoWorst { .. } => Self::Diverged(error.to_string()),
            EvaluationError::Journal(error) => Self::Table(error),
        }
    }
}
