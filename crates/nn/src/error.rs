//! What can be wrong with the shape or content of what a caller passes.

use crate::image::{Convolution, Image};

/// What was wrong with the arguments of a constructor or an update.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NnError {
    /// The layer widths do not describe a network.
    #[error("a network needs at least an input and an output width, all above 0, got {sizes:?}")]
    Sizes {
        /// The widths given.
        sizes: Vec<usize>,
    },
    /// A vector has the wrong length.
    #[error("{what} has {got} numbers, expected {expected}")]
    Length {
        /// Which vector.
        what: &'static str,
        /// The length needed.
        expected: usize,
        /// The length given.
        got: usize,
    },
    /// A number that must be finite (or, where it is a count or a spread, not negative) is not.
    #[error("{what}: number {index} is {value}")]
    Value {
        /// Which vector.
        what: &'static str,
        /// Position in the vector.
        index: usize,
        /// The number found.
        value: f64,
    },
    /// A convolution does not fit its image.
    #[error("{shape:?} over {from:?}: {reason}")]
    Convolution {
        /// The convolution.
        shape: Convolution,
        /// The image.
        from: Image,
        /// What has to hold.
        reason: &'static str,
    },
    /// Convolutions were put before a network that cannot have them.
    #[error("convolutions come once, and before dense layers without layer normalisation")]
    Nested,
}
