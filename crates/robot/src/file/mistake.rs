//! What is wrong with a task file, and where.

use std::fmt;
use std::ops::Range;

/// A mistake in a task file. It prints as `FILE:LINE:COLUMN: what is wrong`, and below it the line with what is meant marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// What is wrong, what was expected, and the nearest name.
    pub message: String,
    /// The line's text.
    pub text: String,
    /// How many characters of it are meant, at least 1.
    pub width: usize,
}

impl Mistake {
    /// A mistake at some bytes of a file's text.
    pub(super) fn new(file: &str, source: &str, span: &Range<usize>, message: impl Into<String>) -> Self {
        let mut start = span.start.min(source.len());
        while !source.is_char_boundary(start) {
            start -= 1;
        }
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let text = source[line_start..].split(['\n', '\r']).next().unwrap_or_default();
        let column = source[line_start..start].chars().count();
        let end = span.end.clamp(start, line_start + text.len().max(start - line_start));
        let meant = source.get(start..end).map_or(0, |meant| meant.chars().count());
        Self {
            file: file.to_owned(),
            line: source[..line_start].matches('\n').count() + 1,
            column: column + 1,
            message: message.into(),
            text: text.to_owned(),
            width: meant.max(1),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 160;
        let Self { file, line, column, message, text, width } = self;
        writeln!(f, "{file}:{line}:{column}: {message}")?;
        let margin = line.to_string().len();
        // Of a line too long to show, the part that is meant; a tab would shift the mark.
        let first = if *column > LONGEST { column - LONGEST / 2 } else { 1 };
        let shown: String = text.chars().skip(first - 1).take(LONGEST).collect();
        let shown: String = shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let marked = (*width).min(LONGEST);
        writeln!(f, "{line} | {shown}")?;
        write!(f, "{:margin$} | {:indent$}{}", "", "", "^".repeat(marked), indent = column - first)
    }
}

impl std::error::Error for Mistake {}
