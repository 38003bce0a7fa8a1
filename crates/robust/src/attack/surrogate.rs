//! A model of a noisy function with its uncertainty: Bayesian linear regression on random features.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use wr2l_rng::Stream;

use crate::RobustError;
use crate::linalg::dot;

/// Random features.
const FEATURES: usize = 192;
/// Length scales to choose from, in units of √d standard deviations of the inputs.
const LENGTHS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
/// Standard deviations of the noise to choose from; the values have 1.
const NOISES: [f64; 3] = [0.1, 0.3, 0.7];
/// Standard deviation of a linear weight.
const SLOPE: f64 = 0.5;

/// A Gaussian process with a linear trend, approximated by random Fourier features (Rahimi and Recht 2007), of which
/// whole functions can be drawn cheaply.
///
/// Values are replaced by their normal scores first (the quantile of their rank): a cliff is a step of its size in rank,
/// not in return, and no outlier dominates. Length scale and noise are those of the highest evidence.
#[derive(Clone, Debug)]
pub struct Surrogate {
    dim: usize,
    /// Frequencies `[FEATURES/2, dim]`, divided by the length scale.
    frequencies: Vec<f64>,
    noise: f64,
    mean: Vec<f64>,
    /// Of the precision of the weights in units of the noise, `FᵀF + σ²I`.
    factor: Cholesky<f64, Dyn>,
}

impl Surrogate {
    /// Fits the model to `values` at `inputs`, whose coordinates should have standard deviations near 1.
    ///
    /// # Errors
    /// [`RobustError::Decomposition`] without any input, and never else in exact arithmetic.
    pub fn fit(inputs: &[Vec<f64>], values: &[f64], stream: &mut Stream) -> Result<Self, RobustError> {
        let Some(dim) = inputs.first().map(Vec::len) else { return Err(UNDECOMPOSED) };
        let mut base = vec![0.0; FEATURES / 2 * dim];
        for row in base.chunks_mut(dim.max(1)) {
            stream.fill_normal(row);
            // A multivariate t with five degrees of freedom is the spectrum of the Matérn kernel of smoothness 5/2.
            let chi: f64 = (0..5).map(|_| stream.normal().powi(2)).sum();
            let stretch = (5.0 / chi).sqrt();
            row.iter_mut().for_each(|w| *w *= stretch);
        }
        let scores = DVector::from_vec(normal_scores(values));
        let mut best: Option<(f64, Vec<f64>, DMatrix<f64>, f64)> = None;
        for length in LENGTHS {
            let scale = 1.0 / (length * (dim as f64).sqrt());
            let frequencies: Vec<f64> = base.iter().map(|w| w * scale).collect();
            let rows: Vec<Vec<f64>> = inputs.iter().map(|x| features(&frequencies, x)).collect();
            let width = rows.first().map_or(0, Vec::len);
            let matrix = DMatrix::from_fn(rows.len(), width, |i, j| rows[i][j]);
            let evidence = Evidence::new(&matrix, &scores);
            for noise in NOISES {
                let cost = evidence.cost(noise)?;
                if best.as_ref().is_none_or(|(lowest, ..)| cost < *lowest) {
                    best = Some((cost, frequencies.clone(), matrix.clone(), noise));
                }
            }
        }
        let Some((_, frequencies, matrix, noise)) = best else { return Err(UNDECOMPOSED) };
        let factor = lifted(matrix.tr_mul(&matrix), noise)?;
        let mean = factor.solve(&matrix.tr_mul(&scores)).as_slice().to_vec();
        Ok(Self { dim, frequencies, noise, mean, factor })
    }

    /// The features of an input, whose products with weights are values.
    ///
    /// # Panics
    /// If the input has another dimension than those of the fit.
    pub fn features(&self, x: &[f64]) -> Vec<f64> {
        assert_eq!(x.len(), self.dim, "inputs have to have one dimension");
        features(&self.frequencies, x)
    }

    /// The gradient of the function with these weights at x.
    pub fn gradient(&self, weights: &[f64], x: &[f64]) -> Vec<f64> {
        let amplitude = (2.0 / FEATURES as f64).sqrt();
        let slope = SLOPE / (self.dim as f64).sqrt();
        let mut gradient: Vec<f64> = weights[FEATURES..][..self.dim].iter().map(|w| slope * w).collect();
        for (row, pair) in self.frequencies.chunks(self.dim.max(1)).zip(weights.chunks(2)) {
            let angle = dot(row, x);
            let (sine, cosine) = angle.sin_cos();
            let along = amplitude * (pair[1] * cosine - pair[0] * sine);
            gradient.iter_mut().zip(row).for_each(|(g, w)| *g += along * w);
        }
        gradient
    }

    /// Mean of the weights.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Weights drawn from what the data leave possible.
    pub fn draw(&self, stream: &mut Stream) -> Vec<f64> {
        let mut noise = DVector::zeros(self.mean.len());
        stream.fill_normal(noise.as_mut_slice());
        self.factor.l_dirty().tr_solve_lower_triangular_mut(&mut noise);
        self.mean.iter().zip(noise.iter()).map(|(mean, n)| mean + self.noise * n).collect()
    }
}

/// What never happens in exact arithmetic.
const UNDECOMPOSED: RobustError = RobustError::Decomposition { what: "Cholesky decomposition" };

/// Factor of `matrix + noise² I`.
fn lifted(mut matrix: DMatrix<f64>, noise: f64) -> Result<Cholesky<f64, Dyn>, RobustError> {
    (0..matrix.nrows()).for_each(|i| matrix[(i, i)] += noise * noise);
    matrix.cholesky().ok_or(UNDECOMPOSED)
}

/// How well features explain scores, in whichever of two forms has the smaller matrix.
enum Evidence<'a> {
    /// More features than scores: `K = F Fᵀ`.
    Kernel { kernel: DMatrix<f64>, scores: &'a DVector<f64> },
    /// `FᵀF` and `Fᵀs`.
    Gram { gram: DMatrix<f64>, moment: DVector<f64>, scores: &'a DVector<f64> },
}

impl<'a> Evidence<'a> {
    fn new(features: &DMatrix<f64>, scores: &'a DVector<f64>) -> Self {
        if features.nrows() < features.ncols() {
            Self::Kernel { kernel: features * features.transpose(), scores }
        } else {
            Self::Gram { gram: features.tr_mul(features), moment: features.tr_mul(scores), scores }
        }
    }

    /// −2 log evidence, up to a constant.
    fn cost(&self, noise: f64) -> Result<f64, RobustError> {
        let logs =
            |factor: &Cholesky<f64, Dyn>| factor.l_dirty().diagonal().iter().map(|l| l.ln()).sum::<f64>();
        Ok(match self {
            Self::Kernel { kernel, scores } => {
                let factor = lifted(kernel.clone(), noise)?;
                scores.dot(&factor.solve(*scores)) + 2.0 * logs(&factor)
            }
            Self::Gram { gram, moment, scores } => {
                let factor = lifted(gram.clone(), noise)?;
                let misfit = scores.dot(scores) - moment.dot(&factor.solve(moment));
                let free = (scores.len() as f64 - moment.len() as f64) * noise.ln();
                misfit / (noise * noise) + 2.0 * logs(&factor) + 2.0 * free
            }
        })
    }
}

fn features(frequencies: &[f64], x: &[f64]) -> Vec<f64> {
    let amplitude = (2.0 / FEATURES as f64).sqrt();
    let mut out = Vec::with_capacity(FEATURES + x.len() + 1);
    for row in frequencies.chunks(x.len().max(1)) {
        let angle = dot(row, x);
        let (sine, cosine) = angle.sin_cos();
        out.extend([amplitude * cosine, amplitude * sine]);
    }
    let slope = SLOPE / (x.len() as f64).sqrt();
    out.extend(x.iter().map(|x| slope * x));
    out.push(1.0);
    out
}

/// Quantile of the normal distribution of each value's rank; equal values have equal ones.
fn normal_scores(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    values
        .iter()
        .map(|value| {
            let below = sorted.partition_point(|v| v < value) as f64;
            let upto = sorted.partition_point(|v| v <= value) as f64;
            probit((below + upto) / 2.0 / count)
        })
        .collect()
}

/// Inverse of the normal distribution function, to 4.5e-4 (Abramowitz and Stegun 26.2.23): ranks need no more.
fn probit(p: f64) -> f64 {
    let tail = p.min(1.0 - p).max(1e-12);
    let t = (-2.0 * tail.ln()).sqrt();
    let x = t
        - (2.515_517 + t * (0.802_853 + t * 0.010_328))
            / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    if p < 0.5 { -x } else { x }
}

#[cfg(test)]
mod tests {
    use wr2l_rng::{Purpose, StreamKey};

    use super::*;

    fn stream(k: u64) -> Stream {
        StreamKey::new(11, Purpose::Test).episode(k).stream()
    }

    fn value(model: &Surrogate, weights: &[f64], x: &[f64]) -> f64 {
        dot(&model.features(x), weights)
    }

    /// 200 points and their values.
    fn data(function: impl Fn(&[f64]) -> f64) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut stream = stream(0);
        let inputs: Vec<Vec<f64>> = (0..200).map(|_| (0..3).map(|_| stream.normal()).collect()).collect();
        let values = inputs.iter().map(|x| function(x)).collect();
        (inputs, values)
    }

    #[test]
    fn the_model_orders_points_it_has_not_seen() {
        let function = |x: &[f64]| 100.0 * (x[0] + (2.0 * x[1]).sin()).exp();
        let (inputs, values) = data(function);
        let model = Surrogate::fit(&inputs, &values, &mut stream(1)).unwrap();
        let mut fresh = stream(2);
        let mut right = 0;
        for _ in 0..500 {
            let [a, b] = [0, 1].map(|_| (0..3).map(|_| fresh.normal()).collect::<Vec<f64>>());
            let say = value(&model, model.mean(), &a) < value(&model, model.mean(), &b);
            right += u32::from(say == (function(&a) < function(&b)));
        }
        assert!(right > 440, "{right} of 500");
    }

    #[test]
    fn the_model_follows_what_changes_within_a_quarter_of_a_deviation() {
        let mut draws = stream(0);
        let inputs: Vec<Vec<f64>> = (0..120).map(|_| vec![draws.uniform(-1.5, 1.5)]).collect();
        let values: Vec<f64> = inputs.iter().map(|x| (12.0 * x[0]).sin()).collect();
        let model = Surrogate::fit(&inputs, &values, &mut stream(1)).unwrap();
        // The scale is of the grid, whatever the dimension: the shortest of it here.
        let right = (0..200).map(|k| f64::from(k) / 70.0 - 1.4).filter(|&x| {
            let wave = (12.0 * x).sin();
            wave.abs() < 0.3 || (value(&model, model.mean(), &[x]) > 0.0) == (wave > 0.0)
        });
        let right = right.count();
        assert!(right > 190, "{right} of 200");
    }

    #[test]
    fn the_gradient_is_that_of_the_function() {
        let (inputs, values) = data(|x| x[0] * x[1] - x[2]);
        let model = Surrogate::fit(&inputs, &values, &mut stream(1)).unwrap();
        let weights = model.draw(&mut stream(3));
        let x = [0.3, -0.7, 0.1];
        for (i, slope) in model.gradient(&weights, &x).into_iter().enumerate() {
            let at = |by: f64| {
                let mut x = x;
                x[i] += by;
                value(&model, &weights, &x)
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((slope - difference).abs() < 1e-6 * (1.0 + slope.abs()), "{i}: {slope} {difference}");
        }
    }

    #[test]
    fn draws_scatter_around_the_mean_and_less_where_there_are_data() {
        let (inputs, values) = data(|x| x[0]);
        let model = Surrogate::fit(&inputs, &values, &mut stream(1)).unwrap();
        let spread = |x: &[f64]| {
            let draws: Vec<f64> =
                (0..400).map(|k| value(&model, &model.draw(&mut stream(100 + k)), x)).collect();
            let mean = draws.iter().sum::<f64>() / 400.0;
            let deviation = (draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 400.0).sqrt();
            let error = (mean - value(&model, model.mean(), x)).abs();
            assert!(error < 4.0 * deviation / 20.0, "{error} {deviation}");
            deviation
        };
        assert!(spread(&[0.0; 3]) < 0.5 * spread(&[8.0, -8.0, 8.0]));
    }

    #[test]
    fn both_forms_of_the_evidence_are_one() {
        let mut stream = stream(4);
        let features = DMatrix::from_fn(5, 5, |_, _| stream.normal());
        let scores = DVector::from_fn(5, |_, _| stream.normal());
        for (rows, columns) in [(5, 5), (5, 2), (2, 5)] {
            let some = features.view((0, 0), (rows, columns)).into_owned();
            let scores = scores.rows(0, rows).into_owned();
            let kernel = Evidence::Kernel { kernel: &some * some.transpose(), scores: &scores };
            let (gram, moment) = (some.tr_mul(&some), some.tr_mul(&scores));
            let gram = Evidence::Gram { gram, moment, scores: &scores };
            for noise in NOISES {
                let (a, b) = (kernel.cost(noise).unwrap(), gram.cost(noise).unwrap());
                assert!((a - b).abs() < 1e-8 * (1.0 + a.abs()), "{rows} × {columns}: {a} {b}");
            }
        }
    }

    #[test]
    fn scores_are_those_of_ranks_and_equal_values_have_equal_ones() {
        let scores = normal_scores(&[5.0, -1e9, 5.0, 7.0]);
        assert_eq!(scores[0], scores[2]);
        assert!(scores[1] < scores[0] && scores[0] < scores[3]);
        assert_eq!(normal_scores(&[2.0; 5]), [probit(0.5); 5]);
        // Quantiles from a table.
        for (p, x) in [(0.5, 0.0), (0.025, -1.959_964), (0.841_344_7, 1.0), (0.999, 3.090_232)] {
            assert!((probit(p) - x).abs() < 4.5e-4, "{p}");
        }
    }

    #[test]
    fn one_point_and_equal_values_make_a_model() {
        for count in [1, 5] {
            let inputs = vec![vec![0.5, -0.5]; count];
            let model = Surrogate::fit(&inputs, &vec![3.0; count], &mut stream(1)).unwrap();
            assert!(model.draw(&mut stream(2)).iter().all(|w| w.is_finite()));
        }
    }
}
