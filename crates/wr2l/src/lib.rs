//! Control policies that survive dynamics they were not trained on: the library behind the command `wr2l`.
//!
//! Each module is one of the project's crates; `ARCHITECTURE.md` says what each is for. The way of the data: a
//! [`Plan`](run::Plan) names a task and what may vary; its [`Simulator`](sim::Simulator) runs on the threads of
//! [`Threads`](rl::Threads); a [`Ball`](robust::ball::Ball) bounds the dynamics that an
//! [`Adversary`](robust::Adversary) may choose, and a [`Learner`](rl::Learner) improves an [`Actor`](rl::Actor)
//! against them; [`eval`] sweeps the result, [`report`] draws it. [`run::train`] is all of it in one call.
//!
//! ```
//! use wr2l::rl::{Executor, Threads};
//! use wr2l::run::{Layer, Plan, make_ball};
//!
//! // Which pole lengths are as far from the reference as ε allows?
//! let plan = Plan::resolve(&[
//!     Layer::argument("", "task", "cartpole"),
//!     Layer::set("vary=[\"pole_half_length\"]")?,
//!     Layer::set("ball.epsilon=1e-4")?,
//! ])?;
//! let mut executor = Threads::new(&plan.simulator()?, 1)?;
//! let (_, ball) = make_ball(&plan, &mut executor)?;
//! // Were longer poles to lower the return, this one would be the worst in the ball (Eq. 10).
//! let z = ball.minimiser(&[-1.0])?.expect("the gradient is not zero");
//! let phi = executor.space().physical(&z);
//! assert!(phi[0] > 0.5 && ball.contains(&z));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

// The command line names the facade as everybody else does.
#[cfg(feature = "cli")]
extern crate self as wr2l;

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod commands;
#[cfg(feature = "cli")]
mod entry;
#[cfg(feature = "cli")]
mod interrupt;
#[cfg(feature = "cli")]
mod output;
#[cfg(feature = "cli")]
mod program;
#[cfg(feature = "cli")]
mod ranks;

#[cfg(feature = "cli")]
pub use commands::sweep::{EntryDone, EntryEnding, Locally, run_entries};
#[cfg(feature = "cli")]
pub use entry::main_from;
#[cfg(feature = "cli")]
pub use program::{program, started_by};
pub use wr2l_eval as eval;
pub use wr2l_finite as finite;
pub use wr2l_nn as nn;
pub use wr2l_pixels as pixels;
pub use wr2l_report as report;
pub use wr2l_rl as rl;
pub use wr2l_rng as rng;
pub use wr2l_robot as robot;
pub use wr2l_robust as robust;
pub use wr2l_run as run;
pub use wr2l_sim as sim;
