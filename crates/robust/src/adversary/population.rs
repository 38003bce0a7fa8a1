//! Beyond the paper: the worst of many points of the ball, several at once, with the reference among them.
//!
//! Three things keep Phase I from teaching a policy much: J is flat around the reference, so that a gradient there
//! points anywhere; a single worst case makes the policy forget all others; and under nothing but worst cases standing
//! still may pay best. So each turn looks at points all over the ball's boundary, the learner's lanes train under
//! several of the worst at once, and some lanes keep the reference.

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, Executor, State, StateError};
use wr2l_rng::{Purpose, StreamKey};

use super::{Adversary, Choice, PerLane, Report, Source, Turn};
use crate::ball::Ball;
use crate::config::AdversaryConfig;
use crate::error::{check_positive, check_share};
use crate::{BallEstimate, Objective, RobustError, SimulatedReturn, objective};

/// Options of [`Population`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PopulationConfig {
    /// Points that lanes train under at once, the reference not counted. Usual: 4 to 16.
    pub members: usize,
    /// Share of the lanes that keep the reference dynamics. In [0, 1). Usual: 0 to 0.5.
    pub nominal_share: f64,
    /// Fresh random points of the ball's boundary that each turn compares with the members. The more there are, the
    /// worse are those that are kept: with `members` 6 and `candidates` 18 the worst quarter is. Usual: 6 to 60.
    pub candidates: usize,
}

impl Default for PopulationConfig {
    fn default() -> Self {
        Self { members: 6, nominal_share: 0.25, candidates: 18 }
    }
}

impl PopulationConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_positive("members", self.members as f64)?;
        check_share("population.nominal_share", self.nominal_share)
    }
}

/// For every turn the worst `members` of the old members and `candidates` fresh points of the ball's boundary, by the
/// current policy's return on common random numbers; the learner's lanes take them in turn.
///
/// A point that stays keeps its lanes, whose episodes go on.
#[derive(Clone, Debug)]
pub struct Population {
    estimate: BallEstimate,
    ball: Ball,
    config: AdversaryConfig,
    /// Members in force, in the order of the lanes; empty before the first turn.
    members: Vec<Vec<f64>>,
}

impl Population {
    /// Plays in `ball`, whose `estimate` measures W of the worst point for the log.
    ///
    /// # Errors
    /// [`AdversaryConfig::validate`]'s.
    pub fn new(estimate: BallEstimate, ball: Ball, config: AdversaryConfig) -> Result<Self, RobustError> {
        config.validate()?;
        Ok(Self { estimate, ball, config, members: Vec::new() })
    }

    fn per_lane(&self) -> Source {
        let share = self.config.population.nominal_share;
        PerLane::new(self.members.clone(), share).or_reference(self.ball.dim())
    }
}

/// The first `count` of `order`, which ranks `pool` from the worst on. The pool begins with the `old` members in
/// force: those that stay keep their place, fresh points take the others.
fn worst(pool: &[Vec<f64>], old: usize, order: &[usize], count: usize) -> Vec<Vec<f64>> {
    let kept = &order[..count.min(order.len())];
    let mut fresh = kept.iter().filter(|&&i| i >= old);
    let places = 0..kept.len();
    places
        .filter_map(|place| {
            // As many places are free as fresh points were kept.
            let stays = place < old && kept.contains(&place);
            let i = if stays { place } else { *fresh.next()? };
            Some(pool[i].clone())
        })
        .collect()
}

impl Adversary for Population {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let AdversaryConfig { episodes, return_discount, population, .. } = self.config;
        let ball = self.ball.with_epsilon(self.config.ramped(self.ball.epsilon(), turn.progress))?;
        // The ball may have shrunk since.
        let inside = self.estimate.pull_inside(executor, &ball, &self.members.concat())?;
        let mut pool: Vec<Vec<f64>> = inside.points.chunks_exact(ball.dim()).map(<[f64]>::to_vec).collect();
        let fresh = population.candidates.max(population.members.saturating_sub(pool.len()));
        let mut ends = Vec::with_capacity(fresh * ball.dim());
        for k in 0..fresh as u64 {
            let key = StreamKey::new(turn.seed, Purpose::Starts).iteration(turn.index).lane(k);
            ends.extend(ball.boundary(&mut key.stream())?);
        }
        let fitted = self.estimate.fit(executor, &ball, &ends)?;
        pool.extend(fitted.points.chunks_exact(ball.dim()).map(<[f64]>::to_vec));
        let fitting = inside.simulator_steps + fitted.simulator_steps;
        let mut objective =
            SimulatedReturn::new(executor, actor, episodes, return_discount, turn.seed, turn.index);
        let mut points = vec![0.0; ball.dim()];
        points.extend(pool.iter().flatten());
        let values = objective::evaluate(&mut objective, &points, 0);
        let (diverged, searched) = (objective.diverged(), objective.simulator_steps());
        let values = match values {
            Ok(values) => values,
            // Where the physics breaks down J cannot be compared: the dynamics in force stay, and the log says why.
            Err(RobustError::Diverged { .. }) => {
                pool.truncate(self.members.len());
                self.members = pool;
                let report = Report { epsilon: Some(ball.epsilon()), diverged, ..Report::default() };
                return Ok(Choice { source: self.per_lane(), report, simulator_steps: fitting + searched });
            }
            Err(error) => return Err(error),
        };
        let mut order: Vec<usize> = (0..pool.len()).collect();
        order.sort_by(|&a, &b| values[1 + a].total_cmp(&values[1 + b]));
        self.members = worst(&pool, self.members.len(), &order, population.members);
        let first = &pool[order[0]];
        let (measured, one_step) = self.estimate.measure_or_none(executor, first)?;
        Ok(Choice {
            source: self.per_lane(),
            simulator_steps: fitting + searched + one_step,
            report: Report {
                epsilon: Some(ball.epsilon()),
                reference_value: Some(values[0]),
                value: Some(values[1 + order[0]]),
                worst: Some(first.clone()),
                taylor: Some(ball.value(first)),
                measured: measured.map(|w| w.mean),
                largest: measured.map(|w| w.largest),
                diverged,
                ..Report::default()
            },
        })
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("members", self.members.concat());
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.members = super::take_points(state, "members", self.ball.dim(), self.config.population.members)?;
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        (!self.members.is_empty()).then(|| self.per_lane())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_stay_in_their_places_and_fresh_points_take_those_of_the_others() {
        let pool: Vec<Vec<f64>> = (0..6).map(|i| vec![f64::from(i)]).collect();
        // Three members in force; of these 1 stays, and 5 and 3 are worse than 0 and 2.
        assert_eq!(worst(&pool, 3, &[5, 1, 3, 0, 2, 4], 3), [[5.0], [1.0], [3.0]]);
        assert_eq!(worst(&pool, 3, &[2, 1, 0, 3, 4, 5], 3), [[0.0], [1.0], [2.0]]);
        assert_eq!(worst(&pool, 0, &[4, 1, 0, 2, 3, 5], 2), [[4.0], [1.0]]);
        assert_eq!(worst(&pool[..1], 0, &[0], 4), [[0.0]]);
    }

    #[test]
    fn options_that_make_no_sense_are_refused_by_name() {
        let refused = |config: PopulationConfig, name: &str| {
            assert!(config.validate().unwrap_err().to_string().contains(name));
        };
        PopulationConfig::default().validate().unwrap();
        refused(PopulationConfig { members: 0, ..PopulationConfig::default() }, "members");
        refused(PopulationConfig { nominal_share: 1.0, ..PopulationConfig::default() }, "nominal_share");
        refused(PopulationConfig { nominal_share: f64::NAN, ..PopulationConfig::default() }, "nominal_share");
    }
}
