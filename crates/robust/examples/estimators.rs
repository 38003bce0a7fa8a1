//! What the two estimators of W₂² make of clouds of samples, beside the closed form: their mean and their spread.
//!
//! `cargo run --release -p wr2l-robust --example estimators > docs/results/stochastic/estimators.csv`

use std::error::Error;

use wr2l_rng::{Purpose, Stream, StreamKey};
use wr2l_robust::{RobustError, transport};

/// Clouds of each case.
const REPEATS: u64 = 40;

/// A cloud of `n` normal points: `mean + std · noise` in every coordinate.
fn cloud(noise: &[f64], mean: f64, std: f64) -> Vec<f64> {
    noise.iter().map(|xi| mean + std * xi).collect()
}

fn noise(stream: &mut Stream, n: usize, dim: usize) -> Vec<f64> {
    let mut noise = vec![0.0; n * dim];
    stream.fill_normal(&mut noise);
    noise
}

/// Means and standard deviations of the coordinates of a cloud.
fn fit(cloud: &[f64], dim: usize) -> (Vec<f64>, Vec<f64>) {
    let n = (cloud.len() / dim) as f64;
    let column = |i: usize| cloud.iter().skip(i).step_by(dim);
    let means: Vec<f64> = (0..dim).map(|i| column(i).sum::<f64>() / n).collect();
    let variance = |i: usize| column(i).map(|x| (x - means[i]).powi(2)).sum::<f64>() / n;
    let stds = (0..dim).map(|i| variance(i).sqrt()).collect();
    (means, stds)
}

fn gaussian(x: &[f64], y: &[f64], dim: usize) -> Result<f64, RobustError> {
    let ((m, s), (m2, s2)) = (fit(x, dim), fit(y, dim));
    transport::diagonal_gaussians(&m, &s, &m2, &s2, &vec![1.0; dim])
}

/// Mean and standard deviation over [`REPEATS`] clouds of `n` points: `[gaussian, empirical]`.
fn estimates(dim: usize, n: usize, shared: bool) -> Result<[(f64, f64); 2], RobustError> {
    let mut values = [Vec::new(), Vec::new()];
    for repeat in 0..REPEATS {
        let key = StreamKey::new(repeat, Purpose::TransportNoise).iteration(dim as u64).lane(n as u64);
        let mut stream = key.stream();
        let first = noise(&mut stream, n, dim);
        let second = if shared { first.clone() } else { noise(&mut stream, n, dim) };
        let (x, y) = (cloud(&first, 0.0, 1.0), cloud(&second, SHIFT, WIDER));
        values[0].push(gaussian(&x, &y, dim)?);
        values[1].push(transport::empirical(&x, &y, dim)?);
    }
    Ok(values.map(|values| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
    }))
}

/// By how much the second distribution lies further on, in every coordinate.
const SHIFT: f64 = 0.3;
/// Its standard deviation; the first one's is 1.
const WIDER: f64 = 1.2;

/// W₂² in closed form.
fn closed_form(dim: usize) -> f64 {
    dim as f64 * (SHIFT.powi(2) + (WIDER - 1.0).powi(2))
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("dim,samples,noise,estimator,closed_form,mean,bias,standard_deviation");
    for dim in [1, 2, 4, 8, 17] {
        for samples in [10, 40, 160] {
            for (name, shared) in [("shared", true), ("independent", false)] {
                let exact = closed_form(dim);
                for (estimator, (mean, std)) in
                    ["gaussian", "empirical"].into_iter().zip(estimates(dim, samples, shared)?)
                {
                    let bias = mean - exact;
                    println!("{dim},{samples},{name},{estimator},{exact:.4},{mean:.4},{bias:.4},{std:.4}");
                }
            }
        }
    }
    Ok(())
}
