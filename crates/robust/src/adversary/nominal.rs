//! The adversary that does nothing.

use std::sync::Arc;

use wr2l_rl::{Actor, Executor, Fixed};

use super::{Adversary, Choice, Report, Turn};
use crate::RobustError;

/// Always the reference dynamics φ₀: plain reinforcement learning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nominal;

impl Adversary for Nominal {
    fn choose(
        &mut self,
        _: &Turn<'_>,
        _: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let source = Arc::new(Fixed::reference(executor.space()));
        Ok(Choice { source, report: Report::default(), simulator_steps: 0 })
    }
}
