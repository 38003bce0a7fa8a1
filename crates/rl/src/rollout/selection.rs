//! Which episodes of a batch to learn from.

use wr2l_sim::Outcome;

use crate::LaneBatch;

/// The episodes of a batch that a learner learns from: those with the lowest returns (Rajeswaran et al. 2017).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selection {
    /// Share of the episodes to keep, in (0, 1]; 1 keeps all.
    pub fraction: f64,
    /// When the selection begins; before that all are kept.
    pub begin: Begin,
}

/// When a [`Selection`] begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Begin {
    /// With the learner's iteration of this number, counted from 0.
    Iteration(u64),
    /// With the batch that spends this share of the step budget, in [0, 1): within any budget.
    Share(f64),
}

impl Begin {
    fn has_come(self, iteration: u64, used: f64) -> bool {
        match self {
            Self::Iteration(first) => iteration >= first,
            Self::Share(share) => used >= share,
        }
    }
}

impl Default for Selection {
    /// All episodes, always.
    fn default() -> Self {
        Self { fraction: 1.0, begin: Begin::Iteration(0) }
    }
}

impl Selection {
    /// Whether it ever leaves out an episode.
    pub fn chooses(&self) -> bool {
        self.fraction < 1.0
    }

    /// The share of the episodes that is kept in an iteration whose batch brings the use of the step budget to a share of
    /// `used`.
    pub fn in_force(&self, iteration: u64, used: f64) -> f64 {
        if self.begin.has_come(iteration, used) { self.fraction } else { 1.0 }
    }
}

/// Which lanes of a batch, each one whole episode, are kept: the ⌈fraction·n⌉ of lowest return, the first of equals, n being
/// the episodes whose physics did not diverge; all of them if the fraction is 1.
pub(crate) fn kept(fraction: f64, batch: &[LaneBatch]) -> Vec<bool> {
    if fraction >= 1.0 {
        return vec![true; batch.len()];
    }
    let ret = |lane: usize| {
        let episode = batch[lane].finished.first()?;
        (!matches!(episode.outcome, Outcome::Diverged(_))).then_some(episode.ret)
    };
    let mut sound: Vec<(f64, usize)> = (0..batch.len()).filter_map(|lane| Some((ret(lane)?, lane))).collect();
    sound.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = (fraction * sound.len() as f64).ceil() as usize;
    let mut kept = vec![false; batch.len()];
    sound.iter().take(count).for_each(|&(_, lane)| kept[lane] = true);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FinishedEpisode;
    use wr2l_sim::Divergence;

    fn batch(returns: &[f64]) -> Vec<LaneBatch> {
        let lane = |&ret: &f64| LaneBatch {
            finished: vec![FinishedEpisode { ret, length: 1, outcome: Outcome::Terminated }],
            ..LaneBatch::empty()
        };
        returns.iter().map(lane).collect()
    }

    #[test]
    fn it_begins_with_an_iteration_or_a_share_of_the_budget() {
        let chooses =
            |begin, iteration, used| Selection { fraction: 0.5, begin }.in_force(iteration, used) == 0.5;
        assert!(!chooses(Begin::Iteration(3), 2, 0.9) && chooses(Begin::Iteration(3), 3, 0.0));
        assert!(!chooses(Begin::Share(0.25), 99, 0.2499) && chooses(Begin::Share(0.25), 0, 0.25));
    }

    #[test]
    fn the_worst_share_is_kept_rounded_up_and_of_equals_the_first() {
        let batch = batch(&[3.0, -1.0, 2.0, -1.0, 5.0]);
        let kept = |fraction| kept(fraction, &batch);
        assert_eq!(kept(0.1), [false, true, false, false, false]);
        assert_eq!(kept(0.4), [false, true, false, true, false]);
        assert_eq!(kept(0.41), [false, true, true, true, false]);
        assert_eq!(kept(1.0), [true; 5]);
    }

    #[test]
    fn an_episode_whose_physics_diverged_is_never_among_the_worst() {
        let mut batch = batch(&[-100.0, 2.0, 1.0]);
        batch[0].finished[0].outcome = Outcome::Diverged(Divergence::State);
        assert_eq!(kept(0.5, &batch), [false, false, true]);
    }

    #[test]
    fn one_episode_is_kept_whatever_the_share() {
        assert_eq!(kept(1e-9, &batch(&[7.0])), [true]);
        assert!(kept(0.5, &[]).is_empty());
    }
}
