//! Constants that follow from parameters: what MuJoCo's compiler computes in the reference pose.

use crate::algebra::{Vec6, at_point, cross, sub};
use crate::engine::{Setting, Work};
use crate::lane::{Lane, Portable};
use crate::model::Model;
use crate::parameters::{ParameterError, Parameters};
use crate::system::System;

/// The constants that a fresh MuJoCo model of these parameters would hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Derived {
    /// MuJoCo's `body_invweight0`, the world first: translational (1/kg) and rotational (1/(kg·m²)).
    pub body_inverse_weight: Vec<[f64; 2]>,
    /// MuJoCo's `dof_invweight0` (1/kg or 1/(kg·m²)).
    pub dof_inverse_weight: Vec<f64>,
    /// MuJoCo's `dof_M0`: the diagonal of the mass matrix (kg or kg·m²).
    pub dof_inertia: Vec<f64>,
    /// MuJoCo's `stat.meaninertia`: the mean of the diagonal.
    pub mean_inertia: f64,
}

type Number = Portable;

fn number(x: f64) -> Number {
    Number::splat(x)
}

impl Derived {
    /// Computes the constants of a model with other parameters.
    ///
    /// # Errors
    /// [`ParameterError`] if the parameters do not fit the model or leave something that moves without inertia.
    pub fn new(model: &Model, parameters: &Parameters) -> Result<Self, ParameterError> {
        parameters.check(&model.compiled)?;
        let mut system = System::<Number>::new(model);
        system.set_lane(model, 0, parameters, None);
        let mut work = Work::<Number>::new(model);
        let control = vec![number(0.0); model.compiled.actuators.len()];
        let setting = Setting { model, system: &system, control: &control, outside: None };
        let reference: Vec<Number> = model.compiled.reference().into_iter().map(number).collect();
        work.stand(&setting, &reference);
        let mut derived = Self {
            body_inverse_weight: work.body_inverse_weights(model, parameters),
            dof_inverse_weight: work.dof_inverse_weights(model),
            dof_inertia: work.dof_inertias(model, parameters),
            mean_inertia: 0.0,
        };
        derived.mean_inertia =
            derived.dof_inertia.iter().sum::<f64>() / derived.dof_inertia.len().max(1) as f64;
        derived.check(model)?;
        Ok(derived)
    }

    fn check(&self, model: &Model) -> Result<(), ParameterError> {
        let sound = |weight: &f64| weight.is_finite() && *weight >= 0.0;
        for (d, weight) in self.dof_inverse_weight.iter().enumerate() {
            let joint = model.tree.joints.iter().rposition(|joint| joint.v <= d).unwrap_or(0);
            if !(sound(weight) && *weight > 0.0) {
                return Err(ParameterError::Weightless { body: model.compiled.joints[joint].body as usize });
            }
        }
        match self.body_inverse_weight.iter().position(|weights| !weights.iter().all(sound)) {
            Some(body) => Err(ParameterError::Weightless { body }),
            None => Ok(()),
        }
    }
}

impl Work<Number> {
    /// MuJoCo's `body_invweight0`: means of the diagonal of J M⁻¹ Jᵀ at the centre of mass.
    fn body_inverse_weights(&mut self, model: &Model, parameters: &Parameters) -> Vec<[f64; 2]> {
        let bodies = model.compiled.bodies.len();
        let mut weights = vec![[0.0; 2]; bodies + 1];
        for (body, weights) in weights.iter_mut().enumerate().skip(1) {
            let Some(link) = model.tree.homes[body].0 else { continue };
            let lever = self.lever(model, link, model.tree.homes[body].1.at(parameters.centre[body - 1]));
            for axis in 0..3 {
                let mut unit = [number(0.0); 3];
                unit[axis] = number(1.0);
                let zero = number(0.0);
                let torque = cross(&lever, &unit);
                let push = [torque[0], torque[1], torque[2], unit[0], unit[1], unit[2]];
                let twist: Vec6<Number> = [unit[0], unit[1], unit[2], zero, zero, zero];
                let moved = at_point(&self.response_to(model, Some((link, push)), None), &lever);
                let turned = self.response_to(model, Some((link, twist)), None);
                weights[0] += moved[axis].get(0) / 3.0;
                weights[1] += turned[axis].get(0) / 3.0;
            }
        }
        weights
    }

    /// MuJoCo's `dof_invweight0`: the diagonal of M⁻¹, its means over the two halves of a free joint.
    fn dof_inverse_weights(&mut self, model: &Model) -> Vec<f64> {
        let mut weights = Vec::with_capacity(model.tree.nv);
        for joint in &model.tree.joints {
            let dofs = joint.kind.dofs();
            let mut diagonal = Vec::with_capacity(dofs);
            for d in joint.v..joint.v + dofs {
                self.response_to(model, None, Some(d));
                diagonal.push(self.response(d));
            }
            for part in diagonal.chunks(3.min(dofs)) {
                let mean = part.iter().sum::<f64>() / part.len() as f64;
                weights.extend(std::iter::repeat_n(mean, part.len()));
            }
        }
        weights
    }

    /// MuJoCo's `dof_M0`: what each degree of freedom has to carry.
    fn dof_inertias(&mut self, model: &Model, parameters: &Parameters) -> Vec<f64> {
        let carried = self.carried(model);
        let mut inertias = Vec::with_capacity(model.tree.nv);
        for joint in &model.tree.joints {
            for k in 0..joint.kind.dofs() {
                let s = self.subspace_of(model, joint, k);
                let momentum = carried[joint.link].times(&s);
                let own: f64 = (0..6).map(|i| s[i].get(0) * momentum[i].get(0)).sum();
                inertias.push(own + parameters.armature[joint.v + k]);
            }
        }
        inertias
    }

    fn lever(&self, model: &Model, link: usize, point: [f64; 3]) -> [Number; 3] {
        let root = model.tree.links[link].root;
        sub(&self.place(link, &point.map(number)), &self.place(root, &[number(0.0); 3]))
    }
}
