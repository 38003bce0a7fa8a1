//! The language that addresses elements of a model.
//!
//! ```text
//! selector := kind ":" glob               by name: body:base   joint:*_knee
//!           | kind "@" owner ["[" n | "*" | "collision" | "visual" "]"]
//!                                         by what it belongs to: geom@FL_*[collision]   actuator@joint:FL_thigh
//!           | kind "[" n "]"              by number, from 0: sensor[3]
//!           | "subtree:" glob             bodies, with all that hang from them
//!           | "option"                    the model as a whole
//! owner    := glob (bodies) | "body:" glob | "joint:" glob | "geom:" glob | "subtree:" glob
//! kind     := body joint geom site sensor pair actuator tendon equality observe
//! ```
//!
//! In a glob, `*` stands for any run of characters and `?` for one. The world is matched by its name and by no pattern.

use std::fmt;

use thiserror::Error;
use wr2l_sim::nearest_name;

use crate::element::{Element, ElementKind};
use crate::inventory::Inventory;

/// What elements are meant, before a model is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
    target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Named(ElementKind, String),
    Numbered(ElementKind, usize),
    Owned { kind: ElementKind, owner: Owner, which: Which },
    Subtree(String),
    Option,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    Named(ElementKind, String),
    Subtree(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    All,
    Nth(usize),
    Collision,
    Visual,
}

/// Why a selector was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SelectError {
    /// It is not written as selectors are.
    #[error("selector `{selector}`, column {column}: expected {expected}")]
    Syntax {
        /// The selector.
        selector: String,
        /// The character where it goes wrong, from 1.
        column: usize,
        /// What may stand there.
        expected: String,
    },
    /// The model has nothing of the kind that matches.
    #[error("selector `{selector}` matches no {what}{}; {exists}", .nearest.as_ref().map_or_else(String::new, |n| format!("; did you mean `{n}`?")))]
    NoMatch {
        /// The selector.
        selector: String,
        /// What was looked for.
        what: String,
        /// The most similar name.
        nearest: Option<String>,
        /// What the model has of that kind.
        exists: String,
    },
}

impl SelectError {
    /// The character where a selector goes wrong, from 1; `None` where it is well written and matches nothing.
    pub fn column(&self) -> Option<usize> {
        match self {
            Self::Syntax { column, .. } => Some(*column),
            Self::NoMatch { .. } => None,
        }
    }
}

/// Parts of a selector, with where they begin.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn refuse<T>(&self, expected: impl Into<String>) -> Result<T, SelectError> {
        Err(SelectError::Syntax {
            selector: self.text.to_owned(),
            column: self.text[..self.at].chars().count() + 1,
            expected: expected.into(),
        })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// What stands before the first of some characters, or the end.
    fn until(&mut self, ends: &[char]) -> &'a str {
        let rest = self.rest();
        let part = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += part.len();
        part
    }

    fn take(&mut self, character: char) -> bool {
        let is = self.rest().starts_with(character);
        self.at += if is { character.len_utf8() } else { 0 };
        is
    }
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// [`SelectError::Syntax`], with the column.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        let mut reader = Reader { text, at: 0 };
        let target = target(&mut reader)?;
        if !reader.rest().is_empty() {
            return reader.refuse("the end");
        }
        Ok(Self { text: text.to_owned(), target })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The kind of what it selects.
    pub fn kind(&self) -> ElementKind {
        match self.target {
            Target::Named(kind, _) | Target::Numbered(kind, _) | Target::Owned { kind, .. } => kind,
            Target::Subtree(_) => ElementKind::Body,
            Target::Option => ElementKind::Option,
        }
    }

    /// The elements of a model that it means, in the model's order; at least one, each once.
    ///
    /// # Errors
    /// [`SelectError::NoMatch`], with the nearest name and what the model has.
    pub fn select(&self, inventory: &Inventory) -> Result<Vec<Element>, SelectError> {
        let mut found = match &self.target {
            Target::Option => vec![Element::Option],
            Target::Named(kind, glob) => self.named(inventory, *kind, glob)?,
            Target::Subtree(glob) => self.subtree(inventory, glob)?,
            Target::Numbered(kind, n) => {
                let count = kind.count(inventory);
                if *n >= count {
                    return Err(self.no_match(
                        *kind,
                        None,
                        format!("the model has {}", amount(count, *kind)),
                    ));
                }
                vec![kind.element(*n)]
            }
            Target::Owned { kind, owner, which } => self.owned(inventory, *kind, owner, *which)?,
        };
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn no_match(&self, kind: ElementKind, nearest: Option<String>, exists: String) -> SelectError {
        SelectError::NoMatch { selector: self.text.clone(), what: kind.to_string(), nearest, exists }
    }

    fn named(
        &self,
        inventory: &Inventory,
        kind: ElementKind,
        glob: &str,
    ) -> Result<Vec<Element>, SelectError> {
        let names = kind.names(inventory);
        let hidden = |i: usize| kind == ElementKind::Body && i == 0 && names[0] != glob;
        // A pattern of stars alone means everything, those without names as well.
        let all = !glob.is_empty() && glob.bytes().all(|byte| byte == b'*');
        let matched = |i: &usize| !hidden(*i) && (all || (!names[*i].is_empty() && matches(glob, names[*i])));
        let found: Vec<Element> = (0..names.len()).filter(matched).map(|i| kind.element(i)).collect();
        if found.is_empty() {
            let nearest = nearest_name(glob, names.iter().copied().filter(|name| !name.is_empty()));
            return Err(self.no_match(kind, nearest, exists(inventory, kind, glob)));
        }
        Ok(found)
    }

    fn subtree(&self, inventory: &Inventory, glob: &str) -> Result<Vec<Element>, SelectError> {
        let roots = self.named(inventory, ElementKind::Body, glob)?;
        let mut inside = vec![false; inventory.bodies.len()];
        for root in roots {
            inside[root.index()] = true;
        }
        // Parents come first.
        for b in 1..inside.len() {
            let parent = inventory.bodies[b].parent;
            inside[b] |= parent < b && inside[parent];
        }
        Ok((0..inside.len()).filter(|b| inside[*b]).map(Element::Body).collect())
    }

    fn owned(
        &self,
        inventory: &Inventory,
        kind: ElementKind,
        owner: &Owner,
        which: Which,
    ) -> Result<Vec<Element>, SelectError> {
        let owners = match owner {
            Owner::Named(kind, glob) => self.named(inventory, *kind, glob)?,
            Owner::Subtree(glob) => self.subtree(inventory, glob)?,
        };
        let mut found = Vec::new();
        let mut most = 0;
        for owner in &owners {
            let of = kind.owned_by(inventory, *owner);
            most = most.max(of.len());
            let collides = |element: &Element| inventory.geoms[element.index()].collides;
            match which {
                Which::All => found.extend(of),
                Which::Nth(n) => found.extend(of.get(n)),
                Which::Collision => found.extend(of.into_iter().filter(collides)),
                Which::Visual => found.extend(of.into_iter().filter(|element| !collides(element))),
            }
        }
        if found.is_empty() {
            let labels: Vec<String> = owners.iter().map(|owner| owner.label(inventory)).collect();
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            let each = if owners.len() == 1 { "has" } else { "have at most" };
            let exists = format!("{} {each} {}", list(&labels), amount(most, kind));
            return Err(self.no_match(kind, None, exists));
        }
        Ok(found)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn kind_named(name: &str) -> Option<ElementKind> {
    ElementKind::ALL.into_iter().find(|kind| kind.as_str() == name && *kind != ElementKind::Option)
}

fn target(reader: &mut Reader<'_>) -> Result<Target, SelectError> {
    if reader.text == "option" {
        reader.at = reader.text.len();
        return Ok(Target::Option);
    }
    let name = reader.until(&[':', '@', '[']);
    if name == "subtree" && reader.take(':') {
        return Ok(Target::Subtree(glob(reader, &[], "the name of a body")?));
    }
    let Some(kind) = kind_named(name) else {
        reader.at = 0;
        let kinds: Vec<&str> = ElementKind::ALL.iter().map(|kind| kind.as_str()).chain(["subtree"]).collect();
        let nearest = nearest_name(name, kinds.iter().copied());
        let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
        return reader.refuse(format!("one of {}{hint}", kinds.join(", ")));
    };
    if reader.take(':') {
        return Ok(Target::Named(kind, glob(reader, &[], "a name")?));
    }
    if reader.take('[') {
        let n = number(reader)?;
        return if reader.take(']') { Ok(Target::Numbered(kind, n)) } else { reader.refuse("`]`") };
    }
    if reader.take('@') {
        let owner = owner(reader, kind)?;
        return Ok(Target::Owned { kind, owner, which: which(reader, kind)? });
    }
    reader.refuse(format!("`{kind}:NAME`, `{kind}@OWNER` or `{kind}[NUMBER]`"))
}

fn glob(reader: &mut Reader<'_>, ends: &[char], what: &str) -> Result<String, SelectError> {
    let glob = reader.until(ends);
    if glob.is_empty() {
        reader.refuse(format!("{what}, or a pattern with `*`"))
    } else {
        Ok(glob.to_owned())
    }
}

/// Which kinds may own one.
fn owners(kind: ElementKind) -> &'static [ElementKind] {
    match kind {
        ElementKind::Joint | ElementKind::Geom | ElementKind::Site => &[ElementKind::Body],
        ElementKind::Actuator => &[ElementKind::Body, ElementKind::Joint],
        ElementKind::Pair => &[ElementKind::Body, ElementKind::Geom],
        _ => &[],
    }
}

fn owner(reader: &mut Reader<'_>, kind: ElementKind) -> Result<Owner, SelectError> {
    let may = owners(kind);
    if may.is_empty() {
        return reader.refuse(format!("`{kind}:NAME`, because no other element owns {}", kind.plural()));
    }
    let start = reader.at;
    let first = reader.until(&[':', '[']);
    if !reader.take(':') {
        reader.at = start;
        return Ok(Owner::Named(ElementKind::Body, glob(reader, &['['], "the name of a body")?));
    }
    if first == "subtree" {
        return Ok(Owner::Subtree(glob(reader, &['['], "the name of a body")?));
    }
    match kind_named(first).filter(|owner| may.contains(owner)) {
        Some(owner) => Ok(Owner::Named(owner, glob(reader, &['['], "a name")?)),
        None => {
            reader.at = start;
            let may: Vec<&str> = may.iter().map(|kind| kind.as_str()).chain(["subtree"]).collect();
            reader.refuse(format!("an owner of {}: {}", kind.plural(), may.join(", ")))
        }
    }
}

fn which(reader: &mut Reader<'_>, kind: ElementKind) -> Result<Which, SelectError> {
    if !reader.take('[') {
        return Ok(Which::All);
    }
    let start = reader.at;
    let which = match reader.until(&[']']) {
        "*" => Which::All,
        "collision" if kind == ElementKind::Geom => Which::Collision,
        "visual" if kind == ElementKind::Geom => Which::Visual,
        "collision" | "visual" => {
            reader.at = start;
            return reader.refuse(format!(
                "a number or `*`; `collision` and `visual` are of geoms, not of {}",
                kind.plural()
            ));
        }
        class if class.starts_with("class=") => {
            reader.at = start;
            return reader.refuse(
                "a number, `*`, `collision` or `visual`; a compiled model no longer knows the classes of MJCF",
            );
        }
        _ => {
            reader.at = start;
            Which::Nth(number(reader)?)
        }
    };
    if reader.take(']') { Ok(which) } else { reader.refuse("`]`") }
}

fn number(reader: &mut Reader<'_>) -> Result<usize, SelectError> {
    let start = reader.at;
    let digits = reader.until(&[']']);
    match digits.parse() {
        Ok(n) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(n),
        _ => {
            reader.at = start;
            reader.refuse("a number from 0, and `]`")
        }
    }
}

/// Whether a pattern, in which `*` stands for any run of characters and `?` for one, matches all of `name`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star stood, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    (p, n) = (at + 1, reach + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

fn amount(count: usize, kind: ElementKind) -> String {
    match count {
        0 => format!("no {}", kind.plural()),
        1 => format!("1 {kind}"),
        _ => format!("{count} {}", kind.plural()),
    }
}

/// What a model has of a kind, for somebody who looked for `glob` in vain.
fn exists(inventory: &Inventory, kind: ElementKind, glob: &str) -> String {
    let names = kind.names(inventory);
    let named: Vec<&str> = names.iter().copied().filter(|name| !name.is_empty()).collect();
    let anonymous = names.len() - named.len();
    let mut text = match (names.len(), named.len()) {
        (0, _) => format!("the model has no {}", kind.plural()),
        (count, 0) => format!("the model has {} without names", amount(count, kind)),
        _ => format!("there are {}", list(&named)),
    };
    if anonymous > 0 && !named.is_empty() {
        text += &format!(", and {anonymous} without names");
    }
    if anonymous > 0 {
        text += match kind {
            ElementKind::Geom | ElementKind::Site | ElementKind::Joint => ", addressed by their body: ",
            ElementKind::Actuator => ", addressed by their joint: ",
            _ => ", addressed by number: ",
        };
        let first = names.iter().position(|name| name.is_empty()).map(|i| kind.element(i));
        text += &first.map_or_else(String::new, |first| format!("`{}`", first.selector(inventory)));
    }
    let other = ElementKind::ALL.into_iter().find(|other| {
        *other != kind && other.names(inventory).contains(&glob) && *other != ElementKind::Option
    });
    if let Some(other) = other {
        text += &format!("; `{glob}` is the name of a {other}");
    }
    text
}

/// Names for people: the first ten, and how many more.
pub(crate) fn list(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(SHOWN);
    shown.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
}
