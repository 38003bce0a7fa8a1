//! What a robot consists of, with the selector of each element and its nominal values: for people who write a task.

use std::fmt::Write as _;

use crate::element::{Element, ElementKind};
use crate::inventory::{Inventory, JointKind};
use crate::model::RobotModel;
use crate::quantity::Quantity;

/// A nominal value that may vary.
#[derive(Clone, Debug, PartialEq)]
pub struct Nominal {
    /// The quantity.
    pub quantity: Quantity,
    /// Its value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
}

/// An element that can be addressed.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// The element.
    pub element: Element,
    /// The selector that means it alone.
    pub selector: String,
    /// What it is.
    pub what: String,
    /// What of it may vary.
    pub nominal: Vec<Nominal>,
}

/// Lists every element of a model, by kind, in the model's order.
pub fn inspect(inventory: &Inventory) -> Vec<Listed> {
    let of = |kind: ElementKind| (0..kind.count(inventory)).map(move |i| kind.element(i));
    ElementKind::ALL.into_iter().flat_map(of).map(|element| listed(inventory, element)).collect()
}

fn listed(inventory: &Inventory, element: Element) -> Listed {
    let has = |quantity: &Quantity| quantity.kinds().contains(&element.kind());
    let nominal = Quantity::all()
        .filter(has)
        .filter_map(|quantity| {
            let value = quantity.nominal(inventory, element).ok()?;
            Some(Nominal { quantity, value, unit: quantity.unit(inventory, element) })
        })
        .collect();
    Listed { element, selector: element.selector(inventory), what: what(inventory, element), nominal }
}

fn what(inventory: &Inventory, element: Element) -> String {
    let label = |element: Element| element.label(inventory);
    match element {
        Element::Body(0) => "the world".to_owned(),
        Element::Body(b) => format!("on {}", label(Element::Body(inventory.bodies[b].parent))),
        Element::Joint(j) => {
            let joint = &inventory.joints[j];
            let (kind, unit) = match joint.kind {
                JointKind::Free => ("free", ""),
                JointKind::Ball => ("ball", "rad"),
                JointKind::Slide => ("slide", "m"),
                JointKind::Hinge => ("hinge", "rad"),
            };
            let range =
                joint.range.map_or_else(String::new, |[low, high]| format!(", from {low} to {high} {unit}"));
            format!("{kind} of {}{range}", label(Element::Body(joint.body)))
        }
        Element::Geom(g) => {
            let geom = &inventory.geoms[g];
            let looks = if geom.collides { "" } else { ", touches nothing" };
            format!("{} of {}{looks}", geom.shape, label(Element::Body(geom.body)))
        }
        Element::Site(s) => format!("on {}", label(Element::Body(inventory.sites[s].body))),
        Element::Sensor(s) => {
            format!("{}, {} numbers", inventory.sensors[s].kind, inventory.sensors[s].dimension)
        }
        Element::Pair(p) => {
            let [a, b] = inventory.pairs[p].geoms.map(|geom| label(Element::Geom(geom)));
            format!("{a} and {b}")
        }
        Element::Actuator(a) => {
            let actuator = &inventory.actuators[a];
            let joint =
                actuator.joint.map_or_else(|| "no joint".to_owned(), |joint| label(Element::Joint(joint)));
            let range = actuator.control_range.map_or_else(
                || ", control without limits".to_owned(),
                |[low, high]| format!(", control from {low} to {high}"),
            );
            format!("on {joint}{range}")
        }
        Element::Tendon(_) | Element::Equality(_) | Element::Observe(_) => String::new(),
        Element::Option => "the model as a whole".to_owned(),
    }
}

/// The text of `wr2l inspect`: what the model is, and a line for every element with the selector to paste.
pub fn describe(model: &RobotModel) -> String {
    let inventory = model.inventory();
    let mut text = format!("{}, {}\n", model.name(), model.hash());
    let sizes = [
        (inventory.reference.len(), "positions"),
        (inventory.velocities, "velocities"),
        (inventory.actuators.len(), "actuators"),
    ];
    let sizes: Vec<String> = sizes.iter().map(|(count, what)| format!("{count} {what}")).collect();
    // A string takes everything.
    let _ = writeln!(text, "{}; a step of its physics is {} s", sizes.join(", "), inventory.timestep);
    let _ = match (model.check(), model.lanes()) {
        (Err(error), _) => writeln!(text, "no task can run on it: {error}"),
        (Ok(()), Ok(_)) => writeln!(text, "the batched engine can move it"),
        (Ok(()), Err(reason)) => writeln!(text, "the batched engine cannot move it: {reason}"),
    };
    let mut kind = None;
    let all = inspect(inventory);
    let width = all.iter().map(|listed| listed.selector.chars().count()).max().unwrap_or(0);
    for listed in &all {
        if kind.replace(listed.element.kind()) != Some(listed.element.kind()) {
            let _ = writeln!(text, "\n{}", listed.element.kind().plural());
        }
        let values: Vec<String> = listed
            .nominal
            .iter()
            .filter(|nominal| nominal.value != 0.0)
            .map(|nominal| {
                let unit = if nominal.unit == "1" { String::new() } else { format!(" {}", nominal.unit) };
                format!("{} {}{unit}", nominal.quantity, nominal.value)
            })
            .collect();
        let line = format!("  {:width$}  {}; {}", listed.selector, listed.what, values.join(", "));
        let _ = writeln!(text, "{}", line.trim_end_matches([' ', ';']));
    }
    if !inventory.keyframes.is_empty() {
        let names: Vec<&str> = inventory.keyframes.iter().map(|key| key.name.as_str()).collect();
        let _ = writeln!(text, "\nkeyframes\n  {}", crate::selector::list(&names));
    }
    text
}
