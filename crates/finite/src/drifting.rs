//! Decision processes that change while an episode runs.

use wr2l_robust::transport::discrete;

use crate::error::check_range;
use crate::mdp::dot;
use crate::{FiniteError, FiniteMdp};

/// A non-stationary process (Lecarpentier & Rachelson 2019): a snapshot for every decision epoch, of which the last stays.
#[derive(Clone, Debug)]
pub struct DriftingMdp {
    snapshots: Vec<FiniteMdp>,
    /// States that an action can lead to at any time, as far as is known, for each state and action.
    reach: Vec<Vec<usize>>,
    /// Distances between them, `[reach, reach]`.
    costs: Vec<Vec<f64>>,
}

/// How returns are distributed: each possible return with its probability, the lowest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Returns(pub Vec<(f64, f64)>);

impl DriftingMdp {
    /// The process with these snapshots, which have the same states, actions, places, terminal states and discount.
    ///
    /// # Errors
    /// [`FiniteError::Number`] without a snapshot, or for one that differs in more than probabilities and rewards.
    pub fn new(snapshots: Vec<FiniteMdp>) -> Result<Self, FiniteError> {
        check_range("snapshots", snapshots.len() as f64, !snapshots.is_empty(), "at least 1")?;
        let first = &snapshots[0];
        let (n, m) = (first.states(), first.actions());
        for (t, mdp) in snapshots.iter().enumerate() {
            let same = (mdp.states(), mdp.actions(), mdp.discount()) == (n, m, first.discount())
                && mdp.position_dim() == first.position_dim()
                && (0..n).all(|s| {
                    mdp.position(s) == first.position(s) && mdp.is_terminal(s) == first.is_terminal(s)
                });
            check_range("snapshot", t as f64, same, "like the first in all but probabilities and rewards")?;
        }
        let possible = |row: usize, next: usize| {
            snapshots.iter().any(|mdp| !mdp.is_terminal(row / m) && mdp.row(row / m, row % m)[next] > 0.0)
        };
        let reach: Vec<Vec<usize>> =
            (0..n * m).map(|row| (0..n).filter(|&next| possible(row, next)).collect()).collect();
        let costs = distances(first, &reach);
        Ok(Self { snapshots, reach, costs })
    }

    /// The same where it is known that an action can lead to no other states than these, for each state and action (`[n · m]`
    /// lists): what it is told of the future. Without, it is the states that it does lead to at some time.
    ///
    /// # Errors
    /// [`FiniteError::Shape`] for another number of lists; [`FiniteError::Number`] where one lacks a state that has a probability at
    /// some time, or names one that there is not.
    pub fn with_reach(self, reach: Vec<Vec<usize>>) -> Result<Self, FiniteError> {
        let (n, got) = (self.snapshots[0].states(), reach.len());
        if got != self.reach.len() {
            return Err(FiniteError::Shape { what: "reach", expected: self.reach.len(), got });
        }
        let m = self.snapshots[0].actions();
        for (row, states) in
            reach.iter().enumerate().filter(|(row, _)| !self.snapshots[0].is_terminal(row / m))
        {
            let known = states.iter().all(|&next| next < n);
            let holds = known && self.reach[row].iter().all(|next| states.contains(next));
            check_range(
                "reach",
                row as f64,
                holds,
                "states of the process, those with a probability among them",
            )?;
        }
        let costs = distances(&self.snapshots[0], &reach);
        Ok(Self { reach, costs, ..self })
    }

    /// The process as it is at an epoch.
    pub fn snapshot(&self, epoch: usize) -> &FiniteMdp {
        &self.snapshots[epoch.min(self.snapshots.len() - 1)]
    }

    /// Number of snapshots.
    pub fn epochs(&self) -> usize {
        self.snapshots.len()
    }

    /// The states that an action can lead to at any time, and the distances between them (`[k, k]`).
    pub(crate) fn reach(&self, state: usize, action: usize) -> (&[usize], &[f64]) {
        let row = state * self.snapshots[0].actions() + action;
        (&self.reach[row], &self.costs[row])
    }

    /// The smallest L with `W₁(p_t(· | s, a), p_{t+1}(· | s, a)) ≤ L` for all t, s and a, by exact transport on the ground metric.
    ///
    /// # Errors
    /// [`FiniteError::Text`] where a transport fails, which distributions never cause.
    pub fn lipschitz(&self) -> Result<f64, FiniteError> {
        let mut largest = 0.0_f64;
        for pair in self.snapshots.windows(2) {
            for s in (0..pair[0].states()).filter(|&s| !pair[0].is_terminal(s)) {
                for a in 0..pair[0].actions() {
                    let (reach, costs) = self.reach(s, a);
                    let [p, q] = [&pair[0], &pair[1]]
                        .map(|mdp| reach.iter().map(|&next| mdp.row(s, a)[next]).collect::<Vec<f64>>());
                    if p != q {
                        let moved = discrete(&p, &q, costs).map_err(|e| FiniteError::Text(e.to_string()))?;
                        largest = largest.max(moved);
                    }
                }
            }
        }
        Ok(largest)
    }

    /// The best that can be had in `horizon` epochs by who knows how the process changes, for each epoch and state (`[horizon, n]`):
    /// the action. Backward induction.
    pub fn optimal_choices(&self, horizon: usize) -> Vec<Vec<usize>> {
        let mut values = vec![0.0; self.snapshots[0].states()];
        let mut choices = Vec::new();
        for epoch in (0..horizon).rev() {
            let mdp = self.snapshot(epoch);
            let mut worth = values.clone();
            mdp.worth(&values, &mut worth);
            let best: Vec<usize> = (0..mdp.states())
                .map(|s| best_of((0..mdp.actions()).map(|a| mdp.reward(s, a) + dot(mdp.row(s, a), &worth))).0)
                .collect();
            for (s, value) in values.iter_mut().enumerate() {
                let earned = mdp.reward(s, best[s]) + dot(mdp.row(s, best[s]), &worth);
                *value = if mdp.is_terminal(s) { 0.0 } else { earned };
            }
            choices.push(best);
        }
        choices.reverse();
        choices
    }

    /// The distribution of the discounted return of `horizon` epochs where `choose` gives the action for an epoch and a state,
    /// computed and not sampled. Equal returns are joined.
    pub fn returns(&self, horizon: usize, mut choose: impl FnMut(usize, usize) -> usize) -> Returns {
        let mdp = &self.snapshots[0];
        // Probability of being in a state with so much earned; returns are told apart by their bits.
        let start = mdp.start().iter().enumerate().filter(|(_, p)| **p > 0.0);
        let mut alive: Vec<(usize, f64, f64)> = start.map(|(s, p)| (s, 0.0, *p)).collect();
        let mut done: Vec<(f64, f64)> = Vec::new();
        let mut discount = 1.0;
        for epoch in 0..horizon {
            let mdp = self.snapshot(epoch);
            let mut next: Vec<(usize, f64, f64)> = Vec::new();
            for (s, earned, chance) in alive {
                if mdp.is_terminal(s) {
                    done.push((earned, chance));
                    continue;
                }
                let a = choose(epoch, s);
                for (to, &p) in mdp.row(s, a).iter().enumerate().filter(|(_, p)| **p > 0.0) {
                    next.push((to, earned + discount * (mdp.reward(s, a) + mdp.arrival()[to]), chance * p));
                }
            }
            next.sort_by_key(|at| (at.0, at.1.to_bits()));
            next.dedup_by(|later, kept| {
                let same = (later.0, later.1.to_bits()) == (kept.0, kept.1.to_bits());
                kept.2 += if same { later.2 } else { 0.0 };
                same
            });
            alive = next;
            discount *= mdp.discount();
        }
        done.extend(alive.into_iter().map(|(_, earned, chance)| (earned, chance)));
        done.sort_by(|x, y| x.0.total_cmp(&y.0));
        done.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            kept.1 += if same { later.1 } else { 0.0 };
            same
        });
        Returns(done)
    }
}

/// The distances between the states of each list.
fn distances(mdp: &FiniteMdp, reach: &[Vec<usize>]) -> Vec<Vec<f64>> {
    let (n, squared) = (mdp.states(), mdp.squared_distances());
    let of = |states: &Vec<usize>| {
        states
            .iter()
            .flat_map(|&i| states.iter().map(move |&j| (i, j)))
            .map(|(i, j)| squared[i * n + j].sqrt())
            .collect()
    };
    reach.iter().map(of).collect()
}

/// The first of the largest numbers, and that number.
pub(crate) fn best_of(values: impl Iterator<Item = f64>) -> (usize, f64) {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, value) in values.enumerate() {
        if value > best.1 {
            best = (i, value);
        }
    }
    best
}

impl Returns {
    /// The mean.
    pub fn mean(&self) -> f64 {
        self.0.iter().map(|(value, chance)| value * chance).sum()
    }

    /// The mean of the worst `share` in (0, 1] (the conditional value at risk).
    pub fn cvar(&self, share: f64) -> f64 {
        let (mut left, mut sum) = (share, 0.0);
        for (value, chance) in &self.0 {
            let taken = chance.min(left);
            sum += taken * value;
            left -= taken;
        }
        sum / (share - left)
    }
}
