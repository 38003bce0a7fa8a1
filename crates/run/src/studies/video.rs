//! A video of policies under dynamics, a panel each.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use wr2l_report::{FigureError, RobotDrawing, VideoFigure, VideoFormat, VideoFrame, VideoPanel, ViewFrom};
use wr2l_sim::{Physics, Simulator};

use crate::error::RunError;
use crate::formats::files::check_output;
use crate::studies::episode::{End, Episode};
use crate::studies::evaluation::{Contestant, common_task};
use crate::studies::film::{AFTERMATH, label, titles};
use crate::studies::skeleton::skeleton;
use crate::studies::solid::Figure;
use crate::task::TaskRef;

/// Panels that a video has at most, and those in a row.
const MOST_PANELS: usize = 12;
const MOST_COLUMNS: usize = 4;
/// Frames a second.
const FPS: std::ops::RangeInclusive<u32> = 1..=60;
/// Seconds shown where nothing says how many, if an episode lasts so long.
const USUAL_SECONDS: f64 = 5.0;

/// What a video shows.
#[derive(Debug)]
pub struct Video<'a> {
    /// The policies, in order.
    pub contestants: &'a [Contestant],
    /// Dynamics by name, in physical units; the rest stays at the reference. A panel for each and each policy; none is as one empty.
    pub dynamics: &'a [Vec<(String, f64)>],
    /// Seconds shown, from the start of the episode; `None` for five, or the whole episode where that is shorter.
    pub seconds: Option<f64>,
    /// Frames a second, 1 to 60.
    pub fps: u32,
    /// Pixels that a panel is wide, 160 to 1920.
    pub width: usize,
    /// Seed of the initial state, the same in every panel.
    pub seed: u64,
    /// The physics; `None` for the one each policy was trained on.
    pub physics: Option<Physics>,
    /// From where one looks; `None` for what suits the robot.
    pub view: Option<ViewFrom>,
}

impl Video<'_> {
    /// Plays an episode of each policy under each of the dynamics, with mean actions.
    ///
    /// A frame shows the control step that is nearest to its time. A robot whose episode ended moves on for a moment, and then stays
    /// as it is. Rows are dynamics and columns policies, where there are several of both.
    ///
    /// # Errors
    /// [`RunError::Usage`] for times and counts out of range, no policy, more than twelve panels, and for robots that cannot be
    /// drawn; [`RunError`] for unknown or out-of-bounds parameters, policies of different tasks, and failing physics.
    pub fn figure(&self) -> Result<VideoFigure, RunError> {
        let wrong = |reason: String| Err(RunError::Usage(reason));
        let reference = [Vec::new()];
        let all = if self.dynamics.is_empty() { &reference } else { self.dynamics };
        let count = self.contestants.len() * all.len();
        if count == 0 || count > MOST_PANELS {
            return wrong(format!("a video has 1 to {MOST_PANELS} panels, not {count}"));
        }
        if !FPS.contains(&self.fps) {
            return wrong(format!("--fps {}: expected {} to {}", self.fps, FPS.start(), FPS.end()));
        }
        let task = common_task(self.contestants)?;
        if task.drawn().is_none() && task.solid().is_none() {
            return wrong(format!("the robot of {task} cannot be drawn: nothing says how it looks"));
        }
        let frames = self.frames(&task)?;
        let mut panels = Vec::with_capacity(count);
        for phi in all {
            for (color, (one, title)) in self.contestants.iter().zip(titles(self.contestants)).enumerate() {
                panels.push(self.panel(one, (title, color), phi, frames)?);
            }
        }
        let columns = match (self.contestants.len(), all.len()) {
            (1, _) | (_, 1) => count.min(MOST_COLUMNS),
            (policies, _) => policies,
        };
        Ok(VideoFigure { panels, columns, width: self.width, fps: self.fps, view: self.view })
    }

    /// How many frames fill the time.
    fn frames(&self, task: &TaskRef) -> Result<usize, RunError> {
        let spec = task.spec();
        let limit = f64::from(spec.episode_limit) * spec.dt;
        let seconds = self.seconds.unwrap_or(USUAL_SECONDS.min(limit));
        if !(seconds > 0.0 && seconds <= limit) {
            return Err(RunError::Usage(format!(
                "--seconds {seconds}: expected more than 0 and at most {limit}, a whole episode"
            )));
        }
        Ok(((seconds * f64::from(self.fps)).round() as usize).max(1))
    }

    fn panel(
        &self,
        one: &Contestant,
        (title, color): (String, usize),
        phi: &[(String, f64)],
        frames: usize,
    ) -> Result<VideoPanel, RunError> {
        let names: Vec<&str> = phi.iter().map(|(name, _)| name.as_str()).collect();
        // A name, never a pattern: each stands for one value.
        for name in &names {
            one.task.space().index(name)?;
        }
        let values: Vec<f64> = phi.iter().map(|(_, value)| *value).collect();
        let space = one.task.space().select(&names)?;
        space.check(&values)?;
        let simulator = one.task.simulator(self.physics.unwrap_or(one.origin.physics), space)?;
        let by_name: BTreeMap<String, f64> = phi.iter().cloned().collect();
        let mut solid = one.task.solid().map(Figure::new);
        let robot = match (one.task.drawn(), &solid) {
            (Some(drawn), _) => RobotDrawing::Planar(skeleton(drawn).under(&by_name)),
            (None, Some(figure)) => RobotDrawing::Solid(figure.drawing()),
            (None, None) => {
                return Err(RunError::Usage(format!("the robot of {} cannot be drawn", one.task)));
            }
        };
        if matches!(robot, RobotDrawing::Planar(_)) {
            solid = None;
        }
        let frames = self.play(one, &simulator, &values, frames, solid)?;
        Ok(VideoPanel { title, remark: label(phi), color, robot, frames })
    }

    fn play(
        &self,
        one: &Contestant,
        simulator: &Simulator,
        phi: &[f64],
        count: usize,
        mut solid: Option<Figure>,
    ) -> Result<Vec<VideoFrame>, RunError> {
        let dt = simulator.spec().dt;
        let mut episode = Episode::begin(one, simulator, phi, self.seed)?;
        let mut frames: Vec<VideoFrame> = Vec::with_capacity(count);
        let (mut step, mut still) = (0_u32, false);
        for number in 0..count {
            let at = (number as f64 / f64::from(self.fps) / dt).round() as u32;
            while step < at && !still {
                let over = episode.end().is_some();
                still = over && f64::from(step - episode.length()) * dt >= AFTERMATH;
                still = still || !episode.step();
                step += 1;
            }
            let pose = match (frames.last(), still) {
                // As it was: where the physics blew up there is no pose.
                (Some(last), true) => last.pose.clone(),
                _ => {
                    let positions = episode.positions();
                    let mut pose = Vec::new();
                    match &mut solid {
                        Some(figure) => figure.frame(positions, &mut pose),
                        None => pose.extend_from_slice(positions),
                    }
                    pose
                }
            };
            let seconds = episode.seconds();
            let ended = match episode.end() {
                Some(End::Terminated) => Some(format!("fell at {seconds:.1} s")),
                Some(End::Diverged) => Some(format!("the physics diverged at {seconds:.1} s")),
                None | Some(End::TimeLimit) => None,
            };
            frames.push(VideoFrame { pose, seconds, ret: episode.ret(), ended });
        }
        Ok(frames)
    }
}

/// What a path asks for, before the work: refuses one that could not be written later.
///
/// # Errors
/// [`RunError::Usage`] for an ending that says nothing; [`RunError::Exists`] without `force` for a file, or a folder that is not empty;
/// [`RunError::Io`]; [`RunError::Figure`] where `ffmpeg` is needed and not there, and for more frames a second than the format can have.
pub fn check_video(path: &Path, fps: u32, force: bool) -> Result<VideoFormat, RunError> {
    let format = VideoFormat::of(path).map_err(RunError::Usage)?;
    format.check(fps).map_err(told)?;
    if format != VideoFormat::Frames {
        check_output(path, force)?;
        return Ok(format);
    }
    let refused = |error: std::io::Error| RunError::io("write", path, &error);
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path).map_err(refused)?;
        if entries.next().is_some() && !force {
            return Err(RunError::Exists { path: path.display().to_string(), detail: "" });
        }
        return Ok(format);
    }
    // A file is no folder, and a folder is not made in one that is missing.
    std::fs::create_dir(path).and_then(|()| std::fs::remove_dir(path)).map_err(refused)?;
    Ok(format)
}

/// Draws all frames and writes them, as [`VideoFigure::write`] does.
///
/// # Errors
/// [`RunError::Interrupted`] if `progress` stopped it; [`RunError::Figure`].
pub fn write_video(
    figure: &VideoFigure,
    path: &Path,
    format: VideoFormat,
    progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<(), RunError> {
    figure.write(path, format, progress).map_err(told)
}

/// What drawing says, sorted by whose fault it is.
fn told(error: FigureError) -> RunError {
    match error {
        FigureError::Interrupted => RunError::Interrupted(error.to_string()),
        FigureError::Data { .. } => RunError::Usage(error.to_string()),
        FigureError::Program(reason) => RunError::Failed(reason),
        other => RunError::Figure(other),
    }
}
