//! `wr2l certify` as typed.

use std::path::PathBuf;

use clap::Args;

use super::{Within, count, episodes, number, threads};

/// Say what holds for all systems of a box or ball, from random ones: with 95 % confidence, 99.7 % of them have a return
/// of at least so much.
///
/// Nothing is assumed of how returns are distributed, and any policy can be judged; several are judged together. Bounds on the
/// mean and on that of the worst tenth need to know the lowest return that the task can give. docs/evaluation.md has the
/// statements and their proofs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:  wr2l certify runs/hopper-wr2l-population-s0\n           \
                        wr2l certify runs/a runs/b --within ball --systems 10k --lowest 0 -o certified")]
pub(crate) struct CertifyArgs {
    /// Run folders or policy files.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// How many systems are drawn.
    #[arg(long, value_name = "N", value_parser = count, default_value = "1000")]
    pub(crate) systems: u64,
    /// The confidence of every statement, for all policies together.
    #[arg(long, value_name = "C", value_parser = number, default_value = "0.95")]
    pub(crate) confidence: f64,
    /// The lowest return that the task can give.
    #[arg(long, value_name = "R", value_parser = number, allow_negative_numbers = true)]
    pub(crate) lowest: Option<f64>,
    /// Where the systems are drawn: `box` around the nominal values, the `ball` of a run, or the `shell` around it
    /// [default: box].
    #[arg(long, value_name = "REGION", value_enum)]
    pub(crate) within: Option<Within>,
    /// Half-width of the box, relative to the nominal values [default: 0.5].
    #[arg(long, value_name = "R", value_parser = number)]
    pub(crate) half_width: Option<f64>,
    /// Parameters that vary in the box: names or patterns [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) vary: Option<Vec<String>>,
    /// The run whose ball it is [default: the first RUN that was trained in one].
    #[arg(long, value_name = "RUN")]
    pub(crate) ball: Option<PathBuf>,
    /// Seed of the random systems, the same for every run [default: 0].
    #[arg(long, value_name = "S", value_parser = count)]
    pub(crate) systems_seed: Option<u64>,
    /// Episodes per system.
    #[arg(long, value_name = "N", value_parser = episodes, default_value = "20")]
    pub(crate) episodes: u32,
    /// Seed of the initial states, the same at every system and for every run.
    #[arg(long, value_name = "S", value_parser = count, default_value = "0")]
    pub(crate) seed: u64,
    /// Where to put tables and figures [default: the run's own results/ and figures/].
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Replace existing tables and figures.
    #[arg(long)]
    pub(crate) force: bool,
    /// The physics to simulate with [default: the one the policy was trained on].
    #[arg(long, value_name = "NAME")]
    pub(crate) physics: Option<String>,
    /// Threads to use; results do not depend on it.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    /// Print one JSON object per table.
    #[arg(long)]
    pub(crate) json: bool,
}
