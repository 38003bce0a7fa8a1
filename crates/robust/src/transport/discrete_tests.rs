use proptest::prelude::*;
use wr2l_rng::{Purpose, Stream, StreamKey};

use super::{discrete, empirical};
use crate::RobustError;

fn stream(case: u64) -> Stream {
    StreamKey::new(case, Purpose::Test).stream()
}

/// Masses that add up to 1, about a third of them 0.
fn masses(n: usize, stream: &mut Stream) -> Vec<f64> {
    let mut masses: Vec<f64> = (0..n).map(|_| (stream.uniform(-0.5, 1.0)).max(0.0)).collect();
    masses[0] += 0.1;
    let sum: f64 = masses.iter().sum();
    masses.iter_mut().for_each(|mass| *mass /= sum);
    masses
}

fn squared_distances(x: &[f64], y: &[f64], dim: usize) -> Vec<f64> {
    let points = |x: &[f64]| x.chunks_exact(dim).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let (x, y) = (points(x), points(y));
    x.iter()
        .flat_map(|a| y.iter().map(move |b| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>()))
        .collect()
}

/// The linear program, by a general convex solver.
fn by_clarabel(p: &[f64], q: &[f64], costs: &[f64]) -> f64 {
    use clarabel::algebra::CscMatrix;
    use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, SupportedConeT};
    let (n, m) = (p.len(), q.len());
    // Columns are the couplings; rows: the marginals (the last is implied by the others), then κ ≥ 0.
    let rows = n + m - 1;
    let mut dense = vec![vec![0.0; n * m]; rows + n * m];
    for i in 0..n {
        for j in 0..m {
            dense[i][i * m + j] = 1.0;
            if j + 1 < m {
                dense[n + j][i * m + j] = 1.0;
            }
            dense[rows + i * m + j][i * m + j] = -1.0;
        }
    }
    let a = CscMatrix::from(&dense);
    let mut b = [p, &q[..m - 1]].concat();
    b.resize(rows + n * m, 0.0);
    let settings = DefaultSettings { verbose: false, tol_gap_abs: 1e-11, ..DefaultSettings::default() };
    let cones = [SupportedConeT::ZeroConeT(rows), SupportedConeT::NonnegativeConeT(n * m)];
    let zero = CscMatrix::zeros((n * m, n * m));
    let mut solver = DefaultSolver::new(&zero, costs, &a, &b, &cones, settings).unwrap();
    solver.solve();
    solver.solution.obj_val
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_distance_is_that_of_a_general_solver(n in 1_usize..7, m in 1_usize..7, case in 0_u64..10_000) {
        let mut stream = stream(case);
        let (p, q) = (masses(n, &mut stream), masses(m, &mut stream));
        // Small integers: many ties.
        let costs: Vec<f64> = (0..n * m).map(|_| stream.below(6) as f64).collect();
        let (ours, theirs) = (discrete(&p, &q, &costs).unwrap(), by_clarabel(&p, &q, &costs));
        // The solver keeps to the marginals within 1e-8, which is up to some 1e-7 of its cost (5, 4, 5863).
        prop_assert!((ours - theirs).abs() < 1e-6, "{ours} {theirs}");
    }

    #[test]
    fn equal_masses_are_an_assignment(n in 1_usize..25, dim in 1_usize..4, case in 0_u64..10_000) {
        let mut stream = stream(case);
        let (mut x, mut y) = (vec![0.0; n * dim], vec![0.0; n * dim]);
        stream.fill_normal(&mut x);
        stream.fill_normal(&mut y);
        let share = vec![1.0 / n as f64; n];
        let ours = discrete(&share, &share, &squared_distances(&x, &y, dim)).unwrap();
        let assigned = empirical(&x, &y, dim).unwrap();
        prop_assert!((ours - assigned).abs() < 1e-12 * (1.0 + assigned), "{ours} {assigned}");
    }

    #[test]
    fn on_a_line_the_distance_is_between_distribution_functions(n in 2_usize..20, case in 0_u64..10_000) {
        // W₁ on a line is the area between the distribution functions.
        let mut stream = stream(case);
        let (p, q) = (masses(n, &mut stream), masses(n, &mut stream));
        let costs: Vec<f64> =
            (0..n * n).map(|k| (k / n).abs_diff(k % n) as f64).collect();
        let mut ahead = 0.0;
        let area: f64 = p.iter().zip(&q).map(|(p, q)| { ahead += p - q; f64::abs(ahead) }).sum();
        let ours = discrete(&p, &q, &costs).unwrap();
        prop_assert!((ours - area).abs() < 1e-12, "{ours} {area}");
    }

    #[test]
    fn at_a_distribution_the_distance_has_a_kink(n in 2_usize..12, case in 0_u64..10_000) {
        // Under a metric W(p, (1 − t)p + tq) = t W(p, q). Under its square mass goes more cheaply by many short ways, but
        // close to p the distance is proportional to t all the same: W₂² has no Hessian there.
        let mut stream = stream(case);
        let (p, q) = (masses(n, &mut stream), masses(n, &mut stream));
        let mut x = vec![0.0; 2 * n];
        stream.fill_normal(&mut x);
        let squares = squared_distances(&x, &x, 2);
        let metric: Vec<f64> = squares.iter().map(|d| d.sqrt()).collect();
        let towards = |t: f64, costs: &[f64]| {
            let mixed: Vec<f64> = p.iter().zip(&q).map(|(p, q)| (1.0 - t) * p + t * q).collect();
            discrete(&p, &mixed, costs).unwrap()
        };
        let (whole, square) = (towards(1.0, &metric), towards(1.0, &squares));
        for t in [0.0, 0.1, 0.7] {
            let part = towards(t, &metric);
            prop_assert!((part - t * whole).abs() < 1e-12 * (1.0 + whole), "{t}: {part} {whole}");
            prop_assert!(towards(t, &squares) <= t * square + 1e-12);
        }
        let (near, nearer) = (towards(2e-6, &squares), towards(1e-6, &squares));
        prop_assert!((near - 2.0 * nearer).abs() < 1e-12 && (square < 1e-9 || near > 0.0), "{near} {nearer}");
    }
}

#[test]
fn what_is_no_pair_of_distributions_is_refused() {
    let refused = |p: &[f64], q: &[f64], costs: &[f64]| discrete(p, q, costs).unwrap_err();
    assert!(matches!(refused(&[1.0], &[0.5], &[0.0]), RobustError::Parameter { name: "mass", .. }));
    assert!(matches!(refused(&[0.0], &[0.0], &[0.0]), RobustError::Parameter { name: "mass", .. }));
    assert!(matches!(refused(&[], &[], &[]), RobustError::Parameter { name: "mass", .. }));
    let minus = refused(&[1.5, -0.5], &[1.0], &[0.0, 0.0]);
    assert!(matches!(minus, RobustError::Parameter { name: "mass", .. }));
    let cost = refused(&[1.0], &[1.0], &[-1.0]);
    assert!(matches!(cost, RobustError::Parameter { name: "transport cost", .. }));
    assert!(matches!(refused(&[1.0], &[1.0], &[]), RobustError::Dimension { .. }));
    assert!(matches!(refused(&[1.0], &[1.0], &[f64::NAN]), RobustError::NotFinite { .. }));
}
