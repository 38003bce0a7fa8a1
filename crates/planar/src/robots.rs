//! The robots: the numbers of `models/*.xml`, which `build.rs` reads and writes out as constants.
// Some angles are fractions of π, in digits.
#![allow(clippy::approx_constant)]

use crate::model::*;
use Integrator::{Euler, RungeKutta4};

include!(concat!(env!("OUT_DIR"), "/robots.rs"));
