//! Where dynamics that are left to chance are drawn from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wr2l_sim::DynamicsSpace;

/// The shape of a region of dynamics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The Wasserstein ball within the hard bounds.
    #[default]
    Ball,
    /// A range of its own for every parameter: the usual domain randomisation.
    Box,
}

/// The region that `uniform` and `cvar` draw dynamics from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegionConfig {
    /// Ball or box.
    pub shape: Shape,
    /// `shape = "box"`: how far a parameter may be from its nominal value, in units of it, within the hard bounds.
    /// Positive. Usual: 0.1–1.
    pub half_width: f64,
    /// `shape = "box"`: ranges `[low, high]` in physical units for parameters that have one of their own, by name.
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
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
}

impl RegionConfig {
    /// The box in z within the hard bounds of `space`; `None` if the region is the ball. Ranges are checked for either.
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
        let mut bounds = DynamicsBox {
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
        Ok((self.shape == Shape::Box).then_some(bounds))
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
