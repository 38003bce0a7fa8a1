//! Entries of a sweep on other machines: what HyperQueue and Slurm are told.

use std::path::Path;
use std::process::Command;

use wr2l::run::{Entry, RunError, Sweep, write_file};

use crate::cli::SweepArgs;
use crate::output::print;
use crate::program::program;

/// Submits a task an entry to HyperQueue, which starts a task again whose worker is lost.
///
/// # Errors
/// [`RunError::Failed`] if there is no `hq`, or it refuses.
pub(super) fn hyperqueue(sweep: &Sweep, left: &[&Entry]) -> Result<(), RunError> {
    if left.is_empty() {
        return print("everything is finished: there is nothing to submit\n");
    }
    let program = program()?;
    let lines: String = left.iter().map(|entry| entry.line(&program) + "\n").collect();
    let manifest = in_output(sweep, "manifest.txt")?;
    write_file(&manifest, lines.as_bytes())?;
    let (cpus, name) = (sweep.threads.to_string(), format!("wr2l-{}", sweep.name));
    let mut command = Command::new("hq");
    // An entry has a log of its own.
    command.args(["submit", "--name", &name, "--cpus", &cpus, "--stdout", "none", "--stderr", "none"]);
    command.arg("--each-line").arg(&manifest).args(["--", "sh", "-c", "eval \"$HQ_ENTRY\""]);
    submit(command, "a running HyperQueue server (`hq server start`) and its program `hq` on the path")
}

/// Writes a script whose array of `tasks` tasks does the sweep, and submits it to Slurm.
///
/// # Errors
/// [`RunError::Failed`] if there is no `sbatch`, or it refuses.
pub(super) fn slurm(
    sweep: &Sweep,
    file: &Path,
    left: &[&Entry],
    tasks: usize,
    args: &SweepArgs,
) -> Result<(), RunError> {
    if left.is_empty() {
        return print("everything is finished: there is nothing to submit\n");
    }
    // Parts are of the whole sweep, finished or not, so that a task that is queued again has the part it had.
    let tasks = tasks.clamp(1, sweep.entries.len());
    let at_once = args.local.unwrap_or(1);
    let cpus = at_once as u64 * sweep.threads;
    let options: String = args.option.iter().map(|option| format!("#SBATCH {option}\n")).collect();
    in_output(sweep, "logs")?;
    let logs = sweep.output.join("logs");
    std::fs::create_dir_all(&logs).map_err(|error| RunError::io("create", &logs, &error))?;
    let (name, logs, program, file) =
        (&sweep.name, logs.display(), all_quoted(&program()?), quoted_path(file));
    let last = tasks - 1;
    let script = format!(
        "#!/bin/bash
#SBATCH --job-name=wr2l-{name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cpus}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={logs}/slurm-%a.log
#SBATCH --signal=B:USR1@120
{options}
# A share of the sweep, {at_once} runs at a time. Two minutes before the limit all write their checkpoints.
{program} sweep {file} --local {at_once} --part \"$SLURM_ARRAY_TASK_ID/{tasks}\" --requeue &
child=$!
trap 'kill -USR1 \"$child\"' USR1 TERM
code=1
while true; do
    wait \"$child\"
    now=$?
    # A signal ends the wait, not the process; of one that is gone nothing more is known.
    [ \"$now\" -eq 127 ] && break
    code=$now
    [ \"$code\" -le 128 ] && break
done
# 75: interrupted with all of it kept. Slurm calls the task again, and it goes on.
[ \"$code\" -eq 75 ] && scontrol requeue \"$SLURM_JOB_ID\"
exit \"$code\"
"
    );
    let path = in_output(sweep, "sweep.sbatch")?;
    write_file(&path, script.as_bytes())?;
    let mut command = Command::new("sbatch");
    command.arg(&path);
    submit(command, "Slurm's `sbatch` on the path; the script is written")
}

/// A file of the sweep's folder, which is made.
fn in_output(sweep: &Sweep, name: &str) -> Result<std::path::PathBuf, RunError> {
    let folder = &sweep.output;
    std::fs::create_dir_all(folder).map_err(|error| RunError::io("create", folder, &error))?;
    Ok(folder.join(name))
}

fn submit(mut command: Command, needs: &str) -> Result<(), RunError> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(RunError::Failed(format!("`{name}` refused ({status})"))),
        Err(error) => Err(RunError::Failed(format!("`{name}` did not start ({error}): this needs {needs}"))),
    }
}

fn all_quoted(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
