//! The `wr2l` command.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod interrupt;
mod output;

use std::process::ExitCode;

use clap::Parser;

use wr2l::run::RunError;

use cli::{Cli, Command};
use commands::Done;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Tasks(args) => commands::tasks::run(&args).map(|()| Done::Completely),
        Command::Inspect(args) => commands::inspect::run(&args).map(|()| Done::Completely),
        Command::Check(args) => commands::check::run(&args).map(|()| Done::Completely),
        Command::Ball(args) => commands::ball::run(&args).map(|()| Done::Completely),
        Command::Train(args) => commands::train::run(&args),
        Command::Resume(args) => commands::resume::run(&args),
        Command::Evaluate(args) => commands::evaluate::run(&args).map(|()| Done::Completely),
        Command::Certify(args) => commands::certify::run(&args).map(|()| Done::Completely),
        Command::Report(args) => commands::report::run(&args).map(|()| Done::Completely),
        Command::Reproduce(args) => commands::reproduce::run(&args).map(|()| Done::Completely),
        Command::Simulate(args) => commands::simulate::run(&args).map(|()| Done::Completely),
        Command::Bench(args) => commands::bench::run(&args).map(|()| Done::Completely),
        Command::Completions(args) => commands::completions::run(&args).map(|()| Done::Completely),
    };
    match result {
        Ok(Done::Completely) => ExitCode::SUCCESS,
        Ok(Done::Interrupted) => ExitCode::from(130),
        Err(error @ RunError::Interrupted(_)) => {
            output::say(&error.to_string());
            ExitCode::from(130)
        }
        Err(error) => {
            output::report(&error);
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}
