//! The sheet figures are drawn on: scale, fonts, colours, legends and number formats.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::figure::FigureError;
use crate::marks::Marks;

/// Drawing units per CSS pixel: the library's coordinates are whole numbers, a tenth of a pixel is fine enough.
pub(crate) const SCALE: i32 = 10;

pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(crate) type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The colour-blind-safe palette of Okabe & Ito (2008) without its yellow, which is too pale for lines.
pub(crate) const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
pub(crate) const INK: RGBColor = RGBColor(38, 38, 38);
pub(crate) const MUTED: RGBColor = RGBColor(95, 95, 95);
pub(crate) const GRID: RGBColor = RGBColor(229, 229, 229);

/// Font sizes in pixels.
pub(crate) const TITLE: f64 = 13.0;
pub(crate) const LABEL: f64 = 12.0;
pub(crate) const TICK: f64 = 11.0;

/// Pixels as drawing units.
pub(crate) fn px(pixels: f64) -> i32 {
    (pixels * f64::from(SCALE)).round() as i32
}

pub(crate) fn stroke(pixels: f64) -> u32 {
    px(pixels).max(1) as u32
}

/// A font of the reader's generic sans-serif family, `size` in pixels.
pub(crate) fn font(size: f64, color: RGBColor) -> TextStyle<'static> {
    // The SVG backend divides sizes by 1.24 (its idea of a point); undone here so that `size` is what is drawn.
    ("sans-serif", size * 1.24 * f64::from(SCALE)).into_font().color(&color)
}

/// The size, at most `size`, at which a text is no wider than `available` pixels; never so small as to be illegible.
pub(crate) fn fitted(text: &str, size: f64, available: f64) -> f64 {
    (size * available / text_width(text, size).max(1.0)).clamp(0.6 * size, size)
}

/// A text in lines no wider than `available` pixels, broken at semicolons; a part that is wider has a line of its own.
pub(crate) fn broken(text: &str, size: f64, available: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split("; ") {
        match lines.last_mut().map(|line| (format!("{line}; {part}"), line)) {
            Some((longer, line)) if text_width(&longer, size) <= available => *line = longer,
            _ => lines.push(part.to_owned()),
        }
    }
    lines
}

/// Generous estimate of the width in pixels of an axis' tick labels.
pub(crate) fn ticks_width((low, high): (f64, f64), most: usize) -> f64 {
    let ticks = RangedCoordf64::from(low..high).key_points(most);
    ticks.iter().map(|tick| text_width(&format_tick(tick), TICK)).fold(0.0, f64::max)
}

/// A font whose text is centred on its position.
pub(crate) fn centred(size: f64) -> TextStyle<'static> {
    anchored(&font(size, INK), HPos::Center, VPos::Center)
}

fn anchored(style: &TextStyle<'static>, h: HPos, v: VPos) -> TextStyle<'static> {
    style.pos(Pos::new(h, v))
}

/// Generous estimate of a text's width in pixels; no font is at hand, and every reader's differs.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '(' | ')' | '[' | ']' => 0.37,
        'f' | 't' | 'r' | ' ' | '-' | '/' => 0.41,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.98,
        'A'..='Z' => 0.72,
        _ => 0.63,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// Draws on a white sheet of `width` × `height` pixels and returns the SVG text.
pub(crate) fn render(
    width: f64,
    height: f64,
    draw: impl FnOnce(&Area<'_>) -> Result<(), FigureError>,
) -> Result<String, FigureError> {
    let (w, h) = (px(width), px(height));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (w as u32, h as u32)).into_drawing_area();
        area.fill(&WHITE).map_err(drawing)?;
        draw(&area)?;
        area.present().map_err(drawing)?;
    }
    // The backend gives the sheet's size in drawing units; the view box keeps those, the size becomes pixels.
    let in_units = format!("width=\"{w}\" height=\"{h}\"");
    let in_pixels = format!(
        "width=\"{}\" height=\"{}\"",
        f64::from(w) / f64::from(SCALE),
        f64::from(h) / f64::from(SCALE)
    );
    Ok(svg.replacen(&in_units, &in_pixels, 1))
}

pub(crate) fn drawing<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> FigureError {
    FigureError::Drawing(error.to_string())
}

/// The range of an axis over finite values: padded by `padding` of its width, never of zero width, and starting at 0
/// where that is near.
pub(crate) fn range(values: impl Iterator<Item = f64>, padding: f64, from_zero: bool) -> Option<(f64, f64)> {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return None;
    }
    let magnitude = low.abs().max(high.abs());
    if too_narrow(low, high) {
        let half = if magnitude <= SMALLEST { 1.0 } else { 0.1 * magnitude };
        return Some((low - half, high + half));
    }
    let pad = padding * (high - low);
    let start = if from_zero && low >= 0.0 && low < 0.6 * high { 0.0 } else { low - pad };
    Some((start, high + pad))
}

/// Differences up to this are rounding, in any unit a figure is likely to have.
const SMALLEST: f64 = 1e-12;

/// Whether a range is so narrow, for its distance from 0, that its ticks could not be told apart.
pub(crate) fn too_narrow(low: f64, high: f64) -> bool {
    high - low <= (1e-9 * low.abs().max(high.abs())).max(SMALLEST)
}

/// Refuses numbers that the plotting library's tick search could not handle; NaN stands for no value.
pub(crate) fn check_drawable(what: &str, values: impl Iterator<Item = f64>) -> Result<(), FigureError> {
    for value in values {
        if value.abs() > 1e12 {
            return Err(FigureError::data(what, format!("{value} is outside ±1e12")));
        }
    }
    Ok(())
}

/// A tick's number: no more digits than it has, thousands separated.
pub(crate) fn format_tick(value: &f64) -> String {
    // Twelve decimals hide the rounding of tick arithmetic, never a tick.
    let text = format!("{:.12}", value.abs());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let (whole, fraction) = text.split_once('.').map_or((text, ""), |(w, f)| (w, f));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) && whole.len() > 4 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if *value < 0.0 && text != "0" { "−" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}

/// What stands before a legend's text.
pub(crate) enum Swatch {
    /// A line, a line with the series' marker on it, or the marker alone.
    Series(usize, Marks),
    /// A dashed thin line.
    Dashed,
    /// A cross.
    Cross,
    /// A cell without a value.
    NoValue,
    /// The mark of the nominal point.
    Point,
    /// The outline of the ball.
    Outline,
}

/// A legend: entries one after the other, in as many rows as they need.
pub(crate) struct Legend {
    entries: Vec<(Swatch, String)>,
    /// Upper left corner of each entry, relative to the legend's.
    places: Vec<(f64, f64)>,
    height: f64,
}

const LEGEND_ROW: f64 = 18.0;
const SWATCH: f64 = 26.0;

impl Legend {
    /// Lays the entries out in `width` pixels; one that is wider gets a row of its own.
    pub(crate) fn new(entries: Vec<(Swatch, String)>, width: f64) -> Self {
        let (mut x, mut y) = (0.0, 0.0);
        let mut places = Vec::with_capacity(entries.len());
        for (_, text) in &entries {
            let needs = SWATCH + 6.0 + text_width(text, TICK);
            if x > 0.0 && x + needs > width {
                (x, y) = (0.0, y + LEGEND_ROW);
            }
            places.push((x, y));
            x += needs + 16.0;
        }
        let height = if entries.is_empty() { 0.0 } else { y + LEGEND_ROW };
        Self { entries, places, height }
    }

    pub(crate) fn height(&self) -> f64 {
        self.height
    }

    /// Draws with the upper left corner at (`x`, `y`), in pixels.
    pub(crate) fn draw(&self, area: &Area<'_>, x: f64, y: f64) -> Result<(), FigureError> {
        let text_style = anchored(&font(TICK, INK), HPos::Left, VPos::Center);
        for ((swatch, text), place) in self.entries.iter().zip(&self.places) {
            let left = x + place.0;
            let middle = y + place.1 + 0.5 * LEGEND_ROW;
            let (x0, x1, ym) = (px(left), px(left + SWATCH), px(middle));
            let centre = ((x0 + x1) / 2, ym);
            match swatch {
                Swatch::Series(index, marks) => {
                    if marks.joined() {
                        line(area, vec![(x0, ym), (x1, ym)], *index)?;
                    }
                    if marks.marked() {
                        marker(area, centre, *index, 1.0)?;
                    }
                }
                Swatch::Dashed => dashed(area, &[(x0, ym), (x1, ym)], MUTED.stroke_width(stroke(1.2)))?,
                Swatch::Cross => cross(area, centre, INK)?,
                Swatch::NoValue => {
                    no_value(area, (centre.0 - px(7.0), ym - px(6.0)), (centre.0 + px(7.0), ym + px(6.0)))?
                }
                Swatch::Point => nominal_point(area, centre)?,
                Swatch::Outline => {
                    outline(area, &[(x0 + px(3.0), ym), (x1 - px(3.0), ym)])?;
                }
            }
            area.draw_text(text, &text_style, (px(left + SWATCH + 6.0), ym)).map_err(drawing)?;
        }
        Ok(())
    }
}

/// What tells repeated colours apart: lengths of dashes and gaps in pixels, none of a whole line.
const DASHES: [Option<[f64; 2]>; 3] = [None, Some(DASH), Some([1.5, 2.0])];
const DASH: [f64; 2] = [4.0, 3.0];

/// Colour and dashes of the series with this index.
fn series_style(index: usize) -> (RGBColor, Option<[f64; 2]>) {
    (PALETTE[index % PALETTE.len()], DASHES[index / PALETTE.len() % DASHES.len()])
}

/// Colour of the series with this index.
pub(crate) fn series_color(index: usize) -> RGBColor {
    series_style(index).0
}

/// Draws a series' line through points in drawing units.
pub(crate) fn line(area: &Area<'_>, points: Vec<(i32, i32)>, index: usize) -> Result<(), FigureError> {
    let (color, dashes) = series_style(index);
    let style = color.stroke_width(stroke(1.8));
    match dashes {
        Some([dash, gap]) => area.draw(&DashedPathElement::new(points, px(dash), px(gap), style)),
        None => area.draw(&PathElement::new(points, style)),
    }
    .map_err(drawing)
}

/// Fills a series' band between two lines, given as one closed polygon.
pub(crate) fn band(area: &Area<'_>, polygon: Vec<(i32, i32)>, index: usize) -> Result<(), FigureError> {
    area.draw(&Polygon::new(polygon, series_style(index).0.mix(0.18))).map_err(drawing)
}

/// Draws a series' marker, `scale` times its usual size: the shape tells series apart where colour cannot.
pub(crate) fn marker(
    area: &Area<'_>,
    (x, y): (i32, i32),
    index: usize,
    scale: f64,
) -> Result<(), FigureError> {
    let (color, _) = series_style(index);
    let r = px(2.8 * scale);
    let shape = match index % 4 {
        0 => return area.draw(&Circle::new((x, y), r, color.filled())).map_err(drawing),
        1 => vec![(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)],
        2 => vec![(x, y - r * 5 / 4), (x + r * 5 / 4, y + r), (x - r * 5 / 4, y + r)],
        _ => vec![(x, y - r * 4 / 3), (x + r * 4 / 3, y), (x, y + r * 4 / 3), (x - r * 4 / 3, y)],
    };
    area.draw(&Polygon::new(shape, color)).map_err(drawing)
}

/// A cross where a value is missing.
pub(crate) fn cross(area: &Area<'_>, (x, y): (i32, i32), color: RGBColor) -> Result<(), FigureError> {
    let r = px(3.0);
    for path in [vec![(x - r, y - r), (x + r, y + r)], vec![(x - r, y + r), (x + r, y - r)]] {
        area.draw(&PathElement::new(path, color.stroke_width(stroke(1.4)))).map_err(drawing)?;
    }
    Ok(())
}

pub(crate) fn dashed(area: &Area<'_>, points: &[(i32, i32)], style: ShapeStyle) -> Result<(), FigureError> {
    let element = DashedPathElement::new(points.to_vec(), px(DASH[0]), px(DASH[1]), style);
    area.draw(&element).map_err(drawing)
}

/// A cell without a value: grey with diagonal hatching.
pub(crate) fn no_value(
    area: &Area<'_>,
    (x0, y0): (i32, i32),
    (x1, y1): (i32, i32),
) -> Result<(), FigureError> {
    area.draw(&Rectangle::new([(x0, y0), (x1, y1)], RGBColor(224, 224, 224).filled())).map_err(drawing)?;
    let style = RGBColor(120, 120, 120).stroke_width(stroke(0.8));
    let (width, height) = (x1 - x0, y1 - y0);
    let mut offset = px(4.0);
    // The diagonal x + y = offset, clipped to the cell.
    while offset < width + height {
        let from = (x0 + offset.min(width), y0 + (offset - width).max(0));
        let to = (x0 + (offset - height).max(0), y0 + offset.min(height));
        area.draw(&PathElement::new(vec![from, to], style)).map_err(drawing)?;
        offset += px(4.0);
    }
    Ok(())
}

/// The mark of the nominal point, visible on any colour.
pub(crate) fn nominal_point(area: &Area<'_>, at: (i32, i32)) -> Result<(), FigureError> {
    area.draw(&Circle::new(at, px(4.6), BLACK.filled())).map_err(drawing)?;
    area.draw(&Circle::new(at, px(3.4), WHITE.filled())).map_err(drawing)?;
    area.draw(&Circle::new(at, px(1.5), BLACK.filled())).map_err(drawing)
}

/// A line visible on any colour: white on a dark casing.
pub(crate) fn outline(area: &Area<'_>, points: &[(i32, i32)]) -> Result<(), FigureError> {
    for (color, width) in [(BLACK, 3.2), (WHITE, 1.6)] {
        let style = color.stroke_width(stroke(width));
        area.draw(&PathElement::new(points.to_vec(), style)).map_err(drawing)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_one_series_look_different() {
        let styles: Vec<_> = (0..21).map(series_style).collect();
        for (i, style) in styles.iter().enumerate() {
            assert!(!styles[..i].contains(style), "{i}");
        }
    }
}
