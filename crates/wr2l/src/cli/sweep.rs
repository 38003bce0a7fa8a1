//! `wr2l sweep` as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use wr2l::run::parse_count;

use super::again::AgainArgs;
use super::threads;

/// Run many independent trainings and their evaluations: tasks × methods × seeds, on this machine or many.
///
/// What is finished is left out, so that the same call goes on with a sweep that was stopped. docs/machines.md has the file
/// and every scheduler.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:  wr2l sweep study.toml --local 8\n           \
                        wr2l sweep study.toml --hyperqueue\n           \
                        wr2l sweep study.toml --slurm 40 --local 8 --option=--time=04:00:00\n           \
                        wr2l sweep study.toml --print | parallel -j 8\n           \
                        wr2l sweep status study.toml\n           \
                        wr2l sweep collect study.toml")]
pub(crate) struct SweepArgs {
    /// The sweep file (TOML).
    #[arg(value_name = "FILE", required = true)]
    pub(crate) file: Option<PathBuf>,
    /// So many runs at a time on this machine; with --slurm in every task of the array [default: as many as have a core
    /// for each of their threads].
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) local: Option<usize>,
    /// Submit a task a run to HyperQueue's server, through `hq`.
    #[arg(long, conflicts_with_all = ["local", "slurm", "print", "requeue"])]
    pub(crate) hyperqueue: bool,
    /// Submit an array of N tasks to Slurm, through `sbatch`: each does its share of the runs.
    #[arg(long, value_name = "N", value_parser = tasks, conflicts_with_all = ["print", "part"])]
    pub(crate) slurm: Option<usize>,
    /// A line for the head of Slurm's script, e.g. `--option=--partition=short`. Repeatable.
    #[arg(long, value_name = "TEXT", requires = "slurm")]
    pub(crate) option: Vec<String>,
    /// Print a line a run for a POSIX shell, and start nothing.
    #[arg(long)]
    pub(crate) print: bool,
    /// Only share K of N, K from 0.
    #[arg(long, value_name = "K/N", value_parser = share)]
    pub(crate) part: Option<(usize, usize)>,
    #[command(flatten)]
    pub(crate) again: AgainArgs,
    #[command(subcommand)]
    pub(crate) action: Option<SweepAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SweepAction {
    Status(SweepStatusArgs),
    Collect(SweepCollectArgs),
}

/// Say where the runs of a sweep stand, as their folders tell, and how those ended that failed.
#[derive(Debug, Args)]
pub(crate) struct SweepStatusArgs {
    /// The sweep file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Print one JSON object a run.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Put what is finished into tables: a row a run, the evaluations of all runs together, statistics across seeds.
#[derive(Debug, Args)]
pub(crate) struct SweepCollectArgs {
    /// The sweep file.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

fn tasks(text: &str) -> Result<usize, String> {
    match parse_count(text) {
        Ok(n @ 1..=100_000) => Ok(n as usize),
        _ => Err(format!("`{text}`: expected a number of tasks from 1 to 100,000")),
    }
}

fn share(text: &str) -> Result<(usize, usize), String> {
    let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((k, n)) if k < n => Ok((k, n)),
        _ => Err(format!("`{text}`: expected a share K/N with K from 0 to N − 1, for example 0/4")),
    }
}
