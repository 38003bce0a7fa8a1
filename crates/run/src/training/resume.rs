//! Runs that go on: from their newest whole checkpoint, bit for bit as if they had never stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Value;
use wr2l_nn::InstructionSet;
use wr2l_rl::{Actor, State};

use crate::error::RunError;
use crate::formats::checkpoint::{Checkpoints, read};
use crate::formats::files::remove_temporaries;
use crate::formats::folder::RunFolder;
use crate::formats::policy_file::PolicyOrigin;
use crate::plan::{Layer, Plan};
use crate::training::counters::Counters;
use crate::training::players::{RestoreError, learner, origin};
use crate::training::summary::Summary;
use crate::training::train::{Run, TrainOptions, begin};
use crate::training::trained::Trained;
use crate::training::watch::Observer;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was stopped before its first checkpoint: it begins again from its plan.
    NotBegun,
    /// It is under way.
    Unfinished {
        /// Iterations done.
        iteration: u64,
        /// Policy steps done.
        steps: u64,
    },
    /// Training is over; the evaluation at the end is not.
    Trained,
    /// Nothing is left to do.
    Finished,
}

/// A run as its folder holds it, locked.
#[derive(Debug)]
pub struct Saved {
    folder: RunFolder,
    plan: Plan,
    found: Option<Checkpoint>,
    standing: Standing,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Checkpoint {
    path: PathBuf,
    /// The plan that it was made by.
    plan: Plan,
    /// Policy steps done.
    steps: u64,
    state: State<'static>,
}

impl Saved {
    /// Opens the run in the folder at `path`, to go on with it. Damaged checkpoints are passed over with a warning.
    ///
    /// # Errors
    /// [`RunError::Content`] for a folder that holds no run, or a run of which nothing usable is left;
    /// [`RunError::ChangedPlan`] if `plan.toml` is not the plan of the checkpoint, unless `accept_changed_plan`;
    /// [`RunError::InUse`]; [`RunError::Io`] for a folder that cannot be written into, among others.
    pub fn open(path: &Path, accept_changed_plan: bool) -> Result<Self, RunError> {
        Self::opened(path, accept_changed_plan, None)
    }

    /// Opens it with another number of policy steps in all, also where it had come to its end. What it has learnt stays; a learning
    /// rate that falls over training goes on from where it is, without a jump.
    ///
    /// # Errors
    /// As [`Saved::open`]; [`RunError::Usage`] for no more steps than it has done.
    pub fn open_with_steps(path: &Path, accept_changed_plan: bool, steps: u64) -> Result<Self, RunError> {
        let saved = Self::opened(path, accept_changed_plan, Some(steps))?;
        if matches!(saved.standing, Standing::Trained | Standing::Finished) {
            let done = saved.found.as_ref().map_or(0, |found| found.steps);
            let more = format!("it has done {done} steps: give a larger number, that of all steps together");
            return Err(RunError::Usage(more));
        }
        // Now, so that a run that is killed before its next checkpoint goes on by the same command.
        saved.plan.write(&saved.folder.file("plan.toml"))?;
        Ok(saved)
    }

    fn opened(path: &Path, accept_changed_plan: bool, steps: Option<u64>) -> Result<Self, RunError> {
        let folder = RunFolder::open(path)?.locked()?;
        let file = folder.file("plan.toml");
        let mut plan = Plan::read(&file)?;
        if let Some(steps) = steps {
            let said = Layer::count(format!("--steps {steps}"), "steps", steps)?;
            plan = Plan::resolve(&[Layer::text(&file, plan.to_toml())?, said])?;
        }
        let checkpoints = Checkpoints::of(&folder);
        checkpoints.tidy();
        let (found, mut warnings) = checkpoints.newest()?;
        let Some(found) = found else {
            let worked = !warnings.is_empty() || folder.file("policy.safetensors").exists();
            if worked {
                let reason = match warnings.is_empty() {
                    true => "it holds a policy but no checkpoint, so it cannot go on".to_owned(),
                    false => format!("none of its checkpoints can be used: {}", warnings.join("; ")),
                };
                return Err(RunError::content(path, None, reason));
            }
            // It begins again, and a kill may have left what was half written.
            remove_temporaries(folder.path());
            return Ok(Self { folder, plan, found: None, standing: Standing::NotBegun, warnings });
        };
        for warning in &mut warnings {
            *warning = format!("{warning}; the one before it is used");
        }
        let wrong = |reason: String| RunError::content(&found.path, None, reason);
        let old = Layer::of_checkpoint(&found.path, found.header.plan.clone())
            .and_then(|layer| Plan::resolve(&[layer]))?;
        let compared = Plan { steps: steps.unwrap_or(old.steps), ..old.clone() };
        let differences = compared.differences(&plan);
        if !differences.is_empty() {
            if old.task != plan.task {
                return Err(RunError::Usage("a run cannot go on with another task: train a new one".into()));
            }
            if !accept_changed_plan {
                return Err(RunError::ChangedPlan { differences: differences.join("\n") });
            }
        }
        let mut course = Counters::new(old.vary.len());
        // Not a clone of all of it: it may hold a replay buffer.
        let mut part = State::default();
        for (name, array) in found.state.arrays().filter(|(name, _)| name.starts_with("course.")) {
            part.put(name, array.clone());
        }
        part.restore("course", &mut course).map_err(|error| wrong(error.to_string()))?;
        let standing = match course.ending(&plan.budget()) {
            None => Standing::Unfinished { iteration: course.iteration, steps: course.steps },
            Some(_) if Summary::read(&folder).is_some_and(|summary| summary.complete) => Standing::Finished,
            Some(_) => Standing::Trained,
        };
        let here = InstructionSet::detect().bits();
        if found.header.instructions != here {
            warnings.push(format!(
                "this machine computes with {here}, the run was begun with {}: results differ by rounding from those \
                 of a run that was never stopped",
                found.header.instructions
            ));
        }
        if found.header.version != env!("CARGO_PKG_VERSION") {
            warnings.push(format!(
                "the checkpoint was written by wr2l {}, this is {}: results may differ from those of a run that was \
                 never stopped",
                found.header.version,
                env!("CARGO_PKG_VERSION")
            ));
        }
        if standing != Standing::Finished {
            checkpoints.set_aside_after(&found.path)?;
            remove_temporaries(folder.path());
        }
        let found = Checkpoint { path: found.path, plan: old, steps: course.steps, state: found.state };
        Ok(Self { folder, plan, found: Some(found), standing, warnings })
    }

    /// The run of `plan` in the folder at `path`, to go on with it; `None` where there is no run yet.
    ///
    /// # Errors
    /// [`RunError::OtherPlan`] for a run of another plan; else as [`Saved::open`].
    pub fn find(path: &Path, plan: &Plan) -> Result<Option<Self>, RunError> {
        let known = path.join("plan.toml");
        if !known.is_file() {
            return Ok(None);
        }
        let mut there = Plan::read(&known)?;
        if there.task == plan.task {
            // The run keeps a copy of its task's file, at another path.
            there.task = plan.task.clone();
        }
        if there.from == plan.from {
            // Likewise of the policy that it began with.
            there.from.clone_from(&plan.from);
        }
        let differences = there.differences(plan);
        if !differences.is_empty() {
            let (path, differences) = (path.display().to_string(), differences.join("\n"));
            return Err(RunError::OtherPlan { path, differences });
        }
        Self::open(path, false).map(Some)
    }

    /// Where it is.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Its plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How far it has come.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What should not be passed over, in sentences.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Trains to the end, as [`train`](crate::train) would have.
    ///
    /// # Errors
    /// As [`train`](crate::train), but the folder stays whatever happens; [`RunError::State`] if the checkpoint does not fit a changed plan.
    pub fn train(self, options: &TrainOptions, observer: &mut dyn Observer) -> Result<Trained, RunError> {
        let Some(Checkpoint { path, plan: old, state, .. }) = self.found else {
            return begin(&self.plan, &self.folder, options, observer)?.finish(observer);
        };
        let run = Run::restore(&self.plan, &self.folder, options, &old, state, observer);
        let run = run.map_err(|error| match error {
            RestoreError::Run(error) if error.is_interruption() => {
                RunError::Interrupted("interrupted before training went on: the run is as it was".into())
            }
            RestoreError::Run(error) => error,
            RestoreError::State(error) => RunError::State { path: path.display().to_string(), error },
        })?;
        run.finish(observer)
    }
}

/// The policy that a checkpoint holds, and how it came about.
///
/// # Errors
/// [`RunError::Content`] for a checkpoint that is damaged or not one of its plan; [`RunError`] of the plan.
pub(crate) fn policy_of_checkpoint(path: &Path) -> Result<(Actor, PolicyOrigin), RunError> {
    let wrong = |reason: String| RunError::content(path, None, reason);
    let (header, mut state) = read(path).map_err(|error| wrong(error.to_string()))?;
    let plan = Layer::of_checkpoint(path, header.plan).and_then(|layer| Plan::resolve(&[layer]))?;
    let simulator = plan.simulator()?;
    let mut course = Counters::new(plan.vary.len());
    let mut learner = learner(&plan, &simulator)?;
    state.restore("course", &mut course).map_err(|error| wrong(error.to_string()))?;
    state.within("learner", |state| learner.restore(state)).map_err(|error| wrong(error.to_string()))?;
    if course.iteration == 0 {
        return Err(wrong("it is of the moment before training began".into()));
    }
    let origin = origin(&plan, course.steps)?;
    Ok((learner.actor().clone(), origin))
}

impl Plan {
    /// What differs in `other`, a line for each key.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let (before, after) = (flat(self), flat(other));
        let shown = |value: Option<&String>| value.map_or("(unset)".to_owned(), Clone::clone);
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort();
        keys.dedup();
        keys.into_iter()
            .filter(|key| before.get(*key) != after.get(*key))
            .map(|key| format!("  {key}: {} → {}", shown(before.get(key)), shown(after.get(key))))
            .collect()
    }

    /// Whether the adversary plays the same game as that of `other`: in the same ball, with what it has learnt itself.
    pub(crate) fn same_game(&self, other: &Self) -> bool {
        self.adversary.kind() == other.adversary.kind()
            && self.adversary.options().memory() == other.adversary.options().memory()
            && self.ball == other.ball
            && self.vary == other.vary
            && self.physics == other.physics
            && self.seed == other.seed
    }
}

/// A plan as dotted keys and values.
fn flat(plan: &Plan) -> BTreeMap<String, String> {
    fn add(name: &str, value: &Value, to: &mut BTreeMap<String, String>) {
        match value {
            Value::Table(table) => {
                for (key, value) in table {
                    add(&format!("{name}.{key}"), value, to);
                }
            }
            other => {
                to.insert(name.trim_start_matches('.').to_owned(), other.to_string());
            }
        }
    }
    let mut all = BTreeMap::new();
    if let Ok(value) = Value::try_from(plan) {
        add("", &value, &mut all);
    }
    all
}
