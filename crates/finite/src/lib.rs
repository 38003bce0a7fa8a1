//! Finite Markov decision processes: discrete states and actions, where the exact answer can be computed.
//!
//! A [`FiniteMdp`] is the reference; a [`Family`] says how its transition probabilities depend on the dynamics
//! parameters φ, and is the [`Engine`](wr2l_sim::Engine) that everything else trains on. [`robust_values`] is robust value
//! iteration over any [`RowSet`]: the exact worst case that a search by simulation is measured against.
//!
//! ```
//! use wr2l_finite::{Interval, Machine, Nominal, robust_values};
//!
//! let family = Machine::default().family()?;
//! let mdp = family.mdp();
//! let nominal = robust_values(mdp, &Nominal, 1e-9)?;
//! let robust = robust_values(mdp, &Interval::new(0.05)?, 1e-9)?;
//! assert!(mdp.from_start(&robust.values) < mdp.from_start(&nominal.values));
//! # Ok::<(), wr2l_finite::FiniteError>(())
//! ```
#![forbid(unsafe_code)]

mod bridge;
mod drifting;
mod engine;
mod error;
mod family;
mod grid_world;
mod machine;
mod mdp;
mod policy;
mod random;
mod rats;
mod robust;
mod sets;
mod simulated_rats;
mod table;

pub use bridge::Bridge;
pub use drifting::{DriftingMdp, Returns};
pub use error::FiniteError;
pub use family::{Effect, Family};
pub use grid_world::GridWorld;
pub use machine::Machine;
pub use mdp::{FiniteMdp, Parts};
pub use policy::TabularPolicy;
pub use random::RandomMdp;
pub use rats::{Leaf, Rats, Search};
pub use robust::{RobustSolution, exact_values, robust_policy_values, robust_values};
pub use sets::{Interval, KullbackLeibler, Nominal, RowSet, TotalVariation, Wasserstein};
pub use simulated_rats::SimulatedRats;
pub use table::read_table;
