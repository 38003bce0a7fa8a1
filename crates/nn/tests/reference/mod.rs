//! The same networks written plainly in f64: what the fast ones are checked against.
#![allow(dead_code, reason = "each test file uses its own part")]

use wr2l_nn::{Activation, Convolutions, Head, Mlp, Network, Policy};
use wr2l_rng::{Purpose, Stream, StreamKey};

/// A test stream.
pub(crate) fn stream(lane: u64) -> Stream {
    StreamKey::new(7, Purpose::Test).lane(lane).stream()
}

/// `len` normal numbers times `scale`.
pub(crate) fn normals(len: usize, scale: f64, stream: &mut Stream) -> Vec<f32> {
    (0..len).map(|_| (scale * stream.normal()) as f32).collect()
}

/// The numbers in f64.
pub(crate) fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|x| f64::from(*x)).collect()
}

/// g·(u − mean)/√(variance + 1e-5) + s.
fn layer_norm(u: &[f64], gains: &[f64], shifts: &[f64]) -> Vec<f64> {
    let n = u.len() as f64;
    let mean = u.iter().sum::<f64>() / n;
    let deviation = (u.iter().map(|u| (u - mean).powi(2)).sum::<f64>() / n + 1e-5).sqrt();
    u.iter().zip(gains.iter().zip(shifts)).map(|(u, (g, s))| g * (u - mean) / deviation + s).collect()
}

/// Outputs of a network of the given layout for one input row.
pub(crate) fn mlp(network: &Mlp, params: &[f64], input: &[f64]) -> Vec<f64> {
    let sizes = network.sizes();
    let activation = |sum: f64| match network.activation() {
        Activation::Tanh => sum.tanh(),
        Activation::Relu => sum.max(0.0),
    };
    let mut x = input.to_vec();
    let mut offset = 0;
    for (l, pair) in sizes.windows(2).enumerate() {
        let (inputs, outputs) = (pair[0], pair[1]);
        let last = l + 2 == sizes.len();
        let weights = &params[offset..offset + inputs * outputs];
        let biases = &params[offset + inputs * outputs..][..outputs];
        let sums = (0..outputs).map(|o| {
            let weight = |i: usize| if last { weights[o * inputs + i] } else { weights[i * outputs + o] };
            biases[o] + (0..inputs).map(|i| weight(i) * x[i]).sum::<f64>()
        });
        let mut y: Vec<f64> = sums.collect();
        offset += inputs * outputs + outputs;
        if network.layer_norm() && !last {
            let (gains, shifts) = (&params[offset..][..outputs], &params[offset + outputs..][..outputs]);
            y = layer_norm(&y, gains, shifts);
            offset += 2 * outputs;
        }
        if !last {
            y.iter_mut().for_each(|y| *y = activation(*y));
        }
        x = y;
    }
    x
}

/// Log-probability of `action` and entropy of the distribution with the given outputs.
pub(crate) fn distribution(head: Head, outputs: &[f64], log_std: &[f64], action: &[f64]) -> (f64, f64) {
    match head {
        Head::Gaussian | Head::Bounded => {
            let half_ln_tau = 0.5 * std::f64::consts::TAU.ln();
            let mut log_prob = 0.0;
            for j in 0..outputs.len() {
                let std = log_std[j].exp();
                log_prob -= 0.5 * ((action[j] - outputs[j]) / std).powi(2) + std.ln() + half_ln_tau;
            }
            (log_prob, log_std.iter().map(|l| l + half_ln_tau + 0.5).sum())
        }
        Head::Categorical => {
            let largest = outputs.iter().fold(f64::MIN, |a, b| a.max(*b));
            let total = largest + outputs.iter().map(|l| (l - largest).exp()).sum::<f64>().ln();
            let log_p = |i: usize| outputs[i] - total;
            let entropy = -(0..outputs.len()).map(|i| log_p(i).exp() * log_p(i)).sum::<f64>();
            (log_p(action[0] as usize), entropy)
        }
    }
}

/// Features of an image, by the sum over channels and offsets that defines a convolution.
pub(crate) fn convolutions(layers: &Convolutions, params: &[f64], image: &[f64]) -> Vec<f64> {
    let (mut from, mut x, mut rest) = (layers.image(), image.to_vec(), params);
    for shape in layers.shapes() {
        let (n, kernel, channels) = (shape.filters, shape.kernel, from.channels);
        let (weights, after) = rest.split_at(kernel * kernel * channels * n);
        let (biases, after) = after.split_at(n);
        rest = after;
        let reach = |size: usize| size as isize + 2 * shape.padding as isize - kernel as isize;
        let pixel = |row: isize, column: isize, channel: usize| {
            let inside =
                (0..from.height as isize).contains(&row) && (0..from.width as isize).contains(&column);
            if inside { x[(row as usize * from.width + column as usize) * channels + channel] } else { 0.0 }
        };
        let mut y = Vec::new();
        for top in (0..=reach(from.height)).step_by(shape.stride) {
            for left in (0..=reach(from.width)).step_by(shape.stride) {
                for filter in 0..n {
                    let mut sum = biases[filter];
                    for i in 0..kernel * kernel * channels {
                        let (row, column) = (i / channels / kernel, i / channels % kernel);
                        let (row, column) = (top + row as isize, left + column as isize);
                        let pad = shape.padding as isize;
                        sum += weights[i * n + filter] * pixel(row - pad, column - pad, i % channels);
                    }
                    y.push(sum.max(0.0));
                }
            }
        }
        from.height = (reach(from.height) as usize) / shape.stride + 1;
        from.width = (reach(from.width) as usize) / shape.stride + 1;
        from.channels = n;
        x = y;
    }
    assert_eq!(from, layers.features());
    x
}

/// Outputs of a network for one input row.
pub(crate) fn network(network: &Network, params: &[f64], input: &[f64]) -> Vec<f64> {
    let Some(layers) = network.convolutions() else { return mlp(network.dense(), params, input) };
    let (before, params) = params.split_at(layers.parameters());
    let (image, beside) = input.split_at(layers.image().numbers());
    let seen = [convolutions(layers, before, image), beside.to_vec()].concat();
    mlp(network.dense(), params, &seen)
}

/// Log-probability and entropy of a policy for one row.
pub(crate) fn policy(policy: &Policy, params: &[f64], observation: &[f64], action: &[f64]) -> (f64, f64) {
    let (weights, log_std) = params.split_at(policy.network().parameters());
    let mut outputs = network(policy.network(), weights, observation);
    if policy.head() == Head::Bounded {
        outputs.iter_mut().for_each(|y| *y = y.tanh());
    }
    distribution(policy.head(), &outputs, log_std, action)
}

/// Half the length of a difference.
const STEP: f64 = 1.0e-5;

/// `f` a step above and below `at` in about `most` evenly spread coordinates, with their places.
fn ends(at: &[f64], most: usize, f: impl Fn(&[f64]) -> f64) -> Vec<(usize, f64, f64)> {
    let mut x = at.to_vec();
    // Odd, so that the steps meet all positions modulo the vector length.
    let places = (0..at.len()).step_by((at.len() / most) | 1);
    let ends = places.map(|i| {
        x[i] = at[i] + STEP;
        let above = f(&x);
        x[i] = at[i] - STEP;
        let below = f(&x);
        x[i] = at[i];
        (i, above, below)
    });
    ends.collect()
}

/// The gradient of `f` by central differences; NaN for all but about 400 evenly spread coordinates.
pub(crate) fn gradient(at: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut gradient = vec![f64::NAN; at.len()];
    for (i, above, below) in ends(at, 400, f) {
        gradient[i] = (above - below) / (2.0 * STEP);
    }
    gradient
}

/// The same, of about 100 coordinates, of a function with kinks: NaN as well where a step meets one. Such places are few.
pub(crate) fn gradient_off_kinks(at: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let here = f(at);
    let ends = ends(at, 100, f);
    let slope = |above: f64, below: f64| (above - below) / (2.0 * STEP);
    let scale = ends.iter().fold(0.0_f64, |most, &(_, above, below)| most.max(slope(above, below).abs()));
    let mut gradient = vec![f64::NAN; at.len()];
    let mut smooth = 0;
    for &(i, above, below) in &ends {
        // Twice the error that a kink on one side leaves in the central difference.
        let jump = ((above - here) - (here - below)).abs() / STEP;
        if jump <= 2e-5 * scale {
            gradient[i] = slope(above, below);
            smooth += 1;
        }
    }
    assert!(10 * smooth + 20 >= 9 * ends.len(), "{smooth} of {} steps meet no kink", ends.len());
    gradient
}

/// Asserts that two vectors agree within `tolerance` of the largest expected number, where it is not NaN.
pub(crate) fn assert_close(got: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0e-30_f64, |a, b| a.max(b.abs()));
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*g) - e).abs();
        assert!(
            e.is_nan() || error <= tolerance * scale,
            "{what}: number {i} is {g}, expected {e} (scale {scale})"
        );
    }
}

/// Parameters of a network with random biases as well, so that no gradient is trivially right.
pub(crate) fn random_params(mlp: &Mlp, stream: &mut Stream) -> Vec<f32> {
    let mut params = vec![0.0; mlp.parameters()];
    mlp.initialise(1.0, stream, &mut params);
    for p in &mut params {
        *p += (0.1 * stream.normal()) as f32;
    }
    params
}
