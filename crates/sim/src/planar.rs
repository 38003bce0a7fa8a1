//! The planar physics behind the tasks: all lanes of a batch move at once, in the registers of the CPU.

use wr2l_planar::{Batch, BodyShape, Failure, Parameters, Robot};
use wr2l_rng::Stream;

use crate::batch::{check_numbers, judge_outcome};
use crate::task::Quantity;
use crate::{BatchSim, Divergence, DynamicsSpace, Engine, Outcome, SimError, SimSpec, Task, model};

/// The robot of a task, and where the varied parameters sit in it.
#[derive(Debug)]
pub(crate) struct PlanarModel {
    task: Task,
    spec: SimSpec,
    space: DynamicsSpace,
    layout: Layout,
}

/// A robot, and where the numbers that change sit in it.
#[derive(Clone, Debug)]
struct Layout {
    robot: Robot,
    /// The effect of each coordinate of φ.
    effects: Vec<Effect>,
    /// The bodies that may be pushed.
    pushed: Vec<usize>,
}

/// A parameter's place among those of the robot.
#[derive(Clone, Copy, Debug)]
enum Effect {
    Density(usize),
    Armature(usize),
    /// The armature of every joint that has one.
    SharedArmature,
    Damping(usize),
    Stiffness(usize),
    /// Sliding friction of every contact.
    Friction,
    PoleLength,
}

/// The place of a quantity in a robot; `None` if it lacks the part.
fn effect(robot: Robot, quantity: &Quantity) -> Option<Effect> {
    let names = robot.names();
    let find = |names: &[&str], name: &str| names.iter().position(|&other| other == name);
    Some(match quantity {
        Quantity::Density(body) => Effect::Density(find(names.bodies, body)?),
        Quantity::Armature(joint) => Effect::Armature(find(names.joints, joint)?),
        Quantity::SharedArmature => Effect::SharedArmature,
        Quantity::Damping(joint) => Effect::Damping(find(names.joints, joint)?),
        Quantity::Stiffness(joint) => Effect::Stiffness(find(names.joints, joint)?),
        Quantity::Friction => Effect::Friction,
        Quantity::PoleLength => Effect::PoleLength,
        Quantity::PoleHalfLength
        | Quantity::PoleMass
        | Quantity::CartMass
        | Quantity::Force
        | Quantity::Gravity
        | Quantity::RodMass
        | Quantity::RodLength => return None,
    })
}

/// The bodies of a task's robot, as its model describes them where all positions are 0; none if this physics cannot move
/// it.
pub fn bodies(task: &Task) -> Vec<BodyShape> {
    let robot = model::text(task).ok().and_then(|text| Robot::from_mjcf(&text).ok());
    robot.map_or_else(Vec::new, Robot::bodies)
}

impl PlanarModel {
    pub(crate) fn new(task: Task, space: DynamicsSpace) -> Result<Self, SimError> {
        let layout = Layout::new(&task, &space)?;
        let spec = SimSpec { snapshot_len: layout.snapshot_len(), ..task.spec() };
        Ok(Self { task, spec, space, layout })
    }
}

impl Engine for PlanarModel {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        Ok(Box::new(PlanarBatch::new(self, lanes)?))
    }

    /// As many as are computed at a time on this machine.
    fn preferred_lanes(&self) -> usize {
        wr2l_planar::InstructionSet::fastest().width()
    }
}

impl Layout {
    fn new(task: &Task, vary: &DynamicsSpace) -> Result<Self, SimError> {
        let refused = |reason: String| SimError::Model { task: task.name.clone(), reason };
        let model = task.robot.model.as_deref().unwrap_or_default();
        let robot = Robot::from_mjcf(&model::text(task)?).map_err(|error| refused(error.to_string()))?;
        let timestep = task.robot.timestep;
        if timestep != robot.shape().timestep {
            return Err(SimError::Config {
                task: task.name.clone(),
                field: "timestep",
                value: timestep,
                valid: "the model's own on physics `planar`; physics `mujoco` takes any",
            });
        }
        let shape = robot.shape();
        let (own, theirs) = ((shape.dofs, shape.controls), (task.robot.velocities, task.robot.actions.dim()));
        if own != theirs {
            return Err(refused(format!(
                "`{model}` has (velocities, motors) = {own:?}, the task says {theirs:?}"
            )));
        }
        let (all, quantities) = (task.space(), task.quantities());
        let effects = vary
            .names()
            .map(|name| {
                let effect = effect(robot, &quantities[all.index(name)?]);
                effect.ok_or_else(|| refused(format!("it lacks the part that `{name}` is about")))
            })
            .collect::<Result<_, SimError>>()?;
        let body = |name: &String| {
            let index = robot.names().bodies.iter().position(|other| other == name);
            index.ok_or_else(|| refused(format!("it lacks the body `{name}`")))
        };
        let pushed = task.robot.pushed.iter().map(body).collect::<Result<_, _>>()?;
        Ok(Self { robot, effects, pushed })
    }

    /// Length of a snapshot: the robot's, and the number of elapsed steps.
    fn snapshot_len(&self) -> usize {
        3 * self.robot.shape().dofs + 1
    }

    /// The robot's parameters under φ: the reference ones wherever φ says nothing.
    fn parameters(&self, phi: &[f64]) -> Parameters {
        let mut parameters = self.robot.parameters();
        for (effect, &value) in self.effects.iter().zip(phi) {
            match *effect {
                Effect::Density(body) => parameters.density[body] = value,
                Effect::Armature(joint) => parameters.armature[joint] = value,
                Effect::SharedArmature => {
                    for armature in parameters.armature.iter_mut().filter(|armature| **armature > 0.0) {
                        *armature = value;
                    }
                }
                Effect::Damping(joint) => parameters.damping[joint] = value,
                Effect::Stiffness(joint) => parameters.stiffness[joint] = value,
                Effect::Friction => parameters.friction.fill(value),
                Effect::PoleLength => parameters.pole_length = value,
            }
        }
        parameters
    }
}

/// A batch of lanes simulated together by the planar physics.
#[derive(Debug)]
struct PlanarBatch {
    layout: Layout,
    task: Task,
    spec: SimSpec,
    space: DynamicsSpace,
    frame_skip: usize,
    batch: Batch,
    /// Dynamics that the lanes hold, `[lanes, dim]`.
    phi: Vec<f64>,
    /// Steps of each lane's episode.
    elapsed: Vec<u32>,
    /// A copy of the lanes' states, `[lanes, nq + nv]`: the batch keeps them across registers.
    states: Vec<f64>,
    /// Room for the forces on all bodies of a lane, `[bodies, 2]`.
    forces: Vec<f64>,
}

impl PlanarBatch {
    fn new(model: &PlanarModel, lanes: usize) -> Result<Self, SimError> {
        let PlanarModel { task, spec, space, layout } = model;
        let mut batch = Self {
            frame_skip: task.robot.frame_skip as usize,
            batch: Batch::new(layout.robot, lanes),
            phi: vec![f64::NAN; lanes * space.dim()],
            elapsed: vec![0; lanes],
            states: vec![0.0; lanes * spec.state_dim()],
            forces: vec![0.0; 2 * layout.robot.shape().bodies],
            layout: layout.clone(),
            task: task.clone(),
            spec: spec.clone(),
            space: space.clone(),
        };
        let nominal = batch.space.nominal();
        for lane in 0..lanes {
            batch.set_dynamics(lane, &nominal)?;
        }
        Ok(batch)
    }

    /// Copies a lane's state out of the batch.
    fn read(&mut self, lane: usize) {
        let n = self.spec.state_dim();
        let (qpos, qvel) = self.states[lane * n..][..n].split_at_mut(self.spec.nq);
        self.batch.state(lane, qpos, qvel);
    }

    fn lane_state(&self, lane: usize) -> &[f64] {
        let n = self.spec.state_dim();
        &self.states[lane * n..][..n]
    }

    /// Starts an episode in the state that stands in `states`.
    fn start(&mut self, lane: usize) {
        let n = self.spec.state_dim();
        let (qpos, qvel) = self.states[lane * n..][..n].split_at(self.spec.nq);
        self.batch.set_state(lane, qpos, qvel);
        self.elapsed[lane] = 0;
    }
}

impl From<Failure> for Divergence {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Control => Self::Action,
            // Forces that are not finite never reach the physics.
            Failure::State | Failure::Force => Self::State,
            Failure::Solver => Self::Simulator,
        }
    }
}

impl BatchSim for PlanarBatch {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.elapsed.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.space.check(phi)?;
        let held = &mut self.phi[lane * phi.len()..][..phi.len()];
        if held == phi {
            return Ok(());
        }
        let parameters = self.layout.parameters(phi);
        // The hard bounds are narrower than what the physics takes.
        self.batch
            .set_parameters(lane, &parameters)
            .map_err(|error| SimError::Model { task: self.task.name.clone(), reason: error.to_string() })?;
        held.copy_from_slice(phi);
        Ok(())
    }

    fn set_forces(&mut self, lane: usize, forces: &[f64]) -> Result<(), SimError> {
        check_numbers("forces", forces, 2 * self.layout.pushed.len())?;
        self.forces.fill(0.0);
        for (&body, force) in self.layout.pushed.iter().zip(forces.chunks_exact(2)) {
            self.forces[2 * body..][..2].copy_from_slice(force);
        }
        self.batch.set_forces(lane, &self.forces);
        Ok(())
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let n = self.spec.state_dim();
        let (qpos, qvel) = self.states[lane * n..][..n].split_at_mut(self.spec.nq);
        self.task.draw_initial_state(stream, qpos, qvel);
        self.start(lane);
    }

    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        let n = self.spec.state_dim();
        check_numbers("state", state, n)?;
        self.states[lane * n..][..n].copy_from_slice(state);
        self.start(lane);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(self.lane_state(lane));
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        let (qpos, qvel) = self.lane_state(lane).split_at(self.spec.nq);
        self.task.observe(qpos, qvel, out);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let (elapsed, state) = out.split_last_mut().expect("a snapshot is not empty");
        self.batch.save(lane, state);
        *elapsed = f64::from(self.elapsed[lane]);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        check_numbers("snapshot", snapshot, self.spec.snapshot_len)?;
        let (elapsed, state) = snapshot.split_last().expect("a snapshot is not empty");
        self.batch.restore(lane, state);
        self.elapsed[lane] = *elapsed as u32;
        self.read(lane);
        Ok(())
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        self.batch.step(actions, active, self.frame_skip);
        let act_dim = self.spec.act_dim();
        for lane in (0..active.len()).filter(|&lane| active[lane]) {
            let failure = self.batch.failure(lane);
            if failure == Some(Failure::Control) {
                (rewards[lane], outcomes[lane]) = (0.0, Outcome::Diverged(Divergence::Action));
                continue;
            }
            let previous_x = self.lane_state(lane)[0];
            self.read(lane);
            self.elapsed[lane] = self.elapsed[lane].saturating_add(1);
            let (qpos, qvel) = self.lane_state(lane).split_at(self.spec.nq);
            let action = &actions[lane * act_dim..][..act_dim];
            let verdict = self.task.judge(previous_x, qpos, qvel, action);
            (rewards[lane], outcomes[lane]) = judge_outcome(
                verdict,
                failure.map(Divergence::from),
                self.elapsed[lane],
                self.spec.episode_limit,
            );
        }
    }
}
