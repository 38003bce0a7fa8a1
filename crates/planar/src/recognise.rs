//! Which robot a model describes.

use crate::mjcf::{Description, MjcfError, read};
use crate::model::Model;
use crate::robot::Robot;

impl Robot {
    /// The robot that a model in MJCF describes, to the last number: one of `models/*.xml`, or a file that differs in
    /// names, layout and colours only.
    ///
    /// # Errors
    /// [`MjcfError`] names what in the model the planar physics cannot move, or how it differs from the robots.
    pub fn from_mjcf(text: &str) -> Result<Self, MjcfError> {
        recognise(text)
    }
}

/// The robot that a model in MJCF describes, to the last number.
fn recognise(text: &str) -> Result<Robot, MjcfError> {
    let description = read(text)?;
    // Names the robots of the same build; others differ in everything.
    let mut difference = None;
    for robot in Robot::ALL {
        let model = robot.model();
        if !similar(&model, &description) {
            continue;
        }
        match first_difference(&model, &description) {
            None => return Ok(robot),
            Some(what) => difference = Some(format!("{what} differs from {robot:?}'s")),
        }
    }
    Err(MjcfError::Unknown {
        robots: Robot::ALL.map(|robot| format!("{robot:?}")).join(", "),
        difference: difference.unwrap_or_else(|| "its bodies, joints or capsules are others".into()),
    })
}

/// Whether the same bodies carry the same joints and capsules.
fn similar(model: &Model, other: &Description) -> bool {
    model.bodies.iter().map(|b| b.parent).eq(other.bodies.iter().map(|b| b.parent))
        && model.joints.iter().map(|j| j.coordinate).eq(other.joints.iter().map(|j| j.coordinate))
        && model.capsules.iter().map(|c| c.body).eq(other.capsules.iter().map(|c| c.body))
        && model.coordinates == other.coordinates
}

/// The first part with another number.
fn first_difference(model: &Model, other: &Description) -> Option<String> {
    let named = |kind: &str, index: usize, names: &[String]| match names[index].as_str() {
        "" => format!("{kind} {index}"),
        name => format!("`{name}` ({kind} {index})"),
    };
    if let Some(b) = (0..model.bodies.len()).find(|&b| model.bodies[b] != other.bodies[b]) {
        return Some(format!("the place of {}", named("body", b, &other.names.bodies)));
    }
    if let Some(j) = (0..model.joints.len()).find(|&j| model.joints[j] != other.joints[j]) {
        return Some(named("joint", j, &other.names.joints));
    }
    if let Some(c) = (0..model.capsules.len()).find(|&c| model.capsules[c] != other.capsules[c]) {
        return Some(named("capsule", c, &other.names.capsules));
    }
    let rest = [
        ("the height of the root", model.height == other.height),
        ("`density`", model.density == other.density),
        ("`timestep`", model.timestep == other.timestep),
        ("`integrator`", model.integrator == other.integrator),
        ("`gravity`", model.gravity == other.gravity),
        ("`ctrlrange`", model.control_limit == other.control_limit),
        ("the softness of joint limits", model.limit == other.limit),
        ("the softness of contacts", model.contact == other.contact),
        ("`margin`", model.margin == other.margin),
        ("what may touch the ground", model.ground == other.ground),
        ("which capsules may touch each other", model.pairs == other.pairs),
    ];
    rest.into_iter().find(|(_, same)| !same).map(|(what, _)| what.to_owned())
}
