//! The network's products beside finite differences, and the fit beside what it fits exactly.

use wr2l_learned::{
    FitConfig, Integrator, LearnedError, LearnedModel, Network, Transitions, WeightJacobian, fit, violation,
};
use wr2l_rl::Threads;
use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_robust::hessian::{Distance, GaussNewton, gauss_newton};
use wr2l_robust::matrix_free::{Jacobian, MatrixFreeMetric};
use wr2l_robust::{Pairs, PairsConfig, SimulatedTransitions};
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

const LAYERS: [&[usize]; 4] = [&[3, 2], &[3, 7, 2], &[5, 4, 6, 4], &[2, 3, 4, 3, 1]];

#[test]
fn outputs_are_those_of_the_network_in_single_precision() {
    for (case, sizes) in LAYERS.into_iter().enumerate() {
        let network = Network::new(sizes).unwrap();
        let single = network.single().unwrap();
        assert_eq!((network.parameters(), single.sizes()), (single.parameters(), sizes));
        let mut stream = stream(case as u64);
        let weights = normal(network.parameters(), &mut stream);
        let input = normal(network.inputs(), &mut stream);
        let (mut units, mut out) = (vec![0.0; network.units()], vec![0.0; network.outputs()]);
        network.forward(&weights, &input, &mut units, &mut out);
        let narrow = |v: &[f64]| v.iter().map(|v| *v as f32).collect::<Vec<_>>();
        let mut cache = single.cache(1);
        single.forward(&narrow(&weights), &narrow(&input), &mut cache);
        for (a, b) in out.iter().zip(cache.outputs()) {
            assert!((a - f64::from(*b)).abs() < 1e-5 * (1.0 + a.abs()), "{a} {b}");
        }
    }
    assert!(Network::new(&[3]).is_err() && Network::new(&[3, 0, 1]).is_err());
}

#[test]
fn tangents_are_finite_differences_and_adjoints_their_transpose() {
    for (case, sizes) in LAYERS.into_iter().enumerate() {
        let network = Network::new(sizes).unwrap();
        let mut stream = stream(100 + case as u64);
        let (weights, direction) =
            (normal(network.parameters(), &mut stream), normal(network.parameters(), &mut stream));
        let input = normal(network.inputs(), &mut stream);
        let outputs = network.outputs();
        let at = |step: f64| {
            let moved: Vec<f64> = weights.iter().zip(&direction).map(|(w, d)| w + step * d).collect();
            let (mut units, mut out) = (vec![0.0; network.units()], vec![0.0; outputs]);
            network.forward(&moved, &input, &mut units, &mut out);
            (units, out)
        };
        let (units, _) = at(0.0);
        let (mut tangent, mut scratch) = (vec![0.0; outputs], vec![0.0; 2 * network.units()]);
        network.tangent(&weights, &direction, &input, &units, &mut scratch[..network.units()], &mut tangent);
        let (plus, minus) = (at(1e-5).1, at(-1e-5).1);
        for k in 0..outputs {
            let difference = (plus[k] - minus[k]) / 2e-5;
            assert!((tangent[k] - difference).abs() < 1e-7 * (1.0 + difference.abs()), "{case}, {k}");
        }
        let d = normal(outputs, &mut stream);
        // Added to what is there.
        let mut gradient = vec![1.0; network.parameters()];
        network.adjoint(&weights, &d, &input, &units, &mut scratch, &mut gradient);
        let gradient: Vec<f64> = gradient.iter().map(|g| g - 1.0).collect();
        let (forwards, backwards) = (dot(&d, &tangent), dot(&gradient, &direction));
        assert!((forwards - backwards).abs() < 1e-10 * (1.0 + forwards.abs()), "{forwards} {backwards}");
    }
}

fn cart_pole() -> Simulator {
    let task = Task::new(TaskName::CARTPOLE);
    let space = task.space();
    Simulator::new(task, None, space).unwrap()
}

fn some_pairs(count: usize) -> Pairs {
    let config = PairsConfig { count, pool: 4 * count, ..PairsConfig::default() };
    Pairs::collect(&mut Threads::new(&cart_pole(), 1).unwrap(), None, &config, 1).unwrap()
}

/// A small network fitted to the cart-pole.
fn small() -> (LearnedModel, Pairs) {
    let pairs = some_pairs(300);
    let data = Transitions::simulate(&mut Threads::new(&cart_pole(), 1).unwrap(), &pairs).unwrap();
    let config = FitConfig { hidden: vec![6], epochs: 30, polish: 5, ..FitConfig::default() };
    let (model, report) = fit(&Task::new(TaskName::CARTPOLE), &data, &config, 2).unwrap();
    assert!(report.error <= report.error_of_adam && report.error < 1e-4, "{report:?}");
    (model, pairs)
}

#[test]
fn the_matrix_free_hessian_is_the_simulated_ones() {
    let (model, mut pairs) = small();
    pairs.weights = (0..pairs.len).map(|i| 0.5 + (i % 3) as f64 * 0.5).collect();
    let simulator = model.simulator("learned").unwrap();
    let space = simulator.space();
    let mut executor = Threads::new(&simulator, 2).unwrap();
    let options = GaussNewton { step: 1e-4 };
    let mut transitions = SimulatedTransitions::new(&mut executor, &pairs);
    let (lower, upper) = (space.lower_z(), space.upper_z());
    let full = gauss_newton(&mut transitions, &Distance::default(), &lower, &upper, &options).unwrap().matrix;
    let mut jacobian = WeightJacobian::new(&model, &pairs).unwrap();
    let mut squares = vec![0.0; space.dim()];
    jacobian.squares(&mut squares);
    let mut metric = MatrixFreeMetric::new(jacobian, 1e-12).unwrap();
    let mut column = vec![0.0; space.dim()];
    for i in 0..space.dim() {
        let unit: Vec<f64> = (0..space.dim()).map(|k| f64::from(u8::from(k == i))).collect();
        metric.apply(&unit, &mut column);
        assert!((squares[i] / full[(i, i)] - 1.0).abs() < 1e-5);
        for k in 0..space.dim() {
            let size = (full[(i, i)] * full[(k, k)]).sqrt();
            assert!((column[k] - full[(k, i)]).abs() < 1e-5 * size, "{i}, {k}");
        }
    }
    pairs.states.pop();
    assert!(matches!(WeightJacobian::new(&model, &pairs), Err(LearnedError::Shape { .. })));
}

#[test]
fn without_hidden_layers_a_linear_system_is_fitted_exactly_and_keeps_to_physics() {
    // Euler's method for a double integrator under constant forces, on the cart-pole's state.
    let mut data = Transitions { states: Vec::new(), actions: Vec::new(), next: Vec::new(), len: 200 };
    let mut stream = stream(7);
    for _ in 0..data.len {
        let s = normal(4, &mut stream);
        let action = stream.below(2) as f64;
        data.next.extend([
            s[0] + 0.02 * s[2],
            s[1] + 0.02 * s[3],
            s[2] + 0.1 * s[1] - 0.2 * action,
            0.3 + 0.9 * s[3],
        ]);
        data.states.extend(s);
        data.actions.push(action);
    }
    let task = Task::new(TaskName::CARTPOLE);
    let config = FitConfig { hidden: Vec::new(), polish: 20, ..FitConfig::default() };
    let (model, report) = fit(&task, &data, &config, 3).unwrap();
    assert!(report.error < 1e-20, "{report:?}");
    let simulator = model.simulator("linear").unwrap();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    let pairs = some_pairs(50);
    let dim = simulator.space().dim();
    let kept = violation(&mut executor, &vec![0.0; dim], &pairs, Integrator::Explicit).unwrap();
    assert!(kept.rms.iter().chain(&kept.at_rest).all(|v| *v < 1e-8), "{kept:?}");
    // The other integrator's relation does not hold: velocities change.
    let other = violation(&mut executor, &vec![0.0; dim], &pairs, Integrator::SemiImplicit).unwrap();
    assert!(other.rms[1] > 1e-3);
    // The bias of the angle, the last weight but two, moves it without a velocity.
    let mut z = vec![0.0; dim];
    z[dim - 3] = 0.5;
    let broken = violation(&mut executor, &z, &pairs, Integrator::Explicit).unwrap();
    let shift = 0.5 * {
        let changes: Vec<f64> = (0..data.len).map(|i| 0.02 * data.states[4 * i + 3]).collect();
        let mean = changes.iter().sum::<f64>() / 200.0;
        (changes.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 200.0).sqrt()
    };
    assert!((broken.rms[1] - shift).abs() < 1e-9 && broken.rms[0] < 1e-8, "{broken:?} {shift}");
    assert!((broken.at_rest[1] - shift / 0.02).abs() < 1e-7);
}

#[test]
fn the_cart_pole_violates_nothing_whatever_its_parameters() {
    let simulator = cart_pole();
    let mut executor = Threads::new(&simulator, 1).unwrap();
    for z in [[0.0; 5], [1.5, -0.5, 2.0, 0.3, -0.7]] {
        let none = violation(&mut executor, &z, &some_pairs(100), Integrator::Explicit).unwrap();
        assert!(none.rms.iter().chain(&none.at_rest).all(|v| *v < 1e-12), "{none:?}");
        assert!(none.movement[1] > 1e-3);
    }
}

#[test]
fn data_and_options_without_sense_are_refused() {
    let task = Task::new(TaskName::CARTPOLE);
    let data = Transitions { states: vec![0.0; 8], actions: vec![0.0; 2], next: vec![0.0; 8], len: 2 };
    let config = FitConfig { epochs: 1, polish: 1, ..FitConfig::default() };
    // Nothing varies and nothing moves: fitted, and not divided by zero.
    let (model, _) = fit(&task, &data, &config, 1).unwrap();
    assert!(model.weights().iter().all(|w| w.is_finite()));
    let bad = [
        fit(&task, &Transitions { len: 0, ..data.clone() }, &config, 1),
        fit(&task, &Transitions { next: vec![0.0; 7], ..data.clone() }, &config, 1),
        fit(&task, &Transitions { states: vec![f64::NAN; 8], ..data.clone() }, &config, 1),
        fit(&task, &data, &FitConfig { minibatch: 0, ..config.clone() }, 1),
        fit(&task, &data, &FitConfig { learning_rate: f64::NAN, ..config.clone() }, 1),
        fit(&task, &data, &FitConfig { hidden: vec![0], ..config }, 1),
    ];
    assert!(bad.iter().all(Result::is_err));
    assert!(model.clone().with_bound(0.0).is_err());
    let narrow = model.with_bound(0.25).unwrap().space().unwrap();
    assert_eq!((narrow.lower_z()[3], narrow.upper_z()[3]), (-0.25, 0.25));
}
