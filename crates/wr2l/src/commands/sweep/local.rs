//! Entries of a sweep on this machine, some at a time.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wr2l::rl::StopFlag;
use wr2l::run::{EXIT, Entry, RunError};
use wr2l_ranks::ENVIRONMENT;

use super::super::Done;
use crate::interrupt;
use crate::output::say;

/// Time between two looks at a process.
const LOOK: Duration = Duration::from_millis(20);

/// How the commands of an entry ended.
enum Ended {
    Well,
    Badly(String),
    Interrupted,
}

/// What is left, and what came of the rest.
#[derive(Default)]
struct Work<'a> {
    waiting: VecDeque<&'a Entry>,
    ended: usize,
    failed: Vec<&'a str>,
    /// Whether something has to be called again: it was interrupted, or another process was at it.
    put_off: bool,
}

/// Runs entries, `at_once` at a time. Where one fails the others go on; a signal makes all write their checkpoints.
///
/// # Errors
/// [`RunError::Failed`] that names how many failed, when all have ended.
pub(super) fn run(entries: &[&Entry], at_once: usize) -> Result<Done, RunError> {
    let stop = interrupt::flag();
    let work = Mutex::new(Work { waiting: entries.iter().copied().collect(), ..Work::default() });
    let lock = || work.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(entries.len()) {
            scope.spawn(|| {
                loop {
                    let next = if stop.is_raised() { None } else { lock().waiting.pop_front() };
                    let Some(entry) = next else { return };
                    let ended = one(entry, &stop).unwrap_or_else(|error| Ended::Badly(error.to_string()));
                    let mut work = lock();
                    work.ended += 1;
                    let (name, done) = (&entry.name, format!("{} of {}", work.ended, entries.len()));
                    match ended {
                        Ended::Well => say(&format!("{done}: {name}")),
                        Ended::Interrupted => {
                            say(&format!("{done}: {name} has to be called again"));
                            work.put_off = true;
                        }
                        Ended::Badly(why) => {
                            say(&format!("{done}: {name} failed ({why}): {}", entry.log.display()));
                            work.failed.push(name);
                        }
                    }
                }
            });
        }
    });
    let work = work.into_inner().unwrap_or_else(PoisonError::into_inner);
    if work.put_off || stop.is_raised() {
        return Ok(Done::Interrupted);
    }
    let Some(first) = work.failed.first() else { return Ok(Done::Completely) };
    Err(RunError::Failed(format!(
        "{} of {} runs failed, {first} the first; `wr2l sweep status FILE` shows the ends of their logs",
        work.failed.len(),
        entries.len()
    )))
}

/// Runs the commands of an entry, one after the other, as its line would in a shell.
fn one(entry: &Entry, stop: &StopFlag) -> Result<Ended, RunError> {
    let mut log = log_of(entry)?;
    let written = |error: std::io::Error| RunError::io("write", &entry.log, &error);
    let mut ended = (Ended::Well, "0".to_owned());
    for words in &entry.commands {
        let output = || log.try_clone().map_err(written);
        let mut command = Command::new(own()?);
        // Each is a process of its own, whatever job this one may be a rank of.
        command.env_remove(ENVIRONMENT);
        command.args(words).stdin(Stdio::null()).stdout(output()?).stderr(output()?);
        // A signal from the terminal reaches this process alone, which passes it on, once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let status = command.spawn().and_then(|child| wait(child, stop));
        let status = status.map_err(|error| RunError::io("start", &entry.run, &error))?;
        match status.code() {
            Some(0) => {}
            Some(code @ (75 | 130)) => {
                ended = (Ended::Interrupted, code.to_string());
                break;
            }
            Some(code) => {
                ended = (Ended::Badly(format!("exit code {code}")), code.to_string());
                break;
            }
            // Killed: nobody has said how it ended, and the same commands go on.
            None => return Ok(Ended::Badly(status.to_string())),
        }
    }
    log.write_all(format!("{EXIT}{}\n", ended.1).as_bytes()).map_err(written)?;
    Ok(ended.0)
}

fn log_of(entry: &Entry) -> Result<File, RunError> {
    let folder = entry.log.parent().unwrap_or(&entry.log);
    std::fs::create_dir_all(folder).map_err(|error| RunError::io("create", folder, &error))?;
    let log = OpenOptions::new().create(true).append(true).open(&entry.log);
    log.map_err(|error| RunError::io("write", &entry.log, &error))
}

/// This program.
fn own() -> Result<std::path::PathBuf, RunError> {
    std::env::current_exe()
        .map_err(|error| RunError::io("find", std::path::Path::new("this program"), &error))
}

/// Waits for a process, and asks it to stop when this one is.
fn wait(mut child: Child, stop: &StopFlag) -> std::io::Result<std::process::ExitStatus> {
    let mut asked = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if stop.is_raised() && !asked {
            asked = true;
            ask(&mut child);
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(unix)]
fn ask(child: &mut Child) {
    // It fails only if the process has ended meanwhile.
    let _ =
        rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM);
}

#[cfg(not(unix))]
fn ask(child: &mut Child) {
    let _ = child.kill();
}
