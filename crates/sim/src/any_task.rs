//! What is done with a task, whatever it is made of.

use std::fmt;
use std::sync::Arc;

use crate::{DynamicsSpace, Physics, SimError, SimSpec, Simulator, Solid, SweepRange, Task, Usual};

/// A task that can be trained on, evaluated and shown: one of `tasks/`, a changed [`Task`], or one of another kind.
pub trait AnyTask: Send + Sync + fmt::Debug {
    /// Its name in tables, and of its runs.
    fn name(&self) -> &str;

    /// One sentence on what the agent has to do.
    fn description(&self) -> &str;

    /// A text that differs between tasks on which results may differ.
    fn identity(&self) -> String;

    /// Shapes and limits; the length of a snapshot belongs to the physics, and is 0 here.
    fn spec(&self) -> SimSpec;

    /// All parameters that may vary, with the reference values φ₀.
    fn space(&self) -> DynamicsSpace;

    /// The physics that it runs on in this build, at least one; the first is the default.
    fn physics(&self) -> Vec<Physics>;

    /// Why it does not run on `physics`, if it does not.
    ///
    /// # Errors
    /// [`SimError::Physics`], [`SimError::NotBuilt`].
    fn check_physics(&self, physics: Physics) -> Result<(), SimError>;

    /// A simulator of it on `physics` that varies the parameters of `vary`, a selection of its space.
    ///
    /// # Errors
    /// As [`Simulator::new`].
    fn simulator(&self, physics: Physics, vary: DynamicsSpace) -> Result<Simulator, SimError>;

    /// The sweep that shows its robustness.
    fn sweep(&self) -> &[SweepRange];

    /// What a plan has by default on it, later ones over earlier ones.
    fn usual(&self) -> &[Usual];

    /// Names of the terms whose sum is its reward, where it says so.
    fn reward_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// The planar task that a page draws, if it is one.
    fn drawn(&self) -> Option<&Task> {
        None
    }

    /// The robot that a page draws in three dimensions, if it has one; its shapes are those of the reference dynamics.
    fn solid(&self) -> Option<Box<dyn Solid>> {
        None
    }

    /// The same task with more parameters, each a word that says of which elements of its robot and which quantity; and their
    /// names.
    ///
    /// # Errors
    /// A sentence, of a word that does not fit, or where the task knows no elements.
    fn with_varied(&self, words: &[&str]) -> Result<(Arc<dyn AnyTask>, Vec<String>), String> {
        let word = words.first().unwrap_or(&"");
        Err(format!(
            "`{word}`: the parameters of `{}` have names; elements are selected on robots of one's own",
            self.name()
        ))
    }

    /// What a run's folder keeps so that the run needs nothing else: names and contents of files, first the task's own; none for a
    /// task that every build has.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
}

impl AnyTask for Task {
    fn name(&self) -> &str {
        &self.name
    }

    fn description(&self) -> &str {
        &self.description
    }

    fn identity(&self) -> String {
        // Not the debug format: a number that comes later, and is not given, must not tell old tasks apart.
        toml::to_string(self).unwrap_or_else(|error| format!("{self:?} {error}"))
    }

    fn spec(&self) -> SimSpec {
        Task::spec(self)
    }

    fn space(&self) -> DynamicsSpace {
        Task::space(self)
    }

    fn physics(&self) -> Vec<Physics> {
        Physics::of(self).to_vec()
    }

    fn check_physics(&self, physics: Physics) -> Result<(), SimError> {
        physics.check_for(self)
    }

    fn simulator(&self, physics: Physics, vary: DynamicsSpace) -> Result<Simulator, SimError> {
        Simulator::new(self.clone(), Some(physics), vary)
    }

    fn sweep(&self) -> &[SweepRange] {
        &self.sweep
    }

    fn usual(&self) -> &[Usual] {
        &self.usual
    }

    fn drawn(&self) -> Option<&Task> {
        Some(self)
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        vec![("task.toml".into(), AnyTask::identity(self).into_bytes())]
    }
}
