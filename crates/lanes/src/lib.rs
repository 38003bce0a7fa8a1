//! Batched rigid-body physics in three dimensions, with other physical parameters in every SIMD lane.
//!
//! MuJoCo compiles a model; this crate loads what came out of it at run time, steps many systems of it at once, each with
//! its own masses, inertias, frictions, dampings, armatures, gains and gravity, and gives the accelerations and next states
//! of MuJoCo 3.17 to about 1e-12 (`tests/parity.rs`), several times as fast as `mj_step` (`examples/step_time.rs`). It
//! depends on nothing else here, and needs MuJoCo only to make new models.
//!
//! - [`Compiled`] is the input: what a compiled model says about motion, from MuJoCo (feature `mujoco`) or from a file.
//! - [`Model`] is a compiled model that this engine can move. What is beyond it is a [`Refusal`] with kind and name.
//! - [`Parameters`] are φ of one lane; [`Derived`] is what MuJoCo's compiler would make of them.
//! - [`Batch`] holds the lanes, and gives states, forces and what [`Sensor`]s measure.
//!
//! # What it moves
//!
//! Free, ball, hinge and slide joints, with armature, damping and dry friction, and but for balls limits and stiffness;
//! motors, position and velocity servos and others of fixed gain and affine bias, with ranges, on hinges, slides and fixed
//! tendons, at once or through integrators and filters; spheres and capsules against planes of the world, each other, boxes
//! and cylinders, and boxes, cylinders and ellipsoids against planes; every `condim`, in pyramids and elliptic cones;
//! `<pair>`, `<exclude>`, priority, margins and `impratio`; joints that follow others and points of bodies that stay together
//! (`joint` and `connect` of `<equality>`); the inertia box of a medium; Euler, Runge–Kutta 4 and implicitfast; forces from
//! outside.
//!
//! # How
//!
//! A soft contact with the world is a stiffness at a point of a body. Added to the body's inertia, it leaves Newton's linear
//! system as sparse as the tree of bodies, which the articulated-body recursion then solves: neither the mass matrix nor a
//! Jacobian is ever formed. Joint limits, dry friction and armature are diagonals of joints; contacts between two moving
//! bodies, cones among them, and what ties two joints or bodies together are added afterwards (`engine/between.rs`). The head
//! of `engine/mod.rs` has the way of an evaluation.
//!
//! Everything is written once over a lane type (`lane`: AVX-512, AVX2 or plain f64, chosen at run time), and gives the same
//! bits in every width and beside any neighbours.
//!
//! # Not as MuJoCo
//!
//! - MuJoCo's solvers stop early at their tolerances; ours is exact, and says so of every lane ([`Failure::Solver`]).
//! - Where MuJoCo resets a state that is not finite, a lane stops with a [`Failure`].
//! - Capsules whose axes cross have no direction in which to push each other. Both take the one that stands on both axes,
//!   where rounding decides between its two ends. A capsule that is level on a box to the last bit has one contact or two,
//!   by rounding as well.
#![deny(unsafe_code)]

mod algebra;
mod batch;
mod compiled;
mod constants;
mod contacts;
mod derived;
mod engine;
mod equality;
mod frame;
mod inertia;
mod instructions;
mod kernel;
mod lane;
mod model;
mod parameters;
mod program;
mod refusal;
mod sensor;
mod system;
mod tree;

pub use batch::Batch;
pub use compiled::{
    Activation, Actuator, Arm, Body, CheckError, Compiled, Cone, Dof, Dynamics, Equality, FileError, Geom,
    Integrator, Joint, JointKind, Options, Pair, Shape, Softness, Tie,
};
pub use constants::Derived;
pub use contacts::Contacts;
pub use instructions::{Failure, InstructionSet};
pub use model::{Model, ModelError, Sizes};
pub use parameters::{ParameterError, Parameters};
pub use refusal::Refusal;
pub use sensor::{Measure, Mount, Sensor, SensorError};
