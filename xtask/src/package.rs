//! The Python package: built as a wheel, installed into a virtual environment, and tested there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folders::{FOLDER, made_here};
use crate::mujoco;
use crate::process::{self, Failure};
use crate::python;

/// Builds the package from what `cargo test` has built, installs it and runs its tests, those of its stubs among them.
pub(crate) fn test(root: &Path, announce: &dyn Fn(&str, &Command)) -> Result<(), Failure> {
    const REQUIREMENTS: &str = include_str!("../python.txt");
    let place = made_here(root).join("package");
    let requirements = root.join("xtask/python.txt");
    let purpose = "test the Python package";
    let python = python::environment(&place.join("environment"), &requirements, REQUIREMENTS, purpose)?;
    let wheel = wheel(root, &place, &python, announce)?;
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--force-reinstall"])
        .arg(wheel);
    announce("its installation", &install);
    python::run_pip(&mut install)?;
    // The tests are run where the sources of the package are not, so that what is installed is what is tested.
    let tests = root.join("python/tests");
    let commands: [(&str, &[&str]); 3] = [
        ("its stubs", &["-m", "mypy.stubtest", "wr2l._native"]),
        ("its types", &["-m", "mypy", "--package", "wr2l", "--config-file"]),
        ("its tests", &["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c"]),
    ];
    for (title, arguments) in commands {
        let mut command = Command::new(&python);
        command.args(arguments).current_dir(&place);
        if title != "its stubs" {
            command.arg(root.join("pyproject.toml"));
        }
        if title == "its tests" {
            command.arg(&tests);
        }
        announce(title, &command);
        process::run(&mut command)?;
    }
    Ok(())
}

/// Builds the wheel as `pip` would, but unoptimised and with the artefacts that are there.
fn wheel(
    root: &Path,
    place: &Path,
    python: &Path,
    announce: &dyn Fn(&str, &Command),
) -> Result<PathBuf, Failure> {
    let unwritable =
        |error: std::io::Error| Failure(format!("{} cannot be written: {error}", place.display()));
    let wheels = place.join("wheels");
    if wheels.exists() {
        fs::remove_dir_all(&wheels).map_err(unwritable)?;
    }
    fs::create_dir_all(&wheels).map_err(unwritable)?;
    let library = mujoco::set_up(root)?;
    let scripts = python.parent().unwrap_or(place);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(scripts.to_owned()).chain(std::env::split_paths(&path)));
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]);
    pip.args(["--config-settings", "build-args=--profile dev --locked", "--wheel-dir"])
        .arg(&wheels)
        .arg(root);
    pip.env(FOLDER, library);
    if let Ok(path) = path {
        pip.env("PATH", path);
    }
    announce("the Python package", &pip);
    python::run_pip(&mut pip)?;
    let mut found = fs::read_dir(&wheels).map_err(unwritable)?.flatten().map(|entry| entry.path());
    found.next().ok_or_else(|| Failure("pip left no wheel there".into()))
}
