//! Transitions of a known system.

use wr2l_rl::Executor;
use wr2l_robust::Pairs;

use crate::LearnedError;
use crate::error::check;

/// States, actions and the states that followed under the reference dynamics, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Transitions {
    /// Full physical states, qpos then qvel (`[len, state_dim]`).
    pub states: Vec<f64>,
    /// Actions (`[len, act_dim]`).
    pub actions: Vec<f64>,
    /// Next states (`[len, state_dim]`).
    pub next: Vec<f64>,
    /// Number of transitions.
    pub len: usize,
}

impl Transitions {
    /// What follows from `pairs` under the reference dynamics of `executor`.
    ///
    /// # Errors
    /// [`LearnedError::Transition`] for a step that breaks down.
    pub fn simulate(executor: &mut dyn Executor, pairs: &Pairs) -> Result<Self, LearnedError> {
        let mut next = vec![0.0; pairs.states.len()];
        executor.transitions(&vec![0.0; executor.space().dim()], pairs.steps(), &mut next)?;
        let (states, actions) = (pairs.states.clone(), pairs.actions.clone());
        Ok(Self { states, actions, next, len: pairs.len })
    }

    /// Checks the lengths and numbers.
    pub(crate) fn check(&self, state_dim: usize, act_dim: usize) -> Result<(), LearnedError> {
        if self.len == 0 {
            return Err(LearnedError::Shape { what: "transitions", expected: 1, got: 0 });
        }
        check("states", &self.states, self.len * state_dim)?;
        check("actions", &self.actions, self.len * act_dim)?;
        check("next states", &self.next, self.len * state_dim)
    }
}

/// Mean and standard deviation of every column of `rows` (`[n, dim]`); a column that does not vary has deviation 1.
pub(crate) fn moments(rows: &[f64], dim: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (rows.len() / dim) as f64;
    let column = |i: usize| rows.iter().skip(i).step_by(dim);
    let means: Vec<f64> = (0..dim).map(|i| column(i).sum::<f64>() / n).collect();
    let deviation = |i: usize| (column(i).map(|v| (v - means[i]).powi(2)).sum::<f64>() / n).sqrt();
    let deviations = (0..dim).map(|i| match deviation(i) {
        d if d > 1e-12 => d,
        _ => 1.0,
    });
    (means.clone(), deviations.collect())
}
