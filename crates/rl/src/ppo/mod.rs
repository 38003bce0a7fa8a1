//! Proximal policy optimisation (Schulman et al. 2017), Phase II of Algorithm 1.
//!
//! The details that decide its returns, each an option of [`PpoConfig`]: orthogonal initialisation (√2 inside,
//! 0.01 for the policy's head, 1 for the critic's), Adam with ε = 1e-5 and a linearly annealed rate, per-minibatch
//! advantage normalisation, one gradient norm over both networks, running normalisation of observations and
//! rewards, and time limits that bootstrap instead of terminating.

pub(crate) mod aside;
pub(crate) mod config;
pub(crate) mod loss;
pub(crate) mod networks;
mod passes;

use std::time::Instant;

use wr2l_nn::{Convolutions, Normaliser, RunningMoments};
use wr2l_sim::SimSpec;

use crate::helper::{Trust, with_helper};
use crate::learner::transitions;
use crate::ppo::aside::{Pace, There, set_down};
use crate::ppo::loss::Losses;
use crate::ppo::networks::{Body, CriticHalf, PolicyHalf};
use crate::ppo::passes::{Here, PENANCE, Passes, Turn};
use crate::rollout::selection::kept;
use crate::samples::{Estimation, Samples};
use crate::start::CRITIC_ALONE;
use crate::{
    Acting, Actor, CollectOptions, Executor, Experience, History, Improvement, LaneBatch, Lanes, Learner,
    PhaseSeconds, PpoConfig, RlError, Skip, Start, State, StateError,
};

/// Normalised observations are clipped to ± this.
const OBSERVATION_CLIP: f64 = 10.0;

/// The PPO learner: policy, critic and everything that carries over from one batch to the next.
#[derive(Debug)]
pub struct Ppo {
    config: PpoConfig,
    actor: Actor,
    policy: PolicyHalf,
    critic: CriticHalf,
    lanes: Lanes,
    /// Moments of the raw inputs, from which the actor's normaliser is made.
    observations: RunningMoments,
    /// Moments of the discounted sums of past rewards, whose deviation scales rewards.
    reward_moments: RunningMoments,
    /// Improvements at the beginning of a run in which the policy stays as it is.
    critic_alone: u64,
    /// Whether another process does the critic's half of updates, where there is one.
    pace: Pace,
    /// In the thread that helps.
    trust: Trust,
    /// The last batch, and scratch.
    batch: Vec<LaneBatch>,
    samples: Samples,
}

impl Ppo {
    /// A learner with freshly initialised networks for a task with these shapes and `dim` dynamics parameters.
    ///
    /// # Errors
    /// [`RlError::Option`] for a senseless option.
    pub fn new(config: PpoConfig, spec: &SimSpec, dim: usize, seed: u64) -> Result<Self, RlError> {
        Self::with_history(config, spec, dim, 0, seed)
    }

    /// The same; policy and critic see a history of `frames` frames besides the observation ([`History`]).
    ///
    /// # Errors
    /// [`RlError::Option`] for a senseless option, or more frames than [`History::MOST`].
    pub fn with_history(
        config: PpoConfig,
        spec: &SimSpec,
        dim: usize,
        frames: usize,
        seed: u64,
    ) -> Result<Self, RlError> {
        Self::with_body(config, spec, dim, frames, None, seed)
    }

    /// A learner whose policy and critic see each observation, or the image at its head, through `convolutions` of their own;
    /// `config.hidden` are the dense layers behind them. Pixels are better scaled by whoever draws them than by running
    /// moments: set `normalise_observations` to false.
    ///
    /// # Errors
    /// As [`Ppo::new`]; [`RlError::Network`] if an observation has fewer numbers than the image.
    pub fn over_images(
        config: PpoConfig,
        spec: &SimSpec,
        dim: usize,
        convolutions: &Convolutions,
        seed: u64,
    ) -> Result<Self, RlError> {
        Self::with_body(config, spec, dim, 0, Some(convolutions), seed)
    }

    fn with_body(
        config: PpoConfig,
        spec: &SimSpec,
        dim: usize,
        frames: usize,
        convolutions: Option<&Convolutions>,
        seed: u64,
    ) -> Result<Self, RlError> {
        config.validate()?;
        let history = History::of(spec, frames)?;
        let (inputs, told) = (history.inputs(), if config.critic_sees_dynamics { dim } else { 0 });
        let body = Body { inputs, convolutions, hidden: &config.hidden };
        let policy = PolicyHalf::new(body, &spec.actions, config.initial_std, seed)?;
        let critic = CriticHalf::new(body, told, seed)?;
        let actor = Actor::new(
            policy.policy().clone(),
            policy.params().to_vec(),
            Normaliser::identity(inputs),
            spec.actions.clone(),
        )?
        .with_history(frames)?;
        let lanes = Lanes::new(config.lanes().0, spec, dim).with_history(history);
        Ok(Self {
            config,
            actor,
            policy,
            critic,
            lanes,
            observations: RunningMoments::new(inputs),
            reward_moments: RunningMoments::new(1),
            critic_alone: 0,
            pace: Pace::default(),
            trust: Trust::new(PENANCE),
            batch: Vec::new(),
            samples: Samples::default(),
        })
    }

    /// The options.
    pub fn config(&self) -> &PpoConfig {
        &self.config
    }

    /// Values, scaled rewards, advantages and targets of the share of the collected batch that is learnt from.
    fn prepare(&mut self, fraction: f64, iteration: u64) -> Result<(), RlError> {
        let Self { config, critic, batch, samples, reward_moments, .. } = self;
        for lane in batch.iter() {
            reward_moments.merge(&lane.discounted_moments)?;
        }
        let reward_scale = config.normalise_rewards.then(|| Estimation::reward_scale(reward_moments));
        let estimation = Estimation { gamma: config.gamma, lambda: config.lambda, reward_scale };
        let kept = kept(fraction, batch);
        samples.prepare(batch, &kept, |states, values| critic.values(states, values), estimation, iteration)
    }

    /// The epochs of minibatch updates; returns the losses of the last epoch, the last gradient norm and the number
    /// of epochs done.
    ///
    /// Policy and critic have nothing in common but the norm of their gradients: where there are two threads, the
    /// second does the critic's half, and where there is one thread and another process nearby, that does it if it pays.
    /// The bits are the same, because each half's sums run in an order of their own.
    fn update(
        &mut self,
        seed: u64,
        iteration: u64,
        learning_rate: f64,
        executor: &mut dyn Executor,
    ) -> Result<(Losses, f64, u32), RlError> {
        let begun = Instant::now();
        let stays = self.critic_learns_alone(iteration);
        let Self { config, policy, critic, samples, pace, trust, .. } = self;
        let (threads, stop) = (executor.threads(), executor.stop_flag().clone());
        let passes = Passes { config, samples, learning_rate, seed, iteration, stop: &stop };
        let orders = passes.orders();
        let policy = Turn::new(policy, stays);
        let work = (threads == 1 && pace.gives()).then(|| set_down(critic, passes)).flatten();
        let aside = work.as_ref().and_then(|work| executor.aside(work));
        drop(work);
        let given = aside.is_some();
        let done = match aside {
            Some(aside) => passes.run(&orders, policy, There { aside, critic, iteration }),
            None => with_helper(
                threads > 1,
                trust,
                Turn::new(critic, false),
                |critic| critic.take(passes),
                |lead| passes.run(&orders, policy, Here { lead, passes }),
            ),
        }?;
        pace.took(begun.elapsed(), done.2 as usize * passes.minibatches(), given);
        Ok(done)
    }

    /// Whether the policy stays as it is in this improvement, because the critic knows nothing of it yet.
    fn critic_learns_alone(&self, iteration: u64) -> bool {
        iteration < self.critic_alone
    }

    fn report(&self, losses: &Losses, iteration: u64) -> Improvement {
        Improvement {
            skipped: self.critic_learns_alone(iteration).then_some(Skip::WarmUp),
            policy_loss: losses.policy,
            value_loss: losses.value,
            entropy: losses.entropy,
            kl: losses.kl,
            clip_fraction: losses.clip_fraction,
            ..Improvement::of(&self.batch)
        }
    }
}

impl Learner for Ppo {
    fn improve(&mut self, experience: Experience<'_>) -> Result<Improvement, RlError> {
        let Experience {
            executor,
            source,
            seed,
            iteration,
            progress,
            transition_share,
            opposition,
            selection,
            random_actions,
        } = experience;
        if selection.chooses() && self.config.episodes == 0 {
            let remedy = "needs `ppo.episodes`";
            return Err(RlError::Selection { learner: "ppo", remedy });
        }
        let (_, stretch) = self.config.lanes();
        let options = CollectOptions {
            seed,
            iteration,
            stretch,
            discount: self.config.gamma,
            acting: Acting::Sample,
            random_actions,
        };
        let begun = Instant::now();
        let players = opposition.players(&self.actor, "ppo")?;
        executor.collect(players, source, &mut self.lanes, options, &mut self.batch)?;
        let collected = Instant::now();
        let used = progress + transition_share * transitions(&self.batch) as f64;
        let fraction = selection.in_force(iteration, used);
        self.prepare(fraction, iteration)?;
        let explained_variance = self.samples.explained_variance();
        let rate =
            self.config.learning_rate * if self.config.anneal { (1.0 - progress).max(0.0) } else { 1.0 };
        let prepared = Instant::now();
        let before = (self.policy.params().to_vec(), self.critic.params().to_vec());
        let updated = self.update(seed, iteration, rate, executor).and_then(|done| {
            match self.policy.params().iter().chain(self.critic.params()).all(|p| p.is_finite()) {
                true => Ok(done),
                false => Err(RlError::NotFinite { what: "a network parameter", iteration }),
            }
        });
        let (losses, gradient_norm, epochs) = updated.inspect_err(|_| {
            self.policy.set_params(&before.0);
            self.critic.set_params(&before.1);
        })?;
        let seconds = PhaseSeconds {
            collect: (collected - begun).as_secs_f64(),
            prepare: (prepared - collected).as_secs_f64(),
            update: prepared.elapsed().as_secs_f64(),
        };
        let mut normaliser = self.actor.normaliser().clone();
        if self.config.normalise_observations {
            // After the update: the whole batch was collected and learnt from through one and the same normaliser.
            for lane in &self.batch {
                self.observations.merge(&lane.obs_moments)?;
            }
            normaliser = self.observations.normaliser(OBSERVATION_CLIP);
        }
        self.actor.renew(self.policy.params(), normaliser);
        Ok(Improvement {
            explained_variance,
            gradient_norm,
            epochs,
            learning_rate: rate,
            seconds,
            ..self.report(&losses, iteration)
        })
    }

    fn begin_with(&mut self, start: &Start<'_>) -> Result<(), RlError> {
        start.fits("ppo", &self.actor, self.config.normalise_observations)?;
        if self.config.normalise_observations {
            self.observations = start.moments()?;
        }
        self.policy.set_params(start.actor.params());
        self.actor = start.actor.clone();
        self.critic_alone = CRITIC_ALONE;
        Ok(())
    }

    fn take_over(&mut self, learnt: &mut State<'_>) -> Result<(), StateError> {
        learnt.restore("policy", &mut self.policy)?;
        learnt.restore("critic", &mut self.critic)?;
        learnt.restore("observations", &mut self.observations)?;
        learnt.restore("rewards", &mut self.reward_moments)?;
        self.policy.set_params(self.actor.params());
        self.critic_alone = 0;
        Ok(())
    }

    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn transitions(&self) -> usize {
        if self.config.episodes == 0 { self.config.lanes * self.config.horizon } else { 0 }
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        state.save("policy", &self.policy);
        state.save("critic", &self.critic);
        state.save("observations", &self.observations);
        state.save("rewards", &self.reward_moments);
        state.save("actor", &self.actor);
        state.save("lanes", &self.lanes);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        state.restore("policy", &mut self.policy)?;
        state.restore("critic", &mut self.critic)?;
        state.restore("observations", &mut self.observations)?;
        state.restore("rewards", &mut self.reward_moments)?;
        state.restore("actor", &mut self.actor)?;
        state.restore("lanes", &mut self.lanes)
    }
}

#[cfg(test)]
mod tests;
