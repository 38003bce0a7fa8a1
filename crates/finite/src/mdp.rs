//! The reference: states, actions, transition probabilities, rewards.

use crate::FiniteError;
use crate::error::{check, check_range};

/// How far from 1 the probabilities of a row may add up.
pub(crate) const ROUNDING: f64 = 1e-9;

/// What a [`FiniteMdp`] is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Number of states n.
    pub states: usize,
    /// Number of actions m.
    pub actions: usize,
    /// P₀(s' | s, a), `[n, m, n]`, row-major. Rows of terminal states are never looked at.
    pub transitions: Vec<f64>,
    /// Reward of acting, r(s, a), `[n, m]`.
    pub rewards: Vec<f64>,
    /// Reward of arriving in a state, `[n]`; empty for none.
    pub arrival: Vec<f64>,
    /// Probabilities of the first state, `[n]`.
    pub start: Vec<f64>,
    /// Where episodes end, `[n]`; empty for nowhere. The value of such a state is 0.
    pub terminal: Vec<bool>,
    /// Discount γ per step, in [0, 1).
    pub discount: f64,
    /// Where the states lie, `[n, k]`, each in a place of its own: their Euclidean distance is the ground metric of W₂. Empty
    /// for places that are all 1 apart.
    pub positions: Vec<f64>,
    /// Steps after which an episode of the simulator is cut off; 0 for the first after which the discount is below 1e-3.
    pub episode_limit: u32,
}

/// A finite Markov decision process with discounted rewards.
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteMdp {
    parts: Parts,
}

impl FiniteMdp {
    /// A process with these tables.
    ///
    /// # Errors
    /// [`FiniteError::Shape`], [`FiniteError::Number`]; [`FiniteError::Row`] for probabilities that are negative or do not
    /// add up to 1.
    pub fn new(mut parts: Parts) -> Result<Self, FiniteError> {
        let (n, m) = (parts.states, parts.actions);
        check_range("states", n as f64, n > 0, "at least 1")?;
        check_range("actions", m as f64, m > 0, "at least 1")?;
        let size = n.checked_mul(m).and_then(|rows| rows.checked_mul(n)).unwrap_or(usize::MAX);
        if parts.arrival.is_empty() {
            parts.arrival = vec![0.0; n];
        }
        if parts.terminal.is_empty() {
            parts.terminal = vec![false; n];
        }
        check("transitions", &parts.transitions, size)?;
        check("rewards", &parts.rewards, n * m)?;
        check("arrival", &parts.arrival, n)?;
        check("start", &parts.start, n)?;
        if parts.terminal.len() != n {
            return Err(FiniteError::Shape { what: "terminal", expected: n, got: parts.terminal.len() });
        }
        let discount = parts.discount;
        check_range("discount", discount, (0.0..1.0).contains(&discount), "in [0, 1)")?;
        if parts.positions.is_empty() {
            // Corners of a simplex with edges of length 1.
            parts.positions = (0..n * n).map(|k| if k / n == k % n { 0.5_f64.sqrt() } else { 0.0 }).collect();
        }
        let dim = parts.positions.len() / n;
        check_range("positions", dim as f64, dim > 0, "at least one coordinate a state")?;
        check("positions", &parts.positions, n * dim)?;
        if parts.episode_limit == 0 {
            let steps = if discount > 0.0 { (1e-3_f64.ln() / discount.ln()).ceil() } else { 1.0 };
            parts.episode_limit = steps.clamp(1.0, 1e6) as u32;
        }
        let mdp = Self { parts };
        for s in 0..n {
            for other in 0..s {
                let same = mdp.position(s) == mdp.position(other);
                check_range("positions", s as f64, !same, "another place than that of any state before")?;
            }
            for a in (0..m).filter(|_| !mdp.is_terminal(s)) {
                check_row(mdp.row(s, a), s, a)?;
            }
        }
        check_row(&mdp.parts.start, 0, 0)?;
        Ok(mdp)
    }

    /// Number of states.
    pub fn states(&self) -> usize {
        self.parts.states
    }

    /// Number of actions.
    pub fn actions(&self) -> usize {
        self.parts.actions
    }

    /// P₀(· | s, a), `[n]`.
    pub fn row(&self, state: usize, action: usize) -> &[f64] {
        row_of(&self.parts.transitions, self.states(), self.actions(), state, action)
    }

    /// All of P₀, `[n, m, n]`.
    pub fn transitions(&self) -> &[f64] {
        &self.parts.transitions
    }

    /// r(s, a).
    pub fn reward(&self, state: usize, action: usize) -> f64 {
        self.parts.rewards[state * self.actions() + action]
    }

    /// Reward of arriving, `[n]`.
    pub fn arrival(&self) -> &[f64] {
        &self.parts.arrival
    }

    /// Probabilities of the first state, `[n]`.
    pub fn start(&self) -> &[f64] {
        &self.parts.start
    }

    /// Whether episodes end in a state.
    pub fn is_terminal(&self, state: usize) -> bool {
        self.parts.terminal[state]
    }

    /// γ.
    pub fn discount(&self) -> f64 {
        self.parts.discount
    }

    /// Steps of the simulator's episodes at most.
    pub fn episode_limit(&self) -> u32 {
        self.parts.episode_limit
    }

    /// Coordinates of a state, `[k]`.
    pub fn position(&self, state: usize) -> &[f64] {
        let dim = self.position_dim();
        &self.parts.positions[state * dim..][..dim]
    }

    /// k.
    pub fn position_dim(&self) -> usize {
        self.parts.positions.len() / self.states()
    }

    /// Squared distances between all states, `[n, n]`.
    pub fn squared_distances(&self) -> Vec<f64> {
        let n = self.states();
        let squared = |i: usize, j: usize| {
            self.position(i).iter().zip(self.position(j)).map(|(a, b)| (a - b).powi(2)).sum()
        };
        (0..n * n).map(|k| squared(k / n, k % n)).collect()
    }

    /// The expected value of the first state.
    ///
    /// # Panics
    /// If there is not a value for each state.
    pub fn from_start(&self, values: &[f64]) -> f64 {
        assert_eq!(values.len(), self.states(), "one value a state");
        dot(&self.parts.start, values)
    }

    /// What arriving in each state is worth, `arrival + γV`, into `out`; V counts as 0 in terminal states.
    pub(crate) fn worth(&self, values: &[f64], out: &mut [f64]) {
        for (s, out) in out.iter_mut().enumerate() {
            let later = if self.is_terminal(s) { 0.0 } else { self.discount() * values[s] };
            *out = self.parts.arrival[s] + later;
        }
    }
}

/// A row of a table of transitions.
pub(crate) fn row_of(table: &[f64], n: usize, m: usize, state: usize, action: usize) -> &[f64] {
    &table[(state * m + action) * n..][..n]
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Refuses what is no probability distribution.
pub(crate) fn check_row(row: &[f64], state: usize, action: usize) -> Result<(), FiniteError> {
    if let Some(p) = row.iter().find(|p| !(**p >= -ROUNDING)) {
        return Err(FiniteError::Row { state, action, reason: format!("{p} is no probability") });
    }
    let sum: f64 = row.iter().sum();
    if !((sum - 1.0).abs() <= ROUNDING) {
        let reason = format!("the probabilities add up to {sum}");
        return Err(FiniteError::Row { state, action, reason });
    }
    Ok(())
}
