//! What moves: dynamics spaces, tasks, and the batch simulators behind them.
//!
//! A [`DynamicsSpace`] names the physical parameters φ that may vary. A [`Task`] says what is observed, rewarded
//! and terminal, and where episodes start. A [`Simulator`] puts a task on a physics and makes batches from it; a
//! batch simulator ([`BatchSim`]) steps many lanes, each with its own φ.
//!
//! The robots move by planar physics of our own that gives MuJoCo's numbers for many lanes at once. The cargo feature
//! `mujoco` links MuJoCo 3.17.0 itself, one lane at a time, to confirm.
#![deny(unsafe_code)]

mod any_task;
mod batch;
mod classic;
mod drifting;
mod dynamics;
mod linear;
mod model;
#[cfg(feature = "mujoco")]
mod mujoco;
mod noisy;
mod physics;
mod planar;
mod simulator;
mod solid;
mod task;

pub use any_task::AnyTask;
pub use batch::{ActionSpace, BatchSim, Divergence, Outcome, SimError, SimSpec};
pub use drifting::Drift;
pub use dynamics::{DynamicsSpace, Parameter, SpaceError, nearest_name};
pub use linear::{LinearEffect, LinearSystem};
#[cfg(feature = "mujoco")]
pub use mujoco::prepare as prepare_mujoco;
pub use physics::Physics;
pub use planar::bodies;
pub use simulator::{Engine, Simulator};
pub use solid::{Solid, SolidKind, SolidShape};
pub use task::{
    Cost, Drawing, Healthy, Kind, Noise, Observation, ParameterTable, Pole, Range, Reset, Reward,
    RobotConfig, SweepRange, Task, TaskName, Usual, Verdict,
};
pub use wr2l_planar::BodyShape;
