//! Running mean and variance of a stream of vectors.

use crate::error::NnError;

/// Added to a variance before its square root is divided by, as in Gymnasium's normalising wrappers.
const VARIANCE_FLOOR: f64 = 1.0e-8;

/// Count, mean and sum of squared deviations of every coordinate of a stream of rows (Welford 1962), in f64.
///
/// Two accumulators merge exactly as if one had seen the rows of both (Chan et al. 1979) up to rounding;
/// merging in a fixed order gives the same bits every time. The three accessors and
/// [`RunningMoments::from_parts`] are all that saving needs.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningMoments {
    count: u64,
    mean: Vec<f64>,
    m2: Vec<f64>,
}

impl RunningMoments {
    /// Moments of rows of length `dim`, none seen yet.
    pub fn new(dim: usize) -> Self {
        Self { count: 0, mean: vec![0.0; dim], m2: vec![0.0; dim] }
    }

    /// Moments from saved numbers: rows seen, mean `[dim]` and sum of squared deviations `[dim]`.
    ///
    /// # Errors
    /// [`NnError::Length`] if the two lengths differ; [`NnError::Value`] if a number is not finite, a sum of
    /// squares is negative, or there are moments of no rows.
    pub fn from_parts(count: u64, mean: Vec<f64>, m2: Vec<f64>) -> Result<Self, NnError> {
        if mean.len() != m2.len() {
            return Err(NnError::Length { what: "squared deviations", expected: mean.len(), got: m2.len() });
        }
        let valid_mean = |x: &f64| x.is_finite() && (count > 0 || *x == 0.0);
        let valid_m2 = |x: &f64| x.is_finite() && *x >= 0.0 && (count > 0 || *x == 0.0);
        refuse("mean", &mean, valid_mean)?;
        refuse("squared deviations", &m2, valid_m2)?;
        Ok(Self { count, mean, m2 })
    }

    /// Length of a row.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Rows seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean of every coordinate, `[dim]`; 0 before the first row.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Sum of squared deviations from the mean of every coordinate, `[dim]`.
    pub fn m2(&self) -> &[f64] {
        &self.m2
    }

    /// The variance of coordinate `i` (divided by the count); 1 while fewer than two rows were seen, when
    /// nothing is known about it.
    pub fn variance(&self, i: usize) -> f64 {
        if self.count < 2 { 1.0 } else { self.m2[i] / self.count as f64 }
    }

    /// Takes in one row `[dim]`.
    ///
    /// # Errors
    /// [`NnError::Length`], or [`NnError::Value`] if a number is not finite or so large that the moments
    /// would not be; the moments are then unchanged.
    pub fn update(&mut self, row: &[f64]) -> Result<(), NnError> {
        if row.len() != self.dim() {
            return Err(NnError::Length { what: "row", expected: self.dim(), got: row.len() });
        }
        // Beyond 1e150 a squared deviation would overflow.
        refuse("row", row, |x| x.abs() <= 1.0e150)?;
        self.count += 1;
        let weight = 1.0 / self.count as f64;
        for ((mean, m2), x) in self.mean.iter_mut().zip(&mut self.m2).zip(row) {
            let deviation = x - *mean;
            *mean += deviation * weight;
            *m2 += deviation * (x - *mean);
        }
        Ok(())
    }

    /// Takes in everything that `other` has seen.
    ///
    /// # Errors
    /// [`NnError::Length`] if the rows have different lengths.
    pub fn merge(&mut self, other: &Self) -> Result<(), NnError> {
        if other.dim() != self.dim() {
            return Err(NnError::Length { what: "merged moments", expected: self.dim(), got: other.dim() });
        }
        if other.count == 0 {
            return Ok(());
        }
        if self.count == 0 {
            self.clone_from(other);
            return Ok(());
        }
        let total = self.count + other.count;
        let weight = other.count as f64 / total as f64;
        for i in 0..self.mean.len() {
            let difference = other.mean[i] - self.mean[i];
            self.mean[i] += difference * weight;
            self.m2[i] += other.m2[i] + difference * difference * weight * self.count as f64;
        }
        self.count = total;
        Ok(())
    }

    /// The map (x − mean)/√(variance + 1e-8) frozen as it is now, limited to `[-clip, clip]`; the identity
    /// (but for the limit) while no row was seen.
    pub fn normaliser(&self, clip: f64) -> Normaliser {
        let inverse = |i| {
            if self.count == 0 { 1.0 } else { 1.0 / (self.variance(i) + VARIANCE_FLOOR).sqrt() }
        };
        let inverse_deviation = (0..self.dim()).map(inverse).collect();
        Normaliser { mean: self.mean.clone(), inverse_deviation, clip }
    }
}

/// A frozen affine map of rows to the f32 inputs of a network, made by [`RunningMoments::normaliser`].
#[derive(Clone, Debug, PartialEq)]
pub struct Normaliser {
    mean: Vec<f64>,
    inverse_deviation: Vec<f64>,
    clip: f64,
}

impl Normaliser {
    /// A map that changes nothing in rows of length `dim` but rounds them to f32.
    pub fn identity(dim: usize) -> Self {
        Self { mean: vec![0.0; dim], inverse_deviation: vec![1.0; dim], clip: f64::INFINITY }
    }

    /// A map from saved numbers: mean `[dim]`, one over the deviation `[dim]`, and the limit.
    ///
    /// # Errors
    /// [`NnError::Length`] if the two lengths differ; [`NnError::Value`] if a number is not finite or not
    /// positive where it must be (the limit may be infinite).
    pub fn from_parts(mean: Vec<f64>, inverse_deviation: Vec<f64>, clip: f64) -> Result<Self, NnError> {
        if mean.len() != inverse_deviation.len() {
            let (expected, got) = (mean.len(), inverse_deviation.len());
            return Err(NnError::Length { what: "inverse deviations", expected, got });
        }
        refuse("mean", &mean, |x| x.is_finite())?;
        refuse("inverse deviations", &inverse_deviation, |x| x.is_finite() && *x > 0.0)?;
        refuse("clip", &[clip], |x| *x > 0.0)?;
        Ok(Self { mean, inverse_deviation, clip })
    }

    /// Moments of `count` rows, at least two, that freeze into this map up to rounding, but for its limit: what a stream that
    /// was normalised by it goes on from.
    ///
    /// # Errors
    /// [`NnError::Value`] for deviations so large that the moments would not be finite.
    pub fn moments(&self, count: u64) -> Result<RunningMoments, NnError> {
        let count = count.max(2);
        let m2 = |inverse: &f64| (1.0 / (inverse * inverse) - VARIANCE_FLOOR).max(0.0) * count as f64;
        RunningMoments::from_parts(count, self.mean.clone(), self.inverse_deviation.iter().map(m2).collect())
    }

    /// Length of a row.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// What is subtracted, `[dim]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// What the difference is multiplied by, `[dim]`.
    pub fn inverse_deviation(&self) -> &[f64] {
        &self.inverse_deviation
    }

    /// The limit of the result's magnitude.
    pub fn clip(&self) -> f64 {
        self.clip
    }

    /// Maps a row `[dim]` to `out` `[dim]`; NaN stays NaN.
    ///
    /// # Panics
    /// If a length differs.
    pub fn apply(&self, row: &[f64], out: &mut [f32]) {
        assert_eq!((row.len(), out.len()), (self.dim(), self.dim()), "row length");
        for (i, out) in out.iter_mut().enumerate() {
            let z = (row[i] - self.mean[i]) * self.inverse_deviation[i];
            *out = z.clamp(-self.clip, self.clip) as f32;
        }
    }

    /// Maps whole rows `[rows, dim]` of numbers that are f32 already, in place.
    ///
    /// # Panics
    /// If the rows are not whole.
    pub fn apply_in_place(&self, rows: &mut [f32]) {
        assert!(rows.len().is_multiple_of(self.dim().max(1)), "whole rows");
        for row in rows.chunks_exact_mut(self.dim().max(1)) {
            for ((x, mean), inverse) in row.iter_mut().zip(&self.mean).zip(&self.inverse_deviation) {
                *x = ((f64::from(*x) - mean) * inverse).clamp(-self.clip, self.clip) as f32;
            }
        }
    }
}

fn refuse(what: &'static str, numbers: &[f64], valid: impl Fn(&f64) -> bool) -> Result<(), NnError> {
    match numbers.iter().position(|x| !valid(x)) {
        None => Ok(()),
        Some(index) => Err(NnError::Value { what, index, value: numbers[index] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(rows: &[Vec<f64>], dim: usize) -> RunningMoments {
        let mut moments = RunningMoments::new(dim);
        for row in rows {
            moments.update(row).unwrap();
        }
        moments
    }

    fn close(a: &RunningMoments, b: &RunningMoments) -> bool {
        let near = |x: &[f64], y: &[f64], scale: f64| x.iter().zip(y).all(|(x, y)| (x - y).abs() < scale);
        a.count == b.count && near(&a.mean, &b.mean, 1.0e-9) && near(&a.m2, &b.m2, 1.0e-7)
    }

    fn rows() -> impl Strategy<Value = Vec<Vec<f64>>> {
        prop::collection::vec(prop::collection::vec(-100.0..100.0, 3), 0..40)
    }

    proptest! {
        #[test]
        fn streaming_equals_the_two_pass_formulas(rows in rows()) {
            let moments = seen(&rows, 3);
            let n = rows.len() as f64;
            for i in 0..3 {
                let mean = if rows.is_empty() { 0.0 } else { rows.iter().map(|r| r[i]).sum::<f64>() / n };
                let m2: f64 = rows.iter().map(|r| (r[i] - mean).powi(2)).sum();
                prop_assert!((moments.mean()[i] - mean).abs() < 1.0e-10);
                prop_assert!((moments.m2()[i] - m2).abs() < 1.0e-7);
            }
        }

        #[test]
        fn merging_equals_streaming_and_is_associative(a in rows(), b in rows(), c in rows()) {
            let all = [a.clone(), b.clone(), c.clone()].concat();
            let (a, b, c) = (seen(&a, 3), seen(&b, 3), seen(&c, 3));
            let mut left = a.clone();
            left.merge(&b).unwrap();
            left.merge(&c).unwrap();
            let mut right = b;
            right.merge(&c).unwrap();
            let mut outer = a;
            outer.merge(&right).unwrap();
            prop_assert!(close(&left, &outer));
            prop_assert!(close(&left, &seen(&all, 3)));
        }
    }

    #[test]
    fn a_frozen_map_gives_back_the_moments_that_it_was_made_of() {
        let moments = seen(&[vec![1.0, -3.0], vec![2.5, -3.0], vec![2.0, -3.0]], 2);
        let normaliser = moments.normaliser(10.0);
        let back = normaliser.moments(3).unwrap();
        assert!(close(&back, &moments), "{back:?} of {moments:?}");
        let again = back.normaliser(10.0);
        for (a, b) in again.inverse_deviation().iter().zip(normaliser.inverse_deviation()) {
            assert!((a - b).abs() <= 1e-9 * b, "{a} {b}");
        }
        assert_eq!(normaliser.moments(0).unwrap().count(), 2, "one row says nothing of a deviation");
        let wide = Normaliser::from_parts(vec![0.0], vec![1e-200], 10.0).unwrap();
        assert!(matches!(wide.moments(3), Err(NnError::Value { .. })));
    }

    #[test]
    fn no_rows_normalise_as_the_identity_within_the_limit() {
        let mut out = [0.0; 2];
        RunningMoments::new(2).normaliser(10.0).apply(&[3.25, -40.0], &mut out);
        assert_eq!(out, [3.25, -10.0]);
        Normaliser::identity(2).apply(&[3.25, -40.0], &mut out);
        assert_eq!(out, [3.25, -40.0]);
    }

    #[test]
    fn rows_in_place_become_what_they_become_one_by_one() {
        let moments = seen(&[vec![1.0, 2.0], vec![2.0, -4.0], vec![4.5, 3.0]], 2);
        let normaliser = moments.normaliser(1.25);
        let rows = [1.5_f32, 2.5, -3.0, 0.25, 9.0, -9.0];
        let mut got = rows;
        normaliser.apply_in_place(&mut got);
        for (row, got) in rows.chunks(2).zip(got.chunks(2)) {
            let mut expected = [0.0; 2];
            normaliser.apply(&[f64::from(row[0]), f64::from(row[1])], &mut expected);
            assert_eq!(got, expected);
        }
        assert!(got.contains(&1.25) && got.contains(&-1.25), "the limit holds: {got:?}");
    }

    #[test]
    fn one_row_has_unit_variance_and_a_constant_coordinate_stays_finite() {
        let mut moments = seen(&[vec![5.0, 7.0]], 2);
        let mut out = [0.0; 2];
        moments.normaliser(10.0).apply(&[6.0, 7.0], &mut out);
        assert!((out[0] - 1.0).abs() < 1.0e-6 && out[1] == 0.0);
        moments.update(&[5.0, 9.0]).unwrap();
        moments.normaliser(10.0).apply(&[5.1, 9.0], &mut out);
        assert_eq!(out[0], 10.0);
        assert!((out[1] - 1.0).abs() < 1.0e-6);
    }

    #[test]
    fn rows_that_are_not_finite_are_refused_and_leave_no_trace() {
        let mut moments = seen(&[vec![1.0, 2.0], vec![2.0, 4.0]], 2);
        let before = moments.clone();
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0e200] {
            assert!(matches!(moments.update(&[0.0, bad]), Err(NnError::Value { index: 1, .. })));
        }
        assert!(matches!(moments.update(&[0.0]), Err(NnError::Length { .. })));
        assert_eq!(moments, before);
    }

    #[test]
    fn saved_moments_are_restored_or_refused() {
        let moments = seen(&[vec![1.0, 2.0], vec![2.0, 4.0]], 2);
        let parts =
            |count, mean: &[f64], m2: &[f64]| RunningMoments::from_parts(count, mean.to_vec(), m2.to_vec());
        assert_eq!(parts(2, moments.mean(), moments.m2()).unwrap(), moments);
        assert!(parts(2, &[0.0], &[0.0, 0.0]).is_err());
        assert!(parts(2, &[0.0], &[-1.0]).is_err());
        assert!(parts(2, &[f64::NAN], &[1.0]).is_err());
        assert_eq!(parts(0, &[0.0], &[0.0]).unwrap(), RunningMoments::new(1));
        assert!(parts(0, &[1.0], &[0.0]).is_err());
        assert!(parts(0, &[0.0], &[1.0]).is_err());
        let map = Normaliser::from_parts(vec![1.0, -2.0], vec![0.5, 4.0], 10.0).unwrap();
        assert_eq!(
            (map.mean(), map.inverse_deviation(), map.clip()),
            (&[1.0, -2.0][..], &[0.5, 4.0][..], 10.0)
        );
        assert!(Normaliser::from_parts(vec![0.0], vec![0.0], 10.0).is_err());
        assert!(Normaliser::from_parts(vec![0.0], vec![1.0], f64::NAN).is_err());
    }
}
