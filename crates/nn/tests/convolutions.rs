//! Convolutions against the plain sums that define them.

mod reference;

use proptest::prelude::*;
use reference::{assert_close, gradient_off_kinks, normals, stream, wide};
use wr2l_nn::{
    Activation, Convolution, Convolutions, Head, Image, InstructionSet, Mlp, Network, NnError, Policy,
};
use wr2l_rng::Stream;

fn image(height: usize, width: usize, channels: usize) -> Image {
    Image { height, width, channels }
}

fn shape(filters: usize, kernel: usize, stride: usize, padding: usize) -> Convolution {
    Convolution { filters, kernel, stride, padding }
}

/// Images and convolutions of them that fit.
fn stacks() -> impl Strategy<Value = Convolutions> {
    let size = (1_usize..9, 1_usize..9, 1_usize..4).prop_map(|(h, w, c)| image(h, w, c));
    let layer = (1_usize..20, 1_usize..6, 1_usize..4, 0_usize..5).prop_map(|(n, k, s, p)| shape(n, k, s, p));
    (size, prop::collection::vec(layer, 1..4))
        .prop_filter_map("convolutions that fit", |(image, layers)| Convolutions::new(image, &layers).ok())
}

/// A network behind `layers`, with `beside` more inputs than the image.
fn network(layers: &Convolutions, beside: usize, hidden: &[usize], set: InstructionSet) -> Network {
    let sizes = [&[layers.image().numbers() + beside], hidden, &[3]].concat();
    let dense = Mlp::with_instructions(&sizes, set).unwrap().with_activation(Activation::Tanh);
    Network::from(dense).with_convolutions(layers.clone()).unwrap()
}

/// Initial parameters, and random biases, so that no gradient is trivially right.
fn parameters(network: &Network, stream: &mut Stream) -> Vec<f32> {
    let mut params = vec![0.0; network.parameters()];
    network.initialise(1.0, stream, &mut params);
    params.iter_mut().for_each(|p| *p += (0.1 * stream.normal()) as f32);
    params
}

/// Largest difference between `got` and `expected`, in units of the largest expected number.
fn distance(got: impl Iterator<Item = f64>, expected: &[f32]) -> f64 {
    let scale = expected.iter().fold(1e-30, |a: f64, b| a.max(f64::from(b.abs())));
    got.zip(expected).map(|(a, b)| (a - f64::from(*b)).abs() / scale).fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn outputs_and_gradients_equal_the_plain_sums(layers in stacks(), beside in 0_usize..3, seed in 0_u64..99) {
        for set in InstructionSet::available() {
            let network = network(&layers, beside, &[5], set);
            let mut stream = stream(seed);
            let params = parameters(&network, &mut stream);
            let rows = 2;
            let inputs = normals(rows * network.inputs(), 1.0, &mut stream);
            let d_outputs = normals(rows * network.outputs(), 1.0, &mut stream);
            let mut cache = network.cache(rows + 1);
            network.forward(&params, &inputs, &mut cache);
            let (p, x, weights) = (wide(&params), wide(&inputs), wide(&d_outputs));
            let outputs = |params: &[f64]| -> Vec<f64> {
                x.chunks_exact(network.inputs()).flat_map(|x| reference::network(&network, params, x)).collect()
            };
            let what = format!("{layers:?} {}", set.name());
            assert_close(cache.outputs(), &outputs(&p), 5e-6, &what);

            let mut got = vec![0.0; network.parameters()];
            network.backward(&params, &inputs, &d_outputs, &mut cache, &mut got);
            let loss = |params: &[f64]| outputs(params).iter().zip(&weights).map(|(y, w)| y * w).sum();
            assert_close(&got, &gradient_off_kinks(&p, loss), 2e-5, &what);

            // A second pass adds.
            let once = got.clone();
            network.backward(&params, &inputs, &d_outputs, &mut cache, &mut got);
            prop_assert!(distance(once.iter().map(|g| 2.0 * f64::from(*g)), &got) < 1e-5);
        }
    }

    #[test]
    fn tangent_and_gradient_are_adjoint(layers in stacks(), beside in 0_usize..3, deep in any::<bool>()) {
        // ⟨c, J·v⟩ = ⟨Jᵀ·c, v⟩ for any c and v.
        for set in InstructionSet::available() {
            let network = network(&layers, beside, if deep { &[5, 4] } else { &[] }, set);
            let mut stream = stream(5);
            let params = parameters(&network, &mut stream);
            let rows = 4;
            let inputs = normals(rows * network.inputs(), 1.0, &mut stream);
            let (v, c) = (
                normals(network.parameters(), 1.0, &mut stream),
                normals(rows * network.outputs(), 1.0, &mut stream),
            );
            let mut cache = network.cache(rows);
            network.forward(&params, &inputs, &mut cache);
            let mut tangent = vec![0.0; rows * network.outputs()];
            network.tangent(&params, &v, &inputs, &mut cache, &mut tangent);
            let mut gradient = vec![0.0; network.parameters()];
            network.backward(&params, &inputs, &c, &mut cache, &mut gradient);
            let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum() };
            let scale = (dot(&tangent, &tangent) * dot(&c, &c)).sqrt()
                + (dot(&gradient, &gradient) * dot(&v, &v)).sqrt();
            prop_assert!((dot(&c, &tangent) - dot(&gradient, &v)).abs() < 1e-5 * scale);
        }
    }

    #[test]
    fn an_image_has_the_same_bits_alone_and_in_any_batch(layers in stacks(), batch in 1_usize..6) {
        for set in InstructionSet::available() {
            let network = network(&layers, 1, &[9], set);
            let mut stream = stream(3);
            let params = parameters(&network, &mut stream);
            let inputs = normals(7 * network.inputs(), 1.0, &mut stream);
            let d_outputs = normals(7 * network.outputs(), 1.0, &mut stream);
            let mut cache = network.cache(7);
            let mut pass = |batch: usize| {
                let (mut outputs, mut gradient) = (Vec::new(), vec![0.0; network.parameters()]);
                let parts = inputs.chunks(batch * network.inputs());
                for (inputs, d) in parts.zip(d_outputs.chunks(batch * network.outputs())) {
                    network.forward(&params, inputs, &mut cache);
                    outputs.extend_from_slice(cache.outputs());
                    network.backward(&params, inputs, d, &mut cache, &mut gradient);
                }
                // Sums over images are chains in order, wherever they are cut.
                let convolutions = &gradient[..layers.parameters()];
                outputs.iter().chain(convolutions).map(|x| x.to_bits()).collect::<Vec<u32>>()
            };
            let (together, apart) = (pass(7), pass(batch));
            prop_assert_eq!(together, apart);
        }
    }
}

#[test]
fn products_large_enough_to_be_packed_equal_the_plain_sums() {
    let sizes = [shape(24, 8, 4, 2), shape(32, 4, 2, 1), shape(16, 3, 1, 0)];
    let layers = Convolutions::new(image(40, 37, 3), &sizes).unwrap();
    for set in InstructionSet::available() {
        let network = network(&layers, 0, &[64], set);
        let mut stream = stream(8);
        let params = parameters(&network, &mut stream);
        let inputs = normals(2 * network.inputs(), 1.0, &mut stream);
        let mut cache = network.cache(2);
        network.forward(&params, &inputs, &mut cache);
        let (p, x) = (wide(&params), wide(&inputs));
        let rows = x.chunks_exact(network.inputs());
        let expected: Vec<f64> = rows.flat_map(|row| reference::network(&network, &p, row)).collect();
        assert_close(cache.outputs(), &expected, 5e-6, set.name());
        let d_outputs = normals(2 * network.outputs(), 1.0, &mut stream);
        let (mut got, mut twice) = (vec![0.0; params.len()], vec![0.0; params.len()]);
        network.backward(&params, &inputs, &d_outputs, &mut cache, &mut got);
        for (x, d) in inputs.chunks_exact(network.inputs()).zip(d_outputs.chunks_exact(network.outputs())) {
            network.forward(&params, x, &mut cache);
            network.backward(&params, x, d, &mut cache, &mut twice);
        }
        assert_close(&got, &wide(&twice), 1e-6, "image by image");
        // Along a random direction, against the derivative in forward mode.
        let v = normals(params.len(), 1.0, &mut stream);
        network.forward(&params, &inputs, &mut cache);
        let mut tangent = vec![0.0; d_outputs.len()];
        network.tangent(&params, &v, &inputs, &mut cache, &mut tangent);
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        let (left, right) = (dot(&tangent, &d_outputs), dot(&got, &v));
        assert!((left - right).abs() < 1e-4 * left.abs().max(1.0), "{left} against {right}");
    }
}

#[test]
fn the_fisher_product_of_a_policy_over_images_is_that_of_its_outputs_as_they_move() {
    // vᵀFv = Σ (Jv)ᵀ·M·(Jv), with M of the distribution and Jv in forward mode.
    let layers = Convolutions::new(image(6, 5, 2), &[shape(4, 3, 1, 1), shape(5, 2, 2, 0)]).unwrap();
    for head in [Head::Categorical, Head::Gaussian, Head::Bounded] {
        let observations = layers.image().numbers() + 1;
        let policy = Policy::new(head, observations, &[7], 3, InstructionSet::portable()).unwrap();
        let policy = policy.with_convolutions(layers.clone()).unwrap();
        let mut stream = stream(6);
        let mut params = vec![0.0; policy.parameters()];
        policy.initialise(&mut stream, &mut params);
        params.iter_mut().for_each(|p| *p += (0.2 * stream.normal()) as f32);
        let seen = normals(6 * observations, 1.0, &mut stream);
        let v = normals(params.len(), 1.0, &mut stream);
        let mut cache = policy.cache(6);
        policy.forward(&params, &seen, &mut cache);
        let outputs = wide(cache.outputs());
        let mut product = vec![0.0; params.len()];
        policy.fisher_product(&params, &seen, &v, &mut cache, &mut product);
        let got: f64 = product.iter().zip(&v).map(|(p, v)| f64::from(p * v)).sum();

        let network = policy.network();
        let split = network.parameters();
        let (mut cache, mut moved) = (network.cache(6), vec![0.0; 6 * 3]);
        network.forward(&params[..split], &seen, &mut cache);
        network.tangent(&params[..split], &v[..split], &seen, &mut cache, &mut moved);
        let mut expected = 0.0;
        for (y, d) in outputs.chunks_exact(3).zip(wide(&moved).chunks_exact(3)) {
            let total: f64 = y.iter().map(|y| y.exp()).sum();
            let mean: f64 = y.iter().zip(d).map(|(y, d)| y.exp() / total * d).sum();
            for j in 0..3 {
                let log_std = params[split..].get(j).map_or(0.0, |l| f64::from(*l));
                let along = v[split..].get(j).map_or(0.0, |v| f64::from(*v));
                expected += match head {
                    Head::Categorical => y[j].exp() / total * (d[j] - mean).powi(2),
                    Head::Gaussian => (d[j] / log_std.exp()).powi(2) + 2.0 * along * along,
                    Head::Bounded => {
                        (d[j] * (1.0 - y[j] * y[j]) / log_std.exp()).powi(2) + 2.0 * along * along
                    }
                };
            }
        }
        assert!((got - expected).abs() < 1e-4 * expected, "{head:?}: {got} against {expected}");
    }
}

#[test]
fn without_convolutions_a_network_is_its_dense_layers_to_the_bit() {
    let mlp = Mlp::new(&[6, 9, 2]).unwrap();
    let network = Network::from(mlp.clone());
    let mut stream = stream(2);
    let params = parameters(&network, &mut stream);
    let inputs = normals(5 * 6, 1.0, &mut stream);
    let (mut ours, mut plain) = (network.cache(5), mlp.cache(5));
    network.forward(&params, &inputs, &mut ours);
    mlp.forward(&params, &inputs, &mut plain);
    assert_eq!(ours.outputs(), plain.outputs());
    let (mut a, mut b) = (vec![0.0; params.len()], vec![0.0; params.len()]);
    network.backward(&params, &inputs, &[0.5; 10], &mut ours, &mut a);
    mlp.backward(&params, &inputs, &[0.5; 10], &mut plain, &mut b, None);
    assert_eq!(a, b);
}

#[test]
fn initial_filters_are_orthogonal_with_gain_root_two_and_unbiased() {
    let layers = Convolutions::new(image(9, 9, 2), &[shape(7, 3, 2, 0)]).unwrap();
    let network = network(&layers, 0, &[4], InstructionSet::detect());
    let mut params = vec![f32::NAN; network.parameters()];
    network.initialise(1.0, &mut stream(1), &mut params);
    let (weights, rest) = params.split_at(18 * 7);
    assert_eq!(rest[..7], [0.0; 7]);
    for a in 0..7 {
        for b in 0..7 {
            let dot: f32 = (0..18).map(|i| weights[i * 7 + a] * weights[i * 7 + b]).sum();
            assert!((dot - if a == b { 2.0 } else { 0.0 }).abs() < 1e-5, "{a}, {b}: {dot}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let from = image(5, 8, 1);
    for wrong in [
        shape(0, 3, 1, 0),
        shape(4, 0, 1, 0),
        shape(4, 3, 0, 0),
        shape(4, 3, 1, 3),
        shape(4, 6, 1, 0),
        shape(usize::MAX, 3, 1, 0),
        shape(4, usize::MAX, 1, usize::MAX - 1),
    ] {
        let error = Convolutions::new(from, &[wrong]).unwrap_err();
        assert!(matches!(error, NnError::Convolution { .. }), "{error}");
    }
    assert!(Convolutions::new(image(0, 8, 1), &[shape(1, 1, 1, 0)]).is_err());
    assert!(Convolutions::new(from, &[]).is_err());
    let fits = Convolutions::new(from, &[shape(4, 5, 9, 0)]).unwrap();
    assert_eq!(fits.features(), image(1, 1, 4));
    let dense = |inputs: usize| Network::from(Mlp::new(&[inputs, 2]).unwrap());
    assert!(matches!(dense(39).with_convolutions(fits.clone()), Err(NnError::Length { expected: 40, .. })));
    let once = dense(40).with_convolutions(fits.clone()).unwrap();
    assert_eq!((once.inputs(), once.outputs(), once.dense().inputs()), (40, 2, 4));
    assert_eq!(once.with_convolutions(fits.clone()).unwrap_err(), NnError::Nested);
    let normed = Network::from(Mlp::new(&[40, 3, 2]).unwrap().with_layer_norm());
    assert_eq!(normed.with_convolutions(fits).unwrap_err(), NnError::Nested);
}
