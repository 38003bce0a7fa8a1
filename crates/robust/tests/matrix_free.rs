//! The matrix-free ball beside closed forms and the dense one.

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
fn random_gradients_have_the_metrics_covariance_and_boundary_points_lie_on_the_boundary() {
    let mut stream = stream(11);
    let matrix = random(4, 3, &mut stream);
    let wanted = matrix.0.transpose() * &matrix.0;
    let mut ball = sparse(matrix, 0.1, 0.2, (&[-50.0; 3], &[50.0; 3]));
    let wanted = wanted + DMatrix::identity(3, 3) * ball.metric().damping();
    let n = 20_000;
    let (mut sum, mut g, mut z) = (DMatrix::zeros(3, 3), vec![0.0; 3], vec![0.0; 3]);
    for _ in 0..n {
        ball.colour(&mut stream, &mut g);
        let g = DVector::from_column_slice(&g);
        sum += &g * g.transpose();
    }
    for i in 0..3 {
        for j in 0..3 {
            // Six standard errors.
            let error = ((wanted[(i, i)] * wanted[(j, j)] + wanted[(i, j)].powi(2)) / f64::from(n)).sqrt();
            assert!((sum[(i, j)] / f64::from(n) - wanted[(i, j)]).abs() < 6.0 * error);
        }
    }
    let mut mean = [0.0; 3];
    for _ in 0..200 {
        ball.boundary(&mut stream, &mut z).unwrap();
        assert!((ball.value(&z) / 0.2 - 1.0).abs() < 1e-9);
        mean.iter_mut().zip(&z).for_each(|(m, z)| *m += z / 200.0);
    }
    assert!(ball.value(&mean) < 0.2 * 0.05, "to all sides alike");
}

#[test]
fn the_gradient_is_unbiased_and_as_close_as_its_pairs_allow() {
    let dim = 40;
    let mut stream = stream(12);
    let matrix = random(60, dim, &mut stream);
    let mut ball = sparse(matrix, 0.01, 0.1, (&vec![-1e3; dim], &vec![1e3; dim]));
    let slope = normal(dim, &mut stream);
    let z = vec![0.0; dim];
    // Antithetic pairs cancel the curvature.
    let mut j = FnObjective::new(dim, |z: &[f64]| 100.0 + dot(&slope, z) + 7.0 * z[0] * z[1]);
    let options = BallGradient { sigma: 0.5, pairs: 64 };
    let (runs, mut mean, mut squares, mut cosines) = (100, vec![0.0; dim], vec![0.0; dim], 0.0);
    let (mut step, mut right) = (vec![0.0; dim], vec![0.0; dim]);
    ball.metric().solve(&slope, &mut right);
    let size = dot(&slope, &right).sqrt();
    for _ in 0..runs {
        let estimate = options.estimate(&mut j, &z, &mut ball, &mut stream, 0).unwrap();
        assert!(estimate.moved == 0.0 && (estimate.mean_return - 100.0).abs() < 20.0);
        for i in 0..dim {
            mean[i] += estimate.gradient[i] / f64::from(runs);
            squares[i] += estimate.gradient[i].powi(2) / f64::from(runs);
        }
        let energy = ball.metric().solve(&estimate.gradient, &mut step).energy;
        cosines += dot(&slope, &step) / size / energy.sqrt() / f64::from(runs);
    }
    for i in 0..dim {
        let error = ((squares[i] - mean[i] * mean[i]) / f64::from(runs)).sqrt();
        assert!((mean[i] - slope[i]).abs() < 5.0 * error, "{i}: {} {}", mean[i], slope[i]);
    }
    // √(64/104) = 0.78.
    assert!((cosines - 0.78).abs() < 0.04, "{cosines}");
    assert!(BallGradient { pairs: 0, ..options }.validate().is_err());
    assert!(BallGradient { sigma: 0.0, ..options }.validate().is_err());
}

#[test]
fn points_looked_at_keep_to_the_hard_bounds() {
    let dim = 10;
    let mut stream = stream(13);
    let (lower, upper) = (vec![-0.05; dim], vec![0.01; dim]);
    let mut ball = sparse(random(5, dim, &mut stream), 0.01, 0.1, (&lower, &upper));
    let inside = |z: &[f64]| z.iter().all(|z| (-0.05..=0.01).contains(z));
    let mut j = FnObjective::new(dim, |z: &[f64]| {
        assert!(inside(z), "{z:?}");
        z.iter().sum()
    });
    let start = vec![0.01; dim];
    let estimate = BallGradient::default().estimate(&mut j, &start, &mut ball, &mut stream, 0).unwrap();
    assert!(estimate.moved > 0.9);
    let found = MatrixFreeSearch::default().run(&mut j, &mut ball, 1, 0).unwrap();
    assert!(ball.contains(&found.z) && found.value < -0.3, "{}", found.value);
}

#[test]
fn phase_one_finds_what_its_pairs_allow_of_a_linear_losss_least_value() {
    let dim = 100;
    let mut stream = stream(14);
    let matrix = random(150, dim, &mut stream);
    let mut ball = sparse(matrix, 0.01, 0.1, (&vec![-1e3; dim], &vec![1e3; dim]));
    let slope = normal(dim, &mut stream);
    let mut worst = vec![0.0; dim];
    ball.minimiser(&slope, &mut worst).unwrap();
    let least = dot(&slope, &worst);
    let mut j = FnObjective::new(dim, |z: &[f64]| dot(&slope, z));
    let gradient = BallGradient { pairs: 64, ..BallGradient::default() };
    let search = MatrixFreeSearch { gradient, steps: 1, ..MatrixFreeSearch::default() };
    let found = search.run(&mut j, &mut ball, 3, 0).unwrap();
    // √(64/164) = 0.62 of the way.
    assert!((found.value / least - 0.62).abs() < 0.1, "{} {least}", found.value);
    assert_eq!((found.reference_value, found.alphas.as_slice()), (0.0, &[1.0][..]));
    let further = MatrixFreeSearch { steps: 6, ..search }.run(&mut j, &mut ball, 3, 0).unwrap();
    assert!(further.value < 1.1 * found.value, "{} {} {least}", further.value, found.value);
    assert!(further.value >= least * (1.0 + 1e-9));
    assert!(further.taylor <= 0.1 * (1.0 + 1e-9) && further.gaps.len() == 6);
    assert_eq!(further, MatrixFreeSearch { steps: 6, ..search }.run(&mut j, &mut ball, 3, 0).unwrap());
    let mut flat = FnObjective::new(dim, |_: &[f64]| 5.0);
    let nowhere = search.run(&mut flat, &mut ball, 3, 0).unwrap();
    assert!(nowhere.z.iter().all(|z| *z == 0.0) && nowhere.gaps.is_empty());
    assert!(MatrixFreeSearch { trials: 0, ..search }.validate().is_err());
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
