//! The commands: each turns what was typed into a request to the libraries, and their answer into text.

pub(crate) mod completions;
pub(crate) mod simulate;
pub(crate) mod tasks;
