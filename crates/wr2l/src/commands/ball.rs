//! `wr2l ball`.

use serde_json::json;
use wr2l::report::{RangeFigure, RangeRow};
use wr2l::rl::Workers;
use wr2l::run::{BallParameter, BallSummary, Layer, Plan, RunError, check_output, make_ball};

use super::threads;
use super::train::experiment_layers;
use crate::cli::BallArgs;
use crate::output::{aligned, print};

pub(crate) fn run(args: &BallArgs) -> Result<(), RunError> {
    let mut layers = Vec::new();
    if let Some(path) = &args.experiment.plan {
        layers.push(Layer::file(path)?);
    }
    layers.push(Layer::argument(format!("task {}", args.task), "task", args.task.as_str()));
    layers.extend(experiment_layers(&args.experiment)?);
    let plan = Plan::resolve(&layers)?;
    if let Some(path) = &args.output {
        check_output(path, args.force)?;
    }
    let mut workers = Workers::new(&plan.simulator()?, threads(args.threads))?;
    let (estimate, ball) = make_ball(&plan, &mut workers)?;
    let summary = BallSummary::new(&estimate, &ball, &workers)?;
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

/// What the ball allows each parameter.
pub(super) fn ball_table(ball: &BallSummary) -> String {
    let header = ["parameter", "nominal", "alone", "", "jointly", "", "unit"];
    let mut rows = vec![header.map(String::from)];
    for p in &ball.parameters {
        rows.push([
            p.name.clone(),
            number(p.nominal),
            span(p.alone),
            percent(relative(p, p.alone)),
            span(p.jointly),
            percent(relative(p, p.jointly)),
            p.unit.clone(),
        ]);
    }
    format!("ball of radius ε = {}:\n{}", number(ball.epsilon), aligned(&rows))
}

/// H₀ and how well it is known.
fn spectrum(ball: &BallSummary) -> String {
    let values: Vec<String> = ball.eigenvalues.iter().map(|&value| number(value)).collect();
    format!(
        "\nH₀: eigenvalues {}; relative standard error {:.1} %; {} one-step simulations\n",
        values.join(", "),
        100.0 * ball.relative_error,
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
