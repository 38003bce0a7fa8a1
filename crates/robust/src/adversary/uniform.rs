//! Domain randomisation over the ball (the paper's "PPO mean").

use std::sync::Arc;

use wr2l_rl::{Actor, DynamicsSource, Workers};
use wr2l_rng::{Purpose, StreamKey};

use super::{Adversary, Choice, Report, Source, Turn};
use crate::RobustError;
use crate::ball::{Ball, UniformBall};
use crate::config::AdversaryConfig;

/// Every episode under a point of its own, uniform in ball ∩ hard bounds.
///
/// Which point depends on the run's seed, the lane and the episode, not on the turn: while ε stays, a turn leaves
/// episodes in progress alone.
#[derive(Clone, Debug)]
pub struct Uniform {
    ball: Ball,
    config: AdversaryConfig,
    /// The sampler of the last turn, with its ε.
    prepared: Option<(f64, Arc<UniformBall>)>,
}

impl Uniform {
    /// Plays in `ball`.
    ///
    /// # Errors
    /// [`AdversaryConfig::validate`]'s.
    pub fn new(ball: Ball, config: AdversaryConfig) -> Result<Self, RobustError> {
        config.validate()?;
        Ok(Self { ball, config, prepared: None })
    }
}

impl Adversary for Uniform {
    fn choose(&mut self, turn: &Turn<'_>, _: &Actor, _: &mut Workers) -> Result<Choice, RobustError> {
        let epsilon = self.config.ramped(self.ball.epsilon(), turn.progress);
        let sampler = match &self.prepared {
            Some((prepared, sampler)) if *prepared == epsilon => Arc::clone(sampler),
            _ => Arc::new(self.ball.with_epsilon(epsilon)?.uniform()?),
        };
        self.prepared = Some((epsilon, Arc::clone(&sampler)));
        let source = Source::Uniform(UniformSource { sampler, seed: turn.seed });
        let report = Report { epsilon: Some(epsilon), ..Report::default() };
        Ok(Choice { source, report, simulator_steps: 0 })
    }
}

/// Points uniform in the ball, one per lane and episode.
#[derive(Clone, Debug)]
pub struct UniformSource {
    sampler: Arc<UniformBall>,
    seed: u64,
}

impl DynamicsSource for UniformSource {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        let key = StreamKey::new(self.seed, Purpose::Dynamics).lane(lane).episode(episode);
        out.copy_from_slice(&self.sampler.sample(&mut key.stream()));
    }
}
