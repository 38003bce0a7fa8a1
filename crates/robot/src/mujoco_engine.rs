//! A robot's task on MuJoCo: every lane has a model and data of its own.

use std::sync::Arc;

use mujoco_rs::prelude::{MjData, MjModel, MjtObjBase, MjtState, MjtWarning};
use wr2l_sim::{BatchSim, Divergence, DynamicsSpace, Engine, SimError, SimSpec};

use crate::batch::{Readings, RobotBatch, spec};
use crate::effects::Effects;
use crate::input::Input;
use crate::loop_numbers::Reach;
use crate::mover::Mover;
use crate::rules::{Moment, Rig};

/// Everything that determines the next step, the solver's warm start included.
const STATE: u32 = MjtState::mjSTATE_INTEGRATION as u32;

/// A state with a number beyond this is diverged physics: MuJoCo's own limit (`mjMAXVAL`), which it checks at the start of
/// a step and therefore not on the last state of one.
const LARGEST: f64 = 1e10;

/// Makes batches of a rig on MuJoCo.
#[derive(Debug)]
pub(crate) struct MujocoEngine {
    rig: Arc<Rig>,
    reference: Arc<MjModel>,
    effects: Effects,
    space: DynamicsSpace,
    spec: SimSpec,
}

impl MujocoEngine {
    /// # Errors
    /// Why MuJoCo cannot follow the effects.
    pub(crate) fn new(rig: Arc<Rig>, effects: Effects, space: DynamicsSpace) -> Result<Self, String> {
        effects.check_mujoco(rig.model.inventory())?;
        let mut reference = MjModel::clone(rig.model.mujoco());
        effects.prepare_mujoco(&mut reference);
        // Computed once and shared by all clones, so that exchanging a lane's model compares two pointers.
        reference.layout();
        let spec = spec(&rig, reference.state_size(STATE), Reach::of(&effects, &space, &rig));
        Ok(Self { rig, reference: Arc::new(reference), effects, space, spec })
    }
}

impl Engine for MujocoEngine {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let lane = || {
            let data = MjData::try_new(Box::new(MjModel::clone(&self.reference)));
            data.map_err(|error| SimError::Model { task: self.rig.name.clone(), reason: error.to_string() })
        };
        let wanted = Readings::new(self.rig.rules.inputs()).wanted;
        let mover = MujocoMover {
            lanes: (0..lanes).map(|_| lane()).collect::<Result<_, _>>()?,
            spare: Some(Box::new(MjModel::clone(&self.reference))),
            saved: vec![0.0; self.reference.state_size(STATE)],
            constraint_forces: wanted.iter().any(|input| matches!(input, Input::ConstraintForce { .. })),
            places: wanted.iter().any(|input| !matches!(input, Input::Position(_) | Input::Velocity(_))),
            rig: Arc::clone(&self.rig),
            reference: Arc::clone(&self.reference),
            effects: self.effects.clone(),
        };
        Ok(Box::new(RobotBatch::new(mover, &self.rig, &self.effects, &self.spec, &self.space, lanes)?))
    }
}

type Data = MjData<Box<MjModel>>;

#[derive(Debug)]
struct MujocoMover {
    rig: Arc<Rig>,
    reference: Arc<MjModel>,
    effects: Effects,
    lanes: Vec<Data>,
    /// A model to write new dynamics into before a lane takes it and leaves its own here.
    spare: Option<Box<MjModel>>,
    /// Room for a lane's integration state.
    saved: Vec<f64>,
    constraint_forces: bool,
    /// Whether anything but joints is read.
    places: bool,
}

/// The sum of the normal forces of a geom's contacts.
fn normal_force(data: &Data, geom: usize) -> f64 {
    let touches = |contact: usize| data.contact()[contact].geom.contains(&(geom as i32));
    (0..data.contact().len()).filter(|c| touches(*c)).map(|c| data.contact_force(c)[0]).sum()
}

fn input(data: &Data, input: Input) -> f64 {
    let velocity = |body: usize, own: bool| data.object_velocity(MjtObjBase::mjOBJ_XBODY, body, own);
    match input {
        Input::Position(k) => data.qpos()[k],
        Input::Velocity(k) => data.qvel()[k],
        Input::BodyPosition { body, axis } => data.xpos()[body][axis],
        Input::BodyRotation { body, row, column } => data.xmat()[body][3 * row + column],
        Input::BodyVelocity { body, axis } => velocity(body, false)[3 + axis],
        Input::BodySpin { body, axis } => velocity(body, true)[axis],
        Input::CentreOfMass { body, axis } => data.subtree_com()[body][axis],
        Input::SitePosition { site, axis } => data.site_xpos()[site][axis],
        Input::ConstraintForce { body, component } => data.cfrc_ext()[body][component],
        Input::TreeInertia { body, component } => data.cinert()[body][component],
        Input::TreeVelocity { body, component } => data.cvel()[body][component],
        Input::ContactForce { geom } => normal_force(data, geom),
        Input::ActuatorForce(a) => data.actuator_force()[a],
        Input::JointForce(d) => data.qfrc_actuator()[d],
        Input::JointConstraintForce(d) => data.qfrc_constraint()[d],
        Input::Sensor(k) => data.sensordata()[k],
        // The batch computes the others.
        _ => f64::NAN,
    }
}

impl Mover for MujocoMover {
    fn set_phi(&mut self, lane: usize, phi: &[f64]) -> Result<(), String> {
        if phi.is_empty() {
            return Ok(());
        }
        let data = &mut self.lanes[lane];
        let mut model = self.spare.take().unwrap_or_else(|| Box::new(MjModel::clone(&self.reference)));
        self.effects.write_mujoco(phi, &self.reference, &mut model);
        // `mj_setConst` works in the lane's data and leaves the initial state there.
        data.read_state_into(STATE, &mut self.saved);
        self.spare = Some(data.swap_model(model));
        data.set_const();
        // The one derived constant that `mj_setConst` leaves alone; the solver's tolerance depends on it.
        let inertia = data.model().dof_m0();
        let mean_inertia = inertia.iter().sum::<f64>() / inertia.len() as f64;
        data.model_stat_mut().meaninertia = mean_inertia;
        data.set_state(&self.saved, STATE).map_err(|error| error.to_string())
    }

    fn set_forces(&mut self, lane: usize, bodies: &[usize], forces: &[[f64; 3]]) {
        let applied = self.lanes[lane].xfrc_applied_mut();
        applied.fill([0.0; 6]);
        for (&body, force) in bodies.iter().zip(forces) {
            (0..3).for_each(|axis| applied[body][axis] += force[axis]);
        }
    }

    fn start(&mut self, lane: usize, qpos: &[f64], qvel: &[f64]) {
        let data = &mut self.lanes[lane];
        data.reset();
        data.qpos_mut().copy_from_slice(qpos);
        data.qvel_mut().copy_from_slice(qvel);
        data.forward();
    }

    fn state(&self, lane: usize, qpos: &mut [f64], qvel: &mut [f64]) {
        qpos.copy_from_slice(self.lanes[lane].qpos());
        qvel.copy_from_slice(self.lanes[lane].qvel());
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        self.lanes[lane].read_state_into(STATE, out);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) {
        let data = &mut self.lanes[lane];
        // The reset clears old warnings.
        data.reset();
        data.set_state(snapshot, STATE).expect("the length was checked");
        // MuJoCo's integration state holds the forces too.
        data.xfrc_applied_mut().fill([0.0; 6]);
    }

    fn advance(&mut self, controls: &[f64], active: &[bool], steps: u32) {
        let dim = self.rig.drives.len();
        for (lane, data) in self.lanes.iter_mut().enumerate().filter(|(lane, _)| active[*lane]) {
            data.ctrl_mut().copy_from_slice(&controls[lane * dim..][..dim]);
            for _ in 0..steps {
                data.step();
            }
        }
    }

    fn arrive(&mut self, active: &[bool]) {
        for (_, data) in self.lanes.iter_mut().enumerate().filter(|(lane, _)| active[*lane]) {
            if self.constraint_forces {
                data.rne_post_constraint();
            }
            if self.places && self.rig.moment == Moment::Reached {
                data.kinematics();
                data.com_pos();
                data.com_vel();
            }
        }
    }

    /// What MuJoCo has warned of since the lane's last start. A warning stays until the next, so that a state that MuJoCo
    /// replaced by its initial one never passes for the lane's.
    fn failure(&self, lane: usize) -> Option<Divergence> {
        const BAD_STATE: [MjtWarning; 3] =
            [MjtWarning::mjWARN_BADQPOS, MjtWarning::mjWARN_BADQVEL, MjtWarning::mjWARN_BADQACC];
        let data = &self.lanes[lane];
        let raised = |warning: MjtWarning| data.warning()[warning as usize].number > 0;
        let bounded = data.qpos().iter().chain(data.qvel()).all(|value| value.abs() <= LARGEST);
        if BAD_STATE.into_iter().any(raised) || !bounded {
            Some(Divergence::State)
        } else if data.warning().iter().any(|warning| warning.number > 0) {
            Some(Divergence::Simulator)
        } else {
            None
        }
    }

    fn read(&mut self, lane: usize, wanted: &[Input], out: &mut [f64]) {
        for (out, wanted) in out.iter_mut().zip(wanted) {
            *out = input(&self.lanes[lane], *wanted);
        }
    }
}
