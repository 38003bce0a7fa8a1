//! The book: `docs/` as pages with links among them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folders::made_here;
use crate::process::{self, Failure};
use crate::python;

/// Builds the book and returns its folder. Any link to a page, heading or file that is not there is an error.
pub(crate) fn build(root: &Path) -> Result<PathBuf, Failure> {
    const REQUIREMENTS: &str = include_str!("../book.txt");
    let environment = made_here(root).join("book-python");
    let python =
        python::environment(&environment, &root.join("xtask/book.txt"), REQUIREMENTS, "build the book")?;
    let pages = root.join("target/book");
    let mut command = Command::new(python);
    command.args(["-m", "sphinx", "--quiet", "--nitpicky", "--fail-on-warning", "--keep-going"]);
    process::run(command.arg(root.join("docs")).arg(&pages))?;
    Ok(pages)
}
