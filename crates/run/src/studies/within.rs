//! Where the random systems of an evaluation lie.

use serde::Deserialize;
use wr2l_eval::{HALF_WIDTH, Region};
use wr2l_sim::DynamicsSpace;

use crate::error::RunError;

/// Where random systems lie. Not in a ball, because methods have balls of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Within {
    /// The box around the nominal values.
    Box,
    /// The range of every parameter.
    Range,
}

impl Within {
    /// The region that `within` and a half-width mean over the parameters of `space`, where either may be left out.
    ///
    /// # Errors
    /// [`RunError::Usage`] for a half-width of ranges, which have none.
    pub(crate) fn region(
        within: Option<Self>,
        half_width: Option<f64>,
        space: &DynamicsSpace,
    ) -> Result<Region, RunError> {
        match (within, half_width) {
            (Some(Self::Range), Some(_)) => Err(RunError::Usage(
                "an evaluation's `half_width` is of a box, not of `within = \"range\"`".into(),
            )),
            (Some(Self::Range), None) => Ok(Region::Range),
            (Some(Self::Box), half_width) => Ok(Region::Box(half_width.unwrap_or(HALF_WIDTH))),
            (None, half_width) => Ok(Region::usual(space, half_width)),
        }
    }

    /// As `wr2l evaluate --within` has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Box => "box",
            Self::Range => "range",
        }
    }
}

#[cfg(test)]
mod tests {
    use wr2l_sim::TaskName;

    use super::*;
    use crate::task::TaskRef;

    #[test]
    fn a_half_width_is_of_a_box() {
        let space = TaskRef::from(TaskName::HOPPER).space();
        let label = |within, half_width| Within::region(within, half_width, &space).unwrap().label();
        assert_eq!(label(None, None), format!("box {HALF_WIDTH}"));
        assert_eq!(label(Some(Within::Box), None), format!("box {HALF_WIDTH}"));
        assert_eq!(label(Some(Within::Box), Some(0.3)), "box 0.3");
        assert_eq!(label(None, Some(0.3)), "box 0.3");
        assert_eq!(label(Some(Within::Range), None), "range");
        assert!(Within::region(Some(Within::Range), Some(0.3), &space).is_err());
    }
}
