//! The paper's adversary: Phase I of Algorithm 1 against the current policy.

use std::sync::Arc;

use wr2l_rl::{Actor, Executor, Fixed, State, StateError};

use super::{Adversary, Choice, PerLane, Report, Source, Turn, Uniform, UniformSource};
use crate::ball::Ball;
use crate::config::AdversaryConfig;
use crate::{BallEstimate, Objective, RobustError, SimulatedReturn};

/// For every turn the worst point of the ball that Phase I finds
/// ([`PhaseOne`](crate::phase_one::PhaseOne)). If the physics breaks down in more than half of the episodes of a point
/// that it looks at, the dynamics in force stay.
///
/// The learner trains under that point alone, or some of its lanes under earlier ones
/// ([`AdversaryConfig::worst_cases`]), under the reference ([`AdversaryConfig::nominal_share`]) and under random points of the
/// ball ([`AdversaryConfig::uniform_share`]).
#[derive(Clone, Debug)]
pub struct Wasserstein {
    estimate: BallEstimate,
    ball: Ball,
    config: AdversaryConfig,
    /// The latest worst cases, at most `config.worst_cases`, where the lanes do not all share the newest. Once there are so
    /// many, each keeps its place, and so the episodes of its lanes, until a new one takes the place of the oldest.
    latest: Vec<Vec<f64>>,
    /// Worst cases found so far; modulo their number the place of the oldest.
    found: u64,
    /// Where the random points come from.
    random: Uniform,
}

impl Wasserstein {
    /// Plays in `ball`, whose `estimate` measures W of the chosen points for the log.
    ///
    /// # Errors
    /// [`AdversaryConfig::validate`]'s.
    pub fn new(estimate: BallEstimate, ball: Ball, config: AdversaryConfig) -> Result<Self, RobustError> {
        let random = Uniform::new(ball.clone(), config)?.measured_by(&estimate);
        Ok(Self { estimate, ball, config, latest: Vec::new(), found: 0, random })
    }

    /// Whether all lanes train under the newest worst case, as in the paper.
    fn newest_alone(&self) -> bool {
        let AdversaryConfig { worst_cases, nominal_share, uniform_share, .. } = self.config;
        worst_cases == 1 && nominal_share == 0.0 && uniform_share == 0.0
    }

    /// Dynamics of the lanes once a turn has found `newest`.
    fn lanes(&mut self, newest: &[f64]) -> Source {
        if self.newest_alone() {
            return Arc::new(Fixed(newest.to_vec()));
        }
        if self.latest.len() < self.config.worst_cases {
            self.latest.push(newest.to_vec());
        } else {
            let oldest = self.found as usize % self.latest.len();
            self.latest[oldest].copy_from_slice(newest);
        }
        self.found += 1;
        self.per_lane()
    }

    fn per_lane(&self) -> Source {
        let mut lanes = PerLane::new(self.latest.clone(), self.config.nominal_share);
        if let Some(random) = self.random() {
            lanes = lanes.and_random(random, self.config.uniform_share);
        }
        lanes.or_reference(self.ball.dim())
    }

    /// Random points of the ball, if some lanes have them and a turn was taken.
    fn random(&self) -> Option<UniformSource> {
        self.random.last_source().filter(|_| self.config.uniform_share > 0.0)
    }
}

impl Adversary for Wasserstein {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let AdversaryConfig { episodes, return_discount, phase_one, .. } = self.config;
        let ball = self.ball.with_epsilon(self.config.ramped(self.ball.epsilon(), turn.progress))?;
        let mut fitting = 0;
        for earlier in &mut self.latest {
            // The ball may have shrunk since.
            let inside = self.estimate.pull_inside(executor, &ball, earlier)?;
            *earlier = inside.points;
            fitting += inside.simulator_steps;
        }
        if self.config.uniform_share > 0.0 {
            fitting += self.random.choose(turn, actor, executor)?.simulator_steps;
        }
        // The search moves in the Taylor form, whose points stand for those of the ball.
        let current = self.estimate.unfit(executor, &ball, turn.current)?;
        fitting += current.simulator_steps;
        let mut objective =
            SimulatedReturn::new(executor, actor, episodes, return_discount, turn.seed, turn.index)
                .in_ball(&self.estimate, &ball);
        let found = phase_one.run(&mut objective, &ball, &current.points, turn.seed, turn.index);
        let (diverged, searched) = (objective.diverged(), objective.simulator_steps());
        let found = match found {
            Ok(found) => found,
            // Where the physics breaks down J cannot be compared: the dynamics in force stay, and the log says why.
            Err(RobustError::Diverged { .. }) => {
                let inside = self.estimate.pull_inside(executor, &ball, turn.current)?;
                let current = inside.points;
                return Ok(Choice {
                    report: Report {
                        epsilon: Some(ball.epsilon()),
                        taylor: Some(ball.value(&current)),
                        diverged,
                        worst: (!self.newest_alone()).then(|| current.clone()),
                        ..Report::default()
                    },
                    source: if self.newest_alone() { Arc::new(Fixed(current)) } else { self.per_lane() },
                    simulator_steps: fitting + searched + inside.simulator_steps,
                });
            }
            Err(error) => return Err(error),
        };
        let fitted = self.estimate.fit(executor, &ball, &found.z)?;
        let worst = fitted.points;
        let (measured, one_step) = self.estimate.measure_or_none(executor, &worst)?;
        Ok(Choice {
            source: self.lanes(&worst),
            simulator_steps: fitting + searched + fitted.simulator_steps + one_step,
            report: Report {
                epsilon: Some(ball.epsilon()),
                reference_value: Some(found.reference_value),
                value: Some(found.value),
                taylor: Some(ball.value(&worst)),
                measured: measured.map(|w| w.mean),
                largest: measured.map(|w| w.largest),
                worst: (!self.newest_alone()).then_some(worst),
                phase_one: Some(found),
                diverged,
            },
        })
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        if !self.newest_alone() {
            state.put("latest", self.latest.concat());
            state.put("found", vec![self.found]);
            state.within("random", |state| self.random.save(state));
        }
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        (self.latest, self.found) = (Vec::new(), 0);
        // A plan that asks for random points only now has them from the next turn on.
        state.within("random", |state| self.random.restore(state))?;
        if !state.holds("latest") {
            return Ok(());
        }
        let mut latest = super::take_points(state, "latest", self.ball.dim(), usize::MAX)?;
        let mut found = state.count("found")?;
        if self.newest_alone() {
            return Ok(());
        }
        if latest.len() != self.config.worst_cases && !latest.is_empty() {
            // Not all found yet, or the plan asked for another number when they were written: the newest, the oldest first.
            let oldest = found as usize % latest.len();
            latest.rotate_left(oldest);
            latest.drain(..latest.len().saturating_sub(self.config.worst_cases));
            found = latest.len() as u64;
        }
        (self.latest, self.found) = (latest, found);
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        (!self.latest.is_empty() || self.random().is_some()).then(|| self.per_lane())
    }
}
