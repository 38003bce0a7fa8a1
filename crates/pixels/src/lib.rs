//! Simulators that are seen through a camera: what moves is drawn, and the images are the observation.
//!
//! [`seen`] wraps any simulator; a [`Picture`] is one small drawing function, [`CART_POLE`] for example. Dynamics, states,
//! rewards and ends stay the simulator's own, so that adversaries play on it as before. A policy over the images is a
//! network with convolutions, [`Ppo::over_images`](https://docs.rs/wr2l-rl).
//!
//! ```
//! use wr2l_pixels::{CART_POLE, SIDE, seen};
//! use wr2l_sim::{Simulator, Task, TaskName};
//!
//! let task = Task::new(TaskName::CARTPOLE);
//! let space = task.space().select(&["pole_half_length"])?;
//! let simulator = seen(&Simulator::new(task, None, space)?, CART_POLE, 2)?;
//! assert_eq!(simulator.spec().obs_dim, SIDE * SIDE * 2);
//! # Ok::<(), wr2l_sim::SimError>(())
//! ```
#![forbid(unsafe_code)]

mod batch;
mod canvas;
mod picture;

pub use batch::{MOST_FRAMES, seen};
pub use canvas::{Canvas, SIDE};
pub use picture::{CART_POLE, Picture, TORQUE_PENDULUM};
