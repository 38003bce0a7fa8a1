//! The `wr2l` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(wr2l::main_from(std::env::args_os()))
}
