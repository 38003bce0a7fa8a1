//! Random points of the ball and of its boundary.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use wr2l_rng::Stream;

use super::Ball;
use crate::RobustError;

/// Proposals after which rejection sampling is given up for hit-and-run.
const MAX_PROPOSALS: usize = 20_000;

impl Ball {
    /// A random point of the boundary of ellipsoid ∩ box: the minimiser of `gᵀz` for a random g.
    ///
    /// g is drawn so that without hard bounds the point is uniform on the ellipsoid's surface in the metric's own
    /// (whitened) coordinates. Where hard bounds cut the ellipsoid, the point is the one that Phase I would choose,
    /// had it estimated this g: so what the `wasserstein` adversary gains over the `boundary` adversary is due to
    /// its gradient alone. (Cutting the ray from 0 at the box instead would leave most of the ball unused in high
    /// dimension: nearly every direction soon meets the bound of some parameter that hardly matters.)
    ///
    /// # Errors
    /// [`RobustError::Decomposition`] never in exact arithmetic.
    pub fn boundary(&self, stream: &mut Stream) -> Result<Vec<f64>, RobustError> {
        let mut normal = vec![0.0; self.dim()];
        loop {
            stream.fill_normal(&mut normal);
            if let Some(z) = self.minimiser(&self.metric.colour(&normal))? {
                return Ok(z);
            }
        }
    }

    /// Prepares uniform sampling from ellipsoid ∩ box.
    ///
    /// # Errors
    /// [`RobustError::Decomposition`] never in exact arithmetic.
    pub fn uniform(&self) -> Result<UniformBall, RobustError> {
        UniformBall::new(self)
    }
}

/// A prepared sampler of points uniform in ellipsoid ∩ box.
///
/// Rejection from the ellipsoid alone (uniform direction × r^(1/d) through the Cholesky factor, accepted if the
/// box contains it) hardly ever succeeds in high dimension, because nearly free parameters make the ellipsoid
/// many times longer than the box. So the coordinates are split in two: those whose range the box mostly
/// decides are proposed uniformly over their range, the others uniformly in the section of the ellipsoid that
/// the former leave, accepted with probability (section's radius)^(their number). Every accepted point is exactly
/// uniform for every split; of all splits the one with the smallest proposed volume is used, so the most points
/// are accepted. All in the box is plain rejection from the box, none in it plain rejection from the ellipsoid.
///
/// If 20,000 proposals in a row fail, the point comes from a hit-and-run walk of 100·d steps inside the set
/// (uniform in the limit; Smith 1984).
#[derive(Clone, Debug)]
pub struct UniformBall {
    ball: Ball,
    /// Coordinates proposed over their whole range, with that range in y.
    boxed: Vec<(usize, f64, f64)>,
    /// Coordinates proposed within the ellipsoid's section. Coordinates in neither list are fixed at 0.
    round: Vec<usize>,
    /// C of boxed × boxed, and of round × boxed.
    boxed_matrix: DMatrix<f64>,
    cross: DMatrix<f64>,
    /// Factor of C of round × round.
    factor: Option<Cholesky<f64, Dyn>>,
}

impl UniformBall {
    fn new(ball: &Ball) -> Result<Self, RobustError> {
        let normal = &ball.normal;
        // A coordinate whose bounds coincide takes no part: the set is flat along it.
        let free: Vec<usize> = (0..ball.dim()).filter(|&i| normal.lower[i] < normal.upper[i]).collect();
        let ranges = ball.ranges()?;
        // By how much the ellipsoid is longer than the box along each axis.
        let inverse = block(&normal.matrix, &free, &free)
            .cholesky()
            .ok_or(RobustError::Decomposition { what: "Cholesky decomposition" })?
            .inverse();
        let mut candidates: Vec<(f64, (usize, f64, f64))> = free
            .iter()
            .enumerate()
            .map(|(k, &i)| {
                let (low, high) = ranges[i].jointly;
                let (low, high) = (low / normal.scale[i], high / normal.scale[i]);
                (inverse[(k, k)].sqrt() / (high - low), (i, low, high))
            })
            .collect();
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut best: Option<(f64, Self)> = None;
        for split in 0..=free.len() {
            let boxed: Vec<_> = candidates[..split].iter().map(|c| c.1).collect();
            let round: Vec<_> = candidates[split..].iter().map(|c| c.1.0).collect();
            let indices: Vec<_> = boxed.iter().map(|b| b.0).collect();
            let factor = if round.is_empty() {
                None
            } else {
                Some(
                    block(&normal.matrix, &round, &round)
                        .cholesky()
                        .ok_or(RobustError::Decomposition { what: "Cholesky decomposition" })?,
                )
            };
            let widths: f64 = boxed.iter().map(|(_, low, high)| (high - low).ln()).sum();
            let determinant: f64 =
                factor.as_ref().map_or(0.0, |f| f.l_dirty().diagonal().iter().map(|l| l.ln()).sum());
            let volume = widths + log_unit_ball(round.len()) - determinant;
            if best.as_ref().is_none_or(|(smallest, _)| volume < *smallest) {
                let boxed_matrix = block(&normal.matrix, &indices, &indices);
                let cross = block(&normal.matrix, &round, &indices);
                best = Some((volume, Self { ball: ball.clone(), boxed, round, boxed_matrix, cross, factor }));
            }
        }
        match best {
            Some((_, sampler)) => Ok(sampler),
            None => Err(RobustError::Decomposition { what: "Cholesky decomposition" }),
        }
    }

    /// The ball that is sampled.
    pub fn ball(&self) -> &Ball {
        &self.ball
    }

    /// Draws a point z (`[d]`) uniform in ellipsoid ∩ box.
    ///
    /// How many random numbers it takes varies: give every sample a stream of its own.
    pub fn sample(&self, stream: &mut Stream) -> Vec<f64> {
        let mut y = vec![0.0; self.ball.dim()];
        for _ in 0..MAX_PROPOSALS {
            if self.propose(stream, &mut y) {
                return self.inside(&y);
            }
        }
        self.walk(stream)
    }

    /// Writes a proposal and says whether it is accepted.
    fn propose(&self, stream: &mut Stream, y: &mut [f64]) -> bool {
        let normal = &self.ball.normal;
        let boxed =
            DVector::from_iterator(self.boxed.len(), self.boxed.iter().map(|b| stream.uniform(b.1, b.2)));
        // Centre −C_RR⁻¹ C_RS y_S and squared radius 1 − y_Sᵀ(C_SS − C_SR C_RR⁻¹ C_RS)y_S of the section.
        let mut square = boxed.dot(&(&self.boxed_matrix * &boxed));
        let mut round = DVector::zeros(self.round.len());
        if let Some(factor) = &self.factor {
            let pull = &self.cross * &boxed;
            let centre = -factor.solve(&pull);
            square += pull.dot(&centre);
            if square > 1.0 {
                return false;
            }
            let radius = (1.0 - square).sqrt();
            let d = self.round.len() as f64;
            if !self.boxed.is_empty() && stream.uniform(0.0, 1.0) >= radius.powf(d) {
                return false;
            }
            // Uniform in the unit ball: direction × r^(1/d); L⁻ᵀ maps it to the section.
            stream.fill_normal(round.as_mut_slice());
            let length = radius * stream.uniform(0.0, 1.0).powf(1.0 / d) / round.norm();
            factor.l_dirty().tr_solve_lower_triangular_mut(&mut round);
            round *= length;
            round += centre;
        } else if square > 1.0 {
            return false;
        }
        for (value, &(i, ..)) in boxed.iter().zip(&self.boxed) {
            y[i] = *value;
        }
        for (value, &i) in round.iter().zip(&self.round) {
            y[i] = *value;
        }
        self.round.iter().all(|&i| normal.lower[i] <= y[i] && y[i] <= normal.upper[i])
    }

    /// Hit-and-run from 0: along an axis or a whitened direction, to a uniform point of the chord.
    fn walk(&self, stream: &mut Stream) -> Vec<f64> {
        let normal = &self.ball.normal;
        let free: Vec<usize> = self.boxed.iter().map(|b| b.0).chain(self.round.iter().copied()).collect();
        let mut y = vec![0.0; self.ball.dim()];
        let mut direction = vec![0.0; self.ball.dim()];
        let mut noise = vec![0.0; self.ball.dim()];
        for step in 0..100 * free.len() {
            direction.fill(0.0);
            if step % 2 == 0 {
                direction[free[stream.below(free.len())]] = 1.0;
            } else {
                stream.fill_normal(&mut noise);
                let whitened = self.ball.metric.solve(&self.ball.metric.colour(&noise));
                for &i in &free {
                    direction[i] = whitened[i] / normal.scale[i];
                }
            }
            // The chord {t : y + t·direction in the set}; |y + t d|² = 1 bounds it first.
            let (a, b) = (normal.square(&direction), normal.inner(&y, &direction));
            let inside = (1.0 - normal.square(&y)).max(0.0);
            let half = (b * b + a * inside).sqrt();
            let (mut low, mut high) = ((-b - half) / a, (-b + half) / a);
            for &i in free.iter().filter(|&&i| direction[i] != 0.0) {
                let to_lower = (normal.lower[i] - y[i]) / direction[i];
                let to_upper = (normal.upper[i] - y[i]) / direction[i];
                low = low.max(to_lower.min(to_upper));
                high = high.min(to_lower.max(to_upper));
            }
            if low < high {
                let t = stream.uniform(low, high);
                y.iter_mut().zip(&direction).for_each(|(y, d)| *y += t * d);
                for &i in &free {
                    y[i] = y[i].clamp(normal.lower[i], normal.upper[i]);
                }
            }
        }
        self.inside(&y)
    }

    fn inside(&self, y: &[f64]) -> Vec<f64> {
        // Only rounding can have put a finite point outside, and a sampled point is finite.
        self.ball.pull_inside(&self.ball.to_z(y)).unwrap_or_else(|_| vec![0.0; y.len()])
    }
}

fn block(matrix: &DMatrix<f64>, rows: &[usize], columns: &[usize]) -> DMatrix<f64> {
    DMatrix::from_fn(rows.len(), columns.len(), |a, b| matrix[(rows[a], columns[b])])
}

/// Logarithm of the volume of the d-dimensional unit ball.
fn log_unit_ball(d: usize) -> f64 {
    match d {
        0 => 0.0,
        1 => 2.0_f64.ln(),
        _ => log_unit_ball(d - 2) + (std::f64::consts::TAU / d as f64).ln(),
    }
}

#[cfg(test)]
impl UniformBall {
    /// For tests: the share of accepted proposals, and a sample of the fall-back.
    pub(super) fn acceptance(&self, proposals: usize, stream: &mut Stream) -> f64 {
        let mut y = vec![0.0; self.ball.dim()];
        (0..proposals).filter(|_| self.propose(stream, &mut y)).count() as f64 / proposals as f64
    }

    pub(super) fn walked(&self, stream: &mut Stream) -> Vec<f64> {
        self.walk(stream)
    }
}
