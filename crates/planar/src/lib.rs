//! Batched planar rigid-body physics: MuJoCo's numbers, with other physical parameters in every SIMD lane.
//!
//! Hopper, Walker2d, HalfCheetah and InvertedPendulum move in one plane. This crate steps many of them at once, each
//! with its own densities, armatures, dampings, stiffnesses, friction and pole length, and gives the accelerations
//! and next states of MuJoCo 3.17 to about 1e-12 (`tests/parity.rs`), at a thirtieth to a hundredth of the time of
//! `mj_step` (`examples/step_time.rs`). It depends on nothing else here.
//!
//! The way of one evaluation, and the file that holds each step:
//!
//! 1. `dynamics`: joint angles become absolute angles; poses, velocities, forces without constraints.
//! 2. `mass`: the mass matrix in absolute angles, factorised from the leaves to the root.
//! 3. `detect`: which joints are beyond their limits, which capsules touch the ground or each other; `rows`: their soft
//!    constraints, as MuJoCo computes them.
//! 4. `solver`: the constrained accelerations, by Newton's method with a proof of convergence.
//! 5. `integrate`: Runge–Kutta 4 or Euler with implicit damping.
//!
//! Everything is written once over a lane type (`lane`: AVX-512, AVX2 or plain f64, chosen at run time) and over a
//! robot whose numbers are constants (`model`, `robots`), so that the compiler writes out every loop over bodies
//! (`unroll`) and drops what the topology rules out.
//!
//! # Not as MuJoCo
//!
//! - MuJoCo's solver stops early at its default tolerance of 1e-8; ours is exact. In rare states they differ by 1e-6.
//! - Capsules of Hopper whose axes *cross* have no direction in which to push each other. MuJoCo pushes along y, where
//!   nothing moves, and so do we; but some metres away from the origin rounding lets about one in a hundred of such
//!   states of MuJoCo push at random. No motion was seen to lead there (`docs/physics.md`).
//! - Where MuJoCo resets a state that is not finite, a lane stops with a [`Failure`].
#![deny(unsafe_code)]

mod batch;
mod detect;
mod dynamics;
mod instructions;
mod integrate;
mod kernel;
mod lane;
mod mass;
mod mjcf;
mod model;
mod parts;
mod pose;
mod recognise;
mod robot;
mod robots;
mod rows;
mod solver;
mod system;
mod unroll;
mod vector;

pub use batch::Batch;
pub use instructions::{Failure, InstructionSet, Precision};
pub use mjcf::MjcfError;
pub use model::Names;
pub use robot::{BodyShape, Robot, Shape};
pub use system::{Derived, ParameterError, Parameters};
