//! Plans from keyword arguments: what TOML says, they say.

use std::path::Path;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use toml::{Table, Value};
use wr2l::run::{Layer, Plan, parse_count};

use crate::error;

/// The plan of a task (or of a file), and settings: keys of plan.toml, nested or with dots.
pub(crate) fn resolve(
    task: Option<&str>,
    file: Option<&str>,
    settings: &Bound<'_, PyDict>,
) -> PyResult<Plan> {
    let mut layers = Vec::new();
    if let Some(path) = file {
        layers.push(Layer::file(Path::new(path)).map_err(error::of_setting)?);
    }
    if let Some(task) = task {
        layers.push(Layer::argument(format!("task {task}"), "task", task));
    }
    if task.is_none() && file.is_none() {
        return Err(error::usage("say which task, or give a plan"));
    }
    let mut leaves = Vec::new();
    flatten("", settings, &mut leaves)?;
    let given = |key: &str| leaves.iter().any(|(other, _)| other == key);
    if given("ball.epsilon") && given("ball.half_width") {
        return Err(error::usage("set either `epsilon` or `half_width`: they replace each other"));
    }
    // As on the command line, who plays comes first.
    leaves.sort_by_key(|(key, _)| !matches!(key.as_str(), "algorithm" | "learner" | "adversary.kind"));
    for (key, value) in leaves {
        layers.push(Layer::argument(format!("{key} = {value}"), &key, value));
    }
    Plan::resolve(&layers).map_err(error::of_setting)
}

/// Every setting with its dotted key.
fn flatten(within: &str, settings: &Bound<'_, PyDict>, leaves: &mut Vec<(String, Value)>) -> PyResult<()> {
    for (key, value) in settings {
        let name: String = key.extract().map_err(|_| error::usage("a key of a plan is a text"))?;
        let key = if within.is_empty() { full(&name).to_owned() } else { format!("{within}.{name}") };
        if key.split('.').any(str::is_empty) || key.split('.').count() > 16 {
            return Err(error::usage(format!("`{key}` is no key of a plan")));
        }
        if value.is_none() {
            continue;
        }
        // The keyword `adversary` is a name, as the flag is; the section of that name has other keys.
        if let Ok(section) = value.cast::<PyDict>() {
            let section_key = if key == "adversary.kind" { "adversary" } else { &key };
            flatten(section_key, section, leaves)?;
        } else {
            let value = leaf(&key, &value)?;
            leaves.push((key, value));
        }
    }
    Ok(())
}

/// The key behind a flag's name.
fn full(name: &str) -> &str {
    match name {
        "epsilon" => "ball.epsilon",
        "half_width" => "ball.half_width",
        "adversary" => "adversary.kind",
        // `from` is a word of Python's own.
        "from_" => "from",
        other => other,
    }
}

fn leaf(key: &str, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_str()?;
        return Ok(match (key, parse_count(text)) {
            ("steps", Ok(count)) => Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)),
            ("vary", _) => Value::Array(text.split(',').map(|name| Value::from(name.trim())).collect()),
            _ => Value::from(text),
        });
    }
    plain(value, 0)?.ok_or_else(|| {
        let kind = value.get_type();
        let kind = kind.name().map_or_else(|_| "that".to_owned(), |name| name.to_string());
        error::usage(format!(
            "{key}: a plan holds numbers, texts, truth values and lists of them, not {kind}"
        ))
    })
}

/// Lists and dictionaries within one another, at most: they may hold themselves.
const DEEPEST: usize = 16;

/// A dictionary of Python as a table of TOML; `what` names it in errors.
pub(crate) fn table(what: &str, dict: &Bound<'_, PyDict>) -> PyResult<Table> {
    match within(what, dict.as_any(), 0)? {
        Value::Table(table) => Ok(table),
        _ => Ok(Table::new()),
    }
}

fn within(what: &str, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    let refused = |what: &str| {
        error::usage(format!("{what}: expected numbers, texts, truth values, lists and dictionaries"))
    };
    if depth > DEEPEST {
        return Err(error::usage(format!("{what}: too many lists and dictionaries within one another")));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let mut table = Table::new();
        for (key, value) in dict {
            let key: String = key.extract().map_err(|_| error::usage(format!("{what}: a key is a text")))?;
            if !value.is_none() {
                table.insert(key.clone(), within(&format!("{what}: `{key}`"), &value, depth + 1)?);
            }
        }
        return Ok(Value::Table(table));
    }
    if value.cast::<PyList>().is_ok() || value.cast::<PyTuple>().is_ok() {
        let items = value.try_iter()?.map(|item| within(what, &item?, depth + 1));
        return Ok(Value::Array(items.collect::<PyResult<_>>()?));
    }
    plain(value, depth)?.ok_or_else(|| refused(what))
}

/// A value of Python as one of TOML; none if there is no such.
fn plain(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Option<Value>> {
    if depth > DEEPEST {
        return Ok(None);
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(Some(Value::Boolean(truth.is_true())));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(Value::from(text.to_str()?)));
    }
    if value.cast::<PyInt>().is_ok() {
        let whole: i64 =
            value.extract().map_err(|_| error::usage(format!("{value} is too large a number")))?;
        return Ok(Some(Value::Integer(whole)));
    }
    if value.cast::<PyFloat>().is_ok() {
        return Ok(Some(Value::Float(value.extract()?)));
    }
    if value.cast::<PyList>().is_ok() || value.cast::<PyTuple>().is_ok() {
        let mut items = Vec::new();
        for item in value.try_iter()? {
            match plain(&item?, depth + 1)? {
                Some(Value::Array(_)) | None => return Ok(None),
                Some(item) => items.push(item),
            }
        }
        return Ok(Some(Value::Array(items)));
    }
    // Numbers of numpy.
    let item = value.call_method0("item");
    match item {
        Ok(item) if !item.is(value) && (item.cast::<PyInt>().is_ok() || item.cast::<PyFloat>().is_ok()) => {
            plain(&item, depth + 1)
        }
        _ => Ok(None),
    }
}
