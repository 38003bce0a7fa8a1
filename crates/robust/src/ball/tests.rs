use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SecondOrderConeT, SolverStatus,
};
use proptest::prelude::*;
use wr2l_rng::{Purpose, Stream, StreamKey};

use super::*;
use crate::linalg::dot;

fn stream(case: u64) -> Stream {
    StreamKey::new(case, Purpose::Test).stream()
}

/// A positive-definite matrix with eigenvalues log-uniform between `10^-decades` and 1.
fn hessian(dim: usize, decades: f64, stream: &mut Stream) -> DMatrix<f64> {
    let q = DMatrix::from_fn(dim, dim, |_, _| stream.normal()).qr().q();
    let eigenvalues = nalgebra::DVector::from_fn(dim, |_, _| 10_f64.powf(stream.uniform(-decades, 0.0)));
    let h = &q * DMatrix::from_diagonal(&eigenvalues) * q.transpose();
    (&h + h.transpose()) * 0.5
}

fn unbounded(hessian: &DMatrix<f64>, epsilon: f64) -> Ball {
    let dim = hessian.nrows();
    let metric = Metric::new(hessian, 1e-12).unwrap();
    Ball::new(metric, epsilon, vec![f64::NEG_INFINITY; dim], vec![f64::INFINITY; dim]).unwrap()
}

/// A ball whose box cuts the ellipsoid in some coordinates: bounds between 0.1 and 3 times the joint extent.
fn cut(dim: usize, stream: &mut Stream) -> Ball {
    let hessian = hessian(dim, 4.0, stream);
    let epsilon = stream.uniform(0.01, 1.0);
    let whole = unbounded(&hessian, epsilon);
    let ranges = whole.ranges().unwrap();
    let mut bound = |extent: f64| extent * stream.uniform(0.1, 1.0) * 3_f64.powf(stream.uniform(-1.0, 1.0));
    let (lower, upper) = ranges.iter().map(|r| (bound(r.jointly.0), bound(r.jointly.1))).unzip();
    Ball::new(whole.metric().clone(), epsilon, lower, upper).unwrap()
}

/// The minimiser by a general interior-point solver: a second-order cone and linear inequalities.
fn judge(ball: &Ball, g: &[f64]) -> Vec<f64> {
    let dim = ball.dim();
    let l = ball.metric().hessian().clone().cholesky().unwrap().l();
    // A x + s = b with s in the cones: (√(2ε), Lᵀx), u − x ≥ 0, x − l ≥ 0.
    let mut rows = vec![vec![0.0; dim]];
    let mut b = vec![(2.0 * ball.epsilon()).sqrt()];
    for i in 0..dim {
        rows.push((0..dim).map(|j| -l[(j, i)]).collect());
        b.push(0.0);
    }
    let mut inequalities = 0;
    for (sign, bounds) in [(1.0, ball.upper()), (-1.0, ball.lower())] {
        for i in (0..dim).filter(|&i| bounds[i].is_finite()) {
            rows.push((0..dim).map(|j| if i == j { sign } else { 0.0 }).collect());
            b.push(sign * bounds[i]);
            inequalities += 1;
        }
    }
    let mut cones = vec![SecondOrderConeT(dim + 1)];
    if inequalities > 0 {
        cones.push(NonnegativeConeT(inequalities));
    }
    let a = CscMatrix::from(&rows);
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .tol_gap_abs(1e-11)
        .tol_gap_rel(1e-11)
        .tol_feas(1e-11)
        .build()
        .unwrap();
    let mut solver = DefaultSolver::new(&CscMatrix::zeros((dim, dim)), g, &a, &b, &cones, settings).unwrap();
    solver.solve();
    assert!(matches!(solver.solution.status, SolverStatus::Solved | SolverStatus::AlmostSolved));
    solver.solution.x.clone()
}

#[test]
fn equation_10_equals_a_general_convex_solver() {
    for case in 0..40 {
        let mut stream = stream(case);
        let dim = 1 + case as usize % 12;
        let ball = unbounded(&hessian(dim, 4.0, &mut stream), stream.uniform(0.01, 1.0));
        let g: Vec<f64> = (0..dim).map(|_| stream.normal()).collect();
        let z = ball.minimiser(&g).unwrap().unwrap();
        assert!((ball.value(&z) / ball.epsilon() - 1.0).abs() < 1e-10, "eq. 10 lies on the boundary");
        let closed = -(2.0 * ball.epsilon() * ball.metric().inner(&g, &g)).sqrt();
        assert!((dot(&g, &z) / closed - 1.0).abs() < 1e-10);
        let other = judge(&ball, &g);
        assert!((dot(&g, &z) / dot(&g, &other) - 1.0).abs() < 1e-7, "case {case}");
        let gap: Vec<f64> = z.iter().zip(&other).map(|(a, b)| a - b).collect();
        assert!(ball.value(&gap) < 1e-6 * ball.epsilon(), "case {case}");
    }
}

#[test]
fn the_minimiser_over_ball_and_box_equals_a_general_convex_solver() {
    let mut active = 0;
    for case in 0..150 {
        let mut stream = stream(1000 + case);
        let ball = cut(1 + case as usize % 21, &mut stream);
        let g: Vec<f64> = (0..ball.dim()).map(|_| stream.normal()).collect();
        let z = ball.minimiser(&g).unwrap().unwrap();
        assert!(ball.contains(&z));
        let other = judge(&ball, &g);
        let (ours, theirs) = (dot(&g, &z), dot(&g, &other));
        assert!((ours - theirs).abs() < 1e-7 * theirs.abs(), "case {case}: {ours} {theirs}");
        active += usize::from(!ball.contains(&ball.ellipsoid_minimiser(&g).unwrap().unwrap()));
    }
    assert!(active > 75, "the box must matter in most cases, not in {active}");
}

#[test]
fn a_box_inside_the_ellipsoid_gives_its_corner() {
    let hessian = DMatrix::from_row_slice(2, 2, &[1.0, 0.3, 0.3, 0.5]);
    let ball =
        Ball::new(Metric::new(&hessian, 1e-6).unwrap(), 10.0, vec![-1.0, -2.0], vec![3.0, 0.5]).unwrap();
    assert_eq!(ball.minimiser(&[1.0, -1e-9]).unwrap().unwrap(), [-1.0, 0.5]);
    // A coordinate that does not enter the loss goes where it costs the least of the ball.
    assert_eq!(ball.minimiser(&[1.0, 0.0]).unwrap().unwrap(), [-1.0, 0.5]);
    let z = ball.minimiser(&[-1.0, 0.0]).unwrap().unwrap();
    assert!(z[0] == 3.0 && (z[1] + 1.8).abs() < 1e-12, "{z:?}");
}

/// Each coordinate takes a step of its own to its bound.
#[test]
fn the_corner_of_a_hundred_parameters_is_reached() {
    let dim = 100;
    let upper: Vec<f64> = (0..dim).map(|i| 1e-3 * (1.0 + i as f64)).collect();
    let (matrix, start) = (DMatrix::identity(dim, dim), box_qp::BoxPoint::origin(dim));
    let found = box_qp::minimise(&matrix, &vec![-1.0; dim], &vec![-1.0; dim], &upper, start).unwrap();
    assert_eq!(found.y, upper);
}

#[test]
fn a_gradient_of_wildly_different_entries_is_followed_in_order() {
    // The first coordinate cannot move the way it wants, so the second decides although it is 200 orders smaller.
    let metric = Metric::new(&DMatrix::identity(2, 2), 1e-6).unwrap();
    let ball = Ball::new(metric, 0.5, vec![0.0, -0.5], vec![1.0, 0.5]).unwrap();
    assert_eq!(ball.minimiser(&[1.0, 1e-200]).unwrap().unwrap(), [0.0, -0.5]);
    let metric = Metric::new(&DMatrix::identity(2, 2), 1e-6).unwrap();
    let ball = Ball::new(metric, 0.5, vec![-0.6, -9.0], vec![0.6, 9.0]).unwrap();
    let z = ball.minimiser(&[1.0, 1e-30]).unwrap().unwrap();
    assert!((z[0] + 0.6).abs() < 1e-15 && (z[1] + 0.8).abs() < 1e-12, "{z:?}");
}

#[test]
fn no_direction_is_no_signal_and_nonsense_an_error() {
    let ball = cut(3, &mut stream(5));
    assert_eq!(ball.minimiser(&[0.0; 3]), Ok(None));
    assert_eq!(ball.minimiser(&[-0.0; 3]), Ok(None));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(ball.minimiser(&[0.0, bad, 1.0]), Err(RobustError::NotFinite { index: 1, .. })));
        assert!(!ball.contains(&[0.0, bad, 0.0]));
    }
    assert!(matches!(ball.minimiser(&[1.0]), Err(RobustError::Dimension { expected: 3, got: 1, .. })));
}

/// Numbers of every size a floating-point number has.
fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => -1.0..1.0,
        1 => Just(0.0),
        2 => (-300_i32..300, -1.0..1.0).prop_map(|(e, m)| 10_f64.powi(e) * m),
        1 => Just(f64::MAX),
        1 => Just(f64::MIN_POSITIVE * 1e-10),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_minimiser_is_feasible_and_descends(
        g in prop::collection::vec(wild(), 1..9),
        bounds in prop::collection::vec((wild(), wild()), 9),
        exponent in -100_i32..100,
        decades in 0.0..14.0,
        case in 0_u64..1_000_000,
    ) {
        let mut stream = stream(case);
        let dim = g.len();
        let size = 10_f64.powi(exponent);
        let hessian = hessian(dim, decades, &mut stream) * size;
        let epsilon = 10_f64.powf(stream.uniform(-6.0, 6.0)) * size;
        let lower = bounds[..dim].iter().map(|b| -b.0.abs()).collect();
        let upper = bounds[..dim].iter().map(|b| b.1.abs()).collect();
        let ball = Ball::new(Metric::new(&hessian, 1e-8).unwrap(), epsilon, lower, upper).unwrap();
        match ball.minimiser(&g).unwrap() {
            Some(z) => {
                prop_assert!(ball.contains(&z), "{z:?} {}", ball.value(&z) / epsilon);
                let largest = g.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
                let unit: Vec<f64> = g.iter().map(|v| v / largest).collect();
                let reach: f64 = unit.iter().zip(&z).map(|(g, z)| (g * z).abs()).sum();
                // Below the smallest normal number nothing is accurate.
                let tolerance = 1e-9 * reach + f64::MIN_POSITIVE;
                prop_assert!(dot(&unit, &z) <= tolerance, "{}", dot(&unit, &z));
            }
            None => prop_assert!(g.iter().any(|&v| v == 0.0 || v.abs() < 1e-280)),
        }
        let uniform = ball.uniform().unwrap().sample(&mut stream);
        prop_assert!(ball.contains(&uniform));
        let boundary = ball.boundary(&mut stream).unwrap();
        prop_assert!(ball.contains(&boundary));
    }

    #[test]
    fn points_between_feasible_points_are_feasible(case in 0_u64..1_000_000, share in 0.0..1.0) {
        let mut stream = stream(case);
        let ball = cut(1 + case as usize % 8, &mut stream);
        let (a, b) = (ball.boundary(&mut stream).unwrap(), ball.boundary(&mut stream).unwrap());
        let between: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a + share * (b - a)).collect();
        prop_assert!(ball.contains(&ball.pull_inside(&between).unwrap()));
    }
}

#[test]
fn ranges_are_the_extents_of_the_ellipsoid_and_of_its_cut() {
    let hessian = DMatrix::from_row_slice(2, 2, &[2.0, 1.0, 1.0, 3.0]);
    let inverse = hessian.clone().try_inverse().unwrap();
    let whole = unbounded(&hessian, 0.1).ranges().unwrap();
    for i in 0..2 {
        let (alone, jointly) = ((0.2 / hessian[(i, i)]).sqrt(), (0.2 * inverse[(i, i)]).sqrt());
        assert!((whole[i].alone.1 - alone).abs() < 1e-12 && (whole[i].alone.0 + alone).abs() < 1e-12);
        assert!((whole[i].jointly.1 - jointly).abs() < 1e-12 && (whole[i].jointly.0 + jointly).abs() < 1e-12);
    }
    // With the second coordinate held at 0, jointly is alone.
    let metric = Metric::new(&hessian, 1e-9).unwrap();
    let held = Ball::new(metric, 0.1, vec![-9.0, 0.0], vec![9.0, 0.0]).unwrap().ranges().unwrap();
    assert!((held[0].jointly.1 - held[0].alone.1).abs() < 1e-12);
    assert_eq!(held[1], Range { alone: (0.0, 0.0), jointly: (0.0, 0.0) });
}

#[test]
fn epsilon_for_a_half_width_gives_it_to_the_median_parameter() {
    let hessian = DMatrix::from_diagonal(&nalgebra::DVector::from_vec(vec![4.0, 0.01, 1.0]));
    let metric = Metric::new(&hessian, 1e-9).unwrap();
    let epsilon = metric.epsilon_for_half_width(0.3).unwrap();
    let ball = Ball::new(metric.clone(), epsilon, vec![-9.0; 3], vec![9.0; 3]).unwrap();
    let widths: Vec<f64> = ball.ranges().unwrap().iter().map(|r| r.alone.1).collect();
    assert!((widths[2] - 0.3).abs() < 1e-12 && widths[0] < 0.3 && widths[1] > 0.3, "{widths:?}");
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(metric.epsilon_for_half_width(bad).is_err());
    }
    let one = Metric::new(&DMatrix::from_element(1, 1, 8.0), 1e-9).unwrap();
    assert!((one.epsilon_for_half_width(0.5).unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn singular_and_indefinite_hessians_are_lifted() {
    let direction = [3.0, 4.0];
    for negative in [0.0, -0.05] {
        // Eigenvalue 25 along (3, 4)/5, `negative` across it.
        let hessian = DMatrix::from_fn(2, 2, |i, j| {
            let across = [-direction[1], direction[0]];
            direction[i] * direction[j] + negative * across[i] * across[j] / 25.0
        });
        let metric = Metric::new(&hessian, 0.01).unwrap();
        let floor = 0.01 * (25.0 + negative) / 2.0;
        assert!((metric.floor() - floor).abs() < 1e-12);
        assert!((metric.eigenvalues()[0] - negative).abs() < 1e-12);
        assert!((metric.value(&[-4.0, 3.0]) - 0.5 * floor * 25.0).abs() < 1e-9, "the lifted direction");
        assert!((metric.value(&direction) - 0.5 * 625.0).abs() < 1e-9, "the other is untouched");
    }
}

#[test]
fn senseless_hessians_radii_and_bounds_are_refused() {
    let good = DMatrix::identity(2, 2);
    let metric = |h: &DMatrix<f64>| Metric::new(h, 1e-4);
    assert!(matches!(metric(&DMatrix::zeros(2, 2)), Err(RobustError::NoCurvature { .. })));
    assert!(matches!(metric(&-good.clone()), Err(RobustError::NoCurvature { .. })));
    assert!(matches!(metric(&DMatrix::zeros(2, 3)), Err(RobustError::Dimension { .. })));
    assert!(matches!(metric(&DMatrix::zeros(0, 0)), Err(RobustError::Dimension { .. })));
    let mut nan = good.clone();
    nan[(0, 1)] = f64::NAN;
    assert!(matches!(metric(&nan), Err(RobustError::NotFinite { .. })));
    let skewed = DMatrix::from_row_slice(2, 2, &[1.0, 0.1, 0.2, 1.0]);
    assert!(matches!(metric(&skewed), Err(RobustError::Asymmetric { .. })));
    for ridge in [0.0, -1.0, f64::NAN, 2.0] {
        assert!(matches!(Metric::new(&good, ridge), Err(RobustError::Parameter { name: "ridge", .. })));
    }
    let ball = |epsilon, lower: f64, upper: f64| {
        Ball::new(metric(&good).unwrap(), epsilon, vec![-1.0, lower], vec![1.0, upper])
    };
    for epsilon in [0.0, -0.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(ball(epsilon, -1.0, 1.0), Err(RobustError::Parameter { name: "epsilon", .. })));
    }
    for (lower, upper) in [(0.1, 1.0), (-1.0, -0.1), (f64::NAN, 1.0), (-1.0, f64::NAN)] {
        assert!(matches!(ball(0.1, lower, upper), Err(RobustError::Bounds { index: 1, .. })));
    }
    assert!(Ball::new(metric(&good).unwrap(), 0.1, vec![-1.0], vec![1.0, 1.0]).is_err());
}

#[test]
fn the_cosine_is_that_of_the_steps_in_the_metric() {
    let mut stream = stream(77);
    let metric = Metric::new(&hessian(5, 3.0, &mut stream), 1e-9).unwrap();
    let g: Vec<Vec<f64>> = (0..2).map(|_| (0..5).map(|_| stream.normal()).collect()).collect();
    let steps: Vec<_> = g.iter().map(|g| nalgebra::DVector::from_vec(metric.solve(g))).collect();
    let inner = |a: usize, b: usize| steps[a].dot(&(metric.hessian() * &steps[b]));
    let expected = inner(0, 1) / (inner(0, 0) * inner(1, 1)).sqrt();
    assert!((metric.cosine(&g[0], &g[1]).unwrap() - expected).abs() < 1e-12);
    let tiny: Vec<f64> = g[0].iter().map(|v| v * 1e-250).collect();
    assert!((metric.cosine(&tiny, &g[0]).unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(metric.cosine(&[0.0; 5], &g[0]), None);
    assert_eq!(metric.cosine(&[f64::NAN; 5], &g[0]), None);
}

/// √n times the largest distance between the empirical distribution and `cdf`; 1.95 is its 99.9 % point.
fn kolmogorov_smirnov(mut values: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let distance = values.iter().enumerate().map(|(i, &v)| {
        let (below, at) = (i as f64 / n, (i + 1) as f64 / n);
        (cdf(v) - below).abs().max((cdf(v) - at).abs())
    });
    distance.fold(0.0, f64::max) * n.sqrt()
}

/// The same between two samples of equal size.
fn two_sample(a: &[f64], b: &[f64]) -> f64 {
    let mut sorted = b.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    kolmogorov_smirnov(a.to_vec(), |v| sorted.partition_point(|b| *b <= v) as f64 / n) / 2_f64.sqrt()
}

/// Whitened coordinates `Lᵀz/√(2ε)`: the ellipsoid becomes the unit ball.
fn whitened(ball: &Ball, z: &[f64]) -> nalgebra::DVector<f64> {
    let l = ball.metric().hessian().clone().cholesky().unwrap().l();
    l.transpose() * nalgebra::DVector::from_column_slice(z) / (2.0 * ball.epsilon()).sqrt()
}

/// Checks that the directions of points in whitened coordinates have no preferred axis.
fn assert_isotropic(points: &[nalgebra::DVector<f64>]) {
    let (n, d) = (points.len() as f64, points[0].len());
    let mut mean = nalgebra::DVector::zeros(d);
    let mut second = DMatrix::zeros(d, d);
    for p in points {
        let u = p.normalize();
        mean += &u / n;
        second += &u * u.transpose() / n;
    }
    // Five standard errors: components have variance 1/d, products at most 2/d² (and 0 for d = 1).
    assert!(mean.amax() < 5.0 / (d as f64 * n).sqrt(), "{mean}");
    let off = (second - DMatrix::identity(d, d) / d as f64).amax();
    assert!(off < 5.0 * 2_f64.sqrt() / d as f64 / n.sqrt() + 1e-12, "{off}");
}

#[test]
fn uniform_ball_samples_fill_the_ellipsoid() {
    for dim in [1, 2, 3, 5, 11] {
        let mut stream = stream(dim as u64);
        let ball = unbounded(&hessian(dim, 4.0, &mut stream), 0.3);
        let sampler = ball.uniform().unwrap();
        let points: Vec<_> = (0..5000).map(|_| whitened(&ball, &sampler.sample(&mut stream))).collect();
        let radii = points.iter().map(|p| p.norm()).collect();
        let statistic = kolmogorov_smirnov(radii, |r| r.powi(dim as i32));
        assert!(statistic < 1.95, "radial law in {dim} dimensions: {statistic}");
        assert_isotropic(&points);
    }
}

#[test]
fn uniform_samples_of_the_cut_ball_agree_with_plain_rejection_and_with_the_walk() {
    for case in 0..4 {
        let mut stream = stream(200 + case);
        let ball = cut(2 + case as usize, &mut stream);
        let sampler = ball.uniform().unwrap();
        let whole = unbounded(ball.metric().hessian(), ball.epsilon()).uniform().unwrap();
        let plain: Vec<_> = std::iter::repeat_with(|| whole.sample(&mut stream))
            .filter(|z| ball.contains(z))
            .take(1000)
            .collect();
        let ours: Vec<_> = (0..1000).map(|_| sampler.sample(&mut stream)).collect();
        let walked: Vec<_> = (0..1000).map(|_| sampler.walked(&mut stream)).collect();
        for (name, sample) in [("mixed", &ours), ("walk", &walked)] {
            assert!(sample.iter().all(|z| ball.contains(z)));
            let compare = |f: &dyn Fn(&Vec<f64>) -> f64| {
                let of = |points: &[Vec<f64>]| points.iter().map(f).collect::<Vec<_>>();
                two_sample(&of(sample), &of(&plain))
            };
            for i in 0..ball.dim() {
                let statistic = compare(&|z| z[i]);
                assert!(statistic < 2.2, "{name}, case {case}, coordinate {i}: {statistic}");
            }
            let statistic = compare(&|z| ball.value(z));
            assert!(statistic < 2.2, "{name}, case {case}, value: {statistic}");
        }
    }
}

#[test]
fn nearly_free_directions_do_not_starve_the_sampler() {
    // Shaped like Hopper in 11 dimensions at ε = 0.1: eigenvalues from 2.6e-4 to 2, bounds of −0.9 to 3.
    let mut stream = stream(300);
    let mut hessian = hessian(11, 0.5, &mut stream) * 2.0;
    let shrink: Vec<f64> = (0..11).map(|i| 10_f64.powf(-2.0 * f64::from(i) / 10.0)).collect();
    hessian = DMatrix::from_fn(11, 11, |i, j| hessian[(i, j)] * shrink[i] * shrink[j]);
    let metric = Metric::new(&hessian, Metric::DEFAULT_RIDGE).unwrap();
    let ball = Ball::new(metric, 0.1, vec![-0.9; 11], vec![3.0; 11]).unwrap();
    let acceptance = ball.uniform().unwrap().acceptance(20_000, &mut stream);
    assert!(acceptance > 1e-3, "{acceptance}");
}

#[test]
fn flat_and_one_sided_bounds_are_sampled() {
    let mut stream = stream(400);
    let metric = Metric::new(&hessian(3, 1.0, &mut stream), 1e-6).unwrap();
    let ball = Ball::new(metric.clone(), 0.5, vec![0.0, 0.0, -1.0], vec![0.0, 1.0, 1.0]).unwrap();
    let sampler = ball.uniform().unwrap();
    for _ in 0..100 {
        let z = sampler.sample(&mut stream);
        assert!(z[0] == 0.0 && z[1] > 0.0 && ball.contains(&z));
    }
    let point = Ball::new(metric, 0.5, vec![0.0; 3], vec![0.0; 3]).unwrap();
    assert_eq!(point.uniform().unwrap().sample(&mut stream), [0.0; 3]);
    assert_eq!(point.boundary(&mut stream).unwrap(), [0.0; 3]);
}

#[test]
fn boundary_points_lie_on_the_boundary_in_every_direction_alike() {
    let mut stream = stream(500);
    let ball = unbounded(&hessian(5, 4.0, &mut stream), 0.3);
    let points: Vec<_> = (0..5000).map(|_| whitened(&ball, &ball.boundary(&mut stream).unwrap())).collect();
    assert!(points.iter().all(|p| (p.norm() - 1.0).abs() < 1e-9));
    assert_isotropic(&points);
    // Cut by a box, a point still uses the whole ball unless all its coordinates are held by the box.
    for case in 0..50 {
        let ball = cut(1 + case % 11, &mut stream);
        let z = ball.boundary(&mut stream).unwrap();
        let held = (0..z.len()).filter(|&i| z[i] == ball.lower()[i] || z[i] == ball.upper()[i]).count();
        assert!(held == z.len() || (ball.value(&z) / ball.epsilon() - 1.0).abs() < 1e-9, "{z:?}");
    }
}

#[test]
fn samples_are_the_same_for_the_same_key() {
    let ball = cut(6, &mut stream(600));
    let sampler = ball.uniform().unwrap();
    assert_eq!(sampler.sample(&mut stream(1)), sampler.sample(&mut stream(1)));
    assert_ne!(sampler.sample(&mut stream(1)), sampler.sample(&mut stream(2)));
    assert_eq!(ball.boundary(&mut stream(1)), ball.boundary(&mut stream(1)));
}

#[test]
fn a_point_beyond_the_ellipsoid_comes_to_its_surface_straight_and_one_within_stays() {
    let mut stream = stream(77);
    for (dim, epsilon) in [(1, 0.01), (2, 0.3), (3, 1.0), (5, 40.0)] {
        let ball = unbounded(&hessian(dim, 2.0, &mut stream), epsilon);
        for share in [0.5, 1.0 + 1e-9, 1.5, 30.0] {
            let mut z = vec![0.0; dim];
            stream.fill_normal(&mut z);
            let stretch = share * (epsilon / ball.value(&z)).sqrt();
            z.iter_mut().for_each(|z| *z *= stretch);
            let pulled = ball.pull_inside(&z).unwrap();
            assert!(ball.contains(&pulled));
            let kept = f64::min(1.0, 1.0 / share);
            assert!(
                pulled.iter().zip(&z).all(|(p, z)| (p - kept * z).abs() <= 1e-9 * z.abs()),
                "{dim} {share}"
            );
        }
    }
}
