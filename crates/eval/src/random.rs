//! Random systems: the box, the ball, and the shell around it.

use thiserror::Error;
use wr2l_rng::{Purpose, StreamKey};
use wr2l_robust::RobustError;
use wr2l_robust::ball::{Ball, UniformBall};
use wr2l_sim::DynamicsSpace;

use crate::axis::{SweepError, Systems};

/// Half-width of the box in which random systems are drawn unless told otherwise: ±50 % of the nominal values.
pub const HALF_WIDTH: f64 = 0.5;
/// How many times farther than the ball the shell reaches: it lies inside the ball of radius 4ε.
pub const SHELL_REACH: f64 = 2.0;
/// Points drawn in vain after which a shell counts as empty.
const MOST_DRAWS: u32 = 100_000;

/// Where random systems come from. Each is drawn from a stream of its own, so that the first of 1,000 systems are the
/// same as those of 100.
#[derive(Clone, Debug)]
pub enum Region {
    /// Every parameter in ± this half-width (in units of z: 0.5 is 50 % of the nominal value), cut at its hard
    /// bounds. Uniform, or in its logarithm where the space says so, as in the range.
    Box(f64),
    /// All of every parameter's range, between its hard bounds.
    Range,
    /// Uniform in the Wasserstein ball.
    Ball(Ball),
    /// Uniform in what the ball of [`SHELL_REACH`]² times the radius has beyond the ball itself: dynamics that training
    /// has not seen, but near.
    Shell(Ball),
}

/// Why no random systems could be drawn.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum RegionError {
    /// The half-width is no positive number.
    #[error("the half-width must be positive, got {0}")]
    HalfWidth(f64),
    /// The hard bounds leave nothing beyond the ball.
    #[error("there is nothing beyond the ball: the parameters' hard bounds end where it ends")]
    EmptyShell,
    /// The ball is of other parameters.
    #[error("the ball has {ball} parameters, {space} are to be drawn")]
    Dimension {
        /// Parameters of the ball.
        ball: usize,
        /// Parameters to draw.
        space: usize,
    },
    /// The ball could not be sampled.
    #[error(transparent)]
    Ball(#[from] RobustError),
    /// The systems were refused.
    #[error(transparent)]
    Systems(#[from] SweepError),
}

impl Region {
    /// What is meant where nobody says more than a half-width, or nothing: the range, if the space has ranges; else the box.
    pub fn usual(space: &DynamicsSpace, half_width: Option<f64>) -> Self {
        match half_width {
            Some(half_width) => Self::Box(half_width),
            None if space.has_ranges() => Self::Range,
            None => Self::Box(HALF_WIDTH),
        }
    }

    /// The region in a word: `box 0.5`, `range`, `ball`, `shell`.
    pub fn label(&self) -> String {
        match self {
            Self::Box(half_width) => format!("box {half_width}"),
            Self::Range => "range".into(),
            Self::Ball(_) => "ball".into(),
            Self::Shell(_) => "shell".into(),
        }
    }

    /// Draws `count` systems over the parameters of `space`, which a ball's coordinates must be.
    ///
    /// # Errors
    /// [`RegionError`].
    pub fn systems(&self, space: &DynamicsSpace, count: usize, seed: u64) -> Result<Systems, RegionError> {
        if let Self::Ball(ball) | Self::Shell(ball) = self
            && ball.dim() != space.dim()
        {
            return Err(RegionError::Dimension { ball: ball.dim(), space: space.dim() });
        }
        if count > crate::MAX_SYSTEMS {
            return Err(SweepError::Size.into());
        }
        let sampler = self.sampler()?;
        let mut phi = Vec::with_capacity(count * space.dim());
        for system in 0..count as u64 {
            let mut stream = StreamKey::new(seed, Purpose::EvaluationSystem).episode(system).stream();
            match (self, &sampler) {
                (Self::Ball(_), Some(sampler)) => phi.extend(space.physical(&sampler.sample(&mut stream))),
                (Self::Shell(ball), Some(sampler)) => {
                    let drawn = (0..MOST_DRAWS).map(|_| sampler.sample(&mut stream));
                    let outside = drawn.into_iter().find(|z| !ball.contains(z));
                    phi.extend(space.physical(&outside.ok_or(RegionError::EmptyShell)?));
                }
                (Self::Box(half_width), _) => {
                    phi.extend(drawn(space, *half_width, |low, high| stream.uniform(low, high)));
                }
                (Self::Range, _) => {
                    phi.extend(drawn(space, f64::INFINITY, |low, high| stream.uniform(low, high)));
                }
                // `sampler` is there whenever there is a ball.
                _ => {}
            }
        }
        for (row, phi) in phi.chunks_mut(space.dim().max(1)).enumerate() {
            // Rounding on the way from z may step over a bound by a last bit.
            debug_assert!(row < count);
            for (value, p) in phi.iter_mut().zip(space.parameters()) {
                *value = value.clamp(p.lower, p.upper);
            }
        }
        Ok(Systems::new(space.clone(), phi)?.labelled(self.label()))
    }

    fn sampler(&self) -> Result<Option<UniformBall>, RegionError> {
        Ok(match self {
            Self::Range => None,
            Self::Box(half_width) if *half_width > 0.0 && half_width.is_finite() => None,
            Self::Box(half_width) => return Err(RegionError::HalfWidth(*half_width)),
            Self::Ball(ball) => Some(ball.uniform()?),
            Self::Shell(ball) => {
                Some(ball.with_epsilon(SHELL_REACH * SHELL_REACH * ball.epsilon())?.uniform()?)
            }
        })
    }

    /// The region as the set in which a search for the worst system looks: a box is a ball so large that only its
    /// hard bounds matter. `None` for a shell, which is not convex.
    ///
    /// # Errors
    /// [`RegionError`].
    pub fn search_set(&self, space: &DynamicsSpace) -> Result<Option<Ball>, RegionError> {
        match self {
            Self::Shell(_) => Ok(None),
            Self::Ball(ball) if ball.dim() != space.dim() => {
                Err(RegionError::Dimension { ball: ball.dim(), space: space.dim() })
            }
            Self::Ball(ball) => Ok(Some(ball.clone())),
            Self::Range => {
                let ends = space.lower_z().into_iter().chain(space.upper_z());
                box_set(space, ends.map(f64::abs).fold(0.0, f64::max)).map(Some)
            }
            Self::Box(half_width) => {
                self.sampler()?;
                box_set(space, *half_width).map(Some)
            }
        }
    }
}

/// A value of every parameter within a half-width, left to chance as the space says.
fn drawn(
    space: &DynamicsSpace,
    half_width: f64,
    mut uniform: impl FnMut(f64, f64) -> f64,
) -> impl Iterator<Item = f64> {
    space.parameters().iter().enumerate().map(move |(i, p)| {
        let low = (p.nominal - half_width * p.scale).max(p.lower);
        let high = (p.nominal + half_width * p.scale).min(p.upper);
        space.draw(i, [low, high], &mut uniform)
    })
}

/// All within a half-width and the hard bounds, as a ball.
fn box_set(space: &DynamicsSpace, half_width: f64) -> Result<Ball, RegionError> {
    let cut = |bounds: Vec<f64>| -> Vec<f64> {
        bounds.into_iter().map(|bound| bound.clamp(-half_width, half_width)).collect()
    };
    let dim = space.dim();
    let identity = wr2l_robust::DMatrix::identity(dim, dim);
    let metric = wr2l_robust::ball::Metric::new(&identity, 1e-12)?;
    // Twice ½ d half_width²: every corner is well inside the ellipsoid.
    let epsilon = dim as f64 * half_width * half_width;
    Ok(Ball::new(metric, epsilon, cut(space.lower_z()), cut(space.upper_z()))?)
}

#[cfg(test)]
mod tests {
    use wr2l_robust::DMatrix;
    use wr2l_robust::ball::Metric;
    use wr2l_sim::{Task, TaskName};

    use super::*;

    fn space() -> DynamicsSpace {
        Task::new(TaskName::HOPPER).space().select(&["torso_density", "friction"]).unwrap()
    }

    fn ball(epsilon: f64) -> Ball {
        let metric = Metric::new(&DMatrix::identity(2, 2), 1e-12).unwrap();
        Ball::new(metric, epsilon, space().lower_z(), space().upper_z()).unwrap()
    }

    #[test]
    fn boxes_are_filled_evenly_and_longer_lists_begin_alike() {
        let all = Task::new(TaskName::HOPPER).space();
        let systems = Region::Box(0.5).systems(&all, 2000, 3).unwrap();
        assert_eq!((systems.len(), systems.label()), (2000, "box 0.5"));
        for (i, p) in all.parameters().iter().enumerate() {
            let relative: Vec<f64> = (0..2000).map(|s| systems.row(s)[i] / p.nominal).collect();
            assert!(relative.iter().all(|r| (0.5..=1.5).contains(r)));
            let mean = relative.iter().sum::<f64>() / 2000.0;
            // Uniform on an interval of length 1: standard deviation 1/√12, so 4 standard errors are 0.026.
            assert!((mean - 1.0).abs() < 0.026, "{}: {mean}", p.name);
        }
        let few = Region::Box(0.5).systems(&all, 10, 3).unwrap();
        assert_eq!(few.phi(), &systems.phi()[..few.phi().len()]);
        assert_ne!(few, Region::Box(0.5).systems(&all, 10, 4).unwrap());
        // Where a hard bound is nearer, it cuts the box.
        let wide = Region::Box(3.0).systems(&space(), 500, 1).unwrap();
        assert!((0..500).all(|s| wide.row(s)[1] <= 5.0 && wide.row(s)[1] >= 0.1));
    }

    #[test]
    fn balls_and_shells_meet_at_the_boundary() {
        let z = |systems: &Systems, s: usize| systems.space().normalised(systems.row(s));
        let inside = Region::Ball(ball(0.05)).systems(&space(), 300, 1).unwrap();
        let around = Region::Shell(ball(0.05)).systems(&space(), 300, 1).unwrap();
        for s in 0..300 {
            assert!(ball(0.0500001).contains(&z(&inside, s)));
            assert!(ball(0.2000001).contains(&z(&around, s)) && !ball(0.0499999).contains(&z(&around, s)));
        }
    }

    #[test]
    fn where_a_space_has_ranges_they_are_what_is_meant() {
        let named = |region: Region| region.label();
        assert_eq!(named(Region::usual(&space(), None)), "box 0.5");
        assert_eq!(named(Region::usual(&space().with_ranges(), None)), "range");
        assert_eq!(named(Region::usual(&space().with_ranges(), Some(0.2))), "box 0.2");
        assert!(space().with_ranges().select(&["friction"]).unwrap().has_ranges());
    }

    #[test]
    fn a_range_is_filled_from_end_to_end_as_its_space_says() {
        let space = space().with_logarithmic(vec![true, false]).unwrap();
        let systems = Region::Range.systems(&space, 2000, 3).unwrap();
        for (i, p) in space.parameters().iter().enumerate() {
            let middle = if i == 0 { (p.lower * p.upper).sqrt() } else { 0.5 * (p.lower + p.upper) };
            let below = (0..2000).filter(|s| systems.row(*s)[i] < middle).count();
            // Half of them, give or take six standard errors.
            assert!(below.abs_diff(1000) < 135, "{}: {below}", p.name);
            assert!((0..2000).all(|s| (p.lower..=p.upper).contains(&systems.row(s)[i])));
        }
        let set = Region::Range.search_set(&space).unwrap().unwrap();
        for corner in [space.lower_z(), space.upper_z()] {
            assert!(set.contains(&corner));
        }
        // Cut by a half-width, the logarithm is still what is even.
        let cut = Region::Box(0.5).systems(&space, 2000, 3).unwrap();
        let nominal = space.parameters()[0].nominal;
        let below = (0..2000).filter(|s| cut.row(*s)[0] < nominal * 0.75_f64.sqrt()).count();
        assert!(below.abs_diff(1000) < 135, "{below}");
    }

    #[test]
    fn regions_that_make_no_sense_are_refused() {
        for half_width in [0.0, -0.5, f64::NAN, f64::INFINITY] {
            let refused = Region::Box(half_width).systems(&space(), 1, 0).unwrap_err();
            assert!(refused.to_string().contains("half-width"), "{refused}");
            assert!(Region::Box(half_width).search_set(&space()).is_err());
        }
        let one = space().select(&["friction"]).unwrap();
        assert!(
            Region::Ball(ball(0.1)).systems(&one, 1, 0).unwrap_err().to_string().contains("2 parameters")
        );
        // So large that the hard bounds end before it does.
        assert_eq!(Region::Shell(ball(1e3)).systems(&space(), 1, 0), Err(RegionError::EmptyShell));
        assert!(Region::Shell(ball(0.1)).search_set(&space()).unwrap().is_none());
        let refused = Region::Ball(ball(0.1)).search_set(&one).unwrap_err();
        assert_eq!(refused, RegionError::Dimension { ball: 2, space: 1 });
        let many = crate::MAX_SYSTEMS + 1;
        assert_eq!(Region::Range.systems(&one, many, 0), Err(RegionError::Systems(SweepError::Size)));
    }

    #[test]
    fn as_many_systems_as_there_may_be_are_drawn() {
        let one = space().select(&["friction"]).unwrap();
        assert_eq!(Region::Range.systems(&one, crate::MAX_SYSTEMS, 0).unwrap().len(), crate::MAX_SYSTEMS);
    }

    #[test]
    fn a_ball_is_searched_as_it_is() {
        let set = Region::Ball(ball(0.04)).search_set(&space()).unwrap().unwrap();
        assert_eq!((set.epsilon(), set.lower(), set.upper()), (0.04, ball(0.04).lower(), ball(0.04).upper()));
        assert!(set.contains(&[0.28, 0.0]) && !set.contains(&[0.29, 0.0]));
    }

    #[test]
    fn the_search_set_of_a_box_has_its_corners() {
        let set = Region::Box(0.5).search_set(&space()).unwrap().unwrap();
        assert_eq!(set.minimiser(&[1.0, -1.0]).unwrap(), Some(vec![-0.5, 0.5]));
        assert!(!set.contains(&[0.51, 0.0]));
        // A wide one, too: 3 in density, and 1.5 in friction, whose hard bound is nearer.
        let wide = Region::Box(3.0).search_set(&space()).unwrap().unwrap();
        assert_eq!(wide.minimiser(&[-1.0, -1.0]).unwrap(), Some(vec![3.0, 1.5]));
    }
}
