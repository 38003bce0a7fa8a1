//! The matrix-free ball beside closed forms and the dense one.

mod bounds;
mod gradient;

use allocation_counter::measure;
use nalgebra::{DMatrix, DVector};
use wr2l_rl::Threads;
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_robust::ball::{Ball, Metric};
use wr2l_robust::hessian::{Distance, FnModel, GaussNewton, TransitionModel, gauss_newton};
use wr2l_robust::matrix_free::{
    BallGradient, ConjugateGradients, DifferencedJacobian, Jacobian, MatrixFreeBall, MatrixFreeMetric,
    MatrixFreeSearch,
};
use wr2l_robust::{FnObjective, Pairs, PairsConfig, RobustError, SimulatedTransitions};
use wr2l_sim::{Simulator, Task, TaskName};

fn stream(case: u64) -> Stream {
    StreamKey::new(case, Purpose::Test).stream()
}

fn normal(n: usize, stream: &mut Stream) -> Vec<f64> {
    let mut out = vec![0.0; n];
    stream.fill_normal(&mut out);
    out
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Any matrix as a Jacobian.
#[derive(Clone, Debug)]
struct Matrix(DMatrix<f64>);

impl Jacobian for Matrix {
    fn dim(&self) -> usize {
        self.0.ncols()
    }

    fn rows(&self) -> usize {
        self.0.nrows()
    }

    fn forward(&mut self, v: &[f64], out: &mut [f64]) {
        out.copy_from_slice((&self.0 * DVector::from_column_slice(v)).as_slice());
    }

    fn backward(&mut self, u: &[f64], out: &mut [f64]) {
        out.copy_from_slice(self.0.tr_mul(&DVector::from_column_slice(u)).as_slice());
    }

    fn squares(&mut self, out: &mut [f64]) {
        out.iter_mut().zip(self.0.column_iter()).for_each(|(out, c)| *out = c.norm_squared());
    }
}

/// Columns whose sizes differ by orders of magnitude, as those of densities and dampings do.
fn random(rows: usize, dim: usize, stream: &mut Stream) -> Matrix {
    let sizes: Vec<f64> = (0..dim).map(|_| 10_f64.powf(stream.uniform(-1.0, 1.0))).collect();
    Matrix(DMatrix::from_fn(rows, dim, |_, i| sizes[i] * stream.normal()))
}

/// The dense ball of the same `H₀ + λI`: nothing of it is lifted.
fn dense(hessian: &DMatrix<f64>, ridge: f64, epsilon: f64, lower: &[f64], upper: &[f64]) -> Ball {
    let dim = hessian.nrows();
    let damped = hessian + DMatrix::identity(dim, dim) * (ridge * hessian.trace() / dim as f64);
    let metric = Metric::new(&damped, 1e-12).unwrap();
    Ball::new(metric, epsilon, lower.to_vec(), upper.to_vec()).unwrap()
}

fn sparse<J: Jacobian>(j: J, ridge: f64, epsilon: f64, bounds: (&[f64], &[f64])) -> MatrixFreeBall<J> {
    let options = ConjugateGradients { tolerance: 1e-13, most_products: 100_000 };
    let metric = MatrixFreeMetric::new(j, ridge).unwrap().with_options(options).unwrap();
    MatrixFreeBall::new(metric, epsilon, bounds.0.to_vec(), bounds.1.to_vec()).unwrap()
}

/// The largest difference of two points, relative to the largest coordinate.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    let largest = a.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    a.iter().zip(b).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / largest
}

#[test]
fn without_bounds_the_worst_point_is_the_dense_balls() {
    for case in 0..30 {
        let mut stream = stream(case);
        let (dim, rows) = (1 + stream.below(30), 1 + stream.below(60));
        let matrix = random(rows, dim, &mut stream);
        let ridge = 10_f64.powf(stream.uniform(-4.0, -1.0));
        let (lower, upper) = (vec![f64::NEG_INFINITY; dim], vec![f64::INFINITY; dim]);
        let full = dense(&(matrix.0.transpose() * &matrix.0), ridge, 0.3, &lower, &upper);
        let mut ball = sparse(matrix, ridge, 0.3, (&lower, &upper));
        let g = normal(dim, &mut stream);
        let mut z = vec![f64::NAN; dim];
        let worst = ball.minimiser(&g, &mut z).unwrap().unwrap();
        let wanted = full.minimiser(&g).unwrap().unwrap();
        assert!(difference(&wanted, &z) < 1e-7 && !worst.bounded, "{case}: {}", difference(&wanted, &z));
        assert!((ball.value(&z) / 0.3 - 1.0).abs() < 1e-9 && worst.residual < 1e-9);
        assert!((full.value(&z) - ball.value(&z)).abs() < 1e-9);
        assert!(ball.metric().taylor(&z) < 0.3);
    }
}

#[test]
fn where_bounds_cut_the_ball_the_worst_point_is_the_dense_balls() {
    let mut bounded = 0;
    for case in 0..60 {
        let mut stream = stream(1000 + case);
        let (dim, rows) = (1 + stream.below(25), 1 + stream.below(50));
        let matrix = random(rows, dim, &mut stream);
        let ridge = 10_f64.powf(stream.uniform(-4.0, -1.0));
        // Some wide, some narrow, some none, some that fix their coordinate.
        let mut bound = || match stream.below(6) {
            0 => 0.0,
            1 => f64::INFINITY,
            _ => 10_f64.powf(stream.uniform(-2.0, 0.5)),
        };
        let lower: Vec<f64> = (0..dim).map(|_| -bound()).collect();
        let upper: Vec<f64> = (0..dim).map(|_| bound()).collect();
        let full = dense(&(matrix.0.transpose() * &matrix.0), ridge, 0.3, &lower, &upper);
        let mut ball = sparse(matrix, ridge, 0.3, (&lower, &upper));
        for _ in 0..4 {
            let g = normal(dim, &mut stream);
            let mut z = vec![0.0; dim];
            let worst = ball.minimiser(&g, &mut z).unwrap().unwrap();
            bounded += usize::from(worst.bounded);
            assert!(ball.contains(&z), "{case}");
            let wanted = full.minimiser(&g).unwrap().unwrap();
            let (reached, least) = (dot(&g, &z), dot(&g, &wanted));
            assert!((reached - least).abs() <= 1e-8 * least.abs(), "{case}: {reached} {least}");
            if least.abs() > 1e-9 {
                assert!(difference(&wanted, &z) < 1e-4, "{case}: {}", difference(&wanted, &z));
            }
            for i in 0..dim {
                let at = |z: f64| (z == lower[i], z == upper[i]);
                assert!(at(wanted[i]) == at(z[i]) || (wanted[i] - z[i]).abs() < 1e-6, "{case}: {i}");
            }
        }
    }
    assert!(bounded > 150, "{bounded}");
}

/// `D (I − 2uuᵀ)`: neither diagonal nor sparse, and its inverse is known.
#[derive(Clone, Debug)]
struct Reflected {
    scales: Vec<f64>,
    mirror: Vec<f64>,
}

impl Reflected {
    fn reflect(&self, v: &mut [f64]) {
        let along = 2.0 * dot(&self.mirror, v);
        v.iter_mut().zip(&self.mirror).for_each(|(v, u)| *v -= along * u);
    }
}

impl Jacobian for Reflected {
    fn dim(&self) -> usize {
        self.scales.len()
    }

    fn rows(&self) -> usize {
        self.scales.len()
    }

    fn forward(&mut self, v: &[f64], out: &mut [f64]) {
        out.copy_from_slice(v);
        self.reflect(out);
        out.iter_mut().zip(&self.scales).for_each(|(out, d)| *out *= d);
    }

    fn backward(&mut self, u: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(u.iter().zip(&self.scales)).for_each(|(out, (u, d))| *out = d * u);
        self.reflect(out);
    }

    fn squares(&mut self, out: &mut [f64]) {
        let mirrored: f64 = self.mirror.iter().zip(&self.scales).map(|(u, d)| (u * d).powi(2)).sum();
        for (i, out) in out.iter_mut().enumerate() {
            let (u, d) = (self.mirror[i], self.scales[i]);
            *out = d * d - 4.0 * u * u * d * d + 4.0 * u * u * mirrored;
        }
    }
}

#[test]
fn a_hundred_thousand_parameters_have_the_closed_form() {
    let (dim, ridge, epsilon) = (100_000, 1e-3, 0.02);
    let mut stream = stream(5);
    let mut mirror = normal(dim, &mut stream);
    let size = dot(&mirror, &mirror).sqrt();
    mirror.iter_mut().for_each(|u| *u /= size);
    let scales: Vec<f64> = (0..dim).map(|_| 10_f64.powf(stream.uniform(-2.0, 1.0))).collect();
    let reflected = Reflected { scales, mirror };
    let g = normal(dim, &mut stream);
    // (Q D² Q + λI)⁻¹ = Q (D² + λI)⁻¹ Q.
    let damping = ridge * dot(&reflected.scales, &reflected.scales) / dim as f64;
    let mut wanted = g.clone();
    reflected.reflect(&mut wanted);
    wanted.iter_mut().zip(&reflected.scales).for_each(|(v, d)| *v /= d * d + damping);
    reflected.reflect(&mut wanted);
    let factor = -(2.0 * epsilon / dot(&g, &wanted)).sqrt();
    wanted.iter_mut().for_each(|v| *v *= factor);
    let metric = MatrixFreeMetric::new(reflected, ridge).unwrap();
    assert!((metric.damping() / damping - 1.0).abs() < 1e-9);
    let (lower, upper) = (vec![f64::NEG_INFINITY; dim], vec![f64::INFINITY; dim]);
    let mut ball = MatrixFreeBall::new(metric, epsilon, lower, upper).unwrap();
    let mut z = vec![0.0; dim];
    let worst = ball.minimiser(&g, &mut z).unwrap().unwrap();
    assert!(difference(&wanted, &z) < 1e-7, "{}", difference(&wanted, &z));
    assert!(worst.products < 1000 && worst.residual <= 1.1e-10, "{worst:?}");
    // Ended early the point is still one of the boundary, and hardly less bad.
    let options = ConjugateGradients { most_products: 10, tolerance: 1e-10 };
    let metric = ball.metric().clone().with_options(options).unwrap();
    let mut early = MatrixFreeBall::new(metric, epsilon, vec![-1e9; dim], vec![1e9; dim]).unwrap();
    let worst = early.minimiser(&g, &mut z).unwrap().unwrap();
    assert!(worst.residual > 1e-6 && worst.products == 11);
    assert!((early.value(&z) / epsilon - 1.0).abs() < 1e-9 && dot(&g, &z) < 0.5 * dot(&g, &wanted));
}

#[test]
fn damping_costs_no_more_than_the_root_of_two_of_the_lifted_ball() {
    for case in 0..20 {
        let mut stream = stream(2000 + case);
        // Fewer rows than parameters: the Hessian is singular.
        let matrix = random(5, 12, &mut stream);
        let lifted = Metric::new(&(matrix.0.transpose() * &matrix.0), 1e-3).unwrap();
        let mut damped = MatrixFreeMetric::new(matrix, 1e-3).unwrap();
        assert!((damped.damping() / lifted.floor() - 1.0).abs() < 1e-9);
        for _ in 0..50 {
            let z = normal(12, &mut stream);
            let (a, b) = (damped.value(&z), lifted.value(&z));
            assert!(b <= a * (1.0 + 1e-9) && a <= 2.0 * b * (1.0 + 1e-9), "{a} {b}");
        }
    }
}

/// The dense and the matrix-free ball of a real task, of which all parameters vary.
fn beside_dense(task: TaskName, epsilon: f64) {
    let task = Task::new(task);
    let space = task.space();
    let simulator = Simulator::new(task, None, space.clone()).unwrap();
    let (dim, lower, upper) = (space.dim(), space.lower_z(), space.upper_z());
    let config = PairsConfig { count: 100, pool: 400, ..PairsConfig::default() };
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let pairs = Pairs::collect(&mut executor, None, &config, 4).unwrap();
    let (distance, options) = (Distance::default(), GaussNewton::default());
    let mut model = SimulatedTransitions::new(&mut executor, &pairs);
    let full = gauss_newton(&mut model, &distance, &lower, &upper, &options).unwrap();
    let jacobian = |threads| {
        let mut executor = Threads::new(&simulator, threads).unwrap();
        let mut model = SimulatedTransitions::new(&mut executor, &pairs);
        DifferencedJacobian::new(&mut model, &distance, &lower, &upper, &options).unwrap()
    };
    let dense = dense(&full.matrix, 1e-3, epsilon, &lower, &upper);
    let mut ball = sparse(jacobian(1), 1e-3, epsilon, (&lower, &upper));
    let mut again = sparse(jacobian(2), 1e-3, epsilon, (&lower, &upper));
    let (mut stream, mut bounded) = (stream(3), 0);
    let mut column = vec![0.0; dim];
    for i in 0..dim {
        let unit: Vec<f64> = (0..dim).map(|k| f64::from(u8::from(k == i))).collect();
        ball.metric().apply(&unit, &mut column);
        for k in 0..dim {
            let size = (full.matrix[(i, i)] * full.matrix[(k, k)]).sqrt();
            let damped = full.matrix[(k, i)] + if k == i { ball.metric().damping() } else { 0.0 };
            assert!((column[k] - damped).abs() <= 1e-9 * size, "{i}, {k}");
        }
    }
    for _ in 0..10 {
        // Of the size that each parameter's own curvature suggests, and one that all bounds matter for.
        let g: Vec<f64> = (0..dim).map(|i| stream.normal() * full.matrix[(i, i)].sqrt()).collect();
        let (mut z, mut same) = (vec![0.0; dim], vec![0.0; dim]);
        for g in [g.clone(), normal(dim, &mut stream)] {
            let worst = ball.minimiser(&g, &mut z).unwrap().unwrap();
            bounded += usize::from(worst.bounded);
            again.minimiser(&g, &mut same).unwrap();
            assert_eq!(z, same, "the same bits for any threads");
            let wanted = dense.minimiser(&g).unwrap().unwrap();
            assert!(dense.contains(&z) && difference(&wanted, &z) < 1e-6, "{}", difference(&wanted, &z));
        }
    }
    assert!(bounded > 5, "{bounded}");
}

#[test]
fn on_the_half_cheetahs_21_parameters_it_is_the_dense_ball() {
    beside_dense(TaskName::HALF_CHEETAH, 10.0);
}

#[test]
fn on_the_hoppers_11_parameters_it_is_the_dense_ball() {
    beside_dense(TaskName::HOPPER, 0.1);
}

#[test]
fn without_a_direction_nothing_is_chosen_and_senseless_balls_are_refused() {
    // The second of three parameters moves nothing.
    let matrix = Matrix(DMatrix::from_row_slice(2, 3, &[1.0, 0.0, 0.5, 0.0, 0.0, 1.0]));
    let mut ball = sparse(matrix.clone(), 1e-3, 0.1, (&[-2.0; 3], &[2.0; 3]));
    let mut z = vec![7.0; 3];
    assert_eq!(ball.minimiser(&[0.0; 3], &mut z), Ok(None));
    assert_eq!(z, [0.0; 3]);
    // Only its hard bound, or the damping, stops it.
    ball.minimiser(&[0.0, 1.0, 0.0], &mut z).unwrap().unwrap();
    assert_eq!(z, [0.0, -2.0, 0.0]);
    let mut wide = sparse(matrix.clone(), 1e-3, 0.1, (&[-1e9; 3], &[1e9; 3]));
    wide.minimiser(&[0.0, 1.0, 0.0], &mut z).unwrap().unwrap();
    let reach = (0.2 / wide.metric().damping()).sqrt();
    assert!((z[1] / -reach - 1.0).abs() < 1e-12 && z[0] == 0.0);
    // The whole box lies inside: its corner.
    let mut small = sparse(matrix.clone(), 1e-3, 0.1, (&[-0.1; 3], &[0.1; 3]));
    small.minimiser(&[1.0, -2.0, 0.0], &mut z).unwrap().unwrap();
    assert!(z[0] == -0.1 && z[1] == 0.1 && (z[2] - 0.04).abs() < 1e-4, "{z:?}");
    // All sizes of g are one direction.
    for size in [1e-300, 1e300] {
        let mut scaled = vec![0.0; 3];
        small.minimiser(&[size, -2.0 * size, 0.0], &mut scaled).unwrap().unwrap();
        assert!(difference(&z, &scaled) < 1e-12);
    }
    assert!(matches!(small.minimiser(&[f64::NAN, 0.0, 0.0], &mut z), Err(RobustError::NotFinite { .. })));
    assert!(matches!(small.minimiser(&[1.0; 2], &mut z), Err(RobustError::Dimension { .. })));
    assert!(matches!(small.minimiser(&[1.0; 3], &mut [0.0; 4]), Err(RobustError::Dimension { .. })));
    let metric = || MatrixFreeMetric::new(matrix.clone(), 1e-3).unwrap();
    for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let made = MatrixFreeBall::new(metric(), epsilon, vec![-1.0; 3], vec![1.0; 3]);
        assert!(matches!(made, Err(RobustError::Parameter { name: "epsilon", .. })));
    }
    let outside = MatrixFreeBall::new(metric(), 0.1, vec![0.1; 3], vec![1.0; 3]);
    assert!(matches!(outside, Err(RobustError::Bounds { index: 0, .. })));
    let nothing = MatrixFreeMetric::new(Matrix(DMatrix::zeros(2, 3)), 1e-3);
    assert!(matches!(nothing, Err(RobustError::NoCurvature { .. })));
    let infinite = MatrixFreeMetric::new(Matrix(DMatrix::from_element(2, 3, f64::NAN)), 1e-3);
    assert!(matches!(infinite, Err(RobustError::NotFinite { .. })));
    assert!(MatrixFreeMetric::new(matrix.clone(), 0.0).is_err());
    let broken = ConjugateGradients { tolerance: 0.0, ..ConjugateGradients::default() };
    assert!(metric().with_options(broken).is_err());
}

#[test]
fn a_coordinate_that_cannot_move_has_an_empty_column_and_bounds_shorten_differences() {
    let model = || {
        FnModel::new(3, 1, 1, |z: &[f64], next: &mut [f64]| {
            assert!(z[0] == 0.0 && (-0.004..=0.5).contains(&z[1]) && z[2].abs() <= 0.25, "{z:?}");
            next[0] = z[0] + 2.0 * z[1] + 3.0 * z[2];
        })
    };
    let (lower, upper) = ([0.0, -0.004, -1.0], [0.0, 0.5, 1.0]);
    let options = GaussNewton { step: 0.25 };
    let new = |l: &[f64], u: &[f64], o: &GaussNewton| {
        DifferencedJacobian::new(&mut model(), &Distance::default(), l, u, o)
    };
    let mut jacobian = new(&lower, &upper, &options).unwrap();
    assert_eq!((jacobian.dim(), jacobian.rows(), jacobian.simulator_steps()), (3, 1, 7));
    let mut squares = [0.0; 3];
    jacobian.squares(&mut squares);
    assert!(squares[0] == 0.0 && (squares[1] - 8.0).abs() < 1e-9 && (squares[2] - 18.0).abs() < 1e-9);
    assert!(new(&lower[..2], &upper, &options).is_err());
    assert!(new(&lower, &upper, &GaussNewton { step: 0.0 }).is_err());
}

#[test]
fn weights_of_pairs_count_as_in_the_dense_hessian() {
    struct Weighted;
    impl TransitionModel for Weighted {
        fn dim(&self) -> usize {
            2
        }
        fn pairs(&self) -> usize {
            2
        }
        fn state_dim(&self) -> usize {
            1
        }
        fn weights(&self) -> &[f64] {
            &[0.5, 3.0]
        }
        fn next_states(&mut self, z: &[f64], out: &mut [f64]) -> Result<(), RobustError> {
            for (z, out) in z.chunks_exact(2).zip(out.chunks_exact_mut(2)) {
                out.copy_from_slice(&[z[0] + z[1], 2.0 * z[1]]);
            }
            Ok(())
        }
    }
    let (lower, upper) = ([-1.0; 2], [1.0; 2]);
    let (distance, options) =
        (Distance { weights: vec![4.0], ..Distance::default() }, GaussNewton::default());
    let full = gauss_newton(&mut Weighted, &distance, &lower, &upper, &options).unwrap().matrix;
    let jacobian = DifferencedJacobian::new(&mut Weighted, &distance, &lower, &upper, &options).unwrap();
    let mut metric = MatrixFreeMetric::new(jacobian, 1e-12).unwrap();
    let mut out = [0.0; 2];
    for i in 0..2 {
        let unit = [f64::from(u8::from(i == 0)), f64::from(u8::from(i == 1))];
        metric.apply(&unit, &mut out);
        assert!((out[0] - full[(0, i)]).abs() < 1e-9 && (out[1] - full[(1, i)]).abs() < 1e-9);
    }
}

#[test]
fn the_search_for_the_worst_point_allocates_nothing() {
    let mut model = FnModel::new(20, 3, 4, |z: &[f64], next: &mut [f64]| {
        for (k, next) in next.iter_mut().enumerate() {
            *next = z.iter().enumerate().map(|(i, z)| ((i * 7 + k * 3) % 5) as f64 * z).sum();
        }
    });
    let (lower, upper) = (vec![-0.1; 20], vec![0.05; 20]);
    let (distance, options) = (Distance::default(), GaussNewton::default());
    let jacobian = DifferencedJacobian::new(&mut model, &distance, &lower, &upper, &options).unwrap();
    let metric = MatrixFreeMetric::new(jacobian, 1e-3).unwrap();
    let mut ball = MatrixFreeBall::new(metric, 1.0, lower, upper).unwrap();
    let (g, mut z) = (normal(20, &mut stream(1)), vec![0.0; 20]);
    let mut bounded = false;
    let counted = measure(|| bounded = ball.minimiser(&g, &mut z).unwrap().unwrap().bounded);
    assert!(bounded && counted.count_total == 0, "{}", counted.count_total);
}
