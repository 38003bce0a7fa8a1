//! Rank 0's executor.

use std::ops::Range;
use std::sync::Arc;

use wr2l_rl::{
    Actor, Aside, CollectOptions, DynamicsSource, EpisodeJob, EpisodeOptions, EpisodeResult, Executor,
    LaneBatch, LaneState, Lanes, Players, State, StepsFrom, StopFlag, Stretch, Threads, Trajectory,
    TransitionError,
};
use wr2l_rng::StreamKey;
use wr2l_run::{Executors, RunError, Stage};
use wr2l_sim::{SimError, Simulator};

use crate::job::{self, DONE, OPEN, SHORT, content};
use crate::link::Link;
use crate::near::Neighbour;
use crate::pieces::Pieces;
use crate::post::{Gone, Post};
use crate::stage::{self, likeness};
use crate::table::Table;
use crate::wire::{Malformed, Reader};

/// The least policy steps that are worth a message: some hundreds take as long as sending a policy.
const LEAST: usize = 512;
/// Episodes of a lane whose dynamics are sent at first, where each has its own.
const DEPTH: usize = 8;

/// All ranks of a job, seen from rank 0: makes executors that share their work among them.
///
/// Several executors may be in use at the same time; their work is done one after the other.
#[derive(Debug)]
pub struct Ranks {
    post: Post,
    near: Arc<Neighbour>,
    least: usize,
}

impl Ranks {
    /// The ranks that a link leads to.
    pub fn new(link: Link) -> Self {
        Self { post: Post::new(link), near: Arc::default(), least: LEAST }
    }

    /// The same, but batches of `least` policy steps and more are shared; usual: 512. No result depends on it.
    #[must_use]
    pub fn sharing_from(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// How many halves of updates a rank on this machine was given so far.
    pub fn halves_given(&self) -> u64 {
        self.near.given()
    }
}

impl Executors for Ranks {
    fn executor(&self, stage: &Stage, threads: usize, stop: StopFlag) -> Result<Box<dyn Executor>, RunError> {
        let own = Threads::new(&stage.simulator()?, threads)?.with_stop_flag(stop);
        let number = self.post.new_stage();
        let mut told = job::request(OPEN, number);
        stage::write(stage, threads, &mut told);
        let told = told.into_bytes();
        let requests: Vec<_> = (1..self.post.size()).map(|rank| (rank, told.clone())).collect();
        // Made first, so that whatever was opened is closed again.
        let (post, near) = (self.post.clone(), Arc::clone(&self.near));
        let executor = Shared { post, near, stage: number, least: self.least, depth: DEPTH, own };
        let never = StopFlag::default();
        let (expected, answers) = self
            .post
            .exchange(number, requests, &never, || likeness(executor.own.simulator()))
            .map_err(|Gone| RunError::Failed(GONE.into()))?;
        for (rank, answer) in (1..).zip(&answers) {
            let mut reader = Reader::new(answer);
            let (done, malformed) =
                (reader.byte() == Ok(DONE), |error: Malformed| stage::refused(rank, &error.to_string()));
            if !done {
                return Err(stage::refused(rank, &reader.text().map_err(malformed)?));
            }
            let found = reader.list(Reader::text).map_err(malformed)?;
            if let Some((found, expected)) = found.iter().zip(&expected).find(|(a, b)| a != b) {
                let reason = format!(
                    "it has `{found}` where rank 0 has `{expected}`, so that other numbers would come out"
                );
                return Err(stage::refused(rank, &reason));
            }
        }
        Ok(Box::new(executor))
    }
}

const GONE: &str = "the other ranks of this job are gone";

impl From<Gone> for SimError {
    fn from(_: Gone) -> Self {
        Self::Executor { reason: GONE.into() }
    }
}

/// An executor over all ranks, of which this one does the first share itself.
#[derive(Debug)]
struct Shared {
    post: Post,
    near: Arc<Neighbour>,
    stage: u64,
    least: usize,
    /// Episodes of a lane whose dynamics are sent: twice as many whenever they were not enough.
    depth: usize,
    own: Threads,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.post.close(self.stage);
    }
}

impl Shared {
    /// The share of a rank in `n` things.
    fn share(&self, n: usize, rank: usize) -> Range<usize> {
        n * rank / self.post.size()..n * (rank + 1) / self.post.size()
    }

    /// Has `jobs` done by whoever is free: `ask` writes what another rank is sent, `run` does them here. Their results, in order.
    fn spread<T, R>(
        &mut self,
        jobs: &[T],
        ask: impl Fn(&[T]) -> Vec<u8>,
        read: impl Fn(&mut Reader<'_>) -> Result<Vec<R>, Malformed>,
        run: impl Fn(&mut Threads, &[T]) -> Result<Vec<R>, SimError>,
    ) -> Result<Vec<R>, SimError> {
        let stop = self.own.stop_flag().clone();
        let mut pieces = Pieces::new(jobs, self.post.size(), &mut self.own, ask, read, run);
        self.post.deal(self.stage, &stop, &mut pieces)?;
        pieces.results()
    }

    /// The ranks but this one that have a share in `n` things, and their shares.
    fn others(&self, n: usize) -> Vec<(usize, Range<usize>)> {
        let shares = (1..self.post.size()).map(|rank| (rank, self.share(n, rank)));
        shares.filter(|(_, share)| !share.is_empty()).collect()
    }
}

impl Executor for Shared {
    fn simulator(&self) -> &Simulator {
        self.own.simulator()
    }

    fn stop_flag(&self) -> &StopFlag {
        self.own.stop_flag()
    }

    fn threads(&self) -> usize {
        self.own.threads()
    }

    fn places(&self) -> usize {
        self.own.places() * self.post.size()
    }

    fn episodes(
        &mut self,
        actor: &Actor,
        z: &[f64],
        jobs: &[EpisodeJob],
        options: EpisodeOptions,
    ) -> Result<Vec<EpisodeResult>, SimError> {
        let stage = self.stage;
        self.spread(
            jobs,
            |jobs| job::ask_episodes(stage, actor, z, jobs, options),
            job::read_episodes,
            |own, jobs| own.episodes(actor, z, jobs, options),
        )
    }

    fn collect(
        &mut self,
        players: Players<'_>,
        source: &dyn DynamicsSource,
        lanes: &mut Lanes,
        options: CollectOptions,
        batch: &mut Vec<LaneBatch>,
    ) -> Result<(), SimError> {
        let count = lanes.states.len();
        let few = matches!(options.stretch, Stretch::Steps(steps) if steps * count < self.least);
        if few || count == 0 {
            return self.own.collect(players, source, lanes, options, batch);
        }
        // The others' lanes, each rank's with its number; this rank's stay where they are.
        let mut parts: Vec<(usize, Lanes)> = Vec::new();
        for (rank, share) in self.others(count).into_iter().rev() {
            let first = lanes.first + share.start as u64;
            let states = lanes.states.split_off(share.start);
            parts.push((rank, Lanes { states, first, raw: lanes.raw, correlation: lanes.correlation }));
        }
        parts.reverse();
        let done = self.collect_parts(players, source, lanes, options, batch, &mut parts);
        if done.is_err() {
            // As they were: what the lanes are is unspecified then, but they are all there.
            parts.into_iter().for_each(|(_, part)| lanes.states.extend(part.states));
        }
        done
    }

    fn trajectories(
        &mut self,
        actor: Option<&Actor>,
        keys: &[StreamKey],
    ) -> Result<Vec<Trajectory>, SimError> {
        let stage = self.stage;
        self.spread(
            keys,
            |keys| job::ask_trajectories(stage, actor, keys),
            job::read_trajectories,
            |own, keys| own.trajectories(actor, keys),
        )
    }

    fn transitions(
        &mut self,
        z: &[f64],
        from: StepsFrom<'_>,
        next: &mut [f64],
    ) -> Result<(), TransitionError> {
        let (dim, width) = (self.space().dim(), self.spec().state_dim());
        let rows = z.len().checked_div(dim).unwrap_or(0);
        if rows * from.len < self.least {
            return self.own.transitions(z, from, next);
        }
        // Shares of the rows where there are enough of them, else of the pairs.
        let by_rows = rows >= self.post.size();
        let count = if by_rows { rows } else { from.len };
        let simulator = self.own.simulator().clone();
        let ask = |share: &Range<usize>| match by_rows {
            true => {
                let z = &z[share.start * dim..share.end * dim];
                job::ask_transitions(self.stage, z, from, 0..from.len, &simulator)
            }
            false => job::ask_transitions(self.stage, z, from, share.clone(), &simulator),
        };
        let others = self.others(count);
        let requests: Vec<_> = others.iter().map(|(rank, share)| (*rank, ask(share))).collect();
        let (mine, stop) = (self.share(count, 0), self.own.stop_flag().clone());
        let local = |own: &mut Threads, share: &Range<usize>| {
            let (z, part) = match by_rows {
                true => (&z[share.start * dim..share.end * dim], from),
                false => (z, job::part_of(from, share.clone(), &simulator)),
            };
            let mut next = vec![0.0; z.len() / dim * part.len * width];
            let done = own.transitions(z, part, &mut next);
            done.map(|()| next).map_err(|error| match error {
                TransitionError::Diverged { row, pair, outcome } if by_rows => {
                    TransitionError::Diverged { row: row + share.start, pair, outcome }
                }
                other => other,
            })
        };
        let (own, answers) = self
            .post
            .exchange(self.stage, requests, &stop, || local(&mut self.own, &mine))
            .map_err(SimError::from)?;
        let mut put = |share: &Range<usize>, values: &[f64]| match by_rows {
            true => next[share.start * from.len * width..][..values.len()].copy_from_slice(values),
            false => {
                let wide = share.len() * width;
                for (row, values) in values.chunks_exact(wide).enumerate() {
                    next[(row * from.len + share.start) * width..][..wide].copy_from_slice(values);
                }
            }
        };
        put(&mine, &own?);
        for ((_, share), answer) in others.into_iter().zip(&answers) {
            let expected = if by_rows { share.len() * from.len } else { rows * share.len() } * width;
            match content(answer, |from| from.reals()).filter(|theirs| theirs.len() == expected) {
                Some(theirs) => put(&share, &theirs),
                None => put(&share, &local(&mut self.own, &share)?),
            }
        }
        Ok(())
    }

    fn aside(&mut self, work: &State<'_>) -> Option<Box<dyn Aside + '_>> {
        self.near.begin(&self.post, self.stage, work, self.own.stop_flag().clone())
    }
}

impl Shared {
    /// Collects from `lanes` here and from `parts` on their ranks, and puts all into `lanes` and `batch`. If it fails, the
    /// parts that are not yet there stay where they are.
    fn collect_parts(
        &mut self,
        players: Players<'_>,
        source: &dyn DynamicsSource,
        lanes: &mut Lanes,
        options: CollectOptions,
        batch: &mut Vec<LaneBatch>,
        parts: &mut Vec<(usize, Lanes)>,
    ) -> Result<(), SimError> {
        let most = match options.stretch {
            // Each may begin in every step; one more is dropped, and one begins behind the last step.
            Stretch::Steps(steps) => steps + 2,
            // One that went on, and the next.
            Stretch::Episode => 2,
        };
        let stop = self.own.stop_flag().clone();
        let begun = job::begin_collect(self.stage, &players, &options);
        let mut own = Some((lanes, batch));
        let mut depth = self.depth.min(most);
        let mut waiting: Vec<usize> = (0..parts.len()).collect();
        let mut done: Vec<Option<(Vec<LaneState>, Vec<LaneBatch>)>> = parts.iter().map(|_| None).collect();
        let mut mine = None;
        while mine.is_none() || !waiting.is_empty() {
            let ask = |part: &Lanes| {
                let table = Table::of(source, &part.states, part.first, depth);
                job::ask_collect(begun.clone(), part, &table)
            };
            let requests: Vec<_> = waiting.iter().map(|&i| (parts[i].0, ask(&parts[i].1))).collect();
            let first = own.take();
            let (here, answers) = self.post.exchange(self.stage, requests, &stop, || match first {
                Some((lanes, batch)) => {
                    let done = self.own.collect(players, source, lanes, options, batch);
                    Some((lanes, batch, done))
                }
                None => None,
            })?;
            if let Some((lanes, batch, done)) = here {
                done?;
                mine = Some((lanes, batch));
            }
            let mut short = Vec::new();
            for (&i, answer) in waiting.iter().zip(&answers) {
                if answer.first() == Some(&SHORT) {
                    short.push(i);
                    continue;
                }
                done[i] = match content(answer, job::read_collected) {
                    Some(theirs) => Some(theirs),
                    None => {
                        let (mut part, mut batch) = (parts[i].1.clone(), Vec::new());
                        self.own.collect(players, source, &mut part, options, &mut batch)?;
                        Some((part.states, batch))
                    }
                };
            }
            waiting = short;
            if !waiting.is_empty() {
                depth = (2 * depth).min(most);
                self.depth = depth;
            }
        }
        if let Some((lanes, batch)) = mine {
            parts.clear();
            for (states, theirs) in done.into_iter().flatten() {
                lanes.states.extend(states);
                batch.extend(theirs);
            }
        }
        Ok(())
    }
}
