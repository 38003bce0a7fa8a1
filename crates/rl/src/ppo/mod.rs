//! Proximal policy optimisation (Schulman et al. 2017), Phase II of Algorithm 1.
//!
//! The details that decide its returns, each an option of [`PpoConfig`]: orthogonal initialisation (√2 inside,
//! 0.01 for the policy's head, 1 for the critic's), Adam with ε = 1e-5 and a linearly annealed rate, per-minibatch
//! advantage normalisation, one gradient norm over both networks, running normalisation of observations and
//! rewards, and time limits that bootstrap instead of terminating.

pub(crate) mod config;
pub(crate) mod loss;
pub(crate) mod networks;

use std::time::Instant;

use wr2l_nn::{Normaliser, RunningMoments, clip_scale};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::SimSpec;

use crate::helper::with_helper;
use crate::learner::transitions;
use crate::ppo::loss::{Losses, Minibatch};
use crate::ppo::networks::{CriticHalf, Half, PolicyHalf};
use crate::rollout::selection::kept;
use crate::samples::{Estimation, Samples};
use crate::{
    Acting, Actor, CollectOptions, Experience, History, Improvement, LaneBatch, Lanes, Learner, PhaseSeconds,
    PpoConfig, RlError, State, StateError, StopFlag,
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
        config.validate()?;
        let history = History::of(spec, frames)?;
        let (inputs, told) = (history.inputs(), if config.critic_sees_dynamics { dim } else { 0 });
        let policy = PolicyHalf::new(inputs, &spec.actions, &config.hidden, config.initial_std, seed)?;
        let critic = CriticHalf::new(inputs, told, &config.hidden, seed)?;
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
    /// second does the critic's half. The bits are the same, because each half's sums run in an order of their own.
    fn update(
        &mut self,
        seed: u64,
        iteration: u64,
        learning_rate: f64,
        helped: Helped<'_>,
    ) -> Result<(Losses, f64, u32), RlError> {
        let Self { config, policy, critic, samples, .. } = self;
        let pass = Pass { config, samples, learning_rate };
        let n = samples.valid.len();
        let minibatches = config.minibatches_of(n);
        let orders = orders(
            &samples.valid,
            config.epochs,
            StreamKey::new(seed, Purpose::Minibatch).iteration(iteration),
        );
        let mut policy = Turn::new(policy);
        with_helper(
            helped.threads > 1,
            Turn::new(critic),
            |critic| critic.take(pass),
            |critic| {
                let (mut losses, mut norm, mut epochs) = (Losses::default(), 0.0, 0);
                // Of the minibatch before: each half makes its step when it comes to the next one.
                let mut scale = None;
                for order in orders.chunks_exact(n) {
                    for m in 0..minibatches {
                        helped.stop.check_patience()?;
                        let rows = &order[n * m / minibatches..n * (m + 1) / minibatches];
                        critic.offer(|critic| critic.set(scale, rows));
                        policy.set(scale, rows);
                        policy.take(pass);
                        norm = (policy.squared_norm + critic.settle(|critic| critic.squared_norm)).sqrt();
                        if !norm.is_finite() {
                            return Err(RlError::NotFinite { what: "the gradient", iteration });
                        }
                        scale = Some(clip_scale(norm, config.max_gradient_norm));
                    }
                    losses = Losses::join(policy.half.take_losses(), critic.job().half.take_losses());
                    epochs += 1;
                    if config.kl_limit > 0.0 && losses.kl > config.kl_limit {
                        break;
                    }
                }
                policy.set(scale, &[]);
                policy.step(pass);
                critic.job().set(scale, &[]);
                critic.job().step(pass);
                Ok((losses, norm, epochs))
            },
        )
    }

    fn report(&self, losses: &Losses) -> Improvement {
        Improvement {
            policy_loss: losses.policy,
            value_loss: losses.value,
            entropy: losses.entropy,
            kl: losses.kl,
            clip_fraction: losses.clip_fraction,
            ..Improvement::of(&self.batch)
        }
    }
}

/// The rows of every pass over the batch, one pass after the other: each a random permutation of `valid`.
fn orders(valid: &[u32], epochs: u32, key: StreamKey) -> Vec<u32> {
    let mut orders = Vec::with_capacity(epochs as usize * valid.len());
    let mut order = valid.to_vec();
    for epoch in 0..epochs {
        key.episode(u64::from(epoch)).stream().shuffle(&mut order);
        orders.extend_from_slice(&order);
    }
    orders
}

/// On how many threads an update runs, and who may stop it.
#[derive(Clone, Copy)]
struct Helped<'a> {
    threads: usize,
    stop: &'a StopFlag,
}

/// What stays the same through all passes over a batch.
#[derive(Clone, Copy)]
struct Pass<'a> {
    config: &'a PpoConfig,
    samples: &'a Samples,
    learning_rate: f64,
}

/// What one half of the update does between two meetings: the step against its last gradient, and the next gradient.
struct Turn<'a, H> {
    half: &'a mut H,
    /// What the last gradient is multiplied by; `None` before the first.
    scale: Option<f32>,
    /// The minibatch of the next gradient.
    rows: &'a [u32],
    /// Squared norm of the last gradient.
    squared_norm: f64,
}

impl<'a, H: Half> Turn<'a, H> {
    fn new(half: &'a mut H) -> Self {
        // Of an update that failed.
        half.take_losses();
        Self { half, scale: None, rows: &[], squared_norm: 0.0 }
    }

    fn set(&mut self, scale: Option<f32>, rows: &'a [u32]) {
        self.scale = scale;
        self.rows = rows;
    }

    fn take(&mut self, pass: Pass<'_>) {
        self.step(pass);
        let minibatch = Minibatch { rows: self.rows, samples: pass.samples };
        self.squared_norm = self.half.gradient(pass.config, minibatch);
    }

    fn step(&mut self, pass: Pass<'_>) {
        if let Some(scale) = self.scale {
            self.half.step(pass.learning_rate, scale);
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
        let helped = Helped { threads: executor.threads(), stop: executor.stop_flag() };
        let before = (self.policy.params().to_vec(), self.critic.params().to_vec());
        let updated = self.update(seed, iteration, rate, helped).and_then(|done| {
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
            ..self.report(&losses)
        })
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
mod tests {
    use super::*;
    use crate::{Executor, Fixed, Stretch, Threads};
    use wr2l_sim::{Divergence, Outcome, SimError, Simulator, Task, TaskName};

    fn setting() -> (Threads, Ppo) {
        let task = Task::new(TaskName::CARTPOLE);
        let space = task.space().select::<&str>(&[]).unwrap();
        let simulator = Simulator::new(task, None, space).unwrap();
        let config = PpoConfig { lanes: 2, horizon: 64, minibatches: 4, epochs: 2, ..PpoConfig::default() };
        let ppo = Ppo::new(config, simulator.spec(), 0, 1).unwrap();
        (Threads::new(&simulator, 1).unwrap(), ppo)
    }

    fn on(threads: usize, stop: &StopFlag) -> Helped<'_> {
        Helped { threads, stop }
    }

    fn collect(executor: &mut dyn Executor, ppo: &mut Ppo) {
        let options = CollectOptions {
            seed: 1,
            iteration: 0,
            stretch: Stretch::Steps(64),
            discount: 0.99,
            acting: Acting::Sample,
            random_actions: 0.0,
        };
        let source = Fixed(Vec::new());
        executor
            .collect(crate::Players::alone(&ppo.actor), &source, &mut ppo.lanes, options, &mut ppo.batch)
            .unwrap();
    }

    #[test]
    fn a_diverged_step_never_reaches_the_networks() {
        let (mut executor, mut ppo) = setting();
        collect(&mut executor, &mut ppo);
        for step in [0, 17, 63] {
            ppo.batch[1].outcomes[step] = Outcome::Diverged(Divergence::State);
            ppo.batch[1].rewards[step] = f64::NAN;
            ppo.batch[1].log_probs[step] = f32::NAN;
            ppo.batch[1].actions[step] = 1.0;
        }
        ppo.prepare(1.0, 0).unwrap();
        assert_eq!(ppo.samples.valid.len(), 128 - 3);
        ppo.update(1, 0, 3e-4, on(1, &StopFlag::default())).unwrap();
        assert!(ppo.policy.params().iter().chain(ppo.critic.params()).all(|p| p.is_finite()));
    }

    #[test]
    fn a_gradient_that_is_not_finite_is_an_error() {
        let (mut executor, mut ppo) = setting();
        collect(&mut executor, &mut ppo);
        ppo.prepare(1.0, 0).unwrap();
        ppo.samples.advantages[100] = f32::NAN;
        for threads in [1, 2] {
            let error = ppo.update(1, 0, 3e-4, on(threads, &StopFlag::default())).unwrap_err();
            assert_eq!(error, RlError::NotFinite { what: "the gradient", iteration: 0 });
        }
    }

    #[test]
    fn a_batch_of_nothing_but_diverged_steps_is_an_error() {
        let (mut executor, mut ppo) = setting();
        collect(&mut executor, &mut ppo);
        for lane in &mut ppo.batch {
            lane.outcomes.fill(Outcome::Diverged(Divergence::Simulator));
        }
        assert_eq!(ppo.prepare(1.0, 7).unwrap_err(), RlError::NothingValid { iteration: 7 });
    }

    #[test]
    fn rewards_are_scaled_by_the_deviation_of_the_discounted_return() {
        let (mut executor, mut ppo) = setting();
        collect(&mut executor, &mut ppo);
        ppo.prepare(1.0, 0).unwrap();
        let deviation = ppo.reward_moments.variance(0).sqrt();
        assert!(deviation > 1.0);
        assert!((ppo.samples.rewards[5] - 1.0 / deviation).abs() < 1e-6);
    }

    #[test]
    fn updates_have_the_same_bits_for_any_number_of_threads() {
        // Minibatches of less than a chunk, of several, and of all; with and without a limit that ends the epochs.
        for (minibatches, kl_limit) in [(4, 0.0), (1, 0.0), (1000, 0.0), (4, 1e-4)] {
            let run = |threads| {
                let (mut executor, mut ppo) = setting();
                ppo.config.minibatches = minibatches;
                ppo.config.kl_limit = kl_limit;
                ppo.config.epochs = 4;
                collect(&mut executor, &mut ppo);
                ppo.prepare(1.0, 0).unwrap();
                let (losses, norm, epochs) =
                    ppo.update(1, 0, 3e-3, on(threads, &StopFlag::default())).unwrap();
                let bits = |params: &[f32]| params.iter().map(|p| p.to_bits()).collect::<Vec<_>>();
                (losses, norm.to_bits(), epochs, bits(ppo.policy.params()), bits(ppo.critic.params()))
            };
            let reference = run(1);
            assert_eq!(reference.2 < 4, kl_limit > 0.0, "{reference:?}");
            assert!(reference == run(2) && reference == run(3), "{minibatches} minibatches");
        }
    }

    #[test]
    fn an_update_is_given_up_when_patience_ends_and_not_before() {
        let run = |stop: &StopFlag| {
            let (mut executor, mut ppo) = setting();
            collect(&mut executor, &mut ppo);
            ppo.prepare(1.0, 0).unwrap();
            let done = ppo.update(1, 0, 3e-3, on(1, stop)).map(|(losses, ..)| losses);
            (done, ppo.policy.params().to_vec())
        };
        let undisturbed = run(&StopFlag::default());
        let patient = StopFlag::default();
        patient.raise();
        assert!(run(&patient) == undisturbed, "it is completed, with the same bits");
        let impatient = patient.with_patience(std::time::Duration::ZERO);
        assert_eq!(run(&impatient).0.unwrap_err(), RlError::Sim(SimError::Interrupted));
    }

    /// What a limit guarantees: the policy that is kept is at most one pass beyond a mean KL of it.
    #[test]
    fn passes_end_with_the_first_whose_kl_is_above_the_limit() {
        let run = |epochs, kl_limit| {
            let (mut executor, mut ppo) = setting();
            ppo.config.epochs = epochs;
            ppo.config.kl_limit = kl_limit;
            collect(&mut executor, &mut ppo);
            ppo.prepare(1.0, 0).unwrap();
            let (losses, _, epochs) = ppo.update(1, 0, 3e-3, on(1, &StopFlag::default())).unwrap();
            (losses.kl, epochs, ppo.policy.params().to_vec())
        };
        let without: Vec<_> = (1..=6).map(|epochs| run(epochs, 0.0)).collect();
        let mut early = 0;
        for limit in without.iter().map(|pass| 1.01 * pass.0) {
            let first = without.iter().position(|pass| pass.0 > limit).unwrap_or(5);
            early += usize::from(first < 5);
            assert!(run(6, limit) == without[first], "{limit}");
        }
        assert!(early > 0, "a limit that ends the passes");
    }
}
