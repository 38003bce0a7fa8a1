//! The fully resolved experiment and how it is put together.

mod authors;
mod check;
mod chosen;
mod earlier;
mod keys;
mod layers;
mod machine;
mod messages;
pub(crate) mod mistake;
mod paper;
mod preset;
mod readers;
#[cfg(test)]
mod reference;
mod sheet;
mod turns;

use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::{Table, Value};
use wr2l_eval::{Axis, Grid, Systems};
use wr2l_robust::BallConfig;
use wr2l_sim::{AnyTask, DynamicsSpace, Physics, Simulator, TaskName};

pub use chosen::{AdversaryPlan, LearnerPlan};
pub use layers::Layer;
pub(crate) use layers::MAX_BYTES;
pub use machine::Instructions;
pub use mistake::SettingError;
pub use preset::{Algorithm, usual_sweep};

use crate::error::RunError;
use crate::executors::Stage;
use crate::formats::files::write_file;
use crate::formats::folder::{BEGUN, FROM};
use crate::start::StartRef;
use crate::task::{KEPT, TaskRef};
use earlier::{Whole, whole};
use keys::{leaves, lookup, remove};
use layers::{Complaint, resolve};
use messages::readable;
use preset::defaults;
use sheet::Sheet;

/// Everything that determines a run. The same plan gives the same policy, byte for byte, on machines with the same
/// vector instructions, for any number of threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The preset that gave the defaults.
    pub algorithm: Algorithm,
    /// Who improves the policy, and its options: those of no other learner.
    pub learner: LearnerPlan,
    /// The task.
    pub task: TaskRef,
    /// What tells a task that is not one of the project's apart from what its file may say later.
    pub task_hash: Option<String>,
    /// The physics that simulates it.
    pub physics: Physics,
    /// The instructions that a machine has to have to carry it out; any if `None`, where bits do not matter across machines.
    pub instructions: Option<Instructions>,
    /// Names of the dynamics parameters that vary, in the order of φ and z. Patterns are resolved.
    pub vary: Vec<String>,
    /// Seed of everything random.
    pub seed: u64,
    /// Policy steps to train for; the last iteration may go beyond.
    pub steps: u64,
    /// The policy to begin with, instead of one that chance makes.
    pub from: Option<StartRef>,
    /// When to stop before that.
    pub stop: Stop,
    /// Who chooses the dynamics, and when.
    pub adversary: AdversaryPlan,
    /// The Wasserstein ball; meaningless for adversaries that do not play in it.
    pub ball: BallConfig,
    /// What the policy sees.
    pub policy: PolicyPlan,
    /// The short evaluation at the end of training.
    pub report: Report,
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_table().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sheet = Sheet::read(&Table::deserialize(deserializer)?);
        sheet
            .map(|sheet| sheet.plan)
            .map_err(|Complaint { key, message }| D::Error::custom(format!("`{key}`: {message}")))
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
            let known = defaults(Algorithm::default(), None, None, &TaskName::ALL[0].into(), None);
            let mut keys = layers.iter().flat_map(|layer| layer.table().keys());
            return Err(SettingError::NoTask {
                instead: keys.find(|key| !known.contains_key(*key)).cloned(),
            });
        };
        let complain = |message: String| layer.complain(Complaint::new("task", message));
        let task =
            task.as_str().ok_or_else(|| complain("expected a text: a name, or the path of a file".into()));
        let task = TaskRef::of_a_plan(task?).map_err(complain)?;
        if let Some((layer, hash)) = last("task_hash")
            && hash.as_str() != task.hash().as_deref()
        {
            let message =
                format!("the file of `{task}`, or its robot, is not what it was when this was written");
            return Err(layer.complain(Complaint::new("task_hash", message)));
        }
        if let Some((layer, from)) = last("from") {
            begin_with(layer, from).map_err(|complaint| layer.complain(complaint))?;
        }
        // Mistakes in the names, and in the number, are found below.
        let named = |key: &str| last(key).and_then(|(_, value)| value.as_str());
        let steps = last("steps").and_then(|(_, value)| whole_number(value));
        let learner = last("learner").and_then(|(_, value)| read(value).ok());
        let adversary = last("adversary.kind").and_then(|(_, value)| read(value).ok());
        let (algorithm, adversary) = match (last("algorithm"), named("adversary.kind")) {
            (Some((layer, value)), _) => {
                let named =
                    read(value).map_err(|message| layer.complain(Complaint::new("algorithm", message)));
                (named?, adversary)
            }
            // The preset of whom else is named, so that its defaults fit.
            (None, Some(name)) => (Algorithm::of(named("learner"), name), adversary),
            (None, None) => {
                let (usual, adversary) = Algorithm::usual(&*task, learner);
                // Whoever sets an option that it does not have, and WR²L's own search does, means that one.
                let [plain, with] = [(Algorithm::Wr2l, None), (usual, Some(adversary))]
                    .map(|(preset, who)| Self::preset_for(preset, learner, who, &task, steps));
                let has = |plan: &Self, key: &str| plan.get(key).is_some();
                let keys = layers.iter().flat_map(|layer| leaves(layer.table()));
                match keys.into_iter().any(|(key, _)| has(&plain, &key) && !has(&with, &key)) {
                    true => (Algorithm::Wr2l, None),
                    false => (usual, Some(adversary)),
                }
            }
        };
        let defaults = defaults(algorithm, learner, adversary, &task, steps);
        let wholes: Vec<Option<Whole>> = layers.iter().map(|layer| whole(layer, &defaults)).collect();
        let laid: Vec<Layer> = layers
            .iter()
            .zip(&wholes)
            .flat_map(|(layer, whole)| [whole.as_ref().map(|whole| whole.below(layer)), Some(layer.clone())])
            .flatten()
            .collect();
        let Sheet { mut plan, .. } = resolve(defaults, &laid, EXCLUSIVE, Sheet::read, Sheet::check)?;
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
        let (learner, adversary) = (plan.learner.kind(), plan.adversary.kind());
        let preset = preset::defaults(plan.algorithm, Some(learner), Some(adversary), &plan.task, steps);
        Ok(plan.without_the_unread(&preset))
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
        if self.from.is_some() {
            table.insert("from".into(), StartRef::in_a_plan().into());
        }
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

    /// The value of an option by its dotted key, `ppo.lanes`; `None` if who plays has no such option.
    pub fn get(&self, key: &str) -> Option<Value> {
        lookup(&self.to_table(), key).cloned()
    }

    /// Every option of who plays, also those that nobody reads.
    pub(crate) fn to_table(&self) -> Table {
        sheet::table_of(self)
    }

    /// Writes [`Plan::to_toml`] to a file.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        write_file(path, self.to_toml().as_bytes())
    }

    /// What the plan needs besides itself, as paths from its own folder and content: a task from a file, and the policy to begin
    /// with.
    pub(crate) fn kept(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let within = |folder: &str, name: &str| Path::new(folder).join(name);
        let task = self.task.kept().into_iter().map(|(name, bytes)| (within(KEPT, &name), bytes));
        let from = self.from.as_ref().map(StartRef::kept);
        task.chain(from.map(|(name, bytes)| (within(FROM, name), bytes.to_vec()))).collect()
    }

    /// Writes the plan into a folder, as `plan.toml`, and what it needs besides itself.
    ///
    /// # Errors
    /// [`RunError::Io`].
    pub(crate) fn write_whole(&self, folder: &Path) -> Result<(), RunError> {
        let create =
            |path: &Path| std::fs::create_dir_all(path).map_err(|error| RunError::io("create", path, &error));
        let (kept, begun) = (self.kept(), folder.join(BEGUN));
        if !kept.is_empty() {
            create(folder)?;
            write_file(&begun, b"")?;
        }
        for (path, bytes) in &kept {
            let path = folder.join(path);
            create(path.parent().unwrap_or(folder))?;
            write_file(&path, bytes)?;
        }
        self.write(&folder.join("plan.toml"))?;
        // Where it stays it says nothing: the plan is there.
        let _ = std::fs::remove_file(&begun);
        Ok(())
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
        self.stage()?.simulator()
    }

    /// What is simulated.
    pub(crate) fn stage(&self) -> Result<Stage, RunError> {
        Ok(Stage { task: self.task.clone(), physics: self.physics, space: self.space()? })
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
        let (learner, adversary) = (self.learner.kind(), self.adversary.kind());
        match self.algorithm.players() == (learner, adversary) {
            true => self.algorithm.to_string(),
            false => format!("{}-{}", learner.as_str(), adversary.as_str()),
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

/// Opens the policy to begin with, which the sheet of the plan finds then. What `layer` says of its content has to be true.
fn begin_with(layer: &Layer, from: &Value) -> Result<(), Complaint> {
    let complain = |key: &str, message: String| Err(Complaint::new(key, message));
    let Some(path) = from.as_str() else {
        return complain(
            "from",
            "expected a text: the path of a run, a checkpoint or a policy's file".into(),
        );
    };
    let start = StartRef::open(path).map_err(|message| Complaint::new("from", message))?;
    match layer.get("from_hash").is_some_and(|hash| hash.as_str() != Some(start.hash().as_str())) {
        true => complain("from_hash", format!("`{path}` is not what it was when this was written")),
        false => Ok(()),
    }
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
