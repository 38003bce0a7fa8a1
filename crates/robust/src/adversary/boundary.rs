//! The control for what the search adds: variety alone.

use std::sync::Arc;

use wr2l_rl::{Actor, Executor, Fixed};
use wr2l_rng::{Purpose, StreamKey};

use super::{Adversary, Choice, Report, Turn};
use crate::ball::Ball;
use crate::config::AdversaryConfig;
use crate::{BallEstimate, RobustError};

/// For every turn a random point of the ball's boundary ([`Ball::boundary`]).
#[derive(Clone, Debug)]
pub struct Boundary {
    estimate: BallEstimate,
    ball: Ball,
    config: AdversaryConfig,
}

impl Boundary {
    /// Plays in `ball`, whose `estimate` measures W of the chosen points for the log.
    ///
    /// # Errors
    /// [`AdversaryConfig::validate`]'s.
    pub fn new(estimate: BallEstimate, ball: Ball, config: AdversaryConfig) -> Result<Self, RobustError> {
        config.validate()?;
        Ok(Self { estimate, ball, config })
    }
}

impl Adversary for Boundary {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        _: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let ball = self.ball.with_epsilon(self.config.ramped(self.ball.epsilon(), turn.progress))?;
        let key = StreamKey::new(turn.seed, Purpose::Dynamics).iteration(turn.index);
        let fitted = self.estimate.fit(executor, &ball, &ball.boundary(&mut key.stream())?)?;
        let z = fitted.points;
        let (measured, one_step) = self.estimate.measure_or_none(executor, &z)?;
        let report = Report {
            epsilon: Some(ball.epsilon()),
            taylor: Some(ball.value(&z)),
            measured: measured.map(|w| w.mean),
            largest: measured.map(|w| w.largest),
            ..Report::default()
        };
        Ok(Choice { source: Arc::new(Fixed(z)), report, simulator_steps: fitted.simulator_steps + one_step })
    }
}
