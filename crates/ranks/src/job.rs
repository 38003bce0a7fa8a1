//! What rank 0 asks of the others, and what they answer.

use std::ops::Range;

use wr2l_rl::{
    Actor, CollectOptions, Disturbance, EpisodeJob, EpisodeOptions, EpisodeResult, Executor, Interference,
    LaneBatch, LaneState, Lanes, Player, Players, StepsFrom, Threads, Trajectory,
};
use wr2l_rng::StreamKey;
use wr2l_sim::Simulator;

use crate::table::Table;
use crate::values::Travels;
use crate::wire::{Malformed, Reader, Writer};

/// What an answer begins with.
pub(crate) const DONE: u8 = 0;
/// It could not be done: whoever asked does it, and sees why.
pub(crate) const FAILED: u8 = 1;
/// An episode went on beyond what was said of its dynamics.
pub(crate) const SHORT: u8 = 2;

/// What a request begins with.
pub(crate) const OPEN: u8 = 0;
pub(crate) const CLOSE: u8 = 1;
pub(crate) const INTERRUPT: u8 = 2;
pub(crate) const EPISODES: u8 = 3;
pub(crate) const COLLECT: u8 = 4;
pub(crate) const TRAJECTORIES: u8 = 5;
pub(crate) const TRANSITIONS: u8 = 6;
pub(crate) const MEET: u8 = 7;

/// A request about the stage number `stage`.
pub(crate) fn request(kind: u8, stage: u64) -> Writer {
    let mut writer = Writer::default();
    writer.byte(kind);
    writer.word(stage);
    writer
}

pub(crate) fn ask_episodes(
    stage: u64,
    actor: &Actor,
    z: &[f64],
    jobs: &[EpisodeJob],
    options: EpisodeOptions,
) -> Vec<u8> {
    let mut to = request(EPISODES, stage);
    actor.write(&mut to);
    to.reals(z);
    to.list(jobs, |to, job| job.write(to));
    to.byte(u8::from(options.stochastic));
    to.real(options.discount);
    to.into_bytes()
}

/// The part of [`ask_collect`] that is the same for every rank.
pub(crate) fn begin_collect(stage: u64, players: &Players<'_>, options: &CollectOptions) -> Writer {
    let mut to = request(COLLECT, stage);
    players.agent.write(&mut to);
    to.list(players.disturbance.as_slice(), |to, disturbance| {
        disturbance.actor.write(to);
        disturbance.means.write(to);
        to.byte(u8::from(disturbance.explores));
    });
    players.learner.write(&mut to);
    to.word(options.seed);
    to.word(options.iteration);
    options.stretch.write(&mut to);
    to.real(options.discount);
    options.acting.write(&mut to);
    to.real(options.random_actions);
    to
}

pub(crate) fn ask_collect(mut to: Writer, lanes: &Lanes, table: &Table) -> Vec<u8> {
    lanes.write(&mut to);
    table.write(&mut to);
    to.into_bytes()
}

pub(crate) fn ask_trajectories(stage: u64, actor: Option<&Actor>, keys: &[StreamKey]) -> Vec<u8> {
    let mut to = request(TRAJECTORIES, stage);
    to.list(actor.as_slice(), |to, actor| actor.write(to));
    to.list(keys, |to, key| key.write(to));
    to.into_bytes()
}

/// Asks for the pairs of `range` of `from`.
pub(crate) fn ask_transitions(
    stage: u64,
    z: &[f64],
    from: StepsFrom<'_>,
    range: Range<usize>,
    simulator: &Simulator,
) -> Vec<u8> {
    let part = part_of(from, range, simulator);
    let mut to = request(TRANSITIONS, stage);
    to.reals(z);
    to.reals(part.states);
    to.reals(part.actions);
    to.count(part.len);
    to.count(part.first);
    to.into_bytes()
}

/// The pairs of `range` of `from`.
pub(crate) fn part_of<'a>(from: StepsFrom<'a>, range: Range<usize>, simulator: &Simulator) -> StepsFrom<'a> {
    let (states, actions) = (simulator.spec().state_dim(), simulator.spec().act_dim());
    StepsFrom {
        states: &from.states[range.start * states..range.end * states],
        actions: &from.actions[range.start * actions..range.end * actions],
        len: range.len(),
        first: from.first + range.start,
    }
}

pub(crate) fn read_episodes(from: &mut Reader<'_>) -> Result<Vec<EpisodeResult>, Malformed> {
    from.list(EpisodeResult::read)
}

pub(crate) fn read_collected(from: &mut Reader<'_>) -> Result<(Vec<LaneState>, Vec<LaneBatch>), Malformed> {
    Ok((from.list(LaneState::read)?, from.list(LaneBatch::read)?))
}

pub(crate) fn read_trajectories(from: &mut Reader<'_>) -> Result<Vec<Trajectory>, Malformed> {
    from.list(Trajectory::read)
}

/// Does what a request asks for, behind its first byte and the number of the stage. The answer.
pub(crate) fn carry_out(kind: u8, request: &mut Reader<'_>, threads: &mut Threads) -> Vec<u8> {
    let answer = match kind {
        EPISODES => episodes(request, threads),
        COLLECT => collect(request, threads),
        TRAJECTORIES => trajectories(request, threads),
        TRANSITIONS => transitions(request, threads),
        _ => Err(Malformed),
    };
    answer.map_or_else(|Malformed| vec![FAILED], Writer::into_bytes)
}

/// The content of an answer; `None` if the rank could not do its share.
pub(crate) fn content<T>(
    answer: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Option<T> {
    let mut reader = Reader::new(answer);
    if reader.byte() != Ok(DONE) {
        return None;
    }
    let content = read(&mut reader).ok()?;
    reader.finish().ok()?;
    Some(content)
}

fn done() -> Writer {
    let mut to = Writer::default();
    to.byte(DONE);
    to
}

fn failed() -> Writer {
    let mut to = Writer::default();
    to.byte(FAILED);
    to
}

/// A policy whose shapes are the simulator's.
fn read_actor(from: &mut Reader<'_>, threads: &Threads) -> Result<Actor, Malformed> {
    let actor = Actor::read(from)?;
    if actor.obs_dim() == threads.spec().obs_dim { Ok(actor) } else { Err(Malformed) }
}

fn episodes(from: &mut Reader<'_>, threads: &mut Threads) -> Result<Writer, Malformed> {
    let actor = read_actor(from, threads)?;
    let (z, jobs) = (from.reals()?, from.list(EpisodeJob::read)?);
    let options = EpisodeOptions { stochastic: from.byte()? != 0, discount: from.real()? };
    from.finish()?;
    let dim = threads.space().dim();
    let there = |job: &EpisodeJob| dim == 0 || job.dynamics < z.len() / dim;
    if actor.act_dim() != threads.spec().act_dim() || !jobs.iter().all(there) {
        return Err(Malformed);
    }
    Ok(match threads.episodes(&actor, &z, &jobs, options) {
        Err(_) => failed(),
        Ok(results) => {
            let mut to = done();
            to.list(&results, |to, result| result.write(to));
            to
        }
    })
}

fn collect(from: &mut Reader<'_>, threads: &mut Threads) -> Result<Writer, Malformed> {
    let agent = read_actor(from, threads)?;
    let opponent = from.list(|from| {
        let actor = Actor::read(from)?;
        Ok((actor, Interference::read(from)?, from.byte()? != 0))
    })?;
    let disturbance = opponent.first().map(|(actor, means, explores)| Disturbance {
        actor,
        means: *means,
        explores: *explores,
    });
    let players = Players { agent: &agent, disturbance, learner: Player::read(from)? };
    let options = CollectOptions {
        seed: from.word()?,
        iteration: from.word()?,
        stretch: Travels::read(from)?,
        discount: from.real()?,
        acting: Travels::read(from)?,
        random_actions: from.real()?,
    };
    let (mut lanes, table) = (Lanes::read(from)?, Table::read(from)?);
    from.finish()?;
    let mut batch = Vec::new();
    let collected = threads.collect(players, &table, &mut lanes, options, &mut batch);
    let mut to = Writer::default();
    to.byte(match (collected, table.was_short()) {
        (Err(_), _) => FAILED,
        (Ok(()), true) => SHORT,
        (Ok(()), false) => DONE,
    });
    to.list(&lanes.states, |to, state| state.write(to));
    to.list(&batch, |to, lane| lane.write(to));
    Ok(to)
}

fn trajectories(from: &mut Reader<'_>, threads: &mut Threads) -> Result<Writer, Malformed> {
    let actor = from.list(Actor::read)?.pop();
    let keys = from.list(StreamKey::read)?;
    from.finish()?;
    Ok(match threads.trajectories(actor.as_ref(), &keys) {
        Err(_) => failed(),
        Ok(results) => {
            let mut to = done();
            to.list(&results, |to, result| result.write(to));
            to
        }
    })
}

fn transitions(from: &mut Reader<'_>, threads: &mut Threads) -> Result<Writer, Malformed> {
    let (z, states, actions) = (from.reals()?, from.reals()?, from.reals()?);
    let (len, first) = (from.count()?, from.count()?);
    from.finish()?;
    let (spec, dim) = (threads.spec(), threads.space().dim());
    let whole = Some(states.len()) == len.checked_mul(spec.state_dim())
        && Some(actions.len()) == len.checked_mul(spec.act_dim());
    if !whole || dim == 0 || !z.len().is_multiple_of(dim) {
        return Err(Malformed);
    }
    let mut next = vec![0.0; z.len() / dim * states.len()];
    let pairs = StepsFrom { states: &states, actions: &actions, len, first };
    Ok(match threads.transitions(&z, pairs, &mut next) {
        Err(_) => failed(),
        Ok(()) => {
            let mut to = done();
            to.reals(&next);
            to
        }
    })
}
