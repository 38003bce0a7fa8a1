//! `wr2l completions`.

use clap::CommandFactory;
use wr2l::run::RunError;

use crate::cli::{Cli, CompletionsArgs};
use crate::output::print;

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), RunError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "wr2l", &mut script);
    print(&String::from_utf8_lossy(&script))
}
