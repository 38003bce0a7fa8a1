//! Results of one policy over many systems.

use crate::axis::Axis;
use crate::statistics::{Spread, Statistics, StatisticsError};

/// What was evaluated, and how: all that a reader of the numbers needs to repeat them.
#[derive(Clone, Debug, PartialEq)]
pub struct Provenance {
    /// Name of the task.
    pub task: String,
    /// Name of the physics that simulated it.
    pub physics: String,
    /// How the policy was trained: policies of one method are its seeds, and figures average over them.
    pub method: String,
    /// Which policy of the method, e.g. the name of its run folder.
    pub policy: String,
    /// How the policy came about.
    pub training: Training,
    /// Seed of the evaluation's initial states and action noise.
    pub seed: u64,
    /// Whether actions were sampled (`true`) or the policy's mean was taken (`false`).
    pub stochastic: bool,
    /// How the systems were chosen, see [`Systems::label`](crate::Systems::label).
    pub systems: String,
}

impl Provenance {
    /// Whether the systems are what a search for the worst found, each policy's own.
    pub fn searched(&self) -> bool {
        self.systems.starts_with("worst in ")
    }
}

/// How a policy came about; what is not known of it is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Training {
    /// Name of the algorithm.
    pub algorithm: String,
    /// Seed of the training run.
    pub seed: Option<u64>,
    /// Radius ε of the ball it was trained in, if it was trained in one.
    pub epsilon: Option<f64>,
    /// Policy steps it was trained for.
    pub policy_steps: Option<u64>,
    /// Simulator steps that the training took, those of the adversary included.
    pub simulator_steps: Option<u64>,
}

/// How one episode ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Episode {
    /// Undiscounted return.
    pub ret: f64,
    /// Number of steps.
    pub length: u32,
    /// How far the robot came forward, in m.
    pub forward: f64,
    /// Whether it stood still ([`stands_still`](crate::stands_still)); `None` for a task in which that is no failure.
    pub still: Option<bool>,
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
    /// Mean forward displacement, in m.
    pub forward: f64,
    /// Number of episodes that stood still; `None` for a task in which that is no failure.
    pub still: Option<u32>,
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
            forward: sound.iter().map(|e| e.forward).sum::<f64>() / sound.len() as f64,
            still: sound.iter().map(|e| e.still.map(u32::from)).sum(),
            episodes: episodes.len() as u32,
            diverged: (episodes.len() - sound.len()) as u32,
        }
    }

    /// Whether at least one episode gave a return.
    pub fn has_value(&self) -> bool {
        self.mean.is_finite()
    }

    /// Share of the episodes that stood still, of those that did not diverge; `None` without one, or for a task in
    /// which standing still is no failure.
    pub fn still_share(&self) -> Option<f64> {
        let sound = self.episodes - self.diverged;
        self.still.filter(|_| sound > 0).map(|still| f64::from(still) / f64::from(sound))
    }

    /// The row's results as plain numbers, from which [`Row::from_numbers`] makes it again.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        let still = self.still.map_or(f64::NAN, f64::from);
        let (episodes, diverged) = (f64::from(self.episodes), f64::from(self.diverged));
        let Self { mean, sd, standard_error, min, max, length, forward, .. } = *self;
        vec![mean, sd, standard_error, min, max, length, forward, still, episodes, diverged]
    }

    /// The row of the system `phi` from [`Row::numbers`]; `None` if they are not such.
    pub(crate) fn from_numbers(phi: Vec<f64>, numbers: &[f64]) -> Option<Self> {
        let &[mean, sd, standard_error, min, max, length, forward, still, episodes, diverged] = numbers
        else {
            return None;
        };
        let count =
            |v: f64| (v.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&v)).then_some(v as u32);
        let still = if still.is_nan() { None } else { Some(count(still)?) };
        let (episodes, diverged) = (count(episodes)?, count(diverged)?);
        Some(Self { phi, mean, sd, standard_error, min, max, length, forward, still, episodes, diverged })
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
    /// The systems that statistics are over: all of them; of what a search for the worst found the first alone. It was
    /// chosen on other episodes, so that its return is not too low by selection, as the lowest of all would be.
    fn counted(&self) -> &[Row] {
        let count = if self.provenance.searched() { self.rows.len().min(1) } else { self.rows.len() };
        &self.rows[..count]
    }

    /// Statistics of the mean returns over all systems that have one; of what a search for the worst found they are all
    /// the return of system 0, the worst found.
    ///
    /// # Errors
    /// [`StatisticsError::Empty`] if no system has a value.
    pub fn statistics(&self) -> Result<Statistics, StatisticsError> {
        let means: Vec<f64> =
            self.counted().iter().filter(|row| row.has_value()).map(|row| row.mean).collect();
        Statistics::of(&means)
    }

    /// The system with the smallest mean return, the first of equals; of what a search for the worst found system 0.
    /// `None` if there is none with a value.
    pub fn worst(&self) -> Option<&Row> {
        self.counted().iter().filter(|row| row.has_value()).min_by(|a, b| a.mean.total_cmp(&b.mean))
    }

    /// Number of systems without a value, because every episode diverged.
    pub fn systems_without_value(&self) -> usize {
        self.rows.iter().filter(|row| !row.has_value()).count()
    }

    /// Whether the policy stands still: whether at least half of its episodes on the nominal system do. `None` if that
    /// is not known, or no failure in the task.
    pub fn stands_still(&self) -> Option<bool> {
        self.nominal.as_ref()?.still_share().map(|share| share >= 0.5)
    }

    /// Share of all episodes over the systems that stood still, diverged ones left out; `None` if there are none, or
    /// standing still is no failure in the task.
    pub fn still_share(&self) -> Option<f64> {
        let sound: u64 = self.rows.iter().map(|row| u64::from(row.episodes - row.diverged)).sum();
        let still: Option<u64> = self.rows.iter().map(|row| row.still.map(u64::from)).sum();
        still.filter(|_| sound > 0).map(|still| still as f64 / sound as f64)
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
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn provenance(method: &str, policy: &str) -> Provenance {
        Provenance {
            task: "hopper".into(),
            physics: "mujoco".into(),
            method: method.into(),
            policy: policy.into(),
            training: Training {
                algorithm: method.into(),
                seed: Some(5),
                epsilon: Some(0.1 + 0.2),
                policy_steps: Some(1_000_000),
                simulator_steps: None,
            },
            seed: 7,
            stochastic: false,
            systems: "grid".into(),
        }
    }

    pub(crate) fn episodes(returns: &[f64]) -> Vec<Episode> {
        let episode = |&ret: &f64| Episode {
            ret,
            length: ret.abs() as u32,
            forward: ret / 100.0,
            still: Some(ret < 1.0),
            diverged: false,
        };
        returns.iter().map(episode).collect()
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
        let diverged = Episode { ret: 3.0, length: 9, forward: 1.0, still: Some(true), diverged: true };
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

    proptest! {
        /// The lowest of several noisy returns is lower than any of them truly is.
        #[test]
        fn the_worst_found_is_system_0_whatever_else_the_search_found(
            returns in prop::collection::vec(-1e4..1e4_f64, 1..9),
        ) {
            let rows: Vec<Row> = returns.iter().map(|&ret| Row::new(vec![ret], &episodes(&[ret]))).collect();
            let mut found = Table { parameters: vec!["a".into()], rows, nominal: None, ..table("wr2l", "a") };
            let lowest = returns.iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert_eq!(found.statistics().unwrap().worst, lowest, "a grid's worst is its lowest");
            found.provenance.systems = "worst in box 0.5".into();
            let s = found.statistics().unwrap();
            prop_assert_eq!((s.count, found.worst().unwrap().phi[0]), (1, returns[0]));
            for value in [s.mean, s.median, s.iqm, s.cvar10, s.worst] {
                prop_assert_eq!(value, returns[0]);
            }
        }
    }

    #[test]
    fn a_worst_system_whose_episodes_all_diverged_has_no_return_and_no_other_takes_its_place() {
        let mut found = table("wr2l", "a");
        found.rows.rotate_right(1);
        found.provenance.systems = "worst in ball".into();
        assert_eq!(found.statistics(), Err(StatisticsError::Empty));
        assert!(found.worst().is_none());
    }

    #[test]
    fn standing_still_is_counted_over_sound_episodes_only() {
        let table = table("wr2l", "a");
        // Of the five systems with a value, the first row's first episode alone returned less than 1.
        assert_eq!(table.rows.iter().map(|row| row.still.unwrap()).collect::<Vec<_>>(), [1, 1, 1, 0, 0, 0]);
        assert!((table.still_share().unwrap() - 3.0 / 15.0).abs() < 1e-12);
        assert_eq!((table.stands_still(), table.rows[5].still_share()), (Some(false), None));
        let mut balance = table.clone();
        balance.rows[2].still = None;
        balance.nominal.as_mut().unwrap().still = None;
        assert_eq!((balance.still_share(), balance.stands_still()), (None, None));
        let diverged = Table { rows: table.rows[5..].to_vec(), ..table };
        assert_eq!(diverged.still_share(), None, "no sound episode");
    }

    #[test]
    fn rows_survive_as_plain_numbers_and_nonsense_does_not() {
        for row in &table("wr2l", "a").rows {
            let again = Row::from_numbers(row.phi.clone(), &row.numbers()).unwrap();
            assert_eq!(format!("{row:?}"), format!("{again:?}"));
            assert!(Row::from_numbers(row.phi.clone(), &row.numbers()[1..]).is_none());
        }
        let mut numbers = table("wr2l", "a").rows[0].numbers();
        numbers[9] = -1.0;
        assert!(Row::from_numbers(vec![1.0], &numbers).is_none());
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
        // Two values in turn, but one of them once more than the other.
        let again = |phi: f64| Row::new(vec![phi], &episodes(&[1.0]));
        let uneven = vec![again(1.0), again(2.0), again(1.0)];
        assert!(Table { parameters: vec!["a".into()], rows: uneven, ..table.clone() }.axes().is_none());
        assert!(Table { rows: vec![], ..table }.axes().is_none());
    }
}
