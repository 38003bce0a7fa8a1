//! Python: fetches the wheel that MuJoCo's library is in, and holds what the parity tests and the benchmarks compare
//! with.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{self, Failure};

/// `python3` from the path, with pip. `purpose` ends the words "needed to".
///
/// # Errors
/// When there is no Python 3 or it has no pip.
pub(crate) fn with_pip(purpose: &str) -> Result<Command, Failure> {
    let install = "install it (Debian, Ubuntu: `apt install python3-pip python3-venv`)";
    match Command::new("python3").args(["-m", "pip", "--version"]).output() {
        Ok(output) if output.status.success() => Ok(Command::new("python3")),
        Ok(_) => Err(Failure(format!("python3 has no pip, which is needed to {purpose}: {install}"))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Failure(format!("there is no python3, which is needed to {purpose}: {install}")))
        }
        Err(error) => Err(Failure(format!("python3, which is needed to {purpose}, does not start: {error}"))),
    }
}

/// The Python of the virtual environment in `folder`, with what the file `listed` asks for (its text is
/// `requirements`); made on the first call. `purpose` ends the words "needed to".
///
/// # Errors
/// When there is no suitable Python, or pip fails.
pub(crate) fn environment(
    folder: &Path,
    listed: &Path,
    requirements: &str,
    purpose: &str,
) -> Result<PathBuf, Failure> {
    let python = folder.join("bin/python");
    // Written last: what it holds is what is installed.
    let marker = folder.join("installed.txt");
    let installed = fs::read_to_string(&marker).is_ok_and(|installed| installed == requirements);
    if installed
        && Command::new(&python).arg("--version").output().is_ok_and(|output| output.status.success())
    {
        return Ok(python);
    }

    let mut venv = with_pip(purpose)?;
    const OLD: &str = "import sys; sys.exit(sys.version_info < (3, 11))";
    run_script(OLD, &[]).map_err(|_| {
        Failure("python3 is older than 3.11, which the package needs: install a newer one".into())
    })?;
    eprintln!("Installing what is needed to {purpose} into {}", folder.display());
    let output = venv.args(["-m", "venv", "--clear"]).arg(folder).output();
    let output = output.map_err(|error| process::did_not_start(&venv, &error))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        return Err(Failure(if said.contains("ensurepip") || said.contains("No module named venv") {
            "python3 has no venv: install it (Debian, Ubuntu: `apt install python3-venv`)".into()
        } else {
            format!("`{}` failed: {}", process::written(&venv), said.trim())
        }));
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--only-binary=:all:", "--retries=2", "--requirement"]);
    run_pip(pip.arg(listed))?;
    fs::write(&marker, requirements)
        .map_err(|error| Failure(format!("{} cannot be written: {error}", marker.display())))?;
    Ok(python)
}

/// Runs pip, its progress on standard error.
///
/// # Errors
/// When pip fails: one sentence from what it said.
pub(crate) fn run_pip(pip: &mut Command) -> Result<(), Failure> {
    // A user's own setting must not forbid what is not an installation into their system.
    let pip = pip.env("PIP_REQUIRE_VIRTUALENV", "0").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    let child = pip.stdin(Stdio::null()).stdout(io::stderr()).stderr(Stdio::piped()).spawn();
    let output = child
        .and_then(|child| child.wait_with_output())
        .map_err(|error| Failure(format!("pip does not start: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure(explain(&String::from_utf8_lossy(&output.stderr))))
}

/// Runs a few lines of Python.
///
/// # Errors
/// When they fail: the last line of what they said.
pub(crate) fn run_script(lines: &str, arguments: &[&OsStr]) -> Result<(), Failure> {
    let output = Command::new("python3").arg("-c").arg(lines).args(arguments).output();
    let output = output.map_err(|error| Failure(format!("python3 does not start: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure(explain(&String::from_utf8_lossy(&output.stderr))))
}

/// One sentence for what pip or a script wrote on standard error.
fn explain(said: &str) -> String {
    if said.contains("DO NOT MATCH THE HASHES") {
        return "what pip downloaded is not the file that this version of wr2l was tested with \
                (its hash differs): check the package index that pip is set to, and try again"
            .into();
    }
    // "none" is what pip concludes both from an index that it did not reach and from an empty one.
    if said.contains("(from versions: none)") || said.contains("Connection") || said.contains("timed out") {
        return "pip could not reach its package index: check the network, or pip's settings for a proxy or a \
                mirror, and try again"
            .into();
    }
    if said.contains("No matching distribution found") {
        return "the package index that pip is set to does not have a package that is needed here: set pip to \
                the public index, or to a mirror that is up to date"
            .into();
    }
    if said.contains("No space left on device") {
        return "the disk is full: make room and try again".into();
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
    format!("Python failed; it said: {last}")
}

#[cfg(test)]
mod tests {
    use super::explain;

    #[test]
    fn an_index_out_of_reach_and_one_without_the_version_are_told_apart() {
        let unreached = "ERROR: Could not find a version that satisfies the requirement mujoco==3.17.0 \
                         (from versions: none)\nERROR: No matching distribution found for mujoco==3.17.0\n";
        assert!(explain(unreached).contains("check the network"));
        assert!(explain(&unreached.replace("none", "3.1.0, 3.2.0")).contains("up to date"));
    }

    #[test]
    fn a_wrong_hash_is_named_and_what_is_unknown_is_quoted() {
        assert!(explain("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM").contains("hash differs"));
        assert!(explain("WARNING: a\nERROR: something new\n\n").ends_with("it said: ERROR: something new"));
        assert!(explain("").ends_with("it said: nothing"));
    }
}
