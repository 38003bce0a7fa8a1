//! Physical parameters φ of one system.

use thiserror::Error;

use crate::compiled::Compiled;

/// The physical parameters of one lane, by element, in the order of the [`Compiled`] model.
///
/// Each entry has the meaning of its namesake there. What follows from them, the inverse weights by which MuJoCo measures
/// the softness of constraints, is recomputed whenever a lane is given parameters: see [`crate::Derived`].
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Mass of every body (kg, not negative). Inertia does not follow by itself.
    pub mass: Vec<f64>,
    /// Principal moments of inertia of every body (kg·m², not negative).
    pub inertia: Vec<[f64; 3]>,
    /// Centre of mass of every body in its frame (m).
    pub centre: Vec<[f64; 3]>,
    /// Principal axes of every body in its frame (unit quaternions).
    pub axes: Vec<[f64; 4]>,
    /// Armature of every degree of freedom (kg or kg·m², not negative).
    pub armature: Vec<f64>,
    /// Damping of every degree of freedom (not negative).
    pub damping: Vec<f64>,
    /// Dry friction of every degree of freedom (N or N·m, not negative).
    pub friction_loss: Vec<f64>,
    /// Stiffness of the spring of every joint (not negative).
    pub stiffness: Vec<f64>,
    /// Sliding friction of every geom (not negative). MuJoCo's rule makes it that of a contact: the geom's of higher
    /// priority, else the larger of the two.
    pub friction: Vec<f64>,
    /// Sliding friction of every `<pair>` along its two tangents (not negative).
    pub pair_friction: Vec<[f64; 2]>,
    /// Force per control of every actuator.
    pub gain: Vec<f64>,
    /// Force of every actuator at rest, per length and per velocity.
    pub bias: Vec<[f64; 3]>,
    /// Gear of every actuator.
    pub gear: Vec<f64>,
    /// Gravity (m/s²).
    pub gravity: [f64; 3],
}

/// Why parameters were refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ParameterError {
    /// There are more or fewer than the model has elements.
    #[error("{name}: {got} of them for a model that has {expected}")]
    Length {
        /// Which parameter.
        name: &'static str,
        /// How many elements the model has.
        expected: usize,
        /// How many there were.
        got: usize,
    },
    /// A number is not finite, or negative where it must not be.
    #[error("{name} {index} must be finite{}, got {value}", if *negative { "" } else { " and not negative" })]
    Value {
        /// Which parameter.
        name: &'static str,
        /// Index of the element.
        index: usize,
        /// Whether it may be negative.
        negative: bool,
        /// What it was.
        value: f64,
    },
    /// A body or joint that moves has no inertia, so that no force could be answered.
    #[error("body {body} moves and has no inertia")]
    Weightless {
        /// Index of the body, 1 the first after the world.
        body: usize,
    },
    /// The lane does not exist.
    #[error("lane {lane} of a batch of {lanes}")]
    Lane {
        /// The lane asked for.
        lane: usize,
        /// How many there are.
        lanes: usize,
    },
}

impl Parameters {
    /// The parameters that a model was compiled with.
    pub fn nominal(model: &Compiled) -> Self {
        let (bodies, dofs) = (&model.bodies, &model.dofs);
        Self {
            mass: bodies.iter().map(|body| body.mass).collect(),
            inertia: bodies.iter().map(|body| body.inertia).collect(),
            centre: bodies.iter().map(|body| body.centre).collect(),
            axes: bodies.iter().map(|body| body.axes).collect(),
            armature: dofs.iter().map(|dof| dof.armature).collect(),
            damping: dofs.iter().map(|dof| dof.damping).collect(),
            friction_loss: dofs.iter().map(|dof| dof.friction_loss).collect(),
            stiffness: model.joints.iter().map(|joint| joint.stiffness).collect(),
            friction: model.geoms.iter().map(|geom| geom.friction).collect(),
            pair_friction: model.pairs.iter().map(|pair| pair.friction).collect(),
            gain: model.actuators.iter().map(|actuator| actuator.gain).collect(),
            bias: model.actuators.iter().map(|actuator| actuator.bias).collect(),
            gear: model.actuators.iter().map(|actuator| actuator.gear).collect(),
            gravity: model.options.gravity,
        }
    }

    /// Checks lengths and ranges.
    pub(crate) fn check(&self, model: &Compiled) -> Result<(), ParameterError> {
        let (bodies, dofs) = (model.bodies.len(), model.dofs.len());
        let (joints, geoms) = (model.joints.len(), model.geoms.len());
        let (pairs, actuators) = (model.pairs.len(), model.actuators.len());
        check("mass", &self.mass, bodies, false)?;
        check("inertia", self.inertia.as_flattened(), 3 * bodies, false)?;
        check("centre", self.centre.as_flattened(), 3 * bodies, true)?;
        check("axes", self.axes.as_flattened(), 4 * bodies, true)?;
        check("armature", &self.armature, dofs, false)?;
        check("damping", &self.damping, dofs, false)?;
        check("friction_loss", &self.friction_loss, dofs, false)?;
        check("stiffness", &self.stiffness, joints, false)?;
        check("friction", &self.friction, geoms, false)?;
        check("pair_friction", self.pair_friction.as_flattened(), 2 * pairs, false)?;
        check("gain", &self.gain, actuators, true)?;
        check("bias", self.bias.as_flattened(), 3 * actuators, true)?;
        check("gear", &self.gear, actuators, true)?;
        check("gravity", &self.gravity, 3, true)
    }
}

fn check(name: &'static str, values: &[f64], expected: usize, negative: bool) -> Result<(), ParameterError> {
    if values.len() != expected {
        return Err(ParameterError::Length { name, expected, got: values.len() });
    }
    let wrong = |value: &f64| !value.is_finite() || (!negative && *value < 0.0);
    match values.iter().position(wrong) {
        Some(index) => Err(ParameterError::Value { name, index, negative, value: values[index] }),
        None => Ok(()),
    }
}
