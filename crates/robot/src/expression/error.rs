//! What is wrong with an expression, and where.

use std::ops::Range;

use thiserror::Error;
use wr2l_sim::nearest_name;

/// A mistake in an expression.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}, column {column}: {message}")]
pub struct ExpressionError {
    /// The line, from 1.
    pub line: usize,
    /// The character of the line where the mistake begins, from 1.
    pub column: usize,
    /// The bytes of the text that it is about; empty where something is missing.
    pub span: Range<usize>,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A mistake before its line and column are counted.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self { span: span.clone(), message: message.into() }
    }

    /// With line and column in `text`.
    pub(super) fn within(self, text: &str) -> ExpressionError {
        let before = text.get(..self.span.start).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        ExpressionError {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            span: self.span,
            message: self.message,
        }
    }
}

/// `; did you mean ...?`, or all names where none is near.
pub(super) fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest_name(name, known.clone()) {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => format!("; there are {}", known.collect::<Vec<_>>().join(", ")),
    }
}
