//! Beyond the paper: random dynamics from the worst share of the ball, as a model of the return sees it.
//!
//! Uniform sampling spends most episodes where the policy is at its best; the single worst case teaches one point of the
//! ball and forgets the others. Between the two lies the conditional value at risk over the dynamics, the mean return over
//! the worst share β of the ball. EPOpt maximises it by throwing away the best 1 − β of its episodes. Here a
//! [`Surrogate`] says beforehand which dynamics those would be, so that every transition is learnt from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, DynamicsSource, Executor, Fixed, State, StateError};
use wr2l_rng::{Purpose, StreamKey};

use super::{Adversary, Choice, Report, Source, Turn};
use crate::attack::Surrogate;
use crate::ball::{Ball, UniformBall};
use crate::config::AdversaryConfig;
use crate::error::{check_fraction, check_positive};
use crate::linalg::dot;
use crate::{BallEstimate, Objective, RobustError, SimulatedReturn, objective};

/// Options of [`Tail`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TailConfig {
    /// Share β of the ball, that of the lowest return, which episodes have their dynamics from, in (0, 1]; with 1 it is
    /// `uniform`. Usual: 0.1 to 0.7. Below about 0.05 it is not exact: the border is one of 256 levels, and an episode looks at 64
    /// points at most.
    pub share: f64,
    /// Random points of the ball at which a turn evaluates the return. Usual: 16 to 64.
    pub evaluations: usize,
    /// Turns whose evaluations the model is fitted to. The policy changes between turns; what the order of returns is
    /// like changes less. Usual: 1 to 8.
    pub memory: usize,
}

impl Default for TailConfig {
    fn default() -> Self {
        Self { share: 0.5, evaluations: 32, memory: 4 }
    }
}

impl TailConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_fraction("tail.share", self.share)?;
        check_positive("tail.evaluations", self.evaluations as f64)?;
        check_positive("tail.memory", self.memory as f64)
    }
}

/// For every episode a random point of the share of the ball where the return of the current policy is lowest.
///
/// A turn evaluates the return at random points of the ball and fits the model to what the last turns saw. An episode takes
/// the first of its own sequence of uniform points that lies in the share, so that most episodes go on undisturbed when a turn
/// moves the border a little.
#[derive(Clone, Debug)]
pub struct Tail {
    estimate: BallEstimate,
    ball: Ball,
    config: AdversaryConfig,
    /// Normalised dynamics that the last turns looked at, the oldest first.
    seen: Vec<Vec<f64>>,
    /// The return at each of them.
    values: Vec<f64>,
    prepared: Option<Prepared>,
}

/// The last turn's source, and what it was made from beside what was seen.
#[derive(Clone, Debug)]
struct Prepared {
    epsilon: f64,
    seed: u64,
    turn: u64,
    source: TailSource,
}

/// Points by which the level at the border of the share is estimated.
const QUANTILE_POINTS: u64 = 256;
/// Proposals after which an episode takes the lowest of them.
const PROPOSALS: usize = 64;

impl Tail {
    /// Plays in `ball`, whose `estimate` measures W of the worst point for the log.
    ///
    /// # Errors
    /// [`AdversaryConfig::validate`]'s.
    pub fn new(estimate: BallEstimate, ball: Ball, config: AdversaryConfig) -> Result<Self, RobustError> {
        config.validate()?;
        Ok(Self { estimate, ball, config, seen: Vec::new(), values: Vec::new(), prepared: None })
    }

    /// The source of a turn, from what was seen up to it.
    fn prepare(&mut self, epsilon: f64, seed: u64, turn: u64) -> Result<TailSource, RobustError> {
        let key = StreamKey::new(seed, Purpose::Starts).iteration(turn).lane(u64::MAX);
        let region = self.ball.with_epsilon(epsilon)?.uniform()?;
        let points: Vec<Vec<f64>> =
            (0..QUANTILE_POINTS).map(|k| region.sample(&mut key.episode(k).stream())).collect();
        let mut spread = vec![0.0; self.ball.dim()];
        for z in &points {
            spread.iter_mut().zip(z).for_each(|(s, z)| *s += z * z / QUANTILE_POINTS as f64);
        }
        // A coordinate that is fixed stays so.
        spread.iter_mut().for_each(|s| *s = if *s > 0.0 { s.sqrt() } else { 1.0 });
        let scaled: Vec<Vec<f64>> = self.seen.iter().map(|z| scale(z, &spread)).collect();
        let model = Surrogate::fit(&scaled, &self.values, &mut key.episode(u64::MAX).stream())?;
        let mut share = Share { region, spread, model, border: f64::INFINITY, seed };
        let mut levels: Vec<f64> = points.iter().map(|z| share.level(z)).collect();
        levels.sort_by(f64::total_cmp);
        let inside = (self.config.tail.share * levels.len() as f64).ceil() as usize;
        if inside < levels.len() {
            share.border = levels[inside.max(1) - 1];
        }
        let source = TailSource(Arc::new(share));
        self.prepared = Some(Prepared { epsilon, seed, turn, source: source.clone() });
        Ok(source)
    }
}

fn scale(z: &[f64], spread: &[f64]) -> Vec<f64> {
    z.iter().zip(spread).map(|(z, s)| z / s).collect()
}

impl Adversary for Tail {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let AdversaryConfig { episodes, return_discount, tail, .. } = self.config;
        let epsilon = self.config.ramped(self.ball.epsilon(), turn.progress);
        let region = self.ball.with_epsilon(epsilon)?.uniform()?;
        let mut points = vec![vec![0.0; self.ball.dim()]];
        for k in 0..tail.evaluations as u64 {
            let key = StreamKey::new(turn.seed, Purpose::Starts).iteration(turn.index).lane(k);
            points.push(region.sample(&mut key.stream()));
        }
        let mut objective =
            SimulatedReturn::new(executor, actor, episodes, return_discount, turn.seed, turn.index);
        let values = objective::evaluate(&mut objective, &points.concat(), 0);
        let (diverged, searched) = (objective.diverged(), objective.simulator_steps());
        let mut report = Report { epsilon: Some(epsilon), diverged, ..Report::default() };
        let values = match values {
            Ok(values) => values,
            // Where the physics breaks down J cannot be compared: what was seen before stays, at first the reference, and the
            // log says why.
            Err(RobustError::Diverged { .. }) => {
                let source: Source = match self.seen.is_empty() {
                    true => Arc::new(Fixed(vec![0.0; self.ball.dim()])),
                    false => Arc::new(self.prepare(epsilon, turn.seed, turn.index)?),
                };
                return Ok(Choice { source, report, simulator_steps: searched });
            }
            Err(error) => return Err(error),
        };
        let worst = (1..values.len()).reduce(|a, b| if values[b] < values[a] { b } else { a }).unwrap_or(0);
        report.reference_value = Some(values[0]);
        report.value = Some(values[worst]);
        report.worst = Some(points[worst].clone());
        report.taylor = Some(self.ball.value(&points[worst]));
        let (measured, one_step) = self.estimate.measure_or_none(executor, &points[worst])?;
        report.measured = measured.map(|w| w.mean);
        report.largest = measured.map(|w| w.largest);
        self.seen.extend(points);
        self.values.extend(values);
        let most = tail.memory * (tail.evaluations + 1);
        let old = self.values.len().saturating_sub(most);
        self.seen.drain(..old);
        self.values.drain(..old);
        let source = Arc::new(self.prepare(epsilon, turn.seed, turn.index)?);
        Ok(Choice { source, report, simulator_steps: searched + one_step })
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        if let Some(Prepared { epsilon, seed, turn, .. }) = &self.prepared {
            state.put("seen", self.seen.concat());
            state.put("values", self.values.as_slice());
            state.put("epsilon", *epsilon);
            state.put("seed", *seed);
            state.put("turn", *turn);
        }
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        (self.seen, self.values, self.prepared) = (Vec::new(), Vec::new(), None);
        if !state.holds("epsilon") {
            return Ok(());
        }
        self.seen = super::take_points(state, "seen", self.ball.dim(), usize::MAX)?;
        self.values = state.take_finite("values", self.seen.len())?;
        let (epsilon, seed, turn) = (state.one("epsilon")?, state.one("seed")?, state.count("turn")?);
        self.prepare(epsilon, seed, turn).map_err(|error| state.unusable("epsilon", error))?;
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        self.prepared.as_ref().map(|prepared| Arc::new(prepared.source.clone()) as Source)
    }
}

/// Random points of the worst share of a ball, one per lane and episode.
#[derive(Clone, Debug)]
pub struct TailSource(Arc<Share>);

#[derive(Debug)]
struct Share {
    region: UniformBall,
    /// Standard deviation of each coordinate over the ball.
    spread: Vec<f64>,
    model: Surrogate,
    /// The model's level at the border of the share; infinite for the whole ball.
    border: f64,
    seed: u64,
}

impl Share {
    /// What the model says of a point: the higher, the higher the return.
    fn level(&self, z: &[f64]) -> f64 {
        dot(&self.model.features(&scale(z, &self.spread)), self.model.mean())
    }
}

impl DynamicsSource for TailSource {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let share = self.0.as_ref();
        let mut stream = StreamKey::new(share.seed, Purpose::Dynamics).lane(lane).episode(episode).stream();
        let mut lowest = f64::INFINITY;
        for proposal in 0..PROPOSALS {
            let z = share.region.sample(&mut stream);
            let level = if share.border.is_finite() { share.level(&z) } else { f64::NEG_INFINITY };
            if proposal == 0 || level < lowest {
                lowest = level;
                out.copy_from_slice(&z);
            }
            // All before were above the border.
            if level <= share.border {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BallConfig;
    use wr2l_sim::{Task, TaskName};

    #[test]
    fn the_border_has_the_share_of_the_points_it_is_made_from_on_its_lower_side() {
        let space = Task::new(TaskName::HOPPER).space().select(&["torso_density", "friction"]).unwrap();
        let estimate = BallEstimate::without_distance(&space);
        let ball =
            estimate.ball(&space, &BallConfig { half_width: Some(0.3), ..BallConfig::default() }).unwrap();
        let inside = ball.uniform().unwrap();
        for share in [0.01, 0.25, 0.9] {
            let config = AdversaryConfig {
                tail: TailConfig { share, ..TailConfig::default() },
                ..AdversaryConfig::default()
            };
            let mut tail = Tail::new(estimate.clone(), ball.clone(), config).unwrap();
            tail.seen =
                (0..40).map(|k| inside.sample(&mut StreamKey::new(k, Purpose::Test).stream())).collect();
            tail.values = tail.seen.iter().map(|z| z[0] - z[1]).collect();
            let source = tail.prepare(ball.epsilon(), 3, 0).unwrap();
            let key = StreamKey::new(3, Purpose::Starts).iteration(0).lane(u64::MAX);
            let lower = (0..QUANTILE_POINTS).filter(|&k| {
                let z = source.0.region.sample(&mut key.episode(k).stream());
                source.0.level(&z) <= source.0.border
            });
            assert_eq!(lower.count() as f64, (share * QUANTILE_POINTS as f64).ceil(), "{share}");
        }
    }
}
