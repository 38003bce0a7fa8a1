//! Whether PPO's updates go further than its batches carry.
//!
//! The surrogate means something near the policy that collected the batch. Beyond it the update fits the few systems of
//! the batch, the noise of the actions fades, and more steps can make returns worse.

use wr2l_rl::Improvement;

/// KL(old ‖ new) of an update that goes too far. Those who stop passes early do so at 0.01 to 0.02. Of the runs of a million
/// steps in `docs/results/learner/shape.csv` none was above in any iteration, but those of the HalfCheetah with minibatches
/// of 64, in 27 % and 29 % of theirs; with ten million steps those are above on average.
const KL: f64 = 0.03;
/// Share of a batch outside the clip range, likewise: above in at most 1 % of the iterations, and in 42 %. Usual: 0.05–0.2.
const CLIPPED: f64 = 0.35;
/// Share of the updates that may overshoot without a warning: single ones do no harm.
const SHARE: f64 = 0.1;
/// Updates before the share means anything.
const UPDATES: u64 = 20;

/// Updates that went too far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Overshoot {
    pub(crate) updates: u64,
    pub(crate) warned: bool,
}

impl Overshoot {
    /// Takes in an iteration.
    pub(crate) fn advance(&mut self, done: &Improvement) {
        // Learners without a KL have NaN there; TRPO, whose KL is an option and always kept, clips nothing.
        let too_far = done.clip_fraction > CLIPPED || (done.clip_fraction > 0.0 && done.kl > KL);
        self.updates += u64::from(done.skipped.is_none() && too_far);
    }

    /// A warning, as soon as it can be told, once.
    pub(crate) fn watch(&mut self, iterations: u64) -> Option<String> {
        if self.warned {
            return None;
        }
        let warning = self.warning(iterations)?;
        self.warned = true;
        Some(warning)
    }

    /// The same at the end of a run of so many iterations, with the final count.
    pub(crate) fn warning(&self, iterations: u64) -> Option<String> {
        let updates = self.updates;
        let share = updates as f64 / iterations as f64;
        (iterations >= UPDATES && share > SHARE).then(|| {
            format!(
                "PPO's update overshot in {updates} of {iterations} iterations ({:.0} %): its KL was above {KL}, or more \
                 than {:.0} % of the batch left the clip range; noise then fades early, and more steps can lower returns; \
                 larger batches, fewer passes (`ppo.epochs`), a lower `ppo.learning_rate` or a `ppo.kl_limit` calm it",
                100.0 * share,
                100.0 * CLIPPED,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::counters::Counters;
    use wr2l_rl::Skip;

    /// A run of so many iterations, of which the first few had this KL and clip fraction.
    fn course(far: u64, of: u64, (kl, clip_fraction): (f64, f64)) -> Counters {
        let mut course = Counters::new(0);
        for iteration in 0..of {
            let calm = Improvement { kl: 0.03, clip_fraction: 0.35, ..Improvement::default() };
            let wild = Improvement { kl, clip_fraction, ..Improvement::default() };
            course.advance(if iteration < far { &wild } else { &calm });
        }
        course
    }

    #[test]
    fn updates_that_overshoot_are_warned_of_once_and_counted_to_the_end() {
        let mut run = course(3, 20, (0.04, 0.1));
        let warning = run.overshoot.watch(run.iteration).unwrap();
        assert!(warning.contains("in 3 of 20 iterations (15 %)"), "{warning}");
        assert_eq!(run.overshoot.watch(run.iteration), None);
        for _ in 0..5 {
            run.advance(&Improvement { kl: 1.0, clip_fraction: 0.1, ..Improvement::default() });
        }
        assert_eq!(run.overshoot.watch(run.iteration), None);
        assert!(run.overshoot.warning(run.iteration).unwrap().contains("in 8 of 25 iterations (32 %)"));
    }

    #[test]
    fn kl_or_clip_fraction_tells_and_a_few_updates_or_a_short_run_do_not() {
        let warns = |far, of, by| course(far, of, by).overshoot.warning(of).is_some();
        assert!(warns(3, 20, (0.031, 0.01)) && warns(3, 20, (0.0, 0.36)));
        assert!(!warns(2, 20, (9.0, 1.0)), "a tenth");
        assert!(!warns(19, 19, (9.0, 1.0)), "too early to tell");
        assert!(!warns(20, 20, (0.03, 0.35)) && !warns(20, 20, (f64::NAN, f64::NAN)));
        assert!(!warns(20, 20, (9.0, 0.0)), "nothing is clipped: TRPO");
        let mut skipped = Counters::new(0);
        (0..20).for_each(|_| {
            skipped.advance(&Improvement {
                kl: 9.0,
                skipped: Some(Skip::NotFinite),
                ..Improvement::default()
            });
        });
        assert_eq!(skipped.overshoot.warning(skipped.iteration), None, "the policy was left as it was");
    }
}
