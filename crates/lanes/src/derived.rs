//! Constants that follow from parameters: what MuJoCo's compiler computes in the reference pose.

use crate::constants::Derived;
use crate::engine::{Setting, Work};
use crate::instructions::InstructionSet;
#[cfg(target_arch = "x86_64")]
use crate::lane::{Avx2, Avx512};
use crate::lane::{Lane, Portable};
use crate::model::Model;
use crate::parameters::{ParameterError, Parameters};
use crate::system::System;

/// A unit load on the system in its reference pose.
#[derive(Clone, Copy)]
enum Load {
    /// A force (0..3) or torque (3..6) along an axis at a body's centre of mass.
    Body(usize, usize),
    /// A force on a degree of freedom.
    Dof(usize),
}

impl Derived {
    /// Computes the constants of a model with other parameters.
    ///
    /// # Errors
    /// [`ParameterError`] if the parameters do not fit the model or leave something that moves without inertia.
    pub fn new(model: &Model, parameters: &Parameters) -> Result<Self, ParameterError> {
        parameters.check(&model.compiled)?;
        // The same bits in any width: the loads are shared among the lanes.
        let derived = match InstructionSet::fastest() {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => Self::derive::<Avx512>(model, parameters),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => Self::derive::<Avx2>(model, parameters),
            _ => Self::derive::<Portable>(model, parameters),
        };
        derived.check(model)?;
        Ok(derived)
    }

    fn derive<F: Lane>(model: &Model, parameters: &Parameters) -> Self {
        let mut system = System::<F>::new(model);
        for lane in 0..F::WIDTH {
            system.set_lane(model, lane, parameters, None);
        }
        let mut work = Work::<F>::new(model);
        let control = vec![F::zero(); model.compiled.actuators.len()];
        let setting = Setting { model, system: &system, control: &control, outside: None };
        let reference: Vec<F> = model.compiled.reference().into_iter().map(F::splat).collect();
        work.stand(&setting, &reference);
        let dof_inertia = dof_inertias(&work, model, parameters);
        let mean_inertia = dof_inertia.iter().sum::<f64>() / dof_inertia.len().max(1) as f64;
        let (body_inverse_weight, dof_inverse_weight) = inverse_weights(&mut work, model, parameters);
        Self { body_inverse_weight, dof_inverse_weight, dof_inertia, mean_inertia }
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

/// MuJoCo's `body_invweight0`, means of the diagonal of J M⁻¹ Jᵀ at the centre of mass, and `dof_invweight0`, the diagonal
/// of M⁻¹ and its means over the two halves of a free joint and over a ball joint.
fn inverse_weights<F: Lane>(
    work: &mut Work<F>,
    model: &Model,
    parameters: &Parameters,
) -> (Vec<[f64; 2]>, Vec<f64>) {
    let bodies = model.compiled.bodies.len();
    let moving = |body: &usize| model.tree.homes[*body].0.is_some() && !model.compiled.bodies[body - 1].point;
    let of_bodies = (1..=bodies).filter(moving).flat_map(|body| (0..6).map(move |k| Load::Body(body, k)));
    let loads: Vec<Load> = of_bodies.chain((0..model.tree.nv).map(Load::Dof)).collect();
    let mut of_body = vec![[0.0; 2]; bodies + 1];
    let mut diagonal = vec![0.0; model.tree.nv];
    for some in loads.chunks(F::WIDTH) {
        work.unload();
        for (lane, load) in some.iter().enumerate() {
            match *load {
                Load::Body(body, k) => {
                    let (link, lever) = place(work, model, parameters, body);
                    work.load_link(lane, link, wrench(k, lever));
                }
                Load::Dof(dof) => work.load_dof(model, lane, dof),
            }
        }
        work.answer(model);
        for (lane, load) in some.iter().enumerate() {
            match *load {
                Load::Body(body, k) => {
                    let (link, lever) = place(work, model, parameters, body);
                    of_body[body][k / 3] += along(k, lever, work.link_response(lane, link)) / 3.0;
                }
                Load::Dof(dof) => diagonal[dof] = work.dof_response(lane, dof),
            }
        }
    }
    for (j, joint) in model.tree.joints.iter().enumerate() {
        let body = model.compiled.joints[j].body as usize;
        let own = &mut diagonal[joint.v..joint.v + joint.kind.dofs()];
        if model.compiled.bodies[body - 1].point {
            let weight = 1.0 / parameters.mass[body - 1];
            of_body[body] = [weight, 0.0];
            own.fill(weight);
        } else if !joint.kind.is_scalar() {
            own.chunks_mut(3).for_each(|half| half.fill(half.iter().sum::<f64>() / 3.0));
        }
    }
    (of_body, diagonal)
}

/// The link of a body, and the lever of the body's centre of mass.
fn place<F: Lane>(work: &Work<F>, model: &Model, parameters: &Parameters, body: usize) -> (usize, [f64; 3]) {
    let (link, home) = &model.tree.homes[body];
    let link = link.unwrap_or(0);
    (link, work.lever(model, link, home.at(parameters.centre[body - 1])))
}

fn cross([a, b, c]: [f64; 3], [x, y, z]: [f64; 3]) -> [f64; 3] {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}

/// A unit force (0..3) or torque (3..6) at a lever.
fn wrench(k: usize, lever: [f64; 3]) -> [f64; 6] {
    let mut unit = [0.0; 3];
    unit[k % 3] = 1.0;
    let ([x, y, z], [a, b, c]) = if k < 3 { (cross(lever, unit), unit) } else { (unit, [0.0; 3]) };
    [x, y, z, a, b, c]
}

/// What a motion is along the same.
fn along(k: usize, lever: [f64; 3], motion: [f64; 6]) -> f64 {
    let [x, y, z, a, b, c] = motion;
    let turning = cross([x, y, z], lever);
    if k < 3 { [a + turning[0], b + turning[1], c + turning[2]][k] } else { motion[k - 3] }
}

/// MuJoCo's `dof_M0`: what each degree of freedom has to carry.
fn dof_inertias<F: Lane>(work: &Work<F>, model: &Model, parameters: &Parameters) -> Vec<f64> {
    let carried = work.carried(model);
    let mut inertias = Vec::with_capacity(model.tree.nv);
    for joint in &model.tree.joints {
        for k in 0..joint.kind.dofs() {
            let s = work.subspace_of(model, joint, k);
            let momentum = carried[joint.link].times(&s);
            let own: f64 = (0..6).map(|i| s[i].get(0) * momentum[i].get(0)).sum();
            inertias.push(own + parameters.armature[joint.v + k]);
        }
    }
    inertias
}
