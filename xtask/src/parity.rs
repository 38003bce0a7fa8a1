//! What the real Gymnasium does, for the tests that compare our tasks with it; and the Python that has it, for those that
//! ask other libraries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mujoco::made_here;
use crate::process::{self, Failure};
use crate::python;

/// The environment variable that tells the tests where the answers are.
pub(crate) const FIXTURES: &str = "WR2L_PARITY_FIXTURES";

/// The environment variable that tells the tests which Python has what `parity.txt` asks for.
pub(crate) const PYTHON: &str = "WR2L_PYTHON";

/// Asks Gymnasium, and returns the folder with its answers.
pub(crate) fn fixtures(root: &Path) -> Result<PathBuf, Failure> {
    let python = environment(root)?;
    let answers = made_here(root).join("parity");
    let unwritable = |error| Failure(format!("{} cannot be written: {error}", answers.display()));
    if answers.exists() {
        fs::remove_dir_all(&answers).map_err(unwritable)?;
    }
    fs::create_dir_all(&answers).map_err(unwritable)?;
    let generator = root.join("crates/sim/tests/parity/generate.py");
    process::run(Command::new(python).arg(generator).arg(&answers))?;
    Ok(answers)
}

/// The Python of a virtual environment with what `parity.txt` asks for; made on the first call.
pub(crate) fn environment(root: &Path) -> Result<PathBuf, Failure> {
    const REQUIREMENTS: &str = include_str!("../parity.txt");
    let folder = made_here(root).join("python");
    let python = folder.join("bin/python");
    // Written last: what it holds is what is installed.
    let marker = folder.join("installed.txt");
    let installed = fs::read_to_string(&marker).is_ok_and(|installed| installed == REQUIREMENTS);
    if installed
        && Command::new(&python).arg("--version").output().is_ok_and(|output| output.status.success())
    {
        return Ok(python);
    }

    let mut venv = python::with_pip("run the Gymnasium that the tests compare with")?;
    const OLD: &str = "import sys; sys.exit(sys.version_info < (3, 10))";
    python::run_script(OLD, &[]).map_err(|_| {
        Failure("python3 is older than 3.10, which Gymnasium needs: install a newer one".into())
    })?;
    eprintln!("Installing Gymnasium into {}", folder.display());
    let output = venv.args(["-m", "venv", "--clear"]).arg(&folder).output();
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
    python::run_pip(pip.arg(root.join("xtask/parity.txt")))?;
    fs::write(&marker, REQUIREMENTS)
        .map_err(|error| Failure(format!("{} cannot be written: {error}", marker.display())))?;
    Ok(python)
}
