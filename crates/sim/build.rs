//! Writes the tasks of `tasks/*.toml` and the models of `models/*.xml` into lists, and where MuJoCo's library is into whatever links it.

#[path = "rpath.rs"]
mod rpath;

use std::fmt::Write as _;
use std::path::Path;

/// Where the tasks are.
const TASKS: &str = "tasks";
/// Where the models are.
const MODELS: &str = "models";

fn main() {
    rpath::main();
    for file in ["build.rs", "rpath.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut tasks: Vec<(usize, String)> =
        names(TASKS, ".toml").into_iter().map(|name| (rank(&name), name)).collect();
    tasks.sort();
    let tasks: Vec<String> = tasks.into_iter().map(|(_, name)| name).collect();
    write("models.rs", list("MODELS", MODELS, &names(MODELS, ".xml"), ".xml"));
    write("tasks.rs", list("FILES", TASKS, &tasks, ".toml") + &constants(&tasks));
}

/// The files of a folder whose names end so, in order, without the ending.
fn names(folder: &str, ending: &str) -> Vec<String> {
    println!("cargo::rerun-if-changed={folder}");
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let name = |entry: std::fs::DirEntry| Some(entry.file_name().to_str()?.strip_suffix(ending)?.to_owned());
    let mut names: Vec<String> = entries.filter_map(|entry| name(entry.ok()?)).collect();
    names.sort();
    names
}

/// Rust that lists names and texts of files.
fn list(constant: &str, folder: &str, names: &[String], ending: &str) -> String {
    let at = std::env::current_dir().expect("cargo sets the folder").join(folder);
    let mut out = format!("const {constant}: [(&str, &str); {}] = [\n", names.len());
    for name in names {
        let path = at.join(format!("{name}{ending}"));
        println!("cargo::rerun-if-changed={}", path.display());
        writeln!(out, "    ({name:?}, include_str!({path:?})),").expect("a string takes everything");
    }
    out + "];\n"
}

/// Rust that has a constant for each task, and a list of them.
fn constants(tasks: &[String]) -> String {
    let constants: Vec<String> = tasks.iter().map(|name| name.to_uppercase().replace('-', "_")).collect();
    let all: Vec<String> = constants.iter().map(|constant| format!("Self::{constant}")).collect();
    let mut out = "impl TaskName {\n    /// All tasks, from the simplest to the hardest.\n".to_owned();
    writeln!(out, "    pub const ALL: [Self; {}] = [{}];", tasks.len(), all.join(", ")).expect("likewise");
    for (name, constant) in tasks.iter().zip(&constants) {
        writeln!(out, "    /// `tasks/{name}.toml`.\n    pub const {constant}: Self = Self({name:?});")
            .expect("likewise");
    }
    out + "}\n"
}

fn write(name: &str, text: String) {
    let target = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&target).join(name), text).expect("OUT_DIR can be written");
}

/// A task's place in lists, as its file says (`order = N`, on a line of its own above the first section).
fn rank(name: &str) -> usize {
    let text = std::fs::read_to_string(format!("{TASKS}/{name}.toml")).unwrap_or_default();
    let order =
        text.lines().take_while(|line| !line.starts_with('[')).find_map(|line| line.strip_prefix("order = "));
    order.and_then(|order| order.trim().parse().ok()).unwrap_or(usize::MAX)
}
