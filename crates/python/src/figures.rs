//! Tables and runs as the command line's figures and page.

use std::path::Path;

use pyo3::prelude::*;
use wr2l::eval::Table as Results;
use wr2l::run::{
    Contestant, PageSources, Setting, check_output, common_task, open_contestants, page, write_figure,
};

use crate::error;
use crate::policy::Policy;
use crate::table::Table;
use crate::task;

/// A run: its folder or policy file, or a policy that was read or trained.
#[derive(FromPyObject)]
pub(crate) enum OfRun<'py> {
    Policy(Bound<'py, Policy>),
    Path(String),
}

/// The policies of runs, all of one task, each with a name of its own.
fn contestants(runs: &[OfRun<'_>]) -> PyResult<Vec<Contestant>> {
    let path = |run: &OfRun<'_>| match run {
        OfRun::Path(path) => Some(path.clone()),
        OfRun::Policy(_) => None,
    };
    let paths: Vec<String> = runs.iter().filter_map(path).collect();
    let mut opened = open_contestants(&paths).map_err(error::of_run)?.into_iter();
    let each = |run: &OfRun<'_>| match run {
        OfRun::Policy(policy) => Some(policy.get().contestant().clone()),
        OfRun::Path(_) => opened.next(),
    };
    let all: Vec<Contestant> = runs.iter().filter_map(each).collect();
    for (i, one) in all.iter().enumerate() {
        if all[..i].iter().any(|other| other.name == one.name) {
            let name = &one.name;
            return Err(error::usage(format!("two runs are called `{name}`: name each by its folder")));
        }
    }
    if !all.is_empty() {
        common_task(&all).map_err(error::of_run)?;
    }
    Ok(all)
}

/// The tables' results, and what they are about.
fn results(tables: &[Bound<'_, Table>]) -> (Vec<Results>, Option<Setting>) {
    let results = tables.iter().map(|table| table.get().results.clone()).collect();
    (results, tables.iter().find_map(|table| table.get().setting.clone()))
}

/// Writes the figure that the command line draws of these tables, which are over the same systems.
#[pyfunction]
#[pyo3(signature = (path, tables, runs, force))]
pub(crate) fn figure(
    py: Python<'_>,
    path: &str,
    tables: Vec<Bound<'_, Table>>,
    runs: Vec<OfRun<'_>>,
    force: bool,
) -> PyResult<()> {
    let contestants = contestants(&runs)?;
    let (results, setting) = results(&tables);
    if results.is_empty() {
        return Err(error::usage("there is nothing to draw: give a table at least"));
    }
    let path = Path::new(path);
    let drawn = py.detach(|| {
        check_output(path, force)?;
        write_figure(&results, &contestants, setting.as_ref(), path)
    });
    match drawn.map_err(error::of_run)? {
        true => Ok(()),
        false => {
            let remedy = "no figure is drawn of what a search found, a policy's own worst systems: `report` shows them";
            Err(error::usage(remedy))
        }
    }
}

/// Writes the page that `wr2l report` writes, of tables and runs.
#[pyfunction]
#[pyo3(signature = (path, tables, runs, title, physics, force))]
pub(crate) fn report(
    py: Python<'_>,
    path: &str,
    tables: Vec<Bound<'_, Table>>,
    runs: Vec<OfRun<'_>>,
    title: &str,
    physics: Option<&str>,
    force: bool,
) -> PyResult<()> {
    let contestants = contestants(&runs)?;
    let (results, setting) = results(&tables);
    let physics = task::physics(physics)?;
    let path = Path::new(path);
    let written = py.detach(|| {
        check_output(path, force)?;
        let sources = PageSources {
            contestants: &contestants,
            tables: &results,
            setting: setting.as_ref(),
            physics,
            title,
            ..PageSources::default()
        };
        Ok(page(&sources)?.write(path)?)
    });
    written.map_err(error::of_run)
}
