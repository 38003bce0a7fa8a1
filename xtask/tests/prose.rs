//! What holds of the book's pages as texts: they can be read by somebody in a hurry.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Words of a sentence, at most.
const LONGEST: usize = 40;

/// Pages that are not held to short sentences yet.
const EXEMPT: &[&str] = &["mutants.md", "results/"];

/// Pages whose tables still have numbers such as `2539`.
const WITHOUT_SEPARATORS: &[&str] = &["results/", "methods/paper.md", "own-robot.md", "settings.md"];

/// One word for one thing: what the first stands for is not called by the others.
const ONE_WORD: &[(&str, &[&str])] = &[
    ("run folder", &["run directory", "run-folder", "run dir "]),
    ("hyper-parameter", &["hyperparameter", "hyper parameter"]),
    ("time step", &["time-step"]),
    ("half-width", &["half width", "halfwidth"]),
    ("worst tenth", &["worst 10 %", "worst ten percent", "bottom tenth"]),
    ("HalfCheetah", &["Half-Cheetah", "Half Cheetah", "Halfcheetah"]),
    ("checkpoint", &["snapshot", "check-point"]),
];

fn docs() -> PathBuf {
    // Asked for when it runs: in a moved checkout, what was built before the move still runs.
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
    Path::new(&here).parent().expect("xtask is a folder of the workspace").join("docs")
}

/// Every page of the book with its text, by its path below `docs/`.
fn pages() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![docs()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(docs()).expect("it is below").to_string_lossy().into_owned();
                found.insert(name, fs::read_to_string(&path).expect("a page is text"));
            }
        }
    }
    assert!(found.len() > 30, "{} pages were found", found.len());
    found
}

fn is_among(page: &str, list: &[&str]) -> bool {
    list.iter().any(|item| page == *item || item.ends_with('/') && page.starts_with(item))
}

/// A page without its blocks of code.
fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().map(str::trim).filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !fence && !inside
    })
}

/// Paragraphs and items of lists, each as one line; no tables, headings and figures.
fn paragraphs(text: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in lines_of(text) {
        let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let item = line.strip_prefix("- ").or_else(|| number.strip_prefix(". ").filter(|_| number != line));
        if line.is_empty() || line.starts_with(['#', '|', '!', '<']) {
            found.push(String::new());
        } else if let Some(item) = item {
            found.push(item.to_owned());
        } else {
            let last = found.last_mut().expect("there is a first paragraph");
            *last += " ";
            *last += line;
        }
    }
    found.retain(|paragraph| !paragraph.is_empty());
    found
}

/// `paragraph` with every span of code as one word, and links without their targets.
fn as_spoken(paragraph: &str) -> String {
    let mut text = String::new();
    for (at, part) in paragraph.split('`').enumerate() {
        text += if at % 2 == 0 { part } else { "code" };
    }
    let mut parts = text.split("](");
    let mut spoken = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        spoken += part.split_once(')').map_or("", |(_, rest)| rest);
    }
    spoken
}

/// Sentences end with a full stop, a question mark, a colon or a semicolon before a space.
fn sentences(paragraph: &str) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    for word in as_spoken(paragraph).split_whitespace() {
        found.last_mut().expect("there is a first sentence").push(word.to_owned());
        if word.trim_end_matches([')', '*', '"', ']']).ends_with(['.', '?', '!', ':', ';']) {
            found.push(Vec::new());
        }
    }
    found
}

#[test]
fn no_sentence_of_a_page_is_longer_than_forty_words() {
    let mut long = Vec::new();
    let readme = fs::read_to_string(docs().with_file_name("README.md")).expect("there is a README");
    let own = pages().into_iter().filter(|(page, _)| !is_among(page, EXEMPT));
    for (page, text) in own.chain([("README.md".to_owned(), readme)]) {
        for sentence in paragraphs(&text).iter().flat_map(|paragraph| sentences(paragraph)) {
            if sentence.len() > LONGEST {
                long.push(format!("{page}: {} words: {}", sentence.len(), sentence.join(" ")));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn a_sentence_is_counted_without_code_targets_and_tables() {
    let text = "# A heading\n\nOne two [three four](a/b.md) `x y z`.\nFive six: seven.\n\n| a table | of words |\n\n- an item\n  goes on";
    let counted: Vec<usize> =
        paragraphs(text).iter().flat_map(|paragraph| sentences(paragraph)).map(|words| words.len()).collect();
    assert_eq!(counted, [5, 2, 1, 0, 4]);
}

#[test]
fn headings_of_a_page_are_told_apart() {
    for (page, text) in pages() {
        let mut seen = BTreeSet::new();
        for line in lines_of(&text).filter(|line| line.starts_with('#')) {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            assert!(seen.insert(heading), "{page}: `{line}` twice");
        }
        let titles = lines_of(&text).filter(|line| line.starts_with("# ")).count();
        assert_eq!(titles, 1, "{page} has one title");
    }
}

/// Whether a word of a cell is a number of four digits or more without separators. Links, dates, ranges of a sweep and names of
/// versions are none.
fn lacks_a_separator(word: &str) -> bool {
    let word = word.trim_matches(['*', '(', ')', '[', ']', ',', ';']);
    word.len() >= 4 && word.chars().all(|c| c.is_ascii_digit()) && !["2015", "2017", "2019"].contains(&word)
}

#[test]
fn numbers_of_tables_have_their_thousands_apart() {
    let mut found = Vec::new();
    for (page, text) in pages().into_iter().filter(|(page, _)| !is_among(page, WITHOUT_SEPARATORS)) {
        for line in lines_of(&text).filter(|line| line.starts_with('|')) {
            let bare = as_spoken(line).split(['|', ' ', '/']).any(lacks_a_separator);
            found.extend(bare.then(|| format!("{page}: {line}")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(lacks_a_separator("**2539**") && !lacks_a_separator("2,539") && !lacks_a_separator("-12"));
}

#[test]
fn one_thing_has_one_word() {
    let mut found = Vec::new();
    for (page, text) in pages() {
        let text: String = lines_of(&text).map(|line| as_spoken(line) + "\n").collect();
        for (word, others) in ONE_WORD {
            let used = others.iter().filter(|other| text.contains(**other));
            found.extend(used.map(|other| format!("{page}: `{other}` is called {word} elsewhere")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_page_is_in_the_contents_of_the_book() {
    let index = fs::read_to_string(docs().join("index.md")).expect("the book has an index");
    let mut listed = BTreeSet::new();
    for block in index.split("```{toctree}").skip(1).filter_map(|rest| rest.split("```").next()) {
        listed.extend(block.lines().map(|line| format!("{}.md", line.trim())));
    }
    let is_results = |page: &str| page.starts_with("results/") && page.ends_with("/README.md");
    for page in pages().keys().filter(|page| *page != "index.md" && !is_results(page)) {
        assert!(listed.contains(page), "docs/index.md does not list {page}");
    }
}
