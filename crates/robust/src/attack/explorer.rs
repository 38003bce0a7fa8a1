//! Where the search looks next.

use nalgebra::DVector;
use wr2l_rng::{Stream, StreamKey};

use super::{Seen, Surrogate, sort};
use crate::RobustError;
use crate::ball::{Ball, UniformBall};
use crate::linalg::dot;

/// Points that were the lowest so far, around which candidates lie.
const ELITES: usize = 12;
/// Candidates that a round chooses from, for each point that it evaluates.
const CANDIDATES: usize = 60;
/// Coordinates that a candidate near an elite changes, on average at most.
const CHANGED: f64 = 6.0;
/// How far candidates lie from their elite, in standard deviations of the ball.
const RADII: [f64; 4] = [1.0, 0.5, 0.2, 0.07];
/// Samples of the ball that its standard deviations are estimated from.
const SAMPLES: u64 = 256;
/// Number of the round that these samples' streams belong to.
const SAMPLING: u64 = u64::MAX;

/// A point of the ball.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) z: Vec<f64>,
    /// For an end of the ball, the g whose linear function `gᵀz` is lowest there.
    slope: Option<Vec<f64>>,
}

impl Point {
    pub(super) fn at(z: Vec<f64>) -> Self {
        Self { z, slope: None }
    }
}

/// Proposes points of a ball.
pub(super) struct Explorer<'a> {
    ball: &'a Ball,
    inside: UniformBall,
    /// Standard deviation of each coordinate over the ball.
    spread: Vec<f64>,
    /// Names all random streams but for the lane (the round) and the episode (what for).
    key: StreamKey,
}

impl<'a> Explorer<'a> {
    /// # Errors
    /// [`RobustError::Decomposition`] never in exact arithmetic.
    pub(super) fn new(ball: &'a Ball, key: StreamKey) -> Result<Self, RobustError> {
        let mut this = Self { ball, inside: ball.uniform()?, spread: vec![0.0; ball.dim()], key };
        for k in 0..SAMPLES {
            let z = this.inside.sample(&mut this.stream(SAMPLING, k));
            this.spread.iter_mut().zip(z).for_each(|(s, z)| *s += z * z / SAMPLES as f64);
        }
        // A coordinate that is fixed stays so: its bounds pull every candidate back.
        this.spread.iter_mut().for_each(|s| *s = if *s > 0.0 { s.sqrt() } else { 1.0 });
        Ok(this)
    }

    fn stream(&self, round: u64, k: u64) -> Stream {
        self.key.lane(round).episode(k).stream()
    }

    /// The first points: ends of the ball, and a quarter of points from all over it.
    pub(super) fn first(&self, k: u64) -> Result<Point, RobustError> {
        let mut stream = self.stream(0, k);
        if k % 4 == 3 { Ok(self.anywhere(&mut stream)) } else { self.end(None, 0.0, &mut stream) }
    }

    /// `count` points: the lowest of the candidates under a draw of the surrogate each, and every fourth under its mean.
    pub(super) fn propose(&self, seen: &[Seen], count: usize, round: u64) -> Result<Vec<Point>, RobustError> {
        let (_, model) = self.fit(seen, round)?;
        let mut elites = seen.to_vec();
        sort(&mut elites);
        elites.truncate(ELITES);
        let mut candidates = Vec::with_capacity(count * CANDIDATES);
        for k in 0..(count * CANDIDATES) as u64 {
            candidates.push(Some(self.candidate(&elites, &model, &mut self.stream(round, k), k)?));
        }
        let features: Vec<Vec<f64>> =
            candidates.iter().flatten().map(|point| model.features(&self.scaled(&point.z))).collect();
        let mut chosen = Vec::with_capacity(count);
        for k in 0..count {
            let weights = if k % 4 == 3 {
                model.mean().to_vec()
            } else {
                model.draw(&mut self.stream(round, u64::MAX - 1 - k as u64))
            };
            let free = (0..candidates.len()).filter(|&i| candidates[i].is_some());
            let lowest = free.map(|i| (i, dot(&features[i], &weights))).min_by(|a, b| a.1.total_cmp(&b.1));
            chosen.extend(lowest.and_then(|(i, _)| candidates[i].take()));
        }
        Ok(chosen)
    }

    /// Up to `count` of the points, which are sorted: in turn the lowest by what was seen there, and the lowest by the
    /// model, which knows how low their neighbours are.
    pub(super) fn finalists(
        &self,
        seen: &[Seen],
        count: usize,
        round: u64,
    ) -> Result<Vec<usize>, RobustError> {
        let (inputs, model) = self.fit(seen, round)?;
        let values: Vec<f64> = inputs.iter().map(|x| dot(&model.features(x), model.mean())).collect();
        let mut order: Vec<usize> = (0..seen.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let mut chosen = Vec::with_capacity(count);
        for (seen, modelled) in order.into_iter().enumerate() {
            for i in [seen, modelled] {
                if chosen.len() < count && !chosen.contains(&i) {
                    chosen.push(i);
                }
            }
        }
        Ok(chosen)
    }

    /// The model of all that was seen, and its inputs.
    pub(super) fn fit(&self, seen: &[Seen], round: u64) -> Result<(Vec<Vec<f64>>, Surrogate), RobustError> {
        let inputs: Vec<Vec<f64>> = seen.iter().map(|s| self.scaled(&s.point.z)).collect();
        let values: Vec<f64> = seen.iter().map(Seen::mean).collect();
        let model = Surrogate::fit(&inputs, &values, &mut self.stream(round, u64::MAX))?;
        Ok((inputs, model))
    }

    /// Candidate number `k`: from the whole ball, near an elite, or where the ball ends in a direction that looks low.
    pub(super) fn candidate(
        &self,
        elites: &[Seen],
        model: &Surrogate,
        stream: &mut Stream,
        k: u64,
    ) -> Result<Point, RobustError> {
        let elite = &elites[stream.below(elites.len())].point;
        let radius = RADII[stream.below(RADII.len())];
        match k % 8 {
            0 => self.end(None, 0.0, stream),
            1 => Ok(self.anywhere(stream)),
            2 => {
                let weights = model.draw(stream);
                let slope = model.gradient(&weights, &self.scaled(&elite.z));
                let slope: Vec<f64> = slope.iter().zip(&self.spread).map(|(g, s)| g / s).collect();
                self.end(Some(&slope), radius, stream)
            }
            3 | 4 => {
                let outwards: Vec<f64>;
                let slope = match &elite.slope {
                    Some(slope) => slope,
                    None => {
                        let normal = self.ball.metric().hessian() * DVector::from_column_slice(&elite.z);
                        outwards = normal.iter().map(|g| -g).collect();
                        &outwards
                    }
                };
                self.end(Some(slope), radius, stream)
            }
            _ => self.near(&elite.z, radius, stream),
        }
    }

    /// A point from all over the ball.
    fn anywhere(&self, stream: &mut Stream) -> Point {
        Point::at(self.inside.sample(stream))
    }

    /// z with some of its coordinates changed by `radius` standard deviations.
    fn near(&self, z: &[f64], radius: f64, stream: &mut Stream) -> Result<Point, RobustError> {
        let share = (CHANGED / z.len() as f64).min(1.0);
        let always = stream.below(z.len());
        let mut changed = z.to_vec();
        for (i, value) in changed.iter_mut().enumerate() {
            if i == always || stream.uniform(0.0, 1.0) < share {
                *value += radius * self.spread[i] * stream.normal();
            }
            *value = value.clamp(self.ball.lower()[i], self.ball.upper()[i]);
        }
        Ok(Point::at(self.ball.pull_inside(&changed)?))
    }

    /// The minimiser over the ball of a linear function: of any (`None`), or of one whose slope differs from `slope` by
    /// `radius` times its size.
    fn end(&self, slope: Option<&[f64]>, radius: f64, stream: &mut Stream) -> Result<Point, RobustError> {
        let metric = self.ball.metric();
        let mut noise = vec![0.0; self.ball.dim()];
        loop {
            stream.fill_normal(&mut noise);
            let mut g = metric.colour(&noise);
            if let Some(slope) = slope.filter(|slope| metric.norm(slope) > 0.0) {
                let factor = radius * metric.norm(slope) / metric.norm(&g);
                g.iter_mut().zip(slope).for_each(|(g, s)| *g = s + factor * *g);
            }
            if let Some(z) = self.ball.minimiser(&g)? {
                return Ok(Point { z, slope: Some(g) });
            }
        }
    }

    /// z in standard deviations of the ball.
    fn scaled(&self, z: &[f64]) -> Vec<f64> {
        z.iter().zip(&self.spread).map(|(z, s)| z / s).collect()
    }
}
