//! Wasserstein robust reinforcement learning: the ball, zero-order gradients, adversaries.
//!
//! All of this crate works in the normalised coordinates `z = (φ − φ₀)/scale` of
//! [`DynamicsSpace`](wr2l_sim::DynamicsSpace), in which the reference dynamics are z = 0.
//!
//! The mathematics knows no simulator: [`transport`] distances, the Hessian of their mean over transitions
//! ([`hessian`], over a [`TransitionModel`](hessian::TransitionModel)), the [`ball`] that it spans within the
//! parameters' hard bounds ([`matrix_free`] for thousands of them), and the search for the worst point of that ball ([`phase_one`], with [`gradient`] and
//! [`line_search`], over an [`Objective`]). On top of it, [`BallEstimate`] and the [`adversary`] module put it to
//! work on simulators:
//!
//! ```
//! use wr2l_rl::{Learner, Ppo, PpoConfig, Executor, Threads};
//! use wr2l_robust::adversary::{Turn, Wasserstein};
//! use wr2l_robust::{Adversary, AdversaryConfig, BallConfig, BallEstimate, PairsConfig};
//! use wr2l_sim::{Simulator, Task, TaskName};
//!
//! let task = Task::new(TaskName::CARTPOLE);
//! let vary = task.space().select(&["pole_half_length"])?;
//! let simulator = Simulator::new(task, None, vary)?;
//! let mut executor = Threads::new(&simulator, 1)?;
//!
//! let pairs = PairsConfig { count: 100, pool: 400, ..PairsConfig::default() };
//! let config = BallConfig { half_width: Some(0.3), pairs, ..BallConfig::default() };
//! let estimate = BallEstimate::new(&mut executor, &config, 42)?;
//! let ball = estimate.ball(simulator.space(), &config)?;
//!
//! let learner = Ppo::new(PpoConfig::default(), simulator.spec(), simulator.space().dim(), 42)?;
//! let mut adversary = Wasserstein::new(estimate, ball, AdversaryConfig::default())?;
//! let turn = Turn { seed: 42, index: 0, progress: 0.0, current: &[0.0] };
//! let choice = adversary.choose(&turn, learner.actor(), &mut executor)?;
//! let z = choice.source.point().expect("this adversary chooses a single point");
//! assert!(z[0].abs() <= 0.3 + 1e-9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod adversary;
pub mod attack;
pub mod ball;
mod config;
mod error;
mod estimate;
pub mod gradient;
pub mod hessian;
mod linalg;
pub mod line_search;
pub mod matrix_free;
mod objective;
mod pairs;
mod perturbation;
pub mod phase_one;
mod reach;
mod sampled;
mod simulated;
pub mod transport;

pub use adversary::Adversary;
pub use ball::BallMeasure;
pub use config::{AdversaryConfig, BallConfig, BallSeed, HessianMethod};
pub use error::RobustError;
pub use estimate::BallEstimate;
pub use nalgebra::DMatrix;
pub use objective::{FnObjective, Look, Objective};
pub use pairs::{Pairs, PairsConfig};
pub use reach::Fitted;
pub use simulated::{SimulatedReturn, SimulatedTransitions};
