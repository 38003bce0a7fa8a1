//! Histograms below one another on one axis: how returns are distributed over many systems.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::canvas::{self, Area, GRID, INK, LABEL, MUTED, TICK, TITLE, drawing, font, px, stroke};
use crate::figure::{self, FigureError, Quantity};

const WIDTH: f64 = 480.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const PANEL: f64 = 74.0;
const HEADING: f64 = 28.0;
const BOTTOM: f64 = 44.0;
const NOTE: f64 = 18.0;
/// Bars across the shared axis.
const BINS: usize = 48;
const TICKS: usize = 7;

/// One histogram of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramPanel {
    /// What stands above it on the left, e.g. the method.
    pub title: String,
    /// What stands above it on the right in small print, e.g. its mean; may be empty.
    pub remark: String,
    /// Values, in any order; NaN, where there is no value, is left out.
    pub values: Vec<f64>,
    /// A value to mark with a line, e.g. the mean; NaN for none.
    pub mark: f64,
}

/// Histograms of one quantity, one below the other, with common bins and a common height.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramFigure {
    /// The quantity.
    pub x: Quantity,
    /// The histograms, from top to bottom.
    pub panels: Vec<HistogramPanel>,
    /// A remark above them; empty for none.
    pub note: String,
}

impl HistogramFigure {
    /// The figure as SVG text, 480 pixels wide.
    ///
    /// # Errors
    /// [`FigureError::Empty`] if no panel has a value; [`FigureError::Data`] for numbers beyond ±10¹²;
    /// [`FigureError::Drawing`].
    pub fn to_svg(&self) -> Result<String, FigureError> {
        let values = || self.panels.iter().flat_map(|p| p.values.iter().copied().chain([p.mark]));
        canvas::check_drawable(&self.x.label, values())?;
        let Some(range) = canvas::range(values(), 0.02, true) else {
            return Err(FigureError::Empty("no histogram has a value".into()));
        };
        let shares: Vec<[f64; BINS]> = self.panels.iter().map(|panel| shares(&panel.values, range)).collect();
        let highest = shares.iter().flatten().copied().fold(0.0, f64::max).max(1e-9) * 1.05;
        let note = if self.note.is_empty() { 0.0 } else { NOTE };
        let height = 6.0 + note + self.panels.len() as f64 * (HEADING + PANEL) + BOTTOM;
        canvas::render(WIDTH, height, |area| {
            if !self.note.is_empty() {
                let size = canvas::fitted(&self.note, TICK - 0.5, WIDTH - LEFT - 4.0);
                area.draw_text(&self.note, &font(size, MUTED), (px(LEFT), px(6.0))).map_err(drawing)?;
            }
            for (index, shares) in shares.iter().enumerate() {
                let top = 6.0 + note + index as f64 * (HEADING + PANEL);
                self.draw_panel(area, top, index, shares, range, highest)?;
            }
            Ok(())
        })
    }

    /// Writes [`HistogramFigure::to_svg`] to a file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`HistogramFigure::to_svg`], and [`FigureError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), FigureError> {
        figure::write(path, &self.to_svg()?)
    }

    fn draw_panel(
        &self,
        area: &Area<'_>,
        top: f64,
        index: usize,
        shares: &[f64; BINS],
        range: (f64, f64),
        highest: f64,
    ) -> Result<(), FigureError> {
        let panel = &self.panels[index];
        let last = index + 1 == self.panels.len();
        let right = WIDTH - RIGHT;
        let anchored = |size: f64, color, h| font(size, color).pos(Pos::new(h, VPos::Bottom));
        let heading = top + HEADING - 5.0;
        let room = 0.45 * (right - LEFT);
        let size = canvas::fitted(&panel.title, TITLE, room);
        let title = anchored(size, INK, HPos::Left);
        area.draw_text(&panel.title, &title, (px(LEFT), px(heading))).map_err(drawing)?;
        let size = canvas::fitted(&panel.remark, TICK, right - LEFT - room);
        let remark = anchored(size, MUTED, HPos::Right);
        area.draw_text(&panel.remark, &remark, (px(right), px(heading))).map_err(drawing)?;

        let labels = if last { BOTTOM - 4.0 } else { 0.0 };
        let sheet = area.clone().shrink((px(4.0), px(top + HEADING)), (px(right - 4.0), px(PANEL + labels)));
        let mut chart = ChartBuilder::on(&sheet)
            .x_label_area_size(px(labels))
            .y_label_area_size(px(LEFT - 4.0))
            .build_cartesian_2d(range.0..range.1, 0.0..highest)
            .map_err(drawing)?;
        let label_size = canvas::fitted(&self.x.label, LABEL, right - LEFT);
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh()
            .bold_line_style(GRID.stroke_width(stroke(1.0)))
            .light_line_style(TRANSPARENT)
            .axis_style(INK.stroke_width(stroke(1.0)))
            .set_all_tick_mark_size(px(4.0))
            .x_labels(TICKS)
            .y_labels(3)
            .x_label_formatter(&canvas::format_tick)
            .y_label_formatter(&canvas::format_tick)
            .label_style(font(TICK, INK))
            .axis_desc_style(font(label_size, INK))
            .y_desc("systems (%)");
        if last {
            mesh.x_desc(&self.x.label);
        }
        mesh.draw().map_err(drawing)?;

        let color = canvas::series_color(index);
        let at = |x: f64, y: f64| chart.backend_coord(&(x, y));
        let edge = |bin: usize| range.0 + (range.1 - range.0) * bin as f64 / BINS as f64;
        for (bin, &share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let ((x0, y1), (x1, y0)) = (at(edge(bin), 0.0), at(edge(bin + 1), share));
            // A hairline between neighbours; rare values keep a visible height.
            let bar = [(x0 + px(0.3), y0.min(y1 - px(0.8))), (x1 - px(0.3), y1)];
            area.draw(&Rectangle::new(bar, color.mix(0.75).filled())).map_err(drawing)?;
        }
        if panel.mark.is_finite() {
            let line = [at(panel.mark, 0.0), at(panel.mark, highest)];
            canvas::dashed(area, &line, INK.stroke_width(stroke(1.2)))?;
        }
        Ok(())
    }
}

/// Percentage of the values in each of the bins of a range that covers them.
fn shares(values: &[f64], (low, high): (f64, f64)) -> [f64; BINS] {
    let mut counts = [0_u32; BINS];
    for value in values.iter().filter(|value| value.is_finite()) {
        let bin = ((value - low) / (high - low) * BINS as f64) as usize;
        counts[bin.min(BINS - 1)] += 1;
    }
    let total: u32 = counts.iter().sum();
    counts.map(|count| 100.0 * f64::from(count) / f64::from(total.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(panels: &[&[f64]]) -> HistogramFigure {
        let panel = |values: &&[f64]| HistogramPanel {
            title: "WR²L".into(),
            remark: "mean 3".into(),
            values: values.to_vec(),
            mark: 3.0,
        };
        let panels = panels.iter().map(panel).collect();
        HistogramFigure { x: Quantity::new("mean return"), panels, note: "1,000 systems".into() }
    }

    #[test]
    fn every_value_is_in_one_bin() {
        let values: Vec<f64> = (0..=1000).map(f64::from).collect();
        let shares = shares(&values, (0.0, 1000.0));
        assert!((shares.iter().sum::<f64>() - 100.0).abs() < 1e-9);
        assert!(shares.iter().all(|share| (1.9..2.4).contains(share)), "{shares:?}");
        assert_eq!(super::shares(&[f64::NAN], (0.0, 1.0)), [0.0; BINS]);
    }

    #[test]
    fn degenerate_data_still_make_a_figure_and_none_is_refused() {
        for figure in [figure(&[&[7.0]]), figure(&[&[1.0, 2.0], &[f64::NAN]]), figure(&[&[-5.0; 9], &[]])] {
            let svg = figure.to_svg().unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf") && svg.contains("systems (%)"));
            assert_eq!(svg, figure.to_svg().unwrap());
        }
        assert!(matches!(figure(&[]).to_svg(), Err(FigureError::Empty(_))));
        assert!(matches!(figure(&[&[1e13]]).to_svg(), Err(FigureError::Data { .. })));
    }
}
