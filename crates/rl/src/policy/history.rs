//! A memory by frames: what a policy may see besides the observation.
//!
//! The dynamics cannot be seen, but how the robot moved under the last actions tells something about them. A policy
//! with a history of k frames is given
//!
//! ```text
//! x_t = (o_t,  o_t − o_{t−1}, a_{t−1},  o_{t−1} − o_{t−2}, a_{t−2},  …,  o_{t−k+1} − o_{t−k}, a_{t−k}),
//! ```
//!
//! the newest frame first, with zeros for what was before the episode began. An action is what the simulator takes
//! ([`Actor::clip`](crate::Actor::clip)), a choice its number. Where an opponent's actions are mixed in, it is the one
//! that counted; where chance acts, the agent's own, because chance is a part of the dynamics.

use wr2l_sim::SimSpec;

use crate::RlError;

/// How many frames a policy remembers, and of which lengths. The part of x_t behind o_t is called the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    frames: usize,
    obs_dim: usize,
    act_dim: usize,
}

impl History {
    /// Most frames.
    pub const MOST: usize = 16;

    /// A history of `frames` frames of `obs_dim` differences and `act_dim` actions each; 0 frames for none. Usual: 0–4.
    ///
    /// # Errors
    /// [`RlError::Option`] for more than [`History::MOST`].
    pub fn new(frames: usize, obs_dim: usize, act_dim: usize) -> Result<Self, RlError> {
        if frames > Self::MOST {
            let (value, reason) = (frames.to_string(), "must be at most 16 frames");
            return Err(RlError::Option { option: "history", value, reason });
        }
        Ok(Self { frames, obs_dim, act_dim })
    }

    /// A history in a task with these shapes.
    ///
    /// # Errors
    /// As [`History::new`].
    pub fn of(spec: &SimSpec, frames: usize) -> Result<Self, RlError> {
        Self::new(frames, spec.obs_dim, spec.act_dim())
    }

    /// No history.
    pub(crate) fn none(obs_dim: usize, act_dim: usize) -> Self {
        Self { frames: 0, obs_dim, act_dim }
    }

    /// The history of `frames` frames that makes `inputs` numbers of an observation, if there is one.
    ///
    /// # Errors
    /// [`RlError::Shape`] if none does, and as [`History::new`].
    pub fn that_makes(inputs: usize, frames: usize, act_dim: usize) -> Result<Self, RlError> {
        // inputs = obs_dim + frames · (obs_dim + act_dim)
        let obs_dim = inputs.saturating_sub(frames.saturating_mul(act_dim)) / frames.saturating_add(1);
        let history = Self::new(frames, obs_dim, act_dim)?;
        match history.inputs() == inputs {
            true => Ok(history),
            false => Err(RlError::Shape { what: "policy inputs", expected: history.inputs(), got: inputs }),
        }
    }

    /// k.
    pub fn frames(self) -> usize {
        self.frames
    }

    /// Length of an observation.
    pub fn obs_dim(self) -> usize {
        self.obs_dim
    }

    /// Length of a frame.
    pub(crate) fn frame(self) -> usize {
        self.obs_dim + self.act_dim
    }

    /// Length of the memory.
    pub fn memory(self) -> usize {
        self.frames * self.frame()
    }

    /// Length of x_t: the inputs of the policy.
    pub fn inputs(self) -> usize {
        self.obs_dim + self.memory()
    }

    /// Forgets the oldest frame of `memory` and remembers the step that led from the observation `before` by `action`
    /// to the observation `after`. No allocation.
    ///
    /// # Panics
    /// If a slice has another length than stated.
    pub fn push(self, before: &[f64], action: &[f64], after: &[f64], memory: &mut [f64]) {
        assert_eq!(memory.len(), self.memory(), "a memory has its history's length");
        if self.frames == 0 {
            return;
        }
        let frame = self.frame();
        memory.copy_within(..memory.len() - frame, frame);
        let (differences, actions) = memory[..frame].split_at_mut(self.obs_dim);
        for ((difference, after), before) in differences.iter_mut().zip(after).zip(before) {
            *difference = after - before;
        }
        actions.copy_from_slice(action);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_differences_and_actions_the_newest_first_and_the_oldest_forgotten() {
        let history = History::new(2, 2, 1).unwrap();
        assert_eq!((history.memory(), history.inputs()), (6, 8));
        let mut memory = vec![0.0; 6];
        history.push(&[1.0, 10.0], &[0.5], &[3.0, 9.0], &mut memory);
        assert_eq!(memory, [2.0, -1.0, 0.5, 0.0, 0.0, 0.0]);
        history.push(&[3.0, 9.0], &[-0.5], &[3.5, 9.0], &mut memory);
        assert_eq!(memory, [0.5, 0.0, -0.5, 2.0, -1.0, 0.5]);
        history.push(&[3.5, 9.0], &[0.25], &[4.5, 8.0], &mut memory);
        assert_eq!(memory, [1.0, -1.0, 0.25, 0.5, 0.0, -0.5]);
    }

    #[test]
    fn without_frames_there_is_nothing_to_remember() {
        let history = History::new(0, 3, 2).unwrap();
        assert_eq!((history.memory(), history.inputs()), (0, 3));
        history.push(&[1.0; 3], &[1.0; 2], &[2.0; 3], &mut []);
    }

    #[test]
    fn more_frames_than_there_may_be_and_inputs_that_no_history_makes_are_refused() {
        assert!(History::new(16, 17, 6).is_ok());
        for frames in [17, usize::MAX] {
            let error = History::new(frames, 17, 6).unwrap_err();
            assert!(matches!(error, RlError::Option { option: "history", .. }), "{error}");
            assert!(History::that_makes(17, frames, 6).is_err());
        }
        for frames in 0..4 {
            let history = History::new(frames, 11, 3).unwrap();
            assert_eq!(History::that_makes(history.inputs(), frames, 3), Ok(history));
        }
        // Two observations and three actions are an odd number.
        for inputs in [0, 1, 6, 26] {
            let error = History::that_makes(inputs, 1, 3).unwrap_err();
            assert!(matches!(error, RlError::Shape { .. }), "{inputs}: {error}");
        }
    }
}
