//! Learned dynamics (sections 3.1 and 5 of the paper, where they fail): a network fitted to transitions of a simulator, as a
//! simulator whose dynamics parameters φ are its weights.
//!
//! [`fit`] makes a [`LearnedModel`] of [`Transitions`]; [`LearnedModel::simulator`] is what learners and adversaries take;
//! [`WeightAdversary`] is WR²L's over all weights, in the matrix-free ball; and [`violation`] says how far a model is from
//! the one thing that every mechanical system keeps to: positions move by their velocities.
//!
//! ```
//! use wr2l_learned::{FitConfig, Transitions, fit};
//! use wr2l_robust::{Pairs, PairsConfig};
//! use wr2l_rl::Threads;
//! use wr2l_sim::{Simulator, Task, TaskName};
//!
//! let task = Task::new(TaskName::CARTPOLE);
//! let simulator = Simulator::new(task.clone(), None, task.space().select(&["pole_mass"])?)?;
//! let mut executor = Threads::new(&simulator, 1)?;
//! let config = PairsConfig { count: 100, pool: 400, ..PairsConfig::default() };
//! let pairs = Pairs::collect(&mut executor, None, &config, 1)?;
//! let data = Transitions::simulate(&mut executor, &pairs)?;
//! let config = FitConfig { hidden: vec![8], epochs: 20, polish: 2, ..FitConfig::default() };
//! let (model, _) = fit(&task, &data, &config, 1)?;
//! assert_eq!(model.simulator("learned")?.space().dim(), 5 * 8 + 8 + 8 * 4 + 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod adversary;
mod data;
mod engine;
mod error;
mod fit;
mod jacobian;
mod model;
mod network;
mod violation;

pub use adversary::{Measured, WeightAdversary, measured};
pub use data::Transitions;
pub use error::LearnedError;
pub use fit::{FitConfig, FitReport, fit};
pub use jacobian::WeightJacobian;
pub use model::LearnedModel;
pub use network::Network;
pub use violation::{Integrator, Violation, violation};
