//! `wr2l reproduce` as typed.

use std::path::PathBuf;

use clap::Args;

use super::again::AgainArgs;
use super::threads;

/// Run the experiments behind the paper's figures: train what is missing, evaluate, draw.
///
/// Stopped, it goes on where it was when called again. Runs that figures share are trained once; each takes one thread.
#[derive(Debug, Args)]
#[command(after_help = "Examples:  wr2l reproduce --list\n           \
                        wr2l reproduce fig4 --seeds 5 -o reproduction\n           \
                        wr2l reproduce --quick\n           \
                        wr2l reproduce --redraw docs/results/paper")]
pub(crate) struct ReproduceArgs {
    /// Figures (fig1, fig2, fig3, fig4, table1), single experiments (fig1-hopper), or experiment files (own.toml)
    /// [default: all of the paper's].
    #[arg(value_name = "EXPERIMENT")]
    pub(crate) experiments: Vec<String>,
    /// Only list them, and what is done already.
    #[arg(long)]
    pub(crate) list: bool,
    /// Print the runs that are not done, a line each for a POSIX shell, and start nothing: any scheduler can do them, and the
    /// next call evaluates.
    #[arg(long, conflicts_with = "list")]
    pub(crate) print: bool,
    /// Two seeds of a thousand steps each, on a few systems: shows that everything works, and nothing else.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only the first so many seeds of every method; more can follow in another call.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seeds: Option<u64>,
    /// Draw the figures of a folder anew from its tables, and do nothing else.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["experiments", "list", "print", "quick", "seeds", "output"])]
    pub(crate) redraw: Option<PathBuf>,
    /// The folder of runs, tables, figures and pages [default: reproduction, or reproduction-quick].
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Threads to use, one a run; results do not depend on it.
    #[arg(long, value_name = "N", value_parser = threads)]
    pub(crate) threads: Option<usize>,
    #[command(flatten)]
    pub(crate) again: AgainArgs,
}
