//! What all figures share: quantities with units, and errors.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// A quantity along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// What the axis says, with its unit.
    pub label: String,
    /// Reference value to mark, if there is one.
    pub nominal: Option<f64>,
    /// Smallest and largest value that the quantity can have; cells of a heat map end there.
    pub bounds: Option<(f64, f64)>,
}

impl Quantity {
    /// A quantity without a reference value.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), nominal: None, bounds: None }
    }

    /// A dynamics parameter: `torso_density` in `kg/m³` is labelled `torso density (kg/m³)`; the unit `1` of a
    /// dimensionless number is left out.
    pub fn parameter(name: &str, unit: &str, nominal: f64) -> Self {
        let name = name.replace('_', " ");
        let label = if unit.is_empty() || unit == "1" { name } else { format!("{name} ({unit})") };
        Self { label, nominal: Some(nominal), bounds: None }
    }

    /// The same quantity, which lies between `lower` and `upper`.
    #[must_use]
    pub fn within(self, lower: f64, upper: f64) -> Self {
        Self { bounds: Some((lower, upper)), ..self }
    }
}

/// Why a figure could not be drawn.
#[derive(Debug, Error)]
pub enum FigureError {
    /// There is nothing to draw.
    #[error("nothing to draw: {0}")]
    Empty(String),
    /// The data do not fit together.
    #[error("cannot draw {what}: {reason}")]
    Data {
        /// Which part of the figure.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The plotting library failed.
    #[error("drawing failed: {0}")]
    Drawing(String),
    /// Another program that was to write a file could not.
    #[error("{0}")]
    Program(String),
    /// It was asked to stop, and left nothing.
    #[error("interrupted: nothing was written")]
    Interrupted,
    /// The operating system refused the file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
}

impl FigureError {
    pub(crate) fn data(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Data { what: what.into(), reason: reason.into() }
    }
}

/// Writes a figure, whole or not at all.
pub(crate) fn write(path: &Path, svg: &str) -> Result<(), FigureError> {
    wr2l_eval::write_atomically(path, svg.as_bytes())
        .map_err(|source| FigureError::Io { path: path.to_owned(), source })
}
