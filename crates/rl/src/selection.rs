//! Which episodes of a batch to learn from.

use wr2l_sim::Outcome;

use crate::LaneBatch;

/// The episodes of a batch that a learner learns from: those with the lowest returns (Rajeswaran et al. 2017).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selection {
    /// Share of the episodes to keep, in (0, 1]; 1 keeps all.
    pub fraction: f64,
    /// Iterations of the learner during which all are kept.
    pub after: u64,
}

impl Default for Selection {
    /// All episodes, always.
    fn default() -> Self {
        Self { fraction: 1.0, after: 0 }
    }
}

impl Selection {
    /// Whether it ever leaves out an episode.
    pub fn chooses(&self) -> bool {
        self.fraction < 1.0
    }

    /// Which lanes of a batch, each one whole episode, are kept in an iteration: the ⌈fraction·n⌉ of lowest return, the
    /// first of equals, n being the episodes whose physics did not diverge.
    pub(crate) fn kept(&self, batch: &[LaneBatch], iteration: u64) -> Vec<bool> {
        if !self.chooses() || iteration < self.after {
            return vec![true; batch.len()];
        }
        let ret = |lane: usize| {
            let episode = batch[lane].finished.first()?;
            (!matches!(episode.outcome, Outcome::Diverged(_))).then_some(episode.ret)
        };
        let mut sound: Vec<(f64, usize)> =
            (0..batch.len()).filter_map(|lane| Some((ret(lane)?, lane))).collect();
        sound.sort_by(|a, b| a.0.total_cmp(&b.0));
        let count = (self.fraction * sound.len() as f64).ceil() as usize;
        let mut kept = vec![false; batch.len()];
        sound.iter().take(count).for_each(|&(_, lane)| kept[lane] = true);
        kept
    }
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
    fn the_worst_share_is_kept_rounded_up_and_of_equals_the_first() {
        let batch = batch(&[3.0, -1.0, 2.0, -1.0, 5.0]);
        let kept = |fraction| Selection { fraction, after: 0 }.kept(&batch, 0);
        assert_eq!(kept(0.1), [false, true, false, false, false]);
        assert_eq!(kept(0.4), [false, true, false, true, false]);
        assert_eq!(kept(0.41), [false, true, true, true, false]);
        assert_eq!(kept(1.0), [true; 5]);
    }

    #[test]
    fn an_episode_whose_physics_diverged_is_never_among_the_worst() {
        let mut batch = batch(&[-100.0, 2.0, 1.0]);
        batch[0].finished[0].outcome = Outcome::Diverged(Divergence::State);
        assert_eq!(Selection { fraction: 0.5, after: 0 }.kept(&batch, 0), [false, false, true]);
    }

    #[test]
    fn one_episode_is_kept_whatever_the_share() {
        assert_eq!(Selection { fraction: 1e-9, after: 0 }.kept(&batch(&[7.0]), 0), [true]);
        assert!(Selection { fraction: 0.5, after: 0 }.kept(&[], 0).is_empty());
    }
}
