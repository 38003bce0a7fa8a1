//! Threads that own simulators, and the work they are given: whole episodes, or any function of an index.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};
use wr2l_rng::{Stream, StreamKey};
use wr2l_sim::{BatchSim, DynamicsSpace, Outcome, Sim, SimError, SimSpec, Simulator};

use crate::drive::{Script, Step, drive};
use crate::{Acting, Actor, Player, Players};

/// A set of workers, each with a simulator and a thread of its own that live as long as the set; the first one's thread
/// is the caller's. A thread without work sleeps.
///
/// Work is taken piece by piece from a common list, so that short episodes leave no core idle; results never
/// depend on who did what.
#[derive(Debug)]
pub struct Workers {
    simulator: Simulator,
    sims: Vec<Sim>,
    /// The threads of all workers but the first; none where that is the only one.
    pool: Option<ThreadPool>,
    stop: StopFlag,
}

/// A flag that long work looks at between its pieces. Clones are one and the same flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks whoever holds a clone to stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Goes on, or not.
    ///
    /// # Errors
    /// [`SimError::Interrupted`] once the flag is raised.
    pub fn check(&self) -> Result<(), SimError> {
        if self.is_raised() { Err(SimError::Interrupted) } else { Ok(()) }
    }
}

/// One episode to run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeJob {
    /// Row of the table of dynamics under which it runs.
    pub dynamics: usize,
    /// Stream of the initial state.
    pub reset: StreamKey,
    /// Stream of the action noise (unused by deterministic episodes).
    pub action: StreamKey,
}

/// How episodes are run and scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeOptions {
    /// Draw actions from the policy, or take its mean (or most likely) action.
    pub stochastic: bool,
    /// Discount per step in the return; 1 is the undiscounted sum of rewards.
    pub discount: f64,
}

/// What an episode came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeResult {
    /// (Discounted) sum of rewards; of an episode that diverged, up to the step before.
    pub ret: f64,
    /// Steps taken.
    pub length: u32,
    /// By how much the first generalised position changed: how far a walking robot came, in m. Means nothing if the
    /// episode diverged.
    pub forward: f64,
    /// How it ended.
    pub outcome: Outcome,
}

impl EpisodeResult {
    /// An episode that has not begun.
    const BLANK: Self = Self { ret: 0.0, length: 0, forward: 0.0, outcome: Outcome::Running };
}

impl Workers {
    /// Makes `threads` workers, at least one.
    ///
    /// # Errors
    /// Whatever [`Simulator::batch`] refuses; [`SimError::Threads`].
    pub fn new(simulator: &Simulator, threads: usize) -> Result<Self, SimError> {
        Self::with_lanes(simulator, threads, simulator.preferred_lanes())
    }

    /// Makes `threads` workers that step `lanes` lanes each: results are the same for every grouping.
    ///
    /// # Errors
    /// Whatever [`Simulator::batch`] refuses; [`SimError::Threads`].
    pub fn with_lanes(simulator: &Simulator, threads: usize, lanes: usize) -> Result<Self, SimError> {
        let sims =
            (0..threads.max(1)).map(|_| simulator.batch(lanes.max(1))).collect::<Result<Vec<_>, _>>()?;
        let pool = match sims.len() - 1 {
            0 => None,
            others => {
                let pool =
                    ThreadPoolBuilder::new().num_threads(others).thread_name(|i| format!("worker-{}", i + 1));
                Some(pool.build().map_err(|error| SimError::Threads { reason: error.to_string() })?)
            }
        };
        Ok(Self { simulator: simulator.clone(), sims, pool, stop: StopFlag::default() })
    }

    /// Makes [`Workers::episodes`], and all that adversaries and ball estimates simulate, give up once `flag` is raised.
    /// A learner's batch ([`Workers::collect`]) is always completed.
    #[must_use]
    pub fn with_stop_flag(self, flag: StopFlag) -> Self {
        Self { stop: flag, ..self }
    }

    /// The flag that long work has to look at between its pieces.
    pub fn stop_flag(&self) -> &StopFlag {
        &self.stop
    }

    /// What is simulated.
    pub fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// Shapes and limits of the simulator.
    pub fn spec(&self) -> &SimSpec {
        self.simulator.spec()
    }

    /// The dynamics parameters that vary.
    pub fn space(&self) -> &DynamicsSpace {
        self.simulator.space()
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.sims.len()
    }

    /// Runs whole episodes, each to its end, and returns their results in the order of `jobs`.
    ///
    /// - `z`: normalised dynamics, `[rows, dim]` row-major; a job names its row.
    ///
    /// # Errors
    /// [`SimError::Space`] for dynamics outside their bounds or not finite; [`SimError::Interrupted`].
    ///
    /// # Panics
    /// If a job names a row that `z` does not have, or the actor's shapes are not the simulator's.
    pub fn episodes(
        &mut self,
        actor: &Actor,
        z: &[f64],
        jobs: &[EpisodeJob],
        options: EpisodeOptions,
    ) -> Result<Vec<EpisodeResult>, SimError> {
        let space = self.simulator.space().clone();
        let phi = physical_rows(&space, z)?;
        let next_job = AtomicUsize::new(0);
        let stop = self.stop.clone();
        let per_worker = self.on_all(|sim| {
            let mut results = Vec::with_capacity(jobs.len());
            let next = || {
                let index = next_job.fetch_add(1, Ordering::Relaxed);
                let job = jobs.get(index).filter(|_| !stop.is_raised())?;
                let phi = &phi[job.dynamics * space.dim()..][..space.dim()];
                Some(EpisodeScript::new(index, job, phi, options))
            };
            let acting = if options.stochastic { Acting::Sample } else { Acting::Mode };
            drive(sim, Players::alone(actor), acting, next, |script| {
                results.push((script.index, script.result));
            })?;
            Ok::<_, SimError>(results)
        });
        self.stop.check()?;
        let mut ordered = vec![EpisodeResult::BLANK; jobs.len()];
        for results in per_worker {
            for (index, result) in results? {
                ordered[index] = result;
            }
        }
        Ok(ordered)
    }

    /// Calls `f(i, simulator)` for every i in `0..n` on the worker threads and returns the results in the order
    /// of i. Each call must set whatever lane state it relies on: it may run on any worker's simulator.
    pub fn map<T: Send>(&mut self, n: usize, f: impl Fn(usize, &mut Sim) -> T + Sync) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let per_worker = self.on_all(|sim| {
            let mut results = Vec::new();
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                if i >= n {
                    return results;
                }
                results.push((i, f(i, sim)));
            }
        });
        let mut all: Vec<(usize, T)> = per_worker.into_iter().flatten().collect();
        all.sort_unstable_by_key(|(i, _)| *i);
        all.into_iter().map(|(_, result)| result).collect()
    }

    /// Number of lanes of each worker's simulator.
    pub fn lanes(&self) -> usize {
        self.sims.first().map_or(1, BatchSim::lanes)
    }

    /// Number of lanes of all workers together.
    pub(crate) fn places(&self) -> usize {
        self.sims.iter().map(BatchSim::lanes).sum()
    }

    /// Runs `f` once for every worker's simulator, all at the same time, the first one's on this thread.
    pub(crate) fn on_all<T: Send>(&mut self, f: impl Fn(&mut Sim) -> T + Sync) -> Vec<T> {
        let Some(pool) = &self.pool else { return self.sims.iter_mut().map(f).collect() };
        let mut results: Vec<Option<T>> = self.sims.iter().map(|_| None).collect();
        let f = &f;
        pool.in_place_scope(|scope| {
            let mut work = self.sims.iter_mut().zip(&mut results);
            let own = work.next();
            for (sim, result) in work {
                scope.spawn(move |_| *result = Some(f(sim)));
            }
            if let Some((sim, result)) = own {
                *result = Some(f(sim));
            }
        });
        // The scope ends when everything that was spawned has run; a panic in it has been passed on.
        results.into_iter().flatten().collect()
    }
}

/// Physical values of rows of z, each checked against the hard bounds.
fn physical_rows(space: &DynamicsSpace, z: &[f64]) -> Result<Vec<f64>, SimError> {
    let mut phi = vec![0.0; z.len()];
    if space.dim() > 0 {
        for (z, phi) in z.chunks(space.dim()).zip(phi.chunks_mut(space.dim())) {
            space.checked_physical_into(z, phi)?;
        }
    }
    Ok(phi)
}

/// One whole episode.
struct EpisodeScript<'a> {
    index: usize,
    phi: &'a [f64],
    reset: StreamKey,
    noise: Stream,
    discount: f64,
    weight: f64,
    result: EpisodeResult,
    /// Scratch: a physical state.
    state: Vec<f64>,
    /// First generalised position at the start.
    start: f64,
}

impl<'a> EpisodeScript<'a> {
    fn new(index: usize, job: &EpisodeJob, phi: &'a [f64], options: EpisodeOptions) -> Self {
        Self {
            index,
            phi,
            reset: job.reset,
            noise: job.action.stream(),
            discount: options.discount,
            weight: 1.0,
            result: EpisodeResult::BLANK,
            state: Vec::new(),
            start: 0.0,
        }
    }

    /// First generalised position of the lane.
    fn position(&mut self, sim: &Sim, lane: usize) -> f64 {
        sim.state(lane, &mut self.state);
        self.state.first().copied().unwrap_or(0.0)
    }
}

impl Script for EpisodeScript<'_> {
    fn begin(&mut self, sim: &mut Sim, lane: usize, memory: &mut [f64]) -> Result<(), SimError> {
        memory.fill(0.0);
        sim.set_dynamics(lane, self.phi)?;
        sim.reset(lane, &mut self.reset.stream());
        self.state.resize(sim.spec().state_dim(), 0.0);
        self.start = self.position(sim, lane);
        Ok(())
    }

    fn noise(&mut self, _: Player) -> &mut Stream {
        &mut self.noise
    }

    fn record(
        &mut self,
        _: &Actor,
        step: Step<'_>,
        sim: &mut Sim,
        lane: usize,
        _: &mut [f64],
    ) -> Result<bool, SimError> {
        self.result.length += 1;
        self.result.outcome = step.outcome;
        if !matches!(step.outcome, Outcome::Diverged(_)) {
            self.result.ret += self.weight * step.reward;
            self.weight *= self.discount;
        }
        if step.outcome.is_over() {
            self.result.forward = self.position(sim, lane) - self.start;
        }
        Ok(!step.outcome.is_over())
    }
}
