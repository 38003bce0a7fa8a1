//! The ranges of several parameters, one bar below the other.

use std::path::Path;

use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::canvas::{self, Area, GRID, INK, LABEL, MUTED, PALETTE, TICK, drawing, font, px, stroke};
use crate::figure::{self, FigureError};

const WIDTH: f64 = 480.0;
const RIGHT: f64 = 16.0;
const ROW: f64 = 22.0;
const BOTTOM: f64 = 38.0;
const TICKS: usize = 7;

/// How far one parameter may move, as changes relative to its nominal value (0.3 is 30 % more).
#[derive(Clone, Debug, PartialEq)]
pub struct RangeRow {
    /// Name of the parameter.
    pub name: String,
    /// Lowest and highest change while all others keep their nominal values; the dark bar.
    pub alone: (f64, f64),
    /// Lowest and highest change while the others move as well; the pale bar.
    pub jointly: (f64, f64),
}

/// What a ball allows each parameter: one row of two bars a parameter, around the nominal value.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeFigure {
    /// The parameters, from top to bottom.
    pub rows: Vec<RangeRow>,
}

impl RangeFigure {
    /// The figure as SVG text, 480 pixels wide.
    ///
    /// # Errors
    /// [`FigureError::Empty`] without rows; [`FigureError::Data`] for a range that is not finite;
    /// [`FigureError::Drawing`].
    pub fn to_svg(&self) -> Result<String, FigureError> {
        let ends = || self.rows.iter().flat_map(|r| [r.alone.0, r.alone.1, r.jointly.0, r.jointly.1]);
        if let Some(bad) = ends().find(|end| !end.is_finite()) {
            return Err(FigureError::data("the ranges", format!("{bad} is no end of a range")));
        }
        canvas::check_drawable("the ranges", ends().map(|end| 100.0 * end))?;
        let Some(range) = canvas::range(ends().map(|end| 100.0 * end), 0.05, false) else {
            return Err(FigureError::Empty("no parameter varies".into()));
        };
        let names = self.rows.iter().map(|row| canvas::text_width(&row.name, TICK));
        let left = 16.0 + names.fold(0.0, f64::max);
        let top = 26.0;
        let bottom = top + ROW * self.rows.len() as f64;
        canvas::render(WIDTH.max(left + 240.0), bottom + BOTTOM, |area| {
            let note = "dark: alone; pale: jointly with the others";
            area.draw_text(note, &font(TICK - 0.5, MUTED), (px(left), px(8.0))).map_err(drawing)?;
            let right = WIDTH.max(left + 240.0) - RIGHT;
            let at = |percent: f64| left + (right - left) * (percent - range.0) / (range.1 - range.0);
            axis(area, range, (top, bottom), &at)?;
            for (index, row) in self.rows.iter().enumerate() {
                let middle = top + ROW * (index as f64 + 0.5);
                let style = font(TICK, INK).pos(Pos::new(HPos::Right, VPos::Center));
                area.draw_text(&row.name, &style, (px(left - 8.0), px(middle))).map_err(drawing)?;
                for ((low, high), half, strength) in [(row.jointly, 6.0, 0.3), (row.alone, 3.0, 1.0)] {
                    let corners =
                        [(px(at(100.0 * low)), px(middle - half)), (px(at(100.0 * high)), px(middle + half))];
                    let style = PALETTE[0].mix(strength).filled();
                    area.draw(&Rectangle::new(corners, style)).map_err(drawing)?;
                }
            }
            Ok(())
        })
    }

    /// Writes [`RangeFigure::to_svg`] to a file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`RangeFigure::to_svg`], and [`FigureError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), FigureError> {
        figure::write(path, &self.to_svg()?)
    }
}

/// Grid lines with their numbers, and the label below.
fn axis(
    area: &Area<'_>,
    range: (f64, f64),
    (top, bottom): (f64, f64),
    at: &impl Fn(f64) -> f64,
) -> Result<(), FigureError> {
    for tick in RangedCoordf64::from(range.0..range.1).key_points(TICKS) {
        let x = px(at(tick));
        let color = if tick.abs() < 1e-9 { INK } else { GRID };
        let path = vec![(x, px(top)), (x, px(bottom))];
        area.draw(&PathElement::new(path, color.stroke_width(stroke(1.0)))).map_err(drawing)?;
        let text = canvas::format_tick(&tick);
        area.draw_text(&text, &canvas::centred(TICK), (x, px(bottom + 10.0))).map_err(drawing)?;
    }
    let middle = px(at(0.5 * (range.0 + range.1)));
    let label = "change from the nominal value (%)";
    area.draw_text(label, &canvas::centred(LABEL), (middle, px(bottom + 27.0))).map_err(drawing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, alone: f64, jointly: f64) -> RangeRow {
        RangeRow { name: name.into(), alone: (-alone, alone), jointly: (-jointly, jointly) }
    }

    #[test]
    fn every_parameter_has_its_name_and_two_bars() {
        let figure = RangeFigure { rows: vec![row("torso_density", 0.3, 0.5), row("friction", 0.1, 0.2)] };
        let svg = figure.to_svg().unwrap();
        for text in ["torso_density", "friction", "change from the nominal value (%)", "−40", "40"] {
            assert!(svg.contains(text), "{text} is missing");
        }
        // The sheet and two bars a row.
        assert_eq!(svg.matches("<rect").count(), 1 + 4);
        assert_eq!(svg, figure.to_svg().unwrap());
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        assert!(matches!(RangeFigure { rows: vec![] }.to_svg(), Err(FigureError::Empty(_))));
        for bad in [f64::NAN, f64::INFINITY, 1e300] {
            let figure = RangeFigure { rows: vec![row("a", 0.1, bad)] };
            assert!(matches!(figure.to_svg(), Err(FigureError::Data { .. })), "{bad}");
        }
        // A parameter that cannot move at all is a line, not an error.
        assert!(RangeFigure { rows: vec![row("a", 0.0, 0.0)] }.to_svg().is_ok());
    }
}
