//! An entry of a sweep: a run and its evaluations, as commands that may be called again and again.

use std::path::{Path, PathBuf};

use wr2l_eval::SearchKind;

use crate::plan::Plan;
use crate::studies::experiment::EvaluationPlan;

/// A run of a sweep and its evaluations.
///
/// Entries depend on nothing but their commands: they may run in any order, on any machine that sees the folder, as
/// often as somebody likes.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Task, method and seed, `hopper-wr2l-s3`: unique in its sweep.
    pub name: String,
    /// The task.
    pub task: String,
    /// The method.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// The run folder.
    pub run: PathBuf,
    /// What everything that the entry's commands say is appended to; its last line says how they ended.
    pub log: PathBuf,
    /// Arguments of `wr2l`, the commands in their order; each needs that the one before has succeeded.
    pub commands: Vec<Vec<String>>,
}

impl Entry {
    /// The entry as one line for a POSIX shell, `program` being the words that start `wr2l`. Its exit code is that of the first command that
    /// failed, or 0.
    pub fn line(&self, program: &[String]) -> String {
        let command = |words: &Vec<String>| {
            program.iter().chain(words).map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
        };
        let commands = self.commands.iter().map(command).collect::<Vec<_>>().join(" && ");
        let folder = quoted(&self.log.parent().unwrap_or(Path::new(".")).display().to_string());
        let log = quoted(&self.log.display().to_string());
        // Schedulers signal whole groups of processes: the shell has to outlive `wr2l`, which has handlers of its own.
        format!(
            "trap '' TERM USR1 USR2; mkdir -p {folder}; {{ {commands}; }} >>{log} 2>&1; code=$?; \
             echo \"{EXIT}$code\" >>{log}; exit $code"
        )
    }

    /// Folder of the tables and figures of one of its evaluations.
    pub fn evaluation(&self, name: &str) -> PathBuf {
        self.run.join("evaluations").join(name)
    }
}

/// What the last line of a log begins with, before the exit code.
pub const EXIT: &str = "exit ";

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+%@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How a plan is asked for on the command line, but for its seed and place.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `train`'s words up to the seed.
    pub(crate) words: Vec<String>,
    /// The plan that they mean, with seed 0: what makes sense is checked on it.
    pub(crate) plan: Plan,
}

/// The command that trains.
pub(crate) fn train(asked: &Asked, seed: u64, threads: u64, run: &Path) -> Vec<String> {
    let mut words = asked.words.clone();
    words.extend(["--seed".to_owned(), seed.to_string()]);
    words.extend(["--threads".to_owned(), threads.to_string()]);
    words.extend(["--no-report", "--resume", "--requeue", "-o"].map(str::to_owned));
    words.push(run.display().to_string());
    words
}

/// The command that makes one evaluation of a run, into the folder `to`.
pub(crate) fn evaluate(evaluation: &EvaluationPlan, threads: u64, run: &Path, to: &Path) -> Vec<String> {
    let mut words = vec!["evaluate".to_owned(), run.display().to_string()];
    let mut add = |flag: &str, value: String| words.extend([flag.to_owned(), value]);
    for axis in &evaluation.sweep {
        add("--sweep", axis.clone());
    }
    if let Some(count) = evaluation.random {
        add("--random", count.to_string());
        add("--systems-seed", evaluation.systems_seed.to_string());
    }
    if evaluation.worst_case {
        add("--budget", evaluation.budget.to_string());
        let how = match evaluation.search {
            SearchKind::Surrogate => "surrogate",
            SearchKind::Gradient => "gradient",
        };
        add("--search", how.to_owned());
    }
    if evaluation.sweep.is_empty() {
        if let Some(within) = evaluation.within {
            add("--within", within.as_str().to_owned());
        }
        if let Some(half_width) = evaluation.half_width {
            add("--half-width", half_width.to_string());
        }
        if !evaluation.vary.is_empty() {
            add("--vary", evaluation.vary.join(","));
        }
    }
    add("--episodes", evaluation.episodes.to_string());
    add("--threads", threads.to_string());
    add("-o", to.display().to_string());
    let flags = [
        ("--worst-case", evaluation.worst_case),
        ("--stochastic", evaluation.stochastic),
        ("--resume", true),
        ("--requeue", true),
    ];
    words.extend(flags.iter().filter(|(_, set)| *set).map(|(flag, _)| (*flag).to_owned()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_is_said_the_task_says_where_systems_lie() {
        let words = |text: &str| {
            let text = format!("name = \"far\"\nrandom = 4\nepisodes = 1\n{text}");
            let plan: EvaluationPlan = toml::from_str(&text).unwrap();
            evaluate(&plan, 1, Path::new("run"), Path::new("to")).join(" ")
        };
        assert!(!words("").contains("--half-width") && !words("").contains("--within"));
        assert!(words("half_width = 0.3").contains("--half-width 0.3"));
        assert!(words("within = \"range\"").contains("--within range"));
        assert!(words("within = \"box\"\nhalf_width = 0.3").contains("--within box --half-width 0.3"));
    }

    #[test]
    fn a_shell_reads_every_word_back() {
        for word in ["", "a", "a b", "it's", "$HOME", "x=[1, \"b\"]", "`ls`", "a\\b", "*", "-o", "ε"] {
            let script = format!("printf %s {}", quoted(word));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn a_line_keeps_what_was_said_and_ends_with_the_exit_code_of_the_first_failure() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("a log's/x.log");
        let words = |script: &str| vec!["-c".to_owned(), script.to_owned()];
        for (last, code) in [("exit 7", 7), ("true", 0)] {
            let commands = vec![words("echo one"), words(last), words("echo never said after 7")];
            let entry = Entry {
                name: "x".into(),
                task: "t".into(),
                method: "m".into(),
                seed: 0,
                run: "r".into(),
                log: log.clone(),
                commands,
            };
            let status =
                std::process::Command::new("sh").args(["-c", &entry.line(&["sh".into()])]).status().unwrap();
            assert_eq!(status.code(), Some(code));
            let said = std::fs::read_to_string(&log).unwrap();
            assert!(said.ends_with(&format!("exit {code}\n")), "{said}");
            assert_eq!(said.contains("never"), code == 0, "{said}");
        }
    }
}
