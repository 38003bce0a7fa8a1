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

/// Time between two looks at a process.
const LOOK: Duration = Duration::from_millis(20);

/// How the commands of an entry ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryEnding {
    /// All succeeded.
    Well,
    /// One was interrupted, or another process was at it: the entry has to be called again.
    PutOff,
    /// One failed: why, in words.
    Badly(String),
}

/// An entry whose commands have ended.
#[derive(Clone, Debug)]
pub struct EntryDone<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// How many have ended by now, this one included.
    pub ended: usize,
    /// Of how many.
    pub all: usize,
    /// How this one ended.
    pub how: EntryEnding,
}

/// What came of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locally {
    /// Names of those that failed, in the order in which they did.
    pub failed: Vec<String>,
    /// Whether something has to be called again.
    pub put_off: bool,
}

/// What is left, and what came of the rest.
#[derive(Default)]
struct Work<'a> {
    waiting: VecDeque<&'a Entry>,
    ended: usize,
    came: Locally,
}

/// Runs entries, `at_once` at a time, each command a process of `program` (the words that start `wr2l`), and tells `tell` of
/// each that has ended. Where one fails the others go on. Once `stop` is raised nothing more is begun, and what is under way
/// writes its checkpoints and ends.
pub fn run_entries(
    entries: &[&Entry],
    at_once: usize,
    program: &[String],
    stop: &StopFlag,
    tell: &(dyn Fn(&EntryDone<'_>) + Sync),
) -> Locally {
    let work = Mutex::new(Work { waiting: entries.iter().copied().collect(), ..Work::default() });
    let lock = || work.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(entries.len()) {
            scope.spawn(|| {
                loop {
                    let next = if stop.is_raised() { None } else { lock().waiting.pop_front() };
                    let Some(entry) = next else { return };
                    let how = one(entry, program, stop)
                        .unwrap_or_else(|error| EntryEnding::Badly(error.to_string()));
                    let mut work = lock();
                    work.ended += 1;
                    match &how {
                        EntryEnding::Well => {}
                        EntryEnding::PutOff => work.came.put_off = true,
                        EntryEnding::Badly(_) => work.came.failed.push(entry.name.clone()),
                    }
                    tell(&EntryDone { entry, ended: work.ended, all: entries.len(), how });
                }
            });
        }
    });
    work.into_inner().unwrap_or_else(PoisonError::into_inner).came
}

/// Runs the commands of an entry, one after the other, as its line would in a shell.
fn one(entry: &Entry, program: &[String], stop: &StopFlag) -> Result<EntryEnding, RunError> {
    let Some((file, before)) = program.split_first() else {
        return Err(RunError::Failed("nothing says how `wr2l` is started".into()));
    };
    let mut log = log_of(entry)?;
    let written = |error: std::io::Error| RunError::io("write", &entry.log, &error);
    let mut ended = (EntryEnding::Well, "0".to_owned());
    for words in &entry.commands {
        let output = || log.try_clone().map_err(written);
        let mut command = Command::new(file);
        // Each is a process of its own, whatever job this one may be a rank of.
        command.env_remove(ENVIRONMENT);
        command.args(before).args(words).stdin(Stdio::null()).stdout(output()?).stderr(output()?);
        // A signal from the terminal reaches this process alone, which passes it on, once.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let status = command.spawn().and_then(|child| wait(child, stop));
        let status = status.map_err(|error| RunError::io("start", &entry.run, &error))?;
        match status.code() {
            Some(0) => {}
            Some(code @ (75 | 130)) => {
                ended = (EntryEnding::PutOff, code.to_string());
                break;
            }
            Some(code) => {
                ended = (EntryEnding::Badly(format!("exit code {code}")), code.to_string());
                break;
            }
            // Killed: nobody has said how it ended, and the same commands go on.
            None => return Ok(EntryEnding::Badly(status.to_string())),
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
