//! All intervals of a table of methods from the same resamples.
//!
//! [`Scores::interval`] and [`probability_of_improvement`](crate::probability_of_improvement) draw the same numbers again for every
//! aggregate and every pair, and sort every resample. Here each is drawn once and no resample is sorted: a resample is how
//! often each of the sorted scores was drawn. What comes out is the same, to the bit.

use wr2l_rng::Stream;

use crate::across::{Aggregate, Bootstrap, Interval, Scores, improvement, percentiles, stream};
use crate::statistics::{cvar_of_sorted, mean};

/// A method beside all others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Compared {
    /// Its aggregates, in the order of [`Aggregate::ALL`].
    pub(crate) aggregates: [Interval; 5],
    /// The probability that its run scores higher than one of each method; `None` for a method without scores.
    pub(crate) better: Vec<Option<Interval>>,
}

/// Compares methods, each of which was scored on one task; `None` for one without scores. The bootstrap draws whole runs.
pub(crate) fn compare(methods: &[Option<Scores>], bootstrap: Bootstrap) -> Vec<Option<Compared>> {
    let mut drawn: Vec<Option<Drawn<'_>>> =
        methods.iter().map(|scores| Some(Drawn::new(scores.as_ref()?))).collect();
    let mut draws: Vec<Draws> = Vec::new();
    for runs in drawn.iter().flatten().map(|one| one.values.len()) {
        if draws.iter().all(|draws| draws.count() != runs) {
            draws.push(Draws::new(runs, bootstrap.seed));
        }
    }
    let meetings: Vec<Vec<Option<Meeting>>> = drawn
        .iter()
        .map(|one| drawn.iter().map(|other| Some(Meeting::new(one.as_ref()?, other.as_ref()?))).collect())
        .collect();
    let room = || Vec::with_capacity(bootstrap.repetitions as usize);
    let mut aggregates: Vec<[Vec<f64>; 5]> =
        methods.iter().map(|_| std::array::from_fn(|_| room())).collect();
    let mut better: Vec<Vec<Vec<f64>>> =
        methods.iter().map(|_| methods.iter().map(|_| room()).collect()).collect();
    for _ in 0..bootstrap.repetitions {
        draws.iter_mut().for_each(Draws::again);
        for one in drawn.iter_mut().flatten() {
            if let Some(draws) = draws.iter().find(|draws| draws.count() == one.values.len()) {
                one.follow(draws);
            }
        }
        for (one, values) in drawn.iter().zip(&mut aggregates) {
            let Some(one) = one else { continue };
            for (value, values) in one.aggregates.into_iter().zip(values) {
                values.push(value);
            }
        }
        for ((one, meetings), values) in drawn.iter().zip(&meetings).zip(&mut better) {
            for ((other, meeting), values) in drawn.iter().zip(meetings).zip(values) {
                if let (Some(one), Some(other), Some(meeting)) = (one, other, meeting) {
                    values.push(meeting.improvement(one, other));
                }
            }
        }
    }
    let rows = methods.iter().zip(aggregates).zip(better);
    rows.map(|((own, aggregates), better)| {
        let own = own.as_ref()?;
        let mut estimates = Aggregate::ALL.into_iter().map(|aggregate| own.aggregate(aggregate));
        let aggregates = aggregates
            .map(|values| percentiles(estimates.next().unwrap_or(f64::NAN), values, bootstrap.level));
        let pairs = methods.iter().zip(better);
        let better = pairs.map(|(other, values)| {
            Some(percentiles(improvement(own, other.as_ref()?), values, bootstrap.level))
        });
        Some(Compared { aggregates, better: better.collect() })
    })
    .collect()
}

/// Which runs a resample has, of so many: the same for all methods with that number.
struct Draws {
    /// For a method alone and as the first of a pair, and for one as the second.
    streams: [Stream; 2],
    runs: [Vec<u32>; 2],
}

impl Draws {
    fn new(count: usize, seed: u64) -> Self {
        Self { streams: [0, 1].map(|lane| stream(seed, lane)), runs: [(); 2].map(|()| vec![0; count]) }
    }

    fn count(&self) -> usize {
        self.runs[0].len()
    }

    fn again(&mut self) {
        for (stream, runs) in self.streams.iter_mut().zip(&mut self.runs) {
            let count = runs.len();
            runs.fill_with(|| stream.below(count) as u32);
        }
    }
}

/// The scores of a method, and a resample of them.
struct Drawn<'a> {
    values: &'a [f64],
    sorted: Vec<f64>,
    /// Where each run's score stands in `sorted`.
    place: Vec<u32>,
    /// How often each of `sorted` was drawn.
    counts: Vec<u32>,
    /// Of the draws as the second: how many are among the first i of `sorted`.
    below: Vec<u32>,
    /// The resample in order; scratch.
    resample: Vec<f64>,
    /// Of the resample, in the order of [`Aggregate::ALL`].
    aggregates: [f64; 5],
}

impl<'a> Drawn<'a> {
    fn new(scores: &'a Scores) -> Self {
        let values = scores.values();
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        let mut place = vec![0; values.len()];
        for (at, &run) in order.iter().enumerate() {
            place[run] = at as u32;
        }
        Self {
            values,
            sorted: order.iter().map(|&run| values[run]).collect(),
            place,
            counts: vec![0; values.len()],
            below: vec![0; values.len() + 1],
            resample: Vec::with_capacity(values.len()),
            aggregates: [f64::NAN; 5],
        }
    }

    /// Makes the resample of these draws.
    fn follow(&mut self, draws: &Draws) {
        let n = self.values.len();
        let [own, second] = &draws.runs;
        self.counts.fill(0);
        let mut sum = 0.0;
        for &run in own {
            // In the order of the draws, as a resample that is not sorted is summed.
            sum += self.values[run as usize];
            self.counts[self.place[run as usize] as usize] += 1;
        }
        self.below.fill(0);
        for &run in second {
            self.below[self.place[run as usize] as usize + 1] += 1;
        }
        let mut so_far = 0;
        for below in &mut self.below {
            so_far += *below;
            *below = so_far;
        }
        self.resample.clear();
        for (&count, &value) in self.counts.iter().zip(&self.sorted) {
            self.resample.extend(std::iter::repeat_n(value, count as usize));
        }
        let sorted = &self.resample;
        let cut = n / 4;
        self.aggregates = [
            mean(&[sum / n as f64]),
            mean(&sorted[(n - 1) / 2..=n / 2]),
            mean(&sorted[cut..n - cut]),
            cvar_of_sorted(sorted, 0.1),
            sorted[0],
        ];
    }
}

/// How the scores of one method stand to those of another: for each of the one's sorted scores, how many of the other's are
/// lower, and how many are not higher.
struct Meeting(Vec<[u32; 2]>);

impl Meeting {
    fn new(one: &Drawn<'_>, other: &Drawn<'_>) -> Self {
        let stand = |a: &f64| {
            let lower = other.sorted.partition_point(|b| b < a);
            let not_higher = lower + other.sorted[lower..].partition_point(|b| b <= a);
            [lower, not_higher].map(|count| count as u32)
        };
        Self(one.sorted.iter().map(stand).collect())
    }

    /// The share of the pairs of both resamples of which the one's score is higher, equal ones counting half.
    fn improvement(&self, one: &Drawn<'_>, other: &Drawn<'_>) -> f64 {
        let scores = one.counts.iter().zip(&self.0);
        let twice: u64 = scores
            .map(|(&count, [lower, not_higher])| {
                let both = other.below[*lower as usize] + other.below[*not_higher as usize];
                u64::from(count) * u64::from(both)
            })
            .sum();
        0.5 * twice as f64 / (one.values.len() * other.values.len()) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::across::probability_of_improvement;
    use wr2l_rng::{Purpose, StreamKey};

    #[test]
    fn all_of_it_is_what_the_intervals_one_by_one_are_to_the_bit() {
        let mut stream = StreamKey::new(4, Purpose::Test).stream();
        // Methods of other numbers of runs, with ties, zeros of both signs, and one without scores.
        let mut method = |runs: usize, ties: bool| {
            let mut value = || if ties { (3.0 * stream.normal()).round() } else { 100.0 * stream.normal() };
            Some(Scores::single(&(0..runs).map(|_| value()).collect::<Vec<_>>()).unwrap())
        };
        let methods = [method(1, false), method(8, true), None, method(30, true), method(30, false)];
        let bootstrap = Bootstrap { repetitions: 200, seed: 3, ..Bootstrap::default() };
        let compared = compare(&methods, bootstrap);
        let bits = |i: Interval| [i.estimate, i.low, i.high].map(f64::to_bits);
        for (own, row) in methods.iter().zip(&compared) {
            assert_eq!(own.is_some(), row.is_some());
            let (Some(own), Some(row)) = (own, row) else { continue };
            for (aggregate, interval) in Aggregate::ALL.into_iter().zip(row.aggregates) {
                assert_eq!(bits(interval), bits(own.interval(aggregate, bootstrap)), "{aggregate:?}");
            }
            for (other, interval) in methods.iter().zip(&row.better) {
                let alone =
                    other.as_ref().map(|other| probability_of_improvement(own, other, bootstrap).unwrap());
                assert_eq!(interval.map(bits), alone.map(bits));
            }
        }
    }
}
