//! What moves: dynamics spaces, tasks, and the batch simulators behind them.
//!
//! A [`DynamicsSpace`] names the physical parameters φ that may vary. A batch simulator ([`BatchSim`]) steps
//! many lanes, each with its own φ.
#![deny(unsafe_code)]

mod batch;
mod dynamics;

pub use batch::{ActionSpace, BatchSim, Divergence, Outcome, SimError, SimSpec};
pub use dynamics::{DynamicsSpace, Parameter, SpaceError, nearest_name};
