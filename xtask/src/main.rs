//! Set-up and tests: `cargo xtask` without arguments tells what there is.
//!
//! This crate depends on nothing, so that it builds in seconds and before MuJoCo is there.
#![forbid(unsafe_code)]

mod book;
mod checks;
mod folders;
mod mpi;
mod mujoco;
mod package;
mod parity;
mod peers;
mod process;
mod python;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use process::{Failure, cargo};

const USAGE: &str = "\
Usage: cargo xtask <command>

  setup             fetch MuJoCo's library, once; after that `cargo build --features mujoco` works
  run ARGUMENTS     set up, build with MuJoCo, and run `wr2l ARGUMENTS`
  train TASK ...    the same as `cargo xtask run train TASK ...`
  test              set up, then everything that CI checks: format, lints, documentation, tests,
                    with those against the real Gymnasium
  test --thorough   also the slow tests
  book              build the book of docs/ into target/book, and check its links
  mpi               build what runs one training on several machines by MPI, with your MPI (`MPICC` names its
                    compiler) or with Open MPI from the package index
  bench-peers       set up, build with MuJoCo, and measure wr2l beside bare MuJoCo, EnvPool, PyTorch and
                    Stable-Baselines3; downloads several GB the first time
  bench-peers NAME  only measurements with NAME in their names, for example `update`
  fuzz [SECONDS]    give every reader of files hostile ones, for so long each [60]
  mutants CRATE K/N ...
                    change one thing at a time in `wr2l-CRATE`, the Kth of every N that can be changed
                    (from 0), and tell which changes no test of it notices; what follows is cargo-mutants' own
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = workspace();
    let done = match arguments.as_slice() {
        ["setup"] => mujoco::set_up(&root).map(|folder| println!("MuJoCo is ready in {}", folder.display())),
        ["train", ..] => wr2l(&root, &arguments),
        ["run", arguments @ ..] => wr2l(&root, arguments),
        ["test"] => checks::run(&root, false),
        ["test", "--thorough"] => checks::run(&root, true),
        ["book"] => book::build(&root).map(|pages| println!("{}", pages.join("index.html").display())),
        ["mpi"] => mpi::build(&root),
        ["bench-peers", only @ ..] => peers::run(&root, only),
        ["fuzz"] => checks::fuzz(&root, "60"),
        ["fuzz", seconds] => checks::fuzz(&root, seconds),
        ["mutants", name, shard, more @ ..] => checks::mutants(&root, name, shard, more),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace: the one above this crate's.
fn workspace() -> PathBuf {
    // Asked for when it runs: in a moved checkout, what was built before the move still runs.
    let here =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.parent().unwrap_or(&here).to_owned()
}

/// Becomes `wr2l` with these arguments, in the user's own folder.
fn wr2l(root: &Path, arguments: &[&str]) -> Result<(), Failure> {
    mujoco::set_up(root)?;
    let mut command = cargo(root);
    command
        .args(["run", "--release", "--package", "wr2l", "--features", "mujoco", "--manifest-path"])
        .arg(root.join("Cargo.toml"));
    process::become_command(command.arg("--").args(arguments))
}
