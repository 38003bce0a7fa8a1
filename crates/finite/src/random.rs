//! Random processes, of the kind known as Garnet, whose states break down.

use wr2l_rng::{Purpose, StreamKey};
use wr2l_sim::Parameter;

use crate::{Effect, Family, FiniteError, FiniteMdp, Parts};

/// A random process (after Archibald, McKinnon & Thomas 1995): every state and action leads to `branches` random states
/// with random probabilities and pays a reward uniform in [0, 1). States lie at random places of the unit square; every one
/// is as likely to be the first. In state 0 there is nothing to earn.
///
/// What varies are `groups` probabilities of a breakdown, 0 in the reference: each is that with which a group of states and
/// actions, drawn by lot, leads to state 0 instead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomMdp {
    /// States, at least 2.
    pub states: usize,
    /// Actions.
    pub actions: usize,
    /// Next states of every row.
    pub branches: usize,
    /// Parameters; `states × actions` for one a row.
    pub groups: usize,
    /// Largest probability of a breakdown, in (0, 1].
    pub most: f64,
    /// Discount.
    pub discount: f64,
}

impl Default for RandomMdp {
    fn default() -> Self {
        Self { states: 20, actions: 3, branches: 4, groups: 4, most: 0.3, discount: 0.9 }
    }
}

impl RandomMdp {
    /// The family with this seed.
    ///
    /// # Errors
    /// [`FiniteError`] for numbers without sense.
    pub fn family(&self, seed: u64) -> Result<Family, FiniteError> {
        let Self { states: n, actions: m, branches, groups, most, discount } = *self;
        let rows = n.saturating_mul(m);
        crate::error::check_range("states", n as f64, (2..=1000).contains(&n), "between 2 and 1000")?;
        crate::error::check_range("actions", m as f64, (1..=1000).contains(&m), "between 1 and 1000")?;
        crate::error::check_range(
            "branches",
            branches as f64,
            (1..=n).contains(&branches),
            "a number of states",
        )?;
        crate::error::check_range(
            "groups",
            groups as f64,
            (1..=rows).contains(&groups),
            "at most one a row",
        )?;
        crate::error::check_range("most", most, most > 0.0 && most <= 1.0, "in (0, 1]")?;
        let mut stream = StreamKey::new(seed, Purpose::Own).stream();
        let mut transitions = vec![0.0; rows * n];
        let mut next: Vec<usize> = (0..n).collect();
        for row in transitions.chunks_exact_mut(n) {
            stream.shuffle(&mut next);
            let weights: Vec<f64> = (0..branches).map(|_| stream.uniform(0.05, 1.0)).collect();
            let sum: f64 = weights.iter().sum();
            next.iter().zip(&weights).for_each(|(&s, weight)| row[s] = weight / sum);
        }
        let mut rewards: Vec<f64> = (0..rows).map(|_| stream.uniform(0.0, 1.0)).collect();
        rewards[..m].fill(0.0);
        let positions = (0..2 * n).map(|_| stream.uniform(0.0, 1.0)).collect();
        let mut order: Vec<usize> = (0..rows).collect();
        stream.shuffle(&mut order);

        let mut effects = vec![Vec::new(); groups];
        for (i, row) in order.into_iter().enumerate() {
            let (state, action) = (row / m, row % m);
            let effect = |next, rate| Effect { state, action, next, rate };
            let away = transitions[row * n..][..n].iter().enumerate().filter(|(_, p)| **p > 0.0);
            effects[i % groups].extend(away.map(|(next, p)| effect(next, -p)));
            effects[i % groups].push(effect(0, 1.0));
        }
        let mdp = FiniteMdp::new(Parts {
            states: n,
            actions: m,
            transitions,
            rewards,
            start: vec![1.0 / n as f64; n],
            discount,
            positions,
            ..Parts::default()
        })?;
        let parameter = |i: usize| Parameter {
            name: format!("breakdown_{i}"),
            unit: "1".into(),
            description: "Probability of a breakdown, in the rows of a group.".into(),
            nominal: 0.0,
            lower: 0.0,
            upper: most,
            // One unit of z is as far as it may go.
            scale: most,
        };
        Family::new(
            mdp,
            effects.into_iter().enumerate().map(|(i, effects)| (parameter(i), effects)).collect(),
        )
    }
}
