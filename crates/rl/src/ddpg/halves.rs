//! A gradient step of DDPG or TD3 in phases, each of two halves that know nothing of each other: two threads can do one
//! each, and whoever does them, the bits are the same.
//!
//! What happens row by row (values, targets, what the loss means for the layers) is done for the first rows of the minibatch
//! by the one and for the last by the other. What sums over the rows is halved otherwise, so that every sum keeps its order: of
//! two critics each thread takes one, of a single network one half of the parameters. The networks change between the phases.
//! Locks say who reads and who writes what; nobody ever waits for one.

use std::ops::Range;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use wr2l_nn::{Mlp, Normaliser};
use wr2l_rng::Stream;

use crate::ddpg::half::{CriticStep, Half, Seen, Teachers, draw_noise};
use crate::ddpg::networks::{Net, QFunction};
use crate::ddpg::replay::Replay;
use crate::helper::Lead;
use crate::{Actor, DdpgConfig, Interference, Mixing, RlError};

/// Multiply-adds of a critic and a minibatch from which on a second thread is worth having: below, the halves of a phase take
/// about as long as handing one over.
const WORTH_HALVING: usize = 150_000;
/// The first half of a minibatch has a multiple of so many rows, as the tiles of products.
const ROWS: usize = 8;

/// Whether a second thread makes gradient steps with this critic faster.
pub(crate) fn is_worth_halving(critic: &Net, minibatch: usize) -> bool {
    minibatch * critic.params().len() >= WORTH_HALVING
}

/// The halves of a minibatch of `minibatch` rows that may be halved or not.
pub(crate) fn halves(minibatch: usize, actor: &Net, critic: &QFunction) -> [Half; 2] {
    let critics = 1 + usize::from(critic.twin.is_some());
    [minibatch, minibatch / 2].map(|rows| Half::new(rows, &actor.mlp, &critic.net.mlp, critics))
}

/// What minibatches are made of.
pub(crate) struct Memory<'a> {
    pub(crate) replay: &'a mut Replay,
    pub(crate) inputs: &'a mut Normaliser,
}

/// Everything that gradient steps touch, for two threads.
pub(crate) struct Parts<'a> {
    config: &'a DdpgConfig,
    pub(crate) memory: RwLock<Memory<'a>>,
    pub(crate) agent: RwLock<&'a mut Net>,
    pub(crate) opponent: Option<RwLock<&'a mut Net>>,
    pub(crate) critic: RwLock<&'a mut Net>,
    pub(crate) twin: Option<RwLock<&'a mut Net>>,
    halves: [RwLock<&'a mut Half>; 2],
    actor_layout: Mlp,
    critic_layout: Mlp,
    halved: bool,
}

/// What the helper is to do, and its half of a gradient.
#[derive(Debug, Default)]
pub(crate) struct Job {
    phase: Phase,
    gradient: Vec<f32>,
}

/// A part of a gradient step.
#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    #[default]
    Nothing,
    /// Rows of the minibatch are gathered, if they are not there yet, and the critics see them.
    Learn { means: Option<Interference>, gather: bool },
    /// The gradients of the critics; if there are two, their steps.
    Critics,
    /// A player sees the rows, and the critic what it would do.
    Climb(Climb),
    /// The gradient of that player; if it is the last, the slow critics follow meanwhile.
    Mover { agent: bool, last: bool },
}

/// Who moves up or down the critic, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Climb {
    /// Whether it is the agent, who climbs; the opponent descends.
    pub(crate) agent: bool,
    /// The weight of the other player, if its actions are blended in.
    pub(crate) other: Option<f64>,
    /// Its own weight.
    pub(crate) share: f64,
}

/// To read; nobody ever waits for it.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// To write; nobody ever waits for it.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Parts<'a> {
    /// The parts of a learner, whose minibatches are halved or not.
    pub(crate) fn new(
        config: &'a DdpgConfig,
        memory: Memory<'a>,
        agent: &'a mut Net,
        opponent: Option<&'a mut Net>,
        critic: &'a mut QFunction,
        [first, second]: &'a mut [Half; 2],
        halved: bool,
    ) -> Self {
        Self {
            config,
            memory: RwLock::new(memory),
            actor_layout: agent.mlp.clone(),
            critic_layout: critic.net.mlp.clone(),
            agent: RwLock::new(agent),
            opponent: opponent.map(RwLock::new),
            critic: RwLock::new(&mut critic.net),
            twin: critic.twin.as_mut().map(RwLock::new),
            halves: [RwLock::new(first), RwLock::new(second)],
            halved,
        }
    }

    /// Rows of a minibatch, and those of its first half.
    fn rows(&self) -> [usize; 2] {
        let n = self.config.minibatch;
        [n, if self.halved { n.div_ceil(2).next_multiple_of(ROWS).min(n) } else { n }]
    }

    fn player(&self, agent: bool) -> Option<&RwLock<&'a mut Net>> {
        if agent { Some(&self.agent) } else { self.opponent.as_ref() }
    }

    fn critics(&self) -> impl Iterator<Item = &RwLock<&'a mut Net>> {
        [&self.critic].into_iter().chain(&self.twin)
    }

    /// Lets the policies act as the networks have become.
    ///
    /// # Errors
    /// [`RlError::NotFinite`] if a number of a network is not.
    pub(crate) fn publish(
        &self,
        actor: &mut Actor,
        other: Option<&mut Actor>,
        iteration: u64,
    ) -> Result<(), RlError> {
        let players = [&self.agent].into_iter().chain(&self.opponent);
        if !players.clone().chain(self.critics()).all(|net| read(net).is_finite()) {
            return Err(RlError::NotFinite { what: "a network parameter", iteration });
        }
        for (actor, net) in [actor].into_iter().chain(other).zip(players) {
            actor.renew_network(read(net).params());
            actor.renew_normaliser(read(&self.memory).inputs);
        }
        Ok(())
    }

    /// Draws a minibatch, and the noise on the actions of its targets.
    pub(crate) fn draw(&self, means: Option<Interference>, stream: &mut Stream) {
        let memory = read(&self.memory);
        let [n, first] = self.rows();
        for (half, rows) in self.halves.iter().zip([first, n - first]) {
            let places = &mut write(half).places;
            places.clear();
            memory.replay.places(rows, stream, places);
        }
        self.draw_noise(means, stream);
    }

    /// Draws the noise alone.
    pub(crate) fn draw_noise(&self, means: Option<Interference>, stream: &mut Stream) {
        let takes_over = matches!(means, Some(Interference::TakeOver { alpha }) if alpha as f32 > 0.0);
        for who in 0..=usize::from(takes_over) {
            for half in &self.halves {
                let Half { noise, places, .. } = &mut **write(half);
                let numbers = places.len() * self.actor_layout.outputs();
                draw_noise(self.config, numbers, stream, &mut noise[who]);
            }
        }
    }

    /// Gathers the rows that were drawn, to be looked at before the step.
    pub(crate) fn gather(&self) {
        self.halves.iter().for_each(|half| self.gather_half(&mut write(half)));
    }

    fn gather_half(&self, half: &mut Half) {
        let memory = read(&self.memory);
        memory.replay.gather(&half.places, &mut half.draw);
        if self.config.normalise_observations {
            memory.inputs.apply_in_place(&mut half.draw.obs);
            memory.inputs.apply_in_place(&mut half.draw.next);
        }
    }

    /// How far apart the agent's actions by these weights and by the learnt ones are for the minibatch: the root of the mean
    /// square.
    pub(crate) fn distance_of_actions(&self, weights: &[f32]) -> f64 {
        let agent = read(&self.agent);
        let sum = self.halves.iter().fold(0.0, |sum, half| write(half).add_distances(&agent, weights, sum));
        (sum / (self.rows()[0] * self.actor_layout.outputs()) as f64).sqrt()
    }

    /// What the helper does.
    pub(crate) fn assist(&self, job: &mut Job) {
        self.run(job.phase, 1, Some(&mut job.gradient));
    }

    /// Does a half of a phase: the first, or with a place for its part of a gradient the second.
    fn run(&self, phase: Phase, half: usize, gradient: Option<&mut Vec<f32>>) {
        match phase {
            Phase::Nothing => {}
            Phase::Learn { means, gather } => self.learn_rows(&mut write(&self.halves[half]), means, gather),
            Phase::Critics => match if half == 0 { Some(&self.critic) } else { self.twin.as_ref() } {
                Some(net) if self.twin.is_some() => {
                    let mut net = write(net);
                    let Net { mlp, gradient, .. } = &mut **net;
                    self.sum(mlp, 0..gradient.len(), gradient, |rows| rows.of_critic(half));
                    net.step(self.config.critic_learning_rate, 0.5 * self.config.critic_l2);
                }
                _ => self.part(&self.critic, &self.critic_layout, gradient, |rows| rows.of_critic(0)),
            },
            Phase::Climb(climb) => self.climb_rows(&mut write(&self.halves[half]), climb),
            Phase::Mover { agent, last } => {
                let Some(net) = self.player(agent) else { return };
                self.part(net, &self.actor_layout, gradient, Half::of_mover);
                if last && half == 1 {
                    self.critics().for_each(|net| write(net).follow(self.config.tau));
                }
            }
        }
    }

    fn learn_rows(&self, half: &mut Half, means: Option<Interference>, gather: bool) {
        if half.places.is_empty() {
            return;
        }
        if gather {
            self.gather_half(half);
        }
        let (actor, opponent, critic) =
            (read(&self.agent), self.opponent.as_ref().map(read), read(&self.critic));
        let twin = self.twin.as_ref().map(read);
        let teachers = Teachers {
            actor: &actor,
            opponent: opponent.as_ref().map(|net| &***net).zip(means),
            critics: [Some(&**critic), twin.as_ref().map(|net| &***net)],
        };
        half.learn(&teachers, self.config.gamma, self.config.minibatch);
    }

    fn climb_rows(&self, half: &mut Half, Climb { agent, other, share }: Climb) {
        let Some(mover) = self.player(agent).filter(|_| !half.places.is_empty()) else { return };
        let beside = other.and_then(|weight| Some((read(self.player(!agent)?), weight)));
        let other = beside.as_ref().map(|(net, weight)| (&***net, *weight));
        let d = (if agent { -share } else { share }) as f32 / self.config.minibatch as f32;
        half.climb(&read(mover), other, &read(&self.critic), d);
    }

    /// The gradient of a network that both threads compute: the first part of it, or with a place for it the second.
    fn part(
        &self,
        net: &RwLock<&'a mut Net>,
        layout: &Mlp,
        place: Option<&mut Vec<f32>>,
        of: impl Fn(&Half) -> Seen<'_>,
    ) {
        let (all, middle) = (layout.parameters(), self.middle(layout));
        match place {
            None => self.sum(layout, 0..middle, &mut write(net).gradient, of),
            Some(gradient) if middle < all => {
                gradient.resize(all, 0.0);
                self.sum(layout, middle..all, gradient, of);
            }
            Some(_) => {}
        }
    }

    /// Where the second part of a gradient begins.
    fn middle(&self, layout: &Mlp) -> usize {
        if self.halved { layout.middle() } else { layout.parameters() }
    }

    /// Overwrites a part of a gradient with its sum over the rows of the minibatch.
    fn sum(&self, layout: &Mlp, part: Range<usize>, gradient: &mut [f32], of: impl Fn(&Half) -> Seen<'_>) {
        gradient[part.clone()].fill(0.0);
        for half in &self.halves {
            let half = read(half);
            if !half.places.is_empty() {
                let Seen { inputs, d_outputs, layers } = of(&half);
                layout.gradient(inputs, d_outputs, layers, part.clone(), gradient);
            }
        }
    }

    /// Has both halves of a phase done.
    fn both<W: Fn(&mut Job)>(&self, lead: &mut Lead<'_, Job, W>, phase: Phase) {
        lead.offer(|job| job.phase = phase);
        self.run(phase, 0, None);
        lead.settle(|_| ());
    }

    /// Makes the step of a network whose gradient both threads have computed.
    fn step<W: Fn(&mut Job)>(
        &self,
        lead: &mut Lead<'_, Job, W>,
        net: &RwLock<&'a mut Net>,
        layout: &Mlp,
        [learning_rate, l2]: [f64; 2],
    ) {
        let mut net = write(net);
        let middle = self.middle(layout);
        if middle < net.gradient.len() {
            net.gradient[middle..].copy_from_slice(&lead.job().gradient[middle..]);
        }
        net.step(learning_rate, l2);
    }

    /// One step of the critics on the minibatch drawn.
    pub(crate) fn learn<W: Fn(&mut Job)>(
        &self,
        lead: &mut Lead<'_, Job, W>,
        means: Option<Interference>,
        gather: bool,
    ) -> CriticStep {
        self.both(lead, Phase::Learn { means, gather });
        self.both(lead, Phase::Critics);
        if self.twin.is_none() {
            // The errors' gradient is half of the mean squared error's, and so is this.
            let rates = [self.config.critic_learning_rate, 0.5 * self.config.critic_l2];
            self.step(lead, &self.critic, &self.critic_layout, rates);
        }
        let mut sums = CriticStep::default();
        for critic in 0..self.critics().count() {
            for half in &self.halves {
                let half = read(half);
                if !half.places.is_empty() {
                    half.add_losses(critic, &mut sums);
                }
            }
        }
        let values = (self.config.minibatch * self.critics().count()) as f64;
        CriticStep { loss: sums.loss / values, q: sums.q / values }
    }

    /// One step of a player up or down the critic; after the last of a gradient step the slow critics have followed.
    pub(crate) fn climb<W: Fn(&mut Job)>(&self, lead: &mut Lead<'_, Job, W>, climb: Climb, last: bool) {
        self.both(lead, Phase::Climb(climb));
        self.both(lead, Phase::Mover { agent: climb.agent, last });
        if let Some(net) = self.player(climb.agent) {
            self.step(lead, net, &self.actor_layout, [self.config.actor_learning_rate, 0.0]);
        }
    }

    /// One gradient step, the `count`th, on the minibatch drawn: of the critics, and of the actor and the opponent when it is
    /// their turn. `alone`: steps in which the critics learn alone.
    pub(crate) fn update<W: Fn(&mut Job)>(
        &self,
        lead: &mut Lead<'_, Job, W>,
        mixing: Option<Mixing>,
        gather: bool,
        count: u64,
        alone: u64,
    ) -> CriticStep {
        let mixing = mixing.filter(|_| self.opponent.is_some());
        let step = self.learn(lead, mixing.map(|mixing| mixing.means), gather);
        let tau = self.config.tau;
        if count <= alone {
            self.critics().for_each(|net| write(net).follow(tau));
            return step;
        }
        let every = u64::from(self.config.actor_every.max(1));
        if !count.is_multiple_of(every) {
            return step;
        }
        let Some(mixing) = mixing else {
            self.climb(lead, Climb { agent: true, other: None, share: 1.0 }, true);
            write(&self.agent).follow(tau);
            return step;
        };
        // In a blend the two are mixed before the critic sees them; who takes over acts alone.
        let (alpha, blended) = match mixing.means {
            Interference::Blend { alpha } => (alpha, true),
            Interference::TakeOver { alpha } => (alpha, false),
            Interference::Force { .. } => (0.0, false),
        };
        let (agents_turn, opponents_turn) = turns(mixing, count / every);
        if agents_turn {
            let other = blended.then_some(alpha);
            self.climb(lead, Climb { agent: true, other, share: 1.0 - alpha }, !opponents_turn);
        }
        if opponents_turn {
            let other = blended.then_some(1.0 - alpha);
            self.climb(lead, Climb { agent: false, other, share: alpha }, true);
        }
        [&self.agent].into_iter().chain(&self.opponent).for_each(|net| write(net).follow(tau));
        step
    }
}

/// Whether the agent and the opponent move in this step, the `count`th in which anybody does, from 1.
fn turns(mixing: Mixing, count: u64) -> (bool, bool) {
    let every = u64::from(mixing.every.max(1));
    match mixing.in_turn {
        true => {
            let opponents = (count - 1).is_multiple_of(every + 1);
            (!opponents, opponents)
        }
        false => (true, count.is_multiple_of(every)),
    }
}
