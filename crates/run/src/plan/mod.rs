//! The fully resolved experiment and how it is put together.

mod authors;
mod check;
mod earlier;
mod keys;
mod layers;
mod messages;
pub(crate) mod mistake;
mod paper;
mod preset;
mod readers;
mod shape;
mod turns;

use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use wr2l_eval::{Axis, Grid, Systems};
use wr2l_rl::{DdpgConfig, PpoConfig, TrpoConfig};
use wr2l_robust::adversary::{
    ActionConfig, CvarConfig, ForceConfig, PopulationConfig, RegionConfig, TailConfig,
};
use wr2l_robust::phase_one::PhaseOne;
use wr2l_robust::{AdversaryConfig, BallConfig};
use wr2l_sim::{AnyTask, DynamicsSpace, Physics, Simulator, TaskName};

pub use layers::Layer;
pub(crate) use layers::MAX_BYTES;
pub use mistake::SettingError;
pub use preset::{Algorithm, usual_sweep};

use crate::error::RunError;
use crate::formats::files::write_file;
use crate::task::TaskRef;
use earlier::{Whole, whole};
use keys::{leaves, lookup, remove};
use layers::{Complaint, resolve};
use messages::readable;
use preset::usual_adversary;

/// Everything that determines a run. The same plan gives the same policy, byte for byte, on machines with the same
/// vector instructions, for any number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The preset that gave the defaults.
    pub algorithm: Algorithm,
    /// Who improves the policy.
    pub learner: LearnerKind,
    /// The task.
    pub task: TaskRef,
    /// What tells a task that is not one of the project's apart from what its file may say later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_hash: Option<String>,
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
    /// The Wasserstein ball; meaningless for adversaries that do not play in it.
    pub ball: BallConfig,
    /// What the policy sees.
    pub policy: PolicyPlan,
    /// Options of the learner `ppo`; of the learners' sections only that of the run's learner has a meaning.
    pub ppo: PpoConfig,
    /// Options of the learner `trpo`.
    pub trpo: TrpoConfig,
    /// Options of the learner `ddpg`.
    pub ddpg: DdpgConfig,
    /// Options of the learner `td3`.
    pub td3: DdpgConfig,
    /// The short evaluation at the end of training.
    pub report: Report,
}

/// Who improves the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearnerKind {
    /// Proximal policy optimisation.
    Ppo,
    /// Trust region policy optimisation.
    Trpo,
    /// Deep deterministic policy gradients.
    Ddpg,
    /// Twin delayed deep deterministic policy gradients.
    Td3,
}

impl LearnerKind {
    /// Whether it learns from single transitions of all times, with a critic Q(s, a).
    pub(crate) fn replays(self) -> bool {
        match self {
            Self::Ddpg | Self::Td3 => true,
            Self::Ppo | Self::Trpo => false,
        }
    }

    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ppo => "ppo",
            Self::Trpo => "trpo",
            Self::Ddpg => "ddpg",
            Self::Td3 => "td3",
        }
    }
}

/// Who chooses the dynamics that the learner trains under, or disturbs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdversaryKind {
    /// Nobody: the reference dynamics.
    Nominal,
    /// Chance: for every episode a point uniform in the ball, or a box.
    Uniform,
    /// Chance: for every turn a random point of the ball's boundary.
    Boundary,
    /// The paper: for every turn the worst point of the ball that Phase I finds.
    Wasserstein,
    /// Beyond the paper: for every turn several of the worst of many points of the ball, beside the reference.
    Population,
    /// Beyond the paper: for every episode a random point of the worst share of the ball, as a model of the return sees it.
    Tail,
    /// EPOpt: as `uniform`, and only the worst episodes are learnt from.
    Cvar,
    /// RARL: a second policy pushes bodies of the robot.
    Force,
    /// PR-MDP and NR-MDP: a second policy's actions mix with the learner's.
    Action,
}

impl AdversaryKind {
    /// The name as the user types it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nominal => "nominal",
            Self::Uniform => "uniform",
            Self::Boundary => "boundary",
            Self::Wasserstein => "wasserstein",
            Self::Population => "population",
            Self::Tail => "tail",
            Self::Cvar => "cvar",
            Self::Force => "force",
            Self::Action => "action",
        }
    }

    /// Whether it plays in the Wasserstein ball.
    pub fn needs_ball(self) -> bool {
        match self {
            Self::Nominal | Self::Force | Self::Action => false,
            Self::Uniform
            | Self::Boundary
            | Self::Wasserstein
            | Self::Population
            | Self::Tail
            | Self::Cvar => true,
        }
    }
}

/// The adversary and its options: [`AdversaryConfig`], with who plays and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdversaryPlan {
    /// Who plays.
    pub kind: AdversaryKind,
    /// Steps of each of the learner's lanes between two turns, at least. The paper: 1,000 on 5 to 10 lanes.
    #[serde(default = "usual_lane_steps")]
    pub lane_steps: u64,
    /// The same in policy steps, those of all lanes together, as version 0.1 counted; instead of `lane_steps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// See [`AdversaryConfig::epsilon_ramp`].
    pub epsilon_ramp: f64,
    /// See [`AdversaryConfig::episodes`].
    pub episodes: usize,
    /// See [`AdversaryConfig::return_discount`].
    pub return_discount: f64,
    /// See [`AdversaryConfig::worst_cases`].
    pub worst_cases: usize,
    /// See [`AdversaryConfig::nominal_share`].
    pub nominal_share: f64,
    /// See [`AdversaryConfig::uniform_share`].
    pub uniform_share: f64,
    /// Probability that chance acts instead of the agent, anew in every step of training, with an action uniform in its space;
    /// also where nobody plays. What an adversary simulates for itself is without. In [0, 1). Usual: 0 to 0.2.
    pub random_actions: f64,
    /// The inner loop of `wasserstein`.
    pub phase_one: PhaseOne,
    /// Options of `population`.
    pub population: PopulationConfig,
    /// Options of `tail`.
    pub tail: TailConfig,
    /// Where `uniform` and `cvar` draw dynamics from.
    pub region: RegionConfig,
    /// Options of `cvar`.
    pub cvar: CvarConfig,
    /// Options of `action`.
    pub action: ActionConfig,
    /// Options of `force`.
    pub force: ForceConfig,
}

/// Longer than an episode of any task: each can come to its end between two turns.
fn usual_lane_steps() -> u64 {
    1_024
}

impl AdversaryPlan {
    /// The options without who plays and how often.
    pub fn config(&self) -> AdversaryConfig {
        AdversaryConfig {
            epsilon_ramp: self.epsilon_ramp,
            episodes: self.episodes,
            return_discount: self.return_discount,
            worst_cases: self.worst_cases,
            nominal_share: self.nominal_share,
            uniform_share: self.uniform_share,
            phase_one: self.phase_one,
            population: self.population,
            tail: self.tail,
        }
    }
}

/// What the policy sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyPlan {
    /// Frames of differences of observations and of actions that policy and critic see besides the observation
    /// ([`History`](wr2l_rl::History)), in [0, 16]. Usual: 0–4.
    pub history: usize,
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
    /// Parameters to sweep, as `wr2l evaluate --sweep` takes them; none for no evaluation.
    pub sweep: Vec<String>,
    /// Episodes per point.
    pub episodes: u32,
}

/// Keys that replace each other: setting one in a layer unsets the others below it.
const EXCLUSIVE: &[&[&str]] = &[
    &["ball.epsilon", "ball.half_width"],
    &["adversary.lane_steps", "adversary.every"],
    &["adversary.cvar.begin", "adversary.cvar.after"],
];

impl Plan {
    /// Puts a plan together: the defaults of the algorithm's preset for the task, and `layers` over them in order.
    ///
    /// # Errors
    /// [`SettingError`] with the place of the mistake.
    pub fn resolve(layers: &[Layer]) -> Result<Self, SettingError> {
        let last = |key: &str| layers.iter().rev().find_map(|layer| Some((layer, layer.get(key)?)));
        let Some((layer, task)) = last("task") else {
            let known =
                Self::preset_for(Algorithm::default(), None, None, &TaskName::ALL[0].into(), None).to_table();
            let mut keys = layers.iter().flat_map(|layer| layer.table().keys());
            return Err(SettingError::NoTask {
                instead: keys.find(|key| !known.contains_key(*key)).cloned(),
            });
        };
        let complain = |message: String| layer.complain(Complaint::new("task", message));
        let task =
            task.as_str().ok_or_else(|| complain("expected a text: a name, or the path of a file".into()));
        let task = TaskRef::open(task?).map_err(complain)?;
        if let Some((layer, hash)) = last("task_hash")
            && hash.as_str() != task.hash().as_deref()
        {
            let message =
                format!("the file of `{task}`, or its robot, is not what it was when this was written");
            return Err(layer.complain(Complaint::new("task_hash", message)));
        }
        let algorithm = match last("algorithm") {
            Some((layer, value)) => {
                read(value).map_err(|message| layer.complain(Complaint::new("algorithm", message)))?
            }
            // The preset of whom else is named, so that its defaults fit; mistakes in the names are found below.
            None => {
                let named = |key: &str| last(key).and_then(|(_, value)| value.as_str());
                Algorithm::of(named("learner"), named("adversary.kind"))
            }
        };
        // Mistakes in the names, and in the number, are found below.
        let steps = last("steps").and_then(|(_, value)| whole_number(value));
        let learner = last("learner").and_then(|(_, value)| read(value).ok());
        let adversary = match (last("adversary.kind"), last("algorithm")) {
            (Some((_, value)), _) => read(value).ok(),
            (None, Some(_)) => None,
            (None, None) => usual_adversary(&*task, learner).filter(|usual| {
                // Whoever sets an option that it does not read, and the preset's own adversary does, means that one.
                let [preset, with] =
                    [None, Some(*usual)].map(|who| Self::preset_for(algorithm, learner, who, &task, steps));
                let keys = layers.iter().flat_map(|layer| leaves(layer.table()));
                !keys.into_iter().any(|(key, _)| !with.reads(&key) && preset.reads(&key))
            }),
        };
        let defaults = Self::preset_for(algorithm, learner, adversary, &task, steps).to_table();
        let wholes: Vec<Option<Whole>> = layers.iter().map(|layer| whole(layer, &defaults)).collect();
        let laid: Vec<Layer> = layers
            .iter()
            .zip(&wholes)
            .flat_map(|(layer, whole)| [whole.as_ref().map(|whole| whole.below(layer)), Some(layer.clone())])
            .flatten()
            .collect();
        let mut plan: Self = resolve(defaults, &laid, EXCLUSIVE, Self::check)?;
        if let Some(message) = plan.makes_no_sense() {
            let names = ["learner", "adversary.kind", "task", "algorithm"];
            let complaint = |key: &str| Complaint::new(key, message.as_str());
            let blamed = layers.iter().rev().find_map(|layer| {
                let key = names.into_iter().find(|key| layer.get(key).is_some())?;
                Some(layer.complain(complaint(key)))
            });
            return Err(blamed.unwrap_or_else(|| layer.complain(complaint("task"))));
        }
        // Checked just now, so that this always replaces.
        if let Ok(space) = plan.space() {
            plan.vary = space.names().map(str::to_owned).collect();
        }
        for (layer, whole) in layers.iter().zip(&wholes) {
            for (key, _) in leaves(layer.table()) {
                let excused = whole.as_ref().is_some_and(|whole| whole.excuses(&key));
                if let Some(reader) = plan.reader_missing(&key).filter(|_| !excused) {
                    let message = format!("nobody in this run reads it; only {reader} does");
                    return Err(layer.complain(Complaint::new(key, message)));
                }
            }
        }
        if let Some(complaint) = plan.departs_from_the_paper() {
            let blamed = layers.iter().rev().find(|layer| layer.get(&complaint.key).is_some());
            return Err(blamed.unwrap_or(layer).complain(complaint));
        }
        let origins = layers.iter().zip(wholes.iter().map(Option::is_some));
        if let Some((blamed, complaint)) = plan.refuses_its_turns(origins) {
            return Err(blamed.unwrap_or(layer).complain(complaint));
        }
        let Self { algorithm, learner, adversary: AdversaryPlan { kind, .. }, .. } = plan;
        let preset = Self::preset_for(algorithm, Some(learner), Some(kind), &plan.task, steps);
        Ok(plan.without_the_unread(&preset.to_table()))
    }

    /// The plan in a file written by [`Plan::write`], or any complete one.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn read(path: &Path) -> Result<Self, SettingError> {
        let mut layer = Layer::file(path)?;
        // Plans were once written with both; the half-width was the one that counted.
        if layer.get("ball.half_width").is_some() {
            layer.unset("ball.epsilon");
        }
        Self::resolve(&[layer])
    }

    /// The plan as TOML, from which [`Plan::resolve`] gives the identical plan: the options that somebody in it reads.
    pub fn to_toml(&self) -> String {
        let mut table = self.to_table();
        self.keep_the_read(&mut table);
        table.insert("task".into(), self.task.in_a_plan().into());
        for group in EXCLUSIVE {
            // The last of them has no value unless it counts; the others do not then.
            if let Some((last, others)) = group.split_last()
                && lookup(&table, last).is_some()
            {
                others.iter().for_each(|key| remove(&mut table, key));
            }
        }
        let text = toml::to_string(&table).expect("a table has string keys");
        format!("# Everything that determines this run. `wr2l train --plan plan.toml` repeats it.\n\n{text}")
    }

    /// Every option, also those of players who do not play.
    fn to_table(&self) -> Table {
        Table::try_from(self).expect("a plan has string keys and no number beyond TOML's")
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
        Ok(self.task.space().select(&self.vary)?)
    }

    /// The simulator.
    ///
    /// # Errors
    /// [`RunError::Sim`], [`RunError::Space`].
    pub fn simulator(&self) -> Result<Simulator, RunError> {
        Ok(self.task.simulator(self.physics, self.space()?)?)
    }

    /// The systems of the evaluation at the end of training; `None` if it is switched off.
    ///
    /// # Errors
    /// [`RunError::Sweep`], never for a plan from [`Plan::resolve`].
    pub fn sweep(&self) -> Result<Option<Systems>, RunError> {
        sweep_systems(&*self.task, &self.report.sweep)
    }

    /// The method's name in tables and figures: the preset's, or learner and adversary where they are not the preset's.
    pub fn method(&self) -> String {
        match self.algorithm.players() == (self.learner, self.adversary.kind) {
            true => self.algorithm.to_string(),
            false => format!("{}-{}", self.learner.as_str(), self.adversary.kind.as_str()),
        }
    }
}

/// The systems of a sweep given as `name=low:high:n` per parameter; `None` for no parameter.
///
/// # Errors
/// [`RunError::Sweep`] for a malformed sweep, [`RunError::Space`].
pub fn sweep_systems(task: &dyn AnyTask, sweep: &[String]) -> Result<Option<Systems>, RunError> {
    if sweep.is_empty() {
        return Ok(None);
    }
    let axes = sweep.iter().map(|text| text.parse()).collect::<Result<Vec<Axis>, _>>()?;
    Ok(Some(Grid::new(&task.space(), axes)?.systems()))
}

/// A whole number, also written as `1e6`.
fn whole_number(value: &Value) -> Option<u64> {
    let float =
        || value.as_float().filter(|x| x.fract() == 0.0 && (0.0..=9e15).contains(x)).map(|x| x as i64);
    value.as_integer().or_else(float)?.try_into().ok()
}

fn read<'de, T: Deserialize<'de>>(value: &Value) -> Result<T, String> {
    value.clone().try_into().map_err(|error: toml::de::Error| readable(error.message()))
}

#[cfg(test)]
mod tests;
