//! Standing still, which pays in tasks that reward survival.

use wr2l_sim::SimSpec;

/// Mean forward speed, in m/s, below which a walking robot stands still. In the Hopper and the Walker2d a return of 1.15
/// times what survival alone pays; their trained policies walk at 1 to 4 m/s.
pub const STANDING_SPEED: f64 = 0.15;

/// Whether an episode of `length` steps in which the robot came `forward` m stood still: it lasted to the time limit,
/// and its mean speed was within ±[`STANDING_SPEED`]. `None` for tasks in which staying where one is is no failure
/// (balancing a pole).
///
/// An episode that ended before its time limit never counts: that robot fell.
pub fn stands_still(spec: &SimSpec, length: u32, forward: f64) -> Option<bool> {
    let seconds = f64::from(length) * spec.dt;
    spec.walks.then_some(length >= spec.episode_limit && forward.abs() < STANDING_SPEED * seconds)
}

#[cfg(test)]
mod tests {
    use wr2l_sim::{Task, TaskName};

    use super::*;

    #[test]
    fn only_surviving_without_moving_is_standing_still() {
        let hopper = Task::new(TaskName::HOPPER).spec(); // 1,000 steps are 8 s
        assert_eq!(stands_still(&hopper, 1000, 0.1), Some(true));
        assert_eq!(stands_still(&hopper, 1000, -1.1), Some(true));
        assert_eq!(stands_still(&hopper, 1000, 1.3), Some(false));
        assert_eq!(stands_still(&hopper, 999, 0.1), Some(false), "it fell");
        assert_eq!(stands_still(&hopper, 1000, f64::NAN), Some(false));
        assert_eq!(stands_still(&Task::new(TaskName::INVERTED_PENDULUM).spec(), 1000, 0.0), None);
        let seconds = 1000.0 * hopper.dt;
        assert_eq!(
            stands_still(&hopper, 1000, STANDING_SPEED * seconds),
            Some(false),
            "as fast as that is walking"
        );
    }
}
