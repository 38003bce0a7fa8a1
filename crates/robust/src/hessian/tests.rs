use nalgebra::DVector;
use wr2l_rng::{Purpose, StreamKey};

use super::*;
use crate::RobustError;

/// A model whose next states are linear in z: pair p has Jacobian `jacobians[p]` (`[state_dim, dim]`).
fn linear(jacobians: Vec<DMatrix<f64>>) -> impl TransitionModel {
    let (state_dim, dim) = jacobians[0].shape();
    FnModel::new(dim, jacobians.len(), state_dim, move |z: &[f64], out: &mut [f64]| {
        for (j, out) in jacobians.iter().zip(out.chunks_exact_mut(state_dim)) {
            out.copy_from_slice((j * DVector::from_column_slice(z)).add_scalar(0.7).as_slice());
        }
    })
}

fn jacobians(pairs: usize, state_dim: usize, dim: usize) -> Vec<DMatrix<f64>> {
    let mut stream = StreamKey::new(9, Purpose::Test).stream();
    (0..pairs).map(|_| DMatrix::from_fn(state_dim, dim, |_, _| stream.normal())).collect()
}

/// `2 mean JᵀJ`, the exact Hessian of W for next states linear in z.
fn exact(jacobians: &[DMatrix<f64>]) -> DMatrix<f64> {
    let dim = jacobians[0].ncols();
    let zero = DMatrix::zeros(dim, dim);
    jacobians.iter().fold(zero, |sum, j| sum + j.transpose() * j) * (2.0 / jacobians.len() as f64)
}

fn wide(dim: usize) -> (Vec<f64>, Vec<f64>) {
    (vec![-5.0; dim], vec![5.0; dim])
}

#[test]
fn zero_order_converges_on_a_quadratic_within_its_own_stated_error() {
    // Pairs that are all alike: the error is that of the perturbations alone.
    let j = vec![jacobians(1, 4, 3).swap_remove(0); 3];
    let truth = exact(&j);
    // Bounds that cut the perturbations off must not bias it.
    for (lower, upper) in [wide(3), (vec![-0.15, -0.9, -0.2], vec![3.0, 0.1, 0.2])] {
        let mut within = [0_usize; 3];
        let mut entries = 0;
        for seed in 0..12 {
            let options = ZeroOrder { sigma: 0.1, tolerance: 0.1, max_samples: 100_000 };
            let mut model = linear(j.clone());
            let estimate =
                zero_order(&mut model, &Distance::default(), &lower, &upper, &options, seed).unwrap();
            assert!(estimate.relative_error <= 0.1 && estimate.samples < 100_000);
            assert!((&estimate.matrix - estimate.matrix.transpose()).amax() < 1e-12);
            for (error, stated) in (&estimate.matrix - &truth).iter().zip(estimate.standard_error.iter()) {
                for (k, count) in within.iter_mut().enumerate() {
                    *count += usize::from(error.abs() < (k + 1) as f64 * stated);
                }
                entries += 1;
            }
        }
        // 68, 95 and 99.7 % of a normal distribution lie within one, two and three standard errors.
        let share = |k: usize| within[k] as f64 / entries as f64;
        assert!((share(0) - 0.68).abs() < 0.15, "{within:?} of {entries}");
        assert!(share(1) > 0.88 && share(2) > 0.97, "{within:?} of {entries}");
    }
}

#[test]
fn the_error_of_zero_order_counts_the_pairs_as_well() {
    // Fifty pairs of a population whose mean is known: JᵀJ of a normal J has the mean 4 I.
    let truth = DMatrix::<f64>::identity(2, 2) * 8.0;
    let (lower, upper) = wide(2);
    let options = ZeroOrder { sigma: 0.1, tolerance: 0.03, max_samples: 100_000 };
    let (mut within, mut by_perturbations, mut entries) = (0, 0, 0);
    for seed in 0..8 {
        let mut stream = StreamKey::new(seed, Purpose::Test).stream();
        let j = (0..50).map(|_| DMatrix::from_fn(4, 2, |_, _| stream.normal())).collect();
        let e = zero_order(&mut linear(j), &Distance::default(), &lower, &upper, &options, seed).unwrap();
        for (k, (value, stated)) in e.matrix.iter().zip(e.standard_error.iter()).enumerate() {
            let error = (value - truth[k]).abs();
            within += usize::from(error < 2.0 * stated);
            by_perturbations += usize::from(error < 2.0 * 0.03 * e.matrix.norm() / 2.0);
            entries += 1;
        }
    }
    assert!(within as f64 > 0.88 * f64::from(entries), "{within} of {entries}");
    assert!((by_perturbations as f64) < 0.6 * f64::from(entries), "{by_perturbations} of {entries}");
}

#[test]
fn gauss_newton_is_exact_when_next_states_are_linear() {
    let j = jacobians(5, 4, 3);
    let truth = exact(&j);
    for (lower, upper) in [wide(3), (vec![-0.004, 0.0, -1.0], vec![3.0, 1.0, 0.0])] {
        let estimate = gauss_newton(
            &mut linear(j.clone()),
            &Distance::default(),
            &lower,
            &upper,
            &GaussNewton::default(),
        )
        .unwrap();
        assert!((&estimate.matrix - &truth).amax() < 1e-10, "{}", estimate.matrix);
        assert_eq!(estimate.simulator_steps, 5 * (1 + 2 * 3));
        assert!(estimate.matrix.clone().symmetric_eigen().eigenvalues.min() > -1e-12);
    }
}

/// A damped pendulum, one semi-implicit Euler step: z scales its length and damping; the step is smooth in z.
fn pendulum() -> impl TransitionModel {
    FnModel::new(2, 15, 2, |z: &[f64], out: &mut [f64]| {
        let mut stream = StreamKey::new(4, Purpose::Test).stream();
        for next in out.chunks_exact_mut(2) {
            let (angle, rate) = (stream.uniform(-3.0, 3.0), stream.uniform(-5.0, 5.0));
            let torque = stream.uniform(-2.0, 2.0);
            let (length, damping) = (1.0 + z[0], 0.5 * (1.0 + z[1]));
            let acceleration = -9.81 / length * angle.sin() + (torque - damping * rate) / length.powi(2);
            next[1] = rate + 0.1 * acceleration;
            next[0] = angle + 0.1 * next[1];
        }
    })
}

#[test]
fn both_estimators_agree_on_a_smooth_system() {
    let (lower, upper) = (vec![-0.9; 2], vec![2.0; 2]);
    for distance in [Distance::default(), Distance { weights: vec![2.0, 0.3], ..Distance::default() }] {
        let options = ZeroOrder { sigma: 0.005, tolerance: 0.02, max_samples: 20_000 };
        let zero = zero_order(&mut pendulum(), &distance, &lower, &upper, &options, 1).unwrap();
        let newton =
            gauss_newton(&mut pendulum(), &distance, &lower, &upper, &GaussNewton::default()).unwrap();
        // The tolerance is one standard error; smoothing at σ = 0.005 adds less than 0.2 % (at 0.02 it was 3 %).
        let difference = (&zero.matrix - &newton.matrix).norm() / newton.matrix.norm();
        assert!(difference < 0.06, "{difference}: {} {}", zero.matrix, newton.matrix);
    }
}

#[test]
fn the_distance_at_the_reference_is_exactly_zero_and_near_it_the_quadratic_form() {
    let distance = Distance::default();
    let mut model = pendulum();
    let mut w = WassersteinDistance::new(&mut model, &distance).unwrap();
    assert_eq!(w.measure(&[0.0, 0.0]).unwrap(), [0.0]);
    let z = [0.01, -0.02];
    let values = w.measure(&[z[0], z[1], 0.0, 0.0, -z[0], -z[1]]).unwrap();
    assert_eq!(values[1], 0.0);
    let newton =
        gauss_newton(&mut pendulum(), &distance, &[-0.9; 2], &[2.0; 2], &GaussNewton::default()).unwrap();
    let z = DVector::from_column_slice(&z);
    let taylor = 0.5 * z.dot(&(&newton.matrix * &z));
    assert!((0.5 * (values[0] + values[2]) / taylor - 1.0).abs() < 0.01);
}

/// Clouds of three samples a pair, spread around a mean that follows z, with a spread that does, too.
struct Clouds;

impl TransitionModel for Clouds {
    fn dim(&self) -> usize {
        2
    }
    fn pairs(&self) -> usize {
        2
    }
    fn samples(&self) -> usize {
        3
    }
    fn state_dim(&self) -> usize {
        2
    }
    fn next_states(&mut self, z: &[f64], out: &mut [f64]) -> Result<(), RobustError> {
        for (z, out) in z.chunks_exact(2).zip(out.chunks_exact_mut(12)) {
            for (k, state) in out.chunks_exact_mut(2).enumerate() {
                let noise = [-1.0, 0.0, 1.0][k % 3] * (0.5 + z[1]);
                state.copy_from_slice(&[3.0 * z[0] + noise, (k / 3) as f64]);
            }
        }
        Ok(())
    }
}

#[test]
fn stochastic_transitions_are_compared_as_distributions() {
    let gaussian = Distance::default();
    let empirical = Distance { estimator: TransportEstimator::Empirical, ..Distance::default() };
    for distance in [&gaussian, &empirical] {
        let mut model = Clouds;
        let mut w = WassersteinDistance::new(&mut model, distance).unwrap();
        // A shift of 0.3: both estimators say 0.09. A spread wider by 0.1: each sample moves by 0, ±0.1.
        let values = w.measure(&[0.1, 0.0, 0.0, 0.1, 0.0, 0.0]).unwrap();
        assert!((values[0] - 0.09).abs() < 1e-12, "{values:?}");
        assert!((values[1] - 0.02 / 3.0).abs() < 1e-12, "{values:?}");
        assert_eq!(values[2], 0.0);
        let weighted = Distance { weights: vec![4.0, 9.0], ..distance.clone() };
        let mut model = Clouds;
        let mut w = WassersteinDistance::new(&mut model, &weighted).unwrap();
        let values = w.measure(&[0.1, 0.0]).unwrap();
        assert!((values[0] - 4.0 * 0.09).abs() < 1e-12, "{values:?}");
        let newton =
            gauss_newton(&mut Clouds, distance, &[-0.4; 2], &[2.0; 2], &GaussNewton::default()).unwrap();
        assert!(
            (newton.matrix[(0, 0)] - 18.0).abs() < 1e-9 && (newton.matrix[(1, 1)] - 4.0 / 3.0).abs() < 1e-9
        );
    }
}

#[test]
fn parameters_without_effect_leave_a_singular_hessian_and_none_with_effect_an_error() {
    let inert = |dim: usize, moving: usize| {
        FnModel::new(dim, 3, 1, move |z: &[f64], out: &mut [f64]| {
            out.fill(z[..moving].iter().sum());
        })
    };
    let (lower, upper) = wide(2);
    let one = gauss_newton(&mut inert(2, 1), &Distance::default(), &lower, &upper, &GaussNewton::default());
    assert_eq!(one.unwrap().matrix, DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 0.0]));
    let none = gauss_newton(&mut inert(2, 0), &Distance::default(), &lower, &upper, &GaussNewton::default());
    assert!(matches!(none, Err(RobustError::NoCurvature { .. })));
    let options = ZeroOrder { max_samples: 200, ..ZeroOrder::default() };
    let none = zero_order(&mut inert(2, 0), &Distance::default(), &lower, &upper, &options, 1);
    assert!(matches!(none, Err(RobustError::NoCurvature { .. })));
    let held = gauss_newton(
        &mut inert(2, 2),
        &Distance::default(),
        &[-1.0, 0.0],
        &[1.0, 0.0],
        &GaussNewton::default(),
    );
    assert_eq!(held.unwrap().matrix[(1, 1)], 0.0, "a parameter that cannot move");
    let held = zero_order(&mut inert(2, 2), &Distance::default(), &[-1.0, 0.0], &[1.0, 1.0], &options, 1);
    assert!(matches!(held, Err(RobustError::NoRoom { index: 1, .. })));
}

#[test]
fn senseless_models_and_options_are_refused() {
    let (lower, upper) = wide(1);
    let distance = Distance::default();
    let mut nan = FnModel::new(1, 1, 1, |z: &[f64], out: &mut [f64]| out[0] = 1.0 / z[0]);
    assert!(matches!(
        gauss_newton(&mut nan, &distance, &lower, &upper, &GaussNewton::default()),
        Err(RobustError::NotFinite { what: "next states of the reference", .. })
    ));
    let model = || FnModel::new(1, 1, 1, |z: &[f64], out: &mut [f64]| out[0] = z[0]);
    assert!(gauss_newton(&mut model(), &distance, &[], &upper, &GaussNewton::default()).is_err());
    for step in [0.0, f64::NAN, -1.0] {
        assert!(gauss_newton(&mut model(), &distance, &lower, &upper, &GaussNewton { step }).is_err());
    }
    for options in [
        ZeroOrder { sigma: 0.0, ..ZeroOrder::default() },
        ZeroOrder { tolerance: f64::NAN, ..ZeroOrder::default() },
        ZeroOrder { max_samples: 0, ..ZeroOrder::default() },
    ] {
        assert!(zero_order(&mut model(), &distance, &lower, &upper, &options, 1).is_err());
    }
    for weights in [vec![-1.0], vec![1.0, 1.0], vec![f64::NAN]] {
        let distance = Distance { weights, ..Distance::default() };
        assert!(gauss_newton(&mut model(), &distance, &lower, &upper, &GaussNewton::default()).is_err());
    }
    let mut empty = FnModel::new(1, 0, 1, |_: &[f64], _: &mut [f64]| {});
    assert!(gauss_newton(&mut empty, &distance, &lower, &upper, &GaussNewton::default()).is_err());
    // A single pair cannot tell how much pairs differ.
    let one = gauss_newton(&mut model(), &distance, &lower, &upper, &GaussNewton::default()).unwrap();
    assert!(one.relative_error.is_infinite());
}

#[test]
fn inverse_variance_weights_measure_in_standard_deviations() {
    let states = [0.0, 5.0, 2.0, 5.0]; // variances 1 and 0
    assert_eq!(StateWeights::InverseVariance.weights(&states, 2), [1.0, 1e8]);
    assert_eq!(StateWeights::Unit.weights(&states, 2), [1.0, 1.0]);
}

#[test]
fn the_stated_error_of_a_half_width_is_how_far_it_moves_when_the_curvature_does_by_its_own() {
    let (curvature, error, cut, cut_error) = ([0.5, 40.0], [0.002, 0.8], [0.01, 0.0], [0.005, 0.0]);
    let diagonal = |values: [f64; 2]| DMatrix::from_diagonal(&nalgebra::DVector::from_row_slice(&values));
    let estimate = HessianEstimate {
        matrix: diagonal(curvature),
        standard_error: diagonal(error),
        relative_error: 0.0,
        samples: 100,
        simulator_steps: 0,
        cut: cut.to_vec(),
        cut_error: cut_error.to_vec(),
    };
    let width = |curvature: f64| 1.0 / curvature.sqrt();
    for (i, stated) in estimate.half_width_errors().into_iter().enumerate() {
        let off = error[i] / curvature[i] + cut[i] + cut_error[i];
        let moved = 0.5 * (width(curvature[i] * (1.0 - off)) - width(curvature[i] * (1.0 + off)));
        let relative = moved / width(curvature[i]);
        assert!((stated / relative - 1.0).abs() < 1e-2, "{i}: {stated} {relative}");
    }
    let free = HessianEstimate { cut: Vec::new(), cut_error: Vec::new(), ..estimate };
    assert_eq!(free.half_width_errors(), [0.5 * 0.002 / 0.5, 0.5 * 0.8 / 40.0]);
}

#[test]
fn the_largest_distance_is_that_of_one_pair_whatever_the_weights_and_the_mean_is_w_to_the_bit() {
    struct Weighted;
    impl TransitionModel for Weighted {
        fn dim(&self) -> usize {
            1
        }
        fn pairs(&self) -> usize {
            3
        }
        fn state_dim(&self) -> usize {
            1
        }
        fn weights(&self) -> &[f64] {
            &[2.0, 0.1, 0.9]
        }
        fn next_states(&mut self, z: &[f64], out: &mut [f64]) -> Result<(), RobustError> {
            for (z, out) in z.iter().zip(out.chunks_exact_mut(3)) {
                out.copy_from_slice(&[0.3 * z, -5.0 * z, 1.0 + z]);
            }
            Ok(())
        }
    }
    let (mut model, distance) = (Weighted, Distance::default());
    let mut w = WassersteinDistance::new(&mut model, &distance).unwrap();
    let z = [0.0, 0.5, -2.0];
    let (pairs, means) = (w.measure_pairs(&z).unwrap(), w.measure(&z).unwrap());
    for ((pair, mean), z) in pairs.iter().zip(means).zip(z) {
        assert_eq!(pair.mean, mean);
        assert!((pair.largest - 25.0 * z * z).abs() < 1e-12);
        assert!((mean - (0.18 + 2.5 + 0.9) / 3.0 * z * z).abs() < 1e-12);
    }
}

/// Two pairs with one parameter, whose Hessians are 2 and 18: their mean is known to ±8.
fn unlike() -> impl TransitionModel {
    linear([1.0, 3.0].map(|j| DMatrix::from_element(1, 1, j)).to_vec())
}

#[test]
fn the_stated_error_is_that_of_a_mean_of_so_many_pairs() {
    let (lower, upper) = wide(1);
    let newton =
        gauss_newton(&mut unlike(), &Distance::default(), &lower, &upper, &GaussNewton::default()).unwrap();
    assert!((newton.standard_error[(0, 0)] - 8.0).abs() < 1e-9, "{newton:?}");
    assert!((newton.relative_error - 0.8).abs() < 1e-9);
    let options = ZeroOrder { sigma: 0.1, tolerance: 0.03, max_samples: 100_000 };
    let zero = zero_order(&mut unlike(), &Distance::default(), &lower, &upper, &options, 1).unwrap();
    assert!((zero.standard_error[(0, 0)] - 8.0).abs() < 1.0, "{zero:?}");
}

#[test]
fn no_more_perturbations_are_drawn_than_there_may_be() {
    let (lower, upper) = wide(1);
    for max_samples in [1, 128, 200] {
        let options = ZeroOrder { sigma: 0.1, tolerance: 1e-9, max_samples };
        let estimate = zero_order(&mut unlike(), &Distance::default(), &lower, &upper, &options, 1).unwrap();
        assert_eq!(estimate.samples, max_samples);
        assert_eq!(estimate.simulator_steps, 2 * (1 + 2 * max_samples as u64));
    }
}

#[test]
fn what_the_pairs_were_drawn_from_adds_its_error_and_its_cost() {
    let (lower, upper) = wide(1);
    let of = |model: &mut dyn TransitionModel| {
        gauss_newton(model, &Distance::default(), &lower, &upper, &GaussNewton::default()).unwrap()
    };
    let (own, all) = (of(&mut unlike()), of(&mut linear(jacobians(7, 1, 1))));
    let both = own.clone().with_error_of(&all);
    assert_eq!(both.simulator_steps, own.simulator_steps + all.simulator_steps);
    let relative = |e: &HessianEstimate| e.standard_error[(0, 0)] / e.matrix[(0, 0)];
    assert!((relative(&both) - relative(&own).hypot(relative(&all))).abs() < 1e-12);
}
