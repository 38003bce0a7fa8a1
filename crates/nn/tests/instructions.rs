//! Instruction sets that promise the same bits give the same bits.

mod reference;

use reference::{normals, random_params, stream};
use wr2l_nn::{
    Activation, Adam, AdamConfig, Convolution, Convolutions, Head, Image, InstructionSet, Mlp, Network,
    Policy, product, tanh_in_place,
};

/// All sets of this machine, by the bits that they promise.
fn families() -> [Vec<InstructionSet>; 2] {
    ["avx2", "portable"]
        .map(|bits| InstructionSet::available().into_iter().filter(|set| set.bits() == bits).collect())
}

/// Asserts that `numbers` come out alike on all sets that promise so.
fn same_bits(what: &str, numbers: impl Fn(InstructionSet) -> Vec<f32>) {
    for sets in families() {
        let Some((first, rest)) = sets.split_first() else { continue };
        let bits = |set| numbers(set).into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let expected = bits(*first);
        for set in rest {
            let differing = bits(*set).iter().zip(&expected).filter(|(a, b)| a != b).count();
            assert_eq!(differing, 0, "{what}: {} and {}", first.name(), set.name());
        }
    }
}

#[test]
fn the_best_set_comes_last_and_none_twice() {
    let names: Vec<&str> = InstructionSet::available().iter().map(|set| set.name()).collect();
    assert_eq!(names[0], "portable");
    assert_eq!(names[names.len() - 1], InstructionSet::detect().name());
    // Whoever has the wider one has the narrower one.
    assert_eq!(names, ["portable", "avx2", "avx512"][..names.len()]);
    assert_eq!(names.len() > 1, InstructionSet::avx2().is_some());
}

#[test]
fn products_have_the_same_bits() {
    let edges = [1, 2, 3, 4, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 40, 63, 64, 65, 72];
    for (i, rows) in edges.into_iter().enumerate() {
        for (j, columns) in edges.into_iter().enumerate() {
            let inner = edges[(3 * i + 7 * j) % edges.len()];
            compare_products([rows, inner, columns]);
        }
    }
    // Large enough to be packed on some, on others not, or on all.
    for shape in [[12, 400, 16], [64, 128, 64], [70, 300, 41], [200, 256, 256], [40, 513, 530]] {
        compare_products(shape);
    }
}

fn compare_products(shape: [usize; 3]) {
    let [rows, inner, columns] = shape;
    let mut stream = stream(3);
    let a = normals(rows * inner, 1.0, &mut stream);
    let b = normals(inner * columns, 1.0, &mut stream);
    same_bits(&format!("product {shape:?}"), |set| {
        let mut c = vec![f32::NAN; rows * columns];
        product(set, shape, &a, &b, &mut c);
        c
    });
}

#[test]
fn networks_and_their_gradients_have_the_same_bits() {
    let shapes: [&'static [usize]; 9] = [
        &[11, 64, 64, 3],
        &[4, 32, 1],
        &[17, 128, 256, 6],
        &[3, 10, 7, 13, 2],
        &[5, 3],
        &[1, 1, 1],
        &[8, 16, 24, 20],
        &[40, 100, 72, 9],
        &[376, 256, 256, 17],
    ];
    for sizes in shapes {
        for rows in [1, 2, 3, 5, 8, 13, 64] {
            for (activation, norm) in
                [(Activation::Tanh, false), (Activation::Relu, false), (Activation::Relu, true)]
            {
                let of = |set| {
                    let mlp = Mlp::with_instructions(sizes, set).unwrap().with_activation(activation);
                    if norm { mlp.with_layer_norm() } else { mlp }
                };
                same_bits(&format!("{sizes:?}, {rows} rows, {activation:?}, {norm}"), |set| {
                    let mlp = of(set);
                    let mut stream = stream(4);
                    let params = random_params(&mlp, &mut stream);
                    let inputs = normals(rows * mlp.inputs(), 1.0, &mut stream);
                    let d_outputs = normals(rows * mlp.outputs(), 1.0, &mut stream);
                    let mut cache = mlp.cache(rows);
                    let mut gradient = vec![0.0; mlp.parameters()];
                    let mut d_inputs = vec![f32::NAN; inputs.len()];
                    mlp.forward(&params, &inputs, &mut cache);
                    let outputs = cache.outputs().to_vec();
                    mlp.backward(
                        &params,
                        &inputs,
                        &d_outputs,
                        &mut cache,
                        &mut gradient,
                        Some(&mut d_inputs),
                    );
                    let mut tangent = vec![0.0; outputs.len()];
                    if !norm {
                        mlp.tangent(&params, &gradient, &inputs, &mut cache, &mut tangent);
                    }
                    [outputs, gradient, d_inputs, tangent].concat()
                });
            }
        }
    }
}

#[test]
fn policies_convolutions_and_steps_have_the_same_bits() {
    let image = Image { height: 9, width: 8, channels: 3 };
    let layers = [
        Convolution { filters: 20, kernel: 3, stride: 2, padding: 1 },
        Convolution { filters: 9, kernel: 2, stride: 1, padding: 0 },
    ];
    same_bits("a network behind convolutions", |set| {
        let convolutions = Convolutions::new(image, &layers).unwrap();
        let dense = Mlp::with_instructions(&[image.numbers() + 2, 33, 3], set).unwrap();
        let network = Network::from(dense).with_convolutions(convolutions).unwrap();
        let mut stream = stream(5);
        let mut params = vec![0.0; network.parameters()];
        network.initialise(1.0, &mut stream, &mut params);
        let inputs = normals(6 * network.inputs(), 1.0, &mut stream);
        let d_outputs = normals(6 * network.outputs(), 1.0, &mut stream);
        let mut cache = network.cache(6);
        let mut gradient = vec![0.0; network.parameters()];
        network.forward(&params, &inputs, &mut cache);
        network.backward(&params, &inputs, &d_outputs, &mut cache, &mut gradient);
        [cache.outputs().to_vec(), gradient].concat()
    });
    for head in [Head::Gaussian, Head::Bounded, Head::Categorical] {
        same_bits(&format!("{head:?}"), |set| {
            let policy = Policy::new(head, 5, &[24, 40], 3, set).unwrap();
            let mut stream = stream(6);
            let mut params = vec![0.0; policy.parameters()];
            policy.initialise(&mut stream, &mut params);
            let observations = normals(21 * 5, 1.0, &mut stream);
            let mut cache = policy.cache(21);
            policy.forward(&params, &observations, &mut cache);
            let mut actions = vec![0.0; 21 * policy.action_dim()];
            policy.mode(&cache, &mut actions);
            policy.evaluate(&params, &actions, &mut cache);
            let mut gradient = vec![0.0; policy.parameters()];
            let log_probs = cache.log_probs().to_vec();
            let weights = normals(21, 1.0, &mut stream);
            policy.backward(&params, &observations, &actions, &weights, &weights, &mut cache, &mut gradient);
            let mut adam = Adam::new(params.len(), AdamConfig::default()).with_instructions(set);
            for _ in 0..3 {
                adam.update(1e-3, 0.7, &gradient, &mut params);
            }
            [actions, log_probs, gradient, params, adam.mean().to_vec(), adam.square().to_vec()].concat()
        });
    }
    same_bits("tanh", |set| {
        let mut values: Vec<f32> = (-500..500).map(|i| 0.021 * i as f32).collect();
        tanh_in_place(set, &mut values);
        values
    });
}
