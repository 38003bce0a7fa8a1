//! The policy that did best in training so far, by what training measures anyway.
//!
//! An adversary that searches for bad dynamics measures, in every turn, the return of the policy of that moment at the worst that
//! it found: then policies are judged by that. Returns of the training episodes would not do, because they are highest where
//! the adversary happened to choose something harmless. Without such an adversary policies are judged by the mean return of
//! the last hundred training episodes. Either is the largest of many noisy numbers, and so flatters.

use wr2l_rl::{Actor, State, StateError};

use crate::training::watch::TurnDone;

/// The best policy so far.
#[derive(Debug, Default)]
pub(crate) struct Best {
    /// Whether the adversary's turns tell.
    by_turns: bool,
    /// Radius of the ball as it was last told; 0 where there is none.
    epsilon: f64,
    found: Option<Found>,
    /// Whether it has changed since it was last written.
    fresh: bool,
}

/// A policy and how it did.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) actor: Actor,
    /// Policy steps that it was trained for.
    pub(crate) steps: u64,
    /// What it is judged by.
    value: f64,
}

impl Best {
    /// Takes in a turn of the adversary against `actor`.
    pub(crate) fn turn(&mut self, turn: &TurnDone, actor: &Actor) {
        let epsilon = turn.report.epsilon.unwrap_or(0.0);
        // What did well in a smaller ball has not shown what it does in this one.
        if epsilon > self.epsilon {
            self.found = None;
        }
        self.epsilon = epsilon;
        let Some(value) = turn.report.value else { return };
        if !self.by_turns {
            // Returns of episodes were something else.
            *self = Self { by_turns: true, epsilon, ..Self::default() };
        }
        self.offer(Found { actor: actor.clone(), steps: turn.steps, value });
    }

    /// Takes in the mean return of the last training episodes after `actor` has played, which was trained for so many steps;
    /// unless none of its episodes has ended, so that the mean says nothing of it.
    pub(crate) fn episodes(&mut self, mean_return: f64, ended: bool, actor: Actor, steps: u64) {
        if ended && !self.by_turns {
            self.offer(Found { actor, steps, value: mean_return });
        }
    }

    fn offer(&mut self, one: Found) {
        let better = self.found.as_ref().is_none_or(|best| one.value >= best.value);
        if one.value.is_finite() && better {
            self.found = Some(one);
            self.fresh = true;
        }
    }

    /// The best policy, if it is another than when this was last asked.
    pub(crate) fn take_fresh(&mut self) -> Option<&Found> {
        std::mem::take(&mut self.fresh).then_some(self.found.as_ref()?)
    }

    /// Writes it down.
    pub(crate) fn save<'a>(&'a self, state: &mut State<'a>) {
        state.within("best", |state| {
            state.put("by_turns", u64::from(self.by_turns));
            state.put("epsilon", vec![self.epsilon]);
            if let Some(found) = &self.found {
                state.save("actor", &found.actor);
                state.put("steps", found.steps);
                state.put("value", vec![found.value]);
            }
        });
    }

    /// Takes back what [`Best::save`] wrote of policies of the layout of `like`. Earlier versions wrote nothing.
    pub(crate) fn restore(state: &mut State<'_>, like: &Actor) -> Result<Self, StateError> {
        state.within("best", |state| {
            if !state.holds("by_turns") {
                return Ok(Self::default());
            }
            let by_turns = state.one::<u64>("by_turns")? != 0;
            let epsilon = state.take_finite::<f64>("epsilon", 1)?[0];
            if !state.holds("steps") {
                return Ok(Self { by_turns, epsilon, ..Self::default() });
            }
            let mut actor = like.clone();
            state.restore("actor", &mut actor)?;
            let value = state.take_finite::<f64>("value", 1)?[0];
            let found = Found { actor, steps: state.count("steps")?, value };
            // Its file may be older than the checkpoint.
            Ok(Self { by_turns, epsilon, found: Some(found), fresh: true })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wr2l_nn::{Normaliser, Policy};
    use wr2l_robust::adversary::Report;
    use wr2l_sim::ActionSpace;

    fn actor(weight: f32) -> Actor {
        let policy = Policy::categorical(2, &[1], 2).unwrap();
        let params = vec![weight; policy.parameters()];
        Actor::new(policy, params, Normaliser::identity(2), ActionSpace::Discrete { n: 2 }).unwrap()
    }

    fn turn(steps: u64, value: Option<f64>, epsilon: f64) -> TurnDone {
        let report = Report { value, epsilon: Some(epsilon), ..Report::default() };
        TurnDone { turn: 0, steps, phi: None, report, simulator_steps: 0, seconds: 0.0 }
    }

    fn steps(best: &Best) -> Option<u64> {
        best.found.as_ref().map(|found| found.steps)
    }

    #[test]
    fn without_turns_that_measure_the_highest_finite_return_wins_and_of_equals_the_last() {
        let mut best = Best::default();
        assert!(best.take_fresh().is_none());
        for (at, value) in [(1, 3.0), (2, 7.0), (3, f64::NAN), (4, 7.0), (5, f64::INFINITY), (6, 6.0)] {
            best.turn(&turn(at, None, 0.1), &actor(9.0));
            best.episodes(value, true, actor(at as f32), at);
        }
        let found = best.take_fresh().unwrap();
        assert_eq!((found.steps, found.actor.params()[0]), (4, 4.0));
        best.episodes(8.0, false, actor(7.0), 7);
        assert_eq!(steps(&best), Some(4), "no episode of its own has ended");
        assert!(best.take_fresh().is_none(), "nothing new");
    }

    #[test]
    fn where_turns_measure_the_worst_case_the_returns_of_episodes_do_not_count() {
        let mut best = Best::default();
        best.episodes(1e6, true, actor(0.0), 5);
        best.turn(&turn(10, Some(3.0), 0.1), &actor(1.0));
        assert_eq!(steps(&best), Some(10), "another measure");
        best.episodes(1e6, true, actor(2.0), 15);
        best.turn(&turn(20, Some(2.0), 0.1), &actor(3.0));
        best.turn(&turn(25, Some(f64::NAN), 0.1), &actor(3.0));
        assert_eq!(steps(&best), Some(10));
        best.turn(&turn(30, Some(1.0), 0.2), &actor(4.0));
        assert_eq!(steps(&best), Some(30), "the ball has grown: what was before has not been tried in it");
    }

    #[test]
    fn in_a_larger_ball_the_comparison_begins_anew_whoever_plays() {
        let mut best = Best::default();
        best.turn(&turn(0, None, 0.1), &actor(0.0));
        best.episodes(9.0, true, actor(1.0), 10);
        best.turn(&turn(20, None, 0.1), &actor(0.0));
        best.episodes(8.0, true, actor(2.0), 20);
        assert_eq!(steps(&best), Some(10), "the same ball");
        best.turn(&turn(30, None, 0.2), &actor(0.0));
        best.episodes(5.0, true, actor(3.0), 30);
        assert_eq!(steps(&best), Some(30));
    }

    #[test]
    fn what_is_written_down_comes_back_and_goes_on_alike() {
        for by_turns in [false, true] {
            let mut best = Best::default();
            if by_turns {
                best.turn(&turn(10, Some(3.0), 0.5), &actor(1.5));
            } else {
                best.episodes(3.0, true, actor(1.5), 10);
            }
            let mut state = State::default();
            best.save(&mut state);
            let mut state = state.into_owned();
            let mut back = Best::restore(&mut state, &actor(0.0)).unwrap();
            state.finish().unwrap();
            let found = back.take_fresh().unwrap();
            assert_eq!((found.steps, found.actor.params()[0]), (10, 1.5));
            back.episodes(4.0, true, actor(2.5), 20);
            assert_eq!(steps(&back), Some(if by_turns { 10 } else { 20 }));
            back.turn(&turn(30, Some(2.0), 0.4), &actor(3.5));
            assert_eq!(steps(&back), Some(if by_turns { 10 } else { 30 }));
        }
        let earlier = Best::restore(&mut State::default(), &actor(0.0)).unwrap();
        assert!(earlier.found.is_none(), "a checkpoint of an earlier version");
    }
}
