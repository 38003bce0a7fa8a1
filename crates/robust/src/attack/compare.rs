//! Which of some points is the lowest, when every look is noisy.

use crate::RobustError;
use crate::objective::{self, Objective};

/// What a comparison on fresh random numbers says.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Which of the points is the lowest.
    pub lowest: usize,
    /// Mean of J there; `None` if the budget did not suffice for a comparison.
    pub value: Option<f64>,
    /// Evaluations of J that it took.
    pub evaluations: usize,
}

/// Which of `points` has the lowest J, within `budget` evaluations: the lower half of them is compared once more, and so on
/// (sequential halving, Karnin et al. 2013), on random numbers common to all from `draw` on. With a budget that does not
/// suffice for all of them the last ones take no part. Points at which the physics breaks down are none.
///
/// # Errors
/// [`RobustError::NotFinite`] for a return, and those of the objective; [`RobustError::Diverged`] only where no point is
/// left.
///
/// # Panics
/// Without any point.
pub fn compare(
    objective: &mut dyn Objective,
    points: &[Vec<f64>],
    budget: usize,
    mut draw: u64,
) -> Result<Compared, RobustError> {
    assert!(!points.is_empty(), "there has to be a point");
    let mut left: Vec<usize> = (0..points.len().min(budget.max(1))).collect();
    let stages = left.len().max(2).ilog2() as usize;
    let (mut sums, mut counts) = (vec![0.0; points.len()], vec![0_usize; points.len()]);
    let mut evaluations = 0;
    for stage in 0..stages {
        let draws = budget.saturating_sub(evaluations) / (stages - stage) / left.len();
        for _ in 0..draws {
            let values = each(objective, left.iter().map(|&i| points[i].as_slice()), draw)?;
            evaluations += left.len();
            draw += 1;
            let mut sound = Vec::with_capacity(left.len());
            let mut broken = None;
            for (i, value) in left.into_iter().zip(values) {
                match value {
                    Ok(value) => {
                        sums[i] += value;
                        counts[i] += 1;
                        sound.push(i);
                    }
                    Err(error) => broken = Some(error),
                }
            }
            left = sound;
            if let (true, Some(error)) = (left.is_empty(), broken) {
                return Err(error);
            }
        }
        // Without any draw the order stays.
        let mean = |i: usize| if counts[i] > 0 { sums[i] / counts[i] as f64 } else { 0.0 };
        left.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)));
        left.truncate(left.len().div_ceil(2));
    }
    let lowest = left.first().copied().unwrap_or(0);
    let value = (counts[lowest] > 0).then(|| sums[lowest] / counts[lowest] as f64);
    Ok(Compared { lowest, value, evaluations })
}

/// J at each of the points, or the [`RobustError::Diverged`] of that point.
///
/// # Errors
/// Any other error of the objective.
pub(super) fn each<'a>(
    objective: &mut dyn Objective,
    points: impl Iterator<Item = &'a [f64]> + Clone,
    draw: u64,
) -> Result<Vec<Result<f64, RobustError>>, RobustError> {
    let together: Vec<f64> = points.clone().flatten().copied().collect();
    if together.is_empty() {
        return Ok(Vec::new());
    }
    match objective::evaluate(objective, &together, draw) {
        Ok(values) => Ok(values.into_iter().map(Ok).collect()),
        // Which of them?
        Err(RobustError::Diverged { .. }) => points
            .map(|z| match objective::evaluate(objective, z, draw) {
                Ok(values) => Ok(Ok(values[0])),
                Err(error @ RobustError::Diverged { .. }) => Ok(Err(error)),
                Err(error) => Err(error),
            })
            .collect(),
        Err(error) => Err(error),
    }
}
