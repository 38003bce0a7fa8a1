//! Beyond the paper: the worst of many points of the ball, several at once, with the reference among them.
//!
//! Three things keep Phase I from teaching a policy much: J is flat around the reference, so that a gradient there
//! points anywhere; a single worst case makes the policy forget all others; and under nothing but worst cases standing
//! still may pay best. So each turn looks at points all over the ball's boundary, the learner's lanes train under
//! several of the worst at once, and some lanes keep the reference.

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, State, StateError, Workers};
use wr2l_rng::{Purpose, StreamKey};

use super::{Adversary, Choice, PerLane, Report, Source, Turn};
use crate::ball::Ball;
use crate::config::AdversaryConfig;
use crate::error::check_positive;
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
        if !(0.0..1.0).contains(&self.nominal_share) {
            let requirement = "it must lie in [0, 1)";
            return Err(RobustError::Parameter {
                name: "nominal_share",
                value: self.nominal_share,
                requirement,
            });
        }
        Ok(())
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
        Source::PerLane(PerLane::new(self.members.clone(), self.config.population.nominal_share))
    }

    /// Replaces all but the worst: members that stay keep their place. `order` ranks the pool, whose first points are
    /// the members, from the worst on.
    fn select(&mut self, pool: Vec<Vec<f64>>, order: &[usize]) {
        let old = self.members.len();
        let count = self.config.population.members.min(pool.len());
        let kept = &order[..count];
        let mut fresh = kept.iter().copied().filter(|&i| i >= old);
        let mut members = Vec::with_capacity(count);
        for place in 0..count {
            // As many places are free as fresh points were kept.
            let i = if place < old && kept.contains(&place) { Some(place) } else { fresh.next() };
            members.extend(i.map(|i| pool[i].clone()));
        }
        self.members = members;
    }
}

impl Adversary for Population {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        workers: &mut Workers,
    ) -> Result<Choice, RobustError> {
        let AdversaryConfig { episodes, return_discount, population, .. } = self.config;
        let ball = self.ball.with_epsilon(self.config.ramped(self.ball.epsilon(), turn.progress))?;
        let mut pool = Vec::with_capacity(population.members + population.candidates);
        for member in &self.members {
            // The ball may have shrunk since.
            pool.push(ball.pull_inside(member)?);
        }
        let fresh = population.candidates.max(population.members.saturating_sub(pool.len()));
        for k in 0..fresh as u64 {
            let key = StreamKey::new(turn.seed, Purpose::Starts).iteration(turn.index).lane(k);
            pool.push(ball.boundary(&mut key.stream())?);
        }
        let mut objective =
            SimulatedReturn::new(workers, actor, episodes, return_discount, turn.seed, turn.index);
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
                return Ok(Choice { source: self.per_lane(), report, simulator_steps: searched });
            }
            Err(error) => return Err(error),
        };
        let mut order: Vec<usize> = (0..pool.len()).collect();
        order.sort_by(|&a, &b| values[1 + a].total_cmp(&values[1 + b]));
        let worst = pool[order[0]].clone();
        let worst_value = values[1 + order[0]];
        self.select(pool, &order);
        let (measured, one_step) = self.estimate.measure_or_none(workers, &worst)?;
        let taylor = ball.value(&worst);
        Ok(Choice {
            source: self.per_lane(),
            simulator_steps: searched + one_step,
            report: Report {
                epsilon: Some(ball.epsilon()),
                reference_value: Some(values[0]),
                value: Some(worst_value),
                worst: Some(worst),
                taylor: Some(taylor),
                measured,
                diverged,
                ..Report::default()
            },
        })
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.put("members", self.members.concat());
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let (dim, most) = (self.ball.dim(), self.config.population.members);
        let members: Vec<f64> = state.take_any("members")?;
        let sound = members.len().is_multiple_of(dim)
            && members.len() / dim <= most
            && members.iter().all(|z| z.is_finite());
        if !sound {
            return Err(state.unusable("members", format!("it has to hold at most {most} finite points")));
        }
        self.members = members.chunks_exact(dim).map(<[f64]>::to_vec).collect();
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        (!self.members.is_empty()).then(|| self.per_lane())
    }
}
