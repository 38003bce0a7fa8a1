//! Robots of one's own: any model that MuJoCo compiles, as a task written in one file.
//!
//! An [`Inventory`] lists what a model consists of, by name: what selectors address and expressions read. The numbers that an
//! expression reads of a state are [`Input`]s, which an engine fills in for every lane.
#![forbid(unsafe_code)]

mod input;
mod inventory;

pub use input::Input;
pub use inventory::{Actuator, Body, Geom, Inventory, Joint, JointKind, Keyframe, Sensor, Site};
