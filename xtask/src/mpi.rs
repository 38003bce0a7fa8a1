//! The launcher of jobs on several machines, `crates/mpi`: an MPI to build it with, and its tests.
//!
//! It is a workspace of its own, because nothing else needs an MPI.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folders::made_here;
use crate::mujoco;
use crate::process::{self, Failure, cargo};
use crate::python;

/// What finds the MPI to build with: the compiler's wrapper of any. Where the user has set it, it is theirs.
const WRAPPER: &str = "MPICC";

/// The MPI that is there, or one from the package index, and what else the crate is built with.
struct Mpi {
    variables: Vec<(&'static str, OsString)>,
    /// `mpirun`.
    launcher: PathBuf,
}

impl Mpi {
    fn set_up(root: &Path) -> Result<Self, Failure> {
        const REQUIREMENTS: &str = include_str!("../mpi.txt");
        let place = made_here(root).join("mpi");
        let listed = root.join("xtask/mpi.txt");
        let python = python::environment(&place, &listed, REQUIREMENTS, "run on several machines by MPI")?;
        let clang = answer(Command::new(&python).args(["-c", LIBCLANG]))?;
        let headers = answer(Command::new("cc").arg("-print-file-name=include"))?;
        let mut variables = vec![
            ("LIBCLANG_PATH", clang.into()),
            // Clang's library comes without the compiler's own headers.
            ("BINDGEN_EXTRA_CLANG_ARGS", format!("-I{headers}").into()),
        ];
        let launcher = match env::var_os(WRAPPER) {
            Some(wrapper) => Path::new(&wrapper).with_file_name("mpirun"),
            None => {
                set(&place.join("etc/openmpi-mca-params.conf"), DEFAULTS)?;
                variables.push((WRAPPER, place.join("bin/mpicc").into()));
                place.join("bin/mpirun")
            }
        };
        Ok(Self { variables, launcher })
    }

    fn cargo(&self, root: &Path, subcommand: &str) -> Command {
        let mut command = cargo(root);
        command.current_dir(root).args([subcommand, "--locked", "--manifest-path", "crates/mpi/Cargo.toml"]);
        command
            .args(["--target-dir", "target/mpi"])
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What the MPI that is fetched does unless it is told otherwise. Open MPI's transport `btl/ofi`, which carries no messages
/// between two sides, sleeps for a second when it finds no network of its kind.
const DEFAULTS: &str = "btl = ^ofi\n";

/// Writes a file that holds something else.
fn set(file: &Path, text: &str) -> Result<(), Failure> {
    if fs::read_to_string(file).is_ok_and(|found| found == text) {
        return Ok(());
    }
    fs::write(file, text).map_err(|error| Failure(format!("{} cannot be written: {error}", file.display())))
}

const LIBCLANG: &str = "import clang, os; print(os.path.join(os.path.dirname(clang.__file__), 'native'))";

/// What a command prints.
fn answer(command: &mut Command) -> Result<String, Failure> {
    let output = command.output().map_err(|error| process::did_not_start(command, &error))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(Failure(format!("`{}` failed", process::written(command)))),
    }
}

/// Builds `wr2l` with MuJoCo, whose robots are what wants several machines, and the launcher, optimised, and says how to use them.
pub(crate) fn build(root: &Path) -> Result<(), Failure> {
    mujoco::set_up(root)?;
    let mpi = Mpi::set_up(root)?;
    let mut wr2l = cargo(root);
    process::run(wr2l.current_dir(root).args([
        "build",
        "--release",
        "--package",
        "wr2l",
        "--features",
        "mujoco",
    ]))?;
    process::run(mpi.cargo(root, "build").arg("--release"))?;
    let [wr2l, launcher] = ["target/release/wr2l", "target/mpi/release/wr2l-mpi"].map(|path| root.join(path));
    println!("WR2L={} {} -n 2 {} train …", wr2l.display(), mpi.launcher.display(), launcher.display());
    Ok(())
}

/// Lints the launcher and runs its tests, with a `wr2l` as the other tests have it.
pub(crate) fn test(root: &Path, announce: &dyn Fn(&str, &Command)) -> Result<(), Failure> {
    let mpi = Mpi::set_up(root)?;
    let mut wr2l = cargo(root);
    wr2l.current_dir(root).args(["build", "--package", "wr2l", "--all-features"]);
    let mut format = cargo(root);
    format.current_dir(root).args(["fmt", "--manifest-path", "crates/mpi/Cargo.toml", "--check"]);
    let mut lints = mpi.cargo(root, "clippy");
    lints.args(["--all-targets", "--", "--deny", "warnings"]);
    let mut tests = mpi.cargo(root, "test");
    tests.env("WR2L", root.join("target/debug/wr2l")).env("MPIRUN", &mpi.launcher);
    let stages = [("wr2l", wr2l), ("format", format), ("lints", lints), ("tests over ranks", tests)];
    for (title, mut command) in stages {
        announce(&format!("MPI: {title}"), &command);
        process::run(&mut command)?;
    }
    Ok(())
}
