//! What is uncertain about a robot: quantities of elements within ranges, as a space of parameters with their effects.

use thiserror::Error;
use wr2l_sim::{DynamicsSpace, Parameter};

use crate::effects::{Effect, Effects};
use crate::element::{Element, ElementKind};
use crate::field::{Field, Op, Write};
use crate::friction::Ask;
use crate::inventory::Inventory;
use crate::quantity::Quantity;
use crate::selector::Selector;

/// How a parameter is drawn where it is drawn at random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Draw {
    /// Uniform in the range.
    #[default]
    Uniform,
    /// Uniform in the logarithm: factors of 1/2 and 2 are as likely. For ranges of positive numbers.
    LogUniform,
}

/// One entry of a task's `[vary]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Vary {
    /// The parameter's name.
    pub name: String,
    /// What it is of.
    pub select: Vec<Selector>,
    /// The quantity.
    pub quantity: Quantity,
    /// What it does to the nominal values.
    pub op: Op,
    /// A parameter for each element, named `name/element`, instead of one for all.
    pub each: bool,
    /// Its smallest and largest value: what is multiplied with (`scale`), added (`add`), or set.
    pub range: [f64; 2],
    /// How it is drawn at random.
    pub draw: Draw,
}

/// Why an entry was refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("vary.{name}: {reason}")]
pub struct VaryError {
    /// The entry.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A space of parameters, and all that belongs to each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variation {
    /// The parameters: bounds are those of the ranges.
    ///
    /// The unit of z, `scale`, is 1 for `op = scale`, so that z = 0.1 reads "10 % more"; for `set` the size of the nominal
    /// value, with the same reading; for `add` the mean size of what is added to. Where that is 0 (a centre of mass in the
    /// middle) it is half the width of the range.
    pub space: DynamicsSpace,
    /// What they do.
    pub effects: Effects,
    /// How each is drawn.
    pub draws: Vec<Draw>,
    /// The elements that each moves.
    pub elements: Vec<Vec<Element>>,
    /// The entry that each is from.
    pub entries: Vec<usize>,
}

impl Variation {
    /// Resolves entries on a model.
    ///
    /// # Errors
    /// [`VaryError`], with the sentence that would help.
    pub fn resolve(inventory: &Inventory, entries: &[Vary]) -> Result<Self, VaryError> {
        let mut found = Self::default();
        let (mut parameters, mut effects) = (Vec::new(), Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            let refused = |reason: String| VaryError { name: entry.name.clone(), reason };
            let elements = entry.elements(inventory).map_err(refused)?;
            let groups: Vec<Vec<Element>> =
                if entry.each { elements.iter().map(|e| vec![*e]).collect() } else { vec![elements.clone()] };
            for group in groups {
                let (parameter, effect) = entry.parameter(inventory, &group).map_err(refused)?;
                parameters.push(parameter);
                effects.push(effect);
                found.draws.push(entry.draw);
                found.elements.push(group);
                found.entries.push(index);
            }
            entry.check_friction(inventory, &elements).map_err(refused)?;
            check_overlap(&effects, found.entries.iter().filter(|e| **e == index).count())
                .map_err(refused)?;
        }
        let logarithmic = found.draws.iter().map(|draw| *draw == Draw::LogUniform).collect();
        found.space = DynamicsSpace::new(parameters)
            .and_then(|space| space.with_logarithmic(logarithmic))
            .map_err(|error| VaryError { name: error_name(&error), reason: error.to_string() })?
            .with_ranges();
        found.effects = Effects::new(effects, inventory);
        Ok(found)
    }
}

fn error_name(error: &wr2l_sim::SpaceError) -> String {
    match error {
        wr2l_sim::SpaceError::Duplicate { name } | wr2l_sim::SpaceError::Invalid { name, .. } => name.clone(),
        _ => String::new(),
    }
}

/// Refuses the last `new` effects if they write what another writes too, unless all multiply.
fn check_overlap(effects: &[Effect], new: usize) -> Result<(), String> {
    let first = effects.len() - new;
    for (i, effect) in effects.iter().enumerate().skip(first) {
        for other in &effects[..i] {
            let clash = |a: &Write| {
                other.writes.iter().any(|b| a.field == b.field && !(a.change.scales() && b.change.scales()))
            };
            if effect.writes.iter().any(clash) {
                return Err(format!(
                    "it changes what `{}` changes; two parameters may move the same number only if both scale it",
                    other.name
                ));
            }
        }
    }
    Ok(())
}

impl Vary {
    fn elements(&self, inventory: &Inventory) -> Result<Vec<Element>, String> {
        let [low, high] = self.range;
        if self.name.is_empty() || self.name.contains(['*', '/', ',']) {
            return Err(
                "a parameter's name has at least one character, and neither `*`, `/` nor `,`".to_owned()
            );
        }
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(format!(
                "`range` has to be two finite numbers, the smaller first; it is [{low}, {high}]"
            ));
        }
        if self.draw == Draw::LogUniform && low <= 0.0 {
            return Err(format!("a log-uniform range is of positive numbers; this one starts at {low}"));
        }
        if self.op == Op::Scale && low < 0.0 {
            return Err(format!(
                "`scale` multiplies by numbers that are not negative; the range starts at {low}"
            ));
        }
        if let Some(reason) = self.quantity.refuses(self.op) {
            return Err(reason.to_owned());
        }
        let mut elements = Vec::new();
        for selector in &self.select {
            self.check_kind(selector)?;
            elements.extend(selector.select(inventory).map_err(|error| error.to_string())?);
        }
        elements.sort_unstable();
        elements.dedup();
        if elements.is_empty() { Err("`select` is empty".to_owned()) } else { Ok(elements) }
    }

    fn check_kind(&self, selector: &Selector) -> Result<(), String> {
        let kinds = self.quantity.kinds();
        if kinds.contains(&selector.kind()) {
            return Ok(());
        }
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.plural()).collect();
        let (quantity, of) = (self.quantity, kinds.join(" or "));
        let body = selector.as_str().strip_prefix("body:");
        let hint = match (self.quantity.kinds()[0], selector.kind(), body) {
            (ElementKind::Option, ..) => "; select `option`".to_owned(),
            (
                kind @ (ElementKind::Joint | ElementKind::Geom | ElementKind::Actuator),
                ElementKind::Body,
                body,
            ) => {
                format!("; did you mean `{kind}@{}`?", body.unwrap_or(selector.as_str()))
            }
            (ElementKind::Actuator, ElementKind::Joint, _) => {
                format!("; did you mean `actuator@{selector}`?")
            }
            _ => String::new(),
        };
        let has = selector.kind().plural();
        Err(format!("{quantity} is of {of}, and `{selector}` selects {has}{hint}"))
    }

    /// The parameter that moves a group of elements, and its effect.
    fn parameter(&self, inventory: &Inventory, group: &[Element]) -> Result<(Parameter, Effect), String> {
        let mut writes = Vec::new();
        let mut nominals = Vec::new();
        for element in group {
            nominals.push(self.check_element(inventory, *element)?);
            writes.extend(self.quantity.writes(inventory, *element, self.op));
        }
        let fields: Vec<Field> = writes.iter().map(|write| write.field).collect();
        debug_assert!(fields.iter().enumerate().all(|(i, field)| !fields[..i].contains(field)));
        let first = nominals[0];
        let nominal = match self.op {
            Op::Scale => 1.0,
            Op::Add => 0.0,
            Op::Set => match group.iter().zip(&nominals).find(|(_, nominal)| **nominal != first) {
                None => first,
                Some((other, value)) => {
                    return Err(format!(
                        "`set` gives all the same {}, but nominally `{}` has {first} and `{}` {value}, so that no value would \
                         leave the model as it is; use `op = \"scale\"`, or one parameter for each",
                        self.quantity,
                        group[0].label(inventory),
                        other.label(inventory)
                    ));
                }
            },
        };
        let [low, high] = self.range;
        if !(low <= nominal && nominal <= high) {
            let what = if self.op == Op::Set { "the nominal value" } else { "what changes nothing" };
            return Err(format!("`range` = [{low}, {high}] has to contain {what}, {nominal}"));
        }
        let size = nominals.iter().map(|nominal| nominal.abs()).sum::<f64>() / nominals.len() as f64;
        let scale = match self.op {
            Op::Scale => 1.0,
            Op::Add | Op::Set if size > 0.0 => size,
            Op::Add | Op::Set => 0.5 * (high - low),
        };
        let labels: Vec<String> = group.iter().map(|element| element.label(inventory)).collect();
        let name = if self.each { format!("{}/{}", self.name, labels[0]) } else { self.name.clone() };
        let unit = if self.op == Op::Scale { "1" } else { self.quantity.unit(inventory, group[0]) };
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let does = match self.op {
            Op::Scale => "factor of",
            Op::Add => "added to",
            Op::Set => "sets",
        };
        let description = format!("{does} the {} of {}", self.quantity, crate::selector::list(&labels));
        let unit = unit.to_owned();
        let parameter =
            Parameter { name: name.clone(), unit, description, nominal, lower: low, upper: high, scale };
        Ok((parameter, Effect { name, writes }))
    }

    /// The nominal value of the quantity, if it stays within its bounds over the range.
    fn check_element(&self, inventory: &Inventory, element: Element) -> Result<f64, String> {
        let nominal = self.quantity.nominal(inventory, element)?;
        let name = element.label(inventory);
        if self.op == Op::Scale && nominal == 0.0 && self.quantity != Quantity::Inertia {
            return Err(format!(
                "the {} of `{name}` is 0, and no factor changes that; use `op = \"add\"` or `set`",
                self.quantity
            ));
        }
        if self.quantity == Quantity::Gain && self.op != Op::Scale && nominal == 0.0 {
            return Err(format!("`{name}` has no gain that its bias could follow"));
        }
        let [lower, upper] = self.quantity.bounds();
        for value in self.range {
            let value = self.op.value(nominal, value);
            if !(lower <= value && value <= upper) {
                return Err(format!(
                    "the {} of `{name}` would become {value} {}; it has to stay within [{lower}, {upper}]",
                    self.quantity,
                    self.quantity.unit(inventory, element)
                ));
            }
        }
        Ok(nominal)
    }

    fn check_friction(&self, inventory: &Inventory, elements: &[Element]) -> Result<(), String> {
        let components = [Quantity::Slide, Quantity::Spin, Quantity::Roll];
        let Some(component) = components.iter().position(|q| *q == self.quantity) else { return Ok(()) };
        let geoms: Vec<usize> = elements
            .iter()
            .filter(|element| element.kind() == ElementKind::Geom)
            .map(|element| element.index())
            .collect();
        let (together, op, low) = (!self.each, self.op, self.range[0]);
        Ask { inventory, geoms: &geoms, together, component, op, low }.check()
    }
}
