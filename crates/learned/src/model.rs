//! A network as dynamics.

use wr2l_sim::{DynamicsSpace, Parameter, Task};

use crate::error::{check, check_positive};
use crate::{LearnedError, Network};

/// How far a weight may be from the fitted one, unless [`LearnedModel::with_bound`] says otherwise: about the size of the
/// largest weights.
const BOUND: f64 = 1.0;

/// Dynamics that a network predicts: `s' = s + scale · net((s, a − mean) / deviation)`; the task says what is observed, rewarded
/// and terminal, and where episodes start.
#[derive(Clone, Debug)]
pub struct LearnedModel {
    task: Task,
    network: Network,
    weights: Vec<f64>,
    bound: f64,
    /// Of states and actions (`[inputs]`).
    mean: Vec<f64>,
    deviation: Vec<f64>,
    /// Standard deviation of a change of each coordinate in the data (`[state_dim]`).
    scale: Vec<f64>,
}

impl LearnedModel {
    /// The model with these fitted weights φ₀ (`[d]`). `mean` and `deviation` normalise states and actions
    /// (`[state_dim + act_dim]`), `scale` the changes of states (`[state_dim]`).
    ///
    /// # Errors
    /// [`LearnedError::Shape`] for a list or network of another size than the task's; [`LearnedError::Number`] for a number that
    /// is not finite, or a deviation or scale that is not positive.
    pub fn new(
        task: &Task,
        network: Network,
        weights: Vec<f64>,
        (mean, deviation): (Vec<f64>, Vec<f64>),
        scale: Vec<f64>,
    ) -> Result<Self, LearnedError> {
        let spec = task.spec();
        let (states, inputs) = (spec.state_dim(), spec.state_dim() + spec.act_dim());
        for (what, expected, got) in
            [("network's inputs", inputs, network.inputs()), ("network's outputs", states, network.outputs())]
        {
            if expected != got {
                return Err(LearnedError::Shape { what, expected, got });
            }
        }
        check("weights", &weights, network.parameters())?;
        check("means", &mean, inputs)?;
        check("deviations", &deviation, inputs)?;
        check("scales", &scale, states)?;
        for &value in deviation.iter().chain(&scale) {
            check_positive("a deviation", value)?;
        }
        Ok(Self { task: task.clone(), network, weights, bound: BOUND, mean, deviation, scale })
    }

    /// The same model, whose weights may be so far from the fitted ones.
    ///
    /// # Errors
    /// [`LearnedError::Number`] unless it is positive and finite.
    pub fn with_bound(self, bound: f64) -> Result<Self, LearnedError> {
        check_positive("bound", bound)?;
        Ok(Self { bound, ..self })
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The layout of the weights.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The fitted weights φ₀ (`[d]`).
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// What a unit of each of the network's outputs is, in units of the state (`[state_dim]`).
    pub(crate) fn scale(&self) -> &[f64] {
        &self.scale
    }

    pub(crate) fn replace_weights(&mut self, weights: Vec<f64>) {
        self.weights = weights;
    }

    /// The weights as dynamics parameters φ, z = φ − φ₀, each within ±1 of the fitted one unless
    /// [`LearnedModel::with_bound`] said otherwise.
    ///
    /// # Errors
    /// [`LearnedError::Space`] never for weights that are finite.
    pub fn space(&self) -> Result<DynamicsSpace, LearnedError> {
        let parameter = |(i, &weight): (usize, &f64)| Parameter {
            name: format!("w{i}"),
            unit: "1".into(),
            description: "Weight of the network.".into(),
            nominal: weight,
            lower: weight - self.bound,
            upper: weight + self.bound,
            scale: 1.0,
        };
        Ok(DynamicsSpace::new(self.weights.iter().enumerate().map(parameter).collect())?)
    }

    /// Writes the normalised input of a state and an action.
    pub(crate) fn input(&self, state: &[f64], action: &[f64], out: &mut [f64]) {
        for (i, (out, v)) in out.iter_mut().zip(state.iter().chain(action)).enumerate() {
            *out = (v - self.mean[i]) / self.deviation[i];
        }
    }

    /// Moves `state` (`[state_dim]`) one step on under weights φ (`[d]`), with `scratch` (`[scratch_len]`).
    pub(crate) fn step(&self, phi: &[f64], state: &mut [f64], action: &[f64], scratch: &mut [f64]) {
        let (input, rest) = scratch.split_at_mut(self.network.inputs());
        let (units, change) = rest.split_at_mut(self.network.units());
        self.input(state, action, input);
        self.network.forward(phi, input, units, change);
        for (s, (change, scale)) in state.iter_mut().zip(change.iter().zip(&self.scale)) {
            *s += scale * change;
        }
    }

    /// Numbers that [`LearnedModel::step`] needs.
    pub(crate) fn scratch_len(&self) -> usize {
        self.network.inputs() + self.network.units() + self.network.outputs()
    }
}
