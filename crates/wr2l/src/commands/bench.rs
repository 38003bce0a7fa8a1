//! `wr2l bench`: how fast this machine simulates, acts and learns.

mod expression;
mod floor;
mod machine;
mod subject;

use std::time::{Duration, Instant};

use serde_json::json;
use wr2l::run::RunError;

use super::threads;
use crate::cli::BenchArgs;
use crate::output::{Bar, aligned, print, thousands};
use subject::{Subject, Unit, subjects};

pub(crate) fn run(args: &BenchArgs) -> Result<(), RunError> {
    let mut subjects = subjects(threads(args.threads))?;
    let wanted =
        |name: &str| args.only.is_empty() || args.only.iter().any(|part| name.contains(part.as_str()));
    subjects.retain(|subject| wanted(&subject.name));
    if subjects.is_empty() {
        let reason = format!("nothing that is measured has `{}` in its name", args.only.join("` or `"));
        return Err(RunError::Usage(reason));
    }
    if args.list {
        return print(&subjects.iter().map(|subject| format!("{}\n", subject.name)).collect::<String>());
    }
    let bar =
        if args.json { Bar::hidden() } else { Bar::new(u64::from(args.repeats) * subjects.len() as u64) };
    let budget = Duration::from_secs_f64(args.seconds);
    let load = machine::load();
    let begun = Instant::now();
    // Round after round, not subject after subject: a disturbance from outside meets all alike, and the medians pass
    // over it.
    let mut done = 0;
    for _ in 0..args.repeats {
        for subject in &mut subjects {
            bar.set(done, &subject.name);
            subject.measure(budget)?;
            done += 1;
        }
    }
    bar.clear();
    print(&if args.json { lines(&subjects, &load) } else { table(&subjects, &load, begun.elapsed()) })
}

/// One JSON object for the machine and one for every subject.
fn lines(subjects: &[Subject], load: &str) -> String {
    let mut text = format!(
        "{}\n",
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "cpu": machine::cpu(),
            "cores": threads(None),
            "networks": wr2l::nn::InstructionSet::detect().name(),
            "load_before": load,
            "load_after": machine::load(),
        })
    );
    for subject in subjects {
        for (quantity, unit, samples) in subject.results() {
            let value = json!({
                "name": quantity, "unit": unit.name(), "median": median(samples), "samples": samples
            });
            text += &format!("{value}\n");
        }
    }
    text
}

fn table(subjects: &[Subject], load: &str, took: Duration) -> String {
    let mut rows = vec![["", "median", "unit", "least", "most"].map(String::from)];
    for subject in subjects {
        for (quantity, unit, samples) in subject.results() {
            let show = |value: f64| match unit {
                Unit::StepsPerSecond => thousands(value.round() as u64),
                _ => format!("{value:.2}"),
            };
            let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
            let most = samples.iter().copied().fold(0.0, f64::max);
            let cells = [median(samples), least, most].map(show);
            let [median, least, most] = cells;
            rows.push([quantity.to_owned(), median, unit.name().to_owned(), least, most]);
        }
    }
    format!(
        "wr2l {} on {} ({} cores; networks on {})\nload {load} before, {} after; medians of alternating rounds, \
         {:.0} s in total\n\n{}",
        env!("CARGO_PKG_VERSION"),
        machine::cpu(),
        threads(None),
        wr2l::nn::InstructionSet::detect().name(),
        machine::load(),
        took.as_secs_f64(),
        aligned(&rows)
    )
}

/// The middle one, or the mean of the two middle ones.
fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n => f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[3.0, 1.0, 100.0]), 3.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
}
