//! The fully resolved experiment and how it is put together.

mod layers;
mod preset;

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use wr2l_eval::{Axis, Grid, Systems};
use wr2l_rl::{PpoConfig, RlError};
use wr2l_robust::adversary::PopulationConfig;
use wr2l_robust::phase_one::PhaseOne;
use wr2l_robust::{AdversaryConfig, BallConfig, RobustError};
use wr2l_sim::{DynamicsSpace, Physics, Simulator, Task, TaskName};

pub use layers::{Layer, SettingError};
pub use preset::{Algorithm, usual_sweep};

use crate::error::RunError;
use crate::files::write_file;
use layers::{Complaint, resolve};

/// Everything that determines a run. The same plan gives the same policy, byte for byte, on machines with the same
/// vector instructions, for any number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The preset that gave the defaults, and the method's name in tables and figures.
    pub algorithm: Algorithm,
    /// The task.
    pub task: TaskName,
    /// The physics that simulates it.
    pub physics: Physics,
    /// Names of the dynamics parameters that vary, in the order of φ and z. Patterns are resolved.
    pub vary: Vec<String>,
    /// Seed of everything random.
    pub seed: u64,
    /// Policy steps to train for; the last iteration may go beyond.
    pub steps: u64,
    /// When to stop before that.
    pub stop: Stop,
    /// Who chooses the dynamics, and when.
    pub adversary: AdversaryPlan,
    /// The Wasserstein ball; meaningless for the adversary `nominal`.
    pub ball: BallConfig,
    /// Options of the learner.
    pub ppo: PpoConfig,
    /// The short evaluation at the end of training.
    pub report: Report,
}

/// Who chooses the dynamics that the learner trains under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdversaryKind {
    /// Nobody: the reference dynamics.
    Nominal,
    /// Chance: for every episode a point uniform in the ball.
    Uniform,
    /// Chance: for every turn a random point of the ball's boundary.
    Boundary,
    /// The paper: for every turn the worst point of the ball that Phase I finds.
    Wasserstein,
    /// Beyond the paper: for every turn several of the worst of many points of the ball, beside the reference.
    Population,
}

/// The adversary and its options: [`AdversaryConfig`], with who plays and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdversaryPlan {
    /// Who plays.
    pub kind: AdversaryKind,
    /// Policy steps between two turns, at least. The paper: 5,000 to 10,000.
    pub every: u64,
    /// See [`AdversaryConfig::epsilon_ramp`].
    pub epsilon_ramp: f64,
    /// See [`AdversaryConfig::episodes`].
    pub episodes: usize,
    /// See [`AdversaryConfig::return_discount`].
    pub return_discount: f64,
    /// The inner loop of `wasserstein`.
    pub phase_one: PhaseOne,
    /// Options of `population`.
    pub population: PopulationConfig,
}

impl AdversaryPlan {
    /// The options without who plays and how often.
    pub fn config(&self) -> AdversaryConfig {
        AdversaryConfig {
            epsilon_ramp: self.epsilon_ramp,
            episodes: self.episodes,
            return_discount: self.return_discount,
            phase_one: self.phase_one,
            population: self.population,
        }
    }
}

/// When to stop before the step budget is spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Stop once the policy's entropy, in nats, falls below this; −∞ for never.
    pub entropy_below: f64,
}

/// The short evaluation at the end of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// One or two parameters to sweep, as `wr2l evaluate --sweep` takes them; none for no evaluation.
    pub sweep: Vec<String>,
    /// Episodes per point.
    pub episodes: u32,
}

/// Most numbers that a plan may ask to be held in memory at once: a guard against typing slips, at 8 GB.
const LARGEST: f64 = 1e9;

/// Keys that replace each other: setting one in a layer unsets the others below it.
const EXCLUSIVE: &[&[&str]] = &[&["ball.epsilon", "ball.half_width"]];

impl Plan {
    /// Puts a plan together: the defaults of the algorithm's preset for the task, and `layers` over them in order.
    ///
    /// # Errors
    /// [`SettingError`] with the place of the mistake.
    pub fn resolve(layers: &[Layer]) -> Result<Self, SettingError> {
        let last = |key: &str| layers.iter().rev().find_map(|layer| Some((layer, layer.get(key)?)));
        let Some((layer, task)) = last("task") else { return Err(SettingError::NoTask) };
        let task: TaskName = read(task).map_err(|message| layer.complain(Complaint::new("task", message)))?;
        let algorithm = match last("algorithm") {
            Some((layer, value)) => {
                read(value).map_err(|message| layer.complain(Complaint::new("algorithm", message)))?
            }
            None => Algorithm::default(),
        };
        let defaults = Table::try_from(Self::preset(algorithm, task))
            .expect("a preset has no map keys but strings and no number beyond i64");
        let mut plan: Self = resolve(defaults, layers, EXCLUSIVE, Self::check)?;
        // Checked just now, so that this always replaces.
        if let Ok(space) = plan.space() {
            plan.vary = space.names().map(str::to_owned).collect();
        }
        Ok(plan)
    }

    /// The plan in a file written by [`Plan::write`], or any complete one.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn read(path: &Path) -> Result<Self, SettingError> {
        Self::resolve(&[Layer::file(path)?])
    }

    /// The plan as TOML, from which [`Plan::resolve`] gives the identical plan.
    pub fn to_toml(&self) -> String {
        let text = toml::to_string(self).expect("a plan has string keys and no number beyond TOML's");
        format!("# Everything that determines this run. `wr2l train --plan plan.toml` repeats it.\n\n{text}")
    }

    /// Writes [`Plan::to_toml`] to a file.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        write_file(path, self.to_toml().as_bytes())
    }

    /// The dynamics parameters that vary.
    ///
    /// # Errors
    /// [`RunError::Space`], never for a plan from [`Plan::resolve`].
    pub fn space(&self) -> Result<DynamicsSpace, RunError> {
        Ok(Task::new(self.task).space().select(&self.vary)?)
    }

    /// The simulator.
    ///
    /// # Errors
    /// [`RunError::Sim`], [`RunError::Space`].
    pub fn simulator(&self) -> Result<Simulator, RunError> {
        Ok(Simulator::new(Task::new(self.task), Some(self.physics), self.space()?)?)
    }

    /// The systems of the evaluation at the end of training; `None` if it is switched off.
    ///
    /// # Errors
    /// [`RunError::Sweep`], never for a plan from [`Plan::resolve`].
    pub fn sweep(&self) -> Result<Option<Systems>, RunError> {
        sweep_systems(self.task, &self.report.sweep)
    }

    fn check(&self) -> Result<(), Complaint> {
        let complain = |key: &str, message: String| Err(Complaint::new(key, message));
        if let Err(error) = self.physics.check(self.task) {
            return complain("physics", error.to_string());
        }
        if let Err(error) = self.space() {
            return complain("vary", error.to_string());
        }
        if self.steps == 0 {
            return complain("steps", "must be at least 1".into());
        }
        if self.stop.entropy_below.is_nan() {
            return complain("stop.entropy_below", "must be a number; -inf for never".into());
        }
        // Before anything multiplies these, or makes room for so many.
        for (key, size) in self.sizes() {
            if size > LARGEST {
                return complain(
                    key,
                    format!("asks for {size:.1e} numbers at once; {LARGEST:.1e} are the most"),
                );
            }
        }
        if let Err(error) = self.ppo.validate() {
            return match error {
                RlError::Option { option, value, reason } => {
                    complain(&format!("ppo.{option}"), format!("{reason}, got {value}"))
                }
                other => complain("ppo", other.to_string()),
            };
        }
        if self.adversary.kind != AdversaryKind::Nominal && self.vary.is_empty() {
            let message = "the adversary needs at least one parameter to vary; `wr2l tasks TASK` lists them";
            return complain("vary", message.into());
        }
        if self.adversary.every == 0 {
            return complain("adversary.every", "must be at least 1".into());
        }
        for (section, checked) in
            [("adversary", self.adversary.config().validate()), ("ball", self.ball.validate())]
        {
            match checked {
                Ok(()) => {}
                Err(RobustError::Parameter { name, value, requirement }) => {
                    return complain(&self.key_of(section, name), format!("{requirement}, got {value}"));
                }
                Err(other) => return complain(section, other.to_string()),
            }
        }
        if self.report.episodes == 0 {
            return complain("report.episodes", "must be at least 1".into());
        }
        match self.sweep() {
            Err(error) => complain("report.sweep", error.to_string()),
            Ok(_) => Ok(()),
        }
    }
}

impl Plan {
    /// How many numbers, to an order of magnitude, some options ask to be held in memory at once.
    fn sizes(&self) -> [(&'static str, f64); 8] {
        let phase_one = &self.adversary.phase_one;
        let points = 2.0 * phase_one.gradient.pairs as f64;
        let episodes = self.adversary.episodes as f64;
        let widths = self.ppo.hidden.iter().map(|&width| width as f64);
        [
            ("ppo.lanes", self.ppo.lanes as f64 * 64.0),
            ("ppo.horizon", self.ppo.lanes as f64 * self.ppo.horizon as f64 * 64.0),
            ("ppo.hidden", widths.map(|width| width * width).sum()),
            ("ball.pairs.count", self.ball.pairs.count as f64 * 64.0),
            ("ball.pairs.pool", self.ball.pairs.pool as f64 * 64.0),
            ("adversary.phase_one.gradient.pairs", points * episodes * 64.0),
            ("adversary.phase_one.starts", phase_one.starts as f64 * episodes * 64.0),
            ("report.episodes", f64::from(self.report.episodes) * 64.0),
        ]
    }

    /// The full key of the option called `name` somewhere in a section: `adversary.phase_one.starts`.
    fn key_of(&self, section: &str, name: &str) -> String {
        fn find(table: &Table, at: &str, name: &str) -> Option<String> {
            table.iter().find_map(|(key, value)| {
                let here = format!("{at}.{key}");
                match value {
                    _ if here.ends_with(&format!(".{name}")) => Some(here),
                    Value::Table(inner) => find(inner, &here, name),
                    _ => None,
                }
            })
        }
        let table = Table::try_from(self).ok();
        let found = table.as_ref().and_then(|table| find(table.get(section)?.as_table()?, section, name));
        found.unwrap_or_else(|| format!("{section}.{name}"))
    }
}

/// The systems of a sweep given as `name=low:high:n` per parameter; `None` for no parameter.
///
/// # Errors
/// [`RunError::Sweep`] for a malformed sweep or more than two parameters, [`RunError::Space`].
pub fn sweep_systems(task: TaskName, sweep: &[String]) -> Result<Option<Systems>, RunError> {
    if sweep.is_empty() {
        return Ok(None);
    }
    let axes = sweep.iter().map(|text| text.parse()).collect::<Result<Vec<Axis>, _>>()?;
    if axes.len() > 2 {
        return Err(RunError::Usage("sweep one parameter for a curve, or two for a heat map".into()));
    }
    Ok(Some(Grid::new(&Task::new(task).space(), axes)?.systems()))
}

fn read<'de, T: Deserialize<'de>>(value: &Value) -> Result<T, String> {
    value.clone().try_into().map_err(|error: toml::de::Error| layers::readable(error.message()))
}

#[cfg(test)]
mod tests;
