//! Results of one policy over many systems.

use crate::axis::Axis;
use crate::statistics::{Spread, Statistics, StatisticsError};

/// What was evaluated, and how: all that a reader of the numbers needs to repeat them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Name of the task.
    pub task: String,
    /// Name of the physics that simulated it.
    pub physics: String,
    /// How the policy was trained: policies of one method are its seeds, and figures average over them.
    pub method: String,
    /// Which policy of the method, e.g. the name of its run folder.
    pub policy: String,
    /// Seed of the evaluation's initial states and action noise.
    pub seed: u64,
    /// Whether actions were sampled (`true`) or the policy's mean was taken (`false`).
    pub stochastic: bool,
}

/// How one episode ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// Undiscounted return.
    pub ret: f64,
    /// Number of steps.
    pub length: u32,
    /// Whether the physics broke down, so that `ret` means nothing.
    pub diverged: bool,
}

/// Results of one policy on one system.
///
/// Diverged episodes are counted and left out of every other number. What has no value (all of them if every episode
/// diverged, the deviations if only one did not) is NaN here and an empty cell in CSV.
#[derive(Clone, Debug)]
pub struct Row {
    /// Physical values of the swept parameters, in the order of [`Table::parameters`].
    pub phi: Vec<f64>,
    /// Mean undiscounted return over the episodes.
    pub mean: f64,
    /// Sample standard deviation of the return over the episodes.
    pub sd: f64,
    /// Standard error of `mean`.
    pub standard_error: f64,
    /// Smallest return of an episode.
    pub min: f64,
    /// Largest return of an episode.
    pub max: f64,
    /// Mean number of steps of an episode.
    pub length: f64,
    /// Number of episodes run, diverged ones included.
    pub episodes: u32,
    /// Number of episodes whose physics broke down.
    pub diverged: u32,
}

impl Row {
    /// The row of a system from its episodes; a return that is not finite counts as diverged.
    pub fn new(phi: Vec<f64>, episodes: &[Episode]) -> Self {
        let sound: Vec<Episode> =
            episodes.iter().copied().filter(|e| !e.diverged && e.ret.is_finite()).collect();
        let returns: Vec<f64> = sound.iter().map(|e| e.ret).collect();
        let spread = Spread::of(&returns).unwrap_or(Spread::NO_VALUE);
        Self {
            phi,
            mean: spread.mean,
            sd: spread.sd,
            standard_error: spread.standard_error,
            min: spread.min,
            max: spread.max,
            // 0/0 is NaN, as documented.
            length: sound.iter().map(|e| f64::from(e.length)).sum::<f64>() / sound.len() as f64,
            episodes: episodes.len() as u32,
            diverged: (episodes.len() - sound.len()) as u32,
        }
    }

    /// Whether at least one episode gave a return.
    pub fn has_value(&self) -> bool {
        self.mean.is_finite()
    }
}

/// Results of one policy: one row a system, and the nominal system beside them.
#[derive(Clone, Debug)]
pub struct Table {
    /// What was evaluated, and how.
    pub provenance: Provenance,
    /// Names of the swept parameters, at least one.
    pub parameters: Vec<String>,
    /// Results under the nominal values of the swept parameters, not part of any statistic.
    pub nominal: Option<Row>,
    /// Results of the systems, in the order in which they were asked for (a grid's last axis varies fastest).
    pub rows: Vec<Row>,
}

impl Table {
    /// Statistics of the mean returns over all systems that have one.
    ///
    /// # Errors
    /// [`StatisticsError::Empty`] if no system has a value.
    pub fn statistics(&self) -> Result<Statistics, StatisticsError> {
        let means: Vec<f64> = self.rows.iter().filter(|row| row.has_value()).map(|row| row.mean).collect();
        Statistics::of(&means)
    }

    /// The system with the smallest mean return, the first of equals; `None` if no system has a value.
    pub fn worst(&self) -> Option<&Row> {
        self.rows.iter().filter(|row| row.has_value()).min_by(|a, b| a.mean.total_cmp(&b.mean))
    }

    /// Number of systems without a value, because every episode diverged.
    pub fn systems_without_value(&self) -> usize {
        self.rows.iter().filter(|row| !row.has_value()).count()
    }

    /// Number of diverged episodes over all systems, the nominal one not counted.
    pub fn diverged(&self) -> u64 {
        self.rows.iter().map(|row| u64::from(row.diverged)).sum()
    }

    /// The axes whose full grid the rows are (last axis fastest), `None` if they are no grid.
    pub fn axes(&self) -> Option<Vec<Axis>> {
        let mut axes = Vec::with_capacity(self.parameters.len());
        for (i, name) in self.parameters.iter().enumerate() {
            let mut values: Vec<f64> = self.rows.iter().map(|row| row.phi[i]).collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            axes.push(Axis::new(name, values).ok()?);
        }
        let mut block = self.rows.len();
        for (i, axis) in axes.iter().enumerate() {
            // Within a block the earlier coordinates are constant; this one splits it into equal runs.
            let n = axis.values().len();
            if block == 0 || !block.is_multiple_of(n) {
                return None;
            }
            block /= n;
            let ordered =
                self.rows.iter().enumerate().all(|(r, row)| row.phi[i] == axis.values()[r / block % n]);
            if !ordered {
                return None;
            }
        }
        (block == 1).then_some(axes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn provenance(method: &str, policy: &str) -> Provenance {
        Provenance {
            task: "hopper".into(),
            physics: "mujoco".into(),
            method: method.into(),
            policy: policy.into(),
            seed: 7,
            stochastic: false,
        }
    }

    pub(crate) fn episodes(returns: &[f64]) -> Vec<Episode> {
        returns.iter().map(|&ret| Episode { ret, length: ret.abs() as u32, diverged: false }).collect()
    }

    /// A table over `a` × `b`, 2 × 3 systems, whose last system diverged altogether.
    pub(crate) fn table(method: &str, policy: &str) -> Table {
        let mut rows = Vec::new();
        for (i, a) in [500.0, 0.1 + 0.2].into_iter().rev().enumerate() {
            for (j, b) in [1.0, 2.0, 1e-9 + 3.0].into_iter().enumerate() {
                let base = (10 * i + j) as f64 / 3.0;
                rows.push(Row::new(vec![a, b], &episodes(&[base, base + 1.0, base + 5.0])));
            }
        }
        let diverged = Episode { ret: 3.0, length: 9, diverged: true };
        let phi = rows[5].phi.clone();
        rows[5] = Row::new(phi, &[diverged; 3]);
        Table {
            provenance: provenance(method, policy),
            parameters: vec!["a".into(), "b".into()],
            nominal: Some(Row::new(vec![1.0, 2.0], &episodes(&[100.0, 200.0]))),
            rows,
        }
    }

    #[test]
    fn a_row_condenses_its_episodes() {
        let row = Row::new(vec![1.0], &episodes(&[10.0, 20.0, 60.0]));
        assert_eq!((row.mean, row.min, row.max, row.length), (30.0, 10.0, 60.0, 30.0));
        assert!((row.sd - 700.0_f64.sqrt()).abs() < 1e-12);
        assert!((row.standard_error - (700.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!((row.episodes, row.diverged), (3, 0));
    }

    #[test]
    fn diverged_episodes_are_counted_and_left_out() {
        let mut list = episodes(&[10.0, 20.0, 1e9, f64::NAN]);
        list[2].diverged = true;
        let row = Row::new(vec![1.0], &list);
        assert_eq!((row.mean, row.max, row.length), (15.0, 20.0, 15.0));
        assert_eq!((row.episodes, row.diverged), (4, 2));
        let row = Row::new(vec![1.0], &list[2..]);
        assert!(!row.has_value() && row.length.is_nan() && row.max.is_nan());
        assert!(!Row::new(vec![1.0], &[]).has_value());
        assert!(Row::new(vec![1.0], &list[..1]).sd.is_nan(), "one episode has no spread");
    }

    #[test]
    fn statistics_leave_out_systems_without_a_value_and_count_them() {
        let table = table("wr2l", "a");
        let statistics = table.statistics().unwrap();
        assert_eq!((statistics.count, table.systems_without_value(), table.diverged()), (5, 1, 3));
        assert_eq!(table.worst().unwrap().phi, table.rows[0].phi);
        let empty = Table { rows: table.rows[5..].to_vec(), ..table };
        assert_eq!(empty.statistics(), Err(StatisticsError::Empty));
        assert!(empty.worst().is_none());
    }

    #[test]
    fn a_grid_is_recognised_and_nothing_else() {
        let table = table("wr2l", "a");
        let axes = table.axes().unwrap();
        assert_eq!((axes[0].values().len(), axes[1].values().len()), (2, 3));
        let mut missing = table.clone();
        missing.rows.pop();
        assert!(missing.axes().is_none());
        let mut swapped = table.clone();
        swapped.rows.swap(0, 1);
        assert!(swapped.axes().is_none());
        assert!(Table { rows: vec![], ..table }.axes().is_none());
    }
}
