//! A film strip: a robot at equal times along its way, one strip a policy, on one scale.

use std::path::Path;

use plotters::prelude::*;

use crate::canvas::{self, Area, GRID, INK, MUTED, TICK, TITLE, drawing, font, px, stroke};
use crate::figure::{self, FigureError};
use crate::page::{CapsuleShape, Skeleton};

/// Width of a strip, and the most that it is high, in pixels.
const STRIP: (f64, f64) = (740.0, 170.0);
const MARGIN: f64 = 10.0;
const HEADING: f64 = 22.0;
const BETWEEN: f64 = 12.0;
const AXIS: f64 = 18.0;
/// Room around everything drawn, in m.
const ROOM: f64 = 0.12;
/// Points of a half circle at a capsule's end.
const ARC: usize = 6;

/// A moment of an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Generalised positions, `[nq]`.
    pub q: Vec<f64>,
    /// Whether the episode was over by then, as it is when a robot has fallen.
    pub over: bool,
}

/// One policy's strip.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    /// What stands above it, e.g. the method.
    pub title: String,
    /// How its episode went, beside the title.
    pub remark: String,
    /// The moments, in order.
    pub frames: Vec<Frame>,
}

/// Strips of the same robot, one below the other.
#[derive(Clone, Debug, PartialEq)]
pub struct FilmFigure {
    /// The robot.
    pub skeleton: Skeleton,
    /// The strips.
    pub strips: Vec<Strip>,
    /// A remark below everything; empty for none.
    pub note: String,
}

/// A capsule of a strip, the moment that it is of, and how strongly it is drawn.
struct Drawn {
    shape: CapsuleShape,
    opacity: f64,
    over: bool,
}

impl FilmFigure {
    /// The figure as SVG text.
    ///
    /// # Errors
    /// [`FigureError::Empty`] without a strip or frame; [`FigureError::Data`] for positions that are not finite or beyond
    /// ±10¹², or too few; [`FigureError::Drawing`].
    pub fn to_svg(&self) -> Result<String, FigureError> {
        if self.strips.iter().all(|strip| strip.frames.is_empty()) {
            return Err(FigureError::Empty("no strip has a frame".into()));
        }
        let needed = self.skeleton.positions();
        for strip in &self.strips {
            let positions = || strip.frames.iter().flat_map(|frame| frame.q.iter().copied());
            if !positions().all(f64::is_finite) {
                return Err(FigureError::data(&strip.title, "a position is not finite"));
            }
            canvas::check_drawable(&strip.title, positions())?;
            if strip.frames.iter().any(|frame| frame.q.len() < needed) {
                return Err(FigureError::data(
                    &strip.title,
                    format!("a frame has fewer than {needed} positions"),
                ));
            }
        }
        let strips: Vec<Vec<Drawn>> = self.strips.iter().map(|strip| self.drawn(strip)).collect();
        let shapes = || strips.iter().flatten().map(|drawn| &drawn.shape);
        let (left, right) = extent(shapes(), 0);
        let (bottom, top) = extent(shapes(), 1);
        let bottom = if self.skeleton.ground { bottom.min(0.0) } else { bottom };
        let (left, right, bottom, top) = (left - ROOM, right + ROOM, bottom - ROOM / 2.0, top + ROOM);
        let zoom = (STRIP.0 / (right - left)).min(STRIP.1 / (top - bottom));
        let (width, height) = ((right - left) * zoom, (top - bottom) * zoom);
        let row = HEADING + height + BETWEEN;
        let note = if self.note.is_empty() { 0.0 } else { 18.0 };
        let total = (STRIP.0 + 2.0 * MARGIN, self.strips.len() as f64 * row + AXIS + note);
        canvas::render(total.0, total.1, |area| {
            for (index, drawn) in strips.iter().enumerate() {
                let y = index as f64 * row;
                self.heading(area, index, y)?;
                let at =
                    |[x, z]: [f64; 2]| (px(MARGIN + (x - left) * zoom), px(y + HEADING + (top - z) * zoom));
                let last = index + 1 == strips.len();
                self.floor(area, &at, (left, right), last)?;
                for one in drawn {
                    capsule(area, &at, one, canvas::series_color(index))?;
                }
            }
            if !self.note.is_empty() {
                let size = canvas::fitted(&self.note, TICK, width.max(STRIP.0));
                let place = (px(MARGIN), px(total.1 - 16.0));
                area.draw_text(&self.note, &font(size, MUTED), place).map_err(drawing)?;
            }
            Ok(())
        })
    }

    /// Writes [`FilmFigure::to_svg`] to a file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`FilmFigure::to_svg`], and [`FigureError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), FigureError> {
        figure::write(path, &self.to_svg()?)
    }

    /// Everything of a strip in the order in which it is drawn: later moments over earlier ones, and stronger. What does
    /// not move along is drawn side by side.
    fn drawn(&self, strip: &Strip) -> Vec<Drawn> {
        let n = strip.frames.len();
        let aside = if self.skeleton.view.follow { 0.0 } else { 0.5 * self.skeleton.view.height };
        let mut list = Vec::new();
        for (k, frame) in strip.frames.iter().enumerate() {
            let later = if n > 1 { k as f64 / (n - 1) as f64 } else { 1.0 };
            let shift = aside * k as f64;
            for (link, shapes) in self.skeleton.links.iter().zip(self.skeleton.pose(&frame.q)) {
                // A left leg looks like the right one: it is drawn as what is behind.
                let behind = if link.name.ends_with("_left") { 0.55 } else { 1.0 };
                list.extend(shapes.into_iter().map(|mut shape| {
                    shape.from[0] += shift;
                    shape.to[0] += shift;
                    Drawn { shape, opacity: (0.35 + 0.6 * later) * behind, over: frame.over }
                }));
            }
        }
        list
    }

    fn heading(&self, area: &Area<'_>, index: usize, y: f64) -> Result<(), FigureError> {
        let strip = &self.strips[index];
        let title_width = canvas::text_width(&strip.title, TITLE).min(0.6 * STRIP.0);
        let style = font(canvas::fitted(&strip.title, TITLE, 0.6 * STRIP.0), canvas::series_color(index));
        area.draw_text(&strip.title, &style, (px(MARGIN), px(y + 4.0))).map_err(drawing)?;
        let left = MARGIN + title_width + 14.0;
        let style = font(canvas::fitted(&strip.remark, TICK + 1.0, STRIP.0 + MARGIN - left), INK);
        area.draw_text(&strip.remark, &style, (px(left), px(y + 5.0))).map_err(drawing)
    }

    /// The floor with a tick a metre, labelled below the last strip.
    fn floor(
        &self,
        area: &Area<'_>,
        at: &impl Fn([f64; 2]) -> (i32, i32),
        (left, right): (f64, f64),
        labelled: bool,
    ) -> Result<(), FigureError> {
        if !self.skeleton.ground {
            let rail = vec![at([left, 0.0]), at([right, 0.0])];
            return area.draw(&PathElement::new(rail, GRID.stroke_width(stroke(1.5)))).map_err(drawing);
        }
        let line = vec![at([left, 0.0]), at([right, 0.0])];
        area.draw(&PathElement::new(line, MUTED.stroke_width(stroke(1.2)))).map_err(drawing)?;
        // So many metres apart that the labels never touch.
        let step = ((right - left) / 20.0).ceil().max(1.0);
        // Adding 0 makes a negative zero, which would be written as such, a positive one.
        let mut metre = (left / step).ceil() * step + 0.0;
        while metre <= right {
            let (x, y) = at([metre, 0.0]);
            let tick = vec![(x, y), (x, y + px(4.0))];
            area.draw(&PathElement::new(tick, MUTED.stroke_width(stroke(1.0)))).map_err(drawing)?;
            if labelled {
                let style = canvas::centred(TICK).color(&MUTED);
                area.draw_text(&format!("{metre} m"), &style, (x, y + px(13.0))).map_err(drawing)?;
            }
            metre += step;
        }
        Ok(())
    }
}

/// Smallest and largest coordinate that the shapes reach, along x (0) or z (1).
fn extent<'a>(shapes: impl Iterator<Item = &'a CapsuleShape>, axis: usize) -> (f64, f64) {
    shapes.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), shape| {
        let (a, b) = (shape.from[axis], shape.to[axis]);
        (low.min(a.min(b) - shape.radius), high.max(a.max(b) + shape.radius))
    })
}

/// A capsule with a light rim, which tells it from those that it covers; grey once the episode is over.
fn capsule(
    area: &Area<'_>,
    at: &impl Fn([f64; 2]) -> (i32, i32),
    Drawn { shape, opacity, over }: &Drawn,
    color: RGBColor,
) -> Result<(), FigureError> {
    let [dx, dz] = [shape.to[0] - shape.from[0], shape.to[1] - shape.from[1]];
    let along = dz.atan2(dx);
    let mut points = Vec::with_capacity(2 * ARC + 3);
    for (end, turn) in [(shape.to, -0.5), (shape.from, 0.5)] {
        for k in 0..=ARC {
            let angle = along + std::f64::consts::PI * (turn + k as f64 / ARC as f64);
            points.push(at([end[0] + shape.radius * angle.cos(), end[1] + shape.radius * angle.sin()]));
        }
    }
    let color = if *over { MUTED } else { color };
    area.draw(&Polygon::new(points.clone(), color.mix(*opacity).filled())).map_err(drawing)?;
    points.push(points[0]);
    area.draw(&PathElement::new(points, WHITE.mix(0.8).stroke_width(stroke(0.7)))).map_err(drawing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pose::tests::two_links;

    fn strip(title: &str, frames: &[([f64; 4], bool)]) -> Strip {
        let frames = frames.iter().map(|&(q, over)| Frame { q: q.into(), over }).collect();
        Strip { title: title.into(), remark: "on its way".into(), frames }
    }

    fn film() -> FilmFigure {
        let standing = ([0.0, 1.5, 0.0, 0.0], false);
        let walking = [standing, ([1.0, 1.5, 0.1, 0.2], false), ([2.0, 1.5, 0.1, -0.2], false)];
        let falling = [standing, ([0.4, 1.2, 0.9, 0.2], false), ([0.6, 0.6, 1.5, 0.2], true)];
        let strips = vec![strip("falls", &falling), strip("walks", &walking)];
        FilmFigure { skeleton: two_links(), strips, note: "a remark".into() }
    }

    #[test]
    fn the_figure_says_what_it_shows_and_is_the_same_every_time() {
        let svg = film().to_svg().unwrap();
        assert!(!svg.contains("-0 m"));
        for text in ["falls", "walks", "on its way", "a remark", "\n0 m", "\n1 m"] {
            assert!(svg.contains(text), "{text}");
        }
        // A polygon a link and moment; one moment of two links is grey.
        assert_eq!(svg.matches("<polygon").count(), 12);
        let grey = format!("fill=\"#{:02X}{:02X}{:02X}\"", MUTED.0, MUTED.1, MUTED.2);
        assert_eq!(svg.lines().filter(|line| line.contains("<polygon") && line.contains(&grey)).count(), 2);
        assert_eq!(svg, film().to_svg().unwrap());
    }

    #[test]
    fn a_robot_that_stays_in_place_is_drawn_side_by_side() {
        let mut figure = film();
        figure.skeleton.view.follow = false;
        for strip in &mut figure.strips {
            for frame in &mut strip.frames {
                frame.q[0] = 0.0;
            }
        }
        let drawn = figure.drawn(&figure.strips[1]);
        assert!(drawn[2].shape.from[0] > drawn[0].shape.from[0] + 1.0);
        figure.to_svg().unwrap();
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_with_a_reason() {
        let empty = FilmFigure { strips: vec![strip("nobody", &[])], ..film() };
        assert!(matches!(empty.to_svg(), Err(FigureError::Empty(_))));
        let lost =
            FilmFigure { strips: vec![strip("lost", &[([f64::NAN, 1.5, 0.0, 0.0], false)])], ..film() };
        assert!(lost.to_svg().unwrap_err().to_string().contains("lost"));
        let mut short = film();
        short.strips[0].frames[1].q.truncate(3);
        assert!(short.to_svg().unwrap_err().to_string().contains("fewer than 4"));
    }
}
