//! TOML with the place of everything in it, and one document laid over another.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::mistake::Mistake;

/// Longest file that is read, in bytes: a thousand times what one would write.
const LONGEST: usize = 4 << 20;

/// A file that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

/// Bytes of one of the sources.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) source: usize,
    pub(super) span: Range<usize>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    key: Place,
    value: Place,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Table(BTreeMap<String, Node>),
    List(Vec<Node>),
    Leaf(Value),
}

/// Where every value of a document stands, by its path, such as `reward[2].weight`: its key, and itself.
pub(super) type Places = BTreeMap<String, (Place, Place)>;

/// Dotted keys within dotted keys make the reader of TOML go deep.
fn is_too_deep(text: &str) -> bool {
    const MOST: usize = 64;
    let pieces = text.split([',', '=', '\n', '[', ']', '{', '}']);
    pieces.map(|piece| piece.bytes().filter(|&byte| byte == b'.').count()).any(|dots| dots > MOST)
}

impl Node {
    /// The document of the source with a number.
    pub(super) fn read(source: &Source, number: usize) -> Result<Self, Mistake> {
        let refuse = |span: Range<usize>, message: &str| {
            Err(Mistake::new(&source.name, &source.text, &span, message.trim_end().replace('\n', "; ")))
        };
        if source.text.len() > LONGEST {
            return refuse(0..0, "a task file has at most 4 MiB");
        }
        if is_too_deep(&source.text) {
            return refuse(0..0, "a key within a key within a key, too deep to read");
        }
        let places = match DeTable::parse(&source.text) {
            Ok(places) => places,
            Err(error) => return refuse(error.span().unwrap_or(0..0), error.message()),
        };
        let values = match source.text.parse::<Table>() {
            Ok(values) => values,
            Err(error) => return refuse(error.span().unwrap_or(0..0), error.message()),
        };
        let place = Place { source: number, span: 0..0 };
        let content = table(number, places.get_ref(), values);
        Ok(Self { key: place.clone(), value: place, content })
    }

    /// The text at a key, and where it stands.
    pub(super) fn text(&self, key: &str) -> Option<(&str, &Place)> {
        match &self.content {
            Content::Table(entries) => {
                let node = entries.get(key)?;
                match &node.content {
                    Content::Leaf(Value::String(text)) => Some((text, &node.value)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Content::Table(entries) = &mut self.content {
            entries.remove(key);
        }
    }

    /// This document laid over another. Sections are merged key by key, and a value replaces a value whole. `[[reward]]` and
    /// `[[terminate]]` of a name that is there change it, key by key; others come after. Another list replaces the list.
    pub(super) fn over(self, below: Self) -> Self {
        let merged = match (self.content, below.content) {
            (Content::Table(above), Content::Table(mut entries)) => {
                for (key, node) in above {
                    let merged = match (key.as_str(), entries.remove(&key)) {
                        (_, None) => node,
                        ("reward" | "terminate", Some(old)) => node.over_by_name(old),
                        ("vary", Some(old)) => node.over_entries(old, |new, old| new.over_section(old)),
                        (_, Some(old)) => node.over_section(old),
                    };
                    entries.insert(key, merged);
                }
                Content::Table(entries)
            }
            (above, _) => above,
        };
        Self { key: self.key, value: self.value, content: merged }
    }

    /// Entries of one table over those of another.
    fn over_entries(self, below: Self, merge: impl Fn(Self, Self) -> Self) -> Self {
        let (above, mut entries) = match (self.content, below.content) {
            (Content::Table(above), Content::Table(entries)) => (above, entries),
            (content, _) => return Self { content, ..self },
        };
        // What says the same in another way gives way.
        for (one, other) in [("control_dt", "frame_skip"), ("frame_skip", "control_dt")] {
            if above.contains_key(one) {
                entries.remove(other);
            }
        }
        for (key, node) in above {
            let merged = match entries.remove(&key) {
                Some(old) => merge(node, old),
                None => node,
            };
            entries.insert(key, merged);
        }
        Self { content: Content::Table(entries), ..self }
    }

    fn over_section(self, below: Self) -> Self {
        self.over_entries(below, |new, _| new)
    }

    fn over_by_name(self, below: Self) -> Self {
        let (above, mut list) = match (self.content, below.content) {
            (Content::List(above), Content::List(list)) => (above, list),
            (content, _) => return Self { content, ..self },
        };
        for node in above {
            let name = node.text("name").map(|(name, _)| name.to_owned());
            let same = list
                .iter()
                .position(|old| name.is_some() && old.text("name").map(|(old, _)| old) == name.as_deref());
            match same {
                Some(at) => {
                    let old = list.remove(at);
                    list.insert(at, node.over_section(old));
                }
                None => list.push(node),
            }
        }
        Self { content: Content::List(list), ..self }
    }

    /// As TOML without places.
    pub(super) fn to_value(&self) -> Value {
        match &self.content {
            Content::Table(entries) => {
                Value::Table(entries.iter().map(|(key, node)| (key.clone(), node.to_value())).collect())
            }
            Content::List(list) => Value::Array(list.iter().map(Self::to_value).collect()),
            Content::Leaf(value) => value.clone(),
        }
    }

    /// The places of all that is in it.
    pub(super) fn places(&self) -> Places {
        let mut places = Places::new();
        self.add_places("", &mut places);
        places
    }

    fn add_places(&self, path: &str, places: &mut Places) {
        match &self.content {
            Content::Table(entries) => {
                for (key, node) in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    node.add_places(&format!("{path}{dot}{key}"), places);
                }
            }
            Content::List(list) => {
                for (i, node) in list.iter().enumerate() {
                    node.add_places(&format!("{path}[{i}]"), places);
                }
            }
            Content::Leaf(_) => {}
        }
        places.insert(path.to_owned(), (self.key.clone(), self.value.clone()));
    }
}

/// Both readings of a table, brought together.
fn table(source: usize, places: &DeTable<'_>, mut values: Table) -> Content {
    let entries = places.iter().filter_map(|(key, value)| {
        let name = key.get_ref().to_string();
        let content = content(source, value, values.remove(&name)?);
        let place = |span| Place { source, span };
        Some((name, Node { key: place(key.span()), value: place(value.span()), content }))
    });
    Content::Table(entries.collect())
}

fn content(source: usize, place: &Spanned<DeValue<'_>>, value: Value) -> Content {
    match (place.get_ref(), value) {
        (DeValue::Table(places), Value::Table(values)) => table(source, places, values),
        (DeValue::Array(places), Value::Array(values)) => {
            let nodes = places.iter().zip(values).map(|(place, value)| {
                let at = Place { source, span: place.span() };
                Node { key: at.clone(), value: at, content: content(source, place, value) }
            });
            Content::List(nodes.collect())
        }
        (_, value) => Content::Leaf(value),
    }
}
