//! The multipliers of COPOS's two constraints.
//!
//! With natural gradient x and multipliers η of the KL and ω of the entropy constraint, a Gaussian policy becomes
//!
//! ```text
//! σ'² = σ² (η + ω)/(η − 2x_ℓ),    μ' − μ = δ/(η − 2x_ℓ),
//! ```
//!
//! x_ℓ being x of ln σ and δ what x makes of the mean. Its entropy has changed by `½ Σ ln((η + ω)/(η − 2x_ℓ))`, and
//! `KL(new ‖ old) = Σ ½ (r − 1 − ln r) + ½ E[δ²]/(σ(η − 2x_ℓ))²` with `r = σ'²/σ²`. What hidden layers move goes with 1/η instead:
//! where there are any, the larger of the two counts.

/// η and ω.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Multipliers {
    pub(crate) eta: f64,
    pub(crate) omega: f64,
}

/// A step as the constraints see it, for each real action.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    /// x_ℓ.
    pub(crate) log_std: Vec<f64>,
    /// E[δ²]/σ².
    pub(crate) moved: Vec<f64>,
    /// Whether hidden layers have a part in δ.
    pub(crate) hidden: bool,
}

impl Shape {
    /// The least ω ≥ 0 with which the entropy falls by at most `entropy_fall`.
    pub(crate) fn omega(&self, eta: f64, entropy_fall: f64) -> f64 {
        // d ln(η + ω) ≥ Σ ln(η − 2x_ℓ) − 2β
        let logs: f64 = self.log_std.iter().map(|x| (eta - 2.0 * x).ln()).sum();
        let least = ((logs - 2.0 * entropy_fall) / self.log_std.len() as f64).exp() - eta;
        least.max(0.0)
    }

    /// KL(new ‖ old).
    pub(crate) fn kl(&self, Multipliers { eta, omega }: Multipliers) -> f64 {
        let of = |(x, moved): (&f64, &f64)| {
            let precision = eta - 2.0 * x;
            let ratio = (eta + omega) / precision;
            let slowest = if self.hidden { precision.min(eta) } else { precision };
            0.5 * (ratio - 1.0 - ratio.ln()) + 0.5 * moved / (slowest * slowest)
        };
        self.log_std.iter().zip(&self.moved).map(of).sum()
    }

    /// The smallest η, and its ω, with which both constraints hold; `None` for numbers that are not finite, and where nothing moves.
    pub(crate) fn multipliers(&self, kl: f64, entropy_fall: f64) -> Option<Multipliers> {
        let of = |eta: f64| Multipliers { eta, omega: self.omega(eta, entropy_fall) };
        // Below it a variance would be negative.
        let least = self.log_std.iter().fold(0.0_f64, |most, x| most.max(2.0 * x));
        let largest = self.log_std.iter().chain(&self.moved).fold(0.0_f64, |most, x| most.max(x.abs()));
        if !(largest > 0.0 && largest.is_finite()) {
            return None;
        }
        let holds = |eta: f64| self.kl(of(eta)) <= kl;
        let (mut low, mut high) = (least, least + largest);
        while !holds(high) {
            (low, high) = (high, least + 2.0 * (high - least));
            if !high.is_finite() {
                return None;
            }
        }
        loop {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                return Some(of(high));
            }
            if holds(middle) { high = middle } else { low = middle }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of N(μ', σ'²) against N(μ, σ²), by its definition.
    fn kl(new: [f64; 2], old: [f64; 2]) -> f64 {
        let ratio = (new[1] / old[1]).powi(2);
        0.5 * (ratio - 1.0 - ratio.ln()) + 0.5 * ((new[0] - old[0]) / old[1]).powi(2)
    }

    proptest! {
        #[test]
        fn both_constraints_hold_and_one_of_them_to_the_last_bit(
            log_std in prop::collection::vec(-2.0_f64..2.0, 1..6),
            moved in prop::collection::vec(1e-3_f64..9.0, 6),
            hidden in any::<bool>(),
            epsilon in 1e-4_f64..0.5,
            beta in 1e-4_f64..0.5,
        ) {
            let shape = Shape { moved: moved[..log_std.len()].to_vec(), log_std, hidden };
            let found = shape.multipliers(epsilon, beta).unwrap();
            prop_assert!(found.omega >= 0.0);
            let fall: f64 = shape.log_std.iter().map(|x| -0.5 * ((found.eta + found.omega) / (found.eta - 2.0 * x)).ln()).sum();
            prop_assert!(fall <= beta + 1e-9, "{} {}", fall, beta);
            prop_assert!(shape.kl(found) <= epsilon);
            prop_assert!(found.omega == 0.0 || (fall - beta).abs() < 1e-9, "the entropy's multiplier is for what binds");
            let less = found.eta * (1.0 - 1e-6);
            let shorter = Multipliers { eta: less, omega: shape.omega(less, beta) };
            // Without hidden layers the optimum itself (η = 0) may be within reach.
            let longer_is_too_long = !(shape.kl(shorter) <= epsilon);
            prop_assert!(longer_is_too_long || (!hidden && found.eta < 1e-9));
        }
    }

    #[test]
    fn on_a_quadratic_it_is_the_best_gaussian_within_the_constraints() {
        // E[−½q(a − a*)²] over N(μ, σ²), by enumeration of μ' and σ'.
        for (q, target, epsilon, beta) in
            [(1.0, 2.0, 0.05, 0.02), (4.0, 0.3, 0.02, 0.5), (0.2, -1.0, 0.1, 0.001), (1.0, 2.0, 0.05, 10.0)]
        {
            let old = [0.5, 0.8];
            let worth = |[mean, std]: [f64; 2]| -0.5 * q * ((mean - target).powi(2) + std * std);
            // Natural gradients: of μ times its variance, of ln σ by half.
            let (x, delta) = (-0.5 * q * old[1] * old[1], -q * (old[0] - target) * old[1] * old[1]);
            let shape = Shape { log_std: vec![x], moved: vec![(delta / old[1]).powi(2)], hidden: false };
            let Multipliers { eta, omega } = shape.multipliers(epsilon, beta).unwrap();
            let new = [old[0] + delta / (eta - 2.0 * x), old[1] * ((eta + omega) / (eta - 2.0 * x)).sqrt()];
            // The closed form: precisions and their products with the mean are weighted means.
            let (precision, q) = (1.0 / (old[1] * old[1]), q);
            let closed = (eta * precision + q) / (eta + omega);
            assert!((1.0 / (new[1] * new[1]) / closed - 1.0).abs() < 1e-12);
            let weighted = (eta * precision * old[0] + q * target) / (eta + omega) / closed;
            assert!((new[0] - weighted).abs() < 1e-12);
            let mut best = f64::NEG_INFINITY;
            for i in 0..=800 {
                for j in 0..=800 {
                    let mean = old[0] + 0.6 * (f64::from(i) / 400.0 - 1.0);
                    let trial = [mean, old[1] * (0.6 * (f64::from(j) / 400.0 - 1.0)).exp()];
                    if kl(trial, old) <= epsilon && (old[1] / trial[1]).ln() <= beta {
                        best = best.max(worth(trial));
                    }
                }
            }
            assert!(worth(new) >= best - 1e-9, "{q}: {} {best}", worth(new));
            assert!(worth(new) <= best + 0.01 * (best - worth(old)), "{q}: {} {best}", worth(new));
        }
    }

    #[test]
    fn what_does_not_move_or_is_not_finite_has_no_multipliers() {
        let none = |log_std, moved| {
            Shape { log_std: vec![log_std], moved: vec![moved], hidden: true }.multipliers(0.01, 0.01)
        };
        assert_eq!(none(0.0, 0.0), None);
        assert_eq!(none(f64::NAN, f64::INFINITY), None);
        assert_eq!(none(0.1, f64::INFINITY), None);
    }
}
