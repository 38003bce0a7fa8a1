use std::path::{Path, PathBuf};

use clap::Parser;

use super::Cli;

/// All pages that are for reading: README and the book.
fn pages() -> Vec<PathBuf> {
    fn add(folder: &Path, pages: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, pages);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md")];
    add(&root.join("docs"), &mut pages);
    pages
}

/// What starts a `wr2l` with the arguments behind it.
const STARTED_BY: [&str; 5] =
    ["wr2l ", "wr2l-mpi ", "target/release/wr2l ", "cargo xtask run ", "cargo run --release -- "];

/// The arguments of a line that starts a `wr2l`, whatever stands before it: `mpirun`, `srun`, a variable.
fn arguments(line: &str) -> Option<&str> {
    let begins = |at: usize| at == 0 || matches!(line.as_bytes()[at - 1], b' ' | b'/');
    let places = STARTED_BY.iter().filter_map(|program| {
        line.match_indices(program).find(|(at, _)| begins(*at)).map(|(at, _)| &line[at + program.len()..])
    });
    places.min_by_key(|rest| rest.len())
}

/// The commands in a page's code, a line each, without comments and placeholders.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut code = false;
    let joined = text.replace("\\\n", " ");
    for line in joined.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if code
            && let Some(command) = arguments(line.trim_start().split('#').next().unwrap_or_default())
        {
            let command = command.trim().trim_end_matches(['&', ';']);
            let placeholder = |c: char| "…<>[]|{}$()".contains(c);
            // What a command prints is aligned, or a sentence.
            let printed = command.trim().contains("  ") || command.contains(" on ");
            if !command.contains(placeholder) && !printed {
                commands.push(command.replace('\'', "").trim().to_owned());
            }
        }
    }
    commands
}

#[test]
fn every_command_in_the_pages_is_one() {
    let mut count = 0;
    for page in pages() {
        for command in commands(&std::fs::read_to_string(&page).unwrap()) {
            let words = std::iter::once("wr2l").chain(command.split_whitespace());
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{}: wr2l {command}\n{error}", page.display());
            }
            count += 1;
        }
    }
    assert!(count > 10, "they are found: {count}");
}
