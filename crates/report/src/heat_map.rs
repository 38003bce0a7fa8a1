//! Heat maps over two parameters, side by side on one colour scale.

use std::path::Path;

use plotters::prelude::*;

use crate::canvas::{self, Area, INK, LABEL, Legend, Swatch, TICK, TITLE, drawing, font, px, stroke};
use crate::figure::{self, FigureError, Quantity};

const PANEL: (f64, f64) = (168.0, 156.0);
const GAP: (f64, f64) = (16.0, 30.0);
const TOP: f64 = 26.0;
const BOTTOM: f64 = 40.0;
const BAR_WIDTH: f64 = 13.0;
const BAR_GAP: f64 = 14.0;
const MOST_COLUMNS: usize = 4;
/// Most ticks of the horizontal and the vertical axis.
const TICKS: (usize, usize) = (5, 7);

/// One map of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What stands above it, e.g. the method.
    pub title: String,
    /// Values, `[y, x]` row-major: the x coordinate varies fastest. NaN where there is no value.
    pub values: Vec<f64>,
}

/// Maps of one quantity over the same two parameters, one a panel, on one shared colour scale.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMapFigure {
    /// Horizontal axis; the nominal point is marked if both axes have a nominal value.
    pub x: Quantity,
    /// Vertical axis.
    pub y: Quantity,
    /// Horizontal positions of the cells' middles, finite and strictly increasing.
    pub x_values: Vec<f64>,
    /// Vertical positions of the cells' middles, finite and strictly increasing.
    pub y_values: Vec<f64>,
    /// What the colours mean.
    pub value_label: String,
    /// The maps, in reading order.
    pub panels: Vec<Panel>,
    /// Ends of the colour scale; `None` for the smallest and largest value over all panels.
    pub scale: Option<(f64, f64)>,
    /// Outline of the Wasserstein ball as points (x, y), closed by itself; empty for none. What lies outside the
    /// axes is cut off.
    pub outline: Vec<(f64, f64)>,
    /// A remark below everything, e.g. task and episodes; empty for none.
    pub note: String,
}

/// Where everything goes, in pixels.
struct Places {
    columns: usize,
    rows: usize,
    /// Left edge of the first panel.
    left: f64,
    /// Width of the colour bar's labels.
    bar_labels: f64,
}

impl HeatMapFigure {
    /// The figure as SVG text, up to four panels a row.
    ///
    /// # Errors
    /// [`FigureError::Empty`] if no panel has a value; [`FigureError::Data`] for positions that do not increase, a
    /// panel of the wrong size, a scale that does not increase, or numbers beyond ±10¹²;
    /// [`FigureError::Drawing`].
    pub fn to_svg(&self) -> Result<String, FigureError> {
        self.check()?;
        let values = || self.panels.iter().flat_map(|panel| panel.values.iter().copied());
        let Some(found) = canvas::range(values(), 0.0, false) else {
            return Err(FigureError::Empty("no panel has a value".into()));
        };
        let scale = self.scale.unwrap_or(found);

        let rows = self.panels.len().div_ceil(MOST_COLUMNS);
        let columns = self.panels.len().div_ceil(rows);
        let y_edges = edges(&self.y_values, self.y.bounds);
        let left = 34.0 + canvas::ticks_width((y_edges[0], y_edges[y_edges.len() - 1]), TICKS.1);
        let bar_labels = 36.0 + canvas::ticks_width(scale, TICKS.1);
        let places = Places { columns, rows, left, bar_labels };
        let width = left + columns as f64 * (PANEL.0 + GAP.0) - GAP.0 + BAR_GAP + BAR_WIDTH + bar_labels;
        let legend_top = TOP + rows as f64 * (PANEL.1 + GAP.1) - GAP.1 + BOTTOM + 6.0;
        let legend = Legend::new(self.legend_entries(), width - left - 10.0);
        let note_top = legend_top + legend.height() + 2.0;
        let note = if self.note.is_empty() { 0.0 } else { 16.0 };
        canvas::render(width, note_top + note + 2.0, |area| {
            if !self.note.is_empty() {
                let size = canvas::fitted(&self.note, TICK - 0.5, width - left - 10.0);
                let style = font(size, canvas::MUTED);
                area.draw_text(&self.note, &style, (px(left), px(note_top))).map_err(drawing)?;
            }
            for index in 0..self.panels.len() {
                self.draw_panel(area, &places, index, scale)?;
            }
            self.draw_bar(area, &places, scale)?;
            legend.draw(area, left, legend_top)
        })
    }

    /// Writes [`HeatMapFigure::to_svg`] to a file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`HeatMapFigure::to_svg`], and [`FigureError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), FigureError> {
        figure::write(path, &self.to_svg()?)
    }

    fn check(&self) -> Result<(), FigureError> {
        for (quantity, values) in [(&self.x, &self.x_values), (&self.y, &self.y_values)] {
            let increasing = values.windows(2).all(|pair| pair[0] < pair[1]);
            if values.is_empty() || !increasing || values.iter().any(|v| !v.is_finite()) {
                let reason = "positions must be finite, at least one, and increase";
                return Err(FigureError::data(&quantity.label, reason));
            }
            canvas::check_drawable(&quantity.label, values.iter().copied().chain(quantity.nominal))?;
            if values.len() > 1 && canvas::too_narrow(values[0], values[values.len() - 1]) {
                return Err(FigureError::data(&quantity.label, "positions are too close together"));
            }
        }
        if self.panels.is_empty() {
            return Err(FigureError::Empty("a heat map needs at least one panel".into()));
        }
        let cells = self.x_values.len() * self.y_values.len();
        for panel in &self.panels {
            let what = format!("`{}`", panel.title);
            if panel.values.len() != cells {
                let got = panel.values.len();
                return Err(FigureError::data(what, format!("{got} values for {cells} cells")));
            }
            canvas::check_drawable(&what, panel.values.iter().copied())?;
        }
        if let Some((low, high)) = self.scale {
            canvas::check_drawable("the colour scale", [low, high].into_iter())?;
            if low.is_nan() || high.is_nan() || canvas::too_narrow(low, high) {
                let reason = format!("{low} to {high} does not increase");
                return Err(FigureError::data("the colour scale", reason));
            }
        }
        if self.outline.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
            return Err(FigureError::data("the ball's outline", "a point is not finite"));
        }
        Ok(())
    }

    fn edges(&self) -> (Vec<f64>, Vec<f64>) {
        (edges(&self.x_values, self.x.bounds), edges(&self.y_values, self.y.bounds))
    }

    /// The nominal point, if it lies in the plot.
    fn nominal(&self) -> Option<(f64, f64)> {
        let (x, y) = (self.x.nominal?, self.y.nominal?);
        let (x_edges, y_edges) = self.edges();
        let inside = |edges: &[f64], v: f64| edges[0] <= v && v <= edges[edges.len() - 1];
        (inside(&x_edges, x) && inside(&y_edges, y)).then_some((x, y))
    }

    /// Whether some of the ball's outline lies in the plot.
    fn shows_outline(&self) -> bool {
        let (x_edges, y_edges) = self.edges();
        // A thousandth of the plot is as fine as it is drawn.
        let scaled = |edges: &[f64], v: f64| 1000.0 * (v - edges[0]) / (edges[edges.len() - 1] - edges[0]);
        let points: Vec<_> =
            self.outline.iter().map(|&(x, y)| (scaled(&x_edges, x), scaled(&y_edges, y))).collect();
        !clip_closed(&points, (0, 0), (1000, 1000)).is_empty()
    }

    fn legend_entries(&self) -> Vec<(Swatch, String)> {
        let mut entries = Vec::new();
        if self.nominal().is_some() {
            entries.push((Swatch::Point, "nominal".into()));
        }
        if self.shows_outline() {
            entries.push((Swatch::Outline, "Wasserstein ball".into()));
        }
        if self.panels.iter().any(|panel| panel.values.iter().any(|v| v.is_nan())) {
            entries.push((Swatch::NoValue, "no value (diverged)".into()));
        }
        entries
    }

    fn draw_panel(
        &self,
        area: &Area<'_>,
        places: &Places,
        index: usize,
        scale: (f64, f64),
    ) -> Result<(), FigureError> {
        let (column, row) = (index % places.columns, index / places.columns);
        let left = places.left + column as f64 * (PANEL.0 + GAP.0);
        let top = TOP + row as f64 * (PANEL.1 + GAP.1);
        // Axes only at the border of the figure: below the last panel of a column, left of the first of a row.
        let has_x = index + places.columns >= self.panels.len();
        let has_y = column == 0;
        let (x_edges, y_edges) = self.edges();
        let (x_low, x_high) = (x_edges[0], x_edges[x_edges.len() - 1]);
        let (y_low, y_high) = (y_edges[0], y_edges[y_edges.len() - 1]);

        let title = &self.panels[index].title;
        let style = canvas::centred(canvas::fitted(title, TITLE, PANEL.0 + GAP.0 - 6.0));
        area.draw_text(title, &style, (px(left + PANEL.0 / 2.0), px(top - 11.0))).map_err(drawing)?;
        let labels = (if has_y { places.left - 6.0 } else { 0.0 }, if has_x { BOTTOM } else { 0.0 });
        let sheet = area
            .clone()
            .shrink((px(left - labels.0), px(top)), (px(PANEL.0 + labels.0), px(PANEL.1 + labels.1)));
        let mut chart = ChartBuilder::on(&sheet)
            .x_label_area_size(px(labels.1))
            .y_label_area_size(px(labels.0))
            .build_cartesian_2d(x_low..x_high, y_low..y_high)
            .map_err(drawing)?;

        let at = |x: f64, y: f64| chart.backend_coord(&(x, y));
        let values = &self.panels[index].values;
        for (j, y) in y_edges.windows(2).enumerate() {
            for (i, x) in x_edges.windows(2).enumerate() {
                let value = values[j * self.x_values.len() + i];
                let ((x0, y1), (x1, y0)) = (at(x[0], y[0]), at(x[1], y[1]));
                if value.is_nan() {
                    canvas::no_value(area, (x0, y0), (x1, y1))?;
                    continue;
                }
                // Half a pixel of overlap to the right and downwards, later covered by the neighbours, hides the
                // hairlines that renderers leave between adjoining cells.
                let x1 = if i + 2 < x_edges.len() { x1 + px(0.5) } else { x1 };
                let y1 = if j > 0 { y1 + px(0.5) } else { y1 };
                let cell = Rectangle::new([(x0, y0), (x1, y1)], color(value, scale).filled());
                area.draw(&cell).map_err(drawing)?;
            }
        }
        let frame: Vec<_> = [(x_low, y_low), (x_high, y_low), (x_high, y_high), (x_low, y_high)]
            .map(|(x, y)| at(x, y))
            .into();
        let (low_corner, high_corner) = (frame[3], frame[1]);
        if !self.outline.is_empty() {
            let points: Vec<_> = self.outline.iter().map(|&(x, y)| unclipped(&chart, x, y)).collect();
            for path in clip_closed(&points, low_corner, high_corner) {
                canvas::outline(area, &path)?;
            }
        }
        if let Some((x, y)) = self.nominal() {
            canvas::nominal_point(area, at(x, y))?;
        }
        let mut closed = frame.clone();
        closed.push(frame[0]);
        area.draw(&PathElement::new(closed, INK.stroke_width(stroke(1.0)))).map_err(drawing)?;

        let label_size =
            canvas::fitted(&self.x.label, LABEL, PANEL.0).min(canvas::fitted(&self.y.label, LABEL, PANEL.1));
        let mut mesh = chart.configure_mesh();
        mesh.disable_mesh()
            .axis_style(INK.stroke_width(stroke(1.0)))
            .set_all_tick_mark_size(px(4.0))
            .x_labels(TICKS.0)
            .y_labels(TICKS.1)
            .x_label_formatter(&canvas::format_tick)
            .y_label_formatter(&canvas::format_tick)
            .label_style(font(TICK, INK))
            .axis_desc_style(font(label_size, INK));
        if has_x {
            mesh.x_desc(&self.x.label);
        }
        if has_y {
            mesh.y_desc(&self.y.label);
        }
        mesh.draw().map_err(drawing)
    }

    fn draw_bar(&self, area: &Area<'_>, places: &Places, scale: (f64, f64)) -> Result<(), FigureError> {
        let left = places.left + places.columns as f64 * (PANEL.0 + GAP.0) - GAP.0 + BAR_GAP;
        let height = places.rows as f64 * (PANEL.1 + GAP.1) - GAP.1;
        let sheet =
            area.clone().shrink((px(left), px(TOP)), (px(BAR_WIDTH + places.bar_labels - 4.0), px(height)));
        let mut chart = ChartBuilder::on(&sheet)
            .set_label_area_size(LabelAreaPosition::Right, px(places.bar_labels - 4.0))
            .build_cartesian_2d(0.0..1.0, scale.0..scale.1)
            .map_err(drawing)?;
        let at = |x: f64, y: f64| chart.backend_coord(&(x, y));
        const STEPS: usize = 128;
        let value = |k: usize| scale.0 + (scale.1 - scale.0) * (k as f64 / STEPS as f64);
        for k in (0..STEPS).rev() {
            // Downwards from the top, each strip reaching a little into the next.
            let (x0, y0) = at(0.0, value(k + 1));
            let (x1, y1) = at(1.0, value(k));
            let y1 = if k > 0 { y1 + px(0.5) } else { y1 };
            let middle = 0.5 * (value(k) + value(k + 1));
            area.draw(&Rectangle::new([(x0, y0), (x1, y1)], color(middle, scale).filled()))
                .map_err(drawing)?;
        }
        let frame: Vec<_> = [(0.0, scale.0), (1.0, scale.0), (1.0, scale.1), (0.0, scale.1), (0.0, scale.0)]
            .map(|(x, y)| at(x, y))
            .into();
        area.draw(&PathElement::new(frame, INK.stroke_width(stroke(1.0)))).map_err(drawing)?;
        chart
            .configure_mesh()
            .disable_mesh()
            .disable_x_axis()
            .x_labels(0)
            .axis_style(INK.stroke_width(stroke(1.0)))
            .set_all_tick_mark_size(px(4.0))
            .y_labels(TICKS.1)
            .y_label_formatter(&canvas::format_tick)
            .label_style(font(TICK, INK))
            .axis_desc_style(font(LABEL, INK))
            .y_desc(&self.value_label)
            .draw()
            .map_err(drawing)
    }
}

/// Colour of a value on the scale: viridis (van der Walt & Smith 2015), perceptually uniform, legible in grey and to
/// the colour-blind.
fn color(value: f64, (low, high): (f64, f64)) -> RGBColor {
    ViridisRGB.get_color(((value - low) / (high - low)).clamp(0.0, 1.0))
}

/// Borders of cells around these middles: half-way between neighbours; symmetrical at the ends, but not beyond the
/// bounds.
fn edges(middles: &[f64], bounds: Option<(f64, f64)>) -> Vec<f64> {
    let n = middles.len();
    let mut edges = Vec::with_capacity(n + 1);
    if let [only] = middles {
        let half = if *only == 0.0 { 0.5 } else { 0.1 * only.abs() };
        edges.extend([only - half, only + half]);
    } else {
        edges.push(1.5 * middles[0] - 0.5 * middles[1]);
        edges.extend(middles.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])));
        edges.push(1.5 * middles[n - 1] - 0.5 * middles[n - 2]);
    }
    // A middle outside the bounds, which only a caller's mistake could bring, keeps its cell.
    if let Some((lower, upper)) = bounds.filter(|(l, u)| l < u && *l <= middles[0] && middles[n - 1] <= *u) {
        edges[0] = edges[0].max(lower);
        edges[n] = edges[n].min(upper);
    }
    edges
}

/// Position of a point that may lie outside the chart, whose own mapping is made for points inside.
fn unclipped(chart: &canvas::Chart<'_, '_>, x: f64, y: f64) -> (f64, f64) {
    let (x_range, y_range) = (chart.x_range(), chart.y_range());
    let (x0, y0) = chart.backend_coord(&(x_range.start, y_range.start));
    let (x1, y1) = chart.backend_coord(&(x_range.end, y_range.end));
    let map = |v: f64, low: f64, high: f64, a: i32, b: i32| {
        f64::from(a) + (v - low) / (high - low) * f64::from(b - a)
    };
    (map(x, x_range.start, x_range.end, x0, x1), map(y, y_range.start, y_range.end, y0, y1))
}

/// The parts of a closed polygon's border inside a rectangle (Liang & Barsky 1984, segment by segment).
fn clip_closed(points: &[(f64, f64)], low: (i32, i32), high: (i32, i32)) -> Vec<Vec<(i32, i32)>> {
    let mut paths: Vec<Vec<(i32, i32)>> = Vec::new();
    let round = |x: f64, y: f64| (x.round() as i32, y.round() as i32);
    let mut continues = false;
    for (i, &(ax, ay)) in points.iter().enumerate() {
        let (bx, by) = points[(i + 1) % points.len()];
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        for (a, d, low, high) in [(ax, bx - ax, low.0, high.0), (ay, by - ay, low.1, high.1)] {
            let (near, far) = if d >= 0.0 { (low, high) } else { (high, low) };
            let (near, far) = (f64::from(near) - a, f64::from(far) - a);
            if d == 0.0 {
                // Parallel to this pair of edges: inside both or outside for good.
                if near > 0.0 || far < 0.0 {
                    from = f64::INFINITY;
                }
            } else {
                from = from.max(near / d);
                to = to.min(far / d);
            }
        }
        if from > to {
            continues = false;
            continue;
        }
        let start = round(ax + from * (bx - ax), ay + from * (by - ay));
        let end = round(ax + to * (bx - ax), ay + to * (by - ay));
        match paths.last_mut() {
            Some(path) if continues && from == 0.0 => path.push(end),
            _ => paths.push(vec![start, end]),
        }
        if let Some(path) = paths.last_mut() {
            path.dedup();
        }
        continues = to == 1.0;
    }
    // A corner that only touches the frame leaves a single point.
    paths.retain(|path| path.len() > 1);
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(x: &[f64], y: &[f64], panels: &[&[f64]]) -> HeatMapFigure {
        HeatMapFigure {
            x: Quantity::parameter("torso_density", "kg/m³", 1000.0),
            y: Quantity::parameter("friction", "1", 2.0),
            x_values: x.to_vec(),
            y_values: y.to_vec(),
            value_label: "mean return".into(),
            panels: panels
                .iter()
                .map(|values| Panel { title: "WR²L".into(), values: values.to_vec() })
                .collect(),
            scale: None,
            outline: vec![(500.0, 2.0), (1000.0, 3.0), (1500.0, 2.0), (1000.0, 1.0)],
            note: "hopper, 20 episodes".into(),
        }
    }

    #[test]
    fn the_figure_says_what_it_shows_and_is_the_same_every_time() {
        let figure = figure(&[500.0, 1500.0], &[1.0, 2.0, 3.0], &[&[0., 1., 2., 3., 4., 5.], &[f64::NAN; 6]]);
        let svg = figure.to_svg().unwrap();
        for text in
            ["torso density (kg/m³)", ">\nfriction", "mean return", "WR²L", "nominal", "ball", "no value"]
        {
            assert!(svg.contains(text), "{text} is missing");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert_eq!(svg, figure.to_svg().unwrap());
    }

    #[test]
    fn the_legend_names_only_what_is_in_the_plot() {
        let elsewhere = figure(&[5000.0, 6000.0], &[1.0, 2.0, 3.0], &[&[0.0; 6]]);
        let svg = elsewhere.to_svg().unwrap();
        assert!(!svg.contains("nominal") && !svg.contains("ball"));
    }

    #[test]
    fn degenerate_data_still_make_a_figure() {
        for figure in [
            figure(&[1000.0], &[2.0], &[&[7.0]]),
            figure(&[0.0], &[0.0], &[&[0.0]]),
            figure(&[1.0, 2.0], &[2.0], &[&[7.0, 7.0]]),
            figure(&[1.0, 2.0], &[2.0], &[&[f64::NAN, -7.0]]),
            figure(&[1.0, 2.0, 10.0], &[2.0], &[[1.0, 2.0, 3.0].as_slice(); 9]),
        ] {
            let svg = figure.to_svg().unwrap();
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_with_a_reason() {
        let refused = |figure: HeatMapFigure| figure.to_svg().unwrap_err().to_string();
        let good = || figure(&[1.0, 2.0], &[2.0], &[&[1.0, 2.0]]);
        assert!(refused(figure(&[1.0, 2.0], &[2.0], &[])).contains("at least one panel"));
        assert!(refused(figure(&[1.0, 2.0], &[2.0], &[&[f64::NAN; 2]])).contains("no panel has a value"));
        assert!(refused(figure(&[1.0, 2.0], &[2.0], &[&[1.0]])).contains("1 values for 2 cells"));
        assert!(refused(figure(&[2.0, 1.0], &[2.0], &[&[1.0, 2.0]])).contains("torso density"));
        assert!(refused(figure(&[1.0, 2.0], &[], &[&[]])).contains("friction"));
        assert!(refused(figure(&[1.0, 2.0], &[2.0], &[&[1.0, f64::INFINITY]])).contains("outside"));
        for scale in [(2.0, 1.0), (1.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY), (1e11, 1e11 + 1.0)] {
            assert!(refused(HeatMapFigure { scale: Some(scale), ..good() }).contains("the colour scale"));
        }
        assert!(refused(figure(&[1e11, 1e11 + 1.0], &[2.0], &[&[1.0, 2.0]])).contains("too close"));
        assert!(refused(HeatMapFigure { outline: vec![(f64::NAN, 0.0)], ..good() }).contains("outline"));
    }

    #[test]
    fn cells_end_half_way_between_their_middles() {
        assert_eq!(edges(&[500.0, 750.0, 1000.0], None), [375.0, 625.0, 875.0, 1125.0]);
        assert_eq!(edges(&[1.0, 2.0, 10.0], None), [0.5, 1.5, 6.0, 14.0]);
        assert_eq!(edges(&[2.0], None), [1.8, 2.2]);
        assert_eq!(edges(&[0.1, 1.0, 5.0], Some((0.1, 5.5))), [0.1, 0.55, 3.0, 5.5]);
        assert_eq!(edges(&[2.0], Some((3.0, 4.0))), [1.8, 2.2]);
    }

    #[test]
    fn an_outline_is_cut_at_the_frame() {
        let (low, high) = ((0, 0), (10, 10));
        let inside = [(2.0, 2.0), (8.0, 2.0), (5.0, 8.0)];
        assert_eq!(clip_closed(&inside, low, high), [vec![(2, 2), (8, 2), (5, 8), (2, 2)]]);
        // A diamond around the square's right half: two pieces of it are inside.
        let crossing = [(5.0, 5.0), (10.0, 0.0), (15.0, 5.0), (10.0, 10.0)];
        assert_eq!(clip_closed(&crossing, low, high), [vec![(5, 5), (10, 0)], vec![(10, 10), (5, 5)]]);
        let around = [(-5.0, -5.0), (15.0, -5.0), (15.0, 15.0), (-5.0, 15.0)];
        assert!(clip_closed(&around, low, high).is_empty());
        assert!(clip_closed(&[], low, high).is_empty());
    }
}
