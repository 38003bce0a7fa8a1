//! What the real Gymnasium does, for the tests that compare our tasks with it; and the Python that has it, for those that
//! ask other libraries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folders::made_here;
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
    let file = root.join("xtask/parity.txt");
    let purpose = "run the Gymnasium that the tests compare with";
    python::environment(&made_here(root).join("python"), &file, REQUIREMENTS, purpose)
}
