//! Runs the command in a folder of its own and looks at what it says, returns and leaves.
#![allow(dead_code, reason = "every test program uses a part of it")]

use std::path::PathBuf;
use std::process::Command;

/// A folder that is gone after the test, in which the command runs.
pub(crate) struct Folder(tempfile::TempDir);

/// What a command returned and said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Names in the folder, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Runs `wr2l` with these arguments, split at spaces.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        self.run_words(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn run_words(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_wr2l"))
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs and demands success.
    pub(crate) fn done(&self, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "wr2l {arguments}: {}", ran.err);
        ran.out
    }

    /// Runs and demands this exit code, these words on standard error, and a folder left as it was.
    pub(crate) fn refused(&self, arguments: &str, code: i32, words: &[&str]) {
        let before = self.names();
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "wr2l {arguments}: {}{}", ran.out, ran.err);
        for word in words {
            assert!(ran.err.contains(word), "wr2l {arguments}: no `{word}` in: {}", ran.err);
        }
        assert!(!ran.err.contains("panicked") && !ran.err.contains('\x1b'), "{}", ran.err);
        assert_eq!(self.names(), before, "wr2l {arguments} left something behind");
    }
}
