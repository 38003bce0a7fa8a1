//! Which files a video becomes, whole or not at all.

use std::ops::ControlFlow;
use std::path::Path;

use super::ffmpeg::{self, Coding, Ffmpeg};
use super::figure::{Shots, VideoFigure};
use super::gif_file;
use super::png_files::NewFolder;
use crate::figure::FigureError;

/// What a video is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoFormat {
    /// One file that every program shows; 256 colours. At most 50 frames a second.
    Gif,
    /// A folder of pictures, `frame-0000.png` and on.
    Frames,
    /// H.264, by the program `ffmpeg`.
    Mp4,
    /// VP9, by the program `ffmpeg`.
    Webm,
}

/// Frames a second that a GIF can have: what comes faster, programs show slowly.
const MOST_OF_GIF: u32 = 50;

impl VideoFormat {
    /// What a path asks for: by its ending; a folder if it is one, has none, or ends in `/`.
    ///
    /// # Errors
    /// A sentence for an ending that says nothing.
    pub fn of(path: &Path) -> Result<Self, String> {
        let ends_in_slash = path.to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]);
        let Some(ending) = path.extension().filter(|_| !ends_in_slash && !path.is_dir()) else {
            return Ok(Self::Frames);
        };
        match ending.to_string_lossy().to_lowercase().as_str() {
            "gif" => Ok(Self::Gif),
            "mp4" => Ok(Self::Mp4),
            "webm" => Ok(Self::Webm),
            "png" => Err(format!(
                "`{}`: a .png holds one picture; name a folder, which gets one a frame",
                path.display()
            )),
            _ => Err(format!(
                "`{}`: expected .gif, .mp4, .webm, or a folder for numbered pictures (ends in /)",
                path.display()
            )),
        }
    }

    /// Refuses what this machine cannot write, and so many frames a second that the format cannot have.
    ///
    /// # Errors
    /// [`FigureError::Program`] where `ffmpeg` is needed and not there; [`FigureError::Data`].
    pub fn check(self, fps: u32) -> Result<(), FigureError> {
        match self {
            Self::Gif if fps > MOST_OF_GIF => Err(FigureError::data(
                "the video",
                format!("a .gif has at most {MOST_OF_GIF} frames a second, not {fps}"),
            )),
            _ => self.coding().map_or(Ok(()), ffmpeg::check),
        }
    }

    fn coding(self) -> Option<Coding> {
        match self {
            Self::Mp4 => Some(ffmpeg::MP4),
            Self::Webm => Some(ffmpeg::WEBM),
            Self::Gif | Self::Frames => None,
        }
    }
}

impl VideoFigure {
    /// Draws all frames and writes them, in place of what is there: a whole file, or a whole folder, or nothing. `progress` is told
    /// the share that is done, in [0, 1], and may stop it.
    ///
    /// # Errors
    /// [`VideoFigure::images`]'s and [`VideoFormat::check`]'s; [`FigureError::Interrupted`] if `progress` stopped it;
    /// [`FigureError::Io`], [`FigureError::Program`].
    pub fn write(
        &self,
        path: &Path,
        format: VideoFormat,
        progress: &mut dyn FnMut(f64) -> ControlFlow<()>,
    ) -> Result<(), FigureError> {
        format.check(self.fps)?;
        let shots = self.shots()?;
        let count = shots.frames();
        let mut step = |number: usize| match progress(number as f64 / count as f64) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(FigureError::Interrupted),
        };
        let refused = |source: std::io::Error| FigureError::Io { path: path.to_owned(), source };
        if let Some(coding) = format.coding() {
            return encode(&shots, coding, self.fps, path, &mut step);
        }
        if format == VideoFormat::Gif {
            let bytes = gif_file::encode(&shots, self.fps, &mut step)?;
            return wr2l_eval::write_atomically(path, &bytes).map_err(refused);
        }
        let mut folder = NewFolder::create(path).map_err(refused)?;
        for number in 0..count {
            step(number)?;
            folder.add(&shots.image(number)).map_err(refused)?;
        }
        folder.finish(path).map_err(refused)
    }
}

fn encode(
    shots: &Shots<'_>,
    coding: Coding,
    fps: u32,
    path: &Path,
    step: &mut dyn FnMut(usize) -> Result<(), FigureError>,
) -> Result<(), FigureError> {
    let refused = |source: std::io::Error| FigureError::Io { path: path.to_owned(), source };
    let beside = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    let suffix = format!(".tmp.{}", coding.ending);
    builder.prefix(".").suffix(&suffix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(beside).map_err(refused)?.into_temp_path();
    let mut program = Ffmpeg::start(coding, shots.size(), fps, &file)?;
    for number in 0..shots.frames() {
        step(number)?;
        program.add(&shots.image(number))?;
    }
    program.finish()?;
    file.persist(path).map_err(|error| refused(error.error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_what_is_written() {
        let of = |path: &str| VideoFormat::of(Path::new(path));
        assert_eq!(of("a.gif"), Ok(VideoFormat::Gif));
        assert_eq!(of("A.MP4"), Ok(VideoFormat::Mp4));
        assert_eq!(of("x/a.webm"), Ok(VideoFormat::Webm));
        for folder in ["frames", "a.gif/", "x/y", "."] {
            assert_eq!(of(folder), Ok(VideoFormat::Frames), "{folder}");
        }
        assert!(of("a.png").unwrap_err().contains("name a folder"));
        assert!(of("a.avi").unwrap_err().contains(".gif, .mp4, .webm"));
    }

    #[test]
    fn a_gif_has_no_more_frames_than_programs_show() {
        assert!(VideoFormat::Gif.check(50).is_ok() && VideoFormat::Frames.check(60).is_ok());
        assert!(VideoFormat::Gif.check(60).unwrap_err().to_string().contains("at most 50"));
    }
}
