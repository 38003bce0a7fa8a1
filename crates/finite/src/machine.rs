//! A machine that wears out: run it on, or replace it.

use wr2l_sim::Parameter;

use crate::{Effect, Family, FiniteError, FiniteMdp, Parts};

/// A machine with `states` levels of wear, a line of places 1 apart. Action 0 runs it: it earns less the more it is worn,
/// and wears by a level with some probability. Action 1 replaces it: that costs, and the machine is new. Episodes start
/// with a new machine.
///
/// What varies is the probability of `wear`, and that of a `breakdown`, which leads to the last level at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Levels of wear, at least 2.
    pub states: usize,
    /// Earnings of a new machine per step; a machine of the last level earns nothing.
    pub earnings: f64,
    /// Cost of a new one.
    pub price: f64,
    /// Probability of wear, and the most that it may be.
    pub wear: [f64; 2],
    /// Probability of a breakdown, and the most that it may be; the two largest are at most 1 together.
    pub breakdown: [f64; 2],
    /// Discount.
    pub discount: f64,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            states: 8,
            earnings: 1.0,
            price: 3.0,
            wear: [0.3, 0.6],
            breakdown: [0.02, 0.2],
            discount: 0.95,
        }
    }
}

impl Machine {
    /// The family of the machine.
    ///
    /// # Errors
    /// [`FiniteError`] for numbers without sense.
    pub fn family(&self) -> Result<Family, FiniteError> {
        let n = self.states;
        crate::error::check_range("states", n as f64, n >= 2, "at least 2")?;
        let ([wear, most_wear], [breakdown, most_breakdowns]) = (self.wear, self.breakdown);
        let mut transitions = vec![0.0; n * 2 * n];
        let (mut wears, mut breaks) = (Vec::new(), Vec::new());
        for s in 0..n {
            // A machine of the last level goes on as one.
            let (worn, broken) = ((s + 1).min(n - 1), n - 1);
            for (next, p) in [(s, 1.0 - wear - breakdown), (worn, wear), (broken, breakdown)] {
                transitions[s * 2 * n + next] += p;
            }
            transitions[(s * 2 + 1) * n] = 1.0;
            let effect = |next, rate| Effect { state: s, action: 0, next, rate };
            wears.extend([effect(s, -1.0), effect(worn, 1.0)]);
            breaks.extend([effect(s, -1.0), effect(broken, 1.0)]);
        }
        let earned = |s: usize| self.earnings * (1.0 - s as f64 / (n - 1) as f64);
        let mut start = vec![0.0; n];
        start[0] = 1.0;
        let mdp = FiniteMdp::new(Parts {
            states: n,
            actions: 2,
            transitions,
            rewards: (0..n).flat_map(|s| [earned(s), -self.price]).collect(),
            start,
            discount: self.discount,
            positions: (0..n).map(|s| s as f64).collect(),
            ..Parts::default()
        })?;
        let parameter = |name: &str, description: &str, nominal: f64, upper: f64| Parameter {
            name: name.into(),
            unit: "1".into(),
            description: description.into(),
            nominal,
            lower: 0.0,
            upper,
            // One unit of z is as far as it may go.
            scale: upper - nominal,
        };
        Family::new(
            mdp,
            vec![
                (parameter("wear", "Probability of wear by a level, in a step.", wear, most_wear), wears),
                (
                    parameter(
                        "breakdown",
                        "Probability of a breakdown in a step.",
                        breakdown,
                        most_breakdowns,
                    ),
                    breaks,
                ),
            ],
        )
    }
}
