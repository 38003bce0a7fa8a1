//! Open-loop trajectories, step by step at full precision: how anybody checks our physics against another
//! simulator.

use std::fmt::Write;
use std::path::PathBuf;

use wr2l_eval::parse_number;
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_sim::{ActionSpace, Outcome, Physics, SimSpec};

use crate::error::RunError;
use crate::formats::rows::read_rows;
use crate::task::TaskRef;

/// What to simulate.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// The task.
    pub task: TaskRef,
    /// The physics, or the task's own choice.
    pub physics: Option<Physics>,
    /// Dynamics parameters by name, in physical units; all others keep the reference value.
    pub phi: Vec<(String, f64)>,
    /// A header-less CSV file of one line: qpos, then qvel. Without it the task's reset draws the state.
    pub initial_state: Option<PathBuf>,
    /// A header-less CSV file, one line a step. Without it actions are uniform at random in the action space.
    pub actions: Option<PathBuf>,
    /// Number of steps; by default as many as there are actions, or the task's time limit.
    pub steps: Option<u64>,
    /// Seed of the random initial state and actions.
    pub seed: u64,
    /// Go on after the episode has ended.
    pub ignore_termination: bool,
}

/// What became of a trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// Rows written.
    pub steps: u64,
    /// How the last step ended. A step that diverged has no row.
    pub outcome: Outcome,
    /// What was wrong in a step that diverged, where the simulator knows more than that.
    pub complaint: Option<String>,
    /// The state that it began in: qpos, then qvel.
    pub initial_state: Vec<f64>,
    /// The actions, that of a diverged step included, `[steps, act_dim]`.
    pub actions: Vec<f64>,
}

/// Reads `name=value,name=value`.
///
/// # Errors
/// [`RunError::Usage`] for anything else, [`RunError::Number`].
pub fn parse_phi(text: &str) -> Result<Vec<(String, f64)>, RunError> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').ok_or_else(|| {
                RunError::Usage(format!("`{part}`: expected name=value, for example torso_density=1500"))
            })?;
            Ok((name.trim().to_owned(), parse_number(value)?))
        })
        .collect()
}

impl Simulation {
    /// Simulates, and passes the trajectory on as CSV lines without line ends: the header, then a row after each
    /// action with `step` (from 1), `qpos_…`, `qvel_…`, `obs_…`, `reward`, `terminated`, `truncated` (0 or 1).
    /// Numbers have the fewest digits that identify the `f64`.
    ///
    /// # Errors
    /// [`RunError`] for unknown or out-of-bounds parameters, unreadable or malformed files, and files that do
    /// not fit the task, all before the first line; whatever `line` returns.
    pub fn run(&self, mut line: impl FnMut(&str) -> Result<(), RunError>) -> Result<Simulated, RunError> {
        let task = &self.task;
        let names: Vec<&str> = self.phi.iter().map(|(name, _)| name.as_str()).collect();
        // A name, never a pattern: each stands for one value.
        for name in &names {
            task.space().index(name)?;
        }
        let space = task.space().select(&names)?;
        let phi: Vec<f64> = self.phi.iter().map(|(_, value)| *value).collect();
        space.check(&phi)?;
        let simulator = task.simulator(self.physics.unwrap_or_else(|| task.physics()[0]), space)?;
        let spec = simulator.spec().clone();
        let mut actions = self.actions(&spec)?;
        let state = self.state(&spec)?;

        let mut sim = simulator.batch(1)?;
        sim.set_dynamics(0, &phi)?;
        match &state {
            Some(state) => {
                // The reset first: it starts the episode, and its step count.
                sim.reset(0, &mut StreamKey::new(self.seed, Purpose::Reset).stream());
                sim.set_state(0, state)?;
            }
            None => sim.reset(0, &mut StreamKey::new(self.seed, Purpose::Reset).stream()),
        }

        let mut initial_state = vec![0.0; spec.state_dim()];
        sim.state(0, &mut initial_state);
        let mut taken = Vec::new();

        let mut csv = header(&spec);
        line(&csv)?;
        let mut row = vec![0.0; spec.state_dim() + spec.obs_dim];
        let (mut steps, mut outcome, mut complaint) = (0, Outcome::Running, None);
        let (mut rewards, mut outcomes) = ([0.0], [Outcome::Running]);
        while let Some(action) = actions.next() {
            taken.extend_from_slice(action);
            sim.step(action, &[true], &mut rewards, &mut outcomes);
            outcome = outcomes[0];
            if matches!(outcome, Outcome::Diverged(_)) {
                complaint = sim.complaint(0);
                break;
            }
            steps += 1;
            let (physical, observed) = row.split_at_mut(spec.state_dim());
            sim.state(0, physical);
            sim.observe(0, observed);
            csv.clear();
            write_row(&mut csv, steps, &row, rewards[0], outcome, &spec);
            line(&csv)?;
            if outcome.is_over() && !self.ignore_termination {
                break;
            }
        }
        Ok(Simulated { steps, outcome, complaint, initial_state, actions: taken })
    }

    fn state(&self, spec: &SimSpec) -> Result<Option<Vec<f64>>, RunError> {
        let Some(path) = &self.initial_state else { return Ok(None) };
        let state = read_rows(path, spec.state_dim())?;
        if state.len() != spec.state_dim() {
            let lines = state.len() / spec.state_dim();
            return Err(RunError::content(
                path,
                None,
                format!("expected one line (qpos, qvel), got {lines}"),
            ));
        }
        Ok(Some(state))
    }

    fn actions(&self, spec: &SimSpec) -> Result<Actions, RunError> {
        let dim = spec.act_dim();
        let Some(path) = &self.actions else {
            return Ok(Actions {
                given: None,
                space: spec.actions.clone(),
                stream: StreamKey::new(self.seed, Purpose::Action).stream(),
                action: vec![0.0; dim],
                next: 0,
                steps: self.steps.unwrap_or(u64::from(spec.episode_limit)),
            });
        };
        let given = read_rows(path, dim)?;
        let rows = (given.len() / dim) as u64;
        if let ActionSpace::Discrete { n } = spec.actions {
            for (index, &action) in given.iter().enumerate() {
                if action.fract() != 0.0 || !(0.0..n as f64).contains(&action) {
                    let reason = format!("action {action}: expected a whole number from 0 to {}", n - 1);
                    return Err(RunError::content(path, Some(index + 1), reason));
                }
            }
        }
        if let Some(steps) = self.steps
            && steps > rows
        {
            let reason = format!("--steps {steps} asks for more actions than the {rows} in the file");
            return Err(RunError::content(path, None, reason));
        }
        Ok(Actions {
            given: Some(given),
            space: spec.actions.clone(),
            stream: StreamKey::new(self.seed, Purpose::Action).stream(),
            action: vec![0.0; dim],
            next: 0,
            steps: self.steps.unwrap_or(rows),
        })
    }
}

/// Actions from a file, or uniform at random.
struct Actions {
    given: Option<Vec<f64>>,
    space: ActionSpace,
    stream: Stream,
    action: Vec<f64>,
    next: u64,
    steps: u64,
}

impl Actions {
    fn next(&mut self) -> Option<&[f64]> {
        if self.next == self.steps {
            return None;
        }
        let dim = self.action.len();
        match (&self.given, &self.space) {
            (Some(given), _) => self.action.copy_from_slice(&given[self.next as usize * dim..][..dim]),
            (None, ActionSpace::Discrete { n }) => self.action[0] = self.stream.below(*n) as f64,
            (None, ActionSpace::Continuous { low, high }) => {
                for (action, (low, high)) in self.action.iter_mut().zip(low.iter().zip(high)) {
                    *action = self.stream.uniform(*low, *high);
                }
            }
        }
        self.next += 1;
        Some(&self.action)
    }
}

fn header(spec: &SimSpec) -> String {
    let mut columns = vec!["step".to_owned()];
    columns.extend((0..spec.nq).map(|i| format!("qpos_{i}")));
    columns.extend((0..spec.nv).map(|i| format!("qvel_{i}")));
    columns.extend((0..spec.obs_dim).map(|i| format!("obs_{i}")));
    columns.extend(["reward", "terminated", "truncated"].map(str::to_owned));
    columns.join(",")
}

fn write_row(csv: &mut String, step: u64, row: &[f64], reward: f64, outcome: Outcome, spec: &SimSpec) {
    // Gymnasium's two flags are independent: the time limit is reported on a terminal step as well.
    let terminated = u8::from(outcome == Outcome::Terminated);
    let truncated = u8::from(outcome == Outcome::Truncated || step >= u64::from(spec.episode_limit));
    let _ = write!(csv, "{step}");
    for value in row {
        // `{:?}` is the shortest text that reads back as the same f64. Writing to a String cannot fail.
        let _ = write!(csv, ",{value:?}");
    }
    let _ = write!(csv, ",{reward:?},{terminated},{truncated}");
}
