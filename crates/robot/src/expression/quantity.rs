//! The named quantities that take selectors.

use crate::element::ElementKind;

/// What a quantity means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Positions,
    Velocities,
    Home,
    HomeControl,
    Action,
    LastAction,
    Place,
    Velocity,
    LocalVelocity,
    Progress,
    Spin,
    /// Column of the rotation matrix.
    Axis(usize),
    Gravity,
    Tilt,
    Heading,
    Height,
    Centre,
    CentreProgress,
    ConstraintForce,
    ContactForce,
    ActuatorForce,
    JointForce,
    JointConstraintForce,
    TreeInertia,
    TreeVelocity,
    Sensor,
}

/// A quantity: its name, what it is of, and what it means.
#[derive(Debug)]
pub(super) struct Quantity {
    pub(super) name: &'static str,
    pub(super) of: &'static [ElementKind],
    pub(super) meaning: Meaning,
}

const BODY: &[ElementKind] = &[ElementKind::Body];
const JOINT: &[ElementKind] = &[ElementKind::Joint];
const ACTUATOR: &[ElementKind] = &[ElementKind::Actuator];

const fn quantity(name: &'static str, of: &'static [ElementKind], meaning: Meaning) -> Quantity {
    Quantity { name, of, meaning }
}

/// The numbers of a sensor, which have a short form.
pub(super) static SENSOR: Quantity = quantity("sensor", &[ElementKind::Sensor], Meaning::Sensor);

/// All of them, by name.
pub(super) static QUANTITIES: [Quantity; 28] = [
    quantity("action", ACTUATOR, Meaning::Action),
    quantity("actuator_force", ACTUATOR, Meaning::ActuatorForce),
    quantity("cinert", BODY, Meaning::TreeInertia),
    quantity("com", BODY, Meaning::Centre),
    quantity("com_progress", BODY, Meaning::CentreProgress),
    quantity("constraint_force", BODY, Meaning::ConstraintForce),
    quantity("contact_force", &[ElementKind::Geom], Meaning::ContactForce),
    quantity("cvel", BODY, Meaning::TreeVelocity),
    quantity("forward", BODY, Meaning::Axis(0)),
    quantity("gravity_in", BODY, Meaning::Gravity),
    quantity("heading", BODY, Meaning::Heading),
    quantity("height", &[ElementKind::Body, ElementKind::Site], Meaning::Height),
    quantity("home", JOINT, Meaning::Home),
    quantity("home_ctrl", ACTUATOR, Meaning::HomeControl),
    quantity("joint_constraint_force", JOINT, Meaning::JointConstraintForce),
    quantity("joint_force", JOINT, Meaning::JointForce),
    quantity("last_action", ACTUATOR, Meaning::LastAction),
    quantity("left", BODY, Meaning::Axis(1)),
    quantity("local_velocity", BODY, Meaning::LocalVelocity),
    quantity("position", &[ElementKind::Body, ElementKind::Site], Meaning::Place),
    quantity("progress", &[ElementKind::Body, ElementKind::Joint], Meaning::Progress),
    quantity("qpos", JOINT, Meaning::Positions),
    quantity("qvel", JOINT, Meaning::Velocities),
    quantity("sensor", &[ElementKind::Sensor], Meaning::Sensor),
    quantity("spin", BODY, Meaning::Spin),
    quantity("tilt", BODY, Meaning::Tilt),
    quantity("up", BODY, Meaning::Axis(2)),
    quantity("velocity", BODY, Meaning::Velocity),
];
