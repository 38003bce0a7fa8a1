//! The ball and the adversary by simulation alone, beside the exact distance and the exact worst case.

use wr2l_finite::{Family, GridWorld, Machine, Nominal, TabularPolicy, exact_values, robust_values};
use wr2l_nn::{Normaliser, Policy};
use wr2l_rl::{Actor, Threads};
use wr2l_robust::adversary::{Turn, Wasserstein};
use wr2l_robust::ball::Ball;
use wr2l_robust::hessian::{GaussNewton, TransportEstimator};
use wr2l_robust::phase_one::{PhaseOne, SearchKind};
use wr2l_robust::{
    Adversary, AdversaryConfig, BallConfig, BallEstimate, BallMeasure, Pairs, PairsConfig, transport,
};
use wr2l_sim::ActionSpace;

/// W of Eq. 7 at φ: the mean over the pairs, each distance by exact transport.
fn exact_w(family: &Family, pairs: &Pairs, phi: &[f64]) -> f64 {
    let mdp = family.mdp();
    let (n, m, k) = (mdp.states(), mdp.actions(), mdp.position_dim());
    let (moved, costs) = (family.transitions(phi), mdp.squared_distances());
    let mut of_row = vec![f64::NAN; n * m];
    let mut sum = 0.0;
    for (position, action) in pairs.states.chunks_exact(k).zip(&pairs.actions) {
        let s = (0..n).find(|&s| mdp.position(s) == position).unwrap();
        let row = s * m + *action as usize;
        if of_row[row].is_nan() {
            let q = &moved[row * n..][..n];
            of_row[row] = transport::discrete(mdp.row(s, *action as usize), q, &costs).unwrap();
        }
        sum += of_row[row];
    }
    sum / pairs.len as f64
}

fn setting(family: &Family, epsilon: f64, count: usize, samples: usize) -> (Threads, BallEstimate, Ball) {
    let simulator = family.simulator("finite");
    let mut executor = Threads::with_lanes(&simulator, 1, 8).unwrap();
    let pairs = PairsConfig { count, pool: count, target_error: 0.0, samples, ..PairsConfig::default() };
    let config = BallConfig {
        epsilon,
        measure: BallMeasure::Measured,
        transport: TransportEstimator::Empirical,
        // W has a kink at the reference: its second-order form is that of the secant at the size of the ball.
        gauss_newton: GaussNewton { step: 0.3 },
        pairs,
        ..BallConfig::default()
    };
    let estimate = BallEstimate::new(&mut executor, &config, 5).unwrap();
    let ball = estimate.ball(simulator.space(), &config).unwrap();
    (executor, estimate, ball)
}

/// A network without hidden layers that nearly always does what is best under the reference.
fn best_at_the_reference(family: &Family) -> Actor {
    let mdp = family.mdp();
    let (n, m) = (mdp.states(), mdp.actions());
    let choices = robust_values(mdp, &Nominal, 1e-9).unwrap().choices;
    let policy = Policy::categorical(n, &[], m).unwrap();
    let mut params = vec![0.0; policy.parameters()];
    choices.iter().enumerate().for_each(|(s, a)| params[a * n + s] = 8.0);
    Actor::new(policy, params, Normaliser::identity(n), ActionSpace::Discrete { n: m }).unwrap()
}

fn families() -> [(Family, f64); 2] {
    [(Machine::default().family().unwrap(), 0.4), (GridWorld::default().family().unwrap(), 0.08)]
}

#[test]
fn the_distance_by_samples_is_the_exact_one() {
    for (family, epsilon) in families() {
        let (mut executor, estimate, _) = setting(&family, epsilon, 400, 48);
        assert_eq!(estimate.measure(&mut executor, &[0.0, 0.0]).unwrap().0, 0.0);
        for z in [[0.3, 0.0], [0.0, 0.3], [0.5, 0.5], [1.0, 1.0]] {
            let (sampled, _) = estimate.measure(&mut executor, &z).unwrap();
            let exact = exact_w(&family, &estimate.pairs, &family.space().physical(&z));
            // Some 20,000 draws, of which a few in a hundred move.
            assert!((sampled / exact - 1.0).abs() < 0.15, "{z:?}: {sampled} {exact}");
        }
    }
}

#[test]
fn the_measured_ball_ends_where_the_exact_distance_is_epsilon() {
    for (family, epsilon) in families() {
        let (mut executor, estimate, ball) = setting(&family, epsilon, 400, 32);
        for direction in [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.3]] {
            let (reach, _) = estimate.reach(&mut executor, &ball, &direction).unwrap();
            let z = direction.map(|d| reach[0] * d);
            let exact = exact_w(&family, &estimate.pairs, &family.space().physical(&z));
            let at_bound = z.iter().any(|z| *z >= 1.0);
            assert!(
                exact < 1.15 * epsilon && (at_bound || exact > 0.85 * epsilon),
                "{z:?}: {exact} {epsilon}"
            );
        }
    }
}

#[test]
fn the_adversary_takes_nine_tenths_of_what_the_ball_lets_be_lost() {
    for (family, epsilon) in families() {
        let (mut executor, estimate, ball) = setting(&family, epsilon, 300, 12);
        let mdp = family.mdp();
        let actor = best_at_the_reference(&family);
        let policy = TabularPolicy::of_actor(mdp, &actor, false).unwrap();
        let value = |z: &[f64]| {
            let table = family.transitions(&family.space().physical(z));
            mdp.from_start(&exact_values(mdp, &table, &policy).unwrap())
        };
        // By enumeration of a grid over the whole box.
        let (lower, upper) = (family.space().lower_z(), family.space().upper_z());
        let steps = 30;
        let mut worst = f64::INFINITY;
        for k in 0..(steps + 1) * (steps + 1) {
            let share = [k % (steps + 1), k / (steps + 1)].map(|i| i as f64 / steps as f64);
            let z = [0, 1].map(|i| lower[i] + share[i] * (upper[i] - lower[i]));
            if exact_w(&family, &estimate.pairs, &family.space().physical(&z)) <= epsilon {
                worst = worst.min(value(&z));
            }
        }
        let search = PhaseOne { search: SearchKind::Surrogate, ..PhaseOne::default() };
        let config = AdversaryConfig {
            phase_one: search,
            episodes: 40,
            return_discount: mdp.discount(),
            ..AdversaryConfig::default()
        };
        let pairs = estimate.pairs.clone();
        let mut adversary = Wasserstein::new(estimate, ball, config).unwrap();
        let turn = Turn { seed: 3, index: 0, progress: 0.0, current: &[0.0, 0.0] };
        let choice = adversary.choose(&turn, &actor, &mut executor).unwrap();
        let z = choice.source.point().unwrap().to_vec();
        assert!(exact_w(&family, &pairs, &family.space().physical(&z)) < 1.15 * epsilon, "{z:?}");
        let (found, nominal) = (value(&z), value(&[0.0, 0.0]));
        assert!(found < worst + 0.1 * (nominal - worst), "{found} at {z:?}: {worst}, from {nominal}");
        assert!(worst < nominal - 0.02 * nominal.abs(), "there is something to find");
    }
}
