//! Tasks by name.

use pyo3::prelude::*;
use wr2l::run::TaskRef;
use wr2l::sim::{DynamicsSpace, Physics, Simulator};

use crate::error;

/// The task called `name`, one of the project's or a file: the one place where Python's names of tasks are looked up.
pub(crate) fn named(name: &str) -> PyResult<TaskRef> {
    TaskRef::open(name).map_err(error::usage)
}

/// The physics called `name`.
pub(crate) fn physics(name: Option<&str>) -> PyResult<Option<Physics>> {
    name.map(str::parse).transpose().map_err(error::of_sim)
}

/// A simulator of a task, on its default physics if none is named.
pub(crate) fn simulator(task: &TaskRef, on: Option<Physics>, vary: DynamicsSpace) -> PyResult<Simulator> {
    let on = on.or_else(|| task.physics().first().copied());
    let on = on.ok_or_else(|| error::usage(format!("{task} runs on no physics of this build")))?;
    task.simulator(on, vary).map_err(error::of_sim)
}

/// Name, unit, nominal value, lower and upper bound, description of each parameter.
pub(crate) type Parameters = Vec<(String, String, f64, f64, f64, String)>;

pub(crate) fn parameters(space: &DynamicsSpace) -> Parameters {
    let of = |p: &wr2l::sim::Parameter| {
        (p.name.clone(), p.unit.clone(), p.nominal, p.lower, p.upper, p.description.clone())
    };
    space.parameters().iter().map(of).collect()
}

/// The names of all tasks.
#[pyfunction]
pub(crate) fn tasks() -> Vec<&'static str> {
    wr2l::run::task_names().collect()
}

/// The parameters of a task that may vary: name, unit, nominal value, lower and upper bound, description.
#[pyfunction]
pub(crate) fn parameters_of(task: &str) -> PyResult<Parameters> {
    Ok(parameters(&named(task)?.space()))
}

/// The physics that a task runs on in this build, the default first.
#[pyfunction]
pub(crate) fn physics_of(task: &str) -> PyResult<Vec<&'static str>> {
    Ok(named(task)?.physics().into_iter().map(Physics::as_str).collect())
}
