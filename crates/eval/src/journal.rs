//! What an evaluation has found so far, on disk while it works: a killed one goes on where it was.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use wr2l_rl::Actor;

use crate::csv_file::CsvError;

/// Results by key, each on disk as soon as it is known.
///
/// A key is a [`Fingerprint`] of all that the result depends on, so that results of another policy, other options or
/// another version are never taken for the ones asked for. The file is text, one line a result: the key, then numbers
/// that read back to the same bits. A line that was cut off is forgotten.
#[derive(Debug, Default)]
pub struct Journal {
    path: Option<PathBuf>,
    /// Open from the first result on, so that an evaluation that comes to nothing leaves nothing.
    file: Option<File>,
    known: HashMap<u64, Vec<f64>>,
}

impl Journal {
    /// A journal that is not kept.
    pub fn none() -> Self {
        Self::default()
    }

    /// The journal at `path`, which need not exist.
    ///
    /// # Errors
    /// [`CsvError::Io`].
    pub fn open(path: &Path) -> Result<Self, CsvError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(CsvError::Io { path: path.to_owned(), source }),
        };
        let text = String::from_utf8_lossy(&bytes[..whole_lines(&bytes)]);
        let known = text.lines().filter_map(parse).collect();
        Ok(Self { path: Some(path.to_owned()), file: None, known })
    }

    /// The result called `key`, if it is known.
    pub fn get(&self, key: u64) -> Option<&[f64]> {
        self.known.get(&key).map(Vec::as_slice)
    }

    /// Keeps results; the file and its folder are made if need be.
    ///
    /// # Errors
    /// [`CsvError::Io`].
    pub fn put(&mut self, results: Vec<(u64, Vec<f64>)>) -> Result<(), CsvError> {
        if let Some(path) = &self.path {
            let mut text = String::new();
            for (key, numbers) in &results {
                text += &format!("{key:016x}");
                // `{:?}` is the shortest text that reads back to the same bits.
                numbers.iter().for_each(|number| text += &format!(" {number:?}"));
                text.push('\n');
            }
            let mut write = || {
                let file = match &mut self.file {
                    Some(file) => file,
                    None => self.file.insert(append_to(path)?),
                };
                // In one piece: what is cut off is at most the end.
                file.write_all(text.as_bytes())
            };
            write().map_err(|source| CsvError::Io { path: path.clone(), source })?;
        }
        self.known.extend(results);
        Ok(())
    }

    /// Removes the file: what it was for is done.
    ///
    /// # Errors
    /// [`CsvError::Io`].
    pub fn remove(self) -> Result<(), CsvError> {
        let Some(path) = self.path else { return Ok(()) };
        drop(self.file);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(CsvError::Io { path, source })
            }
            _ => Ok(()),
        }
    }
}

/// Length of the lines that are whole: a kill may have cut the last one off.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1)
}

fn append_to(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    file.set_len(whole_lines(&bytes) as u64)?;
    Ok(file)
}

fn parse(line: &str) -> Option<(u64, Vec<f64>)> {
    let mut words = line.split(' ');
    let key = u64::from_str_radix(words.next()?, 16).ok()?;
    Some((key, words.map(|word| word.parse().ok()).collect::<Option<_>>()?))
}

/// A number that stands for all that a result depends on (FNV-1a, 64 bits): the same in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint of a kind of result, in this version of the program.
    pub fn of(kind: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).text(env!("CARGO_PKG_VERSION")).text(kind)
    }

    /// One that later versions of the program give as well.
    pub fn lasting(kind: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).text(kind)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }

    /// With a text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.bytes(&(text.len() as u64).to_le_bytes()).bytes(text.as_bytes())
    }

    /// With numbers, by their bits.
    #[must_use]
    pub fn numbers(self, numbers: &[f64]) -> Self {
        let start = self.bytes(&(numbers.len() as u64).to_le_bytes());
        numbers.iter().fold(start, |print, number| print.bytes(&number.to_bits().to_le_bytes()))
    }

    /// With a policy: layout, weights, normaliser.
    #[must_use]
    pub fn actor(self, actor: &Actor) -> Self {
        let normaliser = actor.normaliser();
        let start = self
            .text(&format!("{:?}", actor.policy()))
            .text(&format!("{:?}", actor.action_space()))
            .numbers(normaliser.mean())
            .numbers(normaliser.inverse_deviation())
            .numbers(&[normaliser.clip()]);
        actor.params().iter().fold(start, |print, weight| print.bytes(&weight.to_bits().to_le_bytes()))
    }

    /// The number.
    pub fn key(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_there_after_a_kill_that_cut_a_line_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv.partial");
        let values = vec![0.1 + 0.2, f64::NAN, f64::INFINITY, -1.5e-310, 3.0];
        let mut journal = Journal::open(&path).unwrap();
        journal.put(vec![(7, values.clone()), (u64::MAX, vec![])]).unwrap();
        drop(journal);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text += "0000000000000009 1.25 2.";
        std::fs::write(&path, &text).unwrap();
        let mut journal = Journal::open(&path).unwrap();
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(journal.get(7).unwrap()), bits(&values));
        assert_eq!((journal.get(u64::MAX), journal.get(9)), (Some(&[][..]), None));
        journal.put(vec![(9, vec![2.0])]).unwrap();
        assert_eq!(Journal::open(&path).unwrap().get(9), Some(&[2.0][..]));
        journal.remove().unwrap();
        assert!(!path.exists());
        let mut nowhere = Journal::open(&folder.path().join("no/where")).unwrap();
        assert!(!folder.path().join("no").exists(), "nothing before the first result");
        nowhere.put(vec![(1, vec![1.0])]).unwrap();
        assert!(folder.path().join("no/where").is_file());
        assert!(Journal::open(folder.path()).is_err());
        Journal::none().remove().unwrap();
        Journal::open(&folder.path().join("never written")).unwrap().remove().unwrap();
    }

    #[test]
    fn fingerprints_tell_parts_and_their_order_apart() {
        let print = Fingerprint::of("row");
        let all = [
            print,
            Fingerprint::of("search"),
            print.text("ab").text("c"),
            print.text("a").text("bc"),
            print.numbers(&[1.0, 2.0]),
            print.numbers(&[1.0]).numbers(&[2.0]),
            print.numbers(&[2.0, 1.0]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b), "{i}");
        }
        let bits: Vec<Fingerprint> = (0..64).map(|bit| print.numbers(&[f64::from_bits(1 << bit)])).collect();
        for (i, a) in bits.iter().enumerate() {
            assert!(bits[..i].iter().all(|b| a != b), "bit {i}");
        }
    }
}
