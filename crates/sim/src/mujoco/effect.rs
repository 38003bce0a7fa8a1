//! What a dynamics parameter changes in a MuJoCo model.
//!
//! Everything is written from the reference model's values, never from the current ones; `mj_setConst`
//! afterwards recomputes what MuJoCo derives from them.

use mujoco_rs::prelude::{MjModel, MjtObjBase};

use super::pole;
use crate::task::Quantity;

/// A parameter's place in the model.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// Length of the pole; changes its geometry, and its mass and inertia at the reference density.
    PoleLength { geom: usize, body: usize, density: f64 },
    /// Density of a body's geoms, relative to the reference: scales mass and inertia.
    Density { body: usize, nominal: f64 },
    /// Armature of some degrees of freedom.
    Armature { dofs: Vec<usize> },
    /// Damping of a degree of freedom.
    Damping { dof: usize },
    /// Spring stiffness of a joint.
    Stiffness { joint: usize },
    /// Sliding friction of every geom. A contact takes the larger coefficient of its two geoms, so the robot's
    /// and the floor's have to change together.
    Friction,
}

impl Effect {
    /// Finds the parts of `model` that `quantity`, with this nominal value, is about; `None` if it lacks one.
    pub(super) fn resolve(model: &MjModel, quantity: &Quantity, nominal: f64) -> Option<Self> {
        let body = |name: &str| model.name_to_id(MjtObjBase::mjOBJ_BODY, name);
        let geom = |name: &str| model.name_to_id(MjtObjBase::mjOBJ_GEOM, name);
        let joint = |name: &str| model.name_to_id(MjtObjBase::mjOBJ_JOINT, name);
        // Every joint here is a hinge or a slide, which has one degree of freedom.
        let dof = |name: &str| Some(model.jnt_dofadr()[joint(name)?] as usize);
        Some(match quantity {
            Quantity::Density(name) => Self::Density { body: body(name)?, nominal },
            Quantity::Armature(name) => Self::Armature { dofs: vec![dof(name)?] },
            Quantity::SharedArmature => Self::Armature {
                dofs: (0..model.nv() as usize).filter(|&dof| model.dof_armature()[dof] > 0.0).collect(),
            },
            Quantity::Damping(name) => Self::Damping { dof: dof(name)? },
            Quantity::Stiffness(name) => Self::Stiffness { joint: joint(name)? },
            Quantity::Friction => Self::Friction,
            Quantity::PoleLength => {
                let (body, geom) = (body("pole")?, geom("pole")?);
                let volume = pole::Capsule::of_length(nominal).volume();
                Self::PoleLength { geom, body, density: model.body_mass()[body] / volume }
            }
            Quantity::PoleHalfLength
            | Quantity::PoleMass
            | Quantity::CartMass
            | Quantity::Force
            | Quantity::Gravity
            | Quantity::RodMass
            | Quantity::RodLength => unreachable!("written-out equations do not run on MuJoCo"),
        })
    }

    /// Order of application: a length sets what a density then scales.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::PoleLength { .. } => 0,
            _ => 1,
        }
    }

    /// Writes `value` into a model whose masses and inertias are the reference's or set by an effect before.
    pub(super) fn apply(&self, model: &mut MjModel, value: f64) {
        match self {
            Self::PoleLength { geom, body, density } => {
                pole::Capsule::of_length(value).write(model, *geom, *body, *density);
            }
            Self::Density { body, nominal } => {
                let ratio = value / nominal;
                model.body_mass_mut()[*body] *= ratio;
                for inertia in &mut model.body_inertia_mut()[*body] {
                    *inertia *= ratio;
                }
            }
            Self::Armature { dofs } => {
                for &dof in dofs {
                    model.dof_armature_mut()[dof] = value;
                }
            }
            Self::Damping { dof } => model.dof_damping_mut()[*dof] = value,
            Self::Stiffness { joint } => model.jnt_stiffness_mut()[*joint] = value,
            Self::Friction => {
                for friction in model.geom_friction_mut() {
                    friction[0] = value;
                }
            }
        }
    }
}
