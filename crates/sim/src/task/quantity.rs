//! What a dynamics parameter means in a model, from which its name, unit and description follow.

use serde::{Deserialize, Serialize};

use crate::{Parameter, SimError};

/// The physical quantity behind a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Density of all geoms of a body: its mass and inertia are proportional to it.
    Density(String),
    /// Rotor inertia of a joint's motor, reflected to the joint.
    Armature(String),
    /// The same armature in all motor-driven joints.
    SharedArmature,
    /// Viscous damping of a joint.
    Damping(String),
    /// Spring stiffness of a joint.
    Stiffness(String),
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
    /// Gravity where the equations of motion are written out.
    Gravity,
    /// Mass of the torque-driven pendulum's rod.
    RodMass,
    /// Length of the torque-driven pendulum's rod.
    RodLength,
}

impl Quantity {
    /// Those of the cart-pole's equations.
    pub(crate) const CART_POLE: [Self; 5] =
        [Self::PoleHalfLength, Self::PoleMass, Self::CartMass, Self::Force, Self::Gravity];

    /// Those of the torque-driven pendulum's equations.
    pub(crate) const PENDULUM: [Self; 3] = [Self::RodMass, Self::RodLength, Self::Gravity];

    fn name(&self) -> String {
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
            Self::RodMass => "rod_mass".into(),
            Self::RodLength => "rod_length".into(),
        }
    }

    fn unit(&self) -> &'static str {
        match self {
            Self::Density(_) => "kg/m³",
            Self::Armature(_) | Self::SharedArmature => "kg·m²",
            // The only sliding joint with a parameter is the pendulum's cart.
            Self::Damping(joint) if joint == "slider" => "N·s/m",
            Self::Damping(_) => "N·m·s/rad",
            Self::Stiffness(_) => "N·m/rad",
            Self::Friction => "1",
            Self::PoleLength | Self::PoleHalfLength | Self::RodLength => "m",
            Self::PoleMass | Self::CartMass | Self::RodMass => "kg",
            Self::Force => "N",
            Self::Gravity => "m/s²",
        }
    }

    fn description(&self) -> String {
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
            Self::RodMass => "Mass of the rod; its inertia is proportional to it.".into(),
            Self::RodLength => "Length of the rod; its mass stays.".into(),
        }
    }
}

/// A row of a task's parameters: one quantity, of one part of the robot or of several alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterTable {
    /// Which.
    pub quantity: Kind,
    /// The bodies (`density`) or joints (`armature`, `damping`, `stiffness`), a parameter each; for others none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of: Vec<String>,
    /// Reference value; never 0, because it is also the scale.
    pub nominal: f64,
    /// Smallest and largest value that the simulator accepts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<[f64; 2]>,
    /// The same in units of the nominal value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<[f64; 2]>,
}

/// A quantity, without the part that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "see the variants of Quantity")]
pub enum Kind {
    Density,
    Armature,
    SharedArmature,
    Damping,
    Stiffness,
    Friction,
    PoleLength,
    PoleHalfLength,
    PoleMass,
    CartMass,
    Force,
    Gravity,
    RodMass,
    RodLength,
}

impl Kind {
    /// The quantity of the part called `of`; `None` if it is about no part, and there is one, or the other way round.
    fn quantity(self, of: Option<&String>) -> Option<Quantity> {
        Some(match (self, of) {
            (Self::Density, Some(body)) => Quantity::Density(body.clone()),
            (Self::Armature, Some(joint)) => Quantity::Armature(joint.clone()),
            (Self::Damping, Some(joint)) => Quantity::Damping(joint.clone()),
            (Self::Stiffness, Some(joint)) => Quantity::Stiffness(joint.clone()),
            (Self::SharedArmature, None) => Quantity::SharedArmature,
            (Self::Friction, None) => Quantity::Friction,
            (Self::PoleLength, None) => Quantity::PoleLength,
            (Self::PoleHalfLength, None) => Quantity::PoleHalfLength,
            (Self::PoleMass, None) => Quantity::PoleMass,
            (Self::CartMass, None) => Quantity::CartMass,
            (Self::Force, None) => Quantity::Force,
            (Self::Gravity, None) => Quantity::Gravity,
            (Self::RodMass, None) => Quantity::RodMass,
            (Self::RodLength, None) => Quantity::RodLength,
            _ => return None,
        })
    }
}

impl ParameterTable {
    /// Its parameters, in order.
    pub(super) fn rows(&self, task: &str) -> Result<Vec<(Quantity, Parameter)>, SimError> {
        let refused = |valid| SimError::Config {
            task: task.to_owned(),
            field: "parameter",
            value: self.nominal,
            valid,
        };
        let nominal = self.nominal;
        let [lower, upper] = match (self.bounds, self.times) {
            (Some(bounds), None) => bounds,
            (None, Some([low, high])) => [low * nominal, high * nominal],
            _ => return Err(refused("given with either `bounds` or `times`")),
        };
        let parts: Vec<Option<&String>> = match self.of.is_empty() {
            true => vec![None],
            false => self.of.iter().map(Some).collect(),
        };
        let row = |of| {
            let valid = "of a part of the robot where its quantity is one's (`of`), and of none elsewhere";
            let quantity = self.quantity.quantity(of).ok_or_else(|| refused(valid))?;
            let parameter = Parameter {
                name: quantity.name(),
                unit: quantity.unit().into(),
                description: quantity.description(),
                nominal,
                lower,
                upper,
                scale: nominal.abs(),
            };
            Ok((quantity, parameter))
        };
        parts.into_iter().map(row).collect()
    }
}
