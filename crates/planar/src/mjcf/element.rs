//! Elements with their attributes, those of default classes included.

use std::collections::BTreeMap;

use roxmltree::Node;

use super::MjcfError;

/// Attributes by name.
type Attributes<'a> = BTreeMap<&'a str, &'a str>;

/// Deeper nesting than this, of bodies or default classes, is not followed.
pub(super) const MAX_DEPTH: usize = 16;

/// An element whose attributes are known.
#[derive(Clone)]
pub(super) struct Element<'a> {
    node: Node<'a, 'a>,
    attributes: Attributes<'a>,
}

impl<'a> Element<'a> {
    /// With its own attributes only.
    pub(super) fn bare(node: Node<'a, 'a>) -> Self {
        Self { node, attributes: node.attributes().map(|a| (a.name(), a.value())).collect() }
    }

    pub(super) fn tag(&self) -> &'a str {
        self.node.tag_name().name()
    }

    pub(super) fn children(&self) -> impl Iterator<Item = Self> + use<'a> {
        self.node.children().filter(Node::is_element).map(Element::bare)
    }

    pub(super) fn name(&self) -> String {
        self.node.attribute("name").unwrap_or_default().to_owned()
    }

    /// The error for this element.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> MjcfError {
        let name = self.node.attribute("name").or(self.node.attribute("class"));
        let name = name.map_or_else(String::new, |name| format!(" `{}`", clip(name)));
        MjcfError::Unsupported {
            element: format!("`{}`{name}", clip(self.tag())),
            line: self.node.document().text_pos_at(self.node.range().start).row,
            reason: reason.into(),
        }
    }

    /// Refuses all attributes but these.
    pub(super) fn allow(&self, names: &[&str]) -> Result<(), MjcfError> {
        match self.attributes.keys().find(|name| !names.contains(name)) {
            Some(name) => Err(self.refuse(format!("the attribute `{}` is not supported", clip(name)))),
            None => Ok(()),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.attributes.get(name).copied()
    }

    /// One of some words.
    pub(super) fn choice(
        &self,
        name: &str,
        default: &'static str,
        choices: &[&'static str],
    ) -> Result<&'static str, MjcfError> {
        let text = self.text(name).unwrap_or(default);
        choices.iter().find(|choice| **choice == text).copied().ok_or_else(|| {
            self.refuse(format!("`{name}` has to be {}, not `{}`", choices.join(" or "), clip(text)))
        })
    }

    pub(super) fn number(&self, name: &str, default: f64) -> Result<f64, MjcfError> {
        self.numbers(name, [default]).map(|[number]| number)
    }

    /// Finite numbers, as many as `default` has.
    pub(super) fn numbers<const N: usize>(
        &self,
        name: &str,
        default: [f64; N],
    ) -> Result<[f64; N], MjcfError> {
        self.leading(name, N, default)
    }

    /// Finite numbers, at least `least`; the rest of `default` stays where the file says nothing.
    pub(super) fn leading<const N: usize>(
        &self,
        name: &str,
        least: usize,
        mut default: [f64; N],
    ) -> Result<[f64; N], MjcfError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let mut count = 0;
        for word in text.split_ascii_whitespace() {
            match word.parse() {
                Ok(number) if f64::is_finite(number) && count < N => default[count] = number,
                _ => return Err(self.refuse(format!("`{name}` has a wrong number: `{}`", clip(text)))),
            }
            count += 1;
        }
        if count < least {
            return Err(self.refuse(format!("`{name}` has {count} of its {least} numbers: `{}`", clip(text))));
        }
        Ok(default)
    }
}

/// The beginning of a text, for messages.
fn clip(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(60).chain(['…']).collect() }
}

/// The elements that may have defaults, and what may be said of them.
const KNOWN: [(&str, &[&str]); 3] = [
    (
        "geom",
        &[
            "name",
            "class",
            "type",
            "size",
            "pos",
            "fromto",
            "quat",
            "axisangle",
            "zaxis",
            "density",
            "condim",
            "contype",
            "conaffinity",
            "friction",
            "margin",
            "solref",
            "solimp",
            "rgba",
            "material",
            "group",
        ],
    ),
    (
        "joint",
        &[
            "name",
            "class",
            "type",
            "axis",
            "pos",
            "range",
            "limited",
            "armature",
            "damping",
            "stiffness",
            "ref",
            "solreflimit",
            "solimplimit",
            "group",
        ],
    ),
    ("motor", &["name", "class", "joint", "gear", "ctrllimited", "ctrlrange", "group"]),
];

fn known(tag: &str) -> Option<&'static [&'static str]> {
    KNOWN.iter().find(|(name, _)| *name == tag).map(|(_, attributes)| *attributes)
}

/// The attributes that elements have unless they say otherwise, by class; the class of all has the empty name.
#[derive(Default)]
pub(super) struct Defaults<'a>(BTreeMap<&'a str, BTreeMap<&'a str, Attributes<'a>>>);

impl<'a> Defaults<'a> {
    pub(super) fn read(section: Option<&Element<'a>>) -> Result<Self, MjcfError> {
        let mut defaults = Self::default();
        defaults.0.insert("", BTreeMap::new());
        if let Some(section) = section {
            defaults.class(section, "", BTreeMap::new(), 0)?;
        }
        Ok(defaults)
    }

    fn class(
        &mut self,
        element: &Element<'a>,
        name: &'a str,
        mut inherited: BTreeMap<&'a str, Attributes<'a>>,
        depth: usize,
    ) -> Result<(), MjcfError> {
        element.allow(&["class"])?;
        if depth > MAX_DEPTH {
            return Err(element.refuse("is nested too deeply"));
        }
        for child in element.children().filter(|child| child.tag() != "default") {
            let Some(attributes) = known(child.tag()) else {
                return Err(child.refuse("has no defaults that are supported"));
            };
            child.allow(attributes)?;
            inherited.entry(child.tag()).or_default().extend(child.attributes.clone());
        }
        if self.0.insert(name, inherited.clone()).is_some() && !name.is_empty() {
            return Err(element.refuse("stands there twice"));
        }
        for child in element.children().filter(|child| child.tag() == "default") {
            let Some(class) = child.text("class").filter(|class| !class.is_empty()) else {
                return Err(child.refuse("has no `class`"));
            };
            self.class(&child, class, inherited.clone(), depth + 1)?;
        }
        Ok(())
    }

    /// An element with its defaults; `outer` is the class that bodies around it give to those without one.
    pub(super) fn resolve(&self, element: Element<'a>, outer: &'a str) -> Result<Element<'a>, MjcfError> {
        element.allow(known(element.tag()).unwrap_or_default())?;
        let class = element.text("class").unwrap_or(outer);
        let Some(defaults) = self.0.get(if class == "main" { "" } else { class }) else {
            return Err(element.refuse(format!("there is no default class `{}`", clip(class))));
        };
        let mut attributes = defaults.get(element.tag()).cloned().unwrap_or_default();
        attributes.extend(element.attributes);
        Ok(Element { node: element.node, attributes })
    }
}
