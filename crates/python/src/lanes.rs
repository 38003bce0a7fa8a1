//! Lanes that are stepped together, on threads that live as long as they do: what stands behind an environment.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use wr2l::rng::{Purpose, StreamKey};
use wr2l::sim::{BatchSim, DynamicsSpace, Outcome, SimError, SimSpec, Simulator};

/// When a lane whose episode is over begins the next one: Gymnasium's three modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Autoreset {
    /// In the step after, instead of stepping.
    NextStep,
    /// In the same step, after it.
    SameStep,
    /// When it is told to.
    Disabled,
}

/// Some of the lanes, all of which one thread steps. Arrays are row-major with one row a lane.
#[derive(Debug)]
pub(crate) struct Shard {
    sim: Box<dyn BatchSim>,
    obs_dim: usize,
    /// Streams of the initial states, at the number of the next episode.
    keys: Vec<StreamKey>,
    episodes: Vec<u64>,
    /// Dynamics of the current episode and of the next one, `[lanes, dim]`.
    phi: Vec<f64>,
    next_phi: Vec<f64>,
    active: Vec<bool>,
    /// Whether a lane waits for its next episode.
    pub(crate) over: Vec<bool>,
    pub(crate) actions: Vec<f64>,
    pub(crate) rewards: Vec<f64>,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) observations: Vec<f64>,
    /// The last observation of an episode that ended in this step, under [`Autoreset::SameStep`].
    pub(crate) last: Vec<f64>,
}

impl Shard {
    fn new(simulator: &Simulator, lanes: usize) -> Result<Self, SimError> {
        let sim = simulator.batch(lanes)?;
        let (obs_dim, act_dim) = (sim.spec().obs_dim, sim.spec().act_dim());
        let nominal = simulator.space().nominal().repeat(lanes);
        Ok(Self {
            sim,
            obs_dim,
            keys: vec![StreamKey::new(0, Purpose::Reset); lanes],
            episodes: vec![0; lanes],
            phi: nominal.clone(),
            next_phi: nominal,
            active: vec![false; lanes],
            over: vec![true; lanes],
            actions: vec![0.0; lanes * act_dim],
            rewards: vec![0.0; lanes],
            outcomes: vec![Outcome::Running; lanes],
            observations: vec![0.0; lanes * obs_dim],
            last: vec![0.0; lanes * obs_dim],
        })
    }

    fn lanes(&self) -> usize {
        self.over.len()
    }

    fn dim(&self) -> usize {
        self.phi.len() / self.lanes()
    }

    fn observe(&mut self, lane: usize) {
        self.sim.observe(lane, &mut self.observations[lane * self.obs_dim..][..self.obs_dim]);
    }

    /// Begins the next episode of a lane.
    fn begin(&mut self, lane: usize) -> Result<(), SimError> {
        let row = lane * self.dim()..(lane + 1) * self.dim();
        self.sim.set_dynamics(lane, &self.next_phi[row.clone()])?;
        self.phi[row.clone()].copy_from_slice(&self.next_phi[row]);
        self.sim.reset(lane, &mut self.keys[lane].episode(self.episodes[lane]).stream());
        self.episodes[lane] += 1;
        self.over[lane] = false;
        self.observe(lane);
        Ok(())
    }

    fn step(&mut self, mode: Autoreset) -> Result<(), SimError> {
        for (active, over) in self.active.iter_mut().zip(&self.over) {
            *active = !over;
        }
        self.sim.step(&self.actions, &self.active, &mut self.rewards, &mut self.outcomes);
        for lane in 0..self.lanes() {
            if !self.active[lane] {
                (self.rewards[lane], self.outcomes[lane]) = (0.0, Outcome::Running);
                self.begin(lane)?;
                continue;
            }
            let outcome = self.outcomes[lane];
            // Of a lane that broke down the observation before stays: the new one means nothing.
            if !matches!(outcome, Outcome::Diverged(_)) {
                self.observe(lane);
            }
            if outcome.is_over() {
                self.over[lane] = true;
                if mode == Autoreset::SameStep {
                    let row = lane * self.obs_dim..(lane + 1) * self.obs_dim;
                    self.last[row.clone()].copy_from_slice(&self.observations[row]);
                    self.begin(lane)?;
                }
            }
        }
        Ok(())
    }
}

type Stepped = (Box<Shard>, Result<(), SimError>);

/// A thread that steps the shards it is sent.
#[derive(Debug)]
struct Worker {
    to: Sender<(Box<Shard>, Autoreset)>,
    from: Receiver<Stepped>,
}

impl Worker {
    fn start(number: usize) -> Result<Self, SimError> {
        let (to, work) = channel::<(Box<Shard>, Autoreset)>();
        let (done, from) = channel();
        let body = move || {
            // Ends when the lanes that it belongs to are gone.
            while let Ok((mut shard, mode)) = work.recv() {
                let result = shard.step(mode);
                if done.send((shard, result)).is_err() {
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name(format!("lanes-{number}")).spawn(body);
        spawned.map_err(|error| SimError::Threads { reason: error.to_string() })?;
        Ok(Self { to, from })
    }
}

/// Why lanes were not stepped.
#[derive(Debug)]
pub(crate) enum LanesError {
    Sim(SimError),
    /// The process is a fork of the one that made them: threads do not survive that.
    Forked,
    /// A thread is gone.
    Lost,
}

impl From<SimError> for LanesError {
    fn from(error: SimError) -> Self {
        Self::Sim(error)
    }
}

/// Lanes of one task, in shards of equal size but the last.
#[derive(Debug)]
pub(crate) struct Lanes {
    spec: SimSpec,
    space: DynamicsSpace,
    count: usize,
    size: usize,
    /// Each is there unless its thread has been lost.
    shards: Vec<Option<Box<Shard>>>,
    /// Those of all shards but the first, which the caller steps.
    workers: Vec<Worker>,
    process: u32,
}

impl Lanes {
    pub(crate) fn new(simulator: &Simulator, count: usize, threads: usize) -> Result<Self, SimError> {
        // Whole registers a thread.
        let width = simulator.preferred_lanes().max(1);
        let size = count.div_ceil(threads.max(1)).next_multiple_of(width).min(count);
        let mut shards = Vec::new();
        for first in (0..count).step_by(size) {
            shards.push(Some(Box::new(Shard::new(simulator, size.min(count - first))?)));
        }
        let workers = (1..shards.len()).map(Worker::start).collect::<Result<_, _>>()?;
        let (spec, space) = (simulator.spec().clone(), simulator.space().clone());
        Ok(Self { spec, space, count, size, shards, workers, process: std::process::id() })
    }

    pub(crate) fn spec(&self) -> &SimSpec {
        &self.spec
    }

    pub(crate) fn space(&self) -> &DynamicsSpace {
        &self.space
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The shards with the lanes that they hold.
    pub(crate) fn shards(
        &mut self,
    ) -> Result<impl Iterator<Item = (std::ops::Range<usize>, &mut Shard)>, LanesError> {
        if self.process != std::process::id() {
            return Err(LanesError::Forked);
        }
        if self.shards.iter().any(Option::is_none) {
            return Err(LanesError::Lost);
        }
        let (size, count) = (self.size, self.count);
        let ranges = move |i: usize| i * size..((i + 1) * size).min(count);
        let held = self.shards.iter_mut().flatten();
        Ok(held.enumerate().map(move |(i, shard)| (ranges(i), shard.as_mut())))
    }

    fn shard(&mut self, lane: usize) -> Result<(&mut Shard, usize), LanesError> {
        let (index, within) = (lane / self.size, lane % self.size);
        let (_, shard) = self.shards()?.nth(index).ok_or(LanesError::Lost)?;
        Ok((shard, within))
    }

    /// Gives a lane the streams of (`seed`, `stream`), from its first episode on.
    pub(crate) fn seed(&mut self, lane: usize, seed: u64, stream: u64) -> Result<(), LanesError> {
        let (shard, lane) = self.shard(lane)?;
        shard.keys[lane] = StreamKey::new(seed, Purpose::Reset).lane(stream);
        shard.episodes[lane] = 0;
        Ok(())
    }

    /// Sets the dynamics from the next episode of a lane on.
    pub(crate) fn set_phi(&mut self, lane: usize, phi: &[f64]) -> Result<(), LanesError> {
        self.space.check(phi).map_err(SimError::from)?;
        let (shard, lane) = self.shard(lane)?;
        let dim = shard.dim();
        shard.next_phi[lane * dim..][..dim].copy_from_slice(phi);
        Ok(())
    }

    /// The dynamics of the lanes' current episodes, `[count, dim]`.
    pub(crate) fn phi(&mut self, out: &mut [f64]) -> Result<(), LanesError> {
        let dim = self.space.dim();
        for (range, shard) in self.shards()? {
            out[range.start * dim..range.end * dim].copy_from_slice(&shard.phi);
        }
        Ok(())
    }

    /// Begins the next episode of every lane of `which`.
    pub(crate) fn begin(&mut self, which: impl Fn(usize) -> bool) -> Result<(), LanesError> {
        for (range, shard) in self.shards()? {
            for (lane, number) in range.enumerate() {
                if which(number) {
                    shard.begin(lane)?;
                }
            }
        }
        Ok(())
    }

    /// Starts an episode of a lane in a given state, qpos then qvel, under the dynamics that it has.
    pub(crate) fn set_state(&mut self, lane: usize, state: &[f64]) -> Result<(), LanesError> {
        let (shard, lane) = self.shard(lane)?;
        shard.sim.set_state(lane, state)?;
        shard.over[lane] = false;
        shard.observe(lane);
        Ok(())
    }

    /// The physical states, qpos then qvel, `[count, state_dim]`.
    pub(crate) fn states(&mut self, out: &mut [f64]) -> Result<(), LanesError> {
        let n = self.spec.state_dim();
        for (range, shard) in self.shards()? {
            for (lane, number) in range.enumerate() {
                shard.sim.state(lane, &mut out[number * n..][..n]);
            }
        }
        Ok(())
    }

    /// Steps every lane with the actions in its shard; one that waits for its next episode begins it instead.
    pub(crate) fn step(&mut self, mode: Autoreset) -> Result<(), LanesError> {
        if self.process != std::process::id() {
            return Err(LanesError::Forked);
        }
        for (worker, place) in self.workers.iter().zip(&mut self.shards[1..]) {
            let shard = place.take().ok_or(LanesError::Lost)?;
            worker.to.send((shard, mode)).map_err(|_| LanesError::Lost)?;
        }
        let mut first = match self.shards[0].as_mut() {
            Some(shard) => shard.step(mode).map_err(LanesError::from),
            None => Err(LanesError::Lost),
        };
        for (worker, place) in self.workers.iter().zip(&mut self.shards[1..]) {
            match worker.from.recv() {
                Ok((shard, result)) => {
                    *place = Some(shard);
                    first = first.and(result.map_err(LanesError::from));
                }
                Err(_) => first = Err(LanesError::Lost),
            }
        }
        first
    }
}
