//! Statistics over systems, and their spread across seeds.

use thiserror::Error;

/// Why statistics could not be computed.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum StatisticsError {
    /// There is no value.
    #[error("no value to compute statistics of")]
    Empty,
    /// Lists that belong together differ in length.
    #[error("expected {expected} values in each list, got {got}")]
    Ragged {
        /// Length of the first.
        expected: usize,
        /// Length of the one that differs.
        got: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {index} of {count} is {value}: statistics need finite numbers")]
    NotFinite {
        /// Its position.
        index: usize,
        /// Number of values.
        count: usize,
        /// The value.
        value: f64,
    },
}

fn check(values: &[f64]) -> Result<(), StatisticsError> {
    if values.is_empty() {
        return Err(StatisticsError::Empty);
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatisticsError::NotFinite { index, count: values.len(), value: values[index] }),
        None => Ok(()),
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// What the mean returns of one policy over many systems amount to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Number of values.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Median; the mean of the two middle values of an even number.
    pub median: f64,
    /// Interquartile mean: the ⌊n/4⌋ smallest and ⌊n/4⌋ largest values are left out, the rest averaged. The
    /// convention of rliable (Agarwal et al. 2021), that is `scipy.stats.trim_mean(x, 0.25)`.
    pub iqm: f64,
    /// Mean of the worst 10 % of the values, see [`Statistics::cvar`].
    pub cvar10: f64,
    /// Smallest value.
    pub worst: f64,
}

impl Statistics {
    /// The statistics of no value: everything but the count is NaN.
    pub const NO_VALUE: Self =
        Self { count: 0, mean: f64::NAN, median: f64::NAN, iqm: f64::NAN, cvar10: f64::NAN, worst: f64::NAN };

    /// Statistics of finite values, in any order.
    ///
    /// # Errors
    /// [`StatisticsError`] for no value or one that is not finite.
    pub fn of(values: &[f64]) -> Result<Self, StatisticsError> {
        check(values)?;
        // Summing in sorted order makes every statistic independent of the order of the values, to the bit.
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let cut = n / 4;
        Ok(Self {
            count: n,
            mean: mean(&sorted),
            median: mean(&sorted[(n - 1) / 2..=n / 2]),
            iqm: mean(&sorted[cut..n - cut]),
            cvar10: cvar_of_sorted(&sorted, 0.1),
            worst: sorted[0],
        })
    }

    /// Conditional value at risk: the mean of the worst `fraction` of the values.
    ///
    /// `fraction · n` need not be whole: with k = fraction · n, the ⌊k⌋ smallest values count fully and the next one
    /// with weight k − ⌊k⌋ (Rockafellar & Uryasev 2002, for equally likely outcomes). For k ≤ 1 it is the smallest
    /// value.
    ///
    /// # Errors
    /// [`StatisticsError`] for no value or one that is not finite.
    ///
    /// # Panics
    /// Unless `fraction` lies in (0, 1].
    pub fn cvar(values: &[f64], fraction: f64) -> Result<f64, StatisticsError> {
        assert!(fraction > 0.0 && fraction <= 1.0, "the fraction {fraction} lies in (0, 1]");
        check(values)?;
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Ok(cvar_of_sorted(&sorted, fraction))
    }
}

pub(crate) fn cvar_of_sorted(sorted: &[f64], fraction: f64) -> f64 {
    let k = fraction * sorted.len() as f64;
    if k <= 1.0 {
        return sorted[0];
    }
    let whole = (k as usize).min(sorted.len());
    let partial = if whole < sorted.len() { (k - whole as f64) * sorted[whole] } else { 0.0 };
    (sorted[..whole].iter().sum::<f64>() + partial) / k
}

/// Mean and spread of a number across seeds or episodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Number of values.
    pub count: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1); NaN for a single value, whose spread is unknown.
    pub sd: f64,
    /// Standard error of the mean, `sd/√n`; NaN for a single value.
    pub standard_error: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

impl Spread {
    /// The spread of no value: everything but the count is NaN.
    pub const NO_VALUE: Self = Self {
        count: 0,
        mean: f64::NAN,
        sd: f64::NAN,
        standard_error: f64::NAN,
        min: f64::NAN,
        max: f64::NAN,
    };

    /// Spread of finite values; sums run in the given order.
    ///
    /// # Errors
    /// [`StatisticsError`] for no value or one that is not finite.
    pub fn of(values: &[f64]) -> Result<Self, StatisticsError> {
        check(values)?;
        let count = values.len();
        let mean = mean(values);
        let sd = if count == 1 {
            f64::NAN
        } else {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            (squares / (count - 1) as f64).sqrt()
        };
        Ok(Self {
            count,
            mean,
            sd,
            standard_error: sd / (count as f64).sqrt(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hand_computed_values() {
        // 1, …, 10 shuffled: 25 % trimming leaves 3, …, 8; 10 % of ten values is one.
        let s = Statistics::of(&[3., 1., 10., 2., 5., 4., 9., 7., 6., 8.]).unwrap();
        assert_eq!((s.count, s.mean, s.median, s.iqm, s.cvar10, s.worst), (10, 5.5, 5.5, 5.5, 1.0, 1.0));
        // Skewed: trimming ⌊7/4⌋ = 1 at each end leaves 1, 2, 3, 4, 5.
        let s = Statistics::of(&[0., 1., 2., 3., 4., 5., 1000.]).unwrap();
        assert_eq!((s.median, s.iqm, s.worst), (3.0, 3.0, 0.0));
        assert_eq!(s.mean, 1015.0 / 7.0);
        // Three values: ⌊3/4⌋ = 0, nothing is trimmed.
        assert_eq!(Statistics::of(&[1., 2., 9.]).unwrap().iqm, 4.0);
    }

    #[test]
    fn the_interquartile_mean_equals_scipys_trim_mean() {
        // scipy.stats.trim_mean([(i * 37 % 101) ** 1.5 for i in range(n)], 0.25), SciPy 1.17.1.
        for (n, expected) in [(1, SCIPY[0]), (5, SCIPY[1]), (8, SCIPY[2]), (50, SCIPY[3])] {
            let values: Vec<f64> = (0..n).map(|i| f64::from(i * 37 % 101).powf(1.5)).collect();
            let iqm = Statistics::of(&values).unwrap().iqm;
            assert!((iqm - expected).abs() <= 1e-12 * expected.abs(), "n = {n}: {iqm} against {expected}");
        }
    }
    const SCIPY: [f64; 4] = [0.0, 192.96691881385564, 266.7653154375769, 367.2926950631094];

    #[test]
    fn a_fractional_worst_tenth_weighs_the_next_value() {
        // 15 values: k = 1.5, the worst fully and the second half.
        let values: Vec<f64> = (0..15).map(f64::from).collect();
        assert!((Statistics::of(&values).unwrap().cvar10 - (0.0 + 0.5 * 1.0) / 1.5).abs() < 1e-12);
        // 121 values, an 11 × 11 grid: k = 12.1.
        let values: Vec<f64> = (0..121).map(f64::from).collect();
        let expected = (66.0 + 0.1 * 12.0) / 12.1;
        assert!((Statistics::of(&values).unwrap().cvar10 - expected).abs() < 1e-12);
        // Fewer than ten: the worst value.
        assert_eq!(Statistics::of(&[4.0, 3.0]).unwrap().cvar10, 3.0);
        assert_eq!(Statistics::cvar(&[4.0, 2.0], 1.0), Ok(3.0));
    }

    #[test]
    fn one_value_and_ties_are_themselves() {
        for values in [vec![7.25], vec![7.25; 33]] {
            let s = Statistics::of(&values).unwrap();
            for statistic in [s.mean, s.median, s.iqm, s.cvar10, s.worst] {
                assert!((statistic - 7.25).abs() < 1e-12, "{s:?}");
            }
        }
        let spread = Spread::of(&[7.25]).unwrap();
        assert!(spread.sd.is_nan() && spread.standard_error.is_nan());
        assert_eq!((spread.mean, spread.min, spread.max), (7.25, 7.25, 7.25));
    }

    #[test]
    fn no_value_and_values_that_are_not_finite_are_refused() {
        assert_eq!(Statistics::of(&[]), Err(StatisticsError::Empty));
        assert_eq!(Spread::of(&[]), Err(StatisticsError::Empty));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for result in [Statistics::of(&[1.0, bad]).map(|_| ()), Spread::of(&[1.0, bad]).map(|_| ())] {
                assert!(matches!(result, Err(StatisticsError::NotFinite { index: 1, count: 2, .. })));
            }
        }
    }

    #[test]
    fn spread_uses_the_sample_standard_deviation() {
        let spread = Spread::of(&[2., 4., 4., 4., 5., 5., 7., 9.]).unwrap();
        assert_eq!(spread.mean, 5.0);
        assert!((spread.sd - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert!((spread.standard_error - (32.0_f64 / 56.0).sqrt()).abs() < 1e-12);
        assert_eq!((spread.min, spread.max), (2.0, 9.0));
    }

    proptest! {
        #[test]
        fn statistics_are_ordered_and_shift_and_scale(
            values in prop::collection::vec(-1e4..1e4_f64, 1..300), shift in -1e4..1e4_f64, scale in 0.01..100.0_f64,
        ) {
            let s = Statistics::of(&values).unwrap();
            let slack = 1e-9 * (1.0 + s.worst.abs());
            prop_assert!(s.worst <= s.cvar10 + slack && s.cvar10 <= s.mean + slack);
            prop_assert!(s.worst <= s.median && s.worst <= s.iqm + slack);
            let moved: Vec<f64> = values.iter().map(|v| scale * v + shift).collect();
            let m = Statistics::of(&moved).unwrap();
            for (a, b) in [(s.mean, m.mean), (s.median, m.median), (s.iqm, m.iqm), (s.cvar10, m.cvar10), (s.worst, m.worst)] {
                prop_assert!((scale * a + shift - b).abs() <= 1e-9 * (1.0 + b.abs() + (scale * a).abs() + shift.abs()));
            }
        }

        #[test]
        fn statistics_do_not_depend_on_the_order(mut values in prop::collection::vec(-1e4..1e4_f64, 1..100)) {
            let before = Statistics::of(&values).unwrap();
            values.reverse();
            prop_assert_eq!(before, Statistics::of(&values).unwrap());
        }
    }
}
