//! EPOpt (Rajeswaran et al. 2017): domain randomisation, of which the learner sees the worst.

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, Selection, State, StateError, Workers};

use super::{Adversary, Choice, Source, Turn, Uniform};
use crate::RobustError;
use crate::error::check_fraction;

/// Options of [`Cvar`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CvarConfig {
    /// Share ε of a batch's episodes, those of lowest return, that the learner learns from, in (0, 1]; with 1 it is
    /// `uniform`. Usual: 0.1–0.3.
    pub fraction: f64,
    /// Iterations of the learner during which it learns from all episodes. Usual: 50–100.
    pub after: u64,
}

impl Default for CvarConfig {
    fn default() -> Self {
        Self { fraction: 0.1, after: 100 }
    }
}

impl CvarConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_fraction("fraction", self.fraction)
    }
}

/// Every episode under dynamics of its own, and the learner learns from the worst share of them: it maximises the
/// conditional value at risk of its return. Needs a learner whose batches are whole episodes.
#[derive(Clone, Debug)]
pub struct Cvar {
    uniform: Uniform,
    config: CvarConfig,
}

impl Cvar {
    /// Draws dynamics as `uniform` does.
    ///
    /// # Errors
    /// [`CvarConfig::validate`]'s.
    pub fn new(uniform: Uniform, config: CvarConfig) -> Result<Self, RobustError> {
        config.validate()?;
        Ok(Self { uniform, config })
    }
}

impl Adversary for Cvar {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        workers: &mut Workers,
    ) -> Result<Choice, RobustError> {
        self.uniform.choose(turn, actor, workers)
    }

    fn selection(&self) -> Selection {
        Selection { fraction: self.config.fraction, after: self.config.after }
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        self.uniform.save(state);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.uniform.restore(state)
    }

    fn source(&self) -> Option<Source> {
        self.uniform.source()
    }
}
