//! `wr2l film` as typed.

use std::path::PathBuf;

use clap::Args;

use super::{count, number};

/// Draw policies under the same dynamics, moment by moment: a strip each, on one scale.
///
/// Every policy plays one episode with mean actions from the same initial state. The strip shows its beginning, and says
/// what became of the whole.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:  wr2l film runs/plain runs/robust --phi torso_density=2500,friction=0.7 -o film.svg\n           \
                        wr2l film runs/robust --seconds 1 --frames 8 -o step.svg"
)]
pub(crate) struct FilmArgs {
    /// Run folders or policy files, one a strip.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Dynamics in physical units: name=value,name=value. The rest stays at the reference.
    #[arg(long, value_name = "NAME=VALUE,…", default_value = "", hide_default_value = true)]
    pub(crate) phi: String,
    /// Seconds to show, from the start of the episode.
    #[arg(long, value_name = "S", value_parser = number, default_value = "3")]
    pub(crate) seconds: f64,
    /// Moments in that time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100), default_value = "16")]
    pub(crate) frames: u32,
    /// Seed of the initial state, the same for every policy.
    #[arg(long, value_name = "S", value_parser = count, default_value = "0")]
    pub(crate) seed: u64,
    /// The physics to simulate with [default: the one each policy was trained on].
    #[arg(long, value_name = "NAME")]
    pub(crate) physics: Option<String>,
    /// The figure (SVG).
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file.
    #[arg(long)]
    pub(crate) force: bool,
}
