//! How far the measured ball reaches: the distance W that the simulator gives, followed along rays from the reference.
//!
//! `½zᵀH₀z` is W near the reference. Where contacts come and go it soon is not: on the Hopper W at the ends of the Taylor
//! ball of ε is several times ε. The measured ball has, on every ray from 0, what lies before the point where W passes
//! ε. A point of the Taylor ball has its counterpart in it: on the same ray, at the same share of the way to the
//! boundary. So whoever searches or draws in the Taylor ball searches or draws in the measured one, through
//! [`BallEstimate::fit`].

use wr2l_rl::Executor;

use crate::ball::{Ball, BallMeasure};
use crate::hessian::{PairDistances, WassersteinDistance};
use crate::{BallEstimate, RobustError, SimulatedTransitions};

/// Points of a ray that are measured at most.
const LOOKS: usize = 24;
/// The boundary is found to this share of the way to it.
const CLOSE: f64 = 2e-3;

/// Points, and what measuring took.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The points in z (`[rows, d]`).
    pub points: Vec<f64>,
    /// One-step simulations that it took.
    pub simulator_steps: u64,
}

impl BallEstimate {
    /// W at each of `points` (`[rows, d]`); infinite where a step diverges. Also the one-step simulations.
    ///
    /// # Errors
    /// [`RobustError::Sim`] for a point outside its bounds, and those of [`WassersteinDistance`].
    pub fn measure_all(
        &self,
        executor: &mut dyn Executor,
        points: &[f64],
    ) -> Result<(Vec<f64>, u64), RobustError> {
        let (values, steps) = self.measure_pairs(executor, points)?;
        Ok((values.iter().map(|value| value.mean).collect(), steps))
    }

    /// W and the largest W₂² of a pair at each of `points` (`[rows, d]`); both infinite where a step diverges. Also the
    /// one-step simulations.
    ///
    /// # Errors
    /// Those of [`BallEstimate::measure_all`].
    pub fn measure_pairs(
        &self,
        executor: &mut dyn Executor,
        points: &[f64],
    ) -> Result<(Vec<PairDistances>, u64), RobustError> {
        if !self.has_distance() {
            return Err(RobustError::NoStates);
        }
        let mut model = SimulatedTransitions::new(executor, &self.pairs);
        let mut w = WassersteinDistance::new(&mut model, &self.distance)?;
        let values = match w.measure_pairs(points) {
            Err(RobustError::Diverged { .. }) => {
                let each = points.chunks_exact(self.parameters.len()).map(|z| match w.measure_pairs(z) {
                    Err(RobustError::Diverged { .. }) => {
                        Ok(PairDistances { mean: f64::INFINITY, largest: f64::INFINITY })
                    }
                    values => values.map(|values| values[0]),
                });
                each.collect::<Result<_, _>>()?
            }
            values => values?,
        };
        Ok((values, w.simulator_steps()))
    }

    /// The points of `ball` that correspond to `points` (`[rows, d]`) of its Taylor form: the same if that is the ball;
    /// in the measured ball those at the same share of the way from the reference to its boundary.
    ///
    /// # Errors
    /// Those of [`BallEstimate::measure_all`].
    pub fn fit(
        &self,
        executor: &mut dyn Executor,
        ball: &Ball,
        points: &[f64],
    ) -> Result<Fitted, RobustError> {
        self.stretched(executor, ball, points, |z, stretch| z * stretch)
    }

    /// The points of the Taylor form that correspond to `points` (`[rows, d]`) of `ball`: what undoes
    /// [`BallEstimate::fit`].
    ///
    /// # Errors
    /// Those of [`BallEstimate::measure_all`].
    pub fn unfit(
        &self,
        executor: &mut dyn Executor,
        ball: &Ball,
        points: &[f64],
    ) -> Result<Fitted, RobustError> {
        self.stretched(executor, ball, points, |z, stretch| if stretch > 0.0 { z / stretch } else { 0.0 })
    }

    /// The points of `points` (`[rows, d]`) that lie in `ball`, and of others the last one on the way to them that does.
    ///
    /// # Errors
    /// Those of [`BallEstimate::measure_all`]; [`RobustError::NotFinite`].
    pub fn pull_inside(
        &self,
        executor: &mut dyn Executor,
        ball: &Ball,
        points: &[f64],
    ) -> Result<Fitted, RobustError> {
        if ball.measure() == BallMeasure::Taylor {
            let inside = points.chunks_exact(ball.dim()).map(|z| ball.pull_inside(z));
            let points = inside.collect::<Result<Vec<_>, _>>()?.concat();
            return Ok(Fitted { points, simulator_steps: 0 });
        }
        let (reach, simulator_steps) = self.reach(executor, ball, points)?;
        let rows = points.chunks_exact(ball.dim()).zip(reach);
        let points = rows.flat_map(|(z, t)| z.iter().map(move |z| z * t.min(1.0))).collect();
        Ok(Fitted { points, simulator_steps })
    }

    fn stretched(
        &self,
        executor: &mut dyn Executor,
        ball: &Ball,
        points: &[f64],
        apply: impl Fn(f64, f64) -> f64,
    ) -> Result<Fitted, RobustError> {
        let mut fitted = Fitted { points: points.to_vec(), simulator_steps: 0 };
        if ball.measure() == BallMeasure::Taylor {
            return Ok(fitted);
        }
        let dim = ball.dim();
        // The ends of the rays in the Taylor ball.
        let mut ends = points.to_vec();
        for end in ends.chunks_exact_mut(dim) {
            let share = ball.taylor_end(end);
            end.iter_mut().for_each(|z| *z *= share);
        }
        let (reach, steps) = self.reach(executor, ball, &ends)?;
        fitted.simulator_steps = steps;
        for (z, stretch) in fitted.points.chunks_exact_mut(dim).zip(reach) {
            for (i, z) in z.iter_mut().enumerate() {
                *z = apply(*z, stretch).clamp(ball.lower()[i], ball.upper()[i]);
            }
        }
        Ok(fitted)
    }

    /// For each of `points` (`[rows, d]`) the largest t that was found to have `W(tz) ≤ ε` with tz within the hard
    /// bounds; 1 for z = 0. It lies within 0.2 % of a t where W passes ε, unless the bounds come first. Also the
    /// one-step simulations.
    ///
    /// # Errors
    /// Those of [`BallEstimate::measure_all`].
    pub fn reach(
        &self,
        executor: &mut dyn Executor,
        ball: &Ball,
        points: &[f64],
    ) -> Result<(Vec<f64>, u64), RobustError> {
        let (dim, epsilon) = (ball.dim(), ball.epsilon());
        let mut rays: Vec<Ray> = points.chunks_exact(dim).map(|z| Ray::new(ball, z)).collect();
        let mut steps = 0;
        for _ in 0..LOOKS {
            let open: Vec<usize> = (0..rays.len()).filter(|&i| !rays[i].is_closed()).collect();
            if open.is_empty() {
                break;
            }
            let mut asked = Vec::with_capacity(open.len() * dim);
            for &i in &open {
                let t = rays[i].guess(epsilon);
                let z = &points[i * dim..][..dim];
                asked.extend(
                    z.iter().enumerate().map(|(k, z)| (t * z).clamp(ball.lower()[k], ball.upper()[k])),
                );
            }
            let (values, taken) = self.measure_all(executor, &asked)?;
            steps += taken;
            for (&i, value) in open.iter().zip(values) {
                rays[i].learn(value, epsilon);
            }
        }
        Ok((rays.into_iter().map(|ray| ray.inside.0).collect(), steps))
    }
}

/// What is known of W along a ray: the farthest point inside, the nearest outside, each as t and W.
#[derive(Clone, Copy, Debug)]
struct Ray {
    inside: (f64, f64),
    outside: Option<(f64, f64)>,
    /// Where the bounds are.
    end: f64,
    /// Where W is measured next.
    next: f64,
    /// The last look brought the two hardly closer: the next one halves what lies between them.
    halve: bool,
}

impl Ray {
    fn new(ball: &Ball, z: &[f64]) -> Self {
        let end = ball.bounds_end(z);
        if z.iter().all(|z| *z == 0.0) || !(end > 0.0) {
            let t = if end > 0.0 { 1.0 } else { 0.0 };
            return Self { inside: (t, 0.0), outside: None, end: t, next: t, halve: false };
        }
        let next = (ball.epsilon() / ball.value(z)).sqrt().min(end);
        Self { inside: (0.0, 0.0), outside: None, end, next, halve: false }
    }

    fn is_closed(&self) -> bool {
        match self.outside {
            Some((outside, _)) => outside - self.inside.0 <= CLOSE * outside,
            None => self.inside.0 >= self.end,
        }
    }

    /// Where to look next: W goes with about a power of t between two points.
    fn guess(&mut self, epsilon: f64) -> f64 {
        let (t, w) = self.inside;
        self.next = match self.outside {
            None if t == 0.0 => self.next,
            // Beyond the Taylor ball W was still within: far out, then to the bounds.
            None => (2.0 * t).min(self.end),
            Some((far, _)) if self.halve => 0.5 * (t + far),
            Some((far, above)) => {
                let power =
                    if w > 0.0 && above.is_finite() { (above / w).ln() / (far / t).ln() } else { 2.0 };
                let from = if w > 0.0 {
                    t * (epsilon / w).powf(1.0 / power)
                } else {
                    far * (epsilon / above).sqrt()
                };
                // Never so near an end that the other would not come closer.
                let margin = 0.5 * CLOSE * far;
                let (low, high) = (t + margin, far - margin);
                if from.is_finite() && low < high { from.clamp(low, high) } else { 0.5 * (t + far) }
            }
        };
        self.next
    }

    fn learn(&mut self, value: f64, epsilon: f64) {
        let width = |ray: &Self| ray.outside.map_or(f64::INFINITY, |(far, _)| far - ray.inside.0);
        let before = width(self);
        if value <= epsilon {
            self.inside = (self.next, value);
        } else {
            self.outside = Some((self.next, value));
        }
        self.halve = width(self) > 0.5 * before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DMatrix;
    use crate::ball::Metric;

    fn follow(w: impl Fn(f64) -> f64, bound: f64) -> (f64, usize) {
        let metric = Metric::new(&DMatrix::identity(1, 1), 1e-4).unwrap();
        let ball = Ball::new(metric, 0.5, vec![-0.9], vec![bound]).unwrap();
        let mut ray = Ray::new(&ball, &[1.0]);
        let mut looks = 0;
        while !ray.is_closed() && looks < LOOKS {
            let t = ray.guess(0.5);
            ray.learn(w(t), 0.5);
            looks += 1;
        }
        (ray.inside.0, looks)
    }

    #[test]
    fn a_ray_ends_where_the_distance_passes_epsilon_and_never_beyond() {
        type Distance<'a> = &'a dyn Fn(f64) -> f64;
        // W, where it passes ε, and how many looks that takes at most.
        let cases: [(Distance<'_>, f64, usize); 5] = [
            (&|t| 0.5 * t * t, 1.0, 4),
            (&|t| 2.0 * t * t, 0.5, 4),
            (&|t| 0.05 * t * t, 10_f64.sqrt(), 7),
            (&|t| 0.5 * t.powi(4) + 0.1 * t * t, 0.951_310, 7),
            // A wall: from little to much at once.
            (&|t| if t < 0.4 { 0.01 * t } else { 1e6 }, 0.4, 18),
        ];
        for (k, (w, expected, most)) in cases.into_iter().enumerate() {
            let (t, looks) = follow(w, 100.0);
            assert!(w(t) <= 0.5, "case {k}: {t} lies outside");
            assert!(t > expected * (1.0 - 1e-2) && t <= expected * (1.0 + 1e-6), "case {k}: {t} {expected}");
            assert!(looks <= most, "case {k}: {looks}");
        }
    }

    #[test]
    fn a_ray_ends_at_the_bounds_where_the_distance_stays_within() {
        assert_eq!(follow(|t| 1e-6 * t, 2.5).0, 2.5);
    }

    #[test]
    fn a_ray_through_diverging_physics_stops_before_it() {
        let (t, _) = follow(|t| if t > 0.3 { f64::INFINITY } else { 0.1 * t }, 100.0);
        assert!(t <= 0.3 && t > 0.25, "{t}");
    }
}
