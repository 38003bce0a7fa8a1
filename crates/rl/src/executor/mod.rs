//! Who simulates.

pub(crate) mod aside;
mod episode;
mod stop;
mod threads;
mod trajectory;
mod transition;

use std::fmt;
use std::ops::ControlFlow;

use wr2l_rng::StreamKey;
use wr2l_sim::{DynamicsSpace, SimError, SimSpec, Simulator};

pub use episode::{EpisodeJob, EpisodeOptions, EpisodeResult};
pub use stop::StopFlag;
pub use threads::Threads;
pub use trajectory::Trajectory;
pub use transition::{StepsFrom, TransitionError};

use crate::executor::aside::Aside;
use crate::{Actor, CollectOptions, DynamicsSource, LaneBatch, Lanes, Players, State};

/// Simulates what learners, adversaries and evaluations ask for: plain data in, plain data out.
///
/// What comes out is a function of what went in, bit for bit: of the policy, the dynamics and the keys of the random
/// streams, never of who did which part or how many did. So an executor over several processes divides the jobs
/// (episodes, lanes, trajectories, rows and pairs), each process does its share, and all gather all results in the
/// order of the jobs. [`Threads`] is the one that everybody uses.
pub trait Executor: fmt::Debug + Send {
    /// What is simulated.
    fn simulator(&self) -> &Simulator;

    /// The flag that long work looks at between its pieces.
    fn stop_flag(&self) -> &StopFlag;

    /// Threads of this process, which a learner's own computations may use too.
    fn threads(&self) -> usize;

    /// How many episodes can be under way at the same time.
    fn places(&self) -> usize;

    /// Runs whole episodes, each to its end, and returns their results in the order of `jobs`.
    ///
    /// - `z`: normalised dynamics, `[rows, dim]` row-major; a job names its row.
    ///
    /// # Errors
    /// [`SimError::Space`] for dynamics outside their bounds or not finite; [`SimError::Interrupted`].
    ///
    /// # Panics
    /// If a job names a row that `z` does not have, or the actor's shapes are not the simulator's.
    fn episodes(
        &mut self,
        actor: &Actor,
        z: &[f64],
        jobs: &[EpisodeJob],
        options: EpisodeOptions,
    ) -> Result<Vec<EpisodeResult>, SimError>;

    /// Steps every lane as far as `options` say, each episode under the dynamics that `source` gives it, and writes
    /// the transitions of the one of the `players` who learns into `batch`, one [`LaneBatch`] a lane.
    ///
    /// Lanes go on where the batch before left them. A lane whose current episode would now run under other
    /// dynamics drops it and starts the next. A batch is always completed, whatever the stop flag says.
    ///
    /// # Errors
    /// [`SimError::Space`] for dynamics outside their bounds, [`SimError::State`] for forces that the task does not take
    /// or lanes of an agent with another history; lanes and batch are then in an unspecified but valid state.
    ///
    /// # Panics
    /// If the opponent has a history that is not the agent's, or shapes are not the simulator's.
    fn collect(
        &mut self,
        players: Players<'_>,
        source: &dyn DynamicsSource,
        lanes: &mut Lanes,
        options: CollectOptions,
        batch: &mut Vec<LaneBatch>,
    ) -> Result<(), SimError>;

    /// An episode of the reference dynamics for each of `keys`, which key its initial state and actions: those of
    /// `actor`, or uniform in their space.
    ///
    /// # Errors
    /// [`SimError::Interrupted`].
    fn trajectories(
        &mut self,
        actor: Option<&Actor>,
        keys: &[StreamKey],
    ) -> Result<Vec<Trajectory>, SimError>;

    /// Writes the states that single steps from the pairs of `from` lead to under each of the normalised dynamics `z`
    /// (`[rows, dim]`) into `next` (`[rows, from.len, state_dim]`). Where dynamics are stochastic, pair i has the noise number
    /// `from.first + i` ([`BatchSim::set_noise`](wr2l_sim::BatchSim::set_noise)) under each of them.
    ///
    /// # Errors
    /// [`TransitionError`]; of several steps that diverge the first is named.
    ///
    /// # Panics
    /// If `next` has another length.
    fn transitions(
        &mut self,
        z: &[f64],
        from: StepsFrom<'_>,
        next: &mut [f64],
    ) -> Result<(), TransitionError>;

    /// Has another process begin some work of a learner, which it does in step with this one ([`work_aside`](crate::work_aside)).
    /// `None` where there is none so near that numbers come and go within some microseconds: threads have no other process.
    fn aside(&mut self, work: &State<'_>) -> Option<Box<dyn Aside + '_>> {
        let _ = work;
        None
    }

    /// Shapes and limits of the simulator.
    fn spec(&self) -> &SimSpec {
        self.simulator().spec()
    }

    /// The dynamics parameters that vary.
    fn space(&self) -> &DynamicsSpace {
        self.simulator().space()
    }
}

/// Episodes a place that are run between two questions whether to go on: many enough that no place idles for long.
const EPISODES_AT_A_TIME: usize = 64;

/// [`Executor::episodes`] in pieces, with the same results. Before each piece `go_on` may stop it: however many episodes are asked
/// for, whoever wants to stop them does not wait for all.
///
/// # Errors
/// As [`Executor::episodes`]; [`SimError::Interrupted`] if `go_on` broke.
///
/// # Panics
/// As [`Executor::episodes`].
pub fn episodes_while(
    executor: &mut dyn Executor,
    actor: &Actor,
    z: &[f64],
    jobs: &[EpisodeJob],
    options: EpisodeOptions,
    go_on: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Vec<EpisodeResult>, SimError> {
    let mut results = Vec::with_capacity(jobs.len());
    for jobs in jobs.chunks(EPISODES_AT_A_TIME * executor.places().max(1)) {
        if go_on().is_break() {
            return Err(SimError::Interrupted);
        }
        results.extend(executor.episodes(actor, z, jobs, options)?);
    }
    Ok(results)
}
