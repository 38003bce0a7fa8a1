//! A robot's task on the batched engine.

use std::sync::Arc;

use wr2l_lanes::{Batch, Failure, InstructionSet, Model, Parameters};
use wr2l_sim::{BatchSim, Divergence, DynamicsSpace, Engine, SimError, SimSpec};

use crate::batch::{RobotBatch, spec};
use crate::effects::Effects;
use crate::input::Input;
use crate::inventory::Site;
use crate::kinematics::{Kinematics, Wanted};
use crate::lane_forces::LaneForces;
use crate::lane_sensors;
use crate::loop_numbers::Reach;
use crate::mover::Mover;
use crate::rules::{Moment, Rig};

/// Makes batches of a rig on the batched engine.
#[derive(Debug)]
pub(crate) struct LanesEngine {
    rig: Arc<Rig>,
    model: Arc<Model>,
    effects: Effects,
    space: DynamicsSpace,
    spec: SimSpec,
}

/// Why the batched engine cannot run a rig with these effects, if it cannot.
pub(crate) fn refuses(rig: &Rig, effects: &Effects) -> Option<String> {
    if let Err(reason) = rig.model.lanes() {
        return Some(reason.to_owned());
    }
    let beyond = |input: &Input| match input {
        Input::Sensor(address) => lane_sensors::refuses(rig.model.inventory(), *address),
        _ => None,
    };
    if let Some(what) = rig.rules.inputs().iter().find_map(beyond) {
        return Some(format!(
            "the task reads {what}, which the batched engine does not give; run it on MuJoCo"
        ));
    }
    let (name, what) = effects.beyond_lanes()?;
    Some(format!("`{name}` moves {what}, which the batched engine does not vary; run it on MuJoCo"))
}

impl LanesEngine {
    /// # Errors
    /// Why it cannot.
    pub(crate) fn new(rig: Arc<Rig>, effects: Effects, space: DynamicsSpace) -> Result<Self, String> {
        if let Some(reason) = refuses(&rig, &effects) {
            return Err(reason);
        }
        let model = Arc::clone(rig.model.lanes().map_err(str::to_owned)?);
        let shape = model.shape();
        let spec = spec(&rig, shape.coordinates + 2 * shape.dofs, Reach::of(&effects, &space, &rig));
        Ok(Self { rig, model, effects, space, spec })
    }
}

impl Engine for LanesEngine {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let refused = |error: wr2l_lanes::ParameterError| SimError::Model {
            task: self.rig.name.clone(),
            reason: error.to_string(),
        };
        let mut batch = Batch::new(&self.model, lanes).map_err(refused)?;
        batch.keep_evaluated(self.rig.moment == Moment::Evaluated);
        let wanted = crate::batch::Readings::new(self.rig.rules.inputs()).wanted;
        let seen = LaneForces::new(&mut batch, self.rig.model.inventory(), &wanted);
        let seen =
            seen.map_err(|error| SimError::Model { task: self.rig.name.clone(), reason: error.to_string() })?;
        let compiled = self.model.compiled();
        let needs = |is: fn(&Input) -> bool| wanted.iter().any(is);
        let beyond = Wanted {
            velocities: needs(|input| matches!(input, Input::BodyVelocity { .. } | Input::BodySpin { .. })),
            centres: needs(|input| matches!(input, Input::CentreOfMass { .. })),
            tree_velocities: needs(|input| matches!(input, Input::TreeVelocity { .. })),
            tree_inertias: needs(|input| matches!(input, Input::TreeInertia { .. })),
        };
        let sites = &self.rig.model.inventory().sites;
        let placed: Vec<usize> = wanted.iter().filter_map(|input| body_of(input, sites)).collect();
        let mut kinematics = Kinematics::new(compiled);
        if !beyond.of_trees() {
            kinematics.only(compiled, &placed);
        }
        let mover = LanesMover {
            phi: vec![batch.nominal().clone(); lanes],
            qpos: vec![0.0; compiled.nq()],
            qvel: vec![0.0; compiled.nv()],
            evaluated: [vec![0.0; compiled.nq()], vec![0.0; compiled.nv()]],
            forces: vec![0.0; 6 * compiled.bodies.len()],
            kinematics,
            wanted: beyond,
            places: beyond.of_trees() || !placed.is_empty(),
            batch,
            seen,
            rig: Arc::clone(&self.rig),
            effects: self.effects.clone(),
        };
        Ok(Box::new(RobotBatch::new(mover, &self.rig, &self.effects, &self.spec, &self.space, lanes)?))
    }

    /// As many as are computed at a time on this machine.
    fn preferred_lanes(&self) -> usize {
        InstructionSet::fastest().width()
    }
}

/// The body whose place or velocity an input is.
fn body_of(input: &Input, sites: &[Site]) -> Option<usize> {
    match *input {
        Input::BodyPosition { body, .. }
        | Input::BodyRotation { body, .. }
        | Input::BodyVelocity { body, .. }
        | Input::BodySpin { body, .. } => Some(body),
        Input::SitePosition { site, .. } => Some(sites[site].body),
        _ => None,
    }
}

#[derive(Debug)]
struct LanesMover {
    batch: Batch,
    /// Forces and sensors, where the task reads any.
    seen: Option<LaneForces>,
    rig: Arc<Rig>,
    effects: Effects,
    /// Parameters of every lane, for its centres of mass.
    phi: Vec<Parameters>,
    /// Room for a lane's state and forces.
    qpos: Vec<f64>,
    qvel: Vec<f64>,
    evaluated: [Vec<f64>; 2],
    forces: Vec<f64>,
    kinematics: Kinematics,
    wanted: Wanted,
    /// Whether places of bodies are read, or what follows from them.
    places: bool,
}

impl LanesMover {
    fn input(&self, input: Input) -> f64 {
        let bodies = &self.kinematics;
        match input {
            Input::Position(k) => self.qpos[k],
            Input::Velocity(k) => self.qvel[k],
            Input::BodyPosition { body, axis } => bodies.position[body][axis],
            Input::BodyRotation { body, row, column } => bodies.rotation[body][3 * row + column],
            Input::BodyVelocity { body, axis } => bodies.velocity[body][axis],
            Input::BodySpin { body, axis } => bodies.own_spin(body)[axis],
            Input::CentreOfMass { body, axis } => bodies.subtree[body][axis],
            Input::SitePosition { site, axis } => {
                let site = &self.rig.model.inventory().sites[site];
                bodies.point(site.body, site.position)[axis]
            }
            Input::TreeInertia { body, component } => bodies.tree_inertia[body][component],
            Input::TreeVelocity { body, component } => bodies.tree_velocity[body][component],
            // Others are refused when the engine is made, or computed by the batch.
            other => self.seen.as_ref().and_then(|seen| seen.get(other)).unwrap_or(f64::NAN),
        }
    }
}

impl Mover for LanesMover {
    fn set_phi(&mut self, lane: usize, phi: &[f64]) -> Result<(), String> {
        let mut parameters = self.batch.nominal().clone();
        self.effects.write_lanes(phi, &mut parameters);
        self.batch.set_parameters(lane, &parameters).map_err(|error| error.to_string())?;
        self.phi[lane] = parameters;
        Ok(())
    }

    fn set_forces(&mut self, lane: usize, bodies: &[usize], forces: &[[f64; 3]]) {
        self.forces.fill(0.0);
        for (&body, force) in bodies.iter().zip(forces) {
            // The world cannot be pushed.
            if let Some(body) = body.checked_sub(1) {
                (0..3).for_each(|axis| self.forces[6 * body + axis] += force[axis]);
            }
        }
        self.batch.set_forces(lane, &self.forces);
    }

    fn start(&mut self, lane: usize, qpos: &[f64], qvel: &[f64]) {
        self.batch.set_state(lane, qpos, qvel);
    }

    fn settle(&mut self, lane: usize) {
        if let Some(seen) = &mut self.seen {
            seen.start(&mut self.batch, lane);
        }
    }

    fn state(&self, lane: usize, qpos: &mut [f64], qvel: &mut [f64]) {
        self.batch.state(lane, qpos, qvel);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        self.batch.save(lane, out);
    }

    fn restore(&mut self, lane: usize, snapshot: &[f64]) {
        self.batch.restore(lane, snapshot);
    }

    fn advance(&mut self, controls: &[f64], active: &[bool], steps: u32) {
        self.batch.step(controls, active, steps as usize);
        if let Some(seen) = &mut self.seen {
            seen.advance(active);
        }
    }

    fn failure(&self, lane: usize) -> Option<Divergence> {
        self.batch.failure(lane).map(|failure| match failure {
            Failure::Control => Divergence::Action,
            Failure::Solver => Divergence::Simulator,
            _ => Divergence::State,
        })
    }

    fn read(&mut self, lane: usize, wanted: &[Input], out: &mut [f64]) {
        let (mut qpos, mut qvel) = (std::mem::take(&mut self.qpos), std::mem::take(&mut self.qvel));
        self.batch.state(lane, &mut qpos, &mut qvel);
        (self.qpos, self.qvel) = (qpos, qvel);
        if self.places {
            let (model, phi) = (self.batch.model().compiled(), &self.phi[lane]);
            let (q, v) = match self.rig.moment {
                Moment::Reached => (&self.qpos, &self.qvel),
                Moment::Evaluated => {
                    let [q, v] = &mut self.evaluated;
                    self.batch.evaluated(lane, q, v);
                    (&*q, &*v)
                }
            };
            self.kinematics.compute(model, phi, self.wanted, q, v);
        }
        if let Some(seen) = &mut self.seen {
            seen.read(&self.batch, lane);
        }
        for (out, input) in out.iter_mut().zip(wanted) {
            *out = self.input(*input);
        }
    }
}
