//! A video through the program `ffmpeg`, which takes raw pictures.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::image::Image;
use crate::figure::FigureError;

const PROGRAM: &str = "ffmpeg";

/// What `ffmpeg` is told for a format, and the file's ending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coding {
    pub(crate) options: &'static [&'static str],
    pub(crate) ending: &'static str,
}

/// H.264 in the way that every player and slide program takes.
pub(crate) const MP4: Coding = Coding {
    options: &[
        "-c:v",
        "libx264",
        "-crf",
        "18",
        "-pix_fmt",
        "yuv420p",
        "-movflags",
        "+faststart",
        "-f",
        "mp4",
    ],
    ending: "mp4",
};
/// VP9.
pub(crate) const WEBM: Coding = Coding {
    options: &["-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-pix_fmt", "yuv420p", "-f", "webm"],
    ending: "webm",
};

/// Refuses a format that needs `ffmpeg` where there is none.
pub(crate) fn check(coding: Coding) -> Result<(), FigureError> {
    let quiet = Command::new(PROGRAM)
        .arg("-version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match quiet {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("`{PROGRAM} -version` failed ({status})"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(failed(format!(
            "there is no `{PROGRAM}` on the PATH, which a .{} needs: install the package `{PROGRAM}`, or write a .gif, which needs nothing",
            coding.ending
        ))),
        Err(error) => Err(failed(format!("`{PROGRAM}` could not be started: {error}"))),
    }
}

/// An `ffmpeg` at work.
pub(crate) struct Ffmpeg {
    child: Child,
    /// What it says; a file, so that it never waits for a reader.
    said: File,
}

impl Ffmpeg {
    /// Starts it for pictures of this size; it writes the file at `path`, in place of what is there.
    pub(crate) fn start(
        coding: Coding,
        [width, height]: [usize; 2],
        fps: u32,
        path: &Path,
    ) -> Result<Self, FigureError> {
        let said = tempfile::tempfile();
        let said = said.map_err(|error| failed(format!("no temporary file could be made: {error}")))?;
        let stderr = said.try_clone().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(PROGRAM);
        command.args(["-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]);
        command.args(["-s", &format!("{width}x{height}"), "-r", &fps.to_string(), "-i", "-", "-an"]);
        command.args(coding.options).arg(path);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(stderr);
        // Ctrl-C is for us, who then end it: it would finish the file instead.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child =
            command.spawn().map_err(|error| failed(format!("`{PROGRAM}` could not be started: {error}")))?;
        Ok(Self { child, said })
    }

    /// Hands it the next picture.
    pub(crate) fn add(&mut self, image: &Image) -> Result<(), FigureError> {
        let written = match &mut self.child.stdin {
            Some(stdin) => stdin.write_all(image.pixels()),
            None => Ok(()),
        };
        // What it said about its end is worth more than that the pipe is broken.
        written.or_else(|error| {
            self.end()?;
            Err(failed(format!("`{PROGRAM}` took no more pictures: {error}")))
        })
    }

    /// Waits until the file is whole.
    pub(crate) fn finish(mut self) -> Result<(), FigureError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), FigureError> {
        drop(self.child.stdin.take());
        let status = self.child.wait().map_err(|error| failed(format!("`{PROGRAM}`: {error}")))?;
        if status.success() {
            return Ok(());
        }
        let mut said = String::new();
        // Without its words the status has to do.
        let _ = self.said.rewind().and_then(|()| self.said.read_to_string(&mut said));
        let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
        Err(failed(match last {
            Some(line) => format!("`{PROGRAM}` failed ({status}): {line}"),
            None => format!("`{PROGRAM}` failed ({status})"),
        }))
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        // It has ended already, unless something went wrong; then nothing more can be done about it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failed(reason: String) -> FigureError {
    FigureError::Program(reason)
}
