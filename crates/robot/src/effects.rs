//! What parameters do to a model, on both engines.

use wr2l_lanes::Parameters;
use wr2l_sim::DynamicsSpace;

use crate::field::{Field, Write, colliding};
use crate::inventory::Inventory;
use crate::loop_numbers::{LoopNumbers, Reach};

/// What one parameter writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Effect {
    pub(crate) name: String,
    pub(crate) writes: Vec<Write>,
}

/// What the parameters of a [`DynamicsSpace`] do to a model: coordinate i of φ has effect i.
///
/// Everything is computed from the nominal values and never from the current ones: setting twice is setting once, and the
/// nominal φ changes no bit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    effects: Vec<Effect>,
    /// Of every geom, its index among those that may touch something.
    colliding: Vec<Option<usize>>,
}

impl Effects {
    pub(crate) fn new(effects: Vec<Effect>, inventory: &Inventory) -> Self {
        Self { effects, colliding: colliding(inventory) }
    }

    /// Those of the parameters of `space`, in its order.
    ///
    /// # Errors
    /// The name of a parameter that has no effect here.
    pub fn select(&self, space: &DynamicsSpace) -> Result<Self, String> {
        let of = |name: &str| {
            let effect = self.effects.iter().find(|effect| effect.name == name);
            effect.cloned().ok_or_else(|| name.to_owned())
        };
        let effects = space.names().map(of).collect::<Result<_, _>>()?;
        Ok(Self { effects, colliding: self.colliding.clone() })
    }

    /// The first parameter that the batched engine cannot follow, and what that engine lacks.
    pub fn beyond_lanes(&self) -> Option<(&str, &'static str)> {
        self.effects.iter().find_map(|effect| {
            let what = effect.writes.iter().find_map(|write| write.field.beyond_lanes())?;
            Some((effect.name.as_str(), what))
        })
    }

    fn all<'a>(&'a self, phi: &'a [f64]) -> impl Iterator<Item = (Write, f64)> + 'a {
        let of = |(effect, value): (&'a Effect, &'a f64)| effect.writes.iter().map(|write| (*write, *value));
        self.effects.iter().zip(phi).flat_map(of)
    }

    /// Writes φ into parameters of the batched engine that hold the nominal values.
    pub fn write_lanes(&self, phi: &[f64], parameters: &mut Parameters) {
        for (write, value) in self.all(phi) {
            if let Some(slot) = write.field.of_lanes(&self.colliding, parameters) {
                write.apply(slot, value);
            }
        }
    }

    /// Writes φ into numbers of the loop around the physics that are the nominal ones.
    pub(crate) fn write_loop(&self, phi: &[f64], numbers: &mut LoopNumbers) {
        for (write, value) in self.all(phi) {
            if let Some(slot) = write.field.of_loop(numbers) {
                write.apply(slot, value);
            }
        }
    }

    /// What of the loop is written at all; how late actions may be is 1 where they may be late.
    pub(crate) fn reach(&self) -> Reach {
        let mut reach = Reach::default();
        for write in self.effects.iter().flat_map(|effect| &effect.writes) {
            match write.field {
                Field::Delay(_) => reach.late = 1,
                Field::ActionNoise(_) => reach.inexact = true,
                Field::Push(body) => reach.pushed.push(body),
                Field::Noise(_) => reach.sensed = true,
                _ => {}
            }
        }
        reach.pushed.sort_unstable();
        reach.pushed.dedup();
        reach
    }

    /// Refuses what MuJoCo would take and get wrong.
    #[cfg(feature = "mujoco")]
    pub(crate) fn check_mujoco(&self, inventory: &Inventory) -> Result<(), String> {
        for effect in &self.effects {
            for write in &effect.writes {
                if let Field::Centre(b, _) = write.field
                    && inventory.bodies[b].simple
                {
                    return Err(format!(
                        "`{}` moves the centre of mass of `{}`, which MuJoCo takes to stay in the origin of the body's frame: \
                         give the body an `<inertial>` whose `pos` is not 0",
                        effect.name, inventory.bodies[b].name
                    ));
                }
            }
        }
        Ok(())
    }

    /// Prepares the reference model for what will be written: frames that coincide at nominal and will not any more.
    #[cfg(feature = "mujoco")]
    pub(crate) fn prepare_mujoco(&self, model: &mut mujoco_rs::prelude::MjModel) {
        use mujoco_rs::prelude::MjtSameFrame as Frame;
        let moved = |b: usize| {
            let is = |write: &Write| matches!(write.field, Field::Centre(body, _) if body == b);
            self.effects.iter().any(|effect| effect.writes.iter().any(is))
        };
        let apart = |frame: &mut Frame| {
            *frame = match *frame {
                Frame::mjSAMEFRAME_BODY => Frame::mjSAMEFRAME_BODYROT,
                Frame::mjSAMEFRAME_INERTIA => Frame::mjSAMEFRAME_INERTIAROT,
                other => other,
            }
        };
        for b in 0..model.body_parentid().len() {
            if !moved(b) {
                continue;
            }
            apart(&mut model.body_sameframe_mut()[b]);
            for g in (0..model.geom_bodyid().len())
                .filter(|g| model.geom_bodyid()[*g] as usize == b)
                .collect::<Vec<_>>()
            {
                if model.geom_sameframe()[g] == Frame::mjSAMEFRAME_INERTIA {
                    apart(&mut model.geom_sameframe_mut()[g]);
                }
            }
            for s in (0..model.site_bodyid().len())
                .filter(|s| model.site_bodyid()[*s] as usize == b)
                .collect::<Vec<_>>()
            {
                if model.site_sameframe()[s] == Frame::mjSAMEFRAME_INERTIA {
                    apart(&mut model.site_sameframe_mut()[s]);
                }
            }
        }
    }

    /// Writes φ into a MuJoCo model of the same kind as `reference`, whatever it held before; what MuJoCo derives from it is
    /// stale afterwards.
    #[cfg(feature = "mujoco")]
    pub(crate) fn write_mujoco(
        &self,
        phi: &[f64],
        reference: &mujoco_rs::prelude::MjModel,
        model: &mut mujoco_rs::prelude::MjModel,
    ) {
        let physical = |(write, _): &(Write, f64)| write.field.is_physical();
        for (write, _) in self.all(phi).filter(physical) {
            let nominal = write.field.read_mujoco(reference);
            write.field.write_mujoco(model, nominal);
        }
        for (write, value) in self.all(phi).filter(physical) {
            let mut number = write.field.read_mujoco(model);
            write.apply(&mut number, value);
            write.field.write_mujoco(model, number);
        }
    }
}

#[cfg(feature = "mujoco")]
#[allow(unsafe_code)]
impl Field {
    fn read_mujoco(self, model: &mujoco_rs::prelude::MjModel) -> f64 {
        match self {
            Self::Mass(b) => model.body_mass()[b],
            Self::Inertia(b, k) => model.body_inertia()[b][k],
            Self::Centre(b, k) => model.body_ipos()[b][k],
            Self::Friction(g, k) => model.geom_friction()[g][k],
            Self::PairFriction(p, k) => model.pair_friction()[p][k],
            Self::Damping(d) => model.dof_damping()[d],
            Self::Armature(d) => model.dof_armature()[d],
            Self::FrictionLoss(d) => model.dof_frictionloss()[d],
            Self::Stiffness(j) => model.jnt_stiffness()[j],
            Self::Gain(a) => model.actuator_gainprm()[a][0],
            Self::Bias(a, k) => model.actuator_biasprm()[a][k],
            Self::Gear(a) => model.actuator_gear()[model.actuator_outadr()[a] as usize][0],
            Self::ForceRange(a, k) => model.actuator_forcerange()[a][k],
            Self::Gravity(k) => model.opt().gravity[k],
            Self::Wind(k) => model.opt().wind[k],
            Self::Delay(_) | Self::ActionNoise(_) | Self::Push(_) | Self::Noise(_) => 0.0,
        }
    }

    fn write_mujoco(self, model: &mut mujoco_rs::prelude::MjModel, value: f64) {
        match self {
            Self::Mass(b) => model.body_mass_mut()[b] = value,
            Self::Inertia(b, k) => model.body_inertia_mut()[b][k] = value,
            Self::Centre(b, k) => model.body_ipos_mut()[b][k] = value,
            Self::Friction(g, k) => model.geom_friction_mut()[g][k] = value,
            Self::PairFriction(p, k) => model.pair_friction_mut()[p][k] = value,
            Self::Damping(d) => model.dof_damping_mut()[d] = value,
            Self::Armature(d) => model.dof_armature_mut()[d] = value,
            Self::FrictionLoss(d) => model.dof_frictionloss_mut()[d] = value,
            Self::Stiffness(j) => model.jnt_stiffness_mut()[j] = value,
            Self::Gain(a) => {
                // SAFETY: only actuators whose gain is fixed are written, so that no number of states hangs on it.
                let gains = unsafe { model.actuator_gainprm_mut() };
                gains[a][0] = value;
            }
            Self::Bias(a, k) => model.actuator_biasprm_mut()[a][k] = value,
            Self::Gear(a) => {
                let out = model.actuator_outadr()[a] as usize;
                model.actuator_gear_mut()[out][0] = value;
            }
            Self::ForceRange(a, k) => model.actuator_forcerange_mut()[a][k] = value,
            Self::Gravity(k) => model.opt_mut().gravity[k] = value,
            Self::Wind(k) => model.opt_mut().wind[k] = value,
            Self::Delay(_) | Self::ActionNoise(_) | Self::Push(_) | Self::Noise(_) => {}
        }
    }
}
