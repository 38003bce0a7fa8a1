//! What the pages of results say is what their tables hold.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    // Asked for when it runs: in a moved checkout, what was built before the move still runs.
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
    Path::new(&here).parent().expect("xtask is a folder of the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cells of a line of CSV; a quoted cell may have commas.
fn cells(line: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => found.push(String::new()),
            _ => found.last_mut().expect("there is a first cell").push(c),
        }
    }
    found
}

/// An estimate with the ends of its interval.
type Interval = [f64; 3];

/// The interquartile means of a table of statistics, and its shares of pairs of runs in percent.
fn intervals(csv: &str) -> (Vec<Interval>, Vec<Interval>) {
    let mut lines = csv.lines().map(cells);
    let head = lines.next().expect("a table has a head");
    let (mut means, mut shares) = (Vec::new(), Vec::new());
    for row in lines {
        for (at, name) in head.iter().enumerate().filter(|(at, _)| at + 2 < head.len()) {
            let triple = [at, at + 1, at + 2].map(|at| row[at].parse().unwrap_or(f64::NAN));
            if name == "iqm" {
                means.push(triple);
            } else if name.starts_with("better_than_") && head[at + 1].ends_with("_low") {
                shares.push(triple.map(|share| 100.0 * share));
            }
        }
    }
    (means, shares)
}

fn number(text: &str) -> Option<f64> {
    text.trim_matches('*').replace(',', "").parse().ok()
}

/// Every `N [L, H]` and `N % [L, H]` of a text, and whether it has the percent sign.
fn stated(text: &str) -> Vec<(Interval, bool)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('[') {
        let Some((low, high)) = text[at + 1..].split(']').next().and_then(|inside| inside.split_once(", "))
        else {
            continue;
        };
        let before = text[..at].trim_end();
        let share = before.ends_with('%');
        let estimate = before.trim_end_matches('%').split_whitespace().last().unwrap_or_default();
        let estimate = estimate.trim_start_matches(['(', '|']);
        if let (Some(estimate), Some(low), Some(high)) = (number(estimate), number(low), number(high)) {
            found.push(([estimate, low, high], share));
        }
    }
    found
}

/// The tables of statistics that a page links to.
fn linked_statistics(page: &Path, text: &str) -> Vec<PathBuf> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let tables = links.filter(|link| link.contains("/statistics/") && link.ends_with(".csv"));
    tables.map(|link| page.with_file_name("").join(link)).collect()
}

#[test]
fn every_interval_on_the_page_of_results_is_a_row_of_the_tables_that_it_links() {
    let page = root().join("docs/beyond-the-paper.md");
    let text = read(&page);
    let (mut means, mut shares) = (Vec::new(), Vec::new());
    for table in linked_statistics(&page, &text) {
        let (of_this, pairs) = intervals(&read(&table));
        means.extend(of_this);
        shares.extend(pairs);
    }
    let stated = stated(&text);
    assert!(stated.len() > 100, "{} intervals were found", stated.len());
    // Tables have four digits, and half of a unit may have been rounded either way.
    let is = |row: &Interval, said: &Interval| row.iter().zip(said).all(|(a, b)| (a - b).abs() <= 0.501);
    let unknown: Vec<_> = stated
        .iter()
        .filter(|(said, share)| !if *share { &shares } else { &means }.iter().any(|row| is(row, said)))
        .collect();
    assert!(unknown.is_empty(), "in no table that the page links: {unknown:?}");

    // Rows of the reproduction stand there without intervals.
    let rows = text.lines().filter(|line| line.starts_with('|') && line.contains('‡'));
    let cells: Vec<f64> =
        rows.flat_map(|row| row.split('|').skip(3).filter_map(|c| number(c.trim()))).collect();
    assert!(cells.len() >= 27, "{} cells were found", cells.len());
    let is_mean = |said: f64| means.iter().any(|row| (row[0] - said).abs() <= 0.501);
    let unknown: Vec<_> = cells.into_iter().filter(|cell| !is_mean(*cell)).collect();
    assert!(unknown.is_empty(), "in no table that the page links: {unknown:?}");
}

/// Every table of statistics in the repository.
fn all_statistics(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            all_statistics(&path, found);
        } else if folder.ends_with("statistics") && path.extension().is_some_and(|e| e == "csv") {
            found.push(path);
        }
    }
}

/// The log quotes tables of several studies, and does not link each where it quotes it.
#[test]
fn every_interval_in_the_log_is_a_row_of_some_table() {
    let mut tables = Vec::new();
    all_statistics(&root().join("docs/results"), &mut tables);
    let (mut means, mut shares) = (Vec::new(), Vec::new());
    for table in tables {
        let (of_this, pairs) = intervals(&read(&table));
        means.extend(of_this);
        shares.extend(pairs);
    }
    // By `hopper-11.csv`, which has the runs and no statistics.
    means.push([730.0, 453.0, 932.0]);
    let mut checked = 0;
    for page in ["training", "noise", "radius"] {
        let text = read(&root().join(format!("docs/appendix/{page}.md")));
        for (said, share) in stated(&text) {
            let rows = if share { &shares } else { &means };
            let known = rows.iter().any(|row| row.iter().zip(&said).all(|(a, b)| (a - b).abs() <= 0.501));
            assert!(known, "{page}.md: {said:?} is in no table of statistics");
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked} intervals were found");
}

#[test]
fn an_interval_is_read_with_thousands_bold_and_percent() {
    let text = "| **2,217** [2,053, 2,329] | 99 [-64, 379] and wins (37 % [14, 62]) of [these, those]";
    let expected =
        [([2217.0, 2053.0, 2329.0], false), ([99.0, -64.0, 379.0], false), ([37.0, 14.0, 62.0], true)];
    assert_eq!(stated(text), expected);
}
