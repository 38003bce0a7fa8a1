//! Threads that own simulators.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::{ThreadPool, ThreadPoolBuilder};
use wr2l_rng::StreamKey;
use wr2l_sim::{BatchSim, DynamicsSpace, SimError, Simulator};

use super::episode::EpisodeScript;
use super::{
    EpisodeJob, EpisodeOptions, EpisodeResult, Executor, StepsFrom, StopFlag, Trajectory, TransitionError,
    trajectory, transition,
};
use crate::helper::Trust;
use crate::rollout::drive::drive;
use crate::{Acting, Actor, CollectOptions, DynamicsSource, LaneBatch, Lanes, Players};

/// Pairs that one piece of work steps from under one z: small enough to share a single z among threads.
const BLOCK: usize = 64;

/// Threads of this process, each with lanes of its own, that live as long as the set; the first one is the caller's. A
/// thread without work sleeps.
///
/// Work is taken piece by piece from a common list, so that short episodes leave no core idle; results never
/// depend on who did what.
#[derive(Debug)]
pub struct Threads {
    simulator: Simulator,
    sims: Vec<Box<dyn BatchSim>>,
    /// The threads of all workers but the first; none where that is the only one.
    pool: Option<ThreadPool>,
    /// In the others' coming in time for short work.
    trust: Trust,
    stop: StopFlag,
}

impl Threads {
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
        Ok(Self {
            simulator: simulator.clone(),
            sims,
            pool,
            trust: Trust::new(10),
            stop: StopFlag::default(),
        })
    }

    /// Makes everything but a learner's batch ([`Executor::collect`]) give up once `flag` is raised.
    #[must_use]
    pub fn with_stop_flag(self, flag: StopFlag) -> Self {
        Self { stop: flag, ..self }
    }

    /// Calls `f(i, simulator)` for every i in `0..n` on the worker threads and returns the results in the order
    /// of i. Each call must set whatever lane state it relies on: it may run on any worker's simulator.
    fn map<T: Send>(&mut self, n: usize, f: impl Fn(usize, &mut dyn BatchSim) -> T + Sync) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let per_worker = self.on_all(|sim, _| {
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

    /// Runs `f` once for every worker's simulator, all at the same time, the first one's on this thread; it is told how many
    /// there are.
    fn on_all<T: Send>(&mut self, f: impl Fn(&mut dyn BatchSim, usize) -> T + Sync) -> Vec<T> {
        let Some(pool) = &self.pool else { return vec![self.on_own(f)] };
        on_all(pool, &mut self.sims, &AtomicUsize::new(0), f, || ())
    }

    /// As [`Threads::on_all`], for work that any worker can do alone. On a machine whose cores are taken others come late, maybe
    /// when nothing is left to do, and have to be waited for: so they are not asked again for a while.
    pub(crate) fn on_those_in_time<T: Send>(
        &mut self,
        f: impl Fn(&mut dyn BatchSim, usize) -> T + Sync,
    ) -> Vec<T> {
        let Some(pool) = self.pool.as_ref().filter(|_| self.trust.is_given()) else {
            return vec![self.on_own(f)];
        };
        let (begun, mut late) = (AtomicUsize::new(0), None);
        let others = self.sims.len() - 1;
        let results = on_all(pool, &mut self.sims, &begun, f, || {
            late = (begun.load(Ordering::Relaxed) < others).then(Instant::now);
        });
        match late {
            Some(since) => self.trust.breaks(since.elapsed()),
            None => self.trust.grows(),
        }
        results
    }

    /// Runs `f` for the first worker's simulator, on this thread.
    pub(crate) fn on_own<T>(&mut self, f: impl FnOnce(&mut dyn BatchSim, usize) -> T) -> T {
        f(self.sims[0].as_mut(), 1)
    }
}

/// Runs `f` for every simulator, the first one's on this thread and the others' in the pool, and `done` when this thread has done
/// its own; `begun` counts the others that have come.
fn on_all<T: Send>(
    pool: &ThreadPool,
    sims: &mut [Box<dyn BatchSim>],
    begun: &AtomicUsize,
    f: impl Fn(&mut dyn BatchSim, usize) -> T + Sync,
    done: impl FnOnce(),
) -> Vec<T> {
    let mut results: Vec<Option<T>> = sims.iter().map(|_| None).collect();
    let (f, workers) = (&f, sims.len());
    pool.in_place_scope(|scope| {
        let mut work = sims.iter_mut().zip(&mut results);
        let own = work.next();
        for (sim, result) in work {
            scope.spawn(move |_| {
                begun.fetch_add(1, Ordering::Relaxed);
                *result = Some(f(sim.as_mut(), workers));
            });
        }
        if let Some((sim, result)) = own {
            *result = Some(f(sim.as_mut(), workers));
        }
        done();
    });
    // The scope ends when everything that was spawned has run; a panic in it has been passed on.
    results.into_iter().flatten().collect()
}

impl Executor for Threads {
    fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    fn stop_flag(&self) -> &StopFlag {
        &self.stop
    }

    fn threads(&self) -> usize {
        self.sims.len()
    }

    fn places(&self) -> usize {
        self.sims.iter().map(|sim| sim.lanes()).sum()
    }

    fn episodes(
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
        let per_worker = self.on_all(|sim, workers| {
            let mut results = Vec::with_capacity(jobs.len());
            let next = || {
                let index = next_job.fetch_add(1, Ordering::Relaxed);
                let job = jobs.get(index).filter(|_| !stop.is_raised())?;
                let phi = &phi[job.dynamics * space.dim()..][..space.dim()];
                Some(EpisodeScript::new(index, job, phi, options))
            };
            let acting = if options.stochastic { Acting::Sample } else { Acting::Mode };
            // An even share each: a few lanes step faster than many.
            drive(sim, jobs.len().div_ceil(workers), Players::alone(actor), acting, next, |script| {
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

    fn collect(
        &mut self,
        players: Players<'_>,
        source: &dyn DynamicsSource,
        lanes: &mut Lanes,
        options: CollectOptions,
        batch: &mut Vec<LaneBatch>,
    ) -> Result<(), SimError> {
        self.collect_lanes(players, source, lanes, options, batch)?;
        // Of lanes that all broke down at once nothing may be learnt.
        self.sims.iter().find_map(|sim| sim.failure()).map_or(Ok(()), Err)
    }

    fn trajectories(
        &mut self,
        actor: Option<&Actor>,
        keys: &[StreamKey],
    ) -> Result<Vec<Trajectory>, SimError> {
        let (nominal, stop) = (self.space().nominal(), self.stop.clone());
        // As many at a time as a simulator has lanes; what a lane does depends on no other.
        let at_once = self.sims.first().map_or(1, |sim| sim.lanes());
        let batches = self.map(keys.len().div_ceil(at_once), |i, sim| {
            stop.check()?;
            let last = keys.len().min((i + 1) * at_once);
            trajectory::run(sim, actor, &nominal, &keys[i * at_once..last])
        });
        let mut all = Vec::with_capacity(keys.len());
        for batch in batches {
            all.extend(batch?);
        }
        Ok(all)
    }

    fn transitions(
        &mut self,
        z: &[f64],
        from: StepsFrom<'_>,
        next: &mut [f64],
    ) -> Result<(), TransitionError> {
        let (dim, state_dim) = (self.space().dim(), self.spec().state_dim());
        let phi = physical_rows(self.space(), z)?;
        let (rows, blocks) = (z.len() / dim, from.len.div_ceil(BLOCK));
        let stop = self.stop.clone();
        let pieces = self.map(rows * blocks, |i, sim| {
            stop.check()?;
            let (row, block) = (i / blocks, i % blocks);
            let range = block * BLOCK..((block + 1) * BLOCK).min(from.len);
            transition::run(sim, row, &phi[row * dim..][..dim], from, range)
        });
        for (i, piece) in pieces.into_iter().enumerate() {
            let (row, block) = (i / blocks, i % blocks);
            let at = (row * from.len + block * BLOCK) * state_dim;
            let piece = piece?;
            next[at..at + piece.len()].copy_from_slice(&piece);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::thread;
    use std::time::Duration;

    use wr2l_sim::{DynamicsSpace, Task, TaskName};

    use super::*;

    #[test]
    fn a_panic_on_a_thread_reaches_the_caller_and_the_threads_go_on() {
        let task = Task::new(TaskName::CARTPOLE);
        let simulator = Simulator::new(task, None, DynamicsSpace::default()).unwrap();
        let mut threads = Threads::new(&simulator, 3).unwrap();
        let panics = |threads: &mut Threads| {
            threads.map(20, |i, _| assert!(i != 13, "as this test wants"));
        };
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panics(&mut threads))).is_err());
        assert_eq!(threads.map(5, |i, _| 2 * i), [0, 2, 4, 6, 8]);
    }

    #[test]
    fn who_came_late_is_not_asked_for_a_while() {
        let simulator =
            Simulator::new(Task::new(TaskName::CARTPOLE), None, DynamicsSpace::default()).unwrap();
        let mut threads = Threads::new(&simulator, 2).unwrap();
        let meeting = Barrier::new(2);
        let who = |_: &mut dyn BatchSim, _| thread::current().id();
        let together = threads.on_those_in_time(|sim, workers| (meeting.wait(), who(sim, workers)).1);
        assert_eq!(together.iter().collect::<HashSet<_>>().len(), 2);
        assert!(threads.trust.is_given(), "both were there");
        threads.trust.breaks(Duration::from_secs(60));
        assert_eq!(threads.on_those_in_time(who), [thread::current().id()]);
        assert_eq!(threads.on_all(who).len(), 2, "for long work all are asked");
    }
}
