//! The command line as typed: names, help, and nothing else. What it means is decided in `commands`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use wr2l::run::parse_count;
use wr2l::sim::TaskName;

/// Control policies that survive dynamics they were not trained on.
///
/// Trains a policy against the worst dynamics in a Wasserstein ball around the reference simulator (Wasserstein
/// Robust Reinforcement Learning), and shows what robustness that bought.
#[derive(Debug, Parser)]
#[command(
    name = "wr2l",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Start with:  wr2l tasks\n\nExit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Tasks(TasksArgs),
    Simulate(SimulateArgs),
    Completions(CompletionsArgs),
}

/// List the tasks, or a task's parameters with unit, nominal value and bounds.
#[derive(Debug, Args)]
#[command(after_help = "Example:  wr2l tasks hopper")]
pub(crate) struct TasksArgs {
    /// The task whose parameters to list.
    #[arg(value_parser = task_parser())]
    pub(crate) task: Option<TaskName>,
    /// Print one JSON object per line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write an open-loop trajectory at full precision, to check the physics against another simulator.
///
/// The columns are step (from 1), qpos_0…, qvel_0…, obs_0…, reward, terminated, truncated (0 or 1): one row
/// after each action, numbers with the fewest digits that identify the 64-bit value.
#[derive(Debug, Args)]
#[command(after_help = "Examples:  wr2l simulate hopper --seed 3 -o trajectory.csv\n           \
                        wr2l simulate hopper --phi torso_density=1500,friction=1 --initial-state s.csv --actions a.csv -o t.csv")]
pub(crate) struct SimulateArgs {
    /// The task.
    #[arg(value_parser = task_parser())]
    pub(crate) task: TaskName,
    /// Dynamics in physical units: name=value,name=value. The rest stays at the reference.
    #[arg(long, value_name = "NAME=VALUE,…", default_value = "", hide_default_value = true)]
    pub(crate) phi: String,
    /// A header-less CSV file of one line: qpos, then qvel [default: a random initial state of the task].
    #[arg(long, value_name = "FILE")]
    pub(crate) initial_state: Option<PathBuf>,
    /// A header-less CSV file with one line of action per step [default: uniform random actions].
    #[arg(long, value_name = "FILE")]
    pub(crate) actions: Option<PathBuf>,
    /// Steps [default: one per action given, else the task's time limit].
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) steps: Option<u64>,
    /// Seed of the random initial state and actions.
    #[arg(long, value_name = "S", value_parser = count, default_value = "0")]
    pub(crate) seed: u64,
    /// Go on after the episode has ended.
    #[arg(long)]
    pub(crate) ignore_termination: bool,
    /// The physics to simulate with.
    #[arg(long, value_name = "NAME")]
    pub(crate) physics: Option<String>,
    /// The CSV file to write; - for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Example:  wr2l completions bash > ~/.local/share/bash-completion/completions/wr2l")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

fn task_parser() -> impl TypedValueParser<Value = TaskName> {
    PossibleValuesParser::new(TaskName::ALL.map(TaskName::as_str)).try_map(|name| name.parse::<TaskName>())
}

fn count(text: &str) -> Result<u64, String> {
    parse_count(text).map_err(|error| error.to_string())
}
