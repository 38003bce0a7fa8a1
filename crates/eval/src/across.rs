//! Statistics across runs, with intervals, by the conventions of rliable (Agarwal et al. 2021, "Deep reinforcement
//! learning at the edge of the statistical precipice").

use wr2l_rng::{Purpose, Stream, StreamKey};

use crate::statistics::{Statistics, StatisticsError};

/// Scores of one method: `[runs, tasks]`, row-major. A run is a training seed; a task whatever it was measured on, at
/// least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    tasks: usize,
    values: Vec<f64>,
}

/// A number that condenses scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Mean over the tasks of the mean over the runs.
    Mean,
    /// Median over the tasks of the mean over the runs; with a single task, the median over the runs.
    Median,
    /// Interquartile mean over all runs and tasks.
    Iqm,
    /// Mean of the worst tenth over all runs and tasks.
    Cvar10,
    /// The smallest score.
    Worst,
}

impl Aggregate {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 5] = [Self::Mean, Self::Median, Self::Iqm, Self::Cvar10, Self::Worst];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Iqm => "iqm",
            Self::Cvar10 => "cvar10",
            Self::Worst => "worst",
        }
    }
}

/// What a bootstrap draws anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resample {
    /// For every task its runs, independently of the other tasks (the stratified bootstrap of rliable): right where a
    /// run on one task has nothing to do with a run on another.
    Stratified,
    /// Whole runs with all their tasks: right where the tasks are systems on which the same policy was evaluated, whose
    /// scores rise and fall together.
    Runs,
}

/// How intervals are made: the percentile bootstrap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bootstrap {
    /// What is drawn anew.
    pub resample: Resample,
    /// Number of resamples. Default 2,000.
    pub repetitions: u32,
    /// Share of the resamples inside the interval. Default 0.95.
    pub level: f64,
    /// Seed of the resamples: the same data give the same interval.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resample: Resample::Runs, repetitions: 2000, level: 0.95, seed: 0 }
    }
}

/// An estimate with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The estimate from the scores as they are.
    pub estimate: f64,
    /// Lower end; equal to the estimate for a single run, which tells nothing of others.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Scores {
    /// Scores from one list a run, all of the same length.
    ///
    /// # Errors
    /// [`StatisticsError::Empty`] for no run or task, [`StatisticsError::Ragged`] for lists of different lengths,
    /// [`StatisticsError::NotFinite`].
    pub fn new(runs: &[Vec<f64>]) -> Result<Self, StatisticsError> {
        let tasks = runs.first().map_or(0, Vec::len);
        if tasks == 0 {
            return Err(StatisticsError::Empty);
        }
        if let Some(other) = runs.iter().find(|run| run.len() != tasks) {
            return Err(StatisticsError::Ragged { expected: tasks, got: other.len() });
        }
        let values = runs.concat();
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => {
                Err(StatisticsError::NotFinite { index, count: values.len(), value: values[index] })
            }
            None => Ok(Self { tasks, values }),
        }
    }

    /// Scores of runs on one task.
    ///
    /// # Errors
    /// [`StatisticsError::Empty`], [`StatisticsError::NotFinite`].
    pub fn single(values: &[f64]) -> Result<Self, StatisticsError> {
        Self::new(&values.iter().map(|&value| vec![value]).collect::<Vec<_>>())
    }

    /// All scores, run by run.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.values.len() / self.tasks
    }

    /// Number of tasks.
    pub fn tasks(&self) -> usize {
        self.tasks
    }

    /// The aggregate of the scores.
    pub fn aggregate(&self, aggregate: Aggregate) -> f64 {
        // Checked when made: neither empty nor without a value.
        let of = |values: &[f64]| Statistics::of(values).unwrap_or(Statistics::NO_VALUE);
        match aggregate {
            Aggregate::Mean => of(&self.task_means()).mean,
            Aggregate::Median if self.tasks == 1 => of(&self.values).median,
            Aggregate::Median => of(&self.task_means()).median,
            Aggregate::Iqm => of(&self.values).iqm,
            Aggregate::Cvar10 => of(&self.values).cvar10,
            Aggregate::Worst => of(&self.values).worst,
        }
    }

    /// The aggregate with its interval.
    pub fn interval(&self, aggregate: Aggregate, bootstrap: Bootstrap) -> Interval {
        let values = self.resampled(bootstrap, |scores| scores.aggregate(aggregate));
        percentiles(self.aggregate(aggregate), values, bootstrap.level)
    }

    /// The performance profile: for each threshold the share of all scores above it, with its pointwise interval.
    pub fn profile(&self, thresholds: &[f64], bootstrap: Bootstrap) -> Vec<Interval> {
        let above = |scores: &Self, threshold: f64| {
            scores.values.iter().filter(|&&score| score > threshold).count() as f64
                / scores.values.len() as f64
        };
        let runs = self.runs();
        if bootstrap.resample == Resample::Runs {
            // Whole runs: their shares are all that a resample needs.
            let share = |run: usize, t: f64| {
                let row = &self.values[run * self.tasks..][..self.tasks];
                row.iter().filter(|&&score| score > t).count() as f64 / self.tasks as f64
            };
            let shares: Vec<Vec<f64>> =
                thresholds.iter().map(|&t| (0..runs).map(|run| share(run, t)).collect()).collect();
            let mut resamples = vec![Vec::new(); thresholds.len()];
            let mut stream = stream(bootstrap.seed, 0);
            for _ in 0..bootstrap.repetitions {
                let drawn: Vec<usize> = (0..runs).map(|_| stream.below(runs)).collect();
                for (values, shares) in resamples.iter_mut().zip(&shares) {
                    values.push(drawn.iter().map(|&run| shares[run]).sum::<f64>() / runs as f64);
                }
            }
            let pairs = thresholds.iter().zip(resamples);
            return pairs.map(|(&t, values)| percentiles(above(self, t), values, bootstrap.level)).collect();
        }
        let resamples = self.resampled(bootstrap, |scores| {
            thresholds.iter().map(|&t| above(scores, t)).collect::<Vec<f64>>()
        });
        let at = |k: usize| resamples.iter().map(|values| values[k]).collect::<Vec<f64>>();
        let profile = thresholds.iter().enumerate();
        profile.map(|(k, &t)| percentiles(above(self, t), at(k), bootstrap.level)).collect()
    }

    fn task_means(&self) -> Vec<f64> {
        let runs = self.runs();
        (0..self.tasks)
            .map(|task| (0..runs).map(|run| self.values[run * self.tasks + task]).sum::<f64>() / runs as f64)
            .collect()
    }

    /// A function of every resample.
    fn resampled<T>(&self, bootstrap: Bootstrap, mut f: impl FnMut(&Self) -> T) -> Vec<T> {
        let mut copy = self.clone();
        let mut stream = stream(bootstrap.seed, 0);
        (0..bootstrap.repetitions)
            .map(|_| {
                self.resample_into(&mut copy, bootstrap.resample, &mut stream);
                f(&copy)
            })
            .collect()
    }

    fn resample_into(&self, copy: &mut Self, resample: Resample, stream: &mut Stream) {
        let runs = self.runs();
        for (run, row) in copy.values.chunks_exact_mut(self.tasks).enumerate() {
            debug_assert!(run < runs);
            let whole = stream.below(runs);
            for (task, value) in row.iter_mut().enumerate() {
                let from = match resample {
                    Resample::Runs => whole,
                    Resample::Stratified if task == 0 => whole,
                    Resample::Stratified => stream.below(runs),
                };
                *value = self.values[from * self.tasks + task];
            }
        }
    }
}

/// The probability that a run of the first method scores higher than a run of the second on the same task, averaged
/// over the tasks; equal scores count half (the Mann–Whitney statistic). With its interval, for which the runs of both
/// methods are drawn anew, independently.
///
/// # Errors
/// [`StatisticsError::Ragged`] if the methods were not measured on the same number of tasks.
pub fn probability_of_improvement(
    first: &Scores,
    second: &Scores,
    bootstrap: Bootstrap,
) -> Result<Interval, StatisticsError> {
    if first.tasks != second.tasks {
        return Err(StatisticsError::Ragged { expected: first.tasks, got: second.tasks });
    }
    let estimate = improvement(first, second);
    let (mut a, mut b) = (first.clone(), second.clone());
    let (mut stream_a, mut stream_b) = (stream(bootstrap.seed, 0), stream(bootstrap.seed, 1));
    let values = (0..bootstrap.repetitions)
        .map(|_| {
            first.resample_into(&mut a, bootstrap.resample, &mut stream_a);
            second.resample_into(&mut b, bootstrap.resample, &mut stream_b);
            improvement(&a, &b)
        })
        .collect();
    Ok(percentiles(estimate, values, bootstrap.level))
}

pub(crate) fn improvement(first: &Scores, second: &Scores) -> f64 {
    // Halves, whose sum is exact in any order: so the pairs need not be gone through one by one.
    let mut sum = 0.0;
    let mut sorted = Vec::with_capacity(second.runs());
    for task in 0..first.tasks {
        sorted.clear();
        sorted.extend(second.values.iter().skip(task).step_by(second.tasks).copied());
        sorted.sort_unstable_by(f64::total_cmp);
        for a in first.values.iter().skip(task).step_by(first.tasks) {
            let below = sorted.partition_point(|b| b < a);
            let equal = sorted[below..].partition_point(|b| b <= a);
            sum += below as f64 + 0.5 * equal as f64;
        }
    }
    sum / (first.tasks * first.runs() * second.runs()) as f64
}

pub(crate) fn stream(seed: u64, lane: u64) -> Stream {
    StreamKey::new(seed, Purpose::Bootstrap).lane(lane).stream()
}

/// The interval between the percentiles of resampled values, linear between neighbours (NumPy's default).
pub(crate) fn percentiles(estimate: f64, mut values: Vec<f64>, level: f64) -> Interval {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let Some(last) = values.len().checked_sub(1) else { return estimate };
        let place = share.clamp(0.0, 1.0) * last as f64;
        let (below, rest) = (place.floor() as usize, place.fract());
        values[below] + rest * (values[(below + 1).min(last)] - values[below])
    };
    Interval { estimate, low: at(0.5 * (1.0 - level)), high: at(0.5 * (1.0 + level)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(runs: usize, tasks: usize, seed: u64) -> Scores {
        let mut stream = StreamKey::new(seed, Purpose::Test).stream();
        Scores { tasks, values: (0..runs * tasks).map(|_| stream.normal()).collect() }
    }

    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        // The mean of 20 normal numbers: the percentile interval is a little narrow, about 93 %.
        let bootstrap = Bootstrap { repetitions: 400, ..Bootstrap::default() };
        let holds = |seed: &u64| {
            let interval = scores(20, 1, *seed).interval(Aggregate::Mean, bootstrap);
            interval.low <= 0.0 && 0.0 <= interval.high
        };
        let share = (0..400).filter(holds).count() as f64 / 400.0;
        assert!((0.88..=0.98).contains(&share), "{share}");
    }

    #[test]
    fn one_run_has_no_width_and_equal_runs_neither() {
        for scores in [Scores::single(&[3.0]).unwrap(), Scores::single(&[3.0; 7]).unwrap()] {
            for aggregate in Aggregate::ALL {
                let Interval { estimate, low, high } = scores.interval(aggregate, Bootstrap::default());
                assert!([estimate, low, high].iter().all(|v| (v - 3.0).abs() < 1e-12));
            }
        }
    }

    #[test]
    fn runs_drawn_whole_are_wider_where_systems_rise_and_fall_together() {
        // Ten runs, each with one level on all its fifty systems.
        let runs: Vec<Vec<f64>> = (0..10).map(|run| vec![f64::from(run); 50]).collect();
        let scores = Scores::new(&runs).unwrap();
        let width = |resample| {
            let i = scores.interval(Aggregate::Mean, Bootstrap { resample, ..Bootstrap::default() });
            i.high - i.low
        };
        assert!(width(Resample::Runs) > 5.0 * width(Resample::Stratified));
    }

    #[test]
    fn profiles_fall_from_one_to_nothing_for_both_ways_to_resample() {
        let scores = scores(5, 8, 3);
        for resample in [Resample::Runs, Resample::Stratified] {
            let bootstrap = Bootstrap { resample, repetitions: 200, ..Bootstrap::default() };
            let profile = scores.profile(&[-9.0, -1.0, 0.0, 1.0, 9.0], bootstrap);
            assert_eq!((profile[0].estimate, profile[4].estimate), (1.0, 0.0));
            assert!(profile.windows(2).all(|pair| pair[0].estimate >= pair[1].estimate));
            assert!(profile.iter().all(|i| i.low <= i.estimate && i.estimate <= i.high));
        }
    }

    #[test]
    fn a_score_at_the_threshold_is_not_above_it() {
        let scores = Scores::new(&[vec![0.0, 1.0]]).unwrap();
        for resample in [Resample::Runs, Resample::Stratified] {
            let profile =
                scores.profile(&[0.0, 1.0], Bootstrap { resample, repetitions: 20, ..Bootstrap::default() });
            let whole = |share| Interval { estimate: share, low: share, high: share };
            assert_eq!(profile, [whole(0.5), whole(0.0)]);
        }
    }

    #[test]
    fn percentiles_are_linear_between_neighbours_as_numpys() {
        // numpy.percentile([0, 1, 2, 3, 10], [20, 80]).
        let Interval { estimate, low, high } = percentiles(9.0, vec![10.0, 0.0, 3.0, 1.0, 2.0], 0.6);
        assert!(estimate == 9.0 && (low - 0.8).abs() < 1e-12 && (high - 4.4).abs() < 1e-12, "{low} {high}");
    }

    #[test]
    fn improvement_of_equals_is_a_half_and_of_the_better_is_one() {
        let (a, b) = (Scores::single(&[1.0, 2.0]).unwrap(), Scores::single(&[3.0, 4.0, 5.0]).unwrap());
        let p = |x, y| probability_of_improvement(x, y, Bootstrap::default()).unwrap();
        assert_eq!((p(&a, &a).estimate, p(&b, &a).estimate, p(&a, &b).estimate), (0.5, 1.0, 0.0));
        assert!(probability_of_improvement(&a, &scores(2, 2, 1), Bootstrap::default()).is_err());
    }

    #[test]
    fn scores_without_a_shape_or_a_value_are_refused() {
        assert_eq!(Scores::new(&[]), Err(StatisticsError::Empty));
        assert_eq!(Scores::new(&[vec![], vec![]]), Err(StatisticsError::Empty));
        let ragged = Scores::new(&[vec![1.0], vec![1.0, 2.0]]);
        assert_eq!(ragged, Err(StatisticsError::Ragged { expected: 1, got: 2 }));
        let bad = Scores::single(&[1.0, f64::NAN]);
        assert!(matches!(bad, Err(StatisticsError::NotFinite { index: 1, .. })));
    }
}
