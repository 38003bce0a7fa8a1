//! Which dynamics an episode of the learner runs under.

use std::fmt;
use std::sync::Arc;

use wr2l_sim::DynamicsSpace;

/// Says under which normalised dynamics z an episode runs. A pure function: asking twice gives the same answer.
///
/// When the answer for an episode in progress changes (the adversary has moved), the learner's lane drops that
/// episode and starts the next one: an episode never mixes two dynamics.
pub trait DynamicsSource: fmt::Debug + Send + Sync {
    /// Writes z (`[dim]`) of the learner's `episode`-th episode on `lane`.
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]);

    /// The dynamics in z (`[dim]`) if all episodes share them.
    fn point(&self) -> Option<&[f64]> {
        None
    }
}

impl<S: DynamicsSource + ?Sized> DynamicsSource for Arc<S> {
    fn z(&self, lane: u64, episode: u64, out: &mut [f64]) {
        self.as_ref().z(lane, episode, out);
    }

    fn point(&self) -> Option<&[f64]> {
        self.as_ref().point()
    }
}

/// The same z for every episode of every lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixed(
    /// The normalised dynamics, `[dim]`.
    pub Vec<f64>,
);

impl Fixed {
    /// The reference dynamics of a space, z = 0.
    pub fn reference(space: &DynamicsSpace) -> Self {
        Self(vec![0.0; space.dim()])
    }
}

impl DynamicsSource for Fixed {
    fn z(&self, _lane: u64, _episode: u64, out: &mut [f64]) {
        out.copy_from_slice(&self.0);
    }

    fn point(&self) -> Option<&[f64]> {
        Some(&self.0)
    }
}
