//! Parameters by selector under `--vary`: `mass@body:base=scale:0.7..1.5`.

use wr2l::robot::Varied;
use wr2l::run::{RunError, TaskRef};

/// A task with the parameters that `--vary` adds to it, and all names under `--vary`.
pub(super) type Extended = (TaskRef, Vec<String>);

/// Adds to `task` what `vary` selects on it; `None` if it only names parameters.
pub(super) fn extended(
    task: impl FnOnce() -> Result<TaskRef, RunError>,
    vary: Option<&Vec<String>>,
) -> Result<Option<Extended>, RunError> {
    let words = vary.map_or(&[][..], Vec::as_slice);
    let ad_hoc: Vec<&str> = words.iter().map(String::as_str).filter(|word| Varied::is_ad_hoc(word)).collect();
    if ad_hoc.is_empty() {
        return Ok(None);
    }
    let usage = |reason: String| RunError::Usage(format!("--vary {reason}"));
    let (task, added) = task()?.with_varied(&ad_hoc).map_err(usage)?;
    let mut added = added.into_iter();
    // Each in its place.
    let name = |word: &String| if Varied::is_ad_hoc(word) { added.next() } else { Some(word.clone()) };
    let names = words.iter().filter_map(name).collect();
    Ok(Some((task, names)))
}
