//! The learner's batches: lanes that live on from one batch to the next, each contributing a fixed stretch.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use wr2l_nn::RunningMoments;
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_sim::{BatchSim, Divergence, DynamicsSpace, Outcome, SimError, SimSpec};

use crate::rollout::drive::{Script, Step, drive};
use crate::{Acting, Actor, DynamicsSource, Executor, History, Player, Players, Threads};

/// The learner's lanes between two batches: plain data, from which any worker can go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Lanes {
    /// One state a lane.
    pub states: Vec<LaneState>,
    /// Number of the first of them, which keys its random streams; the others follow. 0 unless they are a part of more
    /// lanes, the others of which are with somebody else.
    pub first: u64,
    /// Whether batches hold raw observations, for a learner that keeps transitions longer than a normaliser.
    pub raw: bool,
    /// How the noise of an action depends on that of the one before; `None` if it does not.
    pub correlation: Option<Correlation>,
}

/// Action noise with a memory: y ← `keep`·y + `fresh`·n in every step, n being standard normal, and y = 0 where an episode
/// begins. The policy's standard deviation multiplies y instead of n.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// What stays of the last step's noise.
    pub keep: f64,
    /// What is new.
    pub fresh: f64,
}

/// Where a lane stands in its current episode.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneState {
    /// The simulator's snapshot; meaningless until the first batch has been collected.
    pub snapshot: Vec<f64>,
    /// Normalised dynamics of the current episode, `[dim]`.
    pub z: Vec<f64>,
    /// What the agent remembers of the current episode, `[history.memory()]` ([`History`]); likewise meaningless.
    pub memory: Vec<f64>,
    /// Number of the current episode on this lane.
    pub episode: u64,
    /// Whether the current episode has begun.
    pub started: bool,
    /// Undiscounted return of the current episode so far.
    pub ret: f64,
    /// Steps of the current episode so far.
    pub length: u32,
    /// Discounted sum of the lane's past rewards in this episode, the quantity whose variance scales rewards.
    pub discounted: f64,
    /// Noise of the last actions of agent and opponent, `[act_dim]` each, where it has a memory; else empty.
    pub noise: [Vec<f64>; 2],
}

impl Lanes {
    /// `n` lanes that have not begun, of an agent that remembers nothing.
    pub fn new(n: usize, spec: &SimSpec, dim: usize) -> Self {
        let state = LaneState {
            snapshot: vec![0.0; spec.snapshot_len],
            z: vec![0.0; dim],
            memory: Vec::new(),
            episode: 0,
            started: false,
            ret: 0.0,
            length: 0,
            discounted: 0.0,
            noise: [Vec::new(), Vec::new()],
        };
        Self { states: vec![state; n], first: 0, raw: false, correlation: None }
    }

    /// The same lanes of an agent with a history. They must not have begun.
    #[must_use]
    pub fn with_history(mut self, history: History) -> Self {
        self.states.iter_mut().for_each(|lane| lane.memory = vec![0.0; history.memory()]);
        self
    }
}

/// A finished episode of a learner's lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FinishedEpisode {
    /// Undiscounted return under the stochastic policy.
    pub ret: f64,
    /// Steps.
    pub length: u32,
    /// How it ended.
    pub outcome: Outcome,
}

/// What one lane contributed to a batch: a [`Stretch`] of transitions.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneBatch {
    /// Inputs as the learner's policy saw them, observations and the memory if there is one, normalised, or raw
    /// ([`Lanes::raw`]), `[n, input_dim]`.
    pub inputs: Vec<f32>,
    /// Normalised dynamics that each step ran under, `[n, dim]`.
    pub dynamics: Vec<f32>,
    /// The learner's actions as drawn, before clipping to the action bounds, `[n, act_dim]`; where an opponent's are
    /// mixed in, the ones that counted.
    pub actions: Vec<f32>,
    /// Log-probabilities of the actions, `[n]`.
    pub log_probs: Vec<f32>,
    /// Rewards as the task gives them, or their negative if the opponent learns, `[n]`; 0 for a diverged step.
    pub rewards: Vec<f64>,
    /// Sums of the terms of the task's rewards over the steps that did not diverge, in the order of
    /// [`BatchSim::reward_names`]; empty where the task names none.
    pub reward_terms: Vec<f64>,
    /// Outcome of each step, `[n]`. A diverged step is not to be learnt from.
    pub outcomes: Vec<Outcome>,
    /// Steps whose successor state's value is needed: time limits, and the last step of a running episode.
    pub successor_steps: Vec<usize>,
    /// Inputs in those successors, normalised or raw as the others, `[successor_steps.len(), input_dim]`.
    pub successors: Vec<f32>,
    /// Episodes that ended in this batch.
    pub finished: Vec<FinishedEpisode>,
    /// Episodes dropped because the adversary moved.
    pub dropped: u32,
    /// Moments of the raw inputs, `[input_dim]`.
    pub obs_moments: RunningMoments,
    /// Moments of [`LaneState::discounted`] after each step.
    pub discounted_moments: RunningMoments,
}

impl LaneBatch {
    /// A batch of nothing.
    pub fn empty() -> Self {
        Self {
            inputs: Vec::new(),
            dynamics: Vec::new(),
            actions: Vec::new(),
            log_probs: Vec::new(),
            rewards: Vec::new(),
            reward_terms: Vec::new(),
            outcomes: Vec::new(),
            successor_steps: Vec::new(),
            successors: Vec::new(),
            finished: Vec::new(),
            dropped: 0,
            obs_moments: RunningMoments::new(0),
            discounted_moments: RunningMoments::new(1),
        }
    }

    /// Forgets everything and makes room for all that a stretch of `horizon` steps can bring, so that the step loop
    /// never allocates. A batch that was as long before has the room already: its memory is warm.
    fn clear(&mut self, horizon: usize, input_dim: usize, act_dim: usize, dim: usize) {
        fn clear<T>(column: &mut Vec<T>, room: usize) {
            column.clear();
            column.reserve_exact(room);
        }
        clear(&mut self.inputs, horizon * input_dim);
        clear(&mut self.dynamics, horizon * dim);
        clear(&mut self.actions, horizon * act_dim);
        clear(&mut self.log_probs, horizon);
        clear(&mut self.rewards, horizon);
        self.reward_terms.fill(0.0);
        clear(&mut self.outcomes, horizon);
        clear(&mut self.successor_steps, horizon);
        clear(&mut self.successors, horizon * input_dim);
        clear(&mut self.finished, horizon);
        self.dropped = 0;
        self.obs_moments = RunningMoments::new(input_dim);
        self.discounted_moments = RunningMoments::new(1);
    }
}

/// What [`Executor::collect`] needs to know besides policy, dynamics and lanes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CollectOptions {
    /// The run's seed.
    pub seed: u64,
    /// Number of this batch in the run, which keys the action noise.
    pub iteration: u64,
    /// What every lane contributes.
    pub stretch: Stretch,
    /// Discount of [`LaneState::discounted`].
    pub discount: f64,
    /// Where actions come from.
    pub acting: Acting,
    /// Probability that an action uniform in its space is carried out instead of the agent's, anew in every step. What is
    /// recorded is the agent's: chance is a part of the dynamics.
    pub random_actions: f64,
}

/// What a lane contributes to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// So many transitions, which may span several episodes; the last one goes on in the next batch.
    Steps(usize),
    /// One whole episode.
    Episode,
}

impl Threads {
    /// [`Executor::collect`].
    pub(crate) fn collect_lanes(
        &mut self,
        players: Players<'_>,
        source: &dyn DynamicsSource,
        lanes: &mut Lanes,
        options: CollectOptions,
        batch: &mut Vec<LaneBatch>,
    ) -> Result<(), SimError> {
        let space = self.simulator().space().clone();
        let (input_dim, act_dim) = (players.learner().input_dim(), players.learner().act_dim());
        let expected = players.agent.history().memory();
        if let Some(lane) = lanes.states.iter().find(|lane| lane.memory.len() != expected) {
            return Err(SimError::State { what: "a lane's memory", expected, got: lane.memory.len() });
        }
        let most = match options.stretch {
            Stretch::Steps(steps) => steps,
            Stretch::Episode => self.spec().episode_limit as usize,
        };
        batch.resize_with(lanes.states.len(), LaneBatch::empty);
        for lane in batch.iter_mut() {
            lane.clear(most, input_dim, act_dim, space.dim());
        }
        let Lanes { states, first, raw, correlation } = lanes;
        let (first, raw, correlation) = (*first, *raw, *correlation);
        if correlation.is_some() {
            let opponent = players.disturbance.map_or(0, |disturbance| disturbance.actor.act_dim());
            for state in states.iter_mut() {
                state.noise[0].resize(players.agent.act_dim(), 0.0);
                state.noise[1].resize(opponent, 0.0);
            }
        }
        let space = &space;
        // Where all lanes run at once nothing can be handed over.
        let whole = self.threads() == 1 || states.len() <= Executor::places(self);
        let fits = states.len() * self.threads() <= Executor::places(self);
        let (count, little) = (states.len(), fits && states.len() * most <= LITTLE);
        let work = states.iter_mut().zip(batch.iter_mut()).enumerate();
        let work = work.map(|(lane, (state, batch))| {
            let script =
                LaneScript::new(first + lane as u64, state, batch, source, space, options, players.learner);
            let script = LaneScript { raw, correlation, ..script };
            if whole { script } else { script.in_pieces() }
        });
        let work = Mutex::new(work.collect::<VecDeque<_>>());
        let work = || work.lock().unwrap_or_else(PoisonError::into_inner);
        let part = |sim: &mut dyn BatchSim, workers: usize| {
            // A lock per lane and piece, none per step.
            let next = || work().pop_front();
            drive(sim, count.div_ceil(workers), players, options.acting, next, |script| {
                if !script.is_complete() {
                    work().push_back(script);
                }
            })
        };
        let outcomes = if little { vec![self.on_own(part)] } else { self.on_those_in_time(part) };
        outcomes.into_iter().collect()
    }
}

/// The most transitions that one thread collects where its simulator holds all lanes: waking another takes as long, or much longer.
const LITTLE: usize = 64;

/// The least steps of a piece. Handing a lane over costs some microseconds, about as much as a step.
const PIECE: usize = 16;

/// A lane's stretch of a batch, done piece by piece: the first is half of it, the next half of the rest, and so on. All
/// lanes come to their short pieces at about the same time, so that no worker waits long for the last one.
struct LaneScript<'a> {
    lane: u64,
    state: &'a mut LaneState,
    batch: &'a mut LaneBatch,
    source: &'a dyn DynamicsSource,
    space: &'a DynamicsSpace,
    options: CollectOptions,
    learner: Player,
    /// As in [`Lanes`].
    raw: bool,
    correlation: Option<Correlation>,
    /// Transitions in the batch at which the lane may pass to another worker.
    pause: usize,
    /// Action noise of agent and opponent.
    noise: [Stream; 2],
    /// When chance acts, and how.
    chance: Stream,
    /// Scratch: dynamics in z and in physical units, inputs, raw and normalised, and the terms of a step's reward.
    z: Vec<f64>,
    phi: Vec<f64>,
    obs: Vec<f64>,
    inputs: Vec<f32>,
    terms: Vec<f64>,
}

impl<'a> LaneScript<'a> {
    fn new(
        lane: u64,
        state: &'a mut LaneState,
        batch: &'a mut LaneBatch,
        source: &'a dyn DynamicsSource,
        space: &'a DynamicsSpace,
        options: CollectOptions,
        learner: Player,
    ) -> Self {
        let purposes = match learner {
            Player::Agent => [Purpose::Action, Purpose::OpponentAction],
            Player::Opponent => [Purpose::OpponentBatchAgent, Purpose::OpponentBatchAction],
        };
        let stream =
            |purpose| StreamKey::new(options.seed, purpose).iteration(options.iteration).lane(lane).stream();
        Self {
            lane,
            z: vec![0.0; space.dim()],
            phi: vec![0.0; space.dim()],
            obs: Vec::new(),
            inputs: Vec::new(),
            terms: Vec::new(),
            state,
            batch,
            source,
            space,
            options,
            learner,
            raw: false,
            correlation: None,
            pause: usize::MAX,
            noise: purposes.map(stream),
            chance: stream(Purpose::RandomAction),
        }
    }

    /// The same, to be handed over now and then.
    fn in_pieces(self) -> Self {
        Self { pause: 0, ..self }
    }

    /// Whether the batch has all that the lane is to contribute.
    fn is_complete(&self) -> bool {
        match self.options.stretch {
            Stretch::Steps(steps) => self.batch.rewards.len() == steps,
            Stretch::Episode => true,
        }
    }

    /// Decides where the piece that begins now ends.
    fn plan(&mut self) {
        if let Stretch::Steps(steps) = self.options.stretch
            && self.pause < usize::MAX
        {
            let done = self.batch.rewards.len();
            self.pause = done + ((steps - done) / 2).max(PIECE);
        }
    }

    fn set_dynamics(&mut self, sim: &mut dyn BatchSim, lane: usize) -> Result<(), SimError> {
        self.space.checked_physical_into(&self.state.z, &mut self.phi)?;
        sim.set_dynamics(lane, &self.phi)
    }

    /// Starts the episode numbered `state.episode`.
    fn start(&mut self, sim: &mut dyn BatchSim, lane: usize, memory: &mut [f64]) -> Result<(), SimError> {
        memory.fill(0.0);
        let episode = self.state.episode;
        self.source.z(self.lane, episode, &mut self.state.z);
        self.set_dynamics(sim, lane)?;
        let purpose = match self.learner {
            Player::Agent => Purpose::Reset,
            Player::Opponent => Purpose::OpponentReset,
        };
        let key = StreamKey::new(self.options.seed, purpose).lane(self.lane).episode(episode);
        sim.reset(lane, &mut key.stream());
        self.state.started = true;
        self.state.ret = 0.0;
        self.state.length = 0;
        self.state.discounted = 0.0;
        self.state.noise.iter_mut().for_each(|noise| noise.fill(0.0));
        Ok(())
    }

    /// Notes the state that the last step led to, because its value will be needed.
    fn note_successor(&mut self, actor: &Actor, sim: &dyn BatchSim, lane: usize, memory: &[f64]) {
        let (obs, remembered) = self.obs.split_at_mut(sim.spec().obs_dim);
        sim.observe(lane, obs);
        remembered.copy_from_slice(memory);
        let seen = &self.obs[..self.inputs.len()];
        match self.raw {
            true => self.inputs.iter_mut().zip(seen).for_each(|(input, seen)| *input = *seen as f32),
            false => actor.normaliser().apply(seen, &mut self.inputs),
        }
        self.batch.successor_steps.push(self.batch.rewards.len() - 1);
        self.batch.successors.extend_from_slice(&self.inputs);
    }
}

impl Script for LaneScript<'_> {
    fn begin(&mut self, sim: &mut dyn BatchSim, lane: usize, memory: &mut [f64]) -> Result<(), SimError> {
        self.obs.resize(sim.spec().obs_dim + memory.len(), 0.0);
        self.inputs.resize(self.batch.obs_moments.dim(), 0.0);
        let terms = sim.reward_names().len();
        self.batch.reward_terms.resize(terms, 0.0);
        self.terms.resize(terms, 0.0);
        self.plan();
        if !self.state.started {
            return self.start(sim, lane, memory);
        }
        self.source.z(self.lane, self.state.episode, &mut self.z);
        if self.z != self.state.z {
            self.batch.dropped += 1;
            self.state.episode += 1;
            return self.start(sim, lane, memory);
        }
        memory.copy_from_slice(&self.state.memory);
        self.set_dynamics(sim, lane)?;
        sim.restore(lane, &self.state.snapshot)
    }

    fn noise(&mut self, player: Player) -> &mut Stream {
        let [agent, opponent] = &mut self.noise;
        match player {
            Player::Agent => agent,
            Player::Opponent => opponent,
        }
    }

    fn correlate(&mut self, player: Player, noise: &mut [f64]) {
        let Some(Correlation { keep, fresh }) = self.correlation else { return };
        let past = &mut self.state.noise[usize::from(player == Player::Opponent)];
        for (past, noise) in past.iter_mut().zip(noise) {
            *past = keep * *past + fresh * *noise;
            *noise = *past;
        }
    }

    fn chance(&mut self) -> Option<&mut Stream> {
        let alpha = self.options.random_actions;
        (alpha > 0.0 && self.chance.uniform(0.0, 1.0) < alpha).then_some(&mut self.chance)
    }

    fn record(
        &mut self,
        actor: &Actor,
        step: Step<'_>,
        sim: &mut dyn BatchSim,
        lane: usize,
        memory: &mut [f64],
    ) -> Result<bool, SimError> {
        let state = &mut *self.state;
        let batch = &mut *self.batch;
        let mut outcome = step.outcome;
        let reward = match self.learner {
            Player::Agent => step.reward,
            Player::Opponent => -step.reward,
        };
        if batch.obs_moments.update(step.obs).is_err() {
            outcome = Outcome::Diverged(Divergence::State);
        }
        match self.raw {
            true => batch.inputs.extend(step.obs.iter().map(|&x| x as f32)),
            false => batch.inputs.extend_from_slice(step.input),
        }
        batch.dynamics.extend(state.z.iter().map(|&z| z as f32));
        batch.actions.extend_from_slice(step.action);
        batch.log_probs.push(step.log_prob);
        batch.rewards.push(reward);
        batch.outcomes.push(outcome);
        state.length += 1;
        if !matches!(outcome, Outcome::Diverged(_)) {
            state.ret += reward;
            sim.reward_terms(lane, &mut self.terms);
            for (sum, term) in batch.reward_terms.iter_mut().zip(&self.terms) {
                *sum += term;
            }
            state.discounted = self.options.discount * state.discounted + reward;
            // Simulators give finite rewards; a sum of them beyond 1e150 is left out of the scale.
            let _ = batch.discounted_moments.update(&[state.discounted]);
        }
        let last = match self.options.stretch {
            Stretch::Steps(steps) => batch.rewards.len() == steps,
            Stretch::Episode => outcome.is_over(),
        };
        if outcome == Outcome::Truncated || (last && outcome == Outcome::Running) {
            self.note_successor(actor, sim, lane, memory);
        }
        if outcome.is_over() {
            let (ret, length) = (self.state.ret, self.state.length);
            self.batch.finished.push(FinishedEpisode { ret, length, outcome });
            self.state.episode += 1;
            if self.options.stretch == Stretch::Episode {
                self.state.started = false;
                return Ok(false);
            }
            self.start(sim, lane, memory)?;
        }
        let pause = last || self.batch.rewards.len() == self.pause;
        if pause {
            sim.save(lane, &mut self.state.snapshot);
            self.state.memory.copy_from_slice(memory);
        }
        Ok(!pause)
    }
}
