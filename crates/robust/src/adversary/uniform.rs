//! Domain randomisation over the ball (the paper's "PPO mean"), or over a box.

use std::sync::Arc;

use wr2l_rl::{Actor, DynamicsSource, Executor, State, StateError};
use wr2l_rng::{Purpose, StreamKey};

use super::{Adversary, Choice, DynamicsBox, Report, Source, Turn};
use crate::ball::BallMeasure;
use crate::ball::{Ball, UniformBall};
use crate::config::AdversaryConfig;
use crate::{BallEstimate, RobustError};

/// Every episode under a point of its own, uniform in ball ∩ hard bounds, or in a box.
///
/// Which point depends on the run's seed, the lane and the episode, not on the turn: while ε stays, a turn leaves
/// episodes in progress alone.
#[derive(Clone, Debug)]
pub struct Uniform {
    domain: Domain,
    config: AdversaryConfig,
    /// Radius ε and source of the last turn.
    prepared: Option<(f64, UniformSource)>,
}

/// Where it plays.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a run")]
enum Domain {
    Ball {
        ball: Ball,
        /// What measures the ball, if that is not its Taylor form.
        estimate: Option<BallEstimate>,
    },
    /// ε has no meaning here.
    Box(DynamicsBox),
}

/// What stands for ε in a box.
const NO_RADIUS: f64 = 0.0;

impl Uniform {
    /// Plays in `ball`.
    ///
    /// # Errors
    /// [`AdversaryConfig::validate`]'s.
    pub fn new(ball: Ball, config: AdversaryConfig) -> Result<Self, RobustError> {
        Self::over(Domain::Ball { ball, estimate: None }, config)
    }

    /// Plays in a box. Neither ε nor its ramp has a meaning then.
    ///
    /// # Errors
    /// As [`Uniform::new`].
    pub fn in_box(bounds: DynamicsBox, config: AdversaryConfig) -> Result<Self, RobustError> {
        Self::over(Domain::Box(bounds), config)
    }

    fn over(domain: Domain, config: AdversaryConfig) -> Result<Self, RobustError> {
        config.validate()?;
        Ok(Self { domain, config, prepared: None })
    }

    /// With `measured` it plays in the measured ball, if the ball is that: episodes draw from so many points of it, uniform in
    /// the Taylor ball and carried over ([`BallEstimate::fit`]).
    #[must_use]
    pub fn measured_by(mut self, measured: &BallEstimate) -> Self {
        if let Domain::Ball { ball, estimate } = &mut self.domain {
            *estimate = (ball.measure() == BallMeasure::Measured).then(|| measured.clone());
        }
        Self { prepared: None, ..self }
    }

    /// What the last turn chose; `None` before the first.
    pub fn last_source(&self) -> Option<UniformSource> {
        self.prepared.as_ref().map(|(_, source)| source.clone())
    }

    fn prepare(&self, epsilon: f64, seed: u64) -> Result<UniformSource, RobustError> {
        let region = match &self.domain {
            Domain::Box(bounds) => Region::Box(bounds.clone()),
            Domain::Ball { ball, .. } => Region::Ball(ball.with_epsilon(epsilon)?.uniform()?),
        };
        Ok(UniformSource { region: Arc::new(region), seed })
    }
}

/// A source of the measured ball, and the one-step simulations that it took.
fn measure(
    ball: &Ball,
    estimate: &BallEstimate,
    executor: &mut dyn Executor,
    seed: u64,
) -> Result<(UniformSource, u64), RobustError> {
    let uniform = ball.uniform()?;
    let key = StreamKey::new(seed, Purpose::Dynamics).iteration(u64::MAX);
    let points: Vec<f64> =
        (0..MEASURED_POINTS).flat_map(|k| uniform.sample(&mut key.lane(k).stream())).collect();
    let fitted = estimate.fit(executor, ball, &points)?;
    let source = UniformSource { region: Arc::new(Region::Points(fitted.points)), seed };
    Ok((source, fitted.simulator_steps))
}

/// Points of the measured ball that episodes draw from.
const MEASURED_POINTS: u64 = 256;

impl Adversary for Uniform {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        _: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let epsilon = match &self.domain {
            Domain::Ball { ball, .. } => self.config.ramped(ball.epsilon(), turn.progress),
            Domain::Box(_) => NO_RADIUS,
        };
        let (source, simulator_steps) = match (&self.prepared, &self.domain) {
            (Some((prepared, source)), _) if *prepared == epsilon => (source.clone(), 0),
            (_, Domain::Ball { ball, estimate: Some(estimate) }) => {
                measure(&ball.with_epsilon(epsilon)?, estimate, executor, turn.seed)?
            }
            _ => (self.prepare(epsilon, turn.seed)?, 0),
        };
        self.prepared = Some((epsilon, source.clone()));
        let source = Arc::new(source);
        let in_ball = matches!(self.domain, Domain::Ball { .. });
        let report = Report { epsilon: in_ball.then_some(epsilon), ..Report::default() };
        Ok(Choice { source, report, simulator_steps })
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        if let Some((epsilon, source)) = &self.prepared {
            state.put("epsilon", *epsilon);
            state.put("seed", source.seed);
            if let Region::Points(points) = source.region.as_ref() {
                state.put("points", points.as_slice());
            }
        }
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.prepared = None;
        if state.holds("epsilon") {
            let (mut epsilon, seed) = (state.one("epsilon")?, state.one("seed")?);
            let source = match &self.domain {
                Domain::Ball { ball, .. } if state.holds("points") => {
                    let points = super::take_points(state, "points", ball.dim(), MEASURED_POINTS as usize)?;
                    if points.is_empty() {
                        return Err(state.unusable("points", "there has to be one"));
                    }
                    UniformSource { region: Arc::new(Region::Points(points.concat())), seed }
                }
                domain => {
                    // In a box version 0.1 wrote the radius of a ball.
                    if let Domain::Box(_) = domain {
                        epsilon = NO_RADIUS;
                    }
                    self.prepare(epsilon, seed).map_err(|error| state.unusable("epsilon", error))?
                }
            };
            self.prepared = Some((epsilon, source));
        }
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        self.last_source().map(|source| Arc::new(source) as Source)
    }
}

/// Points uniform in the ball or box, one per lane and episode.
#[derive(Clone, Debug)]
pub struct UniformSource {
    region: Arc<Region>,
    seed: u64,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a run, behind a pointer")]
enum Region {
    Ball(UniformBall),
    Box(DynamicsBox),
    /// One of these (`[n, d]`).
    Points(Vec<f64>),
}

impl DynamicsSource for UniformSource {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let mut stream = StreamKey::new(self.seed, Purpose::Dynamics).lane(lane).episode(episode).stream();
        match self.region.as_ref() {
            Region::Ball(ball) => out.copy_from_slice(&ball.sample(&mut stream)),
            Region::Points(points) => {
                let count = points.len() / out.len();
                out.copy_from_slice(&points[stream.below(count) * out.len()..][..out.len()]);
            }
            Region::Box(bounds) => bounds.draw(&mut stream, out),
        }
    }
}
