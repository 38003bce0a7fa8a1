//! What the paper's search finds beside the exact worst case.

use wr2l_finite::{Family, RandomMdp, TabularPolicy, exact_values, robust_policy_values, robust_values};
use wr2l_robust::ball::{Ball, Metric};
use wr2l_robust::gradient::{Gradient, GradientEstimator};
use wr2l_robust::phase_one::PhaseOne;
use wr2l_robust::{DMatrix, FnObjective, transport};

/// The bounds at which every parameter alone brings W₂² of one of its rows to ε: with a parameter a row this is Eq. 6.
fn within_epsilon(family: &Family, epsilon: f64) -> Family {
    let (mdp, space) = (family.mdp(), family.space());
    let (n, costs) = (mdp.states(), mdp.squared_distances());
    let farthest = |i: usize, value: f64| {
        let mut phi = space.nominal();
        phi[i] = value;
        let moved = family.transitions(&phi);
        let rows = mdp.transitions().chunks_exact(n).zip(moved.chunks_exact(n)).filter(|(p, q)| p != q);
        rows.map(|(p, q)| transport::discrete(p, q, &costs).unwrap()).fold(0.0, f64::max)
    };
    let upper = space.parameters().iter().enumerate().map(|(i, parameter)| {
        let (mut low, mut high) = (0.0, parameter.upper);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if farthest(i, middle) <= epsilon { low = middle } else { high = middle }
        }
        low
    });
    family.within(&space.nominal(), &upper.collect::<Vec<_>>()).unwrap()
}

#[test]
fn phase_one_finds_the_exact_worst_case_of_random_processes() {
    // A parameter for each of 30 to 100 rows, bounded by W₂² ≤ ε for every state and action: a rectangular set, so that
    // robust value iteration is exact.
    for seed in 0..20 {
        let states = 15 + 35 * seed as usize / 19;
        let config = RandomMdp { states, actions: 2, groups: 2 * states, ..RandomMdp::default() };
        let family = within_epsilon(&config.family(seed).unwrap(), 0.02);
        let (mdp, space) = (family.mdp(), family.space());
        let best = robust_values(mdp, &family, 1e-10).unwrap();
        let policy = TabularPolicy::deterministic(mdp, &best.choices).unwrap();
        let exact = mdp.from_start(&robust_policy_values(mdp, &policy, &family, 1e-10).unwrap().values);

        let dim = space.dim();
        let value = |z: &[f64]| {
            let table = family.transitions(&space.physical(z));
            mdp.from_start(&exact_values(mdp, &table, &policy).unwrap())
        };
        let nominal = value(&vec![0.0; dim]);
        let metric = Metric::new(&DMatrix::identity(dim, dim), Metric::DEFAULT_RIDGE).unwrap();
        // So wide that the bounds alone count.
        let ball = Ball::new(metric, dim as f64, space.lower_z(), space.upper_z()).unwrap();
        let gradient =
            Gradient { estimator: GradientEstimator::LeastSquares, pairs: 2 * dim, ..Gradient::default() };
        let search = PhaseOne { gradient, max_inner: 5, ..PhaseOne::default() };
        let found = search.run(&mut FnObjective::new(dim, value), &ball, &vec![0.0; dim], seed, 0).unwrap();
        assert!(found.value >= exact - 1e-9, "nothing is worse than the worst: {} {exact}", found.value);
        assert!(nominal - exact > 0.02 * nominal, "there is something to find: {nominal} {exact}");
        assert!(found.value <= exact + 0.05 * exact.abs(), "seed {seed}: {} {exact}", found.value);
        let gap = (found.value - exact) / (nominal - exact);
        assert!(gap < 0.05, "seed {seed}: {gap} of the way is left");
    }
}
