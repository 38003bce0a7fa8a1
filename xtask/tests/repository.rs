//! What holds for the repository as a whole and no compiler checks.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    // Asked for when it runs: in a moved checkout, what was built before the move still runs.
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the manifest is");
    Path::new(&here).parent().expect("xtask is a folder of the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Manifest of every crate, by the crate's folder.
fn manifests() -> BTreeMap<PathBuf, String> {
    let crates = fs::read_dir(root().join("crates")).expect("the workspace has crates");
    let folders = crates.map(|entry| entry.expect("a readable folder").path()).chain([root().join("xtask")]);
    folders.map(|folder| (folder.clone(), read(&folder.join("Cargo.toml")))).collect()
}

/// Every file that is part of the repository; none outside a git checkout.
fn tracked_files() -> Vec<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let listed = listed.map(|output| output.stdout).unwrap_or_default();
    let names = String::from_utf8(listed).expect("the repository's file names are UTF-8");
    names.split_terminator('\0').map(|name| root().join(name)).collect()
}

/// Spans of code that name a path of this repository, and the targets of relative links.
fn named_paths(markdown: &str) -> BTreeSet<&str> {
    let known = ["crates/", "xtask/", "build/", "docs/", "models/", "experiments/", ".cargo/", ".ci/"];
    let spans = markdown.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let spans = spans.filter(|span| known.iter().any(|folder| span.starts_with(folder)));
    let spans = spans.filter(|span| !span.contains([' ', '*', '<', '{']));
    let links = markdown.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    let links = links.filter(|link| !link.is_empty() && !link.contains("://"));
    spans.chain(links).collect()
}

#[test]
fn every_path_that_the_front_matter_names_exists() {
    let mut missing = Vec::new();
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = read(&root().join(page));
        let gone = named_paths(&text).into_iter().filter(|path| !root().join(path).exists());
        missing.extend(gone.map(|path| format!("{page}: {path}")));
    }
    assert!(missing.is_empty(), "named, but not there:\n{}", missing.join("\n"));
}

/// The name that a heading's link has on GitHub.
fn anchor(heading: &str) -> String {
    // A superscript is no digit there.
    let kept = |c: &char| c.is_alphabetic() || c.is_ascii_digit() || " -_".contains(*c);
    let kept = heading.trim().chars().filter(kept);
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Figures, tables, other pages and their sections.
#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut dead = Vec::new();
    let mut links = 0;
    for page in tracked_files().iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        let Ok(text) = fs::read_to_string(page) else { continue };
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in targets.filter(|link| !link.contains("://")) {
            links += 1;
            let (path, section) = link.split_once('#').unwrap_or((link, ""));
            let file = if path.is_empty() { page.clone() } else { page.with_file_name("").join(path) };
            let there = |file: &Path| {
                let text = read(file);
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                headings.any(|line| anchor(line.trim_start_matches('#')) == section)
            };
            if !file.exists() || !(section.is_empty() || there(&file)) {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "links to nothing:\n{}", dead.join("\n"));
    assert!(links > 100 || tracked_files().is_empty(), "{links} links were found");
}

#[test]
fn every_crate_uses_only_what_the_architecture_lets_it() {
    let architecture = read(&root().join("ARCHITECTURE.md"));
    for (folder, manifest) in manifests() {
        let name = folder.strip_prefix(root()).expect("a folder of the workspace").display().to_string();
        let row = architecture.lines().find(|line| line.contains(&format!("in `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for {name}"));
        let stated = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default().trim();
        if stated == "all above" {
            continue;
        }
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.lines().take_while(|line| !line.starts_with('['));
        let used = dependencies.filter_map(|line| line.strip_prefix("wr2l-")?.split(['.', ' ', '=']).next());
        for other in used {
            assert!(
                stated.split(", ").any(|name| name == other),
                "{name} uses {other}; ARCHITECTURE.md lets it use: {stated}"
            );
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for (folder, manifest) in manifests() {
        let inherits =
            manifest.contains("[lints]\nworkspace = true") || manifest.contains("lints.workspace = true");
        assert!(inherits, "{}: no `lints.workspace = true`", folder.display());
    }
}

#[test]
fn unsafe_code_is_forbidden_but_at_the_boundaries() {
    for folder in manifests().keys() {
        if ["crates/sim", "crates/planar", "crates/lanes", "crates/robot"]
            .iter()
            .any(|at| folder.ends_with(at))
        {
            continue;
        }
        for target in ["src/lib.rs", "src/main.rs"].map(|target| folder.join(target)) {
            let forbids = !target.exists() || read(&target).contains("#![forbid(unsafe_code)]");
            assert!(forbids, "{}: no `#![forbid(unsafe_code)]`", target.display());
        }
    }
}

/// Whoever depends on the crates `wr2l-sim` and `wr2l-lanes`, directly or not, links MuJoCo.
#[test]
fn every_crate_that_links_mujoco_tells_its_executables_where_the_library_is() {
    let manifests = manifests();
    let mut linking = BTreeSet::from(["wr2l-sim".to_owned(), "wr2l-lanes".to_owned()]);
    let depends = |manifest: &str, on: &str| {
        manifest
            .lines()
            .any(|line| line.strip_prefix(on).is_some_and(|rest| rest.starts_with(['.', ' ', '='])))
    };
    loop {
        let before = linking.len();
        for (folder, manifest) in &manifests {
            if linking.iter().any(|on| depends(manifest, on)) {
                let folder = folder.file_name().and_then(|name| name.to_str()).expect("a folder's name");
                linking.insert(if folder == "wr2l" { folder.to_owned() } else { format!("wr2l-{folder}") });
            }
        }
        if linking.len() == before {
            break;
        }
    }
    assert!(linking.contains("wr2l"), "the command line links MuJoCo: {linking:?}");
    for (folder, manifest) in &manifests {
        let name =
            manifest.lines().find_map(|line| line.strip_prefix("name = ")).expect("a crate has a name");
        let script = fs::read_to_string(folder.join("build.rs")).unwrap_or_default();
        let told = script.contains("MUJOCO_DYNAMIC_LINK_DIR") || script.contains("rpath::main()");
        assert_eq!(told, linking.contains(name.trim_matches('"')), "build script of {}", folder.display());
    }
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    // Each in two parts, so that this file does not find itself.
    let roots =
        [["/ro", "ot/"], ["/ho", "me/"], ["/Us", "ers/"], ["/wo", "rk/"], ["/tm", "p/"]].map(|x| x.concat());
    let mut found = Vec::new();
    for path in tracked_files() {
        // What is not UTF-8 is not text; what is deleted but not yet committed is not there.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            let absolute =
                |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_.-/$}~".contains(c));
            if roots.iter().any(|root| line.match_indices(root.as_str()).any(|(at, _)| absolute(at))) {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "absolute paths:\n{}", found.join("\n"));
}

/// The modules of a crate that the file of module `module` (its path within the crate) names.
fn named_modules(text: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let path: Vec<&str> = part
                .split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')
                .next()
                .unwrap_or_default()
                .split("::")
                .collect();
            let longest = (1..=path.len()).rev().map(|n| path[..n].join("::")).find(|p| modules.contains(p));
            found.extend(longest);
        }
    }
    found
}

#[test]
fn no_files_of_a_crate_import_each_other_in_circles() {
    let mut circles = Vec::new();
    for folder in manifests().into_keys() {
        let source = folder.join("src");
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let mut folders = vec![source.clone()];
        while let Some(at) = folders.pop() {
            for entry in fs::read_dir(&at).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let inside = path.strip_prefix(&source).expect("it is below").with_extension("");
                    let name = inside.to_string_lossy().replace('/', "::");
                    let name = name.strip_suffix("::mod").unwrap_or(&name).to_owned();
                    files.insert(name, read(&path));
                }
            }
        }
        let modules: BTreeSet<String> = files.keys().cloned().collect();
        let others = |name: &String, text: &str| {
            let mut named = named_modules(text, &modules);
            named.remove(name);
            named
        };
        let imports: BTreeMap<&String, BTreeSet<String>> =
            files.iter().map(|(name, text)| (name, others(name, text))).collect();
        // Files that import no file that is left, taken out one after the other, leave the circles.
        let mut left = imports;
        while let Some(free) = left
            .iter()
            .find(|(_, named)| named.iter().all(|other| !left.contains_key(other)))
            .map(|(name, _)| (*name).clone())
        {
            left.remove(&free);
        }
        if !left.is_empty() {
            let names: Vec<&str> = left.keys().map(|name| name.as_str()).collect();
            circles.push(format!("{}: among {}", folder.display(), names.join(", ")));
        }
    }
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}
