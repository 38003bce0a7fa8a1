//! The two players of a run, as the plan names them: the learner and the adversary.

use wr2l_rl::{Ddpg, Executor, History, Learner, Ppo, State, Trpo};
use wr2l_robust::adversary::{
    Action, Boundary, Cvar, Force, Nominal, Population, Tail, Uniform, Wasserstein,
};
use wr2l_robust::ball::Ball;
use wr2l_robust::{Adversary, BallEstimate};
use wr2l_sim::Simulator;

use crate::error::RunError;
use crate::formats::ball_file::{BallSummary, make_ball};
use crate::formats::files::is_too_deep;
use crate::plan::{AdversaryKind, AdversaryPlan, LearnerKind, Plan};

/// A learner freshly made by the plan.
pub(crate) fn learner(plan: &Plan, simulator: &Simulator) -> Result<Box<dyn Learner>, RunError> {
    let (spec, dim, frames) = (simulator.spec(), simulator.space().dim(), plan.policy.history);
    Ok(match plan.learner {
        LearnerKind::Ppo => Box::new(Ppo::with_history(plan.ppo.clone(), spec, dim, frames, plan.seed)?),
        LearnerKind::Trpo => Box::new(Trpo::with_history(plan.trpo.clone(), spec, dim, frames, plan.seed)?),
        LearnerKind::Ddpg => Box::new(Ddpg::with_history(plan.ddpg.clone(), spec, dim, frames, plan.seed)?),
        LearnerKind::Td3 => Box::new(Ddpg::with_history(plan.td3.clone(), spec, dim, frames, plan.seed)?),
    })
}

/// The adversary, unless it is `nominal`, with what it knows of the ball that it plays in, if it does.
#[derive(Debug)]
pub(crate) struct Opponent {
    pub(crate) adversary: Box<dyn Adversary>,
    /// The estimate that the ball was made of, as TOML: what a checkpoint keeps, so that H₀ is estimated once.
    pub(crate) estimate: Option<String>,
}

/// Name of the estimate in a checkpoint.
pub(crate) const ESTIMATE: &str = "ball.estimate";

impl Opponent {
    /// Estimates the ball and makes the adversary. Also what the ball means, and the simulator steps that H₀ took.
    pub(crate) fn start(
        plan: &Plan,
        executor: &mut dyn Executor,
    ) -> Result<(Self, Option<BallSummary>, u64), RunError> {
        if !plan.adversary.kind.needs_ball() {
            return Ok((Self::without_ball(plan, executor)?, None, 0));
        }
        let (estimate, ball) = make_ball(plan, executor)?;
        let steps = estimate.pairs.simulator_steps + estimate.hessian.simulator_steps;
        let summary = BallSummary::new(&plan.ball, &estimate, &ball, executor)?;
        Ok((Self::new(plan, executor, estimate, ball)?, Some(summary), steps))
    }

    /// Makes the adversary on the estimate in a checkpoint, and gives it its own state back.
    pub(crate) fn restore(
        plan: &Plan,
        executor: &dyn Executor,
        state: &mut State<'_>,
    ) -> Result<Self, RestoreError> {
        if !plan.adversary.kind.needs_ball() {
            let mut opponent = Self::without_ball(plan, executor)?;
            state.within("adversary", |state| opponent.adversary.restore(state))?;
            return Ok(opponent);
        }
        let text = state.take_any::<u8>(ESTIMATE)?;
        let unusable = |error: &dyn std::fmt::Display| state.unusable(ESTIMATE, error);
        let text = String::from_utf8(text).map_err(|error| unusable(&error))?;
        if is_too_deep(&text) {
            return Err(unusable(&"it is nested too deep").into());
        }
        let estimate: BallEstimate = toml::from_str(&text).map_err(|error| unusable(&error.message()))?;
        estimate.check(executor.space(), executor.spec()).map_err(|error| unusable(&error))?;
        let ball = estimate.ball(executor.space(), &plan.ball).map_err(|error| unusable(&error))?;
        let mut opponent = Self::new(plan, executor, estimate, ball)?;
        state.within("adversary", |state| opponent.adversary.restore(state))?;
        Ok(opponent)
    }

    fn without_ball(plan: &Plan, executor: &dyn Executor) -> Result<Self, RunError> {
        let AdversaryPlan { kind, action, force, .. } = &plan.adversary;
        let (spec, dim) = (executor.spec(), executor.space().dim());
        let adversary: Box<dyn Adversary> = match kind {
            AdversaryKind::Action => Box::new(Action::new(*action)?),
            AdversaryKind::Force => {
                let agents = History::of(spec, plan.policy.history)?;
                Box::new(Force::new(force.clone(), spec, dim, plan.seed)?.facing(agents))
            }
            AdversaryKind::Nominal => Box::new(Nominal),
            // Made with a ball.
            AdversaryKind::Uniform
            | AdversaryKind::Boundary
            | AdversaryKind::Wasserstein
            | AdversaryKind::Population
            | AdversaryKind::Tail
            | AdversaryKind::Cvar => return Err(misplaced(*kind)),
        };
        Ok(Self { adversary, estimate: None })
    }

    fn new(
        plan: &Plan,
        executor: &dyn Executor,
        estimate: BallEstimate,
        ball: Ball,
    ) -> Result<Self, RunError> {
        let text = toml::to_string(&estimate).map_err(|error| RunError::Usage(error.to_string()))?;
        let config = plan.adversary.config();
        let uniform = |ball| {
            let bounds = plan.adversary.region.bounds(executor.space());
            let bounds = bounds.map_err(|bad| RunError::Usage(format!("{}: {}", bad.option, bad.reason)))?;
            Ok::<_, RunError>(Uniform::new(ball, config)?.measured_by(&estimate).within(bounds))
        };
        let adversary: Box<dyn Adversary> = match plan.adversary.kind {
            AdversaryKind::Cvar => Box::new(Cvar::new(uniform(ball)?, plan.adversary.cvar)?),
            AdversaryKind::Uniform => Box::new(uniform(ball)?),
            AdversaryKind::Boundary => Box::new(Boundary::new(estimate, ball, config)?),
            AdversaryKind::Wasserstein => Box::new(Wasserstein::new(estimate, ball, config)?),
            AdversaryKind::Tail => Box::new(Tail::new(estimate, ball, config)?),
            AdversaryKind::Population => Box::new(Population::new(estimate, ball, config)?),
            AdversaryKind::Nominal | AdversaryKind::Action | AdversaryKind::Force => {
                return Err(misplaced(plan.adversary.kind));
            }
        };
        Ok(Self { adversary, estimate: Some(text) })
    }
}

/// An adversary that is not made where it was asked for: it must not pass for one that plays nobody.
fn misplaced(kind: AdversaryKind) -> RunError {
    RunError::Usage(format!("the adversary `{}` does not say whether it plays in the ball", kind.as_str()))
}

/// Why an adversary could not go on from a checkpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// The checkpoint does not fit.
    #[error(transparent)]
    State(#[from] wr2l_rl::StateError),
    /// The plan asks for what cannot be made.
    #[error(transparent)]
    Run(#[from] RunError),
}
