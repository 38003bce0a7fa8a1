//! What the names in an expression stand for.

use std::collections::BTreeMap;

use crate::inventory::Inventory;

/// The model and the task that expressions are about.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// What the model consists of.
    pub inventory: &'a Inventory,
    /// The actuators that the action drives, in its order: indices of the inventory's list.
    pub actuators: &'a [usize],
    /// Seconds per step of the task.
    pub step_seconds: f64,
    /// The pose where episodes begin without noise: as many numbers as the model has positions.
    pub home: &'a [f64],
    /// The controls of that pose, one an actuator.
    pub home_controls: &'a [f64],
    /// Constants of the task's own.
    pub constants: &'a BTreeMap<String, Vec<f64>>,
}
