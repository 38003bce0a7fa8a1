//! Moving pictures of robots: a scene per panel, drawn by rays, and the files they become.

mod camera;
mod ffmpeg;
mod figure;
mod form;
mod gif_file;
mod image;
mod palette;
mod png_files;
mod scene;
mod vector;
mod write;

pub use camera::ViewFrom;
pub use figure::{RobotDrawing, VideoFigure, VideoFrame, VideoPanel};
pub use image::Image;
pub use write::VideoFormat;

#[cfg(test)]
mod tests;
