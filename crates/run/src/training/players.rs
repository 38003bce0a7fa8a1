//! The two players of a run, as the plan names them: the learner and the adversary.

use wr2l_rl::{Executor, Learner, State};
use wr2l_robust::ball::Ball;
use wr2l_robust::{Adversary, BallEstimate};
use wr2l_sim::Simulator;

use crate::error::RunError;
use crate::formats::ball_file::{BallSummary, make_ball};
use crate::formats::files::is_too_deep;
use crate::formats::policy_file::{PolicyOrigin, VariedParameter};
use crate::plan::Plan;
use crate::players::adversary::Field;

/// A learner freshly made by the plan, with the policy that the plan begins with.
pub(crate) fn learner(plan: &Plan, simulator: &Simulator) -> Result<Box<dyn Learner>, RunError> {
    Ok(plan.new_learner(simulator.spec(), simulator.space())?)
}

/// Where a policy comes from that a run of `plan` has trained for so many steps.
pub(crate) fn origin(plan: &Plan, steps: u64) -> Result<PolicyOrigin, RunError> {
    Ok(PolicyOrigin {
        task: plan.task.to_string(),
        task_hash: plan.task.hash(),
        physics: plan.physics,
        algorithm: plan.method(),
        seed: plan.seed,
        steps,
        steps_before: plan.from.as_ref().map_or(0, |start| start.origin().steps_in_all()),
        varied: VariedParameter::all(&plan.space()?),
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
        if !plan.trains_in_ball() {
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
        if !plan.trains_in_ball() {
            // Version 0.1 estimated a ball where dynamics come from a box, too.
            if state.holds(ESTIMATE) {
                state.take_any::<u8>(ESTIMATE)?;
            }
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
        Ok(Self { adversary: built(plan, executor, None)?, estimate: None })
    }

    fn new(
        plan: &Plan,
        executor: &dyn Executor,
        estimate: BallEstimate,
        ball: Ball,
    ) -> Result<Self, RunError> {
        let text = toml::to_string(&estimate).map_err(|error| RunError::Usage(error.to_string()))?;
        let field = Field { estimate, ball };
        Ok(Self { adversary: built(plan, executor, Some(field))?, estimate: Some(text) })
    }
}

/// The adversary of the plan.
fn built(plan: &Plan, executor: &dyn Executor, ball: Option<Field>) -> Result<Box<dyn Adversary>, RunError> {
    let seat = plan.seat(executor.spec(), executor.space());
    plan.adversary.options().build(&seat, ball)
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
