//! How long a session trains.

/// How long a session trains, and how often the adversary moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Seed of everything random.
    pub seed: u64,
    /// Policy steps to train for, at least 1; the last iteration may go beyond.
    pub steps: u64,
    /// Stop once the policy's entropy, in nats, falls below this; −∞ for never.
    pub entropy_below: f64,
    /// Policy steps between two turns of the adversary, at least 1.
    pub every: u64,
    /// Probability that chance acts instead of the agent, in [0, 1): see
    /// [`AdversaryPlan::random_actions`](crate::AdversaryPlan::random_actions).
    pub random_actions: f64,
}

impl Budget {
    /// So many steps, keyed by `seed`, with a turn of the adversary every 10,000.
    pub fn new(seed: u64, steps: u64) -> Self {
        Self {
            seed,
            steps: steps.max(1),
            entropy_below: f64::NEG_INFINITY,
            every: 10_000,
            random_actions: 0.0,
        }
    }
}
