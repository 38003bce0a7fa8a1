//! Domain randomisation over the ball (the paper's "PPO mean").

use std::sync::Arc;

use wr2l_rl::{Actor, DynamicsSource, State, StateError, Workers};
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
    /// Radius ε and source of the last turn.
    prepared: Option<(f64, UniformSource)>,
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

    fn prepare(&self, epsilon: f64, seed: u64) -> Result<UniformSource, RobustError> {
        Ok(UniformSource { sampler: Arc::new(self.ball.with_epsilon(epsilon)?.uniform()?), seed })
    }
}

impl Adversary for Uniform {
    fn choose(&mut self, turn: &Turn<'_>, _: &Actor, _: &mut Workers) -> Result<Choice, RobustError> {
        let epsilon = self.config.ramped(self.ball.epsilon(), turn.progress);
        let source = match &self.prepared {
            Some((prepared, source)) if *prepared == epsilon => source.clone(),
            _ => self.prepare(epsilon, turn.seed)?,
        };
        self.prepared = Some((epsilon, source.clone()));
        let source = Source::Uniform(source);
        let report = Report { epsilon: Some(epsilon), ..Report::default() };
        Ok(Choice { source, report, simulator_steps: 0 })
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        if let Some((epsilon, source)) = &self.prepared {
            state.put("epsilon", *epsilon);
            state.put("seed", source.seed);
        }
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.prepared = None;
        if state.holds("epsilon") {
            let (epsilon, seed) = (state.one("epsilon")?, state.one("seed")?);
            let source = self.prepare(epsilon, seed).map_err(|error| state.unusable("epsilon", error))?;
            self.prepared = Some((epsilon, source));
        }
        Ok(())
    }

    fn source(&self) -> Option<Source> {
        self.prepared.as_ref().map(|(_, source)| Source::Uniform(source.clone()))
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
