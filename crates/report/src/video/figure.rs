//! What a video shows: panels side by side, each a robot at equal times, all of one size and from one side.

use super::camera::{Camera, ViewFrom, Window};
use super::form::Form;
use super::image::{Color, Font, Image, mixed};
use super::scene::{BACKGROUND, Painted, Scene};
use super::vector::{Axes, Vector, axes_of, plus, scaled, turned};
use crate::canvas;
use crate::figure::FigureError;
use crate::page::{Skeleton, SolidDrawing};

/// Pixels that a panel may be wide, and that a whole picture may be wide or high.
const WIDTHS: std::ops::RangeInclusive<usize> = 160..=1920;
const LARGEST: usize = 8192;
/// Pixels between panels, white.
const GAP: usize = 4;
const WHITE: Color = [255; 3];
/// Colour of what stands in the world.
const STILL: Color = [150, 157, 165];
/// Seconds over which the camera's height is smoothed, to either side: a gait's ups and downs stay to be seen.
const SMOOTHED: f64 = 0.5;
/// Radius of a rail (m), and how far behind what runs on it it lies.
const RAIL: (f64, f64) = (0.012, 0.15);
/// Numbers of a body's place: position and quaternion.
const PLACE: usize = 7;

/// How the robot of a video is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum RobotDrawing {
    /// In the plane of x and z; a pose is its generalised positions, `[nq]`.
    Planar(Skeleton),
    /// In three dimensions; a pose is the place of each of its bodies, `[bodies, 7]`: position (m), quaternion (w, x, y, z).
    Solid(SolidDrawing),
}

/// A moment of an episode.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoFrame {
    /// The robot's pose, as its [`RobotDrawing`] says.
    pub pose: Vec<f64>,
    /// Seconds since the episode began.
    pub seconds: f64,
    /// Return so far.
    pub ret: f64,
    /// How the episode ended, where it has by then: `fell at 2.3 s`.
    pub ended: Option<String>,
}

/// A panel: one episode.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoPanel {
    /// Its first line, e.g. the method.
    pub title: String,
    /// Its second line, e.g. the dynamics.
    pub remark: String,
    /// The colour of robot and title, as the number of a figure's series.
    pub color: usize,
    /// The robot.
    pub robot: RobotDrawing,
    /// The moments, `1/fps` seconds apart.
    pub frames: Vec<VideoFrame>,
}

/// A video: panels in rows.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoFigure {
    /// The panels, all with as many frames.
    pub panels: Vec<VideoPanel>,
    /// Panels in a row, from 1.
    pub columns: usize,
    /// Pixels that a panel is wide, 160 to 1920; an odd number counts as the next smaller.
    pub width: usize,
    /// Frames a second, from 1.
    pub fps: u32,
    /// From where one looks; `None` for the side of a robot in the plane, and aslant for others.
    pub view: Option<ViewFrom>,
}

/// A video whose camera is placed, ready to be drawn.
#[derive(Debug)]
pub(crate) struct Shots<'a> {
    figure: &'a VideoFigure,
    /// Size of a panel.
    size: [usize; 2],
    view: ViewFrom,
    window: Window,
    distance: f64,
    /// What the camera looks at, `[panels][frames]`.
    targets: Vec<Vec<Vector>>,
}

/// A shape of a robot, and what of it it is.
struct Piece {
    form: Form,
    role: Role,
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Body,
    /// A left leg, which looks like the right one: it is paler.
    Left,
    /// Stands in the world.
    Still,
}

impl RobotDrawing {
    /// Numbers that a pose has at least.
    fn numbers(&self) -> usize {
        match self {
            Self::Planar(skeleton) => skeleton.positions(),
            Self::Solid(drawing) => PLACE * drawing.bodies.len(),
        }
    }

    fn usual_view(&self) -> ViewFrom {
        match self {
            Self::Planar(_) => ViewFrom::SIDE,
            Self::Solid(_) => ViewFrom::ASLANT,
        }
    }

    fn floor(&self) -> Option<f64> {
        match self {
            Self::Planar(skeleton) => skeleton.ground.then_some(0.0),
            Self::Solid(drawing) => drawing.floor,
        }
    }

    /// Where the robot is, for the camera to follow (x and y).
    fn place(&self, pose: &[f64]) -> [f64; 2] {
        match self {
            Self::Planar(skeleton) => match skeleton.links.first().filter(|_| skeleton.view.follow) {
                Some(link) => [link.anchor[0] + link.slide.map_or(0.0, |(x, _)| pose[x]), 0.0],
                None => [0.0; 2],
            },
            Self::Solid(drawing) if drawing.bodies.is_empty() => [0.0; 2],
            Self::Solid(_) => [pose[0], pose[1]],
        }
    }

    fn pieces(&self, pose: &[f64]) -> Vec<Piece> {
        match self {
            Self::Planar(skeleton) => planar_pieces(skeleton, pose),
            Self::Solid(drawing) => solid_pieces(drawing, pose),
        }
    }
}

fn planar_pieces(skeleton: &Skeleton, pose: &[f64]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (link, shapes) in skeleton.links.iter().zip(skeleton.pose(pose)) {
        let role = if link.name.ends_with("_left") { Role::Left } else { Role::Body };
        let stick = |[x, z]: [f64; 2]| [x, 0.0, z];
        pieces.extend(shapes.iter().map(|shape| Piece {
            form: Form::stick(stick(shape.from), stick(shape.to), shape.radius),
            role,
        }));
    }
    if skeleton.rail > 0.0 {
        let (radius, behind) = RAIL;
        let end = |x: f64| [x, behind, 0.0];
        pieces.push(Piece {
            form: Form::stick(end(-skeleton.rail), end(skeleton.rail), radius),
            role: Role::Still,
        });
    }
    pieces
}

fn solid_pieces(drawing: &SolidDrawing, pose: &[f64]) -> Vec<Piece> {
    let places: Vec<(Vector, Axes)> = pose
        .as_chunks::<PLACE>()
        .0
        .iter()
        .map(|&[x, y, z, a, b, c, d]| ([x, y, z], axes_of([a, b, c, d])))
        .collect();
    let world = ([0.0; 3], axes_of([1.0, 0.0, 0.0, 0.0]));
    let piece = |part: &crate::page::SolidPart| {
        let (origin, axes) = part.body.map_or(world, |body| places[body]);
        let form = Form {
            kind: part.kind,
            size: part.size,
            at: plus(origin, turned(&axes, part.at)),
            axes: axes_of(part.turn).map(|axis| turned(&axes, axis)),
        };
        Piece { form, role: if part.body.is_some() { Role::Body } else { Role::Still } }
    };
    drawing.parts.iter().map(piece).collect()
}

impl VideoFigure {
    /// The pictures of all frames, in order.
    ///
    /// # Errors
    /// [`FigureError::Empty`] without a panel or a frame; [`FigureError::Data`] for panels of unequal length, numbers that are not finite
    /// or too few, and sizes out of range.
    pub fn images(&self) -> Result<impl Iterator<Item = Image>, FigureError> {
        let shots = self.shots()?;
        Ok((0..shots.frames()).map(move |number| shots.image(number)))
    }

    /// Places the camera, so that every robot is in the picture all the time, and all are of one size.
    ///
    /// # Errors
    /// [`VideoFigure::images`]'s.
    pub(crate) fn shots(&self) -> Result<Shots<'_>, FigureError> {
        self.check()?;
        let width = self.width - self.width % 2;
        let size = [width, width / 8 * 6];
        let line = Font::for_width(width).line() as f64;
        let (top, bottom) = (2.0 * line + 8.0, line + 8.0);
        let height = size[1] as f64 - top - bottom;
        let window = Window { left: 8.0, top, width: width as f64 - 16.0, height };
        let view = self.view.unwrap_or_else(|| self.panels[0].robot.usual_view());
        let targets: Vec<Vec<Vector>> = self.panels.iter().map(|panel| self.targets(panel)).collect();
        let mut distance = 0.0_f64;
        for (panel, targets) in self.panels.iter().zip(&targets) {
            for (frame, target) in panel.frames.iter().zip(targets) {
                let balls = moving(&panel.robot, &frame.pose);
                let balls = balls.into_iter().map(|(at, radius)| (plus(at, scaled(*target, -1.0)), radius));
                distance = distance.max(Camera::distance(view, window.width / window.height, balls));
            }
        }
        Ok(Shots { figure: self, size, view, window, distance, targets })
    }

    fn check(&self) -> Result<(), FigureError> {
        let wrong = |reason: String| Err(FigureError::data("the video", reason));
        let Some(first) = self.panels.first() else {
            return Err(FigureError::Empty("a video without a panel".into()));
        };
        if first.frames.is_empty() {
            return Err(FigureError::Empty("a video without a frame".into()));
        }
        if !WIDTHS.contains(&self.width) {
            let (least, most) = (WIDTHS.start(), WIDTHS.end());
            return wrong(format!("a panel {} pixels wide: expected {least} to {most}", self.width));
        }
        if self.columns == 0 || self.fps == 0 {
            return wrong("no column, or no frame a second".into());
        }
        if let Some(size) = self.size().into_iter().find(|size| *size > LARGEST) {
            return wrong(format!("its picture would have a side of {size} pixels, more than {LARGEST}"));
        }
        for panel in &self.panels {
            let wrong = |reason: &str| Err(FigureError::data(&panel.title, reason));
            if panel.frames.len() != first.frames.len() {
                return wrong("it has another number of frames than the first panel");
            }
            let numbers = || panel.frames.iter().flat_map(|frame| frame.pose.iter().copied());
            if !numbers().all(f64::is_finite) {
                return wrong("a position is not finite");
            }
            canvas::check_drawable(&panel.title, numbers())?;
            if panel.frames.iter().any(|frame| frame.pose.len() < panel.robot.numbers()) {
                return wrong("a frame has too few positions");
            }
        }
        Ok(())
    }

    /// Width and height of a picture, pixels.
    fn size(&self) -> [usize; 2] {
        let width = self.width - self.width % 2;
        let columns = self.columns.min(self.panels.len());
        let rows = self.panels.len().div_ceil(self.columns);
        [columns * (width + GAP) - GAP, rows * (width / 8 * 6 + GAP) - GAP]
    }

    /// What the camera looks at in each frame of a panel: where the robot is, at the middle of its height around that time.
    fn targets(&self, panel: &VideoPanel) -> Vec<Vector> {
        let middle = |frame: &VideoFrame| {
            let balls = moving(&panel.robot, &frame.pose);
            let (low, high) =
                balls.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (at, radius)| {
                    (low.min(at[2] - radius), high.max(at[2] + radius))
                });
            if low <= high { 0.5 * (low + high) } else { 0.0 }
        };
        let heights: Vec<f64> = panel.frames.iter().map(middle).collect();
        let reach = (SMOOTHED * f64::from(self.fps)).ceil() as usize;
        let smooth = |number: usize| {
            // As far to the one side as to the other, so that nothing runs ahead of a steady rise.
            let reach = reach.min(number).min(heights.len() - 1 - number);
            let around = &heights[number - reach..=number + reach];
            around.iter().sum::<f64>() / around.len() as f64
        };
        let place = |(number, frame): (usize, &VideoFrame)| {
            let [x, y] = panel.robot.place(&frame.pose);
            [x, y, smooth(number)]
        };
        panel.frames.iter().enumerate().map(place).collect()
    }
}

/// Balls whose hull holds what moves of a robot; all of it where nothing does, and its rail.
fn moving(robot: &RobotDrawing, pose: &[f64]) -> Vec<(Vector, f64)> {
    let planar = matches!(robot, RobotDrawing::Planar(_));
    let pieces = robot.pieces(pose);
    let balls = pieces.iter().filter(|piece| planar || piece.role != Role::Still);
    balls.flat_map(|piece| piece.form.hull()).collect()
}

impl Shots<'_> {
    pub(crate) fn frames(&self) -> usize {
        self.targets[0].len()
    }

    /// Width and height of a picture, pixels, both even.
    pub(crate) fn size(&self) -> [usize; 2] {
        self.figure.size()
    }

    /// The picture of a frame.
    pub(crate) fn image(&self, number: usize) -> Image {
        let [width, height] = self.size();
        let mut image = Image::new(width, height, WHITE);
        for (place, panel) in self.figure.panels.iter().enumerate() {
            let (column, row) = (place % self.figure.columns, place / self.figure.columns);
            let drawn = self.panel(panel, &self.targets[place], number);
            image.put(&drawn, column * (self.size[0] + GAP), row * (self.size[1] + GAP));
        }
        image
    }

    fn panel(&self, panel: &VideoPanel, targets: &[Vector], number: usize) -> Image {
        let (frame, target) = (&panel.frames[number], targets[number]);
        let (color, ink, muted) =
            (rgb(canvas::series_color(panel.color)), rgb(canvas::INK), rgb(canvas::MUTED));
        let body = if frame.ended.is_some() { muted } else { color };
        let paint = |Piece { form, role }| {
            let color = match role {
                Role::Body => body,
                Role::Left => [0, 1, 2].map(|k| mixed(body[k], BACKGROUND[k], 110)),
                Role::Still => STILL,
            };
            Painted { form, color, shadow: role != Role::Still }
        };
        let forms = panel.robot.pieces(&frame.pose).into_iter().map(paint).collect();
        let scene = Scene { forms, floor: panel.robot.floor(), target, distance: self.distance };
        let camera = Camera::new(self.view, target, self.distance, self.window);
        let [width, height] = self.size;
        let mut image = scene.draw(&camera, width, height);
        let font = Font::for_width(width);
        image.text(&panel.title, font.bold(), color, (8, 4));
        image.text(&panel.remark, font, muted, (8, 4 + font.line()));
        // Adding 0 turns −0 into 0.
        let ret = frame.ret.round() + 0.0;
        let state = match &frame.ended {
            Some(ended) => format!("{ended}, return {ret}"),
            None => format!("{:.2} s, return {ret}", frame.seconds),
        };
        image.text(&state, font, ink, (8, height - font.line() - 2));
        image
    }
}

fn rgb(color: plotters::style::RGBColor) -> Color {
    [color.0, color.1, color.2]
}
