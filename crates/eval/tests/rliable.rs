//! Statistics across runs against the Python package rliable, whose answers on random data `fixtures/generate.py` keeps.

use wr2l_eval::{Aggregate, Bootstrap, Interval, Resample, Scores, probability_of_improvement};

/// One case of a fixture: its numbers after the line's name.
fn cases(name: &str) -> Vec<Vec<f64>> {
    include_str!("fixtures/rliable.csv")
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(','))
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
        .collect()
}

fn scores(numbers: &mut impl Iterator<Item = f64>) -> Scores {
    let (runs, tasks) = (numbers.next().unwrap() as usize, numbers.next().unwrap() as usize);
    let rows: Vec<Vec<f64>> =
        (0..runs).map(|_| (0..tasks).map(|_| numbers.next().unwrap()).collect()).collect();
    Scores::new(&rows).unwrap()
}

/// rliable's own resamples: per task, and enough of them that what is left of chance is below the tolerance.
const BOOTSTRAP: Bootstrap =
    Bootstrap { resample: Resample::Stratified, repetitions: 20_000, level: 0.95, seed: 1 };

/// The estimate is the same number; the ends of the interval agree to 12 % of its width, which is about four standard
/// errors of a percentile among 4,000 resamples.
fn agree(what: &str, ours: Interval, theirs: [f64; 3]) {
    let [estimate, low, high] = theirs;
    assert!(
        (ours.estimate - estimate).abs() <= 1e-12 * (1.0 + estimate.abs()),
        "{what}: {ours:?} {theirs:?}"
    );
    let tolerance = 0.12 * (high - low) + 1e-12;
    assert!((ours.low - low).abs() <= tolerance, "{what}, low end: {ours:?} {theirs:?}");
    assert!((ours.high - high).abs() <= tolerance, "{what}, high end: {ours:?} {theirs:?}");
}

#[test]
fn mean_median_and_interquartile_mean_are_rliables() {
    let cases = cases("aggregate");
    assert!(cases.len() >= 6);
    for case in cases {
        let mut numbers = case.into_iter();
        let scores = scores(&mut numbers);
        for aggregate in [Aggregate::Mean, Aggregate::Median, Aggregate::Iqm] {
            // With one task rliable's median over tasks is a mean over runs; ours is the median over runs.
            let theirs: [f64; 3] = std::array::from_fn(|_| numbers.next().unwrap());
            if aggregate == Aggregate::Median && scores.tasks() == 1 {
                continue;
            }
            let what = format!("{aggregate:?} of {} × {}", scores.runs(), scores.tasks());
            agree(&what, scores.interval(aggregate, BOOTSTRAP), theirs);
        }
    }
}

#[test]
fn performance_profiles_are_rliables() {
    for case in cases("profile") {
        let mut numbers = case.into_iter();
        let scores = scores(&mut numbers);
        let rest: Vec<f64> = numbers.collect();
        let thresholds: Vec<f64> = rest.chunks(4).map(|row| row[0]).collect();
        let profile = scores.profile(&thresholds, BOOTSTRAP);
        for (ours, row) in profile.into_iter().zip(rest.chunks(4)) {
            // A share over few scores is a whole number of them: an end may fall on the next.
            let step = 1.0 / (scores.runs() * scores.tasks()) as f64;
            assert!((ours.estimate - row[1]).abs() < 1e-12, "{ours:?} {row:?}");
            assert!((ours.low - row[2]).abs() <= 1.01 * step, "{ours:?} {row:?}");
            assert!((ours.high - row[3]).abs() <= 1.01 * step, "{ours:?} {row:?}");
        }
    }
}

#[test]
fn the_probability_of_improvement_is_rliables() {
    for case in cases("improvement") {
        let mut numbers = case.into_iter();
        let (x, y) = (scores(&mut numbers), scores(&mut numbers));
        let theirs: [f64; 3] = std::array::from_fn(|_| numbers.next().unwrap());
        let ours = probability_of_improvement(&x, &y, BOOTSTRAP).unwrap();
        agree("improvement", ours, theirs);
    }
}
