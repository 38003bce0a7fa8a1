//! The paper's adversary: Phase I of Algorithm 1 against the current policy.

use wr2l_rl::{Actor, Fixed, Workers};

use super::{Adversary, Choice, Report, Source, Turn};
use crate::ball::Ball;
use crate::config::AdversaryConfig;
use crate::{BallEstimate, Objective, RobustError, SimulatedReturn};

/// For every turn the worst point of the ball that Phase I finds
/// ([`PhaseOne`](crate::phase_one::PhaseOne)). If the physics breaks down in more than half of the episodes of a point
/// that it looks at, the dynamics in force stay.
#[derive(Clone, Debug)]
pub struct Wasserstein {
    estimate: BallEstimate,
    ball: Ball,
    config: AdversaryConfig,
}

impl Wasserstein {
    /// Plays in `ball`, whose `estimate` measures W of the chosen points for the log.
    ///
    /// # Errors
    /// [`AdversaryConfig::validate`]'s.
    pub fn new(estimate: BallEstimate, ball: Ball, config: AdversaryConfig) -> Result<Self, RobustError> {
        config.validate()?;
        Ok(Self { estimate, ball, config })
    }
}

impl Adversary for Wasserstein {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        workers: &mut Workers,
    ) -> Result<Choice, RobustError> {
        let AdversaryConfig { episodes, return_discount, phase_one, .. } = self.config;
        let ball = self.ball.with_epsilon(self.config.ramped(self.ball.epsilon(), turn.progress))?;
        let mut objective =
            SimulatedReturn::new(workers, actor, episodes, return_discount, turn.seed, turn.index);
        let found = phase_one.run(&mut objective, &ball, turn.current, turn.seed, turn.index);
        let (diverged, simulator_steps) = (objective.diverged(), objective.simulator_steps());
        let found = match found {
            Ok(found) => found,
            // Where the physics breaks down J cannot be compared: the dynamics in force stay, and the log says why.
            Err(RobustError::Diverged { .. }) => {
                let current = ball.pull_inside(turn.current)?;
                return Ok(Choice {
                    report: Report {
                        epsilon: Some(ball.epsilon()),
                        taylor: Some(ball.value(&current)),
                        diverged,
                        ..Report::default()
                    },
                    source: Source::Fixed(Fixed(current)),
                    simulator_steps,
                });
            }
            Err(error) => return Err(error),
        };
        let (measured, one_step) = self.estimate.measure_or_none(workers, &found.z)?;
        Ok(Choice {
            source: Source::Fixed(Fixed(found.z.clone())),
            simulator_steps: simulator_steps + one_step,
            report: Report {
                epsilon: Some(ball.epsilon()),
                reference_value: Some(found.reference_value),
                value: Some(found.value),
                taylor: Some(found.taylor),
                measured,
                phase_one: Some(found),
                diverged,
                ..Report::default()
            },
        })
    }
}
