//! A policy that is a Python function, at work: an executor that asks it for the actions of many lanes at once.

use numpy::{IntoPyArray, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use wr2l::rl::{
    Actor, CollectOptions, DynamicsSource, EpisodeJob, EpisodeOptions, EpisodeResult, Executor, LaneBatch,
    Lanes, Players, StepsFrom, StopFlag, Threads, Trajectory, TransitionError,
};
use wr2l::rng::StreamKey;
use wr2l::sim::{BatchSim, Outcome, SimError, Simulator};

use crate::error;
use crate::own_batch;
use crate::raised::Raised;

/// Lanes of one call of the function, at most.
const LANES: usize = 256;

/// Runs episodes with the actions of a Python function.
///
/// The function is given the observations of the lanes that are under way, `[lanes, obs_dim]`, and answers with their
/// actions, `[lanes, act_dim]`. The [`Actor`] that the interface asks for is ignored.
#[derive(Debug)]
pub(crate) struct Callable {
    simulator: Simulator,
    sim: Box<dyn BatchSim>,
    /// For what needs no policy.
    threads: Threads,
    function: Py<PyAny>,
    raised: Raised,
}

/// An episode under way in a lane.
struct Episode {
    job: usize,
    weight: f64,
    start: f64,
    result: EpisodeResult,
}

impl Callable {
    pub(crate) fn new(simulator: Simulator, function: Py<PyAny>, raised: Raised) -> Result<Self, SimError> {
        // Of one from outside each lane is an environment to make.
        let lanes = if simulator.physics() == "own" { own_batch::LANES } else { LANES };
        let sim = simulator.batch(lanes)?;
        let threads = Threads::new(&simulator, 1)?;
        Ok(Self { simulator, sim, threads, function, raised })
    }

    fn position(&self, lane: usize, state: &mut [f64]) -> f64 {
        self.sim.state(lane, state);
        state.first().copied().unwrap_or(0.0)
    }

    /// The actions for `observations`, `[rows, obs_dim]`.
    fn ask(&self, observations: Vec<f64>, rows: usize, act_dim: usize) -> Result<Vec<f64>, SimError> {
        let asked = Python::attach(|py| {
            py.check_signals()?;
            let width = observations.len() / rows;
            let observations = observations.into_pyarray(py).reshape([rows, width])?;
            let answer = self.function.bind(py).call1((observations,))?;
            let answer: PyReadonlyArray2<'_, f64> = answer.extract()?;
            if answer.shape() != [rows, act_dim] {
                let got = answer.shape();
                return Err(error::usage(format!("actions of shape {got:?}, expected [{rows}, {act_dim}]")));
            }
            Ok(answer.as_array().iter().copied().collect())
        });
        asked.map_err(|error| {
            self.raised.put(error);
            SimError::Interrupted
        })
    }
}

impl Executor for Callable {
    fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    fn stop_flag(&self) -> &StopFlag {
        self.threads.stop_flag()
    }

    fn threads(&self) -> usize {
        1
    }

    fn places(&self) -> usize {
        self.sim.lanes()
    }

    fn episodes(
        &mut self,
        _: &Actor,
        z: &[f64],
        jobs: &[EpisodeJob],
        options: EpisodeOptions,
    ) -> Result<Vec<EpisodeResult>, SimError> {
        let (space, spec) = (self.simulator.space().clone(), self.simulator.spec().clone());
        let (lanes, dim, act_dim) = (self.sim.lanes(), space.dim(), spec.act_dim());
        let blank = EpisodeResult { ret: 0.0, length: 0, forward: 0.0, outcome: Outcome::Running };
        let mut results = vec![blank; jobs.len()];
        let mut under_way: Vec<Option<Episode>> = (0..lanes).map(|_| None).collect();
        let mut active = vec![false; lanes];
        let mut actions = vec![0.0; lanes * act_dim];
        let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
        let (mut phi, mut state) = (vec![0.0; dim], vec![0.0; spec.state_dim()]);
        let mut next = 0;
        loop {
            for lane in 0..lanes {
                if under_way[lane].is_some() || next == jobs.len() {
                    continue;
                }
                let job = &jobs[next];
                space.checked_physical_into(&z[job.dynamics * dim..][..dim], &mut phi)?;
                self.sim.set_dynamics(lane, &phi)?;
                self.sim.reset(lane, &mut job.reset.stream());
                let start = self.position(lane, &mut state);
                under_way[lane] = Some(Episode { job: next, weight: 1.0, start, result: blank });
                next += 1;
            }
            let busy: Vec<usize> = (0..lanes).filter(|&lane| under_way[lane].is_some()).collect();
            if busy.is_empty() {
                return Ok(results);
            }
            let mut observations = vec![0.0; busy.len() * spec.obs_dim];
            for (&lane, row) in busy.iter().zip(observations.chunks_exact_mut(spec.obs_dim)) {
                self.sim.observe(lane, row);
            }
            let answer = self.ask(observations, busy.len(), act_dim)?;
            active.fill(false);
            for (&lane, row) in busy.iter().zip(answer.chunks_exact(act_dim)) {
                active[lane] = true;
                actions[lane * act_dim..][..act_dim].copy_from_slice(row);
            }
            self.sim.step(&actions, &active, &mut rewards, &mut outcomes);
            // A simulator may be of Python, too.
            if self.raised.is_there() {
                return Err(SimError::Interrupted);
            }
            for lane in busy {
                let position = self.position(lane, &mut state);
                let Some(episode) = &mut under_way[lane] else { continue };
                episode.result.length += 1;
                episode.result.outcome = outcomes[lane];
                if !matches!(outcomes[lane], Outcome::Diverged(_)) {
                    episode.result.ret += episode.weight * rewards[lane];
                    episode.weight *= options.discount;
                }
                if outcomes[lane].is_over() {
                    episode.result.forward = position - episode.start;
                    results[episode.job] = episode.result;
                    under_way[lane] = None;
                }
            }
        }
    }

    fn collect(
        &mut self,
        _: Players<'_>,
        _: &dyn DynamicsSource,
        _: &mut Lanes,
        _: CollectOptions,
        _: &mut Vec<LaneBatch>,
    ) -> Result<(), SimError> {
        let reason = "a policy that is a Python function is judged here, not trained".to_owned();
        Err(SimError::Model { task: self.simulator.task().to_owned(), reason })
    }

    fn trajectories(
        &mut self,
        actor: Option<&Actor>,
        keys: &[StreamKey],
    ) -> Result<Vec<Trajectory>, SimError> {
        self.threads.trajectories(actor, keys)
    }

    fn transitions(
        &mut self,
        z: &[f64],
        from: StepsFrom<'_>,
        next: &mut [f64],
    ) -> Result<(), TransitionError> {
        self.threads.transitions(z, from, next)
    }
}
