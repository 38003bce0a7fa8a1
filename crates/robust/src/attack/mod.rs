//! A search for the lowest return in the ball that learns from all that it has seen.
//!
//! Phase I follows a gradient, which is the thing to do where the return slopes. A trained policy's return is flat
//! around the reference and falls off cliffs further out, so that a local gradient says nothing, or says it about one
//! cliff of many. With some hundred episodes it is better to look everywhere first: each round of [`SurrogateSearch`]
//! fits a [`Surrogate`] of J to all evaluations so far, and spends its episodes where that model, drawn with its
//! uncertainty (Thompson sampling), has the lowest return.
//!
//! ```
//! use wr2l_robust::{DMatrix, FnObjective, attack::SurrogateSearch, ball::{Ball, Metric}};
//! let metric = Metric::new(&DMatrix::identity(2, 2), Metric::DEFAULT_RIDGE)?;
//! let ball = Ball::new(metric, 0.5, vec![-0.9; 2], vec![2.0; 2])?; // the unit disc, cut at −0.9
//! // Flat, but for a cliff in one corner.
//! let mut j = FnObjective::new(2, |z: &[f64]| if z[0] + z[1] < -1.3 { 100.0 } else { 3000.0 });
//! let found = SurrogateSearch::default().run(&mut j, &ball, &[], 42, 0)?;
//! assert_eq!(found.value, 100.0);
//! # Ok::<(), wr2l_robust::RobustError>(())
//! ```

mod compare;
mod explorer;
mod surrogate;

use serde::{Deserialize, Serialize};
use wr2l_rng::{Purpose, StreamKey};

use crate::RobustError;
use crate::ball::Ball;
use crate::error::{check_finite, check_fraction, check_positive, check_share};
use crate::objective::{self, Objective};
use compare::{Judged, compare_and_judge};
use explorer::{Explorer, Point};

pub use compare::{Compared, compare};
pub use surrogate::Surrogate;

/// Options of the search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SurrogateSearch {
    /// Evaluations of J in all. Usual: 50 to 100 in training, 500 to 1000 for a policy that does not change any more.
    pub budget: usize,
    /// Share of the budget that goes to random points before the first model. In (0, 1]: with 1 the search is the best
    /// of so many random points. Usual: 0.2 to 0.5.
    pub first: f64,
    /// Share of the budget that compares the lowest points found on fresh random numbers. In [0, 1). Usual: 0.1 to 0.3.
    pub last: f64,
    /// How many points are compared in the end. Usual: 8 to 32.
    pub finalists: usize,
    /// Evaluations of a round, between two fits. Usual: 8 to 32.
    pub round: usize,
    /// Share of a round that evaluates the lowest points once more, on other random numbers, because a single low return
    /// may be luck. In [0, 1). Usual: 0.1 to 0.4.
    pub again: f64,
}

impl Default for SurrogateSearch {
    fn default() -> Self {
        Self { budget: 64, first: 0.3, last: 0.3, finalists: 16, round: 16, again: 0.25 }
    }
}

/// What the search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The point, in the ball.
    pub z: Vec<f64>,
    /// Mean of J there, which its selection makes too low.
    pub value: f64,
    /// Evaluations of J that it all took, at most the budget; those that find out which of several points broke the
    /// physics are not counted.
    pub evaluations: usize,
}

/// A point, and what J was there.
#[derive(Clone, Debug)]
struct Seen {
    point: Point,
    sum: f64,
    count: usize,
    /// Why the physics broke down there, if it did.
    broken: Option<RobustError>,
}

impl Seen {
    fn add(&mut self, value: Result<f64, RobustError>) {
        match value {
            Ok(value) => {
                self.sum += value;
                self.count += 1;
            }
            Err(error) => self.broken = Some(error),
        }
    }

    /// The mean; infinite where the physics broke down, so that the search keeps away from there.
    fn mean(&self) -> f64 {
        if self.broken.is_some() { f64::INFINITY } else { self.sum / self.count as f64 }
    }

    /// The mean, drawn towards `usual` as one more evaluation would: a single low return may be luck.
    fn careful(&self, usual: f64) -> f64 {
        if self.broken.is_some() { f64::INFINITY } else { (self.sum + usual) / (self.count + 1) as f64 }
    }
}

/// First draw of the comparison at the end, beyond those of any round.
const FINAL_DRAW: u64 = 1 << 32;

impl SurrogateSearch {
    /// Checks the options.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_positive("budget", self.budget as f64)?;
        check_positive("finalists", self.finalists as f64)?;
        check_positive("round", self.round as f64)?;
        check_fraction("first", self.first)?;
        check_share("again", self.again)?;
        check_share("last", self.last)
    }

    /// Minimises J over the ball.
    ///
    /// `known` are points of the ball that are looked at first, beside the reference. Random numbers come from `seed` and
    /// `turn`; each round has its own draw. Where the physics breaks down is never where J is low.
    ///
    /// # Errors
    /// [`SurrogateSearch::validate`]'s; [`RobustError::NotFinite`] for a return or a known point; those of the objective,
    /// among them [`RobustError::Diverged`] only if it breaks down at every point, or at every one that is left in the end.
    pub fn run(
        &self,
        objective: &mut dyn Objective,
        ball: &Ball,
        known: &[Vec<f64>],
        seed: u64,
        turn: u64,
    ) -> Result<Found, RobustError> {
        self.search(objective, ball, known, seed, turn, None).map(|(found, _)| found)
    }

    /// As [`SurrogateSearch::run`], and what J is at the reference and at the point found, under `draw` that had no part in the
    /// search.
    ///
    /// # Errors
    /// As [`SurrogateSearch::run`].
    pub(crate) fn run_and_judge(
        &self,
        objective: &mut dyn Objective,
        ball: &Ball,
        known: &[Vec<f64>],
        (seed, turn): (u64, u64),
        draw: u64,
    ) -> Result<(Found, Judged), RobustError> {
        let (found, judged) = self.search(objective, ball, known, seed, turn, Some(draw))?;
        if let Some(judged) = judged {
            return Ok((found, judged));
        }
        let mut points = vec![0.0; ball.dim()];
        points.extend(&found.z);
        let values = objective::evaluate(objective, &points, draw)?;
        Ok((found, [values[0], values[1]]))
    }

    fn search(
        &self,
        objective: &mut dyn Objective,
        ball: &Ball,
        known: &[Vec<f64>],
        seed: u64,
        turn: u64,
        judge: Option<u64>,
    ) -> Result<(Found, Option<Judged>), RobustError> {
        self.validate()?;
        let last = (self.last * self.budget as f64) as usize;
        let search = (self.budget - last).max(1);
        let first = ((self.first * self.budget as f64) as usize).clamp(1, search);
        let explorer = Explorer::new(ball, StreamKey::new(seed, Purpose::Starts).iteration(turn))?;

        let mut points = vec![Point::at(vec![0.0; ball.dim()])];
        for z in known {
            check_finite("known point", z, ball.dim())?;
            points.push(Point::at(ball.pull_inside(z)?));
        }
        points.truncate(first);
        for k in points.len()..first {
            points.push(explorer.first(k as u64)?);
        }
        let mut seen = Vec::with_capacity(search);
        look(objective, 0, points, 0, &mut seen)?;
        let (mut spent, mut round) = (first, 0);
        while spent < search {
            round += 1;
            let count = self.round.min(search - spent);
            let again = ((self.again * count as f64) as usize).min(seen.len());
            let proposed = explorer.propose(&seen, count - again, round)?;
            sort(&mut seen);
            look(objective, again, proposed, round, &mut seen)?;
            spent += count;
        }

        sort(&mut seen);
        if let Some(error) = seen[0].broken.take() {
            return Err(error);
        }
        seen.retain(|s| s.broken.is_none());
        let chosen = explorer.finalists(&seen, self.finalists, round + 1)?;
        let finalists: Vec<Vec<f64>> = chosen.iter().map(|&i| seen[i].point.z.clone()).collect();
        let reference = vec![0.0; ball.dim()];
        let judge = judge.map(|draw| (reference.as_slice(), draw));
        let budget = self.budget - spent;
        let (compared, judged) = compare_and_judge(objective, &finalists, budget, FINAL_DRAW, judge)?;
        let best = &seen[chosen[compared.lowest]];
        let found = Found {
            z: best.point.z.clone(),
            value: compared.value.unwrap_or(best.mean()),
            evaluations: spent + compared.evaluations,
        };
        Ok((found, judged))
    }
}

/// Evaluates J at the first `again` points of `seen` once more and at new ones, and remembers it.
fn look(
    objective: &mut dyn Objective,
    again: usize,
    points: Vec<Point>,
    draw: u64,
    seen: &mut Vec<Seen>,
) -> Result<(), RobustError> {
    let before = seen[..again].iter().map(|s| &s.point);
    let together = before.chain(&points).map(|p| p.z.as_slice());
    let mut values = compare::each(objective, together, draw)?.into_iter();
    seen[..again].iter_mut().zip(values.by_ref()).for_each(|(seen, value)| seen.add(value));
    seen.extend(points.into_iter().zip(values).map(|(point, value)| {
        let mut one = Seen { point, sum: 0.0, count: 0, broken: None };
        one.add(value);
        one
    }));
    Ok(())
}

/// The lowest first.
fn sort(seen: &mut [Seen]) {
    let mut means: Vec<f64> = seen.iter().map(Seen::mean).filter(|mean| mean.is_finite()).collect();
    means.sort_by(f64::total_cmp);
    let usual = means.get(means.len() / 2).copied().unwrap_or(0.0);
    seen.sort_by(|a, b| a.careful(usual).total_cmp(&b.careful(usual)));
}

#[cfg(test)]
mod tests;
