//! The Python package's native half: environments, judging, training and the command line. `python/wr2l` has the other,
//! which is what one imports.
//!
//! The interpreter's lock is released wherever something is simulated. What Python hands in is checked here or in the other
//! half: no input aborts the process.
#![forbid(unsafe_code)]

mod c_header;
mod callable;
mod error;
mod figures;
mod judge;
mod lanes;
mod layers;
mod network;
mod onnx;
mod own;
mod own_batch;
mod plan;
mod policy;
mod program;
mod raised;
mod session;
mod sweep;
mod table;
mod task;
mod vector;
mod waiting;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command line `arguments`, the first of which is the program's name, and returns its exit code.
#[pyfunction]
fn command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    // Only commands that start others need it, and they say what they miss.
    let _ = program::say(py);
    py.detach(|| wr2l::main_from(arguments))
}

// Other interpreters are refused before this is loaded (`wr2l/__init__.py`).
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use super::{
        command,
        figures::{figure, report},
        judge::{evaluate, worst_case},
        network::{network_c, network_onnx},
        own::OwnSimulator,
        policy::Policy,
        session::{Session, resume_into, train_into},
        sweep::{Sweep, read_tables},
        table::Table,
        task::{parameters_of, physics_of, tasks},
        vector::VectorSim,
    };
}
