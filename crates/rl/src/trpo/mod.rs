//! Trust region policy optimisation (Schulman et al. 2015).
//!
//! Each batch improves the surrogate L(θ) = mean[π_θ(a|s)/π_old(a|s) · A] within the trust region
//! mean[KL(π_old ‖ π_θ)] ≤ δ by one natural-gradient step:
//!
//! 1. g = ∇L(θ_old);
//! 2. x ≈ (F + damping·I)⁻¹ g by conjugate gradient, where products with the Fisher matrix F, the Hessian of the KL, are
//!    exact ([`Policy::fisher_product`]);
//! 3. the step β·x with β = √(2δ / xᵀ(F + damping·I)x) is the longest that the quadratic model allows;
//! 4. the step is shortened until L has improved *and* the KL, as measured, is at most δ;
//! 5. the critic is fitted to the value targets by itself.
//!
//! Where a step cannot be made (the gradient is zero, something is not finite, the Fisher matrix has no positive
//! curvature, no trial of the line search holds up) the policy stays as it was, and the report says why
//! ([`Skip`]); training goes on with the next batch.

pub(crate) mod config;
pub(crate) mod conjugate_gradient;

use wr2l_nn::{AdamConfig, Normaliser, Policy, PolicyCache, RunningMoments};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, SimSpec};

use crate::critic::Critic;
use crate::learner::transitions;
use crate::rollout::selection::kept;
use crate::samples::{Estimation, Samples};
use crate::start::CRITIC_ALONE;
use crate::trpo::conjugate_gradient::{conjugate_gradient, dot};
use crate::{
    Acting, Actor, CollectOptions, Experience, History, Improvement, LaneBatch, Lanes, Learner, Opposition,
    RlError, Skip, Start, State, StateError, TrpoConfig,
};

/// Normalised observations are clipped to ± this.
const OBSERVATION_CLIP: f64 = 10.0;
/// Rows whose derivatives are computed at a time, so that their activations stay in the first-level cache.
const CHUNK: usize = 64;

/// The TRPO learner: policy, critic and everything that carries over from one batch to the next.
#[derive(Debug)]
pub struct Trpo {
    config: TrpoConfig,
    actor: Actor,
    critic: Critic,
    lanes: Lanes,
    /// Moments of the raw inputs, from which the actor's normaliser is made.
    observations: RunningMoments,
    /// Moments of the discounted sums of past rewards, whose deviation scales rewards.
    reward_moments: RunningMoments,
    /// Improvements at the beginning of a run in which the policy stays as it is.
    critic_alone: u64,
    /// The last batch, and scratch.
    batch: Vec<LaneBatch>,
    samples: Samples,
    scratch: Scratch,
}

/// Buffers of the policy's step.
#[derive(Debug)]
struct Scratch {
    old: PolicyCache,
    new: PolicyCache,
    inputs: Vec<f32>,
    actions: Vec<f32>,
    d_log_probs: Vec<f32>,
    d_entropies: Vec<f32>,
}

/// What a candidate for the new policy is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Trial {
    /// L(θ) − L(θ_old), advantages having mean 0.
    gain: f64,
    /// mean[KL(π_old ‖ π_θ)] in nats.
    kl: f64,
    /// Mean entropy of π_θ in nats.
    entropy: f64,
}

/// An accepted step.
#[derive(Clone, Debug, PartialEq)]
struct Stepped {
    params: Vec<f32>,
    trial: Trial,
    /// Trials of the line search, the accepted one included.
    trials: u32,
}

impl Trpo {
    /// A learner with freshly initialised networks for a task with these shapes and `dim` dynamics parameters.
    ///
    /// # Errors
    /// [`RlError::Option`] for a senseless option.
    pub fn new(config: TrpoConfig, spec: &SimSpec, dim: usize, seed: u64) -> Result<Self, RlError> {
        Self::with_history(config, spec, dim, 0, seed)
    }

    /// The same; policy and critic see a history of `frames` frames besides the observation ([`History`]).
    ///
    /// # Errors
    /// [`RlError::Option`] for a senseless option, or more frames than [`History::MOST`].
    pub fn with_history(
        config: TrpoConfig,
        spec: &SimSpec,
        dim: usize,
        frames: usize,
        seed: u64,
    ) -> Result<Self, RlError> {
        let history = History::of(spec, frames)?;
        let key = StreamKey::new(seed, Purpose::Initialisation);
        let made = Self::made(config, spec, &spec.actions, history, dim, key)?;
        Ok(made.facing(history))
    }

    /// A learner that pushes the task's bodies ([`Opposition::Pushing`]): its actions are forces within [−1, 1], two for
    /// each of [`SimSpec::forces`].
    ///
    /// # Errors
    /// As [`Trpo::new`]; [`RlError::NothingToPush`] for a task without such bodies.
    pub fn pusher(config: TrpoConfig, spec: &SimSpec, dim: usize, seed: u64) -> Result<Self, RlError> {
        let forces = 2 * spec.forces.len();
        if forces == 0 {
            return Err(RlError::NothingToPush);
        }
        let actions = ActionSpace::Continuous { low: vec![-1.0; forces], high: vec![1.0; forces] };
        let key = StreamKey::new(seed, Purpose::OpponentInitialisation);
        Self::made(config, spec, &actions, History::none(spec.obs_dim, forces), dim, key)
    }

    /// The same learner, in whose episodes the agent has this history: needed by one that pushes, which has none itself.
    #[must_use]
    pub fn facing(self, agents: History) -> Self {
        Self { lanes: self.lanes.with_history(agents), ..self }
    }

    fn made(
        config: TrpoConfig,
        spec: &SimSpec,
        actions: &ActionSpace,
        history: History,
        dim: usize,
        key: StreamKey,
    ) -> Result<Self, RlError> {
        config.validate()?;
        let inputs = history.inputs();
        let policy = match actions {
            ActionSpace::Continuous { low, .. } => Policy::gaussian(inputs, &config.hidden, low.len())?,
            ActionSpace::Discrete { n } => Policy::categorical(inputs, &config.hidden, *n)?,
        };
        let mut params = vec![0.0; policy.parameters()];
        policy.initialise(&mut key.lane(0).stream(), &mut params);
        let critic = Critic::new(
            inputs,
            &config.hidden,
            config.critic_minibatch,
            AdamConfig::default(),
            &mut key.lane(1).stream(),
        )?;
        Ok(Self {
            scratch: Scratch {
                old: policy.cache(CHUNK),
                new: policy.cache(CHUNK),
                inputs: Vec::new(),
                actions: Vec::new(),
                d_log_probs: Vec::new(),
                d_entropies: vec![0.0; CHUNK],
            },
            actor: Actor::new(policy, params, Normaliser::identity(inputs), actions.clone())?
                .with_history(history.frames())?,
            critic,
            lanes: Lanes::new(config.lanes().0, spec, dim),
            observations: RunningMoments::new(inputs),
            reward_moments: RunningMoments::new(1),
            critic_alone: 0,
            batch: Vec::new(),
            samples: Samples::default(),
            config,
        })
    }

    /// The options.
    pub fn config(&self) -> &TrpoConfig {
        &self.config
    }

    /// Values, scaled rewards, advantages (shifted and scaled to mean 0 and variance 1) and targets of the batch.
    fn prepare(&mut self, fraction: f64, iteration: u64) -> Result<(), RlError> {
        let Self { config, critic, batch, samples, reward_moments, .. } = self;
        for lane in batch.iter() {
            reward_moments.merge(&lane.discounted_moments)?;
        }
        let reward_scale = config.normalise_rewards.then(|| Estimation::reward_scale(reward_moments));
        let estimation = Estimation { gamma: config.gamma, lambda: config.lambda, reward_scale };
        let kept = kept(fraction, batch);
        samples.prepare(
            batch,
            &kept,
            |states, values| critic.values(states.inputs, values),
            estimation,
            iteration,
        )?;
        samples.standardise_advantages();
        Ok(())
    }

    /// The new policy's parameters, or why the old ones stay; and the norm of the gradient.
    fn step(&mut self) -> (Result<Stepped, Skip>, f64) {
        let Self { config, samples, scratch, actor, .. } = self;
        let (policy, old) = (actor.policy(), actor.params());
        let gradient = scratch.gradient(policy, old, samples);
        let norm = dot(&gradient, &gradient).sqrt();
        if !norm.is_finite() {
            return (Err(Skip::NotFinite), norm);
        }
        if norm == 0.0 {
            return (Err(Skip::NoGradient), norm);
        }
        let mut fisher = |v: &[f64], out: &mut [f64]| {
            scratch.fisher_product(policy, old, samples, v, out);
            out.iter_mut().zip(v).for_each(|(out, v)| *out += config.damping * v);
        };
        let Some(solved) = conjugate_gradient(&gradient, config.cg_steps, &mut fisher) else {
            return (Err(Skip::NoCurvature), norm);
        };
        let mut curved = vec![0.0; gradient.len()];
        fisher(&solved.x, &mut curved);
        // β = √(2δ / xᵀ(F + damping·I)x)
        let beta = (2.0 * config.kl / dot(&solved.x, &curved)).sqrt();
        if !(beta > 0.0 && beta.is_finite()) {
            return (Err(Skip::NoCurvature), norm);
        }
        let mut length = beta;
        for trials in 1..=config.line_search_steps {
            let params: Vec<f32> =
                old.iter().zip(&solved.x).map(|(p, x)| (f64::from(*p) + length * x) as f32).collect();
            let trial = scratch.trial(policy, old, &params, samples);
            // A comparison with NaN is false: what is not finite is never accepted.
            if trial.gain > 0.0 && trial.kl <= config.kl && params.iter().all(|p| p.is_finite()) {
                return (Ok(Stepped { params, trial, trials }), norm);
            }
            length *= config.shrink;
        }
        (Err(Skip::NoProgress), norm)
    }
}

impl Scratch {
    fn gather(&mut self, policy: &Policy, samples: &Samples, rows: &[u32]) {
        let (width, act_dim) = (policy.network().inputs(), policy.action_dim());
        self.inputs.clear();
        self.actions.clear();
        for &row in rows {
            let row = row as usize;
            self.inputs.extend_from_slice(&samples.inputs[row * width..][..width]);
            self.actions.extend_from_slice(&samples.actions[row * act_dim..][..act_dim]);
        }
    }

    /// ∇L(θ_old) = mean[A ∇ln π(a|s)]: the ratio is 1 there.
    fn gradient(&mut self, policy: &Policy, params: &[f32], samples: &Samples) -> Vec<f64> {
        let mut sum = vec![0.0; params.len()];
        let mut part = vec![0.0; params.len()];
        for rows in samples.valid.chunks(CHUNK) {
            self.gather(policy, samples, rows);
            self.d_log_probs.clear();
            self.d_log_probs.extend(rows.iter().map(|&row| samples.advantages[row as usize]));
            let Self { old, inputs, actions, d_log_probs, d_entropies, .. } = self;
            policy.forward(params, inputs, old);
            part.fill(0.0);
            policy.backward(params, inputs, actions, d_log_probs, &d_entropies[..rows.len()], old, &mut part);
            add(&part, &mut sum);
        }
        mean(sum, samples.valid.len())
    }

    /// F·v, F being the mean Fisher matrix over the batch.
    fn fisher_product(
        &mut self,
        policy: &Policy,
        params: &[f32],
        samples: &Samples,
        v: &[f64],
        out: &mut [f64],
    ) {
        let v: Vec<f32> = v.iter().map(|v| *v as f32).collect();
        let mut part = vec![0.0; params.len()];
        out.fill(0.0);
        for rows in samples.valid.chunks(CHUNK) {
            self.gather(policy, samples, rows);
            policy.forward(params, &self.inputs, &mut self.old);
            part.fill(0.0);
            policy.fisher_product(params, &self.inputs, &v, &mut self.old, &mut part);
            add(&part, out);
        }
        out.iter_mut().for_each(|out| *out /= samples.valid.len() as f64);
    }

    /// Measures what `new` parameters are worth against the `old`.
    fn trial(&mut self, policy: &Policy, old: &[f32], new: &[f32], samples: &Samples) -> Trial {
        let mut sums = Trial::default();
        for rows in samples.valid.chunks(CHUNK) {
            self.gather(policy, samples, rows);
            policy.forward(old, &self.inputs, &mut self.old);
            policy.forward(new, &self.inputs, &mut self.new);
            policy.evaluate(new, &self.actions, &mut self.new);
            sums.kl += policy.mean_kl((old, &self.old), (new, &self.new)) * rows.len() as f64;
            for (i, &row) in rows.iter().enumerate() {
                let row = row as usize;
                let ratio = f64::from(self.new.log_probs()[i] - samples.log_probs[row]).exp();
                sums.gain += (ratio - 1.0) * f64::from(samples.advantages[row]);
                sums.entropy += f64::from(self.new.entropies()[i]);
            }
        }
        let n = samples.valid.len() as f64;
        Trial { gain: sums.gain / n, kl: sums.kl / n, entropy: sums.entropy / n }
    }
}

fn add(part: &[f32], sum: &mut [f64]) {
    sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(*part));
}

fn mean(mut sum: Vec<f64>, n: usize) -> Vec<f64> {
    sum.iter_mut().for_each(|x| *x /= n as f64);
    sum
}

impl Learner for Trpo {
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
            let remedy = "needs `trpo.episodes`";
            return Err(RlError::Selection { learner: "trpo", remedy });
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
        let players = opposition.players(&self.actor, "trpo")?;
        executor.collect(players, source, &mut self.lanes, options, &mut self.batch)?;
        let mut report = Improvement::of(&self.batch);
        report.learning_rate = self.config.critic_learning_rate;
        let used = progress + transition_share * transitions(&self.batch) as f64;
        let fraction = selection.in_force(iteration, used);
        match self.prepare(fraction, iteration) {
            // Neither policy nor critic can learn from it.
            Err(RlError::NotFinite { .. }) => report.skipped = Some(Skip::NotFinite),
            Err(error) => return Err(error),
            Ok(()) => {
                report.explained_variance = self.samples.explained_variance();
                let (stepped, norm) = match iteration < self.critic_alone {
                    // The critic knows nothing of the policy yet.
                    true => (Err(Skip::WarmUp), f64::NAN),
                    false => self.step(),
                };
                report.gradient_norm = norm;
                let trial = match stepped {
                    Ok(stepped) => {
                        report.epochs = stepped.trials;
                        let normaliser = self.actor.normaliser().clone();
                        self.actor.renew(&stepped.params, normaliser);
                        stepped.trial
                    }
                    Err(skip) => {
                        report.skipped = Some(skip);
                        let stays = self.actor.params();
                        self.scratch.trial(self.actor.policy(), stays, stays, &self.samples)
                    }
                };
                report.policy_loss = -trial.gain;
                report.kl = trial.kl;
                report.entropy = trial.entropy;
                let TrpoConfig { critic_epochs, critic_minibatch, critic_learning_rate, .. } = self.config;
                let purpose = match opposition {
                    Opposition::Pushing { .. } => Purpose::OpponentMinibatch,
                    _ => Purpose::Minibatch,
                };
                let key = StreamKey::new(seed, purpose).iteration(iteration);
                report.value_loss = self.critic.fit(
                    &mut self.samples,
                    critic_epochs,
                    critic_minibatch,
                    critic_learning_rate,
                    key,
                    executor.stop_flag(),
                )?;
            }
        }
        if self.config.normalise_observations {
            // After the update: the whole batch was collected and learnt from through one and the same normaliser.
            for lane in &self.batch {
                self.observations.merge(&lane.obs_moments)?;
            }
            let params = self.actor.params().to_vec();
            self.actor.renew(&params, self.observations.normaliser(OBSERVATION_CLIP));
        }
        Ok(report)
    }

    fn begin_with(&mut self, start: &Start<'_>) -> Result<(), RlError> {
        start.fits("trpo", &self.actor, self.config.normalise_observations)?;
        if self.config.normalise_observations {
            self.observations = start.moments()?;
        }
        self.actor = start.actor.clone();
        self.critic_alone = CRITIC_ALONE;
        Ok(())
    }

    fn take_over(&mut self, learnt: &mut State<'_>) -> Result<(), StateError> {
        learnt.restore("critic", &mut self.critic)?;
        learnt.restore("observations", &mut self.observations)?;
        learnt.restore("rewards", &mut self.reward_moments)?;
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
        state.save("actor", &self.actor);
        state.save("critic", &self.critic);
        state.save("observations", &self.observations);
        state.save("rewards", &self.reward_moments);
        state.save("lanes", &self.lanes);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        state.restore("actor", &mut self.actor)?;
        state.restore("critic", &mut self.critic)?;
        state.restore("observations", &mut self.observations)?;
        state.restore("rewards", &mut self.reward_moments)?;
        state.restore("lanes", &mut self.lanes)
    }
}

#[cfg(test)]
mod tests;
