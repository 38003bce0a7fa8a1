//! MuJoCo behind the tasks: every lane has a model and data of its own.

mod effect;
mod engine;
mod pole;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use mujoco_rs::prelude::{MjData, MjModel, MjtObjBase, MjtState, MjtWarning};
use wr2l_rng::Stream;

use self::effect::Effect;
pub use self::engine::prepare;
use crate::batch::{check_numbers, judge_outcome};
use crate::{BatchSim, Divergence, DynamicsSpace, Engine, Outcome, SimError, SimSpec, Task, model};

/// Everything that determines the next step, the solver's warm start included.
const STATE: u32 = MjtState::mjSTATE_INTEGRATION as u32;

/// A state with a coordinate beyond this is diverged physics: MuJoCo's own limit (`mjMAXVAL`), which it checks at
/// the start of a step and therefore not on the last state of one.
const LARGEST: f64 = 1e10;

/// A task's model, compiled once, with the parameters that vary.
#[derive(Debug)]
pub(crate) struct MujocoModel {
    task: Task,
    spec: SimSpec,
    space: DynamicsSpace,
    compiled: Arc<Compiled>,
}

impl MujocoModel {
    pub(crate) fn new(task: Task, space: DynamicsSpace) -> Result<Self, SimError> {
        let compiled = Arc::new(Compiled::new(&task, &space)?);
        let spec = SimSpec { snapshot_len: compiled.snapshot_len(), ..task.spec() };
        Ok(Self { task, spec, space, compiled })
    }
}

impl Engine for MujocoModel {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        Ok(Box::new(MujocoBatch::new(self, lanes)?))
    }
}

/// The reference model, and where the numbers that change sit in it.
#[derive(Debug)]
struct Compiled {
    reference: MjModel,
    /// Coordinate of φ and its effect, in the order of application.
    effects: Vec<(usize, Effect)>,
    /// The bodies that may be pushed.
    pushed: Vec<usize>,
}

impl Compiled {
    fn new(task: &Task, vary: &DynamicsSpace) -> Result<Self, SimError> {
        engine::prepare()?;
        let refused = |reason: String| SimError::Model { task: task.name.clone(), reason };
        let mut reference =
            MjModel::from_xml_string(&model::text(task)?).map_err(|error| refused(error.to_string()))?;
        let robot = &task.robot;
        reference.opt_mut().timestep = robot.timestep;
        let sizes = (reference.nq() as usize, reference.nv() as usize, reference.nu() as usize);
        if sizes != (robot.positions, robot.velocities, robot.actions.dim()) {
            return Err(refused(format!("its sizes (nq, nv, nu) are {sizes:?}")));
        }
        // Computed once and shared by all clones, so that exchanging a lane's model compares two pointers.
        reference.layout();

        let all = task.space();
        let quantities = task.quantities();
        let mut effects = Vec::with_capacity(vary.dim());
        for (coordinate, name) in vary.names().enumerate() {
            let i = all.index(name)?;
            let nominal = all.parameters()[i].nominal;
            let effect = Effect::resolve(&reference, &quantities[i], nominal)
                .ok_or_else(|| refused(format!("it lacks the part that `{name}` is about")))?;
            effects.push((coordinate, effect));
        }
        effects.sort_by_key(|(_, effect)| effect.rank());
        let body = |name: &String| {
            let id = reference.name_to_id(MjtObjBase::mjOBJ_BODY, name);
            id.ok_or_else(|| refused(format!("it lacks the body `{name}`")))
        };
        let pushed = robot.pushed.iter().map(body).collect::<Result<_, _>>()?;
        Ok(Self { reference, effects, pushed })
    }

    /// Length of a snapshot: MuJoCo's integration state and the number of elapsed steps.
    fn snapshot_len(&self) -> usize {
        self.reference.state_size(STATE) + 1
    }

    /// Writes φ into `model`, whatever it held before; the derived constants are stale afterwards.
    fn write(&self, model: &mut MjModel, phi: &[f64]) {
        model.body_mass_mut().copy_from_slice(self.reference.body_mass());
        model.body_inertia_mut().copy_from_slice(self.reference.body_inertia());
        for (coordinate, effect) in &self.effects {
            effect.apply(model, phi[*coordinate]);
        }
    }
}

#[derive(Debug)]
struct Lane {
    data: MjData<Box<MjModel>>,
    /// Dynamics that the lane's model holds; empty before they are first set.
    phi: Vec<f64>,
    elapsed: u32,
}

/// A batch of lanes simulated by MuJoCo, one after the other.
#[derive(Debug)]
struct MujocoBatch {
    compiled: Arc<Compiled>,
    task: Task,
    spec: SimSpec,
    space: DynamicsSpace,
    frame_skip: u32,
    lanes: Vec<Lane>,
    /// A model to write new dynamics into before a lane takes it and leaves its own here.
    spare: Option<Box<MjModel>>,
    /// Room for a lane's integration state.
    saved: Vec<f64>,
}

impl MujocoBatch {
    fn new(model: &MujocoModel, lanes: usize) -> Result<Self, SimError> {
        let MujocoModel { task, spec, space, compiled } = model;
        let lane = || {
            let data = MjData::try_new(Box::new(compiled.reference.clone()));
            let data =
                data.map_err(|error| SimError::Model { task: task.name.clone(), reason: error.to_string() })?;
            Ok(Lane { data, phi: Vec::with_capacity(space.dim()), elapsed: 0 })
        };
        let lanes = (0..lanes).map(|_| lane()).collect::<Result<Vec<_>, SimError>>()?;
        let mut batch = Self {
            frame_skip: task.robot.frame_skip,
            spare: Some(Box::new(compiled.reference.clone())),
            saved: vec![0.0; compiled.reference.state_size(STATE)],
            compiled: compiled.clone(),
            task: task.clone(),
            spec: spec.clone(),
            space: space.clone(),
            lanes,
        };
        let nominal = batch.space.nominal();
        for lane in 0..batch.lanes.len() {
            batch.set_dynamics(lane, &nominal)?;
        }
        Ok(batch)
    }
}

/// What MuJoCo has warned of since the lane's last reset. A warning stays until the next reset, so that a state
/// that MuJoCo replaced by its initial one never passes for the lane's.
fn warned(data: &MjData<Box<MjModel>>) -> Option<Divergence> {
    const BAD_STATE: [MjtWarning; 3] =
        [MjtWarning::mjWARN_BADQPOS, MjtWarning::mjWARN_BADQVEL, MjtWarning::mjWARN_BADQACC];
    let raised = |warning: MjtWarning| data.warning()[warning as usize].number > 0;
    if BAD_STATE.into_iter().any(raised) {
        Some(Divergence::State)
    } else if data.warning().iter().any(|warning| warning.number > 0) {
        Some(Divergence::Simulator)
    } else {
        None
    }
}

impl BatchSim for MujocoBatch {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.space.check(phi)?;
        let lane = &mut self.lanes[lane];
        if phi.is_empty() || lane.phi == phi {
            return Ok(());
        }
        let mut model = self.spare.take().expect("put back at the end of this function");
        self.compiled.write(&mut model, phi);
        // `mj_setConst` works in the lane's data and leaves the initial state there.
        lane.data.read_state_into(STATE, &mut self.saved);
        self.spare = Some(lane.data.swap_model(model));
        lane.data.set_const();
        // The one derived constant that `mj_setConst` leaves alone; the solver's tolerance depends on it.
        let inertia = lane.data.model().dof_m0();
        let mean_inertia = inertia.iter().sum::<f64>() / inertia.len() as f64;
        lane.data.model_stat_mut().meaninertia = mean_inertia;
        lane.data.set_state(&self.saved, STATE).expect("the state just read has the right length");
        lane.phi.clear();
        lane.phi.extend_from_slice(phi);
        Ok(())
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) -> Result<(), SimError> {
        check_numbers("forces", forces, 2 * self.compiled.pushed.len())?;
        let applied = self.lanes[lane].data.xfrc_applied_mut();
        for (&body, force) in self.compiled.pushed.iter().zip(forces.chunks_exact(2)) {
            (applied[body][0], applied[body][2]) = (force[0], force[1]);
        }
        Ok(())
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let (qpos, qvel) = self.saved[..self.spec.state_dim()].split_at_mut(self.spec.nq);
        self.task.draw_initial_state(stream, qpos, qvel);
        self.lanes[lane].start(qpos, qvel);
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        check_numbers("state", state, self.spec.state_dim())?;
        let (qpos, qvel) = state.split_at(self.spec.nq);
        self.lanes[lane].start(qpos, qvel);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        let (qpos, qvel) = out.split_at_mut(self.spec.nq);
        qpos.copy_from_slice(self.lanes[lane].data.qpos());
        qvel.copy_from_slice(self.lanes[lane].data.qvel());
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        let data = &self.lanes[lane].data;
        self.task.observe(data.qpos(), data.qvel(), out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let lane = &self.lanes[lane];
        let (elapsed, state) = out.split_last_mut().expect("a snapshot is not empty");
        lane.data.read_state_into(STATE, state);
        *elapsed = f64::from(lane.elapsed);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check_numbers("snapshot", snapshot, self.spec.snapshot_len)?;
        let lane = &mut self.lanes[lane];
        let (elapsed, state) = snapshot.split_last().expect("a snapshot is not empty");
        // The reset clears old warnings.
        lane.data.reset();
        lane.data.set_state(state, STATE).expect("the length was checked");
        // MuJoCo's integration state holds the forces too.
        lane.data.xfrc_applied_mut().fill([0.0; 6]);
        lane.elapsed = *elapsed as u32;
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let act_dim = self.spec.act_dim();
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            if !active[i] {
                continue;
            }
            let action = &actions[i * act_dim..(i + 1) * act_dim];
            if !action.iter().all(|a| a.is_finite()) {
                (rewards[i], outcomes[i]) = (0.0, Outcome::Diverged(Divergence::Action));
                continue;
            }
            let data = &mut lane.data;
            let previous_x = data.qpos()[0];
            data.ctrl_mut().copy_from_slice(action);
            for _ in 0..self.frame_skip {
                data.step();
            }
            lane.elapsed = lane.elapsed.saturating_add(1);
            let (qpos, qvel) = (data.qpos(), data.qvel());
            let divergence = warned(data).or_else(|| {
                let bounded = qpos.iter().chain(qvel).all(|value| value.abs() <= LARGEST);
                (!bounded).then_some(Divergence::State)
            });
            let verdict = self.task.judge(previous_x, qpos, qvel, action);
            (rewards[i], outcomes[i]) =
                judge_outcome(verdict, divergence, lane.elapsed, self.spec.episode_limit);
        }
    }
}

impl Lane {
    /// Starts an episode exactly as Gymnasium does, so that the solver's warm start agrees too.
    fn start(&mut self, qpos: &[f64], qvel: &[f64]) {
        self.data.reset();
        self.data.qpos_mut().copy_from_slice(qpos);
        self.data.qvel_mut().copy_from_slice(qvel);
        self.data.forward();
        self.elapsed = 0;
    }
}
