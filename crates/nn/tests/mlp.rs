//! The network against a plain f64 version of itself.

mod reference;

use proptest::prelude::*;
use reference::{assert_close, gradient, normals, random_params, stream, wide};
use wr2l_nn::{Activation, InstructionSet, Mlp, NnError};

const SHAPES: [&[usize]; 7] = [
    &[11, 64, 64, 3],
    &[4, 64, 64, 1],
    &[17, 128, 6],
    &[3, 10, 7, 13, 2],
    &[5, 3],
    &[1, 1, 1],
    &[8, 16, 16, 20],
];

/// Networks of these widths: with either activation, with and without layer normalisation, on every instruction set.
fn variants(sizes: &'static [usize]) -> impl Iterator<Item = Mlp> {
    let kinds =
        [Activation::Tanh, Activation::Relu].into_iter().flat_map(|kind| [(kind, false), (kind, true)]);
    InstructionSet::available().into_iter().flat_map(move |set| {
        kinds.clone().map(move |(activation, norm)| {
            let mlp = Mlp::with_instructions(sizes, set).unwrap().with_activation(activation);
            if norm { mlp.with_layer_norm() } else { mlp }
        })
    })
}

/// What a failed comparison is called.
fn name(mlp: &Mlp) -> String {
    let (sizes, set) = (mlp.sizes(), mlp.instructions().name());
    format!("{sizes:?} {set} {:?} layer_norm={}", mlp.activation(), mlp.layer_norm())
}

#[test]
fn outputs_equal_the_reference() {
    for sizes in SHAPES {
        for mlp in variants(sizes) {
            let mut stream = stream(1);
            let params = random_params(&mlp, &mut stream);
            let rows = 19;
            let inputs = normals(rows * mlp.inputs(), 1.0, &mut stream);
            let mut cache = mlp.cache(rows);
            mlp.forward(&params, &inputs, &mut cache);
            let expected: Vec<f64> = inputs
                .chunks_exact(mlp.inputs())
                .flat_map(|row| reference::mlp(&mlp, &wide(&params), &wide(row)))
                .collect();
            assert_close(cache.outputs(), &expected, 2.0e-6, &name(&mlp));
        }
    }
}

#[test]
fn gradients_equal_central_differences() {
    for sizes in SHAPES {
        for mlp in variants(sizes) {
            let mut stream = stream(2);
            let params = random_params(&mlp, &mut stream);
            let rows = 5;
            let inputs = normals(rows * mlp.inputs(), 1.0, &mut stream);
            let d_outputs = normals(rows * mlp.outputs(), 1.0, &mut stream);
            let mut cache = mlp.cache(rows);
            let mut got = vec![0.0; mlp.parameters()];
            let mut d_inputs = vec![f32::NAN; inputs.len()];
            mlp.forward(&params, &inputs, &mut cache);
            mlp.backward(&params, &inputs, &d_outputs, &mut cache, &mut got, Some(&mut d_inputs));

            let weights = wide(&d_outputs);
            let loss = |params: &[f64], inputs: &[f64]| -> f64 {
                inputs
                    .chunks_exact(mlp.inputs())
                    .flat_map(|row| reference::mlp(&mlp, params, row))
                    .zip(&weights)
                    .map(|(y, w)| y * w)
                    .sum()
            };
            let what = name(&mlp);
            let (p, x) = (wide(&params), wide(&inputs));
            assert_close(&got, &gradient(&p, |p| loss(p, &x)), 5.0e-6, &what);
            assert_close(&d_inputs, &gradient(&x, |x| loss(&p, x)), 5.0e-6, &what);

            let mut alone = vec![f32::NAN; inputs.len()];
            mlp.input_gradient(&params, &inputs, &d_outputs, &mut cache, &mut alone);
            assert_eq!(alone, d_inputs, "{what}: the gradient of the inputs needs no other");

            // A second pass adds; without a place for the inputs' gradient nothing else changes.
            let once = got.clone();
            mlp.backward(&params, &inputs, &d_outputs, &mut cache, &mut got, None);
            let twice: Vec<f64> = once.iter().map(|g| 2.0 * f64::from(*g)).collect();
            assert_close(&got, &twice, 1.0e-5, &what);
        }
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_any_batch() {
    for sizes in SHAPES {
        for mlp in variants(sizes) {
            let mut stream = stream(3);
            let params = random_params(&mlp, &mut stream);
            let rows = 23;
            let inputs = normals(rows * mlp.inputs(), 1.0, &mut stream);
            let mut cache = mlp.cache(rows);
            mlp.forward(&params, &inputs, &mut cache);
            let together = cache.outputs().to_vec();
            for batch in 1..rows {
                let mut apart = Vec::new();
                for part in inputs.chunks(batch * mlp.inputs()) {
                    mlp.forward(&params, part, &mut cache);
                    apart.extend_from_slice(cache.outputs());
                }
                assert!(
                    together.iter().zip(&apart).all(|(a, b)| a.to_bits() == b.to_bits()),
                    "{} in batches of {batch}",
                    name(&mlp)
                );
            }
        }
    }
}

#[test]
fn instruction_sets_agree_within_rounding() {
    for sizes in SHAPES {
        let [fast, portable] = [InstructionSet::detect(), InstructionSet::portable()]
            .map(|set| Mlp::with_instructions(sizes, set).unwrap());
        let mut stream = stream(4);
        let params = random_params(&fast, &mut stream);
        let rows = 9;
        let inputs = normals(rows * fast.inputs(), 1.0, &mut stream);
        let d_outputs = normals(rows * fast.outputs(), 1.0, &mut stream);
        let run = |mlp: &Mlp| {
            let mut cache = mlp.cache(rows);
            let mut gradient = vec![0.0; mlp.parameters()];
            mlp.forward(&params, &inputs, &mut cache);
            mlp.backward(&params, &inputs, &d_outputs, &mut cache, &mut gradient, None);
            (cache.outputs().to_vec(), gradient)
        };
        let (a, b) = (run(&fast), run(&portable));
        assert_close(&a.0, &wide(&b.0), 1.0e-6, "outputs");
        assert_close(&a.1, &wide(&b.1), 1.0e-6, "gradient");
    }
}

#[test]
fn layer_norm_makes_a_layer_blind_to_the_scale_and_the_common_shift_of_its_sums() {
    let (inputs, width) = (5, 19);
    let mlp = Mlp::new(&[inputs, width, 2]).unwrap().with_layer_norm();
    let mut stream = stream(8);
    let mut params = random_params(&mlp, &mut stream);
    let rows = normals(7 * inputs, 1.0, &mut stream);
    let mut cache = mlp.cache(7);
    mlp.forward(&params, &rows, &mut cache);
    let before = wide(cache.outputs());
    let (weights, biases) = (inputs * width, width);
    // Ten times all sums of the layer, and 3 more.
    params[..weights + biases].iter_mut().for_each(|p| *p *= 10.0);
    params[weights..][..biases].iter_mut().for_each(|b| *b += 3.0);
    mlp.forward(&params, &rows, &mut cache);
    assert_close(cache.outputs(), &before, 1.0e-4, "scaled and shifted");
    // Its own gains and shifts it is not blind to.
    params[weights + biases..][..width].iter_mut().for_each(|g| *g *= 2.0);
    mlp.forward(&params, &rows, &mut cache);
    assert!(cache.outputs().iter().zip(&before).any(|(y, b)| (f64::from(*y) - b).abs() > 0.01));
}

#[test]
fn layer_norm_begins_as_plain_normalisation_and_small_weights_are_as_small_as_stated() {
    let mlp = Mlp::new(&[40, 60, 50, 30]).unwrap().with_layer_norm();
    let mut params = vec![f32::NAN; mlp.parameters()];
    let plain = Mlp::new(&[40, 60, 50, 30]).unwrap().parameters();
    assert_eq!(mlp.parameters(), plain + 2 * (60 + 50), "a gain and a shift a hidden unit");
    let (first, output) = (40 * 60 + 60, 50 * 30);
    for small in [false, true] {
        if small {
            mlp.initialise_small(0.02, 3e-3, &mut stream(9), &mut params);
        } else {
            mlp.initialise(1.0, &mut stream(9), &mut params);
        }
        assert!(params[first..][..60].iter().all(|g| *g == 1.0));
        assert!(params[first + 60..][..60].iter().all(|s| *s == 0.0));
    }
    let deviation =
        |p: &[f32]| (p.iter().map(|p| f64::from(*p).powi(2)).sum::<f64>() / p.len() as f64).sqrt();
    // 2,400 normal numbers: five standard errors are 7 %.
    assert!((deviation(&params[..40 * 60]) / 0.02 - 1.0).abs() < 0.07);
    let biases = &params[40 * 60..][..60];
    assert!(biases.iter().all(|b| b.abs() < 1.0 / 40_f32.sqrt()) && biases.iter().any(|b| b.abs() > 0.12));
    let last = &params[mlp.parameters() - output - 30..][..output];
    assert!(last.iter().all(|w| w.abs() <= 3e-3) && last.iter().any(|w| w.abs() > 2.9e-3));
}

#[test]
fn a_nan_input_stays_in_its_own_row() {
    let mlp = Mlp::new(&[3, 64, 2]).unwrap();
    let params = random_params(&mlp, &mut stream(5));
    let mut inputs = [0.5; 5 * 3];
    inputs[3] = f32::NAN;
    let mut cache = mlp.cache(5);
    mlp.forward(&params, &inputs, &mut cache);
    for (row, outputs) in cache.outputs().chunks_exact(2).enumerate() {
        assert!(outputs.iter().all(|y| y.is_nan() == (row == 1)), "row {row}: {outputs:?}");
    }
}

#[test]
fn saturated_units_pass_no_gradient_and_nothing_overflows() {
    let mlp = Mlp::new(&[2, 64, 64, 1]).unwrap();
    let mut params = random_params(&mlp, &mut stream(6));
    params.iter_mut().for_each(|p| *p *= 1.0e6);
    let inputs = [1.0e6, -1.0e6];
    let mut cache = mlp.cache(1);
    let mut gradient = vec![0.0; mlp.parameters()];
    mlp.forward(&params, &inputs, &mut cache);
    mlp.backward(&params, &inputs, &[1.0], &mut cache, &mut gradient, None);
    assert!(cache.outputs().iter().chain(&gradient).all(|x| x.is_finite()));
    let first_layer = &gradient[..3 * 64];
    assert!(first_layer.iter().all(|g| *g == 0.0));
}

#[test]
fn no_rows_are_no_work() {
    let mlp = Mlp::new(&[2, 8, 1]).unwrap();
    let params = random_params(&mlp, &mut stream(7));
    let mut cache = mlp.cache(4);
    let mut gradient = vec![1.5; mlp.parameters()];
    mlp.forward(&params, &[], &mut cache);
    mlp.backward(&params, &[], &[], &mut cache, &mut gradient, None);
    assert!(cache.outputs().is_empty() && gradient.iter().all(|g| *g == 1.5));
}

#[test]
fn widths_of_zero_or_too_few_are_refused() {
    for sizes in [&[][..], &[3], &[3, 0, 1], &[0, 1]] {
        assert_eq!(Mlp::new(sizes).unwrap_err(), NnError::Sizes { sizes: sizes.to_vec() });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_shape_agrees_with_the_reference(
        sizes in prop::collection::vec(1_usize..40, 2..5),
        rows in 1_usize..20,
        seed in 0_u64..1000,
    ) {
        let mlp = Mlp::new(&sizes).unwrap();
        let mut stream = stream(seed);
        let params = random_params(&mlp, &mut stream);
        let inputs = normals(rows * mlp.inputs(), 1.0, &mut stream);
        let mut cache = mlp.cache(rows);
        mlp.forward(&params, &inputs, &mut cache);
        let expected: Vec<f64> = inputs
            .chunks_exact(mlp.inputs())
            .flat_map(|row| reference::mlp(&mlp, &wide(&params), &wide(row)))
            .collect();
        assert_close(cache.outputs(), &expected, 4.0e-6, &format!("{sizes:?}"));
    }
}
