//! The class `Policy`: a policy of ours with where it comes from.

use std::path::Path;
use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use wr2l::rl::Actor;
use wr2l::run::{Contestant, PolicyOrigin, TaskRef, read_policy, refuse_existing, write_file, write_policy};
use wr2l::sim::ActionSpace;

use crate::c_header;
use crate::error;
use crate::layers::Layers;
use crate::onnx;
use crate::own::OwnSimulator;
use crate::raised::Raised;
use crate::task::Parameters;

/// A policy with weights, frozen observation normaliser and the bounds of its actions.
#[pyclass(module = "wr2l._native", frozen)]
#[derive(Clone)]
pub(crate) struct Policy {
    contestant: Arc<Contestant>,
}

impl Policy {
    /// One that stands in no file.
    pub(crate) fn new(actor: Actor, origin: PolicyOrigin, task: TaskRef) -> Self {
        let name = origin.algorithm.clone();
        let (folder, plan, ball, method) = (None, None, None, None);
        Self { contestant: Arc::new(Contestant { actor, origin, task, name, folder, plan, ball, method }) }
    }

    pub(crate) fn contestant(&self) -> &Contestant {
        &self.contestant
    }

    pub(crate) fn actor(&self) -> &Actor {
        &self.contestant.actor
    }

    fn layers(&self) -> PyResult<Layers> {
        Layers::of(self.actor()).ok_or_else(|| error::usage("only plain networks can be written for others"))
    }

    fn write(&self, path: &str, bytes: &[u8], force: bool) -> PyResult<()> {
        let path = Path::new(path);
        refuse_existing(path, force).map_err(error::of_run)?;
        write_file(path, bytes).map_err(error::of_run)
    }

    pub(crate) fn origin(&self) -> &PolicyOrigin {
        &self.contestant.origin
    }
}

#[pymethods]
impl Policy {
    /// Reads the policy of a run folder, a policy file or a checkpoint; one that was trained on a simulator of the user's own,
    /// from a folder or a policy file.
    #[staticmethod]
    #[pyo3(signature = (path, own=None))]
    fn open(path: &str, own: Option<Bound<'_, OwnSimulator>>) -> PyResult<Self> {
        if let Some(own) = own.as_ref().filter(|_| Path::new(path).is_dir()) {
            let given = own.get().task_of_run(Path::new(path), &Raised::default())?;
            let contestant = Contestant::open(Path::new(path)).map_err(error::of_run)?;
            drop(given);
            return Ok(Self { contestant: Arc::new(contestant) });
        }
        if let Some(own) = own {
            let (actor, origin) = read_policy(Path::new(path)).map_err(error::of_run)?;
            let task = own.get().task(&Raised::default())?.task().clone();
            if origin.task != task.name() {
                let (trained, asked) = (origin.task, task.name());
                return Err(error::usage(format!("the policy was trained on {trained}, not on {asked}")));
            }
            return Ok(Self::new(actor, origin, task));
        }
        let contestant = Contestant::open(Path::new(path)).map_err(error::of_run)?;
        Ok(Self { contestant: Arc::new(contestant) })
    }

    /// Writes a policy file; the same policy gives the same bytes.
    #[pyo3(signature = (path, force=false))]
    fn save(&self, path: &str, force: bool) -> PyResult<()> {
        let path = Path::new(path);
        refuse_existing(path, force).map_err(error::of_run)?;
        write_policy(path, self.actor(), self.origin()).map_err(error::of_run)
    }

    /// Writes an ONNX file, normalisation and bounds within, and `metadata` beside.
    #[pyo3(signature = (path, metadata, force=false))]
    fn to_onnx(&self, path: &str, metadata: Vec<(String, String)>, force: bool) -> PyResult<()> {
        let bytes = onnx::file(&self.layers()?, metadata);
        self.write(path, &bytes, force)
    }

    /// Writes a C header with the lines of `about` in the comment at its top.
    #[pyo3(signature = (path, about, force=false))]
    fn to_c(&self, path: &str, about: Vec<String>, force: bool) -> PyResult<()> {
        let text = c_header::header(&self.layers()?, &about);
        self.write(path, text.as_bytes(), force)
    }

    /// Actions for inputs `[rows, input_dim]`, as simulators take them, `[rows, act_dim]`: means or most probable choices.
    fn act<'py>(
        &self,
        py: Python<'py>,
        inputs: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let actor = self.actor();
        let (rows, width) = (inputs.shape()[0], inputs.shape()[1]);
        if width != actor.input_dim() {
            let expected = actor.input_dim();
            return Err(error::usage(format!(
                "observations of {width} numbers, the policy takes {expected}"
            )));
        }
        let raw =
            inputs.as_slice().map_err(|_| error::usage("observations: the array is not C-contiguous"))?;
        let actions = py.detach(|| {
            let mut drawn = vec![0.0; rows * actor.act_dim()];
            let mut actions = vec![0.0; rows * actor.act_dim()];
            if rows > 0 {
                actor.act(raw, None, &mut actor.scratch(rows), &mut drawn, &mut vec![0.0; rows]);
                actor.clip(&drawn, &mut actions);
            }
            actions
        });
        actions.into_pyarray(py).reshape([rows, actor.act_dim()])
    }

    /// All weights, flat.
    fn parameters<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        PyArray1::from_slice(py, self.actor().params())
    }

    /// Name in tables: that of its run folder or file.
    #[getter]
    fn name(&self) -> &str {
        &self.contestant.name
    }

    /// The task that it was trained on.
    #[getter]
    fn task(&self) -> &str {
        &self.origin().task
    }

    /// The physics that it was trained on.
    #[getter]
    fn physics(&self) -> &str {
        self.origin().physics.as_str()
    }

    /// The algorithm that trained it.
    #[getter]
    fn algorithm(&self) -> &str {
        &self.origin().algorithm
    }

    /// Seed of its training.
    #[getter]
    fn seed(&self) -> u64 {
        self.origin().seed
    }

    /// Policy steps that it was trained for.
    #[getter]
    fn steps(&self) -> u64 {
        self.origin().steps
    }

    /// The parameters that could vary in its training: name, unit, nominal value, lower and upper bound, nothing.
    #[getter]
    fn varied(&self) -> Parameters {
        let of = |p: &wr2l::run::VariedParameter| {
            (p.name.clone(), p.unit.clone(), p.nominal, p.lower, p.upper, String::new())
        };
        self.origin().varied.iter().map(of).collect()
    }

    /// Length of an observation.
    #[getter]
    fn obs_dim(&self) -> usize {
        self.actor().obs_dim()
    }

    /// Length of its inputs: of an observation, and of the memory behind it.
    #[getter]
    fn input_dim(&self) -> usize {
        self.actor().input_dim()
    }

    /// Frames that it remembers.
    #[getter]
    fn history(&self) -> usize {
        self.actor().history().frames()
    }

    /// Length of an action.
    #[getter]
    fn act_dim(&self) -> usize {
        self.actor().act_dim()
    }

    /// Lower and upper bounds of actions; empty for choices.
    #[getter]
    fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        match self.actor().action_space() {
            ActionSpace::Continuous { low, high } => (low.clone(), high.clone()),
            ActionSpace::Discrete { .. } => (Vec::new(), Vec::new()),
        }
    }

    /// Simulated seconds between two actions.
    #[getter]
    fn dt(&self) -> f64 {
        self.contestant.task.spec().dt
    }

    /// Number of choices; none where actions are real numbers.
    #[getter]
    fn choices(&self) -> Option<usize> {
        match *self.actor().action_space() {
            ActionSpace::Discrete { n } => Some(n),
            ActionSpace::Continuous { .. } => None,
        }
    }
}
