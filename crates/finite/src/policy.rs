//! Policies as tables.

use wr2l_rl::Actor;
use wr2l_sim::ActionSpace;

use crate::error::check;
use crate::mdp::check_row;
use crate::{FiniteError, FiniteMdp};

/// π(a | s), for every state.
///
/// A network without hidden layers over the simulator's observations, which are one-hot, is a tabular softmax policy: so a
/// learner has one with `hidden = []`, and [`TabularPolicy::of_actor`] reads off any network's table.
#[derive(Clone, Debug, PartialEq)]
pub struct TabularPolicy {
    actions: usize,
    probabilities: Vec<f64>,
}

impl TabularPolicy {
    /// The policy with these probabilities, `[states, actions]`.
    ///
    /// # Errors
    /// [`FiniteError::Shape`]; [`FiniteError::Row`] for a state (and action 0) without a distribution.
    pub fn new(mdp: &FiniteMdp, probabilities: Vec<f64>) -> Result<Self, FiniteError> {
        let (n, actions) = (mdp.states(), mdp.actions());
        check("policy", &probabilities, n * actions)?;
        for (state, row) in probabilities.chunks_exact(actions).enumerate() {
            check_row(row, state, 0)?;
        }
        Ok(Self { actions, probabilities })
    }

    /// The policy that takes `choices[s]` in state s.
    ///
    /// # Errors
    /// [`FiniteError::Shape`]; [`FiniteError::Number`] for an action that there is not.
    pub fn deterministic(mdp: &FiniteMdp, choices: &[usize]) -> Result<Self, FiniteError> {
        let (n, actions) = (mdp.states(), mdp.actions());
        if choices.len() != n {
            return Err(FiniteError::Shape { what: "policy", expected: n, got: choices.len() });
        }
        let mut probabilities = vec![0.0; n * actions];
        for (s, &a) in choices.iter().enumerate() {
            if a >= actions {
                return Err(FiniteError::Number {
                    what: "action",
                    value: a as f64,
                    valid: "one of the process",
                });
            }
            probabilities[s * actions + a] = 1.0;
        }
        Ok(Self { actions, probabilities })
    }

    /// The policy that takes every action with the same probability.
    pub fn uniform(mdp: &FiniteMdp) -> Self {
        let actions = mdp.actions();
        Self { actions, probabilities: vec![1.0 / actions as f64; mdp.states() * actions] }
    }

    /// The table of a network: what it does when shown every state, its most likely action alone if `greedy`.
    ///
    /// # Errors
    /// [`FiniteError::Shape`] for a policy of another process.
    pub fn of_actor(mdp: &FiniteMdp, actor: &Actor, greedy: bool) -> Result<Self, FiniteError> {
        let (n, actions) = (mdp.states(), mdp.actions());
        let choices = match actor.action_space() {
            ActionSpace::Discrete { n } => *n,
            ActionSpace::Continuous { .. } => 0,
        };
        for (what, expected, got) in
            [("observation of the policy", n, actor.input_dim()), ("actions of the policy", actions, choices)]
        {
            if expected != got {
                return Err(FiniteError::Shape { what, expected, got });
            }
        }
        let (policy, params) = (actor.policy(), actor.params());
        let mut cache = policy.cache(1);
        let (mut raw, mut input) = (vec![0.0; n], vec![0.0; n]);
        let mut probabilities = Vec::with_capacity(n * actions);
        for s in 0..n {
            raw.fill(0.0);
            raw[s] = 1.0;
            actor.normaliser().apply(&raw, &mut input);
            policy.forward(params, &input, &mut cache);
            probabilities.extend(softmax(cache.outputs(), greedy));
        }
        Ok(Self { actions, probabilities })
    }

    /// π(· | s), `[actions]`.
    pub fn row(&self, state: usize) -> &[f64] {
        &self.probabilities[state * self.actions..][..self.actions]
    }
}

/// Probabilities of logits; all on the first of the largest if `greedy`.
fn softmax(logits: &[f32], greedy: bool) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if greedy {
        let best = logits.iter().position(|&logit| logit == largest);
        return (0..logits.len()).map(|i| if Some(i) == best { 1.0 } else { 0.0 }).collect();
    }
    let weights: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}
