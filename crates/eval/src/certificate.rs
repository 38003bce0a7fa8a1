//! What random systems allow to say about all systems of the set that they were drawn from.
//!
//! N systems are drawn independently from a box or a ball, and a policy has a mean return on each, over the evaluation's
//! initial states. Nothing is assumed of how these returns are distributed: they may be heavy-tailed, or tied.
//!
//! - *Shares.* The number of systems below the q-quantile is binomial. So the k-th smallest return is, with confidence
//!   1 − δ, a lower bound on the returns of the share 1 − q of all systems, if P(Bin(N, q) < k) ≤ δ (Wilks 1941); of the
//!   smallest that is the share δ^(1/N).
//! - *Mean and CVaR.* With confidence 1 − δ the true distribution function is nowhere more than √(ln(1/δ) / 2N) above that
//!   of the sample (Massart 1990, for δ ≤ ½). So at worst that much of the probability lies at the lowest return that is
//!   possible instead of at the highest ones seen (Anderson 1969; for CVaR Thomas & Learned-Miller 2019).
//!
//! Several policies are judged together: each at δ divided by their number, so that all that is said of one kind holds
//! together. A system on which an episode diverged counts as worse than any number.

use thiserror::Error;

use crate::table::Table;

/// Shares of all systems that a certificate speaks of, besides that of the worst return seen.
const SHARES: [f64; 2] = [0.9, 0.95];
/// The worst share whose mean is bounded.
const CVAR: f64 = 0.1;

/// What to certify.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Certainty {
    /// The confidence 1 − δ of every statement, in [0.5, 1). Usual: 0.95.
    pub confidence: f64,
    /// The lowest return that the task can give, where it is known: bounds on means need it.
    pub lowest: Option<f64>,
}

impl Default for Certainty {
    fn default() -> Self {
        Self { confidence: 0.95, lowest: None }
    }
}

/// A share of all systems, and a return that they have at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The share, in (0, 1).
    pub share: f64,
    /// The return.
    pub at_least: f64,
}

/// What is certain of one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Systems that were drawn.
    pub systems: usize,
    /// The confidence of each statement, for all policies together.
    pub confidence: f64,
    /// The share that has at least the worst return seen; `None` if a system diverged.
    pub worst: Option<Bound>,
    /// The same of the shares of nine and of nineteen out of twenty; those of which too few systems allow no statement are
    /// left out.
    pub shares: Vec<Bound>,
    /// A lower bound on the mean over all systems, if the lowest return is known.
    pub mean: Option<f64>,
    /// The same of the mean of the worst tenth; `None` as well if there are too few systems.
    pub cvar10: Option<f64>,
}

/// Why nothing can be certified.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CertificateError {
    /// There is no system.
    #[error("nothing can be certified from no system")]
    Empty,
    /// The systems were not drawn at random.
    #[error("only systems drawn at random say something about all others; these are `{0}`")]
    NotRandom(String),
    /// The confidence is none.
    #[error("the confidence must lie in [0.5, 1), got {0}")]
    Confidence(f64),
    /// A return lies below what was said to be the lowest.
    #[error("a system has a return of {got}, below the lowest that was said to be possible, {lowest}")]
    Lowest {
        /// What was said.
        lowest: f64,
        /// What there is.
        got: f64,
    },
}

impl Certificate {
    /// The certificates of policies that were evaluated on random systems, in the order of the tables.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn all(tables: &[Table], certainty: Certainty) -> Result<Vec<Self>, CertificateError> {
        let of = |table: &Table| {
            let label = &table.provenance.systems;
            let drawn = ["box", "range", "ball", "shell"].iter().any(|region| label.starts_with(region));
            if !drawn {
                return Err(CertificateError::NotRandom(label.clone()));
            }
            let ret = |row: &crate::table::Row| if row.diverged > 0 { f64::NEG_INFINITY } else { row.mean };
            let returns: Vec<f64> = table.rows.iter().map(ret).collect();
            Self::of(&returns, certainty, tables.len())
        };
        tables.iter().map(of).collect()
    }

    /// The certificate of a policy with these mean returns on systems that were drawn independently, one of `policies` that
    /// are judged together. −∞ stands for a system without a value.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn of(returns: &[f64], certainty: Certainty, policies: usize) -> Result<Self, CertificateError> {
        let Certainty { confidence, lowest } = certainty;
        if !(0.5..1.0).contains(&confidence) {
            return Err(CertificateError::Confidence(confidence));
        }
        let mut sorted: Vec<f64> =
            returns.iter().map(|ret| if ret.is_nan() { f64::NEG_INFINITY } else { *ret }).collect();
        sorted.sort_by(f64::total_cmp);
        let Some(&smallest) = sorted.first() else { return Err(CertificateError::Empty) };
        if let Some(lowest) = lowest
            && smallest.is_finite()
            && smallest < lowest
        {
            return Err(CertificateError::Lowest { lowest, got: smallest });
        }
        let count = sorted.len();
        let delta = (1.0 - confidence) / policies.max(1) as f64;
        let bound = |share: f64, rank: usize| {
            let at_least = sorted[rank - 1];
            at_least.is_finite().then_some(Bound { share, at_least })
        };
        let shares = SHARES.into_iter().filter_map(|share| bound(share, rank(count, 1.0 - share, delta)?));
        // How far the true distribution function may lie above the sample's.
        let above = ((1.0 / delta).ln() / (2.0 * count as f64)).sqrt();
        let lower = |fraction: f64| {
            let lowest = lowest.filter(|_| above < fraction)?;
            Some(worst_share(&sorted, lowest, above, fraction))
        };
        Ok(Self {
            systems: count,
            confidence,
            worst: bound(delta.powf(1.0 / count as f64), 1),
            shares: shares.collect(),
            mean: lower(1.0),
            cvar10: lower(CVAR),
        })
    }

    /// The certificate in a sentence.
    pub fn sentence(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", (1000.0 * share).floor() / 10.0);
        let mut parts: Vec<String> = Vec::new();
        for bound in self.shares.iter().chain(&self.worst) {
            parts.push(format!(
                "{} of all systems have a return of at least {:.1}",
                percent(bound.share),
                bound.at_least
            ));
        }
        if let Some(mean) = self.mean {
            parts.push(format!("the mean is at least {mean:.1}"));
        }
        if let Some(cvar) = self.cvar10 {
            parts.push(format!("that of the worst tenth at least {cvar:.1}"));
        }
        if parts.is_empty() {
            parts.push("nothing: too many systems diverged, or there are too few".into());
        }
        format!("with {} confidence: {}", percent(self.confidence), parts.join("; "))
    }
}

/// The largest k for which the k-th smallest of `count` values is, with confidence 1 − `delta`, no larger than the
/// `quantile`-quantile; `None` if even the smallest may be.
fn rank(count: usize, quantile: f64, delta: f64) -> Option<usize> {
    // ln P(Bin = 0), and then term after term; the sum of them, as a logarithm too, since they are tiny.
    let mut term = count as f64 * (-quantile).ln_1p();
    let mut below = term;
    let odds = (quantile / (1.0 - quantile)).ln();
    let mut rank = 0;
    // P(Bin < rank + 1) is exp(below).
    while rank < count && below <= delta.ln() {
        rank += 1;
        term += ((count - rank + 1) as f64 / rank as f64).ln() + odds;
        below = below.max(term) + (-(below - term).abs()).exp().ln_1p();
    }
    (rank > 0).then_some(rank)
}

/// The mean of the worst `fraction` of a sorted sample of which the probability `above`, less than `fraction`, has moved from
/// the largest values to `lowest`.
fn worst_share(sorted: &[f64], lowest: f64, above: f64, fraction: f64) -> f64 {
    let each = 1.0 / sorted.len() as f64;
    let mut left = fraction - above;
    let mut sum = lowest * above;
    for value in sorted {
        // What diverged is no better than the lowest.
        let weight = each.min(left);
        sum += weight * value.max(lowest);
        left -= weight;
        if left <= 0.0 {
            break;
        }
    }
    sum / fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_rng::{Purpose, Stream, StreamKey};

    fn stream(number: u64) -> Stream {
        StreamKey::new(number, Purpose::Test).stream()
    }

    /// P(Bin(n, q) < k), summed from products.
    fn below(n: usize, q: f64, k: usize) -> f64 {
        let term = |j: usize| {
            let choose: f64 = (0..j).map(|i| (n - i) as f64 / (i + 1) as f64).product();
            choose * q.powi(j as i32) * (1.0 - q).powi((n - j) as i32)
        };
        (0..k).map(term).sum()
    }

    #[test]
    fn the_rank_is_the_largest_whose_binomial_tail_is_small() {
        for n in [1, 5, 28, 29, 45, 100, 200] {
            for q in [0.05, 0.1, 0.5] {
                for delta in [0.45, 0.1, 0.05, 0.001] {
                    let found = rank(n, q, delta);
                    let best = (1..=n).rev().find(|&k| below(n, q, k) <= delta);
                    assert_eq!(found, best, "{n} {q} {delta}");
                }
            }
        }
        // The published ones of tolerance limits: 59 values for 95 % and 95 %, 29 for 90 % and 95 %.
        assert_eq!((rank(58, 0.05, 0.05), rank(59, 0.05, 0.05)), (None, Some(1)));
        assert_eq!((rank(28, 0.1, 0.05), rank(29, 0.1, 0.05)), (None, Some(1)));
        assert!(
            rank(100_000, 0.1, 0.05).is_some_and(|k| (9_800..10_000).contains(&k)),
            "large numbers do not underflow"
        );
    }

    #[test]
    fn a_thousand_systems_certify_99_7_percent() {
        let returns: Vec<f64> = (0..1000).map(f64::from).collect();
        let worst = Certificate::of(&returns, Certainty::default(), 1).unwrap().worst.unwrap();
        assert!((0.997..0.9971).contains(&worst.share) && worst.at_least == 0.0, "{worst:?}");
    }

    /// How often, of 1,000 samples of `count` values, each statement is true of the distribution of `draw`, whose share at or
    /// above a value, mean and mean of the worst tenth are known.
    fn coverage(
        count: usize,
        draw: impl Fn(&mut Stream) -> f64,
        at_or_above: impl Fn(f64) -> f64,
        mean: f64,
        cvar10: f64,
    ) -> [(f64, u32); 5] {
        let certainty = Certainty { confidence: 0.9, lowest: Some(0.0) };
        let mut holds = [(0.0, 0_u32); 5];
        for repetition in 0..1000 {
            let mut stream = stream(1000 + repetition);
            let returns: Vec<f64> = (0..count).map(|_| draw(&mut stream)).collect();
            let it = Certificate::of(&returns, certainty, 1).unwrap();
            let true_of = |bound: &Bound| at_or_above(bound.at_least) >= bound.share;
            let said = [
                it.worst.map(|bound| true_of(&bound)),
                it.shares.first().map(true_of),
                it.shares.get(1).map(true_of),
                it.mean.map(|bound| bound <= mean),
                it.cvar10.map(|bound| bound <= cvar10),
            ];
            for ((holds, times), said) in holds.iter_mut().zip(said) {
                *times += u32::from(said.is_some());
                *holds += f64::from(u8::from(said != Some(false))) / 1000.0;
            }
        }
        holds
    }

    /// Three standard errors of a share of 0.9 in 1,000.
    const ERROR: f64 = 0.03;

    #[test]
    fn what_is_said_holds_as_often_as_it_says() {
        let uniform = |stream: &mut Stream| stream.uniform(0.0, 1.0);
        for count in [1, 30, 200] {
            let all = coverage(count, uniform, |x| 1.0 - x, 0.5, 0.05);
            for (holds, _) in all {
                assert!(holds >= 0.9 - ERROR, "{count}: {all:?}");
            }
            // Neither is it much more careful than it says: a bound that says nothing would pass the above.
            assert!(all[0].0 <= 0.9 + ERROR && all[0].1 == 1000, "{all:?}");
            if count == 200 {
                assert!(all[1].0 <= 0.97 && all.iter().take(4).all(|(_, times)| *times == 1000), "{all:?}");
            }
        }
    }

    #[test]
    fn a_policy_that_sometimes_falls_is_certified_too() {
        // 100 with a chance of 0.88, else 10: heavy ties, and a share that lies between two certified ones.
        let falls = |stream: &mut Stream| if stream.uniform(0.0, 1.0) < 0.12 { 10.0 } else { 100.0 };
        let at_or_above = |x: f64| if x <= 10.0 { 1.0 } else { 0.88 };
        let all = coverage(300, falls, at_or_above, 0.88 * 100.0 + 0.12 * 10.0, 10.0);
        assert!(all.iter().all(|(holds, _)| *holds >= 0.9 - ERROR), "{all:?}");
    }

    /// A distribution of returns, all at least 0, of which everything is known.
    struct Known {
        name: &'static str,
        draw: fn(&mut Stream) -> f64,
        /// Its share at or above a value.
        at_or_above: fn(f64) -> f64,
        mean: f64,
        cvar10: f64,
        /// Whether it has no ties: then the statements on shares are as often true as they say.
        continuous: bool,
    }

    /// Distributions of all shapes that returns have. `u` is uniform in (0, 1).
    fn all_known() -> [Known; 5] {
        fn u(stream: &mut Stream) -> f64 {
            stream.uniform(0.0, 1.0).clamp(1e-12, 1.0 - 1e-12)
        }
        [
            // Most return little, a few much: exponential.
            Known {
                name: "skewed to the right",
                draw: |stream| -u(stream).ln(),
                at_or_above: |x| (-x.max(0.0)).exp(),
                mean: 1.0,
                cvar10: 10.0 * (0.1 + 0.9 * 0.9_f64.ln()),
                continuous: true,
            },
            // Most return nearly the highest, a few hardly anything: F(x) = x⁸.
            Known {
                name: "skewed to the left",
                draw: |stream| u(stream).powf(0.125),
                at_or_above: |x| 1.0 - x.clamp(0.0, 1.0).powi(8),
                mean: 8.0 / 9.0,
                cvar10: 8.0 / 9.0 * 0.1_f64.powf(0.125),
                continuous: true,
            },
            // Without a variance: P(X ≥ x) = x^(−3/2).
            Known {
                name: "heavy-tailed",
                draw: |stream| u(stream).powf(-1.0 / 1.5),
                at_or_above: |x| x.max(1.0).powf(-1.5),
                mean: 3.0,
                cvar10: 30.0 * (1.0 - 0.9_f64.cbrt()),
                continuous: true,
            },
            // A fall at the first step with a chance between those that are certified, else uniform in (½, 1).
            Known {
                name: "ties at the bottom",
                draw: |stream| if u(stream) < 0.07 { 0.0 } else { stream.uniform(0.5, 1.0) },
                at_or_above: |x| match x {
                    ..=0.0 => 1.0,
                    ..=0.5 => 0.93,
                    _ => 0.93 * 2.0 * (1.0 - x.min(1.0)),
                },
                mean: 0.93 * 0.75,
                cvar10: 0.3 * (0.5 + 0.25 * 0.03 / 0.93),
                continuous: false,
            },
            // The time limit is the highest return, and most reach it; else uniform in (0, 1).
            Known {
                name: "ties at the top",
                draw: |stream| if u(stream) < 0.6 { 1.0 } else { u(stream) },
                at_or_above: |x| if x > 1.0 { 0.0 } else { 0.6 + 0.4 * (1.0 - x.max(0.0)) },
                mean: 0.6 + 0.4 * 0.5,
                cvar10: 0.125,
                continuous: true,
            },
        ]
    }

    /// That every statement holds as often as it says, and those on shares where there are no ties not much more often.
    fn holds_for_all_known(count: usize) {
        for Known { name, draw, at_or_above, mean, cvar10, continuous } in all_known() {
            let all = coverage(count, draw, at_or_above, mean, cvar10);
            let what = format!("{name}, {count} systems: {all:?}");
            assert!(all.iter().all(|(holds, _)| *holds >= 0.9 - ERROR), "{what}");
            let said = |of: usize| all[of].1 == 1000;
            if count >= 1000 {
                assert!((0..5).all(said), "{what}");
            }
            // What lies among the ties of the many is true more often than it says.
            let (worst, nine_tenths) = (all[0].0, all[1].0);
            if continuous && count > 1 {
                assert!(worst <= 0.9 + ERROR, "{what}");
            }
            if continuous && count >= 100_000 {
                assert!(nine_tenths <= 0.9 + ERROR && all[2].0 <= 0.9 + ERROR, "{what}");
            }
        }
    }

    #[test]
    fn it_holds_whatever_the_distribution_is() {
        [1, 30, 1000].into_iter().for_each(holds_for_all_known);
    }

    /// With `WR2L_THOROUGH=1`: a hundred million draws of each distribution.
    #[test]
    fn it_holds_for_a_hundred_thousand_systems() {
        if std::env::var_os("WR2L_THOROUGH").is_none() {
            println!("skipped: set WR2L_THOROUGH=1");
            return;
        }
        holds_for_all_known(100_000);
        // And bounds on means then say something: they lie within a few of the 0.003 that the sample's distribution may be off.
        for Known { name, draw, mean, cvar10, .. } in
            all_known().into_iter().filter(|one| one.name != "heavy-tailed")
        {
            let mut stream = stream(1);
            let returns: Vec<f64> = (0..100_000).map(|_| draw(&mut stream)).collect();
            let certainty = Certainty { confidence: 0.9, lowest: Some(0.0) };
            let it = Certificate::of(&returns, certainty, 1).unwrap();
            let (low, cvar) = (it.mean.unwrap(), it.cvar10.unwrap());
            assert!(low <= mean + 0.01 && low >= mean - 0.05, "{name}: {low} of {mean}");
            assert!(cvar <= cvar10 + 0.01 && cvar >= cvar10 - 0.05, "{name}: {cvar} of {cvar10}");
        }
    }

    #[test]
    fn policies_judged_together_are_right_together() {
        let certainty = Certainty { confidence: 0.9, lowest: None };
        let right = (0..1000).filter(|repetition| {
            (0..5).all(|policy| {
                let mut stream = stream(5000 + 5 * repetition + policy);
                let returns: Vec<f64> = (0..50).map(|_| stream.uniform(0.0, 1.0)).collect();
                let worst = Certificate::of(&returns, certainty, 5).unwrap().worst.unwrap();
                1.0 - worst.at_least >= worst.share
            })
        });
        let right = right.count() as f64 / 1000.0;
        assert!((0.9 - ERROR..0.95).contains(&right), "{right}");
    }

    #[test]
    fn what_diverged_is_worse_than_any_number() {
        let mut returns = vec![50.0; 200];
        let all = Certificate::of(&returns, Certainty::default(), 1).unwrap();
        assert_eq!((all.shares.len(), all.mean), (2, None), "no mean without a lowest return");
        returns[7] = f64::NAN;
        let one =
            Certificate::of(&returns, Certainty { lowest: Some(-10.0), ..Certainty::default() }, 1).unwrap();
        assert_eq!(one.worst, None);
        assert_eq!(one.shares.iter().map(|bound| bound.at_least).collect::<Vec<_>>(), [50.0, 50.0]);
        assert!(one.mean.is_some_and(|mean| (-10.0..50.0).contains(&mean)));
        returns.fill(f64::NEG_INFINITY);
        let none = Certificate::of(&returns, Certainty::default(), 1).unwrap();
        assert!(none.shares.is_empty() && none.sentence().contains("nothing"), "{none:?}");
    }

    #[test]
    fn the_worst_share_is_the_mean_of_what_is_left_after_the_largest_moved_to_the_lowest() {
        let of = |lowest, above, fraction| worst_share(&[1.0, 2.0, 3.0, 4.0], lowest, above, fraction);
        assert!((of(0.0, 0.1, 1.0) - (0.25 + 0.5 + 0.75 + 0.6)).abs() < 1e-12);
        assert!((of(0.5, 0.1, 0.5) - (0.05 + 0.25 + 0.3) / 0.5).abs() < 1e-12);
        assert!((of(1.5, 0.0, 0.25) - 1.5).abs() < 1e-12, "none is worse than the lowest");
    }

    #[test]
    fn tables_are_certified_with_what_diverged_as_the_worst() {
        let mut table = crate::table::tests::table("wr2l", "a");
        let refused = CertificateError::NotRandom("grid".into());
        assert_eq!(Certificate::all(std::slice::from_ref(&table), Certainty::default()), Err(refused));
        table.provenance.systems = "box 0.5".into();
        let mut sound = table.clone();
        sound.rows.pop();
        let all = Certificate::all(&[table, sound.clone()], Certainty::default()).unwrap();
        assert_eq!((all[0].worst, all[1].worst.unwrap().at_least), (None, sound.rows[0].mean));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let with = |confidence| Certainty { confidence, lowest: None };
        assert_eq!(Certificate::of(&[], Certainty::default(), 1), Err(CertificateError::Empty));
        for confidence in [0.0, 0.49, 1.0, f64::NAN] {
            assert!(matches!(
                Certificate::of(&[1.0], with(confidence), 1),
                Err(CertificateError::Confidence(_))
            ));
        }
        let lowest = Certainty { lowest: Some(2.0), ..Certainty::default() };
        assert_eq!(
            Certificate::of(&[1.0], lowest, 1),
            Err(CertificateError::Lowest { lowest: 2.0, got: 1.0 })
        );
    }
}
