//! How far dynamics are from those of a body that moves.

use wr2l_rl::{Executor, StepsFrom};
use wr2l_robust::Pairs;

use crate::LearnedError;

/// Which velocities a simulator moves its positions with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrator {
    /// Those before the step: `q' = q + dt·v`, as the cart-pole's.
    Explicit,
    /// Those after it: `q' = q + dt·v'`.
    SemiImplicit,
}

/// What positions do that no velocity accounts for. All of it is 0, up to rounding, for a simulator with that integrator,
/// whatever its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// Root mean square of `Δq − dt·v` for each position (`[nq]`), in its unit.
    pub rms: Vec<f64>,
    /// The same from the same pairs at rest, per second (`[nq]`): how fast a position moves without a velocity.
    pub at_rest: Vec<f64>,
    /// Root mean square of `dt·v` (`[nq]`), by how much positions move in a step.
    pub movement: Vec<f64>,
}

/// The violation of the dynamics z (`[d]`) of `executor` over `pairs`, of a task with as many positions as velocities.
///
/// # Errors
/// [`LearnedError::Shape`] for a task with other positions than velocities; [`LearnedError::Transition`] for a step that breaks
/// down.
pub fn violation(
    executor: &mut dyn Executor,
    z: &[f64],
    pairs: &Pairs,
    integrator: Integrator,
) -> Result<Violation, LearnedError> {
    let (nq, nv, dt) = (executor.spec().nq, executor.spec().nv, executor.spec().dt);
    if nq != nv {
        return Err(LearnedError::Shape { what: "velocities", expected: nq, got: nv });
    }
    let mut at_rest = pairs.states.clone();
    for state in at_rest.chunks_exact_mut(2 * nq) {
        state[nq..].fill(0.0);
    }
    let mut next = vec![0.0; pairs.states.len()];
    let mut rms = |states: &[f64]| -> Result<(Vec<f64>, Vec<f64>), LearnedError> {
        let from = StepsFrom { states, ..pairs.steps() };
        executor.transitions(z, from, &mut next)?;
        let (mut unexplained, mut movement) = (vec![0.0; nq], vec![0.0; nq]);
        for (from, to) in states.chunks_exact(2 * nq).zip(next.chunks_exact(2 * nq)) {
            let velocities = if integrator == Integrator::Explicit { &from[nq..] } else { &to[nq..] };
            for i in 0..nq {
                let moved = dt * velocities[i];
                unexplained[i] += (to[i] - from[i] - moved).powi(2);
                movement[i] += moved * moved;
            }
        }
        let root = |sums: Vec<f64>| sums.iter().map(|s| (s / pairs.len as f64).sqrt()).collect();
        Ok((root(unexplained), root(movement)))
    };
    let (of_pairs, movement) = rms(&pairs.states)?;
    let at_rest = rms(&at_rest)?.0.iter().map(|v| v / dt).collect();
    Ok(Violation { rms: of_pairs, at_rest, movement })
}
