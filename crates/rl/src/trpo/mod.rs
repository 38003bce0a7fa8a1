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
pub(crate) mod scratch;

use wr2l_nn::{AdamConfig, Normaliser, Policy, RunningMoments};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::{ActionSpace, SimSpec};

use crate::critic::Critic;
use crate::learner::transitions;
use crate::rollout::selection::kept;
use crate::samples::{Estimation, Samples};
use crate::start::CRITIC_ALONE;
use crate::trpo::conjugate_gradient::{conjugate_gradient, dot};
use crate::trpo::scratch::{Scratch, Trial};
use crate::{
    Acting, Actor, CollectOptions, Experience, History, Improvement, LaneBatch, Lanes, Learner, Opposition,
    RlError, Skip, Start, State, StateError, TrpoConfig,
};

/// Normalised observations are clipped to ± this.
const OBSERVATION_CLIP: f64 = 10.0;
/// The TRPO learner: policy, critic and everything that carries over from one batch to the next.
#[derive(Debug)]
pub struct Trpo {
    pub(crate) config: TrpoConfig,
    pub(crate) actor: Actor,
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
    pub(crate) samples: Samples,
    pub(crate) scratch: Scratch,
    /// What it is called in errors, and what whole episodes need.
    pub(crate) called: (&'static str, &'static str),
}

/// An accepted step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stepped {
    pub(crate) params: Vec<f32>,
    pub(crate) trial: Trial,
    /// Trials of the line search, the accepted one included.
    pub(crate) trials: u32,
}

/// The new policy's parameters, or why the old ones stay; and the norm of the gradient.
pub(crate) type Step = (Result<Stepped, Skip>, f64);

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
            scratch: Scratch::new(&policy),
            actor: Actor::new(policy, params, Normaliser::identity(inputs), actions.clone())?
                .with_history(history.frames())?,
            critic,
            lanes: Lanes::new(config.lanes().0, spec, dim),
            observations: RunningMoments::new(inputs),
            reward_moments: RunningMoments::new(1),
            critic_alone: 0,
            batch: Vec::new(),
            samples: Samples::default(),
            called: ("trpo", "needs `trpo.episodes`"),
            config,
        })
    }

    /// The options.
    pub fn config(&self) -> &TrpoConfig {
        &self.config
    }

    /// Values, scaled rewards, advantages (shifted and scaled to mean 0 and variance 1) and targets of the batch.
    pub(crate) fn prepare(&mut self, fraction: f64, iteration: u64) -> Result<(), RlError> {
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

    /// The direction (F + damping·I)⁻¹ g, and the norm of the gradient g.
    pub(crate) fn direction(&mut self) -> (Result<Vec<f64>, Skip>, f64) {
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
        let mut fisher =
            |v: &[f64], out: &mut [f64]| scratch.damped(config.damping, policy, old, samples, v, out);
        let solved = conjugate_gradient(&gradient, config.cg_steps, &mut fisher);
        (solved.map(|solved| solved.x).ok_or(Skip::NoCurvature), norm)
    }

    /// The step of the trust region.
    fn step(&mut self) -> Step {
        let (direction, norm) = self.direction();
        let x = match direction {
            Ok(x) => x,
            Err(skip) => return (Err(skip), norm),
        };
        let Self { config, samples, scratch, actor, .. } = self;
        let (policy, old) = (actor.policy(), actor.params());
        let mut curved = vec![0.0; x.len()];
        scratch.damped(config.damping, policy, old, samples, &x, &mut curved);
        // β = √(2δ / xᵀ(F + damping·I)x)
        let beta = (2.0 * config.kl / dot(&x, &curved)).sqrt();
        if !(beta > 0.0 && beta.is_finite()) {
            return (Err(Skip::NoCurvature), norm);
        }
        let mut length = beta;
        for trials in 1..=config.line_search_steps {
            let params: Vec<f32> =
                old.iter().zip(&x).map(|(p, x)| (f64::from(*p) + length * x) as f32).collect();
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

impl Trpo {
    /// An improvement whose step is `step`'s.
    pub(crate) fn improve_by(
        &mut self,
        experience: Experience<'_>,
        step: impl FnOnce(&mut Self) -> Step,
    ) -> Result<Improvement, RlError> {
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
            let (learner, remedy) = self.called;
            return Err(RlError::Selection { learner, remedy });
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
        let players = opposition.players(&self.actor, self.called.0)?;
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
                    false => step(self),
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
}

impl Learner for Trpo {
    fn improve(&mut self, experience: Experience<'_>) -> Result<Improvement, RlError> {
        self.improve_by(experience, Self::step)
    }

    fn begin_with(&mut self, start: &Start<'_>) -> Result<(), RlError> {
        start.fits(self.called.0, &self.actor, self.config.normalise_observations)?;
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
