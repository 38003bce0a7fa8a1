//! Random gradients, and the gradient of a return in the ball's metric.

use super::*;

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
fn points_looked_at_lie_in_a_ball_of_sigma_times_the_radius() {
    let dim = 40;
    let mut stream = stream(16);
    let mut ball = sparse(random(60, dim, &mut stream), 0.01, 0.1, (&vec![-1e3; dim], &vec![1e3; dim]));
    let mut points = Vec::new();
    let mut j = FnObjective::new(dim, |z: &[f64]| {
        points.push(z.to_vec());
        0.0
    });
    let options = BallGradient { sigma: 0.5, pairs: 64 };
    options.estimate(&mut j, &vec![0.0; dim], &mut ball, &mut stream, 0).unwrap();
    let mean = points.iter().map(|z| ball.value(z)).sum::<f64>() / points.len() as f64;
    // A sum of 64 · 40 squares: its standard error is 2.8 %.
    assert!(points.len() == 128 && (mean / (0.25 * 0.1) - 1.0).abs() < 0.14, "{mean}");
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
    assert!(found.gaps[0] > 0.0 && further.gaps.iter().all(|gap| *gap > -1e-9), "{:?}", further.gaps);
    assert!(further.taylor <= 0.1 * (1.0 + 1e-9) && further.gaps.len() == 6);
    assert_eq!(further, MatrixFreeSearch { steps: 6, ..search }.run(&mut j, &mut ball, 3, 0).unwrap());
    let mut flat = FnObjective::new(dim, |_: &[f64]| 5.0);
    let nowhere = search.run(&mut flat, &mut ball, 3, 0).unwrap();
    assert!(nowhere.z.iter().all(|z| *z == 0.0) && nowhere.gaps.is_empty());
    assert!(MatrixFreeSearch { trials: 0, ..search }.validate().is_err());
}

#[test]
fn returns_whose_differences_overflow_are_an_error_and_no_standstill() {
    let dim = 3;
    let mut stream = stream(15);
    let mut ball = sparse(random(5, dim, &mut stream), 0.01, 0.1, (&[-1e3; 3], &[1e3; 3]));
    let mut j = FnObjective::new(dim, |z: &[f64]| if z[0] > 0.0 { f64::MAX } else { -f64::MAX });
    let estimate = BallGradient::default().estimate(&mut j, &[0.0; 3], &mut ball, &mut stream, 0);
    assert!(matches!(estimate, Err(RobustError::NotFinite { what: "gradient", .. })), "{estimate:?}");
}
