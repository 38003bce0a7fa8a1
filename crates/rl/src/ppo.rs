//! Proximal policy optimisation (Schulman et al. 2017), Phase II of Algorithm 1.
//!
//! The details that decide its returns, each an option of [`PpoConfig`]: orthogonal initialisation (√2 inside,
//! 0.01 for the policy's head, 1 for the critic's), Adam with ε = 1e-5 and a linearly annealed rate, per-minibatch
//! advantage normalisation, one gradient norm over both networks, running normalisation of observations and
//! rewards, and time limits that bootstrap instead of terminating.

use wr2l_nn::{Adam, AdamConfig, Normaliser, RunningMoments};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{Outcome, SimSpec};

use crate::ppo_loss::{Losses, Minibatch, PpoNetworks};
use crate::samples::{Estimation, Samples};
use crate::{Actor, CollectOptions, Experience, Improvement, LaneBatch, Lanes, Learner, PpoConfig, RlError};

/// Adam's ε: 1e-5, not the usual 1e-8, as in the implementations that published returns come from.
const ADAM_EPSILON: f64 = 1e-5;
/// Normalised observations are clipped to ± this.
const OBSERVATION_CLIP: f64 = 10.0;

/// The PPO learner: policy, critic and everything that carries over from one batch to the next.
#[derive(Debug)]
pub struct Ppo {
    config: PpoConfig,
    actor: Actor,
    networks: PpoNetworks,
    adam: Adam,
    lanes: Lanes,
    /// Moments of the raw observations, from which the actor's normaliser is made.
    observations: RunningMoments,
    /// Moments of the discounted sums of past rewards, whose deviation scales rewards.
    reward_moments: RunningMoments,
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
        config.validate()?;
        let networks = PpoNetworks::new(spec, &config.hidden, seed)?;
        let actor = networks.actor(spec, Normaliser::identity(spec.obs_dim))?;
        let adam =
            Adam::new(networks.params().len(), AdamConfig { epsilon: ADAM_EPSILON, ..AdamConfig::default() });
        let lanes = Lanes::new(config.lanes, spec, dim);
        Ok(Self {
            config,
            actor,
            networks,
            adam,
            lanes,
            observations: RunningMoments::new(spec.obs_dim),
            reward_moments: RunningMoments::new(1),
            batch: Vec::new(),
            samples: Samples::default(),
        })
    }

    /// The options.
    pub fn config(&self) -> &PpoConfig {
        &self.config
    }

    /// Values, scaled rewards, advantages and targets of the collected batch.
    fn prepare(&mut self, iteration: u64) -> Result<(), RlError> {
        let Self { config, networks, batch, samples, reward_moments, .. } = self;
        for lane in batch.iter() {
            reward_moments.merge(&lane.discounted_moments)?;
        }
        let reward_scale = config.normalise_rewards.then(|| Estimation::reward_scale(reward_moments));
        let estimation = Estimation { gamma: config.gamma, lambda: config.lambda, reward_scale };
        samples.prepare(batch, |inputs, values| networks.values(inputs, values), estimation, iteration)
    }

    /// The epochs of minibatch updates; returns the losses of the last epoch, the last gradient norm and the
    /// number of epochs done.
    fn update(
        &mut self,
        seed: u64,
        iteration: u64,
        learning_rate: f64,
    ) -> Result<(Losses, f64, u32), RlError> {
        let Self { config, networks, adam, samples, .. } = self;
        let minibatches = config.minibatches.min(samples.valid.len());
        let key = StreamKey::new(seed, Purpose::Minibatch).iteration(iteration);
        let mut losses = Losses::default();
        let mut norm = 0.0;
        for epoch in 0..config.epochs {
            key.episode(u64::from(epoch)).stream().shuffle(&mut samples.valid);
            losses = Losses::default();
            for m in 0..minibatches {
                let rows = samples.valid.len() * m / minibatches..samples.valid.len() * (m + 1) / minibatches;
                let minibatch = Minibatch { rows: &samples.valid[rows], samples };
                losses.add(&networks.gradient(config, &minibatch));
                norm = networks.step(adam, learning_rate, config.max_gradient_norm);
                if !norm.is_finite() {
                    return Err(RlError::NotFinite { what: "the gradient", iteration });
                }
            }
            losses = losses.mean();
            if config.kl_limit > 0.0 && losses.kl > config.kl_limit {
                return Ok((losses, norm, epoch + 1));
            }
        }
        Ok((losses, norm, config.epochs))
    }

    fn report(&self, losses: &Losses) -> Improvement {
        let mut report = Improvement {
            transitions: self.transitions(),
            policy_loss: losses.policy,
            value_loss: losses.value,
            entropy: losses.entropy,
            kl: losses.kl,
            clip_fraction: losses.clip_fraction,
            ..Improvement::default()
        };
        for lane in &self.batch {
            report.finished.extend(&lane.finished);
            report.dropped += lane.dropped;
        }
        report.diverged =
            report.finished.iter().filter(|e| matches!(e.outcome, Outcome::Diverged(_))).count() as u32;
        report
    }
}

impl Learner for Ppo {
    fn improve(&mut self, experience: Experience<'_>) -> Result<Improvement, RlError> {
        let Experience { workers, source, seed, iteration, progress } = experience;
        let options =
            CollectOptions { seed, iteration, horizon: self.config.horizon, discount: self.config.gamma };
        workers.collect(&self.actor, source, &mut self.lanes, options, &mut self.batch)?;
        self.prepare(iteration)?;
        let explained_variance = self.samples.explained_variance();
        let rate =
            self.config.learning_rate * if self.config.anneal { (1.0 - progress).max(0.0) } else { 1.0 };
        let before = self.networks.params().to_vec();
        let updated = self.update(seed, iteration, rate).and_then(|done| {
            match self.networks.params().iter().all(|p| p.is_finite()) {
                true => Ok(done),
                false => Err(RlError::NotFinite { what: "a network parameter", iteration }),
            }
        });
        let (losses, gradient_norm, epochs) = updated.inspect_err(|_| self.networks.set_params(&before))?;
        let mut normaliser = self.actor.normaliser().clone();
        if self.config.normalise_observations {
            // After the update: the whole batch was collected and learnt from through one and the same normaliser.
            for lane in &self.batch {
                self.observations.merge(&lane.obs_moments)?;
            }
            normaliser = self.observations.normaliser(OBSERVATION_CLIP);
        }
        self.actor.renew(self.networks.policy_params(), normaliser);
        Ok(Improvement {
            explained_variance,
            gradient_norm,
            epochs,
            learning_rate: rate,
            ..self.report(&losses)
        })
    }

    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn transitions(&self) -> usize {
        self.config.lanes * self.config.horizon
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fixed, Workers};
    use wr2l_sim::{Divergence, Simulator, Task, TaskName};

    fn setting() -> (Workers, Ppo) {
        let task = Task::new(TaskName::CartPole);
        let space = task.space().select::<&str>(&[]).unwrap();
        let simulator = Simulator::new(task, None, space).unwrap();
        let config = PpoConfig { lanes: 2, horizon: 64, minibatches: 4, epochs: 2, ..PpoConfig::default() };
        let ppo = Ppo::new(config, simulator.spec(), 0, 1).unwrap();
        (Workers::new(&simulator, 1).unwrap(), ppo)
    }

    fn collect(workers: &mut Workers, ppo: &mut Ppo) {
        let options = CollectOptions { seed: 1, iteration: 0, horizon: 64, discount: 0.99 };
        let source = Fixed(Vec::new());
        workers.collect(&ppo.actor, &source, &mut ppo.lanes, options, &mut ppo.batch).unwrap();
    }

    #[test]
    fn a_diverged_step_never_reaches_the_networks() {
        let (mut workers, mut ppo) = setting();
        collect(&mut workers, &mut ppo);
        for step in [0, 17, 63] {
            ppo.batch[1].outcomes[step] = Outcome::Diverged(Divergence::State);
            ppo.batch[1].rewards[step] = f64::NAN;
            ppo.batch[1].log_probs[step] = f32::NAN;
            ppo.batch[1].actions[step] = 1.0;
        }
        ppo.prepare(0).unwrap();
        assert_eq!(ppo.samples.valid.len(), 128 - 3);
        ppo.update(1, 0, 3e-4).unwrap();
        assert!(ppo.networks.params().iter().all(|p| p.is_finite()));
    }

    #[test]
    fn a_gradient_that_is_not_finite_is_an_error() {
        let (mut workers, mut ppo) = setting();
        collect(&mut workers, &mut ppo);
        ppo.prepare(0).unwrap();
        ppo.samples.advantages[100] = f32::NAN;
        let error = ppo.update(1, 0, 3e-4).unwrap_err();
        assert_eq!(error, RlError::NotFinite { what: "the gradient", iteration: 0 });
    }

    #[test]
    fn a_batch_of_nothing_but_diverged_steps_is_an_error() {
        let (mut workers, mut ppo) = setting();
        collect(&mut workers, &mut ppo);
        for lane in &mut ppo.batch {
            lane.outcomes.fill(Outcome::Diverged(Divergence::Simulator));
        }
        assert_eq!(ppo.prepare(7).unwrap_err(), RlError::NothingValid { iteration: 7 });
    }

    #[test]
    fn rewards_are_scaled_by_the_deviation_of_the_discounted_return() {
        let (mut workers, mut ppo) = setting();
        collect(&mut workers, &mut ppo);
        ppo.prepare(0).unwrap();
        let deviation = ppo.reward_moments.variance(0).sqrt();
        assert!(deviation > 1.0);
        assert!((ppo.samples.rewards[5] - 1.0 / deviation).abs() < 1e-6);
    }
}
