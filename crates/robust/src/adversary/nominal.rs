//! The adversary that does nothing.

use wr2l_rl::{Actor, Fixed, Workers};

use super::{Adversary, Choice, Report, Source, Turn};
use crate::RobustError;

/// Always the reference dynamics φ₀: plain reinforcement learning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nominal;

impl Adversary for Nominal {
    fn choose(&mut self, _: &Turn<'_>, _: &Actor, workers: &mut Workers) -> Result<Choice, RobustError> {
        let source = Source::Fixed(Fixed::reference(workers.space()));
        Ok(Choice { source, report: Report::default(), simulator_steps: 0 })
    }
}
