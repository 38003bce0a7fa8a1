//! Where the values of a task file were written.

use super::document::{Place, Places, Source};
use super::mistake::Mistake;
use crate::expression::ExpressionError;

/// The files that a task was read from, and the place of every value in them. It is no part of what the task says.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    pub(super) sources: Vec<Source>,
    pub(super) places: Places,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Origin {
    /// The name of the file in which the value at `path` is written.
    pub(super) fn file_of(&self, path: &str) -> Option<&str> {
        let (_, value) = self.places.get(path)?;
        self.sources.get(value.source).map(|source| source.name.as_str())
    }

    /// A mistake in the value at `path`; where nothing is written there, in the table that it misses from.
    pub(super) fn at_value(&self, path: &str, message: impl Into<String>) -> Mistake {
        self.mistake(self.nearest(path).map(|(_, value)| value), message)
    }

    /// A mistake in the key at `path`.
    pub(super) fn at_key(&self, path: &str, message: impl Into<String>) -> Mistake {
        self.mistake(self.nearest(path).map(|(key, _)| key), message)
    }

    /// A mistake in the expression or selector that is the value at `path`.
    pub(super) fn within(&self, path: &str, text: &str, error: &ExpressionError) -> Mistake {
        let Some((_, value)) = self.places.get(path) else { return self.at_value(path, &error.message) };
        let Some(source) = self.sources.get(value.source) else { return self.at_value(path, &error.message) };
        let written = source.text.get(value.span.clone()).unwrap_or_default();
        // As long as nothing in it is escaped, the text stands between the quotes as it is.
        let Some(at) = written.find(text).filter(|_| !text.is_empty()) else {
            let (line, column, message) = (error.line, error.column, &error.message);
            return self
                .at_value(path, format!("{message} (line {line}, column {column} of the expression)"));
        };
        let start = value.span.start + at;
        let span = start + error.span.start..start + error.span.end;
        Mistake::new(&source.name, &source.text, &span, &error.message)
    }

    /// The place of `path`, or of the part of it that is there.
    fn nearest(&self, path: &str) -> Option<&(Place, Place)> {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return Some(place);
            }
            path = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
            if path.is_empty() {
                return self.places.get("");
            }
        }
    }

    fn mistake(&self, place: Option<&Place>, message: impl Into<String>) -> Mistake {
        let place = place.cloned().unwrap_or_default();
        match self.sources.get(place.source) {
            Some(source) => Mistake::new(&source.name, &source.text, &place.span, message),
            None => Mistake::new("task", "", &(0..0), message),
        }
    }
}
