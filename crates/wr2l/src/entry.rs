//! The whole command line as one call: what the binary is, and the Python package's script.

use std::ffi::OsString;

use clap::Parser;
use wr2l_run::RunError;

use crate::cli::{Cli, Command};
use crate::commands::{self, Done};
use crate::ranks::{self, Part};
use crate::{interrupt, output};

/// Runs the command that `arguments` ask for, the first of which is the program's name, and returns its exit code: 0 done,
/// 1 failed, 2 wrong usage, 130 interrupted, or 75 instead where a scheduler is to call it again.
///
/// It owns the process while it runs: it prints to its standard streams and listens to its signals, the second of which
/// ends it.
pub fn main_from(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    match ranks::take_part() {
        Ok(Part::Leads) => {}
        Ok(Part::Served) => return 0,
        Err(error) => {
            output::report(&error);
            return 1;
        }
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing depends on the message being seen.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
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
        Command::Film(args) => commands::film::run(&args).map(|()| Done::Completely),
        Command::Video(args) => commands::video::run(&args).map(|()| Done::Completely),
        Command::Report(args) => commands::report::run(&args).map(|()| Done::Completely),
        Command::Reproduce(args) => commands::reproduce::run(&args).map(|()| Done::Completely),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Simulate(args) => commands::simulate::run(&args).map(|()| Done::Completely),
        Command::Bench(args) => commands::bench::run(&args).map(|()| Done::Completely),
        Command::Completions(args) => commands::completions::run(&args).map(|()| Done::Completely),
    };
    match result {
        Ok(Done::Completely) => 0,
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
            if error.is_usage() { 2 } else { 1 }
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
