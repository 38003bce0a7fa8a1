//! Who simulates in this process: its threads, unless the program has chosen others before it began.

use std::fmt;
use std::sync::OnceLock;

use wr2l_rl::{Executor, StopFlag, Threads};
use wr2l_sim::{DynamicsSpace, Physics, Simulator};

use crate::error::RunError;
use crate::task::TaskRef;

/// What is to be simulated, as it can be told to another process.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The task.
    pub task: TaskRef,
    /// The physics that moves it.
    pub physics: Physics,
    /// The parameters that vary.
    pub space: DynamicsSpace,
}

impl Stage {
    /// Its simulator.
    ///
    /// # Errors
    /// [`RunError::Sim`].
    pub fn simulator(&self) -> Result<Simulator, RunError> {
        Ok(self.task.simulator(self.physics, self.space.clone())?)
    }
}

/// Makes executors for trainings, evaluations and searches: threads by default, or the ranks of a job on several machines.
pub trait Executors: fmt::Debug + Send + Sync {
    /// An executor that gives up once `stop` is raised, with so many threads in each process.
    ///
    /// # Errors
    /// [`RunError`], if the stage or the threads are refused.
    fn executor(&self, stage: &Stage, threads: usize, stop: StopFlag) -> Result<Box<dyn Executor>, RunError>;
}

static CHOSEN: OnceLock<Box<dyn Executors>> = OnceLock::new();

/// Lets `executors` make all that train, evaluate and search in this process from now on. What comes out is the same to the
/// bit ([`Executor`]). To be called once, by the program, because who simulates is a matter of the whole process.
///
/// # Errors
/// The executors themselves, if others were chosen before.
pub fn simulate_with(executors: Box<dyn Executors>) -> Result<(), Box<dyn Executors>> {
    CHOSEN.set(executors)
}

/// An executor of those that were chosen, or of threads.
pub(crate) fn executor(stage: &Stage, threads: usize, stop: StopFlag) -> Result<Box<dyn Executor>, RunError> {
    match CHOSEN.get() {
        Some(chosen) => chosen.executor(stage, threads, stop),
        None => Ok(Box::new(Threads::new(&stage.simulator()?, threads)?.with_stop_flag(stop))),
    }
}
