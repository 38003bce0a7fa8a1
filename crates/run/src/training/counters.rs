//! Where a run stands: everything that changes while it goes on, learner and adversary excepted.

use std::collections::VecDeque;

use wr2l_rl::{FinishedEpisode, Improvement, Persist, State, StateError};
use wr2l_sim::Outcome;

use crate::training::budget::Budget;
use crate::training::changed_steps::{self, ChangedSteps};
use crate::training::overshoot::Overshoot;
use crate::training::watch::Ending;

/// Episodes over which the shown return is averaged.
const SHOWN_EPISODES: usize = 100;

/// A run's counters, and what it remembers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    /// Iterations done, each a row of `metrics.csv`.
    pub(crate) iteration: u64,
    /// Policy steps done.
    pub(crate) steps: u64,
    /// Steps of the simulator, those of the adversary included.
    pub(crate) simulator_steps: u64,
    /// Episodes that ended in training, diverged ones included.
    pub(crate) episodes: u64,
    /// Those of them that diverged.
    pub(crate) diverged_in_training: u64,
    /// Episodes that diverged, those of the adversary included.
    pub(crate) diverged: u64,
    /// Number of the adversary's next turn, each a row of `adversary.csv`.
    pub(crate) turn: u64,
    /// Policy steps after which it comes.
    pub(crate) next_turn: u64,
    /// Wall time of training so far, in seconds.
    pub(crate) seconds: f64,
    /// Entropy of the policy in the last iteration; NaN before the first.
    pub(crate) entropy: f64,
    /// Whether the watchdog has warned of diverging physics.
    pub(crate) warned: bool,
    /// Updates that went too far.
    pub(crate) overshoot: Overshoot,
    /// When the run's number of steps last changed, if it ever did.
    pub(crate) changed: Option<ChangedSteps>,
    /// What the adversary chose last, in z, of several the worst; zeros where it chose none.
    pub(crate) current: Vec<f64>,
    /// Returns of the last episodes.
    pub(crate) recent: VecDeque<f64>,
    /// Policy steps and mean return of every iteration in which an episode ended.
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Counters {
    /// A run that varies `dim` parameters, before its first iteration.
    pub(crate) fn new(dim: usize) -> Self {
        Self { entropy: f64::NAN, current: vec![0.0; dim], ..Self::default() }
    }

    /// Whether training has come to its end.
    pub(crate) fn ending(&self, budget: &Budget) -> Option<Ending> {
        if self.iteration > 0 && self.steps >= budget.steps {
            Some(Ending::Budget)
        } else if self.entropy < budget.entropy_below {
            Some(Ending::Entropy)
        } else {
            None
        }
    }

    /// How far training has come, in [0, 1]: rates fall with it.
    pub(crate) fn progress(&self, budget: u64) -> f64 {
        changed_steps::progress(self.changed, self.steps, budget)
    }

    /// How far the ball has grown, in [0, 1].
    pub(crate) fn grown(&self, budget: u64) -> f64 {
        changed_steps::grown(self.changed, self.steps, budget)
    }

    /// Takes note that the run has another number of steps from here on than the `before` that it had.
    pub(crate) fn change_steps(&mut self, before: u64) {
        self.changed = Some(ChangedSteps { done: self.steps, progress: self.progress(before).min(1.0) });
    }

    /// Takes in an iteration.
    pub(crate) fn advance(&mut self, done: &Improvement) {
        self.iteration += 1;
        self.steps += done.transitions as u64;
        self.simulator_steps += done.transitions as u64;
        self.episodes += done.finished.len() as u64;
        self.diverged_in_training += u64::from(done.diverged);
        self.diverged += u64::from(done.diverged);
        self.entropy = done.entropy;
        self.overshoot.advance(done);
        for episode in sound(&done.finished) {
            if self.recent.len() == SHOWN_EPISODES {
                self.recent.pop_front();
            }
            self.recent.push_back(episode.ret);
        }
        let ret = mean_over_sound(&done.finished, |episode| episode.ret);
        if ret.is_finite() {
            self.curve.push((self.steps as f64, ret));
        }
    }

    /// Mean return of the last hundred episodes, once there are as many.
    pub(crate) fn return_of_a_hundred(&self) -> Option<f64> {
        (self.recent.len() == SHOWN_EPISODES).then(|| self.recent_return())
    }

    /// Mean return of the last hundred episodes; NaN before the first.
    pub(crate) fn recent_return(&self) -> f64 {
        self.recent.iter().sum::<f64>() / self.recent.len() as f64
    }
}

/// Episodes whose return means something.
fn sound(finished: &[FinishedEpisode]) -> impl Iterator<Item = &FinishedEpisode> {
    finished.iter().filter(|episode| !matches!(episode.outcome, Outcome::Diverged(_)))
}

/// The mean over the episodes that did not diverge; NaN if there are none.
pub(crate) fn mean_over_sound(finished: &[FinishedEpisode], of: fn(&FinishedEpisode) -> f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for episode in sound(finished) {
        sum += of(episode);
        count += 1.0;
    }
    sum / count
}

impl Persist for Counters {
    fn save<'a>(&'a self, state: &mut State<'a>) {
        let counts = [
            self.iteration,
            self.steps,
            self.simulator_steps,
            self.episodes,
            self.diverged_in_training,
            self.diverged,
            self.turn,
            self.next_turn,
            u64::from(self.warned),
        ];
        state.put("counts", counts.to_vec());
        state.put("overshoot", vec![self.overshoot.updates, u64::from(self.overshoot.warned)]);
        // Runs that nobody changed have the checkpoints that they always had.
        if let Some(changed) = self.changed {
            state.put("changed.done", changed.done);
            state.put("changed.progress", changed.progress);
        }
        state.put("seconds", self.seconds);
        state.put("entropy", self.entropy);
        state.put("current", &self.current);
        state.put("recent_returns", self.recent.iter().copied().collect::<Vec<f64>>());
        state.put("curve.steps", self.curve.iter().map(|point| point.0).collect::<Vec<f64>>());
        state.put("curve.returns", self.curve.iter().map(|point| point.1).collect::<Vec<f64>>());
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<(), StateError> {
        let counts = state.counts("counts", 9)?;
        // Earlier versions did not count them.
        let overshoot = match state.holds("overshoot") {
            true => state.counts("overshoot", 2)?,
            false => vec![0, 0],
        };
        let changed = match state.holds("changed.done") {
            true => Some(ChangedSteps {
                done: state.one("changed.done")?,
                progress: state.one("changed.progress")?,
            }),
            false => None,
        };
        if changed.is_some_and(|changed| !(0.0..=1.0).contains(&changed.progress)) {
            return Err(state.unusable("changed.progress", "not in [0, 1]"));
        }
        let current = state.take_finite("current", self.current.len())?;
        let recent = state.take_any::<f64>("recent_returns")?;
        if recent.len() > SHOWN_EPISODES {
            return Err(state.unusable("recent_returns", format!("more than {SHOWN_EPISODES}")));
        }
        let steps = state.take_any::<f64>("curve.steps")?;
        let returns = state.take::<f64>("curve.returns", steps.len())?;
        *self = Self {
            iteration: counts[0],
            steps: counts[1],
            simulator_steps: counts[2],
            episodes: counts[3],
            diverged_in_training: counts[4],
            diverged: counts[5],
            turn: counts[6],
            next_turn: counts[7],
            warned: counts[8] != 0,
            overshoot: Overshoot { updates: overshoot[0], warned: overshoot[1] != 0 },
            changed,
            seconds: state.one("seconds")?,
            entropy: state.one("entropy")?,
            current,
            recent: recent.into(),
            curve: steps.into_iter().zip(returns).collect(),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_reads_back_whole() {
        let mut course = Counters::new(2);
        for i in 0..150 {
            let episode = FinishedEpisode { ret: f64::from(i), length: 3, outcome: Outcome::Terminated };
            course.advance(&Improvement {
                transitions: 7,
                finished: vec![episode],
                ..Improvement::default()
            });
        }
        course.advance(&Improvement { transitions: 7, clip_fraction: 1.0, ..Improvement::default() });
        course.overshoot.warned = true;
        course.change_steps(2_000);
        assert_eq!(course.changed, Some(ChangedSteps { done: 1_057, progress: 1_057.0 / 2_000.0 }));
        assert_eq!(course.overshoot.updates, 1);
        course.current = vec![0.25, -1.0];
        assert_eq!((course.recent.len(), course.curve.len(), course.iteration), (100, 150, 151));
        assert_eq!(course.recent_return(), 99.5);
        let mut state = State::default();
        state.save("course", &course);
        let mut back = Counters::new(2);
        let mut copy = state.clone();
        copy.restore("course", &mut back).unwrap();
        copy.finish().unwrap();
        assert_eq!(back, course);
        let mut earlier = State::default();
        for (name, array) in state.arrays().filter(|(name, _)| *name != "course.overshoot") {
            earlier.put(name, array.clone());
        }
        let mut back = Counters::new(2);
        earlier.restore("course", &mut back).unwrap();
        assert_eq!(back, Counters { overshoot: Overshoot::default(), ..course.clone() });
        assert!(state.restore("course", &mut Counters::new(3)).is_err());
    }
}
