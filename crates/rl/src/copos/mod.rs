//! Compatible policy search (COPOS; Pajarinen, Thai, Akrour, Peters & Neumann 2019).
//!
//! Each batch solves
//!
//! ```text
//! max_π E[A(s, a)]   with   E[KL(π ‖ π_old)] ≤ ε   and   H(π) ≥ H(π_old) − β
//! ```
//!
//! where the advantage is replaced by its compatible approximation `wᵀ∇_θ ln π_old(a|s)`. Its best w is the natural gradient: here
//! (F + damping·I)⁻¹∇L, by TRPO's conjugate gradient on exact Fisher-vector products. The solution is
//! `π ∝ π_old^(η/(η+ω)) exp(A/(η+ω))`. A Gaussian is log-linear in its precision and its last layer, of which natural parameters
//! move to `(η·old + w)/(η + ω)`:
//!
//! - the variances to `σ² (η + ω)/(η − 2x_ℓ)`, exactly,
//! - the last layer's weights by `x/(η − 2x_ℓ)`,
//! - all below, in which it is not log-linear, by `x/η`.
//!
//! η and ω are the multipliers with which both constraints hold (`multipliers.rs`), the mean's change taken to first order. The
//! KL is then measured: where it is above ε, or nothing was gained, η grows and ω with it, until both are right; the entropy's
//! constraint holds at every trial by itself.

pub(crate) mod config;
mod multipliers;

use wr2l_nn::Policy;
use wr2l_sim::{ActionSpace, SimSpec};

use crate::copos::multipliers::{Multipliers, Shape};
use crate::trpo::scratch::CHUNK;
use crate::trpo::{Step, Stepped};
use crate::{
    Actor, CoposConfig, Experience, Improvement, Learner, RlError, Skip, Start, State, StateError, Trpo,
};

/// The COPOS learner: everything but the step is [`Trpo`]'s.
#[derive(Debug)]
pub struct Copos {
    config: CoposConfig,
    trpo: Trpo,
}

impl Copos {
    /// A learner with freshly initialised networks for a task with these shapes and `dim` dynamics parameters, whose policy and
    /// critic see a history of `frames` frames besides the observation.
    ///
    /// # Errors
    /// [`RlError::Option`] for a senseless option, or more frames than [`History::MOST`](crate::History::MOST);
    /// [`RlError::Actions`] for a task whose actions are choices.
    pub fn with_history(
        config: CoposConfig,
        spec: &SimSpec,
        dim: usize,
        frames: usize,
        seed: u64,
    ) -> Result<Self, RlError> {
        config.validate()?;
        if let ActionSpace::Discrete { .. } = spec.actions {
            return Err(RlError::Actions { learner: "copos" });
        }
        let mut trpo = Trpo::with_history(config.of_trpo(), spec, dim, frames, seed)?;
        trpo.called = ("copos", "needs `copos.episodes`");
        Ok(Self { config, trpo })
    }

    /// The options.
    pub fn config(&self) -> &CoposConfig {
        &self.config
    }
}

/// The share of ε that the multipliers aim at: parameters are f32, and what is measured must not be above it by rounding.
const AIM: f64 = 0.999;

/// The step within both constraints.
fn step(trpo: &mut Trpo, entropy_fall: f64) -> Step {
    let (direction, norm) = trpo.direction();
    let x = match direction {
        Ok(x) => x,
        Err(skip) => return (Err(skip), norm),
    };
    let shape = shape(trpo, &x);
    let Some(Multipliers { mut eta, .. }) = shape.multipliers(AIM * trpo.config.kl, entropy_fall) else {
        return (Err(Skip::NoCurvature), norm);
    };
    let old = trpo.actor.params().to_vec();
    for trials in 1..=trpo.config.line_search_steps {
        let omega = shape.omega(eta, entropy_fall);
        let params = moved(trpo.actor.policy(), &old, &x, Multipliers { eta, omega });
        let Trpo { scratch, samples, actor, config, .. } = trpo;
        let mut trial = scratch.trial(actor.policy(), &old, &params, samples);
        trial.kl = scratch.kl_back(actor.policy(), &old, &params, samples);
        // A comparison with NaN is false: what is not finite is never accepted.
        if trial.gain > 0.0 && trial.kl <= config.kl && params.iter().all(|p| p.is_finite()) {
            return (Ok(Stepped { params, trial, trials }), norm);
        }
        eta /= config.shrink;
    }
    (Err(Skip::NoProgress), norm)
}

/// The direction x as the constraints see it.
fn shape(trpo: &mut Trpo, x: &[f64]) -> Shape {
    let Trpo { scratch, samples, actor, .. } = trpo;
    let (policy, params) = (actor.policy(), actor.params());
    let outputs = policy.mlp().outputs();
    let along: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    let mut squares = vec![0.0; outputs];
    for rows in samples.valid.chunks(CHUNK) {
        scratch.gather(policy, samples, rows);
        for change in scratch.mean_changes(policy, params, &along).chunks_exact(outputs) {
            squares.iter_mut().zip(change).for_each(|(sum, d)| *sum += f64::from(*d) * f64::from(*d));
        }
    }
    let n = samples.valid.len() as f64;
    let variances = policy.log_std(params).iter().map(|l| (2.0 * f64::from(*l)).exp());
    Shape {
        log_std: x[policy.network().parameters()..].to_vec(),
        hidden: policy.mlp().sizes().len() > 2,
        moved: squares.iter().zip(variances).map(|(sum, variance)| sum / n / variance).collect(),
    }
}

/// The parameters after a step along x.
fn moved(policy: &Policy, old: &[f32], x: &[f64], Multipliers { eta, omega }: Multipliers) -> Vec<f32> {
    let mlp = policy.mlp();
    let (outputs, sizes) = (mlp.outputs(), mlp.sizes());
    let width = sizes[sizes.len() - 2];
    let log_stds = policy.network().parameters();
    let biases = log_stds - outputs;
    let weights = biases - outputs * width;
    let precision = |output: usize| eta - 2.0 * x[log_stds + output];
    let new = |i: usize| {
        let old = f64::from(old[i]);
        if i < weights {
            old + x[i] / eta
        } else if i < biases {
            old + x[i] / precision((i - weights) / width)
        } else if i < log_stds {
            old + x[i] / precision(i - biases)
        } else {
            old + 0.5 * ((eta + omega) / precision(i - log_stds)).ln()
        }
    };
    (0..old.len()).map(|i| new(i) as f32).collect()
}

impl Learner for Copos {
    fn improve(&mut self, experience: Experience<'_>) -> Result<Improvement, RlError> {
        let fall = self.config.entropy_fall;
        self.trpo.improve_by(experience, |trpo| step(trpo, fall))
    }

    fn begin_with(&mut self, start: &Start<'_>) -> Result<(), RlError> {
        self.trpo.begin_with(start)
    }

    fn take_over(&mut self, learnt: &mut State<'_>) -> Result<(), StateError> {
        self.trpo.take_over(learnt)
    }

    fn actor(&self) -> &Actor {
        self.trpo.actor()
    }

    fn transitions(&self) -> usize {
        self.trpo.transitions()
    }

    fn save<'a>(&'a self, state: &mut State<'a>) {
        self.trpo.save(state);
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        self.trpo.restore(state)
    }
}

#[cfg(test)]
mod tests;
