//! WR²L's adversary over all weights of a learned model.

use std::sync::Arc;

use wr2l_rl::{Actor, Executor, Fixed};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::adversary::{Choice, Report, Turn};
use wr2l_robust::hessian::{Distance, WassersteinDistance};
use wr2l_robust::matrix_free::{
    ConjugateGradients, MatrixFreeBall, MatrixFreeMetric, MatrixFreeReport, MatrixFreeSearch,
};
use wr2l_robust::{Adversary, Objective, Pairs, RobustError, SimulatedReturn, SimulatedTransitions};

use crate::{LearnedError, LearnedModel, WeightJacobian};

/// Conjugate gradients end here: what is left of the residual lies in the least curved directions, and costs the gradient some
/// of its part there.
const TOLERANCE: f64 = 1e-2;
/// Products of H₀ with a vector for one solution at most.
const PRODUCTS: usize = 40;
/// Looks at W along a ray.
const LOOKS: usize = 24;
/// Random points of the boundary that calibrate the second-order ball.
const CALIBRATING: u64 = 5;
/// Rays are followed to so many times the point given.
const FARTHEST: f64 = 16.0;

/// Dynamics on the boundary of the measured ball.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The dynamics (`[d]`).
    pub z: Vec<f64>,
    /// W as the simulator gives it, at most ε.
    pub w: f64,
    /// How far z is along the ray of the point given: 1 where the second-order form was right about it.
    pub share: f64,
}

/// The farthest point found on the ray of `z` (`[d]`) at which the measured W over `pairs` is at most ε (Eq. 8 itself, not its
/// second-order form), within the hard bounds of `executor`'s space and 16 times as far as z at most.
///
/// # Errors
/// [`RobustError::Sim`], those of [`WassersteinDistance`].
pub fn measured(
    executor: &mut dyn Executor,
    pairs: &Pairs,
    epsilon: f64,
    z: &[f64],
) -> Result<Measured, RobustError> {
    let (lower, upper) = (executor.space().lower_z(), executor.space().upper_z());
    let end = z.iter().enumerate().fold(FARTHEST, |end, (i, &z)| match z {
        0.0 => end,
        0.0.. => end.min(upper[i] / z),
        _ => end.min(lower[i] / z),
    });
    let distance = Distance::default();
    let mut model = SimulatedTransitions::new(executor, pairs);
    let mut w = WassersteinDistance::new(&mut model, &distance)?;
    let at = |t: f64| -> Vec<f64> {
        z.iter().enumerate().map(|(i, z)| (t * z).clamp(lower[i], upper[i])).collect()
    };
    let mut look = |t: f64| match w.measure(&at(t)) {
        Err(RobustError::Diverged { .. } | RobustError::NotFinite { .. }) => Ok(f64::INFINITY),
        values => values.map(|values| values[0]),
    };
    let (mut inside, mut outside, mut value) = (0.0, None, 0.0);
    let mut t = end.min(1.0);
    for _ in 0..LOOKS {
        let here = look(t)?;
        if here <= epsilon {
            (inside, value) = (t, here);
            if t >= end {
                break;
            }
        } else {
            outside = Some(t);
        }
        t = outside.map_or((2.0 * t).min(end), |outside| 0.5 * (inside + outside));
    }
    Ok(Measured { z: at(inside), w: value, share: inside })
}

/// The paper's adversary over all weights of a learned model: Phase I in the matrix-free ball of average W₂², with zero-order
/// gradients of the return in the ball's metric, and what it finds moved along its ray to where the measured W is ε.
///
/// The second-order form with its damping is far smaller than the measured ball. So the search moves in the one of radius
/// `ε · share²`, with `share` the median of how far random points of its boundary are from the measured ball's
/// ([`Measured::share`]), by 5 points, once.
#[derive(Clone, Debug)]
pub struct WeightAdversary {
    ball: MatrixFreeBall<WeightJacobian>,
    pairs: Pairs,
    search: MatrixFreeSearch,
    episodes: usize,
    epsilon: f64,
    calibrated: bool,
}

impl WeightAdversary {
    /// Plays in the ball of radius `epsilon` around the fitted weights of `model`, W being measured at `pairs`; the return is
    /// the mean of so many `episodes`, at least 1. `ridge` damps H₀ ([`MatrixFreeMetric::new`]).
    ///
    /// # Errors
    /// [`LearnedError::Shape`], [`LearnedError::Number`] for pairs that are not the model's task's, [`LearnedError::Robust`] for
    /// options without sense.
    pub fn new(
        model: &LearnedModel,
        pairs: &Pairs,
        epsilon: f64,
        ridge: f64,
        search: MatrixFreeSearch,
        episodes: usize,
    ) -> Result<Self, LearnedError> {
        search.validate()?;
        let space = model.space()?;
        let metric = MatrixFreeMetric::new(WeightJacobian::new(model, pairs)?, ridge)?;
        let options = ConjugateGradients { tolerance: TOLERANCE, most_products: PRODUCTS };
        let metric = metric.with_options(options)?;
        let ball = MatrixFreeBall::new(metric, epsilon, space.lower_z(), space.upper_z())?;
        let (pairs, episodes) = (pairs.clone(), episodes.max(1));
        Ok(Self { ball, pairs, search, episodes, epsilon, calibrated: false })
    }

    /// The second-order ball.
    pub fn ball(&mut self) -> &mut MatrixFreeBall<WeightJacobian> {
        &mut self.ball
    }

    /// Phase I against `actor`: what it found in the second-order ball, and where that is in the measured one.
    ///
    /// # Errors
    /// Those of [`MatrixFreeSearch::run`] and [`measured`].
    pub fn attack(
        &mut self,
        actor: &Actor,
        executor: &mut dyn Executor,
        seed: u64,
        turn: u64,
    ) -> Result<(MatrixFreeReport, Measured, u64), RobustError> {
        self.calibrate(executor)?;
        let mut objective = SimulatedReturn::new(executor, actor, self.episodes, 1.0, seed, turn);
        let report = self.search.run(&mut objective, &mut self.ball, seed, turn)?;
        let steps = objective.simulator_steps();
        let measured = measured(executor, &self.pairs, self.epsilon, &report.z)?;
        Ok((report, measured, steps))
    }

    /// Gives the second-order ball the size of the measured one.
    fn calibrate(&mut self, executor: &mut dyn Executor) -> Result<(), RobustError> {
        if self.calibrated {
            return Ok(());
        }
        let (mut z, mut shares) = (vec![0.0; self.ball.dim()], Vec::new());
        for lane in 0..CALIBRATING {
            // The ball is the same for all seeds of a run.
            self.ball.boundary(&mut StreamKey::new(0, Purpose::Starts).lane(lane).stream(), &mut z)?;
            shares.push(measured(executor, &self.pairs, self.epsilon, &z)?.share);
        }
        shares.sort_unstable_by(f64::total_cmp);
        let share = shares[shares.len() / 2].max(1e-3);
        self.ball = self.ball.clone().with_epsilon(self.epsilon * share * share)?;
        self.calibrated = true;
        Ok(())
    }
}

impl Adversary for WeightAdversary {
    fn choose(
        &mut self,
        turn: &Turn<'_>,
        actor: &Actor,
        executor: &mut dyn Executor,
    ) -> Result<Choice, RobustError> {
        let (found, measured, simulator_steps) = self.attack(actor, executor, turn.seed, turn.index)?;
        let report = Report {
            epsilon: Some(self.epsilon),
            reference_value: Some(found.reference_value),
            value: Some(found.value),
            taylor: Some(found.taylor),
            measured: Some(measured.w),
            ..Report::default()
        };
        Ok(Choice { source: Arc::new(Fixed(measured.z)), report, simulator_steps })
    }
}
