//! Wasserstein robust reinforcement learning: the ball, zero-order gradients, adversaries.
//!
//! All of this crate works in the normalised coordinates `z = (φ − φ₀)/scale` of
//! [`DynamicsSpace`](wr2l_sim::DynamicsSpace), in which the reference dynamics are z = 0.
#![forbid(unsafe_code)]

pub mod adversary;
pub mod ball;
mod config;
mod error;
pub mod gradient;
pub mod hessian;
mod linalg;
pub mod line_search;
mod objective;
mod pairs;
mod perturbation;
pub mod phase_one;
mod simulated;
pub mod transport;
mod wasserstein_ball;

pub use adversary::Adversary;
pub use config::{AdversaryConfig, BallConfig, HessianMethod};
pub use error::RobustError;
pub use nalgebra::DMatrix;
pub use objective::{FnObjective, Objective};
pub use pairs::{Pairs, PairsConfig};
pub use simulated::{SimulatedReturn, SimulatedTransitions};
pub use wasserstein_ball::BallEstimate;
