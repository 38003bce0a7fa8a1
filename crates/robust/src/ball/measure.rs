//! Which dynamics belong to the ball.

use serde::{Deserialize, Serialize};

/// Which dynamics belong to the ball.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BallMeasure {
    /// Those with `½zᵀH₀z ≤ ε` (Eq. 9, the paper): the second-order form of the distance at the reference.
    #[default]
    Taylor,
    /// Those on the way to which, from the reference, the distance W that the simulator gives stays within ε.
    Measured,
}
