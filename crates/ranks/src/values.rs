//! What jobs and results are made of.

use wr2l_nn::RunningMoments;
use wr2l_rl::{
    Acting, Array, EpisodeJob, EpisodeResult, FinishedEpisode, Interference, Player, State, Stretch,
    Trajectory,
};
use wr2l_rng::StreamKey;
use wr2l_sim::{Divergence, Outcome};

use crate::wire::{Malformed, Reader, Writer};

/// Something that travels.
pub(crate) trait Travels: Sized {
    fn write(&self, to: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

impl Travels for StreamKey {
    fn write(&self, to: &mut Writer) {
        self.words().into_iter().for_each(|word| to.word(word));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut words = [0; 5];
        for word in &mut words {
            *word = from.word()?;
        }
        Self::from_words(words).ok_or(Malformed)
    }
}

impl Travels for Outcome {
    fn write(&self, to: &mut Writer) {
        to.byte(match self {
            Self::Running => 0,
            Self::Terminated => 1,
            Self::Truncated => 2,
            Self::Diverged(Divergence::Action) => 3,
            Self::Diverged(Divergence::State) => 4,
            Self::Diverged(Divergence::Simulator) => 5,
        });
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            0 => Self::Running,
            1 => Self::Terminated,
            2 => Self::Truncated,
            3 => Self::Diverged(Divergence::Action),
            4 => Self::Diverged(Divergence::State),
            5 => Self::Diverged(Divergence::Simulator),
            _ => return Err(Malformed),
        })
    }
}

impl Travels for EpisodeJob {
    fn write(&self, to: &mut Writer) {
        to.count(self.dynamics);
        self.reset.write(to);
        self.action.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { dynamics: from.count()?, reset: StreamKey::read(from)?, action: StreamKey::read(from)? })
    }
}

fn length(from: &mut Reader<'_>) -> Result<u32, Malformed> {
    u32::try_from(from.word()?).map_err(|_| Malformed)
}

impl Travels for EpisodeResult {
    fn write(&self, to: &mut Writer) {
        to.real(self.ret);
        to.word(self.length.into());
        to.real(self.forward);
        self.outcome.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            ret: from.real()?,
            length: length(from)?,
            forward: from.real()?,
            outcome: Outcome::read(from)?,
        })
    }
}

impl Travels for FinishedEpisode {
    fn write(&self, to: &mut Writer) {
        to.real(self.ret);
        to.word(self.length.into());
        self.outcome.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { ret: from.real()?, length: length(from)?, outcome: Outcome::read(from)? })
    }
}

impl Travels for Trajectory {
    fn write(&self, to: &mut Writer) {
        to.reals(&self.states);
        to.reals(&self.actions);
        to.word(self.len);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { states: from.reals()?, actions: from.reals()?, len: from.word()? })
    }
}

impl Travels for RunningMoments {
    fn write(&self, to: &mut Writer) {
        to.word(self.count());
        to.reals(self.mean());
        to.reals(self.m2());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (count, mean, m2) = (from.word()?, from.reals()?, from.reals()?);
        Self::from_parts(count, mean, m2).map_err(|_| Malformed)
    }
}

impl Travels for Interference {
    fn write(&self, to: &mut Writer) {
        let (kind, number) = match *self {
            Self::Force { bound } => (0, bound),
            Self::TakeOver { alpha } => (1, alpha),
            Self::Blend { alpha } => (2, alpha),
        };
        to.byte(kind);
        to.real(number);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (kind, number) = (from.byte()?, from.real()?);
        match kind {
            0 => Ok(Self::Force { bound: number }),
            1 => Ok(Self::TakeOver { alpha: number }),
            2 => Ok(Self::Blend { alpha: number }),
            _ => Err(Malformed),
        }
    }
}

impl Travels for Stretch {
    fn write(&self, to: &mut Writer) {
        match *self {
            Self::Steps(steps) => {
                to.byte(0);
                to.count(steps);
            }
            Self::Episode => to.byte(1),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(Self::Steps(from.count()?)),
            1 => Ok(Self::Episode),
            _ => Err(Malformed),
        }
    }
}

impl Travels for Acting {
    fn write(&self, to: &mut Writer) {
        to.byte(match self {
            Self::Mode => 0,
            Self::Sample => 1,
            Self::Random => 2,
        });
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(Self::Mode),
            1 => Ok(Self::Sample),
            2 => Ok(Self::Random),
            _ => Err(Malformed),
        }
    }
}

impl Travels for Player {
    fn write(&self, to: &mut Writer) {
        to.byte(u8::from(*self == Self::Opponent));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(Self::Agent),
            1 => Ok(Self::Opponent),
            _ => Err(Malformed),
        }
    }
}

impl Travels for State<'_> {
    fn write(&self, to: &mut Writer) {
        to.count(self.arrays().count());
        for (name, array) in self.arrays() {
            to.text(name);
            match array {
                Array::F32(values) => {
                    to.byte(0);
                    to.floats(values);
                }
                Array::F64(values) => {
                    to.byte(1);
                    to.reals(values);
                }
                Array::U64(values) => {
                    to.byte(2);
                    to.list(values, |to, value| to.word(*value));
                }
                Array::U8(values) => {
                    to.byte(3);
                    to.raw(values);
                }
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut state = State::default();
        for _ in 0..from.count()? {
            let name = from.text()?;
            if state.holds(&name) {
                return Err(Malformed);
            }
            match from.byte()? {
                0 => state.put(&name, from.floats()?),
                1 => state.put(&name, from.reals()?),
                2 => state.put(&name, from.list(Reader::word)?),
                3 => state.put(&name, from.raw()?.to_vec()),
                _ => return Err(Malformed),
            }
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_to_the_bit_and_one_that_is_cut_is_malformed() {
        let mut state = State::default();
        state.put("some.floats", vec![0.1_f32, -0.0, f32::NAN]);
        state.put("a", f64::MIN_POSITIVE);
        state.put("whole", vec![u64::MAX, 0]);
        state.put("text", b"bytes".to_vec());
        let mut to = Writer::default();
        state.write(&mut to);
        let bytes = to.into_bytes();
        let back = State::read(&mut Reader::new(&bytes)).unwrap();
        let mut again = Writer::default();
        back.write(&mut again);
        assert_eq!(again.into_bytes(), bytes);
        assert!(back.arrays().map(|(name, _)| name).eq(["a", "some.floats", "text", "whole"]));
        for cut in 0..bytes.len() {
            assert!(State::read(&mut Reader::new(&bytes[..cut])).is_err(), "cut at {cut}");
        }
    }
}
