//! The engine of a simulator from Python.
//!
//! `wr2l.groups` wraps the environments of a batch in one object, a group, whose methods are called here; they may live in
//! other processes. What a method raises is kept aside, the work is asked to stop, and all lanes count as broken down.

use std::fmt;
use std::sync::Arc;

use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use wr2l::rng::Stream;
use wr2l::sim::{BatchSim, Divergence, DynamicsSpace, Engine, Outcome, SimError, SimSpec, Simulator, Usual};

use crate::error;
use crate::raised::Raised;

/// Seeds that an environment is reset with lie below this, so that 64-bit numbers hold them exactly.
const SEEDS: f64 = 2_147_483_648.0;
/// Lanes of a batch: as many as a learner has, so that an episode goes on where its environment stands.
pub(crate) const LANES: usize = 64;

/// What an own simulator consists of.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) name: String,
    /// What of it can be compared across processes, a line each: names of its functions, shapes, limits, parameters.
    pub(crate) identity: String,
    /// `group()` gives a group of so many environments.
    pub(crate) group: Py<PyAny>,
    pub(crate) spec: SimSpec,
    pub(crate) space: DynamicsSpace,
    pub(crate) usual: Vec<Usual>,
}

/// The simulator that varies `vary`, some of the parameters; what Python raises goes to `raised`.
pub(crate) fn simulator(made: &Arc<Made>, vary: DynamicsSpace, raised: &Raised) -> Simulator {
    let engine = OwnEngine { made: made.clone(), space: vary.clone(), raised: raised.clone() };
    let identity = format!("{}\n{}", made.name, made.identity);
    Simulator::with_engine(made.name.clone(), identity, vary, engine)
}

struct OwnEngine {
    made: Arc<Made>,
    space: DynamicsSpace,
    raised: Raised,
}

impl fmt::Debug for OwnEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnEngine").field(&self.made.name).finish()
    }
}

impl Engine for OwnEngine {
    fn spec(&self) -> &SimSpec {
        &self.made.spec
    }

    fn batch(&self, lanes: usize) -> Result<Box<dyn BatchSim>, SimError> {
        let spec = &self.made.spec;
        let lane = |place: usize| OwnLane {
            phi: self.space.nominal(),
            episode: Episode {
                place,
                phi: Vec::new(),
                seed: f64::NAN,
                actions: Vec::new(),
                observation: vec![0.0; spec.obs_dim],
                state: vec![0.0; spec.state_dim()],
                to_set: false,
                over: true,
            },
        };
        Ok(Box::new(OwnBatch {
            made: self.made.clone(),
            space: self.space.clone(),
            raised: self.raised.clone(),
            group: None,
            lanes: (0..lanes).map(lane).collect(),
        }))
    }

    fn preferred_lanes(&self) -> usize {
        LANES
    }
}

/// An episode of an environment, which goes along when lanes exchange theirs.
#[derive(Debug)]
struct Episode {
    /// Number of the environment in the group.
    place: usize,
    /// What the episode was reset with, and what was done since: it is repeated from these. The seed of one that began in a
    /// given state is NaN.
    phi: Vec<f64>,
    seed: f64,
    actions: Vec<f64>,
    observation: Vec<f64>,
    state: Vec<f64>,
    /// Whether the environment has yet to be put into `state`.
    to_set: bool,
    over: bool,
}

impl Episode {
    fn see(&mut self, observation: &[f64], state: &[f64]) -> PyResult<()> {
        let lengths =
            [("an observation", observation, &mut self.observation), ("a state", state, &mut self.state)];
        for (what, got, kept) in lengths {
            if got.len() != kept.len() {
                let (got, expected) = (got.len(), kept.len());
                return Err(error::usage(format!("{what} of {got} numbers, expected {expected}")));
            }
            kept.copy_from_slice(got);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct OwnLane {
    /// Dynamics of the next episode.
    phi: Vec<f64>,
    episode: Episode,
}

#[derive(Debug)]
struct OwnBatch {
    made: Arc<Made>,
    space: DynamicsSpace,
    raised: Raised,
    /// Made when it is first needed.
    group: Option<Py<PyAny>>,
    lanes: Vec<OwnLane>,
}

/// Observations, rewards, whether terminated and truncated, and states of the lanes that were stepped, row by row.
type Stepped<'py> = (Bound<'py, PyArray1<f64>>, Vec<f64>, Vec<bool>, Vec<bool>, Bound<'py, PyArray1<f64>>);
/// Observation and state.
type Begun<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

impl OwnBatch {
    fn group<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let group = match &self.group {
            Some(group) => group,
            None => self.group.insert(self.made.group.call0(py)?),
        };
        Ok(group.bind(py).clone())
    }

    /// Resets a lane's environment under its dynamics.
    fn begin(&mut self, lane: usize, seed: f64) -> PyResult<()> {
        let phi = named(&self.made.space, &self.space, &self.lanes[lane].phi);
        Python::attach(|py| {
            let group = self.group(py)?;
            let OwnLane { phi: wanted, episode } = &mut self.lanes[lane];
            (episode.seed, episode.over, episode.to_set) = (f64::NAN, true, false);
            episode.actions.clear();
            let (observation, state): Begun<'_> =
                group.call_method1("reset", (episode.place, phi, seed as u64))?.extract()?;
            episode.see(&observation.to_vec()?, &state.to_vec()?)?;
            episode.phi.clone_from(wanted);
            (episode.seed, episode.over) = (seed, false);
            Ok(())
        })
    }

    /// Steps the environments of `lanes` by `actions`, one row each.
    fn advance(
        &mut self,
        lanes: &[usize],
        actions: &[f64],
        rewards: &mut [f64],
        outcomes: &mut [Outcome],
    ) -> PyResult<()> {
        let (width, obs_dim, state_dim) =
            (self.made.spec.act_dim(), self.made.spec.obs_dim, self.made.spec.state_dim());
        let limit = self.made.spec.episode_limit as usize * width;
        Python::attach(|py| {
            py.check_signals()?;
            let group = self.group(py)?;
            let places: Vec<usize> = lanes.iter().map(|&lane| self.lanes[lane].episode.place).collect();
            let starts = PyDict::new(py);
            for (&lane, &place) in lanes.iter().zip(&places) {
                let OwnLane { phi, episode } = &mut self.lanes[lane];
                if std::mem::take(&mut episode.to_set) {
                    let phi = named(&self.made.space, &self.space, phi);
                    starts.set_item(place, (phi, PyArray1::from_slice(py, &episode.state)))?;
                }
            }
            let taken = PyArray1::from_slice(py, actions).reshape([lanes.len(), width])?;
            let answer = group.call_method1("step", (places, taken, starts))?;
            let (observations, got, terminated, truncated, states): Stepped<'_> = answer.extract()?;
            let (observations, states) = (observations.to_vec()?, states.to_vec()?);
            let lengths = [got.len(), terminated.len(), truncated.len()];
            if lengths != [lanes.len(); 3] || observations.len() != lanes.len() * obs_dim {
                let (got, expected) = (observations.len(), lanes.len() * obs_dim);
                return Err(error::usage(format!("observations of {got} numbers, expected {expected}")));
            }
            for (i, &lane) in lanes.iter().enumerate() {
                let episode = &mut self.lanes[lane].episode;
                let state = states.get(i * state_dim..(i + 1) * state_dim).unwrap_or_default();
                episode.see(&observations[i * obs_dim..][..obs_dim], state)?;
                episode.actions.extend_from_slice(&actions[i * width..][..width]);
                let outcome = match (terminated[i], truncated[i] || episode.actions.len() >= limit) {
                    (true, _) => Outcome::Terminated,
                    (false, true) => Outcome::Truncated,
                    (false, false) => Outcome::Running,
                };
                let mut numbers = episode.observation.iter().chain(&episode.state);
                let sound = got[i].is_finite() && numbers.all(|x| x.is_finite());
                (rewards[lane], outcomes[lane]) =
                    if sound { (got[i], outcome) } else { (0.0, Outcome::Diverged(Divergence::State)) };
                episode.over = outcomes[lane].is_over();
            }
            Ok(())
        })
    }

    /// Notes what Python raised: no lane can be used any more.
    fn fail(&mut self, error: PyErr) {
        self.raised.put(error);
        self.lanes.iter_mut().for_each(|lane| lane.episode.over = true);
    }

    fn refused(&self, reason: &str) -> SimError {
        SimError::Model { task: self.made.name.clone(), reason: reason.to_owned() }
    }
}

/// All parameters by name: those that vary have the values `phi`, the others their nominal ones, which a function may ask for as
/// well.
fn named(all: &DynamicsSpace, varied: &DynamicsSpace, phi: &[f64]) -> Vec<(String, f64)> {
    let value =
        |name: &str, nominal: f64| varied.names().position(|other| other == name).map_or(nominal, |i| phi[i]);
    all.parameters().iter().map(|p| (p.name.clone(), value(&p.name, p.nominal))).collect()
}

impl Drop for OwnBatch {
    fn drop(&mut self) {
        if let Some(group) = self.group.take() {
            // Not where the interpreter has ended; the processes notice that themselves.
            let _ = Python::try_attach(|py| group.call_method0(py, "close").map(drop));
        }
    }
}

impl BatchSim for OwnBatch {
    fn spec(&self) -> &SimSpec {
        &self.made.spec
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
        if self.raised.is_there() {
            self.lanes[lane].episode.over = true;
        } else if let Err(error) = self.begin(lane, seed) {
            self.fail(error);
        }
    }

    /// The environment is put there when it is stepped next. Until then nothing is known of its observation.
    fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), SimError> {
        let expected = self.made.spec.state_dim();
        if expected == 0 {
            return Err(
                self.refused("it cannot be put into a given state: say how its state is read and set")
            );
        }
        let got = state.iter().filter(|value| value.is_finite()).count().min(state.len());
        if state.len() != expected || got != expected {
            return Err(SimError::State { what: "state", expected, got });
        }
        let episode = &mut self.lanes[lane].episode;
        episode.state.copy_from_slice(state);
        episode.observation.fill(f64::NAN);
        episode.actions.clear();
        (episode.seed, episode.to_set, episode.over) = (f64::NAN, true, false);
        Ok(())
    }

    fn state(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.lanes[lane].episode.state);
    }

    fn observe(&self, lane: usize, out: &mut [f64]) {
        out.copy_from_slice(&self.lanes[lane].episode.observation);
    }

    fn failure(&self) -> Option<SimError> {
        self.raised.is_there().then_some(SimError::Interrupted)
    }

    fn save(&self, lane: usize, out: &mut [f64]) {
        let episode = &self.lanes[lane].episode;
        out.fill(0.0);
        (out[0], out[1]) = (episode.seed, episode.actions.len() as f64);
        out[2..2 + episode.actions.len()].copy_from_slice(&episode.actions);
    }

    /// Takes the environment that stands there, if one of the batch does; else repeats the episode from its seed and actions.
    fn restore(&mut self, lane: usize, snapshot: &[f64]) -> Result<(), SimError> {
        let expected = self.made.spec.snapshot_len;
        if snapshot.len() != expected || !snapshot.iter().all(|value| value.is_finite()) {
            let got = snapshot.iter().filter(|value| value.is_finite()).count();
            return Err(SimError::State { what: "snapshot", expected, got });
        }
        if self.raised.is_there() {
            return Err(SimError::Interrupted);
        }
        let done = (snapshot[1] as usize).min(snapshot.len() - 2);
        let (seed, actions) = (snapshot[0], &snapshot[2..2 + done]);
        let wanted = self.lanes[lane].phi.clone();
        let stands = |other: &OwnLane| {
            let episode = &other.episode;
            !episode.over && episode.seed == seed && episode.phi == wanted && episode.actions == actions
        };
        if let Some(other) = self.lanes.iter().position(stands) {
            if other != lane {
                let (low, high) = (lane.min(other), lane.max(other));
                let (before, after) = self.lanes.split_at_mut(high);
                std::mem::swap(&mut before[low].episode, &mut after[0].episode);
            }
            return Ok(());
        }
        let width = self.made.spec.act_dim();
        let (mut rewards, mut outcomes) = (vec![0.0; lane + 1], vec![Outcome::Running; lane + 1]);
        let repeated = self.begin(lane, seed).and_then(|()| {
            actions
                .chunks_exact(width)
                .try_for_each(|action| self.advance(&[lane], action, &mut rewards, &mut outcomes))
        });
        repeated.map_err(|error| {
            self.fail(error);
            SimError::Interrupted
        })
    }

    fn step(&mut self, actions: &[f64], active: &[bool], rewards: &mut [f64], outcomes: &mut [Outcome]) {
        let width = self.made.spec.act_dim();
        let broken = self.raised.is_there();
        let mut lanes = Vec::with_capacity(active.len());
        let mut taken = Vec::with_capacity(actions.len());
        for lane in (0..active.len()).filter(|&lane| active[lane]) {
            let action = &actions[lane * width..][..width];
            (rewards[lane], outcomes[lane]) = (0.0, Outcome::Diverged(Divergence::Simulator));
            if !action.iter().all(|a| a.is_finite()) {
                outcomes[lane] = Outcome::Diverged(Divergence::Action);
            } else if !broken && !self.lanes[lane].episode.over {
                lanes.push(lane);
                taken.extend_from_slice(action);
            }
        }
        if lanes.is_empty() {
            return;
        }
        if let Err(error) = self.advance(&lanes, &taken, rewards, outcomes) {
            for lane in lanes {
                (rewards[lane], outcomes[lane]) = (0.0, Outcome::Diverged(Divergence::Simulator));
            }
            self.fail(error);
        }
    }
}
