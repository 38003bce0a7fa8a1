//! How values are drawn.

/// How values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Lines, as learning curves should be.
    Lines,
    /// Lines with a marker at each position, as measured points should be.
    MarkedLines,
    /// Small markers alone, for values that jump so often that lines between them would hide everything.
    Points,
}

impl Marks {
    pub(crate) fn joined(self) -> bool {
        self != Self::Points
    }

    pub(crate) fn marked(self) -> bool {
        self != Self::Lines
    }
}
