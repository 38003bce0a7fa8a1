//! Where dynamics that are left to chance are drawn from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wr2l_rng::Stream;
use wr2l_sim::{DynamicsSpace, Parameter};

/// The shape of a region of dynamics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The Wasserstein ball within the hard bounds.
    #[default]
    Ball,
    /// A range of its own for every parameter: the usual domain randomisation.
    Box,
    /// All of every parameter's range, from its lower to its upper bound: what the author of a task says may be.
    Range,
}

/// The region that `uniform` and `cvar` draw dynamics from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegionConfig {
    /// Ball, box or range. In the last two a parameter is drawn as its space says, uniformly or in the logarithm.
    pub shape: Shape,
    /// `shape = "box"`: how far a parameter may be from its nominal value, in units of it, within the hard bounds.
    /// Positive. Usual: 0.1–1.
    pub half_width: f64,
    /// `shape = "box"` or `"range"`: ranges `[low, high]` in physical units for parameters that have one of their own, by name.
    pub ranges: BTreeMap<String, [f64; 2]>,
}

impl Default for RegionConfig {
    fn default() -> Self {
        Self { shape: Shape::default(), half_width: 0.5, ranges: BTreeMap::new() }
    }
}

/// A range that makes no sense: whose, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct BadRange {
    /// `half_width`, or `ranges.` and the name of a parameter.
    pub option: String,
    /// What is wrong and what would be valid.
    pub reason: String,
}

/// A range of z for every parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct DynamicsBox {
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// Of those that are uniform in their logarithm, nominal value and scale.
    logarithmic: Vec<Option<[f64; 2]>>,
}

impl DynamicsBox {
    /// Draws a point of it into `z` (`[dim]`).
    pub(super) fn draw(&self, stream: &mut Stream, z: &mut [f64]) {
        let bounds = self.lower.iter().zip(&self.upper).zip(&self.logarithmic);
        for (z, ((&lower, &upper), logarithmic)) in z.iter_mut().zip(bounds) {
            *z = match logarithmic {
                None => stream.uniform(lower, upper),
                Some([nominal, scale]) => {
                    let [low, high] = [lower, upper].map(|z| (nominal + scale * z).ln());
                    ((stream.uniform(low, high).exp() - nominal) / scale).clamp(lower, upper)
                }
            };
        }
    }
}

impl RegionConfig {
    /// The box or range in z within the hard bounds of `space`; `None` if the region is the ball. Ranges are checked for either.
    ///
    /// # Errors
    /// [`BadRange`]: a half-width that is not positive and finite, a range of a parameter that does not vary, one whose
    /// ends are out of order or beyond the hard bounds.
    pub fn bounds(&self, space: &DynamicsSpace) -> Result<Option<DynamicsBox>, BadRange> {
        let half = self.half_width;
        if !(half.is_finite() && half > 0.0) {
            let reason = format!("it must be positive and finite, got {half}");
            return Err(BadRange { option: "half_width".into(), reason });
        }
        // A range is bounded by nothing but itself.
        let half = if self.shape == Shape::Range { f64::INFINITY } else { half };
        let parameters = space.parameters().iter().enumerate();
        let logarithmic =
            |(i, p): (usize, &Parameter)| space.is_logarithmic(i).then_some([p.nominal, p.scale]);
        let mut bounds = DynamicsBox {
            logarithmic: parameters.map(logarithmic).collect(),
            lower: space.parameters().iter().map(|p| ((p.lower - p.nominal) / p.scale).max(-half)).collect(),
            upper: space.parameters().iter().map(|p| ((p.upper - p.nominal) / p.scale).min(half)).collect(),
        };
        for (name, &[low, high]) in &self.ranges {
            let bad = |reason: String| BadRange { option: format!("ranges.{name}"), reason };
            let Some(i) = space.names().position(|known| known == name) else {
                return Err(bad(format!(
                    "no such parameter varies; those that do are {}",
                    space.names().collect::<Vec<_>>().join(", ")
                )));
            };
            let p = &space.parameters()[i];
            let within = |value: f64| (p.lower..=p.upper).contains(&value);
            if !(within(low) && within(high) && low <= high) {
                let reason = "it must be [low, high], both within the hard bounds";
                return Err(bad(format!("{reason} [{}, {}], got [{low}, {high}]", p.lower, p.upper)));
            }
            bounds.lower[i] = (low - p.nominal) / p.scale;
            bounds.upper[i] = (high - p.nominal) / p.scale;
        }
        Ok((self.shape != Shape::Ball).then_some(bounds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_sim::{Task, TaskName};

    fn space() -> DynamicsSpace {
        Task::new(TaskName::HOPPER).space().select(&["torso_density", "friction"]).unwrap()
    }

    fn region(shape: Shape, ranges: &[(&str, [f64; 2])]) -> RegionConfig {
        let ranges = ranges.iter().map(|(name, range)| ((*name).to_owned(), *range)).collect();
        RegionConfig { shape, half_width: 0.25, ranges }
    }

    #[test]
    fn a_box_has_the_given_ranges_and_the_half_width_elsewhere() {
        let bounds =
            region(Shape::Box, &[("torso_density", [500.0, 3000.0])]).bounds(&space()).unwrap().unwrap();
        assert_eq!((bounds.lower, bounds.upper), (vec![-0.5, -0.25], vec![2.0, 0.25]));
        assert_eq!(region(Shape::Ball, &[]).bounds(&space()), Ok(None));
    }

    #[test]
    fn a_range_is_all_that_may_be_and_filled_as_its_space_says() {
        let space = space().with_logarithmic(vec![true, false]).unwrap();
        let drawn = region(Shape::Range, &[]).bounds(&space).unwrap().unwrap();
        assert_eq!((&drawn.lower, &drawn.upper), (&space.lower_z(), &space.upper_z()));
        let mut stream = wr2l_rng::StreamKey::new(1, wr2l_rng::Purpose::Test).stream();
        let mut z = [0.0; 2];
        let mut below = [0.0; 2];
        for _ in 0..2000 {
            drawn.draw(&mut stream, &mut z);
            let phi = space.physical(&z);
            for (i, p) in space.parameters().iter().enumerate() {
                assert!((p.lower..=p.upper).contains(&phi[i]));
                let middle = if i == 0 { (p.lower * p.upper).sqrt() } else { 0.5 * (p.lower + p.upper) };
                below[i] += f64::from(u8::from(phi[i] < middle)) / 2000.0;
            }
        }
        // Half of them lie below the middle, of the logarithm or of the range, give or take six standard errors.
        assert!(below.iter().all(|share| (share - 0.5).abs() < 6.0 * 0.5 / 2000.0_f64.sqrt()), "{below:?}");
    }

    #[test]
    fn ranges_that_make_no_sense_are_refused_by_name() {
        for (name, range) in [
            ("torso_densty", [500.0, 3000.0]),
            ("leg_density", [500.0, 3000.0]),
            ("torso_density", [3000.0, 500.0]),
            ("torso_density", [500.0, f64::NAN]),
            ("torso_density", [500.0, 1e12]),
            ("friction", [-1.0, 1.0]),
        ] {
            for shape in [Shape::Ball, Shape::Box] {
                let error = region(shape, &[(name, range)]).bounds(&space()).unwrap_err();
                assert_eq!(error.option, format!("ranges.{name}"), "{}", error.reason);
            }
        }
        for half_width in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = RegionConfig { half_width, ..RegionConfig::default() }.bounds(&space()).unwrap_err();
            assert_eq!(error.option, "half_width");
        }
    }
}
