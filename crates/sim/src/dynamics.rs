//! The space of dynamics parameters φ, and the normalised coordinates z in which all robust optimisation works.

use std::collections::HashSet;

use thiserror::Error;

/// One physical parameter of a simulator.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Name as the user types it, e.g. `torso_density`.
    pub name: String,
    /// Physical unit, `1` for a dimensionless number.
    pub unit: String,
    /// One sentence on what the number is in the model.
    pub description: String,
    /// Value φ₀ of the reference dynamics.
    pub nominal: f64,
    /// Smallest value the simulator accepts.
    pub lower: f64,
    /// Largest value the simulator accepts.
    pub upper: f64,
    /// Size of one unit of z: `z = (φ − φ₀)/scale`. By default `|φ₀|`, so that z = 0.1 reads "10 % more".
    pub scale: f64,
}

impl Parameter {
    fn out_of_bounds(&self, value: f64) -> SpaceError {
        SpaceError::OutOfBounds {
            name: self.name.clone(),
            value,
            lower: self.lower,
            upper: self.upper,
            unit: self.unit.clone(),
        }
    }
}

/// An ordered list of parameters: coordinate i of every φ and z belongs to parameter i.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DynamicsSpace {
    parameters: Vec<Parameter>,
    /// Whether a parameter that is left to chance is uniform in its logarithm, one each.
    logarithmic: Vec<bool>,
    /// Whether the bounds are what somebody believes, and not what a simulator accepts.
    ranges: bool,
}

/// Why a parameter, a selection or a value was refused.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SpaceError {
    /// No parameter has this name, and no parameter matches this pattern.
    #[error("unknown parameter `{name}`{}", suggestion(.nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The most similar existing name, if any is similar.
        nearest: Option<String>,
    },
    /// The same parameter was selected or set twice.
    #[error("parameter `{name}` is given twice")]
    Duplicate {
        /// The parameter.
        name: String,
    },
    /// A value lies outside the parameter's hard bounds, or is not finite.
    #[error("`{name}` = {value} lies outside its bounds [{lower}, {upper}] {unit}")]
    OutOfBounds {
        /// The parameter.
        name: String,
        /// The refused value.
        value: f64,
        /// Lower bound.
        lower: f64,
        /// Upper bound.
        upper: f64,
        /// Unit of all three.
        unit: String,
    },
    /// A vector has the wrong number of coordinates.
    #[error("expected {expected} parameter values, got {got}")]
    Dimension {
        /// Dimension of the space.
        expected: usize,
        /// Length of what was given.
        got: usize,
    },
    /// A parameter's own numbers make no sense (`lower ≤ nominal ≤ upper`, all finite, `scale > 0`).
    #[error("parameter `{name}`: {reason}")]
    Invalid {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// The candidate most similar to `name`, if it is similar enough to be a typing mistake.
pub fn nearest_name<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

impl DynamicsSpace {
    /// A space with these parameters, in this order.
    ///
    /// # Errors
    /// [`SpaceError::Duplicate`] for a repeated name; [`SpaceError::Invalid`] unless every parameter has finite
    /// `lower ≤ nominal ≤ upper` and a positive scale.
    pub fn new(parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        // A network as dynamics has thousands.
        let mut names = HashSet::with_capacity(parameters.len());
        for p in &parameters {
            let invalid = |reason: &str| SpaceError::Invalid { name: p.name.clone(), reason: reason.into() };
            if !names.insert(&p.name) {
                return Err(SpaceError::Duplicate { name: p.name.clone() });
            }
            if ![p.nominal, p.lower, p.upper].iter().all(|v| v.is_finite()) {
                return Err(invalid("nominal value and bounds must be finite"));
            }
            if !(p.lower <= p.nominal && p.nominal <= p.upper) {
                return Err(invalid("the nominal value lies outside the bounds"));
            }
            if !(p.scale.is_finite() && p.scale > 0.0) {
                return Err(invalid(
                    "the scale must be positive; a parameter whose nominal value is 0 needs one",
                ));
            }
        }
        Ok(Self { logarithmic: vec![false; parameters.len()], parameters, ranges: false })
    }

    /// The same space, whose bounds are ranges in which somebody believes the parameters to lie: what is drawn lies anywhere in
    /// them if nothing else is said.
    #[must_use]
    pub fn with_ranges(self) -> Self {
        Self { ranges: true, ..self }
    }

    /// Whether its bounds are such ranges, and not what a simulator accepts at most.
    pub fn has_ranges(&self) -> bool {
        self.ranges
    }

    /// The same space, where those parameters that are left to chance, and for which `logarithmic` (`[dim]`) holds, are uniform
    /// in their logarithms: half and twice a value are as likely.
    ///
    /// # Errors
    /// [`SpaceError::Dimension`]; [`SpaceError::Invalid`] for such a parameter whose lower bound is not positive.
    pub fn with_logarithmic(self, logarithmic: Vec<bool>) -> Result<Self, SpaceError> {
        if logarithmic.len() != self.dim() {
            return Err(SpaceError::Dimension { expected: self.dim(), got: logarithmic.len() });
        }
        let mut drawn = self.parameters.iter().zip(&logarithmic);
        match drawn.find(|(p, logarithmic)| **logarithmic && !(p.lower > 0.0)) {
            Some((p, _)) => {
                let reason = format!("a logarithm needs a positive lower bound, and it is {}", p.lower);
                Err(SpaceError::Invalid { name: p.name.clone(), reason })
            }
            None => Ok(Self { logarithmic, ..self }),
        }
    }

    /// Whether parameter `i` is uniform in its logarithm where it is left to chance.
    pub fn is_logarithmic(&self, i: usize) -> bool {
        self.logarithmic[i]
    }

    /// A value of parameter `i` left to chance within a range of its own unit, from a number that `uniform` draws between two
    /// bounds.
    pub fn draw(&self, i: usize, [low, high]: [f64; 2], mut uniform: impl FnMut(f64, f64) -> f64) -> f64 {
        if self.logarithmic[i] {
            uniform(low.ln(), high.ln()).exp().clamp(low, high)
        } else {
            uniform(low, high)
        }
    }

    /// Number of parameters.
    pub fn dim(&self) -> usize {
        self.parameters.len()
    }

    /// The parameters, in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|p| p.name.as_str())
    }

    /// Position of the parameter called `name`.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`], with the nearest name.
    pub fn index(&self, name: &str) -> Result<usize, SpaceError> {
        self.parameters.iter().position(|p| p.name == name).ok_or_else(|| SpaceError::Unknown {
            name: name.to_owned(),
            nearest: nearest_name(name, self.names()),
        })
    }

    /// The sub-space of the parameters picked by names or patterns: `*` stands for any run of characters
    /// (`*_density`), `all` for everything. The parameters come in the order in which they were asked for; those
    /// of one pattern in the order of this space.
    ///
    /// # Errors
    /// [`SpaceError::Unknown`] for a name or pattern that matches nothing, [`SpaceError::Duplicate`] for a
    /// parameter named twice (patterns may overlap).
    pub fn select<S: AsRef<str>>(&self, patterns: &[S]) -> Result<Self, SpaceError> {
        let mut picked: Vec<usize> = Vec::new();
        for pattern in patterns {
            let pattern = pattern.as_ref();
            if pattern == "all" || pattern.contains('*') {
                let before = picked.len();
                let mut matched = false;
                for (i, name) in self.names().enumerate() {
                    if pattern == "all" || matches_glob(pattern.as_bytes(), name.as_bytes()) {
                        matched = true;
                        if !picked[..before].contains(&i) {
                            picked.push(i);
                        }
                    }
                }
                if !matched {
                    return Err(SpaceError::Unknown { name: pattern.to_owned(), nearest: None });
                }
            } else {
                let i = self.index(pattern)?;
                if picked.contains(&i) {
                    return Err(SpaceError::Duplicate { name: pattern.to_owned() });
                }
                picked.push(i);
            }
        }
        Ok(Self {
            parameters: picked.iter().map(|i| self.parameters[*i].clone()).collect(),
            logarithmic: picked.iter().map(|i| self.logarithmic[*i]).collect(),
            ranges: self.ranges,
        })
    }

    /// Nominal values φ₀.
    pub fn nominal(&self) -> Vec<f64> {
        self.parameters.iter().map(|p| p.nominal).collect()
    }

    /// Physical values of normalised coordinates: `φ = φ₀ + scale · z`, clamped to the hard bounds so that
    /// rounding at a bound cannot leave them.
    ///
    /// # Panics
    /// If `z` or `phi` does not have [`DynamicsSpace::dim`] coordinates.
    pub fn physical_into(&self, z: &[f64], phi: &mut [f64]) {
        assert_eq!(z.len(), self.dim(), "z has the dimension of the space");
        assert_eq!(phi.len(), self.dim(), "phi has the dimension of the space");
        for (out, (p, &z)) in phi.iter_mut().zip(self.parameters.iter().zip(z)) {
            // NaN passes through `clamp` unchanged and is refused where φ is set.
            *out = (p.nominal + p.scale * z).clamp(p.lower, p.upper);
        }
    }

    /// Physical values of normalised coordinates, see [`DynamicsSpace::physical_into`].
    pub fn physical(&self, z: &[f64]) -> Vec<f64> {
        let mut phi = vec![0.0; self.dim()];
        self.physical_into(z, &mut phi);
        phi
    }

    /// Physical values of normalised coordinates, see [`DynamicsSpace::physical_into`], refusing to clamp more
    /// than rounding (a millionth of the parameter's scale).
    ///
    /// # Errors
    /// [`SpaceError::OutOfBounds`] for a coordinate that is not finite or leads outside the hard bounds,
    /// [`SpaceError::Dimension`] for a wrong length.
    pub fn checked_physical_into(&self, z: &[f64], phi: &mut [f64]) -> Result<(), SpaceError> {
        if z.len() != self.dim() || phi.len() != self.dim() {
            return Err(SpaceError::Dimension { expected: self.dim(), got: z.len() });
        }
        for ((p, &z), out) in self.parameters.iter().zip(z).zip(phi) {
            let value = p.nominal + p.scale * z;
            *out = value.clamp(p.lower, p.upper);
            if !((*out - value).abs() <= 1e-6 * p.scale) {
                return Err(p.out_of_bounds(value));
            }
        }
        Ok(())
    }

    /// Normalised coordinates of physical values: `z = (φ − φ₀)/scale`.
    pub fn normalised(&self, phi: &[f64]) -> Vec<f64> {
        assert_eq!(phi.len(), self.dim(), "phi has the dimension of the space");
        self.parameters.iter().zip(phi).map(|(p, &phi)| (phi - p.nominal) / p.scale).collect()
    }

    /// Hard lower bounds in normalised coordinates; at most 0.
    pub fn lower_z(&self) -> Vec<f64> {
        self.parameters.iter().map(|p| (p.lower - p.nominal) / p.scale).collect()
    }

    /// Hard upper bounds in normalised coordinates; at least 0.
    pub fn upper_z(&self) -> Vec<f64> {
        self.parameters.iter().map(|p| (p.upper - p.nominal) / p.scale).collect()
    }

    /// Checks physical values against the hard bounds.
    ///
    /// # Errors
    /// [`SpaceError::OutOfBounds`] for the first value that is not finite or outside its bounds,
    /// [`SpaceError::Dimension`] for a wrong length.
    pub fn check(&self, phi: &[f64]) -> Result<(), SpaceError> {
        if phi.len() != self.dim() {
            return Err(SpaceError::Dimension { expected: self.dim(), got: phi.len() });
        }
        for (p, &value) in self.parameters.iter().zip(phi) {
            if !(p.lower <= value && value <= p.upper) {
                return Err(p.out_of_bounds(value));
            }
        }
        Ok(())
    }
}

/// Whether `pattern`, in which `*` stands for any run of characters, matches all of `name`.
fn matches_glob(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skip| matches_glob(rest, &name[skip..])),
        Some((c, rest)) => name.first() == Some(c) && matches_glob(rest, &name[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, nominal: f64, lower: f64, upper: f64) -> Parameter {
        Parameter {
            name: name.into(),
            unit: "1".into(),
            description: String::new(),
            nominal,
            lower,
            upper,
            scale: nominal.abs(),
        }
    }

    fn space() -> DynamicsSpace {
        DynamicsSpace::new(vec![
            parameter("torso_density", 1000.0, 100.0, 4000.0),
            parameter("foot_density", 1000.0, 100.0, 4000.0),
            parameter("friction", 2.0, 0.1, 5.0),
        ])
        .unwrap()
    }

    #[test]
    fn normalised_and_physical_are_inverse() {
        let space = space();
        let phi = [1500.0, 200.0, 0.5];
        let z = space.normalised(&phi);
        assert_eq!(z, [0.5, -0.8, -0.75]);
        assert_eq!(space.physical(&z), phi);
        assert_eq!(space.physical(&space.upper_z()), [4000.0, 4000.0, 5.0]);
        let mut again = [0.0; 3];
        space.checked_physical_into(&z, &mut again).unwrap();
        assert_eq!(again, phi);
    }

    #[test]
    fn what_is_left_to_chance_is_spread_as_was_said() {
        let space = space().with_logarithmic(vec![false, true, false]).unwrap();
        let names = ["friction", "foot_density"];
        let some = space.select(&names).unwrap();
        assert_eq!([0, 1].map(|i| some.is_logarithmic(i)), [false, true]);
        let shares = |i: usize, range: [f64; 2]| {
            [0.0, 0.5, 1.0].map(|share| space.draw(i, range, |low, high| low + share * (high - low)))
        };
        assert_eq!(shares(0, [100.0, 400.0]), [100.0, 250.0, 400.0]);
        let drawn = shares(1, [100.0, 400.0]);
        let error = |(value, right): (&f64, f64)| (value - right).abs();
        assert!(drawn.iter().zip([100.0, 200.0, 400.0]).map(error).all(|error| error < 1e-9), "{drawn:?}");
        assert!(drawn.iter().all(|value| (100.0..=400.0).contains(value)), "no rounding leaves the range");
        let short = space.clone().with_logarithmic(vec![true]);
        assert_eq!(short, Err(SpaceError::Dimension { expected: 3, got: 1 }));
        let zero = DynamicsSpace::new(vec![parameter("x", 1.0, 0.0, 2.0)]).unwrap();
        assert!(zero.with_logarithmic(vec![true]).is_err());
    }

    #[test]
    fn clamping_hides_rounding_and_nothing_else() {
        let space = space();
        let mut phi = [0.0; 3];
        let mut z = space.upper_z();
        z[2] += 1e-9;
        space.checked_physical_into(&z, &mut phi).unwrap();
        assert_eq!(phi[2], 5.0);
        for bad in [z[2] + 0.01, f64::NAN, f64::INFINITY] {
            let refused = space.checked_physical_into(&[0.0, 0.0, bad], &mut phi);
            assert!(matches!(refused, Err(SpaceError::OutOfBounds { .. })), "{bad}");
        }
    }

    #[test]
    fn patterns_select_in_the_order_asked() {
        let space = space();
        let names = |patterns: &[&str]| {
            space.select(patterns).map(|s| s.names().map(String::from).collect::<Vec<_>>())
        };
        assert_eq!(names(&["friction", "*_density"]).unwrap(), ["friction", "torso_density", "foot_density"]);
        assert_eq!(names(&["all"]).unwrap().len(), 3);
        assert_eq!(names(&["foot_density", "*density"]).unwrap(), ["foot_density", "torso_density"]);
        assert!(names(&[]).unwrap().is_empty());
        assert!(matches!(names(&["friction", "friction"]), Err(SpaceError::Duplicate { .. })));
        assert!(matches!(names(&["*_mass"]), Err(SpaceError::Unknown { .. })));
    }

    #[test]
    fn a_misspelt_name_suggests_the_nearest() {
        let error = space().select(&["torso_densty"]).unwrap_err();
        assert_eq!(error.to_string(), "unknown parameter `torso_densty`; did you mean `torso_density`?");
        let error = space().select(&["zzz"]).unwrap_err();
        assert_eq!(error.to_string(), "unknown parameter `zzz`");
    }

    #[test]
    fn values_outside_bounds_and_not_finite_are_refused_by_name() {
        let space = space();
        assert!(space.check(&[1000.0, 1000.0, 5.0]).is_ok());
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5.000001, -1.0] {
            let message = space.check(&[1000.0, 1000.0, bad]).unwrap_err().to_string();
            assert!(message.contains("friction") && message.contains("[0.1, 5]"), "{message}");
        }
        assert_eq!(space.check(&[1.0]), Err(SpaceError::Dimension { expected: 3, got: 1 }));
    }

    #[test]
    fn senseless_parameters_are_refused() {
        assert!(DynamicsSpace::new(vec![parameter("a", 0.0, -1.0, 1.0)]).is_err(), "scale 0");
        assert!(DynamicsSpace::new(vec![parameter("a", 5.0, 0.0, 1.0)]).is_err(), "nominal outside");
        assert!(DynamicsSpace::new(vec![parameter("a", 1.0, f64::NAN, 1.0)]).is_err(), "NaN bound");
        let twice = vec![parameter("a", 1.0, 0.0, 1.0), parameter("a", 1.0, 0.0, 1.0)];
        assert!(matches!(DynamicsSpace::new(twice), Err(SpaceError::Duplicate { .. })));
    }
}
