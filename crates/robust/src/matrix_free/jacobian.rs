//! Products with the Jacobian of all next states.

use crate::RobustError;
use crate::error::check_positive;
use crate::hessian::{Distance, GaussNewton, TransitionModel, WassersteinDistance, difference_points};

/// J (`[rows, d]`), the derivative of the next states of all pairs with respect to z at the reference, scaled so that
/// `H₀ = JᵀJ`: the rows of pair i times `√(2 w_i / N)`, w_i its weight and N the number of pairs.
///
/// The same arguments give the same bits, and nothing is allocated.
pub trait Jacobian {
    /// Number of coordinates d of z.
    fn dim(&self) -> usize;

    /// Number of rows: pairs times coordinates of a next state.
    fn rows(&self) -> usize;

    /// Writes `J v` (`[rows]`) of `v` (`[d]`).
    fn forward(&mut self, v: &[f64], out: &mut [f64]);

    /// Writes `Jᵀu` (`[d]`) of `u` (`[rows]`).
    fn backward(&mut self, u: &[f64], out: &mut [f64]);

    /// Writes the sum of squares of every column (`[d]`): the diagonal of H₀.
    fn squares(&mut self, out: &mut [f64]);
}

/// Columns that are simulated at once, so that memory stays bounded and several threads have work.
const CHUNK: usize = 16;

/// The Jacobian of any simulator, by central differences of its next states: `2d` one-step simulations per pair, once.
///
/// Its columns are kept: `8 · rows · d` bytes, 64 MB for 200 pairs of four coordinates and 10⁴ parameters. A simulator
/// gives `Jv` by one difference along v, but `Jᵀu` only by all of its columns, so nothing is saved by not keeping them.
#[derive(Clone, Debug)]
pub struct DifferencedJacobian {
    dim: usize,
    rows: usize,
    /// Column after column (`[d, rows]`).
    columns: Vec<f64>,
    simulator_steps: u64,
}

impl DifferencedJacobian {
    /// Simulates the columns, with the differences that [`gauss_newton`](crate::hessian::gauss_newton) takes: the product
    /// `JᵀJ` is its matrix.
    ///
    /// # Errors
    /// Those of [`gauss_newton`](crate::hessian::gauss_newton), but [`RobustError::NoCurvature`], which
    /// [`MatrixFreeMetric::new`](super::MatrixFreeMetric::new) finds.
    pub fn new(
        model: &mut dyn TransitionModel,
        distance: &Distance,
        lower: &[f64],
        upper: &[f64],
        options: &GaussNewton,
    ) -> Result<Self, RobustError> {
        let (dim, pairs) = (model.dim(), model.pairs());
        check_positive("step", options.step)?;
        for bounds in [lower, upper] {
            if bounds.len() != dim {
                return Err(RobustError::Dimension { what: "bounds", expected: dim, got: bounds.len() });
            }
        }
        let mut w = WassersteinDistance::new(model, distance)?;
        let scales: Vec<f64> = w.weights().iter().map(|w| (2.0 * w / pairs as f64).sqrt()).collect();
        let mut columns = Vec::new();
        for first in (0..dim).step_by(CHUNK) {
            let chunk = first..dim.min(first + CHUNK);
            let ends: Vec<(f64, f64)> =
                chunk.clone().map(|i| difference_points(lower[i], upper[i], options.step)).collect();
            let mut points = vec![0.0; 2 * ends.len() * dim];
            for (k, (i, &(back, forth))) in chunk.zip(&ends).enumerate() {
                points[2 * k * dim + i] = back;
                points[(2 * k + 1) * dim + i] = forth;
            }
            for (of_ends, (back, forth)) in w.features(&points)?.chunks_exact(2).zip(ends) {
                let (width, per_pair) = (forth - back, of_ends[0].len() / pairs);
                columns.extend(of_ends[0].iter().zip(&of_ends[1]).enumerate().map(|(row, (a, b))| {
                    if width > 0.0 { scales[row / per_pair] * (b - a) / width } else { 0.0 }
                }));
            }
        }
        Ok(Self { dim, rows: columns.len() / dim, columns, simulator_steps: w.simulator_steps() })
    }

    /// One-step simulations that it took.
    pub fn simulator_steps(&self) -> u64 {
        self.simulator_steps
    }
}

impl Jacobian for DifferencedJacobian {
    fn dim(&self) -> usize {
        self.dim
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn forward(&mut self, v: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (column, &v) in self.columns.chunks_exact(self.rows).zip(v) {
            out.iter_mut().zip(column).for_each(|(sum, j)| *sum += v * j);
        }
    }

    fn backward(&mut self, u: &[f64], out: &mut [f64]) {
        for (column, out) in self.columns.chunks_exact(self.rows).zip(out) {
            *out = column.iter().zip(u).map(|(j, u)| j * u).sum();
        }
    }

    fn squares(&mut self, out: &mut [f64]) {
        for (column, out) in self.columns.chunks_exact(self.rows).zip(out) {
            *out = column.iter().map(|j| j * j).sum();
        }
    }
}
