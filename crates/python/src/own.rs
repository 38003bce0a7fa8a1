//! A simulator from Python: the engine that steps environments of somebody else's making.
//!
//! `wr2l.own` wraps each environment in an object with the methods that are called here. What such a method raises is kept
//! aside, the work is asked to stop, and the lane counts as broken down.

use std::sync::Arc;

use numpy::PyArray1;
use pyo3::prelude::*;
use wr2l::rng::Stream;
use wr2l::sim::{
    ActionSpace, BatchSim, Divergence, DynamicsSpace, Engine, Outcome, Parameter, SimError, SimSpec,
    Simulator,
};

use crate::callable::Raised;
use crate::error;
use crate::task::Parameters;

/// Seeds that an environment is reset with lie below this, so that 64-bit numbers hold them exactly.
const SEEDS: f64 = 2_147_483_648.0;

/// A simulator that is a Python factory of environments.
#[pyclass(module = "wr2l._native", frozen)]
pub(crate) struct OwnSimulator {
    name: String,
    make: Arc<Py<PyAny>>,
    spec: SimSpec,
    pub(crate) space: DynamicsSpace,
}

#[pymethods]
impl OwnSimulator {
    /// `make()` gives a wrapped environment; `parameters` are name, unit, nominal value, lower and upper bound, description;
    /// `choices`, or `low` and `high`, are the actions.
    #[new]
    #[pyo3(signature = (name, make, parameters, obs_dim, choices, low, high, episode_limit))]
    #[expect(clippy::too_many_arguments, reason = "each is a number of the environment's")]
    fn new(
        name: String,
        make: Py<PyAny>,
        parameters: Parameters,
        obs_dim: usize,
        choices: Option<usize>,
        low: Vec<f64>,
        high: Vec<f64>,
        episode_limit: u32,
    ) -> PyResult<Self> {
        let actions = match choices {
            Some(n) => ActionSpace::Discrete { n },
            None => ActionSpace::Continuous { low, high },
        };
        let parameters = parameters.into_iter().map(|(name, unit, nominal, lower, upper, description)| {
            let scale = if nominal == 0.0 { upper - lower } else { nominal.abs() };
            Parameter { name, unit, description, nominal, lower, upper, scale }
        });
        let space = DynamicsSpace::new(parameters.collect()).map_err(error::of_space)?;
        let spec = SimSpec {
            obs_dim,
            // Seed, steps, and the action of every step.
            snapshot_len: 2 + episode_limit as usize * actions.dim(),
            actions,
            nq: 0,
            nv: 0,
            episode_limit,
            dt: 1.0,
            forces: Vec::new(),
            walks: false,
        };
        Ok(Self { name, make: Arc::new(make), spec, space })
    }
}

impl OwnSimulator {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The simulator that varies `vary`, some of the parameters; what Python raises goes to `raised`.
    pub(crate) fn simulator(&self, vary: DynamicsSpace, raised: &Raised) -> Simulator {
        let engine = OwnEngine {
            name: self.name.clone(),
            make: self.make.clone(),
            spec: self.spec.clone(),
            space: vary.clone(),
            raised: raised.clone(),
        };
        let identity = format!("{} {:?} {:?}", self.name, self.spec, self.space);
        Simulator::with_engine(self.name.clone(), identity, vary, engine)
    }
}

#[derive(Debug)]
struct OwnEngine {
    name: String,
    make: Arc<Py<PyAny>>,
    spec: SimSpec,
    space: DynamicsSpace,
    raised: Raised,
}

impl Engine for OwnEngine {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let lane = || OwnLane {
            env: None,
            phi: self.space.nominal(),
            observation: vec![0.0; self.spec.obs_dim],
            seed: 0.0,
            actions: Vec::new(),
            over: true,
        };
        Ok(Box::new(OwnBatch {
            name: self.name.clone(),
            make: self.make.clone(),
            spec: self.spec.clone(),
            space: self.space.clone(),
            raised: self.raised.clone(),
            lanes: (0..lanes).map(|_| lane()).collect(),
        }))
    }
}

#[derive(Debug)]
struct OwnLane {
    /// Made when the lane is first used.
    env: Option<Py<PyAny>>,
    phi: Vec<f64>,
    observation: Vec<f64>,
    /// What the episode was reset with, and what was done since: an episode is repeated from these.
    seed: f64,
    actions: Vec<f64>,
    over: bool,
}

impl OwnLane {
    fn see(&mut self, observation: Vec<f64>) -> PyResult<()> {
        let (got, expected) = (observation.len(), self.observation.len());
        if got != expected {
            return Err(error::usage(format!("an observation of {got} numbers, expected {expected}")));
        }
        self.observation = observation;
        Ok(())
    }
}

#[derive(Debug)]
struct OwnBatch {
    name: String,
    make: Arc<Py<PyAny>>,
    spec: SimSpec,
    space: DynamicsSpace,
    raised: Raised,
    lanes: Vec<OwnLane>,
}

/// What a step of an environment came to.
type Stepped = (Vec<f64>, f64, bool, bool);

impl OwnBatch {
    /// Resets a lane's environment under its dynamics.
    fn begin(&mut self, lane: usize, seed: f64) -> PyResult<()> {
        let names: Vec<String> = self.space.names().map(str::to_owned).collect();
        let make = self.make.clone();
        let lane = &mut self.lanes[lane];
        (lane.seed, lane.over) = (seed, false);
        lane.actions.clear();
        Python::attach(|py| {
            let env = match lane.env.take() {
                Some(env) => env,
                None => make.call0(py)?,
            };
            let phi: Vec<(String, f64)> = names.into_iter().zip(lane.phi.iter().copied()).collect();
            lane.see(env.call_method1(py, "reset", (phi, seed as u64))?.extract(py)?)?;
            lane.env = Some(env);
            Ok(())
        })
    }

    fn advance(&mut self, lane: usize, action: &[f64]) -> PyResult<(f64, Outcome)> {
        let limit = self.spec.episode_limit as usize * action.len();
        let lane = &mut self.lanes[lane];
        let (observation, reward, terminated, truncated): Stepped = Python::attach(|py| {
            py.check_signals()?;
            let Some(env) = &lane.env else {
                return Err(error::broken("a lane was stepped before it was reset"));
            };
            env.call_method1(py, "step", (PyArray1::from_slice(py, action),))?.extract(py)
        })?;
        lane.see(observation)?;
        lane.actions.extend_from_slice(action);
        let outcome = match (terminated, truncated || lane.actions.len() >= limit) {
            (true, _) => Outcome::Terminated,
            (false, true) => Outcome::Truncated,
            (false, false) => Outcome::Running,
        };
        let sound = reward.is_finite() && lane.observation.iter().all(|x| x.is_finite());
        Ok(if sound { (reward, outcome) } else { (0.0, Outcome::Diverged(Divergence::State)) })
    }

    /// Notes what Python raised; the lane is broken.
    fn fail(&mut self, lane: usize, error: PyErr) {
        self.raised.put(error);
        self.lanes[lane].over = true;
    }

    fn refused(&self, reason: &str) -> SimError {
        SimError::Model { task: self.name.clone(), reason: reason.to_owned() }
    }
}

impl BatchSim for OwnBatch {
    fn spec(&self) -> &SimSpec {
        &self.spec
    }

    fn lanes(&self) -> usize {
        self.lanes.len()
    }

    fn set_dynamics(&mut self, lane: usize, phi: &[f64]) -> Result<(), SimError> {
        self.space.check(phi)?;
        self.lanes[lane].phi.copy_from_slice(phi);
        Ok(())
    }

    fn set_forces(&mut self, _: usize, forces: &[f64]) -> Result<(), SimError> {
        match forces.len() {
            0 => Ok(()),
            got => Err(SimError::State { what: "forces", expected: 0, got }),
        }
    }

    fn reset(&mut self, lane: usize, stream: &mut Stream) {
        let seed = stream.uniform(0.0, SEEDS).floor();
        if let Err(error) = self.begin(lane, seed) {
            self.fail(lane, error);
        }
    }

    fn set_state(&mut self, _: usize, _: &[f64]) -> Result<(), SimError> {
        Err(self.refused("it cannot be put into a given state, which the ball needs; search in a box"))
    }

    fn state(&self, _: usize, _: &mut [f64]) {}

    fn observe(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.lanes[lane].observation);
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let lane = &self.lanes[lane];
        out.fill(0.0);
        (out[0], out[1]) = (lane.seed, lane.actions.len() as f64);
        out[2..2 + lane.actions.len()].copy_from_slice(&lane.actions);
    }

    /// Repeats the episode from its seed and actions.
    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        let width = self.spec.act_dim();
        let (seed, done) = (snapshot[0], snapshot[1] as usize);
        let repeat = |batch: &mut Self| {
            batch.begin(lane, seed)?;
            for action in snapshot[2..].chunks_exact(width).take(done / width) {
                batch.advance(lane, action)?;
            }
            Ok(())
        };
        repeat(self).map_err(|error| {
            self.fail(lane, error);
            SimError::Interrupted
        })
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let width = self.spec.act_dim();
        for lane in (0..active.len()).filter(|&lane| active[lane]) {
            let action = &actions[lane * width..][..width];
            let stepped = match self.lanes[lane].over {
                true => Ok((0.0, Outcome::Diverged(Divergence::Simulator))),
                false => self.advance(lane, action),
            };
            (rewards[lane], outcomes[lane]) = stepped.unwrap_or_else(|error| {
                self.fail(lane, error);
                (0.0, Outcome::Diverged(Divergence::Simulator))
            });
        }
    }
}
