//! Robust value iteration (Iyengar 2005; Nilim & El Ghaoui 2005), and the plain values of a policy.

use nalgebra::{DMatrix, DVector};

use crate::error::check_range;
use crate::mdp::{dot, row_of};
use crate::{FiniteError, FiniteMdp, RowSet, TabularPolicy};

/// Values under the worst distributions of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct RobustSolution {
    /// V(s), `[n]`, off by at most the tolerance; 0 in terminal states.
    pub values: Vec<f64>,
    /// The best action in each state, `[n]`; the first of equals.
    pub choices: Vec<usize>,
    /// The worst distributions there, `[n, m, n]`.
    pub worst: Vec<f64>,
    /// Sweeps that it took.
    pub sweeps: usize,
}

/// The best that can be had where the worst distributions of `set` follow every action:
/// `V(s) = max_a [r(s, a) + min_q Σ q(s') (arrival(s') + γV(s'))]`.
///
/// The right-hand side contracts by γ, so sweeps end when V is known to `tolerance`.
///
/// # Errors
/// [`FiniteError::Number`] for a tolerance that is not positive.
pub fn robust_values(
    mdp: &FiniteMdp,
    set: &dyn RowSet,
    tolerance: f64,
) -> Result<RobustSolution, FiniteError> {
    iterate(mdp, set, tolerance, |_, backups| {
        let mut best = 0;
        for (a, value) in backups.iter().enumerate() {
            if *value > backups[best] {
                best = a;
            }
        }
        (backups[best], best)
    })
}

/// What `policy` is worth where the worst distributions of `set` follow every action; `choices` are its most likely ones.
///
/// # Errors
/// As [`robust_values`].
///
/// # Panics
/// If the policy is another process's.
pub fn robust_policy_values(
    mdp: &FiniteMdp,
    policy: &TabularPolicy,
    set: &dyn RowSet,
    tolerance: f64,
) -> Result<RobustSolution, FiniteError> {
    iterate(mdp, set, tolerance, |s, backups| {
        let row = policy.row(s);
        assert_eq!(row.len(), backups.len(), "a policy of this process");
        let likely = (1..row.len()).fold(0, |best, a| if row[a] > row[best] { a } else { best });
        (dot(row, backups), likely)
    })
}

/// Sweeps until V is known; `choose` makes the value of a state, and its action, of those of its actions.
fn iterate(
    mdp: &FiniteMdp,
    set: &dyn RowSet,
    tolerance: f64,
    choose: impl Fn(usize, &[f64]) -> (f64, usize),
) -> Result<RobustSolution, FiniteError> {
    check_range("tolerance", tolerance, tolerance.is_finite() && tolerance > 0.0, "positive and finite")?;
    let (n, m, discount) = (mdp.states(), mdp.actions(), mdp.discount());
    let mut solution = RobustSolution {
        values: vec![0.0; n],
        choices: vec![0; n],
        worst: mdp.transitions().to_vec(),
        sweeps: 0,
    };
    let (mut worth, mut backups) = (vec![0.0; n], vec![0.0; m]);
    loop {
        mdp.worth(&solution.values, &mut worth);
        let (mut change, mut largest) = (0.0_f64, 0.0_f64);
        for s in (0..n).filter(|&s| !mdp.is_terminal(s)) {
            for (a, backup) in backups.iter_mut().enumerate() {
                let out = &mut solution.worst[(s * m + a) * n..][..n];
                *backup = mdp.reward(s, a) + set.worst(mdp, s, a, &worth, out);
            }
            let (value, choice) = choose(s, &backups);
            change = change.max((value - solution.values[s]).abs());
            largest = largest.max(value.abs());
            (solution.values[s], solution.choices[s]) = (value, choice);
        }
        solution.sweeps += 1;
        // What is left after a sweep that changed by c is at most γc/(1 − γ); below rounding nothing changes any more.
        let rounding = 4.0 * f64::EPSILON * largest;
        if discount * change <= tolerance * (1.0 - discount) || change <= rounding {
            return Ok(solution);
        }
    }
}

/// V of a policy under given transitions (`[n, m, n]`), from the linear equations it solves.
///
/// # Errors
/// [`FiniteError::Shape`] for a table of another length; [`FiniteError::Number`] if the equations have no solution, which
/// distributions never cause.
///
/// # Panics
/// If the policy is another process's.
pub fn exact_values(
    mdp: &FiniteMdp,
    transitions: &[f64],
    policy: &TabularPolicy,
) -> Result<Vec<f64>, FiniteError> {
    let (n, m) = (mdp.states(), mdp.actions());
    crate::error::check("transitions", transitions, n * m * n)?;
    let mut system = DMatrix::identity(n, n);
    let mut rewards = DVector::zeros(n);
    for s in (0..n).filter(|&s| !mdp.is_terminal(s)) {
        for (a, &chance) in policy.row(s).iter().enumerate() {
            let row = row_of(transitions, n, m, s, a);
            rewards[s] += chance * (mdp.reward(s, a) + dot(row, mdp.arrival()));
            for t in (0..n).filter(|&t| !mdp.is_terminal(t)) {
                system[(s, t)] -= mdp.discount() * chance * row[t];
            }
        }
    }
    let values = system.lu().solve(&rewards);
    let singular = FiniteError::Number { what: "transitions", value: f64::NAN, valid: "distributions" };
    values.map(|values| values.as_slice().to_vec()).ok_or(singular)
}
