//! How the command line is started from this interpreter.

use pyo3::prelude::*;

use crate::error;

/// Tells the library that `python -m wr2l` is the command line: this process's own file is the interpreter.
///
/// `-P` keeps the working folder out of the path, where a folder of that name may lie.
pub(crate) fn say(py: Python<'_>) -> PyResult<()> {
    let executable: Option<String> = py.import("sys")?.getattr("executable")?.extract()?;
    let Some(executable) = executable.filter(|file| !file.is_empty()) else {
        return Err(error::broken("sys.executable does not say how Python is started, so no run can be"));
    };
    wr2l::started_by([&executable, "-P", "-m", "wr2l"].map(str::to_owned).to_vec());
    Ok(())
}
