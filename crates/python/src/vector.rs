//! The class `VectorSim`: lanes of a task, whose results are written into arrays that Python owns.

use std::sync::{Mutex, PoisonError};

use numpy::ndarray::Array2;
use numpy::{
    PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyReadwriteArray1, PyReadwriteArray2,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;
use wr2l::sim::{ActionSpace, Outcome};

use crate::error;
use crate::lanes::{Autoreset, Lanes, LanesError};
use crate::task::{self, Parameters};

/// More lanes than this are a slip of the finger.
const MOST_LANES: usize = 1 << 20;

impl From<LanesError> for PyErr {
    fn from(failure: LanesError) -> Self {
        match failure {
            LanesError::Sim(failure) => error::of_sim(failure),
            LanesError::Forked => error::broken(
                "this process is a fork of the one that made the environment, and threads do not survive a fork: \
                 make the environment in the process that uses it",
            ),
            LanesError::Lost => error::broken("a thread that steps this environment is gone: make it anew"),
        }
    }
}

/// Observations, rewards, terminated, truncated.
type Results<'py> = (
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<bool>>,
    Bound<'py, PyArray1<bool>>,
);

/// Observation `[obs_dim]`, reward, terminated, truncated, diverged.
type One<'py> = (Bound<'py, PyArray1<f64>>, f64, bool, bool, bool);

/// Many lanes of a task, each with its own dynamics, on threads of their own.
///
/// All arrays are C-contiguous with one row a lane. Whatever they are called with is checked; the classes of
/// `wr2l.envs` are what one uses.
#[pyclass(module = "wr2l._native")]
pub(crate) struct VectorSim {
    lanes: Mutex<Lanes>,
    autoreset: Autoreset,
    task: String,
    physics: String,
}

/// Refuses an array of another length.
fn expect(what: &str, got: &[usize], expected: &[usize]) -> PyResult<()> {
    match got == expected {
        true => Ok(()),
        false => Err(error::usage(format!("{what}: expected an array of shape {expected:?}, got {got:?}"))),
    }
}

/// What an array without gaps holds.
macro_rules! slice {
    ($array:expr, $what:expr) => {
        $array.as_slice().map_err(|_| error::usage(concat!($what, ": the array is not C-contiguous")))?
    };
}
macro_rules! slice_mut {
    ($array:expr, $what:expr) => {
        $array.as_slice_mut().map_err(|_| error::usage(concat!($what, ": the array is not C-contiguous")))?
    };
}

/// Refuses actions that no lane could take: better a sentence than an episode that breaks down.
fn check_actions(space: &ActionSpace, actions: &[f64]) -> PyResult<()> {
    let bad = match space {
        ActionSpace::Continuous { .. } => actions.iter().position(|action| !action.is_finite()),
        ActionSpace::Discrete { n } => {
            let valid = |a: f64| a.fract() == 0.0 && 0.0 <= a && a < *n as f64;
            actions.iter().position(|&action| !valid(action))
        }
    };
    let Some(at) = bad else { return Ok(()) };
    let (lane, value) = (at / space.dim(), actions[at]);
    let wanted = match space {
        ActionSpace::Continuous { .. } => "a finite number".to_owned(),
        ActionSpace::Discrete { n } => format!("one of 0, …, {}", n - 1),
    };
    Err(error::usage(format!("actions: {value} in lane {lane}, expected {wanted}")))
}

impl VectorSim {
    fn lanes(&mut self) -> &mut Lanes {
        self.lanes.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what came of a step, by lane.
    fn write(
        &mut self,
        observations: &mut [f64],
        rewards: &mut [f64],
        terminated: &mut [bool],
        truncated: &mut [bool],
    ) -> PyResult<()> {
        let (count, width) = (self.lanes().count(), self.lanes().spec().obs_dim);
        let lengths = [observations.len(), rewards.len(), terminated.len(), truncated.len()];
        expect("results", &lengths, &[count * width, count, count, count])?;
        for (range, shard) in self.lanes().shards()? {
            observations[range.start * width..range.end * width].copy_from_slice(&shard.observations);
            rewards[range.clone()].copy_from_slice(&shard.rewards);
            for (lane, outcome) in range.zip(&shard.outcomes) {
                terminated[lane] = *outcome == Outcome::Terminated;
                truncated[lane] = outcome.is_over() && !terminated[lane];
            }
        }
        Ok(())
    }

    /// Steps all lanes by `actions`, by lane.
    fn advance(&mut self, py: Python<'_>, actions: &[f64]) -> PyResult<()> {
        let (mode, act_dim) = (self.autoreset, self.lanes().spec().act_dim());
        check_actions(&self.lanes().spec().actions, actions)?;
        for (range, shard) in self.lanes().shards()? {
            if mode == Autoreset::Disabled
                && let Some(lane) = shard.over.iter().position(|&over| over)
            {
                let lane = range.start + lane;
                return Err(error::usage(format!(
                    "the episode of lane {lane} is over: reset it before the next step"
                )));
            }
            shard.actions.copy_from_slice(&actions[range.start * act_dim..range.end * act_dim]);
        }
        let lanes = self.lanes();
        Ok(py.detach(|| lanes.step(mode))?)
    }

    /// Copies the observations of all lanes.
    fn observe(&mut self, out: &mut [f64]) -> PyResult<()> {
        let width = self.lanes().spec().obs_dim;
        for (range, shard) in self.lanes().shards()? {
            out[range.start * width..range.end * width].copy_from_slice(&shard.observations);
        }
        Ok(())
    }
}

#[pymethods]
impl VectorSim {
    #[new]
    #[pyo3(signature = (task, lanes, physics=None, vary=None, threads=1, autoreset="NextStep"))]
    fn new(
        py: Python<'_>,
        task: &str,
        lanes: usize,
        physics: Option<&str>,
        vary: Option<Vec<String>>,
        threads: usize,
        autoreset: &str,
    ) -> PyResult<Self> {
        if !(1..=MOST_LANES).contains(&lanes) {
            return Err(error::usage(format!("num_envs = {lanes}: expected 1 to {MOST_LANES}")));
        }
        if !(1..=1024).contains(&threads) {
            return Err(error::usage(format!("threads = {threads}: expected 1 to 1024")));
        }
        let autoreset = match autoreset {
            "NextStep" => Autoreset::NextStep,
            "SameStep" => Autoreset::SameStep,
            "Disabled" => Autoreset::Disabled,
            other => {
                let modes = "`NextStep`, `SameStep` or `Disabled`";
                return Err(error::usage(format!("autoreset = {other}: expected {modes}")));
            }
        };
        let (task, physics) = (task::named(task)?, task::physics(physics)?);
        let all = task.space();
        let space =
            vary.map_or(Ok(all.clone()), |patterns| all.select(&patterns)).map_err(error::of_space)?;
        let simulator = task::simulator(&task, physics, space)?;
        let made = py.detach(|| Lanes::new(&simulator, lanes, threads)).map_err(error::of_sim)?;
        let (task, physics) = (simulator.task().to_owned(), simulator.physics().to_owned());
        Ok(Self { lanes: Mutex::new(made), autoreset, task, physics })
    }

    /// Name of the task.
    #[getter]
    fn task(&self) -> &str {
        &self.task
    }

    /// Name of the physics.
    #[getter]
    fn physics(&self) -> &str {
        &self.physics
    }

    /// Length of an observation.
    #[getter]
    fn obs_dim(&mut self) -> usize {
        self.lanes().spec().obs_dim
    }

    /// Numbers of generalised positions and velocities.
    #[getter]
    fn state_dims(&mut self) -> (usize, usize) {
        let spec = self.lanes().spec();
        (spec.nq, spec.nv)
    }

    /// Number of choices; none where actions are real numbers.
    #[getter]
    fn choices(&mut self) -> Option<usize> {
        match self.lanes().spec().actions {
            ActionSpace::Discrete { n } => Some(n),
            ActionSpace::Continuous { .. } => None,
        }
    }

    /// Lower and upper bounds of actions; empty for choices.
    #[getter]
    fn bounds(&mut self) -> (Vec<f64>, Vec<f64>) {
        match &self.lanes().spec().actions {
            ActionSpace::Continuous { low, high } => (low.clone(), high.clone()),
            ActionSpace::Discrete { .. } => (Vec::new(), Vec::new()),
        }
    }

    /// Steps after which an episode is truncated.
    #[getter]
    fn episode_limit(&mut self) -> u32 {
        self.lanes().spec().episode_limit
    }

    /// Simulated seconds per step.
    #[getter]
    fn dt(&mut self) -> f64 {
        self.lanes().spec().dt
    }

    /// The parameters of φ, in order: name, unit, nominal value, lower and upper bound, description.
    #[getter]
    fn parameters(&mut self) -> Parameters {
        task::parameters(self.lanes().space())
    }

    /// Gives lane i the streams of initial states of (`seeds[i]`, `streams[i]`).
    fn seed(&mut self, seeds: PyReadonlyArray1<'_, u64>, streams: PyReadonlyArray1<'_, u64>) -> PyResult<()> {
        let count = self.lanes().count();
        let (seeds, streams) = (slice!(seeds, "seeds"), slice!(streams, "streams"));
        expect("seeds", &[seeds.len(), streams.len()], &[count, count])?;
        for (lane, (&seed, &stream)) in seeds.iter().zip(streams).enumerate() {
            self.lanes().seed(lane, seed, stream)?;
        }
        Ok(())
    }

    /// Sets φ, `[lanes, dim]`, of the lanes in `mask`, from their next episode on.
    fn set_phi(&mut self, phi: PyReadonlyArray2<'_, f64>, mask: PyReadonlyArray1<'_, bool>) -> PyResult<()> {
        let (count, dim) = (self.lanes().count(), self.lanes().space().dim());
        let (phi_shape, mask) = (phi.shape().to_vec(), slice!(mask, "mask"));
        expect("phi", &phi_shape, &[count, dim])?;
        expect("mask", &[mask.len()], &[count])?;
        let phi = slice!(phi, "phi");
        // All or none.
        for lane in (0..count).filter(|&lane| mask[lane]) {
            self.lanes().space().check(&phi[lane * dim..][..dim]).map_err(error::of_space)?;
        }
        for lane in (0..count).filter(|&lane| mask[lane]) {
            self.lanes().set_phi(lane, &phi[lane * dim..][..dim])?;
        }
        Ok(())
    }

    /// Writes φ of the current episodes into `out`, `[lanes, dim]`.
    fn phi(&mut self, mut out: PyReadwriteArray2<'_, f64>) -> PyResult<()> {
        let expected = self.lanes().count() * self.lanes().space().dim();
        let out = slice_mut!(out, "out");
        expect("out", &[out.len()], &[expected])?;
        Ok(self.lanes().phi(out)?)
    }

    /// Begins the next episode of the lanes in `mask`, and writes all observations into `out`, `[lanes, obs_dim]`.
    fn reset(
        &mut self,
        py: Python<'_>,
        mask: PyReadonlyArray1<'_, bool>,
        mut out: PyReadwriteArray2<'_, f64>,
    ) -> PyResult<()> {
        let (count, width) = (self.lanes().count(), self.lanes().spec().obs_dim);
        let (mask, out) = (slice!(mask, "mask"), slice_mut!(out, "observations"));
        expect("mask", &[mask.len()], &[count])?;
        expect("observations", &[out.len()], &[count * width])?;
        let lanes = self.lanes();
        py.detach(|| lanes.begin(|lane| mask[lane]))?;
        self.observe(out)
    }

    /// Writes the physical states, qpos then qvel, into `out`, `[lanes, nq + nv]`.
    fn states(&mut self, mut out: PyReadwriteArray2<'_, f64>) -> PyResult<()> {
        let expected = self.lanes().count() * self.lanes().spec().state_dim();
        let out = slice_mut!(out, "out");
        expect("out", &[out.len()], &[expected])?;
        Ok(self.lanes().states(out)?)
    }

    /// Starts episodes of the lanes in `mask` in the states of `states`, `[lanes, nq + nv]`, and writes all observations.
    fn set_states(
        &mut self,
        states: PyReadonlyArray2<'_, f64>,
        mask: PyReadonlyArray1<'_, bool>,
        mut out: PyReadwriteArray2<'_, f64>,
    ) -> PyResult<()> {
        let (count, n) = (self.lanes().count(), self.lanes().spec().state_dim());
        let width = self.lanes().spec().obs_dim;
        expect("states", states.shape(), &[count, n])?;
        let (states, mask) = (slice!(states, "states"), slice!(mask, "mask"));
        expect("mask", &[mask.len()], &[count])?;
        let out = slice_mut!(out, "observations");
        expect("observations", &[out.len()], &[count * width])?;
        for lane in (0..count).filter(|&lane| mask[lane]) {
            self.lanes().set_state(lane, &states[lane * n..][..n])?;
        }
        self.observe(out)
    }

    /// Steps all lanes by `actions`, `[lanes, act_dim]`. Returns whether any episode ended; what came of it is asked for next,
    /// by `results`.
    fn step(&mut self, py: Python<'_>, actions: PyReadonlyArray2<'_, f64>) -> PyResult<bool> {
        let (count, act_dim) = (self.lanes().count(), self.lanes().spec().act_dim());
        expect("actions", actions.shape(), &[count, act_dim])?;
        self.advance(py, slice!(actions, "actions"))?;
        let mut shards = self.lanes().shards()?;
        Ok(shards.any(|(_, shard)| shard.outcomes.iter().any(|outcome| outcome.is_over())))
    }

    /// The same, and what came of it in arrays of their own: one call, because a step of one lane takes a microsecond.
    fn step_fresh<'py>(
        &mut self,
        py: Python<'py>,
        actions: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<(bool, Results<'py>)> {
        let ended = self.step(py, actions)?;
        let (count, width) = (self.lanes().count(), self.lanes().spec().obs_dim);
        let mut observations = Vec::with_capacity(count * width);
        let mut rewards = Vec::with_capacity(count);
        let (mut terminated, mut truncated) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (_, shard) in self.lanes().shards()? {
            observations.extend_from_slice(&shard.observations);
            rewards.extend_from_slice(&shard.rewards);
            for outcome in &shard.outcomes {
                let terminal = *outcome == Outcome::Terminated;
                terminated.push(terminal);
                truncated.push(outcome.is_over() && !terminal);
            }
        }
        let observations = Array2::from_shape_vec([count, width], observations)
            .map_err(|failure| error::broken(failure.to_string()))?;
        let results = (
            PyArray2::from_owned_array(py, observations),
            PyArray1::from_vec(py, rewards),
            PyArray1::from_vec(py, terminated),
            PyArray1::from_vec(py, truncated),
        );
        Ok((ended, results))
    }

    /// Steps the only lane by `action`, `[act_dim]`, and returns all that came of it in one call.
    fn step_one<'py>(&mut self, py: Python<'py>, action: PyReadonlyArray1<'py, f64>) -> PyResult<One<'py>> {
        expect("action", &[self.lanes().count(), action.len()], &[1, self.lanes().spec().act_dim()])?;
        self.advance(py, slice!(action, "action"))?;
        let (_, shard) = self.lanes().shards()?.next().ok_or(LanesError::Lost)?;
        let (outcome, reward) = (shard.outcomes[0], shard.rewards[0]);
        let terminated = outcome == Outcome::Terminated;
        let truncated = outcome.is_over() && !terminated;
        let diverged = matches!(outcome, Outcome::Diverged(_));
        let observation = PyArray1::from_slice(py, &shard.observations);
        Ok((observation, reward, terminated, truncated, diverged))
    }

    /// Writes what came of the last step: observations `[lanes, obs_dim]`, and by lane rewards, whether its episode terminated,
    /// and whether it was truncated (also because its physics broke down).
    fn results(
        &mut self,
        mut observations: PyReadwriteArray2<'_, f64>,
        mut rewards: PyReadwriteArray1<'_, f64>,
        mut terminated: PyReadwriteArray1<'_, bool>,
        mut truncated: PyReadwriteArray1<'_, bool>,
    ) -> PyResult<()> {
        let observations = slice_mut!(observations, "observations");
        let (rewards, terminated) = (slice_mut!(rewards, "rewards"), slice_mut!(terminated, "terminated"));
        self.write(observations, rewards, terminated, slice_mut!(truncated, "truncated"))
    }

    /// Writes of the last step which lanes' physics broke down, and under `SameStep` the last observations of the episodes
    /// that ended.
    fn endings(
        &mut self,
        mut diverged: PyReadwriteArray1<'_, bool>,
        mut last: PyReadwriteArray2<'_, f64>,
    ) -> PyResult<()> {
        let (count, width) = (self.lanes().count(), self.lanes().spec().obs_dim);
        let (diverged, last) = (slice_mut!(diverged, "diverged"), slice_mut!(last, "last"));
        expect("endings", &[diverged.len(), last.len()], &[count, count * width])?;
        for (range, shard) in self.lanes().shards()? {
            last[range.start * width..range.end * width].copy_from_slice(&shard.last);
            for (lane, outcome) in range.zip(&shard.outcomes) {
                diverged[lane] = matches!(outcome, Outcome::Diverged(_));
            }
        }
        Ok(())
    }
}
