//! Wasserstein robust reinforcement learning: the ball, zero-order gradients, adversaries.
//!
//! All of this crate works in the normalised coordinates `z = (φ − φ₀)/scale` of
//! [`DynamicsSpace`](wr2l_sim::DynamicsSpace), in which the reference dynamics are z = 0.
#![forbid(unsafe_code)]

pub mod ball;
mod error;
pub mod gradient;
pub mod hessian;
mod linalg;
pub mod line_search;
mod objective;
mod perturbation;
pub mod phase_one;
pub mod transport;

pub use error::RobustError;
pub use nalgebra::DMatrix;
pub use objective::{FnObjective, Objective};
