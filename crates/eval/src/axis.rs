//! Grids of systems: which values of which parameters a policy is evaluated under.

use std::str::FromStr;

use thiserror::Error;
use wr2l_sim::{DynamicsSpace, SpaceError};

use crate::number::{NumberError, parse_number};

/// Most systems one grid may have: a guard against a typing slip that would fill the memory.
pub const MAX_SYSTEMS: usize = 1_000_000;

/// Why an axis or a grid was refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SweepError {
    /// The text has neither of the two forms.
    #[error("`{axis}` is not a sweep: expected name=start:end:count or name=value,value,…")]
    Form {
        /// What was typed.
        axis: String,
    },
    /// A value is not a finite number.
    #[error("sweep `{axis}`: {source}")]
    Number {
        /// The axis.
        axis: String,
        /// The value.
        source: NumberError,
    },
    /// The number of values is not a whole number between 1 and [`MAX_SYSTEMS`].
    #[error("sweep `{axis}`: the count must be a whole number from 1 to {MAX_SYSTEMS}, got `{count}`")]
    Count {
        /// The axis.
        axis: String,
        /// What was given.
        count: String,
    },
    /// The ends are swapped, or equal although several values were asked for.
    #[error("sweep `{axis}`: the start {start} must lie below the end {end}")]
    Ends {
        /// The axis.
        axis: String,
        /// First end.
        start: f64,
        /// Last end.
        end: f64,
    },
    /// One value cannot include two different ends.
    #[error("sweep `{axis}`: a count of 1 cannot include both ends; write name=value for a single value")]
    Single {
        /// The axis.
        axis: String,
    },
    /// Listed values do not strictly increase.
    #[error("sweep `{axis}`: values must increase, but {next} follows {previous}")]
    Order {
        /// The axis.
        axis: String,
        /// The earlier value.
        previous: f64,
        /// The value after it.
        next: f64,
    },
    /// The parameter does not exist, appears twice, or a value lies outside its hard bounds.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A grid of no axis.
    #[error("a grid needs at least one swept parameter")]
    NoAxis,
    /// The product of the axes is too large.
    #[error("the grid has more than {MAX_SYSTEMS} systems; sweep fewer values")]
    Size,
}

/// One swept parameter: its name and the values it takes, in physical units, strictly increasing.
///
/// Typed as `torso_density=500:3000:11` (both ends included, evenly spaced) or `friction=0.5,1,2`; numbers as in
/// [`parse_number`]. Whether the parameter exists and its bounds allow the values is checked by [`Grid::new`].
///
/// ```
/// let axis: wr2l_eval::Axis = "torso_density=1k:3k:5".parse().unwrap();
/// assert_eq!(axis.values(), [1000.0, 1500.0, 2000.0, 2500.0, 3000.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    name: String,
    values: Vec<f64>,
}

impl Axis {
    /// An axis of these values, at least one, strictly increasing.
    ///
    /// # Errors
    /// [`SweepError::Count`] for no value or too many, [`SweepError::Number`] for one that is not finite,
    /// [`SweepError::Order`] for values that do not increase.
    pub fn new(name: impl Into<String>, values: Vec<f64>) -> Result<Self, SweepError> {
        let name = name.into();
        if values.is_empty() || values.len() > MAX_SYSTEMS {
            return Err(SweepError::Count { axis: name, count: values.len().to_string() });
        }
        if let Some(bad) = values.iter().find(|v| !v.is_finite()) {
            return Err(SweepError::Number { axis: name, source: NumberError { text: bad.to_string() } });
        }
        if let Some(pair) = values.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(SweepError::Order { axis: name, previous: pair[0], next: pair[1] });
        }
        Ok(Self { name, values })
    }

    /// An axis of `count` evenly spaced values from `start` to `end`, both included exactly.
    ///
    /// # Errors
    /// [`SweepError::Ends`] unless `start < end` (or `start = end` and one value), [`SweepError::Single`] for one
    /// value between different ends, and those of [`Axis::new`].
    pub fn evenly_spaced(
        name: impl Into<String>,
        start: f64,
        end: f64,
        count: usize,
    ) -> Result<Self, SweepError> {
        let name = name.into();
        if count == 0 || count > MAX_SYSTEMS {
            return Err(SweepError::Count { axis: name, count: count.to_string() });
        }
        // Written so that a NaN end is refused as well.
        let ordered = if count == 1 { start <= end } else { start < end };
        if !ordered {
            return Err(SweepError::Ends { axis: name, start, end });
        }
        if count == 1 && start != end {
            return Err(SweepError::Single { axis: name });
        }
        let last = (count - 1).max(1) as f64;
        let mut values: Vec<f64> = (0..count).map(|i| start + (end - start) * (i as f64 / last)).collect();
        // start + (end − start) can miss `end` by rounding; a grid that loses its end is a known trap.
        values[count - 1] = end;
        Self::new(name, values)
    }

    /// Name of the parameter.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Values in physical units, strictly increasing.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

impl FromStr for Axis {
    type Err = SweepError;

    fn from_str(text: &str) -> Result<Self, SweepError> {
        let form = || SweepError::Form { axis: text.to_owned() };
        let number = |part: &str| {
            parse_number(part).map_err(|source| SweepError::Number { axis: text.to_owned(), source })
        };
        let (name, values) = text.split_once('=').ok_or_else(form)?;
        let name = name.trim();
        if name.is_empty() || values.trim().is_empty() {
            return Err(form());
        }
        if !values.contains(':') {
            return Self::new(name, values.split(',').map(number).collect::<Result<_, _>>()?);
        }
        let parts: Vec<&str> = values.split(':').collect();
        let &[start, end, count] = parts.as_slice() else { return Err(form()) };
        let (start, end) = (number(start)?, number(end)?);
        let whole = number(count)?;
        if whole.fract() != 0.0 || !(1.0..=MAX_SYSTEMS as f64).contains(&whole) {
            return Err(SweepError::Count { axis: text.to_owned(), count: count.trim().to_owned() });
        }
        Self::evenly_spaced(name, start, end, whole as usize)
    }
}

/// The systems of a full grid over one or more axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    space: DynamicsSpace,
    axes: Vec<Axis>,
}

impl Grid {
    /// The grid of all combinations of the axes' values; `space` holds all parameters of the task.
    ///
    /// # Errors
    /// [`SweepError::Space`] for an unknown parameter (with the nearest name), one swept twice, or a value outside
    /// its hard bounds; [`SweepError::NoAxis`]; [`SweepError::Size`] for more than [`MAX_SYSTEMS`] systems.
    pub fn new(space: &DynamicsSpace, axes: Vec<Axis>) -> Result<Self, SweepError> {
        if axes.is_empty() {
            return Err(SweepError::NoAxis);
        }
        // By index, not by `select`, which would read `all` and `*` as patterns.
        for axis in &axes {
            space.index(&axis.name)?;
        }
        let space = space.select(&axes.iter().map(Axis::name).collect::<Vec<_>>())?;
        let mut phi = space.nominal();
        for (i, axis) in axes.iter().enumerate() {
            for &value in &axis.values {
                phi[i] = value;
                space.check(&phi)?;
            }
        }
        let size = axes.iter().try_fold(1_usize, |size, axis| size.checked_mul(axis.values.len()));
        if size.is_none_or(|size| size > MAX_SYSTEMS) {
            return Err(SweepError::Size);
        }
        Ok(Self { space, axes })
    }

    /// The axes, in the order given.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// All systems of the grid, the last axis varying fastest.
    pub fn systems(&self) -> Systems {
        let rows: usize = self.axes.iter().map(|axis| axis.values.len()).product();
        let mut phi = Vec::with_capacity(rows * self.axes.len());
        for row in 0..rows {
            let start = phi.len();
            phi.resize(start + self.axes.len(), 0.0);
            let mut rest = row;
            for (slot, axis) in phi[start..].iter_mut().zip(&self.axes).rev() {
                *slot = axis.values[rest % axis.values.len()];
                rest /= axis.values.len();
            }
        }
        Systems { space: self.space.clone(), phi, label: "grid".into() }
    }
}

/// Systems to evaluate: physical values of the swept parameters, one row a system; every parameter that is not
/// swept keeps the reference model's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Systems {
    space: DynamicsSpace,
    phi: Vec<f64>,
    label: String,
}

impl Systems {
    /// Systems from physical values `phi` (`[systems, dim]`, row-major) over the parameters of `space`.
    ///
    /// # Errors
    /// [`SweepError::NoAxis`] if the space is empty, [`SweepError::Space`] for a ragged last row or a value outside
    /// its hard bounds, [`SweepError::Size`] for more than [`MAX_SYSTEMS`] systems.
    pub fn new(space: DynamicsSpace, phi: Vec<f64>) -> Result<Self, SweepError> {
        if space.dim() == 0 {
            return Err(SweepError::NoAxis);
        }
        for row in phi.chunks(space.dim()) {
            space.check(row)?;
        }
        if phi.len() / space.dim() > MAX_SYSTEMS {
            return Err(SweepError::Size);
        }
        Ok(Self { space, phi, label: "listed".into() })
    }

    /// The same systems, said to be chosen as `label` says.
    #[must_use]
    pub fn labelled(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// How the systems were chosen: `grid`, `listed`; `box 0.5`, `ball` or `shell` for random ones; `worst in ball`
    /// or `worst in box 0.5` for those that a search found.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The swept parameters.
    pub fn space(&self) -> &DynamicsSpace {
        &self.space
    }

    /// Number of systems.
    pub fn len(&self) -> usize {
        self.phi.len() / self.space.dim()
    }

    /// Whether there is no system.
    pub fn is_empty(&self) -> bool {
        self.phi.is_empty()
    }

    /// Physical values of all systems, `[systems, dim]`, row-major.
    pub fn phi(&self) -> &[f64] {
        &self.phi
    }

    /// Physical values of one system.
    pub fn row(&self, system: usize) -> &[f64] {
        let dim = self.space.dim();
        &self.phi[system * dim..(system + 1) * dim]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wr2l_sim::Parameter;

    use super::*;

    fn space() -> DynamicsSpace {
        let parameter = |name: &str, nominal: f64, lower, upper| Parameter {
            name: name.into(),
            unit: "1".into(),
            description: String::new(),
            nominal,
            lower,
            upper,
            scale: nominal,
        };
        DynamicsSpace::new(vec![
            parameter("friction", 2.0, 0.1, 5.0),
            parameter("torso_density", 1000.0, 100.0, 4000.0),
        ])
        .unwrap()
    }

    fn axis(text: &str) -> Result<Axis, SweepError> {
        text.parse()
    }

    #[test]
    fn both_ends_are_included_exactly() {
        let axis = axis("torso_density=500:3000:11").unwrap();
        assert_eq!(axis.values().len(), 11);
        assert_eq!((axis.values()[0], axis.values()[1], axis.values()[10]), (500.0, 750.0, 3000.0));
    }

    proptest! {
        #[test]
        fn any_range_keeps_its_ends_and_increases(start in -1e6..1e6_f64, width in 1e-3..1e6_f64, n in 2..200_usize) {
            let axis = Axis::evenly_spaced("x", start, start + width, n).unwrap();
            prop_assert_eq!(axis.values().len(), n);
            prop_assert_eq!(axis.values()[0], start);
            prop_assert_eq!(axis.values()[n - 1], start + width);
        }
    }

    #[test]
    fn lists_single_values_and_suffixes_are_read() {
        assert_eq!(axis("friction=0.5,1,2").unwrap().values(), [0.5, 1.0, 2.0]);
        assert_eq!(axis("friction = 2").unwrap().values(), [2.0]);
        assert_eq!(axis("friction=2:2:1").unwrap().values(), [2.0]);
        assert_eq!(axis("torso_density=1k, 1.5e3").unwrap().values(), [1000.0, 1500.0]);
    }

    #[test]
    fn every_malformed_axis_says_what_is_wrong() {
        for (text, expected) in [
            ("torso_density", "expected name=start:end:count"),
            ("=1:2:3", "expected name=start:end:count"),
            ("a=", "expected name=start:end:count"),
            ("a=1:2", "expected name=start:end:count"),
            ("a=1:2:3:4", "expected name=start:end:count"),
            ("a=1:x:3", "`x` is not a number"),
            ("a=nan:2:3", "`nan` is not a number"),
            ("a=1,inf", "`inf` is not a number"),
            ("a=1,,2", "`` is not a number"),
            ("a=1:2:0", "whole number from 1"),
            ("a=1:2:-1", "whole number from 1"),
            ("a=1:2:2.5", "whole number from 1"),
            ("a=1:2:2M", "whole number from 1"),
            ("a=3000:500:11", "the start 3000 must lie below the end 500"),
            ("a=1:1:2", "must lie below"),
            ("a=1:2:1", "cannot include both ends"),
            ("a=2,1", "1 follows 2"),
            ("a=1,1", "1 follows 1"),
        ] {
            let message = axis(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
        assert!(Axis::new("a", vec![]).is_err());
        assert!(Axis::evenly_spaced("a", f64::NAN, 1.0, 3).is_err());
    }

    #[test]
    fn the_last_axis_varies_fastest() {
        let axes = vec![axis("torso_density=500,1000").unwrap(), axis("friction=1,2,3").unwrap()];
        let systems = Grid::new(&space(), axes).unwrap().systems();
        assert_eq!(systems.space().names().collect::<Vec<_>>(), ["torso_density", "friction"]);
        assert_eq!(systems.len(), 6);
        assert_eq!(systems.phi(), [500., 1., 500., 2., 500., 3., 1000., 1., 1000., 2., 1000., 3.]);
        assert_eq!(systems.row(4), [1000.0, 2.0]);
    }

    #[test]
    fn a_grid_outside_the_task_is_refused() {
        let grid = |texts: &[&str]| {
            Grid::new(&space(), texts.iter().map(|t| axis(t).unwrap()).collect()).map_err(|e| e.to_string())
        };
        assert!(grid(&["torso_densty=500:3000:11"]).unwrap_err().contains("did you mean `torso_density`?"));
        assert!(grid(&["all=1:2:3"]).unwrap_err().contains("unknown parameter"));
        assert!(grid(&["friction=0:3:4"]).unwrap_err().contains("outside its bounds [0.1, 5]"));
        assert!(grid(&["friction=1:6:3"]).unwrap_err().contains("`friction` = 6"));
        assert!(grid(&["friction=1:2:3", "friction=1:2:3"]).unwrap_err().contains("given twice"));
        assert!(grid(&[]).unwrap_err().contains("at least one"));
        assert!(
            grid(&["friction=1:2:1001", "torso_density=500:3000:1000"]).unwrap_err().contains("more than")
        );
    }

    #[test]
    fn systems_of_ragged_or_outlying_values_are_refused() {
        let space = space();
        assert!(Systems::new(space.clone(), vec![2.0, 1000.0, 2.0]).is_err());
        assert!(Systems::new(space.clone(), vec![2.0, f64::NAN]).is_err());
        assert!(Systems::new(DynamicsSpace::default(), vec![]).is_err());
        assert!(Systems::new(space, vec![]).unwrap().is_empty());
    }
}
