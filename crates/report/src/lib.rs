//! Figures from result tables; draws, never simulates.
//!
//! [`LineFigure`] draws curves with bands ([`sweep_figure`] over one parameter, [`learning_figure`] over steps);
//! [`HeatMapFigure`] draws maps over two parameters ([`heat_map_figure`]); [`HistogramFigure`] the distribution over many
//! systems ([`histogram_figure`]). [`FilmFigure`] shows robots on their way, and [`VideoFigure`] shows them move.
//! [`page`] makes one HTML page of everything. Every figure is SVG text whose bytes depend
//! on its data alone, and so do a video's pictures.
#![forbid(unsafe_code)]

mod canvas;
mod figure;
mod film;
mod heat_map;
mod histogram;
mod lines;
mod marks;
pub mod page;
mod pose;
mod ranges;
mod tables;
mod video;

pub use figure::{FigureError, Quantity};
pub use film::{FilmFigure, Frame, Strip};
pub use heat_map::{HeatMapFigure, Panel};
pub use histogram::{HistogramFigure, HistogramPanel};
pub use lines::{LineFigure, Series};
pub use marks::Marks;
pub use ranges::{RangeFigure, RangeRow};
pub use tables::{
    Band, LearningRun, heat_map_figure, histogram_figure, learning_figure, policy_steps, profile_figure,
    sweep_figure,
};
pub use video::{Image, RobotDrawing, VideoFigure, VideoFormat, VideoFrame, VideoPanel, ViewFrom};
