//! How this program is started again, by itself and by schedulers.

use std::path::Path;
use std::sync::OnceLock;

use wr2l::run::RunError;

static WORDS: OnceLock<Vec<String>> = OnceLock::new();

/// Says which words start this program, the first being what is executed and the others coming before all arguments: for a
/// program that another one hosts, such as an interpreter. The first call counts; without one it is this process's own file.
pub fn started_by(words: Vec<String>) {
    // The host says the same each time.
    let _ = WORDS.set(words);
}

/// The words that start this program.
///
/// # Errors
/// [`RunError::Io`] if the system does not tell its file.
pub fn program() -> Result<Vec<String>, RunError> {
    if let Some(words) = WORDS.get() {
        return Ok(words.clone());
    }
    let path = std::env::current_exe();
    let path = path.map_err(|error| RunError::io("find", Path::new("this program"), &error))?;
    Ok(vec![path.display().to_string()])
}
