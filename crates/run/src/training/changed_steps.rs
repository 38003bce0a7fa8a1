//! A run that goes on with another number of steps: what falls or grows over training goes on from where it was.

/// Share of the steps still to go over which a run comes back to where a run of the new number of steps would be.
const SHARE: f64 = 0.1;

/// The moment at which a run's number of steps changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChangedSteps {
    /// Policy steps done by then.
    pub(crate) done: u64,
    /// How far training had come by the number of before, in [0, 1].
    pub(crate) progress: f64,
}

/// How far training has come after `done` of `budget` policy steps, in [0, 1]: the learning rate falls with it. After a change it
/// begins where it was, so that no rate jumps, and moves evenly to the new course.
pub(crate) fn progress(changed: Option<ChangedSteps>, done: u64, budget: u64) -> f64 {
    let course = done as f64 / budget as f64;
    let Some(changed) = changed else { return course };
    let moved = done.saturating_sub(changed.done) as f64 / steps_to_course(changed.done, budget) as f64;
    let moved = moved.min(1.0);
    (1.0 - moved) * changed.progress + moved * course
}

/// How far the ball has grown: never less than it had.
pub(crate) fn grown(changed: Option<ChangedSteps>, done: u64, budget: u64) -> f64 {
    let course = done as f64 / budget as f64;
    changed.map_or(course, |changed| course.max(changed.progress))
}

/// Policy steps after the change until the new course is reached, at least one.
pub(crate) fn steps_to_course(done: u64, budget: u64) -> u64 {
    ((budget.saturating_sub(done) as f64 * SHARE) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_goes_on_where_it_was_and_comes_back_to_the_course() {
        let changed = Some(ChangedSteps { done: 1_000, progress: 1.0 });
        let at = |done| progress(changed, done, 3_000);
        assert_eq!(at(1_000), 1.0);
        let steps: Vec<f64> = (1_000..=3_000).map(at).collect();
        let largest = steps.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max);
        assert!(largest < 0.005, "{largest}: a fifth of the whole falls in 200 steps");
        for done in [1_200, 2_000, 3_000] {
            assert_eq!(at(done), progress(None, done, 3_000), "on the course again after {done}");
        }
        assert!(at(1_100) > progress(None, 1_100, 3_000));
        // Fewer steps than before, and a change at the very end.
        assert_eq!(progress(Some(ChangedSteps { done: 500, progress: 0.25 }), 500, 1_000), 0.25);
        assert_eq!(progress(Some(ChangedSteps { done: 999, progress: 0.5 }), 1_000, 1_000), 1.0);
    }

    #[test]
    fn a_ball_that_has_grown_does_not_shrink() {
        let changed = Some(ChangedSteps { done: 1_000, progress: 1.0 });
        assert_eq!(grown(changed, 1_000, 4_000), 1.0);
        let early = Some(ChangedSteps { done: 100, progress: 0.1 });
        assert_eq!(grown(early, 100, 4_000), 0.1);
        assert_eq!(grown(early, 2_000, 4_000), 0.5);
        assert_eq!(grown(None, 100, 4_000), 0.025);
    }
}
