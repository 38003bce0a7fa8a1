//! Which of some points is the lowest, when every look is noisy.

use crate::RobustError;
use crate::objective::{self, Look, Objective};

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
    draw: u64,
) -> Result<Compared, RobustError> {
    compare_and_judge(objective, points, budget, draw, None).map(|(compared, _)| compared)
}

/// J at a reference and at the lowest of the compared points, under a draw that had no part in choosing it.
pub(super) type Judged = [f64; 2];

/// As [`compare`]; with a reference and a draw of its own, the last stage's call looks at the reference and at all that are left
/// under that draw, too. So the lowest is judged without another call, which would be as long as a whole episode. `None` where
/// there was no such stage, or the physics broke down in it.
pub(super) fn compare_and_judge(
    objective: &mut dyn Objective,
    points: &[Vec<f64>],
    budget: usize,
    mut draw: u64,
    judge: Option<(&[f64], u64)>,
) -> Result<(Compared, Option<Judged>), RobustError> {
    assert!(!points.is_empty(), "there has to be a point");
    let mut left: Vec<usize> = (0..points.len().min(budget.max(1))).collect();
    let stages = left.len().max(2).ilog2() as usize;
    let (mut sums, mut counts) = (vec![0.0; points.len()], vec![0_usize; points.len()]);
    let (mut evaluations, mut judged) = (0, None);
    for stage in 0..stages {
        let draws = budget.saturating_sub(evaluations) / (stages - stage) / left.len();
        let draws: Vec<u64> = (0..draws as u64).map(|k| draw + k).collect();
        draw += draws.len() as u64;
        let mut add = |i: usize, value: f64| {
            sums[i] += value;
            counts[i] += 1;
        };
        let mut together: Vec<f64> = left.iter().flat_map(|&i| &points[i]).copied().collect();
        let mut looks: Vec<Look> = draws.iter().flat_map(|&draw| Look::each(left.len(), draw)).collect();
        let compared = looks.len();
        if let Some((reference, draw)) = judge.filter(|_| stage + 1 == stages && compared > 0) {
            together.extend(reference);
            looks.extend(Look::each(left.len() + 1, draw));
        }
        match objective::evaluate_looks(objective, &together, &looks) {
            Ok(mut values) => {
                judged = values.split_off(compared).split_last().map(|(reference, each)| {
                    (*reference, left.iter().copied().zip(each.iter().copied()).collect::<Vec<_>>())
                });
                left.iter().cycle().zip(&values).for_each(|(&i, &value)| add(i, value));
                evaluations += compared;
            }
            // One draw after the other: a point goes with the draw under which it breaks down.
            Err(RobustError::Diverged { .. }) => {
                for draw in draws {
                    let values = each(objective, left.iter().map(|&i| points[i].as_slice()), draw)?;
                    evaluations += left.len();
                    let mut broken = None;
                    let looked_at = std::mem::take(&mut left).into_iter().zip(values);
                    looked_at.for_each(|(i, value)| match value {
                        Ok(value) => {
                            add(i, value);
                            left.push(i);
                        }
                        Err(error) => broken = Some(error),
                    });
                    if let (true, Some(error)) = (left.is_empty(), broken) {
                        return Err(error);
                    }
                }
            }
            Err(error) => return Err(error),
        }
        // Without any draw the order stays.
        let mean = |i: usize| if counts[i] > 0 { sums[i] / counts[i] as f64 } else { 0.0 };
        left.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)));
        left.truncate(left.len().div_ceil(2));
    }
    let lowest = left.first().copied().unwrap_or(0);
    let value = (counts[lowest] > 0).then(|| sums[lowest] / counts[lowest] as f64);
    let judged = judged.and_then(|(reference, each)| {
        each.into_iter().find(|(i, _)| *i == lowest).map(|(_, value)| [reference, value])
    });
    Ok((Compared { lowest, value, evaluations }, judged))
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
