//! `wr2l video` as typed.

use std::path::PathBuf;

use clap::Args;
use wr2l::report::ViewFrom;

use super::{count, number};

/// Show policies move: a video for slides, with a panel a policy and dynamics.
///
/// Every panel is an episode with mean actions from the same initial state, and says the time, the return so far, and when a robot
/// fell. The camera follows the robot; all panels have one scale.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:  wr2l video runs/plain runs/robust --phi torso_density=2500,friction=0.7 -o both.gif\n           \
                        wr2l video runs/robust --phi reference --phi friction=0.5 --seconds 8 -o friction.mp4\n           \
                        wr2l video runs/robust --width 1280 -o frames/"
)]
pub(crate) struct VideoArgs {
    /// Run folders or policy files, side by side.
    #[arg(required = true, value_name = "RUN")]
    pub(crate) runs: Vec<PathBuf>,
    /// Dynamics in physical units: name=value,name=value, or `reference`; the rest stays at the reference. Repeatable: each of them
    /// gives a panel a policy.
    #[arg(long, value_name = "NAME=VALUE,…")]
    pub(crate) phi: Vec<String>,
    /// Seconds to show, from the start of the episode [default: 5, or the whole episode where that is shorter].
    #[arg(long, value_name = "S", value_parser = number)]
    pub(crate) seconds: Option<f64>,
    /// Frames a second; a .gif has at most 50.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60), default_value = "25")]
    pub(crate) fps: u32,
    /// Width of a panel in pixels.
    #[arg(long, value_name = "PX", value_parser = clap::value_parser!(u32).range(160..=1920), default_value = "400")]
    pub(crate) width: u32,
    /// From where one looks: side, front, above, or AZIMUTH,ELEVATION in degrees (0,0 is level in front, -90,0 on the robot's right)
    /// [default: side; of a robot that moves in three dimensions -57,17].
    #[arg(long, value_name = "FROM", allow_hyphen_values = true)]
    pub(crate) view: Option<ViewFrom>,
    /// Seed of the initial state, the same in every panel.
    #[arg(long, value_name = "S", value_parser = count, default_value = "0")]
    pub(crate) seed: u64,
    /// The physics to simulate with [default: the one each policy was trained on].
    #[arg(long, value_name = "NAME")]
    pub(crate) physics: Option<String>,
    /// The video: .gif, .mp4 or .webm (these two by the program ffmpeg), or a folder for numbered pictures.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file, or the numbered pictures in a folder.
    #[arg(long)]
    pub(crate) force: bool,
}
