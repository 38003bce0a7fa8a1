//! A simulator from Python: environments of somebody else's making, to judge on and to train on.

use std::path::Path;
use std::sync::Arc;

use pyo3::prelude::*;
use toml::{Table, Value};
use wr2l::run::{RunFolder, TaskRef};
use wr2l::sim::{
    ActionSpace, AnyTask, DynamicsSpace, Parameter, Physics, SimError, SimSpec, Simulator, SweepRange, Usual,
};

use crate::error;
use crate::own_batch::{Made, simulator};
use crate::raised::Raised;
use crate::task::Parameters;

/// A simulator that is a Python factory of groups of environments.
#[pyclass(module = "wr2l._native", frozen)]
pub(crate) struct OwnSimulator {
    made: Arc<Made>,
}

#[pymethods]
impl OwnSimulator {
    /// `group()` gives a group of environments; `parameters` are name, unit, nominal value, lower and upper bound, description;
    /// `choices`, or `low` and `high`, are the actions; `state_dim` is 0 where states can be neither read nor set; `functions` are
    /// the names of what it was made of.
    #[new]
    #[pyo3(signature = (name, group, parameters, obs_dim, choices, low, high, episode_limit, state_dim, functions))]
    #[expect(clippy::too_many_arguments, reason = "each is a number of the environment's")]
    fn new(
        name: String,
        group: Py<PyAny>,
        parameters: Parameters,
        obs_dim: usize,
        choices: Option<usize>,
        low: Vec<f64>,
        high: Vec<f64>,
        episode_limit: u32,
        state_dim: usize,
        functions: Vec<(String, String)>,
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
            nq: state_dim,
            nv: 0,
            episode_limit,
            dt: 1.0,
            forces: Vec::new(),
            walks: false,
        };
        let usual = usual(&space);
        let identity = identity(&functions, &spec, &space);
        Ok(Self { made: Arc::new(Made { name, identity, group, spec, space, usual }) })
    }
}

fn identity(functions: &[(String, String)], spec: &SimSpec, space: &DynamicsSpace) -> String {
    let mut lines: Vec<String> = functions.iter().map(|(role, name)| format!("{role}: {name}")).collect();
    lines.push(format!("observations: {} numbers", spec.obs_dim));
    lines.push(match &spec.actions {
        ActionSpace::Discrete { n } => format!("actions: {n} choices"),
        ActionSpace::Continuous { low, high } => format!("actions: from {low:?} to {high:?}"),
    });
    lines.push(format!("episode_limit: {} steps", spec.episode_limit));
    lines.push(format!("state: {} numbers", spec.state_dim()));
    lines.extend(space.parameters().iter().map(|p| {
        format!("parameter `{}`: nominal {:?}, from {:?} to {:?}", p.name, p.nominal, p.lower, p.upper)
    }));
    lines.join("\n")
}

/// What differs between two identities, a line each.
fn differences(before: &str, after: &str) -> Vec<String> {
    fn entries(text: &str) -> Vec<(&str, &str)> {
        text.lines().filter_map(|line| line.split_once(": ")).collect()
    }
    let (before, after) = (entries(before), entries(after));
    let value = |of: &[(&str, &str)], key: &str| {
        of.iter()
            .find(|(other, _)| *other == key)
            .map_or("(none)".to_owned(), |(_, value)| (*value).to_owned())
    };
    let new = after.iter().filter(|(key, _)| !before.iter().any(|(other, _)| other == key));
    let mut lines = Vec::new();
    for (key, _) in before.iter().chain(new) {
        let (was, is) = (value(&before, key), value(&after, key));
        if was != is {
            lines.push(format!("  {key}: {was} → {is}"));
        }
    }
    if lines.is_empty() {
        lines.push("  its parameters are in another order".to_owned());
    }
    lines
}

/// A simulator of the user's own as a task that plans of this process find, as long as this lives.
pub(crate) struct Given(TaskRef);

impl Given {
    pub(crate) fn task(&self) -> &TaskRef {
        &self.0
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        self.0.forget();
    }
}

/// What plans have by default: every parameter varies, and H₀ rests on as many steps as an environment in Python makes in
/// seconds.
fn usual(space: &DynamicsSpace) -> Vec<Usual> {
    let names: Vec<Value> = space.names().map(Value::from).collect();
    let set = |pairs: &[(&str, Value)]| -> Table {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    };
    let of = |varies: Option<bool>, set: Table| Usual {
        learner: None,
        adversary: None,
        algorithm: None,
        varies,
        set,
    };
    vec![
        of(Some(true), set(&[("vary", Value::Array(names))])),
        of(
            None,
            set(&[
                ("ball.pairs.count", 200.into()),
                ("ball.pairs.pool", 1000.into()),
                ("ball.pairs.most_steps", 20_000.into()),
            ]),
        ),
    ]
}

impl OwnSimulator {
    pub(crate) fn name(&self) -> &str {
        &self.made.name
    }

    pub(crate) fn space(&self) -> &DynamicsSpace {
        &self.made.space
    }

    /// The simulator that varies `vary`, some of the parameters; what Python raises goes to `raised`.
    pub(crate) fn simulator(&self, vary: DynamicsSpace, raised: &Raised) -> Simulator {
        simulator(&self.made, vary, raised)
    }

    /// The same as a task that a plan of this process can name by its handle.
    pub(crate) fn task(&self, raised: &Raised) -> PyResult<Given> {
        let fits = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let name = self.made.name.chars().map(fits).collect();
        let task = OwnTask { name, made: self.made.clone(), raised: raised.clone() };
        TaskRef::new(task).map(Given).map_err(error::usage)
    }

    /// The same for the run in `folder`, which it was begun on, or a sentence says what differs.
    pub(crate) fn task_of_run(&self, folder: &Path, raised: &Raised) -> PyResult<Given> {
        RunFolder::open(folder).map_err(error::of_run)?;
        let given = self.task(raised)?;
        let (shown, name) = (folder.display(), given.task().name());
        let Some((was, before)) = TaskRef::of_program(folder) else {
            return Err(error::usage(format!(
                "`{shown}` holds a run on a task that needs no environment of yours: leave the simulator out"
            )));
        };
        let mut lines = Vec::new();
        if was != name {
            lines.push(format!("  name: {was} → {name}"));
        }
        if before != self.made.identity {
            lines.extend(differences(&before, &self.made.identity));
        }
        if lines.is_empty() {
            return Ok(given);
        }
        let lines = lines.join("\n");
        Err(error::usage(format!(
            "`{shown}` was begun on another environment; what that was → what is given:\n{lines}"
        )))
    }
}

/// An own simulator as a task, of one session or run: what is raised belongs to that.
#[derive(Debug)]
struct OwnTask {
    name: String,
    made: Arc<Made>,
    raised: Raised,
}

impl AnyTask for OwnTask {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        "An environment in Python."
    }

    fn identity(&self) -> String {
        // What its functions do nobody can compare.
        self.made.identity.clone()
    }

    fn spec(&self) -> SimSpec {
        self.made.spec.clone()
    }

    fn space(&self) -> DynamicsSpace {
        self.made.space.clone()
    }

    fn physics(&self) -> Vec<Physics> {
        vec![Physics::Own]
    }

    fn check_physics(&self, physics: Physics) -> Result<(), SimError> {
        match physics {
            Physics::Own => Ok(()),
            other => Err(SimError::Physics {
                task: self.name.clone(),
                physics: other.to_string(),
                available: "its own".into(),
            }),
        }
    }

    fn simulator(&self, physics: Physics, vary: DynamicsSpace) -> Result<Simulator, SimError> {
        self.check_physics(physics)?;
        Ok(simulator(&self.made, vary, &self.raised))
    }

    fn sweep(&self) -> &[SweepRange] {
        &[]
    }

    fn usual(&self) -> &[Usual] {
        &self.made.usual
    }
}
