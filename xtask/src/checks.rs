//! `cargo xtask test`: all that the project promises, one stage after the other.

use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::process::{self, Failure, cargo};
use crate::{book, mpi, mujoco, package, parity};

/// Runs every stage and stops at the first that fails.
pub(crate) fn run(root: &Path, thorough: bool) -> Result<(), Failure> {
    let start = Instant::now();
    let cargo = |arguments: &[&str]| {
        let mut command = cargo(root);
        command.current_dir(root).args(arguments);
        command
    };
    mujoco::set_up(root)?;

    stage("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    stage(
        "lints",
        &mut cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "--deny", "warnings"]),
    )?;
    // What everybody builds first, and nothing else does.
    stage(
        "a build without MuJoCo",
        &mut cargo(&["clippy", "--package", "wr2l", "--", "--deny", "warnings"]),
    )?;
    let mut documentation = cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
    stage("documentation", documentation.env("RUSTDOCFLAGS", "--deny warnings"))?;

    println!("\n== the book, and the links within it");
    book::build(root)?;

    println!("\n== what Gymnasium does, for the parity tests");
    let fixtures = parity::fixtures(root)?;

    // The examples come first, so that the output ends with the tests.
    let everything: [(_, &[&str]); 2] = [
        ("examples in the documentation", &["--doc"]),
        ("tests", &["--lib", "--bins", "--tests", "--examples"]),
    ];
    let mut total = Total::default();
    let mut failure = None;
    for (title, targets) in everything {
        let mut command = cargo(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
        command
            .args(targets)
            .env(parity::FIXTURES, &fixtures)
            .env(parity::PYTHON, parity::environment(root)?);
        if thorough {
            command.env("WR2L_THOROUGH", "1");
        }
        failure = count(title, &mut command, &mut total)?.or(failure);
    }
    package::test(root, &|title, command| println!("\n== {title}: {}", process::written(command)))?;
    mpi::test(root, &|title, command| println!("\n== {title}: {}", process::written(command)))?;
    println!("\nEverything took {} s.", start.elapsed().as_secs());
    println!("tests: {} passed, {} failed, {} skipped", total.passed, total.failed, total.ignored);
    failure.map_or(Ok(()), Err)
}

/// Gives every reader of files hostile ones, for so many seconds each.
pub(crate) fn fuzz(root: &Path, seconds: &str) -> Result<(), Failure> {
    if !seconds.parse::<f64>().is_ok_and(|seconds| seconds > 0.0 && seconds.is_finite()) {
        return Err(Failure(format!("`{seconds}` is no number of seconds")));
    }
    let mut command = cargo(root);
    command.current_dir(root).env("WR2L_FUZZ_SECONDS", seconds);
    command.args(["test", "--package", "wr2l-run", "--test", "hostile", "--", "--nocapture"]);
    process::run(&mut command)
}

/// Tells which changes of one crate its own tests do not notice; `more` goes to cargo-mutants.
pub(crate) fn mutants(root: &Path, name: &str, shard: &str, more: &[&str]) -> Result<(), Failure> {
    let mut command = cargo(root);
    command.current_dir(root).args(["mutants", "--package", &format!("wr2l-{name}"), "--profile", "mutants"]);
    command.args(["--shard", shard, "--sharding", "round-robin"]).args(more);
    process::run(&mut command)
}

fn stage(title: &str, command: &mut Command) -> Result<(), Failure> {
    println!("\n== {title}: {}", process::written(command));
    process::run(command)
}

/// What the lines `test result: …` add up to.
#[derive(Debug, Default, PartialEq)]
struct Total {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Total {
    fn add(&mut self, line: &str) {
        let Some((_, result)) = line.split_once("test result: ") else { return };
        let words: Vec<&str> = result.split_whitespace().collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed;" => self.passed += number,
                "failed;" => self.failed += number,
                "ignored;" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs `cargo test`, shows what it prints and adds up its results. A failed test is returned as the inner
/// value, because what comes after it is to run all the same.
fn count(title: &str, command: &mut Command, total: &mut Total) -> Result<Option<Failure>, Failure> {
    println!("\n== {title}: {}", process::written(command));
    if io::stdout().is_terminal() {
        command.args(["--", "--color=always"]);
    }
    let child = command.stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| process::did_not_start(command, &error))?;
    for line in child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).split(b'\n')) {
        let line = line.unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        total.add(&line);
    }
    let status = child.wait().map_err(|error| process::did_not_start(command, &error))?;
    Ok((!status.success()).then(|| Failure(format!("`{}` failed", process::written(command)))))
}

#[cfg(test)]
mod tests {
    use super::Total;

    #[test]
    fn results_are_added_up_with_and_without_colour() {
        let mut total = Total::default();
        total.add(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.1s",
        );
        total.add("test result: \u{1b}[31mFAILED\u{1b}[m. 2 passed; 4 failed; 0 ignored; 0 measured");
        total.add("test 7 passed; not a result ... ok");
        assert_eq!(total, Total { passed: 14, failed: 4, ignored: 1 });
    }
}
