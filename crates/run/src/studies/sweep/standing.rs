//! Where the entries of a sweep stand, as their folders tell: nothing depends on who ran what.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::entry::{EXIT, Entry};
use super::file::Sweep;
use crate::formats::folder::RunFolder;
use crate::studies::destination::is_whole;
use crate::training::summary::Summary;

/// Bytes of a log's end that are looked at.
const END: u64 = 4096;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryStanding {
    /// Trained and evaluated.
    Finished,
    /// A process is training in its folder.
    Running,
    /// Its last command failed, and nobody has tried again since.
    Failed {
        /// The exit code.
        code: i32,
    },
    /// Begun, and stopped or killed: the same commands go on with it. Also where an evaluation is under way.
    Stopped,
    /// Nobody has begun it.
    Waiting,
}

impl EntryStanding {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Running => "running",
            Self::Failed { .. } => "failed",
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
        }
    }
}

impl Sweep {
    /// Where every entry stands, in their order.
    pub fn standings(&self) -> Vec<EntryStanding> {
        self.entries.iter().map(|entry| self.standing(entry)).collect()
    }

    /// What of these is not finished: calling the rest again would only say so.
    pub fn left<'a>(&'a self, entries: impl Iterator<Item = &'a Entry>) -> Vec<&'a Entry> {
        entries.filter(|entry| self.standing(entry) != EntryStanding::Finished).collect()
    }

    /// How many entries fill so many cores.
    pub fn at_once(&self, cores: usize) -> usize {
        (cores / usize::try_from(self.threads).unwrap_or(1)).max(1)
    }

    /// Where an entry stands.
    pub fn standing(&self, entry: &Entry) -> EntryStanding {
        let whole = |name: &String| is_whole(&entry.evaluation(name));
        let run = RunFolder::open(&entry.run).ok();
        let trained = run.as_ref().is_some_and(|run| Summary::read(run).is_some_and(|s| s.complete));
        if trained && self.evaluations.iter().all(whole) {
            return EntryStanding::Finished;
        }
        if run.as_ref().is_some_and(RunFolder::is_in_use) {
            return EntryStanding::Running;
        }
        match exit_code(&entry.log) {
            // Asked to be called again, or interrupted by hand.
            Some(code) if ![0, 75, 130].contains(&code) => EntryStanding::Failed { code },
            Some(_) => EntryStanding::Stopped,
            None if run.is_some() => EntryStanding::Stopped,
            None => EntryStanding::Waiting,
        }
    }
}

/// The end of a log, at most some lines of it; nothing where there is none.
pub fn end_of_log(path: &Path, lines: usize) -> Vec<String> {
    let text = end(path);
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect()
}

/// The exit code that the log ends with; none of a log that is being written, or whose commands were killed.
fn exit_code(log: &Path) -> Option<i32> {
    end(log).lines().next_back()?.strip_prefix(EXIT)?.parse().ok()
}

fn end(path: &Path) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
        let mut bytes = Vec::new();
        file.take(END).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn sweep(root: &Path) -> Sweep {
        let entry = Entry {
            name: "a".into(),
            task: "cartpole".into(),
            method: "m".into(),
            seed: 0,
            run: root.join("runs/a"),
            log: root.join("logs/a.log"),
            commands: Vec::new(),
        };
        let (name, output) = ("s".to_owned(), PathBuf::from(root));
        Sweep { name, output, threads: 1, evaluations: vec!["far".into()], entries: vec![entry] }
    }

    #[test]
    fn a_folder_tells_where_its_entry_stands() {
        let root = tempfile::tempdir().unwrap();
        let sweep = sweep(root.path());
        let entry = &sweep.entries[0];
        let stands = || sweep.standings()[0];
        assert_eq!(stands(), EntryStanding::Waiting);
        std::fs::create_dir_all(root.path().join("logs")).unwrap();
        let say = |text: &str| std::fs::write(&entry.log, text).unwrap();
        // It failed before there was a folder.
        say("error: no such task\nexit 2\n");
        assert_eq!(stands(), EntryStanding::Failed { code: 2 });
        assert_eq!(end_of_log(&entry.log, 2), ["error: no such task", "exit 2"]);
        let folder = RunFolder::create(&entry.run, false).unwrap();
        std::fs::write(folder.file("plan.toml"), "").unwrap();
        assert_eq!(stands(), EntryStanding::Running);
        drop(folder);
        for (log, stand) in [
            ("exit 1\n", EntryStanding::Failed { code: 1 }),
            ("exit 137\n", EntryStanding::Failed { code: 137 }),
            ("exit 75\n", EntryStanding::Stopped),
            ("exit 1\nbegun again\n", EntryStanding::Stopped),
        ] {
            say(log);
            assert_eq!(stands(), stand, "{log}");
        }
        let long = "x".repeat(3 * END as usize);
        say(&format!("{long}\nexit 1\n"));
        assert_eq!(stands(), EntryStanding::Failed { code: 1 });
    }

    #[test]
    fn an_entry_is_finished_when_its_last_evaluation_is() {
        let root = tempfile::tempdir().unwrap();
        let sweep = sweep(root.path());
        let entry = &sweep.entries[0];
        std::fs::create_dir_all(&entry.run).unwrap();
        let put = |name: &str, text: &str| std::fs::write(entry.run.join(name), text).unwrap();
        put("plan.toml", "");
        let summary = |complete: bool| {
            format!(
                "{{\"version\":\"\",\"algorithm\":\"\",\"task\":\"\",\"physics\":\"\",\"seed\":0,\"ending\":\"budget\",\
                 \"iteration\":1,\"steps\":1,\"simulator_steps\":1,\"episodes\":1,\"recent_return\":null,\"diverged\":0,\
                 \"seconds\":1.0,\"warnings\":[],\"evaluation\":null,\"complete\":{complete}}}"
            )
        };
        let folder = entry.evaluation("far");
        std::fs::create_dir_all(&folder).unwrap();
        let table = |name: &str| std::fs::write(folder.join(name), "").unwrap();
        for (complete, files, finished) in [
            (true, &["x.csv"][..], false),
            (true, &["x.key"], true),
            (true, &["x.csv.partial"], false),
            (false, &[], false),
        ] {
            put("summary.json", &summary(complete));
            files.iter().for_each(|name| table(name));
            assert_eq!(sweep.standings()[0] == EntryStanding::Finished, finished, "{files:?}");
        }
        std::fs::remove_file(folder.join("x.csv.partial")).unwrap();
        assert_ne!(sweep.standings()[0], EntryStanding::Finished, "training is not complete");
        put("summary.json", &summary(true));
        assert_eq!(sweep.standings()[0], EntryStanding::Finished);
    }
}
