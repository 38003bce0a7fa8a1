//! Work that another process does in step with this one.

use wr2l_sim::SimError;

use crate::State;

/// A number for a number, turn by turn.
pub trait Exchange {
    /// Gives the other side a number, and waits for the one that it gives in the same turn.
    ///
    /// # Errors
    /// [`SimError::Executor`] if there is nobody on the other side any more; [`SimError::Interrupted`] if it does not come
    /// and whoever waits was asked to stop.
    fn exchange(&mut self, number: f64) -> Result<f64, SimError>;
}

/// Work that another process is at ([`Executor::aside`](crate::Executor::aside)). Whoever drops it before it is finished gives
/// it up.
pub trait Aside: Exchange {
    /// What came out, when there is nothing to exchange any more.
    ///
    /// # Errors
    /// [`SimError::Executor`] if the other process is gone.
    fn finish(self: Box<Self>) -> Result<State<'static>, SimError>;
}
