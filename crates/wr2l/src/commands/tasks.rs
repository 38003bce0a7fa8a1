//! `wr2l tasks`.

use serde_json::json;
use wr2l::run::{RunError, TaskRef, robot_task_names, task_names};
use wr2l::sim::AnyTask;

use super::open_task;
use crate::cli::TasksArgs;
use crate::output::{aligned, print};

pub(crate) fn run(args: &TasksArgs) -> Result<(), RunError> {
    let text = match (&args.task, args.json) {
        (None, false) => all()?,
        (None, true) => every()?.iter().map(|task| format!("{}\n", summary(&**task))).collect(),
        (Some(name), false) => one(&*open_task(name)?),
        (Some(name), true) => parameters(&*open_task(name)?),
    };
    print(&text)
}

/// The tasks that this build has.
fn every() -> Result<Vec<TaskRef>, RunError> {
    task_names().map(open_task).collect()
}

fn all() -> Result<String, RunError> {
    let mut rows = vec![["task", "observations", "actions", "parameters", ""].map(String::from)];
    for task in every()? {
        let spec = task.spec();
        rows.push([
            task.name().to_owned(),
            spec.obs_dim.to_string(),
            spec.act_dim().to_string(),
            task.space().dim().to_string(),
            task.description().to_owned(),
        ]);
    }
    let missing: Vec<&str> = robot_task_names().filter(|name| task_names().all(|had| had != *name)).collect();
    let more = match missing.is_empty() {
        true => String::new(),
        false => format!("With MuJoCo built in (`cargo xtask run`) also {}.\n", missing.join(", ")),
    };
    Ok(aligned(&rows) + "\n`wr2l tasks TASK` lists a task's parameters.\n" + &more)
}

fn summary(task: &dyn AnyTask) -> serde_json::Value {
    let spec = task.spec();
    json!({
        "task": task.name(),
        "description": task.description(),
        "obs_dim": spec.obs_dim,
        "act_dim": spec.act_dim(),
        "episode_limit": spec.episode_limit,
        "dt": spec.dt,
        "parameters": task.space().names().collect::<Vec<_>>(),
    })
}

fn one(task: &dyn AnyTask) -> String {
    let spec = task.spec();
    let mut rows = vec![["parameter", "nominal", "lower", "upper", "unit", ""].map(String::from)];
    for p in task.space().parameters() {
        rows.push([
            p.name.clone(),
            p.nominal.to_string(),
            p.lower.to_string(),
            p.upper.to_string(),
            p.unit.clone(),
            p.description.clone(),
        ]);
    }
    format!(
        "{}: {}\n{} observations, {} actions, {} steps of {} s at most.\n\n{}",
        task.name(),
        task.description(),
        spec.obs_dim,
        spec.act_dim(),
        spec.episode_limit,
        spec.dt,
        aligned(&rows)
    )
}

fn parameters(task: &dyn AnyTask) -> String {
    let space = task.space();
    let lines = space.parameters().iter().map(|p| {
        let line = json!({
            "parameter": p.name,
            "unit": p.unit,
            "description": p.description,
            "nominal": p.nominal,
            "lower": p.lower,
            "upper": p.upper,
            "scale": p.scale,
        });
        format!("{line}\n")
    });
    lines.collect()
}
