//! The published tables, and the pages that quote them, name what the experiments ran.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files below `folder` whose names end in `.extension`, in order.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// Cells of a line of CSV, some of them quoted; no cell has a line break.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

/// The rows of a CSV file, each with its cells by the names of their columns.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = read(path);
    let mut lines = text.lines();
    let header = cells(lines.next().unwrap_or_default());
    lines.map(|line| header.iter().cloned().zip(cells(line)).collect()).collect()
}

/// Names of the methods in a file's column `method`, each once, in order; an empty cell is that of the row above.
fn methods(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in rows(path) {
        let name = &row["method"];
        if !name.is_empty() && !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// Names of an experiment's `[[method]]` or `[[evaluation]]` sections.
fn sections(experiment: &Path, kind: &str) -> Vec<String> {
    let table: toml::Table = read(experiment).parse().unwrap();
    let list = table.get(kind).and_then(|list| list.as_array()).cloned().unwrap_or_default();
    list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_published_table_has_the_methods_of_its_experiment() {
    let paper = root().join("docs/results/paper");
    let beyond = root().join("docs/results/beyond");
    let mut tables = 0;
    let own = files(&root().join("experiments"), "toml").into_iter().map(|path| (path, paper.clone()));
    let others = files(&beyond, "toml").into_iter().map(|path| {
        let folder = path.parent().unwrap().to_owned();
        (path, folder)
    });
    for (experiment, folder) in own.chain(others) {
        let expected = sections(&experiment, "method");
        for evaluation in sections(&experiment, "evaluation") {
            let name = format!("{}-{evaluation}.csv", stem(&experiment));
            for kind in ["results", "statistics"] {
                let table = folder.join(kind).join(&name);
                if table.exists() {
                    assert_eq!(methods(&table), expected, "{}", table.display());
                    tables += 1;
                }
            }
        }
        let curves = folder.join("curves").join(format!("{}.csv", stem(&experiment)));
        if curves.exists() {
            assert_eq!(methods(&curves), expected, "{}", curves.display());
        }
    }
    assert!(tables > 60, "{tables} tables were found");
}

/// What a page writes, `1,234 [-5, 1,300]`, as numbers.
fn numbers(cell: &str) -> Vec<f64> {
    let cell = cell.replace([',', '*'], "");
    cell.split(['[', ']', ' ']).filter(|part| !part.is_empty()).map(|part| part.parse().unwrap()).collect()
}

/// The table that a section of the reproduction quotes: that of the figure above it, or of drawn actions.
#[test]
fn every_row_of_the_reproduction_is_that_of_the_published_statistics() {
    let statistics = root().join("docs/results/paper/statistics");
    let find = |table: &str, method: &str, measure: &str| {
        let all = rows(&statistics.join(format!("{table}.csv")));
        let row = all.into_iter().find(|row| row["method"] == method && row["measure"] == measure);
        row.unwrap_or_else(|| panic!("{table} has no `{method}`"))
    };
    let page = read(&root().join("docs/reproduction.md"));
    let (mut table, mut header, mut checked) = (String::new(), Vec::new(), 0);
    for line in page.lines().take_while(|line| !line.starts_with("## The same policies on MuJoCo")) {
        if let Some(figure) = line.split("paper/figures/").nth(1).and_then(|rest| rest.split(".svg").next()) {
            table = figure.to_owned();
        } else if line.starts_with("With actions drawn from the policy") {
            table += "-drawn";
        }
        let row: Vec<&str> = line.trim_matches(['|', ' ']).split('|').map(str::trim).collect();
        match row[0] {
            _ if !line.starts_with('|') => header.clear(),
            "method" => header = row.iter().map(|&name| name.to_owned()).collect(),
            method if !header.is_empty() && !method.starts_with("---") => {
                for (column, cell) in header.iter().zip(&row).skip(1) {
                    let (table, measure) = match column.as_str() {
                        "nominal" | "mean" | "worst" => (table.clone(), column.as_str()),
                        "CVaR₁₀" => (table.clone(), "cvar10"),
                        // All measures of what a search found are system 0's return.
                        "worst found" => (
                            format!("{}-worst", table.trim_end_matches("-grid").trim_end_matches("-random")),
                            "mean",
                        ),
                        _ => continue,
                    };
                    let row = find(&table, method, measure);
                    let published =
                        ["iqm", "iqm_low", "iqm_high"].map(|name| row[name].parse::<f64>().unwrap());
                    for (quoted, published) in numbers(cell).into_iter().zip(published) {
                        // Statistics are kept with four digits.
                        let slack = 0.5 + 6e-4 * published.abs();
                        assert!((quoted - published).abs() <= slack, "{table}, {method}, {column}: {cell}");
                        checked += 1;
                    }
                }
            }
            _ => {}
        }
    }
    assert!(checked > 1000, "{checked} numbers were compared");
}
