//! Single steps from given states: what the distance between two dynamics is made of (Eq. 7).

use std::ops::Range;

use thiserror::Error;
use wr2l_sim::{BatchSim, Outcome, SimError};

/// State–action pairs to step from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepsFrom<'a> {
    /// Full physical states, qpos then qvel (`[len, state_dim]`).
    pub states: &'a [f64],
    /// Actions (`[len, act_dim]`).
    pub actions: &'a [f64],
    /// Number of pairs.
    pub len: usize,
    /// Number of the first of them, which its noise is drawn by; the others follow. 0 unless they are a part of more
    /// pairs, the others of which are with somebody else.
    pub first: usize,
}

/// Why steps were not simulated to their end.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum TransitionError {
    /// Dynamics or states were refused, or the work interrupted.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// A step broke down.
    #[error("the step from state–action pair {pair} under the dynamics of row {row} ended as {outcome:?}")]
    Diverged {
        /// Row of the dynamics.
        row: usize,
        /// Number of the pair.
        pair: usize,
        /// How it ended.
        outcome: Outcome,
    },
}

/// Next states (`[range, state_dim]`) of the pairs in `range` under the physical dynamics `phi`, of row `row`, as many
/// lanes at a time as there are.
pub(super) fn run(
    sim: &mut dyn BatchSim,
    row: usize,
    phi: &[f64],
    from: StepsFrom<'_>,
    range: Range<usize>,
) -> Result<Vec<f64>, TransitionError> {
    let (lanes, state_dim, act_dim) = (sim.lanes(), sim.spec().state_dim(), sim.spec().act_dim());
    let used = lanes.min(range.len());
    for lane in 0..used {
        sim.set_dynamics(lane, phi)?;
    }
    let mut next = vec![0.0; range.len() * state_dim];
    let mut actions = vec![0.0; lanes * act_dim];
    let mut active = vec![false; lanes];
    let (mut rewards, mut outcomes) = (vec![0.0; lanes], vec![Outcome::Running; lanes]);
    for first in range.clone().step_by(lanes) {
        let here = lanes.min(range.end - first);
        active.fill(false);
        active[..here].fill(true);
        actions[..here * act_dim].copy_from_slice(&from.actions[first * act_dim..][..here * act_dim]);
        let states = &from.states[first * state_dim..][..here * state_dim];
        let noise = (from.first + first) as u64;
        sim.step_from(states, noise, &actions, &active, &mut rewards, &mut outcomes)?;
        for lane in 0..here {
            let pair = first + lane;
            if let outcome @ Outcome::Diverged(_) = outcomes[lane] {
                return Err(TransitionError::Diverged { row, pair: from.first + pair, outcome });
            }
            sim.state(lane, &mut next[(pair - range.start) * state_dim..][..state_dim]);
        }
    }
    Ok(next)
}
