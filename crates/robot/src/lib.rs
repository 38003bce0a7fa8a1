//! Robots of one's own: any model that MuJoCo compiles, as a task written in one file.
//!
//! An [`Inventory`] lists what a model consists of, by name: what selectors address and expressions read. The numbers that an
//! expression reads of a state are [`Input`]s, which an engine fills in for every lane.
#![forbid(unsafe_code)]

mod element;
mod input;
mod inventory;
mod selector;

pub use element::{Element, ElementKind};
pub use input::Input;
pub use inventory::{Actuator, Body, Geom, Inventory, Joint, JointKind, Keyframe, Pair, Sensor, Site};
pub use selector::{SelectError, Selector};
