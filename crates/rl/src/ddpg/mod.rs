//! Deep deterministic policy gradients (Lillicrap et al. 2016), and with other options TD3 (Fujimoto et al. 2018).
//!
//! Collecting and learning alternate: `lanes × horizon` transitions go into the replay buffer, then as many gradient
//! steps follow, each on a minibatch drawn uniformly from it:
//!
//! 1. the critic moves towards y = r + γ Q'(s', μ'(s')), Q' and μ' being slow copies of critic and actor. **Only a
//!    terminal state is worth 0: where an episode ended by its time limit, y goes on with Q'**;
//! 2. the actor moves up the critic, ∇_θ Q(s, μ_θ(s));
//! 3. the slow copies follow by a share τ.
//!
//! In TD3 there are two critics, y is made with the lower of their values and with noise on μ'(s'), and the steps 2 and 3,
//! up the first critic, come once after several of the first. Critics may be told the dynamics z of a transition.
//!
//! Actions are bounded by tanh; exploration adds noise to them or to the weights ([`NoiseConfig`](crate::NoiseConfig)).
//! The first transitions come from actions at random. Observations may be normalised by their running moments; the buffer
//! holds them raw, and every minibatch is normalised as of now.
//!
//! Against an opponent whose actions mix with the agent's ([`Opposition::Mixed`]; Tessler et al. 2019) the buffer holds
//! the actions that counted, the critic's targets and the actor's gradient see both players, and after every so many
//! of the agent's updates the opponent moves *down* the same critic. With weight or probability 0 it changes no bit.

pub(crate) mod config;
pub(crate) mod exploration;
pub(crate) mod half;
pub(crate) mod halves;
pub(crate) mod networks;
pub(crate) mod replay;

use wr2l_nn::{Normaliser, Policy, RunningMoments, norm};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, Outcome, SimSpec};

use crate::ddpg::exploration::{NoiseKind, ParameterNoise};
use crate::ddpg::half::{CriticStep, Half};
use crate::ddpg::halves::{Job, Memory, Parts, halves, is_worth_halving, read, write};
use crate::ddpg::networks::{Net, QFunction, Role};
use crate::ddpg::replay::{Replay, Transition};
use crate::helper::{Trust, with_helper};
use crate::{
    Acting, Actor, CollectOptions, DdpgConfig, Disturbance, Experience, History, Improvement, LaneBatch,
    Lanes, Learner, Mixing, Opposition, Player, Players, RlError, Skip, Start, State, StateError, Stretch,
};

/// Normalised observations are clipped to ± this.
const OBSERVATION_CLIP: f64 = 10.0;
/// A helper that is held up may cost one part in so many of the gradient steps.
const PENANCE: u32 = 20;

/// The learner DDPG or TD3: actor, critics, their slow copies and the replay buffer; and an opponent, once there is one.
#[derive(Debug)]
pub struct Ddpg {
    config: DdpgConfig,
    /// What acts: the network of `mover`, with exploration noise.
    actor: Actor,
    mover: Net,
    critic: QFunction,
    opponent: Option<Opponent>,
    /// Who explores instead of the actors, if noise goes to the weights.
    explorers: Option<ParameterNoise>,
    /// Moments of the raw observations, and the normaliser of minibatches made of them.
    observations: RunningMoments,
    inputs: Normaliser,
    replay: Replay,
    lanes: Lanes,
    /// Transitions collected, and gradient steps made.
    transitions: u64,
    updates: u64,
    /// Whether the policy was there before: then it acts from the first step.
    begun_with_policy: bool,
    /// Gradient steps at the beginning of a run in which the actor stays as it is.
    critic_alone: u64,
    /// The last batch, and the minibatch.
    batch: Vec<LaneBatch>,
    halves: [Half; 2],
    /// In the second thread.
    trust: Trust,
}

/// The one whose actions mix with the agent's.
#[derive(Debug)]
struct Opponent {
    actor: Actor,
    mover: Net,
}

impl Ddpg {
    /// A learner with freshly initialised networks for a task with these shapes and `dim` dynamics parameters.
    ///
    /// # Errors
    /// [`RlError::Option`] for a senseless option; [`RlError::Actions`] for a task whose actions are choices.
    pub fn new(config: DdpgConfig, spec: &SimSpec, dim: usize, seed: u64) -> Result<Self, RlError> {
        Self::with_history(config, spec, dim, 0, seed)
    }

    /// The same; actor, critics and opponent see a history of `frames` frames besides the observation ([`History`]).
    ///
    /// # Errors
    /// As [`Ddpg::new`]; [`RlError::Option`] for more frames than [`History::MOST`].
    pub fn with_history(
        config: DdpgConfig,
        spec: &SimSpec,
        dim: usize,
        frames: usize,
        seed: u64,
    ) -> Result<Self, RlError> {
        config.validate()?;
        let history = History::of(spec, frames)?;
        if let ActionSpace::Discrete { .. } = spec.actions {
            return Err(RlError::Actions { learner: name(&config) });
        }
        let key = StreamKey::new(seed, Purpose::Initialisation);
        let (inputs, act_dim) = (history.inputs(), spec.act_dim());
        let (actor, mover) = player(&config, history, &spec.actions, key.lane(0))?;
        // What the critics are told of the dynamics.
        let told = if config.critic_sees_dynamics { dim } else { 0 };
        let sizes = [&[inputs + told + act_dim], config.hidden.as_slice(), &[1]].concat();
        let critic = |lane| Net::new(&sizes, Role::Critic, &config, &mut key.lane(lane).stream());
        let twin = config.twin_critics.then(|| critic(2)).transpose()?;
        let critic = QFunction { net: critic(1)?, twin };
        let by_weights = config.noise.kind == NoiseKind::Parameters;
        let lanes = Lanes::new(config.lanes, spec, dim).with_history(history);
        Ok(Self {
            explorers: by_weights.then(|| ParameterNoise::new(config.exploration, &actor)),
            observations: RunningMoments::new(inputs),
            inputs: Normaliser::identity(inputs),
            actor,
            halves: halves(config.minibatch, &mover, &critic),
            critic,
            mover,
            opponent: None,
            replay: Replay::with_history(history, act_dim, told, config.replay),
            lanes: Lanes {
                raw: config.normalise_observations,
                correlation: config.noise.correlation(),
                ..lanes
            },
            transitions: 0,
            updates: 0,
            begun_with_policy: false,
            critic_alone: 0,
            batch: Vec::new(),
            trust: Trust::new(PENANCE),
            config,
        })
    }

    /// The options.
    pub fn config(&self) -> &DdpgConfig {
        &self.config
    }

    /// The policy of the opponent, once there has been one.
    pub fn opponent(&self) -> Option<&Actor> {
        self.opponent.as_ref().map(|opponent| &opponent.actor)
    }

    fn add_opponent(&mut self, seed: u64) -> Result<(), RlError> {
        if self.opponent.is_none() {
            let key = StreamKey::new(seed, Purpose::OpponentInitialisation);
            let (history, actions) = (self.actor.history(), self.actor.action_space());
            let (actor, mover) = player(&self.config, history, actions, key)?;
            self.halves.iter_mut().for_each(|half| half.add_opponent(&mover.mlp));
            self.opponent = Some(Opponent { actor, mover });
        }
        Ok(())
    }
}

/// Puts a batch of the policy `actor` into the replay buffer, diverged steps left out.
fn store(batch: &[LaneBatch], actor: &Actor, replay: &mut Replay) {
    let (width, act_dim) = (actor.input_dim(), actor.act_dim());
    let mut action = vec![0.0; act_dim];
    let told = replay.dim();
    for lane in batch {
        let mut successors = lane.successors.chunks_exact(width);
        let row = |t: usize| &lane.inputs[t * width..][..width];
        for (t, outcome) in lane.outcomes.iter().enumerate() {
            let last = t + 1 == lane.outcomes.len();
            let next = match outcome {
                Outcome::Diverged(_) => continue,
                Outcome::Running if !last => row(t + 1),
                Outcome::Running | Outcome::Truncated => successors.next().unwrap_or(row(t)),
                // Its value is never asked for.
                Outcome::Terminated => row(t),
            };
            action.copy_from_slice(&lane.actions[t * act_dim..][..act_dim]);
            action.iter_mut().for_each(|a: &mut f32| *a = a.clamp(-1.0, 1.0));
            replay.push(Transition {
                obs: row(t),
                action: &action,
                next,
                dynamics: &lane.dynamics[t * told..][..told],
                reward: lane.rewards[t],
                terminated: *outcome == Outcome::Terminated,
            });
        }
    }
}

/// What a learner with these options is called.
fn name(config: &DdpgConfig) -> &'static str {
    if config.twin_critics { "td3" } else { "ddpg" }
}

/// A policy that acts within bounds, with its exploration noise, and its network.
fn player(
    config: &DdpgConfig,
    history: History,
    actions: &ActionSpace,
    key: StreamKey,
) -> Result<(Actor, Net), RlError> {
    let inputs = history.inputs();
    let sizes = [&[inputs], config.hidden.as_slice(), &[actions.dim()]].concat();
    let net = Net::new(&sizes, Role::Actor, config, &mut key.stream())?;
    let policy = Policy::bounded(inputs, &config.hidden, actions.dim())?.with_activation(config.units.into());
    let log_std = config.exploration.ln() as f32;
    let params = [net.params(), &vec![log_std; actions.dim()]].concat();
    let actor = Actor::new(policy, params, Normaliser::identity(inputs), actions.clone())?;
    Ok((actor.with_history(history.frames())?, net))
}

impl Learner for Ddpg {
    fn improve(&mut self, experience: Experience<'_>) -> Result<Improvement, RlError> {
        let Experience { executor, source, seed, iteration, opposition, selection, random_actions, .. } =
            experience;
        if selection.chooses() {
            let remedy = "learns from single transitions of all times";
            return Err(RlError::Selection { learner: name(&self.config), remedy });
        }
        let mixing = match opposition {
            Opposition::Mixed(mixing) => Some(mixing),
            _ => None,
        };
        if mixing.is_some() {
            self.add_opponent(seed)?;
        }
        let halved = executor.threads() > 1 && is_worth_halving(&self.critic.net, self.config.minibatch);
        let Self { config, actor, mover, critic, opponent, explorers, observations, inputs, replay, .. } =
            self;
        let Self {
            lanes, transitions, updates, begun_with_policy, critic_alone, batch, halves, trust, ..
        } = self;
        let DdpgConfig { horizon, warm_up, exploration, noise, .. } = *config;
        let rounds = u64::from(config.rounds);
        let (mut other, other_mover) =
            opponent.as_mut().map(|Opponent { actor, mover }| (actor, mover)).unzip();
        let memory = Memory { replay, inputs };
        let parts = Parts::new(config, memory, mover, other_mover, critic, halves, halved);
        let (mut report, mut steps, mut sums) = (Improvement::default(), 0_u64, CriticStep::default());
        with_helper(
            halved,
            trust,
            Job::default(),
            |job| parts.assist(job),
            |lead| -> Result<(), RlError> {
                for number in iteration * rounds..(iteration + 1) * rounds {
                    let key = StreamKey::new(seed, Purpose::ParameterNoise).iteration(number);
                    let mut weights_noise = key.stream();
                    let by_weights = explorers.is_some();
                    let acting = match &explorers {
                        _ if *transitions < warm_up && !*begun_with_policy => Acting::Random,
                        // Their noise is within them.
                        Some(_) => Acting::Mode,
                        None => Acting::Sample,
                    };
                    let stretch = Stretch::Steps(horizon);
                    let discount = config.gamma;
                    let options =
                        CollectOptions { seed, iteration: number, stretch, discount, acting, random_actions };
                    let players = {
                        let nets = (read(&parts.agent), parts.opponent.as_ref().map(read));
                        let pair = mixing.and(other.as_deref().zip(nets.1.as_ref().map(|net| &***net)));
                        let (mut agent, mut second) = (&*actor, mixing.and(other.as_deref()));
                        if let Some(explorers) = explorers {
                            let (noisy, noisy_other) =
                                explorers.explorers((agent, &nets.0), pair, lanes, &mut weights_noise);
                            agent = noisy;
                            second = if mixing.is_some_and(|mixing| mixing.explores) {
                                noisy_other
                            } else {
                                second
                            };
                        }
                        match (mixing, second) {
                            (Some(Mixing { means, explores, .. }), Some(actor)) => Players {
                                agent,
                                disturbance: Some(Disturbance {
                                    actor,
                                    means,
                                    explores: explores && !by_weights,
                                }),
                                learner: Player::Agent,
                            },
                            _ => opposition.players(agent, name(config))?,
                        }
                    };
                    executor.collect(players, source, lanes, options, batch)?;
                    {
                        let mut memory = write(&parts.memory);
                        store(batch, actor, memory.replay);
                        if config.normalise_observations {
                            for lane in &*batch {
                                observations.merge(&lane.obs_moments)?;
                            }
                            *memory.inputs = observations.normaliser(OBSERVATION_CLIP);
                        }
                    }
                    let collected = Improvement::of(batch);
                    *transitions += collected.transitions as u64;
                    report.add(collected);
                    if *transitions < warm_up || read(&parts.memory).replay.len() == 0 {
                        continue;
                    }
                    let mut stream = StreamKey::new(seed, Purpose::Replay).iteration(number).stream();
                    for _ in 0..config.steps_a_round() {
                        executor.stop_flag().check_patience()?;
                        parts.draw(mixing.map(|mixing| mixing.means), &mut stream);
                        let adapted = match explorers {
                            Some(explorers) if updates.is_multiple_of(u64::from(noise.every.max(1))) => {
                                parts.gather();
                                explorers.adapt(&parts, (exploration, noise.factor), &mut weights_noise);
                                true
                            }
                            _ => false,
                        };
                        *updates += 1;
                        let step = parts.update(lead, mixing, !adapted, *updates, *critic_alone);
                        sums.loss += step.loss;
                        sums.q += step.q;
                        steps += 1;
                    }
                    // Whoever simulates has its core.
                    lead.dismiss();
                    parts.publish(actor, other.as_deref_mut(), iteration)?;
                }
                Ok(())
            },
        )?;
        drop(parts);
        report.skipped = (steps == 0).then_some(Skip::WarmUp);
        // 0/0 is NaN, an empty cell, and so is what DDPG does not have.
        report.value_loss = sums.loss / steps as f64;
        report.policy_loss = -sums.q / steps as f64;
        report.gradient_norm = if steps > 0 { norm(self.critic.net.gradient()) } else { f64::NAN };
        report.learning_rate = self.config.actor_learning_rate;
        for nothing in
            [&mut report.entropy, &mut report.kl, &mut report.clip_fraction, &mut report.explained_variance]
        {
            *nothing = f64::NAN;
        }
        Ok(report)
    }

    fn begin_with(&mut self, start: &Start<'_>) -> Result<(), RlError> {
        start.fits(name(&self.config), &self.actor, self.config.normalise_observations)?;
        if self.config.normalise_observations {
            self.observations = start.moments()?;
            self.inputs.clone_from(start.actor.normaliser());
        }
        self.mover.begin_with(start.actor.params());
        // What is drawn around it is the plan's.
        self.actor.renew_network(self.mover.params());
        self.actor.renew_normaliser(&self.inputs);
        if self.explorers.is_some() {
            self.explorers = Some(ParameterNoise::new(self.config.exploration, &self.actor));
        }
        self.begun_with_policy = true;
        self.critic_alone = self.config.warm_up;
        Ok(())
    }

    fn take_over(&mut self, learnt: &mut State<'_>) -> Result<(), StateError> {
        learnt.restore("mover", &mut self.mover)?;
        learnt.restore("critic", &mut self.critic.net)?;
        if let Some(twin) = &mut self.critic.twin {
            learnt.restore("twin", twin)?;
        }
        if self.config.normalise_observations {
            learnt.restore("observations", &mut self.observations)?;
        }
        self.critic_alone = 0;
        Ok(())
    }

    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn transitions(&self) -> usize {
        self.config.lanes * self.config.horizon * self.config.rounds as usize
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.save("actor", &self.actor);
        state.save("mover", &self.mover);
        state.save("critic", &self.critic.net);
        if let Some(twin) = &self.critic.twin {
            state.save("twin", twin);
        }
        state.save("replay", &self.replay);
        state.save("lanes", &self.lanes);
        state.put("transitions", self.transitions);
        state.put("updates", self.updates);
        if self.config.normalise_observations {
            state.save("observations", &self.observations);
        }
        if let Some(explorers) = &self.explorers {
            state.save("explorers", explorers);
        }
        if let Some(opponent) = &self.opponent {
            state.within("opponent", |state| {
                state.save("actor", &opponent.actor);
                state.save("mover", &opponent.mover);
            });
        }
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        state.restore("actor", &mut self.actor)?;
        state.restore("mover", &mut self.mover)?;
        state.restore("critic", &mut self.critic.net)?;
        if let Some(twin) = &mut self.critic.twin {
            state.restore("twin", twin)?;
        }
        state.restore("replay", &mut self.replay)?;
        state.restore("lanes", &mut self.lanes)?;
        self.transitions = state.count("transitions")?;
        self.updates = state.count("updates")?;
        if self.config.normalise_observations {
            state.restore("observations", &mut self.observations)?;
            self.inputs = self.observations.normaliser(OBSERVATION_CLIP);
        }
        if let Some(explorers) = &mut self.explorers {
            state.restore("explorers", explorers)?;
        }
        if state.holds("opponent.mover.params") {
            // Whatever its weights, they are overwritten.
            self.add_opponent(0).map_err(|error| state.unusable("opponent", error))?;
        }
        match &mut self.opponent {
            Some(opponent) => state.within("opponent", |state| {
                state.restore("actor", &mut opponent.actor)?;
                state.restore("mover", &mut opponent.mover)
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod option_tests;
#[cfg(test)]
mod tests;
