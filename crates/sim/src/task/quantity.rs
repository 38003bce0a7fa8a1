//! What a dynamics parameter means in a model, from which its name, unit and description follow.

use crate::Parameter;

/// The physical quantity behind a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Density of all geoms of a body: its mass and inertia are proportional to it.
    Density(&'static str),
    /// Rotor inertia of a joint's motor, reflected to the joint.
    Armature(&'static str),
    /// The same armature in all motor-driven joints.
    SharedArmature,
    /// Viscous damping of a joint.
    Damping(&'static str),
    /// Spring stiffness of a joint.
    Stiffness(&'static str),
    /// Sliding friction coefficient of every contact.
    Friction,
    /// Length of the inverted pendulum's pole.
    PoleLength,
    /// Half the length of the cart-pole's pole.
    PoleHalfLength,
    /// Mass of the cart-pole's pole.
    PoleMass,
    /// Mass of the cart-pole's cart.
    CartMass,
    /// Force of a push on the cart-pole's cart.
    Force,
    /// Gravity in the cart-pole.
    Gravity,
}

impl Quantity {
    fn name(self) -> String {
        match self {
            Self::Density(body) => format!("{body}_density"),
            Self::Armature(joint) => format!("{joint}_armature"),
            Self::SharedArmature => "armature".into(),
            Self::Damping(joint) => format!("{joint}_damping"),
            Self::Stiffness(joint) => format!("{joint}_stiffness"),
            Self::Friction => "friction".into(),
            Self::PoleLength => "pole_length".into(),
            Self::PoleHalfLength => "pole_half_length".into(),
            Self::PoleMass => "pole_mass".into(),
            Self::CartMass => "cart_mass".into(),
            Self::Force => "force".into(),
            Self::Gravity => "gravity".into(),
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Density(_) => "kg/m³",
            Self::Armature(_) | Self::SharedArmature => "kg·m²",
            // The only sliding joint with a parameter is the pendulum's cart.
            Self::Damping("slider") => "N·s/m",
            Self::Damping(_) => "N·m·s/rad",
            Self::Stiffness(_) => "N·m/rad",
            Self::Friction => "1",
            Self::PoleLength | Self::PoleHalfLength => "m",
            Self::PoleMass | Self::CartMass => "kg",
            Self::Force => "N",
            Self::Gravity => "m/s²",
        }
    }

    fn description(self) -> String {
        match self {
            Self::Density(body) => {
                format!("Density of body `{body}`; its mass and its inertia are proportional to it.")
            }
            Self::Armature(joint) => format!("Rotor inertia of the motor at joint `{joint}`."),
            Self::SharedArmature => "Rotor inertia of every motor, the same for all.".into(),
            Self::Damping(joint) => format!("Viscous damping of joint `{joint}`."),
            Self::Stiffness(joint) => format!("Spring stiffness of joint `{joint}`."),
            Self::Friction => "Sliding friction coefficient of every contact between robot and floor.".into(),
            Self::PoleLength => "Length of the pole; its mass and its inertia follow.".into(),
            Self::PoleHalfLength => "Half the length of the pole.".into(),
            Self::PoleMass => "Mass of the pole.".into(),
            Self::CartMass => "Mass of the cart.".into(),
            Self::Force => "Force of a push on the cart.".into(),
            Self::Gravity => "Gravitational acceleration.".into(),
        }
    }
}

/// One row of a task's parameter table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) quantity: Quantity,
    /// Reference value; never 0, because it is also the scale.
    pub(crate) nominal: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

impl Row {
    /// A parameter that may range from `low` times to `high` times its nominal value.
    pub(crate) fn relative(quantity: Quantity, nominal: f64, [low, high]: [f64; 2]) -> Self {
        Self { quantity, nominal, lower: low * nominal, upper: high * nominal }
    }

    pub(crate) fn parameter(&self) -> Parameter {
        Parameter {
            name: self.quantity.name(),
            unit: self.quantity.unit().into(),
            description: self.quantity.description(),
            nominal: self.nominal,
            lower: self.lower,
            upper: self.upper,
            scale: self.nominal.abs(),
        }
    }
}
