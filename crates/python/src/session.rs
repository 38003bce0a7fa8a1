//! Training: the class `Session`, a step at a time in memory, and runs into a folder.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use wr2l::rl::{Improvement, StopFlag};
use wr2l::run::{
    Ending, Observer, Plan, PolicyOrigin, Progress, RunError, RunFolder, Saved, Session as Game, Standing,
    Summary, TrainOptions, Trained, TurnDone, VariedParameter, train,
};

use crate::error;
use crate::judge::On;
use crate::own::{Given, OwnSimulator};
use crate::plan;
use crate::policy::Policy;
use crate::raised::Raised;
use crate::waiting::{Teller, wait_for};

/// What happens in a run.
enum Event {
    /// With entropy and KL divergence of the update.
    Iteration(Box<Progress>, f64, f64),
    Turn(Box<TurnDone>),
    Warning(String),
}

/// Tells a run's events as they come.
struct Telling<'a>(&'a Teller<Event>);

impl Observer for Telling<'_> {
    fn turn(&mut self, turn: &TurnDone) {
        self.0.tell(Event::Turn(Box::new(turn.clone())));
    }

    fn iteration(&mut self, progress: &Progress, improvement: &Improvement) {
        let Improvement { entropy, kl, .. } = *improvement;
        self.0.tell(Event::Iteration(Box::new(progress.clone()), entropy, kl));
    }

    fn warning(&mut self, text: &str) {
        self.0.tell(Event::Warning(text.to_owned()));
    }
}

impl Event {
    /// As a dictionary whose key `event` says which.
    fn dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        match self {
            Self::Iteration(progress, entropy, kl) => {
                dict.set_item("event", "iteration")?;
                fill(&dict, progress)?;
                dict.set_item("entropy", entropy)?;
                dict.set_item("kl", kl)?;
            }
            Self::Turn(turn) => {
                dict.set_item("event", "adversary")?;
                dict.set_item("turn", turn.turn)?;
                dict.set_item("steps", turn.steps)?;
                dict.set_item("simulator_steps", turn.simulator_steps)?;
                dict.set_item("phi", turn.phi.clone())?;
                dict.set_item("return_reference", turn.report.reference_value)?;
                dict.set_item("return_chosen", turn.report.value)?;
                dict.set_item("seconds", turn.seconds)?;
            }
            Self::Warning(text) => {
                dict.set_item("event", "warning")?;
                dict.set_item("text", text)?;
            }
        }
        Ok(dict)
    }
}

fn fill(dict: &Bound<'_, PyDict>, progress: &Progress) -> PyResult<()> {
    dict.set_item("iteration", progress.iteration)?;
    dict.set_item("steps", progress.steps)?;
    dict.set_item("budget", progress.budget)?;
    dict.set_item("simulator_steps", progress.simulator_steps)?;
    dict.set_item("episodes", progress.episodes)?;
    dict.set_item("recent_return", progress.recent_return)?;
    dict.set_item("diverged", progress.diverged)?;
    dict.set_item("seconds", progress.seconds)
}

fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Budget => "budget",
        Ending::Entropy => "entropy",
        Ending::Interrupted => "interrupted",
    }
}

/// `done`, unless a function of Python's raised something meanwhile: that, and the work may be asked to stop anew.
fn first_of<T>(raised: &Raised, stop: &StopFlag, done: PyResult<T>) -> PyResult<T> {
    match raised.take() {
        Some(error) => {
            stop.shared().store(false, Ordering::Relaxed);
            Err(error)
        }
        None => done,
    }
}

fn check_threads(threads: usize) -> PyResult<()> {
    match threads {
        1..=1024 => Ok(()),
        _ => Err(error::usage(format!("threads = {threads}: expected 1 to 1024"))),
    }
}

/// The plan of a task, or of a simulator of the user's own, which then is given as long as the last lives; and the threads that
/// it runs on.
fn planned(
    task: Option<On<'_>>,
    file: Option<&str>,
    settings: &Bound<'_, PyDict>,
    threads: usize,
    raised: &Raised,
) -> PyResult<(Plan, usize, Option<Given>)> {
    check_threads(threads)?;
    match task {
        None => Ok((plan::resolve(None, file, settings)?, threads, None)),
        Some(On::Name(task)) => Ok((plan::resolve(Some(&task), file, settings)?, threads, None)),
        Some(On::Own(own)) => {
            let given = own.get().task(raised)?;
            let plan = plan::resolve(Some(given.task().handle()), file, settings)?;
            // Settings may have run Python, which may have given another of the same looks.
            let plan = Plan { task: given.task().clone(), ..plan };
            // All lanes are stepped at once; the processes behind them are the simulator's own.
            Ok((plan, 1, Some(given)))
        }
    }
}

/// A learner and an adversary at play, in memory.
#[pyclass(module = "wr2l._native")]
pub(crate) struct Session {
    game: Mutex<Game>,
    plan: Plan,
    stop: StopFlag,
    /// Of a simulator of the user's own.
    raised: Raised,
    broken: bool,
    /// That it was made in.
    process: u32,
}

impl Session {
    fn game(&mut self) -> &mut Game {
        self.game.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Session {
    /// The session of a plan; the ball is estimated here, if the adversary plays in one.
    #[new]
    #[pyo3(signature = (task, file, settings, threads))]
    fn new(
        py: Python<'_>,
        task: Option<On<'_>>,
        file: Option<&str>,
        settings: &Bound<'_, PyDict>,
        threads: usize,
    ) -> PyResult<Self> {
        let stop = StopFlag::default();
        let raised = Raised::stopping(stop.clone());
        let (plan, threads, _given) = planned(task, file, settings, threads, &raised)?;
        let work = |_: &Teller<Event>| Game::of(&plan, threads, stop.clone());
        let game = wait_for(py, &stop, work, |_, _| Ok(()));
        let game = first_of(&raised, &stop, game)?.map_err(error::of_run)?;
        let process = std::process::id();
        Ok(Self { game: Mutex::new(game), plan, stop, raised, broken: false, process })
    }

    /// The adversary's turn, if that is due, and one improvement of the policy. What happened, in order; nothing once it has
    /// ended.
    fn step<'py>(&mut self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        if self.broken {
            return Err(error::broken("what its simulator raised ended this session: begin another"));
        }
        let forked = self.process != std::process::id();
        if forked && self.game().executor().threads() > 1 {
            return Err(error::broken(
                "this process is a fork of the one that made the session, and threads do not survive a fork: make the \
                 session in the process that uses it, or with `threads=1`",
            ));
        }
        let (stop, raised) = (self.stop.clone(), self.raised.clone());
        let mut events = Vec::new();
        let game = self.game();
        let done = wait_for(
            py,
            &stop,
            |teller| game.step(&mut Telling(teller)),
            |_, event: Event| {
                events.push(event);
                Ok(())
            },
        );
        self.broken = raised.is_there();
        first_of(&raised, &stop, done)?.map_err(error::of_run)?;
        events.iter().map(|event| event.dict(py)).collect()
    }

    /// How it has ended: `budget`, `entropy`; none while it can go on.
    #[getter]
    fn ending(&mut self) -> Option<&'static str> {
        self.game().ending().map(word)
    }

    /// Where it stands.
    #[getter]
    fn progress<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        fill(&dict, &self.game().progress())?;
        Ok(dict)
    }

    /// The policy as it stands.
    #[getter]
    fn policy(&mut self) -> Policy {
        let task = self.plan.task.clone();
        let (physics, algorithm, seed) = (self.plan.physics, self.plan.method(), self.plan.seed);
        let steps_before = self.plan.from.as_ref().map_or(0, |start| start.origin().steps_in_all());
        let game = self.game();
        let (steps, varied) = (game.progress().steps, VariedParameter::all(game.executor().space()));
        let origin = PolicyOrigin {
            task: task.to_string(),
            task_hash: task.hash(),
            physics,
            algorithm,
            seed,
            steps,
            steps_before,
            varied,
        };
        Policy::new(game.policy().clone(), origin, task)
    }

    /// The plan, as plan.toml holds it.
    #[getter]
    fn plan(&self) -> String {
        self.plan.to_toml()
    }
}

/// What a run came to: how it ended, and its last progress.
type Came<'py> = (&'static str, Bound<'py, PyDict>);

fn came<'py>(py: Python<'py>, ending: Ending, last: &Progress) -> PyResult<Came<'py>> {
    let dict = PyDict::new(py);
    fill(&dict, last)?;
    Ok((word(ending), dict))
}

/// Passes events to `callback`, whose answer stops the run if it is not true.
fn listening<'a>(
    callback: &'a Py<PyAny>,
    stop: &'a StopFlag,
) -> impl FnMut(Python<'_>, Event) -> PyResult<()> + Send + 'a {
    move |py, event: Event| {
        if !callback.bind(py).call1((event.dict(py)?,))?.is_truthy()? {
            stop.raise();
        }
        Ok(())
    }
}

/// Ends a run as the command line does without a report.
fn concluded<'py>(
    py: Python<'py>,
    plan: &Plan,
    folder: &RunFolder,
    trained: Result<Trained, RunError>,
) -> PyResult<Came<'py>> {
    let trained = trained.map_err(error::of_run)?;
    if trained.ending != Ending::Interrupted {
        Summary::new(plan, &trained).completed(None).write(folder).map_err(error::of_run)?;
    }
    came(py, trained.ending, &trained.last)
}

/// Trains into a folder as `wr2l train --no-report` does, telling `callback` every event. How it ended, and the last progress.
#[pyfunction]
#[pyo3(signature = (task, file, settings, threads, folder, force, callback))]
#[expect(clippy::too_many_arguments, reason = "each is an argument of the Python function")]
pub(crate) fn train_into<'py>(
    py: Python<'py>,
    task: Option<On<'py>>,
    file: Option<&str>,
    settings: &Bound<'py, PyDict>,
    threads: usize,
    folder: &str,
    force: bool,
    callback: Py<PyAny>,
) -> PyResult<Came<'py>> {
    let stop = StopFlag::default();
    let raised = Raised::stopping(stop.clone());
    let (plan, threads, _given) = planned(task, file, settings, threads, &raised)?;
    let folder = RunFolder::create(Path::new(folder), force).map_err(error::of_run)?;
    let options = TrainOptions { threads, stop: stop.clone(), ..TrainOptions::default() };
    let work = |teller: &Teller<Event>| train(&plan, &folder, &options, &mut Telling(teller));
    let done = wait_for(py, &stop, work, listening(&callback, &stop));
    concluded(py, &plan, &folder, first_of(&raised, &stop, done)?)
}

/// Goes on with the run in a folder as `wr2l resume --no-report` does; `own` is the simulator of one on the user's own.
#[pyfunction]
#[pyo3(signature = (folder, own, steps, accept_changed_plan, threads, callback))]
pub(crate) fn resume_into<'py>(
    py: Python<'py>,
    folder: &str,
    own: Option<Bound<'py, OwnSimulator>>,
    steps: Option<u64>,
    accept_changed_plan: bool,
    threads: usize,
    callback: Py<PyAny>,
) -> PyResult<Came<'py>> {
    check_threads(threads)?;
    let stop = StopFlag::default();
    let raised = Raised::stopping(stop.clone());
    let path = Path::new(folder);
    let given = own.map(|own| own.get().task_of_run(path, &raised)).transpose()?;
    let saved = match steps {
        Some(steps) => Saved::open_with_steps(path, accept_changed_plan, steps),
        None => Saved::open(path, accept_changed_plan),
    };
    let saved = saved.map_err(error::of_run)?;
    for warning in saved.warnings() {
        callback.bind(py).call1((Event::Warning(warning.clone()).dict(py)?,))?;
    }
    let (plan, folder) = (saved.plan().clone(), saved.folder().clone());
    if saved.standing() == Standing::Finished
        && let Some(summary) = Summary::read(&folder)
    {
        let Summary { iteration, steps, simulator_steps, episodes, diverged, seconds, .. } = summary;
        let (budget, recent_return) = (plan.steps, summary.recent_return.unwrap_or(f64::NAN));
        let last = Progress {
            iteration,
            steps,
            budget,
            simulator_steps,
            episodes,
            recent_return,
            diverged,
            seconds,
        };
        return came(py, summary.ending, &last);
    }
    // All lanes of one's own are stepped at once.
    let threads = if given.is_some() { 1 } else { threads };
    let options = TrainOptions { threads, stop: stop.clone(), ..TrainOptions::default() };
    let work = |teller: &Teller<Event>| saved.train(&options, &mut Telling(teller));
    let done = wait_for(py, &stop, work, listening(&callback, &stop));
    concluded(py, &plan, &folder, first_of(&raised, &stop, done)?)
}
