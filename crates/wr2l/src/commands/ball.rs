//! `wr2l ball`.

use serde_json::json;
use wr2l::report::{RangeFigure, RangeRow};
use wr2l::rl::Threads;
use wr2l::robust::BallMeasure;
use wr2l::run::{BallParameter, BallSummary, Layer, Measured, Plan, RunError, check_output, make_ball};

use super::threads;
use super::train::{experiment_layers, task_layers};
use crate::cli::BallArgs;
use crate::output::{aligned, print, warn};

pub(crate) fn run(args: &BallArgs) -> Result<(), RunError> {
    let mut layers = Vec::new();
    if let Some(path) = &args.experiment.plan {
        layers.push(Layer::file(path)?);
    }
    layers.extend(task_layers(Some(&args.task), &args.experiment)?);
    layers.extend(experiment_layers(&args.experiment)?);
    let plan = Plan::resolve(&layers)?;
    if let Some(path) = &args.output {
        check_output(path, args.force)?;
    }
    let mut executor = Threads::new(&plan.simulator()?, threads(args.threads))?;
    let (estimate, ball) = make_ball(&plan, &mut executor)?;
    let summary = BallSummary::new(&plan.ball, &estimate, &ball, &mut executor)?;
    if let Some(warning) = summary.warning() {
        warn(&warning);
    }
    if args.json {
        print(&format!("{}\n", json!(summary)))?;
    } else {
        print(&(ball_table(&summary) + &spectrum(&summary)))?;
    }
    if let Some(path) = &args.output {
        let rows = summary.parameters.iter().map(|p| RangeRow {
            name: p.name.clone(),
            alone: relative(p, p.alone).into(),
            jointly: relative(p, p.jointly).into(),
        });
        RangeFigure { rows: rows.collect() }.write(path)?;
        if !args.json {
            print(&format!("\n  {}\n", path.display()))?;
        }
    }
    Ok(())
}

/// What the ball allows each parameter, how well that is known, and W and the largest W₂² of a sampled pair as measured at the
/// ends of it.
pub(super) fn ball_table(ball: &BallSummary) -> String {
    let header = [
        "parameter",
        "nominal",
        "alone",
        "",
        "error",
        "W there",
        "largest",
        "jointly",
        "",
        "W there",
        "largest",
        "unit",
    ];
    let mut rows = vec![header.map(String::from)];
    for p in &ball.parameters {
        let of = |f: &dyn Fn(&Measured) -> String| p.measured.as_ref().map_or_else(String::new, f);
        rows.push([
            p.name.clone(),
            number(p.nominal),
            span(p.alone),
            percent(relative(p, p.alone)),
            of(&|measured| format!("±{:.1} %", 100.0 * measured.error)),
            of(&|measured| distances(measured.alone)),
            of(&|measured| measured.alone_largest.map_or_else(String::new, distances)),
            span(p.jointly),
            percent(relative(p, p.jointly)),
            of(&|measured| distances(measured.jointly)),
            of(&|measured| measured.jointly_largest.map_or_else(String::new, distances)),
            p.unit.clone(),
        ]);
    }
    let within = match ball.measure {
        BallMeasure::Taylor => "",
        BallMeasure::Measured => ", by the measured W (the table is of its second-order form)",
    };
    let mut text = format!("ball of radius ε = {}{within}:\n{}", number(ball.epsilon), aligned(&rows));
    let mut rows = vec![["measured W within ε", "alone", "", "unit"].map(String::from)];
    for (p, measured) in ball.parameters.iter().filter_map(|p| Some((p, p.measured.as_ref()?))) {
        let change = percent(relative(p, measured.range));
        rows.push([p.name.clone(), span(measured.range), change, p.unit.clone()]);
    }
    if rows.len() > 1 {
        text += &aligned(&rows);
    }
    text
}

/// W at the two ends of a range.
fn distances([low, high]: [f64; 2]) -> String {
    let short = |value: f64| format!("{value:.2e}").parse::<f64>().map_or_else(|_| "–".to_owned(), number);
    format!("{}, {}", short(low), short(high))
}

/// H₀ and how well it is known.
fn spectrum(ball: &BallSummary) -> String {
    let values: Vec<String> = ball.eigenvalues.iter().map(|&value| number(value)).collect();
    format!(
        "\nH₀: eigenvalues {}; relative standard error {:.1} %; {} samples, {} one-step simulations\n",
        values.join(", "),
        100.0 * ball.relative_error,
        crate::output::thousands(ball.samples as u64),
        crate::output::thousands(ball.simulator_steps),
    )
}

/// Changes from the nominal value, in units of the parameter's scale.
fn relative(p: &BallParameter, range: [f64; 2]) -> [f64; 2] {
    range.map(|value| (value - p.nominal) / p.scale)
}

fn span([low, high]: [f64; 2]) -> String {
    format!("{} – {}", number(low), number(high))
}

fn percent([low, high]: [f64; 2]) -> String {
    format!("{:+.0} % {:+.0} %", 100.0 * low, 100.0 * high)
}

/// Four significant digits, without an exponent where that stays short.
fn number(value: f64) -> String {
    let rounded = format!("{value:.3e}").parse::<f64>().unwrap_or(value);
    if rounded != 0.0 && !(1e-4..1e7).contains(&rounded.abs()) {
        format!("{rounded:e}")
    } else {
        rounded.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        let cases = [(1234.56, "1235"), (0.0312345, "0.03123"), (0.0, "0"), (2.5e-7, "2.5e-7"), (-1.0, "-1")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
