//! Judging policies: ours as the command line does, bit for bit, and Python functions by the same rules.

use std::ops::ControlFlow;
use std::path::Path;

use pyo3::prelude::*;
use wr2l::eval::{
    Axis, Evaluation, EvaluationError, Grid, Journal, Region, Search, SearchKind, Subject, Systems, Training,
    evaluate_on, search_worst_on,
};
use wr2l::nn::{Normaliser, Policy as Network};
use wr2l::rl::{Actor, StopFlag, Threads};
use wr2l::run::{Contestant, RunError, Setting, TaskRef, WorstCase, evaluate_all, usual_sweep, worst_of_all};
use wr2l::sim::{ActionSpace, DynamicsSpace, Physics, SimSpec, Simulator};

use crate::callable::Callable;
use crate::error;
use crate::own::OwnSimulator;
use crate::policy::Policy;
use crate::raised::Raised;
use crate::table::Table;
use crate::task;

/// Where systems are drawn from or searched in.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Where {
    /// Parameters that vary in the box; all if none.
    vary: Option<Vec<String>>,
    /// Half-width of the box in units of the nominal values.
    half_width: Option<f64>,
    /// The run whose ball it is.
    ball: Option<String>,
    /// Whether the shell around the ball is meant.
    shell: bool,
}

/// How episodes are run.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct How {
    episodes: u32,
    stochastic: bool,
    seed: u64,
    threads: usize,
}

impl How {
    fn options(&self) -> PyResult<Evaluation> {
        let Self { episodes, stochastic, seed, threads } = *self;
        if !(1..=1024).contains(&threads) {
            return Err(error::usage(format!("threads = {threads}: expected 1 to 1024")));
        }
        Ok(Evaluation { episodes, stochastic, seed, threads })
    }
}

impl Where {
    fn region(&self, on: &str, all: &DynamicsSpace) -> PyResult<(Region, DynamicsSpace)> {
        let Some(run) = &self.ball else {
            if self.shell {
                return Err(error::usage("a shell is one around a ball: say of which run"));
            }
            let chosen = self.vary.as_deref().map_or(Ok(all.clone()), |patterns| all.select(patterns));
            let space = chosen.map_err(error::of_space)?;
            return Ok((Region::usual(&space, self.half_width), space));
        };
        if self.half_width.is_some() || self.vary.is_some() {
            return Err(error::usage("`half_width` and `vary` are about the box, and a ball was asked for"));
        }
        let contestant = Contestant::open(Path::new(run)).map_err(error::of_run)?;
        let Some(ball) = contestant.ball else {
            return Err(error::usage(format!("`{run}` was not trained in a ball; name a run that was")));
        };
        let task = contestant.task;
        if task.name() != on {
            return Err(error::usage(format!("`{run}` was trained on {task}, not on {on}")));
        }
        let space = ball.space(&*task).map_err(error::of_run)?;
        let ball = ball.ball().map_err(error::of_run)?;
        Ok((if self.shell { Region::Shell(ball) } else { Region::Ball(ball) }, space))
    }
}

/// On what a policy is judged: a task by its name, or a simulator of the user's own.
#[derive(FromPyObject)]
pub(crate) enum On<'py> {
    Name(String),
    Own(Bound<'py, OwnSimulator>),
}

/// The same, found.
enum Stage<'py> {
    Task(TaskRef),
    Own(Bound<'py, OwnSimulator>),
}

impl Stage<'_> {
    fn name(&self) -> &str {
        match self {
            Self::Task(task) => task.name(),
            Self::Own(own) => own.get().name(),
        }
    }

    fn space(&self) -> DynamicsSpace {
        match self {
            Self::Task(task) => task.space(),
            Self::Own(own) => own.get().space().clone(),
        }
    }

    /// What tables are about that are made here.
    fn setting(&self) -> Setting {
        match self {
            Self::Task(task) => Setting::from(task),
            Self::Own(own) => {
                let (name, space) = (own.get().name().to_owned(), own.get().space().clone());
                Setting { name, description: String::new(), space }
            }
        }
    }

    /// A table of it.
    fn table(&self, results: wr2l::eval::Table) -> Table {
        Table { results, setting: Some(self.setting()) }
    }

    fn simulator(
        &self,
        physics: Option<Physics>,
        vary: DynamicsSpace,
        raised: &Raised,
    ) -> PyResult<Simulator> {
        match (self, physics) {
            (Self::Task(task), _) => task::simulator(task, physics, vary),
            (Self::Own(own), _) => {
                check_no_physics(physics, own.get())?;
                Ok(own.get().simulator(vary, raised))
            }
        }
    }
}

fn check_no_physics(physics: Option<Physics>, own: &OwnSimulator) -> PyResult<()> {
    match physics {
        None => Ok(()),
        Some(_) => {
            let name = own.name();
            Err(error::usage(format!("`{name}` is a simulator of its own: there is no physics to choose")))
        }
    }
}

/// Who is judged.
enum Judged<'py> {
    Ours(Policy),
    Function(Bound<'py, PyAny>, String),
}

/// The one judged, and on what: a policy of ours knows its own task.
fn judged<'py>(
    policy: &Bound<'py, PyAny>,
    name: Option<String>,
    on: Option<On<'py>>,
) -> PyResult<(Judged<'py>, Stage<'py>)> {
    let ours = policy.cast::<Policy>().ok().map(|ours| ours.get().clone());
    let function = || Judged::Function(policy.clone(), name.unwrap_or_else(|| "policy".into()));
    match (ours, on) {
        (Some(ours), None) => {
            let task = ours.contestant().task.clone();
            Ok((Judged::Ours(ours), Stage::Task(task)))
        }
        (Some(ours), Some(On::Name(name))) => {
            let (own, task) = (ours.contestant().task.clone(), task::named(&name)?);
            if own != task {
                return Err(error::usage(format!("the policy was trained on {own}, not on {name}")));
            }
            Ok((Judged::Ours(ours), Stage::Task(task)))
        }
        (Some(ours), Some(On::Own(own))) => Ok((Judged::Ours(ours), Stage::Own(own))),
        (None, Some(On::Name(name))) => Ok((function(), Stage::Task(task::named(&name)?))),
        (None, Some(On::Own(own))) => Ok((function(), Stage::Own(own))),
        (None, None) => Err(error::usage("say on which task: a function does not know its own")),
    }
}

/// A policy of the right shapes, which the interface asks for and nobody asks for actions.
fn stand_in(spec: &SimSpec) -> PyResult<Actor> {
    let failed = |reason: String| error::broken(reason);
    let network = match spec.actions {
        ActionSpace::Continuous { .. } => Network::gaussian(spec.obs_dim, &[], spec.act_dim()),
        ActionSpace::Discrete { n } => Network::categorical(spec.obs_dim, &[], n),
    };
    let network = network.map_err(|error| failed(error.to_string()))?;
    let weights = vec![0.0; network.parameters()];
    Actor::new(network, weights, Normaliser::identity(spec.obs_dim), spec.actions.clone())
        .map_err(|error| failed(error.to_string()))
}

/// Goes on unless Python has a signal to handle, whose exception is kept.
fn go_on(raised: &Raised) -> ControlFlow<()> {
    match Python::attach(|py| py.check_signals()) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            raised.put(error);
            ControlFlow::Break(())
        }
    }
}

/// Runs `work` on an executor of a Python function's, with the names that tables give it.
fn with_function<T: Send>(
    py: Python<'_>,
    simulator: Simulator,
    raised: Raised,
    (function, name): (Bound<'_, PyAny>, String),
    work: impl FnOnce(&mut Callable, Subject<'_>, &Raised) -> Result<T, EvaluationError> + Send,
) -> PyResult<T> {
    let function = function.unbind();
    let actor = stand_in(simulator.spec())?;
    let done = py.detach(|| {
        let mut executor = Callable::new(simulator, function, raised.clone())?;
        let training = Training::default();
        let subject = Subject { actor: &actor, method: &name, policy: &name, training: &training };
        work(&mut executor, subject, &raised)
    });
    done.map_err(|failure| raised.take().unwrap_or_else(|| error::of_evaluation(failure)))
}

/// Runs `work` on an executor of a policy of ours on a simulator of the user's own.
fn with_own<T: Send>(
    py: Python<'_>,
    own: &OwnSimulator,
    vary: DynamicsSpace,
    policy: &Policy,
    work: impl FnOnce(&mut Threads, Subject<'_>, &Raised) -> Result<T, EvaluationError> + Send,
) -> PyResult<T> {
    let stop = StopFlag::default();
    let raised = Raised::stopping(stop.clone());
    let simulator = own.simulator(vary, &raised);
    let contestant = policy.contestant();
    let done = py.detach(|| {
        let mut executor = Threads::new(&simulator, 1)?.with_stop_flag(stop);
        let training = contestant.training();
        let (method, name) = (&contestant.origin.algorithm, &contestant.name);
        let subject = Subject { actor: &contestant.actor, method, policy: name, training: &training };
        work(&mut executor, subject, &raised)
    });
    done.map_err(|failure| raised.take().unwrap_or_else(|| error::of_evaluation(failure)))
}

/// The one table of one policy of ours.
fn only(tables: Result<Vec<wr2l::eval::Table>, RunError>, raised: &Raised) -> PyResult<wr2l::eval::Table> {
    let tables = tables.map_err(|failure| raised.take().unwrap_or_else(|| error::of_run(failure)))?;
    tables.into_iter().next().ok_or_else(|| error::broken("no table came of it"))
}

/// Runs a policy on systems: those of a sweep (`name=low:high:n` or `name=1,2,5` each), random ones, or where neither is
/// said, over the parameters that are usually varied.
#[pyfunction]
#[pyo3(signature = (policy, task, name, physics, sweep, random, systems_seed, place, how))]
#[expect(clippy::too_many_arguments, reason = "each is an argument of the Python function")]
pub(crate) fn evaluate(
    py: Python<'_>,
    policy: &Bound<'_, PyAny>,
    task: Option<On<'_>>,
    name: Option<String>,
    physics: Option<&str>,
    sweep: Option<Vec<String>>,
    random: Option<usize>,
    systems_seed: u64,
    place: Where,
    how: How,
) -> PyResult<Table> {
    let (judged, stage) = judged(policy, name, task)?;
    let physics = task::physics(physics)?;
    let options = how.options()?;
    let systems = match random {
        Some(0) => return Err(error::usage("random = 0: evaluate at least one system")),
        Some(count) => {
            let (region, space) = place.region(stage.name(), &stage.space())?;
            region.systems(&space, count, systems_seed).map_err(|error| error::of_run(error.into()))?
        }
        None => grid(&stage, sweep)?,
    };
    match (judged, &stage) {
        (Judged::Ours(policy), Stage::Own(own)) => {
            check_no_physics(physics, own.get())?;
            let vary = systems.space().clone();
            let results = with_own(py, own.get(), vary, &policy, |executor, subject, raised| {
                let mut progress = |_| go_on(raised);
                evaluate_on(executor, subject, &systems, options, &mut Journal::none(), &mut progress)
            })?;
            Ok(stage.table(results))
        }
        (Judged::Ours(policy), Stage::Task(_)) => {
            let raised = Raised::default();
            let one = [policy.contestant().clone()];
            let tables = py.detach(|| {
                let mut progress = |_| go_on(&raised);
                evaluate_all(&one, physics, &systems, options, &mut Journal::none(), &mut progress)
            });
            Ok(stage.table(only(tables, &raised)?))
        }
        (Judged::Function(function, name), _) => {
            let raised = Raised::default();
            let simulator = stage.simulator(physics, systems.space().clone(), &raised)?;
            let results =
                with_function(py, simulator, raised, (function, name), |executor, subject, raised| {
                    let mut progress = |_| go_on(raised);
                    evaluate_on(executor, subject, &systems, options, &mut Journal::none(), &mut progress)
                })?;
            Ok(stage.table(results))
        }
    }
}

fn grid(stage: &Stage<'_>, sweep: Option<Vec<String>>) -> PyResult<Systems> {
    let axes = match (sweep, stage) {
        (Some(axes), _) => axes,
        (None, Stage::Task(task)) => usual_sweep(&**task, 28, 11),
        (None, Stage::Own(_)) => return Err(error::usage("say what to sweep, or how many random systems")),
    };
    let read = axes.iter().map(|axis| axis.parse::<Axis>()).collect::<Result<Vec<_>, _>>();
    let grid = read.and_then(|axes| Grid::new(&stage.space(), axes));
    Ok(grid.map_err(|error| error::of_run(error.into()))?.systems())
}

/// Searches the worst systems of a policy, spending up to `budget` episodes, and evaluates it on those, the worst first.
#[pyfunction]
#[pyo3(signature = (policy, task, name, physics, budget, gradient, place, how))]
#[expect(clippy::too_many_arguments, reason = "each is an argument of the Python function")]
pub(crate) fn worst_case(
    py: Python<'_>,
    policy: &Bound<'_, PyAny>,
    task: Option<On<'_>>,
    name: Option<String>,
    physics: Option<&str>,
    budget: u64,
    gradient: bool,
    place: Where,
    how: How,
) -> PyResult<Table> {
    let (judged, stage) = judged(policy, name, task)?;
    let physics = task::physics(physics)?;
    let options = how.options()?;
    let (region, space) = place.region(stage.name(), &stage.space())?;
    let set = region.search_set(&space).map_err(|error| error::of_run(error.into()))?;
    let set =
        set.ok_or_else(|| error::usage("the worst case is searched in a box or a ball, not in a shell"))?;
    let kind = if gradient { SearchKind::Gradient } else { SearchKind::Surrogate };
    let search = Search::usual(kind, space.dim(), budget);
    let label = region.label();
    match (judged, &stage) {
        (Judged::Ours(policy), Stage::Own(own)) => {
            check_no_physics(physics, own.get())?;
            let results = with_own(py, own.get(), space, &policy, |executor, subject, raised| {
                let (journal, mut progress) = (&mut Journal::none(), |_| go_on(raised));
                let found =
                    search_worst_on(executor, subject, &set, options, search, journal, &mut progress)?;
                let systems = found.labelled(format!("worst in {label}"));
                evaluate_on(executor, subject, &systems, options, journal, &mut progress)
            })?;
            Ok(stage.table(results))
        }
        (Judged::Ours(policy), Stage::Task(_)) => {
            let raised = Raised::default();
            let one = [policy.contestant().clone()];
            let worst = WorstCase { space, set, label, search };
            let tables = py.detach(|| {
                let mut progress = |_| go_on(&raised);
                worst_of_all(&one, physics, &worst, options, &mut Journal::none(), &mut progress)
            });
            Ok(stage.table(only(tables, &raised)?))
        }
        (Judged::Function(function, name), _) => {
            let raised = Raised::default();
            let simulator = stage.simulator(physics, space, &raised)?;
            let results =
                with_function(py, simulator, raised, (function, name), |executor, subject, raised| {
                    let (journal, mut progress) = (&mut Journal::none(), |_| go_on(raised));
                    let found =
                        search_worst_on(executor, subject, &set, options, search, journal, &mut progress)?;
                    let systems = found.labelled(format!("worst in {label}"));
                    evaluate_on(executor, subject, &systems, options, journal, &mut progress)
                })?;
            Ok(stage.table(results))
        }
    }
}
