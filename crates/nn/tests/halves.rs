//! A gradient that two threads compute half of each, against the whole.

mod reference;

use reference::{normals, random_params, stream};
use wr2l_nn::{Activation, InstructionSet, Mlp, MlpCache};

/// Widths, and rows of a batch: small, large enough for packed products on AVX2, and on AVX-512.
const SHAPES: [(&[usize], usize); 9] = [
    (&[11, 64, 64, 3], 64),
    (&[18, 100, 70, 33, 1], 101),
    (&[3, 10, 7, 13, 2], 19),
    (&[17, 128, 6], 40),
    (&[5, 3], 12),
    (&[1, 1, 1], 3),
    (&[2, 3, 90], 20),
    (&[23, 256, 256, 1], 256),
    (&[9, 520, 512, 1], 530),
];

/// Networks of these widths, as a critic of DDPG may be.
fn variants(sizes: &'static [usize]) -> impl Iterator<Item = Mlp> {
    let kinds = [(Activation::Tanh, false), (Activation::Relu, false), (Activation::Relu, true)];
    InstructionSet::available().into_iter().flat_map(move |set| {
        kinds.into_iter().map(move |(activation, norm)| {
            let mlp = Mlp::with_instructions(sizes, set).unwrap().with_activation(activation);
            if norm { mlp.with_layer_norm() } else { mlp }
        })
    })
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn parts_of_a_batch_and_parts_of_the_parameters_give_the_bits_of_the_whole() {
    for (sizes, rows) in SHAPES {
        for mlp in variants(sizes) {
            let mut stream = stream(1);
            let params = random_params(&mlp, &mut stream);
            let inputs = normals(rows * mlp.inputs(), 1.0, &mut stream);
            let d_outputs = normals(rows * mlp.outputs(), 1.0, &mut stream);
            // A gradient is added to what is there.
            let begin = normals(mlp.parameters(), 1.0, &mut stream);
            let mut whole = begin.clone();
            let mut cache = mlp.cache(rows);
            mlp.forward(&params, &inputs, &mut cache);
            mlp.backward(&params, &inputs, &d_outputs, &mut cache, &mut whole, None);

            let middle = mlp.middle();
            for split in [rows / 2, rows, rows / 3].into_iter().take(if rows > 300 { 1 } else { 3 }) {
                let ranges = [0..split, split..rows];
                let of = |numbers: &[f32], width: usize, part: usize| {
                    numbers[ranges[part].start * width..ranges[part].end * width].to_vec()
                };
                let mut caches: Vec<MlpCache> = Vec::new();
                for part in 0..2 {
                    let (inputs, d_outputs) =
                        (of(&inputs, sizes[0], part), of(&d_outputs, mlp.outputs(), part));
                    let mut cache = mlp.cache(rows);
                    mlp.forward(&params, &inputs, &mut cache);
                    mlp.deltas(&params, &inputs, &d_outputs, &mut cache);
                    caches.push(cache);
                }
                let mut apart = begin.clone();
                for parameters in [0..middle, middle..mlp.parameters()] {
                    let before = apart.clone();
                    for (part, cache) in caches.iter().enumerate() {
                        let inputs = of(&inputs, sizes[0], part);
                        let d_outputs = of(&d_outputs, mlp.outputs(), part);
                        mlp.gradient(&inputs, &d_outputs, cache, parameters.clone(), &mut apart);
                    }
                    let others = (0..apart.len()).filter(|i| !parameters.contains(i));
                    assert!(
                        others.into_iter().all(|i| apart[i] == before[i]),
                        "no other parameter is touched"
                    );
                }
                let set = mlp.instructions().name();
                assert!(bits(&apart) == bits(&whole), "{sizes:?} {set}, {split} of {rows} rows");
            }
        }
    }
}

#[test]
fn the_two_parts_of_the_parameters_are_about_equal_work() {
    // Multiply-adds before the middle, of all.
    let share = |sizes: &[usize]| {
        let mlp = Mlp::new(sizes).unwrap();
        let (mut at, mut before, mut all) = (0, 0, 0);
        for pair in sizes.windows(2) {
            let weights = pair[0] * pair[1];
            before += mlp.middle().saturating_sub(at).min(weights);
            all += weights;
            at += weights + pair[1];
        }
        before as f64 / all as f64
    };
    for sizes in [&[11, 64, 64, 3][..], &[23, 256, 256, 1], &[17, 400, 300, 6], &[30, 32, 32, 32, 8]] {
        assert!((share(sizes) - 0.5).abs() < 0.05, "{sizes:?}: {}", share(sizes));
    }
}
