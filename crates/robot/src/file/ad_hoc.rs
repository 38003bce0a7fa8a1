//! What varies, in a word of the command line: `mass@body:base=scale:0.7..1.5`.

use super::choices::{Distribution, Elements, Operation};
use super::tables::{Varied, VaryTable};
use crate::quantity::Quantity;
use crate::selector::Selector;

/// How such a word is written.
const FORM: &str = "[NAME:]QUANTITY@SELECTOR=[scale:|add:|set:]LOW..HIGH";

impl Varied {
    /// Whether a word of the command line is meant as one, and not as the name of a parameter.
    pub fn is_ad_hoc(text: &str) -> bool {
        text.contains(['@', '='])
    }

    /// Reads `[NAME:]QUANTITY@SELECTOR=[scale:|add:|set:]LOW..HIGH`. Without a word before the range it is scaled. Without a name
    /// it is called by quantity and selector, with `_` for all that is no letter or digit: `mass_base` for `mass@body:base`,
    /// `friction_slide_FL_collision` for `friction.slide@geom@FL_*[collision]`.
    ///
    /// # Errors
    /// A sentence: how it is written, or the nearest name.
    pub fn ad_hoc(text: &str) -> Result<Self, String> {
        let refused = |reason: String| format!("`{text}`: {reason}");
        let malformed = || refused(format!("expected {FORM}, such as `mass@body:base=scale:0.7..1.5`"));
        let (what, range) = text.rsplit_once('=').ok_or_else(malformed)?;
        let (quantity, select) = what.split_once('@').ok_or_else(malformed)?;
        let (name, quantity) = match quantity.split_once(':') {
            Some((name, quantity)) => (Some(name), quantity),
            None => (None, quantity),
        };
        Quantity::parse(quantity).map_err(refused)?;
        Selector::parse(select).map_err(|error| refused(error.to_string()))?;
        let (op, range) = match range.split_once(':') {
            None => (Operation::Scale, range),
            Some(("scale", range)) => (Operation::Scale, range),
            Some(("add", range)) => (Operation::Add, range),
            Some(("set", range)) => (Operation::Set, range),
            Some((other, _)) => {
                let nearest = wr2l_sim::nearest_name(other, ["scale", "add", "set"]);
                let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
                return Err(refused(format!("unknown operation `{other}`: scale, add or set{hint}")));
            }
        };
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let ends = range.split_once("..").and_then(|(low, high)| Some([number(low)?, number(high)?]));
        let Some(range) = ends.filter(|[low, high]| low < high) else {
            return Err(refused(format!("expected a range such as 0.7..1.5, found `{range}`")));
        };
        let name = name.map_or_else(|| plain(quantity, select), str::to_owned);
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
            return Err(refused(format!(
                "a name has letters, digits, `_` and `-`, and this one is `{name}`"
            )));
        }
        let (select, quantity) = (select.to_owned(), quantity.to_owned());
        let (distribution, elements) = (Distribution::Uniform, Elements::Together);
        Ok(Self { name, table: VaryTable { select, quantity, op, range, distribution, elements } })
    }
}

/// A name of quantity and selector, without the kind of what is selected.
fn plain(quantity: &str, select: &str) -> String {
    let of = select.split_once([':', '@']).map_or(select, |(_, of)| of);
    let mut name = String::new();
    for c in quantity.chars().chain(['_']).chain(of.chars()) {
        match c.is_ascii_alphanumeric() {
            true => name.push(c),
            false if !name.ends_with('_') => name.push('_'),
            false => {}
        }
    }
    name.trim_end_matches('_').to_owned()
}
