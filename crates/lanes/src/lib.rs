//! Batched rigid-body physics of any MuJoCo model that it covers, loaded at run time, with other physical parameters in
//! every SIMD lane.
#![deny(unsafe_code)]

mod algebra;
mod batch;
mod compiled;
mod contacts;
mod derived;
mod engine;
mod frame;
mod inertia;
mod kernel;
mod lane;
mod model;
mod parameters;
mod refusal;
mod system;
mod tree;

pub use batch::{Batch, Failure, InstructionSet};
pub use compiled::{
    Actuator, Body, CheckError, Compiled, Dof, FileError, Geom, Integrator, Joint, JointKind, Options, Pair,
    Shape, Softness,
};
pub use contacts::Contacts;
pub use derived::Derived;
pub use model::{Model, ModelError, Shape as ModelShape};
pub use parameters::{ParameterError, Parameters};
pub use refusal::Refusal;
