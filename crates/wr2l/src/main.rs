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
    let asks_again = asks_again(&cli.command);
    if asks_again {
        interrupt::ask_again();
    }
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
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Simulate(args) => commands::simulate::run(&args).map(|()| Done::Completely),
        Command::Bench(args) => commands::bench::run(&args).map(|()| Done::Completely),
        Command::Completions(args) => commands::completions::run(&args).map(|()| Done::Completely),
    };
    match result {
        Ok(Done::Completely) => ExitCode::SUCCESS,
        Ok(Done::Interrupted) => interrupt::exit(),
        Err(error @ RunError::Interrupted(_)) => {
            output::say(&error.to_string());
            interrupt::exit()
        }
        Err(error @ RunError::InUse { .. }) if asks_again => {
            output::report(&error);
            interrupt::exit()
        }
        Err(error) => {
            output::report(&error);
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

/// Whether an interruption should make a scheduler call the command again.
fn asks_again(command: &Command) -> bool {
    let again = match command {
        Command::Train(args) => args.training.again,
        Command::Resume(args) => args.training.again,
        Command::Evaluate(args) => args.again,
        Command::Reproduce(args) => args.again,
        Command::Sweep(args) => args.again,
        _ => return false,
    };
    again.requeue
}
