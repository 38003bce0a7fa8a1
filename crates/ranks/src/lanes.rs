//! A learner's lanes, and what they contributed to a batch, on the way.

use wr2l_nn::RunningMoments;
use wr2l_rl::{Correlation, FinishedEpisode, LaneBatch, LaneState, Lanes};
use wr2l_sim::Outcome;

use crate::values::Travels;
use crate::wire::{Malformed, Reader, Writer};

impl Travels for LaneState {
    fn write(&self, to: &mut Writer) {
        for numbers in [&self.snapshot, &self.z, &self.memory, &self.noise[0], &self.noise[1]] {
            to.reals(numbers);
        }
        to.word(self.episode);
        to.byte(u8::from(self.started));
        to.real(self.ret);
        to.word(self.length.into());
        to.real(self.discounted);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (snapshot, z, memory) = (from.reals()?, from.reals()?, from.reals()?);
        let noise = [from.reals()?, from.reals()?];
        Ok(Self {
            snapshot,
            z,
            memory,
            noise,
            episode: from.word()?,
            started: from.byte()? != 0,
            ret: from.real()?,
            length: u32::try_from(from.word()?).map_err(|_| Malformed)?,
            discounted: from.real()?,
        })
    }
}

impl Travels for Lanes {
    fn write(&self, to: &mut Writer) {
        to.word(self.first);
        to.byte(u8::from(self.raw));
        to.list(self.correlation.as_slice(), |to, correlation| {
            to.real(correlation.keep);
            to.real(correlation.fresh);
        });
        to.list(&self.states, |to, state| state.write(to));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (first, raw) = (from.word()?, from.byte()? != 0);
        let correlation =
            from.list(|from| Ok(Correlation { keep: from.real()?, fresh: from.real()? }))?.pop();
        Ok(Self { states: from.list(LaneState::read)?, first, raw, correlation })
    }
}

impl Travels for LaneBatch {
    fn write(&self, to: &mut Writer) {
        for numbers in [&self.inputs, &self.dynamics, &self.actions, &self.log_probs, &self.successors] {
            to.floats(numbers);
        }
        to.reals(&self.rewards);
        to.reals(&self.reward_terms);
        to.list(&self.outcomes, |to, outcome| outcome.write(to));
        to.counts(&self.successor_steps);
        to.list(&self.finished, |to, episode| episode.write(to));
        to.word(self.dropped.into());
        self.obs_moments.write(to);
        self.discounted_moments.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            inputs: from.floats()?,
            dynamics: from.floats()?,
            actions: from.floats()?,
            log_probs: from.floats()?,
            successors: from.floats()?,
            rewards: from.reals()?,
            reward_terms: from.reals()?,
            outcomes: from.list(Outcome::read)?,
            successor_steps: from.counts()?,
            finished: from.list(FinishedEpisode::read)?,
            dropped: u32::try_from(from.word()?).map_err(|_| Malformed)?,
            obs_moments: RunningMoments::read(from)?,
            discounted_moments: RunningMoments::read(from)?,
        })
    }
}
