//! The figures of an output folder of experiments, drawn from its files alone.

use std::path::{Path, PathBuf};

use wr2l_eval::{parse_number, read_csv};
use wr2l_report::page::AdversaryPath;
use wr2l_report::{
    Band, FigureError, LearningRun, LineFigure, Marks, Quantity, Series, learning_figure, policy_steps,
    profile_figure,
};

use crate::error::RunError;
use crate::formats::files::read_text;
use crate::formats::rows::MAX_BYTES;
use crate::studies::evaluation::draw_tables;
use crate::studies::page::csv_files;

/// Draws every figure of an output folder anew from its tables and learning curves alone; returns their paths.
///
/// # Errors
/// [`RunError::Content`] if there are no tables; [`RunError::Table`] for one that cannot be read; [`RunError`].
pub fn redraw(output: &Path) -> Result<Vec<PathBuf>, RunError> {
    let results = output.join("results");
    let tables = csv_files(&results)?;
    if tables.is_empty() && !output.join("results").is_dir() {
        return Err(RunError::content(output, None, "there is no folder `results` with tables in it"));
    }
    let figures = output.join("figures");
    std::fs::create_dir_all(&figures).map_err(|error| RunError::io("create", &figures, &error))?;
    let mut drawn = Vec::new();
    for csv in tables {
        let tables = read_csv(&csv)?;
        let stem = csv.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let outline = read_outline(&csv.with_extension("outline"));
        let svg = figures.join(format!("{stem}.svg"));
        if draw_tables(&tables, None, &svg, &|_: &str, _: &str| outline.clone())? {
            drawn.push(svg);
            let svg = figures.join(format!("{stem}-profile.svg"));
            drawn.extend(written(profile_figure(&tables).and_then(|figure| figure.write(&svg)), svg)?);
        }
    }
    for csv in csv_files(&output.join("curves"))? {
        let stem = csv.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let svg = figures.join(format!("{stem}-learning.svg"));
        let y = Quantity::new("mean return in training");
        let figure = learning_figure(&read_curves(&csv)?, y, Band::default());
        drawn.extend(written(figure.and_then(|figure| figure.write(&svg)), svg)?);
    }
    for csv in csv_files(&output.join("adversary"))? {
        let stem = csv.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let svg = figures.join(format!("{stem}-adversary.svg"));
        drawn.extend(written(adversary_figure(&csv)?.write(&svg), svg)?);
    }
    Ok(drawn)
}

/// That there is nothing to draw is no error here: the figure is left out.
fn written(result: Result<(), FigureError>, path: PathBuf) -> Result<Option<PathBuf>, RunError> {
    match result {
        Ok(()) => Ok(Some(path)),
        Err(FigureError::Empty(_) | FigureError::Data { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Points of an outline; none if there is no such file, for which no figure should fail.
fn read_outline(path: &Path) -> Vec<(f64, f64)> {
    let text = read_text(path, MAX_BYTES).unwrap_or_default();
    let point = |line: &str| {
        let (x, y) = line.split_once(',')?;
        Some((x.parse().ok()?, y.parse().ok()?))
    };
    text.lines().filter_map(point).collect()
}

/// Learning curves as CSV, for [`redraw`].
pub(crate) fn curves_csv(runs: &[LearningRun]) -> String {
    let mut text = "method,run,steps,return_mean\n".to_owned();
    for (number, run) in runs.iter().enumerate() {
        for (steps, ret) in &run.points {
            // A method's name is quoted: it may have any character.
            text += &format!("\"{}\",{number},{steps},{ret}\n", run.method.replace('"', "\"\""));
        }
    }
    text
}

fn read_curves(path: &Path) -> Result<Vec<LearningRun>, RunError> {
    let text = read_text(path, MAX_BYTES).map_err(|error| RunError::io("read", path, &error))?;
    let mut runs: Vec<(String, LearningRun)> = Vec::new();
    for (index, line) in text.lines().enumerate().skip(1) {
        let wrong = || RunError::content(path, Some(index + 1), "expected method,run,steps,return_mean");
        let mut cells = line.rsplitn(4, ',');
        let (Some(ret), Some(steps), Some(number), Some(method)) =
            (cells.next(), cells.next(), cells.next(), cells.next())
        else {
            return Err(wrong());
        };
        let number_of = |text: &str| parse_number(text).map_err(|_| wrong());
        let point = (number_of(steps)?, number_of(ret)?);
        let quoted = method.strip_prefix('"').and_then(|method| method.strip_suffix('"'));
        let method = match quoted {
            Some(quoted) => quoted.replace("\"\"", "\""),
            // As other programs write a name that needs no quotes.
            None if !method.contains(['"', ',']) => method.to_owned(),
            None => return Err(wrong()),
        };
        match runs.last_mut().filter(|(last, _)| last == number) {
            Some((_, run)) => run.points.push(point),
            None => runs.push((number.to_owned(), LearningRun { method, points: vec![point] })),
        }
    }
    Ok(runs.into_iter().map(|(_, run)| run).collect())
}

/// What an adversary chose, as change from nominal in percent, for [`redraw`]; the method's name is a comment.
pub(crate) fn adversary_csv(path: &AdversaryPath, method: &str) -> String {
    let mut text = format!("# {method}\nsteps,{}\n", path.parameters.join(","));
    for (steps, z) in path.steps.iter().zip(&path.z) {
        let cells: Vec<String> =
            z.iter().map(|z| if z.is_nan() { String::new() } else { (100.0 * z).to_string() }).collect();
        text += &format!("{steps},{}\n", cells.join(","));
    }
    text
}

/// The figure of an [`adversary_csv`]: one line a parameter, or its points if there are many turns; of the parameters
/// those that moved most if there are more than can be told apart.
fn adversary_figure(path: &Path) -> Result<LineFigure, RunError> {
    const MOST: usize = 7;
    /// Most turns that lines join.
    const JOINED: usize = 60;
    let text = read_text(path, MAX_BYTES).map_err(|error| RunError::io("read", path, &error))?;
    let mut lines = text.lines();
    let method = lines.next().unwrap_or_default().trim_start_matches("# ").to_owned();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let rows: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect()).collect();
    if rows.iter().any(|row| row.len() != names.len()) {
        return Err(RunError::content(path, None, "its lines have different numbers of columns"));
    }
    let (unit, quantity) = policy_steps(rows.last().map_or(0.0, |row| row[0]));
    let x: Vec<f64> = rows.iter().map(|row| row[0] / unit).collect();
    let mut series: Vec<Series> = (1..names.len())
        .map(|c| Series {
            name: names[c].replace('_', " "),
            x: x.clone(),
            y: rows.iter().map(|row| row[c]).collect(),
            band: Vec::new(),
        })
        .collect();
    let reach = |series: &Series| series.y.iter().fold(0.0_f64, |most, y| most.max(y.abs()));
    series.sort_by(|a, b| reach(b).total_cmp(&reach(a)));
    let shown = series.len().min(MOST);
    let note = match series.len() - shown {
        0 => format!("{method}, first seed"),
        more => format!("{method}, first seed; {more} parameters that moved less are left out"),
    };
    series.truncate(shown);
    let y = Quantity::new("change from nominal (%)");
    let marks = if rows.len() > JOINED { Marks::Points } else { Marks::Lines };
    Ok(LineFigure { title: String::new(), x: quantity, y, series, note, marks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let runs = vec![
            LearningRun { method: "wr2l, \"large\"".into(), points: vec![(1.0, 0.1 + 0.2), (2.0, 3.0)] },
            LearningRun { method: "ppo".into(), points: vec![(1.0, -4.0)] },
        ];
        std::fs::write(&path, curves_csv(&runs)).unwrap();
        assert_eq!(read_curves(&path).unwrap(), runs);
        std::fs::write(&path, "method,run,steps,return_mean\nppo,0,1,-4\n").unwrap();
        assert_eq!(read_curves(&path).unwrap(), runs[1..]);
        std::fs::write(&path, "method,run,steps,return_mean\n\"ppo\",0,x,1\n").unwrap();
        assert!(read_curves(&path).unwrap_err().to_string().contains("line 2"));
    }
}
