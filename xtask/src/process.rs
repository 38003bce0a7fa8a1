//! Running other programs.

use std::env;
use std::fmt;
use std::path::Path;
use std::process::Command;

use crate::folders;

/// One sentence: what is wrong and what to do about it.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure(pub(crate) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Cargo, called as the user would call it: without what the cargo that runs this program has added to the
/// environment. Build scripts would take an added variable for a change and build everything again.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    for (name, value) in env::vars_os() {
        let added = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || (name == folders::FOLDER && Path::new(&value) == folders::own_folder(root))
        });
        if added {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command whose own output tells what is wrong when it fails.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| did_not_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("`{}` failed ({status})", written(command)))) }
}

/// Replaces this process, so that signals and the exit code are the command's own.
#[cfg(unix)]
pub(crate) fn become_command(command: &mut Command) -> Result<(), Failure> {
    let error = std::os::unix::process::CommandExt::exec(command);
    Err(did_not_start(command, &error))
}

/// Runs the command and ends with its exit code.
#[cfg(not(unix))]
pub(crate) fn become_command(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| did_not_start(command, &error))?;
    std::process::exit(status.code().unwrap_or(1))
}

/// The command as one would type it.
pub(crate) fn written(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy());
    words.collect::<Vec<_>>().join(" ")
}

pub(crate) fn did_not_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure(format!("`{}` did not start: {error}", written(command)))
}
