//! Curves with bands: returns against one parameter, or against steps.

use std::path::Path;

use plotters::prelude::*;

use crate::canvas::{
    self, Area, Chart, GRID, INK, LABEL, Legend, MUTED, Swatch, TICK, TITLE, drawing, font, px, stroke,
};
use crate::figure::{self, FigureError, Quantity};
use crate::marks::Marks;

const WIDTH: f64 = 480.0;
const PLOT_HEIGHT: f64 = 260.0;
const RIGHT: f64 = 16.0;
const BOTTOM: f64 = 44.0;
/// Height of a line of the note.
const NOTE_LINE: f64 = 14.0;
/// Most ticks of an axis.
const TICKS: usize = 7;

/// One curve with an optional band around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend says.
    pub name: String,
    /// Horizontal positions, finite and strictly increasing.
    pub x: Vec<f64>,
    /// Heights of the curve, as many as `x`; NaN where there is no value, which leaves a gap and a cross at the bottom.
    pub y: Vec<f64>,
    /// Lower and upper edge of the band at each position, NaN where there is none; empty for no band at all.
    pub band: Vec<(f64, f64)>,
}

/// Curves over a common axis, with bands, a legend above the plot, and the nominal value marked.
#[derive(Clone, Debug, PartialEq)]
pub struct LineFigure {
    /// Heading; empty for none, as papers prefer.
    pub title: String,
    /// Horizontal axis.
    pub x: Quantity,
    /// Vertical axis.
    pub y: Quantity,
    /// The curves, in legend order.
    pub series: Vec<Series>,
    /// A remark below the legend, e.g. what the band is; empty for none.
    pub note: String,
    /// How the values are drawn.
    pub marks: Marks,
}

impl LineFigure {
    /// The figure as SVG text, 480 pixels wide.
    ///
    /// # Errors
    /// [`FigureError::Empty`] if no curve has a value; [`FigureError::Data`] for curves whose parts differ in length,
    /// positions that do not increase, or numbers beyond ±10¹²; [`FigureError::Drawing`].
    pub fn to_svg(&self) -> Result<String, FigureError> {
        for series in &self.series {
            check(series)?;
        }
        let all_x = self.series.iter().flat_map(|s| s.x.iter().copied());
        let all_y = self.series.iter().flat_map(|s| s.y.iter().copied());
        let edges = self.series.iter().flat_map(|s| s.band.iter().flat_map(|&(low, high)| [low, high]));
        canvas::check_drawable(&self.x.label, self.x.nominal.into_iter())?;
        let y_range = canvas::range(all_y.clone().chain(edges), 0.05, true);
        // The nominal value belongs to the picture even if it was not swept.
        let x_range = canvas::range(all_x.chain(self.x.nominal), 0.02, self.marks == Marks::Lines);
        let has_value = all_y.clone().any(f64::is_finite);
        let (Some(x_range), Some(y_range), true) = (x_range, y_range, has_value) else {
            return Err(FigureError::Empty("no curve has a value".into()));
        };

        let left = 36.0 + canvas::ticks_width(y_range, TICKS);
        let legend = Legend::new(self.legend_entries(), WIDTH - left - RIGHT);
        let room = WIDTH - left - 4.0;
        let note = match self.note.is_empty() {
            true => Vec::new(),
            false => canvas::broken(&self.note, TICK - 0.5, room),
        };
        let note_height = if note.is_empty() { 0.0 } else { 2.0 + NOTE_LINE * note.len() as f64 };
        let title = if self.title.is_empty() { 0.0 } else { 24.0 };
        let top = 8.0 + title + legend.height() + note_height + 4.0;
        canvas::render(WIDTH, top + PLOT_HEIGHT + BOTTOM, |area| {
            if !self.title.is_empty() {
                let style = font(TITLE, INK);
                area.draw_text(&self.title, &style, (px(left), px(8.0))).map_err(drawing)?;
            }
            legend.draw(area, left, 8.0 + title)?;
            for (i, line) in note.iter().enumerate() {
                let y = 8.0 + title + legend.height() + 2.0 + NOTE_LINE * i as f64;
                let size = canvas::fitted(line, TICK - 0.5, room);
                area.draw_text(line, &font(size, MUTED), (px(left), px(y))).map_err(drawing)?;
            }
            self.draw_plot(area, (left, top), x_range, y_range)
        })
    }

    /// Writes [`LineFigure::to_svg`] to a file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`LineFigure::to_svg`], and [`FigureError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), FigureError> {
        figure::write(path, &self.to_svg()?)
    }

    fn legend_entries(&self) -> Vec<(Swatch, String)> {
        let mut entries: Vec<(Swatch, String)> = self
            .series
            .iter()
            .enumerate()
            .map(|(i, series)| (Swatch::Series(i, self.marks), series.name.clone()))
            .collect();
        if self.x.nominal.is_some() {
            entries.push((Swatch::Dashed, "nominal".into()));
        }
        if self.series.iter().any(|s| s.y.iter().any(|y| y.is_nan())) {
            entries.push((Swatch::Cross, "no value (diverged)".into()));
        }
        entries
    }

    fn draw_plot(
        &self,
        area: &Area<'_>,
        (left, top): (f64, f64),
        x_range: (f64, f64),
        y_range: (f64, f64),
    ) -> Result<(), FigureError> {
        let sheet = area.margin(px(top), px(4.0), px(6.0), px(RIGHT));
        let mut chart = ChartBuilder::on(&sheet)
            .x_label_area_size(px(BOTTOM - 4.0))
            .y_label_area_size(px(left - 6.0))
            .build_cartesian_2d(x_range.0..x_range.1, y_range.0..y_range.1)
            .map_err(drawing)?;
        let label_size = canvas::fitted(&self.x.label, LABEL, WIDTH - left - RIGHT).min(canvas::fitted(
            &self.y.label,
            LABEL,
            PLOT_HEIGHT,
        ));
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID.stroke_width(stroke(1.0)))
            .light_line_style(TRANSPARENT)
            .axis_style(INK.stroke_width(stroke(1.0)))
            .set_all_tick_mark_size(px(4.0))
            .x_labels(TICKS)
            .y_labels(TICKS)
            .x_label_formatter(&canvas::format_tick)
            .y_label_formatter(&canvas::format_tick)
            .label_style(font(TICK, INK))
            .axis_desc_style(font(label_size, INK))
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .draw()
            .map_err(drawing)?;

        let at = |x: f64, y: f64| chart.backend_coord(&(x, y));
        if let Some(nominal) = self.x.nominal {
            let style = MUTED.stroke_width(stroke(1.2));
            canvas::dashed(area, &[at(nominal, y_range.0), at(nominal, y_range.1)], style)?;
        }
        // Bands first: no curve may be hidden by another's band.
        for (i, series) in self.series.iter().enumerate() {
            draw_band(area, &chart, series, i)?;
        }
        for (i, series) in self.series.iter().enumerate() {
            for run in runs(series.y.len(), |k| series.y[k].is_finite()) {
                let points: Vec<_> = run.map(|k| at(series.x[k], series.y[k])).collect();
                if points.len() > 1 && self.marks.joined() {
                    canvas::line(area, points.clone(), i)?;
                }
                if self.marks.marked() || points.len() == 1 {
                    let scale = if self.marks.joined() { 1.0 } else { 0.6 };
                    for point in points {
                        canvas::marker(area, point, i, scale)?;
                    }
                }
            }
            let color = canvas::series_color(i);
            for k in (0..series.y.len()).filter(|&k| series.y[k].is_nan()) {
                let (x, y) = at(series.x[k], y_range.0);
                canvas::cross(area, (x, y - px(6.0)), color)?;
            }
        }
        Ok(())
    }
}

fn check(series: &Series) -> Result<(), FigureError> {
    let what = format!("`{}`", series.name);
    let n = series.x.len();
    if series.y.len() != n || !(series.band.is_empty() || series.band.len() == n) {
        let (y, band) = (series.y.len(), series.band.len());
        return Err(FigureError::data(what, format!("{n} positions, {y} values, {band} band edges")));
    }
    if series.x.iter().any(|x| !x.is_finite()) || series.x.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(FigureError::data(what, "positions must be finite and increase"));
    }
    let edges = series.band.iter().flat_map(|&(low, high)| [low, high]);
    canvas::check_drawable(&what, series.x.iter().chain(&series.y).copied().chain(edges))
}

fn draw_band(
    area: &Area<'_>,
    chart: &Chart<'_, '_>,
    series: &Series,
    index: usize,
) -> Result<(), FigureError> {
    for run in runs(series.band.len(), |k| series.band[k].0.is_finite() && series.band[k].1.is_finite()) {
        if run.len() > 1 {
            let upper = run.clone().map(|k| chart.backend_coord(&(series.x[k], series.band[k].1)));
            let lower = run.clone().rev().map(|k| chart.backend_coord(&(series.x[k], series.band[k].0)));
            canvas::band(area, upper.chain(lower).collect(), index)?;
        } else {
            // A single position has no area: an error bar instead.
            let (x, (low, high)) = (series.x[run.start], series.band[run.start]);
            let bar = vec![chart.backend_coord(&(x, low)), chart.backend_coord(&(x, high))];
            canvas::line(area, bar, index)?;
        }
    }
    Ok(())
}

/// The maximal runs of consecutive indices below `n` for which `holds`.
fn runs(n: usize, holds: impl Fn(usize) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for k in (0..n).filter(|&k| holds(k)) {
        match runs.last_mut() {
            Some(run) if run.end == k => run.end += 1,
            _ => runs.push(k..k + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn figure(x: &[f64], y: &[f64]) -> LineFigure {
        LineFigure {
            title: String::new(),
            x: Quantity::parameter("torso_density", "kg/m³", 1000.0),
            y: Quantity::new("mean return"),
            series: vec![Series {
                name: "PPO <&\"'>".into(),
                x: x.to_vec(),
                y: y.to_vec(),
                band: y.iter().map(|y| (y - 1.0, y + 1.0)).collect(),
            }],
            note: "band: ± standard error".into(),
            marks: Marks::MarkedLines,
        }
    }

    #[test]
    fn the_figure_says_what_it_shows_and_is_the_same_every_time() {
        let figure = figure(&[500.0, 1000.0, 3000.0], &[10.0, 2000.0, 300.0]);
        let svg = figure.to_svg().unwrap();
        for text in
            ["torso density (kg/m³)", "mean return", "PPO &lt;&amp;", "nominal", "band: ±", "sans-serif"]
        {
            assert!(svg.contains(text), "{text} is missing");
        }
        assert!(svg.starts_with("<svg width=\"480\"") && svg.ends_with("</svg>\n"), "{}", &svg[..80]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert_eq!(svg, figure.to_svg().unwrap());
    }

    #[test]
    fn a_long_note_stands_in_lines_of_the_usual_size() {
        let note = |note: &str| LineFigure { note: note.into(), ..figure(&[500.0, 1000.0], &[10.0, 20.0]) };
        let short = note("mean of 10 seeds; band: ± standard error").to_svg().unwrap();
        assert!(short.contains("mean of 10 seeds; band: ± standard error"));
        let parts = "hopper (planar), 20 episodes per system, ε = 0.0312, 0.0292; mean of 10 seeds; band: ±";
        let long = note(parts).to_svg().unwrap();
        let size = |svg: &str, text: &str| {
            let element =
                svg[..svg.find(text).expect(text)].rsplit("<text").next().unwrap_or_default().to_owned();
            let size = element.split("font-size=\"").nth(1).and_then(|rest| rest.split('"').next());
            size.unwrap().parse::<f64>().unwrap()
        };
        for line in
            ["hopper (planar), 20 episodes per system, ε = 0.0312, 0.0292\n", "mean of 10 seeds; band: ±\n"]
        {
            assert_eq!(size(&long, line), size(&short, "mean of 10 seeds"), "{line}");
        }
        let height =
            |svg: &str| svg.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>();
        assert_eq!(height(&long).unwrap() - height(&short).unwrap(), NOTE_LINE);
    }

    #[test]
    fn degenerate_data_still_make_a_figure() {
        let cases: [(&[f64], &[f64]); 8] = [
            (&[1000.0], &[5.0]),
            (&[1.0, 2.0], &[7.0, 7.0]),
            (&[1.0, 2.0], &[0.0, 0.0]),
            (&[0.0, 1.0, 2.0], &[1.0, f64::NAN, 2.0]),
            (&[1.0, 1.0 + 1e-12], &[-5.0, 1e6]),
            (&[-1e12, 1e12], &[-1e11, 1e11]),
            (&[0.0, 1e-300], &[1.0, 1.0 + 1e-15]),
            (&[1e-11, 2e-11], &[1e-13, -1e-13]),
        ];
        for (x, y) in cases {
            let svg = figure(x, y).to_svg().unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{x:?} {y:?}");
            let missing = y.iter().any(|v| v.is_nan());
            assert_eq!(svg.contains("no value (diverged)"), missing);
        }
    }

    /// Numbers of any size that figures allow.
    fn any_size() -> impl Strategy<Value = f64> {
        (-1.0..1.0_f64, -20.0..11.9_f64).prop_map(|(mantissa, exponent)| {
            (mantissa + 2.0_f64.copysign(mantissa)) / 3.0 * 10_f64.powf(exponent)
        })
    }

    proptest! {
        #[test]
        fn no_allowed_numbers_break_the_drawing(
            mut x in prop::collection::vec(any_size(), 1..6), offset in any_size(), spread in any_size(),
        ) {
            x.sort_by(f64::total_cmp);
            x.dedup();
            let y: Vec<f64> = x.iter().map(|x| offset + spread * (x / 1e12)).collect();
            let mut figure = figure(&x, &y);
            figure.series[0].band.clear();
            match figure.to_svg() {
                Ok(svg) => prop_assert!(!svg.contains("NaN") && !svg.contains("inf")),
                Err(error) => prop_assert!(error.to_string().contains("outside"), "{}", error),
            }
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_with_a_reason() {
        let refused = |figure: LineFigure| figure.to_svg().unwrap_err().to_string();
        assert!(refused(figure(&[], &[])).contains("no curve has a value"));
        assert!(refused(figure(&[1.0, 2.0], &[f64::NAN; 2])).contains("no curve has a value"));
        assert!(refused(figure(&[1.0, 2.0], &[1.0])).contains("2 positions, 1 values"));
        assert!(refused(figure(&[2.0, 1.0], &[1.0, 2.0])).contains("increase"));
        assert!(refused(figure(&[1.0, f64::NAN], &[1.0, 2.0])).contains("increase"));
        assert!(refused(figure(&[1.0, 2.0], &[1.0, f64::INFINITY])).contains("outside"));
        assert!(refused(figure(&[1.0, 2.0], &[1.0, 1e300])).contains("outside"));
    }

    #[test]
    fn points_are_not_joined() {
        let marked = figure(&[500.0, 1000.0, 3000.0], &[10.0, 2000.0, 300.0]);
        let mut points = marked.clone();
        points.series[0].band.clear();
        points.marks = Marks::Points;
        let curves = |figure: &LineFigure| figure.to_svg().unwrap().matches("stroke-width=\"18\"").count();
        assert!(curves(&marked) > curves(&points));
        assert_eq!(curves(&points), 0);
    }

    #[test]
    fn runs_are_maximal() {
        let holds = [true, true, false, true, false, false, true];
        assert_eq!(runs(7, |k| holds[k]), [0..2, 3..4, 6..7]);
        assert!(runs(0, |_| true).is_empty());
    }
}
