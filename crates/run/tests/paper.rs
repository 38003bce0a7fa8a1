//! `--paper` is what `docs/methods/paper.md` says, whole.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};
use wr2l_run::{Layer, Plan};
use wr2l_sim::TaskName;

fn flat(table: &Table, prefix: &str) -> Vec<(String, String)> {
    table
        .iter()
        .flat_map(|(name, value)| match value {
            Value::Table(inner) => flat(inner, &format!("{prefix}{name}.")),
            value => vec![(format!("{prefix}{name}"), value.to_string().replace('"', ""))],
        })
        .collect()
}

/// What each option is set to: one value where all tasks have the same, else the tasks' own.
fn resolved() -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, Vec<(TaskName, String)>> = BTreeMap::new();
    for task in TaskName::ALL {
        let layers = [("task", task.as_str()), ("algorithm", "wr2l-paper")];
        let layers = layers.map(|(key, value)| Layer::argument("", key, value));
        let plan = Plan::resolve(&layers).unwrap();
        for (key, value) in flat(&plan.to_toml().parse().unwrap(), "") {
            values.entry(key).or_default().push((task, value));
        }
    }
    let one = |values: Vec<(TaskName, String)>| match values.split_first() {
        Some(((_, first), rest))
            if rest.len() + 1 == TaskName::ALL.len() && rest.iter().all(|(_, v)| v == first) =>
        {
            format!("`{first}`")
        }
        _ => values.iter().map(|(task, value)| format!("{task} `{value}`")).collect::<Vec<_>>().join(", "),
    };
    values.into_iter().map(|(key, values)| (key, one(values))).collect()
}

#[test]
fn the_page_states_every_option_of_the_papers_plans() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/methods/paper.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let stated: BTreeMap<String, String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            assert_eq!(cells.len(), 6, "four columns: {row}");
            assert!(!cells[2].is_empty() && !cells[4].is_empty(), "what the paper says, and why: {row}");
            (cells[1].trim_matches('`').to_owned(), cells[3].to_owned())
        })
        .collect();
    let resolved = resolved();
    let wrong: Vec<String> = resolved
        .iter()
        .filter(|(key, value)| stated.get(*key) != Some(value))
        .map(|(key, value)| format!("{key}: {value}, and the page says {:?}", stated.get(key)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unknown: Vec<&String> = stated.keys().filter(|key| !resolved.contains_key(*key)).collect();
    assert!(unknown.is_empty(), "no option of the plans: {unknown:?}");
}
