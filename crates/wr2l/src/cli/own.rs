//! `wr2l inspect` and `wr2l check` as typed.

use std::path::PathBuf;

use clap::Args;

/// List what a robot's model consists of: every element with the selector to paste into a task file, and its nominal values.
///
/// Reads MJCF or URDF, which needs a build with MuJoCo, and the robots that runs keep, which does not.
#[derive(Debug, Args)]
#[command(after_help = "Example:  wr2l inspect go2/scene_flat.xml")]
pub(crate) struct InspectArgs {
    /// The model: MJCF, URDF, MuJoCo's binary, or a run's task/model.robot.
    pub(crate) model: PathBuf,
}

/// Check a task file: what its selectors mean, which physics moves it and how fast, and whether every parameter changes
/// something.
///
/// Each parameter is set to both of its bounds for 200 steps. One that changes nothing is an error, one under which the
/// physics breaks down a warning.
#[derive(Debug, Args)]
#[command(after_help = "Example:  wr2l check walk.toml")]
pub(crate) struct CheckArgs {
    /// The task's file (TOML).
    pub(crate) task: PathBuf,
}
