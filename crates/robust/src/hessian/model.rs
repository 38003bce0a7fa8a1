//! One-step transitions as an abstract function of the dynamics.

use super::Distance;
use crate::RobustError;
use crate::error::check_finite;

/// Next states of a fixed list of state–action pairs under any dynamics z.
///
/// The same z gives the same bits, whatever was asked before: common random numbers, and W(0) = 0 exactly.
pub trait TransitionModel {
    /// Number of coordinates d of z.
    fn dim(&self) -> usize;

    /// Number of state–action pairs.
    fn pairs(&self) -> usize;

    /// Samples of the next state per pair: 1 for a deterministic simulator.
    fn samples(&self) -> usize {
        1
    }

    /// Length of a state.
    fn state_dim(&self) -> usize;

    /// How much each pair counts in W beside the others (`[pairs]`, at least 0); empty if all count alike.
    fn weights(&self) -> &[f64] {
        &[]
    }

    /// Writes the next states of all pairs under each of `rows` dynamics.
    ///
    /// `z` is `[rows, d]`, `out` is `[rows, pairs, samples, state_dim]`, both row-major.
    ///
    /// # Errors
    /// Whatever keeps the simulator from it, e.g. [`RobustError::Diverged`].
    fn next_states(&mut self, z: &[f64], out: &mut [f64]) -> Result<(), RobustError>;

    /// Length of the next states of all pairs under one z.
    fn row_len(&self) -> usize {
        self.pairs() * self.samples() * self.state_dim()
    }
}

/// A transition model given by a function `(z, out)` that writes the next states of all pairs
/// (`[pairs, state_dim]`) under one z.
#[derive(Clone, Debug)]
pub struct FnModel<F> {
    dim: usize,
    pairs: usize,
    state_dim: usize,
    function: F,
}

impl<F: FnMut(&[f64], &mut [f64])> FnModel<F> {
    /// A model of `dim` parameters, `pairs` state–action pairs and states of length `state_dim`.
    pub fn new(dim: usize, pairs: usize, state_dim: usize, function: F) -> Self {
        Self { dim, pairs, state_dim, function }
    }
}

impl<F: FnMut(&[f64], &mut [f64])> TransitionModel for FnModel<F> {
    fn dim(&self) -> usize {
        self.dim
    }

    fn pairs(&self) -> usize {
        self.pairs
    }

    fn state_dim(&self) -> usize {
        self.state_dim
    }

    fn next_states(&mut self, z: &[f64], out: &mut [f64]) -> Result<(), RobustError> {
        let row = self.row_len();
        for (z, out) in z.chunks_exact(self.dim).zip(out.chunks_exact_mut(row)) {
            (self.function)(z, out);
        }
        Ok(())
    }
}

/// Rows of z that are simulated at once, so that memory stays bounded and several threads have work.
const CHUNK: usize = 32;

/// The squared distances of all pairs under one z, in two numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairDistances {
    /// W, their weighted mean: the average that the ball bounds (Eq. 7).
    pub mean: f64,
    /// The largest of them, without weights: what Eq. 6 would bound for every state and action, over those sampled.
    pub largest: f64,
}

/// `W(z)`, the mean over state–action pairs of the squared distance between the next states under z and under the
/// reference dynamics (Eq. 7), each times its weight ([`TransitionModel::weights`]).
///
/// W(0) is exactly 0.
pub struct WassersteinDistance<'a> {
    model: &'a mut dyn TransitionModel,
    distance: &'a Distance,
    /// Next states under z = 0.
    reference: Vec<f64>,
    /// How much each pair counts.
    weights: Vec<f64>,
    simulator_steps: u64,
}

impl<'a> WassersteinDistance<'a> {
    /// Simulates the reference.
    ///
    /// # Errors
    /// [`RobustError::Parameter`] for a model without pairs, states or parameters or a negative weight,
    /// [`RobustError::Dimension`] for a wrong number of weights, [`RobustError::NotFinite`] for next states or
    /// weights that are not finite, and those of the model.
    pub fn new(model: &'a mut dyn TransitionModel, distance: &'a Distance) -> Result<Self, RobustError> {
        let size = model.row_len().min(model.dim());
        if size == 0 {
            let requirement = "a transition model needs parameters, pairs and states";
            return Err(RobustError::Parameter { name: "size", value: 0.0, requirement });
        }
        if !distance.weights.is_empty() {
            check_finite("state weights", &distance.weights, model.state_dim())?;
            if let Some(&value) = distance.weights.iter().find(|&&w| w < 0.0) {
                let requirement = "it must not be negative";
                return Err(RobustError::Parameter { name: "state weight", value, requirement });
            }
        }
        let weights = match model.weights() {
            [] => vec![1.0; model.pairs()],
            weights => weights.to_vec(),
        };
        check_finite("weights of the pairs", &weights, model.pairs())?;
        let mut reference = vec![0.0; model.row_len()];
        model.next_states(&vec![0.0; model.dim()], &mut reference)?;
        check_finite("next states of the reference", &reference, reference.len())?;
        let simulator_steps = (model.pairs() * model.samples()) as u64;
        Ok(Self { model, distance, reference, weights, simulator_steps })
    }

    /// Next states of the reference (`[pairs, samples, state_dim]`).
    pub fn reference(&self) -> &[f64] {
        &self.reference
    }

    /// How much each pair counts (`[pairs]`).
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// One-step simulations so far.
    pub fn simulator_steps(&self) -> u64 {
        self.simulator_steps
    }

    /// W at each of the points `z` (`[rows, d]`).
    ///
    /// # Errors
    /// [`RobustError::NotFinite`] if a next state is not finite, and those of the model.
    pub fn measure(&mut self, z: &[f64]) -> Result<Vec<f64>, RobustError> {
        let pairs = self.weights.len();
        let each = self.measure_each(z)?;
        Ok(each.chunks_exact(pairs).map(|of_row| of_row.iter().sum::<f64>() / pairs as f64).collect())
    }

    /// What every pair adds to W at each of the points `z`: its squared distance times its weight (`[rows, pairs]`), of
    /// which W is the mean.
    ///
    /// # Errors
    /// As [`WassersteinDistance::measure`].
    pub fn measure_each(&mut self, z: &[f64]) -> Result<Vec<f64>, RobustError> {
        let weights = std::mem::take(&mut self.weights);
        let mut values = Vec::with_capacity(z.len() / self.model.dim() * weights.len());
        let done = self.for_each_row(z, |reference, next, distance, cloud, state_dim| {
            let clouds = next.chunks_exact(cloud).zip(reference.chunks_exact(cloud));
            for ((a, b), weight) in clouds.zip(&weights) {
                values.push(weight * distance.squared(a, b, state_dim)?);
            }
            Ok(())
        });
        self.weights = weights;
        done.map(|()| values)
    }

    /// W and the largest squared distance of a pair at each of the points `z` (`[rows, d]`), from the same next states.
    ///
    /// # Errors
    /// As [`WassersteinDistance::measure`].
    pub fn measure_pairs(&mut self, z: &[f64]) -> Result<Vec<PairDistances>, RobustError> {
        let weights = std::mem::take(&mut self.weights);
        let mut values = Vec::with_capacity(z.len() / self.model.dim());
        let done = self.for_each_row(z, |reference, next, distance, cloud, state_dim| {
            let (mut sum, mut largest) = (0.0, 0.0_f64);
            let clouds = next.chunks_exact(cloud).zip(reference.chunks_exact(cloud));
            for ((a, b), weight) in clouds.zip(&weights) {
                let squared = distance.squared(a, b, state_dim)?;
                sum += weight * squared;
                largest = largest.max(squared);
            }
            values.push(PairDistances { mean: sum / weights.len() as f64, largest });
            Ok(())
        });
        self.weights = weights;
        done.map(|()| values)
    }

    /// The features ([`Distance::features`]) of the next states under each of the points `z`, one row a point, all
    /// pairs in a row.
    pub(crate) fn features(&mut self, z: &[f64]) -> Result<Vec<Vec<f64>>, RobustError> {
        let mut rows = Vec::with_capacity(z.len() / self.model.dim());
        self.for_each_row(z, |_, next, distance, cloud, state_dim| {
            rows.push(next.chunks_exact(cloud).flat_map(|c| distance.features(c, state_dim)).collect());
            Ok(())
        })?;
        Ok(rows)
    }

    /// Calls `f(reference, next states, distance, cloud length, state_dim)` for each point in order.
    fn for_each_row(
        &mut self,
        z: &[f64],
        mut f: impl FnMut(&[f64], &[f64], &Distance, usize, usize) -> Result<(), RobustError>,
    ) -> Result<(), RobustError> {
        let dim = self.model.dim();
        check_finite("z", z, z.len() / dim * dim)?;
        let (row, state_dim) = (self.reference.len(), self.model.state_dim());
        let cloud = self.model.samples() * state_dim;
        let mut next = vec![0.0; row * CHUNK.min(z.len() / dim)];
        for points in z.chunks(dim * CHUNK) {
            let next = &mut next[..points.len() / dim * row];
            self.model.next_states(points, next)?;
            self.simulator_steps += (next.len() / state_dim) as u64;
            check_finite("next states", next, next.len())?;
            for next in next.chunks_exact(row) {
                f(&self.reference, next, self.distance, cloud, state_dim)?;
            }
        }
        Ok(())
    }
}
