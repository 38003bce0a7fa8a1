//! The `wr2l` command.
#![forbid(unsafe_code)]

fn main() {}
