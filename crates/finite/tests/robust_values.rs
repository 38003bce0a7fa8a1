//! Robust values against enumeration, duals and closed forms.

use proptest::prelude::*;
use wr2l_finite::{
    FiniteMdp, Interval, KullbackLeibler, Machine, Nominal, Parts, RandomMdp, RowSet, TabularPolicy,
    TotalVariation, Wasserstein, exact_values, robust_policy_values, robust_values,
};
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_robust::transport;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A random process, worths of its states, and a stream for more.
fn random(n: usize, seed: u64) -> (FiniteMdp, Vec<f64>, Stream) {
    let config = RandomMdp { states: n, actions: 2, branches: n.min(3), groups: 1, ..RandomMdp::default() };
    let mut stream = StreamKey::new(seed, Purpose::Test).stream();
    let mut worth = vec![0.0; n];
    stream.fill_normal(&mut worth);
    (config.family(seed).unwrap().mdp().clone(), worth, stream)
}

/// How far a distribution is from the reference.
type Distance<'a> = &'a dyn Fn(&[f64]) -> f64;

/// Every kind of set, of a radius that goes from nothing to everything.
fn sets(mdp: &FiniteMdp, radius: f64) -> Vec<Box<dyn RowSet>> {
    vec![
        Box::new(Interval::new(radius).unwrap()),
        Box::new(TotalVariation::new(radius).unwrap()),
        Box::new(KullbackLeibler::new(radius).unwrap()),
        Box::new(Wasserstein::squared(mdp, radius).unwrap()),
    ]
}

/// The highest value of a concave function of λ ≥ 0, by golden sections of a range that holds its peak.
fn peak(f: impl Fn(f64) -> f64, end: f64) -> f64 {
    let (mut low, mut high) = (0.0, end);
    for _ in 0..300 {
        let (a, b) = (low + (high - low) * 0.382, low + (high - low) * 0.618);
        if f(a) < f(b) { low = a } else { high = b }
    }
    f(0.5 * (low + high)).max(f(0.0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_worst_distribution_belongs_to_its_set(n in 2_usize..8, radius in 0.0..0.6_f64, seed in 0_u64..10_000) {
        let (mdp, worth, _) = random(n, seed);
        let (p, mut q) = (mdp.row(1, 1).to_vec(), vec![0.0; n]);
        let distance: [Distance<'_>; 4] = [
            &|q| p.iter().zip(q).map(|(p, q)| (p - q).abs()).fold(0.0, f64::max),
            &|q| 0.5 * p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>(),
            &|q| p.iter().zip(q).filter(|(_, q)| **q > 0.0).map(|(p, q)| q * (q / p).ln()).sum(),
            &|q| transport::discrete(&p, q, &mdp.squared_distances()).unwrap(),
        ];
        for (k, (set, distance)) in sets(&mdp, radius).iter().zip(distance).enumerate() {
            let value = set.worst(&mdp, 1, 1, &worth, &mut q);
            prop_assert!(q.iter().all(|q| *q >= -1e-12), "{k}: {q:?}");
            q.iter_mut().for_each(|q| *q = q.max(0.0));
            prop_assert!((q.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{k}: {q:?}");
            prop_assert!((dot(&q, &worth) - value).abs() < 1e-9, "{k}");
            prop_assert!(distance(&q) <= radius + 1e-9, "{k}: {} {radius}", distance(&q));
        }
    }

    #[test]
    fn no_distribution_of_a_wasserstein_or_kl_set_is_worse(n in 2_usize..8, radius in 0.001..0.6_f64, seed in 0_u64..10_000) {
        // Weak duality: no member is below any value of the dual, and the worst member attains its peak.
        let (mdp, worth, _) = random(n, seed);
        let (p, mut q) = (mdp.row(0, 1).to_vec(), vec![0.0; n]);
        let costs = mdp.squared_distances();
        let carried = |lambda: f64| -> f64 {
            let each = |s: usize| (0..n).map(|t| worth[t] + lambda * costs[s * n + t]).fold(f64::INFINITY, f64::min);
            (0..n).map(|s| p[s] * each(s)).sum::<f64>() - lambda * radius
        };
        let value = Wasserstein::squared(&mdp, radius).unwrap().worst(&mdp, 0, 1, &worth, &mut q);
        let dual = peak(carried, 100.0 / radius);
        prop_assert!((value - dual).abs() < 1e-6 * (1.0 + dual.abs()), "{value} {dual}");

        let lowest = (0..n).filter(|&s| p[s] > 0.0).map(|s| worth[s]).fold(f64::INFINITY, f64::min);
        let tilted = |beta: f64| -> f64 {
            // What cannot happen may be worth less: 0 times what overflows is not a number.
            let possible = (0..n).filter(|&s| p[s] > 0.0);
            let mean: f64 = possible.map(|s| p[s] * (-(worth[s] - lowest) / beta).exp()).sum();
            if beta > 0.0 { lowest - beta * mean.ln() - beta * radius } else { lowest }
        };
        let value = KullbackLeibler::new(radius).unwrap().worst(&mdp, 0, 1, &worth, &mut q);
        let dual = peak(tilted, 100.0 / radius);
        prop_assert!((value - dual).abs() < 1e-6 * (1.0 + dual.abs()), "{value} {dual}");
    }

    #[test]
    fn total_variation_is_transport_between_places_one_apart(n in 2_usize..8, radius in 0.0..1.0_f64, seed in 0_u64..10_000) {
        let (mdp, worth, _) = random(n, seed);
        let (mut a, mut b) = (vec![0.0; n], vec![0.0; n]);
        let apart = (0..n * n).map(|k| if k / n == k % n { 0.0 } else { 1.0 }).collect();
        let carried = Wasserstein::new(&mdp, radius, apart).unwrap().worst(&mdp, 0, 0, &worth, &mut a);
        let moved = TotalVariation::new(radius).unwrap().worst(&mdp, 0, 0, &worth, &mut b);
        prop_assert!((carried - moved).abs() < 1e-9, "{carried} {moved}");
    }

    #[test]
    fn an_interval_set_has_its_minimum_at_a_corner(n in 2_usize..6, width in 0.0..0.5_f64, seed in 0_u64..10_000) {
        let (mdp, worth, _) = random(n, seed);
        let p = mdp.row(0, 0).to_vec();
        let end = |s: usize, high: bool| if high { (p[s] + width).min(1.0) } else { (p[s] - width).max(0.0) };
        // Corners: all probabilities but one at an end.
        let mut lowest = f64::INFINITY;
        for free in 0..n {
            for ends in 0..1_usize << n {
                let mut q: Vec<f64> = (0..n).map(|s| end(s, ends >> s & 1 == 1)).collect();
                q[free] = 1.0 - (0..n).filter(|&s| s != free).map(|s| q[s]).sum::<f64>();
                if end(free, false) - 1e-12 <= q[free] && q[free] <= end(free, true) + 1e-12 {
                    lowest = lowest.min(dot(&q, &worth));
                }
            }
        }
        let mut q = vec![0.0; n];
        let ours = Interval::new(width).unwrap().worst(&mdp, 0, 0, &worth, &mut q);
        prop_assert!((ours - lowest).abs() < 1e-9, "{ours} {lowest}");
    }

    #[test]
    fn robust_values_fall_with_the_radius_and_are_never_above_the_nominal_ones(seed in 0_u64..10_000) {
        let (mdp, _, _) = random(6, seed);
        let nominal = robust_values(&mdp, &Nominal, 1e-10).unwrap().values;
        let mut before = vec![nominal; 4];
        for radius in [0.0, 0.01, 0.1, 0.5, 1.0] {
            for (set, before) in sets(&mdp, radius).iter().zip(&mut before) {
                let values = robust_values(&mdp, set.as_ref(), 1e-10).unwrap().values;
                prop_assert!(values.iter().zip(before.iter()).all(|(now, before)| *now <= before + 1e-9));
                if radius == 0.0 {
                    prop_assert!(values.iter().zip(before.iter()).all(|(now, before)| (now - before).abs() < 1e-9));
                }
                *before = values;
            }
        }
    }

    #[test]
    fn a_policy_has_its_robust_values_under_the_distributions_that_were_found(seed in 0_u64..10_000) {
        let (mdp, _, mut stream) = random(5, seed);
        let table: Vec<f64> = (0..5).flat_map(|_| { let p = stream.uniform(0.0, 1.0); [p, 1.0 - p] }).collect();
        let policy = TabularPolicy::new(&mdp, table).unwrap();
        for set in sets(&mdp, 0.2) {
            let robust = robust_policy_values(&mdp, &policy, set.as_ref(), 1e-11).unwrap();
            let exact = exact_values(&mdp, &robust.worst, &policy).unwrap();
            prop_assert!(robust.values.iter().zip(&exact).all(|(a, b)| (a - b).abs() < 1e-9));
            // And the best policy is the greedy one, at least as good everywhere.
            let best = robust_values(&mdp, set.as_ref(), 1e-11).unwrap();
            prop_assert!(best.values.iter().zip(&robust.values).all(|(best, this)| *best >= this - 1e-9));
            let greedy = TabularPolicy::deterministic(&mdp, &best.choices).unwrap();
            let its = robust_policy_values(&mdp, &greedy, set.as_ref(), 1e-11).unwrap().values;
            prop_assert!(best.values.iter().zip(&its).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}

#[test]
fn a_sweep_brings_values_nearer_by_the_discount() {
    // Within tolerance after as many sweeps as a contraction by γ may need.
    for seed in 0..5 {
        let (mdp, ..) = random(6, seed);
        for set in sets(&mdp, 0.2) {
            let few = robust_values(&mdp, set.as_ref(), 1e-3).unwrap();
            let many = robust_values(&mdp, set.as_ref(), 1e-12).unwrap();
            let off = few.values.iter().zip(&many.values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off <= 1e-3, "{off}");
            let discount = mdp.discount();
            let most = ((1e-3 * (1.0 - discount)).ln() / discount.ln()).ceil() as usize + 1;
            assert!(few.sweeps <= most, "{} {most}", few.sweeps);
        }
    }
}

#[test]
fn robust_values_are_those_of_enumeration() {
    // A parameter a row: the family's bounds are a rectangular set, and the lowest value lies at a corner.
    let config = RandomMdp { states: 3, actions: 2, branches: 2, groups: 6, most: 0.4, discount: 0.8 };
    for seed in 0..10 {
        let family = config.family(seed).unwrap();
        let mdp = family.mdp();
        let mut best = [f64::NEG_INFINITY; 3];
        for choices in 0..8_usize {
            let choices: Vec<usize> = (0..3).map(|s| choices >> s & 1).collect();
            let policy = TabularPolicy::deterministic(mdp, &choices).unwrap();
            let mut worst = [f64::INFINITY; 3];
            for corner in 0..64_usize {
                let phi: Vec<f64> = (0..6).map(|i| if corner >> i & 1 == 1 { 0.4 } else { 0.0 }).collect();
                let values = exact_values(mdp, &family.transitions(&phi), &policy).unwrap();
                worst.iter_mut().zip(values).for_each(|(worst, value)| *worst = worst.min(value));
            }
            best.iter_mut().zip(worst).for_each(|(best, value)| *best = best.max(value));
        }
        let robust = robust_values(mdp, &family, 1e-12).unwrap();
        for (a, b) in robust.values.iter().zip(best) {
            assert!((a - b).abs() < 1e-9, "seed {seed}: {:?} {best:?}", robust.values);
        }
    }
}

#[test]
fn one_state_has_its_closed_form() {
    // It pays 1 a step and lives on with probability p: V = 1/(1 − γp), whatever lowers p.
    let (p, discount, less) = (0.9, 0.95, 0.15);
    let mdp = FiniteMdp::new(Parts {
        states: 2,
        actions: 1,
        transitions: vec![p, 1.0 - p, 0.0, 1.0],
        rewards: vec![1.0, 0.0],
        start: vec![1.0, 0.0],
        terminal: vec![false, true],
        discount,
        ..Parts::default()
    })
    .unwrap();
    let value = |set: &dyn RowSet| mdp.from_start(&robust_values(&mdp, set, 1e-12).unwrap().values);
    let lives = |p: f64| 1.0 / (1.0 - discount * p);
    assert!((value(&Nominal) - lives(p)).abs() < 1e-9);
    assert!((value(&Interval::new(less).unwrap()) - lives(p - less)).abs() < 1e-9);
    assert!((value(&TotalVariation::new(less).unwrap()) - lives(p - less)).abs() < 1e-9);
    // Without positions states are 1 apart: the mass that moves is the cost.
    assert!((value(&Wasserstein::squared(&mdp, less).unwrap()) - lives(p - less)).abs() < 1e-9);
    let low: f64 = p - less;
    let divergence = low * (low / p).ln() + (1.0 - low) * ((1.0 - low) / (1.0 - p)).ln();
    assert!((value(&KullbackLeibler::new(divergence).unwrap()) - lives(low)).abs() < 1e-9);
    // Beyond −ln(1 − p) it may die at once.
    assert!((value(&KullbackLeibler::new(2.4).unwrap()) - 1.0).abs() < 1e-9);
    assert!((value(&Interval::new(1.0).unwrap()) - 1.0).abs() < 1e-9);
}

#[test]
fn a_machine_is_replaced_from_a_level_on_and_sooner_where_it_may_break() {
    let family = Machine::default().family().unwrap();
    let mdp = family.mdp();
    let choices = |set: &dyn RowSet| robust_values(mdp, set, 1e-10).unwrap().choices;
    let threshold = |choices: &[usize]| {
        let first = choices.iter().position(|&a| a == 1).unwrap_or(choices.len());
        assert!(choices[first..].iter().all(|&a| a == 1), "{choices:?}");
        first
    };
    let (nominal, robust) = (threshold(&choices(&Nominal)), threshold(&choices(&family)));
    assert!(nominal > 0 && nominal < mdp.states(), "{nominal}");
    assert_ne!(nominal, robust, "the example is about a difference");
}

#[test]
fn senseless_radii_and_costs_are_refused() {
    let (mdp, ..) = random(3, 1);
    assert!(Interval::new(1.1).is_err() && Interval::new(f64::NAN).is_err());
    assert!(TotalVariation::new(-0.1).is_err());
    assert!(KullbackLeibler::new(f64::INFINITY).is_err());
    assert!(Wasserstein::squared(&mdp, -1.0).is_err());
    assert!(Wasserstein::new(&mdp, 1.0, vec![0.0; 8]).is_err());
    assert!(Wasserstein::new(&mdp, 1.0, vec![1.0; 9]).is_err(), "staying is not free");
    assert!(robust_values(&mdp, &Nominal, 0.0).is_err());
}
