//! Options of one name that several adversaries read.

use wr2l_robust::AdversaryConfig;
use wr2l_robust::adversary::{RegionConfig, Shape, Uniform};
use wr2l_sim::DynamicsSpace;

use super::adversary::{AdversaryRow, Field, field};
use super::learner::Seat;
use super::options::{Mistake, Unread, Words};
use crate::error::RunError;

/// What those who read a key that several share have in common, by the key: "an adversary that …".
pub(crate) static SHARED: &[(&str, &str)] = &[
    ("epsilon_ramp", "plays in the ball"),
    ("episodes", "measures returns"),
    ("return_discount", "measures returns"),
    ("region", "draws from a region"),
];

pub(super) const RAMP: &[Words] = &[Words {
    keys: &["epsilon_ramp"],
    meaning: "share of training over which ε grows",
    usual: "0, or 0.3–0.7",
}];

pub(super) const RETURNS: &[Words] = &[
    Words { keys: &["episodes"], meaning: "episodes per value of the return", usual: "1–16" },
    Words {
        keys: &["return_discount"],
        meaning: "discount per step in that return; 1 is what evaluation measures, 0.99 the paper's",
        usual: "0.99–1",
    },
];

pub(super) const REGION: &[Words] = &[
    Words {
        keys: &["region.shape"],
        meaning: "`ball`; `box`: a range of its own for every parameter, the usual domain randomisation; or `range`: all of \
                  the range that the task gives it",
        usual: "`ball`; robots of one's own: `range`",
    },
    Words {
        keys: &["region.half_width"],
        meaning: "`box`: how far every parameter may be from its nominal value, in units of it",
        usual: "0.1–1",
    },
    Words {
        keys: &["region.ranges.NAME"],
        meaning: "`box`, `range`: the range of one parameter in its unit, as `[500, 3000]`",
        usual: "what you believe",
    },
];

/// Whether the ranges of a region make sense where `space` varies.
pub(super) fn check_region(region: &RegionConfig, space: &DynamicsSpace) -> Result<(), Mistake> {
    let bad =
        |bad: wr2l_robust::adversary::BadRange| Mistake::new(format!("region.{}", bad.option), bad.reason);
    region.bounds(space).map(|_| ()).map_err(bad)
}

/// What of a region is not read where `vary` varies.
pub(super) fn unread_of_region(region: &RegionConfig, vary: &[String]) -> Vec<Unread> {
    let boxed = "`adversary.region.shape = \"box\"`";
    match region.shape {
        Shape::Ball => {
            let ranged = "`adversary.region.shape = \"box\"` or `\"range\"`";
            return vec![
                Unread::but_for(&["region.half_width"], boxed),
                Unread::but_for(&["region.ranges"], ranged),
            ];
        }
        Shape::Range => return vec![Unread::but_for(&["region.half_width"], boxed)],
        Shape::Box => {}
    }
    if vary.iter().all(|name| region.ranges.contains_key(name)) {
        return vec![Unread::but_for(&["region.half_width"], "a parameter without a range of its own")];
    }
    Vec::new()
}

/// Whether it is the ball.
pub(super) fn is_ball(region: &RegionConfig) -> bool {
    region.shape == Shape::Ball
}

/// Chance, in the ball or the region.
pub(super) fn uniform(
    seat: &Seat<'_>,
    ball: Option<Field>,
    row: &AdversaryRow,
    config: AdversaryConfig,
    region: &RegionConfig,
) -> Result<Uniform, RunError> {
    let bounds = region.bounds(seat.space);
    let bounds = bounds.map_err(|bad| RunError::Usage(format!("{}: {}", bad.option, bad.reason)))?;
    if let Some(bounds) = bounds {
        return Ok(Uniform::in_box(bounds, config)?);
    }
    let field = field(ball, row)?;
    Ok(Uniform::new(field.ball, config)?.measured_by(&field.estimate))
}
