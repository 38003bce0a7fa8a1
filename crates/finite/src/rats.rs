//! Risk-averse tree search (RATS; Lecarpentier & Rachelson 2019): planning in a process that changes at a bounded rate, by
//! minimax over every way in which it may.
//!
//! At epoch t the snapshot p_t is known, and of the future only that it drifts no faster than L: `W₁(p_t, p_{t+k}) ≤ Lk` for every
//! state and action, on the ground metric, and `|r_t − r_{t+k}| ≤ L_r k`. So the tree below the present has
//!
//! ```text
//! V_k(s) = max_a min { r − L_r k + Σ q(s') (arrival(s') + γ V_{k+1}(s')) :  W₁(q, p_t(· | s, a)) ≤ Lk }
//! ```
//!
//! at depth k, and a guess at its leaves. Every inner problem is solved exactly. It depends on s, a and k alone, so that the tree
//! folds into a table without a change of its values; [`Search::unfolded`] counts what it would have without.

use crate::drifting::best_of;
use crate::error::check_range;
use crate::sets::carry;
use crate::{DriftingMdp, FiniteError, Nominal, robust_values};

/// What leaves of the tree are worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leaf {
    /// Nothing.
    #[default]
    Zero,
    /// What the snapshot's optimal policy earns from there, if nothing changed any more.
    Snapshot,
}

/// The options of the search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rats {
    /// Depth of the tree, in decisions; at least 1.
    pub depth: usize,
    /// L: how far transition probabilities drift in an epoch, in units of the ground metric.
    pub drift: f64,
    /// L_r: how far rewards drift in an epoch.
    pub reward_drift: f64,
    /// What its leaves are worth.
    pub leaf: Leaf,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The first of the best actions.
    pub action: usize,
    /// What it earns against the worst drift.
    pub value: f64,
    /// Inner problems that were solved.
    pub solved: usize,
    /// Inner problems of the tree whose nodes are not shared.
    pub unfolded: f64,
}

/// A table over depths and states, filled as it is asked for.
struct Tree<'a> {
    process: &'a DriftingMdp,
    epoch: usize,
    options: Rats,
    leaf: Vec<f64>,
    /// Action, value and inner problems below, `[depth, n]`.
    nodes: Vec<Option<(usize, f64, f64)>>,
    solved: usize,
}

impl Rats {
    /// Searches from a state at an epoch.
    ///
    /// # Errors
    /// [`FiniteError::Number`] for a depth of 0, rates that are negative or not finite, or a terminal state or one that there is
    /// not.
    pub fn search(&self, process: &DriftingMdp, epoch: usize, state: usize) -> Result<Search, FiniteError> {
        check_range("depth", self.depth as f64, self.depth > 0, "at least 1")?;
        for (what, rate) in [("drift", self.drift), ("reward drift", self.reward_drift)] {
            check_range(what, rate, rate.is_finite() && rate >= 0.0, "finite and not negative")?;
        }
        let mdp = process.snapshot(epoch);
        let n = mdp.states();
        check_range("state", state as f64, state < n && !mdp.is_terminal(state), "one that goes on")?;
        let leaf = match self.leaf {
            Leaf::Zero => vec![0.0; n],
            Leaf::Snapshot => robust_values(mdp, &Nominal, 1e-9)?.values,
        };
        let nodes = vec![None; self.depth * n];
        let mut tree = Tree { process, epoch, options: *self, leaf, nodes, solved: 0 };
        let (action, value, unfolded) = tree.node(0, state);
        Ok(Search { action, value, solved: tree.solved, unfolded })
    }
}

impl Tree<'_> {
    /// The best action in a state `depth` decisions ahead, its value against the worst drift, and the inner problems below.
    fn node(&mut self, depth: usize, state: usize) -> (usize, f64, f64) {
        let process = self.process;
        let mdp = process.snapshot(self.epoch);
        let at = depth * mdp.states() + state;
        if let Some(known) = self.nodes[at] {
            return known;
        }
        let Rats { drift, reward_drift, .. } = self.options;
        let mut unfolded = 0.0;
        let actions: Vec<f64> = (0..mdp.actions())
            .map(|action| {
                let (reach, costs) = process.reach(state, action);
                let worth: Vec<f64> = reach
                    .iter()
                    .map(|&next| {
                        let (later, below) = self.below(depth + 1, next);
                        unfolded += below;
                        mdp.arrival()[next] + mdp.discount() * later
                    })
                    .collect();
                let row = mdp.row(state, action);
                let p: Vec<f64> = reach.iter().map(|&next| row[next]).collect();
                let mut worst = vec![0.0; reach.len()];
                self.solved += 1;
                unfolded += 1.0;
                mdp.reward(state, action) - reward_drift * depth as f64
                    + carry(drift * depth as f64, costs, &p, &worth, &mut worst)
            })
            .collect();
        let (action, value) = best_of(actions.into_iter());
        self.nodes[at] = Some((action, value, unfolded));
        (action, value, unfolded)
    }

    /// What a state `depth` decisions ahead is worth, and the inner problems below it.
    fn below(&mut self, depth: usize, state: usize) -> (f64, f64) {
        if self.process.snapshot(self.epoch).is_terminal(state) {
            return (0.0, 0.0);
        }
        if depth == self.options.depth {
            return (self.leaf[state], 0.0);
        }
        let (_, value, below) = self.node(depth, state);
        (value, below)
    }
}
