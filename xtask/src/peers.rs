//! `cargo xtask bench-peers`: our speed beside that of others, measured in one run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::folders;
use crate::process::{self, Failure, cargo};
use crate::{mujoco, python};

/// Rounds, and seconds of a measurement, where the user does not say otherwise.
const ROUNDS: &str = "5";
const SECONDS: &str = "0.3";

/// Installs the others into a virtual environment of their own, builds `wr2l`, and measures both. `only`: parts of
/// names of measurements; all if empty.
pub(crate) fn run(root: &Path, only: &[&str]) -> Result<(), Failure> {
    const REQUIREMENTS: &str = include_str!("../peers.txt");
    let file = root.join("xtask/peers.txt");
    let python = python::environment(
        &folders::made_here(root).join("peers"),
        &file,
        REQUIREMENTS,
        "measure the others",
    )?;
    mujoco::set_up(root)?;
    let wr2l = build(root)?;
    let script = root.join("xtask/peers/compare.py");
    process::run(Command::new(python).arg(script).arg(wr2l).args([ROUNDS, SECONDS]).args(only))
}

/// Builds `wr2l` and returns the program.
fn build(root: &Path) -> Result<PathBuf, Failure> {
    let mut command = cargo(root);
    command.current_dir(root).args(["build", "--release", "--package", "wr2l", "--features", "mujoco"]);
    command.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    let output = command.output().map_err(|error| process::did_not_start(&command, &error))?;
    let messages = String::from_utf8_lossy(&output.stdout);
    match program(&messages) {
        Some(path) if output.status.success() => Ok(path.into()),
        _ => Err(Failure(format!("`{}` failed", process::written(&command)))),
    }
}

/// The program that cargo's messages say was made last.
fn program(messages: &str) -> Option<&str> {
    let (_, rest) = messages.rsplit_once("\"executable\":\"")?;
    rest.split_once('"').map(|(path, _)| path)
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","executable":null}
{"reason":"compiler-artifact","executable":"/target/release/wr2l","fresh":true}
{"reason":"build-finished","success":true}"#;
        assert_eq!(program(messages), Some("/target/release/wr2l"));
        assert_eq!(program(""), None);
    }
}
