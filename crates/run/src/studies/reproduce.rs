//! Running experiments: what is missing is trained and evaluated, what is there is kept.
//!
//! An output folder holds
//!
//! | folder | content |
//! |---|---|
//! | `plans/`, `logs/` | the plans of runs that a scheduler was asked for, and what they said |
//! | `runs/` | a run folder a plan; experiments that share a plan share the run |
//! | `results/` | the tables (`wr2l evaluate`'s schema), and the outline of the ball beside those it is drawn into |
//! | `statistics/` | statistics across the policies of each method |
//! | `curves/` | learning curves |
//! | `adversary/` | what the adversary of each method's first run chose, turn by turn |
//! | `figures/` | the figures, which [`redraw`] makes anew from `results/`, `curves/` and `adversary/` |
//! | `pages/` | one HTML page an experiment |

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use wr2l_eval::{Evaluation, Fingerprint, Journal, Table, read_csv, write_csv, write_statistics};
use wr2l_rl::StopFlag;

use crate::error::RunError;
use crate::formats::files::write_file;
use crate::formats::folder::RunFolder;
use crate::plan::Plan;
use crate::studies::evaluation::{Contestant, common_outline, evaluate_all, methods, worst_of_all};
use crate::studies::experiment::{EvaluationPlan, Experiment, Target, systems_of};
use crate::studies::page::{PageSources, learning_runs, page, path_of};
use crate::studies::redraw::{adversary_csv, curves_csv, redraw};
use crate::studies::sweep::entry::Entry;
use crate::training::resume::Saved;
use crate::training::summary::Summary;
use crate::training::train::{TrainOptions, train};
use crate::training::watch::Ending;

/// Where a run of an experiment stands; less is nearer its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobStatus {
    /// Its policy was trained to the end.
    Done,
    /// It was begun and not finished.
    Begun,
    /// There is nothing of it.
    Missing,
}

/// A run that experiments need.
#[derive(Clone, Debug)]
pub struct Job {
    /// Name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its plan.
    pub plan: Plan,
    /// Where it stands.
    pub status: JobStatus,
}

/// What there is to do for some experiments.
#[derive(Clone, Debug)]
pub struct Agenda {
    output: PathBuf,
    experiments: Vec<Experiment>,
    /// All runs, each once, in the order in which the experiments need them.
    pub jobs: Vec<Job>,
}

/// What is told while experiments run.
pub enum Event<'a> {
    /// A run is trained: how many are done, of how many.
    Trained(&'a Job, usize, usize),
    /// Share of an evaluation that is done.
    Evaluating(&'a str, f64),
    /// A file was written.
    Wrote(&'a Path),
}

impl Agenda {
    /// What there is to do to have these experiments under `output`.
    ///
    /// # Errors
    /// [`RunError`] for a run folder that cannot be read.
    pub fn new(experiments: Vec<Experiment>, output: &Path) -> Result<Self, RunError> {
        let runs = output.join("runs");
        let there = plans_in(&runs);
        let mut jobs: Vec<Job> = Vec::new();
        for plan in experiments.iter().flat_map(|e| &e.methods).flat_map(|m| &m.plans) {
            if jobs.iter().any(|job| job.plan == *plan) {
                continue;
            }
            let own = run_name(plan);
            // A run of an earlier version may lie under another name: its plan lacked today's options.
            let earlier = there.iter().filter(|(_, known)| known == plan).map(|(name, _)| name.clone());
            let (status, name) = std::iter::once(own)
                .chain(earlier)
                .map(|name| (status(&runs.join(&name), plan), name))
                .min_by_key(|(status, _)| *status)
                .expect("there is its own name at least");
            jobs.push(Job { folder: runs.join(&name), name, plan: plan.clone(), status });
        }
        Ok(Self { output: output.to_owned(), experiments, jobs })
    }

    /// The experiments.
    pub fn experiments(&self) -> &[Experiment] {
        &self.experiments
    }

    /// Number of tables to make: one an evaluation.
    pub fn tables(&self) -> usize {
        self.experiments.iter().map(|experiment| experiment.evaluations.len()).sum()
    }

    /// Trains the runs that are not done, each on a thread of its own, `threads` at a time; one that was begun goes on
    /// from its last checkpoint. `stop` ends them after their current iteration.
    ///
    /// # Errors
    /// [`RunError::Interrupted`] if it was stopped; [`RunError`] of the first run that failed, after the others that
    /// were under way have ended.
    pub fn train(
        &mut self,
        threads: usize,
        stop: &StopFlag,
        tell: &(dyn Fn(Event<'_>) + Sync),
    ) -> Result<(), RunError> {
        let waiting: VecDeque<usize> =
            (0..self.jobs.len()).filter(|&i| self.jobs[i].status != JobStatus::Done).collect();
        let total = waiting.len();
        if total > 0 {
            // Before the threads, which would all try to make it.
            let runs = self.output.join("runs");
            std::fs::create_dir_all(&runs).map_err(|error| RunError::io("create", &runs, &error))?;
        }
        let waiting = Mutex::new((waiting, 0_usize, None::<RunError>));
        let lock = || waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let jobs = &self.jobs;
        let options = TrainOptions { stop: stop.clone(), ..TrainOptions::default() };
        let options = &options;
        std::thread::scope(|scope| {
            for _ in 0..threads.min(total) {
                scope.spawn(|| {
                    loop {
                        let next = {
                            let mut state = lock();
                            if state.2.is_some() { None } else { state.0.pop_front() }
                        };
                        let Some(index) = next else { return };
                        let job = &jobs[index];
                        match train_job(job, options) {
                            Ok(()) => {
                                let done = {
                                    let mut state = lock();
                                    state.1 += 1;
                                    state.1
                                };
                                tell(Event::Trained(job, done, total));
                            }
                            Err(error) => {
                                lock().2.get_or_insert(error);
                                return;
                            }
                        }
                    }
                });
            }
        });
        let (_, _, failed) = waiting.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(error) = failed {
            return Err(error);
        }
        for job in &mut self.jobs {
            job.status = JobStatus::Done;
        }
        Ok(())
    }

    /// The runs that are not done, as commands for a scheduler, each on one thread; their plans are written into the folder
    /// `plans/`. When all have run, [`Agenda::evaluate`] is what is left.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn entries(&self) -> Result<Vec<Entry>, RunError> {
        let plans = self.output.join("plans");
        std::fs::create_dir_all(&plans).map_err(|error| RunError::io("create", &plans, &error))?;
        let left = self.jobs.iter().filter(|job| job.status != JobStatus::Done);
        left.map(|job| {
            let mut file = plans.join(format!("{}.toml", job.name));
            if job.plan.kept().is_empty() {
                job.plan.write(&file)?;
            } else {
                // A folder of its own, with what it needs beside it.
                let folder = plans.join(&job.name);
                job.plan.write_whole(&folder)?;
                file = folder.join("plan.toml");
            }
            let path = |path: &Path| path.display().to_string();
            let fixed = ["--threads", "1", "--no-report", "--quiet", "--resume", "--requeue"];
            let places =
                ["train".to_owned(), "--plan".to_owned(), path(&file), "-o".to_owned(), path(&job.folder)];
            Ok(Entry {
                name: job.name.clone(),
                task: job.plan.task.to_string(),
                method: job.plan.method(),
                seed: job.plan.seed,
                run: job.folder.clone(),
                log: self.output.join("logs").join(format!("{}.log", job.name)),
                commands: vec![places.into_iter().chain(fixed.map(str::to_owned)).collect()],
            })
        })
        .collect()
    }

    /// Evaluates, where the tables are missing or of other policies, and writes tables, statistics, figures and pages.
    ///
    /// # Errors
    /// [`RunError::Interrupted`] if `stop` was set, [`RunError`]; what was written before stays.
    pub fn evaluate(
        &self,
        threads: usize,
        stop: &StopFlag,
        tell: &dyn Fn(Event<'_>),
    ) -> Result<(), RunError> {
        for folder in ["results", "statistics", "curves", "adversary", "figures", "pages"] {
            let path = self.output.join(folder);
            std::fs::create_dir_all(&path).map_err(|error| RunError::io("create", &path, &error))?;
        }
        for experiment in &self.experiments {
            if !experiment.dynamics.is_empty() {
                let path = self.output.join("results").join(format!("{}.md", experiment.name));
                write_file(&path, table_of_dynamics(experiment)?.as_bytes())?;
                tell(Event::Wrote(&path));
            }
            if experiment.methods.is_empty() {
                continue;
            }
            let contestants = self.contestants(experiment)?;
            let mut files = Vec::new();
            for evaluation in &experiment.evaluations {
                self.table(experiment, evaluation, &contestants, threads, stop, tell)?;
                files.push(self.csv(experiment, evaluation));
            }
            let path = self.output.join("curves").join(format!("{}.csv", experiment.name));
            let runs = learning_runs(&contestants, &methods(&contestants))?;
            write_file(&path, curves_csv(&runs).as_bytes())?;
            for (number, method) in experiment.methods.iter().enumerate() {
                let first = contestants.iter().find(|one| one.method.as_ref() == Some(&method.name));
                let Some(path) = first.map(path_of).transpose()?.flatten() else { continue };
                let name = format!("{}-{}.csv", experiment.name, number + 1);
                let at = self.output.join("adversary").join(name);
                write_file(&at, adversary_csv(&path, &method.name).as_bytes())?;
            }

            let path = self.output.join("pages").join(format!("{}.html", experiment.name));
            let sources = PageSources {
                contestants: &contestants,
                results: &files,
                title: &experiment.title,
                ..PageSources::default()
            };
            page(&sources)?.write(&path)?;
            tell(Event::Wrote(&path));
        }
        for path in redraw(&self.output)? {
            tell(Event::Wrote(&path));
        }
        Ok(())
    }

    pub(crate) fn csv(&self, experiment: &Experiment, evaluation: &EvaluationPlan) -> PathBuf {
        self.output.join("results").join(format!("{}-{}.csv", experiment.name, evaluation.name))
    }

    /// The trained policies of an experiment, by method.
    fn contestants(&self, experiment: &Experiment) -> Result<Vec<Contestant>, RunError> {
        let mut contestants = Vec::new();
        for method in &experiment.methods {
            let job = |plan: &Plan| self.jobs.iter().find(|job| job.plan == *plan);
            for job in method.plans.iter().filter_map(job) {
                let mut one = Contestant::open(&job.folder)?;
                one.method = Some(method.name.clone());
                contestants.push(one);
            }
        }
        Ok(contestants)
    }

    fn table(
        &self,
        experiment: &Experiment,
        evaluation: &EvaluationPlan,
        contestants: &[Contestant],
        threads: usize,
        stop: &StopFlag,
        tell: &dyn Fn(Event<'_>),
    ) -> Result<(), RunError> {
        let Some(task) = contestants.first().map(|one| one.task.clone()) else { return Ok(()) };
        let csv = self.csv(experiment, evaluation);
        let key = contestants
            .iter()
            .fold(Fingerprint::of("table").text(&format!("{evaluation:?}")), |print, one| {
                let names = format!("{:?} {}", one.method, one.name);
                print.text(&names).text(one.origin.physics.as_str()).actor(&one.actor)
            })
            .key();
        let key = format!("{key:016x}\n");
        let key_file = csv.with_extension("key");
        if csv.exists() && std::fs::read_to_string(&key_file).is_ok_and(|known| known == key) {
            return Ok(());
        }
        let title = format!("{} {}", experiment.name, evaluation.name);
        let mut journal = Journal::open(&csv.with_extension("csv.partial"))?;
        let options = Evaluation {
            episodes: evaluation.episodes,
            stochastic: evaluation.stochastic,
            threads,
            ..Evaluation::default()
        };
        let mut progress = |done: f64| {
            tell(Event::Evaluating(&title, done));
            if stop.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let tables = match systems_of(evaluation, &*task)? {
            Target::On(systems) => {
                evaluate_all(contestants, None, &systems, options, &mut journal, &mut progress)?
            }
            Target::Worst(worst) => {
                worst_of_all(contestants, None, &worst, options, &mut journal, &mut progress)?
            }
        };
        write_csv(&csv, &tables)?;
        if let Some([x, y]) = tables.first().map(|table| table.parameters.as_slice()) {
            let outline = common_outline(x, y, contestants);
            let lines: String = outline.iter().map(|(x, y)| format!("{x},{y}\n")).collect();
            if !lines.is_empty() {
                write_file(&csv.with_extension("outline"), lines.as_bytes())?;
            }
        }
        let name = csv.file_name().unwrap_or_default();
        write_statistics(&self.output.join("statistics").join(name), &tables)?;
        // The key last: without it the table is made again.
        write_file(&key_file, key.as_bytes())?;
        journal.remove()?;
        tell(Event::Wrote(&csv));
        Ok(())
    }
}

/// The folders in `runs` whose plans can be read, with these.
fn plans_in(runs: &Path) -> Vec<(String, Plan)> {
    let Ok(entries) = std::fs::read_dir(runs) else { return Vec::new() };
    let mut plans: Vec<(String, Plan)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let plan = Plan::read(&entry.path().join("plan.toml")).ok()?;
            Some((entry.file_name().into_string().ok()?, plan))
        })
        .collect();
    plans.sort_by(|a, b| a.0.cmp(&b.0));
    plans
}

/// Name of the folder of a run: the same for equal plans, another for any other.
fn run_name(plan: &Plan) -> String {
    let print = Fingerprint::of("run").text(&Plan { seed: 0, ..plan.clone() }.to_toml()).key();
    format!("{}-{}-{:08x}-s{}", plan.task, plan.algorithm, print >> 32, plan.seed)
}

fn status(folder: &Path, plan: &Plan) -> JobStatus {
    let complete = RunFolder::open(folder).is_ok_and(|run| {
        let same = Plan::read(&run.file("plan.toml")).is_ok_and(|known| known == *plan);
        same && run.file("policy.safetensors").is_file() && Summary::read(&run).is_some_and(|s| s.complete)
    });
    if complete {
        JobStatus::Done
    } else if folder.exists() {
        JobStatus::Begun
    } else {
        JobStatus::Missing
    }
}

/// Trains a run to its end, from its last checkpoint if it has a usable one.
fn train_job(job: &Job, options: &TrainOptions) -> Result<(), RunError> {
    let saved = match job.status {
        JobStatus::Begun => match Saved::open(&job.folder, false) {
            Ok(saved) => Some(saved),
            Err(error @ RunError::InUse { .. }) => return Err(error),
            // Nothing usable is left of it.
            Err(_) => None,
        },
        _ => None,
    };
    let (folder, trained) = match saved {
        Some(saved) => (saved.folder().clone(), saved.train(options, &mut ())?),
        None => {
            let folder = RunFolder::create(&job.folder, true)?;
            let trained = train(&job.plan, &folder, options, &mut ())?;
            (folder, trained)
        }
    };
    match trained.ending {
        Ending::Interrupted => {
            Err(RunError::Interrupted("interrupted; the same command goes on where it was".into()))
        }
        // Experiments have evaluations of their own: nothing is left to do in the run's folder.
        _ => Summary::new(&job.plan, &trained).completed(None).write(&folder),
    }
}

/// The parameters that vary, as a Markdown table, checked against the tasks.
fn table_of_dynamics(experiment: &Experiment) -> Result<String, RunError> {
    let mut text = format!("# {}\n\n| task | one | two | all |\n|---|---|---|---|\n", experiment.title);
    for row in &experiment.dynamics {
        let space = row.task.space();
        for name in row.one.iter().chain(&row.two) {
            space.index(name)?;
        }
        if let Some(count) = row.count.filter(|&count| count != space.dim()) {
            let (task, dim) = (&row.task, space.dim());
            return Err(RunError::Usage(format!("{task} has {dim} parameters, the table says {count}")));
        }
        let list = |names: &[String]| names.join(", ");
        let all: Vec<&str> = space.names().collect();
        text += &format!("| {} | {} | {} | {} |\n", row.task, list(&row.one), list(&row.two), all.join(", "));
    }
    Ok(text)
}

/// Tables of an output folder, for a summary on the terminal.
///
/// # Errors
/// [`RunError::Table`].
pub fn tables_of(output: &Path, experiment: &Experiment) -> Result<Vec<(String, Vec<Table>)>, RunError> {
    let mut all = Vec::new();
    for evaluation in &experiment.evaluations {
        let path = output.join("results").join(format!("{}-{}.csv", experiment.name, evaluation.name));
        all.push((format!("{} {}", experiment.name, evaluation.name), read_csv(&path)?));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_run_depends_on_its_plan() {
        let experiments = crate::select_experiments(&["fig4".into()], false, None).unwrap();
        let plans: Vec<&Plan> = experiments[0].methods.iter().flat_map(|m| &m.plans).collect();
        let names: std::collections::BTreeSet<String> = plans.iter().map(|plan| run_name(plan)).collect();
        assert_eq!(names.len(), plans.len());
    }

    #[test]
    fn a_run_is_known_by_its_plan_whatever_its_folder_is_called() {
        let output = tempfile::tempdir().unwrap();
        let experiments = || crate::select_experiments(&["fig4".into()], false, Some(1)).unwrap();
        let name = |agenda: &Agenda| agenda.jobs[1].name.clone();
        let agenda = Agenda::new(experiments(), output.path()).unwrap();
        assert_eq!(name(&agenda), run_name(&agenda.jobs[1].plan));

        let folder = output.path().join("runs").join("of-an-earlier-version");
        std::fs::create_dir_all(&folder).unwrap();
        let text = agenda.jobs[1].plan.to_toml();
        let today = ["worst_cases", "nominal_share", "uniform_share", "random_actions", "initial_std"];
        let then: Vec<&str> =
            text.lines().filter(|line| !today.iter().any(|option| line.starts_with(option))).collect();
        assert!(then.len() < text.lines().count());
        std::fs::write(folder.join("plan.toml"), then.join("\n")).unwrap();
        let agenda = Agenda::new(experiments(), output.path()).unwrap();
        assert_eq!(name(&agenda), "of-an-earlier-version");
        assert_eq!(agenda.jobs[1].status, JobStatus::Begun);
        assert_eq!(agenda.jobs[0].status, JobStatus::Missing);
    }
}
