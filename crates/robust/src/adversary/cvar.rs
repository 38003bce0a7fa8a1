//! EPOpt (Rajeswaran et al. 2017): domain randomisation, of which the learner sees the worst.

use serde::{Deserialize, Serialize};
use wr2l_rl::{Actor, Begin, Executor, Selection, State, StateError};

use super::{Adversary, Choice, Source, Turn, Uniform};
use crate::RobustError;
use crate::error::{check_fraction, check_share};

/// Options of [`Cvar`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CvarConfig {
    /// Share ε of a batch's episodes, those of lowest return, that the learner learns from, in (0, 1]; with 1 it is
    /// `uniform`. Usual: 0.1–0.3.
    pub fraction: f64,
    /// Share of the step budget during which the learner learns from all episodes, in [0, 1), so that it has something to
    /// select among. Usual: 0.1–0.5.
    pub begin: f64,
    /// Instead of `begin`: iterations of the learner during which it learns from all episodes, as the authors count, to whom
    /// 100 were two thirds of a run or less. A run whose budget ends before never selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

impl Default for CvarConfig {
    fn default() -> Self {
        Self { fraction: 0.1, begin: 0.25, after: None }
    }
}

impl CvarConfig {
    /// Checks every option.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for the first that makes no sense.
    pub fn validate(&self) -> Result<(), RobustError> {
        check_fraction("fraction", self.fraction)?;
        check_share("begin", self.begin)
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
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        self.uniform.choose(turn, actor, executor)
    }

    fn selection(&self) -> Selection {
        let CvarConfig { fraction, begin, after } = self.config;
        Selection { fraction, begin: after.map_or(Begin::Share(begin), Begin::Iteration) }
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
