//! A network fitted to transitions: Adam in single precision, then Levenberg–Marquardt in double.

use wr2l_nn::{Adam, AdamConfig};
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::Pairs;
use wr2l_robust::matrix_free::{ConjugateGradients, Jacobian, MatrixFreeMetric};
use wr2l_sim::Task;

use crate::data::moments;
use crate::error::check_positive;
use crate::{LearnedError, LearnedModel, Network, Transitions, WeightJacobian};

/// How a network is fitted.
#[derive(Clone, Debug, PartialEq)]
pub struct FitConfig {
    /// Widths of the hidden layers. None fits a linear system.
    pub hidden: Vec<usize>,
    /// Passes of Adam over the data.
    pub epochs: usize,
    /// Transitions of a step of Adam.
    pub minibatch: usize,
    /// Step size of Adam, which falls in proportion to 0.
    pub learning_rate: f64,
    /// Steps of Levenberg–Marquardt afterwards, solved by conjugate gradients in the network's own products.
    pub polish: usize,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self { hidden: vec![32, 32], epochs: 100, minibatch: 64, learning_rate: 3e-3, polish: 10 }
    }
}

/// How well it fits.
#[derive(Clone, Debug, PartialEq)]
pub struct FitReport {
    /// Mean squared one-step error over the data, summed over the coordinates of a state: W₂² to the data.
    pub error: f64,
    /// The same before the polish.
    pub error_of_adam: f64,
}

/// Products of a step of the polish at most.
const PRODUCTS: usize = 100;
/// Dampings of the polish beyond which it ends.
const DAMPINGS: std::ops::RangeInclusive<f64> = 1e-12..=1.0;

/// Fits a network to `data` by least squares on changes of the state, each in units of its standard deviation for Adam, and in
/// the state's own for the polish, in which W₂ is measured.
///
/// # Errors
/// [`LearnedError::Shape`], [`LearnedError::Number`] for data that are not the task's or options without sense,
/// [`LearnedError::Network`] for a layer of width 0.
pub fn fit(
    task: &Task,
    data: &Transitions,
    config: &FitConfig,
    seed: u64,
) -> Result<(LearnedModel, FitReport), LearnedError> {
    let spec = task.spec();
    let (states, acts) = (spec.state_dim(), spec.act_dim());
    data.check(states, acts)?;
    check_positive("minibatch", config.minibatch as f64)?;
    check_positive("learning_rate", config.learning_rate)?;
    let rows = data.states.chunks_exact(states).zip(data.actions.chunks_exact(acts));
    let rows: Vec<f64> = rows.flat_map(|(s, a)| s.iter().chain(a).copied()).collect();
    let changes: Vec<f64> = data.next.iter().zip(&data.states).map(|(next, s)| next - s).collect();
    let sizes: Vec<usize> =
        [states + acts].into_iter().chain(config.hidden.clone()).chain([states]).collect();
    let network = Network::new(&sizes)?;
    let zero = vec![0.0; network.parameters()];
    let scale = moments(&changes, states).1;
    let mut model = LearnedModel::new(task, network, zero, moments(&rows, states + acts), scale)?;
    let weights = adam(&model, data, &changes, config, seed)?;
    model.replace_weights(weights.iter().map(|&w| f64::from(w)).collect());
    let error_of_adam = error(&model, data);
    let error = polish(&mut model, data, config.polish)?;
    Ok((model, FitReport { error, error_of_adam }))
}

fn adam(
    model: &LearnedModel,
    data: &Transitions,
    changes: &[f64],
    config: &FitConfig,
    seed: u64,
) -> Result<Vec<f32>, LearnedError> {
    let mlp = model.network().single()?;
    let (inputs, outputs) = (mlp.inputs(), mlp.outputs());
    let act_dim = inputs - outputs;
    let mut stream = StreamKey::new(seed, Purpose::Initialisation).stream();
    let mut weights = vec![0.0; mlp.parameters()];
    mlp.initialise(1.0, &mut stream, &mut weights);
    let (mut normal, mut input) = (vec![0.0; inputs], Vec::with_capacity(data.len * inputs));
    for i in 0..data.len {
        let (state, action) = (&data.states[i * outputs..], &data.actions[i * act_dim..]);
        model.input(&state[..outputs], &action[..act_dim], &mut normal);
        input.extend(normal.iter().map(|v| *v as f32));
    }
    let scaled = |(k, change): (usize, &f64)| (change / model.scale()[k % outputs]) as f32;
    let wanted: Vec<f32> = changes.iter().enumerate().map(scaled).collect();

    let minibatch = config.minibatch.min(data.len);
    let (mut cache, mut gradient) = (mlp.cache(minibatch), vec![0.0; mlp.parameters()]);
    let (mut x, mut d) = (vec![0.0; minibatch * inputs], vec![0.0; minibatch * outputs]);
    let mut optimiser = Adam::new(mlp.parameters(), AdamConfig { epsilon: 1e-8, ..AdamConfig::default() });
    let mut order: Vec<usize> = (0..data.len).collect();
    let steps = config.epochs * (data.len / minibatch);
    for step in 0..steps {
        let place = step % (data.len / minibatch);
        if place == 0 {
            stream.shuffle(&mut order);
        }
        let chosen = &order[place * minibatch..][..minibatch];
        for (row, &i) in chosen.iter().enumerate() {
            x[row * inputs..][..inputs].copy_from_slice(&input[i * inputs..][..inputs]);
        }
        mlp.forward(&weights, &x, &mut cache);
        for (row, &i) in chosen.iter().enumerate() {
            for k in 0..outputs {
                let at = row * outputs + k;
                d[at] = (cache.outputs()[at] - wanted[i * outputs + k]) / minibatch as f32;
            }
        }
        gradient.fill(0.0);
        mlp.backward(&weights, &x, &d, &mut cache, &mut gradient, None);
        let left = 1.0 - step as f64 / steps as f64;
        optimiser.update(config.learning_rate * left, 1.0, &gradient, &mut weights);
    }
    Ok(weights)
}

/// Next states of the data less what the model predicts (`[len, state_dim]`).
fn residuals(model: &LearnedModel, data: &Transitions) -> Vec<f64> {
    let (states, acts) = (model.network().outputs(), model.network().inputs() - model.network().outputs());
    let mut predicted = data.states.clone();
    let mut scratch = vec![0.0; model.scratch_len()];
    for (i, state) in predicted.chunks_exact_mut(states).enumerate() {
        model.step(model.weights(), state, &data.actions[i * acts..][..acts], &mut scratch);
    }
    data.next.iter().zip(&predicted).map(|(next, p)| next - p).collect()
}

/// Mean squared one-step error.
fn error(model: &LearnedModel, data: &Transitions) -> f64 {
    residuals(model, data).iter().map(|r| r * r).sum::<f64>() / data.len as f64
}

/// Levenberg–Marquardt: `(JᵀJ + λI) δ = Jᵀr`, a step kept where it lowers the error and λ moved accordingly. Returns the error.
fn polish(model: &mut LearnedModel, data: &Transitions, steps: usize) -> Result<f64, LearnedError> {
    let pairs = Pairs {
        states: data.states.clone(),
        actions: data.actions.clone(),
        len: data.len,
        simulator_steps: 0,
        weights: Vec::new(),
        samples: 1,
    };
    let options = ConjugateGradients { tolerance: 1e-8, most_products: PRODUCTS };
    let (mut least, mut ridge) = (error(model, data), 1e-4);
    let dim = model.weights().len();
    let (mut right, mut step) = (vec![0.0; dim], vec![0.0; dim]);
    for _ in 0..steps {
        let mut jacobian = WeightJacobian::new(model, &pairs)?;
        let root = (2.0 / data.len as f64).sqrt();
        let scaled: Vec<f64> = residuals(model, data).iter().map(|r| root * r).collect();
        jacobian.backward(&scaled, &mut right);
        MatrixFreeMetric::new(jacobian, ridge)?.with_options(options)?.solve(&right, &mut step);
        let before = model.weights().to_vec();
        model.replace_weights(before.iter().zip(&step).map(|(w, s)| w + s).collect());
        let reached = error(model, data);
        let better = reached < least;
        if better {
            least = reached;
        } else {
            model.replace_weights(before);
        }
        ridge *= if better { 0.2 } else { 10.0 };
        if !better && ridge > *DAMPINGS.end() {
            break;
        }
        ridge = ridge.clamp(*DAMPINGS.start(), *DAMPINGS.end());
    }
    Ok(least)
}
