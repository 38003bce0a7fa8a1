//! Writing files so that a reader finds either the old content or the new, never half of one.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use wr2l_eval::read_at_most;

use crate::error::RunError;

/// A file that appears at its path only when it is complete: written to a temporary one beside it, then synced
/// and renamed by [`NewFile::finish`]. Dropped before that, it leaves the old content, or no file.
///
/// A path that exists and is no regular file (`/dev/stdout`, a pipe) is written directly.
#[derive(Debug)]
pub struct NewFile {
    path: PathBuf,
    temporary: Option<PathBuf>,
    writer: BufWriter<File>,
}

impl NewFile {
    /// Begins a file.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn create(path: &Path) -> Result<Self, RunError> {
        let special = path.metadata().is_ok_and(|meta| !meta.is_file());
        let temporary = (!special).then(|| temporary_beside(path));
        let file = match &temporary {
            Some(temporary) => File::create(temporary),
            None => OpenOptions::new().write(true).open(path),
        };
        let file = file.map_err(|error| RunError::io("write", path, &error))?;
        Ok(Self { path: path.to_owned(), temporary, writer: BufWriter::new(file) })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        self.writer.write_all(bytes).map_err(|error| RunError::io("write", &self.path, &error))
    }

    /// Appends a line.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn line(&mut self, line: &str) -> Result<(), RunError> {
        self.write(line.as_bytes())?;
        self.write(b"\n")
    }

    /// Puts the complete file in its place, durably.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn finish(mut self) -> Result<(), RunError> {
        let error = |error: std::io::Error| RunError::io("write", &self.path, &error);
        self.writer.flush().map_err(error)?;
        if let Some(temporary) = &self.temporary {
            self.writer.get_ref().sync_all().map_err(error)?;
            std::fs::rename(temporary, &self.path).map_err(error)?;
            sync_folder(&self.path);
        }
        self.temporary = None;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // The write failed already; whether the remains can be removed changes nothing about that.
            let _ = std::fs::remove_file(temporary);
        }
    }
}

/// Writes a whole [`NewFile`].
///
/// # Errors
/// [`RunError::Io`].
pub fn write_file(path: &Path, content: &[u8]) -> Result<(), RunError> {
    let mut file = NewFile::create(path)?;
    file.write(content)?;
    file.finish()
}

/// Reads a text of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> std::io::Result<String> {
    String::from_utf8(read_at_most(path, limit)?)
        .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is no text"))
}

/// Whether a TOML text names keys so deep (`a.a.a.…`) that the tables made for them could not be taken apart on the stack.
pub(crate) fn is_too_deep(text: &str) -> bool {
    const MOST: usize = 64;
    let pieces = text.split([',', '=', '\n', '[', ']', '{', '}']);
    pieces.map(|piece| piece.bytes().filter(|&byte| byte == b'.').count()).any(|dots| dots > MOST)
}

/// Refuses a path that could not be written later: before the work, not after it.
///
/// # Errors
/// [`RunError::Exists`] without `force`, [`RunError::Io`].
pub fn check_output(path: &Path, force: bool) -> Result<(), RunError> {
    refuse_existing(path, force)?;
    // Dropped unfinished, it leaves nothing.
    NewFile::create(path).map(drop)
}

/// Refuses a path where a file exists, unless `force`.
///
/// # Errors
/// [`RunError::Exists`].
pub fn refuse_existing(path: &Path, force: bool) -> Result<(), RunError> {
    if !force && path.metadata().is_ok_and(|meta| meta.is_file()) {
        return Err(RunError::Exists { path: path.display().to_string(), detail: "" });
    }
    Ok(())
}

/// Removes what a killed process was writing into a folder. Only for who knows that no other process is at it.
pub(crate) fn remove_temporaries(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(".tmp") {
            // What stays takes room and nothing else.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// Makes a rename durable. Not every system can sync a folder, and the content is safe without it.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_content_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write_file(&path, b"old").unwrap();
        write_file(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert!(write_file(&folder.path().join("a.txt/b"), b"x").is_err());
        assert!(write_file(&folder.path().join("missing/b"), b"x").is_err());
        NewFile::create(&path).unwrap().write(b"half").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_output_is_tried_beforehand_and_nothing_is_left_of_that() {
        let folder = tempfile::tempdir().unwrap();
        check_output(&folder.path().join("new"), false).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(check_output(&folder.path().join("missing/new"), false).is_err());
        std::fs::write(folder.path().join("old"), "old").unwrap();
        assert!(check_output(&folder.path().join("old"), false).is_err());
        check_output(&folder.path().join("old"), true).unwrap();
        assert_eq!(read_text(&folder.path().join("old"), 3).unwrap(), "old");
        assert!(read_text(&folder.path().join("old"), 2).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_without_end_is_no_text() {
        assert!(read_text(Path::new("/dev/zero"), 1 << 20).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let error = write_file(Path::new("/dev/full"), b"x").unwrap_err();
        assert!(error.to_string().starts_with("cannot write `/dev/full`"), "{error}");
    }

    #[test]
    fn existing_files_are_kept_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        assert!(refuse_existing(&path, false).is_ok());
        std::fs::write(&path, "x").unwrap();
        assert!(matches!(refuse_existing(&path, false), Err(RunError::Exists { .. })));
        assert!(refuse_existing(&path, true).is_ok());
    }
}
