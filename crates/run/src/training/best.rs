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
    /// Radius of the ball in which that was measured; 0 where there is none.
    epsilon: f64,
}

impl Best {
    /// Takes in a turn of the adversary against `actor`.
    pub(crate) fn turn(&mut self, turn: &TurnDone, actor: &Actor) {
        let Some(value) = turn.report.value else { return };
        if !self.by_turns {
            // Returns of episodes were something else.
            *self = Self { by_turns: true, ..Self::default() };
        }
        let epsilon = turn.report.epsilon.unwrap_or(0.0);
        // What did well in a smaller ball has not shown what it does in this one.
        if self.found.as_ref().is_some_and(|found| epsilon > found.epsilon) {
            self.found = None;
        }
        self.offer(Found { actor: actor.clone(), steps: turn.steps, value, epsilon });
    }

    /// Takes in the mean return of training episodes, the last of which `actor` has played, after so many steps of training.
    pub(crate) fn episodes(&mut self, mean_return: f64, actor: Actor, steps: u64) {
        if !self.by_turns {
            self.offer(Found { actor, steps, value: mean_return, epsilon: 0.0 });
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
            if let Some(found) = &self.found {
                state.save("actor", &found.actor);
                state.put("steps", found.steps);
                state.put("measure", vec![found.value, found.epsilon]);
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
            if !state.holds("steps") {
                return Ok(Self { by_turns, ..Self::default() });
            }
            let mut actor = like.clone();
            state.restore("actor", &mut actor)?;
            let measure = state.take_finite::<f64>("measure", 2)?;
            let steps = state.count("steps")?;
            let found = Found { actor, steps, value: measure[0], epsilon: measure[1] };
            // Its file may be older than the checkpoint.
            Ok(Self { by_turns, found: Some(found), fresh: true })
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
            best.episodes(value, actor(at as f32), at);
        }
        let found = best.take_fresh().unwrap();
        assert_eq!((found.steps, found.actor.params()[0]), (4, 4.0));
        assert!(best.take_fresh().is_none(), "nothing new");
    }

    #[test]
    fn where_turns_measure_the_worst_case_the_returns_of_episodes_do_not_count() {
        let mut best = Best::default();
        best.episodes(1e6, actor(0.0), 5);
        best.turn(&turn(10, Some(3.0), 0.1), &actor(1.0));
        assert_eq!(steps(&best), Some(10), "another measure");
        best.episodes(1e6, actor(2.0), 15);
        best.turn(&turn(20, Some(2.0), 0.1), &actor(3.0));
        best.turn(&turn(25, Some(f64::NAN), 0.1), &actor(3.0));
        assert_eq!(steps(&best), Some(10));
        best.turn(&turn(30, Some(1.0), 0.2), &actor(4.0));
        assert_eq!(steps(&best), Some(30), "the ball has grown: what was before has not been tried in it");
    }

    #[test]
    fn what_is_written_down_comes_back_and_goes_on_alike() {
        for by_turns in [false, true] {
            let mut best = Best::default();
            if by_turns {
                best.turn(&turn(10, Some(3.0), 0.5), &actor(1.5));
            } else {
                best.episodes(3.0, actor(1.5), 10);
            }
            let mut state = State::default();
            best.save(&mut state);
            let mut state = state.into_owned();
            let mut back = Best::restore(&mut state, &actor(0.0)).unwrap();
            state.finish().unwrap();
            let found = back.take_fresh().unwrap();
            assert_eq!((found.steps, found.actor.params()[0]), (10, 1.5));
            back.episodes(4.0, actor(2.5), 20);
            assert_eq!(steps(&back), Some(if by_turns { 10 } else { 20 }));
            back.turn(&turn(30, Some(2.0), 0.4), &actor(3.5));
            assert_eq!(steps(&back), Some(if by_turns { 10 } else { 30 }));
        }
        let earlier = Best::restore(&mut State::default(), &actor(0.0)).unwrap();
        assert!(earlier.found.is_none(), "a checkpoint of an earlier version");
    }
}
