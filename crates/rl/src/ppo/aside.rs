//! The critic's half of an update in another process.

use std::time::{Duration, Instant};

use wr2l_sim::SimError;

use crate::ppo::loss::Losses;
use crate::ppo::networks::{Body, CriticHalf};
use crate::ppo::passes::{OtherHalf, PENANCE, Passes, Turn};
use crate::samples::Samples;
use crate::{Aside, Exchange, PpoConfig, RlError, State, StateError, StopFlag};

/// Sets the critic's half of an update down; `None` for a critic that sees images, which does not travel.
pub(crate) fn set_down<'a>(critic: &'a CriticHalf, passes: Passes<'a>) -> Option<State<'a>> {
    let Passes { config, samples, learning_rate, seed, iteration, .. } = passes;
    let [inputs, dim] = critic.shape()?;
    let shape = [inputs, dim].into_iter().chain(config.hidden.iter().copied()).map(|number| number as u64);
    let [epochs, clips] = [config.epochs, u32::from(config.clip_value)].map(u64::from);
    let (limit, rate) = (config.kl_limit, learning_rate);
    let mut state = State::default();
    state.put("shape", shape.collect::<Vec<_>>());
    state.put("counts", vec![epochs, passes.minibatches() as u64, seed, iteration, clips]);
    state.put("numbers", vec![config.clip, config.value_weight, config.max_gradient_norm, limit, rate]);
    state.save("critic", critic);
    state.put("inputs", &samples.inputs);
    if dim > 0 {
        state.put("dynamics", &samples.dynamics);
    }
    state.put("values", &samples.values);
    state.put("returns", &samples.returns);
    state.put("valid", samples.valid.iter().map(|&row| u64::from(row)).collect::<Vec<_>>());
    Some(state)
}

/// Work that was set down.
struct Work {
    config: PpoConfig,
    critic: CriticHalf,
    samples: Samples,
    learning_rate: f64,
    seed: u64,
    iteration: u64,
}

impl Work {
    fn take_up(mut state: State<'_>) -> Result<Self, StateError> {
        let shape = state.take_any::<u64>("shape")?;
        let [inputs, dim, hidden @ ..] = &shape[..] else { return Err(state.unusable("shape", "too short")) };
        let (inputs, dim) = (*inputs as usize, *dim as usize);
        let hidden: Vec<usize> = hidden.iter().map(|&width| width as usize).collect();
        let body = Body { inputs, convolutions: None, hidden: &hidden };
        let mut critic = CriticHalf::blank(body, dim).map_err(|error| state.unusable("shape", error))?;
        state.restore("critic", &mut critic)?;
        let values = state.take_any::<f32>("values")?;
        let n = values.len();
        let samples = Samples {
            inputs: state.take("inputs", n * inputs)?,
            dynamics: if dim > 0 { state.take("dynamics", n * dim)? } else { Vec::new() },
            returns: state.take("returns", n)?,
            valid: state.take_any::<u64>("valid")?.into_iter().map(|row| row as u32).collect(),
            values,
            ..Samples::default()
        };
        let counts = state.take::<u64>("counts", 5)?;
        let numbers = state.take::<f64>("numbers", 5)?;
        let config = PpoConfig {
            epochs: counts[0] as u32,
            minibatches: counts[1] as usize,
            // Minibatches are counted already.
            episodes: 0,
            clip_value: counts[4] != 0,
            clip: numbers[0],
            value_weight: numbers[1],
            max_gradient_norm: numbers[2],
            kl_limit: numbers[3],
            ..PpoConfig::default()
        };
        if samples.valid.is_empty() || samples.valid.iter().any(|&row| row as usize >= n) {
            return Err(state.unusable("valid", "rows that there are not"));
        }
        state.finish()?;
        Ok(Self { config, critic, samples, learning_rate: numbers[4], seed: counts[2], iteration: counts[3] })
    }
}

/// Does work that a learner of another process has asked for ([`Executor::aside`](crate::Executor::aside)), in step with it.
/// The one kind that there is: the critic's half of [`Ppo`](crate::Ppo)'s update.
///
/// # Errors
/// [`RlError::Sim`] if the other process is gone or the work is none that this version knows, [`RlError::NotFinite`] where
/// the other side sees the same. Nothing came out then.
pub fn work_aside(state: State<'_>, other: &mut dyn Exchange) -> Result<State<'static>, RlError> {
    let misunderstood = |error: StateError| SimError::Executor { reason: error.to_string() };
    let Work { config, mut critic, samples, learning_rate, seed, iteration } =
        Work::take_up(state).map_err(misunderstood)?;
    let stop = StopFlag::default();
    let passes = Passes { config: &config, samples: &samples, learning_rate, seed, iteration, stop: &stop };
    passes.run(&passes.orders(), Turn::new(&mut critic, false), Policy(other))?;
    let mut done = State::default();
    done.save("critic", &critic);
    Ok(done.into_owned())
}

/// The policy's half, seen from a critic's in another process.
struct Policy<'e>(&'e mut dyn Exchange);

impl<'a> OtherHalf<'a> for Policy<'_> {
    fn settle(&mut self, squared_norm: f64) -> Result<f64, RlError> {
        Ok(self.0.exchange(squared_norm)?)
    }

    fn join(&mut self, critic: Losses) -> Result<Losses, RlError> {
        Ok(Losses { kl: self.0.exchange(critic.value)?, ..critic })
    }

    fn finish(self, _: Option<f32>) -> Result<(), RlError> {
        Ok(())
    }
}

/// The critic's half in another process.
pub(crate) struct There<'e, 'c> {
    pub(crate) aside: Box<dyn Aside + 'e>,
    /// As it was before, until all is done.
    pub(crate) critic: &'c mut CriticHalf,
    pub(crate) iteration: u64,
}

impl<'a> OtherHalf<'a> for There<'_, '_> {
    fn settle(&mut self, squared_norm: f64) -> Result<f64, RlError> {
        Ok(self.aside.exchange(squared_norm)?)
    }

    fn join(&mut self, policy: Losses) -> Result<Losses, RlError> {
        Ok(Losses { value: self.aside.exchange(policy.kl)?, ..policy })
    }

    fn finish(self, _: Option<f32>) -> Result<(), RlError> {
        let Self { aside, critic, iteration } = self;
        // All of it is there, and of the right shape: what is refused is not finite.
        let refused = |_| RlError::NotFinite { what: "a network parameter", iteration };
        aside.finish()?.restore("critic", critic).map_err(refused)
    }
}

/// Whether it pays to give the critic's half away: what it took, both ways.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Seconds of a minibatch whose halves this thread does both.
    alone: Option<f64>,
    /// Nothing is given away before.
    until: Option<Instant>,
}

impl Pace {
    /// Whether the next update should give it away.
    pub(crate) fn gives(&self) -> bool {
        self.alone.is_some() && self.until.is_none_or(|until| Instant::now() >= until)
    }

    /// Notes what an update took.
    pub(crate) fn took(&mut self, taken: Duration, minibatches: usize, given: bool) {
        let each = taken.as_secs_f64() / minibatches.max(1) as f64;
        match self.alone {
            Some(alone) if given => {
                let lost = (each - alone).max(0.0) * minibatches as f64;
                self.until = (lost > 0.0).then(|| Instant::now() + PENANCE * Duration::from_secs_f64(lost));
            }
            _ => self.alone = Some(each),
        }
    }
}

#[cfg(test)]
mod tests;
