//! From result tables to figures.

use wr2l_eval::{Bootstrap, Scores, Spread, Statistics, Table};

use crate::figure::{FigureError, Quantity};
use crate::heat_map::{HeatMapFigure, Panel};
use crate::histogram::{HistogramFigure, HistogramPanel};
use crate::lines::{LineFigure, Series};
use crate::marks::Marks;

/// What the colours and heights of evaluation figures are.
const RETURN: &str = "mean return";

/// What the band around a curve shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Band {
    /// ± the standard error of the mean.
    #[default]
    StandardError,
    /// From the smallest to the largest.
    MinMax,
}

impl Band {
    fn around(self, spread: &Spread) -> (f64, f64) {
        match self {
            Self::StandardError => (spread.mean - spread.standard_error, spread.mean + spread.standard_error),
            Self::MinMax => (spread.min, spread.max),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::StandardError => "± standard error",
            Self::MinMax => "smallest to largest",
        }
    }
}

/// Mean return against the one swept parameter, one curve a method.
///
/// A method's curve is the mean over its policies (seeds), its band the spread over them; with one policy the spread
/// over its episodes. A system without a value in one of a method's policies has
/// none in its curve.
///
/// # Errors
/// [`FigureError::Empty`] for no table; [`FigureError::Data`] if tables are over more than one parameter, over
/// different systems, or of different tasks.
pub fn sweep_figure(tables: &[Table], x: Quantity, band: Band) -> Result<LineFigure, FigureError> {
    let first = check(tables, 1)?;
    let positions: Vec<f64> = first.rows.iter().map(|row| row.phi[0]).collect();
    let groups = methods(tables);
    let mut series = Vec::new();
    for (name, members) in &groups {
        let cells: Vec<Spread> = (0..positions.len()).map(|system| cell(members, system)).collect();
        let y = cells.iter().map(|spread| spread.mean).collect();
        let band = cells.iter().map(|spread| band.around(spread)).collect();
        series.push(Series { name: name.clone(), x: positions.clone(), y, band });
    }
    let note = format!("{}; {}", caption(tables), note(&groups, band));
    Ok(LineFigure {
        title: String::new(),
        x,
        y: Quantity::new(RETURN),
        series,
        note,
        marks: Marks::MarkedLines,
    })
}

/// Mean return over the two swept parameters, one panel a method, averaged over its policies (seeds); the table's
/// first parameter is the horizontal axis. A system without a value in one of a method's policies has none in its
/// panel. Set [`HeatMapFigure::outline`] to draw the ball in.
///
/// # Errors
/// [`FigureError::Empty`] for no table; [`FigureError::Data`] if tables are not over the same full grid of two
/// parameters, or of different tasks.
pub fn heat_map_figure(tables: &[Table], x: Quantity, y: Quantity) -> Result<HeatMapFigure, FigureError> {
    let first = check(tables, 2)?;
    let axes = first.axes().ok_or_else(|| {
        FigureError::data("the heat map", "its systems are not a full grid of two parameters")
    })?;
    let (x_values, y_values) = (axes[0].values().to_vec(), axes[1].values().to_vec());
    let mut panels = Vec::new();
    for (title, members) in methods(tables) {
        let mut values = Vec::with_capacity(first.rows.len());
        for j in 0..y_values.len() {
            // Tables vary the last parameter fastest, pictures the horizontal one.
            values.extend((0..x_values.len()).map(|i| cell(&members, i * y_values.len() + j).mean));
        }
        panels.push(Panel { title, values });
    }
    let value_label = RETURN.to_owned();
    let note = caption(tables);
    let (scale, outline) = (None, Vec::new());
    Ok(HeatMapFigure { x, y, x_values, y_values, value_label, panels, scale, outline, note })
}

/// Distribution of the mean return over the systems, one histogram a method, which counts the systems of all its
/// policies (seeds) alike.
///
/// # Errors
/// [`FigureError::Empty`] for no table; [`FigureError::Data`] if tables are of different tasks or over different systems.
pub fn histogram_figure(tables: &[Table]) -> Result<HistogramFigure, FigureError> {
    let dim = tables.first().map_or(0, |table| table.parameters.len());
    let first = check(tables, dim)?;
    let mut panels = Vec::new();
    let groups = methods(tables);
    for (title, members) in &groups {
        let rows = members.iter().flat_map(|table| &table.rows);
        let values: Vec<f64> = rows.filter(|row| row.has_value()).map(|row| row.mean).collect();
        let (remark, mark) = match Statistics::of(&values) {
            Ok(s) => (format!("mean {:.0}, worst tenth {:.0}", s.mean, s.cvar10), s.mean),
            Err(_) => ("no value".to_owned(), f64::NAN),
        };
        panels.push(HistogramPanel { title: title.clone(), remark, values, mark });
    }
    let most = groups.iter().map(|(_, members)| members.len()).max().unwrap_or(0);
    let seeds = if most > 1 { format!(", up to {most} seeds each") } else { String::new() };
    // A table may have come without its systems' parameters.
    let over = if dim > 0 { format!(" over {dim} parameters") } else { String::new() };
    let note = format!("{} systems{over} ({}){seeds}", first.rows.len(), first.provenance.systems);
    Ok(HistogramFigure { x: Quantity::new(RETURN), panels, note })
}

/// Share of the systems on which the mean return is above a threshold, against the threshold: the performance profile
/// of each method over all its policies (seeds), with a 95 % band from resampling policies. A method without a value on
/// some system is left out.
///
/// # Errors
/// [`FigureError::Empty`] if there is nothing to compare; [`FigureError::Data`] if tables are of different tasks or over
/// different systems.
pub fn profile_figure(tables: &[Table]) -> Result<LineFigure, FigureError> {
    const THRESHOLDS: usize = 101;
    let dim = tables.first().map_or(0, |table| table.parameters.len());
    check(tables, dim)?;
    let values = || tables.iter().flat_map(|table| &table.rows).map(|row| row.mean).filter(|v| v.is_finite());
    let (low, high) = (values().fold(0.0, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low >= high {
        return Err(FigureError::Empty("all returns are the same".into()));
    }
    let step = (high - low) / (THRESHOLDS - 1) as f64;
    let x: Vec<f64> = (0..THRESHOLDS).map(|k| low + step * k as f64).collect();
    let mut series = Vec::new();
    let groups = methods(tables);
    for (name, members) in &groups {
        let runs: Vec<Vec<f64>> =
            members.iter().map(|table| table.rows.iter().map(|row| row.mean).collect()).collect();
        let Ok(scores) = Scores::new(&runs) else { continue };
        let profile = scores.profile(&x, Bootstrap::default());
        let y = profile.iter().map(|share| 100.0 * share.estimate).collect();
        let edges = profile.iter().map(|share| (100.0 * share.low, 100.0 * share.high)).collect();
        let band = if members.len() > 1 { edges } else { Vec::new() };
        series.push(Series { name: name.clone(), x: x.clone(), y, band });
    }
    let note = format!("{}; band: 95 % from resampling policies", caption(tables));
    let (x, y) = (Quantity::new(RETURN), Quantity::new("systems above it (%)"));
    Ok(LineFigure { title: String::new(), x, y, series, note, marks: Marks::Lines })
}

/// The course of one training run.
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRun {
    /// How it was trained; runs of one method are its seeds.
    pub method: String,
    /// Policy steps and the return measured there, steps finite and strictly increasing; a return may be NaN.
    pub points: Vec<(f64, f64)>,
}

/// The unit that policy steps up to `last` are best told in, and the quantity to be told.
pub fn policy_steps(last: f64) -> (f64, Quantity) {
    let (unit, label) = match last {
        5e5.. => (1e6, "policy steps (millions)"),
        1e4.. => (1e3, "policy steps (thousands)"),
        _ => (1.0, "policy steps"),
    };
    (unit, Quantity::new(label))
}

/// Return against policy steps, one curve a method: the mean over its runs, with a band over them
/// (none for one run). Runs are interpolated linearly to the steps of the method's first run, within the
/// range that all its runs cover.
///
/// # Errors
/// [`FigureError::Empty`] if no run has a point; [`FigureError::Data`] if a run's steps do not increase, or a method's
/// runs have no step in common.
pub fn learning_figure(runs: &[LearningRun], y: Quantity, band: Band) -> Result<LineFigure, FigureError> {
    let last = runs.iter().filter_map(|run| run.points.last()).map(|point| point.0).fold(0.0, f64::max);
    let (unit, x) = policy_steps(last);
    let mut groups: Vec<(String, Vec<&LearningRun>)> = Vec::new();
    for run in runs.iter().filter(|run| !run.points.is_empty()) {
        let steps_increase = run.points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !steps_increase || run.points.iter().any(|point| !point.0.is_finite()) {
            return Err(FigureError::data(format!("`{}`", run.method), "steps must be finite and increase"));
        }
        match groups.iter_mut().find(|(name, _)| *name == run.method) {
            Some((_, members)) => members.push(run),
            None => groups.push((run.method.clone(), vec![run])),
        }
    }
    let mut series = Vec::new();
    for (name, members) in &groups {
        let start = members.iter().map(|run| run.points[0].0).fold(f64::NEG_INFINITY, f64::max);
        let end = members.iter().map(|run| run.points[run.points.len() - 1].0).fold(f64::INFINITY, f64::min);
        let steps: Vec<f64> =
            members[0].points.iter().map(|point| point.0).filter(|x| (start..=end).contains(x)).collect();
        if steps.is_empty() {
            return Err(FigureError::data(format!("`{name}`"), "its runs have no step in common"));
        }
        let at = |step: &f64| {
            let values: Vec<f64> = members.iter().map(|run| interpolate(&run.points, *step)).collect();
            Spread::of(&values).unwrap_or(Spread::NO_VALUE)
        };
        let spreads: Vec<Spread> = steps.iter().map(at).collect();
        let y = spreads.iter().map(|spread| spread.mean).collect();
        let edges = spreads.iter().map(|spread| band.around(spread));
        let band = if members.len() > 1 { edges.collect() } else { Vec::new() };
        let x = steps.iter().map(|step| step / unit).collect();
        series.push(Series { name: name.clone(), x, y, band });
    }
    if series.is_empty() {
        return Err(FigureError::Empty("no run has a point".into()));
    }
    let note = note(&groups, band);
    let note = if groups.iter().all(|(_, members)| members.len() == 1) { String::new() } else { note };
    Ok(LineFigure { title: String::new(), x, y, series, note, marks: Marks::Lines })
}

/// Value at `x` of the polygonal line through `points`, which covers it.
fn interpolate(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|point| point.0 < x).min(points.len() - 1);
    let (x1, y1) = points[after];
    if after == 0 || x1 == x {
        return y1;
    }
    let (x0, y0) = points[after - 1];
    y0 + (y1 - y0) * ((x - x0) / (x1 - x0))
}

/// Task, physics, episodes, and the radii of the balls that the methods were trained in.
fn caption(tables: &[Table]) -> String {
    let Some(first) = tables.first() else { return String::new() };
    let episodes = first.rows.first().map_or(0, |row| row.episodes);
    let (task, physics) = (&first.provenance.task, &first.provenance.physics);
    // Of three digits: H₀ is estimated per run, so that radii of one half-width differ a little.
    let short = |epsilon: f64| format!("{epsilon:.2e}").parse::<f64>().unwrap_or(epsilon).to_string();
    let radius = |table: &Table| table.provenance.training.epsilon.map(short);
    let mut radii: Vec<String> = Vec::new();
    for radius in methods(tables).iter().filter_map(|(_, members)| radius(members[0])) {
        if !radii.contains(&radius) {
            radii.push(radius);
        }
    }
    let radii = if radii.is_empty() { String::new() } else { format!(", ε = {}", radii.join(", ")) };
    format!("{task} ({physics}), {episodes} episodes per system{radii}")
}

/// Tables by method, in order of appearance.
fn methods(tables: &[Table]) -> Vec<(String, Vec<&Table>)> {
    let mut groups: Vec<(String, Vec<&Table>)> = Vec::new();
    for table in tables {
        match groups.iter_mut().find(|(name, _)| *name == table.provenance.method) {
            Some((_, members)) => members.push(table),
            None => groups.push((table.provenance.method.clone(), vec![table])),
        }
    }
    groups
}

/// Spread of the mean return on a system over the policies, or of the return over the episodes of the only one.
fn cell(members: &[&Table], system: usize) -> Spread {
    if let [only] = members {
        let row = &only.rows[system];
        let (count, standard_error) = ((row.episodes - row.diverged) as usize, row.standard_error);
        return Spread { count, mean: row.mean, sd: row.sd, standard_error, min: row.min, max: row.max };
    }
    let means: Vec<f64> = members.iter().map(|table| table.rows[system].mean).collect();
    Spread::of(&means).unwrap_or(Spread::NO_VALUE)
}

/// What line and band are, over how many policies or runs.
fn note<T>(groups: &[(String, Vec<T>)], band: Band) -> String {
    let band = band.text();
    let counts = || groups.iter().map(|(_, members)| members.len());
    match (counts().min(), counts().max()) {
        (Some(1), Some(1)) => format!("one policy each; band: {band} over episodes"),
        (Some(low), Some(high)) if low == high => format!("mean of {low} seeds; band: {band} over seeds"),
        (Some(low), Some(high)) => format!("mean of {low} to {high} seeds; band: {band} over seeds"),
        _ => String::new(),
    }
}

/// The first table, if all are over the same systems of `dim` parameters and of one task.
fn check(tables: &[Table], dim: usize) -> Result<&Table, FigureError> {
    let first = tables.first().ok_or_else(|| FigureError::Empty("no table".into()))?;
    for table in tables {
        let what = format!("`{} {}`", table.provenance.method, table.provenance.policy);
        if table.parameters.len() != dim {
            let reason = format!("{} parameters were swept, the figure shows {dim}", table.parameters.len());
            return Err(FigureError::data(what, reason));
        }
        if table.provenance.task != first.provenance.task {
            let (a, b) = (&table.provenance.task, &first.provenance.task);
            return Err(FigureError::data(what, format!("its task is {a}, that of the others {b}")));
        }
        let systems = |t: &Table| t.rows.iter().map(|row| row.phi.clone()).collect::<Vec<_>>();
        if table.parameters != first.parameters || systems(table) != systems(first) {
            return Err(FigureError::data(what, "its systems are not those of the other tables"));
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use wr2l_eval::{Episode, Provenance, Row, Training};

    use super::*;

    fn table(method: &str, policy: &str, parameters: &[&str], rows: &[(&[f64], f64)]) -> Table {
        let episodes = |ret: f64| {
            [-1.0, 1.0].map(|d| Episode {
                ret: ret + d,
                length: 1,
                forward: 0.0,
                still: None,
                diverged: ret.is_nan(),
            })
        };
        Table {
            provenance: Provenance {
                task: "hopper".into(),
                physics: "mujoco".into(),
                method: method.into(),
                policy: policy.into(),
                training: Training::default(),
                seed: 0,
                stochastic: false,
                systems: "grid".into(),
            },
            parameters: parameters.iter().map(|p| p.to_string()).collect(),
            nominal: None,
            rows: rows.iter().map(|(phi, ret)| Row::new(phi.to_vec(), &episodes(*ret))).collect(),
        }
    }

    fn x() -> Quantity {
        Quantity::parameter("torso_density", "kg/m³", 1000.0)
    }

    fn sweep(method: &str, policy: &str, returns: [f64; 2]) -> Table {
        table(method, policy, &["torso_density"], &[(&[1.0], returns[0]), (&[2.0], returns[1])])
    }

    #[test]
    fn seeds_are_averaged_and_their_standard_error_is_the_band() {
        let tables = [
            sweep("ppo", "a", [1.0, 5.0]),
            sweep("wr2l", "c", [9.0, f64::NAN]),
            sweep("ppo", "b", [3.0, 5.0]),
        ];
        let figure = sweep_figure(&tables, x(), Band::StandardError).unwrap();
        assert_eq!((figure.series.len(), figure.series[0].y.clone()), (2, vec![2.0, 5.0]));
        assert_eq!(figure.series[0].band, [(1.0, 3.0), (5.0, 5.0)]);
        // One policy: standard error over its two episodes, ±√2/√2.
        assert!((figure.series[1].band[0].1 - 10.0).abs() < 1e-12 && figure.series[1].y[1].is_nan());
        assert!(figure.note.contains("1 to 2 seeds"), "{}", figure.note);
        figure.to_svg().unwrap();
    }

    #[test]
    fn the_caption_has_every_radius_once_to_three_digits() {
        let radii = [None, Some(0.031_234_5), Some(0.0292), Some(0.031_23)];
        let tables: Vec<Table> = (0..radii.len())
            .map(|i| {
                let mut table = sweep(&format!("method {i}"), "a", [1.0, 2.0]);
                table.provenance.training.epsilon = radii[i];
                table
            })
            .collect();
        assert_eq!(caption(&tables), "hopper (mujoco), 2 episodes per system, ε = 0.0312, 0.0292");
        assert_eq!(caption(&tables[..1]), "hopper (mujoco), 2 episodes per system");
    }

    #[test]
    fn a_heat_map_puts_the_first_parameter_on_the_horizontal_axis() {
        let rows: Vec<([f64; 2], f64)> = [1.0, 2.0]
            .into_iter()
            .flat_map(|a| [10.0, 20.0, 30.0].map(|b| ([a, b], 100.0 * a + b)))
            .collect();
        let rows: Vec<(&[f64], f64)> = rows.iter().map(|(phi, ret)| (phi.as_slice(), *ret)).collect();
        let figure = heat_map_figure(&[table("ppo", "a", &["a", "b"], &rows)], x(), x()).unwrap();
        assert_eq!((figure.x_values.len(), figure.y_values.len()), (2, 3));
        assert_eq!(figure.panels[0].values, [110.0, 210.0, 120.0, 220.0, 130.0, 230.0]);
        figure.to_svg().unwrap();
        let missing = table("ppo", "a", &["a", "b"], &rows[1..]);
        assert!(heat_map_figure(&[missing], x(), x()).unwrap_err().to_string().contains("full grid"));
    }

    #[test]
    fn a_histogram_counts_the_systems_of_all_seeds() {
        let tables = [
            sweep("ppo", "a", [1.0, 5.0]),
            sweep("wr2l", "c", [9.0, f64::NAN]),
            sweep("ppo", "b", [3.0, 5.0]),
        ];
        let figure = histogram_figure(&tables).unwrap();
        assert_eq!((figure.panels[0].values.len(), figure.panels[1].values.len()), (4, 1));
        assert_eq!(figure.panels[0].mark, 3.5);
        figure.to_svg().unwrap();
        assert!(histogram_figure(&[]).is_err());
    }

    #[test]
    fn profiles_fall_from_all_to_none_of_the_systems() {
        let tables = [
            sweep("ppo", "a", [1.0, 5.0]),
            sweep("wr2l", "c", [9.0, f64::NAN]),
            sweep("ppo", "b", [3.0, 5.0]),
        ];
        let figure = profile_figure(&tables).unwrap();
        assert_eq!(figure.series.len(), 1, "no profile without a value");
        assert_eq!((figure.series[0].y[0], figure.series[0].y[100]), (100.0, 0.0));
        figure.to_svg().unwrap();
        assert!(profile_figure(&[]).is_err());
    }

    #[test]
    fn tables_that_do_not_fit_together_are_refused() {
        let refused = |tables: &[Table]| sweep_figure(tables, x(), Band::default()).unwrap_err().to_string();
        assert!(refused(&[]).contains("no table"));
        assert!(refused(&[table("ppo", "a", &["a", "b"], &[(&[1.0, 2.0], 1.0)])]).contains("2 parameters"));
        let mut other_task = sweep("ppo", "b", [1.0, 2.0]);
        other_task.provenance.task = "walker2d".into();
        assert!(refused(&[sweep("ppo", "a", [1.0, 2.0]), other_task]).contains("walker2d"));
        let mut other_system = sweep("ppo", "b", [1.0, 2.0]);
        other_system.rows[1].phi[0] = 3.0;
        assert!(refused(&[sweep("ppo", "a", [1.0, 2.0]), other_system]).contains("not those"));
    }

    #[test]
    fn runs_are_interpolated_within_their_common_steps() {
        let run = |method: &str, points: &[(f64, f64)]| LearningRun {
            method: method.into(),
            points: points.into(),
        };
        let runs = [
            run("ppo", &[(0.0, 0.0), (100.0, 10.0), (200.0, 20.0), (300.0, 30.0)]),
            run("ppo", &[(50.0, 5.0), (250.0, 45.0)]),
            run("ppo", &[]),
        ];
        let figure = learning_figure(&runs, Quantity::new("return"), Band::MinMax).unwrap();
        assert_eq!(figure.series[0].x, [100.0, 200.0]);
        assert_eq!(figure.series[0].y, [12.5, 27.5]);
        assert_eq!(figure.series[0].band, [(10.0, 15.0), (20.0, 35.0)]);
        figure.to_svg().unwrap();
        let apart = [run("ppo", &[(0.0, 1.0)]), run("ppo", &[(1.0, 1.0)])];
        assert!(
            learning_figure(&apart, Quantity::new("return"), Band::MinMax)
                .unwrap_err()
                .to_string()
                .contains("in common")
        );
        let backwards = [run("ppo", &[(1.0, 1.0), (0.0, 1.0)])];
        assert!(learning_figure(&backwards, Quantity::new("return"), Band::MinMax).is_err());
        assert!(learning_figure(&[], Quantity::new("return"), Band::MinMax).is_err());
        let millions =
            learning_figure(&[run("ppo", &[(0.0, 1.0), (2e6, 2.0)])], Quantity::new("return"), Band::MinMax)
                .unwrap();
        assert_eq!((millions.x.label.as_str(), millions.series[0].x[1]), ("policy steps (millions)", 2.0));
        assert!(millions.note.is_empty() && millions.series[0].band.is_empty());
    }
}
