//! Everything that run folders and tables hold, as one HTML page.

use std::path::{Path, PathBuf};

use wr2l_eval::{Table, read_csv};
use wr2l_report::page::{AdversaryPath, Curve, Page, ParameterInfo, SystemSet};
use wr2l_report::{Band, FigureError, LearningRun, Quantity, learning_figure};
use wr2l_sim::Physics;

use crate::error::RunError;
use crate::formats::ball_file::BallSummary;
use crate::studies::evaluation::{Contestant, common_outline, methods, name_method};
use crate::studies::replay::{notable_dynamics, record};
use crate::studies::setting::Setting;
use crate::studies::skeleton::skeleton;
use crate::studies::solid::Figure;

/// What a page is made of.
#[derive(Debug, Default)]
pub struct PageSources<'a> {
    /// Runs: their curves, what their adversaries chose, the tables in their folders, and their policies to replay.
    pub contestants: &'a [Contestant],
    /// Further tables as `wr2l evaluate -o` writes them: files, or folders of them.
    pub results: &'a [PathBuf],
    /// Further tables.
    pub tables: &'a [Table],
    /// What it is about, where no run says it; found by the name of the project's task if `None`.
    pub setting: Option<&'a Setting>,
    /// The physics of the replay; that of each policy's training if `None`.
    pub physics: Option<Physics>,
    /// Heading; made from the task if empty.
    pub title: &'a str,
}

/// Makes the page.
///
/// # Errors
/// [`RunError::Usage`] if there is nothing to show, or there are several tasks; [`RunError::Table`] for a table that
/// cannot be read; [`RunError`].
pub fn page(sources: &PageSources<'_>) -> Result<Page, RunError> {
    let contestants = sources.contestants;
    let names = methods(contestants);
    let mut sets = tables_of_runs(contestants, &names)?;
    for folder in sources.results {
        sets.extend(tables_in(folder)?);
    }
    add_tables(&mut sets, sources.tables, contestants, &names)?;
    tell_apart(&mut sets);
    let mut tasks: Vec<String> = contestants.iter().map(|one| one.task.to_string()).collect();
    tasks.extend(sets.iter().flat_map(|(_, tables)| tables.iter().map(|t| t.provenance.task.clone())));
    let Some(first) = tasks.first() else {
        return Err(RunError::Usage("there is nothing to show: name runs, or a folder of results".into()));
    };
    if let Some(other) = tasks.iter().find(|task| *task != first) {
        return Err(RunError::Usage(format!("a page is about one task, not both {first} and {other}")));
    }
    let setting = match (contestants.first(), sources.setting) {
        (Some(one), _) => Setting::from(&one.task),
        (None, Some(setting)) => setting.clone(),
        (None, None) => Setting::named(first)?,
    };
    let drawn = contestants.first().and_then(|one| one.task.drawn());
    let solid = contestants.first().and_then(|one| one.task.solid()).map(Figure::new);

    let mut all_methods = names.clone();
    all_methods
        .extend(sets.iter().flat_map(|(_, tables)| tables.iter().map(|t| t.provenance.method.clone())));
    let mut distinct: Vec<String> = Vec::new();
    for name in all_methods {
        if !distinct.contains(&name) {
            distinct.push(name);
        }
    }
    let parameters = setting.space.parameters().iter().map(|p| {
        let (nominal, lower, upper) = (p.nominal, p.lower, p.upper);
        (p.name.clone(), ParameterInfo { unit: p.unit.clone(), nominal, lower, upper, scale: p.scale })
    });
    let (curves_label, curves) = curves(contestants, &names)?;
    let paths = contestants.iter().map(path_of).collect::<Result<Vec<_>, _>>()?;
    let replay = match (drawn, &solid) {
        // What is not drawn is not played.
        (None, None) => None,
        _ => Some(record(contestants, &names, sources.physics, notable_dynamics(&sets))?),
    };
    let mut shown = Vec::with_capacity(sets.len());
    for (name, tables) in &sets {
        let outline = match tables[0].parameters.as_slice() {
            [x, y] => common_outline(x, y, contestants),
            _ => Vec::new(),
        };
        shown.push(SystemSet::new(name.clone(), tables, outline)?);
    }
    let title = match sources.title {
        "" => format!("wr2l on {}", setting.name),
        title => title.to_owned(),
    };
    Ok(Page {
        title,
        about: format!("{} {}", setting.description, trained(contestants, &names)),
        summary_note: "Each number is the mean across a method's policies (training seeds) with its 95 % bootstrap \
                       interval. Mean, interquartile mean (IQM), mean of the worst tenth (CVaR₁₀) and worst are over \
                       the systems; nominal is the reference system; still is the share of policies that stand still \
                       there."
            .into(),
        methods: distinct,
        parameters: parameters.collect(),
        sets: shown,
        curves,
        curves_label,
        paths: paths.into_iter().flatten().collect(),
        skeleton: drawn.map(skeleton),
        solid: solid.map(|figure| figure.drawing()),
        replay,
    })
}

fn trained(contestants: &[Contestant], names: &[String]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (i, name) in names.iter().enumerate() {
        if names[..i].contains(name) {
            continue;
        }
        let members =
            || contestants.iter().zip(names).filter(|(_, other)| *other == name).map(|(one, _)| one);
        let steps = members().map(|one| one.origin.steps).max().unwrap_or(0);
        let ball = members().find_map(|one| one.ball.as_ref()).map_or_else(String::new, |ball| {
            let e = ball.epsilon;
            let error = ball.largest_error();
            let error = error
                .map_or_else(String::new, |error| format!(" (its ball known to ±{:.1} %)", 100.0 * error));
            format!(", ε = {}{error}", format!("{e:.2e}").parse().unwrap_or(e))
        });
        let millions = steps as f64 / 1e6;
        let steps = if steps < 100_000 { steps.to_string() } else { format!("{millions:.2} million") };
        parts.push(format!("{name}: {} × {steps} policy steps{ball}", members().count()));
    }
    if parts.is_empty() { String::new() } else { format!("Trained: {}.", parts.join("; ")) }
}

/// The tables in the runs' own folders, those over the same systems together.
fn tables_of_runs(
    contestants: &[Contestant],
    names: &[String],
) -> Result<Vec<(String, Vec<Table>)>, RunError> {
    let mut sets: Vec<(String, Vec<Table>)> = Vec::new();
    for (one, method) in contestants.iter().zip(names) {
        let Some(folder) = &one.folder else { continue };
        for path in csv_files(&folder.file("results"))? {
            for mut table in read_csv(&path)? {
                table.provenance.method.clone_from(method);
                table.provenance.policy.clone_from(&one.name);
                match sets.iter_mut().find(|(_, others)| belong_together(&others[0], &table)) {
                    // A run evaluated twice on the same systems counts once.
                    Some((_, others)) if others.iter().any(|o| o.provenance.policy == one.name) => {}
                    Some((_, others)) => others.push(table),
                    None => sets.push((set_name(&table), vec![table])),
                }
            }
        }
    }
    Ok(sets)
}

/// The tables in a folder or file, those over the same systems together.
pub(crate) fn tables_in(folder: &Path) -> Result<Vec<(String, Vec<Table>)>, RunError> {
    let mut sets: Vec<(String, Vec<Table>)> = Vec::new();
    let files = if folder.is_file() { vec![folder.to_owned()] } else { csv_files(folder)? };
    if files.is_empty() {
        return Err(RunError::content(folder, None, "there is no table (CSV) in this folder"));
    }
    for path in files {
        for table in read_csv(&path)? {
            match sets.iter_mut().find(|(_, others)| belong_together(&others[0], &table)) {
                Some((_, others)) => others.push(table),
                None => sets.push((set_name(&table), vec![table])),
            }
        }
    }
    Ok(sets)
}

/// Adds tables to those over the same systems. One of a run here has the run's method; what its folder has already counts once.
///
/// # Errors
/// [`RunError::Usage`] for two of them with one name over the same systems.
fn add_tables(
    sets: &mut Vec<(String, Vec<Table>)>,
    tables: &[Table],
    contestants: &[Contestant],
    names: &[String],
) -> Result<(), RunError> {
    let named = |a: &Table, b: &Table| a.provenance.policy == b.provenance.policy && belong_together(a, b);
    for (i, table) in tables.iter().enumerate() {
        if tables[..i].iter().any(|other| named(other, table)) {
            let name = &table.provenance.policy;
            return Err(RunError::Usage(format!(
                "two tables of `{name}` over the same systems: give each policy a name of its own"
            )));
        }
        let mut table = table.clone();
        name_method(&mut table, contestants, names);
        match sets.iter_mut().find(|(_, others)| belong_together(&others[0], &table)) {
            Some((_, others)) if others.iter().any(|other| named(other, &table)) => {}
            Some((_, others)) => others.push(table),
            None => sets.push((set_name(&table), vec![table])),
        }
    }
    Ok(())
}

fn belong_together(a: &Table, b: &Table) -> bool {
    let (p, q) = (&a.provenance, &b.provenance);
    let alike = p.systems == q.systems
        && p.physics == q.physics
        && p.seed == q.seed
        && p.stochastic == q.stochastic
        && a.parameters == b.parameters;
    alike && (p.searched() || a.rows.iter().map(|r| &r.phi).eq(b.rows.iter().map(|r| &r.phi)))
}

fn set_name(table: &Table) -> String {
    let names = match table.parameters.len() {
        0..=3 => table.parameters.join(" × ").replace('_', " "),
        many => format!("{many} parameters"),
    };
    let systems = &table.provenance.systems;
    match systems.as_str() {
        "grid" => names,
        _ if table.provenance.searched() => format!("{systems}, {names}"),
        _ => format!("{} random systems in the {systems}, {names}", table.rows.len()),
    }
}

/// Gives sets of one name what they differ in, else a number.
fn tell_apart(sets: &mut [(String, Vec<Table>)]) {
    let traits = |tables: &[Table]| {
        let (table, from) = (&tables[0], &tables[0].provenance);
        let episodes = table.rows.first().map_or(0, |row| row.episodes);
        [
            format!("{} systems", table.rows.len()),
            reach(table),
            format!("{} physics", from.physics),
            format!("{} actions", if from.stochastic { "sampled" } else { "mean" }),
            format!("{episodes} episodes"),
            format!("seed {}", from.seed),
        ]
    };
    let named: Vec<String> = sets.iter().map(|(name, _)| name.clone()).collect();
    let of: Vec<_> = sets.iter().map(|(_, tables)| traits(tables)).collect();
    for i in 0..sets.len() {
        let alike: Vec<usize> = (0..sets.len()).filter(|&j| named[j] == named[i]).collect();
        if alike.len() == 1 {
            continue;
        }
        let differs = |k: &usize| alike.iter().any(|&j| of[j][*k] != of[i][*k]);
        let mut parts: Vec<String> = (0..of[i].len()).filter(differs).map(|k| of[i][k].clone()).collect();
        let same = |j: &&usize| (0..of[i].len()).all(|k| of[**j][k] == of[i][k]);
        if alike.iter().filter(same).count() > 1 {
            parts.push(format!("no. {}", alike.iter().filter(same).filter(|&&j| j <= i).count()));
        }
        sets[i].0 = format!("{}: {}", named[i], parts.join(", "));
    }
}

/// From where to where the first parameters go.
fn reach(table: &Table) -> String {
    let of = |k: usize| {
        let values = || table.rows.iter().map(|row| row.phi[k]);
        let (low, high) =
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        format!("{low} to {high}")
    };
    (0..table.parameters.len().min(3)).map(of).collect::<Vec<_>>().join(" × ")
}

/// The CSV files of a folder in the order of their names; none if there is no such folder.
pub(crate) fn csv_files(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RunError::io("read", folder, &error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| RunError::io("read", folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The header of a log, and its rows.
type Log = (Vec<String>, Vec<Vec<f64>>);

/// The columns of a log by name, as numbers; NaN where a cell is empty.
fn log_columns(path: &Path) -> Result<Option<Log>, RunError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RunError::io("read", path, &error)),
    };
    let mut lines = text.lines();
    let header: Vec<String> = lines.next().unwrap_or_default().split(',').map(str::to_owned).collect();
    let rows =
        lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect::<Vec<f64>>());
    // A last line cut off by a kill is left out.
    let rows = rows.filter(|row| row.len() == header.len()).collect();
    Ok(Some((header, rows)))
}

/// The learning curves of the runs, thinned to what can be seen.
pub(crate) fn learning_runs(
    contestants: &[Contestant],
    names: &[String],
) -> Result<Vec<LearningRun>, RunError> {
    let mut runs = Vec::new();
    for (one, method) in contestants.iter().zip(names) {
        let Some(folder) = &one.folder else { continue };
        let Some((header, rows)) = log_columns(&folder.file("metrics.csv"))? else { continue };
        let at = |name: &str| header.iter().position(|column| column == name);
        let (Some(steps), Some(ret)) = (at("steps"), at("return_mean")) else { continue };
        let all: Vec<(f64, f64)> =
            rows.iter().map(|row| (row[steps], row[ret])).filter(|p| p.1.is_finite()).collect();
        runs.push(LearningRun { method: method.clone(), points: thinned(&all) });
    }
    Ok(runs)
}

fn curves(contestants: &[Contestant], names: &[String]) -> Result<(String, Vec<Curve>), RunError> {
    let runs = learning_runs(contestants, names)?;
    let figure = match learning_figure(&runs, Quantity::new("mean return in training"), Band::default()) {
        Ok(figure) => figure,
        // A page without curves is better than none.
        Err(FigureError::Empty(_) | FigureError::Data { .. }) => return Ok((String::new(), Vec::new())),
        Err(error) => return Err(error.into()),
    };
    let curve = |series: wr2l_report::Series| {
        let edge = |of: fn(&(f64, f64)) -> f64| {
            (!series.band.is_empty()).then(|| series.band.iter().map(of).collect::<Vec<f64>>())
        };
        Curve { low: edge(|b| b.0), high: edge(|b| b.1), method: series.name, x: series.x, y: series.y }
    };
    Ok((figure.x.label, figure.series.into_iter().map(curve).collect()))
}

/// About two hundred points, each the mean of a stretch.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let stretch = points.len().div_ceil(200).max(1);
    let mean = |chunk: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| {
        chunk.iter().map(of).sum::<f64>() / chunk.len() as f64
    };
    points.chunks(stretch).map(|chunk| (mean(chunk, |p| p.0), mean(chunk, |p| p.1))).collect()
}

pub(crate) fn path_of(one: &Contestant) -> Result<Option<AdversaryPath>, RunError> {
    let (Some(folder), Some(ball)) = (&one.folder, &one.ball) else { return Ok(None) };
    let Some((header, rows)) = log_columns(&folder.file("adversary.csv"))? else { return Ok(None) };
    let at = |name: &str| header.iter().position(|column| column == name);
    let columns: Option<Vec<usize>> = ball.parameters.iter().map(|p| at(&p.name)).collect();
    let (Some(steps), Some(columns)) = (at("steps"), columns) else { return Ok(None) };
    let z = |row: &Vec<f64>| -> Vec<f64> {
        columns.iter().zip(&ball.parameters).map(|(&c, p)| (row[c] - p.nominal) / p.scale).collect()
    };
    let z: Vec<Vec<f64>> = rows.iter().map(z).collect();
    if z.iter().flatten().all(|value| value.is_nan()) {
        return Ok(None);
    }
    Ok(Some(AdversaryPath {
        policy: one.name.clone(),
        parameters: ball.parameters.iter().map(|p| p.name.clone()).collect(),
        steps: rows.iter().map(|row| row[steps]).collect(),
        z,
        outline: outline(ball),
    }))
}

fn outline(ball: &BallSummary) -> Vec<(f64, f64)> {
    match ball.parameters.as_slice() {
        [x, y] => ball.outline(&x.name, &y.name).into_iter().step_by(3).collect(),
        _ => Vec::new(),
    }
}
