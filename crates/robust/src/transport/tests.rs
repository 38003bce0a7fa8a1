use nalgebra::DMatrix;
use proptest::prelude::*;
use wr2l_rng::{Purpose, StreamKey};

use super::*;
use crate::RobustError;

/// The cases of a fixture made by `tests/fixtures/generate.py`.
fn fixture(text: &str) -> impl Iterator<Item = Vec<f64>> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(',').map(|v| v.parse().unwrap()).collect())
}

#[test]
fn gaussian_distances_equal_those_of_pot() {
    let mut cases = 0;
    for case in fixture(include_str!("../../tests/fixtures/gaussian.csv")) {
        let dim = case[0] as usize;
        let (mean, rest) = case[1..].split_at(dim);
        let (a, rest) = rest.split_at(dim * dim);
        let (mean2, rest) = rest.split_at(dim);
        let (b, expected) = rest.split_at(dim * dim);
        let (a, b) = (DMatrix::from_row_slice(dim, dim, a), DMatrix::from_row_slice(dim, dim, b));
        let ours = gaussians(mean, &a, mean2, &b).unwrap();
        // POT subtracts traces after two square roots, which costs it half of the digits of small eigenvalues.
        assert!((ours - expected[0]).abs() < 1e-7 * (1.0 + expected[0]), "{ours} {}", expected[0]);
        let diagonal = |m: &DMatrix<f64>| m.clone() == DMatrix::from_diagonal(&m.diagonal());
        if diagonal(&a) && diagonal(&b) {
            let std = |m: &DMatrix<f64>| m.diagonal().map(f64::sqrt).as_slice().to_vec();
            let by_coordinate = diagonal_gaussians(mean, &std(&a), mean2, &std(&b), &vec![1.0; dim]).unwrap();
            assert!((by_coordinate - expected[0]).abs() < 1e-12 * (1.0 + expected[0]));
            assert!((by_coordinate - ours).abs() < 1e-12 * (1.0 + ours));
        }
        cases += 1;
    }
    assert_eq!(cases, 13);
}

#[test]
fn empirical_distances_equal_those_of_pot() {
    let mut cases = 0;
    for case in fixture(include_str!("../../tests/fixtures/empirical.csv")) {
        let (n, dim) = (case[0] as usize, case[1] as usize);
        let (x, rest) = case[2..].split_at(n * dim);
        let (y, expected) = rest.split_at(n * dim);
        let ours = empirical(x, y, dim).unwrap();
        assert!((ours - expected[0]).abs() < 1e-12 * (1.0 + expected[0]), "{ours} {}", expected[0]);
        cases += 1;
    }
    assert_eq!(cases, 9);
}

fn cloud(n: usize, dim: usize, case: u64) -> Vec<f64> {
    let mut points = vec![0.0; n * dim];
    StreamKey::new(case, Purpose::Test).stream().fill_normal(&mut points);
    points
}

fn covariance(dim: usize, rank: usize, case: u64) -> DMatrix<f64> {
    let factor = DMatrix::from_column_slice(dim, rank, &cloud(dim, rank, case));
    &factor * factor.transpose()
}

#[test]
fn rank_one_covariances_have_their_closed_form() {
    // N(0, vvᵀ) and N(0, wwᵀ) live on two lines: W₂² = ‖v‖² + ‖w‖² − 2 |vᵀw|.
    for dim in 1..10 {
        let (v, w) = (cloud(1, dim, 1), cloud(1, dim, 2));
        let line = |v: &[f64]| DMatrix::from_fn(dim, dim, |i, j| v[i] * v[j]);
        let zero = vec![0.0; dim];
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let expected = dot(&v, &v) + dot(&w, &w) - 2.0 * dot(&v, &w).abs();
        let ours = gaussians(&zero, &line(&v), &zero, &line(&w)).unwrap();
        assert!((ours - expected).abs() < 1e-12 * (1.0 + expected), "{dim}: {ours} {expected}");
    }
}

#[test]
fn a_zero_covariance_is_a_point_mass() {
    let zero = DMatrix::zeros(2, 2);
    assert_eq!(gaussians(&[1.0, 2.0], &zero, &[4.0, 6.0], &zero), Ok(25.0));
    let b = DMatrix::from_row_slice(2, 2, &[4.0, 0.0, 0.0, 9.0]);
    assert!((gaussians(&[0.0, 0.0], &zero, &[0.0, 0.0], &b).unwrap() - 13.0).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn gaussian_distance_is_a_metric(dim in 1_usize..8, rank in 1_usize..8, case in 0_u64..1000) {
        let ranks = [rank.min(dim), dim, 1];
        let means: Vec<_> = (0..3).map(|k| cloud(1, dim, case * 10 + k)).collect();
        let covariances: Vec<_> =
            (0..3).map(|k| covariance(dim, ranks[k as usize], case * 10 + 3 + k)).collect();
        let d = |i: usize, j: usize| gaussians(&means[i], &covariances[i], &means[j], &covariances[j]).unwrap();
        for i in 0..3 {
            let itself = d(i, i);
            prop_assert!(itself <= 1e-14 * covariances[i].trace(), "distance to itself: {itself}");
            for j in 0..3 {
                prop_assert!((d(i, j) - d(j, i)).abs() < 1e-9 * (1.0 + d(i, j)));
                prop_assert!(i == j || d(i, j) > 1e-6);
                for k in 0..3 {
                    prop_assert!(d(i, k).sqrt() <= d(i, j).sqrt() + d(j, k).sqrt() + 1e-7);
                }
            }
        }
    }

    #[test]
    fn empirical_distance_is_a_metric(n in 1_usize..12, dim in 1_usize..5, case in 0_u64..1000) {
        let clouds: Vec<_> = (0..3).map(|k| cloud(n, dim, case * 10 + k)).collect();
        let d = |i: usize, j: usize| empirical(&clouds[i], &clouds[j], dim).unwrap();
        for i in 0..3 {
            prop_assert_eq!(d(i, i), 0.0);
            for j in 0..3 {
                prop_assert!((d(i, j) - d(j, i)).abs() < 1e-12 * (1.0 + d(i, j)));
                prop_assert!(i == j || d(i, j) > 0.0);
                for k in 0..3 {
                    prop_assert!(d(i, k).sqrt() <= d(i, j).sqrt() + d(j, k).sqrt() + 1e-9);
                }
            }
        }
    }

    #[test]
    fn a_translation_moves_a_cloud_by_its_length(n in 1_usize..12, dim in 1_usize..5, case in 0_u64..1000) {
        let (x, shift) = (cloud(n, dim, case * 2), cloud(1, dim, case * 2 + 1));
        let mut y: Vec<f64> = x.iter().enumerate().map(|(i, v)| v + shift[i % dim]).collect();
        y.rotate_left(dim * (n / 2)); // the same points in another order
        let expected: f64 = shift.iter().map(|v| v * v).sum();
        prop_assert!((empirical(&x, &y, dim).unwrap() - expected).abs() < 1e-12 * (1.0 + expected));
    }

    #[test]
    fn assignment_agrees_with_sorting_on_a_line(n in 1_usize..20, case in 0_u64..1000) {
        // A second coordinate that is 0 everywhere sends the same problem through the assignment solver.
        let (x, y) = (cloud(n, 1, case * 2), cloud(n, 1, case * 2 + 1));
        let on_line = |v: &[f64]| v.iter().flat_map(|&v| [v, 0.0]).collect::<Vec<_>>();
        let sorted = empirical(&x, &y, 1).unwrap();
        let assigned = empirical(&on_line(&x), &on_line(&y), 2).unwrap();
        prop_assert!((sorted - assigned).abs() < 1e-12 * (1.0 + sorted));
    }
}

#[test]
fn near_and_far_points_together_are_still_assigned_exactly() {
    // Costs from 1e-16 to 1e12: integers of fewer bits would round the near pair away and might swap it.
    let x = [0.0, 0.0, 1e-8, 0.0, 1e6, 0.0];
    let y = [1e6, 1e-8, 1e-8, 1e-8, 0.0, 1e-8];
    let d = empirical(&x, &y, 2).unwrap();
    assert!((d - 1e-16).abs() < 1e-28, "{d}");
}

#[test]
fn huge_and_tiny_clouds_scale() {
    for scale in [1e-150, 1e-30, 1.0, 1e30, 1e150] {
        let x: Vec<f64> = cloud(9, 3, 5).iter().map(|v| v * scale).collect();
        let y: Vec<f64> = cloud(9, 3, 6).iter().map(|v| v * scale).collect();
        let unit = empirical(&cloud(9, 3, 5), &cloud(9, 3, 6), 3).unwrap();
        let d = empirical(&x, &y, 3).unwrap() / scale / scale;
        assert!((d - unit).abs() < 1e-12 * unit, "{scale}: {d} {unit}");
    }
}

#[test]
fn senseless_input_is_refused() {
    let nan = f64::NAN;
    assert!(matches!(empirical(&[nan, 1.0], &[1.0, 2.0], 1), Err(RobustError::NotFinite { index: 0, .. })));
    assert!(matches!(empirical(&[1.0], &[1.0, 2.0], 1), Err(RobustError::Dimension { .. })));
    assert!(matches!(empirical(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], 2), Err(RobustError::Dimension { .. })));
    assert!(matches!(empirical(&[], &[], 2), Err(RobustError::Parameter { .. })));
    assert!(matches!(empirical(&[1.0], &[1.0], 0), Err(RobustError::Parameter { .. })));
    assert!(matches!(empirical(&[1e200, 0.0], &[-1e200, 0.0], 2), Err(RobustError::NotFinite { .. })));
    assert!(matches!(empirical(&[1e200], &[-1e200], 1), Err(RobustError::NotFinite { .. })));
    assert!(diagonal_gaussians(&[0.0], &[-1.0], &[0.0], &[1.0], &[1.0]).is_err(), "negative std");
    assert!(diagonal_gaussians(&[0.0], &[1.0], &[0.0], &[1.0], &[-1.0]).is_err(), "negative weight");
    assert!(diagonal_gaussians(&[0.0], &[1.0], &[nan], &[1.0], &[1.0]).is_err(), "NaN mean");
    assert!(diagonal_gaussians(&[0.0], &[1.0], &[0.0, 1.0], &[1.0], &[1.0]).is_err(), "lengths");
    let good = DMatrix::identity(2, 2);
    let skewed = DMatrix::from_row_slice(2, 2, &[1.0, 0.5, 0.0, 1.0]);
    let indefinite = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 2.0, 1.0]);
    let mean = [0.0, 0.0];
    assert!(matches!(gaussians(&mean, &good, &mean, &skewed), Err(RobustError::Asymmetric { row: 1, .. })));
    assert!(matches!(gaussians(&mean, &indefinite, &mean, &good), Err(RobustError::NotPositive { .. })));
    assert!(matches!(gaussians(&[nan, 0.0], &good, &mean, &good), Err(RobustError::NotFinite { .. })));
    assert!(matches!(gaussians(&[0.0], &good, &mean, &good), Err(RobustError::Dimension { .. })));
    let wide = gaussians(&mean, &DMatrix::identity(3, 3), &mean, &good);
    assert!(matches!(wide, Err(RobustError::Dimension { expected: 4, got: 9, .. })), "{wide:?}");
}
